//! A store that a user has written in Python: bytes by bytes, in order, changed all together or not at all.
//!
//! Owns what a store has to be beyond that: whose it is, lanes, versions, conflicts, tables, expiry and tags. [`bytes`] calls the
//! Python object, [`form`] has the bytes of all that is kept. What must hold: a batch is one call of `save` with the lane's
//! position in it; an exception of `save` leaves in doubt whether that was done, and the position tells. Left out: noticing what
//! others write, and finding records otherwise than by reading all.

mod bytes;
mod form;

use bytes::Bytes;
use form::{Lane, Meta, Shelf};
use parking_lot::Mutex;
use pyo3::prelude::*;
use ramekin::store::{
    Batch, Change, Claim, Claimed, Conflict, Connection, Content, ErrorKind, Expect, Outside, Place,
    Position, Row, Store, StoreError, Table, conformance,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};

type Answer<T> = Result<T, StoreError>;

/// Rows that are read at once.
const PAGE_ROWS: usize = 1000;

/// Who owns which object, in this process; another process is kept away by the epoch alone.
static OWNERS: Mutex<Vec<(usize, Weak<()>)>> = Mutex::new(Vec::new());

/// The store of an object, for one database.
pub(crate) struct PyStore {
    bytes: Arc<Bytes>,
    process: Arc<()>,
}

impl PyStore {
    /// The store of an object with `load`, `save` and `scan`.
    pub(crate) fn new(object: Py<PyAny>) -> Self {
        Self { bytes: Arc::new(Bytes::of(object)), process: Arc::default() }
    }
}

impl Store for PyStore {
    fn kind(&self) -> &'static str {
        "python"
    }
    fn describe(&self) -> String {
        self.bytes.describe()
    }
    fn notices_outside(&self) -> bool {
        false
    }
    fn keeps_tags(&self) -> bool {
        true
    }
    fn connect(&self) -> Answer<Box<dyn Connection>> {
        Ok(Box::new(Reach { bytes: Arc::clone(&self.bytes), process: Arc::clone(&self.process) }))
    }
}

struct Reach {
    bytes: Arc<Bytes>,
    process: Arc<()>,
}

fn no<T>(kind: ErrorKind, text: &str) -> Answer<T> {
    Err(StoreError::new(kind, text))
}

/// Whether a row has not expired yet.
fn lives(row: &Row, now_ms: u64) -> bool {
    row.expire_at_ms == 0 || row.expire_at_ms >= now_ms
}

impl Reach {
    fn one(&self, shelf: &Shelf<'_>) -> Answer<Option<Vec<u8>>> {
        Ok(self.bytes.load(&[shelf.key()])?.pop().flatten())
    }

    fn meta(&self) -> Answer<Option<Meta>> {
        self.one(&Shelf::Meta)?.map(|bytes| Meta::read(&bytes)).transpose()
    }

    /// What is known of the store, if this is its owner's epoch.
    fn own(&self, epoch: u64) -> Answer<Meta> {
        match self.meta()? {
            Some(meta) if meta.epoch == epoch && !meta.is_released && self.is_owner() => Ok(meta),
            _ => no(ErrorKind::Fenced, "somebody else has opened this store since, or it was given up"),
        }
    }

    fn owner(&self) -> Option<Arc<()>> {
        let mut owners = OWNERS.lock();
        owners.retain(|(_, owner)| owner.strong_count() > 0);
        owners.iter().find(|(id, _)| *id == self.bytes.id()).and_then(|(_, owner)| owner.upgrade())
    }

    fn is_owner(&self) -> bool {
        self.owner().is_some_and(|owner| Arc::ptr_eq(&owner, &self.process))
    }

    fn set_owner(&self, process: Option<&Arc<()>>) {
        let mut owners = OWNERS.lock();
        owners.retain(|(id, _)| *id != self.bytes.id());
        owners.extend(process.map(|process| (self.bytes.id(), Arc::downgrade(process))));
    }

    fn admits(&self, claim: &Claim, meta: Option<&Meta>) -> Answer<()> {
        if meta.is_some_and(|meta| meta.database_id != claim.database_id) {
            return no(
                ErrorKind::Foreign,
                "it belongs to another data folder: open it with that folder, or take it over",
            );
        }
        if claim.epoch > meta.map_or(0, |meta| meta.epoch) {
            return no(
                ErrorKind::Foreign,
                "this folder has settled into another store, or a later state of this one",
            );
        }
        if claim.epoch < meta.map_or(0, |meta| meta.written) {
            return no(ErrorKind::Fenced, "the folder is an older copy: another one has written here since");
        }
        if !claim.read_only && self.owner().is_some() {
            return no(ErrorKind::Owned, "it is open already in this process");
        }
        Ok(())
    }

