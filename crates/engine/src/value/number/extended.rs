//! Floats with a mantissa of 64 bits: the arithmetic of INCRBYFLOAT and HINCRBYFLOAT.
//!
//! Valkey reads, adds and prints these as the 80-bit `long double` of x86-64: rounded to nearest even at 64 bits, shown
//! with 17 digits after the point, trailing zeros cut. What clients see depends on all of it (12345.678 + 0.001 has more
//! digits there than a double would show), so it is done here in integers, for every text and every platform alike.
//!
//! What must hold: the top bit of a mantissa is set, unless the number is zero or as small as the format goes.
//! Left out: every operation that those two commands do not need.

use super::natural::Natural;

/// A float as `mantissa * 2^exponent`; never a NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

/// The exponents of the smallest and the largest numbers of the format, for a mantissa that is an integer.
const EXPONENT_MIN: i32 = -16_445;
const EXPONENT_MAX: i32 = 16_320;
/// Stands for infinity.
const EXPONENT_INFINITE: i32 = i32::MAX;

/// Longer texts are not numbers.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
/// Digits after the point that are shown.
const FRACTION_DIGITS: usize = 17;
const FRACTION_SCALE: u128 = 10u128.pow(17);

impl Extended {
    const ZERO: Self = Self { negative: false, mantissa: 0, exponent: 0 };
    const INFINITE: Self = Self { negative: false, mantissa: 1 << 63, exponent: EXPONENT_INFINITE };

    /// Reads what C's `strtold` reads, if it is all of `text`: decimal or `0x` hexadecimal, with an exponent or not,
    /// `inf` and `infinity` in any case. No spaces, no NaN, nothing that overflows or that vanishes.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, magnitude) = match text {
            [b'-', magnitude @ ..] => (true, magnitude),
            [b'+', magnitude @ ..] => (false, magnitude),
            magnitude => (false, magnitude),
        };
        let number = match magnitude {
            [b'0', b'x' | b'X', hexadecimal @ ..] => parse_hexadecimal(hexadecimal)?,
            _ if magnitude.eq_ignore_ascii_case(b"inf") || magnitude.eq_ignore_ascii_case(b"infinity") => {
                Self::INFINITE
            }
            _ => parse_decimal(magnitude)?,
        };
        Some(Self { negative, ..number })
    }

    /// Whether this is not an infinity.
    #[must_use]
    pub fn is_finite(self) -> bool {
        self.exponent != EXPONENT_INFINITE
    }

    /// The sum, if it is finite.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if !self.is_finite() || !other.is_finite() {
            return None;
        }
        if self.mantissa == 0 {
            return Some(other);
        }
        if other.mantissa == 0 {
            return Some(self);
        }
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let distance = high.exponent.abs_diff(low.exponent);
        let large = u128::from(high.mantissa) << 62;
        let whole = u128::from(low.mantissa) << 62;
        let small = whole.checked_shr(distance).unwrap_or(0);
        let lost = distance >= 128 || small << distance != whole;
        let exponent = high.exponent - 62;
        if high.negative == low.negative {
            return round(high.negative, large + small, exponent, lost);
        }
        if large < small {
            return round(low.negative, small - large, exponent, false);
        }
        let difference = large - small - u128::from(lost);
        round(high.negative && difference > 0, difference, exponent, lost)
    }

    /// The nearest double; the only use is where no digit past the fifteenth counts, such as a timeout.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rounding to the nearest double is what is asked for")]
    pub fn to_f64(self) -> f64 {
        let magnitude = if self.is_finite() {
            let half = self.exponent / 2;
            self.mantissa as f64 * 2f64.powi(half) * 2f64.powi(self.exponent - half)
        } else {
            f64::INFINITY
        };
        if self.negative { -magnitude } else { magnitude }
    }
}

