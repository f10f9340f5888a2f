//! Batches: the lane's row first, then all changes, in one transaction.

use crate::claim;
use crate::form::{Form, Key, bound, database};
use crate::shared::Shared;
use crate::tags;
use ramekin::store::{Batch, Change, Conflict, Content, ErrorKind, Expect, Place, StoreError};
use rusqlite::types::Null;
use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql, Transaction};

/// Applies a batch; returns which changes were left out.
pub(crate) fn apply(shared: &Shared, batch: &Batch) -> Result<Vec<(usize, Conflict)>, StoreError> {
    shared.write(|transaction, _| {
        advance(shared, transaction, batch)?;
        let now_ms = transaction
            .prepare_cached("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)")
            .and_then(|mut statement| statement.query_row((), |row| row.get(0)))
            .map_err(|error| shared.fault(&error, None))?;
        let mut conflicts = Vec::new();
        let mut index = 0;
        for run in batch.changes.chunk_by(|a, b| a.place == b.place) {
            let place = &run[0].place;
            let form = shared.form(transaction, place)?;
            let rows = Rows::new(transaction, &form, now_ms);
            let mut rows = rows.map_err(|error| shared.fault(&error, Some(place)))?;
            for change in run {
                check(shared, change)?;
                let conflict = rows.change(change).map_err(|error| shared.fault(&error, Some(place)))?;
                if conflict.is_none() {
                    tag(shared, transaction, change).map_err(|error| shared.fault(&error, Some(place)))?;
                }
                conflicts.extend(conflict.map(|conflict| (index, conflict)));
                index += 1;
            }
        }
        Ok(conflicts)
    })
}

/// Advances the lane's row, if it stands where the batch says.
fn advance(shared: &Shared, transaction: &Transaction<'_>, batch: &Batch) -> Result<(), StoreError> {
    let fault = |error: rusqlite::Error| shared.fault(&error, None);
    let version = batch.changes.iter().map(|change| change.version).max().unwrap_or_default();
    let sql =
        "UPDATE ramekin_lanes SET sequence = ?3, watermark = ?4, version = max(version, ?5), written = ?2
               WHERE lane = ?1 AND epoch = ?2 AND sequence = ?3 - 1";
    let (epoch, sequence) = (bound(batch.epoch), bound(batch.sequence));
    let row = (batch.lane, epoch, sequence, bound(batch.watermark), bound(version));
    let advanced = transaction.prepare_cached(sql).and_then(|mut statement| statement.execute(row));
    if advanced.map_err(fault)? == 1 {
        return Ok(());
    }
    let there = "SELECT epoch, sequence FROM ramekin_lanes WHERE lane = ?1";
    let lane =
        transaction.query_row(there, [batch.lane], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?)));
    match lane.optional().map_err(fault)? {
        None => Err(shared.error(ErrorKind::Invalid, &format!("there is no lane {}", batch.lane))),
        Some((epoch, _)) if epoch != batch.epoch => Err(claim::over(shared)),
        Some((_, sequence)) => {
            let text = format!("batch {} of lane {} follows batch {sequence}", batch.sequence, batch.lane);
            Err(shared.error(ErrorKind::InDoubt, &text))
        }
    }
}

/// Writes the tags of a change that has counted.
fn tag(shared: &Shared, db: &Connection, change: &Change) -> rusqlite::Result<()> {
    match (&change.tags, &change.content) {
        (_, Content::Gone) => tags::set(shared, db, &change.place, &change.key, &[]),
        (Some(now), _) => tags::set(shared, db, &change.place, &change.key, now),
        (None, _) => Ok(()),
    }
}

/// What SQLite would take and nobody could read again.
fn check(shared: &Shared, change: &Change) -> Result<(), StoreError> {
    let what = match (&change.place, &change.content) {
        (Place::Keys(_), Content::Record(_)) => "a record among other keys",
        (Place::Table(_), Content::Whole(..) | Content::Parts(..)) => "something else in a table of records",
        (Place::Table(_), _) if std::str::from_utf8(&change.key).is_err() => {
            "the key of a record that is not UTF-8"
        }
        _ if change.version > i64::MAX as u64 => "a version above all that can be kept",
        _ if change.expire_at_ms > i64::MAX as u64 => "an expiry later than all that can be kept",
        _ => return Ok(()),
    };
    let key = String::from_utf8_lossy(&change.key);
    Err(shared.error(ErrorKind::Refused, &format!("the row {key:?} is not taken: {what}")))
}

