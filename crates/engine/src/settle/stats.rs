//! Figures of a store: what was settled, fetched and evicted, and how long that took.

use crate::store::StoreError;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets of durations: four to each power of two of microseconds.
const BUCKETS: usize = 128;

/// A count of durations by their size.
pub struct Durations {
    counts: [AtomicU64; BUCKETS],
}

impl Default for Durations {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl Durations {
    fn bucket(micros: u64) -> usize {
        if micros < 4 {
            return usize::try_from(micros).unwrap_or(0);
        }
        let power = micros.ilog2();
        let quarter = (micros >> (power - 2)) & 3;
        (power as usize * 4 + usize::try_from(quarter).unwrap_or(0) - 4).min(BUCKETS - 1)
    }

    fn largest_of(bucket: usize) -> u64 {
        if bucket < 4 {
            return bucket as u64;
        }
        let (power, quarter) = ((bucket + 4) / 4, (bucket + 4) % 4);
        (((quarter as u64 + 5) << power) >> 2) - 1
    }

    /// Counts one.
    pub fn add(&self, micros: u64) {
        self.counts[Self::bucket(micros)].fetch_add(1, Relaxed);
    }

    /// The duration, in microseconds and rounded up by up to a quarter, below which this share of them lie; 0 without any.
    #[must_use]
    pub fn percentile(&self, share: f64) -> u64 {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "a rank need not be exact beyond 2^53")]
        let wanted = all as f64 * share;
        let mut sum = 0;
        for (bucket, count) in counts.iter().enumerate() {
            sum += count;
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            if *count != 0 && sum as f64 >= wanted {
                return Self::largest_of(bucket);
            }
        }
        0
    }
}

/// Figures that are counted as things happen.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) batches: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) batch_time: Durations,
    pub(crate) fetches: AtomicU64,
    pub(crate) fetched: AtomicU64,
    pub(crate) fetch_time: Durations,
    pub(crate) conflicts: AtomicU64,
    pub(crate) outside: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) connections: AtomicU64,
    last_error: Mutex<(u64, String)>,
    last_batch_ms: AtomicU64,
}

impl Stats {
    pub(crate) fn note_error(&self, error: &StoreError, now_ms: u64) {
        self.errors.fetch_add(1, Relaxed);
        *self.last_error.lock() = (now_ms, error.text.clone());
    }

    pub(crate) fn note_batch(&self, rows: usize, micros: u64, now_ms: u64) {
        self.batches.fetch_add(1, Relaxed);
        self.rows.fetch_add(rows as u64, Relaxed);
        self.batch_time.add(micros);
        self.last_batch_ms.store(now_ms, Relaxed);
    }

    pub(crate) fn last_error(&self) -> (u64, String) {
        self.last_error.lock().clone()
    }

    pub(crate) fn last_batch_ms(&self) -> u64 {
        self.last_batch_ms.load(Relaxed)
    }
}

/// How a store and the way to it are doing. Times are Unix milliseconds, durations microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// What it is: `postgresql`, `redis`, `sqlite`.
    pub kind: String,
    /// Where it is, without a password.
    pub address: String,
    /// What is wrong with how it is set up.
    pub warnings: Vec<String>,
    /// Whether it could be reached when it was last asked.
    pub is_up: bool,
    /// Whether somebody else owns it now: nothing settles any more.
    pub is_fenced: bool,
    /// Whether nothing is settled because only looking is allowed.
    pub read_only: bool,
    /// The owner's epoch.
    pub epoch: u64,
    /// Changes that have not settled, and their bytes.
    pub unsettled_records: u64,
    /// See above.
    pub unsettled_bytes: u64,
    /// For how long the oldest of them has waited, in milliseconds.
    pub lag_ms: u64,
    /// How many records of the log the store is behind.
    pub lag_lsn: u64,
    /// Batches, their rows, and how long they took: median, 99th and 99.9th percentile.
    pub batches: u64,
    /// See above.
    pub rows: u64,
    /// See above.
    pub batch_micros: [u64; 3],
    /// When the last one was applied.
    pub last_batch_ms: u64,
    /// Keys asked for, rows found, and how long the questions took.
    pub fetches: u64,
    /// See above.
    pub fetched: u64,
    /// See above.
    pub fetch_micros: [u64; 3],
    /// Keys taken out of memory because the store has them.
    pub evicted: u64,
    /// Changes that met those of others.
    pub conflicts: u64,
    /// Changes of others that were noticed.
    pub outside: u64,
    /// Expired rows that were removed.
    pub expired: u64,
    /// Rows that are set aside, and their bytes.
    pub quarantined: u64,
    /// See above.
    pub quarantined_bytes: u64,
    /// How often the store failed, when it did last, and how.
    pub errors: u64,
    /// See above.
    pub last_error_ms: u64,
    /// See above.
    pub last_error: String,
    /// Connections that were made.
    pub connections: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_at_most_a_quarter_too_high() {
        for micros in [0_u64, 1, 3, 4, 5, 7, 8, 9, 100, 1000, 12_345, 1_000_000, 4_000_000_000] {
            let durations = Durations::default();
            durations.add(micros);
            let told = durations.percentile(0.5);
            assert!(told >= micros.min(told) && told <= micros + micros / 4 + 1, "{micros}: {told}");
            assert!(micros > 1_000_000_000 || told >= micros, "{micros}: {told}");
        }
        let durations = Durations::default();
        (1..=1000).for_each(|micros| durations.add(micros));
        assert!((500..=640).contains(&durations.percentile(0.5)));
        assert!((990..=1279).contains(&durations.percentile(0.99)));
    }
}
