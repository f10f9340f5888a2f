//! Bytes of a client to commands, resumed wherever the network cut them.
//!
//! Must hold: `start <= at`; the decoder never goes back before `at`, so a command that trickles in costs its length
//! once; spans of a half-received command live here, relative to `start`, and move to the batch when it is whole; the
//! first error is the last word. Grammar, strictness and error texts are those of Valkey 9.1, with two differences:
//! a line is too long by its length, not by how it happened to be cut into reads; and in an inline command the bytes
//! 0x00 and 0xff are bytes like others (there the one swallows the line and the other vanishes from a word).
//!
//! Leaves out: the buffer, who fills it and when it is dropped.

use crate::batch::{Batch, SPANS_KEPT_MAX, Span};
use crate::error::ProtocolError;
use crate::inline;
use crate::number::parse_int;

/// What a client may send. Give the same value to each call, but for `authenticated`, which may change between two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest argument in bytes (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// Most arguments of one command, its name included.
    pub args_max: usize,
    /// Longest inline command, and longest line that holds a count, in bytes.
    pub inline_bytes_max: usize,
    /// Whether the client has authenticated or need not. If not, ten arguments of 16 KiB are the most.
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bulk_bytes_max: 512 * 1024 * 1024,
            args_max: 1024 * 1024,
            inline_bytes_max: 64 * 1024,
            authenticated: true,
        }
    }
}

const UNAUTHENTICATED_ARGS_MAX: usize = 10;
const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 * 1024;

/// What [`short_command`] takes: as little as an unauthenticated client may send.
const SHORT_ARGS_MAX: usize = 9;
const SHORT_BULK_BYTES_MAX: usize = 99;

/// The state between two reads of one connection.
///
/// The caller appends what it reads to a buffer, calls [`Decoder::decode`], runs the commands of the batch, then drops
/// [`Decoder::boundary`] bytes (or fewer, at the end of a command) from the front and says so with
/// [`Decoder::consumed`].
#[derive(Default, Debug)]
pub struct Decoder {
    /// Where the command in progress, or the next one, begins.
    start: usize,
    /// The next byte to decode: the header of an argument if `missing > 0`, else equal to `start`.
    at: usize,
    /// Arguments that the command in progress still lacks.
    missing: usize,
    /// Bytes from `at` on that are known to hold no end of line.
    searched: usize,
    /// See [`Decoder::needs`].
    needs: usize,
    /// Arguments of the command in progress, relative to `start`.
    partial: Vec<Span>,
    failed: Option<ProtocolError>,
}

