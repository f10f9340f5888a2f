//! What is known of a table, and its text in the table's system entry.
//!
//! The text is a JSON object with a version. Other releases may add keys to it; one that changes what a key means gives it
//! another version, which this release refuses.

use super::schema::Schema;
use crate::value::json::{Builder, Json, Node, Number, View};

/// The newest version of the text that is known.
const VERSION: i64 = 1;

/// What becomes of a record that was changed here and in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// What was written here.
    #[default]
    MemoryWins,
    /// What others wrote there.
    StoreWins,
    /// What was written here is set aside, to be decided about.
    Quarantine,
}

impl OnConflict {
    const ALL: [(Self, &'static str); 3] = [
        (Self::MemoryWins, "memory-wins"),
        (Self::StoreWins, "store-wins"),
        (Self::Quarantine, "quarantine"),
    ];

    /// The one of this name, in any case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let known = Self::ALL.iter().find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes()));
        known.map(|(rule, _)| *rule)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(rule, _)| *rule == self).map_or("memory-wins", |(_, name)| name)
    }
}

/// Where a table lies in a store, as far as it was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The name of the table there.
    pub table: Option<Box<str>>,
    /// Its column with keys.
    pub key_column: Option<Box<str>>,
    /// Its column with records.
    pub data_column: Option<Box<str>>,
}

/// An index over one value of each record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDefinition {
    /// Its name, which no other index of the table has.
    pub name: Box<str>,
    /// Where the value is: keys of objects.
    pub path: Box<[Box<str>]>,
    /// As what it is asked for, in a word of SQL, if that was said.
    pub kind: Option<Box<str>>,
    /// Whether no two records may have the same value.
    pub is_unique: bool,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: Box<str>,
    /// The types of its fields, if any were declared.
    pub schema: Option<Schema>,
    /// How long a record lives that does not say so itself, in milliseconds; 0: for ever.
    pub ttl_ms: u64,
    /// Where it lies in a store.
    pub stored: Stored,
    /// What becomes of a record that was changed here and in the store.
    pub on_conflict: OnConflict,
    /// What is kept to find its records by.
    pub indexes: Vec<IndexDefinition>,
    /// It is being dropped: its records go, then it goes itself.
    pub dropping: bool,
}

impl IndexDefinition {
    fn build(&self, out: &mut Builder) {
        let open = out.begin();
        let mut put = |key: &str, build: &dyn Fn(&mut Builder)| {
            out.key(key);
            build(out);
            out.item(open);
        };
        put("name", &|out| out.str(&self.name));
        put("path", &|out| {
            let open = out.begin();
            for key in &self.path {
                out.str(key);
                out.item(open);
            }
            out.end_array(open);
        });
        if let Some(kind) = &self.kind {
            put("type", &|out| out.str(kind));
        }
        put("unique", &|out| out.bool(self.is_unique));
        out.end_object(open);
    }

    fn read(node: Node<'_>) -> Option<Self> {
        let View::Array(path) = node.get(b"path")?.view() else { return None };
        Some(Self {
            name: text_of(node.get(b"name")?)?,
            path: path.iter().map(text_of).collect::<Option<_>>()?,
            kind: node.get(b"type").and_then(text_of),
            is_unique: matches!(node.get(b"unique")?.view(), View::Bool(true)),
        })
    }
}

impl Definition {
    /// A table of this name without a schema.
    pub(crate) fn bare(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Its text.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut builder = Builder::default();
        let open = builder.begin();
        let mut put = |key: &str, build: &dyn Fn(&mut Builder)| {
            builder.key(key);
            build(&mut builder);
            builder.item(open);
        };
        put("version", &|out| out.int(VERSION));
        put("name", &|out| out.str(&self.name));
        if let Some(schema) = &self.schema {
            put("schema", &|out| schema.build(out));
        }
        put("ttl_ms", &|out| out.int(i64::try_from(self.ttl_ms).unwrap_or(i64::MAX)));
        let Stored { table, key_column, data_column } = &self.stored;
        for (key, text) in [("table", table), ("key_column", key_column), ("data_column", data_column)] {
            if let Some(text) = text {
                put(key, &|out| out.str(text));
            }
        }
        put("on_conflict", &|out| out.str(self.on_conflict.name()));
        if !self.indexes.is_empty() {
            put("indexes", &|out| {
                let open = out.begin();
                for index in &self.indexes {
                    index.build(out);
                    out.item(open);
                }
                out.end_array(open);
            });
        }
        put("dropping", &|out| out.bool(self.dropping));
        builder.end_object(open);
        let mut bytes = Vec::new();
        builder.finish(&mut bytes);
        let mut text = Vec::new();
        Json::from_made(&bytes).print(&mut text);
        text
    }

