//! How long the object of each type is: passes over it without looking into its values.
//!
//! This is what makes a file readable that holds types which are not known here. Source: the loaders of Redis 8.0 and
//! Valkey 9.1.

use super::cursor::Source;
use super::{Dialect, Fault, kind};

/// Passes over the object of a key.
pub(super) fn pass_object(source: &mut impl Source, kind: u8, dialect: Dialect) -> Result<(), Fault> {
    match kind {
        kind::STRING
        | kind::HASH_ZIPMAP
        | kind::LIST_ZIPLIST
        | kind::SET_INTSET
        | kind::ZSET_ZIPLIST
        | kind::HASH_ZIPLIST
        | kind::HASH_LISTPACK
        | kind::ZSET_LISTPACK
        | kind::SET_LISTPACK => source.pass_string(),
        kind::LIST | kind::SET | kind::LIST_QUICKLIST => each(source, Source::pass_string),
        kind::HASH => each(source, pass_pair),
        kind::ZSET => each(source, |source| {
            source.pass_string()?;
            pass_score(source)
        }),
        kind::ZSET_2 => each(source, |source| {
            source.pass_string()?;
            source.pass(8)
        }),
        kind::LIST_QUICKLIST_2 => each(source, |source| {
            source.length()?;
            source.pass_string()
        }),
        kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => {
            pass_stream(source, kind)
        }
        kind::MODULE_2 => pass_module(source).map(|_| ()),
        _ => pass_object_of(source, kind, dialect),
    }
}

/// The types that are the dialect's own.
fn pass_object_of(source: &mut impl Source, kind: u8, dialect: Dialect) -> Result<(), Fault> {
    let with_time = |source: &mut _| {
        Source::length(source)?;
        pass_pair(source)
    };
    match (dialect, kind) {
        (Dialect::Valkey, kind::VALKEY_HASH_2) => each(source, |source| {
            pass_pair(source)?;
            source.pass(8)
        }),
        (Dialect::Redis, kind::REDIS_HASH_METADATA_PRE_GA) => each(source, with_time),
        (Dialect::Redis, kind::REDIS_HASH_LISTPACK_EX_PRE_GA) => source.pass_string(),
        (Dialect::Redis, kind::REDIS_HASH_METADATA) => {
            source.pass(8)?;
            each(source, with_time)
        }
        (Dialect::Redis, kind::REDIS_HASH_LISTPACK_EX) => {
            source.pass(8)?;
            source.pass_string()
        }
        (_, kind::MODULE_PRE_GA) => Err(Fault::Unknown(
            "a module's value in the format of a release candidate, whose length nobody can tell".to_owned(),
        )),
        _ => Err(Fault::Unknown(format!("a value of type {kind}, which this release does not know"))),
    }
}

/// Passes over as many items as the next length says.
fn each<S: Source>(source: &mut S, item: impl Fn(&mut S) -> Result<(), Fault>) -> Result<(), Fault> {
    // Each item takes at least a byte, so a count that lies ends with the bytes.
    for _ in 0..source.length()? {
        item(source)?;
    }
    Ok(())
}

fn pass_pair(source: &mut impl Source) -> Result<(), Fault> {
    source.pass_string()?;
    source.pass_string()
}

/// A score as text; 253 to 255 are the words for what is no number.
fn pass_score(source: &mut impl Source) -> Result<(), Fault> {
    match source.byte()? {
        253..=255 => Ok(()),
        length => source.pass(u64::from(length)),
    }
}

fn lengths(source: &mut impl Source, count: usize) -> Result<(), Fault> {
    (0..count).try_for_each(|_| source.length().map(|_| ()))
}

fn pass_stream(source: &mut impl Source, kind: u8) -> Result<(), Fault> {
    let is_2 = kind != kind::STREAM_LISTPACKS;
    let is_3 = is_2 && kind != kind::STREAM_LISTPACKS_2;
    // The entries; then how many there are and the last identity; the first one, the last deleted one, and all ever added.
    each(source, pass_pair)?;
    lengths(source, 3)?;
    if is_2 {
        lengths(source, 5)?;
    }
    // Groups: name, last identity given out, how many were read; what is pending; consumers with what is theirs.
    each(source, |source| {
        source.pass_string()?;
        lengths(source, if is_2 { 3 } else { 2 })?;
        each(source, |source| {
            source.pass(16 + 8)?;
            source.length().map(|_| ())
        })?;
        each(source, |source| {
            source.pass_string()?;
            source.pass(if is_3 { 16 } else { 8 })?;
            each(source, |source| source.pass(16))
        })
    })
}

/// Passes over what a module wrote and gives the module's identity. Everything in it is announced by what it is.
pub(super) fn pass_module(source: &mut impl Source) -> Result<u64, Fault> {
    let module = source.length()?;
    loop {
        match source.length()? {
            0 => return Ok(module),
            1 | 2 => source.length().map(|_| ())?,
            3 => source.pass(4)?,
            4 => source.pass(8)?,
            5 => source.pass_string()?,
            _ => return Err(Fault::damaged("a module's value with a part of no known form")),
        }
    }
}

/// The name of a module's type: nine letters of six bits each, above ten bits of a version.
pub(super) fn module_name(module: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9)
        .map(|letter| char::from(LETTERS[usize::from((module >> (58 - 6 * letter)).to_le_bytes()[0] & 63)]))
        .collect()
}
