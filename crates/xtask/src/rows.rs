//! Every row of the command table is exercised by a test.
//!
//! A test exercises a command if a string in it is a request: it begins with the command's name and goes on with its
//! arguments (`"SET k v"`), or the name stands first in a list of words (`["SET", "k"]`, `call("SET", key)`). Tests are the
//! integration tests of the crates and the Python tests; what stands in comments does not count.

use crate::source::{Source, Tree};
use ramekin::command::flag;
use std::collections::HashSet;

/// The commands that no test exercises.
pub(crate) fn untested(tree: &Tree) -> Vec<String> {
    let mut sent = HashSet::new();
    tree.files.iter().filter(|file| file.is_test()).for_each(|file| collect(file, &mut sent));
    let rows = ramekin_server::command::all().iter().filter(|row| !row.spec.is(flag::CONTAINER));
    let missing = rows.filter(|row| !sent.contains(&row.spec.name.replace('|', " ")));
    missing
        .map(|row| format!("no test exercises `{}`", row.spec.name.replace('|', " ").to_uppercase()))
        .collect()
}

/// Names that stand in two rows: only the first would ever be found.
pub(crate) fn twice() -> Vec<String> {
    let mut seen = HashSet::new();
    let names = ramekin_server::command::all().iter().map(|row| row.spec.name);
    names.filter(|name| !seen.insert(*name)).map(|name| format!("two rows are named `{name}`")).collect()
}

/// A string in a source, and what stands around it.
struct Literal<'a> {
    text: &'a str,
    /// The last sign before it that is no space, and no prefix such as `b` or `&`.
    before: char,
    /// What follows it.
    after: &'a str,
}

fn collect(file: &Source, sent: &mut HashSet<String>) {
    let comment = if file.is_rust() { "//" } else { "#" };
    let lines = file.text.lines().filter(|line| !line.trim_start().starts_with(comment));
    let text = lines.collect::<Vec<_>>().join("\n");
    let literals = literals(&text, file.is_rust());
    for (at, literal) in literals.iter().enumerate() {
        let mut words = literal.text.split_ascii_whitespace().map(str::to_ascii_lowercase);
        let Some(first) = words.next() else { continue };
        let second = match words.next() {
            Some(second) => second,
            // A word by itself is a request if it opens a list: of arguments, or of words.
            None if !matches!(literal.before, '(' | '[' | '{') => continue,
            None => match literals.get(at + 1) {
                Some(next) if literal.after.trim_start().starts_with(',') => next.text.to_ascii_lowercase(),
                _ => String::new(),
            },
        };
        sent.insert(format!("{first} {second}"));
        sent.insert(first);
    }
}

/// The strings of a source, without escapes: commands have none.
fn literals(text: &str, is_rust: bool) -> Vec<Literal<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find(if is_rust { &['"'][..] } else { &['"', '\''][..] }) {
        let open = at + next;
        let quote = text[open..].chars().next().unwrap_or('"');
        // Python's long strings and Rust's '"' are not requests.
        let triple = format!("{quote}{quote}{quote}");
        if !is_rust && text[open..].starts_with(&triple) {
            let end = text[open + 3..].find(&triple).map_or(text.len(), |end| open + 3 + end + 3);
            at = end;
            continue;
        }
        if is_rust && text[..open].ends_with('\'') {
            at = open + 1;
            continue;
        }
        let Some(close) = closing(text, open + 1, quote) else { break };
        let before =
            text[..open].trim_end_matches(|letter: char| letter.is_whitespace() || "bfr&*".contains(letter));
        found.push(Literal {
            text: &text[open + 1..close],
            before: before.chars().next_back().unwrap_or(' '),
            after: &text[close + 1..],
        });
        at = close + 1;
    }
    found
}

fn closing(text: &str, from: usize, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in text[from..].char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return Some(from + at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(path: &str, text: &str) -> Vec<String> {
        let mut sent = HashSet::new();
        collect(&Source { path: path.to_owned(), text: text.to_owned() }, &mut sent);
        let mut sent: Vec<String> = sent.into_iter().collect();
        sent.sort();
        sent
    }

    #[test]
    fn requests_are_told_from_other_strings() {
        let rust = "ask(\"SET k v\"); run(&[b\"GET\", b\"k\"]);\n// ask(\"DEL k\")\nlet name = \"ttl\"; f(x, \"type\"); '\"';";
        assert_eq!(sent("tests/a.rs", rust), ["get", "get k", "set", "set k"]);
        let python = "call('CLIENT', 'LIST')\n\"\"\"FLUSHALL now\"\"\"\n# call('DEL')\ncall(\"dbsize\")";
        assert_eq!(sent("tests/a.py", python), ["client", "client list", "dbsize", "dbsize "]);
    }
}
