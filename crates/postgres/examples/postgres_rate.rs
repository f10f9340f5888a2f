//! How many rows a second settle, and how long a key takes to come back.
//!
//! `cargo run --profile quick -p ramekin-postgres --example postgres_rate URL [ROWS]`, or `bench/settle`, which starts a server
//! and puts a client in Python beside it.
//!
//! Keys are spread at random over all that there are, as a hash deals them to a lane: half of the batches make new rows, the
//! other half write again rows that are there.

#![expect(clippy::disallowed_methods, reason = "what it takes is what it is about")]

use ramekin::store::{Batch, Change, Claim, Connection, Content, Expect, Place, Store, StoreError, Table};
use ramekin_postgres::PostgresStore;
use std::time::{Duration, Instant};

type Failed = Box<dyn std::error::Error>;

/// How many single keys are asked for.
const LOADS: u64 = 5_000;

fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("which server? postgres_rate URL [ROWS]")?;
    let rows: u64 = args.next().map_or(Ok(100_000), |rows| rows.parse())?;
    let store = PostgresStore::new(&url)?;
    let mut connection = store.connect()?;
    let claim = Claim {
        database_id: 1,
        epoch: 0,
        owner: "postgres_rate".to_owned(),
        lanes: 1,
        takes_over: true,
        read_only: false,
    };
    let claimed = connection.claim(&claim)?;
    let mut run = Run {
        connection,
        epoch: claimed.epoch,
        sequence: claimed.lanes[0].sequence,
        version: claimed.version,
    };
    println!(
        "{:>8} {:>8} {:>12} {:>14} {:>12}",
        "rows of", "a batch", "new rows/s", "rows again/s", "a batch ms"
    );
    for size in [1_000, 5_000, 10_000] {
        let table = Table {
            name: format!("calls_{size}").into(),
            stored_as: None,
            key_column: None,
            data_column: None,
        };
        run.connection.define(&table)?;
        run.measure("records", &Place::Table(table.name), size, rows)?;
    }
    for (database, size) in [(0, 1_000), (1, 10_000)] {
        run.measure("strings", &Place::Keys(database), size, rows)?;
    }
    run.loads(&Place::Table("calls_1000".into()), rows)
}

struct Run {
    connection: Box<dyn Connection>,
    epoch: u64,
    sequence: u64,
    version: u64,
}

impl Run {
    fn measure(&mut self, name: &str, place: &Place, size: u64, rows: u64) -> Result<(), StoreError> {
        let count = (rows / size).max(1);
        let (new, again) = (self.batches(place, size, count)?, self.batches(place, size, count)?);
        let rate = |took: Duration| (count * size) as f64 / took.as_secs_f64();
        let each_ms = (new + again).as_secs_f64() * 1e3 / (2 * count) as f64;
        println!("{name:>8} {size:>8} {:>12.0} {:>14.0} {each_ms:>12.1}", rate(new), rate(again));
        Ok(())
    }

    fn batches(&mut self, place: &Place, size: u64, count: u64) -> Result<Duration, StoreError> {
        let mut took = Duration::ZERO;
        for at in 0..count {
            self.sequence += 1;
            self.version += 1;
            let numbers = (0..size).map(|i| scattered(at * size + i));
            let mut changes: Vec<Change> =
                numbers.map(|number| change(place, number, self.version)).collect();
            changes.sort_by(|a, b| a.key.cmp(&b.key));
            let (epoch, sequence) = (self.epoch, self.sequence);
            let batch = Batch { lane: 0, epoch, sequence, watermark: self.version, changes };
            let begun = Instant::now();
            let conflicts = self.connection.apply(&batch)?;
            took += begun.elapsed();
            assert!(conflicts.is_empty(), "every change is new");
        }
        Ok(took)
    }

    fn loads(&mut self, place: &Place, rows: u64) -> Result<(), Failed> {
        let mut took = Vec::new();
        for at in 0..LOADS {
            let key = key(scattered(at % rows));
            let begun = Instant::now();
            let rows = self.connection.load(&[(place.clone(), key)])?;
            took.push(begun.elapsed());
            assert!(rows[0].is_some(), "the row is there");
        }
        took.sort();
        let us = |at: usize| took[at].as_secs_f64() * 1e6;
        println!(
            "a key takes {:.0} us to come back (p99 {:.0} us)",
            us(took.len() / 2),
            us(took.len() * 99 / 100)
        );
        Ok(())
    }
}

/// Numbers in an order that has nothing to do with theirs, each once.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn key(number: u64) -> Vec<u8> {
    format!("call:{number:016x}").into_bytes()
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
        key: key(number),
        version,
        expire_at_ms: 0,
        content,
        expect: Expect::Any,
        tags: None,
    }
}
