//! What is in the log, in commands that Valkey 9 takes: to look at it, to take it elsewhere, and to compare what effects
//! mean here with what commands mean there.
//!
//! What must hold: after the commands of all records up to some LSN, run in order, another server has the data that
//! replaying these records gives, but for keys and fields whose time has come meanwhile, and for what only this database
//! knows: the entries of its system database, and the tags of keys. A record of several changes is
//! one transaction. Left out: the reading of the log, and the form in which commands are sent.

use crate::effect::{Effect, Malformed, SYSTEM_DB, Side};
use crate::error::{Error, ErrorKind};
use crate::value::{Packing, Value, codec};

/// Elements or fields in one command; a longer list takes several.
const ITEMS_MAX: usize = 512;

/// Turns records of a log into commands, in the order of the log.
#[derive(Default)]
pub struct Canonical {
    /// The database that the commands so far have selected.
    db: u32,
}

/// One command: its words.
type Words = Vec<Vec<u8>>;

impl Canonical {
    /// Nothing has been said yet: database 0 is selected.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The commands of one record, as [`log::replay`](crate::log::replay) hands it on.
    ///
    /// # Errors
    /// `Newer` for a record that this version does not know.
    pub fn commands(&mut self, record: &[u8]) -> Result<Vec<Vec<Vec<u8>>>, Error> {
        let mut out = Vec::new();
        let mut selected = self.db;
        Effect::decode_all(record, |db, effect| {
            if db == SYSTEM_DB {
                return Ok(());
            }
            if db != selected {
                selected = db;
                out.push(words(&[b"SELECT", db.to_string().as_bytes()]));
            }
            translate(db, &effect, &mut out)
        })
        .map_err(|Malformed| {
            Error::new(ErrorKind::Newer, "a record of the log was written by a newer version".to_owned())
        })?;
        self.db = selected;
        if out.len() > 1 {
            out.insert(0, words(&[b"MULTI"]));
            out.push(words(&[b"EXEC"]));
        }
        Ok(out)
    }
}

fn words(words: &[&[u8]]) -> Words {
    words.iter().map(|word| word.to_vec()).collect()
}

fn translate(db: u32, effect: &Effect<'_>, out: &mut Vec<Words>) -> Result<(), Malformed> {
    let number = |number: u64| number.to_string().into_bytes();
    match *effect {
        Effect::SetString { key, value, expire_at_ms: 0 } => out.push(words(&[b"SET", key, value])),
        Effect::SetString { key, value, expire_at_ms } => {
            out.push(words(&[b"SET", key, value, b"PXAT", &number(expire_at_ms)]));
        }
        Effect::Put { key, kind, value, expire_at_ms } => {
            let value = codec::decode(kind, value, &Packing::default()).map_err(|_| Malformed)?;
            put(key, &value, out);
            if expire_at_ms != 0 {
                out.push(words(&[b"PEXPIREAT", key, &number(expire_at_ms)]));
            }
        }
        Effect::Extend { key, kind, part } => {
            let part = codec::decode(kind, part, &Packing::default()).map_err(|_| Malformed)?;
            extend(key, &part, out);
        }
        Effect::Delete { key } => out.push(words(&[b"DEL", key])),
        // These are about a store, or tags, which Valkey has not: not about what keys hold.
        Effect::Stored { .. }
        | Effect::Forget { .. }
        | Effect::TagAdd { .. }
        | Effect::TagRemove { .. }
        | Effect::TagSet { .. } => {}
        Effect::Expire { key, at_ms: 0 } => out.push(words(&[b"PERSIST", key])),
        Effect::Expire { key, at_ms } => out.push(words(&[b"PEXPIREAT", key, &number(at_ms)])),
        Effect::Append { key, tail } => out.push(words(&[b"APPEND", key, tail])),
        Effect::SetRange { key, offset, bytes } => {
            out.push(words(&[b"SETRANGE", key, &number(offset), bytes]));
        }
        Effect::Flush => out.push(words(&[b"FLUSHDB"])),
        Effect::Swap { with } => {
            out.push(words(&[b"SWAPDB", db.to_string().as_bytes(), with.to_string().as_bytes()]));
        }
        Effect::ListPush { .. }
        | Effect::ListPop { .. }
        | Effect::ListSet { .. }
        | Effect::ListInsert { .. }
        | Effect::ListRemove { .. }
        | Effect::ListTrim { .. } => list(effect, out),
        Effect::HashSet { .. } | Effect::HashDelete { .. } | Effect::HashExpire { .. } => hash(effect, out),
    }
    Ok(())
}

fn list(effect: &Effect<'_>, out: &mut Vec<Words>) {
    let number = |number: u64| number.to_string().into_bytes();
    match *effect {
        Effect::ListPush { key, side, elements } => {
            let name: &[u8] = if side == Side::Left { b"LPUSH" } else { b"RPUSH" };
            in_parts(&[name, key], elements, 1, out);
        }
        Effect::ListPop { key, side, count } => {
            let name: &[u8] = if side == Side::Left { b"LPOP" } else { b"RPOP" };
            out.push(words(&[name, key, &number(count)]));
        }
        Effect::ListSet { key, index, element } => {
            out.push(words(&[b"LSET", key, &number(index), element]));
        }
        Effect::ListInsert { key, index, element } => {
            // No command inserts by index: the list is turned until the place is at its head, and back.
            for _ in 0..index {
                out.push(words(&[b"LMOVE", key, key, b"LEFT", b"RIGHT"]));
            }
            out.push(words(&[b"LPUSH", key, element]));
            for _ in 0..index {
                out.push(words(&[b"LMOVE", key, key, b"RIGHT", b"LEFT"]));
            }
        }
        Effect::ListRemove { key, count, element } => {
            out.push(words(&[b"LREM", key, count.to_string().as_bytes(), element]));
        }
        Effect::ListTrim { key, count: 0, .. } => out.push(words(&[b"DEL", key])),
        Effect::ListTrim { key, start, count } => {
            out.push(words(&[b"LTRIM", key, &number(start), &number(start + count - 1)]));
        }
        _ => unreachable!("`translate` hands on effects of lists only"),
    }
}

