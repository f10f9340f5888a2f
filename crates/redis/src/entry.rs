//! What is known of a row beside its value: one field of the hash of its place, as text.
//!
//! ```text
//! version [" e" expiry] [" t"] [" " form]       17     17 e1700000000123     17 h     17 e1700000000123 t p1
//! ```

/// How the value of a row is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string: its bytes, or the JSON text of a record.
    Text,
    /// A list.
    List,
    /// A hash.
    Hash,
    /// A hash of which some fields expire.
    HashWithExpiry,
    /// A string that is JSON text, of a key that is no record.
    Json,
    /// A value of this kind in the engine's bytes, as the only element of a list.
    Raw(u8),
    /// The same in parts, which are the list's elements.
    RawParts(u8),
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) version: u64,
    /// 0: never.
    pub(crate) expire_at_ms: u64,
    /// Whether the key has tags.
    pub(crate) has_tags: bool,
    pub(crate) form: Form,
}

impl Entry {
    /// No row, but a key that may have tags: those of a row that was taken back.
    pub(crate) fn none(has_tags: bool) -> Self {
        Self { version: 0, expire_at_ms: 0, has_tags, form: Form::Text }
    }

    pub(crate) fn is_row(&self) -> bool {
        self.version != 0
    }

    pub(crate) fn encode(&self) -> String {
        let mut text = self.version.to_string();
        if self.expire_at_ms != 0 {
            text.push_str(&format!(" e{}", self.expire_at_ms));
        }
        if self.has_tags {
            text.push_str(" t");
        }
        match self.form {
            Form::Text => {}
            Form::List => text.push_str(" l"),
            Form::Hash => text.push_str(" h"),
            Form::HashWithExpiry => text.push_str(" x"),
            Form::Json => text.push_str(" j"),
            Form::Raw(kind) => text.push_str(&format!(" r{kind}")),
            Form::RawParts(kind) => text.push_str(&format!(" p{kind}")),
        }
        text
    }

    /// What a text says; none if it is not one of ours.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(text).ok()?.split(' ');
        let version = words.next()?.parse().ok()?;
        let mut entry = Self { version, expire_at_ms: 0, has_tags: false, form: Form::Text };
        for word in words {
            let (letter, rest) = word.split_at_checked(1)?;
            entry.form = match (letter, rest) {
                ("e", expiry) => {
                    entry.expire_at_ms = expiry.parse().ok()?;
                    continue;
                }
                ("t", "") => {
                    entry.has_tags = true;
                    continue;
                }
                ("l", "") => Form::List,
                ("h", "") => Form::Hash,
                ("x", "") => Form::HashWithExpiry,
                ("j", "") => Form::Json,
                ("r", kind) => Form::Raw(kind.parse().ok()?),
                ("p", kind) => Form::RawParts(kind.parse().ok()?),
                _ => return None,
            };
        }
        Some(entry)
    }

    pub(crate) fn is_raw(&self) -> bool {
        matches!(self.form, Form::Raw(_) | Form::RawParts(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_as_it_was() {
        let forms = [
            Form::Text,
            Form::List,
            Form::Hash,
            Form::HashWithExpiry,
            Form::Json,
            Form::Raw(255),
            Form::RawParts(1),
        ];
        for form in forms {
            for (expire_at_ms, has_tags) in [(0, true), (1, false), (u64::MAX, true)] {
                let entry = Entry { version: u64::MAX - 1, expire_at_ms, has_tags, form };
                assert_eq!(Entry::parse(entry.encode().as_bytes()), Some(entry));
            }
        }
        let entry = Entry { version: 17, expire_at_ms: 9, has_tags: false, form: Form::Hash };
        assert_eq!(entry.encode(), "17 e9 h");
        assert_eq!(Entry { has_tags: true, ..entry }.encode(), "17 e9 t h");
    }

    #[test]
    fn a_text_that_is_no_entry_is_told() {
        for text in ["", "x", "1 ", "1 q", "1 e", "1 r256", "1 l2", "1 t2", "-1", "1  l", "1 é"] {
            assert_eq!(Entry::parse(text.as_bytes()), None, "{text}");
        }
    }
}
