//! A file of the simulated disk, page by page: what is durable, what a read sees, what lies between.
//!
//! What must hold: each page remembers all it held since it was last synced, since any of it may be what a power cut
//! leaves.

use crate::io::SeededRng;
use std::collections::BTreeMap;
use std::sync::Arc;

const PAGE_BYTES: usize = 4096;
pub(super) const SECTOR_BYTES: usize = 512;

type Page = Arc<[u8; PAGE_BYTES]>;

#[derive(Debug, Clone, Default)]
struct PageState {
    /// What a power cut cannot take; `None` is zeros.
    durable: Option<Page>,
    /// What a read sees; `None` is zeros.
    visible: Option<Page>,
    /// What it held after each write since the last sync.
    unsynced: Vec<Page>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    pub(super) len: u64,
    durable_len: u64,
    pub(super) allocated_bytes: u64,
    pages: BTreeMap<u64, PageState>,
}

/// The pages that `len` bytes at `offset` touch: number, range within the page, range within the bytes.
fn spans(
    offset: u64,
    len: usize,
) -> impl Iterator<Item = (u64, std::ops::Range<usize>, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let within = usize::try_from(at % PAGE_BYTES as u64).unwrap_or(0);
        let step = (PAGE_BYTES - within).min(len - done);
        let span = (at / PAGE_BYTES as u64, within..within + step, done..done + step);
        done += step;
        Some(span)
    })
}

fn bytes_of(page: Option<&Page>) -> [u8; PAGE_BYTES] {
    page.map_or([0; PAGE_BYTES], |page| **page)
}

impl Inode {
    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = buf.len().min(left);
        for (page, within, range) in spans(offset, count) {
            match self.pages.get(&page).and_then(|page| page.visible.as_ref()) {
                Some(bytes) => buf[range].copy_from_slice(&bytes[within]),
                None => buf[range].fill(0),
            }
        }
        count
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        for (number, within, range) in spans(offset, bytes.len()) {
            let page = self.pages.entry(number).or_default();
            let mut content = bytes_of(page.visible.as_ref());
            content[within].copy_from_slice(&bytes[range]);
            page.set(content);
        }
        self.len = self.len.max(offset + bytes.len() as u64);
    }

    pub(super) fn set_len(&mut self, len: u64) {
        for (&number, page) in self.pages.range_mut(len / PAGE_BYTES as u64..) {
            let start = number * PAGE_BYTES as u64;
            let keep = usize::try_from(len.saturating_sub(start)).unwrap_or(PAGE_BYTES).min(PAGE_BYTES);
            let mut content = bytes_of(page.visible.as_ref());
            content[keep..].fill(0);
            page.set(content);
        }
        self.len = len;
        self.allocated_bytes = self.allocated_bytes.min(len);
    }

    pub(super) fn sync(&mut self) {
        for page in self.pages.values_mut() {
            if !page.unsynced.is_empty() {
                page.durable.clone_from(&page.visible);
                page.unsynced.clear();
            }
        }
        self.durable_len = self.len;
    }

    pub(super) fn drop_unsynced(&mut self) {
        for page in self.pages.values_mut() {
            page.unsynced.clear();
        }
    }

    pub(super) fn after_power_cut(&self, rng: &SeededRng, keep_percent: u64) -> Self {
        let len = if rng.below(100) < keep_percent { self.len } else { self.durable_len };
        let mut inode = Self { len, durable_len: len, allocated_bytes: len, pages: BTreeMap::new() };
        for (&number, page) in &self.pages {
            let content = Arc::new(page.after_power_cut(rng, keep_percent));
            let state =
                PageState { durable: Some(content.clone()), visible: Some(content), unsynced: Vec::new() };
            inode.pages.insert(number, state);
        }
        // What lies past the length is not there, and reads as zeros should the file grow again.
        inode.set_len(len);
        inode.sync();
        inode
    }
}

impl PageState {
    fn set(&mut self, content: [u8; PAGE_BYTES]) {
        let page = Arc::new(content);
        self.visible = Some(page.clone());
        self.unsynced.push(page);
    }

    fn after_power_cut(&self, rng: &SeededRng, keep_percent: u64) -> [u8; PAGE_BYTES] {
        let durable = bytes_of(self.durable.as_ref());
        let Some(newest) = self.unsynced.last() else { return durable };
        if rng.below(100) >= 20 {
            // Most pages come back whole.
            return if rng.below(100) < keep_percent { **newest } else { durable };
        }
        let mut content = durable;
        for sector in (0..PAGE_BYTES).step_by(SECTOR_BYTES) {
            let version = usize::try_from(rng.below(self.unsynced.len() as u64 + 1)).unwrap_or(0);
            if let Some(page) = self.unsynced.get(version) {
                content[sector..sector + SECTOR_BYTES].copy_from_slice(&page[sector..sector + SECTOR_BYTES]);
            }
        }
        content
    }
}
