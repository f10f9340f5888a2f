//! Appending, reserving, syncing and failing, from one thread and from many.

use super::*;
use crate::io::mem::Faults;
use crate::io::os::{OsClock, OsDisk};
use crate::log::{AppendFsync, Refusal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

fn open_with_threads(disk: &MemDisk, fsync: AppendFsync) -> Log {
    let options = LogOptions { threads: true, fsync, ..options() };
    Log::open(Arc::new(disk.clone()), Arc::new(OsClock::default()), options, &mut |_, _| Ok(())).unwrap().0
}

/// Waits for something that another thread does.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("{what} did not come about in 5 seconds");
}

#[test]
fn numbers_advance_as_records_are_appended_written_and_synced() {
    let (log, ..) = open(&MemDisk::default());
    let numbers = |log: &Log| (log.appended(), log.written(), log.durable());
    append(&log, b"a");
    append(&log, b"b");
    assert_eq!(numbers(&log), (2, 0, 0));
    assert_eq!(log.write().unwrap(), 2);
    append(&log, b"c");
    assert_eq!(numbers(&log), (3, 2, 0));
    assert_eq!(log.sync().unwrap(), 3);
    assert_eq!(numbers(&log), (3, 3, 3));
}

#[test]
fn all_that_is_pending_goes_out_in_one_write_and_one_sync() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    let (changes, syncs) = (disk.changes(), disk.syncs());
    for _ in 0..20 {
        append(&log, &[1; 100]);
    }
    log.sync().unwrap();
    log.sync().unwrap();
    assert_eq!((disk.changes() - changes, disk.syncs() - syncs), (1, 1));
}

#[test]
fn what_was_reserved_can_be_written_however_it_is_packed() {
    let rng = crate::io::SeededRng::new(7);
    for capacity in (24..160).step_by(8) {
        let disk = MemDisk::default();
        let (log, ..) = open(&disk);
        disk.set_faults(Faults { capacity_bytes: Some(capacity << 10), ..Faults::default() });
        let mut expected = Vec::new();
        loop {
            let record = vec![3; usize::try_from(rng.below(4000)).unwrap()];
            if log.reserve(record.len() as u64).is_err() {
                break;
            }
            log.append(&record, record.len() as u64);
            expected.push(record);
            if rng.below(3) == 0 {
                log.write().unwrap();
            }
        }
        log.sync().unwrap();
        assert_eq!(log.failed(), None);
        assert!(disk.power_cut(0).content("log-00000001-00000000.rkl").is_some());
        assert_eq!(open(&disk.kill()).2, expected);
    }
}

#[test]
fn credit_is_neither_lost_nor_made_over_many_segments() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    for round in 0..2000_u64 {
        let length = round * 37 % 700;
        log.reserve(length + 50).unwrap();
        log.append(&vec![1; usize::try_from(length).unwrap()], length + 50);
        if round % 3 == 0 {
            log.write().unwrap();
        }
        log.reserve(20).unwrap();
        log.release(20);
    }
    log.write().unwrap();
    // One segment is being written and perhaps one is ahead; nothing is charged to anybody.
    let credit = log.stats().credit_bytes;
    assert!(credit <= 2 * (16 << 10), "{credit}");
    let stats = log.stats();
    let expected_segments = 2000 * (350 + 60) / (12 << 10);
    assert!(stats.segments <= expected_segments + 8, "{stats:?}");
}

