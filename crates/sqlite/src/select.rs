//! Rows of a table of records that a query asks for.
//!
//! The engine's own evaluator is a function of the connection for as long as it asks, so a clause means here what it means in memory. What
//! must hold: it is only asked of tables of records, and no other statement runs over the connection meanwhile.

use crate::form::{Key, bound, database};
use crate::shared::Shared;
use ramekin::query::Clause;
use ramekin::store::{Content, ErrorKind, Place, Row, Selected, Selection, StoreError};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};

/// The function that judges a row, by its key, its record and its expiry.
pub(crate) const JUDGE: &str = "ramekin_judge";

/// Has the connection judge by this clause.
fn register(db: &Connection, clause: &Clause) -> rusqlite::Result<()> {
    let clause = clause.clone();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function(JUDGE, 3, flags, move |of: &Context<'_>| {
        let data = of.get::<Option<String>>(1)?.unwrap_or_else(|| "null".to_owned());
        let expire_at_ms = of.get::<Option<u64>>(2)?.unwrap_or_default();
        let row =
            Row { version: 0, stamp: 0, expire_at_ms, content: Content::Record(data), tags: Vec::new() };
        Ok(ramekin::store::judge(&clause, of.get_raw(0).as_bytes()?, &row))
    })
}

fn of_records(shared: &Shared, place: &Place) -> Result<(), StoreError> {
    match place {
        Place::Table(_) => Ok(()),
        Place::Keys(_) => {
            Err(shared.error(ErrorKind::Invalid, "only records are asked for by what they hold"))
        }
    }
}

/// See [`ramekin::store::Connection::select`].
pub(crate) fn select(
    shared: &Shared,
    db: &Connection,
    place: &Place,
    selection: &Selection<'_>,
) -> Result<Selected, StoreError> {
    of_records(shared, place)?;
    let form = shared.form(db, place)?;
    let after = selection.after.as_deref();
    let sql = if after.is_some() { &form.select_after } else { &form.select_from };
    let read = || -> rusqlite::Result<Vec<(Vec<u8>, Row)>> {
        register(db, selection.clause)?;
        let mut statement = db.prepare_cached(sql)?;
        let limit = bound(selection.limit as u64);
        let params = (database(place), Key(place, after.unwrap_or_default()), limit, bound(selection.now_ms));
        let rows = statement.query_map(params, |row| {
            let text =
                if selection.with_data { row.get::<_, Option<String>>(3)? } else { Some(String::new()) };
            let found = Row {
                version: row.get(1)?,
                stamp: 0,
                expire_at_ms: row.get::<_, Option<u64>>(2)?.unwrap_or_default(),
                content: Content::Record(text.unwrap_or_else(|| "null".to_owned())),
                tags: Vec::new(),
            };
            Ok((row.get_ref(0)?.as_bytes()?.to_vec(), found))
        })?;
        rows.collect()
    };
    let rows = read().map_err(|error| shared.fault(&error, Some(place)))?;
    // They are in no order but that of their keys: the first of them are only those that are asked for where none is.
    let is_top = selection.is_top && selection.order.is_none();
    let is_page = !is_top && rows.len() == selection.limit;
    let next = is_page.then(|| rows.last().map(|(key, _)| key.clone())).flatten();
    Ok(Selected { rows, is_top, next })
}

/// See [`ramekin::store::Connection::explain`].
pub(crate) fn explain(
    shared: &Shared,
    db: &Connection,
    place: &Place,
    selection: &Selection<'_>,
) -> Result<Vec<String>, StoreError> {
    of_records(shared, place)?;
    let form = shared.form(db, place)?;
    let read = || -> rusqlite::Result<Vec<String>> {
        register(db, selection.clause)?;
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {}", form.select_from))?;
        let params = (database(place), Key(place, b""), bound(1), bound(selection.now_ms));
        let lines = statement.query_map(params, |row| row.get::<_, String>(3))?;
        std::iter::once(Ok(form.select_from.clone())).chain(lines).collect()
    };
    read().map_err(|error| shared.fault(&error, Some(place)))
}
