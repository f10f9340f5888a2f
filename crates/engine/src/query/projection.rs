//! What a query returns of each record.

use super::form::{Scalar, Step, Text};
use super::moment;
use super::{Limits, QueryError, Row, parse};

/// A list of what is returned.
#[derive(Clone, Debug)]
pub struct Projection {
    items: Items,
}

#[derive(Clone, Debug)]
pub(super) enum Items {
    /// `*`
    All,
    /// `COUNT(*)`, and the name it is given.
    Count(Option<Box<str>>),
    List(Vec<Item>),
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) name: Option<Box<str>>,
    pub(super) scalar: Scalar,
}

impl Projection {
    /// Whole records.
    #[must_use]
    pub const fn all() -> Self {
        Self { items: Items::All }
    }

    /// Their number.
    #[must_use]
    pub const fn count() -> Self {
        Self { items: Items::Count(None) }
    }

    /// Reads a list: `*`, `COUNT(*)`, or expressions, each with `AS name` if it is given one.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, QueryError> {
        Ok(Self { items: parse::projection(text, limits)? })
    }

    /// Whether whole records are returned.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self.items, Items::All)
    }

    /// Whether only their number is.
    #[must_use]
    pub const fn is_count(&self) -> bool {
        matches!(self.items, Items::Count(_))
    }

    /// The names of what is returned, in order; `*` and `COUNT(*)` are one each.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (one, list) = match &self.items {
            Items::All => (Some("data"), &[][..]),
            Items::Count(name) => (Some(name.as_deref().unwrap_or("count")), &[][..]),
            Items::List(list) => (None, list.as_slice()),
        };
        one.into_iter().chain(list.iter().map(Item::name))
    }

    /// What is returned of a record: for each item the text of a value of JSON, `null` if there is none. Nothing for `*` and
    /// `COUNT(*)`.
    pub fn values<'p>(&'p self, row: &'p Row<'p>) -> impl Iterator<Item = Vec<u8>> + 'p {
        let list = match &self.items {
            Items::List(list) => list.as_slice(),
            Items::All | Items::Count(_) => &[],
        };
        list.iter().map(|item| {
            let mut out = Vec::new();
            if item.scalar.print(row, &mut out).is_none() {
                out.clear();
                out.extend_from_slice(b"null");
            }
            out
        })
    }
}

/// What is returned of a record for one item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A text, or a moment as one, as it is.
    Text(Vec<u8>),
    /// Anything else, as JSON.
    Json(Vec<u8>),
}

impl Projection {
    /// What is returned of a record, item by item. Nothing for `*` and `COUNT(*)`.
    pub fn cells<'p>(&'p self, row: &'p Row<'p>) -> impl Iterator<Item = Cell> + 'p {
        let list = match &self.items {
            Items::List(list) => list.as_slice(),
            Items::All | Items::Count(_) => &[],
        };
        list.iter().map(|item| item.scalar.cell(row).unwrap_or(Cell::Null))
    }
}

impl Item {
    /// Its name: as given, or the last key of its path, as an object would have it, or `?column?`, as PostgreSQL has it.
    fn name(&self) -> &str {
        use super::form::{Json, TimeNode};
        let path = match &self.scalar {
            _ if self.name.is_some() => return self.name.as_deref().unwrap_or_default(),
            Scalar::Text(Text::Key) => return "key",
            Scalar::Time(time) if matches!(time.node, TimeNode::ExpiresAt) => return "expires_at",
            Scalar::Json(Json::Path(path)) if path.is_empty() => return "data",
            Scalar::Json(Json::Path(path)) | Scalar::Text(Text::At(path)) => path,
            _ => return "?column?",
        };
        match path.last() {
            Some(Step::Key(key) | Step::Either(key, _)) => key,
            _ => "?column?",
        }
    }
}

impl Scalar {
    fn cell(&self, row: &Row<'_>) -> Option<Cell> {
        Some(match self {
            Self::Text(text) => Cell::Text(text.of(row)?.into_owned()),
            Self::Time(time) => Cell::Text(moment::print(time.of(row)?, time.kind).into()),
            other => {
                let mut text = Vec::new();
                other.print(row, &mut text)?;
                Cell::Json(text)
            }
        })
    }

    /// Appends a value of a record as JSON.
    fn print(&self, row: &Row<'_>, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Bool(condition) => {
                out.extend_from_slice(if condition.holds(row)? { b"true" } else { b"false" });
            }
            Self::Json(json) => json.of(row)?.print(out),
            Self::Text(text) => string(&text.of(row)?, out)?,
            Self::Number(number) => number.of(row)?.print(out),
            // The shortest text that is this number again; JSON has the same form of it.
            Self::Float(float) => {
                let value = float.of(row)?;
                let text = if float.single { narrowed(value).to_string() } else { value.to_string() };
                out.extend_from_slice(text.as_bytes());
            }
            Self::Time(time) => string(moment::print(time.of(row)?, time.kind).as_bytes(), out)?,
        }
        Some(())
    }
}

/// A double that is a single, as one.
#[expect(clippy::cast_possible_truncation, reason = "it was made of a single, and loses nothing")]
const fn narrowed(value: f64) -> f32 {
    value as f32
}

/// Appends a text as a string of JSON.
fn string(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut builder = crate::value::json::Builder::default();
    builder.str(std::str::from_utf8(text).ok()?);
    let mut bytes = Vec::new();
    builder.finish(&mut bytes);
    crate::value::json::Json::from_made(&bytes).print(out);
    Some(())
}
