//! The store against a real PostgreSQL. Where what is:
//!
//! - `server`: finds or starts it, and makes a database of its own for each test; `proxy` cuts lines to it
//! - `owner`: an owner of a store, and changes
//! - `suite`: what every store is put through
//! - `claims`, `tables`, `others`, `failures`, `copies`: what only this one has
//! - `query`: clauses over records, which mean here what they mean there; `clauses` makes them up

#[path = "postgres/claims.rs"]
mod claims;
#[path = "postgres/clauses.rs"]
mod clauses;
#[path = "postgres/copies.rs"]
mod copies;
#[path = "postgres/failures.rs"]
mod failures;
#[path = "postgres/others.rs"]
mod others;
#[path = "postgres/owner.rs"]
mod owner;
#[path = "postgres/proxy.rs"]
mod proxy;
#[path = "postgres/query.rs"]
mod query;
#[path = "postgres/server.rs"]
mod server;
#[path = "postgres/suite.rs"]
mod suite;
#[path = "postgres/tables.rs"]
mod tables;
