//! What expires when, in one database of one shard.
//!
//! Owns an ordered set of (time, hash of the key): exactly one pair for each entry that has something to expire, at the
//! earliest time of the key's own expiry and its fields'. The sweeper reads its front; nothing is sampled or guessed, so an
//! expired key leaves within one period of the sweeper.

use std::collections::BTreeSet;

/// The times at which entries have something to expire.
#[derive(Default)]
pub(crate) struct Expiry {
    due: BTreeSet<(u64, u64)>,
}

impl Expiry {
    /// Adds what is due for many entries at once; 0 is not among the times.
    pub(crate) fn load(&mut self, mut due: Vec<(u64, u64)>) {
        if self.due.is_empty() {
            due.sort_unstable();
            self.due = BTreeSet::from_iter(due);
        } else {
            self.due.extend(due);
        }
    }

    /// Notes that what is due for this entry moved from one time to another; 0 is never.
    #[inline]
    pub(crate) fn moved(&mut self, hash: u64, from_ms: u64, to_ms: u64) {
        if from_ms == to_ms {
            return;
        }
        if from_ms != 0 {
            self.due.remove(&(from_ms, hash));
        }
        if to_ms != 0 {
            self.due.insert((to_ms, hash));
        }
    }

    /// The hash of an entry that was due before `now_ms`.
    pub(crate) fn first_due(&self, now_ms: u64) -> Option<u64> {
        self.due.first().filter(|(at, _)| *at < now_ms).map(|(_, hash)| *hash)
    }

    /// Times and hashes of entries, in order from this pair on.
    pub(crate) fn from(&self, pair: (u64, u64)) -> impl Iterator<Item = (u64, u64)> {
        self.due.range(pair..).copied()
    }

    /// The hashes of all entries that were due before `now_ms`.
    pub(crate) fn due(&self, now_ms: u64) -> impl Iterator<Item = u64> {
        self.due.range(..(now_ms, 0)).map(|(_, hash)| *hash)
    }
}
