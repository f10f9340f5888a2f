//! Bytes as they arrive, summed up and, where asked for, kept.
//!
//! What must hold: memory follows what was received; the checksum covers every byte up to the position and no other.

use super::Fault;
use super::crc::Digest;
use super::cursor::Source;
use std::io::Read;

const BUFFER_BYTES: usize = 64 << 10;

/// A reader with its position.
pub(super) struct Input<R> {
    from: R,
    buffer: Box<[u8]>,
    /// What of the buffer was received and not given out.
    start: usize,
    end: usize,
    /// Up to here the buffer is in the checksum and, where asked for, in `kept`.
    noted: usize,
    /// Bytes given out before the buffer.
    before: u64,
    digest: Digest,
    keeping: bool,
    kept: Vec<u8>,
}

impl<R: Read> Input<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            noted: 0,
            before: 0,
            digest: Digest::default(),
            keeping: false,
            kept: Vec::new(),
        }
    }

    /// Bytes given out so far.
    pub(super) fn position(&self) -> u64 {
        self.before + self.start as u64
    }

    /// The checksum of them.
    pub(super) fn checksum(&mut self) -> u64 {
        self.note();
        self.digest.value()
    }

    /// Begins to keep what is given out.
    pub(super) fn keep(&mut self) {
        self.note();
        self.kept.clear();
        self.keeping = true;
    }

    /// Ends that. What was kept stands until the next time.
    pub(super) fn kept(&mut self) -> &[u8] {
        self.note();
        self.keeping = false;
        &self.kept
    }

    /// Takes notice of what was given out since the last time.
    fn note(&mut self) {
        let given = &self.buffer[self.noted..self.start];
        self.digest.update(given);
        if self.keeping {
            self.kept.extend_from_slice(given);
        }
        self.noted = self.start;
    }

    /// Receives more; all that was received has been given out.
    #[cold]
    fn refill(&mut self) -> Result<(), Fault> {
        self.note();
        self.before += self.start as u64;
        (self.start, self.end, self.noted) = (0, 0, 0);
        loop {
            match self.from.read(&mut self.buffer) {
                Ok(0) => return Err(Fault::Truncated),
                Ok(received) => {
                    self.end = received.min(self.buffer.len());
                    return Ok(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Io(error)),
            }
        }
    }

    /// What was received and not given out, and where more comes from.
    pub(super) fn into_rest(self) -> (Vec<u8>, R) {
        (self.buffer[self.start..self.end].to_vec(), self.from)
    }
}

impl<R: Read> Source for Input<R> {
    #[inline]
    fn byte(&mut self) -> Result<u8, Fault> {
        if self.start == self.end {
            self.refill()?;
        }
        let byte = self.buffer[self.start];
        self.start += 1;
        Ok(byte)
    }

    fn pass(&mut self, mut count: u64) -> Result<(), Fault> {
        loop {
            let here = (self.end - self.start) as u64;
            if count <= here {
                self.start += usize::try_from(count).expect("no more than the buffer holds");
                return Ok(());
            }
            self.start = self.end;
            count -= here;
            self.refill()?;
        }
    }
}
