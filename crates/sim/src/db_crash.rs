//! A whole database on a disk that crashes, fails and fills up, and the model of what it promised.
//!
//! The model is the data set after each record, as clients saw it, and two numbers: the last record whose replies could
//! leave at the level of the operating system, and at that of the disk. What comes back is the data set after some record
//! at or past the promised one, so a transaction is never torn. A *life* is one opening with the work after it.
//!
//! While a life is lived, this must hold too: what a refused command meets stays as it is; nothing changes without a
//! record; a command makes at most one record; and, with `appendfsync always`, a reply waits for every change that it saw
//! and that is not durable yet.

use crate::clock::SimClock;
use crate::dataset::{DataSet, Place};
use crate::log_crash::Crash;
use crate::workload::{Call, DATABASES, Step, Workload};
use ramekin::command::{self, Command, flag};
use ramekin::error::Error;
use ramekin::io::SeededRng;
use ramekin::io::mem::{CrashPoint, Faults, MemDisk};
use ramekin::log::{AppendFsync, Lsn};
use ramekin::{Caller, Checkpoint, Collector, Database, Options, Planned, Response};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A disk and a clock, which outlive the process.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// The folder.
    pub disk: MemDisk,
    /// The time.
    pub clock: Arc<SimClock>,
}

/// How one life is lived.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Decides on the work.
    pub seed: u64,
    /// How many steps of work there are.
    pub steps: u32,
    /// What goes wrong.
    pub faults: Faults,
    /// The step before which nothing is wrong any more: a full disk has space again.
    pub heals_at: Option<u32>,
    /// Whether the database is closed at the end.
    pub closes: bool,
    /// When changes are made durable; with `Always`, what replies wait for is checked.
    pub appendfsync: AppendFsync,
    /// Whether half of the work is on values of megabytes, which need larger segments.
    pub is_large: bool,
}

impl Life {
    /// Work without faults that ends in a close.
    #[must_use]
    pub fn peaceful(seed: u64, steps: u32) -> Self {
        let appendfsync = if seed.is_multiple_of(2) { AppendFsync::Always } else { AppendFsync::Everysec };
        Self {
            seed,
            steps,
            faults: Faults::default(),
            heals_at: None,
            closes: true,
            appendfsync,
            is_large: false,
        }
    }

    /// The same on values of megabytes.
    #[must_use]
    pub fn large(self) -> Self {
        Self { is_large: true, ..self }
    }

    /// The same, with something going wrong.
    #[must_use]
    pub fn with(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Whether calls to the disk fail.
    fn has_errors(&self) -> bool {
        self.faults.fail_sync.is_some() || self.faults.fail_change.is_some()
    }

    /// The same until a crash.
    #[must_use]
    pub fn until(self, crash: CrashPoint) -> Self {
        self.with(Faults { crash: Some(crash), ..self.faults })
    }
}

/// What was done, and how much of it must come back.
#[derive(Clone, Debug)]
pub struct Model {
    /// The data set after each record; the first one is before all. Those lost in a crash are gone from here too.
    states: Vec<DataSet>,
    written: Lsn,
    durable: Lsn,
    /// How many checkpoints were published, and how many failed.
    pub checkpoints: (u64, u64),
}

impl Default for Model {
    fn default() -> Self {
        Self { states: vec![DataSet::default()], written: 0, durable: 0, checkpoints: (0, 0) }
    }
}

/// A value of a mebibyte goes over several of these, and over dozens of frames.
const LARGE_SEGMENT_BYTES: u64 = 256 << 10;

/// Options that make every case frequent: small segments, frames of 2 KiB, few shards, no threads.
#[must_use]
pub fn options(appendfsync: AppendFsync) -> Options {
    Options {
        databases: DATABASES,
        shards: 2,
        appendfsync,
        segment_bytes: 16 << 10,
        threads: false,
        ..Options::default()
    }
}

impl Machine {
    /// Opens the database.
    ///
    /// # Errors
    /// As [`Database::open_on`].
    pub fn open(&self, seed: u64, appendfsync: AppendFsync) -> Result<Database, Error> {
        self.open_with(seed, &options(appendfsync))
    }

