//! Numbers: exact decimals, as PostgreSQL's `numeric` has them.
//!
//! A number is its value and how many digits it shows after the point: `1.50` is not `1.5`, `1e5` is `100000`, and `1.5e-3`
//! is `0.0015`. The limits are `numeric`'s: 131072 digits before the point and 16383 after it. There is no negative zero.
//!
//! What must hold: each number has one form, the smallest of those in the module above that it fits.

use super::node::tag;

const WHOLE_DIGITS_MAX: i64 = 131_072;
const SCALE_MAX: i64 = 16_383;
/// Exponents beyond this size are refused before anything is made of them.
const EXPONENT_MAX: i64 = i32::MAX as i64 / 2;
/// Bytes of a large number besides its digits.
const LARGE_BYTES: usize = 7;

/// A number, to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number<'a> {
    /// An integer.
    Int(i64),
    /// `mantissa` divided by ten to the power of `scale`.
    Decimal {
        /// All digits.
        mantissa: i64,
        /// Digits after the point; not 0.
        scale: u8,
    },
    /// A number that has too many digits for the others.
    Large {
        /// Below zero.
        negative: bool,
        /// In ASCII; neither the first nor the last is 0.
        digits: &'a [u8],
        /// The power of ten that the last digit counts.
        exponent: i32,
        /// Digits after the point.
        scale: u16,
    },
}

impl Number<'_> {
    /// Whether it is written without a point.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::Int(_) | Self::Large { scale: 0, .. })
    }

    /// Appends its text.
    pub fn print(self, out: &mut Vec<u8>) {
        match self {
            Self::Int(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
            Self::Decimal { mantissa, scale } => {
                if mantissa < 0 {
                    out.push(b'-');
                }
                let (digits, scale) = (mantissa.unsigned_abs(), usize::from(scale));
                let mut buffer = itoa::Buffer::new();
                let digits = buffer.format(digits).as_bytes();
                let whole = digits.len().saturating_sub(scale);
                out.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
                out.push(b'.');
                out.extend(std::iter::repeat_n(b'0', scale.saturating_sub(digits.len())));
                out.extend_from_slice(&digits[whole..]);
            }
            Self::Large { negative, digits, exponent, scale } => {
                if negative {
                    out.push(b'-');
                }
                print_large(digits, i64::from(exponent), i64::from(scale), out);
            }
        }
    }
}

fn print_large(digits: &[u8], exponent: i64, scale: i64, out: &mut Vec<u8>) {
    let whole = whole_digits(digits, exponent);
    let digit = |at: i64| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(b'0');
    if whole <= 0 {
        out.push(b'0');
    }
    out.extend((0..whole).map(digit));
    if scale > 0 {
        out.push(b'.');
        out.extend((whole..whole + scale).map(digit));
    }
}

/// How many digits stand before the point; not positive if there is none but a 0.
fn whole_digits(digits: &[u8], exponent: i64) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX).saturating_add(exponent)
}

/// What was read of a number.
pub(super) struct Read {
    /// Bytes of its text.
    pub(super) len: usize,
    /// Bytes that it takes when it is printed, at most.
    pub(super) printed: usize,
}

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It stops being one after so many bytes.
    Syntax(usize),
    /// It has too many digits.
    Range,
}

/// The parts of the text of a number.
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
    len: usize,
}

/// Reads the number at the beginning of a text and appends its form.
pub(super) fn parse(text: &[u8], out: &mut Vec<u8>) -> Result<Read, Fault> {
    let parts = split(text)?;
    let digits = parts.whole.len() + parts.fraction.len();
    if digits <= 18 && parts.exponent == 0 {
        // The usual case.
        let value = parts
            .whole
            .iter()
            .chain(parts.fraction)
            .fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        let value = if parts.negative { -value } else { value };
        put_compact(out, value, u8::try_from(parts.fraction.len()).unwrap_or(0));
        return Ok(Read { len: parts.len, printed: parts.len });
    }
    parse_long(&parts, out)
}

fn parse_long(parts: &Parts<'_>, out: &mut Vec<u8>) -> Result<Read, Fault> {
    if parts.exponent.abs() > EXPONENT_MAX {
        return Err(Fault::Range);
    }
    let all = [parts.whole, parts.fraction].concat();
    let leading = all.iter().take_while(|digit| **digit == b'0').count();
    let trailing = all[leading..].iter().rev().take_while(|digit| **digit == b'0').count();
    let digits = &all[leading..all.len() - trailing];
    let fraction = i64::try_from(parts.fraction.len()).unwrap_or(i64::MAX);
    let scale = (fraction - parts.exponent).max(0);
    let exponent = if digits.is_empty() {
        0
    } else {
        parts.exponent - fraction + i64::try_from(trailing).unwrap_or(i64::MAX)
    };
    let whole = whole_digits(digits, exponent);
    if scale > SCALE_MAX || whole > WHOLE_DIGITS_MAX {
        return Err(Fault::Range);
    }
    let negative = parts.negative && !digits.is_empty();
    match compact(negative, digits, exponent, scale) {
        Some((mantissa, scale)) => put_compact(out, mantissa, scale),
        None => put_large(out, negative, digits, exponent, scale),
    }
    let printed = usize::try_from(whole.max(1) + scale + 2).unwrap_or(usize::MAX);
    Ok(Read { len: parts.len, printed })
}

