//! Where keys are put: a data folder, or a running server over a pipeline.

use super::link::{Link, info_databases, info_field};
use super::options::{Existing, Place};
use super::tally::Tally;
use super::url::Url;
use super::{Traveller, now_ms};
use ramekin::command::{self, Command};
use ramekin::log::AppendFsync;
use ramekin::rdb::{self, Dialect, Encoder, kind, payload};
use ramekin::{Caller, Collector, Database, Error, ErrorKind, Options, Response};
use ramekin_resp::Frame;
use std::collections::VecDeque;
use std::path::Path;

/// Takes keys. What becomes of each is counted, at the latest when it is settled.
pub(super) trait Target {
    /// Keys that it holds.
    fn keys(&mut self) -> Result<u64, String>;

    /// Puts a key.
    ///
    /// # Errors
    /// One line: it can take nothing more.
    fn put(&mut self, key: &Traveller<'_>, existing: Existing, tally: &mut Tally) -> Result<(), String>;

    /// Waits until all that was put is as safe as the target makes it.
    ///
    /// # Errors
    /// As [`Target::put`].
    fn settle(&mut self, tally: &mut Tally) -> Result<(), String>;

    /// Nothing more comes. Settles, and leaves the data in the form that is opened fastest.
    fn finish(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.settle(tally)
    }
}

/// Opens a target.
///
/// # Errors
/// One line: why not.
pub(super) fn open(place: &Place, databases: u32) -> Result<Box<dyn Target>, String> {
    Ok(match place {
        Place::Folder(folder) => Box::new(Folder::new(open_folder(folder, databases)?)),
        Place::Server(url) => Box::new(Server::open(url)?),
    })
}

/// Opens a data folder; it is made if it is not there.
///
/// # Errors
/// One line: why not, and what to do if a server is using it.
pub(super) fn open_folder(folder: &Path, databases: u32) -> Result<Database, String> {
    let options = Options { databases, appendfsync: AppendFsync::No, ..Options::default() };
    Database::open_with(folder, &options).map_err(|error| explained(&error))
}

/// The line about a folder that cannot be opened.
pub(super) fn explained(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Locked => format!("{error}, or name the server by its redis:// address"),
        _ => error.to_string(),
    }
}

/// After so many bytes the log is handed to the operating system.
const WRITE_BYTES: usize = 1 << 20;

/// An open database.
pub(super) struct Folder {
    db: Database,
    caller: Caller,
    restore: &'static Command,
    payload: Vec<u8>,
    unwritten: usize,
    /// The time of all that is put, instead of the clock's.
    frozen_ms: Option<u64>,
}

impl Folder {
    pub(super) fn new(db: Database) -> Self {
        let restore = command::find(b"restore").expect("the command is in the table");
        Self { db, caller: Caller::default(), restore, payload: Vec::new(), unwritten: 0, frozen_ms: None }
    }

    /// For everything that is put from now on it is this time.
    pub(super) fn freeze(&mut self, now_ms: u64) {
        self.frozen_ms = Some(now_ms);
    }

    /// Counts what was written to the log, and hands it on now and then.
    fn wrote(&mut self, bytes: usize) -> Result<(), String> {
        self.unwritten += bytes;
        if self.unwritten > WRITE_BYTES {
            self.unwritten = 0;
            return self.db.write_log().map_err(|error| failed(&error));
        }
        Ok(())
    }
}

fn failed(error: &Error) -> String {
    format!("the data folder takes nothing more: {error}")
}

impl Target for Folder {
    fn keys(&mut self) -> Result<u64, String> {
        Ok((0..self.db.databases()).map(|db| self.db.database_counts(db).keys as u64).sum())
    }

