//! Which records each table has in one shard, and the indexes that have to know of them.
//!
//! Owns a set of hashes for each table, in order, so that a walk over a table visits its records and nothing else, and goes on
//! where it was however the hash table has grown meanwhile. A record is a JSON value at a key `table:key`. What must hold: the
//! hash of each record stands in the set of its table, and no other; each index of the table has been told of each change, under
//! the same lock. Two records of a table may have one hash, which then stands there once.

use super::entry::{Document, Entry, EntryRef, View};
use super::index::{Claim, Index};
use super::item::Item as _;
use super::space::Space;
use crate::value::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Between the steps in which a record's bucket, its entry and its value are fetched, and its visit, there are so many of others.
const AHEAD: usize = 8;
/// Bytes of an entry that are fetched before it is known how long it is.
const RECORD_BYTES: usize = 320;
/// A table is walked by the buckets of its shard if this part of what lies there are its records.
const WALKED_SHARE: usize = 3;

/// The tables of one space.
#[derive(Default)]
pub(crate) struct Records {
    tables: HashMap<Box<[u8]>, Members>,
    /// What records held that have gone or changed, until the log knows of that.
    leaving: Vec<Leaving>,
    /// Whether any table has an index that has each value once.
    has_unique: bool,
}

/// A value that a record holds no longer, in an index that has each value once.
struct Leaving {
    index: Arc<Index>,
    claim: Claim,
    hash: u64,
}

/// Whether something of a table in a shard may be only in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Whole {
    #[default]
    Unknown,
    /// Somebody looks; nothing has left memory since he began.
    Looked,
    /// Nothing is.
    Sure,
}

/// The records of one table in one shard.
#[derive(Default)]
struct Members {
    hashes: BTreeSet<u64>,
    indexes: Vec<Arc<Index>>,
    whole: Whole,
    /// Two records with one hash were there.
    had_twins: bool,
}

/// The table of a record; none for anything else.
#[inline]
pub(crate) fn table_of_record(entry: &Entry) -> Option<&[u8]> {
    if !entry.is_json() {
        return None;
    }
    table_of(entry.key())
}

/// The name of the table that a key would belong to.
#[inline]
pub(super) fn table_of(key: &[u8]) -> Option<&[u8]> {
    memchr::memchr(b':', key).map(|colon| &key[..colon])
}

fn has_unique(indexes: &[Arc<Index>]) -> bool {
    indexes.iter().any(|index| index.unique().is_some())
}

/// Tells the indexes of a table of a record that has come, changed or gone.
fn tell(
    indexes: &[Arc<Index>],
    leaving: &mut Vec<Leaving>,
    hash: u64,
    (old, new): (Option<&Entry>, Option<&Entry>),
    has_twin: bool,
) {
    if indexes.is_empty() {
        return;
    }
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let old = old.and_then(|entry| entry.view().json(&mut one)).map(Document::root);
    let new = new.and_then(|entry| entry.view().json(&mut other)).map(Document::root);
    for index in indexes {
        index.change(hash, old, new, has_twin);
        let Some(unique) = index.unique() else { continue };
        let (left, held) = unique.change(hash, old.filter(|_| !has_twin), new);
        if let Some(held) = held {
            // It may have held the same a moment ago.
            let is_held =
                |left: &Leaving| left.claim == held && left.hash == hash && Arc::ptr_eq(&left.index, index);
            leaving.retain(|left| !is_held(left));
        }
        leaving.extend(left.map(|claim| Leaving { index: Arc::clone(index), claim, hash }));
    }
}

impl Records {
    /// Whether somebody has to be told of what records of this table hold.
    pub(super) fn has_indexes(&self, table: &[u8]) -> bool {
        self.tables.get(table).is_some_and(|members| !members.indexes.is_empty())
    }

    fn add(&mut self, hash: u64, table: &[u8], entry: &Entry) {
        let members = match self.tables.get_mut(table) {
            Some(members) => members,
            None => self.tables.entry(table.into()).or_default(),
        };
        members.had_twins |= !members.hashes.insert(hash);
        tell(&members.indexes, &mut self.leaving, hash, (None, Some(entry)), false);
    }

    fn remove(&mut self, hash: u64, table: &[u8], entry: &Entry, has_twin: bool) {
        let Some(members) = self.tables.get_mut(table) else { return };
        if !has_twin {
            members.hashes.remove(&hash);
        }
        tell(&members.indexes, &mut self.leaving, hash, (Some(entry), None), has_twin);
        if members.hashes.is_empty() && members.indexes.is_empty() && members.whole == Whole::Unknown {
            self.tables.remove(table);
        }
    }

    fn replace(&mut self, hash: u64, table: &[u8], (old, new): (&Entry, &Entry), has_twin: bool) {
        if let Some(members) = self.tables.get(table) {
            tell(&members.indexes, &mut self.leaving, hash, (Some(old), Some(new)), has_twin);
        }
    }

