//! Settings that commands follow, changeable while the database runs.

use crate::keyspace::entry::Entry;
use crate::keyspace::eviction::{Policy, Present, elapsed};
use crate::rdb::Dialect;
use crate::value::Packing;
use crate::value::hash::Limits as HashLimits;
use crate::value::list::Fill;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Settings of a database. Each may be changed at any time; commands see the change from the next one on.
#[derive(Debug)]
pub struct Settings {
    /// `list-max-listpack-size`.
    pub list_max_listpack_size: AtomicI32,
    /// `hash-max-listpack-entries`.
    pub hash_max_listpack_entries: AtomicUsize,
    /// `hash-max-listpack-value`, bytes.
    pub hash_max_listpack_value: AtomicUsize,
    /// `proto-max-bulk-len`: the longest string, bytes.
    pub string_bytes_max: AtomicU64,
    /// True with an LFU policy: access bits count uses instead of telling the last one.
    pub(crate) lfu: AtomicBool,
    /// `maxmemory` in bytes; the largest number: no limit. Set by [`Database::limit_memory`](crate::Database::limit_memory).
    pub(crate) maxmemory: AtomicU64,
    /// `maxmemory-policy`: its place in [`Policy::ALL`].
    pub(crate) policy: AtomicUsize,
    /// `maxmemory-samples`.
    pub maxmemory_samples: AtomicUsize,
    /// `lfu-log-factor`.
    pub lfu_log_factor: AtomicU32,
    /// `lfu-decay-time`, minutes.
    pub lfu_decay_minutes: AtomicU32,
    /// `min-free-disk`, bytes: below it writes are refused, see [`Database::check_disk`](crate::Database::check_disk).
    pub min_free_disk: AtomicU64,
    /// False: expired keys are not removed until they are met (`DEBUG SET-ACTIVE-EXPIRE 0`).
    pub active_expire: AtomicBool,
    /// True if DUMP writes for Redis, false for Valkey (`dump-dialect`).
    pub dump_for_redis: AtomicBool,
    /// `query-timeout`, milliseconds: a query that takes longer is given up; 0: none is.
    pub query_timeout_ms: AtomicU64,
    /// When the database was opened, in Unix milliseconds: what was read from the log counts as used then.
    pub(crate) opened_ms: AtomicU64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            list_max_listpack_size: AtomicI32::new(-2),
            hash_max_listpack_entries: AtomicUsize::new(512),
            hash_max_listpack_value: AtomicUsize::new(64),
            string_bytes_max: AtomicU64::new(512 << 20),
            lfu: AtomicBool::new(false),
            maxmemory: AtomicU64::new(u64::MAX),
            policy: AtomicUsize::new(0),
            maxmemory_samples: AtomicUsize::new(5),
            lfu_log_factor: AtomicU32::new(10),
            lfu_decay_minutes: AtomicU32::new(1),
            min_free_disk: AtomicU64::new(256 << 20),
            active_expire: AtomicBool::new(true),
            dump_for_redis: AtomicBool::new(false),
            query_timeout_ms: AtomicU64::new(30_000),
            opened_ms: AtomicU64::new(0),
        }
    }
}

impl Settings {
    pub(crate) fn packing(&self) -> Packing {
        Packing {
            list: Fill::from_directive(self.list_max_listpack_size.load(Relaxed)),
            hash: HashLimits {
                entries_max: self.hash_max_listpack_entries.load(Relaxed),
                bytes_max: self.hash_max_listpack_value.load(Relaxed),
            },
        }
    }

    /// For whom DUMP writes.
    pub(crate) fn dialect(&self) -> Dialect {
        if self.dump_for_redis.load(Relaxed) { Dialect::Redis } else { Dialect::Valkey }
    }

    /// What is removed when memory is short.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy::ALL.get(self.policy.load(Relaxed)).map_or(Policy::NoEviction, |(policy, _)| *policy)
    }

    /// What is removed where a store brings it back: that loses nothing, so something always is.
    pub(crate) fn policy_behind_store(&self) -> Policy {
        match self.policy() {
            Policy::NoEviction => Policy::AllkeysLru,
            policy => policy,
        }
    }

    /// Changes that, and with it what the access bits of keys tell; they need some time to adjust.
    pub fn set_policy(&self, policy: Policy) {
        self.policy.store(Policy::ALL.iter().position(|(known, _)| *known == policy).unwrap_or(0), Relaxed);
        self.lfu.store(policy.counts_uses(), Relaxed);
    }

    /// The present, as the policies see it.
    pub(crate) fn present(&self, now_ms: u64) -> Present {
        Present { now_ms, decay_minutes: self.lfu_decay_minutes.load(Relaxed) }
    }

    /// For how long an entry has not been used, in milliseconds; 0 where uses are counted instead.
    pub(crate) fn idle_ms(&self, entry: &Entry, now_ms: u64) -> u64 {
        let clock = self.access_clock(now_ms);
        if clock.counts_frequency() { 0 } else { u64::from(clock.idle_seconds(entry)) * 1000 }
    }

    /// What marks entries as used at this time.
    #[inline]
    pub(crate) fn access_clock(&self, now_ms: u64) -> AccessClock {
        let mode = if self.lfu.load(Relaxed) {
            Mode::Frequency {
                log_factor: self.lfu_log_factor.load(Relaxed),
                decay_minutes: self.lfu_decay_minutes.load(Relaxed),
            }
        } else {
            Mode::Recency
        };
        AccessClock { now_ms, opened_ms: self.opened_ms.load(Relaxed), mode }
    }
}