    fn put(&mut self, key: &Traveller<'_>, existing: Existing, tally: &mut Tally) -> Result<(), String> {
        if !is_here(key, tally) {
            return Ok(());
        }
        let now_ms = self.frozen_ms.unwrap_or_else(|| self.db.now_ms());
        if key.expire_at_ms != 0 && key.expire_at_ms <= now_ms {
            tally.expired += 1;
            return Ok(());
        }
        let db = u32::try_from(key.db).ok().filter(|db| *db < self.db.databases()).ok_or_else(|| {
            let needed = key.db.saturating_add(1);
            format!("there are keys in database {}: say --databases {needed} or more", key.db)
        })?;
        (self.caller.db, self.caller.now_ms) = (db, now_ms);
        self.payload.clear();
        self.payload.push(key.kind);
        self.payload.extend_from_slice(key.object);
        payload::seal(version_of(key), &mut self.payload);
        let (expiry, used) = (key.expire_at_ms.to_string(), Used::of(key));
        let mut words: Vec<&[u8]> = vec![b"RESTORE", key.key, expiry.as_bytes(), &self.payload, b"ABSTTL"];
        if existing == Existing::Replace {
            words.push(b"REPLACE");
        }
        used.add_to(&mut words);
        let mut out = Collector::new();
        self.db.run(&mut self.caller, self.restore, &words, &mut out);
        match out.into_response() {
            Some(Response::Error(text)) if text.starts_with("MISCONF") || text.starts_with("OOM") => {
                return Err(text);
            }
            Some(Response::Error(text)) => count_refusal(key.key, &text, tally),
            _ => tally.take(key.db),
        }
        self.wrote(key.key.len() + key.object.len())
    }

    fn settle(&mut self, _: &mut Tally) -> Result<(), String> {
        self.unwritten = 0;
        self.db.sync_log().map_err(|error| failed(&error))
    }

    fn finish(&mut self, _: &mut Tally) -> Result<(), String> {
        self.db.checkpoint().map(|_| ()).map_err(|error| failed(&error))
    }
}

/// Requests that are on their way at once, and their bytes.
const PIPELINE_KEYS: usize = 1000;
const PIPELINE_BYTES: usize = 256 << 10;

/// A running server.
struct Server {
    link: Link,
    /// What has been asked: a key, or none for a change of the database.
    asked: VecDeque<(u64, Option<Vec<u8>>)>,
    selected: u64,
    /// How objects that only one dialect has are written for it.
    encoder: Encoder,
    /// Types that it does not have are not even sent.
    is_ramekin: bool,
    payload: Vec<u8>,
}

impl Server {
    fn open(url: &Url) -> Result<Self, String> {
        let mut link = Link::open(url)?;
        let info = link.text(&[b"INFO", b"server"])?;
        let is_ramekin = info_field(&info, "ramekin_version").is_some();
        let is_valkey = info_field(&info, "valkey_version")
            .and_then(|version| version.split('.').next()?.parse::<u32>().ok())
            .is_some_and(|major| major >= 9);
        let dialect = if is_ramekin || is_valkey { Dialect::Valkey } else { Dialect::Redis };
        let encoder = Encoder { dialect, compress: true };
        let (asked, payload) = (VecDeque::new(), Vec::new());
        Ok(Self { link, asked, selected: 0, encoder, is_ramekin, payload })
    }

    /// Puts type, object and footer into `payload`.
    fn pack(&mut self, key: &Traveller<'_>) -> Result<(), rdb::Fault> {
        self.payload.clear();
        self.payload.push(key.kind);
        let version = if kind::is_common(key.kind) {
            self.payload.extend_from_slice(key.object);
            kind::since(key.kind)
        } else if key.dialect == self.encoder.dialect {
            self.payload.extend_from_slice(key.object);
            self.encoder.version_for(key.kind)
        } else {
            let kind = rdb::convert(key.kind, key.dialect, key.object, self.encoder, &mut self.payload)?;
            self.payload[0] = kind;
            self.encoder.version_for(kind)
        };
        payload::seal(version, &mut self.payload);
        Ok(())
    }

