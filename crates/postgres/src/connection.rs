//! A [`Connection`] of the engine's: each call is one of the modules beside this one.

use crate::records::Shape;
use crate::session::Session;
use crate::target::Target;
use crate::{Shared, apply, claim, outside, page, read, remove, select, table, tags};
use ramekin::store::{
    Batch, Claim, Claimed, Conflict, Connection, ErrorKind, Outside, Place, Position, Row, Selected,
    Selection, StoreError, Table, TableIndex,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

pub(crate) struct PostgresConnection {
    pub(crate) session: Session,
    pub(crate) shared: Arc<Shared>,
}

impl PostgresConnection {
    fn target(&mut self, place: &Place) -> Result<Target, StoreError> {
        target(&mut self.session, &self.shared, place)
    }

    fn shape(&mut self, place: &Place) -> Result<Arc<Shape>, StoreError> {
        match self.target(place)? {
            Target::Records(shape) => Ok(shape),
            Target::Keys => {
                Err(StoreError::new(ErrorKind::Invalid, "only records are asked for by what they hold"))
            }
        }
    }

    fn is_bytewise(&mut self) -> Result<bool, StoreError> {
        if let Some(known) = self.shared.is_bytewise.get() {
            return Ok(*known);
        }
        let is_bytewise = select::is_bytewise(&mut self.session)?;
        Ok(*self.shared.is_bytewise.get_or_init(|| is_bytewise))
    }
}

/// Where changes of a place go. What is known of tables of records is shared by all connections of a store.
fn target(session: &mut Session, shared: &Shared, place: &Place) -> Result<Target, StoreError> {
    let Place::Table(name) = place else { return Ok(Target::Keys) };
    if let Some(shape) = shared.tables.lock().get(name) {
        return Ok(Target::Records(Arc::clone(shape)));
    }
    let shape: Arc<Shape> = Arc::new(table::known(session, name)?);
    shared.tables.lock().insert(Arc::clone(name), Arc::clone(&shape));
    Ok(Target::Records(shape))
}

impl Connection for PostgresConnection {
    fn claim(&mut self, claim: &Claim) -> Result<Claimed, StoreError> {
        if claim.read_only {
            let claimed = claim::look(&mut self.session, claim)?;
            self.shared.has_tags.store(tags::look(&mut self.session, true)?, Relaxed);
            return Ok(claimed);
        }
        let (claimed, guard) = claim::claim(&mut self.session, self.shared.session()?, claim)?;
        self.shared.has_tags.store(tags::look(&mut self.session, false)?, Relaxed);
        *self.shared.guard.lock() = Some(guard);
        Ok(claimed)
    }

    fn release(&mut self, epoch: u64) -> Result<(), StoreError> {
        claim::release(&mut self.session, epoch)?;
        *self.shared.guard.lock() = None;
        Ok(())
    }

    fn define(&mut self, table: &Table) -> Result<(), StoreError> {
        let shape = table::define(&mut self.session, table)?;
        self.shared.tables.lock().insert(Arc::clone(&table.name), Arc::new(shape));
        Ok(())
    }

    fn drop_table(&mut self, table: &Table, epoch: u64) -> Result<(), StoreError> {
        self.shared.tables.lock().remove(&table.name);
        table::drop_table(&mut self.session, table, epoch, self.shared.has_tags.load(Relaxed))
    }

    fn apply(&mut self, batch: &Batch) -> Result<Vec<(usize, Conflict)>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let target = |session: &mut Session, place: &Place| target(session, &shared, place);
        apply::apply(&mut self.session, batch, &shared.has_tags, target)
    }

    fn position(&mut self, lane: u32, epoch: u64) -> Result<Position, StoreError> {
        read::position(&mut self.session, lane, epoch)
    }

    fn load(&mut self, keys: &[(Place, Vec<u8>)]) -> Result<Vec<Option<Row>>, StoreError> {
        let mut places: Vec<&Place> = Vec::new();
        let mut asked: HashMap<&Place, Vec<&[u8]>> = HashMap::new();
        for (place, key) in keys {
            let of_place = asked.entry(place).or_insert_with(|| {
                places.push(place);
                Vec::new()
            });
            of_place.push(key);
        }
        let mut found = HashMap::with_capacity(places.len());
        for place in places {
            let target = self.target(place)?;
            let mut rows = read::load(&mut self.session, place, &target, &asked[place])?;
            if self.shared.has_tags.load(Relaxed) {
                tags::load(&mut self.session, place, &mut rows)?;
            }
            found.insert(place, rows);
        }
        // A key may be asked for more than once.
        Ok(keys.iter().map(|(place, key)| found[place].get(key).cloned()).collect())
    }

    fn page(
        &mut self,
        place: &Place,
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        let target = self.target(place)?;
        page::page(&mut self.session, place, &target, after, limit, now_ms)
    }

    fn select(&mut self, place: &Place, selection: &Selection<'_>) -> Result<Selected, StoreError> {
        let shape = self.shape(place)?;
        let is_bytewise = self.is_bytewise()?;
        select::select(&mut self.session, &shape, selection, is_bytewise)
    }

    fn explain(&mut self, place: &Place, selection: &Selection<'_>) -> Result<Vec<String>, StoreError> {
        let shape = self.shape(place)?;
        let is_bytewise = self.is_bytewise()?;
        select::explain(&mut self.session, &shape, selection, is_bytewise)
    }

    fn set_indexes(&mut self, table: &Table, indexes: &[TableIndex]) -> Result<(), StoreError> {
        let shape = self.shape(&Place::Table(Arc::clone(&table.name)))?;
        select::set_indexes(&mut self.session, &shape, &table.name, indexes)
    }

    fn tables(&mut self) -> Result<Vec<Table>, StoreError> {
        table::all(&mut self.session)
    }

    fn found(&mut self, prefix: &str) -> Result<Vec<String>, StoreError> {
        table::found(&mut self.session, prefix)
    }

    fn count(&mut self, place: &Place, now_ms: u64) -> Result<u64, StoreError> {
        let target = self.target(place)?;
        read::count(&mut self.session, place, &target, now_ms)
    }

    fn has_tags(&mut self) -> Result<bool, StoreError> {
        if self.shared.has_tags.load(Relaxed) { tags::any(&mut self.session) } else { Ok(false) }
    }

    fn tagged(
        &mut self,
        place: &Place,
        tag: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        let target = self.target(place)?;
        if !self.shared.has_tags.load(Relaxed) {
            return Ok(Vec::new());
        }
        tags::page(&mut self.session, (place, &target), tag, after, limit, now_ms)
    }

    fn tag_counts(&mut self, place: &Place, now_ms: u64) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        let target = self.target(place)?;
        if !self.shared.has_tags.load(Relaxed) {
            return Ok(Vec::new());
        }
        tags::counts(&mut self.session, (place, &target), now_ms)
    }

    fn remove_expired(
        &mut self,
        place: &Place,
        before_ms: u64,
        limit: usize,
        epoch: u64,
    ) -> Result<usize, StoreError> {
        let target = self.target(place)?;
        let has_tags = self.shared.has_tags.load(Relaxed);
        remove::expired(&mut self.session, place, &target, before_ms, limit, (epoch, has_tags))
    }

    fn empty(&mut self, place: &Place, upto_version: u64, epoch: u64) -> Result<(), StoreError> {
        let target = self.target(place)?;
        let has_tags = self.shared.has_tags.load(Relaxed);
        remove::all(&mut self.session, place, &target, upto_version, (epoch, has_tags))
    }

    fn outside(&mut self, limit: usize) -> Result<Vec<Outside>, StoreError> {
        outside::seen(&mut self.session, limit)
    }

    fn forget_outside(&mut self, ids: &[u64]) -> Result<(), StoreError> {
        outside::forget(&mut self.session, ids)
    }
}
