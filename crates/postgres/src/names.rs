//! Names of schemas, tables and columns in SQL: always quoted, never taken as anything but names.

use ramekin::store::{ErrorKind, StoreError};

/// The server cuts longer names off without a word.
const NAME_BYTES_MAX: usize = 63;

/// A name as an identifier.
pub(crate) fn quoted(name: &str) -> Result<String, StoreError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        let text = format!("a name in the store has 1 to {NAME_BYTES_MAX} bytes and no zero byte: {name:?}");
        return Err(StoreError::new(ErrorKind::Invalid, text));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// A text as a literal.
pub(crate) fn quoted_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''").replace('\0', "");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// A table in a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl Relation {
    /// Reads `table`, `schema.table`, or either with parts in double quotes.
    pub(crate) fn parse(text: &str, schema: &str) -> Result<Self, StoreError> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut in_quotes = false;
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if in_quotes && letters.peek() == Some(&'"') => {
                    part.push('"');
                    letters.next();
                }
                '"' => in_quotes = !in_quotes,
                '.' if !in_quotes => parts.push(std::mem::take(&mut part)),
                _ => part.push(letter),
            }
        }
        parts.push(part);
        let found = match (in_quotes, parts.as_slice()) {
            (false, [name]) => Self { schema: schema.to_owned(), name: name.clone() },
            (false, [schema, name]) => Self { schema: schema.clone(), name: name.clone() },
            _ => {
                let text = format!("{text:?} is not the name of a table: write table or schema.table");
                return Err(StoreError::new(ErrorKind::Invalid, text));
            }
        };
        quoted(&found.schema)?;
        quoted(&found.name)?;
        Ok(found)
    }

    /// As it stands in SQL.
    pub(crate) fn sql(&self) -> Result<String, StoreError> {
        Ok(format!("{}.{}", quoted(&self.schema)?, quoted(&self.name)?))
    }
}

/// The names of our own tables.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The schema, as it is.
    pub(crate) schema: String,
    /// And as it stands in SQL.
    identifier: String,
    /// Whom the server takes us for.
    pub(crate) user: String,
}

impl Names {
    pub(crate) fn new(schema: &str, user: &str) -> Result<Self, StoreError> {
        Ok(Self { schema: schema.to_owned(), identifier: quoted(schema)?, user: user.to_owned() })
    }

    /// A statement with `{s}` for our schema, and `{l}` for it within a literal.
    pub(crate) fn sql(&self, template: &str) -> String {
        template.replace("{s}", &self.identifier).replace("{l}", &self.identifier.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_whatever_they_hold() {
        assert_eq!(quoted("orders").unwrap(), "\"orders\"");
        assert_eq!(quoted("a\"; DROP TABLE x; --").unwrap(), "\"a\"\"; DROP TABLE x; --\"");
        for name in ["", "a\0b", &"x".repeat(64)] {
            assert_eq!(quoted(name).unwrap_err().kind, ErrorKind::Invalid);
        }
        assert_eq!(quoted_literal("it's \\"), "E'it''s \\\\'");
    }

    #[test]
    fn tables_are_read_with_and_without_a_schema() {
        let read = |text: &str| Relation::parse(text, "public").unwrap().sql().unwrap();
        assert_eq!(read("orders"), "\"public\".\"orders\"");
        assert_eq!(read("sales.orders"), "\"sales\".\"orders\"");
        assert_eq!(read("\"My.Table\""), "\"public\".\"My.Table\"");
        assert_eq!(read("\"a\"\"b\".c"), "\"a\"\"b\".\"c\"");
        for text in ["", "a.b.c", "a.", "\"a"] {
            assert_eq!(Relation::parse(text, "public").unwrap_err().kind, ErrorKind::Invalid, "{text}");
        }
    }
}
