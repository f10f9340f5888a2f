//! Operators on values whose types decide what they mean: comparisons, lists, arithmetic.
//!
//! A text in quotes takes the type of what it is compared with. Numbers, `true` and `false` that are compared with a value of a
//! record are values of JSON themselves: PostgreSQL has no such operators, and everybody expects them.

use super::{Outcome, Reader, Value};
use crate::query::decimal::{Decimal, Num};
use crate::query::eval;
use crate::query::form::{
    Comparison, Condition, Float, Json, Number, NumberKind, NumberNode, Operation, Pair, Scalar, Text,
};
use crate::query::literal::{self, Target};
use crate::query::reach;
use crate::query::tree::Tree;
use std::borrow::Cow;

impl Reader<'_> {
    pub(super) fn compare(&self, expr: &Tree, how: Comparison, both: &(Tree, Tree)) -> Outcome<Condition> {
        let (left, right) = (self.value(&both.0)?, self.value(&both.1)?);
        self.compared(expr, how, left, right)
    }

    fn compared(&self, expr: &Tree, how: Comparison, left: Value, right: Value) -> Outcome<Condition> {
        let is_null = |value: Value| match value {
            Value::Typed(scalar) => Condition::IsNull(Box::new(scalar)),
            Value::Quoted(_) => Condition::Const(Some(false)),
            Value::Null => Condition::Const(Some(true)),
        };
        Ok(match (how, left, right) {
            (Comparison::NotDistinct, Value::Null, other) | (Comparison::NotDistinct, other, Value::Null) => {
                is_null(other)
            }
            (Comparison::Distinct, Value::Null, other) | (Comparison::Distinct, other, Value::Null) => {
                super::not(is_null(other))
            }
            (_, Value::Null, _) | (_, _, Value::Null) => Condition::Const(None),
            (_, left, right) => Condition::Compare(how, self.pair(expr, how, left, right)?),
        })
    }

    /// Both values as of one type.
    fn pair(&self, expr: &Tree, how: Comparison, left: Value, right: Value) -> Outcome<Pair> {
        let (left, right) = match (left, right) {
            (Value::Typed(left), right) => {
                let right = self.typed(expr, right, &left)?;
                (left, right)
            }
            (left, Value::Typed(right)) => (self.typed(expr, left, &right)?, right),
            (left, right) => {
                let text = Scalar::Text(Text::Const(None));
                (self.typed(expr, left, &text)?, self.typed(expr, right, &text)?)
            }
        };
        let names = (left.type_name(), right.type_name());
        Ok(match (left, right) {
            (Scalar::Bool(left), Scalar::Bool(right)) => Pair::Bool(Box::new((left, right))),
            (Scalar::Json(left), Scalar::Json(right)) => Pair::Json(left, right),
            (Scalar::Text(left), Scalar::Text(right)) => Pair::Text(left, right),
            (Scalar::Number(left), Scalar::Number(right)) => Pair::Number(Box::new((left, right))),
            (Scalar::Float(left), Scalar::Float(right)) => Pair::Float(Box::new((left, right))),
            (Scalar::Float(left), Scalar::Number(of)) => {
                Pair::Float(Box::new((left, Float { single: false, of })))
            }
            (Scalar::Number(of), Scalar::Float(right)) => {
                Pair::Float(Box::new((Float { single: false, of }, right)))
            }
            (Scalar::Time(left), Scalar::Time(right)) => Pair::Time(left, right),
            (Scalar::Json(left), other) => match json_constant(&other) {
                Some(right) => Pair::Json(left, right),
                None => return Err(self.no_operator(expr, how, names)),
            },
            (other, Scalar::Json(right)) => match json_constant(&other) {
                Some(left) => Pair::Json(left, right),
                None => return Err(self.no_operator(expr, how, names)),
            },
            _ => return Err(self.no_operator(expr, how, names)),
        })
    }

    fn no_operator(&self, expr: &Tree, how: Comparison, names: (&str, &str)) -> crate::query::QueryError {
        let (left, right) = names;
        let text =
            format!("operator does not exist: {left} {} {right}; a cast may help: (…)::type", how.sign());
        self.error(expr, text)
    }

    /// A value; if it is a text in quotes, then of the type of another.
    fn typed(&self, expr: &Tree, value: Value, like: &Scalar) -> Outcome<Scalar> {
        let target = Target::of(like);
        match value {
            Value::Typed(scalar) => Ok(scalar),
            Value::Null => Ok(target.null()),
            Value::Quoted(text) => target.constant(&text).ok_or_else(|| self.invalid(expr, target, &text)),
        }
    }

    pub(super) fn between(&self, expr: &Tree, parts: &[Tree; 3]) -> Outcome<Condition> {
        let [value, low, high] = parts;
        let (value, cost) = self.priced(value)?;
        self.spend(cost, expr)?;
        let (low, high) = (self.value(low)?, self.value(high)?);
        Ok(Condition::And(vec![
            self.compared(expr, Comparison::GreaterOrEqual, value.clone(), low)?,
            self.compared(expr, Comparison::LessOrEqual, value, high)?,
        ]))
    }

    /// A value, and of how many nodes it was made.
    fn priced(&self, expr: &Tree) -> Outcome<(Value, usize)> {
        let before = self.nodes_left.get();
        let value = self.value(expr)?;
        Ok((value, before - self.nodes_left.get()))
    }

    /// `IN`
    pub(super) fn among(&self, expr: &Tree, value: &Tree, list: &[Tree]) -> Outcome<Condition> {
        let (value, cost) = self.priced(value)?;
        let list = list.iter().map(|item| self.value(item)).collect::<Outcome<Vec<_>>>()?;
        match &value {
            Value::Typed(Scalar::Text(text)) if list.iter().all(|item| text_constant(item).is_some()) => {
                let mut among: Vec<Box<str>> = list.iter().filter_map(text_constant).flatten().collect();
                among.sort_unstable();
                let with_null = list.iter().any(|item| text_constant(item) == Some(None));
                return Ok(Condition::InTexts { text: text.clone(), among: among.into(), with_null });
            }
            Value::Typed(Scalar::Number(number)) => {
                let items =
                    list.iter().map(|item| self.typed(expr, item.clone(), &Scalar::Number(number.clone())));
                let items = items.collect::<Outcome<Vec<_>>>()?;
                if let Some(constants) = items.iter().map(number_constant).collect::<Option<Vec<_>>>() {
                    let with_null = constants.iter().any(Option::is_none);
                    let mut among: Vec<Decimal> = constants.into_iter().flatten().collect();
                    among.sort_by(|one, two| {
                        Num::Own(Cow::Borrowed(one)).order(&Num::Own(Cow::Borrowed(two)))
                    });
                    return Ok(Condition::InNumbers {
                        number: number.clone(),
                        among: among.into(),
                        with_null,
                    });
                }
            }
            _ => {}
        }
        let equal = list.into_iter().map(|item| {
            self.spend(cost, expr)?;
            self.compared(expr, Comparison::Equal, value.clone(), item)
        });
        Ok(Condition::Or(equal.collect::<Outcome<Vec<_>>>()?))
    }

    /// A text; one in quotes is one.
    pub(super) fn text(&self, expr: &Tree) -> Outcome<Text> {
        match self.scalar(expr)? {
            Scalar::Text(text) => Ok(text),
            other => {
                let text = format!(
                    "a value of type text is needed here, not {}; take it with ->>",
                    other.type_name()
                );
                Err(self.error(expr, text))
            }
        }
    }

    /// A number with a sign.
    pub(super) fn signed(&self, expr: &Tree, is_minus: bool, inner: &Tree) -> Outcome<Value> {
        let number = match self.value(inner)? {
            Value::Typed(Scalar::Number(number)) => number,
            Value::Typed(other) => return Err(self.not_computed(inner, &other)),
            Value::Quoted(_) | Value::Null => {
                return Err(self.error(expr, "a number is needed behind a sign"));
            }
        };
        if !is_minus {
            return Ok(Value::Typed(Scalar::Number(number)));
        }
        let is_constant = matches!(number.node, NumberNode::Const(_));
        let kind = number.kind;
        let negated = Number { kind, node: NumberNode::Negated(Box::new(number)) };
        Ok(Value::Typed(Scalar::Number(if is_constant { eval::folded(&negated) } else { negated })))
    }

    /// `+`, `-`, `*` and `/`
    pub(super) fn computed(&self, expr: &Tree, operation: Operation, both: &(Tree, Tree)) -> Outcome<Number> {
        let (left, right) = both;
        let values = (self.value(left)?, self.value(right)?);
        let like = match &values {
            (Value::Typed(scalar), _) | (_, Value::Typed(scalar)) => scalar.clone(),
            _ => return Err(self.error(expr, "arithmetic needs a number on one side at least")),
        };
        let one = self.operand(left, values.0, &like)?;
        let two = self.operand(right, values.1, &like)?;
        let kind = if one.kind.is_integer() && two.kind.is_integer() {
            NumberKind::BigInt
        } else {
            NumberKind::Numeric
        };
        let is_constant = [&one, &two].iter().all(|number| matches!(number.node, NumberNode::Const(_)));
        let number = Number { kind, node: NumberNode::Computed(operation, Box::new((one, two))) };
        if !reach::of(&number).is_computable() {
            return Err(self.error(expr, "the numbers that are computed here may become too long"));
        }
        Ok(if is_constant { eval::folded(&number) } else { number })
    }

    fn operand(&self, expr: &Tree, value: Value, like: &Scalar) -> Outcome<Number> {
        match self.typed(expr, value, like)? {
            Scalar::Number(number) => Ok(number),
            other => Err(self.not_computed(expr, &other)),
        }
    }

    fn not_computed(&self, expr: &Tree, scalar: &Scalar) -> crate::query::QueryError {
        let name = scalar.type_name();
        self.error(
            expr,
            format!("arithmetic is of integers and numeric, not of {name}; a cast may help: (…)::numeric"),
        )
    }
}

impl Comparison {
    /// As it is written.
    pub(in crate::query) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Distinct => "IS DISTINCT FROM",
            Self::NotDistinct => "IS NOT DISTINCT FROM",
        }
    }
}

/// A number, `true` or `false` as a value of JSON.
fn json_constant(scalar: &Scalar) -> Option<Json> {
    match scalar {
        Scalar::Number(Number { node: NumberNode::Const(Some(number)), .. }) => {
            literal::json_number(number).map(|value| Json::Const(Some(value)))
        }
        Scalar::Bool(Condition::Const(Some(is))) => {
            literal::json_bool(*is).map(|value| Json::Const(Some(value)))
        }
        _ => None,
    }
}

fn text_constant(value: &Value) -> Option<Option<Box<str>>> {
    match value {
        Value::Quoted(text) => Some(Some(text.as_str().into())),
        Value::Typed(Scalar::Text(Text::Const(text))) => Some(text.clone()),
        Value::Null => Some(None),
        Value::Typed(_) => None,
    }
}

fn number_constant(scalar: &Scalar) -> Option<Option<Decimal>> {
    match scalar {
        Scalar::Number(Number { node: NumberNode::Const(number), .. }) => Some(number.clone()),
        _ => None,
    }
}