    /// The table of this text; none for one of a newer version.
    pub(crate) fn decode(text: &[u8]) -> Option<Self> {
        let json = Json::parse(text).ok()?;
        let root = json.root();
        let word = |key: &str| root.get(key.as_bytes()).and_then(text_of);
        if int(root.get(b"version")?)? != VERSION {
            return None;
        }
        let schema = match root.get(b"schema") {
            Some(node) => Some(Schema::read(node)?),
            None => None,
        };
        let indexes = match root.get(b"indexes").map(Node::view) {
            None => Vec::new(),
            Some(View::Array(indexes)) => indexes.iter().map(IndexDefinition::read).collect::<Option<_>>()?,
            Some(_) => return None,
        };
        Some(Self {
            name: word("name")?,
            indexes,
            schema,
            ttl_ms: u64::try_from(int(root.get(b"ttl_ms")?)?).ok()?,
            stored: Stored {
                table: word("table"),
                key_column: word("key_column"),
                data_column: word("data_column"),
            },
            on_conflict: OnConflict::named(word("on_conflict")?.as_bytes())?,
            dropping: matches!(root.get(b"dropping")?.view(), View::Bool(true)),
        })
    }
}

fn int(node: Node<'_>) -> Option<i64> {
    match node.view() {
        View::Number(Number::Int(value)) => Some(value),
        _ => None,
    }
}

fn text_of(node: Node<'_>) -> Option<Box<str>> {
    match node.view() {
        View::Str(text) => std::str::from_utf8(text).ok().map(Box::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::FieldType;
    use super::*;

    #[test]
    fn a_definition_comes_back_from_its_text() {
        let mut schema = Schema::default();
        schema.declare("z \"quoted\"", FieldType::Integer);
        schema.declare("a", FieldType::Timestamp);
        let full = Definition {
            name: "orders".into(),
            schema: Some(schema),
            ttl_ms: 3_600_000,
            stored: Stored {
                table: Some("public.orders".into()),
                key_column: Some("id".into()),
                data_column: Some("body".into()),
            },
            on_conflict: OnConflict::Quarantine,
            indexes: vec![IndexDefinition {
                name: "by_a".into(),
                path: ["a".into(), "b\"".into()].into(),
                kind: Some("integer".into()),
                is_unique: true,
            }],
            dropping: true,
        };
        for definition in [full, Definition::bare("t")] {
            assert_eq!(Definition::decode(&definition.encode()), Some(definition));
        }
    }

    #[test]
    fn the_text_of_the_first_version_stays_readable_and_a_newer_one_is_refused() {
        let text = |version: u8| {
            format!(
                r#"{{"name": "t", "later": [1], "schema": [["f", "any"]], "ttl_ms": 5, "version": {version}, "dropping": false, "on_conflict": "store-wins"}}"#
            )
        };
        let first = Definition::decode(text(1).as_bytes()).unwrap();
        assert_eq!((&*first.name, first.ttl_ms, first.on_conflict), ("t", 5, OnConflict::StoreWins));
        assert_eq!(first.schema.unwrap().fields().collect::<Vec<_>>(), [("f", FieldType::Any)]);
        assert_eq!(Definition::decode(text(2).as_bytes()), None);
        for garbage in ["", "[]", "{}", r#"{"version": 1}"#] {
            assert_eq!(Definition::decode(garbage.as_bytes()), None);
        }
    }
}
