//! `ramekin import --from-store`: fills the memory of a data folder with what its store has.
//!
//! What must hold: only keys come of which memory knows nothing, so the same command goes on where it was interrupted, and
//! harms nothing where it is run again. What has come is no change and not in the log: a checkpoint keeps it, one at the end
//! and one each time as much again has come. Left out: filling a running server, where keys come when they are asked for.

use super::SOME_NOT_TAKEN;
use super::progress::Progress;
use super::tally::Tally;
use crate::serve;
use ramekin::store::Place;
use ramekin::{Database, Needs, Response, StoreTuning, memory};
use ramekin_server::config::Config;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

/// Keys that are asked for at once: so many at first, then twice as many each time.
const KEYS_FIRST: usize = 16;
const KEYS_MAX: usize = 512;
/// What a key takes, as long as none has come.
const KEY_BYTES: u64 = 1 << 10;
/// No checkpoint in between before so much has come.
const CHECKPOINT_BYTES: u64 = 256 << 20;

/// Runs `ramekin import --from-store`.
///
/// # Errors
/// One line: what is wrong.
pub(super) fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let Words { tables, directives } = Words::of(args);
    let loaded = Config::load(&directives, serve::environment()).map_err(|error| error.to_string())?;
    loaded.warnings.iter().for_each(|warning| eprintln!("ramekin: warning: {warning}"));
    let config = loaded.config;
    if config.store().is_none() {
        return Err("import from which store? Say --store URL, or set RAMEKIN_STORE".to_owned());
    }
    if config.store_read_only() {
        return Err(
            "a checkpoint keeps what comes, and `store-read-only` allows none: leave it out".to_owned()
        );
    }
    let db = ramekin_server::open(&config, &Arc::default(), &serve::store_of)
        .map_err(|error| error.to_string())?;
    // What comes is to stay.
    db.tune_store(&StoreTuning { evict_interval_ms: Some(0), ..StoreTuning::default() });
    let limit = if config.maxmemory() == 0 { u64::MAX } else { config.maxmemory() };
    let mut filling = Filling::new(&db, limit, &tables)?;
    let outcome = filling.run();
    let (tally, left) = (filling.tally, filling.left);
    // What has come is kept, whatever has ended it.
    let kept = db.checkpoint().map(drop).and(db.close()).map_err(|error| error.to_string());
    crate::print(&tally.report("Taken"))?;
    match outcome.and(kept.map_err(End::Failed)) {
        Ok(()) if tally.is_complete() => Ok(ExitCode::SUCCESS),
        Ok(()) => Ok(ExitCode::from(SOME_NOT_TAKEN)),
        Err(End::Full) => {
            eprintln!(
                "ramekin: memory is full (`maxmemory` is {limit} bytes): about {left} keys were left in the store, from where they come \
                 when they are asked for"
            );
            Ok(ExitCode::from(SOME_NOT_TAKEN))
        }
        Err(End::Failed(text)) => {
            Err(format!("{text}; {} keys were taken, and the same command goes on from there", tally.keys()))
        }
    }
}

/// The command line: tables, and directives as those of the server.
struct Words {
    tables: Vec<String>,
    directives: Vec<OsString>,
}

impl Words {
    fn of(args: &[OsString]) -> Self {
        let (mut tables, mut directives) = (Vec::new(), Vec::new());
        let mut rest = args.iter().filter(|arg| *arg != "--from-store");
        while let Some(arg) = rest.next() {
            let text = arg.to_string_lossy();
            if !text.starts_with("--") {
                tables.push(text.into_owned());
            } else if text == "--config" {
                // It comes before all else.
                directives.splice(0..0, rest.next().cloned());
            } else {
                directives.push(arg.clone());
                if !text.contains('=') {
                    directives.extend(rest.next().cloned());
                }
            }
        }
        Self { tables, directives }
    }
}

/// Why it has ended before all had come.
enum End {
    /// There is no room for more.
    Full,
    Failed(String),
}

struct Filling<'d> {
    db: &'d Database,
    limit: u64,
    places: Vec<Place>,
    tally: Tally,
    progress: Progress,
    /// About how many keys have still to come.
    left: u64,
    /// Memory in use at the beginning, and when the last checkpoint was taken.
    begun_bytes: u64,
    kept_bytes: u64,
    /// Keys that are asked for next.
    keys: usize,
}

impl<'d> Filling<'d> {
    fn new(db: &'d Database, limit: u64, tables: &[String]) -> Result<Self, String> {
        let known = names(db)?;
        if let Some(table) = tables.iter().find(|table| !known.contains(table)) {
            return Err(format!("there is no table '{table}'; there are: {}", known.join(", ")));
        }
        let place = |name: &String| Place::Table(name.as_str().into());
        let (places, left): (Vec<Place>, u64) = if tables.is_empty() {
            let keys = (0..db.databases()).map(Place::Keys);
            let here = (0..db.databases()).map(|number| db.database_counts(number).keys as u64).sum::<u64>();
            let counts = (0..db.databases()).map(|number| db.count_keys(number));
            let all = counts.sum::<Result<u64, _>>().map_err(|fail| fail.0.into_owned())?;
            (keys.chain(known.iter().map(place)).collect(), all.saturating_sub(here))
        } else {
            let records = tables.iter().map(|table| records(db, table)).sum::<Result<u64, String>>()?;
            (tables.iter().map(place).collect(), records)
        };
        let begun_bytes = used();
        let progress = Progress::keys("Filling", left);
        let tally = Tally::default();
        Ok(Self {
            db,
            limit,
            places,
            tally,
            progress,
            left,
            begun_bytes,
            kept_bytes: begun_bytes,
            keys: KEYS_FIRST,
        })
    }

