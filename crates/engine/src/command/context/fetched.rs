//! What the log has to be told of keys that come from a store.
//!
//! What must hold: whatever the log says of a key, it says enough to be read back without the store: the first change of what
//! was fetched is there as the whole value, its tags included. The room for that has been reserved
//! ([`Ctx::reserve_for_fetched`]).

use super::{Ctx, LargePut};
use crate::effect::Effect;
use crate::keyspace::entry::{View, mark};
use crate::value::{Kind, LONG_BYTES_MIN, codec};

impl Ctx<'_> {
    /// Says that a key was gone, if it has come to be where the store had nothing. The log may know a value of it that was
    /// evicted and has been gone from the store since, because it had expired or others have removed it: what follows must
    /// not be added to that.
    pub(super) fn log_absent(&mut self, key: &[u8], hash: u64, shard: usize) {
        let part = self.held.get(shard).expect("the shard of a key that was changed is held");
        let space = part.space(self.keyspace.space_of(self.db));
        if space.is_some_and(|space| space.is_known_absent(key) && space.get(hash, key).is_some()) {
            Effect::Delete { key }.encode(self.db, &mut self.scratch.record);
        }
    }

    /// Writes the tags of a key into the record, if the key came from the store with them and the log knows nothing of them.
    #[cold]
    pub(super) fn log_tags(&mut self, key: &[u8], hash: u64, shard: usize) {
        let part = self.held.get(shard).expect("the shard of a key that was changed is held");
        let space = part.space_mut(self.keyspace.space_of(self.db));
        if let Some(tags) = space.and_then(|space| space.log_tags(hash, key)) {
            let tags: Vec<&[u8]> = tags.iter().map(|tag| &**tag).collect();
            Effect::TagSet { key, tags: &tags }.encode(self.db, &mut self.scratch.record);
        }
    }

    /// Writes a whole value into the record, if the key came from the store and has changed for the first time: the log knows
    /// nothing of it. The room for it has been reserved.
    #[cold]
    pub(super) fn log_whole(&mut self, key: &[u8], hash: u64, shard: usize) {
        let (db, index) = (self.db, self.keyspace.space_of(self.db));
        let part = self.held.get(shard).expect("the shard of a key that was changed is held");
        let Some(space) = part.space_mut(index) else { return };
        let stamp = space.stamp(key);
        let Some(entry) = space.touch(hash, key) else { return };
        let expire_at_ms = entry.expire_at();
        match entry.view() {
            View::Value(value)
                if value.heap_bytes() > LONG_BYTES_MIN && key.len() <= LargePut::KEY_BYTES_MAX =>
            {
                let (at, value) = (self.scratch.record.len(), value.share());
                self.scratch.large.push(LargePut { at, db, key: key.into(), value, expire_at_ms });
            }
            View::Json(value) => {
                let kind = codec::tag::JSON;
                Effect::Put { key, kind, value, expire_at_ms }.encode(db, &mut self.scratch.record);
            }
            View::Compressed(value) => {
                let (kind, value) = (codec::tag::COMPRESSED, value.bytes());
                Effect::Put { key, kind, value, expire_at_ms }.encode(db, &mut self.scratch.record);
            }
            View::Value(value) if value.kind() != Kind::Str => {
                let mut encoded = Vec::new();
                let kind = codec::encode(value, &mut encoded);
                Effect::Put { key, kind, value: &encoded, expire_at_ms }.encode(db, &mut self.scratch.record);
            }
            _ => {
                let text = entry.str().map(|text| text.whole().into_owned()).unwrap_or_default();
                let effect = Effect::SetString { key, value: &text, expire_at_ms };
                effect.encode(db, &mut self.scratch.record);
            }
        }
        if let Some(stamp) = stamp {
            Effect::Stored { key, stamp }.encode(db, &mut self.scratch.record);
        }
    }

    /// As [`Ctx::log_whole`]; false if the log knows the key.
    #[inline]
    pub(super) fn log_fetched(&mut self, key: &[u8], hash: u64, shard: usize) -> bool {
        let index = self.keyspace.space_of(self.db);
        let part = self.held.get(shard).expect("the shard of a key that was changed is held");
        let entry = part.space(index).and_then(|space| space.get(hash, key));
        let fetched = entry.is_some_and(|entry| entry.has(mark::FETCHED));
        if fetched {
            self.log_whole(key, hash, shard);
        }
        fetched
    }
}
