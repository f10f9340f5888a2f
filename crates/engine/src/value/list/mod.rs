//! The list: a sequence of byte strings, cheap at both ends.
//!
//! A small list is one pack; one that outgrows a pack is a row of them, and becomes a single pack again when a removal
//! has left it with one that is at most half full. The sizes at which this happens, and with them `encoding`, are the
//! Valkey's, except that chunks which removals left small are joined here and stay apart there.
//!
//! What must hold: elements are at most [`ELEMENT_BYTES_MAX`] long (longer ones panic: the protocol's bulk limit is far
//! below). Indexes count from the front; turning negative ones round is the caller's business, as are emptied lists,
//! which are removed from the keyspace there.

mod chunks;
mod entry;
mod fill;
mod pack;
mod row;

#[cfg(test)]
mod tests;

pub use chunks::End;
pub use entry::ELEMENT_BYTES_MAX;
pub use fill::Fill;

use chunks::Chunks;
use pack::Pack;

/// See the module.
///
/// Cloning copies a small list and shares the chunks of a large one until either side changes them.
#[derive(Clone, Default)]
pub struct List {
    body: Body,
    fill: Fill,
}

#[derive(Clone)]
enum Body {
    Small(Pack),
    Large(Box<Chunks>),
}

impl Default for Body {
    fn default() -> Self {
        Self::Small(Pack::default())
    }
}

