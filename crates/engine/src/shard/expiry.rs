//! The end of what has expired, when nobody writes to it: by the sweeper, and where a reader wants it gone.
//!
//! What must hold: it goes by a record of its own, under the lock of its shard; without room in the log it stays, and is
//! nobody's to see.

use super::{Caller, Shards, space_to_remove};
use crate::keyspace::Held;
use crate::keyspace::changes::Cause;
use crate::keyspace::item::Item as _;

impl Shards {
    /// Removes what has expired in one shard, at most `keys_max` entries. Returns how many it looked at.
    pub(crate) fn sweep(&self, caller: &mut Caller, shard: usize, keys_max: usize) -> usize {
        self.keyspace.reclaim_values(shard);
        let mut swept = 0;
        caller.db = 0;
        while swept < keys_max {
            let part = self.keyspace.lock(shard);
            let first_due = |db| {
                let entry = part.space(self.keyspace.space_of(db))?.first_due(caller.now_ms)?;
                Some((db, entry))
            };
            let Some((db, entry)) = (caller.db..self.keyspace.databases()).find_map(first_due) else { break };
            let key: Box<[u8]> = entry.key().into();
            let bytes = space_to_remove(&key, &entry);
            caller.db = db;
            if !self.claim_expired(caller, Held::One(shard, part), &key, bytes) {
                break;
            }
            swept += 1;
        }
        swept
    }

    /// Removes a key of the selected database, if it has expired and the log has room for that.
    pub(crate) fn remove_expired(&self, caller: &mut Caller, key: &[u8]) {
        let hash = self.keyspace.hash(key);
        let shard = self.keyspace.shard_of(hash);
        let part = self.keyspace.lock(shard);
        let space = part.space(self.keyspace.space_of(caller.db));
        if let Some(entry) = space.and_then(|space| space.get(hash, key)) {
            let bytes = space_to_remove(key, &entry);
            self.claim_expired(caller, Held::One(shard, part), key, bytes);
        }
    }

    /// Removes what has expired of a key, by a record of its own; false without room for it.
    fn claim_expired<'a>(&'a self, caller: &'a mut Caller, held: Held<'a>, key: &[u8], bytes: u64) -> bool {
        if self.reserve(bytes).is_err() {
            return false;
        }
        let mut ctx = self.context(caller, held, None, bytes);
        ctx.scratch.cause = Cause::Expiry;
        ctx.claim_expired(key);
        self.commit(ctx);
        true
    }
}
