//! The arguments of `ramekin bench`. Letters mean what they mean to redis-benchmark.
//!
//! Everything is checked here, so that the rest may rely on it: at least one connection a thread, a pipeline of at
//! least one, a keyspace that twelve digits can number.

use super::load::Limits;
use std::time::Duration;

/// What `--help` prints.
pub(super) const HELP: &str = "\
Usage: ramekin bench [OPTIONS] [COMMAND ARG...]

Load for any server that speaks the Redis protocol. With a COMMAND, that one is sent; __rand_int__ in an
argument becomes a random number of 12 digits below the keyspace, __data__ the value.

  -h HOST          host (127.0.0.1)
  -p PORT          port (6379)
  -s PATH          Unix socket instead of host and port
  -a PASSWORD      AUTH with this password; --user NAME for another user than default
  --dbnum N        SELECT this database (0)
  -c N             connections (50)
  -n N             requests a test (100000)
  --seconds S      measure for this long instead of for -n requests
  --warmup S       send load for this long before measuring (0)
  -P N             requests a pipeline (1)
  --rate N         send so many requests a second by a schedule, and count latencies from it; without it each
                   connection sends as soon as it is answered
  -d N             bytes a value (3)
  -r N             keyspace: random keys, fields and members below N; without it always the same one
  --zipf S         draw them by Zipf's law with this exponent, such as 0.99, instead of evenly
  --seed N         draw others than in a run with another seed (0)
  -t LIST          tests, with commas between (a typical set): ping_inline ping set get incr lpush rpush lpop rpop
                   sadd hset spop zadd zpopmin lrange_100 lrange_300 lrange_500 lrange_600 mset xadd
  --fill           write the whole keyspace (-r) once before the tests: keys, or what hset, incr and sadd write
  --threads N      threads of the generator (1)
  --server-pid N   measure the CPU time of this process: total from the scheduler in nanoseconds, split into user
                   and system by the kernel's tick samples (100 to 1000 a second)
  --csv, --json    print that instead of text
  --help           this text
";

/// How the figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A line a test, for people.
    Text,
    /// A header, then a line a test.
    Csv,
    /// One array of objects.
    Json,
}

/// A checked command line.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) host: String,
    pub(super) port: u16,
    /// Path of a Unix socket; wins over host and port.
    pub(super) socket: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: u32,
    pub(super) connections: usize,
    pub(super) requests: u64,
    pub(super) measure: Option<Duration>,
    pub(super) warmup: Duration,
    pub(super) pipeline: usize,
    /// Requests a second on all connections together.
    pub(super) rate: Option<u64>,
    pub(super) data_bytes: usize,
    /// Numbers are drawn below this; 0 for no draw at all.
    pub(super) keyspace: u64,
    /// The exponent of Zipf's law, if numbers are drawn by it.
    pub(super) zipf: Option<f64>,
    /// Runs with the same one send the same numbers.
    pub(super) seed: u64,
    pub(super) tests: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) fill: bool,
    pub(super) threads: usize,
    pub(super) server_pid: Option<u32>,
    pub(super) format: Format,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            host: "127.0.0.1".to_owned(),
            port: 6379,
            socket: None,
            user: None,
            password: None,
            database: 0,
            connections: 50,
            requests: 100_000,
            measure: None,
            warmup: Duration::ZERO,
            pipeline: 1,
            rate: None,
            data_bytes: 3,
            keyspace: 0,
            zipf: None,
            seed: 0,
            tests: Vec::new(),
            command: Vec::new(),
            fill: false,
            threads: 1,
            server_pid: None,
            format: Format::Text,
        }
    }
}

impl Options {
    /// When a test ends: after a time if one was given, else after `-n` requests.
    pub(super) fn limits(&self) -> Limits {
        let requests = if self.measure.is_some() { None } else { Some(self.requests) };
        Limits { warmup: self.warmup, measure: self.measure, requests }
    }
}

/// Parses the command line; `None` where it asks for help.
pub(super) fn parse(args: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value =
            || args.next().ok_or_else(|| format!("{arg} needs a value; see ramekin bench --help"));
        match arg.as_str() {
            "-h" => value()?.clone_into(&mut options.host),
            "-p" => options.port = number(arg, value()?)?,
            "-s" => options.socket = Some(value()?.clone()),
            "-a" => options.password = Some(value()?.clone()),
            "--user" => options.user = Some(value()?.clone()),
            "--dbnum" => options.database = number(arg, value()?)?,
            "-c" => options.connections = number(arg, value()?)?,
            "-n" => options.requests = number(arg, value()?)?,
            "--seconds" => options.measure = Some(seconds(arg, value()?)?),
            "--warmup" => options.warmup = seconds(arg, value()?)?,
            "-P" => options.pipeline = number(arg, value()?)?,
            "--rate" => options.rate = Some(number(arg, value()?)?),
            "-d" => options.data_bytes = number(arg, value()?)?,
            "-r" => options.keyspace = number(arg, value()?)?,
            "-t" => options.tests.extend(value()?.split(',').map(str::to_ascii_lowercase)),
            "--zipf" => options.zipf = Some(number(arg, value()?)?),
            "--seed" => options.seed = number(arg, value()?)?,
            "--fill" => options.fill = true,
            "--threads" => options.threads = number(arg, value()?)?,
            "--server-pid" => options.server_pid = Some(number(arg, value()?)?),
            "--csv" => options.format = Format::Csv,
            "--json" => options.format = Format::Json,
            "--help" => return Ok(None),
            unknown if unknown.starts_with('-') => {
                return Err(format!("unknown option {unknown}; see ramekin bench --help"));
            }
            _ => {
                options.command.push(arg.clone());
                options.command.extend(args.by_ref().cloned());
            }
        }
    }
    check(&options)?;
    Ok(Some(options))
}