    fn open_with(&self, seed: u64, options: &Options) -> Result<Database, Error> {
        let disk = Arc::new(self.disk.clone());
        Database::open_on(disk, self.clock.clone(), Arc::new(SeededRng::new(seed)), options)
    }

    /// Stops the machine: as it starts again.
    #[must_use]
    pub fn crash(&self, crash: Crash, seed: u64) -> Self {
        let disk = match crash {
            Crash::Kill => self.disk.kill(),
            Crash::PowerCut => self.disk.power_cut(seed),
        };
        Self { disk, clock: self.clock.clone() }
    }
}

impl Model {
    /// Lives one life. Panics if the database breaks a promise; returns whether the life came to its end in peace.
    pub fn live(&mut self, machine: &Machine, life: Life) -> bool {
        machine.disk.set_faults(life.faults);
        let mut options = options(life.appendfsync);
        if life.is_large {
            options.segment_bytes = LARGE_SEGMENT_BYTES;
        }
        let db = match machine.open_with(life.seed, &options) {
            Ok(db) => db,
            Err(error) => {
                assert!(
                    machine.disk.is_frozen() || life.has_errors(),
                    "it has to open after any crash: {error}"
                );
                return false;
            }
        };
        self.check(&db);
        let mut run = Run::new(self, machine, &db, life);
        let make = if life.is_large { Workload::on_large_values } else { Workload::new };
        let workload = make(life.seed);
        for number in 0..life.steps {
            if machine.disk.is_frozen() {
                return false;
            }
            if life.heals_at == Some(number) {
                run.heal();
            }
            run.step(&workload.step());
        }
        // One that is not done is given up.
        drop(run);
        let is_well = db.log_failed().is_none() && !machine.disk.is_frozen();
        if !life.closes {
            return is_well;
        }
        let is_closed = db.close().is_ok();
        assert!(!is_closed || is_well, "closing does not hide a failure");
        assert!(
            is_closed || !is_well || machine.disk.is_frozen() || life.has_errors(),
            "closing fails without a cause"
        );
        if is_closed {
            (self.written, self.durable) = (self.last(), self.last());
        }
        is_closed
    }

    /// Stops the machine: as it starts again.
    #[must_use]
    pub fn crash(&mut self, machine: &Machine, crash: Crash, seed: u64) -> Machine {
        if crash == Crash::PowerCut {
            self.written = self.durable;
        }
        machine.crash(crash, seed)
    }

    /// The data set after the last record.
    #[must_use]
    pub fn state(&self) -> &DataSet {
        self.states.last().expect("there is one before all records")
    }

    fn last(&self) -> Lsn {
        self.states.len() as Lsn - 1
    }

    /// Compares what came back with what was promised. From then on it is durable.
    fn check(&mut self, db: &Database) {
        let (came_back, now_ms) = (db.last_lsn(), db.now_ms());
        let promised = self.written.max(self.durable);
        assert!(
            came_back >= promised,
            "{came_back} of {promised} promised records came back: {:?}",
            db.recovery()
        );
        assert!(came_back <= self.last(), "there are records that nobody made: {came_back}");
        self.states.truncate(usize::try_from(came_back).expect("a test makes few records") + 1);
        let (expected, found) = (self.state().living(now_ms), DataSet::of(db, now_ms));
        assert!(found == expected, "found / expected after record {came_back}: {}", found.explain(&expected));
        (self.written, self.durable) = (came_back, came_back);
    }
}

/// One life while it is lived.
struct Run<'a> {
    model: &'a mut Model,
    machine: &'a Machine,
    db: &'a Database,
    life: Life,
    /// The record that changed a key last, for keys changed in this life.
    changed_at: BTreeMap<Place, Lsn>,
    checkpoint: Option<Checkpoint>,
}

impl<'a> Run<'a> {
    fn new(model: &'a mut Model, machine: &'a Machine, db: &'a Database, life: Life) -> Self {
        Self { model, machine, db, life, changed_at: BTreeMap::new(), checkpoint: None }
    }

