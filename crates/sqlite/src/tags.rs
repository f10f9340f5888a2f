//! The tags of keys, in a table beside the rows.
//!
//! What must hold: tags are written with the row that they belong to and go with it. A row without tags costs nothing as long as
//! no row has any.

use crate::form::{Form, bound, database};
use crate::schema;
use crate::shared::Shared;
use ramekin::store::{Place, StoreError};
use rusqlite::{Connection, OptionalExtension, ToSql};
use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

/// The name of a place's table, empty for keys that are no records.
fn table(place: &Place) -> &str {
    match place {
        Place::Keys(_) => "",
        Place::Table(name) => name,
    }
}

/// Notes whether any row may have tags. Who only looks does not see whether others add some later.
pub(crate) fn look(shared: &Shared, db: &Connection, read_only: bool) -> rusqlite::Result<()> {
    let has_tags = match schema::format(db)? {
        Some(format) if format >= schema::TAGS_SINCE => {
            read_only || db.query_row("SELECT EXISTS (SELECT 1 FROM ramekin_tags)", (), |row| row.get(0))?
        }
        _ => false,
    };
    shared.has_tags.store(has_tags, Relaxed);
    Ok(())
}

/// The tags of a key.
pub(crate) fn of(
    shared: &Shared,
    db: &Connection,
    place: &Place,
    key: &[u8],
) -> rusqlite::Result<Vec<Vec<u8>>> {
    if !shared.has_tags.load(Relaxed) {
        return Ok(Vec::new());
    }
    let mut statement =
        db.prepare_cached("SELECT tag FROM ramekin_tags WHERE tab = ?1 AND db = ?2 AND key = ?3")?;
    let tags = statement.query_map((table(place), database(place), key), |row| row.get(0))?;
    tags.collect()
}

/// A key has these tags from now on; only what differs is written.
pub(crate) fn set(
    shared: &Shared,
    db: &Connection,
    place: &Place,
    key: &[u8],
    tags: &[Vec<u8>],
) -> rusqlite::Result<()> {
    let there: HashSet<Vec<u8>> = of(shared, db, place, key)?.into_iter().collect();
    let run =
        |sql: &str, tag: &[u8]| db.prepare_cached(sql)?.execute((table(place), database(place), key, tag));
    for tag in tags.iter().filter(|tag| !there.contains(*tag)) {
        shared.has_tags.store(true, Relaxed);
        run("INSERT OR IGNORE INTO ramekin_tags (tab, db, key, tag) VALUES (?1, ?2, ?3, ?4)", tag)?;
    }
    for tag in there.iter().filter(|tag| !tags.contains(tag)) {
        run("DELETE FROM ramekin_tags WHERE tab = ?1 AND db = ?2 AND key = ?3 AND tag = ?4", tag)?;
    }
    Ok(())
}

/// The rows that `which` selects are about to go, and their tags go first. Its parameters are those from 1 on, the database being
/// the first.
pub(crate) fn remove(
    shared: &Shared,
    db: &Connection,
    place: &Place,
    which: &str,
    params: &[&dyn ToSql],
) -> rusqlite::Result<()> {
    if !shared.has_tags.load(Relaxed) {
        return Ok(());
    }
    let table_at = params.len() + 1;
    let sql = format!(
        "DELETE FROM ramekin_tags WHERE tab = ?{table_at} AND db = ?1 AND key IN (SELECT CAST(key AS BLOB) FROM ({which}))"
    );
    let name = table(place);
    let params: Vec<&dyn ToSql> = params.iter().copied().chain([&name as &dyn ToSql]).collect();
    db.prepare_cached(&sql)?.execute(&params[..])?;
    Ok(())
}

/// A table is dropped, and all tags of its records.
pub(crate) fn drop_table(shared: &Shared, db: &Connection, name: &str) -> rusqlite::Result<()> {
    if shared.has_tags.load(Relaxed) {
        db.execute("DELETE FROM ramekin_tags WHERE tab = ?1", [name])?;
    }
    Ok(())
}

/// Keys with a tag, and their versions, in the order of keys.
pub(crate) fn page(
    shared: &Shared,
    db: &Connection,
    (place, tag): (&Place, &[u8]),
    after: Option<&[u8]>,
    limit: usize,
    now_ms: u64,
) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    let form = shared.form(db, place)?;
    let read = || {
        if !shared.has_tags.load(Relaxed) {
            return Ok(Vec::new());
        }
        let from = if after.is_some() { ">" } else { ">=" };
        let sql = form.tagged.replace("{from}", from);
        let mut statement = db.prepare_cached(&sql)?;
        let params: [&dyn ToSql; 6] = [
            &database(place),
            &table(place),
            &tag,
            &after.unwrap_or_default(),
            &bound(now_ms),
            &bound(limit as u64),
        ];
        let rows = statement.query_map(&params[..], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(|error| shared.fault(&error, Some(place)))
}

/// All tags, each with how many rows have it.
pub(crate) fn counts(
    shared: &Shared,
    db: &Connection,
    place: &Place,
    now_ms: u64,
) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    let form: &Form = &*shared.form(db, place)?;
    let read = || {
        if !shared.has_tags.load(Relaxed) {
            return Ok(Vec::new());
        }
        let mut statement = db.prepare_cached(&form.tag_counts)?;
        let params = (database(place), table(place), bound(now_ms));
        let rows = statement.query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(|error| shared.fault(&error, Some(place)))
}

/// Whether any row may have tags.
pub(crate) fn any(shared: &Shared, db: &Connection) -> rusqlite::Result<bool> {
    if !shared.has_tags.load(Relaxed) {
        return Ok(false);
    }
    let found = db.query_row("SELECT 1 FROM ramekin_tags LIMIT 1", (), |_| Ok(())).optional()?;
    Ok(found.is_some())
}
