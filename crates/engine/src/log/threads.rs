//! The log's own threads: one syncs, one prepares segments and windows ahead, one writes records that take long.
//!
//! They are several because preparing and long writes must not hold up a group of waiting commits. What must hold: all end
//! when told, and none works on after the log has failed. A log that shares threads with others has none of its own (`served`).

use super::AppendFsync;
use super::served::{self, Lent, Task};
use super::shared::Shared;
use crate::error::Error;
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// What `everysec` means, and how long a log is idle before it states what is synced.
const SYNC_PERIOD: Duration = Duration::from_secs(1);

const PREPARE_RETRY_MIN: Duration = Duration::from_millis(100);
const PREPARE_RETRY_MAX: Duration = Duration::from_secs(1);

/// How the threads are woken.
#[derive(Default)]
pub(crate) struct Signals {
    pub(super) wanted: Mutex<Wanted>,
    sync: Condvar,
    prepare: Condvar,
    write: Condvar,
    /// Who does it, if the log has no threads of its own.
    pub(super) lent: OnceLock<Lent>,
    /// A task has ended.
    pub(super) ended: Condvar,
}

#[derive(Default)]
pub(super) struct Wanted {
    pub(super) sync: bool,
    pub(super) segment: bool,
    windows: bool,
    pub(super) write: bool,
    pub(super) stop: bool,
    /// Which tasks a worker is at.
    pub(super) running: [bool; 3],
}

impl Signals {
    pub(crate) fn want_sync(&self) {
        let mut wanted = self.wanted.lock();
        wanted.sync = true;
        self.sync.notify_one();
        self.begin(wanted, Task::Sync);
    }

    pub(crate) fn want_segment(&self) {
        let mut wanted = self.wanted.lock();
        if !wanted.segment {
            wanted.segment = true;
            self.prepare.notify_one();
            self.begin(wanted, Task::Prepare);
        }
    }

    pub(crate) fn want_windows(&self) {
        self.wanted.lock().windows = true;
        self.prepare.notify_one();
    }

    pub(crate) fn want_write(&self) {
        let mut wanted = self.wanted.lock();
        wanted.write = true;
        self.write.notify_one();
        self.begin(wanted, Task::Write);
    }

    pub(crate) fn stop(&self) {
        self.wanted.lock().stop = true;
        self.sync.notify_all();
        self.prepare.notify_all();
        self.write.notify_all();
    }
}

/// Starts them.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<Vec<JoinHandle<()>>, Error> {
    if let Some(service) = &shared.options.service {
        return served::start(shared, service).map(|()| Vec::new());
    }
    let spawn = |name: &str, run: fn(&Shared)| {
        let shared = shared.clone();
        Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&shared))
            .map_err(|error| Error::from_os(format!("cannot start the thread {name}"), error))
    };
    let sync = spawn("log-sync", sync_loop)?;
    let prepare = spawn("log-prepare", prepare_loop).inspect_err(|_| shared.signals.stop())?;
    let write = spawn("log-write", write_loop).inspect_err(|_| shared.signals.stop())?;
    Ok(vec![sync, prepare, write])
}

fn write_loop(shared: &Shared) {
    loop {
        let mut wanted = shared.signals.wanted.lock();
        while !wanted.write && !wanted.stop {
            shared.signals.write.wait(&mut wanted);
        }
        if !std::mem::take(&mut wanted.write) {
            return;
        }
        drop(wanted);
        shared.write_later_records();
    }
}

fn sync_loop(shared: &Shared) {
    let mut last = shared.clock.monotonic();
    loop {
        let asked = {
            let mut wanted = shared.signals.wanted.lock();
            if !wanted.sync && !wanted.stop {
                let since = shared.clock.monotonic().saturating_sub(last);
                shared.signals.sync.wait_for(&mut wanted, SYNC_PERIOD.saturating_sub(since));
            }
            if wanted.stop {
                return;
            }
            std::mem::take(&mut wanted.sync)
        };
        let is_period_over = shared.clock.monotonic().saturating_sub(last) >= SYNC_PERIOD;
        if !asked && !is_period_over {
            continue;
        }
        last = shared.clock.monotonic();
        // Before the sync begins, so that whoever asks from now on is heard.
        shared.sync_asked.store(false, Ordering::Release);
        let is_idle = shared.appended.load(Ordering::Acquire) == shared.durable.load(Ordering::Acquire);
        // A failure is latched, and told to those who wait; there is nobody here to tell.
        if is_idle {
            let _ = shared.state_synced();
        } else if asked || shared.fsync() != AppendFsync::No {
            let _ = shared.sync();
        }
    }
}

fn prepare_loop(shared: &Shared) {
    let mut retry = PREPARE_RETRY_MIN;
    // After the disk was full: when to ask it again, by the monotonic clock.
    let mut not_before = Duration::ZERO;
    loop {
        let (wants_segment, wants_windows) = {
            let mut wanted = shared.signals.wanted.lock();
            loop {
                if wanted.stop {
                    return;
                }
                let left = not_before.saturating_sub(shared.clock.monotonic());
                if wanted.windows || (wanted.segment && left.is_zero()) {
                    break (wanted.segment && left.is_zero(), std::mem::take(&mut wanted.windows));
                }
                if wanted.segment {
                    shared.signals.prepare.wait_for(&mut wanted, left);
                } else {
                    shared.signals.prepare.wait(&mut wanted);
                }
            }
        };
        if wants_windows {
            shared.map_ahead();
        }
        if !wants_segment {
            continue;
        }
        if shared.prepare_ahead() {
            retry = PREPARE_RETRY_MIN;
            shared.signals.wanted.lock().segment = false;
        } else {
            not_before = shared.clock.monotonic() + retry;
            retry = (retry * 2).min(PREPARE_RETRY_MAX);
        }
    }
}
