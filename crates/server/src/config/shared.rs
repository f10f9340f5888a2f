//! The configuration of a running server: shown, changed and written back by `CONFIG`, read by all.
//!
//! What must hold: a `CONFIG SET` changes all of its pairs or none, hooks included; readers never wait for a writer.
//! What each request needs stands in [`Hot`], as atomics; all else is read from a snapshot.

use super::directive::{Change, Directive, Support};
use super::load::Loaded;
use super::settings::Config;
use super::source::Origin;
use super::table::{directives, names, position};
use super::{Events, OutputLimit, glob, rewrite};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

type Hook = Box<dyn Fn(&Config) -> Result<(), String> + Send + Sync>;

/// A configuration that several threads read while one may change it.
pub struct SharedConfig {
    current: RwLock<Arc<Config>>,
    hot: Hot,
    /// Held while a change is made or written, so that changes follow one another.
    hooks: Mutex<Vec<(usize, Hook)>>,
    file: Option<PathBuf>,
}

/// Values that each request or each loop reads.
#[derive(Debug, Default)]
pub struct Hot {
    query_buffer_limit: AtomicU64,
    proto_max_bulk_len: AtomicU64,
    slowlog_log_slower_than_us: AtomicI64,
    large_request_bytes: AtomicU64,
    large_reply_bytes: AtomicU64,
    timeout_s: AtomicU32,
    maxclients: AtomicU32,
    client_memory_max: AtomicU64,
    notify: AtomicU32,
    protected_mode: AtomicBool,
    output_limits: [[AtomicU64; 3]; 3],
}

impl Hot {
    fn store(&self, config: &Config) {
        self.query_buffer_limit.store(config.client_query_buffer_limit(), Relaxed);
        self.proto_max_bulk_len.store(config.proto_max_bulk_len(), Relaxed);
        self.slowlog_log_slower_than_us.store(config.slowlog_log_slower_than_us(), Relaxed);
        let or_never = |bytes: i64| u64::try_from(bytes).unwrap_or(u64::MAX);
        self.large_request_bytes.store(or_never(config.commandlog_request_larger_than()), Relaxed);
        self.large_reply_bytes.store(or_never(config.commandlog_reply_larger_than()), Relaxed);
        self.timeout_s.store(config.timeout_s(), Relaxed);
        self.maxclients.store(config.maxclients(), Relaxed);
        self.client_memory_max.store(config.client_memory_max(), Relaxed);
        self.notify.store(config.notify_keyspace_events().bits(), Relaxed);
        self.protected_mode.store(config.protected_mode(), Relaxed);
        for (atomics, limit) in self.output_limits.iter().zip(config.client_output_buffer_limits()) {
            let values = [limit.hard_bytes, limit.soft_bytes, limit.soft_seconds];
            atomics.iter().zip(values).for_each(|(atomic, value)| atomic.store(value, Relaxed));
        }
    }

    /// `client-query-buffer-limit`, in bytes.
    pub fn query_buffer_limit(&self) -> u64 {
        self.query_buffer_limit.load(Relaxed)
    }

    /// `proto-max-bulk-len`, in bytes.
    pub fn proto_max_bulk_len(&self) -> u64 {
        self.proto_max_bulk_len.load(Relaxed)
    }

    /// `slowlog-log-slower-than`, in microseconds; -1 is off.
    pub fn slowlog_log_slower_than_us(&self) -> i64 {
        self.slowlog_log_slower_than_us.load(Relaxed)
    }

    /// `commandlog-request-larger-than`, in bytes; the largest number if it is off.
    pub fn large_request_bytes(&self) -> u64 {
        self.large_request_bytes.load(Relaxed)
    }

    /// `commandlog-reply-larger-than`, in bytes; the largest number if it is off.
    pub fn large_reply_bytes(&self) -> u64 {
        self.large_reply_bytes.load(Relaxed)
    }

    /// `timeout`, in seconds; 0 is never.
    pub fn timeout_s(&self) -> u32 {
        self.timeout_s.load(Relaxed)
    }

    /// `maxclients`.
    pub fn maxclients(&self) -> u32 {
        self.maxclients.load(Relaxed)
    }

    /// `maxmemory-clients`, in bytes; 0: no limit.
    pub fn client_memory_max(&self) -> u64 {
        self.client_memory_max.load(Relaxed)
    }

    /// `notify-keyspace-events`.
    pub fn notify(&self) -> Events {
        Events::from_bits(self.notify.load(Relaxed))
    }

