//! One test: connections over threads, each thread a loop, and the window that is measured.
//!
//! A run has three phases: warm-up (load, nothing counted), the window, and the end (nothing more is sent, what is
//! under way is awaited). Requests and CPU time count in the window alone; latencies also of those that were under way
//! when it closed, so that a stall at its end is not left out.

use super::connection;
use super::options::Options;
use super::server_cpu::{Cpu, Meter};
use super::template::{Numbers, Template};
use super::workload::Workload;
use hdrhistogram::Histogram;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use super::worker::Worker;

/// As many files may be open where the system names no limit (`OPEN_MAX` of Apple's systems).
const OPEN_FILES_MAX: u64 = 10_240;

/// When a run ends, and from when on it counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    /// Load before anything counts.
    pub(super) warmup: Duration,
    /// Length of the window; without it, it lasts until `requests` are answered.
    pub(super) measure: Option<Duration>,
    /// Requests in the window.
    pub(super) requests: Option<u64>,
}

/// Where a run stands; what threads look at once a turn of their loop.
pub(super) struct Phase(AtomicU8);

impl Phase {
    pub(super) const WARMUP: u8 = 0;
    pub(super) const WINDOW: u8 = 1;
    pub(super) const END: u8 = 2;

    #[inline]
    pub(super) fn now(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }

    fn enter(&self, phase: u8) {
        self.0.store(phase, Ordering::Release);
    }
}

/// What one thread counted.
pub(super) struct Tally {
    /// Replies in the window.
    pub(super) replies: u64,
    pub(super) errors: u64,
    pub(super) nulls: u64,
    /// Empty if there was none.
    pub(super) first_error: String,
    /// Nanoseconds from the send of its pipeline to the read that brought a reply.
    pub(super) latencies: Histogram<u64>,
}

impl Tally {
    pub(super) fn new() -> Tally {
        let latencies = Histogram::new_with_bounds(100, 60_000_000_000, 3)
            .expect("100 ns to 60 s in three digits is in range");
        Tally { replies: 0, errors: 0, nulls: 0, first_error: String::new(), latencies }
    }
}

/// The figures of one test.
pub(super) struct Outcome {
    /// Requests answered in the window.
    pub(super) requests: u64,
    /// Length of the window.
    pub(super) seconds: f64,
    /// Nanoseconds.
    pub(super) latencies: Histogram<u64>,
    pub(super) errors: u64,
    pub(super) nulls: u64,
    pub(super) first_error: String,
    /// CPU time of the server in the window, where its process is known.
    pub(super) server: Option<Cpu>,
    /// CPU time of this process in the window.
    pub(super) generator_seconds: f64,
}

/// Runs one test.
///
/// # Errors
///
/// A connection that cannot be opened or is lost, a server that stops answering, a `--server-pid` that is not there.
pub(super) fn run(
    options: &Options,
    workload: &Workload,
    numbers: &Numbers,
    limits: &Limits,
) -> Result<Outcome, String> {
    let meter = options.server_pid.map(Meter::new);
    let phase = Phase(AtomicU8::new(if limits.warmup.is_zero() { Phase::WINDOW } else { Phase::WARMUP }));
    let mut workers = open_workers(options, workload, numbers, limits)?;
    std::thread::scope(|scope| {
        // A window without warm-up starts before the first request does.
        let mut window = Window::open(meter.as_ref())?;
        let mut threads: Vec<ScopedJoinHandle<'_, Result<Tally, String>>> = Vec::new();
        for (index, worker) in workers.drain(..).enumerate() {
            let builder = std::thread::Builder::new().name(format!("bench-{index}"));
            let thread = builder.spawn_scoped(scope, || worker.run(&phase));
            threads.push(thread.map_err(|error| format!("cannot start a thread: {error}"))?);
        }
        if !limits.warmup.is_zero() {
            wait(limits.warmup, &threads);
            window = Window::open(meter.as_ref())?;
            phase.enter(Phase::WINDOW);
        }
        let mut outcome = None;
        if let Some(measure) = limits.measure {
            wait(measure, &threads);
            outcome = Some(window.close(meter.as_ref()));
            phase.enter(Phase::END);
        }
        let tallies: Vec<_> = threads
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| Err("a thread of the generator panicked".to_owned()))
            })
            .collect();
        let mut outcome = outcome.unwrap_or_else(|| window.close(meter.as_ref()))?;
        tallies.into_iter().try_for_each(|tally| tally.map(|tally| outcome.add(&tally)))?;
        Ok(outcome)
    })
}

