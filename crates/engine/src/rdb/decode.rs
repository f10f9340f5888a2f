//! The value of an object, from any encoding.
//!
//! What must hold: what is read is exactly what was written, or an error; a field that stands twice, a collection without
//! elements and bytes left over are errors. Fields that have expired at the time given are left out.

use super::cursor::{Cursor, Source};
use super::listpack::{self, Packed};
use super::{Dialect, Fault, kind, ziplist, zipmap};
use crate::value::hash::Hash;
use crate::value::list::{ELEMENT_BYTES_MAX, List};
use crate::value::{Packing, Value};

/// Whether there are values of this type here, so that [`decode`] can make one.
#[must_use]
pub fn is_supported(kind: u8, dialect: Dialect) -> bool {
    matches!(kind::type_name(kind, dialect), Some("string" | "list" | "hash"))
}

/// The value that an object stands for, laid out by `packing`; none if all of its fields had expired at `now_ms`.
///
/// # Errors
/// When it stands for none; see [`Fault`].
pub fn decode(
    kind: u8,
    dialect: Dialect,
    object: &[u8],
    packing: &Packing,
    now_ms: u64,
) -> Result<Option<Value>, Fault> {
    let mut at = Cursor(object);
    let value = match kind {
        kind::STRING => {
            let mut scratch = Vec::new();
            let text = at.string(&mut scratch)?;
            Value::string(text)
        }
        kind::LIST | kind::LIST_ZIPLIST | kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => {
            let mut list = List::with_fill(packing.list);
            read_list(&mut at, kind, &mut list)?;
            if list.is_empty() {
                return Err(Fault::damaged("a list without elements"));
            }
            Value::List(Box::new(list))
        }
        _ if is_supported(kind, dialect) => {
            let mut fields = Fields { hash: Hash::with_limits(packing.hash), now_ms, expired: false };
            read_hash(&mut at, kind, dialect, &mut fields)?;
            if fields.hash.is_empty() && !fields.expired {
                return Err(Fault::damaged("a hash without fields"));
            }
            Value::Hash(Box::new(fields.hash))
        }
        _ => {
            return Err(match kind::type_name(kind, dialect) {
                Some(name) => Fault::Unsupported(name),
                None => Fault::Unknown(format!("a value of type {kind}, which this release does not know")),
            });
        }
    };
    if !at.0.is_empty() {
        return Err(Fault::damaged("bytes after the end of a value"));
    }
    Ok(Some(value).filter(|value| !matches!(value, Value::Hash(hash) if hash.is_empty())))
}

fn push(list: &mut List, element: &[u8]) -> Result<(), Fault> {
    if element.len() > ELEMENT_BYTES_MAX {
        return Err(Fault::damaged("an element too long to be held"));
    }
    list.push_back(element);
    Ok(())
}

fn read_list(at: &mut Cursor<'_>, kind: u8, list: &mut List) -> Result<(), Fault> {
    const PLAIN: u64 = 1;
    const PACKED: u64 = 2;
    let (mut scratch, mut buffer) = (Vec::new(), itoa::Buffer::new());
    let mut add = |list: &mut List, entry: Packed<'_>| push(list, entry.bytes(&mut buffer));
    if kind == kind::LIST_ZIPLIST {
        return ziplist::each(at.string(&mut scratch)?, |entry| add(list, entry));
    }
    for _ in 0..at.length()? {
        let form = if kind == kind::LIST_QUICKLIST_2 { at.length()? } else { PLAIN };
        let node = at.string(&mut scratch)?;
        match (kind, form) {
            (kind::LIST_QUICKLIST, _) => ziplist::each(node, |entry| add(list, entry))?,
            (kind::LIST_QUICKLIST_2, PACKED) => listpack::each(node, |entry| add(list, entry))?,
            (_, PLAIN) => push(list, node)?,
            _ => return Err(Fault::damaged("a node of a list in no known form")),
        }
    }
    Ok(())
}

/// A hash in the making.
struct Fields {
    hash: Hash,
    now_ms: u64,
    /// A field was left out.
    expired: bool,
}

impl Fields {
    /// Adds a field; `at_ms` 0: it does not expire.
    fn add(&mut self, name: &[u8], value: &[u8], at_ms: u64) -> Result<(), Fault> {
        if name.len().max(value.len()) > ELEMENT_BYTES_MAX {
            return Err(Fault::damaged("a field too long to be held"));
        }
        if at_ms != 0 && at_ms < self.now_ms {
            self.expired = true;
            return Ok(());
        }
        if !self.hash.insert(name, value, false) {
            return Err(Fault::damaged("a field that stands twice in a hash"));
        }
        if at_ms != 0 {
            self.hash.expire_at(name, at_ms);
        }
        Ok(())
    }
}

