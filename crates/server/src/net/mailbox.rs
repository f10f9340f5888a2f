//! Messages to an event loop from other threads.

use crate::session::Place;
use mio::Waker;
use parking_lot::Mutex;
use ramekin::{Obtained, Served};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a loop can be told. A connection is named by its token and its client's id: tokens are used again.
pub enum Message {
    /// A connection was accepted for this loop.
    Accepted(super::connection::Accepted),
    /// A socket takes connections from now on, for this loop to deal.
    Listen(super::listen::Listener),
    /// A blocked command has been run.
    Served { token: usize, id: u64, wait: u64, served: Served },
    /// A command has been run elsewhere, and this is its reply.
    Answered { token: usize, id: u64, wait: u64, bytes: Vec<u8>, lsn: u64 },
    /// What a command needed from the store is here, or cannot be had.
    Obtained { token: usize, id: u64, wait: u64, outcome: Result<Obtained, String> },
    /// The database to which a session goes is open, or cannot be opened.
    Arrived { token: usize, id: u64, wait: u64, outcome: Result<Place, String> },
    /// A namespace has been dropped.
    Dropped,
    /// Bytes to be sent to a client (MONITOR).
    Append { token: usize, id: u64, bytes: Arc<[u8]> },
    /// The connection shall be closed.
    Kill { token: usize, id: u64 },
    /// `CLIENT UNBLOCK`.
    Unblock { token: usize, id: u64, with_error: bool },
    /// Time-outs and pauses shall be looked at now.
    Look,
    /// The log has come further, or failed.
    LogProgress,
}

/// Where a loop takes messages.
pub struct Mailbox {
    messages: Mutex<Vec<Message>>,
    waker: Waker,
    /// A note of the log's progress lies there already.
    progress_noted: AtomicBool,
}

impl Mailbox {
    pub(super) fn new(waker: Waker) -> Self {
        Self { messages: Mutex::default(), waker, progress_noted: AtomicBool::new(false) }
    }

    /// Leaves a message and wakes the loop if it sleeps.
    pub fn send(&self, message: Message) {
        let mut messages = self.messages.lock();
        let was_empty = messages.is_empty();
        messages.push(message);
        drop(messages);
        if was_empty {
            self.wake();
        }
    }

    /// Tells of progress of the log, once until the loop has heard it.
    pub(crate) fn note_progress(&self) {
        if !self.progress_noted.swap(true, Ordering::AcqRel) {
            self.send(Message::LogProgress);
        }
    }

    /// Wakes the loop.
    pub fn wake(&self) {
        // It fails only if the loop's epoll is gone, and with it the loop.
        let _ = self.waker.wake();
    }

    pub(super) fn take(&self) -> Vec<Message> {
        self.progress_noted.store(false, Ordering::Release);
        std::mem::take(&mut *self.messages.lock())
    }
}
