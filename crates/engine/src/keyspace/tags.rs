//! The tags of keys: names by which keys of one database in one shard are found.
//!
//! Owns which tags a key has and which keys a tag has. What must hold: only a key with an entry has tags; the two sides say
//! the same; a key without tags and a tag without keys are not here at all, so a space whose keys have no tags has nothing.
//! Keys and tags are ordered by their stable hashes, so a walk may be interrupted anywhere and goes on where it was, and its
//! order in a folder is always the same.
//!
//! Leaves out: the clock. An expired key has its tags until it is removed; whoever asks says what time it is.

use super::hash::StableHash;
use super::space::Space;
use std::cmp::Reverse;
use std::collections::btree_map::{self, BTreeMap};
use std::collections::{BTreeSet, BinaryHeap};

/// Things by their names. Each has a number: the hash of its name, or, should another one have that, the next that is free.
struct Numbered<T> {
    things: BTreeMap<u64, Box<Thing<T>>>,
    /// No number is further than this from its hash.
    distance_max: u64,
}

struct Thing<T> {
    hash: u64,
    name: Box<[u8]>,
    value: T,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { things: BTreeMap::new(), distance_max: 0 }
    }
}

impl<T: Default> Numbered<T> {
    fn find(&self, hash: u64, name: &[u8]) -> Option<u64> {
        let mut numbers = (0..=self.distance_max).map(|distance| hash.wrapping_add(distance));
        numbers.find(|number| self.things.get(number).is_some_and(|thing| *thing.name == *name))
    }

    fn get(&self, hash: u64, name: &[u8]) -> Option<&T> {
        self.find(hash, name).map(|number| &self.things[&number].value)
    }

    /// The number of this name, which is taken in if it is not here.
    fn number(&mut self, hash: u64, name: &[u8]) -> u64 {
        if let Some(number) = self.find(hash, name) {
            return number;
        }
        let mut distance = 0;
        loop {
            let number = hash.wrapping_add(distance);
            if let btree_map::Entry::Vacant(free) = self.things.entry(number) {
                free.insert(Box::new(Thing { hash, name: name.into(), value: T::default() }));
                self.distance_max = self.distance_max.max(distance);
                return number;
            }
            distance += 1;
        }
    }

    fn value_mut(&mut self, number: u64) -> &mut T {
        &mut self.things.get_mut(&number).expect("a number that is known stands for a thing").value
    }
}

/// What is known of a key with tags.
#[derive(Default)]
struct KeyTags {
    /// The numbers of its tags, in order.
    tags: Vec<u64>,
    /// They came from the store, and the log does not know of them.
    is_unlogged: bool,
}

/// The tags of the keys of a space.
#[derive(Default)]
pub(crate) struct Tags {
    keys: Numbered<KeyTags>,
    tags: Numbered<BTreeSet<u64>>,
}

/// Which keys are asked for.
pub(crate) struct Query<'a> {
    /// Those with all of the tags; otherwise those with any.
    pub(crate) all: bool,
    /// Tags with their stable hashes, each once; at least one.
    pub(crate) tags: Vec<(u64, &'a [u8])>,
}

impl Query<'_> {
    /// Whether a key with these tags is meant.
    pub(crate) fn takes<'t>(&self, mut tags: impl Iterator<Item = &'t [u8]> + Clone) -> bool {
        let mut wanted = self.tags.iter();
        if self.all {
            wanted.all(|(_, tag)| tags.clone().any(|other| other == *tag))
        } else {
            tags.any(|tag| wanted.clone().any(|(_, other)| tag == *other))
        }
    }
}

/// How far a walk in one space has come.
pub(crate) enum At {
    /// What has this number or a higher one comes next.
    From(u64),
    /// There is no more.
    End,
}

