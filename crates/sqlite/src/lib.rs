//! SQLite as a store behind Ramekin: a file beside the data folder, or anywhere on a local disk.
//!
//! ```
//! use ramekin::store::Store;
//! use ramekin_sqlite::SqliteStore;
//!
//! let folder = tempfile::tempdir()?;
//! let store = SqliteStore::from_url("sqlite:", folder.path())?;
//! assert_eq!(store.path(), folder.path().join("store.db"));
//! let connection = store.connect()?;
//! # drop(connection);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Owns [`SqliteStore`]. SQLite is built in. The file is in WAL mode with `synchronous=FULL`, so that a committed batch
//! survives a power cut. What must hold: one connection writes, under a mutex, whatever the number of lanes; each connection
//! reads by itself, beside the writer. Others may read the file while it is in use; writing to it is for its owner alone, since
//! nothing here would notice it. Left out: an in-memory database, encryption, files on a network.

mod address;
mod apply;
mod claim;
mod connection;
mod fault;
mod form;
mod owner;
mod read;
mod schema;
mod select;
mod shared;
mod tables;
mod tags;

pub use address::path_of;

use connection::SqliteConnection;
use ramekin::store::{Connection, Store, StoreError};
use shared::Shared;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A store in an SQLite file. Clones and their connections are one process with it.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

impl SqliteStore {
    /// The store in this file, which is made once it is claimed.
    #[must_use]
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self { shared: Arc::new(Shared::new(path.into())) }
    }

    /// The store of this address; see [`path_of`].
    ///
    /// # Errors
    /// `Invalid`.
    pub fn from_url(url: &str, data_folder: &Path) -> Result<Self, StoreError> {
        path_of(url, data_folder).map(Self::open)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.shared.path()
    }
}

impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn describe(&self) -> String {
        format!("sqlite:{}", self.shared.path().display())
    }

    fn notices_outside(&self) -> bool {
        false
    }

    fn keeps_tags(&self) -> bool {
        true
    }

    fn batch_rows(&self) -> usize {
        // Each page that a batch touches is written by itself, and rows lie all over the table.
        32_768
    }

    fn connect(&self) -> Result<Box<dyn Connection>, StoreError> {
        self.shared.check_folder()?;
        Ok(Box::new(SqliteConnection::new(Arc::clone(&self.shared))))
    }
}
