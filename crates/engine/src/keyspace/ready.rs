//! Waiting for several things to happen, and being called once they have.

use parking_lot::Mutex;
use std::sync::Arc;

/// What is called in the end, with what went wrong if anything did.
pub(crate) type Ready = Box<dyn FnOnce(Result<(), String>) + Send>;

/// Somebody who waits for several things to happen.
pub(crate) struct Waiting {
    state: Mutex<(usize, Option<String>, Option<Ready>)>,
}

impl Waiting {
    /// `ready` is called once `happened` was, as often as `things` says.
    pub(crate) fn new(things: usize, ready: Ready) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new((things, None, Some(ready))) })
    }

    /// One of the things has happened, or cannot. No lock may be held.
    pub(crate) fn happened(&self, failure: Option<&str>) {
        let mut state = self.state.lock();
        state.0 = state.0.saturating_sub(1);
        if state.1.is_none() {
            state.1 = failure.map(str::to_owned);
        }
        if state.0 == 0
            && let Some(ready) = state.2.take()
        {
            let outcome = state.1.take().map_or(Ok(()), Err);
            drop(state);
            ready(outcome);
        }
    }
}
