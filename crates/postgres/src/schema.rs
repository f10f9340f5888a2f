//! Our own tables: made where there are none, brought to this release's format, refused where they are of a later one.
//!
//! A user who may not create tables can use those that an administrator has made with [`script`].

use crate::names::{Names, quoted, quoted_literal};
use crate::session::{Session, Step};
use ramekin::store::{ErrorKind, StoreError};

/// What brings the tables from each format to the next one: the first makes them.
const STEPS: [&str; 2] = [include_str!("own.sql"), include_str!("tags.sql")];
/// The first format in which rows have tags.
pub(crate) const TAGS_SINCE: usize = 2;

/// The statements that make our tables in a schema, for an administrator.
///
/// # Errors
/// `Invalid` if this cannot be the name of a schema.
pub fn script(schema: &str) -> Result<String, StoreError> {
    let names = Names::new(schema, "")?;
    Ok(STEPS.iter().map(|step| names.sql(step)).collect())
}

/// Whether our tables are there.
pub(crate) fn exists(session: &mut Session) -> Result<bool, StoreError> {
    let schema = session.names.schema.clone();
    let sql = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1::text AND c.relname = 'ramekin_meta'";
    Ok(!session.one(Step::new(sql, vec![Box::new(schema)]))?.rows.is_empty())
}

/// Refuses tables of a later release.
pub(crate) fn format(session: &mut Session) -> Result<usize, StoreError> {
    let sql = session.names.sql("SELECT format FROM {s}.ramekin_meta");
    let rows = session.one(Step::new(sql, Vec::new()))?.rows;
    let format = rows.first().map_or(0, |row| row.get::<_, i32>(0));
    let format = usize::try_from(format).unwrap_or(0);
    if format > STEPS.len() {
        let text = format!(
            "the tables of the store in schema {} are of format {format}, and this release knows up to {}: use the release \
             that wrote them, or a later one",
            session.names.schema,
            STEPS.len()
        );
        return Err(StoreError::new(ErrorKind::Newer, text));
    }
    Ok(format)
}

/// Makes or upgrades the tables. Whoever else does so at the same time waits.
pub(crate) fn ready(session: &mut Session) -> Result<(), StoreError> {
    let there = if exists(session)? { format(session)? } else { 0 };
    if there == STEPS.len() {
        return Ok(());
    }
    let lock = Step::new("SELECT pg_advisory_xact_lock(hashtext('ramekin schema'))", Vec::new());
    session
        .transaction(vec![lock], |session, _| {
            let there = if exists(session)? { format(session)? } else { 0 };
            if there == 0 {
                make_schema(session)?;
            }
            for step in &STEPS[there..] {
                let sql = session.names.sql(step);
                session.script(&sql, None)?;
            }
            let sql = session.names.sql("UPDATE {s}.ramekin_meta SET format = $1::int4");
            let format = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
            session.one(Step::new(sql, vec![Box::new(format)])).map(drop)
        })
        .map_err(|error| without_rights(session, error))
}

fn make_schema(session: &mut Session) -> Result<(), StoreError> {
    let schema = session.names.schema.clone();
    let sql = "SELECT 1 FROM pg_namespace WHERE nspname = $1::text";
    if session.one(Step::new(sql, vec![Box::new(schema.clone())]))?.rows.is_empty() {
        session.script(&format!("CREATE SCHEMA {}", quoted(&schema)?), None)?;
    }
    Ok(())
}

/// What an administrator can do about a user who may not create.
fn without_rights(session: &Session, error: StoreError) -> StoreError {
    if !error.text.contains("SQLSTATE 42501") {
        return error;
    }
    let schema = quoted(&session.names.schema).unwrap_or_default();
    let user = quoted(&session.names.user).unwrap_or_default();
    let text = format!(
        "{}. The store's tables are not there yet, and this user may not make them. Let an administrator run \
         `CREATE SCHEMA IF NOT EXISTS {schema}; GRANT USAGE, CREATE ON SCHEMA {schema} TO {user};`",
        error.text
    );
    StoreError::new(ErrorKind::Invalid, text)
}

/// The id of a store, by which its own writes are told from others'.
pub(crate) fn store_id(session: &mut Session) -> Result<String, StoreError> {
    let sql = session.names.sql("SELECT store_id FROM {s}.ramekin_meta");
    let rows = session.one(Step::new(sql, Vec::new()))?.rows;
    let id = rows.first().map(|row| row.get::<_, String>(0));
    id.ok_or_else(|| StoreError::new(ErrorKind::Invalid, "ramekin_meta has no row: the store is damaged"))
}

/// The condition of a trigger that is to see only what others do.
pub(crate) fn by_others(store_id: &str) -> String {
    format!("current_setting('ramekin.writer', true) IS DISTINCT FROM {}", quoted_literal(store_id))
}
