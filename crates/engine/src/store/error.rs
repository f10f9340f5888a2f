//! What goes wrong with a store, by what the engine has to do.

use super::Place;
use std::fmt;

/// What the engine does about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The store cannot be reached, or is short of something: try again later. Nothing has happened.
    Unavailable,
    /// The transaction lost against another one: try again now. Nothing has happened.
    Busy,
    /// The connection was lost while a commit was under way: it may have happened. Ask for the lane's position.
    InDoubt,
    /// The store does not take a row. Nothing has happened.
    Refused,
    /// This table is missing, or closed to us, or not as it should be; others may be well. Nothing has happened.
    Table(Place),
    /// Somebody else has claimed the store since, or it was given up.
    Fenced,
    /// The store belongs to another folder, or is not the one that this folder knows.
    Foreign,
    /// The store's owner is alive.
    Owned,
    /// The store was written by a later version.
    Newer,
    /// What was asked for cannot be: an address, a name, a store of another kind.
    Invalid,
}

/// A failure of a store. Its text never holds a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// What happened and what helps, for people.
    pub text: String,
}

impl StoreError {
    /// A failure of this kind.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Whether the same may succeed later without anybody's doing.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Busy | ErrorKind::InDoubt)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for StoreError {}
