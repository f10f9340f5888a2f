//! Arbitrary bytes as a configuration file: read or refused with one line, and the same each time.
//!
//! `cargo +nightly fuzz run config`
#![no_main]

use libfuzzer_sys::fuzz_target;
use ramekin_server::config::Config;
use std::path::PathBuf;
use std::sync::OnceLock;

fuzz_target!(|input: &[u8]| {
    // Other files are not the input's to name.
    if input.to_ascii_lowercase().windows(7).any(|word| word == b"include") {
        return;
    }
    let path = file();
    std::fs::write(path, input).expect("there is a folder for temporary files");
    let load = || Config::load(&[path.into()], std::iter::empty());
    match (load(), load()) {
        (Ok(first), Ok(second)) => assert_eq!(format!("{first:?}"), format!("{second:?}")),
        (Err(first), Err(second)) => {
            assert_eq!(first.to_string(), second.to_string());
            assert!(!first.to_string().contains('\n'), "a refusal is one line: {first}");
        }
        (first, second) => panic!("{first:?} and then {second:?}"),
    }
});

/// A file of this process; fuzzers run side by side.
fn file() -> &'static PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| std::env::temp_dir().join(format!("ramekin-fuzz-{}.conf", std::process::id())))
}
