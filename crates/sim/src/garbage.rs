//! Any bytes where the engine expects its own: what reads them answers or refuses, and never panics.
//!
//! Each function takes bytes from a fuzzer or a generator and asserts a property. What must hold: a function ends soon on
//! any input, and depends on nothing else.

use crate::clock::SimClock;
use crate::db_crash::options;
use ramekin::error::Error;
use ramekin::io::mem::MemDisk;
use ramekin::io::{Disk as _, SeededRng};
use ramekin::log::{self, AppendFsync, Log, LogOptions, Lsn};
use ramekin::manifest::Manifest;
use ramekin::rdb::{self, Dialect, Encoder, Item, Reader, Writer, kind};
use ramekin::value::Packing;
use ramekin::{Collector, Database, command};
use std::sync::{Arc, OnceLock};

const DATABASE_ID: u128 = 7;

/// A time in the middle of those that samples tell.
const NOW_MS: u64 = 4_000_000_000_000;

/// An edit in the input of [`damaged_log`].
const EDIT_BYTES: usize = 4;

fn log_options(database_id: u128) -> LogOptions {
    LogOptions { segment_bytes: 16 << 10, database_id, threads: false, ..LogOptions::default() }
}

fn open_log(disk: &MemDisk, database_id: u128) -> Result<(Log, Vec<Vec<u8>>), Error> {
    let mut records = Vec::new();
    let mut collect = |lsn: Lsn, record: &[u8]| {
        records.push(record.to_vec());
        assert_eq!(lsn, records.len() as Lsn, "records come in order, without a gap");
        Ok(())
    };
    let (disk, clock) = (Arc::new(disk.clone()), Arc::new(SimClock::default()));
    let (log, _) = Log::open(disk, clock, log_options(database_id), &mut collect)?;
    Ok((log, records))
}

/// A log of a few segments and two epochs, with records that span frames, and its records.
fn sound_log() -> &'static (MemDisk, Vec<Vec<u8>>) {
    static SOUND: OnceLock<(MemDisk, Vec<Vec<u8>>)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = MemDisk::default();
        let mut records: Vec<Vec<u8>> = Vec::new();
        for lengths in [[10, 0, 3000, 200, 9000], [1, 700, 20, 5000, 40]] {
            let (log, _) = open_log(&disk, DATABASE_ID).expect("the disk works");
            for length in lengths {
                let filling = u8::try_from(records.len()).expect("there are ten records");
                records.push(vec![filling; length]);
                let record = &records[records.len() - 1];
                log.reserve(record.len() as u64).expect("there is space");
                log.append(record, record.len() as u64);
                log.write().expect("the disk works");
            }
            log.close().expect("the disk works");
        }
        (disk.kill(), records)
    })
}

/// Bytes as an RDB file: read to the end or refused. What was read of it before can be written, in both dialects, and is
/// then read as the same.
pub fn rdb(bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(bytes) else { return };
    let dialect = reader.dialect();
    while let Ok(Some(item)) = reader.next() {
        let Item::Key(record) = item else { continue };
        assert!(record.object.len() <= bytes.len() && kind::type_name(record.kind, dialect).is_some());
        let read = rdb::decode(record.kind, dialect, record.object, &Packing::default(), NOW_MS);
        let Ok(Some(value)) = read else { continue };
        for dialect in [Dialect::Valkey, Dialect::Redis] {
            let encoder = Encoder { dialect, compress: bytes.len().is_multiple_of(2) };
            let mut object = Vec::new();
            let kind = encoder.value(&value, NOW_MS, &mut object).expect("it came from such a file");
            let mut writer =
                Writer::new(std::io::Cursor::new(Vec::new()), encoder).expect("memory can be written");
            writer.key(record.db, record.key, record.expire_at_ms, kind, &object).expect("as above");
            let file = writer.finish().expect("as above").into_inner();
            let mut again = Reader::new(&file[..]).expect("it was written so");
            let Ok(Some(Item::Key(same))) = again.next() else { panic!("the key is there") };
            assert_eq!((same.db, same.key, same.expire_at_ms), (record.db, record.key, record.expire_at_ms));
            let read = rdb::decode(same.kind, dialect, same.object, &Packing::default(), NOW_MS);
            assert_eq!(read.expect("it was written so"), Some(value.clone()));
            assert!(matches!(again.next(), Ok(None)));
        }
    }
}

