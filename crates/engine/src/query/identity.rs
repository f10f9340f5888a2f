//! What makes two values one: the bytes that all values have which a path and a type compare as equal.
//!
//! What must hold: two records give the same bytes if, and only if, `=` is true of what a clause reads at the path of both, as a value
//! of that type. Nothing, `null`, and what is no value of the type give none, as NULL is equal to nothing.

use super::Row;
use super::form::{
    Condition, Float, Json, Number, NumberKind, NumberNode, Scalar, Step, Text, Time, TimeKind, TimeNode,
};
use crate::query::decimal::Num;
use crate::value::json::{Node, View};

/// Reads the value of a record by which it is one of a kind.
pub(crate) struct Identity {
    scalar: Scalar,
}

/// Before each part, so that no two sequences of parts have the same bytes.
mod part {
    pub(super) const NULL: u8 = 0;
    pub(super) const STRING: u8 = 1;
    pub(super) const NUMBER: u8 = 2;
    pub(super) const BOOL: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const OBJECT: u8 = 5;
}

impl Identity {
    /// Of the values at this path of keys, as this type in a word of SQL; none for a type that is not known.
    pub(crate) fn new(keys: &[Box<str>], kind: Option<&str>) -> Option<Self> {
        let path: Box<[Step]> = keys.iter().map(|key| Step::Key(key.clone())).collect();
        let Some(kind) = kind else { return Some(Self { scalar: Scalar::Json(Json::Path(path)) }) };
        let text = Text::At(path);
        let number = |kind, text| Number { kind, node: NumberNode::OfText(text) };
        let time = |kind, text| Scalar::Time(Time { kind, node: TimeNode::OfText(text) });
        let scalar = match kind {
            "text" => Scalar::Text(text),
            "integer" => Scalar::Number(number(NumberKind::Int, text)),
            "bigint" => Scalar::Number(number(NumberKind::BigInt, text)),
            "numeric" => Scalar::Number(number(NumberKind::Numeric, text)),
            "real" => Scalar::Float(Float { single: true, of: number(NumberKind::Numeric, text) }),
            "double precision" => {
                Scalar::Float(Float { single: false, of: number(NumberKind::Numeric, text) })
            }
            "boolean" => Scalar::Bool(Condition::OfText(text)),
            "date" => time(TimeKind::Date, text),
            "timestamp without time zone" => time(TimeKind::Timestamp, text),
            "timestamp with time zone" => time(TimeKind::TimestampTz, text),
            _ => return None,
        };
        Some(Self { scalar })
    }

    /// Appends the bytes of what a record holds; false, and nothing, if that is equal to nothing.
    pub(crate) fn write(&self, data: Node<'_>, out: &mut Vec<u8>) -> bool {
        let row = Row { key: b"", data, expire_at_ms: None };
        let fixed =
            |bytes: Option<[u8; 8]>, out: &mut Vec<u8>| bytes.map(|bytes| out.extend(bytes)).is_some();
        match &self.scalar {
            Scalar::Json(json) => {
                let node = json.of(&row).filter(|node| !matches!(node.view(), View::Null));
                node.map(|node| write_node(node, out)).is_some()
            }
            Scalar::Text(text) => text.of(&row).map(|text| out.extend_from_slice(&text)).is_some(),
            Scalar::Number(number) => number.of(&row).map(|number| number.write_worth(out)).is_some(),
            Scalar::Float(float) => fixed(float.of(&row).map(f64::to_be_bytes), out),
            Scalar::Time(time) => fixed(time.of(&row).map(i64::to_be_bytes), out),
            Scalar::Bool(condition) => condition.holds(&row).map(|is| out.push(u8::from(is))).is_some(),
        }
    }
}

