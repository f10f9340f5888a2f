//! What a caller has changed of late: so it can be told which of that a store has refused.
//!
//! What must hold: nothing is told to have been taken that was not. Of a caller that runs far ahead of the store only the numbers
//! of the oldest records are kept, and then any row may have been one of its own.

use crate::log::Lsn;
use std::collections::VecDeque;

/// So many changes are kept.
const CHANGES_MAX: usize = 1024;

/// See the module.
#[derive(Default)]
pub(crate) struct Followed {
    /// Records and keys, as [`super::recent_key`] makes them; no key: somebody else made the record, and it is not known which.
    changes: VecDeque<(Lsn, Option<u64>)>,
    /// The first and the last record of which the keys are not known any more.
    lost: Option<(Lsn, Lsn)>,
}

impl Followed {
    /// A record has changed this key.
    pub(crate) fn push(&mut self, lsn: Lsn, key: Option<u64>) {
        if self.changes.len() >= CHANGES_MAX
            && let Some((oldest, _)) = self.changes.pop_front()
        {
            self.lost = Some((self.lost.map_or(oldest, |(first, _)| first), oldest));
        }
        self.changes.push_back((lsn, key));
    }

    /// Whether this record may have changed a key of which that is true, or one unknown of which the other is.
    pub(crate) fn is_any_of(
        &self,
        lsn: Lsn,
        key: impl Fn(u64) -> bool,
        unknown: impl Fn((Lsn, Lsn)) -> bool,
    ) -> bool {
        if self.lost.is_some_and(|(_, last)| lsn <= last) {
            return unknown((lsn, lsn));
        }
        let from = self.changes.partition_point(|(at, _)| *at < lsn);
        self.changes
            .range(from..)
            .take_while(|(at, _)| *at == lsn)
            .any(|(at, of)| of.map_or_else(|| unknown((*at, *at)), &key))
    }

    /// Forgets what has settled up to this record; what is told by these two has not. Returns whether there is any of that.
    pub(crate) fn settle(
        &mut self,
        upto: Lsn,
        key: impl Fn(u64) -> bool,
        unknown: impl Fn((Lsn, Lsn)) -> bool,
    ) -> bool {
        self.lost = self.lost.filter(|lost| lost.1 > upto || unknown(*lost));
        self.changes.retain(|(lsn, of)| *lsn > upto || of.map_or_else(|| unknown((*lsn, *lsn)), &key));
        self.lost.is_some_and(|(first, _)| first <= upto)
            || self.changes.front().is_some_and(|(lsn, _)| *lsn <= upto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_told_by_its_record_and_stays_until_it_is_taken() {
        let mut followed = Followed::default();
        (1..=4).for_each(|lsn| followed.push(lsn, Some(lsn * 10)));
        let none = |_: (Lsn, Lsn)| false;
        assert!(followed.is_any_of(2, |key| key == 20, none));
        assert!(!followed.is_any_of(3, |key| key == 20, none));
        assert!(followed.settle(3, |key| key == 20, none));
        assert!(followed.settle(3, |key| key == 20, none), "it has not settled since");
        assert!(!followed.settle(3, |_| false, none));
        assert!(followed.is_any_of(4, |key| key == 40, none), "what was not settled is still known");
    }

    #[test]
    fn of_what_somebody_else_did_it_is_asked_by_the_record() {
        let mut followed = Followed::default();
        followed.push(7, None);
        assert!(followed.is_any_of(7, |_| false, |lsns| lsns == (7, 7)));
        assert!(!followed.is_any_of(7, |_| true, |_| false));
        assert!(followed.settle(8, |_| false, |lsns| lsns == (7, 7)));
        assert!(!followed.settle(8, |_| true, |_| false));
    }

    #[test]
    fn who_runs_far_ahead_is_told_of_any_row_of_that_time() {
        let mut followed = Followed::default();
        let many = CHANGES_MAX as u64 + 10;
        (1..=many).for_each(|lsn| followed.push(lsn, Some(lsn)));
        let meets = |(first, last): (Lsn, Lsn)| first <= 5 && 5 <= last;
        assert!(followed.is_any_of(5, |_| false, meets) && !followed.is_any_of(6, |_| false, meets));
        assert!(!followed.is_any_of(11, |_| false, |_| true), "the keys of this one are known");
        assert!(followed.settle(many, |_| false, meets));
        assert!(!followed.settle(many, |_| false, |_| false));
        assert!(!followed.settle(many, |_| true, |_| true), "nothing is left of it");
    }
}
