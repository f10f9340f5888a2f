//! What settles, what comes back, and what happens when the store fails: over a store in memory.

use crate::common::{START_MS, show};
use parking_lot::Mutex;
use ramekin::io::SeededRng;
use ramekin::io::mem::{ManualClock, MemDisk};
use ramekin::store::{ApplyFault, Call, Content, MemoryStore, Place};

use ramekin::{Attach, Caller, Collector, Database, Needs, Options, StoreOptions, StoreTuning, command};
use std::sync::Arc;

/// A folder with a store behind it. Time stands still unless told to move, and nothing settles unless told to.
pub(crate) struct Behind {
    pub(crate) db: Database,
    pub(crate) disk: Arc<MemDisk>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: MemoryStore,
}

pub(crate) fn options(store: &MemoryStore, change: &dyn Fn(&mut StoreOptions)) -> Options {
    let mut behind = StoreOptions::new(Arc::new(store.clone()));
    behind.evict_interval_ms = 0;
    change(&mut behind);
    Options { shards: 4, threads: false, store: Some(behind), ..Options::default() }
}

pub(crate) fn try_open(
    disk: &Arc<MemDisk>,
    clock: &Arc<ManualClock>,
    options: &Options,
) -> Result<Database, String> {
    Database::open_on(disk.clone(), clock.clone(), Arc::new(SeededRng::new(7)), options)
        .map_err(|error| error.to_string())
}

impl Behind {
    pub(crate) fn new() -> Self {
        Self::with(MemoryStore::new(), &|_| {})
    }

    pub(crate) fn with(store: MemoryStore, change: &dyn Fn(&mut StoreOptions)) -> Self {
        let (disk, clock) = (Arc::<MemDisk>::default(), Arc::<ManualClock>::default());
        clock.advance(START_MS);
        let db = try_open(&disk, &clock, &options(&store, change)).unwrap();
        Self { db, disk, clock, store }
    }

    /// The process is killed, and another one opens the folder.
    pub(crate) fn crash(self) -> Self {
        self.crash_and_open(&|_| {})
    }

    /// The same, with other options.
    pub(crate) fn crash_and_open(self, change: &dyn Fn(&mut StoreOptions)) -> Self {
        let Self { db, disk, clock, store } = self;
        let disk = Arc::new(disk.kill());
        store.faults().down = true;
        drop(db);
        store.faults().down = false;
        let next = store.process();
        drop(store);
        let store = next;
        let db = try_open(&disk, &clock, &options(&store, change)).unwrap();
        Self { db, disk, clock, store }
    }

    pub(crate) fn run(&self, line: &str) -> String {
        let args: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        show(&self.db.execute(&args).unwrap())
    }

    #[track_caller]
    pub(crate) fn expect(&self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (command, answer) = line.split_once(" => ").expect("a line is `command => answer`");
            assert_eq!(self.run(command), answer.trim(), "{command}");
        }
    }

    /// Lets everything settle that can.
    pub(crate) fn flush(&self) {
        self.db.flush_to_store(Box::new(|_| {})).ok().unwrap();
        (0..20).for_each(|_| self.db.settle_step());
    }

    /// Everything that has settled leaves memory.
    pub(crate) fn evict(&self) -> usize {
        self.db.evict_idle(0).ok().unwrap()
    }

    pub(crate) fn row(&self, key: &str) -> Option<Vec<u8>> {
        match self.store.row(&Place::Keys(0), key.as_bytes())?.content {
            Content::Whole(_, bytes) => Some(bytes),
            Content::Parts(_, parts) => Some(parts.concat()),
            other => panic!("a key holds {other:?}"),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.row(key).map(|bytes| String::from_utf8(bytes).unwrap())
    }
}

