//! Hashes walked and sampled: HSCAN, HRANDFIELD.

use super::hash::READ;
use super::parse::{cursor, int, is};
use super::{Command, Ctx, Fail, Outcome, Spec, flag};
use crate::reply::Reply;
use crate::value::glob;
use crate::value::hash::Hash;
use std::collections::HashSet;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hrandfield",
            arity: -2,
            flags: flag::READONLY,
            since: "6.2.0",
            summary: "Returns one or more random fields from a hash.",
            complexity: "O(N) where N is the number of fields returned",
            syntax: "key [count [WITHVALUES]]",
            ..READ
        },
        run: random,
    },
    Command {
        spec: Spec {
            name: "hscan",
            arity: -3,
            flags: flag::READONLY,
            since: "2.8.0",
            summary: "Iterates over fields and values of a hash.",
            complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
            syntax: "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
            ..READ
        },
        run: scan,
    },
];

const OUT_OF_RANGE: Fail = Fail::new("ERR value is out of range");
/// The most fields that are picked with repetition: the reply is made while the hash is locked.
const REPEATED_MAX: u64 = 1 << 24;
/// Single fields are drawn only if at most one of this many is wanted; else one walk takes them.
const WALK_SHARE: usize = 8;

/// Replies with fields, with their values or without.
struct Fields<'o> {
    out: &'o mut dyn Reply,
    with_values: bool,
}

impl Fields<'_> {
    fn begin(&mut self, count: usize) {
        let flat = self.with_values && !self.out.resp3();
        self.out.array(if flat { count * 2 } else { count });
    }

    fn field(&mut self, (name, value): (&[u8], &[u8])) {
        if self.with_values && self.out.resp3() {
            self.out.array(2);
        }
        self.out.bulk(name);
        if self.with_values {
            self.out.bulk(value);
        }
    }
}

fn random(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let now_ms = ctx.now_ms;
    let Some(&count) = args.get(2) else {
        let pick = ctx.random();
        let field = ctx.read_hash(args[1])?.and_then(|hash| hash.random(now_ms, pick));
        out.bulk_or_null(field.map(|(name, _)| name));
        return Ok(());
    };
    let count = int(count)?;
    if count == i64::MIN {
        return Err(Fail::new(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let with_values = args.len() == 4 && is(args[3], "withvalues");
    if args.len() > 3 && !with_values {
        return Err(Fail::SYNTAX);
    }
    let repeated = count < 0;
    let count = count.unsigned_abs();
    if with_values && count > i64::MAX as u64 / 2 || repeated && count > REPEATED_MAX {
        return Err(OUT_OF_RANGE);
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let keyspace = ctx.keyspace;
    let mut draw = || keyspace.random();
    let mut fields = Fields { out, with_values };
    match ctx.read_hash(args[1])? {
        Some(hash) if repeated => draw_repeatedly(hash, now_ms, count, &mut draw, &mut fields),
        Some(hash) => draw_distinct(hash, now_ms, count, &mut draw, &mut fields),
        None => fields.out.array(0),
    }
    Ok(())
}

fn draw_repeatedly(
    hash: &Hash,
    now_ms: u64,
    count: usize,
    draw: &mut dyn FnMut() -> u64,
    fields: &mut Fields<'_>,
) {
    let living: Option<Vec<_>> = (hash.len(now_ms) < hash.stored_len()).then(|| hash.iter(now_ms).collect());
    fields.begin(count);
    for _ in 0..count {
        let pick = draw();
        let field = match &living {
            None => hash.random(now_ms, pick),
            Some(living) => Some(living[below(pick, living.len())]),
        };
        fields.field(field.expect("a hash that is read has a living field"));
    }
}

fn draw_distinct(
    hash: &Hash,
    now_ms: u64,
    count: usize,
    draw: &mut dyn FnMut() -> u64,
    fields: &mut Fields<'_>,
) {
    let living = hash.len(now_ms);
    let count = count.min(living);
    fields.begin(count);
    if count <= living / WALK_SHARE && living == hash.stored_len() {
        // Floyd's sampling: each draw is from one number more, and a number drawn before stands for the newest.
        let mut drawn = HashSet::with_capacity(count);
        for last in living - count..living {
            let number = below(draw(), last + 1);
            let number = if drawn.insert(number) { number } else { last };
            drawn.insert(number);
            fields
                .field(hash.random(now_ms, number as u64).expect("the number is below the number of fields"));
        }
        return;
    }
    let (mut wanted, mut left) = (count, living);
    for field in hash.iter(now_ms) {
        if wanted == 0 {
            break;
        }
        if below(draw(), left) < wanted {
            fields.field(field);
            wanted -= 1;
        }
        left -= 1;
    }
}

/// A number below `end` from a random one; nearly uniform.
#[expect(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
fn below(random: u64, end: usize) -> usize {
    (random % end as u64) as usize
}

/// What HSCAN's options ask for.
struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    count: u64,
    values: bool,
}

impl<'a> ScanOptions<'a> {
    fn parse(args: &[&'a [u8]]) -> Result<Self, Fail> {
        let mut options = Self { pattern: None, count: 10, values: true };
        let mut rest = args.iter();
        while let Some(&option) = rest.next() {
            if is(option, "novalues") {
                options.values = false;
                continue;
            }
            let value = *rest.next().ok_or(Fail::SYNTAX)?;
            if is(option, "count") {
                options.count =
                    u64::try_from(int(value)?).ok().filter(|&count| count > 0).ok_or(Fail::SYNTAX)?;
            } else if is(option, "match") {
                options.pattern = (value != b"*").then_some(value);
            } else {
                return Err(Fail::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn scan(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let now_ms = ctx.now_ms;
    let mut cursor = cursor(args[2])?;
    let mut found: Vec<(&[u8], &[u8])> = Vec::new();
    let mut values = true;
    if let Some(hash) = ctx.read_hash(args[1])? {
        let options = ScanOptions::parse(&args[3..])?;
        values = options.values;
        let mut visited = 0;
        // Buckets may be empty: as many steps as Valkey takes, and no more.
        for _ in 0..options.count.saturating_mul(10) {
            cursor = hash.scan(cursor, now_ms, &mut |name, value| {
                visited += 1;
                if options.pattern.is_none_or(|pattern| glob(pattern, name, false)) {
                    found.push((name, value));
                }
            });
            if cursor == 0 || visited >= options.count {
                break;
            }
        }
    } else {
        cursor = 0;
    }
    out.array(2);
    out.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    out.array(if values { found.len() * 2 } else { found.len() });
    for (name, value) in found {
        out.bulk(name);
        if values {
            out.bulk(value);
        }
    }
    Ok(())
}
