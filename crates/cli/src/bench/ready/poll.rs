//! By `poll`, which every Unix has.

#![cfg(any(test, not(target_os = "linux")))]

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// The sockets that are waited for: of each, whether also until it takes bytes.
pub(in super::super) struct Ready(Vec<bool>);

/// What a wait found: the index of each socket with an event, and whether it takes bytes again.
pub(in super::super) struct Events(Vec<(usize, bool)>);

impl Events {
    pub(in super::super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (usize, bool)> {
        self.0.iter().copied()
    }
}

impl Ready {
    #[expect(clippy::unnecessary_wraps, reason = "as that of epoll, which may fail")]
    pub(in super::super) fn new() -> Result<Self, String> {
        Ok(Self(Vec::new()))
    }

    /// Waits for this socket from now on, which has the next index.
    #[expect(clippy::unnecessary_wraps, reason = "as that of epoll, which may fail")]
    pub(in super::super) fn add(&mut self, index: usize, _socket: BorrowedFd<'_>) -> Result<(), String> {
        assert_eq!(index, self.0.len(), "sockets are added in their order");
        self.0.push(false);
        Ok(())
    }

    /// Says whether to wait also until this socket takes bytes.
    #[expect(clippy::unnecessary_wraps, reason = "as that of epoll, which may fail")]
    pub(in super::super) fn listen(
        &mut self,
        index: usize,
        _socket: BorrowedFd<'_>,
        writes: bool,
    ) -> Result<(), String> {
        self.0[index] = writes;
        Ok(())
    }

    /// Waits until there is something, no longer than `limit`, which is less than a second. `sockets` are those that were added.
    pub(in super::super) fn wait<'a>(
        &mut self,
        events: &mut Events,
        limit: Duration,
        sockets: impl Iterator<Item = BorrowedFd<'a>>,
    ) -> Result<(), String> {
        events.0.clear();
        let asked = |&writes: &bool| if writes { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut polled: Vec<PollFd<'_>> = sockets
            .zip(&self.0)
            .map(|(socket, writes)| PollFd::from_borrowed_fd(socket, asked(writes)))
            .collect();
        let limit = Timespec { tv_sec: 0, tv_nsec: limit.subsec_nanos().into() };
        match poll(&mut polled, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(format!("poll: {error}")),
        }
        let found = polled.iter().map(PollFd::revents).enumerate();
        let found = found.filter(|(_, flags)| !flags.is_empty());
        events.0.extend(found.map(|(index, flags)| (index, flags.contains(PollFlags::OUT))));
        Ok(())
    }
}
