//! What only Linux has stands only in modules that only Linux builds.
//!
//! Such a module says so itself, by `#![cfg(target_os = "linux")]`, and has another beside it for other systems. Left out: what a
//! dependency has on Linux alone under a name that says nothing of it; only a compiler for the other system finds that.

use crate::source::{Source, Tree};

/// What makes a file Linux's.
const OWN: &str = "#![cfg(target_os = \"linux\")]";

/// Names that there are on Linux alone, or that mean something else on other systems, as they begin.
const NAMES: &[&str] = &[
    "std::os::linux",
    "event::epoll",
    "FallocateFlags",
    "LinuxPopulate",
    "fstatfs",
    "FsWord",
    "eventfd",
    "timerfd",
    "inotify",
    "io_uring",
    "system::sysinfo",
    "\"/proc/",
    "\"/sys/",
];

/// Where such a name stands in a module that every system builds.
pub(crate) fn breaches(tree: &Tree) -> Vec<String> {
    tree.files.iter().flat_map(found).collect()
}

fn found(file: &Source) -> Vec<String> {
    // This file has the names itself.
    let concerns = file.path.starts_with("crates/")
        && file.path.contains("/src/")
        && file.is_rust()
        && !file.is_test()
        && file.path != "crates/xtask/src/systems.rs"
        && !file.text.lines().any(|line| line == OWN);
    let lines = file.code().filter(|_| concerns);
    let names = lines.flat_map(|(number, line)| {
        NAMES.iter().filter(move |name| line.contains(**name)).map(move |name| (number, name))
    });
    names
        .map(|(number, name)| {
            format!("{}:{number}: `{name}` is of Linux: it needs a module with {OWN}", file.path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_linux_needs_a_module_of_linux() {
        let of = |path: &str, text: &str| found(&Source { path: path.to_owned(), text: text.to_owned() });
        let used = "fn f() {\n    read(\"/proc/self/stat\");\n}\n";
        assert_eq!(of("crates/a/src/b.rs", used).len(), 1);
        assert!(of("crates/a/src/b.rs", used)[0].starts_with("crates/a/src/b.rs:2: "));
        let allowed = [
            ("crates/a/src/b.rs", format!("{OWN}\n{used}")),
            ("crates/a/src/b.rs", "// \"/proc/self\"".to_owned()),
            ("crates/a/src/b.rs", format!("#[cfg(test)]\nmod tests {{ {used} }}")),
            ("crates/a/tests/b.rs", used.to_owned()),
        ];
        for (path, text) in allowed {
            assert_eq!(of(path, &text), [""; 0]);
        }
    }
}
