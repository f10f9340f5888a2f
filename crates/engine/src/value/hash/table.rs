//! A large hash: a table of fields, found by hash, listed and sampled by number.
//!
//! Fields lie in numbered slots without holes, so that a random one is one step away and listing needs no table walk;
//! a removal moves the last slot into the hole. Chains of slot numbers hang on buckets, and the buckets grow and shrink
//! one at a time by linear hashing (Litwin, 1980): there is never a pause for rehashing. Slots and buckets are kept in
//! parts of some kilobytes, so nothing is copied as a whole when it grows, and cloning a table shares its parts until
//! either side changes them.
//!
//! What must hold: each slot is in the chain of its hash's bucket, once.
//! Scanning follows reversed bits under the mask of whole rounds, which gives SCAN its promise: a field that is there
//! from the start of a scan to its end is visited at least once, however the table grows and shrinks meanwhile.
//! The seed of the hash is drawn when the process starts, so that nobody can prepare fields that collide.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

use super::Field;
use super::heads::Heads;
use super::slots::{Slot, Slots, pack};

/// The end of a chain.
const NONE: u32 = u32::MAX;
const BUCKETS_MIN: usize = 8;
/// Fields that are prefetched together.
const PREFETCHED_MAX: usize = 64;
/// Buckets a slot, at most; past it a removal joins buckets.
const BUCKETS_A_SLOT_MAX: usize = 4;

#[derive(Clone)]
pub(super) struct FieldTable {
    heads: Heads,
    slots: Slots,
    entry_bytes: usize,
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

impl FieldTable {
    pub(super) fn new() -> Self {
        let mut heads = Heads::default();
        (0..BUCKETS_MIN).for_each(|_| heads.push(NONE));
        Self { heads, slots: Slots::default(), entry_bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.heads.heap_bytes() + self.slots.heap_bytes() + self.entry_bytes
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
        let mut at = self.heads.get(self.bucket(hash));
        while at != NONE {
            let slot = self.slots.get(at);
            if slot.hash == hash && slot.field().name == name {
                return Some(at);
            }
            at = slot.next;
        }
        None
    }

    /// Hints that these fields are about to be looked up: first all buckets, then all slots, then what is in them. Done
    /// one by one, each lookup waits three times for memory.
    pub(super) fn prefetch<'n>(&self, names: impl Iterator<Item = &'n [u8]>) {
        let mut places = [0; PREFETCHED_MAX];
        let mut count = 0;
        for (place, name) in places.iter_mut().zip(names) {
            *place = self.bucket(hash_of(name));
            self.heads.prefetch(*place);
            count += 1;
        }
        let heads = || places[..count].iter().map(|&bucket| self.heads.get(bucket)).filter(|&at| at != NONE);
        heads().for_each(|at| self.slots.prefetch(at));
        heads().for_each(|at| self.slots.prefetch_field(at));
    }

    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        self.find(name).map(|at| self.slots.get(at).field())
    }

