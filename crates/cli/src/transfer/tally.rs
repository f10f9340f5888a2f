//! What was taken and what not, and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Examples told of each reason.
const EXAMPLES_MAX: usize = 3;
/// Reasons told apart; a server that words each refusal anew does not fill the memory.
const REASONS_MAX: usize = 50;

/// See the module.
#[derive(Default)]
pub(super) struct Tally {
    /// Keys taken, by database.
    taken: BTreeMap<u64, u64>,
    /// Commands of an append-only file that were run.
    pub(super) commands: u64,
    /// Keys that had expired already.
    pub(super) expired: u64,
    /// Keys that are there already and were kept.
    pub(super) kept: u64,
    /// Keys of types that there are not here.
    types: BTreeMap<&'static str, u64>,
    /// Keys or commands that were refused, by the reason.
    refused: BTreeMap<String, Refusals>,
    /// Other things that were not taken: what they are, and how many.
    others: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Refusals {
    count: u64,
    examples: Vec<String>,
}

impl Tally {
    pub(super) fn take(&mut self, db: u64) {
        *self.taken.entry(db).or_default() += 1;
    }

    /// A key of a type that there is not here.
    pub(super) fn leave_type(&mut self, name: &'static str) {
        *self.types.entry(name).or_default() += 1;
    }

    /// A key, or a command on it, that was refused.
    pub(super) fn refuse(&mut self, what: &[u8], reason: &str) {
        let known = self.refused.contains_key(reason) || self.refused.len() < REASONS_MAX;
        let refusals =
            self.refused.entry(if known { reason } else { "other reasons" }.to_owned()).or_default();
        refusals.count += 1;
        if refusals.examples.len() < EXAMPLES_MAX {
            refusals.examples.push(shown(what));
        }
    }

    /// Something that is no key.
    pub(super) fn leave(&mut self, what: &str) {
        *self.others.entry(what.to_owned()).or_default() += 1;
    }

    /// Keys taken.
    pub(super) fn keys(&self) -> u64 {
        self.taken.values().sum()
    }

    /// So many keys of a database were taken, besides those counted one by one.
    pub(super) fn add(&mut self, db: u64, keys: u64) {
        if keys > 0 {
            *self.taken.entry(db).or_default() += keys;
        }
    }

    /// Keys taken, by database.
    pub(super) fn taken(&self) -> impl Iterator<Item = (u64, u64)> {
        self.taken.iter().map(|(db, keys)| (*db, *keys))
    }

    /// Forgets the keys that were taken, to count them anew.
    pub(super) fn forget_taken(&mut self) {
        self.taken.clear();
    }

    /// Whether something was not taken that somebody could miss.
    pub(super) fn is_complete(&self) -> bool {
        self.types.is_empty() && self.refused.is_empty() && self.others.is_empty() && self.kept == 0
    }

    /// The report, line by line.
    pub(super) fn report(&self, verb: &str) -> String {
        let mut out = format!("{verb}: {}", keys(self.keys()));
        if self.taken.len() > 1 || self.taken.keys().any(|db| *db != 0) {
            let each: Vec<_> =
                self.taken.iter().map(|(db, count)| format!("{count} in database {db}")).collect();
            let _ = write!(out, " ({})", each.join(", "));
        }
        if self.commands > 0 {
            let _ = write!(out, ", after {} commands", self.commands);
        }
        out.push('\n');
        for (name, count) in &self.types {
            let _ =
                writeln!(out, "Not taken: {} of type {name}, which Ramekin does not have yet", keys(*count));
        }
        for (reason, refusals) in &self.refused {
            let examples = refusals.examples.join(", ");
            let more = if refusals.count > refusals.examples.len() as u64 { ", …" } else { "" };
            let _ =
                writeln!(out, "Not taken: {} refused with \"{reason}\" ({examples}{more})", refusals.count);
        }
        for (what, count) in &self.others {
            let _ = writeln!(out, "Not taken: {count} × {what}");
        }
        if self.kept > 0 {
            let _ =
                writeln!(out, "Not taken: {} that the target held already, which were kept", keys(self.kept));
        }
        if self.expired > 0 {
            let _ = writeln!(out, "Left out: {} that had expired", keys(self.expired));
        }
        out
    }
}

fn keys(count: u64) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{count} keys") }
}

/// A key for people: cut, without line ends.
fn shown(key: &[u8]) -> String {
    const BYTES_MAX: usize = 60;
    let cut = &key[..key.len().min(BYTES_MAX)];
    let more = if cut.len() < key.len() { "…" } else { "" };
    format!("{}{more}", cut.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn the_report_says_what_was_taken_and_what_not_and_why() {
        let mut tally = Tally::default();
        tally.take(0);
        assert_eq!(tally.report("Taken"), "Taken: 1 key\n");
        tally.expired = 3;
        assert!(tally.is_complete(), "nobody misses what has expired");
        tally.take(5);
        tally.leave_type("set");
        (0..5).for_each(|n| tally.refuse(format!("key\n{n}").as_bytes(), "ERR no"));
        tally.leave("library of functions");
        assert!(!tally.is_complete());
        assert_eq!(
            tally.report("Taken"),
            "Taken: 2 keys (1 in database 0, 1 in database 5)\n\
             Not taken: 1 key of type set, which Ramekin does not have yet\n\
             Not taken: 5 refused with \"ERR no\" (key\\n0, key\\n1, key\\n2, …)\n\
             Not taken: 1 × library of functions\n\
             Left out: 3 keys that had expired\n"
        );
    }

    #[test]
    fn reasons_that_never_repeat_are_bounded() {
        let mut tally = Tally::default();
        (0..1000).for_each(|n| tally.refuse(b"k", &format!("ERR {n}")));
        assert_eq!(tally.report("Taken").lines().count(), 52);
        assert!(tally.report("Taken").contains("950 refused with \"other reasons\""));
    }
}
