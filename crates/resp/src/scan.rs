//! Where a reply ends, without building it.
//!
//! Must hold: one element is looked at once; how deeply replies nest costs nothing, because only the number of elements
//! still to come is kept. Attributes of RESP3 belong to the reply they precede.
//!
//! Leaves out: whether the text of a number is one; [`crate::parse`] sees to that.

use crate::error::ProtocolError;
use crate::number::parse_int;

/// Longest string and longest line that a client takes, in bytes.
const BYTES_MAX: usize = 4 * 1024 * 1024 * 1024;
/// Most elements of one aggregate that a client takes.
const ELEMENTS_MAX: usize = 4 * 1024 * 1024 * 1024;

/// The length of the first reply in `buf`; `None` if it is incomplete or malformed. Where the two must be told apart,
/// or where a large reply comes in many reads, use [`Scan`].
#[inline]
#[must_use]
pub fn skip(buf: &[u8]) -> Option<usize> {
    Scan::new().advance(buf).ok().flatten()
}

/// Searches for the end of one reply while it arrives, each byte once.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    at: usize,
    /// Elements still to come.
    pending: usize,
    /// Bytes from `at` on that hold no end of line.
    searched: usize,
}

impl Default for Scan {
    fn default() -> Self {
        Self { at: 0, pending: 1, searched: 0 }
    }
}

impl Scan {
    /// A scan at the beginning of a reply.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The length of the reply at the beginning of `buf`, once it is complete. `buf` holds what it held at the call
    /// before, and more; after an answer begin a new scan.
    ///
    /// # Errors
    ///
    /// The bytes are no reply; the connection has to be closed.
    #[inline]
    pub fn advance(&mut self, buf: &[u8]) -> Result<Option<usize>, ProtocolError> {
        while self.pending > 0 {
            let (element, behind) = match element(buf, self.at, self.searched)? {
                Read::Complete(element, behind) => (element, behind),
                Read::Incomplete { searched } => {
                    self.searched = searched;
                    return Ok(None);
                }
            };
            self.at = behind;
            self.searched = 0;
            self.pending -= 1;
            if let Element::Aggregate(_, count) = element {
                self.pending = self.pending.checked_add(count).ok_or(ProtocolError::ReplyTooBig)?;
            }
        }
        Ok(Some(self.at))
    }
}

/// One piece of a reply, its first byte beside it.
pub(crate) enum Element<'a> {
    /// The text of a line.
    Line(u8, &'a [u8]),
    /// A string with a length before it.
    Body(u8, &'a [u8]),
    /// So many elements follow; for an attribute, the reply that it precedes is one of them.
    Aggregate(u8, usize),
    /// A null of RESP2.
    Null,
}

pub(crate) enum Read<'a> {
    /// An element and the offset behind it.
    Complete(Element<'a>, usize),
    /// So many bytes from the beginning of the element hold no end of line.
    Incomplete { searched: usize },
}

/// The element at offset `at`, of which `searched` bytes hold no end of line.
#[inline]
pub(crate) fn element(buf: &[u8], at: usize, searched: usize) -> Result<Read<'_>, ProtocolError> {
    let rest = buf.get(at..).unwrap_or_default();
    let Some(&kind) = rest.first() else { return Ok(Read::Incomplete { searched: 0 }) };
    let end = rest[searched..].iter().position(|&byte| byte == b'\r').map(|offset| searched + offset);
    if end.unwrap_or(rest.len()) > BYTES_MAX {
        return Err(ProtocolError::ReplyTooBig);
    }
    let (line, body) = match end {
        Some(end) if rest.len() > end + 1 => {
            if rest[end + 1] != b'\n' || end == 0 {
                return Err(ProtocolError::InvalidReply(kind));
            }
            (&rest[1..end], end + 2)
        }
        Some(end) => return Ok(Read::Incomplete { searched: end }),
        None if known(kind) => return Ok(Read::Incomplete { searched: rest.len() }),
        None => return Err(ProtocolError::InvalidReply(kind)),
    };
    match kind {
        b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' => {
            Ok(Read::Complete(Element::Line(kind, line), at + body))
        }
        b'$' | b'*' if line == b"-1" => Ok(Read::Complete(Element::Null, at + body)),
        b'$' | b'!' | b'=' => {
            let len = announced(kind, line, BYTES_MAX)?;
            match rest.get(body + len..) {
                Some([b'\r', b'\n', ..]) => {
                    Ok(Read::Complete(Element::Body(kind, &rest[body..body + len]), at + body + len + 2))
                }
                Some([_, _, ..]) => Err(ProtocolError::InvalidReply(kind)),
                _ => Ok(Read::Incomplete { searched: body - 2 }),
            }
        }
        b'*' | b'~' | b'>' | b'%' | b'|' => {
            let count = announced(kind, line, ELEMENTS_MAX)?;
            let elements = match kind {
                b'%' => count * 2,
                b'|' => count * 2 + 1,
                _ => count,
            };
            Ok(Read::Complete(Element::Aggregate(kind, elements), at + body))
        }
        _ => Err(ProtocolError::InvalidReply(kind)),
    }
}

