//! Where an index has to be looked into for what a clause says for certain.
//!
//! What must hold: each record that the clause is true of has an entry in one of the ranges; they may hold others.

use super::form::{Json, Number, NumberKind, NumberNode, Scalar, Step, Text};
use super::plan::{Constant, Fact, Place, Test};
use super::{Clause, Order};
use crate::keyspace::index::{Key, KeyRange, class, nearest};
use crate::value::json::{self, Node, View};

/// More constants than this are not looked up one by one.
const CONSTANTS_MAX: usize = 1000;

impl Clause {
    /// The ranges of an index over this path in which all records lie that this is true of, in order; none if it says nothing of
    /// that value.
    pub(crate) fn ranges(&self, path: &[Box<str>]) -> Option<Vec<KeyRange>> {
        let facts = self.facts();
        let (by_element, by_value): (Vec<_>, Vec<_>) = facts
            .iter()
            .filter_map(|fact| ranges_of(fact, path))
            .partition(|ranges| ranges.iter().any(KeyRange::has_elements));
        // A record has one entry for its value, and others for elements of it.
        let by_value = by_value.into_iter().reduce(|one, two| narrowed(&one, &two));
        by_value.or_else(|| by_element.into_iter().next())
    }

    /// Whether it is true of all records in those ranges: it says that the value at this path is one of some, each of which has its
    /// key for itself.
    pub(crate) fn is_all_of_ranges(&self, path: &[Box<str>]) -> bool {
        let Some(Fact { place: Place::Data(at), test: Test::OneOf(constants) }) = self.only_fact() else {
            return false;
        };
        at == path && constants.len() <= CONSTANTS_MAX && constants.iter().all(has_own_key)
    }

    /// The keys of the only records that this may be true of.
    pub(crate) fn keys(&self) -> Option<Vec<Box<str>>> {
        let facts = self.facts();
        let constants = facts.iter().find_map(|fact| match fact {
            Fact { place: Place::Key, test: Test::OneOf(constants) } => Some(constants),
            _ => None,
        })?;
        let keys = constants.iter().map(|constant| match constant {
            Constant::Text(text) => Some(text.clone()),
            Constant::Json(_) | Constant::Number(_) => None,
        });
        let mut keys = keys.collect::<Option<Vec<_>>>()?;
        keys.sort_unstable();
        keys.dedup();
        Some(keys)
    }
}

/// How an index serves an order.
pub(crate) struct Lead {
    /// The path that is ordered by first.
    pub(crate) path: Vec<Box<str>>,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
    /// What is compared.
    by: By,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Json,
    Text,
    Number,
}

impl Order {
    /// What is ordered by first, if that is a value at a path.
    pub(crate) fn lead(&self) -> Option<Lead> {
        let key = self.keys.first()?;
        let (path, by) = match &key.scalar {
            Scalar::Json(Json::Path(path)) => (path, By::Json),
            Scalar::Text(Text::At(path)) => (path, By::Text),
            Scalar::Number(Number { kind, node: NumberNode::OfText(Text::At(path)) | NumberNode::OfJson(Json::Path(path)) })
                // What is rounded is equal where it was not.
                if *kind == NumberKind::Numeric || self.keys.len() == 1 =>
            {
                (path, By::Number)
            }
            _ => return None,
        };
        let keys = path.iter().map(|step| match step {
            Step::Key(key) | Step::Either(key, None) => Some(key.clone()),
            Step::Index(_) | Step::Either(_, Some(_)) => None,
        });
        let path = keys.collect::<Option<Vec<_>>>()?;
        Some(Lead { path, descending: key.direction.descending, nulls_first: key.direction.nulls_first, by })
    }
}

