//! What a command sees and may change while it runs.
//!
//! Owns the way between a handler and the locked shards. A handler reads through the context and changes only through
//! [`Ctx::apply`] and its kin, which change the data *and* write the effect into the record of this command: it cannot
//! change anything without logging it. What must hold: a key is reached only in a shard that is held; an expired key is
//! absent for a reader, and removed, in the same record, for a writer; all times come from `now_ms`.

mod fetched;
mod tags;
pub(crate) mod unique;

pub(crate) use tags::Carried;

use super::settings::Use;
use super::{Fail, Settings};
use crate::effect::{Effect, SYSTEM_DB};
use crate::keyspace::changes::Cause;
use crate::keyspace::entry::{Entry, EntryRef, View, mark};
use crate::keyspace::space::Space;
use crate::keyspace::{Held, Keyspace, Part};
use crate::record::{Registry, Snapshot};
use crate::value::hash::Hash;
use crate::value::list::List;
use crate::value::{Kind, LONG_BYTES_MIN, Text, Value, codec};

/// Buffers that a caller keeps from command to command.
#[derive(Default)]
pub struct Scratch {
    /// The effects of the command, encoded.
    pub(crate) record: Vec<u8>,
    /// Large values among those effects, which are encoded later.
    pub(crate) large: Vec<LargePut>,
    /// Shard and hash of each key that changed.
    pub(crate) touched: Vec<(usize, u64)>,
    /// What was changed, for whoever wants to know what becomes of it in a store.
    pub(crate) followed: Option<super::Followed>,
    /// Keys that somebody waits for and that may be ready now, by database.
    pub(crate) ready: Vec<(u32, Box<[u8]>)>,
    /// The record that a command puts, read before any lock was taken, as the log has it; nothing otherwise.
    pub(crate) document: Vec<u8>,
    /// The same, compressed; nothing if it is put as it is.
    pub(crate) compressed_document: Vec<u8>,
    /// Shards to be held beside those of the command's keys: records lie there that may have what it wants to put.
    pub(crate) rivals: Vec<usize>,
    /// Long arguments that were compressed.
    pub(crate) prepared: super::Prepared,
    /// Room for compressing others.
    pub(super) compressed: Vec<u8>,
    /// Why keys go in this record, if no command has deleted them.
    pub(crate) cause: Cause,
    /// The tables at the last look.
    pub(super) tables: Snapshot,
}

/// A document larger than this is not kept room for.
const DOCUMENT_BYTES_KEPT: usize = 1 << 20;

impl Scratch {
    /// Whether there was a table of this name a moment ago.
    pub(crate) fn knows_table(&mut self, registry: &Registry, name: &[u8]) -> bool {
        registry.look(&mut self.tables);
        self.tables.get(name).is_some()
    }

    /// The record that was read is put, or will not be.
    pub(crate) fn forget_document(&mut self) {
        if self.document.capacity() > DOCUMENT_BYTES_KEPT {
            self.document = Vec::new();
        }
        self.document.clear();
        self.compressed_document.clear();
    }
}

/// A large value that a key gets, and where its effect stands in the record.
pub(crate) struct LargePut {
    pub(crate) at: usize,
    pub(crate) db: u32,
    pub(crate) key: Box<[u8]>,
    pub(crate) value: Value,
    pub(crate) expire_at_ms: u64,
}

