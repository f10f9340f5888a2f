//! What was deleted under a lock and is to be freed without it.
//!
//! What must hold: whoever drops it holds no shard. How much waits to be freed is told to [`memory`], so that a limit of
//! memory does not evict for what is about to be free.

use super::entry::Entry;
use super::space::Space;
use crate::memory;

/// Large values that were deleted.
#[derive(Default)]
pub(crate) struct Aside {
    entries: Vec<Entry>,
    bytes: u64,
}

impl Aside {
    /// Adds an entry that takes so many bytes.
    pub(super) fn put(&mut self, entry: Entry, bytes: usize) {
        memory::put_aside(1, bytes as u64);
        self.bytes += bytes as u64;
        self.entries.push(entry);
    }

    /// Whether there is nothing to be freed.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.entries.is_empty() {
            let objects = self.entries.len() as u64;
            self.entries.clear();
            memory::freed(objects, self.bytes);
        }
    }
}

/// A database of a shard that was flushed.
pub(super) struct Flushed {
    space: Option<Space>,
    objects: u64,
}

impl Flushed {
    pub(super) fn new(space: Space) -> Self {
        let objects = space.len() as u64;
        memory::put_aside(objects, 0);
        Self { space: Some(space), objects }
    }
}

impl Drop for Flushed {
    fn drop(&mut self) {
        drop(self.space.take());
        memory::freed(self.objects, 0);
    }
}
