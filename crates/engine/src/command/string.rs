//! Strings.

use super::parse::{Unit, expiry, int, is};
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::reply::Reply;

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
            flags: flag::WRITE | flag::DENYOOM,
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
];

fn get(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    out.bulk_or_null(ctx.read_str(args[1])?);
    Ok(())
}

/// The condition under which SET takes place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition<'a> {
    Always,
    Absent,
    Present,
    Equal(&'a [u8]),
}

/// What SET's options ask for.
struct SetOptions<'a> {
    condition: Condition<'a>,
    get: bool,
    keep_ttl: bool,
    expire_at_ms: u64,
}

fn set(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, value) = (args[1], args[2]);
    if args.len() == 3 {
        ctx.apply(Effect::SetString { key, value, expire_at_ms: 0 });
        out.ok();
        return Ok(());
    }
    let options = set_options(ctx, &args[3..])?;
    let old = match ctx.claim(key) {
        None => None,
        Some(entry) => {
            let text = entry.str();
            if text.is_none() && (options.get || matches!(options.condition, Condition::Equal(_))) {
                return Err(Fail::WRONG_TYPE);
            }
            Some((text.filter(|_| true), entry.expire_at()))
        }
    };
    let allowed = match options.condition {
        Condition::Always => true,
        Condition::Absent => old.is_none(),
        Condition::Present => old.is_some(),
        Condition::Equal(wanted) => old.is_some_and(|(text, _)| text == Some(wanted)),
    };
    let kept_ms = old.map_or(0, |(_, at)| at);
    if options.get {
        out.bulk_or_null(old.and_then(|(text, _)| text));
    }
    if allowed {
        let expire_at_ms = if options.keep_ttl { kept_ms } else { options.expire_at_ms };
        store(ctx, key, value, expire_at_ms);
    }
    match (options.get, allowed) {
        (true, _) => {}
        (false, true) => out.ok(),
        (false, false) => out.null(),
    }
    Ok(())
}

/// Stores a string that expires then (0: never); a time that has passed leaves no key.
fn store(ctx: &mut Ctx<'_>, key: &[u8], value: &[u8], expire_at_ms: u64) {
    if expire_at_ms != 0 && expire_at_ms <= ctx.now_ms {
        if ctx.claim(key).is_some() {
            ctx.apply(Effect::Delete { key });
        }
    } else {
        ctx.apply(Effect::SetString { key, value, expire_at_ms });
    }
}

fn set_options<'a>(ctx: &Ctx<'_>, args: &[&'a [u8]]) -> Result<SetOptions<'a>, Fail> {
    let mut options = SetOptions { condition: Condition::Always, get: false, keep_ttl: false, expire_at_ms: 0 };
    let mut timed = false;
    let mut rest = args.iter();
    while let Some(&option) = rest.next() {
        let free = options.condition == Condition::Always;
        if is(option, "nx") && free {
            options.condition = Condition::Absent;
        } else if is(option, "xx") && free {
            options.condition = Condition::Present;
        } else if is(option, "ifeq") && free {
            options.condition = Condition::Equal(rest.next().ok_or(Fail::SYNTAX)?);
        } else if is(option, "get") {
            options.get = true;
        } else if is(option, "keepttl") && !timed {
            (options.keep_ttl, timed) = (true, true);
        } else if let Some((unit, relative)) = expiry_token(option)
            && !timed
        {
            let text = rest.next().ok_or(Fail::SYNTAX)?;
            options.expire_at_ms = expiry(text, unit, relative, ctx.now_ms, "set")?;
            timed = true;
        } else {
            return Err(Fail::SYNTAX);
        }
    }
    Ok(options)
}

/// EX, PX, EXAT or PXAT: the unit, and whether it counts from now.
fn expiry_token(text: &[u8]) -> Option<(Unit, bool)> {
    [
        ("ex", Unit::Seconds, true),
        ("px", Unit::Millis, true),
        ("exat", Unit::Seconds, false),
        ("pxat", Unit::Millis, false),
    ]
    .into_iter()
    .find(|(token, ..)| is(text, token))
    .map(|(_, unit, relative)| (unit, relative))
}

fn add(ctx: &mut Ctx<'_>, key: &[u8], by: i64, out: &mut dyn Reply) -> Outcome {
    let (old, expire_at_ms) = match ctx.claim(key) {
        None => (0, 0),
        Some(entry) => (int(entry.str().ok_or(Fail::WRONG_TYPE)?)?, entry.expire_at()),
    };
    let new = old.checked_add(by).ok_or(Fail::new("ERR increment or decrement would overflow"))?;
    let mut text = itoa::Buffer::new();
    ctx.apply(Effect::SetString { key, value: text.format(new).as_bytes(), expire_at_ms });
    out.int(new);
    Ok(())
}
