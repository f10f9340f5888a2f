//! How a file gets its space, and whether it is mapped, on every system: by calls of the standard library only.
//!
//! Linux has ways of its own ([`super::linux`]) and takes these where a file system lacks them; its tests run both. What must
//! hold: allocating never makes a file shorter. So on Apple's systems `F_PREALLOCATE` is not used, which reserves behind the
//! file's end, whatever was there, and gives it a length only by cutting it to one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// How much is written at once.
const ZEROS_BYTES: usize = 1 << 20;

/// Space by zeros, no mapping.
#[cfg(any(test, not(target_os = "linux")))]
pub(super) const WAYS: super::os::Ways = super::os::Ways { allocate, map: no_map };

/// Makes the file at least `bytes` long: zeros written behind its end take real space.
pub(super) fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS_BYTES];
    let mut len = file.metadata()?.len();
    while len < bytes {
        let step = usize::try_from(bytes - len).map_or(zeros.len(), |left| left.min(zeros.len()));
        file.write_all_at(&zeros[..step], len)?;
        len += step as u64;
    }
    Ok(())
}

/// A file that is not mapped is written by calls.
#[cfg(any(test, not(target_os = "linux")))]
fn no_map(_: &File, _: u64, _: u64) -> Option<Box<dyn super::Mapping>> {
    None
}
