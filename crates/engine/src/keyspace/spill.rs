//! What did not fit into the slots of a bucket.
//!
//! Owns one allocation: the number of items, then a word for each, its tag in the lowest byte and its pointer in the upper
//! six. It is as large as the items need, in steps of the allocator's: most hold two to four, so it is made anew for nearly
//! every one that comes or goes, and in return wastes nothing. What must hold: the number of items tells the size of the
//! allocation.

use super::bucket::Held;
use crate::memory;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// Words of items, behind their number.
pub(super) struct Spill(NonNull<u64>);

impl Spill {
    /// Takes these items in.
    pub(super) fn of(items: &[Held]) -> Self {
        let layout = Self::layout(items.len());
        // SAFETY: the layout has at least the word for the number.
        let memory = unsafe { alloc(layout) };
        let Some(memory) = NonNull::new(memory.cast::<u64>()) else { handle_alloc_error(layout) };
        for (at, held) in items.iter().enumerate() {
            let word = memory.as_ptr().wrapping_add(1 + at);
            // SAFETY: the layout has a word for each item, behind the first.
            unsafe { word.write(held.word()) };
        }
        let mut spill = Self(memory);
        spill.set_len(items.len());
        spill
    }

    /// The words of the spill at this address.
    ///
    /// # Safety
    /// It came from [`Spill::into_raw`], and nothing changes there for as long as the words are borrowed.
    #[inline]
    pub(super) unsafe fn words_at<'a>(address: *const ()) -> &'a [u64] {
        let address = address.cast::<u64>();
        // SAFETY: a spill begins with its number of words.
        let len = unsafe { address.read() };
        #[expect(clippy::cast_possible_truncation, reason = "it was a usize")]
        // SAFETY: so many have been written behind the number, and nobody changes them, by the caller's promise.
        unsafe {
            std::slice::from_raw_parts(address.wrapping_add(1), len as usize)
        }
    }

    /// The words, to change.
    pub(super) fn words_mut(&mut self) -> &mut [u64] {
        let first = self.0.as_ptr().wrapping_add(1);
        // SAFETY: so many words have been written behind the number; they are borrowed with their owner.
        unsafe { std::slice::from_raw_parts_mut(first, self.len()) }
    }

    /// With one word more.
    pub(super) fn pushed(mut self, word: u64) -> Self {
        let len = self.len();
        self.resize(len, len + 1);
        let place = self.0.as_ptr().wrapping_add(1 + len);
        // SAFETY: there is room for a word more behind the others now.
        unsafe { place.write(word) };
        self.set_len(len + 1);
        self
    }

    /// The last word, and the spill without it.
    pub(super) fn popped(mut self) -> (u64, Self) {
        let len = self.len();
        let word = self.words_mut()[len - 1];
        self.set_len(len - 1);
        self.resize(len, len - 1);
        (word, self)
    }

    /// Bytes of memory.
    pub(super) fn heap_bytes(&self) -> usize {
        Self::layout(self.len()).size()
    }

    /// Its address, which owns it from now on.
    pub(super) fn into_raw(self) -> *mut () {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Takes it back.
    ///
    /// # Safety
    /// The address came from [`Spill::into_raw`], and is not used again.
    pub(super) unsafe fn from_raw(address: *mut ()) -> Self {
        // SAFETY: it was made of a pointer that is never null.
        Self(unsafe { NonNull::new_unchecked(address.cast()) })
    }

    fn len(&self) -> usize {
        // SAFETY: a spill begins with its number of words.
        let len = unsafe { self.0.read() };
        usize::try_from(len).expect("it was a usize")
    }

    fn set_len(&mut self, len: usize) {
        // SAFETY: as in `len`.
        unsafe { self.0.write(len as u64) };
    }

    fn resize(&mut self, from: usize, to: usize) {
        let (old, new) = (Self::layout(from), Self::layout(to));
        if old == new {
            return;
        }
        // SAFETY: it was allocated with the old layout, and the new one is not empty.
        let memory = unsafe { realloc(self.0.as_ptr().cast(), old, new.size()) };
        let Some(memory) = NonNull::new(memory.cast()) else { handle_alloc_error(new) };
        self.0 = memory;
    }

    fn layout(len: usize) -> Layout {
        let bytes = memory::rounded(size_of::<u64>() * (len + 1));
        Layout::from_size_align(bytes, align_of::<u64>())
            .expect("items that lie in memory fit the address space")
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // SAFETY: it was allocated with the layout that follows from its number of words.
        unsafe { dealloc(self.0.as_ptr().cast(), Self::layout(self.len())) };
    }
}
