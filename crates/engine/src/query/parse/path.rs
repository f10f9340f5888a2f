//! Paths into records, and what is asked of the values there.

use super::{Outcome, Reader, Value};
use crate::query::form::{Condition, Json, NumberNode, Scalar, Step, Text};
use crate::query::jsonb;
use crate::query::literal::{self, Target};
use crate::query::tree::{Node, Tree, Type};
use crate::value::json;

impl Reader<'_> {
    /// `->`, `->>`, `#>` and `#>>`.
    pub(super) fn path(&self, sign: &str, left: &Tree, right: &Tree) -> Outcome<Scalar> {
        let json = self.json(left)?;
        let steps = match sign {
            "->" | "->>" => vec![self.step(right)?],
            _ => self.texts(right)?.iter().map(|text| literal::step(text)).collect(),
        };
        let as_text = sign.ends_with(">>");
        match json {
            Json::Path(path) => {
                self.spend(path.len() + steps.len(), left)?;
                let path = [path.into_vec(), steps].concat().into();
                Ok(if as_text { Scalar::Text(Text::At(path)) } else { Scalar::Json(Json::Path(path)) })
            }
            Json::Const(value) => {
                let found = value.as_ref().and_then(|value| jsonb::follow(value.root(), &steps));
                Ok(if as_text {
                    Scalar::Text(Text::Const(found.and_then(text_of)))
                } else {
                    Scalar::Json(Json::Const(found.and_then(|node| json::Json::from_bytes(node.bytes()))))
                })
            }
        }
    }

    fn step(&self, expr: &Tree) -> Outcome<Step> {
        match self.value(expr)? {
            Value::Quoted(key) => Ok(Step::Key(key.into())),
            Value::Typed(Scalar::Text(Text::Const(Some(key)))) => Ok(Step::Key(key)),
            Value::Typed(Scalar::Number(number)) => {
                let index = match &number.node {
                    NumberNode::Const(Some(value)) if number.kind.is_integer() => value.to_i32(),
                    _ => None,
                };
                index.map(Step::Index).ok_or_else(|| self.error(expr, "an index is a constant integer"))
            }
            _ => Err(self.error(expr, "a key is a text in quotes, an index a constant integer")),
        }
    }

    /// The texts of `'{a,b}'` or `ARRAY['a','b']`.
    fn texts(&self, expr: &Tree) -> Outcome<Vec<Box<str>>> {
        let invalid =
            || self.error(expr, "an array of texts is written '{a,b}' or ARRAY['a','b'], without NULL");
        match &expr.node {
            Node::Array(elements) => {
                let texts = elements.iter().map(|element| match self.value(element)? {
                    Value::Quoted(text) => Ok(text.into()),
                    Value::Typed(Scalar::Text(Text::Const(Some(text)))) => Ok(text),
                    _ => Err(invalid()),
                });
                texts.collect()
            }
            Node::Cast(inner, Type::Texts) => self.texts(inner),
            _ => match self.value(expr)? {
                Value::Quoted(text) => {
                    let texts = literal::array(&text).ok_or_else(invalid)?;
                    self.spend(texts.len(), expr)?;
                    Ok(texts)
                }
                _ => Err(invalid()),
            },
        }
    }

    /// `@>`
    pub(super) fn contains(&self, whole: &Tree, part: &Tree) -> Outcome<Condition> {
        Ok(Condition::Contains { whole: self.json(whole)?, part: self.json(part)? })
    }

    /// `?`, `?|` and `?&`
    pub(super) fn has_keys(&self, sign: &str, left: &Tree, right: &Tree) -> Outcome<Condition> {
        let json = self.json(left)?;
        let keys = match sign {
            "?" => match self.value(right)? {
                Value::Quoted(key) => vec![key.into()],
                Value::Typed(Scalar::Text(Text::Const(Some(key)))) => vec![key],
                _ => return Err(self.error(right, "a key is a text in quotes")),
            },
            _ => self.texts(right)?,
        };
        Ok(Condition::HasKeys { json, keys: keys.into(), all: sign == "?&" })
    }

    fn json(&self, expr: &Tree) -> Outcome<Json> {
        match self.value(expr)? {
            Value::Typed(Scalar::Json(json)) => Ok(json),
            Value::Null => Ok(Json::Const(None)),
            Value::Quoted(text) => match Target::Json.constant(&text) {
                Some(Scalar::Json(json)) => Ok(json),
                _ => Err(self.invalid(expr, Target::Json, &text)),
            },
            Value::Typed(other) => {
                Err(self
                    .error(expr, format!("a value of type jsonb is needed here, not {}", other.type_name())))
            }
        }
    }
}

/// What `->>` makes of a value.
fn text_of(node: json::Node<'_>) -> Option<Box<str>> {
    let mut text = Vec::new();
    match node.view() {
        json::View::Null => return None,
        json::View::Str(bytes) => text.extend_from_slice(bytes),
        _ => node.print(&mut text),
    }
    String::from_utf8(text).ok().map(String::into_boxed_str)
}
