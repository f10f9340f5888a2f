//! Tags that the store has beside those in memory: for commands that ask for keys by their tags.
//!
//! What must hold is what holds for other commands that tell of all keys ([`super::cold`]): whoever asks memory first, then the
//! store, meets every key that has the tags the whole time. A key that memory knows is judged by what memory says of it.

use super::Settle;
use super::change::places_of;
use super::cold::{COUNT_TRIES, COUNT_WAIT, LOOKED_UP_MAX, is_past, key_of};
use super::tables::snapshot;
use crate::command::Fail;
use crate::keyspace::space::Space;
use crate::keyspace::tags::Query;
use crate::store::Place;
use std::collections::{BTreeMap, BTreeSet};

/// How many living keys have each tag.
pub(crate) type TagCounts = BTreeMap<Box<[u8]>, u64>;

impl Settle {
    /// The keys of a database that the store has and a question about tags asks for: those of which memory knows nothing, by
    /// what the store says of them, and those that memory knows, by what memory says.
    pub(crate) fn tagged_keys(
        &self,
        (db, now_ms): (u32, u64),
        all: bool,
        tags: &[&[u8]],
    ) -> Result<BTreeSet<Vec<u8>>, Fail> {
        let keyspace = &self.shards.keyspace;
        let query = Query { all, tags: tags.iter().map(|tag| (keyspace.hash(tag), *tag)).collect() };
        let mut found: Option<BTreeSet<Vec<u8>>> = None;
        for tag in tags {
            let mut here = BTreeSet::new();
            for place in self.places_of_database(db) {
                self.each_page(&place, tag, now_ms, |key| {
                    if self.is_asked_for(db, &key, &query, now_ms) {
                        here.insert(key);
                    }
                })?;
            }
            found = Some(match found {
                None => here,
                Some(found) if all => found.into_iter().filter(|key| here.contains(key)).collect(),
                Some(found) => found.into_iter().chain(here).collect(),
            });
            if all && found.as_ref().is_some_and(BTreeSet::is_empty) {
                break;
            }
        }
        Ok(found.unwrap_or_default())
    }

    /// Visits the keys of a place that have a tag, but those that were flushed.
    fn each_page(
        &self,
        place: &Place,
        tag: &[u8],
        now_ms: u64,
        mut visit: impl FnMut(Vec<u8>),
    ) -> Result<(), Fail> {
        let flushed = self.flushed_version(super::keeper::database_of(place));
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.ask_store(|connection| {
                self.define_place(connection, place)?;
                connection.tagged(place, tag, after.as_deref(), LOOKED_UP_MAX, now_ms)
            })?;
            let is_last = page.len() < LOOKED_UP_MAX;
            after = page.last().map(|(key, _)| key.clone());
            let keys = page.into_iter().filter(|(_, version)| *version > flushed || flushed == 0);
            keys.for_each(|(key, _)| visit(key_of(place, &key)));
            if is_last {
                return Ok(());
            }
        }
    }

    fn is_asked_for(&self, db: u32, key: &[u8], query: &Query<'_>, now_ms: u64) -> bool {
        let keyspace = &self.shards.keyspace;
        let hash = keyspace.hash(key);
        let part = keyspace.lock(keyspace.shard_of(hash));
        let is_meant = |space: &Space| match space.get(hash, key) {
            Some(entry) => entry.is_alive(now_ms) && query.takes(space.tags_of(hash, key)),
            None => space.is_cold(hash, key),
        };
        part.space(keyspace.space_of(db)).is_none_or(is_meant)
    }

    /// All tags of a database with how many keys have them, in memory and in the store. What settles while it is counted would
    /// count twice or not at all: then it is counted anew, in the end while lanes wait, if they can.
    pub(crate) fn count_tags(&self, db: u32, now_ms: u64) -> Result<TagCounts, Fail> {
        if self.flushed_version(db) != 0 {
            return self.count_each_tag(db, now_ms);
        }
        for _ in 0..COUNT_TRIES {
            let before = self.flights.none_since();
            let counted = self.count_tags_once(db, now_ms)?;
            if before.is_some() && self.flights.none_since() == before {
                return Ok(counted);
            }
        }
        let _lanes: Vec<_> = self.workers.iter().map(|worker| worker.try_lock_for(COUNT_WAIT)).collect();
        self.count_tags_once(db, now_ms)
    }

    /// What the store counts, less the rows of keys that have not settled, and what memory says of those.
    fn count_tags_once(&self, db: u32, now_ms: u64) -> Result<TagCounts, Fail> {
        let keyspace = &self.shards.keyspace;
        let mut counts: BTreeMap<Box<[u8]>, i64> = BTreeMap::new();
        let mut unsettled = Vec::new();
        for shard in 0..keyspace.shards() {
            let part = keyspace.lock(shard);
            let Some(space) = part.space(keyspace.space_of(db)) else { continue };
            for (key, kind) in space.unsettled_keys(b"", now_ms) {
                if kind.is_some() {
                    let tags = space.tags_of(keyspace.hash(&key), &key);
                    tags.for_each(|tag| *counts.entry(tag.into()).or_default() += 1);
                }
                unsettled.push(key);
            }
        }
        for place in self.places_of_database(db) {
            let there = self.ask_store(|connection| {
                self.define_place(connection, &place)?;
                connection.tag_counts(&place, now_ms)
            })?;
            for (tag, keys) in there {
                *counts.entry(tag.into()).or_default() += i64::try_from(keys).unwrap_or(i64::MAX);
            }
        }
        let tables = snapshot(&self.shards);
        for some in unsettled.chunks(LOOKED_UP_MAX) {
            let keys: Vec<_> = some.iter().flat_map(|key| places_of(self, &tables, db, key)).collect();
            let rows = self.ask_store(|connection| connection.load(&keys))?;
            for row in rows.into_iter().flatten().filter(|row| !is_past(row.expire_at_ms, now_ms)) {
                row.tags.into_iter().for_each(|tag| *counts.entry(tag.into()).or_default() -= 1);
            }
        }
        let counted = |(tag, count)| Some((tag, u64::try_from(count).ok().filter(|count| *count != 0)?));
        Ok(counts.into_iter().filter_map(counted).collect())
    }

    /// The same while rows that were flushed are still there: each row is looked at.
    fn count_each_tag(&self, db: u32, now_ms: u64) -> Result<TagCounts, Fail> {
        let keyspace = &self.shards.keyspace;
        let mut counts = TagCounts::new();
        for shard in 0..keyspace.shards() {
            let part = keyspace.lock(shard);
            if let Some(space) = part.space(keyspace.space_of(db)) {
                space.each_tag(0, now_ms, usize::MAX, |tag, keys| {
                    *counts.entry(tag.into()).or_default() += keys as u64;
                });
            }
        }
        let (tables, mut start) = (snapshot(&self.shards), None);
        loop {
            let (keys, next) =
                self.keys_beyond((db, now_ms), start.as_ref(), LOOKED_UP_MAX, super::Beyond::Cold)?;
            let places: Vec<_> = keys.iter().flat_map(|key| places_of(self, &tables, db, key)).collect();
            let rows = self.ask_store(|connection| connection.load(&places))?;
            for tag in rows.into_iter().flatten().flat_map(|row| row.tags) {
                *counts.entry(tag.into()).or_default() += 1;
            }
            match next {
                None => return Ok(counts),
                next => start = next,
            }
        }
    }
}
