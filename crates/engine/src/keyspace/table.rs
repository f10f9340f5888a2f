//! The hash table of the keyspace, and of every large collection.
//!
//! Owns its entries through one pointer each. A bucket is one cache line with nine slots and a byte of hash for each, so
//! that a lookup reads one line of the table and, nearly always, one entry. What does not fit into a bucket spills. The table
//! grows by *linear hashing*: each insert past the load splits one bucket, so there is never a second table, a doubling of
//! memory, or a pause (Litwin, "Linear hashing: a new tool for file and table addressing", 1980).
//!
//! What must hold: an entry lies in the bucket that [`Directory::index`] names, or has spilled from it. Scanning visits whole
//! buckets, with what has spilled, in the order of reversed bits, which is what gives SCAN its promise: an entry that is there from the start to the end of a scan is visited at least once, however the
//! table grows and shrinks meanwhile.
//!
//! Leaves out: locking, expiry, the meaning of entries.

use super::bucket::{Bucket, Held, SLOTS};
use super::directory::Directory;
use super::hash::{StableHash, stir};
use super::item::{Borrowed, Changing, Item, item_of, pointer_of};
use crate::value::prefetch;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// Entries a bucket, on average, at which the next insert splits one.
const LOAD: usize = 6;
/// Below this many entries a bucket, a removal joins two.
const LOAD_MIN: usize = 3;

/// Buckets that a walk has on their way from memory, and how many steps behind their own those are in which what they hold is
/// fetched, and all of that.
const WALK_AHEAD: usize = 8;
const ITEMS_BEHIND: usize = 3;
const REST_BEHIND: usize = 6;

/// How keys of one table are hashed.
#[derive(Clone, Copy)]
pub(crate) struct TableHash {
    pub(crate) stable: StableHash,
    /// The table's own seed.
    pub(crate) seed: u64,
}

/// A hash table of `T`. All hashes that it takes are stable hashes.
pub(crate) struct Table<T: Item> {
    directory: Arc<Directory>,
    hash: TableHash,
    len: usize,
    /// Memory of what has spilled from buckets.
    spill_bytes: usize,
    /// No bucket is split or joined: somebody walks them in order.
    frozen: bool,
    items: PhantomData<T>,
}

/// The part of a walk that one bucket is.
struct Stretch {
    bucket: usize,
    /// Where the walk has come to.
    from: u64,
    begin: u64,
    /// None: it is the last one.
    end: Option<u64>,
}

// SAFETY: the table owns its items; the raw pointers in it are to memory that nobody else reaches.
unsafe impl<T: Item + Send> Send for Table<T> {}
// SAFETY: a shared table is only read.
unsafe impl<T: Item + Sync> Sync for Table<T> {}