impl List {
    /// An empty list with the default limit of a pack.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list whose packs hold what `fill` says.
    #[must_use]
    pub fn with_fill(fill: Fill) -> Self {
        Self { body: Body::default(), fill }
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Small(pack) => pack.len(),
            Body::Large(chunks) => chunks.len(),
        }
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that `OBJECT ENCODING` gives to the layout.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        match &self.body {
            Body::Small(_) => "listpack",
            Body::Large(_) => "quicklist",
        }
    }

    /// Bytes on the heap, free room included; the list's own struct is the holder's to count. Constant time.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.body {
            Body::Small(pack) => pack.heap_bytes(),
            Body::Large(chunks) => size_of::<Chunks>() + chunks.heap_bytes(),
        }
    }

    /// Adds an element in front of the first.
    #[inline]
    pub fn push_front(&mut self, element: &[u8]) {
        self.push(element, End::Front);
    }

    /// Adds an element behind the last.
    #[inline]
    pub fn push_back(&mut self, element: &[u8]) {
        self.push(element, End::Back);
    }

    /// Adds an element at `end`.
    #[inline]
    pub fn push(&mut self, element: &[u8], end: End) {
        self.make_room_for(element);
        match (&mut self.body, end) {
            (Body::Small(pack), End::Back) => pack.push_back(element),
            (Body::Small(pack), End::Front) => pack.push_front(element),
            (Body::Large(chunks), end) => chunks.push(element, end, self.fill),
        }
    }

    /// Makes the list large if it is a single pack that has no room for `element`.
    #[inline]
    fn make_room_for(&mut self, element: &[u8]) {
        if let Body::Small(pack) = &mut self.body
            && !self.fill.stays_small(pack.listpack_bytes(), pack.len(), element.len())
        {
            self.body = Body::Large(Box::new(Chunks::from_pack(std::mem::take(pack))));
        }
    }

    /// Makes a single pack of a large list that removals have left with one small chunk.
    #[inline]
    fn shrink(&mut self) {
        if let Body::Large(chunks) = &mut self.body
            && let Some(pack) = chunks.take_small(self.fill)
        {
            self.body = Body::Small(pack);
        }
    }

    /// Removes the first element.
    pub fn pop_front(&mut self) -> Option<Vec<u8>> {
        self.pop(End::Front)
    }

    /// Removes the last element.
    pub fn pop_back(&mut self) -> Option<Vec<u8>> {
        self.pop(End::Back)
    }

    /// Removes the element at `end`.
    #[inline]
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        self.pop_one(end, <[u8]>::to_vec)
    }

    #[inline]
    fn pop_one<R>(&mut self, end: End, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let taken = match (&mut self.body, end) {
            (Body::Small(pack), End::Front) => pack.pop_front_with(take),
            (Body::Small(pack), End::Back) => pack.pop_back_with(take),
            (Body::Large(chunks), end) => chunks.pop_with(end, take),
        };
        self.shrink();
        taken
    }

    /// Removes up to `count` elements from `end`, showing each to `take` without copying it; gives their number.
    #[inline]
    pub fn pop_with(&mut self, end: End, count: usize, mut take: impl FnMut(&[u8])) -> usize {
        let mut popped = 0;
        while popped < count && self.pop_one(end, &mut take).is_some() {
            popped += 1;
        }
        popped
    }

    /// The element at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match &self.body {
            Body::Small(pack) => pack.get(index),
            Body::Large(chunks) => chunks.get(index),
        }
    }

    /// Replaces the element at `index`; false if there is none.
    pub fn set(&mut self, index: usize, element: &[u8]) -> bool {
        if index >= self.len() {
            return false;
        }
        self.make_room_for(element);
        match &mut self.body {
            Body::Small(pack) => pack.set(index, element),
            Body::Large(chunks) => chunks.set(index, element, self.fill),
        }
        self.shrink();
        true
    }

    /// Inserts before the element at `index`, or behind the last if `index` is the length; false if it is past that.
    pub fn insert(&mut self, index: usize, element: &[u8]) -> bool {
        if index > self.len() {
            return false;
        }
        self.make_room_for(element);
        match &mut self.body {
            Body::Small(pack) => pack.insert(index, element),
            Body::Large(chunks) => chunks.insert(index, element, self.fill),
        }
        true
    }

    /// Removes the element at `index`; false if there is none.
    pub fn remove(&mut self, index: usize) -> bool {
        self.remove_range(index, 1) == 1
    }

    /// Removes up to `count` elements from `start` on; gives their number.
    pub fn remove_range(&mut self, start: usize, count: usize) -> usize {
        let count = count.min(self.len().saturating_sub(start));
        if count == 0 {
            return 0;
        }
        match &mut self.body {
            Body::Small(pack) => pack.remove_range(start, count),
            Body::Large(chunks) => chunks.remove_range(start, count, self.fill),
        }
        self.shrink();
        count
    }

    /// Keeps `count` elements from `start` on and removes all others.
    pub fn trim(&mut self, start: usize, count: usize) {
        let end = start.saturating_add(count).min(self.len());
        self.remove_range(end, usize::MAX);
        self.remove_range(0, start.min(end));
    }

    /// Removes up to `max` elements equal to `element`, beginning at `end`; gives their number.
    pub fn remove_equal(&mut self, element: &[u8], max: usize, end: End) -> usize {
        let removed = match &mut self.body {
            Body::Small(pack) => pack.remove_equal(element, max, end == End::Back),
            Body::Large(chunks) => chunks.remove_equal(element, max, end, self.fill),
        };
        self.shrink();
        removed
    }

    /// The elements from the first to the last; `.rev()` gives them from the last.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        let elements = match &self.body {
            Body::Small(pack) => row::Iter::over(pack.iter()),
            Body::Large(chunks) => chunks.iter(),
        };
        Iter { elements, left: self.len() }
    }

    /// The elements from the last to the first.
    pub fn iter_rev(&self) -> std::iter::Rev<Iter<'_>> {
        self.iter().rev()
    }

    /// Up to `count` elements from `start` on, found from the nearer end. Taken from its front: the range is not cut
    /// at its far end, so walk it backwards with [`List::iter_range_rev`].
    #[must_use]
    pub fn iter_range(&self, start: usize, count: usize) -> Range<'_> {
        let start = start.min(self.len());
        let elements = match &self.body {
            Body::Small(pack) => row::Iter::over(pack.iter_from(start)),
            Body::Large(chunks) => chunks.iter_from(start),
        };
        Range { elements, left: count.min(self.len() - start) }
    }

    /// Up to `count` elements from the one at `start` back towards the first.
    pub fn iter_range_rev(&self, start: usize, count: usize) -> std::iter::Take<std::iter::Rev<Iter<'_>>> {
        let end = start.saturating_add(1).min(self.len());
        let elements = match &self.body {
            Body::Small(pack) => row::Iter::over(pack.iter_until(end)),
            Body::Large(chunks) => chunks.iter_until(end),
        };
        Iter { elements, left: end }.rev().take(count)
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").field("encoding", &self.encoding()).field("len", &self.len()).finish()
    }
}

/// Two lists are equal if their elements are, however they are laid out.
impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for List {}

impl<'a> IntoIterator for &'a List {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The elements of a list, from either end.
#[derive(Clone)]
pub struct Iter<'a> {
    elements: row::Iter<'a>,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let element = self.elements.next()?;
        self.left -= 1;
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let element = self.elements.next_back()?;
        self.left -= 1;
        Some(element)
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// The elements of a part of a list, in order.
#[derive(Clone)]
pub struct Range<'a> {
    elements: row::Iter<'a>,
    left: usize,
}

impl<'a> Iterator for Range<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        self.elements.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Range<'_> {}
