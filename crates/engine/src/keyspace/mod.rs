//! The keyspace: entries in tables in shards.
//!
//! Owns where a key lies (its shard and database), the locks of the shards, and what else a shard keeps beside its
//! entries. What must hold: locks of several shards are taken in the order of their indices; a database number is mapped
//! to a space only under a shard's lock (SWAPDB changes the map with all locks held). Knows no commands and no log.

pub(crate) mod account;
pub(crate) mod apply;
mod aside;
#[expect(unsafe_code, reason = "a bucket owns what has spilled from it by its address")]
mod bucket;
mod catalog;
pub(crate) mod changes;
pub(crate) mod compression;
#[expect(unsafe_code, reason = "its segments are allocated, addressed and freed by hand")]
mod directory;
#[expect(unsafe_code, reason = "one allocation holds header, key and value")]
pub(crate) mod entry;
pub(crate) mod eviction;
mod expiry;
pub(crate) mod hash;
pub(crate) mod image;
pub(crate) mod index;
#[expect(unsafe_code, reason = "items are lent by their pointers")]
pub(crate) mod item;
mod part;
mod ready;
pub(crate) mod records;
mod reload;
mod replay;
pub(crate) mod settling;
pub(crate) mod space;
#[expect(unsafe_code, reason = "one allocation of as many words as there are")]
mod spill;
#[expect(unsafe_code, reason = "buckets are reached, and hold their items, by raw pointers")]
pub(crate) mod table;
pub(crate) mod tags;
pub(crate) mod wait;
pub(crate) mod walk;

pub use part::{Counts, DatabaseCounts};
pub(crate) use part::{Held, Part, place};

use self::directory::Directory;
use self::entry::{EntryRef, View};
use self::hash::{StableHash, stir};
use self::table::TableHash;
use self::wait::Watch;
use crate::effect::{Effect, RECORDS_DB as DATABASE, SYSTEM_DB};
use crate::reply::Parts;
use crate::value::Value;
use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Entries of a flushed space that are freed on the spot: putting them aside would take longer.
const DROPPED_AT_ONCE_MAX: usize = 32;

/// All shards of a database folder.
pub(crate) struct Keyspace {
    shards: Box<[Shard]>,
    stable: StableHash,
    /// The seed from which the tables' own seeds are drawn.
    seed: u64,
    /// Random numbers drawn so far.
    draws: AtomicU64,
    /// Which space a database number means. The one after all of these is that of [`SYSTEM_DB`].
    spaces: Box<[AtomicU32]>,
    /// What was flushed and is still to be freed.
    discarded: Mutex<Vec<aside::Flushed>>,
    /// What was put aside by others and is still to be freed.
    answered: Mutex<Vec<Box<dyn Parts>>>,
    /// How values are compressed.
    pub(crate) compression: compression::Compression,
    /// What is unsettled in all spaces, if there is a store behind.
    unsettled: Option<Arc<settling::Totals>>,
    catalog: catalog::Catalog,
    /// What indexes had and is still to be freed.
    cleared: Mutex<Vec<Box<dyn Send>>>,
    /// What the entries take, if that is counted.
    account: Option<Arc<account::Account>>,
    /// What has changed lately, while somebody asks for it.
    pub(crate) changes: changes::Changes,
}

/// One shard, on cache lines of its own.
#[repr(align(128))]
struct Shard {
    part: Mutex<Part>,
    /// Where the buckets of each space lie, for prefetching without the lock.
    directories: Box<[OnceLock<Arc<Directory>>]>,
}

impl Keyspace {
    /// An empty keyspace. `shards` must be a power of two; `stable_seed` comes from the manifest, `seed` is random.
    pub(crate) fn new(shards: usize, databases: u32, stable_seed: u64, seed: u64) -> Self {
        assert!(shards.is_power_of_two(), "the shard count is a power of two");
        let shard = |_| Shard {
            part: Mutex::new(Part::default()),
            directories: (0..=databases).map(|_| OnceLock::new()).collect(),
        };
        Self {
            shards: (0..shards).map(shard).collect(),
            stable: StableHash::new(stable_seed),
            seed,
            draws: AtomicU64::new(0),
            spaces: (0..databases).map(AtomicU32::new).collect(),
            discarded: Mutex::default(),
            answered: Mutex::default(),
            compression: compression::Compression::default(),
            unsettled: None,
            catalog: catalog::Catalog::default(),
            cleared: Mutex::default(),
            account: None,
            changes: changes::Changes::default(),
        }
    }

