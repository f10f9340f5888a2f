//! Entries as bytes: what a checkpoint keeps of them.
//!
//! ```text
//! entry   flags and kind (u8) | access clock (3 bytes) | key length | value length | expiry (8 bytes) | key | value
//! ```
//!
//! Lengths are LEB128, the other numbers little-endian. The low four bits of the first byte are the kind of the value
//! (`value/codec.rs`), the others flags: 0x10 more parts of this value follow, 0x20 there is an expiry, 0x40 a string that
//! was changed in place, 0x80 this is a further part of the value before it, with the same key.
//!
//! With 0x80 there are also two kinds beyond those of values, which say how a key stands towards a store: 8, the key before is
//! unsettled, and its row has the stamp that the value says, if it says one; 9, the key is not there, which has to settle.
//! Kind 10, again with 0x80, has the tags of the key before: how many, then each with its length (LEB128).
//!
//! What must hold: adding an entry takes time that its own bytes bound; a large value is only shared under the lock, and
//! encoded after it in parts. No bytes make reading panic.

use super::entry::{Entry, View, mark};
use super::hash::StableHash;
use super::item::Item as _;
use super::space::Space;
use super::tags::{self, Tags};
use crate::effect::Malformed;
use crate::value::codec::{self, tag};
use crate::value::compressed::Compressed;
use crate::value::{Packing, Value, varint};

/// Values larger than this are encoded without the lock.
const SHARED_BYTES_MIN: usize = 64 << 10;
/// Compressed values up to this size are copied as they are; above it they are not in their entry.
const COMPRESSED_COPIED_MAX: usize = 1 << 10;
/// About the size of a part of a large value.
pub(crate) const PART_BYTES: usize = 256 << 10;

/// The key has changed and not settled.
const UNSETTLED: u8 = 8;
/// It was deleted, and that has not settled.
const TOMBSTONE: u8 = 9;
/// The tags of a key.
const TAGS: u8 = 10;

const KIND: u8 = 0x0F;
const MORE: u8 = 0x10;
const EXPIRES: u8 = 0x20;
const RAW: u8 = 0x40;
const CONTINUES: u8 = 0x80;

/// What stands beside key and value.
#[derive(Clone, Copy)]
struct Head {
    flags: u8,
    access: u32,
    expire_at_ms: u64,
}

impl Head {
    fn of(entry: &Entry) -> Self {
        let raw = if entry.is_raw() { RAW } else { 0 };
        Self { flags: raw, access: entry.access(), expire_at_ms: entry.expire_at() }
    }
}

/// Entries of one database in one shard.
pub(crate) struct Image {
    /// Room for whoever writes the image, then the entries.
    pub(crate) bytes: Vec<u8>,
    gap: usize,
    /// How many keys begin here, large ones included.
    pub(crate) entries: u32,
    /// Values that are still to be encoded.
    pub(crate) large: Vec<Large>,
}

/// A large value, shared with the entry that holds it.
pub(crate) struct Large {
    key: Box<[u8]>,
    head: Head,
    value: Value,
    unsettled: bool,
    /// Encoded; empty: it has none.
    tags: Vec<u8>,
}

impl Image {
    /// An empty image behind `gap` bytes of room, with space for `bytes`.
    pub(crate) fn new(gap: usize, bytes: usize) -> Self {
        let mut room = Vec::with_capacity(gap + bytes);
        room.resize(gap, 0);
        Self { bytes: room, gap, entries: 0, large: Vec::new() }
    }

