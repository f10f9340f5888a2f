//! Hashes: fields set, read, counted, removed and incremented.
//!
//! Owns the commands on whole fields; what concerns a field's expiry is in `hash_expire` and `hash_volatile`, what walks
//! or samples a hash in `hash_walk`. What must hold in all four: a field whose time has passed is absent for readers, and
//! writers remove it, in their own record, before they look.

use super::context::hash_of;
use super::parse::int;
use super::parts::{Halves, reply_fields};
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::reply::Reply;
use crate::value::number::{Extended, parse_i64};

/// What most readers of one hash have in common.
pub(super) const READ: Spec = Spec {
    name: "",
    arity: 0,
    flags: flag::READONLY | flag::FAST,
    keys: Keys::At(1),
    group: "hash",
    since: "2.0.0",
    summary: "",
    complexity: "O(1)",
    syntax: "key",
};

/// What most writers of one hash have in common.
pub(super) const WRITE: Spec = Spec { flags: flag::WRITE | flag::DENYOOM | flag::FAST, ..READ };

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hset",
            arity: -4,
            summary: "Creates or modifies the value of a field in a hash.",
            complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with multiple field/value pairs.",
            syntax: "key field value [field value ...]",
            ..WRITE
        },
        run: |ctx, args, out| {
            let new = set(ctx, args, "hset")?;
            out.count(new);
            Ok(())
        },
    },
    Command {
        spec: Spec {
            name: "hmset",
            arity: -4,
            summary: "Sets the values of multiple fields.",
            complexity: "O(N) where N is the number of fields being set.",
            syntax: "key field value [field value ...]",
            ..WRITE
        },
        run: |ctx, args, out| {
            set(ctx, args, "hmset")?;
            out.ok();
            Ok(())
        },
    },
    Command {
        spec: Spec {
            name: "hsetnx",
            arity: 4,
            summary: "Sets the value of a field in a hash only when the field doesn't exist.",
            syntax: "key field value",
            ..WRITE
        },
        run: set_if_absent,
    },
    Command {
        spec: Spec {
            name: "hget",
            arity: 3,
            summary: "Returns the value of a field in a hash.",
            syntax: "key field",
            ..READ
        },
        run: get,
    },
    Command {
        spec: Spec {
            name: "hmget",
            arity: -3,
            summary: "Returns the values of all fields in a hash.",
            complexity: "O(N) where N is the number of fields being requested.",
            syntax: "key field [field ...]",
            ..READ
        },
        run: get_many,
    },
    Command {
        spec: Spec {
            name: "hgetall",
            arity: 2,
            flags: flag::READONLY,
            summary: "Returns all fields and values in a hash.",
            complexity: "O(N) where N is the size of the hash.",
            ..READ
        },
        run: get_all,
    },
    Command {
        spec: Spec {
            name: "hkeys",
            arity: 2,
            flags: flag::READONLY,
            summary: "Returns all fields in a hash.",
            complexity: "O(N) where N is the size of the hash.",
            ..READ
        },
        run: |ctx, args, out| list(ctx, args[1], Halves::Names, out),
    },
    Command {
        spec: Spec {
            name: "hvals",
            arity: 2,
            flags: flag::READONLY,
            summary: "Returns all values in a hash.",
            complexity: "O(N) where N is the size of the hash.",
            ..READ
        },
        run: |ctx, args, out| list(ctx, args[1], Halves::Values, out),
    },
    Command {
        spec: Spec { name: "hlen", arity: 2, summary: "Returns the number of fields in a hash.", ..READ },
        run: |ctx, args, out| {
            let now_ms = ctx.now_ms;
            out.count(ctx.read_hash(args[1])?.map_or(0, |hash| hash.len(now_ms)));
            Ok(())
        },
    },
    Command {
        spec: Spec {
            name: "hstrlen",
            arity: 3,
            since: "3.2.0",
            summary: "Returns the length of the value of a field.",
            syntax: "key field",
            ..READ
        },
        run: |ctx, args, out| {
            let now_ms = ctx.now_ms;
            let value = ctx.read_hash(args[1])?.and_then(|hash| hash.get(args[2], now_ms));
            out.count(value.map_or(0, <[u8]>::len));
            Ok(())
        },
    },
    Command {
        spec: Spec {
            name: "hexists",
            arity: 3,
            summary: "Determines whether a field exists in a hash.",
            syntax: "key field",
            ..READ
        },
        run: |ctx, args, out| {
            let now_ms = ctx.now_ms;
            let exists = ctx.read_hash(args[1])?.is_some_and(|hash| hash.contains(args[2], now_ms));
            out.int(i64::from(exists));
            Ok(())
        },
    },
    Command {
        spec: Spec {
            name: "hdel",
            arity: -3,
            flags: flag::WRITE | flag::FAST,
            summary: "Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.",
            complexity: "O(N) where N is the number of fields to be removed.",
            syntax: "key field [field ...]",
            ..WRITE
        },
        run: delete,
    },
    Command {
        spec: Spec {
            name: "hincrby",
            arity: 4,
            summary: "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field doesn't exist.",
            syntax: "key field increment",
            ..WRITE
        },
        run: add,
    },
    Command {
        spec: Spec {
            name: "hincrbyfloat",
            arity: 4,
            since: "2.6.0",
            summary: "Increments the floating point value of a field by a number. Uses 0 as initial value if the field doesn't exist.",
            syntax: "key field increment",
            ..WRITE
        },
        run: add_float,
    },
];

