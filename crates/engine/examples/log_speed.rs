//! Prints what the log costs, as medians: reserving and appending, writing a group, and a commit with `always`.
//!
//! `cargo run --profile quick --example log_speed [DIR]`; the folder (default: a new temporary one) tells the disk.

use ramekin::io::os::{OsClock, OsDisk};
use ramekin::io::{Clock, Disk};
use ramekin::log::{Log, LogOptions};
use std::sync::Arc;
use std::time::Duration;

const GROUP: u32 = 100;
const GROUPS: u32 = 5_000;
const COMMITS: u32 = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let dir =
        std::env::args().nth(1).map_or_else(|| temporary.path().to_path_buf(), std::path::PathBuf::from);
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
