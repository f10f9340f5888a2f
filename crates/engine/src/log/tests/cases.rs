//! The table of recovery: a test for each row, in its order, named after its label.

use super::*;
use crate::error::ErrorKind;
use crate::io::Disk;
use crate::log::record::{Seal, SegmentHeader};
use crate::log::{Verdict, record, segment, verify};

/// Where the first frame is, and how long a frame with one record is.
const FIRST: u64 = record::SEGMENT_HEADER_BYTES;
fn frame_bytes(record: &[u8]) -> u64 {
    record::padded((record::FRAME_HEADER_BYTES + record::PIECE_HEADER_BYTES + record.len()) as u64)
}

/// Opening must be refused as damage, at this place; and verifying must say the same, and neither may write.
fn assert_damage(disk: &MemDisk, file: &str, offset: u64, says: &str) {
    let changes = disk.changes();
    let error = try_open(disk, options()).err().expect("damage is refused");
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("{file} at offset {offset}:")) && text.contains(says), "{text}");
    assert!(text.contains("ramekin check"), "{text}");
    assert_eq!(
        verify(disk, DATABASE_ID, Needed::default()).unwrap().verdict,
        Verdict::Refused { reason: text }
    );
    assert_eq!(disk.changes(), changes, "damage is left as it is");
}

#[test]
fn empty_a_new_folder_gets_a_new_log() {
    let (log, recovery, records) = open(&MemDisk::default());
    assert_eq!((recovery.last_lsn, recovery.epoch, recovery.cut, records.len()), (0, 1, None, 0));
    assert_eq!(append(&log, b"first"), 1);
}

#[test]
fn follows_records_of_every_size_come_back_in_order() {
    let large = vec![7; 9000];
    let expected = [&b"one"[..], b"", &large, b"two", &large, b"three"];
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    for record in expected {
        append(&log, record);
    }
    log.note_time(123_456);
    log.sync().unwrap();
    let (_, recovery, records) = open(&disk.power_cut(0));
    assert_eq!(records, expected);
    assert_eq!((recovery.last_lsn, recovery.time_ms, recovery.epoch, recovery.cut), (6, 123_456, 2, None));
}

#[test]
fn next_the_log_goes_on_in_the_next_segment() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    let expected: Vec<Vec<u8>> = (0..50).map(|number| vec![number; 1000]).collect();
    for record in &expected {
        write_one(&log, record);
    }
    assert!(log.stats().segments > 3);
    assert_eq!(open(&disk.kill()).2, expected);
}

#[test]
fn limit_what_was_cut_once_stays_cut_though_the_cutting_was_undone() {
    let disk = disk_with(&[b"kept", b"torn", b"stale"]);
    let file = segment::name(1, 0);
    damage(&disk, &file, FIRST + frame_bytes(b"kept") + 60);
    let before = disk.content(&file).unwrap();
    let (log, recovery, records) = open(&disk);
    assert_eq!((records, recovery.cut.unwrap().lsn), (vec![b"kept".to_vec()], 2));
    write_one(&log, b"new");
    let disk = disk.kill();
    assert!(disk.content(&file).unwrap().len() < before.len());
    // As if neither the truncation nor the damage had reached the disk.
    let mut undone = before;
    undone[usize::try_from(FIRST + frame_bytes(b"kept") + 60).unwrap()] ^= 0xff;
    disk.put(&file, &undone);
    let (_, recovery, records) = open(&disk);
    assert_eq!((records, recovery.cut), (vec![b"kept".to_vec(), b"new".to_vec()], None));
}

#[test]
fn end_a_killed_process_leaves_nothing_to_cut() {
    let (_, recovery, records) = open(&disk_with(&[b"one", b"two"]));
    assert_eq!((records.len(), recovery.cut), (2, None));
}

