//! The hash: fields with values, each field with an expiry of its own if it was given one.
//!
//! A small hash is one buffer, a large one a table; [`Limits`] says which, and a table stays one. What must hold: times
//! are absolute Unix milliseconds, 0 stands for never, and a field is gone once now is past its time. Reads take the
//! time and see no field that is gone. Changes take none: they do what they are told to every field that is still
//! there, so that replaying them gives the same hash; what has expired is removed before, by whoever knows the time.
//!
//! Fields without expiry pay nothing for those with one, except that a small hash keeps eight bytes for every field once
//! one of them was given an expiry. An emptied hash is for the keyspace to remove.

mod heads;
mod packed;
mod slots;
mod table;

#[cfg(test)]
mod tests;

use packed::Packed;
use table::FieldTable;

/// Up to where a hash is small: `hash-max-listpack-entries` and `hash-max-listpack-value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most fields.
    pub entries_max: usize,
    /// The most bytes of a field and of a value, each.
    pub bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries_max: 512, bytes_max: 64 }
    }
}

/// A field of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// What it is found by.
    pub name: &'a [u8],
    /// What it holds.
    pub value: &'a [u8],
    /// When it expires, in Unix milliseconds; 0 is never.
    pub expire_at_ms: u64,
}

impl Field<'_> {
    /// Whether its time has not passed.
    #[must_use]
    pub fn is_alive(&self, now_ms: u64) -> bool {
        self.expire_at_ms == 0 || now_ms <= self.expire_at_ms
    }
}

/// See the module.
///
/// Cloning copies a small hash and shares the parts of a large one until either side changes them.
#[derive(Clone)]
pub struct Hash {
    body: Body,
    /// [`Limits`] in less space; what does not fit is no limit.
    entries_max: u32,
    bytes_max: u32,
}

#[derive(Clone)]
enum Body {
    Small(Packed),
    Large(Box<FieldTable>),
}

impl Default for Hash {
    fn default() -> Self {
        Self::with_limits(Limits::default())
    }
}

