//! An open database: what embedders and servers hold.
//!
//! Owns opening and closing a folder (its lock, its manifest, its log), the time that commands see, the thread that removes
//! what has expired, and how long a reply waits. What must hold: a reply that says a change is done is given only once the
//! log has come as far as that change needs; time never goes back, also not over a restart.

mod beyond;
mod compression;
mod limits;
mod now;
mod query;
mod read;
mod saving;
mod served;
mod store;
mod tagged;

pub use compression::CompressionStats;
pub use now::{RecordForm, Tried};
pub use saving::{Checkpoint, CheckpointRules, CheckpointStats};
pub use store::StoreTuning;

use crate::checkpoint::{self, Loaded, Reader};
use crate::command::{self, Command, Keys, Settings};
use crate::error::{Error, ErrorKind};
use crate::io::os::{OsClock, OsDisk, OsRng};
use crate::io::{Clock, Disk, Rng};
use crate::keyspace::wait::{Served, Waiter, Watch};
use crate::keyspace::{Counts, DatabaseCounts, Keyspace, Prefetch};
use crate::log::{AppendFsync, Log, LogStats, Lsn, Recovery};
use crate::manifest::Manifest;
use crate::progress::Progress;
use crate::reply::{Collector, Parts, Reply, Response};
use crate::service::Service;
use crate::settle::Settle;
use crate::shard::{Caller, Planned, Ran, Refusal, Shards};
use parking_lot::{Condvar, Mutex};
use saving::Saving;
use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks for what has expired.
const SWEEP_PERIOD: Duration = Duration::from_millis(100);
/// So often the disk is looked at, and the allocator asked to give back what has been free for a while.
const TIDY_ROUNDS: u64 = 10;
/// Entries removed from a shard in one go.
const SWEEP_KEYS_MAX: usize = 64;

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of databases (`SELECT`); 16 by default.
    pub databases: u32,
    /// Number of shards of a new folder, a power of two; an existing folder keeps its own.
    pub shards: u32,
    /// When changes are made durable.
    pub appendfsync: AppendFsync,
    /// Size of a log segment in bytes.
    pub segment_bytes: u64,
    /// Whether the database runs threads of its own (syncing, expiring, taking checkpoints). Simulation does without.
    pub threads: bool,
    /// Threads that are shared with other databases and do what those would: for whoever has many. Only a store has threads of
    /// its own then.
    pub service: Option<Arc<Service>>,
    /// When checkpoints are taken by themselves.
    pub checkpoints: CheckpointRules,
    /// Where it is told, while the folder is opened, how far that has come.
    pub progress: Arc<Progress>,
    /// The store behind, if there is one.
    pub store: Option<crate::settle::StoreOptions>,
    /// So many keys may be in memory, in all databases; 0: no limit.
    pub keys_max: u64,
    /// So many bytes keys and values may take in memory; 0: no limit. That of the process is another one
    /// ([`Database::limit_memory`]).
    pub bytes_max: u64,
    /// Whether keys and bytes are counted without such a limit, too, so that there can be one later ([`Database::set_limits`]).
    pub counts: bool,
    /// Without one: a folder that has a store is opened all the same, and has none from then on.
    pub detaches_store: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            databases: 16,
            shards: 256,
            appendfsync: AppendFsync::Everysec,
            segment_bytes: 64 << 20,
            threads: true,
            service: None,
            checkpoints: CheckpointRules::default(),
            progress: Arc::default(),
            store: None,
            keys_max: 0,
            bytes_max: 0,
            counts: false,
            detaches_store: false,
        }
    }
}

thread_local! {
    /// The caller of typed calls and of [`Database::execute`], kept for its buffers. What is selected there is database 0.
    static EMBEDDER: RefCell<Caller> = RefCell::default();
}

/// An open database. Clones are the same database.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    shards: Arc<Shards>,
    settle: Option<Arc<Settle>>,
    has_threads: bool,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    /// The latest time that any command has seen.
    last_ms: AtomicU64,
    /// The time that a process may force for all commands (`DEBUG`); 0: none.
    fsync: AtomicU8,
    recovery: Option<Recovery>,
    saving: Saving,
    sweeper: Mutex<Option<JoinHandle<()>>>,
    on_disk_state: OnceLock<Box<dyn Fn(crate::shard::DiskState) + Send + Sync>>,
    stop: Arc<(Mutex<bool>, Condvar)>,
    closed: AtomicBool,
    /// Kept for as long as the database is open: dropping it gives the folder's lock back.
    disk: Option<Arc<dyn Disk>>,
}

