//! The last commands that took long, or were large, or were answered at length.
//!
//! What is kept of a command is bounded in number and size, and passwords are hidden before it comes here.

use parking_lot::Mutex;
use std::collections::VecDeque;

/// Arguments kept of one command, and bytes of one argument.
const ARGS_MAX: usize = 32;
const ARG_BYTES_MAX: usize = 128;

/// One command that was noted.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Counts up from the start of the server.
    pub id: u64,
    /// When it was run, in Unix seconds.
    pub at_s: u64,
    /// How long it took, in microseconds; or the bytes of the request or the reply.
    pub cost: u64,
    /// Its arguments, shortened.
    pub args: Vec<Vec<u8>>,
    /// Who sent it.
    pub addr: String,
    /// The name that the client has set.
    pub name: Vec<u8>,
}

/// The log; newest first.
#[derive(Default)]
pub struct CommandLog {
    inner: Mutex<(u64, VecDeque<Noted>)>,
}

impl CommandLog {
    /// Adds a command and drops the oldest beyond `len_max`.
    pub fn add(&self, at_s: u64, cost: u64, args: &[&[u8]], addr: &str, name: &[u8], len_max: usize) {
        let (id, log) = &mut *self.inner.lock();
        let noted =
            Noted { id: *id, at_s, cost, args: shorten(args), addr: addr.to_owned(), name: name.to_vec() };
        *id += 1;
        log.push_front(noted);
        log.truncate(len_max);
    }

    /// The newest `count`.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<Noted> {
        self.inner.lock().1.iter().take(count).cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.lock().1.len()
    }

    /// True without any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all; ids go on.
    pub fn reset(&self) {
        self.inner.lock().1.clear();
    }
}

/// At most 32 arguments of at most 128 bytes, as Redis keeps them.
fn shorten(args: &[&[u8]]) -> Vec<Vec<u8>> {
    let kept = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
    let mut short: Vec<Vec<u8>> = args[..kept]
        .iter()
        .map(|arg| {
            if arg.len() <= ARG_BYTES_MAX {
                return arg.to_vec();
            }
            let more = format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX);
            [&arg[..ARG_BYTES_MAX], more.as_bytes()].concat()
        })
        .collect();
    if kept < args.len() {
        short.push(format!("... ({} more arguments)", args.len() - kept).into_bytes());
    }
    short
}

#[cfg(test)]
mod tests {
    use super::CommandLog;

    #[test]
    fn what_is_kept_of_a_command_is_bounded() {
        let log = CommandLog::default();
        let long = vec![b'x'; 200];
        let many = vec![&b"a"[..]; 40];
        log.add(1, 2, &[b"SET", b"k", &long], "addr", b"name", 2);
        assert_eq!(log.newest(1)[0].args[2], [&long[..128], b"... (72 more bytes)"].concat());
        log.add(1, 2, &many, "addr", b"", 2);
        let newest = log.newest(1);
        assert_eq!(
            (newest[0].id, newest[0].args.len(), &*newest[0].args[31]),
            (1, 32, &b"... (9 more arguments)"[..])
        );
        log.add(1, 2, &[b"PING"], "addr", b"", 2);
        assert_eq!((log.len(), log.newest(9).len(), log.newest(9)[1].id), (2, 2, 1));
        log.reset();
        log.add(1, 2, &[b"PING"], "addr", b"", 2);
        assert_eq!(log.newest(1)[0].id, 3);
    }
}
