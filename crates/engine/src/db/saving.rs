//! When checkpoints are taken, by whom, and what became of them.
//!
//! What must hold: one at a time, backups and reloads included; a failed one changes nothing and is tried again later; one
//! that nothing has changed since is not taken again. Left out: how one is taken (`checkpoint`).

use super::{Database, Inner};
use crate::checkpoint::{self, Loaded, Run, Stage};
use crate::error::{Error, ErrorKind};
use crate::io::os::OsDisk;
use crate::io::{Clock, Disk};
use crate::log::{Log, Lsn};
use crate::manifest::Manifest;
use crate::service::Service;
use parking_lot::{Condvar, Mutex};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks whether a checkpoint is due.
const LOOK_PERIOD: Duration = Duration::from_millis(200);
/// After a failure nothing is tried for so long.
const RETRY_PERIOD: Duration = Duration::from_secs(5);

/// In the background, work of this length is followed by a rest of the same length, so that it takes less than half of a
/// core and nobody who shares the core waits for longer.
const WORK_MAX: Duration = Duration::from_micros(100);
/// How often the thread itself holds the database while it takes a checkpoint.
const HELD_BY_THREAD: usize = 2;

/// Between two checkpoints by time there is at least so many times as long as the last one took.
const PAUSE_FACTOR: u64 = 10;

/// When checkpoints are taken by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRules {
    /// After so many seconds, if there have been so many changes. Any rule that holds is enough; none: never by time. A
    /// checkpoint that took long is not taken again before ten times as long, so that they cost a tenth of the time at most.
    pub after: Vec<(u64, u64)>,
    /// Once the log has grown by so many bytes since the last one,
    pub log_bytes_min: u64,
    /// and by so many percent of the last one's size; 0: never by size.
    pub log_percent_min: u64,
}

impl Default for CheckpointRules {
    /// Those of the server: `save 30 1`, and 64 MiB of log that are as much as the last checkpoint.
    fn default() -> Self {
        Self { after: vec![(30, 1)], log_bytes_min: 64 << 20, log_percent_min: 100 }
    }
}

impl CheckpointRules {
    /// Whether one is due, so many seconds after the last.
    fn are_met(&self, since_s: u64, stats: &CheckpointStats) -> bool {
        let pause_s = stats.took.map_or(0, |took| took.as_secs() * PAUSE_FACTOR);
        let by_time =
            |&(seconds, changes): &(u64, u64)| since_s >= seconds.max(pause_s) && stats.changes >= changes;
        self.after.iter().any(by_time)
            || (self.log_percent_min > 0
                && stats.log_bytes >= self.log_bytes_min
                && stats.log_bytes.saturating_mul(100) >= stats.bytes.saturating_mul(self.log_percent_min))
    }
}

/// What the checkpoints of a database have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointStats {
    /// How long the one that runs has been running.
    pub running: Option<Duration>,
    /// Keys that it has written.
    pub keys_done: u64,
    /// Keys that there were when it began.
    pub keys_total: u64,
    /// How many were taken since opening.
    pub saves: u64,
    /// How many have failed since the last success.
    pub failures: u64,
    /// What the last failure was, until one succeeds.
    pub error: Option<String>,
    /// When the last one was taken or found to be unnecessary, in Unix milliseconds; the time of opening at first.
    pub saved_ms: u64,
    /// How long the last one took.
    pub took: Option<Duration>,
    /// The size of the newest in bytes; 0 if there is none.
    pub bytes: u64,
    /// Records since the newest.
    pub changes: u64,
    /// Bytes of log since the newest.
    pub log_bytes: u64,
    /// The one that was read at opening.
    pub loaded: Option<Loaded>,
}

/// What an open database knows of its checkpoints.
pub(super) struct Saving {
    /// Whether somebody has the turn, and who waits for it.
    turn: (Mutex<bool>, Condvar),
    is_cancelled: AtomicBool,
    keys_done: AtomicU64,
    state: Mutex<State>,
    /// What the thread is told. It holds this and not the database while it waits, so that the folder is free as soon as
    /// nobody uses it.
    signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Who takes checkpoints where there is no such thread.
    service: OnceLock<Arc<Service>>,
}

#[derive(Default)]
struct Signal {
    wanted: Mutex<Wanted>,
    wake: Condvar,
}

