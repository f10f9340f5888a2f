//! What has been found so far, and what is answered of it in the end.
//!
//! What must hold: each record is judged at one moment, by what it is then; with an order and a limit no more is kept than may
//! be answered.

use super::super::Fail;
use super::rows::{Found, Ready, row_of, write_row};
use crate::keyspace::entry::Document;
use crate::log::Lsn;
use crate::query::Question;
use crate::reply::Reply;
use crate::value::json::Json;
use std::cmp::Ordering;
use std::collections::HashSet;

/// Rows beyond what is needed that are kept until the least wanted of them are dropped.
const SPARE_ROWS: usize = 1024;

/// What a query has found.
pub(crate) struct Gather<'q> {
    pub(crate) question: &'q Question,
    rows: Vec<Found>,
    /// Rows that need not be compared with others, ready to be answered; none if rows are kept in `rows`.
    ready: Option<Ready>,
    /// The last one of the first `kept_max` of these is the least wanted of them: what is wanted no more than that is not kept.
    has_least: bool,
    /// Rows that were found, kept or not.
    pub(crate) found: u64,
    pub(crate) judged: u64,
    /// What is needed is there once so many are: there is no order, or the order is that in which they come.
    enough: usize,
    /// No more are kept than these.
    kept_max: usize,
    /// The keys of all that were found, if some may be met again.
    met: Option<HashSet<Box<[u8]>>>,
    /// How many were found in the store.
    fresh: usize,
    /// The last record of the log that what was judged depends on.
    pub(crate) seen_lsn: Lsn,
}

impl<'q> Gather<'q> {
    pub(crate) fn new(question: &'q Question) -> Self {
        let needed = question.needed().unwrap_or(usize::MAX);
        let enough =
            if question.order.is_none() && !question.projection.is_count() { needed } else { usize::MAX };
        let kept_max = if question.projection.is_count() { 0 } else { needed };
        Self {
            question,
            rows: Vec::new(),
            ready: question.order.is_none().then(Ready::default),
            has_least: false,
            found: 0,
            judged: 0,
            enough,
            kept_max,
            met: None,
            fresh: 0,
            seen_lsn: 0,
        }
    }

    /// All that is found is kept, whatever is needed: it is a page.
    pub(crate) fn of_page(question: &'q Question) -> Self {
        Self { enough: usize::MAX, kept_max: usize::MAX, ..Self::new(question) }
    }

    /// Whether all records have to be judged, so that several may do so side by side.
    pub(crate) fn wants_all(&self) -> bool {
        self.enough == usize::MAX
    }

    /// An empty one for the same question.
    pub(crate) fn fork(&self) -> Self {
        let met = self.met.is_some().then(HashSet::new);
        Self { enough: self.enough, kept_max: self.kept_max, met, ..Self::new(self.question) }
    }

    /// Takes over what another one has found of other records.
    pub(crate) fn join(&mut self, other: Self) {
        self.found += other.found;
        self.judged += other.judged;
        self.rows.extend(other.rows);
        if let (Some(ready), Some(more)) = (&mut self.ready, other.ready) {
            ready.join(more);
        }
        if let (Some(met), Some(more)) = (&mut self.met, other.met) {
            met.extend(more);
        }
        self.drop_least();
    }

    /// From now on records come in the order that is asked for, batch by batch.
    pub(crate) fn set_ordered(&mut self) {
        self.enough = self.kept_max;
    }

    /// They do not any longer.
    pub(crate) fn unset_ordered(&mut self) {
        if self.question.order.is_some() {
            self.enough = usize::MAX;
        }
    }

    /// Whether nothing but the number of records is asked, and nobody has to know which they were.
    pub(crate) fn only_counts(&self) -> bool {
        self.question.projection.is_count() && self.met.is_none()
    }

    /// So many records were found without being looked at.
    pub(crate) fn count_all(&mut self, records: usize) {
        self.found += records as u64;
    }

