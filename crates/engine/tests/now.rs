//! Commands for callers that must not wait.

use crate::store::Behind;
use ramekin::value::json::{Builder, View};
use ramekin::{Collector, Database, Options, RecordForm, Response, Tried, command};

fn try_run(db: &Database, words: &[&str]) -> (Tried, Option<Response>) {
    let args: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let (row, mut out) = (command::resolve(&args).unwrap(), Collector::new());
    (db.try_run(0, row, &args, &mut out), out.into_response())
}

#[test]
fn what_only_the_store_has_is_not_waited_for_and_nothing_has_changed() {
    let behind = Behind::new();
    let db = &behind.db;
    assert!(matches!(try_run(db, &["SET", "number", "1"]).0, Tried::Done(_)));
    behind.flush();
    assert_eq!(behind.evict(), 1);
    for words in [&["INCR", "number"][..], &["GET", "number"], &["APPEND", "number", "2"], &["DBSIZE"]] {
        assert_eq!(try_run(db, words).0, Tried::Waits, "{words:?}");
    }
    assert_eq!(db.execute(&[b"GET", b"number"]).unwrap(), Response::Bulk(b"1".to_vec()));
    let (tried, reply) = try_run(db, &["INCR", "number"]);
    assert!(matches!(tried, Tried::Done(_)), "it is in memory now");
    assert_eq!(reply, Some(Response::Int(2)));
}

#[test]
fn a_record_that_was_built_is_the_one_that_its_text_would_have_been() {
    let db = Database::memory(&Options { threads: false, ..Options::default() }).unwrap();
    let (mut builder, mut form, mut out) = (Builder::default(), Vec::new(), Collector::new());
    let open = builder.begin();
    for (key, number) in [("b", "1.50"), ("a", "12345678901234567890123"), ("long", "-7")] {
        builder.key(key);
        assert!(builder.decimal(number).is_some());
        builder.item(open);
    }
    builder.end_object(open);
    let tried = db.try_put_record((b"t", b"k"), &builder, &[], &mut form, &mut out);
    assert!(matches!(tried, Tried::Done(_)));
    assert_eq!(out.into_response(), Some(Response::Simple("OK".to_owned())));
    let text = br#"{"a": 12345678901234567890123, "b": 1.50, "long": -7}"#;
    assert_eq!(db.execute(&[b"TABLE.GET", b"t", b"k"]).unwrap(), Response::Bulk(text.to_vec()));
    db.execute(&[b"TABLE.PUT", b"t", b"other", text]).unwrap();
    let (mut one, mut other) = (RecordForm::default(), RecordForm::default());
    db.try_record(b"t", b"k", &mut one);
    db.try_record(b"t", b"other", &mut other);
    assert_eq!(one.bytes(), other.bytes());
    assert!(matches!(one.root().unwrap().view(), View::Object(object) if object.len() == 3));
    db.try_record(b"t", b"none", &mut one);
    assert!(one.bytes().is_none() && one.refusal().is_none());
    assert_eq!(builder.decimal("1.5x"), None);
}

#[test]
fn a_folder_that_was_closed_is_free_though_somebody_still_holds_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let held = Database::open(folder.path()).unwrap();
    held.set(b"a", b"1").unwrap();
    assert!(Database::open(folder.path()).is_err(), "it is open");
    held.close().unwrap();
    let next = Database::open(folder.path()).unwrap();
    assert_eq!(next.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    assert!(held.set(b"a", b"2").is_err(), "nothing changes through the one that was closed");
    assert_eq!(next.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
}
