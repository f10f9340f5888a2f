//! The tags of keys, as handlers see and change them.
//!
//! What must hold: whoever replaces the value of a key keeps the tags that the key has, and has seen first whether it has any:
//! one that has expired is removed, and one of which only the store knows is fetched.

use super::{Ctx, Reached};
use crate::effect::Effect;
use crate::keyspace::space::Space;
use crate::keyspace::tags::{At, Query};

/// What one tag takes in a record besides its bytes.
const TAG_OVERHEAD: usize = 10;
/// What an effect takes besides key and tags.
const EFFECT_OVERHEAD: usize = 32;

/// Tags that one key brings to another.
pub(crate) type Carried = Vec<Box<[u8]>>;

impl Ctx<'_> {
    /// The tags of a key, in no order.
    pub(crate) fn tags_of(&mut self, key: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
        let Reached { hash, space, part, .. } = self.reach(key);
        part.space(space).into_iter().flat_map(move |space| space.tags_of(hash, key))
    }

    /// Whether a key has tags.
    pub(crate) fn has_tags(&mut self, key: &[u8]) -> bool {
        self.tags_of(key).next().is_some()
    }

    /// From now on there are tags in the store, or will be.
    pub(crate) fn use_tags(&mut self) {
        if self.settles && !self.is_tagged {
            self.is_tagged = true;
            self.reserve.note_tags();
        }
    }

    /// A copy of the tags of a key, and what another key that gets them needs in the log at most.
    pub(crate) fn copy_tags(&mut self, from: &[u8], to: &[u8]) -> (Carried, usize) {
        let tags: Carried = self.tags_of(from).map(Box::from).collect();
        let bytes: usize = tags.iter().map(|tag| tag.len() + TAG_OVERHEAD).sum();
        (tags, bytes + to.len() + EFFECT_OVERHEAD)
    }

    /// A key that has just got another one's value gets its tags, and loses its own.
    pub(crate) fn give_tags(&mut self, key: &[u8], tags: &Carried) {
        if !tags.is_empty() || self.has_tags(key) {
            self.use_tags();
            let tags: Vec<&[u8]> = tags.iter().map(|tag| &**tag).collect();
            self.apply(Effect::TagSet { key, tags: &tags });
        }
    }

    /// Whether the value of a key may be replaced now. Its tags stay, so it has to be here, and if it has expired it goes first.
    #[cold]
    pub(super) fn may_replace(&mut self, key: &[u8]) -> bool {
        if self.is_tagged && self.miss_if_cold(key) {
            return false;
        }
        let now = self.now_ms;
        let Reached { hash, space, part, .. } = self.reach(key);
        if part.space(space).is_some_and(|space| space.is_tagged_and_expired(hash, key, now)) {
            self.claim(key);
        }
        true
    }

    /// The same of a value that is not a string; nothing to be seen while there are no tags.
    #[inline]
    pub(in crate::command) fn may_put(&mut self, key: &[u8]) -> bool {
        let Reached { space, part, .. } = self.reach(key);
        let is_plain = part.space(space).is_none_or(|space| space.tags().is_none()) && !self.is_tagged;
        is_plain || self.may_replace(key)
    }

    /// How many living keys of the selected database have a tag, expired ones left out.
    pub(crate) fn count_tag(&mut self, tag: &[u8]) -> usize {
        let (hash, now, mut count) = (self.keyspace.hash(tag), self.now_ms, 0);
        self.each_space(|space| count += space.count_tagged((hash, tag), now));
        count
    }

    /// How many living keys of one shard have a tag.
    pub(crate) fn count_tag_in(&mut self, shard: usize, (hash, tag): (u64, &[u8])) -> usize {
        let now = self.now_ms;
        self.in_shard(shard, |space| space.count_tagged((hash, tag), now)).unwrap_or(0)
    }

    /// Visits the living keys of a shard that a query asks for, in a lasting order, until `visit` says that it is enough. The
    /// shard is locked for `looks_max` keys at a time, unless it is held anyway. True if it was enough.
    pub(crate) fn each_tagged_in(
        &mut self,
        shard: usize,
        query: &Query<'_>,
        looks_max: usize,
        mut visit: impl FnMut(&[u8]) -> bool,
    ) -> bool {
        let (now, mut is_enough, mut from) = (self.now_ms, false, 0);
        loop {
            let step = |space: &Space| {
                space.each_tagged(query, from, now, looks_max, |key| {
                    is_enough = !visit(key);
                    !is_enough
                })
            };
            match self.in_shard(shard, step) {
                Some(At::From(next)) if !is_enough => from = next,
                _ => return is_enough,
            }
        }
    }

    /// Visits the tags of the living keys of a shard, each with how many there have it. The shard is locked for `looks_max`
    /// tags at a time, unless it is held anyway.
    pub(crate) fn each_tag_in(
        &mut self,
        shard: usize,
        looks_max: usize,
        mut visit: impl FnMut(&[u8], usize),
    ) {
        let (now, mut from) = (self.now_ms, 0);
        while let Some(At::From(next)) =
            self.in_shard(shard, |space| space.each_tag(from, now, looks_max, &mut visit))
        {
            from = next;
        }
    }
}
