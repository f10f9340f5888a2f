//! Tables of records: made here, or made by others and taken as they are.
//!
//! What must hold: a table of others' is never dropped, and gets only columns whose names say whose they are; its keys have to
//! be text, compared by their bytes, and unique.

use crate::claim;
use crate::form::{Registered, quoted, registered};
use crate::shared::Shared;
use crate::tags;
use ramekin::store::{ErrorKind, Place, StoreError, Table};
use rusqlite::{OptionalExtension, Transaction};

/// What a table without other names for them calls its columns.
const KEY: &str = "key";
const DATA: &str = "data";

/// Makes a table, or takes the one that is there.
pub(crate) fn define(shared: &Shared, table: &Table) -> Result<(), StoreError> {
    let mut wanted = wanted(shared, table)?;
    let place = Place::Table(table.name.clone());
    let fault = |error: rusqlite::Error| shared.fault(&error, Some(&place));
    shared.forget_forms();
    shared.write(|transaction, _| {
        if let Some(known) = registered(transaction, &table.name).map_err(fault)? {
            return is_same(shared, table, &known, &wanted);
        }
        if let Some(other) = owner_of(transaction, &wanted.stored_as).map_err(fault)? {
            if table.stored_as.is_some() {
                let text = format!("the table {:?} holds the records of {other:?} already", wanted.stored_as);
                return Err(shared.error(ErrorKind::Invalid, &text));
            }
            // Its name differs in case from another one's, which means nothing here.
            wanted.stored_as = free_name(transaction, &wanted.stored_as).map_err(fault)?;
        }
        let there =
            "SELECT count(*) FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
        let there: i64 =
            transaction.query_row(there, [&wanted.stored_as], |row| row.get(0)).map_err(fault)?;
        let new = Registered { is_adopted: there != 0, ..wanted };
        if new.is_adopted {
            adopt(shared, transaction, &new, &place)?;
        } else {
            make(transaction, &new).map_err(fault)?;
        }
        let register = "INSERT INTO ramekin_tables (name, stored_as, key_column, data_column, adopted)
                        VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = (&*table.name, &new.stored_as, &new.key_column, &new.data_column, new.is_adopted);
        transaction.execute(register, row).map_err(fault)?;
        Ok(())
    })
}

/// Whose records a table holds.
fn owner_of(transaction: &Transaction<'_>, stored_as: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT name FROM ramekin_tables WHERE stored_as = ?1";
    transaction.query_row(sql, [stored_as], |row| row.get(0)).optional()
}

/// A name of which nothing is there: this one with a number.
fn free_name(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<String> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE)
               OR EXISTS (SELECT 1 FROM ramekin_tables WHERE stored_as = ?1)";
    let mut number = 2;
    loop {
        let numbered = format!("{name}_{number}");
        if !transaction.query_row(sql, [&numbered], |row| row.get::<_, bool>(0))? {
            return Ok(numbered);
        }
        number += 1;
    }
}

/// Whether a table may have got its name by [`free_name`].
fn is_numbered(stored_as: &str, name: &str) -> bool {
    let number = stored_as.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Drops a table that was made here; leaves alone one of others'.
pub(crate) fn drop_table(shared: &Shared, table: &Table, epoch: u64) -> Result<(), StoreError> {
    let place = Place::Table(table.name.clone());
    let fault = |error: rusqlite::Error| shared.fault(&error, Some(&place));
    let dropped = shared.write(|transaction, _| {
        claim::fence(shared, transaction, epoch)?;
        let Some(known) = registered(transaction, &table.name).map_err(fault)? else { return Ok(()) };
        if !known.is_adopted {
            let sql = format!("DROP TABLE IF EXISTS {}", quoted(&known.stored_as));
            transaction.execute_batch(&sql).map_err(fault)?;
        }
        transaction.execute("DELETE FROM ramekin_tables WHERE name = ?1", [&*table.name]).map_err(fault)?;
        tags::drop_table(shared, transaction, &table.name).map_err(fault)?;
        Ok(())
    });
    shared.forget_forms();
    dropped
}

/// How a table is to be kept, by what it is called.
fn wanted(shared: &Shared, table: &Table) -> Result<Registered, StoreError> {
    let stored_as = table.stored_as.as_deref().unwrap_or(&table.name);
    let stored_as = stored_as.strip_prefix("main.").unwrap_or(stored_as).to_owned();
    let or = |column: &Option<String>, default: &str| column.clone().unwrap_or_else(|| default.to_owned());
    let (key_column, data_column) = (or(&table.key_column, KEY), or(&table.data_column, DATA));
    let names = [&*table.name, &stored_as, &key_column, &data_column];
    let lower = stored_as.to_ascii_lowercase();
    let is_reserved = lower.starts_with("ramekin_") || lower.starts_with("sqlite_");
    if is_reserved || names.iter().any(|name| name.is_empty() || name.contains('\0')) {
        let text = format!("a table of records cannot be called {:?} in here", &*table.name);
        return Err(shared.error(ErrorKind::Invalid, &text));
    }
    Ok(Registered { stored_as, key_column, data_column, is_adopted: false })
}

fn is_same(
    shared: &Shared,
    table: &Table,
    known: &Registered,
    wanted: &Registered,
) -> Result<(), StoreError> {
    let names = |table: &Registered| {
        [&table.stored_as, &table.key_column, &table.data_column].map(|name| name.to_ascii_lowercase())
    };
    if names(known) == names(wanted) {
        return Ok(());
    }
    let numbered = Registered { stored_as: known.stored_as.clone(), ..wanted.clone() };
    if table.stored_as.is_none()
        && is_numbered(&known.stored_as, &table.name)
        && names(known) == names(&numbered)
    {
        return Ok(());
    }
    let text = format!(
        "the records of {:?} are in the table {:?} (columns {:?} and {:?}): drop it here first",
        &*table.name, known.stored_as, known.key_column, known.data_column
    );
    Err(shared.error(ErrorKind::Invalid, &text))
}

fn make(transaction: &Transaction<'_>, new: &Registered) -> rusqlite::Result<()> {
    let [table, key, data] = [&new.stored_as, &new.key_column, &new.data_column].map(|name| quoted(name));
    transaction.execute_batch(&format!(
        "CREATE TABLE {table} (
            {key} TEXT PRIMARY KEY NOT NULL,
            {data} TEXT NOT NULL CHECK (json_valid({data})),
            ver INTEGER NOT NULL,
            expires_at INTEGER,
            updated_at INTEGER NOT NULL
         ) STRICT, WITHOUT ROWID"
    ))?;
    index_expiry(transaction, new)
}