/// The view of one command, or of one transaction, on the database.
pub struct Ctx<'a> {
    pub(crate) keyspace: &'a Keyspace,
    pub(crate) registry: &'a Registry,
    pub(crate) held: Held<'a>,
    pub(crate) scratch: &'a mut Scratch,
    /// Where more space in the log can be reserved, and what was reserved so far.
    pub(crate) reserve: &'a dyn Reserve,
    pub(crate) reserved: u64,
    /// How much of that is meant for large values, and not in use yet.
    pub(crate) ahead: u64,
    /// Set by a handler that needs so much for them; it has answered nothing then and will be run again.
    pub(crate) wanted: u64,
    /// Whether it may ask so.
    pub(crate) may_ask: bool,
    /// Whether it may leave what takes long to another thread, and whether it has: nothing is answered then.
    pub(crate) may_leave: bool,
    pub(crate) left: bool,
    /// Settings that commands follow.
    pub settings: &'a Settings,
    /// The selected database.
    pub db: u32,
    /// The time of this command, in Unix milliseconds.
    pub now_ms: u64,
    /// False if reads leave no trace in the access clocks.
    pub touches: bool,
    /// False in a transaction: a command that would block answers at once.
    pub may_block: bool,
    /// Set by a handler that blocks: the keys and the time-out in ms (0: none).
    pub(crate) block: Option<(Vec<Box<[u8]>>, u64)>,
    /// The first key and its hash.
    pub(crate) first: Option<(&'a [u8], u64)>,
    /// Whether `recent` is kept, so that what a key depends on is known exactly.
    pub(crate) tracks: bool,
    /// The highest LSN that the reply depends on by what was read.
    pub(crate) seen_lsn: u64,
    /// A whole database was changed.
    pub(crate) whole: bool,
    /// The memory of what was put aside is to be freed before the answer.
    pub(crate) reclaims: bool,
    /// The table whose records are to be removed before the answer.
    pub(crate) drops: Option<Box<str>>,
    /// The table whose indexes are others than they were, and the one of them that is to be found to have each value once.
    pub(crate) indexed: Option<(Box<str>, Option<Box<str>>)>,
    /// Set by a handler that has to be run again, with the shards of [`Scratch::rivals`] held: it has changed and answered nothing.
    pub(crate) meets_rival: bool,
    /// The table that was made, of whose rows nothing is known yet.
    pub(crate) begun: Option<Box<str>>,
    /// There is a store behind: a key without an entry may be there.
    pub(crate) settles: bool,
    /// There is a store behind that has tags of keys, or will have: what replaces a value has to know the tags of its key.
    pub(crate) is_tagged: bool,
    /// Keys that the command has asked for and that only the store knows of, by database. From the first one on it changes
    /// nothing, its answer means nothing, and it is run again once they are here.
    pub(crate) cold: Vec<(u32, Box<[u8]>)>,
}

/// Where a key lies.
pub(super) struct Reached<'a> {
    pub(super) hash: u64,
    pub(super) shard: usize,
    space: u32,
    pub(super) part: &'a mut Part,
}

/// Gives space in the log, and what else a command needs of what is around the keyspace.
pub(crate) trait Reserve {
    /// Reserves so much more for the record of a command that has reserved so much, or refuses.
    fn reserve_more(&self, reserved: u64, more: u64) -> Result<(), Fail>;

    /// Notes that there are tags, of which the store has to know.
    fn note_tags(&self);

    /// Whether keys may have tags: a store may not keep them.
    fn keeps_tags(&self) -> bool;

    /// Whether databases may be emptied, and their rows in the store with them.
    fn may_flush(&self) -> bool;

    /// Where what may not take long reads the time.
    fn clock(&self) -> Option<&std::sync::Arc<dyn crate::io::Clock>>;

    /// Notes that the rows of a database up to this record are void; returns the system entry that says so.
    fn note_flush(&self, db: u32, lsn: u64) -> (Vec<u8>, Vec<u8>);
}

impl<'a> Ctx<'a> {
    /// True if the command has changed nothing, blocks on nothing and leaves nothing to be done.
    #[inline]
    pub(crate) fn has_only_read(&self) -> bool {
        self.scratch.record.is_empty()
            && self.scratch.large.is_empty()
            && self.block.is_none()
            && !self.reclaims
            && self.drops.is_none()
            && self.indexed.is_none()
            && self.scratch.ready.is_empty()
    }

