//! `ramekin import`: files and running servers into a data folder or a running server.

use super::aof::Words;
use super::commands::{FROZEN_MS, Runner};
use super::from_store;
use super::keys::{Position, Sink, Source};
use super::manifest::{self, Part};
use super::options::{self, Existing, From, IMPORT_HELP, Import, Place};
use super::progress::Progress;
use super::rdb_file::{self, Stop, Visitor};
use super::state::State;
use super::tally::Tally;
use super::target::{self, Folder, Target};
use super::url::Url;
use super::{NO_JSON, SOME_NOT_TAKEN, Traveller, now_ms};
use ramekin::rdb::{self, Dialect, Encoder, Item, Record};
use ramekin::value::Packing;
use ramekin::{Database, Options};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Runs `ramekin import`.
///
/// # Errors
/// One line: what is wrong.
pub(crate) fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let is_from_store = args.iter().any(|arg| arg == "--from-store");
    if is_from_store && !args.iter().any(|arg| arg == "--help" || arg == "-h") {
        return from_store::run(args);
    }
    let Some(options) = options::import(args)? else { return crate::print(IMPORT_HELP) };
    let (tally, damage) = match &options.from {
        From::File(path) => from_file(path, &options)?,
        From::Server(url) => (from_server(url, &options)?, None),
    };
    crate::print(&tally.report("Taken"))?;
    if let Some(text) = &damage {
        eprintln!("ramekin: {text}: nothing behind that was taken");
    }
    let complete = tally.is_complete() && damage.is_none();
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(SOME_NOT_TAKEN) })
}

/// Opens the target, which has to be empty unless the options say what becomes of keys that are there.
fn open_target(options: &Import) -> Result<Box<dyn Target>, String> {
    let mut target = target::open(&options.to, options.databases)?;
    let held = target.keys()?;
    if held > 0 && options.existing == Existing::Refuse {
        return Err(format!(
            "the target holds {held} keys already: --replace replaces those of the same name, --keep keeps them"
        ));
    }
    Ok(target)
}

// Files.

fn from_file(path: &Path, options: &Import) -> Result<(Tally, Option<String>), String> {
    let parts = manifest::parts(path)?;
    let mut check = Check::default();
    let damage = rdb_file::read(&parts, "Reading", &mut check)?.map(|damage| damage.text);
    if let Some(text) = &damage
        && !options.partial
    {
        return Err(format!(
            "{text}. Nothing was taken; --partial takes what stands before that: {} keys and {} commands",
            check.keys, check.commands
        ));
    }
    if check.database_max >= u64::from(options.databases) && !matches!(options.to, Place::Server(_)) {
        let needed = check.database_max.saturating_add(1);
        return Err(format!("there are keys in database {}: say --databases {needed}", check.database_max));
    }
    let tally = match &options.to {
        _ if check.commands == 0 => load(&parts, options)?,
        Place::Folder(folder) => replay_into_folder(&parts, folder, options)?,
        Place::Server(_) => replay_into_server(&parts, options)?,
    };
    Ok((tally, damage))
}

/// Reads without loading: whether all can be read, and what there is.
#[derive(Default)]
struct Check {
    keys: u64,
    commands: u64,
    database_max: u64,
}

impl Visitor for Check {
    fn item(&mut self, item: Item<'_>, dialect: Dialect) -> Result<(), Stop> {
        let Item::Key(record) = item else { return Ok(()) };
        if rdb::is_supported(record.kind, dialect) {
            rdb::decode(record.kind, dialect, record.object, &Packing::default(), FROZEN_MS)
                .map_err(|fault| Stop::Damaged(format!("key '{}': {fault}", record.key.escape_ascii())))?;
        }
        self.keys += 1;
        self.database_max = self.database_max.max(record.db);
        Ok(())
    }

    fn commands(&mut self, commands: &[Words], _: bool) -> Result<(), Stop> {
        self.commands += commands.len() as u64;
        for words in commands {
            if words[0].eq_ignore_ascii_case(b"select")
                && let Some(db) = words.get(1).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok())
            {
                self.database_max = self.database_max.max(db);
            }
        }
        Ok(())
    }
}

fn load(parts: &[Part], options: &Import) -> Result<Tally, String> {
    let mut target = open_target(options)?;
    let mut tally = Tally::default();
    let mut load = Load { target: &mut *target, existing: options.existing, tally: &mut tally };
    let read = rdb_file::read(parts, "Loading", &mut load);
    read.and_then(|_| target.finish(&mut tally)).map_err(|text| unfinished(&text, &tally))?;
    Ok(tally)
}

