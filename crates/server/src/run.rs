//! Starting and ending a server.

use crate::config::{AppendFsync, Config, Loaded, SharedConfig};
use crate::error::Error;
use crate::net::{Accepted, EventLoop, Listener, listen, serve_while};
use crate::server::{Server, Stop};
use ramekin::io::Clock as _;
use ramekin::io::os::OsClock;
use ramekin::log::AppendFsync as LogSync;
use ramekin::store::Store;
use ramekin::{
    CheckpointRules, Compression, Database, DiskState, ErrorKind, Options, Policy, Progress, StoreOptions,
};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Finds the store of an address, for the data in this folder; or says what is wrong with the address.
pub type Stores = dyn Fn(&str, &Path) -> Result<Arc<dyn Store>, String> + Send + Sync;

/// Runs a server until it is told to stop: by SIGTERM, SIGINT or SHUTDOWN. `stores` makes what the directive `store` names.
///
/// # Errors
/// One line that says what to do: the data folder cannot be used, an address cannot be listened on, or what was not on
/// disk yet could not be brought there at the end.
pub fn serve(loaded: Loaded, stores: Arc<Stores>) -> Result<(), Error> {
    let config = &loaded.config;
    for warning in &loaded.warnings {
        say(&format!("warning: {warning}"));
    }
    let listeners = listen(config)?;
    crate::system::note_start();
    let (now_s, progress) = (|| OsClock::default().now_ms() / 1000, Arc::default());
    let begun_s = now_s();
    let info = || crate::command::info_log::loading(&progress, begun_s, now_s());
    let (opened, early) = serve_while(&listeners, config, &info, || open(config, &progress, &*stores));
    let db = opened?;
    report_recovery(&db);
    let addresses: Vec<String> = listeners.iter().map(Listener::describe).collect();
    let sockets: Vec<_> =
        listeners.iter().filter_map(|listener| listener.path().map(Path::to_owned)).collect();
    let loops = config.io_threads().max(1);
    let pidfile = config.pidfile();
    let server = Arc::new(Server::new(db, SharedConfig::from(loaded)));
    apply_settings(&server, &server.config.snapshot());
    crate::namespaces::start(&server, stores)?;
    warn_of_limits(&server);
    lower_maxclients(&server);
    crate::command::register_hooks(&server);
    let threads = start_loops(&server, listeners, loops, early)?;
    let signals = watch_signals(&server)?;
    if let Some(path) = &pidfile {
        write_pidfile(path);
    }
    say(&format!("ready to accept connections on {}", addresses.join(", ")));
    if let Some(first) = addresses.first() {
        say(&format!("connect with: redis-cli -p {}", first.rsplit(':').next().unwrap_or(first)));
    }
    let stop = server.wait_for_stop();
    let ended = end_in_time(&server, threads, stop);
    signals.close();
    for path in sockets.iter().chain(&pidfile) {
        // Whoever removed it before us wanted it gone.
        let _ = std::fs::remove_file(path);
    }
    ended
}

fn store_options(config: &Config, stores: &Stores) -> Result<Option<StoreOptions>, Error> {
    let Some(address) = config.store() else { return Ok(None) };
    if !config.appendonly() {
        return Err(Error("a store needs the log: set `appendonly yes`, or leave `store` out".to_owned()));
    }
    let mut options = store_behind(config, stores(&address, &config.dir()).map_err(Error)?);
    options.read_only = config.store_read_only();
    options.attach = config.store_attach();
    Ok(Some(options))
}

/// How a store is used, by the directives that are for all stores.
pub(crate) fn store_behind(config: &Config, store: Arc<dyn Store>) -> StoreOptions {
    let mut options = StoreOptions::new(store);
    let tuning = config.store_tuning();
    let set = |to: &mut u64, value: Option<u64>| *to = value.unwrap_or(*to);
    set(&mut options.flush_interval_ms, tuning.flush_interval_ms);
    set(&mut options.flush_bytes, tuning.flush_bytes);
    set(&mut options.unsettled_bytes_max, tuning.unsettled_bytes_max);
    set(&mut options.quarantine_bytes_max, tuning.quarantine_bytes_max);
    set(&mut options.evict_interval_ms, tuning.evict_interval_ms);
    set(&mut options.outside_interval_ms, tuning.outside_interval_ms);
    options.loaders = tuning.loaders.unwrap_or(options.loaders);
    options.refuses_at_max = tuning.refuses_at_max.unwrap_or(false);
    options.may_flush = tuning.may_flush.unwrap_or(false);
    options.tell = Some(Arc::new(|text: &str| say(&format!("warning: {text}"))));
    options.close_ms = u64::from(config.shutdown_timeout_s()).saturating_mul(1000).max(2000) / 2;
    options
}

