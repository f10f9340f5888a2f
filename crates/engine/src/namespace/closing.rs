//! Closing: namespaces that nobody uses, and all of them at the end.
//!
//! A thread of its own looks each second, since closing waits for disks and stores. What must hold: a database is closed only
//! while nobody has it; one in memory is never closed before the end, because nothing else has what is in it.

use super::slot::Namespace;
use super::{Inner, Namespaces};
use crate::db::Database;
use crate::error::Error;
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Between two looks.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// With a shorter time-out it is looked more often.
const LOOK_PERIOD_MIN: Duration = Duration::from_millis(20);
/// So many are closed at once at the end: most wait for a disk or a store.
const CLOSED_AT_ONCE: usize = 32;
/// With more log than this since the last checkpoint, or more segments, one is taken first, so that opening is quick.
const LOG_BYTES_MAX: u64 = 1 << 20;
const SEGMENTS_MAX: u64 = 8;

/// The thread that closes.
#[derive(Default)]
pub(super) struct Closer {
    thread: Mutex<Option<JoinHandle<()>>>,
    stop: Arc<(Mutex<bool>, Condvar)>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        // The thread holds nothing of this while it waits.
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
    }
}

impl Namespaces {
    /// Starts the thread with the first namespace that is opened.
    pub(super) fn start_closing(&self) -> Result<(), Error> {
        if !self.inner.options.database.threads || self.inner.folders.is_none() {
            return Ok(());
        }
        let mut thread = self.inner.closer.thread.lock();
        if thread.is_none() {
            let (weak, stop) = (Arc::downgrade(&self.inner), Arc::clone(&self.inner.closer.stop));
            let started = Builder::new()
                .name("namespaces".to_owned())
                .spawn(move || close_until_stopped(&weak, &stop))
                .map_err(|error| Error::from_os("cannot start a thread", error))?;
            *thread = Some(started);
        }
        Ok(())
    }

    /// Closes the namespaces that nobody has used for so long as is set. Returns how many; a thread does so by itself.
    pub fn close_idle(&self) -> usize {
        if self.inner.folders.is_none() {
            return 0;
        }
        let idle = Duration::from_millis(self.inner.idle_timeout_ms.load(Ordering::Relaxed));
        let mut closed = 0;
        for namespace in self.all() {
            if let Some((turn, database)) = namespace.take_idle(self.now(), idle) {
                save_if_worth(&database);
                // What failed was latched, and is told when it is opened again.
                let _ = namespace.let_go(turn, database, true);
                closed += 1;
            }
        }
        closed
    }

    /// Closes all that are open, whoever uses them. Nothing is opened meanwhile by itself, but whoever asks for one opens it.
    ///
    /// # Errors
    /// The first one: what was not durable in that namespace may be lost.
    pub fn close(&self) -> Result<(), Error> {
        *self.inner.closer.stop.0.lock() = true;
        self.inner.closer.stop.1.notify_all();
        if let Some(thread) = self.inner.closer.thread.lock().take() {
            // A panic of that thread has been reported where it happened.
            let _ = thread.join();
        }
        let (left, outcome) = (Mutex::new(self.all()), Mutex::new(Ok(())));
        let close_all = || {
            loop {
                let next = left.lock().pop();
                let Some(namespace) = next else { return };
                if let Err(error) = close_one(&namespace) {
                    let mut outcome = outcome.lock();
                    if outcome.is_ok() {
                        *outcome = Err(error);
                    }
                }
            }
        };
        let open = left.lock().iter().filter(|namespace| namespace.is_open()).count();
        std::thread::scope(|scope| {
            for _ in 1..open.min(CLOSED_AT_ONCE) {
                // Without more threads this one closes them all.
                let _ = Builder::new().name("namespace-close".to_owned()).spawn_scoped(scope, close_all);
            }
            close_all();
        });
        outcome.into_inner()
    }
}

fn close_one(namespace: &Namespace) -> Result<(), Error> {
    let Some((turn, database)) = namespace.take_open() else { return Ok(()) };
    save_if_worth(&database);
    let closed = namespace.let_go(turn, database, false);
    closed.map_err(|error| Error::new(error.kind(), format!("the namespace '{}': {error}", namespace.name())))
}

/// Takes a checkpoint if opening would have much to read without.
fn save_if_worth(database: &Database) {
    let segments = database.log_stats().map_or(0, |log| log.segments);
    if database.checkpoint_stats().log_bytes > LOG_BYTES_MAX || segments > SEGMENTS_MAX {
        // The log has it all.
        let _ = database.checkpoint();
    }
}

fn close_until_stopped(inner: &Weak<Inner>, stop: &(Mutex<bool>, Condvar)) {
    loop {
        let Some(held) = inner.upgrade() else { return };
        let namespaces = Namespaces { inner: held };
        namespaces.close_idle();
        let idle = Duration::from_millis(namespaces.inner.idle_timeout_ms.load(Ordering::Relaxed));
        drop(namespaces);
        let mut stopped = stop.0.lock();
        if !*stopped {
            stop.1.wait_for(&mut stopped, (idle / 4).clamp(LOOK_PERIOD_MIN, LOOK_PERIOD));
        }
        if *stopped {
            return;
        }
    }
}
