//! Removing rows without a batch: what has expired, all of a place, tables.
//!
//! What must hold: no batch is under way meanwhile ([`crate::turns`]); the epoch is watched, and so is what tells which rows may go; each transaction removes no more than a page of
//! rows, so that the server is not held up by it. What is cut short is gone on with when it is asked for again.

use crate::apply::over;
use crate::claim::{judge_fence, put_fence};
use crate::entry::Entry;
use crate::load::{entry_of, judge_tables, put_check_tables};
use crate::names::{self, META, Names, TABLES, TAGS};
use crate::session::{Session, number_of, texts_of};
use crate::tags::{self, Retagged};
use crate::turns::Turns;
use crate::walk::keys_after;
use ramekin::store::{ErrorKind, Place, StoreError};
use ramekin_resp::Frame;

/// Rows that are removed in one transaction.
const ROWS_AT_ONCE: usize = 1000;
/// How often what others come before is tried again.
const TRIES: usize = 100;

/// Rows of a place, as they are to be removed.
type Doomed = Vec<(Vec<u8>, Entry)>;

/// Removes rows that have expired before `before_ms`, at most so many; returns how many.
pub(crate) fn remove_expired(
    session: &mut Session,
    turns: &Turns,
    place: &Place,
    before_ms: u64,
    limit: usize,
    epoch: u64,
) -> Result<usize, StoreError> {
    let names = Names::of(place);
    let (before, mut left) = (format!("({before_ms}"), limit);
    if !has_expired(session, place, &names, &before, epoch)? {
        return Ok(0);
    }
    while left > 0 {
        let count = left.min(ROWS_AT_ONCE);
        let removed = attempt(session, turns, (place, &names.expiry), epoch, false, |session| {
            let text = count.to_string();
            let words: [&[u8]; 7] = [
                b"ZRANGEBYSCORE",
                &names.expiry,
                b"-inf",
                before.as_bytes(),
                b"LIMIT",
                b"0",
                text.as_bytes(),
            ];
            let keys = texts_of(session.ask(&words)?, "ZRANGEBYSCORE")?.into_iter().flatten().collect();
            with_entries(session, &names, keys)
        })?;
        left -= removed.len();
        if removed.len() < count {
            break;
        }
    }
    Ok(limit - left)
}

/// Whether there is anything to remove, in one exchange: it is asked of each place again and again.
fn has_expired(
    session: &mut Session,
    place: &Place,
    names: &Names,
    before: &str,
    epoch: u64,
) -> Result<bool, StoreError> {
    session.put(&[b"HGET", META, b"owned"]);
    let tables = put_check_tables(session, &[place]);
    session.put(&[b"ZCOUNT", &names.expiry, b"-inf", before.as_bytes()]);
    let mut replies = session.answers(2 + usize::from(!tables.is_empty()))?.into_iter();
    if replies.next().as_ref().and_then(number_of) != Some(epoch) {
        return Err(over());
    }
    if !tables.is_empty() {
        judge_tables(&tables, replies.next().unwrap_or(Frame::Null))?;
    }
    Ok(replies.next().as_ref().and_then(number_of) != Some(0))
}

/// Removes all rows of a place up to a version.
pub(crate) fn empty(
    session: &mut Session,
    turns: &Turns,
    place: &Place,
    upto_version: u64,
    epoch: u64,
) -> Result<(), StoreError> {
    let names = Names::of(place);
    let mut after: Option<Vec<u8>> = None;
    loop {
        let mut last = None;
        attempt(session, turns, (place, &names.rows), epoch, true, |session| {
            let keys = keys_after(session, &names.order, after.as_deref(), ROWS_AT_ONCE)?;
            last = keys.last().cloned();
            let mut rows = with_entries(session, &names, keys)?;
            rows.retain(|(_, entry)| entry.version <= upto_version);
            Ok(rows)
        })?;
        if last.is_none() {
            return Ok(());
        }
        after = last;
    }
}

