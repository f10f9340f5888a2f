//! Doubles to text: the shortest digits that read back as the same number, laid out as Redis lays them out.
//!
//! Whole numbers up to 2^62 are written in full. Others take a plain form while it adds few zeros, else an exponent:
//! the rules of the `fpconv` library, which Redis and Valkey use. That library misses the shortest digits of some
//! doubles (1e23 becomes 99999999999999990000000) and breaks a tie between two shortest ones downwards, where ours goes
//! up (2^-3 behind 15 digits); there the text differs and the number does not.

use std::io::Write;

use crate::number::write_int;

/// 2^62, to which whole doubles are written as integers.
const WHOLE_MAX: f64 = 4_611_686_018_427_387_904.0;

/// Appends `value`; `inf`, `-inf`, `nan` and `-0` are spelled so.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let value = value.abs();
    if value.is_infinite() {
        out.extend_from_slice(b"inf");
    } else if value <= WHOLE_MAX && value.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within 2^62 is an i64")]
        write_int(out, value as i64);
    } else {
        write_shortest(out, value);
    }
}

/// Digits and a decimal exponent from the standard library (`1.2345e-7`), laid out anew. `value` is finite and positive.
fn write_shortest(out: &mut Vec<u8>, value: f64) {
    let mut room = [0_u8; 32];
    let mut rest = &mut room[..];
    write!(rest, "{value:e}").expect("17 digits, a point and an exponent fit in 32 bytes");
    let used = 32 - rest.len();
    let mark = room[..used].iter().position(|&byte| byte == b'e').expect("{:e} writes an e");
    let exponent: i32 = std::str::from_utf8(&room[mark + 1..used])
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("{:e} writes a small integer behind the e");
    if mark > 1 {
        // Over the point, so that the digits stand together.
        room.copy_within(2..mark, 1);
    }
    layout(out, &room[..mark - usize::from(mark > 1)], exponent);
}

/// Writes `digits`, of which the first stands for `10^exponent`.
fn layout(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    let size = exponent.unsigned_abs() as usize;
    // The power of ten of the last digit; there are at most 17.
    let last = exponent - i32::try_from(digits.len() - 1).unwrap_or(0);
    if last >= 0 && size < digits.len() + 7 {
        out.extend_from_slice(digits);
        zeros(out, size + 1 - digits.len());
    } else if last < 0 && (last > -7 || size < 4) {
        if exponent < 0 {
            out.extend_from_slice(b"0.");
            zeros(out, size - 1);
            out.extend_from_slice(digits);
        } else {
            let (whole, fraction) = digits.split_at(size + 1);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    } else {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        write_int(out, i64::from(exponent.unsigned_abs()));
    }
}

fn zeros(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, b'0');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        write_double(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_read_as_valkey_writes_them() {
        let answers_of_valkey = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (3.25, "3.25"),
            (1e17, "100000000000000000"),
            (4_611_686_018_427_387_904.0, "4611686018427387904"),
            (4_611_686_018_427_388_928.0, "4611686018427389000"),
            (-4_611_686_018_427_388_928.0, "-4611686018427389000"),
            (4.7e18, "4.7e+18"),
            (1e20, "1e+20"),
            (123_456_789_012_345_678_901.0, "123456789012345680000"),
            (1.5e300, "1.5e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (1e-4, "0.0001"),
            (1e-5, "0.00001"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-6, "1.5e-6"),
            (12e-6, "0.000012"),
            (0.00001234, "1.234e-5"),
            (1.234e-10, "1.234e-10"),
            (0.1234567, "0.1234567"),
            (0.30000000000000004, "0.30000000000000004"),
            (100_000.5, "100000.5"),
            (12_345_678.9, "12345678.9"),
            (6.022_140_76e23, "6.02214076e+23"),
            (1.234_567_890_123_456_7e25, "1.2345678901234566e+25"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
        ];
        for (value, expected) in answers_of_valkey {
            assert_eq!(text(value), expected);
        }
    }

    proptest! {
        #[test]
        fn a_written_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            prop_assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), bits);
        }

        #[test]
        fn a_double_of_everyday_size_reads_back(value in -1e6..1e6_f64) {
            prop_assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}
