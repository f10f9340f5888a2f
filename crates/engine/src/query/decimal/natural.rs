//! Natural numbers of any size in words of nine decimal digits, lowest first, without a zero word at the top.
//!
//! Division is Knuth's algorithm D (The Art of Computer Programming, 4.3.1). How large numbers may become is the caller's.

use std::cmp::Ordering;

const BASE: u64 = 1_000_000_000;
const WORD_DIGITS: usize = 9;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::query) struct Natural(Vec<u32>);

/// A number below the base.
fn word(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

impl Natural {
    pub(in crate::query) fn from_digits(digits: &[u8]) -> Self {
        let words = digits.rchunks(WORD_DIGITS);
        Self(
            words
                .map(|chunk| chunk.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
                .collect(),
        )
        .trimmed()
    }

    /// Its digits, none for zero.
    pub(in crate::query) fn digits(&self) -> Vec<u8> {
        let mut text = String::new();
        for (at, word) in self.0.iter().rev().enumerate() {
            text.push_str(&if at == 0 { word.to_string() } else { format!("{word:09}") });
        }
        text.into_bytes()
    }

    pub(in crate::query) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    pub(in crate::query) fn add(&self, other: &Self) -> Self {
        let mut carry = 0;
        let words = (0..self.0.len().max(other.0.len()) + 1).map(|at| {
            let sum = u64::from(self.at(at)) + u64::from(other.at(at)) + carry;
            carry = sum / BASE;
            word(sum % BASE)
        });
        Self(words.collect()).trimmed()
    }

    /// The difference to a number that is not larger.
    pub(in crate::query) fn less(&self, other: &Self) -> Self {
        let mut borrow = 0;
        let words = (0..self.0.len()).map(|at| {
            let take = u64::from(other.at(at)) + borrow;
            let have = u64::from(self.at(at));
            borrow = u64::from(have < take);
            word(have + borrow * BASE - take)
        });
        Self(words.collect()).trimmed()
    }

    pub(in crate::query) fn times(&self, other: &Self) -> Self {
        let mut words = vec![0; self.0.len() + other.0.len()];
        for (low, &one) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (at, &two) in other.0.iter().enumerate() {
                let sum = u64::from(words[low + at]) + u64::from(one) * u64::from(two) + carry;
                words[low + at] = word(sum % BASE);
                carry = sum / BASE;
            }
            words[low + other.0.len()] = word(carry);
        }
        Self(words).trimmed()
    }

    pub(in crate::query) fn times_ten_to(&self, exponent: usize) -> Self {
        if self.is_zero() {
            return Self::default();
        }
        let power = 10_u32.pow(u32::try_from(exponent % WORD_DIGITS).unwrap_or(0));
        let mut words = vec![0; exponent / WORD_DIGITS];
        words.extend(self.times(&Self(vec![power])).0);
        Self(words)
    }

    /// Quotient and remainder. The divisor is not zero.
    pub(in crate::query) fn divided_by(&self, divisor: &Self) -> (Self, Self) {
        match divisor.0.as_slice() {
            [] => (Self::default(), Self::default()),
            _ if self.cmp(divisor) == Ordering::Less => (Self::default(), self.clone()),
            &[short] => self.divided_by_word(short),
            _ => self.divided_by_long(divisor),
        }
    }

    fn divided_by_word(&self, divisor: u32) -> (Self, Self) {
        let mut rest = 0;
        let mut quotient = vec![0; self.0.len()];
        for at in (0..self.0.len()).rev() {
            let value = rest * BASE + u64::from(self.0[at]);
            quotient[at] = word(value / u64::from(divisor));
            rest = value % u64::from(divisor);
        }
        (Self(quotient).trimmed(), Self(vec![word(rest)]).trimmed())
    }

    fn divided_by_long(&self, divisor: &Self) -> (Self, Self) {
        // The top word of the divisor is made at least half of the base, so that each digit is guessed nearly right.
        let top = divisor.0.last().copied().unwrap_or(1);
        let factor = Self(vec![word(BASE / (u64::from(top) + 1))]);
        let (mut rest, divisor) = (self.times(&factor).0, divisor.times(&factor).0);
        let size = divisor.len();
        rest.resize(self.0.len() + 1, 0);
        let (first, second) = (u64::from(divisor[size - 1]), u64::from(divisor[size - 2]));
        let mut quotient = vec![0; rest.len() - size];
        for at in (0..quotient.len()).rev() {
            let head = u64::from(rest[at + size]) * BASE + u64::from(rest[at + size - 1]);
            let (mut guess, mut over) = (head / first, head % first);
            while guess >= BASE || guess * second > over * BASE + u64::from(rest[at + size - 2]) {
                guess -= 1;
                over += first;
                if over >= BASE {
                    break;
                }
            }
            if take_multiple(&mut rest[at..=at + size], &divisor, guess) {
                guess -= 1;
                give_back(&mut rest[at..=at + size], &divisor);
            }
            quotient[at] = word(guess);
        }
        let rest = Self(rest).trimmed().divided_by(&factor).0;
        (Self(quotient).trimmed(), rest)
    }

    fn at(&self, index: usize) -> u32 {
        self.0.get(index).copied().unwrap_or(0)
    }

    pub(in crate::query) fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

/// Takes so many times the divisor from the words; whether that was once too often.
fn take_multiple(words: &mut [u32], divisor: &[u32], times: u64) -> bool {
    let (mut carry, mut borrow) = (0, 0);
    for (at, word_here) in words.iter_mut().enumerate() {
        let product = divisor.get(at).map_or(0, |part| u64::from(*part) * times) + carry;
        carry = product / BASE;
        let take = product % BASE + borrow;
        let have = u64::from(*word_here);
        borrow = u64::from(have < take);
        *word_here = word(have + borrow * BASE - take);
    }
    borrow > 0
}

fn give_back(words: &mut [u32], divisor: &[u32]) {
    let mut carry = 0;
    for (at, word_here) in words.iter_mut().enumerate() {
        let sum = u64::from(*word_here) + divisor.get(at).map_or(0, |part| u64::from(*part)) + carry;
        carry = sum / BASE;
        *word_here = word(sum % BASE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn natural() -> impl Strategy<Value = Natural> {
        prop_oneof!["[0-9]{0,40}", "[09]{0,90}", "(999999999|000000000|500000000|499999999|1){0,8}"]
            .prop_map(|digits| Natural::from_digits(digits.as_bytes()))
    }

    proptest! {
        #[test]
        fn quotient_times_divisor_and_the_remainder_are_the_number(one in natural(), two in natural()) {
            prop_assume!(!two.is_zero());
            let (quotient, rest) = one.divided_by(&two);
            prop_assert_eq!(rest.cmp(&two), Ordering::Less);
            prop_assert_eq!(&quotient.times(&two).add(&rest), &one);
            prop_assert_eq!(one.add(&two).less(&two), one);
        }

        #[test]
        fn small_ones_are_those_of_the_processor(one: u64, two: u64, tens in 0_usize..18) {
            let make = |number: u128| Natural::from_digits(number.to_string().as_bytes());
            let (wide_one, wide_two) = (u128::from(one), u128::from(two));
            prop_assert_eq!(make(wide_one).times(&make(wide_two)), make(wide_one * wide_two));
            prop_assert_eq!(make(wide_one).add(&make(wide_two)), make(wide_one + wide_two));
            prop_assert_eq!(make(wide_one).cmp(&make(wide_two)), one.cmp(&two));
            let power = 10_u128.pow(u32::try_from(tens).unwrap());
            prop_assert_eq!(make(wide_one).times_ten_to(tens), make(wide_one * power));
            prop_assert_eq!(make(wide_one * power).digits(), if one == 0 { Vec::new() } else { (wide_one * power).to_string().into_bytes() });
        }
    }
}
