//! Batches: what is there is read, then lane and rows are changed in one transaction.
//!
//! What must hold: the lane's key is watched before anything is read, and advanced only from the epoch and sequence that the batch
//! names. Whoever claims the store, asks for the lane's position or applies another batch of the lane writes to that key, so
//! the transaction happens only if none of them came between. Only its lane writes to a row, and nothing is removed while a batch is
//! under way ([`crate::turns`]). Everything that could fail inside of `EXEC` is looked for before.

use crate::Shared;
use crate::entry::Entry;
use crate::form::{Plan, TEXT_BYTES_MAX};
use crate::lane::{Lane, lane_of, put_read_lane, put_write_lane};
use crate::load::{entry_of, judge_tables, put_check_tables};
use crate::names::{self, Names, TABLES};
use crate::session::{Session, odd, texts_of};
use crate::tags::{self, Retagged};
use ramekin::store::{Batch, Change, Conflict, Content, ErrorKind, Expect, Place, StoreError};
use ramekin_resp::Frame;

/// Keys that one command asks for.
const KEYS_AT_ONCE: usize = 512;
/// What a score of a sorted set holds exactly.
const EXPIRY_MAX: u64 = 1 << 53;

/// Applies a batch; returns which changes were left out.
pub(crate) fn apply(
    session: &mut Session,
    batch: &Batch,
    shared: &Shared,
) -> Result<Vec<(usize, Conflict)>, StoreError> {
    batch.changes.iter().try_for_each(check)?;
    let _turn = shared.turns.keep();
    shared.turns.end_late(session, batch.epoch)?;
    let runs = runs(&batch.changes);
    let name = names::lane(batch.lane.into());
    let outcome = read(session, batch, &runs, &name);
    let (lane, before) = match outcome {
        Ok(found) => found,
        Err(error) => {
            // What follows on this connection is not to be held up by what was watched.
            let _ = session.unwatch();
            return Err(error);
        }
    };
    let version = batch.changes.iter().map(|change| change.version).max().unwrap_or_default();
    let next = Lane {
        epoch: batch.epoch,
        sequence: batch.sequence,
        watermark: batch.watermark,
        version: lane.version.max(version),
        written: batch.epoch,
    };
    let mut conflicts = Vec::new();
    session.begin();
    put_write_lane(session, &name, &next);
    let mut values = Values::default();
    for run in &runs {
        let mut rows = Rows::default();
        for (change, index) in run.changes.iter().zip(run.first..) {
            let found = &before[index];
            match conflict(change, found.entry) {
                Some(conflict) => conflicts.push((index, conflict)),
                None => rows.change(session.has_field_expiry, &run.names, change, found, &mut values),
            }
        }
        rows.put(session, &run.names);
    }
    values.put(session);
    match session.commit()? {
        Some(replies) => judge(session, &replies, (&name, &lane), &runs, &before)?,
        None => {
            return Err(StoreError::new(ErrorKind::Busy, "the lane has changed while a batch was prepared"));
        }
    }
    shared.history.confirm(session)?;
    shared.history.note(batch.lane, batch.epoch, batch.sequence);
    Ok(conflicts)
}

/// What the server would take and nobody could read again, or not as a whole.
fn check(change: &Change) -> Result<(), StoreError> {
    let bytes = match &change.content {
        Content::Whole(_, bytes) => bytes.len(),
        Content::Parts(0, parts) => parts.iter().map(Vec::len).sum(),
        Content::Parts(_, parts) => parts.iter().map(Vec::len).max().unwrap_or_default(),
        Content::Record(json) => json.len(),
        Content::Gone => 0,
    };
    let what = match (&change.place, &change.content) {
        (Place::Keys(_), Content::Record(_)) => "a record among other keys",
        (Place::Table(_), Content::Whole(..) | Content::Parts(..)) => "something else in a table of records",
        (_, Content::Parts(_, parts)) if parts.is_empty() => "a value without parts",
        _ if bytes > TEXT_BYTES_MAX => "it is longer than a string may be there",
        _ if change.expire_at_ms > EXPIRY_MAX => "an expiry later than all that can be kept",
        _ => return Ok(()),
    };
    let key = String::from_utf8_lossy(&change.key);
    Err(StoreError::new(ErrorKind::Refused, format!("the row {key:?} is not taken: {what}")))
}

