//! One database in one shard: its entries and when they expire.
//!
//! Owns the table of entries and keeps the order of expiry and the counts in step with it. What must hold: for each entry
//! with something due there is exactly one pair in [`Expiry`], and `expires` counts the entries with an expiry of their
//! own. All change goes through the functions here.
//!
//! Leaves out: the clock. Whether an entry is still alive is the caller's question; an expired one is an entry like others.

use super::account::Share;
use super::apply::{change, is_hollow};
use super::aside::Aside;
use super::directory::Directory;
use super::entry::{Entry, EntryRef, View, mark};
use super::expiry::Expiry;
use super::item::{Changing, Item};
use super::records::{Records, table_of, table_of_record};
use super::settling::{Settling, signed};
use super::table::{Table, TableHash};
use super::tags::Tags;
use super::walk::Walk;
use crate::effect::Effect;
use crate::value::compressed::Compressed;
use crate::value::{Kind, Value};
use std::sync::Arc;

/// The entries of one database in one shard.
pub(crate) struct Space {
    table: Table<Entry>,
    expiry: Expiry,
    expires: usize,
    /// The sum of all keys' expiry times, for the average in INFO.
    expire_sum_ms: u128,
    /// Entries with fields that expire.
    volatile_items: usize,
    compressed: Saved,
    /// Large values that were removed, until somebody drops them outside of the lock.
    discarded: Aside,
    /// Somebody walks the entries for a checkpoint.
    walk: Option<Box<Walk>>,
    /// What a store behind has still to hear of; none without one.
    settling: Option<Box<Settling>>,
    /// The records of each table; none while there are none.
    records: Option<Box<Records>>,
    /// The tags of keys; none if no key has any.
    pub(super) tags: Option<Box<Tags>>,
    /// What the entries take; none without a limit.
    share: Option<Box<Share>>,
}

/// Collections up to this size are dropped where they are removed; strings too, which are one piece of memory, up to another.
const DROPPED_AT_ONCE_BYTES_MAX: usize = 64 << 10;
const STRING_DROPPED_AT_ONCE_BYTES_MAX: usize = 8 << 20;
/// A list that is cut by more than this share of itself, and is larger than this, loses its elements outside of the lock.
const CUT_SHARE: usize = 8;
const CUT_AT_ONCE_BYTES_MAX: usize = 4 << 20;

/// What is known of an entry before and after a change: its expiry, its bytes if it is unsettled and if they are counted, and what
/// compression saves.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Times {
    key_ms: u64,
    fields_ms: u64,
    unsettled_bytes: usize,
    counted_bytes: usize,
    compressed: Saved,
}

/// What is compressed: of one entry, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Saved {
    pub(crate) values: usize,
    /// Bytes of the values, in their codecs.
    pub(crate) raw_bytes: usize,
    /// Bytes of what is kept instead.
    pub(crate) bytes: usize,
}

impl Saved {
    pub(crate) fn add(&mut self, other: Self) {
        self.values += other.values;
        self.raw_bytes += other.raw_bytes;
        self.bytes += other.bytes;
    }

    fn moved(&mut self, before: Self, after: Self) {
        self.values = self.values + after.values - before.values;
        self.raw_bytes = self.raw_bytes + after.raw_bytes - before.raw_bytes;
        self.bytes = self.bytes + after.bytes - before.bytes;
    }
}

impl Times {
    /// `counts`: the bytes of entries are counted.
    #[inline]
    fn of(entry: &Entry, counts: bool) -> Self {
        let counted_bytes = if counts { entry.heap_bytes() } else { 0 };
        if entry.is_plain() {
            return Self { counted_bytes, ..Self::default() };
        }
        let (mut fields_ms, mut compressed) = (0, Saved::default());
        match entry.view() {
            View::Value(Value::Hash(hash)) => fields_ms = hash.next_expiry().unwrap_or(0),
            View::Compressed(value) => {
                let (raw_bytes, bytes) = (value.raw_bytes(), value.bytes().len());
                compressed = Saved { values: 1, raw_bytes, bytes };
            }
            _ => {}
        }
        let unsettled_bytes = unsettled_bytes(entry);
        Self { key_ms: entry.expire_at(), fields_ms, unsettled_bytes, counted_bytes, compressed }
    }

    fn due(self) -> u64 {
        match (self.key_ms, self.fields_ms) {
            (0, at) | (at, 0) => at,
            (key, fields) => key.min(fields),
        }
    }
}

#[inline]
fn unsettled_bytes(entry: &Entry) -> usize {
    if entry.has(mark::UNSETTLED) { entry.heap_bytes() } else { 0 }
}

