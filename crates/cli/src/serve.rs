//! `ramekin serve`: reads the configuration and hands it to the server, which returns when it has stopped.

use ramekin_server::config::{Config, Loaded};
use std::ffi::OsString;

/// Runs the server that `args` and the environment describe.
///
/// # Errors
///
/// One line: what is wrong with the configuration, or why the server could not start or go on.
pub(crate) fn run(args: &[OsString]) -> Result<(), String> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let loaded = Config::load(args, environment).map_err(|error| error.to_string())?;
    start(loaded)
}

/// Runs the server until it has stopped.
fn start(loaded: Loaded) -> Result<(), String> {
    ramekin_server::serve(loaded).map_err(|error| error.to_string())
}
