//! One bucket of a table: a cache line of slots, and what did not fit.
//!
//! ```text
//! tags, 9 bytes         a byte of hash for each slot; 0: the slot is free
//! mark, 1 byte          1: the last slot holds the address of a spill, and no item
//! pointers, 9 x 6 bytes
//! ```
//!
//! Pointers are kept as their low 48 bits, which is all of an address in user space. That makes room for nine slots where
//! whole ones leave room for seven. A full bucket moves its last item into a [`Spill`], which takes all further ones, too.
//!
//! What must hold: a free slot has tag zero, and so has the last slot while there is a spill; a spill holds two items or
//! more, and while there is one every other slot is taken.
//!
//! Leaves out: what the pointers point to.

use super::spill::Spill;
use std::mem::ManuallyDrop;
use std::ptr::{null_mut, with_exposed_provenance_mut};

/// Slots in a bucket.
pub(super) const SLOTS: usize = 9;
const LAST: usize = SLOTS - 1;
const ALL: u32 = (1 << SLOTS) - 1;
const MARK: usize = SLOTS;
const POINTER_BITS: u32 = 48;

/// A cache line.
#[repr(C, align(64))]
pub(super) struct Bucket {
    bytes: [u8; 64],
}

const _: () = assert!(
    cfg!(target_endian = "little"),
    "a pointer is the last six bytes of a word in a spill, as in a slot"
);
const _: () = assert!(MARK + 1 + SLOTS * 6 == size_of::<Bucket>(), "a bucket is one cache line");

/// A pointer with the byte of hash that it is found by.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) tag: u8,
    pub(super) pointer: *mut (),
}

impl Held {
    pub(super) const NOTHING: Self = Self { tag: 0, pointer: null_mut() };

    /// As one word: the tag in the lowest byte, the pointer in the upper six.
    #[inline]
    pub(super) fn word(self) -> u64 {
        let address = self.pointer.expose_provenance() as u64;
        assert!(address >> POINTER_BITS == 0, "an address in user space has 48 bits");
        address << 16 | u64::from(self.tag)
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the tag is the lowest byte, and the address was a usize"
    )]
    pub(super) const fn of_word(word: u64) -> Self {
        Self { tag: word as u8, pointer: with_exposed_provenance_mut((word >> 16) as usize) }
    }
}

/// Eight bytes of a bucket of which the last six are a pointer. Not aligned.
#[repr(transparent)]
pub(super) struct Word([u8; 8]);

impl Word {
    /// The item that it points to is at this address now.
    #[inline]
    pub(super) fn point_to(&mut self, pointer: *mut ()) {
        // Nearly always it has not moved, and the bucket need not be written.
        if pointer != Held::of_word(u64::from_le_bytes(self.0)).pointer {
            self.0[2..].copy_from_slice(&Held { tag: 0, pointer }.word().to_le_bytes()[2..]);
        }
    }
}

/// A set of slots.
#[derive(Clone, Copy)]
pub(super) struct Slots(u32);

impl Iterator for Slots {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let index = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(index)
    }
}

impl Bucket {
    /// The slots with this tag.
    #[inline]
    pub(super) fn matching(&self, tag: u8) -> Slots {
        Slots(equal(&self.bytes, tag) & ALL)
    }

    /// The slots that hold an item.
    #[inline]
    pub(super) fn occupied(&self) -> Slots {
        Slots(!equal(&self.bytes, 0) & ALL)
    }

    /// What a slot holds. The address of the spill, too, lies in a slot: the last.
    #[inline]
    pub(super) fn held(&self, index: usize) -> Held {
        Held { tag: self.bytes[index], ..Held::of_word(self.word(index)) }
    }

    /// Whether there is a spill.
    #[inline]
    pub(super) const fn has_spilled(&self) -> bool {
        self.bytes[MARK] != 0
    }

    /// What did not fit, as words of [`Held`]. Its address is what the last slot holds.
    #[inline]
    pub(super) fn spilled(&self) -> &[u64] {
        if !self.has_spilled() {
            return &[];
        }
        // SAFETY: the mark says that the last slot holds the address of a spill, which the bucket owns.
        unsafe { Spill::words_at(self.held(LAST).pointer) }
    }

    /// Where what has spilled lies, if there is any.
    #[inline]
    pub(super) fn spill_address(&self) -> *const u8 {
        self.held(LAST).pointer.cast()
    }

    /// How many items it holds.
    pub(super) fn len(&self) -> usize {
        self.occupied().0.count_ones() as usize + self.spilled().len()
    }

