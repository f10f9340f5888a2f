//! Where the records of a query are looked for in memory, and the walk there.
//!
//! What must hold: a record that is in memory and meant the whole time is found, once; no lock is held for more than a few
//! hundred records. Records are fetched from memory a group at a time, so that they come side by side.

use super::super::scan::SOON_MS;
use super::super::{Ctx, Fail};
use super::gather::{Gather, took_too_long};
use crate::io::Clock;
use crate::keyspace::entry::{Document, EntryRef};
use crate::keyspace::index::{Index, KeyRange, STEP_ENTRIES};
use crate::keyspace::item::Item as _;
use crate::keyspace::space::Space;
use crate::keyspace::{Held, Keyspace};
use crate::log::Lsn;
use crate::query::Question;
use crate::record::DATABASE;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Records looked at under one lock: some tens of microseconds' worth.
pub(super) const STEP_RECORDS: usize = 512;
/// Entries of an index that are counted to compare it with others.
const COUNTED_MAX: usize = 128;
/// Entries that are taken from an index at once where they come in order.
const INDEX_STEP: usize = 1024;
/// Threads that look at all records of a table, at most.
const THREADS_MAX: usize = 4;
/// Records of different shards that are fetched side by side.
const GROUP_RECORDS: usize = 16;
/// Buckets of the next shard that are fetched while one is looked at.
const FETCHED_AHEAD: usize = 8;
/// Between two looks at the time.
const RECORDS_A_LOOK: u64 = 4096;

/// Who has memory to look into: shards that are held, or that are locked for the while.
pub(crate) trait Memory {
    fn keyspace(&self) -> &Keyspace;
    /// Runs `visit` on the space of records in one shard, if there is one.
    fn in_shard<R>(&mut self, shard: usize, visit: impl FnOnce(&Space) -> R) -> Option<R>;
    /// Where the time is read; none: nowhere.
    fn clock(&self) -> Option<&Arc<dyn Clock>>;
    /// Whether each look locks its shard for itself.
    fn holds_nothing(&self) -> bool;
    /// Something was read that depends on this record of the log.
    fn saw(&mut self, lsn: Lsn);
}

impl Memory for Ctx<'_> {
    fn keyspace(&self) -> &Keyspace {
        self.keyspace
    }

    fn in_shard<R>(&mut self, shard: usize, visit: impl FnOnce(&Space) -> R) -> Option<R> {
        self.in_db(DATABASE, |ctx| Ctx::in_shard(ctx, shard, visit))
    }

    fn clock(&self) -> Option<&Arc<dyn Clock>> {
        self.reserve.clock()
    }

    fn holds_nothing(&self) -> bool {
        matches!(self.held, Held::None)
    }

    fn saw(&mut self, lsn: Lsn) {
        self.seen_lsn = self.seen_lsn.max(lsn);
    }
}

/// How the records of a query are reached.
pub(crate) enum Access {
    /// By their keys.
    Keys(Vec<Box<str>>),
    /// By an index.
    Index {
        index: Arc<Index>,
        ranges: Vec<KeyRange>,
        /// They are met in the order that is asked for, which is the index's from its end.
        ordered: Option<bool>,
    },
    /// All of the table.
    All,
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There is nothing more, or no more is needed.
    Whole,
    /// More was looked at than was allowed.
    Budget,
}

