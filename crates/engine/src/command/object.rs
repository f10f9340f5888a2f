//! How a value is kept: OBJECT.

use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::keyspace::entry::{Entry, View};
use crate::keyspace::item::Item;
use crate::reply::Reply;
use crate::value::{Kind, Value, number};

/// The row of a subcommand on one key.
const fn on_key(name: &'static str, since: &'static str, summary: &'static str) -> Spec {
    Spec {
        name,
        arity: 3,
        flags: flag::READONLY,
        keys: Keys::At(2),
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
        spec: Spec {
            name: "object",
            arity: -2,
            flags: flag::CONTAINER,
            keys: Keys::None,
            group: "generic",
            since: "2.2.3",
            summary: "A container for object introspection commands.",
            complexity: "Depends on subcommand.",
            syntax: "",
        },
        run: super::refuse_container,
    },
    Command {
        spec: on_key("object|encoding", "2.2.3", "Returns the internal encoding of an object."),
        run: encoding,
    },
    Command {
        spec: on_key(
            "object|freq",
            "4.0.0",
            "Returns the logarithmic access frequency counter of an object.",
        ),
        run: freq,
    },
    Command {
        spec: on_key("object|idletime", "2.2.3", "Returns the time since the last access to an object."),
        run: idletime,
    },
    Command {
        spec: on_key("object|refcount", "2.2.3", "Returns the reference count of a value of a key."),
        run: refcount,
    },
    Command {
        spec: Spec {
            name: "object|help",
            arity: 2,
            flags: flag::LOADING | flag::STALE,
            keys: Keys::None,
            group: "generic",
            since: "6.2.0",
            summary: "Returns helpful text about the different subcommands.",
            complexity: "O(1)",
            syntax: "",
        },
        run: help,
    },
];

/// What OBJECT HELP says.
const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    How the value of the key is laid out in memory.",
    "FREQ <key>",
    "    The logarithmic counter of the key's uses, kept under an LFU policy.",
    "IDLETIME <key>",
    "    Seconds since the key was last used, kept under any other policy.",
    "REFCOUNT <key>",
    "    References to the value of the key.",
    "HELP",
    "    Print this help.",
];

/// Key and value up to this many bytes together are told as `embstr`, and two fewer with a key of 32 bytes or more: what
/// fits Valkey's object of 128 bytes.
const EMBSTR_BYTES_MAX: usize = 113;
/// From this length on a key costs two bytes more there.
const SHORT_KEY_BYTES_MAX: usize = 31;
/// Longer digits are no 64-bit integer.
const INT_BYTES_MAX: usize = 20;

fn encoding(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    match ctx.look(args[2], encoding_of) {
        Some(name) => out.bulk(name.as_bytes()),
        None => out.null(),
    }
    Ok(())
}

/// The name of the encoding of a value, as OBJECT ENCODING tells it.
fn encoding_of(entry: &Entry) -> &'static str {
    match entry.view() {
        View::Str(text) => string_encoding(entry, text),
        View::Json(_) => "json",
        View::Compressed(value) if value.kind() == Kind::Json => "json",
        View::Compressed(value) => string_encoding(entry, &value.raw()),
        View::Value(Value::Str(text)) => string_encoding(entry, text),
        View::Value(Value::Long(_)) => "raw",
        View::Value(Value::List(list)) => list.encoding(),
        View::Value(Value::Hash(hash)) => hash.encoding(),
        View::Value(Value::Json(_)) => "json",
        View::Value(Value::Compressed(_)) => unreachable!("a view of it says what it is"),
    }
}

fn string_encoding(entry: &Entry, text: &[u8]) -> &'static str {
    let key_len = entry.key().len();
    let longest = EMBSTR_BYTES_MAX - if key_len > SHORT_KEY_BYTES_MAX { 2 } else { 0 };
    if entry.is_raw() {
        "raw"
    } else if text.len() <= INT_BYTES_MAX && number::parse_i64(text).is_some() {
        "int"
    } else if key_len + text.len() <= longest {
        "embstr"
    } else {
        "raw"
    }
}

fn freq(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let clock = ctx.settings.access_clock(ctx.now_ms);
    let frequency = ctx.look(args[2], |entry| clock.frequency(entry));
    if frequency.is_some() && !clock.counts_frequency() {
        return Err(Fail::new(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    match frequency {
        Some(frequency) => out.int(i64::from(frequency)),
        None => out.null(),
    }
    Ok(())
}

fn idletime(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let clock = ctx.settings.access_clock(ctx.now_ms);
    let idle = ctx.look(args[2], |entry| clock.idle_seconds(entry));
    if idle.is_some() && clock.counts_frequency() {
        return Err(Fail::new(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    match idle {
        Some(seconds) => out.int(i64::from(seconds)),
        None => out.null(),
    }
    Ok(())
}

fn refcount(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    match ctx.look(args[2], |_| ()) {
        Some(()) => out.int(1),
        None => out.null(),
    }
    Ok(())
}

fn help(_: &mut Ctx<'_>, _: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    out.array(HELP.len());
    HELP.iter().for_each(|line| out.simple(line));
    Ok(())
}
