//! Typed getters for what the server acts on.
//!
//! What must hold: a getter names a row whose kind and range fit its type; the test calls each.

use super::events::Events;
use super::settings::Config;
use super::value::{BindAddress, OutputLimit, SavePoint, Value};
use ramekin::{Attach, StoreTuning};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// Connections to a store that are not for fetching: of two lanes, of who looks after it, and of its owner.
const OTHER_CONNECTIONS: u32 = 4;

/// When the log is forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFsync {
    /// Before each reply.
    Always,
    /// Each second.
    EverySec,
    /// When the system likes.
    No,
}

/// Who may use a guarded command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Nobody.
    No,
    /// All clients.
    Yes,
    /// Clients of this machine.
    Local,
}

impl Gate {
    /// Whether it lets a client through; `local` says that the client is on this machine.
    #[must_use]
    pub fn admits(self, local: bool) -> bool {
        match self {
            Self::No => false,
            Self::Yes => true,
            Self::Local => local,
        }
    }
}

impl Config {
    fn known(&self, name: &str) -> &Value {
        self.value(name).expect("getters name rows of the table; a test calls each")
    }

    fn int(&self, name: &str) -> i64 {
        match self.known(name) {
            Value::Int(number) => *number,
            other => unreachable!("{name} is no number but {other:?}"),
        }
    }

    fn unsigned<T: TryFrom<i64>>(&self, name: &str) -> T {
        T::try_from(self.int(name)).ok().expect("the row's range fits the getter's type; a test calls each")
    }

    fn bytes(&self, name: &str) -> u64 {
        match self.known(name) {
            Value::Bytes(number) => *number,
            other => unreachable!("{name} is no number of bytes but {other:?}"),
        }
    }

    fn flag(&self, name: &str) -> bool {
        match self.known(name) {
            Value::Bool(set) => *set,
            other => unreachable!("{name} is neither yes nor no but {other:?}"),
        }
    }

    /// The value as it is shown, for words of a closed set and the like.
    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.known(name).show()).into_owned()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let path = self.known(name).show();
        (!path.is_empty()).then(|| PathBuf::from(OsString::from_vec(path)))
    }

    fn gate(&self, name: &str) -> Gate {
        match self.text(name).as_str() {
            "yes" => Gate::Yes,
            "local" => Gate::Local,
            _ => Gate::No,
        }
    }
}

/// Network and clients.
impl Config {
    /// `bind`: the addresses to listen on.
    #[must_use]
    pub fn bind(&self) -> &[BindAddress] {
        match self.known("bind") {
            Value::Addresses(addresses) => addresses,
            other => unreachable!("bind is no list of addresses but {other:?}"),
        }
    }

    /// `port`; 0 is no TCP.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.unsigned("port")
    }

    /// `tcp-backlog`.
    #[must_use]
    pub fn tcp_backlog(&self) -> i32 {
        self.unsigned("tcp-backlog")
    }

    /// `unixsocket`.
    #[must_use]
    pub fn unixsocket(&self) -> Option<PathBuf> {
        self.path("unixsocket")
    }

    /// `unixsocketperm`; `None` leaves them to the umask.
    #[must_use]
    pub fn unixsocketperm(&self) -> Option<u32> {
        match self.known("unixsocketperm") {
            Value::Mode(mode) => Some(*mode).filter(|&mode| mode != 0),
            other => unreachable!("unixsocketperm is no mode but {other:?}"),
        }
    }

    /// `protected-mode`.
    #[must_use]
    pub fn protected_mode(&self) -> bool {
        self.flag("protected-mode")
    }

    /// Whether only clients of this machine are let in: `protected-mode` is on and nobody has set a password. An address
    /// chosen with `bind` does not change that.
    #[must_use]
    pub fn refuses_strangers(&self) -> bool {
        self.protected_mode() && self.requirepass().is_none()
    }

    /// `requirepass`; `None` where no password is asked for.
    #[must_use]
    pub fn requirepass(&self) -> Option<Vec<u8>> {
        Some(self.known("requirepass").show()).filter(|password| !password.is_empty())
    }

    /// `maxclients`.
    #[must_use]
    pub fn maxclients(&self) -> u32 {
        self.unsigned("maxclients")
    }

    /// `timeout`, in seconds; 0 is never.
    #[must_use]
    pub fn timeout_s(&self) -> u32 {
        self.unsigned("timeout")
    }

    /// `tcp-keepalive`, in seconds; 0 is none.
    #[must_use]
    pub fn tcp_keepalive_s(&self) -> u32 {
        self.unsigned("tcp-keepalive")
    }

    /// `client-query-buffer-limit`, in bytes.
    #[must_use]
    pub fn client_query_buffer_limit(&self) -> u64 {
        self.bytes("client-query-buffer-limit")
    }

    /// `proto-max-bulk-len`, in bytes.
    #[must_use]
    pub fn proto_max_bulk_len(&self) -> u64 {
        self.bytes("proto-max-bulk-len")
    }

    /// `client-output-buffer-limit`: normal clients, replicas, subscribers.
    #[must_use]
    pub fn client_output_buffer_limits(&self) -> [OutputLimit; 3] {
        match self.known("client-output-buffer-limit") {
            Value::OutputLimits(limits) => *limits,
            other => unreachable!("client-output-buffer-limit is no limits but {other:?}"),
        }
    }

    /// `io-threads`: event loops.
    #[must_use]
    pub fn io_threads(&self) -> usize {
        self.unsigned("io-threads")
    }

    /// `enable-debug-command`.
    #[must_use]
    pub fn enable_debug_command(&self) -> Gate {
        self.gate("enable-debug-command")
    }

    /// `enable-protected-configs`.
    #[must_use]
    pub fn enable_protected_configs(&self) -> Gate {
        self.gate("enable-protected-configs")
    }
}

