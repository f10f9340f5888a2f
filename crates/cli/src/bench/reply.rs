//! Counts replies in a stream without building them: RESP2, and RESP3 without pushes.
//!
//! The state survives any cut of the stream. Nested values are flattened into a number of values still to come, so
//! depth costs nothing. A stream that is not RESP is an error, never skipped over.

/// Where in a value the stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a type byte.
    Start,
    /// Inside a length or count.
    Number { kind: u8, value: u64, negative: bool },
    /// Inside a line that has no length.
    Line { error: bool },
    /// Inside a bulk of which this many bytes, its line end included, are still to come.
    Bulk(u64),
}

/// What a stretch of the stream held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Replies that ended in it.
    pub(super) replies: u64,
    /// Error values seen in it.
    pub(super) errors: u64,
    /// Null values seen in it.
    pub(super) nulls: u64,
}

/// Counts the replies of one connection.
#[derive(Debug)]
pub(super) struct ReplyCounter {
    place: Place,
    /// Values still to come in the reply at hand.
    values: u64,
    /// Text of the first error, as far as `ERROR_BYTES`.
    first_error: Vec<u8>,
    error_ended: bool,
}

const ERROR_BYTES: usize = 200;

impl ReplyCounter {
    pub(super) fn new() -> ReplyCounter {
        ReplyCounter { place: Place::Start, values: 1, first_error: Vec::new(), error_ended: false }
    }

    /// The first error reply, empty if there was none.
    pub(super) fn first_error(&self) -> String {
        String::from_utf8_lossy(&self.first_error).into_owned()
    }

    /// Takes the next bytes of the stream.
    ///
    /// # Errors
    ///
    /// A byte that RESP has no place for.
    #[inline]
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Counted, String> {
        let mut counted = Counted::default();
        let mut at = 0;
        while at < bytes.len() {
            match self.place {
                Place::Start => {
                    self.place = start_of(bytes[at])?;
                    counted.errors += u64::from(self.place == Place::Line { error: true });
                    counted.nulls += u64::from(bytes[at] == b'_');
                    at += 1;
                }
                Place::Number { kind, mut value, mut negative } => {
                    while at < bytes.len() && bytes[at] != b'\n' {
                        match bytes[at] {
                            digit @ b'0'..=b'9' => {
                                value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
                            }
                            b'-' => negative = true,
                            b'\r' => {}
                            other => return Err(not_resp(other)),
                        }
                        at += 1;
                    }
                    if at == bytes.len() {
                        self.place = Place::Number { kind, value, negative };
                        break;
                    }
                    at += 1;
                    self.number_ends(kind, value, negative, &mut counted);
                }
                Place::Line { error } => {
                    let end = bytes[at..].iter().position(|&byte| byte == b'\n');
                    let line = &bytes[at..end.map_or(bytes.len(), |end| at + end)];
                    if error && !self.error_ended {
                        self.keep_error(line, end.is_some());
                    }
                    let Some(end) = end else { break };
                    at += end + 1;
                    self.value_ends(0, &mut counted);
                }
                Place::Bulk(left) => {
                    let there = (bytes.len() - at) as u64;
                    if left > there {
                        self.place = Place::Bulk(left - there);
                        break;
                    }
                    at += usize::try_from(left).expect("no more than the slice holds");
                    self.value_ends(0, &mut counted);
                }
            }
        }
        Ok(counted)
    }

    #[inline]
    fn number_ends(&mut self, kind: u8, value: u64, negative: bool, counted: &mut Counted) {
        match kind {
            _ if negative => {
                counted.nulls += 1;
                self.value_ends(0, counted);
            }
            b'$' | b'=' | b'!' => {
                counted.errors += u64::from(kind == b'!');
                self.place = Place::Bulk(value.saturating_add(2));
            }
            b'%' => self.value_ends(value.saturating_mul(2), counted),
            // An attribute stands before a value and is not one.
            b'|' => self.value_ends(value.saturating_mul(2).saturating_add(1), counted),
            _ => self.value_ends(value, counted),
        }
    }

    /// A value ended that is followed by `more` values of its own.
    #[inline]
    fn value_ends(&mut self, more: u64, counted: &mut Counted) {
        self.place = Place::Start;
        self.values = (self.values - 1).saturating_add(more);
        if self.values == 0 {
            counted.replies += 1;
            self.values = 1;
        }
    }

    #[cold]
    fn keep_error(&mut self, part: &[u8], ended: bool) {
        let room = ERROR_BYTES - self.first_error.len();
        self.first_error.extend(part.iter().filter(|&&byte| byte != b'\r').take(room));
        self.error_ended = ended;
    }
}

#[inline]
fn start_of(kind: u8) -> Result<Place, String> {
    match kind {
        b'$' | b'*' | b'%' | b'~' | b'=' | b'!' | b'|' => {
            Ok(Place::Number { kind, value: 0, negative: false })
        }
        b'+' | b':' | b'_' | b'#' | b',' | b'(' => Ok(Place::Line { error: false }),
        b'-' => Ok(Place::Line { error: true }),
        other => Err(not_resp(other)),
    }
}

#[cold]
fn not_resp(byte: u8) -> String {
    format!("the server does not speak the Redis protocol: byte 0x{byte:02x} ('{}')", byte.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(stream: &[u8], piece_bytes: usize) -> (Counted, String) {
        let mut counter = ReplyCounter::new();
        let mut sum = Counted::default();
        for piece in stream.chunks(piece_bytes) {
            let counted = counter.feed(piece).unwrap();
            sum.replies += counted.replies;
            sum.errors += counted.errors;
            sum.nulls += counted.nulls;
        }
        (sum, counter.first_error())
    }

    #[test]
    fn replies_of_all_kinds_are_counted_however_the_stream_is_cut() {
        let stream = b"+OK\r\n:12\r\n$5\r\nhe\r\no\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n*1\r\n:1\r\n$1\r\nx\r\n\
            -ERR one\r\n-ERR two\r\n%1\r\n+a\r\n*2\r\n:1\r\n:2\r\n_\r\n#t\r\n,1.5\r\n|1\r\n+k\r\n+v\r\n:7\r\n~1\r\n:1\r\n";
        let expected = Counted { replies: 16, errors: 2, nulls: 3 };
        for piece_bytes in 1..stream.len() {
            assert_eq!(in_pieces(stream, piece_bytes), (expected, "ERR one".to_owned()), "{piece_bytes}");
        }
    }

    #[test]
    fn a_reply_counts_only_once_it_is_whole() {
        let mut counter = ReplyCounter::new();
        assert_eq!(counter.feed(b"$3\r\nabc\r").unwrap().replies, 0);
        assert_eq!(counter.feed(b"\n").unwrap().replies, 1);
        assert_eq!(counter.feed(b"*2\r\n:1\r\n").unwrap().replies, 0);
        assert_eq!(counter.feed(b":2\r\n").unwrap().replies, 1);
    }

    #[test]
    fn a_long_error_is_kept_up_to_a_bound() {
        let stream = [b"-".as_slice(), &[b'e'; 1000], b"\r\n"].concat();
        assert_eq!(in_pieces(&stream, 7).1, "e".repeat(ERROR_BYTES));
    }

    #[test]
    fn what_is_not_resp_is_refused() {
        let error = ReplyCounter::new().feed(b"HTTP/1.1 400").unwrap_err();
        assert_eq!(error, "the server does not speak the Redis protocol: byte 0x48 ('H')");
        assert!(ReplyCounter::new().feed(b"$5x\r\n").is_err());
    }
}