/// The line about a target that took only the beginning.
fn unfinished(text: &str, tally: &Tally) -> String {
    let commands =
        if tally.commands > 0 { format!(" and {} commands", tally.commands) } else { String::new() };
    format!("{text}. Before that {} keys{commands} were taken: the target holds only a part", tally.keys())
}

/// Puts the keys of RDB files into a target.
struct Load<'a> {
    target: &'a mut dyn Target,
    existing: Existing,
    tally: &'a mut Tally,
}

impl Visitor for Load<'_> {
    fn item(&mut self, item: Item<'_>, dialect: Dialect) -> Result<(), Stop> {
        match item {
            Item::Key(record) => {
                self.target.put(&traveller(&record, dialect), self.existing, self.tally)?;
            }
            other => leave(&other, self.tally),
        }
        Ok(())
    }

    fn commands(&mut self, _: &[Words], _: bool) -> Result<(), Stop> {
        Err(Stop::Failed("the file has changed while it was read".to_owned()))
    }
}

fn traveller<'a>(record: &Record<'a>, dialect: Dialect) -> Traveller<'a> {
    Traveller {
        db: record.db,
        key: record.key,
        expire_at_ms: record.expire_at_ms,
        idle_seconds: record.idle_seconds,
        frequency: record.frequency,
        dialect,
        kind: record.kind,
        object: record.object,
    }
}

/// Counts what is no key.
fn leave(item: &Item<'_>, tally: &mut Tally) {
    match item {
        Item::Function(_) => tally.leave("library of functions, which Ramekin does not have yet"),
        Item::Module(name) => tally.leave(&format!("what the module {name} keeps beside keys")),
        Item::Key(_) | Item::Aux(..) => {}
    }
}

/// Loads the base of an append-only file and runs its commands.
struct Replay {
    folder: Folder,
    runner: Runner,
    tally: Tally,
}

impl Replay {
    fn new(db: &Database) -> Self {
        let mut folder = Folder::new(db.clone());
        folder.freeze(FROZEN_MS);
        Self { folder, runner: Runner::new(db.clone()), tally: Tally::default() }
    }

    /// Ends the standstill of time and counts what there is.
    fn end(self, db: &Database) -> Tally {
        let mut tally = self.tally;
        tally.expired += self.runner.end();
        tally.forget_taken();
        for number in 0..db.databases() {
            tally.add(u64::from(number), db.database_counts(number).keys as u64);
        }
        tally
    }
}

impl Visitor for Replay {
    fn item(&mut self, item: Item<'_>, dialect: Dialect) -> Result<(), Stop> {
        match item {
            Item::Key(record) => {
                self.folder.put(&traveller(&record, dialect), Existing::Refuse, &mut self.tally)?;
            }
            other => leave(&other, &mut self.tally),
        }
        Ok(())
    }

    fn commands(&mut self, commands: &[Words], atomic: bool) -> Result<(), Stop> {
        Ok(self.runner.run(commands, atomic, &mut self.tally)?)
    }
}

fn replay_into_folder(parts: &[Part], folder: &Path, options: &Import) -> Result<Tally, String> {
    let db = target::open_folder(folder, options.databases)?;
    if Folder::new(db.clone()).keys()? > 0 {
        return Err(format!(
            "the commands of an append-only file need an empty folder: {} is not",
            folder.display()
        ));
    }
    let mut replay = Replay::new(&db);
    rdb_file::read(parts, "Loading", &mut replay).map_err(|text| unfinished(&text, &replay.tally))?;
    let tally = replay.end(&db);
    // So that the first start reads the data and not how it came here.
    db.checkpoint().map_err(|error| error.to_string())?;
    db.close().map_err(|error| error.to_string())?;
    Ok(tally)
}

/// Commands are run here, and what they come to is sent: on the server time would not stand still meanwhile.
fn replay_into_server(parts: &[Part], options: &Import) -> Result<Tally, String> {
    let mut target = open_target(options)?;
    let databases = Options { databases: options.databases, ..Options::default() };
    let db = Database::memory(&databases).map_err(|error| error.to_string())?;
    let mut replay = Replay::new(&db);
    rdb_file::read(parts, "Loading", &mut replay)?;
    let mut tally = replay.end(&db);
    tally.forget_taken();
    let encoder = Encoder { dialect: Dialect::Valkey, compress: false };
    let (now_ms, mut object, mut sent) = (now_ms(), Vec::new(), Ok(()));
    db.visit_all(now_ms, &mut |number, seen| {
        if sent.is_err() {
            return;
        }
        object.clear();
        let Some(kind) = seen.put_object(encoder, now_ms, &mut object) else {
            return tally.refuse(seen.key(), NO_JSON);
        };
        let key = Traveller {
            db: u64::from(number),
            key: seen.key(),
            expire_at_ms: seen.expire_at_ms(),
            idle_seconds: None,
            frequency: None,
            dialect: encoder.dialect,
            kind,
            object: &object,
        };
        sent = target.put(&key, options.existing, &mut tally);
    });
    sent.and_then(|()| target.settle(&mut tally)).map_err(|text| unfinished(&text, &tally))?;
    Ok(tally)
}

