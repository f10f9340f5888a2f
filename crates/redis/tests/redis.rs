//! The store against a real Valkey. Where what is:
//!
//! - `server`: starts servers, and speaks to them as somebody else would; `proxy` cuts lines to them
//! - `owner`: an owner of a store, and changes
//! - `suite`: what every store is put through
//! - `values`: what people find in the server; `claims`: which servers can be a store; `failures`: what goes wrong

#[path = "redis/claims.rs"]
mod claims;
#[path = "redis/failures.rs"]
mod failures;
#[path = "redis/owner.rs"]
mod owner;
#[path = "redis/proxy.rs"]
mod proxy;
#[path = "redis/server.rs"]
mod server;
#[path = "redis/suite.rs"]
mod suite;
#[path = "redis/values.rs"]
mod values;
