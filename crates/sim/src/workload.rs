//! Random work on a database: commands of every family, transactions, syncs, and the clock moved.
//!
//! Commands are made from templates whose words in braces are drawn. Keys are few, so that commands meet; a key's first
//! letter says the type that it mostly has, so that most commands get past the check of the type. What must hold: the
//! same seed makes the same work.

use crate::clock::START_MS;
use ramekin::io::{Rng as _, SeededRng};

/// How many databases the work uses.
pub const DATABASES: u32 = 2;

/// A command, and the database in which it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The selected database.
    pub db: u32,
    /// Name and arguments.
    pub words: Vec<Vec<u8>>,
}

impl Call {
    /// The words, as commands take them.
    #[must_use]
    pub fn args(&self) -> Vec<&[u8]> {
        self.words.iter().map(Vec::as_slice).collect()
    }
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// One command.
    Run(Call),
    /// MULTI, these commands, EXEC.
    Transaction(Vec<Call>),
    /// The log is handed to the operating system.
    Write,
    /// The log is made durable.
    Sync,
    /// A checkpoint is begun, or taken on by so many steps.
    Checkpoint(u64),
    /// Everything that has expired is removed.
    Sweep,
    /// Time passes, in milliseconds.
    Advance(u64),
    /// The wall clock is put back, by milliseconds.
    PutBack(u64),
}

/// Commands that change data. `{s}`, `{l}`, `{h}`: a key that is mostly of that type; `{r}`, `{j}`: a record's key and text; `{k}`: any key; `{v}`: a value,
/// large now and then; `{e}`: one of a few elements; `{f}`: a field; `{n}`: a count; `{i}`: an index, negative too;
/// `{ms}`: a lifetime; `{at}`: a time; `{db}`: a database.
const WRITES: &[&str] = &[
    "SET {s} {v}",
    "SET {s} {v} PX {ms}",
    "SET {s} {v} PXAT {at} GET",
    "SET {s} {v} XX KEEPTTL",
    "SET {k} {v}",
    "SETNX {s} {v}",
    "GETSET {s} {v}",
    "APPEND {s} {v}",
    "SETRANGE {s} {n} {v}",
    "INCRBY {s} {n}",
    "SET {s} {n}",
    "INCRBYFLOAT {s} 0.5",
    "GETDEL {s}",
    "GETEX {s} PX {ms}",
    "GETEX {s} PERSIST",
    "MSET {s} {v} {s} {v}",
    "MSETNX {s} {v} {s} {v}",
    "MSETEX 2 {s} {v} {s} {v} PX {ms}",
    "DELIFEQ {s} {e}",
    "LPUSH {l} {e} {e} {v}",
    "RPUSH {l} {v} {e}",
    "RPUSHX {l} {e}",
    "LPOP {l}",
    "RPOP {l} {n}",
    "LSET {l} {i} {v}",
    "LINSERT {l} BEFORE {e} {v}",
    "LREM {l} {i} {e}",
    "LTRIM {l} {i} {i}",
    "LMOVE {l} {l} LEFT RIGHT",
    "RPOPLPUSH {l} {l}",
    "LMPOP 2 {l} {l} LEFT COUNT {n}",
    "SORT {l} ALPHA STORE {l}",
    "HSET {h} {f} {v} {f} {e}",
    "HSETNX {h} {f} {v}",
    "HDEL {h} {f} {f}",
    "HINCRBY {h} n {n}",
    "HINCRBYFLOAT {h} n 0.5",
    "HPEXPIRE {h} {ms} FIELDS 2 {f} {f}",
    "HPEXPIREAT {h} {at} FIELDS 1 {f}",
    "HPERSIST {h} FIELDS 1 {f}",
    "HSETEX {h} PX {ms} FIELDS 2 {f} {v} {f} {e}",
    "HSETEX {h} KEEPTTL FIELDS 1 {f} {e}",
    "HGETEX {h} PX {ms} FIELDS 1 {f}",
    "HGETDEL {h} FIELDS 2 {f} {f}",
    "TABLE.PUT t {r} {j}",
    "TABLE.PUT t {r} {j} XX KEEPTTL",
    "TABLE.PUT t {r} {j} PX {ms}",
    "TABLE.DEL t {r} {r}",
    "TAG.ADD {k} {e} {e}",
    "TAG.ADD {s} {e}",
    "TAG.REM {k} {e} {e}",
    "TAG.SET {k} {e}",
    "PEXPIRE {k} {ms}",
    "PEXPIREAT {k} {at} GT",
    "PERSIST {k}",
    "DEL {k} {k}",
    "UNLINK {k}",
    "RENAME {k} {k}",
    "RENAMENX {k} {k}",
    "COPY {k} {k} REPLACE",
    "COPY {k} {k} DB {db} REPLACE",
    "MOVE {k} {db}",
];

/// Commands that only read. They read every key that they name.
const READS: &[&str] = &[
    "GET {s}",
    "MGET {s} {s}",
    "STRLEN {s}",
    "LRANGE {l} 0 -1",
    "LLEN {l}",
    "HGETALL {h}",
    "HPTTL {h} FIELDS 1 {f}",
    "EXISTS {k} {k}",
    "PTTL {k}",
    "TYPE {k}",
    "DBSIZE",
    "KEYS *",
    "SCAN 0 COUNT 1000",
    "TAG.OF {k}",
];

/// Changes to everything, which are rare, or there would be no data.
const WHOLE: &[&str] = &["FLUSHDB", "FLUSHALL", "SWAPDB 0 1", "SWAPDB 0 1"];

