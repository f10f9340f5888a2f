//! The log: every change, numbered, in segments on disk, replayed at opening.
//!
//! What must hold:
//! - A record has a number (LSN) and a place in one step; numbers are contiguous from 1.
//! - `written` and `durable` cover every record up to theirs. A reply may leave when the one it needs has come so far.
//! - Space is reserved before anything changes; what is reserved can be written.
//! - After a failed write or sync nothing is accepted, written or synced any more, and `durable` stays where it is.
//! - No segment is written to that an earlier opening began.
//!
//! The way of a record: `reserve` (`credit`), `append` (`pending`), `write` (`writer`, `segment`, `record`), `sync`. The
//! way back: `recovery` by `reader`. Left out on purpose: what records mean, checkpoints and trimming, replication.

mod credit;
mod options;
mod pending;
mod reader;
mod record;
mod recovery;
mod segment;
mod threads;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use options::{AppendFsync, LogOptions, LogStats, Refusal};
pub use recovery::{Cut, Recovery, replay};
pub use verify::{Report, SegmentReport, Verdict, verify};

use crate::error::{Error, ErrorKind};
use crate::io::{Clock, Disk, File};
use credit::Credit;
use parking_lot::Mutex;
use pending::Pending;
use record::{FRAME_BYTES_MAX, SEGMENT_HEADER_BYTES};
use segment::{PrepareError, Prepared};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use writer::{Writer, latched};

/// The number of a record, from 1, contiguous. 0 is before all of them.
pub type Lsn = u64;

/// What takes the records of a log, in order, at opening.
pub type Apply<'a> = dyn FnMut(Lsn, &[u8]) -> Result<(), Error> + 'a;

/// No record is larger.
const RECORD_BYTES_MAX: u64 = 2 << 30;

const SEGMENT_BYTES_MIN: u64 = 16 << 10;

/// After the disk was full, it is asked again no sooner.
const FULL_RETRY: Duration = Duration::from_millis(100);

/// Whether a folder holds a log.
///
/// # Errors
/// What the disk says.
pub fn exists(disk: &dyn Disk) -> Result<bool, Error> {
    Ok(disk.list()?.iter().any(|name| segment::parse_name(name).is_some()))
}

