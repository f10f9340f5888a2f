//! Segments written through windows: the same log, whatever is mapped, and a process that is killed loses nothing.

use super::*;
use crate::io::mem::{CrashPoint, Faults};
use crate::io::os::{OsClock, OsDisk};
use crate::io::{Disk, SeededRng};
use crate::log::{AppendFsync, segment};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn mapped_disk() -> MemDisk {
    let disk = MemDisk::default();
    disk.set_maps(true);
    disk
}

fn is_in_a_window(log: &Log) -> bool {
    log.shared.writer.lock().current.as_ref().is_some_and(|current| current.window.is_some())
}

#[test]
fn frames_go_from_window_to_window_and_past_the_last_one() {
    let disk = mapped_disk();
    // Windows of 4, 4 and 1 MiB.
    let options = LogOptions { segment_bytes: 9 << 20, ..options() };
    let (log, ..) = try_open(&disk, options.clone()).unwrap();
    let mut expected = Vec::new();
    for number in 0..90_u8 {
        expected.push(vec![number; 300_000 + usize::from(number)]);
        let lsn = write_one(&log, &expected[usize::from(number)]);
        assert_eq!((lsn, log.written()), (u64::from(number) + 1, u64::from(number) + 1));
        assert!(is_in_a_window(&log) || number == 0, "record {number}");
    }
    assert!(log.stats().segments > 2);
    log.sync().unwrap();
    assert!(try_open(&disk.power_cut(0), options).unwrap().2 == expected);
}

#[test]
fn a_disk_that_does_not_map_is_written_to_by_calls() {
    let disk = MemDisk::default();
    let (log, ..) = open(&disk);
    for _ in 0..40 {
        write_one(&log, &[1; 1000]);
        assert!(!is_in_a_window(&log));
    }
    assert_eq!(open(&disk.kill()).2.len(), 40);
}

#[test]
fn always_writes_by_calls_and_takes_windows_again_when_it_ends() {
    let disk = mapped_disk();
    let (log, ..) = try_open(&disk, LogOptions { fsync: AppendFsync::Always, ..options() }).unwrap();
    for _ in 0..9 {
        write_one(&log, b"by a call");
    }
    assert!(!is_in_a_window(&log));
    log.set_fsync(AppendFsync::Everysec);
    for _ in 0..2 {
        write_one(&log, b"by a copy");
    }
    assert!(is_in_a_window(&log));
    assert_eq!(open(&disk.kill()).2.len(), 11);
}

#[test]
fn a_full_disk_takes_all_that_was_reserved_through_windows() {
    let rng = SeededRng::new(11);
    let mut in_windows = 0;
    for capacity in (24..160).step_by(16) {
        let disk = mapped_disk();
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
            if rng.below(2) == 0 {
                log.write().unwrap();
                in_windows += u32::from(is_in_a_window(&log));
            }
        }
        log.sync().unwrap();
        assert_eq!(log.failed(), None);
        assert_eq!(open(&disk.kill()).2, expected);
    }
    assert!(in_windows > 20, "{in_windows} writes");
}

/// Appends, writes, syncs and closes until done or frozen. Returns what was appended and how much of it was written and
/// how much durable, for all that was answered.
fn work(disk: &MemDisk, seed: u64) -> (Vec<Vec<u8>>, usize, usize) {
    let (mut appended, mut written, mut durable) = (Vec::new(), 0, 0);
    let rng = SeededRng::new(seed);
    let Ok((log, ..)) = try_open(disk, options()) else { return (appended, 0, 0) };
    for step in 0..60 {
        let length = if rng.below(9) == 0 { rng.below(6000) } else { rng.below(300) };
        let record = vec![step; usize::try_from(length).unwrap()];
        if log.reserve(length).is_err() {
            break;
        }
        log.append(&record, length);
        appended.push(record);
        let done = match rng.below(6) {
            0..=2 => log.write().map(drop),
            3 => log.sync().map(drop),
            _ => Ok(()),
        };
        // A copy into memory does not tell that the machine has stopped; nobody was answered then.
        if done.is_err() || disk.is_frozen() {
            return (appended, written, durable);
        }
        written = usize::try_from(log.written()).unwrap();
        durable = usize::try_from(log.durable()).unwrap();
    }
    let _ = log.close();
    (appended, written, durable)
}

