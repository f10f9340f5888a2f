//! SQLite as a store, from outside.
//!
//! - `suite`: what every store has to do.
//! - `tables`: tables of others' that are taken as they are, and tables that people read.
//! - `trouble`: files that are locked, damaged or not there, disks that are full.
//! - `common`: an owner, and changes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;
mod suite;
mod tables;
mod trouble;