/// Changes of one place that stand together.
struct Run<'a> {
    place: &'a Place,
    names: Names,
    first: usize,
    changes: &'a [Change],
}

fn runs(changes: &[Change]) -> Vec<Run<'_>> {
    let mut first = 0;
    let mut runs = Vec::new();
    for changes in changes.chunk_by(|one, other| one.place == other.place) {
        let place = &changes[0].place;
        runs.push(Run { place, names: Names::of(place), first, changes });
        first += changes.len();
    }
    runs
}

/// What is there of a row that is to be changed.
struct Before {
    entry: Option<Entry>,
    /// The tags of its key, if they may change.
    tags: Vec<Vec<u8>>,
}

/// Watches the lane, and reads it and what is there of all rows.
fn read(
    session: &mut Session,
    batch: &Batch,
    runs: &[Run<'_>],
    name: &[u8],
) -> Result<(Lane, Vec<Before>), StoreError> {
    let places: Vec<&Place> = runs.iter().map(|run| run.place).collect();
    session.put(&[b"WATCH", name, TABLES]);
    put_read_lane(session, name);
    let tables = put_check_tables(session, &places);
    let mut commands = Vec::new();
    for run in runs {
        // Keys of another type fail here, where nothing has happened yet.
        session.put(&[b"ZCARD", &run.names.order]);
        session.put(&[b"ZCARD", &run.names.expiry]);
        let keys: Vec<&[u8]> = run.changes.iter().map(|change| change.key.as_slice()).collect();
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let mut words: Vec<&[u8]> = vec![b"HMGET", &run.names.rows];
            words.extend(keys);
            session.put(&words);
        }
        commands.push(2 + run.changes.len().div_ceil(KEYS_AT_ONCE));
    }
    let count = 2 + usize::from(!tables.is_empty()) + commands.iter().sum::<usize>();
    let mut replies = session.answers(count)?.into_iter().skip(1);
    let mut next = || replies.next().ok_or_else(|| odd("a batch"));
    let lane = judge_lane(lane_of(next()?)?, batch)?;
    if !tables.is_empty() {
        judge_tables(&tables, next()?)?;
    }
    let mut before = Vec::with_capacity(batch.changes.len());
    for commands in commands {
        // Nothing of the two counts but that they could be asked.
        for _ in 0..2 {
            next()?;
        }
        for _ in 2..commands {
            for text in texts_of(next()?, "HMGET")? {
                before.push(Before { entry: entry_of(text)?, tags: Vec::new() });
            }
        }
    }
    if before.len() != batch.changes.len() {
        return Err(odd("HMGET"));
    }
    runs.iter().try_for_each(|run| read_tags(session, run, &mut before[run.first..]))?;
    Ok((lane, before))
}

/// Reads the tags of those keys whose tags may change.
fn read_tags(session: &mut Session, run: &Run<'_>, before: &mut [Before]) -> Result<(), StoreError> {
    let given = run.changes.iter().filter_map(tags::wanted).flatten();
    tags::check(session, &run.names, given.map(Vec::as_slice))?;
    let (mut keys, mut found) = (Vec::new(), Vec::new());
    for (change, before) in run.changes.iter().zip(before) {
        if before.entry.is_some_and(|entry| entry.has_tags) && tags::wanted(change).is_some() {
            keys.push(change.key.as_slice());
            found.push(&mut before.tags);
        }
    }
    for (into, tags) in found.into_iter().zip(tags::of(session, &run.names, &keys)?) {
        *into = tags;
    }
    Ok(())
}

