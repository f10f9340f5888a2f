//! All tables, to be looked up without a lock.
//!
//! A change makes a new map and gives it a number that no other map of this process has; whoever looks keeps the map that he
//! has seen last and compares the numbers: one load of something that hardly ever changes. What must hold: changes come under the lock of the table's system entry; whoever
//! looks under the lock of a shard sees every change that was made before that lock was last given back.

use super::definition::Definition;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Map = BTreeMap<Box<str>, Arc<Definition>>;

/// The last number that was given to a map. Whoever runs commands may do so on several databases in turn.
static LAST: AtomicU64 = AtomicU64::new(0);

/// All tables of a database.
#[derive(Default)]
pub(crate) struct Registry {
    /// The number of the map; 0 as long as it is empty because it is new.
    number: AtomicU64,
    tables: Mutex<Arc<Map>>,
}

/// The tables at the last look.
#[derive(Default)]
pub(crate) struct Snapshot {
    number: u64,
    tables: Arc<Map>,
}

impl Snapshot {
    /// The table of this name.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&Arc<Definition>> {
        self.tables.get(std::str::from_utf8(name).ok()?)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// All tables.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.tables.values()
    }
}

impl Registry {
    /// Brings what was seen last up to date.
    #[inline]
    pub(crate) fn look(&self, snapshot: &mut Snapshot) {
        if self.number.load(Ordering::Acquire) != snapshot.number {
            self.renew(snapshot);
        }
    }

    #[cold]
    fn renew(&self, snapshot: &mut Snapshot) {
        let tables = self.tables.lock();
        snapshot.tables = Arc::clone(&tables);
        snapshot.number = self.number.load(Ordering::Acquire);
    }

    /// The tables now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        self.renew(&mut snapshot);
        snapshot
    }

    /// Adds a table, or puts it in place of one of the same name.
    pub(crate) fn put(&self, definition: Definition) {
        self.change(|tables| {
            tables.insert(definition.name.clone(), Arc::new(definition));
        });
    }

    /// Takes a table out.
    pub(crate) fn remove(&self, name: &str) {
        self.change(|tables| {
            tables.remove(name);
        });
    }

    /// Begins anew with these tables.
    pub(crate) fn replace(&self, all: Vec<Definition>) {
        let all = all.into_iter().map(|definition| (definition.name.clone(), Arc::new(definition)));
        self.change(|tables| *tables = all.collect());
    }

    fn change(&self, change: impl FnOnce(&mut Map)) {
        let mut tables = self.tables.lock();
        change(Arc::make_mut(&mut tables));
        self.number.store(LAST.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Release);
    }
}
