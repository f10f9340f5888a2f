//! Answers that are written in parts, at their places in the output.
//!
//! Owns what is left of them and the part that is being sent. What must hold: a part is made only once all that comes before
//! it is sent, so that a connection holds one part at most, however much it was answered; whatever was left of an answer
//! goes to the database to be freed, never away here.

use ramekin::{Database, Parts, Piece};
use ramekin_resp::{Encoder, Protocol};
use std::collections::VecDeque;

/// About how many bytes are made at a time. Others have their turn between two parts.
pub(super) const PART_BYTES: usize = 256 << 10;

/// An answer, and the byte of the output that it stands before.
struct Stream {
    at: usize,
    parts: Box<dyn Parts>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Streams {
    waiting: VecDeque<Stream>,
    part: Vec<u8>,
    sent: usize,
}

impl Streams {
    /// Whether there is none, not even a part of one.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.part.is_empty()
    }

    /// Takes an answer that has begun in the output, which ends here.
    pub(super) fn push(&mut self, at: usize, parts: Box<dyn Parts>) {
        self.waiting.push_back(Stream { at, parts });
    }

    /// Bytes that are still to be made, about.
    pub(super) fn left_bytes(&self) -> usize {
        self.waiting.iter().fold(0, |sum, stream| sum.saturating_add(stream.parts.left_bytes()))
    }

    /// The same, of replies that begin at this byte of the output or behind it.
    pub(super) fn left_bytes_from(&self, from: usize) -> usize {
        // The first bytes of a reply stand in the output: what is at the border belongs to the one before.
        let behind = self.waiting.iter().rev().take_while(|stream| stream.at > from);
        behind.fold(0, |sum, stream| sum.saturating_add(stream.parts.left_bytes()))
    }

    /// The byte of the output that the first one stands before.
    pub(super) fn first_at(&self) -> Option<usize> {
        self.waiting.front().map(|stream| stream.at)
    }

    /// Makes the next part, if all is sent that comes before it: up to this byte of the output.
    pub(super) fn advance(&mut self, at: usize, db: &Database) {
        while self.part.is_empty() && self.first_at() == Some(at) {
            self.make_part(db);
        }
    }

    /// What is left of the part that is being sent.
    pub(super) fn part(&self) -> &[u8] {
        &self.part[self.sent..]
    }

    fn make_part(&mut self, db: &Database) {
        let Some(first) = self.waiting.front_mut() else { return };
        self.part.reserve(PART_BYTES);
        encode(&mut *first.parts, PART_BYTES, &mut self.part);
        if first.parts.left_bytes() == 0
            && let Some(done) = self.waiting.pop_front()
        {
            db.put_aside(done.parts);
        }
    }

    /// So much of the part was sent. True if that was all of it.
    pub(super) fn sent(&mut self, bytes: usize) -> bool {
        self.sent += bytes;
        if self.sent < self.part.len() {
            return false;
        }
        self.sent = 0;
        self.part.clear();
        if self.waiting.is_empty() {
            self.part = Vec::new();
        }
        true
    }

    /// Bytes at the beginning of the output are gone.
    pub(super) fn shift(&mut self, bytes: usize) {
        self.waiting.iter_mut().for_each(|stream| stream.at -= bytes);
    }

    /// The reply between these bytes has become one of this length.
    pub(super) fn replace(&mut self, (from, to): (usize, usize), len: usize, db: &Database) {
        for stream in std::mem::take(&mut self.waiting) {
            let at = stream.at;
            if at <= from {
                self.waiting.push_back(stream);
            } else if at <= to {
                db.put_aside(stream.parts);
            } else {
                self.waiting.push_back(Stream { at: at - to + from + len, ..stream });
            }
        }
    }

    /// Drops what belongs to replies that begin at this byte or behind it.
    pub(super) fn truncate(&mut self, from: usize, db: &Database) {
        while self.waiting.back().is_some_and(|stream| stream.at > from)
            && let Some(dropped) = self.waiting.pop_back()
        {
            db.put_aside(dropped.parts);
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self, db: &Database) {
        self.waiting.drain(..).for_each(|stream| db.put_aside(stream.parts));
        (self.part, self.sent) = (Vec::new(), 0);
    }
}

/// Writes the next pieces of an answer, until there are so many bytes of them.
pub(super) fn encode(parts: &mut dyn Parts, bytes: usize, out: &mut Vec<u8>) {
    let end = out.len() + bytes;
    parts.write(&mut |piece| {
        // Strings are the same in all protocols.
        let mut encoder = Encoder::new(out, Protocol::Resp2);
        match piece {
            Piece::Bulk(string) => encoder.bulk(string),
            Piece::Head(len) => encoder.bulk_head(len),
            Piece::Bytes(bytes) => encoder.out.extend_from_slice(bytes),
            Piece::End => encoder.bulk_end(),
        }
        encoder.out.len() >= end
    });
}
