//! Values that go from one key to another: RENAME, MOVE, COPY.
//!
//! What must hold: the log gets the value itself, so that replaying reads no other key; the room for it is reserved before
//! anything changes. A large value is shared, and encoded for the log after the locks are gone. A value brings its own expiry and takes the place of whatever the other
//! key held; so do its tags.

use super::context::Carried;
use super::parse::{database, is};
use super::{Command, Ctx, Fail, Keys, LargePut, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::keyspace::entry::{Document, Entry, View};
use crate::record::DATABASE;
use crate::reply::Reply;
use crate::value::json::Json;
use crate::value::{Value, codec};

const TWO_KEYS: Keys = Keys::Range { first: 1, last: 2, step: 1 };

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "rename",
            arity: 3,
            flags: flag::WRITE,
            keys: TWO_KEYS,
            group: "generic",
            since: "1.0.0",
            summary: "Renames a key and overwrites the destination.",
            complexity: "O(N) where N is the size of the value, which is logged",
            syntax: "key newkey",
        },
        run: |ctx, args, out| {
            rename(ctx, args[1], args[2], false)?;
            out.ok();
            Ok(())
        },
    },
    Command {
        spec: Spec {
            name: "renamenx",
            arity: 3,
            flags: flag::WRITE | flag::FAST,
            keys: TWO_KEYS,
            group: "generic",
            since: "1.0.0",
            summary: "Renames a key only when the target key name doesn't exist.",
            complexity: "O(N) where N is the size of the value, which is logged",
            syntax: "key newkey",
        },
        run: |ctx, args, out| {
            out.int(i64::from(rename(ctx, args[1], args[2], true)?));
            Ok(())
        },
    },
    Command {
        spec: Spec {
            name: "move",
            arity: 3,
            flags: flag::WRITE | flag::FAST,
            keys: Keys::At(1),
            group: "generic",
            since: "1.0.0",
            summary: "Moves a key to another database.",
            complexity: "O(N) where N is the size of the value, which is logged",
            syntax: "key db",
        },
        run: move_key,
    },
    Command {
        spec: Spec {
            name: "copy",
            arity: -3,
            flags: flag::WRITE | flag::DENYOOM,
            keys: TWO_KEYS,
            group: "generic",
            since: "6.2.0",
            summary: "Copies the value of a key to a new key.",
            complexity: "O(N) where N is the size of the value, which is logged",
            syntax: "source destination [DB destination-db] [REPLACE]",
        },
        run: copy,
    },
];

/// Values larger than this are encoded for the log when their record is written.
const LARGE_BYTES_MIN: usize = 256 << 10;

const SAME_OBJECT: Fail = Fail::new("ERR source and destination objects are the same");

/// A value for another key, with the bytes by which the log will know it (none for a string, which is its own bytes).
struct Parcel {
    value: Value,
    kind: u8,
    encoded: Vec<u8>,
    expire_at_ms: u64,
    /// It is encoded later.
    large: bool,
    /// A string that was changed in place, and stays `raw`.
    raw: bool,
    tags: Carried,
}

/// What a living entry holds, with room for it in the log reserved. Without `copy` the value itself is left out: the caller
/// takes it from the entry.
fn pack(ctx: &mut Ctx<'_>, from: &[u8], to: &[u8], copy: bool) -> Result<Option<Parcel>, Fail> {
    if ctx.claim(from).is_none() {
        return Ok(None);
    }
    let (tags, tag_bytes) = ctx.copy_tags(from, to);
    let Some(entry) = ctx.peek(from) else { return Ok(None) };
    let (expire_at_ms, raw) = (entry.expire_at(), entry.is_raw());
    if let Some(value) = entry.value()
        && value.heap_bytes() > LARGE_BYTES_MIN
        && to.len() <= LargePut::KEY_BYTES_MAX
    {
        let bytes_max = LargePut::record_bytes_max(codec::encoded_bytes_max(value), to);
        let value = if copy { value.share() } else { Value::Str(Vec::new()) };
        ctx.reserve_large(bytes_max + (from.len() + to.len() + tag_bytes + 96) as u64)?;
        let (kind, encoded) = (codec::tag::STRING, Vec::new());
        return Ok(Some(Parcel { value, kind, encoded, expire_at_ms, large: true, raw, tags }));
    }
    let mut encoded = Vec::new();
    let (kind, bytes) = match entry.view() {
        View::Str(text) => (codec::tag::STRING, text.len()),
        View::Json(document) => {
            encoded.extend_from_slice(document);
            (codec::tag::JSON, encoded.len())
        }
        View::Compressed(value) => {
            encoded.extend_from_slice(value.bytes());
            (codec::tag::COMPRESSED, encoded.len())
        }
        View::Value(Value::Str(text)) => (codec::tag::STRING, text.len()),
        View::Value(value) => (codec::encode(value, &mut encoded), encoded.len()),
    };
    let value = if copy { clone_of(&entry) } else { Value::Str(Vec::new()) };
    ctx.reserve(bytes + from.len() + 3 * to.len() + tag_bytes + 96)?;
    Ok(Some(Parcel { value, kind, encoded, expire_at_ms, large: false, raw, tags }))
}

