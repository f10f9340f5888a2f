//! INFO: which sections are asked for, and their order.
//!
//! Each section is a function in a file beside this one. What must hold: a field says what is true; what this server does
//! not have is zero, as tools expect, and not made up.

use super::{ServerCommand, info_log, info_memory, info_server, info_stats, info_store};
use crate::server::Server;
use crate::session::{Peer, Replier};
use ramekin::command::{Keys, Outcome, Spec, flag};
use ramekin::{Database, Reply};
use std::fmt::{Display, Write as _};
use std::sync::Arc;

pub(super) const COMMANDS: &[ServerCommand] = &[ServerCommand {
    spec: Spec {
        name: "info",
        arity: -1,
        flags: flag::LOADING | flag::STALE | flag::LOOKS,
        keys: Keys::None,
        group: "server",
        since: "1.0.0",
        summary: "Returns information and statistics about the server.",
        complexity: "O(1)",
        syntax: "[section [section ...]]",
    },
    run: info,
}];

/// The lines of a section.
pub(super) struct Fields(String);

impl Fields {
    /// A section of this heading without fields yet.
    pub(super) fn titled(heading: &str) -> Self {
        Self(format!("# {heading}\r\n"))
    }

    /// The lines.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Adds a field.
    pub(super) fn add(&mut self, name: &str, value: impl Display) {
        // A string takes everything.
        let _ = write!(self.0, "{name}:{value}\r\n");
    }

    /// Adds fields of which this server has none.
    pub(super) fn add_zeros(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.add(name, 0));
    }

    /// Adds a number of bytes, and the same for people under a name with `_human`.
    pub(super) fn add_bytes(&mut self, name: &str, bytes: u64) {
        self.add(name, bytes);
        self.add(&format!("{name}_human"), human(bytes));
    }
}

/// A number of bytes as people read it: `994.56K`.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64;
    let mut unit = "";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    format!("{value:.2}{unit}")
}

/// When a section is shown without being named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// In `default` and `all`.
    Default,
    /// In `all`.
    All,
}

/// Name, heading, when it is shown, and what writes it.
type Section = (&'static str, &'static str, Shown, fn(&Server, &Database, &mut Fields));

const SECTIONS: &[Section] = &[
    ("server", "Server", Shown::Default, info_server::server),
    ("clients", "Clients", Shown::Default, info_server::clients),
    ("memory", "Memory", Shown::Default, info_memory::memory),
    ("persistence", "Persistence", Shown::Default, info_log::persistence),
    ("stats", "Stats", Shown::Default, info_stats::stats),
    ("replication", "Replication", Shown::Default, info_server::replication),
    ("cpu", "CPU", Shown::Default, info_server::cpu),
    ("modules", "Modules", Shown::Default, |_, _, _| {}),
    ("commandstats", "Commandstats", Shown::All, info_stats::commands),
    ("errorstats", "Errorstats", Shown::Default, info_stats::errors),
    ("latencystats", "Latencystats", Shown::All, info_stats::latencies),
    ("cluster", "Cluster", Shown::Default, |_, _, fields| fields.add("cluster_enabled", 0)),
    ("keyspace", "Keyspace", Shown::Default, info_stats::keyspace),
    ("ramekin", "Ramekin", Shown::Default, info_log::ramekin),
    ("store", "Store", Shown::Default, info_store::store),
    ("namespaces", "Namespaces", Shown::Default, |server, _, fields| {
        let namespaces = server.namespaces();
        let open = namespaces.open_databases();
        fields.add("namespaces", namespaces.len());
        fields.add("namespaces_open", open.len());
        fields.add("namespaces_clients", server.in_namespaces.load(std::sync::atomic::Ordering::Relaxed));
    }),
];

fn info(peer: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    out.verbatim("txt", text(server, &peer.db, &args[1..]).as_bytes());
    Ok(())
}

/// The sections of these names, all with `all` or `everything`, those of interest with `default` or no name.
fn text(server: &Server, db: &Database, names: &[&[u8]]) -> String {
    let named = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted.as_bytes()));
    let (all, default) = (named("all") || named("everything"), names.is_empty() || named("default"));
    let mut fields = Fields(String::with_capacity(4096));
    for (name, heading, shown, write) in SECTIONS {
        if all || default && *shown == Shown::Default || named(name) {
            if !fields.0.is_empty() {
                fields.0.push_str("\r\n");
            }
            let _ = write!(fields.0, "# {heading}\r\n");
            write(server, db, &mut fields);
        }
    }
    fields.0
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn bytes_are_shown_in_the_largest_unit_that_leaves_a_whole_one() {
        let cases = [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1_018_432, "994.56K"), (1 << 40, "1.00T")];
        for (bytes, text) in cases {
            assert_eq!(human(bytes), text);
        }
    }
}
