//! `ramekin bench`: load for any server that speaks the Redis protocol, and what it cost that server.
//!
//! It owns the whole run: it parses its own arguments, fills the keyspace if asked, runs one test after the other and
//! prints a line a test. The load is closed-loop, as that of redis-benchmark: a connection sends its next pipeline
//! when the last reply of the one before has come, so latencies are those at the throughput that was reached.
//!
//! What must hold: the generator shares the machine with the server, so a request costs it a few nanoseconds of its own
//! beside the kernel's work; and whatever would make a figure a lie is in the output: error replies, null replies (a
//! GET that found nothing), and how busy the generator itself was.
//!
//! Left out: TLS, cluster mode, an open-loop rate.

mod connection;
mod load;
mod options;
mod ready;
mod reply;
mod report;
mod server_cpu;
mod template;
mod worker;
mod workload;
mod zipf;

use options::{Format, Options};
use template::Numbers;
use workload::Workload;

/// Runs the benchmark that `args` (without the program's name and `bench`) describe, and prints its figures.
///
/// # Errors
///
/// One line that says what is wrong: an option, a server that cannot be reached, a connection that was lost.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let Some(options) = options::parse(args)? else {
        print!("{}", options::HELP);
        return Ok(());
    };
    load::raise_open_files_limit();
    let workloads = workload::of(&options)?;
    if options.fill {
        fill(&options)?;
    }
    let mut report = report::Report::new(options.format);
    for workload in &workloads {
        workload::prepare(workload, &options)?;
        let numbers = match options.zipf {
            Some(exponent) => Numbers::zipf(options.keyspace, exponent, options.seed),
            None => Numbers::random(options.keyspace, options.seed),
        };
        let outcome = load::run(&options, workload, &numbers, &options.limits())?;
        report.add(&workload.name, &outcome);
    }
    report.finish();
    Ok(())
}

/// Writes the whole keyspace once, so that the tests find what they read or change: fields, counters or members for
/// the tests that are about them, keys for all others.
fn fill(options: &Options) -> Result<(), String> {
    let mut names: Vec<&str> = options
        .tests
        .iter()
        .map(|test| match test.as_str() {
            own @ ("hset" | "incr" | "sadd") => own,
            _ => "set",
        })
        .collect();
    if names.is_empty() {
        names.push("set");
    }
    names.sort_unstable();
    names.dedup();
    let filling = Options { pipeline: options.pipeline.max(100), ..options.clone() };
    let limits = load::Limits { requests: Some(options.keyspace), ..load::Limits::default() };
    for name in names {
        let workload = Workload::named(name, options.data_bytes)?;
        let outcome = load::run(&filling, &workload, &Numbers::each_once(options.keyspace), &limits)?;
        if outcome.errors > 0 {
            return Err(format!(
                "--fill: {} {name} requests failed: {}",
                outcome.errors, outcome.first_error
            ));
        }
        if options.format == Format::Text {
            eprintln!("filled by {} {name} requests in {:.2} s", outcome.requests, outcome.seconds);
        }
    }
    Ok(())
}
