//! Credit: how many bytes of records the allocated segments can surely take.
//!
//! What must hold: whoever took credit for a record finds room for it, in whatever order and company it is written. So a
//! segment is worth its room less one frame, since a frame that does not fit leaves at most that much unused, and a
//! record costs what it would take alone. What it took less is given back once it is written. Below zero nobody is
//! served; a log that has failed is so far below that nothing brings it back.

use std::sync::atomic::{AtomicI64, Ordering};

const FAILED: i64 = i64::MIN / 2;

pub(crate) struct Credit(AtomicI64);

impl Credit {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// Takes `bytes` if they are there. One atomic operation.
    #[inline]
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let bytes = signed(bytes);
        if self.0.fetch_sub(bytes, Ordering::Relaxed) >= bytes {
            return true;
        }
        self.0.fetch_add(bytes, Ordering::Relaxed);
        false
    }

    /// Takes `bytes` even if they are not there.
    #[inline]
    pub(crate) fn take_anyway(&self, bytes: u64) {
        self.0.fetch_sub(signed(bytes), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn give(&self, bytes: u64) {
        self.0.fetch_add(signed(bytes), Ordering::Relaxed);
    }

    pub(crate) fn left(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// From now on nothing is served.
    pub(crate) fn close(&self) {
        self.0.store(FAILED, Ordering::Relaxed);
    }
}

/// Amounts are bounded by the disk, so they fit; one that does not is more than there is.
#[inline]
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_given_and_a_closed_one_stays_closed() {
        let credit = Credit::new();
        credit.give(100);
        assert!(!credit.take(101));
        assert!(credit.take(100));
        assert!(!credit.take(1));
        credit.close();
        credit.give(1 << 40);
        assert!(!credit.take(1));
    }
}
