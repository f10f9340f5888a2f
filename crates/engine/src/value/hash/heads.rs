//! The buckets of a large hash: for each the number of the first slot in its chain, in pages shared by reference count.
//!
//! Owns the pages. What must hold: all pages but the last are full, and no page is empty. A page grows in place while it is
//! the last, so growing copies no more than a page, and a page that something else holds is copied before it is changed.

use crate::value::prefetch;
use crate::value::shared::Shared;

/// Buckets of a page: 32 KB. Tests turn many small pages.
const PAGE_BITS: u32 = if cfg!(test) { 4 } else { 13 };
const PAGE_BUCKETS: usize = 1 << PAGE_BITS;

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Heads {
    pages: Vec<Shared<Vec<u32>>>,
    len: usize,
}

impl Heads {
    /// The number of buckets.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Hints that a bucket is about to be read.
    #[inline]
    pub(super) fn prefetch(&self, bucket: usize) {
        let head: *const u32 = &self.pages[bucket >> PAGE_BITS][bucket % PAGE_BUCKETS];
        prefetch::line(head.cast());
    }

    #[inline]
    pub(super) fn get(&self, bucket: usize) -> u32 {
        self.pages[bucket >> PAGE_BITS][bucket % PAGE_BUCKETS]
    }

    /// Lets a chain begin with another slot; gives the one that it began with.
    #[inline]
    pub(super) fn replace(&mut self, bucket: usize, head: u32) -> u32 {
        let page = Shared::make_mut(&mut self.pages[bucket >> PAGE_BITS]);
        std::mem::replace(&mut page[bucket % PAGE_BUCKETS], head)
    }

    /// Adds a bucket behind the last.
    pub(super) fn push(&mut self, head: u32) {
        self.len += 1;
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE_BUCKETS => Shared::make_mut(page).push(head),
            _ => {
                let room = if self.pages.is_empty() { 8 } else { PAGE_BUCKETS / 16 };
                let mut page = Vec::with_capacity(room);
                page.push(head);
                self.pages.push(Shared::new(page));
            }
        }
    }

    /// Takes the last bucket away.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let page = Shared::make_mut(self.pages.last_mut()?);
        let head = page.pop();
        if page.is_empty() {
            self.pages.pop();
        } else if page.capacity() > 4 * page.len() {
            page.shrink_to(2 * page.len());
        }
        self.len -= 1;
        head
    }

    /// Bytes on the heap: all of them, whoever else holds them too.
    pub(super) fn heap_bytes(&self) -> usize {
        const PAGE_BYTES: usize = size_of::<Vec<u32>>() + Shared::<Vec<u32>>::OVERHEAD_BYTES;
        let Some(last) = self.pages.last() else { return 0 };
        let full = (self.pages.len() - 1) * PAGE_BUCKETS;
        self.pages.capacity() * size_of::<Shared<Vec<u32>>>()
            + self.pages.len() * PAGE_BYTES
            + (full + last.capacity()) * size_of::<u32>()
    }
}
