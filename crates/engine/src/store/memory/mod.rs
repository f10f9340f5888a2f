//! A store in memory, for tests and simulations: a whole one, that fails when told to.
//!
//! Owns [`MemoryStore`], a handle on a store. Clones are the same process with it; [`MemoryStore::process`] is another one. What
//! must hold: it passes the suite of [`super::conformance`], and does the same each time: it has no thread and no clock, and
//! draws nothing by lot. What it is told to do wrong is in [`Faults`]; between calls a test looks at its rows and writes to
//! them as others would. Left out: keeping anything once the last handle is gone.

mod connection;
mod faults;
mod state;

pub use faults::{ApplyFault, ApplyStep, Call, Faults};

use super::{Change, Connection, Content, Place, Row, Store, StoreError};
use connection::MemoryConnection;
use parking_lot::{Mutex, MutexGuard};
use state::State;
use std::sync::Arc;

/// A process with a store in memory.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    /// Alive as long as a handle or a connection of this process is.
    process: Arc<()>,
    notices_outside: bool,
}

/// What all processes see.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    faults: Mutex<Faults>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store that notices what others write.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Arc::default(), process: Arc::default(), notices_outside: true }
    }

    /// The same that does not notice it.
    #[must_use]
    pub fn deaf(self) -> Self {
        Self { notices_outside: false, ..self }
    }

    /// Another process with the same store. Once all clones and connections of a process are dropped, it is dead.
    #[must_use]
    pub fn process(&self) -> Self {
        Self { process: Arc::default(), ..self.clone() }
    }

    /// What is to go wrong. No call of the store may be made while this is held.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.shared.faults.lock()
    }

    /// The row of a key as it is now, whatever is wrong with the store.
    #[must_use]
    pub fn row(&self, place: &Place, key: &[u8]) -> Option<Row> {
        self.shared.state.lock().row(place, key).cloned()
    }

    /// All rows as they are now, in the order of places and keys.
    #[must_use]
    pub fn rows(&self) -> Vec<(Place, Vec<u8>, Row)> {
        self.shared.state.lock().rows()
    }

    /// How many batches have been committed.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.shared.state.lock().batches
    }

    /// Writes a row as somebody else would, or removes it; in a table that was not defined, or of a key, it is put there
    /// all the same.
    pub fn write_outside(&self, place: &Place, key: &[u8], content: Option<Content>) {
        self.shared.state.lock().write_outside(place, key, content, self.notices_outside);
    }

    /// Removes all rows of a place as somebody else would, which is told without keys.
    pub fn empty_outside(&self, place: &Place) {
        self.shared.state.lock().empty_outside(place, self.notices_outside);
    }
}

impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn notices_outside(&self) -> bool {
        self.notices_outside
    }

    fn keeps_tags(&self) -> bool {
        true
    }

    fn connect(&self) -> Result<Box<dyn Connection>, StoreError> {
        self.shared.faults.lock().passes(&Call::Connect)?;
        Ok(Box::new(MemoryConnection::new(Arc::clone(&self.shared), Arc::clone(&self.process))))
    }
}

/// Whether a change's content belongs to its place.
fn fits(change: &Change) -> bool {
    match (&change.place, &change.content) {
        (_, Content::Gone) => true,
        (Place::Keys(_), Content::Record(_)) => false,
        (Place::Keys(_), _) => true,
        (Place::Table(_), content) => matches!(content, Content::Record(_)),
    }
}

#[cfg(test)]
mod tests;
