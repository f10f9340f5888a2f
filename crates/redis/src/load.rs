//! Reading rows.
//!
//! What must hold: what is told of a row was true at one moment: its entry and its value are read in one transaction. A row whose
//! value the server has removed is not there: it has expired, or somebody else has removed it.

use crate::entry::{Entry, Form};
use crate::form::{content_of, hash, put_read};
use crate::names::{Names, TABLES};
use crate::session::{Session, odd, plain, texts_of};
use crate::tags;
use ramekin::store::{Content, ErrorKind, Place, Row, StoreError};
use ramekin::value::codec::tag;
use ramekin_resp::Frame;
use std::collections::HashMap;

/// Keys that one command asks for.
const KEYS_AT_ONCE: usize = 512;
/// How often what changes while it is read is read again.
const TRIES: usize = 20;

/// A key that was asked for, and where it stands among the questions.
struct Asked<'a> {
    index: usize,
    place: &'a Place,
    key: &'a [u8],
    name: Vec<u8>,
}

/// Reads rows, in the order asked for.
pub(crate) fn load(session: &mut Session, keys: &[(Place, Vec<u8>)]) -> Result<Vec<Option<Row>>, StoreError> {
    let mut rows = vec![None; keys.len()];
    let mut names: HashMap<&Place, Names> = HashMap::new();
    let mut places: HashMap<&Place, Vec<Asked<'_>>> = HashMap::new();
    for (index, (place, key)) in keys.iter().enumerate() {
        let name = names.entry(place).or_insert_with(|| Names::of(place)).value(key);
        places.entry(place).or_default().push(Asked { index, place, key, name });
    }
    let known: Vec<&Place> = names.keys().copied().collect();
    check_tables(session, &known)?;
    for (place, asked) in &places {
        for asked in asked.chunks(KEYS_AT_ONCE) {
            let asked: Vec<&Asked<'_>> = asked.iter().collect();
            let mut others = load_texts(session, &names[place], &asked, false, &mut rows)?;
            if !others.tagged.is_empty() {
                let more = load_texts(session, &names[place], &others.tagged, true, &mut rows)?;
                others.large.extend(more.large);
            }
            for (asked, entry) in others.large {
                rows[asked.index] = load_large(session, &names[place], asked, entry)?;
            }
        }
    }
    Ok(rows)
}

/// Asks that these places are there.
pub(crate) fn check_tables(session: &mut Session, places: &[&Place]) -> Result<(), StoreError> {
    let tables = put_check_tables(session, places);
    if tables.is_empty() {
        return Ok(());
    }
    let found = session.answer()?;
    judge_tables(&tables, found)
}

/// Asks the server for the tables among these places, if there are any.
pub(crate) fn put_check_tables<'p>(session: &mut Session, places: &[&'p Place]) -> Vec<&'p Place> {
    let tables: Vec<&Place> =
        places.iter().copied().filter(|place| matches!(place, Place::Table(_))).collect();
    if !tables.is_empty() {
        let mut words: Vec<&[u8]> = vec![b"HMGET", TABLES];
        words.extend(tables.iter().map(|place| match place {
            Place::Table(name) => name.as_bytes(),
            Place::Keys(_) => b"".as_slice(),
        }));
        session.put(&words);
    }
    tables
}

/// What the server's answer means.
pub(crate) fn judge_tables(tables: &[&Place], found: Frame) -> Result<(), StoreError> {
    for (place, definition) in tables.iter().zip(texts_of(found, "HMGET")?) {
        if definition.is_none()
            && let Place::Table(name) = place
        {
            return Err(StoreError::new(
                ErrorKind::Table((*place).clone()),
                format!("there is no table {name}"),
            ));
        }
    }
    Ok(())
}

/// The entry that a text is.
pub(crate) fn entry_of(text: Option<Vec<u8>>) -> Result<Option<Entry>, StoreError> {
    let entry = |text: Vec<u8>| {
        Entry::parse(&text).ok_or_else(|| {
            let text = "somebody else has written to a key whose name begins with ramekin:rows:";
            StoreError::new(ErrorKind::Unavailable, text)
        })
    };
    text.map(entry).transpose()
}

/// Those that are there and were not read.
#[derive(Default)]
struct Others<'a, 'k> {
    /// Strings of keys that have tags.
    tagged: Vec<&'a Asked<'k>>,
    /// Those that are no strings.
    large: Vec<(&'a Asked<'k>, Entry)>,
}

