//! The tags of keys, in both directions: the tags of each key, and the keys of each tag.
//!
//! What must hold: tags are written in the transaction of their row, and its entry says whether it has any, so that a row without
//! tags costs nothing. What is counted beside them is exact: only what differs is added and taken, and what is there is
//! read while nobody else can change it ([`crate::turns`]).

use crate::entry::Entry;
use crate::load::{check_tables, entry_of};
use crate::names::{self, Names, TAGS};
use crate::session::{Session, number_of, odd, text_of, texts_of};
use ramekin::store::{Change, Place, StoreError};
use ramekin_resp::Frame;
use std::collections::{BTreeMap, BTreeSet};

/// Rows that have expired of which the tags are read at once.
const ROWS_AT_ONCE: usize = 1000;

/// What becomes of the tags of rows of one place.
#[derive(Default)]
pub(crate) struct Retagged<'a> {
    keys: Vec<Retag<'a>>,
}

struct Retag<'a> {
    key: &'a [u8],
    before: BTreeSet<Vec<u8>>,
    after: BTreeSet<&'a [u8]>,
}

impl<'a> Retagged<'a> {
    /// A key has these tags from now on, and had those.
    pub(crate) fn note(&mut self, key: &'a [u8], before: Vec<Vec<u8>>, after: &'a [Vec<u8>]) {
        let before: BTreeSet<_> = before.into_iter().collect();
        let after: BTreeSet<&[u8]> = after.iter().map(Vec::as_slice).collect();
        if !before.iter().map(Vec::as_slice).eq(after.iter().copied()) {
            self.keys.push(Retag { key, before, after });
        }
    }

    pub(crate) fn put(&self, session: &mut Session, names: &Names) {
        let (mut added, mut taken) = (BTreeMap::<&[u8], Vec<&[u8]>>::new(), BTreeMap::<_, Vec<_>>::new());
        let old = |retag: &&Retag<'_>| !retag.before.is_empty();
        let old: Vec<Vec<u8>> = self.keys.iter().filter(old).map(|retag| names.tags_of(retag.key)).collect();
        session.put_many(&[b"UNLINK"], &old, 1);
        for Retag { key, before, after } in &self.keys {
            let tags: Vec<&[u8]> = after.iter().copied().collect();
            session.put_many(&[b"SADD", &names.tags_of(key)], &tags, 1);
            for tag in after.iter().filter(|tag| !before.contains(**tag)) {
                added.entry(tag).or_default().push(*key);
            }
            for tag in before.iter().filter(|tag| !after.contains(tag.as_slice())) {
                taken.entry(tag.as_slice()).or_default().push(*key);
            }
        }
        for (tag, keys) in &added {
            let pairs: Vec<&[u8]> = keys.iter().flat_map(|key| [b"0".as_slice(), key]).collect();
            session.put_many(&[b"ZADD", &names.tagged(tag)], &pairs, 2);
            session.put(&[b"ZINCRBY", &names.tags, keys.len().to_string().as_bytes(), tag]);
        }
        for (tag, keys) in &taken {
            session.put_many(&[b"ZREM", &names.tagged(tag)], keys, 1);
            session.put(&[b"ZINCRBY", &names.tags, format!("-{}", keys.len()).as_bytes(), tag]);
        }
        if !added.is_empty() {
            session.put(&[b"SADD", TAGS, names.place.as_bytes()]);
        }
        if !taken.is_empty() {
            session.put(&[b"ZREMRANGEBYSCORE", &names.tags, b"-inf", b"0"]);
        }
    }
}

/// Whether a change that counts says what tags its key has.
pub(crate) fn wanted(change: &Change) -> Option<&[Vec<u8>]> {
    match &change.content {
        ramekin::store::Content::Gone => Some(&[]),
        _ => change.tags.as_deref(),
    }
}

/// The tags of these keys, in their order.
pub(crate) fn of(
    session: &mut Session,
    names: &Names,
    keys: &[&[u8]],
) -> Result<Vec<Vec<Vec<u8>>>, StoreError> {
    keys.iter().for_each(|key| put_read(session, names, key));
    session.answers(keys.len())?.into_iter().map(read).collect()
}

