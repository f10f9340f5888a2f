//! What others have changed, as the triggers have noted it.
//!
//! A note is visible once the change is, in the same transaction. Notes are numbered when they are written and become visible
//! when their transactions commit, so they may show up out of order: they are never skipped by number, only taken away one by
//! one when they have been seen to.

use crate::number::{signed, unsigned};
use crate::session::{Session, Step};
use ramekin::store::{Outside, Place, StoreError};

/// See [`ramekin::store::Connection::outside`].
pub(crate) fn seen(session: &mut Session, limit: usize) -> Result<Vec<Outside>, StoreError> {
    let sql =
        session.names.sql("SELECT id, tab, db, key FROM {s}.ramekin_outside ORDER BY id LIMIT $1::int8");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = session.one(Step::new(sql, vec![Box::new(limit)]))?.rows;
    let note = |row: &tokio_postgres::Row| {
        let database =
            || row.get::<_, Option<i64>>(2).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        let place = match row.get::<_, Option<&str>>(1) {
            Some(name) => Place::Table(name.into()),
            None => Place::Keys(database()),
        };
        Outside { id: unsigned(row.get(0)), place, key: row.get(3) }
    };
    Ok(rows.iter().map(note).collect())
}

/// See [`ramekin::store::Connection::forget_outside`].
pub(crate) fn forget(session: &mut Session, ids: &[u64]) -> Result<(), StoreError> {
    let sql = session.names.sql("DELETE FROM {s}.ramekin_outside WHERE id = ANY ($1::int8[])");
    let ids: Vec<i64> = ids.iter().copied().map(signed).collect();
    session.one(Step::new(sql, vec![Box::new(ids)])).map(drop)
}
