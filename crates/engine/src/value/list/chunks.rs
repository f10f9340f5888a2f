//! A large list: packs in a row.
//!
//! Owns the rules by which packs are filled, split and joined. What must hold: there is a pack, and none is empty; an
//! element too large for a pack is alone in one. The packs themselves are kept, counted and shared by the row: cloning a
//! large list shares its packs until either side changes them.

use super::entry;
use super::fill::Fill;
use super::pack::Pack;
use super::row::{Chunk, Iter, Row};

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Chunks {
    row: Row,
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
            chunks.row.place(0, pack);
        }
        chunks
    }

    /// The only pack, when the list has become small enough to be a single one again.
    #[inline]
    pub(super) fn take_small(&mut self, fill: Fill) -> Option<Pack> {
        match self.row.len() {
            0 => Some(Pack::default()),
            1 if self.is_half_empty(0, fill) => self.row.remove(0).map(Chunk::into_pack),
            _ => None,
        }
    }

    fn is_half_empty(&self, at: usize, fill: Fill) -> bool {
        self.row.get(at).is_some_and(|chunk| fill.is_half_empty(chunk.pack().listpack_bytes(), chunk.count()))
    }

    pub(super) fn len(&self) -> usize {
        self.row.elements()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.row.heap_bytes()
    }

    /// Whether the chunk at `at` exists and takes `len` more bytes.
    #[inline]
    fn takes(&self, at: usize, len: usize, fill: Fill) -> bool {
        self.row.get(at).is_some_and(|chunk| fill.takes(chunk.pack().listpack_bytes(), chunk.count(), len))
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
                    return self.row.edit(last, |pack| pack.push_back(element));
                }
                if last > 0 && last < self.row.len() {
                    self.row.edit(last, Pack::seal);
                }
                let fresh = self.fresh(element, fill, end);
                self.row.place(self.row.len(), fresh);
            }
            End::Front => {
                if self.takes(0, element.len(), fill) {
                    return self.row.edit(0, |pack| pack.push_front(element));
                }
                if self.row.len() > 1 {
                    self.row.edit(0, Pack::seal);
                }
                let fresh = self.fresh(element, fill, end);
                self.row.place(0, fresh);
            }
        }
    }

    #[inline]
    pub(super) fn pop_with<R>(&mut self, end: End, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.row.pop_with(end, take)
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        if index < self.len() { self.row.element(index) } else { None }
    }

    pub(super) fn set(&mut self, index: usize, element: &[u8], fill: Fill) {
        let (at, inside) = self.row.locate(index);
        let Some(chunk) = self.row.get(at) else { return };
        if chunk.count() == 1 {
            // As with the last one that is popped.
            let mut pack = Pack::default();
            pack.push_back(element);
            self.row.remove(at);
            return self.row.place(at, pack);
        }
        let pack = chunk.pack();
        let old = pack.get(inside).unwrap_or_default();
        let others = pack.listpack_bytes() - entry::listpack_size(old);
        let fits = fill.stays_small(others, pack.len() - 1, entry::listpack_size(element));
        if fits && !fill.is_large(element.len()) {
            return self.row.edit(at, |pack| pack.set(inside, element));
        }
        self.row.edit(at, |pack| pack.remove_range(inside, 1));
        self.insert(index, element, fill);
    }

    /// Inserts before `index`, which is at most `len`.
    pub(super) fn insert(&mut self, index: usize, element: &[u8], fill: Fill) {
        if index == 0 {
            return self.push(element, End::Front, fill);
        }
        if index == self.len() {
            return self.push(element, End::Back, fill);
        }
        let (at, inside) = self.row.locate(index);
        if self.takes(at, element.len(), fill) {
            return self.row.edit(at, |pack| pack.insert(inside, element));
        }
        if inside == 0 {
            if self.takes(at - 1, element.len(), fill) {
                return self.row.edit(at - 1, |pack| pack.push_back(element));
            }
            let fresh = self.fresh(element, fill, End::Back);
            return self.row.place(at, fresh);
        }
        let tail = self.row.edit(at, |pack| pack.split_off(inside));
        self.row.place(at + 1, tail);
        if self.takes(at, element.len(), fill) {
            self.row.edit(at, |pack| pack.push_back(element));
        } else if self.takes(at + 1, element.len(), fill) {
            self.row.edit(at + 1, |pack| pack.push_front(element));
        } else {
            let fresh = self.fresh(element, fill, End::Back);
            self.row.place(at + 1, fresh);
        }
        // The halves of a split chunk join their outer neighbours where those are small.
        self.merge(at + 2, fill);
        self.merge(at + 1, fill);
        self.merge(at, fill);
    }

    /// Joins the chunks on either side of the border before `at`, if both are at most half full.
    fn merge(&mut self, at: usize, fill: Fill) {
        if at == 0 || !self.is_half_empty(at - 1, fill) || !self.is_half_empty(at, fill) {
            return;
        }
        if let Some(right) = self.row.remove(at) {
            self.row.edit(at - 1, |left| left.append(right.pack()));
        }
    }

    /// Removes `count` elements from `index` on, all of which exist.
    pub(super) fn remove_range(&mut self, index: usize, count: usize, fill: Fill) {
        if count == 0 {
            return;
        }
        let (mut at, mut inside) = self.row.locate(index);
        let seam = at;
        let mut left = count;
        while left > 0 {
            if inside == 0 {
                let gone = self.row.remove_block(at, left);
                if gone > 0 {
                    left -= gone;
                    continue;
                }
            }
            let Some(here) = self.row.get(at).map(Chunk::count) else { break };
            let taken = left.min(here - inside);
            left -= taken;
            if taken == here {
                self.row.remove(at);
            } else {
                self.row.edit(at, |pack| pack.remove_range(inside, taken));
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
        let (mut removed, mut seen) = (0, 0);
        while removed < max {
            let holds = |chunk: &Chunk| chunk.pack().iter().any(|e| e == element);
            let len = self.row.len();
            let passed = match end {
                End::Front => self.row.chunks(seen..len).position(holds),
                End::Back => self.row.chunks(0..len - seen).rev().position(holds),
            };
            let Some(passed) = passed else { break };
            seen += passed;
            let at = if end == End::Front { seen } else { len - 1 - seen };
            if self.row.get(at).is_some_and(|chunk| chunk.count() == 1) {
                // As with the last one that is popped.
                self.row.remove(at);
                removed += 1;
                continue;
            }
            removed += self.row.edit(at, |pack| pack.remove_equal(element, max - removed, end == End::Back));
            seen += usize::from(self.row.len() == len);
        }
        if removed > 0 {
            self.merge_all(fill);
        }
        removed
    }

    /// Joins all neighbours that are at most half full.
    fn merge_all(&mut self, fill: Fill) {
        let mut end = self.row.len();
        while end > 1 {
            // How many pairs from `end` back do not join.
            let mut right_joins = false;
            let pair = self.row.chunks(0..end).rev().position(|chunk| {
                let joins = fill.is_half_empty(chunk.pack().listpack_bytes(), chunk.count());
                std::mem::replace(&mut right_joins, joins) && joins
            });
            let Some(passed) = pair else { return };
            end -= passed;
            self.merge(end, fill);
        }
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        self.row.iter()
    }

    /// Elements from `index` on.
    pub(super) fn iter_from(&self, index: usize) -> Iter<'_> {
        self.row.iter_from(index)
    }

    /// Elements before `index`.
    pub(super) fn iter_until(&self, index: usize) -> Iter<'_> {
        self.row.iter_until(index)
    }

    #[cfg(test)]
    pub(super) fn chunk_count(&self) -> usize {
        self.row.len()
    }

    #[cfg(test)]
    pub(super) fn check(&self, fill: Fill) {
        assert!(self.row.len() > 0);
        self.row.check();
        for at in 0..self.row.len() {
            let chunk = self.row.get(at).unwrap();
            let holds_large = chunk.pack().iter().any(|e| fill.is_large(e.len()));
            assert!(!holds_large || chunk.count() == 1, "a large element is alone");
            // A pack that was a small list may have gone over by the frame of its last element.
            let bytes = chunk.pack().listpack_bytes().saturating_sub(8);
            assert!(chunk.count() == 1 || fill.stays_small(bytes, chunk.count() - 1, 0), "{bytes}");
        }
    }
}
