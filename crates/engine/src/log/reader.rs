//! Reads a segment: frame after frame, or in search of frames behind damage.
//!
//! What must hold: memory is bounded by a block and a frame, whatever the bytes say; no bytes make it panic. It judges
//! single frames only; whether they follow each other is recovery's matter.

use super::record::{
    ENCODED_HEADER_BYTES, FRAME_ALIGN, FRAME_HEADER_BYTES, FrameHeader, HeaderState, SEGMENT_HEADER_BYTES,
};
use super::record::{FRAME_MAGIC, Seal, SegmentHeader, padded};
use crate::error::Error;
use crate::io::File;
use std::sync::Arc;

const BLOCK_BYTES: usize = 1 << 20;

/// Reads the header of a segment.
pub(crate) fn read_header(file: &dyn File) -> Result<HeaderState, Error> {
    let mut bytes = [0; ENCODED_HEADER_BYTES];
    let count = file.read_at(0, &mut bytes)?;
    Ok(SegmentHeader::decode(&bytes[..count]))
}

/// A segment read through a window of bounded size.
pub(crate) struct SegmentReader {
    file: Arc<dyn File>,
    seal: Seal,
    /// Where the next frame is looked for.
    offset: u64,
    window: Vec<u8>,
    window_start: u64,
}

/// What lies behind the end of the valid frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Remains {
    /// The end of the last byte that is not zero; 0 if there is none.
    pub(crate) end: u64,
    /// Whole, valid frames.
    pub(crate) frames: u64,
    /// The highest LSN that a frame, or the header of a torn one, states to be synced, and where it says so.
    pub(crate) synced: Option<(u64, u64)>,
}

impl SegmentReader {
    /// Reads from the first frame on.
    pub(crate) fn new(file: Arc<dyn File>, seal: Seal) -> Self {
        Self { file, seal, offset: SEGMENT_HEADER_BYTES, window: Vec::new(), window_start: 0 }
    }

    /// Where the next frame is looked for.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame, or nothing if there is no valid one here.
    pub(crate) fn next_frame(&mut self) -> Result<Option<(FrameHeader, &[u8])>, Error> {
        let Some(header) = self.header_at(self.offset)? else { return Ok(None) };
        let start = self.offset;
        let Some(range) = self.load(start, header.len())? else { return Ok(None) };
        if !header.is_whole(&self.window[range.clone()]) {
            return Ok(None);
        }
        self.offset = start + padded(header.len() as u64);
        Ok(Some((header, &self.window[range])))
    }

    /// Looks through all the bytes from `from` to the end of the file for frames and for anything that is not zero.
    pub(crate) fn search(&mut self, from: u64) -> Result<Remains, Error> {
        let mut remains = Remains::default();
        let len = self.file.len()?;
        let mut at = from;
        while at < len {
            if self.skip_zeros(&mut at)? {
                continue;
            }
            let Some(header) = self.header_at(at)? else {
                remains.end = (at + FRAME_ALIGN).min(len);
                at += FRAME_ALIGN;
                continue;
            };
            if remains.synced.is_none_or(|(synced, _)| synced < header.synced_lsn) {
                remains.synced = Some((header.synced_lsn, at));
            }
            let whole = match self.load(at, header.len())? {
                Some(range) => header.is_whole(&self.window[range]),
                None => false,
            };
            remains.frames += u64::from(whole);
            // Within a torn frame there may be whole ones: written over it, or over which it was written.
            let step = if whole { padded(header.len() as u64) } else { FRAME_ALIGN };
            at += step;
            remains.end = at.min(len);
        }
        Ok(remains)
    }

    /// Moves `at` over zeros, as far as the window reaches. Whether it moved.
    fn skip_zeros(&mut self, at: &mut u64) -> Result<bool, Error> {
        let Some(range) = self.load(*at, 1)? else { return Ok(false) };
        let zeros = self.window[range.start..].iter().take_while(|&&byte| byte == 0).count();
        let whole = zeros as u64 / FRAME_ALIGN * FRAME_ALIGN;
        let is_tail = zeros == self.window.len() - range.start;
        // The last few bytes of a file need not fill a step.
        *at += if is_tail { zeros as u64 } else { whole };
        Ok(whole > 0 || (is_tail && zeros > 0))
    }

    fn header_at(&mut self, at: u64) -> Result<Option<FrameHeader>, Error> {
        let Some(range) = self.load(at, FRAME_HEADER_BYTES)? else { return Ok(None) };
        let bytes = &self.window[range];
        Ok(if bytes[..4] == FRAME_MAGIC { FrameHeader::decode(bytes, self.seal, at) } else { None })
    }

    /// Brings `count` bytes at `at` into the window and says where they are; nothing if the file ends before.
    fn load(&mut self, at: u64, count: usize) -> Result<Option<std::ops::Range<usize>>, Error> {
        let window_end = self.window_start + self.window.len() as u64;
        if at < self.window_start || at + count as u64 > window_end {
            let kept = match usize::try_from(at.wrapping_sub(self.window_start)) {
                Ok(start) if start < self.window.len() => {
                    self.window.drain(..start);
                    self.window.len()
                }
                _ => 0,
            };
            self.window.resize(BLOCK_BYTES.max(count), 0);
            self.window_start = at;
            let read = self.file.read_at(at + kept as u64, &mut self.window[kept..])?;
            self.window.truncate(kept + read);
        }
        let start =
            usize::try_from(at - self.window_start).expect("the window begins at or before what was loaded");
        Ok((start + count <= self.window.len()).then(|| start..start + count))
    }
}