/// Whether a lane stands where the batch says.
fn judge_lane(found: Option<Lane>, batch: &Batch) -> Result<Lane, StoreError> {
    match found {
        None if batch.sequence > 1 => {
            let text =
                format!("the server has nothing of lane {}, as after it has lost its data", batch.lane);
            Err(StoreError::new(ErrorKind::InDoubt, text))
        }
        None => Err(StoreError::new(ErrorKind::InDoubt, format!("there is no lane {}", batch.lane))),
        Some(lane) if lane.epoch != batch.epoch => Err(over()),
        Some(lane) if lane.sequence.checked_add(1) != Some(batch.sequence) => {
            let text =
                format!("batch {} of lane {} follows batch {}", batch.sequence, batch.lane, lane.sequence);
            Err(StoreError::new(ErrorKind::InDoubt, text))
        }
        Some(lane) => Ok(lane),
    }
}

/// Our epoch is over.
pub(crate) fn over() -> StoreError {
    StoreError::new(ErrorKind::Fenced, "somebody else has claimed the store since, or it was given up")
}

/// Why a change is left out, if it is.
fn conflict(change: &Change, entry: Option<Entry>) -> Option<Conflict> {
    match (change.expect, entry) {
        // Nobody else writes here, so that no row has another stamp than 0.
        (Expect::Stored(1..), None) => Some(Conflict::Removed),
        (Expect::Stored(1..), Some(_)) => Some(Conflict::Written(0)),
        (_, Some(entry)) if entry.version >= change.version => Some(Conflict::Version(entry.version)),
        (Expect::Stored(0), None) => Some(Conflict::Removed),
        _ => None,
    }
}

/// What is to be done to the values of a batch. All that is removed goes before anything is written, since two rows of one
/// batch may have one name: a key that was a record and is none now.
#[derive(Default)]
struct Values<'a> {
    removed: Vec<Vec<u8>>,
    /// Names and short strings, in turn.
    texts: Vec<Text<'a>>,
    timed: Vec<(Vec<u8>, Plan<'a>, u64)>,
    large: Vec<(Vec<u8>, Plan<'a>)>,
}

enum Text<'a> {
    Name(Vec<u8>),
    Value(Plan<'a>),
}

impl AsRef<[u8]> for Text<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Name(name) => name,
            Self::Value(plan) => plan.short_text().unwrap_or_default(),
        }
    }
}

impl Values<'_> {
    fn put(&self, session: &mut Session) {
        session.put_many(&[b"UNLINK"], &self.removed, 1);
        session.put_many(&[b"MSET"], &self.texts, 2);
        for (name, plan, at) in &self.timed {
            let at = at.to_string();
            match plan.short_text() {
                Some(text) => session.put(&[b"SET", name, text, b"PXAT", at.as_bytes()]),
                None => {
                    plan.write(session, name);
                    session.put(&[b"PEXPIREAT", name, at.as_bytes()]);
                }
            }
        }
        self.large.iter().for_each(|(name, plan)| plan.write(session, name));
    }
}

/// What is to be done to the entries of a place.
#[derive(Default)]
struct Rows<'a> {
    /// Keys and entries, in turn.
    entries: Vec<std::borrow::Cow<'a, [u8]>>,
    /// Keys that were not there.
    new: Vec<&'a [u8]>,
    gone: Vec<&'a [u8]>,
    /// Times and keys, in turn.
    expiries: Vec<std::borrow::Cow<'a, [u8]>>,
    no_expiries: Vec<&'a [u8]>,
    tags: Retagged<'a>,
}

impl<'a> Rows<'a> {
    fn change(
        &mut self,
        has_field_expiry: bool,
        names: &Names,
        change: &'a Change,
        found: &Before,
        values: &mut Values<'a>,
    ) {
        let before = found.entry;
        if let Some(wanted) = tags::wanted(change) {
            self.tags.note(&change.key, found.tags.clone(), wanted);
        }
        let plan = Plan::of(&change.content, has_field_expiry);
        let name = names.value(&change.key);
        if before.is_some_and(|entry| entry.is_raw()) {
            values.removed.push(names::raw(&name));
        }
        let Some(form) = plan.form() else {
            if let Some(entry) = before {
                values.removed.push(name);
                self.gone.push(&change.key);
                if entry.expire_at_ms != 0 {
                    self.no_expiries.push(&change.key);
                }
            }
            return;
        };
        let (version, expire_at_ms) = (change.version, change.expire_at_ms);
        let entry = Entry { version, expire_at_ms, has_tags: has_tags(change, before), form };
        self.note(&change.key, &entry, before);
        let is_short = plan.short_text().is_some();
        if !is_short {
            values.removed.push(name.clone());
        }
        let name = if entry.is_raw() { names::raw(&name) } else { name };
        if entry.is_raw() {
            values.removed.push(name.clone());
        }
        match (change.expire_at_ms, is_short) {
            (0, true) => values.texts.extend([Text::Name(name), Text::Value(plan)]),
            (0, false) => values.large.push((name, plan)),
            (at, _) => values.timed.push((name, plan, at)),
        }
    }

