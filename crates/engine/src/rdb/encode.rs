//! Values as objects.
//!
//! Strings as integers or compressed where that is shorter; lists as nodes of listpacks up to 8 KiB; hashes as one listpack
//! while they are small, and field by field once they are large or a field expires. Everything is read by Redis 7.0 and
//! Valkey 7.2 and later, but for expiries of fields, which are written as the dialect has them.

use super::cursor::{INT8, INT16, INT32, LZF, put_length};
use super::listpack::Builder;
use super::{Dialect, VALKEY_VERSION, kind, lzf};
use crate::value::hash::{Field, Hash};
use crate::value::list::List;
use crate::value::{Value, number};

/// A node of a list is closed before it grows past this; a longer element is a node of its own.
const NODE_BYTES_MAX: usize = 8 << 10;
/// Shorter strings are never compressed.
const COMPRESSED_BYTES_MIN: usize = 21;
/// The longest text of a 32-bit integer.
const INT_BYTES_MAX: usize = 11;
const PLAIN: u64 = 1;
const PACKED: u64 = 2;

/// How values are written.
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    /// For whom.
    pub dialect: Dialect,
    /// Whether long strings are compressed.
    pub compress: bool,
}

impl Encoder {
    /// The version that a reader must know for objects of this type.
    #[must_use]
    pub fn version_for(self, kind: u8) -> u16 {
        match self.dialect {
            Dialect::Valkey => VALKEY_VERSION,
            Dialect::Redis => kind::since(kind),
        }
    }

    /// Appends a value and gives its type; fields that have expired at `now_ms` are left out. None for JSON, which the format
    /// does not have.
    pub fn value(self, value: &Value, now_ms: u64, out: &mut Vec<u8>) -> Option<u8> {
        Some(match value {
            Value::Str(text) => self.string(text, out),
            Value::Long(long) => self.string(&long.whole(), out),
            Value::List(list) => self.list(list, out),
            Value::Hash(hash) => self.hash(hash, now_ms, out),
            Value::Json(_) => return None,
            Value::Compressed(_) => return self.value(&value.plain(), now_ms, out),
        })
    }

    /// Appends a string and gives its type.
    pub fn string(self, text: &[u8], out: &mut Vec<u8>) -> u8 {
        self.put_string(text, out);
        kind::STRING
    }

    /// Appends a list and gives its type.
    pub fn list(self, list: &List, out: &mut Vec<u8>) -> u8 {
        let (mut nodes, mut count) = (Vec::new(), 0);
        let (mut node, mut packed) = (Builder::default(), Vec::new());
        let mut close = |node: &mut Builder, nodes: &mut Vec<u8>, count: &mut u64| {
            if !node.is_empty() {
                node.take(&mut packed);
                put_length(nodes, PACKED);
                self.put_bytes(&packed, nodes);
                *count += 1;
            }
        };
        for element in list {
            if element.len() > NODE_BYTES_MAX {
                close(&mut node, &mut nodes, &mut count);
                put_length(&mut nodes, PLAIN);
                self.put_bytes(element, &mut nodes);
                count += 1;
                continue;
            }
            // Five bytes before it and two behind it at most.
            if node.size() + element.len() + 7 > NODE_BYTES_MAX {
                close(&mut node, &mut nodes, &mut count);
            }
            node.push(element);
        }
        close(&mut node, &mut nodes, &mut count);
        put_length(out, count);
        out.extend_from_slice(&nodes);
        kind::LIST_QUICKLIST_2
    }

    /// Appends the fields of a hash that live at `now_ms`, and gives its type.
    pub fn hash(self, hash: &Hash, now_ms: u64, out: &mut Vec<u8>) -> u8 {
        let living = hash.stored().filter(|field| field.expire_at_ms == 0 || now_ms <= field.expire_at_ms);
        let earliest = living.clone().map(|field| field.expire_at_ms).filter(|at_ms| *at_ms != 0).min();
        let Some(earliest) = earliest else {
            return self.put_plain_hash(hash, living, out);
        };
        let count = living.clone().count() as u64;
        match self.dialect {
            Dialect::Valkey => {
                put_length(out, count);
                for field in living {
                    self.put_string(field.name, out);
                    self.put_string(field.value, out);
                    let at_ms = i64::try_from(field.expire_at_ms).unwrap_or(i64::MAX);
                    out.extend_from_slice(&if at_ms == 0 { -1 } else { at_ms }.to_le_bytes());
                }
                kind::VALKEY_HASH_2
            }
            Dialect::Redis => {
                out.extend_from_slice(&earliest.to_le_bytes());
                put_length(out, count);
                for field in living {
                    put_length(out, field.expire_at_ms.checked_sub(earliest).map_or(0, |after| after + 1));
                    self.put_string(field.name, out);
                    self.put_string(field.value, out);
                }
                kind::REDIS_HASH_METADATA
            }
        }
    }

    fn put_plain_hash<'h>(
        self,
        hash: &Hash,
        fields: impl Iterator<Item = Field<'h>> + Clone,
        out: &mut Vec<u8>,
    ) -> u8 {
        if hash.encoding() == "listpack" {
            let (mut pairs, mut packed) = (Builder::default(), Vec::new());
            for field in fields {
                pairs.push(field.name);
                pairs.push(field.value);
            }
            pairs.take(&mut packed);
            self.put_bytes(&packed, out);
            return kind::HASH_LISTPACK;
        }
        put_length(out, fields.clone().count() as u64);
        for field in fields {
            self.put_string(field.name, out);
            self.put_string(field.value, out);
        }
        kind::HASH
    }

    /// A string, as an integer if its text is one.
    pub(super) fn put_string(self, text: &[u8], out: &mut Vec<u8>) {
        let number = if text.len() <= INT_BYTES_MAX { number::parse_i64(text) } else { None };
        let Some(number) = number.and_then(|number| i32::try_from(number).ok()) else {
            return self.put_bytes(text, out);
        };
        let bytes = number.to_le_bytes();
        let (form, width) = match number {
            -0x80..0x80 => (INT8, 1),
            -0x8000..0x8000 => (INT16, 2),
            _ => (INT32, 4),
        };
        out.push(0xC0 | form);
        out.extend_from_slice(&bytes[..width]);
    }

    /// A string, never as an integer.
    fn put_bytes(self, text: &[u8], out: &mut Vec<u8>) {
        if self.compress && text.len() >= COMPRESSED_BYTES_MIN {
            let mut packed = Vec::new();
            if lzf::compress(text, &mut packed) {
                out.push(0xC0 | LZF);
                put_length(out, packed.len() as u64);
                put_length(out, text.len() as u64);
                out.extend_from_slice(&packed);
                return;
            }
        }
        put_length(out, text.len() as u64);
        out.extend_from_slice(text);
    }
}
