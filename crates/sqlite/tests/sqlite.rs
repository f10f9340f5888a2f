//! SQLite as a store, from outside.
//!
//! - `suite`: what every store has to do.

mod suite;
