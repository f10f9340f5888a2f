//! The hash against a plain map with expiries, small enough that it becomes a table in most runs.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

impl Hash {
    fn check(&self) {
        match &self.body {
            Body::Small(packed) => packed.check(),
            Body::Large(table) => table.check(),
        }
    }
}

type Model = BTreeMap<Vec<u8>, (Vec<u8>, u64)>;

#[derive(Clone, Debug)]
enum Op {
    Insert(Vec<u8>, Vec<u8>, bool),
    Remove(Vec<u8>),
    ExpireAt(Vec<u8>, u64),
    RemoveExpired(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let name = || {
        prop_oneof![
            9 => (0u32..60).prop_map(|n| format!("field:{n}").into_bytes()),
            1 => prop::collection::vec(any::<u8>(), 0..3),
            1 => (125usize..131).prop_map(|len| vec![b'n'; len]),
        ]
    };
    let value = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..12),
        1 => (125usize..300).prop_map(|len| vec![b'v'; len]),
    ];
    prop_oneof![
        8 => (name(), value, any::<bool>()).prop_map(|(name, value, keep)| Op::Insert(name, value, keep)),
        4 => name().prop_map(Op::Remove),
        3 => (name(), 0u64..200).prop_map(|(name, at)| Op::ExpireAt(name, at)),
        1 => (0usize..9).prop_map(Op::RemoveExpired),
    ]
}

fn apply(hash: &mut Hash, model: &mut Model, op: Op, now_ms: u64) {
    match op {
        Op::Insert(name, value, keep) => {
            assert_eq!(hash.insert(&name, &value, keep), !model.contains_key(&name));
            let old = model.get(&name).map_or(0, |old| old.1);
            model.insert(name, (value, if keep { old } else { 0 }));
        }
        Op::Remove(name) => assert_eq!(hash.remove(&name), model.remove(&name).is_some()),
        Op::ExpireAt(name, at) => {
            assert_eq!(hash.expire_at(&name, at), model.contains_key(&name));
            if let Some(field) = model.get_mut(&name) {
                field.1 = at;
            }
        }
        Op::RemoveExpired(max) => {
            let gone = |at: u64| at != 0 && at < now_ms;
            let expired = hash.expired(now_ms, max);
            assert_eq!(expired.len(), model.values().filter(|field| gone(field.1)).count().min(max));
            for name in expired {
                assert!(hash.remove(&name));
                assert!(model.remove(&name).is_some_and(|field| gone(field.1)));
            }
        }
    }
}

