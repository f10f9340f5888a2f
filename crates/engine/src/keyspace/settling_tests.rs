//! What is unsettled is counted exactly, what is due stays bounded, and an old answer is told from a new one.

use super::*;
use crate::db::{Database, Options};
use crate::io::SeededRng;
use crate::io::mem::{ManualClock, MemDisk};
use crate::settle::StoreOptions;
use crate::store::MemoryStore;

fn open() -> (Database, MemoryStore, Arc<ManualClock>) {
    let (store, clock) = (MemoryStore::new(), Arc::<ManualClock>::default());
    clock.advance(1_000_000);
    let mut behind = StoreOptions::new(Arc::new(store.clone()));
    (behind.evict_interval_ms, behind.may_flush, behind.quarantine_bytes_max) = (0, true, 300);
    let options =
        Options { shards: 2, databases: 2, threads: false, store: Some(behind), ..Options::default() };
    let rng = Arc::new(SeededRng::new(3));
    let db = Database::open_on(Arc::<MemDisk>::default(), clock.clone(), rng, &options).unwrap();
    (db, store, clock)
}

fn run(db: &Database, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    db.execute(&words).unwrap();
}

/// Looks at all that is unsettled, and compares it with what was counted on the way.
#[track_caller]
fn recount(db: &Database, what: &str) {
    let keyspace = &db.shards().keyspace;
    for shard in 0..keyspace.shards() {
        let part = keyspace.lock(shard);
        for at in 0..keyspace.databases() {
            let Some(space) = part.space(keyspace.space_of(at)) else { continue };
            let settling = space.settling().unwrap();
            let entries = space.table().iter().filter(|entry| entry.has(mark::UNSETTLED));
            let (mut bytes, mut records) = (0, 0);
            for entry in entries {
                bytes += signed(entry.heap_bytes());
                records += 1;
            }
            let buried = settling.absent.iter().filter(|(_, marks)| **marks & mark::UNSETTLED != 0);
            for (key, _) in buried {
                bytes += tombstone_bytes(key);
                records += 1;
            }
            let counted = (settling.unsettled_bytes, settling.unsettled_records);
            assert_eq!(counted, (bytes, records), "{what}");
            let tombstones = settling.absent.values().filter(|marks| **marks != 0).count();
            assert_eq!(settling.tombstones, tombstones, "{what}");
        }
    }
}

#[test]
fn what_is_unsettled_is_counted_exactly_whatever_happens() {
    let (db, store, clock) = open();
    let long = "x".repeat(70_000);
    store.faults().refuse(|change| change.key == b"k1" || change.key == b"k2");
    let mut state = 0x1234_5678_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for round in 0..6000 {
        let (key, other) = (format!("k{}", random(12)), format!("k{}", random(12)));
        let line = match random(24) {
            0 | 1 => format!("SET {key} {round}"),
            2 => format!("SET {key} v PX {}", random(500)),
            3 => format!("SET {key} {long}"),
            4 | 5 => format!("DEL {key}"),
            6 => format!("APPEND {key} more"),
            7 => format!("RPUSH {key} a b c"),
            8 => format!("LPOP {key} 2"),
            9 => format!("HSET {key} f {round} g 2"),
            10 => format!("HEXPIRE {key} {} FIELDS 1 f", random(3)),
            11 => format!("RENAME {key} {other}"),
            12 => format!("COPY {key} {other} REPLACE"),
            13 => format!("EXPIRE {key} {}", random(3)),
            14 => format!("PERSIST {key}"),
            15 => format!("MOVE {key} 1"),
            16 => format!("GET {key}"),
            17 => {
                db.flush_to_store(Box::new(drop)).ok().unwrap();
                "PING".to_owned()
            }
            18 | 19 => {
                db.settle_step();
                "PING".to_owned()
            }
            20 => {
                db.evict_idle(0).ok().unwrap();
                "PING".to_owned()
            }
            21 => {
                clock.advance(random(400) * random(30));
                store.faults().down = random(5) == 0;
                "PING".to_owned()
            }
            22 => {
                let content = crate::store::Content::Whole(0, b"theirs".to_vec());
                let content = (random(2) == 0).then_some(content);
                store.write_outside(&crate::store::Place::Keys(0), key.as_bytes(), content);
                "PING".to_owned()
            }
            _ if random(10) == 0 => "FLUSHDB".to_owned(),
            _ if random(10) == 0 => {
                db.retry_quarantined(None).ok().unwrap();
                "PING".to_owned()
            }
            _ => {
                // It is refused while the row is on its way.
                drop(db.skip_quarantined(0, key.as_bytes()));
                "PING".to_owned()
            }
        };
        run(&db, &line);
        recount(&db, &line);
    }
    store.faults().down = false;
    store.faults().refuse_none();
    for _ in 0..20 {
        clock.advance(10_000);
        db.retry_quarantined(None).ok().unwrap();
        db.flush_to_store(Box::new(drop)).ok().unwrap();
        db.settle_step();
    }
    recount(&db, "at the end");
    let stats = db.store_stats().unwrap();
    assert_eq!((stats.unsettled_records, stats.unsettled_bytes, stats.quarantined), (0, 0, 0));
    assert_eq!(db.settled_lsn(), db.last_lsn());
}