/// Opens the database that the configuration names. `stores` makes what the directive `store` names.
///
/// # Errors
/// One line that says what to do: the data folder or its store cannot be used.
pub fn open(config: &Config, progress: &Arc<Progress>, stores: &Stores) -> Result<Database, Error> {
    open_database(config, progress, stores).map_err(|failure| Error(failure.text))
}

/// Why a database could not be opened.
#[derive(Debug)]
pub struct Failure {
    /// What the engine says of it; none if the configuration is wrong, or a store, a socket or a thread cannot be had.
    pub kind: Option<ErrorKind>,
    /// One line that says what to do.
    pub text: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { kind: None, text: error.0 }
    }
}

/// As [`open`], with the kind of what is wrong.
pub(crate) fn open_database(
    config: &Config,
    progress: &Arc<Progress>,
    stores: &Stores,
) -> Result<Database, Failure> {
    let failed = |place: &str, error: &ramekin::Error| Failure {
        kind: Some(error.kind()),
        text: if place.is_empty() { error.to_string() } else { format!("{place}: {error}") },
    };
    let options = Options {
        databases: u32::try_from(config.databases()).unwrap_or(16),
        appendfsync: log_sync(config.appendfsync()),
        checkpoints: checkpoint_rules(config),
        progress: Arc::clone(progress),
        store: store_options(config, stores)?,
        detaches_store: config.store_detach(),
        ..Options::default()
    };
    if !config.appendonly() {
        return Database::memory(&options).map_err(|error| failed("", &error));
    }
    let dir = config.dir();
    std::fs::create_dir_all(&dir).map_err(|error| Failure {
        kind: Some(ErrorKind::of(&error)),
        text: format!("cannot make the data folder {}: {error}: check `dir`", dir.display()),
    })?;
    Database::open_with(&dir, &options).map_err(|error| failed(&dir.display().to_string(), &error))
}

/// When checkpoints are taken, by the directives.
pub(crate) fn checkpoint_rules(config: &Config) -> CheckpointRules {
    CheckpointRules {
        after: config
            .save()
            .iter()
            .map(|point| (u64::from(point.seconds), u64::from(point.changes)))
            .collect(),
        log_bytes_min: config.auto_aof_rewrite_min_size(),
        log_percent_min: config.auto_aof_rewrite_percentage(),
    }
}

pub(crate) fn log_sync(fsync: AppendFsync) -> LogSync {
    match fsync {
        AppendFsync::Always => LogSync::Always,
        AppendFsync::EverySec => LogSync::Everysec,
        AppendFsync::No => LogSync::No,
    }
}

/// The directives that [`apply_settings`] hands over.
pub(crate) const ENGINE_DIRECTIVES: &[&str] = &[
    "list-max-listpack-size",
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "proto-max-bulk-len",
    "maxmemory",
    "maxmemory-policy",
    "min-free-disk",
    "maxmemory-samples",
    "lfu-log-factor",
    "lfu-decay-time",
    "dump-dialect",
    "query-timeout",
    "compression",
    "compression-min-bytes",
];

/// Hands the engine's settings over from the configuration.
pub(crate) fn apply_settings(server: &Server, config: &Config) {
    server.each_database(|db| apply_to(db, config));
}