/// Whether an entry is better dropped without the lock.
#[inline]
fn takes_long_to_drop(entry: &Entry) -> bool {
    match entry.view() {
        View::Str(_) | View::Json(_) => false,
        View::Compressed(value) => value.bytes().len() > STRING_DROPPED_AT_ONCE_BYTES_MAX,
        View::Value(value @ (Value::Str(_) | Value::Long(_) | Value::Json(_))) => {
            value.heap_bytes() > STRING_DROPPED_AT_ONCE_BYTES_MAX
        }
        View::Value(value) => value.heap_bytes() > DROPPED_AT_ONCE_BYTES_MAX,
    }
}

/// A further holder of a list that is about to lose much of itself, so that what it loses is not dropped yet.
pub(super) fn held_while_cut(entry: &Entry, effect: &Effect<'_>) -> Option<Entry> {
    let (Effect::ListTrim { count, .. } | Effect::ListPop { count, .. }) = *effect else { return None };
    let View::Value(value @ Value::List(list)) = entry.view() else { return None };
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(list.len());
    let lost = if let Effect::ListTrim { .. } = effect { list.len() - count } else { count };
    let is_much = lost > list.len() / CUT_SHARE && value.heap_bytes() > CUT_AT_ONCE_BYTES_MAX;
    is_much.then(|| Entry::boxed(b"", value.share(), 0))
}

impl Space {
    pub(crate) fn new(hash: TableHash) -> Self {
        Self {
            table: Table::new(hash),
            expiry: Expiry::default(),
            expires: 0,
            expire_sum_ms: 0,
            volatile_items: 0,
            compressed: Saved::default(),
            discarded: Aside::default(),
            walk: None,
            settling: None,
            records: None,
            tags: None,
            share: None,
        }
    }

    /// What the entries take is counted from now on.
    pub(crate) fn count_with(&mut self, share: Share) {
        self.share = Some(Box::new(share));
    }

    /// A store is behind from now on.
    pub(crate) fn settle_with(&mut self, settling: Settling) {
        self.settling = Some(Box::new(settling));
    }

    /// The side towards the store, if there is one.
    #[inline]
    pub(crate) fn settling(&self) -> Option<&Settling> {
        self.settling.as_deref()
    }

    #[inline]
    pub(super) fn settling_mut(&mut self) -> Option<&mut Settling> {
        self.settling.as_deref_mut()
    }

    #[inline]
    pub(super) fn records(&self) -> Option<&Records> {
        self.records.as_deref()
    }

    pub(super) fn records_mut(&mut self) -> &mut Records {
        self.records.get_or_insert_default()
    }

    /// Entries to be marked, and the side towards the store.
    #[inline]
    pub(super) fn table_and_settling(&mut self) -> (&mut Table<Entry>, Option<&mut Settling>) {
        (&mut self.table, self.settling.as_deref_mut())
    }

    /// To be called before anything changes in the chain of this hash: a checkpoint may still need it as it is.
    #[inline]
    pub(super) fn before_change(&mut self, hash: u64) {
        if let Some(walk) = &mut self.walk {
            walk.save(&self.table, self.tags.as_deref(), hash);
        }
    }

    /// The table and the tags, and who walks them.
    pub(super) fn walked(&mut self) -> (&mut Table<Entry>, Option<&Tags>, &mut Option<Box<Walk>>) {
        (&mut self.table, self.tags.as_deref(), &mut self.walk)
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.table.directory()
    }

    /// Number of entries, expired ones that still lie there included.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Entries that have an expiry of their own.
    pub(crate) fn expires(&self) -> usize {
        self.expires
    }

    /// The sum of the times at which they expire.
    pub(crate) fn expire_sum_ms(&self) -> u128 {
        self.expire_sum_ms
    }

    /// Entries with fields that expire.
    pub(crate) fn volatile_items(&self) -> usize {
        self.volatile_items
    }

    /// What is compressed here.
    pub(crate) fn compressed(&self) -> Saved {
        self.compressed
    }

    /// Whether nothing has expired.
    pub(super) fn nothing_due(&self, now_ms: u64) -> bool {
        self.expiry.first_due(now_ms).is_none()
    }

    /// The table, to scan and to count.
    pub(crate) fn table(&self) -> &Table<Entry> {
        &self.table
    }

    #[inline]
    pub(super) fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    /// As [`Table::prefetch_item`]; what has spilled is fetched no further.
    #[inline]
    pub(super) fn prefetch_entry(&self, hash: u64) {
        self.table.prefetch_item(hash);
    }