    /// `protected-mode`.
    pub fn protected_mode(&self) -> bool {
        self.protected_mode.load(Relaxed)
    }

    /// `client-output-buffer-limit` of normal clients (0), replicas (1) or subscribers (2).
    ///
    /// # Panics
    /// For any other class.
    pub fn output_limit(&self, class: usize) -> OutputLimit {
        let [hard, soft, seconds] = &self.output_limits[class];
        OutputLimit {
            hard_bytes: hard.load(Relaxed),
            soft_bytes: soft.load(Relaxed),
            soft_seconds: seconds.load(Relaxed),
        }
    }
}

impl From<Loaded> for SharedConfig {
    fn from(loaded: Loaded) -> Self {
        Self::new(loaded.config, loaded.file)
    }
}

impl SharedConfig {
    /// Shares `config`; `file` is what [`SharedConfig::rewrite`] writes.
    #[must_use]
    pub fn new(config: Config, file: Option<PathBuf>) -> Self {
        let hot = Hot::default();
        hot.store(&config);
        Self { current: RwLock::new(Arc::new(config)), hot, hooks: Mutex::new(Vec::new()), file }
    }

    /// The values in force now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Config> {
        Arc::clone(&self.current.read())
    }

    /// The values read all the time.
    #[must_use]
    pub fn hot(&self) -> &Hot {
        &self.hot
    }

    /// The file that the server was started with, absolute.
    #[must_use]
    pub fn file(&self) -> Option<&std::path::Path> {
        self.file.as_deref()
    }

    /// Calls `hook` with the configuration to be whenever a change of `name` is about to take effect. An error refuses
    /// the whole `CONFIG SET`, and hooks that have already run are called again with the old configuration.
    ///
    /// # Panics
    /// If `name` is no directive: the caller's code is wrong.
    pub fn on_change(
        &self,
        name: &str,
        hook: impl Fn(&Config) -> Result<(), String> + Send + Sync + 'static,
    ) {
        let row = position(name).expect("a hook names a directive of the table");
        self.hooks.lock().push((row, Box::new(hook)));
    }

    /// `CONFIG GET`: names and values that fit any of the patterns, each once.
    #[must_use]
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(&'static str, Vec<u8>)> {
        let config = self.snapshot();
        let mut found = BTreeSet::new();
        for pattern in patterns {
            found.extend(names().filter(|name| glob::matches(pattern, name.as_bytes())));
        }
        let shown = |name| config.value(name).map(|value| (name, value.show()));
        found.into_iter().filter_map(shown).collect()
    }

    /// `CONFIG SET` of all pairs or none; `local` says that the client is on this machine. Gives what has changed.
    ///
    /// # Errors
    /// The text of the error reply, with its `ERR`.
    pub fn set(&self, pairs: &[(&[u8], &[u8])], local: bool) -> Result<Vec<&'static Directive>, String> {
        let hooks = self.hooks.lock();
        let old = self.snapshot();
        let rows = settable(&old, pairs, local)?;
        let mut next = Config::clone(&old);
        for (&(name, row), (_, text)) in rows.iter().zip(pairs) {
            let value = parse(&next, row, text).map_err(|error| failed(name, &error))?;
            next.put(row, value, Origin::Set, "CONFIG SET");
        }
        let changed: Vec<usize> = {
            let differs = |row: &usize| old.slot(*row).value != next.slot(*row).value;
            rows.iter().map(|&(_, row)| row).filter(differs).collect::<BTreeSet<_>>().into_iter().collect()
        };
        apply(&hooks, &changed, &old, &next)?;
        self.hot.store(&next);
        *self.current.write() = Arc::new(next);
        Ok(changed.into_iter().map(|row| &directives()[row]).collect())
    }

    /// `CONFIG REWRITE`: puts the values in force into the file, keeping its comments and order.
    ///
    /// # Errors
    /// The text of the error reply, with its `ERR`.
    pub fn rewrite(&self) -> Result<(), String> {
        let Some(path) = &self.file else {
            return Err("ERR The server is running without a config file".into());
        };
        let _one_at_a_time = self.hooks.lock();
        rewrite::rewrite(path, &self.snapshot())
            .map_err(|error| format!("ERR Rewriting config file: {error}"))
    }
}

