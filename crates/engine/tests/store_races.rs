//! What happens while a row is on its way: it must not be put over what came later.

use crate::common::{START_MS, show};
use crate::store::{Behind, try_open};
use parking_lot::Mutex;
use ramekin::io::mem::{ManualClock, MemDisk};
use ramekin::store::{
    Batch, Claim, Claimed, Conflict, Connection, Content, MemoryStore, Outside, Place, Position, Row, Store,
    StoreError, Table,
};
use ramekin::{Caller, Collector, Options, StoreOptions, StoreTuning, Waiter, command};
use std::sync::Arc;

type Hook = Box<dyn FnOnce(&Behind) + Send>;

/// A store in memory whose answers take their time: once it has read rows, or applied a batch, something else happens before
/// anybody hears of it.
#[derive(Clone)]
struct Late {
    inner: MemoryStore,
    /// What happens then, and to which database.
    then: Arc<Mutex<Then>>,
}

#[derive(Default)]
struct Then {
    behind: Option<Arc<Behind>>,
    loaded: Option<Hook>,
    applied: Option<Hook>,
}

struct LateConnection {
    inner: Box<dyn Connection>,
    then: Arc<Mutex<Then>>,
}

impl LateConnection {
    fn happen(&self, take: fn(&mut Then) -> Option<Hook>) {
        let (hook, behind) = {
            let mut then = self.then.lock();
            (take(&mut then), then.behind.clone())
        };
        if let (Some(hook), Some(behind)) = (hook, behind) {
            hook(&behind);
        }
    }
}

impl Store for Late {
    fn kind(&self) -> &'static str {
        "late"
    }
    fn describe(&self) -> String {
        "late".to_owned()
    }
    fn notices_outside(&self) -> bool {
        true
    }
    fn connect(&self) -> Result<Box<dyn Connection>, StoreError> {
        let inner = self.inner.connect()?;
        Ok(Box::new(LateConnection { inner, then: Arc::clone(&self.then) }))
    }
}

impl Connection for LateConnection {
    fn claim(&mut self, claim: &Claim) -> Result<Claimed, StoreError> {
        self.inner.claim(claim)
    }
    fn release(&mut self, epoch: u64) -> Result<(), StoreError> {
        self.inner.release(epoch)
    }
    fn define(&mut self, table: &Table) -> Result<(), StoreError> {
        self.inner.define(table)
    }
    fn tables(&mut self) -> Result<Vec<Table>, StoreError> {
        self.inner.tables()
    }
    fn drop_table(&mut self, table: &Table, epoch: u64) -> Result<(), StoreError> {
        self.inner.drop_table(table, epoch)
    }
    fn apply(&mut self, batch: &Batch) -> Result<Vec<(usize, Conflict)>, StoreError> {
        let applied = self.inner.apply(batch);
        self.happen(|then| then.applied.take());
        applied
    }
    fn position(&mut self, lane: u32, epoch: u64) -> Result<Position, StoreError> {
        self.inner.position(lane, epoch)
    }
    fn load(&mut self, keys: &[(Place, Vec<u8>)]) -> Result<Vec<Option<Row>>, StoreError> {
        let rows = self.inner.load(keys);
        self.happen(|then| then.loaded.take());
        rows
    }
    fn page(
        &mut self,
        place: &Place,
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        self.inner.page(place, after, limit, now_ms)
    }
    fn count(&mut self, place: &Place, now_ms: u64) -> Result<u64, StoreError> {
        self.inner.count(place, now_ms)
    }
    fn remove_expired(
        &mut self,
        place: &Place,
        before_ms: u64,
        limit: usize,
        epoch: u64,
    ) -> Result<usize, StoreError> {
        self.inner.remove_expired(place, before_ms, limit, epoch)
    }
    fn empty(&mut self, place: &Place, upto_version: u64, epoch: u64) -> Result<(), StoreError> {
        self.inner.empty(place, upto_version, epoch)
    }
    fn outside(&mut self, limit: usize) -> Result<Vec<Outside>, StoreError> {
        self.inner.outside(limit)
    }
    fn forget_outside(&mut self, ids: &[u64]) -> Result<(), StoreError> {
        self.inner.forget_outside(ids)
    }
}

/// A database whose store answers late.
struct Racing {
    b: Arc<Behind>,
    then: Arc<Mutex<Then>>,
}

impl Racing {
    fn new() -> Self {
        let (disk, clock) = (Arc::<MemDisk>::default(), Arc::<ManualClock>::default());
        clock.advance(START_MS);
        let store = MemoryStore::new();
        let then = Arc::<Mutex<Then>>::default();
        let late = Late { inner: store.clone(), then: Arc::clone(&then) };
        let mut behind = StoreOptions::new(Arc::new(late));
        (behind.evict_interval_ms, behind.may_flush) = (0, true);
        let options = Options { shards: 4, threads: false, store: Some(behind), ..Options::default() };
        let db = try_open(&disk, &clock, &options).unwrap();
        let b = Arc::new(Behind { db, disk, clock, store });
        then.lock().behind = Some(Arc::clone(&b));
        Self { b, then }
    }

