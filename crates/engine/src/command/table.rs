//! Tables of records: TABLE.*.
//!
//! A record lies at `table:key` of database 0, whichever database is selected, and is a key like others: EXPIRE, DEL, SCAN
//! and their kin work on it. What must hold: a record that is put fits the schema that its table has at that moment; a table
//! is made with its first record, in the same record of the log.

use super::compress::UNDER_LOCK_BYTES_MAX;
use super::string_options::{Condition, Lifetime, Options, allow};
use super::{Command, Ctx, Fail, Keys, LargePut, Outcome, Spec, flag, table_options};
use crate::effect::{Effect, SYSTEM_DB};
use crate::keyspace::entry::{EMBEDDED_BYTES_MAX, View};
use crate::keyspace::item::Item;
use crate::record::{self, DATABASE, Definition, SYSTEM_PREFIX};
use crate::reply::Reply;
use crate::value::compressed::Compressed;
use crate::value::json::{self, Json, Node};
use crate::value::{Kind, Value, codec};
use std::sync::Arc;

/// The row of a command on tables as such.
const fn on_tables(name: &'static str, arity: i32, flags: u32, keys: Keys) -> Spec {
    Spec {
        name,
        arity,
        flags,
        keys,
        group: "table",
        since: "0.1.0",
        summary: "",
        complexity: "O(1)",
        syntax: "",
    }
}

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            summary: "Makes a table of records, or gives one another schema, lifetime or rule for conflicts.",
            complexity: "O(N) where N is the number of fields",
            syntax: "table [SCHEMA schema] [TTL seconds] [STORE TABLE stored-as] [KEY column] [DATA column] [ON CONFLICT memory-wins|store-wins|quarantine]",
            ..on_tables("table.create", -2, flag::WRITE | flag::DENYOOM, Keys::Table(1))
        },
        run: create,
    },
    Command {
        spec: Spec {
            summary: "Drops a table with all of its records.",
            complexity: "O(N) where N is the number of keys in database 0; other commands run meanwhile",
            syntax: "table",
            ..on_tables(
                "table.drop",
                2,
                flag::WRITE | flag::NO_MULTI | flag::NOSCRIPT | flag::APART,
                Keys::Table(1),
            )
        },
        run: drop_table,
    },
    Command {
        spec: Spec {
            summary: "Returns the names of all tables; with STORE, those that others have made in the store behind and that TABLE.CREATE could take over with STORE TABLE.",
            complexity: "O(N) where N is the number of tables",
            syntax: "[STORE [prefix]]",
            ..on_tables("table.list", -1, flag::READONLY | flag::WALKS | flag::BEYOND, Keys::None)
        },
        run: list,
    },
    Command {
        spec: Spec {
            summary: "Returns what a table is, and how many records it has.",
            complexity: "O(N) where N is the number of keys in database 0; other commands run meanwhile",
            syntax: "table",
            ..on_tables(
                "table.info",
                2,
                flag::READONLY | flag::WALKS | flag::APART | flag::BEYOND,
                Keys::None,
            )
        },
        run: info,
    },
    Command {
        spec: Spec {
            summary: "Puts a record, in place of any of the same key. The table is made if there is none.",
            complexity: "O(N) where N is the size of the record",
            syntax: "table record-key json [NX|XX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
            ..on_tables(
                "table.put",
                -4,
                flag::WRITE | flag::DENYOOM | flag::MOVABLE_KEYS | flag::PUTS | flag::BLIND,
                Keys::Records(2),
            )
        },
        run: put,
    },
    Command {
        spec: Spec {
            summary: "Returns a record. With FRESH the store behind is asked whether others have changed it.",
            complexity: "O(N) where N is the size of the record",
            syntax: "table record-key [FRESH]",
            ..on_tables(
                "table.get",
                -3,
                flag::READONLY | flag::FAST | flag::MOVABLE_KEYS | flag::BEYOND,
                Keys::Records(2),
            )
        },
        run: get,
    },
    Command {
        spec: Spec {
            summary: "Deletes records.",
            complexity: "O(N) where N is the number of records",
            syntax: "table record-key...",
            ..on_tables("table.del", -3, flag::WRITE | flag::MOVABLE_KEYS, Keys::Records(-1))
        },
        run: del,
    },
];

/// TABLE.PUT for whoever has the record in the form in which it will lie.
pub(crate) static PUT_FORMED: Command = Command {
    spec: Spec {
        flags: flag::WRITE | flag::DENYOOM | flag::MOVABLE_KEYS | flag::PUTS | flag::BLIND | flag::FORMED,
        ..on_tables("table.put", -4, 0, Keys::Records(2))
    },
    run: put,
};

