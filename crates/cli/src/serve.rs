//! `ramekin serve`: reads the configuration and hands it to the server, which returns when it has stopped.

use ramekin::store::Store;
use ramekin_postgres::PostgresStore;
use ramekin_redis::RedisStore;
use ramekin_server::config::{Config, Loaded};
use ramekin_sqlite::SqliteStore;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

/// Runs the server that `args` and the environment describe.
///
/// # Errors
///
/// One line: what is wrong with the configuration, or why the server could not start or go on.
pub(crate) fn run(args: &[OsString]) -> Result<(), String> {
    let loaded = Config::load(args, environment()).map_err(|error| error.to_string())?;
    start(loaded)
}

/// The variables of the environment that are text.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Runs the server until it has stopped.
fn start(loaded: Loaded) -> Result<(), String> {
    ramekin_server::serve(loaded, Arc::new(store_of)).map_err(|error| error.to_string())
}

/// The store of an address, for the data in this folder.
///
/// # Errors
/// What is wrong with the address.
pub fn store_of(address: &str, data_folder: &Path) -> Result<Arc<dyn Store>, String> {
    let scheme = address.split(':').next().unwrap_or_default();
    let store: Arc<dyn Store> = match scheme {
        "sqlite" => {
            let store = SqliteStore::from_url(address, data_folder);
            Arc::new(store.map_err(|error| format!("`store`: {error}"))?)
        }
        "postgres" | "postgresql" => {
            Arc::new(PostgresStore::new(address).map_err(|error| format!("`store`: {error}"))?)
        }
        "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" => {
            Arc::new(RedisStore::new(address).map_err(|error| format!("`store`: {error}"))?)
        }
        _ => {
            return Err(format!(
                "`store`: there is no store of the kind `{scheme}`: name one by `postgresql://user@host/name`, `redis://host/0` or `sqlite:PATH`"
            ));
        }
    };
    Ok(store)
}
