//! A large list: packs in a row, shared by reference count.
//!
//! Owns the row and three totals. What must hold: there is a chunk, and no chunk is empty; the count beside a chunk is
//! its pack's; `len` and `buffer_bytes` are sums over the chunks; an element too large for a chunk is alone in one.
//! All changes to a pack go through `edit`, which keeps that true and copies a pack that something else still holds:
//! cloning a large list clones the row, not the elements.

use std::collections::{VecDeque, vec_deque};
use std::sync::Arc;

use super::entry;
use super::fill::Fill;
use super::pack::{self, Pack};

/// A pack in the row; its count stands here too, so that finding an index reads the row only.
#[derive(Clone)]
struct Chunk {
    count: u32,
    pack: Arc<Pack>,
}

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Chunks {
    row: VecDeque<Chunk>,
    len: usize,
    buffer_bytes: usize,
}

/// The end of the list that something happens at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The first element's end, also "left" and "head".
    Front,
    /// The last element's end, also "right" and "tail".
    Back,
}

impl Chunks {
    pub(super) fn from_pack(pack: Pack) -> Self {
        let mut chunks = Self::default();
        if pack.len() > 0 {
            chunks.place(0, pack);
        }
        chunks
    }

    /// The only chunk, when the list has become small enough to be a single pack again.
    pub(super) fn take_small(&mut self, fill: Fill) -> Option<Pack> {
        match self.row.len() {
            0 => Some(Pack::default()),
            1 => {
                let pack = &self.row[0].pack;
                if !fill.is_half_empty(pack.listpack_bytes(), pack.len()) {
                    return None;
                }
                let chunk = self.row.pop_front()?;
                Some(Arc::try_unwrap(chunk.pack).unwrap_or_else(|shared| Pack::clone(&shared)))
            }
            _ => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn heap_bytes(&self) -> usize {
        const ARC_BYTES: usize = size_of::<Pack>() + 2 * size_of::<usize>();
        self.row.capacity() * size_of::<Chunk>() + self.row.len() * ARC_BYTES + self.buffer_bytes
    }

    /// Puts a pack into the row at `at`.
    fn place(&mut self, at: usize, pack: Pack) {
        let count = pack.len();
        self.len += count;
        self.buffer_bytes += pack.heap_bytes();
        let count = u32::try_from(count).expect("a pack counts in 32 bits");
        self.row.insert(at, Chunk { count, pack: Arc::new(pack) });
    }

    /// Takes the chunk at `at` out of the row.
    fn drop_chunk(&mut self, at: usize) {
        if let Some(chunk) = self.row.remove(at) {
            self.len -= chunk.count as usize;
            self.buffer_bytes -= chunk.pack.heap_bytes();
        }
    }

    /// Changes the pack at `at`; a chunk that is empty afterwards leaves the row.
    #[inline]
    fn edit<R>(&mut self, at: usize, change: impl FnOnce(&mut Pack) -> R) -> R {
        let chunk = &mut self.row[at];
        let pack = Arc::make_mut(&mut chunk.pack);
        self.buffer_bytes -= pack.heap_bytes();
        let changed = change(pack);
        self.buffer_bytes += pack.heap_bytes();
        self.len -= chunk.count as usize;
        chunk.count = u32::try_from(pack.len()).expect("a pack counts in 32 bits");
        self.len += pack.len();
        if pack.len() == 0 {
            self.drop_chunk(at);
        }
        changed
    }

    /// Whether the chunk at `at` exists and takes `len` more bytes.
    #[inline]
    fn takes(&self, at: usize, len: usize, fill: Fill) -> bool {
        self.row
            .get(at)
            .is_some_and(|chunk| fill.takes(chunk.pack.listpack_bytes(), chunk.count as usize, len))
    }

    fn fresh(&self, element: &[u8], fill: Fill, end: End) -> Pack {
        if fill.is_large(element.len()) {
            let mut pack = Pack::default();
            pack.push_back(element);
            return pack;
        }
        let mut pack = Pack::with_room(fill.first_room(self.row.len()));
        match end {
            End::Back => pack.push_back(element),
            End::Front => pack.push_front(element),
        }
        pack
    }

    #[inline]
    pub(super) fn push(&mut self, element: &[u8], end: End, fill: Fill) {
        match end {
            End::Back => {
                let last = self.row.len().wrapping_sub(1);
                if self.takes(last, element.len(), fill) {
                    return self.edit(last, |pack| pack.push_back(element));
                }
                if last > 0 && last < self.row.len() {
                    self.edit(last, Pack::seal);
                }
                self.place(self.row.len(), self.fresh(element, fill, end));
            }
            End::Front => {
                if self.takes(0, element.len(), fill) {
                    return self.edit(0, |pack| pack.push_front(element));
                }
                if self.row.len() > 1 {
                    self.edit(0, Pack::seal);
                }
                self.place(0, self.fresh(element, fill, end));
            }
        }
    }

    #[inline]
    pub(super) fn pop_with<R>(&mut self, end: End, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match end {
            End::Front if !self.row.is_empty() => self.edit(0, |pack| pack.pop_front_with(take)),
            End::Back if !self.row.is_empty() => {
                self.edit(self.row.len() - 1, |pack| pack.pop_back_with(take))
            }
            _ => None,
        }
    }

    /// The chunk that holds `index` and the index inside it; for the index past the last, the end of the last chunk.
    fn locate(&self, index: usize) -> (usize, usize) {
        debug_assert!(index <= self.len);
        if index <= self.len / 2 {
            let mut left = index;
            for (at, chunk) in self.row.iter().enumerate() {
                if left < chunk.count as usize {
                    return (at, left);
                }
                left -= chunk.count as usize;
            }
        }
        let mut start = self.len;
        for (at, chunk) in self.row.iter().enumerate().rev() {
            start -= chunk.count as usize;
            if start <= index {
                return (at, index - start);
            }
        }
        (0, 0)
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        if index >= self.len {
            return None;
        }
        let (at, inside) = self.locate(index);
        self.row[at].pack.get(inside)
    }

    pub(super) fn set(&mut self, index: usize, element: &[u8], fill: Fill) {
        let (at, inside) = self.locate(index);
        let pack = &self.row[at].pack;
        let old = pack.get(inside).unwrap_or_default();
        let others = pack.listpack_bytes() - entry::listpack_size(old);
        let fits = fill.stays_small(others, pack.len() - 1, entry::listpack_size(element));
        if pack.len() == 1 || (fits && !fill.is_large(element.len())) {
            return self.edit(at, |pack| pack.set(inside, element));
        }
        self.edit(at, |pack| pack.remove_range(inside, 1));
        self.insert(index, element, fill);
    }

    /// Inserts before `index`, which is at most `len`.
    pub(super) fn insert(&mut self, index: usize, element: &[u8], fill: Fill) {
        if index == 0 {
            return self.push(element, End::Front, fill);
        }
        if index == self.len {
            return self.push(element, End::Back, fill);
        }
        let (at, inside) = self.locate(index);
        if self.takes(at, element.len(), fill) {
            return self.edit(at, |pack| pack.insert(inside, element));
        }
        if inside == 0 {
            if self.takes(at - 1, element.len(), fill) {
                return self.edit(at - 1, |pack| pack.push_back(element));
            }
            return self.place(at, self.fresh(element, fill, End::Back));
        }
        let tail = self.edit(at, |pack| pack.split_off(inside));
        self.place(at + 1, tail);
        if self.takes(at, element.len(), fill) {
            self.edit(at, |pack| pack.push_back(element));
        } else if self.takes(at + 1, element.len(), fill) {
            self.edit(at + 1, |pack| pack.push_front(element));
        } else {
            self.place(at + 1, self.fresh(element, fill, End::Back));
        }
        // The halves of a split chunk join their outer neighbours where those are small.
        self.merge(at + 2, fill);
        self.merge(at + 1, fill);
        self.merge(at, fill);
    }

    /// Joins the chunks on either side of the border before `at`, if both are at most half full.
    fn merge(&mut self, at: usize, fill: Fill) {
        let half_empty =
            |chunk: &Chunk| fill.is_half_empty(chunk.pack.listpack_bytes(), chunk.count as usize);
        if at == 0 || at >= self.row.len() || !half_empty(&self.row[at - 1]) || !half_empty(&self.row[at]) {
            return;
        }
        let right = Arc::clone(&self.row[at].pack);
        self.drop_chunk(at);
        self.edit(at - 1, |left| left.append(&right));
    }

    /// Removes `count` elements from `index` on, all of which exist.
    pub(super) fn remove_range(&mut self, index: usize, count: usize, fill: Fill) {
        if count == 0 {
            return;
        }
        let (mut at, mut inside) = self.locate(index);
        let seam = at;
        let mut left = count;
        while left > 0 {
            let here = self.row[at].count as usize;
            let taken = left.min(here - inside);
            left -= taken;
            if taken == here {
                self.drop_chunk(at);
            } else {
                self.edit(at, |pack| pack.remove_range(inside, taken));
                at += 1;
            }
            inside = 0;
        }
        self.merge(seam + 2, fill);
        self.merge(seam + 1, fill);
        self.merge(seam, fill);
    }

    /// Removes up to `max` elements equal to `element`, beginning at `end`; gives their number.
    pub(super) fn remove_equal(&mut self, element: &[u8], max: usize, end: End, fill: Fill) -> usize {
        let mut removed = 0;
        let mut seen = 0;
        while removed < max && seen < self.row.len() {
            let at = if end == End::Front { seen } else { self.row.len() - 1 - seen };
            if !self.row[at].pack.iter().any(|e| e == element) {
                seen += 1;
                continue;
            }
            let chunks = self.row.len();
            removed += self.edit(at, |pack| pack.remove_equal(element, max - removed, end == End::Back));
            if self.row.len() == chunks {
                seen += 1;
            }
        }
        if removed > 0 {
            for at in (1..self.row.len()).rev() {
                self.merge(at, fill);
            }
        }
        removed
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        Iter { front: pack::Iter::default(), row: self.row.iter(), back: pack::Iter::default() }
    }

    /// Elements from `index` on.
    pub(super) fn iter_from(&self, index: usize) -> Iter<'_> {
        let (at, inside) = self.locate(index);
        let mut row = self.row.range(at..);
        let front = row.next().map_or_else(pack::Iter::default, |chunk| chunk.pack.iter_from(inside));
        Iter { front, row, back: pack::Iter::default() }
    }

    /// Elements before `index`.
    pub(super) fn iter_until(&self, index: usize) -> Iter<'_> {
        let (at, inside) = self.locate(index);
        let mut row = self.row.range(..self.row.len().min(at + 1));
        let back = row.next_back().map_or_else(pack::Iter::default, |chunk| chunk.pack.iter_until(inside));
        Iter { front: pack::Iter::default(), row, back }
    }