    /// Adds an item. `bytes` counts the memory of spills.
    #[inline]
    pub(super) fn put(&mut self, held: Held, bytes: &mut usize) {
        let free = equal(&self.bytes, 0) & if self.has_spilled() { ALL >> 1 } else { ALL };
        match Slots(free).next() {
            Some(index) => self.set(index, held),
            None => self.put_further(held, bytes),
        }
    }

    #[cold]
    fn put_further(&mut self, held: Held, bytes: &mut usize) {
        let spill = match self.take_spill(bytes) {
            Some(spill) => spill.pushed(held.word()),
            None => Spill::of(&[self.held(LAST), held]),
        };
        self.keep_spill(spill, bytes);
    }

    /// Puts items into an empty bucket.
    pub(super) fn fill(&mut self, items: &[Held], bytes: &mut usize) {
        let here = if items.len() <= SLOTS { items.len() } else { LAST };
        let (here, further) = items.split_at(here);
        for (index, &held) in here.iter().enumerate() {
            self.set(index, held);
        }
        if !further.is_empty() {
            self.keep_spill(Spill::of(further), bytes);
        }
    }

    /// Takes an item out; `index` goes on behind the slots for what has spilled. The last of what has spilled fills the
    /// hole.
    pub(super) fn take(&mut self, index: usize, bytes: &mut usize) -> *mut () {
        let Some(spill) = self.take_spill(bytes) else {
            let pointer = self.held(index).pointer;
            self.set(index, Held::NOTHING);
            return pointer;
        };
        let (last, mut spill) = spill.popped();
        let last = Held::of_word(last);
        let pointer = if index < LAST {
            let pointer = self.held(index).pointer;
            self.set(index, last);
            pointer
        } else if let Some(word) = spill.words_mut().get_mut(index - SLOTS) {
            let pointer = Held::of_word(*word).pointer;
            *word = last.word();
            pointer
        } else {
            last.pointer
        };
        match *spill.words_mut() {
            [only] => self.set(LAST, Held::of_word(only)),
            _ => self.keep_spill(spill, bytes),
        }
        pointer
    }

    /// The word of an item; `index` as in [`Bucket::take`].
    #[inline]
    pub(super) fn word_mut(&mut self, index: usize) -> *mut Word {
        if index < SLOTS {
            let bytes = &mut self.bytes[MARK - 1 + 6 * index..];
            return bytes.first_chunk_mut::<8>().map_or(null_mut(), |bytes| std::ptr::from_mut(bytes).cast());
        }
        let word = self.spill().map(|mut spill| std::ptr::from_mut(&mut spill.words_mut()[index - SLOTS]));
        word.unwrap_or(null_mut()).cast()
    }

    /// Empties it, handing on what it held.
    pub(super) fn drain(&mut self, bytes: &mut usize, mut each: impl FnMut(Held)) {
        for index in self.occupied() {
            each(self.held(index));
        }
        if let Some(mut spill) = self.take_spill(bytes) {
            spill.words_mut().iter().for_each(|&word| each(Held::of_word(word)));
        }
        self.bytes = [0; 64];
    }

    /// The six bytes of a slot, in the upper part of a word that begins two bytes before.
    #[inline]
    fn word(&self, index: usize) -> u64 {
        let bytes = &self.bytes[MARK - 1 + 6 * index..];
        u64::from_le_bytes(*bytes.first_chunk().expect("the slots end with the line"))
    }

    #[inline]
    fn set(&mut self, index: usize, held: Held) {
        self.bytes[index] = held.tag;
        self.bytes[MARK + 1 + 6 * index..][..6].copy_from_slice(&held.word().to_le_bytes()[2..]);
    }

    fn keep_spill(&mut self, spill: Spill, bytes: &mut usize) {
        *bytes += spill.heap_bytes();
        self.set(LAST, Held { tag: 0, pointer: spill.into_raw() });
        self.bytes[MARK] = 1;
    }

    /// The spill, which stays where it is.
    fn spill(&mut self) -> Option<ManuallyDrop<Spill>> {
        // SAFETY: as in `spilled`; the bucket is borrowed for change, and what is dropped here is not the spill.
        self.has_spilled().then(|| ManuallyDrop::new(unsafe { Spill::from_raw(self.held(LAST).pointer) }))
    }

    /// Takes the spill out, and leaves the last slot free.
    #[inline]
    fn take_spill(&mut self, bytes: &mut usize) -> Option<Spill> {
        let spill = ManuallyDrop::into_inner(self.spill()?);
        self.bytes[MARK] = 0;
        *bytes -= spill.heap_bytes();
        Some(spill)
    }
}

