//! How long questions about tags take: a million keys, of which half have one tag and a hundred another.
//!
//! `cargo run --profile quick -p ramekin --example tags -- [KEYS]`
//!
//! Each figure is the median of many calls from one thread, in a folder that is removed at the end. `memory per tagged key`
//! is what the process grew by while every second key was tagged.

use ramekin::{Caller, Collector, Database, Error, Reply, Response, command};
use std::time::{Duration, Instant};

/// The allocator of the server's binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keys with the rare tag.
const RARE: u64 = 100;
const CALLS: usize = 301;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |keys| keys.parse())?;
    let dir = std::env::temp_dir().join(format!("ramekin-tags-{}", std::process::id()));
    let measured = measure(&dir, keys);
    std::fs::remove_dir_all(&dir)?;
    Ok(measured?)
}

fn measure(dir: &std::path::Path, keys: u64) -> Result<(), Error> {
    let db = Database::open(dir)?;
    for number in 0..keys {
        db.set(&key(number), b"some bytes that are a value")?;
    }
    let set_plain = median(|round| db.set(&key(round), b"some bytes that are a value"))?;
    let before = resident_bytes();
    let begun = now();
    for number in (0..keys).step_by(2) {
        db.execute(&[b"TAG.ADD", &key(number), b"half"])?;
    }
    let tagged = keys.div_ceil(2);
    println!("{:<44} {:>9.0} keys/s", "TAG.ADD of one tag", rate(tagged, begun.elapsed()));
    let grown = resident_bytes().saturating_sub(before);
    println!("{:<44} {:>9} bytes", "memory per tagged key", grown / tagged);
    for number in 0..RARE {
        db.execute(&[b"TAG.ADD", &key(number * (keys / RARE)), b"rare"])?;
    }
    let set_tagged = median(|round| db.set(&key(round), b"some bytes that are a value"))?;
    show("SET before there were tags", set_plain);
    show("SET of keys with and without tags", set_tagged);
    ask(&db, &["TAG.KEYS", "ANY", "rare"])?;
    ask(&db, &["TAG.KEYS", "ALL", "half", "rare"])?;
    ask(&db, &["TAG.COUNT", "ANY", "half"])?;
    ask(&db, &["TAG.COUNT", "ALL", "half", "rare"])?;
    ask(&db, &["TAG.LIST", "WITHCOUNTS"])?;
    ask(&db, &["TAG.KEYS", "ANY", "half", "LIMIT", "0", "100"])?;
    ask(&db, &["TAG.KEYS", "ANY", "half", "LIMIT", "200000", "100"])?;
    db.close()
}

fn key(number: u64) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

/// Asks as a connection does, and prints how long that takes and how much comes back.
fn ask(db: &Database, words: &[&str]) -> Result<(), Error> {
    let args: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let command = command::find(args[0]).expect("it is a command of the engine");
    let mut answer = None;
    let took = median(|_| {
        let mut out = Collector::new();
        db.run(&mut Caller::at(db.now_ms()), command, &args, &mut out as &mut dyn Reply);
        answer = out.into_response();
        Ok(())
    })?;
    let size = match answer {
        Some(Response::Int(count)) => count.to_string(),
        Some(Response::Array(items)) => format!("{} keys", items.len()),
        Some(Response::Map(pairs)) => format!("{} tags", pairs.len()),
        _ => String::new(),
    };
    show(&format!("{} => {size}", words.join(" ")), took);
    Ok(())
}

fn show(what: &str, took: Duration) {
    println!("{what:<44} {:>9.4} ms", took.as_secs_f64() * 1e3);
}

fn median(mut call: impl FnMut(u64) -> Result<(), Error>) -> Result<Duration, Error> {
    let mut times = Vec::with_capacity(CALLS);
    for round in 0..CALLS as u64 {
        let begun = now();
        call(round)?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[CALLS / 2])
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// What the process has in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096
}
