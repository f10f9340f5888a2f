//! What the operator is told of the store without asking: that it is away and back, refuses rows, is full, has another owner.
//!
//! What must hold: each is told when it begins, and not again with each failure. Whoever listens must not wait: he may be told by any
//! thread that works with the store.

use super::Settle;
use crate::store::StoreError;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Takes lines for the operator.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Of rows that are refused one is told in this time.
const ROW_PERIOD_MS: u64 = 5000;

#[derive(Default)]
pub(super) struct Teller {
    pub(super) to: Option<Tell>,
    down_since_ms: AtomicU64,
    next_row_ms: AtomicU64,
    is_full: AtomicBool,
}

impl Teller {
    pub(super) fn new(to: Option<Tell>) -> Self {
        Self { to, ..Self::default() }
    }

    fn say(&self, text: impl Display) {
        if let Some(to) = &self.to {
            to(&text.to_string().replace(['\r', '\n'], " "));
        }
    }
}

impl Settle {
    pub(super) fn tell_down(&self, error: &StoreError) {
        self.teller.down_since_ms.store(self.now_ms(), Relaxed);
        let store = self.store.describe();
        self.teller.say(format_args!("the store {store} is away, changes wait in the log: {error}"));
    }

    pub(super) fn tell_up(&self) {
        let seconds = self.now_ms().saturating_sub(self.teller.down_since_ms.load(Relaxed)) / 1000;
        let left = self.stats().unsettled_records;
        let store = self.store.describe();
        self.teller.say(format_args!(
            "the store {store} is there again after {seconds} s, {left} changes have still to settle"
        ));
    }

    pub(super) fn tell_fenced(&self, error: &StoreError) {
        let store = self.store.describe();
        self.teller
            .say(format_args!("the store {store} has another owner now, nothing settles any more: {error}"));
    }

    /// A row was refused, and its change is set aside.
    pub(super) fn tell_refused(&self, db: u32, key: &[u8], reason: &str) {
        let (now_ms, next) = (self.now_ms(), self.teller.next_row_ms.load(Relaxed));
        if now_ms < next && next - now_ms <= ROW_PERIOD_MS {
            return;
        }
        self.teller.next_row_ms.store(now_ms + ROW_PERIOD_MS, Relaxed);
        let key = key.escape_ascii();
        self.teller.say(format_args!(
            "the store refuses the row of key {key} of database {db}, its change is set aside (QUARANTINE LIST): {reason}"
        ));
    }

    /// Whether writes have to wait for the store.
    pub(super) fn tell_full(&self, is_full: bool) {
        if self.teller.is_full.load(Relaxed) != is_full
            && self.teller.is_full.swap(is_full, Relaxed) != is_full
        {
            let what = if is_full { "reached: writes wait for the store" } else { "not reached any more" };
            self.teller.say(format_args!("the limit of unsettled changes is {what}"));
        }
    }
}
