//! Rows of a table of records that a query asks for, and indexes that help to find them.
//!
//! A clause is put as SQL by the engine ([`ramekin::query`]), with every constant as a parameter. Where the database would judge or
//! order otherwise than the engine does, it is not asked to: then rows come page by page, in the order of their keys. What must hold:
//! each row that is meant is told, in a page or among the first; whoever asked judges them once more.

use crate::number::{Moment, unsigned};
use crate::records::{self, Shape};
use crate::session::{Answer, Param, Session, Step};
use ramekin::query::{Bind, Columns, IndexPath, Rendered};
use ramekin::store::{Content, ErrorKind, Row, Selected, Selection, StoreError, TableIndex};
use std::time::Duration;

/// What it may take to build an index.
const BUILD_LIMIT: Duration = Duration::from_secs(6 * 60 * 60);
/// Our indexes on tables of records are called like this.
const INDEX_PREFIX: &str = "ramekin_";

/// A question as it is put.
struct Asked<'a> {
    sql: String,
    params: Vec<Param<'a>>,
    is_top: bool,
    /// The clause is judged there.
    is_judged: bool,
    /// The last column is the data.
    with_data: bool,
}

fn ask<'a>(
    shape: &'a Shape,
    selection: &'a Selection<'a>,
    is_bytewise: bool,
) -> Result<Asked<'a>, StoreError> {
    let columns = columns(shape, is_bytewise);
    let fault = |error: ramekin::query::RenderError| StoreError::new(ErrorKind::Invalid, error.to_string());
    let clause = selection.clause.render(&columns, 2).map_err(fault)?;
    let order = match selection.order {
        Some(order) => order.render(&columns, 2 + clause.binds.len()).map_err(fault)?,
        None => Rendered { sql: String::new(), binds: Vec::new(), is_exact: true },
    };
    let is_judged = clause.is_exact;
    let is_top = selection.is_top && is_judged && order.is_exact;
    let mut params: Vec<Param<'a>> = vec![
        Box::new(Moment::of_expiry(selection.now_ms.max(1))),
        Box::new(i64::try_from(selection.limit).unwrap_or(i64::MAX)),
    ];
    let mut put = |binds: Vec<Bind>| {
        for bind in binds {
            params.push(match bind {
                Bind::Text(text) => Box::new(text),
                Bind::Texts(texts) => Box::new(texts),
            });
        }
    };
    let mut sql = "WHERE (t.expires_at IS NULL OR t.expires_at >= $1::timestamptz)".to_owned();
    let mut binds = 2;
    if is_judged {
        sql.push_str(" AND ");
        sql.push_str(&clause.sql);
        binds += clause.binds.len();
        put(clause.binds);
    }
    if is_top {
        if !order.sql.is_empty() {
            sql.push_str(" ORDER BY ");
            sql.push_str(&order.sql);
            put(order.binds);
        }
    } else {
        if let Some(after) = &selection.after {
            let after = records::text(after).ok_or_else(|| {
                StoreError::new(ErrorKind::Invalid, "no key of a table of records is like this")
            })?;
            params.push(Box::new(after.to_owned()));
            sql.push_str(&shape.sql(&format!(" AND t.{{k}} COLLATE \"C\" > ${}::text", binds + 1)));
        }
        sql.push_str(&shape.sql(" ORDER BY t.{k} COLLATE \"C\""));
    }
    let with_data = selection.with_data || !is_judged;
    let data = if with_data { "coalesce(t.{d}::text, 'null')" } else { "''::text" };
    let head =
        shape.sql(&format!("SELECT t.{{k}}::text, t.ver, t.stamp, t.expires_at, {data} FROM {{t}} t "));
    Ok(Asked { sql: format!("{head}{sql} LIMIT $2::int8"), params, is_top, is_judged, with_data })
}

fn columns(shape: &Shape, is_bytewise: bool) -> Columns<'_> {
    Columns {
        key: &shape.key_name,
        data: &shape.data_name,
        expires_at: "expires_at",
        is_indexed: shape.is_made,
        is_bytewise,
    }
}

/// Runs a question. For all else tables are read by their keys, for which sequential scans are off.
fn run(
    session: &mut Session,
    shape: &Shape,
    sql: String,
    params: Vec<Param<'_>>,
) -> Result<Answer, StoreError> {
    let plain = |sql: &str| Step::new(sql, Vec::new());
    let steps = [
        plain("BEGIN READ ONLY"),
        plain("SET LOCAL enable_seqscan = on"),
        Step::new(sql, params).at(&shape.place),
        plain("COMMIT"),
    ];
    match session.run(&steps) {
        Ok(mut answers) => Ok(std::mem::take(&mut answers[2])),
        Err(error) => {
            // Where COMMIT was not reached.
            let _ = session.script("ROLLBACK", None);
            Err(error)
        }
    }
}

