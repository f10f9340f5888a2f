//! Ramekin, the engine: a memory-first database that logs every change before it answers.
//!
//! ```
//! use ramekin::Database;
//!
//! let folder = tempfile::tempdir()?;
//! let db = Database::open(folder.path())?;
//! db.set(b"greeting", b"hello")?;
//! assert_eq!(db.get(b"greeting")?.as_deref(), Some(&b"hello"[..]));
//! db.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Database`] is a folder that one process holds. Any thread may use it; commands run where they are called. Each
//! command returns once its effects are as durable as the database's `appendfsync` asks: by default handed to the operating
//! system, so that killing the process loses nothing. [`Database::execute`] runs any command of the table in [`command`];
//! the typed calls are shorthands for the most common ones.

pub mod canonical;
pub mod checkpoint;
pub mod command;
mod db;
mod effect;
pub mod error;
mod inspect;
pub mod io;
mod keyspace;
pub mod log;
pub mod manifest;
#[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
pub mod memory;
mod namespace;
mod progress;
pub mod query;
pub mod rdb;
pub mod record;
mod reply;
mod service;
mod settle;
mod shard;
pub mod store;
mod transaction;
mod typed;
pub mod value;

pub use db::{
    Checkpoint, CheckpointRules, CheckpointStats, CompressionStats, Database, Options, RecordForm,
    StoreTuning, Tried,
};
pub use effect::Side;
pub use error::{Error, ErrorKind};
pub use inspect::{Awaited, Content, Seen, Tables};
pub use keyspace::eviction::Policy;
pub use keyspace::wait::{Served, Waiter, Watch};
pub use keyspace::{Counts, DatabaseCounts, Prefetch};
pub use namespace::{
    Namespace, NamespaceChange, NamespaceInfo, NamespaceOptions, NamespaceSettings, Namespaces, StoreOf,
    WhenOpened,
};
pub use progress::Progress;
pub use reply::{Collector, Later, PIECE_BYTES_MAX, Parts, Piece, Reply, Response};
pub use service::Service;
pub use settle::{
    Attach, ColdKeys, Durations, Obtained, PageStart, PlaceKeys, Quarantined, StoreOptions, StoreStats, Tell,
    WhenObtained,
};
pub use shard::{Caller, DiskState, Glance, Needs, Planned, Ran, Refusal};
pub use transaction::Transaction;
pub use typed::Popped;
pub use value::compressed::Method as Compression;