impl<T: Item> Table<T> {
    /// An empty table. It allocates nothing but its directory until the first insert.
    pub(crate) fn new(hash: TableHash) -> Self {
        Self {
            directory: Arc::new(Directory::new()),
            hash,
            len: 0,
            spill_bytes: 0,
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

    /// Number of buckets.
    pub(crate) fn buckets(&self) -> usize {
        self.directory.len()
    }

    /// Bytes held by buckets; the items' own memory is not counted.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.directory.heap_bytes() + self.spill_bytes + size_of::<Directory>()
    }

    /// Fetches the bucket of this hash.
    #[inline]
    pub(crate) fn prefetch_bucket(&self, stable: u64) {
        self.directory.prefetch(stir(stable, self.hash.seed));
    }

    /// Fetches the items that may be the one with this hash. The bucket should have been fetched already. True if it can
    /// only be among what has spilled, which is fetched then: see [`Table::prefetch_spilled`].
    #[inline]
    pub(crate) fn prefetch_item(&self, stable: u64) -> bool {
        if self.len == 0 {
            return false;
        }
        let hash = stir(stable, self.hash.seed);
        let bucket = self.at(Directory::index(hash, self.directory.len()));
        let mut further = bucket.has_spilled();
        for index in bucket.matching(tag(hash)) {
            prefetch_two_lines(bucket.held(index).pointer);
            further = false;
        }
        if further {
            prefetch::line(bucket.spill_address());
        }
        further
    }

    /// Fetches so many bytes of the items that may be the one with this hash.
    pub(crate) fn prefetch_whole(&self, stable: u64, bytes: usize) {
        if self.len == 0 {
            return;
        }
        let hash = stir(stable, self.hash.seed);
        let bucket = self.at(Directory::index(hash, self.directory.len()));
        for index in bucket.matching(tag(hash)) {
            let item = bucket.held(index).pointer.cast::<u8>();
            (0..bytes).step_by(64).for_each(|offset| prefetch::line(item.wrapping_add(offset)));
        }
    }

    /// Fetches the items that may be the one with this hash, of those that have spilled.
    pub(crate) fn prefetch_spilled(&self, stable: u64) {
        if self.len > 0 {
            let hash = stir(stable, self.hash.seed);
            let spilled = self.at(Directory::index(hash, self.directory.len())).spilled().iter();
            let same = spilled.map(|&word| Held::of_word(word)).filter(|held| held.tag == tag(hash));
            same.for_each(|held| prefetch_two_lines(held.pointer));
        }
    }

    /// The item with this key.
    pub(crate) fn get(&self, stable: u64, key: &[u8]) -> Option<Borrowed<'_, T>> {
        let (.., pointer) = self.find(stable, key)?;
        // SAFETY: the item was just found; the table is borrowed for as long as the item.
        Some(unsafe { Borrowed::new(pointer) })
    }