/// An open log.
pub struct Log {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What all threads of a log see. Locks are taken in the order of the fields, and none of them under a later one.
struct Shared {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    options: LogOptions,
    epoch: u32,
    frame_bytes_max: usize,
    credit: Credit,
    /// One sync at a time; whoever waits for it finds its records synced.
    sync_turn: Mutex<()>,
    writer: Mutex<Writer>,
    /// One preparation at a time.
    preparing: Mutex<Preparing>,
    prepared: Mutex<VecDeque<Prepared>>,
    pending: Mutex<Pending>,
    /// Segments with bytes that may not be durable; the last is the one being written.
    unsynced: Mutex<Vec<Arc<dyn File>>>,
    appended: AtomicU64,
    written: AtomicU64,
    durable: AtomicU64,
    time_ms: AtomicU64,
    fsync: Mutex<AppendFsync>,
    failed: Mutex<Option<String>>,
    /// A sync was asked for and has not begun.
    sync_asked: AtomicBool,
    signals: threads::Signals,
    on_progress: Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>,
    stats: Mutex<LogStats>,
}

struct Preparing {
    next_index: u32,
    /// When the disk was full, by the monotonic clock, and what it said.
    full: Option<(Duration, String)>,
}

impl Log {
    /// Opens the log of a folder: replays every record to `apply`, in order, cuts a torn tail, makes the rest durable
    /// and goes on in a new segment. An empty folder gets a new log.
    ///
    /// # Errors
    /// `Damaged` if a record that was durable cannot be read, `Newer` for a later format, `Invalid` for options or
    /// segments that do not belong here, what the disk says, and what `apply` says.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        options: LogOptions,
        apply: &mut Apply<'_>,
    ) -> Result<(Self, Recovery), Error> {
        if options.segment_bytes < SEGMENT_BYTES_MIN
            || !options.segment_bytes.is_multiple_of(record::FRAME_ALIGN)
        {
            let text =
                format!("a log segment must be a multiple of 8 and at least {SEGMENT_BYTES_MIN} bytes");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let found = recovery::scan(&*disk, options.database_id, options.replay_after, apply)?;
        recovery::make_durable(&*disk, &found)?;
        let has_threads = options.threads;
        let shared = Arc::new(Shared::new(disk, clock, options, &found));
        match shared.begin_epoch() {
            Ok(()) => recovery::clean_up(&*shared.disk, &found)?,
            // Reads can be served; the epoch begins, and the next opening cleans up, once there is space.
            Err(error) if error.kind() == ErrorKind::DiskFull => {}
            Err(error) => return Err(error),
        }
        shared.count_segments()?;
        let threads = if has_threads { threads::start(&shared)? } else { Vec::new() };
        Ok((Self { shared, threads: Mutex::new(threads) }, found.recovery))
    }

    /// Reserves space for a record of up to `bytes`. The common case is one atomic operation. It blocks for I/O only
    /// when the next segment is not ready yet.
    ///
    /// # Errors
    /// A refusal; nothing has changed then.
    #[inline]
    pub fn reserve(&self, bytes: u64) -> Result<(), Refusal> {
        if self.shared.credit.take(self.shared.cost_bytes(bytes)) {
            return Ok(());
        }
        self.shared.reserve_slowly(bytes)
    }

    /// Gives back a reservation of `bytes` for which nothing was appended.
    #[inline]
    pub fn release(&self, bytes: u64) {
        self.shared.credit.give(self.shared.cost_bytes(bytes));
    }

    /// Appends a record for which `reserved` bytes were reserved. Never fails, never does I/O. What the record is larger
    /// than its reservation is taken from the space at hand; so an estimate that is too small now and then does no harm.
    #[inline]
    pub fn append(&self, record: &[u8], reserved: u64) -> Lsn {
        let shared = &*self.shared;
        let mut charged = shared.cost_bytes(reserved);
        let needed = shared.cost_bytes(record.len() as u64);
        if needed > charged {
            shared.credit.take_anyway(needed - charged);
            charged = needed;
        }
        let mut pending = shared.pending.lock();
        let lsn = pending.push(record, charged);
        // Within the lock, so that it never goes back.
        shared.appended.store(lsn, Ordering::Release);
        lsn
    }

    /// The last record that was appended.
    #[inline]
    #[must_use]
    pub fn appended(&self) -> Lsn {
        self.shared.appended.load(Ordering::Acquire)
    }

    /// The last record up to which all have been handed to the operating system.
    #[inline]
    #[must_use]
    pub fn written(&self) -> Lsn {
        self.shared.written.load(Ordering::Acquire)
    }

    /// The last record up to which all are durable.
    #[inline]
    #[must_use]
    pub fn durable(&self) -> Lsn {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// Hands everything appended before the call to the operating system. Returns the last record written. If another
    /// thread is at it, this one waits, and does the rest.
    ///
    /// # Errors
    /// `Failed`: the log takes nothing more.
    pub fn write(&self) -> Result<Lsn, Error> {
        self.shared.write()
    }

    /// Makes everything appended before the call durable. Returns the last durable record. Callers at the same time
    /// share one sync.
    ///
    /// # Errors
    /// `Failed`: the log takes nothing more.
    pub fn sync(&self) -> Result<Lsn, Error> {
        self.shared.sync()
    }

    /// Asks the log's own thread for a sync of everything appended so far, and returns at once. Without threads it does
    /// nothing.
    pub fn request_sync(&self) {
        self.shared.request_sync();
    }

    /// Calls `f` whenever `durable` has advanced or the log has failed. It must be quick, and not call the log.
    pub fn on_progress(&self, f: Box<dyn Fn() + Send + Sync>) {
        self.shared.on_progress.lock().push(Arc::from(f));
    }

    /// Changes when records are made durable.
    pub fn set_fsync(&self, fsync: AppendFsync) {
        *self.shared.fsync.lock() = fsync;
        self.shared.request_sync();
    }

    /// What failed first, if the log has failed.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        self.shared.failed.lock().clone()
    }

    /// Figures of the moment.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        let shared = &*self.shared;
        let mut stats = shared.stats.lock().clone();
        stats.pending_bytes = shared.pending.lock().bytes.len() as u64;
        stats.credit_bytes = u64::try_from(shared.credit.left()).unwrap_or(0);
        stats.is_syncing = shared.sync_turn.is_locked();
        stats.is_write_ok &= shared.failed.lock().is_none();
        stats
    }