    /// Forgets all records, but keeps who has to be told of them.
    fn clear(&mut self) -> Self {
        let kept = |members: &Members| Members {
            hashes: BTreeSet::new(),
            indexes: members.indexes.clone(),
            whole: members.whole,
            had_twins: false,
        };
        let lasts = |members: &Members| members.whole != Whole::Unknown || !members.indexes.is_empty();
        let lasting = self.tables.iter().filter(|(_, members)| lasts(members));
        let tables = lasting.map(|(name, members)| (name.clone(), kept(members))).collect();
        std::mem::replace(self, Self { tables, leaving: Vec::new(), has_unique: self.has_unique })
    }
}

/// Fetches the bytes of a record that lie apart from its entry.
#[inline]
fn prefetch_data(entry: Option<&EntryRef<'_>>) {
    if let Some(View::Value(Value::Json(json))) = entry.map(|entry| entry.view()) {
        json.prefetch();
    }
}

#[inline]
fn visit_record<'a>(
    entry: EntryRef<'a>,
    table: &[u8],
    room: &mut Vec<u8>,
    visit: &mut impl FnMut(EntryRef<'a>, Document<'_>),
) {
    let key = entry.key();
    if key.len() > table.len()
        && key[table.len()] == b':'
        && key.starts_with(table)
        && let Some(document) = entry.view().json(room)
    {
        visit(entry, document);
    }
}

impl Space {
    /// To be called for an entry that is about to come.
    #[inline]
    pub(super) fn record_appears(&mut self, hash: u64, entry: &Entry) {
        if let Some(table) = table_of_record(entry) {
            self.records_mut().add(hash, table, entry);
        }
    }

    /// To be called for an entry that has gone.
    #[inline]
    pub(super) fn record_goes(&mut self, hash: u64, entry: &Entry) {
        if let Some(table) = table_of_record(entry) {
            let has_twin = self.has_twin(hash, entry.key(), table);
            self.records_mut().remove(hash, table, entry, has_twin);
        }
    }

    /// To be called for an entry that has taken the place of another one of the same key.
    pub(super) fn record_changes(&mut self, hash: u64, old: &Entry, new: &Entry) {
        match (table_of_record(old), table_of_record(new)) {
            (Some(table), Some(_)) => {
                let has_twin = self.has_twin(hash, new.key(), table);
                self.records_mut().replace(hash, table, (old, new), has_twin);
            }
            (Some(_), None) => self.record_goes(hash, old),
            (None, _) => self.record_appears(hash, new),
        }
    }

    /// Whether another record of the table has the same hash.
    fn has_twin(&self, hash: u64, key: &[u8], table: &[u8]) -> bool {
        let mut found = false;
        self.table().each_with_hash(hash, &mut |entry| {
            found |= entry.key() != key
                && table_of_record(&entry) == Some(table)
                && self.stable_hash(&entry) == hash;
        });
        found
    }

    /// The records of a table whose hashes are these or larger, in order, at most so many. Returns where the next begin.
    pub(crate) fn record_hashes(
        &self,
        table: &[u8],
        from: u64,
        max: usize,
        hashes: &mut Vec<u64>,
    ) -> Option<u64> {
        let members = self.records()?.tables.get(table)?;
        let mut range = members.hashes.range(from..);
        hashes.extend(range.by_ref().take(max));
        range.next().copied()
    }

    /// Whether each record of a table has its own hash, and none has expired.
    pub(crate) fn has_each_once(&self, table: &[u8], now_ms: u64) -> bool {
        let had_twins = || self.records()?.tables.get(table).map(|members| members.had_twins);
        self.nothing_due(now_ms) && had_twins() != Some(true)
    }