    /// A store is behind from now on; there must be no keys yet.
    pub(crate) fn settle(&mut self) {
        self.unsettled = Some(Arc::default());
    }

    /// There are limits from now on, of keys and of bytes (0: none), or there may be some later; there must be no keys yet.
    pub(crate) fn limit(&mut self, keys_max: u64, bytes_max: u64, counts: bool) {
        if keys_max != 0 || bytes_max != 0 || counts {
            self.account = Some(Arc::new(account::Account::new(keys_max, bytes_max)));
        }
    }

    /// What the entries take, where that is counted.
    #[inline]
    pub(crate) fn account(&self) -> Option<&account::Account> {
        self.account.as_deref()
    }

    /// What is unsettled in all spaces; none without a store.
    #[inline]
    pub(crate) fn unsettled(&self) -> Option<&Arc<settling::Totals>> {
        self.unsettled.as_ref()
    }

    /// A random number to pick keys, fields and elements by: the seed's own sequence (Steele et al., SplitMix64).
    pub(crate) fn random(&self) -> u64 {
        let drawn = self.draws.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
        let mixed = self.seed.wrapping_add(drawn);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// Number of shards.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Number of databases.
    pub(crate) fn databases(&self) -> u32 {
        u32::try_from(self.spaces.len()).expect("it was made from a u32")
    }

    /// The stable hash of a key.
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        self.stable.of(key)
    }

    /// The shard of a key with this hash.
    #[inline]
    pub(crate) fn shard_of(&self, hash: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
        let low = hash as usize;
        low & (self.shards.len() - 1)
    }

