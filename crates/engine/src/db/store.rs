//! The store behind a database, as those who hold the database see it.

use super::Database;
use crate::command::{Command, Fail};
use crate::error::{Error, ErrorKind};
use crate::log::Lsn;
use crate::reply::{Collector, Reply, Response};
use crate::settle::{
    Attach, Beyond, ColdKeys, Obtained, PageStart, PlaceKeys, Quarantined, Settle, StoreStats, WhenObtained,
};
use crate::shard::{Caller, Needs};
use crate::store::Place;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;

/// Without threads of its own a database asks its store so often for what a command needs.
const STEPS_MAX: usize = 10_000;

impl Database {
    fn settle(&self) -> Option<&Arc<Settle>> {
        self.inner.settle.as_ref()
    }

    fn need_settle(&self) -> Result<&Arc<Settle>, Fail> {
        self.settle()
            .ok_or(Fail::new("ERR there is no store behind this database (see the directive `store`)"))
    }

    /// Whether there is a store behind.
    #[must_use]
    pub fn has_store(&self) -> bool {
        self.settle().is_some()
    }

    /// How the store is doing; none without one.
    #[must_use]
    pub fn store_stats(&self) -> Option<StoreStats> {
        self.settle().map(|settle| settle.stats())
    }

    /// Gets what a command needs before it can be run again ([`Ran::needs`](crate::Ran::needs)), and calls `ready` then, on whichever thread;
    /// or with the reply that says why it cannot be had. What was obtained is to be kept until the command has been run.
    pub fn obtain(&self, needs: &Needs, ready: WhenObtained) {
        match self.settle() {
            Some(settle) => settle.obtain(needs, ready),
            None => ready(Err("ERR there is no store".to_owned())),
        }
    }

    /// The same, for a thread that may wait.
    ///
    /// # Errors
    /// The reply that says why it cannot be had.
    pub fn obtain_here(&self, needs: &Needs) -> Result<Obtained, String> {
        let (send, receive) = mpsc::sync_channel(1);
        // Whoever asked is there until it has been answered.
        self.obtain(needs, Box::new(move |outcome| drop(send.send(outcome))));
        if !self.inner.has_threads {
            for _ in 0..STEPS_MAX {
                if let Ok(outcome) = receive.try_recv() {
                    return outcome;
                }
                self.settle_step();
            }
            return Err("STOREDOWN the store does not answer".to_owned());
        }
        receive.recv().unwrap_or_else(|_| Err("STOREDOWN the database has been closed".to_owned()))
    }

    /// Runs a command, and waits for the store where it has to.
    pub fn run_here_and_wait(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
    ) -> Lsn {
        if !self.has_store() {
            return self.run(caller, command, args, out).lsn;
        }
        if let Some(lsn) = self.run_beyond(caller, command, args, out) {
            return lsn;
        }
        let changes_index = matches!(command.spec.name, "index.create" | "index.drop");
        let mut obtained: Vec<Obtained> = Vec::new();
        loop {
            let mut answer = Collector::for_protocol(out.resp3());
            let ran = self.run(caller, command, args, &mut answer);
            let Some(needs) = ran.needs else {
                let mut answer = answer.into_response().unwrap_or(Response::Null);
                if command.spec.name == "index.create" && !matches!(answer, Response::Error(_)) {
                    answer = self.completed(args, answer);
                }
                if changes_index && !matches!(answer, Response::Error(_)) {
                    self.tell_indexes(&String::from_utf8_lossy(args[3]));
                }
                answer.write_to(out);
                return ran.lsn;
            };
            match self.obtain_here(&needs) {
                Ok(kept) => obtained.push(kept),
                Err(text) => {
                    out.error(&text);
                    return ran.lsn;
                }
            }
        }
    }

    /// What is answered to the making of an index: a unique one needs the whole table in memory, and is dropped without it.
    fn completed(&self, args: &[&[u8]], answer: Response) -> Response {
        let (name, table) = (String::from_utf8_lossy(args[1]), String::from_utf8_lossy(args[3]));
        let shards = &self.inner.shards;
        let is_unique = shards
            .keyspace
            .indexes(&table)
            .iter()
            .any(|index| index.name() == name && index.unique().is_some());
        let Some(settle) = self.settle().filter(|_| is_unique) else { return answer };
        let completed = settle
            .complete_table(&table)
            .inspect_err(|_| drop(shards.drop_index(&table, &name)))
            .and_then(|()| shards.keep_if_unique(&table, &name));
        completed.map_or_else(|fail| Response::Error(fail.0.into_owned()), |()| answer)
    }

