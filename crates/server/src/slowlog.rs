//! The last commands that took long.

use parking_lot::Mutex;
use std::collections::VecDeque;

/// Arguments kept of one command, and bytes of one argument.
const ARGS_MAX: usize = 32;
const ARG_BYTES_MAX: usize = 128;

/// One slow command.
#[derive(Clone, Debug)]
pub struct Slow {
    /// Counts up from the start of the server.
    pub id: u64,
    /// When it was run, in Unix seconds.
    pub at_s: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// Its arguments, shortened.
    pub args: Vec<Vec<u8>>,
    /// Who sent it.
    pub addr: String,
    /// The name that the client has set.
    pub name: Vec<u8>,
}

/// The log; newest first.
#[derive(Default)]
pub struct SlowLog {
    inner: Mutex<(u64, VecDeque<Slow>)>,
}

impl SlowLog {
    /// Adds a command and drops the oldest beyond `len_max`.
    pub fn add(&self, at_s: u64, micros: u64, args: &[&[u8]], addr: &str, name: &[u8], len_max: usize) {
        let (id, log) = &mut *self.inner.lock();
        let slow =
            Slow { id: *id, at_s, micros, args: shorten(args), addr: addr.to_owned(), name: name.to_vec() };
        *id += 1;
        log.push_front(slow);
        log.truncate(len_max);
    }

    /// The newest `count`.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<Slow> {
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
