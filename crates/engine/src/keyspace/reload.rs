//! Emptying a keyspace that is read back from the log.
//!
//! What must hold: those who watch or wait for keys are taken out first and put back at last, so that replaying the log
//! tells nobody of changes that happened long ago. Databases that had changed places lie in their own spaces afterwards,
//! and whoever waits follows; who watches knows a key by its database.

use super::part::Place;
use super::wait::{Waiter, Watch};
use super::{Held, Keyspace};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Who watches and waits in each shard.
pub(crate) struct Kept {
    watches: Vec<HashMap<Place, Vec<Arc<Watch>>>>,
    waiters: Vec<HashMap<Place, VecDeque<Arc<Waiter>>>>,
    spaces: Vec<u32>,
}

impl Keyspace {
    /// Takes all data out, and those who watch and wait; every database is its own space again. All shards must be held.
    pub(crate) fn empty(&self, held: &mut Held<'_>) -> Kept {
        let mut kept = Kept {
            watches: Vec::with_capacity(self.shards()),
            waiters: Vec::with_capacity(self.shards()),
            spaces: self.spaces.iter().map(|space| space.load(Relaxed)).collect(),
        };
        let mut discarded = self.discarded.lock();
        for shard in 0..self.shards() {
            let part = held.get(shard).expect("all shards are held");
            kept.watches.push(std::mem::take(&mut part.watches));
            kept.waiters.push(std::mem::take(&mut part.waiters));
            for index in self.all_databases().map(|db| self.space_of(db)) {
                discarded.extend(part.space_mut(index).map(|space| super::aside::Flushed::new(space.take())));
            }
        }
        for (space, index) in self.spaces.iter().zip(0..) {
            space.store(index, Relaxed);
        }
        kept
    }

    /// Puts them back.
    pub(crate) fn restore(&self, held: &mut Held<'_>, kept: Kept) {
        let moved = |(space, key): Place| {
            let db =
                kept.spaces.iter().position(|other| *other == space).expect("every space is a database's");
            (self.spaces[db].load(Relaxed), key)
        };
        for (shard, (watches, waiters)) in kept.watches.into_iter().zip(kept.waiters).enumerate() {
            let part = held.get(shard).expect("all shards are held");
            part.watches = watches;
            part.waiters = waiters.into_iter().map(|(place, waiters)| (moved(place), waiters)).collect();
        }
    }
}
