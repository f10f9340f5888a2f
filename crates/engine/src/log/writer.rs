//! Puts frames into segments: one write for all that is pending, the next segment when one is full.
//!
//! What must hold: frames are written in order and never twice; after a failed write there is no other, since the file
//! may hold any part of it; a segment is known to the syncer before its first byte. It runs under one mutex and outside
//! of every shard lock. Preparing segments and syncing them is not done here.

use super::later::Later;
use super::pending::{FLAG_LATER, Pending, PendingFrame};
use super::record::{FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES, Seal, SegmentHeader, padded};
use super::segment::{self, Prepared};
use super::shared::Shared;
use super::window::Window;
use super::{AppendFsync, Lsn};
use crate::error::{Error, ErrorKind};
use crate::io::File;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The segment being written.
pub(crate) struct Current {
    pub(crate) file: Arc<dyn File>,
    pub(crate) index: u32,
    pub(crate) seal: Seal,
    /// The mapped part in which `offset` is, or was.
    pub(crate) window: Option<Window>,
    /// The next segment has been asked for.
    has_asked: bool,
    /// Where the next frame goes.
    pub(crate) offset: u64,
    pub(crate) capacity_bytes: u64,
}

/// What the one writing thread owns.
pub(crate) struct Writer {
    pub(crate) current: Option<Current>,
    /// Swapped with the buffer that appenders fill.
    spare: Pending,
    /// The highest LSN that some frame states to be synced.
    pub(crate) stated_lsn: Lsn,
}

impl Writer {
    pub(crate) fn new(spare: Pending) -> Self {
        Self { current: None, spare, stated_lsn: 0 }
    }

    /// Writes all that is pending. On return `shared.written` covers it.
    pub(crate) fn write_pending(&mut self, shared: &Shared) -> Result<(), Error> {
        let appended = {
            let mut pending = shared.pending.lock();
            if pending.frames.is_empty() {
                return Ok(());
            }
            self.spare.next_lsn = pending.next_lsn;
            std::mem::swap(&mut *pending, &mut self.spare);
            self.spare.next_lsn - 1
        };
        let mut bytes = std::mem::take(&mut self.spare.bytes);
        let frames = std::mem::take(&mut self.spare.frames);
        let later = std::mem::take(&mut self.spare.later);
        bytes.resize(usize::try_from(padded(bytes.len() as u64)).unwrap_or(usize::MAX), 0);
        let used_bytes = self.write_frames(shared, &mut bytes, &frames, &later)?;
        self.spare.bytes = bytes;
        self.spare.frames = frames;
        let charged_bytes = self.spare.charged_bytes;
        self.spare.clear();
        assert!(appended >= shared.written.load(Ordering::Relaxed), "records are written in order");
        shared.written.store(appended, Ordering::Release);
        let written_bytes = shared.written_bytes.load(Ordering::Relaxed) + used_bytes;
        shared.written_bytes.store(written_bytes, Ordering::Relaxed);
        // In one step: between two, somebody could reserve what is not there.
        assert!(charged_bytes >= used_bytes, "no record takes more than it was charged");
        shared.credit.give(charged_bytes - used_bytes);
        if !later.is_empty() {
            shared.later.fetch_sub(later.len(), Ordering::AcqRel);
        }
        Ok(())
    }

    /// Writes frames, in as few writes as segments. Returns the bytes that they took.
    fn write_frames(
        &mut self,
        shared: &Shared,
        bytes: &mut [u8],
        frames: &[PendingFrame],
        later: &VecDeque<Later>,
    ) -> Result<u64, Error> {
        let mut later = later.iter();
        let synced_lsn = shared.durable.load(Ordering::Acquire);
        let time_ms = shared.time_ms.load(Ordering::Relaxed);
        let mut used_bytes = 0;
        let mut run: Range<usize> = 0..0;
        for frame in frames {
            if frame.flags == FLAG_LATER {
                self.write_run(shared, &bytes[run])?;
                run = frame.end..frame.end;
                let record = later.next().expect("each mark stands for a record");
                used_bytes += self.write_later(shared, record)?;
                continue;
            }
            if run.is_empty() {
                // Behind such a record the next frame begins where its own bytes do.
                run = frame.start..frame.start;
            }
            let frame_bytes = padded((frame.end - frame.start) as u64);
            if self.current.as_ref().is_none_or(|current| frame_bytes > current.room(run.len())) {
                self.write_run(shared, &bytes[run.clone()])?;
                self.switch(shared, frame.first_lsn)?;
                run = frame.start..frame.start;
            }
            let current = self.current.as_ref().expect("switching leaves a current segment");
            let header = frame.header(shared.epoch, synced_lsn, time_ms);
            header.seal(&mut bytes[frame.start..frame.end], current.seal, current.offset + run.len() as u64);
            run.end =
                run.start + usize::try_from(padded((frame.end - run.start) as u64)).unwrap_or(usize::MAX);
            used_bytes += frame_bytes;
        }
        self.write_run(shared, &bytes[run])?;
        self.stated_lsn = synced_lsn;
        Ok(used_bytes)
    }

