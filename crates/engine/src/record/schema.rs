//! Which types the fields of a table's records have.
//!
//! A declared field may be missing or null, and fields that are not declared may be there: what is declared only has to be
//! kept where there is a value.

use super::timestamp::is_timestamp;
use crate::value::json::{Builder, Node, Object, View};
use std::fmt;

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A string.
    String,
    /// A number without a point.
    Integer,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// A moment: ISO 8601, or a number of seconds since 1970.
    Timestamp,
    /// An object.
    Object,
    /// An array.
    Array,
    /// Anything.
    Any,
}

impl FieldType {
    const ALL: [(Self, &'static str); 8] = [
        (Self::String, "string"),
        (Self::Integer, "integer"),
        (Self::Float, "float"),
        (Self::Boolean, "boolean"),
        (Self::Timestamp, "timestamp"),
        (Self::Object, "object"),
        (Self::Array, "array"),
        (Self::Any, "any"),
    ];

    /// The type of this name, in any case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let known = Self::ALL.iter().find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes()));
        known.map(|(kind, _)| *kind)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("any", |(_, name)| name)
    }

    /// All names, to be shown.
    pub(crate) fn names() -> String {
        Self::ALL.map(|(_, name)| name).join(", ")
    }

    fn takes(self, value: Node<'_>) -> bool {
        match (self, value.view()) {
            (Self::Any, _)
            | (_, View::Null)
            | (Self::String, View::Str(_))
            | (Self::Float | Self::Timestamp, View::Number(_))
            | (Self::Boolean, View::Bool(_))
            | (Self::Object, View::Object(_))
            | (Self::Array, View::Array(_)) => true,
            (Self::Integer, View::Number(number)) => number.is_integer(),
            (Self::Timestamp, View::Str(text)) => is_timestamp(text),
            _ => false,
        }
    }
}

/// The declared fields of a table, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema(Vec<(Box<str>, FieldType)>);

/// A record that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The field.
    pub field: Box<str>,
    /// What it should hold.
    pub wanted: FieldType,
    /// What it holds.
    pub found: &'static str,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, wanted, found) = (&self.field, self.wanted.name(), self.found);
        if self.wanted == FieldType::Timestamp && found == "string" {
            return write!(f, "field '{field}' is declared as timestamp, and its text is not ISO 8601");
        }
        write!(f, "field '{field}' is declared as {wanted}, and holds {found}")
    }
}

impl std::error::Error for Mismatch {}

impl Schema {
    /// Declares a field. False if it has been declared before.
    pub fn declare(&mut self, field: &str, kind: FieldType) -> bool {
        let is_new = self.0.iter().all(|(known, _)| **known != *field);
        if is_new {
            self.0.push((field.into(), kind));
        }
        is_new
    }

    /// All fields, in the order in which they were declared.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&str, FieldType)> {
        self.0.iter().map(|(field, kind)| (&**field, *kind))
    }

    /// Whether a record has what is declared.
    ///
    /// # Errors
    /// The first field that holds something else.
    pub fn check(&self, record: Object<'_>) -> Result<(), Mismatch> {
        for (field, wanted) in &self.0 {
            if let Some(value) = record.get(field.as_bytes()).filter(|value| !wanted.takes(*value)) {
                return Err(Mismatch { field: field.clone(), wanted: *wanted, found: value.type_name() });
            }
        }
        Ok(())
    }

    pub(super) fn build(&self, out: &mut Builder) {
        // An array of pairs, since an object would not keep their order.
        let all = out.begin();
        for (field, kind) in self.fields() {
            let pair = out.begin();
            for text in [field, kind.name()] {
                out.str(text);
                out.item(pair);
            }
            out.end_array(pair);
            out.item(all);
        }
        out.end_array(all);
    }

    /// The schema that [`Schema::build`] wrote.
    pub(super) fn read(node: Node<'_>) -> Option<Self> {
        let (View::Array(all), mut schema) = (node.view(), Self::default()) else { return None };
        for pair in all.iter() {
            let View::Array(pair) = pair.view() else { return None };
            let (View::Str(field), View::Str(kind)) = (pair.get(0)?.view(), pair.get(1)?.view()) else {
                return None;
            };
            schema.declare(std::str::from_utf8(field).ok()?, FieldType::named(kind)?).then_some(())?;
        }
        Some(schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json::Json;

    #[test]
    fn each_type_takes_its_values_and_no_others() {
        let values = [
            ("string", r#""text""#),
            ("string timestamp", r#""2026-11-21T08:30:00Z""#),
            ("integer float timestamp", "12"),
            ("integer float timestamp", "1e3"),
            ("float timestamp", "1.5"),
            ("float timestamp", "1.0"),
            ("boolean", "true"),
            ("object", "{}"),
            ("array", "[]"),
            ("string integer float boolean timestamp object array", "null"),
        ];
        for (takers, value) in values {
            let record = Json::parse(format!(r#"{{"f": {value}, "other": [1]}}"#).as_bytes()).unwrap();
            for (kind, name) in FieldType::ALL {
                let mut schema = Schema::default();
                schema.declare("missing", FieldType::Integer);
                schema.declare("f", kind);
                let takes = kind == FieldType::Any || takers.split(' ').any(|taker| taker == name);
                let checked = schema.check(record.root().object().unwrap());
                assert_eq!(checked.is_ok(), takes, "{name} and {value}");
                if let Err(mismatch) = checked {
                    assert!(mismatch.to_string().contains("'f'"));
                }
            }
        }
    }
}