#[test]
fn keys_that_come_and_go_while_nothing_settles_take_no_more_and_more_memory() {
    let (db, store, _) = open();
    store.faults().down = true;
    for round in 0..20_000 {
        run(&db, "SET lock 1");
        run(&db, &format!("SET key{} 1", round % 100));
        run(&db, "DEL lock");
    }
    let keyspace = &db.shards().keyspace;
    for shard in 0..keyspace.shards() {
        let part = keyspace.lock(shard);
        let settling = part.space(0).unwrap().settling().unwrap();
        assert!(settling.due.len() <= DUE_SPARE + DUE_SHARE * 101, "{}", settling.due.len());
    }
    store.faults().down = false;
    run(&db, "SET lock last");
    db.flush_to_store(Box::new(drop)).ok().unwrap();
    (0..5).for_each(|_| db.settle_step());
    assert_eq!(store.rows().len(), 101);
}

#[test]
fn an_answer_to_a_question_from_before_a_change_is_void_also_beside_a_later_question() {
    let mut keyspace = crate::keyspace::Keyspace::new(1, 1, 5, 6);
    keyspace.settle();
    let mut part = keyspace.lock(0);
    let (key, hash) = (b"key", keyspace.hash(b"key"));
    let space = keyspace.space_in(0, &mut part, 0);
    let waiting = Waiting::new(1, Box::new(|_| {}));
    assert_eq!(space.ask(hash, key, &waiting), Asked::Ask);
    let before = space.begin_fetch(hash, key);
    space.forget(hash, key);
    let after = space.begin_fetch(hash, key);
    let row = |text: &[u8]| Some(Arrived { entry: Entry::string(key, text, 0), stamp: 0, tags: &[] });
    assert!(space.arrive(hash, key, before, row(b"old")).is_none(), "it is asked again");
    assert_eq!(space.arrive(hash, key, after, row(b"new")).map(|waiting| waiting.len()), Some(1));
    assert!(space.get(hash, key).unwrap().str().is_some_and(|text| text.is(b"new")));
    // A question may also be older than what is known to have been asked.
    assert!(
        space.evict(hash, key) || {
            space.unpin(hash);
            space.evict(hash, key)
        }
    );
    assert_eq!(space.ask(hash, key, &waiting), Asked::Ask);
    assert!(space.arrive(hash, key, before, row(b"old")).is_none());
}

#[test]
fn what_is_brought_back_is_first_only_if_it_is_the_oldest() {
    let (db, _, _) = open();
    for number in 0..40 {
        run(&db, &format!("SET key{number} 1"));
    }
    let keyspace = &db.shards().keyspace;
    let mut part = keyspace.lock(0);
    let space = part.space_mut(0).unwrap();
    let mut taken = Vec::new();
    assert!(!space.capture(100, u64::MAX, usize::MAX, usize::MAX, &mut taken));
    for capture in taken.iter().rev().chain(&taken) {
        space.unsettle(capture.hash, &capture.key);
        space.requeue(capture.hash, &capture.key, capture.since, capture.at_ms);
        let due = &space.settling().unwrap().due;
        assert!(due.iter().is_sorted_by_key(|due| due.since));
    }
}
