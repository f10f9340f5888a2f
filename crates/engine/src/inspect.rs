//! Looking into an open database without commands: for digests, memory reports and the test of reading itself back.
//!
//! What must hold: looking leaves no trace in access clocks, counts or log; expired keys are not shown; a reload changes
//! nothing unless the whole log was read first, and those who watch or wait for keys are kept.

use crate::checkpoint::{self, Reader};
use crate::command::object_of;
use crate::db::Database;
use crate::effect::{Effect, Malformed};
use crate::error::{Error, ErrorKind};
use crate::keyspace::entry::{EntryRef, View};
use crate::keyspace::item::Item as _;
use crate::keyspace::space::Space;
use crate::log::{self, Needed};
use crate::manifest::Manifest;
use crate::rdb::Encoder;
use crate::value::hash::Hash;
use crate::value::json::Json;
use crate::value::list::List;
use crate::value::{Kind, Value, codec};
use std::borrow::Cow;

/// A key and what it holds, seen under the lock of its shard.
pub struct Seen<'a> {
    entry: EntryRef<'a>,
    space: &'a Space,
}

/// The value of a key, to read.
pub enum Content<'a> {
    /// Bytes.
    Str(Cow<'a, [u8]>),
    /// A sequence of byte strings.
    List(&'a List),
    /// Fields with values; they may have expired.
    Hash(&'a Hash),
    /// JSON.
    Json(Cow<'a, Json>),
}

impl Seen<'_> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.entry.key()
    }

    /// What it holds.
    #[must_use]
    pub fn content(&self) -> Content<'_> {
        match self.entry.view() {
            View::Compressed(value) if value.kind() == Kind::Json => Content::Json(Cow::Owned(value.json())),
            View::Compressed(value) => Content::Str(Cow::Owned(value.raw())),
            View::Str(text) => Content::Str(Cow::Borrowed(text)),
            View::Json(document) => Content::Json(Cow::Owned(Json::from_made(&document[1..]))),
            View::Value(Value::Str(text)) => Content::Str(Cow::Borrowed(text)),
            View::Value(Value::Long(long)) => Content::Str(long.whole()),
            View::Value(Value::List(list)) => Content::List(list),
            View::Value(Value::Hash(hash)) => Content::Hash(hash),
            View::Value(Value::Json(json)) => Content::Json(Cow::Borrowed(json)),
            View::Value(Value::Compressed(_)) => unreachable!("a view of it says what it is"),
        }
    }

    /// Appends what it holds as an object of the RDB format, and gives its type; none for JSON, which the format does not have.
    pub fn put_object(&self, encoder: Encoder, now_ms: u64, out: &mut Vec<u8>) -> Option<u8> {
        object_of(&self.entry, encoder, now_ms, out)
    }

    /// Its tags, in no order.
    pub fn tags(&self) -> impl Iterator<Item = &[u8]> {
        self.space.tags_of(self.space.stable_hash(&self.entry), self.entry.key())
    }

    /// When it expires, in Unix milliseconds; 0: never.
    #[must_use]
    pub fn expire_at_ms(&self) -> u64 {
        self.entry.expire_at()
    }

    /// Bytes of memory that key and value take, without the table's share.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.entry.heap_bytes()
    }

    /// Where the entry lies in memory.
    #[must_use]
    pub fn address(&self) -> usize {
        self.entry.address().addr()
    }

    /// Bytes of the value as the log has it.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        match self.entry.view() {
            View::Str(text) | View::Json(text) => text.len(),
            View::Compressed(value) => value.bytes().len(),
            View::Value(value) => {
                let mut bytes = Vec::new();
                codec::encode(value, &mut bytes);
                bytes.len()
            }
        }
    }
}

/// What the tables of one database are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Entries.
    pub entries: usize,
    /// Buckets, each of which has room for several.
    pub buckets: usize,
    /// Bytes of the tables without their entries.
    pub bytes: usize,
}

/// Keys that others wait for or watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Awaited {
    /// Keys with blocked commands.
    pub blocking: usize,
    /// Keys that transactions watch.
    pub watched: usize,
}