/// Which of the first sixteen bytes are this one.
#[inline]
#[cfg(target_arch = "x86_64")]
fn equal(bytes: &[u8; 64], byte: u8) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};

    #[inline]
    #[target_feature(enable = "sse2")]
    fn at_once(bytes: &[u8; 64], byte: u8) -> u32 {
        let half = |at: usize| i64::from_le_bytes(*bytes[at..].first_chunk().expect("64 bytes"));
        let all = _mm_set_epi64x(half(8), half(0));
        _mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8(byte.cast_signed()))).cast_unsigned()
    }
    // SAFETY: every processor of this architecture has SSE2.
    unsafe { at_once(bytes, byte) }
}

#[inline]
#[cfg(not(target_arch = "x86_64"))]
fn equal(bytes: &[u8; 64], byte: u8) -> u32 {
    equal_one_by_one(bytes, byte)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn equal_one_by_one(bytes: &[u8; 64], byte: u8) -> u32 {
    bytes[..16].iter().rev().fold(0, |mask, &other| mask << 1 | u32::from(other == byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An address that is not used as one, with all of its bits at work.
    fn held(n: u64) -> Held {
        Held::of_word((n * 0x9E37_79B9_7F4A) << 24 | (n % 255 + 1))
    }

    fn words(bucket: &Bucket) -> Vec<u64> {
        let here = bucket.occupied().map(|index| bucket.held(index).word());
        let mut words: Vec<_> = here.chain(bucket.spilled().iter().copied()).collect();
        words.sort_unstable();
        words
    }

    fn check(bucket: &Bucket, bytes: usize) {
        let spilled = bucket.spilled().len();
        assert_eq!(bucket.has_spilled(), spilled > 0);
        assert!(
            spilled == 0 && bytes == 0 || spilled >= 2 && bytes >= 8 * (spilled + 1),
            "{spilled} {bytes}"
        );
        assert!(spilled == 0 || bucket.occupied().count() == LAST, "a hole before a spill");
    }

    proptest! {
        #[test]
        fn a_bucket_holds_what_a_plain_list_holds(steps in prop::collection::vec((0_u8..5, 0_u64..60), 1..300)) {
            let (mut bucket, mut model, mut bytes) = (Bucket { bytes: [0; 64] }, Vec::new(), 0);
            for (step, n) in steps {
                let places = bucket.occupied().chain(SLOTS..SLOTS + bucket.spilled().len()).collect::<Vec<_>>();
                let place = places.get(usize::try_from(n).unwrap() % places.len().max(1)).copied();
                match (step, place) {
                    (0 | 1, _) | (_, None) => {
                        bucket.put(held(n), &mut bytes);
                        model.push(held(n).word());
                    }
                    (2 | 3, Some(index)) => {
                        let expected = if index < SLOTS { bucket.held(index).word() } else { bucket.spilled()[index - SLOTS] };
                        let taken = bucket.take(index, &mut bytes);
                        prop_assert_eq!(taken, Held::of_word(expected).pointer);
                        model.swap_remove(model.iter().position(|&word| word == expected).unwrap());
                    }
                    (_, Some(index)) => {
                        let old = if index < SLOTS { bucket.held(index).word() } else { bucket.spilled()[index - SLOTS] };
                        let new = Held { tag: Held::of_word(old).tag, ..held(n) };
                        let word = bucket.word_mut(index);
                        // SAFETY: it is the word of an item that was just looked at.
                        unsafe { &mut *word }.point_to(new.pointer);
                        *model.iter_mut().find(|word| **word == old).unwrap() = new.word();
                    }
                }
                check(&bucket, bytes);
                model.sort_unstable();
                prop_assert_eq!(&words(&bucket), &model);
                prop_assert_eq!(bucket.len(), model.len());
            }
            let mut drained = Vec::new();
            bucket.drain(&mut bytes, |held| drained.push(held));
            prop_assert_eq!(drained.len(), model.len());
            prop_assert_eq!(bytes, 0);
            bucket.fill(&drained, &mut bytes);
            check(&bucket, bytes);
            prop_assert_eq!(&words(&bucket), &model);
            bucket.drain(&mut bytes, |_| ());
        }

        #[test]
        fn bytes_are_compared_all_at_once_as_they_are_one_by_one(bytes: [u8; 32], byte in 0_u8..4) {
            let mut line = [0; 64];
            line[..32].copy_from_slice(&bytes.map(|byte| byte % 4));
            prop_assert_eq!(equal(&line, byte), equal_one_by_one(&line, byte));
        }
    }
}
