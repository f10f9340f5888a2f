//! How far opening a folder has come, for others to watch.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How much of checkpoint and log has been read while a folder is opened.
#[derive(Debug, Default)]
pub struct Progress {
    /// What is to be read, in bytes; 0 as long as that is not known.
    pub total_bytes: AtomicU64,
    /// How much of that has been read.
    pub done_bytes: AtomicU64,
}

impl Progress {
    /// So much more has been read.
    pub(crate) fn add(&self, bytes: u64) {
        self.done_bytes.fetch_add(bytes, Relaxed);
    }
}