struct State {
    rules: CheckpointRules,
    stats: CheckpointStats,
    /// The highest cut of the newest checkpoint.
    last_lsn: Lsn,
    /// Bytes of log that were read at opening and are not in the newest checkpoint.
    replayed_bytes: u64,
    /// The log's count of bytes written when the newest was begun.
    written_bytes: u64,
    /// When the last one ended well, or the database was opened, by the monotonic clock.
    saved_at: Duration,
    failed_at: Option<Duration>,
    begun_at: Option<Duration>,
}

#[derive(Default)]
struct Wanted {
    now: bool,
    stop: bool,
    /// A worker that is shared with others is at it.
    is_served: bool,
}

impl Saving {
    pub(super) fn new(
        rules: CheckpointRules,
        loaded: Option<Loaded>,
        replayed_bytes: u64,
        clock: &dyn Clock,
    ) -> Self {
        let last_lsn = loaded.as_ref().map_or(0, |loaded| loaded.highest_cut);
        let bytes = loaded.as_ref().map_or(0, |loaded| loaded.bytes);
        let stats = CheckpointStats { saved_ms: clock.now_ms(), bytes, loaded, ..CheckpointStats::default() };
        let state = State {
            rules,
            stats,
            last_lsn,
            replayed_bytes,
            written_bytes: 0,
            saved_at: clock.monotonic(),
            failed_at: None,
            begun_at: None,
        };
        Self {
            turn: (Mutex::new(false), Condvar::new()),
            is_cancelled: AtomicBool::new(false),
            keys_done: AtomicU64::new(0),
            state: Mutex::new(state),
            signal: Arc::default(),
            thread: Mutex::new(None),
            service: OnceLock::new(),
        }
    }

    /// Tells the thread to end, and the checkpoint that it is taking.
    pub(super) fn stop(&self) {
        self.signal.wanted.lock().stop = true;
        self.is_cancelled.store(true, Relaxed);
        self.signal.wake.notify_all();
    }
}

/// The right to take a checkpoint, or to keep others from it.
pub(crate) struct Turn {
    inner: Arc<Inner>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let saving = &self.inner.saving;
        *saving.turn.0.lock() = false;
        saving.turn.1.notify_one();
    }
}

/// A checkpoint that is being taken step by step; dropped before its end, it is given up and nothing has changed.
pub struct Checkpoint {
    run: Run,
    turn: Turn,
    /// The log's count of bytes written at the beginning.
    written_bytes: u64,
}

impl Checkpoint {
    /// Has each slice of a shard end after so many buckets, so that more can happen between slices.
    pub fn set_slice_buckets_max(&mut self, buckets: usize) {
        self.run.slice_buckets_max = buckets.max(1);
    }

    /// Takes the next step: a slice of a shard, or one change of the disk. Whether there is another one.
    ///
    /// # Errors
    /// What the disk says, or `Failed` if the log has failed. The checkpoint is given up then, and the one before stays in
    /// force.
    pub fn step(&mut self) -> Result<bool, Error> {
        let inner = Arc::clone(&self.turn.inner);
        let log = inner.shards.log.as_ref().expect("a checkpoint begins only where there is a log");
        let was_publishing = self.run.stage == Stage::Publish;
        let database = Database { inner: Arc::clone(&inner) };
        match self.run.step(&inner.shards.keyspace, log, database.now_ms()) {
            Ok(()) => {
                inner.saving.keys_done.store(self.run.keys, Relaxed);
                if was_publishing {
                    self.note_success(&database);
                }
                Ok(self.run.stage != Stage::Done)
            }
            Err(error) => {
                self.run.give_up(&inner.shards.keyspace);
                note_failure(&inner, &error);
                Err(error)
            }
        }
    }

    fn note_success(&self, database: &Database) {
        let inner = &database.inner;
        let (now, now_ms) = (inner.clock.monotonic(), database.now_ms());
        let mut state = inner.saving.state.lock();
        state.last_lsn = self.run.highest_cut();
        (state.replayed_bytes, state.written_bytes) = (0, self.written_bytes);
        (state.saved_at, state.failed_at) = (now, None);
        let begun_at = state.begun_at;
        let stats = &mut state.stats;
        stats.saves += 1;
        (stats.failures, stats.error) = (0, None);
        (stats.saved_ms, stats.bytes) = (now_ms, self.run.bytes());
        stats.took = begun_at.map(|begun| now.saturating_sub(begun));
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        let inner = &self.turn.inner;
        self.run.give_up(&inner.shards.keyspace);
        inner.saving.state.lock().begun_at = None;
    }
}

