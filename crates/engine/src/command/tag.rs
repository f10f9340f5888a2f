//! Tags of keys: TAG.*.
//!
//! A tag belongs to a key and not to its value: SET and its kin keep it, RENAME, COPY and MOVE carry it along, and it goes
//! with the key. What must hold: expired keys are neither told nor counted; a walk over all shards locks one at a time, for
//! a few hundred keys.
//!
//! Keys are told in the order of shards and, there, of stable hashes. So a key that has the tags all the time keeps its place
//! among the others, and pages by LIMIT miss or repeat keys only where keys before them have come or gone.

use super::scan::Names;
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::command::parse::is;
use crate::effect::Effect;
use crate::keyspace::tags::Query;
use crate::reply::Reply;
use crate::value::glob::glob;
use crate::value::number;
use std::collections::BTreeMap;

/// A tag has no more bytes than this.
const TAG_BYTES_MAX: usize = 1024;
/// A key has no more tags than this, and no more are asked for at once.
const TAGS_MAX: usize = 1000;
/// Keys or tags seen while a shard is locked.
const STEP_LOOKS: usize = 512;

/// The row of a command on tags.
const fn on_tags(name: &'static str, arity: i32, flags: u32, keys: Keys) -> Spec {
    Spec { name, arity, flags, keys, group: "tag", since: "0.1.0", summary: "", complexity: "", syntax: "" }
}

const WALKS: u32 = flag::READONLY | flag::WALKS | flag::BEYOND;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            summary: "Adds tags to a key; returns how many it did not have.",
            complexity: "O(N log M) where N is the number of tags given and M that of keys with tags",
            syntax: "key tag...",
            ..on_tags("tag.add", -3, flag::WRITE | flag::DENYOOM | flag::FAST, Keys::At(1))
        },
        run: add,
    },
    Command {
        spec: Spec {
            summary: "Removes tags from a key; returns how many it had.",
            complexity: "O(N log M) where N is the number of tags given and M that of keys with tags",
            syntax: "key tag...",
            ..on_tags("tag.rem", -3, flag::WRITE | flag::FAST, Keys::At(1))
        },
        run: remove,
    },
    Command {
        spec: Spec {
            summary: "Gives a key these tags and no others.",
            complexity: "O(N log M) where N is the number of tags and M that of keys with tags",
            syntax: "key [tag...]",
            ..on_tags("tag.set", -2, flag::WRITE | flag::DENYOOM | flag::FAST, Keys::At(1))
        },
        run: set,
    },
    Command {
        spec: Spec {
            summary: "Returns the tags of a key in the order of their bytes.",
            complexity: "O(N log N) where N is the number of its tags",
            syntax: "key",
            ..on_tags("tag.of", 2, flag::READONLY | flag::FAST, Keys::At(1))
        },
        run: of,
    },
    Command {
        spec: Spec {
            summary: "Returns all tags that keys have, in the order of their bytes.",
            complexity: "O(N log N) where N is the number of tags",
            syntax: "[MATCH pattern] [WITHCOUNTS]",
            ..on_tags("tag.list", -1, WALKS, Keys::None)
        },
        run: list,
    },
    Command {
        spec: Spec {
            summary: "Returns the keys that have all of the tags, or any. The last three words are an option if they are LIMIT and two integers with a tag before them; a negative count is all.",
            complexity: "O(N log M) where N is the number of keys with the rarest of the tags, or with any, and M that of keys with tags",
            syntax: "ALL|ANY tag... [LIMIT offset count]",
            ..on_tags("tag.keys", -3, WALKS, Keys::None)
        },
        run: keys,
    },
    Command {
        spec: Spec {
            summary: "Returns how many keys have all of the tags, or any.",
            complexity: "O(1) with one tag; with more as TAG.KEYS",
            syntax: "ALL|ANY tag...",
            ..on_tags("tag.count", -3, WALKS, Keys::None)
        },
        run: count,
    },
];

