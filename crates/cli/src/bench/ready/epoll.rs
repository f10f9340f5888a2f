//! By epoll.

#![cfg(target_os = "linux")]

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

const EVENTS: usize = 256;

/// The sockets that are waited for.
pub(in super::super) struct Ready(OwnedFd);

/// What a wait found.
pub(in super::super) struct Events(Vec<Event>);

impl Events {
    pub(in super::super) fn new() -> Self {
        Self(Vec::with_capacity(EVENTS))
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The index of each socket with an event, and whether it takes bytes again.
    #[inline]
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (usize, bool)> {
        self.0.iter().map(|event| {
            let index = usize::try_from(event.data.u64()).expect("an index that add() was given");
            let flags = event.flags; // the struct is packed
            (index, flags.contains(EventFlags::OUT))
        })
    }
}

impl Ready {
    pub(in super::super) fn new() -> Result<Self, String> {
        epoll::create(epoll::CreateFlags::CLOEXEC).map(Self).map_err(|error| failed(&error))
    }

    /// Waits for this socket from now on, which has the next index.
    pub(in super::super) fn add(&mut self, index: usize, socket: BorrowedFd<'_>) -> Result<(), String> {
        let data = EventData::new_u64(index as u64);
        epoll::add(&self.0, socket, data, EventFlags::IN).map_err(|error| failed(&error))
    }

    /// Says whether to wait also until this socket takes bytes.
    pub(in super::super) fn listen(
        &mut self,
        index: usize,
        socket: BorrowedFd<'_>,
        writes: bool,
    ) -> Result<(), String> {
        let flags = if writes { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        let data = EventData::new_u64(index as u64);
        epoll::modify(&self.0, socket, data, flags).map_err(|error| failed(&error))
    }

    /// Waits until there is something, no longer than `limit`, which is less than a second. `sockets` are those that were added.
    #[inline]
    pub(in super::super) fn wait<'a>(
        &mut self,
        events: &mut Events,
        limit: Duration,
        _sockets: impl Iterator<Item = BorrowedFd<'a>>,
    ) -> Result<(), String> {
        events.0.clear();
        let limit = Timespec { tv_sec: 0, tv_nsec: limit.subsec_nanos().into() };
        match epoll::wait(&self.0, spare_capacity(&mut events.0), Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn failed(error: &Errno) -> String {
    format!("epoll: {error}")
}
