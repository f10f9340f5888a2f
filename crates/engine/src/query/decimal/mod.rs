//! Exact decimals: what PostgreSQL's `numeric` computes, digit for digit.
//!
//! A decimal is an integer and how many of its digits stand behind the point. Sums, products and quotients have as many digits
//! behind it as `numeric` gives them (`select_div_scale` in PostgreSQL's numeric.c for quotients), ties are rounded away from
//! zero. What must hold: who computes keeps within `WHOLE_DIGITS_MAX` and `SCALE_MAX`; see `arithmetic` for how a clause
//! is kept within them. Numbers that are only compared may be of any size.

pub(super) mod natural;

use crate::value::json::Number;
use natural::Natural;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Digits before the point, and behind it, of a number that is computed with.
pub(super) const OPERAND_DIGITS_MAX: usize = 1_000;

/// An integer of more digits is beyond all bounds of integers.
const ROUNDED_DIGITS_MAX: usize = 30;

/// Digits that `numeric` shows at least of a quotient, and behind the point at most.
const QUOTIENT_DIGITS_MIN: i64 = 16;
const QUOTIENT_SCALE_MAX: i64 = 1_000;
/// `numeric` has its digits in groups of four.
const GROUP: i64 = 4;

/// A decimal number.
#[derive(Clone, Debug)]
pub(super) enum Decimal {
    /// The usual case.
    Small { mantissa: i128, scale: u16 },
    /// A number of more digits.
    Large { negative: bool, mantissa: Natural, scale: u16 },
}

/// A number to compare: of a record, or computed.
#[derive(Clone, Debug)]
pub(super) enum Num<'a> {
    Json(Number<'a>),
    Own(Cow<'a, Decimal>),
}

/// The digits of a number, without zeros at either end, and the power of ten of the last.
struct Digits<'a> {
    negative: bool,
    digits: Cow<'a, [u8]>,
    exponent: i64,
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self::Small { mantissa: i128::from(value), scale: 0 }
    }
}

impl Decimal {
    /// The number of these digits, of which `scale` stand behind the point.
    pub(super) fn of_digits(negative: bool, digits: &[u8], scale: u16) -> Self {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let digits = &digits[zeros..];
        if digits.len() <= 36 {
            let size = digits.iter().fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
            return Self::Small { mantissa: if negative { -size } else { size }, scale };
        }
        Self::Large { negative, mantissa: Natural::from_digits(digits), scale }
    }

    /// A number of a record, to compute with; none if it has more than [`OPERAND_DIGITS_MAX`] digits on either side.
    pub(super) fn operand(number: &Num<'_>) -> Option<Self> {
        let number = match number {
            Num::Own(decimal) => return Some(decimal.clone().into_owned()),
            Num::Json(number) => *number,
        };
        match number {
            Number::Int(value) => Some(Self::from(value)),
            Number::Decimal { mantissa, scale } => {
                Some(Self::Small { mantissa: i128::from(mantissa), scale: u16::from(scale) })
            }
            Number::Large { negative, digits, exponent, scale } => {
                let whole = digits.len().checked_add_signed(isize::try_from(exponent).ok()?).unwrap_or(0);
                if whole > OPERAND_DIGITS_MAX || usize::from(scale) > OPERAND_DIGITS_MAX {
                    return None;
                }
                let zeros = usize::try_from(exponent + i32::from(scale)).ok()?;
                let mut digits = digits.to_vec();
                digits.resize(digits.len() + zeros, b'0');
                Some(Self::of_digits(negative, &digits, scale))
            }
        }
    }

    /// How many digits stand behind the point.
    pub(super) const fn scale(&self) -> u16 {
        match self {
            Self::Small { scale, .. } | Self::Large { scale, .. } => *scale,
        }
    }

    /// How many digits stand before the point.
    pub(super) fn whole_digits(&self) -> usize {
        let number = Num::Own(Cow::Borrowed(self));
        let digits = number.digits();
        usize::try_from(digits.lead() + 1).unwrap_or(0)
    }