/// Sets the pairs that follow the key. Returns how many fields are new.
#[inline]
fn set(ctx: &mut Ctx<'_>, args: &[&[u8]], name: &str) -> Result<usize, Fail> {
    if args.len() % 2 == 1 {
        return Err(Fail::arity(name));
    }
    let effect = Effect::HashSet { key: args[1], keep_expiry: false, pairs: &args[2..] };
    let set = ctx.amend_and_count(args[1], |entry| hash_of(entry).map(|_| ((), Some(effect))))?;
    Ok(set.map_or_else(|| ctx.apply(effect), |((), new)| new))
}

fn set_if_absent(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, now_ms) = (args[1], ctx.now_ms);
    let effect = Effect::HashSet { key, keep_expiry: false, pairs: &args[2..] };
    let absent = ctx.amend(key, |entry| {
        let absent = !hash_of(entry)?.contains(args[2], now_ms);
        Ok((absent, absent.then_some(effect)))
    })?;
    let absent = absent.unwrap_or_else(|| ctx.apply(effect) == 1);
    out.int(i64::from(absent));
    Ok(())
}

#[inline]
fn get(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let now_ms = ctx.now_ms;
    out.bulk_or_null(ctx.read_hash(args[1])?.and_then(|hash| hash.get(args[2], now_ms)));
    Ok(())
}

fn get_many(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let now_ms = ctx.now_ms;
    let hash = ctx.read_hash(args[1])?;
    out.array(args.len() - 2);
    for field in &args[2..] {
        out.bulk_or_null(hash.and_then(|hash| hash.get(field, now_ms)));
    }
    Ok(())
}

fn get_all(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let now_ms = ctx.now_ms;
    let Some(hash) = ctx.read_hash(args[1])? else {
        out.map(0);
        return Ok(());
    };
    out.map(hash.len(now_ms));
    reply_fields(out, hash, now_ms, Halves::Both);
    Ok(())
}

/// Replies with one half of each field.
fn list(ctx: &mut Ctx<'_>, key: &[u8], half: Halves, out: &mut dyn Reply) -> Outcome {
    let now_ms = ctx.now_ms;
    let Some(hash) = ctx.read_hash(key)? else {
        out.array(0);
        return Ok(());
    };
    out.array(hash.len(now_ms));
    reply_fields(out, hash, now_ms, half);
    Ok(())
}

fn delete(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, fields, now_ms) = (args[1], &args[2..], ctx.now_ms);
    let deleted = ctx.amend_and_count(key, |entry| {
        let hash = hash_of(entry)?;
        let any = fields.iter().any(|field| hash.contains(field, now_ms));
        Ok(((), any.then_some(Effect::HashDelete { key, fields })))
    })?;
    out.count(deleted.map_or(0, |((), deleted)| deleted));
    Ok(())
}

fn add(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, field, by, now_ms) = (args[1], args[2], int(args[3])?, ctx.now_ms);
    let (mut buffer, mut room) = (itoa::Buffer::new(), [field, b""]);
    let (text, pairs) = (&mut buffer, &mut room);
    let sum = ctx.amend(key, move |entry| {
        let old = match hash_of(entry)?.get(field, now_ms) {
            Some(text) => parse_i64(text).ok_or(Fail::new("ERR hash value is not an integer"))?,
            None => 0,
        };
        let sum = old.checked_add(by).ok_or(Fail::new("ERR increment or decrement would overflow"))?;
        pairs[1] = text.format(sum).as_bytes();
        Ok((sum, Some(Effect::HashSet { key, keep_expiry: true, pairs })))
    })?;
    let sum = sum.unwrap_or_else(|| {
        let mut text = itoa::Buffer::new();
        let pairs = [field, text.format(by).as_bytes()];
        ctx.apply(Effect::HashSet { key, keep_expiry: true, pairs: &pairs });
        by
    });
    out.int(sum);
    Ok(())
}

fn add_float(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, field, now_ms) = (args[1], args[2], ctx.now_ms);
    let by = Extended::parse(args[3]).ok_or(Fail::NOT_A_FLOAT)?;
    if !by.is_finite() {
        return Err(Fail::new("ERR value is NaN or Infinity"));
    }
    let old = ctx.claim_hash(key)?.and_then(|hash| hash.get(field, now_ms)).unwrap_or(b"0");
    let old = Extended::parse(old).ok_or(Fail::new("ERR hash value is not a float"))?;
    let new = old.checked_add(by).ok_or(Fail::new("ERR increment would produce NaN or Infinity"))?;
    let text = new.to_string();
    // A sum can have some thousand digits more than its summands had as text.
    ctx.reserve(text.len())?;
    ctx.apply(Effect::HashSet { key, keep_expiry: true, pairs: &[field, text.as_bytes()] });
    out.bulk(text.as_bytes());
    Ok(())
}
