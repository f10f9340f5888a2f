//! Rows that go without a batch: expired ones, and all of a place.
//!
//! Each transaction begins with the fence of the epoch, which also tells the triggers that the removal is ours.

use crate::claim::{fence, fenced};
use crate::keys::database;
use crate::number::{Moment, signed};
use crate::session::{Answer, Param, Session, Step};
use crate::tags;
use crate::target::Target;
use ramekin::store::{Place, StoreError};

/// How many rows a transaction looks at while it empties a place.
const ROWS_STEP: i64 = 10_000;

/// See [`ramekin::store::Connection::remove_expired`]. Rows that a lane is writing at the moment are left for the next time.
/// In the order of expiry, so that the index of expiries is used whatever the planner believes of a table.
pub(crate) fn expired(
    session: &mut Session,
    place: &Place,
    target: &Target,
    before_ms: u64,
    limit: usize,
    (epoch, has_tags): (u64, bool),
) -> Result<usize, StoreError> {
    let returning = |key: &str| if has_tags { format!("RETURNING {key}") } else { String::new() };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let step = match target {
        Target::Keys => {
            let sql = session.names.sql(&format!(
                "DELETE FROM {{s}}.ramekin_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM {{s}}.ramekin_keys
                   WHERE db = $1::int8 AND expires_ms < $2::int8 ORDER BY expires_ms LIMIT $3::int8 FOR UPDATE SKIP LOCKED)) {}",
                returning("coalesce(whole_key, key)")
            ));
            Step::new(sql, vec![Box::new(database(place)), Box::new(signed(before_ms)), Box::new(limit)])
        }
        Target::Records(shape) => {
            let sql = shape.sql(&format!(
                "DELETE FROM {{t}} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {{t}}
                   WHERE expires_at < $1::timestamptz ORDER BY expires_at LIMIT $2::int8 FOR UPDATE SKIP LOCKED)) {}",
                returning("convert_to({k}::text, 'UTF8')")
            ));
            Step::new(sql, vec![Box::new(Moment::of_expiry(before_ms.max(1))), Box::new(limit)]).at(place)
        }
    };
    let removed = fenced_step(session, epoch, step, |session, answer| {
        let keys: Vec<Vec<u8>> = answer.rows.iter().map(|row| row.get(0)).collect();
        untag(session, place, &keys)
    });
    let removed = removed?.affected;
    Ok(usize::try_from(removed).unwrap_or(usize::MAX))
}

/// See [`ramekin::store::Connection::empty`]: some rows at a time, each time in the order of keys from the last one on.
pub(crate) fn all(
    session: &mut Session,
    place: &Place,
    target: &Target,
    upto_version: u64,
    (epoch, has_tags): (u64, bool),
) -> Result<(), StoreError> {
    let mut last: Option<Vec<u8>> = None;
    loop {
        let step = empty_step(session, place, target, last.as_deref(), upto_version);
        let answer = fenced_step(session, epoch, step, |session, answer| {
            let gone = answer.rows.first().filter(|_| has_tags);
            let keys: Option<Vec<Vec<u8>>> = gone.and_then(|row| row.get(2));
            untag(session, place, &keys.unwrap_or_default())
        })?;
        let seen = answer.rows.first().map(|row| (row.get::<_, i64>(0), row.get::<_, Option<Vec<u8>>>(1)));
        match seen {
            Some((ROWS_STEP.., Some(key))) => last = Some(key),
            _ => return Ok(()),
        }
    }
}

fn empty_step<'a>(
    session: &Session,
    place: &'a Place,
    target: &Target,
    last: Option<&[u8]>,
    upto: u64,
) -> Step<'a> {
    let upto = signed(upto);
    let start = last.unwrap_or_default().to_vec();
    let from = last.map_or(">=", |_| ">");
    match target {
        Target::Keys => {
            let sql = session.names.sql(&format!(
                "WITH seen AS MATERIALIZED (SELECT key FROM {{s}}.ramekin_keys WHERE db = $1::int8 AND key {from} $2::bytea
                   ORDER BY key LIMIT {ROWS_STEP}),
                 gone AS (DELETE FROM {{s}}.ramekin_keys t USING seen WHERE t.db = $1::int8 AND t.key = seen.key AND t.ver <= $3::int8
                   RETURNING coalesce(t.whole_key, t.key) AS key)
                 SELECT count(*), (SELECT key FROM seen ORDER BY key DESC LIMIT 1), (SELECT array_agg(key) FROM gone) FROM seen"
            ));
            Step::new(sql, vec![Box::new(database(place)), Box::new(start), Box::new(upto)])
        }
        Target::Records(shape) => {
            let sql = shape.sql(&format!(
                "WITH seen AS MATERIALIZED (SELECT t.{{k}}::text COLLATE \"C\" AS key FROM {{t}} t
                   WHERE t.{{k}} COLLATE \"C\" {from} $1::text ORDER BY t.{{k}} COLLATE \"C\" LIMIT {ROWS_STEP}),
                 gone AS (DELETE FROM {{t}} t USING seen WHERE t.{{k}} = seen.key COLLATE \"default\" AND t.ver <= $2::int8
                   RETURNING convert_to(seen.key, 'UTF8') AS key)
                 SELECT count(*), convert_to((SELECT key FROM seen ORDER BY key DESC LIMIT 1), 'UTF8'),
                   (SELECT array_agg(key) FROM gone) FROM seen"
            ));
            let start = String::from_utf8(start).unwrap_or_default();
            let params: Vec<Param<'a>> = vec![Box::new(start), Box::new(upto)];
            Step::new(sql, params).at(place)
        }
    }
}

/// Rows have gone, and their tags go with them.
fn untag(session: &mut Session, place: &Place, keys: &[Vec<u8>]) -> Result<(), StoreError> {
    if keys.is_empty() { Ok(()) } else { session.one(tags::remove(session, place, keys)).map(drop) }
}

fn fenced_step(
    session: &mut Session,
    epoch: u64,
    step: Step<'_>,
    then: impl FnOnce(&mut Session, &Answer) -> Result<(), StoreError>,
) -> Result<Answer, StoreError> {
    let steps = vec![fence(session, epoch), step];
    session.transaction(steps, |session, mut answers| {
        let answer = answers.pop().unwrap_or_default();
        match answers.first() {
            Some(fence) if !fence.rows.is_empty() => {}
            _ => return Err(fenced(epoch)),
        }
        then(session, &answer)?;
        Ok(answer)
    })
}
