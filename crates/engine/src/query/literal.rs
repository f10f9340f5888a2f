//! Constants: texts in quotes, which are of the type that is asked of them, as in PostgreSQL.

use super::cast;
use super::decimal::{Decimal, Num};
use super::form::{
    Condition, Float, Json, Number, NumberKind, NumberNode, Scalar, Step, Text, Time, TimeKind, TimeNode,
};
use super::moment;
use crate::value::json;
use std::borrow::Cow;

/// What something may be cast to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Bool,
    Json,
    Text,
    Number(NumberKind),
    Float { single: bool },
    Time(TimeKind),
}

impl Target {
    /// The type of a value.
    pub(super) fn of(scalar: &Scalar) -> Self {
        match scalar {
            Scalar::Bool(_) => Self::Bool,
            Scalar::Json(_) => Self::Json,
            Scalar::Text(_) => Self::Text,
            Scalar::Number(number) => Self::Number(number.kind),
            Scalar::Float(float) => Self::Float { single: float.single },
            Scalar::Time(time) => Self::Time(time.kind),
        }
    }

    /// Its NULL.
    pub(super) fn null(self) -> Scalar {
        match self {
            Self::Bool => Scalar::Bool(Condition::Const(None)),
            Self::Json => Scalar::Json(Json::Const(None)),
            Self::Text => Scalar::Text(Text::Const(None)),
            Self::Number(kind) => Scalar::Number(Number { kind, node: NumberNode::Const(None) }),
            Self::Float { single } => {
                let of = Number { kind: NumberKind::Numeric, node: NumberNode::Const(None) };
                Scalar::Float(Float { single, of })
            }
            Self::Time(kind) => Scalar::Time(Time { kind, node: TimeNode::Const(None) }),
        }
    }

    /// The constant of this type that a text in quotes is; none if it is none.
    pub(super) fn constant(self, text: &str) -> Option<Scalar> {
        let bytes = text.as_bytes();
        Some(match self {
            Self::Bool => Scalar::Bool(Condition::Const(Some(cast::boolean(bytes)?))),
            Self::Json => Scalar::Json(Json::Const(Some(json_of(bytes)?))),
            Self::Text => Scalar::Text(Text::Const(Some(text.into()))),
            Self::Number(kind) => Scalar::Number(Number::constant(kind, cast::number(bytes, kind)?)),
            Self::Float { single } => {
                let value = cast::number(bytes, NumberKind::Numeric)?;
                Num::Own(Cow::Borrowed(&value)).float(single)?;
                Scalar::Float(Float { single, of: Number::constant(NumberKind::Numeric, value) })
            }
            Self::Time(kind) => {
                Scalar::Time(Time { kind, node: TimeNode::Const(Some(moment::parse(bytes, kind)?)) })
            }
        })
    }

    /// Its name in an error.
    pub(super) fn name(self) -> &'static str {
        self.null().type_name()
    }
}

/// The value of a text; none with a character that no `jsonb` has.
fn json_of(text: &[u8]) -> Option<json::Json> {
    json::Json::parse(text).ok().filter(|value| !has_zero(value.root()))
}

fn has_zero(node: json::Node<'_>) -> bool {
    match node.view() {
        json::View::Str(text) => text.contains(&0),
        json::View::Array(array) => array.iter().any(has_zero),
        json::View::Object(object) => object.iter().any(|(key, value)| key.contains(&0) || has_zero(value)),
        _ => false,
    }
}

/// The constant of a number as it stands in a text.
pub(super) fn number(text: &str) -> Option<Number> {
    let value = cast::number(text.as_bytes(), NumberKind::Numeric)?;
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
    let integers = [NumberKind::Int, NumberKind::BigInt];
    let fits = |kind: &NumberKind| is_whole && cast::number(text.as_bytes(), *kind).is_some();
    let kind = integers.into_iter().find(fits).unwrap_or(NumberKind::Numeric);
    Some(Number::constant(kind, value))
}

/// A number as a value of JSON.
pub(super) fn json_number(number: &Decimal) -> Option<json::Json> {
    let mut text = Vec::new();
    number.print(&mut text);
    json::Json::parse(&text).ok()
}

/// `true` or `false` as a value of JSON.
pub(super) fn json_bool(is: bool) -> Option<json::Json> {
    json::Json::parse(if is { b"true" } else { b"false" }).ok()
}

/// The step of a path that has both forms.
pub(super) fn step(text: &str) -> Step {
    // As strtol() reads it: blanks and a sign before, nothing behind.
    let digits = text.trim_start_matches(|letter: char| matches!(letter, ' ' | '\t'..='\r'));
    let digits = digits.strip_prefix('+').filter(|rest| !rest.starts_with(['+', '-'])).unwrap_or(digits);
    Step::Either(text.into(), digits.parse().ok())
}

/// The texts of an array in quotes: `{a,"b c"}`.
pub(super) fn array(text: &str) -> Option<Vec<Box<str>>> {
    let inner = text.trim_ascii().strip_prefix('{')?.strip_suffix('}')?;
    let mut letters = inner.trim_ascii().chars().peekable();
    let mut parts = Vec::new();
    if letters.peek().is_none() {
        return Some(parts);
    }
    loop {
        while letters.next_if(char::is_ascii_whitespace).is_some() {}
        let part = match letters.next_if_eq(&'"') {
            Some(_) => quoted(&mut letters)?,
            None => bare(&mut letters)?,
        };
        while letters.next_if(char::is_ascii_whitespace).is_some() {}
        parts.push(part.into());
        match letters.next() {
            None => return Some(parts),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

fn quoted(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut part = String::new();
    loop {
        match letters.next()? {
            '"' => return Some(part),
            '\\' => part.push(letters.next()?),
            letter => part.push(letter),
        }
    }
}

/// A part without quotes; none if it is empty, NULL, or has braces.
fn bare(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut part = String::new();
    while let Some(letter) = letters.next_if(|letter| *letter != ',') {
        match letter {
            '{' | '}' | '"' => return None,
            '\\' => return None,
            letter => part.push(letter),
        }
    }
    let part = part.trim_end_matches(|letter: char| letter.is_ascii_whitespace());
    (!part.is_empty() && !part.eq_ignore_ascii_case("NULL")).then(|| part.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_in_quotes_are_read() {
        let read = |text: &str| array(text).map(|parts| parts.join("|"));
        assert_eq!(read("{}").as_deref(), Some(""));
        assert_eq!(read(" { a , \"b, \\\"c\\\"\",1} ").as_deref(), Some("a|b, \"c\"|1"));
        for text in ["", "a", "{a", "{a,}", "{,a}", "{NULL}", "{{a}}", "{\"a}", "{\"a\"b}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_step_is_an_index_if_strtol_takes_it_for_one() {
        let index = |text: &str| match step(text) {
            Step::Either(_, index) => index,
            _ => None,
        };
        assert_eq!(
            [index("1"), index(" +1"), index("-2"), index("\u{b}3")],
            [Some(1), Some(1), Some(-2), Some(3)]
        );
        assert_eq!([index("1 "), index(""), index("+-1"), index("99999999999"), index("a")], [None; 5]);
    }
}
