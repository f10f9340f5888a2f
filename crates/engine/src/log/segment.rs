//! Segments as files: their names, and how one comes to be.
//!
//! What must hold: a segment that is handed out has real space behind every byte, and its name and length are durable, so
//! that writing into it can neither run out of space nor be lost with the name. What is in it is `record`'s matter.

use super::record::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::error::Error;
use crate::io::{Disk, File};
use std::sync::Arc;

/// An empty segment, ready to be begun.
pub(crate) struct Prepared {
    pub(crate) file: Arc<dyn File>,
    pub(crate) index: u32,
    pub(crate) capacity_bytes: u64,
}

/// Why a segment could not be prepared.
pub(crate) enum PrepareError {
    /// There is no space, or no file to be had. It may be tried again.
    Space(Error),
    /// A sync failed. It must not be tried again.
    Sync(Error),
}

/// The name of a segment's file.
pub(crate) fn name(epoch: u32, index: u32) -> String {
    format!("log-{epoch:08x}-{index:08x}.rkl")
}

/// Epoch and index of a segment's file; `None` for any other file.
pub(crate) fn parse_name(file: &str) -> Option<(u32, u32)> {
    let (epoch, index) = file.strip_prefix("log-")?.strip_suffix(".rkl")?.split_once('-')?;
    let numbers = (u32::from_str_radix(epoch, 16).ok()?, u32::from_str_radix(index, 16).ok()?);
    (name(numbers.0, numbers.1) == file).then_some(numbers)
}

/// Whether a file is a segment, by its name.
pub(crate) fn is_name(file: &str) -> bool {
    parse_name(file).is_some()
}

/// Creates a segment with all its space. After a failure nothing of it is left.
pub(crate) fn prepare(
    disk: &dyn Disk,
    epoch: u32,
    index: u32,
    capacity_bytes: u64,
) -> Result<Prepared, PrepareError> {
    let name = name(epoch, index);
    let file = disk.create(&name).map_err(PrepareError::Space)?;
    file.allocate(capacity_bytes)
        .map_err(PrepareError::Space)
        .and_then(|()| file.sync_data().and_then(|()| disk.sync_dir()).map_err(PrepareError::Sync))
        .inspect_err(|_| {
            // If this fails as well, a blank file stays behind, which the next opening removes.
            let _ = disk.remove(&name);
        })?;
    Ok(Prepared { file, index, capacity_bytes })
}

/// Writes the header of a segment.
pub(crate) fn begin(file: &dyn File, header: &SegmentHeader) -> Result<(), Error> {
    const { assert!(super::record::ENCODED_HEADER_BYTES as u64 <= SEGMENT_HEADER_BYTES) };
    file.write_at(0, &header.encode())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_we_give_are_segments() {
        assert_eq!(parse_name(&name(3, 0x1f)), Some((3, 31)));
        for other in
            ["log-3-1f.rkl", "log-00000003-0000001F.rkl", "log-00000003-0000001f.rkl.bak", "MANIFEST", "LOCK"]
        {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }
}
