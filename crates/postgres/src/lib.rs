//! PostgreSQL as a store of Ramekin: version 12 and later.
//!
//! Owns the address, the tables and the statements; `docs/design/store.md` says what the tables are and what must hold. It
//! leaves out when anything is written, tried again or set aside: that is the engine's. The client is asynchronous, and stays
//! inside this crate: whoever calls blocks.

mod address;
mod apply;
mod claim;
mod connection;
mod copy;
mod error;
mod keys;
mod long;
mod names;
mod number;
mod outside;
mod page;
mod read;
mod records;
mod remove;
mod schema;
mod select;
mod session;
mod table;
mod tags;
mod target;
mod tls;

pub use schema::script;

use address::Address;
use claim::Guard;
use connection::PostgresConnection;
use parking_lot::Mutex;
use ramekin::store::{Connection, Store, StoreError};
use records::Shape;
use session::Session;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// A PostgreSQL database, by its URL.
pub struct PostgresStore {
    shared: Arc<Shared>,
}

/// What the connections of a store share.
struct Shared {
    address: Address,
    /// Tables of records by their names here.
    tables: Mutex<HashMap<Arc<str>, Arc<Shape>>>,
    /// Shows that the store's owner is alive, if that is us.
    guard: Mutex<Option<Guard>>,
    /// Whether the database orders texts by their bytes.
    is_bytewise: OnceLock<bool>,
    /// Any row may have tags.
    has_tags: AtomicBool,
}

impl Shared {
    fn session(&self) -> Result<Session, StoreError> {
        Session::open(&self.address)
    }

    /// Sees to it that an owner is seen to be alive. A server that was restarted has forgotten it.
    fn keep_guard(&self) -> Result<(), StoreError> {
        let mut guard = self.guard.lock();
        let Some(there) = guard.as_mut() else { return Ok(()) };
        if !there.stands() {
            *there = there.renewed(self.session()?)?;
        }
        Ok(())
    }
}

impl PostgresStore {
    /// The store at `postgresql://user:password@host:port/database?parameter=value`. Nothing is connected yet. The password
    /// is that of `PGPASSWORD` where the URL has none.
    ///
    /// # Errors
    /// `Invalid` if the URL is none.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let address = Address::parse(url, std::env::var("PGPASSWORD").ok())?;
        Ok(Self {
            shared: Arc::new(Shared {
                address,
                tables: Mutex::default(),
                guard: Mutex::default(),
                is_bytewise: OnceLock::new(),
                has_tags: AtomicBool::new(false),
            }),
        })
    }
}

impl Store for PostgresStore {
    fn kind(&self) -> &'static str {
        "postgresql"
    }

    fn describe(&self) -> String {
        self.shared.address.describe()
    }

    fn notices_outside(&self) -> bool {
        true
    }

    fn keeps_tags(&self) -> bool {
        true
    }

    fn connect(&self) -> Result<Box<dyn Connection>, StoreError> {
        let session = self.shared.session()?;
        self.shared.keep_guard()?;
        Ok(Box::new(PostgresConnection { session, shared: Arc::clone(&self.shared) }))
    }
}
