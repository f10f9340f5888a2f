//! Small questions about the server: TIME, ROLE, and the switches of replicas, which a server without any takes.

use super::ServerCommand;
use ramekin::Reply;
use ramekin::command::{Keys, Spec, flag};

const COMMON: u32 = flag::LOADING | flag::STALE | flag::FAST;

const fn spec(
    name: &'static str,
    flags: u32,
    group: &'static str,
    since: &'static str,
    summary: &'static str,
) -> Spec {
    Spec { name, arity: 1, flags, keys: Keys::None, group, since, summary, complexity: "O(1)", syntax: "" }
}

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: spec("time", COMMON, "server", "2.6.0", "Returns the server time."),
        run: |_, server, _, out| {
            let now_us = server.now_us();
            out.array(2);
            for part in [now_us / 1_000_000, now_us % 1_000_000] {
                out.bulk(part.to_string().as_bytes());
            }
            Ok(())
        },
    },
    ServerCommand {
        spec: spec("role", COMMON | flag::NOSCRIPT, "server", "2.8.12", "Returns the replication role."),
        run: |_, _, _, out| {
            out.array(3);
            out.bulk(b"master");
            out.int(0);
            out.array(0);
            Ok(())
        },
    },
    ServerCommand {
        spec: spec(
            "readonly",
            COMMON,
            "cluster",
            "3.0.0",
            "Enables read-only queries for a connection to a replica.",
        ),
        run: |_, _, _, out| {
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: spec(
            "readwrite",
            COMMON,
            "cluster",
            "3.0.0",
            "Enables read-write queries for a connection to a replica.",
        ),
        run: |_, _, _, out| {
            out.ok();
            Ok(())
        },
    },
];
