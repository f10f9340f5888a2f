//! What a command sees and may change of tables of records.
//!
//! What must hold: a table's definition changes in its system entry and in the registry, under the lock of that entry.

use super::Fail;
use super::context::Ctx;
use crate::effect::{Effect, SYSTEM_DB};
use crate::record::{Definition, Name};
use std::sync::Arc;

/// Where the record of a command lies: it is put together once, where that was done to lock its shard.
pub(crate) enum RecordKey<'a> {
    Known(&'a [u8]),
    Made(Name),
}

impl std::ops::Deref for RecordKey<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Known(key) => key,
            Self::Made(name) => name,
        }
    }
}

impl<'a> Ctx<'a> {
    /// The table of this name, one that is being dropped included.
    pub(crate) fn table(&mut self, name: &[u8]) -> Option<&Arc<Definition>> {
        self.registry.look(&mut self.scratch.tables);
        self.scratch.tables.get(name)
    }

    /// All tables that are not being dropped.
    pub(crate) fn tables(&mut self) -> Vec<Arc<Definition>> {
        self.registry.look(&mut self.scratch.tables);
        self.scratch.tables.all().filter(|table| !table.dropping).cloned().collect()
    }

    /// Makes a table, or puts it in place of one of the same name. False if its system entry is not held.
    pub(crate) fn define(&mut self, definition: Definition) -> Result<bool, Fail> {
        let (key, text) = (Name::of_table(definition.name.as_bytes()), definition.encode());
        let is_held = self.held.get(self.keyspace.shard_of(self.keyspace.hash(&key))).is_some();
        if !is_held || !self.cold.is_empty() {
            return Ok(false);
        }
        self.reserve(key.len() + text.len() + 64)?;
        self.in_db(SYSTEM_DB, |ctx| {
            ctx.apply(Effect::SetString { key: &key, value: &text, expire_at_ms: 0 })
        });
        let is_new = self.table(definition.name.as_bytes()).is_none_or(|old| old.dropping);
        if self.settles && !definition.dropping && is_new {
            self.begun = Some(definition.name.clone());
        }
        self.registry.put(definition);
        Ok(true)
    }

    /// Removes the definition of a table, whose system entry must be held.
    pub(crate) fn undefine(&mut self, name: &str) {
        let key = Name::of_table(name.as_bytes());
        self.in_db(SYSTEM_DB, |ctx| ctx.apply(Effect::Delete { key: &key }));
        self.registry.remove(name);
        if !self.keyspace.indexes(name).is_empty() {
            self.indexed = Some((name.into(), None));
        }
    }

    /// Where a record lies.
    #[inline]
    pub(crate) fn record_key(&self, table: &[u8], key: &[u8]) -> RecordKey<'a> {
        match self.first {
            Some((first, _)) => RecordKey::Known(first),
            None => RecordKey::Made(Name::of_record(table, key)),
        }
    }
}