impl Lead {
    /// The ranges of the index in the order of a walk that meets records as they are asked for; `within` is where those lie that are
    /// meant. None if the index has them in another order, by how many entries of each class there are.
    pub(crate) fn ranges(&self, within: Option<&[KeyRange]>, classes: &[usize]) -> Option<Vec<KeyRange>> {
        let has = |class: u8| classes[usize::from(class)] != 0;
        let others: &[u8] = match self.by {
            By::Json => &[],
            By::Text => &[class::EMPTY_ARRAY, class::NUMBER, class::BOOL, class::ARRAY, class::OBJECT],
            By::Number => &[class::EMPTY_ARRAY, class::STRING, class::BOOL, class::ARRAY, class::OBJECT],
        };
        if others.iter().any(|class| has(*class)) {
            return None;
        }
        let (values, nulls) = match self.by {
            By::Json => (
                KeyRange::classes(class::EMPTY_ARRAY, class::OBJECT),
                KeyRange::classes(class::NOTHING, class::NOTHING),
            ),
            By::Text => (
                KeyRange::classes(class::STRING, class::STRING),
                KeyRange::classes(class::NOTHING, class::NULL),
            ),
            By::Number => (
                KeyRange::classes(class::NUMBER, class::NUMBER),
                KeyRange::classes(class::NOTHING, class::NULL),
            ),
        };
        let mut ranges = match within {
            Some(within) => narrowed(within, &[values]),
            None => vec![values],
        };
        // Elements of arrays stand for the same records once more.
        if within.is_some_and(|within| within.iter().any(KeyRange::has_elements)) {
            return None;
        }
        if within.is_none() {
            // A walk that descends begins with the last range.
            let at = if self.nulls_first == self.descending { ranges.len() } else { 0 };
            ranges.insert(at, nulls);
        }
        Some(ranges)
    }
}

/// What two lists of ranges have in common.
fn narrowed(one: &[KeyRange], two: &[KeyRange]) -> Vec<KeyRange> {
    let mut common = Vec::new();
    for a in one {
        for b in two {
            let (first, last) = (a.first.max(b.first), a.last.min(b.last));
            if first <= last {
                common.push(KeyRange { first, last });
            }
        }
    }
    ordered(common)
}

fn ordered(mut ranges: Vec<KeyRange>) -> Vec<KeyRange> {
    ranges.sort_unstable_by_key(|range| (range.first, range.last));
    ranges.dedup_by(|next, kept| {
        let meet = next.first <= kept.last;
        if meet {
            kept.last = kept.last.max(next.last);
        }
        meet
    });
    ranges
}

fn ranges_of(fact: &Fact, path: &[Box<str>]) -> Option<Vec<KeyRange>> {
    let Place::Data(at) = &fact.place else { return None };
    if let Test::Contains(part) = &fact.test
        && let Some(rest) = path.strip_prefix(at.as_slice())
    {
        let mut node = part.root();
        for key in rest {
            node = node.object()?.get(key.as_bytes())?;
        }
        return Some(ordered(containing(node)));
    }
    if at != path {
        return None;
    }
    Some(ordered(match &fact.test {
        Test::OneOf(constants) if constants.len() <= CONSTANTS_MAX => {
            constants.iter().flat_map(equal).collect()
        }
        Test::OneOf(_) | Test::Contains(_) => return None,
        Test::Above(constant, _) => above(constant),
        Test::Below(constant, _) => below(constant),
        Test::HasKeys(keys) => {
            let key = keys.first()?;
            let string = json_of(key);
            let mut ranges = vec![
                KeyRange::one(Key::of_element(string.root())),
                KeyRange::classes(class::OBJECT, class::OBJECT),
                KeyRange::classes(class::LONG_ARRAY, class::LONG_ARRAY),
            ];
            ranges.push(KeyRange::one(Key::of_string(key.as_bytes())));
            ranges
        }
        Test::StartsWith(prefix) => {
            let (first, last) =
                (Key::first_of_string(prefix.as_bytes()), Key::last_of_prefix(prefix.as_bytes()));
            let mut ranges = no_strings();
            ranges.push(KeyRange { first, last });
            ranges
        }
    }))
}

fn json_of(text: &str) -> json::Json {
    let mut builder = json::Builder::default();
    builder.str(text);
    let mut bytes = Vec::new();
    builder.finish(&mut bytes);
    json::Json::from_made(&bytes)
}

/// All that prints as a text without being one.
fn no_strings() -> Vec<KeyRange> {
    vec![
        KeyRange::classes(class::EMPTY_ARRAY, class::EMPTY_ARRAY),
        KeyRange::classes(class::NUMBER, class::OBJECT),
    ]
}

