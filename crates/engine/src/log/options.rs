//! What a log is opened with, what it refuses, and what it says of itself.

use super::Lsn;
use crate::service::Service;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// When records are made durable, in the words of `appendfsync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppendFsync {
    /// As soon as somebody asks by `request_sync`: one sync for all that wait.
    Always,
    /// Once a second, if there is anything.
    #[default]
    Everysec,
    /// When the operating system likes, and at the end of each segment.
    No,
}

impl AppendFsync {
    /// The one whose `as u8` this is.
    pub(super) fn from_code(code: u8) -> Self {
        [Self::Always, Self::Everysec, Self::No][usize::from(code)]
    }
}

/// Which records of a log matter when a checkpoint holds the older ones. The default is all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needed {
    /// Records up to this one are in the checkpoint: they are not replayed and may be missing.
    pub after: Lsn,
    /// Records up to this one were durable when the checkpoint was published: a log that ends before is damaged.
    pub upto: Lsn,
}

/// How a log is opened.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The size of a segment, at least 16 KiB; a multiple of 8.
    pub segment_bytes: u64,
    /// When records are made durable.
    pub fsync: AppendFsync,
    /// The id from the manifest. Segments of another database are refused.
    pub database_id: u128,
    /// Which records a checkpoint leaves to the log.
    pub needed: Needed,
    /// Whether the log runs threads of its own. Without them it syncs only when told and prepares segments when one is
    /// needed, which makes it deterministic for simulation.
    pub threads: bool,
    /// Threads that are shared with others, which do what its own would; nothing is mapped then.
    pub service: Option<Arc<Service>>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            fsync: AppendFsync::default(),
            database_id: 0,
            needed: Needed::default(),
            threads: true,
            service: None,
        }
    }
}

/// Why no space was reserved. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The disk is full. It heals once there is space again.
    Full {
        /// What was needed, in bytes of log.
        needed_bytes: u64,
        /// What the disk said.
        cause: String,
    },
    /// The log has failed or is closed. The database has to be reopened.
    Failed {
        /// What failed first.
        reason: String,
    },
    /// The record is larger than a log takes.
    TooLarge {
        /// The most that it takes, in bytes.
        bytes_max: u64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { needed_bytes, cause } => {
                write!(
                    f,
                    "the write was refused and nothing has changed: no space for {needed_bytes} bytes of log: {cause}"
                )
            }
            Self::Failed { reason } => {
                write!(f, "the log has failed, writes are refused until the database is reopened: {reason}")
            }
            Self::TooLarge { bytes_max } => {
                write!(f, "the write is too large for the log, which takes {bytes_max} bytes at once")
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Figures of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Segments on disk, those prepared ahead included.
    pub segments: u64,
    /// The space that they take, in bytes.
    pub bytes: u64,
    /// Bytes appended and not yet written.
    pub pending_bytes: u64,
    /// Bytes that can be reserved without preparing another segment.
    pub credit_bytes: u64,
    /// Bytes of frames written since opening.
    pub written_bytes: u64,
    /// How many writes there have been since opening.
    pub writes: u64,
    /// How many syncs there have been since opening.
    pub fsyncs: u64,
    /// How long the last one took.
    pub fsync_last: Duration,
    /// How long all of them took.
    pub fsync_total: Duration,
    /// How long the longest one took.
    pub fsync_max: Duration,
    /// Reservations refused since opening.
    pub refused: u64,
    /// Whether the last attempt to get space succeeded and the log has not failed.
    pub is_write_ok: bool,
    /// Whether a sync is running.
    pub is_syncing: bool,
}
