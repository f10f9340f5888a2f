//! A connection to a store in memory: each call is one critical section, once the faults have let it pass.

use super::super::{
    Batch, Claim, Claimed, Conflict, Connection, Content, ErrorKind, Outside, Place, Position, Row, Selected,
    Selection, StoreError, Table, judge,
};
use super::Shared;
use super::faults::{ApplyFault, ApplyStep, Call, Faults, lost};
use super::state::State;
use crate::query::{self, Order};
use crate::value::json::Json;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A connection. Once it has been lost, every call says so.
pub(super) struct MemoryConnection {
    shared: Arc<Shared>,
    process: Arc<()>,
    is_lost: bool,
}

impl MemoryConnection {
    pub(super) fn new(shared: Arc<Shared>, process: Arc<()>) -> Self {
        Self { shared, process, is_lost: false }
    }

    /// Does a call at these places, unless something is wrong.
    fn call<'p, T>(
        &mut self,
        call: &Call,
        places: impl IntoIterator<Item = &'p Place>,
        run: impl FnOnce(&mut State, &Arc<()>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_lost {
            return Err(lost("the connection was lost before"));
        }
        let passes = {
            let mut faults = self.shared.faults.lock();
            let passes = faults.passes(call);
            passes.and_then(|()| places.into_iter().try_for_each(|place| faults.place(place)))
        };
        let done = passes.and_then(|()| run(&mut self.shared.state.lock(), &self.process));
        self.note(done)
    }

    /// Keeps in mind that the connection is lost.
    fn note<T>(&mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let is_lost = |error: &StoreError| matches!(error.kind, ErrorKind::Unavailable | ErrorKind::InDoubt);
        self.is_lost |= done.as_ref().is_err_and(is_lost);
        done
    }
}

impl Connection for MemoryConnection {
    fn claim(&mut self, claim: &Claim) -> Result<Claimed, StoreError> {
        self.call(&Call::Own, [], |state, process| state.claim(claim, process))
    }

    fn release(&mut self, epoch: u64) -> Result<(), StoreError> {
        self.call(&Call::Own, [], |state, _| state.release(epoch))
    }

    fn define(&mut self, table: &Table) -> Result<(), StoreError> {
        let place = Place::Table(Arc::clone(&table.name));
        self.call(&Call::Define, [&place], |state, _| {
            state.define(&table.name);
            Ok(())
        })
    }

    fn drop_table(&mut self, table: &Table, epoch: u64) -> Result<(), StoreError> {
        let place = Place::Table(Arc::clone(&table.name));
        self.call(&Call::Define, [&place], |state, _| state.drop_table(&table.name, epoch))
    }