#[test]
fn a_crash_at_any_change_or_sync_loses_nothing_that_was_promised() {
    for seed in 0..6 {
        let whole = mapped_disk();
        assert_eq!(work(&whole, seed).0.len(), 60);
        let changes = (1..=whole.changes()).map(CrashPoint::Change);
        for crash in changes.chain((1..=whole.syncs()).map(CrashPoint::Sync)) {
            for cuts_power in [false, true] {
                let disk = mapped_disk();
                disk.set_faults(Faults { crash: Some(crash), ..Faults::default() });
                let (appended, written, durable) = work(&disk, seed);
                let (disk, promised) =
                    if cuts_power { (disk.power_cut(seed), durable) } else { (disk.kill(), written) };
                let (_, _, records) = open(&disk);
                assert!(records.len() >= promised, "{crash:?}: {} of {promised}", records.len());
                assert!(records.len() <= appended.len() && records == appended[..records.len()], "{crash:?}");
            }
        }
    }
}

#[test]
fn no_window_is_left_when_a_log_is_closed() {
    let disk = mapped_disk();
    let (log, ..) = open(&disk);
    for _ in 0..3 {
        write_one(&log, b"record");
    }
    assert!(disk.mappings() > 0);
    log.close().unwrap();
    assert_eq!(disk.mappings(), 0);
}

const CHILD_DIR: &str = "RAMEKIN_TEST_CHILD_DIR";
/// Whether the file system is one that is mapped; if not, the writes of the child are all calls.
const CHILD_MAPS: &str = "RAMEKIN_TEST_CHILD_MAPS";
/// Whether the child has the disk in the way of other systems than Linux.
const CHILD_PORTABLE: &str = "RAMEKIN_TEST_CHILD_PORTABLE";

fn real_disk(dir: &Path, portable: bool) -> OsDisk {
    if portable { OsDisk::open_portable(dir).unwrap() } else { OsDisk::open(dir).unwrap() }
}

fn open_real(dir: &Path, portable: bool, count: &mut u64) -> Log {
    let options = LogOptions { threads: true, fsync: AppendFsync::No, segment_bytes: 8 << 20, ..options() };
    let mut apply = |lsn: Lsn, record: &[u8]| {
        assert_eq!(record, numbered(lsn));
        *count += 1;
        Ok(())
    };
    let disk = Arc::new(real_disk(dir, portable));
    Log::open(disk, Arc::new(OsClock::default()), options, &mut apply).unwrap().0
}

fn numbered(lsn: Lsn) -> Vec<u8> {
    lsn.to_le_bytes().repeat(usize::try_from(lsn % 40).unwrap())
}

#[test]
fn a_real_process_killed_without_a_sync_loses_nothing_that_it_wrote() {
    for portable in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let written = written_until_killed(dir.path(), portable);
        let mut count = 0;
        // What one system wrote another reads.
        drop(open_real(dir.path(), !portable, &mut count));
        assert_eq!(count, written);
        assert!(std::fs::exists(dir.path().join(segment::name(1, 2))).unwrap(), "over several segments");
    }
}

/// The number of the last record that a process wrote before it was killed.
fn written_until_killed(dir: &Path, portable: bool) -> Lsn {
    let probe = real_disk(dir, portable).create("probe").unwrap();
    probe.allocate(4096).unwrap();
    let is_mapped = probe.map(0, 4096).is_some();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "log::tests::windows::child_that_is_killed"])
        .env(CHILD_DIR, dir)
        .env(CHILD_MAPS, is_mapped.to_string())
        .env(CHILD_PORTABLE, portable.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let written = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("wrote ")?.1.to_owned()));
    child.kill().unwrap();
    child.wait().unwrap();
    written.expect("the child tells what it wrote").parse().unwrap()
}

#[test]
#[ignore = "it is the process that another test kills"]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let log = open_real(Path::new(&dir), is_set(CHILD_PORTABLE), &mut 0);
    let in_windows_min = if is_set(CHILD_MAPS) { 50_000 } else { 0 };
    let (mut lsn, mut in_windows) = (0, 0);
    while lsn < 200_000 || in_windows < in_windows_min {
        lsn += 1;
        let record = numbered(lsn);
        assert_eq!(write_one(&log, &record), lsn);
        in_windows += u64::from(is_in_a_window(&log));
    }
    writeln!(std::io::stdout(), "wrote {lsn}").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

fn is_set(name: &str) -> bool {
    std::env::var(name).unwrap() == "true"
}
