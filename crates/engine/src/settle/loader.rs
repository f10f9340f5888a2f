//! Fetches rows: one question for many keys, and one for a key however many ask.
//!
//! What must hold: whoever has asked is answered, with the key in its place, known to be absent, or with why not; a row is
//! dropped if its key has changed since the question ([`Space::arrive`](crate::keyspace::space::Space::arrive)).

use super::Settle;
use super::change::{entry_of, places_of};
use super::tables::{snapshot, table_of};
use crate::keyspace::settling::{Arrived, Waiting};
use crate::record::{DATABASE, Snapshot};
use crate::shard::Shards;
use crate::store::{Connection, Content, ErrorKind, Row, StoreError};
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// Keys in one question.
const KEYS_MAX: usize = 512;
/// A waiter for whom a row could not be had is looked after again so much later.
const REVISIT_PAUSE_MS: u64 = 250;
/// A question that lost against somebody else's transaction is asked again so often.
const TRIES_MAX: u32 = 5;

/// Keys that are to be fetched.
pub(super) struct Loader {
    queue: Mutex<VecDeque<Wanted>>,
    /// Nobody fetches any more. Changes with the queue locked.
    is_closed: AtomicBool,
    wake: Condvar,
    /// How many threads are to fetch, and how many do.
    threads: AtomicU32,
    running: AtomicU32,
    revisits: Mutex<Vec<Revisit>>,
}

struct Wanted {
    db: u32,
    key: Box<[u8]>,
    hash: u64,
}

/// A key whose waiters are to be served once what they need is here, or it is time to ask for it again.
struct Revisit {
    db: u32,
    key: Box<[u8]>,
    /// Not before that; 0: at once.
    at_ms: u64,
}

impl Loader {
    pub(super) fn new(threads: u32) -> Self {
        Self {
            queue: Mutex::default(),
            is_closed: AtomicBool::new(false),
            wake: Condvar::new(),
            threads: AtomicU32::new(threads),
            running: AtomicU32::new(0),
            revisits: Mutex::default(),
        }
    }

    /// How many threads fetch from now on: one at least.
    pub(super) fn set_threads(&self, threads: u32) {
        self.threads.store(threads.max(1), Relaxed);
        self.wake();
    }

    /// Whether there is to be another thread, which counts from here on.
    pub(super) fn lacks_thread(&self) -> bool {
        let threads = self.threads.load(Relaxed);
        let one_more = |running: u32| (running < threads).then_some(running + 1);
        self.running.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    /// Whether a thread is to end, which counts no more from here on.
    fn has_thread_too_many(&self) -> bool {
        let threads = self.threads.load(Relaxed);
        let one_less = |running: u32| (running > threads).then(|| running - 1);
        self.running.fetch_update(Relaxed, Relaxed, one_less).is_ok()
    }

    /// A thread that was counted could not be started.
    pub(super) fn uncount_thread(&self) {
        self.running.fetch_sub(1, Relaxed);
    }

    fn ask(&self, wanted: Wanted) -> Result<(), Wanted> {
        let mut queue = self.queue.lock();
        if self.is_closed.load(Relaxed) {
            return Err(wanted);
        }
        queue.push_back(wanted);
        self.wake.notify_one();
        Ok(())
    }

    /// From now on nobody is let wait.
    pub(super) fn close(&self) {
        let _queue = self.queue.lock();
        self.is_closed.store(true, Relaxed);
    }

    /// Those whose time has come.
    fn take_revisits(&self, now_ms: u64) -> Vec<Revisit> {
        let is_due = |revisit: &mut Revisit| {
            // A clock that was set back does not prolong a pause.
            now_ms >= revisit.at_ms || revisit.at_ms - now_ms > REVISIT_PAUSE_MS
        };
        self.revisits.lock().extract_if(.., is_due).collect()
    }

    pub(super) fn wake(&self) {
        self.wake.notify_all();
    }

    fn take(&self, wait: Option<Duration>) -> Vec<Wanted> {
        let mut queue = self.queue.lock();
        if let (true, Some(wait)) = (queue.is_empty(), wait) {
            self.wake.wait_for(&mut queue, wait);
        }
        let count = queue.len().min(KEYS_MAX);
        queue.drain(..count).collect()
    }

    /// Tells everybody who waits for a row that it cannot be had.
    pub(super) fn fail_all(&self, shards: &Shards, text: &str) {
        let wanted = std::mem::take(&mut *self.queue.lock());
        wanted.iter().for_each(|wanted| give_up(shards, wanted, text));
    }
}

/// A key that the store is asked for.
struct Question<'w> {
    wanted: &'w Wanted,
    number: u64,
}

/// The answer to whoever asks for a row when nobody fetches any more.
pub(super) const CLOSED: &str = "STOREDOWN the database is being closed";

/// Has these wait some time.
fn later(revisits: &mut [Revisit], now_ms: u64) {
    revisits.iter_mut().for_each(|revisit| revisit.at_ms = now_ms + REVISIT_PAUSE_MS);
}

