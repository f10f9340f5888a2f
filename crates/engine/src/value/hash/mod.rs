//! PLACEHOLDER of the lead, so that the engine compiles: the owner of `value/` replaces this whole file and keeps the names
//! below, which the engine already uses: `Limits { entries_max, bytes_max }`, `Hash::{with_limits, next_expiry -> Option<u64>,
//! expired(now, max) -> Vec<Vec<u8>> (names only, nothing removed), insert(field, value, keep_ttl) -> is new, remove -> bool,
//! expire_at(field, ms; 0 persists) -> bool, is_empty (counts expired fields too), heap_bytes}`. A field is expired when
//! `now > expiry` (as Valkey), not at it.
#![allow(missing_docs)]
use std::collections::HashMap;
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub entries_max: usize,
    pub bytes_max: usize,
}
#[derive(Default, Clone, Debug, PartialEq)]
pub struct Hash {
    m: HashMap<Vec<u8>, Vec<u8>>,
}
impl Hash {
    pub fn with_limits(_: Limits) -> Self {
        Self::default()
    }
    pub fn next_expiry(&self) -> Option<u64> {
        None
    }
    pub fn expired(&self, _: u64, _: usize) -> Vec<Vec<u8>> {
        vec![]
    }
    pub fn insert(&mut self, f: &[u8], v: &[u8], _: bool) -> bool {
        self.m.insert(f.to_vec(), v.to_vec()).is_none()
    }
    pub fn remove(&mut self, f: &[u8]) -> bool {
        self.m.remove(f).is_some()
    }
    pub fn expire_at(&mut self, _: &[u8], _: u64) -> bool {
        false
    }
    pub fn is_empty(&self) -> bool {
        self.m.is_empty()
    }
    pub fn heap_bytes(&self) -> usize {
        0
    }
}
