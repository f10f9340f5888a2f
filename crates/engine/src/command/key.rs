//! Keys as such: whether they are there, of which type, and their end.

use super::{Command, Ctx, Keys, Outcome, Spec, flag};
use crate::reply::Reply;

const ALL_ARGUMENTS: Keys = Keys::Range { first: 1, last: -1, step: 1 };

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "del",
            arity: -2,
            flags: flag::WRITE,
            keys: ALL_ARGUMENTS,
            group: "generic",
            since: "1.0.0",
            summary: "Deletes one or more keys.",
            complexity: "O(N) where N is the number of keys; the memory of large values is freed apart",
            syntax: "key...",
        },
        run: del,
    },
    Command {
        spec: Spec {
            name: "unlink",
            arity: -2,
            flags: flag::WRITE | flag::FAST,
            keys: ALL_ARGUMENTS,
            group: "generic",
            since: "4.0.0",
            summary: "Asynchronously deletes one or more keys.",
            complexity: "O(N) where N is the number of keys; the memory of large values is freed apart",
            syntax: "key...",
        },
        run: del,
    },
    Command {
        spec: Spec {
            name: "exists",
            arity: -2,
            flags: flag::READONLY | flag::FAST,
            keys: ALL_ARGUMENTS,
            group: "generic",
            since: "1.0.0",
            summary: "Determines whether one or more keys exist.",
            complexity: "O(N) where N is the number of keys to check",
            syntax: "key...",
        },
        run: exists,
    },
    Command {
        spec: Spec {
            name: "touch",
            arity: -2,
            flags: flag::READONLY | flag::FAST,
            keys: ALL_ARGUMENTS,
            group: "generic",
            since: "3.2.1",
            summary: "Returns the number of existing keys out of those specified after updating the time they were last accessed.",
            complexity: "O(N) where N is the number of keys that will be touched",
            syntax: "key...",
        },
        run: touch,
    },
    Command {
        spec: Spec {
            name: "type",
            arity: 2,
            flags: flag::READONLY | flag::FAST,
            keys: Keys::At(1),
            group: "generic",
            since: "1.0.0",
            summary: "Determines the type of value stored at a key.",
            complexity: "O(1)",
            syntax: "key",
        },
        run: type_of,
    },
];

fn del(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    out.count(args[1..].iter().filter(|key| ctx.delete(key)).count());
    Ok(())
}

fn exists(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    out.count(args[1..].iter().filter(|key| ctx.look(key, |_| ()).is_some()).count());
    Ok(())
}

fn touch(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    // To touch is what was asked for, also by a client whose other reads leave no trace.
    let touches = std::mem::replace(&mut ctx.touches, true);
    out.count(args[1..].iter().filter(|key| ctx.read(key).is_some()).count());
    ctx.touches = touches;
    Ok(())
}

fn type_of(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    out.simple(ctx.look(args[1], |entry| entry.kind().name()).unwrap_or("none"));
    Ok(())
}