    /// Tells the log the time, in milliseconds since 1970. The largest is kept with the records, so that time never goes
    /// back over a restart.
    #[inline]
    pub fn note_time(&self, now_ms: u64) {
        if self.shared.time_ms.load(Ordering::Relaxed) < now_ms {
            self.shared.time_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
    }

    /// Ends the log: refuses from now on, makes everything durable, gives back what was allocated ahead. Later calls do
    /// nothing.
    ///
    /// # Errors
    /// `Failed`: the log had failed, or fails now.
    pub fn close(&self) -> Result<(), Error> {
        self.stop_threads();
        self.shared.close()
    }

    fn stop_threads(&self) {
        self.shared.signals.stop();
        for thread in self.threads.lock().drain(..) {
            // A panic of that thread has been reported where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.stop_threads();
    }
}

impl Shared {
    fn new(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, options: LogOptions, found: &recovery::Found) -> Self {
        // An eighth of a segment, so that small ones are not mostly margin.
        let frame_bytes_max =
            usize::try_from(options.segment_bytes / 8).unwrap_or(FRAME_BYTES_MAX).min(FRAME_BYTES_MAX);
        let last_lsn = found.recovery.last_lsn;
        let next_lsn = last_lsn + 1;
        Self {
            disk,
            clock,
            epoch: found.recovery.epoch,
            frame_bytes_max,
            credit: Credit::new(),
            sync_turn: Mutex::new(()),
            writer: Mutex::new(Writer::new(Pending::new(next_lsn, frame_bytes_max))),
            preparing: Mutex::new(Preparing { next_index: found.next_index, full: None }),
            prepared: Mutex::new(VecDeque::new()),
            pending: Mutex::new(Pending::new(next_lsn, frame_bytes_max)),
            unsynced: Mutex::new(Vec::new()),
            appended: AtomicU64::new(last_lsn),
            written: AtomicU64::new(last_lsn),
            durable: AtomicU64::new(last_lsn),
            time_ms: AtomicU64::new(found.recovery.time_ms),
            fsync: Mutex::new(options.fsync),
            options,
            failed: Mutex::new(None),
            sync_asked: AtomicBool::new(false),
            signals: threads::Signals::default(),
            on_progress: Mutex::new(Vec::new()),
            stats: Mutex::new(LogStats { is_write_ok: true, ..LogStats::default() }),
        }
    }

    #[inline]
    fn cost_bytes(&self, record_bytes: u64) -> u64 {
        pending::cost_bytes(record_bytes, self.frame_bytes_max)
    }

    /// What a segment adds to the credit.
    fn worth_bytes(&self, capacity_bytes: u64) -> u64 {
        capacity_bytes - SEGMENT_HEADER_BYTES - self.frame_bytes_max as u64
    }

    /// Begins the epoch: a segment whose durable header says where it continues.
    fn begin_epoch(&self) -> Result<(), Error> {
        self.prepare(&mut self.preparing.lock())?;
        let first = self.prepared.lock().pop_front().expect("a segment has just been prepared");
        let file = first.file.clone();
        self.writer.lock().begin(self, first, self.durable.load(Ordering::Acquire) + 1)?;
        file.sync_data()
    }

    fn count_segments(&self) -> Result<(), Error> {
        let (mut segments, mut bytes) = (0, 0);
        for name in self.disk.list()?.iter().filter(|name| segment::parse_name(name).is_some()) {
            segments += 1;
            bytes += self.disk.open(name)?.len()?;
        }
        let mut stats = self.stats.lock();
        (stats.segments, stats.bytes) = (segments, bytes);
        Ok(())
    }

    /// Adds one segment to those ready, and its worth to the credit.
    fn prepare(&self, preparing: &mut Preparing) -> Result<(), Error> {
        match segment::prepare(&*self.disk, self.epoch, preparing.next_index, self.options.segment_bytes) {
            Ok(segment) => {
                preparing.next_index += 1;
                preparing.full = None;
                self.prepared.lock().push_back(segment);
                self.credit.give(self.worth_bytes(self.options.segment_bytes));
                let mut stats = self.stats.lock();
                stats.segments += 1;
                stats.bytes += self.options.segment_bytes;
                stats.is_write_ok = true;
                Ok(())
            }
            Err(failure) => {
                // The name may be taken by what a failed removal left behind.
                preparing.next_index += 1;
                self.stats.lock().is_write_ok = false;
                let error = match failure {
                    PrepareError::Space(error) => error,
                    PrepareError::Sync(error) => self.latch(&error),
                };
                preparing.full = Some((self.clock.monotonic(), error.to_string()));
                Err(error)
            }
        }
    }

    /// The next segment, prepared here and now if none is ready.
    fn next_segment(&self) -> Result<Prepared, Error> {
        let mut preparing = self.preparing.lock();
        if self.prepared.lock().is_empty() {
            self.prepare(&mut preparing)?;
        }
        Ok(self.prepared.lock().pop_front().expect("a segment has just been prepared"))
    }

    /// Prepares a segment if none is ready. Whether there is nothing left to do.
    fn prepare_ahead(&self) -> bool {
        let mut preparing = self.preparing.lock();
        let is_ready = !self.prepared.lock().is_empty();
        is_ready || self.failed.lock().is_some() || self.prepare(&mut preparing).is_ok()
    }

    #[cold]
    fn reserve_slowly(&self, bytes: u64) -> Result<(), Refusal> {
        let cost_bytes = self.cost_bytes(bytes);
        let refused = |refusal| {
            self.stats.lock().refused += 1;
            Err(refusal)
        };
        if bytes > RECORD_BYTES_MAX {
            return refused(Refusal::TooLarge { bytes_max: RECORD_BYTES_MAX });
        }
        let mut preparing = self.preparing.lock();
        loop {
            if let Some(reason) = self.failed.lock().clone() {
                return refused(Refusal::Failed { reason });
            }
            if self.credit.take(cost_bytes) {
                return Ok(());
            }
            let now = self.clock.monotonic();
            let asked_lately = preparing.full.as_ref().filter(|(at, _)| now < *at + FULL_RETRY);
            let cause = match asked_lately {
                Some((_, cause)) => cause.clone(),
                None => match self.prepare(&mut preparing) {
                    Ok(()) => continue,
                    Err(_) if self.failed.lock().is_some() => continue,
                    Err(error) => error.to_string(),
                },
            };
            self.signals.want_segment();
            return refused(Refusal::Full { needed_bytes: cost_bytes, cause });
        }
    }

    fn write(&self) -> Result<Lsn, Error> {
        let target = self.appended.load(Ordering::Acquire);
        let written = self.written.load(Ordering::Acquire);
        if written >= target {
            return Ok(written);
        }
        let mut writer = self.writer.lock();
        let result = self.check_failed().and_then(|()| {
            if self.written.load(Ordering::Acquire) >= target {
                return Ok(());
            }
            self.stats.lock().writes += 1;
            writer.write_pending(self)
        });
        // Latched while the writer is held, so that no other write comes between.
        let result = result.map_err(|error| self.latch(&error));
        let wants_segment = writer.current.as_ref().is_some_and(writer::Current::is_half_used);
        drop(writer);
        if wants_segment && self.prepared.lock().is_empty() {
            self.signals.want_segment();
        }
        match result {
            Ok(()) => Ok(self.written.load(Ordering::Acquire)),
            Err(error) => {
                self.tell_progress();
                Err(error)
            }
        }
    }

    fn sync(&self) -> Result<Lsn, Error> {
        let target = self.write()?;
        if self.durable.load(Ordering::Acquire) >= target {
            return Ok(self.durable.load(Ordering::Acquire));
        }
        let turn = self.sync_turn.lock();
        let durable = self.durable.load(Ordering::Acquire);
        if durable >= target {
            return Ok(durable);
        }
        let result =
            self.check_failed().and_then(|()| self.sync_segments()).map_err(|error| self.latch(&error));
        drop(turn);
        self.tell_progress();
        result
    }

    /// Syncs the segments that need it; under `sync_turn`.
    fn sync_segments(&self) -> Result<Lsn, Error> {
        // In this order: every record up to `upto` is in a segment of the list, or was synced with one that has left it.
        let upto = self.written.load(Ordering::Acquire);
        let files = self.unsynced.lock().clone();
        let start = self.clock.monotonic();
        for file in &files {
            file.sync_data()?;
        }
        let took = self.clock.monotonic().saturating_sub(start);
        // All but the last were full before the sync, so nothing is written to them any more.
        self.unsynced.lock().drain(..files.len().saturating_sub(1));
        assert!(upto >= self.durable.load(Ordering::Relaxed), "what is durable stays durable");
        self.durable.store(upto, Ordering::Release);
        let mut stats = self.stats.lock();
        stats.fsyncs += 1;
        stats.fsync_last = took;
        stats.fsync_total += took;
        stats.fsync_max = stats.fsync_max.max(took);
        Ok(upto)
    }

    /// Writes down what is synced while there is nothing else to do, so that later damage is not taken for a tail.
    fn state_synced(&self) -> Result<(), Error> {
        const MARK_BYTES: u64 = record::FRAME_HEADER_BYTES as u64;
        let mut writer = self.writer.lock();
        self.check_failed()?;
        if !self.credit.take(MARK_BYTES) {
            return Ok(());
        }
        let is_written = writer.write_mark(self).map_err(|error| self.latch(&error));
        if !matches!(is_written, Ok(true)) {
            self.credit.give(MARK_BYTES);
        }
        drop(writer);
        if is_written.is_err() {
            self.tell_progress();
        }
        is_written.map(drop)
    }

    fn request_sync(&self) {
        if !self.sync_asked.swap(true, Ordering::AcqRel) {
            self.signals.want_sync();
        }
    }

    fn check_failed(&self) -> Result<(), Error> {
        match &*self.failed.lock() {
            Some(reason) => Err(latched(reason)),
            None => Ok(()),
        }
    }

    /// Ends the log's service for good; the first reason stays. Returns what to answer.
    fn latch(&self, error: &Error) -> Error {
        self.credit.close();
        latched(self.failed.lock().get_or_insert_with(|| error.to_string()))
    }

    fn tell_progress(&self) {
        let listeners = self.on_progress.lock().clone();
        for listener in listeners {
            listener();
        }
    }

    fn close(&self) -> Result<(), Error> {
        if self.failed.lock().as_deref() == Some(CLOSED) {
            return Ok(());
        }
        self.check_failed()?;
        // Twice: what was reserved before the credit closed may be appended meanwhile.
        self.sync()?;
        self.credit.close();
        self.sync()?;
        *self.failed.lock() = Some(CLOSED.to_owned());
        let mut writer = self.writer.lock();
        writer.write_mark(self)?;
        if let Some(current) = writer.current.take() {
            current.file.sync_data()?;
            current.file.set_len(current.offset)?;
            current.file.sync_data()?;
        }
        for unused in self.prepared.lock().drain(..) {
            self.disk.remove(&segment::name(self.epoch, unused.index))?;
        }
        self.disk.sync_dir()
    }
}

const CLOSED: &str = "the log is closed";
