//! What a checkpoint makes dispensable is removed, and what a backup needs is copied.
//!
//! What must hold: a segment goes only if a later one begins with a record that is durable and not needed, so that the
//! header of what comes first now is durable too; segments go from the oldest on, but a power cut may bring any of them
//! back, and `recovery` passes over those. A copy ends where a frame ends.

use super::Lsn;
use super::recovery::{first_needed, list};
use super::segment;
use super::shared::Shared;
use crate::error::Error;
use crate::io::{Disk, copy_file};
use std::sync::atomic::Ordering;

impl Shared {
    pub(super) fn trim(&self, upto: Lsn) -> Result<u64, Error> {
        assert!(upto <= self.durable.load(Ordering::Acquire), "only durable records are in a checkpoint");
        let mut segments = list(&*self.disk)?;
        segments.truncate(first_needed(&segments, upto));
        let mut removed_bytes = 0;
        for spent in &segments {
            let bytes = spent.file.len()?;
            self.disk.remove(&spent.name)?;
            removed_bytes += bytes;
            let mut stats = self.stats.lock();
            stats.segments = stats.segments.saturating_sub(1);
            stats.bytes = stats.bytes.saturating_sub(bytes);
        }
        if !segments.is_empty() {
            self.disk.sync_dir()?;
        }
        Ok(removed_bytes)
    }

    pub(super) fn copy_to(&self, after: Lsn, to: &dyn Disk) -> Result<(), Error> {
        self.sync()?;
        // Where the last whole frame ends; what follows may be half written while it is read.
        let (current, end) = {
            let writer = self.writer.lock();
            self.check_failed()?;
            match &writer.current {
                Some(current) => (current.index, current.offset),
                None => (u32::MAX, 0),
            }
        };
        let segments = list(&*self.disk)?;
        let first = first_needed(&segments, after);
        for from in segments[first..].iter().filter(|segment| segment.index <= current && segment.is_begun())
        {
            let len = if from.index == current { end } else { from.file.len()? };
            copy_file(&*from.file, to, &segment::name(from.epoch, from.index), len)?;
        }
        to.sync_dir()
    }
}
