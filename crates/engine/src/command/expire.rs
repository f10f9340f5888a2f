//! When keys expire.
//!
//! Times are logged as absolute milliseconds; one that has passed already removes the key at once.

use super::parse::{Unit, int, is};
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::keyspace::entry::Entry;
use crate::reply::Reply;

/// The row of a command that sets an expiry.
const fn sets(name: &'static str, since: &'static str, summary: &'static str, syntax: &'static str) -> Spec {
    Spec {
        name,
        arity: -3,
        flags: flag::WRITE | flag::FAST,
        keys: Keys::At(1),
        group: "generic",
        since,
        summary,
        complexity: "O(1)",
        syntax,
    }
}

/// The row of a command that tells an expiry.
const fn tells(name: &'static str, since: &'static str, summary: &'static str) -> Spec {
    Spec {
        name,
        arity: 2,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::At(1),
        group: "generic",
        since,
        summary,
        complexity: "O(1)",
        syntax: "key",
    }
}

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: sets(
            "expire",
            "1.0.0",
            "Sets the expiration time of a key in seconds.",
            "key seconds [NX|XX|GT|LT]",
        ),
        run: |ctx, args, out| expire(ctx, args, out, Unit::Seconds, true, "expire"),
    },
    Command {
        spec: sets(
            "pexpire",
            "2.6.0",
            "Sets the expiration time of a key in milliseconds.",
            "key milliseconds [NX|XX|GT|LT]",
        ),
        run: |ctx, args, out| expire(ctx, args, out, Unit::Millis, true, "pexpire"),
    },
    Command {
        spec: sets(
            "expireat",
            "1.2.0",
            "Sets the expiration time of a key to a Unix timestamp.",
            "key unix-time-seconds [NX|XX|GT|LT]",
        ),
        run: |ctx, args, out| expire(ctx, args, out, Unit::Seconds, false, "expireat"),
    },
    Command {
        spec: sets(
            "pexpireat",
            "2.6.0",
            "Sets the expiration time of a key to a Unix milliseconds timestamp.",
            "key unix-time-milliseconds [NX|XX|GT|LT]",
        ),
        run: |ctx, args, out| expire(ctx, args, out, Unit::Millis, false, "pexpireat"),
    },
    Command {
        spec: tells("ttl", "1.0.0", "Returns the expiration time in seconds of a key."),
        run: |ctx, args, out| tell(ctx, args[1], out, Unit::Seconds, true),
    },
    Command {
        spec: tells("pttl", "2.6.0", "Returns the expiration time in milliseconds of a key."),
        run: |ctx, args, out| tell(ctx, args[1], out, Unit::Millis, true),
    },
    Command {
        spec: tells("expiretime", "7.0.0", "Returns the expiration time of a key as a Unix timestamp."),
        run: |ctx, args, out| tell(ctx, args[1], out, Unit::Seconds, false),
    },
    Command {
        spec: tells(
            "pexpiretime",
            "7.0.0",
            "Returns the expiration time of a key as a Unix milliseconds timestamp.",
        ),
        run: |ctx, args, out| tell(ctx, args[1], out, Unit::Millis, false),
    },
    Command {
        spec: Spec {
            name: "persist",
            arity: 2,
            flags: flag::WRITE | flag::FAST,
            keys: Keys::At(1),
            group: "generic",
            since: "2.2.0",
            summary: "Removes the expiration time of a key.",
            complexity: "O(1)",
            syntax: "key",
        },
        run: persist,
    },
];

/// Under which condition an expiry is set.
#[derive(Clone, Copy, Default)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    fn parse(args: &[&[u8]]) -> Result<Self, Fail> {
        let mut condition = Self::default();
        for option in args {
            match () {
                () if is(option, "nx") => condition.nx = true,
                () if is(option, "xx") => condition.xx = true,
                () if is(option, "gt") => condition.gt = true,
                () if is(option, "lt") => condition.lt = true,
                () => {
                    return Err(Fail::text(format!(
                        "ERR Unsupported option {}",
                        String::from_utf8_lossy(option)
                    )));
                }
            }
        }
        let Self { nx, xx, gt, lt } = condition;
        if nx && (xx || gt || lt) {
            return Err(Fail::new("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if gt && lt {
            return Err(Fail::new("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// Whether a key that expires at `old_ms` (0: never, which is later than any time) may expire at `new_ms`.
    fn allows(self, old_ms: i64, new_ms: i64) -> bool {
        let never = old_ms == 0;
        !(self.nx && !never
            || self.xx && never
            || self.gt && (never || new_ms <= old_ms)
            || self.lt && !never && new_ms >= old_ms)
    }
}

fn expire(
    ctx: &mut Ctx<'_>,
    args: &[&[u8]],
    out: &mut dyn Reply,
    unit: Unit,
    relative: bool,
    command: &str,
) -> Outcome {
    let key = args[1];
    let condition = Condition::parse(&args[3..])?;
    let new_ms = time(int(args[2])?, unit, if relative { signed(ctx.now_ms) } else { 0 })
        .ok_or_else(|| Fail::invalid_expire(command))?;
    let Some(old_ms) = ctx.claim(key).map(|entry| entry.expire_at()) else {
        out.int(0);
        return Ok(());
    };
    let allowed = condition.allows(signed(old_ms), new_ms);
    if allowed {
        match u64::try_from(new_ms) {
            Ok(at_ms) if at_ms > ctx.now_ms => ctx.apply(Effect::Expire { key, at_ms }),
            _ => ctx.apply(Effect::Delete { key }),
        };
    }
    out.int(i64::from(allowed));
    Ok(())
}

/// A time in this unit, counted from `base_ms`, in milliseconds.
fn time(value: i64, unit: Unit, base_ms: i64) -> Option<i64> {
    let millis = match unit {
        Unit::Seconds => value.checked_mul(1000)?,
        Unit::Millis => value,
    };
    millis.checked_add(base_ms)
}

fn signed(time_ms: u64) -> i64 {
    i64::try_from(time_ms).unwrap_or(i64::MAX)
}

fn tell(ctx: &mut Ctx<'_>, key: &[u8], out: &mut dyn Reply, unit: Unit, relative: bool) -> Outcome {
    out.int(match ctx.look(key, Entry::expire_at) {
        None => -2,
        Some(0) => -1,
        Some(at_ms) => {
            let millis = if relative { at_ms - ctx.now_ms } else { at_ms };
            match unit {
                Unit::Seconds => signed(millis.saturating_add(500) / 1000),
                Unit::Millis => signed(millis),
            }
        }
    });
    Ok(())
}

fn persist(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let expires = ctx.claim(args[1]).is_some_and(|entry| entry.expire_at() != 0);
    if expires {
        ctx.apply(Effect::Expire { key: args[1], at_ms: 0 });
    }
    out.int(i64::from(expires));
    Ok(())
}
