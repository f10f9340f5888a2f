//! Several strings in one command.

use super::parse::int;
use super::string::{reply_text, store};
use super::string_options::{Condition, Lifetime, Options, allow};
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::keyspace::entry::EntryRef;
use crate::reply::Reply;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "mget",
            arity: -2,
            flags: flag::READONLY | flag::FAST,
            keys: Keys::Range { first: 1, last: -1, step: 1 },
            group: "string",
            since: "1.0.0",
            summary: "Atomically returns the string values of one or more keys.",
            complexity: "O(N) where N is the number of keys to retrieve.",
            syntax: "key ...",
        },
        run: mget,
    },
    Command {
        spec: Spec {
            name: "mset",
            arity: -3,
            flags: flag::WRITE | flag::DENYOOM | flag::BLIND,
            keys: Keys::Range { first: 1, last: -1, step: 2 },
            group: "string",
            since: "1.0.1",
            summary: "Atomically creates or modifies the string values of one or more keys.",
            complexity: "O(N) where N is the number of keys to set.",
            syntax: "key value ...",
        },
        run: mset,
    },
    Command {
        spec: Spec {
            name: "msetnx",
            arity: -3,
            flags: flag::WRITE | flag::DENYOOM,
            keys: Keys::Range { first: 1, last: -1, step: 2 },
            group: "string",
            since: "1.0.1",
            summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
            complexity: "O(N) where N is the number of keys to set.",
            syntax: "key value ...",
        },
        run: msetnx,
    },
    Command {
        spec: Spec {
            name: "msetex",
            arity: -4,
            flags: flag::WRITE | flag::DENYOOM | flag::MOVABLE_KEYS,
            keys: Keys::Found(msetex_keys),
            group: "string",
            since: "9.1.0",
            summary: "Atomically creates or modifies the string values of one or more keys, and optionally sets their expiration.",
            complexity: "O(N) where N is the number of keys to set.",
            syntax: "numkeys key value ... [NX|XX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
        },
        run: msetex,
    },
];

fn mget(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    out.array(args.len() - 1);
    for key in &args[1..] {
        reply_text(out, ctx.read(key).and_then(EntryRef::str));
    }
    Ok(())
}

/// Keys and values, which must come in pairs.
fn pairs<'a>(
    args: &'a [&'a [u8]],
    name: &str,
) -> Result<impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone, Fail> {
    let (pairs, rest) = args[1..].as_chunks::<2>();
    if rest.is_empty() { Ok(pairs.iter().map(|[key, value]| (*key, *value))) } else { Err(Fail::arity(name)) }
}

fn mset(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    for (key, value) in pairs(args, "mset")? {
        ctx.apply(Effect::SetString { key, value, expire_at_ms: 0 });
    }
    out.ok();
    Ok(())
}

fn msetnx(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let pairs = pairs(args, "msetnx")?;
    for (key, _) in pairs.clone() {
        if ctx.claim(key).is_some() {
            out.int(0);
            return Ok(());
        }
    }
    for (key, value) in pairs {
        ctx.apply(Effect::SetString { key, value, expire_at_ms: 0 });
    }
    out.int(1);
    Ok(())
}

fn msetex_keys(args: &[&[u8]]) -> Result<Vec<usize>, Fail> {
    let invalid = Fail::new("ERR invalid numkeys value or out of range");
    let count = int(args[1])
        .ok()
        .and_then(|count| i32::try_from(count).ok())
        .filter(|count| *count > 0)
        .ok_or(invalid)?;
    let count = count.unsigned_abs() as usize;
    if count > (args.len() - 2) / 2 {
        return Err(Fail::SYNTAX);
    }
    Ok((0..count).map(|pair| 2 + pair * 2).collect())
}

fn msetex(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let keys = msetex_keys(args)?;
    let options = Options::parse(&args[2 + keys.len() * 2..], allow::MSETEX)?;
    let expire_at_ms = options.expire_at(ctx.now_ms, "msetex")?;
    for &at in &keys {
        let exists = options.condition != Condition::Always && ctx.claim(args[at]).is_some();
        if exists && options.condition == Condition::Absent
            || !exists && options.condition == Condition::Present
        {
            out.int(0);
            return Ok(());
        }
    }
    for at in keys {
        let (key, value) = (args[at], args[at + 1]);
        if options.lifetime == Lifetime::Kept {
            let expire_at_ms = ctx.claim(key).map_or(0, |entry| entry.expire_at());
            ctx.apply(Effect::SetString { key, value, expire_at_ms });
        } else {
            store(ctx, key, value, expire_at_ms);
        }
    }
    out.int(1);
    Ok(())
}
