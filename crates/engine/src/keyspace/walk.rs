//! Walking one shard for a checkpoint while others change it.
//!
//! A walk sees every entry as it was at its *cut*, one moment under the shard's lock. It goes through the buckets in
//! order, a slice at a time, with the lock given back between slices. Whoever is about to change anything in a bucket that
//! the walk has not reached saves the whole chain first; the walk passes over saved buckets and takes what was saved.
//!
//! What must hold: while a space is walked its table is frozen, so no entry changes its bucket; every change of an entry
//! or of a chain calls [`Walk::save`] before; each entry of the cut is seen exactly once. A space that is flushed hands its
//! table to the walk, which goes on without the lock.

use super::Keyspace;
use super::entry::Entry;
use super::image::Image;
use super::space::Space;
use super::table::Table;
use super::tags::Tags;
use parking_lot::MutexGuard;

/// Bytes of entries after which a slice ends: some 50 to 100 microseconds.
const SLICE_BYTES: usize = 32 << 10;
/// Buckets after which it ends: most may be empty.
pub(crate) const SLICE_BUCKETS: usize = 1024;
/// So many buckets ahead are the entries fetched.
const FETCHED_AHEAD: usize = 6;

/// Where the walk of one space has come to.
pub(crate) struct Walk {
    /// The next bucket.
    next: usize,
    /// How many there are.
    buckets: usize,
    /// Which of them were saved by whoever changed them.
    saved: Vec<u64>,
    image: Image,
    /// What the space held, once it has been flushed.
    flushed: Option<Held>,
}

/// All entries of a space, and their tags.
type Held = (Table<Entry>, Option<Box<Tags>>);

/// A space at the cut of its shard.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// Which space it is.
    pub(crate) space: u32,
    /// The number of its database.
    pub(crate) db: u32,
    /// Its entries.
    pub(crate) keys: usize,
}

/// How far a slice has come.
pub(crate) enum Walked {
    /// There is more.
    Partly,
    /// The space is done; the images that others have saved, too.
    Wholly,
}

impl Walk {
    /// Begins at the first bucket of a table, which is frozen from now on. `gap` is the room before each image.
    pub(crate) fn begin(table: &mut Table<Entry>, gap: usize) -> Self {
        let buckets = table.buckets();
        // A space may hold nothing but removals.
        table.freeze(buckets != 0);
        Self {
            next: 0,
            buckets,
            saved: vec![0; buckets.div_ceil(64)],
            image: Image::new(gap, 0),
            flushed: None,
        }
    }

    fn is_saved(&self, bucket: usize) -> bool {
        self.saved[bucket / 64] >> (bucket % 64) & 1 != 0
    }

    /// Saves the chain of this hash, which is about to be changed, unless the walk has it already.
    #[cold]
    pub(crate) fn save(&mut self, table: &Table<Entry>, tags: Option<&Tags>, hash: u64) {
        if self.flushed.is_some() {
            return;
        }
        let bucket = table.bucket_of(hash);
        if bucket < self.next || bucket >= self.buckets || self.is_saved(bucket) {
            return;
        }
        self.saved[bucket / 64] |= 1 << (bucket % 64);
        table.items(bucket).for_each(|entry| self.image.add(&entry, table.hasher().stable, tags));
    }

    /// The space is flushed: keeps what it held. Gives it back if the walk has that already.
    pub(crate) fn keep(&mut self, table: Table<Entry>, tags: Option<Box<Tags>>) -> Option<Held> {
        if self.flushed.is_some() {
            return Some((table, tags));
        }
        self.flushed = Some((table, tags));
        None
    }

    /// Adds the entries of the next buckets, up to the end of a slice.
    fn slice(
        &mut self,
        table: &Table<Entry>,
        tags: Option<&Tags>,
        buckets_max: usize,
        image: &mut Image,
    ) -> Walked {
        let (end_bytes, end) = (image.len() + SLICE_BYTES, self.next + buckets_max);
        let end = end.min(self.buckets);
        (self.next..self.next + FETCHED_AHEAD).for_each(|bucket| table.prefetch_bucket_items(bucket));
        while self.next < end && image.len() < end_bytes && image.large.is_empty() {
            table.prefetch_bucket_items(self.next + FETCHED_AHEAD);
            if !self.is_saved(self.next) {
                table.items(self.next).for_each(|entry| image.add(&entry, table.hasher().stable, tags));
            }
            self.next += 1;
        }
        if self.next == self.buckets { Walked::Wholly } else { Walked::Partly }
    }