    fn apply(&mut self, batch: &Batch) -> Result<Vec<(usize, Conflict)>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let places = batch.changes.iter().map(|change| &change.place);
        let call = Call::Apply(batch.lane, batch.changes.len());
        self.call(&call, places, |state, _| {
            let mut faults = shared.faults.lock();
            let fault = faults.batches.pop_front().unwrap_or(ApplyFault::None);
            match fault {
                ApplyFault::Busy => {
                    return Err(StoreError::new(ErrorKind::Busy, "another transaction was first"));
                }
                ApplyFault::Unavailable => return Err(lost("the connection was lost")),
                _ => {}
            }
            let before = faults.has_steps().then(|| state.clone());
            let done = transact(state, &mut faults, batch, fault);
            if done.is_err() {
                if let Some(before) = before {
                    *state = before;
                }
                return done;
            }
            faults.reach(ApplyStep::Committed)?;
            if fault == ApplyFault::LostAfterCommit { in_doubt() } else { done }
        })
    }

    fn position(&mut self, lane: u32, epoch: u64) -> Result<Position, StoreError> {
        self.call(&Call::Position(lane), [], |state, _| {
            state.owns(epoch)?;
            state.position(lane)
        })
    }

    fn load(&mut self, keys: &[(Place, Vec<u8>)]) -> Result<Vec<Option<Row>>, StoreError> {
        let places = keys.iter().map(|(place, _)| place);
        self.call(&Call::Load(keys.len()), places, |state, _| {
            let row = |(place, key): &(Place, Vec<u8>)| {
                state.knows(place)?;
                Ok(state.row(place, key).cloned())
            };
            keys.iter().map(row).collect()
        })
    }

    fn page(
        &mut self,
        place: &Place,
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        self.call(&Call::Walk, [place], |state, _| {
            state.knows(place)?;
            let rows = state.walk(place, after).filter(|(_, row)| is_alive(row, now_ms));
            Ok(rows.take(limit).map(|(key, row)| (key.clone(), row.version)).collect())
        })
    }

    fn select(&mut self, place: &Place, selection: &Selection<'_>) -> Result<Selected, StoreError> {
        self.call(&Call::Walk, [place], |state, _| {
            state.knows(place)?;
            let after = selection.after.as_deref();
            let alive = state.walk(place, after).filter(|(_, row)| is_alive(row, selection.now_ms));
            let mut rows: Vec<(Vec<u8>, Row)> = alive
                .map(|(key, row)| (key.clone(), row.clone()))
                .filter(|(key, row)| judge(selection.clause, key, row))
                .collect();
            if let Some(order) = selection.order {
                let order_of = |one: &(Vec<u8>, Row), two: &(Vec<u8>, Row)| compare(order, one, two);
                rows.sort_by(|one, two| order_of(one, two));
            }
            rows.truncate(selection.limit);
            let is_page = !selection.is_top && rows.len() == selection.limit;
            let next = is_page.then(|| rows.last().map(|(key, _)| key.clone())).flatten();
            if !selection.with_data {
                rows.iter_mut().for_each(|(_, row)| row.content = Content::Record(String::new()));
            }
            Ok(Selected { rows, is_top: selection.is_top, next })
        })
    }

    fn tables(&mut self) -> Result<Vec<Table>, StoreError> {
        self.call(&Call::Walk, [], |state, _| Ok(state.tables()))
    }

    fn count(&mut self, place: &Place, now_ms: u64) -> Result<u64, StoreError> {
        self.call(&Call::Walk, [place], |state, _| {
            state.knows(place)?;
            Ok(state.walk(place, None).filter(|(_, row)| is_alive(row, now_ms)).count() as u64)
        })
    }

    fn has_tags(&mut self) -> Result<bool, StoreError> {
        self.call(&Call::Walk, [], |state, _| Ok(state.rows().iter().any(|(.., row)| !row.tags.is_empty())))
    }

    fn tagged(
        &mut self,
        place: &Place,
        tag: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        self.call(&Call::Walk, [place], |state, _| {
            state.knows(place)?;
            let has = |row: &Row| row.tags.iter().any(|other| *other == tag);
            let rows = state.walk(place, after).filter(|(_, row)| is_alive(row, now_ms) && has(row));
            Ok(rows.take(limit).map(|(key, row)| (key.clone(), row.version)).collect())
        })
    }

    fn tag_counts(&mut self, place: &Place, now_ms: u64) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        self.call(&Call::Walk, [place], |state, _| {
            state.knows(place)?;
            let mut counts = BTreeMap::new();
            for (_, row) in state.walk(place, None).filter(|(_, row)| is_alive(row, now_ms)) {
                row.tags.iter().for_each(|tag| *counts.entry(tag.clone()).or_insert(0) += 1);
            }
            Ok(counts.into_iter().collect())
        })
    }

    fn remove_expired(
        &mut self,
        place: &Place,
        before_ms: u64,
        limit: usize,
        epoch: u64,
    ) -> Result<usize, StoreError> {
        self.call(&Call::Remove, [place], |state, _| {
            state.remove(place, epoch, limit, |row| !is_alive(row, before_ms))
        })
    }

    fn empty(&mut self, place: &Place, upto_version: u64, epoch: u64) -> Result<(), StoreError> {
        self.call(&Call::Remove, [place], |state, _| {
            state.remove(place, epoch, usize::MAX, |row| row.version <= upto_version)?;
            Ok(())
        })
    }

    fn outside(&mut self, limit: usize) -> Result<Vec<Outside>, StoreError> {
        self.call(&Call::Outside, [], |state, _| Ok(state.outside(limit)))
    }

    fn forget_outside(&mut self, ids: &[u64]) -> Result<(), StoreError> {
        self.call(&Call::Outside, [], |state, _| {
            state.forget_outside(ids);
            Ok(())
        })
    }
}

/// A batch up to its commit.
fn transact(
    state: &mut State,
    faults: &mut Faults,
    batch: &Batch,
    fault: ApplyFault,
) -> Result<Vec<(usize, Conflict)>, StoreError> {
    faults.reach(ApplyStep::Begun)?;
    state.admits_batch(batch)?;
    faults.refused(batch)?;
    if fault == ApplyFault::LostBeforeCommit {
        return in_doubt();
    }
    state.advance(batch);
    faults.reach(ApplyStep::LaneAdvanced)?;
    let conflicts = state.change_rows(batch);
    faults.reach(ApplyStep::RowsChanged)?;
    faults.reach(ApplyStep::Committing)?;
    Ok(conflicts)
}

fn in_doubt<T>() -> Result<T, StoreError> {
    Err(StoreError::new(ErrorKind::InDoubt, "the connection was lost in the commit"))
}

fn is_alive(row: &Row, now_ms: u64) -> bool {
    row.expire_at_ms == 0 || row.expire_at_ms >= now_ms
}

/// Which of two rows comes first.
fn compare(order: &Order, one: &(Vec<u8>, Row), two: &(Vec<u8>, Row)) -> Ordering {
    let json = |row: &Row| match &row.content {
        Content::Record(text) => Json::parse(text.as_bytes()).ok(),
        _ => None,
    };
    let (Some(left), Some(right)) = (json(&one.1), json(&two.1)) else { return Ordering::Equal };
    let row = |key, data, at: u64| query::Row { key, data, expire_at_ms: (at != 0).then_some(at) };
    order.compare(
        &row(&one.0, left.root(), one.1.expire_at_ms),
        &row(&two.0, right.root(), two.1.expire_at_ms),
    )
}