    fn run(&mut self) -> Result<(), End> {
        for place in std::mem::take(&mut self.places) {
            match self.fill(&place) {
                Err(End::Failed(text)) if self.is_up() => {
                    // One table at fault is no reason to leave the others.
                    self.tally.leave(&format!("{}: {text}", shown(&place)));
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn fill(&mut self, place: &Place) -> Result<(), End> {
        let db = if let Place::Keys(db) = place { *db } else { ramekin::record::DATABASE };
        let mut after: Option<Vec<u8>> = None;
        loop {
            let room = self.room()?;
            let page = self.db.cold_keys_of(place, after.as_deref(), room);
            let (keys, last) = page.map_err(|fail| End::Failed(fail.0.into_owned()))?;
            self.bring(db, &keys)?;
            if last.is_none() {
                return Ok(());
            }
            after = last;
        }
    }

    /// How many keys may come at once, by what those took that have come.
    fn room(&mut self) -> Result<usize, End> {
        let (used, taken) = (used(), self.tally.keys());
        let each =
            used.saturating_sub(self.begun_bytes).checked_div(taken).map_or(KEY_BYTES, |each| each + 1);
        let room = self.limit.saturating_sub(used) / each / 2;
        if room == 0 {
            return Err(End::Full);
        }
        let keys = self.keys.min(usize::try_from(room).unwrap_or(usize::MAX));
        self.keys = (self.keys * 2).min(KEYS_MAX);
        Ok(keys)
    }

    /// Has keys fetched, each by itself if one of them cannot be.
    fn bring(&mut self, db: u32, keys: &[Vec<u8>]) -> Result<(), End> {
        if keys.is_empty() {
            return Ok(());
        }
        let needs =
            |keys: &[Vec<u8>]| Needs::Keys(keys.iter().map(|key| (db, key.as_slice().into())).collect());
        if self.db.obtain_here(&needs(keys)).is_ok() {
            self.tally.add(u64::from(db), keys.len() as u64);
        } else {
            for key in keys {
                match self.db.obtain_here(&needs(std::slice::from_ref(key))) {
                    Ok(_) => self.tally.take(u64::from(db)),
                    Err(text) if self.is_up() => self.tally.refuse(key, &text),
                    Err(text) => return Err(End::Failed(text)),
                }
            }
        }
        self.left = self.left.saturating_sub(keys.len() as u64);
        self.progress.at(self.tally.keys());
        self.keep()
    }

    /// Takes a checkpoint if as much again has come since the last one.
    fn keep(&mut self) -> Result<(), End> {
        let used = used();
        let since = used.saturating_sub(self.kept_bytes);
        if since < CHECKPOINT_BYTES || since < self.kept_bytes.saturating_sub(self.begun_bytes) {
            return Ok(());
        }
        self.kept_bytes = used;
        self.db.checkpoint().map(drop).map_err(|error| End::Failed(error.to_string()))
    }

    fn is_up(&self) -> bool {
        self.db.store_stats().is_some_and(|stats| stats.is_up)
    }
}

/// Memory in use, in bytes.
fn used() -> u64 {
    memory::used_bytes().unwrap_or(0)
}

fn shown(place: &Place) -> String {
    match place {
        Place::Keys(db) => format!("keys of database {db}"),
        Place::Table(name) => format!("records of table {name}"),
    }
}

fn ask(db: &Database, words: &[&[u8]]) -> Result<Response, String> {
    match db.execute(words).map_err(|error| error.to_string())? {
        Response::Error(text) => Err(text),
        response => Ok(response),
    }
}

/// The names of all tables.
fn names(db: &Database) -> Result<Vec<String>, String> {
    let Response::Array(names) = ask(db, &[b"TABLE.LIST"])? else { return Ok(Vec::new()) };
    let text = |name| if let Response::Bulk(name) = name { String::from_utf8(name).ok() } else { None };
    Ok(names.into_iter().filter_map(text).collect())
}

/// How many records a table has, in memory and in the store.
fn records(db: &Database, table: &str) -> Result<u64, String> {
    let Response::Map(fields) = ask(db, &[b"TABLE.INFO", table.as_bytes()])? else { return Ok(0) };
    let records = fields.iter().find_map(|(name, value)| match (name, value) {
        (Response::Bulk(name), Response::Int(records)) if name == b"records" => u64::try_from(*records).ok(),
        _ => None,
    });
    Ok(records.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::Words;
    use std::ffi::OsString;

    #[test]
    fn words_are_tables_and_directives_are_those_of_the_server() {
        let line = "--from-store --store sqlite: orders --dir d --maxmemory=1gb people --config r.conf";
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let words = Words::of(&args);
        assert_eq!(words.tables, ["orders", "people"]);
        assert_eq!(words.directives, ["r.conf", "--store", "sqlite:", "--dir", "d", "--maxmemory=1gb"]);
    }
}
