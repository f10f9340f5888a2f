//! Where the buckets of a table lie.
//!
//! A table grows one bucket at a time (linear hashing), so its buckets live in segments that never move: eight of one
//! bucket, eight of two, eight of four, and so on. A segment is an eighth of what is there, or less, and so is what may lie
//! unused; the allocator's pages may be too large to leave a part of a segment without memory. The directory is the list of
//! segments and the number of buckets in use. It is shared between a table, which changes it under its shard's lock, and
//! whoever wants to prefetch a bucket without that lock.
//!
//! What must hold: without the lock nothing is read through a segment pointer; an address is computed and handed to the
//! processor as a hint. A stale address is a useless hint and never a fault.

use super::bucket::Bucket;
use crate::value::prefetch;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Segments of one size.
const EQUAL: usize = 8;
/// Enough for 2^34 buckets in one shard.
const SEGMENTS: usize = 32 * EQUAL;

/// Larger segments begin at a page: the allocator then takes no more than they need.
const PAGE: usize = 4096;

/// The segments of one table and how many buckets are in use.
pub(crate) struct Directory {
    buckets: AtomicUsize,
    segments: [AtomicPtr<Bucket>; SEGMENTS],
}

impl Directory {
    /// A directory without buckets.
    pub(super) const fn new() -> Self {
        Self { buckets: AtomicUsize::new(0), segments: [const { AtomicPtr::new(null_mut()) }; SEGMENTS] }
    }

    /// Buckets in use.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.buckets.load(Relaxed)
    }

    /// Says how many buckets are in use. The segments for them must be there.
    pub(super) fn set_len(&self, buckets: usize) {
        self.buckets.store(buckets, Relaxed);
    }

    /// The bucket that a hash belongs to while `buckets` are in use: the low bits of the hash, one bit fewer where that
    /// bucket has not been split off yet.
    #[inline]
    pub(super) const fn index(hash: u64, buckets: usize) -> usize {
        // As many ones as it takes to write the last index.
        let mask = usize::MAX >> (buckets.wrapping_sub(1) | 1).leading_zeros();
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
        let wide = hash as usize & mask;
        if wide < buckets { wide } else { wide & (mask >> 1) }
    }

    /// Segment of a bucket and its place in there.
    #[inline]
    const fn place(index: usize) -> (usize, usize) {
        let from_first = index + EQUAL;
        let size_bits = from_first.ilog2() - EQUAL.ilog2();
        let segment = from_first >> size_bits;
        // Of each size, the first segment has the number 8 here.
        (size_bits as usize * EQUAL + segment - EQUAL, from_first - (segment << size_bits))
    }

    /// The address of a bucket. Wrapping arithmetic: the result may only be dereferenced for a bucket in use, under the
    /// lock of its shard.
    #[inline]
    pub(super) fn bucket(&self, index: usize) -> *mut Bucket {
        let (segment, offset) = Self::place(index);
        self.segments[segment].load(Relaxed).wrapping_add(offset)
    }

    /// Hints that the bucket of this hash is about to be read. Needs no lock.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        let buckets = self.len();
        if buckets != 0 {
            prefetch::line(self.bucket(Self::index(hash, buckets)).cast());
        }
    }

    /// Makes room for one bucket more; its memory is zero, which is an empty bucket. Returns its index.
    pub(super) fn grow(&self) -> usize {
        let index = self.len();
        let (segment, offset) = Self::place(index);
        assert!(segment < SEGMENTS, "a table holds fewer than 2^34 buckets");
        if offset == 0 && self.segments[segment].load(Relaxed).is_null() {
            let layout = Self::layout(segment);
            // SAFETY: the layout is not empty.
            let memory = unsafe { alloc_zeroed(layout) };
            if memory.is_null() {
                handle_alloc_error(layout);
            }
            self.segments[segment].store(memory.cast(), Relaxed);
        }
        self.set_len(index + 1);
        index
    }

    /// Takes the last bucket out of use. It must be empty. One unused segment is kept, so that a table that grows and
    /// shrinks around the boundary does not allocate each time.
    pub(super) fn shrink(&self) {
        let last = self.len() - 1;
        self.set_len(last);
        let (segment, offset) = Self::place(last);
        if offset == 0 && segment + 1 < SEGMENTS {
            self.free(segment + 1);
        }
    }

    /// Gives all segments back. Every bucket must be empty.
    pub(super) fn clear(&self) {
        self.set_len(0);
        (0..SEGMENTS).for_each(|segment| self.free(segment));
    }

    /// Moves all segments to another directory and leaves this one empty. A prefetch that has read an address before is
    /// at worst a useless hint.
    pub(super) fn take(&self) -> Self {
        let taken = Self::new();
        taken.set_len(self.len());
        self.set_len(0);
        for (from, to) in self.segments.iter().zip(&taken.segments) {
            let memory = from.load(Relaxed);
            if !memory.is_null() {
                from.store(null_mut(), Relaxed);
                to.store(memory, Relaxed);
            }
        }
        taken
    }

    /// Exchanges all segments with another directory. Whoever prefetches meanwhile gets useless hints.
    pub(super) fn swap(&self, other: &Self) {
        self.set_len(other.buckets.swap(self.len(), Relaxed));
        for (one, two) in self.segments.iter().zip(&other.segments) {
            one.store(two.swap(one.load(Relaxed), Relaxed), Relaxed);
        }
    }

    /// Bytes held by the segments.
    pub(super) fn heap_bytes(&self) -> usize {
        (0..SEGMENTS)
            .filter(|&segment| !self.segments[segment].load(Relaxed).is_null())
            .map(|segment| Self::layout(segment).size())
            .sum()
    }

    fn free(&self, segment: usize) {
        let memory = self.segments[segment].swap(null_mut(), Relaxed);
        if !memory.is_null() {
            // SAFETY: it was allocated by `grow` with this layout, and nobody dereferences it any more.
            unsafe { dealloc(memory.cast(), Self::layout(segment)) };
        }
    }

    const fn buckets_of(segment: usize) -> usize {
        1 << (segment / EQUAL)
    }

    fn layout(segment: usize) -> Layout {
        let layout = Layout::array::<Bucket>(Self::buckets_of(segment));
        let layout = layout.expect("2^34 buckets fit the address space");
        if layout.size() < PAGE {
            layout
        } else {
            layout.align_to(PAGE).expect("as large as a page or larger")
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_fill_segments_one_after_the_other() {
        let mut expected = (0, 0);
        for index in 0..100_000 {
            assert_eq!(Directory::place(index), expected, "{index}");
            assert!(
                Directory::buckets_of(expected.0) <= (index + EQUAL) / EQUAL,
                "more than an eighth lies unused"
            );
            expected.1 += 1;
            if expected.1 == Directory::buckets_of(expected.0) {
                expected = (expected.0 + 1, 0);
            }
        }
        assert!(Directory::place((1 << 34) - 1).0 < SEGMENTS);
    }

    #[test]
    fn every_hash_falls_into_a_bucket_in_use_and_splits_agree_with_their_buddy() {
        for buckets in 1..300_usize {
            for hash in 0..2_000_u64 {
                let index = Directory::index(hash, buckets);
                assert!(index < buckets);
                let grown = Directory::index(hash, buckets + 1);
                let split_off = buckets & !(1 << buckets.ilog2());
                assert!(grown == index || (grown == buckets && index == split_off), "{buckets} {hash}");
            }
        }
    }
}