    /// Visits the records of a table with this hash. `room` is for those that have to be unpacked.
    #[inline]
    pub(crate) fn each_record<'a>(
        &'a self,
        hash: u64,
        table: &[u8],
        room: &mut Vec<u8>,
        visit: &mut dyn FnMut(EntryRef<'a>, Document<'_>),
    ) {
        self.table().each_with_hash(hash, &mut |entry| {
            if table_of_record(&entry) == Some(table)
                && self.stable_hash(&entry) == hash
                && let Some(document) = entry.view().json(room)
            {
                visit(entry, document);
            }
        });
    }

    /// Fetches the record with this hash, if it lies in its entry; its bucket should have been.
    pub(crate) fn fetch_record(&self, hash: u64) {
        self.table().prefetch_whole(hash, RECORD_BYTES);
    }

    /// The same for several, which are fetched side by side.
    pub(crate) fn each_record_of<'a>(
        &'a self,
        hashes: &[u64],
        table: &[u8],
        visit: &mut impl FnMut(EntryRef<'a>, Document<'_>),
    ) {
        let mut room = Vec::new();
        let mut found: Vec<EntryRef<'a>> = Vec::with_capacity(hashes.len());
        let mut visited = 0;
        for step in 0..hashes.len() + 2 * AHEAD {
            if let Some(&hash) = hashes.get(step) {
                self.prefetch_bucket(hash);
            }
            if let Some(&hash) = step.checked_sub(AHEAD).and_then(|at| hashes.get(at)) {
                self.prefetch_entry(hash);
            }
            if let Some(&hash) = step.checked_sub(2 * AHEAD).and_then(|at| hashes.get(at)) {
                self.table().each_with_hash(hash, &mut |entry| {
                    if entry.key().starts_with(table) && self.stable_hash(&entry) == hash {
                        entry.prefetch_value();
                        found.push(entry);
                    }
                });
            }
            if found.len() > visited + AHEAD {
                prefetch_data(found.get(visited + AHEAD / 2));
                visit_record(found[visited], table, &mut room, visit);
                visited += 1;
            }
        }
        for at in visited..found.len() {
            prefetch_data(found.get(at + AHEAD / 2));
            visit_record(found[at], table, &mut room, visit);
        }
    }

    /// Whether a walk over a table goes by [`Space::walk_records`]: most of what lies here are its records.
    pub(crate) fn is_mostly(&self, table: &[u8]) -> bool {
        let records = self.records().and_then(|records| records.tables.get(table));
        records.is_some_and(|members| members.hashes.len() * WALKED_SHARE >= self.table().len())
    }

    /// Visits about so many records of a table, in an order of their own, from a place on. Returns the place behind them; none at
    /// the end. A record that is there all the while is visited once.
    pub(crate) fn walk_records<'a>(
        &'a self,
        table: &[u8],
        from: u64,
        max: usize,
        visit: &mut impl FnMut(EntryRef<'a>, Document<'_>),
    ) -> Option<u64> {
        let mut room = Vec::new();
        let visit = |entry| visit_record(entry, table, &mut room, visit);
        self.table().walk(from, max, |entry| entry.prefetch_value(), visit)
    }

    /// An index of a table has to be told of its records from now on.
    pub(super) fn attach_index(&mut self, table: &[u8], index: &Arc<Index>) {
        let records = self.records_mut();
        records.tables.entry(table.into()).or_default().indexes.push(Arc::clone(index));
        records.has_unique |= index.unique().is_some();
    }

    /// No longer.
    pub(super) fn detach_index(&mut self, table: &[u8], name: &str) {
        let records = self.records_mut();
        if let Some(members) = records.tables.get_mut(table) {
            members.indexes.retain(|index| index.name() != name);
        }
        records.has_unique = records.tables.values().any(|members| has_unique(&members.indexes));
    }

    /// The indexes of a table that have each value once.
    pub(crate) fn unique_indexes(&self, table: &[u8]) -> Vec<Arc<Index>> {
        let members = self.records().and_then(|records| records.tables.get(table));
        let indexes = members.map_or(&[][..], |members| &members.indexes);
        indexes.iter().filter(|index| index.unique().is_some()).cloned().collect()
    }

    /// The log has the end of all records that have gone so far: what they held is free.
    pub(crate) fn release_claims(&mut self) {
        if self.records().is_none_or(|records| records.leaving.is_empty()) {
            return;
        }
        for Leaving { index, claim, hash } in self.records_mut().leaving.drain(..) {
            index.unique().into_iter().for_each(|unique| unique.release(claim, hash));
        }
    }

    /// Whether an entry has to stay in memory: what is only in the store cannot be compared with what comes.
    pub(super) fn has_to_stay(&self, entry: &Entry) -> bool {
        let Some(records) = self.records().filter(|records| records.has_unique) else { return false };
        self.settling().is_some()
            && table_of_record(entry)
                .and_then(|table| records.tables.get(table))
                .is_some_and(|members| has_unique(&members.indexes))
    }

    /// Somebody begins to look whether all of a table is here.
    pub(crate) fn begin_look(&mut self, table: &[u8]) {
        let members = self.records_mut().tables.entry(table.into()).or_default();
        if members.whole == Whole::Unknown {
            members.whole = Whole::Looked;
        }
    }

    /// It was, and is if nothing has left meanwhile.
    pub(crate) fn end_look(&mut self, table: &[u8]) {
        if let Some(members) = self.records_mut().tables.get_mut(table)
            && members.whole == Whole::Looked
        {
            members.whole = Whole::Sure;
        }
    }

    /// Whether all of a table in this shard is here, and that is known.
    pub(crate) fn is_whole(&self, table: &[u8]) -> bool {
        self.records()
            .and_then(|records| records.tables.get(table))
            .is_some_and(|members| members.whole == Whole::Sure)
    }

    /// Something of the table that this key belongs to is, or may be, only in the store.
    pub(super) fn record_leaves(&mut self, key: &[u8]) {
        if self.records().is_some()
            && let Some(table) = table_of(key)
            && let Some(members) = self.records_mut().tables.get_mut(table)
        {
            members.whole = Whole::Unknown;
            let unique = members.indexes.iter().filter_map(|index| index.unique());
            unique.for_each(|unique| unique.set_whole(false));
        }
    }

    /// Takes out what is known of records, to be dropped without the lock; see [`Records::clear`].
    pub(super) fn clear_records(&mut self) -> Option<Box<Records>> {
        self.records().is_some().then(|| Box::new(self.records_mut().clear()))
    }
}
