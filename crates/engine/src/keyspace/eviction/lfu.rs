//! Least frequently used: by the logarithmic counter of uses, which shrinks with time (as in Redis since 4.0).

use super::{Present, elapsed};

/// How far the counter, decayed to now, is from its highest; of equals, minutes since it was last touched.
pub(super) fn rank(access: u32, present: Present) -> u64 {
    let (since, counter) = (access >> 8, u64::from(access & 0xFF));
    let minutes = elapsed(present.now_ms / 60_000, since, 16);
    let lost = minutes.checked_div(u64::from(present.decay_minutes)).unwrap_or(0);
    (255 - counter.saturating_sub(lost)) << 16 | minutes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rarely_used_goes_before_often_used_and_old_fame_fades() {
        let present = Present { now_ms: 100 * 60_000, decay_minutes: 1 };
        let access = |minute: u32, counter: u32| minute << 8 | counter;
        let ranks = [access(100, 20), access(100, 5), access(99, 6), access(10, 60)]
            .map(|access| rank(access, present));
        assert!(ranks.is_sorted(), "{ranks:?}");
        let never = Present { decay_minutes: 0, ..present };
        assert!(rank(access(10, 60), never) < rank(access(100, 20), never));
    }
}
