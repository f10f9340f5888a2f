//! Indexes of tables: INDEX.*.
//!
//! An index is a part of its table's definition. What must hold: it is there after a crash if its making was acknowledged; it is
//! asked only once all records are in it, and told of each change from before that on. The making of a unique one is acknowledged
//! once no two records have the same value.

use super::parse::is;
use super::table::{known, refuse_dropping};
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::keyspace::index::Unique;
use crate::query::{IndexPath, Limits};
use crate::record::{Definition, IndexDefinition};
use crate::reply::Reply;
use std::sync::atomic::Ordering::Relaxed;

/// Indexes of a table at most.
const INDEXES_MAX: usize = 64;
/// Bytes of an index's name at most.
const NAME_BYTES_MAX: usize = 63;
/// Keys in a path at most.
const PATH_KEYS_MAX: usize = 32;
/// The word behind the path of an index that has each value once.
const UNIQUE: &str = "UNIQUE";

const fn row(name: &'static str, arity: i32, flags: u32, keys: Keys) -> Spec {
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
            summary: "Makes an index over one value of each record of a table, and builds it. A unique one has no value twice.",
            complexity: "O(N log N) where N is the number of records; other commands run meanwhile",
            syntax: "name ON table (path [AS type]) [UNIQUE]",
            ..row(
                "index.create",
                -5,
                flag::WRITE | flag::DENYOOM | flag::NO_MULTI | flag::NOSCRIPT | flag::APART,
                Keys::Table(3),
            )
        },
        run: create,
    },
    Command {
        spec: Spec {
            summary: "Drops an index of a table.",
            syntax: "name ON table",
            ..row(
                "index.drop",
                4,
                flag::WRITE | flag::NO_MULTI | flag::NOSCRIPT | flag::APART,
                Keys::Table(3),
            )
        },
        run: drop_index,
    },
    Command {
        spec: Spec {
            summary: "Returns the indexes of a table, or of all, and how far those have come that are built.",
            complexity: "O(N) where N is the number of indexes",
            syntax: "[table]",
            ..row("index.list", -1, flag::READONLY | flag::WALKS, Keys::None)
        },
        run: list,
    },
];

fn create(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    if !is(args[2], "on") {
        return Err(Fail::SYNTAX);
    }
    let name = index_name(args[1])?;
    let table = known(ctx, args[3])?;
    refuse_dropping(&table)?;
    let new = read(name, &args[4..])?;
    if let Some(old) = table.indexes.iter().find(|index| *index.name == *name) {
        if *old == new {
            if new.is_unique {
                // Somebody may be making it right now.
                ctx.indexed = Some((table.name.clone(), Some(new.name)));
            } else {
                out.ok();
            }
            return Ok(());
        }
        return Err(Fail::text(format!(
            "ERR table '{}' has another index '{name}': drop it first",
            table.name
        )));
    }
    if table.indexes.len() >= INDEXES_MAX {
        return Err(Fail::text(format!("ERR a table has {INDEXES_MAX} indexes at most")));
    }
    let mut changed = Definition::clone(&table);
    let unique = new.is_unique.then(|| new.name.clone());
    changed.indexes.push(new);
    ctx.define(changed)?;
    if unique.is_none() {
        out.ok();
    }
    // What is to be unique is answered once it is known to be.
    ctx.indexed = Some((table.name.clone(), unique));
    Ok(())
}

/// What is said behind the table's name: a path in parentheses, and perhaps that it is unique.
fn read(name: &str, words: &[&[u8]]) -> Result<IndexDefinition, Fail> {
    let text = words.join(&b' ');
    let text = std::str::from_utf8(&text).map_err(|_| Fail::new("ERR an index is UTF-8"))?.trim();
    let (text, is_unique) = match text.rfind(')').map(|end| text.split_at(end + 1)) {
        Some((path, rest)) if rest.trim().eq_ignore_ascii_case(UNIQUE) => (path, true),
        Some((_, rest)) if !rest.is_empty() => {
            let what =
                format!("ERR behind the path of an index stands UNIQUE or nothing, not \"{}\"", rest.trim());
            return Err(Fail::text(what.replace(['\r', '\n'], " ")));
        }
        _ => (text, false),
    };
    let inside = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let inside = inside.ok_or(Fail::new("ERR an index is over a path in parentheses: (data->>'state')"))?;
    let path =
        IndexPath::parse(inside, &Limits::default()).map_err(|error| Fail::text(format!("ERR {error}")))?;
    if path.keys.len() > PATH_KEYS_MAX {
        return Err(Fail::text(format!("ERR a path has {PATH_KEYS_MAX} keys at most")));
    }
    Ok(IndexDefinition { name: name.into(), path: path.keys.into(), kind: path.kind, is_unique })
}

fn index_name(name: &[u8]) -> Result<&str, Fail> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let begins = name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_');
    let fits = begins && name.iter().all(is_word) && name.len() <= NAME_BYTES_MAX;
    std::str::from_utf8(name).ok().filter(|_| fits).ok_or_else(|| {
        Fail::text(format!(
            "ERR an index's name begins with a letter or '_' and goes on with letters, digits, '_' and '-', up to {NAME_BYTES_MAX} bytes"
        ))
    })
}

fn drop_index(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    if !is(args[2], "on") {
        return Err(Fail::SYNTAX);
    }
    let table = known(ctx, args[3])?;
    refuse_dropping(&table)?;
    let mut changed = Definition::clone(&table);
    changed.indexes.retain(|index| index.name.as_bytes() != args[1]);
    if changed.indexes.len() == table.indexes.len() {
        let name = String::from_utf8_lossy(&args[1][..args[1].len().min(NAME_BYTES_MAX)]);
        return Err(Fail::text(format!("ERR table '{}' has no index '{name}'", table.name)));
    }
    ctx.define(changed)?;
    ctx.indexed = Some((table.name.clone(), None));
    out.ok();
    Ok(())
}

fn list(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    if args.len() > 2 {
        return Err(Fail::SYNTAX);
    }
    let tables = match args.get(1) {
        Some(name) => vec![known(ctx, name)?],
        None => ctx.tables(),
    };
    let count = tables.iter().map(|table| table.indexes.len()).sum();
    out.array(count);
    for table in tables {
        let live = ctx.keyspace.indexes(&table.name);
        for index in &table.indexes {
            let live = live.iter().find(|live| live.name() == &*index.name);
            let unique = live.and_then(|live| live.unique());
            let is_contested = unique.is_some_and(Unique::is_contested);
            let is_ready = live.is_some_and(|live| live.is_built()) && unique.is_none_or(Unique::is_whole);
            out.map(7);
            out.bulk(b"name");
            out.bulk(index.name.as_bytes());
            out.bulk(b"table");
            out.bulk(table.name.as_bytes());
            out.bulk(b"path");
            out.bulk(index.path.join(".").as_bytes());
            out.bulk(b"type");
            out.bulk_or_null(index.kind.as_deref().map(str::as_bytes));
            out.bulk(b"unique");
            out.int(i64::from(index.is_unique));
            out.bulk(b"state");
            out.bulk(match (is_ready, is_contested) {
                (true, true) => b"invalid",
                (true, false) => b"ready",
                (false, _) => b"building",
            });
            out.bulk(if is_ready { b"entries" } else { b"records-done" });
            let entries = live.map_or(0, |live| live.len());
            let done = live.map_or(0, |live| live.progress.load(Relaxed));
            out.int(i64::try_from(if is_ready { entries as u64 } else { done }).unwrap_or(i64::MAX));
        }
    }
    Ok(())
}
