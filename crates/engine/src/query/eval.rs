//! Judging one record by a condition.
//!
//! What must hold: NULL is neither true nor false, as SQL has it; what cannot be computed or converted is NULL, never an error.
//! Values are read where they lie: what a usual condition looks at is compared without an allocation.

use super::Row;
use super::cast;
use super::decimal::{Decimal, Num};
use super::form::{
    Comparison, Condition, Float, Json, Number, NumberKind, NumberNode, Operation, Pair, Scalar, Step, Text,
    Time, TimeKind, TimeNode,
};
use super::jsonb;
use super::moment;
use crate::value::json::{Node, Number as JsonNumber, View};
use std::borrow::Cow;
use std::cmp::Ordering;

impl Condition {
    /// Whether it is true of a record.
    pub(super) fn holds(&self, row: &Row<'_>) -> Option<bool> {
        match self {
            Self::Const(is) => *is,
            Self::And(parts) => all(parts, row),
            Self::Or(parts) => any(parts, row),
            Self::Not(inner) => inner.holds(row).map(|is| !is),
            Self::Compare(how, pair) => pair.compared(*how, row),
            Self::InTexts { text, among, with_null } => {
                let text = text.of(row)?;
                let found = among.binary_search_by(|other| other.as_bytes().cmp(&text)).is_ok();
                (found || !with_null).then_some(found)
            }
            Self::InNumbers { number, among, with_null } => {
                let number = number.of(row)?;
                let order = |other: &Decimal| Num::Own(Cow::Borrowed(other)).order(&number);
                let found = among.binary_search_by(order).is_ok();
                (found || !with_null).then_some(found)
            }
            Self::Like { text, pattern } => text.of(row).map(|text| pattern.matches(&text)),
            Self::Contains { whole, part } => Some(jsonb::contains(whole.of(row)?, part.of(row)?)),
            Self::HasKeys { json, keys, all } => {
                let node = json.of(row)?;
                let mut found = keys.iter().map(|key| jsonb::has_key(node, key.as_bytes()));
                Some(if *all { found.all(|is| is) } else { found.any(|is| is) })
            }
            Self::IsNull(scalar) => Some(scalar.is_null(row)),
            Self::Is(condition, what) => Some(condition.holds(row) == *what),
            Self::OfText(text) => cast::boolean(&text.of(row)?),
            Self::OfJson(json) => match json.of(row)?.view() {
                View::Bool(is) => Some(is),
                _ => None,
            },
            Self::OfNumber(number) => number.of(row).map(|number| !number.is_zero()),
        }
    }
}

fn all(parts: &[Condition], row: &Row<'_>) -> Option<bool> {
    let mut outcome = Some(true);
    for part in parts {
        match part.holds(row) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => outcome = None,
        }
    }
    outcome
}

fn any(parts: &[Condition], row: &Row<'_>) -> Option<bool> {
    let mut outcome = Some(false);
    for part in parts {
        match part.holds(row) {
            Some(false) => {}
            Some(true) => return Some(true),
            None => outcome = None,
        }
    }
    outcome
}

impl Comparison {
    fn of(self, order: Ordering) -> bool {
        match self {
            Self::Equal | Self::NotDistinct => order.is_eq(),
            Self::NotEqual | Self::Distinct => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The outcome for two values of which one may be NULL.
    fn between<T>(
        self,
        left: Option<T>,
        right: Option<T>,
        order: impl Fn(&T, &T) -> Ordering,
    ) -> Option<bool> {
        match (left, right) {
            (Some(left), Some(right)) => Some(self.of(order(&left, &right))),
            (left, right) => match self {
                Self::Distinct => Some(left.is_some() != right.is_some()),
                Self::NotDistinct => Some(left.is_some() == right.is_some()),
                _ => None,
            },
        }
    }
}

impl Pair {
    fn compared(&self, how: Comparison, row: &Row<'_>) -> Option<bool> {
        match self {
            // What is asked most often, by lengths first.
            Self::Text(Text::At(path), Text::Const(Some(text))) if how == Comparison::Equal => {
                match jsonb::follow(row.data, path)?.view() {
                    View::Str(own) => Some(own == text.as_bytes()),
                    View::Null => None,
                    _ => how.between(text_at(row.data, path), Some(text.as_bytes().into()), Ord::cmp),
                }
            }
            Self::Text(left, right) => how.between(left.of(row), right.of(row), Ord::cmp),
            Self::Json(left, right) => {
                how.between(left.of(row), right.of(row), |left, right| jsonb::order(*left, *right))
            }
            Self::Number(pair) => how.between(pair.0.of(row), pair.1.of(row), Num::order),
            Self::Float(pair) => how.between(pair.0.of(row), pair.1.of(row), f64::total_cmp),
            Self::Bool(pair) => how.between(pair.0.holds(row), pair.1.holds(row), Ord::cmp),
            Self::Time(left, right) => how.between(left.of(row), right.of(row), Ord::cmp),
        }
    }
}

impl Scalar {
    fn is_null(&self, row: &Row<'_>) -> bool {
        match self {
            Self::Bool(condition) => condition.holds(row).is_none(),
            Self::Json(json) => json.of(row).is_none(),
            Self::Text(text) => text.of(row).is_none(),
            Self::Number(number) => number.of(row).is_none(),
            Self::Float(float) => float.of(row).is_none(),
            Self::Time(time) => time.of(row).is_none(),
        }
    }
}

impl Json {
    #[inline]
    pub(super) fn of<'a>(&'a self, row: &Row<'a>) -> Option<Node<'a>> {
        match self {
            Self::Const(value) => value.as_ref().map(crate::value::json::Json::root),
            Self::Path(path) => jsonb::follow(row.data, path),
        }
    }
}

impl Text {
    #[inline]
    pub(super) fn of<'a>(&'a self, row: &Row<'a>) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Const(text) => text.as_ref().map(|text| Cow::Borrowed(text.as_bytes())),
            Self::Key => Some(Cow::Borrowed(row.key)),
            Self::At(path) => text_at(row.data, path),
            Self::OfJson(json) => json.of(row).map(printed),
            Self::OfNumber(number) => {
                let mut text = Vec::new();
                number.of(row)?.print(&mut text);
                Some(Cow::Owned(text))
            }
            Self::OfBool(condition) => {
                condition.holds(row).map(|is| Cow::Borrowed(if is { &b"true"[..] } else { b"false" }))
            }
        }
    }
}

