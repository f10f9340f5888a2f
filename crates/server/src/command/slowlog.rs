//! SLOWLOG and COMMANDLOG: commands that took long, were large, or were answered at length.

use super::{ServerCommand, help};
use crate::server::Server;
use crate::session::{Peer, Replier};
use crate::slowlog::CommandLog;
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use std::sync::Arc;

const COMMON: u32 = flag::LOADING | flag::STALE;
const ADMIN: u32 = COMMON | flag::ADMIN;
/// Entries that SLOWLOG GET returns unless told.
const COUNT_DEFAULT: usize = 10;
const TYPES: &str = "slow|large-request|large-reply";

const fn spec(
    name: &'static str,
    arity: i32,
    flags: u32,
    since: &'static str,
    summary: &'static str,
) -> Spec {
    Spec {
        name,
        arity,
        flags,
        keys: Keys::None,
        group: "server",
        since,
        summary,
        complexity: "O(1)",
        syntax: "",
    }
}

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: Spec {
            complexity: "Depends on subcommand.",
            ..spec("slowlog", -2, flag::CONTAINER, "2.2.12", "A container for slow log commands.")
        },
        run: super::container,
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the number of entries returned",
            syntax: "[count]",
            ..spec("slowlog|get", -2, ADMIN, "2.2.12", "Returns the slow log's entries.")
        },
        run: slow_entries,
    },
    ServerCommand {
        spec: spec("slowlog|len", 2, ADMIN, "2.2.12", "Returns the number of entries in the slow log."),
        run: |_, server, _, out| {
            out.count(server.slowlog.len());
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the number of entries in the slowlog",
            ..spec("slowlog|reset", 2, ADMIN, "2.2.12", "Clears all entries from the slow log.")
        },
        run: |_, server, _, out| {
            server.slowlog.reset();
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: spec("slowlog|help", 2, COMMON, "6.2.0", "Shows helpful text about the different subcommands."),
        run: |_, _, _, out| {
            help::write(out, "SLOWLOG", SLOWLOG_HELP);
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            complexity: "Depends on subcommand.",
            ..spec("commandlog", -2, flag::CONTAINER, "8.1.0", "A container for command log commands.")
        },
        run: super::container,
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the number of entries returned",
            syntax: "count slow|large-request|large-reply",
            ..spec("commandlog|get", 4, ADMIN, "8.1.0", "Returns the specified command log's entries.")
        },
        run: |_, server, args, out| {
            let log = log_of(server, args[3])?;
            entries(log, count(args[2])?, out);
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: TYPES,
            ..spec(
                "commandlog|len",
                3,
                ADMIN,
                "8.1.0",
                "Returns the number of entries in the specified type of command log.",
            )
        },
        run: |_, server, args, out| {
            out.count(log_of(server, args[2])?.len());
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the number of entries in the commandlog",
            syntax: TYPES,
            ..spec(
                "commandlog|reset",
                3,
                ADMIN,
                "8.1.0",
                "Clears all entries from the specified type of command log.",
            )
        },
        run: |_, server, args, out| {
            log_of(server, args[2])?.reset();
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: spec(
            "commandlog|help",
            2,
            COMMON,
            "8.1.0",
            "Shows helpful text about the different subcommands.",
        ),
        run: |_, _, _, out| {
            help::write(out, "COMMANDLOG", COMMANDLOG_HELP);
            Ok(())
        },
    },
];

const SLOWLOG_HELP: &[(&str, &str)] = &[
    (
        "GET [<count>]",
        "Tell the newest entries (10 unless told, -1 for all): id, Unix time, microseconds, arguments, address, client name.",
    ),
    ("LEN", "Tell how many entries there are."),
    ("RESET", "Forget all entries."),
];

const COMMANDLOG_HELP: &[(&str, &str)] = &[
    (
        "GET <count> <type>",
        "Tell the newest entries (-1 for all) of a type, slow, large-request or large-reply: id, Unix time, microseconds or bytes, arguments, address, client name.",
    ),
    ("LEN <type>", "Tell how many entries there are."),
    ("RESET <type>", "Forget all entries."),
];

fn slow_entries(_: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let count = match args {
        [_, _] => COUNT_DEFAULT,
        [_, _, given] => count(given)?,
        _ => {
            let shown = String::from_utf8_lossy(args[1]);
            return Err(Fail::text(format!(
                "ERR unknown subcommand or wrong number of arguments for '{shown}'. Try SLOWLOG HELP."
            )));
        }
    };
    entries(&server.slowlog, count, out);
    Ok(())
}

fn count(arg: &[u8]) -> Result<usize, Fail> {
    match ramekin_resp::parse_int(arg) {
        Some(-1) => Ok(usize::MAX),
        Some(count @ 0..) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        _ => Err(Fail::new("ERR count should be greater than or equal to -1")),
    }
}

fn log_of<'a>(server: &'a Server, kind: &[u8]) -> Result<&'a CommandLog, Fail> {
    match &*kind.to_ascii_lowercase() {
        b"slow" => Ok(&server.slowlog),
        b"large-request" => Ok(&server.large_requests),
        b"large-reply" => Ok(&server.large_replies),
        _ => Err(Fail::new("ERR type should be one of the following: slow, large-request, large-reply")),
    }
}

fn entries(log: &CommandLog, count: usize, out: &mut Replier<'_>) {
    let newest = log.newest(count);
    let int = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    out.array(newest.len());
    for entry in newest {
        out.array(6);
        out.int(int(entry.id));
        out.int(int(entry.at_s));
        out.int(int(entry.cost));
        out.array(entry.args.len());
        entry.args.iter().for_each(|arg| out.bulk(arg));
        out.bulk(entry.addr.as_bytes());
        out.bulk(&entry.name);
    }
}