    /// The item with this key, to change. Its key must stay the same.
    pub(crate) fn get_mut(&mut self, stable: u64, key: &[u8]) -> Option<Changing<'_, T>> {
        let (bucket, index, pointer) = self.find(stable, key)?;
        // SAFETY: a bucket in use, just found; the table is borrowed for change.
        let word = unsafe { &mut *bucket }.word_mut(index);
        // SAFETY: the item was just found there; the table is borrowed for change for as long as the item.
        Some(unsafe { Changing::new(pointer, word) })
    }

    /// The item with this hash that is the one meant.
    pub(crate) fn find_by(&self, stable: u64, is: impl Fn(&T) -> bool) -> Option<Borrowed<'_, T>> {
        if self.len == 0 {
            return None;
        }
        let hash = stir(stable, self.hash.seed);
        self.items(Directory::index(hash, self.directory.len())).find(|item| is(item))
    }

    /// Visits the items that may have this hash; others are seldom among them.
    #[inline]
    pub(crate) fn each_with_hash<'a>(&'a self, stable: u64, visit: &mut dyn FnMut(Borrowed<'a, T>)) {
        if self.len == 0 {
            return;
        }
        let hash = stir(stable, self.hash.seed);
        let bucket = self.at(Directory::index(hash, self.directory.len()));
        let here = bucket.matching(tag(hash)).map(|index| bucket.held(index).pointer);
        let spilled = bucket.spilled().iter().map(|&word| Held::of_word(word));
        let further = spilled.filter(|held| held.tag == tag(hash)).map(|held| held.pointer);
        // SAFETY: the bucket holds them, and the table is borrowed for as long as they are.
        here.chain(further).for_each(|pointer| visit(unsafe { Borrowed::new(pointer) }));
    }

    /// Adds an item whose key is not in the table.
    pub(crate) fn insert(&mut self, stable: u64, item: T) {
        let buckets = self.directory.len();
        if self.len >= buckets * LOAD && !self.frozen {
            self.split();
        }
        let hash = stir(stable, self.hash.seed);
        let pointer = pointer_of(&ManuallyDrop::new(item));
        self.put(Directory::index(hash, self.directory.len()), Held { tag: tag(hash), pointer });
        self.len += 1;
    }

    /// Takes the item with this key out.
    pub(crate) fn remove(&mut self, stable: u64, key: &[u8]) -> Option<T> {
        let (bucket, index, _) = self.find(stable, key)?;
        // SAFETY: a bucket in use, just found; the table is borrowed for change.
        let pointer = unsafe { &mut *bucket }.take(index, &mut self.spill_bytes);
        self.len -= 1;
        if self.len < self.directory.len() * LOAD_MIN && self.directory.len() > 1 && !self.frozen {
            self.join();
        }
        // SAFETY: the pointer came out of the table, where it was put as a `T`, and it is in there no more.
        Some(ManuallyDrop::into_inner(unsafe { item_of(pointer) }))
    }

    /// Drops all items and gives all memory back.
    pub(crate) fn clear(&mut self) {
        for index in 0..self.directory.len() {
            self.drain(index, |held| {
                // SAFETY: as in `remove`.
                drop(ManuallyDrop::into_inner(unsafe { item_of::<T>(held.pointer) }));
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
            spill_bytes: self.spill_bytes,
            frozen: self.frozen,
            items: PhantomData,
        };
        (self.len, self.spill_bytes, self.frozen) = (0, 0, false);
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

    /// Fetches the items of a bucket, and the list of those that have spilled from it.
    #[inline]
    pub(crate) fn prefetch_bucket_items(&self, index: usize) {
        if index >= self.directory.len() {
            return;
        }
        let bucket = self.at(index);
        for index in bucket.occupied() {
            prefetch_two_lines(bucket.held(index).pointer);
        }
        if bucket.has_spilled() {
            prefetch::line(bucket.spill_address());
        }
    }

    /// Visits every item, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Borrowed<'_, T>> {
        (0..self.directory.len()).flat_map(move |index| self.items(index))
    }

    /// The items of one bucket, with those that have spilled from it.
    pub(crate) fn items(&self, index: usize) -> impl Iterator<Item = Borrowed<'_, T>> {
        let bucket = self.at(index);
        let here = bucket.occupied().map(|index| bucket.held(index).pointer);
        let further = bucket.spilled().iter().map(|&word| Held::of_word(word).pointer);
        // SAFETY: the bucket holds them, and the table is borrowed for as long as they are.
        here.chain(further).map(|pointer| unsafe { Borrowed::new(pointer) })
    }

    /// Visits the items of one bucket and returns the cursor of the next; 0 begins and ends a scan.
    pub(crate) fn scan<'a>(&'a self, cursor: u64, visit: &mut dyn FnMut(Borrowed<'a, T>)) -> u64 {
        let buckets = self.directory.len();
        if buckets == 0 {
            return 0;
        }
        let index = Directory::index(cursor, buckets);
        self.items(index).for_each(|item| prefetch::line(item.address()));
        self.items(index).for_each(visit);
        // A bucket that has not been split in this round stands for both of its halves: the bit that tells them apart is
        // left out of the count.
        let round = 1_u64 << buckets.ilog2();
        let split = (index as u64 & (round - 1)) + round < buckets as u64;
        let mask = if split { round * 2 - 1 } else { round - 1 };
        next_reversed(cursor, mask)
    }

    /// Visits whole buckets from a place on until there were about `max` items, and returns the place behind them; none at
    /// the end. Places are numbers from 0 that hold however the table grows and shrinks: an item that is there all the time is
    /// visited once. `fetch` gets each item some time before its visit, when the item is on its way from memory.
    pub(crate) fn walk<'a>(
        &'a self,
        from: u64,
        max: usize,
        mut fetch: impl FnMut(Borrowed<'a, T>),
        mut visit: impl FnMut(Borrowed<'a, T>),
    ) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        let (mut visited, mut last) = (0, None);
        // Buckets on their way: the last one itself, the one before with what it holds, those before with all of that.
        let mut coming: [Option<Stretch>; WALK_AHEAD] = [const { None }; WALK_AHEAD];
        let mut next = Some(from);
        for step in 0.. {
            let bucket = next.filter(|_| visited < max).map(|from| self.stretch(from));
            if let Some(stretch) = &bucket {
                prefetch::line(self.directory.bucket(stretch.bucket).cast());
                next = stretch.end;
            }
            if let Some(stretch) = &coming[(step + WALK_AHEAD - ITEMS_BEHIND) % WALK_AHEAD] {
                self.prefetch_bucket_items(stretch.bucket);
            }
            if let Some(stretch) = &coming[(step + WALK_AHEAD - REST_BEHIND) % WALK_AHEAD] {
                self.items(stretch.bucket).for_each(&mut fetch);
            }
            let due = std::mem::replace(&mut coming[step % WALK_AHEAD], bucket);
            let Some(stretch) = due else {
                if step >= WALK_AHEAD && coming.iter().all(Option::is_none) {
                    break;
                }
                continue;
            };
            // The table has grown since what comes before was visited, or it has shrunk.
            let begins_inside = stretch.begin != stretch.from;
            for item in self.items(stretch.bucket) {
                visited += 1;
                if !begins_inside || self.place_of(&item) >= stretch.from {
                    visit(item);
                }
            }
            last = Some(stretch);
        }
        last.and_then(|last| last.end)
    }

    /// Where an item comes in a walk: by its hash, the lowest bit first.
    fn place_of(&self, item: &T) -> u64 {
        stir(self.hash.stable.of(item.key()), self.hash.seed).reverse_bits()
    }

    /// The bucket that a walk comes to at this place.
    fn stretch(&self, from: u64) -> Stretch {
        let buckets = self.directory.len();
        let bucket = Directory::index(from.reverse_bits(), buckets);
        let round = 1_usize << buckets.ilog2();
        let is_split = (bucket & (round - 1)) + round < buckets;
        let bits = buckets.ilog2() + u32::from(is_split);
        let Some(places) = 1_u64.checked_shl(u64::BITS - bits) else {
            return Stretch { bucket, from, begin: 0, end: None };
        };
        let begin = from & !(places - 1);
        Stretch { bucket, from, begin, end: begin.checked_add(places) }
    }

    /// An item picked by the random number `pick`; nearly uniform.
    pub(crate) fn random(&self, mut pick: u64) -> Option<Borrowed<'_, T>> {
        if self.len == 0 {
            return None;
        }
        // A bucket is drawn, and taken with a probability that grows with its length, so that full ones count for more.
        loop {
            pick = stir(pick, 0x6A09_E667_F3BC_C909);
            let index = usize::try_from(pick >> 16).unwrap_or(0) % self.directory.len();
            let length = self.at(index).len();
            let nth = usize::try_from(pick & 0xFFFF).unwrap_or(0) % (3 * SLOTS).max(length);
            if nth < length {
                return self.items(index).nth(nth);
            }
        }
    }

    #[inline]
    fn at(&self, index: usize) -> &Bucket {
        assert!(index < self.directory.len(), "a bucket in use");
        // SAFETY: the index is below the number of buckets.
        unsafe { &*self.directory.bucket(index) }
    }

    /// The bucket of the item with this key, its index there as [`Bucket::take`] counts, and its pointer. Always inlined:
    /// callers need a part of it, and in registers.
    #[inline(always)]
    fn find(&self, stable: u64, key: &[u8]) -> Option<(*mut Bucket, usize, *mut ())> {
        if self.len == 0 {
            return None;
        }
        let hash = stir(stable, self.hash.seed);
        let tag = tag(hash);
        let address = self.directory.bucket(Directory::index(hash, self.directory.len()));
        // SAFETY: it is a bucket in use.
        let bucket = unsafe { &*address };
        for index in bucket.matching(tag) {
            let pointer = bucket.held(index).pointer;
            if Self::is_at(pointer, key) {
                return Some((address, index, pointer));
            }
        }
        let further = bucket.spilled().iter().map(|&word| Held::of_word(word));
        let (at, held) =
            further.enumerate().find(|(_, held)| held.tag == tag && Self::is_at(held.pointer, key))?;
        Some((address, SLOTS + at, held.pointer))
    }

    /// Whether the item that this pointer is, which must be one of the table, has this key.
    #[inline]
    fn is_at(pointer: *mut (), key: &[u8]) -> bool {
        // SAFETY: a bucket holds it, so it exists; it is only read here.
        let item = unsafe { item_of::<T>(pointer) };
        // What lies behind the key comes along while the key is waited for.
        prefetch::line(item.address().wrapping_add(64));
        item.key() == key
    }

    #[inline]
    fn put(&mut self, index: usize, held: Held) {
        // SAFETY: a bucket in use, of a table that is borrowed for change.
        let bucket = unsafe { &mut *self.directory.bucket(index) };
        bucket.put(held, &mut self.spill_bytes);
    }

    fn fill(&mut self, index: usize, items: &[Held]) {
        // SAFETY: as in `put`.
        let bucket = unsafe { &mut *self.directory.bucket(index) };
        bucket.fill(items, &mut self.spill_bytes);
    }

    fn drain(&mut self, index: usize, each: impl FnMut(Held)) {
        // SAFETY: as in `put`.
        let bucket = unsafe { &mut *self.directory.bucket(index) };
        bucket.drain(&mut self.spill_bytes, each);
    }

    /// Adds one bucket and moves to it what belongs there.
    fn split(&mut self) {
        let new = self.directory.grow();
        if new == 0 {
            return;
        }
        let old = new & !(1 << new.ilog2());
        self.items(old).for_each(|item| prefetch::line(item.address()));
        let (mut stay, mut move_on) = (Few::new(), Few::new());
        let (hash, buckets) = (self.hash, self.directory.len());
        self.drain(old, |held| {
            // SAFETY: the bucket held it, so it exists; it is only read here.
            let item = unsafe { item_of::<T>(held.pointer) };
            let index = Directory::index(stir(hash.stable.of(item.key()), hash.seed), buckets);
            if index == old { stay.push(held) } else { move_on.push(held) }
        });
        self.fill(old, stay.all());
        self.fill(new, move_on.all());
    }

    /// Takes the last bucket away and moves what it holds to the one that it was split from.
    fn join(&mut self) {
        let last = self.directory.len() - 1;
        let into = last & !(1 << last.ilog2());
        let mut items = Few::new();
        self.drain(last, |held| items.push(held));
        self.drain(into, |held| items.push(held));
        self.fill(into, items.all());
        self.directory.shrink();
    }
}

