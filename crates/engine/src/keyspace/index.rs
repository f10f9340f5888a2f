//! An index over one path of the records of a table.
//!
//! Owns an ordered set of pairs, a key made of what a record holds at the path ([`Key`]) and the hash under which the record is
//! found, for all shards together. It is told of each change under the lock of the record's shard. Keys are as long as they are
//! whatever the value, so they tell where to look and no more: who looks judges each record that he finds. What must hold: a record
//! that stands in a range all the time is found by whoever walks the range, wherever in it the record moves meanwhile: a walk is
//! known to the index, which notes for it what comes to where it has been. Left out: what a query asks.

mod key;
mod unique;

use key::keys_of;
pub(crate) use key::{Key, KeyRange, class, nearest};
pub(crate) use unique::{Claim, Rival, Taken, Unique};

use crate::value::json::Node;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

/// Entries that are taken out under one hold of the lock, at most: some hundred microseconds' worth.
pub(crate) const STEP_ENTRIES: usize = 16 * 1024;

/// An index.
pub(crate) struct Index {
    name: Box<str>,
    path: Box<[Box<str>]>,
    /// If it has each value once.
    unique: Option<Unique>,
    tree: Mutex<Tree>,
    /// How often it was begun anew, and with which of these all records have been put in.
    begun: AtomicU64,
    built: AtomicU64,
    /// How many the building has put in so far.
    pub(crate) progress: AtomicU64,
}

#[derive(Default)]
struct Tree {
    entries: BTreeSet<(Key, u64)>,
    /// How many entries there are of each class of values.
    classes: [usize; key::CLASSES],
    walks: Vec<Noted>,
    walk: u64,
}

/// What is noted for a walk.
struct Noted {
    walk: u64,
    descending: bool,
    /// It has been up to here.
    at: (Key, u64),
    came: Vec<u64>,
}

/// A walk over ranges of an index.
pub(crate) struct Walk<'i> {
    index: &'i Index,
    number: u64,
    /// What is left, the next range last.
    ranges: Vec<KeyRange>,
    descending: bool,
    at: Option<(Key, u64)>,
}

impl Index {
    pub(crate) fn new(name: &str, path: &[Box<str>], unique: Option<Unique>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            unique,
            tree: Mutex::default(),
            begun: AtomicU64::new(1),
            built: AtomicU64::new(0),
            progress: AtomicU64::new(0),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> &[Box<str>] {
        &self.path
    }

    /// That each value is there once; none if values may be there more often.
    pub(crate) fn unique(&self) -> Option<&Unique> {
        self.unique.as_ref()
    }

    /// Whether it is what the other one is to be.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let is_unique_alike = match (&self.unique, &other.unique) {
            (Some(one), Some(two)) => one.is_like(two),
            (one, two) => one.is_none() && two.is_none(),
        };
        self.name == other.name && self.path == other.path && is_unique_alike
    }

    /// Whether it may be asked.
    pub(crate) fn is_built(&self) -> bool {
        self.built.load(Acquire) == self.changes()
    }

    /// How often it was begun anew.
    pub(crate) fn changes(&self) -> u64 {
        self.begun.load(Acquire)
    }

    /// All records have been put in since it was begun anew so often.
    pub(crate) fn set_built(&self, changes: u64) {
        self.built.store(changes, Release);
    }

    /// Takes all entries out, to be dropped by the caller. It may have to be built anew.
    #[must_use]
    pub(crate) fn clear(&self, is_to_be_built: bool) -> Box<dyn Send> {
        let mut tree = self.tree.lock();
        if is_to_be_built {
            self.begun.fetch_add(1, AcqRel);
        }
        tree.classes = [0; key::CLASSES];
        let claims = self.unique.as_ref().map(Unique::clear);
        Box::new((std::mem::take(&mut tree.entries), claims))
    }

    /// Entries, of which a record may have several.
    pub(crate) fn len(&self) -> usize {
        self.tree.lock().entries.len()
    }

    /// How many entries there are of each class of values.
    pub(crate) fn classes(&self) -> [usize; key::CLASSES] {
        self.tree.lock().classes
    }

    fn value<'j>(&self, root: Node<'j>) -> Option<Node<'j>> {
        self.path.iter().try_fold(root, |node, key| node.get(key.as_bytes()))
    }

    /// The record with this hash has changed, come or gone. `has_twin`: another record with the same hash is there, whose
    /// entries are not known apart from its own.
    pub(super) fn change(&self, hash: u64, old: Option<Node<'_>>, new: Option<Node<'_>>, has_twin: bool) {
        let keys = |root: Option<Node<'_>>| root.map(|root| keys_of(self.value(root)));
        let (old, new) = (keys(old).filter(|_| !has_twin), keys(new));
        if old == new {
            return;
        }
        let mut tree = self.tree.lock();
        for key in old.iter().flat_map(key::Keys::iter) {
            tree.remove(key, hash);
        }
        for key in new.iter().flat_map(key::Keys::iter) {
            tree.insert(key, hash);
        }
    }

    /// Whether there are more entries in these ranges than `max`; else how many.
    pub(crate) fn count_upto(&self, ranges: &[KeyRange], max: usize) -> usize {
        let tree = self.tree.lock();
        let mut count = 0;
        for range in ranges {
            count += tree.entries.range(range.bounds()).take(max + 1 - count).count();
            if count > max {
                break;
            }
        }
        count
    }

    /// Begins a walk over ranges, which come in their order.
    pub(crate) fn walk(&self, mut ranges: Vec<KeyRange>, descending: bool) -> Walk<'_> {
        if !descending {
            ranges.reverse();
        }
        let mut tree = self.tree.lock();
        tree.walk += 1;
        Walk { index: self, number: tree.walk, ranges, descending, at: None }
    }
}