/// TABLE.GET for whoever wants the record in the form in which it lies.
pub(crate) static GET_FORMED: Command = Command {
    spec: Spec {
        flags: flag::READONLY | flag::FAST | flag::MOVABLE_KEYS,
        ..on_tables("table.get", 3, 0, Keys::Records(2))
    },
    run: get_formed,
};

/// Documents larger than this are encoded for the log when their record is written, and printed without a lock.
const LARGE_BYTES_MIN: usize = 256 << 10;

fn create(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let name = table_name(args[1])?;
    let mut new = table_options::parse(name, &args[2..])?;
    if let Some(old) = ctx.table(args[1]) {
        refuse_dropping(old)?;
        if old.stored != new.stored {
            return Err(Fail::text(format!(
                "ERR table '{name}' is there, and lies elsewhere in the store: drop it first"
            )));
        }
        new.indexes.clone_from(&old.indexes);
        if **old == new {
            out.ok();
            return Ok(());
        }
    }
    ctx.define(new)?;
    out.ok();
    Ok(())
}

fn drop_table(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let table = known(ctx, args[1])?;
    if !table.dropping {
        ctx.define(Definition { dropping: true, ..Definition::clone(&table) })?;
    }
    ctx.drops = Some(table.name.clone());
    out.ok();
    Ok(())
}

/// How the names begin that TABLE.LIST asks the store for, by what stands behind its name.
pub(crate) fn found_prefix<'a>(words: &[&'a [u8]]) -> Result<std::borrow::Cow<'a, str>, Fail> {
    match words {
        [word] if word.eq_ignore_ascii_case(b"store") => Ok("".into()),
        [word, prefix] if word.eq_ignore_ascii_case(b"store") => Ok(String::from_utf8_lossy(prefix)),
        _ => Err(Fail::SYNTAX),
    }
}

fn list(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    if args.len() > 1 {
        found_prefix(&args[1..])?;
        return Err(Fail::new(
            "ERR there is no store behind this database, or it cannot be asked in a transaction",
        ));
    }
    // From the entries themselves: the answer waits for the log as those do.
    let mut names: Vec<Box<[u8]>> = Vec::new();
    ctx.in_db(SYSTEM_DB, |ctx| {
        ctx.each_space(|space| {
            let name_of = |key: &[u8]| key.strip_prefix(SYSTEM_PREFIX.as_bytes()).map(Box::from);
            names.extend(space.table().iter().filter_map(|entry| name_of(entry.key())));
        });
    });
    names.retain(|name| ctx.table(name).is_some_and(|table| !table.dropping));
    names.sort_unstable();
    out.array(names.len());
    names.iter().for_each(|name| out.bulk(name));
    Ok(())
}

fn info(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let table = known(ctx, args[1])?;
    let prefix = record::Name::of_record(args[1], b"");
    let (now_ms, mut records, mut bytes) = (ctx.now_ms, 0, 0);
    ctx.in_db(DATABASE, |ctx| {
        super::scan::each_entry(ctx, &mut |entry| {
            if entry.key().starts_with(&prefix) && entry.is_alive(now_ms) && entry.kind() == Kind::Json {
                records += 1;
                bytes += entry.heap_bytes();
            }
        });
    });
    out.map(8);
    out.bulk(b"name");
    out.bulk(args[1]);
    out.bulk(b"records");
    out.count(records);
    out.bulk(b"bytes");
    out.count(bytes);
    out.bulk(b"schema");
    match &table.schema {
        Some(schema) => {
            out.map(schema.fields().len());
            for (field, kind) in schema.fields() {
                out.bulk(field.as_bytes());
                out.bulk(kind.name().as_bytes());
            }
        }
        None => out.null(),
    }
    out.bulk(b"ttl");
    out.int(i64::try_from(table.ttl_ms / 1000).unwrap_or(i64::MAX));
    out.bulk(b"on-conflict");
    out.bulk(table.on_conflict.name().as_bytes());
    out.bulk(b"stored-as");
    text_or_null(table.stored.table.as_deref(), out);
    out.bulk(b"columns");
    out.array(2);
    text_or_null(table.stored.key_column.as_deref(), out);
    text_or_null(table.stored.data_column.as_deref(), out);
    Ok(())
}

fn text_or_null(text: Option<&str>, out: &mut dyn Reply) {
    match text {
        Some(text) => out.bulk(text.as_bytes()),
        None => out.null(),
    }
}

