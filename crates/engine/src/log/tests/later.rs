//! Records that are made when they are written, among others.

use super::*;
use crate::io::SeededRng;
use crate::io::mem::Faults;
use crate::log::later::Source;
use std::sync::atomic::{AtomicBool, Ordering};

/// A record in pieces of so many bytes.
struct Pieces(Vec<u8>, usize);

impl Source for Pieces {
    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        self.0.chunks(self.1).try_for_each(each)
    }
}

/// Appends some records of either kind, and writes now and then.
fn append_some(log: &Log, rng: &SeededRng, count: usize) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for number in 0..count {
        let length = usize::try_from(rng.below(if rng.below(4) == 0 { 30_000 } else { 300 })).unwrap();
        let record = vec![u8::try_from(number).unwrap(); length];
        // No source gives more than was reserved; many give less.
        let reserved = length as u64 + rng.below(100);
        if log.reserve(reserved).is_err() {
            break;
        }
        if rng.below(2) == 0 {
            let piece_bytes = usize::try_from(rng.below(5000)).unwrap() + 1;
            log.append_later(Box::new(Pieces(record.clone(), piece_bytes)), length as u64, reserved);
        } else {
            log.append(&record, reserved);
        }
        records.push(record);
        if rng.below(4) == 0 && log.write().is_err() {
            break;
        }
    }
    records
}

#[test]
fn records_that_are_made_later_lie_among_the_others_in_their_order() {
    for seed in 0..60 {
        let (disk, rng) = (MemDisk::default(), SeededRng::new(seed));
        let (log, ..) = open(&disk);
        let expected = append_some(&log, &rng, 60);
        assert_eq!(log.sync().unwrap(), expected.len() as u64);
        assert_eq!(log.stats().pending_bytes, 0);
        log.close().unwrap();
        let (_, recovery, records) = open(&disk.kill());
        assert!(records == expected, "{seed}");
        assert!(recovery.cut.is_none());
    }
}

#[test]
fn what_was_reserved_for_them_is_enough_and_the_rest_comes_back() {
    for capacity in (48..200).step_by(8) {
        let (disk, rng) = (MemDisk::default(), SeededRng::new(capacity));
        let (log, ..) = open(&disk);
        disk.set_faults(Faults { capacity_bytes: Some(capacity << 10), ..Faults::default() });
        let expected = append_some(&log, &rng, 200);
        log.sync().unwrap();
        assert_eq!(log.failed(), None);
        assert!(open(&disk.kill()).2 == expected);
    }
}

#[test]
fn a_power_cut_in_the_middle_of_one_leaves_all_before_it() {
    for seed in 0..40 {
        let (disk, rng) = (MemDisk::default(), SeededRng::new(seed));
        let (log, ..) = open(&disk);
        let mut expected = append_some(&log, &rng, 10);
        log.sync().unwrap();
        let durable = expected.len();
        expected.extend(append_some(&log, &rng, 20));
        log.write().unwrap();
        let records = open(&disk.power_cut(seed)).2;
        assert!(records.len() >= durable && expected.starts_with(&records), "{seed}");
    }
}

#[test]
fn whoever_cannot_wait_leaves_them_to_the_logs_thread_and_is_told() {
    let disk = MemDisk::default();
    let options = LogOptions { threads: true, ..options() };
    let (log, ..) = try_open(&disk, options).unwrap();
    let told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&told);
    log.on_progress(Box::new(move || tell.store(true, Ordering::Release)));
    for _ in 0..50 {
        log.reserve(30_100).unwrap();
        log.append_later(Box::new(Pieces(vec![7; 30_000], 100)), 30_000, 30_100);
        let last = append(&log, b"behind it");
        if !log.write_or_leave().unwrap() {
            while log.written() < last || !told.swap(false, Ordering::AcqRel) {
                std::thread::yield_now();
            }
        }
        assert!(log.written() >= last);
    }
    log.close().unwrap();
    assert_eq!(open(&disk.kill()).2.len(), 100);
}
