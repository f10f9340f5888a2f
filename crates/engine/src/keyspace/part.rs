//! What one shard holds under its lock, and shards that are held.

use super::aside::Aside;
use super::eviction::{Evictor, Policy, Present};
use super::space::Space;
use super::wait::{Waiter, Watch};
use parking_lot::MutexGuard;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A key in a space, or in a database.
pub(crate) type Place = (u32, Box<[u8]>);

/// Names a key in a space, or in a database.
pub(crate) fn place(at: u32, key: &[u8]) -> Place {
    (at, key.into())
}

/// Everything in one shard.
#[derive(Default)]
pub(crate) struct Part {
    spaces: Vec<Option<Box<Space>>>,
    /// The highest LSN of a change to this shard.
    pub(crate) last_lsn: u64,
    /// The highest LSN of a change to the whole database.
    pub(crate) whole_lsn: u64,
    /// Keys whose last change may not be durable yet, by hash; kept only where replies wait for that.
    pub(crate) recent: HashMap<u64, u64, std::hash::BuildHasherDefault<Hashed>>,
    /// `recent` is swept when it has grown to this.
    pub(crate) recent_max: usize,
    /// Transactions to be told of a change, by database and key: who watches a key watches what its database's number
    /// means, also after `SWAPDB`.
    pub(crate) watches: HashMap<Place, Vec<Arc<Watch>>>,
    /// Blocked commands by space and key, in the order of their arrival.
    pub(crate) waiters: HashMap<Place, VecDeque<Arc<Waiter>>>,
    pub(crate) counts: Counts,
    evictor: Evictor,
}

/// What happened in one shard since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads that found a living key.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Keys that were removed because they had expired.
    pub expired_keys: u64,
    /// Fields that were removed because they had expired.
    pub expired_fields: u64,
    /// Keys that were removed because memory was short.
    pub evicted_keys: u64,
}

/// Keys and expiries of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseCounts {
    /// Keys, expired ones that still lie there included.
    pub keys: usize,
    /// Keys that expire.
    pub expires: usize,
    /// The sum of the times at which they expire, in Unix milliseconds.
    pub expire_sum_ms: u128,
    /// Keys with fields that expire.
    pub volatile_items: usize,
}

impl Counts {
    /// Adds the counts of another shard.
    pub(crate) fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired_keys += other.expired_keys;
        self.expired_fields += other.expired_fields;
        self.evicted_keys += other.evicted_keys;
    }
}

impl Part {
    /// A transaction no longer watches this key.
    pub(super) fn remove_watch(&mut self, place: &Place, watch: &Arc<Watch>) {
        if let Some(watches) = self.watches.get_mut(place) {
            watches.retain(|other| !Arc::ptr_eq(other, watch));
            if watches.is_empty() {
                self.watches.remove(place);
                give_back(&mut self.watches);
            }
        }
    }

    /// A blocked command waits for this key, behind those that do already.
    pub(crate) fn add_waiter(&mut self, place: Place, waiter: &Arc<Waiter>) {
        let queue = self.waiters.entry(place).or_default();
        // A key may be named twice.
        if queue.back().is_none_or(|last| !Arc::ptr_eq(last, waiter)) {
            queue.push_back(Arc::clone(waiter));
        }
    }

    /// It no longer does.
    pub(crate) fn remove_waiter(&mut self, place: &Place, waiter: &Arc<Waiter>) {
        let Some(queue) = self.waiters.get_mut(place) else { return };
        if queue.front().is_some_and(|first| Arc::ptr_eq(first, waiter)) {
            queue.pop_front();
        } else {
            queue.retain(|other| !Arc::ptr_eq(other, waiter));
        }
        if queue.is_empty() {
            self.waiters.remove(place);
            give_back(&mut self.waiters);
        }
    }

    /// Number of entries in all spaces.
    pub(crate) fn len(&self) -> usize {
        self.spaces.iter().flatten().map(|space| space.len()).sum()
    }

    #[inline]
    pub(crate) fn space(&self, index: u32) -> Option<&Space> {
        self.spaces.get(index as usize)?.as_deref()
    }

    #[inline]
    pub(crate) fn space_mut(&mut self, index: u32) -> Option<&mut Space> {
        self.spaces.get_mut(index as usize)?.as_deref_mut()
    }

    /// Two spaces, the first of which has the lower number; none if neither is there.
    pub(super) fn two_spaces(&mut self, low: u32, high: u32) -> Option<(&mut Space, &mut Space)> {
        let (head, tail) = self.spaces.split_at_mut_checked(high as usize)?;
        Some((head.get_mut(low as usize)?.as_deref_mut()?, tail.first_mut()?.as_deref_mut()?))
    }

