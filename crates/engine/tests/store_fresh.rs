//! Records that are asked for as the store has them now.

use crate::store::{Behind, record};
use ramekin::store::{Content, Place};

const OURS: &str = r#""{\"by\": \"ours\"}""#;
const THEIRS: &str = r#""{\"by\": \"theirs\"}""#;

fn place() -> Place {
    Place::Table("t".into())
}

fn theirs() -> Option<Content> {
    Some(Content::Record(r#"{"by":"theirs"}"#.to_owned()))
}

/// A record that is in memory and in the store.
fn settled() -> Behind {
    let b = Behind::new();
    b.run(r#"TABLE.PUT t a {"by":"ours"}"#);
    b.flush();
    b
}

#[test]
fn what_others_have_just_written_is_read_if_it_is_asked_for() {
    let b = settled();
    b.store.write_outside(&place(), b"a", theirs());
    assert_eq!(b.run("TABLE.GET t a"), OURS, "nobody has noticed yet");
    assert_eq!(b.run("TABLE.GET t a FRESH"), THEIRS);
    assert_eq!(b.run("TABLE.GET t a"), THEIRS);
    b.store.write_outside(&place(), b"a", None);
    assert_eq!(b.run("table.get t a fresh"), "nil");
    assert_eq!(b.run("TABLE.GET t a"), "nil");
    b.store.write_outside(&place(), b"a", theirs());
    assert_eq!(b.run("TABLE.GET t a"), "nil");
    assert_eq!(b.run("TABLE.GET t a FRESH"), THEIRS);
}

#[test]
fn an_own_change_that_has_not_settled_counts_for_more_than_the_row() {
    let b = settled();
    b.run(r#"TABLE.PUT t a {"by":"us,again"}"#);
    b.store.write_outside(&place(), b"a", theirs());
    assert_eq!(b.run("TABLE.GET t a FRESH"), r#""{\"by\": \"us,again\"}""#);
    b.run("TABLE.DEL t a");
    assert_eq!(b.run("TABLE.GET t a FRESH"), "nil");
    b.run(r#"TABLE.PUT t new {"n":1}"#);
    assert_eq!(b.run("TABLE.GET t new FRESH"), r#""{\"n\": 1}""#);
    b.flush();
    assert_eq!(record(&b, "t", "new").as_deref(), Some(r#"{"n": 1}"#));
}

#[test]
fn a_record_that_nobody_else_has_changed_stays_in_memory_and_nothing_is_logged() {
    let b = settled();
    let last = b.db.last_lsn();
    let fetched = b.db.store_stats().unwrap().fetched;
    for _ in 0..3 {
        assert_eq!(b.run("TABLE.GET t a FRESH"), OURS);
        assert_eq!(b.run("TABLE.GET t none FRESH"), "nil");
    }
    assert_eq!((b.db.last_lsn(), b.db.store_stats().unwrap().fetched), (last, fetched));
    b.store.faults().down = true;
    assert_eq!(b.run("TABLE.GET t a"), OURS);
}

#[test]
fn while_the_store_is_gone_it_says_so_and_memory_keeps_the_record() {
    let b = settled();
    b.store.faults().down = true;
    assert!(b.run("TABLE.GET t a FRESH").contains("STOREDOWN"));
    assert_eq!(b.run("TABLE.GET t a"), OURS);
    b.store.faults().down = false;
    assert_eq!(b.run("TABLE.GET t a FRESH"), OURS);
}

#[test]
fn what_was_read_so_is_there_after_a_crash() {
    let b = settled();
    b.store.write_outside(&place(), b"a", theirs());
    assert_eq!(b.run("TABLE.GET t a FRESH"), THEIRS);
    let b = b.crash();
    assert_eq!(b.run("TABLE.GET t a"), THEIRS);
}

#[test]
fn other_words_are_a_syntax_error_and_without_a_store_it_is_a_read_like_others() {
    let b = settled();
    assert!(b.run("TABLE.GET t a STALE").contains("syntax error"));
    assert!(b.run("TABLE.GET t a FRESH now").contains("syntax error"));
    let alone = crate::common::Session::new();
    alone.run(r#"TABLE.PUT t a {"by":"ours"}"#);
    assert_eq!(alone.run("TABLE.GET t a FRESH"), OURS);
}