/// Puts the command that reads the tags of a key.
pub(crate) fn put_read(session: &mut Session, names: &Names, key: &[u8]) {
    session.put(&[b"SMEMBERS", &names.tags_of(key)]);
}

/// The tags that the server's answer has.
pub(crate) fn read(frame: Frame) -> Result<Vec<Vec<u8>>, StoreError> {
    Ok(texts_of(frame, "SMEMBERS")?.into_iter().flatten().collect())
}

/// Asks that what tags are written to is what it should be.
pub(crate) fn check<'c>(
    session: &mut Session,
    names: &Names,
    tags: impl Iterator<Item = &'c [u8]>,
) -> Result<(), StoreError> {
    let tags: BTreeSet<&[u8]> = tags.collect();
    if tags.is_empty() {
        return Ok(());
    }
    session.put(&[b"ZCARD", &names.tags]);
    session.put(&[b"SCARD", TAGS]);
    tags.iter().for_each(|tag| session.put(&[b"ZCARD", &names.tagged(tag)]));
    session.answers(2 + tags.len()).map(drop)
}

/// All tags of a place, each with how many rows have it that have not expired. No rows may be removed meanwhile.
pub(crate) fn counts(
    session: &mut Session,
    place: &Place,
    now_ms: u64,
) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    check_tables(session, &[place])?;
    let names = Names::of(place);
    let Frame::Array(pairs) = session.ask(&[b"ZRANGE", &names.tags, b"0", b"-1", b"WITHSCORES"])? else {
        return Err(odd("ZRANGE"));
    };
    let pair = |pair: &[Frame]| Some((text_of(&pair[0])?.to_vec(), number_of(&pair[1])?));
    let counts: Option<BTreeMap<Vec<u8>, u64>> = pairs.chunks_exact(2).map(pair).collect();
    let mut counts = counts.ok_or_else(|| odd("ZRANGE"))?;
    let (mut offset, bound) = (0, format!("({now_ms}"));
    while !counts.is_empty() {
        let (from, count) = (offset.to_string(), ROWS_AT_ONCE.to_string());
        let limit: [&[u8]; 3] = [b"LIMIT", from.as_bytes(), count.as_bytes()];
        let range: [&[u8]; 4] = [b"ZRANGEBYSCORE", &names.expiry, b"-inf", bound.as_bytes()];
        let expired = texts_of(session.ask(&[&range[..], &limit].concat())?, "ZRANGEBYSCORE")?;
        let expired: Vec<Vec<u8>> = expired.into_iter().flatten().collect();
        if expired.is_empty() {
            break;
        }
        let mut words: Vec<&[u8]> = vec![b"HMGET", &names.rows];
        words.extend(expired.iter().map(Vec::as_slice));
        let entries = texts_of(session.ask(&words)?, "HMGET")?;
        let mut tagged: Vec<&[u8]> = Vec::new();
        for (key, text) in expired.iter().zip(entries) {
            if entry_of(text)?.is_some_and(|entry: Entry| entry.has_tags) {
                tagged.push(key);
            }
        }
        for tag in of(session, &names, &tagged)?.into_iter().flatten() {
            counts.entry(tag).and_modify(|count| *count = count.saturating_sub(1));
        }
        offset += expired.len();
    }
    Ok(counts.into_iter().filter(|(_, count)| *count != 0).collect())
}

/// Whether any row has tags.
pub(crate) fn any(session: &mut Session) -> Result<bool, StoreError> {
    let places = texts_of(session.ask(&[b"SMEMBERS", TAGS])?, "SMEMBERS")?;
    let names: Vec<Vec<u8>> =
        places.into_iter().flatten().map(|place| names::tags(&String::from_utf8_lossy(&place))).collect();
    names.iter().for_each(|name| session.put(&[b"EXISTS", name]));
    Ok(session.answers(names.len())?.iter().any(|found| number_of(found) == Some(1)))
}
