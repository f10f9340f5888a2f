//! What all connections of a store share: the connection that writes, the lock of the owner, and the forms of tables.

use crate::fault;
use crate::form::{self, Form};
use crate::owner::OwnerLock;
use crate::schema;
use parking_lot::Mutex;
use ramekin::store::{ErrorKind, Place, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A file that is a store.
pub(crate) struct Shared {
    path: PathBuf,
    writer: Mutex<Writer>,
    keys: Arc<Form>,
    /// Tables of records that have been used, by name.
    tables: Mutex<HashMap<Arc<str>, Arc<Form>>>,
    /// Any row may have tags.
    pub(crate) has_tags: AtomicBool,
}

/// The one connection that writes.
#[derive(Default)]
pub(crate) struct Writer {
    db: Option<Connection>,
    pub(crate) lock: Option<OwnerLock>,
}

impl Shared {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            writer: Mutex::default(),
            keys: Arc::new(Form::keys()),
            tables: Mutex::default(),
            has_tags: AtomicBool::new(false),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Asks that the file can be where it is to be.
    pub(crate) fn check_folder(&self) -> Result<(), StoreError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let invalid = |text: String| Err(StoreError::new(ErrorKind::Invalid, text));
        match folder {
            Some(folder) if !folder.is_dir() => {
                invalid(format!("{}: there is no folder {}", self.path.display(), folder.display()))
            }
            _ if self.path.is_dir() => invalid(format!("{}: this is a folder", self.path.display())),
            _ => Ok(()),
        }
    }

    /// Does something in one transaction that writes. After a failure of the file the connection is opened anew.
    pub(crate) fn write<T>(
        &self,
        run: impl FnOnce(&Transaction<'_>, &mut Option<OwnerLock>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut guard = self.writer.lock();
        let Writer { db, lock } = &mut *guard;
        let open = match db {
            Some(open) => open,
            None => db.insert(schema::open_writer(&self.path)?),
        };
        let done = self.write_with(open, lock, run);
        if done.as_ref().is_err_and(|error| matches!(error.kind, ErrorKind::Unavailable | ErrorKind::InDoubt))
        {
            *db = None;
        }
        done
    }

    fn write_with<T>(
        &self,
        db: &mut Connection,
        lock: &mut Option<OwnerLock>,
        run: impl FnOnce(&Transaction<'_>, &mut Option<OwnerLock>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begun = db.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(|error| self.fault(&error, None))?;
        let done = run(&transaction, lock)?;
        transaction.commit().map_err(|error| fault::of_commit(&error, &self.path))?;
        Ok(done)
    }

    /// How the rows of a place are kept.
    pub(crate) fn form(&self, db: &Connection, place: &Place) -> Result<Arc<Form>, StoreError> {
        let Place::Table(name) = place else { return Ok(Arc::clone(&self.keys)) };
        if let Some(form) = self.tables.lock().get(name) {
            return Ok(Arc::clone(form));
        }
        let found = form::find(db, name).map_err(|error| self.fault(&error, Some(place)))?;
        let Some(form) = found.map(Arc::new) else {
            let text = format!("{}: there is no table for the records of {name}", self.path.display());
            return Err(StoreError::new(ErrorKind::Table(place.clone()), text));
        };
        self.tables.lock().insert(Arc::clone(name), Arc::clone(&form));
        Ok(form)
    }

    /// Forgets how tables are kept, since one is made or dropped.
    pub(crate) fn forget_forms(&self) {
        self.tables.lock().clear();
    }

    pub(crate) fn fault(&self, error: &rusqlite::Error, place: Option<&Place>) -> StoreError {
        fault::of(error, &self.path, place)
    }

    /// An error with the file's name in front.
    pub(crate) fn error(&self, kind: ErrorKind, text: &str) -> StoreError {
        StoreError::new(kind, format!("{}: {text}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{apply, claim};
    use ramekin::store::{Batch, Change, Claim, Content, Expect};

    #[test]
    fn a_full_disk_loses_nothing_and_heals_once_there_is_space() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Shared::new(folder.path().join("store.db"));
        let owner = Claim {
            database_id: 1,
            epoch: 0,
            owner: "test".to_owned(),
            lanes: 1,
            takes_over: false,
            read_only: false,
        };
        let epoch = claim::claim(&shared, &owner).unwrap().epoch;
        let batch = |sequence, length| Batch {
            lane: 0,
            epoch,
            sequence,
            watermark: sequence,
            changes: vec![Change {
                place: Place::Keys(0),
                key: b"k".to_vec(),
                version: sequence,
                expire_at_ms: 0,
                content: Content::Whole(0, vec![1; length]),
                expect: Expect::Any,
                tags: None,
            }],
        };
        apply::apply(&shared, &batch(1, 10)).unwrap();
        // The file may not grow, which SQLite takes for a full disk; the connection that is opened next may.
        let limit = |db: &Transaction<'_>| db.execute_batch("PRAGMA max_page_count = 1");
        shared.write(|db, _| limit(db).map_err(|error| shared.fault(&error, None))).unwrap();
        let full = apply::apply(&shared, &batch(2, 1 << 20)).unwrap_err();
        assert_eq!(full.kind, ErrorKind::Unavailable);
        assert!(full.text.contains("its disk is full"), "{full}");
        let version = |shared: &Shared| {
            let sql = "SELECT ver FROM ramekin_keys";
            shared.write(|db, _| {
                db.query_row(sql, (), |row| row.get(0)).map_err(|error| shared.fault(&error, None))
            })
        };
        assert_eq!(version(&shared), Ok(1));
        apply::apply(&shared, &batch(2, 1 << 20)).unwrap();
        assert_eq!(version(&shared), Ok(2));
    }
}
