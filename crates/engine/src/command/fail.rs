//! Errors that a command answers with.

use std::borrow::Cow;

/// An error reply: nothing has changed. The text begins with its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fail(pub Cow<'static, str>);

/// How a command ends.
pub type Outcome = Result<(), Fail>;

impl Fail {
    /// An error with a fixed text.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// An error with a text made for the case.
    #[must_use]
    pub fn text(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The arguments are not of the command's form.
    pub const SYNTAX: Self = Self::new("ERR syntax error");
    /// The key holds another type.
    pub const WRONG_TYPE: Self =
        Self::new("WRONGTYPE Operation against a key holding the wrong kind of value");
    /// An argument should be a 64-bit integer.
    pub const NOT_AN_INTEGER: Self = Self::new("ERR value is not an integer or out of range");
    /// An argument should be a number.
    pub const NOT_A_FLOAT: Self = Self::new("ERR value is not a valid float");
    /// The key has to exist.
    pub const NO_SUCH_KEY: Self = Self::new("ERR no such key");
    /// There is no database of this number.
    pub const DB_OUT_OF_RANGE: Self = Self::new("ERR DB index is out of range");
    /// An index lies outside of the value.
    pub const INDEX_OUT_OF_RANGE: Self = Self::new("ERR index out of range");
    /// The value would be larger than a string may be.
    pub const STRING_TOO_LONG: Self =
        Self::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

    /// A command was given too few or too many arguments.
    #[must_use]
    pub fn arity(name: &str) -> Self {
        Self::text(format!("ERR wrong number of arguments for '{}' command", name.to_ascii_lowercase()))
    }

    /// The time to expire is not possible for this command.
    #[must_use]
    pub fn invalid_expire(name: &str) -> Self {
        Self::text(format!("ERR invalid expire time in '{}' command", name.to_ascii_lowercase()))
    }
}
