//! The store against a real PostgreSQL. Where what is:
//!
//! - `server`: finds or starts it, and makes a database of its own for each test
//! - `suite`: what every store is put through

#[path = "postgres/server.rs"]
mod server;
#[path = "postgres/suite.rs"]
mod suite;