/// A value of JSON: numbers by what they are worth, everything else as it is. The stack is bounded by the depth of values.
fn write_node(node: Node<'_>, out: &mut Vec<u8>) {
    match node.view() {
        View::Null => out.push(part::NULL),
        View::Str(text) => write_text(text, out),
        View::Number(number) => {
            out.push(part::NUMBER);
            Num::Json(number).write_worth(out);
        }
        View::Bool(is) => out.extend([part::BOOL, u8::from(is)]),
        View::Array(array) => {
            out.push(part::ARRAY);
            out.extend((array.len() as u64).to_be_bytes());
            array.iter().for_each(|element| write_node(element, out));
        }
        View::Object(object) => {
            out.push(part::OBJECT);
            out.extend((object.len() as u64).to_be_bytes());
            for (key, value) in object.iter() {
                write_text(key, out);
                write_node(value, out);
            }
        }
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(part::STRING);
    out.extend((text.len() as u64).to_be_bytes());
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Clause, IndexPath, Limits};
    use crate::value::json::Json as Value;

    fn identity(kind: Option<&str>) -> Identity {
        Identity::new(&["a".into()], kind).unwrap()
    }

    fn bytes(identity: &Identity, value: &str) -> Option<Vec<u8>> {
        let data = Value::parse(format!("{{\"a\": {value}}}").as_bytes()).unwrap();
        let mut out = Vec::new();
        identity.write(data.root(), &mut out).then_some(out)
    }

    const VALUES: &[&str] = &[
        "null",
        "1",
        "1.0",
        "1.00",
        "10",
        "1e1",
        "-1",
        "0",
        "0.0",
        "-0",
        "0.1",
        "0.10",
        "1e400",
        "10e399",
        "9007199254740993",
        "9007199254740992",
        "9007199254740993.0",
        "123456789012345678901234567890",
        "123456789012345678901234567890.0",
        "true",
        "false",
        "\"\"",
        "\"1\"",
        "\"1.0\"",
        "\" 1 \"",
        "\"a\"",
        "\"A\"",
        "\"true\"",
        "\"t\"",
        "\"yes\"",
        "\"0\"",
        "[]",
        "[[]]",
        "[1]",
        "[1.0]",
        "[1, 2]",
        "[2, 1]",
        "[\"1\"]",
        "[null]",
        "{}",
        "{\"b\": 1}",
        "{\"b\": 1.0}",
        "{\"b\": [1]}",
        "{\"b\": 1, \"c\": 2}",
        "{\"c\": 2, \"b\": 1}",
        "\"2026-11-21\"",
        "\"2026-11-21 00:00\"",
        "\"2026-11-21T00:00Z\"",
        "\"2026-11-21 01:00+01\"",
        "\"0.1\"",
        "\"0.1000000000000000055\"",
        "\"16777217\"",
        "\"16777216\"",
    ];

    #[test]
    fn two_values_have_the_same_bytes_if_a_clause_has_them_equal_and_only_then() {
        for kind in [
            None,
            Some("text"),
            Some("integer"),
            Some("bigint"),
            Some("numeric"),
            Some("real"),
            Some("double precision"),
            Some("boolean"),
            Some("date"),
            Some("timestamp without time zone"),
            Some("timestamp with time zone"),
        ] {
            let identity = identity(kind);
            let read = |field: &str| match kind {
                None => format!("data->'{field}'"),
                Some(kind) => format!("(data->>'{field}')::{kind}"),
            };
            let clause = format!("{} = {}", read("a"), read("b"));
            let clause = Clause::parse(&clause, &Limits::default()).unwrap();
            for one in VALUES {
                for two in VALUES {
                    let both = format!("{{\"a\": {one}, \"b\": {two}}}");
                    let both = Value::parse(both.as_bytes()).unwrap();
                    let row = Row { key: b"", data: both.root(), expire_at_ms: None };
                    // That `null` is a value of jsonb is of no use to whoever wants values that are there once.
                    let is_null = kind.is_none() && (*one == "null" || *two == "null");
                    let equal = clause.matches(&row) == Some(true) && !is_null;
                    let (one_bytes, two_bytes) = (bytes(&identity, one), bytes(&identity, two));
                    assert_eq!(one_bytes.is_some() && one_bytes == two_bytes, equal, "{kind:?}: {one} {two}");
                }
            }
        }
    }

    #[test]
    fn each_type_that_an_index_may_be_of_is_known() {
        for kind in [
            "int",
            "bigint",
            "numeric",
            "real",
            "float8",
            "double precision",
            "text",
            "boolean",
            "timestamp",
            "timestamptz",
            "date",
            "jsonb",
        ] {
            let path = IndexPath::parse(&format!("a AS {kind}"), &Limits::default()).unwrap();
            assert!(Identity::new(&path.keys, path.kind.as_deref()).is_some(), "{kind}");
        }
        assert!(Identity::new(&["a".into()], Some("regclass")).is_none());
    }
}
