//! `ramekin import` and `ramekin export`: data of Redis and Valkey, in and out.
//!
//! A key travels as the object that it is in the RDB format, from a file ([`rdb_file`], [`aof`]) or a running server
//! ([`keys`]) to a folder or a running server ([`target`]), or to a file ([`export`](mod@export)). What arrives and what does not is
//! counted ([`tally`]).
//!
//! What must hold: whatever was not taken is said, by how many and why, and then the exit code is not that of success; a
//! file is read to its end before anything of it is loaded, unless part of it is wanted.

mod aof;
mod commands;
mod export;
mod from_store;
mod import;
mod keys;
mod link;
mod manifest;
mod options;
mod progress;
mod rdb_file;
mod state;
mod tally;
mod target;
mod url;

pub(crate) use export::run as export;
pub(crate) use import::run as import;

use ramekin::rdb::Dialect;

/// A key on its way.
#[derive(Clone, Copy)]
struct Traveller<'a> {
    db: u64,
    key: &'a [u8],
    /// In Unix milliseconds; 0: it does not expire.
    expire_at_ms: u64,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
    dialect: Dialect,
    kind: u8,
    object: &'a [u8],
}

/// Why a record is not taken.
const NO_JSON: &str = "the RDB format has no JSON";

/// The exit code of a run that ended, but without some of the data.
const SOME_NOT_TAKEN: u8 = 2;

/// The wall clock, in Unix milliseconds.
fn now_ms() -> u64 {
    use ramekin::io::Clock as _;
    ramekin::io::os::OsClock::default().now_ms()
}
