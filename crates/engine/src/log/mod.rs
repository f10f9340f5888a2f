//! The log: every change, numbered, in segments on disk, replayed at opening.
//!
//! What must hold:
//! - A record has a number (LSN) and a place in one step; numbers are contiguous from 1.
//! - `written` and `durable` cover every record up to theirs. A reply may leave when the one it needs has come so far.
//! - Space is reserved before anything changes; what is reserved can be written.
//! - After a failed write or sync nothing is accepted, written or synced any more, and `durable` stays where it is.
//! - No segment is written to that an earlier opening began.
//!
//! The way of a record: `reserve` (`credit`), `append` (`pending`), `write` (`writer`, `window`, `segment`, `record`),
//! `sync`. The way back: `recovery` by `reader`. `trim` removes what a
//! checkpoint has made dispensable. Left out on purpose: what records mean, checkpoints, replication.

mod credit;
pub(crate) mod later;
mod options;
mod pending;
mod reader;
mod record;
mod recovery;
mod segment;
mod served;
mod shared;
mod threads;
mod trim;
mod verify;
mod window;
mod writer;

#[cfg(test)]
mod tests;

pub use options::{AppendFsync, LogOptions, LogStats, Needed, Refusal};
pub use recovery::{Cut, Recovery, replay};
pub(crate) use recovery::{Found, scanned_bytes};
pub(crate) use segment::is_name;
pub use verify::{Report, SegmentReport, Verdict, verify};

use crate::error::{Error, ErrorKind};
use crate::io::{Clock, Disk};
use crate::progress::Progress;
use parking_lot::Mutex;
use shared::Shared;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// The number of a record, from 1, contiguous. 0 is before all of them.
pub type Lsn = u64;

/// What takes the records of a log, in order, at opening.
pub type Apply<'a> = dyn FnMut(Lsn, &[u8]) -> Result<(), Error> + 'a;

const SEGMENT_BYTES_MIN: u64 = 16 << 10;

/// Whether a folder holds a log.
///
/// # Errors
/// What the disk says.
pub fn exists(disk: &dyn Disk) -> Result<bool, Error> {
    Ok(disk.list()?.iter().any(|name| is_name(name)))
}

/// An open log.
pub struct Log {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
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
        let found = Self::scan(&*disk, &options, &Progress::default(), apply)?;
        Self::go_on(disk, clock, options, found)
    }

    /// The first half of [`Log::open`]: replays every record and changes nothing.
    pub(crate) fn scan(
        disk: &dyn Disk,
        options: &LogOptions,
        progress: &Progress,
        apply: &mut Apply<'_>,
    ) -> Result<Found, Error> {
        if options.segment_bytes < SEGMENT_BYTES_MIN
            || !options.segment_bytes.is_multiple_of(record::FRAME_ALIGN)
        {
            let text =
                format!("a log segment must be a multiple of 8 and at least {SEGMENT_BYTES_MIN} bytes");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        recovery::scan(disk, options.database_id, options.needed, progress, apply)
    }

    /// The second half, once all records have been applied: makes the log what it was found to be, and goes on.
    pub(crate) fn go_on(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        options: LogOptions,
        found: Found,
    ) -> Result<(Self, Recovery), Error> {
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

    /// Reserves `more` bytes for a record for which `reserved` bytes were reserved already: together they are as if they
    /// had been reserved at once.
    ///
    /// # Errors
    /// As [`Log::reserve`].
    pub fn reserve_more(&self, reserved: u64, more: u64) -> Result<(), Refusal> {
        let cost_bytes = |bytes| self.shared.cost_bytes(bytes);
        let extra_bytes = cost_bytes(reserved + more) - cost_bytes(reserved);
        if !self.shared.credit.take(extra_bytes) {
            self.shared.reserve_slowly(more)?;
            self.shared.credit.give(cost_bytes(more) - extra_bytes);
        }
        Ok(())
    }

    /// As [`Log::reserve_more`], but takes only what is at hand: it does no I/O and does not wait.
    pub fn reserve_at_hand(&self, reserved: u64, more: u64) -> bool {
        let cost_bytes = |bytes| self.shared.cost_bytes(bytes);
        self.shared.credit.take(cost_bytes(reserved + more) - cost_bytes(reserved))
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

    /// As [`Log::append`], for a record of at most `bytes_max` that is made when it is written.
    pub(crate) fn append_later(&self, source: Box<dyn later::Source>, bytes_max: u64, reserved: u64) -> Lsn {
        let shared = &*self.shared;
        let mut charged = shared.cost_bytes(reserved);
        let needed = shared.cost_bytes(bytes_max);
        if needed > charged {
            shared.credit.take_anyway(needed - charged);
            charged = needed;
        }
        let mut pending = shared.pending.lock();
        shared.later.fetch_add(1, Ordering::AcqRel);
        let lsn = pending.push_later(source, charged);
        shared.appended.store(lsn, Ordering::Release);
        drop(pending);
        shared.signals.want_write();
        lsn
    }

    /// As [`Log::write`], unless that takes long because of a record that is made meanwhile: then it is left to the log's own
    /// thread, and those who asked for it are told of its progress. False if it was left.
    ///
    /// # Errors
    /// `Failed`: the log takes nothing more.
    pub fn write_or_leave(&self) -> Result<bool, Error> {
        if self.shared.options.threads && self.shared.later.load(Ordering::Acquire) > 0 {
            return self.shared.check_failed().map(|()| false);
        }
        self.shared.write().map(|_| true)
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
        self.shared.fsync.store(fsync as u8, Ordering::Release);
        self.shared.request_sync();
    }

    /// What failed first, if the log has failed.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        if !self.shared.is_failed.load(Ordering::Acquire) {
            return None;
        }
        self.shared.failed.lock().clone()
    }

    /// Figures of the moment.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        let shared = &*self.shared;
        let mut stats = shared.stats.lock().clone();
        stats.writes = shared.writes.load(Ordering::Relaxed);
        stats.written_bytes = shared.written_bytes.load(Ordering::Relaxed);
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

    /// Removes the segments of which no record after `upto` is needed; `upto` must be durable. Returns how many bytes of
    /// disk that gave back.
    ///
    /// # Errors
    /// What the disk says; the log goes on, and any part of those segments is left.
    pub fn trim(&self, upto: Lsn) -> Result<u64, Error> {
        self.shared.trim(upto)
    }

    /// Copies to another disk the segments that hold the records after `after` and end with the last one written. The
    /// log must not be trimmed meanwhile.
    ///
    /// # Errors
    /// What either disk says, or `Failed` if the log has failed.
    pub fn copy_to(&self, after: Lsn, to: &dyn Disk) -> Result<(), Error> {
        self.shared.copy_to(after, to)
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
        self.shared.signals.wait_for_tasks();
        self.shared.signals.wait_for_tasks();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.stop_threads();
    }
}