fn put(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    if ctx.scratch.document.is_empty() {
        // In a transaction nothing was read before.
        read_document(&mut ctx.scratch.document, args[3])?;
        if ctx.scratch.document.len() <= UNDER_LOCK_BYTES_MAX {
            ctx.scratch.compress_document(&ctx.keyspace.compression, args[1]);
        }
    }
    if ctx.first.is_none() {
        // What was reserved by the arguments may be less than the form takes.
        let bytes = LargePut::record_bytes_max(ctx.scratch.document.len(), args[2]);
        ctx.reserve(usize::try_from(bytes).unwrap_or(usize::MAX))?;
    }
    let document = std::mem::take(&mut ctx.scratch.document);
    let done = ctx.in_db(DATABASE, |ctx| put_document(ctx, args, &document));
    ctx.scratch.document = document;
    if !ctx.meets_rival {
        ctx.scratch.forget_document();
    }
    if done? {
        out.ok();
    } else {
        out.null();
    }
    Ok(())
}

/// Reads the text of a record into the bytes that the log and memory have for it.
pub(crate) fn read_document(document: &mut Vec<u8>, text: &[u8]) -> Result<(), Fail> {
    document.clear();
    document.push(codec::VERSION);
    let read = json::parse_into(text, document);
    read.map_err(|error| {
        document.clear();
        Fail::text(format!("ERR {error}"))
    })
}

/// Takes the bytes of a record that is in its form already.
pub(crate) fn take_document(document: &mut Vec<u8>, form: &[u8]) {
    document.clear();
    document.push(codec::VERSION);
    document.extend_from_slice(form);
}

/// Puts a record, unless its condition does not hold.
fn put_document(ctx: &mut Ctx<'_>, args: &[&[u8]], document: &[u8]) -> Result<bool, Fail> {
    if std::str::from_utf8(args[2]).is_err() || args[2].contains(&0) {
        return Err(Fail::new("ERR the key of a record has to be UTF-8, without a zero byte"));
    }
    let options = Options::parse(&args[4..], allow::MSETEX)?;
    let said = options.expire_at(ctx.now_ms, "table.put")?;
    let root = Node::of(&document[1..]);
    let record = root.object().ok_or_else(|| {
        Fail::text(format!("ERR a record has to be a JSON object, not {}", root.type_name()))
    })?;
    let ttl_ms = match ctx.table(args[1]) {
        Some(table) => {
            refuse_dropping(table)?;
            let fits = table.schema.as_ref().map_or(Ok(()), |schema| schema.check(record));
            fits.map_err(|mismatch| Fail::text(format!("ERR {mismatch}")))?;
            Some(table.ttl_ms)
        }
        None => None,
    };
    let key = ctx.record_key(args[1], args[2]);
    let old = if options.condition == Condition::Always && options.lifetime != Lifetime::Kept {
        None
    } else {
        ctx.claim(&key).map(|entry| entry.expire_at())
    };
    match options.condition {
        Condition::Absent if old.is_some() => return Ok(false),
        Condition::Present if old.is_none() => return Ok(false),
        _ => {}
    }
    if ttl_ms.is_none() {
        let bare = Definition::bare(table_name(args[1])?);
        if !ctx.define(bare)? {
            return Err(Fail::new("ERR the table has just been dropped: try again"));
        }
    }
    let ttl_ms = ttl_ms.unwrap_or(0);
    let expire_at_ms = match (options.lifetime, old) {
        (Lifetime::Kept, Some(kept)) => kept,
        (Lifetime::Unsaid | Lifetime::Kept, _) if ttl_ms > 0 => ctx.now_ms.saturating_add(ttl_ms),
        _ => said,
    };
    store(ctx, &key, document, expire_at_ms)?;
    Ok(true)
}

/// Stores a record; a time that has passed leaves none.
fn store(ctx: &mut Ctx<'_>, key: &[u8], document: &[u8], expire_at_ms: u64) -> Outcome {
    if expire_at_ms != 0 && expire_at_ms <= ctx.now_ms {
        if ctx.claim(key).is_some() {
            ctx.apply(Effect::Delete { key });
        }
        return Ok(());
    }
    ctx.claim_values(key, Node::of(&document[1..]), None)?;
    if !ctx.scratch.compressed_document.is_empty() {
        let form = std::mem::take(&mut ctx.scratch.compressed_document);
        ctx.put_compressed(key, &form, expire_at_ms);
        ctx.scratch.compressed_document = form;
        return Ok(());
    }
    if document.len() <= EMBEDDED_BYTES_MAX {
        ctx.put_document(key, document, expire_at_ms);
        return Ok(());
    }
    let json = Json::from_made(&document[1..]);
    if document.len() > LARGE_BYTES_MIN && key.len() <= LargePut::KEY_BYTES_MAX {
        ctx.put_large(key, Value::Json(json), expire_at_ms);
    } else {
        ctx.put_encoded(key, Value::Json(json), codec::tag::JSON, document, expire_at_ms);
    }
    Ok(())
}