    fn parts(&self) -> (bool, Natural) {
        match self {
            Self::Small { mantissa, .. } => {
                let digits = mantissa.unsigned_abs().to_string();
                (*mantissa < 0, Natural::from_digits(digits.as_bytes()))
            }
            Self::Large { negative, mantissa, .. } => (*negative, mantissa.clone()),
        }
    }

    fn of_parts(negative: bool, mantissa: &Natural, scale: u16) -> Self {
        Self::of_digits(negative, &mantissa.digits(), scale)
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Small { mantissa, scale } => Self::Small { mantissa: -mantissa, scale },
            Self::Large { negative, mantissa, scale } => Self::Large { negative: !negative, mantissa, scale },
        }
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let scale = self.scale().max(other.scale());
        if let (Some(one), Some(two)) = (self.small_at(scale), other.small_at(scale))
            && let Some(mantissa) = one.checked_add(two).filter(|sum| is_small(*sum))
        {
            return Self::Small { mantissa, scale };
        }
        let ((sign_one, one), (sign_two, two)) = (self.parts(), other.parts());
        let one = one.times_ten_to(usize::from(scale - self.scale()));
        let two = two.times_ten_to(usize::from(scale - other.scale()));
        if sign_one == sign_two {
            return Self::of_parts(sign_one, &one.add(&two), scale);
        }
        match one.cmp(&two) {
            Ordering::Less => Self::of_parts(sign_two, &two.less(&one), scale),
            _ => Self::of_parts(sign_one, &one.less(&two), scale),
        }
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        let scale = self.scale().saturating_add(other.scale());
        if let (Self::Small { mantissa: one, .. }, Self::Small { mantissa: two, .. }) = (self, other)
            && let Some(mantissa) = one.checked_mul(*two).filter(|product| is_small(*product))
        {
            return Self::Small { mantissa, scale };
        }
        let ((sign_one, one), (sign_two, two)) = (self.parts(), other.parts());
        Self::of_parts(sign_one != sign_two, &one.times(&two), scale)
    }

    /// The quotient of two numbers, rounded; none for a divisor of zero.
    pub(super) fn divided_by(&self, divisor: &Self) -> Option<Self> {
        let scale = quotient_scale(self, divisor);
        let (quotient, rest, divisor, negative) = self.quotient(divisor, scale)?;
        let is_up = rest.add(&rest).cmp(&divisor) != Ordering::Less;
        let quotient = if is_up { quotient.add(&Natural::from_digits(b"1")) } else { quotient };
        Some(Self::of_parts(negative, &quotient, scale))
    }

    /// The quotient of two integers, without what is behind the point.
    pub(super) fn divided_whole(&self, divisor: &Self) -> Option<Self> {
        if let (Self::Small { mantissa: one, scale: 0 }, Self::Small { mantissa: two, scale: 0 }) =
            (self, divisor)
        {
            return Some(Self::Small { mantissa: one.checked_div(*two)?, scale: 0 });
        }
        let (quotient, _, _, negative) = self.quotient(divisor, 0)?;
        Some(Self::of_parts(negative, &quotient, 0))
    }

    fn quotient(&self, divisor: &Self, scale: u16) -> Option<(Natural, Natural, Natural, bool)> {
        let ((sign_one, one), (sign_two, two)) = (self.parts(), divisor.parts());
        if two.is_zero() {
            return None;
        }
        let shift = i64::from(scale) + i64::from(divisor.scale()) - i64::from(self.scale());
        let size = usize::try_from(shift.unsigned_abs()).ok()?;
        let (one, two) =
            if shift >= 0 { (one.times_ten_to(size), two) } else { (one, two.times_ten_to(size)) };
        let (quotient, rest) = one.divided_by(&two);
        Some((quotient, rest, two, sign_one != sign_two))
    }

    /// It as an index.
    pub(super) fn to_i32(&self) -> Option<i32> {
        match self {
            Self::Small { mantissa, scale: 0 } => i32::try_from(*mantissa).ok(),
            _ => None,
        }
    }

    /// It with this many digits behind the point, which are not fewer, if that is small.
    fn small_at(&self, scale: u16) -> Option<i128> {
        let Self::Small { mantissa, scale: own } = self else { return None };
        mantissa.checked_mul(power_of_ten(u32::from(scale.checked_sub(*own)?))?)
    }

    /// Its text.
    pub(super) fn print(&self, out: &mut Vec<u8>) {
        let (negative, mantissa) = self.parts();
        let (mut digits, scale) = (mantissa.digits(), usize::from(self.scale()));
        if negative && !digits.is_empty() {
            out.push(b'-');
        }
        if digits.len() <= scale {
            digits.splice(0..0, std::iter::repeat_n(b'0', scale + 1 - digits.len()));
        }
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole);
        if scale > 0 {
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    }
}

