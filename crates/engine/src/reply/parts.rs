//! Answers of many bytes that are written in parts, some time after their command.
//!
//! Owns what a sink has to know of them. Such an answer holds the value of its moment, whatever becomes of the key; it
//! is made of byte strings only, so that all protocols write it alike. Dropping one may free a whole value, which takes
//! long: hand it to [`Database::put_aside`](crate::Database::put_aside).

/// A piece of an answer that is written in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A byte string.
    Bulk(&'a [u8]),
    /// The beginning of a byte string of this length, which follows as [`Piece::Bytes`].
    Head(usize),
    /// Bytes of it.
    Bytes(&'a [u8]),
    /// Its end.
    End,
}

/// What is still to be written of an answer.
pub trait Parts: Send {
    /// About how many bytes are left; 0 once nothing is.
    fn left_bytes(&self) -> usize;

    /// Shows the next pieces to `write`, until that says that it has enough. A piece is at most
    /// [`PIECE_BYTES_MAX`] long.
    fn write(&mut self, write: &mut dyn FnMut(Piece<'_>) -> bool);
}

/// The longest piece of an answer. Tests look for the seams in short ones.
pub const PIECE_BYTES_MAX: usize = if cfg!(test) { 32 } else { 64 << 10 };

/// A sink with which an answer can be left in the middle of its reply, to be written when there is room for it.
pub trait Later {
    /// Takes what is left of an answer.
    fn leave(&mut self, parts: Box<dyn Parts>);
}
