//! The packs of a large list in their order, in blocks shared by reference count.
//!
//! Owns the blocks, how many elements each holds, and the totals. What must hold: no block and no pack is empty; the counts
//! beside a block and beside a pack are its own; a block holds at most [`BLOCK_CHUNKS_MAX`] packs. All changes to a pack go
//! through `edit`, which keeps that true and copies what something else still holds: the block, which is some kilobytes
//! of pointers, and the pack.
//!
//! So cloning a row of a gigabyte touches a thousand blocks, not its hundred thousand packs, and finding an index walks
//! the blocks first. What makes a pack full, and which packs are joined, is for the list to say.

use std::collections::{VecDeque, vec_deque};
use std::ops::Range;

use super::chunks::End;
use super::pack::{self, Pack};
use crate::value::shared::Shared;

/// The most packs of a block: one of ordinary packs holds a megabyte. Tests split and join blocks of a few packs.
const BLOCK_CHUNKS_MAX: usize = if cfg!(test) { 6 } else { 128 };
/// Neighbours that hold no more than this together become one block.
const JOINED_CHUNKS_MAX: usize = BLOCK_CHUNKS_MAX / 2;

/// A pack in its block; its count stands here too, so that finding an index reads no pack.
#[derive(Clone)]
pub(super) struct Chunk {
    count: u32,
    pack: Shared<Pack>,
}

impl Chunk {
    fn new(pack: Pack) -> Self {
        let count = narrow(pack.len());
        Self { count, pack: Shared::new(pack) }
    }

    /// The elements in it.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    #[inline]
    pub(super) fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The pack itself: a copy, if something else holds it too.
    pub(super) fn into_pack(self) -> Pack {
        Shared::into_inner(self.pack)
    }
}

#[derive(Clone)]
struct Block {
    elements: usize,
    /// The number of packs stands here too, so that finding a pack reads no other block.
    count: usize,
    chunks: Shared<VecDeque<Chunk>>,
}

impl Block {
    fn new(chunks: VecDeque<Chunk>) -> Self {
        Self {
            elements: chunks.iter().map(Chunk::count).sum(),
            count: chunks.len(),
            chunks: Shared::new(chunks),
        }
    }

    fn insert(&mut self, inside: usize, chunk: Chunk) {
        self.elements += chunk.count();
        self.count += 1;
        Shared::make_mut(&mut self.chunks).insert(inside, chunk);
    }

    fn remove(&mut self, inside: usize) -> Option<Chunk> {
        let chunk = Shared::make_mut(&mut self.chunks).remove(inside)?;
        self.elements -= chunk.count();
        self.count -= 1;
        Some(chunk)
    }

    fn split_off(&mut self, inside: usize) -> Self {
        let tail = Self::new(Shared::make_mut(&mut self.chunks).split_off(inside));
        self.elements -= tail.elements;
        self.count -= tail.count;
        tail
    }

    fn append(&mut self, other: Self) {
        self.elements += other.elements;
        self.count += other.count;
        Shared::make_mut(&mut self.chunks).extend(Shared::into_inner(other.chunks));
    }
}

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Row {
    blocks: VecDeque<Block>,
    chunks: usize,
    elements: usize,
    buffer_bytes: usize,
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("a pack counts in 32 bits")
}

