//! The elements of lists and the fields of hashes in their bytes, without the values being built.
//!
//! Owns reading and writing these bytes item by item, for stores that keep collections as such. The layout is that of
//! [`super::codec`]. What must hold: bytes that are no collection are told, never guessed at. Left out: whether a field stands
//! twice.

use super::codec::{self, tag};
use super::varint;

/// What the bytes of a collection hold, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Items<'a> {
    /// Elements.
    List(Vec<&'a [u8]>),
    /// Fields.
    Hash(Vec<Item<'a>>),
}

/// A field of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What it holds.
    pub value: &'a [u8],
    /// When it expires, in Unix milliseconds; 0: never.
    pub expire_at_ms: u64,
}

/// The items of a value of this kind; none if it is no collection, or its bytes are not one.
#[must_use]
pub fn items_of(kind: u8, mut bytes: &[u8]) -> Option<Items<'_>> {
    if !matches!(kind, tag::LIST | tag::HASH) {
        return None;
    }
    let count = codec::take_head(&mut bytes).ok()?;
    let items = if kind == tag::LIST {
        let elements: Option<_> = (0..count).map(|_| codec::take_element(&mut bytes).ok()).collect();
        Items::List(elements?)
    } else {
        let fields: Option<_> = (0..count).map(|_| take_field(&mut bytes)).collect();
        Items::Hash(fields?)
    };
    bytes.is_empty().then_some(items)
}

fn take_field<'a>(bytes: &mut &'a [u8]) -> Option<Item<'a>> {
    let name = codec::take_element(bytes).ok()?;
    let value = codec::take_element(bytes).ok()?;
    Some(Item { name, value, expire_at_ms: varint::take(bytes)? })
}

impl Items<'_> {
    /// The bytes that have these items.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![codec::VERSION];
        match self {
            Self::List(elements) => {
                varint::put(&mut out, elements.len() as u64);
                elements.iter().for_each(|element| codec::put_bytes(&mut out, element));
            }
            Self::Hash(fields) => {
                varint::put(&mut out, fields.len() as u64);
                for field in fields {
                    codec::put_bytes(&mut out, field.name);
                    codec::put_bytes(&mut out, field.value);
                    varint::put(&mut out, field.expire_at_ms);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Packing;

    #[test]
    fn items_are_those_of_the_value_and_make_its_bytes_again() {
        let field =
            |name, value, expire_at_ms| Item { name: &*Box::leak(Box::new([name])), value, expire_at_ms };
        for items in [
            Items::List(vec![b"one", b"", &[0xff; 300]]),
            Items::Hash(vec![field(1, b"value".as_slice(), 0), field(2, b"", 4_102_444_800_999)]),
        ] {
            let kind = if matches!(items, Items::List(_)) { tag::LIST } else { tag::HASH };
            let bytes = items.encode();
            assert_eq!(items_of(kind, &bytes), Some(items));
            let mut again = Vec::new();
            let value = codec::decode(kind, &bytes, &Packing::default()).unwrap();
            assert_eq!((codec::encode(&value, &mut again), &again), (kind, &bytes));
        }
    }

    #[test]
    fn bytes_that_are_no_collection_have_no_items() {
        let list = Items::List(vec![b"one", b"two"]).encode();
        assert_eq!(items_of(tag::HASH, &list), None);
        assert_eq!(items_of(tag::STRING, &list), None);
        assert_eq!(items_of(tag::LIST, &list[..list.len() - 1]), None);
        assert_eq!(items_of(tag::LIST, &[&*list, b"x"].concat()), None);
        assert_eq!(items_of(tag::LIST, b""), None);
    }
}