#[test]
fn what_changes_settles_and_what_is_deleted_goes() {
    let b = Behind::new();
    b.run("SET a 1");
    b.run("RPUSH l x y");
    b.run("HSET h f v");
    assert_eq!(b.store.rows().len(), 0, "nothing has settled yet");
    b.flush();
    assert_eq!(b.text("a").as_deref(), Some("1"));
    assert_eq!(b.store.rows().len(), 3);
    b.run("SET a 2");
    b.run("DEL l");
    b.flush();
    assert_eq!(b.text("a").as_deref(), Some("2"));
    assert_eq!(b.row("l"), None);
    let stats = b.db.store_stats().unwrap();
    assert_eq!((stats.unsettled_records, stats.unsettled_bytes, stats.lag_lsn), (0, 0, 0));
    assert_eq!(b.db.settled_lsn(), b.db.last_lsn());
}

#[test]
fn what_is_on_its_way_to_the_store_counts_as_unsettled_once() {
    let b = Behind::with(MemoryStore::new(), &|behind| behind.lanes = 1);
    b.store.faults().refuse(|change| change.key == b"bad");
    b.run("SET bad 1");
    b.run("SET good 1");
    let (db, seen) = (b.db.clone(), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&seen);
    b.store.faults().before_each(move |call| {
        if let Call::Apply(_, rows @ 1..) = call {
            told.lock().push((*rows, db.store_stats().unwrap().unsettled_records));
        }
    });
    b.flush();
    assert_eq!(*seen.lock(), [(2, 2), (1, 2), (1, 2)], "all, the bad one, and the good one");
    b.store.faults().before_each(|_| {});
    let stats = b.db.store_stats().unwrap();
    assert_eq!((stats.unsettled_records, stats.quarantined), (1, 1));
}

#[test]
fn a_change_settles_once_the_interval_is_over() {
    let b = Behind::new();
    b.run("SET a 1");
    b.clock.advance(20_000);
    b.db.settle_step();
    assert_eq!(b.row("a"), None);
    b.clock.advance(10_000);
    b.db.settle_step();
    assert_eq!(b.text("a").as_deref(), Some("1"));
    // A key that changes all the time settles all the same.
    for second in 0..31 {
        b.run(&format!("SET a {second}"));
        b.clock.advance(1000);
        b.db.settle_step();
    }
    assert_ne!(b.text("a").as_deref(), Some("1"));
}

#[test]
fn what_was_evicted_comes_back_and_is_what_it_was() {
    let b = Behind::new();
    for line in ["SET s text", "RPUSH l x y z", "HSET h f v g w", "SET e soon PX 5000", "SET n 41"] {
        b.run(line);
    }
    assert_eq!(b.evict(), 0, "what has not settled stays");
    b.flush();
    assert_eq!(b.evict(), 5);
    b.expect(
        r#"
        GET s => "text"
        LRANGE l 0 -1 => ["x", "y", "z"]
        HGET h g => "w"
        PTTL e => 5000
        INCR n => 42
        GET nothing => nil
        EXISTS s l nothing => 2
        TYPE h => hash
        "#,
    );
    assert_eq!(b.evict(), 4, "what has changed stays");
    b.expect(
        r#"
        RPUSH l w => 4
        HDEL h f => 1
        APPEND s more => 8
        DEL n => 1
        GET n => nil
        SET s new => OK
        "#,
    );
    b.flush();
    b.evict();
    b.expect(
        r#"
        LRANGE l 0 -1 => ["x", "y", "z", "w"]
        HGETALL h => {"g": "w"}
        GET s => "new"
        GET n => nil
        "#,
    );
    b.clock.advance(5001);
    b.expect("GET e => nil");
}