    fn when_loaded(&self, hook: impl FnOnce(&Behind) + Send + 'static) {
        self.then.lock().loaded = Some(Box::new(hook));
    }

    fn when_applied(&self, hook: impl FnOnce(&Behind) + Send + 'static) {
        self.then.lock().applied = Some(Box::new(hook));
    }
}

impl Drop for Racing {
    fn drop(&mut self) {
        *self.then.lock() = Then::default();
    }
}

fn theirs(b: &Behind, key: &str) {
    b.store.write_outside(&Place::Keys(0), key.as_bytes(), Some(Content::Whole(0, b"theirs".to_vec())));
    b.clock.advance(1000);
    b.db.settle_step();
}

#[test]
fn a_row_is_not_put_over_what_happened_while_it_was_read() {
    let settle_and_leave = |b: &Behind| {
        b.flush();
        b.evict();
    };
    let cases: Vec<(&str, Hook, &str)> = vec![
        ("set", Box::new(|b| drop(b.run("SET k new"))), "\"new\""),
        (
            "set and gone from memory",
            Box::new(move |b| {
                b.run("SET k new");
                settle_and_leave(b);
            }),
            "\"new\"",
        ),
        (
            "deleted",
            Box::new(|b| {
                b.run("SET k new");
                b.run("DEL k");
            }),
            "nil",
        ),
        (
            "deleted and settled",
            Box::new(move |b| {
                b.run("SET k new");
                b.run("DEL k");
                settle_and_leave(b);
            }),
            "nil",
        ),
        ("written by others", Box::new(|b| theirs(b, "k")), "\"theirs\""),
        ("expired", Box::new(|b| b.clock.advance(100_001)), "nil"),
        ("flushed", Box::new(|b| drop(b.run("FLUSHALL"))), "nil"),
        (
            "emptied by others",
            Box::new(|b| {
                b.store.empty_outside(&Place::Keys(0));
                b.clock.advance(1000);
                b.db.settle_step();
            }),
            "nil",
        ),
    ];
    for (what, hook, expected) in cases {
        let r = Racing::new();
        r.b.run("SET k old PX 100000");
        r.b.flush();
        assert_eq!(r.b.evict(), 1);
        r.then.lock().loaded = Some(hook);
        r.b.run("EXISTS k");
        assert!(r.then.lock().loaded.is_none(), "{what}");
        assert_eq!(r.b.run("GET k"), expected, "{what}");
        r.b.flush();
        r.b.evict();
        assert_eq!(r.b.run("GET k"), expected, "{what}, once more from the store");
    }
}

#[test]
fn a_row_that_was_flushed_does_not_come_back_after_the_flush_has_ended() {
    let r = Racing::new();
    r.b.run("SET k old");
    r.b.flush();
    r.b.evict();
    r.b.run("FLUSHALL");
    // The row is read, and only then removed.
    r.when_loaded(|b| {
        b.clock.advance(2000);
        b.db.settle_step();
        assert_eq!(b.store.rows().len(), 0);
    });
    r.b.expect("GET k => nil");
    r.b.flush();
    r.b.expect("GET k => nil");
}

