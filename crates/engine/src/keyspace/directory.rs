//! Where the buckets of a table lie.
//!
//! A table grows one bucket at a time (linear hashing), so its buckets live in segments that double in size and never
//! move: segment 0 holds bucket 0, segment `s` holds buckets `2^(s-1) .. 2^s`. The directory is the list of segments and
//! the number of buckets in use. It is shared between a table, which changes it under its shard's lock, and whoever wants
//! to prefetch a bucket without that lock.
//!
//! What must hold: without the lock nothing is read through a segment pointer; an address is computed and handed to the
//! processor as a hint. A stale address is a useless hint and never a fault.

use crate::memory;
use crate::value::prefetch;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Slots in a bucket.
pub(super) const SLOTS: usize = 7;
/// Enough for 2^34 buckets in one shard.
const SEGMENTS: usize = 35;

/// One cache line: a byte of hash for each slot, the mark of a chain, and the entries.
///
/// `meta` holds the seven tags in its low bytes (0: the slot is free); its top byte is 1 when the last slot points to a
/// further bucket instead of an entry.
#[repr(C, align(64))]
pub(super) struct Bucket {
    pub(super) meta: u64,
    pub(super) slots: [*mut (); SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64, "a bucket is one cache line");

/// Larger segments begin at a page: the allocator then takes no more than they need.
const PAGE: usize = 4096;

/// The segments of one table and how many buckets are in use.
pub(crate) struct Directory {
    buckets: AtomicUsize,
    /// How many buckets of the segments have ever been in use: memory behind those is only address space.
    touched: AtomicUsize,
    segments: [AtomicPtr<Bucket>; SEGMENTS],
}

impl Directory {
    /// A directory without buckets.
    pub(super) const fn new() -> Self {
        Self {
            buckets: AtomicUsize::new(0),
            touched: AtomicUsize::new(0),
            segments: [const { AtomicPtr::new(null_mut()) }; SEGMENTS],
        }
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
        let segment = (usize::BITS - index.leading_zeros()) as usize;
        let first = (1_usize << segment) >> 1;
        (segment, index - first)
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
            memory::untouched(bucket_bytes(Self::buckets_of(segment)));
        }
        if index >= self.touched.load(Relaxed) {
            self.touched.store(index + 1, Relaxed);
            memory::untouched(-bucket_bytes(1));
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
        // From the end, as `touched` tells how far they were in use.
        (0..SEGMENTS).rev().for_each(|segment| self.free(segment));
    }

    /// Moves all segments to another directory and leaves this one empty. A prefetch that has read an address before is
    /// at worst a useless hint.
    pub(super) fn take(&self) -> Self {
        let taken = Self::new();
        taken.set_len(self.len());
        taken.touched.store(self.touched.swap(0, Relaxed), Relaxed);
        self.set_len(0);
        for (from, to) in self.segments.iter().zip(&taken.segments) {
            to.store(from.swap(null_mut(), Relaxed), Relaxed);
        }
        taken
    }

    /// Exchanges all segments with another directory. Whoever prefetches meanwhile gets useless hints.
    pub(super) fn swap(&self, other: &Self) {
        self.set_len(other.buckets.swap(self.len(), Relaxed));
        self.touched.store(other.touched.swap(self.touched.load(Relaxed), Relaxed), Relaxed);
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
            let (first, touched) = ((1 << segment) >> 1, self.touched.load(Relaxed));
            let here = touched.saturating_sub(first).min(Self::buckets_of(segment));
            memory::untouched(-bucket_bytes(Self::buckets_of(segment) - here));
            self.touched.store(touched.min(first), Relaxed);
            // SAFETY: it was allocated by `grow` with this layout, and nobody dereferences it any more.
            unsafe { dealloc(memory.cast(), Self::layout(segment)) };
        }
    }

    const fn buckets_of(segment: usize) -> usize {
        if segment == 0 { 1 } else { 1 << (segment - 1) }
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

fn bucket_bytes(buckets: usize) -> i64 {
    i64::try_from(buckets * size_of::<Bucket>()).expect("they lie in memory")
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
