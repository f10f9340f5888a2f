//! Replaying the log over a checkpoint: each shard takes the records past its own cut.
//!
//! What must hold: an effect reaches a shard if and only if its record comes after the shard's cut; an effect on a whole
//! database is applied shard by shard in the same way, so SWAPDB exchanges what the two databases hold in a shard and
//! leaves the map from databases to spaces as it is.

use super::{Held, Keyspace, Part};
use crate::effect::{Effect, Malformed, SYSTEM_DB};
use crate::value::Packing;

impl Keyspace {
    /// Applies record `lsn`. All shards must be held; `cuts` has for each shard the last record that it holds already.
    pub(crate) fn replay(
        &self,
        held: &mut Held<'_>,
        cuts: &[u64],
        lsn: u64,
        record: &[u8],
        packing: &Packing,
    ) -> Result<(), Malformed> {
        Effect::decode_all(record, |db, effect| {
            if !self.has(db) {
                return Err(Malformed);
            }
            let Some(key) = effect.key() else {
                return self.replay_whole(held, cuts, lsn, db, &effect);
            };
            let hash = self.hash(key);
            let shard = self.shard_of(hash);
            if lsn <= cuts[shard] {
                return Ok(());
            }
            let part = held.get(shard).expect("all shards are held");
            let space = self.space_in(shard, part, db);
            space.apply(hash, &effect, packing)?;
            drop(space.take_discarded());
            Ok(())
        })
    }

    fn replay_whole(
        &self,
        held: &mut Held<'_>,
        cuts: &[u64],
        lsn: u64,
        db: u32,
        effect: &Effect<'_>,
    ) -> Result<(), Malformed> {
        if db == SYSTEM_DB {
            return Err(Malformed);
        }
        for shard in (0..self.shards()).filter(|&shard| lsn > cuts[shard]) {
            let part = held.get(shard).expect("all shards are held");
            match *effect {
                Effect::Flush => drop(part.space_mut(self.space_of(db)).map(super::space::Space::take)),
                Effect::Swap { with } if with < self.databases() => self.swap_items(shard, part, db, with),
                _ => return Err(Malformed),
            }
        }
        Ok(())
    }

    /// Exchanges what two databases hold in one shard.
    fn swap_items(&self, shard: usize, part: &mut Part, db: u32, with: u32) {
        let spaces = [self.space_of(db), self.space_of(with)];
        if db == with || spaces.iter().all(|&space| part.space(space).is_none()) {
            return;
        }
        for db in [db, with] {
            self.space_in(shard, part, db);
        }
        let (low, high) = (spaces[0].min(spaces[1]), spaces[0].max(spaces[1]));
        if let Some((one, other)) = part.two_spaces(low, high) {
            one.swap_items(other);
        }
    }
}
