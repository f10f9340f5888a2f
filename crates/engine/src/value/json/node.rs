//! Reading a value where it lies.
//!
//! What must hold: slices given to [`Node::of`] are whole; see the module above. Nothing here allocates.

use super::number::{self, Number};
use std::cmp::Ordering;

/// The last byte of a value.
pub(super) mod tag {
    pub(in super::super) const NULL: u8 = 0;
    pub(in super::super) const FALSE: u8 = 1;
    pub(in super::super) const TRUE: u8 = 2;
    pub(in super::super) const INTEGER: u8 = 3;
    pub(in super::super) const DECIMAL: u8 = 4;
    pub(in super::super) const LARGE: u8 = 5;
    pub(in super::super) const STRING: u8 = 6;
    /// With a width of 1; those of 2 and 4 follow.
    pub(in super::super) const ARRAY: u8 = 8;
    /// With a width of 1; those of 2 and 4 follow.
    pub(in super::super) const OBJECT: u8 = 12;
}

/// A value or a part of one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Node<'a>(&'a [u8]);

/// What a value is.
#[derive(Clone, Copy)]
pub enum View<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An exact number.
    Number(Number<'a>),
    /// A string, in UTF-8.
    Str(&'a [u8]),
    /// A list of values.
    Array(Array<'a>),
    /// Values by key.
    Object(Object<'a>),
}

/// The elements of an array.
#[derive(Clone, Copy)]
pub struct Array<'a> {
    values: &'a [u8],
    ends: Ends<'a>,
}

/// The keys and values of an object.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    values: &'a [u8],
    keys: &'a [u8],
    key_ends: Ends<'a>,
    value_ends: Ends<'a>,
}

/// Where each of some parts ends, from where the first begins.
#[derive(Clone, Copy)]
struct Ends<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl<'a> Node<'a> {
    /// The value of these bytes, which must be whole.
    pub(crate) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// What it is.
    #[must_use]
    #[inline]
    pub fn view(self) -> View<'a> {
        let Some((&tag, body)) = self.0.split_last() else { return View::Null };
        match tag {
            tag::FALSE => View::Bool(false),
            tag::TRUE => View::Bool(true),
            tag::INTEGER | tag::DECIMAL | tag::LARGE => View::Number(number::read(tag, body)),
            tag::STRING => View::Str(body),
            tag::ARRAY..tag::OBJECT => View::Array(Array::split(body, width_of(tag))),
            tag::OBJECT.. => View::Object(Object::split(body, width_of(tag))),
            _ => View::Null,
        }
    }

    /// The object that it is; none for anything else.
    #[must_use]
    pub fn object(self) -> Option<Object<'a>> {
        match self.view() {
            View::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The value of this key, if it is an object that has it: `->`.
    #[must_use]
    pub fn get(self, key: &[u8]) -> Option<Node<'a>> {
        self.object()?.get(key)
    }

    /// What it is, in a word.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self.view() {
            View::Null => "null",
            View::Bool(_) => "boolean",
            View::Number(number) if number.is_integer() => "integer",
            View::Number(_) => "number",
            View::Str(_) => "string",
            View::Array(_) => "array",
            View::Object(_) => "object",
        }
    }
}

/// The width that the tag of a container tells.
pub(super) const fn width_of(tag: u8) -> usize {
    1 << (tag & 3)
}

impl<'a> Array<'a> {
    fn split(body: &'a [u8], width: usize) -> Self {
        let (rest, count) = body.split_at(body.len() - width);
        let (values, ends) = rest.split_at(rest.len() - read(count, 0, width) * width);
        Self { values, ends: Ends { bytes: ends, width } }
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at this index.
    #[must_use]
    pub fn get(self, index: usize) -> Option<Node<'a>> {
        (index < self.len()).then(|| Node(self.ends.part(self.values, index)))
    }

    /// All elements in order.
    pub fn iter(self) -> impl Iterator<Item = Node<'a>> {
        (0..self.len()).map(move |index| Node(self.ends.part(self.values, index)))
    }
}

impl<'a> Object<'a> {
    fn split(body: &'a [u8], width: usize) -> Self {
        let (rest, count) = body.split_at(body.len() - width);
        let table = read(count, 0, width) * width;
        let (rest, value_ends) = rest.split_at(rest.len() - table);
        let (rest, key_ends) = rest.split_at(rest.len() - table);
        let value_ends = Ends { bytes: value_ends, width };
        let (values, keys) = rest.split_at(value_ends.last());
        Self { values, keys, key_ends: Ends { bytes: key_ends, width }, value_ends }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.key_ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    #[must_use]
    #[inline]
    pub fn get(self, key: &[u8]) -> Option<Node<'a>> {
        if self.key_ends.width == 1 {
            return self.get_of_few(key);
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match order(self.key(middle), key) {
                Ordering::Equal => return Some(self.value(middle)),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The same where a byte tells where a key ends: lengths are looked through before any key is.
    fn get_of_few(self, key: &[u8]) -> Option<Node<'a>> {
        let mut start = 0;
        for (index, &end) in self.key_ends.bytes.iter().enumerate() {
            let end = usize::from(end);
            let len = end - start;
            // Most keys of this length begin otherwise.
            if len == key.len()
                && self.keys[start..end].first() == key.first()
                && self.keys[start..end] == *key
            {
                return Some(self.value(index));
            }
            if len > key.len() {
                return None;
            }
            start = end;
        }
        None
    }

    /// All keys with their values, in the order of the keys.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], Node<'a>)> {
        (0..self.len()).map(move |index| (self.key(index), self.value(index)))
    }

    fn key(self, index: usize) -> &'a [u8] {
        self.key_ends.part(self.keys, index)
    }

    fn value(self, index: usize) -> Node<'a> {
        Node(self.value_ends.part(self.values, index))
    }
}

impl<'a> Ends<'a> {
    fn len(self) -> usize {
        self.bytes.len() / self.width
    }

    fn last(self) -> usize {
        if self.bytes.is_empty() { 0 } else { read(self.bytes, self.len() - 1, self.width) }
    }

    fn part(self, of: &'a [u8], index: usize) -> &'a [u8] {
        let start = if index == 0 { 0 } else { read(self.bytes, index - 1, self.width) };
        &of[start..read(self.bytes, index, self.width)]
    }
}

/// The number at this index of a row of numbers of this width.
#[inline]
pub(super) fn read(bytes: &[u8], index: usize, width: usize) -> usize {
    let at = index * width;
    match width {
        1 => usize::from(bytes[at]),
        2 => usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])),
        _ => u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize,
    }
}

/// The order of keys in an object: shorter ones first, then by bytes.
#[inline]
pub(super) fn order(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::new();
        self.print(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}
