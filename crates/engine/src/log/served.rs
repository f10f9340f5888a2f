//! A log without threads of its own: workers that many logs share do what it asks for.
//!
//! What must hold: there is one task of a kind at a time, so that a log never takes more than three workers; what is asked for
//! while one runs is done by it; after [`Signals::wait_for_tasks`] none runs and none will.

use super::AppendFsync;
use super::shared::Shared;
use super::threads::{Signals, Wanted};
use crate::error::Error;
use crate::service::{Service, TICKS_PER_SECOND};
use parking_lot::MutexGuard;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// Who does it.
pub(super) struct Lent {
    service: Arc<Service>,
    log: Weak<Shared>,
}

/// What workers do.
#[derive(Clone, Copy)]
pub(super) enum Task {
    Sync,
    Prepare,
    Write,
}

/// Has the log's service do what its threads would.
pub(super) fn start(shared: &Arc<Shared>, service: &Arc<Service>) -> Result<(), Error> {
    let log = Arc::downgrade(shared);
    let lent = Lent { service: Arc::clone(service), log: log.clone() };
    assert!(shared.signals.lent.set(lent).is_ok(), "a log is started once");
    let look = move |round: u64| {
        let Some(log) = log.upgrade() else { return false };
        if round.is_multiple_of(TICKS_PER_SECOND) {
            log.look();
        }
        !log.signals.wanted.lock().stop
    };
    service.watch(Box::new(look)).map_err(|error| Error::from_os("cannot start a thread", error))
}

impl Shared {
    /// What is due each second.
    fn look(&self) {
        let wanted = self.signals.wanted.lock();
        if wanted.stop {
            return;
        }
        if wanted.segment {
            // The disk was full.
            self.signals.begin(wanted, Task::Prepare);
        } else {
            drop(wanted);
        }
        if self.appended.load(Ordering::Acquire) == self.durable.load(Ordering::Acquire) {
            // A failure is latched, and told to those who wait.
            let _ = self.state_synced();
        } else if self.fsync() != AppendFsync::No {
            self.signals.want_sync();
        }
    }

    fn do_task(&self, task: Task) {
        while self.signals.takes(task) {
            // Failures are latched, and told to those who wait.
            match task {
                Task::Sync => {
                    // Before the sync begins, so that whoever asks from now on is heard.
                    self.sync_asked.store(false, Ordering::Release);
                    let _ = self.sync();
                }
                Task::Prepare if self.prepare_ahead() => self.signals.wanted.lock().segment = false,
                // The disk is full: it is asked again in a while.
                Task::Prepare => return self.signals.end(task),
                Task::Write => self.write_later_records(),
            }
        }
    }
}

impl Signals {
    /// Has a worker begin with a task, if the workers do them and none is at it.
    pub(super) fn begin(&self, mut wanted: MutexGuard<'_, Wanted>, task: Task) {
        let Some(lent) = self.lent.get() else { return };
        if wanted.stop || std::mem::replace(&mut wanted.running[task as usize], true) {
            return;
        }
        drop(wanted);
        let log = Weak::clone(&lent.log);
        lent.service.run(Box::new(move || {
            // Without it there is nobody who waits for the end of the task.
            if let Some(log) = log.upgrade() {
                log.do_task(task);
            }
        }));
    }

    /// Whether there is something to do; if not, the task ends.
    fn takes(&self, task: Task) -> bool {
        let mut wanted = self.wanted.lock();
        let is_wanted = match task {
            Task::Sync => std::mem::take(&mut wanted.sync) && !wanted.stop,
            Task::Prepare => wanted.segment && !wanted.stop,
            Task::Write => std::mem::take(&mut wanted.write),
        };
        if !is_wanted {
            wanted.running[task as usize] = false;
            self.ended.notify_all();
        }
        is_wanted
    }

    fn end(&self, task: Task) {
        self.wanted.lock().running[task as usize] = false;
        self.ended.notify_all();
    }

    /// Waits for the end of all tasks; they must have been told to stop.
    pub(super) fn wait_for_tasks(&self) {
        let mut wanted = self.wanted.lock();
        while wanted.running.contains(&true) {
            self.ended.wait(&mut wanted);
        }
    }
}
