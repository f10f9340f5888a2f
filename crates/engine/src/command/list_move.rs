//! Lists among lists: moving an element to another one, popping from the first that has any, and waiting for that.
//!
//! A command that would wait and may not, as in a transaction, answers as one whose time is up. What must hold: a move
//! pushes before it pops, so that a list rotated onto itself is never empty in between, which would end its expiry.

use super::list::{at_end, pop_many, pop_one};
use super::parse::{int, is, timeout};
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::{Effect, Side};
use crate::reply::Reply;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "lmove",
            arity: 5,
            flags: flag::WRITE | flag::DENYOOM,
            keys: Keys::Range { first: 1, last: 2, step: 1 },
            group: "list",
            since: "6.2.0",
            summary: "Returns an element after popping it from one list and pushing it to another. Deletes the list if the last element was moved.",
            complexity: "O(1)",
            syntax: "source destination LEFT|RIGHT LEFT|RIGHT",
        },
        run: |ctx, args, out| {
            let sides = (side(args[3])?, side(args[4])?);
            shift(ctx, args, sides, None, out)
        },
    },
    Command {
        spec: Spec {
            name: "rpoplpush",
            arity: 3,
            flags: flag::WRITE | flag::DENYOOM,
            keys: Keys::Range { first: 1, last: 2, step: 1 },
            group: "list",
            since: "1.2.0",
            summary: "Returns the last element of a list after removing and pushing it to another list. Deletes the list if the last element was popped.",
            complexity: "O(1)",
            syntax: "source destination",
        },
        run: |ctx, args, out| shift(ctx, args, (Side::Right, Side::Left), None, out),
    },
    Command {
        spec: Spec {
            name: "lmpop",
            arity: -4,
            flags: flag::WRITE | flag::MOVABLE_KEYS,
            keys: Keys::Found(|args| counted_keys(args, 1)),
            group: "list",
            since: "7.0.0",
            summary: "Returns multiple elements from a list after removing them. Deletes the list if the last element was popped.",
            complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            syntax: "numkeys key ... LEFT|RIGHT [COUNT count]",
        },
        run: |ctx, args, out| pop_first(ctx, args, 1, out),
    },
    Command {
        spec: Spec {
            name: "blpop",
            arity: -3,
            flags: flag::WRITE | flag::BLOCKING,
            keys: Keys::Range { first: 1, last: -2, step: 1 },
            group: "list",
            since: "2.0.0",
            summary: "Removes and returns the first element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
            complexity: "O(N) where N is the number of provided keys.",
            syntax: "key ... timeout",
        },
        run: |ctx, args, out| pop_or_wait(ctx, args, Side::Left, out),
    },
    Command {
        spec: Spec {
            name: "brpop",
            arity: -3,
            flags: flag::WRITE | flag::BLOCKING,
            keys: Keys::Range { first: 1, last: -2, step: 1 },
            group: "list",
            since: "2.0.0",
            summary: "Removes and returns the last element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
            complexity: "O(N) where N is the number of provided keys.",
            syntax: "key ... timeout",
        },
        run: |ctx, args, out| pop_or_wait(ctx, args, Side::Right, out),
    },
    Command {
        spec: Spec {
            name: "blmove",
            arity: 6,
            flags: flag::WRITE | flag::DENYOOM | flag::BLOCKING,
            keys: Keys::Range { first: 1, last: 2, step: 1 },
            group: "list",
            since: "6.2.0",
            summary: "Pops an element from a list, pushes it to another list and returns it. Blocks until an element is available otherwise. Deletes the list if the last element was moved.",
            complexity: "O(1)",
            syntax: "source destination LEFT|RIGHT LEFT|RIGHT timeout",
        },
        run: |ctx, args, out| {
            let sides = (side(args[3])?, side(args[4])?);
            let timeout_ms = timeout(args[5], ctx.now_ms)?;
            shift(ctx, args, sides, Some(timeout_ms), out)
        },
    },
    Command {
        spec: Spec {
            name: "brpoplpush",
            arity: 4,
            flags: flag::WRITE | flag::DENYOOM | flag::BLOCKING,
            keys: Keys::Range { first: 1, last: 2, step: 1 },
            group: "list",
            since: "2.2.0",
            summary: "Pops an element from a list, pushes it to another list and returns it. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
            complexity: "O(1)",
            syntax: "source destination timeout",
        },
        run: |ctx, args, out| {
            let timeout_ms = timeout(args[3], ctx.now_ms)?;
            shift(ctx, args, (Side::Right, Side::Left), Some(timeout_ms), out)
        },
    },
    Command {
        spec: Spec {
            name: "blmpop",
            arity: -5,
            flags: flag::WRITE | flag::BLOCKING | flag::MOVABLE_KEYS,
            keys: Keys::Found(|args| counted_keys(args, 2)),
            group: "list",
            since: "7.0.0",
            summary: "Pops the first element from one of multiple lists. Blocks until an element is available otherwise. Deletes the list if the last element was popped.",
            complexity: "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            syntax: "timeout numkeys key ... LEFT|RIGHT [COUNT count]",
        },
        run: |ctx, args, out| pop_first(ctx, args, 2, out),
    },
];

