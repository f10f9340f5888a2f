//! What changes are written to, and how: the statements of one table for one sort of change.
//!
//! What must hold for every statement that writes: a row is changed only if its version is lower, and, where it is known
//! what it was, only if it is still that; so the number of rows that it reports is that of the changes that have counted.

use crate::names::Names;
use crate::number::signed;
use crate::records::Shape;
use crate::session::{Param, Step};
use crate::{copy, keys, records};
use ramekin::store::{Change, Content, ErrorKind, Expect, Place, StoreError};
use std::sync::Arc;

/// A table that changes go to.
#[derive(Clone)]
pub(crate) enum Target {
    /// All keys that are not records.
    Keys,
    /// A table of records.
    Records(Arc<Shape>),
}

/// How a change is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The row may be there or not.
    Put,
    /// The row has to be there, as it was.
    Replace,
    /// The row is to go.
    Remove,
}

impl Sort {
    fn of(change: &Change) -> Self {
        match (&change.content, change.expect) {
            (Content::Gone, _) => Self::Remove,
            (_, Expect::Stored(_)) => Self::Replace,
            (_, Expect::Any) => Self::Put,
        }
    }
}

/// Changes of one sort in one table, with their places in the batch.
pub(crate) struct Slice<'a> {
    pub(crate) target: Target,
    pub(crate) sort: Sort,
    pub(crate) changes: Vec<(usize, &'a Change)>,
}

impl<'a> Slice<'a> {
    /// Deals a batch out, in its order.
    pub(crate) fn of(
        changes: &'a [Change],
        mut target: impl FnMut(&Place) -> Result<Target, StoreError>,
    ) -> Result<Vec<Self>, StoreError> {
        let mut slices: Vec<Self> = Vec::new();
        let mut first = 0;
        let mut last_place: Option<&Place> = None;
        for (index, change) in changes.iter().enumerate() {
            // The keys of all databases lie in one table.
            let is_same = match (last_place, &change.place) {
                (Some(Place::Keys(_)), Place::Keys(_)) => true,
                (last, place) => last == Some(place),
            };
            if !is_same {
                let target = target(&change.place)?;
                first = slices.len();
                slices.extend([Sort::Put, Sort::Replace, Sort::Remove].map(|sort| Self {
                    target: target.clone(),
                    sort,
                    changes: Vec::new(),
                }));
                last_place = Some(&change.place);
            }
            fits(change)?;
            let offset = match Sort::of(change) {
                Sort::Put => 0,
                Sort::Replace => 1,
                Sort::Remove => 2,
            };
            slices[first + offset].changes.push((index, change));
        }
        slices.retain(|slice| !slice.changes.is_empty());
        Ok(slices)
    }

    /// Whether rows that are not there yet can be copied to the table, and there may be enough of them.
    pub(crate) fn copies_to(&self) -> Option<&Shape> {
        match &self.target {
            Target::Records(shape)
                if self.sort == Sort::Put && shape.is_made && self.changes.len() >= copy::ROWS_MIN =>
            {
                Some(shape)
            }
            _ => None,
        }
    }

    /// Some of its changes.
    pub(crate) fn with(&self, changes: Vec<(usize, &'a Change)>) -> Self {
        Self { target: self.target.clone(), sort: self.sort, changes }
    }

    /// The statement that writes.
    pub(crate) fn write(&self, names: &Names) -> Step<'a> {
        match &self.target {
            Target::Keys => Step::new(names.sql(keys::write(self.sort)), self.params(keys::params)),
            Target::Records(shape) => {
                Step::new(shape.write(self.sort), self.params(records::params)).at(&shape.place)
            }
        }
    }

    /// The statement that finds the changes that have not counted, by their place in the slice, from 1, with what is there
    /// instead: version and stamp.
    pub(crate) fn explain(&self, names: &Names) -> Step<'a> {
        let versions: Vec<i64> = self.changes.iter().map(|(_, change)| signed(change.version)).collect();
        let join = if self.sort == Sort::Remove { "JOIN" } else { "LEFT JOIN" };
        match &self.target {
            Target::Keys => {
                let mut params = keys::identity(&self.changes);
                params.push(Box::new(versions));
                Step::new(names.sql(&keys::explain(join)), params)
            }
            Target::Records(shape) => {
                let params: Vec<Param<'a>> =
                    vec![Box::new(records::texts(&self.changes)), Box::new(versions)];
                Step::new(shape.explain(join), params).at(&shape.place)
            }
        }
    }

    fn params(&self, make: impl Fn(&[(usize, &'a Change)], Sort) -> Vec<Param<'a>>) -> Vec<Param<'a>> {
        make(&self.changes, self.sort)
    }
}

/// Whether a content can be where it is to be at all.
fn fits(change: &Change) -> Result<(), StoreError> {
    let refused = |text: String| Err(StoreError::new(ErrorKind::Refused, text));
    match (&change.place, &change.content) {
        (Place::Keys(_), Content::Record(_)) => {
            refused("a record lies in a table of records, not among keys".to_owned())
        }
        (Place::Table(name), Content::Whole(..) | Content::Parts(..)) => {
            refused(format!("table {name}: only records lie in a table of records"))
        }
        (Place::Table(name), Content::Record(_) | Content::Gone) if records::text(&change.key).is_none() => {
            refused(format!(
                "table {name}: a key that is not UTF-8, or has a zero byte, cannot lie in a table of records"
            ))
        }
        _ => Ok(()),
    }
}

/// The stamps that rows have to have, where one is asked for.
pub(crate) fn stamps(changes: &[(usize, &Change)]) -> Vec<Option<i64>> {
    let stamp = |expect| match expect {
        Expect::Any => None,
        Expect::Stored(stamp) => Some(signed(stamp)),
    };
    changes.iter().map(|(_, change)| stamp(change.expect)).collect()
}
