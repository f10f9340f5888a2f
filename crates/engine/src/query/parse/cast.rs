//! Casts: which there are between the types, and what a text in quotes is.

use super::{Outcome, Reader, Value};
use crate::query::error::QueryError;
use crate::query::eval;
use crate::query::form::{
    Condition, Float, Json, Number, NumberKind, NumberNode, Scalar, Text, Time, TimeKind, TimeNode,
};
use crate::query::literal::Target;
use crate::query::tree::{Node, Tree, Type};

/// Casts within each other, at most: each is several times as long in a store's SQL as what it casts.
const CASTS_MAX: usize = 4;

impl Reader<'_> {
    pub(super) fn cast(&self, tree: &Tree, inner: &Tree, kind: Type) -> Outcome<Value> {
        let Type::Of(target) = kind else {
            return Err(self.error(tree, "an array stands behind ?|, ?&, #> or #>> only"));
        };
        if casts_within(tree) > CASTS_MAX {
            return Err(self.error(tree, format!("casts are nested more than {CASTS_MAX} deep")));
        }
        let scalar = match self.value(inner)? {
            Value::Null => target.null(),
            Value::Quoted(text) => {
                target.constant(&text).ok_or_else(|| self.invalid(inner, target, &text))?
            }
            Value::Typed(scalar) => {
                let from = scalar.type_name();
                let cast = converted(scalar, target);
                cast.map_err(|hint| {
                    let text = format!("cannot cast type {from} to {}{hint}", target.name());
                    self.error(tree, text)
                })?
            }
        };
        Ok(Value::Typed(scalar))
    }

    pub(super) fn invalid(&self, tree: &Tree, target: Target, text: &str) -> QueryError {
        let text: String = text.chars().take(80).collect();
        self.error(tree, format!("invalid input syntax for type {}: \"{text}\"", target.name()))
    }
}

fn casts_within(mut tree: &Tree) -> usize {
    let mut casts = 0;
    while let Node::Cast(inner, _) = &tree.node {
        (casts, tree) = (casts + 1, inner);
    }
    casts
}

/// A value as another type; if there is no such cast, what may be said besides.
fn converted(scalar: Scalar, target: Target) -> Result<Scalar, &'static str> {
    Ok(match target {
        Target::Bool => Scalar::Bool(match scalar {
            Scalar::Bool(condition) => condition,
            Scalar::Text(text) => Condition::OfText(text),
            Scalar::Json(json) => Condition::OfJson(json),
            Scalar::Number(number) if number.kind == NumberKind::Int => Condition::OfNumber(Box::new(number)),
            _ => return Err(""),
        }),
        Target::Json => match scalar {
            Scalar::Json(_) => scalar,
            _ => return Err(": only a text in quotes can be"),
        },
        Target::Text => Scalar::Text(match scalar {
            Scalar::Text(text) => text,
            Scalar::Json(json) => Text::OfJson(json),
            Scalar::Number(number) => Text::OfNumber(Box::new(number)),
            Scalar::Bool(condition) => Text::OfBool(Box::new(condition)),
            Scalar::Float(_) | Scalar::Time(_) => return Err(": its text depends on settings"),
        }),
        Target::Number(kind) => Scalar::Number(number(scalar, kind)?),
        Target::Float { single } => match scalar {
            Scalar::Float(float) if float.single || !single => Scalar::Float(float),
            Scalar::Float(_) => return Err(": cast to real at once"),
            scalar => Scalar::Float(Float { single, of: number(scalar, NumberKind::Numeric)? }),
        },
        Target::Time(kind) => Scalar::Time(time(scalar, kind)?),
    })
}

fn number(scalar: Scalar, kind: NumberKind) -> Result<Number, &'static str> {
    let node = match scalar {
        Scalar::Number(number) if number.kind == kind => return Ok(number),
        Scalar::Number(number) => NumberNode::OfNumber(Box::new(number)),
        Scalar::Text(text) => NumberNode::OfText(text),
        Scalar::Json(json) => NumberNode::OfJson(json),
        Scalar::Bool(condition) if kind == NumberKind::Int => NumberNode::OfBool(Box::new(condition)),
        Scalar::Float(_) => return Err(": cast to it at once"),
        Scalar::Bool(_) | Scalar::Time(_) => return Err(""),
    };
    let is_constant = match &node {
        NumberNode::OfNumber(number) => matches!(number.node, NumberNode::Const(_)),
        NumberNode::OfText(text) => matches!(text, Text::Const(_)),
        NumberNode::OfJson(json) => matches!(json, Json::Const(_)),
        _ => false,
    };
    let number = Number { kind, node };
    Ok(if is_constant { eval::folded(&number) } else { number })
}

fn time(scalar: Scalar, kind: TimeKind) -> Result<Time, &'static str> {
    let node = match scalar {
        Scalar::Time(time) if time.kind == kind => return Ok(time),
        Scalar::Time(time) => TimeNode::OfTime(Box::new(time)),
        Scalar::Text(text) => TimeNode::OfText(text),
        Scalar::Json(_) => return Err(": take its text with ->>"),
        _ => return Err(""),
    };
    Ok(Time { kind, node })
}
