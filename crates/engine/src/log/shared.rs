//! What the threads of a log share, and what they do with it: prepare, write, sync, fail, close.
//!
//! What must hold: locks are taken in the order of the fields of [`Shared`], none of them under a later one; `written`
//! advances under `writer`, `durable` under `sync_turn`; the first failure is the one that is told.

use super::credit::Credit;
use super::options::{AppendFsync, LogOptions, LogStats, Refusal};
use super::pending::{self, Pending};
use super::record::{FRAME_BYTES_MAX, FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES};
use super::segment::{self, PrepareError, Prepared};
use super::threads::Signals;
use super::window::Windows;
use super::writer::{self, Writer, latched};
use super::{Lsn, recovery};
use crate::error::Error;
use crate::io::{Clock, Disk, File};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// No record is larger.
const RECORD_BYTES_MAX: u64 = 2 << 30;

/// After the disk was full, it is asked again no sooner.
const FULL_RETRY: Duration = Duration::from_millis(100);

const CLOSED: &str = "the log is closed";

/// What all threads of a log see. Locks are taken in the order of the fields, and none of them under a later one.
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: LogOptions,
    pub(super) epoch: u32,
    pub(super) frame_bytes_max: usize,
    pub(super) credit: Credit,
    /// One sync at a time; whoever waits for it finds its records synced.
    pub(super) sync_turn: Mutex<()>,
    pub(super) writer: Mutex<Writer>,
    /// One preparation at a time.
    pub(super) preparing: Mutex<Preparing>,
    pub(super) prepared: Mutex<VecDeque<Prepared>>,
    pub(super) pending: Mutex<Pending>,
    pub(super) windows: Mutex<Windows>,
    /// Segments with bytes that may not be durable; the last is the one being written.
    pub(super) unsynced: Mutex<Vec<Arc<dyn File>>>,
    pub(super) appended: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) durable: AtomicU64,
    pub(super) time_ms: AtomicU64,
    /// An [`AppendFsync`].
    pub(super) fsync: AtomicU8,
    pub(super) failed: Mutex<Option<String>>,
    /// Whether `failed` says anything, for those who ask at every command.
    pub(super) is_failed: AtomicBool,
    /// A sync was asked for and has not begun.
    pub(super) sync_asked: AtomicBool,
    /// Windows were asked for and none has been looked for since.
    pub(super) windows_asked: AtomicBool,
    /// Records that are pending or being written and are made meanwhile: writing takes long.
    pub(super) later: AtomicUsize,
    /// How many writes there have been; counted by the one who holds `writer`.
    pub(super) writes: AtomicU64,
    /// Bytes of frames written; added to by the one who holds `writer`.
    pub(super) written_bytes: AtomicU64,
    pub(super) signals: Signals,
    pub(super) on_progress: Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>,
    pub(super) stats: Mutex<LogStats>,
}

pub(super) struct Preparing {
    pub(super) next_index: u32,
    /// When the disk was full, by the monotonic clock, and what it said.
    pub(super) full: Option<(Duration, String)>,
}

