//! What queries cost in memory: a million records of ten fields, with an index and without.
//!
//! `cargo run --profile release -p ramekin --example ask [records]`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people")]

use ramekin::{Database, Options, Response};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn run(db: &Database, words: &[&str]) -> Response {
    let args: Vec<_> = words.iter().map(|word| word.as_bytes()).collect();
    db.execute(&args).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn time(db: &Database, what: &str, words: &[&str]) {
    let mut times = Vec::new();
    let mut answer = Response::Null;
    for _ in 0..9 {
        let begun = Instant::now();
        answer = run(db, words);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let rows = match answer {
        Response::Array(rows) => rows.len().to_string(),
        Response::Int(count) => count.to_string(),
        other => format!("{other:?}"),
    };
    println!("{what}: {:?}, {rows}", times[4]);
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn main() {
    let records: u64 = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1_000_000);
    let db = Database::memory(&Options::default()).unwrap();
    run(&db, &["TABLE.CREATE", "calls"]);
    let put = |from: u64| {
        let begun = Instant::now();
        for n in from..from + records {
            let state = if n % 100 == 0 {
                "ringing"
            } else {
                ["idle", "held", "done"][usize::try_from(n % 3).unwrap()]
            };
            let text = format!(
                "{{\"state\": \"{state}\", \"score\": {}, \"seconds\": {}, \"caller\": \"+44{n:09}\", \"agent\": \"agent-{}\", \"queue\": \"q{}\", \
                 \"flag\": {}, \"cost\": {}.25, \"at\": \"2026-11-21T08:30:00Z\", \"note\": \"some words about it\"}}",
                n.wrapping_mul(2_654_435_761) % 1_000_003,
                n % 3600,
                n % 500,
                n % 20,
                n % 2 == 0,
                n % 90
            );
            run(&db, &["TABLE.PUT", "calls", &format!("c-{n}"), &text]);
        }
        println!(
            "{:.0} ns a TABLE.PUT",
            begun.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(records).unwrap())
        );
    };
    put(0);
    let clause = "WHERE data->>'state' = 'ringing'";
    let range = "WHERE data->'score' > 500000 ORDER BY data->'score' LIMIT 100";
    time(&db, "1% of the records, no index", &["QUERY", "calls", clause]);
    time(&db, "their number, no index", &["QUERY", "calls", "COUNT", clause]);
    time(&db, "a range in order, no index", &["QUERY", "calls", range]);
    let begun = Instant::now();
    run(&db, &["INDEX.CREATE", "by_state", "ON", "calls", "(data->>'state')"]);
    run(&db, &["INDEX.CREATE", "by_score", "ON", "calls", "(data->'score')"]);
    println!("two indexes built in {:?}", begun.elapsed());
    time(&db, "1% of the records, index", &["QUERY", "calls", clause]);
    time(&db, "their number, index", &["QUERY", "calls", "COUNT", clause]);
    time(&db, "a range in order, index", &["QUERY", "calls", range]);
    put(records);
}
