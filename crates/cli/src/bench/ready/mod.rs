//! Which of a thread's sockets have something to read, and which of them take bytes again.
//!
//! Linux has epoll, which costs the same however many sockets there are and waits to the nanosecond; elsewhere `poll` looks at all
//! of them, and waits to the millisecond. Both answer as long as there is something (by level), and are tested on Linux.

mod epoll;
mod poll;

#[cfg(target_os = "linux")]
pub(super) use epoll::{Events, Ready};
#[cfg(not(target_os = "linux"))]
pub(super) use poll::{Events, Ready};

#[cfg(test)]
mod tests {
    use super::poll;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_millis(999);

    /// The same test for each way.
    macro_rules! sockets_tell_what_they_are_ready_for {
        ($way:ident) => {
            let pairs = [(); 3].map(|()| UnixStream::pair().unwrap());
            let mut ready = $way::Ready::new().unwrap();
            for (index, (near, _)) in pairs.iter().enumerate() {
                near.set_nonblocking(true).unwrap();
                ready.add(index, near.as_fd()).unwrap();
            }
            let mut events = $way::Events::new();
            let mut wait = |ready: &mut $way::Ready, limit| {
                ready.wait(&mut events, limit, pairs.iter().map(|(near, _)| near.as_fd())).unwrap();
                assert_eq!(events.is_empty(), events.iter().next().is_none());
                events.iter().collect::<Vec<_>>()
            };
            assert_eq!(wait(&mut ready, SHORT), []);
            (&pairs[2].1).write_all(b"text").unwrap();
            assert_eq!(wait(&mut ready, LONG), [(2, false)]);
            // Until it has been read.
            assert_eq!(wait(&mut ready, LONG), [(2, false)]);
            (&pairs[2].0).read_exact(&mut [0; 4]).unwrap();
            assert_eq!(wait(&mut ready, SHORT), []);
            ready.listen(1, pairs[1].0.as_fd(), true).unwrap();
            assert_eq!(wait(&mut ready, LONG), [(1, true)]);
            while (&pairs[1].0).write(&[0; 4096]).is_ok() {}
            assert_eq!(wait(&mut ready, SHORT), []);
            ready.listen(1, pairs[1].0.as_fd(), false).unwrap();
            pairs[0].1.shutdown(std::net::Shutdown::Both).unwrap();
            assert_eq!(wait(&mut ready, LONG).iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0]);
        };
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn epoll_tells_what_sockets_are_ready_for() {
        use super::epoll;
        sockets_tell_what_they_are_ready_for!(epoll);
    }

    #[test]
    fn poll_tells_what_sockets_are_ready_for() {
        sockets_tell_what_they_are_ready_for!(poll);
    }
}
