//! Who owns a store: claims, epochs, and whether an owner is alive.
//!
//! What must hold: an epoch is over once a claim with a higher one has committed. The claim locks the row of the store and
//! those of all lanes, so it waits for a batch that is under way, and every later one of the former owner changes no lane.
//! That an owner is alive is only a hint beside this: an advisory lock of its epoch, held by a connection that does nothing
//! else, which goes with it. The server takes a while to notice a peer that is gone without a word, so a claim waits a little.

use crate::number::{signed, unsigned};
use crate::schema;
use crate::session::{Answer, Session, Step};
use ramekin::store::{Claim, Claimed, ErrorKind, Position, StoreError};
use std::time::Duration;

/// How often a lock that is held is asked for again, and after what time: the server looks for dead peers in these.
const LOCK_ATTEMPTS: u32 = 15;
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// What the store's row says.
struct Meta {
    database_id: String,
    epoch: u64,
    written: u64,
    version: u64,
    owned: bool,
    owner: String,
}

struct Lanes {
    positions: Vec<Position>,
    written: u64,
    version: u64,
}

/// The connection that shows that an owner is alive.
pub(crate) struct Guard {
    session: Session,
    epoch: u64,
}

/// See [`ramekin::store::Connection::claim`]. `guard` is to become the owner's.
pub(crate) fn claim(
    session: &mut Session,
    mut guard: Session,
    claim: &Claim,
) -> Result<(Claimed, Guard), StoreError> {
    schema::ready(session)?;
    let (meta, lanes) = state(session, false)?;
    judge(session, claim, &meta, &lanes)?;
    if meta.owned && !claim.takes_over {
        wait_for_end(session, &meta)?;
    }
    let claimed = session.transaction(Vec::new(), |session, _| {
        let (found, lanes) = state(session, true)?;
        judge(session, claim, &found, &lanes)?;
        if found.epoch != meta.epoch && !claim.takes_over {
            return Err(owned(session, &found, None));
        }
        let claimed = become_owner(session, claim, &found, &lanes)?;
        hold(&mut guard, claimed.epoch)?;
        Ok(claimed)
    })?;
    let epoch = claimed.epoch;
    Ok((claimed, Guard { session: guard, epoch }))
}

/// Only what is there.
pub(crate) fn look(session: &mut Session, claim: &Claim) -> Result<Claimed, StoreError> {
    if !schema::exists(session)? {
        let nothing = vec![Position::default(); lane_count(claim)];
        return Ok(Claimed { epoch: 0, version: 0, lanes: nothing });
    }
    schema::format(session)?;
    let (meta, lanes) = state(session, false)?;
    judge(session, claim, &meta, &lanes)?;
    let version = meta.version.max(lanes.version);
    Ok(Claimed { epoch: meta.epoch, version, lanes: dealt(&lanes.positions, lane_count(claim)) })
}

fn state(session: &mut Session, is_locking: bool) -> Result<(Meta, Lanes), StoreError> {
    let end = if is_locking { " FOR UPDATE" } else { "" };
    let meta = "SELECT database_id, epoch, written, version, owned, owner || ', since ' || claimed_at FROM {s}.ramekin_meta";
    let lanes = "SELECT sequence, watermark, written, version FROM {s}.ramekin_lanes ORDER BY lane";
    let steps = [meta, lanes].map(|sql| Step::new(session.names.sql(sql) + end, Vec::new()));
    let answers = session.run(&steps)?;
    let [meta, lanes] = <[Answer; 2]>::try_from(answers).unwrap_or_default();
    let row = meta.rows.first().ok_or_else(|| {
        StoreError::new(ErrorKind::Invalid, "ramekin_meta has no row: the store is damaged")
    })?;
    let meta = Meta {
        database_id: row.get(0),
        epoch: unsigned(row.get(1)),
        written: unsigned(row.get(2)),
        version: unsigned(row.get(3)),
        owned: row.get(4),
        owner: row.get(5),
    };
    let highest = |column: usize| lanes.rows.iter().map(|row| unsigned(row.get(column))).max().unwrap_or(0);
    let position = |row: &tokio_postgres::Row| Position {
        sequence: unsigned(row.get(0)),
        watermark: unsigned(row.get(1)),
    };
    let lanes = Lanes {
        positions: lanes.rows.iter().map(position).collect(),
        written: highest(2),
        version: highest(3),
    };
    Ok((meta, lanes))
}

