//! The suite that every store passes.

use ramekin::store::{Store, conformance};
use ramekin_sqlite::SqliteStore;
use std::sync::Arc;

#[test]
fn sqlite_passes_the_suite_of_stores() {
    let folder = tempfile::tempdir().unwrap();
    conformance::run(&|name: &str| -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(folder.path().join(format!("{name}.db"))))
    });
}
