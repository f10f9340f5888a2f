//! Walks over the keys of a database: SCAN, KEYS, RANDOMKEY, DBSIZE.
//!
//! No shard is locked for the command; each is locked for a few steps at a time. Expired keys are passed over and never
//! counted.
//!
//! SCAN's cursor holds the shard in its low bits (there are a power of two of them) and above it the cursor in that shard's
//! table, which promises that what is there from the start to the end of a scan is seen at least once. A table has fewer
//! than 2^35 cursors, so with up to 2^26 shards a cursor stays below 2^61 and is a signed integer to every client.
//!
//! With a store behind, SCAN goes on there after memory, under cursors with [`STORE_CURSOR`] that whoever knows the store
//! gives. What has settled is found there, so memory is passed over for it.

pub(crate) use super::parse::cursor;
use super::parse::{int, is};
use super::table::is_fresh;
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::keyspace::entry::Entry;
use crate::keyspace::item::Item;
use crate::reply::Reply;
use crate::value::Kind;
use crate::value::glob::glob;

/// The row of a walk.
const fn walk_row(
    name: &'static str,
    arity: i32,
    flags: u32,
    group: &'static str,
    since: &'static str,
) -> Spec {
    Spec {
        name,
        arity,
        flags: flag::READONLY | flag::WALKS | flags,
        keys: Keys::None,
        group,
        since,
        summary: "",
        complexity: "O(1)",
        syntax: "",
    }
}

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            summary: "Iterates over the key names in the database.",
            complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of keys in the database.",
            syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
            ..walk_row("scan", -2, flag::BEYOND, "generic", "2.8.0")
        },
        run: scan,
    },
    Command {
        spec: Spec {
            summary: "Returns all key names that match a pattern.",
            complexity: "O(N) with N being the number of keys in the database.",
            syntax: "pattern",
            ..walk_row("keys", 2, flag::BEYOND, "generic", "1.0.0")
        },
        run: keys,
    },
    Command {
        spec: Spec {
            summary: "Returns a random key name from the database.",
            ..walk_row("randomkey", 1, 0, "generic", "1.0.0")
        },
        run: random_key,
    },
    Command {
        spec: Spec {
            summary: "Returns the number of keys in the database.",
            ..walk_row("dbsize", 1, flag::FAST | flag::BEYOND, "server", "1.0.0")
        },
        run: dbsize,
    },
];

/// Keys seen while a shard is locked: some tens of microseconds' worth.
const STEP_KEYS: usize = 512;

/// Keys that were found, in one buffer.
#[derive(Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Names {
    pub(super) fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }
}

/// Where a walk over all shards stands.
struct Walk {
    shard: usize,
    /// The cursor in that shard's table.
    at: u64,
    /// True once a table has grown or shrunk between two looks at it: keys may have been seen twice.
    repeats: bool,
}

impl Walk {
    /// Visits keys, expired ones included, until `count` were seen or the walk is at its end. True at the end.
    fn advance(&mut self, ctx: &mut Ctx<'_>, count: usize, visit: &mut dyn FnMut(&Entry)) -> bool {
        let (mut seen, mut buckets) = (0, None);
        while self.shard < ctx.shards() {
            let mut at = self.at;
            let now = ctx.in_shard(self.shard, |space| {
                let (table, mut here) = (space.table(), 0);
                loop {
                    at = table.scan(at, &mut |entry| {
                        here += 1;
                        visit(&entry);
                    });
                    if at == 0 || here >= STEP_KEYS || seen + here >= count {
                        seen += here;
                        return table.buckets();
                    }
                }
            });
            self.at = if now.is_some() { at } else { 0 };
            self.repeats |= buckets.is_some_and(|before| Some(before) != now);
            if self.at == 0 {
                self.shard += 1;
                buckets = None;
            } else {
                buckets = now;
            }
            if seen >= count {
                break;
            }
        }
        self.shard >= ctx.shards()
    }
}

/// Visits all entries of the selected database, expired ones included, a few hundred under one lock. One that lies in a table
/// that grows or shrinks meanwhile may be visited twice.
pub(super) fn each_entry(ctx: &mut Ctx<'_>, visit: &mut dyn FnMut(&Entry)) {
    Walk { shard: 0, at: 0, repeats: false }.advance(ctx, usize::MAX, visit);
}

/// What SCAN's options ask for.
pub(crate) struct Filter<'a> {
    pattern: Option<&'a [u8]>,
    pub(crate) count: usize,
    kind: Option<&'a [u8]>,
}

impl Filter<'_> {
    pub(crate) fn matches(&self, key: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob(pattern, key, false))
    }

    pub(crate) fn asks_for_type(&self) -> bool {
        self.kind.is_some()
    }

    pub(crate) fn takes(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|wanted| is(wanted, kind.name()))
    }
}

/// Set in each cursor that goes on in the store; this one alone begins there.
pub(crate) const STORE_CURSOR: u64 = 1 << 61;
/// What expires within this time is met in memory although it has settled: its row may have expired once the walk gets to the store.
pub(super) const SOON_MS: u64 = 60 * 60 * 1000;
/// Entries looked at for a page if few of them are told.
const LOOKS_MAX: usize = 4096;

/// Whether a command that tells of all keys (`flag::BEYOND`) has to ask the store.
pub(crate) fn reaches_store(command: &Command, args: &[&[u8]]) -> bool {
    match command.spec.name {
        "scan" => cursor(args[1]).is_ok_and(|cursor| cursor & STORE_CURSOR != 0),
        // It looks itself whether memory has all that it asks for.
        "query" | "explain" => false,
        "table.get" => is_fresh(args),
        "table.list" => args.len() > 1,
        _ => true,
    }
}