#[test]
fn tail_is_cut_with_the_valid_frames_behind_it_and_reported() {
    let disk = disk_with(&[b"kept", b"torn", b"valid", b"valid"]);
    let file = segment::name(1, 0);
    let torn = FIRST + frame_bytes(b"kept");
    damage(&disk, &file, torn + 60);
    let verdict = verify(&disk, DATABASE_ID, Needed::default()).unwrap().verdict;
    let (log, recovery, records) = open(&disk);
    assert_eq!(records, [b"kept"]);
    let cut = recovery.cut.unwrap();
    assert_eq!((&cut.file, cut.offset, cut.lsn, cut.frames), (&file, torn, 2, 2));
    assert_eq!(cut.bytes, frame_bytes(b"torn") + 2 * frame_bytes(b"valid"));
    assert_eq!(verdict, Verdict::Torn { last_lsn: 1, cut });
    assert_eq!(disk.content(&file).unwrap().len() as u64, torn, "it is cut off");
    write_one(&log, b"new");
    assert_eq!(open(&disk.kill()).2, [&b"kept"[..], b"new"]);
    assert_eq!(disk.content(&file).unwrap().len() as u64, torn, "and nothing is ever appended to it");
}

#[test]
fn half_a_record_without_its_last_part_is_cut_from_its_first_on() {
    let disk = disk_with(&[b"kept", &[9; 30_000]]);
    let last = segment::name(1, 2);
    disk.put(&last, &vec![0; 16 << 10]);
    let (_, recovery, records) = open(&disk);
    assert_eq!(records, [b"kept"]);
    let cut = recovery.cut.unwrap();
    assert_eq!((cut.file, cut.offset), (segment::name(1, 0), FIRST + frame_bytes(b"kept")));
    assert_eq!(disk.content(&segment::name(1, 1)), None);
}

#[test]
fn half_a_record_without_a_part_in_the_middle_is_never_put_together() {
    let disk = disk_with(&[b"kept", &[9; 30_000]]);
    // The last frame of the first segment; the next segment goes on with the same record.
    let file = segment::name(1, 0);
    let report = verify(&disk, DATABASE_ID, Needed::default()).unwrap();
    assert_eq!(report.segments[1].first_lsn, Some(2));
    damage(&disk, &file, report.segments[0].end - 9);
    assert_eq!(open(&disk).2, [b"kept"]);
}

#[test]
fn blank_segments_are_removed() {
    let disk = disk_with(&[b"kept"]);
    disk.put(&segment::name(1, 1), &vec![0; 16 << 10]);
    let (_, recovery, records) = open(&disk);
    assert_eq!((records.len(), recovery.cut), (1, None));
    assert_eq!(disk.content(&segment::name(1, 1)), None);
}

#[test]
fn proven_damage_below_a_stated_sync_is_refused() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    write_one(&log, b"one");
    write_one(&log, b"two");
    log.sync().unwrap();
    write_one(&log, b"three");
    let disk = disk.kill();
    let (first, second) = (FIRST, FIRST + frame_bytes(b"one"));
    let whole = disk.content(&segment::name(1, 0)).unwrap();
    for (at, lsn) in [(first, 1), (second, 2)] {
        damage(&disk, &segment::name(1, 0), at + 60);
        assert_damage(&disk, &segment::name(1, 0), at, &format!("where record {lsn} should be"));
        disk.put(&segment::name(1, 0), &whole);
    }
    // The record that only its own frame tells of is a tail.
    damage(&disk, &segment::name(1, 0), second + frame_bytes(b"two") + 60);
    assert_eq!(open(&disk).2.len(), 2);
}

#[test]
fn proven_by_the_header_of_a_later_segment() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    while log.stats().segments < 3 {
        append(&log, &[5; 1000]);
        log.sync().unwrap();
    }
    let disk = disk.kill();
    let report = verify(&disk, DATABASE_ID, Needed::default()).unwrap();
    let start = report.segments[0].end - frame_bytes(&[5; 1000]);
    let last = report.segments[1].first_lsn.unwrap() - 1;
    damage(&disk, &segment::name(1, 0), start + 100);
    // The frames of the second segment are gone; its header alone is left.
    let mut second = disk.content(&segment::name(1, 1)).unwrap();
    second[usize::try_from(FIRST).unwrap()..].fill(0);
    disk.put(&segment::name(1, 1), &second);
    assert_damage(&disk, &segment::name(1, 0), start, &format!("record {last} was durable"));
}

#[test]
fn proven_by_a_clean_close() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    write_one(&log, b"only");
    log.close().unwrap();
    damage(&disk, &segment::name(1, 0), FIRST + 60);
    assert_damage(&disk, &segment::name(1, 0), FIRST, "record 1 was durable");
}

