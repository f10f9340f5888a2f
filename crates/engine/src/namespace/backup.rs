//! Backups of everything: the main database and all namespaces.
//!
//! What must hold: none is made, changed or dropped meanwhile, so that the copy of the main database remembers those whose folders
//! are copied; its manifest is written last, so that half a backup is never taken for one. A namespace that is closed stays so,
//! since opening it would need its store; damage in it is copied as it is, and holds up no other.

use super::Namespaces;
use super::entry::State;
use super::slot::{Held, Namespace};
use crate::error::Error;
use crate::io::{Disk, Folders, OsFolders, copy_file};
use crate::{checkpoint, log, manifest};
use std::path::{Path, PathBuf};

impl Namespaces {
    /// Writes a copy of the main database into the folder `to`, as [`Database::backup`](crate::Database::backup) does, and of each
    /// namespace into one in the folder `folder`: opening them as these were is restoring them. What was acknowledged before the call
    /// is in it. Namespaces are made, changed and dropped after it.
    ///
    /// # Errors
    /// As [`Database::backup`](crate::Database::backup), for each of them. What was written is removed then.
    pub fn backup(&self, to: impl AsRef<Path>, folder: impl Into<PathBuf>) -> Result<(), Error> {
        let _unchanged = self.inner.changes.write();
        let (folder, mut made) = (folder.into(), Vec::new());
        let copies = OsFolders::new(&folder);
        let copied = self.inner.main.backup_after(to.as_ref(), || {
            self.all().iter().try_for_each(|namespace| {
                let copied = self.copy(namespace, &copies, &mut made);
                copied.map_err(|error| {
                    Error::new(error.kind(), format!("the namespace '{}': {error}", namespace.name()))
                })
            })
        });
        if copied.is_err() {
            made.iter().for_each(|name| drop(copies.remove(name)));
            // Others may have something there.
            let _ = std::fs::remove_dir(&folder);
        }
        copied
    }

    /// Copies one. One of which nothing is there, or that is being dropped, is left out.
    fn copy(&self, namespace: &Namespace, copies: &OsFolders, made: &mut Vec<String>) -> Result<(), Error> {
        let entry = namespace.entry();
        let Some(folders) = &self.inner.folders else { return Ok(()) };
        if entry.state == State::Dropping {
            return Ok(());
        }
        match namespace.hold() {
            Held::Gone => Ok(()),
            Held::Open(database) => {
                made.push(entry.folder.clone());
                database.backup_on(&copies.open(&entry.folder)?)
            }
            Held::Closed(_turn) => {
                if !folders.exists(&entry.folder)? {
                    return Ok(());
                }
                let own = folders.open(&entry.folder)?;
                if !own.list()?.iter().any(|name| name == manifest::NAME) {
                    return Ok(());
                }
                made.push(entry.folder.clone());
                copy_closed(&*own, &*copies.open(&entry.folder)?)
            }
        }
    }
}

/// Copies a folder that nobody has open, as it is.
fn copy_closed(own: &dyn Disk, copy: &dyn Disk) -> Result<(), Error> {
    let is_data = |name: &str| name == manifest::NAME || checkpoint::is_name(name) || log::is_name(name);
    for name in own.list()?.iter().filter(|name| is_data(name)) {
        let file = own.open(name)?;
        copy_file(&*file, copy, name, file.len()?)?;
    }
    copy.sync_dir()
}
