//! One life of a database with a store, while it is lived.

use super::others::TABLES;
use super::strain::{Fence, Raced, Strain};
use super::{Life, World};
use crate::dataset::DataSet;
use crate::db_crash::is_refused;
use crate::workload::{Call, DATABASES, Step, Workload};
use parking_lot::Mutex;
use ramekin::command;
use ramekin::io::mem::Faults;
use ramekin::io::{Rng as _, SeededRng};
use ramekin::store::{ApplyFault, Change, Content, Place};
use ramekin::value::codec::tag;
use ramekin::{Caller, Checkpoint, Collector, Database, Planned, Refusal, Response};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Commands that mean something else with a store, or see only what is in memory.
const LEFT_OUT: [&[u8]; 6] = [b"FLUSHDB", b"FLUSHALL", b"SWAPDB", b"DBSIZE", b"KEYS", b"SCAN"];

/// See the module.
pub struct Run<'a> {
    pub(super) world: &'a mut World,
    pub(super) db: &'a Database,
    pub(super) rng: &'a SeededRng,
    checkpoint: Option<Checkpoint>,
    /// Whether the store may fail.
    is_troubled: bool,
    /// Whether rows may have been refused.
    has_refused: bool,
    pub(super) strain: Strain,
    /// Somebody else owns the store: it stays as it was.
    pub(super) fence: Option<Fence>,
    pub(super) raced: Arc<Mutex<Vec<Raced>>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(world: &'a mut World, db: &'a Database, rng: &'a SeededRng, strain: Strain) -> Self {
        // What was wrong with rows and tables goes on.
        Self {
            world,
            db,
            rng,
            checkpoint: None,
            is_troubled: true,
            has_refused: true,
            strain,
            fence: None,
            raced: Arc::default(),
        }
    }

    pub(super) fn drop_checkpoint(self) {
        drop(self.checkpoint);
    }

    pub(super) fn close(self, db: &Database) {
        drop(self.checkpoint);
        // What is in quarantine has not settled, which is told.
        let _ = db.close();
        let last = db.last_lsn();
        (self.world.model.written, self.world.model.durable) = (last, last);
        self.world.store.die();
    }

    pub(super) fn is_over(&self) -> bool {
        self.world.disk.is_frozen() || self.world.store.is_dead() || self.db.log_failed().is_some()
    }

    /// Does the work. Returns whether nothing has stopped it.
    pub(super) fn work(&mut self, life: &Life) -> bool {
        for line in TABLES {
            self.words(line);
        }
        self.begin_strain();
        let workload = Workload::new(life.seed);
        for step in 0..life.steps {
            if self.is_over() {
                return false;
            }
            if life.fenced_at == Some(step) {
                self.lose_store();
            }
            match self.rng.below(4) {
                0..=1 => self.step(&workload.step()),
                2 if self.strain.is_any() => self.strain(),
                _ => self.settle(),
            }
            self.take_down_raced();
            self.acknowledge();
        }
        self.check_fence();
        self.end_strain();
        !self.is_over()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Run(call) if LEFT_OUT.contains(&&*call.words[0]) => self.count(),
            Step::Run(call) => self.run(call),
            Step::Transaction(calls) => {
                let is_left_out = |call: &Call| LEFT_OUT.contains(&&*call.words[0]);
                let calls: Vec<Call> = calls.iter().filter(|call| !is_left_out(call)).cloned().collect();
                self.transact(&calls);
            }
            // Failures are seen by what comes next.
            Step::Write => drop(self.db.write_log()),
            Step::Sync => drop(self.db.sync_log()),
            Step::Checkpoint(steps) => self.take_checkpoint(*steps),
            Step::Sweep => drop(self.db.sweep()),
            Step::Advance(ms) => self.world.clock.advance(*ms),
            Step::PutBack(ms) => self.world.clock.put_back(ms / 10),
        }
    }

    /// What happens between memory and the store.
    fn settle(&mut self) {
        match self.rng.below(40) {
            0..=11 => (0..=self.rng.below(3)).for_each(|_| self.db.settle_step()),
            12..=15 => self.flush(),
            16..=20 => self.evict(),
            21..=22 => self.world.clock.advance(self.rng.below(300)),
            23 => self.world.clock.advance(1000 + self.rng.below(6000)),
            24..=27 if self.fence.is_none() => self.trouble(),
            28..=29 => self.heal(),
            30..=32 if self.fence.is_none() => self.write_outside(),
            33..=35 => self.write_other(),
            36..=37 => self.read_other(),
            38 => drop(self.db.retry_quarantined(None)),
            _ => self.count(),
        }
    }

    pub(super) fn flush(&self) {
        let Ok(()) = self.db.flush_to_store(Box::new(drop)) else { panic!("there is a store") };
        self.db.settle_step();
    }

    /// Begins a checkpoint or goes on with one.
    fn take_checkpoint(&mut self, steps: u64) {
        let done = match &mut self.checkpoint {
            None => self.db.begin_checkpoint().map(|checkpoint| {
                self.checkpoint = checkpoint;
                if let Some(checkpoint) = &mut self.checkpoint {
                    checkpoint.set_slice_buckets_max(1);
                }
                true
            }),
            Some(checkpoint) => (0..steps).try_fold(true, |goes_on, _| Ok(goes_on && checkpoint.step()?)),
        };
        match done {
            Ok(true) => {}
            Ok(false) => self.checkpoint = None,
            Err(error) => {
                assert!(self.is_over(), "a checkpoint fails without a cause: {error}");
                self.checkpoint = None;
            }
        }
    }

    fn trouble(&mut self) {
        self.is_troubled = true;
        let kind = self.rng.below(8);
        let mut faults = self.world.store.store().faults();
        match kind {
            0 => faults.down = true,
            1 => {
                faults.broken.insert(Place::Table("t".into()));
            }
            2..=3 => {
                let (bits, gone_too) = (self.rng.next_u64(), self.rng.below(2) == 0);
                self.has_refused = true;
                faults.refuse(move |change| is_refused_row(change, bits, gone_too));
            }
            _ => {
                let kinds = [
                    ApplyFault::None,
                    ApplyFault::Busy,
                    ApplyFault::Unavailable,
                    ApplyFault::LostBeforeCommit,
                    ApplyFault::LostAfterCommit,
                ];
                let pick = || kinds[usize::try_from(self.rng.below(5)).expect("it is small")];
                faults.batches.extend((0..=self.rng.below(2)).map(|_| pick()));
            }
        }
    }

    pub(super) fn heal(&mut self) {
        let mut faults = self.world.store.store().faults();
        faults.down = false;
        faults.batches.clear();
        faults.broken.clear();
        faults.refuse_none();
        drop(faults);
        self.is_troubled = false;
    }

    fn now_ms(&self) -> u64 {
        self.db.now_ms()
    }

    pub(super) fn caller(&self, db: u32) -> Caller {
        let mut caller = Caller::at(self.now_ms());
        caller.db = db;
        caller
    }

    /// Runs a command given as words, which the model does not know.
    pub(super) fn words(&mut self, line: &str) -> Response {
        let args: Vec<_> = line.split(' ').map(str::as_bytes).collect();
        let command = command::resolve(&args).expect("a command of the table");
        let mut out = Collector::new();
        self.db.run_here_and_wait(&mut self.caller(0), command, &args, &mut out);
        out.into_response().expect("it answers")
    }

    pub(super) fn run(&mut self, call: &Call) {
        let args = call.args();
        let command = command::resolve(&args).expect("a command of the table");
        let (mut caller, mut obtained) = (self.caller(call.db), Vec::new());
        // What a client waits for takes time: a command is run at that in which it is done.
        let (now_ms, answer) = loop {
            let (now_ms, mut out) = (self.now_ms(), Collector::new());
            caller.now_ms = now_ms;
            let Some(needs) = self.db.run(&mut caller, command, &args, &mut out).needs else {
                break (now_ms, out.into_response().expect("it answers"));
            };
            match self.db.obtain_here(&needs) {
                Ok(kept) => obtained.push(kept),
                Err(text) => break (now_ms, Response::Error(text)),
            }
        };
        if self.is_not_done(&answer) {
            return;
        }
        let expected = self.world.model.run(self.db.last_lsn(), now_ms, std::slice::from_ref(call));
        assert!(
            normal(&args, answer.clone()) == normal(&args, expected[0].clone()),
            "{call:?} answers {answer:?} instead of {expected:?}"
        );
    }

    /// Whether a command was refused, for a reason that there is.
    pub(super) fn is_not_done(&self, answer: &Response) -> bool {
        if self.is_strained(answer) {
            return true;
        }
        if is_refused(answer) {
            assert!(self.is_over(), "{answer:?}");
            return true;
        }
        let is_down = matches!(answer, Response::Error(text) if text.starts_with("STOREDOWN"));
        assert!(!is_down || self.is_troubled || self.world.store.is_dead(), "{answer:?}");
        is_down
    }

    fn transact(&mut self, calls: &[Call]) {
        let args: Vec<Vec<&[u8]>> = calls.iter().map(Call::args).collect();
        let planned = calls.iter().zip(&args).map(|(call, args)| Planned {
            db: call.db,
            command: command::resolve(args).expect("a command of the table"),
            args,
        });
        let planned: Vec<_> = planned.collect();
        let (mut caller, mut now_ms, mut obtained) = (self.caller(0), 0, Vec::new());
        let answers: Vec<Response> = loop {
            now_ms = self.now_ms().max(now_ms);
            caller.now_ms = now_ms;
            match self.db.transaction(&mut caller, &planned, &[]) {
                Ok(mut transaction) => {
                    let mut answers = Vec::new();
                    for planned in &planned {
                        let mut out = Collector::new();
                        transaction.select(planned.db);
                        transaction.run(planned.command, planned.args, &mut out);
                        answers.push(out.into_response().expect("it answers"));
                    }
                    let _ = transaction.commit();
                    break answers;
                }
                Err(Refusal::Needs(needs)) => match self.db.obtain_here(&needs) {
                    Ok(kept) => obtained.push(kept),
                    Err(text) => {
                        assert!(self.is_not_done(&Response::Error(text)));
                        return;
                    }
                },
                Err(Refusal::Fail(fail)) => {
                    let answer = Response::Error(fail.0.into_owned());
                    assert!(self.is_over() || self.is_not_done(&answer), "a transaction: {answer:?}");
                    return;
                }
            }
        };
        if self.is_over() && answers.iter().any(is_refused) {
            // The log is at its end: nothing of it will be there.
            return;
        }
        let expected = self.world.model.run(self.db.last_lsn(), now_ms, calls);
        for ((args, answer), expected) in args.iter().zip(answers).zip(expected) {
            assert!(
                normal(args, answer.clone()) == normal(args, expected.clone()),
                "in {calls:?} {answer:?} is answered instead of {expected:?}"
            );
        }
    }

    /// Takes down which replies can leave.
    fn acknowledge(&mut self) {
        let model = &mut self.world.model;
        model.written = model.written.max(self.db.written_lsn());
        model.durable = model.durable.max(self.db.durable_lsn());
    }

    fn write_outside(&mut self) {
        let store = self.world.store.store().clone();
        let others = &mut self.world.model.others;
        if self.rng.below(12) == 0 {
            let place = Place::Table("u".into());
            store.empty_outside(&place);
            others.iter_mut().filter(|other| other.place == place).for_each(super::Other::emptied);
            return;
        }
        let index = usize::try_from(self.rng.below(others.len() as u64)).expect("it is small");
        others[index].write_outside(&store, self.rng);
    }

    fn write_other(&mut self) {
        let index = self.rng.below(self.world.model.others.len() as u64);
        let index = usize::try_from(index).expect("it is small");
        let (line, value) = self.world.model.others[index].write(self.rng);
        let before = self.db.last_lsn();
        let answer = self.words(&line);
        self.take_down_raced();
        if self.is_not_done(&answer) {
            return;
        }
        // A removal of what is not there is no change.
        let is_change = answer != Response::Int(0) || value.is_some();
        if self.db.last_lsn() > before && is_change {
            self.world.model.others[index].changed(self.db.last_lsn(), value);
        }
    }

    fn read_other(&mut self) {
        for index in 0..self.world.model.others.len() {
            let answer = self.words(&self.world.model.others[index].read());
            self.take_down_raced();
            if !self.is_not_done(&answer) {
                self.world.model.others[index].check_read(text_of(&answer).as_deref());
            }
        }
    }

    /// Takes out of memory what has settled; nothing else.
    pub(super) fn evict(&mut self) {
        let quarantined = self.db.quarantined().unwrap_or_default();
        let before = self.resident();
        self.db.evict_idle(0).unwrap_or_default();
        let after = self.resident();
        for (db, key) in before.difference(&after) {
            let is_set_aside = quarantined.iter().any(|row| row.db == *db && row.key == *key);
            assert!(!is_set_aside, "{key:?} is in quarantine and was evicted");
        }
    }

    /// The keys in memory.
    fn resident(&self) -> BTreeSet<(u32, Vec<u8>)> {
        let mut keys = BTreeSet::new();
        self.db.visit_all(self.now_ms(), &mut |db, seen| {
            keys.insert((db, seen.key().to_vec()));
        });
        keys
    }

    /// Counts and lists all keys, wherever they are.
    fn count(&mut self) {
        let now_ms = self.now_ms();
        let expiries = DataSet::of(&self.world.model.reference, now_ms).expiries();
        let expected: BTreeSet<_> = expiries.keys().cloned().collect();
        for db in 0..DATABASES {
            let expected: BTreeSet<_> = expected.iter().filter(|(at, _)| *at == db).cloned().collect();
            let mut found: BTreeSet<_> = DataSet::of(self.db, now_ms).keys();
            found.retain(|(at, _)| *at == db);
            let mut after = None;
            loop {
                let Ok((keys, next)) = self.db.cold_keys(db, after.as_ref(), 3) else {
                    let is_known = self.is_troubled || self.is_over() || self.fence.is_some();
                    assert!(is_known, "keys cannot be listed");
                    return;
                };
                found.extend(keys.into_iter().map(|key| (db, key)));
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            // Those that others write are judged by themselves; a hash of which all fields have expired counts until it is looked at.
            found.retain(|at| !is_others(&at.1) && (expected.contains(at) || !self.is_hash(at)));
            let mut strict: BTreeSet<_> = expected.into_iter().collect();
            // Asking takes time, in which a key may expire.
            let ended_ms = self.now_ms();
            strict.retain(|at| found.contains(at) || expiries[at] == 0 || expiries[at] > ended_ms);
            assert!(found == strict, "listed {found:?}, there are {strict:?}");
        }
    }

    /// Lets everything settle with a store that works, and compares all there is. Returns false if the life is over before that.
    pub(super) fn quiesce(&mut self) -> bool {
        self.heal();
        self.world.disk.set_faults(Faults { crash: None, ..Faults::default() });
        for retries in [false, true] {
            if retries {
                self.db.retry_quarantined(None).unwrap_or_default();
            }
            if !self.settle_all() {
                return false;
            }
            // What came of it, a power cut could take back otherwise.
            if self.db.sync_log().is_err() {
                return false;
            }
            self.check_rows();
            self.check_reads();
        }
        assert!(self.db.quarantined().unwrap_or_default().is_empty(), "a healthy store takes every row");
        self.acknowledge();
        true
    }

    fn settle_all(&mut self) -> bool {
        let mut is_done = false;
        for _ in 0..40 {
            self.db.sweep();
            self.world.clock.advance(1100);
            self.flush();
            self.db.settle_step();
            if self.is_over() {
                return false;
            }
            let stats = self.db.store_stats().expect("there is a store");
            is_done =
                stats.unsettled_records == stats.quarantined && self.db.settled_lsn() == self.db.last_lsn();
        }
        let stats = self.db.store_stats();
        assert!(is_done, "settled up to {} of {}: {stats:?}", self.db.settled_lsn(), self.db.last_lsn());
        true
    }

    /// The store has the rows of the model, each in one place, and no others.
    fn check_rows(&self) {
        let now_ms = self.now_ms();
        let expected = DataSet::of(&self.world.model.reference, now_ms);
        let quarantined: BTreeSet<(u32, Vec<u8>)> =
            self.db.quarantined().unwrap_or_default().into_iter().map(|row| (row.db, row.key)).collect();
        let mut found = BTreeMap::new();
        for (place, key, row) in self.world.store.store().rows() {
            let (db, key) = match place {
                Place::Keys(db) => (db, key),
                Place::Table(table) => (0, [table.as_bytes(), b":", &key].concat()),
            };
            let is_alive = row.expire_at_ms == 0 || now_ms <= row.expire_at_ms;
            if is_alive && !is_others(&key) && !quarantined.contains(&(db, key.clone())) {
                let other = found.insert((db, key.clone()), row.expire_at_ms);
                assert!(other.is_none(), "{} has two rows", key.escape_ascii());
            }
        }
        let mut wanted = expected.expiries();
        wanted.retain(|at, _| !quarantined.contains(at));
        // Fields expire in memory; the row of a hash that has none left goes with the next change.
        found.retain(|at, _| wanted.contains_key(at) || !self.is_hash(at));
        assert!(found == wanted, "rows {found:?}, keys {wanted:?}");
    }

    /// Whether the row of a key is a hash.
    fn is_hash(&self, (db, key): &(u32, Vec<u8>)) -> bool {
        let row = self.world.store.store().row(&Place::Keys(*db), key);
        row.is_some_and(|row| {
            matches!(row.content, Content::Whole(tag::HASH, _) | Content::Parts(tag::HASH, _))
        })
    }

    /// All that is read is what it was, first from memory as far as it is there, then from the store.
    fn check_reads(&mut self) {
        for evicts in [false, true] {
            if evicts {
                self.evict();
                let here = self.resident().len();
                let quarantined = self.db.quarantined().unwrap_or_default();
                assert!(
                    here <= quarantined.len(),
                    "{here} keys stay, {} are in quarantine",
                    quarantined.len()
                );
            }
            for db in 0..DATABASES {
                for kind in ["s", "l", "h", "t:r"] {
                    for number in 0..4 {
                        self.read_key(db, &format!("{kind}{number}"));
                    }
                }
            }
            for index in 0..self.world.model.others.len() {
                let found = text_of(&self.words(&self.world.model.others[index].read()));
                let store = self.world.store.store().clone();
                self.world.model.others[index].check_quiet(found.as_deref(), &store);
            }
        }
    }

    fn read_key(&mut self, db: u32, key: &str) {
        for line in [
            "TYPE {}",
            "PEXPIRETIME {}",
            "GET {}",
            "LRANGE {} 0 -1",
            "HGETALL {}",
            "HPEXPIRETIME {} FIELDS 7 f0 f1 f2 f3 f4 f5 n",
        ] {
            let words = line.split(' ').map(|word| word.replace("{}", key).into_bytes()).collect();
            self.run(&Call { db, words });
        }
        if let (0, Some(record)) = (db, key.strip_prefix("t:")) {
            let words = ["TABLE.GET", "t", record].map(|word| word.as_bytes().to_vec());
            self.run(&Call { db, words: words.to_vec() });
        }
    }
}