impl fmt::Debug for SharedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedConfig").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The rows of all pairs, if each of them may be set and none twice.
fn settable(
    config: &Config,
    pairs: &[(&[u8], &[u8])],
    local: bool,
) -> Result<Vec<(&'static str, usize)>, String> {
    let mut rows: Vec<(&'static str, usize)> = Vec::with_capacity(pairs.len());
    for (given, _) in pairs {
        let Some((name, row)) = named(given) else {
            let given = String::from_utf8_lossy(given);
            return Err(format!("ERR Unknown option or number of arguments for CONFIG SET - '{given}'"));
        };
        let directive = &directives()[row];
        if directive.change == Change::Start {
            return Err(failed(name, "can't set immutable config"));
        }
        if directive.change == Change::Protected && !config.enable_protected_configs().admits(local) {
            return Err(failed(name, "can't set protected config"));
        }
        if rows.iter().any(|&(seen, _)| seen == name) {
            return Err(failed(name, "duplicate parameter"));
        }
        rows.push((name, row));
    }
    Ok(rows)
}

fn named(given: &[u8]) -> Option<(&'static str, usize)> {
    let row = position(std::str::from_utf8(given).ok()?)?;
    let directive = &directives()[row];
    let spelt = |name: &&str| name.as_bytes().eq_ignore_ascii_case(given);
    Some((directive.alias.filter(spelt).unwrap_or(directive.name), row))
}

/// The value of one pair, if it may take effect while the server runs.
fn parse(config: &Config, row: usize, text: &[u8]) -> Result<super::Value, String> {
    let directive = &directives()[row];
    let value = directive.kind.parse_text(text, config.start_of_list(row).as_ref())?;
    let same = value == config.slot(row).value;
    match (directive.change, directive.support) {
        (Change::Restart, _) if !same => Err("can't set immutable config".into()),
        (_, Support::Refused(instead)) if !same => Err(instead.into()),
        _ => Ok(value),
    }
}

/// Runs the hooks of what changes; if one refuses, those before it are run again with the old values.
fn apply(hooks: &[(usize, Hook)], changed: &[usize], old: &Config, next: &Config) -> Result<(), String> {
    let due: Vec<&(usize, Hook)> = hooks.iter().filter(|(row, _)| changed.contains(row)).collect();
    for (done, (row, hook)) in due.iter().enumerate() {
        if let Err(error) = hook(next) {
            for (_, undo) in due[..done].iter().rev() {
                // The old values were in force a moment ago; a hook that refuses them now leaves nothing better to do.
                let _ = undo(old);
            }
            return Err(failed(directives()[*row].name, &error));
        }
    }
    Ok(())
}

fn failed(name: &str, error: &str) -> String {
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {error}")
}

#[cfg(test)]
mod tests {
    use super::SharedConfig;
    use crate::config::Config;
    use std::ffi::OsString;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    fn shared(args: &[&str]) -> SharedConfig {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        Config::load(&args, std::iter::empty()).unwrap().into()
    }

    fn set(config: &SharedConfig, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        config.set(&pairs, true).map(|changed| changed.iter().map(|row| row.name).collect())
    }

    fn get(config: &SharedConfig, name: &str) -> String {
        let found = config.get(&[name.as_bytes()]);
        assert_eq!(found.len(), 1, "{name}");
        String::from_utf8(found[0].1.clone()).unwrap()
    }

    #[test]
    fn get_takes_patterns_and_gives_each_name_once() {
        let config = shared(&[]);
        let names = |patterns: &[&str]| -> Vec<&str> {
            let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
            config.get(&patterns).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&["slaveof", "MAXC*", "maxclients"]), ["maxclients", "slaveof"]);
        assert_eq!(names(&["slowlog-*"]), ["slowlog-log-slower-than", "slowlog-max-len"]);
        assert_eq!(names(&["rename-command", "no-such"]), [""; 0]);
        assert!(names(&["*"]).len() >= 237);
    }

    #[test]
    fn a_set_shows_at_once_everywhere() {
        let config = shared(&[]);
        let changed =
            set(&config, &[("MaxClients", "90"), ("client-query-buffer-limit", "2mb"), ("timeout", "0")]);
        assert_eq!(changed.unwrap(), ["client-query-buffer-limit", "maxclients"]);
        assert_eq!((config.hot().maxclients(), config.hot().query_buffer_limit()), (90, 2 << 20));
        assert_eq!((get(&config, "maxclients"), config.snapshot().maxclients()), ("90".into(), 90));
        set(&config, &[("client-output-buffer-limit", "replica 1mb 2kb 3")]).unwrap();
        assert_eq!(
            get(&config, "client-output-buffer-limit"),
            "normal 0 0 0 slave 1048576 2048 3 pubsub 33554432 8388608 60"
        );
        assert_eq!(config.hot().output_limit(1).soft_seconds, 3);
        set(&config, &[("slowlog-max-len", "5"), ("notify-keyspace-events", "Kgnx")]).unwrap();
        assert_eq!(get(&config, "commandlog-slow-execution-max-len"), "5");
        assert_eq!(get(&config, "notify-keyspace-events"), "gxnK");
        assert_eq!(config.hot().notify().bits(), config.snapshot().notify_keyspace_events().bits());
    }

    #[test]
    fn a_set_that_fails_says_what_valkey_says_and_changes_nothing() {
        let config = shared(&[]);
        let failed = |name: &str, error: &str| {
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {error}")
        };
        let cases: &[(&[(&str, &str)], String)] = &[
            (&[("foo", "bar")], "ERR Unknown option or number of arguments for CONFIG SET - 'foo'".into()),
            (
                &[("maxclients", "5"), ("foo", "1")],
                "ERR Unknown option or number of arguments for CONFIG SET - 'foo'".into(),
            ),
            (&[("maxclients", "1"), ("maxclients", "2")], failed("maxclients", "duplicate parameter")),
            (
                &[("maxclients", "0")],
                failed("maxclients", "argument must be between 1 and 4294967295 inclusive"),
            ),
            (
                &[("maxclients", "5"), ("timeout", "x")],
                failed("timeout", "argument couldn't be parsed into an integer"),
            ),
            (&[("tcp-backlog", "1")], failed("tcp-backlog", "can't set immutable config")),
            (&[("port", "1")], failed("port", "can't set immutable config")),
            (&[("appendonly", "no")], failed("appendonly", "can't set immutable config")),
            (&[("dbfilename", "a")], failed("dbfilename", "can't set protected config")),
            (&[("maxmemory", "10%")], failed("maxmemory", "argument must be a memory value")),
            (&[("protected-mode", "maybe")], failed("protected-mode", "argument must be 'yes' or 'no'")),
            (
                &[("appendfsync", "x")],
                failed("appendfsync", "argument(s) must be one of the following: everysec, always, no"),
            ),
            (
                &[("client-output-buffer-limit", "normal 0 0")],
                failed(
                    "client-output-buffer-limit",
                    "Wrong number of arguments in buffer limit configuration.",
                ),
            ),
            (
                &[("tls-port", "1")],
                failed(
                    "tls-port",
                    "TLS is not supported: end it in front of Ramekin (stunnel, haproxy) on the same machine.",
                ),
            ),
        ];
        let before = config.get(&[b"*"]);
        for (pairs, text) in cases {
            assert_eq!(set(&config, pairs).unwrap_err(), *text);
        }
        assert_eq!(config.get(&[b"*"]), before);
        assert_eq!(set(&config, &[("appendonly", "yes"), ("port", "6379")]), Ok(vec![]));
    }

    #[test]
    fn protected_directives_open_to_those_whom_the_configuration_names() {
        let config = shared(&["--enable-protected-configs", "local"]);
        let pair: [(&[u8], &[u8]); 1] = [(b"dbfilename", b"a.rdb")];
        assert!(config.set(&pair, false).is_err());
        assert!(config.set(&pair, true).is_ok());
        assert_eq!(
            set(&config, &[("dbfilename", "a/b")]).unwrap_err(),
            "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - dbfilename can't be a path, just a filename"
        );
    }

    #[test]
    fn a_hook_that_refuses_undoes_the_whole_set() {
        let config = shared(&[]);
        let applied = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&applied);
        config.on_change("hz", move |next| {
            seen.store(next.hz(), Relaxed);
            Ok(())
        });
        config.on_change("maxclients", |next| match next.maxclients() {
            0..=100 => Ok(()),
            _ => Err(
                "The operating system is not able to handle the specified number of clients, try with 100"
                    .into(),
            ),
        });
        let error = set(&config, &[("hz", "20"), ("maxclients", "101")]).unwrap_err();
        assert!(error.ends_with("(possibly related to argument 'maxclients') - The operating system is not able to handle the specified number of clients, try with 100"));
        assert_eq!(
            (applied.load(Relaxed), get(&config, "hz"), config.hot().maxclients()),
            (10, "10".into(), 10_000)
        );
        set(&config, &[("hz", "20"), ("maxclients", "100")]).unwrap();
        assert_eq!((applied.load(Relaxed), get(&config, "hz")), (20, "20".into()));
    }

    #[test]
    fn a_rewrite_needs_a_file() {
        assert_eq!(shared(&[]).rewrite().unwrap_err(), "ERR The server is running without a config file");
    }
}
