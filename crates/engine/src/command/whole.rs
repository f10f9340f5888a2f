//! Commands on whole databases: FLUSHALL, FLUSHDB, SWAPDB.
//!
//! All shards are held while the tables are put aside, which takes as long for a million keys as for one; their memory is
//! freed without any lock, by the thread that sweeps (`ASYNC`, the default) or before the answer (`SYNC`).

use super::parse::is;
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::record::DATABASE;
use crate::reply::Reply;
use crate::value::number;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "flushdb",
            arity: -1,
            flags: flag::WRITE | flag::WHOLE,
            keys: Keys::None,
            group: "server",
            since: "1.0.0",
            summary: "Removes all keys from the current database.",
            complexity: "O(1); the memory of N keys is freed apart in O(N)",
            syntax: "[ASYNC|SYNC]",
        },
        run: |ctx, args, out| {
            let db = ctx.db;
            flush(ctx, args, out, db..db + 1)
        },
    },
    Command {
        spec: Spec {
            name: "flushall",
            arity: -1,
            flags: flag::WRITE | flag::WHOLE,
            keys: Keys::None,
            group: "server",
            since: "1.0.0",
            summary: "Removes all keys from all databases.",
            complexity: "O(1); the memory of N keys is freed apart in O(N)",
            syntax: "[ASYNC|SYNC]",
        },
        run: |ctx, args, out| {
            let databases = 0..ctx.databases();
            flush(ctx, args, out, databases)
        },
    },
    Command {
        spec: Spec {
            name: "swapdb",
            arity: 3,
            flags: flag::WRITE | flag::FAST | flag::WHOLE,
            keys: Keys::None,
            group: "server",
            since: "4.0.0",
            summary: "Swaps two databases.",
            complexity: "O(N) where N is the count of clients watching or blocking on keys from both databases.",
            syntax: "index1 index2",
        },
        run: swap,
    },
];

/// Bytes of one database-wide effect at most.
const EFFECT_BYTES_MAX: usize = 16;

fn flush(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply, databases: std::ops::Range<u32>) -> Outcome {
    let at_once = match args[1..] {
        [] => false,
        [option] if is(option, "async") => false,
        [option] if is(option, "sync") => true,
        _ => return Err(Fail::SYNTAX),
    };
    if ctx.settles {
        ctx.may_flush()?;
    }
    let settles = ctx.settles;
    let filled: Vec<u32> = databases.filter(|&db| settles || ctx.in_db(db, |ctx| !is_empty(ctx))).collect();
    ctx.reserve(filled.len() * EFFECT_BYTES_MAX)?;
    for db in filled {
        ctx.in_db(db, |ctx| ctx.apply_whole(Effect::Flush));
        if settles {
            ctx.flush_rows(db);
        }
    }
    ctx.reclaims = at_once;
    out.ok();
    Ok(())
}

/// True if the selected database holds nothing, expired keys included.
fn is_empty(ctx: &mut Ctx<'_>) -> bool {
    (0..ctx.shards()).all(|shard| ctx.in_shard(shard, |space| space.len() == 0).unwrap_or(true))
}

fn swap(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    if ctx.settles {
        return Err(Fail::new("ERR SWAPDB is not possible with a store: its rows are of one database each"));
    }
    let number = |text: &[u8]| number::parse_i64(text).filter(|number| i32::try_from(*number).is_ok());
    let one = number(args[1]).ok_or(Fail::new("ERR invalid first DB index"))?;
    let other = number(args[2]).ok_or(Fail::new("ERR invalid second DB index"))?;
    let database = |number: i64| {
        u32::try_from(number).ok().filter(|&db| db < ctx.databases()).ok_or(Fail::DB_OUT_OF_RANGE)
    };
    let (one, other) = (database(one)?, database(other)?);
    if [one, other].contains(&DATABASE) && ctx.keyspace.has_unique() {
        return Err(Fail::new(
            "ERR SWAPDB is not possible with database 0 while a table has a unique index: records would come that were never compared",
        ));
    }
    if one != other {
        ctx.in_db(one, |ctx| ctx.swap_with(other));
    }
    out.ok();
    Ok(())
}
