//! The hash table of the keyspace, and of every large collection.
//!
//! Owns its entries through one pointer each. A bucket is one cache line with seven slots and a byte of hash for each, so
//! that a lookup reads one line of the table and, nearly always, one entry. A full bucket chains a further one. The table
//! grows by *linear hashing*: each insert past the load splits one bucket, so there is never a second table, a doubling of
//! memory, or a pause (Litwin, "Linear hashing: a new tool for file and table addressing", 1980).
//!
//! What must hold: an entry lies in the chain of the bucket that [`Directory::index`] names; a tag of zero is a free slot;
//! a chain has no empty bucket but its first. Scanning visits whole chains in the order of reversed bits, which is what
//! gives SCAN its promise: an entry that is there from the start to the end of a scan is visited at least once, however the
//! table grows and shrinks meanwhile.
//!
//! Leaves out: locking, expiry, the meaning of entries.

use super::directory::{Bucket, Directory, SLOTS};
use super::hash::{StableHash, stir};
use crate::value::prefetch;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, transmute_copy};
use std::sync::Arc;

/// Entries a bucket, on average, at which the next insert splits one.
const LOAD: usize = 5;
/// Below this many entries a bucket, a removal joins two.
const LOAD_MIN: usize = 2;

const CHAINED: u64 = 1 << 56;
const TAGS: u64 = 0x0001_0101_0101_0101;
const TAG_TOPS: u64 = TAGS << 7;

/// What a table can hold.
///
/// # Safety
/// The type must be one pointer wide and never null (`repr(transparent)` over `NonNull`).
pub(crate) unsafe trait Item: Sized {
    /// The bytes that it is found by.
    fn key(&self) -> &[u8];

    /// An address worth fetching before the item is read.
    fn address(&self) -> *const u8;
}

/// How keys of one table are hashed.
#[derive(Clone, Copy)]
pub(crate) struct TableHash {
    pub(crate) stable: StableHash,
    /// The table's own seed.
    pub(crate) seed: u64,
}

/// A place in a table; good until the table changes.
#[derive(Clone, Copy)]
struct Slot {
    bucket: *mut Bucket,
    index: usize,
}

/// A hash table of `T`. All hashes that it takes are stable hashes.
pub(crate) struct Table<T: Item> {
    directory: Arc<Directory>,
    hash: TableHash,
    len: usize,
    /// Buckets outside of the directory.
    chained: usize,
    /// No bucket is split or joined: somebody walks them in order.
    frozen: bool,
    items: PhantomData<T>,
}

// SAFETY: the table owns its items; the raw pointers in it are to memory that nobody else reaches.
unsafe impl<T: Item + Send> Send for Table<T> {}
// SAFETY: a shared table is only read.
unsafe impl<T: Item + Sync> Sync for Table<T> {}

impl<T: Item> Table<T> {
    /// An empty table. It allocates nothing but its directory until the first insert.
    pub(crate) fn new(hash: TableHash) -> Self {
        const { assert!(size_of::<T>() == size_of::<*mut ()>() && size_of::<Option<T>>() == size_of::<*mut ()>()) };
        Self {
            directory: Arc::new(Directory::new()),
            hash,
            len: 0,
            chained: 0,
            frozen: false,
            items: PhantomData,
        }
    }

