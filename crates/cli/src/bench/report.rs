//! Prints the figures: a line a test for people, CSV, or JSON.
//!
//! Latencies are microseconds in CSV and JSON, and milliseconds in text, as redis-benchmark's are. CPU time is in
//! microseconds an operation.

use super::load::Outcome;
use super::options::Format;
use std::fmt::Write as _;

const PERCENTILES: [(&str, f64); 4] = [("p50", 50.0), ("p95", 95.0), ("p99", 99.0), ("p99_9", 99.9)];

/// Collects and prints the outcomes of a run.
pub(super) struct Report {
    format: Format,
    objects: Vec<String>,
}

/// One figure under its name, absent where it was not measured.
type Figure = (&'static str, Option<f64>);

impl Report {
    pub(super) fn new(format: Format) -> Report {
        Report { format, objects: Vec::new() }
    }

    /// Takes the outcome of the test `name`; text and CSV are printed at once.
    pub(super) fn add(&mut self, name: &str, outcome: &Outcome) {
        let figures = figures(outcome);
        match self.format {
            Format::Text => println!("{}", text(name, outcome, &figures)),
            Format::Csv => {
                if self.objects.is_empty() {
                    println!("test,{}", figures.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(","));
                }
                println!("{}", csv(name, &figures));
                self.objects.push(String::new());
            }
            Format::Json => self.objects.push(json(name, &outcome.first_error, &figures)),
        }
    }

    /// Prints what could only be printed once all was there.
    pub(super) fn finish(&self) {
        if self.format == Format::Json {
            println!("[{}]", self.objects.join(",\n "));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of a run are far below 2^52")]
fn figures(outcome: &Outcome) -> Vec<Figure> {
    let requests = outcome.requests.max(1) as f64;
    let each = |nanoseconds: u64| nanoseconds as f64 / 1e3 / requests;
    let mut figures: Vec<Figure> = vec![
        ("requests", Some(outcome.requests as f64)),
        ("seconds", Some(outcome.seconds)),
        ("requests_per_second", Some(outcome.requests as f64 / outcome.seconds)),
    ];
    for (name, percentile) in PERCENTILES {
        let latency = outcome.latencies.value_at_percentile(percentile) as f64;
        figures.push((name, Some(latency / 1e3)));
    }
    figures.push(("max", Some(outcome.latencies.max() as f64 / 1e3)));
    let server = outcome.server.as_ref();
    figures.push(("server_cpu_us", server.map(|cpu| each(cpu.total_ns))));
    figures.push(("server_user_us", server.map(|cpu| each(cpu.user_ns))));
    figures.push(("server_system_us", server.map(|cpu| each(cpu.system_ns))));
    figures.push(("server_cores", server.map(|cpu| cpu.total_ns as f64 / 1e9 / outcome.seconds)));
    figures.push(("generator_cpu_us", Some(outcome.generator_seconds * 1e6 / requests)));
    figures.push(("generator_cores", Some(outcome.generator_seconds / outcome.seconds)));
    figures.push(("errors", Some(outcome.errors as f64)));
    figures.push(("nulls", Some(outcome.nulls as f64)));
    figures
}

fn text(name: &str, outcome: &Outcome, figures: &[Figure]) -> String {
    let of = |name: &str| {
        figures.iter().find(|(other, _)| *other == name).and_then(|(_, value)| *value).unwrap_or(0.0)
    };
    let mut line = format!("{name}: {:.0} requests/s", of("requests_per_second"));
    for (label, figure) in
        [("p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("p99.9", "p99_9"), ("max", "max")]
    {
        let _ = write!(line, "  {label} {:.3} ms", of(figure) / 1e3);
    }
    if outcome.server.is_some() {
        let (total, user, system) = (of("server_cpu_us"), of("server_user_us"), of("server_system_us"));
        let _ = write!(line, "\n    server: {total:.3} us an operation (user {user:.3}, system {system:.3})");
        let _ = write!(line, ", {:.2} cores busy", of("server_cores"));
    }
    let _ = write!(line, "\n    generator: {:.3} us an operation", of("generator_cpu_us"));
    let _ = write!(line, ", {:.2} cores busy", of("generator_cores"));
    if outcome.nulls > 0 {
        let _ = write!(line, "\n    {} null replies", outcome.nulls);
    }
    if outcome.errors > 0 {
        let _ = write!(line, "\n    {} ERRORS, such as: {}", outcome.errors, outcome.first_error);
    }
    line
}

fn csv(name: &str, figures: &[Figure]) -> String {
    let mut line = format!("\"{}\"", name.replace('"', "\"\""));
    for (_, value) in figures {
        let _ = match value {
            Some(value) => write!(line, ",{}", short(*value)),
            None => write!(line, ","),
        };
    }
    line
}

fn json(name: &str, first_error: &str, figures: &[Figure]) -> String {
    let mut object = format!("{{\"test\": {}", quoted(name));
    for (name, value) in figures {
        let value = value.map_or_else(|| "null".to_owned(), short);
        let _ = write!(object, ", \"{name}\": {value}");
    }
    let _ = write!(object, ", \"first_error\": {}}}", quoted(first_error));
    object
}

/// A whole number as one, another with as many digits as a measurement is worth.
fn short(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.6}") }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::super::load::Tally;
    use super::super::server_cpu::Cpu;
    use super::*;

    fn outcome() -> Outcome {
        let Tally { mut latencies, .. } = Tally::new();
        latencies.record_n(1_000_000, 99).unwrap();
        latencies.record(9_000_000).unwrap();
        let server = Some(Cpu { total_ns: 400_000, user_ns: 300_000, system_ns: 100_000 });
        let (errors, nulls, first_error) = (2, 0, "ERR \"no\"".to_owned());
        Outcome {
            requests: 100,
            seconds: 2.0,
            latencies,
            errors,
            nulls,
            first_error,
            server,
            generator_seconds: 0.5,
        }
    }

    #[test]
    fn figures_are_an_operation_and_a_second() {
        let figures = figures(&outcome());
        let of = |name: &str| figures.iter().find(|(other, _)| *other == name).unwrap().1.unwrap();
        assert_eq!((of("requests_per_second"), of("server_cpu_us"), of("server_user_us")), (50.0, 4.0, 3.0));
        assert_eq!((of("generator_cpu_us"), of("generator_cores")), (5000.0, 0.25));
        assert!((of("p50") - 1000.0).abs() < 1.0 && (of("max") - 9000.0).abs() < 10.0, "{figures:?}");
    }

    #[test]
    fn json_quotes_what_the_server_said() {
        let line = json("get", "ERR \"no\"\n", &[("requests", Some(1.0)), ("server_cpu_us", None)]);
        let expected =
            r#"{"test": "get", "requests": 1, "server_cpu_us": null, "first_error": "ERR \"no\"\u000a"}"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn errors_are_never_left_out_of_the_text() {
        let line = text("get", &outcome(), &figures(&outcome()));
        assert!(line.contains("2 ERRORS, such as: ERR \"no\""), "{line}");
    }

    #[test]
    fn a_figure_that_was_not_measured_is_an_empty_field() {
        assert_eq!(csv("a \"b\"", &[("x", None), ("y", Some(0.5))]), "\"a \"\"b\"\"\",,0.500000");
    }
}