    /// Bytes of entries.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.gap
    }

    /// Adds everything of another image.
    pub(crate) fn append(&mut self, other: &mut Self) {
        self.bytes.extend_from_slice(&other.bytes[other.gap..]);
        self.entries += other.entries;
        self.large.append(&mut other.large);
        other.clear();
    }

    /// Takes everything out.
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(self.gap);
        self.entries = 0;
        self.large.clear();
    }

    /// Adds an entry, with its tags if it has any among those of its space.
    #[inline]
    pub(crate) fn add(&mut self, entry: &Entry, stable: StableHash, tags: Option<&Tags>) {
        let large = self.large.len();
        self.add_entry(entry);
        if let Some(tags) = tags {
            self.add_tags(entry, tags.of(stable.of(entry.key()), entry.key()), large);
        }
    }

    /// Adds the tags of the entry before; there were so many large ones before that.
    #[cold]
    fn add_tags<'t>(
        &mut self,
        entry: &Entry,
        tags: impl Iterator<Item = &'t [u8]> + Clone,
        large_before: usize,
    ) {
        if tags.clone().next().is_none() {
            return;
        }
        let mut encoded = Vec::new();
        tags::encode(tags, &mut encoded);
        match self.large.get_mut(large_before) {
            Some(large) => large.tags = encoded,
            None => put(&mut self.bytes, entry.key(), FURTHER, TAGS, &encoded),
        }
    }

    #[inline]
    fn add_entry(&mut self, entry: &Entry) {
        self.entries += 1;
        match entry.view() {
            View::Str(text) => put(&mut self.bytes, entry.key(), Head::of(entry), tag::STRING, text),
            View::Json(document) => put(&mut self.bytes, entry.key(), Head::of(entry), tag::JSON, document),
            View::Compressed(value) if value.bytes().len() <= COMPRESSED_COPIED_MAX => {
                put(&mut self.bytes, entry.key(), Head::of(entry), tag::COMPRESSED, value.bytes());
            }
            View::Compressed(_) | View::Value(_) => {
                self.add_value(entry, entry.value().expect("what is not in the entry is behind it"));
            }
        }
        if entry.has(mark::UNSETTLED | mark::SETTLING) && entry.value_bytes() <= SHARED_BYTES_MIN {
            put_mark(&mut self.bytes, entry.key(), UNSETTLED);
        }
    }

    /// Adds a key that is not there.
    pub(crate) fn add_tombstone(&mut self, key: &[u8]) {
        put_mark(&mut self.bytes, key, TOMBSTONE);
    }

    fn add_value(&mut self, entry: &Entry, value: &Value) {
        let (key, head) = (entry.key(), Head::of(entry));
        if value.heap_bytes() > SHARED_BYTES_MIN {
            let unsettled = entry.has(mark::UNSETTLED | mark::SETTLING);
            let (key, value, tags) = (key.into(), value.share(), Vec::new());
            self.large.push(Large { key, head, value, unsettled, tags });
        } else if let Value::Str(text) = value {
            put(&mut self.bytes, key, head, tag::STRING, text);
        } else {
            let mut encoded = Vec::new();
            let kind = codec::encode(value, &mut encoded);
            put(&mut self.bytes, key, head, kind, &encoded);
        }
    }
}

impl Large {
    /// Encodes it, part by part. `each` gets the bytes of one part as an entry, and whether the key begins with it.
    pub(crate) fn parts<E>(&self, mut each: impl FnMut(&[u8], bool) -> Result<(), E>) -> Result<(), E> {
        let (mut bytes, mut first) = (Vec::new(), true);
        codec::encode_parts(&self.value, PART_BYTES, |kind, part, more| {
            let mut head = self.head;
            head.flags |= if more { MORE } else { 0 } | if first { 0 } else { CONTINUES };
            bytes.clear();
            put(&mut bytes, &self.key, head, kind, part);
            if self.unsettled && !more {
                put_mark(&mut bytes, &self.key, UNSETTLED);
            }
            if !self.tags.is_empty() && !more {
                put(&mut bytes, &self.key, FURTHER, TAGS, &self.tags);
            }
            each(&bytes, std::mem::take(&mut first))
        })
    }
}

/// The head of what says more of a key.
const FURTHER: Head = Head { flags: CONTINUES, access: 0, expire_at_ms: 0 };

/// Says how a key stands towards a store.
fn put_mark(out: &mut Vec<u8>, key: &[u8], kind: u8) {
    put(out, key, FURTHER, kind, b"");
}

/// Whether these flags are those of the tags of a key.
fn is_tags(flags: u8) -> bool {
    flags & CONTINUES != 0 && flags & KIND == TAGS
}

/// Whether these flags say how a key stands towards a store.
fn is_mark(flags: u8) -> bool {
    flags & CONTINUES != 0 && matches!(flags & KIND, UNSETTLED | TOMBSTONE)
}

#[inline]
fn put(out: &mut Vec<u8>, key: &[u8], head: Head, kind: u8, value: &[u8]) {
    out.reserve(32 + key.len() + value.len());
    let expires = if head.expire_at_ms == 0 { 0 } else { EXPIRES };
    let [a, b, c, _] = head.access.to_le_bytes();
    out.extend_from_slice(&[kind | head.flags | expires, a, b, c]);
    varint::put(out, key.len() as u64);
    varint::put(out, value.len() as u64);
    if expires != 0 {
        out.extend_from_slice(&head.expire_at_ms.to_le_bytes());
    }
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

/// An entry as it is read.
struct Read<'a> {
    flags: u8,
    access: u32,
    expire_at_ms: u64,
    key: &'a [u8],
    value: &'a [u8],
}

#[inline]
fn take<'a>(bytes: &mut &'a [u8]) -> Option<Read<'a>> {
    let (&[flags, a, b, c], rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    let key_len = usize::try_from(varint::take(bytes)?).ok()?;
    let value_len = usize::try_from(varint::take(bytes)?).ok()?;
    let mut expire_at_ms = 0;
    if flags & EXPIRES != 0 {
        let (expiry, rest) = bytes.split_first_chunk()?;
        expire_at_ms = u64::from_le_bytes(*expiry);
        *bytes = rest;
    }
    let (key, rest) = bytes.split_at_checked(key_len)?;
    let (value, rest) = rest.split_at_checked(value_len)?;
    *bytes = rest;
    Some(Read { flags, access: u32::from_le_bytes([a, b, c, 0]), expire_at_ms, key, value })
}