/// Data, its folder and its limits.
impl Config {
    /// `dir`: the data folder, absolute.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.path("dir").unwrap_or_default()
    }

    /// `appendonly`; `false` keeps nothing on disk.
    #[must_use]
    pub fn appendonly(&self) -> bool {
        self.flag("appendonly")
    }

    /// `appendfsync`.
    #[must_use]
    pub fn appendfsync(&self) -> AppendFsync {
        match self.text("appendfsync").as_str() {
            "always" => AppendFsync::Always,
            "no" => AppendFsync::No,
            _ => AppendFsync::EverySec,
        }
    }

    /// `save`.
    #[must_use]
    pub fn save(&self) -> &[SavePoint] {
        match self.known("save") {
            Value::SavePoints(points) => points,
            other => unreachable!("save is no list of points but {other:?}"),
        }
    }

    /// `auto-aof-rewrite-min-size`, in bytes.
    #[must_use]
    pub fn auto_aof_rewrite_min_size(&self) -> u64 {
        self.bytes("auto-aof-rewrite-min-size")
    }

    /// `auto-aof-rewrite-percentage`.
    #[must_use]
    pub fn auto_aof_rewrite_percentage(&self) -> u64 {
        self.unsigned("auto-aof-rewrite-percentage")
    }

    /// `databases`.
    #[must_use]
    pub fn databases(&self) -> usize {
        self.unsigned("databases")
    }

    /// `maxmemory`, in bytes; 0 is no limit.
    #[must_use]
    pub fn maxmemory(&self) -> u64 {
        self.bytes("maxmemory")
    }

    /// `maxmemory-clients`, in bytes: a percentage is one of `maxmemory`. 0: no limit. One too small to be talked to under is
    /// raised.
    #[must_use]
    pub fn client_memory_max(&self) -> u64 {
        const LEAST: u64 = 128 << 10;
        let bytes = match self.known("maxmemory-clients") {
            Value::Bytes(bytes) => *bytes,
            Value::Text(percent) => {
                let percent =
                    String::from_utf8_lossy(percent).trim_end_matches('%').parse::<u64>().unwrap_or(0);
                let share = u128::from(self.maxmemory()) * u128::from(percent) / 100;
                u64::try_from(share).unwrap_or(u64::MAX)
            }
            _ => 0,
        };
        if bytes == 0 { 0 } else { bytes.max(LEAST) }
    }

    /// `min-free-disk`, in bytes.
    #[must_use]
    pub fn min_free_disk(&self) -> u64 {
        self.bytes("min-free-disk")
    }

    /// `query-timeout`, in milliseconds.
    #[must_use]
    pub fn query_timeout_ms(&self) -> u64 {
        u64::from(self.unsigned::<u32>("query-timeout"))
    }

    /// `maxmemory-samples`.
    #[must_use]
    pub fn maxmemory_samples(&self) -> usize {
        self.unsigned("maxmemory-samples")
    }

    /// `maxmemory-policy`, as it is written.
    #[must_use]
    pub fn maxmemory_policy(&self) -> String {
        self.text("maxmemory-policy")
    }

    /// `list-max-listpack-size`.
    #[must_use]
    pub fn list_max_listpack_size(&self) -> i32 {
        self.unsigned("list-max-listpack-size")
    }

    /// `hash-max-listpack-entries`.
    #[must_use]
    pub fn hash_max_listpack_entries(&self) -> usize {
        self.unsigned("hash-max-listpack-entries")
    }

    /// `hash-max-listpack-value`, in bytes.
    #[must_use]
    pub fn hash_max_listpack_value(&self) -> u64 {
        self.bytes("hash-max-listpack-value")
    }

    /// `compression`.
    #[must_use]
    pub fn compression(&self) -> String {
        self.text("compression")
    }

    /// `compression-min-bytes`.
    #[must_use]
    pub fn compression_min_bytes(&self) -> u64 {
        self.bytes("compression-min-bytes")
    }

    /// `hz`: background rounds a second.
    #[must_use]
    pub fn hz(&self) -> u32 {
        self.unsigned("hz")
    }

    /// `active-expire-effort`, 1 to 10.
    #[must_use]
    pub fn active_expire_effort(&self) -> u32 {
        self.unsigned("active-expire-effort")
    }

    /// Whether `dump-dialect` is `redis`.
    #[must_use]
    pub fn dump_for_redis(&self) -> bool {
        self.text("dump-dialect") == "redis"
    }

    /// `lfu-log-factor`.
    #[must_use]
    pub fn lfu_log_factor(&self) -> u32 {
        self.unsigned("lfu-log-factor")
    }

    /// `lfu-decay-time`, in minutes.
    #[must_use]
    pub fn lfu_decay_minutes(&self) -> u32 {
        self.unsigned("lfu-decay-time")
    }

    /// `lazyfree-lazy-user-flush`: what FLUSHALL and FLUSHDB do unless told.
    #[must_use]
    pub fn lazyfree_lazy_user_flush(&self) -> bool {
        self.flag("lazyfree-lazy-user-flush")
    }

    /// `lazyfree-lazy-user-del`: whether DEL frees as UNLINK does.
    #[must_use]
    pub fn lazyfree_lazy_user_del(&self) -> bool {
        self.flag("lazyfree-lazy-user-del")
    }

    /// `notify-keyspace-events`.
    #[must_use]
    pub fn notify_keyspace_events(&self) -> Events {
        Events::parse(&self.known("notify-keyspace-events").show()).unwrap_or_default()
    }
}

