//! A store of one's own: the two traits over an ordered map.
//!
//! `cargo run -p ramekin --example own_store`
//!
//! What a change does to a row stands in `change`, who may write in `admits`; all else is reading. A mutex makes a transaction
//! of each call, and a batch is looked through before any of it is done. It keeps nothing once the program ends: a store
//! that does would write where this one inserts.

use ramekin::store::{
    Batch, Change, Claim, Claimed, Conflict, Connection, Content, ErrorKind, Expect, Outside, Place,
    Position, Row, Store, StoreError, Table, conformance,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

type Answer<T> = Result<T, StoreError>;

#[derive(Default)]
struct Data {
    rows: BTreeMap<(Place, Vec<u8>), Row>,
    tables: BTreeSet<Arc<str>>,
    database_id: Option<u128>,
    owner: Weak<()>,
    /// The owner's epoch; the last one in which something was written; the highest version.
    epoch: u64,
    written: u64,
    version: u64,
    lanes: Vec<Position>,
}

/// A process with the store: alive as long as one of its handles is.
#[derive(Clone, Default)]
struct OwnStore {
    data: Arc<Mutex<Data>>,
    process: Arc<()>,
}

fn no<T>(kind: ErrorKind, text: &str) -> Answer<T> {
    Err(StoreError::new(kind, text))
}

impl Data {
    fn admits(&self, claim: &Claim) -> Answer<()> {
        if self.database_id.is_some_and(|id| id != claim.database_id) {
            return no(ErrorKind::Foreign, "the store belongs to another folder");
        }
        if claim.epoch > self.epoch {
            return no(ErrorKind::Foreign, "the folder has settled into another store");
        }
        if claim.epoch < self.written {
            return no(ErrorKind::Fenced, "the folder is an older copy");
        }
        match self.owner.upgrade() {
            Some(_) if !claim.read_only => no(ErrorKind::Owned, "the owner is alive"),
            _ => Ok(()),
        }
    }

    fn owns(&self, epoch: u64) -> Answer<()> {
        let is_over = self.owner.strong_count() == 0 || self.epoch != epoch;
        if is_over { no(ErrorKind::Fenced, "the epoch is over") } else { Ok(()) }
    }

    fn knows(&self, place: &Place) -> Answer<()> {
        match place {
            Place::Table(name) if !self.tables.contains(name) => {
                no(ErrorKind::Table(place.clone()), "there is no such table")
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, change: &Change) -> Option<Conflict> {
        self.version = self.version.max(change.version);
        let key = (change.place.clone(), change.key.clone());
        match (change.expect, self.rows.get(&key)) {
            (Expect::Stored(_), None) => return Some(Conflict::Removed),
            (Expect::Stored(stamp), Some(row)) if row.stamp != stamp => {
                return Some(Conflict::Written(row.stamp));
            }
            (_, Some(row)) if row.version >= change.version => return Some(Conflict::Version(row.version)),
            _ => {}
        }
        let Change { version, expire_at_ms, content, tags, .. } = change.clone();
        // Without new ones the row keeps those that it has.
        let kept = self.rows.get(&key).map(|row| row.tags.clone()).unwrap_or_default();
        let tags = tags.unwrap_or(kept);
        match content {
            Content::Gone => self.rows.remove(&key),
            content => self.rows.insert(key, Row { version, stamp: 0, expire_at_ms, content, tags }),
        };
        None
    }

    fn of<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = (&'a [u8], &'a Row)> {
        let rows = self.rows.range((place.clone(), Vec::new())..);
        rows.take_while(move |((at, _), _)| at == place).map(|((_, key), row)| (key.as_slice(), row))
    }

    fn remove(
        &mut self,
        place: &Place,
        epoch: u64,
        limit: usize,
        goes: impl Fn(&Row) -> bool,
    ) -> Answer<usize> {
        self.owns(epoch)?;
        self.knows(place)?;
        let going: Vec<Vec<u8>> =
            self.of(place).filter(|(_, row)| goes(row)).take(limit).map(|(key, _)| key.to_vec()).collect();
        self.written = epoch;
        let count = going.len();
        going.into_iter().for_each(|key| drop(self.rows.remove(&(place.clone(), key))));
        Ok(count)
    }
}

/// Whether a row has not expired yet.
fn lives(row: &Row, now_ms: u64) -> bool {
    row.expire_at_ms == 0 || row.expire_at_ms >= now_ms
}

impl OwnStore {
    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for OwnStore {
    fn kind(&self) -> &'static str {
        "own"
    }
    fn describe(&self) -> String {
        "a map in memory".to_owned()
    }
    fn notices_outside(&self) -> bool {
        false
    }

    fn keeps_tags(&self) -> bool {
        true
    }
    fn connect(&self) -> Answer<Box<dyn Connection>> {
        Ok(Box::new(self.clone()))
    }
}

impl Connection for OwnStore {
    fn claim(&mut self, claim: &Claim) -> Answer<Claimed> {
        let mut data = self.data();
        if !claim.takes_over {
            data.admits(claim)?;
        }
        if !claim.read_only {
            data.epoch = data.epoch.max(claim.epoch) + 1;
            data.database_id = Some(claim.database_id);
            data.owner = Arc::downgrade(&self.process);
            if data.lanes.len() != claim.lanes as usize {
                let sequence = data.lanes.iter().map(|lane| lane.sequence).max().unwrap_or_default();
                let watermark = data.lanes.iter().map(|lane| lane.watermark).min().unwrap_or_default();
                data.lanes = vec![Position { sequence, watermark }; claim.lanes as usize];
            }
        }
        Ok(Claimed { epoch: data.epoch, version: data.version, lanes: data.lanes.clone() })
    }

    fn release(&mut self, epoch: u64) -> Answer<()> {
        let mut data = self.data();
        data.owns(epoch)?;
        data.owner = Weak::new();
        Ok(())
    }

    fn define(&mut self, table: &Table) -> Answer<()> {
        self.data().tables.insert(table.name.clone());
        Ok(())
    }

    fn tables(&mut self) -> Answer<Vec<Table>> {
        let bare = |name: &Arc<str>| Table {
            name: name.clone(),
            stored_as: None,
            key_column: None,
            data_column: None,
        };
        Ok(self.data().tables.iter().map(bare).collect())
    }

    fn drop_table(&mut self, table: &Table, epoch: u64) -> Answer<()> {
        let mut data = self.data();
        data.owns(epoch)?;
        data.written = epoch;
        data.tables.remove(&table.name);
        data.rows.retain(|(place, _), _| *place != Place::Table(table.name.clone()));
        Ok(())
    }

    fn apply(&mut self, batch: &Batch) -> Answer<Vec<(usize, Conflict)>> {
        let mut data = self.data();
        data.owns(batch.epoch)?;
        match data.lanes.get(batch.lane as usize) {
            None => return no(ErrorKind::Invalid, "there is no such lane"),
            Some(lane) if lane.sequence + 1 != batch.sequence => {
                return no(ErrorKind::InDoubt, "the batch is not the next one");
            }
            Some(_) => {}
        }
        for change in &batch.changes {
            data.knows(&change.place)?;
            let is_record = matches!(change.content, Content::Record(_));
            let is_table = matches!(change.place, Place::Table(_));
            if change.content != Content::Gone && is_record != is_table {
                return no(ErrorKind::Refused, "the content does not belong there");
            }
        }
        data.written = batch.epoch;
        data.lanes[batch.lane as usize] = Position { sequence: batch.sequence, watermark: batch.watermark };
        let changes = batch.changes.iter().enumerate();
        Ok(changes.filter_map(|(at, change)| Some((at, data.change(change)?))).collect())
    }

    fn position(&mut self, lane: u32, epoch: u64) -> Answer<Position> {
        let data = self.data();
        data.owns(epoch)?;
        data.lanes
            .get(lane as usize)
            .map_or_else(|| no(ErrorKind::Invalid, "there is no such lane"), |lane| Ok(*lane))
    }

    fn load(&mut self, keys: &[(Place, Vec<u8>)]) -> Answer<Vec<Option<Row>>> {
        let data = self.data();
        keys.iter().map(|key| data.knows(&key.0).map(|()| data.rows.get(key).cloned())).collect()
    }

    fn page(
        &mut self,
        place: &Place,
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Answer<Vec<(Vec<u8>, u64)>> {
        let data = self.data();
        data.knows(place)?;
        let rows =
            data.of(place).filter(|(key, row)| after.is_none_or(|after| *key > after) && lives(row, now_ms));
        Ok(rows.take(limit).map(|(key, row)| (key.to_vec(), row.version)).collect())
    }

    fn count(&mut self, place: &Place, now_ms: u64) -> Answer<u64> {
        let data = self.data();
        data.knows(place)?;
        Ok(data.of(place).filter(|(_, row)| lives(row, now_ms)).count() as u64)
    }

    fn has_tags(&mut self) -> Answer<bool> {
        Ok(self.data().rows.values().any(|row| !row.tags.is_empty()))
    }

    fn tagged(
        &mut self,
        place: &Place,
        tag: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Answer<Vec<(Vec<u8>, u64)>> {
        let data = self.data();
        data.knows(place)?;
        let has = |row: &Row| row.tags.iter().any(|other| *other == tag) && lives(row, now_ms);
        let rows = data.of(place).filter(|(key, row)| after.is_none_or(|after| *key > after) && has(row));
        Ok(rows.take(limit).map(|(key, row)| (key.to_vec(), row.version)).collect())
    }

    fn tag_counts(&mut self, place: &Place, now_ms: u64) -> Answer<Vec<(Vec<u8>, u64)>> {
        let data = self.data();
        data.knows(place)?;
        let mut counts = BTreeMap::new();
        for (_, row) in data.of(place).filter(|(_, row)| lives(row, now_ms)) {
            row.tags.iter().for_each(|tag| *counts.entry(tag.clone()).or_insert(0) += 1);
        }
        Ok(counts.into_iter().collect())
    }

    fn remove_expired(&mut self, place: &Place, before_ms: u64, limit: usize, epoch: u64) -> Answer<usize> {
        self.data().remove(place, epoch, limit, |row| !lives(row, before_ms))
    }

    fn empty(&mut self, place: &Place, upto_version: u64, epoch: u64) -> Answer<()> {
        self.data().remove(place, epoch, usize::MAX, |row| row.version <= upto_version).map(drop)
    }

    fn outside(&mut self, _limit: usize) -> Answer<Vec<Outside>> {
        Ok(Vec::new())
    }

    fn forget_outside(&mut self, _ids: &[u64]) -> Answer<()> {
        Ok(())
    }
}

pub(crate) fn main() {
    // What every store has to do; it panics at the first thing that this one does not.
    let stores = Mutex::new(HashMap::<String, OwnStore>::new());
    conformance::run(&|name: &str| -> Arc<dyn Store> {
        let mut stores = stores.lock().unwrap_or_else(PoisonError::into_inner);
        let store = stores.entry(name.to_owned()).or_default();
        Arc::new(OwnStore { process: Arc::default(), ..store.clone() })
    });
    println!("it does all that a store has to do: {} cases", conformance::names().count());
}
