//! What the entries of a limited database take: how many there are, and their bytes.
//!
//! It is kept exactly, at each change, and only where there is a limit or may be one later: elsewhere a change costs one look
//! whether there is an account. What must hold: each space takes out what it has put in; system entries are not counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// The sums of all spaces, and their limits.
#[derive(Debug)]
pub(crate) struct Account {
    keys: AtomicI64,
    bytes: AtomicI64,
    keys_max: AtomicU64,
    bytes_max: AtomicU64,
    /// Writes that were refused.
    pub(crate) refused: AtomicU64,
}

impl Account {
    /// With these limits; 0: none.
    pub(crate) fn new(keys_max: u64, bytes_max: u64) -> Self {
        let account = Self {
            keys: AtomicI64::new(0),
            bytes: AtomicI64::new(0),
            keys_max: AtomicU64::new(0),
            bytes_max: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        account.limit(keys_max, bytes_max);
        account
    }

    /// These are the limits from now on; 0: none.
    pub(crate) fn limit(&self, keys_max: u64, bytes_max: u64) {
        let limit = |max: u64| if max == 0 { u64::MAX } else { max };
        self.keys_max.store(limit(keys_max), Relaxed);
        self.bytes_max.store(limit(bytes_max), Relaxed);
    }

    /// Whether there is a limit.
    pub(crate) fn is_limited(&self) -> bool {
        self.keys_max.load(Relaxed) != u64::MAX || self.bytes_max.load(Relaxed) != u64::MAX
    }

    /// Keys, and bytes of keys and values.
    pub(crate) fn sums(&self) -> (u64, u64) {
        let positive = |sum: &AtomicI64| u64::try_from(sum.load(Relaxed)).unwrap_or(0);
        (positive(&self.keys), positive(&self.bytes))
    }

    /// How many keys there would be above the limit with so many more; 0: none.
    pub(crate) fn keys_over(&self, more: u64) -> u64 {
        self.sums().0.saturating_add(more).saturating_sub(self.keys_max.load(Relaxed))
    }

    /// Whether no more bytes are taken.
    pub(crate) fn is_full(&self) -> bool {
        self.sums().1 >= self.bytes_max.load(Relaxed)
    }
}

/// What one space has put into the account.
#[derive(Debug)]
pub(crate) struct Share {
    account: Arc<Account>,
    keys: i64,
    bytes: i64,
}

impl Share {
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Self { account, keys: 0, bytes: 0 }
    }

    /// An entry of so many bytes takes so many now; 0: it is not there.
    pub(super) fn moved(&mut self, before: usize, after: usize) {
        let signed = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.add(i64::from(after != 0) - i64::from(before != 0), signed(after) - signed(before));
    }

    /// All entries are gone.
    pub(super) fn clear(&mut self) {
        self.add(-self.keys, -self.bytes);
    }

    fn add(&mut self, keys: i64, bytes: i64) {
        self.keys += keys;
        self.bytes += bytes;
        if keys != 0 {
            self.account.keys.fetch_add(keys, Relaxed);
        }
        self.account.bytes.fetch_add(bytes, Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}
