//! How threads rest between looks for work, and hear that they are to work or to end.
//!
//! What must hold: who asks how often there were kicks ([`Rest::kicks`]) before looking for work does not rest through a kick that
//! comes after that.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

#[derive(Default)]
pub(super) struct Rest {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// Threads are to end, lanes after a last flush.
    stopping: bool,
    /// Until then, by the clock that nobody sets.
    deadline: Duration,
    /// How often something was to be done at once.
    kicks: u64,
}

impl Rest {
    /// Something is to be done now.
    pub(super) fn kick(&self) {
        self.state.lock().kicks += 1;
        self.wake.notify_all();
    }

    /// How often something was to be done at once: to be asked before it is looked for work.
    pub(super) fn kicks(&self) -> u64 {
        self.state.lock().kicks
    }

    /// Rests until something is to be done that was not when there had been so many kicks, or so long.
    pub(super) fn rest(&self, kicks: u64, period: Duration) {
        let mut state = self.state.lock();
        self.wake.wait_while_for(&mut state, |state| !state.stopping && state.kicks == kicks, period);
    }

    /// Threads are to end. False if they were already.
    pub(super) fn stop(&self, deadline: Duration) -> bool {
        let mut state = self.state.lock();
        if state.stopping {
            return false;
        }
        (state.stopping, state.deadline) = (true, deadline);
        drop(state);
        self.wake.notify_all();
        true
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.state.lock().stopping
    }

    pub(super) fn deadline(&self) -> Duration {
        self.state.lock().deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_rests_through_a_kick_that_came_after_the_look_for_work() {
        let (rest, hour) = (Rest::default(), Duration::from_secs(3600));
        let kicks = rest.kicks();
        rest.kick();
        rest.rest(kicks, hour);
        std::thread::scope(|scope| {
            let (kicks, resting) = (rest.kicks(), &rest);
            let thread = scope.spawn(move || resting.rest(kicks, hour));
            rest.kick();
            thread.join().unwrap();
        });
    }

    #[test]
    fn who_is_to_end_does_not_rest() {
        let rest = Rest::default();
        assert!(rest.stop(Duration::from_secs(5)) && !rest.stop(Duration::from_secs(9)));
        rest.rest(rest.kicks(), Duration::from_secs(3600));
        assert!(rest.is_stopping() && rest.deadline() == Duration::from_secs(5));
    }
}
