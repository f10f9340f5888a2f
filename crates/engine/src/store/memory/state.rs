//! The rows of a store in memory, its lanes and its owner: what a transaction changes as a whole.

use super::super::{
    Batch, Change, Claim, Claimed, Conflict, Content, ErrorKind, Expect, Outside, Place, Position, Row,
    StoreError, Table,
};
use super::fits;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

/// A store. A clone of it is what a transaction works on.
#[derive(Clone, Default)]
pub(super) struct State {
    database_id: Option<u128>,
    epoch: u64,
    /// The last epoch in which anything was written.
    written: u64,
    /// Whether the epoch goes on, and in which process.
    owner: Option<Weak<()>>,
    lanes: Vec<Position>,
    version: u64,
    tables: BTreeSet<Arc<str>>,
    places: BTreeMap<Place, BTreeMap<Vec<u8>, Row>>,
    outside: BTreeMap<u64, Outside>,
    /// The last stamp, which is also the last number of a change from outside.
    stamp: u64,
    pub(super) batches: u64,
}

fn error<T>(kind: ErrorKind, text: &str) -> Result<T, StoreError> {
    Err(StoreError::new(kind, text))
}

impl State {
    pub(super) fn tables(&self) -> Vec<Table> {
        let table = |name: &Arc<str>| Table {
            name: Arc::clone(name),
            stored_as: None,
            key_column: None,
            data_column: None,
        };
        self.tables.iter().map(table).collect()
    }

    pub(super) fn claim(&mut self, claim: &Claim, process: &Arc<()>) -> Result<Claimed, StoreError> {
        if !claim.takes_over {
            self.admits(claim, process)?;
        }
        let count = claim.lanes as usize;
        if !claim.read_only {
            self.epoch = self.epoch.max(claim.epoch) + 1;
            self.database_id = Some(claim.database_id);
            self.owner = Some(Arc::downgrade(process));
            if self.lanes.len() != count {
                let sequence = self.lanes.iter().map(|lane| lane.sequence).max().unwrap_or_default();
                let watermark = self.lanes.iter().map(|lane| lane.watermark).min().unwrap_or_default();
                self.lanes = vec![Position { sequence, watermark }; count];
            }
        }
        Ok(Claimed { epoch: self.epoch, version: self.version, lanes: self.lanes.clone() })
    }

    fn admits(&self, claim: &Claim, process: &Arc<()>) -> Result<(), StoreError> {
        if self.database_id.is_some_and(|id| id != claim.database_id) {
            return error(ErrorKind::Foreign, "the store belongs to another folder");
        }
        if claim.epoch > self.epoch {
            return error(
                ErrorKind::Foreign,
                "the folder has settled into another store, or a later state of it",
            );
        }
        if claim.epoch < self.written {
            return error(ErrorKind::Fenced, "the store was written since by another copy of the folder");
        }
        let owner = self.owner.as_ref().and_then(Weak::upgrade);
        if !claim.read_only && owner.is_some_and(|owner| !Arc::ptr_eq(&owner, process)) {
            return error(ErrorKind::Owned, "the store's owner is alive");
        }
        Ok(())
    }

    pub(super) fn owns(&self, epoch: u64) -> Result<(), StoreError> {
        if self.owner.is_none() || self.epoch != epoch {
            return error(ErrorKind::Fenced, "somebody else owns the store");
        }
        Ok(())
    }

    pub(super) fn release(&mut self, epoch: u64) -> Result<(), StoreError> {
        self.owns(epoch)?;
        self.owner = None;
        Ok(())
    }

    pub(super) fn define(&mut self, name: &Arc<str>) {
        self.tables.insert(Arc::clone(name));
    }

    pub(super) fn drop_table(&mut self, name: &Arc<str>, epoch: u64) -> Result<(), StoreError> {
        self.owns(epoch)?;
        self.written = epoch;
        self.tables.remove(name);
        self.places.remove(&Place::Table(Arc::clone(name)));
        Ok(())
    }

