//! The table against a plain map, and SCAN's promise while the table changes.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::ptr::NonNull;

#[repr(transparent)]
struct Owned(NonNull<Vec<u8>>);

impl Owned {
    fn new(key: &[u8]) -> Self {
        Self(NonNull::from(Box::leak(Box::new(key.to_vec()))))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a leaked box and is dropped once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: one pointer wide and never null.
unsafe impl Item for Owned {
    fn key(&self) -> &[u8] {
        // SAFETY: the box lives as long as this owner.
        unsafe { self.0.as_ref() }
    }

    fn address(&self) -> *const u8 {
        self.0.as_ptr().cast()
    }
}

fn table() -> Table<Owned> {
    Table::new(TableHash { stable: StableHash::new(7), seed: 11 })
}

fn hash(key: &[u8]) -> u64 {
    StableHash::new(7).of(key)
}

fn add(table: &mut Table<Owned>, key: &[u8]) -> bool {
    if table.get(hash(key), key).is_some() {
        return false;
    }
    table.insert(hash(key), Owned::new(key));
    true
}

proptest! {
    #[test]
    fn it_holds_what_a_plain_map_holds(steps in prop::collection::vec((any::<bool>(), 0_u16..700), 1..4_000)) {
        let (mut table, mut model) = (table(), BTreeMap::new());
        for (insert, key) in steps {
            let key = key.to_string().into_bytes();
            if insert {
                prop_assert_eq!(add(&mut table, &key), model.insert(key, ()).is_none());
            } else {
                prop_assert_eq!(table.remove(hash(&key), &key).is_some(), model.remove(&key).is_some());
            }
            prop_assert_eq!(table.len(), model.len());
        }
        let mut held: Vec<_> = table.iter().map(|item| item.key().to_vec()).collect();
        held.sort();
        prop_assert_eq!(held, model.into_keys().collect::<Vec<_>>());
    }

    #[test]
    fn a_scan_sees_all_that_stays_while_the_table_grows_and_shrinks(seed: u64, size in 1_usize..600) {
        let mut table = table();
        let stays: Vec<_> = (0..size).map(|n| format!("stays:{n}").into_bytes()).collect();
        stays.iter().for_each(|key| assert!(add(&mut table, key)));
        let (mut seen, mut cursor, mut pick, mut steps) = (HashSet::new(), 0, seed, 0);
        loop {
            cursor = table.scan(cursor, &mut |item: Borrowed<'_, Owned>| { seen.insert(item.key().to_vec()); });
            steps += 1;
            if cursor == 0 || steps > 100_000 {
                break;
            }
            pick = stir(pick, 99);
            for n in 0..pick % 90 {
                let key = format!("goes:{}", (pick >> 8) % 2_000 + n).into_bytes();
                if pick & 128 == 0 { add(&mut table, &key); } else { table.remove(hash(&key), &key); }
            }
        }
        prop_assert_eq!(cursor, 0);
        for key in stays {
            prop_assert!(seen.contains(&key));
        }
    }

    #[test]
    fn a_walk_visits_once_what_stays_while_the_table_grows_and_shrinks(seed: u64, size in 1_usize..600) {
        let mut table = table();
        let stays: Vec<_> = (0..size).map(|n| format!("stays:{n}").into_bytes()).collect();
        stays.iter().for_each(|key| assert!(add(&mut table, key)));
        let (mut seen, mut from, mut pick, mut steps) = (BTreeMap::new(), Some(0), seed, 0);
        while let Some(place) = from {
            let fetched = std::cell::Cell::new(0);
            from = table.walk(place, 1 + steps % 7, |_| fetched.set(fetched.get() + 1), |item: Borrowed<'_, Owned>| {
                *seen.entry(item.key().to_vec()).or_insert(0) += 1;
            });
            steps += 1;
            // Buckets are split, and joined again, wherever the walk is.
            pick = stir(pick, 99);
            for n in 0..pick % 1_500 {
                let key = format!("goes:{n}").into_bytes();
                if pick & (1 << 40) == 0 { add(&mut table, &key); } else { table.remove(hash(&key), &key); }
            }
            prop_assert!(steps < 100_000);
        }
        for key in stays {
            prop_assert_eq!(seen.get(&key), Some(&1));
        }
    }
}

#[test]
fn memory_is_given_back_when_items_go() {
    let mut table = table();
    for n in 0..100_000_u32 {
        assert!(add(&mut table, &n.to_le_bytes()));
    }
    let full = table.heap_bytes();
    for n in 0..100_000_u32 {
        assert!(table.remove(hash(&n.to_le_bytes()), &n.to_le_bytes()).is_some());
    }
    assert!(table.heap_bytes() < full / 100, "{} of {full}", table.heap_bytes());
    assert_eq!(table.spill_bytes, 0);
}

#[test]
fn an_item_costs_less_than_twelve_bytes_at_any_size() {
    let mut table = table();
    let (mut worst, mut spilled) = (0, 0);
    for n in 1..=200_000_u32 {
        add(&mut table, &n.to_le_bytes());
        if n % 5_000 == 0 && n > 50_000 {
            let used = table.buckets() * size_of::<Bucket>() + table.spill_bytes;
            worst = worst.max(used * 10 / n as usize);
            spilled = spilled.max(
                (0..table.buckets()).filter(|&index| table.at(index).has_spilled()).count() * 100
                    / table.buckets(),
            );
        }
    }
    assert!(worst < 120, "{worst} tenths of a byte");
    assert!(spilled < 20, "{spilled}% of the buckets have spilled");
}

#[test]
fn an_item_that_moves_is_found_where_it_is_now() {
    let mut table = table();
    table.reserve(1);
    // Frozen, so that there is one bucket and most have spilled.
    table.freeze(true);
    (0..200_u8).for_each(|n| assert!(add(&mut table, &[n])));
    for n in 0..200 {
        let mut item = table.get_mut(hash(&[n]), &[n]).unwrap();
        let before = item.address();
        *item = Owned::new(&[n]);
        assert_ne!(item.address(), before);
    }
    (0..200)
        .for_each(|n| assert_eq!(table.get(hash(&[n]), &[n]).map(|item| item.key().to_vec()), Some(vec![n])));
    table.freeze(false);
    (0..200).for_each(|n| assert!(table.remove(hash(&[n]), &[n]).is_some()));
    assert_eq!((table.len(), table.spill_bytes), (0, 0));
}

#[test]
fn a_random_item_is_any_item() {
    let mut table = table();
    (0..50_u8).for_each(|n| assert!(add(&mut table, &[n])));
    let drawn: HashSet<_> = (0..5_000).filter_map(|n| table.random(n).map(|item| item.key()[0])).collect();
    assert_eq!(drawn.len(), 50);
}
