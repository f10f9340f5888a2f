//! Why bytes are no RDB.

use std::borrow::Cow;

/// Why bytes cannot be read as what they should be.
#[derive(Debug)]
pub enum Fault {
    /// They end inside of something.
    Truncated,
    /// They could not be read at all.
    Io(std::io::Error),
    /// They are not what any writer makes; the text says where it shows.
    Damaged(Cow<'static, str>),
    /// They are of a version, a type or an opcode that this release does not know.
    Unknown(String),
    /// A value of a type that there is not here; the name of the type.
    Unsupported(&'static str),
}

impl Fault {
    pub(super) const fn damaged(text: &'static str) -> Self {
        Self::Damaged(Cow::Borrowed(text))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("it ends too early"),
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
            Self::Damaged(text) => f.write_str(text),
            Self::Unknown(text) => f.write_str(text),
            Self::Unsupported(name) => write!(f, "a value of type {name}, which Ramekin does not have yet"),
        }
    }
}

impl std::error::Error for Fault {}