/// Whether this folder and this store belong together, and neither is an older copy than the other knows it.
fn judge(session: &Session, claim: &Claim, meta: &Meta, lanes: &Lanes) -> Result<(), StoreError> {
    if claim.takes_over {
        return Ok(());
    }
    let schema = &session.names.schema;
    let refused = |kind, text: String| Err(StoreError::new(kind, text));
    if !meta.database_id.is_empty() && meta.database_id != id(claim) {
        return refused(
            ErrorKind::Foreign,
            format!(
                "the store in schema {schema} belongs to another folder (database id {}, last claimed by {}): give its \
                 folder, or another schema by schema= in the URL, or take the store over",
                meta.database_id, meta.owner
            ),
        );
    }
    if claim.epoch > meta.epoch {
        return refused(
            ErrorKind::Foreign,
            format!(
                "this folder has owned its store in epoch {}, and the store in schema {schema} knows epoch {} only: it is \
                 another one, or an older copy. Give the right one, or take this one over",
                claim.epoch, meta.epoch
            ),
        );
    }
    let written = meta.written.max(lanes.written);
    if claim.epoch < written {
        return refused(
            ErrorKind::Fenced,
            format!(
                "this folder has owned the store until epoch {}, and it was written in epoch {written} (last claimed by {}): \
                 the folder is an older copy. Give the right one, or take the store over",
                claim.epoch, meta.owner
            ),
        );
    }
    Ok(())
}

fn become_owner(
    session: &mut Session,
    claim: &Claim,
    meta: &Meta,
    lanes: &Lanes,
) -> Result<Claimed, StoreError> {
    let epoch = meta.epoch.max(claim.epoch) + 1;
    let version = meta.version.max(lanes.version);
    let positions = dealt(&lanes.positions, lane_count(claim));
    let update = session.names.sql(
        "UPDATE {s}.ramekin_meta SET database_id = $1::text, epoch = $2::int8, written = $3::int8, version = $4::int8,
         owned = true, owner = $5::text, claimed_at = now()",
    );
    let written = meta.written.max(lanes.written);
    let owner = claim.owner.replace('\0', "");
    let update = Step::new(
        update,
        vec![
            Box::new(id(claim)),
            Box::new(signed(epoch)),
            Box::new(signed(written)),
            Box::new(signed(version)),
            Box::new(owner),
        ],
    );
    let delete = Step::new(session.names.sql("DELETE FROM {s}.ramekin_lanes"), Vec::new());
    let insert = session.names.sql(
        "INSERT INTO {s}.ramekin_lanes (lane, epoch, sequence, watermark, version, written)
         SELECT u.i - 1, $1::int8, u.sequence, u.watermark, $2::int8, $3::int8
         FROM unnest($4::int8[], $5::int8[]) WITH ORDINALITY AS u(sequence, watermark, i)",
    );
    let sequences: Vec<i64> = positions.iter().map(|position| signed(position.sequence)).collect();
    let watermarks: Vec<i64> = positions.iter().map(|position| signed(position.watermark)).collect();
    let insert = Step::new(
        insert,
        vec![
            Box::new(signed(epoch)),
            Box::new(signed(version)),
            Box::new(signed(written)),
            Box::new(sequences),
            Box::new(watermarks),
        ],
    );
    session.run(&[update, delete, insert])?;
    Ok(Claimed { epoch, version, lanes: positions })
}

/// Positions for so many lanes. With another number than before, each has the highest sequence and the lowest watermark.
fn dealt(were: &[Position], count: usize) -> Vec<Position> {
    if were.len() == count {
        return were.to_vec();
    }
    let sequence = were.iter().map(|position| position.sequence).max().unwrap_or(0);
    let watermark = were.iter().map(|position| position.watermark).min().unwrap_or(0);
    vec![Position { sequence, watermark }; count]
}

fn lane_count(claim: &Claim) -> usize {
    usize::try_from(claim.lanes).unwrap_or(usize::MAX)
}

fn id(claim: &Claim) -> String {
    format!("{:032x}", claim.database_id)
}