fn split(text: &[u8]) -> Result<Parts<'_>, Fault> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let whole = digits(start);
    if whole == 0 || whole > 1 && text[start] == b'0' {
        return Err(Fault::Syntax(start + usize::from(whole > 0)));
    }
    let mut at = start + whole;
    let mut fraction = &text[at..at];
    if text.get(at) == Some(&b'.') {
        let count = digits(at + 1);
        fraction = &text[at + 1..at + 1 + count];
        at += 1 + count;
        if count == 0 {
            return Err(Fault::Syntax(at));
        }
    }
    let mut exponent = 0;
    if let Some(b'e' | b'E') = text.get(at) {
        let below = text.get(at + 1) == Some(&b'-');
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let count = digits(at);
        if count == 0 {
            return Err(Fault::Syntax(at));
        }
        let size = text[at..at + count]
            .iter()
            .fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
        exponent = if below { -size } else { size };
        at += count;
    }
    Ok(Parts { negative, whole: &text[start..start + whole], fraction, exponent, len: at })
}

/// Mantissa and scale of a number that fits them.
fn compact(negative: bool, digits: &[u8], exponent: i64, scale: i64) -> Option<(i64, u8)> {
    let scale_byte = u8::try_from(scale).ok()?;
    if digits.is_empty() {
        return Some((0, scale_byte));
    }
    let zeros = u32::try_from(exponent + scale).ok()?;
    if digits.len() > 19 || zeros > 19 {
        return None;
    }
    let value = digits.iter().fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let value = value * 10_i128.pow(zeros);
    i64::try_from(if negative { -value } else { value }).ok().map(|value| (value, scale_byte))
}

fn put_compact(out: &mut Vec<u8>, mantissa: i64, scale: u8) {
    put_int(out, mantissa);
    if scale != 0 {
        out.pop();
        out.extend_from_slice(&[scale, tag::DECIMAL]);
    }
}

/// Appends an integer.
pub(super) fn put_int(out: &mut Vec<u8>, value: i64) {
    let size = if value < 0 { !value } else { value };
    let bytes = if value == 0 { 0 } else { (65 - size.leading_zeros()).div_ceil(8) as usize };
    out.extend_from_slice(&value.to_le_bytes()[..bytes]);
    out.push(tag::INTEGER);
}

fn put_large(out: &mut Vec<u8>, negative: bool, digits: &[u8], exponent: i64, scale: i64) {
    out.extend_from_slice(digits);
    out.extend_from_slice(&i32::try_from(exponent).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&u16::try_from(scale).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&[u8::from(negative), tag::LARGE]);
}

/// The number of this tag and body, which are whole.
pub(super) fn read(tag: u8, body: &[u8]) -> Number<'_> {
    match (tag, body) {
        (tag::INTEGER, body) => Number::Int(read_int(body)),
        (tag::DECIMAL, [mantissa @ .., scale]) => {
            Number::Decimal { mantissa: read_int(mantissa), scale: *scale }
        }
        (_, [digits @ .., a, b, c, d, low, high, negative]) => Number::Large {
            negative: *negative != 0,
            digits,
            exponent: i32::from_le_bytes([*a, *b, *c, *d]),
            scale: u16::from_le_bytes([*low, *high]),
        },
        _ => Number::Int(0),
    }
}

pub(super) fn read_int(bytes: &[u8]) -> i64 {
    let below = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut whole = if below { [0xFF; 8] } else { [0; 8] };
    whole[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(whole)
}

/// Whether a body is a number of this tag, in the one form that it has.
pub(super) fn is_whole(tag: u8, body: &[u8]) -> bool {
    let is_int = |bytes: &[u8]| {
        let mut again = Vec::with_capacity(9);
        bytes.len() <= 8 && {
            put_int(&mut again, read_int(bytes));
            again[..again.len() - 1] == *bytes
        }
    };
    match tag {
        tag::INTEGER => is_int(body),
        tag::DECIMAL => body.split_last().is_some_and(|(scale, mantissa)| *scale != 0 && is_int(mantissa)),
        _ => body.len() >= LARGE_BYTES && is_large(body),
    }
}

fn is_large(body: &[u8]) -> bool {
    let Number::Large { negative, digits, exponent, scale } = read(tag::LARGE, body) else { return false };
    let (exponent, scale) = (i64::from(exponent), i64::from(scale));
    let sign_is_known = body.last().is_some_and(|sign| *sign < 2);
    let digits_are_whole = match digits {
        [] => exponent == 0 && !negative,
        [first, .., last] => *first != b'0' && *last != b'0',
        [only] => *only != b'0',
    };
    sign_is_known
        && digits_are_whole
        && digits.iter().all(u8::is_ascii_digit)
        && scale <= SCALE_MAX
        && (-scale..=WHOLE_DIGITS_MAX).contains(&exponent)
        && whole_digits(digits, exponent) <= WHOLE_DIGITS_MAX
        && compact(negative, digits, exponent, scale).is_none()
}
