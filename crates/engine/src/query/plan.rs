//! What a clause says for certain, for whoever looks for records by an index.
//!
//! Facts are what each record has that the clause is true of; the clause may say more. So an index may serve for any of them,
//! and what it finds has still to be judged.

use super::Clause;
use super::form::{Comparison, Condition, Json, Number, NumberNode, Pair, Step, Text};
use super::literal;
use crate::value::json;

/// Something that each record has that a clause is true of.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Where the value is that this is about.
    pub place: Place,
    /// What is true of it.
    pub test: Test,
}

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// The record's key.
    Key,
    /// What it holds, behind these keys; all of it behind none.
    Data(Vec<Box<str>>),
}

/// What is true of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is equal to one of these.
    OneOf(Vec<Constant>),
    /// It is larger, or as large if it is said so.
    Above(Constant, bool),
    /// It is smaller, or as large if it is said so.
    Below(Constant, bool),
    /// It contains this value, as `@>` has it.
    Contains(json::Json),
    /// It has all of these keys, or, as `?` has it, strings.
    HasKeys(Vec<Box<str>>),
    /// It is a text that begins so.
    StartsWith(Box<str>),
}

/// A constant, and as what a value is compared with it.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// As a text: a string is its text, `null` nothing, all else what it prints; by bytes.
    Text(Box<str>),
    /// As a value of JSON, in the order of `jsonb`.
    Json(json::Json),
    /// As a number that was cast to: a number, or a string that reads as one; perhaps rounded.
    Number(json::Json),
}

impl Clause {
    /// What is certain of each record that this is true of.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        collect(&self.condition, &mut facts);
        facts
    }

    /// What this is true of and nothing else is; none if it is more than one comparison.
    pub(super) fn only_fact(&self) -> Option<Fact> {
        match &self.condition {
            condition @ (Condition::Compare(..) | Condition::InTexts { .. }) => fact(condition),
            _ => None,
        }
    }
}

fn collect(condition: &Condition, facts: &mut Vec<Fact>) {
    match condition {
        Condition::And(parts) => parts.iter().for_each(|part| collect(part, facts)),
        Condition::Is(inner, Some(true)) => collect(inner, facts),
        other => facts.extend(fact(other)),
    }
}

fn fact(condition: &Condition) -> Option<Fact> {
    match condition {
        Condition::Compare(how, pair) => compared(*how, pair),
        Condition::Or(parts) => one_of(parts),
        Condition::InTexts { text, among, .. } => {
            let test = Test::OneOf(among.iter().cloned().map(Constant::Text).collect());
            Some(Fact { place: place_of_text(text)?, test })
        }
        Condition::InNumbers { number, among, .. } => {
            let constants = among.iter().map(|number| literal::json_number(number).map(Constant::Number));
            Some(Fact {
                place: place_of_number(number)?,
                test: Test::OneOf(constants.collect::<Option<_>>()?),
            })
        }
        Condition::Contains { whole, part: Json::Const(Some(part)) } => {
            Some(Fact { place: place_of_json(whole)?, test: Test::Contains(part.clone()) })
        }
        Condition::HasKeys { json, keys, all } if *all || keys.len() == 1 => {
            Some(Fact { place: place_of_json(json)?, test: Test::HasKeys(keys.to_vec()) })
        }
        Condition::Like { text, pattern } => {
            let prefix = pattern.prefix()?;
            Some(Fact { place: place_of_text(text)?, test: Test::StartsWith(prefix) })
        }
        _ => None,
    }
}

/// Several comparisons of one value with constants, one of which is true.
fn one_of(parts: &[Condition]) -> Option<Fact> {
    let mut place = None;
    let mut constants = Vec::new();
    for part in parts {
        // NULL is never true.
        if matches!(part, Condition::Const(None | Some(false))) {
            continue;
        }
        let Fact { place: here, test: Test::OneOf(more) } = fact(part)? else { return None };
        if place.get_or_insert_with(|| here.clone()) != &here {
            return None;
        }
        constants.extend(more);
    }
    Some(Fact { place: place?, test: Test::OneOf(constants) })
}

fn compared(how: Comparison, pair: &Pair) -> Option<Fact> {
    let (place, constant, turned) = match pair {
        Pair::Text(text, Text::Const(Some(constant))) => {
            (place_of_text(text)?, Constant::Text(constant.clone()), false)
        }
        Pair::Text(Text::Const(Some(constant)), text) => {
            (place_of_text(text)?, Constant::Text(constant.clone()), true)
        }
        Pair::Json(json, Json::Const(Some(constant))) => {
            (place_of_json(json)?, Constant::Json(constant.clone()), false)
        }
        Pair::Json(Json::Const(Some(constant)), json) => {
            (place_of_json(json)?, Constant::Json(constant.clone()), true)
        }
        Pair::Number(pair) => match (&pair.0, &pair.1) {
            (number, Number { node: NumberNode::Const(Some(constant)), .. }) => {
                (place_of_number(number)?, Constant::Number(literal::json_number(constant)?), false)
            }
            (Number { node: NumberNode::Const(Some(constant)), .. }, number) => {
                (place_of_number(number)?, Constant::Number(literal::json_number(constant)?), true)
            }
            _ => return None,
        },
        _ => return None,
    };
    let test = match (how, turned) {
        (Comparison::Equal | Comparison::NotDistinct, _) => Test::OneOf(vec![constant]),
        (Comparison::Greater, false) | (Comparison::Less, true) => Test::Above(constant, false),
        (Comparison::GreaterOrEqual, false) | (Comparison::LessOrEqual, true) => Test::Above(constant, true),
        (Comparison::Less, false) | (Comparison::Greater, true) => Test::Below(constant, false),
        (Comparison::LessOrEqual, false) | (Comparison::GreaterOrEqual, true) => Test::Below(constant, true),
        (Comparison::NotEqual | Comparison::Distinct, _) => return None,
    };
    Some(Fact { place, test })
}

fn place_of_text(text: &Text) -> Option<Place> {
    match text {
        Text::Key => Some(Place::Key),
        Text::At(path) => place_at(path),
        _ => None,
    }
}

fn place_of_json(json: &Json) -> Option<Place> {
    match json {
        Json::Path(path) => place_at(path),
        Json::Const(_) => None,
    }
}

fn place_of_number(number: &Number) -> Option<Place> {
    match &number.node {
        NumberNode::OfText(text) => place_of_text(text).filter(|place| *place != Place::Key),
        NumberNode::OfJson(json) => place_of_json(json),
        _ => None,
    }
}

/// A path of keys; those that may also be indices of an array are none.
fn place_at(path: &[Step]) -> Option<Place> {
    let keys = path.iter().map(|step| match step {
        Step::Key(key) | Step::Either(key, None) => Some(key.clone()),
        Step::Index(_) | Step::Either(_, Some(_)) => None,
    });
    keys.collect::<Option<Vec<_>>>().map(Place::Data)
}