fn clone_of(entry: &Entry) -> Value {
    match entry.view() {
        View::Str(text) => Value::Str(text.to_vec()),
        View::Json(document) => Value::Json(Json::from_made(&document[1..])),
        View::Compressed(value) => Value::Compressed(value.to_shared()),
        View::Value(value) => value.clone(),
    }
}

impl Parcel {
    /// Puts the value at a key, with its tags.
    fn unpack(self, ctx: &mut Ctx<'_>, key: &[u8]) {
        let Self { value, kind, encoded, expire_at_ms, large, raw, tags } = self;
        match &value {
            _ if large => ctx.put_large(key, value, expire_at_ms),
            Value::Str(text) if raw => {
                ctx.apply(Effect::SetString { key, value: b"", expire_at_ms });
                ctx.apply(Effect::Append { key, tail: text });
            }
            Value::Str(text) => {
                ctx.apply(Effect::SetString { key, value: text, expire_at_ms });
            }
            _ => ctx.put_encoded(key, value, kind, &encoded, expire_at_ms),
        }
        ctx.give_tags(key, &tags);
    }
}

/// Claims what an entry would hold as a record at another key. `leaves`: it goes from where it is at the same time.
fn claim_values(ctx: &mut Ctx<'_>, from: &[u8], (db, to): (u32, &[u8]), leaves: bool) -> Outcome {
    if db != DATABASE || !ctx.keyspace.has_unique() {
        return Ok(());
    }
    let mut room = Vec::new();
    let record = ctx.peek(from).and_then(|entry| entry.view().json(&mut room).map(Document::to_json));
    let Some(json) = record else { return Ok(()) };
    let leaving = (leaves && ctx.db == db).then_some(from);
    ctx.in_db(db, |ctx| ctx.claim_values(to, json.root(), leaving))
}

/// Renames a key; false if it may not replace another one that exists.
fn rename(ctx: &mut Ctx<'_>, from: &[u8], to: &[u8], only_new: bool) -> Result<bool, Fail> {
    if from == to {
        return if ctx.claim(from).is_some() { Ok(!only_new) } else { Err(Fail::NO_SUCH_KEY) };
    }
    if only_new {
        if ctx.claim(from).is_none() {
            return Err(Fail::NO_SUCH_KEY);
        }
        if ctx.claim(to).is_some() {
            return Ok(false);
        }
    }
    let mut parcel = pack(ctx, from, to, false)?.ok_or(Fail::NO_SUCH_KEY)?;
    claim_values(ctx, from, (ctx.db, to), true)?;
    if let Some((value, _)) = ctx.take(from) {
        parcel.value = value;
    }
    parcel.unpack(ctx, to);
    Ok(true)
}

fn move_key(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, db) = (args[1], database(args[2], ctx.databases())?);
    if db == ctx.db {
        return Err(SAME_OBJECT);
    }
    let moves = ctx.claim(key).is_some() && ctx.in_db(db, |ctx| ctx.claim(key).is_none());
    if moves && let Some(mut parcel) = pack(ctx, key, key, false)? {
        claim_values(ctx, key, (db, key), true)?;
        if let Some((value, _)) = ctx.take(key) {
            parcel.value = value;
            ctx.in_db(db, |ctx| parcel.unpack(ctx, key));
        }
    }
    out.int(i64::from(moves));
    Ok(())
}

fn copy(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (from, to) = (args[1], args[2]);
    let (mut db, mut replace) = (ctx.db, false);
    let mut rest = args[3..].iter();
    while let Some(&option) = rest.next() {
        if is(option, "replace") {
            replace = true;
        } else if is(option, "db")
            && let Some(text) = rest.next()
        {
            db = database(text, ctx.databases())?;
        } else {
            return Err(Fail::SYNTAX);
        }
    }
    if db == ctx.db && from == to {
        return Err(SAME_OBJECT);
    }
    let free = ctx.claim(from).is_some() && (ctx.in_db(db, |ctx| ctx.claim(to).is_none()) || replace);
    if free && let Some(parcel) = pack(ctx, from, to, true)? {
        claim_values(ctx, from, (db, to), false)?;
        ctx.in_db(db, |ctx| parcel.unpack(ctx, to));
    }
    out.int(i64::from(free));
    Ok(())
}
