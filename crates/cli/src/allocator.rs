//! The program's allocator: mimalloc, with what is in use counted.
//!
//! Asked for no more than its natural alignment, mimalloc gives a block of the size itself; asked for an alignment by name it
//! may take the next size class. `.cargo/config.toml` makes its natural alignment 8 bytes, so that size classes are 8 apart.

use libmimalloc_sys as mi;
use ramekin::memory::{Allocator, Counted};
use std::alloc::{GlobalAlloc, Layout};
use std::ffi::{CStr, c_char, c_void};

/// Every block of this alignment or less is as mimalloc gives it.
const NATURAL: usize = 8;

/// mimalloc, called by its plain functions wherever these do.
#[derive(Debug)]
pub(crate) struct Mimalloc;

#[global_allocator]
static ALLOCATOR: Counted<Mimalloc> = Counted(Mimalloc);

/// What it can do for `MEMORY PURGE` and `MEMORY MALLOC-STATS`.
pub(crate) static DESCRIPTION: Allocator = Allocator { name: "mimalloc", release, tidy, held_bytes, report };

fn release() {
    // SAFETY: may be called at any time, by any thread.
    unsafe { mi::mi_collect(true) };
}

fn tidy() {
    // SAFETY: as in `release`.
    unsafe { mi::mi_collect(false) };
}

fn held_bytes() -> u64 {
    let (mut committed, none) = (0, std::ptr::null_mut());
    // SAFETY: figures that are not wanted may be null, the one that is wanted is written during the call.
    unsafe { mi::mi_process_info(none, none, none, none, none, &raw mut committed, none, none) };
    committed as u64
}

fn report() -> String {
    extern "C" fn append(line: *const c_char, text: *mut c_void) {
        // SAFETY: mimalloc passes on the pointer that it was given with this function, which outlives the call.
        let text = unsafe { &mut *text.cast::<String>() };
        // SAFETY: it passes a string that ends with a zero.
        text.push_str(&unsafe { CStr::from_ptr(line) }.to_string_lossy());
    }
    let mut text = String::new();
    // SAFETY: `append` takes what is handed to it here.
    unsafe { mi::mi_stats_print_out(Some(append), (&raw mut text).cast()) };
    text
}

// SAFETY: mimalloc keeps the contract; blocks of either function are freed by `mi_free`.
unsafe impl GlobalAlloc for Mimalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= NATURAL {
            // SAFETY: any size will do.
            return unsafe { mi::mi_malloc(layout.size()) }.cast();
        }
        // SAFETY: the alignment of a layout is a power of two.
        unsafe { mi::mi_malloc_aligned(layout.size(), layout.align()) }.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= NATURAL {
            // SAFETY: as in `alloc`.
            return unsafe { mi::mi_zalloc(layout.size()) }.cast();
        }
        // SAFETY: as in `alloc`.
        unsafe { mi::mi_zalloc_aligned(layout.size(), layout.align()) }.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: it is a block of this allocator, by the caller's promise.
        unsafe { mi::mi_free(block.cast()) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if layout.align() <= NATURAL {
            // SAFETY: it is a block of this allocator, by the caller's promise.
            return unsafe { mi::mi_realloc(block.cast(), bytes) }.cast();
        }
        // SAFETY: the same, and the alignment is a power of two.
        unsafe { mi::mi_realloc_aligned(block.cast(), bytes, layout.align()) }.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tests that run at the same time may have in use.
    const OTHERS_BYTES_MAX: u64 = 4 << 20;

    #[test]
    fn blocks_are_counted_with_the_size_that_mimalloc_gives_them() {
        for bytes in (1..20_000).chain((20_000..1 << 20).step_by(997)) {
            // SAFETY: it only computes.
            let given = unsafe { mi::mi_good_size(bytes) };
            assert_eq!(ramekin::memory::rounded(bytes), given, "{bytes}");
        }
    }

    // One test, as the count is of the whole process.
    #[test]
    fn neither_a_thread_that_ends_nor_a_database_that_is_emptied_leaves_anything_in_the_count() {
        let used = || ramekin::memory::used_bytes().unwrap();
        let before = used();
        for _ in 0..3_000 {
            let block = vec![0_u8; 12_000];
            std::thread::scope(|scope| drop(scope.spawn(|| drop(block))));
        }
        assert!(used().abs_diff(before) < OTHERS_BYTES_MAX, "{before} {}", used());
        let options = ramekin::Options { threads: false, shards: 4, ..ramekin::Options::default() };
        let db = ramekin::Database::memory(&options).unwrap();
        for key in 0..500_000 {
            db.set(format!("key:{key}").as_bytes(), b"value").unwrap();
        }
        let full = used().abs_diff(before);
        assert!((16_000_000..30_000_000).contains(&full), "{full}");
        db.execute(&[b"FLUSHALL"]).unwrap();
        db.reclaim();
        assert!(used().abs_diff(before) < OTHERS_BYTES_MAX, "{before} {}", used());
    }

    #[test]
    fn its_figures_can_be_read() {
        release();
        assert!(report().contains("committed"), "{}", report());
    }
}