    /// Locks one shard.
    #[inline]
    pub(crate) fn lock(&self, shard: usize) -> MutexGuard<'_, Part> {
        self.shards[shard].part.lock()
    }

    /// Locks these shards; they must be in order and without repetition.
    pub(crate) fn lock_many(&self, shards: &[usize]) -> Held<'_> {
        debug_assert!(shards.is_sorted_by(|a, b| a < b));
        Held::Many(shards.iter().map(|&shard| (shard, self.lock(shard))).collect())
    }

    /// Locks all shards.
    pub(crate) fn lock_all(&self) -> Held<'_> {
        Held::Many((0..self.shards.len()).map(|shard| (shard, self.lock(shard))).collect())
    }

    /// The space that a database number means. Stable only under a shard's lock.
    #[inline]
    pub(crate) fn space_of(&self, db: u32) -> u32 {
        match self.spaces.get(db as usize) {
            Some(space) => space.load(Relaxed),
            None => self.system_space(db),
        }
    }

    #[cold]
    fn system_space(&self, db: u32) -> u32 {
        assert_eq!(db, SYSTEM_DB, "a database that can be selected has a space");
        self.databases()
    }

    /// True for a number that effects may name: of a database that can be selected, or the system's.
    pub(crate) fn has(&self, db: u32) -> bool {
        db < self.databases() || db == SYSTEM_DB
    }

    /// The numbers of all databases that have data, the system's last.
    pub(crate) fn all_databases(&self) -> impl Iterator<Item = u32> + use<> {
        (0..self.databases()).chain([SYSTEM_DB])
    }

    /// Makes two databases change places. All shards must be locked.
    pub(crate) fn swap(&self, db: u32, with: u32) {
        let other = self.spaces[with as usize].load(Relaxed);
        let one = self.spaces[db as usize].swap(other, Relaxed);
        self.spaces[with as usize].store(one, Relaxed);
    }

    /// Applies a database-wide effect. All shards must be held.
    pub(crate) fn apply_whole(&self, held: &mut Held<'_>, db: u32, effect: &Effect<'_>) {
        if let Effect::Swap { with } = *effect
            && with < self.databases()
        {
            let both = [self.space_of(db), self.space_of(with)];
            self.raise_present(held, db, &both);
            self.raise_present(held, with, &both);
            self.swap(db, with);
            let spaces = (self.space_of(db), self.space_of(with));
            for shard in 0..self.shards() {
                held.get(shard).expect("all shards are held").swap_waiters(spaces.0, spaces.1);
            }
            if db == DATABASE || with == DATABASE {
                self.begin_indexes_anew(held, true);
            }
        }
        if let Effect::Flush = effect {
            self.raise_present(held, db, &[self.space_of(db)]);
            let mut discarded = self.discarded.lock();
            for shard in 0..self.shards() {
                let part = held.get(shard).expect("all shards are held");
                if let Some(space) = part.space_mut(self.space_of(db)) {
                    let old = space.take();
                    if old.len() > DROPPED_AT_ONCE_MAX {
                        discarded.push(aside::Flushed::new(old));
                    }
                }
            }
            if db == DATABASE {
                self.begin_indexes_anew(held, false);
            }
        }
    }

    /// Takes an answer that may hold the last of a large value, to be freed by [`Keyspace::reclaim`].
    pub(crate) fn put_aside(&self, answer: Box<dyn Parts>) {
        self.answered.lock().push(answer);
    }

    /// Frees what was flushed or put aside. Needs no shard.
    pub(crate) fn reclaim(&self) {
        let discarded = std::mem::take(&mut *self.discarded.lock());
        let answered = std::mem::take(&mut *self.answered.lock());
        let cleared = std::mem::take(&mut *self.cleared.lock());
        drop((discarded, answered, cleared));
    }

    /// Frees the large values that were deleted from a shard, which is locked only to take them.
    pub(crate) fn reclaim_values(&self, shard: usize) {
        let discarded = self.lock(shard).take_discarded();
        drop(discarded);
    }

    /// Tells all transactions that watch a key of this database, if the key is in one of these spaces.
    fn raise_present(&self, held: &mut Held<'_>, db: u32, spaces: &[u32]) {
        for shard in 0..self.shards() {
            let part = &*held.get(shard).expect("all shards are held");
            for ((_, key), watches) in part.watches.iter().filter(|((at, _), _)| *at == db) {
                let hash = self.hash(key);
                let in_space =
                    |space: &u32| part.space(*space).is_some_and(|space| space.get(hash, key).is_some());
                if spaces.iter().any(in_space) {
                    watches.iter().for_each(|watch| watch.raise());
                }
            }
        }
    }

    /// Whether any key has tags.
    pub(crate) fn has_tags(&self) -> bool {
        let has_tags = |db| {
            (0..self.shards()).any(|shard| {
                self.lock(shard).space(self.space_of(db)).is_some_and(|space| space.tags().is_some())
            })
        };
        (0..self.databases()).any(has_tags)
    }

    /// Counts of all shards, summed up.
    pub(crate) fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for shard in 0..self.shards() {
            sum.add(&self.lock(shard).counts);
        }
        sum
    }

    /// Sets all counts to zero.
    pub(crate) fn reset_counts(&self) {
        (0..self.shards()).for_each(|shard| self.lock(shard).counts = Counts::default());
    }

    /// Keys and expiries of one database.
    pub(crate) fn database_counts(&self, db: u32) -> DatabaseCounts {
        let mut sum = DatabaseCounts::default();
        for shard in 0..self.shards() {
            if let Some(space) = self.lock(shard).space(self.space_of(db)) {
                sum.keys += space.len();
                sum.expires += space.expires();
                sum.expire_sum_ms += space.expire_sum_ms();
                sum.volatile_items += space.volatile_items();
            }
        }
        sum
    }

    /// What is compressed in all databases.
    pub(crate) fn compressed(&self) -> space::Saved {
        let mut sum = space::Saved::default();
        for shard in 0..self.shards() {
            let part = self.lock(shard);
            for space in self.all_databases().filter_map(|db| part.space(self.space_of(db))) {
                sum.add(space.compressed());
            }
        }
        sum
    }

    /// Whether a key is there and has not expired.
    pub(crate) fn exists(&self, db: u32, now_ms: u64, key: &[u8]) -> bool {
        self.is_alive(db, now_ms, key).unwrap_or(false)
    }

    /// Whether a key has expired and still lies there.
    pub(crate) fn lies_expired(&self, db: u32, now_ms: u64, key: &[u8]) -> bool {
        self.is_alive(db, now_ms, key) == Some(false)
    }

    fn is_alive(&self, db: u32, now_ms: u64, key: &[u8]) -> Option<bool> {
        let hash = self.hash(key);
        let part = self.lock(self.shard_of(hash));
        Some(part.space(self.space_of(db))?.get(hash, key)?.is_alive(now_ms))
    }

    /// Raises `watch` at the next change of this key. Returns whether it exists.
    pub(crate) fn watch(&self, db: u32, now_ms: u64, key: &[u8], watch: &Arc<Watch>) -> bool {
        let hash = self.hash(key);
        let mut part = self.lock(self.shard_of(hash));
        part.watches.entry(place(db, key)).or_default().push(Arc::clone(watch));
        let entry = part.space(self.space_of(db)).and_then(|space| space.get(hash, key));
        entry.is_some_and(|entry| entry.is_alive(now_ms))
    }

    /// Ends that.
    pub(crate) fn unwatch(&self, db: u32, key: &[u8], watch: &Arc<Watch>) {
        self.lock(self.shard_of(self.hash(key))).remove_watch(&place(db, key), watch);
    }

    /// Prefetching for keys of this database.
    #[inline]
    pub(crate) fn prefetch(&self, db: u32) -> Prefetch<'_> {
        Prefetch { keyspace: self, space: self.space_of(db) }
    }

    /// The space in a locked shard, made if it is not there yet.
    #[inline]
    pub(crate) fn space_in<'a>(&self, shard: usize, part: &'a mut Part, db: u32) -> &'a mut space::Space {
        let index = self.space_of(db);
        part.space_or_new(index, || {
            let mut space =
                space::Space::new(TableHash { stable: self.stable, seed: self.table_seed(shard) });
            if db != SYSTEM_DB
                && let Some(totals) = &self.unsettled
            {
                space.settle_with(settling::Settling::new(Arc::clone(totals)));
            }
            if db != SYSTEM_DB
                && let Some(account) = &self.account
            {
                space.count_with(account::Share::new(Arc::clone(account)));
            }
            // Set once: a space keeps its directory for ever.
            let _ = self.shards[shard].directories[index as usize].set(space.directory());
            space
        })
    }

    #[inline]
    fn table_seed(&self, shard: usize) -> u64 {
        self.seed.wrapping_add(shard as u64)
    }
}