/// See [`ramekin::store::Connection::select`].
pub(crate) fn select(
    session: &mut Session,
    shape: &Shape,
    selection: &Selection<'_>,
    is_bytewise: bool,
) -> Result<Selected, StoreError> {
    let Asked { sql, params, is_top, is_judged, with_data } = ask(shape, selection, is_bytewise)?;
    let rows = run(session, shape, sql, params)?.rows;
    let row = |row: &tokio_postgres::Row| {
        let found = Row {
            version: unsigned(row.get(1)),
            stamp: unsigned(row.get(2)),
            expire_at_ms: row.get::<_, Option<Moment>>(3).map_or(0, Moment::expiry_ms),
            content: Content::Record(row.get(4)),
            tags: Vec::new(),
        };
        (row.get::<_, String>(0).into_bytes(), found)
    };
    let mut rows: Vec<(Vec<u8>, Row)> = rows.iter().map(row).collect();
    let is_page = !is_top && rows.len() == selection.limit;
    let next = is_page.then(|| rows.last().map(|(key, _)| key.clone())).flatten();
    if with_data && !selection.with_data {
        debug_assert!(!is_judged, "what was judged needs no data");
        rows.retain(|(key, row)| ramekin::store::judge(selection.clause, key, row));
        rows.iter_mut().for_each(|(_, row)| row.content = Content::Record(String::new()));
    }
    Ok(Selected { rows, is_top, next })
}

/// See [`ramekin::store::Connection::explain`].
pub(crate) fn explain(
    session: &mut Session,
    shape: &Shape,
    selection: &Selection<'_>,
    is_bytewise: bool,
) -> Result<Vec<String>, StoreError> {
    let Asked { sql, params, .. } = ask(shape, selection, is_bytewise)?;
    let rows = run(session, shape, format!("EXPLAIN {sql}"), params)?.rows;
    let plan = rows.iter().map(|row| row.get::<_, String>(0));
    Ok(std::iter::once(sql).chain(plan).collect())
}

/// Whether the database orders texts by their bytes by itself.
pub(crate) fn is_bytewise(session: &mut Session) -> Result<bool, StoreError> {
    let sql = "SELECT datcollate::text FROM pg_database WHERE datname = current_database()";
    let rows = session.one(Step::new(sql, Vec::new()))?.rows;
    let collation = rows.first().map(|row| row.get::<_, String>(0)).unwrap_or_default();
    Ok(["c", "posix", "c.utf-8", "c.utf8"].contains(&collation.to_ascii_lowercase().as_str()))
}

/// What an index is called, which says what it is over.
fn index_name(table: &str, index: &TableIndex) -> String {
    let short = |text: &str| -> String {
        text.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(16).collect()
    };
    let what = format!(
        "{table}\0{}\0{}\0{}",
        index.name,
        index.path.join("\0"),
        index.kind.as_deref().unwrap_or("")
    );
    let hash = what.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    format!("{INDEX_PREFIX}{}_{}_{hash:016x}", short(table), short(&index.name))
}

/// See [`ramekin::store::Connection::set_indexes`]. One that could not be finished is made anew.
pub(crate) fn set_indexes(
    session: &mut Session,
    shape: &Shape,
    table: &str,
    wanted: &[TableIndex],
) -> Result<(), StoreError> {
    let sql = "SELECT c.relname::text, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = to_regclass($1::text) AND c.relname LIKE 'ramekin\\_%\\_%'";
    let rows = session.one(Step::new(sql, vec![Box::new(shape.relation.clone())]))?.rows;
    let there: Vec<(String, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let names: Vec<String> = wanted.iter().map(|index| index_name(table, index)).collect();
    let schema = shape.relation.split('.').next().unwrap_or_default().to_owned();
    session.without_limit(BUILD_LIMIT, |session| {
        for (name, is_valid) in &there {
            if !*is_valid || !names.contains(name) {
                session.script(
                    &format!("DROP INDEX CONCURRENTLY IF EXISTS {schema}.\"{name}\""),
                    Some(&shape.place),
                )?;
            }
        }
        for (index, name) in wanted.iter().zip(&names) {
            if there.iter().any(|(other, is_valid)| other == name && *is_valid) {
                continue;
            }
            let path = IndexPath { keys: index.path.clone(), kind: index.kind.clone() };
            let expression = path.render(&columns(shape, false));
            let expression =
                expression.map_err(|error| StoreError::new(ErrorKind::Invalid, error.to_string()))?;
            // Moments depend on what a session has set, for all that the server knows.
            let Some(expression) = expression else { continue };
            let sql = shape.sql(&format!("CREATE INDEX CONCURRENTLY \"{name}\" ON {{t}} (("));
            session.script(&format!("{sql}{expression}))"), Some(&shape.place))?;
        }
        Ok(())
    })
}
