//! Work that lets other Python threads run, and comes back to them cheaply.
//!
//! A thread that has copied for some microseconds and wants the interpreter back finds it taken, most often by a thread that will
//! give it up at once, for a copy of its own. To sleep until then costs both more than the copy. So it looks for a moment whether
//! the interpreter comes free by itself, and of those that see it one alone goes for it.
//!
//! What must hold: it looks only while a thread that came back from here has the interpreter for less than [`HELD_NANOS_MAX`], and for
//! no longer than [`LOOK_NANOS_MAX`]. What is known here decides about time alone: whether a thread has the interpreter is Python's matter.

use pyo3::prelude::*;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// A thread that has held the interpreter for longer will go on doing so.
const HELD_NANOS_MAX: u64 = 50_000;
const LOOK_NANOS_MAX: u64 = 1_000_000;
/// So many looks until the processor is given to others.
const LOOKS: u32 = 100;

/// Since when a thread that has come back from here has the interpreter, or goes for it, in nanoseconds; 0: none does.
static HELD_SINCE: AtomicU64 = AtomicU64::new(0);
#[expect(clippy::disallowed_methods, reason = "how long to look is no matter of the data")]
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now_nanos() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// Does something without the interpreter, for some microseconds.
pub(crate) fn beside<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> R {
    HELD_SINCE.store(0, Relaxed);
    let result = py.detach(|| {
        let result = work();
        look_for_a_gap();
        result
    });
    HELD_SINCE.store(now_nanos(), Relaxed);
    result
}

/// Returns once it is this thread's turn to go for the interpreter, or that is not to be soon.
fn look_for_a_gap() {
    let begun = now_nanos();
    for looks in 1_u32.. {
        let (since, now) = (HELD_SINCE.load(Relaxed), now_nanos());
        if since == 0 {
            if HELD_SINCE.compare_exchange(0, now, Relaxed, Relaxed).is_ok() {
                return;
            }
        } else if now.saturating_sub(since) > HELD_NANOS_MAX || now - begun > LOOK_NANOS_MAX {
            return;
        }
        if looks.is_multiple_of(LOOKS) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}