    /// Has the store have the indexes of a table; if it cannot now, later.
    fn tell_indexes(&self, table: &str) {
        let Some(settle) = self.settle() else { return };
        settle.indexes_due.lock().insert(table.into());
        // What fails is tried again by the keeper.
        let _ = settle.tell_indexes(table);
    }

    /// Has everything that has changed so far settled; `ready` is called then, or with what is wrong once the store has failed
    /// several times: what has changed settles later all the same.
    ///
    /// # Errors
    /// There is no store.
    pub fn flush_to_store(&self, ready: Box<dyn FnOnce(Result<(), String>) + Send>) -> Result<(), Fail> {
        self.need_settle().map(|settle| settle.flush(ready))
    }

    /// Has what has changed up to this record settled; `ready` is called then.
    ///
    /// # Errors
    /// There is no store.
    pub fn wait_for_store(
        &self,
        lsn: Lsn,
        ready: Box<dyn FnOnce(Result<(), String>) + Send>,
    ) -> Result<(), Fail> {
        self.need_settle().map(|settle| settle.wait_settled(lsn, ready))
    }

    /// The last record up to which all changes are in the store, or set aside; 0 without a store.
    #[must_use]
    pub fn settled_lsn(&self) -> Lsn {
        self.settle().map_or(0, |settle| settle.settled_lsn())
    }

    /// Whether the store has refused a row that this record has changed, and it is set aside. It must have been made by this caller,
    /// which has to be one that is followed ([`Caller::follow`]), and have settled.
    #[must_use]
    pub fn was_set_aside(&self, caller: &mut Caller, lsn: Lsn) -> bool {
        let followed = caller.followed();
        self.settle().zip(followed).is_some_and(|(settle, followed)| settle.was_set_aside(followed, lsn))
    }

    /// The same for all that this caller has changed and that should have settled by now.
    #[must_use]
    pub fn has_set_aside(&self, caller: &mut Caller) -> bool {
        let followed = caller.followed();
        self.settle().zip(followed).is_some_and(|(settle, followed)| settle.has_set_aside(followed))
    }

    /// Has what has changed up to this record settled as soon as may be, and returns at once; [`Database::on_store_progress`]
    /// tells of it.
    pub fn request_settle(&self, lsn: Lsn) {
        if let Some(settle) = self.settle() {
            settle.request(lsn);
        }
    }

    /// Calls `f` whenever [`Database::settled_lsn`] has grown, or the store has been lost to another owner.
    pub fn on_store_progress(&self, f: Box<dyn Fn() + Send + Sync>) {
        if let Some(settle) = self.settle() {
            settle.on_progress(f);
        }
    }

