//! Where walks of the store stand: a client has a number, the number stands for a place and a key.
//!
//! What must hold: a number never stands for two places, be it over a restart, so that a walk which goes on with an old one
//! is refused and passes over nothing. The oldest are forgotten first.

use super::cold::PageStart;
use std::collections::{HashMap, VecDeque};

/// So many are remembered, of so many bytes.
const STARTS_MAX: usize = 16_384;
const BYTES_MAX: usize = 16 << 20;

/// The numbers that were given.
pub(crate) struct Cursors {
    next: u64,
    starts: HashMap<u64, (u32, PageStart)>,
    order: VecDeque<u64>,
    bytes: usize,
}

fn bytes_of(start: &PageStart) -> usize {
    128 + start.after.as_ref().map_or(0, Vec::len)
}

impl Cursors {
    /// The numbers of an opening at this time: fewer than 65 thousand are given in a millisecond.
    pub(crate) fn new(opened_ms: u64) -> Self {
        let next = opened_ms << 16 | 1;
        Self { next, starts: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }

    /// The number of a page of this database that begins there.
    pub(crate) fn give(&mut self, db: u32, start: PageStart) -> u64 {
        let number = self.next;
        self.next += 1;
        self.bytes += bytes_of(&start);
        self.starts.insert(number, (db, start));
        self.order.push_back(number);
        while self.order.len() > 1 && (self.order.len() > STARTS_MAX || self.bytes > BYTES_MAX) {
            let forgotten = self.order.pop_front().and_then(|oldest| self.starts.remove(&oldest));
            self.bytes -= forgotten.map_or(0, |(_, start)| bytes_of(&start));
        }
        number
    }

    /// Where the page of this number begins, if it is of this database and still known.
    pub(crate) fn find(&self, db: u32, number: u64) -> Option<PageStart> {
        self.starts.get(&number).filter(|(of, _)| *of == db).map(|(_, start)| start.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Place;

    fn start(bytes: usize) -> PageStart {
        PageStart { place: Place::Keys(0), after: Some(vec![b'k'; bytes]) }
    }

    #[test]
    fn the_oldest_are_forgotten_once_there_are_too_many_or_they_are_too_large() {
        let mut cursors = Cursors::new(1_000_000);
        let first = cursors.give(0, start(1));
        let kept = cursors.give(3, start(2));
        assert_eq!(cursors.find(0, first), Some(start(1)));
        assert_eq!((cursors.find(3, kept), cursors.find(0, kept)), (Some(start(2)), None));
        for _ in 0..STARTS_MAX - 1 {
            cursors.give(0, start(1));
        }
        assert_eq!((cursors.find(0, first), cursors.find(3, kept)), (None, Some(start(2))));
        let huge = cursors.give(0, start(BYTES_MAX));
        assert_eq!((cursors.find(3, kept), cursors.starts.len()), (None, 1));
        assert_eq!(cursors.find(0, huge), Some(start(BYTES_MAX)));
        cursors.give(0, start(1));
        assert_eq!((cursors.find(0, huge), cursors.bytes), (None, 129));
    }

    #[test]
    fn a_later_opening_gives_other_numbers() {
        let (mut one, mut other) = (Cursors::new(1_000_000), Cursors::new(1_000_001));
        let given: Vec<u64> = (0..60_000).map(|_| one.give(0, start(1))).collect();
        let number = other.give(0, start(1));
        assert!(number < 1 << 61 && !given.contains(&number));
    }
}
