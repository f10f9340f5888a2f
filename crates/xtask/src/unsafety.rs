//! Unsafe code stands only in modules that `docs/design/unsafe.md` explains.

use crate::source::{Source, Tree};
use std::collections::BTreeSet;

const DOCUMENT: &str = "docs/design/unsafe.md";
const FORMS: &[&str] = &["unsafe {", "unsafe impl", "unsafe fn", "unsafe trait", "unsafe extern"];

/// Modules that are not explained, and explanations of what is not there.
pub(crate) fn breaches(tree: &Tree) -> Vec<String> {
    let document = std::fs::read_to_string(tree.root.join(DOCUMENT)).unwrap_or_default();
    let explained: BTreeSet<&str> =
        document.split('`').filter(|word| word.starts_with("crates/") && word.ends_with(".rs")).collect();
    let used: BTreeSet<&str> =
        tree.files.iter().filter(|file| is_unsafe(file)).map(|file| file.path.as_str()).collect();
    let missing = used
        .difference(&explained)
        .map(|path| format!("{path}: unsafe code that {DOCUMENT} does not explain"));
    let stale = explained.difference(&used).map(|path| format!("{DOCUMENT}: {path} has no unsafe code"));
    missing.chain(stale).collect()
}

fn is_unsafe(file: &Source) -> bool {
    // This file names the forms itself.
    file.is_rust()
        && file.path != "crates/xtask/src/unsafety.rs"
        && file.text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            FORMS.iter().any(|form| code.contains(form))
        })
}
