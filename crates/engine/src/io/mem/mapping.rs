//! A mapped part of a simulated file: a change that is counted and may freeze the disk as others do, but is told nothing.

use super::{CrashPoint, State};
use crate::io::Mapping;
use parking_lot::Mutex;
use std::sync::Arc;

pub(super) struct MemMapping {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) inode: usize,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl Mapping for MemMapping {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) {
        assert!(offset + bytes.len() as u64 <= self.bytes, "a write stays within its mapping");
        let mut state = self.state.lock();
        assert!(self.offset + self.bytes <= state.inodes[self.inode].len, "nothing mapped is cut off");
        // A copy into memory is told nothing: on a machine that has stopped, it does nothing.
        if state.frozen {
            return;
        }
        state.changes += 1;
        state.frozen = state.faults.crash == Some(CrashPoint::Change(state.changes));
        let bytes = if state.frozen { &bytes[..bytes.len() / 2] } else { bytes };
        state.inodes[self.inode].write(self.offset + offset, bytes);
    }
}

impl Drop for MemMapping {
    fn drop(&mut self) {
        self.state.lock().mappings -= 1;
    }
}
