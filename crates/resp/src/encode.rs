//! Replies to bytes, in the protocol the client asked for.
//!
//! Must hold: each method appends one whole reply or one aggregate header, and what RESP2 lacks is downgraded here and
//! nowhere else, as Valkey does. The number of elements behind an aggregate header is the caller's promise.

use crate::double::write_double;
use crate::error::ProtocolError;
use crate::number::{write_header, write_int};
use crate::shared;

/// The version of RESP a client speaks: 2 until it says `HELLO 3`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protocol {
    /// Strings, integers, arrays.
    #[default]
    Resp2,
    /// Also maps, sets, doubles, booleans, nulls, pushes.
    Resp3,
}

/// Most bytes of a bulk string's header: `$`, 20 digits, CR LF.
const BULK_FRAMING_BYTES_MAX: usize = 25;

/// Appends replies to `out`.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// Where replies go.
    pub out: &'a mut Vec<u8>,
    /// The form they take.
    pub protocol: Protocol,
}

impl<'a> Encoder<'a> {
    /// An encoder that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// A status such as `OK`. A line break in it becomes a space.
    pub fn simple(&mut self, text: &str) {
        self.out.push(b'+');
        self.line(text.as_bytes());
    }

    /// An error, its code first: `ERR no such key`. A line break in it becomes a space.
    pub fn error(&mut self, text: &str) {
        self.out.push(b'-');
        self.line(text.as_bytes());
    }

    /// What a server says before it closes on a client that broke the protocol.
    pub fn protocol_error(&mut self, error: ProtocolError) {
        let (text, byte) = error.parts();
        self.out.extend_from_slice(b"-ERR ");
        self.out.extend_from_slice(text.as_bytes());
        match byte {
            Some((byte, rest)) => {
                self.out.push(if matches!(byte, b'\r' | b'\n') { b' ' } else { byte });
                self.line(rest.as_bytes());
            }
            None => self.out.extend_from_slice(shared::CRLF),
        }
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        match value {
            0 => self.out.extend_from_slice(shared::ZERO),
            1 => self.out.extend_from_slice(shared::ONE),
            _ => {
                self.out.push(b':');
                write_int(self.out, value);
                self.out.extend_from_slice(shared::CRLF);
            }
        }
    }

    /// A string of any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + BULK_FRAMING_BYTES_MAX);
        write_header(self.out, b'$', bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(shared::CRLF);
    }

    /// The beginning of a string of `len` bytes, which the caller appends to `out` and ends by [`Encoder::bulk_end`].
    pub fn bulk_head(&mut self, len: usize) {
        write_header(self.out, b'$', len);
    }

    /// The end of such a string.
    pub fn bulk_end(&mut self) {
        self.out.extend_from_slice(shared::CRLF);
    }