    fn lanes(&self, count: u32) -> Answer<Vec<Lane>> {
        let keys: Vec<_> = (0..count).map(|lane| Shelf::Lane(lane).key()).collect();
        let lanes = self.bytes.load(&keys)?;
        lanes.into_iter().map(|bytes| bytes.map_or(Ok(Lane::default()), |bytes| Lane::read(&bytes))).collect()
    }

    /// Whether a place is there: its table was defined.
    fn knows<'p>(&self, places: impl Iterator<Item = &'p Place>) -> Answer<()> {
        let tables: BTreeSet<&Place> = places.filter(|place| matches!(place, Place::Table(_))).collect();
        let keys: Vec<_> = tables.iter().map(|place| Shelf::definition_of(place).key()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        for (place, found) in tables.into_iter().zip(self.bytes.load(&keys)?) {
            if found.is_none() {
                return no(ErrorKind::Table(place.clone()), "there is no such table");
            }
        }
        Ok(())
    }

    /// Shows the rows of a place behind a key to `visit`, until it says that it has enough.
    fn each(
        &self,
        place: &Place,
        after: Option<&[u8]>,
        mut visit: impl FnMut(Vec<u8>, Row) -> Answer<bool>,
    ) -> Answer<()> {
        self.knows(std::iter::once(place))?;
        let prefix = Shelf::Row(place, b"").key();
        let mut after = after.map(|key| Shelf::Row(place, key).key());
        loop {
            let page = self.bytes.scan(&prefix, after.as_deref(), PAGE_ROWS)?;
            let is_last = page.len() < PAGE_ROWS;
            after = page.last().map(|(key, _)| key.clone());
            for (key, bytes) in page {
                let Some(key) = key.strip_prefix(&*prefix) else {
                    return no(
                        ErrorKind::Invalid,
                        "`scan` has told a key that does not begin as was asked for",
                    );
                };
                if !visit(key.to_vec(), form::read_row(&bytes)?)? {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Removes rows of a place, page by page.
    fn remove(&self, place: &Place, epoch: u64, limit: usize, goes: impl Fn(&Row) -> bool) -> Answer<usize> {
        self.own(epoch)?;
        let mut going = Vec::new();
        self.each(place, None, |key, row| {
            if goes(&row) {
                going.push(Shelf::Row(place, &key).key());
            }
            Ok(going.len() < limit)
        })?;
        for some in going.chunks(PAGE_ROWS) {
            let mut meta = self.own(epoch)?;
            meta.written = epoch;
            let mut changes: BTreeMap<_, _> = some.iter().map(|key| (key.clone(), None)).collect();
            changes.insert(Shelf::Meta.key(), Some(meta.bytes()));
            self.bytes.save(&changes)?;
        }
        Ok(going.len())
    }
}

/// What a change makes of a row: nothing to be done with a conflict.
fn changed(change: &Change, row: Option<&Row>) -> Result<Option<Row>, Conflict> {
    match (change.expect, row) {
        (Expect::Stored(_), None) => return Err(Conflict::Removed),
        (Expect::Stored(stamp), Some(row)) if row.stamp != stamp => return Err(Conflict::Written(row.stamp)),
        (_, Some(row)) if row.version >= change.version => return Err(Conflict::Version(row.version)),
        _ => {}
    }
    if change.content == Content::Gone {
        return Ok(None);
    }
    // Without new ones the row keeps those that it has.
    let kept = || row.map(|row| row.tags.clone()).unwrap_or_default();
    Ok(Some(Row {
        version: change.version,
        stamp: 0,
        expire_at_ms: change.expire_at_ms,
        content: change.content.clone(),
        tags: change.tags.clone().unwrap_or_else(kept),
    }))
}

impl Connection for Reach {
    fn claim(&mut self, claim: &Claim) -> Answer<Claimed> {
        let meta = self.meta()?;
        if !claim.takes_over {
            self.admits(claim, meta.as_ref())?;
        }
        let before = self.lanes(meta.as_ref().map_or(0, |meta| meta.lanes))?;
        let version = before.iter().map(|lane| lane.version).max().unwrap_or(0);
        let position = |lane: &Lane| Position { sequence: lane.sequence, watermark: lane.watermark };
        if claim.read_only {
            let lanes = before.iter().map(position).collect();
            return Ok(Claimed { epoch: meta.map_or(0, |meta| meta.epoch), version, lanes });
        }
        let (epoch, written) = meta.map_or((0, 0), |meta| (meta.epoch, meta.written));
        let epoch = epoch.max(claim.epoch) + 1;
        let lanes = if before.len() == claim.lanes as usize {
            before.clone()
        } else {
            let sequence = before.iter().map(|lane| lane.sequence).max().unwrap_or_default();
            let watermark = before.iter().map(|lane| lane.watermark).min().unwrap_or_default();
            vec![Lane { sequence, watermark, version }; claim.lanes as usize]
        };
        let meta =
            Meta { database_id: claim.database_id, epoch, written, lanes: claim.lanes, is_released: false };
        let mut changes = BTreeMap::from([(Shelf::Meta.key(), Some(meta.bytes()))]);
        for (lane, at) in (0_u32..).zip(0..lanes.len().max(before.len())) {
            changes.insert(Shelf::Lane(lane).key(), lanes.get(at).map(Lane::bytes));
        }
        self.bytes.save(&changes)?;
        self.set_owner(Some(&self.process));
        Ok(Claimed { epoch, version, lanes: lanes.iter().map(position).collect() })
    }

    fn release(&mut self, epoch: u64) -> Answer<()> {
        let mut meta = self.own(epoch)?;
        meta.is_released = true;
        self.bytes.save(&BTreeMap::from([(Shelf::Meta.key(), Some(meta.bytes()))]))?;
        self.set_owner(None);
        Ok(())
    }

    fn define(&mut self, table: &Table) -> Answer<()> {
        let key = Shelf::Definition(&table.name).key();
        self.bytes.save(&BTreeMap::from([(key, Some(form::table_bytes(table)))]))
    }

    fn tables(&mut self) -> Answer<Vec<Table>> {
        let (prefix, mut after, mut tables) = (Shelf::Definition("").key(), None, Vec::new());
        loop {
            let page = self.bytes.scan(&prefix, after.as_deref(), PAGE_ROWS)?;
            for (key, bytes) in &page {
                tables.push(form::read_table(key.strip_prefix(&*prefix).unwrap_or_default(), bytes)?);
            }
            if page.len() < PAGE_ROWS {
                return Ok(tables);
            }
            after = page.into_iter().last().map(|(key, _)| key);
        }
    }

    fn drop_table(&mut self, table: &Table, epoch: u64) -> Answer<()> {
        let place = Place::Table(Arc::clone(&table.name));
        match self.remove(&place, epoch, usize::MAX, |_| true) {
            Err(error) if matches!(error.kind, ErrorKind::Table(_)) => return Ok(()),
            removed => removed?,
        };
        self.bytes.save(&BTreeMap::from([(Shelf::Definition(&table.name).key(), None)]))
    }

    fn apply(&mut self, batch: &Batch) -> Answer<Vec<(usize, Conflict)>> {
        let mut meta = self.own(batch.epoch)?;
        if batch.lane >= meta.lanes {
            return no(ErrorKind::Invalid, "there is no such lane");
        }
        let mut keys = vec![Shelf::Lane(batch.lane).key(), Shelf::HasTags.key()];
        keys.extend(batch.changes.iter().map(|change| Shelf::Row(&change.place, &change.key).key()));
        let mut found = self.bytes.load(&keys)?.into_iter();
        let mut next = || found.next().flatten();
        let mut lane = next().map_or(Ok(Lane::default()), |bytes| Lane::read(&bytes))?;
        let has_tags = next().is_some();
        if lane.sequence + 1 != batch.sequence {
            return no(ErrorKind::InDoubt, "the batch is not the next one");
        }
        self.knows(batch.changes.iter().map(|change| &change.place))?;
        let (mut changes, mut conflicts) = (BTreeMap::new(), Vec::new());
        for (at, (change, key)) in batch.changes.iter().zip(&keys[2..]).enumerate() {
            let is_record = matches!(change.content, Content::Record(_));
            if change.content != Content::Gone && is_record != matches!(change.place, Place::Table(_)) {
                return no(ErrorKind::Refused, "the content does not belong there");
            }
            let row = next().map(|bytes| form::read_row(&bytes)).transpose()?;
            lane.version = lane.version.max(change.version);
            match changed(change, row.as_ref()) {
                Ok(row) => {
                    if !has_tags && row.as_ref().is_some_and(|row| !row.tags.is_empty()) {
                        changes.insert(Shelf::HasTags.key(), Some(vec![1]));
                    }
                    changes.insert(key.clone(), row.as_ref().map(form::row_bytes));
                }
                Err(conflict) => conflicts.push((at, conflict)),
            }
        }
        (lane.sequence, lane.watermark) = (batch.sequence, batch.watermark);
        changes.insert(Shelf::Lane(batch.lane).key(), Some(lane.bytes()));
        if meta.written != batch.epoch {
            meta.written = batch.epoch;
            changes.insert(Shelf::Meta.key(), Some(meta.bytes()));
        }
        self.bytes.save(&changes)?;
        Ok(conflicts)
    }

    fn position(&mut self, lane: u32, epoch: u64) -> Answer<Position> {
        if lane >= self.own(epoch)?.lanes {
            return no(ErrorKind::Invalid, "there is no such lane");
        }
        let found = self.one(&Shelf::Lane(lane))?;
        let lane = found.map_or(Ok(Lane::default()), |bytes| Lane::read(&bytes))?;
        Ok(Position { sequence: lane.sequence, watermark: lane.watermark })
    }

    fn load(&mut self, keys: &[(Place, Vec<u8>)]) -> Answer<Vec<Option<Row>>> {
        self.knows(keys.iter().map(|(place, _)| place))?;
        let keys: Vec<_> = keys.iter().map(|(place, key)| Shelf::Row(place, key).key()).collect();
        let found = self.bytes.load(&keys)?;
        found.into_iter().map(|bytes| bytes.map(|bytes| form::read_row(&bytes)).transpose()).collect()
    }

    fn page(
        &mut self,
        place: &Place,
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Answer<Vec<(Vec<u8>, u64)>> {
        let mut page = Vec::new();
        self.each(place, after, |key, row| {
            if page.len() < limit && lives(&row, now_ms) {
                page.push((key, row.version));
            }
            Ok(page.len() < limit)
        })?;
        Ok(page)
    }

    fn count(&mut self, place: &Place, now_ms: u64) -> Answer<u64> {
        let mut count = 0;
        self.each(place, None, |_, row| {
            count += u64::from(lives(&row, now_ms));
            Ok(true)
        })?;
        Ok(count)
    }

    fn has_tags(&mut self) -> Answer<bool> {
        self.one(&Shelf::HasTags).map(|found| found.is_some())
    }

    fn tagged(
        &mut self,
        place: &Place,
        tag: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Answer<Vec<(Vec<u8>, u64)>> {
        let mut tagged = Vec::new();
        self.each(place, after, |key, row| {
            if tagged.len() < limit && lives(&row, now_ms) && row.tags.iter().any(|other| *other == tag) {
                tagged.push((key, row.version));
            }
            Ok(tagged.len() < limit)
        })?;
        Ok(tagged)
    }

    fn tag_counts(&mut self, place: &Place, now_ms: u64) -> Answer<Vec<(Vec<u8>, u64)>> {
        let mut counts = HashMap::new();
        self.each(place, None, |_, row| {
            if lives(&row, now_ms) {
                row.tags.into_iter().for_each(|tag| *counts.entry(tag).or_insert(0) += 1);
            }
            Ok(true)
        })?;
        Ok(counts.into_iter().collect())
    }

    fn remove_expired(&mut self, place: &Place, before_ms: u64, limit: usize, epoch: u64) -> Answer<usize> {
        self.remove(place, epoch, limit, |row| !lives(row, before_ms))
    }

    fn empty(&mut self, place: &Place, upto_version: u64, epoch: u64) -> Answer<()> {
        self.remove(place, epoch, usize::MAX, |row| row.version <= upto_version).map(drop)
    }

    fn outside(&mut self, _limit: usize) -> Answer<Vec<Outside>> {
        Ok(Vec::new())
    }

    fn forget_outside(&mut self, _ids: &[u64]) -> Answer<()> {
        Ok(())
    }
}

/// Puts a store through all that a store has to do: `make(name)` gives the object of a store, the same for the same name. Raises
/// at the first thing that it does not do; returns how many cases there were.
#[pyfunction]
pub(crate) fn check_store(py: Python<'_>, make: &Bound<'_, PyAny>) -> PyResult<usize> {
    let make = make.clone().unbind();
    let made = Mutex::new(HashMap::<String, Py<PyAny>>::new());
    let open = |name: &str| -> Arc<dyn Store> {
        let object = Python::attach(|py| {
            let mut made = made.lock();
            if let Some(object) = made.get(name) {
                return object.clone_ref(py);
            }
            let object =
                make.call1(py, (name,)).unwrap_or_else(|error| panic!("the store cannot be made: {error}"));
            made.insert(name.to_owned(), object.clone_ref(py));
            object
        });
        Arc::new(PyStore::new(object))
    };
    let ran =
        py.detach(|| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| conformance::run(&open))));
    ran.map(|()| conformance::names().count()).map_err(|panicked| {
        let text = panicked.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panicked.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        pyo3::exceptions::PyAssertionError::new_err(text.unwrap_or_default())
    })
}
