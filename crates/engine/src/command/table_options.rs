//! What TABLE.CREATE says of a table.

use super::Fail;
use super::parse::{int, is};
use crate::record::{Definition, FieldType, OnConflict, Schema};
use crate::value::json::{Json, View};

/// Bytes of a definition's words at most, so that it stays a small thing.
const BYTES_MAX: usize = 64 << 10;

/// The table that these words describe, which come behind its name.
pub(super) fn parse(name: &str, words: &[&[u8]]) -> Result<Definition, Fail> {
    if words.iter().map(|word| word.len()).sum::<usize>() > BYTES_MAX {
        return Err(Fail::text(format!("ERR a table's definition takes no more than {BYTES_MAX} bytes")));
    }
    let mut table = Definition::bare(name);
    let mut rest = words;
    while let [option, tail @ ..] = rest {
        rest = tail;
        if is(option, "schema") && table.schema.is_none() {
            table.schema = Some(schema(&mut rest)?);
        } else if is(option, "ttl") {
            table.ttl_ms = ttl(take(&mut rest)?)?;
        } else if is(option, "store") && is(take(&mut rest)?, "table") {
            table.stored.table = Some(text(take(&mut rest)?)?);
        } else if is(option, "key") {
            table.stored.key_column = Some(text(take(&mut rest)?)?);
        } else if is(option, "data") {
            table.stored.data_column = Some(text(take(&mut rest)?)?);
        } else if is(option, "on") && is(take(&mut rest)?, "conflict") {
            table.on_conflict = OnConflict::named(take(&mut rest)?)
                .ok_or(Fail::new("ERR ON CONFLICT takes memory-wins, store-wins or quarantine"))?;
        } else {
            return Err(Fail::SYNTAX);
        }
    }
    Ok(table)
}

fn take<'a>(rest: &mut &[&'a [u8]]) -> Result<&'a [u8], Fail> {
    let (first, tail) = rest.split_first().ok_or(Fail::SYNTAX)?;
    *rest = tail;
    Ok(first)
}

fn text(word: &[u8]) -> Result<Box<str>, Fail> {
    let text = std::str::from_utf8(word).ok().filter(|text| !text.is_empty() && !text.contains('\0'));
    text.map(Box::from).ok_or(Fail::new("ERR a name is not UTF-8, or empty"))
}

fn ttl(word: &[u8]) -> Result<u64, Fail> {
    let seconds = u64::try_from(int(word)?).ok().filter(|seconds| *seconds > 0);
    let millis = seconds.and_then(|seconds| seconds.checked_mul(1000));
    // Added to any time there is, it must stay one.
    millis.filter(|millis| *millis <= i64::MAX.unsigned_abs() / 2).ok_or(Fail::invalid_expire("table.create"))
}

/// A JSON object, or pairs of field and type for as long as a type comes second.
fn schema(rest: &mut &[&[u8]]) -> Result<Schema, Fail> {
    if let [first, tail @ ..] = *rest
        && first.trim_ascii_start().starts_with(b"{")
    {
        *rest = tail;
        return schema_of_json(first);
    }
    let mut schema = Schema::default();
    while let [field, kind, tail @ ..] = *rest
        && let Some(kind) = FieldType::named(kind)
    {
        *rest = tail;
        declare(&mut schema, field, kind)?;
    }
    match *rest {
        [] if schema.fields().len() > 0 => Ok(schema),
        [] => Err(Fail::SYNTAX),
        [option, ..] if schema.fields().len() > 0 && is_option(option) => Ok(schema),
        [field, kind, ..] => Err(unknown_type(field, kind)),
        [_] => Err(Fail::SYNTAX),
    }
}

fn is_option(word: &[u8]) -> bool {
    ["ttl", "store", "key", "data", "on"].iter().any(|option| is(word, option))
}

fn schema_of_json(word: &[u8]) -> Result<Schema, Fail> {
    let json = Json::parse(word).map_err(|error| Fail::text(format!("ERR schema: {error}")))?;
    let fields = json.root().object().ok_or(Fail::SYNTAX)?;
    let mut schema = Schema::default();
    for (field, kind) in fields.iter() {
        let View::Str(name) = kind.view() else {
            return Err(unknown_type(field, kind.type_name().as_bytes()));
        };
        declare(&mut schema, field, FieldType::named(name).ok_or_else(|| unknown_type(field, name))?)?;
    }
    Ok(schema)
}

fn declare(schema: &mut Schema, field: &[u8], kind: FieldType) -> Result<(), Fail> {
    let shown = String::from_utf8_lossy(field);
    match std::str::from_utf8(field) {
        Ok(field) if schema.declare(field, kind) => Ok(()),
        Ok(_) => Err(Fail::text(format!("ERR field '{shown}' is declared twice"))),
        Err(_) => Err(Fail::text(format!("ERR field '{shown}' is not UTF-8"))),
    }
}

fn unknown_type(field: &[u8], kind: &[u8]) -> Fail {
    let (field, kind) = (String::from_utf8_lossy(field), String::from_utf8_lossy(kind));
    let names = FieldType::names();
    Fail::text(format!("ERR field '{field}' is declared as '{kind}', which is no type: there are {names}"))
}
