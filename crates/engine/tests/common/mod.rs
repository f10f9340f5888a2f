//! A session on a simulated disk and clock, and answers as text.

use ramekin::io::SeededRng;
use ramekin::io::mem::{ManualClock, MemDisk};
use ramekin::{Caller, Collector, Database, Options, Response, command};
use std::sync::Arc;

/// The time at which sessions begin, in Unix milliseconds.
pub(crate) const START_MS: u64 = 1_800_000_000_000;

/// A database whose time stands still unless told to move. Nothing is swept unless told to.
pub(crate) struct Session {
    pub(crate) db: Database,
    clock: Arc<ManualClock>,
    disk: Arc<MemDisk>,
}

impl Session {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::default();
        clock.advance(START_MS);
        Self::open(Arc::default(), Arc::new(clock))
    }

    fn open(disk: Arc<MemDisk>, clock: Arc<ManualClock>) -> Self {
        let options = Options { shards: 4, threads: false, ..Options::default() };
        let db =
            Database::open_on(disk.clone(), clock.clone(), Arc::new(SeededRng::new(7)), &options).unwrap();
        Self { db, clock, disk }
    }

    /// The same folder, closed and opened again.
    pub(crate) fn reopen(self) -> Self {
        self.db.close().unwrap();
        let (clock, disk) = (Arc::clone(&self.clock), Arc::clone(&self.disk));
        drop(self);
        Self::open(disk, clock)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, ms: u64) {
        self.clock.advance(ms);
    }

    /// Runs a command given as words; `""` is the empty word.
    pub(crate) fn run(&self, line: &str) -> String {
        show(&self.respond(line))
    }

    pub(crate) fn respond(&self, line: &str) -> Response {
        let args: Vec<_> = line
            .split_whitespace()
            .map(|word| if word == "\"\"" { &b""[..] } else { word.as_bytes() })
            .collect();
        self.db.execute(&args).unwrap()
    }

    /// Runs commands and compares each answer: `command => answer`, a line each.
    #[track_caller]
    pub(crate) fn expect(&self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (command, answer) = line.split_once(" => ").expect("a line is `command => answer`");
            assert_eq!(self.run(command), answer.trim(), "{command}");
        }
    }

    /// What every key of these commands holds, whichever of their words are keys.
    fn dump(&self, commands: &[&str]) -> Vec<String> {
        let mut words: Vec<_> =
            commands.iter().flat_map(|command| command.split_whitespace().skip(1)).collect();
        words.sort_unstable();
        words.dedup();
        let mut dump = vec![format!("{:?}", self.db.database_counts(0))];
        for key in words {
            for read in ["GET", "HGETALL", "LRANGE"] {
                let range = if read == "LRANGE" { "0 -1" } else { "" };
                dump.push(show(&sorted(self.respond(&format!("{read} {key} {range}")))));
            }
            dump.push(self.run(&format!("PEXPIRETIME {key}")));
            dump.push(self.run(&format!("TAG.OF {key}")));
            if let Response::Array(fields) = sorted(self.respond(&format!("HKEYS {key}"))) {
                for field in
                    fields.iter().map(|field| show(field).replace('"', "")).filter(|field| !field.is_empty())
                {
                    dump.push(self.run(&format!("HPEXPIRETIME {key} FIELDS 1 {field}")));
                }
            }
        }
        dump
    }
}

/// Runs commands on an empty folder, and asserts that what they did is the same after closing and opening it.
#[track_caller]
pub(crate) fn survives(commands: &[&str]) {
    let session = Session::new();
    for command in commands {
        let answer = session.run(command);
        assert!(!answer.starts_with("ERR"), "{command}: {answer}");
    }
    let before = session.dump(commands);
    let session = session.reopen();
    assert_eq!(before, session.dump(commands), "read back from the log");
    session.db.checkpoint().unwrap();
    assert_eq!(before, session.reopen().dump(commands), "read back from a checkpoint");
}

/// Runs a command in another database than the first.
pub(crate) fn in_db(session: &Session, db: u32, line: &str) -> String {
    let args: Vec<_> = line.split_whitespace().map(str::as_bytes).collect();
    let mut caller = Caller::at(session.db.now_ms());
    caller.db = db;
    let mut out = Collector::new();
    session.db.run(&mut caller, command::resolve(&args).unwrap(), &args, &mut out);
    show(&out.into_response().unwrap())
}

/// As [`survives`], for commands that reach other databases than the first: compares all keys of these.
#[track_caller]
pub(crate) fn survives_in(databases: &[u32], commands: &[&str]) {
    let dump = |session: &Session| -> Vec<String> {
        let mut lines = Vec::new();
        for &db in databases {
            let keys = in_db(session, db, "KEYS *");
            let mut keys: Vec<_> =
                keys.trim_matches(['[', ']']).split(", ").filter(|key| !key.is_empty()).collect();
            keys.sort_unstable();
            for key in keys.into_iter().map(|key| key.trim_matches('"')) {
                for read in ["TYPE", "PEXPIRETIME", "GET"] {
                    lines.push(format!("{db} {key} {}", in_db(session, db, &format!("{read} {key}"))));
                }
                lines.push(in_db(session, db, &format!("LRANGE {key} 0 -1")));
            }
        }
        lines
    };
    let session = Session::new();
    for command in commands {
        let answer = session.run(command);
        assert!(!answer.starts_with("ERR"), "{command}: {answer}");
    }
    let before = dump(&session);
    assert!(!before.is_empty(), "something is left to compare");
    let session = session.reopen();
    assert_eq!(before, dump(&session), "read back from the log");
    session.db.checkpoint().unwrap();
    assert_eq!(before, dump(&session.reopen()), "read back from a checkpoint");
}

/// A map, or an array of field names, in an order of its own.
fn sorted(response: Response) -> Response {
    match response {
        Response::Map(mut pairs) => {
            pairs.sort_by_cached_key(|(field, _)| show(field));
            Response::Map(pairs)
        }
        other => other,
    }
}

/// An answer in one line: `1`, `"bulk"`, `nil`, `[a, b]`, `{field: value}`, statuses and errors as they are.
pub(crate) fn show(response: &Response) -> String {
    let list = |items: &[Response]| items.iter().map(show).collect::<Vec<_>>().join(", ");
    match response {
        Response::Simple(text) | Response::Error(text) => text.clone(),
        Response::Int(value) => value.to_string(),
        Response::Bulk(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Response::Null | Response::NullArray => "nil".to_owned(),
        Response::Array(items) => format!("[{}]", list(items)),
        Response::Set(items) | Response::Push(items) => format!("<{}>", list(items)),
        Response::Map(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|(field, value)| format!("{}: {}", show(field), show(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Response::Double(value) => value.to_string(),
        Response::Boolean(value) => value.to_string(),
        Response::Verbatim(_, text) => String::from_utf8_lossy(text).into_owned(),
    }
}
