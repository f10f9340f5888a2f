//! JSON in a compact binary form, kept as PostgreSQL's `jsonb` keeps it.
//!
//! Keys of an object are in the order of their lengths, then of their bytes, and stand once: the last of several counts.
//! Numbers are exact decimals that keep their trailing zeros. Printing gives the text that `jsonb` gives, so nobody can tell
//! whether a value has been in a store meanwhile. One thing is wider here: `jsonb` takes no character U+0000 in strings.
//!
//! The form is read where it lies, without building a tree: a path is followed by binary search. Equal values have equal
//! bytes. Every part of a value is a slice whose last byte says what it is:
//!
//! ```text
//! null, false, true   tag
//! integer             two's complement, little-endian, as few bytes as it takes, none for 0 | tag
//! decimal             mantissa, as an integer | digits after the point (u8) | tag
//! large number        significant digits in ASCII | power of ten of the last (i32) | digits after the point (u16) |
//!                     1 if negative (u8) | tag
//! string              UTF-8 | tag
//! array               elements | for each where it ends (w) | count (w) | tag, one for each w
//! object              values | keys | for each key where it ends, for each value where it ends (w) | count (w) | tag, likewise
//! ```
//!
//! Widths `w` are 1, 2 or 4 bytes, the least that elements, or values and keys together, need. Numbers are little-endian.
//! The end comes last so that a value can be written in one pass, without moving what is inside it.
//!
//! What must hold: bytes become a [`Json`] only if all of them are as above ([`Json::from_bytes`]), nested no deeper than
//! [`DEPTH_MAX`]; the rest relies on that. Left out: conditions on values, and changes in place.

mod build;
mod check;
mod node;
mod number;
mod parse;
mod print;
#[cfg(test)]
pub(crate) mod tests;

pub use build::Builder;
pub use node::{Array, Node, Object, View};
pub use number::Number;
pub use parse::{ParseError, parse_into};

use std::sync::Arc;

/// Containers in each other, at most.
pub const DEPTH_MAX: usize = 512;

/// Bytes of a value, as text and in this form, at most.
pub const BYTES_MAX: usize = 64 << 20;

/// Of a value that is about to be read so many bytes are fetched.
const PREFETCHED_BYTES: usize = 512;

/// A JSON value. Clones share it.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<[u8]>);

impl Json {
    /// The value that a text describes.
    ///
    /// # Errors
    /// Where and why it is not JSON, or too large, or too deep.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut bytes = Vec::new();
        parse_into(text, &mut bytes)?;
        Ok(Self(bytes.into()))
    }

    /// The value of these bytes; none if they are not of the form above.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        check::is_whole(bytes).then(|| Self(bytes.into()))
    }

    /// The value of bytes that [`parse_into`] or a [`Builder`] has made.
    pub(crate) fn from_made(bytes: &[u8]) -> Self {
        debug_assert!(check::is_whole(bytes), "it was made in the form above");
        Self(bytes.into())
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Fetches the end of it, where reading begins, and what is before that of a small one.
    #[inline]
    pub(crate) fn prefetch(&self) {
        let (start, len) = (self.0.as_ptr(), self.0.len());
        for behind in (0..len.min(PREFETCHED_BYTES)).step_by(64) {
            super::prefetch::line(start.wrapping_add(len - 1 - behind));
        }
    }

    /// The value, to read.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node::of(&self.0)
    }

    /// Appends its text.
    pub fn print(&self, out: &mut Vec<u8>) {
        self.root().print(out);
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        // The bytes, and the count of those who share them.
        self.0.len() + 2 * size_of::<usize>()
    }
}

impl std::fmt::Debug for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.root().fmt(f)
    }
}
