//! Strings: setting and getting one, whole.

use super::parse::Unit;
use super::string_options::{Condition, Lifetime, Options, allow};
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag, parse, parts};
use crate::effect::Effect;
use crate::reply::Reply;
use crate::value::Text;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "get",
            arity: 2,
            flags: flag::READONLY | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "1.0.0",
            summary: "Returns the string value of a key.",
            complexity: "O(1)",
            syntax: "key",
        },
        run: get,
    },
    Command {
        spec: Spec {
            name: "set",
            arity: -3,
            flags: flag::WRITE | flag::DENYOOM | flag::BLIND,
            keys: Keys::At(1),
            group: "string",
            since: "1.0.0",
            summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
            complexity: "O(1)",
            syntax: "key value [NX|XX|IFEQ comparison-value] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
        },
        run: set,
    },
    Command {
        spec: Spec {
            name: "setnx",
            arity: 3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "1.0.0",
            summary: "Sets the string value of a key only when the key doesn't exist.",
            complexity: "O(1)",
            syntax: "key value",
        },
        run: setnx,
    },
    Command {
        spec: Spec {
            name: "setex",
            arity: 4,
            flags: flag::WRITE | flag::DENYOOM | flag::BLIND,
            keys: Keys::At(1),
            group: "string",
            since: "2.0.0",
            summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
            complexity: "O(1)",
            syntax: "key seconds value",
        },
        run: |ctx, args, out| set_for(ctx, args, Unit::Seconds, "setex", out),
    },
    Command {
        spec: Spec {
            name: "psetex",
            arity: 4,
            flags: flag::WRITE | flag::DENYOOM | flag::BLIND,
            keys: Keys::At(1),
            group: "string",
            since: "2.6.0",
            summary: "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
            complexity: "O(1)",
            syntax: "key milliseconds value",
        },
        run: |ctx, args, out| set_for(ctx, args, Unit::Millis, "psetex", out),
    },
    Command {
        spec: Spec {
            name: "getset",
            arity: 3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "1.0.0",
            summary: "Returns the previous string value of a key after setting it to a new value.",
            complexity: "O(1)",
            syntax: "key value",
        },
        run: getset,
    },
    Command {
        spec: Spec {
            name: "getdel",
            arity: 2,
            flags: flag::WRITE | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "6.2.0",
            summary: "Returns the string value of a key after deleting the key.",
            complexity: "O(1)",
            syntax: "key",
        },
        run: getdel,
    },
    Command {
        spec: Spec {
            name: "getex",
            arity: -2,
            flags: flag::WRITE | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "6.2.0",
            summary: "Returns the string value of a key after setting its expiration time.",
            complexity: "O(1)",
            syntax: "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]",
        },
        run: getex,
    },
    Command {
        spec: Spec {
            name: "delifeq",
            arity: 3,
            flags: flag::WRITE | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "9.0.0",
            summary: "Deletes a key if its string value is the given one.",
            complexity: "O(1)",
            syntax: "key value",
        },
        run: delifeq,
    },
];

/// Answers a string.
#[inline]
pub(super) fn reply_text(out: &mut dyn Reply, text: Option<Text<'_>>) {
    match text {
        Some(Text::Flat(text)) => out.bulk(text),
        Some(Text::Compressed(value)) => out.bulk(&value.raw()),
        Some(Text::Long(long)) => parts::reply_long(out, long, 0..long.len()),
        None => out.null(),
    }
}

fn get(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    reply_text(out, ctx.read_str(args[1])?);
    Ok(())
}

