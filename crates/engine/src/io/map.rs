//! A part of a file in memory, to be written without system calls.
//!
//! What must hold: the part is mapped and its pages are writable before anybody gets the value; no reference into the
//! mapping ever exists, only copies into it, since the file may change under it; it is unmapped once, at its end. The file
//! has to have real space behind the part: a store into a hole on a full disk is not an error but a signal that ends the
//! process. Left out: reading, and making durable (`fdatasync` of the file covers pages written through a mapping).

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "a mapping is raw memory")]

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::NonNull;

/// How much is made writable at once: other threads that change the address space wait for one such step.
const POPULATE_BYTES: usize = 256 << 10;

/// How much is fetched behind a write for the next one: what small records take. The pages were last touched by the
/// thread that made them writable, so that each line would be waited for.
const LINES_AHEAD: usize = 4;
const LINE_BYTES: usize = 64;

/// A mapped part of a file.
#[derive(Debug)]
pub(super) struct Map {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone, is not tied to a thread, and is written only through `&mut self`.
unsafe impl Send for Map {}

impl Map {
    /// Maps `bytes` of `file` from `offset`, a multiple of the page size, and makes all pages writable now, so that no
    /// later store has to wait for one. Fails where the system cannot do that (Linux before 5.14).
    pub(super) fn new(file: &File, offset: u64, bytes: usize) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: without a fixed address the system chooses one that is free, so no memory in use is touched.
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED, file, offset) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = Self { start, bytes };
        for at in (0..bytes).step_by(POPULATE_BYTES) {
            let step_bytes = POPULATE_BYTES.min(bytes - at);
            let step = start.as_ptr().wrapping_add(at).cast::<c_void>();
            // SAFETY: the step is within the mapping; populating changes no byte of it.
            unsafe { madvise(step, step_bytes, Advice::LinuxPopulateWrite) }?;
        }
        Ok(map)
    }

    /// Copies `bytes` to `offset` within the mapping, which must have room for them.
    #[inline]
    pub(super) fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset.checked_add(bytes.len());
        assert!(end.is_some_and(|end| end <= self.bytes), "a write stays within its mapping");
        let target = self.start.as_ptr().wrapping_add(offset);
        // SAFETY: the target is within the mapping, as just checked, and `bytes` cannot overlap it, since nothing ever
        // refers into a mapping.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
        for line in 0..LINES_AHEAD {
            fetch_to_write(target.wrapping_add(bytes.len() + line * LINE_BYTES));
        }
    }
}

/// Asks the processor for the line at this address, to be written. The address may be anything: a hint never faults.
#[inline]
fn fetch_to_write(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction reads and writes nothing that the program can see and does not fault on any address.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the range is the one that was mapped, and nothing uses it after this.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "a mapping that was made can be unmapped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_is_written_to_a_mapping_is_in_the_file_at_once() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[1; 12_288], 0).unwrap();
        let mut map = Map::new(&file, 4096, 8192).unwrap();
        map.write_at(8192 - 3, b"end");
        map.write_at(10, b"start");
        let mut bytes = [0; 12_288];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!((&bytes[4096 + 10..][..5], &bytes[12_285..]), (&b"start"[..], &b"end"[..]));
        assert!(bytes[..4106].iter().all(|&byte| byte == 1), "and nothing else has changed");
    }

    #[test]
    #[should_panic = "a write stays within its mapping"]
    fn a_write_past_the_end_of_a_mapping_is_a_panic() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        Map::new(&file, 0, 4096).unwrap().write_at(4090, b"1234567");
    }
}
