//! CONFIG: the configuration of the running server, shown, changed and written back.
//!
//! Rewriting a file, resetting counters and taking on a setting look at the database or wait for a disk, so in a
//! transaction they run between its parts.

use super::{ServerCommand, help};
use crate::config::find;
use crate::server::Server;
use crate::session::{Peer, Replier};
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use std::sync::Arc;

const COMMON: u32 = flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::ADMIN;
const BY_PARAMETERS: &str = "O(N) when N is the number of configuration parameters provided";

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
            ..spec("config", -2, flag::CONTAINER, "2.0.0", "A container for server configuration commands.")
        },
        run: super::container,
    },
    ServerCommand {
        spec: Spec {
            complexity: BY_PARAMETERS,
            syntax: "parameter [parameter ...]",
            ..spec(
                "config|get",
                -3,
                COMMON,
                "2.0.0",
                "Returns the effective values of configuration parameters.",
            )
        },
        run: |_, server, args, out| {
            let found = server.config.get(&args[2..]);
            out.map(found.len());
            for (name, value) in found {
                out.bulk(name.as_bytes());
                out.bulk(&value);
            }
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            complexity: BY_PARAMETERS,
            syntax: "parameter value [parameter value ...]",
            ..spec(
                "config|set",
                -4,
                COMMON | flag::LOOKS,
                "2.0.0",
                "Sets configuration parameters in-flight.",
            )
        },
        run: set,
    },
    ServerCommand {
        spec: spec(
            "config|rewrite",
            2,
            COMMON | flag::LOOKS,
            "2.8.0",
            "Persists the effective configuration to file.",
        ),
        run: |_, server, _, out| {
            server.config.rewrite().map_err(Fail::text)?;
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: spec("config|resetstat", 2, COMMON | flag::LOOKS, "2.0.0", "Resets the server's statistics."),
        run: |_, server, _, out| {
            server.stats.reset();
            server.db.reset_counts();
            ramekin::memory::reset_peak();
            ramekin::memory::reset_freed_later();
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: spec(
            "config|help",
            2,
            flag::LOADING | flag::STALE,
            "5.0.0",
            "Returns helpful text about the different subcommands.",
        ),
        run: |_, _, _, out| {
            help::write(out, "CONFIG", HELP);
            Ok(())
        },
    },
];

const HELP: &[(&str, &str)] = &[
    ("GET <pattern> [...]", "Tell the directives that fit a glob-like pattern, and their values."),
    ("SET <directive> <value> [...]", "Change directives, all of them or none."),
    ("REWRITE", "Write the values in force into the configuration file."),
    ("RESETSTAT", "Set the figures of INFO to zero."),
];

fn set(peer: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let (pairs, []) = args[2..].as_chunks::<2>() else { return Err(Fail::SYNTAX) };
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|[name, value]| (*name, *value)).collect();
    server.config.set(&pairs, peer.client.local).map_err(Fail::text)?;
    out.ok();
    Ok(())
}

/// Whether the value of this directive must not be shown.
pub(super) fn is_secret(name: &[u8]) -> bool {
    std::str::from_utf8(name).ok().and_then(find).is_some_and(|directive| directive.sensitive)
}
