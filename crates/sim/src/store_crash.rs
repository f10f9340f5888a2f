//! A database with a store behind it, of which the disk, the store or the process fails at any time, and a model of both.
//!
//! The model is a second database, in memory and without a store, in which every command that was done is run again at the
//! same time: what a client sees must not depend on what has settled or was evicted. A journal of these commands, each with
//! the last record of the log that it made, tells what of them a crash has left: the model is made anew from that part. Keys
//! that others write are known to [`others`] instead, and every batch is looked at by [`watch`].
//!
//! Once all is quiet (`Run::quiesce`) the store has exactly the rows of the model, everything that is not in quarantine is
//! settled and can be evicted, and what is read back is what it was.

pub mod others;
mod run;
mod strain;
pub mod watch;

pub use run::Run;
pub use strain::Strain;

use crate::clock::SimClock;
use crate::db_crash::options;
use crate::log_crash::Crash;
use crate::workload::{Call, DATABASES};
use others::Other;
use ramekin::command;
use ramekin::error::Error;
use ramekin::io::mem::{Faults, MemDisk};
use ramekin::io::{Clock as _, SeededRng};
use ramekin::log::{AppendFsync, Lsn};
use ramekin::{Attach, Caller, Collector, Database, Options, Response, StoreOptions};
use std::sync::Arc;
use watch::Watch;

/// How one life is lived.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Decides on the work.
    pub seed: u64,
    /// How many steps of work there are.
    pub steps: u32,
    /// What goes wrong with the disk.
    pub faults: Faults,
    /// At which of its calls of the store the process dies.
    pub store_crash: Option<u64>,
    /// How many lanes there are.
    pub lanes: u32,
    /// What makes it harder.
    pub strain: Strain,
    /// The step at which somebody else claims the store.
    pub fenced_at: Option<u32>,
    /// What counts where folder and store do not belong together.
    pub attach: Option<Attach>,
    /// Whether all has settled, is evicted and compared at the end.
    pub quiesces: bool,
    /// Whether the database is closed at the end.
    pub closes: bool,
}

impl Life {
    /// Work that ends in quiet.
    #[must_use]
    pub fn new(seed: u64, steps: u32) -> Self {
        let lanes = 1 + u32::from(seed % 3 == 1);
        let faults = Faults::default();
        Self {
            seed,
            steps,
            faults,
            store_crash: None,
            lanes,
            strain: Strain::default(),
            fenced_at: None,
            attach: None,
            quiesces: true,
            closes: seed.is_multiple_of(5),
        }
    }

    /// The same, made harder.
    #[must_use]
    pub fn strained(seed: u64, steps: u32) -> Self {
        let lanes = 1 + u32::try_from(seed % 4).expect("it is small");
        Self { lanes, strain: Strain::of(seed), ..Self::new(seed, steps) }
    }
}

/// What outlives the process.
pub struct World {
    /// The folder.
    pub disk: MemDisk,
    /// The time.
    pub clock: Arc<SimClock>,
    /// The store.
    pub store: Watch,
    model: Model,
    /// Versions in the store are numbers of the log.
    is_first_folder: bool,
}

/// What was done, and how much of it must come back.
struct Model {
    reference: Database,
    journal: Vec<Done>,
    others: Vec<Other>,
    written: Lsn,
    durable: Lsn,
}

/// Commands that were done as one.
struct Done {
    lsn: Lsn,
    now_ms: u64,
    calls: Vec<Call>,
}

fn reference() -> Database {
    let options = Options { databases: DATABASES, shards: 2, threads: false, ..Options::default() };
    Database::memory(&options).expect("memory needs no disk")
}

impl Model {
    fn new() -> Self {
        Self { reference: reference(), journal: Vec::new(), others: others::all(), written: 0, durable: 0 }
    }

    /// Runs commands as the database did, and takes them down. Returns what they answer.
    fn run(&mut self, lsn: Lsn, now_ms: u64, calls: &[Call]) -> Vec<Response> {
        let done = Done { lsn, now_ms, calls: calls.to_vec() };
        let answers = done.run_on(&self.reference);
        self.journal.push(done);
        answers
    }

    /// All that was done is settled, and known to no log.
    fn lose_folder(&mut self) {
        self.journal.iter_mut().for_each(|done| done.lsn = 0);
        self.others.iter_mut().for_each(Other::lose_folder);
        (self.written, self.durable) = (0, 0);
    }

    /// Only the records up to this one are left.
    fn crash(&mut self, last: Lsn) {
        let kept = self.journal.iter().take_while(|done| done.lsn <= last).count();
        self.others.iter_mut().for_each(|other| other.crash(last));
        if kept < self.journal.len() {
            self.journal.truncate(kept);
            self.reference = reference();
            self.journal.iter().for_each(|done| drop(done.run_on(&self.reference)));
        }
    }
}

