//! Runs the commands of an append-only file.
//!
//! Time stands still meanwhile, long before any expiry: what had expired when a command was written was removed by a command
//! of its own, and a key must not vanish earlier than that. What is left is swept at the end.

use super::aof::Words;
use super::tally::Tally;
use ramekin::command::{self, Command};
use ramekin::{Caller, Collector, Database, Planned, Refusal, Response};
use std::sync::atomic::Ordering::Relaxed;

/// The time that all commands see. Times in these files are absolute.
pub(super) const FROZEN_MS: u64 = 1;

/// Calls between two writes of the log.
const WRITE_EVERY: u64 = 256;

/// Commands without an effect on the data.
const IDLE: &[&str] = &["ping", "replconf", "publish", "spublish"];

/// See the module.
pub(super) struct Runner {
    db: Database,
    caller: Caller,
}

impl Runner {
    /// Stops the time of a database.
    pub(super) fn new(db: Database) -> Self {
        db.settings().active_expire.store(false, Relaxed);
        Self { db, caller: Caller::at(FROZEN_MS) }
    }

    /// Runs a command, or several as one.
    ///
    /// # Errors
    /// One line: the database takes nothing more.
    pub(super) fn run(&mut self, commands: &[Words], atomic: bool, tally: &mut Tally) -> Result<(), String> {
        let commands: Vec<Vec<&[u8]>> =
            commands.iter().map(|words| words.iter().map(Vec::as_slice).collect()).collect();
        if atomic {
            self.run_transaction(&commands, tally)?;
        } else {
            for words in &commands {
                self.run_one(words, tally)?;
            }
        }
        tally.commands += commands.len() as u64;
        if tally.commands.is_multiple_of(WRITE_EVERY) || atomic {
            self.db.write_log().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn run_one(&mut self, words: &[&[u8]], tally: &mut Tally) -> Result<(), String> {
        match self.find(words, tally)? {
            Found::Select(db) => self.caller.db = db,
            Found::Nothing => {}
            Found::Command(command) => {
                let mut out = Collector::new();
                self.db.run(&mut self.caller, command, words, &mut out);
                count(words, out.into_response(), tally)?;
            }
        }
        Ok(())
    }

    fn run_transaction(&mut self, commands: &[Vec<&[u8]>], tally: &mut Tally) -> Result<(), String> {
        let found = commands.iter().map(|words| self.find(words, tally));
        let found: Vec<Found> = found.collect::<Result<_, _>>()?;
        let mut selected = self.caller.db;
        let mut planned: Vec<Planned<'_>> = Vec::new();
        let mut db = selected;
        for (found, words) in found.iter().zip(commands) {
            match found {
                Found::Select(other) => db = *other,
                Found::Command(command) => planned.push(Planned { db, command, args: words }),
                Found::Nothing => {}
            }
        }
        let mut transaction = match self.db.transaction(&mut self.caller, &planned, &[]) {
            Ok(transaction) => transaction,
            Err(Refusal::Fail(fail)) => {
                return Err(format!("the data folder takes nothing more: {}", fail.0));
            }
            Err(Refusal::Needs(_)) => {
                return Err("a folder with a store behind it is filled by its server".to_owned());
            }
        };
        let mut counted = Ok(());
        for (found, words) in found.iter().zip(commands) {
            match found {
                Found::Select(db) => {
                    selected = *db;
                    transaction.select(selected);
                }
                Found::Nothing => {}
                Found::Command(command) => {
                    let mut out = Collector::new();
                    transaction.run(command, words, &mut out);
                    counted = counted.and(count(words, out.into_response(), tally));
                }
            }
        }
        let _ = transaction.commit();
        self.caller.db = selected;
        counted
    }

    /// What runs these words.
    fn find(&self, words: &[&[u8]], tally: &mut Tally) -> Result<Found, String> {
        let name = String::from_utf8_lossy(words[0]).to_ascii_lowercase();
        let subject = words.get(1).copied().unwrap_or_default();
        if name == "select" {
            // What follows must not be run in another database.
            return command::database(subject, self.db.databases()).map(Found::Select).map_err(|fail| {
                format!("the file selects database '{}': {}", subject.escape_ascii(), fail.0)
            });
        }
        if IDLE.contains(&name.as_str()) {
            return Ok(Found::Nothing);
        }
        Ok(command::resolve(words).map_or_else(
            || {
                tally.refuse(subject, &format!("Ramekin has no {}", name.to_ascii_uppercase()));
                Found::Nothing
            },
            Found::Command,
        ))
    }

    /// Lets time go on, and removes what has expired. Returns how many keys that were.
    pub(super) fn end(self) -> u64 {
        let before = keys(&self.db);
        self.db.settings().active_expire.store(true, Relaxed);
        self.db.sweep();
        before.saturating_sub(keys(&self.db))
    }
}

enum Found {
    Select(u32),
    Nothing,
    Command(&'static Command),
}

fn count(words: &[&[u8]], response: Option<Response>, tally: &mut Tally) -> Result<(), String> {
    match response {
        Some(Response::Error(text)) if text.starts_with("MISCONF") => Err(text),
        Some(Response::Error(text)) => {
            let name = String::from_utf8_lossy(words[0]).to_ascii_uppercase();
            tally.refuse(words.get(1).copied().unwrap_or_default(), &format!("{name}: {text}"));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Keys of all databases.
fn keys(db: &Database) -> u64 {
    (0..db.databases()).map(|number| db.database_counts(number).keys as u64).sum()
}