/// The answer where rows have no tags.
pub(crate) const NOT_KEPT: Fail = Fail::new("ERR the store behind does not keep tags");

fn admit(ctx: &Ctx<'_>) -> Outcome {
    if ctx.reserve.keeps_tags() { Ok(()) } else { Err(NOT_KEPT) }
}

/// Sees to the bounds of tags, and takes each of them once.
fn distinct<'a>(words: &[&'a [u8]]) -> Result<Vec<&'a [u8]>, Fail> {
    if words.iter().any(|tag| tag.len() > TAG_BYTES_MAX) {
        return Err(Fail::text(format!("ERR a tag may have at most {TAG_BYTES_MAX} bytes")));
    }
    let mut tags = words.to_vec();
    tags.sort_unstable();
    tags.dedup();
    Ok(tags)
}

fn too_many() -> Fail {
    Fail::text(format!("ERR a key may have at most {TAGS_MAX} tags"))
}

fn add(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    admit(ctx)?;
    let key = args[1];
    let mut tags = distinct(&args[2..])?;
    if ctx.claim(key).is_none() {
        return Err(Fail::NO_SUCH_KEY);
    }
    let known: Vec<Box<[u8]>> = ctx.tags_of(key).map(Box::from).collect();
    tags.retain(|tag| !known.iter().any(|other| **other == **tag));
    if known.len() + tags.len() > TAGS_MAX {
        return Err(too_many());
    }
    if !tags.is_empty() {
        ctx.use_tags();
        ctx.apply(Effect::TagAdd { key, tags: &tags });
    }
    out.count(tags.len());
    Ok(())
}

fn remove(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    admit(ctx)?;
    let key = args[1];
    let mut tags = distinct(&args[2..])?;
    ctx.claim(key);
    tags.retain(|tag| ctx.tags_of(key).any(|other| other == *tag));
    if !tags.is_empty() {
        ctx.apply(Effect::TagRemove { key, tags: &tags });
    }
    out.count(tags.len());
    Ok(())
}

fn set(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    admit(ctx)?;
    let key = args[1];
    let tags = distinct(&args[2..])?;
    if tags.len() > TAGS_MAX {
        return Err(too_many());
    }
    if ctx.claim(key).is_none() {
        return Err(Fail::NO_SUCH_KEY);
    }
    let known = sorted(ctx, key);
    if !known.iter().map(|tag| &**tag).eq(tags.iter().copied()) {
        ctx.use_tags();
        ctx.apply(Effect::TagSet { key, tags: &tags });
    }
    out.ok();
    Ok(())
}

fn sorted(ctx: &mut Ctx<'_>, key: &[u8]) -> Vec<Box<[u8]>> {
    let mut tags: Vec<Box<[u8]>> = ctx.tags_of(key).map(Box::from).collect();
    tags.sort_unstable();
    tags
}

fn of(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    admit(ctx)?;
    let is_there = ctx.look(args[1], |_| ()).is_some();
    let tags = if is_there { sorted(ctx, args[1]) } else { Vec::new() };
    out.array(tags.len());
    tags.iter().for_each(|tag| out.bulk(tag));
    Ok(())
}

/// What TAG.LIST asks for.
pub(crate) struct Listed<'a> {
    pattern: Option<&'a [u8]>,
    with_counts: bool,
}

impl<'a> Listed<'a> {
    /// Reads the words behind the name of the command.
    pub(crate) fn parse(words: &[&'a [u8]]) -> Result<Self, Fail> {
        let mut listed = Self { pattern: None, with_counts: false };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            if is(word, "withcounts") {
                listed.with_counts = true;
            } else if is(word, "match")
                && let Some(&pattern) = words.next()
            {
                listed.pattern = Some(pattern).filter(|pattern| *pattern != b"*");
            } else {
                return Err(Fail::SYNTAX);
            }
        }
        Ok(listed)
    }

