//! A text to what it means.
//!
//! [`super::lexer`] and [`super::tree`] say what is written; here each node of the tree becomes one of [`super::form`], or is
//! refused. What must hold: types are checked, and the number of nodes is bounded; the tree is not deep, so walking it takes little stack.

mod cast;
mod path;
mod types;

use super::Limits;
use super::error::QueryError;
use super::form::{Condition, Json, NumberNode, Scalar, Text, Time, TimeKind, TimeNode};
use super::lexer::{self, Column, Word};
use super::like::Pattern;
use super::literal::{self, Target};
use super::order::{Direction, OrderKey};
use super::projection::{Item, Items};
use super::tree::{Node, Parser, Tree};
use std::cell::Cell;

/// A value whose type is known, or still depends on what is beside it.
#[derive(Clone)]
enum Value {
    Typed(Scalar),
    /// A text in quotes.
    Quoted(String),
    Null,
}

/// Makes a form of the trees of one text.
struct Reader<'r> {
    text: &'r str,
    /// Nodes that may still be made.
    nodes_left: Cell<usize>,
}

type Outcome<T> = Result<T, QueryError>;

/// The condition of a WHERE clause.
pub(super) fn condition(text: &str, limits: &Limits) -> Outcome<Condition> {
    let tokens = lexer::tokens(text, limits, false)?;
    let mut parser = Parser::new(text, &tokens, limits);
    let tree = parser.expression()?;
    parser.end()?;
    Reader::new(text, limits).condition(&tree)
}

/// One expression.
pub(super) fn scalar(text: &str, limits: &Limits) -> Outcome<Scalar> {
    let tokens = lexer::tokens(text, limits, false)?;
    let mut parser = Parser::new(text, &tokens, limits);
    let tree = parser.expression()?;
    parser.end()?;
    Reader::new(text, limits).scalar(&tree)
}

/// The list behind ORDER BY.
pub(super) fn order(text: &str, limits: &Limits) -> Outcome<Vec<OrderKey>> {
    let tokens = lexer::tokens(text, limits, false)?;
    let mut parser = Parser::new(text, &tokens, limits);
    let reader = Reader::new(text, limits);
    let mut keys = Vec::new();
    loop {
        let tree = parser.expression()?;
        let descending = !parser.takes(Word::Asc) && parser.takes(Word::Desc);
        let nulls_first = if parser.takes(Word::Nulls) {
            let first = parser.takes(Word::First);
            if !first && !parser.takes(Word::Last) {
                return Err(parser.unexpected());
            }
            first
        } else {
            descending
        };
        let scalar = reader.scalar(&tree)?;
        if matches!(&scalar, Scalar::Number(number) if matches!(number.node, NumberNode::Const(_))) {
            return Err(reader.error(&tree, "a number is no expression to order by"));
        }
        keys.push(OrderKey { scalar, direction: Direction { descending, nulls_first } });
        if !parser.takes_sign(",") {
            parser.end()?;
            return Ok(keys);
        }
    }
}

/// The list of what is returned.
pub(super) fn projection(text: &str, limits: &Limits) -> Outcome<Items> {
    let tokens = lexer::tokens(text, limits, true)?;
    let mut parser = Parser::new(text, &tokens, limits);
    if parser.takes_sign("*") {
        return parser.end().map(|()| Items::All);
    }
    if parser.takes(Word::Count) {
        for sign in ["(", "*", ")"] {
            if !parser.takes_sign(sign) {
                return Err(parser.unexpected());
            }
        }
        let name = parser.takes_name()?;
        return parser.end().map(|()| Items::Count(name));
    }
    let reader = Reader::new(text, limits);
    let mut items = Vec::new();
    loop {
        let tree = parser.expression()?;
        let name = parser.takes_name()?;
        items.push(Item { name, scalar: reader.scalar(&tree)? });
        if !parser.takes_sign(",") {
            parser.end()?;
            return Ok(Items::List(items));
        }
    }
}

impl<'r> Reader<'r> {
    fn new(text: &'r str, limits: &Limits) -> Self {
        Self { text, nodes_left: Cell::new(limits.nodes_max) }
    }

    fn error(&self, tree: &Tree, message: impl Into<String>) -> QueryError {
        lexer::error(self.text, tree.at, message)
    }

    /// Counts what is made of an expression.
    fn spend(&self, nodes: usize, tree: &Tree) -> Outcome<()> {
        let left = self.nodes_left.get().checked_sub(nodes);
        self.nodes_left.set(left.ok_or_else(|| self.error(tree, "the expression is too long"))?);
        Ok(())
    }

