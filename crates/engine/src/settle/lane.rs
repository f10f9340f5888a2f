//! Takes changes to the store, lane by lane.
//!
//! A batch goes through these steps: changes are taken from the shards of the lane; the log is made durable up to them; rows and
//! watermark are applied in one transaction of the store; what was taken is marked as settled. What fails passes, and is tried
//! again with growing pauses; or a row is refused, and is found by halving and set aside; or a table is at fault, and its
//! rows are held back while all others go on; or the commit is in doubt, and the store is asked what became of it before
//! anything else is done.

use super::change::change_of;
use super::tables::{snapshot, table_of};
use super::{LOOK_PERIOD, Settle};
use crate::keyspace::settling::Capture;
use crate::record::OnConflict;
use crate::store::{Batch, Change, Conflict, Connection, Content, ErrorKind, Expect, Place, StoreError};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

/// About how many bytes there are in a batch for each row that there may be.
const ROW_BYTES: usize = 256;
/// Rows taken under one lock.
const ROWS_AT_ONCE: usize = 64;
/// A flush that somebody waits for has failed once a lane has so often in a row.
const FLUSH_TRIES: u32 = 4;
/// Where a batch could not say that its changes have settled, since some might have met somebody else's, the next one does, or
/// one without changes after so long.
const MARK_PAUSE_MS: u64 = 1_000;
/// Pauses after failures.
const PAUSE_MIN_MS: u64 = 50;
const PAUSE_MAX_MS: u64 = 5_000;

/// A change that is under way, and whose it is.
struct Taken {
    db: u32,
    capture: Capture,
    change: Change,
    /// The row of the key in another place, which goes.
    beside: Option<Change>,
    bytes: usize,
}

impl Taken {
    fn new(db: u32, capture: Capture) -> Box<Self> {
        let bytes = capture.bytes();
        Box::new(Self { db, capture, change: nothing(), beside: None, bytes })
    }

    /// Whose it is.
    fn at(&self) -> (u32, &[u8]) {
        (self.db, &self.capture.key)
    }

    /// Whether it changes a row in this place.
    fn reaches(&self, place: &Place) -> bool {
        self.change.place == *place || self.beside.as_ref().is_some_and(|beside| beside.place == *place)
    }
}

/// Batches that are under way: between the store and what memory knows of it.
#[derive(Default)]
pub(super) struct Flights {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// One of them, until it is dropped.
struct Flight<'a>(&'a Flights);

impl Flights {
    fn begin(&self) -> Flight<'_> {
        self.begun.fetch_add(1, SeqCst);
        Flight(self)
    }

    /// How many there were, if none is under way: as long as that stays the same none has begun.
    pub(super) fn none_since(&self) -> Option<u64> {
        let ended = self.ended.load(SeqCst);
        (self.begun.load(SeqCst) == ended).then_some(ended)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, SeqCst);
    }
}

/// Changes that are under way. They are sorted and dealt out, and large.
type Pending = Vec<Box<Taken>>;

/// A change whose table is at fault.
struct Held {
    db: u32,
    /// The one at fault.
    place: Place,
    hash: u64,
    key: Box<[u8]>,
    since: u64,
    at_ms: u64,
    until_ms: u64,
}

/// What a lane works with.
pub(super) struct Worker {
    number: usize,
    connection: Option<Box<dyn Connection>>,
    /// The number of the last batch that is known to have been applied.
    sequence: u64,
    /// Changes that were taken and whose batch did not go through yet.
    pending: Pending,
    /// What the pending batch was sent as, if it may have been applied.
    in_doubt: Option<u64>,
    /// How many of them that were, from the front.
    doubtful: usize,
    /// When something was applied last.
    applied_ms: u64,
    /// The watermark that the store has.
    marked: u64,
    held: Vec<Held>,
    failures: u32,
    /// The same, those included after which the pause does not grow.
    tries: u32,
    pause_until_ms: u64,
    /// Where the next batch begins to take.
    next_shard: usize,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There was nothing to do.
    Idle,
    /// Something has settled; there may be more.
    Settled,
    /// The store is waited for.
    Waiting,
}