/// Types that a key can be asked for, also those that no key can have yet.
const TYPES: &[&str] = &["string", "list", "set", "zset", "hash", "stream", "ReJSON-RL"];

fn scan(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let cursor = cursor(args[1])?;
    let filter = filter(&args[2..])?;
    // In a transaction memory is all there is.
    let goes_on = ctx.settles && ctx.may_ask;
    if ctx.settles && cursor & STORE_CURSOR != 0 {
        return Err(Fail::new("ERR this cursor goes on in the store, which is not asked in a transaction"));
    }
    let shards = ctx.shards() as u64;
    let shard = usize::try_from(cursor & (shards - 1)).unwrap_or(0);
    let mut walk = Walk { shard, at: cursor / shards, repeats: false };
    let (now_ms, mut names, mut looks) = (ctx.now_ms, Names::default(), 0);
    let ended = loop {
        let ended = walk.advance(ctx, filter.count, &mut |entry| {
            looks += 1;
            let is_in_store = goes_on && !entry.is_unsettled() && !expires_by(entry, now_ms + SOON_MS);
            if !is_in_store
                && entry.is_alive(now_ms)
                && filter.matches(entry.key())
                && filter.takes(entry.kind())
            {
                names.push(entry.key());
            }
        });
        if ended || !goes_on || names.ends.len() >= filter.count || looks >= LOOKS_MAX {
            break ended;
        }
    };
    let next = match (ended, goes_on) {
        (false, _) => walk.at * shards + walk.shard as u64,
        (true, true) => STORE_CURSOR,
        (true, false) => 0,
    };
    out.array(2);
    out.bulk(itoa::Buffer::new().format(next).as_bytes());
    out.array(names.ends.len());
    names.iter().for_each(|name| out.bulk(name));
    Ok(())
}

fn expires_by(entry: &Entry, at_ms: u64) -> bool {
    (1..=at_ms).contains(&entry.expire_at())
}

pub(crate) fn filter<'a>(args: &[&'a [u8]]) -> Result<Filter<'a>, Fail> {
    let mut filter = Filter { pattern: None, count: 10, kind: None };
    let mut rest = args.iter();
    while let Some(option) = rest.next() {
        let value = *rest.next().ok_or(Fail::SYNTAX)?;
        if is(option, "count") {
            let count = int(value)?;
            filter.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or(Fail::SYNTAX)?;
        } else if is(option, "match") {
            filter.pattern = Some(value).filter(|pattern| *pattern != b"*");
        } else if is(option, "type") {
            if !TYPES.iter().any(|name| is(value, name)) {
                let name = String::from_utf8_lossy(value);
                return Err(Fail::text(format!("ERR unknown type name '{name}'")));
            }
            filter.kind = Some(value);
        } else {
            return Err(Fail::SYNTAX);
        }
    }
    Ok(filter)
}

fn keys(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (pattern, now_ms, mut names) = (args[1], ctx.now_ms, Names::default());
    let mut walk = Walk { shard: 0, at: 0, repeats: false };
    walk.advance(ctx, usize::MAX, &mut |entry| {
        if glob(pattern, entry.key(), false) && entry.is_alive(now_ms) {
            names.push(entry.key());
        }
    });
    if walk.repeats {
        let mut sorted: Vec<&[u8]> = names.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        out.array(sorted.len());
        sorted.into_iter().for_each(|name| out.bulk(name));
    } else {
        out.array(names.ends.len());
        names.iter().for_each(|name| out.bulk(name));
    }
    Ok(())
}

fn dbsize(ctx: &mut Ctx<'_>, _: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (now_ms, mut living) = (ctx.now_ms, 0);
    ctx.each_space(|space| living += space.living(now_ms));
    out.count(living);
    Ok(())
}

/// Draws before it is taken that nearly everything in a table has expired.
const DRAWS_MAX: usize = 100;

fn random_key(ctx: &mut Ctx<'_>, _: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    // A second attempt is only needed if the chosen shard was emptied by somebody else meanwhile.
    for _ in 0..DRAWS_MAX {
        let now_ms = ctx.now_ms;
        let living: Vec<usize> = (0..ctx.shards())
            .map(|shard| ctx.in_shard(shard, |space| space.living(now_ms)).unwrap_or(0))
            .collect();
        let total: usize = living.iter().sum();
        if total == 0 {
            break;
        }
        let mut nth = usize::try_from(ctx.random() >> 1).unwrap_or(0) % total;
        let drawn = living.iter().position(|&here| nth.checked_sub(here).map(|left| nth = left).is_none());
        let pick = ctx.random();
        let found =
            drawn.and_then(|shard| ctx.in_shard(shard, |space| draw(space.table(), pick, now_ms)).flatten());
        if let Some(key) = found {
            out.bulk(&key);
            return Ok(());
        }
    }
    out.null();
    Ok(())
}

/// A living key of a table.
fn draw(table: &crate::keyspace::table::Table<Entry>, pick: u64, now_ms: u64) -> Option<Box<[u8]>> {
    let drawn = (0..DRAWS_MAX as u64).find_map(|draw| {
        let entry = table.random(crate::keyspace::hash::stir(pick, draw))?;
        entry.is_alive(now_ms).then_some(entry)
    });
    drawn.or_else(|| table.iter().find(|entry| entry.is_alive(now_ms))).map(|entry| entry.key().into())
}