    /// Why nothing will settle any more, as a reply, if that is so.
    #[must_use]
    pub fn store_lost(&self) -> Option<&'static str> {
        self.settle().and_then(|settle| settle.lost())
    }

    /// Takes keys out of memory that have settled and were not used for so long. Returns how many.
    ///
    /// # Errors
    /// There is no store.
    pub fn evict_idle(&self, idle_ms: u64) -> Result<usize, Fail> {
        self.need_settle().map(|settle| settle.evict_idle(idle_ms))
    }

    /// Rows that the store does not take.
    ///
    /// # Errors
    /// There is no store.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, Fail> {
        self.need_settle().map(|settle| settle.quarantine.list())
    }

    /// Has rows that were set aside tried again: this one, or all. Returns how many.
    ///
    /// # Errors
    /// There is no store, or no room in the log.
    pub fn retry_quarantined(&self, key: Option<(u32, &[u8])>) -> Result<usize, Fail> {
        self.need_settle()?.retry_quarantined(key)
    }

    /// Gives up the change of a row that was set aside: what the store has counts again. False if there is none.
    ///
    /// # Errors
    /// There is no store, or no room in the log.
    pub fn skip_quarantined(&self, db: u32, key: &[u8]) -> Result<bool, Fail> {
        self.need_settle()?.skip_quarantined(db, key)
    }

    /// Changes how the store is used, as in [`StoreOptions`](crate::StoreOptions): none is left as it is.
    pub fn tune_store(&self, tuning: &StoreTuning) {
        let Some(settle) = self.settle() else { return };
        let (knobs, behind) = (&settle.knobs, &settle.shards.behind);
        let set = |knob: &std::sync::atomic::AtomicU64, value: Option<u64>| {
            if let Some(value) = value {
                knob.store(value, Relaxed);
            }
        };
        set(&knobs.flush_interval_ms, tuning.flush_interval_ms);
        set(&knobs.flush_bytes, tuning.flush_bytes);
        set(&knobs.quarantine_bytes_max, tuning.quarantine_bytes_max);
        set(&knobs.evict_interval_ms, tuning.evict_interval_ms);
        set(&knobs.outside_interval_ms, tuning.outside_interval_ms);
        set(&behind.unsettled_bytes_max, tuning.unsettled_bytes_max);
        if let Some(refuses) = tuning.refuses_at_max {
            behind.refuses.store(refuses, Relaxed);
        }
        if let Some(may_flush) = tuning.may_flush {
            behind.may_flush.store(may_flush, Relaxed);
        }
        if let Some(loaders) = tuning.loaders {
            settle.set_loaders(loaders, self.inner.has_threads);
        }
        settle.kick();
    }

    /// Keys of a database that only the store has, in the order of their bytes within a place: up to `limit` from `start` on.
    /// What has changed and not settled is judged as it is in memory. Returns the keys and where the next page begins; none at
    /// the end. This waits for the store.
    ///
    /// # Errors
    /// The reply that says what is wrong.
    pub fn cold_keys(&self, db: u32, start: Option<&PageStart>, limit: usize) -> Result<ColdKeys, Fail> {
        self.need_settle()?.keys_beyond((db, self.now_ms()), start, limit, Beyond::Cold)
    }

    /// Keys of one place of which memory knows nothing: those among its next `limit` rows, behind the row with the key `after`.
    /// Returns the keys, and the key of the last row, behind which the next page begins; none at the end. This waits for the store.
    ///
    /// # Errors
    /// The reply that says what is wrong.
    pub fn cold_keys_of(&self, place: &Place, after: Option<&[u8]>, limit: usize) -> Result<PlaceKeys, Fail> {
        self.need_settle()?.page_beyond((place, self.now_ms()), after, limit, Beyond::Cold)
    }

    /// How many keys a database has, in memory and in the store. This waits for the store.
    ///
    /// # Errors
    /// The reply that says what is wrong.
    pub fn count_keys(&self, db: u32) -> Result<u64, Fail> {
        self.need_settle()?.count_keys(db, self.now_ms())
    }

    /// Does what threads of the database would do for the store, once: for databases that have none.
    pub fn settle_step(&self) {
        if let Some(settle) = self.settle() {
            settle.step();
        }
    }

    /// Without threads: settles what can be settled now.
    pub(crate) fn settle_all(&self) {
        let Some(settle) = self.settle() else { return };
        settle.flush(Box::new(drop));
        for _ in 0..STEPS_MAX {
            let stats = settle.stats();
            if stats.unsettled_records == stats.quarantined || !stats.is_up || stats.is_fenced {
                return;
            }
            settle.step();
        }
    }

    /// Ends that the changes of this folder settle in a store, whatever has not. The database must have been opened without it.
    ///
    /// # Errors
    /// `DiskFull`, `Failed`: it still does.
    pub fn detach_store(&self) -> Result<(), Error> {
        if self.has_store() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the store is in use: open the folder without it".to_owned(),
            ));
        }
        crate::settle::detach(&self.inner.shards)
    }

    /// Where the changes of this folder settle; none if it has no store.
    #[must_use]
    pub fn store_address(&self) -> Option<String> {
        crate::settle::address_of(&self.inner.shards)
    }
}

/// What can be changed about a store in use, as in [`StoreOptions`](crate::StoreOptions); none is left as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreTuning {
    /// See there.
    pub flush_interval_ms: Option<u64>,
    /// See there.
    pub flush_bytes: Option<u64>,
    /// See there.
    pub unsettled_bytes_max: Option<u64>,
    /// See there.
    pub refuses_at_max: Option<bool>,
    /// See there.
    pub quarantine_bytes_max: Option<u64>,
    /// See there.
    pub evict_interval_ms: Option<u64>,
    /// See there.
    pub outside_interval_ms: Option<u64>,
    /// See there.
    pub may_flush: Option<bool>,
    /// See there.
    pub loaders: Option<u32>,
}

/// Opens a folder with the store that its options name, or refuses if it has one that they do not name.
pub(super) fn begin(
    shards: &Arc<crate::shard::Shards>,
    clock: &Arc<dyn crate::io::Clock>,
    database_id: u128,
    options: &super::Options,
) -> Result<Option<Arc<Settle>>, Error> {
    let Some(store) = &options.store else {
        return match crate::settle::address_of(shards) {
            Some(address) if !options.detaches_store => {
                let text = format!(
                    "the changes of this folder settle in the store {address}, and what was evicted is only there: name it, or detach the folder from it (`store-detach yes`)"
                );
                Err(Error::new(ErrorKind::Invalid, text))
            }
            Some(_) => crate::settle::detach(shards).map(|()| None),
            None => Ok(None),
        };
    };
    debug_assert!(store.attach != Some(Attach::Store) || !store.read_only);
    Settle::open(Arc::clone(shards), Arc::clone(clock), database_id, store).map(Some)
}
