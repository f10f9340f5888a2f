//! Arbitrary bytes as an RDB file: read or refused, and what was read is written and read again.
//!
//! `cargo +nightly fuzz run rdb`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| ramekin_sim::garbage::rdb(input));