    fn condition(&self, expr: &Tree) -> Outcome<Condition> {
        match self.value(expr)? {
            Value::Typed(Scalar::Bool(condition)) => Ok(condition),
            Value::Null => Ok(Condition::Const(None)),
            Value::Quoted(text) => match Target::Bool.constant(&text) {
                Some(Scalar::Bool(condition)) => Ok(condition),
                _ => Err(self.invalid(expr, Target::Bool, &text)),
            },
            Value::Typed(other) => {
                Err(self.error(expr, format!("a condition is of type boolean, not {}", other.type_name())))
            }
        }
    }

    /// A value of some type; a text where nothing says which.
    fn scalar(&self, expr: &Tree) -> Outcome<Scalar> {
        Ok(match self.value(expr)? {
            Value::Typed(scalar) => scalar,
            Value::Quoted(text) => Scalar::Text(Text::Const(Some(text.into()))),
            Value::Null => Target::Text.null(),
        })
    }

    fn value(&self, tree: &Tree) -> Outcome<Value> {
        self.spend(1, tree)?;
        let condition = match &tree.node {
            Node::Column(column) => return Ok(Value::Typed(of_column(*column))),
            Node::Number(text) => {
                let number = literal::number(text);
                let number = number.ok_or_else(|| {
                    self.error(tree, format!("\"{}\" is too long a number", &text[..text.len().min(80)]))
                })?;
                return Ok(Value::Typed(Scalar::Number(number)));
            }
            Node::Text(text) => return Ok(Value::Quoted(text.clone())),
            Node::Null => return Ok(Value::Null),
            Node::Bool(is) => Condition::Const(Some(*is)),
            Node::Array(_) => return Err(self.error(tree, "an array stands behind ?|, ?&, #> or #>> only")),
            Node::And(parts) => Condition::And(self.conditions(parts)?),
            Node::Or(parts) => Condition::Or(self.conditions(parts)?),
            Node::Not(inner) => not(self.condition(inner)?),
            Node::Signed(is_minus, inner) => return self.signed(tree, *is_minus, inner),
            Node::Compare(how, both) => self.compare(tree, *how, both)?,
            Node::Compute(operation, both) => {
                return Ok(Value::Typed(Scalar::Number(self.computed(tree, *operation, both)?)));
            }
            Node::Operator(sign, both) => return self.operator(tree, sign, both),
            Node::Between(parts) => self.between(tree, parts)?,
            Node::In(value, list) => self.among(tree, value, list)?,
            Node::Like { texts, escape, folds } => {
                self.like(&texts.0, &texts.1, escape.as_deref(), *folds)?
            }
            Node::IsNull(inner) => Condition::IsNull(Box::new(self.scalar(inner)?)),
            Node::Is(inner, what) => Condition::Is(Box::new(self.condition(inner)?), *what),
            Node::Cast(inner, kind) => return self.cast(tree, inner, *kind),
        };
        Ok(Value::Typed(Scalar::Bool(condition)))
    }

    fn conditions(&self, parts: &[Tree]) -> Outcome<Vec<Condition>> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    /// The operators on values of `jsonb`.
    fn operator(&self, tree: &Tree, sign: &str, both: &(Tree, Tree)) -> Outcome<Value> {
        let (left, right) = both;
        let condition = match sign {
            "->" | "->>" | "#>" | "#>>" => return self.path(sign, left, right).map(Value::Typed),
            "@>" => self.contains(left, right)?,
            "<@" => self.contains(right, left)?,
            "?" | "?|" | "?&" => self.has_keys(sign, left, right)?,
            _ => return Err(self.error(tree, format!("the operator {sign} is not allowed here"))),
        };
        Ok(Value::Typed(Scalar::Bool(condition)))
    }

    fn like(&self, text: &Tree, pattern: &Tree, escape: Option<&Tree>, folds: bool) -> Outcome<Condition> {
        let text_value = self.text(text)?;
        let escape = match escape {
            None => Some('\\'),
            Some(expr) => {
                let Value::Quoted(escape) = self.value(expr)? else {
                    return Err(self.error(expr, "an escape is a text in quotes"));
                };
                let mut letters = escape.chars();
                let letter = letters.next();
                if letters.next().is_some() {
                    return Err(self.error(expr, "an escape is one character, or none"));
                }
                letter
            }
        };
        match self.value(pattern)? {
            Value::Null => Ok(Condition::Const(None)),
            Value::Quoted(constant) => {
                let pattern_read = Pattern::new(&constant, escape, folds);
                let ends = || self.error(pattern, "a pattern must not end with the escape character");
                Ok(Condition::Like { text: text_value, pattern: pattern_read.ok_or_else(ends)? })
            }
            Value::Typed(_) => Err(self.error(pattern, "a pattern is a text in quotes")),
        }
    }
}

fn of_column(column: Column) -> Scalar {
    match column {
        Column::Data => Scalar::Json(Json::Path(Box::default())),
        Column::Key => Scalar::Text(Text::Key),
        Column::ExpiresAt => Scalar::Time(Time { kind: TimeKind::TimestampTz, node: TimeNode::ExpiresAt }),
    }
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}
