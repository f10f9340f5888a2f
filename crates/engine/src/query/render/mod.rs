//! A clause as SQL for PostgreSQL 12 and later, with each constant as a parameter.
//!
//! What must hold: the SQL finds the records that [`super::eval`] finds, and never fails because of what a record holds: every cast
//! stands behind a condition that lets only such values pass as can be cast. No text of a client is ever part of the SQL; names of
//! columns pass through [`quoted`]. Strings are compared by `COLLATE "C"`. What a database with another collation of its own
//! orders in its own way, arrays and objects with strings in them, makes the outcome inexact, and that is said.

mod condition;
mod number;
mod prefilter;

use super::form::{Json, Number, NumberKind, NumberNode, Step, Text};
use super::order::Order;
use super::{Clause, IndexPath};
use std::fmt;

/// Bytes of SQL at most.
const SQL_BYTES_MAX: usize = 1 << 20;
/// PostgreSQL cuts longer names off.
const NAME_BYTES_MAX: usize = 63;

/// Where a table has what is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// The column with keys.
    pub key: &'a str,
    /// The column with records, of type `jsonb` or `json`.
    pub data: &'a str,
    /// The column that says when a record expires, of type `timestamptz`.
    pub expires_at: &'a str,
    /// Whether records have a GIN index: conditions are then also put in a way in which it can be used.
    pub is_indexed: bool,
    /// Whether the database itself orders texts by their bytes: its collation is `C`, `POSIX` or `C.UTF-8`.
    pub is_bytewise: bool,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Of type `text`.
    Text(String),
    /// Of type `text[]`.
    Texts(Vec<String>),
}

/// A piece of SQL.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// An expression, or the list behind ORDER BY.
    pub sql: String,
    /// What `$1` and so on stand for.
    pub binds: Vec<Bind>,
    /// Whether it does exactly what is done here. If not, records have to be judged, or put in order, once more.
    pub is_exact: bool,
}

/// Why something cannot be put as SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// This cannot name a column.
    Name(String),
    /// The SQL is too long.
    TooLong,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?} cannot name a column"),
            Self::TooLong => write!(f, "the SQL has more than {SQL_BYTES_MAX} bytes"),
        }
    }
}

impl std::error::Error for RenderError {}

impl Clause {
    /// The clause as an expression. Parameters are numbered behind the `before` that are there already.
    ///
    /// # Errors
    /// A name of a column is none, or the SQL is too long.
    pub fn render(&self, columns: &Columns<'_>, before: usize) -> Result<Rendered, RenderError> {
        let mut writer = Writer::new(columns, before)?;
        if columns.is_indexed {
            writer.prefilters(&self.facts());
        }
        writer.condition(&self.condition);
        writer.finish()
    }
}

impl Order {
    /// The list behind ORDER BY. Parameters are numbered behind the `before` that are there already.
    ///
    /// # Errors
    /// A name of a column is none, or the SQL is too long.
    pub fn render(&self, columns: &Columns<'_>, before: usize) -> Result<Rendered, RenderError> {
        let mut writer = Writer::new(columns, before)?;
        for (at, key) in self.keys.iter().enumerate() {
            if at > 0 {
                writer.put(", ");
            }
            writer.order_key(key);
        }
        writer.finish()
    }
}

/// A name as an identifier.
fn quoted(name: &str) -> Result<String, RenderError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(RenderError::Name(name.to_owned()));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

impl IndexPath {
    /// What an index of a database has to be over so that it serves for this; none if there is no such index. Constants stand in the SQL,
    /// since an index has no parameters.
    ///
    /// # Errors
    /// A name of a column is none, or the SQL is too long.
    pub fn render(&self, columns: &Columns<'_>) -> Result<Option<String>, RenderError> {
        let mut writer = Writer::new(columns, 0)?;
        writer.is_inline = true;
        let path: Box<[Step]> = self.keys.iter().map(|key| Step::Key(key.clone())).collect();
        let text = || Text::At(path.clone());
        let number = |kind| Number { kind, node: NumberNode::OfText(text()) };
        match self.kind.as_deref() {
            None => writer.json(&Json::Path(path)),
            Some("text") => {
                writer.text(&text());
                writer.put(" COLLATE \"C\"");
            }
            Some("integer") => {
                let sql = writer.numeric(&number(NumberKind::Int));
                writer.put(&sql);
            }
            Some("bigint") => {
                let sql = writer.numeric(&number(NumberKind::BigInt));
                writer.put(&sql);
            }
            Some("numeric") => {
                let sql = writer.numeric(&number(NumberKind::Numeric));
                writer.put(&sql);
            }
            Some(_) => return Ok(None),
        }
        writer.finish().map(|rendered| Some(rendered.sql))
    }
}

