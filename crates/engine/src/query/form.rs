//! What a text means: conditions and values, each with the one type that it has.
//!
//! What must hold: only what is here can be asked, whatever the text was; types have been checked, constants converted. Depth and
//! number of nodes are bounded by whoever makes a form. SQL's NULL is `None`.

use super::decimal::Decimal;
use super::like::Pattern;
use crate::value::json::Json as Value;

/// A condition: true, false or NULL.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Const(Option<bool>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Comparison, Pair),
    /// Whether a text is one of these, which are in order. NULL rather than false if NULL is among them.
    InTexts {
        text: Text,
        among: Box<[Box<str>]>,
        with_null: bool,
    },
    /// The same of numbers.
    InNumbers {
        number: Number,
        among: Box<[Decimal]>,
        with_null: bool,
    },
    Like {
        text: Text,
        pattern: Pattern,
    },
    /// `@>`
    Contains {
        whole: Json,
        part: Json,
    },
    /// `?`, `?|`, `?&`
    HasKeys {
        json: Json,
        keys: Box<[Box<str>]>,
        all: bool,
    },
    IsNull(Box<Scalar>),
    /// `IS TRUE`, `IS FALSE`, `IS UNKNOWN`.
    Is(Box<Condition>, Option<bool>),
    /// `::boolean`
    OfText(Text),
    OfJson(Json),
    OfNumber(Box<Number>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `IS DISTINCT FROM`: NULL is a value like others.
    Distinct,
    NotDistinct,
}

/// Two values of one type.
#[derive(Clone, Debug)]
pub(super) enum Pair {
    Bool(Box<(Condition, Condition)>),
    Json(Json, Json),
    Text(Text, Text),
    Number(Box<(Number, Number)>),
    Float(Box<(Float, Float)>),
    Time(Time, Time),
}

/// A value of any type.
#[derive(Clone, Debug)]
pub(super) enum Scalar {
    Bool(Condition),
    Json(Json),
    Text(Text),
    Number(Number),
    Float(Float),
    Time(Time),
}

/// A step of a path into a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `-> 'key'`: of an object.
    Key(Box<str>),
    /// `-> 1`: of an array, from its end if negative. A scalar is taken for an array of itself.
    Index(i32),
    /// Of `#>`: a key of an object, or an index of an array, if it is one.
    Either(Box<str>, Option<i32>),
}

/// A value inside of a record.
#[derive(Clone, Debug)]
pub(super) enum Json {
    Const(Option<Value>),
    Path(Box<[Step]>),
}

/// A text.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Const(Option<Box<str>>),
    /// The column `key`.
    Key,
    /// `->>`
    At(Box<[Step]>),
    /// `::text`
    OfJson(Json),
    OfNumber(Box<Number>),
    OfBool(Box<Condition>),
}

/// What a number is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NumberKind {
    /// `integer`: 32 bits.
    Int,
    /// `bigint`, 64 bits; and what is computed of integers, which has no bounds here.
    BigInt,
    Numeric,
}

/// An exact number.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) kind: NumberKind,
    pub(super) node: NumberNode,
}

#[derive(Clone, Debug)]
pub(super) enum NumberNode {
    Const(Option<Decimal>),
    OfText(Text),
    OfJson(Json),
    /// Rounded, and within the bounds of its kind.
    OfNumber(Box<Number>),
    OfBool(Box<Condition>),
    Negated(Box<Number>),
    Computed(Operation, Box<(Number, Number)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Plus,
    Minus,
    Times,
    /// Without a fraction if both are integers.
    Divided,
}

/// A binary floating point number.
#[derive(Clone, Debug)]
pub(super) struct Float {
    /// `real` rather than `double precision`.
    pub(super) single: bool,
    pub(super) of: Number,
}

/// What a moment is said to be. All are microseconds since 1970 in UTC here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeKind {
    Date,
    Timestamp,
    TimestampTz,
}

/// A moment.
#[derive(Clone, Debug)]
pub(super) struct Time {
    pub(super) kind: TimeKind,
    pub(super) node: TimeNode,
}

#[derive(Clone, Debug)]
pub(super) enum TimeNode {
    Const(Option<i64>),
    /// The column `expires_at`.
    ExpiresAt,
    OfText(Text),
    /// The beginning of its day, if this is a date.
    OfTime(Box<Time>),
}

impl NumberKind {
    /// The least and the largest, if there are any.
    pub(super) const fn bounds(self) -> Option<(i64, i64)> {
        match self {
            Self::Int => Some((i32::MIN as i64, i32::MAX as i64)),
            Self::BigInt => Some((i64::MIN, i64::MAX)),
            Self::Numeric => None,
        }
    }

    /// Whether it has no fraction.
    pub(super) fn is_integer(self) -> bool {
        self != Self::Numeric
    }
}

impl Number {
    pub(super) fn constant(kind: NumberKind, value: Decimal) -> Self {
        Self { kind, node: NumberNode::Const(Some(value)) }
    }
}

impl Scalar {
    /// What it is, as PostgreSQL calls it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "boolean",
            Self::Json(_) => "jsonb",
            Self::Text(_) => "text",
            Self::Number(number) => match number.kind {
                NumberKind::Int => "integer",
                NumberKind::BigInt => "bigint",
                NumberKind::Numeric => "numeric",
            },
            Self::Float(float) if float.single => "real",
            Self::Float(_) => "double precision",
            Self::Time(time) => match time.kind {
                TimeKind::Date => "date",
                TimeKind::Timestamp => "timestamp without time zone",
                TimeKind::TimestampTz => "timestamp with time zone",
            },
        }
    }
}
