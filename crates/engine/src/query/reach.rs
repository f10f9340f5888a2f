//! How many digits a computed number may have, so that no record makes a computation long.
//!
//! What must hold: numbers of records that are computed with are within `decimal::OPERAND_DIGITS_MAX` on either side of the point,
//! others are NULL there; so the clause alone says how long results become.

use super::decimal::OPERAND_DIGITS_MAX;
use super::form::{Number, NumberKind, NumberNode, Operation};

/// Digits before the point and behind it, at most, that a clause may lead to: `numeric` has 131,072 and 16,383.
const DIGITS_MAX: usize = 16_000;
/// Digits that a text may have before the point or behind it; see `cast`.
const TEXT_DIGITS_MAX: usize = 255 + 999;
/// `numeric` has no more of a quotient, behind the point.
const QUOTIENT_SCALE_MAX: usize = 1_000;

/// Digits of a number, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    whole: usize,
    scale: usize,
}

impl Reach {
    pub(super) fn is_computable(self) -> bool {
        self.whole <= DIGITS_MAX && self.scale <= DIGITS_MAX
    }
}

/// What a number may be.
pub(super) fn of(number: &Number) -> Reach {
    match &number.node {
        NumberNode::Const(constant) => {
            let whole = constant.as_ref().map_or(0, super::decimal::Decimal::whole_digits);
            let scale = constant.as_ref().map_or(0, |constant| usize::from(constant.scale()));
            Reach { whole, scale }
        }
        NumberNode::OfText(_) if number.kind == NumberKind::Numeric => {
            Reach { whole: TEXT_DIGITS_MAX, scale: TEXT_DIGITS_MAX }
        }
        NumberNode::OfJson(_) if number.kind == NumberKind::Numeric => {
            Reach { whole: OPERAND_DIGITS_MAX, scale: OPERAND_DIGITS_MAX }
        }
        NumberNode::OfNumber(inner) if number.kind == NumberKind::Numeric => of(inner),
        NumberNode::OfText(_) | NumberNode::OfJson(_) | NumberNode::OfNumber(_) | NumberNode::OfBool(_) => {
            Reach { whole: 19, scale: 0 }
        }
        NumberNode::Negated(inner) => of(inner),
        NumberNode::Computed(operation, operands) => {
            let (one, two) = (of(&operands.0), of(&operands.1));
            match operation {
                Operation::Plus | Operation::Minus => {
                    Reach { whole: one.whole.max(two.whole) + 1, scale: one.scale.max(two.scale) }
                }
                Operation::Times => Reach { whole: one.whole + two.whole, scale: one.scale + two.scale },
                Operation::Divided => {
                    let is_whole = number.kind.is_integer();
                    Reach {
                        whole: one.whole + two.scale + 1,
                        scale: if is_whole { 0 } else { one.scale.max(two.scale).max(QUOTIENT_SCALE_MAX) },
                    }
                }
            }
        }
    }
}

/// Whether a number may be longer than what is computed with, so that it has to be looked at before.
pub(super) fn is_unbounded(number: &Number) -> bool {
    match &number.node {
        NumberNode::OfJson(_) => number.kind == NumberKind::Numeric,
        NumberNode::OfNumber(inner) => number.kind == NumberKind::Numeric && is_unbounded(inner),
        _ => false,
    }
}