    /// Where the buckets lie, for prefetching without a lock.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory)
    }

    /// How this table hashes.
    pub(crate) fn hasher(&self) -> TableHash {
        self.hash
    }

    /// Number of items.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Number of buckets, chained ones not counted.
    pub(crate) fn buckets(&self) -> usize {
        self.directory.len()
    }

    /// Bytes held by buckets; the items' own memory is not counted.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.directory.heap_bytes() + self.chained * size_of::<Bucket>() + size_of::<Directory>()
    }

    /// Fetches the bucket of this hash.
    #[inline]
    pub(crate) fn prefetch_bucket(&self, stable: u64) {
        self.directory.prefetch(stir(stable, self.hash.seed));
    }

    /// Fetches the entries that may be the one with this hash. The bucket should have been fetched already.
    #[inline]
    pub(crate) fn prefetch_item(&self, stable: u64) {
        if self.len == 0 {
            return;
        }
        let hash = stir(stable, self.hash.seed);
        let bucket = self.directory.bucket(Directory::index(hash, self.directory.len()));
        // SAFETY: the index is below the number of buckets.
        let bucket = unsafe { &*bucket };
        let mut matches = matching(bucket.meta, tag(hash));
        while matches != 0 {
            let index = matches.trailing_zeros() as usize / 8;
            let item = bucket.slots[index].cast::<u8>();
            prefetch::line(item);
            // A short value reaches into the next line.
            prefetch::line(item.wrapping_add(64));
            matches &= matches - 1;
        }
    }

    /// The item with this key.
    #[inline]
    pub(crate) fn get(&self, stable: u64, key: &[u8]) -> Option<&T> {
        let slot = self.find(stable, key)?;
        // SAFETY: `find` returns a bucket in use, which lives as long as the table is not changed.
        let bucket = unsafe { &*slot.bucket };
        let item: *const *mut () = &bucket.slots[slot.index];
        // SAFETY: `find` returns a slot that holds an item.
        unsafe { item.cast::<T>().as_ref() }
    }

    /// The item with this key, to change. Its key must stay the same.
    #[inline]
    pub(crate) fn get_mut(&mut self, stable: u64, key: &[u8]) -> Option<&mut T> {
        let slot = self.find(stable, key)?;
        // SAFETY: as in `get`, and the table is borrowed for change.
        let bucket = unsafe { &mut *slot.bucket };
        let item: *mut *mut () = &mut bucket.slots[slot.index];
        // SAFETY: as in `get`.
        unsafe { item.cast::<T>().as_mut() }
    }

    /// The item with this hash that is the one meant.
    pub(crate) fn find_by(&self, stable: u64, is: impl Fn(&T) -> bool) -> Option<&T> {
        if self.len == 0 {
            return None;
        }
        let hash = stir(stable, self.hash.seed);
        self.chain(Directory::index(hash, self.directory.len())).find(|item| is(item))
    }

    /// Adds an item whose key is not in the table.
    pub(crate) fn insert(&mut self, stable: u64, item: T) {
        let buckets = self.directory.len();
        if self.len >= buckets * LOAD && !self.frozen {
            self.split();
        }
        let hash = stir(stable, self.hash.seed);
        let bucket = self.directory.bucket(Directory::index(hash, self.directory.len()));
        let item = ManuallyDrop::new(item);
        // SAFETY: an item is one pointer wide (asserted in `new`).
        let pointer = unsafe { transmute_copy::<T, *mut ()>(&item) };
        self.put(bucket, tag(hash), pointer);
        self.len += 1;
    }

    /// Takes the item with this key out.
    pub(crate) fn remove(&mut self, stable: u64, key: &[u8]) -> Option<T> {
        let slot = self.find(stable, key)?;
        let hash = stir(stable, self.hash.seed);
        let first = self.directory.bucket(Directory::index(hash, self.directory.len()));
        let pointer = self.take(first, slot);
        self.len -= 1;
        if self.len < self.directory.len() * LOAD_MIN && self.directory.len() > 1 && !self.frozen {
            self.join();
        }
        // SAFETY: the pointer came out of a slot, where it was put as a `T`; the slot is free now.
        Some(unsafe { transmute_copy::<*mut (), T>(&pointer) })
    }

    /// Drops all items and gives all memory back.
    pub(crate) fn clear(&mut self) {
        for index in 0..self.directory.len() {
            self.drain(self.directory.bucket(index), |_, pointer| {
                // SAFETY: as in `remove`; each slot is visited once and is free afterwards.
                drop(unsafe { transmute_copy::<*mut (), T>(&pointer) });
            });
        }
        self.directory.clear();
        self.len = 0;
    }

    /// Moves all items to another table, in constant time. This one is as new, and keeps its directory.
    pub(crate) fn take_all(&mut self) -> Self {
        let taken = Self {
            directory: Arc::new(self.directory.take()),
            hash: self.hash,
            len: self.len,
            chained: self.chained,
            frozen: self.frozen,
            items: PhantomData,
        };
        (self.len, self.chained, self.frozen) = (0, 0, false);
        taken
    }

    /// Exchanges its directory with that of another table, but keeps the buckets and with them all items.
    pub(crate) fn swap_directory(&mut self, other: &mut Self) {
        self.directory.swap(&other.directory);
        std::mem::swap(&mut self.directory, &mut other.directory);
    }

    /// Brings so many buckets into use at once as `items` need. The table must be empty.
    pub(crate) fn reserve(&mut self, items: usize) {
        assert!(self.len == 0, "only an empty table can grow without moving anything");
        for _ in self.directory.len()..items.div_ceil(LOAD) {
            self.directory.grow();
        }
    }

    /// Keeps all buckets as they are, or not any more: what has come and gone meanwhile is caught up with by the next
    /// changes, one bucket each. A frozen table must have buckets.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        assert!(!frozen || self.directory.len() > 0, "there is something to walk");
        self.frozen = frozen;
    }

    /// The bucket of an item with this hash.
    #[inline]
    pub(crate) fn bucket_of(&self, stable: u64) -> usize {
        Directory::index(stir(stable, self.hash.seed), self.directory.len())
    }

    /// Fetches the items of a bucket; those chained to it are left out.
    #[inline]
    pub(crate) fn prefetch_bucket_items(&self, index: usize) {
        if index >= self.directory.len() {
            return;
        }
        // SAFETY: the index is below the number of buckets.
        let bucket = unsafe { &*self.directory.bucket(index) };
        for item in bucket.slots {
            // A free slot is a useless hint.
            prefetch::line(item.cast());
            prefetch::line(item.cast::<u8>().wrapping_add(64));
        }
    }

    /// Visits every item, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.directory.len()).flat_map(move |index| self.chain(index))
    }

    /// The items of one bucket and its chain.
    pub(crate) fn chain(&self, index: usize) -> impl Iterator<Item = &T> {
        assert!(index < self.directory.len(), "a bucket in use");
        let mut bucket = self.directory.bucket(index).cast_const();
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                // SAFETY: it is a bucket in use or one chained to it; both live while the table is borrowed.
                let here = unsafe { &*bucket };
                let chained = here.meta & CHAINED != 0;
                while at < SLOTS - usize::from(chained) {
                    at += 1;
                    if here.meta >> (8 * (at - 1)) & 0xFF != 0 {
                        let slot: *const *mut () = &here.slots[at - 1];
                        // SAFETY: its tag says that the slot holds an item.
                        return unsafe { slot.cast::<T>().as_ref() };
                    }
                }
                if !chained {
                    return None;
                }
                bucket = here.slots[SLOTS - 1].cast();
                at = 0;
            }
        })
    }

    /// Visits the items of one bucket and returns the cursor of the next; 0 begins and ends a scan.
    pub(crate) fn scan<'a>(&'a self, cursor: u64, visit: &mut dyn FnMut(&'a T)) -> u64 {
        let buckets = self.directory.len();
        if buckets == 0 {
            return 0;
        }
        let index = Directory::index(cursor, buckets);
        self.chain(index).for_each(|item| prefetch::line(item.address()));
        self.chain(index).for_each(visit);
        // A bucket that has not been split in this round stands for both of its halves: the bit that tells them apart is
        // left out of the count.
        let round = 1_u64 << buckets.ilog2();
        let split = (index as u64 & (round - 1)) + round < buckets as u64;
        let mask = if split { round * 2 - 1 } else { round - 1 };
        next_reversed(cursor, mask)
    }

    /// An item picked by the random number `pick`; nearly uniform.
    pub(crate) fn random(&self, mut pick: u64) -> Option<&T> {
        if self.len == 0 {
            return None;
        }
        // A bucket is drawn, and taken with a probability that grows with its length, so that full ones count for more.
        loop {
            pick = stir(pick, 0x6A09_E667_F3BC_C909);
            let index = usize::try_from(pick >> 16).unwrap_or(0) % self.directory.len();
            let length = self.chain(index).count();
            let nth = usize::try_from(pick & 0xFFFF).unwrap_or(0) % (3 * SLOTS).max(length);
            if nth < length {
                return self.chain(index).nth(nth);
            }
        }
    }

    #[inline]
    fn find(&self, stable: u64, key: &[u8]) -> Option<Slot> {
        if self.len == 0 {
            return None;
        }
        let hash = stir(stable, self.hash.seed);
        let tag = tag(hash);
        let mut bucket = self.directory.bucket(Directory::index(hash, self.directory.len()));
        loop {
            // SAFETY: it is a bucket in use or one chained to it.
            let here = unsafe { &*bucket };
            let mut matches = matching(here.meta, tag);
            while matches != 0 {
                let index = matches.trailing_zeros() as usize / 8;
                let slot: *const *mut () = &here.slots[index];
                // SAFETY: the match is below the chain pointer and its tag is not zero, so the slot holds an item.
                let item = unsafe { &*slot.cast::<T>() };
                // What lies behind the key comes along while the key is waited for.
                prefetch::line(item.address().wrapping_add(64));
                if item.key() == key {
                    return Some(Slot { bucket, index });
                }
                matches &= matches - 1;
            }
            if here.meta & CHAINED == 0 {
                return None;
            }
            bucket = here.slots[SLOTS - 1].cast();
        }
    }

    /// Puts a pointer into the chain that begins at this bucket.
    fn put(&mut self, first: *mut Bucket, tag: u64, pointer: *mut ()) {
        let mut bucket = first;
        loop {
            // SAFETY: it is a bucket in use or one chained to it, and the table is borrowed for change.
            let here = unsafe { &mut *bucket };
            let chained = here.meta & CHAINED != 0;
            if let Some(index) = free_slot(here.meta) {
                here.meta |= tag << (8 * index);
                here.slots[index] = pointer;
                return;
            }
            if !chained {
                let moved_tag = here.meta >> (8 * (SLOTS - 1)) & 0xFF;
                let mut further = Box::new(Bucket { meta: moved_tag, slots: [std::ptr::null_mut(); SLOTS] });
                further.slots[0] = here.slots[SLOTS - 1];
                here.meta = here.meta & !(0xFF << (8 * (SLOTS - 1))) | CHAINED;
                here.slots[SLOTS - 1] = Box::into_raw(further).cast();
                self.chained += 1;
            }
            bucket = here.slots[SLOTS - 1].cast();
        }
    }

    /// Takes a pointer out of a slot, and fills the hole from the end of its chain, so that chains stay short.
    fn take(&mut self, first: *mut Bucket, slot: Slot) -> *mut () {
        // SAFETY: the slot was just found.
        let here = unsafe { &mut *slot.bucket };
        let pointer = here.slots[slot.index];
        here.meta &= !(0xFF << (8 * slot.index));
        // SAFETY: the first bucket of the chain is in use.
        if unsafe { (*first).meta } & CHAINED != 0 {
            self.tidy(first, slot);
        }
        pointer
    }

    /// Moves the last item of a chain into a hole and drops the last bucket once it is empty.
    fn tidy(&mut self, first: *mut Bucket, hole: Slot) {
        let (mut before, mut last) = (std::ptr::null_mut::<Bucket>(), first);
        loop {
            // SAFETY: a bucket of the chain.
            let here = unsafe { &*last };
            if here.meta & CHAINED == 0 {
                break;
            }
            before = last;
            last = here.slots[SLOTS - 1].cast();
        }
        // SAFETY: the last bucket of the chain; it is not the first, so it came from a box.
        let end = unsafe { &mut *last };
        if last != hole.bucket
            && let Some(index) = (0..SLOTS).rev().find(|index| end.meta >> (8 * index) & 0xFF != 0)
        {
            let tag = end.meta >> (8 * index) & 0xFF;
            let pointer = end.slots[index];
            end.meta &= !(0xFF << (8 * index));
            // SAFETY: the bucket with the hole, another one than `last`.
            let holed = unsafe { &mut *hole.bucket };
            holed.meta |= tag << (8 * hole.index);
            holed.slots[hole.index] = pointer;
        }
        if end.meta == 0 {
            // SAFETY: the chain had more than one bucket, so there is one before the last.
            let before = unsafe { &mut *before };
            before.meta &= !CHAINED;
            before.slots[SLOTS - 1] = std::ptr::null_mut();
            // SAFETY: chained buckets come from `Box::into_raw`, and nothing points to this one any more.
            drop(unsafe { Box::from_raw(last) });
            self.chained -= 1;
        }
    }

    /// Empties a chain, handing each tag and pointer on, and drops its further buckets.
    fn drain(&mut self, first: *mut Bucket, mut each: impl FnMut(u64, *mut ())) {
        let mut bucket = first;
        loop {
            // SAFETY: a bucket in use or one chained to it.
            let here = unsafe { &mut *bucket };
            let (meta, slots) = (here.meta, here.slots);
            here.meta = 0;
            if bucket != first {
                // SAFETY: chained buckets come from `Box::into_raw`; this one was unlinked with its predecessor.
                drop(unsafe { Box::from_raw(bucket) });
                self.chained -= 1;
            }
            let chained = meta & CHAINED != 0;
            for (index, pointer) in slots.into_iter().enumerate().take(SLOTS - usize::from(chained)) {
                let tag = meta >> (8 * index) & 0xFF;
                if tag != 0 {
                    each(tag, pointer);
                }
            }
            if !chained {
                return;
            }
            bucket = slots[SLOTS - 1].cast();
        }
    }

    /// Adds one bucket and moves to it what belongs there.
    fn split(&mut self) {
        let new = self.directory.grow();
        if new == 0 {
            return;
        }
        let old = new & !(1 << new.ilog2());
        self.chain(old).for_each(|item| prefetch::line(item.address()));
        self.redistribute(old);
    }

    /// Takes the last bucket away and moves what it holds to the one that it was split from.
    fn join(&mut self) {
        let last = self.directory.len() - 1;
        let bucket = self.directory.bucket(last);
        let into = self.directory.bucket(last & !(1 << last.ilog2()));
        let mut moved = Vec::new();
        self.drain(bucket, |tag, pointer| moved.push((tag, pointer)));
        for (tag, pointer) in moved {
            self.put(into, tag, pointer);
        }
        self.directory.shrink();
    }

    fn redistribute(&mut self, index: usize) {
        let mut held = [(0_u64, std::ptr::null_mut::<()>()); 4 * SLOTS];
        let mut spill = Vec::new();
        let mut count = 0;
        self.drain(self.directory.bucket(index), |tag, pointer| {
            if let Some(place) = held.get_mut(count) {
                *place = (tag, pointer);
                count += 1;
            } else {
                spill.push((tag, pointer));
            }
        });
        for &(tag, pointer) in held[..count].iter().chain(&spill) {
            let slot: *const *mut () = &pointer;
            // SAFETY: the pointer came out of a slot and is an item; it is only looked at here.
            let item = unsafe { &*slot.cast::<T>() };
            let hash = stir(self.hash.stable.of(item.key()), self.hash.seed);
            self.put(self.directory.bucket(Directory::index(hash, self.directory.len())), tag, pointer);
        }
    }
}

