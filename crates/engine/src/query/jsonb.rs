//! Comparing, searching and following values as PostgreSQL's `jsonb` does, where they lie.
//!
//! The order is `compareJsonbContainers`' of PostgreSQL's jsonb_util.c, with strings by their bytes, as under `COLLATE "C"`:
//! null < string < number < boolean < array < object; arrays and objects of fewer parts first. An empty array is before all
//! scalars, as it is there, unless it is inside of something. What must hold: nothing here allocates, and the stack is bounded by the depth of values.

use super::decimal::Num;
use super::form::Step;
use crate::value::json::{Array, Node, Number, Object, View};
use std::cmp::Ordering;

/// The value at a path; none if there is nothing.
#[inline]
pub(super) fn follow<'a>(mut node: Node<'a>, path: &[Step]) -> Option<Node<'a>> {
    for step in path {
        node = match (step, node.view()) {
            (Step::Key(key) | Step::Either(key, _), View::Object(object)) => object.get(key.as_bytes())?,
            (Step::Index(index) | Step::Either(_, Some(index)), View::Array(array)) => {
                element(array, *index)?
            }
            (Step::Key(_) | Step::Either(..), _) | (Step::Index(_), View::Object(_)) => return None,
            (Step::Index(0 | -1), _) => node,
            (Step::Index(_), _) => return None,
        };
    }
    Some(node)
}

fn element(array: Array<'_>, index: i32) -> Option<Node<'_>> {
    let size = index.unsigned_abs() as usize;
    array.get(if index < 0 { array.len().checked_sub(size)? } else { size })
}

/// The order of two values.
pub(super) fn order(one: Node<'_>, two: Node<'_>) -> Ordering {
    let is_empty_array = |node: Node<'_>| matches!(node.view(), View::Array(array) if array.is_empty());
    let is_container = |node: Node<'_>| matches!(node.view(), View::Array(_) | View::Object(_));
    if is_empty_array(one) && !is_container(two) {
        return Ordering::Less;
    }
    if is_empty_array(two) && !is_container(one) {
        return Ordering::Greater;
    }
    order_within(one, two)
}

fn order_within(one: Node<'_>, two: Node<'_>) -> Ordering {
    match (one.view(), two.view()) {
        (View::Str(one), View::Str(two)) => one.cmp(two),
        (View::Number(one), View::Number(two)) => number_order(one, two),
        (View::Bool(one), View::Bool(two)) => one.cmp(&two),
        (View::Array(one), View::Array(two)) => one.len().cmp(&two.len()).then_with(|| {
            first_difference(one.iter().zip(two.iter()).map(|(one, two)| order_within(one, two)))
        }),
        (View::Object(one), View::Object(two)) => one.len().cmp(&two.len()).then_with(|| {
            let pairs = one.iter().zip(two.iter());
            first_difference(pairs.map(|((key_one, one), (key_two, two))| {
                key_one.cmp(key_two).then_with(|| order_within(one, two))
            }))
        }),
        (one, two) => rank(&one).cmp(&rank(&two)),
    }
}

fn number_order(one: Number<'_>, two: Number<'_>) -> Ordering {
    match (one, two) {
        (Number::Int(one), Number::Int(two)) => one.cmp(&two),
        _ => Num::Json(one).order(&Num::Json(two)),
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn rank(view: &View<'_>) -> u8 {
    match view {
        View::Null => 0,
        View::Str(_) => 1,
        View::Number(_) => 2,
        View::Bool(_) => 3,
        View::Array(_) => 4,
        View::Object(_) => 5,
    }
}

/// Whether two values are equal: numbers by what they are worth.
pub(super) fn equal(one: Node<'_>, two: Node<'_>) -> bool {
    one == two || order_within(one, two).is_eq()
}

/// `@>`: whether a value contains another. An array also contains a scalar that is one of its elements.
pub(super) fn contains(whole: Node<'_>, part: Node<'_>) -> bool {
    match (whole.view(), part.view()) {
        (View::Array(whole), View::Array(_) | View::Object(_)) => match part.view() {
            View::Array(part) => array_contains(whole, part),
            _ => false,
        },
        (View::Array(whole), _) => whole.iter().any(|element| equal(element, part)),
        _ => contains_within(whole, part),
    }
}

fn contains_within(whole: Node<'_>, part: Node<'_>) -> bool {
    match (whole.view(), part.view()) {
        (View::Object(whole), View::Object(part)) => object_contains(whole, part),
        (View::Array(whole), View::Array(part)) => array_contains(whole, part),
        (View::Object(_) | View::Array(_), _) | (_, View::Object(_) | View::Array(_)) => false,
        _ => equal(whole, part),
    }
}

fn object_contains(whole: Object<'_>, part: Object<'_>) -> bool {
    part.len() <= whole.len()
        && part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| contains_within(whole, part)))
}

fn array_contains(whole: Array<'_>, part: Array<'_>) -> bool {
    part.iter().all(|part| whole.iter().any(|whole| contains_within(whole, part)))
}

/// `?`: whether it is an object with this key, an array with this string, or this string.
pub(super) fn has_key(node: Node<'_>, key: &[u8]) -> bool {
    match node.view() {
        View::Object(object) => object.get(key).is_some(),
        View::Array(array) => array.iter().any(|node| matches!(node.view(), View::Str(text) if text == key)),
        View::Str(text) => text == key,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json::Json;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn values_are_in_the_order_of_jsonb() {
        let ordered = [
            "[]",
            "null",
            "\"\"",
            "\"a\"",
            "\"é\"",
            "-1e400",
            "-1",
            "0.0",
            "9007199254740993",
            "9007199254740993.5",
            "1e400",
            "false",
            "true",
            "[null]",
            "[[]]",
            "[1, 2]",
            "[1, [0]]",
            "{}",
            "{\"b\": 1}",
            "{\"a\": 0, \"b\": 1}",
        ];
        for (at, one) in ordered.iter().enumerate() {
            for (other, two) in ordered.iter().enumerate() {
                assert_eq!(order(json(one).root(), json(two).root()), at.cmp(&other), "{one} {two}");
            }
        }
        assert!(equal(json("[1.0, 1e400]").root(), json("[1, 1.0e400]").root()));
    }

    #[test]
    fn containment_is_that_of_jsonb() {
        for (whole, part, expected) in [
            ("\"foo\"", "\"foo\"", true),
            ("[\"foo\"]", "\"foo\"", true),
            ("\"foo\"", "[\"foo\"]", false),
            ("[[\"foo\"]]", "[\"foo\"]", false),
            ("{\"a\": [\"foo\"]}", "{\"a\": \"foo\"}", false),
            ("[1, [1, 2]]", "[[1]]", true),
            ("[{\"a\": 1, \"b\": 2}]", "[{\"a\": 1.0}]", true),
            ("[1]", "[1, 1]", true),
            ("{}", "[]", false),
            ("[]", "{}", false),
            ("[{\"a\": {}}]", "[{}]", true),
            ("[{}]", "{}", false),
        ] {
            assert_eq!(contains(json(whole).root(), json(part).root()), expected, "{whole} @> {part}");
        }
    }
}
