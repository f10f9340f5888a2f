//! Many at once: threads of a database, of its callers, and a store that is slow, fails and loses commits.

use crate::common::{START_MS, show};
use crate::store::options;
use ramekin::io::SeededRng;
use ramekin::io::mem::{ManualClock, MemDisk};
use ramekin::io::os::OsClock;
use ramekin::store::{ApplyFault, Call, MemoryStore};
use ramekin::{Database, Options};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const CALLERS: u64 = 3;
const KEYS: u64 = 50;

/// The next number of a sequence (Marsaglia, Xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn run(db: &Database, line: &str) -> String {
    let args: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
    show(&db.execute(&args).unwrap())
}

/// Runs random commands on keys of its own, and knows what each has to answer.
fn call(db: &Database, caller: u64, commands: u64, model: &mut BTreeMap<String, String>) {
    let mut random = 0x9E37_79B9_7F4A_7C15 ^ (caller + 1);
    for _ in 0..commands {
        let key = format!("key{}", next(&mut random) % KEYS * CALLERS + caller);
        let number = next(&mut random) % 1000;
        let known = model.get(&key).cloned();
        let (line, expected) = match next(&mut random) % 6 {
            0 | 1 => {
                model.insert(key.clone(), number.to_string());
                (format!("SET {key} {number}"), "OK".to_owned())
            }
            2 => {
                let was = model.remove(&key).is_some();
                (format!("DEL {key}"), u8::from(was).to_string())
            }
            3 => {
                let value = format!("{}x", known.clone().unwrap_or_default());
                let expected = value.len().to_string();
                model.insert(key.clone(), value);
                (format!("APPEND {key} x"), expected)
            }
            _ => {
                let shown = known.as_ref().map_or("nil".to_owned(), |value| format!("\"{value}\""));
                (format!("GET {key}"), shown)
            }
        };
        let answer = run(db, &line);
        if answer.starts_with("STOREDOWN") {
            // It has changed nothing.
            match known {
                Some(value) => model.insert(key, value),
                None => model.remove(&key),
            };
            continue;
        }
        assert_eq!(answer, expected, "{line}");
    }
}

/// Fails at random and evicts all the time, until told to stop.
fn disturb(db: &Database, store: &MemoryStore, clock: &ManualClock, stop: &AtomicBool) {
    let mut random = 77;
    while !stop.load(Relaxed) {
        clock.advance(20);
        {
            let mut faults = store.faults();
            faults.down = next(&mut random).is_multiple_of(40);
            let fault = match next(&mut random) % 12 {
                0 => ApplyFault::Busy,
                1 => ApplyFault::Unavailable,
                2 => ApplyFault::LostBeforeCommit,
                3 => ApplyFault::LostAfterCommit,
                _ => ApplyFault::None,
            };
            if faults.batches.len() < 4 {
                faults.batches.push_back(fault);
            }
        }
        db.evict_idle(0).ok().unwrap();
        if next(&mut random).is_multiple_of(50) {
            db.checkpoint().unwrap();
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    store.faults().down = false;
    store.faults().batches.clear();
}

#[test]
fn callers_see_their_own_writes_whatever_the_store_does() {
    let (disk, clock) = (Arc::<MemDisk>::default(), Arc::<ManualClock>::default());
    clock.advance(START_MS);
    let store = MemoryStore::new();
    let options = |store: &MemoryStore| Options {
        threads: true,
        ..options(store, &|options| (options.flush_interval_ms, options.lanes) = (50, 2))
    };
    let open = |disk: &Arc<MemDisk>, store: &MemoryStore| {
        Database::open_on(disk.clone(), clock.clone(), Arc::new(SeededRng::new(7)), &options(store)).unwrap()
    };
    let db = open(&disk, &store);
    let stop = AtomicBool::new(false);
    let mut models: Vec<BTreeMap<String, String>> = vec![BTreeMap::new(); 3];
    std::thread::scope(|scope| {
        scope.spawn(|| disturb(&db, &store, &clock, &stop));
        let callers: Vec<_> = models
            .iter_mut()
            .zip(0..)
            .map(|(model, caller)| {
                let db = &db;
                scope.spawn(move || call(db, caller, 3000, model))
            })
            .collect();
        // Whoever fails does not leave the other thread running.
        let outcomes: Vec<_> = callers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Relaxed);
        outcomes.into_iter().for_each(Result::unwrap);
    });
    let (send, receive) = mpsc::channel();
    db.flush_to_store(Box::new(move |result| send.send(result).unwrap())).ok().unwrap();
    for _ in 0..2000 {
        clock.advance(1000);
        match receive.recv_timeout(Duration::from_millis(10)) {
            Ok(result) => {
                result.unwrap();
                break;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let all: BTreeMap<String, String> = models.into_iter().flatten().collect();
    let rows: BTreeMap<String, String> = store
        .rows()
        .into_iter()
        .map(|(_, key, row)| match row.content {
            ramekin::store::Content::Whole(_, bytes) => {
                (String::from_utf8(key).unwrap(), String::from_utf8(bytes).unwrap())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(rows, all, "the store has what callers were told");
    let stats = db.store_stats().unwrap();
    assert_eq!((stats.unsettled_records, stats.unsettled_bytes), (0, 0));
    db.close().unwrap();
}

#[test]
fn a_store_that_does_not_answer_keeps_no_database_from_closing() {
    let store = MemoryStore::new();
    let options = options(&store, &|options| {
        options.flush_interval_ms = 1;
        options.close_ms = 50;
    });
    let options = Options { threads: true, ..options };
    let clock = Arc::new(OsClock::default());
    let db = Database::open_on(Arc::<MemDisk>::default(), clock, Arc::new(SeededRng::new(7)), &options);
    let db = db.unwrap();
    let (asks, asked) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    store.faults().before_each(move |call| {
        if let Call::Apply(..) = call {
            let _ = asks.send(());
            let _ = held.recv();
        }
    });
    db.set(b"a", b"1").unwrap();
    asked.recv().unwrap();
    let (closes, closed) = mpsc::channel();
    let other = db.clone();
    let close = move || closes.send(other.close().is_ok());
    let closing = std::thread::Builder::new().name("close".to_owned()).spawn(close).unwrap();
    assert_eq!(closed.recv_timeout(Duration::from_secs(20)), Ok(true));
    assert_eq!(db.store_stats().unwrap().unsettled_records, 1);
    drop(release);
    closing.join().unwrap().unwrap();
}

#[test]
fn keys_are_counted_right_while_they_settle() {
    let store = MemoryStore::default();
    let options = options(&store, &|options| options.flush_interval_ms = 5);
    let options = Options { threads: true, ..options };
    let clock = Arc::new(OsClock::default());
    let db = Database::open_on(Arc::<MemDisk>::default(), clock, Arc::new(SeededRng::new(7)), &options);
    let db = db.unwrap();
    store.faults().before_each(|_| std::thread::sleep(Duration::from_micros(300)));
    for round in 1..=40_u64 {
        for key in 0..100 {
            db.set(format!("{round}:{key}").as_bytes(), b"x").unwrap();
        }
        for _ in 0..5 {
            assert_eq!(db.count_keys(0).ok(), Some(round * 100));
        }
    }
    db.close().unwrap();
}
