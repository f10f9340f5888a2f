//! Settling: what is in memory reaches the store behind it, exactly once, and comes back from there.
//!
//! Owns the threads between memory and a store: a few *lanes* that take changes there ([`lane`]), loaders that fetch rows
//! ([`loader`]), and a keeper that looks for what others have changed, what has expired and what is idle ([`keeper`]).
//!
//! What must hold:
//!
//! - Only what is durable in the log is taken to the store: after a crash the store is never ahead of the log.
//! - A lane has one batch under way at a time. What became of it is known before the next one is begun.
//! - The watermark that a batch carries lies below every change of the lane that is neither in the store with it nor set
//!   aside: what lies above is unsettled when the folder is opened again.
//! - No lock of a shard is held while the store is asked for anything.

mod change;
mod cold;
mod cursors;
mod fresh;
mod keeper;
mod lane;
mod loader;
mod quarantine;
mod recover;
mod rest;
mod select;
mod stats;
mod tables;
mod tagged;
mod tell;
mod unique;

pub(crate) use recover::{address_of, detach};

pub(crate) use cold::Beyond;
pub use cold::{ColdKeys, PageStart, PlaceKeys};
pub use quarantine::Quarantined;
pub(crate) use select::Unheld;
pub use stats::{Durations, StoreStats};
pub use tell::Tell;

use self::loader::Loader;
use self::quarantine::Quarantine;
use self::rest::Rest;
use self::stats::Stats;
use self::tell::Teller;
use crate::error::Error;
use crate::io::Clock;
use crate::keyspace::settling::{Asked, Ready, Settling, Waiting};
use crate::log::Lsn;
use crate::shard::{FENCED, Needs, Shards};
use crate::store::{Connection, Store, StoreError};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a thread sleeps at most before it looks whether there is something to do.
const LOOK_PERIOD: Duration = Duration::from_millis(50);

/// How often it is looked whether threads have ended, and for how long once they should have.
const STOP_LOOK_PERIOD: Duration = Duration::from_millis(2);
const STOP_GRACE: Duration = Duration::from_millis(500);

/// What an operator decides when a folder and a store do not belong together yet, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// What is in memory counts: all of it is written to the store.
    Memory,
    /// What the store has counts: what is in memory is dropped.
    Store,
}

/// How a store is used.
#[derive(Clone)]
pub struct StoreOptions {
    /// The store.
    pub store: Arc<dyn Store>,
    /// No change waits longer than this to be settled, in milliseconds.
    pub flush_interval_ms: u64,
    /// Nor does it wait once so many bytes are unsettled.
    pub flush_bytes: u64,
    /// So many bytes may be unsettled.
    pub unsettled_bytes_max: u64,
    /// Beyond that writes are refused; otherwise they wait.
    pub refuses_at_max: bool,
    /// Rows that the store does not take are set aside, up to so many bytes.
    pub quarantine_bytes_max: u64,
    /// A key that was not used for so long leaves memory, in milliseconds; 0: never for that reason.
    pub evict_interval_ms: u64,
    /// What others have changed is looked for so often, in milliseconds.
    pub outside_interval_ms: u64,
    /// Lanes, each with a connection of its own.
    pub lanes: u32,
    /// Connections that fetch rows.
    pub loaders: u32,
    /// `FLUSHALL` and `FLUSHDB` remove rows too.
    pub may_flush: bool,
    /// Only look: nothing is settled.
    pub read_only: bool,
    /// A decision of the operator's, to be given once.
    pub attach: Option<Attach>,
    /// How long the last flush may take when the database is closed, in milliseconds.
    pub close_ms: u64,
    /// Who is told what the operator has to know.
    pub tell: Option<Tell>,
}

impl StoreOptions {
    /// The usual way to use a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            flush_interval_ms: 30_000,
            flush_bytes: 16 << 20,
            unsettled_bytes_max: 1 << 30,
            refuses_at_max: false,
            quarantine_bytes_max: 64 << 20,
            evict_interval_ms: 60_000,
            outside_interval_ms: 500,
            lanes: 2,
            loaders: 4,
            may_flush: false,
            read_only: false,
            attach: None,
            close_ms: 10_000,
            tell: None,
        }
    }
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions").field("store", &self.store.describe()).finish_non_exhaustive()
    }
}

/// What can be changed while a store is in use, as in [`StoreOptions`].
pub(crate) struct Knobs {
    pub(crate) flush_interval_ms: AtomicU64,
    pub(crate) flush_bytes: AtomicU64,
    pub(crate) quarantine_bytes_max: AtomicU64,
    pub(crate) evict_interval_ms: AtomicU64,
    pub(crate) outside_interval_ms: AtomicU64,
}