/// A text as a literal, whatever the server takes backslashes for.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Puts SQL together.
struct Writer {
    key: String,
    data: String,
    expires_at: String,
    is_bytewise: bool,
    before: usize,
    sql: String,
    binds: Vec<Bind>,
    is_exact: bool,
    /// Constants are literals and no parameters.
    is_inline: bool,
}

impl Writer {
    fn new(columns: &Columns<'_>, before: usize) -> Result<Self, RenderError> {
        Ok(Self {
            key: quoted(columns.key)?,
            data: quoted(columns.data)?,
            expires_at: quoted(columns.expires_at)?,
            is_bytewise: columns.is_bytewise,
            before,
            sql: String::new(),
            binds: Vec::new(),
            is_exact: true,
            is_inline: false,
        })
    }

    fn finish(self) -> Result<Rendered, RenderError> {
        if self.is_full() {
            return Err(RenderError::TooLong);
        }
        Ok(Rendered { sql: self.sql, binds: self.binds, is_exact: self.is_exact })
    }

    /// Whether nothing more is of use: what is written from then on is lost.
    fn is_full(&self) -> bool {
        self.sql.len() > SQL_BYTES_MAX
    }

    fn put(&mut self, sql: &str) {
        if !self.is_full() {
            self.sql.push_str(sql);
        }
    }

    /// SQL that `write` puts, on its own, so that it can stand in several places.
    fn apart(&mut self, write: impl FnOnce(&mut Self)) -> String {
        let before = std::mem::take(&mut self.sql);
        write(self);
        std::mem::replace(&mut self.sql, before)
    }

    /// A parameter as it stands in SQL. Equal ones are one.
    fn bind(&mut self, bind: Bind) -> String {
        let kind = if matches!(bind, Bind::Text(_)) { "text" } else { "text[]" };
        if self.is_inline {
            return match bind {
                Bind::Text(text) => format!("{}::text", literal(&text)),
                Bind::Texts(texts) => {
                    let texts: Vec<_> = texts.iter().map(|text| literal(text)).collect();
                    format!("(ARRAY[{}]::text[])", texts.join(", "))
                }
            };
        }
        let at = self.binds.iter().rev().take(64).position(|known| *known == bind);
        let at = at.map(|back| self.binds.len() - 1 - back).unwrap_or_else(|| {
            self.binds.push(bind);
            self.binds.len() - 1
        });
        format!("${}::{kind}", self.before + at + 1)
    }

    fn bind_text(&mut self, text: &str) -> String {
        self.bind(Bind::Text(text.into()))
    }

    fn text(&mut self, text: &Text) {
        match text {
            Text::Const(None) => self.put("NULL::text"),
            Text::Const(Some(text)) => {
                let bind = self.bind_text(text);
                self.put(&format!("({bind})"));
            }
            Text::Key => {
                let key = self.key.clone();
                self.put(&key);
            }
            Text::At(path) => self.path(path, true),
            Text::OfJson(json) => {
                self.put("(");
                self.json(json);
                self.put(")::text");
            }
            Text::OfNumber(number) => {
                self.put("(");
                self.number(number);
                self.put(")::text");
            }
            Text::OfBool(condition) => {
                self.put("(");
                self.condition(condition);
                self.put(")::text");
            }
        }
    }

    fn json(&mut self, json: &Json) {
        match json {
            Json::Const(None) => self.put("NULL::jsonb"),
            Json::Const(Some(value)) => {
                let bind = self.json_bind(value);
                self.put(&bind);
            }
            Json::Path(path) => self.path(path, false),
        }
    }

    fn json_bind(&mut self, value: &crate::value::json::Json) -> String {
        let mut text = Vec::new();
        value.print(&mut text);
        let bind = self.bind_text(&String::from_utf8_lossy(&text));
        format!("(({bind})::jsonb)")
    }

