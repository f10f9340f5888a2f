//! The expiry of fields: HEXPIRE and its kin, HTTL and its kin, HPERSIST.
//!
//! Times are parsed here to absolute Unix milliseconds, and a time that has come already removes the field at once. A
//! field that is named twice in one command is answered as if the command had come twice.

use super::hash::{READ, WRITE};
use super::parse::{Unit, int, is};
use super::{Command, Ctx, Fail, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::reply::Reply;
use std::collections::HashSet;

/// The number of fields is wrong.
pub(super) const NUMFIELDS: Fail =
    Fail::new("ERR numfields should be greater than 0 and match the provided number of fields");

const PER_FIELD: &str = "O(N) where N is the number of specified fields.";

const EXPIRE: Spec =
    Spec { arity: -6, flags: flag::WRITE | flag::FAST, since: "9.0.0", complexity: PER_FIELD, ..WRITE };
const TTL: Spec = Spec {
    arity: -5,
    since: "9.0.0",
    complexity: PER_FIELD,
    syntax: "key FIELDS numfields field [field ...]",
    ..READ
};

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hexpire",
            summary: "Sets expiry time on hash fields.",
            syntax: "key seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]",
            ..EXPIRE
        },
        run: |ctx, args, out| expire(ctx, args, out, (Unit::Seconds, true, "hexpire")),
    },
    Command {
        spec: Spec {
            name: "hpexpire",
            summary: "Sets expiry time on hash fields, in milliseconds.",
            syntax: "key milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]",
            ..EXPIRE
        },
        run: |ctx, args, out| expire(ctx, args, out, (Unit::Millis, true, "hpexpire")),
    },
    Command {
        spec: Spec {
            name: "hexpireat",
            summary: "Sets expiry time on hash fields, as a Unix time.",
            syntax: "key unix-time-seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]",
            ..EXPIRE
        },
        run: |ctx, args, out| expire(ctx, args, out, (Unit::Seconds, false, "hexpireat")),
    },
    Command {
        spec: Spec {
            name: "hpexpireat",
            summary: "Sets expiry time on hash fields, as a Unix time in milliseconds.",
            syntax: "key unix-time-milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]",
            ..EXPIRE
        },
        run: |ctx, args, out| expire(ctx, args, out, (Unit::Millis, false, "hpexpireat")),
    },
    Command {
        spec: Spec {
            name: "httl",
            summary: "Returns the remaining time to live (in seconds) of hash fields that expire.",
            ..TTL
        },
        run: |ctx, args, out| ttl(ctx, args, out, Unit::Seconds, true),
    },
    Command {
        spec: Spec {
            name: "hpttl",
            summary: "Returns the remaining time to live in milliseconds of hash fields that expire.",
            ..TTL
        },
        run: |ctx, args, out| ttl(ctx, args, out, Unit::Millis, true),
    },
    Command {
        spec: Spec {
            name: "hexpiretime",
            summary: "Returns the Unix times in seconds at which hash fields expire.",
            ..TTL
        },
        run: |ctx, args, out| ttl(ctx, args, out, Unit::Seconds, false),
    },
    Command {
        spec: Spec {
            name: "hpexpiretime",
            summary: "Returns the Unix times in milliseconds at which hash fields expire.",
            ..TTL
        },
        run: |ctx, args, out| ttl(ctx, args, out, Unit::Millis, false),
    },
    Command {
        spec: Spec {
            name: "hpersist",
            flags: flag::WRITE | flag::FAST,
            summary: "Removes the expiry of hash fields.",
            ..TTL
        },
        run: persist,
    },
];

/// An expiry of fields as absolute Unix milliseconds; zero and times that have passed are allowed.
pub(super) fn field_expiry(
    text: &[u8],
    unit: Unit,
    relative: bool,
    now_ms: u64,
    command: &str,
) -> Result<u64, Fail> {
    let invalid = || Fail::invalid_expire(command);
    let value = u64::try_from(int(text)?).map_err(|_| invalid())?;
    let millis = if unit == Unit::Seconds { value.checked_mul(1000) } else { Some(value) };
    millis
        .and_then(|millis| millis.checked_add(if relative { now_ms } else { 0 }))
        .filter(|&at_ms| i64::try_from(at_ms).is_ok())
        .ok_or_else(invalid)
}

/// `options… FIELDS numfields item…`, taken apart.
pub(super) struct Clause<'b, 'a> {
    pub(super) options: &'b [&'a [u8]],
    number: &'a [u8],
    items: &'b [&'a [u8]],
}

impl<'b, 'a> Clause<'b, 'a> {
    /// What begins at this argument, if the word FIELDS is there and is not the last one.
    pub(super) fn find(args: &'b [&'a [u8]], from: usize) -> Result<Self, Fail> {
        let at = (from..args.len() - 1).find(|&at| is(args[at], "fields")).ok_or(NUMFIELDS)?;
        Ok(Self { options: &args[from..at], number: args[at + 1], items: &args[at + 2..] })
    }

    /// The items, `step` of them for each field, if they are as many as the clause says.
    pub(super) fn items(&self, step: usize) -> Result<&'b [&'a [u8]], Fail> {
        counted(self.items, self.number, step, NUMFIELDS)
    }
}

/// `FIELDS numfields field…` right behind the key; `mismatch` if the number is another one.
pub(super) fn fields_after_key<'b, 'a>(args: &'b [&'a [u8]], mismatch: Fail) -> Result<&'b [&'a [u8]], Fail> {
    if !is(args[2], "fields") {
        return Err(Fail::SYNTAX);
    }
    counted(&args[4..], args[3], 1, mismatch)
}