    /// Notes the entry of a row that stays.
    fn note(&mut self, key: &'a [u8], entry: &Entry, before: Option<Entry>) {
        self.entries.extend([key.into(), entry.encode().into_bytes().into()]);
        if before.is_none() {
            self.new.push(key);
        }
        if entry.expire_at_ms != 0 {
            self.expiries.extend([entry.expire_at_ms.to_string().into_bytes().into(), key.into()]);
        } else if before.is_some_and(|entry| entry.expire_at_ms != 0) {
            self.no_expiries.push(key);
        }
    }

    fn put(&self, session: &mut Session, names: &Names) {
        session.put_many(&[b"HSET", &names.rows], &self.entries, 2);
        let new: Vec<&[u8]> = self.new.iter().flat_map(|key| [b"0".as_slice(), key]).collect();
        session.put_many(&[b"ZADD", &names.order], &new, 2);
        session.put_many(&[b"ZADD", &names.expiry], &self.expiries, 2);
        session.put_many(&[b"HDEL", &names.rows], &self.gone, 1);
        session.put_many(&[b"ZREM", &names.order], &self.gone, 1);
        session.put_many(&[b"ZREM", &names.expiry], &self.no_expiries, 1);
        self.tags.put(session, names);
    }
}

/// Whether a key has tags once a change of it has been applied.
fn has_tags(change: &Change, before: Option<Entry>) -> bool {
    match tags::wanted(change) {
        Some(wanted) => !wanted.is_empty(),
        None => before.is_some_and(|entry| entry.has_tags),
    }
}

/// A command that fails inside of a transaction leaves the others as they are. None should; if one does all the same, what the
/// batch says of its rows and of its lane is taken back, so that it is applied anew. Of rows with tags it stays known that they
/// have some.
fn judge(
    session: &mut Session,
    replies: &[Frame],
    (name, lane): (&[u8], &Lane),
    runs: &[Run<'_>],
    before: &[Before],
) -> Result<(), StoreError> {
    let failed =
        replies.iter().find_map(|reply| if let Frame::Error(text) = reply { Some(text) } else { None });
    let Some(text) = failed else { return Ok(()) };
    session.begin();
    put_write_lane(session, name, lane);
    let nothing = Entry::none(true).encode();
    for run in runs {
        let changed = run.changes.iter().zip(before[run.first..].iter().map(|before| before.entry));
        let changed = changed.filter(|(change, entry)| conflict(change, *entry).is_none());
        let (tagged, plain): (Vec<_>, Vec<_>) = changed.partition(|(change, entry)| has_tags(change, *entry));
        let plain: Vec<&[u8]> = plain.iter().map(|(change, _)| change.key.as_slice()).collect();
        session.put_many(&[b"HDEL", &run.names.rows], &plain, 1);
        let tagged: Vec<&[u8]> =
            tagged.iter().flat_map(|(change, _)| [change.key.as_slice(), nothing.as_bytes()]).collect();
        session.put_many(&[b"HSET", &run.names.rows], &tagged, 2);
    }
    let in_doubt = |error: StoreError| StoreError { kind: ErrorKind::InDoubt, ..error };
    session.commit().map_err(in_doubt)?;
    Err(StoreError { kind: ErrorKind::Refused, ..crate::fault::fault(text) })
}
