//! How long files may be.

use crate::source::{Source, Tree};

/// From here on a file deserves a second look.
const LINES_WARNED: usize = 500;
/// No file is longer.
const LINES_MAX: usize = 900;

fn longer(tree: &Tree, lines: usize) -> impl Iterator<Item = (&Source, usize)> {
    let counted = tree.files.iter().map(|file| (file, file.text.lines().count()));
    counted.filter(move |(_, count)| *count > lines)
}

/// Files that are longer than may be.
pub(crate) fn breaches(tree: &Tree) -> Vec<String> {
    longer(tree, LINES_MAX)
        .map(|(file, lines)| {
            format!("{}: {lines} lines, more than {LINES_MAX}: divide it by concern", file.path)
        })
        .collect()
}

/// Files that deserve a second look.
pub(crate) fn warnings(tree: &Tree) -> Vec<String> {
    longer(tree, LINES_WARNED)
        .filter(|(_, lines)| *lines <= LINES_MAX)
        .map(|(file, lines)| format!("{}: {lines} lines: has it one concern?", file.path))
        .collect()
}
