//! What goes wrong with a store in memory, and when.

use super::super::{Batch, Change, ErrorKind, Place, StoreError};
use std::collections::{BTreeSet, VecDeque};

/// A call that is about to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A connection is made.
    Connect,
    /// A claim, or a store given up.
    Own,
    /// A table is made or dropped.
    Define,
    /// A batch of so many changes in this lane.
    Apply(u32, usize),
    /// A lane is asked for its position.
    Position(u32),
    /// So many rows are read.
    Load(usize),
    /// Keys are listed or counted.
    Walk,
    /// Rows are removed without a batch.
    Remove,
    /// Others' changes are asked for, or forgotten.
    Outside,
}

/// What goes wrong with one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyFault {
    /// Nothing.
    None,
    /// It loses against another transaction.
    Busy,
    /// The connection is lost before the commit is asked for.
    Unavailable,
    /// The connection is lost once the commit was asked for, and it has not happened.
    LostBeforeCommit,
    /// The connection is lost once the commit was asked for, and it has happened.
    LostAfterCommit,
}

/// How far a batch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyStep {
    /// The transaction has begun.
    Begun,
    /// The lane's row is advanced.
    LaneAdvanced,
    /// The rows are changed.
    RowsChanged,
    /// The commit is asked for, and has not happened.
    Committing,
    /// It has, and is not answered.
    Committed,
}

type Steps = Box<dyn FnMut(ApplyStep) -> bool + Send>;
type Hook = Box<dyn FnMut(&Call) + Send>;
type Refuses = Box<dyn Fn(&Change) -> bool + Send>;

/// What goes wrong. The default is a store that works.
#[derive(Default)]
pub struct Faults {
    /// The store cannot be reached: every call is `Unavailable`.
    pub down: bool,
    /// What goes wrong with the next batches, one after the other.
    pub batches: VecDeque<ApplyFault>,
    /// Places that are missing or closed: whatever has to do with one of them fails by it.
    pub broken: BTreeSet<Place>,
    refuses: Option<Refuses>,
    before: Option<Hook>,
    steps: Option<Steps>,
}

impl Faults {
    /// From now on the store refuses each batch with a change of which this is true.
    pub fn refuse(&mut self, refuses: impl Fn(&Change) -> bool + Send + 'static) {
        self.refuses = Some(Box::new(refuses));
    }

    /// From now on the store takes every change that belongs to its place.
    pub fn refuse_none(&mut self) {
        self.refuses = None;
    }

    /// From now on this is called before anything is done. Calls of all connections wait while it takes its time, so that
    /// it is how a store is slow; it must not ask for the faults itself.
    pub fn before_each(&mut self, hook: impl FnMut(&Call) + Send + 'static) {
        self.before = Some(Box::new(hook));
    }

    /// From now on this is asked at each step of a batch whether it goes on; if not, the connection is lost there.
    pub fn at_steps(&mut self, goes_on: impl FnMut(ApplyStep) -> bool + Send + 'static) {
        self.steps = Some(Box::new(goes_on));
    }

    pub(super) fn has_steps(&self) -> bool {
        self.steps.is_some()
    }

    pub(super) fn reach(&mut self, step: ApplyStep) -> Result<(), StoreError> {
        if self.steps.as_mut().is_none_or(|goes_on| goes_on(step)) {
            return Ok(());
        }
        let is_in_doubt = matches!(step, ApplyStep::Committing | ApplyStep::Committed);
        let kind = if is_in_doubt { ErrorKind::InDoubt } else { ErrorKind::Unavailable };
        Err(StoreError::new(kind, format!("the connection was lost at {step:?}")))
    }

    pub(super) fn passes(&mut self, call: &Call) -> Result<(), StoreError> {
        if let Some(before) = &mut self.before {
            before(call);
        }
        if self.down { Err(lost("the store is down")) } else { Ok(()) }
    }

    pub(super) fn place(&self, place: &Place) -> Result<(), StoreError> {
        if !self.broken.contains(place) {
            return Ok(());
        }
        Err(StoreError::new(ErrorKind::Table(place.clone()), format!("{place:?} is broken")))
    }

    pub(super) fn refused(&self, batch: &Batch) -> Result<(), StoreError> {
        let Some(refuses) = &self.refuses else { return Ok(()) };
        match batch.changes.iter().find(|change| refuses(change)) {
            Some(change) => {
                let key = String::from_utf8_lossy(&change.key);
                Err(StoreError::new(ErrorKind::Refused, format!("the row {key:?} is refused")))
            }
            None => Ok(()),
        }
    }
}

/// The connection is of no more use.
pub(super) fn lost(text: &str) -> StoreError {
    StoreError::new(ErrorKind::Unavailable, text)
}