#[inline]
fn text_at<'a>(data: Node<'a>, path: &[Step]) -> Option<Cow<'a, [u8]>> {
    let node = jsonb::follow(data, path)?;
    match node.view() {
        View::Str(text) => Some(Cow::Borrowed(text)),
        View::Null => None,
        _ => Some(printed(node)),
    }
}

fn printed<'a>(node: Node<'_>) -> Cow<'a, [u8]> {
    let mut text = Vec::new();
    node.print(&mut text);
    Cow::Owned(text)
}

impl Number {
    pub(super) fn of<'a>(&'a self, row: &Row<'a>) -> Option<Num<'a>> {
        match &self.node {
            NumberNode::Const(value) => value.as_ref().map(|value| Num::Own(Cow::Borrowed(value))),
            NumberNode::OfText(Text::At(path)) => {
                let node = jsonb::follow(row.data, path)?;
                match node.view() {
                    // What an integer prints reads as that integer.
                    View::Number(number @ JsonNumber::Int(_)) => within(Num::Json(number), self.kind),
                    View::Str(text) => cast::number(text, self.kind).map(own),
                    View::Null => None,
                    _ => cast::number(&printed(node), self.kind).map(own),
                }
            }
            NumberNode::OfText(text) => cast::number(&text.of(row)?, self.kind).map(own),
            NumberNode::OfJson(json) => match json.of(row)?.view() {
                View::Number(number) => within(Num::Json(number), self.kind),
                _ => None,
            },
            NumberNode::OfNumber(inner) => within(inner.of(row)?, self.kind),
            NumberNode::OfBool(condition) => condition.holds(row).map(|is| own(Decimal::from(i64::from(is)))),
            NumberNode::Negated(inner) => Decimal::operand(&inner.of(row)?).map(|value| own(value.negated())),
            NumberNode::Computed(operation, operands) => {
                let one = Decimal::operand(&operands.0.of(row)?);
                let two = Decimal::operand(&operands.1.of(row)?);
                computed(*operation, self.kind, &one?, &two?).map(own)
            }
        }
    }
}

fn own<'a>(value: Decimal) -> Num<'a> {
    Num::Own(Cow::Owned(value))
}

/// A number as one of this kind: rounded, and none outside of its bounds.
fn within(number: Num<'_>, kind: NumberKind) -> Option<Num<'_>> {
    let Some((least, largest)) = kind.bounds() else { return Some(number) };
    if let Num::Json(JsonNumber::Int(value)) = number {
        return (least..=largest).contains(&value).then_some(number);
    }
    let rounded = own(number.rounded()?);
    cast::is_within(&rounded, kind).then_some(rounded)
}

fn computed(operation: Operation, kind: NumberKind, one: &Decimal, two: &Decimal) -> Option<Decimal> {
    Some(match operation {
        Operation::Plus => one.plus(two),
        Operation::Minus => one.plus(&two.clone().negated()),
        Operation::Times => one.times(two),
        Operation::Divided if kind.is_integer() => one.divided_whole(two)?,
        Operation::Divided => one.divided_by(two)?,
    })
}

/// A number that depends on no record, as the constant that it is.
pub(super) fn folded(number: &Number) -> Number {
    let nothing = crate::value::json::Json::parse(b"null").ok();
    let row = nothing.as_ref().map(|nothing| Row { key: b"", data: nothing.root(), expire_at_ms: None });
    let value = row.as_ref().and_then(|row| number.of(row)).and_then(Num::into_decimal);
    Number { kind: number.kind, node: NumberNode::Const(value) }
}

impl Float {
    pub(super) fn of(&self, row: &Row<'_>) -> Option<f64> {
        self.of.of(row)?.float(self.single)
    }
}

impl Time {
    /// In microseconds since 1970.
    pub(super) fn of(&self, row: &Row<'_>) -> Option<i64> {
        match &self.node {
            TimeNode::Const(micros) => *micros,
            TimeNode::ExpiresAt => {
                row.expire_at_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000))
            }
            TimeNode::OfText(text) => moment::parse(&text.of(row)?, self.kind),
            TimeNode::OfTime(time) => time.of(row).map(|micros| match self.kind {
                TimeKind::Date => moment::day(micros),
                TimeKind::Timestamp | TimeKind::TimestampTz => micros,
            }),
        }
    }
}