fn equal(constant: &Constant) -> Vec<KeyRange> {
    match constant {
        Constant::Json(value) => vec![KeyRange::one(Key::of_value(value.root()))],
        Constant::Number(value) => number(value, |value| (value - 0.5, value + 0.5)),
        Constant::Text(text) => {
            let mut ranges = vec![KeyRange::one(Key::of_string(text.as_bytes()))];
            // What a value of another type prints, if it prints this.
            if let Ok(value) = json::Json::parse(text.as_bytes()) {
                match value.root().view() {
                    View::Number(_) | View::Bool(_) => {
                        ranges.push(KeyRange::one(Key::of_value(value.root())));
                    }
                    View::Array(_) => ranges.extend([
                        KeyRange::classes(class::EMPTY_ARRAY, class::EMPTY_ARRAY),
                        KeyRange::classes(class::ARRAY, class::ARRAY),
                    ]),
                    View::Object(_) => ranges.push(KeyRange::classes(class::OBJECT, class::OBJECT)),
                    View::Null | View::Str(_) => {}
                }
            }
            ranges
        }
    }
}

/// Whether no value but this constant has the key of the one range that it is looked for in.
fn has_own_key(constant: &Constant) -> bool {
    match constant {
        Constant::Number(_) => false,
        Constant::Json(value) => match value.root().view() {
            View::Str(text) => Key::is_whole_string(text),
            View::Null | View::Bool(_) => true,
            View::Number(_) | View::Array(_) | View::Object(_) => false,
        },
        Constant::Text(text) => Key::is_whole_string(text.as_bytes()) && equal(constant).len() == 1,
    }
}

/// The numbers that may be cast to one between two, and strings, which may read as one.
fn number(value: &json::Json, span: impl Fn(f64) -> (f64, f64)) -> Vec<KeyRange> {
    let View::Number(number) = value.root().view() else {
        return vec![KeyRange::classes(class::NOTHING, class::OBJECT)];
    };
    let (first, last) = span(nearest(number));
    vec![
        KeyRange::classes(class::STRING, class::STRING),
        KeyRange { first: Key::of_double(first), last: Key::of_double(last) },
        // `true` and `false` may be cast as well.
        KeyRange::classes(class::BOOL, class::BOOL),
    ]
}

fn above(constant: &Constant) -> Vec<KeyRange> {
    let upto_end = |first| KeyRange { first, last: KeyRange::classes(class::OBJECT, class::OBJECT).last };
    match constant {
        Constant::Json(value) => vec![upto_end(lowest(value.root()))],
        Constant::Number(value) => number(value, |value| (value - 0.5, f64::INFINITY)),
        Constant::Text(text) => {
            let mut ranges = no_strings();
            let last = KeyRange::classes(class::STRING, class::STRING).last;
            ranges.push(KeyRange { first: Key::first_of_string(text.as_bytes()), last });
            ranges
        }
    }
}

fn below(constant: &Constant) -> Vec<KeyRange> {
    let from_start =
        |last| KeyRange { first: KeyRange::classes(class::EMPTY_ARRAY, class::EMPTY_ARRAY).first, last };
    match constant {
        Constant::Json(value) => vec![from_start(highest(value.root()))],
        Constant::Number(value) => number(value, |value| (f64::NEG_INFINITY, value + 0.5)),
        Constant::Text(text) => {
            let mut ranges = no_strings();
            let first = KeyRange::classes(class::STRING, class::STRING).first;
            ranges.push(KeyRange { first, last: Key::last_upto_string(text.as_bytes()) });
            ranges
        }
    }
}

/// No value that is as large as this has a smaller key.
fn lowest(node: Node<'_>) -> Key {
    match node.view() {
        View::Str(text) => Key::first_of_string(text),
        _ => Key::of_value(node),
    }
}

/// No value that is as small as this has a larger key.
fn highest(node: Node<'_>) -> Key {
    match node.view() {
        View::Str(text) => Key::last_upto_string(text),
        _ => Key::of_value(node),
    }
}

/// Where a value lies that contains this one.
fn containing(part: Node<'_>) -> Vec<KeyRange> {
    let long = KeyRange::classes(class::LONG_ARRAY, class::LONG_ARRAY);
    match part.view() {
        View::Object(_) => vec![KeyRange::classes(class::OBJECT, class::OBJECT)],
        View::Array(array) => {
            match array.iter().find(|element| !matches!(element.view(), View::Array(_) | View::Object(_))) {
                Some(element) => vec![KeyRange::one(Key::of_element(element)), long],
                None => vec![
                    KeyRange::classes(class::EMPTY_ARRAY, class::EMPTY_ARRAY),
                    KeyRange::classes(class::ARRAY, class::ARRAY),
                ],
            }
        }
        // An array contains a scalar that is one of its elements.
        _ => vec![KeyRange::one(Key::of_value(part)), KeyRange::one(Key::of_element(part)), long],
    }
}
