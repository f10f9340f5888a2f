//! Tests of the log as a whole, on the simulated disk.
//!
//! - `cases`: the table of recovery, row by row
//! - `service`: appending, reserving, syncing, failing, from one thread and from many
//! - `later`: records that are made when they are written
//! - `windows`: mapped segments
//! - `bytes`: arbitrary and damaged bytes, and the folders of earlier versions
//!
//! Sweeps over crash points are in the crate `sim`.

mod bytes;
mod cases;
mod later;
mod service;
mod windows;

use super::{Log, LogOptions, Lsn, Needed, Recovery};
use crate::error::Error;
use crate::io::Disk as _;
use crate::io::mem::{ManualClock, MemDisk};
use std::sync::Arc;

const DATABASE_ID: u128 = 1;

fn options() -> LogOptions {
    LogOptions { segment_bytes: 16 << 10, database_id: DATABASE_ID, threads: false, ..LogOptions::default() }
}

type Opened = (Log, Recovery, Vec<Vec<u8>>);

fn try_open(disk: &MemDisk, options: LogOptions) -> Result<Opened, Error> {
    let mut records = Vec::new();
    let mut collect = |lsn: Lsn, record: &[u8]| {
        records.push((lsn, record.to_vec()));
        Ok(())
    };
    let (log, recovery) =
        Log::open(Arc::new(disk.clone()), Arc::new(ManualClock::default()), options, &mut collect)?;
    assert!(records.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0), "numbers are contiguous");
    assert_eq!(records.len() as u64, recovery.records);
    Ok((log, recovery, records.into_iter().map(|(_, record)| record).collect()))
}

fn open(disk: &MemDisk) -> Opened {
    try_open(disk, options()).unwrap()
}

fn append(log: &Log, record: &[u8]) -> Lsn {
    log.reserve(record.len() as u64).unwrap();
    log.append(record, record.len() as u64)
}

/// Appends one record and writes it, so that it has a frame of its own.
fn write_one(log: &Log, record: &[u8]) -> Lsn {
    append(log, record);
    log.write().unwrap()
}

/// A disk whose log has one frame a record, none of them synced.
fn disk_with(records: &[&[u8]]) -> MemDisk {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    for record in records {
        write_one(&log, record);
    }
    disk.kill()
}

/// Flips the bits of one byte.
fn damage(disk: &MemDisk, file: &str, offset: u64) {
    let mut bytes = disk.content(file).unwrap();
    bytes[usize::try_from(offset).unwrap()] ^= 0xff;
    disk.put(file, &bytes);
}

/// A disk with the same files, so that the first can be used on.
fn snapshot(disk: &MemDisk) -> MemDisk {
    let copy = MemDisk::default();
    for name in disk.list().unwrap() {
        copy.put(&name, &disk.content(&name).unwrap());
    }
    copy
}