#[test]
fn a_write_after_a_flush_is_no_change_of_the_row_that_was_flushed() {
    let r = Racing::new();
    r.b.run("TABLE.CREATE orders ON CONFLICT store-wins");
    r.b.run(r#"TABLE.PUT orders o {"n":1}"#);
    r.when_applied(|b| {
        b.run("FLUSHALL");
        b.run(r#"TABLE.PUT orders o {"n":2}"#);
    });
    r.b.flush();
    for _ in 0..3 {
        r.b.clock.advance(2000);
        r.b.flush();
    }
    r.b.expect(r#"TABLE.GET orders o => "{\"n\": 2}""#);
    assert_eq!(crate::store::record(&r.b, "orders", "o").as_deref(), Some(r#"{"n": 2}"#));
}

#[test]
fn what_changes_while_it_settles_settles_again() {
    for (line, expected) in
        [("SET k 2", Some("2")), ("DEL k", None), ("APPEND k x", Some("1x")), ("PERSIST k", Some("1"))]
    {
        let r = Racing::new();
        r.b.run("SET k 1 EX 1000");
        r.when_applied(move |b| drop(b.run(line)));
        r.b.flush();
        r.b.flush();
        assert_eq!(r.b.text("k").as_deref(), expected, "{line}");
        let stats = r.b.db.store_stats().unwrap();
        assert_eq!((stats.unsettled_records, stats.unsettled_bytes), (0, 0), "{line}");
    }
}

/// Runs a command that has to wait; its answer comes to `answers`.
pub(crate) fn wait(b: &Behind, line: &str, answers: &Arc<Mutex<Vec<String>>>) -> Arc<Waiter> {
    let args: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
    let command = command::resolve(&args).unwrap();
    let mut kept = Vec::new();
    loop {
        let (answers, name) = (Arc::clone(answers), line.to_owned());
        let deliver = move |(response, _)| answers.lock().push(format!("{name}: {}", show(&response)));
        let (mut caller, mut out) = (Caller::at(b.db.now_ms()), Collector::new());
        let (ran, waiter) = b.db.run_or_wait(&mut caller, command, &args, &mut out, Box::new(deliver));
        match (waiter, ran.needs) {
            (Some(waiter), _) => return waiter,
            (None, Some(needs)) => kept.push(b.db.obtain_here(&needs).unwrap()),
            (None, None) => panic!("the command has to wait"),
        }
    }
}

#[test]
fn who_waits_behind_another_is_served_once_the_row_is_known() {
    let b = Behind::new();
    let answers = Arc::default();
    let _first = wait(&b, "BLPOP k0 0", &answers);
    let _second = wait(&b, "BLPOP k0 k1 0", &answers);
    // Nothing is known of the first key any more.
    b.store.write_outside(&Place::Keys(0), b"k0", None);
    b.store.write_outside(&Place::Keys(0), b"k0", Some(Content::Whole(0, b"x".to_vec())));
    b.store.write_outside(&Place::Keys(0), b"k0", None);
    b.clock.advance(1000);
    b.db.settle_step();
    b.run("RPUSH k1 x");
    (0..5).for_each(|_| b.db.settle_step());
    assert_eq!(*answers.lock(), [r#"BLPOP k0 k1 0: ["k1", "x"]"#]);
    b.run("RPUSH k0 y");
    assert_eq!(answers.lock().last().unwrap(), r#"BLPOP k0 0: ["k0", "y"]"#);
}

#[test]
fn who_waits_for_what_cannot_be_had_does_not_keep_asking() {
    let b = Behind::new();
    b.run("RPUSH to 1");
    let answers = Arc::default();
    let _waiter = wait(&b, "BLMOVE from to LEFT RIGHT 0", &answers);
    b.flush();
    b.evict();
    b.run("EXISTS from");
    b.store.faults().down = true;
    b.run("RPUSH from x");
    let before = b.db.store_stats().unwrap().fetches;
    (0..100).for_each(|_| b.db.settle_step());
    let asked = b.db.store_stats().unwrap().fetches - before;
    assert!((1..=3).contains(&asked), "{asked}");
    b.store.faults().down = false;
    b.clock.advance(1000);
    (0..5).for_each(|_| b.db.settle_step());
    assert_eq!(*answers.lock(), [r#"BLMOVE from to LEFT RIGHT 0: "x""#]);
    b.expect(r#"LRANGE to 0 -1 => ["1", "x"]"#);
}

#[test]
fn keys_are_counted_while_a_flush_is_under_way() {
    let b = Behind::new();
    b.db.tune_store(&StoreTuning { may_flush: Some(true), ..StoreTuning::default() });
    b.run("TABLE.CREATE orders");
    assert_eq!(b.db.count_keys(0).ok(), Some(0), "the store has not heard of the table yet");
    b.run("MSET a 1 b 2");
    b.flush();
    b.clock.advance(60_000);
    b.flush();
    b.run("FLUSHALL");
    b.run("MSET b 3 c 4 d 5");
    // Nothing is removed from the store before it is time.
    b.flush();
    assert_eq!(b.db.count_keys(0).ok(), Some(3));
    b.evict();
    assert_eq!(b.db.count_keys(0).ok(), Some(3));
    b.expect("GET b => \"3\"");
    b.clock.advance(2000);
    b.flush();
    assert_eq!((b.db.count_keys(0).ok(), b.store.rows().len()), (Some(3), 3));
}

#[test]
fn a_change_that_is_on_its_way_to_the_store_is_not_given_up() {
    let b = Behind::new();
    b.run("SET bad old");
    b.flush();
    b.store.faults().refuse(|_| true);
    b.run("SET bad new");
    b.flush();
    b.db.retry_quarantined(None).ok().unwrap();
    b.store.faults().down = true;
    b.flush();
    assert!(b.db.skip_quarantined(0, b"bad").is_err(), "a lane has it in hand");
    b.store.faults().down = false;
    b.clock.advance(10_000);
    b.flush();
    assert_eq!(b.db.skip_quarantined(0, b"bad").ok(), Some(true));
    b.flush();
    b.expect("GET bad => \"old\"");
    assert_eq!(b.db.quarantined().ok().unwrap(), []);
}

#[test]
fn tags_are_refused_where_the_store_does_not_keep_them() {
    let racing = Racing::new();
    racing.b.expect(
        "
        SET k v => OK
        TAG.ADD k a => ERR the store behind does not keep tags
        TAG.OF k => ERR the store behind does not keep tags
        TAG.KEYS ANY a => ERR the store behind does not keep tags
        TAG.LIST => ERR the store behind does not keep tags
        RENAME k l => OK
        ",
    );
}
