//! Tags over memory and the store behind: they settle with their key, come back with it, and are found wherever it is.

use crate::common::START_MS;
use crate::store::{Behind, options, try_open};
use proptest::prelude::*;
use ramekin::Attach;
use ramekin::store::{Content, MemoryStore, Place};
use std::collections::{BTreeMap, BTreeSet};

fn tags_of(store: &MemoryStore, place: &Place, key: &str) -> Vec<String> {
    let tags = store.row(place, key.as_bytes()).map(|row| row.tags).unwrap_or_default();
    let mut tags: Vec<String> = tags.into_iter().map(|tag| String::from_utf8(tag).unwrap()).collect();
    tags.sort_unstable();
    tags
}

/// Three keys with tags in the store, of which none is in memory.
fn with_cold_keys() -> Behind {
    let b = Behind::new();
    b.run("MSET a 1 b 2 c 3");
    b.run("TAG.ADD a x y");
    b.run("TAG.ADD b x");
    b.run("TABLE.PUT t r {}");
    b.run("TAG.ADD t:r x");
    b.flush();
    assert_eq!(b.evict(), 4);
    b
}

#[test]
fn tags_settle_and_are_found_after_eviction() {
    let b = with_cold_keys();
    assert_eq!(tags_of(&b.store, &Place::Keys(0), "a"), ["x", "y"]);
    assert_eq!(tags_of(&b.store, &Place::Table("t".into()), "r"), ["x"]);
    b.expect(
        "
        TAG.KEYS ANY x => [\"a\", \"b\", \"t:r\"]
        TAG.KEYS ALL x y => [\"a\"]
        TAG.KEYS ANY y x LIMIT 1 1 => [\"b\"]
        TAG.KEYS ALL x none => []
        TAG.COUNT ANY x => 3
        TAG.LIST WITHCOUNTS => {\"x\": 3, \"y\": 1}
        TAG.LIST MATCH y* => [\"y\"]
        ",
    );
    assert_eq!(b.evict(), 0, "asking has brought nothing into memory");
}

#[test]
fn tags_come_back_with_their_key_and_settle_again_when_only_they_change() {
    let b = with_cold_keys();
    b.expect(
        "TAG.OF a => [\"x\", \"y\"]\nTAG.ADD a z => 1\nTAG.REM a x => 1\nTAG.KEYS ANY x => [\"b\", \"t:r\"]",
    );
    b.expect("TAG.LIST WITHCOUNTS => {\"x\": 2, \"y\": 1, \"z\": 1}");
    b.flush();
    assert_eq!(tags_of(&b.store, &Place::Keys(0), "a"), ["y", "z"]);
    b.evict();
    b.expect("TAG.SET b => OK\nTAG.ADD none x => ERR no such key");
    b.flush();
    b.evict();
    b.expect("TAG.OF b => []\nTAG.KEYS ANY x => [\"t:r\"]\nGET b => \"2\"");
}

#[test]
fn what_replaces_the_value_of_a_cold_key_keeps_its_tags() {
    let b = with_cold_keys();
    b.expect("SET a 9 => OK\nMSET b 9 c 9 => OK\nTABLE.PUT t r {\"a\":1} => OK\nTAG.KEYS ANY x => [\"a\", \"b\", \"t:r\"]");
    let b = b.crash();
    b.expect("TAG.OF a => [\"x\", \"y\"]\nGET a => \"9\"\nTAG.COUNT ANY x => 3");
    b.flush();
    assert_eq!(tags_of(&b.store, &Place::Keys(0), "a"), ["x", "y"]);
    assert_eq!(tags_of(&b.store, &Place::Table("t".into()), "r"), ["x"]);
}

#[test]
fn what_is_deleted_loses_its_tags_also_if_it_comes_again_before_that_has_settled() {
    let b = with_cold_keys();
    b.expect(
        "DEL a => 1\nTAG.KEYS ANY x => [\"b\", \"t:r\"]\nTAG.LIST WITHCOUNTS => {\"x\": 2}\nSET a 1 => OK",
    );
    b.expect("TAG.KEYS ANY x y => [\"b\", \"t:r\"]");
    let b = b.crash();
    b.expect("TAG.OF a => []");
    b.flush();
    assert_eq!(tags_of(&b.store, &Place::Keys(0), "a"), [""; 0]);
    b.evict();
    b.expect("TAG.OF a => []\nTAG.KEYS ANY y => []");
}

#[test]
fn renaming_a_cold_key_carries_its_tags() {
    let b = with_cold_keys();
    b.expect("RENAME a c => OK\nTAG.KEYS ALL x y => [\"c\"]\nCOPY b a => 1\nTAG.COUNT ANY x => 4");
    let b = b.crash();
    b.expect("TAG.OF c => [\"x\", \"y\"]");
    b.flush();
    b.evict();
    b.expect("TAG.KEYS ANY x => [\"a\", \"b\", \"c\", \"t:r\"]");
    b.expect("DEL c => 1\nRENAME b a => OK\nTAG.LIST WITHCOUNTS => {\"x\": 2}");
}

#[test]
fn a_key_that_has_expired_in_the_store_does_not_get_its_tags_back() {
    let b = Behind::new();
    b.run("SET a 1 PX 50");
    b.run("TAG.ADD a x");
    b.flush();
    b.evict();
    b.clock.advance(51);
    b.expect("TAG.KEYS ANY x => []\nTAG.LIST => []\nTAG.COUNT ANY x => 0\nSET a 2 => OK\nTAG.OF a => []");
    let b = b.crash();
    b.expect("GET a => \"2\"\nTAG.OF a => []\nTAG.LIST => []");
}

#[test]
fn a_transaction_sees_the_tags_of_cold_keys_that_it_names() {
    let b = with_cold_keys();
    let args: [&[&[u8]]; 2] = [&[b"TAG.ADD", b"a", b"z"], &[b"TAG.OF", b"b"]];
    for words in args {
        assert!(b.db.execute(words).is_ok());
    }
    b.flush();
    b.expect("TAG.OF a => [\"x\", \"y\", \"z\"]");
}

#[test]
fn what_others_write_to_a_row_keeps_its_tags() {
    let b = with_cold_keys();
    b.store.write_outside(&Place::Table("t".into()), b"r", Some(Content::Record("{\"a\": 2}".to_owned())));
    b.clock.advance(1000);
    (0..5).for_each(|_| b.db.settle_step());
    b.expect("TABLE.GET t r => \"{\\\"a\\\": 2}\"\nTAG.OF t:r => [\"x\"]\nTAG.COUNT ANY x => 3");
}

#[test]
fn a_folder_with_tags_that_gets_a_store_settles_them() {
    let b = Behind::new();
    b.run("SET a 1");
    b.run("TAG.ADD a x");
    let Behind { db, disk, clock, .. } = b;
    db.close().unwrap();
    drop(db);
    let store = MemoryStore::new();
    let options = options(&store, &|options| options.attach = Some(Attach::Memory));
    let db = try_open(&disk, &clock, &options).unwrap();
    let b = Behind { db, disk, clock, store };
    b.flush();
    assert_eq!(tags_of(&b.store, &Place::Keys(0), "a"), ["x"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn tags_are_what_a_plain_map_says_whatever_settles_leaves_and_crashes(
        steps in prop::collection::vec((0_u8..16, 0_u8..5, 0_u8..5, 0_u8..4), 1..100)
    ) {
        let mut b = Behind::new();
        let (mut model, mut now) = (BTreeMap::<u8, (u64, BTreeSet<u8>)>::new(), START_MS);
        for (what, key, other, tag) in steps {
            model.retain(|_, (at, _)| *at == 0 || now <= *at);
            match what {
                0 | 1 => {
                    b.run(&format!("SET {key} v"));
                    model.entry(key).or_default().0 = 0;
                }
                2 => {
                    b.run(&format!("SET {key} v PX 5"));
                    model.entry(key).or_default().0 = now + 5;
                }
                3..=5 => {
                    b.run(&format!("TAG.ADD {key} {tag}"));
                    model.get_mut(&key).map(|(_, tags)| tags.insert(tag));
                }
                6 => {
                    b.run(&format!("TAG.REM {key} {tag}"));
                    model.get_mut(&key).map(|(_, tags)| tags.remove(&tag));
                }
                7 if key != other => {
                    b.run(&format!("RENAME {key} {other}"));
                    if let Some(moved) = model.remove(&key) {
                        model.insert(other, moved);
                    }
                }
                8 => {
                    b.run(&format!("DEL {key}"));
                    model.remove(&key);
                }
                9 => {
                    b.clock.advance(2);
                    now += 2;
                }
                10 | 11 => b.flush(),
                12 | 13 => {
                    b.flush();
                    b.evict();
                }
                14 => {
                    b.evict();
                    (0..u32::from(tag)).for_each(|_| b.db.settle_step());
                }
                _ => {
                    if tag == 0 {
                        b.db.checkpoint().unwrap();
                    }
                    b = b.crash();
                }
            }
            let living: Vec<_> = model.iter().filter(|(_, (at, _))| *at == 0 || now <= *at).collect();
            let mut counts = Vec::new();
            for tag in 0..4_u8 {
                let keys = living.iter().filter(|(_, (_, tags))| tags.contains(&tag));
                let wanted: Vec<String> = keys.map(|(key, _)| format!("\"{key}\"")).collect();
                prop_assert_eq!(b.run(&format!("TAG.KEYS ANY {tag}")), format!("[{}]", wanted.join(", ")));
                if !wanted.is_empty() {
                    counts.push(format!("\"{tag}\": {}", wanted.len()));
                }
            }
            prop_assert_eq!(b.run("TAG.LIST WITHCOUNTS"), format!("{{{}}}", counts.join(", ")));
        }
    }
}

#[test]
fn a_tag_of_a_key_that_came_from_the_store_is_there_after_a_crash() {
    let b = Behind::new();
    b.run("SET a v");
    b.flush();
    b.evict();
    b.expect("TAG.ADD a x => 1\nTAG.KEYS ANY x => [\"a\"]");
    let b = b.crash();
    b.expect("TAG.OF a => [\"x\"]\nGET a => \"v\"\nTAG.KEYS ANY x => [\"a\"]");
}
