//! Fields read or set together with their expiry: HGETEX, HSETEX, HGETDEL.
//!
//! The order of checks is the order in which Valkey tells them: options, the number of fields, the type of the key, the
//! condition on the key, the time, the conditions on the fields.

use super::hash::WRITE;
use super::hash_expire::{Clause, Distinct, NUMFIELDS, field_expiry, fields_after_key};
use super::parse::{Unit, is};
use super::{Command, Ctx, Fail, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::reply::Reply;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "hgetex",
            arity: -5,
            flags: flag::WRITE | flag::FAST,
            since: "9.0.0",
            summary: "Returns the values of hash fields, and optionally sets or removes their expiry.",
            complexity: "O(N) where N is the number of specified fields.",
            syntax: "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST] FIELDS numfields field [field ...]",
            ..WRITE
        },
        run: get,
    },
    Command {
        spec: Spec {
            name: "hsetex",
            arity: -6,
            since: "9.0.0",
            summary: "Sets the values of hash fields, and optionally their expiry.",
            complexity: "O(N) where N is the number of specified fields.",
            syntax: "key [NX|XX] [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL] FIELDS numfields field value [field value ...]",
            ..WRITE
        },
        run: set,
    },
    Command {
        spec: Spec {
            name: "hgetdel",
            arity: -5,
            flags: flag::WRITE | flag::FAST,
            since: "9.1.0",
            summary: "Returns the values of one or more fields and deletes them from a hash.",
            complexity: "O(N) where N is the number of fields to be retrieved and deleted.",
            syntax: "key FIELDS numfields field [field ...]",
            ..WRITE
        },
        run: delete,
    },
];

/// What the options say about expiry.
#[derive(Clone, Copy)]
enum Expiry<'a> {
    /// Nothing: HGETEX leaves it, HSETEX drops it.
    Unsaid,
    /// PERSIST or KEEPTTL.
    Kept,
    /// EX, PX, EXAT or PXAT, given last with this text.
    Given { token: usize, text: &'a [u8] },
}

/// A condition that at least one of two tokens asks for: absent or present.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    None,
    Absent,
    Present,
}

struct Options<'a> {
    expiry: Expiry<'a>,
    key: Condition,
    fields: Condition,
}

/// Tokens of a time: name, unit, whether it counts from now.
const TIMES: [(&str, Unit, bool); 4] = [
    ("ex", Unit::Seconds, true),
    ("px", Unit::Millis, true),
    ("exat", Unit::Seconds, false),
    ("pxat", Unit::Millis, false),
];

impl Condition {
    /// Adds what a token asks for; the same one twice is allowed, both are not.
    fn add(&mut self, condition: Condition) -> Outcome {
        if *self != Condition::None && *self != condition {
            return Err(Fail::SYNTAX);
        }
        *self = condition;
        Ok(())
    }
}

impl<'a> Options<'a> {
    /// `keep` is the token that stands beside the times; `conditions`: whether there may be any.
    fn parse(options: &[&'a [u8]], keep: &str, conditions: bool) -> Result<Self, Fail> {
        let mut parsed = Self { expiry: Expiry::Unsaid, key: Condition::None, fields: Condition::None };
        let mut rest = options.iter();
        while let Some(&option) = rest.next() {
            if is(option, keep) && !matches!(parsed.expiry, Expiry::Given { .. }) {
                parsed.expiry = Expiry::Kept;
            } else if let Some(token) = TIMES.iter().position(|(name, ..)| is(option, name)) {
                match parsed.expiry {
                    Expiry::Kept => return Err(Fail::SYNTAX),
                    Expiry::Given { token: other, .. } if other != token => return Err(Fail::SYNTAX),
                    _ => parsed.expiry = Expiry::Given { token, text: rest.next().ok_or(Fail::SYNTAX)? },
                }
            } else if conditions && is(option, "nx") {
                parsed.key.add(Condition::Absent)?;
            } else if conditions && is(option, "xx") {
                parsed.key.add(Condition::Present)?;
            } else if conditions && is(option, "fnx") {
                parsed.fields.add(Condition::Absent)?;
            } else if conditions && is(option, "fxx") {
                parsed.fields.add(Condition::Present)?;
            } else {
                return Err(Fail::SYNTAX);
            }
        }
        Ok(parsed)
    }
}

impl Expiry<'_> {
    /// The time that is given; none if there is no time.
    fn at_ms(self, now_ms: u64, command: &str) -> Result<Option<u64>, Fail> {
        let Expiry::Given { token, text } = self else { return Ok(None) };
        let (_, unit, relative) = TIMES[token];
        field_expiry(text, unit, relative, now_ms, command).map(Some)
    }
}

