//! Arbitrary and damaged bytes, and the folders of earlier versions.

use super::*;
use crate::error::ErrorKind;
use crate::io::Disk;
use crate::log::record::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::log::{segment, verify};
use proptest::prelude::*;
use proptest::sample::Index;

/// Several segments: small records, a large one, syncs between, and either a close or a kill at the end.
fn sample(is_closed: bool) -> (MemDisk, Vec<Vec<u8>>) {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    let mut records = Vec::new();
    for number in 0..40_u8 {
        records.push(vec![number; if number == 20 { 9000 } else { usize::from(number) * 20 }]);
        append(&log, &records[usize::from(number)]);
        match number % 8 {
            3 => drop(log.sync().unwrap()),
            5 | 7 => drop(log.write().unwrap()),
            _ => {}
        }
    }
    if is_closed {
        log.close().unwrap();
    }
    (disk.kill(), records)
}

fn segments(disk: &MemDisk) -> Vec<String> {
    let mut names = disk.list().unwrap();
    names.retain(|name| segment::parse_name(name).is_some());
    names.sort();
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_flipped_bit_anywhere_is_found_and_never_becomes_data(
        is_closed in any::<bool>(), file in any::<Index>(), bit in any::<Index>(),
    ) {
        let (disk, expected) = sample(is_closed);
        let names = segments(&disk);
        let name = file.get(&names);
        let end = verify(&disk, DATABASE_ID, 0).unwrap().segments.iter().find(|report| &report.file == name).unwrap().end;
        let mut bytes = disk.content(name).unwrap();
        let synced = crate::log::replay(&disk, DATABASE_ID, 0, &mut |_, _| Ok(())).unwrap().synced_lsn;
        let bit = bit.index(usize::try_from(end).unwrap() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        disk.put(name, &bytes);
        match try_open(&disk, options()) {
            Ok((_, recovery, records)) => {
                prop_assert!(records[..] == expected[..records.len()]);
                // Past the encoded header its block is not looked at; behind the last frame with records nothing is lost.
                let is_lost = records.len() < expected.len();
                prop_assert!(!is_lost || recovery.cut.is_some());
                // What only the damaged frame itself states to be synced is a tail; all before that is not.
                prop_assert!(records.len() as u64 >= synced || !is_closed);
            }
            Err(error) => prop_assert!(matches!(error.kind(), ErrorKind::Damaged), "{error}"),
        }
    }

    #[test]
    fn any_bytes_as_segments_never_panic(
        body in proptest::collection::vec(any::<u8>(), 0..20_000), has_header in any::<bool>(), at in any::<Index>(),
    ) {
        let disk = MemDisk::default();
        let mut bytes = body.clone();
        if has_header {
            let header = SegmentHeader { database_id: DATABASE_ID, epoch: 1, index: 0, first_lsn: 1, synced_lsn: 0, time_ms: 0 };
            bytes = header.encode().to_vec();
            bytes.resize(usize::try_from(SEGMENT_HEADER_BYTES).unwrap(), 0);
            bytes.extend(&body);
        }
        disk.put(&segment::name(1, 0), &bytes);
        drop(verify(&disk, DATABASE_ID, 0).unwrap());
        drop(try_open(&disk, options()));
        // The same bytes over a part of a real segment.
        let (disk, expected) = sample(false);
        let name = at.get(&segments(&disk)).clone();
        let mut bytes = disk.content(&name).unwrap();
        let start = at.index(bytes.len());
        let count = body.len().min(bytes.len() - start);
        bytes[start..start + count].copy_from_slice(&body[..count]);
        disk.put(&name, &bytes);
        drop(verify(&disk, DATABASE_ID, 0).unwrap());
        if let Ok((_, _, records)) = try_open(&disk, options()) {
            prop_assert!(records[..] == expected[..records.len()]);
        }
    }

    #[test]
    fn a_segment_cut_anywhere_gives_a_beginning_of_its_records(at in any::<Index>()) {
        let disk = disk_with(&[b"one", &[2; 500], b"", b"four"]);
        let expected: [&[u8]; 4] = [b"one", &[2; 500], b"", b"four"];
        let name = segment::name(1, 0);
        let bytes = disk.content(&name).unwrap();
        disk.put(&name, &bytes[..at.index(5000)]);
        if let Ok((_, _, records)) = try_open(&disk, options()) {
            prop_assert!(records.iter().zip(expected).all(|(record, expected)| record == expected));
        }
    }
}