impl Row {
    /// The number of packs.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.chunks
    }

    /// The number of elements.
    #[inline]
    pub(super) fn elements(&self) -> usize {
        self.elements
    }

    /// Bytes on the heap: all of them, whoever else holds them too.
    pub(super) fn heap_bytes(&self) -> usize {
        const CHUNK_BYTES: usize = size_of::<Chunk>() + size_of::<Pack>() + Shared::<Pack>::OVERHEAD_BYTES;
        const BLOCK_BYTES: usize = size_of::<VecDeque<Chunk>>() + Shared::<VecDeque<Chunk>>::OVERHEAD_BYTES;
        // The blocks at the ends may have room; those between them seldom have.
        let room = |block: Option<&Block>| {
            block.map_or(0, |block| (block.chunks.capacity() - block.chunks.len()) * size_of::<Chunk>())
        };
        let last = if self.blocks.len() > 1 { self.blocks.back() } else { None };
        self.blocks.capacity() * size_of::<Block>()
            + self.blocks.len() * BLOCK_BYTES
            + self.chunks * CHUNK_BYTES
            + room(self.blocks.front())
            + room(last)
            + self.buffer_bytes
    }

    /// The block of the pack at `at`, which is there, and the pack's place in it.
    #[inline]
    fn seek(&self, at: usize) -> (usize, usize) {
        let first = self.blocks[0].count;
        if at < first {
            return (0, at);
        }
        let last = self.blocks.len() - 1;
        let before_last = self.chunks - self.blocks[last].count;
        if at >= before_last {
            return (last, at - before_last);
        }
        let mut left = at - first;
        for (number, block) in self.blocks.iter().enumerate().skip(1) {
            if left < block.count {
                return (number, left);
            }
            left -= block.count;
        }
        unreachable!("the pack was said to be there")
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&Chunk> {
        if at >= self.chunks {
            return None;
        }
        let (block, inside) = self.seek(at);
        self.blocks[block].chunks.get(inside)
    }

    /// The packs at these places, from either end.
    pub(super) fn chunks(&self, range: Range<usize>) -> impl DoubleEndedIterator<Item = &Chunk> {
        let ends = (!range.is_empty()).then(|| (self.seek(range.start), self.seek(range.end - 1)));
        ends.into_iter().flat_map(move |(from, to)| {
            (from.0..to.0 + 1).flat_map(move |number| {
                let block = &self.blocks[number];
                let start = if number == from.0 { from.1 } else { 0 };
                let end = if number == to.0 { to.1 + 1 } else { block.count };
                block.chunks.range(start..end)
            })
        })
    }

    /// Changes the pack at `at`; one that is empty afterwards leaves the row.
    #[inline]
    pub(super) fn edit<R>(&mut self, at: usize, change: impl FnOnce(&mut Pack) -> R) -> R {
        let (number, inside) = self.seek(at);
        let block = &mut self.blocks[number];
        let chunk = &mut Shared::make_mut(&mut block.chunks)[inside];
        let pack = Shared::make_mut(&mut chunk.pack);
        let (bytes_before, count_before) = (pack.heap_bytes(), chunk.count as usize);
        let changed = change(pack);
        let (bytes, count) = (pack.heap_bytes(), pack.len());
        chunk.count = narrow(count);
        block.elements = block.elements - count_before + count;
        self.elements = self.elements - count_before + count;
        self.buffer_bytes = self.buffer_bytes - bytes_before + bytes;
        if count == 0 {
            self.remove(at);
        }
        changed
    }

    /// Takes an element off one end and shows it to `take`.
    #[inline]
    pub(super) fn pop_with<R>(&mut self, end: End, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let block = match end {
            End::Front => self.blocks.front_mut()?,
            End::Back => self.blocks.back_mut()?,
        };
        let chunks = Shared::make_mut(&mut block.chunks);
        let chunk = match end {
            End::Front => chunks.front_mut()?,
            End::Back => chunks.back_mut()?,
        };
        if chunk.count == 1 {
            // It may be long, and somebody else's too: it is not copied to be dropped.
            let at = if end == End::Front { 0 } else { self.chunks - 1 };
            return self.remove(at)?.pack.get(0).map(take);
        }
        let pack = Shared::make_mut(&mut chunk.pack);
        let taken = match end {
            End::Front => pack.pop_front_with(take),
            End::Back => pack.pop_back_with(take),
        };
        chunk.count -= 1;
        block.elements -= 1;
        self.elements -= 1;
        taken
    }

    /// Puts a pack, which is not empty, into the row at `at`.
    pub(super) fn place(&mut self, at: usize, pack: Pack) {
        let chunk = Chunk::new(pack);
        self.buffer_bytes += chunk.pack.heap_bytes();
        self.elements += chunk.count();
        if self.chunks == 0 {
            self.chunks = 1;
            return self.blocks.push_back(Block::new(VecDeque::from([chunk])));
        }
        let (mut number, mut inside) = if at == self.chunks {
            let (number, inside) = self.seek(at - 1);
            (number, inside + 1)
        } else {
            self.seek(at)
        };
        self.chunks += 1;
        if self.blocks[number].count == BLOCK_CHUNKS_MAX {
            // A list that grows at an end leaves full blocks behind.
            if inside == 0 || inside == BLOCK_CHUNKS_MAX {
                let at = number + usize::from(inside > 0);
                return self.blocks.insert(at, Block::new(VecDeque::from([chunk])));
            }
            let tail = self.blocks[number].split_off(BLOCK_CHUNKS_MAX / 2);
            self.blocks.insert(number + 1, tail);
            if inside > BLOCK_CHUNKS_MAX / 2 {
                (number, inside) = (number + 1, inside - BLOCK_CHUNKS_MAX / 2);
            }
        }
        self.blocks[number].insert(inside, chunk);
    }

    /// Takes the pack at `at` out of the row.
    pub(super) fn remove(&mut self, at: usize) -> Option<Chunk> {
        if at >= self.chunks {
            return None;
        }
        let (number, inside) = self.seek(at);
        let chunk = self.blocks[number].remove(inside)?;
        self.elements -= chunk.count();
        self.chunks -= 1;
        self.buffer_bytes -= chunk.pack.heap_bytes();
        if self.blocks[number].count == 0 {
            self.blocks.remove(number);
        } else {
            self.join(number + 1);
            self.join(number);
        }
        Some(chunk)
    }

    /// Takes out the whole block that begins with the pack at `at` if it holds at most `count` elements. Returns how many
    /// it held; 0 if no such block begins there.
    pub(super) fn remove_block(&mut self, at: usize, count: usize) -> usize {
        if at >= self.chunks {
            return 0;
        }
        let (number, inside) = self.seek(at);
        if inside != 0 || self.blocks[number].elements > count {
            return 0;
        }
        let Some(block) = self.blocks.remove(number) else { return 0 };
        self.chunks -= block.count;
        self.elements -= block.elements;
        self.buffer_bytes -= block.chunks.iter().map(|chunk| chunk.pack.heap_bytes()).sum::<usize>();
        block.elements
    }

    /// Makes one block of two neighbours, if both are small; `number` is the second one's.
    fn join(&mut self, number: usize) {
        if number == 0 || number >= self.blocks.len() {
            return;
        }
        if self.blocks[number - 1].count + self.blocks[number].count <= JOINED_CHUNKS_MAX
            && let Some(block) = self.blocks.remove(number)
        {
            self.blocks[number - 1].append(block);
        }
    }

    /// Where the element at `index` is: its block, the pack's place in the block and the element's in the pack. For the
    /// index past the last, the end of the last pack.
    fn find(&self, index: usize) -> (usize, usize, usize) {
        debug_assert!(index <= self.elements);
        if self.blocks.is_empty() {
            return (0, 0, 0);
        }
        let (number, mut left) = self.find_block(index);
        let chunks = &self.blocks[number].chunks;
        if left <= self.blocks[number].elements / 2 {
            for (inside, chunk) in chunks.iter().enumerate() {
                if left < chunk.count() {
                    return (number, inside, left);
                }
                left -= chunk.count();
            }
        }
        let mut start = self.blocks[number].elements;
        for (inside, chunk) in chunks.iter().enumerate().rev() {
            start -= chunk.count();
            if start <= left {
                return (number, inside, left - start);
            }
        }
        (number, 0, 0)
    }

    /// The block that holds the element at `index`, and the index inside of it.
    #[inline]
    fn find_block(&self, index: usize) -> (usize, usize) {
        if index <= self.elements / 2 {
            let mut left = index;
            for (number, block) in self.blocks.iter().enumerate() {
                if left < block.elements {
                    return (number, left);
                }
                left -= block.elements;
            }
        }
        let mut start = self.elements;
        for (number, block) in self.blocks.iter().enumerate().rev() {
            start -= block.elements;
            if start <= index {
                return (number, index - start);
            }
        }
        (0, 0)
    }

    /// The pack that holds the element at `index`, and the index inside of it.
    pub(super) fn locate(&self, index: usize) -> (usize, usize) {
        let (number, inside, element) = self.find(index);
        (self.blocks.range(..number).map(|block| block.count).sum::<usize>() + inside, element)
    }

    /// The element at `index`, which is there.
    pub(super) fn element(&self, index: usize) -> Option<&[u8]> {
        let (number, inside, element) = self.find(index);
        self.blocks.get(number)?.chunks.get(inside)?.pack.get(element)
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        Iter { blocks: self.blocks.iter(), ..Iter::default() }
    }

    /// Elements from `index` on.
    pub(super) fn iter_from(&self, index: usize) -> Iter<'_> {
        let (number, inside, element) = self.find(index);
        let Some(block) = self.blocks.get(number) else { return Iter::default() };
        Iter {
            front: block.chunks[inside].pack.iter_from(element),
            front_chunks: block.chunks.range(inside + 1..),
            blocks: self.blocks.range(number + 1..),
            ..Iter::default()
        }
    }

    /// Elements before `index`.
    pub(super) fn iter_until(&self, index: usize) -> Iter<'_> {
        let (number, inside, element) = self.find(index);
        let Some(block) = self.blocks.get(number) else { return Iter::default() };
        Iter {
            blocks: self.blocks.range(..number),
            back_chunks: block.chunks.range(..inside),
            back: block.chunks[inside].pack.iter_until(element),
            ..Iter::default()
        }
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        for block in &self.blocks {
            assert!((1..=BLOCK_CHUNKS_MAX).contains(&block.count));
            assert_eq!(block.count, block.chunks.len());
            assert_eq!(block.elements, block.chunks.iter().map(Chunk::count).sum::<usize>());
            for chunk in block.chunks.iter() {
                chunk.pack.check();
                assert!(chunk.count > 0);
                assert_eq!(chunk.count(), chunk.pack.len());
            }
        }
        let chunks = || self.blocks.iter().flat_map(|block| block.chunks.iter());
        assert_eq!(self.chunks, chunks().count());
        assert_eq!(self.elements, chunks().map(Chunk::count).sum::<usize>());
        assert_eq!(self.buffer_bytes, chunks().map(|chunk| chunk.pack.heap_bytes()).sum::<usize>());
    }
}

