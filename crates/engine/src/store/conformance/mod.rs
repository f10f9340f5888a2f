//! What every store has to do, as a suite that any store can be put through.
//!
//! Owns the cases, one for each rule of [`super::Store`] and [`super::Connection`], and [`run`]. A case drives a store as
//! the engine does and panics at the first breach, with its own name and what the store did. What must hold: a case uses only
//! the two traits, so that a store passes by what it does and not by how. Left out: what only one kind of store has, such
//! as lost connections and full disks; speed.
//!
//! ```
//! use ramekin::store::{MemoryStore, Store, conformance};
//! use std::sync::Arc;
//!
//! let server = std::sync::Mutex::new(std::collections::HashMap::<String, MemoryStore>::new());
//! conformance::run(&|name: &str| -> Arc<dyn Store> {
//!     let mut stores = server.lock().expect("no case panics in here");
//!     Arc::new(stores.entry(name.to_owned()).or_insert_with(|| MemoryStore::new().deaf()).process())
//! });
//! ```

mod batches;
mod case;
mod claims;
mod json;
mod outside;
mod records;
mod rows;
mod selects;
mod tags;
mod walks;

use super::{Change, Content, Expect, Place, Store, Table};
use case::Case;
use std::sync::Arc;

/// A store that is put through the suite.
pub trait Subject {
    /// A handle on the store of this name, as a process of its own would have it: the same name is the same store, and a name
    /// that was not asked for before is an empty one. Once a handle and its connections are dropped, its process is dead.
    fn open(&self, name: &str) -> Arc<dyn Store>;

    /// Does what somebody else would do to the store of this name: gives this key this record, or removes it. It is asked
    /// only of stores that notice it.
    fn write_outside(&self, name: &str, table: &Table, key: &str, record: Option<&str>) {
        let _ = (table, key, record);
        panic!("{name}: the suite has to be told how others write to a store that notices them");
    }

    /// A change among the keys of database 0 that the store refuses, of this key and version. By default it is one that every
    /// store has to refuse.
    fn refused(&self, key: &[u8], version: u64) -> Change {
        Change {
            place: Place::Keys(0),
            key: key.to_vec(),
            version,
            expire_at_ms: 0,
            content: Content::Record("{}".to_owned()),
            expect: Expect::Any,
            tags: None,
        }
    }
}

impl<F: Fn(&str) -> Arc<dyn Store>> Subject for F {
    fn open(&self, name: &str) -> Arc<dyn Store> {
        self(name)
    }
}

/// Puts a store through all cases.
///
/// # Panics
/// With the name of the case and what the store did wrong.
pub fn run(subject: &dyn Subject) {
    names().for_each(|name| run_case(subject, name));
}

/// The names of the cases, in the order in which they are run. Each is also the name of the store that the case uses.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| *name)
}

/// Puts a store through the case of this name.
///
/// # Panics
/// As [`run`]; also if no case has this name.
pub fn run_case(subject: &dyn Subject, name: &str) {
    let Some((name, case)) = all().find(|(known, _)| *known == name) else {
        panic!("no case is named {name}")
    };
    case(&Case { subject, name });
}

/// A case: its name, and what it does.
type Named = (&'static str, fn(&Case<'_>));

fn all() -> impl Iterator<Item = &'static Named> {
    [
        claims::CASES,
        batches::CASES,
        rows::CASES,
        walks::CASES,
        selects::CASES,
        records::CASES,
        outside::CASES,
        tags::CASES,
    ]
    .into_iter()
    .flatten()
}
