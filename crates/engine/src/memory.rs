//! How much memory is in use: a count kept by the global allocator.
//!
//! Owns [`Counted`], which a program puts around its allocator, and the figures made from it. They are of the whole process,
//! since that is what an allocator serves. What must hold: what is added for an allocation is taken off when it is freed, so
//! both are computed by one formula from the layout alone; counting allocates nothing and takes no lock. Each thread sums up
//! by itself and hands on some 16 KiB at a time, so the count may be wrong by as much for each running thread.
//!
//! Without [`Counted`] nothing is known, and [`used_bytes`] says so: then a limit of memory cannot be kept.
//!
//! Leaves out: stacks, mapped files, and what libraries in C allocate by themselves.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// A global allocator that counts what it gives and takes back.
///
/// ```
/// use ramekin::memory::Counted;
/// use std::alloc::System;
///
/// #[global_allocator]
/// static ALLOCATOR: Counted<System> = Counted(System);
///
/// let before = ramekin::memory::used_bytes().unwrap();
/// let block = vec![0_u8; 1 << 20];
/// assert!(ramekin::memory::used_bytes().unwrap() >= before + block.len() as u64);
/// ```
#[derive(Debug, Default)]
pub struct Counted<A>(pub A);

/// What the allocator of this program can do besides allocating, see [`describe`].
#[derive(Debug)]
pub struct Allocator {
    /// Its name.
    pub name: &'static str,
    /// Gives memory that is free back to the operating system.
    pub release: fn(),
    /// Does so for what has been free for a while. Called about once a second by a thread of each open database.
    pub tidy: fn(),
    /// Bytes that it holds from the operating system, free ones included.
    pub held_bytes: fn() -> u64,
    /// Its figures, for people.
    pub report: fn() -> String,
}

/// What a thread has counted and not handed on yet goes no further than this, in bytes.
const BATCH: u64 = 16 << 10;
/// The count of a thread that has not begun.
const FRESH: i64 = i64::MIN / 2;
/// The count of a thread that is ending: it hands everything on at once.
const ENDING: i64 = i64::MAX / 2;

/// On a cache line of its own: it is read before every command that may need memory.
#[repr(align(128))]
struct Total(AtomicI64);

static USED: Total = Total(AtomicI64::new(0));
/// The most that was ever in use.
static PEAK: AtomicI64 = AtomicI64::new(0);
static INSTALLED: AtomicBool = AtomicBool::new(false);
static ASIDE_OBJECTS: AtomicU64 = AtomicU64::new(0);
static ASIDE_BYTES: AtomicU64 = AtomicU64::new(0);
static FREED_OBJECTS: AtomicU64 = AtomicU64::new(0);
static ALLOCATOR: OnceLock<&'static Allocator> = OnceLock::new();

thread_local! {
    static PENDING: Cell<i64> = const { Cell::new(FRESH) };
    static LAST: Last = const { Last };
}

/// Hands the rest of a thread's count on when the thread ends.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        USED.0.fetch_add(PENDING.replace(ENDING), Relaxed);
    }
}

/// Bytes in use by the whole process; none if its allocator does not count ([`Counted`]).
#[inline]
#[must_use]
pub fn used_bytes() -> Option<u64> {
    INSTALLED.load(Relaxed).then(used)
}

/// Bytes in use; 0 if they are not counted.
#[inline]
pub(crate) fn used() -> u64 {
    let mine = PENDING.get();
    let mine = if mine.unsigned_abs() < BATCH { mine } else { 0 };
    u64::try_from(USED.0.load(Relaxed) + mine).unwrap_or(0)
}

/// The most that was ever in use, or since [`reset_peak`], in bytes.
#[must_use]
pub fn peak_bytes() -> u64 {
    u64::try_from(PEAK.load(Relaxed)).unwrap_or(0).max(used())
}

/// Forgets how much was in use before.
pub fn reset_peak() {
    PEAK.store(USED.0.load(Relaxed), Relaxed);
}