/// What has an expiry, by it.
fn index_expiry(transaction: &Transaction<'_>, table: &Registered) -> rusqlite::Result<()> {
    let [_, expiry] = table.own_columns();
    let index = quoted(&format!("ramekin_expiry_{}", table.stored_as));
    let table = quoted(&table.stored_as);
    transaction.execute_batch(&format!(
        "CREATE INDEX IF NOT EXISTS {index} ON {table} ({expiry}) WHERE {expiry} IS NOT NULL"
    ))
}

/// A column of a table that is there.
struct Column {
    name: String,
    declared: String,
}

fn adopt(
    shared: &Shared,
    transaction: &Transaction<'_>,
    new: &Registered,
    place: &Place,
) -> Result<(), StoreError> {
    let fault = |error: rusqlite::Error| shared.fault(&error, Some(place));
    let columns = columns(transaction, &new.stored_as).map_err(fault)?;
    let find = |name: &str| columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    let broken = |text: &str| {
        let text = format!("the table {:?} cannot hold records: {text}", new.stored_as);
        Err(shared.error(ErrorKind::Table(place.clone()), &text))
    };
    let (Some(key), Some(_)) = (find(&new.key_column), find(&new.data_column)) else {
        return broken(&format!("it needs the columns {:?} and {:?}", new.key_column, new.data_column));
    };
    let declared = key.declared.to_ascii_uppercase();
    if !["TEXT", "CHAR", "CLOB"].iter().any(|text| declared.contains(text)) || declared.contains("INT") {
        return broken(&format!("its column {:?} has to be of type TEXT", key.name));
    }
    if !is_unique(transaction, &new.stored_as, &key.name).map_err(fault)? {
        return broken(&format!(
            "its column {:?} has to be the primary key or UNIQUE, in the order of bytes (COLLATE BINARY)",
            key.name
        ));
    }
    let table = quoted(&new.stored_as);
    let [version, expiry] = new.own_columns();
    for (name, kind) in [(version, "INTEGER NOT NULL DEFAULT 0"), (expiry, "INTEGER")] {
        if find(name).is_none() {
            let sql = format!("ALTER TABLE {table} ADD COLUMN {name} {kind}");
            transaction.execute_batch(&sql).map_err(fault)?;
        }
    }
    index_expiry(transaction, new).map_err(fault)
}

fn columns(transaction: &Transaction<'_>, table: &str) -> rusqlite::Result<Vec<Column>> {
    let mut statement = transaction.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
    let found =
        statement.query_map([table], |row| Ok(Column { name: row.get(0)?, declared: row.get(1)? }))?;
    found.collect()
}

/// Whether no two rows can have one key, by an index of this column alone.
fn is_unique(transaction: &Transaction<'_>, table: &str, column: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM pragma_index_list(?1) AS list
               WHERE list.\"unique\" AND NOT list.partial
               AND (SELECT count(*) FROM pragma_index_xinfo(list.name) WHERE key) = 1
               AND EXISTS (SELECT 1 FROM pragma_index_xinfo(list.name)
                           WHERE key AND name = ?2 COLLATE NOCASE AND coll = 'BINARY')";
    let count: i64 = transaction.query_row(sql, [table, column], |row| row.get(0))?;
    Ok(count > 0)
}
