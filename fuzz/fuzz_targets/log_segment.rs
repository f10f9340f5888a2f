//! Arbitrary bytes as a segment of a log.
//!
//! `cargo +nightly fuzz run log_segment`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| ramekin_sim::garbage::segment(input));
