//! The fields of a large hash in numbered slots without holes, in segments shared by reference count.
//!
//! Owns the segments, the blocks that hold them, and what is due when. What must hold: all segments but the last are full,
//! all blocks but the last hold as many segments as they may; `due` of a block has a pair for each of its slots with an
//! expiry, and the earliest time stands beside the block. A segment or block that something else holds is copied
//! before it is changed: some microseconds each. So cloning ten million fields touches some hundred blocks.

use std::collections::BTreeSet;

use super::Field;
use crate::value::prefetch;
use crate::value::shared::Shared;
use crate::value::varint;

/// Slots of a segment: 1.5 KB. Tests fill and empty many small segments and blocks.
const SEGMENT_BITS: u32 = if cfg!(test) { 2 } else { 6 };
const SEGMENT_SLOTS: usize = 1 << SEGMENT_BITS;
/// Slots of a block.
const BLOCK_BITS: u32 = SEGMENT_BITS + if cfg!(test) { 2 } else { 8 };
const BLOCK_SEGMENTS: usize = 1 << (BLOCK_BITS - SEGMENT_BITS);

/// A field, and the next slot in the chain of its bucket.
#[derive(Clone, Default)]
pub(super) struct Slot {
    pub(super) next: u32,
    pub(super) hash: u32,
    /// `name length * 2 + expires | expiry, 8 bytes, only if expires | name | value`
    pub(super) entry: Box<[u8]>,
}

impl Slot {
    #[inline]
    pub(super) fn field(&self) -> Field<'_> {
        let mut rest: &[u8] = &self.entry;
        let head = varint::take(&mut rest).unwrap_or(0);
        let mut expire_at_ms = 0;
        if head & 1 == 1
            && let Some((expiry, after)) = rest.split_first_chunk()
        {
            expire_at_ms = u64::from_le_bytes(*expiry);
            rest = after;
        }
        let (name, value) = rest.split_at(usize::try_from(head / 2).unwrap_or(usize::MAX));
        Field { name, value, expire_at_ms }
    }
}

/// The bytes of a field in its slot.
pub(super) fn pack(field: Field<'_>) -> Box<[u8]> {
    let expires = field.expire_at_ms != 0;
    let head = field.name.len() as u64 * 2 + u64::from(expires);
    let size = varint::size(head) + usize::from(expires) * 8 + field.name.len() + field.value.len();
    let mut entry = Vec::with_capacity(size);
    varint::put(&mut entry, head);
    if expires {
        entry.extend_from_slice(&field.expire_at_ms.to_le_bytes());
    }
    entry.extend_from_slice(field.name);
    entry.extend_from_slice(field.value);
    entry.into_boxed_slice()
}

/// Slots that are not in use yet are empty.
type Segment = [Slot; SEGMENT_SLOTS];

#[derive(Clone, Default)]
struct Block {
    segments: Vec<Shared<Segment>>,
    /// Times of expiry and the numbers of their slots.
    due: BTreeSet<(u64, u32)>,
}

#[derive(Clone)]
struct Held {
    block: Shared<Block>,
    /// The first time in `due`; 0 if there is none.
    earliest_ms: u64,
}

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Slots {
    blocks: Vec<Held>,
    len: usize,
    due: usize,
    earliest_ms: u64,
}

#[inline]
fn block_of(at: u32) -> usize {
    (at >> BLOCK_BITS) as usize
}

#[inline]
fn segment_of(at: u32) -> usize {
    (at >> SEGMENT_BITS) as usize % BLOCK_SEGMENTS
}

#[inline]
fn narrow(slot: usize) -> u32 {
    u32::try_from(slot).expect("a hash of four billion fields does not fit into memory")
}

impl Slots {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap without the fields' own: all of them, whoever else holds them too.
    pub(super) fn heap_bytes(&self) -> usize {
        const SEGMENT_BYTES: usize =
            size_of::<Segment>() + size_of::<Shared<Segment>>() + Shared::<Segment>::OVERHEAD_BYTES;
        const BLOCK_BYTES: usize = size_of::<Block>() + Shared::<Block>::OVERHEAD_BYTES;
        // A node of the set holds its pairs at two thirds on average.
        const DUE_BYTES: usize = size_of::<(u64, u32)>() * 3 / 2;
        self.blocks.capacity() * size_of::<Held>()
            + self.blocks.len() * BLOCK_BYTES
            + self.len.div_ceil(SEGMENT_SLOTS) * SEGMENT_BYTES
            + self.due * DUE_BYTES
    }

    /// Hints that a slot is about to be read.
    #[inline]
    pub(super) fn prefetch(&self, at: u32) {
        let slot: *const Slot = self.get(at);
        prefetch::line(slot.cast());
    }

