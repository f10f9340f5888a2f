//! Who owns the store: claims, and giving it up.
//!
//! `ramekin:meta` is a hash: `format`, `database_id`, `epoch`, `owned` (the epoch again, 0 once it was given up), `owner`,
//! `written` (the last epoch in which something was removed without a batch), `version`, `lanes`.

use crate::Shared;
use crate::apply::over;
use crate::guard::{Candidate, check_dead};
use crate::lane::{Lane, lane_of, put_read_lane, put_write_lane};
use crate::names::{self, META, OWNER};
use crate::session::{Session, number_of, odd, plain, text_of};
use crate::settings;
use ramekin::store::{Claim, Claimed, ErrorKind, Position, StoreError};
use ramekin_resp::Frame;
use std::collections::HashMap;

/// The form in which all is kept; since the second one rows have tags.
const FORMAT: u64 = 2;
/// How often a claim that another one has come before is made again.
const TRIES: usize = 10;

/// What the store says of its owner and of how far it has come.
#[derive(Default)]
struct Found {
    is_there: bool,
    format: u64,
    database_id: String,
    epoch: u64,
    owner: String,
    written: u64,
    version: u64,
    lanes: Vec<Position>,
}

/// Becomes the owner, or only looks.
pub(crate) fn claim(shared: &Shared, session: &mut Session, claim: &Claim) -> Result<Claimed, StoreError> {
    if session.is_cluster {
        return Err(StoreError::new(
            ErrorKind::Invalid,
            "a cluster cannot be a store, since its nodes share no transaction: use a server of its own, with replicas",
        ));
    }
    if session.is_replica && !claim.read_only {
        let text = "the server is a replica, which cannot be written to: name its primary";
        return Err(StoreError::new(ErrorKind::Invalid, text));
    }
    for _ in 0..TRIES {
        let found = find(session)?;
        if found.format > FORMAT {
            let text = format!(
                "it has format {}, and this version knows up to {FORMAT}: use the version that wrote it",
                found.format
            );
            return Err(StoreError::new(ErrorKind::Newer, text));
        }
        if !claim.takes_over {
            admit(claim, &found)?;
        }
        let lanes = lanes_for(&found.lanes, claim.lanes);
        if claim.read_only {
            session.unwatch()?;
            return Ok(Claimed { epoch: found.epoch, version: found.version, lanes });
        }
        if !found.is_there {
            check_empty(session)?;
        }
        if !claim.takes_over {
            check_dead(session, &shared.address, shared.guard.lock().as_ref(), &found.owner)?;
        }
        if let Some(claimed) = own(shared, session, claim, &found, lanes)? {
            *shared.warnings.lock() = settings::warnings(session)?;
            return Ok(claimed);
        }
    }
    Err(StoreError::new(ErrorKind::Busy, "others claim the store at the same time"))
}

/// Reads what the store says, all of which is watched from then on.
fn find(session: &mut Session) -> Result<Found, StoreError> {
    session.unwatch()?;
    session.ask(&[b"WATCH", META])?;
    let Frame::Array(pairs) = session.ask(&[b"HGETALL", META])? else { return Err(odd("HGETALL")) };
    let fields: HashMap<&[u8], &Frame> =
        pairs.chunks_exact(2).filter_map(|pair| Some((text_of(&pair[0])?, &pair[1]))).collect();
    let number = |name: &[u8]| fields.get(name).and_then(|frame| number_of(frame)).unwrap_or_default();
    let text = |name: &[u8]| {
        let text = fields.get(name).and_then(|frame| text_of(frame)).unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    };
    let mut found = Found {
        is_there: !fields.is_empty(),
        format: number(b"format"),
        database_id: text(b"database_id"),
        epoch: number(b"epoch"),
        owner: text(b"owner"),
        written: number(b"written"),
        version: number(b"version"),
        lanes: Vec::new(),
    };
    for at in 0..number(b"lanes") {
        let name = names::lane(at);
        session.ask(&[b"WATCH", &name])?;
        put_read_lane(session, &name);
        let Some(lane) = lane_of(session.answer()?)? else {
            let text =
                format!("it has lost its lane {at}: take it over, and all that is in memory settles again");
            return Err(StoreError::new(ErrorKind::Foreign, text));
        };
        found.lanes.push(Position { sequence: lane.sequence, watermark: lane.watermark });
        found.written = found.written.max(lane.written);
        found.version = found.version.max(lane.version);
    }
    Ok(found)
}