    #[cfg(test)]
    pub(super) fn chunk_count(&self) -> usize {
        self.row.len()
    }

    #[cfg(test)]
    pub(super) fn check(&self, fill: Fill) {
        assert!(!self.row.is_empty());
        for chunk in &self.row {
            chunk.pack.check();
            assert!(chunk.count > 0);
            assert_eq!(chunk.count as usize, chunk.pack.len());
            let holds_large = chunk.pack.iter().any(|e| fill.is_large(e.len()));
            assert!(!holds_large || chunk.count == 1, "a large element is alone");
            // A pack that was a small list may have gone over by the frame of its last element.
            let bytes = chunk.pack.listpack_bytes().saturating_sub(8);
            assert!(chunk.count == 1 || fill.stays_small(bytes, chunk.pack.len() - 1, 0), "{bytes}");
        }
        assert_eq!(self.len, self.row.iter().map(|chunk| chunk.count as usize).sum::<usize>());
        assert_eq!(self.buffer_bytes, self.row.iter().map(|chunk| chunk.pack.heap_bytes()).sum::<usize>());
    }
}

/// The elements of a large list, from either end.
#[derive(Clone, Default)]
pub(super) struct Iter<'a> {
    front: pack::Iter<'a>,
    row: vec_deque::Iter<'a, Chunk>,
    back: pack::Iter<'a>,
}

impl<'a> Iter<'a> {
    pub(super) fn over(pack: pack::Iter<'a>) -> Self {
        Self { front: pack, ..Self::default() }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if let Some(element) = self.front.next() {
                return Some(element);
            }
            match self.row.next() {
                Some(chunk) => self.front = chunk.pack.iter(),
                None => return self.back.next(),
            }
        }
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(element) = self.back.next_back() {
                return Some(element);
            }
            match self.row.next_back() {
                Some(chunk) => self.back = chunk.pack.iter(),
                None => return self.front.next_back(),
            }
        }
    }
}