/// The same to one database.
pub(crate) fn apply_to(db: &Database, config: &Config) {
    let settings = db.settings();
    settings.list_max_listpack_size.store(config.list_max_listpack_size(), Relaxed);
    settings.hash_max_listpack_entries.store(config.hash_max_listpack_entries(), Relaxed);
    let value = usize::try_from(config.hash_max_listpack_value()).unwrap_or(usize::MAX);
    settings.hash_max_listpack_value.store(value, Relaxed);
    settings.string_bytes_max.store(config.proto_max_bulk_len(), Relaxed);
    settings.set_policy(Policy::named(&config.maxmemory_policy()).unwrap_or_default());
    settings.maxmemory_samples.store(config.maxmemory_samples(), Relaxed);
    if let Err(error) = db.limit_memory(config.maxmemory()) {
        say(&format!("warning: `maxmemory` is not kept: {error}"));
    }
    db.set_compression(Compression::named(&config.compression()).unwrap_or_default());
    let bytes_min = usize::try_from(config.compression_min_bytes()).unwrap_or(usize::MAX);
    db.set_compression_min_bytes(bytes_min);
    settings.dump_for_redis.store(config.dump_for_redis(), Relaxed);
    settings.min_free_disk.store(config.min_free_disk(), Relaxed);
    settings.query_timeout_ms.store(config.query_timeout_ms(), Relaxed);
    settings.lfu_log_factor.store(config.lfu_log_factor(), Relaxed);
    settings.lfu_decay_minutes.store(config.lfu_decay_minutes(), Relaxed);
}

/// Says what may end the process or stop writes later: the container's limit of memory, and a disk that fills up.
pub(crate) fn warn_of_limits(server: &Server) {
    let maxmemory = server.config.snapshot().maxmemory();
    if let Some(limit) = crate::system::limit_bytes() {
        if maxmemory == 0 {
            say(&format!(
                "warning: the container ends the process at {limit} bytes of memory and `maxmemory` is not set: set it to some {}",
                limit / 10 * 8
            ));
        } else if maxmemory > limit {
            say(&format!(
                "warning: `maxmemory` {maxmemory} is more than the {limit} bytes at which the container ends the process: lower it to some {}",
                limit / 10 * 8
            ));
        }
    }
    server.db.on_disk_state(Box::new(|state| {
        say(match state {
            DiskState::Ample => "the disk has enough space again",
            DiskState::Short => {
                "warning: the disk is filling up: below `min-free-disk` writes will be refused"
            }
            DiskState::Refusing => {
                "warning: the disk is nearly full: writes are refused until more than `min-free-disk` is free"
            }
        });
    }));
    server.db.check_disk();
}

/// Makes room for `maxclients` connections, or lowers it to what the operating system allows.
pub(crate) fn lower_maxclients(server: &Server) {
    let wanted = server.config.hot().maxclients();
    let Err(possible) = crate::open_files::make_room(wanted) else { return };
    let possible = possible.max(1);
    say(&format!(
        "warning: the limit of open files allows {possible} clients instead of `maxclients {wanted}`: raise it (ulimit -Hn, LimitNOFILE)"
    ));
    if let Err(error) = server.config.set(&[(b"maxclients", possible.to_string().as_bytes())], true) {
        say(&format!("warning: {error}"));
    }
}

fn report_recovery(db: &Database) {
    let Some(recovery) = db.recovery() else { return };
    let cut = recovery.cut.as_ref().map_or_else(String::new, |cut| {
        format!(
            "; a torn end of {} bytes was cut from {} at {}: {} (nothing acknowledged as durable was in it)",
            cut.bytes, cut.file, cut.offset, cut.reason
        )
    });
    let saved = db.checkpoint_stats().loaded.map_or_else(String::new, |loaded| {
        format!("{} keys read from the checkpoint {}, ", loaded.keys, loaded.file)
    });
    say(&format!("{saved}{} records read from the log{cut}", recovery.records));
    if let Some(stats) = db.store_stats() {
        say(&format!(
            "changes settle in the store {} (epoch {}), {} of them are still to",
            stats.address, stats.epoch, stats.unsettled_records
        ));
        stats.warnings.iter().for_each(|warning| say(&format!("warning: the store {warning}")));
    }
}

pub(crate) fn start_loops(
    server: &Arc<Server>,
    listeners: Vec<Listener>,
    loops: usize,
    early: Vec<Accepted>,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let failed = |error: std::io::Error| Error(format!("cannot start an event loop: {error}"));
    let mut listeners = Some(listeners);
    let made: Result<Vec<EventLoop>, _> = (0..loops)
        .map(|_| EventLoop::new(Arc::clone(server), listeners.take().unwrap_or_default()).map_err(failed))
        .collect();
    let mut made = made?;
    *server.loops.lock() = made.iter().map(EventLoop::mailbox).collect();
    crate::namespaces::follow(&server.db, &server.loops.lock());
    if let Some(first) = made.first_mut() {
        first.deal_all(early);
    }
    made.into_iter()
        .enumerate()
        .map(|(at, event_loop)| {
            std::thread::Builder::new()
                .name(format!("loop-{at}"))
                .spawn(move || event_loop.run())
                .map_err(failed)
        })
        .collect()
}

