//! Values that are kept compressed: strings and JSON.
//!
//! ```text
//! value   what it is (u8) | dictionary (6 bytes, little-endian; only with 0x08) | bytes before (LEB128) | compressed bytes
//! ```
//!
//! The low three bits of the first byte are the method, 1 LZ4 and 2 Zstandard; 0x08: with a dictionary; the high four bits are
//! the tag of the kind in `value/codec.rs`, whose bytes are what is compressed. So each value says itself how it is read, and
//! the same bytes are in memory, in the log and in checkpoints.
//!
//! What must hold: what is kept so is smaller by an eighth at least; bytes become a [`Compressed`] only if their head is as
//! above, and are taken from a disk only once they were unpacked (`Compressed::check`): the rest relies on that. Left out:
//! when a value is compressed, and where dictionaries come from.

pub(crate) mod dictionary;
mod lz4;
#[cfg(feature = "zstd")]
mod zstd;

use self::dictionary::{Dictionary, ID_BYTES};
use super::codec::{self, tag};
use super::json::{Json, Node};
use super::{Kind, LONG_BYTES_MIN, Packing, Value, varint};
use std::sync::Arc;

/// Values of more bytes are compressed without a dictionary: they have enough in themselves.
pub(crate) const DICTIONARY_INPUT_MAX: usize = lz4::INPUT_BYTES_MAX;

/// The most bytes that a value had before, so that unpacking it takes no longer than may be under a lock.
pub(crate) const RAW_BYTES_MAX: usize = LONG_BYTES_MIN;
/// A sequence of LZ4 makes no more bytes than this out of one.
const LZ4_RATIO_MAX: usize = 256;
/// A block of Zstandard makes no more than this out of one: 128 KiB of four.
const ZSTD_RATIO_MAX: usize = 32 << 10;
/// What stands before the compressed bytes of a value that may have a dictionary, at most.
const HEAD_BYTES_MAX: usize = 1 + ID_BYTES + 3;

const METHOD: u8 = 0x07;
const WITH_DICTIONARY: u8 = 0x08;
const LZ4: u8 = 1;
const ZSTD: u8 = 2;

/// How values are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Not at all.
    #[default]
    None,
    /// LZ4: quick.
    Lz4,
    /// Zstandard: smaller texts, at several times the work.
    Zstd,
}

impl Method {
    /// Whether this build can compress so. What was compressed so by another build it may not be able to read.
    #[must_use]
    pub const fn is_there(self) -> bool {
        cfg!(feature = "zstd") || !matches!(self, Self::Zstd)
    }

    /// What `compression` calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The method of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::None, Self::Lz4, Self::Zstd].into_iter().find(|method| method.name() == name)
    }
}

/// The bytes of a compressed value.
#[derive(Clone, Copy, Debug)]
pub struct Compressed<'a>(&'a [u8]);

/// What stands before the compressed bytes.
struct Head {
    method: u8,
    kind: u8,
    /// 0: none.
    dictionary: u64,
    raw_bytes: usize,
    head_bytes: usize,
}

impl Head {
    #[inline]
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&first, mut rest) = bytes.split_first()?;
        let mut dictionary = 0;
        if first & WITH_DICTIONARY != 0 {
            let (id, after) = rest.split_first_chunk::<ID_BYTES>()?;
            let mut whole = [0; 8];
            whole[..ID_BYTES].copy_from_slice(id);
            (dictionary, rest) = (u64::from_le_bytes(whole), after);
        }
        let raw_bytes = usize::try_from(varint::take(&mut rest)?).ok()?;
        let head_bytes = bytes.len() - rest.len();
        Some(Self { method: first & METHOD, kind: first >> 4, dictionary, raw_bytes, head_bytes })
    }
}

