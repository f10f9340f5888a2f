//! Tables with an index that has each value once are in memory as a whole: what is only in the store could not be compared.
//!
//! What must hold: a value that is new is taken only while no record of its table may be anywhere else. Records of such a table are not evicted;
//! what is missing, after a restart or because others have changed it in the store, is read from there again.

use super::Settle;
use crate::command::Fail;
use crate::keyspace::index::Unique;
use crate::shard::Caller;
use crate::store::{Connection, ErrorKind, StoreError};
use std::sync::Arc;

/// Rows that are read at once.
const ROWS_MAX: usize = 512;
/// It is tried so often to evict enough for them.
const EVICTIONS_MAX: usize = 64;
/// A table that was not complete at the end of so many walks over it is left to the keeper.
const WALKS_MAX: u32 = 8;
/// So often the keeper looks for tables that are not complete, and how long after it was in vain.
pub(super) const PERIOD_MS: u64 = 100;
pub(super) const PAUSE_MS: u64 = 5_000;

impl Settle {
    /// Has tables read that have to be here as a whole and are not.
    pub(super) fn want_incomplete_tables(&self) {
        for (table, index) in self.shards.keyspace.unique_indexes() {
            let is_whole = index.unique().is_none_or(Unique::is_whole);
            if !is_whole && !self.shards.keyspace.note_whole(&table) {
                self.wanted.lock().insert(Arc::from(table));
            }
        }
    }

    /// Reads these keys of database 0 from the store, for which there has to be memory.
    pub(super) fn bring(
        &self,
        connection: &mut dyn Connection,
        keys: &[(Box<[u8]>, u64)],
    ) -> Result<(), StoreError> {
        for some in keys.chunks(ROWS_MAX) {
            let mut caller = Caller::at(self.now_ms());
            for _ in 0..EVICTIONS_MAX {
                if !self.shards.exceeds_memory() {
                    break;
                }
                self.shards.make_room(&mut caller).map_err(|_| {
                    let text = "a table with a unique index does not fit into memory: raise maxmemory, or drop the index";
                    StoreError::new(ErrorKind::Refused, text)
                })?;
            }
            self.bring_some(connection, some)?;
        }
        Ok(())
    }

    /// Completes a table now.
    pub(crate) fn complete_table(&self, table: &str) -> Result<(), Fail> {
        let mut walks = 0;
        while !self.shards.keyspace.note_whole(table) {
            let mut keeper = self.keeper.lock();
            let mut look = keeper.look.take();
            if look.is_none() {
                walks += 1;
                if walks > WALKS_MAX {
                    let text =
                        format!("TRYAGAIN table '{table}' changes in the store while it is read from there");
                    return Err(Fail::text(text));
                }
                self.wanted.lock().insert(Arc::from(table));
            }
            let failure = self
                .over(&mut keeper, |settle, connection| settle.look_for_whole_tables(connection, &mut look));
            keeper.look = look;
            if let Some(error) = failure {
                let text = format!("STOREDOWN table '{table}' cannot be read from the store: {error}");
                return Err(Fail::text(text.replace(['\r', '\n'], " ")));
            }
            if self.is_stopping() {
                return Err(Fail::new(super::loader::CLOSED));
            }
        }
        Ok(())
    }
}
