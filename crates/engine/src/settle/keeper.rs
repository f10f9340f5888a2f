//! Looks after what nobody asks for: changes of others, rows that have expired, keys that are idle.

use super::tables::snapshot;
use super::{LOOK_PERIOD, Settle};
use crate::record::Definition;
use crate::store::{Connection, ErrorKind, Outside, Place, StoreError};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Changes of others taken up at once.
const OUTSIDE_MAX: usize = 1000;
/// Expired rows removed in one transaction, and how often it is looked for them, in milliseconds.
const EXPIRED_MAX: usize = 1000;
const EXPIRED_PERIOD_MS: u64 = 1000;
/// Keys looked at under one lock in search of idle ones.
const IDLE_BUCKETS: usize = 128;

/// The time is noted again once it is later than this; where nothing is logged, it makes the log grow by a record each time.
const NOTE_PERIOD_MS: u64 = 10_000;
/// The system entry with the time up to which rows that have expired may have been removed.
const NOTE_KEY: &[u8] = b"store:expired-upto";
/// So often it is tried to have the store have the indexes that it lacks.
const INDEXES_PERIOD_MS: u64 = 10_000;

/// What it works with.
#[derive(Default)]
pub(super) struct Keeper {
    connection: Option<Box<dyn Connection>>,
    next_outside_ms: u64,
    next_expired_ms: u64,
    next_idle_ms: u64,
    next_indexes_ms: u64,
    next_incomplete_ms: u64,
    /// Changes of others that were taken up and are left noted, because only looking is allowed.
    seen: HashSet<u64>,
    /// Whether memory has all of a table is being looked at.
    pub(super) look: Option<super::select::Look>,
}

impl Settle {
    pub(super) fn work_keeper(&self) {
        while !self.is_stopping() {
            let kicks = self.rest.kicks();
            self.keep_step();
            self.tell_waiting();
            self.rest.rest(kicks, LOOK_PERIOD);
        }
    }

    /// Does what is due.
    pub(crate) fn keep_step(&self) {
        let mut keeper = self.keeper.lock();
        let now_ms = self.now_ms();
        let is_due = |at: u64, period: u64| now_ms >= at || at - now_ms > period;
        let outside = self.knobs.outside_interval_ms.load(Relaxed);
        if self.store.notices_outside() && is_due(keeper.next_outside_ms, outside) {
            keeper.next_outside_ms = now_ms + outside;
            if self.read_only {
                let mut seen = std::mem::take(&mut keeper.seen);
                self.over(&mut keeper, |settle, connection| settle.look_at_outside(connection, &mut seen));
                keeper.seen = seen;
            } else {
                self.over(&mut keeper, Self::take_up_outside);
            }
        }
        if !self.read_only && is_due(keeper.next_expired_ms, EXPIRED_PERIOD_MS) {
            keeper.next_expired_ms = now_ms + EXPIRED_PERIOD_MS;
            self.over(&mut keeper, |settle, connection| settle.remove_expired(connection, now_ms));
            self.over(&mut keeper, Self::finish_flushes);
            self.over(&mut keeper, Self::drop_tables);
            self.note_filled();
        }
        if !self.indexes_due.lock().is_empty() && is_due(keeper.next_indexes_ms, INDEXES_PERIOD_MS) {
            keeper.next_indexes_ms = now_ms + INDEXES_PERIOD_MS;
            self.tell_due_indexes();
        }
        let period = super::unique::PAUSE_MS;
        if self.shards.keyspace.has_unique() && is_due(keeper.next_incomplete_ms, period) {
            keeper.next_incomplete_ms = now_ms + super::unique::PERIOD_MS;
            self.want_incomplete_tables();
        }
        if keeper.look.is_some() || !self.wanted.lock().is_empty() {
            let mut look = keeper.look.take();
            let failure = self
                .over(&mut keeper, |settle, connection| settle.look_for_whole_tables(connection, &mut look));
            keeper.look = look;
            if failure.is_some() {
                keeper.next_incomplete_ms = now_ms + super::unique::PAUSE_MS;
            }
        }
        let idle = self.knobs.evict_interval_ms.load(Relaxed);
        let period = (idle / 4).clamp(250, 10_000);
        if idle != 0 && is_due(keeper.next_idle_ms, period) {
            keeper.next_idle_ms = now_ms + period;
            drop(keeper);
            self.evict_idle(idle);
        }
    }