fn hash(effect: &Effect<'_>, out: &mut Vec<Words>) {
    match *effect {
        Effect::HashSet { key, keep_expiry: false, pairs } => in_parts(&[b"HSET", key], pairs, 2, out),
        Effect::HashSet { key, keep_expiry: true, pairs } => {
            for part in pairs.chunks(2 * ITEMS_MAX) {
                let count = (part.len() / 2).to_string();
                let head: &[&[u8]] = &[b"HSETEX", key, b"KEEPTTL", b"FIELDS", count.as_bytes()];
                out.push(words(&[head, part].concat()));
            }
        }
        Effect::HashDelete { key, fields } => in_parts(&[b"HDEL", key], fields, 1, out),
        Effect::HashExpire { key, at_ms, fields } => expire_fields(key, at_ms, fields, out),
        _ => unreachable!("`translate` hands on effects of hashes only"),
    }
}

fn expire_fields(key: &[u8], at_ms: u64, fields: &[&[u8]], out: &mut Vec<Words>) {
    let at = at_ms.to_string();
    for part in fields.chunks(ITEMS_MAX) {
        let count = part.len().to_string();
        let head: &[&[u8]] = if at_ms == 0 {
            &[b"HPERSIST", key, b"FIELDS", count.as_bytes()]
        } else {
            &[b"HPEXPIREAT", key, at.as_bytes(), b"FIELDS", count.as_bytes()]
        };
        out.push(words(&[head, part].concat()));
    }
}

/// A whole value in place of whatever was there.
fn put(key: &[u8], value: &Value, out: &mut Vec<Words>) {
    match value {
        Value::Str(text) => out.push(words(&[b"SET", key, text])),
        Value::Long(long) => out.push(words(&[b"SET", key, &long.whole()])),
        Value::List(list) => {
            out.push(words(&[b"DEL", key]));
            let elements: Vec<&[u8]> = list.iter().collect();
            in_parts(&[b"RPUSH", key], &elements, 1, out);
        }
        Value::Json(json) => {
            let mut text = Vec::new();
            json.print(&mut text);
            out.push(words(&[b"JSON.SET", key, b"$", &text]));
        }
        Value::Compressed(_) => match value.compressed().filter(|it| it.check(&mut Vec::new())) {
            Some(value) => put(key, &value.plain(), out),
            // Its dictionary is in a checkpoint, or in a part of the log that was not shown.
            None => {
                out.push(words(&[b"#", key, b"holds a compressed value whose dictionary is not at hand"]));
            }
        },
        Value::Hash(hash) => {
            out.push(words(&[b"DEL", key]));
            let pairs: Vec<&[u8]> = hash.stored().flat_map(|field| [field.name, field.value]).collect();
            in_parts(&[b"HSET", key], &pairs, 2, out);
            for field in hash.stored().filter(|field| field.expire_at_ms != 0) {
                expire_fields(key, field.expire_at_ms, &[field.name], out);
            }
        }
    }
}

/// Adds a further part of a value.
fn extend(key: &[u8], part: &Value, out: &mut Vec<Words>) {
    match part {
        Value::Str(text) => out.push(words(&[b"APPEND", key, text])),
        Value::Long(long) => out.push(words(&[b"APPEND", key, &long.whole()])),
        Value::List(_) | Value::Hash(_) | Value::Json(_) | Value::Compressed(_) => {
            let begun = out.len();
            put(key, part, out);
            // All but the removal of what was there before.
            out.remove(begun);
        }
    }
}

/// A command for each [`ITEMS_MAX`] items of `width` words.
fn in_parts(head: &[&[u8]], items: &[&[u8]], width: usize, out: &mut Vec<Words>) {
    out.extend(items.chunks(width * ITEMS_MAX).map(|part| words(&[head, part].concat())));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(record: &[u8]) -> Vec<String> {
        let commands = Canonical::new().commands(record).unwrap();
        commands.iter().map(|words| String::from_utf8(words.join(&b' ')).unwrap()).collect()
    }

    #[test]
    fn one_change_is_one_command_and_several_are_a_transaction() {
        let mut record = Vec::new();
        Effect::SetString { key: b"k", value: b"v", expire_at_ms: 5 }.encode(0, &mut record);
        assert_eq!(texts(&record), ["SET k v PXAT 5"]);
        Effect::ListInsert { key: b"l", index: 1, element: b"e" }.encode(3, &mut record);
        Effect::Swap { with: 1 }.encode(3, &mut record);
        let expected = [
            "MULTI",
            "SET k v PXAT 5",
            "SELECT 3",
            "LMOVE l l LEFT RIGHT",
            "LPUSH l e",
            "LMOVE l l RIGHT LEFT",
            "SWAPDB 3 1",
            "EXEC",
        ];
        assert_eq!(texts(&record), expected);
    }

    #[test]
    fn a_long_value_takes_several_commands() {
        let elements: Vec<Vec<u8>> = (0..1_000).map(|number: u32| number.to_string().into_bytes()).collect();
        let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
        let mut record = Vec::new();
        Effect::ListPush { key: b"l", side: Side::Right, elements: &elements }.encode(0, &mut record);
        let lengths: Vec<usize> = Canonical::new().commands(&record).unwrap().iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 2 + 512, 2 + 488, 1]);
    }
}
