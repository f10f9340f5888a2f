//! Natural numbers of any size, with the few operations that reading and printing floats takes.
//!
//! Words are 32 bits, lowest first; there is no zero word at the top. Speed does not matter here: only texts with more
//! digits than fit into 128 bits come this way, and they are bounded by the caller.

use std::cmp::Ordering;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Natural(Vec<u32>);

/// The lower half of a product or sum of words.
fn low(wide: u64) -> u32 {
    let [a, b, c, d, ..] = wide.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

impl Natural {
    pub(super) fn from_digits(digits: &[u8]) -> Self {
        let mut number = Self::default();
        for chunk in digits.chunks(9) {
            let value = chunk.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
            number.multiply_add(10u32.pow(u32::try_from(chunk.len()).unwrap_or(9)), value);
        }
        number
    }

    pub(super) fn power_of_ten(exponent: u32) -> Self {
        let mut number = Self(vec![1]);
        for _ in 0..exponent / 9 {
            number.multiply_add(1_000_000_000, 0);
        }
        number.multiply_add(10u32.pow(exponent % 9), 0);
        number
    }

    pub(super) fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for word in &mut self.0 {
            let wide = u64::from(*word) * u64::from(factor) + carry;
            *word = low(wide);
            carry = wide >> 32;
        }
        if carry > 0 {
            self.0.push(low(carry));
        }
    }

    pub(super) fn multiply_by_power_of_ten(&mut self, exponent: u32) {
        for _ in 0..exponent / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        self.multiply_add(10u32.pow(exponent % 9), 0);
    }

    pub(super) fn bits(&self) -> u32 {
        let words = u32::try_from(self.0.len()).unwrap_or(u32::MAX / 32);
        words * 32 - self.0.last().map_or(0, |top| top.leading_zeros())
    }

    pub(super) fn shift_left(&mut self, bits: u32) {
        if !bits.is_multiple_of(32) {
            self.multiply_add(1 << (bits % 32), 0);
        }
        self.0.splice(0..0, std::iter::repeat_n(0, (bits / 32) as usize));
    }

    /// The top 128 bits, how many bits lie below them, and whether any of those is set.
    pub(super) fn top(&self) -> (u128, u32, bool) {
        let below = self.0.len().saturating_sub(4);
        let top = self.0[below..].iter().rev().fold(0, |top, &word| (top << 32) | u128::from(word));
        (
            top,
            u32::try_from(below).unwrap_or(u32::MAX / 32) * 32,
            self.0[..below].iter().any(|&word| word > 0),
        )
    }

    /// The quotient with `divisor`, which is known to be below 2 to the 128th, and whether there is a remainder.
    pub(super) fn divide(mut self, mut divisor: Self) -> (u128, bool) {
        let steps = self.bits().saturating_sub(divisor.bits());
        divisor.shift_left(steps);
        let mut quotient = 0;
        for step in 0..=steps {
            quotient <<= 1;
            if self.compare(&divisor) != Ordering::Less {
                self.subtract(&divisor);
                quotient |= 1;
            }
            if step < steps {
                self.shift_left(1);
            }
        }
        (quotient, !self.0.is_empty())
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Takes away `other`, which is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (i, word) in self.0.iter_mut().enumerate() {
            let (less, first) = word.overflowing_sub(other.0.get(i).copied().unwrap_or(0));
            let (less, second) = less.overflowing_sub(u32::from(borrow));
            *word = less;
            borrow = first || second;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// Divides by 10 to the ninth and gives the remainder.
    fn divide_by_billion(&mut self) -> u32 {
        let mut rest = 0;
        for word in self.0.iter_mut().rev() {
            let wide = (rest << 32) | u64::from(*word);
            *word = low(wide / 1_000_000_000);
            rest = wide % 1_000_000_000;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        low(rest)
    }

    pub(super) fn into_decimal(mut self) -> String {
        let mut groups = Vec::new();
        while !self.0.is_empty() {
            groups.push(self.divide_by_billion());
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            text.push_str(&format!("{group:09}"));
        }
        text
    }
}

impl From<u64> for Natural {
    fn from(n: u64) -> Self {
        let mut words = vec![low(n), low(n >> 32)];
        while words.last() == Some(&0) {
            words.pop();
        }
        Self(words)
    }
}
