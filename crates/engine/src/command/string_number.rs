//! Strings that are numbers.
//!
//! A number is kept as the bytes that a client would read. What must hold: an increment is one visit to the entry, without
//! an allocation, and keeps the expiry.

use super::parse::int;
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::reply::Reply;
use crate::value::number::Extended;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "incr",
            arity: 2,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "1.0.0",
            summary: "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
            complexity: "O(1)",
            syntax: "key",
        },
        run: |ctx, args, out| add(ctx, args[1], 1, out),
    },
    Command {
        spec: Spec {
            name: "decr",
            arity: 2,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "1.0.0",
            summary: "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
            complexity: "O(1)",
            syntax: "key",
        },
        run: |ctx, args, out| add(ctx, args[1], -1, out),
    },
    Command {
        spec: Spec {
            name: "incrby",
            arity: 3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "1.0.0",
            summary: "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
            complexity: "O(1)",
            syntax: "key increment",
        },
        run: |ctx, args, out| add(ctx, args[1], int(args[2])?, out),
    },
    Command {
        spec: Spec {
            name: "decrby",
            arity: 3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "1.0.0",
            summary: "Decrements the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
            complexity: "O(1)",
            syntax: "key decrement",
        },
        run: |ctx, args, out| {
            let by = int(args[2])?.checked_neg().ok_or(Fail::new("ERR decrement would overflow"))?;
            add(ctx, args[1], by, out)
        },
    },
    Command {
        spec: Spec {
            name: "incrbyfloat",
            arity: 3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "2.6.0",
            summary: "Increments the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
            complexity: "O(1)",
            syntax: "key increment",
        },
        run: incrbyfloat,
    },
];

fn add(ctx: &mut Ctx<'_>, key: &[u8], by: i64, out: &mut dyn Reply) -> Outcome {
    let mut buffer = itoa::Buffer::new();
    let text = &mut buffer;
    let sum = ctx.amend(key, move |entry| {
        let old = int(&entry.str().ok_or(Fail::WRONG_TYPE)?.whole())?;
        let sum = old.checked_add(by).ok_or(Fail::new("ERR increment or decrement would overflow"))?;
        let expire_at_ms = entry.expire_at();
        Ok((sum, Some(Effect::SetString { key, value: text.format(sum).as_bytes(), expire_at_ms })))
    })?;
    let sum = sum.unwrap_or_else(|| {
        let mut buffer = itoa::Buffer::new();
        ctx.apply(Effect::SetString { key, value: buffer.format(by).as_bytes(), expire_at_ms: 0 });
        by
    });
    out.int(sum);
    Ok(())
}

fn incrbyfloat(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let key = args[1];
    let (old, expire_at_ms) = match ctx.claim(key) {
        None => (None, 0),
        Some(entry) => {
            let text = entry.str().ok_or(Fail::WRONG_TYPE)?;
            (Some(Extended::parse(&text.whole()).ok_or(Fail::NOT_A_FLOAT)?), entry.expire_at())
        }
    };
    let by = Extended::parse(args[2]).ok_or(Fail::NOT_A_FLOAT)?;
    let sum = old.map_or(by.is_finite().then_some(by), |old| old.checked_add(by));
    let text = sum.ok_or(Fail::new("ERR increment would produce NaN or Infinity"))?.to_string();
    ctx.reserve(text.len())?;
    ctx.apply(Effect::SetString { key, value: text.as_bytes(), expire_at_ms });
    out.bulk(text.as_bytes());
    Ok(())
}
