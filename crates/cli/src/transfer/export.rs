//! `ramekin export`: all data as an RDB file.
//!
//! What must hold: the file appears whole, under its name, or not at all; a key stands in it once, since whoever loads it
//! takes a second one for damage.

use super::keys::{Position, Sink, Source};
use super::options::{self, EXPORT_HELP, Export, Place};
use super::progress::Progress;
use super::tally::Tally;
use super::target::{explained, open_folder};
use super::url::Url;
use super::{NO_JSON, SOME_NOT_TAKEN, Traveller, now_ms};
use ramekin::io::os::OsDisk;
use ramekin::manifest::Manifest;
use ramekin::rdb::{self, Encoder, Writer, kind};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Out = Writer<BufWriter<File>>;

/// Runs `ramekin export`.
///
/// # Errors
/// One line: what is wrong; then there is no new file.
pub(crate) fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let Some(options) = options::export(args)? else { return crate::print(EXPORT_HELP) };
    if options.file.exists() && !options.overwrite {
        return Err(format!("{} is there already: --overwrite replaces it", options.file.display()));
    }
    let new = New::create(&options.file)?;
    let encoder = Encoder { dialect: options.dialect, compress: options.compress };
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", new.path.display());
    let file = File::create(&new.path).map_err(failed)?;
    let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, file), encoder).map_err(failed)?;
    let ctime = (now_ms() / 1000).to_string();
    for (name, value) in
        [("ramekin-ver", env!("CARGO_PKG_VERSION")), ("redis-bits", "64"), ("ctime", ctime.as_str())]
    {
        writer.aux(name, value).map_err(failed)?;
    }
    let tally = match &options.from {
        Place::Folder(folder) => from_folder(folder, &options, &mut writer)?,
        Place::Server(url) => from_server(url, &mut writer)?,
    };
    let file = writer.finish().and_then(|out| out.into_inner().map_err(std::io::IntoInnerError::into_error));
    file.and_then(|file| file.sync_all()).map_err(failed)?;
    new.publish(&options.file)?;
    crate::print(&tally.report("Written"))?;
    Ok(if tally.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(SOME_NOT_TAKEN) })
}

/// A file under another name until it is whole; it is removed if it never is.
struct New {
    path: PathBuf,
    published: bool,
}

impl New {
    fn create(file: &Path) -> Result<Self, String> {
        let name = file.file_name().ok_or_else(|| format!("{} is no name of a file", file.display()))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}", std::process::id()));
        Ok(Self { path: file.with_file_name(hidden), published: false })
    }

    fn publish(mut self, file: &Path) -> Result<(), String> {
        std::fs::rename(&self.path, file).map_err(|error| {
            format!("cannot rename {} to {}: {error}", self.path.display(), file.display())
        })?;
        self.published = true;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| format!("cannot sync {}: {error}", folder.display()))
    }
}

impl Drop for New {
    fn drop(&mut self) {
        if !self.published {
            // It may never have been made.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn from_folder(folder: &Path, options: &Export, writer: &mut Out) -> Result<Tally, String> {
    let disk = OsDisk::open_read_only(folder).map_err(|error| explained(&error))?;
    if Manifest::load(&disk).map_err(|error| error.to_string())?.is_none() {
        return Err(format!("{} holds no data", folder.display()));
    }
    drop(disk);
    let db = open_folder(folder, options.databases)?;
    let (now_ms, encoder) = (db.now_ms(), writer.encoder());
    let keys = (0..db.databases()).map(|number| db.database_counts(number).keys as u64).sum();
    let progress = Progress::keys("Writing", keys);
    let (mut tally, mut object, mut written) = (Tally::default(), Vec::new(), Ok(()));
    db.visit_all(now_ms, &mut |number, seen| {
        if written.is_err() {
            return;
        }
        object.clear();
        let Some(kind) = seen.put_object(encoder, now_ms, &mut object) else {
            return tally.refuse(seen.key(), NO_JSON);
        };
        written = writer.key(u64::from(number), seen.key(), seen.expire_at_ms(), kind, &object);
        tally.take(u64::from(number));
        progress.at(writer.keys());
    });
    written.map_err(|error| format!("cannot write the file: {error}"))?;
    db.close().map_err(|error| error.to_string())?;
    Ok(tally)
}

fn from_server(url: &Url, writer: &mut Out) -> Result<Tally, String> {
    let mut source = Source::open(url)?;
    eprintln!("From {}: about {} keys", source.name, source.keys());
    if source.is_cluster {
        eprintln!("It is a node of a cluster: only its own keys are written.");
    }
    let progress = Progress::keys("Writing", source.keys());
    let mut tally = Tally::default();
    let seen = Seen::default();
    let mut writing = Writing { writer, tally: &mut tally, seen, object: Vec::new(), progress };
    source.walk(Position::default(), &mut writing)?;
    drop(writing);
    for _ in 0..source.functions()? {
        tally.leave("library of functions, which is no key");
    }
    Ok(tally)
}

/// Keys of a database that have been written: 128 bits of each, since a walk may come upon a key twice.
#[derive(Default)]
struct Seen {
    hashers: (RandomState, RandomState),
    keys: HashSet<(u64, u64)>,
}

impl Seen {
    fn is_new(&mut self, key: &[u8]) -> bool {
        self.keys.insert((self.hashers.0.hash_one(key), self.hashers.1.hash_one(key)))
    }
}

struct Writing<'a> {
    writer: &'a mut Out,
    tally: &'a mut Tally,
    seen: Seen,
    object: Vec<u8>,
    progress: Progress,
}

impl Sink for Writing<'_> {
    fn key(&mut self, key: &Traveller<'_>) -> Result<(), String> {
        if !self.seen.is_new(key.key) {
            return Ok(());
        }
        let encoder = self.writer.encoder();
        let (kind, object) = if kind::is_common(key.kind) || key.dialect == encoder.dialect {
            (key.kind, key.object)
        } else {
            self.object.clear();
            match rdb::convert(key.kind, key.dialect, key.object, encoder, &mut self.object) {
                Ok(kind) => (kind, &self.object[..]),
                Err(fault) => {
                    self.tally.refuse(key.key, &fault.to_string());
                    return Ok(());
                }
            }
        };
        self.tally.take(key.db);
        let written = self.writer.key(key.db, key.key, key.expire_at_ms, kind, object);
        written.map_err(|error| format!("cannot write the file: {error}"))
    }

    fn refused(&mut self, key: &[u8], reason: &str) {
        self.tally.refuse(key, reason);
    }

    fn passed(&mut self, _: u64, cursor: u64) -> Result<(), String> {
        self.progress.at(self.writer.keys());
        if cursor == 0 {
            self.seen.keys.clear();
        }
        Ok(())
    }
}