/// Reads entries without keeping them. Returns how many keys begin there.
pub(crate) fn check(mut bytes: &[u8]) -> Result<u32, Malformed> {
    let (mut keys, packing) = (0, Packing::default());
    while !bytes.is_empty() {
        let read = take(&mut bytes).ok_or(Malformed)?;
        keys += u32::from(read.flags & CONTINUES == 0);
        if is_tags(read.flags) {
            tags::decode(read.value).ok_or(Malformed)?;
        } else if read.flags & KIND != tag::STRING && !is_mark(read.flags) {
            codec::decode(read.flags & KIND, read.value, &packing).map_err(|_| Malformed)?;
        }
    }
    Ok(keys)
}

/// Brings the entries of one database in one shard back.
pub(crate) struct Loader<'a> {
    space: &'a mut Space,
    packing: Packing,
    /// What of `hash` must be `shard`.
    shard: u64,
    shard_mask: u64,
    /// The last record that the shard holds.
    cut: u64,
    /// The key whose further parts come next, with its hash.
    open: Option<(Box<[u8]>, u64)>,
    due: Vec<(u64, u64)>,
}

impl<'a> Loader<'a> {
    /// Loads `keys` keys into an empty space of shard `shard` of `shards`.
    pub(crate) fn new(
        space: &'a mut Space,
        keys: usize,
        packing: Packing,
        shard: usize,
        shards: usize,
        cut: u64,
    ) -> Self {
        space.reserve(keys);
        Self {
            space,
            packing,
            shard: shard as u64,
            shard_mask: shards as u64 - 1,
            cut,
            open: None,
            due: Vec::new(),
        }
    }

    /// Loads the entries of one image. Returns how many keys begin there.
    pub(crate) fn load(&mut self, mut bytes: &[u8]) -> Result<u32, Malformed> {
        let mut keys = 0;
        while !bytes.is_empty() {
            let read = take(&mut bytes).ok_or(Malformed)?;
            if read.flags & CONTINUES == 0 {
                self.begin(&read)?;
                keys += 1;
            } else if is_mark(read.flags) {
                self.unsettle(read.key)?;
            } else if is_tags(read.flags) {
                self.tag(&read)?;
            } else {
                self.go_on(&read)?;
            }
        }
        Ok(keys)
    }

    #[inline]
    fn begin(&mut self, read: &Read<'_>) -> Result<(), Malformed> {
        let hash = self.space.table().hasher().stable.of(read.key);
        if hash & self.shard_mask != self.shard || self.open.is_some() {
            return Err(Malformed);
        }
        let kind = read.flags & KIND;
        let mut entry = if kind == tag::STRING {
            Entry::string(read.key, read.value, read.expire_at_ms)
        } else if kind == tag::COMPRESSED {
            Entry::compressed(read.key, Compressed::of(read.value).ok_or(Malformed)?, read.expire_at_ms)
        } else {
            let value = codec::decode(kind, read.value, &self.packing).map_err(|_| Malformed)?;
            Entry::of(read.key, value, read.expire_at_ms)
        };
        entry.set_access(read.access);
        if read.flags & RAW != 0 {
            entry.set_raw();
        }
        if read.flags & MORE != 0 {
            self.open = Some((read.key.into(), hash));
        }
        self.space.load(hash, entry, &mut self.due);
        Ok(())
    }

    /// The key has something to settle. Without a store that means nothing.
    fn unsettle(&mut self, key: &[u8]) -> Result<(), Malformed> {
        let hash = self.space.table().hasher().stable.of(key);
        if hash & self.shard_mask != self.shard || self.open.is_some() {
            return Err(Malformed);
        }
        self.space.recover_change(hash, key, self.cut, 0);
        Ok(())
    }

    /// The key before has these tags.
    fn tag(&mut self, read: &Read<'_>) -> Result<(), Malformed> {
        let hash = self.space.table().hasher().stable.of(read.key);
        if hash & self.shard_mask != self.shard || self.open.is_some() {
            return Err(Malformed);
        }
        let tags = tags::decode(read.value).ok_or(Malformed)?;
        self.space.add_tags(hash, read.key, &tags);
        Ok(())
    }

    fn go_on(&mut self, read: &Read<'_>) -> Result<(), Malformed> {
        let (key, hash) = self.open.as_ref().ok_or(Malformed)?;
        if **key != *read.key {
            return Err(Malformed);
        }
        // What is due for it may change with its fields.
        self.space.finish_load(std::mem::take(&mut self.due));
        let is_last = read.flags & MORE == 0;
        let extended = self.space.change(*hash, read.key, |entry| match entry.value_mut() {
            Some(value) => codec::extend(value, read.flags & KIND, read.value).map(|()| {
                if let (Value::Str(text), true) = (value, is_last) {
                    text.shrink_to_fit();
                }
            }),
            None => Err(codec::DecodeError::Invalid),
        });
        if is_last {
            self.open = None;
        }
        match extended {
            Some(Ok(())) => Ok(()),
            _ => Err(Malformed),
        }
    }

    /// All images have been loaded.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        self.space.finish_load(self.due);
        if self.open.is_some() { Err(Malformed) } else { Ok(()) }
    }
}
