//! What the store has beside memory: for commands that walk or count all keys.
//!
//! Neither is a snapshot. What must hold: a key that is there the whole time is met in memory or in the store, wherever it
//! moves meanwhile. Whoever walks memory first, and there at least what has not settled, meets it if the walk of the store
//! passes over nothing but what memory knows to be gone ([`Beyond::There`]). Left out: a key whose place in the store changes
//! during the walk, from a table of records to the keys or back, and one that was prolonged in the moment in which its row expired.

use super::Settle;
use super::change::places_of;
use super::tables::{snapshot, table_of};
use crate::command::Fail;
use crate::keyspace::item::Item as _;
use crate::keyspace::space::Space;
use crate::record::Snapshot;
use crate::store::{Connection, Content, ErrorKind, Place, StoreError};
use crate::value::{Kind, codec};
use std::time::Duration;

/// Keys that are looked up in the store at once.
pub(super) const LOOKED_UP_MAX: usize = 1000;
/// So often it is counted while lanes go on, and so long it is waited for each of them then.
pub(super) const COUNT_TRIES: u32 = 3;
pub(super) const COUNT_WAIT: Duration = Duration::from_secs(1);
/// Rows that are read at once for nothing but their types.
const TYPES_READ_MAX: usize = 64;

/// Where a page of the store's keys begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageStart {
    /// In this place,
    pub place: Place,
    /// after this key; none: with the first one.
    pub after: Option<Vec<u8>>,
}

/// A page of keys that only the store has, and where the next one begins.
pub type ColdKeys = (Vec<Vec<u8>>, Option<PageStart>);

/// A page of the keys of one place, and the key of its last row there, behind which the next one begins; none at the end.
pub type PlaceKeys = (Vec<Vec<u8>>, Option<Vec<u8>>);

/// Which of the store's keys are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// Those of which memory knows nothing.
    Cold,
    /// All that are there.
    There,
}

impl Beyond {
    fn lists(self, space: &Space, hash: u64, key: &[u8], now_ms: u64) -> bool {
        match space.get(hash, key) {
            Some(entry) => self == Self::There && entry.is_alive(now_ms),
            None => space.is_cold(hash, key),
        }
    }
}

