//! Numbers as clients write them: integers here, floats in `extended`.
//!
//! What must hold: a text is a number here exactly where Valkey takes it for one, because a value that counts as an
//! integer may be stored as one and must come back as the same bytes.

mod extended;
mod natural;

pub use extended::Extended;

/// The integer that `text` is the one proper spelling of.
///
/// No plus sign, no leading zeros, no spaces, no `-0`; the whole range of `i64`.
#[must_use]
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude = 0u64;
    for &digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        // Nineteen digits stay below ten to the nineteenth, which fits.
        magnitude = magnitude * 10 + u64::from(value);
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// The double nearest to a float, as [`Extended::parse`] reads it.
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    Extended::parse(text).map(Extended::to_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_has_one_spelling() {
        for n in [0, 1, -1, 9, 10, -10, 127, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            assert_eq!(parse_i64(n.to_string().as_bytes()), Some(n));
        }
        for text in
            ["", "-", "-0", "+1", "01", "-01", "00", " 1", "1 ", "1.0", "1e3", "0x1", "1_0", "--1", "1-"]
        {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
        for text in
            ["9223372036854775808", "-9223372036854775809", "99999999999999999999", "18446744073709551616"]
        {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
    }
}
