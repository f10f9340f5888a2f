//! A database without threads of its own: those that it shares with others look after it.

use super::Database;
use crate::error::Error;
use crate::service::Service;
use std::sync::Arc;

/// It is looked so often whether a checkpoint is due, in calls of the ticker.
const SAVING_ROUNDS: u64 = 2;

impl Database {
    /// Has these threads do what its own would: expire, evict, look at the disk, take checkpoints. The log has been lent to
    /// them already.
    pub(super) fn be_served(&self, service: &Arc<Service>) -> Result<(), Error> {
        self.lend_saving(service);
        let (weak, stop) = (Arc::downgrade(&self.inner), Arc::clone(&self.inner.stop));
        let look = move |round: u64| {
            if *stop.0.lock() {
                return false;
            }
            let Some(inner) = weak.upgrade() else { return false };
            let database = Self { inner };
            database.look_after(round);
            if round.is_multiple_of(SAVING_ROUNDS) {
                database.save_if_due();
            }
            true
        };
        service.watch(Box::new(look)).map_err(|error| Error::from_os("cannot start a thread", error))
    }
}
