//! What must not be lost: where the store refuses a row, where the log has no room, over crashes, and at the end.

use crate::common::{START_MS, show};
use crate::store::{Behind, options, record, try_open};
use ramekin::io::Clock as _;
use ramekin::io::mem::{Faults, ManualClock, MemDisk};
use ramekin::store::{ApplyFault, Content, MemoryStore, Place, Store as _};
use ramekin::{Attach, Database, Options, StoreTuning};
use std::sync::Arc;
use std::time::Duration;

fn quarantined(b: &Behind) -> Vec<String> {
    let rows = b.db.quarantined().ok().unwrap();
    rows.into_iter().map(|row| String::from_utf8(row.key).unwrap()).collect()
}

/// Settles something in every lane, so that their watermarks pass what has been set aside.
fn pass_watermarks(b: &Behind) {
    (0..20).for_each(|number| drop(b.run(&format!("SET other{number} 1"))));
    b.flush();
    assert_eq!(b.db.settled_lsn(), b.db.last_lsn());
}

#[test]
fn a_refused_change_that_cannot_be_set_aside_is_kept() {
    let (disk, clock) = (Arc::<MemDisk>::default(), Arc::<ManualClock>::default());
    clock.advance(START_MS);
    let store = MemoryStore::new();
    let small = |store: &MemoryStore| Options { segment_bytes: 1 << 20, ..options(store, &|_| {}) };
    let db = try_open(&disk, &clock, &small(&store)).unwrap();
    let b = Behind { db, disk: Arc::clone(&disk), clock: Arc::clone(&clock), store };
    b.run("SET bad old");
    b.flush();
    b.store.faults().refuse(|change| change.key == b"bad");
    b.run("SET bad new");
    disk.set_faults(Faults { capacity_bytes: Some(4 << 20), ..Faults::default() });
    let value = "v".repeat(500);
    let full = (0..20_000).find(|number| b.run(&format!("SET fill {number}{value}")).starts_with("MISCONF"));
    assert!(full.is_some());
    while !b.run("SET f v").starts_with("MISCONF") {}
    b.flush();
    assert_eq!(b.text("bad").as_deref(), Some("old"));
    assert!(b.db.settled_lsn() < b.db.last_lsn(), "it has neither settled nor been set aside");
    let Behind { db, store, .. } = b;
    let disk = Arc::new(disk.kill());
    disk.set_faults(Faults::default());
    store.faults().down = true;
    drop(db);
    store.faults().down = false;
    store.faults().refuse_none();
    let next = store.process();
    drop(store);
    let db = try_open(&disk, &clock, &small(&next)).unwrap();
    let b = Behind { db, disk, clock, store: next };
    b.expect("GET bad => \"new\"");
    b.flush();
    b.evict();
    b.expect("GET bad => \"new\"");
}

#[test]
fn a_removal_that_is_refused_survives_a_crash() {
    let mut b = Behind::new();
    b.run("SET k 1");
    b.flush();
    b.store.faults().refuse(|change| change.key == b"k" && change.content == Content::Gone);
    b.run("DEL k");
    b.flush();
    assert_eq!(quarantined(&b), ["k"]);
    pass_watermarks(&b);
    b.expect("GET k => nil");
    for _ in 0..2 {
        b = b.crash();
        assert_eq!(quarantined(&b), ["k"]);
        b.expect("GET k => nil");
        b.db.checkpoint().unwrap();
    }
    b.store.faults().refuse_none();
    assert_eq!(b.db.retry_quarantined(None).ok(), Some(1));
    b.flush();
    assert_eq!((b.row("k"), quarantined(&b).len()), (None, 0));
    assert_eq!(b.db.store_stats().unwrap().unsettled_records, 0);
}

#[test]
fn what_is_tried_again_is_not_lost_in_a_crash_before_it_has_settled() {
    let mut b = Behind::new();
    b.run("SET k old");
    b.flush();
    b.store.faults().refuse(|change| change.key == b"k");
    b.run("SET k new");
    b.flush();
    pass_watermarks(&b);
    assert_eq!(b.db.retry_quarantined(Some((0, b"k"))).ok(), Some(1));
    b = b.crash();
    b.store.faults().refuse_none();
    b.flush();
    b.evict();
    b.expect("GET k => \"new\"");
    b.db.retry_quarantined(None).ok().unwrap();
    b.flush();
    b.evict();
    b.expect("GET k => \"new\"");
    assert_eq!((b.text("k").as_deref(), quarantined(&b).len()), (Some("new"), 0));
}

