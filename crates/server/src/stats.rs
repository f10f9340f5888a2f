//! Figures since the start, for INFO.
//!
//! Counters are relaxed atomics; those of commands are written by several event loops, each of which adds what a batch
//! took at its end.

use crate::command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Figures of one command.
#[derive(Default)]
pub struct CommandStats {
    /// How often it was run.
    pub calls: AtomicU64,
    /// How long it took in all, in nanoseconds.
    pub nanos: AtomicU64,
    /// How often it was refused before it was run.
    pub rejected: AtomicU64,
    /// How often it answered an error.
    pub failed: AtomicU64,
}

/// Figures of the server.
pub struct Stats {
    /// By position in the table of all commands.
    pub commands: Box<[CommandStats]>,
    /// Errors by their code.
    pub errors: parking_lot::Mutex<std::collections::BTreeMap<String, u64>>,
    /// Connections accepted.
    pub connections: AtomicU64,
    /// Connections refused for `maxclients`.
    pub rejected_connections: AtomicU64,
    /// Commands run.
    pub processed: AtomicU64,
    /// Bytes received.
    pub in_bytes: AtomicU64,
    /// Bytes sent.
    pub out_bytes: AtomicU64,
    /// Error replies.
    pub error_replies: AtomicU64,
    /// Reads and writes of sockets.
    pub reads: AtomicU64,
    /// See `reads`.
    pub writes: AtomicU64,
    /// Clients closed because they left too much unread.
    pub output_limit_disconnections: AtomicU64,
    /// Clients closed because they sent too much at once.
    pub query_limit_disconnections: AtomicU64,
    /// Rates, sampled ten times a second.
    pub rates: Rates,
}

impl Stats {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            commands: command::all().iter().map(|_| CommandStats::default()).collect(),
            errors: parking_lot::Mutex::default(),
            connections: AtomicU64::new(0),
            rejected_connections: AtomicU64::new(0),
            processed: AtomicU64::new(0),
            in_bytes: AtomicU64::new(0),
            out_bytes: AtomicU64::new(0),
            error_replies: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            output_limit_disconnections: AtomicU64::new(0),
            query_limit_disconnections: AtomicU64::new(0),
            rates: Rates::default(),
        }
    }

    /// Sets to zero what `CONFIG RESETSTAT` resets.
    pub fn reset(&self) {
        for command in &self.commands {
            for counter in [&command.calls, &command.nanos, &command.rejected, &command.failed] {
                counter.store(0, Relaxed);
            }
        }
        self.errors.lock().clear();
        for counter in [
            &self.connections,
            &self.rejected_connections,
            &self.processed,
            &self.in_bytes,
            &self.out_bytes,
            &self.error_replies,
            &self.reads,
            &self.writes,
            &self.output_limit_disconnections,
            &self.query_limit_disconnections,
        ] {
            counter.store(0, Relaxed);
        }
    }

    /// Counts an error reply by the code that it begins with.
    pub fn count_error(&self, text: &[u8]) {
        self.error_replies.fetch_add(1, Relaxed);
        let code = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let mut errors = self.errors.lock();
        // As in Valkey, codes beyond a bound are not told apart.
        if errors.len() < 128 {
            *errors.entry(String::from_utf8_lossy(code).into_owned()).or_default() += 1;
        }
    }
}

/// Calls of one command in a row, not yet added to its figures: a batch is mostly of one kind, and an addition that other
/// threads see costs as much as a small command.
#[derive(Default)]
pub struct Tally {
    position: usize,
    calls: u64,
    nanos: u64,
}

impl Tally {
    /// Counts a call.
    #[inline]
    pub fn add(&mut self, stats: &Stats, position: usize, nanos: u64) {
        if position != self.position {
            self.flush(stats);
            self.position = position;
        }
        self.calls += 1;
        self.nanos += nanos;
    }

    /// Adds what was counted to the figures.
    pub fn flush(&mut self, stats: &Stats) {
        if self.calls != 0 {
            let command = &stats.commands[self.position];
            command.calls.fetch_add(self.calls, Relaxed);
            command.nanos.fetch_add(self.nanos, Relaxed);
            (self.calls, self.nanos) = (0, 0);
        }
    }
}

impl Default for Stats {
    fn default() -> Self {
        Self::new()
    }
}

/// Commands and bytes a second over the last 1.6 seconds.
#[derive(Default)]
pub struct Rates {
    samples: parking_lot::Mutex<Samples>,
}

const SAMPLES: usize = 16;

#[derive(Default)]
struct Samples {
    /// When a sample was taken (ms), and the totals then.
    taken: [(u64, [u64; 3]); SAMPLES],
    next: usize,
}

impl Rates {
    /// Takes a sample of the totals of commands, bytes received and bytes sent.
    pub fn sample(&self, now_ms: u64, totals: [u64; 3]) {
        let mut samples = self.samples.lock();
        let next = samples.next;
        samples.taken[next] = (now_ms, totals);
        samples.next = (next + 1) % SAMPLES;
    }

    /// The rates a second.
    #[must_use]
    pub fn per_second(&self) -> [u64; 3] {
        let samples = self.samples.lock();
        let newest = samples.taken[(samples.next + SAMPLES - 1) % SAMPLES];
        let oldest = samples.taken[samples.next];
        let elapsed_ms = newest.0.saturating_sub(oldest.0);
        std::array::from_fn(|at| {
            (newest.1[at].saturating_sub(oldest.1[at]) * 1000).checked_div(elapsed_ms).unwrap_or(0)
        })
    }
}
