//! The tests: which request each sends, shaped as redis-benchmark shapes it, so that figures can be compared.
//!
//! Keys are `key:` and twelve digits, counters `counter:` and twelve digits, lists `mylist`, sets `myset` with
//! `element:` members, hashes `myhash` with `element:` fields, sorted sets `myzset`. Unlike redis-benchmark's, values are
//! random printable bytes, always the same ones: a server that compresses gains nothing.

use super::connection;
use super::options::Options;

/// The tests that run when none is named.
const TYPICAL: [&str; 9] = ["ping", "set", "get", "incr", "lpush", "rpop", "hset", "lrange_100", "mset"];
/// Elements put before an LRANGE; its longest range.
const RANGE_ELEMENTS: usize = 600;

/// One test: a name and the request that it repeats.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) name: String,
    /// One request, encoded, with `__rand_int__` where numbers go.
    pub(super) request: Vec<u8>,
}

/// The tests that the options ask for.
pub(super) fn of(options: &Options) -> Result<Vec<Workload>, String> {
    if !options.command.is_empty() {
        let data = value(options.data_bytes);
        let args: Vec<Vec<u8>> =
            options.command.iter().map(|arg| replace(arg.as_bytes(), b"__data__", &data)).collect();
        return Ok(vec![Workload { name: options.command.join(" "), request: encode(&args) }]);
    }
    if options.tests.is_empty() {
        return TYPICAL.iter().map(|name| Workload::named(name, options.data_bytes)).collect();
    }
    options.tests.iter().map(|name| Workload::named(name, options.data_bytes)).collect()
}

/// What a test needs to be there before it: a list for LRANGE. All others take what they find.
pub(super) fn prepare(workload: &Workload, options: &Options) -> Result<(), String> {
    if !workload.name.starts_with("lrange_") {
        return Ok(());
    }
    let mut args = vec![b"LPUSH".to_vec(), b"mylist".to_vec()];
    args.resize(2 + RANGE_ELEMENTS, value(options.data_bytes));
    connection::exchange(&connection::open(options)?, &encode(&args), 1)
}

impl Workload {
    /// The test of that name, with values of `data_bytes` bytes.
    pub(super) fn named(name: &str, data_bytes: usize) -> Result<Workload, String> {
        let line = match name {
            "ping" => "PING",
            "set" => "SET key:__rand_int__ __data__",
            "get" => "GET key:__rand_int__",
            "incr" => "INCR counter:__rand_int__",
            "lpush" => "LPUSH mylist __data__",
            "rpush" => "RPUSH mylist __data__",
            "lpop" => "LPOP mylist",
            "rpop" => "RPOP mylist",
            "sadd" => "SADD myset element:__rand_int__",
            "spop" => "SPOP myset",
            "hset" => "HSET myhash element:__rand_int__ __data__",
            "zadd" => "ZADD myzset __rand_int__ element:__rand_int__",
            "zpopmin" => "ZPOPMIN myzset",
            "lrange_100" => "LRANGE mylist 0 99",
            "lrange_300" => "LRANGE mylist 0 299",
            "lrange_500" => "LRANGE mylist 0 499",
            "lrange_600" => "LRANGE mylist 0 599",
            "xadd" => "XADD mystream * myfield __data__",
            "mset" => "MSET",
            "ping_inline" => return Ok(Workload { name: name.to_owned(), request: b"PING\r\n".to_vec() }),
            unknown => return Err(format!("unknown test '{unknown}'; see ramekin bench --help")),
        };
        let pairs = if name == "mset" { " key:__rand_int__ __data__".repeat(10) } else { String::new() };
        let line = line.to_owned() + &pairs;
        let data = value(data_bytes);
        let args: Vec<Vec<u8>> = line
            .split(' ')
            .map(|arg| if arg == "__data__" { data.clone() } else { arg.as_bytes().to_vec() })
            .collect();
        Ok(Workload { name: name.to_owned(), request: encode(&args) })
    }
}

/// A command as an array of bulk strings.
pub(super) fn encode<T: AsRef<[u8]>>(args: &[T]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// A value of that many random letters and digits, the same in every run.
fn value(bytes: usize) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
    let mut state: u32 = 0x2545_f491;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        LETTERS[(state >> 26) as usize]
    };
    (0..bytes).map(|_| letter()).collect()
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(from) {
            out.extend_from_slice(to);
            at += from.len();
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_sends_what_redis_benchmark_sends() {
        let set = Workload::named("set", 3).unwrap().request;
        assert!(
            set.starts_with(b"*3\r\n$3\r\nSET\r\n$16\r\nkey:__rand_int__\r\n$3\r\n"),
            "{}",
            set.escape_ascii()
        );
        assert_eq!(
            Workload::named("lrange_100", 3).unwrap().request,
            encode(&["LRANGE", "mylist", "0", "99"])
        );
        assert!(Workload::named("mset", 3).unwrap().request.starts_with(b"*21\r\n$4\r\nMSET\r\n$16\r\nkey:"));
        assert!(Workload::named("nonsense", 3).unwrap_err().contains("'nonsense'"));
    }

    #[test]
    fn values_have_the_length_asked_for_and_do_not_repeat_themselves() {
        let value = value(64);
        assert_eq!(value.len(), 64);
        assert_ne!(value[..32], value[32..]);
    }

    #[test]
    fn a_command_line_takes_data_and_numbers_anywhere_in_an_argument() {
        let command = ["JSON.SET", "k__rand_int__", "\"__data__\""].map(str::to_owned).to_vec();
        let workload = &of(&Options { command, data_bytes: 2, ..Options::default() }).unwrap()[0];
        assert!(workload.request.starts_with(b"*3\r\n$8\r\nJSON.SET\r\n$13\r\nk__rand_int__\r\n$4\r\n\""));
    }
}
