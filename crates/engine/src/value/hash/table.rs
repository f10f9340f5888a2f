//! A large hash: a table of fields, found by hash, listed and sampled by number.
//!
//! Fields lie in numbered slots without holes, so that a random one is one step away and listing needs no table walk;
//! a removal moves the last slot into the hole. Chains of slot numbers hang on buckets, and the buckets grow and shrink
//! one at a time by linear hashing (Litwin, 1980): there is never a pause for rehashing. Slots are kept in segments,
//! so growing copies at most one of them.
//!
//! What must hold: each slot is in the chain of its hash's bucket, once; `due` has a pair for each slot with an expiry.
//! Scanning follows reversed bits under the mask of whole rounds, which gives SCAN its promise: a field that is there
//! from the start of a scan to its end is visited at least once, however the table grows and shrinks meanwhile.
//! The seed of the hash is drawn when the process starts, so that nobody can prepare fields that collide.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

use super::Field;
use crate::value::varint;

/// The end of a chain.
const NONE: u32 = u32::MAX;
/// Slots a segment: about 100 KB.
const SEGMENT_BITS: u32 = 12;
const SEGMENT_SLOTS: usize = 1 << SEGMENT_BITS;
const BUCKETS_MIN: usize = 8;
/// Buckets a slot, at most; past it a removal joins buckets.
const BUCKETS_A_SLOT_MAX: usize = 4;

#[derive(Clone)]
struct Slot {
    next: u32,
    hash: u32,
    /// `name length * 2 + expires | expiry, 8 bytes, only if expires | name | value`
    entry: Box<[u8]>,
}

#[derive(Clone)]
pub(super) struct FieldTable {
    heads: Vec<u32>,
    segments: Vec<Vec<Slot>>,
    len: usize,
    entry_bytes: usize,
    due: BTreeSet<(u64, u32)>,
}

