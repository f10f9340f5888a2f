//! A part of a large value that several values may hold, counted by its holders.
//!
//! Owns the count and the one allocation. What must hold: nobody reaches the part for change while somebody else holds
//! it; whoever wants to change a part that is shared gets a copy of its own. It differs from the standard library's
//! `Arc` in that there are no weak holders: asking whether a part is held once is one load, where `Arc` locks its
//! count of weak holders each time, and a holder takes eight bytes less.

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

/// See the module.
pub(super) struct Shared<T>(NonNull<Held<T>>);

struct Held<T> {
    holders: AtomicUsize,
    part: T,
}

// SAFETY: holders on several threads reach the part only for reading, and the last of them drops it.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above; through a reference a holder can only be read and cloned.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Bytes of the allocation besides the part's own.
    pub(super) const OVERHEAD_BYTES: usize = size_of::<Held<T>>() - size_of::<T>();

    pub(super) fn new(part: T) -> Self {
        let held = Box::new(Held { holders: AtomicUsize::new(1), part });
        Self(NonNull::from(Box::leak(held)))
    }

    #[inline]
    fn held(&self) -> &Held<T> {
        // SAFETY: the allocation lives as long as any holder, and is changed only by an only holder that is borrowed.
        unsafe { self.0.as_ref() }
    }

    /// Whether nobody else holds it.
    #[inline]
    pub(super) fn is_unique(this: &Self) -> bool {
        // Acquire: what former holders read happened before the changes of the one that is left.
        this.held().holders.load(Ordering::Acquire) == 1
    }
}

impl<T: Clone> Shared<T> {
    /// The part, to change: a copy of it first, if somebody else holds it.
    #[inline]
    pub(super) fn make_mut(this: &mut Self) -> &mut T {
        if !Self::is_unique(this) {
            Self::part_ways(this);
        }
        // SAFETY: there is one holder, which is borrowed for change: nobody can read the part or begin to hold it.
        unsafe { &mut this.0.as_mut().part }
    }

    #[cold]
    #[inline(never)]
    fn part_ways(this: &mut Self) {
        *this = Self::new(T::clone(this));
    }

    /// The part itself: a copy, if somebody else holds it.
    pub(super) fn into_inner(this: Self) -> T {
        if !Self::is_unique(&this) {
            return T::clone(&this);
        }
        let this = std::mem::ManuallyDrop::new(this);
        // SAFETY: there was one holder, which is not dropped; the allocation came from a box.
        let held = unsafe { Box::from_raw(this.0.as_ptr()) };
        held.part
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.held().part
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: a new holder comes from one that keeps the part alive. A count cannot wrap: each holder takes memory.
        self.held().holders.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl<T> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        // The usual case, one holder, needs no locked instruction: nobody else can begin to hold it now.
        if !Self::is_unique(self) {
            if self.held().holders.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        // SAFETY: this was the last holder; the allocation came from a box.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_part_is_changed_in_place_by_its_only_holder_and_copied_by_any_other() {
        let mut one = Shared::new(vec![1, 2]);
        let address = one.as_ptr();
        Shared::make_mut(&mut one)[0] = 7;
        assert_eq!((&*one, one.as_ptr()), (&vec![7, 2], address));
        let other = one.clone();
        assert!(!Shared::is_unique(&one));
        Shared::make_mut(&mut one)[0] = 8;
        assert_eq!((&*one, &*other, other.as_ptr()), (&vec![8, 2], &vec![7, 2], address));
        let again = other.clone();
        assert_eq!(Shared::into_inner(other), [7, 2]);
        assert!(Shared::is_unique(&again));
        let part = Shared::into_inner(again);
        assert_eq!((&part, part.as_ptr()), (&vec![7, 2], address));
    }

    #[test]
    fn a_part_is_dropped_once_by_its_last_holder_on_whatever_thread() {
        for _ in 0..200 {
            let counted = Arc::new(());
            let part = Shared::new(Arc::clone(&counted));
            let go = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    let (mut held, go) = (part.clone(), &go);
                    scope.spawn(move || {
                        while !go.load(Ordering::Relaxed) {
                            std::hint::spin_loop();
                        }
                        let more = held.clone();
                        Shared::make_mut(&mut held);
                        drop(more);
                    });
                }
                go.store(true, Ordering::Relaxed);
                drop(part);
            });
            assert_eq!(Arc::strong_count(&counted), 1);
        }
    }
}
