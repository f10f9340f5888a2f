//! Reading: rows by key, counts, and how far lanes have come.

use crate::claim::fenced;
use crate::keys::database;
use crate::long;
use crate::number::{Moment, signed, unsigned};
use crate::records::{self, Shape};
use crate::session::{Param, Session, Step};
use crate::target::Target;
use ramekin::store::{Content, ErrorKind, Place, Position, Row, StoreError};
use std::borrow::Cow;
use std::collections::HashMap;

/// See [`ramekin::store::Connection::position`].
pub(crate) fn position(session: &mut Session, lane: u32, epoch: u64) -> Result<Position, StoreError> {
    let sql = session
        .names
        .sql("SELECT sequence, watermark FROM {s}.ramekin_lanes WHERE lane = $1::int4 AND epoch = $2::int8");
    let lane = i32::try_from(lane).unwrap_or(i32::MAX);
    let rows = session.one(Step::new(sql, vec![Box::new(lane), Box::new(signed(epoch))]))?.rows;
    let position = |row: &tokio_postgres::Row| Position {
        sequence: unsigned(row.get(0)),
        watermark: unsigned(row.get(1)),
    };
    rows.first().map(position).ok_or_else(|| fenced(epoch))
}

/// Rows of one place by key.
pub(crate) fn load(
    session: &mut Session,
    place: &Place,
    target: &Target,
    keys: &[&[u8]],
) -> Result<HashMap<Vec<u8>, Row>, StoreError> {
    match target {
        Target::Keys => load_keys(session, place, keys),
        Target::Records(shape) => load_records(session, shape, keys),
    }
}

fn load_records(
    session: &mut Session,
    shape: &Shape,
    keys: &[&[u8]],
) -> Result<HashMap<Vec<u8>, Row>, StoreError> {
    // What cannot lie there does not.
    let keys: Vec<&str> = keys.iter().filter_map(|key| records::text(key)).collect();
    let sql = shape.sql(
        "SELECT t.{k}::text, t.ver, t.stamp, t.expires_at, coalesce(t.{d}::text, 'null') FROM {t} t WHERE t.{k} = ANY ($1::text[])",
    );
    let rows = session.one(Step::new(sql, vec![Box::new(keys)]).at(&shape.place))?.rows;
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
    Ok(rows.iter().map(row).collect())
}

fn load_keys(
    session: &mut Session,
    place: &Place,
    keys: &[&[u8]],
) -> Result<HashMap<Vec<u8>, Row>, StoreError> {
    let sql = session.names.sql(
        "SELECT coalesce(whole_key, key), ver, stamp, expires_ms, kind, value, parts FROM {s}.ramekin_keys WHERE db = $1::int8 AND key = ANY ($2::bytea[])",
    );
    let params: Vec<Param<'_>> = vec![Box::new(database(place)), Box::new(stand_ins(keys.iter().copied()))];
    let rows = session.one(Step::new(sql, params))?.rows;
    let mut found = HashMap::with_capacity(rows.len());
    let mut large = HashMap::new();
    for row in &rows {
        let key: Vec<u8> = row.get(0);
        let kind = u8::try_from(row.get::<_, i16>(4)).map_err(|_| damaged(place, &key))?;
        let content = match (row.get::<_, Option<Vec<u8>>>(5), row.get::<_, Option<i32>>(6)) {
            (Some(value), _) => Content::Whole(kind, value),
            (None, count) => {
                large.insert(key.clone(), usize::try_from(count.unwrap_or(0)).unwrap_or(0));
                Content::Parts(kind, Vec::new())
            }
        };
        let version = unsigned(row.get(1));
        let expire_at_ms = row.get::<_, Option<i64>>(3).map_or(0, |ms| unsigned(ms).max(1));
        found.insert(
            key,
            Row { version, stamp: unsigned(row.get(2)), expire_at_ms, content, tags: Vec::new() },
        );
    }
    if !large.is_empty() {
        load_parts(session, place, &large, &mut found)?;
    }
    Ok(found)
}