    /// Walks what was flushed, which needs no lock.
    pub(crate) fn slice_of_flushed(&mut self, buckets_max: usize, image: &mut Image) -> Walked {
        let (table, tags) = self.flushed.take().expect("only the walk of a flushed space is taken out of it");
        let walked = self.slice(&table, tags.as_deref(), buckets_max, image);
        self.flushed = Some((table, tags));
        walked
    }

    /// The entries that others have saved so far.
    fn take_saved(&mut self, gap: usize) -> Option<Image> {
        (self.image.len() > 0 || !self.image.large.is_empty())
            .then(|| std::mem::replace(&mut self.image, Image::new(gap, 0)))
    }
}

/// What a slice leaves to be done without the lock.
pub(crate) struct Slice {
    pub(crate) walked: Walked,
    /// Entries that others have saved.
    pub(crate) saved: Option<Image>,
    /// The walk itself, if the space has been flushed: from here on it needs no lock.
    pub(crate) flushed: Option<Box<Walk>>,
}

impl Keyspace {
    /// Begins the walk of a shard. `cut` is called under its lock; what it returns comes back, with the spaces to be walked.
    pub(crate) fn begin_walk<R>(&self, shard: usize, gap: usize, cut: impl FnOnce() -> R) -> (R, Vec<Cut>) {
        let mut part = self.lock(shard);
        let mut cuts = Vec::new();
        for db in self.all_databases() {
            let index = self.space_of(db);
            let has_any = |space: &&mut Space| space.len() > 0 || space.tombstones().next().is_some();
            if let Some(space) = part.space_mut(index).filter(has_any) {
                cuts.push(Cut { space: index, db, keys: space.len() });
                space.begin_walk(gap);
            }
        }
        (cut(), cuts)
    }

    /// Adds the next entries of a space, at most so many buckets, to `image`.
    pub(crate) fn walk_on(
        &self,
        shard: usize,
        space: u32,
        buckets_max: usize,
        gap: usize,
        image: &mut Image,
    ) -> Slice {
        let mut part = self.lock(shard);
        let space = part.space_mut(space).expect("a space that is walked stays");
        let slice = space.walk_on(buckets_max, gap, image);
        // Whoever waits comes next, and not this thread once more.
        MutexGuard::unlock_fair(part);
        slice
    }

    /// Ends all walks of a shard in the middle.
    pub(crate) fn give_up_walk(&self, shard: usize) {
        let mut walks = Vec::new();
        let mut part = self.lock(shard);
        for index in self.all_databases().map(|db| self.space_of(db)) {
            walks.extend(part.space_mut(index).and_then(Space::end_walk));
        }
        drop(part);
        // Without the lock: they may hold all of what was flushed.
        drop(walks);
    }
}

impl Space {
    /// Everything in here, as it is now, is going to be walked.
    fn begin_walk(&mut self, gap: usize) {
        if self.len() == 0 {
            // There are tombstones, and a table has no buckets before there was an entry.
            self.reserve(1);
        }
        let (table, ..) = self.walked();
        let mut begun = Box::new(Walk::begin(table, gap));
        self.tombstones().for_each(|key| begun.image.add_tombstone(key));
        *self.walked().2 = Some(begun);
    }

    fn walk_on(&mut self, buckets_max: usize, gap: usize, image: &mut Image) -> Slice {
        let (table, tags, walk) = self.walked();
        let current = walk.as_mut().expect("it was begun and has not ended");
        if current.flushed.is_some() {
            let saved = current.take_saved(gap);
            return Slice { walked: Walked::Partly, saved, flushed: walk.take() };
        }
        let walked = current.slice(table, tags, buckets_max, image);
        let saved = current.take_saved(gap);
        if let Walked::Wholly = walked {
            table.freeze(false);
            *walk = None;
        }
        Slice { walked, saved, flushed: None }
    }

    fn end_walk(&mut self) -> Option<Box<Walk>> {
        let (table, _, walk) = self.walked();
        table.freeze(false);
        walk.take()
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
