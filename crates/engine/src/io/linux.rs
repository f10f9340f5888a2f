//! How a file gets its space, and whether it is mapped, on Linux.
//!
//! What must hold: only a file with real space behind it is mapped, on a file system that overwrites in place; see [`Map`].

#![cfg(target_os = "linux")]

use super::map::Map;
use super::os::Ways;
use super::{Mapping, portable};
use rustix::fs::{FallocateFlags, FsWord, fallocate, fstatfs};
use rustix::io::Errno;
use std::fs::File;
use std::io;

/// The file systems that overwrite in place, by the magic numbers of `statfs(2)`: ext2 to ext4, XFS, tmpfs. On others a
/// store into allocated space may still find the disk full, which through a mapping would end the process.
const KEEPS_SPACE: [FsWord; 3] = [0xef53, 0x5846_5342, 0x0102_1994];

/// `fallocate` and mappings, where the file system has them.
pub(super) const WAYS: Ways = Ways { allocate, map };

fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP) => return portable::allocate(file, bytes),
            Err(error) => return Err(error.into()),
        }
    }
}

fn map(file: &File, offset: u64, bytes: u64) -> Option<Box<dyn Mapping>> {
    let keeps_space = fstatfs(file).is_ok_and(|stat| KEEPS_SPACE.contains(&stat.f_type));
    let is_there = file.metadata().is_ok_and(|metadata| offset + bytes <= metadata.len());
    if !keeps_space || !is_there {
        return None;
    }
    Some(Box::new(Map::new(file, offset, usize::try_from(bytes).ok()?).ok()?))
}

impl Mapping for Map {
    #[inline]
    fn write_at(&mut self, offset: u64, bytes: &[u8]) {
        Map::write_at(self, usize::try_from(offset).unwrap_or(usize::MAX), bytes);
    }
}
