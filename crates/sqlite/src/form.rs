//! How the rows of a place are kept, as statements.
//!
//! Owns the SQL of rows. Statements for keys and for records take the same parameters in the same places, so that what uses them
//! need not care: first the database (of no account to records), second the key. Names are quoted, values always bound.

use crate::select::JUDGE;
use ramekin::store::Place;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension};

/// The statements for the rows of one place.
pub(crate) struct Form {
    /// Database, key, version, expiry, data, kind or time of day, parts: the row becomes this one if its version is lower.
    pub(crate) upsert: String,
    /// The same, only if there is a row.
    pub(crate) update: String,
    /// Database, key, version: removes the row if its version is lower.
    pub(crate) remove: String,
    /// Database, key: its version.
    pub(crate) version: String,
    /// Database, key: version, expiry, data, kind, parts.
    pub(crate) load: String,
    /// Database, key, limit, now: keys and versions from this key on.
    pub(crate) page_from: String,
    /// The same after this key.
    pub(crate) page_after: String,
    /// Database, key, limit, now: rows after this key, or from the first one on, that [`crate::select::JUDGE`] lets pass.
    pub(crate) select_from: String,
    pub(crate) select_after: String,
    /// Database, now.
    pub(crate) count: String,
    /// Database, before, limit.
    pub(crate) remove_expired: String,
    /// Database, version.
    pub(crate) empty: String,
    /// Which those are, and those that `remove_expired` removes: their keys, as `key`.
    pub(crate) empties: String,
    pub(crate) expired: String,
    /// Database, table, tag, key, now, limit: keys with the tag and their versions; `{from}` is how keys compare to this one.
    pub(crate) tagged: String,
    /// Database, table, now: tags and how many rows have them.
    pub(crate) tag_counts: String,
}

/// What one kind of table differs in from another.
struct Names {
    table: String,
    key: String,
    data: String,
    version: String,
    expiry: String,
    /// Columns besides these, from parameter 6 on.
    more: &'static [&'static str],
    /// Which rows of the table are meant; true if all are.
    mine: &'static str,
    /// What its rows are told apart by, and so ordered.
    primary: String,
}

/// A table of records as it is registered.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) stored_as: String,
    pub(crate) key_column: String,
    pub(crate) data_column: String,
    /// Whether others had made it: then columns of ours have names that tell.
    pub(crate) is_adopted: bool,
}

/// A name as SQL has it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Registered {
    /// The columns of version and expiry.
    pub(crate) fn own_columns(&self) -> [&'static str; 2] {
        if self.is_adopted { ["ramekin_ver", "ramekin_expires_at"] } else { ["ver", "expires_at"] }
    }

    fn form(&self) -> Form {
        let [version, expiry] = self.own_columns();
        let key = quoted(&self.key_column);
        Form::of(&Names {
            table: quoted(&self.stored_as),
            primary: key.clone(),
            key,
            data: quoted(&self.data_column),
            version: version.to_owned(),
            expiry: expiry.to_owned(),
            more: if self.is_adopted { &[] } else { &["updated_at"] },
            mine: "true",
        })
    }
}

/// How a table of records is registered.
pub(crate) fn registered(db: &Connection, name: &str) -> rusqlite::Result<Option<Registered>> {
    let sql = "SELECT stored_as, key_column, data_column, adopted FROM ramekin_tables WHERE name = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_row([name], |row| {
        Ok(Registered {
            stored_as: row.get(0)?,
            key_column: row.get(1)?,
            data_column: row.get(2)?,
            is_adopted: row.get(3)?,
        })
    });
    found.optional()
}

/// The form of a table of records.
pub(crate) fn find(db: &Connection, name: &str) -> rusqlite::Result<Option<Form>> {
    Ok(registered(db, name)?.map(|table| table.form()))
}

impl Form {
    /// That of keys that are no records.
    pub(crate) fn keys() -> Self {
        Self::of(&Names {
            table: "ramekin_keys".to_owned(),
            primary: "db, key".to_owned(),
            key: "key".to_owned(),
            data: "data".to_owned(),
            version: "ver".to_owned(),
            expiry: "expires_at".to_owned(),
            more: &["kind", "parts"],
            mine: "db = ?1",
        })
    }