fn note_failure(inner: &Inner, error: &Error) {
    let mut state = inner.saving.state.lock();
    state.failed_at = Some(inner.clock.monotonic());
    state.stats.failures += 1;
    state.stats.error = Some(error.to_string());
}

impl Database {
    /// Takes a checkpoint, in the calling thread, and waits for one that runs. False: nothing has changed since the last.
    ///
    /// # Errors
    /// `Invalid` for a database without a folder, `DiskFull` and others as the disk says, `Failed` if the log has failed or
    /// the checkpoint was cancelled. The one before stays in force; nothing is lost.
    pub fn checkpoint(&self) -> Result<bool, Error> {
        let Some(checkpoint) = self.begin_checkpoint()? else { return Ok(false) };
        self.finish_checkpoint(checkpoint).map(|()| true)
    }

    /// Begins a checkpoint that the caller takes step by step; none if nothing has changed since the last. Waits for one
    /// that runs.
    ///
    /// # Errors
    /// As [`Database::checkpoint`].
    pub fn begin_checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        let (log, disk) = self.saved_parts()?;
        let turn = self.saving_turn();
        if !self.has_changed(log) {
            let mut state = self.inner.saving.state.lock();
            state.stats.saved_ms = self.now_ms();
            state.saved_at = self.inner.clock.monotonic();
            return Ok(None);
        }
        let begun = checkpoint::remove_unfinished(&**disk)
            .and_then(|()| checkpoint::newest(&**disk))
            .and_then(|newest| self.begin_on(turn, Arc::clone(disk), newest.unwrap_or(0) + 1));
        begun.map(Some).inspect_err(|error| note_failure(&self.inner, error))
    }

    fn begin_on(&self, turn: Turn, disk: Arc<dyn Disk>, number: u32) -> Result<Checkpoint, Error> {
        let (log, own) = self.saved_parts()?;
        let manifest = Manifest::load(&**own)?
            .ok_or_else(|| Error::new(ErrorKind::Damaged, "the MANIFEST is gone: restore it from a copy"))?;
        let keyspace = &self.inner.shards.keyspace;
        let saving = &self.inner.saving;
        saving.is_cancelled.store(false, Relaxed);
        saving.keys_done.store(0, Relaxed);
        let keys_total = (0..keyspace.databases()).map(|db| keyspace.database_counts(db).keys as u64).sum();
        let mut state = saving.state.lock();
        state.begun_at = Some(self.inner.clock.monotonic());
        state.stats.keys_total = keys_total;
        drop(state);
        let written_bytes = log.stats().written_bytes;
        let run = Run::begin(disk, manifest.database_id, number, keyspace.shards()).inspect_err(|_| {
            saving.state.lock().begun_at = None;
        })?;
        Ok(Checkpoint { run, turn, written_bytes })
    }

    fn finish_checkpoint(&self, mut checkpoint: Checkpoint) -> Result<(), Error> {
        while checkpoint.step()? {
            if self.inner.saving.is_cancelled.load(Relaxed) {
                return Err(Error::new(ErrorKind::Failed, "the checkpoint was cancelled"));
            }
        }
        Ok(())
    }

    /// The same with rests between the steps, until nobody else has the database open any more.
    fn finish_unless_abandoned(&self, mut checkpoint: Checkpoint) -> Result<(), Error> {
        let clock = &self.inner.clock;
        let mut begun = clock.monotonic();
        while checkpoint.step()? {
            let worked = clock.monotonic().saturating_sub(begun);
            if worked >= WORK_MAX {
                std::thread::sleep(worked.min(WORK_MAX * 10));
                begun = clock.monotonic();
            }
            let is_abandoned = Arc::strong_count(&self.inner) <= HELD_BY_THREAD;
            if is_abandoned || self.inner.saving.is_cancelled.load(Relaxed) {
                return Err(Error::new(ErrorKind::Failed, "the checkpoint was cancelled"));
            }
        }
        Ok(())
    }

    /// Has the database's own thread take a checkpoint soon. False: one is being taken, or there is no such thread.
    pub fn request_checkpoint(&self) -> bool {
        let saving = &self.inner.saving;
        let has_nobody = saving.thread.lock().is_none() && saving.service.get().is_none();
        if has_nobody || *saving.turn.0.lock() {
            return false;
        }
        let is_new = !std::mem::replace(&mut saving.signal.wanted.lock().now, true);
        saving.signal.wake.notify_all();
        self.have_saved();
        is_new
    }

    /// Ends the checkpoint that is being taken or was asked for; nothing is lost. False: there is none.
    pub fn cancel_checkpoint(&self) -> bool {
        let saving = &self.inner.saving;
        let was_wanted = std::mem::take(&mut saving.signal.wanted.lock().now);
        let is_running = saving.state.lock().begun_at.is_some();
        if is_running {
            saving.is_cancelled.store(true, Relaxed);
        }
        was_wanted || is_running
    }

    /// Changes when checkpoints are taken by themselves.
    pub fn set_checkpoint_rules(&self, rules: CheckpointRules) {
        self.inner.saving.state.lock().rules = rules;
    }

    /// What the checkpoints have come to.
    #[must_use]
    pub fn checkpoint_stats(&self) -> CheckpointStats {
        let saving = &self.inner.saving;
        let log = self.inner.shards.log.as_ref();
        let (appended, written) = log.map_or((0, 0), |log| (log.appended(), log.stats().written_bytes));
        let is_wanted = saving.signal.wanted.lock().now;
        let state = saving.state.lock();
        let now = self.inner.clock.monotonic();
        let begun_at = state.begun_at.or(is_wanted.then_some(now));
        CheckpointStats {
            running: begun_at.map(|begun| now.saturating_sub(begun)),
            keys_done: saving.keys_done.load(Relaxed),
            changes: appended.saturating_sub(state.last_lsn),
            log_bytes: state.replayed_bytes + written.saturating_sub(state.written_bytes),
            ..state.stats.clone()
        }
    }

    /// Writes a copy of the database into the folder `to`, which must not exist or be empty, while it goes on running.
    /// What was acknowledged before the call is in it; opening that folder is restoring it.
    ///
    /// # Errors
    /// `Invalid` for a folder that has files in it and for a database without a folder, what the disk says, and `Failed`
    /// if the log has failed or the backup was cancelled. What was written of it is removed then.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<(), Error> {
        self.backup_after(to.as_ref(), || Ok(()))
    }

    /// The same, where something else is copied into the folder first.
    pub(crate) fn backup_after(
        &self,
        to: &Path,
        first: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.saved_parts()?;
        let has_files = std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
        if has_files {
            let text = format!("{} is not empty: a backup needs a folder of its own", to.display());
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::open(to)?);
        first().and_then(|()| self.backup_on(&disk)).inspect_err(|_| {
            // There is no manifest yet, so nobody takes what is left for a database.
            for name in disk.list().unwrap_or_default() {
                let _ = disk.remove(&name);
            }
        })
    }

    /// The same onto any disk, which must be empty.
    ///
    /// # Errors
    /// As [`Database::backup`].
    pub fn backup_on(&self, disk: &Arc<dyn Disk>) -> Result<(), Error> {
        let (log, own) = self.saved_parts()?;
        let mut checkpoint = self.begin_on(self.saving_turn(), Arc::clone(disk), 1)?;
        let keyspace = &self.inner.shards.keyspace;
        while checkpoint.run.stage != Stage::Clean {
            checkpoint.run.step(keyspace, log, self.now_ms())?;
            self.inner.saving.keys_done.store(checkpoint.run.keys, Relaxed);
            if self.inner.saving.is_cancelled.load(Relaxed) {
                return Err(Error::new(ErrorKind::Failed, "the backup was cancelled"));
            }
        }
        // Still in turn, so that the log keeps what is copied.
        log.copy_to(checkpoint.run.lowest_cut(), &**disk)?;
        let manifest = Manifest::load(&**own)?
            .ok_or_else(|| Error::new(ErrorKind::Damaged, "the MANIFEST is gone: restore it from a copy"))?;
        manifest.create(&**disk)
    }

    /// Waits until nobody takes a checkpoint, and keeps others from it.
    pub(crate) fn saving_turn(&self) -> Turn {
        let (is_taken, free) = &self.inner.saving.turn;
        let mut is_taken = is_taken.lock();
        while *is_taken {
            free.wait(&mut is_taken);
        }
        *is_taken = true;
        Turn { inner: Arc::clone(&self.inner) }
    }

    fn saved_parts(&self) -> Result<(&Log, &Arc<dyn Disk>), Error> {
        let none =
            || Error::new(ErrorKind::Invalid, "this database is in memory only: it has no folder to save to");
        Ok((self.inner.shards.log.as_ref().ok_or_else(none)?, self.inner.disk.as_ref().ok_or_else(none)?))
    }

    fn has_changed(&self, log: &Log) -> bool {
        log.appended() > self.inner.saving.state.lock().last_lsn
    }

    /// Whether it is time for a checkpoint by the rules.
    fn is_checkpoint_due(&self) -> bool {
        let stats = self.checkpoint_stats();
        let now = self.inner.clock.monotonic();
        let state = self.inner.saving.state.lock();
        if stats.changes == 0 || state.failed_at.is_some_and(|at| now < at + RETRY_PERIOD) {
            return false;
        }
        let since_s = now.saturating_sub(state.saved_at).as_secs();
        state.rules.are_met(since_s, &stats)
    }

    pub(super) fn start_saving(&self) -> Result<(), Error> {
        if self.inner.shards.log.is_none() {
            return Ok(());
        }
        let (weak, signal) = (Arc::downgrade(&self.inner), Arc::clone(&self.inner.saving.signal));
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || save_until_stopped(&weak, &signal))
            .map_err(|error| Error::from_os("cannot start a thread", error))?;
        *self.inner.saving.thread.lock() = Some(thread);
        Ok(())
    }

    pub(super) fn stop_saving(&self) {
        self.inner.saving.stop();
        if let Some(thread) = self.inner.saving.thread.lock().take() {
            // A panic of that thread has been reported where it happened.
            let _ = thread.join();
        }
        let signal = &self.inner.saving.signal;
        let mut wanted = signal.wanted.lock();
        while wanted.is_served {
            signal.wake.wait(&mut wanted);
        }
    }

    /// Has workers that are shared with other databases take checkpoints.
    pub(super) fn lend_saving(&self, service: &Arc<Service>) {
        if self.inner.shards.log.is_some() {
            self.inner.saving.service.get_or_init(|| Arc::clone(service));
        }
    }

    /// Has a worker take a checkpoint if one is due and a worker does that.
    pub(super) fn save_if_due(&self) {
        if self.inner.saving.service.get().is_some()
            && (self.inner.saving.signal.wanted.lock().now || self.is_checkpoint_due())
        {
            self.have_saved();
        }
    }

    /// Has a worker take a checkpoint, if a worker does that and none is at it.
    fn have_saved(&self) {
        let saving = &self.inner.saving;
        let Some(service) = saving.service.get() else { return };
        let mut wanted = saving.signal.wanted.lock();
        if wanted.stop || std::mem::replace(&mut wanted.is_served, true) {
            return;
        }
        drop(wanted);
        let (weak, signal) = (Arc::downgrade(&self.inner), Arc::clone(&saving.signal));
        service.run(Box::new(move || {
            if let Some(inner) = weak.upgrade() {
                Database { inner }.save_now(&signal);
            }
            signal.wanted.lock().is_served = false;
            signal.wake.notify_all();
        }));
    }

    /// Takes the checkpoint that is due.
    fn save_now(&self, signal: &Signal) {
        // A failure is told by `checkpoint_stats`; there is nobody here to tell.
        let checkpoint = self.begin_checkpoint();
        signal.wanted.lock().now = false;
        if let Ok(Some(checkpoint)) = checkpoint {
            let _ = self.finish_unless_abandoned(checkpoint);
        }
    }
}

fn save_until_stopped(inner: &Weak<Inner>, signal: &Signal) {
    loop {
        let is_asked = {
            let mut wanted = signal.wanted.lock();
            if !wanted.now && !wanted.stop {
                signal.wake.wait_for(&mut wanted, LOOK_PERIOD);
            }
            if wanted.stop {
                return;
            }
            wanted.now
        };
        let Some(inner) = inner.upgrade() else { return };
        let database = Database { inner };
        if is_asked || database.is_checkpoint_due() {
            database.save_now(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_that_took_long_is_not_taken_again_soon_unless_the_log_has_grown() {
        let rules = CheckpointRules::default();
        let stats = CheckpointStats { changes: 1, ..CheckpointStats::default() };
        assert!(!rules.are_met(29, &stats) && rules.are_met(30, &stats));
        let slow = CheckpointStats { took: Some(Duration::from_secs(9)), ..stats };
        assert!(!rules.are_met(89, &slow) && rules.are_met(90, &slow));
        let grown = CheckpointStats { log_bytes: 64 << 20, bytes: 1 << 20, ..slow };
        assert!(rules.are_met(1, &grown));
    }
}
