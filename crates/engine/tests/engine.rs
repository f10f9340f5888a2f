//! The engine through its public surface: commands in, answers out.
//!
//! - `common`: a session on a simulated disk and clock, and answers as text.
//! - `string`, `list`: the commands on those; `blocking`: lists that are waited for.
//! - `hash`: the commands on hashes; `hash_expiry`: what expires in them.
//! - `key`: the commands on keys as such: their end, names, times, encodings.
//! - `large`: values of megabytes that are copied and renamed.
//! - `eviction`: which key goes when memory is short.
//! - `limits`: a disk that fills up.
//! - `sort`: SORT.
//! - `walk`: SCAN and its kin.
//! - `table`: tables and their records.
//! - `query`: queries and indexes.
//! - `unique`: indexes that have each value once.
//! - `tag`: tags of keys.
//! - `whole`: commands on whole databases.
//! - `compression`: values that are kept compressed, and their dictionaries.
//! - `checkpoint`: what comes back from one, what is refused, what a failure leaves.
//! - `namespaces`: databases with names; `namespaces_crash`: wherever their making and dropping is cut short.
//! - `now`: commands for callers that must not wait.
//! - `opening`: reading a folder on several cores.
//! - `store`: what settles in a store and comes back from it; `store_walk`: commands that tell of all keys, over
//!   both; `store_races`: what happens while a row is on its way;
//!   `store_kept`: what must not be lost where a store refuses, and over crashes; `store_places`: keys that become or were
//!   records; `store_tags`: tags of keys; `store_unique`: unique indexes; `store_threads`: many at once; `store_fresh`: reads that ask the store; `store_found`: what the simulation has found wrong.
//! - `embedded`: the example of the engine as a library; `own_store`: that of a store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod blocking;
mod checkpoint;
mod common;
mod compression;
mod embedded;
mod eviction;
mod hash;
mod hash_expiry;
mod key;
mod large;
mod limits;
mod list;
mod namespaces;
mod namespaces_crash;
mod now;
mod opening;
mod own_store;
mod query;
mod sort;
mod store;
mod store_found;
mod store_fresh;
mod store_kept;
mod store_places;
mod store_races;
mod store_tags;
mod store_threads;
mod store_unique;
mod store_walk;
mod string;
mod table;
mod tag;
mod unique;
mod walk;
mod whole;