    /// Asks that a place is there.
    pub(super) fn knows(&self, place: &Place) -> Result<(), StoreError> {
        match place {
            Place::Table(name) if !self.tables.contains(name) => {
                error(ErrorKind::Table(place.clone()), &format!("there is no table {name}"))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with a batch, looked for before anything is changed: that makes it one transaction.
    pub(super) fn admits_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        self.owns(batch.epoch)?;
        let position = self.position(batch.lane)?;
        if batch.sequence != position.sequence + 1 {
            return error(ErrorKind::InDoubt, "the batch is not the next one of its lane");
        }
        for change in &batch.changes {
            self.knows(&change.place)?;
            if !fits(change) {
                return error(ErrorKind::Refused, "the content does not belong to its place");
            }
        }
        Ok(())
    }

    /// Advances the lane of a batch that is admitted.
    pub(super) fn advance(&mut self, batch: &Batch) {
        self.batches += 1;
        self.written = batch.epoch;
        self.lanes[batch.lane as usize] = Position { sequence: batch.sequence, watermark: batch.watermark };
    }

    /// Changes its rows.
    pub(super) fn change_rows(&mut self, batch: &Batch) -> Vec<(usize, Conflict)> {
        let changes = batch.changes.iter().enumerate();
        changes.filter_map(|(at, change)| Some((at, self.change(change)?))).collect()
    }

    fn change(&mut self, change: &Change) -> Option<Conflict> {
        self.version = self.version.max(change.version);
        let rows = self.places.entry(change.place.clone()).or_default();
        let row = rows.get(&change.key);
        match (change.expect, row) {
            (Expect::Stored(_), None) => return Some(Conflict::Removed),
            (Expect::Stored(stamp), Some(row)) if row.stamp != stamp => {
                return Some(Conflict::Written(row.stamp));
            }
            (_, Some(row)) if row.version >= change.version => return Some(Conflict::Version(row.version)),
            _ => {}
        }
        if change.content == Content::Gone {
            rows.remove(&change.key);
            return None;
        }
        let kept = || row.map(|row| row.tags.clone()).unwrap_or_default();
        let row = Row {
            version: change.version,
            stamp: 0,
            expire_at_ms: change.expire_at_ms,
            content: change.content.clone(),
            tags: change.tags.clone().unwrap_or_else(kept),
        };
        rows.insert(change.key.clone(), row);
        None
    }

    pub(super) fn position(&self, lane: u32) -> Result<Position, StoreError> {
        match self.lanes.get(lane as usize) {
            Some(position) => Ok(*position),
            None => error(ErrorKind::Invalid, &format!("there is no lane {lane}")),
        }
    }

    pub(super) fn row(&self, place: &Place, key: &[u8]) -> Option<&Row> {
        self.places.get(place)?.get(key)
    }

    pub(super) fn rows(&self) -> Vec<(Place, Vec<u8>, Row)> {
        let places = self.places.iter();
        let rows = places.flat_map(|(place, rows)| rows.iter().map(move |row| (place, row)));
        rows.map(|(place, (key, row))| (place.clone(), key.clone(), row.clone())).collect()
    }

    /// The rows of a place from the key after this one on.
    pub(super) fn walk(&self, place: &Place, after: Option<&[u8]>) -> impl Iterator<Item = (&Vec<u8>, &Row)> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.places.get(place).into_iter();
        rows.flat_map(move |rows| rows.range::<[u8], _>((from, Bound::Unbounded)))
    }

    /// Removes rows of a place, at most so many; returns how many.
    pub(super) fn remove(
        &mut self,
        place: &Place,
        epoch: u64,
        limit: usize,
        is_due: impl Fn(&Row) -> bool,
    ) -> Result<usize, StoreError> {
        self.owns(epoch)?;
        self.knows(place)?;
        self.written = epoch;
        let due = self.walk(place, None).filter(|(_, row)| is_due(row)).take(limit);
        let keys: Vec<Vec<u8>> = due.map(|(key, _)| key.clone()).collect();
        if let Some(rows) = self.places.get_mut(place) {
            keys.iter().for_each(|key| drop(rows.remove(key)));
        }
        Ok(keys.len())
    }

    pub(super) fn write_outside(&mut self, place: &Place, key: &[u8], content: Option<Content>, told: bool) {
        self.stamp += 1;
        let stamp = if told { self.stamp } else { 0 };
        let rows = self.places.entry(place.clone()).or_default();
        match content {
            Some(content) => {
                let before = rows.get(key);
                let version = before.map_or(0, |row| row.version);
                let expire_at_ms = before.map_or(0, |row| row.expire_at_ms);
                let tags = before.map(|row| row.tags.clone()).unwrap_or_default();
                rows.insert(key.to_vec(), Row { version, stamp, expire_at_ms, content, tags });
            }
            None => drop(rows.remove(key)),
        }
        if told {
            let outside = Outside { id: self.stamp, place: place.clone(), key: Some(key.to_vec()) };
            self.outside.insert(self.stamp, outside);
        }
    }

    pub(super) fn empty_outside(&mut self, place: &Place, told: bool) {
        self.places.remove(place);
        if told {
            self.stamp += 1;
            self.outside.insert(self.stamp, Outside { id: self.stamp, place: place.clone(), key: None });
        }
    }

    pub(super) fn outside(&self, limit: usize) -> Vec<Outside> {
        self.outside.values().take(limit).cloned().collect()
    }

    pub(super) fn forget_outside(&mut self, ids: &[u64]) {
        ids.iter().for_each(|id| drop(self.outside.remove(id)));
    }
}
