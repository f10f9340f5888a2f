//! Buffers that a thread keeps from call to call.
//!
//! What must hold: a call that Python code makes in the middle of another one, from a finalizer, gets buffers of its own.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Lends what the thread keeps.
#[inline]
pub(crate) fn lent<T: Default, R>(
    kept: &'static LocalKey<RefCell<T>>,
    use_it: impl FnOnce(&mut T) -> R,
) -> R {
    let mut it = kept.take();
    let result = use_it(&mut it);
    kept.set(it);
    result
}