impl Tree {
    fn insert(&mut self, key: Key, hash: u64) {
        if self.entries.insert((key, hash)) {
            self.classes[key.class()] += 1;
        }
        for walk in &mut self.walks {
            let is_behind = if walk.descending { (key, hash) >= walk.at } else { (key, hash) <= walk.at };
            if is_behind {
                walk.came.push(hash);
            }
        }
    }

    fn remove(&mut self, key: Key, hash: u64) {
        if self.entries.remove(&(key, hash)) {
            self.classes[key.class()] -= 1;
        }
    }
}

impl Walk<'_> {
    /// Takes the hashes of the next entries, at least `min` of them, and all whose values may be as large as that of the last, so
    /// that what follows is surely behind. False at the end.
    pub(crate) fn next(&mut self, min: usize, hashes: &mut Vec<u64>) -> bool {
        let index = self.index;
        let mut tree = index.tree.lock();
        let first = hashes.len();
        while let Some(range) = self.ranges.last() {
            let (lower, upper) = range.bounds();
            let (lower, upper) = match self.at {
                Some(at) if self.descending => (lower, Bound::Excluded(at)),
                Some(at) => (Bound::Excluded(at), upper),
                None => (lower, upper),
            };
            let mut ended = true;
            let mut take = |entry: &(Key, u64), at: &mut Option<(Key, u64)>| {
                let is_enough = hashes.len() - first >= min.min(STEP_ENTRIES);
                if is_enough && at.is_none_or(|(last, _)| !last.is_near(entry.0)) {
                    ended = false;
                    return false;
                }
                hashes.push(entry.1);
                *at = Some(*entry);
                true
            };
            let mut at = self.at;
            if self.descending {
                let _ = tree.entries.range((lower, upper)).rev().all(|entry| take(entry, &mut at));
            } else {
                let _ = tree.entries.range((lower, upper)).all(|entry| take(entry, &mut at));
            }
            self.at = at;
            if !ended {
                break;
            }
            self.ranges.pop();
            self.at = None;
            let reached =
                if self.descending { (range_start(lower), 0) } else { (range_end(upper), u64::MAX) };
            if self.ranges.is_empty() {
                self.note(&mut tree, reached);
                return false;
            }
            if hashes.len() - first >= min.min(STEP_ENTRIES) {
                self.note(&mut tree, reached);
                return true;
            }
        }
        if let Some(at) = self.at {
            self.note(&mut tree, at);
        }
        !self.ranges.is_empty()
    }

    /// What comes up to here from now on is noted.
    fn note(&self, tree: &mut Tree, at: (Key, u64)) {
        match tree.walks.iter_mut().find(|noted| noted.walk == self.number) {
            Some(noted) => noted.at = at,
            None => {
                let descending = self.descending;
                tree.walks.push(Noted { walk: self.number, descending, at, came: Vec::new() });
            }
        }
    }

    /// What has come to where the walk had been, since this was last asked.
    pub(crate) fn came(&self, hashes: &mut Vec<u64>) {
        let mut tree = self.index.tree.lock();
        if let Some(noted) = tree.walks.iter_mut().find(|noted| noted.walk == self.number) {
            hashes.append(&mut noted.came);
        }
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        self.index.tree.lock().walks.retain(|noted| noted.walk != self.number);
    }
}

fn range_start(bound: Bound<(Key, u64)>) -> Key {
    match bound {
        Bound::Included((key, _)) | Bound::Excluded((key, _)) => key,
        Bound::Unbounded => Key::FIRST,
    }
}

fn range_end(bound: Bound<(Key, u64)>) -> Key {
    match bound {
        Bound::Included((key, _)) | Bound::Excluded((key, _)) => key,
        Bound::Unbounded => Key::LAST,
    }
}