impl Decoder {
    /// A decoder at the beginning of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes further commands of `buf` into `batch` until `max` were added, nothing complete is left, or an error.
    ///
    /// `buf` is the buffer of the call before, less what was [`Decoder::consumed`], and whatever arrived since.
    /// Decoding goes on behind the last command decoded, whether or not that one was consumed. Inline commands are
    /// unescaped in place, which is why the buffer is changed.
    ///
    /// # Errors
    ///
    /// The commands before the error are in the batch: run them, then send the error, then close. Each later call
    /// adds nothing and answers the same error.
    pub fn decode(
        &mut self,
        buf: &mut [u8],
        limits: &Limits,
        max: usize,
        batch: &mut Batch,
    ) -> Result<(), ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.needs = 0;
        let full = batch.len().saturating_add(max);
        let takes_short = limits.args_max >= SHORT_ARGS_MAX && limits.bulk_bytes_max >= SHORT_BULK_BYTES_MAX;
        while batch.len() < full && self.at < buf.len() {
            if takes_short
                && self.missing == 0
                && let Some(end) = short_command(buf, self.at, &mut batch.spans)
            {
                batch.seal(end);
                self.finish(end);
                continue;
            }
            let step = if self.missing > 0 {
                self.resume(buf, limits, batch)
            } else if buf[self.at] == b'*' {
                self.multibulk(buf, limits, batch)
            } else {
                self.inline(buf, limits, batch)
            };
            match step {
                Ok(Step::Complete) => {}
                Ok(Step::Incomplete) => break,
                Err(error) => {
                    batch.spans.truncate(batch.sealed());
                    self.partial = Vec::new();
                    self.failed = Some(error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Tells the decoder that the caller dropped `n` bytes from the front of the buffer.
    ///
    /// Panics if that reaches into a command which is not decoded yet.
    pub fn consumed(&mut self, n: usize) {
        assert!(n <= self.start, "bytes of a command that is not decoded yet were dropped");
        self.start -= n;
        self.at -= n;
    }

    /// The buffer offset below which the decoder needs nothing any more: the end of the last command or empty line.
    #[must_use]
    pub fn boundary(&self) -> usize {
        self.start
    }

    /// How many more bytes the argument in progress surely needs, so that the caller can make room at once; 0 if
    /// unknown. It is what the client announced, at most [`Limits::bulk_bytes_max`] and the CR LF behind it.
    #[must_use]
    pub fn needs(&self) -> usize {
        self.needs
    }

    /// A command from its `*`.
    fn multibulk(&mut self, buf: &[u8], limits: &Limits, batch: &mut Batch) -> Result<Step, ProtocolError> {
        let Some((count, at)) = self.count(buf, limits)? else { return Ok(Step::Incomplete) };
        if count == 0 {
            self.finish(at);
            return Ok(Step::Complete);
        }
        let first = batch.spans.len();
        let mut progress = Progress { at, missing: count, searched: 0, needs: 0 };
        progress.arguments(buf, limits, &mut batch.spans)?;
        if progress.missing == 0 {
            batch.seal(progress.at);
            self.finish(progress.at);
            return Ok(Step::Complete);
        }
        let start = self.start;
        let arrived = batch.spans.drain(first..);
        self.partial.extend(arrived.map(|span| Span { start: span.start - start, ..span }));
        self.suspend(&progress);
        Ok(Step::Incomplete)
    }

    /// The rest of a command whose count is known.
    fn resume(&mut self, buf: &[u8], limits: &Limits, batch: &mut Batch) -> Result<Step, ProtocolError> {
        let start = self.start;
        let mut progress =
            Progress { at: self.at - start, missing: self.missing, searched: self.searched, needs: 0 };
        progress.arguments(&buf[start..], limits, &mut self.partial)?;
        progress.at += start;
        if progress.missing > 0 {
            self.suspend(&progress);
            return Ok(Step::Incomplete);
        }
        batch.spans.extend(self.partial.drain(..).map(|span| Span { start: span.start + start, ..span }));
        self.partial.shrink_to(SPANS_KEPT_MAX);
        batch.seal(progress.at);
        self.finish(progress.at);
        Ok(Step::Complete)
    }

    /// An inline command: words on one line.
    fn inline(&mut self, buf: &mut [u8], limits: &Limits, batch: &mut Batch) -> Result<Step, ProtocolError> {
        let start = self.at;
        let rest = &mut buf[start..];
        let Some(length) = find(b'\n', rest, self.searched) else {
            if rest.len() > limits.inline_bytes_max {
                return Err(ProtocolError::TooBigInline);
            }
            self.searched = rest.len();
            return Ok(Step::Incomplete);
        };
        if length > limits.inline_bytes_max {
            return Err(ProtocolError::TooBigInline);
        }
        let line = &mut rest[..length];
        let line = match line {
            [line @ .., b'\r'] => line,
            line => line,
        };
        let words = batch.spans.len();
        inline::split(line, start, &mut batch.spans)?;
        let end = start + length + 1;
        if batch.spans.len() > words {
            batch.seal(end);
        }
        self.finish(end);
        Ok(Step::Complete)
    }

    /// The count after `*` and the offset behind its line; a null or negative one is zero.
    #[inline]
    fn count(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<(usize, usize)>, ProtocolError> {
        let at = self.at;
        let rest = &buf[at..];
        let (count, behind) = match rest {
            [_, digit @ b'0'..=b'9', b'\r', b'\n', ..] => (usize::from(digit - b'0'), 4),
            _ => {
                match line(rest, self.searched, limits.inline_bytes_max, ProtocolError::TooBigMultibulkCount)?
                {
                    Line::Incomplete { searched } => {
                        self.searched = searched;
                        return Ok(None);
                    }
                    Line::Complete(text) => {
                        let count = parse_int(&text[1..]).ok_or(ProtocolError::InvalidMultibulkLength)?;
                        (usize::try_from(count).unwrap_or(0), text.len() + 2)
                    }
                }
            }
        };
        if count > limits.args_max {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if count > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        Ok(Some((count, at + behind)))
    }

    #[inline]
    fn finish(&mut self, end: usize) {
        self.start = end;
        self.at = end;
        self.missing = 0;
        self.searched = 0;
    }

    #[cold]
    fn suspend(&mut self, progress: &Progress) {
        self.at = progress.at;
        self.missing = progress.missing;
        self.searched = progress.searched;
        self.needs = progress.needs;
    }
}

enum Step {
    Complete,
    Incomplete,
}

/// How far the arguments of one command have come.
struct Progress {
    at: usize,
    missing: usize,
    searched: usize,
    needs: usize,
}

impl Progress {
    /// Takes arguments from `buf` until none is missing or one is incomplete.
    #[inline]
    fn arguments(&mut self, buf: &[u8], limits: &Limits, spans: &mut Vec<Span>) -> Result<(), ProtocolError> {
        while self.missing > 0 {
            let Some((len, start)) = self.bulk_length(buf, limits)? else { return Ok(()) };
            let end = start + len;
            match buf.get(end..) {
                Some([b'\r', b'\n', ..]) => {}
                Some([_, _, ..]) => return Err(ProtocolError::InvalidCrlf),
                _ => {
                    self.needs = end + 2 - buf.len();
                    return Ok(());
                }
            }
            spans.push(Span { start, len });
            self.at = end + 2;
            self.missing -= 1;
            self.searched = 0;
        }
        Ok(())
    }

    /// The number after `$` and the offset behind its line. The lengths that most arguments have come first.
    #[inline]
    fn bulk_length(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<(usize, usize)>, ProtocolError> {
        let rest = &buf[self.at..];
        let (len, behind) = match short_bulk_length(rest) {
            Some(short) => short,
            None => match long_bulk_length(rest, self.searched, limits)? {
                Line::Incomplete { searched } => {
                    self.searched = searched;
                    return Ok(None);
                }
                Line::Complete((len, behind)) => (len, behind),
            },
        };
        if len > limits.bulk_bytes_max {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if len > UNAUTHENTICATED_BULK_BYTES_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        Ok(Some((len, self.at + behind)))
    }
}

/// A line that is there, or how much was searched for its end.
enum Line<T> {
    Complete(T),
    Incomplete { searched: usize },
}

/// Decodes the command at `start` if its count has one digit and its lengths have one or two, as nearly all have. Nothing
/// if it is of another kind, or incomplete, or wrong: then the way through [`Progress`] tells what it is.
#[inline]
fn short_command(buf: &[u8], start: usize, spans: &mut Vec<Span>) -> Option<usize> {
    // `*d\r\n`, little-endian, with the digit left out.
    const HEAD: u32 = 0x0A0D_002A;
    const HEAD_MASK: u32 = 0xFFFF_00FF;
    let head = u32::from_le_bytes(*buf.get(start..)?.first_chunk::<4>()?);
    let count = ((head >> 8) & 0xFF).wrapping_sub(u32::from(b'0'));
    if head & HEAD_MASK != HEAD || !(1..10).contains(&count) {
        return None;
    }
    let sealed = spans.len();
    let mut at = start + 4;
    for _ in 0..count {
        let Some((len, behind)) = buf.get(at..).and_then(short_bulk_length) else { break };
        let end = at + behind + len;
        match buf.get(end..) {
            Some([b'\r', b'\n', ..]) => spans.push(Span { start: at + behind, len }),
            _ => break,
        }
        at = end + 2;
    }
    if spans.len() - sealed == count as usize {
        return Some(at);
    }
    spans.truncate(sealed);
    None
}

/// A length of one or two digits and the bytes of its line, read as one word: most arguments are that short.
#[inline]
fn short_bulk_length(rest: &[u8]) -> Option<(usize, usize)> {
    // `$d\r\n` and `$dd\r\n`, little-endian, with the digits left out.
    const ONE: u64 = 0x0A0D_0024;
    const ONE_MASK: u64 = 0xFFFF_00FF;
    const TWO: u64 = 0x0A_0D00_0024;
    const TWO_MASK: u64 = 0xFF_FF00_00FF;
    let word = u64::from_le_bytes(*rest.first_chunk::<8>()?);
    let digit = |at: u32| ((word >> (8 * at)) & 0xFF).wrapping_sub(u64::from(b'0'));
    let (first, second) = (digit(1), digit(2));
    let (len, behind) = if word & TWO_MASK == TWO && (1..10).contains(&first) && second < 10 {
        (first * 10 + second, 5)
    } else if word & ONE_MASK == ONE {
        (first, 4)
    } else {
        return None;
    };
    #[expect(clippy::cast_possible_truncation, reason = "at most two digits")]
    (first < 10).then_some((len as usize, behind))
}

fn long_bulk_length(
    rest: &[u8],
    searched: usize,
    limits: &Limits,
) -> Result<Line<(usize, usize)>, ProtocolError> {
    // An argument of three digits or more is worth the way through here: it takes longer to copy.
    let text = match line(rest, searched, limits.inline_bytes_max, ProtocolError::TooBigBulkCount) {
        Ok(Line::Complete(text)) => text,
        Ok(Line::Incomplete { searched }) => return Ok(Line::Incomplete { searched }),
        Err(ProtocolError::InvalidCrlf) if rest[0] != b'$' => {
            return Err(ProtocolError::ExpectedBulk(rest[0]));
        }
        Err(error) => return Err(error),
    };
    match rest[0] {
        b'$' => {
            let len = parse_int(&text[1..]).and_then(|len| usize::try_from(len).ok());
            Ok(Line::Complete((len.ok_or(ProtocolError::InvalidBulkLength)?, text.len() + 2)))
        }
        other => Err(ProtocolError::ExpectedBulk(other)),
    }
}

/// The line at the beginning of `rest` without its CR LF.
fn line(
    rest: &[u8],
    searched: usize,
    bytes_max: usize,
    too_big: ProtocolError,
) -> Result<Line<&[u8]>, ProtocolError> {
    let end = find(b'\r', rest, searched);
    if end.unwrap_or(rest.len()) > bytes_max {
        return Err(too_big);
    }
    let Some(end) = end else { return Ok(Line::Incomplete { searched: rest.len() }) };
    match rest.get(end + 1) {
        Some(b'\n') => Ok(Line::Complete(&rest[..end])),
        Some(_) => Err(ProtocolError::InvalidCrlf),
        None => Ok(Line::Incomplete { searched: end }),
    }
}

/// The offset of `byte` in `buf`, of which the first `searched` bytes hold none.
fn find(byte: u8, buf: &[u8], searched: usize) -> Option<usize> {
    buf[searched..].iter().position(|&other| other == byte).map(|offset| searched + offset)
}

#[cfg(test)]
mod tests;