    /// Judges a record. True if it was found.
    #[inline]
    pub(crate) fn judge(&mut self, key: &[u8], document: Document<'_>, expire_at_ms: u64) -> bool {
        self.judged += 1;
        let is_meant =
            self.question.clause.matches(&row_of(key, document.root(), expire_at_ms)) == Some(true);
        if is_meant {
            self.add(key, document, expire_at_ms);
        }
        is_meant
    }

    /// Adds a record that is meant.
    fn add(&mut self, key: &[u8], document: Document<'_>, expire_at_ms: u64) {
        self.found += 1;
        if let Some(met) = &mut self.met {
            met.insert(key.into());
        }
        if self.kept_max == 0 {
            return;
        }
        if let Some(ready) = &mut self.ready {
            if ready.len() < self.kept_max {
                ready.add(self.question, &row_of(key, document.root(), expire_at_ms));
            }
            return;
        }
        if let (Some(order), true) = (&self.question.order, self.has_least)
            && order
                .compare(&row_of(key, document.root(), expire_at_ms), &self.rows[self.kept_max - 1].row())
                .is_ge()
        {
            return;
        }
        self.rows.push(Found { key: key.into(), json: document.to_json(), expire_at_ms });
        if self.question.order.is_some()
            && self.rows.len() >= self.kept_max.saturating_mul(2).saturating_add(SPARE_ROWS)
        {
            self.drop_least();
        }
    }

    /// From now on it is remembered what was found.
    pub(crate) fn follow(&mut self) {
        self.met.get_or_insert_default();
    }

    /// Whether the record of this key was found already.
    pub(crate) fn has(&self, key: &[u8]) -> bool {
        self.met.as_ref().is_some_and(|met| met.contains(key))
    }

    /// Judges a record that only the store has.
    pub(crate) fn judge_cold(&mut self, key: &[u8], json: &Json, expire_at_ms: u64) {
        self.fresh += usize::from(self.judge(key, Document::Held(json), expire_at_ms));
    }

    /// Adds a record that only the store has, which has judged it, to their number.
    pub(crate) fn count(&mut self, key: &[u8]) {
        self.found += 1;
        if let Some(met) = &mut self.met {
            met.insert(key.into());
        }
    }

    /// How many were found that only the store has.
    pub(crate) const fn fresh(&self) -> usize {
        self.fresh
    }

    #[cold]
    fn drop_least(&mut self) {
        let Some(order) = &self.question.order else { return };
        if self.kept_max < self.rows.len() {
            let last = self.kept_max - 1;
            self.rows.select_nth_unstable_by(last, |one, two| order.compare(&one.row(), &two.row()));
            self.rows.truncate(self.kept_max);
            self.has_least = true;
        }
    }

    /// Whether nothing more is needed.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.ready.as_ref().map_or(self.rows.len(), Ready::len) >= self.enough
    }

    /// Answers with the number of records, or with rows.
    pub(crate) fn answer(mut self, out: &mut dyn Reply) {
        if self.question.projection.is_count() {
            out.int(i64::try_from(self.found).unwrap_or(i64::MAX));
            return;
        }
        let first = self.question.offset;
        if let Some(ready) = self.ready.take() {
            let max = self.question.limit.unwrap_or(usize::MAX);
            return ready.answer(self.question, (first, max), out);
        }
        self.sort();
        let last = self.question.needed().unwrap_or(usize::MAX).min(self.rows.len());
        let rows = &self.rows[first.min(last)..last];
        out.array(rows.len());
        let mut text = Vec::new();
        rows.iter().for_each(|found| write_row(self.question, &found.row(), &mut text, out));
    }

    /// Answers with all rows that were found.
    pub(crate) fn answer_all(mut self, out: &mut dyn Reply) {
        self.ready.take().unwrap_or_default().answer(self.question, (0, usize::MAX), out);
    }

    fn sort(&mut self) {
        if let Some(order) = &self.question.order {
            let compare = |one: &Found, two: &Found| -> Ordering { order.compare(&one.row(), &two.row()) };
            self.rows.sort_by(compare);
        }
    }
}

/// The answer to a query that took too long.
pub(crate) fn took_too_long(timeout_ms: u64) -> Fail {
    Fail::text(format!("ERR the query was given up after {timeout_ms} ms (see query-timeout)"))
}
