//! Least recently used: by the second of the last use.

use super::Present;

/// Seconds since the last use. A key read from the log and not used since has no time of use: it goes first.
pub(super) fn rank(access: u32, present: Present) -> u64 {
    const CLOCK_MASK: u64 = (1 << 24) - 1;
    if access == 0 {
        return CLOCK_MASK + 1;
    }
    (present.now_ms / 1000).wrapping_sub(u64::from(access)) & CLOCK_MASK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first_also_where_the_clock_has_gone_round() {
        let present = Present { now_ms: ((1 << 24) + 10) * 1000, decay_minutes: 1 };
        let ranks = [8, 1, (1 << 24) - 5, 0].map(|access| rank(access, present));
        assert!(ranks.is_sorted(), "{ranks:?}");
        assert_eq!(ranks[0], 2);
    }
}