/// Bytes as the only segment of a folder are read or refused; looking at them finds the same as opening.
pub fn segment(bytes: &[u8]) {
    let disk = MemDisk::default();
    disk.put("log-00000001-00000000.rkl", bytes);
    let report = log::verify(&disk, DATABASE_ID, log::Needed::default());
    let opened = open_log(&disk, DATABASE_ID);
    if let Ok(report) = report {
        let is_refused = matches!(report.verdict, log::Verdict::Refused { .. });
        assert_eq!(is_refused, opened.is_err(), "{:?}", report.verdict);
    }
}

/// A sound log with some bytes overwritten gives a beginning of its records or is refused; whatever it gives, it gives
/// again at the next opening. Each four bytes of the input name a file, an offset and what is put there.
pub fn damaged_log(input: &[u8]) {
    let (sound, records) = sound_log();
    let disk = sound.kill();
    let names = disk.list().expect("the disk works");
    for edit in input.chunks_exact(EDIT_BYTES).take(16) {
        let name = &names[usize::from(edit[0]) % names.len()];
        let mut bytes = disk.content(name).expect("it is listed");
        let offset = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % (bytes.len() + 1);
        match bytes.get_mut(offset) {
            // One bit, or everything from here on: what media do, and what a torn file is.
            Some(byte) if edit[3] < 0xF0 => *byte ^= 1 << (edit[3] % 8),
            _ => bytes.truncate(offset),
        }
        disk.put(name, &bytes);
    }
    let Ok((log, found)) = open_log(&disk, DATABASE_ID) else { return };
    assert!(records.starts_with(&found), "what comes back is a beginning of what was written");
    drop(log);
    let (_, again) = open_log(&disk, DATABASE_ID).expect("what was opened opens again");
    assert!(again == found, "opening changes nothing");
}

/// Bytes as the manifest are read or refused; what is read is the same at the next reading.
pub fn manifest(bytes: &[u8]) {
    let disk = MemDisk::default();
    disk.put("MANIFEST", bytes);
    match Manifest::load(&disk) {
        Ok(read) => assert_eq!(read, Manifest::load(&disk).expect("it was read a moment ago")),
        Err(error) => assert!(error.to_string().contains("MANIFEST"), "it says which file: {error}"),
    }
}

/// Bytes as a record of a whole log are applied or refused; what they leave can be read, changed and opened again.
///
/// Left out are numbers past two million: a string reaches as far as a record says, and memory with it.
pub fn record(bytes: &[u8]) {
    if bytes.windows(3).any(|group| group.iter().all(|&byte| byte >= 0x80)) {
        return;
    }
    let disk = MemDisk::default();
    drop(open_database(&disk).expect("a folder is made"));
    let id = Manifest::load(&disk).expect("it was made").expect("it was made").database_id;
    let mut count = 0;
    let (found, clock) = (Arc::new(disk.clone()), Arc::new(SimClock::default()));
    let (log, _) = Log::open(found, clock, log_options(id), &mut |_, _| {
        count += 1;
        Ok(())
    })
    .expect("it was made");
    log.reserve(bytes.len() as u64).expect("there is space");
    log.append(bytes, bytes.len() as u64);
    log.close().expect("the disk works");
    let Ok(db) = open_database(&disk) else { return };
    db.visit_all(0, &mut |_, seen| {
        assert!(seen.encoded_bytes() < 1 << 30);
    });
    for words in
        [&[&b"DBSIZE"[..]][..], &[b"KEYS", b"*"], &[b"RANDOMKEY"], &[b"SWAPDB", b"0", b"1"], &[b"FLUSHALL"]]
    {
        let command = command::resolve(words).expect("it is in the table");
        db.run(&mut ramekin::Caller::at(db.now_ms()), command, words, &mut Collector::new());
    }
    db.close().expect("the disk works");
    open_database(&disk).expect("what was opened opens again");
}

/// Such bytes as a manifest, filled up, with the checksum that they need.
#[must_use]
pub fn with_checksum(head: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    bytes.resize(60, 0);
    bytes.extend_from_slice(&crc_fast::crc32_iscsi(&bytes).to_le_bytes());
    bytes
}

fn open_database(disk: &MemDisk) -> Result<Database, Error> {
    let (disk, clock) = (Arc::new(disk.clone()), Arc::new(SimClock::default()));
    Database::open_on(disk, clock, Arc::new(SeededRng::new(1)), &options(AppendFsync::Everysec))
}