impl Database {
    /// Looks at a key, if it is there and has not expired.
    pub fn look_at<R>(
        &self,
        db: u32,
        now_ms: u64,
        key: &[u8],
        look: impl FnOnce(&Seen<'_>) -> R,
    ) -> Option<R> {
        let keyspace = &self.shards().keyspace;
        let hash = keyspace.hash(key);
        let part = keyspace.lock(keyspace.shard_of(hash));
        let space = part.space(keyspace.space_of(db))?;
        let entry = space.get(hash, key)?;
        entry.is_alive(now_ms).then(|| look(&Seen { entry, space }))
    }

    /// Whether there is a table of records of this name.
    #[must_use]
    pub fn has_table(&self, name: &[u8]) -> bool {
        self.shards().registry.snapshot().get(name).is_some_and(|table| !table.dropping)
    }

    /// Visits all living keys of all databases, as they are at one moment: all shards are locked meanwhile. Databases come
    /// in order, keys in none.
    pub fn visit_all(&self, now_ms: u64, visit: &mut dyn FnMut(u32, &Seen<'_>)) {
        let keyspace = &self.shards().keyspace;
        let mut held = keyspace.lock_all();
        for db in 0..keyspace.databases() {
            for shard in 0..keyspace.shards() {
                let part = held.get(shard).expect("all shards are held");
                let Some(space) = part.space(keyspace.space_of(db)) else { continue };
                let living = space.table().iter().filter(|entry| entry.is_alive(now_ms));
                living.for_each(|entry| visit(db, &Seen { entry, space }));
            }
        }
    }

    /// The tables of one database, summed up over its shards.
    #[must_use]
    pub fn tables(&self, db: u32) -> Tables {
        let keyspace = &self.shards().keyspace;
        let mut sum = Tables::default();
        for shard in 0..keyspace.shards() {
            let part = keyspace.lock(shard);
            let Some(space) = part.space(keyspace.space_of(db)) else { continue };
            sum.entries += space.len();
            sum.buckets += space.table().buckets();
            sum.bytes += space.table().heap_bytes();
        }
        sum
    }

    /// How many keys are waited for and watched.
    #[must_use]
    pub fn awaited(&self) -> Awaited {
        let keyspace = &self.shards().keyspace;
        let mut sum = Awaited::default();
        for shard in 0..keyspace.shards() {
            let part = keyspace.lock(shard);
            sum.blocking += part.waiters.len();
            sum.watched += part.watches.len();
        }
        sum
    }

    /// Takes a checkpoint if anything has changed, forgets all data and reads it back from the folder, in place: everybody
    /// else waits.
    ///
    /// # Errors
    /// `Invalid` for a database without a folder; `Failed` if the log has failed; what checkpoint and log say when they
    /// cannot be read, and then nothing has changed.
    pub fn reload(&self) -> Result<(), Error> {
        self.checkpoint()?;
        self.read_back()
    }

    /// The same without a new checkpoint: all that was changed since the last one is read from the log.
    ///
    /// # Errors
    /// As [`Database::reload`].
    pub fn read_back(&self) -> Result<(), Error> {
        let shards = self.shards();
        let none = || Error::new(ErrorKind::Invalid, "there is no log to read back from".to_owned());
        let (log, disk) = (shards.log.as_ref().ok_or_else(none)?, self.disk().ok_or_else(none)?);
        // Nobody takes a checkpoint meanwhile, or removes one.
        let _turn = self.saving_turn();
        let id = Manifest::load(&**disk)?.ok_or_else(none)?.database_id;
        let keyspace = &shards.keyspace;
        let mut held = keyspace.lock_all();
        log.sync()?;
        let last_lsn = log.appended();
        let unreadable =
            |lsn| Error::new(ErrorKind::Damaged, format!("record {lsn} of the log cannot be applied"));
        let reader = checkpoint::newest(&**disk)?
            .map(|number| Reader::open(&**disk, number, id, keyspace.shards()))
            .transpose()?;
        if let Some(reader) = &reader {
            reader.check()?;
        }
        let needed = reader.as_ref().map_or_else(Needed::default, Reader::needed);
        let cuts = reader.as_ref().map_or_else(|| vec![0; keyspace.shards()], Reader::cuts);
        let decode = |record: &[u8]| Effect::decode_all(record, |_, _| Ok::<(), Malformed>(()));
        let found =
            log::replay(&**disk, id, needed, &mut |lsn, record| decode(record).map_err(|_| unreadable(lsn)))?;
        if found.last_lsn != last_lsn {
            let text =
                format!("the log on disk ends with record {}, yet {last_lsn} were written", found.last_lsn);
            return Err(Error::new(ErrorKind::Damaged, text));
        }
        let kept = keyspace.empty(&mut held);
        let packing = shards.settings.packing();
        let loaded = reader.map_or(Ok(()), |reader| reader.load_held(keyspace, &mut held, &packing));
        let read = loaded.and_then(|()| {
            let (read, malformed) = keyspace.replay(&mut held, &cuts, &packing, 1, |records| {
                log::replay(&**disk, id, needed, &mut |lsn, record| {
                    records.take(lsn, record).map_err(|Malformed| unreadable(lsn))
                })
            });
            malformed.map_or(read.map(drop), |lsn| Err(unreadable(lsn)))
        });
        keyspace.restore(&mut held, kept);
        drop(held);
        keyspace.reclaim();
        read?;
        shards.load_tables()
    }
}