/// Keeps the 24 access bits of an entry: the second of its last use, or (LFU) the minute of the last decay in 16 bits and
/// a logarithmic counter in 8, as Redis has them.
#[derive(Clone, Copy)]
pub(crate) struct AccessClock {
    now_ms: u64,
    opened_ms: u64,
    mode: Mode,
}

#[derive(Clone, Copy)]
enum Mode {
    Recency,
    Frequency { log_factor: u32, decay_minutes: u32 },
}

/// What is told of the past of a key that comes from elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Use {
    /// Nothing: it is new.
    #[default]
    New,
    /// So many seconds since it was used.
    Idle(u64),
    /// The LFU counter.
    Frequency(u8),
}

/// The counter of a new key under LFU.
const LFU_START: u32 = 5;
const CLOCK_BITS: u32 = 24;

#[expect(clippy::cast_possible_truncation, reason = "clocks are kept modulo their width")]
impl AccessClock {
    fn seconds(self) -> u32 {
        (self.now_ms / 1000) as u32 & ((1 << CLOCK_BITS) - 1)
    }

    fn minutes(self) -> u32 {
        (self.now_ms / 60_000) as u32 & 0xFFFF
    }

    /// The entry is used now.
    #[inline]
    pub(crate) fn mark(self, entry: &mut Entry) {
        let access = match self.mode {
            Mode::Recency => self.seconds(),
            Mode::Frequency { log_factor, .. } => {
                let counter = self.frequency(entry);
                let odds = u64::from(counter.saturating_sub(LFU_START) * log_factor + 1);
                // Any cheap spread will do: the counter is an estimate.
                let draw =
                    crate::keyspace::hash::stir(self.now_ms ^ std::ptr::from_ref(entry).addr() as u64, odds);
                let counter = if counter < 255 && draw.is_multiple_of(odds) { counter + 1 } else { counter };
                self.minutes() << 8 | counter
            }
        };
        entry.set_access(access);
    }

    /// The entry is new.
    #[inline]
    pub(crate) fn mark_new(self, entry: &mut Entry) {
        let access = match self.mode {
            Mode::Recency => self.seconds(),
            Mode::Frequency { .. } => self.minutes() << 8 | LFU_START,
        };
        entry.set_access(access);
    }

    /// The entry comes from elsewhere. What is told of it counts if it is what is kept here.
    pub(crate) fn mark_as(self, entry: &mut Entry, used: Use) {
        match (self.mode, used) {
            (Mode::Recency, Use::Idle(seconds)) => {
                let longest = u64::from((1_u32 << CLOCK_BITS) - 1);
                let access = self.seconds().wrapping_sub(seconds.min(longest) as u32);
                entry.set_access(access & ((1 << CLOCK_BITS) - 1));
            }
            (Mode::Frequency { .. }, Use::Frequency(counter)) => {
                entry.set_access(self.minutes() << 8 | u32::from(counter));
            }
            _ => self.mark_new(entry),
        }
    }

    /// Seconds since the last use; since the opening for what has not been used after it.
    pub(crate) fn idle_seconds(self, entry: &Entry) -> u32 {
        if entry.access() == 0 {
            return (self.now_ms.saturating_sub(self.opened_ms) / 1000) as u32;
        }
        elapsed(self.now_ms / 1000, entry.access(), CLOCK_BITS) as u32
    }

    /// The LFU counter, decayed to now.
    pub(crate) fn frequency(self, entry: &Entry) -> u32 {
        let Mode::Frequency { decay_minutes, .. } = self.mode else { return 0 };
        let (since, counter) = (entry.access() >> 8, entry.access() & 0xFF);
        let elapsed = elapsed(self.now_ms / 60_000, since, 16) as u32;
        counter.saturating_sub(elapsed.checked_div(decay_minutes).unwrap_or(0))
    }

    /// True if the counter is kept.
    pub(crate) fn counts_frequency(self) -> bool {
        matches!(self.mode, Mode::Frequency { .. })
    }
}
