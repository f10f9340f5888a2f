//! Replies that are always the same, ready to be copied.

/// `OK`.
pub const OK: &[u8] = b"+OK\r\n";
/// The answer to PING.
pub const PONG: &[u8] = b"+PONG\r\n";
/// The answer to a command between MULTI and EXEC.
pub const QUEUED: &[u8] = b"+QUEUED\r\n";
/// The integer 0.
pub const ZERO: &[u8] = b":0\r\n";
/// The integer 1.
pub const ONE: &[u8] = b":1\r\n";
/// The integer -1.
pub const MINUS_ONE: &[u8] = b":-1\r\n";
/// The integer -2.
pub const MINUS_TWO: &[u8] = b":-2\r\n";
/// No value, in RESP2.
pub const NULL_BULK: &[u8] = b"$-1\r\n";
/// No array, in RESP2.
pub const NULL_ARRAY: &[u8] = b"*-1\r\n";
/// No value and no array, in RESP3.
pub const NULL: &[u8] = b"_\r\n";
/// An empty string.
pub const EMPTY_BULK: &[u8] = b"$0\r\n\r\n";
/// An empty array.
pub const EMPTY_ARRAY: &[u8] = b"*0\r\n";
/// The end of a line.
pub const CRLF: &[u8] = b"\r\n";