    /// A random number, to pick keys, fields and elements by.
    pub(crate) fn random(&self) -> u64 {
        self.keyspace.random()
    }

    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        match self.first {
            Some((first, hash)) if std::ptr::eq(first, key) => hash,
            _ => self.keyspace.hash(key),
        }
    }

    /// Where a key lies, in a shard that must be held. What the key depends on is noted.
    #[inline]
    pub(super) fn reach(&mut self, key: &[u8]) -> Reached<'_> {
        let hash = self.hash(key);
        let shard = self.keyspace.shard_of(hash);
        let (tracks, space) = (self.tracks, self.keyspace.space_of(self.db));
        let part = self
            .held
            .get(shard)
            .expect("the keys of a command are declared in its row, so their shards are held");
        let lsn = if tracks {
            part.recent.get(&recent_key(space, hash)).copied().unwrap_or(0).max(part.whole_lsn)
        } else {
            part.last_lsn
        };
        if lsn > self.seen_lsn {
            self.seen_lsn = lsn;
        }
        Reached { hash, shard, space, part }
    }

    /// The living entry of a key, without a trace of the visit.
    #[inline]
    pub(crate) fn peek(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let now = self.now_ms;
        if self.settles {
            self.miss_if_cold(key);
        }
        let Reached { hash, space, part, .. } = self.reach(key);
        part.space(space)?.get(hash, key).filter(|entry| entry.is_alive(now))
    }

    /// The living entry of a key, counted as a hit or a miss and marked as used.
    #[inline]
    pub(crate) fn read(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let now = self.now_ms;
        if self.settles && self.miss_if_cold(key) {
            return None;
        }
        let clock = self.touches.then(|| self.settings.access_clock(now));
        let Reached { hash, space, part, .. } = self.reach(key);
        let (space, counts) = part.space_and_counts(space);
        match space.and_then(|space| space.touch(hash, key)) {
            Some(mut entry) if entry.is_alive(now) => {
                counts.hits += 1;
                if let Some(clock) = clock {
                    clock.mark(&mut entry);
                }
                Some(entry.into_borrowed())
            }
            _ => {
                counts.misses += 1;
                None
            }
        }
    }

    /// The living entry of a key that is about to be changed. An expired one is removed now, in this command's record.
    #[inline]
    pub(crate) fn claim(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let now = self.now_ms;
        let clock = self.settings.access_clock(now);
        let Reached { hash, space, part, .. } = self.reach(key);
        let Some(mut entry) = part.space_mut(space).and_then(|space| space.touch(hash, key)) else {
            self.miss_if_cold(key);
            return None;
        };
        if !entry.is_alive(now) {
            let fields = entry.lost_fields(now);
            drop(entry);
            part.counts.expired_fields += fields as u64;
            part.counts.expired_keys += u64::from(fields == 0);
            self.apply(Effect::Delete { key });
            return None;
        }
        clock.mark(&mut entry);
        let expired = has_expired_fields(&entry, now);
        drop(entry);
        if expired {
            self.remove_expired_fields(key);
        }
        let Reached { hash, space, part, .. } = self.reach(key);
        part.space(space)?.get(hash, key)
    }

    /// What `visit` makes of the living entry of a key, counted as a hit or a miss but not marked as used.
    #[inline]
    pub(crate) fn look<R>(&mut self, key: &[u8], visit: impl FnOnce(&Entry) -> R) -> Option<R> {
        let touches = std::mem::replace(&mut self.touches, false);
        let seen = self.read(key).map(|entry| visit(&entry));
        self.touches = touches;
        seen
    }

    /// Removes a key. False if it was not there; one that has expired goes too, but was not there.
    #[inline]
    pub(crate) fn delete(&mut self, key: &[u8]) -> bool {
        let now = self.now_ms;
        let Reached { hash, space, part, .. } = self.reach(key);
        let Some(alive) =
            part.space(space).and_then(|space| space.get(hash, key)).map(|entry| entry.is_alive(now))
        else {
            self.miss_if_cold(key);
            return false;
        };
        part.counts.expired_keys += u64::from(!alive);
        self.apply(Effect::Delete { key });
        alive
    }

    /// The string of a key, for a reader.
    #[inline]
    pub(crate) fn read_str(&mut self, key: &[u8]) -> Result<Option<Text<'_>>, Fail> {
        self.read(key).map(|entry| entry.str().ok_or(Fail::WRONG_TYPE)).transpose()
    }

    /// The string of a key that is about to be changed.
    #[inline]
    pub(crate) fn claim_str(&mut self, key: &[u8]) -> Result<Option<Text<'_>>, Fail> {
        self.claim(key).map(|entry| entry.str().ok_or(Fail::WRONG_TYPE)).transpose()
    }

    /// The list of a key, for a reader.
    #[inline]
    pub(crate) fn read_list(&mut self, key: &[u8]) -> Result<Option<&List>, Fail> {
        self.read(key).map(list_of).transpose()
    }

    /// The list of a key that is about to be changed.
    #[inline]
    pub(crate) fn claim_list(&mut self, key: &[u8]) -> Result<Option<&List>, Fail> {
        self.claim(key).map(list_of).transpose()
    }

    /// The hash of a key, for a reader.
    #[inline]
    pub(crate) fn read_hash(&mut self, key: &[u8]) -> Result<Option<&Hash>, Fail> {
        self.read(key).map(hash_of).transpose()
    }

    /// The hash of a key that is about to be changed; it has no expired fields.
    #[inline]
    pub(crate) fn claim_hash(&mut self, key: &[u8]) -> Result<Option<&Hash>, Fail> {
        self.claim(key).map(hash_of).transpose()
    }

    /// Changes the data and writes the effect into this command's record. Returns how many elements or fields came or
    /// went, see [`Space::apply`].
    #[inline]
    pub(crate) fn apply(&mut self, effect: Effect<'_>) -> usize {
        self.apply_seen::<false>(effect)
    }

    /// The same; `SEEN`: that a string may be set has been seen, see [`Ctx::may_replace`].
    #[inline]
    fn apply_seen<const SEEN: bool>(&mut self, effect: Effect<'_>) -> usize {
        let Some(key) = effect.key() else { return 0 };
        if !self.cold.is_empty() {
            return 0;
        }
        if let Effect::SetString { value, expire_at_ms, .. } = effect
            && self.keyspace.compression.is_on()
            && self.set_compressed(key, value, expire_at_ms)
        {
            return 1;
        }
        let clock = self.settings.access_clock(self.now_ms);
        let settings = self.settings;
        let is_tagged = self.is_tagged;
        let (hash, shard, space) = self.space_of_key(key);
        if !SEEN && matches!(effect, Effect::SetString { .. }) && (space.tags().is_some() || is_tagged) {
            return if self.may_replace(key) { self.apply_seen::<true>(effect) } else { 0 };
        }
        let changed = if let Effect::SetString { value, expire_at_ms, .. } = effect {
            if value.len() >= LONG_BYTES_MIN && key.len() <= LargePut::KEY_BYTES_MAX {
                self.put_large(key, Value::string(value), expire_at_ms);
                return 1;
            }
            let mark =
                |entry: &mut Entry, new: bool| if new { clock.mark_new(entry) } else { clock.mark(entry) };
            space.set_string(hash, key, value, expire_at_ms, mark);
            1
        } else {
            let changed =
                space.apply(hash, &effect, &settings.packing()).expect("a command makes well-formed effects");
            if let Some(mut entry) = space.touch(hash, key)
                && entry.access() == 0
            {
                clock.mark_new(&mut entry);
            }
            changed
        };
        self.log(&effect, key, hash, shard);
        changed
    }

    /// Looks at the living entry of a key and changes it, in one lookup. `decide` sees the entry, refuses, or says what the
    /// handler wants to know and with which effect of its type the entry changes; it may write the whole reply, for nothing
    /// can fail after it. None without the key; an expired one is removed as by [`Ctx::claim`].
    #[inline]
    pub(crate) fn amend<'e, R>(
        &mut self,
        key: &[u8],
        decide: impl FnOnce(&Entry) -> Result<(R, Option<Effect<'e>>), Fail>,
    ) -> Result<Option<R>, Fail> {
        Ok(self.amend_and_count(key, decide)?.map(|(result, _)| result))
    }

    /// As [`Ctx::amend`], and how many elements or fields came or went.
    #[inline]
    pub(crate) fn amend_and_count<'e, R>(
        &mut self,
        key: &[u8],
        decide: impl FnOnce(&Entry) -> Result<(R, Option<Effect<'e>>), Fail>,
    ) -> Result<Option<(R, usize)>, Fail> {
        enum Found<R> {
            Expired,
            ExpiredFields,
            Here(R),
        }
        let now = self.now_ms;
        let clock = self.settings.access_clock(now);
        if !self.cold.is_empty() {
            return Ok(None);
        }
        let Reached { hash, shard, space, part } = self.reach(key);
        let Some(space) = part.space_mut(space) else {
            self.miss_if_cold(key);
            return Ok(None);
        };
        let mut decide = Some(decide);
        let visited = space.amend(hash, key, |entry| {
            if !entry.is_alive(now) {
                return Ok((Found::Expired, None));
            }
            if has_expired_fields(entry, now) {
                return Ok((Found::ExpiredFields, None));
            }
            clock.mark(entry);
            let decide = decide.take().expect("an entry is visited once");
            decide(entry).map(|(result, effect)| (Found::Here(result), effect))
        });
        match visited {
            None => {
                self.miss_if_cold(key);
                Ok(None)
            }
            Some(Err(fail)) => Err(fail),
            Some(Ok((Found::Here(result), effect, changed))) => {
                if let Some(effect) = effect {
                    self.log(&effect, key, hash, shard);
                }
                Ok(Some((result, changed)))
            }
            Some(Ok((Found::Expired, ..))) => {
                self.claim(key);
                Ok(None)
            }
            Some(Ok((Found::ExpiredFields, ..))) => {
                self.claim(key);
                self.amend_and_count(key, decide.take().expect("it was not called"))
            }
        }
    }

    /// Writes an effect that has been applied into this command's record, and tells those who watch or wait for the key.
    #[inline]
    pub(super) fn log(&mut self, effect: &Effect<'_>, key: &[u8], hash: u64, shard: usize) {
        let is_logged = self.settles && !effect.is_whole() && self.log_fetched(key, hash, shard);
        // A value that is logged as a whole is so without its tags.
        if !is_logged || effect.is_of_tags() {
            if self.settles && !is_logged && (!effect.is_whole() || self.is_tagged) {
                self.log_absent(key, hash, shard);
            }
            effect.encode(self.db, &mut self.scratch.record);
        }
        let may_make_ready = matches!(effect, Effect::ListPush { .. } | Effect::Put { .. });
        self.note(key, hash, shard, may_make_ready);
    }

    /// Notes that the command needs a key, if only the store knows of it.
    #[inline]
    fn miss_if_cold(&mut self, key: &[u8]) -> bool {
        if !self.settles {
            return false;
        }
        let (db, is_cold) = (self.db, self.is_cold(key));
        if is_cold && !self.cold.iter().any(|(at, known)| *at == db && **known == *key) {
            self.cold.push((db, key.into()));
        }
        is_cold
    }

    /// What was taken of this key is in the store.
    pub(crate) fn settled(&mut self, key: &[u8]) {
        let Reached { hash, space, part, .. } = self.reach(key);
        if let Some(space) = part.space_mut(space) {
            space.settled(hash, key);
        }
    }

    /// What the store has of this key counts; `all`: and not what has not settled.
    pub(crate) fn forget(&mut self, key: &[u8], all: bool) {
        let db = self.db;
        let Reached { hash, shard, space, part } = self.reach(key);
        part.raise_watches(db, key);
        // What has settled by now is void, too, when the log is read back.
        let all = all || part.space(space).is_none_or(|space| !space.is_unsettled(hash, key));
        if let Some(space) = part.space_mut(space) {
            if all {
                space.give_up_change(hash, key);
            }
            space.forget(hash, key);
        }
        self.scratch.touched.push((shard, recent_key(self.keyspace.space_of(db), hash)));
        Effect::Forget { key, all }.encode(db, &mut self.scratch.record);
    }

    /// Whether databases may be emptied, which removes the rows of the store, too.
    pub(crate) fn may_flush(&self) -> Result<(), Fail> {
        if self.reserve.may_flush() {
            return Ok(());
        }
        Err(Fail::new("ERR this would remove all rows from the store: set store-flush yes if that is meant"))
    }

    /// The rows of a database are void up to this record; all shards are held.
    pub(crate) fn flush_rows(&mut self, db: u32) {
        let parts = 0..self.keyspace.shards();
        let lsn = parts.filter_map(|shard| self.held.get(shard).map(|part| part.last_lsn)).max().unwrap_or(0);
        let (entry, value) = self.reserve.note_flush(db, lsn);
        self.in_db(SYSTEM_DB, |ctx| {
            ctx.apply(Effect::SetString { key: &entry, value: &value, expire_at_ms: 0 });
        });
    }

    /// Whether only the store knows of this key.
    pub(crate) fn is_cold(&mut self, key: &[u8]) -> bool {
        let Reached { hash, space, part, .. } = self.reach(key);
        part.space(space).is_none_or(|space| space.is_cold(hash, key))
    }

    /// Reserves what the log needs at most for this key, if it came from the store and is about to change for the first time.
    #[inline]
    pub(crate) fn reserve_for_fetched(&mut self, key: &[u8]) -> Result<(), Fail> {
        let bytes = self.fetched_bytes_max(key);
        if bytes == 0 { Ok(()) } else { self.reserve(usize::try_from(bytes).unwrap_or(usize::MAX)) }
    }

    /// What the log needs at most for these keys, if they came from the store and are about to change for the first time.
    pub(crate) fn fetched_bytes_max(&mut self, key: &[u8]) -> u64 {
        let Reached { hash, space, part, .. } = self.reach(key);
        let Some(space) = part.space(space) else { return 0 };
        let entry = space.get(hash, key);
        if entry.is_none() && space.is_known_absent(key) {
            // That it is gone, see `appears_anew`.
            return 64 + key.len() as u64;
        }
        entry.filter(|entry| entry.has(mark::FETCHED)).map_or(0, |entry| {
            64 + key.len() as u64
                + space.tags_of(hash, key).map(|tag| tag.len() as u64 + 10).sum::<u64>()
                + match entry.view() {
                    View::Str(text) | View::Json(text) => text.len() as u64,
                    // It may be unpacked to be changed.
                    View::Compressed(value) => LargePut::record_bytes_max(value.raw_bytes(), key),
                    View::Value(value) => LargePut::record_bytes_max(codec::encoded_bytes_max(value), key),
                }
        })
    }

    /// Notes that a key has changed, and tells those who watch it, or wait for it if there may be a list now.
    #[inline]
    fn note(&mut self, key: &[u8], hash: u64, shard: usize, may_make_ready: bool) {
        let index = self.keyspace.space_of(self.db);
        self.scratch.touched.push((shard, recent_key(index, hash)));
        let part = self.held.get(shard).expect("the shard of a key that was changed is held");
        if self.settles {
            let since = part.last_lsn + 1;
            if let Some(space) = part.space_mut(index) {
                space.note_change(hash, key, since, self.now_ms);
            }
        }
        part.raise_watches(self.db, key);
        if self.settles && self.is_tagged {
            self.log_tags(key, hash, shard);
        }
        let part = self.held.get(shard).expect("it was held a moment ago");
        if may_make_ready
            && !part.waiters.is_empty()
            && part.waiters.contains_key(&crate::keyspace::place(index, key))
            && part
                .space(index)
                .and_then(|space| space.get(hash, key))
                .is_some_and(|entry| entry.kind() == Kind::List)
        {
            self.scratch.ready.push((self.db, key.into()));
        }
    }

    /// Puts a value that is not a string at a key, whatever was there; `kind` and `encoded` are its bytes for the log.
    pub(crate) fn put_encoded(
        &mut self,
        key: &[u8],
        value: Value,
        kind: u8,
        encoded: &[u8],
        expire_at_ms: u64,
    ) {
        if !self.cold.is_empty() || !self.may_put(key) {
            return;
        }
        let (hash, shard) = self.put(key, value, expire_at_ms);
        self.log(&Effect::Put { key, kind, value: encoded, expire_at_ms }, key, hash, shard);
    }

    fn put(&mut self, key: &[u8], value: Value, expire_at_ms: u64) -> (u64, usize) {
        debug_assert!(self.cold.is_empty(), "a command that has met a cold key changes nothing");
        let clock = self.settings.access_clock(self.now_ms);
        let (hash, shard, space) = self.space_of_key(key);
        space.put(hash, key, value, expire_at_ms);
        if let Some(mut entry) = space.touch(hash, key) {
            clock.mark_new(&mut entry);
        }
        (hash, shard)
    }

    /// Sets the access clock of an entry that has just been put there.
    pub(crate) fn mark_used(&mut self, key: &[u8], used: Use) {
        let clock = self.settings.access_clock(self.now_ms);
        let Reached { hash, space, part, .. } = self.reach(key);
        if let Some(mut entry) = part.space_mut(space).and_then(|space| space.touch(hash, key)) {
            clock.mark_as(&mut entry, used);
        }
    }

    /// Takes the value of a key away, with its expiry.
    pub(crate) fn take(&mut self, key: &[u8]) -> Option<(Value, u64)> {
        self.claim(key)?;
        if !self.cold.is_empty() {
            return None;
        }
        let Reached { hash, space, part, .. } = self.reach(key);
        let space = part.space_mut(space)?;
        let expire_at_ms = space.get(hash, key)?.expire_at();
        let value = space.take_value(hash, key)?;
        self.apply(Effect::Delete { key });
        Some((value, expire_at_ms))
    }

    /// Reserves space for what the arguments do not tell: a command that logs a value it has read asks before it changes
    /// anything.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), Fail> {
        self.reserve.reserve_more(self.reserved, bytes as u64)?;
        self.reserved += bytes as u64;
        Ok(())
    }

    /// As [`Ctx::reserve`], for a large value that a key gets. A refusal may mean that the command is run again.
    pub(crate) fn reserve_large(&mut self, value_bytes_max: u64) -> Result<(), Fail> {
        if self.ahead >= value_bytes_max {
            self.ahead -= value_bytes_max;
            return Ok(());
        }
        if !self.may_ask {
            return self.reserve(usize::try_from(value_bytes_max).unwrap_or(usize::MAX));
        }
        self.wanted = value_bytes_max;
        Err(Fail::new("ERR the command needs more room in the log"))
    }

    /// Puts a large value at a key, whatever was there. It is encoded for the log when the record is written.
    pub(crate) fn put_large(&mut self, key: &[u8], value: Value, expire_at_ms: u64) {
        if !self.cold.is_empty() || !self.may_put(key) {
            return;
        }
        let shared = value.share();
        let (hash, shard) = self.put(key, value, expire_at_ms);
        if self.is_tagged {
            self.log_absent(key, hash, shard);
        }
        let (at, db) = (self.scratch.record.len(), self.db);
        self.scratch.large.push(LargePut { at, db, key: key.into(), value: shared, expire_at_ms });
        self.note(key, hash, shard, true);
    }

    /// Changes a whole database; all shards must be held.
    pub(crate) fn apply_whole(&mut self, effect: Effect<'_>) {
        if !self.cold.is_empty() {
            return;
        }
        effect.encode(self.db, &mut self.scratch.record);
        self.whole = true;
        self.keyspace.apply_whole(&mut self.held, self.db, &effect);
    }

    /// Makes the selected database and another one change places; all shards must be held. Who waits for a key of either
    /// goes on waiting for the key of that database number, and gets it if it is there now.
    pub(crate) fn swap_with(&mut self, with: u32) {
        self.apply_whole(Effect::Swap { with });
        for db in [self.db, with] {
            self.in_db(db, Self::wake_waiters);
        }
    }

    fn wake_waiters(&mut self) {
        let space = self.keyspace.space_of(self.db);
        for shard in 0..self.keyspace.shards() {
            let part = self.held.get(shard).expect("a change to a whole database holds all shards");
            let waited: Vec<Box<[u8]>> =
                part.waiters.keys().filter(|(at, _)| *at == space).map(|(_, key)| key.clone()).collect();
            for key in waited {
                if self.peek(&key).is_some_and(|entry| entry.kind() == Kind::List) {
                    self.scratch.ready.push((self.db, key));
                }
            }
        }
    }

    /// Number of databases.
    pub(crate) fn databases(&self) -> u32 {
        self.keyspace.databases()
    }

    /// Number of shards.
    pub(crate) fn shards(&self) -> usize {
        self.keyspace.shards()
    }

    /// Gives the lock back before the answer is written, if the command has only read and is no part of a transaction.
    pub(crate) fn let_go(&mut self) {
        if self.first.is_some() && self.has_only_read() {
            self.held = Held::None;
        }
    }

    /// Runs `body` with another database selected.
    pub(crate) fn in_db<R>(&mut self, db: u32, body: impl FnOnce(&mut Self) -> R) -> R {
        let selected = std::mem::replace(&mut self.db, db);
        let result = body(self);
        self.db = selected;
        result
    }

    /// Removes a key, or the fields of one, if they have expired.
    pub(crate) fn claim_expired(&mut self, key: &[u8]) {
        let now = self.now_ms;
        if self.peek(key).is_none_or(|entry| has_expired_fields(&entry, now)) {
            self.claim(key);
        }
    }

    /// Removes the fields of a hash that have expired, in this command's record.
    pub(crate) fn remove_expired_fields(&mut self, key: &[u8]) {
        let now = self.now_ms;
        let Reached { hash, space, part, .. } = self.reach(key);
        let Some(View::Value(Value::Hash(fields))) =
            part.space(space).and_then(|space| space.get(hash, key)).map(EntryRef::view)
        else {
            return;
        };
        let expired: Vec<Vec<u8>> = fields.expired(now, usize::MAX);
        part.counts.expired_fields += expired.len() as u64;
        let expired: Vec<&[u8]> = expired.iter().map(Vec::as_slice).collect();
        self.apply(Effect::HashDelete { key, fields: &expired });
    }

    /// Removes fields whose new time to expire has come already, in this command's record.
    pub(crate) fn expire_fields_now(&mut self, key: &[u8], fields: &[&[u8]]) {
        if !fields.is_empty() {
            let Reached { part, .. } = self.reach(key);
            part.counts.expired_fields += fields.len() as u64;
            self.apply(Effect::HashDelete { key, fields });
        }
    }

    /// Runs `visit` on the selected database's space in every shard: those held, or each locked for the while.
    pub(crate) fn each_space(&mut self, mut visit: impl FnMut(&Space)) {
        for shard in 0..self.keyspace.shards() {
            self.in_shard(shard, &mut visit);
        }
    }

    /// Runs `visit` on the selected database's space in one shard, if there is one.
    pub(crate) fn in_shard<R>(&mut self, shard: usize, visit: impl FnOnce(&Space) -> R) -> Option<R> {
        let keyspace = self.keyspace;
        let locked;
        let part = match &mut self.held {
            Held::None => {
                locked = keyspace.lock(shard);
                &*locked
            }
            held => &*held.get(shard).expect("a command that walks holds no shard, or all"),
        };
        self.seen_lsn = self.seen_lsn.max(part.last_lsn);
        part.space(keyspace.space_of(self.db)).map(visit)
    }

    /// The command waits until one of its keys has something, or for `timeout_ms` (0: without end).
    pub(crate) fn block(&mut self, keys: &[&[u8]], timeout_ms: u64) {
        self.block = Some((keys.iter().map(|key| Box::from(*key)).collect(), timeout_ms));
    }
}

/// What `recent` knows a key of a space by.
#[inline]
pub(crate) fn recent_key(space: u32, hash: u64) -> u64 {
    hash ^ u64::from(space).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[inline]
fn has_expired_fields(entry: &Entry, now_ms: u64) -> bool {
    match entry.view() {
        View::Value(Value::Hash(hash)) => hash.next_expiry().is_some_and(|at| at < now_ms),
        _ => false,
    }
}

/// The list of an entry.
#[inline]
pub(crate) fn list_of<'a>(entry: impl Into<View<'a>>) -> Result<&'a List, Fail> {
    match entry.into() {
        View::Value(Value::List(list)) => Ok(list),
        _ => Err(Fail::WRONG_TYPE),
    }
}

/// The hash that an entry holds.
#[inline]
pub(super) fn hash_of<'a>(entry: impl Into<View<'a>>) -> Result<&'a Hash, Fail> {
    match entry.into() {
        View::Value(Value::Hash(hash)) => Ok(hash),
        _ => Err(Fail::WRONG_TYPE),
    }
}