impl Tags {
    /// Adds tags to a key. Returns how many it had not.
    fn add(&mut self, stable: StableHash, hash: u64, key: &[u8], tags: &[&[u8]]) -> usize {
        if tags.is_empty() {
            return 0;
        }
        let key = self.keys.number(hash, key);
        let has = self.keys.value_mut(key);
        let before = has.tags.len();
        has.tags.reserve_exact(tags.len());
        for tag in tags {
            let tag = self.tags.number(stable.of(tag), tag);
            if let Err(at) = has.tags.binary_search(&tag) {
                has.tags.insert(at, tag);
                self.tags.value_mut(tag).insert(key);
            }
        }
        has.tags.len() - before
    }

    /// Takes tags from a key. Returns how many it had.
    fn remove(&mut self, stable: StableHash, hash: u64, key: &[u8], tags: &[&[u8]]) -> usize {
        let Some(key) = self.keys.find(hash, key) else { return 0 };
        let has = self.keys.value_mut(key);
        let before = has.tags.len();
        for tag in tags {
            if let Some(tag) = self.tags.find(stable.of(tag), tag)
                && let Ok(at) = has.tags.binary_search(&tag)
            {
                has.tags.remove(at);
                unlink(&mut self.tags, tag, key);
            }
        }
        let removed = before - has.tags.len();
        if has.tags.is_empty() {
            self.keys.things.remove(&key);
        }
        removed
    }

    /// The key has none any more.
    fn clear(&mut self, hash: u64, key: &[u8]) {
        let Some(key) = self.keys.find(hash, key) else { return };
        if let Some(thing) = self.keys.things.remove(&key) {
            thing.value.tags.iter().for_each(|tag| unlink(&mut self.tags, *tag, key));
        }
    }

    fn names<'t>(&'t self, of: &'t KeyTags) -> impl Iterator<Item = &'t [u8]> + Clone {
        of.tags.iter().map(|tag| &*self.tags.things[tag].name)
    }

    /// The tags of a key, in no order.
    pub(crate) fn of(&self, hash: u64, key: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
        self.keys.get(hash, key).into_iter().flat_map(|has| self.names(has))
    }

    /// The numbers of the keys that a query may ask for, from this one on, in order, and whether it does.
    fn find<'t>(&'t self, query: &Query<'_>, from: u64) -> Box<dyn Iterator<Item = (u64, bool)> + 't> {
        let numbers = query.tags.iter().map(|(hash, tag)| self.tags.find(*hash, tag));
        if !query.all {
            let found: Vec<u64> = numbers.flatten().collect();
            if let [tag] = *found {
                return Box::new(self.tags.things[&tag].value.range(from..).map(|key| (*key, true)));
            }
            let keys = found.iter().map(|tag| self.tags.things[tag].value.range(from..));
            return Box::new(Merged::new(keys.collect()).map(|key| (key, true)));
        }
        let Some(mut wanted) = numbers.collect::<Option<Vec<u64>>>() else {
            return Box::new(std::iter::empty());
        };
        wanted.sort_unstable_by_key(|tag| self.tags.things[tag].value.len());
        let keys = self.tags.things[&wanted[0]].value.range(from..).copied();
        let judged = move |key: u64| {
            let has = &self.keys.things[&key].value.tags;
            (key, wanted[1..].iter().all(|tag| has.binary_search(tag).is_ok()))
        };
        Box::new(keys.map(judged))
    }
}

/// A tag has this key no longer.
fn unlink(tags: &mut Numbered<BTreeSet<u64>>, tag: u64, key: u64) {
    let keys = tags.value_mut(tag);
    keys.remove(&key);
    if keys.is_empty() {
        tags.things.remove(&tag);
    }
}

/// Several ascending sequences as one, each number once.
struct Merged<'t> {
    rest: Vec<std::collections::btree_set::Range<'t, u64>>,
    heads: BinaryHeap<Reverse<(u64, usize)>>,
}

impl<'t> Merged<'t> {
    fn new(mut rest: Vec<std::collections::btree_set::Range<'t, u64>>) -> Self {
        let heads = rest.iter_mut().enumerate();
        let heads =
            heads.filter_map(|(index, numbers)| numbers.next().map(|number| Reverse((*number, index))));
        Self { heads: heads.collect(), rest }
    }
}