#[test]
fn a_full_disk_refuses_and_heals_without_a_restart() {
    let disk = MemDisk::default();
    let log = open_with_threads(&disk, AppendFsync::Everysec);
    disk.set_faults(Faults { capacity_bytes: Some(40 << 10), ..Faults::default() });
    let mut count = 0;
    let refusal = loop {
        match log.reserve(1000) {
            Ok(()) => count = log.append(&[1; 1000], 1000),
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(&refusal, Refusal::Full { cause, .. } if cause.contains("No space left")), "{refusal}");
    assert!(!log.stats().is_write_ok && log.stats().refused > 0);
    assert_eq!((log.sync().unwrap(), log.failed()), (count, None));
    disk.set_faults(Faults::default());
    eventually("healing", || log.stats().is_write_ok);
    assert_eq!(append(&log, b"again"), count + 1);
    log.close().unwrap();
    assert_eq!(open(&disk.power_cut(0)).2.len() as u64, count + 1);
}

#[test]
fn a_log_on_a_full_disk_opens_for_reading_and_heals() {
    let disk = disk_with(&[b"kept"]);
    let used = 16 << 10;
    disk.set_faults(Faults { capacity_bytes: Some(used), ..Faults::default() });
    let clock = Arc::new(ManualClock::default());
    let (log, recovery) =
        Log::open(Arc::new(disk.clone()), clock.clone(), options(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((recovery.last_lsn, log.durable()), (1, 1));
    assert!(matches!(log.reserve(1), Err(Refusal::Full { .. })));
    disk.set_faults(Faults::default());
    assert!(matches!(log.reserve(1), Err(Refusal::Full { .. })), "the disk is not asked at every write");
    clock.advance(100);
    write_one(&log, b"healed");
    let disk = disk.kill();
    assert_eq!(open(&disk).2, [&b"kept"[..], b"healed"]);
}

#[test]
fn a_failed_sync_latches_and_is_never_tried_again() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    let told = Arc::new(AtomicU64::new(0));
    let teller = told.clone();
    log.on_progress(Box::new(move || {
        teller.fetch_add(1, Ordering::Relaxed);
    }));
    append(&log, b"durable");
    log.sync().unwrap();
    append(&log, b"lost");
    disk.set_faults(Faults { fail_sync: Some(disk.syncs() + 1), ..Faults::default() });
    log.sync().unwrap_err();
    let syncs = disk.syncs();
    assert_eq!((log.durable(), told.load(Ordering::Relaxed)), (1, 2));
    assert!(log.failed().unwrap().contains("sync"));
    let refusal = log.reserve(0).unwrap_err();
    assert!(matches!(&refusal, Refusal::Failed { reason } if reason.contains("cannot sync")), "{refusal}");
    for _ in 0..3 {
        assert!(log.sync().unwrap_err().to_string().contains("cannot sync"));
    }
    log.close().unwrap_err();
    assert_eq!((disk.syncs(), log.durable()), (syncs, 1));
}

#[test]
fn a_failed_write_latches_and_nothing_is_written_after_it() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    write_one(&log, b"written");
    disk.set_faults(Faults { fail_change: Some(disk.changes() + 1), ..Faults::default() });
    append(&log, b"lost");
    log.write().unwrap_err();
    let changes = disk.changes();
    log.write().unwrap_err();
    log.sync().unwrap_err();
    assert_eq!((log.written(), disk.changes()), (1, changes));
    assert!(matches!(log.reserve(1), Err(Refusal::Failed { .. })));
}

#[test]
fn a_closed_log_refuses_and_gives_back_what_was_allocated() {
    let disk = MemDisk::default();
    let log = open_with_threads(&disk, AppendFsync::Everysec);
    for _ in 0..9 {
        write_one(&log, &[1; 1000]);
    }
    log.close().unwrap();
    log.close().unwrap();
    assert!(matches!(log.reserve(1), Err(Refusal::Failed { .. })));
    let disk = disk.power_cut(4);
    assert!(disk.content("log-00000001-00000000.rkl").unwrap().len() < 14_000);
    assert_eq!(disk.content("log-00000001-00000001.rkl"), None, "the one prepared ahead is gone");
    let (_, recovery, records) = open(&disk);
    assert_eq!((records.len() as u64, recovery.synced_lsn), (9, 9));
}

#[test]
fn everysec_syncs_by_itself() {
    let log = open_with_threads(&MemDisk::default(), AppendFsync::Everysec);
    append(&log, b"one");
    eventually("the sync of a second", || log.durable() == 1);
}

#[test]
fn always_syncs_at_once_when_asked_and_tells() {
    let log = open_with_threads(&MemDisk::default(), AppendFsync::Always);
    let (sender, receiver) = std::sync::mpsc::channel();
    log.on_progress(Box::new(move || sender.send(()).unwrap()));
    for lsn in 1..50 {
        append(&log, b"x");
        log.request_sync();
        while log.durable() < lsn {
            receiver.recv_timeout(Duration::from_secs(5)).unwrap();
        }
    }
}

#[test]
fn no_never_syncs_within_a_segment() {
    let log = open_with_threads(&MemDisk::default(), AppendFsync::No);
    write_one(&log, b"x");
    thread::sleep(Duration::from_millis(1200));
    assert_eq!((log.durable(), log.stats().fsyncs), (0, 0));
    log.set_fsync(AppendFsync::Everysec);
    eventually("the sync after the change", || log.durable() == 1);
}

#[test]
fn an_idle_log_states_what_is_synced() {
    let disk = MemDisk::default();
    let log = open_with_threads(&disk, AppendFsync::Everysec);
    append(&log, b"one");
    eventually("the statement", || {
        crate::log::replay(&disk, DATABASE_ID, Needed::default(), &mut |_, _| Ok(())).unwrap().synced_lsn == 1
    });
    let changes = disk.changes();
    thread::sleep(Duration::from_millis(1200));
    assert_eq!(disk.changes(), changes, "it is stated once");
}

#[test]
fn threads_that_append_write_and_sync_at_once_lose_and_mix_nothing() {
    const THREADS: u64 = 4;
    const RECORDS: u64 = 3000;
    let dir = tempfile::tempdir().unwrap();
    let open = |apply: &mut crate::log::Apply<'_>| {
        let options =
            LogOptions { threads: true, fsync: AppendFsync::Always, segment_bytes: 64 << 10, ..options() };
        let disk = Arc::new(OsDisk::open(dir.path()).unwrap());
        Log::open(disk, Arc::new(OsClock::default()), options, apply).unwrap().0
    };
    let log = open(&mut |_, _| Ok(()));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let log = &log;
            scope.spawn(move || {
                for number in 0..RECORDS {
                    let mut record = [thread.to_le_bytes(), number.to_le_bytes()].concat();
                    record.resize(16 + usize::try_from(number * 7 % 200).unwrap(), 0xab);
                    let lsn = append(log, &record);
                    match (thread + number) % 50 {
                        0 => assert!(log.sync().unwrap() >= lsn && log.durable() >= lsn),
                        1..=9 => assert!(log.write().unwrap() >= lsn && log.written() >= lsn),
                        10 => log.request_sync(),
                        _ => {}
                    }
                }
            });
        }
    });
    assert_eq!(log.appended(), THREADS * RECORDS);
    log.write().unwrap();
    drop(log);
    let mut next = [0; 4];
    let mut expected_lsn = 1;
    drop(open(&mut |lsn, record| {
        assert_eq!(lsn, expected_lsn);
        expected_lsn += 1;
        let number_at = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().unwrap());
        let (thread, number) = (usize::try_from(number_at(0)).unwrap(), number_at(8));
        assert_eq!((number, record.len() as u64), (next[thread], 16 + number * 7 % 200));
        next[thread] += 1;
        Ok(())
    }));
    assert_eq!(next, [RECORDS; 4]);
}

#[test]
fn a_record_larger_than_its_reservation_is_taken_all_the_same() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    for _ in 0..40 {
        log.reserve(10).unwrap();
        log.append(&[1; 1000], 10);
        log.write().unwrap();
    }
    assert_eq!(open(&disk.kill()).2.len(), 40);
}

#[test]
fn a_segment_too_small_is_refused() {
    let options = LogOptions { segment_bytes: 4096, ..options() };
    let error = try_open(&MemDisk::default(), options).err().unwrap();
    assert_eq!(error.kind(), crate::error::ErrorKind::Invalid);
}

#[test]
fn what_apply_refuses_ends_the_opening() {
    let disk = disk_with(&[b"one", b"two"]);
    let refuse = |lsn: Lsn, _: &[u8]| match lsn {
        1 => Ok(()),
        _ => Err(Error::new(crate::error::ErrorKind::Invalid, "not understood")),
    };
    let opened = Log::open(Arc::new(disk), Arc::new(ManualClock::default()), options(), &mut { refuse });
    assert_eq!(opened.err().unwrap().to_string(), "not understood");
}
