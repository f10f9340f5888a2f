//! Values: the data types, their encodings and their bytes.
//!
//! Owns pure data structures. They know no keys, no commands, no clock and no I/O: times come in as numbers. Strings are
//! plain bytes and have no type of their own here. What must hold for all of them: `heap_bytes` takes constant time,
//! because memory is counted at every change, and no operation panics on what a client can send.

pub mod codec;
pub mod glob;
pub mod hash;
pub mod list;
pub mod number;
#[expect(unsafe_code, reason = "a prefetch is an intrinsic")]
pub(crate) mod prefetch;
#[expect(unsafe_code, reason = "its holders are counted by hand")]
mod shared;
pub(crate) mod varint;

pub use glob::glob;

use hash::{Hash, Limits};
use list::{Fill, List};

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
}

impl Kind {
    /// The name that `TYPE` gives.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Str => "string",
            Self::List => "list",
            Self::Hash => "hash",
        }
    }
}

/// What a key can hold. Cloning shares what is large, see [`Value::share`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Bytes.
    Str(Vec<u8>),
    /// A sequence of byte strings.
    List(Box<List>),
    /// Fields with values.
    Hash(Box<Hash>),
}

const _: () = assert!(size_of::<Value>() <= 24);

impl Value {
    /// The data type.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Str(_) => Kind::Str,
            Self::List(_) => Kind::List,
            Self::Hash(_) => Kind::Hash,
        }
    }

    /// The name that `TYPE` gives.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
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
            Self::List(list) => size_of::<List>() + list.heap_bytes(),
            Self::Hash(hash) => size_of::<Hash>() + hash.heap_bytes(),
        }
    }
}
