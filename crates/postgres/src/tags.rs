//! The tags of keys, in a table beside the rows.
//!
//! What must hold: tags are written in the transaction that writes their row, if the change has counted, and only where they differ.
//! What the store removes loses its tags; of a row that others remove they stay, unseen, for as long as there is none. As long as
//! no row has tags, nothing is asked or written here.

use crate::long;
use crate::number::{Moment, signed, unsigned};
use crate::schema;
use crate::session::{Param, Session, Step};
use crate::target::Target;
use ramekin::store::{Batch, Change, Conflict, Content, Place, Row, StoreError};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const TAKE: &str = "
    DELETE FROM {s}.ramekin_tags t USING unnest($1::text[], $2::int8[], $3::bytea[]) AS u(tab, db, key)
    WHERE t.tab = u.tab AND t.db = u.db AND t.key = u.key AND NOT EXISTS (
      SELECT 1 FROM unnest($4::text[], $5::int8[], $6::bytea[], $7::bytea[]) AS n(tab, db, key, tag)
      WHERE n.tab = t.tab AND n.db = t.db AND n.key = t.key AND n.tag = t.tag)";

const GIVE: &str = "
    INSERT INTO {s}.ramekin_tags (tab, db, key, whole_key, tag)
    SELECT u.tab, u.db, u.key, u.whole_key, u.tag
    FROM unnest($1::text[], $2::int8[], $3::bytea[], $4::bytea[], $5::bytea[]) AS u(tab, db, key, whole_key, tag)
    ON CONFLICT DO NOTHING";

/// How the table knows a place: the name of a table of records, or the number of a database.
pub(crate) fn place_of(place: &Place) -> (&str, i64) {
    match place {
        Place::Keys(database) => ("", i64::from(*database)),
        Place::Table(name) => (name, 0),
    }
}

/// Whether any row may have tags. Who only looks does not see whether others add some later.
pub(crate) fn look(session: &mut Session, read_only: bool) -> Result<bool, StoreError> {
    if !schema::exists(session)? || schema::format(session)? < schema::TAGS_SINCE {
        return Ok(false);
    }
    Ok(read_only || any(session)?)
}

/// Whether any row has tags.
pub(crate) fn any(session: &mut Session) -> Result<bool, StoreError> {
    let sql = session.names.sql("SELECT EXISTS (SELECT 1 FROM {s}.ramekin_tags)");
    let rows = session.one(Step::new(sql, Vec::new()))?.rows;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Writes the tags of the changes of a batch that have counted.
pub(crate) fn write(
    session: &mut Session,
    batch: &Batch,
    conflicts: &[(usize, Conflict)],
    has_tags: &AtomicBool,
) -> Result<(), StoreError> {
    let left_out: HashSet<usize> = conflicts.iter().map(|(index, _)| *index).collect();
    let known = has_tags.load(Relaxed);
    let says = |change: &Change| match (&change.tags, &change.content) {
        (Some(tags), _) => known || !tags.is_empty(),
        (None, content) => known && *content == Content::Gone,
    };
    let changes = batch.changes.iter().enumerate();
    let changes: Vec<&Change> = changes
        .filter(|(index, change)| says(change) && !left_out.contains(index))
        .map(|(_, change)| change)
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    let (tabs, dbs): (Vec<&str>, Vec<i64>) = changes.iter().map(|change| place_of(&change.place)).unzip();
    let keys: Vec<Cow<'_, [u8]>> = changes.iter().map(|change| long::stand_in(&change.key)).collect();
    let (mut of_tabs, mut of_dbs, mut of_keys) = (Vec::new(), Vec::new(), Vec::new());
    let (mut wholes, mut tags) = (Vec::new(), Vec::new());
    for change in changes.iter().filter(|change| change.content != Content::Gone) {
        for tag in change.tags.iter().flatten() {
            let (tab, db) = place_of(&change.place);
            of_tabs.push(tab);
            of_dbs.push(db);
            of_keys.push(long::stand_in(&change.key));
            wholes.push(long::whole(&change.key));
            tags.push(tag.as_slice());
        }
    }
    let mut steps = Vec::new();
    if known {
        let params: Vec<Param<'_>> = vec![
            Box::new(tabs),
            Box::new(dbs),
            Box::new(keys),
            Box::new(of_tabs.clone()),
            Box::new(of_dbs.clone()),
            Box::new(of_keys.clone()),
            Box::new(tags.clone()),
        ];
        steps.push(Step::new(session.names.sql(TAKE), params));
    }
    if !tags.is_empty() {
        has_tags.store(true, Relaxed);
        let params: Vec<Param<'_>> =
            vec![Box::new(of_tabs), Box::new(of_dbs), Box::new(of_keys), Box::new(wholes), Box::new(tags)];
        steps.push(Step::new(session.names.sql(GIVE), params));
    }
    session.run(&steps).map(drop)
}

