//! Directives of the data folder, the log and snapshots.

use crate::config::directive::Directive;
use crate::config::kind::Kind;

pub(super) const ROWS: &[Directive] = &[
    Directive::used("dir", Kind::Folder, "./data", "The data folder; it is made if missing.").needs_restart(),
    Directive::used(
        "appendonly",
        Kind::Bool,
        "yes",
        "Keep the log; `no` keeps nothing on disk, and a restart starts empty.",
    )
    .needs_restart(),
    Directive::used(
        "appendfsync",
        Kind::Enum(&["everysec", "always", "no"]),
        "everysec",
        "When the log is forced to the disk: before each reply, each second, or when the system likes.",
    ),
    Directive::used(
        "save",
        Kind::SavePoints,
        "30 1",
        "When to take a checkpoint, as seconds and changes, but not before ten times as long has passed as the last one took; with none, also a stop takes none. The log is kept all the same.",
    ),
    Directive::used(
        "min-free-disk",
        Kind::Memory { min: 0, max: u64::MAX },
        "256mb",
        "Bytes of the disk that are left free, at most a twentieth of it: below twice as much there is a warning, below it writes are refused until there is space again.",
    ),
    Directive::accepted(
        "appenddirname",
        Kind::Text,
        "appendonlydir",
        "Folder of an append-only file; the log has its own place.",
    )
    .at_start(),
    Directive::accepted(
        "appendfilename",
        Kind::Text,
        "appendonly.aof",
        "Name of an append-only file; the log has its own.",
    )
    .at_start(),
    Directive::accepted("dbfilename", Kind::FileName, "dump.rdb", "Name of an RDB file.").protected(),
    Directive::accepted(
        "no-appendfsync-on-rewrite",
        Kind::Bool,
        "no",
        "Skip forcing during a rewrite; a checkpoint holds up no other writes.",
    ),
    Directive::used(
        "auto-aof-rewrite-percentage",
        Kind::COUNT,
        "100",
        "A checkpoint is taken once the log has grown by so many percent of the last one; 0: never for that.",
    ),
    Directive::used("auto-aof-rewrite-min-size", Kind::MEMORY, "64mb", "And by at least so much."),
    Directive::accepted(
        "aof-load-truncated",
        Kind::Bool,
        "yes",
        "Start with a torn append-only file; a torn tail of the log is always cut and reported.",
    ),
    Directive::accepted("aof-use-rdb-preamble", Kind::Bool, "yes", "Form of an append-only file."),
    Directive::accepted("aof-timestamp-enabled", Kind::Bool, "no", "Times in an append-only file."),
    Directive::accepted(
        "aof-rewrite-incremental-fsync",
        Kind::Bool,
        "yes",
        "Force a rewritten file piece by piece.",
    ),
    Directive::used(
        "dump-dialect",
        Kind::Enum(&["valkey", "redis"]),
        "valkey",
        "Whose format DUMP writes; RESTORE reads both.",
    ),
    Directive::accepted("rdb-save-incremental-fsync", Kind::Bool, "yes", "Force an RDB file piece by piece."),
    Directive::accepted("rdbcompression", Kind::Bool, "yes", "Compress strings of an RDB file."),
    Directive::accepted("rdbchecksum", Kind::Bool, "yes", "Checksum of an RDB file.").at_start(),
    Directive::accepted("rdb-del-sync-files", Kind::Bool, "no", "Remove RDB files of replication."),
    Directive::accepted(
        "rdb-version-check",
        Kind::Enum(&["strict", "relaxed"]),
        "strict",
        "Refuse RDB files of unknown versions.",
    ),
    Directive::accepted(
        "stop-writes-on-bgsave-error",
        Kind::Bool,
        "yes",
        "Refuse writes after a checkpoint failed; the log holds them, so it is not done. A failure of the log always refuses.",
    ),
];