    /// The same of a slot's field. The slot should have been fetched.
    #[inline]
    pub(super) fn prefetch_field(&self, at: u32) {
        let field = self.get(at).entry.as_ptr();
        prefetch::line(field);
        prefetch::line(field.wrapping_add(64));
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> &Slot {
        &self.blocks[block_of(at)].block.segments[segment_of(at)][at as usize % SEGMENT_SLOTS]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> &mut Slot {
        let block = Shared::make_mut(&mut self.blocks[block_of(at)].block);
        &mut Shared::make_mut(&mut block.segments[segment_of(at)])[at as usize % SEGMENT_SLOTS]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        let segments = self.blocks.iter().flat_map(|held| held.block.segments.iter());
        segments.flat_map(|segment| segment.iter()).take(self.len).map(Slot::field)
    }

    /// Adds a slot behind the last, whose field expires then; see `len` for its number.
    #[inline]
    pub(super) fn push(&mut self, slot: Slot, expire_at_ms: u64) {
        let at = narrow(self.len);
        if block_of(at) == self.blocks.len() {
            self.blocks.push(Held { block: Shared::new(Block::default()), earliest_ms: 0 });
        }
        let block = Shared::make_mut(&mut self.blocks[block_of(at)].block);
        if segment_of(at) == block.segments.len() {
            block.segments.push(Shared::new(std::array::from_fn(|_| Slot::default())));
        }
        Shared::make_mut(&mut block.segments[segment_of(at)])[at as usize % SEGMENT_SLOTS] = slot;
        self.len += 1;
        self.expiry_moved(at, 0, expire_at_ms);
    }

    /// Takes a slot out and moves the last one into its place.
    pub(super) fn remove(&mut self, at: u32) -> Slot {
        let last = narrow(self.len - 1);
        let mut moved = std::mem::take(self.get_mut(last));
        let moved_ms = moved.field().expire_at_ms;
        self.expiry_moved(last, moved_ms, 0);
        if at != last {
            let expire_at_ms = self.get(at).field().expire_at_ms;
            self.expiry_moved(at, expire_at_ms, moved_ms);
            std::mem::swap(self.get_mut(at), &mut moved);
        }
        self.len -= 1;
        if self.len.is_multiple_of(SEGMENT_SLOTS) {
            let block = Shared::make_mut(&mut self.blocks[block_of(last)].block);
            block.segments.pop();
            if block.segments.is_empty() {
                self.blocks.pop();
            }
        }
        moved
    }

    /// Notes that a slot's expiry is another one; 0 is none.
    #[inline]
    pub(super) fn expiry_moved(&mut self, at: u32, from_ms: u64, to_ms: u64) {
        if from_ms != to_ms {
            self.put_due(at, from_ms, to_ms);
        }
    }

    fn put_due(&mut self, at: u32, from_ms: u64, to_ms: u64) {
        let held = &mut self.blocks[block_of(at)];
        let due = &mut Shared::make_mut(&mut held.block).due;
        if from_ms != 0 {
            due.remove(&(from_ms, at));
            self.due -= 1;
        }
        if to_ms != 0 {
            due.insert((to_ms, at));
            self.due += 1;
        }
        let before_ms = held.earliest_ms;
        held.earliest_ms = due.first().map_or(0, |&(at_ms, _)| at_ms);
        if held.earliest_ms != before_ms {
            let times = self.blocks.iter().map(|held| held.earliest_ms);
            self.earliest_ms = times.filter(|&at_ms| at_ms != 0).min().unwrap_or(0);
        }
    }

    /// The earliest expiry; 0 if there is none.
    #[inline]
    pub(super) fn next_expiry(&self) -> u64 {
        self.earliest_ms
    }

    /// The fields that expire before `now_ms`: block by block, earliest first in each.
    pub(super) fn expired(&self, now_ms: u64) -> impl Iterator<Item = Field<'_>> {
        let due = self.blocks.iter().filter(move |held| held.earliest_ms != 0 && held.earliest_ms < now_ms);
        due.flat_map(move |held| held.block.due.range(..(now_ms, 0))).map(|&(_, at)| self.get(at).field())
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let segments = self.blocks.iter().map(|held| held.block.segments.len());
        assert_eq!(segments.sum::<usize>(), self.len.div_ceil(SEGMENT_SLOTS));
        assert_eq!(self.blocks.len(), self.len.div_ceil(1 << BLOCK_BITS));
        let due = self.iter().zip(0..).filter(|(field, _)| field.expire_at_ms != 0);
        let due: BTreeSet<_> = due.map(|(field, at)| (field.expire_at_ms, at)).collect();
        for (number, held) in self.blocks.iter().enumerate() {
            let of_block: BTreeSet<_> =
                due.iter().copied().filter(|&(_, at)| block_of(at) == number).collect();
            assert_eq!(held.block.due, of_block);
            assert_eq!(held.earliest_ms, of_block.first().map_or(0, |&(at_ms, _)| at_ms));
        }
        assert_eq!((self.due, self.earliest_ms), (due.len(), due.first().map_or(0, |&(at_ms, _)| at_ms)));
    }
}