impl Worker {
    pub(super) fn new(number: usize, sequence: u64, marked: u64) -> Self {
        Self {
            number,
            connection: None,
            sequence,
            pending: Vec::new(),
            in_doubt: None,
            doubtful: 0,
            applied_ms: 0,
            marked,
            held: Vec::new(),
            failures: 0,
            tries: 0,
            pause_until_ms: 0,
            next_shard: 0,
        }
    }

    /// The watermark, if nothing that is held back is above it; else what lies below that.
    fn below_held(&self, watermark: u64) -> u64 {
        self.held.iter().map(|held| held.since - 1).fold(watermark, u64::min)
    }

    /// Whether a change of this key is under way.
    pub(super) fn has_under_way(&self, db: u32, key: &[u8]) -> bool {
        self.pending.iter().any(|taken| taken.db == db && *taken.capture.key == *key)
    }

    /// Whether no change in this place is under way.
    pub(super) fn is_done_with(&self, place: &Place) -> bool {
        !self.pending.iter().any(|taken| taken.reaches(place))
    }

    /// Whether no change up to this number is under way.
    pub(super) fn is_done_before(&self, lsn: u64) -> bool {
        self.pending.iter().all(|taken| taken.capture.version > lsn)
    }
}

impl Settle {
    /// The work of a lane's thread: steps until it is stopped, and then until everything has settled or time is up.
    pub(super) fn work_lane(&self, number: usize) {
        loop {
            // Asked before it is looked: what comes meanwhile is another reason to look.
            let (kicks, is_stopping) = (self.rest.kicks(), self.is_stopping());
            let step = self.lane_step(number);
            self.tell_waiting();
            if self.is_fenced.load(Relaxed) {
                self.fail_waiting(crate::shard::FENCED);
            }
            if is_stopping && (step == Step::Idle || self.is_past_deadline() || self.is_fenced.load(Relaxed))
            {
                return;
            }
            if step != Step::Settled {
                self.rest.rest(kicks, LOOK_PERIOD);
                if self.is_stopping() {
                    // A pause between tries.
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }

    /// Takes the next batch to the store.
    pub(crate) fn lane_step(&self, number: usize) -> Step {
        if self.read_only || self.is_fenced.load(Relaxed) {
            return Step::Idle;
        }
        let mut worker = self.workers[number].lock();
        let worker = &mut *worker;
        let now_ms = self.now_ms();
        // A clock that was set back does not prolong a pause.
        if now_ms < worker.pause_until_ms
            && worker.pause_until_ms - now_ms <= PAUSE_MAX_MS
            && !self.is_stopping()
        {
            return Step::Waiting;
        }
        let outcome = self.advance(worker, now_ms);
        self.note_taken(worker);
        match outcome {
            Ok(step) => {
                (worker.failures, worker.tries) = (0, 0);
                step
            }
            Err(error) => {
                self.note_failure(&error);
                if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::InDoubt) {
                    worker.connection = None;
                }
                let pause = PAUSE_MIN_MS << worker.failures.min(10);
                worker.failures += u32::from(error.kind != ErrorKind::Busy);
                worker.tries += 1;
                if worker.tries >= FLUSH_TRIES {
                    self.fail_flushes(&error);
                }
                worker.pause_until_ms = now_ms + pause.min(PAUSE_MAX_MS);
                Step::Waiting
            }
        }
    }

    fn advance(&self, worker: &mut Worker, now_ms: u64) -> Result<Step, StoreError> {
        self.bring_back(worker, now_ms);
        let seen = self.shards.log.as_ref().map_or(0, crate::log::Log::appended);
        if worker.pending.is_empty() {
            // It stays known how old the oldest change is, while it goes from hand to hand.
            let oldest = self.oldest_ms(worker.number).unwrap_or(u64::MAX);
            self.lanes[worker.number].taken_ms.fetch_min(oldest, Relaxed);
            self.take(worker, now_ms);
            self.note_taken(worker);
        }
        let watermark = self.watermark(worker, seen);
        if worker.pending.is_empty() {
            // Nothing is due. Whoever waits for that hears of it; the store need not, but for what it has of late.
            self.publish(worker.number, watermark);
            let is_young = now_ms.abs_diff(worker.applied_ms) < MARK_PAUSE_MS && !self.is_stopping();
            if !self.lacks(worker, watermark) || is_young {
                return Ok(Step::Idle);
            }
        }
        self.make_durable()?;
        self.settle(worker, watermark)?;
        self.publish(worker.number, worker.below_held(watermark));
        Ok(Step::Settled)
    }

    /// The first so many pending changes are in the store.
    fn note_applied(&self, worker: &Worker, size: usize) {
        let highest = worker.pending[..size].iter().map(|taken| taken.capture.version).max();
        self.applied.fetch_max(highest.unwrap_or(0), Relaxed);
    }

    /// Whether the store is to be told of this watermark: it would not be known of some changes that they have settled. What other
    /// lanes have applied counts, too, since the lowest watermark holds for all once there is another number of lanes.
    fn lacks(&self, worker: &Worker, watermark: u64) -> bool {
        let applied = self.applied.load(Relaxed);
        worker.marked < applied && applied <= watermark
    }

    fn note_taken(&self, worker: &Worker) {
        let lane = &self.lanes[worker.number];
        let pending = worker.pending.iter().map(|taken| taken.capture.at_ms);
        let oldest = pending.chain(worker.held.iter().map(|held| held.at_ms)).min();
        lane.taken_ms.store(oldest.unwrap_or(u64::MAX), Relaxed);
    }

    fn publish(&self, lane: usize, watermark: u64) {
        self.lanes[lane].watermark.fetch_max(watermark, Relaxed);
    }

    /// The highest number below all changes of the lane that will not have settled once the pending batch has. `seen` had been
    /// appended before they were looked for.
    fn watermark(&self, worker: &Worker, seen: u64) -> u64 {
        let keyspace = &self.shards.keyspace;
        let mut watermark = worker.below_held(seen);
        for shard in self.shards_of(worker.number) {
            let part = keyspace.lock(shard);
            for db in 0..keyspace.databases() {
                let oldest = part.space(keyspace.space_of(db)).and_then(|space| space.settling()?.oldest());
                if let Some((since, _)) = oldest {
                    watermark = watermark.min(since - 1);
                }
            }
        }
        watermark
    }

    /// What works the lane of this key.
    pub(super) fn worker_of(&self, key: &[u8]) -> &Mutex<Worker> {
        let keyspace = &self.shards.keyspace;
        &self.workers[keyspace.shard_of(keyspace.hash(key)) % self.workers.len()]
    }

    fn shards_of(&self, lane: usize) -> impl Iterator<Item = usize> + use<> {
        (lane..self.shards.keyspace.shards()).step_by(self.workers.len())
    }

    /// When the oldest change of the lane happened.
    fn oldest_ms(&self, lane: usize) -> Option<u64> {
        let keyspace = &self.shards.keyspace;
        let mut oldest: Option<u64> = None;
        for shard in self.shards_of(lane) {
            let part = keyspace.lock(shard);
            for db in 0..keyspace.databases() {
                let here = part.space(keyspace.space_of(db)).and_then(|space| space.settling()?.oldest());
                if let Some((_, at_ms)) = here {
                    oldest = Some(oldest.map_or(at_ms, |known| known.min(at_ms)));
                }
            }
        }
        oldest
    }

    /// When the oldest change that has not settled happened; 0: before the folder was opened.
    pub(super) fn oldest_change_ms(&self) -> Option<u64> {
        let taken = || self.lanes.iter().map(|lane| lane.taken_ms.load(Relaxed)).min().unwrap_or(u64::MAX);
        // Changes go from memory to a lane, and back.
        let before = taken();
        let here = (0..self.workers.len()).filter_map(|lane| self.oldest_ms(lane)).min().unwrap_or(u64::MAX);
        let oldest = before.min(here).min(taken());
        (oldest != u64::MAX).then_some(oldest)
    }

    fn is_due(&self, worker: &Worker, now_ms: u64) -> bool {
        let behind = &self.shards.behind;
        let unsettled = self.shards.keyspace.unsettled().map_or(0, |totals| totals.bytes());
        if self.flush_all.load(Relaxed)
            || self.is_stopping()
            || unsettled >= self.knobs.flush_bytes.load(Relaxed)
            || behind.is_wanted.load(Relaxed)
        {
            return true;
        }
        let interval = self.knobs.flush_interval_ms.load(Relaxed);
        // The batch itself takes some time, too.
        let early = (interval / 10).min(250);
        self.oldest_ms(worker.number).is_some_and(|at| {
            now_ms.saturating_add(early) >= at.saturating_add(interval) || at > now_ms.saturating_add(1000)
        })
    }

    /// Takes changes that are due from the shards of the lane.
    fn take(&self, worker: &mut Worker, now_ms: u64) {
        if !self.is_due(worker, now_ms) {
            return;
        }
        let keyspace = &self.shards.keyspace;
        let shards: Vec<usize> = self.shards_of(worker.number).collect();
        let (mut bytes, mut captures, mut all) = (0, Vec::new(), Vec::new());
        let rows_max = self.store.batch_rows().max(1);
        let bytes_max = rows_max * ROW_BYTES;
        for turn in 0..shards.len() {
            let shard = shards[(worker.next_shard + turn) % shards.len()];
            loop {
                let mut more = false;
                {
                    let mut part = keyspace.lock(shard);
                    let version = part.last_lsn;
                    for db in 0..keyspace.databases() {
                        let Some(space) = part.space_mut(keyspace.space_of(db)) else { continue };
                        let room = bytes_max - bytes.min(bytes_max);
                        more |= space.capture(version, u64::MAX, ROWS_AT_ONCE, room, &mut captures);
                        for capture in captures.drain(..) {
                            bytes += capture.bytes();
                            all.push(Taken::new(db, capture));
                        }
                    }
                }
                if !more || all.len() >= rows_max || bytes >= bytes_max {
                    break;
                }
            }
            if all.len() >= rows_max || bytes >= bytes_max {
                worker.next_shard = (worker.next_shard + turn) % shards.len();
                break;
            }
        }
        all.sort_by(|one, other| one.at().cmp(&other.at()));
        let tables = snapshot(&self.shards);
        let mut all = all.into_iter().peekable();
        while let Some(mut taken) = all.next() {
            // A key may have been taken, have changed and have been taken again: the later state is the one that counts.
            if all.peek().is_none_or(|next| next.at() != taken.at()) {
                (taken.change, taken.beside) = change_of(self, &tables, taken.db, &mut taken.capture);
                worker.pending.push(taken);
            } else {
                self.land(&taken);
            }
        }
        // Each table by itself; the rows of one are in order.
        worker.pending.sort_by(|one, other| one.change.place.cmp(&other.change.place));
        self.shards.behind.is_wanted.store(false, Relaxed);
    }

    /// Nothing is taken to the store that a crash could take from the log.
    pub(super) fn make_durable(&self) -> Result<(), StoreError> {
        let Some(log) = &self.shards.log else { return Ok(()) };
        if log.durable() >= log.appended() {
            return Ok(());
        }
        log.sync().map(drop).map_err(|error| {
            StoreError::new(
                ErrorKind::Busy,
                format!("nothing settles, because the log cannot be made durable: {error}"),
            )
        })
    }

    /// Applies what is pending.
    fn settle(&self, worker: &mut Worker, watermark: u64) -> Result<(), StoreError> {
        let mut connection = match worker.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let outcome = self.settle_over(worker, &mut *connection, watermark);
        if !outcome
            .as_ref()
            .is_err_and(|error| matches!(error.kind, ErrorKind::Unavailable | ErrorKind::InDoubt))
        {
            worker.connection = Some(connection);
        }
        outcome
    }

    fn settle_over(
        &self,
        worker: &mut Worker,
        connection: &mut dyn Connection,
        watermark: u64,
    ) -> Result<(), StoreError> {
        if let Some(sequence) = worker.in_doubt {
            let position = connection.position(u32::try_from(worker.number).unwrap_or(0), self.epoch)?;
            worker.in_doubt = None;
            worker.sequence = position.sequence;
            worker.marked = position.watermark.saturating_sub(self.base);
            if position.sequence == sequence {
                self.mark_applied(worker);
            }
        }
        let is_mark = worker.pending.is_empty();
        self.define_tables(worker, connection)?;
        // Until the last part of it, the batch leaves the watermark where it is.
        let low = self.lanes[worker.number].watermark.load(Relaxed);
        while !worker.pending.is_empty() {
            let size = worker.pending.len();
            self.settle_part(worker, connection, size, (low, watermark))?;
        }
        if is_mark && self.lacks(worker, watermark) {
            self.apply(worker, connection, 0, watermark)?;
        }
        self.note_up();
        Ok(())
    }

    /// Tells the store of tables that it has not heard of.
    fn define_tables(&self, worker: &mut Worker, connection: &mut dyn Connection) -> Result<(), StoreError> {
        let tables = snapshot(&self.shards);
        let mut names: Vec<Arc<str>> = Vec::new();
        for taken in &worker.pending {
            // The table may have been made since the change was taken.
            if taken.change.place == Place::Keys(taken.db)
                && let Some((definition, _)) = table_of(&tables, taken.db, &taken.capture.key)
            {
                self.note_others(&definition.name);
            }
            for change in std::iter::once(&taken.change).chain(&taken.beside) {
                if let Place::Table(name) = &change.place
                    && names.last() != Some(name)
                {
                    names.push(Arc::clone(name));
                }
            }
        }
        for name in names {
            let Some(definition) = tables.get(name.as_bytes()) else { continue };
            if definition.dropping && !self.knows_table(&name) {
                // It may have been dropped in the store already, and is not made again.
                self.hold_back(worker, &Place::Table(name));
                continue;
            }
            match self.define(connection, definition) {
                Err(error)
                    if matches!(
                        error.kind,
                        ErrorKind::Table(_) | ErrorKind::Invalid | ErrorKind::Refused
                    ) =>
                {
                    self.note_failure(&error);
                    self.fail_flushes(&error);
                    self.hold_back(worker, &Place::Table(name));
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// The batch that was in doubt had been applied. Only a change that may have met somebody else's is sent again.
    fn mark_applied(&self, worker: &mut Worker) {
        self.note_applied(worker, worker.doubtful);
        let (size, pending) = (worker.doubtful, std::mem::take(&mut worker.pending));
        for (index, taken) in pending.into_iter().enumerate() {
            if index < size && taken.change.expect == Expect::Any {
                self.mark_settled(worker, &taken);
            } else {
                worker.pending.push(taken);
            }
        }
    }

    /// Applies the first `size` pending changes, in halves where the store refuses a row.
    fn settle_part(
        &self,
        worker: &mut Worker,
        connection: &mut dyn Connection,
        size: usize,
        (low, high): (u64, u64),
    ) -> Result<(), StoreError> {
        // A change that meets somebody else's is sent again, so it has not settled with this batch.
        let is_last = size == worker.pending.len()
            && worker.pending.iter().all(|taken| taken.change.expect == Expect::Any);
        let watermark = if is_last { worker.below_held(high) } else { low };
        match self.apply(worker, connection, size, watermark) {
            Ok(()) => Ok(()),
            Err(error) if error.kind == ErrorKind::Refused && size > 1 => {
                let half = size / 2;
                self.settle_part(worker, connection, half, (low, high))?;
                // Some of the first half may have been set aside or held back: it is gone from the front in any case.
                let rest = (size - half).min(worker.pending.len());
                if rest == 0 { Ok(()) } else { self.settle_part(worker, connection, rest, (low, high)) }
            }
            Err(error) if error.kind == ErrorKind::Refused => {
                let taken = worker.pending.remove(0);
                self.set_aside(worker, &taken, &error.text);
                self.land(&taken);
                Ok(())
            }
            Err(error) => {
                if let ErrorKind::Table(place) = &error.kind
                    && worker.pending[..size].iter().any(|taken| taken.reaches(place))
                {
                    self.note_failure(&error);
                    self.fail_flushes(&error);
                    self.forget_table(place);
                    self.hold_back(worker, place);
                    return Ok(());
                }
                Err(error)
            }
        }
    }

    /// One transaction of the store.
    fn apply(
        &self,
        worker: &mut Worker,
        connection: &mut dyn Connection,
        size: usize,
        watermark: u64,
    ) -> Result<(), StoreError> {
        let sequence = worker.sequence + 1;
        let mut batch = Batch {
            lane: u32::try_from(worker.number).unwrap_or(0),
            epoch: self.epoch,
            sequence,
            watermark: self.base + watermark,
            changes: worker.pending[..size]
                .iter_mut()
                .map(|taken| std::mem::replace(&mut taken.change, nothing()))
                .collect(),
        };
        // Rows of two places may come in any order, but those of one have to be sorted.
        let mut owners = Vec::new();
        for (index, taken) in worker.pending[..size].iter_mut().enumerate() {
            if let Some(beside) = taken.beside.take() {
                owners.push(index);
                batch.changes.push(beside);
            }
        }
        let _flight = self.flights.begin();
        let begun = self.clock.monotonic();
        let outcome = if batch.changes.len() == size {
            connection.apply(&batch)
        } else {
            self.apply_sorted(connection, &mut batch)
        };
        let mut changes = batch.changes.into_iter();
        for (taken, change) in worker.pending.iter_mut().zip(changes.by_ref().take(size)) {
            taken.change = change;
        }
        if outcome.is_err() {
            owners
                .iter()
                .zip(changes)
                .for_each(|(&index, change)| worker.pending[index].beside = Some(change));
        }
        let conflicts = outcome.inspect_err(|error| {
            if error.kind == ErrorKind::InDoubt {
                (worker.in_doubt, worker.doubtful) = (Some(sequence), size);
            }
        })?;
        (worker.sequence, worker.marked) = (sequence, watermark);
        self.note_applied(worker, size);
        worker.applied_ms = self.now_ms();
        let micros = u64::try_from((self.clock.monotonic() - begun).as_micros()).unwrap_or(u64::MAX);
        if size != 0 {
            self.stats.note_batch(size - conflicts.len(), micros, self.now_ms());
        }
        let mut again = Vec::new();
        let conflicts: std::collections::HashMap<usize, Conflict> = conflicts.into_iter().collect();
        let applied: Pending = worker.pending.drain(..size).collect();
        for (index, taken) in applied.into_iter().enumerate() {
            match conflicts.get(&index) {
                None => self.mark_settled(worker, &taken),
                Some(conflict) => again.extend(self.resolve(worker, taken, *conflict)),
            }
        }
        if !again.is_empty() {
            // They come first, and each by itself if need be.
            again.append(&mut worker.pending);
            worker.pending = again;
        }
        Ok(())
    }

    /// Applies a batch with rows of several places, which are in no order. Conflicts are told by the order that was.
    fn apply_sorted(
        &self,
        connection: &mut dyn Connection,
        batch: &mut Batch,
    ) -> Result<Vec<(usize, Conflict)>, StoreError> {
        let mut order: Vec<usize> = (0..batch.changes.len()).collect();
        let of = |index: &usize| (&batch.changes[*index].place, &batch.changes[*index].key);
        order.sort_by(|one, other| of(one).cmp(&of(other)));
        let mut changes: Vec<Option<Change>> =
            std::mem::take(&mut batch.changes).into_iter().map(Some).collect();
        batch.changes = order.iter().filter_map(|&index| changes[index].take()).collect();
        let outcome = connection.apply(batch);
        for (change, &index) in std::mem::take(&mut batch.changes).into_iter().zip(&order) {
            changes[index] = Some(change);
        }
        batch.changes = changes.into_iter().flatten().collect();
        outcome.map(|conflicts| {
            conflicts.into_iter().map(|(index, conflict)| (order[index], conflict)).collect()
        })
    }

    /// A change that has met somebody else's. Returned if it is to be sent again.
    fn resolve(&self, worker: &mut Worker, mut taken: Box<Taken>, conflict: Conflict) -> Option<Box<Taken>> {
        match conflict {
            Conflict::Version(version) if version >= taken.change.version => {
                // It had been applied before: the batch was sent twice, or settled before the folder was opened.
                if version > taken.change.version {
                    self.stats.conflicts.fetch_add(1, Relaxed);
                }
                self.mark_settled(worker, &taken);
                None
            }
            // It was this database that wrote the row last: the batch was in doubt, and had been applied.
            Conflict::Written(0) if taken.change.expect != Expect::Any => {
                taken.change.expect = Expect::Any;
                Some(taken)
            }
            _ => {
                self.stats.conflicts.fetch_add(1, Relaxed);
                match self.rule_of(&taken) {
                    OnConflict::MemoryWins => {
                        taken.change.expect = Expect::Any;
                        Some(taken)
                    }
                    OnConflict::StoreWins => {
                        if let Err(fail) = self.shards.give_up_change(taken.db, &taken.capture.key) {
                            // Later it meets the same.
                            self.note_failure(&StoreError::new(ErrorKind::Busy, fail.0.into_owned()));
                            self.hold(worker, &taken, &taken.change.place);
                        }
                        self.land(&taken);
                        None
                    }
                    OnConflict::Quarantine => {
                        let what = match conflict {
                            Conflict::Removed => "somebody else has removed the row",
                            _ => "somebody else has changed the row",
                        };
                        self.set_aside(worker, &taken, what);
                        self.land(&taken);
                        None
                    }
                }
            }
        }
    }

    fn rule_of(&self, taken: &Taken) -> OnConflict {
        let tables = snapshot(&self.shards);
        table_of(&tables, taken.db, &taken.capture.key)
            .map_or(OnConflict::MemoryWins, |(definition, _)| definition.on_conflict)
    }

    /// A change is in the store. If others have changed the row since, memory forgets what it has of it.
    fn mark_settled(&self, worker: &mut Worker, taken: &Taken) {
        let keyspace = &self.shards.keyspace;
        let capture = &taken.capture;
        let mut part = keyspace.lock(keyspace.shard_of(capture.hash));
        let mut is_doubtful = false;
        if let Some(space) = part.space_mut(keyspace.space_of(taken.db)) {
            is_doubtful = space.is_doubtful(&capture.key);
            if !is_doubtful {
                space.settled(capture.hash, &capture.key);
            }
            space.landed(taken.bytes);
        }
        drop(part);
        if is_doubtful && let Err(fail) = self.shards.forget_settled(taken.db, &capture.key) {
            self.note_failure(&StoreError::new(ErrorKind::Busy, fail.0.into_owned()));
            return self.hold(worker, taken, &taken.change.place);
        }
        if !self.quarantine.is_empty() {
            self.quarantine.leave(self, taken.db, &capture.key);
        }
    }

    /// A row that the store refuses is set aside, which the log knows before the watermark passes it. Where that cannot be, it is
    /// held back: it is tried again from time to time, and counts as unsettled.
    fn set_aside(&self, worker: &mut Worker, taken: &Taken, reason: &str) {
        let (capture, bytes) = (&taken.capture, taken.bytes as u64);
        let known = self.quarantine.bytes_of(taken.db, &capture.key);
        let all = self.quarantine.bytes().saturating_sub(known).saturating_add(bytes);
        let put = if all > self.knobs.quarantine_bytes_max.load(Relaxed) {
            let text = format!("the quarantine is full, and the store refuses another row: {reason}");
            Err(StoreError::new(ErrorKind::Refused, text))
        } else {
            let lsns = (capture.since, capture.version);
            self.quarantine.put(self, (taken.db, &capture.key), lsns, bytes, reason)
        };
        if let Err(error) = put {
            self.note_failure(&error);
            self.fail_flushes(&error);
            return self.hold(worker, taken, &taken.change.place);
        }
        self.tell_refused(taken.db, &capture.key, reason);
        let keyspace = &self.shards.keyspace;
        let mut part = keyspace.lock(keyspace.shard_of(capture.hash));
        if let Some(space) = part.space_mut(keyspace.space_of(taken.db)) {
            space.quarantine(capture.hash, &capture.key);
        }
    }

    /// It is known what became of a change that was taken.
    fn land(&self, taken: &Taken) {
        let keyspace = &self.shards.keyspace;
        let mut part = keyspace.lock(keyspace.shard_of(taken.capture.hash));
        if let Some(space) = part.space_mut(keyspace.space_of(taken.db)) {
            space.landed(taken.bytes);
        }
    }

    /// A change is left for later.
    fn hold(&self, worker: &mut Worker, taken: &Taken, place: &Place) {
        let (keyspace, capture) = (&self.shards.keyspace, &taken.capture);
        let mut part = keyspace.lock(keyspace.shard_of(capture.hash));
        if let Some(space) = part.space_mut(keyspace.space_of(taken.db)) {
            space.unsettle(capture.hash, &capture.key);
        }
        drop(part);
        worker.held.push(Held {
            db: taken.db,
            place: place.clone(),
            hash: capture.hash,
            key: capture.key.clone(),
            since: capture.since,
            at_ms: capture.at_ms,
            until_ms: self.now_ms() + PAUSE_MAX_MS,
        });
    }

    /// The rows of a table that is at fault are left for later.
    fn hold_back(&self, worker: &mut Worker, place: &Place) {
        let (back, rest): (Pending, _) =
            std::mem::take(&mut worker.pending).into_iter().partition(|taken| taken.reaches(place));
        worker.pending = rest;
        for taken in &back {
            self.hold(worker, taken, place);
            self.land(taken);
        }
    }

    /// What was held back is tried again once its time has come, or its table is gone.
    fn bring_back(&self, worker: &mut Worker, now_ms: u64) {
        if worker.held.is_empty() {
            return;
        }
        let (keyspace, tables) = (&self.shards.keyspace, snapshot(&self.shards));
        let is_gone = |place: &Place| match place {
            Place::Table(name) => tables.get(name.as_bytes()).is_none(),
            Place::Keys(_) => false,
        };
        let is_back = |held: &Held| {
            now_ms >= held.until_ms || held.until_ms - now_ms > PAUSE_MAX_MS || is_gone(&held.place)
        };
        for held in worker.held.extract_if(.., |held| is_back(held)) {
            let mut part = keyspace.lock(keyspace.shard_of(held.hash));
            if let Some(space) = part.space_mut(keyspace.space_of(held.db)) {
                space.requeue(held.hash, &held.key, held.since, held.at_ms);
            }
        }
    }
}

/// Stands in for a change that is not made yet, or is on its way.
fn nothing() -> Change {
    Change {
        place: Place::Keys(0),
        key: Vec::new(),
        version: 0,
        expire_at_ms: 0,
        content: Content::Gone,
        expect: Expect::Any,
        tags: None,
    }
}
