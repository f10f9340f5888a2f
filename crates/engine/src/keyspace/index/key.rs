//! What an index knows a value by: sixteen bytes that are in the order of `jsonb`.
//!
//! ```text
//! class, 1 byte   nothing, empty array, null, string, number, boolean, array, object; element of an array, long array
//! number          8 bytes of the double next to it, so that their order is that of the numbers
//! string          up to 15 bytes of it; of a longer one the first 10, a byte that is in no text, and 4 bytes of a hash
//! array, object   how many parts it has, 4 bytes
//! element         its class, and 14 bytes as above, of strings longer than that 9, 1 and 4
//! ```
//!
//! What must hold: of two values the larger one never has the smaller first eleven bytes ([`Key::is_near`]), and equal values have
//! equal keys. No other value has the key of a string that is kept whole ([`Key::is_whole_string`]): one that ends in zeros is not.

use crate::value::json::{Node, Number, View};
use std::ops::Bound;

/// Classes of values there are, with room to spare.
pub(crate) const CLASSES: usize = 16;
/// A byte that no UTF-8 has.
const NO_TEXT: u8 = 0xFF;
/// Bytes of a string that is kept whole, at most.
const WHOLE_BYTES_MAX: usize = 15;
/// Elements of a longer array have no entries of their own.
const ELEMENTS_MAX: usize = 64;

/// The class of a value.
pub(crate) mod class {
    pub(crate) const NOTHING: u8 = 0;
    pub(crate) const EMPTY_ARRAY: u8 = 1;
    pub(crate) const NULL: u8 = 2;
    pub(crate) const STRING: u8 = 3;
    pub(crate) const NUMBER: u8 = 4;
    pub(crate) const BOOL: u8 = 5;
    pub(crate) const ARRAY: u8 = 6;
    pub(crate) const OBJECT: u8 = 7;
    pub(crate) const ELEMENT: u8 = 8;
    pub(crate) const LONG_ARRAY: u8 = 9;
}

/// What a value is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64, u64);

/// An end of a range of entries.
type EntryBound = Bound<(Key, u64)>;

/// Keys from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) first: Key,
    pub(crate) last: Key,
}

impl KeyRange {
    /// One key.
    pub(crate) const fn one(key: Key) -> Self {
        Self { first: key, last: key }
    }

    /// All keys of these classes.
    pub(crate) fn classes(first: u8, last: u8) -> Self {
        Self { first: Key::of(first, [0; 15]), last: Key::of(last, [0xFF; 15]) }
    }

    /// Whether entries of elements are among these.
    pub(crate) fn has_elements(&self) -> bool {
        self.last.class() >= usize::from(class::ELEMENT)
    }

    pub(super) fn bounds(&self) -> (EntryBound, EntryBound) {
        (Bound::Included((self.first, 0)), Bound::Included((self.last, u64::MAX)))
    }
}

/// The keys of one record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    first: Key,
    more: Vec<Key>,
}

impl Keys {
    pub(super) fn iter(&self) -> impl Iterator<Item = Key> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }
}

/// The keys of what a record holds at the path of an index: of the value, and of each element if it is an array.
pub(crate) fn keys_of(value: Option<Node<'_>>) -> Keys {
    let Some(node) = value else { return Keys { first: Key::of(class::NOTHING, [0; 15]), more: Vec::new() } };
    let mut more = Vec::new();
    if let View::Array(array) = node.view() {
        if array.len() > ELEMENTS_MAX {
            more.push(Key::of(class::LONG_ARRAY, [0; 15]));
        } else {
            more.extend(array.iter().map(Key::of_element));
            more.sort_unstable();
            more.dedup();
        }
    }
    Keys { first: Key::of_value(node), more }
}

impl Key {
    pub(crate) const FIRST: Self = Self(0, 0);
    pub(crate) const LAST: Self = Self(u64::MAX, u64::MAX);

    fn of(class: u8, rest: [u8; 15]) -> Self {
        let mut high = [0; 8];
        high[0] = class;
        high[1..].copy_from_slice(&rest[..7]);
        let mut low = [0; 8];
        low.copy_from_slice(&rest[7..]);
        Self(u64::from_be_bytes(high), u64::from_be_bytes(low))
    }

    /// The class of its value.
    pub(crate) fn class(self) -> usize {
        usize::from(self.0.to_be_bytes()[0]).min(CLASSES - 1)
    }

    /// Whether the order of these two is not that of their values, because they begin alike.
    pub(crate) const fn is_near(self, other: Self) -> bool {
        self.0 == other.0 && self.1 >> 40 == other.1 >> 40
    }

    /// The key of a value.
    pub(crate) fn of_value(node: Node<'_>) -> Self {
        let (class, body) = body_of::<WHOLE_BYTES_MAX, 10>(node);
        Self::of(class, body)
    }

    /// The key of an element of an array.
    pub(crate) fn of_element(node: Node<'_>) -> Self {
        let (class, body) = body_of::<14, 9>(node);
        let mut rest = [0; 15];
        rest[0] = class;
        rest[1..].copy_from_slice(&body);
        Self::of(class::ELEMENT, rest)
    }

    /// The key of a string.
    pub(crate) fn of_string(text: &[u8]) -> Self {
        Self::of(class::STRING, string::<WHOLE_BYTES_MAX, 10>(text))
    }

    /// Whether no other value has the key of this string.
    pub(crate) fn is_whole_string(text: &[u8]) -> bool {
        text.len() <= WHOLE_BYTES_MAX && text.last() != Some(&0)
    }

    /// The key of a number.
    pub(crate) fn of_double(number: f64) -> Self {
        Self::of(class::NUMBER, double::<15>(number))
    }

