//! A pack: the elements of a small list, or of one chunk of a large one, in a single buffer.
//!
//! Owns the buffer and the gap it keeps at either end. What must hold: `start..end` of the buffer is a sequence of
//! `count` elements as `entry` lays them out; the gaps hold nothing that matters; `listpack_bytes` is the sum of what
//! Valkey's listpack would take for each element.
//!
//! A push needs room on its own side only. When that side is full the elements either slide over to the other side,
//! if the gap there is at least as large as they are, or move to a larger buffer: both cost a constant amortised.
//! Removing in the middle moves the shorter side. When a pack is full is for the list to say.

use super::entry;

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Pack {
    buf: Box<[u8]>,
    start: u32,
    end: u32,
    count: u32,
    listpack_bytes: u32,
}

/// Which end of a pack has to make room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Front,
    Back,
}

/// An offset or size inside a pack as it is stored.
#[inline]
fn narrow(n: usize) -> u32 {
    u32::try_from(n).expect("an element is at most ELEMENT_BYTES_MAX long")
}

/// Buffers below this size grow by halves: most packs are small lists that never get there.
const DOUBLING_BYTES_MIN: usize = 1 << 10;
/// Buffers above this size hold one element that outgrew the chunks, or nearly so, and are sized exactly.
const DOUBLING_BYTES_MAX: usize = 1 << 16;

impl Pack {
    pub(super) fn with_room(bytes: usize) -> Self {
        Self { buf: vec![0; bytes].into_boxed_slice(), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// Bytes of the buffer, gaps included.
    pub(super) fn heap_bytes(&self) -> usize {
        self.buf.len()
    }

    /// What the elements would take in Valkey's listpack, its header left out.
    pub(super) fn listpack_bytes(&self) -> usize {
        self.listpack_bytes as usize
    }

    #[inline]
    pub(super) fn live(&self) -> &[u8] {
        &self.buf[self.start as usize..self.end as usize]
    }

    #[inline]
    fn added(&mut self, element: &[u8]) {
        self.count += 1;
        self.listpack_bytes += narrow(entry::listpack_size(element));
    }

    #[inline]
    pub(super) fn push_back(&mut self, element: &[u8]) {
        let size = entry::size(element.len());
        let mut at = self.end as usize;
        if self.buf.len() - at < size {
            self.make_room(size, Side::Back);
            at = self.end as usize;
        }
        entry::write(&mut self.buf[at..at + size], element);
        self.end = narrow(at + size);
        self.added(element);
    }

    #[inline]
    pub(super) fn push_front(&mut self, element: &[u8]) {
        let size = entry::size(element.len());
        if (self.start as usize) < size {
            self.make_room(size, Side::Front);
        }
        let at = self.start as usize - size;
        entry::write(&mut self.buf[at..at + size], element);
        self.start = narrow(at);
        self.added(element);
    }

    /// Sees to it that `size` bytes are free on `side`.
    #[cold]
    fn make_room(&mut self, size: usize, side: Side) {
        let live = self.live().len();
        let needed = live + size;
        if self.buf.len() >= needed && self.buf.len() - live >= live {
            self.slide(side);
            return;
        }
        let room = if live == 0 {
            needed.next_multiple_of(8)
        } else if needed <= DOUBLING_BYTES_MIN {
            (needed + needed / 2).next_multiple_of(16)
        } else if needed <= DOUBLING_BYTES_MAX {
            needed.next_power_of_two()
        } else {
            needed
        };
        let mut grown = vec![0; room].into_boxed_slice();
        let start = if side == Side::Back { 0 } else { room - live };
        grown[start..start + live].copy_from_slice(self.live());
        self.buf = grown;
        self.start = narrow(start);
        self.end = narrow(start + live);
    }

    /// Moves the elements away from `side`, so that all free room is there.
    fn slide(&mut self, side: Side) {
        let live = self.live().len();
        let start = if side == Side::Back { 0 } else { self.buf.len() - live };
        self.buf.copy_within(self.start as usize..self.end as usize, start);
        self.start = narrow(start);
        self.end = narrow(start + live);
    }

    /// Gives back the gaps when they are more than an eighth of the buffer: for a chunk that no push reaches any more.
    pub(super) fn seal(&mut self) {
        let live = self.live().len();
        if self.buf.len() - live > self.buf.len() / 8 {
            self.buf = self.live().into();
            self.start = 0;
            self.end = narrow(live);
        }
    }

    #[inline]
    pub(super) fn pop_front_with<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (element, rest) = entry::split_first(self.live())?;
        let rest = rest.len();
        let listpack = entry::listpack_size(element);
        let taken = take(element);
        self.start = narrow(self.end as usize - rest);
        self.listpack_bytes -= narrow(listpack);
        self.count -= 1;
        Some(taken)
    }

    #[inline]
    pub(super) fn pop_back_with<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (before, element) = entry::split_last(self.live())?;
        let before = before.len();
        let listpack = entry::listpack_size(element);
        let taken = take(element);
        self.end = narrow(self.start as usize + before);
        self.listpack_bytes -= narrow(listpack);
        self.count -= 1;
        Some(taken)
    }

