//! What judging a record of ten fields costs, for clauses of several kinds.
//!
//! `cargo run --profile quick -p ramekin --example judge`

use ramekin::query::{Clause, Limits, Row};
use ramekin::value::json::Json;
use std::hint::black_box;

const RECORD: &str = r#"{"id": 17, "state": "ringing", "caller": "+44 20 7946 0018", "callee": "+44 20 7946 0952", "seconds": 12,
    "score": 10234.50, "queue": {"name": "support", "position": 3}, "tags": ["vip", "callback"], "recorded": true,
    "begun": "2026-11-21T08:30:15.250Z"}"#;

const CLAUSES: [&str; 10] = [
    "data->>'state' = 'ringing'",
    "data->>'state' = 'ended'",
    "data->'score' > 10000",
    "data->'seconds' = 12",
    "(data->>'seconds')::int >= 10",
    "data->'queue'->>'name' = 'support' AND data->'queue'->'position' < 5",
    "data->>'state' IN ('idle', 'ringing', 'held')",
    "data->>'caller' LIKE '+44%18'",
    "data @> '{\"tags\": [\"vip\"]}'",
    "(data->>'begun')::timestamptz > '2026-01-01'",
];

const ROUNDS: u32 = 2_000_000;

#[expect(clippy::disallowed_methods, reason = "measures")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let record = Json::parse(RECORD.as_bytes())?;
    for text in CLAUSES {
        let clause = Clause::parse(text, &Limits::default())?;
        let best = (0..5).map(|_| {
            let begun = std::time::Instant::now();
            for _ in 0..ROUNDS {
                let row = Row { key: b"c-17", data: black_box(&record).root(), expire_at_ms: None };
                black_box(clause.matches(&row));
            }
            begun.elapsed() / ROUNDS
        });
        println!("{:>6} ns  {text}", best.min().unwrap_or_default().as_nanos());
    }
    let begun = std::time::Instant::now();
    for _ in 0..20_000 {
        black_box(Clause::parse(black_box(CLAUSES[5]), &Limits::default())?);
    }
    println!("{:>6} ns  to read: {}", (begun.elapsed() / 20_000).as_nanos(), CLAUSES[5]);
    Ok(())
}
