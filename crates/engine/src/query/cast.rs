//! From one type to another, where PostgreSQL reads the same texts in every release from 12 on.
//!
//! What cannot be converted is `None`. The patterns say which texts can, for PostgreSQL's `~`; both have to agree, and they
//! are narrow on purpose: PostgreSQL itself reads more, but not in each release, or not whatever a session has set.

use super::decimal::{Decimal, Num};
use super::form::NumberKind;
use std::borrow::Cow;

/// Digits on either side of the point, at most.
const DIGITS_MAX: usize = 255;
const EXPONENT_DIGITS_MAX: usize = 3;

pub(super) const PATTERN_INTEGER: &str = "^[ \\t\\n\\v\\f\\r]*[+-]?[0-9]{1,255}[ \\t\\n\\v\\f\\r]*$";
pub(super) const PATTERN_NUMERIC: &str = concat!(
    "^[ \\t\\n\\v\\f\\r]*[+-]?([0-9]{1,255}(\\.[0-9]{0,255})?|\\.[0-9]{1,255})([eE][+-]?[0-9]{1,3})?",
    "[ \\t\\n\\v\\f\\r]*$"
);
pub(super) const PATTERN_BOOLEAN: &str = concat!(
    "^[ \\t\\n\\v\\f\\r]*(t|tr|tru|true|y|ye|yes|on|1|f|fa|fal|fals|false|n|no|of|off|0)",
    "[ \\t\\n\\v\\f\\r]*$"
);

/// A number of this kind.
pub(super) fn number(text: &[u8], kind: NumberKind) -> Option<Decimal> {
    let text = trimmed(text);
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (mut digits, rest) = digits(unsigned);
    if digits.len() > DIGITS_MAX {
        return None;
    }
    if kind.is_integer() {
        let is_whole = !digits.is_empty() && rest.is_empty();
        return is_whole
            .then(|| Decimal::of_digits(negative, digits, 0))
            .filter(|value| is_within(&Num::Own(Cow::Borrowed(value)), kind));
    }
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => self::digits(rest),
        _ => (&digits[..0], rest),
    };
    if fraction.len() > DIGITS_MAX || digits.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut exponent = i64::try_from(fraction.len()).ok()? - exponent(rest)?;
    let mut all = [digits, fraction].concat();
    if exponent < 0 {
        all.resize(all.len() + usize::try_from(-exponent).ok()?, b'0');
        exponent = 0;
    }
    digits = &all;
    Some(Decimal::of_digits(negative, digits, u16::try_from(exponent).ok()?))
}

/// The power of ten at the end of a number, 0 if there is none.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, text) = match text {
        [] => return Some(0),
        [b'e' | b'E', b'-', rest @ ..] => (true, rest),
        [b'e' | b'E', b'+', rest @ ..] | [b'e' | b'E', rest @ ..] => (false, rest),
        _ => return None,
    };
    let (digits, rest) = digits(text);
    if !(1..=EXPONENT_DIGITS_MAX).contains(&digits.len()) || !rest.is_empty() {
        return None;
    }
    let size = digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(if negative { -size } else { size })
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    while let [first, rest @ ..] = text
        && is_blank(first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_blank(last)
    {
        text = rest;
    }
    text
}

/// Whether a number is within the bounds of a kind.
pub(super) fn is_within(number: &Num<'_>, kind: NumberKind) -> bool {
    kind.bounds().is_none_or(|(least, largest)| {
        let bound = |value: i64| Num::Own(Cow::Owned(Decimal::from(value)));
        number.order(&bound(least)).is_ge() && number.order(&bound(largest)).is_le()
    })
}

/// A truth: `true`, `yes`, `on`, `1` and their opposites, or beginnings of them that are one's alone.
pub(super) fn boolean(text: &[u8]) -> Option<bool> {
    let text = trimmed(text).to_ascii_lowercase();
    let begins = |word: &[u8], least: usize| text.len() >= least && word.starts_with(&text);
    if begins(b"true", 1) || begins(b"yes", 1) || text == b"on" || text == b"1" {
        Some(true)
    } else if begins(b"false", 1) || begins(b"no", 1) || begins(b"off", 2) || text == b"0" {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, kind: NumberKind) -> Option<String> {
        let mut out = Vec::new();
        number(text.as_bytes(), kind)?.print(&mut out);
        String::from_utf8(out).ok()
    }

    #[test]
    fn texts_are_numbers_as_they_are_in_postgresql() {
        for (text, expected) in [
            (" 1.50 ", Some("1.50")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("+1e3", Some("1000")),
            ("-1.5e-3", Some("-0.0015")),
            ("007", Some("7")),
            ("-0.0", Some("0.0")),
            (
                "12345678901234567890123456789012345678901234567890",
                Some("12345678901234567890123456789012345678901234567890"),
            ),
            ("", None),
            (".", None),
            ("1e", None),
            ("1e1000", None),
            ("1 2", None),
            ("NaN", None),
            ("0x1F", None),
        ] {
            assert_eq!(read(text, NumberKind::Numeric).as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("\t-2147483648\n", Some("-2147483648")),
            ("2147483648", None),
            ("1.0", None),
            ("1e1", None),
            ("", None),
        ] {
            assert_eq!(read(text, NumberKind::Int).as_deref(), expected, "{text}");
        }
        assert_eq!(read("9223372036854775807", NumberKind::BigInt).as_deref(), Some("9223372036854775807"));
        assert_eq!(read("9223372036854775808", NumberKind::BigInt), None);
    }

    #[test]
    fn truths_have_many_names() {
        for text in ["t", " TRUE ", "ye", "on", "1"] {
            assert_eq!(boolean(text.as_bytes()), Some(true), "{text}");
        }
        for text in ["f", "fals", "N", "of", "off", "0"] {
            assert_eq!(boolean(text.as_bytes()), Some(false), "{text}");
        }
        for text in ["", "o", "tt", "2", "null"] {
            assert_eq!(boolean(text.as_bytes()), None, "{text}");
        }
    }
}