    /// Sends what was asked and counts the answers.
    fn exchange(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.link.send()?;
        while let Some((db, key)) = self.asked.pop_front() {
            match (self.link.answer()?, key) {
                (Frame::Error(text), None) => {
                    return Err(self.link.refused(format!("SELECT {db}").as_bytes(), &text));
                }
                (Frame::Error(text), Some(_)) if text.starts_with(b"OOM") || text.starts_with(b"MISCONF") => {
                    return Err(self.link.refused(b"RESTORE", &text));
                }
                (Frame::Error(text), Some(key)) => {
                    count_refusal(&key, &String::from_utf8_lossy(&text), tally);
                }
                (_, Some(_)) => tally.take(db),
                (_, None) => {}
            }
        }
        Ok(())
    }
}

impl Target for Server {
    fn keys(&mut self) -> Result<u64, String> {
        let info = self.link.text(&[b"INFO", b"keyspace"])?;
        Ok(info_databases(&info).iter().map(|(_, keys)| keys).sum())
    }

    fn put(&mut self, key: &Traveller<'_>, existing: Existing, tally: &mut Tally) -> Result<(), String> {
        if self.is_ramekin && !is_here(key, tally) {
            return Ok(());
        }
        if key.expire_at_ms != 0 && key.expire_at_ms <= now_ms() {
            tally.expired += 1;
            return Ok(());
        }
        if let Err(fault) = self.pack(key) {
            tally.refuse(key.key, &fault.to_string());
            return Ok(());
        }
        if self.selected != key.db {
            self.link.ask(&[b"SELECT", key.db.to_string().as_bytes()]);
            self.asked.push_back((key.db, None));
            self.selected = key.db;
        }
        let (expiry, used) = (key.expire_at_ms.to_string(), Used::of(key));
        let mut words: Vec<&[u8]> = vec![b"RESTORE", key.key, expiry.as_bytes(), &self.payload, b"ABSTTL"];
        if existing == Existing::Replace {
            words.push(b"REPLACE");
        }
        used.add_to(&mut words);
        self.link.ask(&words);
        self.asked.push_back((key.db, Some(key.key.to_vec())));
        if self.asked.len() >= PIPELINE_KEYS || self.link.unsent() >= PIPELINE_BYTES {
            self.exchange(tally)?;
        }
        Ok(())
    }

    fn settle(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.exchange(tally)
    }
}

/// Whether there are values of a key's type in Ramekin; it is counted if not.
fn is_here(key: &Traveller<'_>, tally: &mut Tally) -> bool {
    let is_here = rdb::is_supported(key.kind, key.dialect);
    if !is_here {
        tally.leave_type(kind::type_name(key.kind, key.dialect).unwrap_or("unknown"));
    }
    is_here
}

fn count_refusal(key: &[u8], text: &str, tally: &mut Tally) {
    if text.starts_with("BUSYKEY") {
        tally.kept += 1;
    } else {
        tally.refuse(key, text);
    }
}

fn version_of(key: &Traveller<'_>) -> u16 {
    Encoder { dialect: key.dialect, compress: false }.version_for(key.kind)
}

/// What is told of the use of a key, as words of RESTORE.
struct Used(Option<(&'static [u8], String)>);

impl Used {
    fn of(key: &Traveller<'_>) -> Self {
        let idle = key.idle_seconds.filter(|seconds| i64::try_from(*seconds).is_ok());
        Self(match (key.frequency, idle) {
            (Some(counter), _) => Some((b"FREQ", counter.to_string())),
            (None, Some(seconds)) => Some((b"IDLETIME", seconds.to_string())),
            (None, None) => None,
        })
    }

    fn add_to<'w>(&'w self, words: &mut Vec<&'w [u8]>) {
        if let Some((name, value)) = &self.0 {
            words.extend([name, value.as_bytes()]);
        }
    }
}
