//! A pipeline of requests, encoded once; per send only the digits of its random numbers are patched.
//!
//! What must hold: every number has exactly twelve digits, so that no length in the encoded form ever changes.

use super::zipf::Zipf;

/// What an argument is searched for; a random number of as many digits takes its place.
const RANDOM: &[u8; DIGITS] = b"__rand_int__";
const DIGITS: usize = 12;

/// All groups of four digits, `0000` to `9999`: a number is three look-ups.
static QUADS: [[u8; 4]; 10_000] = quads();

#[expect(clippy::cast_possible_truncation, reason = "a digit fits a byte")]
const fn quads() -> [[u8; 4]; 10_000] {
    let mut table = [[0; 4]; 10_000];
    let mut number = 0;
    while number < 10_000 {
        table[number] = [
            b'0' + (number / 1000) as u8,
            b'0' + (number / 100 % 10) as u8,
            b'0' + (number / 10 % 10) as u8,
            b'0' + (number % 10) as u8,
        ];
        number += 1;
    }
    table
}

/// Where the numbers of the requests come from.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    /// Always zero: no keyspace was given.
    Zero,
    /// Uniform below `below`; `state` is a splitmix64 generator's.
    Random { state: u64, below: u64 },
    /// By Zipf's law below a bound.
    Zipf { state: u64, law: Zipf },
    /// `next`, `next + 1` and so on.
    Ascending { next: u64, end: u64 },
}

impl Numbers {
    /// Random numbers below `keyspace`, or zeros without one.
    pub(super) fn random(keyspace: u64, seed: u64) -> Numbers {
        if keyspace == 0 {
            Numbers::Zero
        } else {
            Numbers::Random { state: stream(0x5eed, seed), below: keyspace }
        }
    }

    /// Numbers below `keyspace` by Zipf's law with this exponent.
    pub(super) fn zipf(keyspace: u64, exponent: f64, seed: u64) -> Numbers {
        Numbers::Zipf { state: stream(0x5eed, seed), law: Zipf::new(keyspace, exponent) }
    }

    /// Each number below `keyspace`, once.
    pub(super) fn each_once(keyspace: u64) -> Numbers {
        Numbers::Ascending { next: 0, end: keyspace }
    }

    /// The part of these numbers that thread `index` sends: a stream of its own, or where numbers ascend, the `share`
    /// of them from `start`.
    pub(super) fn for_thread(&self, index: u64, start: u64, share: u64) -> Numbers {
        match *self {
            Numbers::Zero => Numbers::Zero,
            Numbers::Random { state, below } => Numbers::Random { state: stream(state, index), below },
            Numbers::Zipf { state, law } => Numbers::Zipf { state: stream(state, index), law },
            Numbers::Ascending { next, end } => {
                Numbers::Ascending { next: next + start, end: end.min(next + start + share) }
            }
        }
    }

    #[inline]
    fn next(&mut self) -> u64 {
        match self {
            Numbers::Zero => 0,
            Numbers::Random { state, below } => scale(word(state), *below),
            Numbers::Zipf { state, law } => law.draw(|| word(state)),
            Numbers::Ascending { next, end } => {
                let number = *next;
                assert!(number < *end, "a thread sends no more numbers than its share");
                *next += 1;
                number
            }
        }
    }
}

/// The state of another generator.
fn stream(state: u64, index: u64) -> u64 {
    (state ^ index.wrapping_add(1).wrapping_mul(0xa076_1d64_78bd_642f)).rotate_left(17)
}

/// The next random word of splitmix64.
fn word(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Scales a random word to `0..below` by the high half of the product.
fn scale(word: u64, below: u64) -> u64 {
    ((u128::from(word) * u128::from(below)) >> 64) as u64
}

/// `pipeline` copies of one encoded request, and where their numbers are.
#[derive(Clone, Debug)]
pub(super) struct Template {
    bytes: Vec<u8>,
    request_bytes: usize,
    /// Offsets of all numbers, request by request, `numbers_each` a request.
    offsets: Vec<usize>,
    numbers_each: usize,
}

impl Template {
    /// Repeats `request` (already encoded) `pipeline` times.
    pub(super) fn new(request: &[u8], pipeline: usize) -> Template {
        let positions: Vec<usize> =
            (0..request.len()).filter(|&at| request[at..].starts_with(RANDOM)).collect();
        let bytes = request.repeat(pipeline);
        let offsets = (0..pipeline)
            .flat_map(|index| positions.iter().map(move |position| index * request.len() + position))
            .collect();
        let mut template =
            Template { bytes, request_bytes: request.len(), offsets, numbers_each: positions.len() };
        template.batch(pipeline, &mut Numbers::Zero, true);
        template
    }

    /// Requests that one full batch holds.
    pub(super) fn pipeline(&self) -> usize {
        self.bytes.len() / self.request_bytes
    }

    /// The first `count` requests, with fresh numbers.
    #[inline]
    pub(super) fn next_batch(&mut self, count: usize, numbers: &mut Numbers) -> &[u8] {
        self.batch(count, numbers, false)
    }

    #[inline]
    fn batch(&mut self, count: usize, numbers: &mut Numbers, first: bool) -> &[u8] {
        if first || !matches!(numbers, Numbers::Zero) {
            for &offset in &self.offsets[..count * self.numbers_each] {
                write_digits(&mut self.bytes[offset..offset + DIGITS], numbers.next());
            }
        }
        &self.bytes[..count * self.request_bytes]
    }
}

#[inline]
fn write_digits(out: &mut [u8], number: u64) {
    out[8..12].copy_from_slice(&QUADS[(number % 10_000) as usize]);
    out[4..8].copy_from_slice(&QUADS[(number / 10_000 % 10_000) as usize]);
    out[0..4].copy_from_slice(&QUADS[(number / 100_000_000 % 10_000) as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_number_of_every_request_is_patched_with_twelve_digits() {
        let mut template = Template::new(b"a:__rand_int__ b:__rand_int__;", 2);
        let mut numbers = Numbers::Ascending { next: 123_456_789_011, end: u64::MAX };
        assert_eq!(
            template.next_batch(2, &mut numbers),
            b"a:123456789011 b:123456789012;a:123456789013 b:123456789014;"
        );
    }

    #[test]
    fn without_a_keyspace_all_numbers_are_zero() {
        let mut template = Template::new(b"key:__rand_int__;", 2);
        assert_eq!(template.next_batch(1, &mut Numbers::random(0, 0)), b"key:000000000000;");
    }

    #[test]
    fn a_short_batch_takes_only_the_numbers_it_sends() {
        let mut template = Template::new(b"__rand_int__;", 3);
        let mut numbers = Numbers::each_once(4);
        assert_eq!(template.next_batch(1, &mut numbers), b"000000000000;");
        assert_eq!(template.next_batch(3, &mut numbers), b"000000000001;000000000002;000000000003;");
    }

    #[test]
    fn random_numbers_stay_below_the_keyspace_and_reach_all_of_it() {
        let mut numbers = Numbers::random(10, 0);
        let drawn: HashSet<u64> = (0..1000).map(|_| numbers.next()).collect();
        assert_eq!(drawn, (0..10).collect());
    }

    #[test]
    fn threads_draw_different_numbers_and_share_counted_ones() {
        let random = Numbers::random(1 << 40, 0);
        assert_ne!(random.for_thread(0, 0, 0).next(), random.for_thread(1, 0, 0).next());
        let counted = Numbers::each_once(10);
        assert_eq!((counted.for_thread(0, 0, 5).next(), counted.for_thread(1, 5, 5).next()), (0, 5));
    }
}
