//! Prints what the log costs, as medians: reserving and appending, writing a group, one record at a time, and a commit
//! with `always`.
//!
//! `cargo run --profile quick --example log_speed [DIR]`; the folder (default: a new temporary one) tells the disk. With
//! `--tail GIB` it prints instead how long single records take while so much is written, by the mapping and by calls.

use ramekin::Error;
use ramekin::io::os::{OsClock, OsDisk};
use ramekin::io::{Clock, Disk, File};
use ramekin::log::{Log, LogOptions};
use std::sync::Arc;
use std::time::Duration;

const GROUP: u32 = 100;
const GROUPS: u32 = 5_000;
const COMMITS: u32 = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let mut args = std::env::args().skip(1);
    let mut dir = temporary.path().to_path_buf();
    while let Some(arg) = args.next() {
        if arg == "--tail" {
            return tail(args.next().unwrap_or_default().parse()?);
        }
        dir = arg.into();
    }
    let clock = Arc::new(OsClock::default());
    let disk = Arc::new(OsDisk::open(&dir)?);
    let (log, recovery) = Log::open(disk.clone(), clock.clone(), LogOptions::default(), &mut |_, _| Ok(()))?;
    println!("replayed {} records", recovery.records);
    let record = [0x5a; 100];
    let (mut appending, mut writing) = (Vec::new(), Vec::new());
    for _ in 0..GROUPS {
        let start = clock.monotonic();
        for _ in 0..GROUP {
            log.reserve(100)?;
            log.append(&record, 100);
        }
        let middle = clock.monotonic();
        log.write()?;
        appending.push(middle - start);
        writing.push(clock.monotonic() - middle);
    }
    println!("reserve + append, 100 bytes: {:.1} ns", median(appending) * 1e9 / f64::from(GROUP));
    println!("write of {GROUP} records: {:.2} us", median(writing) * 1e6);
    println!("reserve + append + write, 100 bytes: {:.1} ns", one_at_a_time(&log, &*clock)? * 1e9);
    println!("the same bytes by a bare write: {:.2} us", bare_write(&*disk, &*clock)? * 1e6);
    log.sync()?;
    let start = clock.monotonic();
    for _ in 0..COMMITS {
        log.reserve(100)?;
        log.append(&record, 100);
        log.sync()?;
    }
    println!(
        "one commit with a sync: {:.0} us",
        (clock.monotonic() - start).as_secs_f64() * 1e6 / f64::from(COMMITS)
    );
    log.close()?;
    for (name, fills) in [("allocated", false), ("filled with zeros", true)] {
        let (preparing, syncing) = sync_cost(&*disk, &*clock, fills)?;
        println!(
            "64 MiB {name}: {:.1} ms to prepare, then {:.0} us a write and sync",
            preparing * 1e3,
            syncing * 1e6
        );
    }
    Ok(())
}

/// What one record costs that is written at once, in seconds: the median of groups, so that the clock does not count.
fn one_at_a_time(log: &Log, clock: &dyn Clock) -> Result<f64, Box<dyn std::error::Error>> {
    let mut took = Vec::new();
    for _ in 0..GROUPS {
        let start = clock.monotonic();
        for _ in 0..GROUP {
            log.reserve(100)?;
            log.append(&[0x5a; 100], 100);
            log.write()?;
        }
        took.push(clock.monotonic() - start);
    }
    Ok(median(took) / f64::from(GROUP))
}

