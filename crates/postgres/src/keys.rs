//! The table of all keys that are not records, and the parts of large values beside it.

use crate::long;
use crate::number::{expiry, signed};
use crate::session::Param;
use crate::target::{Sort, stamps};
use ramekin::store::{Change, Content, Place};
use std::borrow::Cow;

const PUT: &str = "
    INSERT INTO {s}.ramekin_keys AS t (db, key, whole_key, kind, value, parts, ver, stamp, expires_ms, updated_at)
    SELECT u.db, u.key, u.whole_key, u.kind, u.value, u.parts, u.ver, 0, u.expires_ms, now()
    FROM unnest($1::int8[], $2::bytea[], $3::int8[], $4::int8[], $5::int2[], $6::bytea[], $7::int4[], $8::bytea[])
      AS u(db, key, ver, expires_ms, kind, value, parts, whole_key)
    ON CONFLICT (db, key) DO UPDATE SET kind = excluded.kind, value = excluded.value, parts = excluded.parts,
      ver = excluded.ver, stamp = 0, expires_ms = excluded.expires_ms, updated_at = excluded.updated_at
    WHERE t.ver < excluded.ver";

const REPLACE: &str = "
    UPDATE {s}.ramekin_keys t SET kind = u.kind, value = u.value, parts = u.parts, ver = u.ver, stamp = 0,
      expires_ms = u.expires_ms, updated_at = now()
    FROM unnest($1::int8[], $2::bytea[], $3::int8[], $4::int8[], $5::int2[], $6::bytea[], $7::int4[], $8::int8[])
      AS u(db, key, ver, expires_ms, kind, value, parts, stamp)
    WHERE t.db = u.db AND t.key = u.key AND t.ver < u.ver AND t.stamp = u.stamp";

const REMOVE: &str = "
    DELETE FROM {s}.ramekin_keys t USING unnest($1::int8[], $2::bytea[], $3::int8[], $4::int8[])
      WITH ORDINALITY AS u(db, key, ver, stamp, i)
    WHERE t.db = u.db AND t.key = u.key AND t.ver < u.ver AND (u.stamp IS NULL OR t.stamp = u.stamp) RETURNING u.i";

/// The parts that are there, of these keys.
pub(crate) const PARTS_THERE: &str = "
    SELECT u.i, p.n, p.crc FROM unnest($1::int8[], $2::bytea[]) WITH ORDINALITY AS u(db, key, i)
    JOIN {s}.ramekin_parts p ON p.db = u.db AND p.key = u.key";

/// Writes parts, of rows that have reached the version that the parts are of.
pub(crate) const PARTS_PUT: &str = "
    INSERT INTO {s}.ramekin_parts AS t (db, key, n, crc, part)
    SELECT u.db, u.key, u.n, u.crc, u.part
    FROM unnest($1::int8[], $2::bytea[], $3::int8[], $4::int4[], $5::int8[], $6::bytea[]) AS u(db, key, ver, n, crc, part)
    JOIN {s}.ramekin_keys k ON k.db = u.db AND k.key = u.key AND k.ver = u.ver AND k.stamp = 0
    ON CONFLICT (db, key, n) DO UPDATE SET crc = excluded.crc, part = excluded.part";

/// The statement that writes changes of a sort.
pub(crate) fn write(sort: Sort) -> &'static str {
    match sort {
        Sort::Put => PUT,
        Sort::Replace => REPLACE,
        Sort::Remove => REMOVE,
    }
}

/// The statement that finds those that have not counted. A row that this transaction has written is known by its `xmin`.
pub(crate) fn explain(join: &str) -> String {
    format!(
        "SELECT u.i, t.ver, t.stamp FROM unnest($1::int8[], $2::bytea[], $3::int8[]) WITH ORDINALITY AS u(db, key, ver, i)
         {join} {{s}}.ramekin_keys t ON t.db = u.db AND t.key = u.key
         WHERE t.key IS NULL OR t.ver <> u.ver OR t.xmin::text::int8 <> (txid_current() & 4294967295)"
    )
}

/// Which rows.
pub(crate) fn identity<'a>(changes: &[(usize, &'a Change)]) -> Vec<Param<'a>> {
    let databases: Vec<i64> = changes.iter().map(|(_, change)| database(&change.place)).collect();
    let keys: Vec<Cow<'a, [u8]>> = changes.iter().map(|(_, change)| long::stand_in(&change.key)).collect();
    vec![Box::new(databases), Box::new(keys)]
}

/// What the statement of a sort asks for.
pub(crate) fn params<'a>(changes: &[(usize, &'a Change)], sort: Sort) -> Vec<Param<'a>> {
    let mut params = identity(changes);
    let versions: Vec<i64> = changes.iter().map(|(_, change)| signed(change.version)).collect();
    params.push(Box::new(versions));
    if sort == Sort::Remove {
        params.push(Box::new(stamps(changes)));
        return params;
    }
    let expiries: Vec<Option<i64>> = changes.iter().map(|(_, change)| expiry(change.expire_at_ms)).collect();
    params.push(Box::new(expiries));
    let (mut kinds, mut values, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for (_, change) in changes {
        let (kind, value, count) = match &change.content {
            Content::Whole(kind, value) => (*kind, Some(value.as_slice()), None),
            Content::Parts(kind, parts) => {
                (*kind, None, Some(i32::try_from(parts.len()).unwrap_or(i32::MAX)))
            }
            Content::Record(_) | Content::Gone => continue,
        };
        kinds.push(i16::from(kind));
        values.push(value);
        parts.push(count);
    }
    params.push(Box::new(kinds));
    params.push(Box::new(values));
    params.push(Box::new(parts));
    if sort == Sort::Replace {
        params.push(Box::new(stamps(changes)));
    } else {
        let whole: Vec<Option<&[u8]>> = changes.iter().map(|(_, change)| long::whole(&change.key)).collect();
        params.push(Box::new(whole));
    }
    params
}

/// The number of a database; keys of records have none.
pub(crate) fn database(place: &Place) -> i64 {
    match place {
        Place::Keys(database) => i64::from(*database),
        Place::Table(_) => -1,
    }
}