fn is_small(mantissa: i128) -> bool {
    mantissa.unsigned_abs() < 10_u128.pow(36)
}

fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// As PostgreSQL chooses it: sixteen digits that count, as far as the groups of digits tell, and no fewer than either has.
fn quotient_scale(one: &Decimal, two: &Decimal) -> u16 {
    let ((weight_one, first_one), (weight_two, first_two)) = (group(one), group(two));
    let weight = weight_one - weight_two - i64::from(first_one <= first_two);
    let scale = (QUOTIENT_DIGITS_MIN - weight * GROUP)
        .max(i64::from(one.scale()))
        .max(i64::from(two.scale()))
        .clamp(0, QUOTIENT_SCALE_MAX);
    u16::try_from(scale).unwrap_or(0)
}

/// The power of 10,000 that the first group of digits counts, and that group.
fn group(number: &Decimal) -> (i64, u32) {
    let number = Num::Own(Cow::Borrowed(number));
    let digits = number.digits();
    if digits.digits.is_empty() {
        return (0, 0);
    }
    let weight = digits.lead().div_euclid(GROUP);
    let count = usize::try_from(digits.lead().rem_euclid(GROUP) + 1).unwrap_or(1);
    let at = |index: usize| u32::from(digits.digits.get(index).map_or(0, |digit| digit - b'0'));
    (weight, (0..count).fold(0, |sum, index| sum * 10 + at(index)))
}

impl Digits<'_> {
    /// The power of ten of the first digit.
    fn lead(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX) + self.exponent - 1
    }
}