/// The side of a database towards its store.
pub(crate) struct Settle {
    pub(crate) shards: Arc<Shards>,
    pub(crate) store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pub(crate) knobs: Knobs,
    pub(crate) stats: Stats,
    pub(crate) quarantine: Quarantine,
    epoch: u64,
    /// A version is a number of the log and this.
    base: u64,
    read_only: bool,
    close_ms: u64,
    opened_ms: u64,
    lanes: Box<[LaneState]>,
    /// The highest number of a change that is known to have been applied, by any lane.
    applied: AtomicU64,
    flights: lane::Flights,
    /// Who works a lane has it.
    workers: Box<[Mutex<lane::Worker>]>,
    loader: Loader,
    keeper: Mutex<keeper::Keeper>,
    /// Connections for questions that are seldom.
    spare: Mutex<Vec<Box<dyn Connection>>>,
    tables: Mutex<tables::Tables>,
    pub(crate) cursors: Mutex<cursors::Cursors>,
    /// Tables that queries had to ask the store for.
    wanted: Mutex<BTreeSet<Arc<str>>>,
    /// The log knows for sure that it was this late.
    noted_ms: AtomicU64,
    /// Tables whose indexes the store may not have.
    pub(crate) indexes_due: Mutex<BTreeSet<Box<str>>>,
    waits: Mutex<Waits>,
    /// Everything that has changed is due.
    flush_all: AtomicBool,
    /// Who is told of progress, and up to which number they were; the highest one: that there will be none.
    on_progress: OnceLock<Box<dyn Fn() + Send + Sync>>,
    told_lsn: AtomicU64,
    is_fenced: AtomicBool,
    /// All that was in memory when the folder got its store has settled once this number has; 0: it has.
    filled_at: AtomicU64,
    rest: Rest,
    teller: Teller,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Who waits for what.
#[derive(Default)]
struct Waits {
    /// For all changes up to this number.
    settled: Vec<(Lsn, Arc<Waiting>)>,
    /// The same, but not if the store fails meanwhile.
    flushes: Vec<(Lsn, Arc<Waiting>)>,
    /// The same, of those who are told of all progress.
    requested: Lsn,
    /// For less to be unsettled.
    room: Vec<Arc<Waiting>>,
    /// Nobody is let wait any more.
    is_closed: bool,
}

/// How far a lane has come.
struct LaneState {
    /// All changes up to this number have settled or are set aside.
    watermark: AtomicU64,
    /// When the oldest change happened that has been taken from memory and has not settled, or is held back; `u64::MAX`: there is
    /// none.
    taken_ms: AtomicU64,
}

impl Settle {
    /// The time, by the clock that the database was opened with.
    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// All changes up to this number are in the store, or set aside.
    pub(crate) fn settled_lsn(&self) -> Lsn {
        self.lanes.iter().map(|lane| lane.watermark.load(Relaxed)).min().unwrap_or(0)
    }

    /// Has everything that has changed so far settled, and calls `ready` then, or with why it has not once the store has failed
    /// several times.
    pub(crate) fn flush(&self, ready: Ready) {
        if let Some(text) = self.lost() {
            return ready(Err(text.to_owned()));
        }
        let lsn = self.shards.log.as_ref().map_or(0, crate::log::Log::appended);
        {
            let mut waits = self.waits.lock();
            if waits.is_closed {
                drop(waits);
                return ready(Err(loader::CLOSED.to_owned()));
            }
            waits.flushes.push((lsn, Waiting::new(1, ready)));
        }
        self.flush_all.store(true, Relaxed);
        self.kick();
    }

    /// Has what has changed up to this number settled as soon as may be.
    pub(crate) fn request(&self, lsn: Lsn) {
        if lsn <= self.settled_lsn() {
            return;
        }
        let mut waits = self.waits.lock();
        if waits.requested >= lsn {
            return;
        }
        waits.requested = lsn;
        drop(waits);
        self.flush_all.store(true, Relaxed);
        self.kick();
    }

    /// From now on this is called when more has settled, or nothing will any more; once for each database.
    pub(crate) fn on_progress(&self, f: Box<dyn Fn() + Send + Sync>) {
        // There is one server over a database.
        let _ = self.on_progress.set(f);
    }

    /// Why nothing will settle any more.
    pub(crate) fn lost(&self) -> Option<&'static str> {
        if self.read_only {
            return Some("READONLY the store is only looked at (store-read-only): nothing settles");
        }
        self.is_fenced.load(Relaxed).then_some(FENCED)
    }

