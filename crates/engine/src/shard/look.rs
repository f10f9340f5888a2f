//! The short way of a read: one key that is in memory, short, alive, and not compressed.
//!
//! What must hold: what is answered here is what the command would have answered, hits, access clocks and the LSN that the answer
//! depends on included; everything else is left to the command. `visit` runs under the lock of a shard.

use super::Shards;
use crate::command::recent_key;
use crate::keyspace::entry::View;
use crate::log::Lsn;
use crate::value::Value;
use std::sync::atomic::Ordering::Relaxed;

/// A value that is looked at where it lies.
#[derive(Clone, Copy, Debug)]
pub enum Glance<'a> {
    /// The bytes of a string.
    Text(&'a [u8]),
    /// The bytes of JSON, in its form ([`crate::value::json`]).
    Json(&'a [u8]),
}

impl Shards {
    /// What `visit` makes of the value of a key, and the LSN that it depends on. None: it has to be asked for by a command.
    /// `latest_ms` is a time that has been seen; `now_ms` gives the time if the key may have expired.
    #[inline]
    pub(crate) fn look<R>(
        &self,
        db: u32,
        key: &[u8],
        latest_ms: u64,
        now_ms: impl FnOnce() -> u64,
        visit: impl FnOnce(Glance<'_>) -> Option<R>,
    ) -> Option<(R, Lsn)> {
        let hash = self.keyspace.hash(key);
        let index = self.keyspace.space_of(db);
        let mut part = self.keyspace.lock(self.keyspace.shard_of(hash));
        let lsn = if self.tracks.load(Relaxed) {
            part.recent.get(&recent_key(index, hash)).copied().unwrap_or(0).max(part.whole_lsn)
        } else {
            part.last_lsn
        };
        let (space, counts) = part.space_and_counts(index);
        let mut entry = space?.touch(hash, key)?;
        if entry.expire_at() != 0 && !entry.is_alive(now_ms()) {
            return None;
        }
        let seen = match entry.view() {
            View::Str(text) => visit(Glance::Text(text)),
            View::Json(document) => visit(Glance::Json(&document[1..])),
            View::Value(Value::Str(text)) => visit(Glance::Text(text)),
            View::Value(Value::Json(json)) => visit(Glance::Json(json.bytes())),
            View::Value(_) | View::Compressed(_) => None,
        }?;
        counts.hits += 1;
        self.settings.access_clock(latest_ms).mark(&mut entry);
        Some((seen, lsn))
    }
}
