//! What a database holds, in a form to compare: every key, its value and its expiry.
//!
//! What must hold: two data sets are equal exactly if no client could tell the databases apart by reading keys. Long byte
//! strings are kept as a beginning, a length and a hash, so that the data sets of a whole history fit in memory.

use ramekin::{Content, Database};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher as _};

const SHOWN_BYTES_MAX: usize = 24;

/// A key, with the number of its database.
pub type Place = (u32, Vec<u8>);

/// All that a database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSet(BTreeMap<Place, Held>);

/// A value with its tags, and when it expires (0: never).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    expire_at_ms: u64,
    value: Value,
    tags: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Str(String),
    List(Vec<String>),
    /// Value and expiry by field.
    Hash(BTreeMap<String, (String, u64)>),
    Json(String),
}

impl DataSet {
    /// What is in a database at this time.
    #[must_use]
    pub fn of(db: &Database, now_ms: u64) -> Self {
        let mut keys = BTreeMap::new();
        db.visit_all(now_ms, &mut |number, seen| {
            let value = match seen.content() {
                Content::Str(text) => Value::Str(brief(&text)),
                Content::List(list) => Value::List(list.iter().map(brief).collect()),
                Content::Hash(hash) => Value::Hash(
                    hash.stored()
                        .map(|field| (brief(field.name), (brief(field.value), field.expire_at_ms)))
                        .collect(),
                ),
                Content::Json(json) => {
                    let mut text = Vec::new();
                    json.print(&mut text);
                    Value::Json(brief(&text))
                }
            };
            let tags = seen.tags().map(brief).collect();
            keys.insert(
                (number, seen.key().to_vec()),
                Held { expire_at_ms: seen.expire_at_ms(), value, tags },
            );
        });
        Self(keys).living(now_ms)
    }

    /// What is left of it at a later time.
    #[must_use]
    pub fn living(&self, now_ms: u64) -> Self {
        let is_alive = |at: u64| at == 0 || now_ms <= at;
        let mut keys = self.0.clone();
        keys.retain(|_, held| {
            let is_spent = match &mut held.value {
                Value::Hash(fields) => {
                    fields.retain(|_, (_, at)| is_alive(*at));
                    fields.is_empty()
                }
                Value::Str(_) | Value::List(_) | Value::Json(_) => false,
            };
            is_alive(held.expire_at_ms) && !is_spent
        });
        Self(keys)
    }

    /// The keys that are not the same in both.
    #[must_use]
    pub fn changed(&self, other: &Self) -> Vec<Place> {
        let missing = other.0.keys().filter(|place| !self.0.contains_key(*place));
        let differing = self.0.iter().filter(|(place, held)| other.0.get(*place) != Some(held));
        differing.map(|(place, _)| place).chain(missing).cloned().collect()
    }

    /// All keys.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<Place> {
        self.0.keys().cloned().collect()
    }

    /// All keys, with their expiries in Unix milliseconds; 0: none.
    #[must_use]
    pub fn expiries(&self) -> BTreeMap<Place, u64> {
        self.0.iter().map(|(place, held)| (place.clone(), held.expire_at_ms)).collect()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What differs, for the message of a failed test.
    #[must_use]
    pub fn explain(&self, other: &Self) -> String {
        let mut lines = String::new();
        for place in self.changed(other) {
            let (here, there) = (self.0.get(&place), other.0.get(&place));
            lines += &format!("\n  db{} {}: {here:?} / {there:?}", place.0, place.1.escape_ascii());
        }
        lines
    }
}

fn brief(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN_BYTES_MAX {
        return bytes.escape_ascii().to_string();
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("{}.. {} bytes {:x}", bytes[..8].escape_ascii(), bytes.len(), hasher.finish())
}