impl Shared {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        options: LogOptions,
        found: &recovery::Found,
    ) -> Self {
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
            // A log that shares its threads is one of many: pages of each would be in memory for nothing.
            windows: Mutex::new(if options.service.is_some() { Windows::off() } else { Windows::default() }),
            unsynced: Mutex::new(Vec::new()),
            appended: AtomicU64::new(last_lsn),
            written: AtomicU64::new(last_lsn),
            durable: AtomicU64::new(last_lsn),
            time_ms: AtomicU64::new(found.recovery.time_ms),
            fsync: AtomicU8::new(options.fsync as u8),
            options,
            failed: Mutex::new(None),
            is_failed: AtomicBool::new(false),
            sync_asked: AtomicBool::new(false),
            windows_asked: AtomicBool::new(false),
            later: AtomicUsize::new(0),
            writes: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
            signals: Signals::default(),
            on_progress: Mutex::new(Vec::new()),
            stats: Mutex::new(LogStats { is_write_ok: true, ..LogStats::default() }),
        }
    }

    #[inline]
    pub(super) fn cost_bytes(&self, record_bytes: u64) -> u64 {
        pending::cost_bytes(record_bytes, self.frame_bytes_max)
    }

    /// What a segment adds to the credit.
    pub(super) fn worth_bytes(&self, capacity_bytes: u64) -> u64 {
        capacity_bytes - SEGMENT_HEADER_BYTES - self.frame_bytes_max as u64
    }

    /// Begins the epoch: a segment whose durable header says where it continues.
    pub(super) fn begin_epoch(&self) -> Result<(), Error> {
        self.prepare(&mut self.preparing.lock())?;
        let first = self.prepared.lock().pop_front().expect("a segment has just been prepared");
        let file = first.file.clone();
        self.writer.lock().begin(self, first, self.durable.load(Ordering::Acquire) + 1)?;
        file.sync_data()
    }

    pub(super) fn count_segments(&self) -> Result<(), Error> {
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
    pub(super) fn prepare(&self, preparing: &mut Preparing) -> Result<(), Error> {
        match segment::prepare(&*self.disk, self.epoch, preparing.next_index, self.options.segment_bytes) {
            Ok(segment) => {
                preparing.next_index += 1;
                preparing.full = None;
                self.windows.lock().add_segment(segment.index, segment.file.clone(), segment.capacity_bytes);
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
    pub(super) fn next_segment(&self) -> Result<Prepared, Error> {
        let mut preparing = self.preparing.lock();
        if self.prepared.lock().is_empty() {
            self.prepare(&mut preparing)?;
        }
        Ok(self.prepared.lock().pop_front().expect("a segment has just been prepared"))
    }

    /// Prepares a segment if none is ready. Whether there is nothing left to do.
    pub(super) fn prepare_ahead(&self) -> bool {
        let mut preparing = self.preparing.lock();
        let is_ready = !self.prepared.lock().is_empty();
        is_ready || self.failed.lock().is_some() || self.prepare(&mut preparing).is_ok()
    }

    #[cold]
    pub(super) fn reserve_slowly(&self, bytes: u64) -> Result<(), Refusal> {
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

    pub(super) fn write(&self) -> Result<Lsn, Error> {
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
            // Nobody else counts while the writer is held.
            self.writes.store(self.writes.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            writer.write_pending(self)
        });
        // Latched while the writer is held, so that no other write comes between.
        let result = result.map_err(|error| self.latch(&error));
        let wants_segment = writer.current.as_mut().is_some_and(writer::Current::becomes_half_used);
        drop(writer);
        if wants_segment {
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

    /// Writes everything, until no record is left that takes long; then tells those who left it to this thread.
    pub(super) fn write_later_records(&self) {
        loop {
            let is_last = self.later.load(Ordering::Acquire) == 0;
            // A failure is latched, and told to those who wait.
            if self.write().is_err() || is_last {
                return self.tell_progress();
            }
        }
    }

    pub(super) fn sync(&self) -> Result<Lsn, Error> {
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
    pub(super) fn sync_segments(&self) -> Result<Lsn, Error> {
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
    pub(super) fn state_synced(&self) -> Result<(), Error> {
        const MARK_BYTES: u64 = FRAME_HEADER_BYTES as u64;
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

    pub(super) fn request_sync(&self) {
        if !self.sync_asked.swap(true, Ordering::AcqRel) {
            self.signals.want_sync();
        }
    }

    /// When records are made durable.
    #[inline]
    pub(super) fn fsync(&self) -> AppendFsync {
        AppendFsync::from_code(self.fsync.load(Ordering::Acquire))
    }

    #[inline]
    pub(super) fn check_failed(&self) -> Result<(), Error> {
        if self.is_failed.load(Ordering::Acquire) { self.failure() } else { Ok(()) }
    }

    #[cold]
    fn failure(&self) -> Result<(), Error> {
        match &*self.failed.lock() {
            Some(reason) => Err(latched(reason)),
            None => Ok(()),
        }
    }

    /// Ends the log's service for good; the first reason stays. Returns what to answer.
    pub(super) fn latch(&self, error: &Error) -> Error {
        self.credit.close();
        let mut failed = self.failed.lock();
        let reason = failed.get_or_insert_with(|| error.to_string());
        self.is_failed.store(true, Ordering::Release);
        latched(reason)
    }

    pub(super) fn tell_progress(&self) {
        let listeners = self.on_progress.lock().clone();
        for listener in listeners {
            listener();
        }
    }

    pub(super) fn close(&self) -> Result<(), Error> {
        if self.failed.lock().as_deref() == Some(CLOSED) {
            return Ok(());
        }
        self.check_failed()?;
        // Twice: what was reserved before the credit closed may be appended meanwhile.
        self.sync()?;
        self.credit.close();
        self.sync()?;
        *self.failed.lock() = Some(CLOSED.to_owned());
        self.is_failed.store(true, Ordering::Release);
        let mut writer = self.writer.lock();
        writer.write_mark(self)?;
        if let Some(current) = writer.current.take() {
            let (file, offset) = (current.file.clone(), current.offset);
            // Nothing is mapped when the file is cut.
            drop(current);
            self.drop_windows();
            file.sync_data()?;
            file.set_len(offset)?;
            file.sync_data()?;
        }
        for unused in self.prepared.lock().drain(..) {
            self.disk.remove(&segment::name(self.epoch, unused.index))?;
        }
        self.disk.sync_dir()
    }
}
