//! Reading a folder: the checkpoint on all cores, then the log over it, on all cores too.

use super::Options;
use crate::checkpoint::{self, Reader};
use crate::effect::Malformed;
use crate::error::{Error, ErrorKind};
use crate::io::Disk;
use crate::keyspace::Keyspace;
use crate::log::{self, Log, LogOptions, Lsn, Needed};
use crate::manifest::Manifest;
use crate::value::Packing;
use std::sync::atomic::Ordering::Relaxed;

/// What a folder holds beside the data that was read from it. Nothing of the folder has been changed yet.
pub(super) struct Read {
    pub(super) checkpoint: Option<Reader>,
    pub(super) log: log::Found,
    pub(super) log_options: LogOptions,
}

/// Reads all data of a folder into an empty keyspace.
pub(super) fn read(
    disk: &dyn Disk,
    manifest: &Manifest,
    keyspace: &Keyspace,
    packing: &Packing,
    options: &Options,
) -> Result<Read, Error> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (threads, progress) = (if options.threads { cores } else { 1 }, &*options.progress);
    let checkpoint = checkpoint::newest(disk)?
        .map(|number| Reader::open(disk, number, manifest.database_id, manifest.shards as usize))
        .transpose()?;
    let needed = checkpoint.as_ref().map_or_else(Needed::default, Reader::needed);
    let saved_bytes = checkpoint.as_ref().map_or(0, Reader::load_bytes);
    // If it cannot be told, reading it will say why.
    let log_bytes = log::scanned_bytes(disk, needed).unwrap_or(0);
    progress.total_bytes.store(saved_bytes + log_bytes, Relaxed);
    if let Some(checkpoint) = &checkpoint {
        checkpoint.load(keyspace, packing, threads, progress)?;
        keyspace.adopt_dictionaries()?;
    }
    let cuts = checkpoint.as_ref().map_or_else(|| vec![0; keyspace.shards()], Reader::cuts);
    let log_options = LogOptions {
        segment_bytes: options.segment_bytes,
        fsync: options.appendfsync,
        database_id: manifest.database_id,
        threads: options.threads,
        service: options.service.clone(),
        needed,
    };
    let mut held = keyspace.lock_all();
    let (log, malformed) = keyspace.replay(&mut held, &cuts, packing, threads, |records| {
        Log::scan(disk, &log_options, progress, &mut |lsn, record| {
            records.take(lsn, record).map_err(|Malformed| unreadable(lsn, options.databases))
        })
    });
    drop(held);
    if let Some(refusal) = keyspace.compression.take_refusal() {
        return Err(refusal);
    }
    if let Some(lsn) = malformed {
        return Err(unreadable(lsn, options.databases));
    }
    let log = log?;
    keyspace.check_compressed(threads)?;
    Ok(Read { checkpoint, log, log_options })
}

fn unreadable(lsn: Lsn, databases: u32) -> Error {
    let text = format!(
        "record {lsn} of the log cannot be applied: it was written by a newer version, or names a database beyond {databases} (see the directive `databases`)"
    );
    Error::new(ErrorKind::Newer, text)
}