fn give_up(shards: &Shards, wanted: &Wanted, text: &str) {
    let keyspace = &shards.keyspace;
    let waiting = {
        let mut part = keyspace.lock(keyspace.shard_of(wanted.hash));
        part.space_mut(keyspace.space_of(wanted.db))
            .map(|space| space.give_up_fetch(&wanted.key))
            .unwrap_or_default()
    };
    waiting.iter().for_each(|waiting| waiting.happened(Some(text)));
}

impl Settle {
    /// Has a key fetched.
    pub(super) fn fetch(&self, db: u32, key: &[u8], hash: u64) {
        if let Err(wanted) = self.loader.ask(Wanted { db, key: key.into(), hash }) {
            give_up(&self.shards, &wanted, CLOSED);
        }
    }

    /// Has keys fetched, and then serves those who wait for others. Called under locks of shards: only notes it.
    pub(crate) fn fetch_for_waiters(&self, cold: Vec<(u32, Box<[u8]>)>, waited: Vec<(u32, Box<[u8]>)>) {
        let revisits = waited.into_iter().map(|(db, key)| Revisit { db, key, at_ms: 0 });
        self.loader.revisits.lock().extend(revisits);
        // The keys are asked for outside of the locks, by whoever comes next.
        let mut queue = self.loader.queue.lock();
        for (db, key) in cold {
            let hash = self.shards.keyspace.hash(&key);
            queue.push_back(Wanted { db, key, hash });
        }
        self.loader.wake.notify_one();
    }

    /// The work of a thread that fetches.
    pub(super) fn work_loader(&self) {
        let mut connection = None;
        while !self.is_stopping() && !self.loader.has_thread_too_many() {
            self.load_step(&mut connection, Some(super::LOOK_PERIOD));
        }
    }

    /// Answers the next question. Returns whether there was one.
    pub(super) fn load_step(
        &self,
        connection: &mut Option<Box<dyn Connection>>,
        wait: Option<Duration>,
    ) -> bool {
        let wanted = self.loader.take(wait);
        let mut revisits = self.loader.take_revisits(self.now_ms());
        if wanted.is_empty() && revisits.is_empty() {
            return false;
        }
        // What was flushed by now may still be found.
        let flushed = self.flushed();
        let questions: Vec<Question<'_>> = wanted.iter().map(|wanted| self.begin_fetch(wanted)).collect();
        let begun = self.clock.monotonic();
        let outcome = self.load(connection, &wanted);
        self.stats.fetches.fetch_add(wanted.len() as u64, Relaxed);
        let micros = (self.clock.monotonic() - begun).as_micros();
        self.stats.fetch_time.add(u64::try_from(micros).unwrap_or(u64::MAX));
        match outcome {
            Ok(rows) => {
                self.note_up();
                self.make_room_for_rows();
                questions.iter().zip(rows).for_each(|(question, row)| self.arrive(question, row, &flushed));
            }
            Err(error)
                if matches!(error.kind, ErrorKind::Table(_) | ErrorKind::Refused) && wanted.len() > 1 =>
            {
                // Each by itself: others may be well.
                for question in &questions {
                    match self.load(connection, std::slice::from_ref(question.wanted)) {
                        Ok(mut rows) => self.arrive(question, rows.pop().flatten(), &flushed),
                        Err(error) => {
                            later(&mut revisits, self.now_ms());
                            self.fail(question.wanted, &error);
                        }
                    }
                }
            }
            Err(error) => {
                later(&mut revisits, self.now_ms());
                wanted.iter().for_each(|wanted| self.fail(wanted, &error));
            }
        }
        for revisit in revisits {
            if revisit.at_ms > self.now_ms() {
                self.loader.revisits.lock().push(revisit);
                continue;
            }
            let mut deferred = VecDeque::new();
            self.shards.serve_key(revisit.db, &revisit.key, self.now_ms(), &mut deferred);
            while let Some((db, key)) = deferred.pop_front() {
                self.shards.serve_key(db, &key, self.now_ms(), &mut deferred);
            }
        }
        true
    }

