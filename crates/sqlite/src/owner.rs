//! Whether a store's owner is alive: a lock on a file beside the database.
//!
//! What must hold: the lock is taken and given up inside of a transaction that writes to the database, so that two claims never
//! meet here; and it only says who is alive. That the owner before can do no harm is due to the epoch. The system gives up
//! the lock with the process, however that ends. Who takes over puts a new file in the old one's place: what the owner before
//! still holds then is of no account.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A lock that is held.
pub(crate) struct OwnerLock {
    file: File,
}

/// The file of the lock for this database.
fn path_beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-owner");
    PathBuf::from(name)
}

impl OwnerLock {
    /// Takes the lock; none if another process holds it.
    pub(crate) fn take(database: &Path, takes_over: bool) -> io::Result<Option<Self>> {
        let path = path_beside(database);
        let open = || OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open()?;
        match file.try_lock() {
            Ok(()) => return Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) if takes_over => std::fs::remove_file(&path)?,
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let file = open()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether it is still the one that others look at.
    pub(crate) fn is_current(&self, database: &Path) -> bool {
        let file = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
        let held = self.file.metadata().map(file);
        let seen = std::fs::metadata(path_beside(database)).map(file);
        matches!((held, seen), (Ok(held), Ok(seen)) if held == seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_once_its_holder_is_gone_and_a_new_one_once_it_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("store.db");
        let take = |over| OwnerLock::take(&database, over).unwrap();
        let first = take(false).unwrap();
        assert!(first.is_current(&database) && take(false).is_none());
        let second = take(true).unwrap();
        assert!(second.is_current(&database) && !first.is_current(&database));
        drop(first);
        assert!(take(false).is_none());
        drop(second);
        assert!(take(false).is_some());
    }
}
