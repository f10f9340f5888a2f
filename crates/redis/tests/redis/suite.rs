//! The suite of all stores.

use crate::server::Server;
use ramekin::store::{Store, conformance};
use ramekin_redis::RedisStore;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

#[test]
fn it_does_what_every_store_has_to_do() {
    let server = Server::with(&[]);
    // A database for each store of the suite.
    let numbers: Mutex<HashMap<String, usize>> = Mutex::default();
    let open = |name: &str| -> Arc<dyn Store> {
        let mut numbers = numbers.lock().expect("no case panics in here");
        let next = numbers.len();
        let db = *numbers.entry(name.to_owned()).or_insert(next);
        Arc::new(RedisStore::new(&server.url(db)).expect("the URL is well formed"))
    };
    // All cases are run, so that one failure does not hide others.
    let failed: Vec<&str> = conformance::names()
        .filter(|name| catch_unwind(AssertUnwindSafe(|| conformance::run_case(&open, name))).is_err())
        .collect();
    assert!(failed.is_empty(), "cases that failed, with their messages above: {failed:#?}");
}
