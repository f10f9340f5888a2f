//! Figures since the start, for INFO.
//!
//! Counters are relaxed atomics; those of commands are written by several event loops, each of which adds what a batch
//! took at its end.

use crate::command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Classes of durations: up to 1,024 ns, and each up to twice the one before; the last is open.
pub const DURATIONS: usize = 26;

/// Figures of one command.
#[derive(Default)]
pub struct CommandStats {
    /// How often it was run.
    pub calls: AtomicU64,
    /// How long it took in all, in nanoseconds.
    pub nanos: AtomicU64,
    /// How many calls took how long, by class.
    pub durations: [AtomicU64; DURATIONS],
    /// How often it was refused before it was run.
    pub rejected: AtomicU64,
    /// How often it answered an error.
    pub failed: AtomicU64,
}

impl CommandStats {
    /// For each class of durations that any call fell into: its upper end in microseconds, and how many calls took no
    /// longer.
    #[must_use]
    pub fn histogram(&self) -> Vec<(u64, u64)> {
        let mut sum = 0;
        let counts = self.durations.iter().map(|count| count.load(Relaxed)).enumerate();
        let taken = counts.filter(|(_, count)| *count != 0);
        taken
            .map(|(class, count)| {
                sum += count;
                ((1024 << class) / 1000, sum)
            })
            .collect()
    }

    /// How long, in microseconds, the fastest so many thousandths of the calls took at most, interpolated within a class;
    /// none without a call.
    #[must_use]
    pub fn percentile_us(&self, thousandths: u64) -> Option<f64> {
        let counts: Vec<u64> = self.durations.iter().map(|count| count.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let mut rank = (total * thousandths).div_ceil(1000);
        for (class, count) in counts.into_iter().enumerate().filter(|(_, count)| *count != 0) {
            if rank <= count {
                let upper = (1024_u64 << class) as f64;
                let lower = if class == 0 { 0.0 } else { upper / 2.0 };
                return Some((lower + (upper - lower) * rank as f64 / count as f64) / 1000.0);
            }
            rank -= count;
        }
        None
    }
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
    /// Clients closed because all took too much memory together.
    pub evicted_clients: AtomicU64,
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
            evicted_clients: AtomicU64::new(0),
            rates: Rates::default(),
        }
    }

    /// Sets to zero what `CONFIG RESETSTAT` resets.
    pub fn reset(&self) {
        for command in &self.commands {
            for counter in [&command.calls, &command.nanos, &command.rejected, &command.failed] {
                counter.store(0, Relaxed);
            }
            command.durations.iter().for_each(|count| count.store(0, Relaxed));
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
            &self.evicted_clients,
        ] {
            counter.store(0, Relaxed);
        }
    }

    /// Counts an error reply by the code that it begins with.
    pub fn count_error(&self, text: &[u8]) {
        self.error_replies.fetch_add(1, Relaxed);
        let code = text.split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).next().unwrap_or_default();
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
    durations: [u64; DURATIONS],
    /// The classes that have any, a bit each.
    classes: u32,
}

/// The class of a duration.
#[inline]
fn class(nanos: u64) -> usize {
    let bits = u64::BITS - (nanos >> 10).leading_zeros();
    (bits as usize).min(DURATIONS - 1)
}

impl Stats {
    /// Counts a single call.
    pub fn count_call(&self, position: usize, nanos: u64) {
        let mut tally = Tally::default();
        tally.add(self, position, 1, nanos);
        tally.flush(self);
    }
}

impl Tally {
    /// Counts calls of one command that took so long together.
    #[inline]
    pub fn add(&mut self, stats: &Stats, position: usize, calls: u64, nanos: u64) {
        if position != self.position {
            self.flush(stats);
            self.position = position;
        }
        self.calls += calls;
        self.nanos += nanos;
        let class = class(nanos / calls.max(1));
        self.durations[class] += calls;
        self.classes |= 1 << class;
    }

    /// Adds what was counted to the figures.
    pub fn flush(&mut self, stats: &Stats) {
        if self.calls != 0 {
            let command = &stats.commands[self.position];
            command.calls.fetch_add(self.calls, Relaxed);
            command.nanos.fetch_add(self.nanos, Relaxed);
            while self.classes != 0 {
                let class = self.classes.trailing_zeros() as usize;
                self.classes &= self.classes - 1;
                let count = std::mem::take(&mut self.durations[class]);
                command.durations[class].fetch_add(count, Relaxed);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_by_class_and_by_percentile() {
        let stats = Stats::new();
        for nanos in [500, 900, 3_000, 3_500, 100_000] {
            stats.count_call(0, nanos);
        }
        let command = &stats.commands[0];
        assert_eq!((command.calls.load(Relaxed), command.nanos.load(Relaxed)), (5, 107_900));
        assert_eq!(command.histogram(), [(1, 2), (4, 4), (131, 5)]);
        assert_eq!(command.percentile_us(400), Some(1.024));
        assert_eq!(command.percentile_us(600), Some(3.072));
        assert_eq!(command.percentile_us(1000), Some(131.072));
        stats.reset();
        assert_eq!((command.histogram(), command.percentile_us(500)), (vec![], None));
    }
}