    /// The same for what has changed up to this number.
    pub(crate) fn wait_settled(&self, lsn: Lsn, ready: Ready) {
        let waiting = Waiting::new(1, ready);
        if self.read_only {
            let is_settled = lsn <= self.settled_lsn() || self.unsettled().0 == 0;
            return waiting.happened(self.lost().filter(|_| !is_settled));
        }
        let closed = {
            let mut waits = self.waits.lock();
            if waits.is_closed {
                Some(waiting)
            } else {
                waits.settled.push((lsn, waiting));
                None
            }
        };
        if let Some(waiting) = closed {
            let is_settled = lsn <= self.settled_lsn();
            return waiting.happened((!is_settled).then_some(loader::CLOSED));
        }
        self.flush_all.store(true, Relaxed);
        self.kick();
    }

    /// Wakes all threads.
    pub(crate) fn kick(&self) {
        self.rest.kick();
    }

    /// Gets what a command needs, and calls `ready` then.
    pub(crate) fn obtain(self: &Arc<Self>, needs: &Needs, ready: WhenObtained) {
        let Needs::Keys(keys) = needs else {
            let waiting = Waiting::new(
                1,
                Box::new(|outcome| ready(outcome.map(|()| Obtained { settle: None, pins: Vec::new() }))),
            );
            let mut waits = self.waits.lock();
            if waits.is_closed {
                drop(waits);
                return waiting.happened(Some(loader::CLOSED));
            }
            waits.room.push(waiting);
            drop(waits);
            return self.kick();
        };
        let pins: Vec<_> = keys.iter().map(|(db, key)| (*db, self.shards.keyspace.hash(key))).collect();
        let obtained = Obtained { settle: Some(Arc::clone(self)), pins };
        let waiting = Waiting::new(keys.len(), Box::new(move |outcome| ready(outcome.map(|()| obtained))));
        for (db, key) in keys {
            self.ask(*db, key, &waiting);
        }
    }

    fn ask(&self, db: u32, key: &[u8], waiting: &Arc<Waiting>) {
        let keyspace = &self.shards.keyspace;
        let hash = keyspace.hash(key);
        let shard = keyspace.shard_of(hash);
        let asked = {
            let mut part = keyspace.lock(shard);
            keyspace.space_in(shard, &mut part, db).ask(hash, key, waiting)
        };
        match asked {
            Asked::Here => waiting.happened(None),
            Asked::Coming => {}
            Asked::Ask => self.fetch(db, key, hash),
        }
    }

    /// Tells those who wait, after something has settled or failed.
    fn tell_waiting(&self) {
        let settled = self.settled_lsn();
        let unsettled = self.shards.keyspace.unsettled().map_or(0, |totals| totals.bytes());
        let max = self.shards.behind.unsettled_bytes_max.load(Relaxed);
        let mut told = Vec::new();
        let is_full = {
            let mut waits = self.waits.lock();
            let mut is_left = |(lsn, waiting): &(Lsn, Arc<Waiting>)| {
                let is_there = *lsn <= settled;
                if is_there {
                    told.push(Arc::clone(waiting));
                }
                !is_there
            };
            waits.settled.retain(&mut is_left);
            waits.flushes.retain(&mut is_left);
            if waits.settled.is_empty() && waits.flushes.is_empty() && waits.requested <= settled {
                self.flush_all.store(false, Relaxed);
            }
            if unsettled < max {
                told.append(&mut waits.room);
            }
            !waits.room.is_empty()
        };
        self.tell_full(is_full);
        told.iter().for_each(|waiting| waiting.happened(None));
        if self.told_lsn.fetch_max(settled, Relaxed) < settled {
            self.tell_progress();
        }
    }

    fn tell_progress(&self) {
        if let Some(f) = self.on_progress.get() {
            f();
        }
    }

    /// The store has failed a lane for a while: whoever asked for a flush is told, and what has changed stays unsettled.
    fn fail_flushes(&self, error: &StoreError) {
        let flushes = std::mem::take(&mut self.waits.lock().flushes);
        if flushes.is_empty() {
            return;
        }
        let text = format!("STOREDOWN not everything has settled, and will later: {error}");
        let text = text.replace(['\r', '\n'], " ");
        flushes.iter().for_each(|(_, waiting)| waiting.happened(Some(&text)));
    }

