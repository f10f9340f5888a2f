//! Values: the data types, their encodings and their bytes.
//!
//! Owns pure data structures. They know no keys, no commands, no clock and no I/O: times come in as numbers. Strings are
//! plain bytes and have no type of their own here. What must hold for all of them: `heap_bytes` takes constant time,
//! because memory is counted at every change, and no operation panics on what a client can send.

pub mod codec;
pub mod compressed;
pub mod glob;
pub mod hash;
pub mod items;
pub mod json;
pub mod list;
pub mod long;
pub mod number;
#[expect(unsafe_code, reason = "a prefetch is an intrinsic")]
pub(crate) mod prefetch;
#[expect(unsafe_code, reason = "its holders are counted by hand")]
mod shared;
pub(crate) mod varint;

pub use glob::glob;

use compressed::Compressed;
use hash::{Hash, Limits};
use json::Json;
use list::{Fill, List};
use long::Long;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Up to where collections are kept packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// How much goes into one pack of a list.
    pub list: Fill,
    /// Up to where a hash is one buffer.
    pub hash: Limits,
}

/// The data type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    Str,
    /// A sequence of byte strings.
    List,
    /// Fields with values.
    Hash,
    /// JSON: what records are.
    Json,
}

impl Kind {
    /// The name that `TYPE` gives.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Str => "string",
            Self::List => "list",
            Self::Hash => "hash",
            // What clients know such values by.
            Self::Json => "ReJSON-RL",
        }
    }
}

/// Strings of so many bytes and more are kept in chunks.
pub const LONG_BYTES_MIN: usize = 1 << 20;

/// What a key can hold. Cloning shares what is large, see [`Value::share`].
#[derive(Clone, Debug)]
pub enum Value {
    /// Bytes.
    Str(Vec<u8>),
    /// Bytes as well, many of them.
    Long(Box<Long>),
    /// A sequence of byte strings.
    List(Box<List>),
    /// Fields with values.
    Hash(Box<Hash>),
    /// JSON.
    Json(Json),
    /// A string or JSON, compressed: bytes of which [`Compressed`] knows the form.
    Compressed(Arc<[u8]>),
}

const _: () = assert!(size_of::<Value>() <= 24);

impl Value {
    /// A string of these bytes.
    #[must_use]
    pub fn string(bytes: &[u8]) -> Self {
        if bytes.len() < LONG_BYTES_MIN {
            Self::Str(bytes.to_vec())
        } else {
            Self::Long(Box::new(Long::of(bytes)))
        }
    }

    /// The string in chunks, if it is one and is that long, or is going to be; none for other types and shorter strings.
    pub fn long_mut(&mut self, len: usize) -> Option<&mut Long> {
        if let Self::Str(text) = self
            && len >= LONG_BYTES_MIN
        {
            *self = Self::Long(Box::new(Long::of(text)));
        }
        match self {
            Self::Long(long) => Some(long),
            _ => None,
        }
    }

    /// The bytes of a string; none for other types.
    #[must_use]
    pub fn text(&self) -> Option<Text<'_>> {
        match self {
            Self::Str(text) => Some(Text::Flat(text)),
            Self::Long(long) => Some(Text::Long(long)),
            Self::Compressed(_) => {
                self.compressed().filter(|it| it.kind() == Kind::Str).map(Text::Compressed)
            }
            Self::List(_) | Self::Hash(_) | Self::Json(_) => None,
        }
    }

    /// Its compressed form, if it is kept so.
    #[must_use]
    #[inline]
    pub fn compressed(&self) -> Option<Compressed<'_>> {
        match self {
            Self::Compressed(bytes) => Some(Compressed::of_made(bytes)),
            _ => None,
        }
    }

    /// The same value, not compressed.
    #[must_use]
    pub fn plain(&self) -> Cow<'_, Self> {
        match self.compressed() {
            Some(value) => Cow::Owned(value.plain()),
            None => Cow::Borrowed(self),
        }
    }

    /// The data type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Str(_) | Self::Long(_) => Kind::Str,
            Self::List(_) => Kind::List,
            Self::Hash(_) => Kind::Hash,
            Self::Json(_) => Kind::Json,
            Self::Compressed(bytes) => Compressed::of_made(bytes).kind(),
        }
    }

    /// The name that `TYPE` gives.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.kind().name()
    }

    /// Another value that holds the same, in far less time than a copy takes: a large collection is shared in parts, each
    /// copied when one of the two changes it. A gigabyte takes some hundred microseconds; what is small is copied.
    #[must_use]
    pub fn share(&self) -> Self {
        self.clone()
    }

    /// Bytes on the heap; the value's own struct is the holder's to count. Constant time.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Str(text) => text.capacity(),
            Self::Long(long) => size_of::<Long>() + long.heap_bytes(),
            Self::List(list) => size_of::<List>() + list.heap_bytes(),
            Self::Hash(hash) => size_of::<Hash>() + hash.heap_bytes(),
            Self::Json(json) => json.heap_bytes(),
            // The bytes, and the count of those who share them.
            Self::Compressed(bytes) => bytes.len() + 2 * size_of::<usize>(),
        }
    }
}

/// Values are equal if what they hold is, however it is laid out.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Compressed(one), Self::Compressed(other)) if one == other => true,
            (Self::Compressed(_), _) | (_, Self::Compressed(_)) => *self.plain() == *other.plain(),
            (Self::List(one), Self::List(other)) => one == other,
            (Self::Hash(one), Self::Hash(other)) => one == other,
            (Self::Json(one), Self::Json(other)) => one == other,
            _ => match (self.text(), other.text()) {
                (Some(one), Some(other)) => one.len() == other.len() && one.whole() == other.whole(),
                _ => false,
            },
        }
    }
}

impl Eq for Value {}

/// The bytes of a string, to read.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// In one piece.
    Flat(&'a [u8]),
    /// In chunks.
    Long(&'a Long),
    /// Compressed; to be unpacked at every look.
    Compressed(Compressed<'a>),
}

impl<'a> Text<'a> {
    /// Bytes in it.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Self::Flat(text) => text.len(),
            Self::Long(long) => long.len(),
            Self::Compressed(value) => value.raw_bytes(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// A part of it, which must be there, in one piece.
    #[must_use]
    #[inline]
    pub fn part(self, range: Range<usize>) -> Cow<'a, [u8]> {
        match self {
            Self::Flat(text) => Cow::Borrowed(&text[range]),
            Self::Long(long) => long.part(range),
            Self::Compressed(value) => {
                let mut raw = value.raw();
                raw.truncate(range.end);
                raw.drain(..range.start);
                Cow::Owned(raw)
            }
        }
    }

    /// All of it in one piece.
    #[must_use]
    #[inline]
    pub fn whole(self) -> Cow<'a, [u8]> {
        match self {
            Self::Flat(text) => Cow::Borrowed(text),
            Self::Long(long) => long.whole(),
            Self::Compressed(value) => Cow::Owned(value.raw()),
        }
    }

    /// Whether it is these bytes.
    #[must_use]
    pub fn is(self, bytes: &[u8]) -> bool {
        self.len() == bytes.len() && *self.whole() == *bytes
    }
}
