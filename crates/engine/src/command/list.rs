//! Lists at their ends: pushing, popping, counting.
//!
//! What must hold: each is one visit to the entry; a popped element is written to the reply where it lies and never copied.

use super::context::list_of;
use super::parse::int;
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::{Effect, Side};
use crate::reply::Reply;
use crate::value::list::List;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "lpush",
            arity: -3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Prepends one or more elements to a list. Creates the key if it doesn't exist.",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            syntax: "key element ...",
        },
        run: |ctx, args, out| push(ctx, args, Side::Left, out),
    },
    Command {
        spec: Spec {
            name: "rpush",
            arity: -3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Appends one or more elements to a list. Creates the key if it doesn't exist.",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            syntax: "key element ...",
        },
        run: |ctx, args, out| push(ctx, args, Side::Right, out),
    },
    Command {
        spec: Spec {
            name: "lpushx",
            arity: -3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "list",
            since: "2.2.0",
            summary: "Prepends one or more elements to a list only when the list exists.",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            syntax: "key element ...",
        },
        run: |ctx, args, out| pushx(ctx, args, Side::Left, out),
    },
    Command {
        spec: Spec {
            name: "rpushx",
            arity: -3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "list",
            since: "2.2.0",
            summary: "Appends one or more elements to a list only when the list exists.",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
            syntax: "key element ...",
        },
        run: |ctx, args, out| pushx(ctx, args, Side::Right, out),
    },
    Command {
        spec: Spec {
            name: "lpop",
            arity: -2,
            flags: flag::WRITE | flag::FAST,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Returns and removes one or more elements from the beginning of a list. Deletes the list if the last element was popped.",
            complexity: "O(N) where N is the number of elements returned",
            syntax: "key [count]",
        },
        run: |ctx, args, out| pop(ctx, args, Side::Left, out),
    },
    Command {
        spec: Spec {
            name: "rpop",
            arity: -2,
            flags: flag::WRITE | flag::FAST,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Returns and removes one or more elements from the end of a list. Deletes the list if the last element was popped.",
            complexity: "O(N) where N is the number of elements returned",
            syntax: "key [count]",
        },
        run: |ctx, args, out| pop(ctx, args, Side::Right, out),
    },
    Command {
        spec: Spec {
            name: "llen",
            arity: 2,
            flags: flag::READONLY | flag::FAST,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Returns the length of a list.",
            complexity: "O(1)",
            syntax: "key",
        },
        run: llen,
    },
    Command {
        spec: Spec {
            name: "lsize",
            arity: 2,
            flags: flag::READONLY | flag::FAST,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Returns the length of a list: another name for LLEN.",
            complexity: "O(1)",
            syntax: "key",
        },
        run: llen,
    },
];

fn push(ctx: &mut Ctx<'_>, args: &[&[u8]], side: Side, out: &mut dyn Reply) -> Outcome {
    let (key, elements) = (args[1], &args[2..]);
    let len = push_existing(ctx, key, side, elements)?;
    out.count(len.unwrap_or_else(|| ctx.apply(Effect::ListPush { key, side, elements })));
    Ok(())
}

fn pushx(ctx: &mut Ctx<'_>, args: &[&[u8]], side: Side, out: &mut dyn Reply) -> Outcome {
    out.count(push_existing(ctx, args[1], side, &args[2..])?.unwrap_or(0));
    Ok(())
}

/// Pushes to a list that is there. Returns its new length; none if it is not.
fn push_existing(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    side: Side,
    elements: &[&[u8]],
) -> Result<Option<usize>, Fail> {
    ctx.amend(key, |entry| {
        let len = list_of(entry)?.len() + elements.len();
        Ok((len, Some(Effect::ListPush { key, side, elements })))
    })
}

fn pop(ctx: &mut Ctx<'_>, args: &[&[u8]], side: Side, out: &mut dyn Reply) -> Outcome {
    let (key, count) = (args[1], args.get(2));
    if args.len() > 3 {
        return Err(Fail::arity(if side == Side::Left { "lpop" } else { "rpop" }));
    }
    if let Some(count) = count {
        let count = int(count).ok().and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or(Fail::new("ERR value is out of range, must be positive"))?;
        let popped = pop_many(ctx, key, side, count, out, &mut |_| {})?;
        if popped.is_none() {
            out.null_array();
        }
    } else if pop_one(ctx, key, side, out, |_| {})?.is_none() {
        out.null();
    }
    Ok(())
}

/// Pops an element and replies it, after what `before` replies. None, and no reply, without the list.
pub(super) fn pop_one(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    side: Side,
    out: &mut dyn Reply,
    before: impl FnOnce(&mut dyn Reply),
) -> Result<Option<()>, Fail> {
    ctx.amend(key, |entry| {
        let element = at_end(list_of(entry)?, side);
        before(out);
        out.bulk_or_null(element);
        Ok(((), Some(Effect::ListPop { key, side, count: 1 })))
    })
}

/// Pops up to so many elements and replies them as an array, after what `before` replies. Returns how many; none, and no
/// reply, without the list.
pub(super) fn pop_many(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    side: Side,
    count: usize,
    out: &mut dyn Reply,
    before: &mut dyn FnMut(&mut dyn Reply),
) -> Result<Option<usize>, Fail> {
    ctx.amend(key, |entry| {
        let list = list_of(entry)?;
        let count = count.min(list.len());
        before(out);
        out.array(count);
        match side {
            Side::Left => list.iter().take(count).for_each(|element| out.bulk(element)),
            Side::Right => list.iter_rev().take(count).for_each(|element| out.bulk(element)),
        }
        let effect = (count > 0).then_some(Effect::ListPop { key, side, count: count as u64 });
        Ok((count, effect))
    })
}

/// The element at this end.
pub(super) fn at_end(list: &List, side: Side) -> Option<&[u8]> {
    match side {
        Side::Left => list.iter().next(),
        Side::Right => list.iter_rev().next(),
    }
}

fn llen(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    out.count(ctx.read_list(args[1])?.map_or(0, List::len));
    Ok(())
}