fn hash_of(name: &[u8]) -> u32 {
    static SECRETS: OnceLock<RapidSecrets> = OnceLock::new();
    let secrets = SECRETS.get_or_init(|| RapidSecrets::seed(RandomState::new().hash_one(0u8)));
    let [a, b, c, d, ..] = rapidhash_v3_seeded(name, secrets).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn narrow(slot: usize) -> u32 {
    u32::try_from(slot).expect("a hash of four billion fields does not fit into memory")
}

fn pack(field: Field<'_>) -> Box<[u8]> {
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

impl Slot {
    #[inline]
    fn field(&self) -> Field<'_> {
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

impl FieldTable {
    pub(super) fn new() -> Self {
        Self {
            heads: vec![NONE; BUCKETS_MIN],
            segments: Vec::new(),
            len: 0,
            entry_bytes: 0,
            due: BTreeSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // Segments but the last are full, and a node of the set holds its pairs at two thirds on average.
        const DUE_BYTES: usize = size_of::<(u64, u32)>() * 3 / 2;
        let last = self.segments.last().map_or(0, Vec::capacity);
        let slots = self.segments.len().saturating_sub(1) * SEGMENT_SLOTS + last;
        self.heads.capacity() * size_of::<u32>()
            + self.segments.capacity() * size_of::<Vec<Slot>>()
            + slots * size_of::<Slot>()
            + self.entry_bytes
            + self.due.len() * DUE_BYTES
    }

    #[inline]
    fn slot(&self, at: u32) -> &Slot {
        &self.segments[(at >> SEGMENT_BITS) as usize][at as usize % SEGMENT_SLOTS]
    }

    #[inline]
    fn slot_mut(&mut self, at: u32) -> &mut Slot {
        &mut self.segments[(at >> SEGMENT_BITS) as usize][at as usize % SEGMENT_SLOTS]
    }

    /// Buckets of the last whole round, less one.
    fn mask(&self) -> usize {
        (1 << self.heads.len().ilog2()) - 1
    }

    #[inline]
    fn bucket(&self, hash: u32) -> usize {
        let mask = self.mask();
        let bucket = hash as usize & (2 * mask + 1);
        if bucket < self.heads.len() { bucket } else { bucket & mask }
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<u32> {
        let hash = hash_of(name);
        let mut at = self.heads[self.bucket(hash)];
        while at != NONE {
            let slot = self.slot(at);
            if slot.hash == hash && slot.field().name == name {
                return Some(at);
            }
            at = slot.next;
        }
        None
    }

    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        self.find(name).map(|at| self.slot(at).field())
    }

    /// The field with this number, below `len`.
    pub(super) fn nth(&self, number: usize) -> Field<'_> {
        self.slot(narrow(number)).field()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        self.segments.iter().flatten().map(Slot::field)
    }

    /// Sets a field; true if it is new.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8], keep_expiry: bool) -> bool {
        let Some(at) = self.find(name) else {
            self.push(Field { name, value, expire_at_ms: 0 });
            return true;
        };
        let old = self.slot(at).field();
        let expire_at_ms = if keep_expiry { old.expire_at_ms } else { 0 };
        if old.expire_at_ms == expire_at_ms && old.value.len() == value.len() {
            let entry = &mut self.slot_mut(at).entry;
            let start = entry.len() - value.len();
            entry[start..].copy_from_slice(value);
        } else {
            let old_expiry = old.expire_at_ms;
            self.replace(at, pack(Field { name, value, expire_at_ms }));
            self.moved(at, old_expiry, expire_at_ms);
        }
        false
    }

    /// Adds a field that is not there.
    pub(super) fn push(&mut self, field: Field<'_>) {
        let at = narrow(self.len);
        let hash = hash_of(field.name);
        let bucket = self.bucket(hash);
        let entry = pack(field);
        self.entry_bytes += entry.len();
        let slot = Slot { next: std::mem::replace(&mut self.heads[bucket], at), hash, entry };
        match self.segments.last_mut() {
            Some(last) if last.len() < SEGMENT_SLOTS => last.push(slot),
            first => {
                let room = if first.is_some() { SEGMENT_SLOTS } else { 64 };
                let mut segment = Vec::with_capacity(room);
                segment.push(slot);
                self.segments.push(segment);
            }
        }
        self.len += 1;
        if field.expire_at_ms != 0 {
            self.due.insert((field.expire_at_ms, at));
        }
        if self.len > self.heads.len() {
            self.split_bucket();
        }
    }

    /// Puts another entry, of the same name, into a slot.
    fn replace(&mut self, at: u32, entry: Box<[u8]>) {
        self.entry_bytes += entry.len();
        let old = std::mem::replace(&mut self.slot_mut(at).entry, entry);
        self.entry_bytes -= old.len();
    }

    /// Notes that a slot's expiry is another one.
    fn moved(&mut self, at: u32, from_ms: u64, to_ms: u64) {
        if from_ms != to_ms {
            self.due.remove(&(from_ms, at));
            if to_ms != 0 {
                self.due.insert((to_ms, at));
            }
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(at) = self.find(name) else { return false };
        let next = self.slot(at).next;
        self.relink(at, next);
        let last = narrow(self.len - 1);
        if at != last {
            self.relink(last, at);
        }
        self.take_slot(at, last);
        while self.heads.len() > BUCKETS_MIN.max(self.len * BUCKETS_A_SLOT_MAX) {
            self.join_bucket();
        }
        true
    }

    /// Takes an unlinked slot out and moves the last one into its place.
    fn take_slot(&mut self, at: u32, last: u32) {
        let expire_at_ms = self.slot(at).field().expire_at_ms;
        self.due.remove(&(expire_at_ms, at));
        let Some(mut moved) = self.segments.last_mut().and_then(Vec::pop) else { return };
        if at != last {
            let moved_expiry = moved.field().expire_at_ms;
            if self.due.remove(&(moved_expiry, last)) {
                self.due.insert((moved_expiry, at));
            }
            std::mem::swap(self.slot_mut(at), &mut moved);
        }
        self.entry_bytes -= moved.entry.len();
        self.len -= 1;
        if self.segments.last().is_some_and(Vec::is_empty) {
            self.segments.pop();
        }
    }

    /// Lets whatever points to a slot point elsewhere.
    fn relink(&mut self, from: u32, to: u32) {
        let bucket = self.bucket(self.slot(from).hash);
        let mut at = self.heads[bucket];
        if at == from {
            self.heads[bucket] = to;
            return;
        }
        while self.slot(at).next != from {
            at = self.slot(at).next;
        }
        self.slot_mut(at).next = to;
    }

    /// Adds one bucket and moves to it what belongs there.
    fn split_bucket(&mut self) {
        let source = self.heads.len() & self.mask();
        let target = self.heads.len();
        self.heads.push(NONE);
        let mut at = std::mem::replace(&mut self.heads[source], NONE);
        while at != NONE {
            let bucket = self.bucket(self.slot(at).hash);
            debug_assert!(bucket == source || bucket == target);
            let next = self.slot(at).next;
            self.slot_mut(at).next = std::mem::replace(&mut self.heads[bucket], at);
            at = next;
        }
    }

    /// Takes the last bucket away; what it holds goes back to where it was split from.
    fn join_bucket(&mut self) {
        let Some(mut at) = self.heads.pop() else { return };
        let target = self.heads.len() & self.mask();
        while at != NONE {
            let next = self.slot(at).next;
            self.slot_mut(at).next = std::mem::replace(&mut self.heads[target], at);
            at = next;
        }
        if self.heads.capacity() > 4 * self.heads.len() {
            self.heads.shrink_to(2 * self.heads.len());
        }
    }

    pub(super) fn expire_at(&mut self, name: &[u8], at_ms: u64) -> bool {
        let Some(at) = self.find(name) else { return false };
        let field = self.slot(at).field();
        if field.expire_at_ms != at_ms {
            let old_expiry = field.expire_at_ms;
            let entry = pack(Field { expire_at_ms: at_ms, ..field });
            self.replace(at, entry);
            self.moved(at, old_expiry, at_ms);
        }
        true
    }

    pub(super) fn next_expiry(&self) -> u64 {
        self.due.first().map_or(0, |&(at_ms, _)| at_ms)
    }

    /// The fields that expire before `now_ms`, earliest first.
    pub(super) fn expired(&self, now_ms: u64) -> impl Iterator<Item = Field<'_>> {
        self.due.range(..(now_ms, 0)).map(|&(_, at)| self.slot(at).field())
    }

    /// Visits one round's bucket and what was split off it; gives the cursor of the next, 0 after the last.
    pub(super) fn scan<'h>(&'h self, cursor: u64, visit: &mut dyn FnMut(Field<'h>)) -> u64 {
        let mask = self.mask();
        let bucket = usize::try_from(cursor & mask as u64).unwrap_or(0);
        self.visit_chain(bucket, visit);
        if bucket + mask + 1 < self.heads.len() {
            self.visit_chain(bucket + mask + 1, visit);
        }
        // Counts up from the highest bit under the mask.
        (cursor | !(mask as u64)).reverse_bits().wrapping_add(1).reverse_bits()
    }

    fn visit_chain<'h>(&'h self, bucket: usize, visit: &mut dyn FnMut(Field<'h>)) {
        let mut at = self.heads[bucket];
        while at != NONE {
            let slot = self.slot(at);
            visit(slot.field());
            at = slot.next;
        }
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let mut linked = 0;
        for (bucket, &head) in self.heads.iter().enumerate() {
            let mut at = head;
            while at != NONE {
                assert_eq!(self.bucket(self.slot(at).hash), bucket);
                assert_eq!(self.slot(at).hash, hash_of(self.slot(at).field().name));
                linked += 1;
                at = self.slot(at).next;
            }
        }
        assert_eq!(linked, self.len);
        assert_eq!(self.segments.iter().map(Vec::len).sum::<usize>(), self.len);
        assert_eq!(
            self.segments.iter().flatten().map(|slot| slot.entry.len()).sum::<usize>(),
            self.entry_bytes
        );
        let due = self.iter().zip(0..).filter(|(field, _)| field.expire_at_ms != 0);
        assert_eq!(due.map(|(field, at)| (field.expire_at_ms, at)).collect::<BTreeSet<_>>(), self.due);
    }
}
