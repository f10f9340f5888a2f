//! `CLIENT PAUSE`: no commands, or no writes, until a moment.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Until when commands wait, in Unix milliseconds.
#[derive(Default)]
pub struct Pause {
    writes_until_ms: AtomicU64,
    all_until_ms: AtomicU64,
    change: Mutex<()>,
}

impl Pause {
    /// Pauses writes, or everything, at least until then. A pause is never shortened, and everything stays everything.
    pub fn until(&self, at_ms: u64, everything: bool, now_ms: u64) {
        let _change = self.change.lock();
        if everything || self.all_until_ms.load(Relaxed) > now_ms {
            self.all_until_ms.fetch_max(at_ms, Relaxed);
        }
        self.writes_until_ms.fetch_max(at_ms, Relaxed);
    }

    /// Ends the pause.
    pub fn end(&self) {
        let _change = self.change.lock();
        self.all_until_ms.store(0, Relaxed);
        self.writes_until_ms.store(0, Relaxed);
    }

    /// Whether a command has to wait.
    #[inline]
    #[must_use]
    pub fn holds(&self, is_write: bool, now_ms: u64) -> bool {
        let until = if is_write { &self.writes_until_ms } else { &self.all_until_ms };
        until.load(Relaxed) > now_ms
    }

    /// How much longer anything is paused, in milliseconds.
    #[must_use]
    pub fn left_ms(&self, now_ms: u64) -> u64 {
        self.writes_until_ms.load(Relaxed).max(self.all_until_ms.load(Relaxed)).saturating_sub(now_ms)
    }

    /// Whether nothing is paused; the cheap question before the exact one.
    #[inline]
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.writes_until_ms.load(Relaxed) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_everything_is_not_weakened_by_one_of_writes() {
        let pause = Pause::default();
        assert!(pause.is_off() && !pause.holds(true, 0));
        pause.until(100, true, 0);
        pause.until(200, false, 50);
        assert!(pause.holds(false, 150) && pause.holds(true, 150));
        pause.until(300, false, 250);
        assert!(!pause.holds(false, 250) && pause.holds(true, 250));
        pause.end();
        assert!(!pause.holds(true, 0));
    }
}
