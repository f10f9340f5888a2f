//! Which record holds which value, for an index that allows each value once.
//!
//! A value is known by a [`Claim`], a keyed hash of the bytes that all values have which are equal to it. What must hold: each record of
//! the table that is in memory holds the claim of its value, or is about to come and has claimed it; so whoever finds a claim
//! free, and takes it in the same step, is alone with it. The other way round a claim outlasts its record until the log has the
//! record's end, so that whoever has the value next comes behind that in the log; and the record may have expired. So whoever meets another holder
//! looks at that record before he believes it. Left out: that look, which needs the lock of the holder's shard.

use crate::keyspace::part::Hashed;
use crate::value::json::Node;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Appends the bytes by which a record's value is one of a kind; false if it has none that could be there twice.
pub(crate) type WriteValue = dyn Fn(Node<'_>, &mut Vec<u8>) -> bool + Send + Sync;

/// What a value is known by: 128 bits, for which nobody outside can look for two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim(u64, u64);

impl Hash for Claim {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// The side of an index that has each value once.
pub(crate) struct Unique {
    /// As what values are compared, in a word of SQL; none: as values of JSON.
    kind: Option<Box<str>>,
    write: Box<WriteValue>,
    seeds: (RandomState, RandomState),
    claims: Mutex<Claims>,
    /// No record of the table is anywhere but in memory.
    is_whole: AtomicBool,
}

#[derive(Default)]
struct Claims {
    /// The hash of the record that holds each value.
    holders: HashMap<Claim, u64, BuildHasherDefault<Hashed>>,
    /// Further records that hold a value which has a holder: they were there before the index, or others wrote them into the store.
    further: HashMap<Claim, Vec<u64>>,
}

/// How a claim was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It was free.
    New(Claim),
    /// It was held by the record that leaves.
    Over(Claim),
    /// The record has no such value, or holds it already.
    Nothing,
}

/// Another record holds the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rival {
    pub(crate) claim: Claim,
    pub(crate) hash: u64,
}

impl Unique {
    /// `needs_store`: records may be only in a store, until it is known that none is.
    pub(crate) fn new(kind: Option<Box<str>>, write: Box<WriteValue>, needs_store: bool) -> Self {
        Self {
            kind,
            write,
            seeds: (RandomState::new(), RandomState::new()),
            claims: Mutex::default(),
            is_whole: AtomicBool::new(!needs_store),
        }
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind
    }

    /// Whether memory has all records.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole.load(Acquire)
    }

    /// To be called before a record leaves memory, or may have; and for the other way round once there are none such.
    pub(crate) fn set_whole(&self, is_whole: bool) {
        self.is_whole.store(is_whole, Release);
    }

    /// What a record would hold.
    pub(crate) fn claim_of(&self, data: Node<'_>) -> Option<Claim> {
        let mut bytes = Vec::with_capacity(64);
        let has_value = (self.write)(data, &mut bytes);
        has_value.then(|| Claim(self.seeds.0.hash_one(&bytes), self.seeds.1.hash_one(&bytes)))
    }

    /// Takes what a record is about to hold, before it does. `leaving`: a record that goes in the same step.
    pub(crate) fn take(&self, data: Node<'_>, hash: u64, leaving: Option<u64>) -> Result<Taken, Rival> {
        let Some(claim) = self.claim_of(data) else { return Ok(Taken::Nothing) };
        let mut claims = self.claims.lock();
        match claims.holders.get_mut(&claim) {
            None => {
                claims.holders.insert(claim, hash);
                Ok(Taken::New(claim))
            }
            Some(holder) if *holder == hash => Ok(Taken::Nothing),
            Some(holder) if leaving == Some(*holder) => {
                *holder = hash;
                Ok(Taken::Over(claim))
            }
            Some(holder) => {
                let holder = *holder;
                let is_further = claims.further.get(&claim).is_some_and(|further| further.contains(&hash));
                if is_further { Ok(Taken::Nothing) } else { Err(Rival { claim, hash: holder }) }
            }
        }
    }

    /// Gives back what was taken, since the record does not come.
    pub(crate) fn give_back(&self, taken: Taken, hash: u64, leaving: Option<u64>) {
        match (taken, leaving) {
            (Taken::New(claim), _) => self.release(claim, hash),
            (Taken::Over(claim), Some(leaving)) => {
                self.claims.lock().holders.insert(claim, leaving);
            }
            _ => {}
        }
    }

    /// This record does not hold the value any longer, or never did.
    pub(crate) fn release(&self, claim: Claim, hash: u64) {
        self.claims.lock().release(claim, hash);
    }

    /// The record with this hash has changed, come or gone. Returns what it does not hold any longer, to be released, and what it
    /// does.
    pub(crate) fn change(
        &self,
        hash: u64,
        old: Option<Node<'_>>,
        new: Option<Node<'_>>,
    ) -> (Option<Claim>, Option<Claim>) {
        let claim = |node: Option<Node<'_>>| node.and_then(|node| self.claim_of(node));
        let (old, new) = (claim(old), claim(new));
        if let Some(new) = new {
            self.claims.lock().hold(new, hash);
        }
        (old.filter(|_| old != new), new)
    }

    pub(super) fn clear(&self) -> Box<dyn Send> {
        Box::new(std::mem::take(&mut *self.claims.lock()))
    }

    /// Whether some value may be there more than once.
    pub(crate) fn is_contested(&self) -> bool {
        !self.claims.lock().further.is_empty()
    }

    /// A value that may be there more than once, and all records that hold it.
    pub(crate) fn contested(&self) -> Option<(Claim, Vec<u64>)> {
        let claims = self.claims.lock();
        let (claim, further) = claims.further.iter().next()?;
        let holder = claims.holders.get(claim);
        Some((*claim, holder.into_iter().chain(further).copied().collect()))
    }
}

