//! COMMAND: the table of commands, for clients.
//!
//! Everything is made from the rows: [`super::command_facts`] says what follows from a row,
//! [`super::command_docs`] describes it for people.

use super::{Row, ServerCommand, command_docs, command_facts, help};
use crate::server::Server;
use crate::session::{Peer, Replier};
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use std::borrow::Cow;
use std::sync::Arc;

const COMMON: u32 = flag::LOADING | flag::STALE;

const fn spec(name: &'static str, arity: i32, since: &'static str, summary: &'static str) -> Spec {
    Spec {
        name,
        arity,
        flags: COMMON,
        keys: Keys::None,
        group: "server",
        since,
        summary,
        complexity: "O(N) where N is the number of commands to look up",
        syntax: "",
    }
}

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the total number of commands",
            ..spec("command", -1, "2.8.13", "Returns detailed information about all commands.")
        },
        run: |_, _, _, out| {
            let rows: Vec<Option<&Row>> = containers_and_plain().map(Some).collect();
            write_all(&rows, out);
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(1)",
            ..spec("command|count", 2, "2.8.13", "Returns a count of commands.")
        },
        run: |_, _, _, out| {
            out.count(containers_and_plain().count());
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: "[FILTERBY MODULE module-name|ACLCAT category|PATTERN pattern]",
            complexity: "O(N) where N is the total number of commands",
            ..spec("command|list", -2, "7.0.0", "Returns a list of command names.")
        },
        run: list,
    },
    ServerCommand {
        spec: Spec {
            syntax: "[command-name [command-name ...]]",
            ..spec("command|info", -2, "2.8.13", "Returns information about one, multiple or all commands.")
        },
        run: info,
    },
    ServerCommand {
        spec: Spec {
            syntax: "[command-name [command-name ...]]",
            ..spec(
                "command|docs",
                -2,
                "7.0.0",
                "Returns documentary information about one, multiple or all commands.",
            )
        },
        run: docs,
    },
    ServerCommand {
        spec: Spec {
            syntax: "command [arg [arg ...]]",
            complexity: "O(N) where N is the number of arguments to the command",
            ..spec("command|getkeys", -3, "2.8.13", "Extracts the key names from an arbitrary command.")
        },
        run: |_, _, args, out| {
            let keys = keys_of(&args[2..])?;
            out.array(keys.len());
            keys.iter().for_each(|(key, _)| out.bulk(key));
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: "command [arg [arg ...]]",
            complexity: "O(N) where N is the number of arguments to the command",
            ..spec(
                "command|getkeysandflags",
                -3,
                "7.0.0",
                "Extracts the key names and access flags for an arbitrary command.",
            )
        },
        run: |_, _, args, out| {
            let keys = keys_of(&args[2..])?;
            out.array(keys.len());
            for (key, access) in keys {
                out.array(2);
                out.bulk(&key);
                write_words(access.split(' '), out);
            }
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(1)",
            ..spec("command|help", 2, "5.0.0", "Returns helpful text about the different subcommands.")
        },
        run: |_, _, _, out| {
            help::write(out, "COMMAND", HELP);
            Ok(())
        },
    },
];

const HELP: &[(&str, &str)] = &[
    ("(no subcommand)", "Details of all commands."),
    ("COUNT", "The number of commands."),
    ("LIST [FILTERBY MODULE <name>|ACLCAT <category>|PATTERN <pattern>]", "The names of commands."),
    ("INFO [<command-name> ...]", "Details of these commands, or of all."),
    ("DOCS [<command-name> ...]", "Documentation of these commands, or of all."),
    ("GETKEYS <full-command>", "The keys of a command with its arguments."),
    ("GETKEYSANDFLAGS <full-command>", "The keys of a command, and how it uses them."),
];

/// All rows but those of subcommands.
fn containers_and_plain() -> impl Iterator<Item = &'static Row> {
    super::all().iter().filter(|row| !row.spec.name.contains('|'))
}

