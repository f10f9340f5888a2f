//! Which key goes when memory is short.
//!
//! Owns the policies, and in each shard a hand that goes round its buckets and a small pool of the best candidates met so
//! far. A bucket is a cache line with some five keys that their hashes have thrown together, so it is as good a sample
//! as five keys drawn singly, for a fraction of the cost; and since the hand goes round, every key is looked at once
//! a round. Keys spread evenly over shards, so the best of one shard is nearly the best of all.
//!
//! What must hold: a candidate is only a hint. It is looked up again before it is taken, and one that was used meanwhile
//! is not taken; and no call looks at more than a bounded number of keys.
//!
//! Leaves out: when to evict, and the removal itself, which is a logged change like others.

mod lfu;
mod lru;
mod ttl;

use super::entry::{Entry, mark};
use super::item::Item as _;
use super::space::Space;
use crate::value::prefetch;

/// Candidates that a shard remembers.
const POOL: usize = 16;
/// Buckets, or entries of the order of expiry, visited in search of candidates for one eviction.
const VISITS_MAX: usize = 64;

/// What to remove when memory is short (`maxmemory-policy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Nothing: commands that may need memory are refused.
    #[default]
    NoEviction,
    /// The key that was not used for the longest time.
    AllkeysLru,
    /// The same, of those that expire.
    VolatileLru,
    /// The key that is used least often.
    AllkeysLfu,
    /// The same, of those that expire.
    VolatileLfu,
    /// Any key.
    AllkeysRandom,
    /// Any key that expires.
    VolatileRandom,
    /// The key that expires first.
    VolatileTtl,
}

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Recency,
    Frequency,
    Expiry,
    None,
}

impl Policy {
    /// All of them with their names in the configuration.
    pub const ALL: [(Self, &str); 8] = [
        (Self::NoEviction, "noeviction"),
        (Self::AllkeysLru, "allkeys-lru"),
        (Self::VolatileLru, "volatile-lru"),
        (Self::AllkeysLfu, "allkeys-lfu"),
        (Self::VolatileLfu, "volatile-lfu"),
        (Self::AllkeysRandom, "allkeys-random"),
        (Self::VolatileRandom, "volatile-random"),
        (Self::VolatileTtl, "volatile-ttl"),
    ];

    /// The policy of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(policy, _)| *policy)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(policy, _)| *policy == self).map_or("", |(_, name)| name)
    }

    /// Whether uses are counted instead of timed.
    #[must_use]
    pub fn counts_uses(self) -> bool {
        self.order() == Order::Frequency
    }

    fn only_volatile(self) -> bool {
        matches!(self, Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl)
    }

    fn order(self) -> Order {
        match self {
            Self::AllkeysLru | Self::VolatileLru => Order::Recency,
            Self::AllkeysLfu | Self::VolatileLfu => Order::Frequency,
            Self::VolatileTtl => Order::Expiry,
            Self::NoEviction | Self::AllkeysRandom | Self::VolatileRandom => Order::None,
        }
    }
}

/// The present, as far as the policies ask for it.
#[derive(Clone, Copy)]
pub(crate) struct Present {
    /// Unix time.
    pub(crate) now_ms: u64,
    /// Minutes after which the counter of uses shrinks by one; 0: never.
    pub(crate) decay_minutes: u32,
}

/// Time since `then` on a clock that is kept in so many bits. Who marks a key may be a little ahead of who looks at it, as each
/// takes the time once for many commands: such a key is used now, and not a whole turn of the clock ago.
#[inline]
pub(crate) fn elapsed(now: u64, then: u32, bits: u32) -> u64 {
    const AHEAD_MAX: u64 = 60;
    let turn = 1 << bits;
    let elapsed = now.wrapping_sub(u64::from(then)) & (turn - 1);
    if elapsed < turn - AHEAD_MAX { elapsed } else { 0 }
}

/// What is remembered of a candidate.
#[derive(Clone, Copy)]
struct Candidate {
    hash: u64,
    expire_at_ms: u64,
    access: u32,
    db: u32,
}

impl Candidate {
    /// The higher, the sooner it goes.
    fn rank(&self, order: Order, present: Present) -> u64 {
        match order {
            Order::Recency => lru::rank(self.access, present),
            Order::Frequency => lfu::rank(self.access, present),
            Order::Expiry => ttl::rank(self.expire_at_ms),
            Order::None => 0,
        }
    }

    fn is(&self, entry: &Entry, space: &Space) -> bool {
        entry.access() == self.access
            && entry.expire_at() == self.expire_at_ms
            && space.stable_hash(entry) == self.hash
    }
}