/// What asks for FRESH has been done before it comes here; in a transaction nothing has.
fn get(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    if args.len() > 3 && !is_fresh(args) {
        return Err(Fail::SYNTAX);
    }
    let key = ctx.record_key(args[1], args[2]);
    let mut text = std::mem::take(&mut ctx.scratch.document);
    let mut raw = std::mem::take(&mut ctx.scratch.compressed);
    text.clear();
    raw.clear();
    let found = ctx.in_db(DATABASE, |ctx| {
        let Some(entry) = ctx.read(&key) else { return Ok(false) };
        if let View::Compressed(value) = entry.view()
            && value.kind() == Kind::Json
        {
            if value.raw_bytes() <= LARGE_BYTES_MIN {
                value.json_in(&mut raw).print(&mut text);
            } else {
                let shared = value.to_shared();
                ctx.let_go();
                Compressed::of_made(&shared).json_in(&mut raw).print(&mut text);
            }
            return Ok(true);
        }
        if let View::Json(document) = entry.view() {
            Node::of(&document[1..]).print(&mut text);
            return Ok(true);
        }
        let View::Value(Value::Json(json)) = entry.view() else { return Err(Fail::WRONG_TYPE) };
        if json.bytes().len() <= LARGE_BYTES_MIN {
            json.print(&mut text);
        } else {
            let json = json.clone();
            ctx.let_go();
            json.print(&mut text);
        }
        Ok(true)
    });
    match found {
        Ok(true) => out.bulk(&text),
        Ok(false) => out.null(),
        Err(_) => {}
    }
    ctx.scratch.document = text;
    ctx.scratch.compressed = if raw.capacity() <= LARGE_BYTES_MIN { raw } else { Vec::new() };
    ctx.scratch.forget_document();
    found.map(drop)
}

/// Whether TABLE.GET is asked for what the store has now.
pub(crate) fn is_fresh(args: &[&[u8]]) -> bool {
    args.len() == 4 && args[3].eq_ignore_ascii_case(b"fresh")
}

/// Answers with the bytes of the form, see [`json`].
fn get_formed(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let key = ctx.record_key(args[1], args[2]);
    let mut raw = std::mem::take(&mut ctx.scratch.compressed);
    raw.clear();
    let answered = ctx.in_db(DATABASE, |ctx| {
        let Some(entry) = ctx.read(&key) else {
            out.null();
            return Ok(());
        };
        match entry.view() {
            View::Json(document) => out.bulk(&document[1..]),
            View::Compressed(value) if value.kind() == Kind::Json => {
                let shared = (value.raw_bytes() > LARGE_BYTES_MIN).then(|| value.to_shared());
                match shared {
                    None => out.bulk(value.json_in(&mut raw).bytes()),
                    Some(shared) => {
                        ctx.let_go();
                        out.bulk(Compressed::of_made(&shared).json_in(&mut raw).bytes());
                    }
                }
            }
            View::Value(Value::Json(json)) => {
                let json = json.clone();
                if json.bytes().len() > LARGE_BYTES_MIN {
                    ctx.let_go();
                }
                out.bulk(json.bytes());
            }
            _ => return Err(Fail::WRONG_TYPE),
        }
        Ok(())
    });
    ctx.scratch.compressed = if raw.capacity() <= LARGE_BYTES_MIN { raw } else { Vec::new() };
    answered
}

fn del(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let deleted = ctx.in_db(DATABASE, |ctx| {
        let delete = |key: &&&[u8]| {
            let key = record::Name::of_record(args[1], key);
            ctx.delete(&key)
        };
        args[2..].iter().filter(delete).count()
    });
    out.count(deleted);
    Ok(())
}

/// The table of this name.
pub(super) fn known(ctx: &mut Ctx<'_>, name: &[u8]) -> Result<Arc<Definition>, Fail> {
    ctx.table(name).cloned().ok_or_else(|| {
        Fail::text(format!("ERR no such table '{}'", String::from_utf8_lossy(&name[..name.len().min(64)])))
    })
}

pub(super) fn refuse_dropping(table: &Definition) -> Outcome {
    if table.dropping {
        return Err(Fail::text(format!("ERR table '{}' is being dropped: try again later", table.name)));
    }
    Ok(())
}

fn table_name(name: &[u8]) -> Result<&str, Fail> {
    record::check_name(name).map_err(|error| Fail::text(format!("ERR {error}")))
}
