//! Simulation for tests: workloads under injected crashes, compared with a plain model of what was acknowledged.
//!
//! Everything here is decided by a seed, so that a failure can be run again. Nothing of it ships.

pub mod log_crash;
