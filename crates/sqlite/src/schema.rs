//! What the store keeps beside tables of records, and the settings of connections.
//!
//! A page of the documentation, `docs/design/store.md`, says what the tables mean; whoever changes them raises [`FORMAT`].

use crate::fault;
use ramekin::store::{ErrorKind, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// The version of these tables.
pub(crate) const FORMAT: i64 = 2;
/// The first one in which rows have tags.
pub(crate) const TAGS_SINCE: i64 = 2;

/// How long a transaction waits for another process's.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// How many statements a connection keeps prepared.
const STATEMENTS: usize = 256;

/// The parts of a large value go with its row, or as it gets fewer of them, whatever removes or changes the row.
const TABLES: &str = "
CREATE TABLE ramekin_meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    format INTEGER NOT NULL,
    database_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    owner TEXT
) STRICT;
CREATE TABLE ramekin_lanes (
    lane INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    written INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    watermark INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE TABLE ramekin_tables (
    name TEXT PRIMARY KEY,
    stored_as TEXT NOT NULL UNIQUE COLLATE NOCASE,
    key_column TEXT NOT NULL,
    data_column TEXT NOT NULL,
    adopted INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE ramekin_keys (
    db INTEGER NOT NULL,
    key BLOB NOT NULL,
    ver INTEGER NOT NULL,
    expires_at INTEGER,
    kind INTEGER NOT NULL,
    parts INTEGER,
    data BLOB,
    PRIMARY KEY (db, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX ramekin_keys_expiry ON ramekin_keys (db, expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE ramekin_parts (
    db INTEGER NOT NULL,
    key BLOB NOT NULL,
    part INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (db, key, part)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER ramekin_keys_fewer_parts AFTER UPDATE ON ramekin_keys WHEN old.parts > coalesce(new.parts, 0) BEGIN
    DELETE FROM ramekin_parts WHERE db = old.db AND key = old.key AND part >= coalesce(new.parts, 0);
END;
CREATE TRIGGER ramekin_keys_no_parts AFTER DELETE ON ramekin_keys WHEN old.parts > 0 BEGIN
    DELETE FROM ramekin_parts WHERE db = old.db AND key = old.key;
END;
";

/// What came with the second version: the tags of keys, `tab` being the name of the table of a record and empty for all others.
const TAGS: &str = "
CREATE TABLE ramekin_tags (
    tab TEXT NOT NULL,
    db INTEGER NOT NULL,
    key BLOB NOT NULL,
    tag BLOB NOT NULL,
    PRIMARY KEY (tab, db, key, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX ramekin_tags_by_tag ON ramekin_tags (tab, db, tag, key);
";

/// Makes the tables that there are not in this version.
pub(crate) fn make(db: &Connection, format: Option<i64>) -> rusqlite::Result<()> {
    if format.is_none() {
        db.execute_batch(TABLES)?;
    }
    if format.is_none_or(|format| format < TAGS_SINCE) {
        db.execute_batch(TAGS)?;
    }
    Ok(())
}

/// The version of the tables that are there; none if there are none.
pub(crate) fn format(db: &Connection) -> rusqlite::Result<Option<i64>> {
    let there = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'ramekin_meta'";
    if db.query_row(there, (), |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    db.query_row("SELECT format FROM ramekin_meta", (), |row| row.get(0)).map(Some)
}

/// Opens the connection that writes; the file is made if it is not there.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY_WAIT)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        // The log is written back once it has this many pages, by whoever commits then; it keeps no more space than that.
        db.execute_batch(
            "PRAGMA cache_size = -65536; PRAGMA temp_store = memory; PRAGMA wal_autocheckpoint = 16384;
             PRAGMA journal_size_limit = 67108864;",
        )?;
        let mode: String = db.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
        // Each commit is synced before it is answered.
        db.execute_batch("PRAGMA synchronous = FULL")?;
        Ok((db, mode))
    };
    let (db, mode) = open().map_err(|error| fault::of(&error, path, None))?;
    if mode == "wal" {
        return Ok(db);
    }
    let text =
        format!("{}: this file system cannot hold it: choose a folder on a local disk", path.display());
    Err(StoreError::new(ErrorKind::Invalid, text))
}

/// Opens a connection that reads what is there.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_WAIT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.execute_batch("PRAGMA cache_size = -8192; PRAGMA temp_store = memory")?;
    Ok(db)
}
