//! Queries over memory and the store behind.
//!
//! What must hold: a record that is there and meant the whole time is found once, wherever it moves meanwhile. Memory is walked
//! first, with all that has not settled; then the store is asked, and of each row that it tells memory is asked again: what memory
//! has, or knows to be gone, counts. So whatever is evicted during the walk is met in the store, and whatever comes from
//! there is met in memory. Tables of which memory holds everything are not asked for; a thread looks which these are.

use super::Settle;
use crate::command::Fail;
use crate::command::query::{Access, Ended, Gather, Looker, Memory, took_too_long};
use crate::io::Clock;
use crate::keyspace::Keyspace;
use crate::keyspace::space::Space;
use crate::log::Lsn;
use crate::record::{DATABASE, Name};
use crate::store::{Connection, Content, Place, Row, Selection, StoreError};
use crate::value::json::Json;
use std::sync::Arc;
use std::time::Duration;

/// Rows that the store is asked for at once.
const PAGE_ROWS: usize = 4096;
/// Where only so many are needed, some more are asked for: memory may have later versions of them.
const SPARE_ROWS: usize = 64;
/// Pages of keys that are looked at in one go for whether memory has them.
const LOOK_PAGES: usize = 4;

/// Memory, a shard of which is locked for each look.
pub(crate) struct Unheld<'a> {
    pub(crate) settle: &'a Settle,
}

impl Memory for Unheld<'_> {
    fn keyspace(&self) -> &Keyspace {
        &self.settle.shards.keyspace
    }

    fn in_shard<R>(&mut self, shard: usize, visit: impl FnOnce(&Space) -> R) -> Option<R> {
        let keyspace = &self.settle.shards.keyspace;
        let part = keyspace.lock(shard);
        part.space(keyspace.space_of(DATABASE)).map(visit)
    }

    fn clock(&self) -> Option<&Arc<dyn Clock>> {
        Some(&self.settle.clock)
    }

    fn holds_nothing(&self) -> bool {
        true
    }

    /// Whoever asks waits for all that is in the log.
    fn saw(&mut self, _: Lsn) {}
}

/// What the store had to do with a query.
#[derive(Default)]
pub(crate) struct Asked {
    /// It was asked at all.
    pub(crate) is_asked: bool,
    /// Rows that it told.
    pub(crate) rows: u64,
    /// How it goes about that.
    pub(crate) plan: Vec<String>,
}

impl Settle {
    /// Gathers what a query asks for. With `explains` the store tells how it looks.
    pub(crate) fn gather(
        &self,
        table: &str,
        access: &Access,
        (now_ms, timeout_ms): (u64, u64),
        gather: &mut Gather<'_>,
        explains: bool,
    ) -> Result<Asked, Fail> {
        let begun = self.clock.monotonic();
        gather.follow();
        let mut memory = Unheld { settle: self };
        let ended = Looker::new(&mut memory, (table, now_ms), (u64::MAX, timeout_ms), gather).look(access)?;
        debug_assert_eq!(ended, Ended::Whole, "there is no budget");
        let mut asked = Asked::default();
        // The first ones of memory may come behind some of the store.
        gather.unset_ordered();
        if gather.is_full() {
            return Ok(asked);
        }
        if !self.read_only {
            self.wanted.lock().insert(Arc::from(table));
        }
        let (question, place) = (gather.question, Place::Table(Arc::from(table)));
        let is_counted = question.projection.is_count();
        let mut selection = Selection {
            clause: &question.clause,
            order: question.order.as_ref().filter(|_| question.limit.is_some() && !is_counted),
            after: None,
            limit: PAGE_ROWS,
            with_data: !is_counted,
            is_top: false,
            now_ms,
        };
        let needed = question.needed().filter(|_| !is_counted);
        if let Some(needed) = needed {
            selection.limit = needed.saturating_add(SPARE_ROWS);
        }
        selection.is_top = needed.is_some();
        loop {
            let page = self.ask_store(|connection| {
                self.define_place(connection, &place)?;
                if explains && asked.plan.is_empty() {
                    return connection.explain(&place, &selection).map(|plan| (Some(plan), None));
                }
                connection.select(&place, &selection).map(|page| (None, Some(page)))
            })?;
            let page = match page {
                (Some(plan), _) => {
                    asked.plan = plan;
                    continue;
                }
                (_, page) => page.unwrap_or_default(),
            };
            asked.is_asked = true;
            asked.rows += page.rows.len() as u64;
            let told = page.rows.len();
            for (key, row) in page.rows {
                self.take_row(table, (key, row), now_ms, gather)?;
            }
            if timeout_ms != 0
                && self.clock.monotonic().saturating_sub(begun) > Duration::from_millis(timeout_ms)
            {
                return Err(took_too_long(timeout_ms));
            }
            match page.next {
                Some(next) if !gather.is_full() => selection.after = Some(next),
                Some(_) => return Ok(asked),
                None if !page.is_top || told < selection.limit || gather.is_full() => return Ok(asked),
                // So many of these were not the latest that others may belong to the first.
                None if needed.is_some_and(|needed| gather.fresh() >= needed) => return Ok(asked),
                None => selection.limit = selection.limit.saturating_mul(2),
            }
        }
    }