fn get(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, now_ms) = (args[1], ctx.now_ms);
    let clause = Clause::find(args, 2)?;
    let options = Options::parse(clause.options, "persist", false)?;
    let fields = clause.items(1)?;
    let hash = ctx.claim_hash(key)?;
    let at_ms = options.expiry.at_ms(now_ms, "hgetex")?;
    let remove = at_ms.is_some_and(|at_ms| at_ms <= now_ms);
    let persist = matches!(options.expiry, Expiry::Kept);
    let mut changed = Distinct::of(fields.len());
    out.array(fields.len());
    for name in fields {
        let field = hash.and_then(|hash| hash.field(name, now_ms));
        let changes = field.is_some_and(|field| at_ms.is_some() || persist && field.expire_at_ms != 0);
        let again = changes && !changed.add(name);
        out.bulk_or_null(field.filter(|_| !(again && remove)).map(|field| field.value));
    }
    let fields = &changed.fields[..];
    if remove {
        ctx.expire_fields_now(key, fields);
    } else if !fields.is_empty() {
        ctx.apply(Effect::HashExpire { key, at_ms: at_ms.unwrap_or(0), fields });
    }
    Ok(())
}

fn set(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, now_ms) = (args[1], ctx.now_ms);
    let clause = Clause::find(args, 2)?;
    let options = Options::parse(clause.options, "keepttl", true)?;
    let pairs = clause.items(2)?;
    let hash = ctx.claim_hash(key)?;
    let key_fits = match options.key {
        Condition::None => true,
        Condition::Absent => hash.is_none(),
        Condition::Present => hash.is_some(),
    };
    if !key_fits {
        out.int(0);
        return Ok(());
    }
    let at_ms = options.expiry.at_ms(now_ms, "hsetex")?;
    let names = || pairs.iter().step_by(2).copied();
    let has = |name| hash.is_some_and(|hash| hash.contains(name, now_ms));
    let fields_fit = match options.fields {
        Condition::None => true,
        Condition::Absent => !names().any(has),
        Condition::Present => names().all(has),
    };
    if !fields_fit {
        out.int(0);
        return Ok(());
    }
    if at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
        let stored: Vec<&[u8]> = names().filter(|name| has(name)).collect();
        ctx.expire_fields_now(key, &stored);
    } else {
        let fields: Vec<&[u8]> = if at_ms.is_some() { names().collect() } else { Vec::new() };
        // The names are logged a second time, with their time.
        ctx.reserve(fields.iter().fold(key.len() + 32, |sum, field| sum + field.len() + 10))?;
        ctx.apply(Effect::HashSet { key, keep_expiry: matches!(options.expiry, Expiry::Kept), pairs });
        if let Some(at_ms) = at_ms {
            ctx.apply(Effect::HashExpire { key, at_ms, fields: &fields });
        }
    }
    out.int(1);
    Ok(())
}

fn delete(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, now_ms) = (args[1], ctx.now_ms);
    let fields = fields_after_key(args, NUMFIELDS)?;
    let hash = ctx.claim_hash(key)?;
    let mut deleted = Distinct::of(fields.len());
    out.array(fields.len());
    for field in fields {
        let value = hash.and_then(|hash| hash.get(field, now_ms));
        out.bulk_or_null(value.filter(|_| deleted.add(field)));
    }
    if !deleted.fields.is_empty() {
        ctx.apply(Effect::HashDelete { key, fields: &deleted.fields });
    }
    Ok(())
}
