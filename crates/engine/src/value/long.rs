//! A long string: bytes in chunks of one size, shared by reference count.
//!
//! Owns the chunks. What must hold: all chunks but the last are full, and no chunk is empty. The last one grows in place up
//! to a full one, so an append copies no more than a chunk, however long the string is; a chunk that something else holds
//! is copied before it is changed. Which strings are long is for [`super::Value`] to say.

use super::shared::Shared;
use std::borrow::Cow;
use std::ops::Range;

/// Bytes of a chunk. Tests use many small ones.
const CHUNK_BYTES: usize = if cfg!(test) { 64 } else { 256 << 10 };

/// See the module. Cloning shares the chunks.
#[derive(Clone, Default)]
pub struct Long {
    chunks: Vec<Shared<Vec<u8>>>,
    len: usize,
}

impl Long {
    /// A string of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let chunks = bytes.chunks(CHUNK_BYTES).map(|chunk| Shared::new(chunk.to_vec())).collect();
        Self { chunks, len: bytes.len() }
    }

    /// Bytes in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes on the heap: all of them, whoever else holds them too. Constant time.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        const HEAD_BYTES: usize = size_of::<Vec<u8>>() + Shared::<Vec<u8>>::OVERHEAD_BYTES;
        let last = self.chunks.last().map_or(0, |chunk| chunk.capacity());
        self.chunks.capacity() * size_of::<Shared<Vec<u8>>>()
            + self.chunks.len() * HEAD_BYTES
            + self.chunks.len().saturating_sub(1) * CHUNK_BYTES
            + last
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len();
        while !bytes.is_empty() {
            let room = self.room();
            let (fitting, rest) = bytes.split_at(bytes.len().min(room.1));
            room.0.extend_from_slice(fitting);
            bytes = rest;
        }
    }

    /// The last chunk, or a new one if that is full, and how much it takes.
    fn room(&mut self) -> (&mut Vec<u8>, usize) {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_BYTES) {
            self.chunks.push(Shared::new(Vec::new()));
        }
        let chunk = Shared::make_mut(self.chunks.last_mut().expect("there is one now"));
        let room = CHUNK_BYTES - chunk.len();
        (chunk, room)
    }

    /// Writes bytes at an offset; a gap between the end and the offset is filled with zeros.
    pub fn write_at(&mut self, offset: usize, mut bytes: &[u8]) {
        while self.len < offset {
            let gap = offset - self.len;
            let (chunk, room) = self.room();
            let zeros = gap.min(room);
            if chunk.is_empty() && zeros == CHUNK_BYTES {
                *chunk = vec![0; zeros];
            } else {
                chunk.resize(chunk.len() + zeros, 0);
            }
            self.len += zeros;
        }
        let mut at = offset;
        while at < self.len && !bytes.is_empty() {
            let inside = at % CHUNK_BYTES;
            let chunk = Shared::make_mut(&mut self.chunks[at / CHUNK_BYTES]);
            let (fitting, rest) = bytes.split_at(bytes.len().min(chunk.len() - inside));
            chunk[inside..inside + fitting.len()].copy_from_slice(fitting);
            at += fitting.len();
            bytes = rest;
        }
        self.append(bytes);
    }

    /// A part of it, which must be there, in pieces.
    pub fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let chunks = range.start / CHUNK_BYTES..range.end.div_ceil(CHUNK_BYTES);
        let chunks = if range.is_empty() { 0..0 } else { chunks };
        self.chunks[chunks.clone()].iter().zip(chunks).map(move |(chunk, number)| {
            let before = number * CHUNK_BYTES;
            &chunk[range.start.saturating_sub(before)..chunk.len().min(range.end - before)]
        })
    }

    /// The chunks around a part, which must be there, as a string of their own that shares them, and where the part lies in
    /// that.
    #[must_use]
    pub fn share_around(&self, range: Range<usize>) -> (Self, Range<usize>) {
        if range.is_empty() {
            return (Self::default(), 0..0);
        }
        let first = range.start / CHUNK_BYTES;
        let chunks = self.chunks[first..range.end.div_ceil(CHUNK_BYTES)].to_vec();
        let before = first * CHUNK_BYTES;
        let len = self.len.min(before + chunks.len() * CHUNK_BYTES) - before;
        (Self { chunks, len }, range.start - before..range.end - before)
    }

    /// A part of it, which must be there, in one piece: a copy, if it lies in several chunks.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        let mut pieces = self.pieces(range.clone());
        let first = pieces.next().unwrap_or_default();
        if first.len() == range.len() {
            return Cow::Borrowed(first);
        }
        let mut bytes = Vec::with_capacity(range.len());
        bytes.extend_from_slice(first);
        pieces.for_each(|piece| bytes.extend_from_slice(piece));
        Cow::Owned(bytes)
    }

    /// All of it in one piece.
    #[must_use]
    pub fn whole(&self) -> Cow<'_, [u8]> {
        self.part(0..self.len)
    }
}

impl std::fmt::Debug for Long {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Long").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Op {
        Append(Vec<u8>),
        WriteAt(usize, Vec<u8>),
        Share(usize),
    }

    fn op() -> impl Strategy<Value = Op> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..200);
        prop_oneof![
            bytes().prop_map(Op::Append),
            (0usize..1000, bytes()).prop_map(|(at, bytes)| Op::WriteAt(at, bytes)),
            (0usize..3).prop_map(Op::Share),
        ]
    }

    fn change(long: &mut Long, model: &mut Vec<u8>, op: Op) {
        match op {
            Op::Append(bytes) => {
                long.append(&bytes);
                model.extend_from_slice(&bytes);
            }
            Op::WriteAt(at, bytes) => {
                long.write_at(at, &bytes);
                model.resize(model.len().max(at).max(at + bytes.len()), 0);
                model[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            Op::Share(_) => {}
        }
    }

    proptest! {
        #[test]
        fn a_long_string_does_what_a_vector_does_and_shows_no_other_holders_changes(
            begun in prop::collection::vec(any::<u8>(), 0..300),
            ops in prop::collection::vec((op(), 0usize..3), 1..60),
            part in (0usize..800, 0usize..800),
        ) {
            let mut held = vec![(Long::of(&begun), begun); 3];
            for (op, at) in ops {
                if let Op::Share(to) = op {
                    held[to] = held[at].clone();
                }
                let (long, model) = &mut held[at];
                change(long, model, op);
                for (long, model) in &held {
                    prop_assert_eq!(long.len(), model.len());
                    prop_assert_eq!(&*long.whole(), &model[..]);
                    let (start, end) = (part.0.min(model.len()), part.1.min(model.len()));
                    let range = start.min(end)..start.max(end);
                    prop_assert_eq!(&*long.part(range.clone()), &model[range.clone()]);
                    let (around, inside) = long.share_around(range.clone());
                    prop_assert_eq!(&*around.part(inside), &model[range]);
                    prop_assert_eq!(around.len(), around.chunks.iter().map(|chunk| chunk.len()).sum::<usize>());
                    prop_assert!(long.chunks.iter().rev().skip(1).all(|chunk| chunk.len() == CHUNK_BYTES));
                    prop_assert!(long.chunks.iter().all(|chunk| !chunk.is_empty()));
                }
            }
        }
    }
}