/// Objects that were deleted and are still to be freed, and their bytes as far as they are known.
#[must_use]
pub fn waiting_to_be_freed() -> (u64, u64) {
    (ASIDE_OBJECTS.load(Relaxed), ASIDE_BYTES.load(Relaxed))
}

/// Objects that were freed some time after they were deleted.
#[must_use]
pub fn freed_later() -> u64 {
    FREED_OBJECTS.load(Relaxed)
}

/// Sets that count to zero.
pub fn reset_freed_later() {
    FREED_OBJECTS.store(0, Relaxed);
}

/// Says what the allocator can do; only the first call counts.
pub fn describe(allocator: &'static Allocator) {
    ALLOCATOR.get_or_init(|| allocator);
}

/// What [`describe`] was told.
#[must_use]
pub fn allocator() -> Option<&'static Allocator> {
    ALLOCATOR.get().copied()
}

/// Objects were deleted and wait to be freed.
pub(crate) fn put_aside(objects: u64, bytes: u64) {
    ASIDE_OBJECTS.fetch_add(objects, Relaxed);
    ASIDE_BYTES.fetch_add(bytes, Relaxed);
}

/// They have been freed.
pub(crate) fn freed(objects: u64, bytes: u64) {
    ASIDE_OBJECTS.fetch_sub(objects, Relaxed);
    ASIDE_BYTES.fetch_sub(bytes, Relaxed);
    FREED_OBJECTS.fetch_add(objects, Relaxed);
}

/// What the allocator takes for a block of this size: its size classes are multiples of 8 bytes up to 64, then four to each
/// doubling, and whole pages for the largest (mimalloc 3, `mi_bin`). Others differ little.
#[inline]
#[must_use]
pub const fn rounded(bytes: usize) -> usize {
    const CLASSED_BYTES_MAX: usize = 512 << 10;
    const PAGE: usize = 4096;
    if bytes <= 64 {
        (bytes + 7) & !7
    } else if bytes <= CLASSED_BYTES_MAX {
        let step = 1 << ((bytes - 1).ilog2() - 2);
        (bytes + step - 1) & !(step - 1)
    } else {
        bytes.saturating_add(PAGE - 1) & !(PAGE - 1)
    }
}

#[inline]
fn counted(bytes: usize) -> i64 {
    // An allocation never reaches half of the address space.
    rounded(bytes).cast_signed() as i64
}

#[inline]
fn note(delta: i64) {
    let sum = PENDING.get() + delta;
    if sum.unsigned_abs() < BATCH { PENDING.set(sum) } else { hand_on(sum) }
}

#[cold]
#[inline(never)]
fn hand_on(sum: i64) {
    if sum < FRESH / 2 {
        PENDING.set(sum - FRESH);
        INSTALLED.store(true, Relaxed);
        // From now on the rest is handed on when the thread ends. A thread that is ending already cannot say so.
        if LAST.try_with(|_| ()).is_err() {
            PENDING.set(ENDING + sum - FRESH);
        }
    } else if sum > ENDING / 2 {
        USED.0.fetch_add(sum - ENDING, Relaxed);
        PENDING.set(ENDING);
    } else {
        let used = USED.0.fetch_add(sum, Relaxed) + sum;
        if used > PEAK.load(Relaxed) {
            PEAK.fetch_max(used, Relaxed);
        }
        PENDING.set(0);
    }
}

// SAFETY: every call is passed on as it came to an allocator that keeps the contract; counting allocates nothing.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counted<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(counted(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { self.0.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(counted(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(-counted(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { self.0.dealloc(block, layout) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let moved = unsafe { self.0.realloc(block, layout, bytes) };
        if !moved.is_null() {
            note(counted(bytes) - counted(layout.size()));
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_as_the_allocator_rounds_them() {
        for (bytes, class) in
            [(0, 0), (1, 8), (56, 56), (57, 64), (65, 80), (80, 80), (81, 96), (129, 160), (1025, 1280)]
        {
            assert_eq!(rounded(bytes), class, "{bytes}");
        }
        assert_eq!((rounded(500 << 10), rounded((512 << 10) + 1)), (512 << 10, (512 << 10) + 4096));
    }
}