impl Access {
    /// The way to the fewest records, as far as that can be told.
    pub(crate) fn choose(keyspace: &Keyspace, table: &str, question: &Question) -> Self {
        if let Some(keys) = question.clause.keys() {
            return Self::Keys(keys);
        }
        let indexes = keyspace.indexes(table);
        // So few are better put in order than looked for in it.
        let few = question.needed().unwrap_or(0).saturating_mul(2);
        let counted_max = COUNTED_MAX.max(few.min(4096));
        let built = || indexes.iter().filter(|index| index.is_built());
        let looked = built().filter_map(|index| {
            let ranges = question.clause.ranges(index.path())?;
            Some((index.count_upto(&ranges, counted_max), index, ranges))
        });
        let best = looked.min_by_key(|(count, ..)| *count);
        if let (Some(order), Some(_)) = (&question.order, question.limit)
            && best.as_ref().is_none_or(|(count, ..)| *count > few)
            && !question.projection.is_count()
            && let Some(lead) = order.lead()
            && let Some(index) = built().find(|index| *index.path() == *lead.path)
        {
            let within = question.clause.ranges(index.path());
            if let Some(ranges) = lead.ranges(within.as_deref(), &index.classes()) {
                return Self::Index { index: Arc::clone(index), ranges, ordered: Some(lead.descending) };
            }
        }
        match best {
            Some((_, index, ranges)) => Self::Index { index: Arc::clone(index), ranges, ordered: None },
            None => Self::All,
        }
    }

    /// What it is, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Keys(keys) => format!("{} keys", keys.len()),
            Self::Index { index, ranges, ordered } => {
                let order = match ordered {
                    Some(true) => ", backwards in its order",
                    Some(false) => ", in its order",
                    None => "",
                };
                format!("index {} ({} ranges{order})", index.name(), ranges.len())
            }
            Self::All => "all records".to_owned(),
        }
    }
}

/// A walk through memory for one query.
pub(crate) struct Looker<'m, 'q, M: Memory> {
    pub(crate) memory: &'m mut M,
    pub(crate) table: &'m str,
    pub(crate) now_ms: u64,
    /// No more records than this are looked at.
    pub(crate) budget: u64,
    /// How long it may take; none: as long as it wants.
    pub(crate) timeout_ms: u64,
    pub(crate) gather: &'m mut Gather<'q>,
    /// What has settled is passed over, unless it expires soon: it is met in the store.
    pub(crate) passes_settled: bool,
    begun: Duration,
    looked_at: u64,
}

