//! LZF, the compression of long strings.
//!
//! A stream of two kinds of pieces. A first byte below 32 announces so many literal bytes and one more. Any other is a
//! copy of what was put out before: its top three bits are the length less two (7: another byte follows and is added),
//! its low five bits and the next byte the distance less one. Source: Marc Lehmann's LibLZF.

use super::Fault;

/// The longest run of literal bytes.
const LITERALS_MAX: usize = 32;
/// The longest copy.
const COPY_MAX: usize = 264;
/// The farthest copy.
const DISTANCE_MAX: usize = 8192;
const TABLE_BITS: u32 = 14;

/// Puts what `bytes` stand for into `out`, which must become `len` bytes long. It grows only with what is put out.
pub(super) fn expand(bytes: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    const BROKEN: Fault = Fault::damaged("a compressed string that is damaged");
    out.clear();
    // No more than the whole can come to, so that an announced length alone costs nothing.
    out.reserve(len.min(bytes.len().saturating_mul(4)));
    let mut rest = bytes;
    while let Some((&head, after)) = rest.split_first() {
        let head = usize::from(head);
        rest = after;
        if head < LITERALS_MAX {
            let (literals, after) = rest.split_at_checked(head + 1).ok_or(BROKEN)?;
            out.extend_from_slice(literals);
            rest = after;
        } else {
            let mut next = || {
                let (&byte, after) = rest.split_first().ok_or(BROKEN)?;
                rest = after;
                Ok(usize::from(byte))
            };
            let mut count = (head >> 5) + 2;
            if count == 9 {
                count += next()?;
            }
            let distance = ((head & 31) << 8 | next()?) + 1;
            let from = out.len().checked_sub(distance).ok_or(BROKEN)?;
            if distance >= count {
                out.extend_from_within(from..from + count);
            } else {
                // The copy reaches into itself: a pattern repeats.
                (from..from + count).for_each(|index| out.push(out[index]));
            }
        }
        if out.len() > len {
            return Err(BROKEN);
        }
    }
    if out.len() == len { Ok(()) } else { Err(BROKEN) }
}

/// Appends `bytes`, compressed, to `out`; false, with `out` as it was, unless that saves at least four bytes.
pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let Some(room) = bytes.len().checked_sub(4).filter(|_| u32::try_from(bytes.len()).is_ok()) else {
        return false;
    };
    // Where three bytes with this hash stood last, plus one.
    let mut table = vec![0_u32; 1 << TABLE_BITS];
    let (mut at, mut literals) = (0, 0);
    while at + 2 < bytes.len() {
        let slot = slot_of(&bytes[at..at + 3]);
        #[expect(clippy::cast_possible_truncation, reason = "the length fits 32 bits")]
        let seen = std::mem::replace(&mut table[slot], at as u32 + 1) as usize;
        let distance = (at + 1).wrapping_sub(seen);
        if seen == 0 || distance > DISTANCE_MAX || bytes[seen - 1..seen + 2] != bytes[at..at + 3] {
            at += 1;
            // What does not shrink should not be tried to its end.
            if out.len() - start + (at - literals) > room {
                out.truncate(start);
                return false;
            }
            continue;
        }
        let longest = COPY_MAX.min(bytes.len() - at);
        let same = |count: &usize| bytes[seen - 1 + count] == bytes[at + count];
        let count = (3..longest).find(|count| !same(count)).unwrap_or(longest);
        put_literals(&bytes[literals..at], out);
        put_copy(count, distance, out);
        at += count;
        literals = at;
    }
    put_literals(&bytes[literals..], out);
    if out.len() - start > room {
        out.truncate(start);
        return false;
    }
    true
}

fn slot_of(bytes: &[u8]) -> usize {
    let three = u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2]);
    (three.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "chunks are at most 32 long")]
fn put_literals(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(LITERALS_MAX) {
        out.push(chunk.len() as u8 - 1);
        out.extend_from_slice(chunk);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a copy is at most 264 long and 8192 away")]
fn put_copy(count: usize, distance: usize, out: &mut Vec<u8>) {
    let (length, distance) = (count - 2, distance - 1);
    let far = (distance >> 8) as u8;
    if length < 7 {
        out.push((length as u8) << 5 | far);
    } else {
        out.extend_from_slice(&[7 << 5 | far, (length - 7) as u8]);
    }
    out.push(distance as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_that_valkey_compressed_are_expanded() {
        // DUMP of 64 times `a`: one literal, then a copy that reaches into itself.
        let mut out = Vec::new();
        expand(&[1, b'a', b'a', 0xe0, 53, 0, 1, b'a', b'a'], 66, &mut out).unwrap();
        assert_eq!(out, [b'a'; 66]);
    }

    #[test]
    fn an_announced_length_costs_no_memory_and_must_be_met() {
        let mut out = Vec::new();
        assert!(expand(&[0, b'a'], usize::MAX, &mut out).is_err());
        assert!(out.capacity() < 100);
        assert!(expand(&[0, b'a'], 0, &mut out).is_err(), "longer than announced");
        assert!(expand(&[0x20, 0], 3, &mut out).is_err(), "a copy from before the beginning");
        assert!(expand(&[0xe0], 9, &mut out).is_err(), "cut inside of a copy");
        assert!(expand(&[5, b'a'], 6, &mut out).is_err(), "cut inside of literals");
    }

    #[test]
    fn what_does_not_shrink_is_left_alone() {
        let mut out = vec![9];
        let noise: Vec<u8> = (0..200_u32).map(|n| (n.wrapping_mul(0x9E37_79B1) >> 24) as u8).collect();
        assert!(!compress(&noise, &mut out) && !compress(b"abc", &mut out) && !compress(b"", &mut out));
        assert_eq!(out, [9]);
    }

    proptest! {
        #[test]
        fn what_was_compressed_comes_back(
            words in prop::collection::vec(prop::sample::select(vec!["a", "bc", "ramekin", "0123456789", "\0"]), 0..400),
            tail in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let text = [words.concat().into_bytes(), tail].concat();
            let (mut packed, mut out) = (Vec::new(), Vec::new());
            if compress(&text, &mut packed) {
                prop_assert!(packed.len() + 4 <= text.len());
                expand(&packed, text.len(), &mut out).unwrap();
                prop_assert_eq!(out, text);
            }
        }

        #[test]
        fn garbage_does_not_panic(bytes: Vec<u8>, len in 0_usize..10_000) {
            let _ = expand(&bytes, len, &mut Vec::new());
        }
    }
}