impl Num<'_> {
    /// Mantissa and scale, if it is small.
    fn small(&self) -> Option<(i128, u16)> {
        match self {
            Self::Json(Number::Int(value)) => Some((i128::from(*value), 0)),
            Self::Json(Number::Decimal { mantissa, scale }) => {
                Some((i128::from(*mantissa), u16::from(*scale)))
            }
            Self::Json(Number::Large { .. }) => None,
            Self::Own(decimal) => match **decimal {
                Decimal::Small { mantissa, scale } => Some((mantissa, scale)),
                Decimal::Large { .. } => None,
            },
        }
    }

    fn digits(&self) -> Digits<'_> {
        let (negative, digits, exponent) = match self {
            Self::Json(Number::Large { negative, digits, exponent, .. }) => {
                (*negative, Cow::Borrowed(*digits), i64::from(*exponent))
            }
            Self::Own(own) if matches!(**own, Decimal::Large { .. }) => {
                let (negative, mantissa) = own.parts();
                (negative, Cow::Owned(mantissa.digits()), -i64::from(own.scale()))
            }
            _ => {
                let (mantissa, scale) = self.small().unwrap_or((0, 0));
                let digits = if mantissa == 0 { String::new() } else { mantissa.unsigned_abs().to_string() };
                (mantissa < 0, Cow::Owned(digits.into_bytes()), -i64::from(scale))
            }
        };
        let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
        let kept = digits.len() - zeros;
        let digits = match digits {
            Cow::Borrowed(digits) => Cow::Borrowed(&digits[..kept]),
            Cow::Owned(mut digits) => {
                digits.truncate(kept);
                Cow::Owned(digits)
            }
        };
        Digits { negative, digits, exponent: exponent + i64::try_from(zeros).unwrap_or(0) }
    }

    /// Appends bytes that all numbers have which are worth the same, and no others: the sign, the power of ten of the last digit that is
    /// not 0, and the digits up to it.
    pub(super) fn write_worth(&self, out: &mut Vec<u8>) {
        let Digits { negative, digits, exponent } = self.digits();
        if digits.is_empty() {
            return out.push(0);
        }
        out.push(if negative { 1 } else { 2 });
        out.extend((digits.len() as u64).to_be_bytes());
        out.extend(exponent.to_be_bytes());
        out.extend_from_slice(&digits);
    }

    /// The order of values: `1.0` is `1`.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        if let (Some((one, scale_one)), Some((two, scale_two))) = (self.small(), other.small()) {
            if scale_one == scale_two {
                return one.cmp(&two);
            }
            let scale = scale_one.max(scale_two);
            let scaled = |mantissa: i128, own: u16| {
                power_of_ten(u32::from(scale - own)).and_then(|power| mantissa.checked_mul(power))
            };
            if let (Some(one), Some(two)) = (scaled(one, scale_one), scaled(two, scale_two)) {
                return one.cmp(&two);
            }
        }
        let (one, two) = (self.digits(), other.digits());
        let sign = |digits: &Digits<'_>| match (digits.digits.is_empty(), digits.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        match (sign(&one), sign(&two)) {
            (1, 1) => size_order(&one, &two),
            (-1, -1) => size_order(&two, &one),
            (one, two) => one.cmp(&two),
        }
    }

    /// The nearest integer, ties away from zero; none if it is far beyond any bound.
    pub(super) fn rounded(&self) -> Option<Decimal> {
        if let Some((mantissa, 0)) = self.small() {
            return Some(Decimal::Small { mantissa, scale: 0 });
        }
        let digits = self.digits();
        let whole = usize::try_from(digits.lead() + 1).unwrap_or(0);
        if digits.digits.is_empty() || digits.lead() < -1 {
            return Some(Decimal::from(0));
        }
        if whole > ROUNDED_DIGITS_MAX {
            return None;
        }
        let at = |index: usize| i128::from(digits.digits.get(index).map_or(0, |digit| digit - b'0'));
        let size = (0..whole).fold(0, |sum, index| sum * 10 + at(index)) + i128::from(at(whole) >= 5);
        Some(Decimal::Small { mantissa: if digits.negative { -size } else { size }, scale: 0 })
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits().digits.is_empty()
    }

    /// It on its own, if it is not too long to compute with.
    pub(super) fn into_decimal(self) -> Option<Decimal> {
        Decimal::operand(&self)
    }

    /// Appends its text.
    pub(super) fn print(&self, out: &mut Vec<u8>) {
        match self {
            Self::Json(number) => number.print(out),
            Self::Own(decimal) => decimal.print(out),
        }
    }

    /// The nearest double, or the nearest single as one, of a number within these bounds; none outside of them.
    pub(super) fn float(&self, single: bool) -> Option<f64> {
        let digits = self.digits();
        if digits.digits.is_empty() {
            return Some(0.0);
        }
        // Powers of ten between which neither underflow nor overflow is near, whatever the digits.
        let within = if single { -37..38 } else { -307..308 };
        if !within.contains(&digits.lead()) && !is_power(&digits, within.end) {
            return None;
        }
        let sign = if digits.negative { "-" } else { "" };
        let text = format!("{sign}{}e{}", String::from_utf8_lossy(&digits.digits), digits.exponent);
        if single { text.parse::<f32>().ok().map(f64::from) } else { text.parse().ok() }
    }
}

/// Whether it is this power of ten.
fn is_power(digits: &Digits<'_>, exponent: i64) -> bool {
    digits.lead() == exponent && *digits.digits == *b"1"
}

fn size_order(one: &Digits<'_>, two: &Digits<'_>) -> Ordering {
    one.lead().cmp(&two.lead()).then_with(|| one.digits.cmp(&two.digits))
}