impl<'a> Compressed<'a> {
    /// The value of these bytes; none if their head is not that of one.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let head = Head::read(bytes)?;
        let is_known = matches!(head.method, LZ4 | ZSTD) && matches!(head.kind, tag::STRING | tag::JSON);
        let ratio_max = if head.method == LZ4 { LZ4_RATIO_MAX } else { ZSTD_RATIO_MAX };
        let is_possible = head.raw_bytes > 0
            && head.raw_bytes <= RAW_BYTES_MAX
            && head.raw_bytes / ratio_max <= bytes.len();
        (is_known && is_possible).then_some(Self(bytes))
    }

    /// The value of bytes that are known to be one.
    #[inline]
    pub(crate) fn of_made(bytes: &'a [u8]) -> Self {
        debug_assert!(Self::of(bytes).is_some(), "it was made by `compress`, or read by `of`");
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    #[inline]
    fn head(self) -> Head {
        Head::read(self.0).expect("a compressed value has a head")
    }

    /// What it is.
    #[must_use]
    #[inline]
    pub fn kind(self) -> Kind {
        if self.0.first().is_some_and(|first| first >> 4 == tag::JSON) { Kind::Json } else { Kind::Str }
    }

    /// Bytes of the value that is compressed here, in its codec.
    #[must_use]
    #[inline]
    pub fn raw_bytes(self) -> usize {
        self.head().raw_bytes
    }

    /// Appends the value in its codec. False if that is not what the bytes hold, or its dictionary is not there; what was appended
    /// means nothing then.
    #[inline]
    fn unpack(self, out: &mut Vec<u8>) -> bool {
        let head = self.head();
        let dictionary = if head.dictionary == 0 { None } else { Dictionary::find(head.dictionary) };
        if head.dictionary != 0 && dictionary.is_none() {
            return false;
        }
        let body = &self.0[head.head_bytes..];
        out.reserve(head.raw_bytes);
        match head.method {
            LZ4 => {
                let content = dictionary.map_or(&[][..], Dictionary::content);
                lz4::decompress(body, content, head.raw_bytes, out)
            }
            #[cfg(feature = "zstd")]
            ZSTD => zstd::decompress(body, dictionary, head.raw_bytes, out),
            _ => false,
        }
    }

    /// Appends the value in its codec: for a string that is its bytes.
    ///
    /// # Panics
    /// If the bytes do not unpack, which checking what a disk gives has ruled out.
    #[inline]
    pub fn append_to(self, out: &mut Vec<u8>) {
        assert!(self.unpack(out), "what is compressed in memory was made here or has been checked");
    }

    /// The value in its codec.
    #[must_use]
    pub fn raw(self) -> Vec<u8> {
        let mut raw = Vec::new();
        self.append_to(&mut raw);
        raw
    }

    /// The JSON that it is.
    ///
    /// # Panics
    /// If it is a string.
    #[must_use]
    pub fn json(self) -> Json {
        Json::from_made(self.json_in(&mut Vec::new()).bytes())
    }

    /// The same, unpacked into `room` and read there.
    ///
    /// # Panics
    /// If it is a string.
    pub fn json_in(self, room: &mut Vec<u8>) -> Node<'_> {
        assert_eq!(self.kind(), Kind::Json, "the caller has seen that it is JSON");
        room.clear();
        self.append_to(room);
        // Behind the version of the codec.
        Node::of(&room[1..])
    }

    /// The value that it is, not compressed.
    #[must_use]
    pub fn plain(self) -> Value {
        match self.kind() {
            Kind::Json => Value::Json(self.json()),
            _ => Value::string(&self.raw()),
        }
    }

    /// The string that it is, if it is one and unpacks: while the log is replayed nothing has been checked yet.
    pub(crate) fn try_string(self) -> Option<Value> {
        let mut raw = Vec::new();
        (self.kind() == Kind::Str && self.unpack(&mut raw)).then(|| Value::string(&raw))
    }

    /// Unpacks it and looks whether it is a value; to be called for all that a disk gives. `room` is for what is unpacked.
    pub(crate) fn check(self, room: &mut Vec<u8>) -> bool {
        room.clear();
        // Most of what is checked are strings, which are any bytes.
        self.unpack(room)
            && (self.kind() == Kind::Str || codec::decode(tag::JSON, room, &Packing::default()).is_ok())
    }

    /// The same, to be kept.
    #[must_use]
    pub fn to_shared(self) -> Arc<[u8]> {
        self.0.into()
    }
}

/// Puts the compressed form of a value into `out`, which is emptied first. `raw` are the bytes of its codec. False if it does
/// not pay: `out` means nothing then.
pub(crate) fn compress(
    method: Method,
    kind: Kind,
    raw: &[u8],
    dictionary: Option<&'static Dictionary>,
    out: &mut Vec<u8>,
) -> bool {
    out.clear();
    let kind = if kind == Kind::Json { tag::JSON } else { tag::STRING };
    let dictionary = dictionary.filter(|_| raw.len() <= DICTIONARY_INPUT_MAX);
    let method_bits = match method {
        Method::None => return false,
        Method::Lz4 => LZ4,
        Method::Zstd => ZSTD,
    };
    out.push(kind << 4 | method_bits | if dictionary.is_some() { WITH_DICTIONARY } else { 0 });
    if let Some(dictionary) = dictionary {
        out.extend_from_slice(&dictionary.id().to_le_bytes()[..ID_BYTES]);
    }
    varint::put(out, raw.len() as u64);
    let Some(bytes_max) = bytes_max(raw.len(), out.len()) else { return false };
    if raw.len() > RAW_BYTES_MAX || raw.is_empty() {
        return false;
    }
    match method {
        #[cfg(feature = "zstd")]
        Method::Zstd => zstd::compress(raw, dictionary, bytes_max, out),
        Method::Lz4 if raw.len() > lz4::INPUT_BYTES_MAX => lz4::compress_large(raw, bytes_max, out),
        Method::Lz4 => match dictionary {
            Some(dictionary) => {
                lz4::compress(raw, dictionary.content(), Some(dictionary.places()), bytes_max, out)
            }
            None => lz4::compress(raw, b"", None, bytes_max, out),
        },
        _ => false,
    }
}

/// How many bytes what follows the head may have, so that it pays.
fn bytes_max(raw_bytes: usize, head_bytes: usize) -> Option<usize> {
    (raw_bytes - raw_bytes / 8).checked_sub(head_bytes)
}

#[cfg(test)]
mod tests;
