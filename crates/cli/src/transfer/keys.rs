//! The keys of a running server, by SCAN, DUMP and PEXPIRETIME, while it goes on serving.
//!
//! What must hold: a key that is there from the beginning to the end is given at least once; one that is changed meanwhile
//! is given as it was at some moment in between. A cursor stays good for as long as the server runs, so that a walk may be
//! taken up where it was left.

use super::link::{Link, info_databases, info_field};
use super::url::Url;
use super::{Traveller, now_ms};
use ramekin::rdb::payload;
use ramekin_resp::Frame;

/// Keys asked for at once: the server has to hold the answers.
const BATCH_KEYS: &str = "200";

/// Takes what is found.
pub(super) trait Sink {
    /// A key.
    fn key(&mut self, key: &Traveller<'_>) -> Result<(), String>;

    /// A key that the server does not give out, or not in a form that is known.
    fn refused(&mut self, key: &[u8], reason: &str);

    /// Everything in this database before this cursor has been given; 0: all of the database.
    fn passed(&mut self, db: u64, cursor: u64) -> Result<(), String>;
}

/// A running server to take keys from.
pub(super) struct Source {
    link: Link,
    /// Who it is, until it is started again.
    pub(super) run_id: String,
    /// Its name and version.
    pub(super) name: String,
    /// Tells when a key expires; before Redis 7.0 only how long it has.
    time: &'static [u8],
    /// A node of a cluster has only some of the keys.
    pub(super) is_cluster: bool,
    /// Databases with keys, and how many.
    databases: Vec<(u64, u64)>,
}

/// Where a walk begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) db: u64,
    pub(super) cursor: u64,
}

impl Source {
    /// Connects and looks around.
    ///
    /// # Errors
    /// One line: why not.
    pub(super) fn open(url: &Url) -> Result<Self, String> {
        let mut link = Link::open(url)?;
        let server = link.text(&[b"INFO", b"server"])?;
        let keyspace = link.text(&[b"INFO", b"keyspace"])?;
        let mut databases = info_databases(&keyspace);
        if let Some(only) = url.database {
            databases.retain(|(db, _)| *db == only);
        }
        let version =
            |field, name: &str| info_field(&server, field).map(|version| format!("{name} {version}"));
        let name = version("ramekin_version", "Ramekin")
            .or_else(|| version("valkey_version", "Valkey"))
            .or_else(|| version("redis_version", "Redis"));
        let time: &[u8] = match link.call(&[b"PEXPIRETIME", b""])? {
            Frame::Error(_) => b"PTTL",
            _ => b"PEXPIRETIME",
        };
        let mode = info_field(&server, "redis_mode").or_else(|| info_field(&server, "server_mode"));
        Ok(Self {
            run_id: info_field(&server, "run_id").unwrap_or_default().to_owned(),
            name: format!("{} at {}", name.unwrap_or_else(|| "a server".to_owned()), link.place()),
            time,
            is_cluster: mode == Some("cluster"),
            databases,
            link,
        })
    }

    /// Keys that there are, about.
    pub(super) fn keys(&self) -> u64 {
        self.databases.iter().map(|(_, keys)| keys).sum()
    }

    /// Libraries of functions that there are; none where nothing is known of functions.
    pub(super) fn functions(&mut self) -> Result<usize, String> {
        Ok(match self.link.call(&[b"FUNCTION", b"LIST"])? {
            Frame::Array(libraries) => libraries.len(),
            _ => 0,
        })
    }

    /// Walks over all keys, database by database.
    ///
    /// # Errors
    /// One line: the connection was lost, or the sink takes nothing more.
    pub(super) fn walk(&mut self, from: Position, sink: &mut dyn Sink) -> Result<(), String> {
        for (db, _) in self.databases.clone() {
            if db < from.db {
                continue;
            }
            self.link.expect_ok(&[b"SELECT", db.to_string().as_bytes()])?;
            let mut cursor = if db == from.db { from.cursor } else { 0 };
            self.ask_scan(cursor);
            self.link.send()?;
            loop {
                let (next, keys) = self.scanned()?;
                for key in &keys {
                    self.link.ask(&[b"DUMP", key]);
                    self.link.ask(&[self.time, key]);
                }
                cursor = next;
                if cursor != 0 {
                    // The server looks for the next keys while these are put where they go.
                    self.ask_scan(cursor);
                }
                self.link.send()?;
                for key in &keys {
                    self.one(db, key, sink)?;
                }
                sink.passed(db, cursor)?;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn ask_scan(&mut self, cursor: u64) {
        self.link.ask(&[b"SCAN", cursor.to_string().as_bytes(), b"COUNT", BATCH_KEYS.as_bytes()]);
    }

    fn scanned(&mut self) -> Result<(u64, Vec<Vec<u8>>), String> {
        let strange = || "SCAN is answered in another form than it should be".to_owned();
        let parts = match self.link.answer()? {
            Frame::Array(parts) => parts,
            Frame::Error(text) => return Err(self.link.refused(b"SCAN", &text)),
            _ => return Err(strange()),
        };
        let [Frame::Bulk(cursor), Frame::Array(keys)] = &parts[..] else { return Err(strange()) };
        let cursor =
            std::str::from_utf8(cursor).ok().and_then(|text| text.parse().ok()).ok_or_else(strange)?;
        let keys = keys.iter().map(|key| match key {
            Frame::Bulk(key) => Ok(key.clone()),
            _ => Err(strange()),
        });
        Ok((cursor, keys.collect::<Result<_, _>>()?))
    }

    /// Takes the two answers about a key.
    fn one(&mut self, db: u64, key: &[u8], sink: &mut dyn Sink) -> Result<(), String> {
        let (dump, time) = (self.link.answer()?, self.link.answer()?);
        let dump = match dump {
            Frame::Bulk(dump) => dump,
            // It is gone by now.
            Frame::Null => return Ok(()),
            Frame::Error(text) => {
                sink.refused(key, &String::from_utf8_lossy(&text));
                return Ok(());
            }
            _ => return Err("DUMP is answered in another form than it should be".to_owned()),
        };
        let expire_at_ms = match time {
            Frame::Int(-1) => 0,
            Frame::Int(time) => match u64::try_from(time) {
                Ok(left_ms) if self.time == b"PTTL" => now_ms().saturating_add(left_ms.max(1)),
                Ok(at_ms) => at_ms.max(1),
                // It is gone by now.
                Err(_) => return Ok(()),
            },
            _ => return Err("the time of a key is answered in another form than it should be".to_owned()),
        };
        let Some(payload) = payload::open(&dump) else {
            sink.refused(key, "DUMP answers in a version that this release does not know");
            return Ok(());
        };
        sink.key(&Traveller {
            db,
            key,
            expire_at_ms,
            idle_seconds: None,
            frequency: None,
            dialect: payload.dialect,
            kind: payload.kind,
            object: payload.object,
        })
    }
}