/// What makes values of megabytes, and takes them from key to key. `{V}`: a string of a mebibyte and more; `{W}`: a good
/// part of one.
const LARGE: &[&str] = &[
    "SET {s} {V}",
    "SET {s} {V}",
    "SET {s} {V} PX {ms}",
    "MSET {s} {V} {s} {v} {s} {V}",
    "SETRANGE {s} {n} {V}",
    "APPEND {s} {W}",
    "RPUSH {l} {W} {v} {W}",
    "HSET {h} {f} {W} {f} {W}",
    "COPY {k} {k} REPLACE",
    "COPY {s} {s} REPLACE",
    "COPY {k} {k} DB {db} REPLACE",
    "RENAME {s} {s}",
    "RENAME {k} {k}",
    "MOVE {k} {db}",
];

/// An endless sequence of steps.
#[derive(Debug)]
pub struct Workload {
    rng: SeededRng,
    /// How many steps of ten work with values of megabytes.
    large_of_ten: u64,
}

impl Workload {
    /// The work of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: SeededRng::new(seed), large_of_ten: 0 }
    }

    /// The same, half of it on values of megabytes.
    #[must_use]
    pub fn on_large_values(seed: u64) -> Self {
        Self { large_of_ten: 5, ..Self::new(seed) }
    }

    /// The next piece of work.
    #[must_use]
    pub fn step(&self) -> Step {
        if self.large_of_ten > 0 && self.rng.below(10) < self.large_of_ten {
            return Step::Run(self.call_of(self.pick(LARGE)));
        }
        match self.rng.below(46) {
            0..=25 => Step::Run(self.call()),
            26..=28 => Step::Transaction((0..=self.rng.below(5)).map(|_| self.call()).collect()),
            29..=33 => Step::Write,
            34..=35 => Step::Sync,
            36 => Step::Sweep,
            40..=45 => Step::Checkpoint(self.rng.below(12)),
            37..=38 => Step::Advance(self.rng.below(40)),
            _ => Step::PutBack(self.rng.below(100)),
        }
    }

    /// The next command.
    #[must_use]
    pub fn call(&self) -> Call {
        let template = match self.rng.below(60) {
            0 => self.pick(WHOLE),
            1..=11 => self.pick(READS),
            _ => self.pick(WRITES),
        };
        self.call_of(template)
    }

    fn call_of(&self, template: &str) -> Call {
        Call { db: self.database(), words: template.split(' ').map(|word| self.word(word)).collect() }
    }

    fn pick<'t>(&self, from: &[&'t str]) -> &'t str {
        from[self.index(from.len())]
    }

    fn index(&self, len: usize) -> usize {
        usize::try_from(self.rng.below(len as u64)).expect("it is below a length")
    }

    fn database(&self) -> u32 {
        u32::from(self.rng.below(4) == 0)
    }

    fn word(&self, word: &str) -> Vec<u8> {
        match word {
            "{s}" | "{l}" | "{h}" if self.rng.below(20) > 0 => self.key(&word[1..2]),
            "{k}" | "{s}" | "{l}" | "{h}" => self.key(self.pick(&["s", "l", "h", "t:r"])),
            "{r}" => self.key("r"),
            "{j}" => self.record(),
            "{v}" => self.value(),
            "{V}" => self.bytes((1 << 20) + self.rng.below(100_000)),
            "{W}" => self.bytes(150_000 + self.rng.below(300_000)),
            "{e}" => format!("e{}", self.rng.below(4)).into_bytes(),
            "{f}" => format!("f{}", self.rng.below(6)).into_bytes(),
            "{n}" => self.rng.below(5).to_string().into_bytes(),
            "{i}" => format!("{}{}", self.pick(&["", "-"]), self.rng.below(4)).into_bytes(),
            "{ms}" => self.rng.below(80).saturating_add(1).to_string().into_bytes(),
            "{at}" => (START_MS + self.rng.below(400)).to_string().into_bytes(),
            "{db}" => self.rng.below(u64::from(DATABASES)).to_string().into_bytes(),
            literal => literal.as_bytes().to_vec(),
        }
    }

    fn key(&self, kind: &str) -> Vec<u8> {
        format!("{kind}{}", self.rng.below(4)).into_bytes()
    }

    fn record(&self) -> Vec<u8> {
        let filling = if self.rng.below(20) == 0 { self.rng.below(300_000) } else { self.rng.below(40) };
        let text = "x".repeat(usize::try_from(filling).expect("it is small"));
        format!("{{\"n\": {}.50, \"e\": [\"{text}\", null]}}", self.rng.below(100)).into_bytes()
    }

    /// Mostly short; at times longer than what is packed, than a frame of the log, and than a segment.
    fn value(&self) -> Vec<u8> {
        let length = match self.rng.below(60) {
            0 => self.rng.below(20_000),
            1..=2 => self.rng.below(4000),
            3..=8 => self.rng.below(300),
            9 => 0,
            _ => return format!("e{}", self.rng.below(4)).into_bytes(),
        };
        (0..length).map(|_| self.rng.next_u64().to_le_bytes()[0]).collect()
    }

    /// So many bytes that do not repeat themselves.
    fn bytes(&self, length: u64) -> Vec<u8> {
        (0..length.div_ceil(8)).flat_map(|_| self.rng.next_u64().to_le_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ramekin::command;
    use ramekin::command::flag;

    #[test]
    fn every_template_names_a_command_and_is_among_its_kind() {
        for (templates, is_write) in [(WRITES, true), (WHOLE, true), (LARGE, true), (READS, false)] {
            for template in templates {
                let words: Vec<_> = template.split(' ').map(str::as_bytes).collect();
                let command = command::resolve(&words).expect(template);
                assert!(command.spec.takes(words.len()), "{template}");
                assert_eq!(command.spec.is(flag::WRITE), is_write, "{template}");
            }
        }
    }
}
