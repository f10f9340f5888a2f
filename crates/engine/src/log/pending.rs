//! Records that wait to be written: frames without their checksums, in one buffer.
//!
//! What must hold: a record gets its number and its place here in one step, so numbers are contiguous in the order of the
//! bytes; a frame is never longer than its bound; and nothing here does I/O, for appenders hold shard locks.

use super::Lsn;
use super::later::{Later, Source};
use super::record::{
    FLAG_CONTINUES, FLAG_UNFINISHED, FRAME_ALIGN, FRAME_HEADER_BYTES, FrameHeader, PIECE_HEADER_BYTES,
};
use std::collections::VecDeque;

/// A buffer that grew larger than this for one burst is given back after it.
const KEPT_BUFFER_BYTES: usize = 8 << 20;

/// Stands in place of a frame: here belongs the next of the records that are made when they are written. It is no flag of the
/// format.
pub(crate) const FLAG_LATER: u32 = 1 << 31;

/// A frame in the buffer; `header.bytes` is filled in as the frame ends.
pub(crate) struct PendingFrame {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) first_lsn: Lsn,
    pub(crate) pieces: u32,
    pub(crate) flags: u32,
    pub(crate) bytes_before: u32,
}

impl PendingFrame {
    /// The header as far as the buffer knows it.
    pub(crate) fn header(&self, epoch: u32, synced_lsn: Lsn, time_ms: u64) -> FrameHeader {
        let bytes = u32::try_from(self.end - self.start).expect("a frame is bounded by a few MiB");
        FrameHeader {
            bytes,
            epoch,
            first_lsn: self.first_lsn,
            pieces: self.pieces,
            flags: self.flags,
            bytes_before: self.bytes_before,
            synced_lsn,
            time_ms,
        }
    }
}

/// Frames in the order of their records.
pub(crate) struct Pending {
    pub(crate) bytes: Vec<u8>,
    pub(crate) frames: Vec<PendingFrame>,
    /// Records that are not in the buffer, in the order of their marks among the frames.
    pub(crate) later: VecDeque<Later>,
    /// The number of the next record.
    pub(crate) next_lsn: Lsn,
    /// The credit that was taken for these records.
    pub(crate) charged_bytes: u64,
    frame_bytes_max: usize,
}

impl Pending {
    pub(crate) fn new(next_lsn: Lsn, frame_bytes_max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            frames: Vec::new(),
            later: VecDeque::new(),
            next_lsn,
            charged_bytes: 0,
            frame_bytes_max,
        }
    }

    /// Takes a record in, for which `charged_bytes` of credit were taken.
    #[inline]
    pub(crate) fn push(&mut self, record: &[u8], charged_bytes: u64) -> Lsn {
        let lsn = self.next_lsn;
        self.next_lsn += 1;
        self.charged_bytes += charged_bytes;
        let piece_bytes = PIECE_HEADER_BYTES + record.len();
        let fits = |frame: &PendingFrame| {
            frame.flags == 0 && frame.end - frame.start + piece_bytes <= self.frame_bytes_max
        };
        if !self.frames.last().is_some_and(fits) {
            if FRAME_HEADER_BYTES + piece_bytes > self.frame_bytes_max {
                self.push_in_parts(record, lsn);
                return lsn;
            }
            self.begin_frame(lsn, 0, 0);
        }
        self.push_piece(record);
        lsn
    }

    /// Takes in a record that is made when it is written.
    pub(crate) fn push_later(&mut self, source: Box<dyn Source>, charged_bytes: u64) -> Lsn {
        let lsn = self.next_lsn;
        self.next_lsn += 1;
        self.charged_bytes += charged_bytes;
        let at = self.bytes.len();
        self.frames.push(PendingFrame {
            start: at,
            end: at,
            first_lsn: lsn,
            pieces: 0,
            flags: FLAG_LATER,
            bytes_before: 0,
        });
        self.later.push_back(Later { lsn, source });
        lsn
    }

    /// A record larger than a frame: frames of its own, one piece each.
    fn push_in_parts(&mut self, record: &[u8], lsn: Lsn) {
        let parts = record.chunks(self.part_bytes_max());
        let last = parts.len() - 1;
        for (number, part) in parts.enumerate() {
            let continues = if number > 0 { FLAG_CONTINUES } else { 0 };
            let unfinished = if number < last { FLAG_UNFINISHED } else { 0 };
            let before = number * self.part_bytes_max();
            self.begin_frame(
                lsn,
                continues | unfinished,
                u32::try_from(before).expect("a record is bounded by 2 GiB"),
            );
            self.push_piece(part);
        }
    }

    fn part_bytes_max(&self) -> usize {
        part_bytes_max(self.frame_bytes_max)
    }

    fn begin_frame(&mut self, first_lsn: Lsn, flags: u32, bytes_before: u32) {
        let start = self.bytes.len().next_multiple_of(usize::try_from(FRAME_ALIGN).unwrap_or(8));
        self.bytes.resize(start + FRAME_HEADER_BYTES, 0);
        self.frames.push(PendingFrame {
            start,
            end: start + FRAME_HEADER_BYTES,
            first_lsn,
            pieces: 0,
            flags,
            bytes_before,
        });
    }

    #[inline]
    fn push_piece(&mut self, piece: &[u8]) {
        let length = u32::try_from(piece.len()).expect("a piece fits into a frame");
        self.bytes.reserve(PIECE_HEADER_BYTES + piece.len());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(piece);
        let frame = self.frames.last_mut().expect("a piece follows the beginning of its frame");
        frame.pieces += 1;
        frame.end = self.bytes.len();
    }

    /// Empties it for the next round, keeping a buffer of ordinary size.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BUFFER_BYTES);
        self.frames.clear();
        self.charged_bytes = 0;
    }
}

