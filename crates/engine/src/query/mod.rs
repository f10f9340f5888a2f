//! Questions about records: conditions, orders and projections in the language of PostgreSQL.
//!
//! Owns what a WHERE clause, an ORDER BY list and a list of columns may say, what they mean of a record, and how they are put to
//! a PostgreSQL that is to find the same. `docs/design/query.md` describes the language. A text becomes a typed form once; that
//! is judged many times, on records where they lie, without an error and mostly without an allocation. What must hold: the form
//! is all that is ever asked, never the text; a record is judged here as PostgreSQL judges it by the SQL made of the same clause.
//! Left out: where records come from, indexes, and what is answered.

mod access;
mod cast;
mod decimal;
mod error;
mod eval;
mod form;
mod identity;
mod index_path;
mod jsonb;
mod lexer;
mod like;
mod literal;
mod moment;
mod order;
mod parse;
mod plan;
mod projection;
mod question;
mod reach;
mod render;
#[cfg(test)]
mod tests;
mod tree;

pub use error::QueryError;
pub(crate) use identity::Identity;
pub use index_path::IndexPath;
pub use order::Order;
pub use plan::{Constant, Fact, Place, Test};
pub use projection::{Cell, Projection};
pub use question::Question;
pub use render::{Bind, Columns, RenderError, Rendered};

use crate::value::json::Node;
use form::Condition;

/// What a text may ask for at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text.
    pub text_bytes_max: usize,
    /// Words and signs.
    pub tokens_max: usize,
    /// Parentheses and operators in each other.
    pub depth_max: usize,
    /// Nodes of the form.
    pub nodes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text_bytes_max: 256 << 10, tokens_max: 50_000, depth_max: 64, nodes_max: 60_000 }
    }
}

/// A record to be judged.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Its key in its table.
    pub key: &'a [u8],
    /// What it holds.
    pub data: Node<'a>,
    /// When it expires, in milliseconds since 1970, if it does.
    pub expire_at_ms: Option<u64>,
}

/// A WHERE clause.
#[derive(Clone, Debug)]
pub struct Clause {
    condition: Condition,
}

impl Clause {
    /// Reads what stands behind WHERE. A text of nothing but blanks is true of every record.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, QueryError> {
        if text.trim().is_empty() {
            return Ok(Self { condition: Condition::Const(Some(true)) });
        }
        Ok(Self { condition: parse::condition(text, limits)? })
    }

    /// Whether it is true of a record; none: it is unknown, which selects the record as little as false does.
    #[must_use]
    #[inline]
    pub fn matches(&self, row: &Row<'_>) -> Option<bool> {
        self.condition.holds(row)
    }
}