    /// Nobody waits for ever: what cannot be had any more is told.
    fn fail_waiting(&self, text: &str) {
        let (settled, flushes, room) = {
            let mut waits = self.waits.lock();
            waits.requested = 0;
            let waits = &mut *waits;
            (
                std::mem::take(&mut waits.settled),
                std::mem::take(&mut waits.flushes),
                std::mem::take(&mut waits.room),
            )
        };
        settled.iter().chain(&flushes).for_each(|(_, waiting)| waiting.happened(Some(text)));
        room.iter().for_each(|waiting| waiting.happened(Some(text)));
        self.loader.fail_all(&self.shards, text);
        if self.told_lsn.swap(u64::MAX, Relaxed) != u64::MAX {
            self.tell_progress();
        }
    }

    /// How things are.
    pub(crate) fn stats(&self) -> StoreStats {
        let (stats, now_ms) = (&self.stats, self.now_ms());
        let (unsettled_records, unsettled_bytes) = self.unsettled();
        let percentiles = |durations: &Durations| [0.5, 0.99, 0.999].map(|share| durations.percentile(share));
        let (last_error_ms, last_error) = stats.last_error();
        let oldest = self.oldest_change_ms().map(|at| if at == 0 { self.opened_ms } else { at });
        let appended = self.shards.log.as_ref().map_or(0, crate::log::Log::appended);
        StoreStats {
            kind: self.store.kind().to_owned(),
            address: self.store.describe(),
            warnings: self.store.warnings(),
            is_up: !self.shards.behind.is_down.load(Relaxed),
            is_fenced: self.is_fenced.load(Relaxed),
            read_only: self.read_only,
            epoch: self.epoch,
            unsettled_records,
            unsettled_bytes,
            lag_ms: oldest.map_or(0, |at| now_ms.saturating_sub(at)),
            lag_lsn: if oldest.is_none() { 0 } else { appended.saturating_sub(self.settled_lsn()) },
            batches: stats.batches.load(Relaxed),
            rows: stats.rows.load(Relaxed),
            batch_micros: percentiles(&stats.batch_time),
            last_batch_ms: stats.last_batch_ms(),
            fetches: stats.fetches.load(Relaxed),
            fetched: stats.fetched.load(Relaxed),
            fetch_micros: percentiles(&stats.fetch_time),
            evicted: self.shards.behind.evicted.load(Relaxed),
            conflicts: stats.conflicts.load(Relaxed),
            outside: stats.outside.load(Relaxed),
            expired: stats.expired.load(Relaxed),
            quarantined: self.quarantine.len() as u64,
            quarantined_bytes: self.quarantine.bytes(),
            errors: stats.errors.load(Relaxed),
            last_error_ms,
            last_error,
            connections: stats.connections.load(Relaxed),
        }
    }

    /// Exactly how many changes have not settled, and their bytes.
    fn unsettled(&self) -> (u64, u64) {
        let keyspace = &self.shards.keyspace;
        let mut sum = (0, 0);
        for shard in 0..keyspace.shards() {
            let part = keyspace.lock(shard);
            for db in 0..keyspace.databases() {
                let settling = part.space(keyspace.space_of(db)).and_then(|space| space.settling());
                let (records, bytes) = settling.map_or((0, 0), Settling::unsettled);
                sum = (sum.0 + records, sum.1 + bytes);
            }
        }
        sum
    }

    /// Does what the threads would do, once.
    pub(crate) fn step(&self) {
        let mut connection = self.spare.lock().pop();
        self.load_step(&mut connection, None);
        self.spare.lock().extend(connection);
        for number in 0..self.workers.len() {
            self.lane_step(number);
        }
        self.keep_step();
        self.tell_waiting();
        if self.is_fenced.load(Relaxed) {
            self.fail_waiting(FENCED);
        }
    }

    fn note_up(&self) {
        let is_down = &self.shards.behind.is_down;
        if is_down.load(Relaxed) && is_down.swap(false, Relaxed) {
            self.tell_up();
        }
    }

    fn note_failure(&self, error: &StoreError) {
        use crate::store::ErrorKind::{Fenced, InDoubt, Unavailable};
        self.stats.note_error(error, self.now_ms());
        let behind = &self.shards.behind;
        if matches!(error.kind, Unavailable | InDoubt) && !behind.is_down.swap(true, Relaxed) {
            self.tell_down(error);
        }
        if error.kind == Fenced {
            behind.is_fenced.store(true, Relaxed);
            if !self.is_fenced.swap(true, Relaxed) {
                self.tell_fenced(error);
            }
        }
    }