    /// No string that begins so, or comes behind, has a smaller key.
    pub(crate) fn first_of_string(text: &[u8]) -> Self {
        let mut rest = [0; 15];
        let len = text.len().min(10);
        rest[..len].copy_from_slice(&text[..len]);
        Self::of(class::STRING, rest)
    }

    /// No string that is this one, or comes before, has a larger key.
    pub(crate) fn last_upto_string(text: &[u8]) -> Self {
        let mut rest = [0; 15];
        let len = text.len().min(10);
        rest[..len].copy_from_slice(&text[..len]);
        rest[10..].fill(0xFF);
        Self::of(class::STRING, rest)
    }

    /// No string that begins so has a larger key.
    pub(crate) fn last_of_prefix(text: &[u8]) -> Self {
        let mut rest = [0xFF; 15];
        let len = text.len().min(10);
        rest[..len].copy_from_slice(&text[..len]);
        Self::of(class::STRING, rest)
    }
}

fn body_of<const N: usize, const PREFIX: usize>(node: Node<'_>) -> (u8, [u8; N]) {
    match node.view() {
        View::Null => (class::NULL, [0; N]),
        View::Str(text) => (class::STRING, string::<N, PREFIX>(text)),
        View::Number(number) => (class::NUMBER, double::<N>(nearest(number))),
        View::Bool(is) => (class::BOOL, count::<N>(usize::from(is))),
        View::Array(array) if array.is_empty() => (class::EMPTY_ARRAY, [0; N]),
        View::Array(array) => (class::ARRAY, count::<N>(array.len())),
        View::Object(object) => (class::OBJECT, count::<N>(object.len())),
    }
}

fn string<const N: usize, const PREFIX: usize>(text: &[u8]) -> [u8; N] {
    let mut body = [0; N];
    if text.len() <= N && text.last() != Some(&0) {
        body[..text.len()].copy_from_slice(text);
    } else {
        let len = text.len().min(PREFIX);
        body[..len].copy_from_slice(&text[..len]);
        body[PREFIX] = NO_TEXT;
        let hash = rapidhash::v3::rapidhash_v3(text).to_be_bytes();
        body[PREFIX + 1..].copy_from_slice(&hash[..N - PREFIX - 1]);
    }
    body
}

fn double<const N: usize>(number: f64) -> [u8; N] {
    let bits = number.to_bits();
    let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    let mut body = [0; N];
    body[..8].copy_from_slice(&ordered.to_be_bytes());
    body
}

fn count<const N: usize>(count: usize) -> [u8; N] {
    let mut body = [0; N];
    body[..4].copy_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    body
}

/// The double next to a number: of two numbers the larger one never has the smaller.
pub(crate) fn nearest(number: Number<'_>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the nearest is asked for")]
    if let Number::Int(value) = number {
        return value as f64;
    }
    let mut text = Vec::with_capacity(40);
    number.print(&mut text);
    let nearest = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<f64>().ok());
    // There is no negative zero among numbers.
    nearest.unwrap_or(0.0) + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json::Json;

    fn key(text: &str) -> Key {
        Key::of_value(Json::parse(text.as_bytes()).unwrap().root())
    }

    #[test]
    fn keys_are_in_the_order_of_values() {
        let values = [
            "[]",
            "null",
            "\"\"",
            "\"a\"",
            "\"ab\"",
            "\"b\"",
            "-1e300",
            "-3",
            "-2.5",
            "-0.1",
            "0",
            "1e-7",
            "0.1",
            "2",
            "2.5",
            "10",
            "9007199254740992",
            "1e300",
            "false",
            "true",
            "[1]",
            "[1, 2]",
            "{}",
            "{\"a\": 1}",
        ];
        for pair in values.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{} < {}", pair[0], pair[1]);
        }
        assert_eq!(key("1.0"), key("1"));
        assert_eq!(key("-0.0"), key("0"));
    }

    #[test]
    fn long_strings_that_begin_alike_are_near_and_different() {
        let (one, two) = (key("\"0123456789abcdefg\""), key("\"0123456789abcdefh\""));
        assert!(one != two && one.is_near(two));
        assert!(Key::first_of_string(b"0123456789abcdefh") <= one.min(two));
        assert!(Key::last_upto_string(b"0123456789a") >= one.max(two));
        assert!(
            Key::last_of_prefix(b"0123") >= one.max(two) && Key::first_of_string(b"0123") <= one.min(two)
        );
    }

    #[test]
    fn a_string_that_is_kept_whole_has_its_key_alone() {
        for other in ["\"ringing\\u0000\"", "\"ringing\\u0000\\u0000\"", "\"ringinga\""] {
            assert_ne!(key("\"ringing\""), key(other), "{other}");
        }
        let longest = "\"0123456789abcde\"";
        assert!(Key::is_whole_string(b"0123456789abcde") && !Key::is_whole_string(b"0123456789abcdef"));
        assert!(!Key::is_whole_string(b"ringing\0"));
        assert_ne!(key(longest), key("\"0123456789abcdef\""));
        assert!(key(longest).is_near(key("\"0123456789abcdef\"")));
    }

    #[test]
    fn each_element_of_an_array_has_a_key() {
        let json = Json::parse(br#"["a", 1, "a"]"#).unwrap();
        assert_eq!(keys_of(Some(json.root())).iter().count(), 3);
        let long = format!("[{}]", vec!["1"; 100].join(","));
        let json = Json::parse(long.as_bytes()).unwrap();
        assert_eq!(keys_of(Some(json.root())).iter().map(Key::class).collect::<Vec<_>>(), [6, 9]);
    }
}
