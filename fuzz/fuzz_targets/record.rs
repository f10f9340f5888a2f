//! Arbitrary bytes as a record of a sound log: decoded and applied, or refused.
//!
//! `cargo +nightly fuzz run record`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| ramekin_sim::garbage::record(input));