fn list(_: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let names: Vec<&str> = match args[2..] {
        [] => super::all().iter().map(|row| row.spec.name).collect(),
        [word, kind, wanted] if word.eq_ignore_ascii_case(b"filterby") => {
            let all = super::all().iter();
            let is_category = |row: &Row| {
                command_facts::categories(row.spec)
                    .iter()
                    .any(|name| wanted.eq_ignore_ascii_case(name.as_bytes()))
            };
            let kept: Vec<&Row> = match kind.to_ascii_lowercase().as_slice() {
                b"module" => Vec::new(),
                b"aclcat" => all.filter(|row| is_category(row)).collect(),
                b"pattern" => {
                    all.filter(|row| ramekin::value::glob(wanted, row.spec.name.as_bytes(), true)).collect()
                }
                _ => return Err(Fail::SYNTAX),
            };
            kept.iter().map(|row| row.spec.name).collect()
        }
        _ => return Err(Fail::SYNTAX),
    };
    out.array(names.len());
    names.iter().for_each(|name| out.bulk(name.as_bytes()));
    Ok(())
}

fn info(_: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let rows: Vec<Option<&Row>> = match &args[2..] {
        [] => containers_and_plain().map(Some).collect(),
        names => names.iter().map(|name| super::find(name)).collect(),
    };
    write_all(&rows, out);
    Ok(())
}

fn docs(_: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let rows: Vec<&Row> = match &args[2..] {
        [] => containers_and_plain().collect(),
        names => names.iter().filter_map(|name| super::find(name)).collect(),
    };
    out.map(rows.len());
    for row in rows {
        command_docs::write(row, out);
    }
    Ok(())
}

fn write_all(rows: &[Option<&Row>], out: &mut Replier<'_>) {
    out.array(rows.len());
    for row in rows {
        match row {
            Some(row) => write(row, out),
            None => out.null(),
        }
    }
}

/// The ten fields of a command.
fn write(row: &Row, out: &mut Replier<'_>) {
    let spec = row.spec;
    out.array(10);
    out.bulk(spec.name.as_bytes());
    out.int(i64::from(spec.arity));
    write_set(&command_facts::flags(spec), out);
    let (first, last, step) = command_facts::legacy_range(spec);
    [first, last, step].iter().for_each(|number| out.int(*number));
    let categories: Vec<String> =
        command_facts::categories(spec).iter().map(|category| format!("@{category}")).collect();
    out.set(categories.len());
    categories.iter().for_each(|category| out.simple(category));
    let tips = command_facts::tips(spec.name);
    out.set(tips.len());
    tips.iter().for_each(|tip| out.bulk(tip.as_bytes()));
    let key_specs = command_facts::key_specs(spec);
    out.set(key_specs.len());
    key_specs.iter().for_each(|key_spec| key_spec.write(out));
    let subcommands = row.subcommands();
    out.array(subcommands.len());
    subcommands.iter().for_each(|row| write(row, out));
}

fn write_set(words: &[&str], out: &mut Replier<'_>) {
    out.set(words.len());
    words.iter().for_each(|word| out.simple(word));
}

fn write_words<'a>(words: impl Iterator<Item = &'a str> + Clone, out: &mut Replier<'_>) {
    out.set(words.clone().count());
    words.for_each(|word| out.simple(word));
}

/// A key, and how it is used.
type UsedKey<'a> = (Cow<'a, [u8]>, &'static str);

/// The keys of a command with its arguments.
fn keys_of<'a>(args: &[&'a [u8]]) -> Result<Vec<UsedKey<'a>>, Fail> {
    const INVALID: Fail = Fail::new("ERR Invalid command specified");
    const NO_KEYS: Fail = Fail::new("ERR The command has no key arguments");
    if args.len() == 1 && super::find(args[0]).is_some_and(|row| row.spec.is(flag::CONTAINER)) {
        return Err(NO_KEYS);
    }
    let row = super::resolve(args).map_err(|_| INVALID)?;
    if matches!(row.spec.keys, Keys::None | Keys::Table(_)) {
        return Err(NO_KEYS);
    }
    if !row.spec.takes(args.len()) {
        return Err(Fail::new("ERR Invalid number of arguments specified for command"));
    }
    let keys =
        row.spec.keys_of(args).map_err(|_| Fail::new("ERR Invalid arguments specified for command"))?;
    let with_access = |(nth, key)| (key, command_facts::access(row.spec, args, nth));
    Ok(keys.into_iter().enumerate().map(with_access).collect())
}