fn read_hash(at: &mut Cursor<'_>, kind: u8, dialect: Dialect, fields: &mut Fields) -> Result<(), Fault> {
    let mut scratch = Vec::new();
    match (kind, dialect) {
        (kind::HASH_ZIPMAP, _) => {
            zipmap::each(at.string(&mut scratch)?, |name, value| fields.add(name, value, 0))
        }
        (kind::HASH_ZIPLIST, _) => {
            let mut pairs = Grouped::<2>::default();
            ziplist::each(at.string(&mut scratch)?, |entry| pairs.add(entry, fields))?;
            pairs.end()
        }
        (kind::HASH_LISTPACK, _) => {
            let mut pairs = Grouped::<2>::default();
            listpack::each(at.string(&mut scratch)?, |entry| pairs.add(entry, fields))?;
            pairs.end()
        }
        (kind::REDIS_HASH_LISTPACK_EX | kind::REDIS_HASH_LISTPACK_EX_PRE_GA, _) => {
            if kind == kind::REDIS_HASH_LISTPACK_EX {
                // The earliest expiry, which the fields tell as well.
                at.pass(8)?;
            }
            let mut triples = Grouped::<3>::default();
            listpack::each(at.string(&mut scratch)?, |entry| triples.add(entry, fields))?;
            triples.end()
        }
        _ => read_fields(at, kind, dialect, fields),
    }
}

/// Fields one by one, each with its time where the type has one.
fn read_fields(at: &mut Cursor<'_>, kind: u8, dialect: Dialect, fields: &mut Fields) -> Result<(), Fault> {
    const NO_TIME: Fault = Fault::damaged("a field that expires at an impossible time");
    let earliest = match kind {
        kind::REDIS_HASH_METADATA => Some(u64::from_le_bytes(at.array()?)),
        _ => None,
    };
    let (mut name, mut value) = (Vec::new(), Vec::new());
    for _ in 0..at.length()? {
        let told = match (kind, dialect) {
            (kind::REDIS_HASH_METADATA | kind::REDIS_HASH_METADATA_PRE_GA, Dialect::Redis) => at.length()?,
            _ => 0,
        };
        let (name, value) = (at.string(&mut name)?, at.string(&mut value)?);
        let at_ms = match (kind, dialect) {
            (kind::VALKEY_HASH_2, Dialect::Valkey) => match i64::from_le_bytes(at.array()?) {
                -1 => 0,
                // It is past, and 0 stands for never here.
                0 => 1,
                time => u64::try_from(time).map_err(|_| NO_TIME)?,
            },
            // Counted from the earliest, plus one.
            _ if told != 0 => match earliest {
                Some(earliest) => earliest.checked_add(told - 1).ok_or(NO_TIME)?.max(1),
                None => told,
            },
            _ => 0,
        };
        fields.add(name, value, at_ms)?;
    }
    Ok(())
}

/// Entries of a packed hash by twos (name, value) or threes (name, value, expiry).
struct Grouped<'a, const N: usize> {
    entries: [Option<Packed<'a>>; N],
    count: usize,
}

impl<const N: usize> Default for Grouped<'_, N> {
    fn default() -> Self {
        Self { entries: [None; N], count: 0 }
    }
}

impl<'a, const N: usize> Grouped<'a, N> {
    fn add(&mut self, entry: Packed<'a>, fields: &mut Fields) -> Result<(), Fault> {
        self.entries[self.count] = Some(entry);
        self.count += 1;
        if self.count < N {
            return Ok(());
        }
        self.count = 0;
        let (mut name, mut value) = (itoa::Buffer::new(), itoa::Buffer::new());
        let [Some(first), Some(second), rest @ ..] = &self.entries[..] else { return Ok(()) };
        let at_ms = match rest {
            [Some(Packed::Number(time))] => u64::try_from(*time).ok(),
            [] => Some(0),
            _ => None,
        };
        let at_ms = at_ms.ok_or(Fault::damaged("a field that expires at an impossible time"))?;
        fields.add(first.bytes(&mut name), second.bytes(&mut value), at_ms)
    }

    fn end(&self) -> Result<(), Fault> {
        if self.count == 0 { Ok(()) } else { Err(Fault::damaged("a hash with half a field")) }
    }
}
