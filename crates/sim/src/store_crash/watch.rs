//! A store that is watched: what every batch does to its rows, and a crash of the process at any of its calls, and of a batch
//! before it begins, once it has begun, has advanced its lane, has changed its rows, asks for its commit, has it, and has the answer.
//!
//! What must hold of each batch: its changes are sorted, each key once; either all of it happens or nothing; a change that is
//! not told as a conflict is there afterwards; no version goes back, not even past a row that was removed; and no version and
//! no watermark is higher than what the log has made durable.

use parking_lot::Mutex;
use ramekin::store::{
    Batch, Claim, Claimed, Conflict, Connection, Content, ErrorKind, MemoryStore, Outside, Place, Position,
    Row, Store, StoreError, Table,
};
use std::collections::BTreeMap;
use std::sync::Arc;

type RowKey = (Place, Vec<u8>);

/// See the module. A clone is the same process.
#[derive(Clone)]
pub struct Watch {
    store: MemoryStore,
    seen: Arc<Mutex<Seen>>,
}

/// What outlives processes.
#[derive(Default)]
struct Seen {
    calls: u64,
    /// The process dies at this place: before or after a call, or at a step of a batch.
    crash_at: Option<u64>,
    is_dead: bool,
    /// The version of the last removal.
    removed: BTreeMap<RowKey, u64>,
    /// The highest version and watermark.
    highest: u64,
    /// What somebody else does once a batch was applied or rows were read, before it is known here.
    racer: Option<Box<dyn FnMut() + Send>>,
}

impl Seen {
    /// Whether the process is alive once it has come here.
    fn pass(&mut self) -> bool {
        self.calls += 1;
        self.is_dead |= self.crash_at == Some(self.calls);
        !self.is_dead
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self { store: MemoryStore::new(), seen: Arc::default() }
    }
}

impl Watch {
    /// The store as it is, whatever is wrong with it.
    #[must_use]
    pub fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// The process dies, and what it still asks for is not done.
    pub fn die(&self) {
        self.seen.lock().is_dead = true;
    }

    /// Whether it has died.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.seen.lock().is_dead
    }

    /// Another process with the same store, which dies at this of its calls.
    #[must_use]
    pub fn process(&self, crash_at: Option<u64>) -> Self {
        let mut seen = self.seen.lock();
        (seen.calls, seen.crash_at, seen.is_dead) = (0, crash_at, false);
        let process = Self { store: self.store.process(), seen: Arc::clone(&self.seen) };
        let seen = Arc::clone(&self.seen);
        process.store.faults().at_steps(move |_| seen.lock().pass());
        process
    }

    /// From now on this is done once a batch was applied, or rows were read, before the caller knows.
    pub fn race(&self, racer: Option<Box<dyn FnMut() + Send>>) {
        self.seen.lock().racer = racer;
    }

    fn after(&self) {
        let racer = self.seen.lock().racer.take();
        if let Some(mut racer) = racer {
            racer();
            self.seen.lock().racer.get_or_insert(racer);
        }
    }

    /// How many places to die there were in this process.
    #[must_use]
    pub fn crash_points(&self) -> u64 {
        self.seen.lock().calls
    }

    /// The highest version and watermark that was committed.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.seen.lock().highest
    }

    fn pass(&self) -> Result<(), StoreError> {
        if self.seen.lock().pass() {
            return Ok(());
        }
        Err(StoreError::new(ErrorKind::Unavailable, "the process is dead"))
    }

    fn around<R>(&self, call: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
        self.pass()?;
        let outcome = call();
        self.pass()?;
        outcome
    }

    fn row(&self, (place, key): &RowKey) -> Option<Row> {
        self.store.row(place, key)
    }

    fn check(
        &self,
        batch: &Batch,
        before: &[Option<Row>],
        outcome: &Result<Vec<(usize, Conflict)>, StoreError>,
        happened: bool,
    ) {
        let mut seen = self.seen.lock();
        if happened {
            let highest = batch.changes.iter().map(|change| change.version).max().unwrap_or(0);
            seen.highest = seen.highest.max(highest).max(batch.watermark);
        }
        for (index, (change, before)) in batch.changes.iter().zip(before).enumerate() {
            let at = (change.place.clone(), change.key.clone());
            let after = self.row(&at);
            if !happened {
                assert!(after == *before, "{change:?} of a batch that did not happen is there");
                continue;
            }
            if let Some(after) = after.as_ref().filter(|after| Some(*after) != before.as_ref()) {
                let least = before.as_ref().map(|row| row.version);
                let least = least.max(seen.removed.get(&at).copied());
                assert!(Some(after.version) >= least, "{change:?}: {least:?} goes back to {}", after.version);
            }
            let Ok(conflicts) = outcome else { continue };
            if conflicts.iter().any(|(conflict, _)| *conflict == index) {
                assert!(after == *before, "{change:?} was left out and is there");
                continue;
            }
            match &change.content {
                Content::Gone => {
                    assert!(after.is_none(), "{change:?} was applied and is not");
                    seen.removed.insert(at, change.version);
                }
                content => {
                    let row = after.unwrap_or_else(|| panic!("{change:?} was applied and is not there"));
                    assert!(row.content == *content && row.version == change.version, "{change:?}: {row:?}");
                    let is_tagged = change.tags.as_ref().is_none_or(|tags| *tags == row.tags);
                    assert!(is_tagged, "{change:?}: {row:?}");
                }
            }
        }
    }
}

