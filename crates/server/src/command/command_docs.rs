//! COMMAND DOCS: what a row says to people and to clients that complete what is typed.

use super::Row;
use super::command_syntax::{Argument, Kind, parse};
use crate::session::Replier;
use ramekin::Reply;
use ramekin::command::Keys;

/// Values that are integers; all others that no rule below names are strings.
const INTEGERS: &[&str] = &[
    "client-id",
    "columns",
    "count",
    "cursor",
    "db",
    "decrement",
    "destination-db",
    "end",
    "index",
    "index1",
    "index2",
    "len",
    "milliseconds",
    "min-match-len",
    "num-matches",
    "numfields",
    "numkeys",
    "numlocal",
    "numreplicas",
    "offset",
    "protover",
    "rank",
    "rows",
    "seconds",
    "start",
    "stop",
];
const KEYS: &[&str] = &["destination", "key", "key1", "key2", "newkey", "source"];

/// Writes the name of a row and its documentation.
pub(super) fn write(row: &Row, out: &mut Replier<'_>) {
    let (spec, arguments, subcommands) = (row.spec, parse(row.spec.syntax), row.subcommands());
    let is_internal = spec.name == "debug";
    out.bulk(spec.name.as_bytes());
    out.map(
        4 + usize::from(is_internal)
            + usize::from(!arguments.is_empty())
            + usize::from(!subcommands.is_empty()),
    );
    for (name, text) in [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", spec.group),
        ("complexity", spec.complexity),
    ] {
        out.bulk(name.as_bytes());
        out.bulk(text.as_bytes());
    }
    if is_internal {
        out.bulk(b"doc_flags");
        out.set(1);
        out.simple("syscmd");
    }
    if !arguments.is_empty() {
        out.bulk(b"arguments");
        write_arguments(row, &arguments, out);
    }
    if !subcommands.is_empty() {
        out.bulk(b"subcommands");
        out.map(subcommands.len());
        subcommands.iter().for_each(|row| write(row, out));
    }
}

fn write_arguments(row: &Row, arguments: &[Argument], out: &mut Replier<'_>) {
    out.array(arguments.len());
    arguments.iter().for_each(|argument| write_argument(row, argument, out));
}

fn write_argument(row: &Row, argument: &Argument, out: &mut Replier<'_>) {
    let kind = kind_of(row, argument);
    let is_leaf = argument.parts.is_empty();
    let names_keys = kind == "pattern" && super::command_facts::sorts(row.spec);
    let set = [
        (argument.is_optional, "optional"),
        (argument.is_multiple, "multiple"),
        (argument.is_multiple && names_keys, "multiple_token"),
    ];
    let flags: Vec<&str> = set.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
    let is_key = kind == "key" || names_keys;
    let fields = 2
        + usize::from(is_leaf)
        + usize::from(is_key)
        + usize::from(argument.token.is_some())
        + usize::from(!flags.is_empty())
        + usize::from(!is_leaf);
    out.map(fields);
    let mut text = |name: &str, text: &str| {
        out.bulk(name.as_bytes());
        out.bulk(text.as_bytes());
    };
    text("name", &argument.name);
    text("type", kind);
    if is_leaf {
        text("display_text", &argument.name);
    }
    if is_key {
        out.bulk(b"key_spec_index");
        out.int(key_spec_index(row, &argument.name));
    }
    if let Some(token) = &argument.token {
        out.bulk(b"token");
        out.bulk(token.as_bytes());
    }
    if !flags.is_empty() {
        out.bulk(b"flags");
        out.set(flags.len());
        flags.iter().for_each(|flag| out.simple(flag));
    }
    if !is_leaf {
        out.bulk(b"arguments");
        write_arguments(row, &argument.parts, out);
    }
}

/// Which of the row's key specifications finds this key.
fn key_spec_index(row: &Row, name: &str) -> i64 {
    let specs = super::command_facts::key_specs(row.spec).len();
    if specs > 1 && matches!(name, "destination" | "newkey") {
        i64::try_from(specs - 1).unwrap_or_default()
    } else {
        i64::from(name.ends_with("pattern"))
    }
}

fn kind_of(row: &Row, argument: &Argument) -> &'static str {
    let name = argument.name.as_str();
    let has_keys = !matches!(row.spec.keys, Keys::None | Keys::Table(_));
    let blocks = row.spec.is(ramekin::command::flag::BLOCKING) && has_keys;
    let real = matches!(row.spec.name, "incrbyfloat" | "hincrbyfloat");
    match argument.kind {
        Kind::Token => "pure-token",
        Kind::OneOf => "oneof",
        Kind::Block => "block",
        Kind::Value if has_keys && KEYS.contains(&name) => "key",
        Kind::Value if name.starts_with("unix-time") => "unix-time",
        Kind::Value if name.ends_with("pattern") => "pattern",
        Kind::Value if name == "timeout" && blocks || name == "increment" && real => "double",
        Kind::Value if matches!(name, "timeout" | "increment") || INTEGERS.contains(&name) => "integer",
        Kind::Value => "string",
    }
}