fn side(text: &[u8]) -> Result<Side, Fail> {
    match text {
        text if is(text, "left") => Ok(Side::Left),
        text if is(text, "right") => Ok(Side::Right),
        _ => Err(Fail::SYNTAX),
    }
}

/// Moves an element from one list (`args[1]`) to another (`args[2]`), or waits for one if there is a time-out.
fn shift(
    ctx: &mut Ctx<'_>,
    args: &[&[u8]],
    (from, to): (Side, Side),
    timeout_ms: Option<u64>,
    out: &mut dyn Reply,
) -> Outcome {
    let (source, destination) = (args[1], args[2]);
    let element = ctx.claim_list(source)?.and_then(|list| at_end(list, from)).map(<[u8]>::to_vec);
    let Some(element) = element else {
        match timeout_ms {
            Some(timeout_ms) if ctx.may_block => ctx.block(&[source], timeout_ms),
            _ => out.null(),
        }
        return Ok(());
    };
    ctx.claim_list(destination)?;
    ctx.reserve(element.len())?;
    ctx.apply(Effect::ListPush { key: destination, side: to, elements: &[&element] });
    ctx.apply(Effect::ListPop { key: source, side: from, count: 1 });
    out.bulk(&element);
    Ok(())
}

fn pop_or_wait(ctx: &mut Ctx<'_>, args: &[&[u8]], side: Side, out: &mut dyn Reply) -> Outcome {
    let (keys, last) = args[1..].split_at(args.len() - 2);
    let timeout_ms = timeout(last[0], ctx.now_ms)?;
    for key in keys {
        let key_first = |out: &mut dyn Reply| {
            out.array(2);
            out.bulk(key);
        };
        if pop_one(ctx, key, side, out, key_first)?.is_some() {
            return Ok(());
        }
    }
    if ctx.may_block {
        ctx.block(keys, timeout_ms);
    } else {
        out.null_array();
    }
    Ok(())
}

/// The keys of LMPOP and its kin: a count at this argument, followed by as many keys and at least one argument more.
fn counted_keys(args: &[&[u8]], at: usize) -> Result<Vec<usize>, Fail> {
    let count = int(args[at]).ok().filter(|count| *count > 0);
    let count = count.ok_or(Fail::new("ERR numkeys should be greater than 0"))?;
    let count = usize::try_from(count).map_err(|_| Fail::SYNTAX)?;
    if count >= args.len() - at - 1 {
        return Err(Fail::SYNTAX);
    }
    Ok((at + 1..=at + count).collect())
}

/// LMPOP, with the number of keys at argument 1, and BLMPOP, with its time-out there and the number behind it.
fn pop_first(ctx: &mut Ctx<'_>, args: &[&[u8]], at: usize, out: &mut dyn Reply) -> Outcome {
    let behind = at + 1 + counted_keys(args, at)?.len();
    let keys = &args[at + 1..behind];
    let side = side(args[behind])?;
    let count = match &args[behind + 1..] {
        [] => 1,
        [token, count, rest @ ..] if is(token, "count") => {
            let count =
                int(count).ok().and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
            let count = count.ok_or(Fail::new("ERR count should be greater than 0"))?;
            if rest.is_empty() { count } else { return Err(Fail::SYNTAX) }
        }
        _ => return Err(Fail::SYNTAX),
    };
    let timeout_ms = if at == 2 { Some(timeout(args[1], ctx.now_ms)?) } else { None };
    for key in keys {
        let key_first = &mut |out: &mut dyn Reply| {
            out.array(2);
            out.bulk(key);
        };
        if pop_many(ctx, key, side, count, out, key_first)?.is_some() {
            return Ok(());
        }
    }
    match timeout_ms {
        Some(timeout_ms) if ctx.may_block => ctx.block(keys, timeout_ms),
        _ => out.null_array(),
    }
    Ok(())
}