fn watch_signals(server: &Arc<Server>) -> Result<signal_hook::iterator::Handle, Error> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let failed = |error: std::io::Error| Error(format!("cannot watch for signals: {error}"));
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map_err(failed)?;
    let (handle, server) = (signals.handle(), Arc::clone(server));
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
                if !server.is_stopping() {
                    say(&format!("{name}: stopping"));
                    let checkpoint = !server.config.snapshot().save().is_empty();
                    server.request_stop(Stop { save: true, checkpoint });
                } else if signal == SIGINT {
                    // Only of somebody at a keyboard: supervisors may send SIGTERM twice.
                    say("SIGINT again: ending at once; what was acknowledged is with the operating system");
                    std::process::exit(1);
                }
            }
        })
        .map_err(failed)?;
    Ok(handle)
}

/// Ends the server, or gives up waiting for a disk or a command that does not come to its end.
fn end_in_time(server: &Arc<Server>, threads: Vec<JoinHandle<()>>, stop: Stop) -> Result<(), Error> {
    let patience_s = server.config.snapshot().shutdown_timeout_s().max(1);
    let (sender, receiver) = std::sync::mpsc::channel();
    let mine = Arc::clone(server);
    let spawned = std::thread::Builder::new().name("end".to_owned()).spawn(move || {
        // Nobody listens any more if the time is over.
        let _ = sender.send(end(&mine, threads, stop));
    });
    spawned.map_err(|error| Error(format!("cannot start a thread: {error}")))?;
    let mut written = None;
    loop {
        if let Ok(ended) = receiver.recv_timeout(Duration::from_secs(u64::from(patience_s))) {
            return ended;
        }
        // A checkpoint that comes on takes as long as it takes.
        let saved = server.db.checkpoint_stats();
        let progress = saved.running.map(|_| saved.keys_done);
        if progress.is_some() && progress != written {
            written = progress;
            continue;
        }
        return Err(Error(format!(
            "stopped after waiting {patience_s} s in vain (`shutdown-timeout`): what was acknowledged is with the operating system, and may not be on disk yet"
        )));
    }
}

fn end(server: &Arc<Server>, threads: Vec<JoinHandle<()>>, stop: Stop) -> Result<(), Error> {
    server.wake_loops();
    let mut broken = false;
    for thread in threads {
        broken |= thread.join().is_err();
    }
    let namespaces = server.namespaces().close();
    if stop.checkpoint
        && let Err(error) = server.db.checkpoint()
        && server.db.disk().is_some()
    {
        say(&format!("warning: no checkpoint was taken, the log holds the last changes: {error}"));
    }
    let closed = server.db.close();
    if let Some(stats) = server.db.store_stats()
        && stats.unsettled_records > 0
    {
        say(&format!(
            "warning: {} changes have not settled in the store: they are in the log, and will once it is opened again",
            stats.unsettled_records
        ));
    }
    if let (true, Err(error)) = (stop.save, closed.and(namespaces)) {
        return Err(Error(format!("stopped, but the last changes may not be on disk: {error}")));
    }
    if broken {
        return Err(Error(
            "an event loop ended by a defect; everything that was acknowledged is on disk".to_owned(),
        ));
    }
    say("stopped, everything is on disk");
    Ok(())
}

fn write_pidfile(path: &Path) {
    if let Err(error) = std::fs::write(path, format!("{}\n", std::process::id())) {
        say(&format!("warning: cannot write the pid file {}: {error}", path.display()));
    }
}

/// Takes the lines for the operator, in a program that has a log of its own.
static LISTENER: OnceLock<fn(&str)> = OnceLock::new();

/// Has the lines for the operator go here, and not to standard error. It is called on any thread and must not wait. Only the first
/// call counts.
pub fn say_to(listener: fn(&str)) {
    LISTENER.get_or_init(|| listener);
}

/// One line for the operator.
pub(crate) fn say(text: &str) {
    if let Some(listener) = LISTENER.get() {
        return listener(text);
    }
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "ramekin: {text}");
}