/// Hints to the processor about the keys of one database. A wrong hint, after SWAPDB say, is a useless one.
#[derive(Clone, Copy)]
pub struct Prefetch<'a> {
    keyspace: &'a Keyspace,
    space: u32,
}

impl Prefetch<'_> {
    /// The bucket of the key with this hash is about to be read. Takes no lock.
    #[inline]
    pub fn bucket(&self, hash: u64) {
        let shard = self.keyspace.shard_of(hash);
        if let Some(directory) = self.keyspace.shards[shard].directories[self.space as usize].get() {
            directory.prefetch(stir(hash, self.keyspace.table_seed(shard)));
        }
    }

    /// These fields of the key with this hash are about to be read, if it holds a large hash. The entry should have been
    /// fetched.
    pub fn fields<'n>(&self, hash: u64, key: &[u8], fields: impl Iterator<Item = &'n [u8]>) {
        let part = self.keyspace.lock(self.keyspace.shard_of(hash));
        let entry = part.space(self.space).and_then(|space| space.get(hash, key));
        if let Some(View::Value(Value::Hash(value))) = entry.map(EntryRef::view) {
            value.prefetch(fields);
        }
    }

    /// The entry of the key with this hash is about to be read. Its bucket should have been fetched. True if it lies
    /// further away than others: then [`Prefetch::far_entry`] some time later.
    #[inline]
    #[must_use]
    pub fn entry(&self, hash: u64) -> bool {
        let part = self.keyspace.lock(self.keyspace.shard_of(hash));
        part.space(self.space).is_some_and(|space| space.table().prefetch_item(hash))
    }

    /// The entry of a key of which [`Prefetch::entry`] has said that it lies further away.
    #[inline]
    pub fn far_entry(&self, hash: u64) {
        let part = self.keyspace.lock(self.keyspace.shard_of(hash));
        if let Some(space) = part.space(self.space) {
            space.table().prefetch_spilled(hash);
        }
    }
}
