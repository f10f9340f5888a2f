//! The state changes that the log knows.
//!
//! Owns the closed list of effects and their bytes. Everything that ever happens to the data is one of these: a command
//! reads, decides, and applies effects; recovery applies the same effects through the same function. An effect names one
//! key of one database (or is database-wide) and carries all that it needs: it reads no other key, no clock and no random
//! number, and times are absolute.
//!
//! On disk: a tag byte, then the fields in the order of the variants here. Integers are LEB128, byte strings are a length
//! and the bytes, lists are a count and the items. Tags are never reused; `docs/design/effects.md` has the table.

/// The database in which records of tables lie.
pub(crate) const RECORDS_DB: u32 = 0;

/// The number of the database that no client selects: what the engine keeps about the data in the form of data. It lies in a
/// space of its own, which nothing empties, swaps, lists or evicts from.
pub(crate) const SYSTEM_DB: u32 = u32::MAX;

/// A change to one key, or to a whole database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect<'a> {
    /// The key holds this string and expires then (0: never).
    SetString { key: &'a [u8], value: &'a [u8], expire_at_ms: u64 },
    /// The key holds this value, in the codec of `value::codec`.
    Put { key: &'a [u8], kind: u8, value: &'a [u8], expire_at_ms: u64 },
    /// A further part of the value that a `Put` in the same record began.
    Extend { key: &'a [u8], kind: u8, part: &'a [u8] },
    /// The key is gone.
    Delete { key: &'a [u8] },
    /// The key expires then (0: never).
    Expire { key: &'a [u8], at_ms: u64 },
    /// A string grows by these bytes at its end.
    Append { key: &'a [u8], tail: &'a [u8] },
    /// These bytes stand in a string at this offset; a gap is filled with zeros.
    SetRange { key: &'a [u8], offset: u64, bytes: &'a [u8] },
    /// Elements are pushed, one after the other.
    ListPush { key: &'a [u8], side: Side, elements: &'a [&'a [u8]] },
    /// This many elements are taken off.
    ListPop { key: &'a [u8], side: Side, count: u64 },
    /// The element at this index is another one.
    ListSet { key: &'a [u8], index: u64, element: &'a [u8] },
    /// An element is put in front of this index.
    ListInsert { key: &'a [u8], index: u64, element: &'a [u8] },
    /// As many elements equal to this one are removed, from the head (positive), the tail (negative), or all (0).
    ListRemove { key: &'a [u8], count: i64, element: &'a [u8] },
    /// Only these elements stay.
    ListTrim { key: &'a [u8], start: u64, count: u64 },
    /// Fields are set, given as field, value, field, value; their expiry is kept or dropped.
    HashSet { key: &'a [u8], keep_expiry: bool, pairs: &'a [&'a [u8]] },
    /// Fields are gone.
    HashDelete { key: &'a [u8], fields: &'a [&'a [u8]] },
    /// The store has a row of the key that somebody else has written, with this stamp; the key came from there.
    Stored { key: &'a [u8], stamp: u64 },
    /// What the store has of the key counts: memory knows nothing of it any more, unless it is to be settled, which `all` gives
    /// up.
    Forget { key: &'a [u8], all: bool },
    /// Fields expire then (0: never).
    HashExpire { key: &'a [u8], at_ms: u64, fields: &'a [&'a [u8]] },
    /// The key has these tags, beside those that it has.
    TagAdd { key: &'a [u8], tags: &'a [&'a [u8]] },
    /// It has these no longer.
    TagRemove { key: &'a [u8], tags: &'a [&'a [u8]] },
    /// It has these and no others.
    TagSet { key: &'a [u8], tags: &'a [&'a [u8]] },
    /// A database is empty.
    Flush,
    /// This database and another one change places.
    Swap { with: u32 },
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The head, index 0.
    Left,
    /// The tail, index -1.
    Right,
}

/// Bytes that are not an effect of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

mod tag {
    pub(super) const SET_STRING: u8 = 1;
    pub(super) const PUT: u8 = 2;
    pub(super) const DELETE: u8 = 3;
    pub(super) const EXPIRE: u8 = 4;
    pub(super) const APPEND: u8 = 5;
    pub(super) const SET_RANGE: u8 = 6;
    pub(super) const FLUSH: u8 = 7;
    pub(super) const SWAP: u8 = 8;
    pub(super) const EXTEND: u8 = 9;
    pub(super) const STORED: u8 = 10;
    pub(super) const FORGET: u8 = 11;
    pub(super) const LIST_PUSH: u8 = 16;
    pub(super) const LIST_POP: u8 = 17;
    pub(super) const LIST_SET: u8 = 18;
    pub(super) const LIST_INSERT: u8 = 19;
    pub(super) const LIST_REMOVE: u8 = 20;
    pub(super) const LIST_TRIM: u8 = 21;
    pub(super) const HASH_SET: u8 = 32;
    pub(super) const HASH_DELETE: u8 = 33;
    pub(super) const HASH_EXPIRE: u8 = 34;
    pub(super) const TAG_ADD: u8 = 48;
    pub(super) const TAG_REMOVE: u8 = 49;
    pub(super) const TAG_SET: u8 = 50;
}

impl<'a> Effect<'a> {
    /// The key that it changes; none for a database-wide effect.
    pub(crate) fn key(&self) -> Option<&'a [u8]> {
        match *self {
            Effect::SetString { key, .. }
            | Effect::Put { key, .. }
            | Effect::Extend { key, .. }
            | Effect::Delete { key }
            | Effect::Stored { key, .. }
            | Effect::Forget { key, .. }
            | Effect::Expire { key, .. }
            | Effect::Append { key, .. }
            | Effect::SetRange { key, .. }
            | Effect::ListPush { key, .. }
            | Effect::ListPop { key, .. }
            | Effect::ListSet { key, .. }
            | Effect::ListInsert { key, .. }
            | Effect::ListRemove { key, .. }
            | Effect::ListTrim { key, .. }
            | Effect::HashSet { key, .. }
            | Effect::HashDelete { key, .. }
            | Effect::HashExpire { key, .. }
            | Effect::TagAdd { key, .. }
            | Effect::TagRemove { key, .. }
            | Effect::TagSet { key, .. } => Some(key),
            Effect::Flush | Effect::Swap { .. } => None,
        }
    }

    /// Whether it says all that the key holds afterwards.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Effect::SetString { .. } | Effect::Put { .. } | Effect::Delete { .. })
    }

    /// Whether it is about nothing but the tags of the key.
    #[inline]
    pub(crate) fn is_of_tags(&self) -> bool {
        matches!(self, Effect::TagAdd { .. } | Effect::TagRemove { .. } | Effect::TagSet { .. })
    }

    /// Appends the bytes of this effect on database `db`.
    #[inline]
    pub(crate) fn encode(&self, db: u32, out: &mut Vec<u8>) {
        match *self {
            Effect::SetString { key, value, expire_at_ms } => {
                out.reserve(key.len() + value.len() + 32);
                head(out, tag::SET_STRING, db, key);
                put_bytes(out, value);
                put_uint(out, expire_at_ms);
            }
            Effect::Put { key, kind, value, expire_at_ms } => {
                head(out, tag::PUT, db, key);
                out.push(kind);
                put_bytes(out, value);
                put_uint(out, expire_at_ms);
            }
            Effect::Extend { key, kind, part } => {
                head(out, tag::EXTEND, db, key);
                out.push(kind);
                put_bytes(out, part);
            }
            Effect::Delete { key } => head(out, tag::DELETE, db, key),
            Effect::Stored { key, stamp } => {
                head(out, tag::STORED, db, key);
                put_uint(out, stamp);
            }
            Effect::Forget { key, all } => {
                head(out, tag::FORGET, db, key);
                out.push(u8::from(all));
            }
            Effect::Expire { key, at_ms } => {
                head(out, tag::EXPIRE, db, key);
                put_uint(out, at_ms);
            }
            Effect::Append { key, tail } => {
                head(out, tag::APPEND, db, key);
                put_bytes(out, tail);
            }
            Effect::SetRange { key, offset, bytes } => {
                head(out, tag::SET_RANGE, db, key);
                put_uint(out, offset);
                put_bytes(out, bytes);
            }
            Effect::Flush => {
                out.push(tag::FLUSH);
                put_uint(out, u64::from(db));
            }
            Effect::Swap { with } => {
                out.push(tag::SWAP);
                put_uint(out, u64::from(db));
                put_uint(out, u64::from(with));
            }
            Effect::TagAdd { key, tags } => {
                head(out, tag::TAG_ADD, db, key);
                put_items(out, tags);
            }
            Effect::TagRemove { key, tags } => {
                head(out, tag::TAG_REMOVE, db, key);
                put_items(out, tags);
            }
            Effect::TagSet { key, tags } => {
                head(out, tag::TAG_SET, db, key);
                put_items(out, tags);
            }
            _ => self.encode_collection(db, out),
        }
    }

    fn encode_collection(&self, db: u32, out: &mut Vec<u8>) {
        match *self {
            Effect::ListPush { key, side, elements } => {
                head(out, tag::LIST_PUSH, db, key);
                out.push(side as u8);
                put_items(out, elements);
            }
            Effect::ListPop { key, side, count } => {
                head(out, tag::LIST_POP, db, key);
                out.push(side as u8);
                put_uint(out, count);
            }
            Effect::ListSet { key, index, element } => {
                head(out, tag::LIST_SET, db, key);
                put_uint(out, index);
                put_bytes(out, element);
            }
            Effect::ListInsert { key, index, element } => {
                head(out, tag::LIST_INSERT, db, key);
                put_uint(out, index);
                put_bytes(out, element);
            }
            Effect::ListRemove { key, count, element } => {
                head(out, tag::LIST_REMOVE, db, key);
                out.extend_from_slice(&count.to_le_bytes());
                put_bytes(out, element);
            }
            Effect::ListTrim { key, start, count } => {
                head(out, tag::LIST_TRIM, db, key);
                put_uint(out, start);
                put_uint(out, count);
            }
            Effect::HashSet { key, keep_expiry, pairs } => {
                head(out, tag::HASH_SET, db, key);
                out.push(u8::from(keep_expiry));
                put_items(out, pairs);
            }
            Effect::HashDelete { key, fields } => {
                head(out, tag::HASH_DELETE, db, key);
                put_items(out, fields);
            }
            Effect::HashExpire { key, at_ms, fields } => {
                head(out, tag::HASH_EXPIRE, db, key);
                put_uint(out, at_ms);
                put_items(out, fields);
            }
            _ => unreachable!("`encode` writes the others itself"),
        }
    }

    /// Reads all effects of a record and hands each on with its database.
    pub(crate) fn decode_all<E: From<Malformed>>(
        record: &[u8],
        mut each: impl FnMut(u32, Effect<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        Self::split_all(record, |db, effect, _| each(db, effect))
    }

    /// Reads all effects of a record and hands each on with its database and its own bytes, which are a record too.
    pub(crate) fn split_all<E: From<Malformed>>(
        record: &[u8],
        mut each: impl FnMut(u32, Effect<'_>, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = record;
        let mut items = Vec::new();
        while !at.is_empty() {
            items.clear();
            let from = at;
            // The items borrow from the record, which outlives them; the vector is only reused within one effect.
            let (db, effect) = decode_one(&mut at, &mut items)?;
            each(db, effect, &from[..from.len() - at.len()])?;
        }
        Ok(())
    }
}

fn decode_one<'r, 'i>(at: &mut &'r [u8], items: &'i mut Vec<&'r [u8]>) -> Result<(u32, Effect<'i>), Malformed>
where
    'r: 'i,
{
    let tag = take_byte(at)?;
    let db = u32::try_from(take_uint(at)?).map_err(|_| Malformed)?;
    if tag == tag::FLUSH {
        return Ok((db, Effect::Flush));
    }
    if tag == tag::SWAP {
        return Ok((db, Effect::Swap { with: u32::try_from(take_uint(at)?).map_err(|_| Malformed)? }));
    }
    let key = take_bytes(at)?;
    let effect = match tag {
        tag::SET_STRING => Effect::SetString { key, value: take_bytes(at)?, expire_at_ms: take_uint(at)? },
        tag::PUT => {
            Effect::Put { key, kind: take_byte(at)?, value: take_bytes(at)?, expire_at_ms: take_uint(at)? }
        }
        tag::EXTEND => Effect::Extend { key, kind: take_byte(at)?, part: take_bytes(at)? },
        tag::DELETE => Effect::Delete { key },
        tag::STORED => Effect::Stored { key, stamp: take_uint(at)? },
        tag::FORGET => Effect::Forget { key, all: take_byte(at)? != 0 },
        tag::EXPIRE => Effect::Expire { key, at_ms: take_uint(at)? },
        tag::APPEND => Effect::Append { key, tail: take_bytes(at)? },
        tag::SET_RANGE => Effect::SetRange { key, offset: take_uint(at)?, bytes: take_bytes(at)? },
        tag::LIST_PUSH => Effect::ListPush { key, side: take_side(at)?, elements: take_items(at, items)? },
        tag::LIST_POP => Effect::ListPop { key, side: take_side(at)?, count: take_uint(at)? },
        tag::LIST_SET => Effect::ListSet { key, index: take_uint(at)?, element: take_bytes(at)? },
        tag::LIST_INSERT => Effect::ListInsert { key, index: take_uint(at)?, element: take_bytes(at)? },
        tag::LIST_REMOVE => {
            let (count, rest) = at.split_first_chunk().ok_or(Malformed)?;
            *at = rest;
            Effect::ListRemove { key, count: i64::from_le_bytes(*count), element: take_bytes(at)? }
        }
        tag::LIST_TRIM => Effect::ListTrim { key, start: take_uint(at)?, count: take_uint(at)? },
        tag::HASH_SET => {
            let keep_expiry = take_byte(at)? != 0;
            let pairs = take_items(at, items)?;
            if pairs.len() % 2 != 0 {
                return Err(Malformed);
            }
            Effect::HashSet { key, keep_expiry, pairs }
        }
        tag::HASH_DELETE => Effect::HashDelete { key, fields: take_items(at, items)? },
        tag::HASH_EXPIRE => Effect::HashExpire { key, at_ms: take_uint(at)?, fields: take_items(at, items)? },
        tag::TAG_ADD => Effect::TagAdd { key, tags: take_items(at, items)? },
        tag::TAG_REMOVE => Effect::TagRemove { key, tags: take_items(at, items)? },
        tag::TAG_SET => Effect::TagSet { key, tags: take_items(at, items)? },
        _ => return Err(Malformed),
    };
    Ok((db, effect))
}

#[inline]
fn head(out: &mut Vec<u8>, tag: u8, db: u32, key: &[u8]) {
    if db < 0x80 && key.len() < 0x80 {
        // All in one piece, as nearly always.
        #[expect(clippy::cast_possible_truncation, reason = "both are below 0x80")]
        out.extend_from_slice(&[tag, db as u8, key.len() as u8]);
        return out.extend_from_slice(key);
    }
    out.push(tag);
    put_uint(out, u64::from(db));
    put_bytes(out, key);
}

#[inline]
fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(value as u8);
}

#[inline]
fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_items(out: &mut Vec<u8>, items: &[&[u8]]) {
    put_uint(out, items.len() as u64);
    items.iter().for_each(|item| put_bytes(out, item));
}

fn take_byte(at: &mut &[u8]) -> Result<u8, Malformed> {
    let (&first, rest) = at.split_first().ok_or(Malformed)?;
    *at = rest;
    Ok(first)
}

fn take_side(at: &mut &[u8]) -> Result<Side, Malformed> {
    match take_byte(at)? {
        0 => Ok(Side::Left),
        1 => Ok(Side::Right),
        _ => Err(Malformed),
    }
}

fn take_uint(at: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(at)?;
        if shift == 63 && byte > 1 {
            return Err(Malformed);
        }
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take_bytes<'r>(at: &mut &'r [u8]) -> Result<&'r [u8], Malformed> {
    let len = usize::try_from(take_uint(at)?).map_err(|_| Malformed)?;
    let (bytes, rest) = at.split_at_checked(len).ok_or(Malformed)?;
    *at = rest;
    Ok(bytes)
}

fn take_items<'r, 'i>(at: &mut &'r [u8], items: &'i mut Vec<&'r [u8]>) -> Result<&'i [&'i [u8]], Malformed>
where
    'r: 'i,
{
    for _ in 0..take_uint(at)? {
        items.push(take_bytes(at)?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(record: &[u8]) -> Result<Vec<String>, Malformed> {
        let mut seen = Vec::new();
        Effect::decode_all(record, |db, effect| {
            seen.push(format!("{db} {effect:?}"));
            Ok::<_, Malformed>(())
        })?;
        Ok(seen)
    }

    #[test]
    fn every_effect_reads_back_as_it_was_written() {
        let items: &[&[u8]] = &[b"a", b"", b"c", b"\0\r\n"];
        let key = &b"key"[..];
        let effects = [
            Effect::SetString { key, value: b"v", expire_at_ms: u64::MAX },
            Effect::Put { key: b"", kind: 2, value: b"xyz", expire_at_ms: 0 },
            Effect::Extend { key, kind: 1, part: b"more" },
            Effect::Delete { key },
            Effect::Stored { key, stamp: 1 << 50 },
            Effect::Forget { key, all: true },
            Effect::Expire { key, at_ms: 1 << 40 },
            Effect::Append { key, tail: b"" },
            Effect::SetRange { key, offset: 127, bytes: b"b" },
            Effect::ListPush { key, side: Side::Right, elements: items },
            Effect::ListPop { key, side: Side::Left, count: 128 },
            Effect::ListSet { key, index: 3, element: b"e" },
            Effect::ListInsert { key, index: 0, element: b"e" },
            Effect::ListRemove { key, count: -5, element: b"e" },
            Effect::ListTrim { key, start: 1, count: 2 },
            Effect::HashSet { key, keep_expiry: true, pairs: items },
            Effect::HashDelete { key, fields: items },
            Effect::HashExpire { key, at_ms: 9, fields: items },
            Effect::TagAdd { key, tags: items },
            Effect::TagRemove { key, tags: &items[..1] },
            Effect::TagSet { key, tags: &[] },
            Effect::Flush,
            Effect::Swap { with: 15 },
        ];
        let mut record = Vec::new();
        effects.iter().for_each(|effect| effect.encode(300, &mut record));
        let expected: Vec<_> = effects.iter().map(|effect| format!("300 {effect:?}")).collect();
        assert_eq!(read(&record), Ok(expected));
        for cut in 0..record.len() {
            assert!(read(&record[..cut]).is_err() || read(&record[..cut]).unwrap().len() < effects.len());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