/// The elements of a row, from either end: a pack that was begun at each end, the rest of their blocks, and the blocks
/// between.
#[derive(Clone, Default)]
pub(super) struct Iter<'a> {
    front: pack::Iter<'a>,
    front_chunks: vec_deque::Iter<'a, Chunk>,
    blocks: vec_deque::Iter<'a, Block>,
    back_chunks: vec_deque::Iter<'a, Chunk>,
    back: pack::Iter<'a>,
}

impl<'a> Iter<'a> {
    pub(super) fn over(pack: pack::Iter<'a>) -> Self {
        Self { front: pack, ..Self::default() }
    }

    /// Begins the next pack from the front; false if only the one that was begun at the back is left.
    fn advance(&mut self) -> bool {
        loop {
            if let Some(chunk) = self.front_chunks.next() {
                self.front = chunk.pack.iter();
                return true;
            }
            self.front_chunks = match self.blocks.next() {
                Some(block) => block.chunks.iter(),
                None if self.back_chunks.len() == 0 => return false,
                None => std::mem::take(&mut self.back_chunks),
            };
        }
    }

    /// Begins the next pack from the back; false if only the one that was begun at the front is left.
    fn advance_back(&mut self) -> bool {
        loop {
            if let Some(chunk) = self.back_chunks.next_back() {
                self.back = chunk.pack.iter();
                return true;
            }
            self.back_chunks = match self.blocks.next_back() {
                Some(block) => block.chunks.iter(),
                None if self.front_chunks.len() == 0 => return false,
                None => std::mem::take(&mut self.front_chunks),
            };
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if let Some(element) = self.front.next() {
                return Some(element);
            }
            if !self.advance() {
                return self.back.next();
            }
        }
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(element) = self.back.next_back() {
                return Some(element);
            }
            if !self.advance_back() {
                return self.front.next_back();
            }
        }
    }
}
