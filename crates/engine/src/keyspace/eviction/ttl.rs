//! The soonest to expire.

/// The earlier, the higher.
pub(super) fn rank(expire_at_ms: u64) -> u64 {
    u64::MAX - expire_at_ms
}