/// Whether a key is one that others write.
fn is_others(key: &[u8]) -> bool {
    [&b"o"[..], b"u:", b"v:"].iter().any(|prefix| key.starts_with(prefix))
}

/// Whether the store refuses a row: half of the keys of the model, by their last letter.
fn is_refused_row(change: &Change, bits: u64, gone_too: bool) -> bool {
    let last = change.key.last().copied().unwrap_or(0);
    let first = change.key.first().copied().unwrap_or(0);
    let is_others = matches!(&change.place, Place::Table(table) if &**table != "t") || is_others(&change.key);
    !is_others && (gone_too || change.content != Content::Gone) && bits >> ((first ^ last) % 64) & 1 == 1
}

fn text_of(answer: &Response) -> Option<String> {
    match answer {
        Response::Bulk(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Response::Null => None,
        other => panic!("{other:?} is no text"),
    }
}

/// An answer whose order means nothing, in one order.
fn normal(args: &[&[u8]], answer: Response) -> Response {
    match answer {
        Response::Map(mut pairs) => {
            pairs.sort_by_key(|pair| format!("{pair:?}"));
            Response::Map(pairs)
        }
        Response::Array(items) if args[0].eq_ignore_ascii_case(b"HGETALL") => {
            let mut pairs: Vec<_> = items.chunks(2).map(<[_]>::to_vec).collect();
            pairs.sort_by_key(|pair| format!("{pair:?}"));
            Response::Array(pairs.concat())
        }
        other => other,
    }
}
