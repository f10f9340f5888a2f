//! An owner of a store, and changes.

use ramekin::store::{
    Batch, Change, Claim, Claimed, Conflict, Connection, Content, Expect, Place, Store, StoreError, Table,
};
use ramekin_sqlite::SqliteStore;
use std::path::Path;

pub(crate) fn claim(epoch: u64) -> Claim {
    Claim { database_id: 7, epoch, owner: "test:1".to_owned(), lanes: 1, takes_over: false, read_only: false }
}

/// An owner.
pub(crate) struct Owner {
    pub(crate) connection: Box<dyn Connection>,
    pub(crate) claimed: Claimed,
    sequence: u64,
}

impl Owner {
    pub(crate) fn of(path: &Path, epoch: u64) -> Self {
        let mut connection = SqliteStore::open(path).connect().unwrap();
        let claimed = connection.claim(&claim(epoch)).unwrap();
        let sequence = claimed.lanes[0].sequence;
        Self { connection, claimed, sequence }
    }

    pub(crate) fn try_apply(&mut self, changes: Vec<Change>) -> Result<Vec<(usize, Conflict)>, StoreError> {
        let sequence = self.sequence + 1;
        let batch = Batch { lane: 0, epoch: self.claimed.epoch, sequence, watermark: sequence, changes };
        let conflicts = self.connection.apply(&batch)?;
        self.sequence = sequence;
        Ok(conflicts)
    }

    pub(crate) fn put(&mut self, changes: Vec<Change>) {
        assert_eq!(self.try_apply(changes), Ok(Vec::new()));
    }

    pub(crate) fn content(&mut self, place: &Place, key: &str) -> Option<Content> {
        let rows = self.connection.load(&[(place.clone(), key.as_bytes().to_vec())]).unwrap();
        rows.into_iter().next().unwrap().map(|row| row.content)
    }
}

pub(crate) fn table(name: &str) -> Table {
    Table { name: name.into(), stored_as: None, key_column: None, data_column: None }
}

pub(crate) fn change(place: &Place, key: &str, version: u64, content: Content) -> Change {
    let key = key.as_bytes().to_vec();
    Change { place: place.clone(), key, version, expire_at_ms: 0, content, expect: Expect::Any, tags: None }
}

pub(crate) fn record(place: &Place, key: &str, version: u64, json: &str) -> Change {
    change(place, key, version, Content::Record(json.to_owned()))
}

pub(crate) fn string(key: &str, version: u64, text: &str) -> Change {
    change(&Place::Keys(0), key, version, Content::Whole(0, text.as_bytes().to_vec()))
}
