//! What the store has beside memory: for commands that walk or count all keys.
//!
//! Neither is a snapshot. A key that is there the whole time is listed, be it in memory, in the store or on its way between
//! them: memory is looked at first, and a key leaves it only for the store.

use super::Settle;
use super::change::places_of;
use super::tables::snapshot;
use crate::command::Fail;
use crate::store::{Connection, ErrorKind, Place, StoreError};

/// Keys that are looked up in the store at once.
const LOOKED_UP_MAX: usize = 1000;

/// A page of keys that only the store has, and where the next one begins.
pub type ColdKeys = (Vec<Vec<u8>>, Option<(Place, Vec<u8>)>);

impl Settle {
    fn ask_store<R>(&self, ask: impl Fn(&mut dyn Connection) -> Result<R, StoreError>) -> Result<R, Fail> {
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

    pub(crate) fn cold_keys(
        &self,
        db: u32,
        after: Option<&(Place, Vec<u8>)>,
        limit: usize,
    ) -> Result<ColdKeys, Fail> {
        let places: Vec<Place> =
            self.places().into_iter().filter(|place| super::keeper::database_of(place) == db).collect();
        let first = after.map_or(Some(0), |(place, _)| places.iter().position(|known| known == place));
        let Some(first) = first else { return Ok((Vec::new(), None)) };
        let (mut keys, now_ms) = (Vec::new(), self.now_ms());
        let flushed = self.flushed_version(db);
        for (index, place) in places.iter().enumerate().skip(first) {
            let from = after.filter(|(at, _)| at == place).map(|(_, key)| key.as_slice());
            let page = self.ask_store(|connection| connection.page(place, from, limit, now_ms))?;
            let is_last = page.len() < limit;
            let last = page.last().map(|(key, _)| key.clone());
            for (key, version) in page {
                let key = key_of(place, &key);
                if version > flushed && !self.is_in_memory(db, &key) {
                    keys.push(key);
                }
            }
            if !is_last {
                return Ok((keys, last.map(|key| (place.clone(), key))));
            }
            if let (false, Some(next)) = (keys.is_empty(), places.get(index + 1)) {
                return Ok((keys, Some((next.clone(), Vec::new()))));
            }
        }
        Ok((keys, None))
    }

    /// Whether memory says what there is to say of a key: that it is there, or that it is gone.
    fn is_in_memory(&self, db: u32, key: &[u8]) -> bool {
        let keyspace = &self.shards.keyspace;
        let hash = keyspace.hash(key);
        let part = keyspace.lock(keyspace.shard_of(hash));
        part.space(keyspace.space_of(db)).is_some_and(|space| !space.is_cold(hash, key))
    }

    pub(crate) fn count_keys(&self, db: u32) -> Result<u64, Fail> {
        let keyspace = &self.shards.keyspace;
        let now_ms = self.now_ms();
        let (mut count, tables) = (0_i64, snapshot(&self.shards));
        // What has changed first: what settles meanwhile is then counted where it is.
        let mut unsettled = Vec::new();
        for shard in 0..keyspace.shards() {
            let part = keyspace.lock(shard);
            if let Some(space) = part.space(keyspace.space_of(db)) {
                unsettled.extend(space.unsettled_keys(now_ms));
            }
        }
        if self.flushed_version(db) != 0 {
            // The rows that were flushed are still there: memory has all keys that count.
            return Ok(unsettled.iter().filter(|(_, is_there)| *is_there).count() as u64);
        }
        for place in self.places().into_iter().filter(|place| super::keeper::database_of(place) == db) {
            let rows = self.ask_store(|connection| connection.count(&place, now_ms))?;
            count += i64::try_from(rows).unwrap_or(i64::MAX);
        }
        for some in unsettled.chunks(LOOKED_UP_MAX) {
            let keys: Vec<(Place, Vec<u8>)> =
                some.iter().flat_map(|(key, _)| places_of(self, &tables, db, key)).collect();
            let rows = self.ask_store(|connection| connection.load(&keys))?;
            let had = |row: &Option<crate::store::Row>| {
                row.as_ref().is_some_and(|row| row.expire_at_ms == 0 || now_ms <= row.expire_at_ms)
            };
            count -= i64::try_from(rows.iter().filter(|row| had(row)).count()).unwrap_or(0);
            count += i64::try_from(some.iter().filter(|(_, is_there)| *is_there).count()).unwrap_or(0);
        }
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// The key of a row of this place.
fn key_of(place: &Place, key: &[u8]) -> Vec<u8> {
    match place {
        Place::Keys(_) => key.to_vec(),
        Place::Table(name) => [name.as_bytes(), b":", key].concat(),
    }
}
