//! Least recently used: by the second of the last use.

use super::{Present, elapsed};

const CLOCK_BITS: u32 = 24;

/// Seconds since the last use. A key read from the log and not used since has no time of use: it goes first.
pub(super) fn rank(access: u32, present: Present) -> u64 {
    if access == 0 { 1 << CLOCK_BITS } else { elapsed(present.now_ms / 1000, access, CLOCK_BITS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first_also_where_the_clock_has_gone_round() {
        let present = Present { now_ms: ((1 << 24) + 10) * 1000, decay_minutes: 1 };
        let ranks = [8, 1, (1 << 24) - 5, 100, 0].map(|access| rank(access, present));
        assert!(ranks.is_sorted(), "{ranks:?}");
        assert_eq!(ranks[0], 2);
    }

    #[test]
    fn a_key_that_was_marked_by_somebody_whose_time_is_ahead_is_used_now() {
        let present = Present { now_ms: 1_000_999, decay_minutes: 1 };
        assert_eq!([1_001, 1_030].map(|access| rank(access, present)), [0, 0]);
    }
}
