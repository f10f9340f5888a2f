//! The suite of all stores.

use crate::server::Database;
use parking_lot::Mutex;
use ramekin::store::conformance::{self, Subject};
use ramekin::store::{Store, Table};
use ramekin_postgres::PostgresStore;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A schema for each store of the suite.
struct Schemas {
    database: Database,
    names: Mutex<HashMap<String, String>>,
}

impl Schemas {
    fn schema(&self, name: &str) -> String {
        let mut names = self.names.lock();
        let next = format!("case_{}", names.len());
        names.entry(name.to_owned()).or_insert(next).clone()
    }
}

impl Subject for Schemas {
    fn open(&self, name: &str) -> Arc<dyn Store> {
        let url = format!("{}?schema={}", self.database.url, self.schema(name));
        Arc::new(PostgresStore::new(&url).expect("the URL is well formed"))
    }

    fn write_outside(&self, name: &str, table: &Table, key: &str, record: Option<&str>) {
        let relation = format!("\"{}\".\"{}\"", self.schema(name), table.name);
        let other = self.database.other();
        match record {
            Some(json) => other.ask(
                &format!(
                    "INSERT INTO {relation} (key, data) VALUES ($1, $2::text::jsonb)
                     ON CONFLICT (key) DO UPDATE SET data = excluded.data"
                ),
                &[&key, &json],
            ),
            None => other.ask(&format!("DELETE FROM {relation} WHERE key = $1"), &[&key]),
        };
    }
}

#[test]
fn it_does_what_every_store_has_to_do() {
    let subject = Schemas { database: Database::new(), names: Mutex::default() };
    // All cases are run, so that one failure does not hide others.
    let failed: Vec<&str> = conformance::names()
        .filter(|name| catch_unwind(AssertUnwindSafe(|| conformance::run_case(&subject, name))).is_err())
        .collect();
    assert!(failed.is_empty(), "cases that failed, with their messages above: {failed:#?}");
}