/// How much of a large record one frame takes.
pub(crate) fn part_bytes_max(frame_bytes_max: usize) -> usize {
    frame_bytes_max - FRAME_HEADER_BYTES - PIECE_HEADER_BYTES
}

/// No record of `record_bytes` takes more than this in the log, whatever it shares its frame with.
pub(crate) fn cost_bytes(record_bytes: u64, frame_bytes_max: usize) -> u64 {
    const FRAME_COST: u64 = FRAME_HEADER_BYTES as u64 + PIECE_HEADER_BYTES as u64 + FRAME_ALIGN;
    // The division is only for large records: the common case is on the hot path.
    let part_bytes = part_bytes_max(frame_bytes_max) as u64;
    let frames = if record_bytes <= part_bytes { 1 } else { record_bytes.div_ceil(part_bytes) };
    record_bytes + frames * FRAME_COST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_records_share_a_frame_until_it_is_full() {
        let mut pending = Pending::new(1, 200);
        assert_eq!(
            [pending.push(&[1; 60], 0), pending.push(&[2; 60], 0), pending.push(&[3; 60], 0)],
            [1, 2, 3]
        );
        let frames: Vec<_> =
            pending.frames.iter().map(|frame| (frame.first_lsn, frame.pieces, frame.flags)).collect();
        assert_eq!(frames, [(1, 2, 0), (3, 1, 0)]);
        assert!(pending.frames.iter().all(|frame| frame.start % 8 == 0 && frame.end - frame.start <= 200));
    }

    #[test]
    fn a_large_record_has_frames_of_its_own_and_costs_no_more_than_was_taken() {
        for length in [140, 141, 280, 281, 1000] {
            let mut pending = Pending::new(1, 200);
            pending.push(b"before", 0);
            let before = pending.bytes.len().next_multiple_of(8);
            pending.push(&vec![7; length], 0);
            pending.push(b"after", 0);
            let large: Vec<_> = pending.frames.iter().filter(|frame| frame.first_lsn == 2).collect();
            assert_eq!(large.len(), length.div_ceil(140));
            let end = large.last().unwrap().end.next_multiple_of(8);
            assert!((end - before) as u64 <= cost_bytes(length as u64, 200));
            assert_eq!(pending.frames.last().unwrap().first_lsn, 3);
        }
    }
}