#[test]
fn epoch_damage_below_the_beginning_of_a_later_epoch_is_refused() {
    let disk = disk_with(&[b"one", b"two"]);
    drop(open(&disk));
    let disk = disk.power_cut(0);
    damage(&disk, &segment::name(1, 0), FIRST + frame_bytes(b"one") + 60);
    assert_damage(
        &disk,
        &segment::name(1, 0),
        FIRST + frame_bytes(b"one"),
        "a later epoch begins with record 3",
    );
}

#[test]
fn head_a_first_segment_with_frames_and_no_header_is_damage() {
    let disk = disk_with(&[b"one"]);
    damage(&disk, &segment::name(1, 0), 20);
    assert_damage(&disk, &segment::name(1, 0), 0, "its header is missing");
}

#[test]
fn back_a_segment_that_begins_with_records_that_came_before_is_damage() {
    let disk = disk_with(&[b"one", b"two"]);
    let header = SegmentHeader {
        database_id: DATABASE_ID,
        epoch: 1,
        index: 1,
        first_lsn: 2,
        synced_lsn: 0,
        time_ms: 0,
    };
    disk.put(&segment::name(1, 1), &header.encode());
    assert_damage(&disk, &segment::name(1, 1), 0, "begins with record 2, which came before; 3 is next");
}

#[test]
fn back_a_frame_that_reaches_into_the_next_epoch_is_damage() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    append(&log, b"one");
    append(&log, b"two");
    log.write().unwrap();
    let disk = disk.kill();
    let header = SegmentHeader {
        database_id: DATABASE_ID,
        epoch: 2,
        index: 1,
        first_lsn: 2,
        synced_lsn: 1,
        time_ms: 0,
    };
    disk.put(&segment::name(2, 1), &header.encode());
    assert_damage(&disk, &segment::name(1, 0), FIRST, "the next epoch begins with 2");
}

#[test]
fn gap_a_log_without_its_first_records_is_damage_unless_they_are_not_needed() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    while log.stats().segments < 3 {
        write_one(&log, &[5; 1000]);
    }
    log.close().unwrap();
    let first_left = verify(&disk, DATABASE_ID, Needed::default()).unwrap().segments[1].first_lsn.unwrap();
    disk.remove(&segment::name(1, 0)).unwrap();
    assert_damage(&disk, &segment::name(1, 1), 0, "records from 1 on are missing");
    let with_checkpoint = LogOptions { needed: Needed { after: first_left, upto: first_left }, ..options() };
    let (_, recovery, records) = try_open(&disk, with_checkpoint).unwrap();
    assert_eq!(records.len() as u64, recovery.last_lsn - first_left);
}

/// Opens a log of which a checkpoint holds the records up to `after`, and needs those up to `upto`.
fn open_needed(disk: &MemDisk, after: Lsn, upto: Lsn) -> Result<Opened, Error> {
    try_open(disk, LogOptions { needed: Needed { after, upto }, ..options() })
}

#[test]
fn spent_segments_are_not_read_whatever_part_of_them_a_trim_has_left() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    for number in 0..60 {
        write_one(&log, &[number; 1000]);
    }
    log.sync().unwrap();
    let after = 45;
    let before = snapshot(&disk);
    assert!(before.list().unwrap().len() > 4);
    assert!(log.trim(after).unwrap() > 0);
    let trimmed = disk.list().unwrap();
    assert_eq!(log.stats().segments, trimmed.len() as u64);
    // The directory was not synced when the power went: some of what was removed is back.
    for back in before.list().unwrap().iter().filter(|name| !trimmed.contains(name)) {
        let disk = snapshot(&disk);
        disk.put(back, &before.content(back).unwrap());
        let (_, recovery, records) = open_needed(&disk, after, after).unwrap();
        assert_eq!((recovery.last_lsn, records.len()), (60, 15));
        assert_eq!((&records[0], disk.content(back)), (&vec![45; 1000], None), "{back} is removed");
    }
    assert_eq!(open_needed(&before, after, after).unwrap().2.len(), 15, "nothing was trimmed");
}

#[test]
fn spent_segments_go_only_if_what_follows_is_needed_from_its_beginning() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    for number in 0..60 {
        write_one(&log, &[number; 1000]);
    }
    log.sync().unwrap();
    for after in 0..=60 {
        log.trim(after).unwrap();
        let (_, recovery, records) = open_needed(&snapshot(&disk), after, 60).unwrap();
        assert_eq!((recovery.last_lsn, records.len() as u64), (60, 60 - after));
    }
}