impl<'m, 'q, M: Memory> Looker<'m, 'q, M> {
    pub(crate) fn new(
        memory: &'m mut M,
        (table, now_ms): (&'m str, u64),
        (budget, timeout_ms): (u64, u64),
        gather: &'m mut Gather<'q>,
    ) -> Self {
        let begun = time(memory.clock());
        Self { memory, table, now_ms, budget, timeout_ms, gather, passes_settled: false, begun, looked_at: 0 }
    }

    /// Looks for the records.
    pub(crate) fn look(&mut self, access: &Access) -> Result<Ended, Fail> {
        match access {
            Access::Keys(keys) => {
                for key in keys {
                    let name = crate::record::Name::of_record(self.table.as_bytes(), key.as_bytes());
                    self.visit(&[self.memory.keyspace().hash(&name)], Some(key.as_bytes()));
                }
                Ok(Ended::Whole)
            }
            Access::Index { index, ranges, ordered } => self.look_by_index(index, ranges, *ordered),
            Access::All => self.look_at_all(),
        }
    }

    /// Looks at all records, with several threads where nobody holds a shard and there is much to look at.
    fn look_at_all(&mut self) -> Result<Ended, Fail> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS_MAX);
        if threads > 1 && self.budget == u64::MAX && self.memory.holds_nothing() && self.gather.wants_all() {
            return self.look_side_by_side(threads);
        }
        let mut hashes = Vec::with_capacity(STEP_RECORDS);
        for shard in 0..self.memory.keyspace().shards() {
            let (mut from, mut way) = (Some(0), Way::Unknown);
            while let Some(start) = from {
                from = self.visit_step(shard, &mut way, (start, STEP_RECORDS), &mut hashes);
                if self.gather.is_full() {
                    return Ok(Ended::Whole);
                }
                if self.gather.judged > self.budget {
                    return Ok(Ended::Budget);
                }
                self.check_time()?;
            }
        }
        Ok(Ended::Whole)
    }

    /// Each thread takes every so manieth shard.
    fn look_side_by_side(&mut self, threads: usize) -> Result<Ended, Fail> {
        let keyspace = self.memory.keyspace();
        let (table, now_ms) = (self.table, self.now_ms);
        let shards = keyspace.shards();
        let is_late = AtomicBool::new(false);
        let (clock, begun, timeout) =
            (self.memory.clock(), self.begun, Duration::from_millis(self.timeout_ms));
        let parts: Vec<Gather<'q>> = (1..threads).map(|_| self.gather.fork()).collect();
        let work = &|first: usize, gather: &mut Gather<'q>| {
            let mut looked_at = 0;
            let mut hashes = Vec::with_capacity(STEP_RECORDS);
            for shard in (first..shards).step_by(threads) {
                let (mut from, mut way) = (Some(0), Way::Unknown);
                while let Some(start) = from
                    && !is_late.load(Relaxed)
                {
                    let part = keyspace.lock(shard);
                    gather.seen_lsn = gather.seen_lsn.max(part.last_lsn);
                    let Some(space) = part.space(keyspace.space_of(DATABASE)) else { break };
                    let wanted = (table.as_bytes(), now_ms, false);
                    from = way.visit_step(space, wanted, (start, STEP_RECORDS), &mut hashes, gather);
                    drop(part);
                    if gather.judged - looked_at >= RECORDS_A_LOOK {
                        looked_at = gather.judged;
                        if !timeout.is_zero() && time(clock).saturating_sub(begun) > timeout {
                            is_late.store(true, Relaxed);
                        }
                    }
                }
            }
        };
        let done = std::thread::scope(|scope| {
            let spawned: Vec<_> = parts
                .into_iter()
                .zip(1..)
                .map(|(mut part, first)| {
                    std::thread::Builder::new().name("query".to_owned()).spawn_scoped(scope, move || {
                        work(first, &mut part);
                        part
                    })
                })
                .collect();
            let mut own = self.gather.fork();
            work(0, &mut own);
            let mut parts = vec![own];
            for (thread, first) in spawned.into_iter().zip(1..) {
                parts.push(match thread {
                    Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                    // Without a thread it is done here.
                    Err(_) => {
                        let mut part = self.gather.fork();
                        work(first, &mut part);
                        part
                    }
                });
            }
            parts
        });
        for part in done {
            self.memory.saw(part.seen_lsn);
            self.gather.join(part);
        }
        if is_late.load(Relaxed) { Err(took_too_long(self.timeout_ms)) } else { Ok(Ended::Whole) }
    }

    /// Visits some records of a shard, from a place on that way; returns the place of the next.
    pub(super) fn visit_step(
        &mut self,
        shard: usize,
        way: &mut Way,
        range: (u64, usize),
        hashes: &mut Vec<u64>,
    ) -> Option<u64> {
        let wanted = (self.table.as_bytes(), self.now_ms, self.passes_settled);
        let gather = &mut *self.gather;
        self.memory.in_shard(shard, |space| way.visit_step(space, wanted, range, hashes, gather)).flatten()
    }

    fn look_by_index(
        &mut self,
        index: &Index,
        ranges: &[KeyRange],
        ordered: Option<bool>,
    ) -> Result<Ended, Fail> {
        if ordered.is_some() {
            self.gather.set_ordered();
        } else if self.gather.only_counts()
            && self.gather.question.clause.is_all_of_ranges(index.path())
            && let Some(ended) = self.count_by_index(index, ranges)
        {
            return Ok(ended);
        }
        if ordered.is_none() && self.gather.wants_all() && self.budget != u64::MAX {
            let max = usize::try_from(self.budget).unwrap_or(usize::MAX);
            if index.count_upto(ranges, max) > max {
                return Ok(Ended::Budget);
            }
        }
        let needed = self.gather.question.needed().unwrap_or(usize::MAX);
        let mut walk = index.walk(ranges.to_vec(), ordered == Some(true));
        let (mut hashes, mut came) = (Vec::new(), Vec::new());
        // A record has several entries where elements are told apart, and may move ahead of the walk.
        let mut seen: Option<HashSet<u64>> = None;
        let has_elements = ranges.iter().any(KeyRange::has_elements);
        // Some are not meant; if most are not, more are taken at once.
        let step_max = if ordered.is_some() { INDEX_STEP } else { STEP_ENTRIES };
        let mut step =
            if self.gather.wants_all() { step_max } else { needed.saturating_add(8).min(step_max) };
        let mut next_step = 16;
        loop {
            hashes.clear();
            let more = walk.next(step, &mut hashes);
            walk.came(&mut came);
            let is_each_once = came.is_empty() && !has_elements;
            hashes.append(&mut came);
            if more || seen.is_some() {
                let seen = seen.get_or_insert_default();
                hashes.retain(|hash| seen.insert(*hash));
            } else if !is_each_once {
                let mut once = HashSet::with_capacity(hashes.len());
                hashes.retain(|hash| once.insert(*hash));
            }
            if ordered.is_none() {
                // Records of one shard are visited under one lock.
                hashes = by_shard(&hashes, self.memory.keyspace());
            }
            self.visit(&hashes, None);
            if !more || self.gather.is_full() {
                return Ok(Ended::Whole);
            }
            if self.gather.judged > self.budget {
                return Ok(Ended::Budget);
            }
            self.check_time()?;
            step = if self.gather.wants_all() { step_max } else { next_step };
            next_step = (next_step * 2).min(step_max);
        }
    }

    /// Counts the records in these ranges of an index, of which all are meant; none if they have to be looked at for that.
    fn count_by_index(&mut self, index: &Index, ranges: &[KeyRange]) -> Option<Ended> {
        let (table, now_ms, shards) = (self.table.as_bytes(), self.now_ms, self.memory.keyspace().shards());
        for shard in 0..shards {
            let is_plain = self.memory.in_shard(shard, |space| space.has_each_once(table, now_ms));
            if is_plain == Some(false) {
                return None;
            }
        }
        let mut walk = index.walk(ranges.to_vec(), false);
        let mut hashes = Vec::new();
        let mut is_first = true;
        while walk.next(STEP_ENTRIES, &mut hashes) {
            if self.budget != u64::MAX {
                return Some(Ended::Budget);
            }
            is_first = false;
        }
        if !is_first {
            // What moves ahead of the walk is met again.
            walk.came(&mut hashes);
            hashes.sort_unstable();
            hashes.dedup();
        }
        // The answer depends on all that had changed by now.
        for shard in 0..shards {
            let _ = self.memory.in_shard(shard, |_| ());
        }
        self.gather.count_all(hashes.len());
        Some(Ended::Whole)
    }

    /// Visits records by their hashes; those of one shard that follow each other under one lock.
    fn visit(&mut self, hashes: &[u64], key: Option<&[u8]>) {
        let keyspace = self.memory.keyspace();
        let mut rest = hashes;
        let shard_of = |hash: u64| keyspace.shard_of(hash);
        let mut runs = Vec::with_capacity(rest.len().min(64));
        while let Some(&first) = rest.first() {
            let shard = shard_of(first);
            let run = rest.iter().take(STEP_RECORDS).take_while(|hash| shard_of(**hash) == shard).count();
            runs.push((shard, run));
            rest = &rest[run..];
        }
        let (mut from, mut ahead) = (0, 0);
        for (shard, run) in runs {
            if run == 1 && ahead <= from {
                ahead = hashes.len().min(from + GROUP_RECORDS);
                self.fetch(&hashes[from..ahead]);
            }
            let here = &hashes[from..from + run];
            from += run;
            if run > 1 {
                let next = hashes[from..].iter().take(FETCHED_AHEAD);
                next.for_each(|hash| self.memory.keyspace().prefetch(DATABASE).bucket(*hash));
            }
            let (table, now_ms, gather) = (self.table.as_bytes(), self.now_ms, &mut *self.gather);
            self.memory.in_shard(shard, |space| visit_here(space, (table, now_ms, false), here, key, gather));
        }
    }

    /// Has records fetched that lie in different shards, side by side.
    fn fetch(&mut self, hashes: &[u64]) {
        let prefetch = self.memory.keyspace().prefetch(DATABASE);
        hashes.iter().for_each(|hash| prefetch.bucket(*hash));
        for &hash in hashes {
            let shard = self.memory.keyspace().shard_of(hash);
            self.memory.in_shard(shard, |space| space.fetch_record(hash));
        }
    }

    /// Gives up if it takes too long.
    pub(crate) fn check_time(&mut self) -> Result<(), Fail> {
        if self.timeout_ms == 0 || self.gather.judged - self.looked_at < RECORDS_A_LOOK {
            return Ok(());
        }
        self.looked_at = self.gather.judged;
        let spent = time(self.memory.clock()).saturating_sub(self.begun);
        if spent > Duration::from_millis(self.timeout_ms) {
            Err(took_too_long(self.timeout_ms))
        } else {
            Ok(())
        }
    }
}