impl Claims {
    fn hold(&mut self, claim: Claim, hash: u64) {
        let holder = *self.holders.entry(claim).or_insert(hash);
        if holder != hash {
            let further = self.further.entry(claim).or_default();
            if !further.contains(&hash) {
                further.push(hash);
            }
        }
    }

    fn release(&mut self, claim: Claim, hash: u64) {
        let next = match self.further.get_mut(&claim) {
            Some(further) => {
                further.retain(|other| *other != hash);
                let next = further.first().copied();
                if self.holders.get(&claim) == Some(&hash) && next.is_some() {
                    further.remove(0);
                }
                if further.is_empty() {
                    self.further.remove(&claim);
                }
                next
            }
            None => None,
        };
        if self.holders.get(&claim) == Some(&hash) {
            match next {
                Some(next) => self.holders.insert(claim, next),
                None => self.holders.remove(&claim),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json::Json;

    fn unique() -> Unique {
        let write = |data: Node<'_>, out: &mut Vec<u8>| data.get(b"a").map(|node| node.print(out)).is_some();
        Unique::new(None, Box::new(write), false)
    }

    fn record(value: u32) -> Json {
        Json::parse(format!("{{\"a\": {value}}}").as_bytes()).unwrap()
    }

    fn put(unique: &Unique, hash: u64, old: Option<u32>, new: Option<u32>) {
        let (old, new) = (old.map(record), new.map(record));
        let (left, _) = unique.change(hash, old.as_ref().map(Json::root), new.as_ref().map(Json::root));
        left.into_iter().for_each(|claim| unique.release(claim, hash));
    }

    fn take(unique: &Unique, hash: u64, value: u32) -> Result<Taken, u64> {
        unique.take(record(value).root(), hash, None).map_err(|rival| rival.hash)
    }

    #[test]
    fn a_value_is_free_once_its_last_holder_has_gone() {
        let unique = unique();
        put(&unique, 1, None, Some(7));
        assert_eq!(take(&unique, 2, 7), Err(1));
        assert_eq!(take(&unique, 1, 7), Ok(Taken::Nothing));
        put(&unique, 2, None, Some(7));
        put(&unique, 3, None, Some(7));
        assert_eq!(unique.contested().unwrap().1, [1, 2, 3]);
        assert_eq!(take(&unique, 3, 7), Ok(Taken::Nothing), "it has it already");
        put(&unique, 2, Some(7), None);
        put(&unique, 1, Some(7), Some(8));
        assert!(!unique.is_contested());
        assert_eq!(take(&unique, 1, 7), Err(3));
        put(&unique, 3, Some(7), None);
        assert!(matches!(take(&unique, 4, 7), Ok(Taken::New(_))));
        assert_eq!(take(&unique, 5, 8), Err(1));
    }

    #[test]
    fn what_was_taken_in_vain_is_given_back() {
        let unique = unique();
        let taken = take(&unique, 1, 7).unwrap();
        assert_eq!(take(&unique, 2, 7), Err(1));
        unique.give_back(taken, 1, None);
        let taken = take(&unique, 2, 7).unwrap();
        assert!(matches!(taken, Taken::New(_)));
        put(&unique, 2, None, Some(7));
        let over = unique.take(record(7).root(), 3, Some(2)).unwrap();
        assert!(matches!(over, Taken::Over(_)));
        unique.give_back(over, 3, Some(2));
        assert_eq!(take(&unique, 3, 7), Err(2));
        unique.take(record(7).root(), 3, Some(2)).unwrap();
        put(&unique, 2, Some(7), None);
        assert_eq!(take(&unique, 2, 7), Err(3), "the one that has left holds it no more");
    }

    #[test]
    fn a_record_without_a_value_holds_nothing() {
        let unique = unique();
        let empty = Json::parse(b"{}").unwrap();
        assert_eq!(unique.take(empty.root(), 1, None), Ok(Taken::Nothing));
        assert_eq!(unique.take(empty.root(), 2, None), Ok(Taken::Nothing));
    }
}
