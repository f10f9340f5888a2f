//! A log on a disk that crashes, and the model of what it promised.
//!
//! The model is a list of records and three numbers. After a killed process every record that was written must come back,
//! after a power cut every one that was durable; in both cases what comes back is a beginning of what was appended, and
//! nothing else. A *life* is one opening with the work after it, until the disk freezes or the work is done.

use ramekin::error::Error;
use ramekin::io::mem::{CrashPoint, Faults, ManualClock, MemDisk};
use ramekin::io::{Rng, SeededRng};
use ramekin::log::{Log, LogOptions, Lsn, Recovery};
use std::sync::Arc;

/// How the machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process dies; the system keeps what was written.
    Kill,
    /// The power goes; what was not synced is there in any part.
    PowerCut,
}

/// What was appended, and how much of it must come back.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// All records from the first one on; those lost in a crash are gone from here too.
    pub records: Vec<Vec<u8>>,
    written: usize,
    durable: usize,
}

/// How one life is lived.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// Decides on the work.
    pub seed: u64,
    /// How many steps of work there are.
    pub steps: u32,
    /// What goes wrong.
    pub faults: Faults,
    /// Whether the log is closed at the end.
    pub closes: bool,
}

impl Life {
    /// Work without faults that ends in a close.
    #[must_use]
    pub fn peaceful(seed: u64, steps: u32) -> Self {
        Self { seed, steps, faults: Faults::default(), closes: true }
    }

    /// The same until a crash.
    #[must_use]
    pub fn until(self, crash: CrashPoint) -> Self {
        Self { faults: Faults { crash: Some(crash), ..self.faults }, ..self }
    }
}

/// Options that make every case frequent: small segments, frames of 2 KiB, no threads.
#[must_use]
pub fn options() -> LogOptions {
    LogOptions { segment_bytes: 16 << 10, database_id: 1, threads: false, ..LogOptions::default() }
}

/// Opens a log and collects what it replays.
///
/// # Errors
/// As [`Log::open`].
pub fn open(disk: &MemDisk) -> Result<(Log, Recovery, Vec<Vec<u8>>), Error> {
    let mut records = Vec::new();
    let mut collect = |lsn: Lsn, record: &[u8]| {
        records.push(record.to_vec());
        assert_eq!(lsn, records.len() as Lsn, "records come back in order, without a gap");
        Ok(())
    };
    let (log, recovery) =
        Log::open(Arc::new(disk.clone()), Arc::new(ManualClock::default()), options(), &mut collect)?;
    Ok((log, recovery, records))
}

impl Model {
    /// Lives one life on `disk`. Panics if the log breaks a promise; returns whether the life came to its end.
    pub fn live(&mut self, disk: &MemDisk, life: Life) -> bool {
        disk.set_faults(life.faults);
        let (log, recovery, records) = match open(disk) {
            Ok(opened) => opened,
            Err(error) => {
                assert!(
                    disk.is_frozen() || life.faults.fail_sync.is_some(),
                    "it has to open after any crash: {error}"
                );
                return false;
            }
        };
        self.check(&records, &recovery);
        let rng = SeededRng::new(life.seed);
        let done = (0..life.steps).try_for_each(|_| self.step(&log, &rng));
        let done = done.and_then(|()| if life.closes { log.close() } else { Ok(()) });
        self.note(&log);
        assert!(done.is_ok() || disk.is_frozen() || log.failed().is_some(), "{done:?}");
        done.is_ok()
    }

    /// Stops the machine: the disk that it starts with again.
    #[must_use]
    pub fn crash(&mut self, disk: &MemDisk, crash: Crash, seed: u64) -> MemDisk {
        match crash {
            Crash::Kill => disk.kill(),
            Crash::PowerCut => {
                self.written = self.durable;
                disk.power_cut(seed)
            }
        }
    }

    /// Compares what came back with what was promised. From then on it is durable.
    fn check(&mut self, records: &[Vec<u8>], recovery: &Recovery) {
        let promised = self.written.max(self.durable);
        assert!(
            records.len() >= promised,
            "{} of {promised} promised records came back: {recovery:?}",
            records.len()
        );
        assert!(records.len() <= self.records.len(), "there are records that nobody appended");
        assert!(records == &self.records[..records.len()], "a record came back changed");
        self.records.truncate(records.len());
        (self.written, self.durable) = (records.len(), records.len());
    }

    fn note(&mut self, log: &Log) {
        let count = |lsn: Lsn| usize::try_from(lsn).expect("a test appends few records");
        self.written = self.written.max(count(log.written()));
        self.durable = self.durable.max(count(log.durable()));
        assert!(self.durable <= self.written && self.written <= self.records.len());
    }

    fn step(&mut self, log: &Log, rng: &SeededRng) -> Result<(), Error> {
        match rng.below(10) {
            0..=5 => (0..=rng.below(4)).for_each(|_| self.append(log, rng)),
            6..=7 => drop(log.write()?),
            _ => drop(log.sync()?),
        }
        self.note(log);
        Ok(())
    }

    fn append(&mut self, log: &Log, rng: &SeededRng) {
        let length = match rng.below(12) {
            0 => rng.below(9000),
            1 => 0,
            _ => rng.below(300),
        };
        let record: Vec<u8> = (0..length).map(|_| rng.next_u64().to_le_bytes()[0]).collect();
        if log.reserve(length).is_ok() {
            self.records.push(record);
            let lsn = log.append(&self.records[self.records.len() - 1], length);
            assert_eq!(lsn, self.records.len() as Lsn, "numbers are contiguous");
        }
    }
}

/// The changes and syncs of a life on a fresh disk, which are the places where it can crash.
#[must_use]
pub fn crash_points(life: Life) -> Vec<CrashPoint> {
    let disk = MemDisk::default();
    assert!(Model::default().live(&disk, life), "the counting pass has no faults");
    let changes = (1..=disk.changes()).map(CrashPoint::Change);
    changes.chain((1..=disk.syncs()).map(CrashPoint::Sync)).collect()
}
