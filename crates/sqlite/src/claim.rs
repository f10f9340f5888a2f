//! Who owns the store: claims, and giving it up.

use crate::form::bound;
use crate::owner::OwnerLock;
use crate::schema;
use crate::shared::Shared;
use crate::tags;
use ramekin::store::{Claim, Claimed, ErrorKind, Position, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction};

/// What the store says of its owner and of how far it has come.
#[derive(Default)]
struct Found {
    /// Of its tables, if it has any.
    format: Option<i64>,
    database_id: Option<String>,
    epoch: u64,
    owner: Option<String>,
    written: u64,
    version: u64,
    lanes: Vec<Position>,
}

/// Becomes the owner, or only looks.
pub(crate) fn claim(shared: &Shared, claim: &Claim) -> Result<Claimed, StoreError> {
    if claim.read_only {
        return look(shared, claim);
    }
    shared.write(|transaction, lock| {
        let found = find(shared, transaction)?;
        if !claim.takes_over {
            admit(shared, claim, &found)?;
        }
        if !lock.as_ref().is_some_and(|lock| lock.is_current(shared.path())) {
            *lock = Some(take_lock(shared, claim, &found)?);
        }
        let owned = own(transaction, claim, &found).and_then(|claimed| {
            tags::look(shared, transaction, false)?;
            Ok(claimed)
        });
        owned.map_err(|error| shared.fault(&error, None))
    })
}

fn look(shared: &Shared, claim: &Claim) -> Result<Claimed, StoreError> {
    let mut found = Found::default();
    if shared.path().exists() {
        let db = schema::open_reader(shared.path()).map_err(|error| shared.fault(&error, None))?;
        let snapshot = db.unchecked_transaction().map_err(|error| shared.fault(&error, None))?;
        found = find(shared, &snapshot)?;
        tags::look(shared, &snapshot, true).map_err(|error| shared.fault(&error, None))?;
    }
    if !claim.takes_over {
        admit(shared, claim, &found)?;
    }
    let lanes = lanes_for(&found.lanes, claim.lanes);
    Ok(Claimed { epoch: found.epoch, version: found.version, lanes })
}

fn find(shared: &Shared, db: &Connection) -> Result<Found, StoreError> {
    let format = schema::format(db).map_err(|error| shared.fault(&error, None))?;
    match format {
        None => Ok(Found::default()),
        Some(format) if format > schema::FORMAT => {
            let text = format!(
                "it has format {format}, and this version knows up to {}: use the version that wrote it",
                schema::FORMAT
            );
            Err(shared.error(ErrorKind::Newer, &text))
        }
        Some(_) => {
            let found = read(db).map_err(|error| shared.fault(&error, None))?;
            Ok(Found { format, ..found })
        }
    }
}

fn read(db: &Connection) -> rusqlite::Result<Found> {
    let mut found = Found::default();
    let meta = "SELECT database_id, epoch, owner FROM ramekin_meta";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    if let Some((id, epoch, owner)) = db.query_row(meta, (), read).optional()? {
        (found.database_id, found.epoch, found.owner) = (Some(id), epoch, owner);
    }
    let mut lanes =
        db.prepare("SELECT sequence, watermark, written, version FROM ramekin_lanes ORDER BY lane")?;
    let mut rows = lanes.query(())?;
    while let Some(row) = rows.next()? {
        found.lanes.push(Position { sequence: row.get(0)?, watermark: row.get(1)? });
        found.written = found.written.max(row.get(2)?);
        found.version = found.version.max(row.get(3)?);
    }
    Ok(found)
}

fn hex(id: u128) -> String {
    format!("{id:032x}")
}

fn admit(shared: &Shared, claim: &Claim, found: &Found) -> Result<(), StoreError> {
    let epochs = format!("the store is in epoch {}, the folder in {}", found.epoch, claim.epoch);
    let (kind, text) = if found.database_id.as_ref().is_some_and(|id| *id != hex(claim.database_id)) {
        let text = "it belongs to another data folder: open it with that folder, choose another file, or take it over";
        (ErrorKind::Foreign, text.to_owned())
    } else if claim.epoch > found.epoch {
        let text = format!(
            "the folder has settled into another store than this, or into a later state of it ({epochs}): \
             give it that one, or take this one over and lose what is only there"
        );
        (ErrorKind::Foreign, text)
    } else if claim.epoch < found.written {
        let text = format!(
            "it was written since by another copy of the data folder ({epochs}): use that copy, or take the store over \
             and lose what it has settled"
        );
        (ErrorKind::Fenced, text)
    } else {
        return Ok(());
    };
    Err(shared.error(kind, &text))
}