/// Fills in the parts of large values, of the same version as their rows.
fn load_parts(
    session: &mut Session,
    place: &Place,
    large: &HashMap<Vec<u8>, usize>,
    found: &mut HashMap<Vec<u8>, Row>,
) -> Result<(), StoreError> {
    let sql = session.names.sql(
        "SELECT coalesce(k.whole_key, k.key), k.ver, p.part FROM {s}.ramekin_keys k JOIN {s}.ramekin_parts p ON p.db = k.db AND p.key = k.key
         WHERE k.db = $1::int8 AND k.key = ANY ($2::bytea[]) AND p.n < k.parts ORDER BY p.key, p.n",
    );
    let keys = stand_ins(large.keys().map(Vec::as_slice));
    let rows = session.one(Step::new(sql, vec![Box::new(database(place)), Box::new(keys)]))?.rows;
    let changed = || StoreError::new(ErrorKind::Busy, "a large value has changed while it was read");
    for row in &rows {
        let entry = found.get_mut(row.get::<_, &[u8]>(0)).ok_or_else(changed)?;
        if entry.version != unsigned(row.get(1)) {
            return Err(changed());
        }
        if let Content::Parts(_, parts) = &mut entry.content {
            parts.push(row.get(2));
        }
    }
    for (key, count) in large {
        match &found[key].content {
            Content::Parts(_, parts) if parts.len() == *count => {}
            // Gone meanwhile, or others have been at the parts: asking again tells.
            _ if position_of(session, place, key)? == Some(found[key].version) => {
                return Err(damaged(place, key));
            }
            _ => return Err(changed()),
        }
    }
    Ok(())
}

/// The version that a key has now.
fn position_of(session: &mut Session, place: &Place, key: &[u8]) -> Result<Option<u64>, StoreError> {
    let sql = session.names.sql("SELECT ver FROM {s}.ramekin_keys WHERE db = $1::int8 AND key = $2::bytea");
    let rows =
        session.one(Step::new(sql, vec![Box::new(database(place)), Box::new(long::stand_in(key))]))?.rows;
    Ok(rows.first().map(|row| unsigned(row.get(0))))
}

fn stand_ins<'k>(keys: impl Iterator<Item = &'k [u8]>) -> Vec<Cow<'k, [u8]>> {
    keys.map(long::stand_in).collect()
}

fn damaged(place: &Place, key: &[u8]) -> StoreError {
    let text = format!(
        "the row of key {:?} in ramekin_keys is not as it was written: it has not all of its parts, or an unknown kind",
        String::from_utf8_lossy(&key[..key.len().min(100)])
    );
    StoreError::new(ErrorKind::Table(place.clone()), text)
}

/// See [`ramekin::store::Connection::count`].
pub(crate) fn count(
    session: &mut Session,
    place: &Place,
    target: &Target,
    now_ms: u64,
) -> Result<u64, StoreError> {
    let step = match target {
        Target::Keys => {
            let sql = session.names.sql(
                "SELECT count(*) FROM {s}.ramekin_keys WHERE db = $1::int8 AND (expires_ms IS NULL OR expires_ms >= $2::int8)",
            );
            Step::new(sql, vec![Box::new(database(place)), Box::new(signed(now_ms))])
        }
        Target::Records(shape) => {
            let sql = shape.sql(
                "SELECT count(*) FROM {t} t WHERE t.expires_at IS NULL OR t.expires_at >= $1::timestamptz",
            );
            Step::new(sql, vec![Box::new(Moment::of_expiry(now_ms.max(1)))]).at(place)
        }
    };
    // Who counts all rows reads the table as it lies.
    let scans = Step::new("SELECT set_config('enable_seqscan', 'on', true)", Vec::new());
    let rows = session
        .transaction(vec![scans, step], |_, mut answers| Ok(answers.pop().unwrap_or_default().rows))?;
    Ok(rows.first().map_or(0, |row| unsigned(row.get(0))))
}