/// The same hashes, those of each shard together.
fn by_shard(hashes: &[u64], keyspace: &Keyspace) -> Vec<u64> {
    if hashes.len() <= GROUP_RECORDS {
        let mut sorted = hashes.to_vec();
        sorted.sort_unstable_by_key(|hash| keyspace.shard_of(*hash));
        return sorted;
    }
    let mut starts = vec![0_usize; keyspace.shards() + 1];
    hashes.iter().for_each(|hash| starts[keyspace.shard_of(*hash) + 1] += 1);
    for shard in 1..starts.len() {
        starts[shard] += starts[shard - 1];
    }
    let mut sorted = vec![0; hashes.len()];
    for hash in hashes {
        let at = &mut starts[keyspace.shard_of(*hash)];
        sorted[*at] = *hash;
        *at += 1;
    }
    sorted
}

fn time(clock: Option<&Arc<dyn Clock>>) -> Duration {
    clock.map_or(Duration::ZERO, |clock| clock.monotonic())
}

/// How the records of a table in one shard are walked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Unknown,
    /// In the order of their hashes; a place is a hash.
    ByHashes,
    /// By buckets, see [`Space::walk_records`].
    ByBuckets,
}

impl Way {
    /// Judges about so many records from a place on; returns the place of the next.
    fn visit_step(
        &mut self,
        space: &Space,
        wanted: (&[u8], u64, bool),
        (from, max): (u64, usize),
        hashes: &mut Vec<u64>,
        gather: &mut Gather<'_>,
    ) -> Option<u64> {
        if *self == Self::Unknown {
            *self = if space.is_mostly(wanted.0) { Self::ByBuckets } else { Self::ByHashes };
        }
        if *self == Self::ByBuckets {
            return space.walk_records(wanted.0, from, max, &mut |entry, document| {
                judge(entry, document, wanted, None, gather);
            });
        }
        hashes.clear();
        let next = space.record_hashes(wanted.0, from, max, hashes);
        visit_here(space, wanted, hashes, None, gather);
        next
    }
}

/// Judges the records with these hashes, or the one of them with this key.
fn visit_here(
    space: &Space,
    wanted: (&[u8], u64, bool),
    hashes: &[u64],
    key: Option<&[u8]>,
    gather: &mut Gather<'_>,
) {
    space
        .each_record_of(hashes, wanted.0, &mut |entry, document| judge(entry, document, wanted, key, gather));
}

#[inline]
fn judge(
    entry: EntryRef<'_>,
    document: Document<'_>,
    (table, now_ms, passes_settled): (&[u8], u64, bool),
    key: Option<&[u8]>,
    gather: &mut Gather<'_>,
) {
    let own = &entry.key()[table.len() + 1..];
    let expire_at_ms = entry.expire_at();
    let is_passed =
        passes_settled && !entry.is_unsettled() && !(1..=now_ms + SOON_MS).contains(&expire_at_ms);
    let is_alive = expire_at_ms == 0 || now_ms <= expire_at_ms;
    if is_alive && !is_passed && key.is_none_or(|key| key == own) {
        gather.judge(own, document, expire_at_ms);
    }
}
