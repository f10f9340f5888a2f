//! Records whose bytes are made when they are written.
//!
//! A record with a large value in it would be encoded, and copied, under the locks of its shards. Instead a source is
//! appended, which holds the value as it was then; the writer asks it for the bytes, frame by frame. What must hold: a
//! source gives no more bytes than were reserved for it, and the same at whatever time it is asked; the record has its
//! number and its place among the others like any other.
//!
//! While such a record is pending, whoever cannot wait for it leaves the writing to a thread of the log
//! ([`super::Log::write_or_leave`]). What comes behind it in the log is not written before it.

use super::Lsn;
use super::pending::{PendingFrame, part_bytes_max};
use super::record::{FLAG_CONTINUES, FLAG_UNFINISHED, FRAME_HEADER_BYTES, PIECE_HEADER_BYTES, padded};
use super::shared::Shared;
use super::writer::Writer;
use crate::error::Error;
use std::sync::atomic::Ordering;

/// Gives the bytes of a record.
pub(crate) trait Source: Send {
    /// Hands them on in order, in pieces of any size, until `each` fails.
    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error>;
}

/// A record that waits to be written.
pub(crate) struct Later {
    pub(crate) lsn: Lsn,
    pub(crate) source: Box<dyn Source>,
}

/// Collects the pieces of one record to frames.
struct Frames<'a> {
    writer: &'a mut Writer,
    shared: &'a Shared,
    lsn: Lsn,
    frame: Vec<u8>,
    /// Bytes of the record in frames that are written.
    written_bytes: usize,
    /// What those take in the log.
    used_bytes: u64,
}

const HEAD_BYTES: usize = FRAME_HEADER_BYTES + PIECE_HEADER_BYTES;

impl Frames<'_> {
    fn add(&mut self, mut piece: &[u8]) -> Result<(), Error> {
        let frame_bytes_max = HEAD_BYTES + part_bytes_max(self.shared.frame_bytes_max);
        while !piece.is_empty() {
            if self.frame.len() == frame_bytes_max {
                self.end_frame(FLAG_UNFINISHED)?;
            }
            let (fitting, rest) = piece.split_at(piece.len().min(frame_bytes_max - self.frame.len()));
            self.frame.extend_from_slice(fitting);
            piece = rest;
        }
        Ok(())
    }

    fn end_frame(&mut self, unfinished: u32) -> Result<(), Error> {
        let piece_bytes = self.frame.len() - HEAD_BYTES;
        let continues = if self.written_bytes > 0 { FLAG_CONTINUES } else { 0 };
        let header = PendingFrame {
            start: 0,
            end: self.frame.len(),
            first_lsn: self.lsn,
            pieces: 1,
            flags: continues | unfinished,
            bytes_before: u32::try_from(self.written_bytes).expect("a record is bounded by 2 GiB"),
        };
        let length = u32::try_from(piece_bytes).expect("a piece fits into a frame");
        self.frame[FRAME_HEADER_BYTES..HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
        self.used_bytes += self.writer.write_frame(self.shared, &mut self.frame, &header)?;
        self.written_bytes += piece_bytes;
        self.frame.clear();
        self.frame.resize(HEAD_BYTES, 0);
        Ok(())
    }
}

impl Writer {
    /// Writes a record from its source. Returns the bytes that it took in the log.
    pub(super) fn write_later(&mut self, shared: &Shared, later: &Later) -> Result<u64, Error> {
        let mut frames = Frames {
            writer: self,
            shared,
            lsn: later.lsn,
            frame: vec![0; HEAD_BYTES],
            written_bytes: 0,
            used_bytes: 0,
        };
        later.source.pieces(&mut |piece| frames.add(piece))?;
        frames.end_frame(0)?;
        Ok(frames.used_bytes)
    }

    /// Writes one frame by itself: its header is sealed into the first bytes. Returns what it takes in the log.
    fn write_frame(
        &mut self,
        shared: &Shared,
        bytes: &mut Vec<u8>,
        frame: &PendingFrame,
    ) -> Result<u64, Error> {
        let frame_bytes = padded(bytes.len() as u64);
        if self.current.as_ref().is_none_or(|current| frame_bytes > current.room(0)) {
            self.switch(shared, frame.first_lsn)?;
        }
        let current = self.current.as_ref().expect("switching leaves a current segment");
        let synced_lsn = shared.durable.load(Ordering::Acquire);
        let header = frame.header(shared.epoch, synced_lsn, shared.time_ms.load(Ordering::Relaxed));
        header.seal(bytes, current.seal, current.offset);
        bytes.resize(usize::try_from(frame_bytes).unwrap_or(usize::MAX), 0);
        self.write_run(shared, bytes)?;
        Ok(frame_bytes)
    }
}