    /// The disk works again, and so long a time has passed that it is asked again.
    fn heal(&mut self) {
        self.life.faults = Faults::default();
        self.machine.disk.set_faults(self.life.faults);
        self.machine.clock.advance(200);
    }

    fn step(&mut self, step: &Step) {
        let durable = self.db.durable_lsn();
        let had_failed = self.db.log_failed().is_some();
        match step {
            Step::Run(call) => self.run(call),
            Step::Transaction(calls) => self.transact(calls),
            Step::Write => self.expect_done(self.db.write_log(), self.db.written_lsn()),
            Step::Sync => self.expect_done(self.db.sync_log(), self.db.durable_lsn()),
            Step::Checkpoint(steps) => {
                self.take_checkpoint(*steps);
                self.observe(0);
            }
            Step::Sweep => {
                self.db.sweep();
                self.observe(u64::MAX);
            }
            Step::Advance(ms) => self.machine.clock.advance(*ms),
            Step::PutBack(ms) => self.machine.clock.put_back(*ms),
        }
        assert!(!had_failed || self.db.durable_lsn() == durable, "nothing becomes durable after a failure");
        self.acknowledge();
    }

    /// Writing and syncing fail only on a crash or for good, and then for everything that is not `done_lsn` yet.
    fn expect_done(&self, done: Result<(), Error>, done_lsn: Lsn) {
        let has_failed = self.db.log_failed().is_some();
        match done {
            Ok(()) => assert!(done_lsn == self.db.last_lsn(), "what it was asked for is done"),
            Err(error) => {
                assert!(has_failed || self.machine.disk.is_frozen(), "it fails for good: {error}");
                let is_full = self.life.faults.capacity_bytes.is_some();
                assert!(!is_full, "what was reserved can be written though the disk is full: {error}");
            }
        }
    }

    /// Begins a checkpoint or goes on with one. It fails only with a cause, and then nothing else does.
    fn take_checkpoint(&mut self, steps: u64) {
        let had_failed = self.db.log_failed().is_some();
        let done = match &mut self.checkpoint {
            None => self.db.begin_checkpoint().map(|checkpoint| {
                self.checkpoint = checkpoint;
                if let Some(checkpoint) = &mut self.checkpoint {
                    checkpoint.set_slice_buckets_max(1);
                }
                true
            }),
            Some(checkpoint) => (0..steps).try_fold(true, |goes_on, _| Ok(goes_on && checkpoint.step()?)),
        };
        match done {
            Ok(true) => {}
            Ok(false) => {
                self.checkpoint = None;
                self.model.checkpoints.0 += 1;
            }
            Err(error) => {
                self.checkpoint = None;
                self.model.checkpoints.1 += 1;
                let has_cause = had_failed
                    || self.machine.disk.is_frozen()
                    || self.life.has_errors()
                    || self.life.faults.capacity_bytes.is_some();
                assert!(has_cause, "a checkpoint fails without a cause: {error}");
            }
        }
    }

    fn run(&mut self, call: &Call) {
        let (args, command) = resolve(call);
        let mut caller = self.caller(call.db);
        let mut out = Collector::new();
        let ran = self.db.run(&mut caller, command, &args, &mut out);
        let response = out.into_response().unwrap_or_else(|| panic!("{call:?} answers"));
        let has_failed = self.db.log_failed().is_some();
        if is_refused(&response) {
            let has_cause =
                has_failed || self.life.faults.capacity_bytes.is_some() || self.machine.disk.is_frozen();
            assert!(has_cause || self.life.faults.fail_change.is_some(), "{call:?}: {response:?}");
            self.observe(0);
            return;
        }
        assert!(
            !has_failed || !command.spec.is(flag::WRITE),
            "writes are refused after a failure: {call:?} {response:?}"
        );
        if self.observe(1) {
            assert_eq!(ran.lsn, self.db.last_lsn(), "a reply waits for its own record: {call:?}");
        } else if self.life.appendfsync == AppendFsync::Always {
            self.check_reply_waits(call, &args, command, &response, ran.lsn);
        }
    }

