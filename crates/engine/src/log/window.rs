//! Windows: mapped parts of segments ahead of the writer, into which it copies frames instead of calling the system.
//!
//! What must hold: a window is mapped, and its pages are made writable, by the thread that prepares segments, never by a
//! writer; a writer that finds none writes to the file, which is the same bytes in the same page cache, so windows change
//! what a write costs and nothing else. Few are ahead: a page made writable is written to disk once by the next sync,
//! though it may still hold nothing. With `appendfsync always` there are none: each sync protects the pages again, and to
//! write one then takes longer than the system call.

use super::options::AppendFsync;
use super::shared::Shared;
use crate::io::{File, Mapping};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How large a window is; a multiple of the page size. At the speed of one busy thread it lasts for about 10 ms.
const WINDOW_BYTES: u64 = 4 << 20;

/// How many windows wait for the writer, besides the one that it is in.
const WINDOWS_AHEAD: usize = 2;

/// A mapped part of a segment.
pub(crate) struct Window {
    segment: u32,
    start: u64,
    pub(crate) end: u64,
    mapping: Box<dyn Mapping>,
}

impl Window {
    /// Copies as many of `bytes` as there is room for from `offset` of the segment on. Returns how many.
    #[inline]
    pub(crate) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> usize {
        let room = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
        let fitting = &bytes[..bytes.len().min(room)];
        self.mapping.write_at(offset - self.start, fitting);
        fitting.len()
    }
}

/// A segment whose windows are yet to be mapped, from `mapped_to` on.
struct Target {
    segment: u32,
    file: Arc<dyn File>,
    capacity_bytes: u64,
    mapped_to: u64,
}

/// What writer and preparing thread share.
#[derive(Default)]
pub(crate) struct Windows {
    /// The segment being written, if all of it is not mapped yet, and those prepared.
    targets: VecDeque<Target>,
    /// In the order of segments and offsets.
    ready: VecDeque<Window>,
    /// Left behind by the writer: unmapping takes too long to be done there.
    spent: Vec<Window>,
    /// The disk does not map: nobody asks any more.
    is_off: bool,
}

impl Windows {
    /// There never are any.
    pub(super) fn off() -> Self {
        Self { is_off: true, ..Self::default() }
    }

    /// A segment has been prepared.
    pub(crate) fn add_segment(&mut self, segment: u32, file: Arc<dyn File>, capacity_bytes: u64) {
        if !self.is_off {
            self.targets.push_back(Target { segment, file, capacity_bytes, mapped_to: 0 });
        }
    }

    /// The window at `offset` of a segment, in exchange for the one that has been filled.
    fn exchange(&mut self, segment: u32, offset: u64, filled: Option<Window>) -> Option<Window> {
        self.spent.extend(filled);
        while self.ready.front().is_some_and(|window| window.segment < segment || window.end <= offset) {
            self.spent.extend(self.ready.pop_front());
        }
        // What was written without a window needs none any more.
        self.targets.retain(|target| target.segment >= segment);
        if let Some(target) = self.targets.front_mut().filter(|target| target.segment == segment) {
            target.mapped_to = target.mapped_to.max(offset / WINDOW_BYTES * WINDOW_BYTES);
        }
        self.ready.pop_front_if(|window| window.segment == segment && window.start <= offset)
    }

    /// The part to be mapped next.
    fn next_part(&mut self) -> Option<(u32, Arc<dyn File>, u64, u64)> {
        if self.ready.len() >= WINDOWS_AHEAD {
            return None;
        }
        let target = self.targets.front_mut()?;
        let (start, end) = (target.mapped_to, (target.mapped_to + WINDOW_BYTES).min(target.capacity_bytes));
        target.mapped_to = end;
        let part = (target.segment, target.file.clone(), start, end);
        self.targets.pop_front_if(|target| target.mapped_to == target.capacity_bytes);
        Some(part)
    }
}

impl Shared {
    /// The window at `offset` of a segment, if one is ready; asks for more.
    #[cold]
    pub(super) fn next_window(&self, segment: u32, offset: u64, filled: Option<Window>) -> Option<Window> {
        if filled.is_none() && self.fsync() == AppendFsync::Always {
            return None;
        }
        let mut windows = self.windows.lock();
        let next = windows.exchange(segment, offset, filled);
        let is_off = windows.is_off;
        drop(windows);
        if !is_off && !self.windows_asked.swap(true, Ordering::AcqRel) {
            if self.options.threads {
                self.signals.want_windows();
            } else {
                self.map_ahead();
            }
        }
        next
    }

    /// Takes a window back whose segment is left.
    pub(super) fn leave_window(&self, window: Option<Window>) {
        self.windows.lock().spent.extend(window);
    }

    /// Maps the windows that are due, and unmaps those left behind.
    pub(super) fn map_ahead(&self) {
        self.windows_asked.store(false, Ordering::Release);
        loop {
            let mut windows = self.windows.lock();
            let spent = std::mem::take(&mut windows.spent);
            let wants_more = self.fsync() != AppendFsync::Always;
            let part = wants_more.then(|| windows.next_part()).flatten();
            drop(windows);
            drop(spent);
            let Some((segment, file, start, end)) = part else { return };
            match file.map(start, end - start) {
                Some(mapping) => {
                    self.windows.lock().ready.push_back(Window { segment, start, end, mapping });
                }
                None => *self.windows.lock() = Windows::off(),
            }
        }
    }

    /// Gives up all windows.
    pub(super) fn drop_windows(&self) {
        *self.windows.lock() = Windows::off();
    }
}
