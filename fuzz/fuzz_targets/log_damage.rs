//! Damage to a sound log, as the input says: what comes back is a beginning of it.
//!
//! `cargo +nightly fuzz run log_damage`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| ramekin_sim::garbage::damaged_log(input));