/// Reads those that are strings, of keys without tags or all.
fn load_texts<'a, 'k>(
    session: &mut Session,
    names: &Names,
    asked: &[&'a Asked<'k>],
    with_tags: bool,
    rows: &mut [Option<Row>],
) -> Result<Others<'a, 'k>, StoreError> {
    session.begin();
    let mut words: Vec<&[u8]> = vec![b"HMGET", &names.rows];
    words.extend(asked.iter().map(|asked| asked.key));
    session.put(&words);
    let mut words: Vec<&[u8]> = vec![b"MGET"];
    words.extend(asked.iter().map(|asked| asked.name.as_slice()));
    session.put(&words);
    if with_tags {
        asked.iter().for_each(|asked| tags::put_read(session, names, asked.key));
    }
    let mut replies = plain(session.commit())?.ok_or_else(|| odd("EXEC"))?.into_iter();
    let entries = texts_of(replies.next().ok_or_else(|| odd("EXEC"))?, "HMGET")?;
    let Some(Frame::Array(values)) = replies.next() else { return Err(odd("MGET")) };
    let mut others = Others::default();
    for ((asked, text), value) in asked.iter().zip(entries).zip(values) {
        let tags = if with_tags { replies.next().map(tags::read).transpose()? } else { None };
        let Some(entry) = entry_of(text)?.filter(Entry::is_row) else { continue };
        if !matches!(entry.form, Form::Text | Form::Json) {
            others.large.push((asked, entry));
        } else if entry.has_tags && !with_tags {
            others.tagged.push(asked);
        } else {
            let content = content_of(value, entry.form, matches!(asked.place, Place::Table(_)))?;
            rows[asked.index] = content.map(|content| row(entry, content, tags.unwrap_or_default()));
        }
    }
    Ok(others)
}

fn row(entry: Entry, content: Content, tags: Vec<Vec<u8>>) -> Row {
    Row { version: entry.version, stamp: 0, expire_at_ms: entry.expire_at_ms, content, tags }
}

/// Reads one that was no string a moment ago.
fn load_large(
    session: &mut Session,
    names: &Names,
    asked: &Asked<'_>,
    mut entry: Entry,
) -> Result<Option<Row>, StoreError> {
    for _ in 0..TRIES {
        if entry.form == Form::HashWithExpiry {
            session.ask(&[b"WATCH", &names.rows, &asked.name])?;
        } else {
            session.begin();
        }
        session.put(&[b"HMGET", &names.rows, asked.key]);
        put_read(session, &asked.name, entry.form);
        tags::put_read(session, names, asked.key);
        let replies = if entry.form == Form::HashWithExpiry {
            session.answers(3)?
        } else {
            plain(session.commit())?.ok_or_else(|| odd("EXEC"))?
        };
        let [found, value, tags]: [Frame; 3] = replies.try_into().map_err(|_| odd("EXEC"))?;
        let found = texts_of(found, "HMGET")?.into_iter().next().flatten();
        let Some(found) = entry_of(found)?.filter(Entry::is_row) else {
            session.unwatch()?;
            return Ok(None);
        };
        if found.form != entry.form {
            session.unwatch()?;
            entry = found;
            continue;
        }
        let is_record = matches!(asked.place, Place::Table(_));
        let content = if entry.form == Form::HashWithExpiry {
            let Some(content) = expiries(session, &asked.name, value)? else { continue };
            content
        } else {
            content_of(value, found.form, is_record)?
        };
        let tags = tags::read(tags)?;
        return Ok(content.map(|content| row(found, content, tags)));
    }
    Err(StoreError::new(ErrorKind::Busy, "a row has changed each time it was read"))
}

/// The hash of which these are the fields, which is watched, with the expiries that its fields have; nothing at all if it has
/// changed.
fn expiries(
    session: &mut Session,
    name: &[u8],
    fields: Frame,
) -> Result<Option<Option<Content>>, StoreError> {
    let mut pairs: Vec<Vec<u8>> = texts_of(fields, "HGETALL")?.into_iter().flatten().collect();
    if pairs.is_empty() {
        session.unwatch()?;
        return Ok(Some(None));
    }
    let count = (pairs.len() / 2).to_string();
    session.begin();
    let mut words: Vec<&[u8]> = vec![b"HPEXPIRETIME", name, b"FIELDS", count.as_bytes()];
    words.extend(pairs.iter().step_by(2).map(Vec::as_slice));
    session.put(&words);
    let Some(replies) = plain(session.commit())? else { return Ok(None) };
    let Some(Frame::Array(times)) = replies.into_iter().next() else { return Err(odd("HPEXPIRETIME")) };
    let mut expiries = Vec::with_capacity(times.len());
    let mut left = Vec::with_capacity(pairs.len());
    for (time, pair) in times.iter().zip(pairs.chunks_exact_mut(2)) {
        match time {
            // It has expired since its hash was read.
            Frame::Int(-2) => continue,
            Frame::Int(at) => expiries.push(u64::try_from(*at).unwrap_or(0)),
            _ => return Err(odd("HPEXPIRETIME")),
        }
        left.extend(pair.iter_mut().map(std::mem::take));
    }
    if left.is_empty() {
        return Ok(Some(None));
    }
    Ok(Some(Some(Content::Whole(tag::HASH, hash(&left, &expiries)?))))
}