    /// A key that is asked for on behalf of a waiter has nobody in its list yet.
    fn begin_fetch<'w>(&self, wanted: &'w Wanted) -> Question<'w> {
        let keyspace = &self.shards.keyspace;
        let shard = keyspace.shard_of(wanted.hash);
        let mut part = keyspace.lock(shard);
        let number = keyspace.space_in(shard, &mut part, wanted.db).begin_fetch(wanted.hash, &wanted.key);
        Question { wanted, number }
    }

    fn fail(&self, wanted: &Wanted, error: &StoreError) {
        let text = format!("STOREDOWN the key is not in memory and cannot be read from the store: {error}");
        give_up(&self.shards, wanted, &text.replace(['\r', '\n'], " "));
    }

    fn load(
        &self,
        connection: &mut Option<Box<dyn Connection>>,
        wanted: &[Wanted],
    ) -> Result<Vec<Option<Row>>, StoreError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let tables = snapshot(&self.shards);
        let (mut tries, mut reconnected) = (0, false);
        loop {
            let connected = match connection {
                Some(connected) => connected,
                None => {
                    reconnected = true;
                    connection.insert(self.connect().inspect_err(|error| self.note_failure(error))?)
                }
            };
            match self.load_over(&mut **connected, &tables, wanted) {
                Ok(rows) => return Ok(rows),
                Err(error) => {
                    self.note_failure(&error);
                    if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::InDoubt) {
                        *connection = None;
                        // The connection may have been idle for long; the store itself may be well.
                        if !reconnected {
                            continue;
                        }
                        return Err(error);
                    }
                    if let ErrorKind::Table(place) = &error.kind
                        && self.forget_table(place)
                    {
                        continue;
                    }
                    tries += 1;
                    if error.kind != ErrorKind::Busy || tries >= TRIES_MAX {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn load_over(
        &self,
        connection: &mut dyn Connection,
        tables: &Snapshot,
        wanted: &[Wanted],
    ) -> Result<Vec<Option<Row>>, StoreError> {
        let (mut keys, mut counts) = (Vec::with_capacity(wanted.len()), Vec::with_capacity(wanted.len()));
        for wanted in wanted {
            if let Some((definition, _)) = table_of(tables, wanted.db, &wanted.key) {
                self.define(connection, &definition)?;
            }
            let places = places_of(self, tables, wanted.db, &wanted.key);
            counts.push(places.len());
            keys.extend(places);
        }
        let mut rows = connection.load(&keys)?.into_iter();
        Ok(counts.into_iter().map(|count| rows.by_ref().take(count).fold(None, Option::or)).collect())
    }

    /// Reads some keys of database 0 over this connection, for nobody in particular.
    pub(super) fn bring_some(
        &self,
        connection: &mut dyn Connection,
        keys: &[(Box<[u8]>, u64)],
    ) -> Result<(), StoreError> {
        let flushed = self.flushed();
        let wanted = keys.iter().map(|(key, hash)| Wanted { db: DATABASE, key: key.clone(), hash: *hash });
        let wanted: Vec<Wanted> = wanted.collect();
        let questions: Vec<Question<'_>> = wanted.iter().map(|wanted| self.begin_fetch(wanted)).collect();
        let rows = self.load_over(connection, &snapshot(&self.shards), &wanted);
        // Others may have asked for them meanwhile.
        let rows = rows.inspect_err(|error| wanted.iter().for_each(|wanted| self.fail(wanted, error)))?;
        questions.iter().zip(rows).for_each(|(question, row)| self.arrive(question, row, &flushed));
        Ok(())
    }

    fn make_room_for_rows(&self) {
        if self.shards.exceeds_memory() {
            let mut caller = crate::shard::Caller::at(self.now_ms());
            // What cannot be evicted now is bounded elsewhere.
            let _ = self.shards.make_room(&mut caller);
        }
    }

    fn arrive(&self, question: &Question<'_>, row: Option<Row>, flushed: &HashMap<u32, u64>) {
        let wanted = question.wanted;
        let keyspace = &self.shards.keyspace;
        let now_ms = self.now_ms();
        let flushed = self.flushed_version(wanted.db).max(flushed.get(&wanted.db).copied().unwrap_or(0));
        let tables = snapshot(&self.shards);
        let dropping =
            table_of(&tables, wanted.db, &wanted.key).is_some_and(|(definition, _)| definition.dropping);
        let row = row.filter(|row| {
            !(dropping && matches!(row.content, Content::Record(_)))
                && (row.expire_at_ms == 0 || now_ms <= row.expire_at_ms)
                && (flushed == 0 || row.version > flushed)
        });
        let entry = match &row {
            None => None,
            Some(row) => match entry_of(
                &wanted.key,
                row,
                &self.shards.settings.packing(),
                &self.shards.keyspace.compression,
            ) {
                Some(mut entry) => {
                    self.stats.fetched.fetch_add(1, Relaxed);
                    self.shards.settings.access_clock(now_ms).mark_new(&mut entry);
                    if !row.tags.is_empty() {
                        self.shards.behind.is_tagged.store(true, Relaxed);
                    }
                    Some(Arrived { entry, stamp: row.stamp, tags: &row.tags })
                }
                None => {
                    let text = "STOREDOWN the row of this key is not a value of this version";
                    return give_up(&self.shards, wanted, text);
                }
            },
        };
        let shard = keyspace.shard_of(wanted.hash);
        let waiting: Option<Vec<Arc<Waiting>>> = {
            let mut part = keyspace.lock(shard);
            keyspace.space_in(shard, &mut part, wanted.db).arrive(
                wanted.hash,
                &wanted.key,
                question.number,
                entry,
            )
        };
        match waiting {
            Some(waiting) => waiting.iter().for_each(|waiting| waiting.happened(None)),
            // It has changed meanwhile: once more.
            None => self.fetch(wanted.db, &wanted.key, wanted.hash),
        }
    }
}