/// These items, if they are as many as the text says, `step` items counting as one.
fn counted<'b, 'a>(
    items: &'b [&'a [u8]],
    number: &[u8],
    step: usize,
    mismatch: Fail,
) -> Result<&'b [&'a [u8]], Fail> {
    let number = usize::try_from(int(number)?).ok().filter(|&number| number > 0);
    if number.and_then(|number| number.checked_mul(step)) == Some(items.len()) {
        Ok(items)
    } else {
        Err(mismatch)
    }
}

/// Fields that change, each once.
pub(super) struct Distinct<'f> {
    pub(super) fields: Vec<&'f [u8]>,
    /// Kept only where a field could be named twice.
    seen: Option<HashSet<&'f [u8]>>,
}

impl<'f> Distinct<'f> {
    /// None yet, of this many that are named.
    pub(super) fn of(named: usize) -> Self {
        Self { fields: Vec::new(), seen: (named > 1).then(HashSet::new) }
    }

    /// Adds a field; false if it is there.
    pub(super) fn add(&mut self, field: &'f [u8]) -> bool {
        let new = self.seen.as_mut().is_none_or(|seen| seen.insert(field));
        if new {
            self.fields.push(field);
        }
        new
    }
}

/// Under which condition an expiry is given.
#[derive(Clone, Copy, Default)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    fn parse(options: &[&[u8]]) -> Result<Self, Fail> {
        let mut condition = Self::default();
        for option in options {
            let set = [
                ("nx", &mut condition.nx),
                ("xx", &mut condition.xx),
                ("gt", &mut condition.gt),
                ("lt", &mut condition.lt),
            ]
            .into_iter()
            .find(|(token, _)| is(option, token));
            let Some((_, set)) = set else {
                return Err(Fail::text(format!(
                    "ERR Unsupported option {}",
                    String::from_utf8_lossy(option)
                )));
            };
            *set = true;
        }
        if condition.nx && (condition.xx || condition.gt || condition.lt) {
            return Err(Fail::new("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if condition.gt && condition.lt {
            return Err(Fail::new("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    /// Whether a field that expires at `old_ms` (0: never) is to expire at `at_ms`.
    fn allows(self, old_ms: u64, at_ms: u64) -> bool {
        let expires = old_ms != 0;
        !(self.nx && expires
            || self.xx && !expires
            || self.gt && (!expires || at_ms <= old_ms)
            || self.lt && expires && at_ms >= old_ms)
    }
}

const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;
const REFUSED: i64 = 0;
const DONE: i64 = 1;
const REMOVED: i64 = 2;

fn expire(
    ctx: &mut Ctx<'_>,
    args: &[&[u8]],
    out: &mut dyn Reply,
    (unit, relative, name): (Unit, bool, &str),
) -> Outcome {
    let (key, now_ms) = (args[1], ctx.now_ms);
    let clause = Clause::find(args, 3)?;
    let condition = Condition::parse(clause.options)?;
    let fields = clause.items(1)?;
    let at_ms = field_expiry(args[2], unit, relative, now_ms, name)?;
    let verdict = |expiry: Option<u64>| match expiry {
        None => NO_FIELD,
        Some(old_ms) if !condition.allows(old_ms, at_ms) => REFUSED,
        Some(_) if at_ms <= now_ms => REMOVED,
        Some(_) => DONE,
    };
    let hash = ctx.claim_hash(key)?;
    let mut changed = Distinct::of(fields.len());
    out.array(fields.len());
    for field in fields {
        let first = verdict(hash.and_then(|hash| hash.expiry(field, now_ms)));
        let again = first > REFUSED && !changed.add(field);
        out.int(if again { verdict((first == DONE).then_some(at_ms)) } else { first });
    }
    let fields = &changed.fields[..];
    if at_ms <= now_ms {
        ctx.expire_fields_now(key, fields);
    } else if !fields.is_empty() {
        ctx.apply(Effect::HashExpire { key, at_ms, fields });
    }
    Ok(())
}

fn persist(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, now_ms) = (args[1], ctx.now_ms);
    let fields = fields_after_key(args, NUMFIELDS)?;
    let hash = ctx.claim_hash(key)?;
    let mut changed = Distinct::of(fields.len());
    out.array(fields.len());
    for field in fields {
        out.int(match hash.and_then(|hash| hash.expiry(field, now_ms)) {
            None => NO_FIELD,
            Some(0) => NO_EXPIRY,
            Some(_) if changed.add(field) => DONE,
            Some(_) => NO_EXPIRY,
        });
    }
    if !changed.fields.is_empty() {
        ctx.apply(Effect::HashExpire { key, at_ms: 0, fields: &changed.fields });
    }
    Ok(())
}

fn ttl(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply, unit: Unit, relative: bool) -> Outcome {
    let now_ms = ctx.now_ms;
    let fields = fields_after_key(args, Fail::SYNTAX)?;
    let hash = ctx.read_hash(args[1])?;
    out.array(fields.len());
    for field in fields {
        out.int(match hash.and_then(|hash| hash.expiry(field, now_ms)) {
            None => NO_FIELD,
            Some(0) => NO_EXPIRY,
            Some(at_ms) => {
                let millis = if relative { at_ms.saturating_sub(now_ms) } else { at_ms };
                let shown = if unit == Unit::Seconds { (millis + 500) / 1000 } else { millis };
                i64::try_from(shown).unwrap_or(i64::MAX)
            }
        });
    }
    Ok(())
}