impl<T: Item> Drop for Table<T> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The byte of a hash that a slot keeps; never zero.
#[inline]
const fn tag(hash: u64) -> u64 {
    let top = hash >> 56;
    if top == 0 { 1 } else { top }
}

/// The slots whose tag is this one, as the top bits of their bytes. May name a slot whose tag differs by one bit, above a
/// true match, but never a free one and never the chain pointer.
#[inline]
const fn matching(meta: u64, tag: u64) -> u64 {
    let differing = meta ^ (tag * TAGS);
    let zero_bytes = differing.wrapping_sub(TAGS) & !differing & TAG_TOPS;
    // A borrow may spill into the byte above a match; such a byte differs from the tag by exactly 1, so with a free slot
    // (tag 0) it needs tag 1: leave free slots out explicitly.
    zero_bytes & occupied(meta)
}

/// The slots that hold an item, as the top bits of their bytes.
#[inline]
const fn occupied(meta: u64) -> u64 {
    let low = 0x007F_7F7F_7F7F_7F7F;
    (((meta & low) + low) | meta) & TAG_TOPS
}

/// The lowest free slot that can take an item.
#[inline]
const fn free_slot(meta: u64) -> Option<usize> {
    let chain = if meta & CHAINED != 0 { 0x80 << (8 * (SLOTS - 1)) } else { 0 };
    let free = !occupied(meta) & TAG_TOPS & !chain;
    if free == 0 { None } else { Some(free.trailing_zeros() as usize / 8) }
}

/// The cursor after this one when the bits under the mask are counted from the top down.
const fn next_reversed(cursor: u64, mask: u64) -> u64 {
    ((cursor | !mask).reverse_bits().wrapping_add(1)).reverse_bits()
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
