//! What goes wrong with files, and what is said and kept.

use crate::common::{Owner, claim, record, string, table};
use ramekin::store::{Claim, Content, ErrorKind, Place, Store};
use ramekin_sqlite::SqliteStore;
use rusqlite::Connection;

fn refused(path: &std::path::Path, claim: &Claim) -> (ErrorKind, String) {
    let connection = SqliteStore::open(path).connect();
    let error = connection.and_then(|mut connection| connection.claim(claim)).unwrap_err();
    (error.kind, error.text)
}

#[test]
fn a_file_that_cannot_be_a_store_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(
        at("text.db"),
        "just some text, as long as a header of SQLite's would have to be at least ".repeat(9),
    )
    .unwrap();
    let (kind, text) = refused(&at("text.db"), &claim(0));
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(text.contains("text.db"), "{text}");
    assert_eq!(refused(&at("no/store.db"), &claim(0)).0, ErrorKind::Invalid);
    assert_eq!(refused(folder.path(), &claim(0)).0, ErrorKind::Invalid);
}

#[test]
fn a_store_of_a_later_version_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let epoch = Owner::of(&path, 0).claimed.epoch;
    Connection::open(&path).unwrap().execute("UPDATE ramekin_meta SET format = 99", ()).unwrap();
    for claim in
        [claim(epoch), Claim { takes_over: true, ..claim(epoch) }, Claim { read_only: true, ..claim(epoch) }]
    {
        assert_eq!(refused(&path, &claim).0, ErrorKind::Newer);
    }
    let db = Connection::open(&path).unwrap();
    assert_eq!(db.query_row("SELECT epoch FROM ramekin_meta", (), |row| row.get(0)), Ok(epoch));
}

#[test]
fn who_only_looks_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut connection = SqliteStore::open(&path).connect().unwrap();
    connection.claim(&Claim { read_only: true, ..claim(0) }).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_table_that_somebody_has_dropped_is_named_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut owner = Owner::of(&path, 0);
    owner.connection.define(&table("people")).unwrap();
    let place = Place::Table("people".into());
    owner.put(vec![record(&place, "ada", 1, "{}")]);
    Connection::open(&path).unwrap().execute_batch("DROP TABLE people").unwrap();
    let failed = owner.try_apply(vec![string("a", 2, "v"), record(&place, "ada", 3, "[]")]).unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Table(place));
    assert_eq!(owner.content(&Place::Keys(0), "a"), None);
    owner.put(vec![string("a", 2, "v")]);
}

#[test]
fn a_row_that_breaks_a_rule_of_its_table_takes_back_its_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut owner = Owner::of(&path, 0);
    owner.connection.define(&table("people")).unwrap();
    let place = Place::Table("people".into());
    let batch =
        vec![string("a", 1, "v"), record(&place, "ada", 2, "{}"), record(&place, "bob", 3, "{no json")];
    assert_eq!(owner.try_apply(batch).unwrap_err().kind, ErrorKind::Refused);
    assert_eq!(owner.connection.count(&place, 0), Ok(0));
    assert_eq!(owner.content(&Place::Keys(0), "a"), None);
    let no_text = ramekin::store::Change { key: vec![0xff], ..record(&place, "", 4, "{}") };
    assert_eq!(owner.try_apply(vec![no_text]).unwrap_err().kind, ErrorKind::Refused);
    owner.put(vec![record(&place, "ada", 2, "{}")]);
}

#[test]
fn a_file_that_somebody_else_writes_to_is_busy_until_that_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut owner = Owner::of(&path, 0);
    owner.put(vec![string("a", 1, "v")]);
    let db = Connection::open(&path).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(owner.try_apply(vec![string("b", 2, "v")]).unwrap_err().kind, ErrorKind::Busy);
    assert_eq!(owner.content(&Place::Keys(0), "a"), Some(Content::Whole(0, b"v".to_vec())));
    drop(db);
    owner.put(vec![string("b", 2, "v")]);
}
