//! Keys in order, all or those with a tag, and how many there are.

use crate::entry::Entry;
use crate::load::{check_tables, entry_of};
use crate::names::Names;
use crate::session::{Session, number_of, odd, texts_of};
use ramekin::store::{Place, StoreError};

/// Keys that are read at once at most.
const KEYS_AT_ONCE: usize = 1024;

/// A page of keys with their versions, of all or of those with a tag. Those that have expired are passed over.
pub(crate) fn page(
    session: &mut Session,
    place: &Place,
    tag: Option<&[u8]>,
    after: Option<&[u8]>,
    limit: usize,
    now_ms: u64,
) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    check_tables(session, &[place])?;
    let names = Names::of(place);
    let order = tag.map_or_else(|| names.order.clone(), |tag| names.tagged(tag));
    let mut found = Vec::new();
    let mut after = after.map(<[u8]>::to_vec);
    while found.len() < limit {
        let count = (limit - found.len()).min(KEYS_AT_ONCE);
        let keys = keys_after(session, &order, after.as_deref(), count)?;
        let Some(last) = keys.last() else { break };
        let is_last = keys.len() < count;
        after = Some(last.clone());
        let mut words: Vec<&[u8]> = vec![b"HMGET", &names.rows];
        words.extend(keys.iter().map(Vec::as_slice));
        let entries = texts_of(session.ask(&words)?, "HMGET")?;
        for (key, text) in keys.into_iter().zip(entries) {
            // What was removed since has no entry.
            if let Some(entry) = entry_of(text)?.filter(Entry::is_row)
                && (entry.expire_at_ms == 0 || entry.expire_at_ms >= now_ms)
            {
                found.push((key, entry.version));
            }
        }
        if is_last {
            break;
        }
    }
    Ok(found)
}

/// Keys of a sorted set in order, from the one after `after` on.
pub(crate) fn keys_after(
    session: &mut Session,
    order: &[u8],
    after: Option<&[u8]>,
    count: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let begin = after.map_or(b"-".to_vec(), |key| [b"(", key].concat());
    let count = count.to_string();
    let words: [&[u8]; 7] = [b"ZRANGEBYLEX", order, &begin, b"+", b"LIMIT", b"0", count.as_bytes()];
    Ok(texts_of(session.ask(&words)?, "ZRANGEBYLEX")?.into_iter().flatten().collect())
}

/// How many keys have not expired.
pub(crate) fn count(session: &mut Session, place: &Place, now_ms: u64) -> Result<u64, StoreError> {
    check_tables(session, &[place])?;
    let names = Names::of(place);
    session.put(&[b"ZCARD", &names.order]);
    session.put(&[b"ZCOUNT", &names.expiry, b"-inf", format!("({now_ms}").as_bytes()]);
    let replies = session.answers(2)?;
    let [Some(all), Some(expired)] = [number_of(&replies[0]), number_of(&replies[1])] else {
        return Err(odd("ZCARD"));
    };
    Ok(all.saturating_sub(expired))
}