impl Settle {
    pub(super) fn ask_store<R>(
        &self,
        ask: impl Fn(&mut dyn Connection) -> Result<R, StoreError>,
    ) -> Result<R, Fail> {
        let mut spare = self.spare.lock().pop();
        for attempt in 0.. {
            let fresh = spare.is_none();
            let connected = match spare.take() {
                Some(connection) => Ok(connection),
                None => self.connect(),
            };
            let outcome = connected.and_then(|mut connection| {
                let outcome = ask(&mut *connection);
                if !outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::Unavailable) {
                    self.spare.lock().push(connection);
                }
                outcome
            });
            match outcome {
                Ok(result) => {
                    self.note_up();
                    return Ok(result);
                }
                Err(error) => {
                    self.note_failure(&error);
                    let again = error.kind == ErrorKind::Busy && attempt < 5 || !fresh && error.passes();
                    if !again {
                        let text = format!("STOREDOWN the store cannot be asked: {error}");
                        return Err(Fail::text(text.replace(['\r', '\n'], " ")));
                    }
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Tables of others in the store that could be taken over, and whose names begin so.
    pub(crate) fn found_tables(&self, prefix: &str) -> Result<Vec<String>, Fail> {
        self.ask_store(|connection| connection.found(prefix))
    }

    /// A page of the store's keys of a database at this time, in the order of places and keys: it ends after so many rows, or with
    /// a place that has some.
    pub(crate) fn keys_beyond(
        &self,
        (db, now_ms): (u32, u64),
        start: Option<&PageStart>,
        limit: usize,
        beyond: Beyond,
    ) -> Result<ColdKeys, Fail> {
        let mut places = self.places_of_database(db);
        // A table may have been dropped since.
        places.retain(|place| start.is_none_or(|start| *place >= start.place));
        for (index, place) in places.iter().enumerate() {
            let after = start.filter(|start| start.place == *place).and_then(|start| start.after.as_deref());
            let (keys, last) = self.page_beyond((place, now_ms), after, limit, beyond)?;
            if last.is_some() {
                return Ok((keys, Some(PageStart { place: place.clone(), after: last })));
            }
            if let (false, Some(next)) = (keys.is_empty(), places.get(index + 1)) {
                return Ok((keys, Some(PageStart { place: next.clone(), after: None })));
            }
            if !keys.is_empty() {
                return Ok((keys, None));
            }
        }
        Ok((Vec::new(), None))
    }

    /// The same for one place: which of its next rows are listed, and the key there of the last one, unless there are no more.
    pub(crate) fn page_beyond(
        &self,
        (place, now_ms): (&Place, u64),
        after: Option<&[u8]>,
        limit: usize,
        beyond: Beyond,
    ) -> Result<PlaceKeys, Fail> {
        let db = super::keeper::database_of(place);
        let flushed = self.flushed_version(db);
        let page = self.ask_store(|connection| {
            self.define_place(connection, place)?;
            connection.page(place, after, limit, now_ms)
        })?;
        let last = if page.len() < limit { None } else { page.last().map(|(key, _)| key.clone()) };
        let keys = page.into_iter().filter(|(_, version)| *version > flushed || flushed == 0);
        let keys = keys.map(|(key, _)| key_of(place, &key));
        Ok((keys.filter(|key| self.is_listed(db, key, beyond, now_ms)).collect(), last))
    }

    pub(super) fn places_of_database(&self, db: u32) -> Vec<Place> {
        let mut places = self.places();
        places.retain(|place| super::keeper::database_of(place) == db);
        places.sort_unstable();
        places
    }

    fn is_listed(&self, db: u32, key: &[u8], beyond: Beyond, now_ms: u64) -> bool {
        let keyspace = &self.shards.keyspace;
        let hash = keyspace.hash(key);
        let part = keyspace.lock(keyspace.shard_of(hash));
        // Without a space memory knows of no key.
        part.space(keyspace.space_of(db)).is_none_or(|space| beyond.lists(space, hash, key, now_ms))
    }

    /// The type of each key, be it in memory or in the store; none if it is nowhere any more.
    pub(crate) fn kinds_of(
        &self,
        (db, now_ms): (u32, u64),
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Kind>>, Fail> {
        let keyspace = &self.shards.keyspace;
        let mut kinds = Vec::with_capacity(keys.len());
        let mut unknown = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            let hash = keyspace.hash(key);
            let part = keyspace.lock(keyspace.shard_of(hash));
            let space = part.space(keyspace.space_of(db));
            kinds.push(space.and_then(|space| space.get(hash, key)).and_then(|entry| entry.kind_at(now_ms)));
            if space.is_none_or(|space| space.is_cold(hash, key)) {
                unknown.push(index);
            }
        }
        let tables = snapshot(&self.shards);
        for some in unknown.chunks(TYPES_READ_MAX) {
            let (mut owners, mut asked) = (Vec::new(), Vec::new());
            for &index in some {
                for place in places_of(self, &tables, db, &keys[index]) {
                    owners.push(index);
                    asked.push(place);
                }
            }
            let rows = self.ask_store(|connection| connection.load(&asked))?;
            for (index, row) in owners.into_iter().zip(rows) {
                if let Some(row) = row.filter(|row| !is_past(row.expire_at_ms, now_ms)) {
                    kinds[index] = kinds[index].or(kind_of(&row.content));
                }
            }
        }
        Ok(kinds)
    }

    /// How many keys a database has, in memory and in the store.
    pub(crate) fn count_keys(&self, db: u32, now_ms: u64) -> Result<u64, Fail> {
        let tables = snapshot(&self.shards);
        self.count(
            (db, b""),
            now_ms,
            &self.places_of_database(db),
            |key| places_of(self, &tables, db, key),
            |_| true,
        )
    }

    /// How many records a table has, in memory and in the store.
    pub(crate) fn count_records(&self, table: &str, now_ms: u64) -> Result<u64, Fail> {
        let tables: Snapshot = snapshot(&self.shards);
        let place = |key: &[u8]| {
            table_of(&tables, crate::record::DATABASE, key)
                .map(|(definition, rest)| (Place::Table((&*definition.name).into()), rest.to_vec()))
                .into_iter()
                .collect()
        };
        let prefix = [table.as_bytes(), b":"].concat();
        let places = [Place::Table(table.into())];
        self.count((crate::record::DATABASE, &prefix), now_ms, &places, place, |kind| kind == Kind::Json)
    }

    /// Counts keys of a database that begin so. What settles while it is counted would count twice or not at all: then it is counted
    /// anew, in the end while lanes wait, if they can.
    fn count(
        &self,
        (db, prefix): (u32, &[u8]),
        now_ms: u64,
        places: &[Place],
        rows_of: impl Fn(&[u8]) -> Vec<(Place, Vec<u8>)>,
        counts: impl Fn(Kind) -> bool,
    ) -> Result<u64, Fail> {
        if self.flushed_version(db) != 0 {
            return self.count_each((db, prefix), counts);
        }
        let count = || self.count_once((db, prefix), now_ms, places, &rows_of, &counts);
        for _ in 0..COUNT_TRIES {
            let before = self.flights.none_since();
            let counted = count()?;
            if before.is_some() && self.flights.none_since() == before {
                return Ok(counted);
            }
        }
        let _lanes: Vec<_> = self.workers.iter().map(|worker| worker.try_lock_for(COUNT_WAIT)).collect();
        count()
    }

    /// Counts the rows of places, and then, of keys of the database that begin so and have not settled, what is in memory in
    /// place of what `rows_of` them there is.
    fn count_once(
        &self,
        (db, prefix): (u32, &[u8]),
        now_ms: u64,
        places: &[Place],
        rows_of: &impl Fn(&[u8]) -> Vec<(Place, Vec<u8>)>,
        counts: &impl Fn(Kind) -> bool,
    ) -> Result<u64, Fail> {
        let keyspace = &self.shards.keyspace;
        let mut unsettled = Vec::new();
        for shard in 0..keyspace.shards() {
            let part = keyspace.lock(shard);
            if let Some(space) = part.space(keyspace.space_of(db)) {
                unsettled.extend(space.unsettled_keys(prefix, now_ms));
            }
        }
        let there = unsettled.iter().filter(|(_, kind)| kind.is_some_and(counts)).count();
        let mut count = i64::try_from(there).unwrap_or(i64::MAX);
        for place in places {
            let rows = self.ask_store(|connection| {
                self.define_place(connection, place)?;
                connection.count(place, now_ms)
            })?;
            count = count.saturating_add(i64::try_from(rows).unwrap_or(i64::MAX));
        }
        for some in unsettled.chunks(LOOKED_UP_MAX) {
            let keys: Vec<(Place, Vec<u8>)> = some.iter().flat_map(|(key, _)| rows_of(key)).collect();
            let rows = self.ask_store(|connection| connection.load(&keys))?;
            let had = rows.iter().flatten().filter(|row| !is_past(row.expire_at_ms, now_ms)).count();
            count -= i64::try_from(had).unwrap_or(0);
        }
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The same while rows that were flushed are still there: they do not count.
    fn count_each(&self, (db, prefix): (u32, &[u8]), counts: impl Fn(Kind) -> bool) -> Result<u64, Fail> {
        let (keyspace, now_ms) = (&self.shards.keyspace, self.now_ms());
        let mut count = 0;
        for shard in 0..keyspace.shards() {
            let part = keyspace.lock(shard);
            if let Some(space) = part.space(keyspace.space_of(db)) {
                let kinds = space.table().iter().filter(|entry| entry.key().starts_with(prefix));
                count += kinds.filter(|entry| entry.kind_at(now_ms).is_some_and(&counts)).count() as u64;
            }
        }
        let mut start = None;
        loop {
            let (keys, next) =
                self.keys_beyond((db, self.now_ms()), start.as_ref(), LOOKED_UP_MAX, Beyond::Cold)?;
            count += keys.iter().filter(|key| key.starts_with(prefix)).count() as u64;
            match next {
                None => return Ok(count),
                next => start = next,
            }
        }
    }
}

pub(super) fn is_past(expire_at_ms: u64, now_ms: u64) -> bool {
    expire_at_ms != 0 && now_ms > expire_at_ms
}

/// The type that `TYPE` gives to what a row holds.
fn kind_of(content: &Content) -> Option<Kind> {
    match content {
        Content::Record(_) => Some(Kind::Json),
        Content::Whole(tag, _) | Content::Parts(tag, _) => match *tag {
            codec::tag::STRING => Some(Kind::Str),
            codec::tag::LIST => Some(Kind::List),
            codec::tag::HASH => Some(Kind::Hash),
            codec::tag::JSON => Some(Kind::Json),
            _ => None,
        },
        Content::Gone => None,
    }
}

/// The key of a row of this place.
pub(super) fn key_of(place: &Place, key: &[u8]) -> Vec<u8> {
    match place {
        Place::Keys(_) => key.to_vec(),
        Place::Table(name) => [name.as_bytes(), b":", key].concat(),
    }
}
