//! The bytes of a whole value, in the log and in checkpoints.
//!
//! ```text
//! string  the bytes
//! list    version 1 | count | count times: length | bytes
//! hash    version 1 | count | count times: length | field | length | value | expiry
//! JSON    version 1 | the form of `value::json`
//! any     compressed: the form of `value::compressed`, whose kind is a tag of its own
//! ```
//!
//! Numbers are LEB128; an expiry is absolute Unix milliseconds, 0 for never. The kind of a value stands beside its bytes,
//! as a tag from the table below. Tags are never reused; sets, sorted sets, streams and HyperLogLog have theirs
//! reserved. How a value was laid out in memory is not kept: decoding lays it out by the limits of the day.
//!
//! What must hold: decoding never panics, whatever the bytes, and allocates no more than a small multiple of them; bytes
//! that decode are those of exactly one value, with nothing left over.

use super::compressed::Compressed;
use super::hash::{Field, Hash};
use super::json::Json;
use super::list::{ELEMENT_BYTES_MAX, List};
use super::{Packing, Text, Value, varint};

/// Tags of kinds on disk.
pub mod tag {
    /// A string.
    pub const STRING: u8 = 0;
    /// A list.
    pub const LIST: u8 = 1;
    /// A hash.
    pub const HASH: u8 = 2;
    /// Reserved for sets.
    pub const SET: u8 = 3;
    /// Reserved for sorted sets.
    pub const SORTED_SET: u8 = 4;
    /// Reserved for streams.
    pub const STREAM: u8 = 5;
    /// JSON.
    pub const JSON: u8 = 6;
    /// Reserved for HyperLogLog.
    pub const HYPERLOGLOG: u8 = 7;
    // 8, 9 and 10 are what checkpoints say of a key beside its value.
    /// A string or JSON, compressed; which of them it says itself.
    pub const COMPRESSED: u8 = 11;
}

/// The version of the layouts above.
pub(crate) const VERSION: u8 = 1;