    /// A string of any `len` bytes, in pieces.
    pub fn bulk_pieces(&mut self, len: usize, pieces: &mut dyn Iterator<Item = &[u8]>) {
        self.out.reserve(len + BULK_FRAMING_BYTES_MAX);
        write_header(self.out, b'$', len);
        pieces.for_each(|piece| self.out.extend_from_slice(piece));
        self.out.extend_from_slice(shared::CRLF);
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => shared::NULL_BULK,
            Protocol::Resp3 => shared::NULL,
        });
    }

    /// No array: a blocking command that timed out, an EXEC that did not run.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => shared::NULL_ARRAY,
            Protocol::Resp3 => shared::NULL,
        });
    }

    /// The header of an array of `len` replies.
    #[inline]
    pub fn array(&mut self, len: usize) {
        write_header(self.out, b'*', len);
    }

    /// The header of `pairs` keys, each followed by its value; in RESP2 an array of twice as many.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => write_header(self.out, b'*', pairs * 2),
            Protocol::Resp3 => write_header(self.out, b'%', pairs),
        }
    }

    /// The header of a set of `len` members; in RESP2 an array.
    pub fn set(&mut self, len: usize) {
        self.aggregate(b'~', len);
    }

    /// The header of a message of `len` parts that answers no command; in RESP2 an array.
    pub fn push(&mut self, len: usize) {
        self.aggregate(b'>', len);
    }

    /// A floating-point number; in RESP2 its text as a string.
    pub fn double(&mut self, value: f64) {
        match self.protocol {
            Protocol::Resp2 => {
                let mut text = Vec::with_capacity(32);
                write_double(&mut text, value);
                self.bulk(&text);
            }
            Protocol::Resp3 => {
                self.out.push(b',');
                write_double(self.out, value);
                self.out.extend_from_slice(shared::CRLF);
            }
        }
    }

    /// True or false; in RESP2 the integer 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(match (self.protocol, value) {
            (Protocol::Resp2, false) => shared::ZERO,
            (Protocol::Resp2, true) => shared::ONE,
            (Protocol::Resp3, false) => b"#f\r\n",
            (Protocol::Resp3, true) => b"#t\r\n",
        });
    }

    /// Text to be shown as it is, with its format in three letters (`txt`, `mkd`); in RESP2 only the text, as a string.
    ///
    /// Panics if `format` is not three bytes long.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        assert!(format.len() == 3, "the format of a verbatim string has three letters");
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.out.reserve(text.len() + 4 + BULK_FRAMING_BYTES_MAX);
                write_header(self.out, b'=', text.len() + 4);
                self.out.extend_from_slice(format.as_bytes());
                self.out.push(b':');
                self.out.extend_from_slice(text);
                self.out.extend_from_slice(shared::CRLF);
            }
        }
    }

    /// An integer of any size, in digits; in RESP2 a string.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => {
                self.out.push(b'(');
                self.line(digits.as_bytes());
            }
        }
    }

    fn aggregate(&mut self, kind: u8, len: usize) {
        let kind = match self.protocol {
            Protocol::Resp2 => b'*',
            Protocol::Resp3 => kind,
        };
        write_header(self.out, kind, len);
    }

    /// Text that must not break the line it stands on.
    fn line(&mut self, text: &[u8]) {
        let from = self.out.len();
        self.out.extend_from_slice(text);
        for byte in &mut self.out[from..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.out.extend_from_slice(shared::CRLF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Encoder<'_>)) -> (String, String) {
        let text = |protocol| {
            let mut out = Vec::new();
            write(&mut Encoder::new(&mut out, protocol));
            String::from_utf8(out).unwrap()
        };
        (text(Protocol::Resp2), text(Protocol::Resp3))
    }

    fn assert_both(write: impl Fn(&mut Encoder<'_>), resp2: &str, resp3: &str) {
        assert_eq!(both(write), (resp2.to_owned(), resp3.to_owned()));
    }

    #[test]
    fn strings_integers_and_arrays_are_the_same_in_both() {
        assert_both(|e| e.simple("OK"), "+OK\r\n", "+OK\r\n");
        assert_both(|e| e.int(-12), ":-12\r\n", ":-12\r\n");
        assert_both(|e| e.int(1), ":1\r\n", ":1\r\n");
        assert_both(|e| e.bulk(b"0123456789"), "$10\r\n0123456789\r\n", "$10\r\n0123456789\r\n");
        assert_both(|e| e.array(123), "*123\r\n", "*123\r\n");
    }

    #[test]
    fn what_resp2_lacks_is_downgraded() {
        let nulls = |e: &mut Encoder<'_>| {
            e.null();
            e.null_array();
        };
        assert_both(nulls, "$-1\r\n*-1\r\n", "_\r\n_\r\n");
        assert_both(|e| e.map(6), "*12\r\n", "%6\r\n");
        assert_both(|e| e.set(3), "*3\r\n", "~3\r\n");
        assert_both(|e| e.push(3), "*3\r\n", ">3\r\n");
        assert_both(|e| e.double(3.25), "$4\r\n3.25\r\n", ",3.25\r\n");
        assert_both(|e| e.boolean(true), ":1\r\n", "#t\r\n");
        assert_both(|e| e.boolean(false), ":0\r\n", "#f\r\n");
        assert_both(|e| e.verbatim("txt", b"a\nb"), "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n");
        assert_both(|e| e.big_number("12345"), "$5\r\n12345\r\n", "(12345\r\n");
    }

    #[test]
    fn a_line_break_in_an_error_cannot_forge_a_reply() {
        assert_both(|e| e.error("ERR a\r\n+OK"), "-ERR a  +OK\r\n", "-ERR a  +OK\r\n");
        assert_both(|e| e.simple("a\nb"), "+a b\r\n", "+a b\r\n");
    }

    #[test]
    fn a_protocol_error_carries_the_byte_as_it_came() {
        let mut out = Vec::new();
        for byte in [b'x', 0xff, b'\r'] {
            Encoder::new(&mut out, Protocol::Resp2).protocol_error(ProtocolError::ExpectedBulk(byte));
        }
        Encoder::new(&mut out, Protocol::Resp2).protocol_error(ProtocolError::InvalidBulkLength);
        let expected = b"-ERR Protocol error: expected '$', got 'x'\r\n\
            -ERR Protocol error: expected '$', got '\xff'\r\n\
            -ERR Protocol error: expected '$', got ' '\r\n\
            -ERR Protocol error: invalid bulk length\r\n";
        assert_eq!(out, expected);
    }
}
