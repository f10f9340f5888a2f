//! How many rows a second settle: batches of records and of short strings, each in a synced transaction.
//!
//! `cargo run --profile quick -p ramekin-sqlite --example sqlite_rate [FOLDER] [ROWS]`
//!
//! Keys come in their order, as those with a time or a number in front do, or scattered over all that there are, which is the
//! worst that can be: then nearly each row of a small batch is in a page of its own. Half of the batches make new rows, the
//! other half write again rows that are there. Run it on the disk that is meant; the first line is what one sync takes there.

#![expect(clippy::disallowed_methods, reason = "what it takes is what it is about")]

use ramekin::store::{Batch, Change, Claim, Content, Expect, Place, Store, StoreError, Table};
use ramekin_sqlite::SqliteStore;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let rows: u64 = args.next().map_or(Ok(1_000_000), |rows| rows.parse())?;
    let folder = tempfile::tempdir_in(folder)?;
    println!(
        "a write of 4 KiB with fdatasync takes {:.2} ms",
        sync_takes(folder.path())?.as_secs_f64() * 1e3
    );
    println!(
        "{:>8} {:>10} {:>8} {:>12} {:>14} {:>12}",
        "rows of", "keys", "a batch", "new rows/s", "rows again/s", "a batch ms"
    );
    for what in [What::Records, What::Strings] {
        for keys in [Keys::InOrder, Keys::Scattered] {
            for batch in [1_000, 10_000] {
                let path = folder.path().join(format!("{what:?}-{keys:?}-{batch}.db"));
                measure(&SqliteStore::open(path), what, keys, batch, rows)?;
            }
        }
    }
    Ok(())
}

fn sync_takes(folder: &Path) -> std::io::Result<Duration> {
    const TIMES: u32 = 50;
    let mut file = std::fs::File::create(folder.join("sync"))?;
    let begun = Instant::now();
    for _ in 0..TIMES {
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
    }
    Ok(begun.elapsed() / TIMES)
}

#[derive(Clone, Copy, Debug)]
enum What {
    Records,
    Strings,
}

#[derive(Clone, Copy, Debug)]
enum Keys {
    InOrder,
    Scattered,
}

fn measure(store: &SqliteStore, what: What, keys: Keys, batch: u64, rows: u64) -> Result<(), Failed> {
    let mut connection = store.connect()?;
    let claim = Claim {
        database_id: 1,
        epoch: 0,
        owner: "sqlite_rate".to_owned(),
        lanes: 1,
        takes_over: false,
        read_only: false,
    };
    let epoch = connection.claim(&claim)?.epoch;
    let table = Table { name: "calls".into(), stored_as: None, key_column: None, data_column: None };
    connection.define(&table)?;
    let place = match what {
        What::Records => Place::Table(table.name),
        What::Strings => Place::Keys(0),
    };
    let count = rows / batch;
    let mut sequence = 0;
    let mut run = |first: u64| -> Result<Duration, StoreError> {
        let mut took = Duration::ZERO;
        for at in 0..count {
            sequence += 1;
            let numbers = (0..batch).map(|i| keys.nth(at * batch + i));
            let mut changes: Vec<Change> = numbers.map(|number| change(&place, number, first + at)).collect();
            changes.sort_by(|a, b| a.key.cmp(&b.key));
            let batch = Batch { lane: 0, epoch, sequence, watermark: sequence, changes };
            let begun = Instant::now();
            let conflicts = connection.apply(&batch)?;
            took += begun.elapsed();
            assert!(conflicts.is_empty(), "every change is new");
        }
        Ok(took)
    };
    let (new, again) = (run(1)?, run(1 + count)?);
    let rate = |took: Duration| (count * batch) as f64 / took.as_secs_f64();
    let each_ms = (new + again).as_secs_f64() * 1e3 / (2 * count) as f64;
    let (what, keys) = (format!("{what:?}"), format!("{keys:?}"));
    println!("{what:>8} {keys:>10} {batch:>8} {:>12.0} {:>14.0} {each_ms:>12.1}", rate(new), rate(again));
    Ok(())
}

impl Keys {
    /// Numbers, each once.
    fn nth(self, number: u64) -> u64 {
        match self {
            Self::InOrder => number,
            Self::Scattered => number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }
}

/// A row of about 100 bytes.
fn change(place: &Place, number: u64, version: u64) -> Change {
    let content = match place {
        Place::Table(_) => Content::Record(format!(
            r#"{{"state":"ringing","from":"+49301234567","to":"+4940{:07}","seconds":{version},"agent":"ada"}}"#,
            number % 10_000_000
        )),
        Place::Keys(_) => Content::Whole(0, format!("{version:0>100}").into_bytes()),
    };
    Change {
        place: place.clone(),
        key: format!("call:{number:016x}").into_bytes(),
        version,
        expire_at_ms: 0,
        content,
        expect: Expect::Any,
        tags: None,
    }
}