/// The statements with which rows of one place are changed.
struct Rows<'a> {
    db: &'a Connection,
    form: &'a Form,
    now_ms: i64,
    upsert: CachedStatement<'a>,
    /// Those below are of less use, and prepared once they are.
    update: Option<CachedStatement<'a>>,
    remove: Option<CachedStatement<'a>>,
    part: Option<CachedStatement<'a>>,
}

/// The statement in this place, prepared.
fn prepared<'a, 's>(
    db: &'a Connection,
    place: &'s mut Option<CachedStatement<'a>>,
    sql: &str,
) -> rusqlite::Result<&'s mut CachedStatement<'a>> {
    match place {
        Some(statement) => Ok(statement),
        None => Ok(place.insert(db.prepare_cached(sql)?)),
    }
}

/// A part is written only if it differs: what is the same costs a look.
const PUT_PART: &str = "INSERT INTO ramekin_parts (db, key, part, data) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (db, key, part) DO UPDATE SET data = excluded.data WHERE data <> excluded.data";

impl<'a> Rows<'a> {
    fn new(db: &'a Connection, form: &'a Form, now_ms: i64) -> rusqlite::Result<Self> {
        let upsert = db.prepare_cached(&form.upsert)?;
        Ok(Self { db, form, now_ms, upsert, update: None, remove: None, part: None })
    }

    /// Makes a change, or says why not.
    fn change(&mut self, change: &Change) -> rusqlite::Result<Option<Conflict>> {
        // Nobody else writes here, so that no row has another stamp than 0.
        if let Expect::Stored(stamp) = change.expect
            && stamp != 0
        {
            return Ok(Some(self.version_of(change)?.map_or(Conflict::Removed, |_| Conflict::Written(0))));
        }
        let (database, key) = (database(&change.place), Key(&change.place, &change.key));
        let now_ms = self.now_ms;
        let changed = match &change.content {
            Content::Gone => {
                let remove = prepared(self.db, &mut self.remove, &self.form.remove)?;
                remove.execute((database, key, bound(change.version)))?
            }
            Content::Whole(kind, data) => self.put(change, data, kind, &Null)?,
            Content::Record(json) => self.put(change, json, &now_ms, &Null)?,
            Content::Parts(kind, parts) => self.put(change, &Null, kind, &bound(parts.len() as u64))?,
        };
        if changed == 0 {
            return self.conflict(change);
        }
        if let Content::Parts(_, parts) = &change.content {
            let put = prepared(self.db, &mut self.part, PUT_PART)?;
            for (at, part) in (0_i64..).zip(parts) {
                put.execute((database, &change.key, at, part))?;
            }
        }
        Ok(None)
    }

    /// Writes a row; says how many that were.
    fn put(
        &mut self,
        change: &Change,
        data: &dyn ToSql,
        kind: &dyn ToSql,
        parts: &dyn ToSql,
    ) -> rusqlite::Result<usize> {
        let statement = match change.expect {
            Expect::Any => &mut self.upsert,
            Expect::Stored(_) => prepared(self.db, &mut self.update, &self.form.update)?,
        };
        let expiry = (change.expire_at_ms != 0).then(|| bound(change.expire_at_ms));
        let values: [&dyn ToSql; 7] = [
            &database(&change.place),
            &Key(&change.place, &change.key),
            &bound(change.version),
            &expiry,
            data,
            kind,
            parts,
        ];
        let count = statement.parameter_count();
        statement.execute(&values[..count])
    }

    /// Why a change has changed nothing.
    fn conflict(&self, change: &Change) -> rusqlite::Result<Option<Conflict>> {
        let version = self.version_of(change)?.map(Conflict::Version);
        Ok(match change.expect {
            Expect::Any => version,
            Expect::Stored(_) => version.or(Some(Conflict::Removed)),
        })
    }

    fn version_of(&self, change: &Change) -> rusqlite::Result<Option<u64>> {
        let mut statement = self.db.prepare_cached(&self.form.version)?;
        let key = Key(&change.place, &change.key);
        statement.query_row((database(&change.place), key), |row| row.get(0)).optional()
    }
}
