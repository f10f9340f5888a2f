//! Changes that do not come from commands but from the store: rows that others have written, changes that are given up, and
//! the rows of databases that were flushed.
//!
//! What must hold: the log knows of each before the store forgets it, so that a key which is read back from the log is not
//! taken for what the store has.

use super::{Caller, RECORD_OVERHEAD, Shards};
use crate::command::Fail;
use crate::effect::{Effect, SYSTEM_DB};
use crate::keyspace::Held;

/// The keys of the system entries that say up to which record a database was flushed begin so; its number follows.
pub(crate) const FLUSH_PREFIX: &[u8] = b"flush:";

/// What memory has of a key that is void.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Void {
    /// What it knows of the row.
    Row,
    /// The same, now that the change that was under way has settled.
    Settled,
    /// A change that has not.
    Change,
}

impl Shards {
    /// Somebody else has changed the row of a key: what memory knows of it is void, unless it is to be settled. Whoever watches
    /// the key is told.
    pub(crate) fn forget_row(&self, db: u32, key: &[u8]) -> Result<(), Fail> {
        self.void(db, key, Void::Row)
    }

    /// The same for one that has just settled, before or after that.
    pub(crate) fn forget_settled(&self, db: u32, key: &[u8]) -> Result<(), Fail> {
        self.void(db, key, Void::Settled)
    }

    fn void(&self, db: u32, key: &[u8], what: Void) -> Result<(), Fail> {
        let shard = self.keyspace.shard_of(self.keyspace.hash(key));
        let bytes = RECORD_OVERHEAD + key.len() as u64;
        self.reserve(bytes)?;
        let mut caller = Caller { db, ..Caller::default() };
        let held = Held::One(shard, self.keyspace.lock(shard));
        let mut ctx = self.context(&mut caller, held, None, bytes);
        if what == Void::Settled {
            ctx.settled(key);
        }
        ctx.forget(key, what == Void::Change);
        self.commit(ctx);
        Ok(())
    }

    /// The same for all keys of a database that begin so.
    pub(crate) fn forget_rows(&self, db: u32, prefix: &[u8]) -> Result<(), Fail> {
        // What was evicted may come back from the log: it is void, too.
        let entry = [b"forgotten:", db.to_string().as_bytes(), b":", prefix].concat();
        self.system_set(&entry, b"")?;
        for shard in 0..self.keyspace.shards() {
            let keys = {
                let mut part = self.keyspace.lock(shard);
                let space = part.space_mut(self.keyspace.space_of(db));
                space.map(|space| space.forget_all(prefix)).unwrap_or_default()
            };
            for key in keys {
                self.forget_row(db, &key)?;
            }
        }
        Ok(())
    }

    /// Drops all that is in memory, and only there.
    pub(crate) fn empty_memory(&self) -> Result<(), Fail> {
        let bytes = RECORD_OVERHEAD + 16 * u64::from(self.keyspace.databases());
        self.reserve(bytes)?;
        let mut caller = Caller::default();
        let mut ctx = self.context(&mut caller, self.keyspace.lock_all(), None, bytes);
        for db in 0..self.keyspace.databases() {
            ctx.in_db(db, |ctx| ctx.apply_whole(Effect::Flush));
        }
        self.commit(ctx);
        self.keyspace.reclaim();
        Ok(())
    }

    /// Gives up a change that has not settled: what the store has of the key counts.
    pub(crate) fn give_up_change(&self, db: u32, key: &[u8]) -> Result<(), Fail> {
        self.void(db, key, Void::Change)
    }

    /// The rows of a database up to this record are gone from the store.
    pub(crate) fn end_flush(&self, db: u32, lsn: u64) -> Result<(), Fail> {
        let key = flush_key(db);
        let bytes = RECORD_OVERHEAD + key.len() as u64;
        self.reserve(bytes)?;
        let shard = self.keyspace.shard_of(self.keyspace.hash(&key));
        let mut caller = Caller { db: SYSTEM_DB, ..Caller::default() };
        let held = Held::One(shard, self.keyspace.lock(shard));
        let mut ctx = self.context(&mut caller, held, None, bytes);
        // It may have been flushed again, which holds all shards.
        let mut flushes = self.behind.flushes.lock();
        if flushes.get(&db) == Some(&lsn) {
            flushes.remove(&db);
            ctx.apply(Effect::Delete { key: &key });
        }
        drop(flushes);
        self.commit(ctx);
        Ok(())
    }

    /// Reads back which databases were flushed and have still rows.
    pub(crate) fn recover_flushes(&self) {
        self.system_each(FLUSH_PREFIX, |key, value| {
            let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            if let (Some(db), Some(lsn)) = (number(&key[FLUSH_PREFIX.len()..]), number(value)) {
                self.behind.flushes.lock().insert(u32::try_from(db).unwrap_or(SYSTEM_DB), lsn);
            }
        });
    }
}

/// The system entry of a flush.
pub(crate) fn flush_key(db: u32) -> Vec<u8> {
    [FLUSH_PREFIX, db.to_string().as_bytes()].concat()
}
