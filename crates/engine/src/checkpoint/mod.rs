//! Checkpoints: all data of a moment in one file, so that the log before it can go.
//!
//! What must hold:
//! - A shard's part of the file is the shard as it was at its *cut*, a record of the log; replaying the records after the
//!   cut gives the shard as it is now. Cuts of different shards differ.
//! - A file is there under its name only once it is whole and durable, and the log is durable up to the highest cut.
//!   Only after that are older files and segments of the log removed.
//! - No lock is held for longer than a slice, and none over I/O; memory is bounded by a few blocks, the entries that others
//!   save while one shard is walked, and large values that change meanwhile.
//! - A file that cannot be read as it was written is refused, never passed over in silence.
//!
//! `format` is the bytes (pure), `run` takes one step by step, `reader` brings one back, `files` is what a folder has of
//! them, `verify` looks at one without loading it. Left out on purpose: when to take one (`db`), incremental ones, encryption.

mod files;
mod format;
mod reader;
mod run;
mod verify;

pub(crate) use files::{is_name, newest, remove_older, remove_unfinished};
pub use reader::Loaded;
pub(crate) use reader::Reader;
pub(crate) use run::{Run, Stage};
pub use verify::{Report, needed, verify};
