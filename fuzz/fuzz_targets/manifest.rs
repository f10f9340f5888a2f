//! Arbitrary bytes as the manifest of a folder.
//!
//! `cargo +nightly fuzz run manifest`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| ramekin_sim::garbage::manifest(input));
