//! The table of directives: every name that Valkey 9.1 has and those of stores, one row each, in files by subject.
//!
//! What must hold: names and aliases are unique and lower case, and each default is a valid value of its row (tests).
//! Rows that are lines of a file only (`rename-command`, `loadmodule`, …) and names of the past are in `lines`.

mod clients;
mod diagnostics;
mod keyspace;
mod lines;
mod persistence;
mod process;
mod replication;
mod store;
mod tls;

use super::directive::Directive;
use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) use lines::{Special, special};

static TABLE: LazyLock<Vec<Directive>> = LazyLock::new(|| {
    let files = [
        clients::ROWS,
        diagnostics::ROWS,
        keyspace::ROWS,
        persistence::ROWS,
        process::ROWS,
        replication::ROWS,
        store::ROWS,
        tls::ROWS,
    ];
    let mut rows = files.concat();
    rows.sort_by_key(|row| row.name);
    rows
});

/// Names and aliases to the position of their row.
static NAMES: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let rows = TABLE.iter().enumerate();
    rows.flat_map(|(at, row)| [Some(row.name), row.alias].into_iter().flatten().map(move |name| (name, at)))
        .collect()
});

/// All directives, sorted by name.
#[must_use]
pub fn directives() -> &'static [Directive] {
    &TABLE
}

/// The directive of a name or alias, in any case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Directive> {
    position(name).map(|at| &TABLE[at])
}

/// Where the row of a name or alias stands in [`directives`].
pub(super) fn position(name: &str) -> Option<usize> {
    NAMES.get(name).copied().or_else(|| NAMES.get(name.to_ascii_lowercase().as_str()).copied())
}

/// All names and aliases, sorted.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    static SORTED: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let mut names: Vec<_> = NAMES.keys().copied().collect();
        names.sort_unstable();
        names
    });
    SORTED.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::{TABLE, find, names};
    use crate::config::Support;

    #[test]
    fn every_default_is_a_valid_value_of_its_row() {
        for row in TABLE.iter() {
            if let Err(error) = row.kind.parse_text(row.default.as_bytes(), None) {
                panic!("{}: {error}", row.name);
            }
        }
    }

    #[test]
    fn names_are_unique_and_lower_case() {
        let spelt: usize = TABLE.iter().map(|row| 1 + usize::from(row.alias.is_some())).sum();
        assert_eq!(names().count(), spelt);
        assert!(names().all(|name| name == name.to_ascii_lowercase()));
    }

    #[test]
    fn summaries_are_one_sentence_and_refusals_say_what_to_do() {
        for row in TABLE.iter() {
            assert!(row.summary.ends_with('.') && !row.summary.contains('\n'), "{}", row.name);
            if let Support::Refused(instead) = row.support {
                assert!(instead.len() > 20, "{}", row.name);
            }
        }
    }

    #[test]
    fn a_directive_is_found_by_name_and_alias_in_any_case() {
        assert_eq!(find("MaxClients").map(|row| row.name), Some("maxclients"));
        assert_eq!(find("slowlog-max-len").map(|row| row.name), Some("commandlog-slow-execution-max-len"));
        assert!(find("nonsense").is_none());
    }

    /// Names and values of `CONFIG GET *` of Valkey 9.1.2 as it comes, without `dir`.
    const VALKEY: &str = include_str!("valkey-9.1-defaults.tsv");

    #[test]
    fn every_name_of_valkey_is_known() {
        let names = VALKEY.lines().filter_map(|line| line.split('\t').next());
        let missing: Vec<&str> = names.filter(|name| find(name).is_none()).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }

    #[test]
    fn defaults_are_those_of_valkey_where_nothing_speaks_against_it() {
        let chosen = ["appendonly", "bind", "io-threads", "save"];
        for line in VALKEY.lines() {
            let (name, theirs) = line.split_once('\t').unwrap();
            let row = find(name).unwrap();
            if !chosen.contains(&name) {
                let ours = row.kind.parse_text(row.default.as_bytes(), None).unwrap().show();
                assert_eq!(String::from_utf8(ours).unwrap(), theirs, "{name}");
            }
        }
    }
}