fn set(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, value) = (args[1], args[2]);
    if args.len() == 3 {
        ctx.apply(Effect::SetString { key, value, expire_at_ms: 0 });
        out.ok();
        return Ok(());
    }
    let options = Options::parse(&args[3..], allow::SET)?;
    let lifetime = options.expire_at(ctx.now_ms, "set")?;
    if options.condition == Condition::Always && !options.get && options.lifetime != Lifetime::Kept {
        store(ctx, key, value, lifetime);
        out.ok();
        return Ok(());
    }
    let old = match ctx.claim(key) {
        None => None,
        Some(entry) => {
            let text = entry.str();
            if text.is_none() && (options.get || matches!(options.condition, Condition::Equal(_))) {
                return Err(Fail::WRONG_TYPE);
            }
            Some((text, entry.expire_at()))
        }
    };
    let allowed = match options.condition {
        Condition::Always => true,
        Condition::Absent => old.is_none(),
        Condition::Present => old.is_some(),
        Condition::Equal(wanted) => old.is_some_and(|(text, _)| text.is_some_and(|text| text.is(wanted))),
    };
    match (options.get, allowed) {
        (true, _) => reply_text(out, old.and_then(|(text, _)| text)),
        (false, true) => out.ok(),
        (false, false) => out.null(),
    }
    let kept_ms = old.map_or(0, |(_, at)| at);
    if allowed {
        let expire_at_ms = if options.lifetime == Lifetime::Kept { kept_ms } else { lifetime };
        store(ctx, key, value, expire_at_ms);
    }
    Ok(())
}

/// Stores a string that expires then (0: never); a time that has passed leaves no key.
pub(super) fn store(ctx: &mut Ctx<'_>, key: &[u8], value: &[u8], expire_at_ms: u64) {
    if expire_at_ms != 0 && expire_at_ms <= ctx.now_ms {
        if ctx.claim(key).is_some() {
            ctx.apply(Effect::Delete { key });
        }
    } else {
        ctx.apply(Effect::SetString { key, value, expire_at_ms });
    }
}

fn setnx(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, value) = (args[1], args[2]);
    let absent = ctx.claim(key).is_none();
    if absent {
        ctx.apply(Effect::SetString { key, value, expire_at_ms: 0 });
    }
    out.int(i64::from(absent));
    Ok(())
}

fn set_for(ctx: &mut Ctx<'_>, args: &[&[u8]], unit: Unit, name: &str, out: &mut dyn Reply) -> Outcome {
    let expire_at_ms = parse::expiry(args[2], unit, true, ctx.now_ms, name)?;
    ctx.apply(Effect::SetString { key: args[1], value: args[3], expire_at_ms });
    out.ok();
    Ok(())
}

fn getset(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, value) = (args[1], args[2]);
    reply_text(out, ctx.read_str(key)?);
    ctx.apply(Effect::SetString { key, value, expire_at_ms: 0 });
    Ok(())
}

fn getdel(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let Some(text) = ctx.read_str(args[1])? else {
        out.null();
        return Ok(());
    };
    reply_text(out, Some(text));
    ctx.apply(Effect::Delete { key: args[1] });
    Ok(())
}

fn getex(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let key = args[1];
    let options = Options::parse(&args[2..], allow::GETEX)?;
    let at_ms = options.expire_at(ctx.now_ms, "getex")?;
    let Some(entry) = ctx.read(key) else {
        out.null();
        return Ok(());
    };
    let expires = entry.expire_at() != 0;
    reply_text(out, Some(entry.str().ok_or(Fail::WRONG_TYPE)?));
    match options.lifetime {
        Lifetime::At { .. } if at_ms <= ctx.now_ms => ctx.apply(Effect::Delete { key }),
        Lifetime::At { .. } => ctx.apply(Effect::Expire { key, at_ms }),
        Lifetime::Persistent if expires => ctx.apply(Effect::Expire { key, at_ms: 0 }),
        _ => 0,
    };
    Ok(())
}

fn delifeq(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, wanted) = (args[1], args[2]);
    let equal = ctx.claim_str(key)?.is_some_and(|text| text.is(wanted));
    if equal {
        ctx.apply(Effect::Delete { key });
    }
    out.int(i64::from(equal));
    Ok(())
}