/// As the commands reply and store it: at most 17 digits after the point, no exponent, no trailing zeros, no `-0`.
impl std::fmt::Display for Extended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        if !self.is_finite() {
            return write!(f, "{sign}inf");
        }
        if self.exponent >= 0 && self.mantissa > 0 {
            let mut whole = Natural::from(self.mantissa);
            whole.shift_left(self.exponent.unsigned_abs());
            return write!(f, "{sign}{}", whole.into_decimal());
        }
        let shift = self.exponent.unsigned_abs();
        let (scaled, _) = shift_right_to_even(u128::from(self.mantissa) * FRACTION_SCALE, shift, false);
        if scaled == 0 {
            return f.write_str("0");
        }
        let (whole, fraction) = (scaled / FRACTION_SCALE, scaled % FRACTION_SCALE);
        write!(f, "{sign}{whole}")?;
        if fraction > 0 {
            let digits = format!("{fraction:0FRACTION_DIGITS$}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

/// `wide / 2^shift` rounded to nearest, ties to even; `more` says that the true value lies a little above `wide`.
/// Also gives whether anything was rounded away.
fn shift_right_to_even(wide: u128, shift: u32, more: bool) -> (u128, bool) {
    if shift == 0 {
        return (wide, more);
    }
    if shift > 128 {
        return (0, wide > 0 || more);
    }
    let kept = wide.checked_shr(shift).unwrap_or(0);
    let cut = wide << (128 - shift);
    let half = 1u128 << 127;
    let up = cut > half || (cut == half && (more || kept & 1 == 1));
    (kept + u128::from(up), cut > 0 || more)
}

/// The number nearest to `wide * 2^exponent`, with `more` as above (then `wide` has at least 65 bits); none if it
/// overflows.
fn round(negative: bool, wide: u128, exponent: i32, more: bool) -> Option<Extended> {
    if wide == 0 {
        return Some(Extended { negative, ..Extended::ZERO });
    }
    let bits = 128 - wide.leading_zeros().cast_signed();
    let shift = (bits - 64).max(EXPONENT_MIN - exponent);
    let mut exponent = exponent + shift;
    let mantissa = match u32::try_from(shift) {
        Ok(shift) => shift_right_to_even(wide, shift, more).0,
        Err(_) => wide << shift.unsigned_abs(),
    };
    let mantissa = u64::try_from(mantissa).unwrap_or_else(|_| {
        // Rounding up carried into a 65th bit.
        exponent += 1;
        1 << 63
    });
    (exponent <= EXPONENT_MAX).then_some(Extended { negative, mantissa, exponent })
}

/// Digits around a point, and what follows them.
struct Digits {
    /// The digits without the point, leading zeros cut.
    digits: Vec<u8>,
    /// How many of them stood behind the point.
    fraction: usize,
    exponent: i64,
}

/// Reads digits with at most one point, then an exponent behind the letter `mark`, to the end of the text.
fn read_digits(text: &[u8], is_digit: fn(&u8) -> bool, mark: u8) -> Option<Digits> {
    let run = |text: &[u8]| text.iter().take_while(|&byte| is_digit(byte)).count();
    let (whole, mut rest) = text.split_at(run(text));
    let mut digits = whole.to_vec();
    let mut fraction = 0;
    if let [b'.', behind @ ..] = rest {
        fraction = run(behind);
        digits.extend_from_slice(&behind[..fraction]);
        rest = &behind[fraction..];
    }
    if digits.is_empty() {
        return None;
    }
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.drain(..zeros);
    let exponent = match rest {
        [] => 0,
        [letter, exponent @ ..] if letter.eq_ignore_ascii_case(&mark) => parse_exponent(exponent)?,
        _ => return None,
    };
    Some(Digits { digits, fraction, exponent })
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0, |n: i64, digit| (n * 10 + i64::from(digit - b'0')).min(1 << 40));
    Some(if negative { -magnitude } else { magnitude })
}

/// Powers of five that fit into 63 bits.
const FIVES_MAX: i32 = 27;

fn parse_decimal(text: &[u8]) -> Option<Extended> {
    let Digits { digits, fraction, exponent } = read_digits(text, u8::is_ascii_digit, b'e')?;
    if digits.is_empty() {
        return Some(Extended::ZERO);
    }
    let exponent = exponent - i64::try_from(fraction).ok()?;
    let magnitude = i64::try_from(digits.len()).ok()? + exponent;
    if !(-5000..=5000).contains(&magnitude) {
        return None;
    }
    let exponent = i32::try_from(exponent).ok()?;
    let number = match exponent {
        _ if (-FIVES_MAX..=0).contains(&exponent) && digits.len() <= 19 => {
            let digits = digits.iter().fold(0, |n, digit| n * 10 + u128::from(digit - b'0'));
            divide_by_ten_to(digits, exponent.unsigned_abs())
        }
        0..=i32::MAX => {
            let mut whole = Natural::from_digits(&digits);
            whole.multiply_by_power_of_ten(exponent.unsigned_abs());
            let (top, below, more) = whole.top();
            round(false, top, below.cast_signed(), more)
        }
        _ => {
            let mut dividend = Natural::from_digits(&digits);
            let divisor = Natural::power_of_ten(exponent.unsigned_abs());
            let shift = (divisor.bits() + 66).saturating_sub(dividend.bits());
            dividend.shift_left(shift);
            if dividend.bits() > divisor.bits() + 120 {
                divide_long(dividend, divisor)
            } else {
                let (quotient, more) = dividend.divide(divisor);
                round(false, quotient, -shift.cast_signed(), more)
            }
        }
    };
    number.filter(|number| number.mantissa > 0)
}

/// A dividend so long that the quotient would not fit: the divisor is made longer too.
fn divide_long(dividend: Natural, mut divisor: Natural) -> Option<Extended> {
    let shift = dividend.bits() - divisor.bits() - 66;
    divisor.shift_left(shift);
    let (quotient, more) = dividend.divide(divisor);
    round(false, quotient, shift.cast_signed(), more)
}

/// `digits / 10^exponent`, where both the digits and the power of five have at most 64 bits.
fn divide_by_ten_to(digits: u128, exponent: u32) -> Option<Extended> {
    debug_assert!(exponent <= FIVES_MAX.unsigned_abs());
    let fives = 5u128.pow(exponent);
    let shift = digits.leading_zeros();
    let dividend = digits << shift;
    let scale = -(shift + exponent).cast_signed();
    round(false, dividend / fives, scale, !dividend.is_multiple_of(fives))
}

fn parse_hexadecimal(text: &[u8]) -> Option<Extended> {
    let Digits { digits, fraction, exponent } = read_digits(text, u8::is_ascii_hexdigit, b'p')?;
    if digits.is_empty() {
        return Some(Extended::ZERO);
    }
    let (top, below) = digits.split_at(digits.len().min(31));
    let top = top.iter().fold(0, |n: u128, &digit| {
        let value = char::from(digit).to_digit(16).unwrap_or(0);
        (n << 4) | u128::from(value)
    });
    let more = below.iter().any(|&digit| digit != b'0');
    let places = i64::try_from(below.len()).ok()? - i64::try_from(fraction).ok()?;
    let exponent = i32::try_from((exponent + 4 * places).clamp(-100_000, 100_000)).ok()?;
    round(false, top, exponent, more).filter(|number| number.mantissa > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        let [a, b] = [a, b].map(|text| Extended::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}")));
        a.checked_add(b).map(|sum| sum.to_string())
    }

    #[test]
    fn sums_show_the_digits_of_an_80_bit_float() {
        for (a, b, expected) in [
            ("3", "1.1", "4.1"),
            ("0.1", "0.2", "0.3"),
            ("5.0e3", "2.0e2", "5200"),
            ("10.5", "-10.5", "0"),
            ("-0", "-0", "0"),
            ("-1e-18", "0", "0"),
            ("0x10", "1", "17"),
            ("0X1.8P+1", "1", "4"),
            (".5", "5.", "5.5"),
            ("1e-4940", "1", "1"),
        ] {
            assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
        }
    }

    #[test]
    fn a_sum_that_is_not_finite_is_none() {
        for (a, b) in [("inf", "1"), ("1", "-Infinity"), ("inf", "-inf"), ("1.18e4932", "1.18e4932")] {
            assert_eq!(sum(a, b), None, "{a} + {b}");
        }
    }

    #[test]
    fn texts_that_are_no_numbers_are_refused() {
        let long = "0.".to_owned() + &"1".repeat(TEXT_BYTES_MAX);
        for text in [
            "",
            "-",
            ".",
            "nan",
            "nan(1)",
            " 1",
            "1 ",
            "\t1",
            "1e",
            "1e+",
            "1_0",
            "0x",
            "0x.",
            "0x1p",
            "0x-1",
            "--1",
            "1d",
            "infi",
            "1\0",
            "1e5000",
            "1e-5000",
            "1e99999999999999999999",
            "0x1p99999",
            "0x1p-99999",
            &long,
        ] {
            assert_eq!(Extended::parse(text.as_bytes()), None, "{text}");
        }
        assert!(Extended::parse(&long.as_bytes()[..TEXT_BYTES_MAX]).is_some());
    }

    #[test]
    fn rounding_is_to_the_nearest_and_ties_are_to_even() {
        // Two to the 64th and one more lies half way between two numbers of the format.
        assert_eq!(sum("18446744073709551616", "1").as_deref(), Some("18446744073709551616"));
        assert_eq!(sum("18446744073709551618", "1").as_deref(), Some("18446744073709551620"));
        assert_eq!(
            sum("18446744073709551617.0000000000000000000000001", "0").as_deref(),
            Some("18446744073709551618")
        );
        assert_eq!(sum("18446744073709551617", "0").as_deref(), Some("18446744073709551616"));
        assert_eq!(sum("0x10000000000000001", "0x0.1p-200").as_deref(), Some("18446744073709551616"));
    }

    #[test]
    fn bits_that_are_lost_still_decide_a_tie() {
        for (a, b, expected) in [
            ("9223372036854775810", "0.5", "9223372036854775810"),
            ("9223372036854775810", "0x0.8000000000000001", "9223372036854775811"),
            ("9223372036854775810", "-0.5", "9223372036854775810"),
            ("9223372036854775810", "-0x0.8000000000000001", "9223372036854775809"),
        ] {
            assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
        }
    }

    #[test]
    fn long_texts_and_short_ones_of_the_same_number_are_equal() {
        let short = Extended::parse(b"123456.789").unwrap();
        let zeros = "0".repeat(3000);
        for text in
            [format!("123456.789{zeros}"), format!("{zeros}123456.789"), format!("123456789{zeros}e-3003")]
        {
            assert_eq!(Extended::parse(text.as_bytes()), Some(short), "{text}");
        }
        assert_eq!(short.to_f64().to_bits(), 123_456.789f64.to_bits());
    }
}