    fn connect(&self) -> Result<Box<dyn Connection>, StoreError> {
        self.store.connect().inspect(|_| {
            self.stats.connections.fetch_add(1, Relaxed);
        })
    }

    /// Whether the threads are to end; lanes flush until the deadline first.
    fn is_stopping(&self) -> bool {
        self.rest.is_stopping()
    }

    fn is_past_deadline(&self) -> bool {
        self.rest.is_stopping() && self.clock.monotonic() >= self.rest.deadline()
    }

    /// Starts the threads.
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), Error> {
        let mut threads = self.threads.lock();
        let mut spawn = |name: String, work: Box<dyn FnOnce() + Send>| {
            let spawned = std::thread::Builder::new().name(name).spawn(work);
            spawned
                .map(|thread| threads.push(thread))
                .map_err(|error| Error::from_os("cannot start a thread", error))
        };
        if !self.read_only {
            for number in 0..self.workers.len() {
                let settle = Arc::clone(self);
                spawn(format!("lane-{number}"), Box::new(move || settle.work_lane(number)))?;
            }
        }
        let settle = Arc::clone(self);
        spawn("keeper".to_owned(), Box::new(move || settle.work_keeper()))?;
        drop(threads);
        self.start_loaders()
    }

    /// Has so many threads fetch from now on, if there are threads at all. Those that are too many end by themselves.
    pub(crate) fn set_loaders(self: &Arc<Self>, loaders: u32, has_threads: bool) {
        self.loader.set_threads(loaders);
        if has_threads {
            // Where no more can be started, those that are there go on.
            let _ = self.start_loaders();
        }
    }

    fn start_loaders(self: &Arc<Self>) -> Result<(), Error> {
        let mut threads = self.threads.lock();
        threads.retain(|thread| !thread.is_finished());
        while !self.is_stopping() && self.loader.lacks_thread() {
            let settle = Arc::clone(self);
            let spawned =
                std::thread::Builder::new().name("fetch".to_owned()).spawn(move || settle.work_loader());
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    self.loader.uncount_thread();
                    return Err(Error::from_os("cannot start a thread", error));
                }
            }
        }
        Ok(())
    }

    /// Settles what is unsettled, for as long as a stop may take, gives the store up and ends the threads. What has not settled by
    /// then is in the log, and will once the folder is opened again.
    pub(crate) fn close(&self) {
        let time = Duration::from_millis(self.close_ms);
        if !self.rest.stop(self.clock.monotonic().saturating_add(time)) {
            return;
        }
        self.loader.wake();
        let are_ended = self.end_threads();
        self.waits.lock().is_closed = true;
        self.loader.close();
        self.fail_waiting(loader::CLOSED);
        let is_lost = self.is_fenced.load(Relaxed) || self.shards.behind.is_down.load(Relaxed);
        if are_ended && !self.read_only && !is_lost {
            // If it cannot be given up now, the next owner finds it dead.
            let _ = self.connect().and_then(|mut connection| connection.release(self.epoch));
        }
    }
}

impl Settle {
    /// Waits for the threads. Those that the store keeps waiting when time is up are left: what they have under way is in the
    /// log, and in the store once at most. False if there are such.
    fn end_threads(&self) -> bool {
        let mut threads = std::mem::take(&mut *self.threads.lock());
        let deadline = self.rest.deadline().saturating_add(STOP_GRACE);
        loop {
            for thread in threads.extract_if(.., |thread| thread.is_finished()) {
                // A panic of that thread has been reported where it happened.
                let _ = thread.join();
            }
            if threads.is_empty() || self.clock.monotonic() >= deadline {
                return threads.is_empty();
            }
            std::thread::sleep(STOP_LOOK_PERIOD);
        }
    }
}

/// Is called once a command can be run again, or with the reply that says why not.
pub type WhenObtained = Box<dyn FnOnce(Result<Obtained, String>) + Send>;

/// What a command needs is here, and stays for as long as this is kept.
pub struct Obtained {
    settle: Option<Arc<Settle>>,
    pins: Vec<(u32, u64)>,
}

impl std::fmt::Debug for Obtained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Obtained").field("keys", &self.pins.len()).finish_non_exhaustive()
    }
}

impl Drop for Obtained {
    fn drop(&mut self) {
        let Some(settle) = &self.settle else { return };
        let keyspace = &settle.shards.keyspace;
        for &(db, hash) in &self.pins {
            let mut part = keyspace.lock(keyspace.shard_of(hash));
            if let Some(space) = part.space_mut(keyspace.space_of(db)) {
                space.unpin(hash);
            }
        }
    }
}