/// The process and what it reports.
impl Config {
    /// `loglevel`, as it is written: debug, verbose, notice, warning or nothing.
    #[must_use]
    pub fn loglevel(&self) -> String {
        self.text("loglevel")
    }

    /// `logfile`; `None` is standard output.
    #[must_use]
    pub fn logfile(&self) -> Option<PathBuf> {
        self.path("logfile")
    }

    /// `pidfile`.
    #[must_use]
    pub fn pidfile(&self) -> Option<PathBuf> {
        self.path("pidfile")
    }

    /// `shutdown-timeout`, in seconds.
    #[must_use]
    pub fn shutdown_timeout_s(&self) -> u32 {
        self.unsigned("shutdown-timeout")
    }

    /// `slowlog-log-slower-than`, in microseconds; -1 is off.
    #[must_use]
    pub fn slowlog_log_slower_than_us(&self) -> i64 {
        self.int("slowlog-log-slower-than")
    }

    /// `slowlog-max-len`.
    #[must_use]
    pub fn slowlog_max_len(&self) -> usize {
        self.unsigned("slowlog-max-len")
    }

    /// `commandlog-request-larger-than`, in bytes; -1 is off.
    #[must_use]
    pub fn commandlog_request_larger_than(&self) -> i64 {
        self.int("commandlog-request-larger-than")
    }

    /// `commandlog-large-request-max-len`.
    #[must_use]
    pub fn large_request_max_len(&self) -> usize {
        self.unsigned("commandlog-large-request-max-len")
    }

    /// `commandlog-reply-larger-than`, in bytes; -1 is off.
    #[must_use]
    pub fn commandlog_reply_larger_than(&self) -> i64 {
        self.int("commandlog-reply-larger-than")
    }

    /// `commandlog-large-reply-max-len`.
    #[must_use]
    pub fn large_reply_max_len(&self) -> usize {
        self.unsigned("commandlog-large-reply-max-len")
    }

    /// `store`: its address; none without one.
    #[must_use]
    pub fn store(&self) -> Option<String> {
        match self.known("store") {
            Value::Address(address) if !address.is_empty() => {
                Some(String::from_utf8_lossy(address).into_owned())
            }
            _ => None,
        }
    }

    fn millis(&self, name: &str) -> u64 {
        match self.known(name) {
            Value::Millis(millis) => *millis,
            other => unreachable!("{name} is no time but {other:?}"),
        }
    }

    /// `namespace-idle-timeout`, in milliseconds.
    #[must_use]
    pub fn namespace_idle_timeout_ms(&self) -> u64 {
        self.millis("namespace-idle-timeout")
    }

    /// What can be changed about the store while it is in use.
    #[must_use]
    pub fn store_tuning(&self) -> StoreTuning {
        StoreTuning {
            flush_interval_ms: Some(self.millis("flush-interval")),
            flush_bytes: Some(self.bytes("flush-bytes")),
            unsettled_bytes_max: Some(self.bytes("store-unsettled-max")),
            refuses_at_max: Some(self.text("store-unsettled-policy") == "refuse"),
            quarantine_bytes_max: Some(self.bytes("store-quarantine-max")),
            evict_interval_ms: Some(self.millis("evict-interval")),
            outside_interval_ms: Some(self.millis("store-poll-interval")),
            may_flush: Some(self.flag("store-flush")),
            loaders: Some(self.max_connections().saturating_sub(OTHER_CONNECTIONS).max(1)),
        }
    }

