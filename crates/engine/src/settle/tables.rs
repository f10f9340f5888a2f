//! Tables of records in the store: which keys belong to one, and what the store has to be told of it.
//!
//! A key `name:rest` of the first database belongs to the table `name`, if there is one. What is there is a record, as a rule;
//! anything else that a client puts at such a key lies among the keys that are no records. What must hold: a key has a row
//! in one of the two places at most, so a change that may find a row in the other removes that one in the same transaction.

use super::Settle;
use crate::record::{DATABASE, Definition, IndexDefinition, Snapshot};
use crate::shard::Shards;
use crate::store::{Connection, Place, StoreError, Table, TableIndex};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is known of tables in the store since the folder was opened.
#[derive(Default)]
pub(super) struct Tables {
    /// Those that the store knows, and whether keys of theirs may lie among those that are no records.
    known: HashMap<Arc<str>, bool>,
    /// Those of which some do since the folder was opened.
    others: HashSet<Arc<str>>,
}

/// The tables at one moment.
pub(super) fn snapshot(shards: &Shards) -> Snapshot {
    shards.registry.snapshot()
}

/// The table that a key belongs to, and its key there.
pub(super) fn table_of<'k>(tables: &Snapshot, db: u32, key: &'k [u8]) -> Option<(Arc<Definition>, &'k [u8])> {
    if db != DATABASE || tables.is_empty() {
        return None;
    }
    let colon = memchr::memchr(b':', key)?;
    let definition = tables.get(&key[..colon])?;
    Some((Arc::clone(definition), &key[colon + 1..]))
}

/// What the store has to know of a table.
pub(super) fn described(definition: &Definition) -> Table {
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    Table {
        name: Arc::from(&*definition.name),
        stored_as: text(&definition.stored.table),
        key_column: text(&definition.stored.key_column),
        data_column: text(&definition.stored.data_column),
    }
}

impl Settle {
    /// Tells the store of a table, once.
    pub(super) fn define(
        &self,
        connection: &mut dyn Connection,
        definition: &Definition,
    ) -> Result<(), StoreError> {
        if self.tables.lock().known.contains_key(&*definition.name) {
            return Ok(());
        }
        let table = described(definition);
        if !self.read_only {
            connection.define(&table)?;
        }
        // Keys that were there before the table, or take the place of records.
        let prefix = [definition.name.as_bytes(), b":"].concat();
        let others = connection.page(&Place::Keys(DATABASE), Some(&prefix), 1, 0)?;
        let has_others = others.iter().any(|(key, _)| key.starts_with(&prefix));
        let mut tables = self.tables.lock();
        let has_others = has_others || tables.others.contains(&table.name);
        tables.known.insert(table.name, has_others);
        Ok(())
    }

    /// Has the store have the indexes of a table, if it has others, or that is not known.
    pub(crate) fn tell_indexes(&self, name: &str) -> Result<(), StoreError> {
        let definition = snapshot(&self.shards).get(name.as_bytes()).cloned();
        let Some(definition) = definition.filter(|definition| !definition.dropping && !self.read_only) else {
            self.indexes_due.lock().remove(name);
            return Ok(());
        };
        let index = |index: &IndexDefinition| TableIndex {
            name: index.name.clone(),
            path: index.path.to_vec(),
            kind: index.kind.clone(),
        };
        let indexes: Vec<TableIndex> = definition.indexes.iter().map(index).collect();
        let mut connection = self.connect()?;
        self.define(&mut *connection, &definition)?;
        connection.set_indexes(&described(&definition), &indexes)?;
        self.indexes_due.lock().remove(name);
        Ok(())
    }

    /// The same of all tables of which it could not be done.
    pub(super) fn tell_due_indexes(&self) {
        let due: Vec<Box<str>> = self.indexes_due.lock().iter().cloned().collect();
        for name in due {
            if let Err(error) = self.tell_indexes(&name) {
                self.note_failure(&error);
                return;
            }
        }
    }

    /// The same for the table of a place.
    pub(super) fn define_place(
        &self,
        connection: &mut dyn Connection,
        place: &Place,
    ) -> Result<(), StoreError> {
        let Place::Table(name) = place else { return Ok(()) };
        match snapshot(&self.shards).get(name.as_bytes()) {
            Some(definition) if !definition.dropping => self.define(connection, definition),
            _ => Ok(()),
        }
    }

    /// A place is at fault: if it is a table that others may have dropped, the store is told of it again. Returns whether it will be.
    pub(super) fn forget_table(&self, place: &Place) -> bool {
        let Place::Table(name) = place else { return false };
        let is_wanted = snapshot(&self.shards).get(name.as_bytes()).is_some_and(|table| !table.dropping);
        is_wanted && self.tables.lock().known.remove(name).is_some()
    }

    /// Whether the store has been told of a table.
    pub(super) fn knows_table(&self, name: &str) -> bool {
        self.tables.lock().known.contains_key(name)
    }

    /// Whether keys of a table may lie among those that are no records.
    pub(super) fn has_others(&self, table: &str) -> bool {
        self.tables.lock().known.get(table).copied().unwrap_or(true)
    }

    /// Some do from now on.
    pub(super) fn note_others(&self, table: &str) {
        let mut tables = self.tables.lock();
        if !tables.others.contains(table) {
            tables.others.insert(Arc::from(table));
        }
        if let Some(has_others) = tables.known.get_mut(table) {
            *has_others = true;
        }
    }

    /// Removes tables from the store that are being dropped, and then their definitions.
    pub(super) fn drop_tables(&self, connection: &mut dyn Connection) -> Result<(), StoreError> {
        for definition in snapshot(&self.shards).all().filter(|definition| definition.dropping) {
            if self.shards.remove_all_records(&definition.name).is_err() {
                continue;
            }
            let place = Place::Table(Arc::from(&*definition.name));
            if !self.workers.iter().all(|worker| worker.lock().is_done_with(&place)) {
                continue;
            }
            self.make_durable()?;
            connection.drop_table(&described(definition), self.epoch)?;
            {
                let mut tables = self.tables.lock();
                tables.known.remove(&*definition.name);
            }
            self.shards.finish_drop(&definition.name);
        }
        Ok(())
    }
}