    /// Writes frames at the offset: as far as there are windows by copying, from there on by a write to the file.
    pub(super) fn write_run(&mut self, shared: &Shared, run: &[u8]) -> Result<(), Error> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let mut rest = run;
        while !rest.is_empty() {
            let count = match current.window_at_offset(shared) {
                Some((window, offset)) => window.write_at(offset, rest),
                None => current.file.write_at(current.offset, rest).map(|()| rest.len())?,
            };
            current.offset += count as u64;
            rest = &rest[count..];
        }
        Ok(())
    }

    /// Goes on in the next segment, whose first record is `first_lsn`.
    pub(super) fn switch(&mut self, shared: &Shared, first_lsn: Lsn) -> Result<(), Error> {
        let next = shared.next_segment()?;
        let Some(full) = &self.current else {
            // The epoch could not begin at opening, for want of space. Its header has to be durable before its frames.
            let file = next.file.clone();
            self.begin(shared, next, first_lsn)?;
            return file.sync_data();
        };
        // What the full one took beyond its worth was taken from the others' as well.
        let used = full.offset - SEGMENT_HEADER_BYTES;
        shared.credit.give(used.saturating_sub(shared.worth_bytes(full.capacity_bytes)));
        shared.leave_window(self.current.as_mut().and_then(|full| full.window.take()));
        self.begin(shared, next, first_lsn)?;
        if shared.fsync() == AppendFsync::No {
            shared.request_sync();
        }
        Ok(())
    }

    /// Begins a segment by its header.
    pub(crate) fn begin(&mut self, shared: &Shared, next: Prepared, first_lsn: Lsn) -> Result<(), Error> {
        let header = SegmentHeader {
            database_id: shared.options.database_id,
            epoch: shared.epoch,
            index: next.index,
            first_lsn,
            synced_lsn: shared.durable.load(Ordering::Acquire),
            time_ms: shared.time_ms.load(Ordering::Relaxed),
        };
        shared.unsynced.lock().push(next.file.clone());
        segment::begin(&*next.file, &header)?;
        self.current = Some(Current {
            file: next.file,
            index: next.index,
            window: None,
            has_asked: false,
            seal: Seal::new(shared.options.database_id, next.index),
            offset: SEGMENT_HEADER_BYTES,
            capacity_bytes: next.capacity_bytes,
        });
        Ok(())
    }

    /// Writes a frame without records, which states what is synced. Not if that is stated already, and not if there is
    /// no room: it is not worth a segment. Whether it was written; the credit for it is the caller's matter.
    pub(crate) fn write_mark(&mut self, shared: &Shared) -> Result<bool, Error> {
        let synced_lsn = shared.durable.load(Ordering::Acquire);
        let is_due = synced_lsn > self.stated_lsn && synced_lsn == shared.written.load(Ordering::Acquire);
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let Some(current) = self.current.as_ref().filter(|current| is_due && current.room(bytes.len()) > 0)
        else {
            return Ok(false);
        };
        let frame = PendingFrame {
            start: 0,
            end: bytes.len(),
            first_lsn: synced_lsn + 1,
            pieces: 0,
            flags: 0,
            bytes_before: 0,
        };
        let header = frame.header(shared.epoch, synced_lsn, shared.time_ms.load(Ordering::Relaxed));
        header.seal(&mut bytes, current.seal, current.offset);
        self.write_run(shared, &bytes)?;
        self.stated_lsn = synced_lsn;
        Ok(true)
    }
}

impl Current {
    /// The room that is left after `pending_bytes` more; 0 if there is none.
    pub(super) fn room(&self, pending_bytes: usize) -> u64 {
        self.capacity_bytes.saturating_sub(self.offset + pending_bytes as u64)
    }

    /// The window in which the offset is, if there is one, and the offset.
    #[inline]
    fn window_at_offset(&mut self, shared: &Shared) -> Option<(&mut Window, u64)> {
        if self.window.as_ref().is_none_or(|window| window.end <= self.offset) {
            self.window = shared.next_window(self.index, self.offset, self.window.take());
        }
        let offset = self.offset;
        self.window.as_mut().map(|window| (window, offset))
    }

    /// Whether it is time to have another one ready. True once.
    pub(crate) fn becomes_half_used(&mut self) -> bool {
        let is_due = !self.has_asked && self.offset > self.capacity_bytes / 2;
        self.has_asked |= is_due;
        is_due
    }
}

/// The error of every call after the log has failed.
pub(crate) fn latched(reason: &str) -> Error {
    Error::new(
        ErrorKind::Failed,
        format!("the log has failed and takes nothing more until the database is reopened: {reason}"),
    )
}
