//! The last changes of keys, for whoever asks for them.
//!
//! Owns a queue of bounded length, kept only while somebody asks. What must hold: changes of one key stand in the order in which they
//! were made; who comes back with a cursor is told of all since, or that some were lost. Left out: what the keys hold, and
//! anything durable: the log has that.

use crate::effect::{Effect, Malformed, SYSTEM_DB};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many changes are kept at most, with keys of so many bytes together.
const CHANGES_MAX: usize = 100_000;
const KEY_BYTES_MAX: usize = 16 << 20;
/// Nobody has asked for so long: nothing is kept any more.
const REST_AFTER_MS: u64 = 60_000;

/// Why a key is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A command has deleted it.
    #[default]
    Command,
    /// Its time was over.
    Expiry,
    /// Its memory was needed.
    Eviction,
}

/// One change of a key, or of a whole database, whose key is empty.
pub(crate) struct Change {
    pub(crate) db: u32,
    pub(crate) key: Box<[u8]>,
    pub(crate) event: &'static str,
    /// The record that made it.
    pub(crate) lsn: u64,
}

/// The changes that are kept.
#[derive(Default)]
pub(crate) struct Changes {
    is_kept: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    changes: VecDeque<Change>,
    /// The number of the first one; 1 is the first ever.
    first: u64,
    key_bytes: usize,
    asked_ms: u64,
}

impl Changes {
    /// Whether they are kept.
    #[inline]
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }

    /// Keeps what the effects of a record have changed. To be called with the shards of its keys held.
    #[cold]
    pub(crate) fn keep<'k>(
        &self,
        record: &[u8],
        large: impl Iterator<Item = (u32, &'k [u8])>,
        cause: Cause,
        lsn: u64,
    ) {
        let mut queue = self.queue.lock();
        // What was encoded here can be decoded.
        let _ = Effect::decode_all(record, |db, effect| {
            if let Some(event) = event_of(&effect, cause)
                && db != SYSTEM_DB
            {
                queue.push(Change { db, key: effect.key().unwrap_or_default().into(), event, lsn });
            }
            Ok::<(), Malformed>(())
        });
        large.for_each(|(db, key)| queue.push(Change { db, key: key.into(), event: "set", lsn }));
    }

    /// Shows the changes after this number to `visit`, until it says that it has enough. Returns the number of the last one
    /// that was shown, or the last one at all, and whether some were lost in between.
    pub(crate) fn since(
        &self,
        after: Option<u64>,
        now_ms: u64,
        mut visit: impl FnMut(&Change) -> bool,
    ) -> (u64, bool) {
        let mut queue = self.queue.lock();
        queue.asked_ms = now_ms;
        let was_kept = self.is_kept.swap(true, Ordering::Relaxed);
        let last = queue.last();
        let Some(after) = after else { return (last, false) };
        let lost = !was_kept || after < queue.first.saturating_sub(1) || after > last;
        let from = if lost { 0 } else { usize::try_from(after + 1 - queue.first).unwrap_or(usize::MAX) };
        if !was_kept {
            return (last, true);
        }
        let (mut shown, first) = (0, queue.first);
        for change in queue.changes.iter().skip(from) {
            shown += 1;
            if !visit(change) {
                return (first + (from + shown - 1) as u64, lost);
            }
        }
        (last, lost)
    }

    /// Nothing is kept any more if nobody asks.
    pub(crate) fn rest(&self, now_ms: u64) {
        if !self.is_kept() {
            return;
        }
        let mut queue = self.queue.lock();
        if now_ms.saturating_sub(queue.asked_ms) > REST_AFTER_MS {
            self.is_kept.store(false, Ordering::Relaxed);
            queue.first = queue.last() + 1;
            (queue.changes, queue.key_bytes) = (VecDeque::new(), 0);
        }
    }
}

impl Queue {
    fn last(&self) -> u64 {
        self.first.max(1) + self.changes.len() as u64 - 1
    }