fn take_lock(shared: &Shared, claim: &Claim, found: &Found) -> Result<OwnerLock, StoreError> {
    match OwnerLock::take(shared.path(), claim.takes_over) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => {
            let owner = found.owner.as_deref().unwrap_or("another process");
            let text = format!("it is in use by {owner}: end that one first, or take the store over");
            Err(shared.error(ErrorKind::Owned, &text))
        }
        Err(error) => {
            let text = format!("cannot lock the file beside it whose name ends in -owner: {error}");
            Err(shared.error(ErrorKind::Unavailable, &text))
        }
    }
}

/// The positions of so many lanes.
fn lanes_for(lanes: &[Position], count: u32) -> Vec<Position> {
    if lanes.len() == count as usize {
        return lanes.to_vec();
    }
    let sequence = lanes.iter().map(|lane| lane.sequence).max().unwrap_or_default();
    let watermark = lanes.iter().map(|lane| lane.watermark).min().unwrap_or_default();
    vec![Position { sequence, watermark }; count as usize]
}

fn own(transaction: &Transaction<'_>, claim: &Claim, found: &Found) -> rusqlite::Result<Claimed> {
    schema::make(transaction, found.format)?;
    let epoch = found.epoch.max(claim.epoch) + 1;
    let meta = "INSERT OR REPLACE INTO ramekin_meta (id, format, database_id, epoch, owner) VALUES (1, ?1, ?2, ?3, ?4)";
    transaction.execute(meta, (schema::FORMAT, hex(claim.database_id), bound(epoch), &claim.owner))?;
    let lanes = lanes_for(&found.lanes, claim.lanes);
    transaction.execute("DELETE FROM ramekin_lanes", ())?;
    let lane = "INSERT INTO ramekin_lanes (lane, epoch, written, sequence, watermark, version)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut lane = transaction.prepare(lane)?;
    for (at, position) in (0_i64..).zip(&lanes) {
        let (sequence, watermark) = (bound(position.sequence), bound(position.watermark));
        lane.execute((at, bound(epoch), bound(found.written), sequence, watermark, bound(found.version)))?;
    }
    Ok(Claimed { epoch, version: found.version, lanes })
}

/// Gives the store up: nobody owns it, and what comes in its epoch is refused.
pub(crate) fn release(shared: &Shared, epoch: u64) -> Result<(), StoreError> {
    shared.write(|transaction, lock| {
        fence(shared, transaction, epoch)?;
        let give_up = "UPDATE ramekin_lanes SET epoch = 0; UPDATE ramekin_meta SET owner = NULL;";
        transaction.execute_batch(give_up).map_err(|error| shared.fault(&error, None))?;
        // Should the commit fail, the owner is merely taken for dead by who claims next; the epoch shuts it out then.
        *lock = None;
        Ok(())
    })
}

/// Asks that this epoch goes on, and notes that something is written in it.
pub(crate) fn fence(shared: &Shared, transaction: &Transaction<'_>, epoch: u64) -> Result<(), StoreError> {
    let sql = "UPDATE ramekin_lanes SET written = ?1 WHERE lane = 0 AND epoch = ?1";
    let fenced = transaction.prepare_cached(sql).and_then(|mut statement| statement.execute([bound(epoch)]));
    match fenced {
        Ok(1) => Ok(()),
        Ok(_) => Err(over(shared)),
        Err(error) => Err(shared.fault(&error, None)),
    }
}

/// Somebody else owns the store.
pub(crate) fn over(shared: &Shared) -> StoreError {
    shared.error(
        ErrorKind::Fenced,
        "somebody else has taken it over, or it was given up: nothing more is written to it",
    )
}
