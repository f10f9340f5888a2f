//! Folders beside each other, known by their names.
//!
//! What must hold: a folder that was opened is found after a crash; one that is removed is gone whole or in part, and can be
//! removed again.

use super::Disk;
use super::os::OsDisk;
use crate::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where folders are made.
pub trait Folders: Send + Sync {
    /// Whether there is a folder of this name.
    ///
    /// # Errors
    /// What the disk says.
    fn exists(&self, name: &str) -> Result<bool, Error>;

    /// Opens the folder of this name, or makes one, which is durable then.
    ///
    /// # Errors
    /// `Locked` if somebody has it open, or what the disk says.
    fn open(&self, name: &str) -> Result<Arc<dyn Disk>, Error>;

    /// Removes the folder of this name with all that is in it, if there is one; it is durable that it is gone then.
    ///
    /// # Errors
    /// What the disk says: any part of it may be left.
    fn remove(&self, name: &str) -> Result<(), Error>;

    /// Where it is, for people and for stores that are files.
    fn path(&self, name: &str) -> PathBuf;
}

/// Folders in a folder of a real disk, which is made with the first of them.
#[derive(Clone, Debug)]
pub struct OsFolders {
    root: PathBuf,
}

impl OsFolders {
    /// Those in this folder.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

impl Folders for OsFolders {
    fn exists(&self, name: &str) -> Result<bool, Error> {
        let path = self.path(name);
        path.try_exists()
            .map_err(|error| Error::from_os(format!("cannot look for the folder {}", path.display()), error))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn Disk>, Error> {
        let is_new = !self.exists(name)?;
        let disk = OsDisk::open(self.path(name))?;
        if is_new {
            sync(&self.root)?;
            // The folder of all may be new as well.
            self.root.parent().map_or(Ok(()), sync)?;
        }
        Ok(Arc::new(disk))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        match fs::remove_dir_all(&path) {
            Ok(()) => sync(&self.root),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::from_os(format!("cannot remove the folder {}", path.display()), error)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// Makes durable which names there are in a folder.
fn sync(folder: &Path) -> Result<(), Error> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs::File::open(folder)
        .and_then(|handle| handle.sync_all())
        .map_err(|error| Error::from_os(format!("cannot sync the folder {}", folder.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_folder_is_made_once_held_by_one_and_removed_with_all_that_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        let folders = OsFolders::new(root.path().join("all"));
        assert!(!folders.exists("a").unwrap());
        folders.remove("a").unwrap();
        let disk = folders.open("a").unwrap();
        disk.create("file").unwrap().write_at(0, b"text").unwrap();
        assert_eq!(folders.open("a").err().map(|error| error.kind()), Some(ErrorKind::Locked));
        assert!(folders.exists("a").unwrap() && folders.path("a").join("file").exists());
        folders.open("b").unwrap();
        drop(disk);
        folders.remove("a").unwrap();
        assert!(!folders.exists("a").unwrap() && folders.exists("b").unwrap());
    }
}
