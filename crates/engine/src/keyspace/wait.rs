//! Who waits for a key: blocked commands and watched transactions.
//!
//! A [`Waiter`] is a blocked command with its arguments, queued at each of its keys in order of arrival. Whoever makes a
//! key ready runs the command for it; `state` decides between that and its end by time-out or disconnection, so that each
//! waiter is answered exactly once. A [`Watch`] is raised by any change to its key.

use crate::reply::Response;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

const WAITING: u8 = 0;
const SERVING: u8 = 1;
const DONE: u8 = 2;

/// How a blocked command ended: its answer, and the LSN that the answer depends on.
pub type Served = (Response, u64);

/// A blocked command.
pub struct Waiter {
    /// The database in which its keys are.
    pub(crate) db: u32,
    /// The command and its arguments.
    pub(crate) args: Vec<Box<[u8]>>,
    /// The keys that it waits for.
    pub(crate) keys: Vec<Box<[u8]>>,
    /// Whether the client speaks RESP3.
    pub(crate) resp3: bool,
    /// Takes the answer; called at most once, outside of all locks.
    pub(crate) deliver: Box<dyn Fn(Served) + Send + Sync>,
    pub(crate) state: AtomicU8,
}

impl Waiter {
    /// Takes the right to run the command; false if somebody else has it or it has ended.
    pub(crate) fn claim(&self) -> bool {
        self.state.compare_exchange(WAITING, SERVING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Gives the right back: the command is still blocked.
    pub(crate) fn release(&self) {
        self.state.store(WAITING, Ordering::Release);
    }

    /// The command has been run.
    pub(crate) fn finish(&self) {
        self.state.store(DONE, Ordering::Release);
    }

    /// True once it was served or given up.
    pub(crate) fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) == DONE
    }

    /// Ends the wait without an answer. False if the command has been run. Called under the lock of its first key, so that
    /// it is not half way: all that `claim` run it, and `release` it or `finish`, under the locks of all its keys.
    pub(crate) fn give_up(&self) -> bool {
        self.state.compare_exchange(WAITING, DONE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Raised when a watched key changes.
#[derive(Default)]
pub struct Watch {
    raised: AtomicBool,
}

impl Watch {
    /// A key that it watches has changed.
    pub(crate) fn raise(&self) {
        self.raised.store(true, Ordering::Release);
    }

    /// True if any watched key has changed.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }
}
