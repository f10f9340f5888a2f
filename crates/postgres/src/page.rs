//! Keys in the order of their bytes, page by page.

use crate::keys::database;
use crate::long;
use crate::number::{Moment, signed, unsigned};
use crate::records::{self, Shape};
use crate::session::{Param, Session, Step};
use crate::target::Target;
use ramekin::store::{ErrorKind, Place, StoreError};

type Page = Vec<(Vec<u8>, u64)>;

/// See [`ramekin::store::Connection::page`].
pub(crate) fn page(
    session: &mut Session,
    place: &Place,
    target: &Target,
    after: Option<&[u8]>,
    limit: usize,
    now_ms: u64,
) -> Result<Page, StoreError> {
    match target {
        Target::Keys => keys(session, place, after, limit, now_ms),
        Target::Records(shape) => records(session, shape, after, limit, now_ms),
    }
}

fn records(
    session: &mut Session,
    shape: &Shape,
    after: Option<&[u8]>,
    limit: usize,
    now_ms: u64,
) -> Result<Page, StoreError> {
    let after = match after.map(records::text) {
        None => None,
        Some(Some(text)) => Some(text),
        Some(None) => {
            return Err(StoreError::new(ErrorKind::Invalid, "no key of a table of records is like this"));
        }
    };
    let from = after.map_or(">=", |_| ">");
    let sql = shape.sql(&format!(
        "SELECT t.{{k}}::text, t.ver FROM {{t}} t WHERE t.{{k}} COLLATE \"C\" {from} $1::text
         AND (t.expires_at IS NULL OR t.expires_at >= $2::timestamptz) ORDER BY t.{{k}} COLLATE \"C\" LIMIT $3::int8"
    ));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let params: Vec<Param<'_>> = vec![
        Box::new(after.unwrap_or_default()),
        Box::new(Moment::of_expiry(now_ms.max(1))),
        Box::new(limit),
    ];
    let rows = session.one(Step::new(sql, params).at(&shape.place))?.rows;
    Ok(rows.iter().map(|row| (row.get::<_, String>(0).into_bytes(), unsigned(row.get(1)))).collect())
}

/// Long keys that begin alike are read together, whatever the limit, and put into order here.
fn keys(
    session: &mut Session,
    place: &Place,
    after: Option<&[u8]>,
    limit: usize,
    now_ms: u64,
) -> Result<Page, StoreError> {
    let mut page = Page::new();
    let mut from = after.map(<[u8]>::to_vec);
    if let (Some(after), Some(front)) = (after, after.and_then(long::front)) {
        page.extend(
            alike(session, place, front, now_ms)?.into_iter().filter(|(key, _)| key.as_slice() > after),
        );
        from = Some(long::end(front));
    }
    while page.len() < limit {
        let wanted = limit - page.len();
        let rows = rows(session, place, from.as_deref(), wanted, now_ms)?;
        let first_long = rows.iter().position(|(key, _)| long::front(key).is_some());
        let Some(first_long) = first_long else {
            page.extend(rows);
            break;
        };
        let front = long::front(&rows[first_long].0).unwrap_or_default().to_vec();
        page.extend(rows.into_iter().take(first_long));
        page.extend(alike(session, place, &front, now_ms)?);
        from = Some(long::end(&front));
    }
    page.truncate(limit);
    Ok(page)
}

/// Rows in the server's order.
fn rows(
    session: &mut Session,
    place: &Place,
    after: Option<&[u8]>,
    limit: usize,
    now_ms: u64,
) -> Result<Page, StoreError> {
    let from = after.map_or(">=", |_| ">");
    let sql = session.names.sql(&format!(
        "SELECT coalesce(whole_key, key), ver FROM {{s}}.ramekin_keys WHERE db = $1::int8 AND key {from} $2::bytea
         AND (expires_ms IS NULL OR expires_ms >= $3::int8) ORDER BY key LIMIT $4::int8"
    ));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let params: Vec<Param<'_>> = vec![
        Box::new(database(place)),
        Box::new(after.unwrap_or_default()),
        Box::new(signed(now_ms)),
        Box::new(limit),
    ];
    let rows = session.one(Step::new(sql, params))?.rows;
    Ok(rows.iter().map(|row| (row.get(0), unsigned(row.get(1)))).collect())
}

/// All long keys that begin so, in their order.
fn alike(session: &mut Session, place: &Place, front: &[u8], now_ms: u64) -> Result<Page, StoreError> {
    let sql = session.names.sql(
        "SELECT whole_key, ver FROM {s}.ramekin_keys WHERE db = $1::int8 AND key > $2::bytea AND key < $3::bytea
         AND whole_key IS NOT NULL AND (expires_ms IS NULL OR expires_ms >= $4::int8)",
    );
    let params: Vec<Param<'_>> = vec![
        Box::new(database(place)),
        Box::new(front),
        Box::new(long::end(front)),
        Box::new(signed(now_ms)),
    ];
    let rows = session.one(Step::new(sql, params))?.rows;
    let mut page: Page = rows.iter().map(|row| (row.get(0), unsigned(row.get(1)))).collect();
    page.sort();
    Ok(page)
}
