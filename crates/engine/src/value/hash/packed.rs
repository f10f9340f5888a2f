//! A small hash: its fields one after the other in a single buffer, in the order in which they were first set.
//!
//! ```text
//! field length | value length | field | value | expiry, 8 bytes, only if `expiring`
//! ```
//!
//! What must hold: no field stands twice; `next_expiry` is the earliest expiry, 0 if there is none. Lookups read the
//! buffer from its start, which the limits keep short. Once a field has been given an expiry, every entry carries one
//! (0: never), until the hash is dropped or becomes a table.

use super::Field;
use crate::value::varint;

#[derive(Clone, Default)]
pub(super) struct Packed {
    buf: Vec<u8>,
    count: u32,
    expiring: bool,
    next_expiry: u64,
}

/// Where an entry lies in the buffer.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    value: usize,
    end: usize,
}

const EXPIRY_BYTES: usize = 8;

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.buf.capacity()
    }

    pub(super) fn expiring(&self) -> bool {
        self.expiring
    }

    pub(super) fn next_expiry(&self) -> u64 {
        self.next_expiry
    }

    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        self.iter().find(|field| field.name == name)
    }

    #[inline]
    pub(super) fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.buf, expiring: self.expiring }
    }

    fn find(&self, name: &[u8]) -> Option<(Span, Field<'_>)> {
        let mut iter = self.iter();
        loop {
            let start = self.buf.len() - iter.rest.len();
            let field = iter.next()?;
            if field.name == name {
                let end = self.buf.len() - iter.rest.len();
                let tail = if self.expiring { EXPIRY_BYTES } else { 0 };
                return Some((Span { start, value: end - tail - field.value.len(), end }, field));
            }
        }
    }

    /// Sets a field; true if it is new.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8], keep_expiry: bool) -> bool {
        let Some((span, old)) = self.find(name) else {
            self.push(Field { name, value, expire_at_ms: 0 });
            return true;
        };
        let (old_len, old_expiry) = (old.value.len(), old.expire_at_ms);
        let expire_at_ms = if keep_expiry { old_expiry } else { 0 };
        if old_len == value.len() {
            self.buf[span.value..span.value + old_len].copy_from_slice(value);
        } else {
            let mut entry = Vec::with_capacity(entry_size(name.len(), value.len()));
            write_entry(&mut entry, Field { name, value, expire_at_ms: old_expiry }, self.expiring);
            self.reserve((entry.len() + span.start).saturating_sub(span.end));
            self.buf.splice(span.start..span.end, entry);
        }
        if expire_at_ms != old_expiry {
            self.expire_at(name, expire_at_ms);
        }
        self.shrink();
        false
    }

    /// Adds a field that is not there.
    pub(super) fn push(&mut self, field: Field<'_>) {
        if field.expire_at_ms != 0 && !self.expiring {
            self.widen();
        }
        self.reserve(entry_size(field.name.len(), field.value.len()));
        write_entry(&mut self.buf, field, self.expiring);
        self.count += 1;
        self.next_expiry = earlier(self.next_expiry, field.expire_at_ms);
    }

    /// Makes room: exactly enough at first, then by halves, because most hashes stay as they were made.
    fn reserve(&mut self, bytes: usize) {
        if self.buf.capacity() - self.buf.len() < bytes {
            self.buf.reserve_exact(bytes + self.buf.len() / 2);
        }
    }

    fn shrink(&mut self) {
        if self.buf.capacity() > 2 * self.buf.len() + 32 {
            self.buf.shrink_to(self.buf.len() + self.buf.len() / 2);
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some((span, field)) = self.find(name) else { return false };
        let expire_at_ms = field.expire_at_ms;
        self.buf.drain(span.start..span.end);
        self.count -= 1;
        self.find_next_expiry(expire_at_ms);
        self.shrink();
        true
    }

    /// Gives a field an expiry, or none (0); false if there is no such field.
    pub(super) fn expire_at(&mut self, name: &[u8], at_ms: u64) -> bool {
        let Some((mut span, field)) = self.find(name) else { return false };
        let old = field.expire_at_ms;
        if old == at_ms {
            return true;
        }
        if !self.expiring {
            self.widen();
            let Some((widened, _)) = self.find(name) else { return false };
            span = widened;
        }
        self.buf[span.end - EXPIRY_BYTES..span.end].copy_from_slice(&at_ms.to_le_bytes());
        self.find_next_expiry(old);
        self.next_expiry = earlier(self.next_expiry, at_ms);
        true
    }

    /// Looks for the earliest expiry anew, if the one that is gone was it.
    fn find_next_expiry(&mut self, gone_ms: u64) {
        if gone_ms != 0 && gone_ms == self.next_expiry {
            self.next_expiry = self.iter().fold(0, |next, field| earlier(next, field.expire_at_ms));
        }
    }

    /// Lets every entry carry an expiry.
    fn widen(&mut self) {
        let mut buf = Vec::with_capacity(self.buf.len() + self.len() * EXPIRY_BYTES);
        for field in self.iter() {
            write_entry(&mut buf, field, true);
        }
        self.buf = buf;
        self.expiring = true;
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.iter().count(), self.len());
        let names: std::collections::BTreeSet<_> = self.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), self.len());
        let next = self.iter().fold(0, |next, field| earlier(next, field.expire_at_ms));
        assert_eq!(self.next_expiry, next);
        assert!(self.expiring || next == 0);
    }
}

/// The earlier of two times, 0 being never.
pub(super) fn earlier(a: u64, b: u64) -> u64 {
    match (a, b) {
        (0, at) | (at, 0) => at,
        (a, b) => a.min(b),
    }
}

fn entry_size(name: usize, value: usize) -> usize {
    varint::size(name as u64) + varint::size(value as u64) + name + value + EXPIRY_BYTES
}

fn write_entry(out: &mut Vec<u8>, field: Field<'_>, expiring: bool) {
    varint::put(out, field.name.len() as u64);
    varint::put(out, field.value.len() as u64);
    out.extend_from_slice(field.name);
    out.extend_from_slice(field.value);
    if expiring {
        out.extend_from_slice(&field.expire_at_ms.to_le_bytes());
    }
}

/// The fields of a small hash.
#[derive(Clone)]
pub(super) struct Iter<'a> {
    rest: &'a [u8],
    expiring: bool,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        let name = usize::try_from(varint::take(&mut self.rest)?).ok()?;
        let value = usize::try_from(varint::take(&mut self.rest)?).ok()?;
        let (name, rest) = self.rest.split_at(name);
        let (value, rest) = rest.split_at(value);
        self.rest = rest;
        let mut expire_at_ms = 0;
        if self.expiring {
            let (expiry, rest) = rest.split_first_chunk()?;
            expire_at_ms = u64::from_le_bytes(*expiry);
            self.rest = rest;
        }
        Some(Field { name, value, expire_at_ms })
    }
}
