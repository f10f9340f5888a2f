//! What is called what in the server: users' keys as they are, and our own, which begin with `ramekin:`.
//!
//! What must hold: no two rows have one name, and none has one of ours. A key of database 0 is called as it is; one of database N is
//! `dbN:` and the key. A key of database 0 that looks like one of the latter, or like one of ours, gets `db0:` in front. A
//! record is called as its key is to clients: table, colon, key.

use ramekin::store::Place;

/// Who owns the store, and how far it has come.
pub(crate) const META: &[u8] = b"ramekin:meta";
/// Shows that the owner is alive, until it expires.
pub(crate) const OWNER: &[u8] = b"ramekin:owner";
/// The tables of records that were defined.
pub(crate) const TABLES: &[u8] = b"ramekin:tables";
/// The places that have, or had, tags: a set.
pub(crate) const TAGS: &[u8] = b"ramekin:tags";

const OURS: &[u8] = b"ramekin:";

/// How far a lane has come.
pub(crate) fn lane(number: u64) -> Vec<u8> {
    format!("ramekin:lane:{number}").into_bytes()
}

/// The keys with which rows of a place are found.
pub(crate) struct Names {
    /// A hash: of each key its version, and what else is known of its row.
    pub(crate) rows: Vec<u8>,
    /// A sorted set: all keys, in the order of their bytes.
    pub(crate) order: Vec<u8>,
    /// A sorted set: keys that expire, by when.
    pub(crate) expiry: Vec<u8>,
    /// A sorted set: all tags, by how many keys have each.
    pub(crate) tags: Vec<u8>,
    /// What the place is called.
    pub(crate) place: String,
    /// What stands in front of a key.
    prefix: Vec<u8>,
}

impl Names {
    pub(crate) fn of(place: &Place) -> Self {
        let (name, prefix) = match place {
            // No table is called like a number.
            Place::Keys(0) => ("0".to_owned(), Vec::new()),
            Place::Keys(db) => (db.to_string(), format!("db{db}:").into_bytes()),
            Place::Table(table) => (table.to_string(), format!("{table}:").into_bytes()),
        };
        let prefix = match place {
            Place::Table(_) if is_taken(&prefix) => [b"db0:", &*prefix].concat(),
            _ => prefix,
        };
        Self {
            rows: format!("ramekin:rows:{name}").into_bytes(),
            order: format!("ramekin:keys:{name}").into_bytes(),
            expiry: format!("ramekin:expiry:{name}").into_bytes(),
            tags: tags(&name),
            place: name,
            prefix,
        }
    }

    /// What the value of a key is called.
    pub(crate) fn value(&self, key: &[u8]) -> Vec<u8> {
        if self.prefix.is_empty() && is_taken(key) {
            return [b"db0:", key].concat();
        }
        [&*self.prefix, key].concat()
    }

    /// A set: the tags of a key. No place has a colon in its name.
    pub(crate) fn tags_of(&self, key: &[u8]) -> Vec<u8> {
        [&*self.tags, b":", key].concat()
    }

    /// A sorted set: the keys that have a tag, in the order of their bytes.
    pub(crate) fn tagged(&self, tag: &[u8]) -> Vec<u8> {
        [b"ramekin:tag:", self.place.as_bytes(), b":", tag].concat()
    }
}

/// The tags of a place, by its name, each with how many keys have it.
pub(crate) fn tags(place: &str) -> Vec<u8> {
    format!("ramekin:tags:{place}").into_bytes()
}

/// What a value is called that is kept in the bytes of the engine.
pub(crate) fn raw(value: &[u8]) -> Vec<u8> {
    [b"ramekin:raw:", value].concat()
}

/// Whether a name may be that of something else than a key of database 0.
fn is_taken(key: &[u8]) -> bool {
    if key.starts_with(OURS) {
        return true;
    }
    let Some(rest) = key.strip_prefix(b"db") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest.get(digits) == Some(&b':')
}

/// Whether a text can name a table.
pub(crate) fn is_table(name: &str) -> bool {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_called_as_they_are_and_no_two_alike() {
        let name =
            |place: Place, key: &str| String::from_utf8(Names::of(&place).value(key.as_bytes())).unwrap();
        let table = |name: &str| Place::Table(name.into());
        assert_eq!(name(Place::Keys(0), "user:1"), "user:1");
        assert_eq!(name(Place::Keys(0), ""), "");
        assert_eq!(name(Place::Keys(0), "db:1"), "db:1");
        assert_eq!(name(Place::Keys(0), "db3"), "db3");
        assert_eq!(name(table("people"), "ada"), "people:ada");
        assert_eq!(name(Place::Keys(3), "user:1"), "db3:user:1");
        assert_eq!(name(Place::Keys(0), "db3:user:1"), "db0:db3:user:1");
        assert_eq!(name(Place::Keys(0), "db0:x"), "db0:db0:x");
        assert_eq!(name(Place::Keys(0), "ramekin:meta"), "db0:ramekin:meta");
        assert_eq!(name(table("db3"), "x"), "db0:db3:x");
        assert_eq!(name(table("ramekin"), "meta"), "db0:ramekin:meta");
    }
}