#[test]
fn rest_of_a_record_that_is_not_needed_is_passed_over() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    write_one(&log, b"first");
    write_one(&log, &[9; 60_000]);
    write_one(&log, b"last");
    log.sync().unwrap();
    log.trim(2).unwrap();
    assert!(disk.content(&segment::name(1, 1)).is_none(), "the second record begins before what is left");
    let disk = disk.kill();
    let (log, recovery, records) = open_needed(&disk, 2, 3).unwrap();
    assert_eq!((recovery.last_lsn, records), (3, vec![b"last".to_vec()]));
    write_one(&log, b"new");
    assert_eq!(open_needed(&disk.kill(), 2, 3).unwrap().2, [&b"last"[..], b"new"]);
    let error = open_needed(&disk_with(&[&[9; 60_000]]), 0, 0).map(|opened| opened.2.len());
    assert_eq!(error.unwrap(), 1, "it is put together where it is needed");
}

#[test]
fn short_of_what_a_checkpoint_needs_is_damage_though_nothing_else_proves_it() {
    let disk = disk_with(&[b"one", b"two"]);
    let error = open_needed(&disk, 1, 3).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("needs records up to 3"), "{error}");
    let error = open_needed(&MemDisk::default(), 1, 3).err().unwrap();
    assert!(error.to_string().contains("segments are missing"), "{error}");
    let error = open_needed(&MemDisk::default(), 3, 3).err().unwrap();
    assert!(error.to_string().contains("segments are missing"), "a segment is always kept: {error}");
    assert!(open_needed(&disk, 1, 2).is_ok());
}

#[test]
fn a_copy_holds_what_was_written_and_opens_alone() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    for number in 0..60 {
        write_one(&log, &[number; 1000]);
    }
    let copy = MemDisk::default();
    log.copy_to(50, &copy).unwrap();
    write_one(&log, b"later");
    let (_, recovery, records) = open_needed(&copy, 50, 60).unwrap();
    assert_eq!((recovery.last_lsn, recovery.cut, records.len()), (60, None, 10));
    assert!(copy.content(&segment::name(1, 0)).is_none(), "what is not needed is not copied");
}

#[test]
fn newer_formats_are_refused_by_name() {
    let disk = disk_with(&[b"one"]);
    let file = segment::name(1, 0);
    let mut bytes = disk.content(&file).unwrap();
    bytes[8] = 9;
    let crc = crc_fast::crc32_iscsi(&bytes[..124]);
    bytes[124..128].copy_from_slice(&crc.to_le_bytes());
    disk.put(&file, &bytes);
    let error = try_open(&disk, options()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Newer);
    assert!(error.to_string().starts_with(&format!("{file} has log format 9")), "{error}");
}

#[test]
fn other_databases_are_refused() {
    let disk = disk_with(&[b"one"]);
    let error = try_open(&disk, LogOptions { database_id: 2, ..options() }).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("belongs to another database"), "{error}");
}

#[test]
fn renamed_segments_are_damage() {
    let disk = disk_with(&[b"one"]);
    disk.rename(&segment::name(1, 0), &segment::name(1, 3)).unwrap();
    assert_damage(&disk, &segment::name(1, 3), 0, "renamed");
}

#[test]
fn a_stored_copy_of_a_frame_proves_nothing() {
    // The bytes of a frame that says that record 100 was durable, as a value, behind a torn frame.
    let mut fake = vec![0; record::FRAME_HEADER_BYTES];
    let header = record::FrameHeader {
        bytes: 56,
        epoch: 1,
        first_lsn: 101,
        pieces: 0,
        flags: 0,
        bytes_before: 0,
        synced_lsn: 100,
        time_ms: 0,
    };
    header.seal(&mut fake, Seal::new(DATABASE_ID, 0), FIRST);
    let stored = [&[0; 4][..], &fake].concat();
    let disk = disk_with(&[b"torn", &stored]);
    damage(&disk, &segment::name(1, 0), FIRST + 60);
    let (_, recovery, records) = open(&disk);
    assert_eq!((records.len(), recovery.cut.unwrap().frames), (0, 1));
}