impl Hash {
    /// An empty hash with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty hash that is small up to these limits.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            body: Body::Small(Packed::default()),
            entries_max: u32::try_from(limits.entries_max).unwrap_or(u32::MAX),
            bytes_max: u32::try_from(limits.bytes_max).unwrap_or(u32::MAX),
        }
    }

    /// The number of living fields. Constant time, unless something has expired and was not removed yet.
    #[must_use]
    pub fn len(&self, now_ms: u64) -> usize {
        let stored = self.stored_len();
        match self.next_expiry() {
            Some(at_ms) if at_ms < now_ms => stored - self.expired_fields(now_ms).count(),
            _ => stored,
        }
    }

    /// The number of fields, expired ones included.
    #[must_use]
    pub fn stored_len(&self) -> usize {
        match &self.body {
            Body::Small(packed) => packed.len(),
            Body::Large(table) => table.len(),
        }
    }

    /// Whether there are no fields, not even expired ones.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stored_len() == 0
    }

    /// Whether there are fields and all of them have expired. Constant time, unless something has expired.
    #[must_use]
    #[inline]
    pub fn is_spent(&self, now_ms: u64) -> bool {
        self.next_expiry().is_some_and(|at_ms| at_ms < now_ms) && self.len(now_ms) == 0
    }

    /// The name that `OBJECT ENCODING` gives to the layout. Valkey makes a table of a hash when a field is first given an
    /// expiry; here it may stay packed, under the name that Valkey would give.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        match &self.body {
            Body::Small(packed) if !packed.expiring() => "listpack",
            _ => "hashtable",
        }
    }

    /// Bytes on the heap, free room included; the hash's own struct is the holder's to count. Constant time.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.body {
            Body::Small(packed) => packed.heap_bytes(),
            Body::Large(table) => size_of::<FieldTable>() + table.heap_bytes(),
        }
    }

    /// Hints that fields of these names are about to be looked up; only the first few dozen are taken.
    pub(crate) fn prefetch<'n>(&self, names: impl Iterator<Item = &'n [u8]>) {
        if let Body::Large(table) = &self.body {
            table.prefetch(names);
        }
    }

    /// The living field of this name.
    #[must_use]
    #[inline]
    pub fn field(&self, name: &[u8], now_ms: u64) -> Option<Field<'_>> {
        let field = match &self.body {
            Body::Small(packed) => packed.get(name),
            Body::Large(table) => table.get(name),
        };
        field.filter(|field| field.is_alive(now_ms))
    }

    /// The value of a living field.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &[u8], now_ms: u64) -> Option<&[u8]> {
        self.field(name, now_ms).map(|field| field.value)
    }

    /// Whether there is a living field of this name.
    #[must_use]
    pub fn contains(&self, name: &[u8], now_ms: u64) -> bool {
        self.field(name, now_ms).is_some()
    }

    /// When a living field expires, 0 being never; none without such a field.
    #[must_use]
    pub fn expiry(&self, name: &[u8], now_ms: u64) -> Option<u64> {
        self.field(name, now_ms).map(|field| field.expire_at_ms)
    }

    /// The earliest time at which a field expires, which may have passed.
    #[must_use]
    #[inline]
    pub fn next_expiry(&self) -> Option<u64> {
        let at_ms = match &self.body {
            Body::Small(packed) => packed.next_expiry(),
            Body::Large(table) => table.next_expiry(),
        };
        (at_ms != 0).then_some(at_ms)
    }

    fn expired_fields(&self, now_ms: u64) -> impl Iterator<Item = Field<'_>> {
        let (small, large) = match &self.body {
            Body::Small(packed) => (Some(packed), None),
            Body::Large(table) => (None, Some(table)),
        };
        let small = small.into_iter().flat_map(Packed::iter).filter(move |field| !field.is_alive(now_ms));
        small.chain(large.into_iter().flat_map(move |table| table.expired(now_ms)))
    }

    /// The names of up to `max` fields that have expired and are still stored.
    #[must_use]
    pub fn expired(&self, now_ms: u64, max: usize) -> Vec<Vec<u8>> {
        if self.next_expiry().is_none_or(|at_ms| at_ms >= now_ms) {
            return Vec::new();
        }
        self.expired_fields(now_ms).take(max).map(|field| field.name.to_vec()).collect()
    }

    /// Sets a field and drops its expiry, unless it is to be kept; true if the field is new.
    pub fn insert(&mut self, name: &[u8], value: &[u8], keep_expiry: bool) -> bool {
        let fits = name.len().max(value.len()) <= self.bytes_max as usize;
        if let Body::Small(packed) = &mut self.body {
            if fits {
                let new = packed.insert(name, value, keep_expiry);
                if packed.len() > self.entries_max as usize {
                    self.grow();
                }
                return new;
            }
            self.grow();
        }
        match &mut self.body {
            Body::Small(packed) => packed.insert(name, value, keep_expiry),
            Body::Large(table) => table.insert(name, value, keep_expiry),
        }
    }

    /// Makes a table of a small hash.
    #[cold]
    fn grow(&mut self) {
        if let Body::Small(packed) = &self.body {
            let mut table = FieldTable::new();
            packed.iter().for_each(|field| table.push(field));
            self.body = Body::Large(Box::new(table));
        }
    }

    /// Removes a field; false if it is not stored.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match &mut self.body {
            Body::Small(packed) => packed.remove(name),
            Body::Large(table) => table.remove(name),
        }
    }

    /// Gives a field an expiry, or none (0); false if it is not stored.
    pub fn expire_at(&mut self, name: &[u8], at_ms: u64) -> bool {
        match &mut self.body {
            Body::Small(packed) => packed.expire_at(name, at_ms),
            Body::Large(table) => table.expire_at(name, at_ms),
        }
    }

    /// Takes a field's expiry away; false if it is not stored.
    pub fn persist(&mut self, name: &[u8]) -> bool {
        self.expire_at(name, 0)
    }

    /// All fields, expired ones included: in the order of their making while the hash is small.
    pub fn stored(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        let (small, large) = match &self.body {
            Body::Small(packed) => (Some(packed.iter()), None),
            Body::Large(table) => (None, Some(table.iter())),
        };
        small.into_iter().flatten().chain(large.into_iter().flatten())
    }

    /// All fields from this one on, in the order of [`Hash::stored`].
    pub fn stored_from(&self, number: usize) -> impl Iterator<Item = Field<'_>> + Clone {
        let (small, large) = match &self.body {
            Body::Small(packed) => (Some(packed.iter().skip(number)), None),
            Body::Large(table) => (None, Some((number..table.len()).map(|number| table.nth(number)))),
        };
        small.into_iter().flatten().chain(large.into_iter().flatten())
    }

    /// The names and values of the living fields.
    pub fn iter(&self, now_ms: u64) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.stored().filter(move |field| field.is_alive(now_ms)).map(|field| (field.name, field.value))
    }

    /// Visits some living fields and gives the cursor to go on with; 0 begins and ends a scan. A small hash is visited
    /// whole. A field that is there from the start to the end is visited at least once.
    pub fn scan<'h>(&'h self, cursor: u64, now_ms: u64, visit: &mut dyn FnMut(&'h [u8], &'h [u8])) -> u64 {
        let mut visit = |field: Field<'h>| {
            if field.is_alive(now_ms) {
                visit(field.name, field.value);
            }
        };
        match &self.body {
            Body::Small(packed) => {
                packed.iter().for_each(visit);
                0
            }
            Body::Large(table) => table.scan(cursor, &mut visit),
        }
    }

    /// A living field picked by the random number `pick`: each with the same chance, as long as none has expired.
    #[must_use]
    pub fn random(&self, now_ms: u64, pick: u64) -> Option<(&[u8], &[u8])> {
        let living = self.len(now_ms);
        let number = usize::try_from(pick.checked_rem(living as u64)?).ok()?;
        match &self.body {
            Body::Large(table) if living == table.len() => {
                let field = table.nth(number);
                Some((field.name, field.value))
            }
            _ => self.iter(now_ms).nth(number),
        }
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hash").field("encoding", &self.encoding()).field("len", &self.stored_len()).finish()
    }
}

/// Two hashes are equal if their fields, values and expiries are, however they are laid out.
impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        // Time 0 sees every field.
        self.stored_len() == other.stored_len()
            && self.stored().all(|field| other.field(field.name, 0) == Some(field))
    }
}

impl Eq for Hash {}
