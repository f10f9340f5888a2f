//! The seam to the world: disk, clock and randomness as traits, so that simulation can own all three.
//!
//! [`os`] holds the real ones (`linux` and `portable` what differs between systems), [`mem`] a disk in memory that crashes, tears,
//! fills up and fails on demand. What must hold: nothing else in the engine touches a file, a clock or a source of randomness.
//! Left out on purpose: paths (a disk is one flat folder; [`Folders`] has several), buffering and caching (their owners know
//! better), and retries.

mod folders;
mod linux;
mod map;
pub mod mem;
pub mod os;
mod portable;

pub use folders::{Folders, OsFolders};

use crate::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// One folder of files, held exclusively by its owner. Names are flat: no separators.
pub trait Disk: Send + Sync {
    /// Gives the folder free for others, before this value goes: nothing is written through it any more.
    fn unlock(&self) {}

    /// Creates an empty file for reading and writing. A file of that name must not exist.
    ///
    /// # Errors
    /// `Invalid` if it exists, or what the disk says. The name is durable only after [`Disk::sync_dir`].
    fn create(&self, name: &str) -> Result<Arc<dyn File>, Error>;

    /// Opens an existing file for reading and writing (for reading, if the disk is read-only).
    ///
    /// # Errors
    /// `NotFound` if it does not exist, or what the disk says.
    fn open(&self, name: &str) -> Result<Arc<dyn File>, Error>;

    /// The names of all files, in no order.
    ///
    /// # Errors
    /// What the disk says.
    fn list(&self) -> Result<Vec<String>, Error>;

    /// Renames a file, replacing one that has the new name. Durable after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// `NotFound` if it does not exist, or what the disk says.
    fn rename(&self, from: &str, to: &str) -> Result<(), Error>;

    /// Removes a file. Durable after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// `NotFound` if it does not exist, or what the disk says.
    fn remove(&self, name: &str) -> Result<(), Error>;

    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// What the disk says; after a failure it is unknown which of them are durable.
    fn sync_dir(&self) -> Result<(), Error>;

    /// How much space there is; none if this disk cannot tell.
    ///
    /// # Errors
    /// What the disk says.
    fn space(&self) -> Result<Option<DiskSpace>, Error> {
        Ok(None)
    }
}

/// How much space a disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that this process may still take.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// A file of a [`Disk`]. Several threads may use it at once; overlapping writes are the caller's matter.
pub trait File: Send + Sync {
    /// Writes all of `bytes` at `offset`, growing the file if needed. Durable after [`File::sync_data`].
    ///
    /// # Errors
    /// What the disk says; any part of the range may then hold old or new bytes.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Error>;

    /// Reads up to `buf.len()` bytes at `offset`; fewer only at the end of the file. Returns how many.
    ///
    /// # Errors
    /// What the disk says.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Error>;

    /// The length in bytes.
    ///
    /// # Errors
    /// What the disk says.
    fn len(&self) -> Result<u64, Error>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// What the disk says.
    fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len()? == 0)
    }

    /// Makes the file at least `bytes` long, with real space behind all of it: writes below that length cannot fail for
    /// want of space. New bytes read as zero.
    ///
    /// # Errors
    /// `DiskFull` if there is not enough space, or what the disk says.
    fn allocate(&self, bytes: u64) -> Result<(), Error>;

    /// Cuts the file to `bytes`, or extends it with zeros that have no space behind them.
    ///
    /// # Errors
    /// What the disk says.
    fn set_len(&self, bytes: u64) -> Result<(), Error>;

    /// Makes all that was written before this call durable, with the length needed to read it.
    ///
    /// # Errors
    /// What the disk says. It must not be called again in the hope of success: the system may have dropped the pages.
    fn sync_data(&self) -> Result<(), Error>;

    /// Brings `bytes` of the file from `offset`, a multiple of 4096, into memory to be written there. They must have been
    /// allocated, and must not be cut off while the mapping lives. `None` if this file is not to be mapped: then
    /// [`File::write_at`] serves.
    fn map(&self, offset: u64, bytes: u64) -> Option<Box<dyn Mapping>> {
        let _ = (offset, bytes);
        None
    }
}

/// So much of a file is copied at once.
const COPY_BYTES: usize = 1 << 20;

/// Copies the first `len` bytes of a file into a new one, which is durable once [`Disk::sync_dir`] was.
pub(crate) fn copy_file(from: &dyn File, to: &dyn Disk, name: &str, len: u64) -> Result<(), Error> {
    let copy = to.create(name)?;
    let mut bytes = vec![0; COPY_BYTES];
    let mut at = 0;
    while at < len {
        let step = usize::try_from(len - at).map_or(COPY_BYTES, |left| left.min(COPY_BYTES));
        let count = from.read_at(at, &mut bytes[..step])?;
        if count == 0 {
            break;
        }
        copy.write_at(at, &bytes[..count])?;
        at += count as u64;
    }
    copy.sync_data()
}

/// A part of a [`File`] in memory. What is written to it is written to the file, as by [`File::write_at`]: read by all,
/// kept though the process is killed, durable after [`File::sync_data`].
pub trait Mapping: Send {
    /// Writes all of `bytes` at `offset` from the start of the part, within it. It calls no system and cannot fail; if the
    /// device fails to read a page back that was evicted, the system ends the process.
    fn write_at(&mut self, offset: u64, bytes: &[u8]);
}

/// The time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 by the wall clock, which may jump either way.
    fn now_ms(&self) -> u64;

    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
}

/// A source of randomness.
pub trait Rng: Send + Sync {
    /// The next 64 random bits.
    fn next_u64(&self) -> u64;

    /// The next 128 random bits.
    fn next_u128(&self) -> u128 {
        u128::from(self.next_u64()) << 64 | u128::from(self.next_u64())
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a small generator whose whole state is its seed, for simulation.
#[derive(Debug)]
pub struct SeededRng(parking_lot::Mutex<u64>);

impl SeededRng {
    /// A generator that always gives the same numbers for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(parking_lot::Mutex::new(seed))
    }

    /// A number below `bound`, which must not be 0.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        self.next_u64() % bound
    }
}

impl Rng for SeededRng {
    fn next_u64(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
