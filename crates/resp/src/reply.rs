//! Replies as values, for whoever asks rather than answers.
//!
//! Must hold: a reply is built only when all of it is there, so memory follows what was received; nesting is bounded,
//! so a hostile server cannot exhaust the stack.
//!
//! Leaves out: attributes (`|`), which are read over, and which null of RESP2 it was.

use crate::error::ProtocolError;
use crate::number::parse_int;
use crate::scan::{Element, Read, Scan, element};

/// How deeply replies may nest.
const DEPTH_MAX: usize = 128;

/// One reply of a server.
#[derive(Clone, PartialEq, Debug)]
pub enum Frame {
    /// A status.
    Simple(Vec<u8>),
    /// An error, its code first.
    Error(Vec<u8>),
    /// An integer.
    Int(i64),
    /// A string.
    Bulk(Vec<u8>),
    /// No value or no array.
    Null,
    /// Replies in order.
    Array(Vec<Frame>),
    /// Keys with their values, in the order they came.
    Map(Vec<(Frame, Frame)>),
    /// Members, in the order they came.
    Set(Vec<Frame>),
    /// A message that answers no command.
    Push(Vec<Frame>),
    /// A floating-point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Text to be shown as it is, with its format.
    Verbatim([u8; 3], Vec<u8>),
    /// An integer of any size, in digits.
    BigNumber(String),
}

/// The first reply in `buf` and its length; `None` until it is complete.
///
/// Each call starts afresh. Where large replies come in many reads, wait with a [`Scan`] and parse once.
///
/// # Errors
///
/// The bytes are no reply, or one nested deeper than 128 levels; the connection has to be closed.
pub fn parse(buf: &[u8]) -> Result<Option<(Frame, usize)>, ProtocolError> {
    if Scan::new().advance(buf)?.is_none() {
        return Ok(None);
    }
    let mut builder = Builder { buf, at: 0 };
    let frame = builder.frame(DEPTH_MAX)?;
    Ok(Some((frame, builder.at)))
}

struct Builder<'a> {
    buf: &'a [u8],
    at: usize,
}

impl<'a> Builder<'a> {
    fn frame(&mut self, depth: usize) -> Result<Frame, ProtocolError> {
        loop {
            return match self.element()? {
                Element::Null => Ok(Frame::Null),
                Element::Line(kind, text) => line(kind, text),
                Element::Body(kind, bytes) => body(kind, bytes),
                Element::Aggregate(b'|', elements) => {
                    for _ in 1..elements {
                        self.inner(depth)?;
                    }
                    continue;
                }
                Element::Aggregate(b'%', elements) => {
                    let pairs = (0..elements / 2).map(|_| Ok((self.inner(depth)?, self.inner(depth)?)));
                    pairs.collect::<Result<_, _>>().map(Frame::Map)
                }
                Element::Aggregate(kind, elements) => {
                    let items: Vec<_> = (0..elements).map(|_| self.inner(depth)).collect::<Result<_, _>>()?;
                    Ok(match kind {
                        b'~' => Frame::Set(items),
                        b'>' => Frame::Push(items),
                        _ => Frame::Array(items),
                    })
                }
            };
        }
    }

    fn inner(&mut self, depth: usize) -> Result<Frame, ProtocolError> {
        self.frame(depth.checked_sub(1).ok_or(ProtocolError::ReplyTooDeep)?)
    }

    fn element(&mut self) -> Result<Element<'a>, ProtocolError> {
        match element(self.buf, self.at, 0)? {
            Read::Complete(element, behind) => {
                self.at = behind;
                Ok(element)
            }
            Read::Incomplete { .. } => unreachable!("the scan before found the end of the reply"),
        }
    }
}

