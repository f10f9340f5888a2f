//! A connection: it reads by itself, and writes by the one connection that all share.

use crate::form::{bound, database};
use crate::shared::Shared;
use crate::{apply, claim, read, schema, select, tables, tags};
use ramekin::store::{
    Batch, Claim, Claimed, Conflict, Connection, ErrorKind, Outside, Place, Position, Row, Selected,
    Selection, StoreError, Table,
};
use rusqlite::OptionalExtension;
use std::sync::Arc;

/// A connection, which reads from the file once it has to.
pub(crate) struct SqliteConnection {
    shared: Arc<Shared>,
    reader: Option<rusqlite::Connection>,
}

impl SqliteConnection {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, reader: None }
    }

    /// The connection that reads.
    fn reader(&mut self) -> Result<(&Shared, &rusqlite::Connection), StoreError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let opened = schema::open_reader(self.shared.path());
                none.insert(opened.map_err(|error| self.shared.fault(&error, None))?)
            }
        };
        Ok((&self.shared, reader))
    }

    /// Removes rows of a place by one statement of its form; returns how many.
    fn remove(
        &self,
        place: &Place,
        epoch: u64,
        run: impl FnOnce(&rusqlite::Connection, &crate::form::Form) -> rusqlite::Result<usize>,
    ) -> Result<usize, StoreError> {
        self.shared.write(|transaction, _| {
            claim::fence(&self.shared, transaction, epoch)?;
            let form = self.shared.form(transaction, place)?;
            run(transaction, &form).map_err(|error| self.shared.fault(&error, Some(place)))
        })
    }
}

impl Connection for SqliteConnection {
    fn claim(&mut self, claim: &Claim) -> Result<Claimed, StoreError> {
        self.shared.forget_forms();
        claim::claim(&self.shared, claim)
    }

    fn release(&mut self, epoch: u64) -> Result<(), StoreError> {
        claim::release(&self.shared, epoch)
    }

    fn define(&mut self, table: &Table) -> Result<(), StoreError> {
        tables::define(&self.shared, table)
    }

    fn drop_table(&mut self, table: &Table, epoch: u64) -> Result<(), StoreError> {
        tables::drop_table(&self.shared, table, epoch)
    }

    fn apply(&mut self, batch: &Batch) -> Result<Vec<(usize, Conflict)>, StoreError> {
        apply::apply(&self.shared, batch)
    }

    /// Waits for a batch that is being written: what it answers is what became of it.
    fn position(&mut self, lane: u32, epoch: u64) -> Result<Position, StoreError> {
        self.shared.write(|transaction, _| {
            let sql = "SELECT epoch, sequence, watermark FROM ramekin_lanes WHERE lane = ?1";
            let read = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, u64>(0)?, Position { sequence: row.get(1)?, watermark: row.get(2)? }))
            };
            let found = transaction.query_row(sql, [lane], read).optional();
            match found.map_err(|error| self.shared.fault(&error, None))? {
                Some((owner, position)) if owner == epoch => Ok(position),
                Some(_) => Err(claim::over(&self.shared)),
                None => Err(self.shared.error(ErrorKind::Invalid, &format!("there is no lane {lane}"))),
            }
        })
    }

    fn load(&mut self, keys: &[(Place, Vec<u8>)]) -> Result<Vec<Option<Row>>, StoreError> {
        let (shared, db) = self.reader()?;
        read::load(shared, db, keys)
    }

    fn page(
        &mut self,
        place: &Place,
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        let (shared, db) = self.reader()?;
        read::page(shared, db, place, after, limit, now_ms)
    }

    fn select(&mut self, place: &Place, selection: &Selection<'_>) -> Result<Selected, StoreError> {
        let (shared, db) = self.reader()?;
        select::select(shared, db, place, selection)
    }

    fn explain(&mut self, place: &Place, selection: &Selection<'_>) -> Result<Vec<String>, StoreError> {
        let (shared, db) = self.reader()?;
        select::explain(shared, db, place, selection)
    }

    fn tables(&mut self) -> Result<Vec<Table>, StoreError> {
        let (shared, db) = self.reader()?;
        read::tables(shared, db)
    }

    fn count(&mut self, place: &Place, now_ms: u64) -> Result<u64, StoreError> {
        let (shared, db) = self.reader()?;
        read::count(shared, db, place, now_ms)
    }

    fn has_tags(&mut self) -> Result<bool, StoreError> {
        if !self.shared.path().exists() {
            return Ok(false);
        }
        let (shared, db) = self.reader()?;
        tags::any(shared, db).map_err(|error| shared.fault(&error, None))
    }

    fn tagged(
        &mut self,
        place: &Place,
        tag: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        let (shared, db) = self.reader()?;
        tags::page(shared, db, (place, tag), after, limit, now_ms)
    }

    fn tag_counts(&mut self, place: &Place, now_ms: u64) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        let (shared, db) = self.reader()?;
        tags::counts(shared, db, place, now_ms)
    }

    fn remove_expired(
        &mut self,
        place: &Place,
        before_ms: u64,
        limit: usize,
        epoch: u64,
    ) -> Result<usize, StoreError> {
        self.remove(place, epoch, |db, form| {
            let params = [database(place), bound(before_ms), bound(limit as u64)];
            tags::remove(&self.shared, db, place, &form.expired, &params.each_ref().map(|it| it as _))?;
            db.prepare_cached(&form.remove_expired)?.execute(params)
        })
    }

    fn empty(&mut self, place: &Place, upto_version: u64, epoch: u64) -> Result<(), StoreError> {
        self.remove(place, epoch, |db, form| {
            let params = [database(place), bound(upto_version)];
            tags::remove(&self.shared, db, place, &form.empties, &params.each_ref().map(|it| it as _))?;
            db.prepare_cached(&form.empty)?.execute(params)
        })?;
        Ok(())
    }

    fn outside(&mut self, _limit: usize) -> Result<Vec<Outside>, StoreError> {
        Ok(Vec::new())
    }

    fn forget_outside(&mut self, _ids: &[u64]) -> Result<(), StoreError> {
        Ok(())
    }
}