/// Why bytes are not a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The tag is not one of this release.
    UnknownKind(u8),
    /// The layout is newer than this release, or the bytes are damaged.
    UnknownVersion(u8),
    /// The bytes end inside the value.
    Truncated,
    /// Bytes follow the value.
    Trailing,
    /// A collection without elements, a field that stands twice, an element too long to be held, or no JSON.
    Invalid,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownKind(tag) => write!(f, "a value of kind {tag}, which this release does not know"),
            Self::UnknownVersion(version) => {
                write!(f, "a value in layout {version}, where this release knows up to {VERSION}")
            }
            Self::Truncated => f.write_str("a value that ends too early"),
            Self::Trailing => f.write_str("bytes after the end of a value"),
            Self::Invalid => f.write_str("a value that no command makes"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Appends JSON of these bytes, whose tag is [`tag::JSON`].
pub(crate) fn encode_json(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(VERSION);
    out.extend_from_slice(bytes);
}

/// Appends the bytes of a value and gives the tag of its kind.
pub fn encode(value: &Value, out: &mut Vec<u8>) -> u8 {
    match value {
        Value::Str(text) => {
            out.extend_from_slice(text);
            tag::STRING
        }
        Value::Long(long) => {
            long.pieces(0..long.len()).for_each(|piece| out.extend_from_slice(piece));
            tag::STRING
        }
        Value::List(list) => {
            out.push(VERSION);
            varint::put(out, list.len() as u64);
            for element in list.iter() {
                put_bytes(out, element);
            }
            tag::LIST
        }
        Value::Hash(hash) => {
            out.push(VERSION);
            varint::put(out, hash.stored_len() as u64);
            hash.stored().for_each(|field| put_field(out, field));
            tag::HASH
        }
        Value::Json(json) => {
            encode_json(json.bytes(), out);
            tag::JSON
        }
        Value::Compressed(bytes) => {
            out.extend_from_slice(bytes);
            tag::COMPRESSED
        }
    }
}

/// The bytes of a value are no more than this, however many parts it is encoded in; constant time.
pub(crate) fn encoded_bytes_max(value: &Value) -> usize {
    // What stands beside an element or field here and not in memory: lengths, and an expiry.
    const ELEMENT_BYTES: usize = 5;
    const FIELD_BYTES: usize = 20;
    match value {
        Value::Str(text) => text.len(),
        Value::Long(long) => long.len(),
        Value::List(list) => list.heap_bytes() + list.len() * ELEMENT_BYTES + ELEMENT_BYTES,
        Value::Hash(hash) => hash.heap_bytes() + hash.stored_len() * FIELD_BYTES + FIELD_BYTES,
        Value::Json(json) => json.bytes().len() + 1,
        Value::Compressed(bytes) => bytes.len(),
    }
}

/// The value of this kind that `bytes` encode, laid out by `packing`.
///
/// # Errors
/// When they encode none; see [`DecodeError`].
pub fn decode(kind: u8, mut bytes: &[u8], packing: &Packing) -> Result<Value, DecodeError> {
    match kind {
        tag::STRING => return Ok(Value::string(bytes)),
        tag::JSON => return decode_json(bytes),
        tag::COMPRESSED => {
            return Compressed::of(bytes)
                .map(|it| Value::Compressed(it.to_shared()))
                .ok_or(DecodeError::Invalid);
        }
        tag::LIST | tag::HASH => {}
        unknown => return Err(DecodeError::UnknownKind(unknown)),
    }
    let count = take_head(&mut bytes)?;
    let value = if kind == tag::LIST {
        decode_list(&mut bytes, count, packing)?
    } else {
        decode_hash(&mut bytes, count, packing)?
    };
    if bytes.is_empty() { Ok(value) } else { Err(DecodeError::Trailing) }
}

/// Encodes a value in parts of about `part_bytes`, or one element if that is longer, each of which is a value by itself:
/// what [`extend`] puts together in the same order. `each` gets the tag of the kind, a part, and whether more follow.
///
/// # Errors
/// What `each` says.
pub(crate) fn encode_parts<E>(
    value: &Value,
    part_bytes: usize,
    mut each: impl FnMut(u8, &[u8], bool) -> Result<(), E>,
) -> Result<(), E> {
    if let Some(text) = value.text().filter(|_| value.compressed().is_none()) {
        let (mut at, len) = (0, text.len());
        while len - at > part_bytes {
            each(tag::STRING, &text.part(at..at + part_bytes), true)?;
            at += part_bytes;
        }
        return each(tag::STRING, &text.part(at..len), false);
    }
    if let Value::Json(_) | Value::Compressed(_) = value {
        // Of bounded size, and of no use in parts.
        let mut whole = Vec::with_capacity(encoded_bytes_max(value));
        let kind = encode(value, &mut whole);
        return each(kind, &whole, false);
    }
    let (kind, mut parts) = match value {
        Value::Hash(_) => (tag::HASH, Parts::new(part_bytes)),
        _ => (tag::LIST, Parts::new(part_bytes)),
    };
    match value {
        Value::Hash(hash) => {
            for field in hash.stored() {
                parts.item(|out| put_field(out, field), |part| each(kind, part, true))?;
            }
        }
        Value::List(list) => {
            for element in list.iter() {
                parts.item(|out| put_bytes(out, element), |part| each(kind, part, true))?;
            }
        }
        Value::Str(_) | Value::Long(_) | Value::Json(_) | Value::Compressed(_) => {}
    }
    each(kind, parts.take(), false)
}

/// Collects items to parts.
struct Parts {
    part_bytes: usize,
    items: Vec<u8>,
    count: u64,
    part: Vec<u8>,
}

impl Parts {
    fn new(part_bytes: usize) -> Self {
        Self { part_bytes, items: Vec::with_capacity(part_bytes), count: 0, part: Vec::new() }
    }

    /// Adds an item; a part that is full by then is handed on first.
    fn item<E>(
        &mut self,
        put: impl FnOnce(&mut Vec<u8>),
        full: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.items.len() >= self.part_bytes {
            full(self.take())?;
        }
        put(&mut self.items);
        self.count += 1;
        Ok(())
    }

    fn take(&mut self) -> &[u8] {
        self.part.clear();
        self.part.push(VERSION);
        varint::put(&mut self.part, self.count);
        self.part.extend_from_slice(&self.items);
        self.items.clear();
        self.count = 0;
        &self.part
    }
}

/// Adds to a value what a later part of it encodes.
///
/// # Errors
/// When the part is of another kind or encodes nothing; see [`DecodeError`].
pub(crate) fn extend(value: &mut Value, kind: u8, mut bytes: &[u8]) -> Result<(), DecodeError> {
    match (value, kind) {
        (value @ (Value::Str(_) | Value::Long(_)), tag::STRING) => {
            let len = value.text().map_or(0, Text::len) + bytes.len();
            if let Some(long) = value.long_mut(len) {
                long.append(bytes);
            } else if let Value::Str(text) = value {
                text.extend_from_slice(bytes);
            }
            return Ok(());
        }
        (Value::List(list), tag::LIST) => {
            let count = take_head(&mut bytes)?;
            take_elements(&mut bytes, count, list)?;
        }
        (Value::Hash(hash), tag::HASH) => {
            let count = take_head(&mut bytes)?;
            take_fields(&mut bytes, count, hash)?;
        }
        (_, unknown) => return Err(DecodeError::UnknownKind(unknown)),
    }
    if bytes.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
}

fn decode_json(mut bytes: &[u8]) -> Result<Value, DecodeError> {
    take_version(&mut bytes)?;
    Json::from_bytes(bytes).map(Value::Json).ok_or(DecodeError::Invalid)
}

fn take_version(bytes: &mut &[u8]) -> Result<(), DecodeError> {
    let (&version, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
    if version != VERSION {
        return Err(DecodeError::UnknownVersion(version));
    }
    *bytes = rest;
    Ok(())
}

/// Takes version and count.
pub(super) fn take_head(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    take_version(bytes)?;
    match varint::take(bytes) {
        None => Err(DecodeError::Truncated),
        Some(0) => Err(DecodeError::Invalid),
        Some(count) => Ok(count),
    }
}

fn put_field(out: &mut Vec<u8>, field: Field<'_>) {
    put_bytes(out, field.name);
    put_bytes(out, field.value);
    varint::put(out, field.expire_at_ms);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn take_element<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let element = varint::take_bytes(bytes).ok_or(DecodeError::Truncated)?;
    if element.len() > ELEMENT_BYTES_MAX { Err(DecodeError::Invalid) } else { Ok(element) }
}

fn decode_list(bytes: &mut &[u8], count: u64, packing: &Packing) -> Result<Value, DecodeError> {
    let mut list = List::with_fill(packing.list);
    take_elements(bytes, count, &mut list)?;
    Ok(Value::List(Box::new(list)))
}

fn take_elements(bytes: &mut &[u8], count: u64, list: &mut List) -> Result<(), DecodeError> {
    for _ in 0..count {
        list.push_back(take_element(bytes)?);
    }
    Ok(())
}

fn decode_hash(bytes: &mut &[u8], count: u64, packing: &Packing) -> Result<Value, DecodeError> {
    let mut hash = Hash::with_limits(packing.hash);
    take_fields(bytes, count, &mut hash)?;
    Ok(Value::Hash(Box::new(hash)))
}

fn take_fields(bytes: &mut &[u8], count: u64, hash: &mut Hash) -> Result<(), DecodeError> {
    for _ in 0..count {
        let name = take_element(bytes)?;
        let value = take_element(bytes)?;
        let expire_at_ms = varint::take(bytes).ok_or(DecodeError::Truncated)?;
        if !hash.insert(name, value, false) {
            return Err(DecodeError::Invalid);
        }
        if expire_at_ms != 0 {
            hash.expire_at(name, expire_at_ms);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::hash::Limits;
    use crate::value::json;

    fn value() -> impl Strategy<Value = Value> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..40);
        prop_oneof![
            bytes().prop_map(Value::Str),
            json::tests::text().prop_map(|text| Value::Json(Json::parse(text.as_bytes()).unwrap())),
            prop::collection::vec(bytes(), 1..40).prop_map(|elements| {
                let mut list = List::new();
                elements.iter().for_each(|element| list.push_back(element));
                Value::List(Box::new(list))
            }),
            prop::collection::vec((bytes(), bytes(), prop_oneof![Just(0), any::<u64>()]), 1..40).prop_map(
                |fields| {
                    let mut hash = Hash::with_limits(Limits { entries_max: 20, bytes_max: 30 });
                    for (name, value, expire_at_ms) in fields {
                        hash.insert(&name, &value, false);
                        hash.expire_at(&name, expire_at_ms);
                    }
                    Value::Hash(Box::new(hash))
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn a_value_comes_back_as_it_was(value in value()) {
            let mut bytes = Vec::new();
            let kind = encode(&value, &mut bytes);
            prop_assert_eq!(decode(kind, &bytes, &Packing::default()), Ok(value));
        }

        #[test]
        fn a_value_in_parts_is_put_together_again(value in value(), part_bytes in 1_usize..200) {
            let (mut whole, mut done): (Option<Value>, bool) = (None, false);
            encode_parts(&value, part_bytes, |kind, part, more| {
                assert!(!done, "nothing follows the last part");
                done = !more;
                match &mut whole {
                    None => whole = Some(decode(kind, part, &Packing::default())?),
                    Some(whole) => extend(whole, kind, part)?,
                }
                Ok::<(), DecodeError>(())
            }).unwrap();
            prop_assert_eq!(whole, Some(value));
        }

        #[test]
        fn a_value_takes_no_more_bytes_than_was_said(value in value()) {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes);
            prop_assert!(bytes.len() <= encoded_bytes_max(&value));
        }

        #[test]
        fn a_cut_or_a_longer_collection_is_refused(value in value(), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            let kind = encode(&value, &mut bytes);
            prop_assume!(kind != tag::STRING && kind != tag::JSON);
            prop_assert!(decode(kind, &bytes[..cut.index(bytes.len())], &Packing::default()).is_err());
            bytes.push(0);
            prop_assert_eq!(decode(kind, &bytes, &Packing::default()), Err(DecodeError::Trailing));
        }

        #[test]
        fn no_bytes_make_decoding_panic(kind in 0u8..9, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for packed in [&bytes[..], &[&[VERSION], &bytes[..]].concat()] {
                if let Ok(value) = decode(kind, packed, &Packing::default()) {
                    let mut again = Vec::new();
                    encode(&value, &mut again);
                    prop_assert_eq!(decode(kind, &again, &Packing::default()), Ok(value));
                }
            }
        }
    }

    #[test]
    fn what_no_command_makes_is_refused_by_name() {
        let decode = |kind, bytes: &[u8]| decode(kind, bytes, &Packing::default());
        assert_eq!(decode(99, b""), Err(DecodeError::UnknownKind(99)));
        assert_eq!(decode(tag::LIST, &[7, 1, 0]), Err(DecodeError::UnknownVersion(7)));
        assert_eq!(decode(tag::LIST, &[VERSION, 0]), Err(DecodeError::Invalid), "an empty list");
        let twice = [VERSION, 2, 1, b'f', 1, b'a', 0, 1, b'f', 1, b'b', 0];
        assert_eq!(decode(tag::HASH, &twice), Err(DecodeError::Invalid), "a field that stands twice");
        let vast = [VERSION, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(decode(tag::LIST, &vast), Err(DecodeError::Truncated), "a count is no reason to allocate");
    }

    #[test]
    fn the_bytes_of_the_first_version_stay_readable() {
        let list = [1, 3, 1, b'a', 0, 2, b'1', b'2'];
        let Ok(Value::List(list)) = decode(tag::LIST, &list, &Packing::default()) else { panic!("a list") };
        assert_eq!(list.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"12"]);
        let hash = [1, 2, 1, b'f', 2, b'v', b'w', 0, 1, b'g', 0, 0xe8, 0x07];
        let Ok(Value::Hash(hash)) = decode(tag::HASH, &hash, &Packing::default()) else { panic!("a hash") };
        assert_eq!(hash.get(b"f", 0), Some(&b"vw"[..]));
        assert_eq!((hash.get(b"g", 0), hash.expiry(b"g", 0)), (Some(&b""[..]), Some(1000)));
    }
}