fn line(kind: u8, text: &[u8]) -> Result<Frame, ProtocolError> {
    let frame = match (kind, text) {
        (b'+', _) => Some(Frame::Simple(text.to_vec())),
        (b'-', _) => Some(Frame::Error(text.to_vec())),
        (b':', _) => parse_int(text).map(Frame::Int),
        (b',', _) => ascii(text).and_then(|text| text.parse().ok()).map(Frame::Double),
        (b'(', _) => {
            ascii(text).filter(|text| is_integer(text)).map(|text| Frame::BigNumber(text.to_owned()))
        }
        (b'#', b"t") => Some(Frame::Bool(true)),
        (b'#', b"f") => Some(Frame::Bool(false)),
        (b'_', b"") => Some(Frame::Null),
        _ => None,
    };
    frame.ok_or(ProtocolError::InvalidReply(kind))
}

fn body(kind: u8, bytes: &[u8]) -> Result<Frame, ProtocolError> {
    match (kind, bytes) {
        (b'$', _) => Ok(Frame::Bulk(bytes.to_vec())),
        (b'!', _) => Ok(Frame::Error(bytes.to_vec())),
        (_, &[a, b, c, b':', ref text @ ..]) => Ok(Frame::Verbatim([a, b, c], text.to_vec())),
        _ => Err(ProtocolError::InvalidReply(kind)),
    }
}

fn ascii(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok()
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read() {
        let cases = [
            ("+OK\r\n", Frame::Simple(b"OK".to_vec())),
            ("-ERR no\r\n", Frame::Error(b"ERR no".to_vec())),
            ("!6\r\nERR no\r\n", Frame::Error(b"ERR no".to_vec())),
            (":-7\r\n", Frame::Int(-7)),
            ("$4\r\na\r\nb\r\n", Frame::Bulk(b"a\r\nb".to_vec())),
            ("$-1\r\n", Frame::Null),
            ("*-1\r\n", Frame::Null),
            ("_\r\n", Frame::Null),
            ("*2\r\n:1\r\n*0\r\n", Frame::Array(vec![Frame::Int(1), Frame::Array(vec![])])),
            ("%1\r\n:1\r\n:2\r\n", Frame::Map(vec![(Frame::Int(1), Frame::Int(2))])),
            ("~1\r\n:1\r\n", Frame::Set(vec![Frame::Int(1)])),
            (">1\r\n:1\r\n", Frame::Push(vec![Frame::Int(1)])),
            (",-inf\r\n", Frame::Double(f64::NEG_INFINITY)),
            (",1e-7\r\n", Frame::Double(1e-7)),
            ("#t\r\n", Frame::Bool(true)),
            ("=5\r\ntxt:a\r\n", Frame::Verbatim(*b"txt", b"a".to_vec())),
            ("(-123456789012345678901\r\n", Frame::BigNumber("-123456789012345678901".to_owned())),
        ];
        for (text, frame) in cases {
            assert_eq!(parse(text.as_bytes()), Ok(Some((frame, text.len()))), "{text:?}");
            assert_eq!(parse(&text.as_bytes()[..text.len() - 1]), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn attributes_are_read_over() {
        let text = "*2\r\n|1\r\n+ttl\r\n:3\r\n:1\r\n:2\r\n";
        let expected = Frame::Array(vec![Frame::Int(1), Frame::Int(2)]);
        assert_eq!(parse(text.as_bytes()), Ok(Some((expected, text.len()))));
    }

    #[test]
    fn a_line_that_does_not_hold_its_type_is_an_error() {
        for text in [":x\r\n", ":01\r\n", ",x\r\n", "#x\r\n", "(1x\r\n", "(\r\n", "_x\r\n", "=3\r\ntxt\r\n"] {
            assert!(matches!(parse(text.as_bytes()), Err(ProtocolError::InvalidReply(_))), "{text:?}");
        }
    }

    #[test]
    fn nesting_is_followed_to_the_bound_and_refused_beyond() {
        let nested = |levels: usize| ["*1\r\n".repeat(levels), ":1\r\n".to_owned()].concat();
        assert!(matches!(parse(nested(DEPTH_MAX).as_bytes()), Ok(Some(_))));
        assert_eq!(parse(nested(DEPTH_MAX + 1).as_bytes()), Err(ProtocolError::ReplyTooDeep));
        let attributes = "|0\r\n".repeat(100_000) + ":1\r\n";
        assert_eq!(parse(attributes.as_bytes()), Ok(Some((Frame::Int(1), attributes.len()))));
    }
}