impl Iterator for Merged<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let &Reverse((number, _)) = self.heads.peek()?;
        while let Some(&Reverse((other, index))) = self.heads.peek()
            && other == number
        {
            self.heads.pop();
            if let Some(next) = self.rest[index].next() {
                self.heads.push(Reverse((*next, index)));
            }
        }
        Some(number)
    }
}

impl Space {
    /// The tags of its keys; none if no key has any.
    #[inline]
    pub(crate) fn tags(&self) -> Option<&Tags> {
        self.tags.as_deref()
    }

    /// The tags of a key, in no order.
    pub(crate) fn tags_of(&self, hash: u64, key: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
        self.tags().into_iter().flat_map(move |tags| tags.of(hash, key))
    }

    /// Adds tags to a key that has an entry. Returns how many it had not.
    pub(super) fn add_tags(&mut self, hash: u64, key: &[u8], tags: &[&[u8]]) -> usize {
        if tags.is_empty() || self.get(hash, key).is_none() {
            return 0;
        }
        self.before_change(hash);
        let stable = self.table().hasher().stable;
        self.tags.get_or_insert_default().add(stable, hash, key, tags)
    }

    /// Takes tags from a key. Returns how many it had.
    pub(super) fn remove_tags(&mut self, hash: u64, key: &[u8], which: &[&[u8]]) -> usize {
        self.before_change(hash);
        let stable = self.table().hasher().stable;
        let Some(tags) = &mut self.tags else { return 0 };
        let removed = tags.remove(stable, hash, key, which);
        self.drop_empty_tags();
        removed
    }

    /// A key that has an entry has these tags and no others. Returns how many came or went.
    pub(super) fn set_tags(&mut self, hash: u64, key: &[u8], tags: &[&[u8]]) -> usize {
        let others: Vec<Box<[u8]>> =
            self.tags_of(hash, key).filter(|tag| !tags.contains(tag)).map(Box::from).collect();
        let others: Vec<&[u8]> = others.iter().map(|tag| &**tag).collect();
        self.add_tags(hash, key, tags) + self.remove_tags(hash, key, &others)
    }

    /// These tags came from the store with the key, which has none yet.
    pub(super) fn fetch_tags(&mut self, hash: u64, key: &[u8], tags: &[&[u8]]) {
        self.add_tags(hash, key, tags);
        if let Some(tags) = &mut self.tags
            && let Some(number) = tags.keys.find(hash, key)
        {
            tags.keys.value_mut(number).is_unlogged = true;
        }
    }

    /// The tags of a key, if the log does not know of them; from now on it does.
    pub(crate) fn log_tags(&mut self, hash: u64, key: &[u8]) -> Option<Vec<Box<[u8]>>> {
        let tags = self.tags.as_deref_mut()?;
        let number = tags.keys.find(hash, key)?;
        let is_unlogged = std::mem::take(&mut tags.keys.value_mut(number).is_unlogged);
        is_unlogged.then(|| tags.of(hash, key).map(Box::from).collect())
    }

    /// A key is gone, and its tags with it.
    #[cold]
    pub(super) fn clear_tags(&mut self, hash: u64, key: &[u8]) {
        if let Some(tags) = &mut self.tags {
            tags.clear(hash, key);
            self.drop_empty_tags();
        }
    }

    fn drop_empty_tags(&mut self) {
        if self.tags.as_ref().is_some_and(|tags| tags.keys.things.is_empty()) {
            self.tags = None;
        }
    }

    /// Whether a key with tags has expired and still lies here.
    #[cold]
    pub(crate) fn is_tagged_and_expired(&self, hash: u64, key: &[u8], now_ms: u64) -> bool {
        self.tags().is_some_and(|tags| tags.keys.find(hash, key).is_some())
            && self.get(hash, key).is_some_and(|entry| !entry.is_alive(now_ms))
    }