    /// A value of the record, or its text.
    fn path(&mut self, path: &[Step], as_text: bool) {
        let mut sql = format!("{}::jsonb", self.data);
        let mut rest = path;
        while let [step, after @ ..] = rest {
            let (operator, operand, after) = match step {
                Step::Key(key) => ("->", self.bind_text(key), after),
                Step::Index(index) => ("->", format!("({index})"), after),
                Step::Either(..) => {
                    let keys = rest.iter().map_while(|step| match step {
                        Step::Either(key, _) => Some(key.to_string()),
                        _ => None,
                    });
                    let keys: Vec<_> = keys.collect();
                    let after = &rest[keys.len()..];
                    ("#>", self.bind(Bind::Texts(keys)), after)
                }
            };
            let more = if after.is_empty() && as_text { ">" } else { "" };
            sql = format!("({sql} {operator}{more} {operand})");
            rest = after;
        }
        if path.is_empty() && as_text {
            sql = format!("({sql} #>> '{{}}')");
        }
        self.put(&sql);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Limits;

    const COLUMNS: Columns<'_> =
        Columns { key: "id", data: "a\"b", expires_at: "expires_at", is_indexed: false, is_bytewise: false };

    fn rendered(text: &str, columns: &Columns<'_>) -> Rendered {
        Clause::parse(text, &Limits::default()).unwrap().render(columns, 2).unwrap()
    }

    #[test]
    fn constants_are_parameters_and_names_are_quoted() {
        let Rendered { sql, binds, is_exact } =
            rendered("data->>'x''; DROP' = 'y' AND key LIKE 'z!%' ESCAPE '!'", &COLUMNS);
        assert_eq!(
            sql,
            "(((\"a\"\"b\"::jsonb ->> $3::text) COLLATE \"C\" = ($4::text)) AND (\"id\" COLLATE \"C\" LIKE $5::text))"
        );
        let expected = ["x'; DROP", "y", "z\\%"].map(|text| Bind::Text(text.into()));
        assert_eq!((binds.as_slice(), is_exact), (&expected[..], true));
        for name in ["", "a\0", &"n".repeat(64)] {
            let columns = Columns { key: name, ..COLUMNS };
            let clause = Clause::parse("TRUE", &Limits::default()).unwrap();
            assert_eq!(clause.render(&columns, 0).unwrap_err(), RenderError::Name(name.to_owned()));
        }
    }

    #[test]
    fn an_order_that_depends_on_the_database_is_told() {
        let bytewise = Columns { is_bytewise: true, ..COLUMNS };
        for (text, is_exact) in [
            ("data->'a' < data->'b'", false),
            ("data->'a' < '[\"x\"]'", false),
            ("data->'a' < 'null' AND data->'a' < '\"x\"' AND data->'a' > 5", true),
            ("data->'a' = data->'b'", true),
        ] {
            assert_eq!(rendered(text, &COLUMNS).is_exact, is_exact, "{text}");
            assert!(rendered(text, &bytewise).is_exact);
        }
    }

    #[test]
    fn an_index_on_records_can_be_used_for_what_they_contain() {
        let indexed = Columns { is_indexed: true, ..COLUMNS };
        let filters = |text: &str| {
            let binds = rendered(text, &indexed).binds;
            let texts = binds.into_iter().filter_map(|bind| match bind {
                Bind::Text(text) if text.starts_with('{') => Some(text),
                _ => None,
            });
            texts.collect::<Vec<_>>()
        };
        assert_eq!(filters("data->>'a' = 'x'"), [r#"{"a": "x"}"#]);
        assert_eq!(filters("data->'a'->>'b' = '5'"), [r#"{"a": {"b": "5"}}"#, r#"{"a": {"b": 5}}"#]);
        assert_eq!(filters("data->>'a' IN ('x', 'y')"), [r#"{"a": "x"}"#, r#"{"a": "y"}"#]);
        assert_eq!(filters("data->'a' = 5"), [r#"{"a": 5}"#]);
        assert_eq!(filters("data->'a' @> '{\"b\": 1}'"), [r#"{"a": {"b": 1}}"#, r#"{"b": 1}"#]);
        // These are true of records that do not contain the value so.
        for text in
            ["NOT data->>'a' = 'x'", "data#>>'{a,0}' = 'x'", "data->0->>'a' = 'x'", "data->'a' @> '5'"]
        {
            assert_eq!(filters(text), [""; 0], "{text}");
        }
    }
}
