//! How much goes into one pack: the directive `list-max-listpack-size`, in its own form.
//!
//! A negative value is a class of bytes (-1 to -5: 4 KiB to 64 KiB), a positive one a number of elements, which is
//! then still held to 8 KiB. Sizes are counted as Valkey's listpack has them, its header included, so that a list
//! is reported as "listpack" and "quicklist" at the same elements.

/// See the module. The default is -2: 8 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill(i16);

/// The header and terminator of Valkey's listpack.
const HEADER_BYTES: usize = 7;
/// What a full pack keeps free for the frame of the element that asks for room.
const FRAME_BYTES_GUESSED: usize = 8;
/// The most bytes in a pack that is limited by its number of elements.
const COUNTED_BYTES_MAX: usize = 8 << 10;

impl Default for Fill {
    fn default() -> Self {
        Self(-2)
    }
}

impl Fill {
    /// From the directive's value; what is out of range is brought into it, as Valkey does.
    #[must_use]
    pub fn from_directive(value: i32) -> Self {
        Self(i16::try_from(value.clamp(-5, i32::from(i16::MAX))).unwrap_or(-5))
    }

    fn bytes_max(self) -> usize {
        match self.0 {
            i16::MIN..0 => (4 << 10) << (-1 - self.0),
            _ => COUNTED_BYTES_MAX,
        }
    }

    fn count_max(self) -> usize {
        if self.0 < 0 { usize::MAX } else { usize::from(self.0.unsigned_abs()).max(1) }
    }

    /// Whether an element of this size gets a chunk of its own.
    pub(super) fn is_large(self, len: usize) -> bool {
        len > self.bytes_max()
    }

    /// Whether a small list may stay a single pack with one more element of `len` bytes.
    pub(super) fn stays_small(self, listpack_bytes: usize, count: usize, len: usize) -> bool {
        HEADER_BYTES + listpack_bytes + len <= self.bytes_max() && count < self.count_max()
    }

    /// Whether a chunk takes one more element of `len` bytes.
    pub(super) fn takes(self, listpack_bytes: usize, count: usize, len: usize) -> bool {
        HEADER_BYTES + listpack_bytes + len + FRAME_BYTES_GUESSED <= self.bytes_max()
            && count < self.count_max()
    }

    /// Whether a pack is small enough for two neighbours to become one, or a last chunk to become a small list.
    pub(super) fn is_half_empty(self, listpack_bytes: usize, count: usize) -> bool {
        HEADER_BYTES + listpack_bytes <= self.bytes_max() / 2 && count <= self.count_max() / 2
    }

    /// Room that a new chunk starts with in a list of `chunks`: all of it, once that is little beside the others.
    pub(super) fn first_room(self, chunks: usize) -> usize {
        if chunks < 3 { self.bytes_max() / 4 } else { self.bytes_max() }
    }
}
