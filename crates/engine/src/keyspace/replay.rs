//! Replaying the log over a checkpoint, on all cores: each shard takes the records past its own cut.
//!
//! One thread hands the records on; here they are taken apart into their effects, and each effect is copied to the batch of
//! its shard's *lane*. A lane is some of the shards, and a thread that applies the batches in the order in which they were
//! filled. A lane without a thread is applied by whoever hands the records on.
//!
//! What must hold:
//! - An effect reaches a shard if and only if its record comes after the shard's cut, and effects reach a shard in the order
//!   of the log. Since an effect names one key, nothing else has an order; the result does not depend on the number of lanes.
//! - An effect on a whole database goes to every lane and is applied shard by shard, so SWAPDB exchanges what the two
//!   databases hold in a shard and leaves the map from databases to spaces as it is.
//! - Of all records that cannot be applied, the first one is told, whichever lane meets its own first.
//! - What waits in batches is bounded in bytes, but for one effect that is larger.

mod lane;
mod queue;
#[cfg(test)]
mod tests;

use self::lane::{Batch, Dealt, Lane, WHOLE};
use self::queue::{Budget, Queued};
use super::{Held, Keyspace};
use crate::effect::{Effect, Malformed, SYSTEM_DB};
use crate::value::Packing;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A batch goes to its lane when it has so many bytes.
const BATCH_BYTES: usize = 64 << 10;
/// So many bytes wait for their lanes at most.
const WAITING_BYTES_MAX: usize = 16 << 20;

/// Takes the records that are replayed.
pub(crate) struct Records<'a, 'k> {
    keyspace: &'a Keyspace,
    /// For each shard the last record that it holds already.
    cuts: &'a [u64],
    lanes: &'a [Mutex<Lane<'k>>],
    /// The batch that each lane gets next.
    batches: Vec<Batch>,
    /// The queue of each lane that has a thread.
    queues: Vec<Option<Sender<Queued<'a>>>>,
    budget: &'a Budget,
    /// Some lane met a record that it could not apply.
    has_failed: &'a AtomicBool,
    /// The record that could not be taken apart.
    malformed: Option<u64>,
}

impl Keyspace {
    /// Replays all records that `read` hands on, in order, by as many threads besides the one that reads; with one there
    /// are none besides. All shards must be held; `cuts` has for each the last record that it holds already. Returns what
    /// `read` returns, and the number of the first record that could not be applied, after which nothing means anything.
    pub(crate) fn replay<T>(
        &self,
        held: &mut Held<'_>,
        cuts: &[u64],
        packing: &Packing,
        threads: usize,
        read: impl FnOnce(&mut Records<'_, '_>) -> T,
    ) -> (T, Option<u64>) {
        let lanes = Lane::deal(self, held.all(), cuts, packing, threads.clamp(1, self.shards()));
        let (budget, has_failed) = (Budget::new(WAITING_BYTES_MAX), AtomicBool::new(false));
        let (returned, malformed) = std::thread::scope(|scope| {
            let start = |(number, lane)| {
                if lanes.len() == 1 {
                    return None;
                }
                let (sender, receiver) = channel();
                let has_failed = &has_failed;
                let builder = std::thread::Builder::new().name(format!("replay-{number}"));
                // With fewer threads it takes longer.
                builder.spawn_scoped(scope, move || work(lane, &receiver, has_failed)).ok().map(|_| sender)
            };
            let mut records = Records {
                keyspace: self,
                cuts,
                lanes: &lanes,
                batches: lanes.iter().map(|_| Batch::default()).collect(),
                queues: lanes.iter().enumerate().map(start).collect(),
                budget: &budget,
                has_failed: &has_failed,
                malformed: None,
            };
            let returned = read(&mut records);
            (0..lanes.len()).for_each(|lane| records.hand_over(lane));
            (returned, records.malformed)
        });
        let failed = lanes.into_iter().filter_map(|lane| lane.into_inner().malformed);
        (returned, failed.chain(malformed).min())
    }
}

/// What a lane's thread does.
fn work(lane: &Mutex<Lane<'_>>, queue: &Receiver<Queued<'_>>, has_failed: &AtomicBool) {
    let mut lane = lane.lock();
    for queued in queue {
        lane.apply(&queued.batch);
        if lane.malformed.is_some() {
            has_failed.store(true, Relaxed);
        }
    }
}

impl Records<'_, '_> {
    /// Takes record `lsn`. It may be applied some time later, so that it is malformed may be found out later too.
    ///
    /// # Errors
    /// `Malformed` if this record or one before it cannot be applied. Then no more are to be handed on.
    pub(crate) fn take(&mut self, lsn: u64, record: &[u8]) -> Result<(), Malformed> {
        if self.has_failed.load(Relaxed) {
            return Err(Malformed);
        }
        let databases = self.keyspace.databases();
        Effect::split_all(record, |db, effect, bytes| {
            if !self.keyspace.has(db) {
                return Err(Malformed);
            }
            let Some(key) = effect.key() else {
                if db == SYSTEM_DB || matches!(effect, Effect::Swap { with } if with >= databases) {
                    return Err(Malformed);
                }
                let dealt = Dealt { lsn, hash: 0, db, place: WHOLE };
                (0..self.lanes.len()).for_each(|lane| self.deal(lane, dealt, bytes));
                return Ok(());
            };
            if db == SYSTEM_DB
                && let Effect::SetString { value, .. } = effect
            {
                // What follows may be about values that need it.
                self.keyspace.replay_dictionary(key, value)?;
            }
            let hash = self.keyspace.hash(key);
            let shard = self.keyspace.shard_of(hash);
            if lsn > self.cuts[shard] {
                let (lane, place) = Lane::of_shard(shard, self.lanes.len());
                self.deal(lane, Dealt { lsn, hash, db, place }, bytes);
            }
            Ok(())
        })
        .inspect_err(|Malformed| self.malformed = Some(lsn))
    }

    fn deal(&mut self, lane: usize, dealt: Dealt, bytes: &[u8]) {
        let batch = &mut self.batches[lane];
        batch.push(dealt, bytes);
        if batch.bytes() >= BATCH_BYTES {
            self.hand_over(lane);
        }
    }

    /// Gives a lane its batch.
    fn hand_over(&mut self, lane: usize) {
        let Some(queue) = &self.queues[lane] else {
            let mut lane_here = self.lanes[lane].lock();
            lane_here.apply(&self.batches[lane]);
            self.batches[lane].clear();
            if lane_here.malformed.is_some() {
                self.has_failed.store(true, Relaxed);
            }
            return;
        };
        let batch = std::mem::replace(&mut self.batches[lane], Batch::with_room(BATCH_BYTES));
        // A thread that is gone has panicked, which the end of the scope tells.
        let _ = queue.send(self.budget.charge(batch));
    }
}
