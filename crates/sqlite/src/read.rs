//! Reading rows, and walking over them.

use crate::form::{Key, bound, database};
use crate::shared::Shared;
use crate::tags;
use ramekin::store::{Content, ErrorKind, Place, Row, StoreError, Table};
use rusqlite::{Connection, OptionalExtension};

/// Reads rows, all as of one moment.
pub(crate) fn load(
    shared: &Shared,
    db: &Connection,
    keys: &[(Place, Vec<u8>)],
) -> Result<Vec<Option<Row>>, StoreError> {
    let snapshot = db.unchecked_transaction().map_err(|error| shared.fault(&error, None))?;
    let mut rows = Vec::with_capacity(keys.len());
    for run in keys.chunk_by(|a, b| a.0 == b.0) {
        let place = &run[0].0;
        let form = shared.form(&snapshot, place)?;
        let fault = |error: rusqlite::Error| shared.fault(&error, Some(place));
        let mut statement = snapshot.prepare_cached(&form.load).map_err(fault)?;
        for (_, key) in run {
            let read = |row: &rusqlite::Row<'_>| head(row, place);
            let found = statement.query_row((database(place), Key(place, key)), read).optional();
            rows.push(match found.map_err(fault)? {
                Some(head) => {
                    let tags = tags::of(shared, &snapshot, place, key).map_err(fault)?;
                    Some(Row { tags, ..head.row(shared, &snapshot, place, key)? })
                }
                None => None,
            });
        }
    }
    Ok(rows)
}

/// A row without its parts.
struct Head {
    row: Row,
    parts: Option<usize>,
}

fn head(row: &rusqlite::Row<'_>, place: &Place) -> rusqlite::Result<Head> {
    let parts: Option<usize> = row.get(4)?;
    let content = match place {
        Place::Table(_) => {
            Content::Record(row.get::<_, Option<String>>(2)?.unwrap_or_else(|| "null".to_owned()))
        }
        Place::Keys(_) if parts.is_some() => Content::Parts(row.get(3)?, Vec::new()),
        Place::Keys(_) => Content::Whole(row.get(3)?, row.get(2)?),
    };
    let expire_at_ms = row.get::<_, Option<u64>>(1)?.unwrap_or_default();
    Ok(Head { row: Row { version: row.get(0)?, stamp: 0, expire_at_ms, content, tags: Vec::new() }, parts })
}

impl Head {
    fn row(mut self, shared: &Shared, db: &Connection, place: &Place, key: &[u8]) -> Result<Row, StoreError> {
        if let (Content::Parts(_, parts), Some(count)) = (&mut self.row.content, self.parts) {
            let sql = "SELECT data FROM ramekin_parts WHERE db = ?1 AND key = ?2 ORDER BY part";
            let read = || {
                let mut statement = db.prepare_cached(sql)?;
                let found = statement.query_map((database(place), key), |row| row.get(0))?;
                found.collect::<rusqlite::Result<Vec<Vec<u8>>>>()
            };
            *parts = read().map_err(|error| shared.fault(&error, Some(place)))?;
            if parts.len() != count {
                let key = String::from_utf8_lossy(key);
                let text = format!(
                    "the row {key:?} has {} parts of {count}: restore the file from a copy",
                    parts.len()
                );
                return Err(shared.error(ErrorKind::Table(place.clone()), &text));
            }
        }
        Ok(self.row)
    }
}

/// Keys with their versions, in order.
pub(crate) fn page(
    shared: &Shared,
    db: &Connection,
    place: &Place,
    after: Option<&[u8]>,
    limit: usize,
    now_ms: u64,
) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    let form = shared.form(db, place)?;
    let sql = if after.is_some() { &form.page_after } else { &form.page_from };
    let read = || {
        let mut statement = db.prepare_cached(sql)?;
        let key = Key(place, after.unwrap_or_default());
        let params = (database(place), key, bound(limit as u64), bound(now_ms));
        let rows =
            statement.query_map(params, |row| Ok((row.get_ref(0)?.as_bytes()?.to_vec(), row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(|error| shared.fault(&error, Some(place)))
}

/// How many rows there are that have not expired.
pub(crate) fn count(shared: &Shared, db: &Connection, place: &Place, now_ms: u64) -> Result<u64, StoreError> {
    let form = shared.form(db, place)?;
    let counted = db
        .prepare_cached(&form.count)
        .and_then(|mut statement| statement.query_row((database(place), bound(now_ms)), |row| row.get(0)));
    counted.map_err(|error| shared.fault(&error, Some(place)))
}

/// The tables that were defined.
pub(crate) fn tables(shared: &Shared, db: &Connection) -> Result<Vec<Table>, StoreError> {
    let read = || -> rusqlite::Result<Vec<Table>> {
        let mut statement = db.prepare_cached(
            "SELECT name, stored_as, key_column, data_column FROM ramekin_tables ORDER BY name",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Table {
                name: row.get::<_, String>(0)?.into(),
                stored_as: Some(row.get(1)?),
                key_column: Some(row.get(2)?),
                data_column: Some(row.get(3)?),
            })
        })?;
        rows.collect()
    };
    read().map_err(|error| shared.fault(&error, None))
}