// Running servers.

/// Between two notes of how far it is.
const NOTE_EVERY_MS: u64 = 2000;

fn from_server(url: &Url, options: &Import) -> Result<Tally, String> {
    let mut source = Source::open(url)?;
    let mut state = State {
        source: url.place() + &url.database.map(|db| format!("/{db}")).unwrap_or_default(),
        run_id: source.run_id.clone(),
        target: described(&options.to)?,
        ..State::default()
    };
    let earlier = State::load(&options.state)?;
    let mut tally = Tally::default();
    let mut target = match &earlier {
        Some(earlier) if (&earlier.source, &earlier.target) != (&state.source, &state.target) => {
            return Err(format!(
                "{} is of an import from {} to {}: end that one first, remove the file, or name another with --state",
                options.state.display(),
                earlier.source,
                earlier.target
            ));
        }
        // What is there may be of the earlier run.
        Some(_) => target::open(&options.to, options.databases)?,
        None => open_target(options)?,
    };
    if let Some(earlier) = earlier.filter(|earlier| earlier.run_id == state.run_id) {
        eprintln!("Going on where {} was left.", options.state.display());
        earlier.taken.iter().for_each(|(db, keys)| tally.add(*db, *keys));
        (state.position, state.taken) = (earlier.position, earlier.taken);
    }
    eprintln!("From {}: about {} keys", source.name, source.keys());
    if source.is_cluster {
        eprintln!("It is a node of a cluster: only its own keys are taken.");
    }
    // A key may be seen twice; the later one is as good or newer.
    let existing = if options.existing == Existing::Keep { Existing::Keep } else { Existing::Replace };
    let (from, progress) = (state.position, Progress::keys("Taking", source.keys()));
    let path = options.state.as_path();
    let mut taking =
        Taking { target: &mut *target, existing, tally: &mut tally, state, path, progress, noted_ms: 0 };
    let walked = source.walk(from, &mut taking);
    drop(taking);
    if let Err(text) = walked {
        let taken = tally.keys();
        return Err(format!("{text}; {taken} keys were taken, and the same command goes on from there"));
    }
    for _ in 0..source.functions()? {
        tally.leave("library of functions, which Ramekin does not have yet");
    }
    target.finish(&mut tally)?;
    if options.state.exists() {
        std::fs::remove_file(&options.state)
            .map_err(|error| format!("cannot remove {}: {error}", options.state.display()))?;
    }
    Ok(tally)
}

/// The target, as a later run would name it.
fn described(place: &Place) -> Result<String, String> {
    match place {
        Place::Server(url) => Ok(url.place()),
        Place::Folder(folder) => std::path::absolute(folder)
            .map(|folder| folder.to_string_lossy().into_owned())
            .map_err(|error| format!("{}: {error}", folder.display())),
    }
}

struct Taking<'a> {
    target: &'a mut dyn Target,
    existing: Existing,
    tally: &'a mut Tally,
    state: State,
    path: &'a Path,
    progress: Progress,
    noted_ms: u64,
}

impl Sink for Taking<'_> {
    fn key(&mut self, key: &Traveller<'_>) -> Result<(), String> {
        self.target.put(key, self.existing, self.tally)
    }

    fn refused(&mut self, key: &[u8], reason: &str) {
        self.tally.refuse(key, reason);
    }

    fn passed(&mut self, db: u64, cursor: u64) -> Result<(), String> {
        self.progress.at(self.tally.keys());
        if now_ms() < self.noted_ms + NOTE_EVERY_MS {
            return Ok(());
        }
        // What the note claims is safe before it is written.
        self.target.settle(self.tally)?;
        self.state.position = match cursor {
            0 => Position { db: db + 1, cursor: 0 },
            cursor => Position { db, cursor },
        };
        self.state.taken = self.tally.taken().collect();
        self.state.store(self.path)?;
        self.noted_ms = now_ms();
        Ok(())
    }
}
