//! Names of tables, and keys that are made of a table's name and a record's key.

use super::SYSTEM_PREFIX;
use std::ops::Deref;

/// Bytes of a table's name at most.
const NAME_BYTES_MAX: usize = 63;
/// What tables of the stores' own are called like, in letters of any case.
const RESERVED: [&[u8]; 2] = [b"ramekin_", b"sqlite_"];

/// Keys up to this length are put together without an allocation.
const SHORT_BYTES: usize = 120;

/// A text that cannot name a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidName;

impl std::fmt::Display for InvalidName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a table's name begins with a letter or '_' and goes on with letters, digits, '_' and '-', up to {NAME_BYTES_MAX} bytes; \
             it does not begin with 'ramekin_' or 'sqlite_'"
        )
    }
}

impl std::error::Error for InvalidName {}

/// Checks the name of a table.
///
/// # Errors
/// [`InvalidName`], which says what a name is.
pub(crate) fn check(name: &[u8]) -> Result<&str, InvalidName> {
    let begins = name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_');
    let goes_on = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let begins_with =
        |front: &&[u8]| name.get(..front.len()).is_some_and(|own| own.eq_ignore_ascii_case(front));
    let is_reserved = RESERVED.iter().any(begins_with);
    let is_name = begins && goes_on && !is_reserved && name.len() <= NAME_BYTES_MAX;
    std::str::from_utf8(name).ok().filter(|_| is_name).ok_or(InvalidName)
}

/// A key of two parts: of a record, or of the system entry of a table.
pub struct Name(Bytes);

enum Bytes {
    Short([u8; SHORT_BYTES], u8),
    Long(Vec<u8>),
}

impl Name {
    /// Where the record of this key lies.
    #[inline]
    #[must_use]
    pub fn of_record(table: &[u8], key: &[u8]) -> Self {
        Self::join(table, b":", key)
    }

    /// Where the definition of this table lies.
    #[must_use]
    pub(crate) fn of_table(table: &[u8]) -> Self {
        Self::join(SYSTEM_PREFIX.as_bytes(), b"", table)
    }

    #[inline]
    fn join(one: &[u8], between: &[u8], other: &[u8]) -> Self {
        let len = one.len() + between.len() + other.len();
        match u8::try_from(len) {
            Ok(short) if len <= SHORT_BYTES => {
                let mut bytes = [0; SHORT_BYTES];
                bytes[..one.len()].copy_from_slice(one);
                bytes[one.len()..len - other.len()].copy_from_slice(between);
                bytes[len - other.len()..len].copy_from_slice(other);
                Self(Bytes::Short(bytes, short))
            }
            _ => Self(Bytes::Long([one, between, other].concat())),
        }
    }
}

impl Deref for Name {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short(bytes, len) => &bytes[..usize::from(*len)],
            Bytes::Long(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_colon_and_no_surprises() {
        for name in ["orders", "_x", "Orders-2", "a", &"n".repeat(63)] {
            assert_eq!(check(name.as_bytes()), Ok(name));
        }
        for name in [
            "",
            "1a",
            "-a",
            "a:b",
            "a b",
            "a.b",
            "é",
            "a\0",
            "a\"b",
            "ramekin_keys",
            "SQLite_x",
            &"n".repeat(64),
        ] {
            assert_eq!(check(name.as_bytes()), Err(InvalidName), "{name}");
        }
    }

    #[test]
    fn a_key_of_any_length_is_put_together() {
        for len in [0, 1, 50, 112, 113, 114, 300, 100_000] {
            let key = "k".repeat(len);
            assert_eq!(*Name::of_record(b"orders", key.as_bytes()), *format!("orders:{key}").as_bytes());
            assert_eq!(*Name::of_table(key.as_bytes()), *format!("table:{key}").as_bytes());
        }
    }
}
