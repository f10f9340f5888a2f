//! What a table holds, and how it lends it out.
//!
//! A table keeps its items packed, so there is nowhere a whole item to refer to. It lends copies of their one pointer, bound
//! to the borrow of the table: [`Borrowed`] to read, [`Changing`] to change, which tells the bucket when the item has moved.

use super::bucket::Word;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, transmute_copy};
use std::ops::{Deref, DerefMut};

/// What a table can hold.
///
/// # Safety
/// The type must be one pointer wide and never null (`repr(transparent)` over `NonNull`), its address must have at most 48
/// bits, and copies of an item that is only read must be as good as the item.
pub(crate) unsafe trait Item: Sized {
    /// The bytes that it is found by.
    fn key(&self) -> &[u8];

    /// An address worth fetching before the item is read.
    fn address(&self) -> *const u8;
}

/// The pointer that an item is.
#[inline]
pub(super) fn pointer_of<T: Item>(item: &ManuallyDrop<T>) -> *mut () {
    const { assert!(size_of::<T>() == size_of::<*mut ()>() && size_of::<Option<T>>() == size_of::<*mut ()>()) };
    // SAFETY: an item is one pointer wide.
    unsafe { transmute_copy(item) }
}

/// The item that a pointer is.
///
/// # Safety
/// The pointer came from [`pointer_of`], and the item still exists.
#[inline]
pub(super) unsafe fn item_of<T: Item>(pointer: *mut ()) -> ManuallyDrop<T> {
    // SAFETY: the pointer was an item, by the caller's promise.
    unsafe { transmute_copy(&pointer) }
}

/// An item of a table, to read.
pub(crate) struct Borrowed<'a, T: Item> {
    pointer: *mut (),
    table: PhantomData<&'a T>,
}

impl<T: Item> Borrowed<'_, T> {
    /// Lends the item that a pointer is.
    ///
    /// # Safety
    /// As for [`item_of`], and the item neither changes nor goes for as long as it is lent.
    #[inline]
    pub(super) const unsafe fn new(pointer: *mut ()) -> Self {
        Self { pointer, table: PhantomData }
    }
}

impl<T: Item> Clone for Borrowed<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Item> Copy for Borrowed<'_, T> {}

impl<T: Item> Deref for Borrowed<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        let pointer: *const *mut () = &self.pointer;
        // SAFETY: an item is one pointer wide, and this one is lent, by the promise made to `new`.
        unsafe { &*pointer.cast::<T>() }
    }
}

/// An item of a table, to change. Its key must stay the same.
///
/// Two words, so that it travels in registers: it is made for every command.
pub(crate) struct Changing<'a, T: Item> {
    item: ManuallyDrop<T>,
    place: *mut Word,
    table: PhantomData<&'a mut T>,
}

impl<'a, T: Item> Changing<'a, T> {
    /// Lends the item that a pointer is, and that a word of a bucket points to.
    ///
    /// # Safety
    /// As for [`item_of`]; the word is one of a table that is borrowed for change for as long as the item is lent.
    #[inline]
    pub(super) unsafe fn new(pointer: *mut (), place: *mut Word) -> Self {
        // SAFETY: the caller's promise.
        let item = unsafe { item_of(pointer) };
        Self { item, place, table: PhantomData }
    }

    /// The item, only to be read from now on.
    #[inline]
    pub(crate) fn into_borrowed(self) -> Borrowed<'a, T> {
        Borrowed { pointer: pointer_of(&self.item), table: PhantomData }
    }
}

impl<T: Item> Deref for Changing<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T: Item> DerefMut for Changing<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: Item> Drop for Changing<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the table is borrowed for change, by the promise made to `new`.
        unsafe { &mut *self.place }.point_to(pointer_of(&self.item));
    }
}
