//! GET and SET without a server: one thread, a million keys, values of 64 bytes, the log on with `everysec`.
//!
//! `cargo run --release -p ramekin --example inprocess -- [--json] [--dir DIR] [--seconds S]`
//!
//! Call by call, each SET has reached the operating system when it returns; in batches, sixteen are handed over together
//! and only then count as done, as with a pipeline to the server.

use ramekin::command::{self, Command};
use ramekin::{Caller, Database, Error, Reply};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const KEYS: u64 = 1_000_000;
const VALUE: [u8; 64] = [b'v'; 64];
const BATCH: usize = 16;
/// Calls between two looks at the clock.
const STRIDE: u64 = 4096;

/// The allocator of the server's binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut json, mut dir, mut seconds) = (false, None, 2.0);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => json = true,
            "--dir" => dir = args.next().map(PathBuf::from),
            "--seconds" => seconds = args.next().unwrap_or_default().parse()?,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let dir =
        dir.unwrap_or_else(|| std::env::temp_dir().join(format!("ramekin-inprocess-{}", std::process::id())));
    if dir.exists() {
        return Err(format!(
            "{} exists: name a folder that is not there yet, it is removed at the end",
            dir.display()
        )
        .into());
    }
    let figures = measure(&dir, Duration::from_secs_f64(seconds));
    std::fs::remove_dir_all(&dir)?;
    print_figures(&figures?, json);
    Ok(())
}

/// Operations a second, each under its name.
fn measure(dir: &std::path::Path, length: Duration) -> Result<Vec<(&'static str, f64)>, Error> {
    let db = Database::open(dir)?;
    for number in 0..KEYS {
        db.set(&key(number), &VALUE)?;
    }
    let mut keys = Keys(1);
    let figures = vec![
        (
            "get_per_second",
            rate(length, 1, || {
                let value = db.get(&keys.next())?;
                assert_eq!(value.map(|value| value.len()), Some(VALUE.len()), "every key is there");
                Ok(())
            })?,
        ),
        ("set_per_second", rate(length, 1, || db.set(&keys.next(), &VALUE))?),
        ("get_batched_per_second", batched(&db, length, "get", &[], &mut keys)?),
        ("set_batched_per_second", batched(&db, length, "set", &[&VALUE], &mut keys)?),
    ];
    db.close()?;
    Ok(figures)
}

/// Runs batches of one command on random keys, with their entries prefetched.
fn batched(
    db: &Database,
    length: Duration,
    name: &str,
    rest: &[&[u8]],
    keys: &mut Keys,
) -> Result<f64, Error> {
    let command: &Command = command::find(name.as_bytes()).expect("a command that every database has");
    let mut caller = Caller::default();
    let mut sink = Sink(0);
    let rate = rate(length, BATCH as u64, || {
        let batch: [[u8; 16]; BATCH] = std::array::from_fn(|_| keys.next());
        let hashes = batch.map(|key| db.hash(&key));
        let prefetch = db.prefetch(caller.db);
        hashes.iter().for_each(|&hash| prefetch.bucket(hash));
        let far = hashes.map(|hash| prefetch.entry(hash).then_some(hash));
        far.iter().flatten().for_each(|&hash| prefetch.far_entry(hash));
        caller.now_ms = db.now_ms();
        for key in &batch {
            let args = [name.as_bytes(), key, rest.first().copied().unwrap_or_default()];
            db.run(&mut caller, command, &args[..2 + rest.len()], &mut sink);
        }
        db.write_log()
    })?;
    assert!(sink.0 > 0, "commands have answered");
    Ok(rate)
}

/// Calls until the time is over; operations a second, at `each` a call.
#[expect(clippy::disallowed_methods, reason = "the measure of a benchmark is the real clock")]
#[expect(clippy::cast_precision_loss, reason = "a count of calls is far below 2^52")]
fn rate(length: Duration, each: u64, mut call: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    for _ in 0..STRIDE {
        call()?;
    }
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed() < length {
        for _ in 0..STRIDE {
            call()?;
        }
        calls += STRIDE;
    }
    Ok((calls * each) as f64 / start.elapsed().as_secs_f64())
}

/// Random keys, by splitmix64.
struct Keys(u64);

impl Keys {
    fn next(&mut self) -> [u8; 16] {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        key((mixed ^ (mixed >> 31)) % KEYS)
    }
}

fn key(mut number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    for digit in key.iter_mut().rev() {
        if number == 0 {
            break;
        }
        *digit = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
    }
    key
}

/// Takes answers and keeps only how many bytes and values they had.
struct Sink(u64);

impl Reply for Sink {
    fn resp3(&self) -> bool {
        false
    }
    fn simple(&mut self, text: &str) {
        self.0 += text.len() as u64;
    }
    fn error(&mut self, text: &str) {
        panic!("no command here is refused: {text}");
    }
    fn int(&mut self, _: i64) {
        self.0 += 1;
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.0 += bytes.len() as u64;
    }
    fn null(&mut self) {
        panic!("every key is there");
    }
    fn null_array(&mut self) {}
    fn array(&mut self, _: usize) {}
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn push(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
}

fn print_figures(figures: &[(&'static str, f64)], json: bool) {
    if json {
        let fields: Vec<String> =
            figures.iter().map(|(name, rate)| format!("\"{name}\": {rate:.0}")).collect();
        println!("{{{}}}", fields.join(", "));
        return;
    }
    for (name, rate) in figures {
        println!("{name:24} {rate:>12.0}");
    }
}