/// Adds their tags to rows of a place that were read.
pub(crate) fn load(
    session: &mut Session,
    place: &Place,
    rows: &mut HashMap<Vec<u8>, Row>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = session.names.sql(
        "SELECT coalesce(whole_key, key), tag FROM {s}.ramekin_tags
         WHERE tab = $1::text AND db = $2::int8 AND key = ANY ($3::bytea[])",
    );
    let (tab, db) = place_of(place);
    let keys: Vec<Cow<'_, [u8]>> = rows.keys().map(|key| long::stand_in(key)).collect();
    let params: Vec<Param<'_>> = vec![Box::new(tab), Box::new(db), Box::new(keys)];
    let found = session.one(Step::new(sql, params))?.rows;
    for row in &found {
        if let Some(of) = rows.get_mut(row.get::<_, &[u8]>(0)) {
            of.tags.push(row.get(1));
        }
    }
    Ok(())
}

/// Which rows of a place have tags and have not expired: tags are `g`, rows `r`; the parameters 1 to 3 are place and time.
fn living(session: &Session, target: &Target, select: &str, rest: &str) -> String {
    match target {
        Target::Keys => session.names.sql(&format!(
            "SELECT {select} FROM {{s}}.ramekin_tags g JOIN {{s}}.ramekin_keys r ON r.db = g.db AND r.key = g.key
             WHERE g.tab = $1::text AND g.db = $2::int8 AND (r.expires_ms IS NULL OR r.expires_ms >= $3::int8) {rest}"
        )),
        Target::Records(shape) => shape.sql(&session.names.sql(&format!(
            "SELECT {select} FROM {{s}}.ramekin_tags g
             JOIN {{t}} r ON r.{{k}} = convert_from(coalesce(g.whole_key, g.key), 'UTF8')
             WHERE g.tab = $1::text AND g.db = $2::int8 AND (r.expires_at IS NULL OR r.expires_at >= $3::timestamptz) {rest}"
        ))),
    }
}

fn moment<'a>(target: &Target, now_ms: u64) -> Param<'a> {
    match target {
        Target::Keys => Box::new(signed(now_ms)),
        Target::Records(_) => Box::new(Moment::of_expiry(now_ms.max(1))),
    }
}

/// See [`ramekin::store::Connection::tagged`]: in the order of keys, long ones as they stand in for themselves.
pub(crate) fn page(
    session: &mut Session,
    (place, target): (&Place, &Target),
    tag: &[u8],
    after: Option<&[u8]>,
    limit: usize,
    now_ms: u64,
) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    let from = after.map_or(">=", |_| ">");
    let sql = living(
        session,
        target,
        "coalesce(g.whole_key, g.key), r.ver",
        &format!(
            "AND sha256(g.tag) = sha256($4::bytea) AND g.tag = $4::bytea AND g.key {from} $5::bytea ORDER BY g.key LIMIT $6::int8"
        ),
    );
    let (tab, db) = place_of(place);
    let params: Vec<Param<'_>> = vec![
        Box::new(tab),
        Box::new(db),
        moment(target, now_ms),
        Box::new(tag),
        Box::new(long::stand_in(after.unwrap_or_default())),
        Box::new(i64::try_from(limit).unwrap_or(i64::MAX)),
    ];
    let rows = session.one(Step::new(sql, params).at(place))?.rows;
    Ok(rows.iter().map(|row| (row.get(0), unsigned(row.get(1)))).collect())
}

/// See [`ramekin::store::Connection::tag_counts`].
pub(crate) fn counts(
    session: &mut Session,
    (place, target): (&Place, &Target),
    now_ms: u64,
) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    let sql = living(session, target, "g.tag, count(*)", "GROUP BY g.tag");
    let (tab, db) = place_of(place);
    let params: Vec<Param<'_>> = vec![Box::new(tab), Box::new(db), moment(target, now_ms)];
    let rows = session.one(Step::new(sql, params).at(place))?.rows;
    Ok(rows.iter().map(|row| (row.get(0), unsigned(row.get(1)))).collect())
}

/// Removes the tags of these keys of a place.
pub(crate) fn remove<'a>(session: &Session, place: &'a Place, keys: &[Vec<u8>]) -> Step<'a> {
    let sql = session.names.sql(
        "DELETE FROM {s}.ramekin_tags WHERE tab = $1::text AND db = $2::int8 AND key = ANY ($3::bytea[])",
    );
    let (tab, db) = place_of(place);
    let keys: Vec<Vec<u8>> = keys.iter().map(|key| long::stand_in(key).into_owned()).collect();
    Step::new(sql, vec![Box::new(tab), Box::new(db), Box::new(keys)])
}

/// Removes those of all records of a table that is dropped.
pub(crate) fn drop_table(session: &mut Session, name: &str) -> Result<(), StoreError> {
    let sql = session.names.sql("DELETE FROM {s}.ramekin_tags WHERE tab = $1::text");
    session.one(Step::new(sql, vec![Box::new(name)])).map(drop)
}