    fn push(&mut self, change: Change) {
        self.first = self.first.max(1);
        self.key_bytes += change.key.len();
        self.changes.push_back(change);
        while self.changes.len() > CHANGES_MAX || self.key_bytes > KEY_BYTES_MAX {
            let Some(oldest) = self.changes.pop_front() else { return };
            self.key_bytes -= oldest.key.len();
            self.first += 1;
        }
    }
}

/// What a change is called; none for what changes nothing that a client could read.
fn event_of(effect: &Effect<'_>, cause: Cause) -> Option<&'static str> {
    Some(match effect {
        Effect::SetString { .. } | Effect::Put { .. } => "set",
        Effect::Delete { .. } => match cause {
            Cause::Command => "del",
            Cause::Expiry => "expired",
            Cause::Eviction => "evicted",
        },
        Effect::Expire { at_ms: 0, .. } => "persist",
        Effect::Expire { .. } => "expire",
        Effect::Append { .. } => "append",
        Effect::SetRange { .. } => "setrange",
        Effect::ListPush { .. } => "push",
        Effect::ListPop { .. } => "pop",
        Effect::ListSet { .. } => "lset",
        Effect::ListInsert { .. } => "linsert",
        Effect::ListRemove { .. } => "lrem",
        Effect::ListTrim { .. } => "ltrim",
        Effect::HashSet { .. } => "hset",
        Effect::HashDelete { .. } if cause == Cause::Expiry => "hexpired",
        Effect::HashDelete { .. } => "hdel",
        Effect::HashExpire { .. } => "hexpire",
        Effect::TagAdd { .. } | Effect::TagRemove { .. } | Effect::TagSet { .. } => "tag",
        // Somebody else has written to the store.
        Effect::Forget { .. } => "stored",
        Effect::Flush => "flushdb",
        Effect::Swap { .. } => "swapdb",
        Effect::Extend { .. } | Effect::Stored { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(changes: &Changes, key: &[u8]) {
        let mut record = Vec::new();
        Effect::Delete { key }.encode(3, &mut record);
        changes.keep(&record, std::iter::empty(), Cause::Command, 7);
    }

    fn keys(changes: &Changes, after: Option<u64>, max: usize) -> (Vec<String>, u64, bool) {
        let mut keys = Vec::new();
        let (last, lost) = changes.since(after, 0, |change| {
            keys.push(String::from_utf8_lossy(&change.key).into_owned());
            keys.len() < max
        });
        (keys, last, lost)
    }

    #[test]
    fn a_cursor_goes_on_where_it_was_however_few_are_asked_for() {
        let changes = Changes::default();
        let (_, start, _) = keys(&changes, None, 1);
        assert!(changes.is_kept());
        ["a", "b", "c"].iter().for_each(|key| keep(&changes, key.as_bytes()));
        let (first, cursor, lost) = keys(&changes, Some(start), 2);
        assert_eq!((first, lost), (vec!["a".to_owned(), "b".to_owned()], false));
        let (rest, cursor, lost) = keys(&changes, Some(cursor), 9);
        assert_eq!((rest, lost), (vec!["c".to_owned()], false));
        assert_eq!(keys(&changes, Some(cursor), 9), (Vec::new(), cursor, false));
    }

    #[test]
    fn what_was_lost_is_said() {
        let changes = Changes::default();
        let (_, start, _) = keys(&changes, None, 1);
        for number in 0..CHANGES_MAX + 5 {
            keep(&changes, format!("{number}").as_bytes());
        }
        let (found, _, lost) = keys(&changes, Some(start), usize::MAX);
        assert!(lost);
        assert_eq!((found.len(), found.first().map(String::as_str)), (CHANGES_MAX, Some("5")));
        changes.rest(REST_AFTER_MS + 1);
        assert!(!changes.is_kept());
        let (found, cursor, lost) = keys(&changes, Some(start + 9), usize::MAX);
        assert!(lost && found.is_empty());
        keep(&changes, b"later");
        assert_eq!(keys(&changes, Some(cursor), 9).0, ["later"]);
    }
}