/// Where a shard stands in its search for what to evict.
#[derive(Default)]
pub(crate) struct Evictor {
    /// The next bucket.
    hand: usize,
    /// The place in the order of expiry that was visited last.
    after: (u64, u64),
    pool: Vec<Candidate>,
    /// What the pool was made for.
    policy: Policy,
}

impl Evictor {
    /// The key to evict next, put into `key`, and its database. `spaces` are the spaces of the shard by database; about
    /// `samples` keys of each are looked at. None if there is no key that the policy would remove.
    pub(crate) fn pick<'s>(
        &mut self,
        policy: Policy,
        spaces: &(impl Iterator<Item = (u32, &'s Space)> + Clone),
        samples: usize,
        present: Present,
        key: &mut Vec<u8>,
    ) -> Option<u32> {
        if self.policy != policy {
            (self.policy, self.pool) = (policy, Vec::new());
        }
        for (db, space) in spaces.clone() {
            if policy.only_volatile() {
                self.sample_volatile(db, space, samples, present);
            } else {
                self.sample_all(db, space, samples, present);
            }
        }
        self.hand = self.hand.wrapping_add(1);
        while let Some(candidate) = self.take_best(present) {
            let space = spaces.clone().find(|(db, _)| *db == candidate.db).map(|(_, space)| space);
            let entry = space
                .and_then(|space| space.table().find_by(candidate.hash, |entry| candidate.is(entry, space)));
            if let Some(entry) = entry {
                key.clear();
                key.extend_from_slice(entry.key());
                return Some(candidate.db);
            }
        }
        None
    }

    fn sample_all(&mut self, db: u32, space: &Space, samples: usize, present: Present) {
        let table = space.table();
        let (buckets, mut seen) = (table.buckets(), 0);
        for visit in 0..VISITS_MAX.min(buckets) {
            if seen >= samples {
                return;
            }
            if visit > 0 {
                self.hand = self.hand.wrapping_add(1);
            }
            let index = self.hand % buckets;
            table.items(index).for_each(|entry| prefetch::line(entry.address()));
            for entry in table.items(index) {
                seen += 1;
                self.consider(db, space, &entry, present);
            }
        }
    }

    fn sample_volatile(&mut self, db: u32, space: &Space, samples: usize, present: Present) {
        if space.expires() == 0 {
            return;
        }
        // The order of expiry is known: its beginning is what volatile-ttl looks for.
        let from = if self.policy.order() == Order::Expiry { (0, 0) } else { self.after };
        let mut seen = 0;
        for (at, hash) in space.due_from(from).take(VISITS_MAX) {
            self.after = (at, hash.wrapping_add(1));
            let same = |entry: &Entry| space.stable_hash(entry) == hash;
            // What is due may be a field of a hash that does not expire itself.
            let entry = space.table().find_by(hash, same).filter(|entry| entry.expire_at() != 0);
            if let Some(entry) = entry {
                seen += 1;
                self.consider(db, space, &entry, present);
            }
            if seen >= samples {
                return;
            }
        }
        // The end was reached, or only fields were met; the next search begins anew or goes on.
        if seen == 0 || space.due_from(self.after).next().is_none() {
            self.after = (0, 0);
        }
    }

    fn consider(&mut self, db: u32, space: &Space, entry: &Entry, present: Present) {
        if entry.has(mark::UNSETTLED | mark::SETTLING) || space.has_to_stay(entry) {
            return;
        }
        let order = self.policy.order();
        let mut candidate =
            Candidate { hash: 0, expire_at_ms: entry.expire_at(), access: entry.access(), db };
        let mut place = self.pool.len();
        if self.pool.len() == POOL {
            let rank = |at: usize| self.pool[at].rank(order, present);
            let worst = (0..POOL).min_by_key(|&at| rank(at)).expect("the pool is full");
            if rank(worst) >= candidate.rank(order, present) {
                return;
            }
            place = worst;
        }
        candidate.hash = space.stable_hash(entry);
        if self.pool.iter().any(|known| known.hash == candidate.hash && known.db == db) {
            return;
        }
        if place == self.pool.len() {
            self.pool.push(candidate);
        } else {
            self.pool[place] = candidate;
        }
    }

    fn take_best(&mut self, present: Present) -> Option<Candidate> {
        let order = self.policy.order();
        let best = (0..self.pool.len()).max_by_key(|&at| self.pool[at].rank(order, present))?;
        Some(self.pool.swap_remove(best))
    }
}
