//! Chores of the project: `cargo run -p xtask -- check | docs [--check]`.
//!
//! `check` reads the sources and says where they breach the rules of layers, sizes, unsafe code and systems, and which commands
//! no test exercises. `docs` writes the documents that are made from tables; with `--check` it only says which are stale.
//! The tests of this crate are the same checks, so that `cargo test` runs them.

mod docs;
mod layers;
mod rows;
mod sizes;
mod source;
mod systems;
mod unsafety;

use source::Tree;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- check | docs [--check]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let tree = match Tree::read() {
        Ok(tree) => tree,
        Err(error) => return fail(&[format!("cannot read the sources: {error}")]),
    };
    match words[..] {
        ["check"] => {
            sizes::warnings(&tree).iter().for_each(|warning| eprintln!("warning: {warning}"));
            fail(&breaches(&tree))
        }
        ["docs"] => {
            docs::write(&tree).map_or_else(|error| fail(&[error.to_string()]), |()| ExitCode::SUCCESS)
        }
        ["docs", "--check"] => fail(&docs::stale(&tree)),
        _ => fail(&[USAGE.to_owned()]),
    }
}

/// Everything that is wrong.
fn breaches(tree: &Tree) -> Vec<String> {
    [
        layers::breaches(tree),
        sizes::breaches(tree),
        unsafety::breaches(tree),
        systems::breaches(tree),
        rows::twice(),
        rows::untested(tree),
    ]
    .concat()
}

fn fail(reasons: &[String]) -> ExitCode {
    reasons.iter().for_each(|reason| eprintln!("error: {reason}"));
    if reasons.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::read().unwrap()
    }

    #[test]
    fn no_module_imports_from_above_and_no_layer_knows_what_it_must_not() {
        assert_eq!(layers::breaches(&tree()), [""; 0]);
    }

    #[test]
    fn no_file_is_too_long_to_read() {
        assert_eq!(sizes::breaches(&tree()), [""; 0]);
    }

    #[test]
    fn every_module_with_unsafe_code_is_explained() {
        assert_eq!(unsafety::breaches(&tree()), [""; 0]);
    }

    #[test]
    fn what_only_linux_has_stands_apart() {
        assert_eq!(systems::breaches(&tree()), [""; 0]);
    }

    #[test]
    fn no_two_rows_have_one_name() {
        assert_eq!(rows::twice(), [""; 0]);
    }

    #[test]
    fn every_command_is_exercised_by_a_test() {
        assert_eq!(rows::untested(&tree()), [""; 0]);
    }

    #[test]
    fn the_documents_made_from_tables_are_fresh() {
        assert_eq!(docs::stale(&tree()), [""; 0]);
    }
}
