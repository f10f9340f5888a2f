//! Numbers and moments: casts behind what lets only values pass that can be cast.

use super::Writer;
use crate::query::form::{Float, Number, NumberKind, NumberNode, Operation, Time, TimeKind, TimeNode};
use crate::query::{cast, moment, reach};

impl Writer {
    /// A number, as `integer`, `bigint` or `numeric`.
    pub(super) fn number(&mut self, number: &Number) {
        let sql = match &number.node {
            NumberNode::Const(None) => "NULL::numeric".to_owned(),
            NumberNode::Const(Some(value)) => {
                let mut text = Vec::new();
                value.print(&mut text);
                let bind = self.bind_text(&String::from_utf8_lossy(&text));
                format!("(({bind})::numeric)")
            }
            NumberNode::OfText(text) => {
                let text = self.apart(|writer| writer.text(text));
                let pattern =
                    if number.kind.is_integer() { cast::PATTERN_INTEGER } else { cast::PATTERN_NUMERIC };
                let pattern = self.bind_text(pattern);
                let value = bounded(&format!("({text})::numeric"), number.kind);
                format!("(CASE WHEN {text} ~ {pattern} THEN {value} END)")
            }
            NumberNode::OfJson(json) => {
                let json = self.apart(|writer| writer.json(json));
                let value = bounded(&format!("({json})::numeric"), number.kind);
                format!("(CASE WHEN jsonb_typeof({json}) = 'number' THEN {value} END)")
            }
            NumberNode::OfNumber(inner) => {
                let inner = self.numeric(inner);
                bounded(&inner, number.kind)
            }
            NumberNode::OfBool(condition) => {
                let condition = self.apart(|writer| writer.condition(condition));
                format!("({condition}::integer)")
            }
            NumberNode::Negated(inner) => format!("(- {})", self.operand(inner)),
            NumberNode::Computed(operation, operands) => {
                let (one, two) = (self.operand(&operands.0), self.operand(&operands.1));
                match operation {
                    Operation::Plus => format!("({one} + {two})"),
                    Operation::Minus => format!("({one} - {two})"),
                    Operation::Times => format!("({one} * {two})"),
                    Operation::Divided if number.kind.is_integer() => format!("div({one}, NULLIF({two}, 0))"),
                    Operation::Divided => format!("({one} / NULLIF({two}, 0))"),
                }
            }
        };
        self.put(&sql);
    }

    /// A number as `numeric`.
    pub(super) fn numeric(&mut self, number: &Number) -> String {
        let sql = self.apart(|writer| writer.number(number));
        format!("({sql}::numeric)")
    }

    /// A number that is computed with; too long ones are NULL.
    fn operand(&mut self, number: &Number) -> String {
        let sql = self.numeric(number);
        if reach::is_unbounded(number) {
            format!("(CASE WHEN abs({sql}) < 1e1000 AND scale({sql}) <= 1000 THEN {sql} END)")
        } else {
            sql
        }
    }

    /// A number as `double precision`, by way of `real` if that is what it is.
    pub(super) fn float(&mut self, float: &Float) {
        let number = self.numeric(&float.of);
        let (least, most, kind) =
            if float.single { ("1e-37", "1e38", "real") } else { ("1e-307", "1e308", "double precision") };
        self.put(&format!(
            "(CASE WHEN {number} = 0 OR abs({number}) BETWEEN {least} AND {most} \
             THEN {number}::{kind}::double precision END)"
        ));
    }
}

/// A `numeric` as one of a kind, if it is within its bounds.
fn bounded(number: &str, kind: NumberKind) -> String {
    let name = match kind {
        NumberKind::Int => "integer",
        NumberKind::BigInt => "bigint",
        NumberKind::Numeric => return number.to_owned(),
    };
    let (least, most) = kind.bounds().unwrap_or((i64::MIN, i64::MAX));
    format!("(CASE WHEN round({number}) BETWEEN {least} AND {most} THEN ({number})::{name} END)")
}

impl Writer {
    /// A moment, as a `timestamp` in UTC.
    pub(super) fn time(&mut self, time: &Time) {
        let sql = match &time.node {
            TimeNode::Const(None) => "NULL::timestamp".to_owned(),
            TimeNode::Const(Some(micros)) => {
                let bind = self.bind_text(&moment::print(*micros, TimeKind::Timestamp));
                format!("(({bind})::timestamp)")
            }
            TimeNode::ExpiresAt => format!("({} AT TIME ZONE 'UTC')", self.expires_at),
            TimeNode::OfText(text) => {
                let text = self.apart(|writer| writer.text(text));
                let pattern = self.bind_text(moment::PATTERN);
                let value = match time.kind {
                    TimeKind::Date => format!("({text})::date::timestamp"),
                    TimeKind::Timestamp => format!("({text})::timestamp"),
                    TimeKind::TimestampTz => {
                        let zone = self.bind_text(moment::PATTERN_ZONE);
                        format!(
                            "CASE WHEN {text} ~ {zone} THEN ({text})::timestamptz AT TIME ZONE 'UTC' \
                         ELSE ({text})::timestamp END"
                        )
                    }
                };
                format!("(CASE WHEN {text} ~ {pattern} THEN {value} END)")
            }
            TimeNode::OfTime(inner) => {
                let inner = self.apart(|writer| writer.time(inner));
                match time.kind {
                    TimeKind::Date => format!("date_trunc('day', {inner})"),
                    TimeKind::Timestamp | TimeKind::TimestampTz => inner,
                }
            }
        };
        self.put(&sql);
    }
}
