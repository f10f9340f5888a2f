//! Values as bytes that Valkey and Redis read, and back: DUMP, RESTORE.
//!
//! What must hold: a payload is opened and decoded whole before anything changes, and the room for its value in the log is
//! reserved; the log gets the value, so that replaying needs no format of others.

use super::parse::{int, is};
use super::settings::Use;
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::keyspace::entry::{Entry, View};
use crate::rdb::{self, Encoder, payload};
use crate::reply::Reply;
use crate::value::{Value, codec};

const RESTORE: Spec = Spec {
    name: "restore",
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM,
    keys: Keys::At(1),
    group: "generic",
    since: "2.6.0",
    summary: "Creates a key from the serialized representation of a value.",
    complexity: "O(N) where N is the size of the value, which is logged",
    syntax: "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
};

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "dump",
            arity: 2,
            flags: flag::READONLY,
            keys: Keys::At(1),
            group: "generic",
            since: "2.6.0",
            summary: "Returns a serialized representation of the value stored at a key.",
            complexity: "O(N) where N is the size of the value",
            syntax: "key",
        },
        run: dump,
    },
    Command { spec: RESTORE, run: restore },
    Command {
        spec: Spec {
            name: "restore-asking",
            flags: RESTORE.flags | flag::ASKING,
            group: "server",
            since: "3.0.0",
            summary: "An internal command for migrating keys in a cluster.",
            ..RESTORE
        },
        run: restore,
    },
];

const BUSY_KEY: Fail = Fail::new("BUSYKEY Target key name already exists.");
const BAD_PAYLOAD: Fail = Fail::new("ERR DUMP payload version or checksum are wrong");
const NO_JSON: Fail = Fail::new("ERR JSON cannot be dumped: the RDB format has no such type");
const BAD_FORMAT: Fail = Fail::new("ERR Bad data format");

fn dump(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (encoder, now) = (Encoder { dialect: ctx.settings.dialect(), compress: true }, ctx.now_ms);
    match ctx.read(args[1]) {
        Some(entry) => {
            let mut body = vec![0];
            body[0] = object_of(&entry, encoder, now, &mut body).ok_or(NO_JSON)?;
            payload::seal(encoder.version_for(body[0]), &mut body);
            out.bulk(&body);
        }
        None => out.null(),
    }
    Ok(())
}

/// Appends what an entry holds as an object, and gives its type; none for JSON.
pub(crate) fn object_of(entry: &Entry, encoder: Encoder, now_ms: u64, out: &mut Vec<u8>) -> Option<u8> {
    match entry.view() {
        View::Str(text) => Some(encoder.string(text, out)),
        View::Json(_) => None,
        View::Compressed(value) => encoder.value(&value.plain(), now_ms, out),
        View::Value(value) => encoder.value(value, now_ms, out),
    }
}

/// What the words behind the payload ask for.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    used: Use,
}

fn options(words: &[&[u8]]) -> Result<Options, Fail> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        if is(word, "replace") {
            options.replace = true;
        } else if is(word, "absttl") {
            options.absolute = true;
        } else if is(word, "idletime")
            && !matches!(options.used, Use::Frequency(_))
            && let Some(text) = words.next()
        {
            let seconds = u64::try_from(int(text)?)
                .map_err(|_| Fail::new("ERR Invalid IDLETIME value, must be >= 0"))?;
            options.used = Use::Idle(seconds);
        } else if is(word, "freq")
            && !matches!(options.used, Use::Idle(_))
            && let Some(text) = words.next()
        {
            let counter = u8::try_from(int(text)?)
                .map_err(|_| Fail::new("ERR Invalid FREQ value, must be >= 0 and <= 255"))?;
            options.used = Use::Frequency(counter);
        } else {
            return Err(Fail::SYNTAX);
        }
    }
    Ok(options)
}

/// When the key shall expire, 0 being never; none if that time has come.
fn due(ttl: u64, absolute: bool, now_ms: u64) -> Option<u64> {
    if ttl == 0 || absolute {
        return (ttl == 0 || ttl > now_ms).then_some(ttl);
    }
    // A time past the end of time has always come, as for Valkey.
    ttl.checked_add(now_ms).filter(|at_ms| i64::try_from(*at_ms).is_ok())
}

fn restore(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let key = args[1];
    let options = options(&args[4..])?;
    if ctx.claim(key).is_some() && !options.replace {
        return Err(BUSY_KEY);
    }
    let ttl = u64::try_from(int(args[2])?).map_err(|_| Fail::new("ERR Invalid TTL value, must be >= 0"))?;
    let payload = payload::open(args[3]).ok_or(BAD_PAYLOAD)?;
    let packing = ctx.settings.packing();
    let value = rdb::decode(payload.kind, payload.dialect, payload.object, &packing, ctx.now_ms)
        .map_err(|_| BAD_FORMAT)?;
    match (value, due(ttl, options.absolute, ctx.now_ms)) {
        (Some(value), Some(expire_at_ms)) => {
            put(ctx, key, value, expire_at_ms)?;
            ctx.mark_used(key, options.used);
        }
        // All of it has expired already: only what was there goes.
        _ => {
            ctx.delete(key);
        }
    }
    out.ok();
    Ok(())
}

/// Puts a value at a key, with room for it in the log.
fn put(ctx: &mut Ctx<'_>, key: &[u8], value: Value, expire_at_ms: u64) -> Outcome {
    let mut encoded = Vec::new();
    if let Some(text) = value.text() {
        ctx.reserve(text.len())?;
        ctx.apply(Effect::SetString { key, value: &text.whole(), expire_at_ms });
        return Ok(());
    }
    let kind = codec::encode(&value, &mut encoded);
    ctx.reserve(encoded.len() + key.len())?;
    ctx.put_encoded(key, value, kind, &encoded, expire_at_ms);
    Ok(())
}
