//! Threads that several databases share, so that one more of them costs no thread.
//!
//! A few workers do jobs, which may wait for a disk; a ticker calls on whoever has asked for it. What must hold: a job that was
//! given is done, in the order in which they were given; whoever is called on does little, since all others wait meanwhile.
//! Left out: jobs that wait for other jobs.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

/// Between two calls of the ticker.
const TICK: Duration = Duration::from_millis(100);
/// Calls in a second, about.
pub(crate) const TICKS_PER_SECOND: u64 = 10;
/// So many jobs are done at once.
const WORKERS_MAX: usize = 4;

type Job = Box<dyn FnOnce() + Send>;
/// Is told how often the ticker has called; called until it says no.
type Tick = Box<dyn FnMut(u64) -> bool + Send>;

/// The threads. They are started when the first database is served and end with the last handle.
#[derive(Default)]
pub struct Service {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is a job, or an end.
    wake: Condvar,
    /// There is an end.
    end: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    ticks: Vec<Tick>,
    has_ticker: bool,
    workers: usize,
    idle: usize,
    stop: bool,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("workers", &self.shared.state.lock().workers).finish_non_exhaustive()
    }
}

impl Service {
    /// Calls `tick` ten times a second until it returns false.
    pub(crate) fn watch(&self, tick: Tick) -> std::io::Result<()> {
        let mut state = self.shared.state.lock();
        if state.workers == 0 {
            self.start_worker(&mut state)?;
        }
        if !state.has_ticker {
            let shared = Arc::clone(&self.shared);
            Builder::new().name("shared-tick".to_owned()).spawn(move || tick_until_stopped(&shared))?;
            state.has_ticker = true;
        }
        state.ticks.push(tick);
        Ok(())
    }

    /// Has a worker do this. Something must be [watched](Self::watch) already.
    pub(crate) fn run(&self, job: Job) {
        let mut state = self.shared.state.lock();
        state.jobs.push_back(job);
        if state.jobs.len() > state.idle && state.workers < WORKERS_MAX {
            // Without another one those that are there do it later.
            let _ = self.start_worker(&mut state);
        }
        drop(state);
        self.shared.wake.notify_one();
    }

    fn start_worker(&self, state: &mut State) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        Builder::new().name("shared-work".to_owned()).spawn(move || work_until_stopped(&shared))?;
        state.workers += 1;
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.state.lock().stop = true;
        self.shared.wake.notify_all();
        self.shared.end.notify_all();
    }
}

fn work_until_stopped(shared: &Shared) {
    loop {
        let mut state = shared.state.lock();
        let job = loop {
            if let Some(job) = state.jobs.pop_front() {
                break job;
            }
            if state.stop {
                return;
            }
            state.idle += 1;
            shared.wake.wait(&mut state);
            state.idle -= 1;
        };
        drop(state);
        job();
    }
}

fn tick_until_stopped(shared: &Shared) {
    for round in 1_u64.. {
        let mut state = shared.state.lock();
        if !state.stop {
            shared.end.wait_for(&mut state, TICK);
        }
        if state.stop {
            return;
        }
        let mut ticks = std::mem::take(&mut state.ticks);
        drop(state);
        ticks.retain_mut(|tick| tick(round));
        let mut state = shared.state.lock();
        // Others may have come meanwhile.
        ticks.append(&mut state.ticks);
        state.ticks = ticks;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn all_jobs_are_done_by_few_threads_and_one_that_waits_holds_up_no_other() {
        let service = Service::default();
        service.watch(Box::new(|_| false)).unwrap();
        let ((done, is_done), (free, is_free)) = (channel(), channel::<()>());
        service.run(Box::new(move || {
            let _ = is_free.recv();
        }));
        for number in 0..100 {
            let done = done.clone();
            service.run(Box::new(move || done.send(number).unwrap()));
        }
        let mut all: Vec<i32> = (0..100).map(|_| is_done.recv().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert!(service.shared.state.lock().workers <= WORKERS_MAX);
        drop(free);
    }

    #[test]
    fn whoever_is_called_on_is_called_until_it_says_no() {
        let service = Service::default();
        let (called, calls) = channel();
        service
            .watch(Box::new(move |round| {
                called.send(round).unwrap();
                round < 3
            }))
            .unwrap();
        assert_eq!(calls.iter().collect::<Vec<_>>(), [1, 2, 3]);
        assert!(service.shared.state.lock().ticks.is_empty());
    }
}