    /// Works over the keeper's connection. Returns what went wrong, which has been noted.
    pub(super) fn over(
        &self,
        keeper: &mut Keeper,
        work: impl FnOnce(&Self, &mut dyn Connection) -> Result<(), StoreError>,
    ) -> Option<StoreError> {
        let outcome = match keeper.connection.take() {
            Some(connection) => Ok(connection),
            None => self.connect(),
        };
        let outcome = outcome.and_then(|mut connection| {
            let outcome = work(self, &mut *connection);
            if !outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::Unavailable) {
                keeper.connection = Some(connection);
            }
            outcome
        });
        match outcome {
            Ok(()) => {
                self.note_up();
                None
            }
            Err(error) => {
                self.note_failure(&error);
                Some(error)
            }
        }
    }

    /// What others have changed is void in memory, and the log knows that before the store forgets who told.
    fn take_up_outside(&self, connection: &mut dyn Connection) -> Result<(), StoreError> {
        loop {
            let found = connection.outside(OUTSIDE_MAX)?;
            if found.is_empty() {
                return Ok(());
            }
            for change in &found {
                self.forget(change).map_err(|fail| StoreError::new(ErrorKind::Busy, fail.0.into_owned()))?;
            }
            self.make_durable()?;
            self.stats.outside.fetch_add(found.len() as u64, Relaxed);
            let ids: Vec<u64> = found.iter().map(|change| change.id).collect();
            connection.forget_outside(&ids)?;
            if found.len() < OUTSIDE_MAX || self.is_stopping() {
                return Ok(());
            }
        }
    }

    /// The same where nothing may be changed: what is noted is left to the owner, and seen to once.
    fn look_at_outside(
        &self,
        connection: &mut dyn Connection,
        seen: &mut HashSet<u64>,
    ) -> Result<(), StoreError> {
        let found = connection.outside(seen.len() + OUTSIDE_MAX)?;
        for change in found.iter().filter(|change| !seen.contains(&change.id)) {
            self.forget(change).map_err(|fail| StoreError::new(ErrorKind::Busy, fail.0.into_owned()))?;
            self.stats.outside.fetch_add(1, Relaxed);
        }
        *seen = found.iter().map(|change| change.id).collect();
        Ok(())
    }

    fn forget(&self, change: &Outside) -> Result<(), crate::command::Fail> {
        let (db, prefix) = match &change.place {
            Place::Keys(db) => (*db, Vec::new()),
            Place::Table(name) => (0, [name.as_bytes(), b":"].concat()),
        };
        match &change.key {
            Some(key) => self.shards.forget_row(db, &[&prefix, &**key].concat()),
            None => self.shards.forget_rows(db, &prefix),
        }
    }

    /// Removes rows that have expired. What has not settled may say that a row expires later: only rows go that had expired before
    /// the oldest such change.
    fn remove_expired(&self, connection: &mut dyn Connection, now_ms: u64) -> Result<(), StoreError> {
        let oldest = self.oldest_change_ms().unwrap_or(now_ms);
        let before = now_ms.min(if oldest == 0 { self.opened_ms } else { oldest }).saturating_sub(1000);
        // A power cut may take the last of the log, and the clock may be wrong after it: what had expired would be back, without its
        // row. So the log has to know first how late it was.
        let noted = self.noted_ms.load(Relaxed);
        if before > noted && before - noted >= NOTE_PERIOD_MS {
            let note = self.shards.system_set(NOTE_KEY, now_ms.to_string().as_bytes());
            note.map_err(|fail| StoreError::new(ErrorKind::Busy, fail.0.into_owned()))?;
            self.make_durable()?;
            self.noted_ms.store(now_ms, Relaxed);
        }
        let before = before.min(self.noted_ms.load(Relaxed));
        for place in self.places() {
            let removed = self
                .define_place(connection, &place)
                .and_then(|()| connection.remove_expired(&place, before, EXPIRED_MAX, self.epoch));
            let removed = match removed {
                Ok(removed) => removed,
                // One table at fault is no reason to leave the others.
                Err(error) if matches!(error.kind, ErrorKind::Table(_) | ErrorKind::Busy) => {
                    self.note_failure(&error);
                    self.forget_table(&place);
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.stats.expired.fetch_add(removed as u64, Relaxed);
        }
        Ok(())
    }

    /// Every place in the store.
    pub(crate) fn places(&self) -> Vec<Place> {
        let tables = snapshot(&self.shards);
        let known = |definition: &&Arc<Definition>| !definition.dropping;
        let tables = tables.all().filter(known).map(|definition| Place::Table(Arc::from(&*definition.name)));
        (0..self.shards.keyspace.databases()).map(Place::Keys).chain(tables).collect()
    }

    /// Takes keys out of memory that have settled and were not used for so long. Returns how many.
    pub(crate) fn evict_idle(&self, idle_ms: u64) -> usize {
        if self.shards.behind.is_down.load(Relaxed) {
            return 0;
        }
        let keyspace = &self.shards.keyspace;
        let clock_ms = self.now_ms();
        let mut evicted = 0;
        for shard in 0..keyspace.shards() {
            for db in 0..keyspace.databases() {
                let mut cursor = 0;
                loop {
                    let mut part = keyspace.lock(shard);
                    let Some(space) = part.space_mut(keyspace.space_of(db)) else { break };
                    let (next, here) = space.evict_idle(cursor, IDLE_BUCKETS, &|entry| {
                        self.shards.settings.idle_ms(entry, clock_ms) >= idle_ms
                    });
                    part.counts.evicted_keys += here as u64;
                    evicted += here;
                    if next == 0 {
                        break;
                    }
                    cursor = next;
                }
            }
        }
        self.shards.behind.evicted.fetch_add(evicted as u64, Relaxed);
        evicted
    }

    /// The version up to which the rows of a database have been flushed; 0: none have.
    pub(super) fn flushed_version(&self, db: u32) -> u64 {
        let value = self.shards.behind.flushes.lock().get(&db).copied();
        value.map_or(0, |lsn| self.base + lsn)
    }

    /// The same for all databases.
    pub(super) fn flushed(&self) -> HashMap<u32, u64> {
        let flushes = self.shards.behind.flushes.lock();
        flushes.iter().map(|(db, lsn)| (*db, self.base + lsn)).collect()
    }

    /// Removes the rows of databases that were flushed, once no lane can have an older change under way.
    fn finish_flushes(&self, connection: &mut dyn Connection) -> Result<(), StoreError> {
        let flushes = self.shards.behind.flushes.lock().clone();
        if !flushes.is_empty() {
            self.make_durable()?;
        }
        for (db, lsn) in flushes {
            for worker in &self.workers {
                // Whoever holds it has a batch under way.
                if !worker.lock().is_done_before(lsn) {
                    return Ok(());
                }
            }
            for place in self.places().into_iter().filter(|place| database_of(place) == db) {
                self.define_place(connection, &place)?;
                connection.empty(&place, self.base + lsn, self.epoch)?;
            }
            self.shards
                .end_flush(db, lsn)
                .map_err(|fail| StoreError::new(ErrorKind::Busy, fail.0.into_owned()))?;
            self.tidy_quarantine();
        }
        Ok(())
    }
}

/// The database that a place belongs to.
pub(super) fn database_of(place: &Place) -> u32 {
    match place {
        Place::Keys(db) => *db,
        Place::Table(_) => 0,
    }
}
