//! Writing a value in one pass.
//!
//! What must hold: calls come in the order of the text, each [`Builder::begin`] has its end, and a key is said before its
//! value. Keys may come in any order and more than once; [`Builder::finish`] puts them right.

use super::node::{Node, Object, View, order, tag};
use super::number;
use std::cmp::Ordering;

/// Collects the parts of a value.
#[derive(Default)]
pub struct Builder {
    out: Vec<u8>,
    /// Keys of the objects that are open.
    keys: Vec<u8>,
    /// Where keys and values of the containers that are open end.
    ends: Vec<(usize, usize)>,
    /// Some object has its keys in another order, or one of them twice.
    unsorted: bool,
}

/// A container that is open.
#[derive(Clone, Copy)]
pub struct Open {
    out: usize,
    keys: usize,
    ends: usize,
}

impl Builder {
    /// Forgets what was collected.
    pub fn clear(&mut self) {
        self.out.clear();
        self.keys.clear();
        self.ends.clear();
        self.unsorted = false;
    }

    /// Bytes collected so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// `null`.
    pub fn null(&mut self) {
        self.out.push(tag::NULL);
    }

    /// `true` or `false`.
    pub fn bool(&mut self, is: bool) {
        self.out.push(if is { tag::TRUE } else { tag::FALSE });
    }

    /// An integer.
    pub fn int(&mut self, value: i64) {
        number::put_int(&mut self.out, value);
    }

    /// A number, by its text; the digits that were read, or why it is none.
    pub(super) fn number(&mut self, text: &[u8]) -> Result<number::Read, number::Fault> {
        number::parse(text, &mut self.out)
    }

    /// A number, by its text in decimal. Returns how many bytes it takes when it is printed; none if it is no number, or has too
    /// many digits.
    pub fn decimal(&mut self, text: &str) -> Option<usize> {
        let before = self.out.len();
        match self.number(text.as_bytes()) {
            Ok(read) if read.len == text.len() => Some(read.printed),
            _ => {
                self.out.truncate(before);
                None
            }
        }
    }

    /// A string.
    pub fn str(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(tag::STRING);
    }

    /// A string that `put` appends.
    pub(super) fn string_with<E>(
        &mut self,
        put: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        put(&mut self.out)?;
        self.out.push(tag::STRING);
        Ok(())
    }

    /// A value that there is already.
    pub fn node(&mut self, node: Node<'_>) {
        self.out.extend_from_slice(node.bytes());
    }

    /// Begins an array or an object.
    pub fn begin(&mut self) -> Open {
        Open { out: self.out.len(), keys: self.keys.len(), ends: self.ends.len() }
    }

    /// A key of the object that was begun last.
    pub fn key(&mut self, key: &str) {
        self.keys.extend_from_slice(key.as_bytes());
    }

    /// A key that `put` appends.
    pub(super) fn key_with<E>(&mut self, put: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        put(&mut self.keys)
    }

    /// The value that was written last is one of this container's, of the key that was said before it.
    pub fn item(&mut self, open: Open) {
        self.ends.push((self.keys.len() - open.keys, self.out.len() - open.out));
    }

    /// Ends an array.
    pub fn end_array(&mut self, open: Open) {
        let width = width(self.out.len() - open.out);
        for &(_, end) in &self.ends[open.ends..] {
            put(&mut self.out, end, width);
        }
        self.end(open, tag::ARRAY, width);
    }

    /// Ends an object.
    pub fn end_object(&mut self, open: Open) {
        let width = width(self.out.len() - open.out + self.keys.len() - open.keys);
        let (keys, ends) = (&self.keys[open.keys..], &self.ends[open.ends..]);
        self.out.extend_from_slice(keys);
        let (mut start, mut last) = (0, None);
        for &(end, _) in ends {
            let key = &keys[start..end];
            self.unsorted |= last.is_some_and(|last| order(last, key) != Ordering::Less);
            (start, last) = (end, Some(key));
            put(&mut self.out, end, width);
        }
        for &(_, end) in ends {
            put(&mut self.out, end, width);
        }
        self.end(open, tag::OBJECT, width);
    }

    fn end(&mut self, open: Open, tag: u8, width: usize) {
        put(&mut self.out, self.ends.len() - open.ends, width);
        // Widths are 1, 2 and 4.
        self.out.push(tag + u8::try_from(width / 2).unwrap_or(0));
        self.keys.truncate(open.keys);
        self.ends.truncate(open.ends);
    }

    /// The bytes of the value that was written, appended to `out`.
    pub fn finish(&self, out: &mut Vec<u8>) {
        if !self.unsorted {
            return out.extend_from_slice(&self.out);
        }
        let mut sorted = Self::default();
        sorted.out.reserve(self.out.len());
        sorted.copy_sorted(Node::of(&self.out), &mut Vec::new());
        out.extend_from_slice(&sorted.out);
    }

    /// Writes a value with the keys of each object in order; of several equal ones the last. `items` is lent.
    fn copy_sorted<'n>(&mut self, node: Node<'n>, items: &mut Vec<(&'n [u8], Node<'n>)>) {
        match node.view() {
            View::Array(array) => {
                let open = self.begin();
                for element in array.iter() {
                    self.copy_sorted(element, items);
                    self.item(open);
                }
                self.end_array(open);
            }
            View::Object(object) => self.copy_object(object, items),
            _ => self.out.extend_from_slice(node.bytes()),
        }
    }

    fn copy_object<'n>(&mut self, object: Object<'n>, items: &mut Vec<(&'n [u8], Node<'n>)>) {
        let first = items.len();
        items.extend(object.iter());
        // A stable sort: equal keys stay in the order of the text.
        items[first..].sort_by(|(one, _), (other, _)| order(one, other));
        let (open, end) = (self.begin(), items.len());
        for at in first..end {
            let (key, value) = items[at];
            if at + 1 < end && items[at + 1].0 == key {
                continue;
            }
            self.keys.extend_from_slice(key);
            self.copy_sorted(value, items);
            self.item(open);
        }
        items.truncate(first);
        self.end_object(open);
    }
}

/// The least width for offsets up to this one.
pub(super) const fn width(offset: usize) -> usize {
    match offset {
        0..=0xFF => 1,
        0x100..=0xFFFF => 2,
        _ => 4,
    }
}

fn put(out: &mut Vec<u8>, number: usize, width: usize) {
    out.extend_from_slice(&number.to_le_bytes()[..width]);
}