/// What buckets held while it is moved: on the stack, unless it is more than ever expected.
struct Few {
    len: usize,
    here: [Held; 4 * SLOTS],
    more: Vec<Held>,
}

impl Few {
    const fn new() -> Self {
        Self { len: 0, here: [Held::NOTHING; 4 * SLOTS], more: Vec::new() }
    }

    fn push(&mut self, held: Held) {
        if let Some(place) = self.here.get_mut(self.len) {
            *place = held;
        } else {
            if self.more.is_empty() {
                self.more.extend_from_slice(&self.here);
            }
            self.more.push(held);
        }
        self.len += 1;
    }

    fn all(&self) -> &[Held] {
        if self.more.is_empty() { &self.here[..self.len] } else { &self.more }
    }
}

impl<T: Item> Drop for Table<T> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The byte of a hash that a slot keeps; never zero.
#[inline]
const fn tag(hash: u64) -> u8 {
    let [.., top] = hash.to_le_bytes();
    if top == 0 { 1 } else { top }
}

/// A short value reaches into the next line.
#[inline]
fn prefetch_two_lines(item: *const ()) {
    prefetch::line(item.cast());
    prefetch::line(item.cast::<u8>().wrapping_add(64));
}

/// The cursor after this one when the bits under the mask are counted from the top down.
const fn next_reversed(cursor: u64, mask: u64) -> u64 {
    ((cursor | !mask).reverse_bits().wrapping_add(1)).reverse_bits()
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