    /// `max-connections` to the store.
    #[must_use]
    pub fn max_connections(&self) -> u32 {
        self.unsigned("max-connections")
    }

    /// `store-read-only`.
    #[must_use]
    pub fn store_read_only(&self) -> bool {
        self.flag("store-read-only")
    }

    /// `store-attach`.
    #[must_use]
    pub fn store_attach(&self) -> Option<Attach> {
        match self.text("store-attach").as_str() {
            "memory" => Some(Attach::Memory),
            "store" => Some(Attach::Store),
            _ => None,
        }
    }

    /// `store-detach`.
    #[must_use]
    pub fn store_detach(&self) -> bool {
        self.flag("store-detach")
    }

    /// `latency-monitor-threshold`, in milliseconds; 0 is off.
    #[must_use]
    pub fn latency_monitor_threshold_ms(&self) -> u64 {
        self.unsigned("latency-monitor-threshold")
    }
}

#[cfg(test)]
mod tests {
    use super::{AppendFsync, Gate};
    use crate::config::Config;

    #[test]
    fn strangers_are_let_in_with_a_password_or_without_protection_only() {
        let refuses = |flags: &[&str]| {
            let args: Vec<std::ffi::OsString> = flags.iter().map(std::ffi::OsString::from).collect();
            Config::load(&args, std::iter::empty()).unwrap().config.refuses_strangers()
        };
        assert!(refuses(&[]) && refuses(&["--bind", "0.0.0.0"]));
        assert!(!refuses(&["--requirepass", "secret"]) && !refuses(&["--protected-mode", "no"]));
    }

    #[test]
    fn every_getter_reads_its_default() {
        let config = Config::default();
        assert_eq!((config.port(), config.tcp_backlog(), config.databases()), (6379, 511, 16));
        assert_eq!(config.bind().iter().map(|address| address.optional).collect::<Vec<_>>(), [false, true]);
        assert!(config.refuses_strangers() && config.protected_mode() && config.appendonly());
        assert_eq!((config.store(), config.store_attach(), config.max_connections()), (None, None, 10));
        assert!(!config.store_read_only() && !config.store_detach());
        assert_eq!(config.store_tuning().flush_interval_ms, Some(30_000));
        assert_eq!((config.unixsocket(), config.unixsocketperm(), config.requirepass()), (None, None, None));
        assert_eq!((config.maxclients(), config.timeout_s(), config.tcp_keepalive_s()), (10_000, 0, 300));
        assert_eq!((config.client_query_buffer_limit(), config.proto_max_bulk_len()), (1 << 30, 512 << 20));
        assert_eq!(config.client_output_buffer_limits().map(|limit| limit.hard_bytes >> 20), [0, 256, 32]);
        assert!(config.io_threads() >= 1 && config.dir().is_absolute() && config.dir().ends_with("data"));
        assert_eq!((config.enable_debug_command(), config.enable_protected_configs()), (Gate::No, Gate::No));
        assert_eq!(
            (config.appendfsync(), config.save().len(), config.maxmemory()),
            (AppendFsync::EverySec, 1, 0)
        );
        assert_eq!((config.maxmemory_policy(), config.loglevel()), ("noeviction".into(), "notice".into()));
        assert_eq!((config.list_max_listpack_size(), config.hash_max_listpack_entries()), (-2, 512));
        assert_eq!(
            (config.hash_max_listpack_value(), config.hz(), config.active_expire_effort()),
            (64, 10, 1)
        );
        assert_eq!(
            (config.lfu_log_factor(), config.lfu_decay_minutes(), config.shutdown_timeout_s()),
            (10, 1, 10)
        );
        assert_eq!(config.namespace_idle_timeout_ms(), 60_000);
        assert!(!config.dump_for_redis());
        assert_eq!((config.compression(), config.compression_min_bytes()), ("none".into(), 64));
        assert!(config.lazyfree_lazy_user_flush() && config.lazyfree_lazy_user_del());
        assert_eq!(
            (config.notify_keyspace_events().bits(), config.logfile(), config.pidfile()),
            (0, None, None)
        );
        assert_eq!((config.slowlog_log_slower_than_us(), config.slowlog_max_len()), (10_000, 128));
        assert_eq!((config.commandlog_request_larger_than(), config.large_request_max_len()), (1 << 20, 128));
        assert_eq!((config.commandlog_reply_larger_than(), config.large_reply_max_len()), (1 << 20, 128));
        assert_eq!(config.latency_monitor_threshold_ms(), 0);
    }
}