/// Drops a table of records. It is there until all its rows are gone.
pub(crate) fn drop_table(
    session: &mut Session,
    turns: &Turns,
    name: &str,
    epoch: u64,
) -> Result<(), StoreError> {
    let place = Place::Table(name.into());
    match empty(session, turns, &place, u64::MAX, epoch) {
        // It has been dropped before.
        Err(error) if error.kind == ErrorKind::Table(place.clone()) => return Ok(()),
        emptied => emptied?,
    }
    let names = Names::of(&place);
    let _turn = turns.remove();
    for _ in 0..TRIES {
        put_fence(session);
        judge_fence(session, epoch)?;
        session.begin();
        session.put(&[b"HSET", META, b"written", epoch.to_string().as_bytes()]);
        session.put(&[b"HDEL", TABLES, name.as_bytes()]);
        session.put(&[b"UNLINK", &names.rows, &names.order, &names.expiry, &names.tags]);
        session.put(&[b"SREM", TAGS, name.as_bytes()]);
        if turns.judge(session.commit())?.is_some() {
            return Ok(());
        }
    }
    Err(busy())
}

/// Removes the rows that `find` names, unless the epoch is over, the table is not there, or `watched` has changed meanwhile.
fn attempt(
    session: &mut Session,
    turns: &Turns,
    (place, watched): (&Place, &[u8]),
    epoch: u64,
    is_noted: bool,
    mut find: impl FnMut(&mut Session) -> Result<Doomed, StoreError>,
) -> Result<Doomed, StoreError> {
    let names = Names::of(place);
    let _turn = turns.remove();
    for _ in 0..TRIES {
        put_fence(session);
        judge_fence(session, epoch)?;
        session.ask(&[b"WATCH", watched, TABLES])?;
        let tables = put_check_tables(session, &[place]);
        let judged = if tables.is_empty() {
            Ok(())
        } else {
            let answer = session.answer()?;
            judge_tables(&tables, answer)
        };
        let found = judged.and_then(|()| {
            let rows = find(session)?;
            let tagged: Vec<&[u8]> =
                rows.iter().filter(|(_, entry)| entry.has_tags).map(|(key, _)| key.as_slice()).collect();
            let tags = tags::of(session, &names, &tagged)?;
            Ok((rows, tags))
        });
        let (rows, tags) = match found {
            Ok(found) => found,
            Err(error) => {
                let _ = session.unwatch();
                return Err(error);
            }
        };
        if rows.is_empty() {
            session.unwatch()?;
            return Ok(rows);
        }
        session.begin();
        if is_noted {
            session.put(&[b"HSET", META, b"written", epoch.to_string().as_bytes()]);
        }
        put_remove(session, &names, &rows, tags);
        if turns.judge(session.commit())?.is_some() {
            return Ok(rows);
        }
    }
    Err(busy())
}

fn with_entries(session: &mut Session, names: &Names, keys: Vec<Vec<u8>>) -> Result<Doomed, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut words: Vec<&[u8]> = vec![b"HMGET", &names.rows];
    words.extend(keys.iter().map(Vec::as_slice));
    let entries = texts_of(session.ask(&words)?, "HMGET")?;
    let mut rows = Vec::with_capacity(keys.len());
    // A key without an entry is none of ours any more, and goes from the lists.
    for (key, text) in keys.into_iter().zip(entries) {
        rows.push((key, entry_of(text)?.unwrap_or(Entry::none(false))));
    }
    Ok(rows)
}

/// Puts the commands that remove rows, the tags of those that have any being these.
fn put_remove(session: &mut Session, names: &Names, rows: &Doomed, tags: Vec<Vec<Vec<u8>>>) {
    let mut retagged = Retagged::default();
    let tagged = rows.iter().filter(|(_, entry)| entry.has_tags);
    tagged.zip(tags).for_each(|((key, _), tags)| retagged.note(key, tags, &[]));
    retagged.put(session, names);
    let mut values: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
    for (key, entry) in rows {
        let name = names.value(key);
        if entry.is_raw() {
            values.push(names::raw(&name));
        }
        values.push(name);
    }
    let keys: Vec<&[u8]> = rows.iter().map(|(key, _)| key.as_slice()).collect();
    session.put_many(&[b"UNLINK"], &values, 1);
    session.put_many(&[b"HDEL", &names.rows], &keys, 1);
    session.put_many(&[b"ZREM", &names.order], &keys, 1);
    session.put_many(&[b"ZREM", &names.expiry], &keys, 1);
}

fn busy() -> StoreError {
    StoreError::new(ErrorKind::Busy, "others write to the rows that are to be removed, each time anew")
}
