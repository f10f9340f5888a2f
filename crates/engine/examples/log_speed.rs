//! Prints what the log costs: reserving and appending, writing a group, and a commit with `always`.
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
    let (mut appending, mut writing) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..GROUPS {
        let start = clock.monotonic();
        for _ in 0..GROUP {
            log.reserve(100)?;
            log.append(&record, 100);
        }
        let middle = clock.monotonic();
        log.write()?;
        appending += middle - start;
        writing += clock.monotonic() - middle;
    }
    println!(
        "reserve + append, 100 bytes: {:.1} ns",
        appending.as_secs_f64() * 1e9 / f64::from(GROUP * GROUPS)
    );
    println!("write of {GROUP} records: {:.2} us", writing.as_secs_f64() * 1e6 / f64::from(GROUPS));
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
    Ok(())
}

fn bare_write(disk: &dyn Disk, clock: &dyn Clock) -> Result<f64, Box<dyn std::error::Error>> {
    let file = disk.create("bare")?;
    file.allocate(64 << 20)?;
    let bytes = [0x5a; 104 * GROUP as usize + 56];
    let start = clock.monotonic();
    for number in 0..GROUPS {
        file.write_at(u64::from(number) * bytes.len() as u64, &bytes)?;
    }
    let took = clock.monotonic() - start;
    disk.remove("bare")?;
    Ok(took.as_secs_f64() / f64::from(GROUPS))
}