impl Done {
    fn run_on(&self, db: &Database) -> Vec<Response> {
        let mut caller = Caller::at(self.now_ms);
        let run = |call: &Call| {
            let (args, mut out) = (call.args(), Collector::new());
            caller.db = call.db;
            db.run(&mut caller, command::resolve(&args).expect("it was run before"), &args, &mut out);
            out.into_response().expect("it answers")
        };
        self.calls.iter().map(run).collect()
    }
}

impl Default for World {
    fn default() -> Self {
        let (disk, clock) = (MemDisk::default(), Arc::default());
        Self { disk, clock, store: Watch::default(), model: Model::new(), is_first_folder: true }
    }
}

impl World {
    /// Lives one life, and stops it in the end: `crash`, unless it is closed. Panics if a promise is broken. Returns whether it came
    /// to its end in peace.
    pub fn live(&mut self, life: Life, crash: Crash) -> bool {
        self.disk.set_faults(life.faults);
        self.store = self.store.process(life.store_crash);
        let rng = SeededRng::new(life.seed ^ 0x5704);
        let is_well = match self.open(&life, &rng) {
            Ok(db) => {
                self.check_crash(&db);
                if life.attach == Some(Attach::Memory) {
                    self.model.others.iter_mut().for_each(Other::put_over);
                }
                let mut run = Run::new(self, &db, &rng, life.strain);
                let mut is_well = run.work(&life);
                if is_well && life.quiesces {
                    is_well = run.quiesce();
                }
                if is_well && life.closes {
                    run.close(&db);
                } else {
                    run.drop_checkpoint();
                    // What it still asks of the store when it is dropped is not done.
                    self.store.die();
                    self.stop(crash, life.seed);
                }
                is_well
            }
            Err(error) => {
                assert!(
                    self.disk.is_frozen() || self.store.is_dead(),
                    "it has to open after any crash: {error}"
                );
                self.stop(crash, life.seed);
                false
            }
        };
        let mut faults = self.store.store().faults();
        faults.down = false;
        faults.batches.clear();
        faults.before_each(|_| ());
        drop(faults);
        is_well
    }

    /// The folder is lost, and what is left is what has settled: which must be all there was.
    pub fn lose_folder(&mut self) {
        // A new folder does not know how late it was: what has expired would be back.
        let latest_ms = self.model.journal.iter().map(|done| done.now_ms).max().unwrap_or(0);
        self.clock.advance(latest_ms.saturating_sub(self.clock.now_ms()));
        self.disk = MemDisk::default();
        self.model.lose_folder();
        self.is_first_folder = false;
    }

    /// Whether a folder with a store that somebody else has taken over is refused until it is said what counts.
    #[must_use]
    pub fn is_refused(&mut self, life: Life) -> bool {
        let life = Life { attach: None, ..life };
        self.store = self.store.process(None);
        self.is_first_folder = false;
        self.open(&life, &SeededRng::new(life.seed)).is_err()
    }

    fn open(&self, life: &Life, rng: &SeededRng) -> Result<Database, Error> {
        let mut behind = StoreOptions::new(Arc::new(self.store.clone()));
        behind.lanes = life.lanes;
        behind.attach = life.attach;
        behind.flush_interval_ms = 100;
        life.strain.limit(&mut behind);
        behind.evict_interval_ms = if rng.below(3) == 0 { 300 } else { 0 };
        let fsync = if rng.below(3) == 0 { AppendFsync::Always } else { AppendFsync::Everysec };
        let options = Options { store: Some(behind), shards: 4, ..options(fsync) };
        let disk = Arc::new(self.disk.clone());
        Database::open_on(disk, self.clock.clone(), Arc::new(SeededRng::new(life.seed)), &options)
    }

    /// The machine stops: as it starts again.
    fn stop(&mut self, crash: Crash, seed: u64) {
        match crash {
            Crash::Kill => self.disk = self.disk.kill(),
            Crash::PowerCut => {
                self.disk = self.disk.power_cut(seed);
                self.model.written = self.model.durable;
            }
        }
    }

    /// What came back covers what was promised, and the store is not ahead of it.
    fn check_crash(&mut self, db: &Database) {
        let last = db.recovery().expect("it has a folder").last_lsn;
        let promised = self.model.written.max(self.model.durable);
        assert!(last >= promised, "{last} of {promised} promised records came back");
        let highest = self.store.highest();
        assert!(
            highest <= last || !self.is_first_folder,
            "the store has version {highest}, the log ends at {last}"
        );
        self.model.crash(last);
        (self.model.written, self.model.durable) = (last, last);
    }
}