fn hex(id: u128) -> String {
    format!("{id:032x}")
}

fn admit(claim: &Claim, found: &Found) -> Result<(), StoreError> {
    let epochs = format!("the store is in epoch {}, the folder in {}", found.epoch, claim.epoch);
    let (kind, text) = if found.is_there && found.database_id != hex(claim.database_id) {
        let text = "it belongs to another data folder: open it with that folder, choose another database of the server, or take it over";
        (ErrorKind::Foreign, text.to_owned())
    } else if claim.epoch > found.epoch {
        let text = format!(
            "the folder has settled into another store than this, or into a later state of it ({epochs}), as after the server \
             has lost its data: give it that one, or take this one over and lose what is only there"
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
    Err(StoreError::new(kind, text))
}

/// A database of the server that holds other things is none for a store: they would be overwritten by keys of the same name.
fn check_empty(session: &mut Session) -> Result<(), StoreError> {
    match session.ask(&[b"DBSIZE"])? {
        Frame::Int(0) => Ok(()),
        _ => Err(StoreError::new(
            ErrorKind::Invalid,
            "this database of the server holds keys that are not Ramekin's: name an empty one, as in redis://host:port/1, or load \
             its data into this server by `ramekin import`",
        )),
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

/// Becomes the owner, unless somebody has come before.
fn own(
    shared: &Shared,
    session: &mut Session,
    claim: &Claim,
    found: &Found,
    lanes: Vec<Position>,
) -> Result<Option<Claimed>, StoreError> {
    let epoch = found.epoch.max(claim.epoch) + 1;
    let candidate = Candidate::new(&shared.address)?;
    let fields = [
        ("format", FORMAT.to_string()),
        ("database_id", hex(claim.database_id)),
        ("epoch", epoch.to_string()),
        ("owned", epoch.to_string()),
        ("owner", claim.owner.clone()),
        ("written", found.written.to_string()),
        ("version", found.version.to_string()),
        ("lanes", lanes.len().to_string()),
    ];
    let words: Vec<&str> = fields.iter().flat_map(|(name, value)| [*name, value.as_str()]).collect();
    session.begin();
    session.put_many(&[b"HSET", META], &words, 2);
    for at in lanes.len()..found.lanes.len() {
        session.put(&[b"DEL", &names::lane(at as u64)]);
    }
    for (at, position) in (0..).zip(&lanes) {
        let Position { sequence, watermark } = *position;
        let lane = Lane { epoch, sequence, watermark, version: found.version, written: found.written };
        put_write_lane(session, &names::lane(at), &lane);
    }
    candidate.put_take(session, epoch);
    if plain(session.commit())?.is_none() {
        return Ok(None);
    }
    *shared.guard.lock() = Some(candidate.keep(epoch)?);
    plain(shared.history.confirm(session))?;
    Ok(Some(Claimed { epoch, version: found.version, lanes }))
}

/// Gives the store up: nobody owns it, and what comes in its epoch is refused.
pub(crate) fn release(shared: &Shared, session: &mut Session, epoch: u64) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        put_fence(session);
        judge_fence(session, epoch)?;
        let count = session.ask(&[b"HGET", META, b"lanes"])?;
        session.begin();
        session.put(&[b"HSET", META, b"owned", b"0", b"owner", b""]);
        for at in 0..number_of(&count).unwrap_or_default() {
            session.put(&[b"HSET", &names::lane(at), b"epoch", b"0"]);
        }
        session.put(&[b"DEL", OWNER]);
        if plain(session.commit())?.is_some() {
            *shared.guard.lock() = None;
            return Ok(());
        }
    }
    Err(StoreError::new(ErrorKind::Busy, "others claim the store at the same time"))
}

/// Puts the commands that ask whether an epoch goes on, which is watched from then on.
pub(crate) fn put_fence(session: &mut Session) {
    session.put(&[b"WATCH", META]);
    session.put(&[b"HGET", META, b"owned"]);
}

/// What the server's answers to [`put_fence`] mean.
pub(crate) fn judge_fence(session: &mut Session, epoch: u64) -> Result<(), StoreError> {
    let (watched, owned) = (session.reply()?, session.reply()?);
    for frame in [watched, owned.clone()] {
        if let Frame::Error(text) = frame {
            return Err(crate::fault::fault(&text));
        }
    }
    if epoch != 0 && number_of(&owned) == Some(epoch) {
        return Ok(());
    }
    session.unwatch()?;
    Err(over())
}