    /// Visits living keys that a query asks for, in the order of their numbers, until `looks_max` were looked at or `visit`
    /// says that it is enough. Returns where the walk goes on.
    pub(crate) fn each_tagged(
        &self,
        query: &Query<'_>,
        from: u64,
        now_ms: u64,
        looks_max: usize,
        mut visit: impl FnMut(&[u8]) -> bool,
    ) -> At {
        let Some(tags) = self.tags() else { return At::End };
        let is_any_due = self.is_any_due(now_ms);
        for ((number, is_meant), looks) in tags.find(query, from).zip(1..) {
            let is_enough = is_meant && {
                let key = &tags.keys.things[&number];
                let is_alive = || self.get(key.hash, &key.name).is_some_and(|entry| entry.is_alive(now_ms));
                (!is_any_due || is_alive()) && !visit(&key.name)
            };
            if is_enough || looks >= looks_max {
                return number.checked_add(1).map_or(At::End, At::From);
            }
        }
        At::End
    }

    /// How many living keys have a tag, given with its stable hash. Takes time for those only that have expired.
    pub(crate) fn count_tagged(&self, (hash, tag): (u64, &[u8]), now_ms: u64) -> usize {
        let Some(tags) = self.tags() else { return 0 };
        let Some(keys) = tags.tags.get(hash, tag) else { return 0 };
        if !self.is_any_due(now_ms) {
            return keys.len();
        }
        keys.len() - self.expired_tagged(tags, now_ms).filter(|number| keys.contains(number)).count()
    }

    /// Visits tags that living keys have, with how many, in the order of their numbers.
    pub(crate) fn each_tag(
        &self,
        from: u64,
        now_ms: u64,
        looks_max: usize,
        mut visit: impl FnMut(&[u8], usize),
    ) -> At {
        let Some(tags) = self.tags() else { return At::End };
        let mut expired: BTreeMap<u64, usize> = BTreeMap::new();
        for number in self.expired_tagged(tags, now_ms) {
            tags.keys.things[&number]
                .value
                .tags
                .iter()
                .for_each(|tag| *expired.entry(*tag).or_default() += 1);
        }
        let mut looked_at = tags.tags.things.range(from..);
        for (number, tag) in looked_at.by_ref().take(looks_max) {
            let keys = tag.value.len() - expired.get(number).copied().unwrap_or(0);
            if keys != 0 {
                visit(&tag.name, keys);
            }
        }
        looked_at.next().map_or(At::End, |(next, _)| At::From(*next))
    }

    fn is_any_due(&self, now_ms: u64) -> bool {
        self.due_from((0, 0)).next().is_some_and(|(at, _)| at < now_ms)
    }

    /// The numbers of keys with tags that have expired, each once.
    fn expired_tagged<'t>(&'t self, tags: &'t Tags, now_ms: u64) -> impl Iterator<Item = u64> + 't {
        let due = self.due_from((0, 0)).take_while(move |(at, _)| *at < now_ms);
        // Two keys of one hash have two pairs, and are found by either: a set has each once.
        let mut expired = BTreeSet::new();
        for (_, hash) in due {
            for number in (0..=tags.keys.distance_max).map(|distance| hash.wrapping_add(distance)) {
                if let Some(key) = tags.keys.things.get(&number)
                    && key.hash == hash
                    && self.get(hash, &key.name).is_some_and(|entry| !entry.is_alive(now_ms))
                {
                    expired.insert(number);
                }
            }
        }
        expired.into_iter()
    }
}

/// The bytes of tags in a checkpoint: how many, then each with its length.
pub(super) fn encode<'t>(tags: impl Iterator<Item = &'t [u8]> + Clone, out: &mut Vec<u8>) {
    crate::value::varint::put(out, tags.clone().count() as u64);
    for tag in tags {
        crate::value::varint::put(out, tag.len() as u64);
        out.extend_from_slice(tag);
    }
}

/// Reads them back; none if these are not the bytes of tags.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let count = crate::value::varint::take(&mut bytes)?;
    let tags =
        (0..count).map(|_| crate::value::varint::take_bytes(&mut bytes)).collect::<Option<Vec<_>>>()?;
    bytes.is_empty().then_some(tags)
}

#[cfg(test)]
#[path = "tags_tests.rs"]
mod tests;