    #[inline]
    pub(crate) fn get(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        self.table.get(hash, key)
    }

    /// The entry, to mark its use. Its value and expiry must not be changed through it.
    #[inline]
    pub(crate) fn touch(&mut self, hash: u64, key: &[u8]) -> Option<Changing<'_, Entry>> {
        self.table.get_mut(hash, key)
    }

    /// What has something due, by time and hash, in order from this pair on.
    pub(crate) fn due_from(&self, pair: (u64, u64)) -> impl Iterator<Item = (u64, u64)> {
        self.expiry.from(pair)
    }

    /// The stable hash of an entry's key.
    #[inline]
    pub(crate) fn stable_hash(&self, entry: &Entry) -> u64 {
        self.table.hasher().stable.of(entry.key())
    }

    /// The key of an entry that has something due.
    pub(crate) fn first_due(&self, now_ms: u64) -> Option<EntryRef<'_>> {
        let hash = self.expiry.first_due(now_ms)?;
        self.table.find_by(hash, |entry| {
            let due = Times::of(entry, false).due();
            due != 0 && due < now_ms && self.table.hasher().stable.of(entry.key()) == hash
        })
    }

    /// Sets a string, whatever was there. `mark` gets the entry, and whether its key is new, to note the use.
    #[inline]
    pub(crate) fn set_string(
        &mut self,
        hash: u64,
        key: &[u8],
        value: &[u8],
        expire_at_ms: u64,
        mark: impl FnOnce(&mut Entry, bool),
    ) {
        let make = || Entry::string(key, value, expire_at_ms);
        self.set(hash, key, false, make, |entry| entry.set_string(value, expire_at_ms), mark);
    }

    /// The same for a compressed value.
    pub(crate) fn set_compressed(
        &mut self,
        hash: u64,
        key: &[u8],
        value: Compressed<'_>,
        expire_at_ms: u64,
        mark: impl FnOnce(&mut Entry, bool),
    ) {
        let make = || Entry::compressed(key, value, expire_at_ms);
        let becomes_record = value.kind() == Kind::Json && table_of(key).is_some();
        self.set(hash, key, becomes_record, make, |entry| entry.set_compressed(value, expire_at_ms), mark);
    }

    /// The same for short JSON, by the bytes of its codec.
    pub(crate) fn set_document(
        &mut self,
        hash: u64,
        key: &[u8],
        document: &[u8],
        expire_at_ms: u64,
        mark: impl FnOnce(&mut Entry, bool),
    ) {
        let make = || Entry::document(key, document, expire_at_ms);
        let becomes_record = table_of(key).is_some();
        self.set(hash, key, becomes_record, make, |entry| entry.set_document(document, expire_at_ms), mark);
    }

    #[inline]
    fn set(
        &mut self,
        hash: u64,
        key: &[u8],
        becomes_record: bool,
        make: impl FnOnce() -> Entry,
        replace: impl FnOnce(&mut Entry),
        mark: impl FnOnce(&mut Entry, bool),
    ) {
        self.before_change(hash);
        let counts = self.share.is_some();
        let Some(mut entry) = self.table.get_mut(hash, key) else {
            let mut entry = make();
            mark(&mut entry, true);
            self.insert(hash, entry);
            return;
        };
        let was = table_of_record(&entry);
        let is_indexed =
            was.is_some_and(|table| self.records.as_ref().is_some_and(|all| all.has_indexes(table)));
        if was.is_some() != becomes_record || is_indexed {
            drop(entry);
            self.set_anew(hash, key, make(), mark);
            return;
        }
        let before = Times::of(&entry, counts);
        if takes_long_to_drop(&entry) {
            let bytes = entry.heap_bytes();
            self.discarded.put(Entry::boxed(b"", entry.take_value(), 0), bytes);
        }
        replace(&mut entry);
        mark(&mut entry, false);
        let after = Times::of(&entry, counts);
        drop(entry);
        self.moved(hash, before, after);
    }

    /// Puts an entry in place of one of the same key, where somebody has to be told of that.
    fn set_anew(&mut self, hash: u64, key: &[u8], mut entry: Entry, mark: impl FnOnce(&mut Entry, bool)) {
        // The tags are the key's, and stay.
        let Some(old) = self.take_out(hash, key) else { return };
        entry.set_marks(old.marks() & (mark::STORED | mark::SETTLING), 0);
        entry.set_access(old.access());
        mark(&mut entry, false);
        self.record_changes(hash, &old, &entry);
        self.put_in(hash, entry);
        self.drop_entry(old);
    }

    /// Puts a value, whatever was there.
    pub(crate) fn put(&mut self, hash: u64, key: &[u8], value: Value, expire_at_ms: u64) {
        // The tags are the key's, and stay.
        let Some(old) = self.take_out(hash, key) else {
            self.insert(hash, Entry::of(key, value, expire_at_ms));
            return;
        };
        let mut entry = Entry::of(key, value, expire_at_ms);
        entry.set_marks(old.marks() & (mark::STORED | mark::SETTLING), 0);
        self.record_changes(hash, &old, &entry);
        self.put_in(hash, entry);
        self.drop_entry(old);
    }

    /// Takes the value of an entry, which is to be removed then.
    pub(crate) fn take_value(&mut self, hash: u64, key: &[u8]) -> Option<Value> {
        let entry = self.get(hash, key)?;
        if table_of_record(&entry).is_some() {
            // What is left is none.
            let mut entry = self.take_out(hash, key)?;
            self.record_goes(hash, &entry);
            let value = entry.take_value();
            self.put_in(hash, entry);
            return Some(value);
        }
        self.change(hash, key, Entry::take_value)
    }

    /// Takes an entry out, and its tags with it.
    pub(crate) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let entry = self.take_out(hash, key)?;
        self.record_goes(hash, &entry);
        if self.tags.is_some() {
            self.clear_tags(hash, key);
        }
        Some(entry)
    }

    fn take_out(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        self.before_change(hash);
        let entry = self.table.remove(hash, key)?;
        self.moved(hash, Times::of(&entry, self.share.is_some()), Times::default());
        Some(entry)
    }

    /// Changes an entry in place and keeps its expiry in step. Returns what `change` returns; none without the entry.
    #[inline]
    pub(crate) fn change<R>(
        &mut self,
        hash: u64,
        key: &[u8],
        change: impl FnOnce(&mut Entry) -> R,
    ) -> Option<R> {
        self.before_change(hash);
        let counts = self.share.is_some();
        let mut entry = self.table.get_mut(hash, key)?;
        let before = Times::of(&entry, counts);
        let result = change(&mut entry);
        let after = Times::of(&entry, counts);
        drop(entry);
        self.moved(hash, before, after);
        Some(result)
    }

    /// Looks at an entry and changes it by the effect that `decide` asks for, all in one visit; a collection that is left
    /// empty is removed. Returns what `decide` returns, and how many elements or fields came or went; none without the
    /// entry.
    #[inline]
    #[expect(clippy::type_complexity, reason = "what `decide` returns, and a count")]
    pub(crate) fn amend<'e, R, F>(
        &mut self,
        hash: u64,
        key: &[u8],
        decide: impl FnOnce(&mut Entry) -> Result<(R, Option<Effect<'e>>), F>,
    ) -> Option<Result<(R, Option<Effect<'e>>, usize), F>> {
        self.before_change(hash);
        let counts = self.share.is_some();
        let mut entry = self.table.get_mut(hash, key)?;
        let (result, effect) = match decide(&mut entry) {
            Ok(decision) => decision,
            Err(refusal) => return Some(Err(refusal)),
        };
        let mut changed = 0;
        if let Some(effect) = &effect {
            let before = Times::of(&entry, counts);
            if let Some(whole) = held_while_cut(&entry, effect) {
                self.discarded.put(whole, 0);
            }
            changed = change(&mut entry, effect).expect("whoever decides has seen the entry's type");
            let (after, hollow) = (Times::of(&entry, counts), is_hollow(&entry));
            drop(entry);
            self.moved(hash, before, after);
            if hollow {
                self.remove(hash, key);
            }
        }
        Some(Ok((result, effect, changed)))
    }

    /// Adds an entry whose key is not there.
    pub(crate) fn insert(&mut self, hash: u64, entry: Entry) {
        self.record_appears(hash, &entry);
        self.put_in(hash, entry);
    }

    fn put_in(&mut self, hash: u64, entry: Entry) {
        self.before_change(hash);
        let times = Times::of(&entry, self.share.is_some());
        self.table.insert(hash, entry);
        self.moved(hash, Times::default(), times);
    }

    /// Makes room for so many entries; there must be none.
    pub(super) fn reserve(&mut self, entries: usize) {
        self.table.reserve(entries);
    }

    /// Adds one of many entries whose keys are not there. What is due for it comes to `due`, for `finish_load`.
    #[inline]
    pub(super) fn load(&mut self, hash: u64, entry: Entry, due: &mut Vec<(u64, u64)>) {
        self.record_appears(hash, &entry);
        let mut times = Times::of(&entry, self.share.is_some());
        self.table.insert(hash, entry);
        if let Some(share) = &mut self.share {
            share.moved(0, std::mem::take(&mut times.counted_bytes));
        }
        if times != Times::default() {
            if times.due() != 0 {
                due.push((times.due(), hash));
            }
            self.count_times(Times::default(), times);
        }
    }

    /// Takes down what is due for entries that were loaded.
    pub(super) fn finish_load(&mut self, due: Vec<(u64, u64)>) {
        self.expiry.load(due);
    }

    /// Exchanges all entries with another space of the same shard.
    pub(super) fn swap_items(&mut self, other: &mut Self) {
        debug_assert!(self.walk.is_none() && other.walk.is_none(), "nobody walks while the log is replayed");
        std::mem::swap(self, other);
        // Each keeps its directory, which others know by the number of the space.
        self.table.swap_directory(&mut other.table);
    }

    /// Moves everything out, in constant time. A walk that still needs it gets it instead.
    pub(crate) fn take(&mut self) -> Self {
        self.forget_settling();
        if let Some(share) = &mut self.share {
            share.clear();
        }
        let (mut table, mut tags) = (self.table.take_all(), self.tags.take());
        if let Some(walk) = &mut self.walk {
            let hash = table.hasher();
            (table, tags) = walk.keep(table, tags).unwrap_or_else(|| (Table::new(hash), None));
        }
        Self {
            table,
            tags,
            expiry: std::mem::take(&mut self.expiry),
            expires: std::mem::take(&mut self.expires),
            expire_sum_ms: std::mem::take(&mut self.expire_sum_ms),
            volatile_items: std::mem::take(&mut self.volatile_items),
            compressed: std::mem::take(&mut self.compressed),
            discarded: std::mem::take(&mut self.discarded),
            walk: None,
            settling: None,
            records: self.clear_records(),
            share: None,
        }
    }

    /// Takes an entry out and drops it, later and without the lock if that may take long.
    #[inline]
    pub(crate) fn discard(&mut self, hash: u64, key: &[u8]) -> bool {
        let Some(entry) = self.remove(hash, key) else { return false };
        self.drop_entry(entry);
        true
    }

    fn drop_entry(&mut self, entry: Entry) {
        if takes_long_to_drop(&entry) {
            let bytes = entry.heap_bytes();
            self.discarded.put(entry, bytes);
        }
    }

    /// Puts something aside to be dropped without the lock.
    pub(super) fn put_aside(&mut self, entry: Entry) {
        self.discarded.put(entry, 0);
    }

    /// The large values that were removed and are still to be dropped.
    pub(crate) fn take_discarded(&mut self) -> Aside {
        std::mem::take(&mut self.discarded)
    }

    /// Number of entries that have not expired.
    pub(crate) fn living(&self, now_ms: u64) -> usize {
        let due = self.expiry.due(now_ms);
        let expired = if self.volatile_items == 0 {
            due.count()
        } else {
            // For some it is only fields that are due.
            let is_expired = |entry: &Entry, hash| {
                !entry.is_alive(now_ms) && self.table.hasher().stable.of(entry.key()) == hash
            };
            due.filter(|&hash| self.table.find_by(hash, |entry| is_expired(entry, hash)).is_some()).count()
        };
        self.len() - expired
    }

    #[inline]
    fn moved(&mut self, hash: u64, before: Times, after: Times) {
        if before == after {
            return;
        }
        if before.unsettled_bytes != after.unsettled_bytes
            && let Some(settling) = self.settling_mut()
        {
            let records = i64::from(after.unsettled_bytes != 0) - i64::from(before.unsettled_bytes != 0);
            settling.count(signed(after.unsettled_bytes) - signed(before.unsettled_bytes), records);
        }
        if let Some(share) = &mut self.share {
            share.moved(before.counted_bytes, after.counted_bytes);
        }
        self.expiry.moved(hash, before.due(), after.due());
        self.count_times(before, after);
    }

    fn count_times(&mut self, before: Times, after: Times) {
        self.expires = self.expires + usize::from(after.key_ms != 0) - usize::from(before.key_ms != 0);
        self.compressed.moved(before.compressed, after.compressed);
        self.expire_sum_ms = self.expire_sum_ms + u128::from(after.key_ms) - u128::from(before.key_ms);
        self.volatile_items =
            self.volatile_items + usize::from(after.fields_ms != 0) - usize::from(before.fields_ms != 0);
    }
}
