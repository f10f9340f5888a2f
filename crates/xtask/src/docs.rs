//! Documents that are made from tables.

use crate::source::Tree;
use ramekin_server::command::{Row, all};
use std::fmt::Write as _;
use std::{fs, io};

const OPENING: &str = "\
# Commands

Made from the table of commands by `cargo run -p xtask -- docs`; change the rows.

Replies, errors and the order of checks are Valkey's. *Since* is the version of Redis or Valkey in which a command
appeared. `COMMAND DOCS` says the same to clients.
";

/// Groups in the order of the document, and their headings.
const GROUPS: &[(&str, &str)] = &[
    ("string", "Strings"),
    ("list", "Lists"),
    ("hash", "Hashes"),
    ("generic", "Keys"),
    ("table", "Tables of records"),
    ("tag", "Tags of keys"),
    ("transactions", "Transactions"),
    ("connection", "Connection"),
    ("server", "Server"),
    ("cluster", "Cluster"),
];

/// Each document with its text.
fn documents() -> [(&'static str, String); 2] {
    [("docs/COMMANDS.md", commands()), ("docs/CONFIGURATION.md", ramekin_server::config::reference())]
}

/// Writes all documents.
pub(crate) fn write(tree: &Tree) -> io::Result<()> {
    documents().iter().try_for_each(|(path, text)| fs::write(tree.root.join(path), text))
}

/// The documents that do not say what the tables say.
pub(crate) fn stale(tree: &Tree) -> Vec<String> {
    let is_stale = |(path, text): &(&str, String)| {
        fs::read_to_string(tree.root.join(path)).map_or(true, |there| there != *text)
    };
    let stale = documents().into_iter().filter(is_stale);
    stale.map(|(path, _)| format!("{path} is stale: run `cargo run -p xtask -- docs`")).collect()
}

fn commands() -> String {
    let mut out = String::from(OPENING);
    for (group, heading) in GROUPS {
        let mut rows: Vec<&Row> =
            all().iter().filter(|row| row.spec.group == *group && is_shown(row)).collect();
        if rows.is_empty() {
            continue;
        }
        rows.sort_by_key(|row| row.spec.name);
        let _ = write!(out, "\n## {heading}\n\n| command | | complexity | since |\n|---|---|---|---|\n");
        rows.iter().for_each(|row| line(&mut out, row));
    }
    let unknown = all().iter().find(|row| !GROUPS.iter().any(|(group, _)| *group == row.spec.group));
    assert!(unknown.is_none_or(|row| row.spec.name.is_empty()), "a row has a group that the document lacks");
    out
}

/// Containers are nothing without their subcommands.
fn is_shown(row: &Row) -> bool {
    !row.spec.is(ramekin::command::flag::CONTAINER)
}

fn line(out: &mut String, row: &Row) {
    let cell = |text: &str| text.replace('|', "\\|");
    let name = row.spec.name.replace('|', " ").to_uppercase();
    let form = format!("{name} {}", row.spec.syntax);
    let complexity = row.spec.complexity.trim_end_matches('.');
    let _ = writeln!(
        out,
        "| `{}` | {} | {} | {} |",
        cell(form.trim_end()),
        cell(row.spec.summary),
        cell(complexity),
        row.spec.since
    );
}
