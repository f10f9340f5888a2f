//! Which indexes there are, for all shards.
//!
//! What must hold: an index is known to every shard, or to none, whenever nobody is about to change that; while one is built,
//! shards tell it of changes already. Whoever changes which indexes a table has is alone in that ([`Keyspace::set_indexes`]).

use super::index::Index;
use super::{Held, Keyspace};
use crate::effect::RECORDS_DB as DATABASE;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// Records that are put into a new index under one lock.
const STEP_RECORDS: usize = 128;

/// The indexes of a table.
type Indexes = Arc<[Arc<Index>]>;

/// All indexes, by table.
#[derive(Default)]
pub(super) struct Catalog {
    tables: Mutex<HashMap<Box<str>, Indexes>>,
    /// How many of them have each value once.
    unique: AtomicUsize,
    changing: Mutex<()>,
    building: Mutex<()>,
}

impl Keyspace {
    /// The indexes of a table.
    pub(crate) fn indexes(&self, table: &str) -> Indexes {
        self.catalog.tables.lock().get(table).cloned().unwrap_or_else(|| Arc::from([]))
    }

    /// Whether any table has an index that has each value once.
    #[inline]
    pub(crate) fn has_unique(&self) -> bool {
        self.catalog.unique.load(Acquire) != 0
    }

    /// The tables that have such indexes, with these.
    pub(crate) fn unique_indexes(&self) -> Vec<(Box<str>, Arc<Index>)> {
        let tables = self.catalog.tables.lock();
        let all = tables.iter().flat_map(|(table, indexes)| indexes.iter().map(move |index| (table, index)));
        all.filter(|(_, index)| index.unique().is_some())
            .map(|(table, index)| (table.clone(), Arc::clone(index)))
            .collect()
    }

    /// Has a table have indexes like these: those that are there stay, others go, new ones are to be built.
    pub(crate) fn set_indexes(&self, table: &str, wanted: Vec<Index>) {
        let _alone = self.catalog.changing.lock();
        let old = self.indexes(table);
        for gone in old.iter().filter(|old| !wanted.iter().any(|index| index.is_like(old))) {
            self.each_space_of_records(|space| space.detach_index(table.as_bytes(), gone.name()));
            if gone.unique().is_some() {
                self.catalog.unique.fetch_sub(1, AcqRel);
            }
        }
        let mut all = Vec::with_capacity(wanted.len());
        for new in wanted {
            if let Some(kept) = old.iter().find(|index| index.is_like(&new)) {
                all.push(Arc::clone(kept));
                continue;
            }
            // Whoever puts a record from now on asks, wherever he comes to know of the index.
            if new.unique().is_some() {
                self.catalog.unique.fetch_add(1, AcqRel);
            }
            let index = Arc::new(new);
            self.each_space_of_records(|space| space.attach_index(table.as_bytes(), &index));
            all.push(index);
        }
        let mut tables = self.catalog.tables.lock();
        if all.is_empty() {
            tables.remove(table);
        } else {
            tables.insert(table.into(), all.into());
        }
    }

    /// Notes of the indexes of a table whether memory has all of it. A record that leaves meanwhile is noted after that.
    pub(crate) fn note_whole(&self, table: &str) -> bool {
        let indexes = self.indexes(table);
        let note = |is_whole| {
            indexes.iter().filter_map(|index| index.unique()).for_each(|unique| unique.set_whole(is_whole));
        };
        note(true);
        let is_whole = |shard| {
            let part = self.lock(shard);
            part.space(self.space_of(DATABASE)).is_some_and(|space| space.is_whole(table.as_bytes()))
        };
        let are_whole = (0..self.shards()).all(is_whole);
        if !are_whole {
            note(false);
        }
        are_whole
    }

    /// The log has the end of all records that have gone so far: what they held is free.
    pub(crate) fn release_claims(&self) {
        if self.has_unique() {
            self.each_space_of_records(super::space::Space::release_claims);
        }
    }

    fn each_space_of_records(&self, mut visit: impl FnMut(&mut super::space::Space)) {
        for shard in 0..self.shards() {
            let mut part = self.lock(shard);
            visit(self.space_in(shard, &mut part, DATABASE));
        }
    }

    /// Whoever builds indexes holds it.
    pub(crate) fn building(&self) -> &Mutex<()> {
        &self.catalog.building
    }

    /// The tables that have indexes which are not built, with these.
    pub(crate) fn unbuilt_indexes(&self) -> Vec<(Box<str>, Arc<Index>)> {
        let tables = self.catalog.tables.lock();
        let all = tables.iter().flat_map(|(table, indexes)| indexes.iter().map(move |index| (table, index)));
        all.filter(|(_, index)| !index.is_built())
            .map(|(table, index)| (table.clone(), Arc::clone(index)))
            .collect()
    }

    /// Puts the records of a table into an index, a few under one lock.
    pub(crate) fn build_index(&self, table: &str, index: &Index) {
        let changes = index.changes();
        index.progress.store(0, Relaxed);
        let (mut hashes, mut room) = (Vec::with_capacity(STEP_RECORDS), Vec::new());
        for shard in 0..self.shards() {
            let mut from = Some(0);
            while let Some(start) = from {
                let part = self.lock(shard);
                let Some(space) = part.space(self.space_of(DATABASE)) else { break };
                hashes.clear();
                from = space.record_hashes(table.as_bytes(), start, STEP_RECORDS, &mut hashes);
                for &hash in &hashes {
                    space.each_record(hash, table.as_bytes(), &mut room, &mut |_, document| {
                        index.change(hash, None, Some(document.root()), false);
                        index.unique().map(|unique| unique.change(hash, None, Some(document.root())));
                    });
                }
                index.progress.fetch_add(hashes.len() as u64, Relaxed);
            }
        }
        index.set_built(changes);
    }

    /// Database 0 is empty now, or another one. All shards must be held.
    pub(super) fn begin_indexes_anew(&self, held: &mut Held<'_>, is_another: bool) {
        let tables = self.catalog.tables.lock();
        let mut discarded = self.cleared.lock();
        for (table, indexes) in tables.iter() {
            for index in indexes.iter() {
                discarded.push(index.clear(is_another));
                if !is_another {
                    continue;
                }
                for shard in 0..self.shards() {
                    let part = held.get(shard).expect("all shards are held");
                    for db in self.all_databases() {
                        if let Some(space) = part.space_mut(self.space_of(db)) {
                            space.detach_index(table.as_bytes(), index.name());
                        }
                    }
                    self.space_in(shard, part, DATABASE).attach_index(table.as_bytes(), index);
                }
            }
        }
    }
}