    /// A reply waits for the changes that it has seen, unless they are durable. Checked where it is plain which keys were
    /// read: all of a reader, the only one of a writer that changed nothing.
    fn check_reply_waits(
        &self,
        call: &Call,
        args: &[&[u8]],
        command: &Command,
        response: &Response,
        lsn: Lsn,
    ) {
        if matches!(response, Response::Error(text) if !text.starts_with("WRONGTYPE")) {
            return;
        }
        let keys = command.spec.keys_of(args).unwrap_or_default();
        let seen = if keys.is_empty() {
            let in_db = self.changed_at.iter().filter(|((db, _), _)| *db == call.db);
            in_db.map(|(_, at)| *at).max()
        } else if command.spec.is(flag::READONLY) || keys.len() == 1 {
            keys.iter().filter_map(|key| self.changed_at.get(&(call.db, key.to_vec())).copied()).max()
        } else {
            None
        };
        let seen = seen.unwrap_or(0);
        assert!(
            lsn >= seen || self.db.is_settled(seen, true),
            "{call:?} saw record {seen} and waits for {lsn}"
        );
    }

    fn transact(&mut self, calls: &[Call]) {
        let resolved: Vec<_> = calls.iter().map(resolve).collect();
        let planned = resolved.iter().zip(calls);
        let planned = planned.map(|((args, command), call)| Planned { db: call.db, command, args });
        let commands: Vec<_> = planned.collect();
        let mut caller = self.caller(0);
        let Ok(mut transaction) = self.db.transaction(&mut caller, &commands, &[]) else {
            self.observe(0);
            return;
        };
        for ((args, command), call) in resolved.iter().zip(calls) {
            transaction.select(call.db);
            transaction.run(command, args, &mut Collector::new());
        }
        let ran = transaction.commit();
        if self.observe(1) {
            assert_eq!(ran.lsn, self.db.last_lsn(), "a reply waits for its own record: {calls:?}");
        }
    }

    fn caller(&self, db: u32) -> Caller {
        let mut caller = Caller::at(self.db.now_ms());
        caller.db = db;
        caller
    }

    /// Takes down what the last step did; it made at most so many records. Whether there is a new one.
    fn observe(&mut self, records_max: u64) -> bool {
        let (now_ms, last) = (self.db.now_ms(), self.db.last_lsn());
        let (before, after) = (self.model.state().living(now_ms), DataSet::of(self.db, now_ms));
        let records = last - self.model.last();
        assert!(records <= records_max, "{records} records were made");
        if records == 0 || records_max == u64::MAX {
            assert!(before == after, "before / after no change: {}", before.explain(&after));
        }
        for place in before.changed(&after) {
            self.changed_at.insert(place, last);
        }
        let between = usize::try_from(records).expect("a test makes few records");
        self.model.states.extend(std::iter::repeat_n(after, between));
        records > 0
    }

    /// Takes down which replies can leave, by the rule that sessions go by.
    fn acknowledge(&mut self) {
        let (db, model) = (self.db, &mut *self.model);
        let last = model.states.len() as Lsn - 1;
        while model.written < last && db.is_settled(model.written + 1, false) {
            model.written += 1;
        }
        while model.durable < last && db.is_settled(model.durable + 1, true) {
            model.durable += 1;
        }
    }
}

fn resolve(call: &Call) -> (Vec<&[u8]>, &'static Command) {
    let args = call.args();
    let command = command::resolve(&args).expect("the workload has commands of the table");
    (args, command)
}

/// Whether a command was refused because the log takes nothing.
#[must_use]
pub fn is_refused(response: &Response) -> bool {
    matches!(response, Response::Error(text) if text.starts_with("MISCONF"))
}

/// The changes and syncs of a life on a fresh machine, which are the places where it can crash.
#[must_use]
pub fn crash_points(life: Life) -> Vec<CrashPoint> {
    let machine = Machine::default();
    assert!(Model::default().live(&machine, life), "the counting pass has no faults");
    let changes = (1..=machine.disk.changes()).map(CrashPoint::Change);
    changes.chain((1..=machine.disk.syncs()).map(CrashPoint::Sync)).collect()
}
