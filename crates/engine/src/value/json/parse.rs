//! Text to values.
//!
//! What must hold: any bytes at all are a value or an error that says where; the stack is bounded by [`DEPTH_MAX`], memory and
//! the length of what is printed later by [`BYTES_MAX`], however short the text.

use super::build::Builder;
use super::{BYTES_MAX, DEPTH_MAX, number};
use std::cell::RefCell;
use std::fmt;

/// Why a text is not a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// How many bytes of the text were well.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid JSON at byte {}: {}", self.at, self.what)
    }
}

impl std::error::Error for ParseError {}

thread_local! {
    /// Kept for its buffers.
    static BUILDER: RefCell<Builder> = RefCell::default();
}

/// A builder whose buffers have grown larger than this is not kept.
const BUILDER_BYTES_KEPT: usize = 1 << 20;

const TOO_LARGE: &str = "the value is too large";

/// Appends the bytes of the value that a text describes.
///
/// # Errors
/// Where and why it is not JSON, or too large, or too deep.
pub fn parse_into(text: &[u8], out: &mut Vec<u8>) -> Result<(), ParseError> {
    if text.len() > BYTES_MAX {
        return Err(ParseError { at: BYTES_MAX, what: TOO_LARGE });
    }
    if let Err(error) = std::str::from_utf8(text) {
        return Err(ParseError { at: error.valid_up_to(), what: "not UTF-8" });
    }
    BUILDER.with_borrow_mut(|builder| {
        builder.clear();
        let mut parser = Parser { text, at: 0, printed: 0, builder };
        let parsed = parser.document();
        if parsed.is_ok() {
            builder.finish(out);
        }
        if builder.bytes() > BUILDER_BYTES_KEPT {
            *builder = Builder::default();
        }
        parsed
    })
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// Bytes that numbers take when they are printed.
    printed: usize,
    builder: &'a mut Builder,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<(), ParseError> {
        self.blanks();
        self.value(DEPTH_MAX)?;
        self.blanks();
        if self.at < self.text.len() {
            return self.fail("there should be nothing behind the value");
        }
        if self.builder.bytes() > BYTES_MAX { self.fail(TOO_LARGE) } else { Ok(()) }
    }

    fn value(&mut self, depth: usize) -> Result<(), ParseError> {
        match self.text.get(self.at) {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                let (text, at) = (self.text, &mut self.at);
                self.builder.string_with(|out| string(text, at, out))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word(b"null").map(|()| self.builder.null()),
            Some(b't') => self.word(b"true").map(|()| self.builder.bool(true)),
            Some(b'f') => self.word(b"false").map(|()| self.builder.bool(false)),
            Some(_) => self.fail("no value begins like this"),
            None => self.fail("the text ends where a value should be"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), ParseError> {
        let open = self.enter(depth)?;
        if !self.takes(b'}') {
            loop {
                if self.text.get(self.at) != Some(&b'"') {
                    return self.fail("a key should be here, in double quotes");
                }
                let (text, at) = (self.text, &mut self.at);
                self.builder.key_with(|out| string(text, at, out))?;
                self.blanks();
                if !self.takes(b':') {
                    return self.fail("a colon should be here");
                }
                self.value(depth - 1)?;
                self.builder.item(open);
                self.blanks();
                if self.takes(b',') {
                    continue;
                }
                if self.takes(b'}') {
                    break;
                }
                return self.fail("a comma or a closing brace should be here");
            }
        }
        self.builder.end_object(open);
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), ParseError> {
        let open = self.enter(depth)?;
        if !self.takes(b']') {
            loop {
                self.value(depth - 1)?;
                self.builder.item(open);
                self.blanks();
                if self.takes(b',') {
                    continue;
                }
                if self.takes(b']') {
                    break;
                }
                return self.fail("a comma or a closing bracket should be here");
            }
        }
        self.builder.end_array(open);
        Ok(())
    }

    /// Takes the bracket of a container.
    fn enter(&mut self, depth: usize) -> Result<super::build::Open, ParseError> {
        if depth == 0 {
            return self.fail("the value is nested too deeply");
        }
        if self.builder.bytes() > BYTES_MAX {
            return self.fail(TOO_LARGE);
        }
        self.at += 1;
        self.blanks();
        Ok(self.builder.begin())
    }

    fn number(&mut self) -> Result<(), ParseError> {
        match self.builder.number(&self.text[self.at..]) {
            Ok(read) => {
                self.printed += read.printed;
                if self.printed > BYTES_MAX {
                    return self.fail(TOO_LARGE);
                }
                self.at += read.len;
                Ok(())
            }
            Err(number::Fault::Syntax(len)) => {
                self.at += len;
                self.fail("a digit should be here, or the number begins with 0")
            }
            Err(number::Fault::Range) => self.fail("the number has too many digits"),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), ParseError> {
        if !self.text[self.at..].starts_with(word) {
            return self.fail("no value begins like this");
        }
        self.at += word.len();
        Ok(())
    }

    /// Takes this byte and the blanks behind it, if it is the next.
    fn takes(&mut self, byte: u8) -> bool {
        let is = self.text.get(self.at) == Some(&byte);
        if is {
            self.at += 1;
            if byte == b',' || byte == b':' {
                self.blanks();
            }
        }
        is
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, ParseError> {
        Err(ParseError { at: self.at, what })
    }
}

/// Takes the string at `at`, which is at its first quote, and appends what it says.
fn string(text: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<(), ParseError> {
    *at += 1;
    loop {
        let rest = &text[*at..];
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F));
        let plain = plain.unwrap_or(rest.len());
        out.extend_from_slice(&rest[..plain]);
        *at += plain;
        match rest.get(plain) {
            Some(b'"') => {
                *at += 1;
                return Ok(());
            }
            Some(b'\\') => escape(text, at, out)?,
            Some(_) => {
                return Err(ParseError { at: *at, what: "a control character has to be escaped" });
            }
            None => return Err(ParseError { at: *at, what: "the text ends inside a string" }),
        }
    }
}

/// Takes what stands behind a backslash.
fn escape(text: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<(), ParseError> {
    let unknown = ParseError { at: *at, what: "there is no such escape" };
    let byte = match text.get(*at + 1).ok_or(unknown)? {
        byte @ (b'"' | b'\\' | b'/') => *byte,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode(text, at, out),
        _ => return Err(unknown),
    };
    out.push(byte);
    *at += 2;
    Ok(())
}

/// Takes `\uXXXX`, or two of them that are one character.
fn unicode(text: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<(), ParseError> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
    };
    let fault = |what| ParseError { at: *at, what };
    let first = unit(*at).ok_or(fault("four hexadecimal digits should be behind \\u"))?;
    let code = match first {
        0xD800..=0xDBFF => match unit(*at + 6) {
            Some(second @ 0xDC00..=0xDFFF) => 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00),
            _ => return Err(fault("half of a surrogate pair")),
        },
        code => code,
    };
    let char = char::from_u32(code).ok_or(fault("half of a surrogate pair"))?;
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    *at += if code > 0xFFFF { 12 } else { 6 };
    Ok(())
}