    fn of(names: &Names) -> Self {
        let Names { table, key, data, version, expiry, more, mine, primary } = names;
        let is_keys = more.contains(&"kind");
        let database = if is_keys { "db, " } else { "" };
        let database_value = if is_keys { "?1, " } else { "" };
        let kind = if is_keys { "kind, parts" } else { "NULL, NULL" };
        let more_at = || more.iter().zip(6..);
        let columns: String = more.iter().map(|column| format!(", {column}")).collect();
        let values: String = more_at().map(|(_, at)| format!(", ?{at}")).collect();
        let sets: String = more_at().map(|(column, at)| format!(", {column} = ?{at}")).collect();
        let sets = format!("{version} = ?3, {expiry} = ?4, {data} = ?5{sets}");
        let row = format!("{mine} AND {key} = ?2");
        let page = |from: &str| {
            format!(
                "SELECT {key}, {version} FROM {table} WHERE {mine} AND {key} {from} ?2 AND ({expiry} IS NULL OR {expiry} >= ?4)
                 ORDER BY {key} LIMIT ?3"
            )
        };
        let select = |from: &str| {
            format!(
                "SELECT {key}, {version}, {expiry}, {data} FROM {table} WHERE {mine} AND {key} {from} ?2 AND ({expiry} IS NULL OR {expiry} >= ?4)
                 AND {JUDGE}({key}, {data}, {expiry}) ORDER BY {key} LIMIT ?3"
            )
        };
        let tagged_key = if is_keys { "g.key" } else { "CAST(g.key AS TEXT)" };
        let tagged_rows = format!(
            "ramekin_tags g JOIN {table} r ON r.{key} = {tagged_key}{} WHERE g.tab = ?2 AND g.db = ?1",
            if is_keys { " AND r.db = g.db" } else { "" }
        );
        let expired =
            format!("FROM {table} WHERE {mine} AND {expiry} < ?2 ORDER BY {expiry}, {primary} LIMIT ?3");
        Self {
            empties: format!("SELECT {key} AS key FROM {table} WHERE {mine} AND {version} <= ?2"),
            expired: format!("SELECT {key} AS key {expired}"),
            tagged: format!(
                "SELECT g.key, r.{version} FROM {tagged_rows} AND g.tag = ?3 AND g.key {{from}} ?4
                 AND (r.{expiry} IS NULL OR r.{expiry} >= ?5) ORDER BY g.key LIMIT ?6"
            ),
            tag_counts: format!(
                "SELECT g.tag, count(*) FROM {tagged_rows} AND (r.{expiry} IS NULL OR r.{expiry} >= ?3) GROUP BY g.tag"
            ),
            upsert: format!(
                "INSERT INTO {table} ({database}{key}, {version}, {expiry}, {data}{columns})
                 VALUES ({database_value}?2, ?3, ?4, ?5{values})
                 ON CONFLICT ({primary}) DO UPDATE SET {sets} WHERE {version} < ?3"
            ),
            update: format!("UPDATE {table} SET {sets} WHERE {row} AND {version} < ?3"),
            remove: format!("DELETE FROM {table} WHERE {row} AND {version} < ?3"),
            version: format!("SELECT {version} FROM {table} WHERE {row}"),
            load: format!("SELECT {version}, {expiry}, {data}, {kind} FROM {table} WHERE {row}"),
            page_from: page(">="),
            page_after: page(">"),
            select_from: select(">="),
            select_after: select(">"),
            count: format!(
                "SELECT (SELECT count(*) FROM {table} WHERE {mine}) -
                        (SELECT count(*) FROM {table} WHERE {mine} AND {expiry} < ?2)"
            ),
            remove_expired: format!("DELETE FROM {table} WHERE ({primary}) IN (SELECT {primary} {expired})"),
            empty: format!("DELETE FROM {table} WHERE {mine} AND {version} <= ?2"),
        }
    }
}

/// A key as SQLite has it: text for records, bytes for all else.
pub(crate) struct Key<'a>(pub(crate) &'a Place, pub(crate) &'a [u8]);

impl ToSql for Key<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Place::Keys(_) => ValueRef::Blob(self.1),
            Place::Table(_) => ValueRef::Text(self.1),
        }))
    }
}

/// The number of a place's database.
pub(crate) fn database(place: &Place) -> i64 {
    match place {
        Place::Keys(database) => i64::from(*database),
        Place::Table(_) => 0,
    }
}

/// A moment or a bound as SQLite can compare it: nothing it holds is above its highest number.
pub(crate) fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
