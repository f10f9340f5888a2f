//! Refusing writes before the disk is full.
//!
//! The log never promises space that it does not have, so a full disk loses nothing; but a disk that is full to the last
//! byte stops everybody else on it too, checkpoints among them. What must hold: only commands of clients are refused.
//! What removes expired keys, evicts, or trims the log goes on, and writes are taken again as soon as there is space.

use crate::command::Fail;
use crate::io::DiskSpace;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// Of a disk no larger than this many times `min-free-disk`, only such a part is kept free.
const PART_KEPT: u64 = 20;
/// Writes are taken again when so much more than the least is free, as a part of it.
const HEALED_PART: u64 = 16;

/// How the disk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskState {
    /// There is enough space.
    Ample,
    /// Less than twice `min-free-disk` is free.
    Short,
    /// Less than `min-free-disk` is free: writes are refused.
    Refusing,
}

/// What was seen of the disk when it was last looked at.
#[derive(Default)]
pub(crate) struct DiskGuard {
    state: AtomicU8,
    free_bytes: AtomicU64,
    min_bytes: AtomicU64,
}

impl DiskGuard {
    /// Judges what is free; `min_free` is the directive. Returns the state if it has changed.
    pub(crate) fn judge(&self, space: DiskSpace, min_free: u64) -> Option<DiskState> {
        let min = min_free.min(space.total_bytes / PART_KEPT);
        let before = self.state();
        let healed = if before == DiskState::Refusing { min + min / HEALED_PART } else { min };
        let state = if space.free_bytes < healed {
            DiskState::Refusing
        } else if space.free_bytes < min * 2 {
            DiskState::Short
        } else {
            DiskState::Ample
        };
        self.free_bytes.store(space.free_bytes, Relaxed);
        self.min_bytes.store(min, Relaxed);
        self.state.store(state as u8, Relaxed);
        (state != before).then_some(state)
    }

    pub(crate) fn state(&self) -> DiskState {
        match self.state.load(Relaxed) {
            0 => DiskState::Ample,
            1 => DiskState::Short,
            _ => DiskState::Refusing,
        }
    }

    /// Bytes that are free, and that are to be left.
    pub(crate) fn figures(&self) -> (u64, u64) {
        (self.free_bytes.load(Relaxed), self.min_bytes.load(Relaxed))
    }

    /// Lets a command that writes pass, or says why not.
    #[inline]
    pub(super) fn admit(&self) -> Result<(), Fail> {
        if self.state.load(Relaxed) == DiskState::Refusing as u8 { Err(self.refusal()) } else { Ok(()) }
    }

    #[cold]
    fn refusal(&self) -> Fail {
        let (free, min) = self.figures();
        Fail::text(format!(
            "MISCONF The disk is nearly full: {free} bytes are free and min-free-disk keeps {min}. Reads go on; writes are taken again once there is space"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_refused_below_the_least_and_taken_again_a_little_above_it() {
        let guard = DiskGuard::default();
        let judge = |free_bytes| guard.judge(DiskSpace { free_bytes, total_bytes: 1 << 40 }, 1_600);
        assert_eq!(judge(10_000), None);
        assert_eq!(judge(3_199), Some(DiskState::Short));
        assert!(guard.admit().is_ok());
        assert_eq!(judge(1_599), Some(DiskState::Refusing));
        assert!(guard.admit().unwrap_err().0.starts_with("MISCONF The disk is nearly full: 1599 bytes"));
        assert_eq!(judge(1_650), None);
        assert_eq!(judge(1_700), Some(DiskState::Short));
        assert_eq!(judge(3_200), Some(DiskState::Ample));
    }

    #[test]
    fn of_a_small_disk_a_part_is_kept() {
        let guard = DiskGuard::default();
        assert_eq!(guard.judge(DiskSpace { free_bytes: 120, total_bytes: 1_000 }, 1 << 30), None);
        assert_eq!(
            guard.judge(DiskSpace { free_bytes: 49, total_bytes: 1_000 }, 1 << 30),
            Some(DiskState::Refusing)
        );
        assert_eq!(guard.judge(DiskSpace { free_bytes: 0, total_bytes: 1_000 }, 0), Some(DiskState::Ample));
    }
}