impl Database {
    /// Opens the database in this folder, or makes one, with the default options.
    ///
    /// # Errors
    /// See [`Database::open_with`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(folder, &Options::default())
    }

    /// Opens the database in this folder, or makes one. Everything that was acknowledged is there.
    ///
    /// # Errors
    /// `Locked` if another process has it open; `Denied`, `NotFound` or `DiskFull` as the disk says; `Newer` or `Damaged`
    /// if what is there cannot be read.
    pub fn open_with(folder: impl AsRef<Path>, options: &Options) -> Result<Self, Error> {
        let disk = Arc::new(OsDisk::open(folder)?);
        Self::open_on(disk, Arc::new(OsClock::default()), Arc::new(OsRng::open()?), options)
    }

    /// A database that is nowhere but in memory: it is empty at first and lost at the end.
    ///
    /// # Errors
    /// `Failed` if the system gives no randomness or no thread.
    pub fn memory(options: &Options) -> Result<Self, Error> {
        let rng = Arc::new(OsRng::open()?);
        let mut keyspace =
            Keyspace::new(options.shards as usize, options.databases, rng.next_u64(), rng.next_u64());
        keyspace.limit(options.keys_max, options.bytes_max, options.counts);
        if options.store.is_some() {
            let text = "a store needs a folder for the log, and a database in memory has none";
            return Err(Error::new(ErrorKind::Invalid, text.to_owned()));
        }
        let shards = Shards::new(keyspace, None);
        Self::start(shards, Arc::new(OsClock::default()), rng, None, Found::default(), options)
    }

    /// Opens a database on any disk, clock and randomness: what simulation uses.
    ///
    /// # Errors
    /// As [`Database::open_with`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        options: &Options,
    ) -> Result<Self, Error> {
        let manifest = Manifest::load_or_create(&*disk, &*rng, options.shards)?;
        let mut keyspace =
            Keyspace::new(manifest.shards as usize, options.databases, manifest.hash_seed, rng.next_u64());
        if options.store.is_some() {
            keyspace.settle();
        }
        keyspace.limit(options.keys_max, options.bytes_max, options.counts);
        let mut shards = Shards::new(keyspace, None);
        let packing = shards.settings.packing();
        let read = read::read(&*disk, &manifest, &shards.keyspace, &packing, options)?;
        let (log, recovery) = Log::go_on(Arc::clone(&disk), Arc::clone(&clock), read.log_options, read.log)?;
        // The folder was synced while the log was opened, so the newest checkpoint cannot lose its name any more.
        checkpoint::remove_unfinished(&*disk)?;
        if let Some(reader) = &read.checkpoint {
            checkpoint::remove_older(&*disk, reader.number())?;
        }
        let loaded = read.checkpoint.as_ref().map(Reader::describe);
        if let Some(loaded) = &loaded {
            log.note_time(loaded.time_ms);
        }
        shards.log = Some(log);
        Self::start(
            shards,
            clock,
            rng,
            Some(disk),
            Found { recovery: Some(recovery), loaded, database_id: manifest.database_id },
            options,
        )
    }

    fn start(
        shards: Shards,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        disk: Option<Arc<dyn Disk>>,
        Found { recovery, loaded, database_id }: Found,
        options: &Options,
    ) -> Result<Self, Error> {
        let time_ms = recovery.as_ref().map_or(0, |recovery| recovery.time_ms);
        let last_ms = AtomicU64::new(time_ms.max(loaded.as_ref().map_or(0, |loaded| loaded.time_ms)));
        let replayed_bytes = recovery.as_ref().map_or(0, |recovery| recovery.bytes);
        let shards = Arc::new(shards);
        let settle = store::begin(&shards, &clock, database_id, options)?;
        let saving = Saving::new(options.checkpoints.clone(), loaded, replayed_bytes, &*clock);
        let inner = Arc::new(Inner {
            shards,
            settle,
            has_threads: options.threads,
            clock,
            rng,
            last_ms,
            fsync: AtomicU8::new(0),
            recovery,
            saving,
            sweeper: Mutex::new(None),
            on_disk_state: OnceLock::new(),
            stop: Arc::default(),
            closed: AtomicBool::new(false),
            disk,
        });
        let database = Self { inner };
        let _ = database.inner.shards.clock.set(Arc::clone(&database.inner.clock));
        database.inner.shards.load_tables()?;
        if let Some(settle) = &database.inner.settle {
            let tables = database.inner.shards.registry.snapshot();
            let indexed = tables.all().filter(|table| !table.indexes.is_empty());
            settle.indexes_due.lock().extend(indexed.map(|table| table.name.clone()));
        }
        database.settings().opened_ms.store(database.now_ms(), Ordering::Relaxed);
        database.set_appendfsync(options.appendfsync);
        if options.threads {
            match &options.service {
                Some(service) => database.be_served(service)?,
                None => {
                    database.start_sweeper()?;
                    database.start_saving()?;
                }
            }
            if let Some(settle) = &database.inner.settle {
                settle.start()?;
            }
        }
        Ok(database)
    }

    fn start_sweeper(&self) -> Result<(), Error> {
        let (weak, stop) = (Arc::downgrade(&self.inner), Arc::clone(&self.inner.stop));
        let thread = std::thread::Builder::new()
            .name("expire".to_owned())
            .spawn(move || sweep_until_stopped(&weak, &stop))
            .map_err(|error| Error::from_os("cannot start a thread", error))?;
        *self.inner.sweeper.lock() = Some(thread);
        Ok(())
    }

    /// The clock and the randomness that it was opened with.
    pub(crate) fn sources(&self) -> (&Arc<dyn Clock>, &Arc<dyn Rng>) {
        (&self.inner.clock, &self.inner.rng)
    }

    /// Keyspace and log, for what looks into them beside commands.
    pub(crate) fn shards(&self) -> &Shards {
        &self.inner.shards
    }

    /// Settings that commands follow.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.shards.settings
    }

    /// Random bits from the source that the database was opened with.
    #[must_use]
    pub fn random(&self) -> u64 {
        self.inner.rng.next_u64()
    }

    /// The time, in Unix milliseconds: the wall clock, but never before a time that was seen already.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let now = self.inner.clock.now_ms();
        let last = self.inner.last_ms.load(Ordering::Relaxed);
        if now <= last {
            return last;
        }
        self.inner.last_ms.fetch_max(now, Ordering::Relaxed);
        if let Some(log) = &self.inner.shards.log {
            log.note_time(now);
        }
        now
    }

    /// The latest time that anybody has seen, in Unix milliseconds: whoever took the time a while ago goes on with this one,
    /// so that no key lives for one that was dead for another.
    #[inline]
    #[must_use]
    pub fn latest_ms(&self) -> u64 {
        self.inner.last_ms.load(Ordering::Relaxed)
    }

    /// What was found when the folder was opened; none for a database in memory.
    #[must_use]
    pub fn recovery(&self) -> Option<&Recovery> {
        self.inner.recovery.as_ref()
    }

    /// Figures of the log; none for a database in memory.
    #[must_use]
    pub fn log_stats(&self) -> Option<LogStats> {
        self.inner.shards.log.as_ref().map(Log::stats)
    }

    /// The counts of all shards, summed up.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.shards.keyspace.counts()
    }

    /// Sets the counts of all shards to zero.
    pub fn reset_counts(&self) {
        self.inner.shards.keyspace.reset_counts();
    }

    /// Keys and expiries of one database.
    #[must_use]
    pub fn database_counts(&self, db: u32) -> DatabaseCounts {
        self.inner.shards.keyspace.database_counts(db)
    }

    /// Number of databases.
    #[must_use]
    pub fn databases(&self) -> u32 {
        self.inner.shards.keyspace.databases()
    }

    // Running commands.

    /// The hash by which [`Database::prefetch`] knows a key.
    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.inner.shards.keyspace.hash(key)
    }

    /// The same of a record of this table.
    #[inline]
    #[must_use]
    pub fn record_hash(&self, table: &[u8], key: &[u8]) -> u64 {
        self.hash(&crate::record::Name::of_record(table, key))
    }

    /// Prefetching for a batch of commands on one database: first the buckets of all keys, then their entries.
    #[inline]
    #[must_use]
    pub fn prefetch(&self, db: u32) -> Prefetch<'_> {
        self.inner.shards.keyspace.prefetch(db)
    }

    /// Runs one command. The reply is in `out` and may leave once [`Database::is_settled`] for the LSN returned. A command
    /// that would block answers as in a transaction; see [`Database::run_or_wait`].
    #[inline]
    pub fn run(&self, caller: &mut Caller, command: &Command, args: &[&[u8]], out: &mut dyn Reply) -> Ran {
        self.inner.shards.run(caller, command, args, out)
    }

    /// Runs a command that may block. If it has to wait, nothing is replied and the waiter is returned; `deliver` gets the
    /// answer later, from whichever thread makes a key ready.
    pub fn run_or_wait(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
        deliver: Box<dyn Fn(Served) + Send + Sync>,
    ) -> (Ran, Option<Arc<Waiter>>) {
        let (db, resp3) = (caller.db, out.resp3());
        self.inner.shards.run_or_wait(caller, command, args, out, |keys| {
            Arc::new(Waiter {
                db,
                args: args.iter().map(|arg| Box::from(*arg)).collect(),
                keys,
                resp3,
                deliver,
                state: AtomicU8::new(0),
            })
        })
    }

    /// Ends a wait without an answer. False: the answer is on its way.
    #[must_use]
    pub fn give_up(&self, waiter: &Arc<Waiter>) -> bool {
        self.inner.shards.give_up(waiter)
    }

    /// Begins a transaction that will run these commands: their shards are locked until it is committed or dropped.
    ///
    /// `watched` are keys of databases that must be in memory as well, because it is going to be asked whether they exist.
    ///
    /// # Errors
    /// The reply that says why it cannot be, no space in the log for one, or what it needs first.
    pub fn transaction<'a>(
        &'a self,
        caller: &'a mut Caller,
        commands: &[Planned<'_>],
        watched: &[(u32, &[u8])],
    ) -> Result<crate::Transaction<'a>, Refusal> {
        crate::Transaction::begin(&self.inner.shards, caller, commands, watched)
    }

    /// Raises `watch` when this key changes from now on. Returns whether it exists.
    pub fn watch(&self, caller: &Caller, key: &[u8], watch: &Arc<Watch>) -> bool {
        let (shards, db, now_ms) = (&self.inner.shards, caller.db, caller.now_ms);
        if shards.keyspace.lies_expired(db, now_ms, key) {
            // It is gone for all who look: that it is removed later is no change.
            let mut sweeper = Caller::at(now_ms);
            sweeper.db = db;
            shards.remove_expired(&mut sweeper, key);
        }
        shards.keyspace.watch(db, now_ms, key, watch)
    }

    /// Ends that for a key of this database.
    pub fn unwatch(&self, db: u32, key: &[u8], watch: &Arc<Watch>) {
        self.inner.shards.keyspace.unwatch(db, key, watch);
    }

    /// Whether a key exists now, without a trace of the visit.
    #[must_use]
    pub fn exists_now(&self, db: u32, now_ms: u64, key: &[u8]) -> bool {
        self.inner.shards.keyspace.exists(db, now_ms, key)
    }

    // How durable things are.

    /// Whether a reply with this LSN may leave: the log has handed it to the operating system, or, with
    /// `appendfsync always` or `disk`, to the disk.
    #[inline]
    #[must_use]
    pub fn is_settled(&self, lsn: Lsn, disk: bool) -> bool {
        let Some(log) = &self.inner.shards.log else { return true };
        if disk { log.durable() >= lsn } else { log.written() >= lsn }
    }

    /// The last change; 0 if nothing is logged.
    #[must_use]
    pub fn last_lsn(&self) -> Lsn {
        self.inner.shards.log.as_ref().map_or(0, Log::appended)
    }

    /// The last change that is on disk.
    #[must_use]
    pub fn durable_lsn(&self) -> Lsn {
        self.inner.shards.log.as_ref().map_or(0, Log::durable)
    }

    /// The last change that has reached the operating system.
    #[must_use]
    pub fn written_lsn(&self) -> Lsn {
        self.inner.shards.log.as_ref().map_or(0, Log::written)
    }

    /// Hands every change to the operating system; nothing to do costs next to nothing.
    ///
    /// # Errors
    /// `Failed`: the log takes nothing more; nothing that waits for it may be acknowledged.
    #[inline]
    pub fn write_log(&self) -> Result<(), Error> {
        match &self.inner.shards.log {
            Some(log) if log.written() < log.appended() => log.write().map(|_| ()),
            _ => Ok(()),
        }
    }

    /// As [`Database::write_log`], unless that takes long because a large value has gone to another key: then it is left to a
    /// thread of the log, which tells of its progress ([`Database::on_log_progress`]).
    ///
    /// # Errors
    /// As [`Database::write_log`].
    #[inline]
    pub fn write_log_or_leave(&self) -> Result<(), Error> {
        match &self.inner.shards.log {
            Some(log) if log.written() < log.appended() => log.write_or_leave().map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Makes every change durable.
    ///
    /// # Errors
    /// As [`Database::write_log`].
    pub fn sync_log(&self) -> Result<(), Error> {
        self.inner.shards.log.as_ref().map_or(Ok(()), |log| log.sync().map(|_| ()))
    }

    /// Asks the log's own thread to make every change durable, and returns at once.
    pub fn request_sync(&self) {
        if let Some(log) = &self.inner.shards.log {
            log.request_sync();
        }
    }

    /// What failed, if the log takes nothing more.
    #[must_use]
    pub fn log_failed(&self) -> Option<String> {
        self.inner.shards.log.as_ref().and_then(Log::failed)
    }

    /// Calls `f` whenever more has become durable or the log has failed.
    pub fn on_log_progress(&self, f: Box<dyn Fn() + Send + Sync>) {
        if let Some(log) = &self.inner.shards.log {
            log.on_progress(f);
        }
    }

    /// When changes are made durable.
    #[must_use]
    pub fn appendfsync(&self) -> AppendFsync {
        match self.inner.fsync.load(Ordering::Acquire) {
            0 => AppendFsync::Everysec,
            1 => AppendFsync::Always,
            _ => AppendFsync::No,
        }
    }

    /// Changes when changes are made durable.
    pub fn set_appendfsync(&self, fsync: AppendFsync) {
        let always = fsync == AppendFsync::Always;
        self.inner.shards.tracks.store(always, Ordering::Release);
        if let Some(log) = &self.inner.shards.log {
            log.set_fsync(fsync);
            if always {
                // What was written before `recent` was kept is not in it; a failure latches and is told to every writer.
                let _ = log.sync();
            }
        }
        let code = match fsync {
            AppendFsync::Everysec => 0,
            AppendFsync::Always => 1,
            AppendFsync::No => 2,
        };
        self.inner.fsync.store(code, Ordering::Release);
    }

    /// Runs any command and returns its answer once it is as durable as `appendfsync` asks. A command's refusal is an
    /// answer ([`Response::Error`]).
    ///
    /// # Errors
    /// `Failed`: the log has failed, and the change may or may not survive a restart.
    pub fn execute(&self, args: &[&[u8]]) -> Result<Response, Error> {
        let Some(command) = command::resolve(args) else {
            let name =
                args.first().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
            return Ok(Response::Error(format!("ERR unknown command '{name}'")));
        };
        let mut out = Collector::new();
        let lsn = self.run_here(command, args, &mut out);
        self.wait(lsn)?;
        Ok(out.into_response().unwrap_or(Response::Null))
    }

    /// Runs a command for the calling thread.
    pub(crate) fn run_here(&self, command: &Command, args: &[&[u8]], out: &mut dyn Reply) -> Lsn {
        let hash = match (&command.spec.keys, args) {
            (Keys::At(1), [_, key, ..]) => Some(self.hash(key)),
            _ => None,
        };
        if let Some(hash) = hash {
            // It comes while the clock is read and space is reserved.
            self.prefetch(0).bucket(hash);
        }
        let now_ms = self.now_ms();
        let mut run = |caller: &mut Caller| {
            caller.now_ms = now_ms;
            caller.hash_hint = hash;
            self.run_here_and_wait(caller, command, args, out)
        };
        let kept =
            EMBEDDER.try_with(|caller| caller.try_borrow_mut().ok().map(|mut caller| run(&mut caller)));
        // A command may be run from within a command's reply, or while the thread ends.
        kept.ok().flatten().unwrap_or_else(|| run(&mut Caller::default()))
    }

    /// Waits until a reply with this LSN may be given.
    ///
    /// # Errors
    /// `Failed`: the log takes nothing more, and what waits for it may not be acknowledged.
    #[inline]
    pub fn wait(&self, lsn: Lsn) -> Result<(), Error> {
        let Some(log) = &self.inner.shards.log else { return Ok(()) };
        match self.appendfsync() {
            AppendFsync::Always if log.durable() < lsn => log.sync().map(|_| ()),
            AppendFsync::Everysec | AppendFsync::No if log.written() < lsn => log.write().map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Removes what has expired, everywhere. Returns how many entries were looked at.
    pub fn sweep(&self) -> usize {
        self.inner.shards.keyspace.reclaim();
        let mut caller = Caller::at(self.now_ms());
        self.inner.shards.keep_to_limit(&mut caller);
        self.inner.shards.finish_drops();
        self.inner.shards.build_indexes(false);
        self.inner.shards.learn_dictionaries();
        self.inner.shards.keyspace.changes.rest(caller.now_ms);
        let mut swept = 0;
        for shard in 0..self.inner.shards.keyspace.shards() {
            loop {
                let here = self.inner.shards.sweep(&mut caller, shard, SWEEP_KEYS_MAX);
                swept += here;
                if here < SWEEP_KEYS_MAX {
                    break;
                }
            }
        }
        swept
    }

    /// What is due each [`SWEEP_PERIOD`].
    fn look_after(&self, round: u64) {
        if self.settings().active_expire.load(Ordering::Relaxed) {
            self.sweep();
        } else {
            self.reclaim();
            self.inner.shards.keep_to_limit(&mut Caller::at(self.now_ms()));
        }
        if round.is_multiple_of(TIDY_ROUNDS) {
            self.check_disk();
        }
    }

    /// How many hold this database open, threads that look after it now and then included.
    #[must_use]
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.inner)
    }

    /// Frees the memory of what was flushed and of large values that were deleted. Sweeping does it too.
    pub fn reclaim(&self) {
        let keyspace = &self.inner.shards.keyspace;
        keyspace.reclaim();
        (0..keyspace.shards()).for_each(|shard| keyspace.reclaim_values(shard));
    }

    /// Has an answer freed that was written or is not wanted any more: it may be the last to hold a large value, and freeing
    /// that takes long. The sweeper does it.
    pub fn put_aside(&self, answer: Box<dyn Parts>) {
        self.inner.shards.keyspace.put_aside(answer);
    }

    /// Makes everything durable and closes the log; later changes are refused. The folder is free for others then.
    ///
    /// # Errors
    /// `Failed`: what was not durable before may be lost.
    pub fn close(&self) -> Result<(), Error> {
        if !self.inner.has_threads {
            self.settle_all();
        }
        if let Some(settle) = &self.inner.settle {
            settle.close();
        }
        self.stop_saving();
        self.stop_sweeper();
        if self.inner.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let closed = self.inner.shards.log.as_ref().map_or(Ok(()), Log::close);
        if let Some(disk) = &self.inner.disk {
            disk.unlock();
        }
        closed
    }

    /// The disk that holds the folder; none for a database in memory.
    #[must_use]
    pub fn disk(&self) -> Option<&Arc<dyn Disk>> {
        self.inner.disk.as_ref()
    }

    fn stop_sweeper(&self) {
        *self.inner.stop.0.lock() = true;
        self.inner.stop.1.notify_all();
        if let Some(thread) = self.inner.sweeper.lock().take() {
            // A panic of that thread has been reported where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The sweeper holds only a weak reference, so this runs also while it waits; it ends at its next look.
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(settle) = &self.settle {
            settle.close();
        }
        self.saving.stop();
        if let Some(log) = &self.shards.log
            && !self.closed.load(Ordering::Acquire)
        {
            // Whoever wants to know calls `close`.
            let _ = log.close();
        }
    }
}

fn sweep_until_stopped(inner: &Weak<Inner>, stop: &(Mutex<bool>, Condvar)) {
    for round in 1_u64.. {
        let mut stopped = stop.0.lock();
        if !*stopped {
            stop.1.wait_for(&mut stopped, SWEEP_PERIOD);
        }
        if *stopped {
            return;
        }
        drop(stopped);
        let Some(inner) = inner.upgrade() else { return };
        Database { inner }.look_after(round);
        if round.is_multiple_of(TIDY_ROUNDS)
            && let Some(allocator) = crate::memory::allocator()
        {
            (allocator.tidy)();
        }
    }
}

/// What opening a folder has found.
#[derive(Default)]
struct Found {
    recovery: Option<Recovery>,
    loaded: Option<Loaded>,
    database_id: u128,
}