    #[inline]
    pub(super) fn iter(&self) -> Iter<'_> {
        Iter { live: self.live() }
    }

    /// Elements from `index` on, walked to from the nearer end.
    pub(super) fn iter_from(&self, index: usize) -> Iter<'_> {
        let at = self.offset(index);
        Iter { live: &self.buf[at..self.end as usize] }
    }

    /// Elements before `index`, walked to from the nearer end.
    pub(super) fn iter_until(&self, index: usize) -> Iter<'_> {
        let at = self.offset(index);
        Iter { live: &self.buf[self.start as usize..at] }
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        if index >= self.len() {
            return None;
        }
        self.iter_from(index).next()
    }

    /// Where in the buffer the element at `index` begins; `end` for the index past the last.
    fn offset(&self, index: usize) -> usize {
        debug_assert!(index <= self.len());
        let mut iter = self.iter();
        if index <= self.len() / 2 {
            for _ in 0..index {
                iter.next();
            }
            self.end as usize - iter.live.len()
        } else {
            for _ in index..self.len() {
                iter.next_back();
            }
            self.start as usize + iter.live.len()
        }
    }

    pub(super) fn insert(&mut self, index: usize, element: &[u8]) {
        let at = self.offset(index) - self.start as usize;
        self.resize_hole(at, 0, entry::size(element.len()), element);
        self.added(element);
    }

    pub(super) fn set(&mut self, index: usize, element: &[u8]) {
        let at = self.offset(index);
        let (old, rest) =
            entry::split_first(&self.buf[at..self.end as usize]).expect("the caller checked the index");
        let old_listpack = entry::listpack_size(old);
        let old_size = self.end as usize - at - rest.len();
        self.resize_hole(at - self.start as usize, old_size, entry::size(element.len()), element);
        self.count -= 1;
        self.listpack_bytes -= narrow(old_listpack);
        self.added(element);
    }

    /// Puts `element` where `old` bytes lay, `at` bytes into the elements; the shorter side moves, if it can.
    fn resize_hole(&mut self, at: usize, old: usize, new: usize, element: &[u8]) {
        let live = self.live().len();
        let before_is_shorter = at < live - at - old;
        if new > old {
            let side = if before_is_shorter { Side::Front } else { Side::Back };
            let free =
                if before_is_shorter { self.start as usize } else { self.buf.len() - self.end as usize };
            if free < new - old {
                self.make_room(new - old, side);
            }
        }
        let (start, end) = (self.start as usize, self.end as usize);
        let hole = if before_is_shorter {
            let moved = start + old - new;
            self.buf.copy_within(start..start + at, moved);
            self.start = narrow(moved);
            moved + at
        } else {
            let tail = start + at + old;
            self.buf.copy_within(tail..end, start + at + new);
            self.end = narrow(end + new - old);
            start + at
        };
        entry::write(&mut self.buf[hole..hole + new], element);
    }

    /// Removes `count` elements from `index` on.
    pub(super) fn remove_range(&mut self, index: usize, count: usize) {
        let from = self.offset(index);
        let mut rest = Iter { live: &self.buf[from..self.end as usize] };
        let mut listpack = 0;
        for element in rest.by_ref().take(count) {
            listpack += entry::listpack_size(element);
        }
        let to = self.end as usize - rest.live.len();
        let (start, end) = (self.start as usize, self.end as usize);
        if from - start < end - to {
            self.buf.copy_within(start..from, start + (to - from));
            self.start = narrow(start + (to - from));
        } else {
            self.buf.copy_within(to..end, from);
            self.end = narrow(end - (to - from));
        }
        self.count -= narrow(count);
        self.listpack_bytes -= narrow(listpack);
    }

    /// Removes up to `max` elements equal to `element`, the first ones or the last ones; gives their number.
    pub(super) fn remove_equal(&mut self, element: &[u8], max: usize, last: bool) -> usize {
        let equal = self.iter().filter(|&e| e == element).count();
        let removed = equal.min(max);
        if removed == 0 {
            return 0;
        }
        let mut kept = if last { equal - removed } else { 0 };
        let mut left = removed;
        let end = self.end as usize;
        let size = entry::size(element.len());
        let (mut read, mut write) = (self.start as usize, self.start as usize);
        while left > 0 {
            let (found, rest) =
                entry::split_first(&self.buf[read..end]).expect("the elements to remove were counted");
            let next = end - rest.len();
            if found == element && kept == 0 {
                left -= 1;
            } else {
                kept -= usize::from(found == element);
                self.buf.copy_within(read..next, write);
                write += next - read;
            }
            read = next;
        }
        self.buf.copy_within(read..end, write);
        self.end = narrow(end - removed * size);
        self.count -= narrow(removed);
        self.listpack_bytes -= narrow(removed * entry::listpack_size(element));
        removed
    }

    /// Cuts the pack in two: what is from `index` on is returned.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let mut tail = Self::with_room(self.end as usize - self.offset(index));
        for element in self.iter_from(index) {
            tail.push_back(element);
        }
        self.remove_range(index, tail.len());
        tail
    }

    /// Adds all elements of `other` behind its own.
    pub(super) fn append(&mut self, other: &Self) {
        let size = other.live().len();
        if self.buf.len() - (self.end as usize) < size {
            self.make_room(size, Side::Back);
        }
        let end = self.end as usize;
        self.buf[end..end + size].copy_from_slice(other.live());
        self.end = narrow(end + size);
        self.count += other.count;
        self.listpack_bytes += other.listpack_bytes;
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        assert!(self.start <= self.end && self.end as usize <= self.buf.len());
        assert_eq!(self.iter().count(), self.len());
        assert_eq!(self.iter().rev().count(), self.len());
        assert_eq!(self.iter().map(entry::listpack_size).sum::<usize>(), self.listpack_bytes());
    }
}

/// The elements of a pack, from either end.
#[derive(Clone, Default)]
pub(super) struct Iter<'a> {
    live: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (element, rest) = entry::split_first(self.live)?;
        self.live = rest;
        Some(element)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let (before, element) = entry::split_last(self.live)?;
        self.live = before;
        Some(element)
    }
}