fn check(options: &Options) -> Result<(), String> {
    let at_least_one = [
        ("-c", options.connections),
        ("-P", options.pipeline),
        ("--threads", options.threads),
        ("-d", options.data_bytes),
    ];
    if let Some((name, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
        return Err(format!("{name} must be at least 1"));
    }
    if options.requests == 0 {
        return Err("-n must be at least 1".to_owned());
    }
    if options.rate == Some(0) {
        return Err("--rate must be at least 1".to_owned());
    }
    if options.threads > options.connections {
        return Err(format!("--threads {} needs at least as many connections (-c)", options.threads));
    }
    if options.keyspace > 1_000_000_000_000 {
        return Err("-r must be at most 1000000000000: keys have 12 digits".to_owned());
    }
    if options.zipf.is_some_and(|exponent| !(0.01..=10.0).contains(&exponent)) {
        return Err("--zipf takes an exponent from 0.01 to 10".to_owned());
    }
    if options.zipf.is_some() && options.keyspace == 0 {
        return Err("--zipf needs a keyspace: -r N".to_owned());
    }
    if options.fill && options.keyspace == 0 {
        return Err("--fill needs a keyspace: -r N".to_owned());
    }
    if options.user.is_some() && options.password.is_none() {
        return Err("--user needs a password: -a PASSWORD".to_owned());
    }
    Ok(())
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} takes a whole number, not '{value}'"))
}

fn seconds(name: &str, value: &str) -> Result<Duration, String> {
    let parsed: Option<f64> = value.parse().ok();
    parsed
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{name} takes seconds, such as 2 or 0.5, not '{value}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Options>, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_letters_mean_what_they_mean_to_redis_benchmark() {
        let options =
            parsed("-h db -p 7000 -c 10 -n 5 -P 16 -d 64 -r 1000 -t GET,set --threads 2").unwrap().unwrap();
        assert_eq!((options.host.as_str(), options.port), ("db", 7000));
        assert_eq!((options.connections, options.requests, options.pipeline), (10, 5, 16));
        assert_eq!((options.data_bytes, options.keyspace, options.threads), (64, 1000, 2));
        assert_eq!(options.tests, ["get", "set"]);
        assert_eq!(options.limits().requests, Some(5));
    }

    #[test]
    fn a_command_takes_all_that_follows_it() {
        let options = parsed("-c 1 SET -c __rand_int__").unwrap().unwrap();
        assert_eq!(options.command, ["SET", "-c", "__rand_int__"]);
        assert_eq!(options.connections, 1);
    }

    #[test]
    fn a_time_replaces_the_number_of_requests() {
        let options = parsed("--seconds 1.5 -n 10").unwrap().unwrap();
        assert_eq!(options.limits().measure, Some(Duration::from_millis(1500)));
        assert_eq!(options.limits().requests, None);
    }

    #[test]
    fn help_is_asked_for_by_its_long_name_only() {
        assert!(parsed("--help").unwrap().is_none());
        assert_eq!(parsed("-h").unwrap_err(), "-h needs a value; see ramekin bench --help");
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_name() {
        for (line, expected) in [
            ("-c 0", "-c must be at least 1"),
            ("-P 0", "-P must be at least 1"),
            ("-n 0", "-n must be at least 1"),
            ("-c 2 --threads 3", "--threads 3 needs at least as many connections (-c)"),
            ("--rate 0", "--rate must be at least 1"),
            ("-n many", "-n takes a whole number, not 'many'"),
            ("--seconds -1", "--seconds takes seconds, such as 2 or 0.5, not '-1'"),
            ("--fill", "--fill needs a keyspace: -r N"),
            ("--zipf 0.9", "--zipf needs a keyspace: -r N"),
            ("--zipf 0 -r 9", "--zipf takes an exponent from 0.01 to 10"),
            ("--frobnicate", "unknown option --frobnicate; see ramekin bench --help"),
            ("-r 1000000000001", "-r must be at most 1000000000000: keys have 12 digits"),
        ] {
            assert_eq!(parsed(line).unwrap_err(), expected, "{line}");
        }
    }
}
