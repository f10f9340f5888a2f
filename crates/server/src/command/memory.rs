//! MEMORY: what keys and the server need.

use super::info_memory::{Figures, percent, ratio};
use super::{ServerCommand, help};
use crate::server::Server;
use crate::session::{Peer, Replier};
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use std::sync::Arc;

/// Below this there is nothing to say.
const DOCTOR_BYTES_MIN: u64 = 5 << 20;
/// Resident memory that is so many times what is used deserves a word.
const FRAGMENTED: f64 = 1.4;

const fn spec(name: &'static str, flags: u32, since: &'static str, summary: &'static str) -> Spec {
    Spec {
        name,
        arity: 2,
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
            arity: -2,
            complexity: "Depends on subcommand.",
            ..spec("memory", flag::CONTAINER, "4.0.0", "A container for memory diagnostics commands.")
        },
        run: super::container,
    },
    ServerCommand {
        spec: Spec {
            arity: -3,
            keys: Keys::At(2),
            syntax: "key [SAMPLES count]",
            ..spec(
                "memory|usage",
                flag::READONLY | flag::LOOKS,
                "4.0.0",
                "Estimates the memory usage of a key.",
            )
        },
        run: usage,
    },
    ServerCommand {
        spec: spec("memory|doctor", flag::LOOKS, "4.0.0", "Outputs a memory problems report."),
        run: |peer, server, _, out| {
            out.verbatim("txt", diagnosis(&Figures::of(server, &peer.db)).as_bytes());
            Ok(())
        },
    },
    ServerCommand {
        spec: spec("memory|stats", flag::LOOKS, "4.0.0", "Returns details about memory usage."),
        run: stats,
    },
    ServerCommand {
        spec: spec("memory|purge", flag::LOADING, "4.0.0", "Asks the allocator to release memory."),
        run: |peer, _, _, out| {
            peer.db.reclaim();
            if let Some(allocator) = ramekin::memory::allocator() {
                (allocator.release)();
            }
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: spec("memory|malloc-stats", flag::LOADING, "4.0.0", "Returns the allocator statistics."),
        run: |_, _, _, out| {
            let report = ramekin::memory::allocator().map(|allocator| (allocator.report)());
            let none = || "Stats not supported for the current allocator".to_owned();
            out.verbatim("txt", report.unwrap_or_else(none).as_bytes());
            Ok(())
        },
    },
    ServerCommand {
        spec: spec(
            "memory|help",
            flag::LOADING | flag::STALE,
            "4.0.0",
            "Returns helpful text about the different subcommands.",
        ),
        run: |_, _, _, out| {
            help::write(out, "MEMORY", HELP);
            Ok(())
        },
    },
];

const HELP: &[(&str, &str)] = &[
    ("DOCTOR", "What is unusual about memory."),
    ("MALLOC-STATS", "What the allocator says."),
    ("PURGE", "Free what was flushed or deleted, and give free memory back to the system."),
    ("STATS", "Memory by purpose."),
    (
        "USAGE <key> [SAMPLES <count>]",
        "Bytes that a key and its value take; everything is counted, nothing sampled.",
    ),
];

fn usage(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    for option in args[3..].chunks(2) {
        let [word, count] = option else { return Err(Fail::SYNTAX) };
        if !word.eq_ignore_ascii_case(b"samples") {
            return Err(Fail::SYNTAX);
        }
        if ramekin_resp::parse_int(count).ok_or(Fail::NOT_AN_INTEGER)? < 0 {
            return Err(Fail::SYNTAX);
        }
    }
    if super::store::is_fetched_first(peer, args[2]) {
        return Ok(());
    }
    let (db, now_ms) = (peer.caller.db, peer.caller.now_ms);
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method itself is of one lifetime only"
    )]
    let bytes = peer.db.look_at(db, now_ms, args[2], |seen| seen.heap_bytes());
    match bytes {
        Some(bytes) => out.count(bytes),
        None => out.null(),
    }
    Ok(())
}