#[test]
fn every_kind_of_command_finds_evicted_keys() {
    let b = Behind::new();
    let fill = || {
        b.run("FLUSHALL");
        b.run("DEL a b l m d");
        for line in ["SET a 1", "SET b 2", "RPUSH l x y", "RPUSH m z"] {
            b.run(line);
        }
        b.flush();
        b.evict();
    };
    for (line, answer, then, left) in [
        ("MGET a b c", r#"["1", "2", nil]"#, "DBSIZE", "4"),
        ("DEL a b c", "2", "EXISTS a b", "0"),
        ("RENAME a d", "OK", "GET d", "\"1\""),
        ("RENAMENX a b", "0", "GET a", "\"1\""),
        ("COPY a b", "0", "GET b", "\"2\""),
        ("COPY a b REPLACE", "1", "GET b", "\"1\""),
        ("LMOVE l m LEFT RIGHT", "\"x\"", "LRANGE m 0 -1", r#"["z", "x"]"#),
        ("SET a 3 NX", "nil", "GET a", "\"1\""),
        ("SET a 3 GET", "\"1\"", "GET a", "\"3\""),
        ("MSETNX a 5 z 6", "0", "EXISTS z", "0"),
        ("MSET a 5 z 6", "OK", "GET a", "\"5\""),
        ("SORT l BY nosort GET #", r#"["x", "y"]"#, "EXISTS l", "1"),
        ("LPOP l 2", r#"["x", "y"]"#, "EXISTS l", "0"),
        ("GETDEL a", "\"1\"", "GET a", "nil"),
        ("EXPIRE a 100", "1", "TTL a", "100"),
        ("TOUCH a b c", "2", "OBJECT REFCOUNT a", "1"),
        ("LMPOP 2 c l LEFT", r#"["l", ["x"]]"#, "LLEN l", "1"),
        ("MOVE a 1", "1", "EXISTS a", "0"),
    ] {
        fill();
        assert_eq!(b.run(line), answer, "{line}");
        assert_eq!(b.run(then), left, "{line}, then {then}");
        // And so after the change has settled and left.
        b.flush();
        b.evict();
        assert_eq!(b.run(then), left, "{line}, settled, then {then}");
        in_db(&b, 1, "DEL a");
    }
}

fn in_db(b: &Behind, db: u32, line: &str) -> String {
    let args: Vec<_> = line.split_whitespace().map(str::as_bytes).collect();
    let mut caller = Caller::at(b.db.now_ms());
    caller.db = db;
    let mut out = Collector::new();
    b.db.run_here_and_wait(&mut caller, command::resolve(&args).unwrap(), &args, &mut out);
    show(&out.into_response().unwrap())
}

#[test]
fn a_key_of_another_database_is_fetched_for_move_and_copy() {
    let b = Behind::new();
    b.run("SET a 1");
    in_db(&b, 1, "SET a other");
    b.flush();
    b.evict();
    b.expect("MOVE a 1 => 0");
    b.evict();
    b.expect("COPY a a DB 1 => 0");
    b.evict();
    b.expect("COPY a a DB 1 REPLACE => 1");
    assert_eq!(in_db(&b, 1, "GET a"), "\"1\"");
}

#[test]
fn sort_by_pattern_fetches_what_it_reads() {
    let b = Behind::new();
    for line in ["RPUSH ids 1 2 3", "MSET w_1 30 w_2 20 w_3 10", "MSET n_1 one n_2 two n_3 three"] {
        b.run(line);
    }
    b.flush();
    assert_eq!(b.evict(), 7);
    b.expect(r#"SORT ids BY w_* GET n_* => ["three", "two", "one"]"#);
    b.evict();
    b.expect(
        r#"
        SORT ids BY w_* STORE sorted => 3
        LRANGE sorted 0 -1 => ["3", "2", "1"]
        "#,
    );
}

#[test]
fn after_a_crash_nothing_is_lost_and_nothing_settles_twice() {
    let mut b = Behind::new();
    b.run("SET a 1");
    b.run("RPUSH l x");
    b.flush();
    b.run("SET a 2");
    b.run("RPUSH l y");
    b.run("SET gone 1");
    b.run("DEL gone");
    let batches = b.store.batches();
    b = b.crash();
    assert_eq!(b.db.store_stats().unwrap().unsettled_records, 3, "only what lies above the watermark");
    b.expect(
        r#"
        GET a => "2"
        LRANGE l 0 -1 => ["x", "y"]
        GET gone => nil
        "#,
    );
    b.flush();
    assert!(b.store.batches() > batches);
    assert_eq!(b.text("a").as_deref(), Some("2"));
    b = b.crash();
    assert_eq!(b.db.store_stats().unwrap().unsettled_records, 0);
    b.evict();
    b.expect(r#"LRANGE l 0 -1 => ["x", "y"]"#);
}

#[test]
fn the_first_change_of_what_came_from_the_store_is_logged_as_a_whole() {
    let mut b = Behind::new();
    b.run("RPUSH l a b c");
    b.run("HSET h f 1 g 2");
    b.run("SET s text");
    b.flush();
    b.evict();
    b.db.checkpoint().unwrap();
    // Nothing of these keys is in the log or in the checkpoint now.
    b.run("RPUSH l d");
    b.run("HINCRBY h f 5");
    b.run("APPEND s more");
    b.run("LPOP l");
    b = b.crash();
    b.expect(
        r#"
        LRANGE l 0 -1 => ["b", "c", "d"]
        HMGET h f g => ["6", "2"]
        GET s => "textmore"
        "#,
    );
}

#[test]
fn a_checkpoint_keeps_what_has_not_settled() {
    let mut b = Behind::new();
    b.run("SET a 1");
    b.run("SET b 1");
    b.run("SET big x");
    b.run(&format!("SETRANGE big 200000 {}", "y".repeat(1000)));
    b.flush();
    b.run("SET a 2");
    b.run("DEL b");
    b.run("APPEND big z");
    b.db.checkpoint().unwrap();
    b = b.crash();
    assert_eq!(b.db.store_stats().unwrap().unsettled_records, 3);
    b.expect("GET b => nil");
    b.flush();
    assert_eq!((b.text("a").as_deref(), b.row("b")), (Some("2"), None));
    assert_eq!(b.row("big").unwrap().len(), 201_001);
}

#[test]
fn a_store_that_is_down_costs_nothing_but_cold_reads() {
    let b = Behind::new();
    b.run("SET cold 1");
    b.flush();
    b.evict();
    b.store.faults().down = true;
    let answer = b.run("GET cold");
    assert!(answer.starts_with("STOREDOWN "), "{answer}");
    assert_eq!(b.run("INCR cold").split(' ').next(), Some("STOREDOWN"));
    b.expect(
        r#"
        SET a 1 => OK
        GET a => "1"
        SET cold 5 => OK
        GET cold => "5"
        "#,
    );
    b.flush();
    assert_eq!(b.evict(), 0, "nothing is evicted that could not come back");
    assert!(!b.db.store_stats().unwrap().is_up);
    b.store.faults().down = false;
    b.clock.advance(60_000);
    b.flush();
    assert_eq!((b.text("a").as_deref(), b.text("cold").as_deref()), (Some("1"), Some("5")));
}

#[test]
fn a_commit_in_doubt_is_resolved_before_the_next_batch() {
    for applied in [false, true] {
        let b = Behind::new();
        b.run("SET a 1");
        b.run("SET b 1");
        let fault = if applied { ApplyFault::LostAfterCommit } else { ApplyFault::LostBeforeCommit };
        b.store.faults().batches.push_back(fault);
        b.flush();
        b.run("SET a 2");
        b.clock.advance(60_000);
        b.flush();
        assert_eq!((b.text("a").as_deref(), b.text("b").as_deref()), (Some("2"), Some("1")), "{applied}");
        assert_eq!(b.db.store_stats().unwrap().unsettled_records, 0);
    }
}

#[test]
fn a_row_that_the_store_refuses_is_set_aside_and_all_others_go_on() {
    let mut b = Behind::new();
    b.store.faults().refuse(|change| change.key.starts_with(b"bad"));
    for number in 0..100 {
        b.run(&format!("SET good{number} v"));
    }
    b.run("SET bad1 x");
    b.run("SET bad2 y");
    b.flush();
    assert_eq!(b.store.rows().len(), 100);
    let keys = |b: &Behind| -> Vec<Vec<u8>> {
        b.db.quarantined().ok().unwrap().into_iter().map(|row| row.key).collect()
    };
    assert_eq!(keys(&b), [b"bad1", b"bad2"]);
    assert_eq!(b.db.settled_lsn(), b.db.last_lsn(), "what is set aside holds up nobody");
    assert_eq!(b.evict(), 100);
    b.expect("GET bad1 => \"x\"");
    b = b.crash();
    b.store.faults().refuse(|change| change.key.starts_with(b"bad1"));
    assert_eq!(keys(&b), [b"bad1", b"bad2"], "it survives a crash");
    b.expect("GET bad1 => \"x\"");
    assert_eq!(b.db.retry_quarantined(Some((0, b"bad2"))).ok(), Some(1));
    b.flush();
    assert_eq!((keys(&b), b.text("bad2").as_deref()), (vec![b"bad1".to_vec()], Some("y")));
    // A new value may be one that the store takes.
    b.store.faults().refuse_none();
    b.run("SET bad1 fine");
    b.flush();
    assert_eq!((keys(&b).len(), b.text("bad1").as_deref()), (0, Some("fine")));
    // Or it is given up.
    b.store.faults().refuse(|_| true);
    b.run("SET bad1 worse");
    b.flush();
    assert_eq!(b.db.skip_quarantined(0, b"bad1").ok(), Some(true));
    b.store.faults().refuse_none();
    b.expect("GET bad1 => \"fine\"");
    b = b.crash();
    b.expect("GET bad1 => \"fine\"");
}

#[test]
fn too_much_that_is_unsettled_is_refused_or_waits() {
    let b = Behind::new();
    b.db.tune_store(&StoreTuning {
        unsettled_bytes_max: Some(100_000),
        refuses_at_max: Some(true),
        ..StoreTuning::default()
    });
    b.store.faults().down = true;
    let value = "v".repeat(1000);
    let mut answers = Vec::new();
    for number in 0..400 {
        answers.push(b.run(&format!("SET key{number} {value}")));
    }
    assert!(answers.last().unwrap().starts_with("STOREFULL "), "{:?}", answers.last());
    let taken = answers.iter().filter(|answer| *answer == "OK").count();
    assert!((50..=200).contains(&taken), "{taken}");
    b.expect(&format!("GET key0 => \"{value}\""));
    b.store.faults().down = false;
    b.clock.advance(60_000);
    b.flush();
    b.expect("SET more 1 => OK");
    assert_eq!(b.store.rows().len(), taken);
}

#[test]
fn changes_of_others_reach_memory_and_an_old_row_does_not_come_back() {
    let b = Behind::new();
    b.run("SET a 1");
    b.flush();
    let place = Place::Keys(0);
    b.expect("GET new => nil");
    b.store.write_outside(&place, b"a", Some(Content::Whole(0, b"theirs".to_vec())));
    b.store.write_outside(&place, b"new", Some(Content::Whole(0, b"theirs".to_vec())));
    b.expect("GET new => nil");
    b.clock.advance(1000);
    b.db.settle_step();
    b.expect(
        r#"
        GET a => "theirs"
        GET new => "theirs"
        "#,
    );
    b.store.write_outside(&place, b"a", None);
    b.clock.advance(1000);
    b.db.settle_step();
    b.expect("GET a => nil");
    let b = b.crash();
    b.expect("GET a => nil");
}

#[test]
fn a_folder_and_its_store_belong_together() {
    let b = Behind::new();
    b.run("SET a 1");
    b.flush();
    let (disk, clock, store) = (b.disk.clone(), b.clock.clone(), b.store.clone());
    let other = try_open(&Arc::default(), &clock, &options(&store.process(), &|_| {}));
    assert!(other.is_err(), "its owner is alive");
    b.db.close().unwrap();
    drop(b);
    let without = Options { shards: 4, threads: false, ..Options::default() };
    let error = try_open(&disk, &clock, &without).err().unwrap();
    assert!(error.contains("settle in the store memory"), "{error}");
    let error = try_open(&disk, &clock, &options(&MemoryStore::new(), &|_| {})).err().unwrap();
    assert!(error.contains("store-attach"), "{error}");
    let error = try_open(&Arc::default(), &clock, &options(&store.process(), &|_| {})).err().unwrap();
    assert!(error.contains("store-attach"), "{error}");
    // A new folder takes the store over, and has what is in it.
    let db = try_open(
        &Arc::default(),
        &clock,
        &options(&store.process(), &|options| options.attach = Some(Attach::Store)),
    )
    .unwrap();
    assert_eq!(db.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    db.set(b"a", b"2").unwrap();
    db.flush_to_store(Box::new(|_| {})).ok().unwrap();
    db.settle_step();
    let row = store.row(&Place::Keys(0), b"a").unwrap();
    assert_eq!(row.content, Content::Whole(0, b"2".to_vec()));
    db.close().unwrap();
    drop(db);
    // The old one is out of date.
    let error = try_open(&disk, &clock, &options(&store.process(), &|_| {})).err().unwrap();
    assert!(error.contains("store-attach"), "{error}");
    let db = try_open(&disk, &clock, &Options { detaches_store: true, ..without }).unwrap();
    assert_eq!(db.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_folder_that_gets_a_store_settles_all_it_has() {
    let (disk, clock) = (Arc::<MemDisk>::default(), Arc::<ManualClock>::default());
    clock.advance(START_MS);
    let without = Options { shards: 4, threads: false, ..Options::default() };
    let db = try_open(&disk, &clock, &without).unwrap();
    (0..50).for_each(|number: u32| db.set(number.to_string().as_bytes(), b"v").unwrap());
    db.checkpoint().unwrap();
    db.set(b"late", b"v").unwrap();
    db.close().unwrap();
    drop(db);
    let store = MemoryStore::new();
    // Killed before anything has settled, and once more after some has.
    for _ in 0..2 {
        let db = try_open(&disk, &clock, &options(&store.process(), &|_| {})).unwrap();
        assert_eq!(db.store_stats().unwrap().unsettled_records, 51);
        drop(db);
    }
    let db = try_open(&disk, &clock, &options(&store.process(), &|_| {})).unwrap();
    db.flush_to_store(Box::new(|_| {})).ok().unwrap();
    (0..5).for_each(|_| {
        clock.advance(2000);
        db.settle_step();
    });
    assert_eq!(store.rows().len(), 51);
    drop(db);
    let db = try_open(&disk, &clock, &options(&store.process(), &|_| {})).unwrap();
    assert_eq!(db.store_stats().unwrap().unsettled_records, 0);
}

#[test]
fn flushing_needs_leave_and_removes_the_rows() {
    let mut b = Behind::new();
    b.run("MSET a 1 b 2");
    b.flush();
    b.evict();
    assert!(b.run("FLUSHALL").contains("store-flush"));
    assert!(b.run("SWAPDB 0 1").contains("SWAPDB is not possible"));
    b.db.tune_store(&StoreTuning { may_flush: Some(true), ..StoreTuning::default() });
    b.run("SET c 3");
    b.expect(
        r#"
        FLUSHALL => OK
        GET a => nil
        SET b new => OK
        "#,
    );
    b = b.crash();
    b.expect("GET a => nil");
    b.flush();
    b.clock.advance(2000);
    b.db.settle_step();
    assert_eq!(b.store.rows().len(), 1);
    b.evict();
    b.expect(
        r#"
        GET a => nil
        GET b => "new"
        GET c => nil
        "#,
    );
}

#[test]
fn rows_that_expire_go_and_those_that_were_prolonged_stay() {
    let b = Behind::new();
    b.run("SET a 1 PX 1000");
    b.run("SET b 1 PX 1000");
    b.flush();
    b.run("PERSIST b");
    b.evict();
    b.clock.advance(10_000);
    b.flush();
    b.clock.advance(10_000);
    b.db.settle_step();
    assert_eq!(b.row("a"), None);
    assert_eq!(b.text("b").as_deref(), Some("1"));
    b.expect(
        r#"
        GET a => nil
        PTTL b => -1
        "#,
    );
}

#[test]
fn all_keys_are_counted_and_listed_wherever_they_are() {
    let b = Behind::new();
    for number in 0..30 {
        b.run(&format!("SET key{number:02} v"));
    }
    b.flush();
    b.evict();
    b.run("SET new v");
    b.run("SET key00 changed");
    b.run("DEL key01");
    b.run("GET key02");
    assert_eq!(b.db.count_keys(0).ok(), Some(30));
    let mut cold = Vec::new();
    let mut after = None;
    loop {
        let (keys, next) = b.db.cold_keys(0, after.as_ref(), 7).ok().unwrap();
        cold.extend(keys.into_iter().map(|key| String::from_utf8(key).unwrap()));
        match next {
            None => break,
            next => after = next,
        }
    }
    let expected: Vec<String> = (3..30).map(|number| format!("key{number:02}")).collect();
    assert_eq!(cold, expected);
}

/// The text of a record's row.
pub(crate) fn record(b: &Behind, table: &str, key: &str) -> Option<String> {
    match b.store.row(&Place::Table(table.into()), key.as_bytes())?.content {
        Content::Record(text) => Some(text),
        other => panic!("a record holds {other:?}"),
    }
}

#[test]
fn records_settle_in_tables_of_their_own_and_come_back() {
    let mut b = Behind::new();
    b.run("TABLE.CREATE orders SCHEMA state string total integer");
    b.run(r#"TABLE.PUT orders o-1 {"total":5,"state":"open"}"#);
    b.run(r#"TABLE.PUT orders o-2 {"state":"paid"} EX 100"#);
    b.run(r#"TABLE.PUT made m {"n":1.50}"#);
    b.flush();
    assert_eq!(record(&b, "orders", "o-1").as_deref(), Some(r#"{"state": "open", "total": 5}"#));
    assert_eq!(b.store.rows().len(), 3);
    assert_eq!(b.evict(), 3);
    b.expect(
        r#"
        TABLE.GET orders o-1 => "{\"state\": \"open\", \"total\": 5}"
        TABLE.GET made m => "{\"n\": 1.50}"
        TTL orders:o-2 => 100
        TYPE orders:o-1 => ReJSON-RL
        TABLE.DEL orders o-1 => 1
        TABLE.GET orders o-1 => nil
        "#,
    );
    b.flush();
    b.evict();
    b = b.crash();
    b.expect("TABLE.GET orders o-1 => nil");
    assert_eq!(b.run("TABLE.GET orders o-2"), r#""{\"state\": \"paid\"}""#);
    assert_eq!(b.db.count_keys(0).ok(), Some(2));
}

#[test]
fn what_takes_the_place_of_a_record_lies_elsewhere_and_only_there() {
    let b = Behind::new();
    b.run("SET orders:early text");
    b.flush();
    b.evict();
    b.run("TABLE.CREATE orders");
    b.expect("GET orders:early => \"text\"");
    b.run(r#"TABLE.PUT orders o {"n":1}"#);
    b.run(r#"TABLE.PUT orders early {"n":2}"#);
    b.flush();
    assert_eq!((b.row("orders:early"), record(&b, "orders", "early").is_some()), (None, true));
    b.run("SET orders:o text");
    b.flush();
    assert_eq!((b.text("orders:o").as_deref(), record(&b, "orders", "o")), (Some("text"), None));
    b.evict();
    b.expect("GET orders:o => \"text\"");
    b.run("DEL orders:o");
    b.flush();
    assert_eq!((b.row("orders:o"), record(&b, "orders", "o")), (None, None));
    assert_eq!(b.store.rows().len(), 1);
}

#[test]
fn a_dropped_table_is_gone_from_the_store() {
    let b = Behind::new();
    for number in 0..20 {
        b.run(&format!(r#"TABLE.PUT orders o{number} {{"n":1}}"#));
    }
    b.flush();
    b.evict();
    b.run("TABLE.GET orders o1");
    b.run("TABLE.DROP orders");
    b.expect("TABLE.GET orders o2 => nil");
    b.clock.advance(2000);
    b.flush();
    b.clock.advance(2000);
    b.flush();
    assert_eq!(b.store.rows().len(), 0);
    b.run("TABLE.CREATE orders");
    b.expect("TABLE.GET orders o3 => nil");
}

#[test]
fn a_flush_that_meets_a_change_of_others_goes_by_the_tables_rule() {
    for (rule, removed, wins) in [
        ("memory-wins", false, Some("mine")),
        ("store-wins", false, Some("theirs")),
        ("quarantine", false, Some("theirs")),
        ("memory-wins", true, Some("mine")),
        ("store-wins", true, None),
        ("quarantine", true, None),
    ] {
        let b = Behind::new();
        b.run(&format!("TABLE.CREATE orders ON CONFLICT {rule}"));
        b.run(r#"TABLE.PUT orders o {"by":"first"}"#);
        b.flush();
        b.run(r#"TABLE.PUT orders o {"by":"mine"}"#);
        let theirs = (!removed).then(|| Content::Record(r#"{"by": "theirs"}"#.to_owned()));
        b.store.write_outside(&Place::Table("orders".into()), b"o", theirs);
        // The flush comes before the look at what others have changed.
        b.flush();
        let expected = wins.map(|who| format!(r#"{{"by": "{who}"}}"#));
        assert_eq!(record(&b, "orders", "o"), expected, "{rule} {removed}");
        let quarantined = b.db.quarantined().ok().unwrap().len();
        assert_eq!(quarantined, usize::from(rule == "quarantine"), "{rule}");
        let here = if rule == "store-wins" { wins } else { Some("mine") };
        let here = here.map_or("nil".to_owned(), |who| format!(r#""{{\"by\": \"{who}\"}}""#));
        assert_eq!(b.run("TABLE.GET orders o"), here, "{rule} {removed}");
        if rule == "quarantine" {
            b.db.retry_quarantined(None).ok().unwrap();
            b.flush();
            assert_eq!(record(&b, "orders", "o").as_deref(), Some(r#"{"by": "mine"}"#));
        }
    }
}

#[test]
fn a_broken_table_holds_up_no_other() {
    let b = Behind::new();
    for number in 0..50 {
        b.run(&format!(r#"TABLE.PUT good g{number} {{"n":1}}"#));
        b.run(&format!(r#"TABLE.PUT bad b{number} {{"n":1}}"#));
        b.run(&format!("SET key{number} v"));
    }
    b.store.faults().broken.insert(Place::Table("bad".into()));
    b.flush();
    assert_eq!(b.store.rows().len(), 100);
    assert!(b.db.settled_lsn() < b.db.last_lsn(), "what is held back has not settled");
    b.expect(r#"TABLE.GET bad b1 => "{\"n\": 1}""#);
    b.run(r#"TABLE.PUT bad b1 {"n":2}"#);
    b.store.faults().broken.clear();
    b.clock.advance(10_000);
    b.flush();
    assert_eq!(b.store.rows().len(), 150);
    assert_eq!(record(&b, "bad", "b1").as_deref(), Some(r#"{"n": 2}"#));
    assert_eq!(b.db.settled_lsn(), b.db.last_lsn());
}

#[test]
fn a_key_that_somebody_needs_here_is_not_evicted_and_holds_up_nobody() {
    let b = Behind::new();
    b.run("SET a 1");
    b.run("SET b 1");
    b.flush();
    let kept = b.db.obtain_here(&Needs::Keys(vec![(0, b"a".as_slice().into())])).unwrap();
    assert_eq!((b.db.evict(10).unwrap(), b.evict()), (1, 0), "only the other one");
    drop(kept);
    assert_eq!(b.db.evict(10).unwrap(), 1);
}
