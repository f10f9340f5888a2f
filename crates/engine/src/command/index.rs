//! Finds rows by name, in any case.

use crate::keyspace::hash::stir;

/// An index of names: one probe for nearly every name.
pub struct NameIndex {
    /// Index of a name plus one; 0: free. The length is a power of two.
    slots: Vec<u16>,
    names: Vec<&'static str>,
}

impl NameIndex {
    /// An index of these names; [`NameIndex::find`] gives positions in their order.
    #[must_use]
    pub fn new(names: impl Iterator<Item = &'static str>) -> Self {
        let names: Vec<_> = names.collect();
        let mut slots = vec![0_u16; (names.len() * 4).next_power_of_two()];
        for (position, name) in names.iter().enumerate() {
            let mut at = spread(name.as_bytes()) & (slots.len() - 1);
            while slots[at] != 0 {
                at = (at + 1) & (slots.len() - 1);
            }
            slots[at] = u16::try_from(position + 1).expect("there are fewer than 65,535 commands");
        }
        Self { slots, names }
    }

    /// The position of this name.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let mut at = spread(name) & (self.slots.len() - 1);
        loop {
            let position = usize::from(*self.slots.get(at)?).checked_sub(1)?;
            if self.names[position].as_bytes().eq_ignore_ascii_case(name) {
                return Some(position);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

/// A hash that does not tell upper from lower case: of the length, the first eight bytes and the last eight.
#[inline]
fn spread(name: &[u8]) -> usize {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word) | LOWER
    };
    let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first) | LOWER, u64::from_le_bytes(*last) | LOWER),
        _ => (word(name), 0),
    };
    #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
    let spread = stir(first ^ last.rotate_left(23), 0x517C_C1B7_2722_0A95 ^ name.len() as u64) as usize;
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_others_are_not() {
        let index = NameIndex::new(["get", "set", "client|no-evict", "incrbyfloat"].into_iter());
        assert_eq!(index.find(b"GeT"), Some(0));
        assert_eq!(index.find(b"CLIENT|NO-EVICT"), Some(2));
        assert_eq!(index.find(b"INCRBYFLOAT"), Some(3));
        assert_eq!((index.find(b""), index.find(b"gets"), index.find(b"\xFF\0")), (None, None, None));
    }
}