impl Store for Watch {
    fn kind(&self) -> &'static str {
        self.store.kind()
    }

    fn describe(&self) -> String {
        self.store.describe()
    }

    fn notices_outside(&self) -> bool {
        self.store.notices_outside()
    }

    fn keeps_tags(&self) -> bool {
        self.store.keeps_tags()
    }

    fn connect(&self) -> Result<Box<dyn Connection>, StoreError> {
        let inner = self.around(|| self.store.connect())?;
        Ok(Box::new(Watched { inner, watch: self.clone() }))
    }
}

/// A connection to it.
struct Watched {
    inner: Box<dyn Connection>,
    watch: Watch,
}

impl Connection for Watched {
    fn claim(&mut self, claim: &Claim) -> Result<Claimed, StoreError> {
        self.watch.around(|| self.inner.claim(claim))
    }

    fn release(&mut self, epoch: u64) -> Result<(), StoreError> {
        self.watch.around(|| self.inner.release(epoch))
    }

    fn define(&mut self, table: &Table) -> Result<(), StoreError> {
        self.watch.around(|| self.inner.define(table))
    }

    fn drop_table(&mut self, table: &Table, epoch: u64) -> Result<(), StoreError> {
        self.watch.around(|| self.inner.drop_table(table, epoch))
    }

    fn tables(&mut self) -> Result<Vec<Table>, StoreError> {
        self.watch.around(|| self.inner.tables())
    }

    fn apply(&mut self, batch: &Batch) -> Result<Vec<(usize, Conflict)>, StoreError> {
        let order: Vec<_> = batch.changes.iter().map(|change| (&change.place, &change.key)).collect();
        assert!(order.is_sorted_by(|one, other| one < other), "sorted, each key once: {order:?}");
        self.watch.pass()?;
        let at = |(place, key): &(&Place, &Vec<u8>)| self.watch.store.row(place, key);
        let before: Vec<_> = order.iter().map(at).collect();
        let batches = self.watch.store.batches();
        let outcome = self.inner.apply(batch);
        self.watch.check(batch, &before, &outcome, self.watch.store.batches() > batches);
        self.watch.after();
        match self.watch.pass() {
            Ok(()) => outcome,
            Err(_) => Err(StoreError::new(ErrorKind::InDoubt, "the process is dead")),
        }
    }

    fn position(&mut self, lane: u32, epoch: u64) -> Result<Position, StoreError> {
        self.watch.around(|| self.inner.position(lane, epoch))
    }

    fn load(&mut self, keys: &[(Place, Vec<u8>)]) -> Result<Vec<Option<Row>>, StoreError> {
        self.watch.around(|| {
            let rows = self.inner.load(keys);
            self.watch.after();
            rows
        })
    }

    fn page(
        &mut self,
        place: &Place,
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        self.watch.around(|| self.inner.page(place, after, limit, now_ms))
    }

    fn count(&mut self, place: &Place, now_ms: u64) -> Result<u64, StoreError> {
        self.watch.around(|| self.inner.count(place, now_ms))
    }

    fn has_tags(&mut self) -> Result<bool, StoreError> {
        self.watch.around(|| self.inner.has_tags())
    }

    fn tagged(
        &mut self,
        place: &Place,
        tag: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        self.watch.around(|| self.inner.tagged(place, tag, after, limit, now_ms))
    }

    fn tag_counts(&mut self, place: &Place, now_ms: u64) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        self.watch.around(|| self.inner.tag_counts(place, now_ms))
    }

    fn remove_expired(
        &mut self,
        place: &Place,
        before_ms: u64,
        limit: usize,
        epoch: u64,
    ) -> Result<usize, StoreError> {
        self.watch.around(|| self.inner.remove_expired(place, before_ms, limit, epoch))
    }

    fn empty(&mut self, place: &Place, upto_version: u64, epoch: u64) -> Result<(), StoreError> {
        self.watch.around(|| self.inner.empty(place, upto_version, epoch))
    }

    fn outside(&mut self, limit: usize) -> Result<Vec<Outside>, StoreError> {
        self.watch.around(|| self.inner.outside(limit))
    }

    fn forget_outside(&mut self, ids: &[u64]) -> Result<(), StoreError> {
        self.watch.around(|| self.inner.forget_outside(ids))
    }
}