fn diagnosis(figures: &Figures) -> String {
    if figures.used < DOCTOR_BYTES_MIN {
        return "There is hardly any data; nothing can be said about its memory yet.\n".to_owned();
    }
    let mut found = String::new();
    if percent(figures.peak, figures.used) > 150.0 {
        found.push_str(
            " * Peak: more than half as much again was used before; the allocator keeps some of it.\n",
        );
    }
    if ratio(figures.resident, figures.used) > FRAGMENTED {
        found.push_str(" * Resident: much of what is resident is not data; look at mem_clients_normal and fragmentation.\n");
    }
    if figures.clients > figures.used / 2 {
        found.push_str(" * Clients: more than half is in their buffers; see CLIENT LIST, and client-output-buffer-limit.\n");
    }
    if found.is_empty() { "No memory issues were found.\n".to_owned() } else { found }
}

/// A line of MEMORY STATS.
enum Stat {
    Int(i64),
    Double(f64),
}

impl Stat {
    fn bytes(bytes: u64) -> Self {
        Self::Int(i64::try_from(bytes).unwrap_or(i64::MAX))
    }

    fn write(&self, out: &mut Replier<'_>) {
        match *self {
            Self::Int(value) => out.int(value),
            Self::Double(value) => out.double(value),
        }
    }
}

fn stats(peer: &mut Peer, server: &Arc<Server>, _: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let figures = Figures::of(server, &peer.db);
    let databases: Vec<(u32, ramekin::Tables)> = (0..peer.db.databases())
        .map(|db| (db, peer.db.tables(db)))
        .filter(|(_, tables)| tables.entries != 0)
        .collect();
    let keys: u64 = databases.iter().map(|(_, tables)| tables.entries as u64).sum();
    let first = [
        ("peak.allocated", figures.peak),
        ("total.allocated", figures.used),
        ("startup.allocated", figures.startup),
        ("replication.backlog", 0),
        ("replicas.repl.buffer", 0),
        ("clients.slaves", 0),
        ("clients.normal", figures.clients),
        ("cluster.links", 0),
        ("cluster.slot_import", 0),
        ("cluster.slot_export", 0),
        ("aof.buffer", figures.log),
        ("lua.caches", 0),
        ("functions.caches", 0),
    ];
    let beyond = |outer: u64, inner: u64| {
        Stat::Int(i64::try_from(i128::from(outer) - i128::from(inner)).unwrap_or(i64::MAX))
    };
    let last = [
        ("overhead.db.hashtable.lut", Stat::bytes(figures.tables)),
        ("overhead.db.hashtable.rehashing", Stat::Int(0)),
        ("overhead.total", Stat::bytes(figures.overhead())),
        ("db.dict.rehashing.count", Stat::Int(0)),
        ("keys.count", Stat::bytes(keys)),
        ("keys.bytes-per-key", Stat::bytes(figures.dataset().checked_div(keys).unwrap_or(0))),
        ("dataset.bytes", Stat::bytes(figures.dataset())),
        ("dataset.percentage", Stat::Double(figures.dataset_percent())),
        ("peak.percentage", Stat::Double(percent(figures.used, figures.peak))),
        ("allocator.allocated", Stat::bytes(figures.used)),
        ("allocator.active", Stat::bytes(figures.held)),
        ("allocator.resident", Stat::bytes(figures.resident)),
        ("allocator.muzzy", Stat::Int(0)),
        ("allocator-fragmentation.ratio", Stat::Double(ratio(figures.held, figures.used))),
        ("allocator-fragmentation.bytes", beyond(figures.held, figures.used)),
        ("allocator-rss.ratio", Stat::Double(ratio(figures.resident, figures.held))),
        ("allocator-rss.bytes", beyond(figures.resident, figures.held)),
        ("rss-overhead.ratio", Stat::Double(1.0)),
        ("rss-overhead.bytes", Stat::Int(0)),
        ("fragmentation", Stat::Double(ratio(figures.resident, figures.used))),
        ("fragmentation.bytes", beyond(figures.resident, figures.used)),
    ];
    let int = |out: &mut Replier<'_>, value: u64| Stat::bytes(value).write(out);
    out.map(first.len() + databases.len() + last.len());
    for (name, value) in first {
        out.bulk(name.as_bytes());
        int(out, value);
    }
    for (db, tables) in &databases {
        out.bulk(format!("db.{db}").as_bytes());
        out.map(2);
        out.bulk(b"overhead.hashtable.main");
        int(out, tables.bytes as u64);
        out.bulk(b"overhead.hashtable.expires");
        int(out, 0);
    }
    for (name, stat) in last {
        out.bulk(name.as_bytes());
        stat.write(out);
    }
    Ok(())
}