#[test]
fn a_full_quarantine_holds_rows_back_and_loses_none() {
    let mut b = Behind::new();
    b.db.tune_store(&StoreTuning { quarantine_bytes_max: Some(20), ..StoreTuning::default() });
    b.store.faults().refuse(|change| change.key.starts_with(b"bad"));
    for key in 0..6 {
        b.run(&format!("SET bad{key} 0123456789"));
        b.run(&format!("SET good{key} 0123456789"));
    }
    b.flush();
    assert_eq!((b.store.rows().len(), quarantined(&b).len()), (6, 1));
    for _ in 0..4 {
        b.clock.advance(6_000);
        b.run("SET good1 again");
        b.flush();
        assert!(b.db.settled_lsn() < b.db.last_lsn());
    }
    b = b.crash();
    b.store.faults().refuse_none();
    b.clock.advance(6_000);
    b.db.retry_quarantined(None).ok().unwrap();
    b.flush();
    b.evict();
    for key in 0..6 {
        b.expect(&format!("GET bad{key} => \"0123456789\""));
    }
    assert_eq!(b.store.rows().len(), 12);
}

#[test]
fn what_others_wrote_and_was_seen_stays_seen_after_a_crash() {
    let mut b = Behind::new();
    // Something that is held back keeps the watermark low.
    b.run(r#"TABLE.PUT broken r {"n":1}"#);
    b.store.faults().broken.insert(Place::Table("broken".into()));
    b.run("SET a mine");
    b.run("SET gone mine");
    b.flush();
    assert_eq!(b.text("a").as_deref(), Some("mine"));
    let theirs = Some(Content::Whole(0, b"theirs".to_vec()));
    b.store.write_outside(&Place::Keys(0), b"a", theirs);
    b.store.write_outside(&Place::Keys(0), b"gone", None);
    b.clock.advance(1000);
    b.db.settle_step();
    let seen = "GET a => \"theirs\"\nGET gone => nil";
    b.expect(seen);
    b = b.crash();
    b.expect(seen);
    b.store.faults().broken.clear();
    b.clock.advance(60_000);
    b.flush();
    b.expect(seen);
    assert_eq!(b.text("a").as_deref(), Some("theirs"));
}

#[test]
fn memory_counts_for_all_its_keys_when_it_is_attached() {
    let b = Behind::new();
    for key in 0..20 {
        b.run(&format!("SET key{key} theirs"));
    }
    b.flush();
    let Behind { db, clock, store, .. } = b;
    db.close().unwrap();
    drop(db);
    for written in 1..=20 {
        let disk = Arc::<MemDisk>::default();
        let without = Options { shards: 4, threads: false, ..Options::default() };
        let db = try_open(&disk, &clock, &without).unwrap();
        (0..written).for_each(|key| db.set(format!("key{key}").as_bytes(), b"mine").unwrap());
        drop(db);
        let attach = options(&store.process(), &|options| options.attach = Some(Attach::Memory));
        let db = try_open(&disk, &clock, &attach).unwrap();
        db.flush_to_store(Box::new(|_| {})).ok().unwrap();
        (0..5).for_each(|_| db.settle_step());
        for key in 0..written {
            let row = store.row(&Place::Keys(0), format!("key{key}").as_bytes()).unwrap();
            assert_eq!(row.content, Content::Whole(0, b"mine".to_vec()), "key{key} of {written}");
            db.set(format!("key{key}").as_bytes(), b"theirs").unwrap();
        }
        db.close().unwrap();
    }
}

#[test]
fn a_folder_that_gets_its_store_back_keeps_what_it_knows_of_tables() {
    let b = Behind::new();
    b.run("TABLE.CREATE orders SCHEMA state string");
    b.run(r#"TABLE.PUT orders o {"state":"open"}"#);
    b.flush();
    let (disk, clock, store) = (b.disk.clone(), b.clock.clone(), b.store.clone());
    b.db.close().unwrap();
    drop(b);
    let without = Options { shards: 4, threads: false, detaches_store: true, ..Options::default() };
    try_open(&disk, &clock, &without).unwrap().close().unwrap();
    let attach = options(&store.process(), &|options| options.attach = Some(Attach::Memory));
    let db = try_open(&disk, &clock, &attach).unwrap();
    let put: &[&[u8]] = &[b"TABLE.PUT", b"orders", b"o", br#"{"state":1}"#];
    let answer = show(&db.execute(put).unwrap());
    assert_ne!(answer, "OK", "it does not fit the schema");
}

#[test]
fn a_commit_in_doubt_over_a_row_of_others_is_no_conflict() {
    for rule in ["store-wins", "quarantine"] {
        let b = Behind::new();
        b.run(&format!("TABLE.CREATE orders ON CONFLICT {rule}"));
        let theirs = Content::Record(r#"{"by": "theirs"}"#.to_owned());
        b.run(r#"TABLE.PUT orders o {"by":"first"}"#);
        b.flush();
        b.store.write_outside(&Place::Table("orders".into()), b"o", Some(theirs));
        b.clock.advance(1000);
        b.db.settle_step();
        b.expect(r#"TABLE.GET orders o => "{\"by\": \"theirs\"}""#);
        b.run("EXPIRE orders:o 1000");
        b.store.faults().batches.push_back(ApplyFault::LostAfterCommit);
        b.flush();
        b.clock.advance(10_000);
        b.flush();
        assert_eq!((quarantined(&b).len(), b.db.store_stats().unwrap().conflicts), (0, 0), "{rule}");
        assert!(record(&b, "orders", "o").is_some());
        b.evict();
        b.expect("TTL orders:o => 990");
    }
}

#[test]
fn who_was_fenced_writes_no_more() {
    let b = Behind::new();
    b.run("SET a 1");
    b.flush();
    let attach = options(&b.store.process(), &|options| options.attach = Some(Attach::Store));
    let other = try_open(&Arc::default(), &b.clock, &attach).unwrap();
    b.expect("SET a 2 => OK");
    let told = Arc::new(parking_lot::Mutex::new(None));
    let outcome = Arc::clone(&told);
    b.db.flush_to_store(Box::new(move |result| *outcome.lock() = Some(result))).ok().unwrap();
    (0..5).for_each(|_| b.db.settle_step());
    assert!(told.lock().take().unwrap().unwrap_err().starts_with("STOREFENCED"));
    assert!(b.run("SET a 3").starts_with("STOREFENCED "), "{}", b.run("SET a 3"));
    b.expect("GET a => \"2\"");
    assert_eq!(other.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_row_that_was_prolonged_stays_while_that_is_on_its_way() {
    let b = Behind::new();
    b.run("TABLE.CREATE orders ON CONFLICT store-wins");
    b.run(r#"TABLE.PUT orders o {"n":1} EX 5"#);
    b.flush();
    b.run("PERSIST orders:o");
    b.store.faults().batches.extend([ApplyFault::Unavailable; 100]);
    b.flush();
    assert_eq!(b.db.store_stats().unwrap().unsettled_records, 1, "it has not settled");
    b.clock.advance(20_000);
    b.db.settle_step();
    b.store.faults().batches.clear();
    for _ in 0..3 {
        b.clock.advance(20_000);
        b.flush();
    }
    assert!(record(&b, "orders", "o").is_some());
    b.expect(r#"TABLE.GET orders o => "{\"n\": 1}""#);
}

/// A database with threads and a store that may fail.
fn threaded(close_ms: u64) -> (Database, MemoryStore) {
    let store = MemoryStore::new();
    let options = Options {
        threads: true,
        ..options(&store, &|options| {
            (options.close_ms, options.flush_interval_ms) = (close_ms, 3_600_000);
        })
    };
    let clock = Arc::new(ramekin::io::os::OsClock::default());
    let rng = Arc::new(ramekin::io::SeededRng::new(7));
    (Database::open_on(Arc::<MemDisk>::default(), clock, rng, &options).unwrap(), store)
}

#[test]
fn closing_takes_no_longer_than_it_may_and_nobody_waits_after_it() {
    let (db, store) = threaded(500);
    db.set(b"cold", b"1").unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    db.flush_to_store(Box::new(move |result| send.send(result).unwrap())).ok().unwrap();
    receive.recv_timeout(Duration::from_secs(20)).unwrap().unwrap();
    assert_eq!(db.evict_idle(0).ok(), Some(1));
    db.set(b"unsettled", b"1").unwrap();
    store.faults().down = true;
    let time = ramekin::io::os::OsClock::default();
    let begun = time.monotonic();
    // That it has not settled is no failure: it is in the log.
    db.close().unwrap();
    assert_eq!(db.store_stats().unwrap().unsettled_records, 1);
    let took = time.monotonic() - begun;
    assert!(took < Duration::from_secs(8), "{took:?}");
    let (send, receive) = std::sync::mpsc::channel();
    let later = db.clone();
    let waits = move || {
        let get: &[&[u8]] = &[b"GET", b"cold"];
        let cold = show(&later.execute(get).unwrap());
        let told = Arc::new(parking_lot::Mutex::new(None));
        let outcome = Arc::clone(&told);
        later.flush_to_store(Box::new(move |result| *outcome.lock() = Some(result))).ok().unwrap();
        let flushed = told.lock().take();
        send.send((cold, flushed)).unwrap();
    };
    // One that waits for ever is left behind.
    drop(std::thread::Builder::new().name("waits".to_owned()).spawn(waits).unwrap());
    let (cold, flushed) = receive.recv_timeout(Duration::from_secs(20)).expect("somebody waits for ever");
    assert!(cold.starts_with("STOREDOWN"), "{cold}");
    assert!(flushed.expect("it is answered at once").is_err());
}

#[test]
fn who_only_looks_sees_what_others_change_and_leaves_it_noted_for_the_owner() {
    let b = Behind::new();
    b.run("SET a ours");
    b.run("SET b ours");
    b.flush();
    let (disk, clock, store) = (b.disk.clone(), b.clock.clone(), b.store.clone());
    b.db.close().unwrap();
    drop(b);
    let db =
        try_open(&disk, &clock, &options(&store.process(), &|options| options.read_only = true)).unwrap();
    let b = Behind { db, disk, clock, store };
    b.expect("GET a => \"ours\"");
    let theirs = || Some(Content::Whole(0, b"theirs".to_vec()));
    for key in ["a", "b"] {
        b.store.write_outside(&Place::Keys(0), key.as_bytes(), theirs());
        b.clock.advance(1000);
        b.db.settle_step();
        b.expect(&format!("GET {key} => \"theirs\""));
    }
    b.clock.advance(1000);
    b.db.settle_step();
    assert_eq!(b.db.store_stats().unwrap().outside, 2, "each is seen to once");
    assert_eq!(b.store.connect().unwrap().outside(9).unwrap().len(), 2);
}

/// What the operator is told.
fn listener() -> (Arc<parking_lot::Mutex<Vec<String>>>, ramekin::Tell) {
    let told = Arc::<parking_lot::Mutex<Vec<String>>>::default();
    let to = Arc::clone(&told);
    (told, Arc::new(move |text: &str| to.lock().push(text.to_owned())))
}

#[test]
fn a_decision_about_the_store_that_is_left_in_place_throws_nothing_away() {
    for attach in [Attach::Store, Attach::Memory] {
        let (told, tell) = listener();
        let decided = move |options: &mut ramekin::StoreOptions| {
            (options.attach, options.tell) = (Some(attach), Some(Arc::clone(&tell)));
        };
        let mut b = Behind::with(MemoryStore::new(), &decided);
        assert_eq!(told.lock().len(), 0, "for a new folder there is something to decide");
        b.run("SET a 1");
        b.flush();
        b.run("SET a 2");
        b.run("SET b 1");
        for _ in 0..2 {
            b = b.crash_and_open(&decided);
            b.expect("GET a => \"2\"");
            b.expect("GET b => \"1\"");
        }
        b.flush();
        assert_eq!((b.text("a").as_deref(), b.text("b").as_deref()), (Some("2"), Some("1")));
        let told = told.lock();
        assert!(
            told.len() == 2 && told.iter().all(|line| line.starts_with("store-attach has nothing")),
            "{told:?}"
        );
    }
}

#[test]
fn an_older_copy_of_a_folder_takes_its_store_over_if_that_is_decided() {
    let b = Behind::new();
    b.run("SET a 1");
    b.flush();
    let (copy, clock) = (Arc::new(b.disk.kill()), b.clock.clone());
    let b = b.crash();
    b.run("SET a 2");
    b.flush();
    b.db.close().unwrap();
    let open = |attach: Option<Attach>| {
        try_open(&copy, &clock, &options(&b.store.process(), &|options| options.attach = attach))
    };
    assert!(open(None).err().unwrap().contains("store-attach"));
    let db = open(Some(Attach::Store)).unwrap();
    assert_eq!(db.get(b"a").unwrap().as_deref(), Some(&b"2"[..]));
}

#[test]
fn the_operator_is_told_once_that_the_store_is_away_and_back_and_of_rows_that_it_refuses() {
    let (told, tell) = listener();
    let b = Behind::with(MemoryStore::new(), &|options| {
        options.tell = Some(Arc::clone(&tell));
        options.unsettled_bytes_max = 100;
    });
    b.run("SET a 1");
    b.flush();
    assert!(told.lock().is_empty());
    b.store.faults().down = true;
    for number in 0..3 {
        b.run(&format!("SET a {number}"));
        b.flush();
        b.clock.advance(40_000);
        b.db.settle_step();
    }
    b.store.faults().down = false;
    b.clock.advance(40_000);
    b.flush();
    b.store.faults().refuse(|change| change.key.starts_with(b"bad"));
    for key in ["bad\r\n1", "bad2", "bad3"] {
        b.db.set(key.as_bytes(), b"x").unwrap();
        b.flush();
    }
    let told = std::mem::take(&mut *told.lock());
    let [away, back, refused] = &told[..] else { panic!("{told:?}") };
    assert!(away.contains("is away, changes wait in the log"), "{away}");
    assert!(
        back.contains("is there again after 1") && back.contains("1 changes have still to settle"),
        "{back}"
    );
    assert!(refused.contains(r"key bad\r\n1 of database 0") && refused.contains("QUARANTINE"), "{refused}");
}