/// Prints how long single records take while `gib` GiB are written, synced each second: through windows, and, on the same
/// disk with its mapping hidden, by calls. The two take turns, for what else the machine does to be shared.
fn tail(gib: u64) -> Result<(), Box<dyn std::error::Error>> {
    const TURNS: u64 = 4;
    let mut took = [Vec::new(), Vec::new()];
    for turn in 0..TURNS * 2 {
        let temporary = tempfile::tempdir()?;
        let real: Arc<dyn Disk> = Arc::new(OsDisk::open(temporary.path())?);
        let way = usize::from(turn % 2 == 1);
        let disk: Arc<dyn Disk> = if way == 0 { real } else { Arc::new(Unmapped(real)) };
        let clock = Arc::new(OsClock::default());
        let (log, _) = Log::open(disk, clock.clone(), LogOptions::default(), &mut |_, _| Ok(()))?;
        for _ in 0..(gib << 30) / TURNS / 168 {
            let start = clock.monotonic();
            log.reserve(100)?;
            log.append(&[0x5a; 100], 100);
            log.write()?;
            let nanos = (clock.monotonic() - start).as_nanos();
            took[way].push(u32::try_from(nanos).unwrap_or(u32::MAX));
        }
        log.close()?;
    }
    for (name, mut took) in ["mapped", "called"].into_iter().zip(took) {
        took.sort_unstable();
        let at = |part: usize| f64::from(took[took.len() - 1 - took.len() / part]) / 1e3;
        println!(
            "{name}: p50 {:.2}, p99 {:.2}, p99.9 {:.2}, p99.99 {:.2}, max {:.0} us of {} records",
            at(2),
            at(100),
            at(1000),
            at(10_000),
            f64::from(took[took.len() - 1]) / 1e3,
            took.len()
        );
    }
    Ok(())
}

/// A disk whose files cannot be mapped.
struct Unmapped(Arc<dyn Disk>);

struct UnmappedFile(Arc<dyn File>);

impl Disk for Unmapped {
    fn create(&self, name: &str) -> Result<Arc<dyn File>, Error> {
        Ok(Arc::new(UnmappedFile(self.0.create(name)?)))
    }
    fn open(&self, name: &str) -> Result<Arc<dyn File>, Error> {
        Ok(Arc::new(UnmappedFile(self.0.open(name)?)))
    }
    fn list(&self) -> Result<Vec<String>, Error> {
        self.0.list()
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), Error> {
        self.0.remove(name)
    }
    fn sync_dir(&self) -> Result<(), Error> {
        self.0.sync_dir()
    }
}

impl File for UnmappedFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.0.write_at(offset, bytes)
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        self.0.read_at(offset, buf)
    }
    fn len(&self) -> Result<u64, Error> {
        self.0.len()
    }
    fn allocate(&self, bytes: u64) -> Result<(), Error> {
        self.0.allocate(bytes)
    }
    fn set_len(&self, bytes: u64) -> Result<(), Error> {
        self.0.set_len(bytes)
    }
    fn sync_data(&self) -> Result<(), Error> {
        self.0.sync_data()
    }
}

/// What a small write and its sync cost in a file whose space is only allocated, or filled as well. In seconds: the
/// preparation, and the median of the writes.
fn sync_cost(
    disk: &dyn Disk,
    clock: &dyn Clock,
    fills: bool,
) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let file = disk.create("bare")?;
    let start = clock.monotonic();
    file.allocate(64 << 20)?;
    if fills {
        (0..64).try_for_each(|block| file.write_at(block << 20, &vec![0; 1 << 20]))?;
    }
    file.sync_data()?;
    let preparing = clock.monotonic() - start;
    let mut took = Vec::new();
    for number in 0..u64::from(COMMITS) {
        let start = clock.monotonic();
        file.write_at(number * 1000, &[0x5a; 1000])?;
        file.sync_data()?;
        took.push(clock.monotonic() - start);
    }
    disk.remove("bare")?;
    Ok((preparing.as_secs_f64(), median(took)))
}

fn bare_write(disk: &dyn Disk, clock: &dyn Clock) -> Result<f64, Box<dyn std::error::Error>> {
    let file = disk.create("bare")?;
    file.allocate(64 << 20)?;
    let bytes = [0x5a; 104 * GROUP as usize + 56];
    let mut took = Vec::new();
    for number in 0..GROUPS {
        let start = clock.monotonic();
        file.write_at(u64::from(number) * bytes.len() as u64, &bytes)?;
        took.push(clock.monotonic() - start);
    }
    disk.remove("bare")?;
    Ok(median(took))
}

/// In seconds. The mean would tell of other work on the machine.
fn median(mut took: Vec<Duration>) -> f64 {
    took.sort();
    took[took.len() / 2].as_secs_f64()
}