/// The lock of an epoch, as the two numbers that the server knows it by.
const LOCK: &str = "('x' || left(store_id, 8))::bit(32)::int4, ($1::int8 & 2147483647)::int4";

/// Waits until the owner is seen to be dead, for a while.
fn wait_for_end(session: &mut Session, meta: &Meta) -> Result<(), StoreError> {
    // By itself in its transaction, so that it is given back at once.
    let sql = session.names.sql(&format!("SELECT pg_try_advisory_xact_lock({LOCK}) FROM {{s}}.ramekin_meta"));
    for attempt in 0..LOCK_ATTEMPTS {
        if attempt > 0 {
            session.pause(LOCK_PAUSE);
        }
        let rows = session.one(Step::new(sql.clone(), vec![Box::new(signed(meta.epoch))]))?.rows;
        if rows.first().is_some_and(|row| row.get(0)) {
            return Ok(());
        }
    }
    let holder = session.names.sql(&format!(
        "SELECT l.pid FROM pg_locks l, (SELECT k.a, k.b FROM {{s}}.ramekin_meta, LATERAL (SELECT {LOCK}) AS k(a, b)) k
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND l.classid::int8 = k.a::int8 & 4294967295 AND l.objid::int8 = k.b::int8"
    ));
    let rows = session.one(Step::new(holder, vec![Box::new(signed(meta.epoch))]))?.rows;
    Err(owned(session, meta, rows.first().map(|row| row.get(0))))
}

fn owned(session: &Session, meta: &Meta, pid: Option<i32>) -> StoreError {
    let connection = pid.map_or_else(String::new, |pid| {
        format!("; if its host is gone, end its connection by `SELECT pg_terminate_backend({pid});`")
    });
    let text = format!(
        "the store in schema {} has an owner that is alive: {}. Stop it first{connection}",
        session.names.schema, meta.owner
    );
    StoreError::new(ErrorKind::Owned, text)
}

/// Takes the lock of an epoch.
fn hold(guard: &mut Session, epoch: u64) -> Result<(), StoreError> {
    let sql = guard.names.sql(&format!("SELECT pg_try_advisory_lock({LOCK}) FROM {{s}}.ramekin_meta"));
    guard.one(Step::new(sql, vec![Box::new(signed(epoch))])).map(drop)
}

impl Guard {
    /// Whether the line still stands.
    pub(crate) fn stands(&mut self) -> bool {
        self.session.one(Step::new("SELECT 1", Vec::new())).is_ok()
    }

    /// Shows the same owner as alive over a new connection.
    pub(crate) fn renewed(&self, mut session: Session) -> Result<Self, StoreError> {
        hold(&mut session, self.epoch)?;
        Ok(Self { session, epoch: self.epoch })
    }
}

/// See [`ramekin::store::Connection::release`].
pub(crate) fn release(session: &mut Session, epoch: u64) -> Result<(), StoreError> {
    let meta =
        session.names.sql("UPDATE {s}.ramekin_meta SET owned = false WHERE epoch = $1::int8 AND owned");
    let lanes = session.names.sql("UPDATE {s}.ramekin_lanes SET epoch = 0 WHERE epoch = $1::int8");
    let steps = [meta, lanes].map(|sql| Step::new(sql, vec![Box::new(signed(epoch))])).into_iter().collect();
    session.transaction(steps, |_, answers| match answers.first() {
        Some(answer) if answer.affected == 1 => Ok(()),
        _ => Err(fenced(epoch)),
    })
}

/// The first step of whatever changes rows outside of lanes: only the owner does, and it is known to be us.
pub(crate) fn fence(session: &Session, epoch: u64) -> Step<'static> {
    let sql = "UPDATE {s}.ramekin_meta SET written = epoch WHERE epoch = $1::int8 AND owned
               RETURNING set_config('ramekin.writer', store_id, true)";
    Step::new(session.names.sql(sql), vec![Box::new(signed(epoch))])
}

/// What is answered where the fence has found nothing.
pub(crate) fn fenced(epoch: u64) -> StoreError {
    StoreError::new(
        ErrorKind::Fenced,
        format!("epoch {epoch} of the store is over: somebody else owns it, or it was given up"),
    )
}
