//! What records and strings cost with each method of compression, in memory, on disk and in work, compared with none.
//!
//! `cargo run --profile quick -p ramekin --example compression -- [--records N] [--rounds N]`
//!
//! Each method has a process of its own. Records have ten fields, 227 bytes of JSON on average. The work is the processor time of
//! this process, all threads, for putting all records, then for rounds of one put and one get of a random record each; the
//! calls are those of an embedder, without a network, so that the share of compression is the largest there is.

use ramekin::{Compression, Database, Error, Response};
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a process found: bytes and nanoseconds a record.
const FIGURES: [&str; 5] =
    ["resident bytes", "log bytes", "ns a put, fresh", "ns a put and a get", "ns a get"];

fn main() -> ExitCode {
    let (mut records, mut rounds, mut method) = (1_000_000, 1_000_000, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let number = args.next();
        match (arg.as_str(), number.as_deref().and_then(|text| text.parse().ok())) {
            ("--records", Some(number)) => records = number,
            ("--rounds", Some(number)) => rounds = number,
            ("--method", _) => method = number.as_deref().and_then(Compression::named),
            _ => return complain(&format!("unknown argument {arg}")),
        }
    }
    let done = match method {
        Some(method) => measure(method, records, rounds).map_err(|error| error.to_string()),
        None => compare(records, rounds),
    };
    done.map_or_else(|text| complain(&text), |()| ExitCode::SUCCESS)
}

fn complain(text: &str) -> ExitCode {
    eprintln!("compression: {text}");
    ExitCode::FAILURE
}

/// Runs a process for each method and prints what they found, and that to what the first found.
fn compare(records: u64, rounds: u64) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut first: Option<Vec<f64>> = None;
    println!("{:8}{}", "", FIGURES.map(|name| format!("{name:>28}")).concat());
    for method in
        [Compression::None, Compression::Lz4, Compression::Zstd].into_iter().filter(|it| it.is_there())
    {
        let output = std::process::Command::new(&own)
            .args([
                "--method",
                method.name(),
                "--records",
                &records.to_string(),
                "--rounds",
                &rounds.to_string(),
            ])
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let found: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        if found.len() != FIGURES.len() {
            return Err(format!("{}: {}", method.name(), String::from_utf8_lossy(&output.stderr)));
        }
        let base = first.get_or_insert_with(|| found.clone());
        let cells =
            found.iter().zip(&*base).map(|(value, base)| format!("{value:>20.0} {:>6.2}x", value / base));
        println!("{:8}{}", method.name(), cells.collect::<String>());
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn measure(method: Compression, records: u64, rounds: u64) -> Result<(), Error> {
    let dir = std::env::temp_dir().join(format!("ramekin-compression-{}", std::process::id()));
    let before = resident_bytes();
    let db = Database::open(&dir)?;
    db.set_compression(method);
    let (mut seed, fresh) = (7, cpu_ns());
    for number in 0..records {
        put(&db, number, &mut seed)?;
    }
    let fresh = cpu_ns() - fresh;
    let resident = resident_bytes().saturating_sub(before);
    let log: u64 = db.log_stats().map_or(0, |stats| stats.written_bytes);
    let mixed = cpu_ns();
    for _ in 0..rounds {
        let (one, other) = (draw(&mut seed) % records, draw(&mut seed) % records);
        put(&db, one, &mut seed)?;
        get(&db, other)?;
    }
    let mixed = cpu_ns() - mixed;
    let read = cpu_ns();
    for _ in 0..rounds {
        let number = draw(&mut seed) % records;
        get(&db, number)?;
    }
    let read = cpu_ns() - read;
    let of = |sum: u64, count: u64| sum as f64 / count.max(1) as f64;
    println!(
        "{} {} {} {} {}",
        of(resident, records),
        of(log, records),
        of(fresh, records),
        of(mixed, rounds),
        of(read, rounds)
    );
    db.close()?;
    let _ = std::fs::remove_dir_all(&dir);
    Ok(())
}

fn put(db: &Database, number: u64, seed: &mut u64) -> Result<(), Error> {
    let mut text = String::new();
    record(number, seed, &mut text);
    db.execute(&[b"TABLE.PUT", b"orders", number.to_string().as_bytes(), text.as_bytes()]).map(drop)
}

fn get(db: &Database, number: u64) -> Result<(), Error> {
    let response = db.execute(&[b"TABLE.GET", b"orders", number.to_string().as_bytes()])?;
    assert!(matches!(response, Response::Bulk(_)), "every record is there");
    Ok(())
}

/// A record as people have them: numbers, names, a state, times, a short nested object.
fn record(number: u64, seed: &mut u64, out: &mut String) {
    const FIRST: [&str; 8] = ["Anna", "Bernd", "Clara", "David", "Emma", "Felix", "Greta", "Hans"];
    const LAST: [&str; 8] =
        ["Mueller", "Schmidt", "Schneider", "Fischer", "Weber", "Meyer", "Wagner", "Becker"];
    const STATE: [&str; 5] = ["active", "pending", "cancelled", "completed", "refunded"];
    const CITY: [&str; 8] =
        ["Berlin", "Hamburg", "Munich", "Cologne", "Frankfurt", "Stuttgart", "Leipzig", "Dresden"];
    let mut pick = |count: u64| draw(seed) % count;
    let [first, last, state, city] = [8, 8, 5, 8].map(|count| usize::try_from(pick(count)).unwrap_or(0));
    let _ = write!(
        out,
        r#"{{"id":{number},"name":"{} {}","state":"{}","amount":{}.{:02},"quantity":{},"created_at":"2026-{:02}-{:02}T{:02}:{:02}:{:02}Z","updated_at":{},"active":{},"score":{},"address":{{"city":"{}","zip":"{:05}","country":"DE"}}}}"#,
        FIRST[first],
        LAST[last],
        STATE[state],
        pick(5000),
        pick(100),
        pick(50),
        1 + pick(12),
        1 + pick(28),
        pick(24),
        pick(60),
        pick(60),
        1_790_000_000 + pick(10_000_000),
        pick(2) == 0,
        pick(1000),
        CITY[city],
        pick(100_000),
    );
}

/// Xorshift (Marsaglia).
fn draw(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap_or(0)
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kilobytes: u64 = line.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0);
    kilobytes * 1024
}
