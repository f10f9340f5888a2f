//! The text of a value, as PostgreSQL prints `jsonb`: a blank behind each comma and colon, and nothing escaped that need not be.
//!
//! Answers are made of this, so it is quick: room is made for many bytes at once, and short strings are taken with what lies
//! behind them, a block at a time, of which then only their own bytes count.

use super::node::{self, Node, tag, width_of};
use super::number;

/// Bytes that are taken at once.
const BLOCK: usize = 16;
/// Bytes that a number takes at most which is no large one.
const NUMBER_BYTES_MAX: usize = 24;
/// Bytes that one byte of a string takes at most.
const ESCAPE_BYTES_MAX: usize = 6;

impl Node<'_> {
    /// Appends its text.
    pub fn print(self, out: &mut Vec<u8>) {
        let whole = self.bytes();
        let mut printer = Printer { whole, at: out.len(), out: std::mem::take(out) };
        printer.make_room(whole.len() + whole.len() / 2 + 2 * BLOCK);
        printer.value(0, whole.len());
        printer.out.truncate(printer.at);
        *out = printer.out;
    }
}

struct Printer<'a> {
    whole: &'a [u8],
    /// What is behind `at` is room.
    out: Vec<u8>,
    at: usize,
}

impl Printer<'_> {
    /// Sees to it that so many bytes may be written.
    #[inline]
    fn room(&mut self, bytes: usize) {
        if self.out.len() - self.at < bytes {
            self.make_room(bytes * 2);
        }
    }

    #[cold]
    fn make_room(&mut self, bytes: usize) {
        self.out.resize(self.at + bytes, 0);
    }

    /// Writes a few bytes, for which there is room.
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.out[self.at..self.at + N].copy_from_slice(&bytes);
        self.at += N;
    }

    /// Writes a word.
    #[inline]
    fn word<const N: usize>(&mut self, word: &[u8; N]) {
        self.room(N);
        self.put(*word);
    }

    /// Prints the value that lies here.
    fn value(&mut self, start: usize, end: usize) {
        let Some(&tag) = self.whole[start..end].last() else { return };
        match tag {
            tag::STRING => self.string(start, end - 1),
            tag::INTEGER => self.integer(start, end - 1),
            tag::TRUE => self.word(b"true"),
            tag::FALSE => self.word(b"false"),
            tag::DECIMAL | tag::LARGE => {
                self.out.truncate(self.at);
                number::read(tag, &self.whole[start..end - 1]).print(&mut self.out);
                self.at = self.out.len();
            }
            tag::ARRAY..tag::OBJECT => self.array(start, end - 1, width_of(tag)),
            tag::OBJECT.. => self.object(start, end - 1, width_of(tag)),
            _ => self.word(b"null"),
        }
    }

    fn integer(&mut self, start: usize, end: usize) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number::read_int(&self.whole[start..end])).as_bytes();
        self.room(NUMBER_BYTES_MAX);
        self.out[self.at..self.at + digits.len()].copy_from_slice(digits);
        self.at += digits.len();
    }

    fn array(&mut self, start: usize, end: usize, width: usize) {
        let count = self.number(end - width, width);
        let ends = end - width - count * width;
        self.word(b"[");
        let mut from = start;
        for index in 0..count {
            if index > 0 {
                self.word(b", ");
            }
            let to = start + self.number(ends + index * width, width);
            self.value(from, to);
            from = to;
        }
        self.word(b"]");
    }

    fn object(&mut self, start: usize, end: usize, width: usize) {
        let count = self.number(end - width, width);
        let value_ends = end - width - count * width;
        let key_ends = value_ends - count * width;
        self.word(b"{");
        let (mut value, mut key) = (start, start);
        if count > 0 {
            key += self.number(value_ends + (count - 1) * width, width);
        }
        let keys = key;
        for index in 0..count {
            if index > 0 {
                self.word(b", ");
            }
            let key_end = keys + self.number(key_ends + index * width, width);
            self.string(key, key_end);
            self.word(b": ");
            let value_end = start + self.number(value_ends + index * width, width);
            self.value(value, value_end);
            (key, value) = (key_end, value_end);
        }
        self.word(b"}");
    }

    /// One number of a row of them.
    #[inline]
    fn number(&self, at: usize, width: usize) -> usize {
        if width == 1 { usize::from(self.whole[at]) } else { node::read(&self.whole[at..], 0, width) }
    }

    /// Prints a string with its quotes.
    #[inline]
    fn string(&mut self, start: usize, end: usize) {
        self.room(end - start + BLOCK + 2);
        let begin = self.at;
        self.put([b'"']);
        let mut from = start;
        while let Some(block) = self.whole.get(from..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
            let len = (end - from).min(BLOCK);
            if has_escaped(block, len) {
                break;
            }
            self.put(*block);
            self.at -= BLOCK - len;
            from += len;
            if from == end {
                self.put([b'"']);
                return;
            }
        }
        self.at = begin;
        self.string_by_bytes(start, end);
    }

    /// The same for strings with bytes that are escaped, and for those that end too near to the end of the value.
    fn string_by_bytes(&mut self, start: usize, end: usize) {
        self.room((end - start) * ESCAPE_BYTES_MAX + 2);
        self.put([b'"']);
        for at in start..end {
            let byte = self.whole[at];
            if byte >= b' ' && byte != b'"' && byte != b'\\' {
                self.put([byte]);
                continue;
            }
            let short = match byte {
                b'"' | b'\\' => byte,
                8 => b'b',
                9 => b't',
                10 => b'n',
                12 => b'f',
                13 => b'r',
                _ => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    self.put(*b"\\u00");
                    self.put([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                    continue;
                }
            };
            self.put([b'\\', short]);
        }
        self.put([b'"']);
    }
}

/// Whether one of the first bytes of a block is written otherwise.
#[inline]
fn has_escaped(block: &[u8; BLOCK], len: usize) -> bool {
    let (low, high) = block.split_at(BLOCK / 2);
    let is_within = |half: &[u8], len: usize| {
        let word = half.try_into().map_or(0, u64::from_le_bytes);
        escaped(word) & (u64::MAX >> (u64::BITS as usize - 8 * len)) != 0
    };
    match len {
        0 => false,
        1..=8 => is_within(low, len),
        _ => is_within(low, 8) || is_within(high, len - 8),
    }
}

/// The highest bit of each byte that is written otherwise, up to the first of them; what is carried reaches those behind it.
#[inline]
const fn escaped(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const fn below(word: u64, least: u8) -> u64 {
        word.wrapping_sub(ONES * least as u64) & !word
    }
    let (quote, backslash) = (word ^ (ONES * b'"' as u64), word ^ (ONES * b'\\' as u64));
    (below(word, b' ') | below(quote, 1) | below(backslash, 1)) & (ONES << 7)
}