fn agree(hash: &Hash, model: &Model, now_ms: u64) {
    hash.check();
    let living: BTreeMap<&[u8], &[u8]> = model
        .iter()
        .filter(|(_, (_, at))| *at == 0 || now_ms <= *at)
        .map(|(name, (value, _))| (name.as_slice(), value.as_slice()))
        .collect();
    assert_eq!(hash.len(now_ms), living.len());
    assert_eq!(hash.is_empty(), model.is_empty());
    assert_eq!(hash.iter(now_ms).count(), living.len());
    assert_eq!(hash.iter(now_ms).collect::<BTreeMap<_, _>>(), living);
    assert_eq!(hash.next_expiry(), model.values().map(|field| field.1).filter(|&at| at != 0).min());
    for (name, (value, at)) in model {
        let alive = living.contains_key(name.as_slice());
        assert_eq!(hash.get(name, now_ms), alive.then_some(value.as_slice()));
        assert_eq!(hash.expiry(name, now_ms), alive.then_some(*at));
        assert_eq!(hash.contains(name, now_ms), alive);
    }
    let picked: BTreeSet<_> = (0..living.len() as u64).filter_map(|pick| hash.random(now_ms, pick)).collect();
    assert_eq!(picked.len(), living.len(), "every living field can be picked");
    assert!(picked.iter().all(|(name, value)| living.get(name) == Some(value)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_hash_does_what_a_map_does(
        entries_max in prop_oneof![Just(0usize), Just(3), Just(20), Just(512)],
        bytes_max in prop_oneof![Just(8usize), Just(64), Just(1000)],
        ops in prop::collection::vec((op(), 0u64..200), 1..200),
    ) {
        let mut hash = Hash::with_limits(Limits { entries_max, bytes_max });
        let mut model = Model::new();
        for (op, now_ms) in ops {
            apply(&mut hash, &mut model, op, now_ms);
            agree(&hash, &model, now_ms);
            prop_assert_eq!(&hash.clone(), &hash);
        }
    }

    #[test]
    fn a_scan_meets_every_field_that_stays_however_the_table_changes(
        stays in 1u32..300,
        changes in prop::collection::vec(1u32..400, 0..60),
    ) {
        let mut hash = Hash::with_limits(Limits { entries_max: 0, bytes_max: 64 });
        for n in 0..stays {
            hash.insert(format!("stays:{n}").as_bytes(), b"", false);
        }
        let mut changes = changes.into_iter();
        let (mut cursor, mut met) = (0, BTreeSet::new());
        loop {
            cursor = hash.scan(cursor, 0, &mut |name, _| {
                met.insert(name.to_vec());
            });
            if cursor == 0 {
                break;
            }
            for n in 0..changes.next().unwrap_or(0) {
                let name = format!("comes and goes:{n}");
                if !hash.remove(name.as_bytes()) {
                    hash.insert(name.as_bytes(), b"", false);
                }
            }
        }
        for n in 0..stays {
            prop_assert!(met.contains(format!("stays:{n}").as_bytes()), "{n} of {stays}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_change_to_one_holder_of_shared_fields_never_shows_in_another(
        entries_max in prop_oneof![3 => Just(0usize), 1 => Just(20)],
        fork in prop::collection::vec((0usize..4, 0usize..4), 60),
        ops in prop::collection::vec((op(), 0usize..4, 0u64..200), 1..240),
    ) {
        let mut held = vec![(Hash::with_limits(Limits { entries_max, bytes_max: 64 }), Model::new()); 4];
        let mut forks = fork.into_iter();
        for (number, (op, at, now_ms)) in ops.into_iter().enumerate() {
            if number % 4 == 0 && let Some((from, to)) = forks.next() {
                held[to] = held[from].clone();
            }
            let (hash, model) = &mut held[at];
            apply(hash, model, op, now_ms);
            for (hash, model) in &held {
                agree(hash, model, now_ms);
            }
        }
    }

    #[test]
    fn a_scan_of_a_holder_sees_its_fields_whatever_becomes_of_the_others(
        count in 1u32..300,
        gone in prop::collection::vec(0u32..300, 0..200),
    ) {
        let mut hash = Hash::with_limits(Limits { entries_max: 0, bytes_max: 64 });
        for n in 0..count {
            hash.insert(&n.to_be_bytes(), b"value", false);
        }
        let (held, mut gone) = (hash.clone(), gone.into_iter());
        let (mut cursor, mut met) = (0, BTreeSet::new());
        loop {
            cursor = held.scan(cursor, 0, &mut |name, value| {
                assert_eq!(value, b"value");
                met.insert(name.to_vec());
            });
            for n in gone.by_ref().take(10) {
                hash.remove(&n.to_be_bytes());
                hash.insert(&(n + 1).to_be_bytes(), b"other", false);
            }
            if cursor == 0 {
                break;
            }
        }
        prop_assert!((0..count).all(|n| met.contains(&n.to_be_bytes()[..])));
        prop_assert_eq!(met.len(), count as usize);
    }
}

fn filled(count: usize) -> Hash {
    let mut hash = Hash::new();
    for n in 0..count {
        hash.insert(format!("field:{n}").as_bytes(), b"value", false);
    }
    hash
}

#[test]
fn a_hash_becomes_a_table_where_valkeys_does_and_stays_one() {
    assert_eq!(filled(512).encoding(), "listpack");
    let mut hash = filled(513);
    assert_eq!(hash.encoding(), "hashtable");
    for n in 1..513 {
        hash.remove(format!("field:{n}").as_bytes());
    }
    assert_eq!((hash.len(0), hash.encoding()), (1, "hashtable"));

    for (name, value, encoding) in [(64, 64, "listpack"), (65, 1, "hashtable"), (1, 65, "hashtable")] {
        let mut hash = Hash::new();
        hash.insert(&vec![b'n'; name], &vec![b'v'; value], false);
        assert_eq!(hash.encoding(), encoding);
    }
    let mut hash = filled(1);
    hash.expire_at(b"field:0", 100);
    hash.persist(b"field:0");
    assert_eq!(hash.encoding(), "hashtable", "an expiry once given is remembered");
}

#[test]
fn a_small_hash_lists_its_fields_in_the_order_of_their_making() {
    let mut hash = filled(5);
    hash.insert(b"field:1", b"a longer value", false);
    hash.remove(b"field:3");
    let names: Vec<_> = hash.iter(0).map(|(name, _)| name).collect();
    assert_eq!(names, [b"field:0", b"field:1", b"field:2", b"field:4"]);
}

#[test]
fn a_field_lives_through_the_millisecond_of_its_expiry() {
    let mut hash = filled(2);
    hash.expire_at(b"field:0", 1000);
    assert!(hash.contains(b"field:0", 1000) && !hash.contains(b"field:0", 1001));
    assert_eq!((hash.len(1000), hash.len(1001)), (2, 1));
    assert_eq!(hash.expired(1000, 9), Vec::<Vec<u8>>::new());
    assert_eq!(hash.expired(1001, 9), [b"field:0"]);
}

#[test]
fn memory_goes_back_when_a_large_hash_is_emptied() {
    let mut hash = filled(50_000);
    let full = hash.heap_bytes();
    assert!(full < 50_000 * 60, "{} bytes a field", full / 50_000);
    for n in 100..50_000 {
        hash.remove(format!("field:{n}").as_bytes());
    }
    hash.check();
    assert!(hash.heap_bytes() < full / 10, "{} of {full}", hash.heap_bytes());
}

#[test]
fn a_small_hash_costs_little_more_than_its_bytes() {
    let hash = filled(3);
    assert!(hash.heap_bytes() <= 64, "{}", hash.heap_bytes());
    assert!(size_of::<Hash>() <= 56, "{}", size_of::<Hash>());
}