    /// Answers tags with their counts, of which only those that match are told.
    pub(crate) fn reply(&self, mut counts: BTreeMap<Box<[u8]>, u64>, out: &mut dyn Reply) {
        counts.retain(|tag, _| self.pattern.is_none_or(|pattern| glob(pattern, tag, false)));
        if !self.with_counts {
            out.array(counts.len());
            return counts.keys().for_each(|tag| out.bulk(tag));
        }
        out.map(counts.len());
        for (tag, count) in counts {
            out.bulk(&tag);
            out.int(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

fn list(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    admit(ctx)?;
    let listed = Listed::parse(&args[1..])?;
    let mut counts: BTreeMap<Box<[u8]>, u64> = BTreeMap::new();
    for shard in 0..ctx.shards() {
        ctx.each_tag_in(shard, STEP_LOOKS, |tag, keys| match counts.get_mut(tag) {
            Some(count) => *count += keys as u64,
            None => {
                counts.insert(tag.into(), keys as u64);
            }
        });
    }
    listed.reply(counts, out);
    Ok(())
}

/// What TAG.KEYS and TAG.COUNT ask for.
pub(crate) struct Asked<'a> {
    pub(crate) all: bool,
    /// Each once.
    pub(crate) tags: Vec<&'a [u8]>,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

impl<'a> Asked<'a> {
    /// Reads the words behind the name of the command, at least two.
    pub(crate) fn parse(words: &[&'a [u8]], may_limit: bool) -> Result<Self, Fail> {
        let all = match words[0] {
            mode if is(mode, "all") => true,
            mode if is(mode, "any") => false,
            _ => return Err(Fail::new("ERR say ALL or ANY before the tags")),
        };
        let (mut tags, mut offset, mut limit) = (&words[1..], 0, usize::MAX);
        if may_limit
            && let [front @ .., word, from, count] = tags
            && let (false, true) = (front.is_empty(), is(word, "limit"))
            && let (Some(from), Some(count)) = (number::parse_i64(from), number::parse_i64(count))
        {
            tags = front;
            offset = usize::try_from(from).map_err(|_| Fail::new("ERR an offset cannot be negative"))?;
            limit = usize::try_from(count).unwrap_or(usize::MAX);
        }
        let tags = distinct(tags)?;
        if tags.len() > TAGS_MAX {
            return Err(Fail::text(format!("ERR at most {TAGS_MAX} tags can be asked for at once")));
        }
        Ok(Self { all, tags, offset, limit })
    }

    fn query(&self, ctx: &Ctx<'_>) -> Query<'a> {
        let tags = self.tags.iter().map(|tag| (ctx.hash(tag), *tag));
        Query { all: self.all, tags: tags.collect() }
    }
}

fn keys(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    admit(ctx)?;
    let asked = Asked::parse(&args[1..], true)?;
    let query = asked.query(ctx);
    let (mut skip, mut names) = (asked.offset, Names::default());
    for shard in 0..ctx.shards() {
        if names.len() >= asked.limit {
            break;
        }
        if skip > 0
            && let [tag] = *query.tags
        {
            // All of them are passed over at once.
            let here = ctx.count_tag_in(shard, tag);
            if here <= skip {
                skip -= here;
                continue;
            }
        }
        ctx.each_tagged_in(shard, &query, STEP_LOOKS, |key| {
            if skip > 0 {
                skip -= 1;
            } else if names.len() < asked.limit {
                names.push(key);
            }
            names.len() < asked.limit
        });
    }
    out.array(names.len());
    names.iter().for_each(|name| out.bulk(name));
    Ok(())
}

fn count(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    admit(ctx)?;
    let asked = Asked::parse(&args[1..], false)?;
    if let [tag] = *asked.tags {
        out.count(ctx.count_tag(tag));
        return Ok(());
    }
    let (query, mut count) = (asked.query(ctx), 0);
    for shard in 0..ctx.shards() {
        ctx.each_tagged_in(shard, &query, STEP_LOOKS, |_| {
            count += 1;
            true
        });
    }
    out.count(count);
    Ok(())
}
