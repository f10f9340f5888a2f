//! Lines of a file that are no values: names that Valkey treats apart, and names of the past.

/// What a line with such a name means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Special {
    /// Not supported; the text says what to do.
    Refused(&'static str),
    /// Once a directive, without meaning now; taken and ignored with a warning.
    Retired,
}

/// Finds the meaning of a name that is no directive of the table.
pub(in crate::config) fn special(name: &str) -> Option<Special> {
    let name = name.to_ascii_lowercase();
    let refused =
        REFUSED.iter().find(|(known, _)| *known == name).map(|&(_, instead)| Special::Refused(instead));
    refused.or_else(|| RETIRED.contains(&name.as_str()).then_some(Special::Retired))
}

const NO_MODULES: &str = "Ramekin loads no modules: remove the line";

const REFUSED: &[(&str, &str)] = &[
    (
        "rename-command",
        "commands keep their names: remove the line, and keep untrusted clients out with `requirepass`",
    ),
    ("user", "users are not supported yet: remove the line and set `requirepass`"),
    ("loadmodule", NO_MODULES),
    ("module", NO_MODULES),
    ("sentinel", "Ramekin is no Sentinel: run one beside it"),
];

/// Accepted by older servers, or by Redis alone, and asking for nothing that matters here.
const RETIRED: &[&str] = &[
    "cluster-compatibility-sample-ratio",
    "dynamic-hz",
    "events-per-io-thread",
    "gopher-enabled",
    "io-threads-do-reads",
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lookahead",
    "lua-replicate-commands",
    "replica-full-sync-buffer-limit",
    "repl-rdb-channel",
];