    /// The key to evict next, put into `key`, and its database, see [`Evictor::pick`]. `spaces` says which space each
    /// database is.
    pub(crate) fn pick_victim(
        &mut self,
        policy: Policy,
        spaces: impl Iterator<Item = (u32, u32)> + Clone,
        samples: usize,
        present: Present,
        key: &mut Vec<u8>,
    ) -> Option<u32> {
        let part = &self.spaces;
        let filled = spaces.filter_map(|(db, index)| {
            let space = part.get(index as usize)?.as_deref()?;
            (space.len() != 0).then_some((db, space))
        });
        self.evictor.pick(policy, &filled, samples, present, key)
    }

    /// Those who wait for keys of one space wait for the same keys of the other, and the other way round.
    pub(super) fn swap_waiters(&mut self, one: u32, other: u32) {
        if self.waiters.is_empty() {
            return;
        }
        let swapped = std::mem::take(&mut self.waiters).into_iter().map(|((space, key), queue)| {
            let space = if space == one {
                other
            } else if space == other {
                one
            } else {
                space
            };
            ((space, key), queue)
        });
        self.waiters = swapped.collect();
    }

    /// The large values that were deleted here.
    pub(super) fn take_discarded(&mut self) -> Vec<Aside> {
        self.spaces
            .iter_mut()
            .flatten()
            .map(|space| space.take_discarded())
            .filter(|aside| !aside.is_empty())
            .collect()
    }

    /// A space to read from, and the counts to note it in.
    #[inline]
    pub(crate) fn space_and_counts(&mut self, index: u32) -> (Option<&mut Space>, &mut Counts) {
        (self.spaces.get_mut(index as usize).and_then(Option::as_deref_mut), &mut self.counts)
    }

    /// The space, made if it is not there yet.
    #[inline]
    pub(super) fn space_or_new(&mut self, index: u32, make: impl FnOnce() -> Space) -> &mut Space {
        let index = index as usize;
        if self.spaces.len() <= index {
            self.spaces.resize_with(index + 1, || None);
        }
        self.spaces[index].get_or_insert_with(|| Box::new(make()))
    }

    /// Tells those who watch this key of a database that it has changed.
    #[inline]
    pub(crate) fn raise_watches(&mut self, db: u32, key: &[u8]) {
        if !self.watches.is_empty()
            && let Some(watches) = self.watches.get(&place(db, key))
        {
            watches.iter().for_each(|watch| watch.raise());
        }
    }
}

/// Places that an empty map keeps room for.
const PLACES_KEPT_MAX: usize = 64;

/// Gives back the memory of a map that was large and is empty.
fn give_back<T>(map: &mut HashMap<Place, T>) {
    if map.is_empty() && map.capacity() > PLACES_KEPT_MAX {
        *map = HashMap::new();
    }
}

/// The map's keys are hashes already.
#[derive(Default)]
pub(crate) struct Hashed(u64);

impl std::hash::Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed with it")
    }
    fn write_u64(&mut self, hash: u64) {
        // The low bits are the same for all keys of a shard.
        self.0 = hash.rotate_right(16);
    }
}

/// Shards that are held: none, one, or several in the order of their indices.
pub(crate) enum Held<'a> {
    /// None: the command locks what it needs, one at a time.
    None,
    /// One shard.
    One(usize, MutexGuard<'a, Part>),
    /// Several or all.
    Many(Vec<(usize, MutexGuard<'a, Part>)>),
}

impl Held<'_> {
    /// All shards that are held, with their indices.
    pub(super) fn all(&mut self) -> Vec<(usize, &mut Part)> {
        match self {
            Held::None => Vec::new(),
            Held::One(index, part) => vec![(*index, part)],
            Held::Many(parts) => parts.iter_mut().map(|(index, part)| (*index, &mut **part)).collect(),
        }
    }

    /// A held shard; none if it is not held.
    #[inline]
    pub(crate) fn get(&mut self, shard: usize) -> Option<&mut Part> {
        match self {
            Held::None => None,
            Held::One(index, part) => (*index == shard).then_some(part),
            Held::Many(parts) => {
                // All shards held: the index is the position.
                if let Some((index, _)) = parts.get(shard)
                    && *index == shard
                {
                    return parts.get_mut(shard).map(|(_, part)| &mut **part);
                }
                let at = parts.binary_search_by_key(&shard, |(index, _)| *index).ok()?;
                Some(&mut parts[at].1)
            }
        }
    }
}
