//! What can be wrong with the bytes of the other side, in the words clients know.
//!
//! Leaves out: what follows from it. A server answers with the text and closes; a client closes.

use std::fmt;

/// The stream cannot be understood from here on; the connection has to be closed.
///
/// The text (by `Display`) is the one Valkey 9.1 sends after `-ERR `. [`crate::Encoder::protocol_error`] writes it
/// as a reply, with the offending byte of [`ProtocolError::ExpectedBulk`] as it was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProtocolError {
    /// The number after `*` is not one, or is larger than [`crate::Limits::args_max`].
    InvalidMultibulkLength,
    /// More than ten arguments from a client that has not authenticated.
    UnauthenticatedMultibulkLength,
    /// No end of the `*` line within [`crate::Limits::inline_bytes_max`].
    TooBigMultibulkCount,
    /// The number after `$` is not one, is negative, or is larger than [`crate::Limits::bulk_bytes_max`].
    InvalidBulkLength,
    /// An argument of more than 16 KiB from a client that has not authenticated.
    UnauthenticatedBulkLength,
    /// No end of the `$` line within [`crate::Limits::inline_bytes_max`].
    TooBigBulkCount,
    /// An argument does not begin with `$` but with this byte.
    ExpectedBulk(u8),
    /// A length or an argument is not followed by CR LF.
    InvalidCrlf,
    /// No end of an inline command within [`crate::Limits::inline_bytes_max`].
    TooBigInline,
    /// A quote in an inline command is not closed.
    UnbalancedQuotes,
    /// A reply begins with a byte that names no type, or its line does not hold what the type promises.
    InvalidReply(u8),
    /// Replies nested deeper than a client follows.
    ReplyTooDeep,
    /// A reply announces a length that no server may send.
    ReplyTooBig,
}

impl ProtocolError {
    /// The text before and after the offending byte, if there is one.
    pub(crate) fn parts(self) -> (&'static str, Option<(u8, &'static str)>) {
        match self {
            Self::InvalidMultibulkLength => ("Protocol error: invalid multibulk length", None),
            Self::UnauthenticatedMultibulkLength => {
                ("Protocol error: unauthenticated multibulk length", None)
            }
            Self::TooBigMultibulkCount => ("Protocol error: too big mbulk count string", None),
            Self::InvalidBulkLength => ("Protocol error: invalid bulk length", None),
            Self::UnauthenticatedBulkLength => ("Protocol error: unauthenticated bulk length", None),
            Self::TooBigBulkCount => ("Protocol error: too big bulk count string", None),
            Self::ExpectedBulk(byte) => ("Protocol error: expected '$', got '", Some((byte, "'"))),
            Self::InvalidCrlf => ("Protocol error: invalid CRLF in request", None),
            Self::TooBigInline => ("Protocol error: too big inline request", None),
            Self::UnbalancedQuotes => ("Protocol error: unbalanced quotes in request", None),
            Self::InvalidReply(byte) => ("Protocol error: invalid reply of type '", Some((byte, "'"))),
            Self::ReplyTooDeep => ("Protocol error: reply nested too deeply", None),
            Self::ReplyTooBig => ("Protocol error: reply too big", None),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, byte) = self.parts();
        f.write_str(text)?;
        match byte {
            Some((byte, rest)) => write!(f, "{}{rest}", char::from(byte)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ProtocolError {}
