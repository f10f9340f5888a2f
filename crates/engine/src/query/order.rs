//! ORDER BY: which of two records comes first.

use super::decimal::Num;
use super::form::Scalar;
use super::jsonb;
use super::{Limits, QueryError, Row, parse};
use std::cmp::Ordering;

/// An ORDER BY list.
#[derive(Clone, Debug)]
pub struct Order {
    pub(super) keys: Vec<OrderKey>,
}

/// One of its expressions.
#[derive(Clone, Debug)]
pub(super) struct OrderKey {
    pub(super) scalar: Scalar,
    pub(super) direction: Direction,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Direction {
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

impl Order {
    /// Reads the list behind ORDER BY.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, QueryError> {
        Ok(Self { keys: parse::order(text, limits)? })
    }

    /// Which of two records comes first. Those that are equal here are not in any order.
    #[must_use]
    pub fn compare(&self, one: &Row<'_>, two: &Row<'_>) -> Ordering {
        let orders = self.keys.iter().map(|key| key.compare(one, two));
        orders.fold(Ordering::Equal, Ordering::then)
    }
}

impl OrderKey {
    fn compare(&self, one: &Row<'_>, two: &Row<'_>) -> Ordering {
        let by = self.direction;
        match &self.scalar {
            Scalar::Bool(condition) => by.order(condition.holds(one), condition.holds(two), Ord::cmp),
            Scalar::Json(json) => by.order(json.of(one), json.of(two), |one, two| jsonb::order(*one, *two)),
            Scalar::Text(text) => by.order(text.of(one), text.of(two), Ord::cmp),
            Scalar::Number(number) => by.order(number.of(one), number.of(two), Num::order),
            Scalar::Float(float) => by.order(float.of(one), float.of(two), f64::total_cmp),
            Scalar::Time(time) => by.order(time.of(one), time.of(two), Ord::cmp),
        }
    }
}

impl Direction {
    fn order<T>(self, one: Option<T>, two: Option<T>, order: impl Fn(&T, &T) -> Ordering) -> Ordering {
        match (one, two) {
            (Some(one), Some(two)) if self.descending => order(&two, &one),
            (Some(one), Some(two)) => order(&one, &two),
            (None, None) => Ordering::Equal,
            (None, Some(_)) if self.nulls_first => Ordering::Less,
            (Some(_), None) if !self.nulls_first => Ordering::Less,
            (None, Some(_)) | (Some(_), None) => Ordering::Greater,
        }
    }
}