fn known(kind: u8) -> bool {
    b"+-:,(#_$!=*~>%|".contains(&kind)
}

fn announced(kind: u8, line: &[u8], max: usize) -> Result<usize, ProtocolError> {
    let number = parse_int(line).and_then(|number| usize::try_from(number).ok());
    let number = number.ok_or(ProtocolError::InvalidReply(kind))?;
    if number > max { Err(ProtocolError::ReplyTooBig) } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One reply of each type, and nested ones.
    const REPLIES: [&str; 16] = [
        "+OK\r\n",
        "-ERR no\r\n",
        ":-7\r\n",
        "$5\r\na\r\nbc\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*2\r\n*2\r\n:1\r\n:2\r\n$1\r\nx\r\n",
        "%1\r\n+a\r\n~1\r\n,1.5\r\n",
        ">2\r\n+a\r\n#t\r\n",
        "=5\r\ntxt:a\r\n",
        "!3\r\nERR\r\n",
        "(12345678901234567890\r\n",
        "_\r\n",
        "|1\r\n+ttl\r\n:3\r\n$1\r\nx\r\n",
    ];

    #[test]
    fn a_reply_ends_where_it_ends_and_not_before() {
        for reply in REPLIES {
            let longer = format!("{reply}+OK\r\n");
            assert_eq!(skip(longer.as_bytes()), Some(reply.len()), "{reply:?}");
            for cut in 0..reply.len() {
                assert_eq!(Scan::new().advance(&reply.as_bytes()[..cut]), Ok(None), "{reply:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_scan_fed_byte_by_byte_finds_the_same_end() {
        for reply in REPLIES {
            let mut scan = Scan::new();
            for cut in 0..reply.len() {
                assert_eq!(scan.advance(&reply.as_bytes()[..cut]), Ok(None));
            }
            assert_eq!(scan.advance(reply.as_bytes()), Ok(Some(reply.len())));
        }
    }

    #[test]
    fn what_is_no_reply_is_an_error_and_not_a_wait() {
        for garbage in [
            "x",
            "HTTP/1.1 200 OK\r\n",
            "$x\r\n",
            "$-2\r\n",
            "$1\r\nabc",
            "*1x\r\n",
            "+a\rb",
            "\r\n",
            "%-1\r\n",
        ] {
            assert!(
                matches!(Scan::new().advance(garbage.as_bytes()), Err(ProtocolError::InvalidReply(_))),
                "{garbage:?}"
            );
            assert_eq!(skip(garbage.as_bytes()), None);
        }
        assert_eq!(Scan::new().advance(b"$5000000000\r\n"), Err(ProtocolError::ReplyTooBig));
        assert_eq!(Scan::new().advance(b"*5000000000\r\n"), Err(ProtocolError::ReplyTooBig));
    }
}
