//! LATENCY: how long commands take.
//!
//! HISTOGRAM tells it for every command, always. Events above a threshold are not collected: `latency-monitor-threshold`
//! is taken without effect, and the subcommands about events say that there are none.

use super::{ServerCommand, help};
use crate::server::Server;
use crate::session::{Peer, Replier};
use crate::stats::CommandStats;
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

const ADMIN: u32 = flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE;

const fn spec(name: &'static str, arity: i32, since: &'static str, summary: &'static str) -> Spec {
    Spec {
        name,
        arity,
        flags: ADMIN,
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
            flags: flag::CONTAINER,
            complexity: "Depends on subcommand.",
            ..spec("latency", -2, "2.8.13", "A container for latency diagnostics commands.")
        },
        run: super::container,
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the number of commands with latency information being retrieved.",
            syntax: "[command [command ...]]",
            ..spec(
                "latency|histogram",
                -2,
                "7.0.0",
                "Returns the cumulative distribution of latencies of a subset or all commands.",
            )
        },
        run: histogram,
    },
    ServerCommand {
        spec: spec("latency|latest", 2, "2.8.13", "Returns the latest latency samples for all events."),
        run: no_events,
    },
    ServerCommand {
        spec: Spec {
            syntax: "event",
            ..spec("latency|history", 3, "2.8.13", "Returns timestamp-latency samples for an event.")
        },
        run: no_events,
    },
    ServerCommand {
        spec: Spec {
            syntax: "[event [event ...]]",
            ..spec("latency|reset", -2, "2.8.13", "Resets the latency data for one or more events.")
        },
        run: |_, _, _, out| {
            out.int(0);
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: "event",
            ..spec("latency|graph", 3, "2.8.13", "Returns a latency graph for an event.")
        },
        run: |_, _, args, _| {
            let event = String::from_utf8_lossy(args[2]).into_owned();
            Err(Fail::text(format!("ERR No samples available for event '{event}'")))
        },
    },
    ServerCommand {
        spec: spec("latency|doctor", 2, "2.8.13", "Returns a human-readable latency analysis report."),
        run: |_, _, _, out| {
            out.verbatim(
                "txt",
                b"Events are not collected. LATENCY HISTOGRAM tells how long each command took, and SLOWLOG GET which ones took long.\n",
            );
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            flags: flag::LOADING | flag::STALE,
            ..spec("latency|help", 2, "2.8.13", "Returns helpful text about the different subcommands.")
        },
        run: |_, _, _, out| {
            help::write(out, "LATENCY", HELP);
            Ok(())
        },
    },
];

const HELP: &[(&str, &str)] = &[
    ("DOCTOR", "Where to look for what is slow."),
    ("GRAPH <event>", "A graph of an event; none is collected."),
    (
        "HISTOGRAM [<command> ...]",
        "How many calls took up to how many microseconds, for these commands or all.",
    ),
    ("HISTORY <event>", "Samples of an event; none is collected."),
    ("LATEST", "The latest samples of all events; none is collected."),
    ("RESET [<event> ...]", "Forget samples; there are none."),
];

fn no_events(_: &mut Peer, _: &Arc<Server>, _: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    out.array(0);
    Ok(())
}

fn histogram(_: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let named: Vec<&super::Row> = match &args[2..] {
        [] => super::all().iter().collect(),
        // A container stands for its subcommands.
        names => names
            .iter()
            .filter_map(|name| super::find(name))
            .flat_map(|row| [row].into_iter().chain(row.subcommands()))
            .collect(),
    };
    let called: Vec<(&str, &CommandStats)> = named
        .iter()
        .map(|row| (row.spec.name, &server.stats.commands[row.position]))
        .filter(|(_, stats)| stats.calls.load(Relaxed) != 0)
        .collect();
    out.map(called.len());
    for (name, stats) in called {
        let classes = stats.histogram();
        out.bulk(name.as_bytes());
        out.map(2);
        out.bulk(b"calls");
        out.int(count(stats.calls.load(Relaxed)));
        out.bulk(b"histogram_usec");
        out.map(classes.len());
        for (micros, calls) in classes {
            out.int(count(micros));
            out.int(count(calls));
        }
    }
    Ok(())
}

fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
