//! Integers to and from decimal text, by the strict rules of the protocol.

/// The number that `text` spells: an optional `-`, digits without leading zeros, nothing else, within `i64`.
///
/// Stricter than `str::parse`: `+1`, `01`, `-0`, spaces and the empty text are not numbers. These are the rules by
/// which Redis reads lengths and integer arguments.
#[inline]
#[must_use]
pub fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude = 0_u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits always fit in 64 bits.
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Two digits of every number below a hundred.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut tens = 0;
    let mut digits = *b"00";
    while tens < 10 {
        digits[1] = b'0';
        let mut units = 0;
        while units < 10 {
            pairs[tens * 10 + units] = digits;
            digits[1] += 1;
            units += 1;
        }
        digits[0] += 1;
        tens += 1;
    }
    pairs
};

/// Appends `value` in decimal.
#[inline]
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    let mut text = Decimal::new();
    let from = text.put(value.unsigned_abs());
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&text.digits[from..]);
}

/// Appends a line of `kind`, a count and CR LF: `*3\r\n`.
#[inline]
pub(crate) fn write_header(out: &mut Vec<u8>, kind: u8, count: usize) {
    if count < 10 {
        let [_, units] = PAIRS[count];
        out.extend_from_slice(&[kind, units, b'\r', b'\n']);
    } else if count < 100 {
        let [tens, units] = PAIRS[count];
        out.extend_from_slice(&[kind, tens, units, b'\r', b'\n']);
    } else {
        let mut text = Decimal::new();
        let from = text.put(count as u64);
        out.push(kind);
        out.extend_from_slice(&text.digits[from..]);
        out.extend_from_slice(b"\r\n");
    }
}

/// How many digits `count` has.
pub(crate) fn decimal_digits(count: usize) -> usize {
    count.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Room for the digits of any `u64`, filled from the end.
struct Decimal {
    digits: [u8; 20],
}

impl Decimal {
    fn new() -> Self {
        Self { digits: [0; 20] }
    }

    /// Writes `value` and answers the index of its first digit.
    #[inline]
    fn put(&mut self, mut value: u64) -> usize {
        let mut at = self.digits.len();
        while value >= 100 {
            at -= 2;
            self.digits[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
            value /= 100;
        }
        let [tens, units] = PAIRS[(value % 100) as usize];
        at -= 1;
        self.digits[at] = units;
        if value >= 10 {
            at -= 1;
            self.digits[at] = tens;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_decimals_are_numbers() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-0",
            "00",
            " 1",
            "1 ",
            "1x",
            "-01",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert_eq!(parse_int(text.as_bytes()), None, "{text:?}");
        }
        for number in [0, 1, -1, 10, 99, 100, i64::MAX, i64::MIN] {
            assert_eq!(parse_int(number.to_string().as_bytes()), Some(number));
        }
        assert_eq!(parse_int(b"-9223372036854775809"), None);
    }

    #[test]
    fn every_power_of_ten_and_its_neighbours_are_written_right() {
        for power in 0..19 {
            let value = 10_i64.pow(power);
            for number in [value - 1, value, value + 1, -value] {
                let mut out = Vec::new();
                write_int(&mut out, number);
                assert_eq!(out, number.to_string().as_bytes());
            }
            let count = usize::try_from(value).unwrap();
            let mut out = Vec::new();
            write_header(&mut out, b'*', count);
            assert_eq!(out, format!("*{count}\r\n").as_bytes());
            assert_eq!(decimal_digits(count), count.to_string().len());
        }
        assert_eq!(decimal_digits(0), 1);
    }

    proptest! {
        #[test]
        fn a_written_number_reads_back(value: i64) {
            let mut out = Vec::new();
            write_int(&mut out, value);
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), value.to_string());
            prop_assert_eq!(parse_int(&out), Some(value));
        }
    }
}
