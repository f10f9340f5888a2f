//! Batches and removals take turns: what a batch has read of its rows is still so when it writes them.
//!
//! A batch watches its lane and not its rows, which would be as many keys more, and writes only what differs from what it has
//! read. What must hold: no row is removed by this process between the two. Other processes are shut out by the epoch, and a
//! removal whose commit may still be on its way by a write to what it watches.

use crate::claim::{judge_fence, put_fence};
use crate::names::META;
use crate::session::{Session, plain};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use ramekin::store::{ErrorKind, StoreError};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[derive(Default)]
pub(crate) struct Turns {
    lock: RwLock<()>,
    /// A removal's commit may still arrive.
    is_in_doubt: AtomicBool,
}

impl Turns {
    /// Nothing is removed as long as this is held.
    pub(crate) fn keep(&self) -> RwLockReadGuard<'_, ()> {
        self.lock.read()
    }

    /// Whatever removal may still arrive does nothing from now on.
    pub(crate) fn end_late(&self, session: &mut Session, epoch: u64) -> Result<(), StoreError> {
        if !self.is_in_doubt.load(Relaxed) {
            return Ok(());
        }
        put_fence(session);
        judge_fence(session, epoch)?;
        session.begin();
        session.put(&[b"HINCRBY", META, b"asked", b"1"]);
        // If somebody else has written there, that will have done.
        plain(session.commit())?;
        self.is_in_doubt.store(false, Relaxed);
        Ok(())
    }

    /// No batch is under way as long as this is held.
    pub(crate) fn remove(&self) -> RwLockWriteGuard<'_, ()> {
        self.lock.write()
    }

    /// What the commit of a removal has come to, during its turn.
    pub(crate) fn judge<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::InDoubt) {
            self.is_in_doubt.store(true, Relaxed);
        }
        plain(outcome)
    }
}
