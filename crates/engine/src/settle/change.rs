//! Turns what was taken from a shard into changes of rows, and rows into entries.

use super::Settle;
use super::tables::table_of;
use crate::keyspace::compression::Compression;
use crate::keyspace::entry::Entry;
use crate::keyspace::settling::{Capture, Taken};
use crate::record::Snapshot;
use crate::store::{Change, Content, Expect, Place, Row};
use crate::value::json::Json;
use crate::value::{Kind, Packing, Value, codec};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Values larger than this are kept in parts.
const PARTS_BYTES_MIN: usize = 512 << 10;
/// About the size of a part.
const PART_BYTES: usize = 256 << 10;

/// Where the row of a key lies, or rows that may be of it: the first that is there counts.
pub(super) fn places_of(settle: &Settle, tables: &Snapshot, db: u32, key: &[u8]) -> Vec<(Place, Vec<u8>)> {
    let plain = || (Place::Keys(db), key.to_vec());
    match table_of(tables, db, key) {
        None => vec![plain()],
        Some((definition, rest)) => {
            let record = (Place::Table(Arc::from(&*definition.name)), rest.to_vec());
            if settle.has_others(&definition.name) { vec![record, plain()] } else { vec![record] }
        }
    }
}

/// The change of a row that a change of a key is, and that of the row that may lie in another place. The bytes of the value
/// move there.
pub(super) fn change_of(
    settle: &Settle,
    tables: &Snapshot,
    db: u32,
    capture: &mut Capture,
) -> (Change, Option<Change>) {
    unpack(&mut capture.value);
    let version = settle.base + capture.version;
    // As long as nobody has used tags, no row has any.
    let tags = settle.shards.behind.is_tagged.load(Relaxed).then(|| std::mem::take(&mut capture.tags));
    let tagged = tags.is_some();
    let tags = Cell::new(tags);
    let change = |place, key: &[u8], content, expect| Change {
        place,
        key: key.to_vec(),
        version,
        expire_at_ms: capture.expire_at_ms,
        // There is one change of a value, and only that has tags.
        tags: if content == Content::Gone { tagged.then(Vec::new) } else { tags.take() },
        content,
        expect,
    };
    let plain = Place::Keys(db);
    let table = table_of(tables, db, &capture.key).filter(|(definition, _)| {
        // With a table that is being dropped its rows go; what is removed before a table was made is none of its rows.
        !(capture.is_plain || definition.dropping && matches!(capture.value, Taken::Gone))
    });
    let Some((definition, rest)) = table else {
        return (change(plain, &capture.key, content_of(&mut capture.value), Expect::Any), None);
    };
    let table = Place::Table(Arc::from(&*definition.name));
    if let Taken::Str(_) = capture.value {
        settle.note_others(&definition.name);
        let value = change(plain, &capture.key, content_of(&mut capture.value), Expect::Any);
        return (value, Some(change(table, rest, Content::Gone, Expect::Any)));
    }
    if let Taken::Value(value) = &capture.value
        && value.kind() != Kind::Json
    {
        settle.note_others(&definition.name);
        let value = change(plain, &capture.key, content_of(&mut capture.value), Expect::Any);
        return (value, Some(change(table, rest, Content::Gone, Expect::Any)));
    }
    let beside =
        settle.has_others(&definition.name).then(|| change(plain, &capture.key, Content::Gone, Expect::Any));
    let expect = capture.stored.map_or(Expect::Any, Expect::Stored);
    let content = match &capture.value {
        Taken::Value(Value::Json(json)) => {
            let mut text = Vec::new();
            json.print(&mut text);
            Content::Record(
                String::from_utf8(text)
                    .unwrap_or_else(|text| String::from_utf8_lossy(text.as_bytes()).into_owned()),
            )
        }
        _ => Content::Gone,
    };
    (change(table, rest, content, expect), beside)
}

/// Rows hold what everybody can read: dictionaries are not in the store.
fn unpack(taken: &mut Taken) {
    if let Taken::Value(value) = taken
        && let Some(compressed) = value.compressed()
    {
        *taken = match compressed.plain() {
            Value::Str(text) => Taken::Str(text),
            plain => Taken::Value(plain),
        };
    }
}

fn content_of(taken: &mut Taken) -> Content {
    match taken {
        Taken::Gone => Content::Gone,
        Taken::Str(text) => Content::Whole(codec::tag::STRING, std::mem::take(text)),
        Taken::Value(value) if value.heap_bytes() > PARTS_BYTES_MIN && value.kind() != Kind::Json => {
            let (mut parts, mut kind) = (Vec::new(), codec::tag::STRING);
            let encoded: Result<(), std::convert::Infallible> =
                codec::encode_parts(value, PART_BYTES, |tag, part, _| {
                    kind = tag;
                    parts.push(part.to_vec());
                    Ok(())
                });
            let Ok(()) = encoded;
            Content::Parts(kind, parts)
        }
        Taken::Value(value) => {
            let mut bytes = Vec::new();
            let kind = codec::encode(value, &mut bytes);
            Content::Whole(kind, bytes)
        }
    }
}

/// The entry that a row is; none if its bytes are not a value.
pub(super) fn entry_of(key: &[u8], row: &Row, packing: &Packing, compression: &Compression) -> Option<Entry> {
    let value = match &row.content {
        Content::Whole(codec::tag::STRING, text) => Value::string(text),
        // Rows are not compressed: nothing of this release is read here.
        Content::Whole(codec::tag::COMPRESSED, _) => return None,
        Content::Whole(kind, bytes) => codec::decode(*kind, bytes, packing).ok()?,
        Content::Parts(kind, parts) => {
            let (first, rest) = parts.split_first()?;
            let mut value = codec::decode(*kind, first, packing).ok()?;
            rest.iter().try_for_each(|part| codec::extend(&mut value, *kind, part)).ok()?;
            value
        }
        Content::Record(text) => Value::Json(Json::parse(text.as_bytes()).ok()?),
        Content::Gone => return None,
    };
    Some(compression.entry_of(key, value, row.expire_at_ms))
}
