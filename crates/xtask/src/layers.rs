//! Which module may import which.
//!
//! The engine's modules are in ranks, and imports point down; the rest are names that a layer must not know at all.

use crate::source::{Source, Tree};

const ENGINE: &str = "crates/engine/src/";

/// The engine's modules by rank, lowest first. Modules of one rank do not import each other.
const RANKS: &[&[&str]] = &[
    &["error", "memory", "progress", "service"],
    &["io"],
    &["effect", "reply", "value"],
    &["canonical", "keyspace", "log", "record"],
    // Beside the log as far as readers of the map are concerned, but it asks whether there is one.
    &["manifest"],
    &["query"],
    &["checkpoint", "rdb", "store"],
    &["command"],
    &["shard"],
    &["transaction", "settle"],
    &["db"],
    &["inspect", "namespace", "typed"],
    &["lib"],
];

/// Folders, and names that must not stand in their code: as they begin a path.
const UNKNOWN: &[(&str, &[&str])] = &[
    (ENGINE, &["ramekin_resp", "ramekin_server", "tokio", "pyo3", "mio", "socket2"]),
    ("crates/resp/src/", &["ramekin", "ramekin_server", "mio", "tokio"]),
    (
        "crates/server/src/session/",
        &["mio", "socket2", "std::net", "std::os::unix::net", "std::time::Instant"],
    ),
    ("crates/server/src/config/", &["mio", "ramekin_resp", "crate::session", "crate::net", "crate::server"]),
    ("crates/postgres/src/", &["ramekin_server", "ramekin_resp", "mio"]),
    ("crates/redis/src/", &["ramekin_server", "tokio", "mio"]),
    ("crates/sqlite/src/", &["ramekin_server", "ramekin_resp", "tokio", "mio"]),
    ("crates/sim/src/", &["ramekin_server", "ramekin_resp", "mio"]),
];

/// Imports that point up or sideways, and names that a layer must not know.
pub(crate) fn breaches(tree: &Tree) -> Vec<String> {
    let rust = tree.files.iter().filter(|file| file.is_rust() && !file.is_test());
    rust.flat_map(|file| {
        let mut found = unknown_names(file);
        found.extend(upward_imports(file));
        found
    })
    .collect()
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|modules| modules.contains(&module))
}

fn upward_imports(file: &Source) -> Vec<String> {
    let Some(inner) = file.path.strip_prefix(ENGINE) else { return Vec::new() };
    let parts: Vec<&str> = inner.trim_end_matches(".rs").split('/').collect();
    let module = parts[0];
    let Some(own) = rank(module) else {
        return vec![format!("{}: the module `{module}` has no rank in xtask/src/layers.rs", file.path)];
    };
    // From a file in a folder, so many `super` lead out of the module. `mod.rs` is its folder.
    let depth = parts.iter().filter(|part| **part != "mod").count();
    let out = format!("{}::", vec!["super"; depth].join("::"));
    let mut found = Vec::new();
    for (number, line) in file.code() {
        let roots = ["crate::", &out].into_iter().flat_map(|root| names_after(line, root));
        for name in roots.filter(|name| *name != module) {
            if rank(&name).is_some_and(|rank| rank >= own) {
                found.push(format!(
                    "{}:{number}: `{module}` imports `{name}`, which is not below it",
                    file.path
                ));
            }
        }
    }
    found
}

/// The names that follow each `root` in a line; all of them where a group in braces follows.
fn names_after(line: &str, root: &str) -> Vec<String> {
    let ident = |text: &str| {
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let mut names = Vec::new();
    for (at, _) in line.match_indices(root) {
        // `super::super::` holds `super::` too, and `$crate::` is another crate's.
        if line[..at].ends_with(|letter: char| letter.is_alphanumeric() || matches!(letter, ':' | '$' | '_'))
        {
            continue;
        }
        let rest = &line[at + root.len()..];
        if rest.starts_with("super::") {
            continue;
        }
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group.split(',').map(|part| ident(part.trim_start()))),
            None => names.push(ident(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn unknown_names(file: &Source) -> Vec<String> {
    let rules = UNKNOWN.iter().filter(|(folder, _)| file.path.starts_with(folder));
    let names: Vec<&str> = rules.flat_map(|(_, names)| names.iter().copied()).collect();
    let mut found = Vec::new();
    for (number, line) in file.code() {
        for name in names.iter().filter(|name| names_path(line, name)) {
            found.push(format!("{}:{number}: this layer must not know `{name}`", file.path));
        }
    }
    found
}

/// Whether a line has a path that begins so.
fn names_path(line: &str, name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':');
    line.match_indices(name).any(|(at, _)| {
        let rest = &line[at + name.len()..];
        !line[..at].ends_with(is_part)
            && (rest.starts_with("::") || rest.starts_with(';') || rest.starts_with(" as "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches_of(path: &str, text: &str) -> usize {
        let file = Source { path: path.to_owned(), text: text.to_owned() };
        unknown_names(&file).len() + upward_imports(&file).len()
    }

    #[test]
    fn imports_from_above_and_from_beside_are_found_in_every_spelling() {
        let value = "crates/engine/src/value/list/mod.rs";
        for text in [
            "use crate::shard::Shards;",
            "use crate::{command::Fail, error::Error};",
            "let x = crate::db::Database::open();",
            "use super::super::keyspace::Keyspace;",
            "pub(crate) use crate::effect::Effect;",
        ] {
            assert_eq!(breaches_of(value, text), 1, "{text}");
        }
        for text in [
            "use crate::error::Error;",
            "use crate::value::Kind;",
            "use super::Kind;",
            "// use crate::shard::Shards;",
            "#[cfg(test)]\nuse crate::db::Database;",
        ] {
            assert_eq!(breaches_of(value, text), 0, "{text}");
        }
        assert_eq!(breaches_of("crates/engine/src/new.rs", ""), 1);
    }

    #[test]
    fn names_that_a_layer_must_not_know_are_found() {
        assert_eq!(breaches_of("crates/engine/src/db.rs", "use mio::Poll;"), 1);
        assert_eq!(breaches_of("crates/engine/src/db.rs", "let mio_poll = simio::Poll;"), 0);
        assert_eq!(breaches_of("crates/server/src/session/mod.rs", "use std::net::TcpStream;"), 1);
        assert_eq!(breaches_of("crates/server/src/net/mod.rs", "use std::net::TcpStream;"), 0);
    }
}