    /// Gathers a page of what the store tells, behind this key. Returns the key behind which the next one begins.
    pub(crate) fn gather_page(
        &self,
        table: &str,
        now_ms: u64,
        after: Option<Vec<u8>>,
        rows: usize,
        gather: &mut Gather<'_>,
    ) -> Result<Option<Vec<u8>>, Fail> {
        let place = Place::Table(Arc::from(table));
        let clause = &gather.question.clause;
        let limit = rows.min(PAGE_ROWS);
        let selection =
            Selection { clause, order: None, after, limit, with_data: true, is_top: false, now_ms };
        let page = self.ask_store(|connection| {
            self.define_place(connection, &place)?;
            connection.select(&place, &selection)
        })?;
        for (key, row) in page.rows {
            self.take_row(table, (key, row), now_ms, gather)?;
        }
        Ok(page.next)
    }

    /// Takes a row that the store tells of, unless memory knows better.
    fn take_row(
        &self,
        table: &str,
        (key, row): (Vec<u8>, Row),
        now_ms: u64,
        gather: &mut Gather<'_>,
    ) -> Result<(), Fail> {
        if gather.has(&key) || row.version != 0 && row.version <= self.flushed_version(DATABASE) {
            return Ok(());
        }
        let name = Name::of_record(table.as_bytes(), &key);
        let keyspace = &self.shards.keyspace;
        let hash = keyspace.hash(&name);
        {
            let part = keyspace.lock(keyspace.shard_of(hash));
            if let Some(space) = part.space(keyspace.space_of(DATABASE)) {
                if let Some(entry) = space.get(hash, &name) {
                    let mut room = Vec::new();
                    if entry.is_alive(now_ms)
                        && let Some(document) = entry.view().json(&mut room)
                    {
                        gather.judge(&key, document, entry.expire_at());
                    }
                    return Ok(());
                }
                if !space.is_cold(hash, &name) {
                    return Ok(());
                }
            }
        }
        if row.expire_at_ms != 0 && now_ms > row.expire_at_ms {
            return Ok(());
        }
        match row.content {
            Content::Record(text) if text.is_empty() => gather.count(&key),
            Content::Record(text) => {
                let json = Json::parse(text.as_bytes()).map_err(|error| {
                    let key = String::from_utf8_lossy(&key);
                    Fail::text(format!(
                        "ERR the row '{key}' of table '{table}' in the store cannot be read: {error}"
                    ))
                })?;
                gather.judge_cold(&key, &json, row.expire_at_ms);
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks of the tables that queries had to ask the store for whether memory has all of them by now, a few pages at a time. What
    /// is missing of those that have to be here as a whole is read.
    pub(super) fn look_for_whole_tables(
        &self,
        connection: &mut dyn Connection,
        look: &mut Option<Look>,
    ) -> Result<(), StoreError> {
        if look.is_none() {
            let Some(table) = self.wanted.lock().pop_first() else { return Ok(()) };
            self.each_space_of_records(|space| space.begin_look(table.as_bytes()));
            *look = Some(Look { table, after: None });
        }
        for _ in 0..LOOK_PAGES {
            let Some(Look { table, after }) = look.take() else { break };
            *look = self.look_on(connection, table, after.as_deref())?;
        }
        Ok(())
    }

    fn look_on(
        &self,
        connection: &mut dyn Connection,
        table: Arc<str>,
        after: Option<&[u8]>,
    ) -> Result<Option<Look>, StoreError> {
        let (keyspace, place) = (&self.shards.keyspace, Place::Table(Arc::clone(&table)));
        self.define_place(connection, &place)?;
        let page = connection.page(&place, after, PAGE_ROWS, self.now_ms())?;
        let is_cold = |hash: u64, name: &[u8]| {
            let part = keyspace.lock(keyspace.shard_of(hash));
            part.space(keyspace.space_of(DATABASE)).is_none_or(|space| space.is_cold(hash, name))
        };
        let has_to_be_here = keyspace.indexes(&table).iter().any(|index| index.unique().is_some());
        let mut missing: Vec<(Box<[u8]>, u64)> = Vec::new();
        for (key, _) in &page {
            let name = Name::of_record(table.as_bytes(), key);
            let hash = keyspace.hash(&name);
            if is_cold(hash, &name) {
                if !has_to_be_here {
                    return Ok(None);
                }
                missing.push((Box::from(&*name), hash));
            }
        }
        if !missing.is_empty() {
            self.bring(connection, &missing)?;
            if missing.iter().any(|(name, hash)| is_cold(*hash, name)) {
                return Ok(None);
            }
        }
        if page.len() == PAGE_ROWS {
            let after = page.into_iter().next_back().map(|(key, _)| key);
            return Ok(Some(Look { table, after }));
        }
        self.each_space_of_records(|space| space.end_look(table.as_bytes()));
        keyspace.note_whole(&table);
        Ok(None)
    }

    fn each_space_of_records(&self, mut visit: impl FnMut(&mut Space)) {
        let keyspace = &self.shards.keyspace;
        for shard in 0..keyspace.shards() {
            visit(keyspace.space_in(shard, &mut keyspace.lock(shard), DATABASE));
        }
    }
}

/// A look whether memory has all of a table: up to which of its keys it has come.
pub(super) struct Look {
    table: Arc<str>,
    after: Option<Vec<u8>>,
}
