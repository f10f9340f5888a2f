//! How much waits to be applied: a bound in bytes for all lanes together.

use super::lane::Batch;
use parking_lot::{Condvar, Mutex};

/// Room for batches that wait.
pub(super) struct Budget {
    bytes_max: usize,
    used_bytes: Mutex<usize>,
    given_back: Condvar,
}

/// A batch on its way to its lane. Its room is given back when it is dropped, also if the lane's thread is gone.
pub(super) struct Queued<'a> {
    pub(super) batch: Batch,
    bytes: usize,
    budget: &'a Budget,
}

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, used_bytes: Mutex::new(0), given_back: Condvar::new() }
    }

    /// Waits until there is room for the batch; one that is larger than all room waits until nothing else does.
    pub(super) fn charge(&self, batch: Batch) -> Queued<'_> {
        let bytes = batch.bytes();
        let mut used_bytes = self.used_bytes.lock();
        self.given_back.wait_while(&mut used_bytes, |used| *used > 0 && *used + bytes > self.bytes_max);
        *used_bytes += bytes;
        drop(used_bytes);
        Queued { batch, bytes, budget: self }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        *self.budget.used_bytes.lock() -= self.bytes;
        self.budget.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::super::lane::Dealt;
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    fn batch(bytes: usize) -> Batch {
        let mut batch = Batch::default();
        batch.push(Dealt { lsn: 1, hash: 0, db: 0, place: 0 }, &vec![0; bytes]);
        batch
    }

    #[test]
    fn a_batch_waits_for_room_and_one_larger_than_all_room_gets_through_alone() {
        let (budget, passed) = (Budget::new(1000), AtomicUsize::new(0));
        let first = budget.charge(batch(500));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let second = budget.charge(batch(700));
                passed.fetch_add(1, SeqCst);
                drop(second);
                drop(budget.charge(batch(5000)));
                passed.fetch_add(1, SeqCst);
            });
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(passed.load(SeqCst), 0, "there was no room");
            drop(first);
        });
        assert_eq!((passed.into_inner(), *budget.used_bytes.lock()), (2, 0));
    }
}
