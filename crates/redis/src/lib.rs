//! Redis and Valkey as a store of Ramekin: Redis 6.2, any Valkey, and later ones.
//!
//! ```
//! use ramekin::store::Store;
//! use ramekin_redis::RedisStore;
//!
//! let store = RedisStore::new("redis://ann:secret@db.example:6379/1")?;
//! assert_eq!(store.describe(), "redis://ann@db.example:6379/1");
//! # Ok::<(), ramekin::store::StoreError>(())
//! ```
//!
//! Owns the address, the keys' names and the transactions; `docs/design/store.md` says what the keys are and what must hold.
//! Values are the server's own types, so that people and other programs can read them. It speaks the protocol by
//! `ramekin-resp` and blocks; when anything is written, tried again or set aside is the engine's. Left out: clusters, whose nodes share
//! no transaction; scripts, which not every server runs; what others write, which nothing here would notice.

mod address;
mod apply;
mod claim;
mod connection;
mod entry;
mod fault;
mod form;
mod guard;
mod history;
mod lane;
mod load;
mod names;
mod remove;
mod session;
mod settings;
mod stream;
mod tags;
mod turns;
mod walk;

use address::Address;
use connection::RedisConnection;
use guard::Guard;
use history::History;
use parking_lot::Mutex;
use ramekin::store::{Connection, ErrorKind, Store, StoreError};
use session::Session;
use std::sync::Arc;
use turns::Turns;

/// A database of a Redis or Valkey server, by its URL.
pub struct RedisStore {
    shared: Arc<Shared>,
}

/// What the connections of a store share.
struct Shared {
    address: Address,
    history: History,
    turns: Turns,
    /// Shows that the store's owner is alive, if that is us.
    guard: Mutex<Option<Guard>>,
    /// What the last claim has found wrong with the server's settings.
    warnings: Mutex<Vec<String>>,
}

impl RedisStore {
    /// The store at `redis://user:password@host:port/database?parameter=value`. Nothing is connected yet. The password is that
    /// of `REDISCLI_AUTH` where the URL has none.
    ///
    /// # Errors
    /// `Invalid` if the URL is none.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let address = Address::parse(url, std::env::var("REDISCLI_AUTH").ok())?;
        let history = History::new(&address);
        Ok(Self {
            shared: Arc::new(Shared {
                address,
                history,
                turns: Turns::default(),
                guard: Mutex::default(),
                warnings: Mutex::default(),
            }),
        })
    }
}

impl Store for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }

    fn describe(&self) -> String {
        self.shared.address.describe()
    }

    fn notices_outside(&self) -> bool {
        false
    }

    fn keeps_tags(&self) -> bool {
        true
    }

    fn warnings(&self) -> Vec<String> {
        self.shared.warnings.lock().clone()
    }

    fn connect(&self) -> Result<Box<dyn Connection>, StoreError> {
        let mut session = Session::open(&self.shared.address, "ramekin")?;
        if session.is_replica && self.shared.guard.lock().is_some() {
            let text = "the server is a replica now, which may be behind: name its primary";
            return Err(StoreError::new(ErrorKind::Unavailable, text));
        }
        self.shared.history.check_all(&mut session)?;
        Ok(Box::new(RedisConnection { session, shared: Arc::clone(&self.shared) }))
    }
}
