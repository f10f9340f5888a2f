//! A clock whose wall time is moved either way, as an administrator may, and whose monotonic time only goes on.

use ramekin::io::Clock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The wall time at which a clock begins, in Unix milliseconds.
pub const START_MS: u64 = 1_800_000_000_000;

/// See the module.
#[derive(Debug)]
pub struct SimClock {
    wall_ms: AtomicU64,
    monotonic_ms: AtomicU64,
}

impl Default for SimClock {
    fn default() -> Self {
        Self { wall_ms: AtomicU64::new(START_MS), monotonic_ms: AtomicU64::new(0) }
    }
}

impl SimClock {
    /// Lets time pass.
    pub fn advance(&self, ms: u64) {
        self.wall_ms.fetch_add(ms, Relaxed);
        self.monotonic_ms.fetch_add(ms, Relaxed);
    }

    /// Puts the wall clock back.
    pub fn put_back(&self, ms: u64) {
        self.wall_ms.fetch_sub(ms, Relaxed);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        self.wall_ms.load(Relaxed)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Relaxed))
    }
}
