//! A connection, as the engine sees it.

use crate::Shared;
use crate::apply::over;
use crate::lane::{lane_of, put_read_lane};
use crate::names::{self, TABLES};
use crate::session::{Session, plain, texts_of};
use crate::{apply, claim, load, remove, tags, walk};
use ramekin::store::{
    Batch, Claim, Claimed, Conflict, Connection, ErrorKind, Outside, Place, Position, Row, StoreError, Table,
};
use std::sync::Arc;

/// How often a position is asked for while others write to its lane.
const TRIES: usize = 20;

/// A connection with a session of its own.
pub(crate) struct RedisConnection {
    pub(crate) session: Session,
    pub(crate) shared: Arc<Shared>,
}

impl Connection for RedisConnection {
    fn claim(&mut self, claim: &Claim) -> Result<Claimed, StoreError> {
        claim::claim(&self.shared, &mut self.session, claim)
    }

    fn release(&mut self, epoch: u64) -> Result<(), StoreError> {
        claim::release(&self.shared, &mut self.session, epoch)
    }

    fn define(&mut self, table: &Table) -> Result<(), StoreError> {
        let invalid = |text: String| Err(StoreError::new(ErrorKind::Invalid, text));
        let name = &table.name;
        if !names::is_table(name) {
            return invalid(format!("a table of records cannot be called {name:?} in Redis"));
        }
        let is_own = table.stored_as.as_ref().is_none_or(|stored_as| **stored_as == **name);
        if !is_own || table.key_column.is_some() || table.data_column.is_some() {
            return invalid(format!("there are no tables of others' in Redis that {name} could be kept in"));
        }
        self.session.ask(&[b"HSETNX", TABLES, name.as_bytes(), b"1"]).map(drop)
    }

    fn tables(&mut self) -> Result<Vec<Table>, StoreError> {
        let found = texts_of(self.session.ask(&[b"HKEYS", TABLES])?, "HKEYS")?;
        let mut names: Vec<String> =
            found.into_iter().flatten().filter_map(|name| String::from_utf8(name).ok()).collect();
        names.sort_unstable();
        let table =
            |name: String| Table { name: name.into(), stored_as: None, key_column: None, data_column: None };
        Ok(names.into_iter().map(table).collect())
    }

    fn drop_table(&mut self, table: &Table, epoch: u64) -> Result<(), StoreError> {
        remove::drop_table(&mut self.session, &self.shared.turns, &table.name, epoch)
    }

    fn apply(&mut self, batch: &Batch) -> Result<Vec<(usize, Conflict)>, StoreError> {
        apply::apply(&mut self.session, batch, &self.shared)
    }

    /// Ends whatever is under way in the lane: an `EXEC` of before that arrives later does nothing.
    fn position(&mut self, lane: u32, epoch: u64) -> Result<Position, StoreError> {
        let name = names::lane(lane.into());
        for _ in 0..TRIES {
            self.session.put(&[b"WATCH", &name]);
            put_read_lane(&mut self.session, &name);
            let found = self.session.answers(2)?.pop().map_or(Ok(None), lane_of)?;
            let judged = match found {
                Some(found) if found.epoch == epoch => {
                    self.shared.history.check(lane, epoch, found.sequence).map(|()| found)
                }
                Some(_) => Err(over()),
                None => self.shared.history.check(lane, epoch, 0).and_then(|()| {
                    Err(StoreError::new(ErrorKind::Unavailable, format!("the server has no lane {lane}")))
                }),
            };
            let found = match judged {
                Ok(found) => found,
                Err(error) => {
                    self.session.unwatch()?;
                    return Err(error);
                }
            };
            self.session.begin();
            self.session.put(&[b"HINCRBY", &name, b"asked", b"1"]);
            if plain(self.session.commit())?.is_some() {
                plain(self.shared.history.confirm(&mut self.session))?;
                return Ok(Position { sequence: found.sequence, watermark: found.watermark });
            }
        }
        Err(StoreError::new(ErrorKind::Unavailable, "others write to the lane that was asked for"))
    }

    fn load(&mut self, keys: &[(Place, Vec<u8>)]) -> Result<Vec<Option<Row>>, StoreError> {
        load::load(&mut self.session, keys)
    }

    fn page(
        &mut self,
        place: &Place,
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        walk::page(&mut self.session, place, None, after, limit, now_ms)
    }

    fn count(&mut self, place: &Place, now_ms: u64) -> Result<u64, StoreError> {
        walk::count(&mut self.session, place, now_ms)
    }

    fn has_tags(&mut self) -> Result<bool, StoreError> {
        tags::any(&mut self.session)
    }

    fn tagged(
        &mut self,
        place: &Place,
        tag: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        walk::page(&mut self.session, place, Some(tag), after, limit, now_ms)
    }

    fn tag_counts(&mut self, place: &Place, now_ms: u64) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        let _turn = self.shared.turns.keep();
        tags::counts(&mut self.session, place, now_ms)
    }

    fn remove_expired(
        &mut self,
        place: &Place,
        before_ms: u64,
        limit: usize,
        epoch: u64,
    ) -> Result<usize, StoreError> {
        remove::remove_expired(&mut self.session, &self.shared.turns, place, before_ms, limit, epoch)
    }

    fn empty(&mut self, place: &Place, upto_version: u64, epoch: u64) -> Result<(), StoreError> {
        remove::empty(&mut self.session, &self.shared.turns, place, upto_version, epoch)
    }

    fn outside(&mut self, _limit: usize) -> Result<Vec<Outside>, StoreError> {
        Ok(Vec::new())
    }

    fn forget_outside(&mut self, _ids: &[u64]) -> Result<(), StoreError> {
        Ok(())
    }
}