    /// The field with this number, below `len`.
    pub(super) fn nth(&self, number: usize) -> Field<'_> {
        self.slots.get(narrow(number)).field()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        self.slots.iter()
    }

    /// Sets a field; true if it is new.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8], keep_expiry: bool) -> bool {
        let Some(at) = self.find(name) else {
            self.push(Field { name, value, expire_at_ms: 0 });
            return true;
        };
        let old = self.slots.get(at).field();
        let expire_at_ms = if keep_expiry { old.expire_at_ms } else { 0 };
        if old.expire_at_ms == expire_at_ms && old.value.len() == value.len() {
            let entry = &mut self.slots.get_mut(at).entry;
            let start = entry.len() - value.len();
            entry[start..].copy_from_slice(value);
        } else {
            let old_expiry = old.expire_at_ms;
            self.replace(at, pack(Field { name, value, expire_at_ms }));
            self.slots.expiry_moved(at, old_expiry, expire_at_ms);
        }
        false
    }

    /// Adds a field that is not there.
    pub(super) fn push(&mut self, field: Field<'_>) {
        let hash = hash_of(field.name);
        let bucket = self.bucket(hash);
        let entry = pack(field);
        self.entry_bytes += entry.len();
        let at = narrow(self.slots.len());
        let slot = Slot { next: self.heads.replace(bucket, at), hash, entry };
        self.slots.push(slot, field.expire_at_ms);
        if self.slots.len() > self.heads.len() {
            self.split_bucket();
        }
    }

    /// Puts another entry, of the same name, into a slot.
    fn replace(&mut self, at: u32, entry: Box<[u8]>) {
        self.entry_bytes += entry.len();
        let old = std::mem::replace(&mut self.slots.get_mut(at).entry, entry);
        self.entry_bytes -= old.len();
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(at) = self.find(name) else { return false };
        let next = self.slots.get(at).next;
        self.relink(at, next);
        let last = narrow(self.slots.len() - 1);
        if at != last {
            self.relink(last, at);
        }
        self.entry_bytes -= self.slots.remove(at).entry.len();
        while self.heads.len() > BUCKETS_MIN.max(self.slots.len() * BUCKETS_A_SLOT_MAX) {
            self.join_bucket();
        }
        true
    }

    /// Lets whatever points to a slot point elsewhere.
    fn relink(&mut self, from: u32, to: u32) {
        let bucket = self.bucket(self.slots.get(from).hash);
        let mut at = self.heads.get(bucket);
        if at == from {
            self.heads.replace(bucket, to);
            return;
        }
        while self.slots.get(at).next != from {
            at = self.slots.get(at).next;
        }
        self.slots.get_mut(at).next = to;
    }

    /// Adds one bucket and moves to it what belongs there.
    fn split_bucket(&mut self) {
        let source = self.heads.len() & self.mask();
        self.heads.push(NONE);
        let at = self.heads.replace(source, NONE);
        self.hang(at);
    }

    /// Takes the last bucket away; what it holds goes back to where it was split from.
    fn join_bucket(&mut self) {
        if let Some(at) = self.heads.pop() {
            self.hang(at);
        }
    }

    /// Puts the slots of a chain that hangs on no bucket where they belong.
    fn hang(&mut self, mut at: u32) {
        while at != NONE {
            let bucket = self.bucket(self.slots.get(at).hash);
            let head = self.heads.replace(bucket, at);
            at = std::mem::replace(&mut self.slots.get_mut(at).next, head);
        }
    }

    pub(super) fn expire_at(&mut self, name: &[u8], at_ms: u64) -> bool {
        let Some(at) = self.find(name) else { return false };
        let field = self.slots.get(at).field();
        if field.expire_at_ms != at_ms {
            let old_expiry = field.expire_at_ms;
            let entry = pack(Field { expire_at_ms: at_ms, ..field });
            self.replace(at, entry);
            self.slots.expiry_moved(at, old_expiry, at_ms);
        }
        true
    }

    pub(super) fn next_expiry(&self) -> u64 {
        self.slots.next_expiry()
    }

    /// The fields that expire before `now_ms`.
    pub(super) fn expired(&self, now_ms: u64) -> impl Iterator<Item = Field<'_>> {
        self.slots.expired(now_ms)
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
        let mut at = self.heads.get(bucket);
        while at != NONE {
            let slot = self.slots.get(at);
            visit(slot.field());
            at = slot.next;
        }
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        let mut linked = 0;
        for bucket in 0..self.heads.len() {
            let mut at = self.heads.get(bucket);
            while at != NONE {
                let slot = self.slots.get(at);
                assert_eq!(self.bucket(slot.hash), bucket);
                assert_eq!(slot.hash, hash_of(slot.field().name));
                linked += 1;
                at = slot.next;
            }
        }
        assert_eq!(linked, self.len());
        self.slots.check();
        let entry_bytes: usize = self.iter().map(|field| pack(field).len()).sum();
        assert_eq!(entry_bytes, self.entry_bytes);
    }
}