/// Lifts the limit on open files as far as the system lets it, for many connections.
pub(super) fn raise_open_files_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Apple's systems name no limit and refuse more than this. Where it cannot be lifted, opening a connection will say so.
    let possible = maximum.unwrap_or(OPEN_FILES_MAX);
    if current.is_some_and(|current| current < possible) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum });
    }
}

fn open_workers(
    options: &Options,
    workload: &Workload,
    numbers: &Numbers,
    limits: &Limits,
) -> Result<Vec<Worker>, String> {
    let threads = options.threads as u64;
    let share = |total: u64, index: u64| total / threads + u64::from(index < total % threads);
    let mut start = 0;
    let mut workers = Vec::new();
    for index in 0..threads {
        let requests = limits.requests.map(|requests| share(requests, index));
        let numbers = numbers.for_thread(index, start, requests.unwrap_or(0));
        start += requests.unwrap_or(0);
        let template = Template::new(&workload.request, options.pipeline);
        // Each connection sends a pipeline every so often.
        let pipelines = (options.connections * options.pipeline) as f64;
        let interval = options.rate.map(|rate| Duration::from_secs_f64(pipelines / rate as f64));
        let mut worker = Worker::new(template, numbers, requests, interval)?;
        for _ in 0..share(options.connections as u64, index) {
            let socket = connection::open(options)?;
            connection::nonblocking(&socket)?;
            worker.add(socket)?;
        }
        workers.push(worker);
    }
    Ok(workers)
}

/// Waits, but no longer than the first thread that ends: it has failed.
fn wait(duration: Duration, threads: &[ScopedJoinHandle<'_, Result<Tally, String>>]) {
    let from = now();
    while let Some(left) = duration.checked_sub(from.elapsed()).filter(|left| !left.is_zero()) {
        if threads.iter().any(ScopedJoinHandle::is_finished) {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

/// The stretch of time that counts.
struct Window {
    opened: Instant,
    server: Option<super::server_cpu::Sample>,
    generator_seconds: f64,
}

impl Window {
    fn open(meter: Option<&Meter>) -> Result<Window, String> {
        let server = meter.map(Meter::read).transpose()?;
        Ok(Window { opened: now(), server, generator_seconds: own_cpu_seconds() })
    }

    fn close(&self, meter: Option<&Meter>) -> Result<Outcome, String> {
        let seconds = self.opened.elapsed().as_secs_f64();
        let generator_seconds = own_cpu_seconds() - self.generator_seconds;
        let server = match (meter, &self.server) {
            (Some(meter), Some(before)) => Some(meter.read()?.since(before)),
            _ => None,
        };
        let Tally { latencies, .. } = Tally::new();
        let (requests, errors, nulls, first_error) = (0, 0, 0, String::new());
        Ok(Outcome { requests, seconds, latencies, errors, nulls, first_error, server, generator_seconds })
    }
}

impl Outcome {
    fn add(&mut self, tally: &Tally) {
        self.requests += tally.replies;
        self.errors += tally.errors;
        self.nulls += tally.nulls;
        if self.first_error.is_empty() {
            self.first_error.clone_from(&tally.first_error);
        }
        self.latencies.add(&tally.latencies).expect("all histograms have the same bounds");
    }
}

/// The generator measures real time; nothing here is ever simulated.
#[expect(clippy::disallowed_methods, reason = "the measure of a benchmark is the real clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::cast_precision_loss, reason = "a CPU time in nanoseconds is far below 2^52")]
fn own_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
