//! Keys that become or were records: a table over keys that are there, a dropped table, one that others had made.

use crate::store::{Behind, record};
use ramekin::StoreTuning;
use ramekin::store::{Content, MemoryStore, Place};

fn orders() -> Place {
    Place::Table("orders".into())
}

fn adopted() -> Option<Content> {
    Some(Content::Record(r#"{"by": "others"}"#.to_owned()))
}

const ADOPTED: &str = r#"TABLE.GET orders o => "{\"by\": \"others\"}""#;

#[test]
fn a_key_that_was_nowhere_is_a_record_of_a_table_that_is_taken() {
    let b = Behind::with(MemoryStore::new().deaf(), &|_| {});
    b.store.write_outside(&orders(), b"o", adopted());
    b.expect("GET orders:o => nil");
    b.run("TABLE.CREATE orders");
    b.expect(ADOPTED);
}

#[test]
fn removing_a_key_removes_no_row_of_a_table_that_is_taken_later() {
    let b = Behind::new();
    b.run("SET orders:o text");
    b.flush();
    b.store.write_outside(&orders(), b"o", adopted());
    b.run("DEL orders:o");
    b.run("TABLE.CREATE orders");
    b.flush();
    assert_eq!(b.row("orders:o"), None);
    assert!(record(&b, "orders", "o").is_some(), "it is the row of somebody else");
}

#[test]
fn dropping_a_table_removes_no_row_of_one_that_is_taken_in_its_place() {
    let b = Behind::new();
    b.run(r#"TABLE.PUT orders o {"n":1}"#);
    b.flush();
    b.run("TABLE.DROP orders");
    for _ in 0..3 {
        b.clock.advance(1500);
        b.db.settle_step();
    }
    b.store.write_outside(&orders(), b"o", adopted());
    assert_eq!(b.run("TABLE.CREATE orders"), "OK");
    b.flush();
    assert!(record(&b, "orders", "o").is_some(), "it is the row of somebody else");
    b.expect(ADOPTED);
}

#[test]
fn what_lies_elsewhere_is_there_while_its_table_is_dropped_and_after() {
    let b = Behind::new();
    b.run("SET orders:plain text");
    b.flush();
    b.run(r#"TABLE.PUT orders o {"n":1}"#);
    b.flush();
    b.evict();
    b.run("TABLE.DROP orders");
    b.expect("GET orders:plain => \"text\"");
    for _ in 0..3 {
        b.clock.advance(2000);
        b.flush();
    }
    b.evict();
    b.expect("GET orders:plain => \"text\"\nGET orders:o => nil");
    assert_eq!(b.store.rows().len(), 1);
}

#[test]
fn a_dropped_table_is_not_made_again_by_what_was_under_way() {
    let b = Behind::new();
    for number in 0..10 {
        b.run(&format!(r#"TABLE.PUT orders o{number} {{"n":1}}"#));
    }
    // The batch is taken and does not get through.
    b.store.faults().down = true;
    b.flush();
    b.run("TABLE.DROP orders");
    b.store.faults().down = false;
    for _ in 0..10 {
        b.clock.advance(6000);
        b.flush();
    }
    assert_eq!(b.store.rows().len(), 0);
    let stats = b.db.store_stats().unwrap();
    assert_eq!((stats.unsettled_records, stats.unsettled_bytes), (0, 0));
    assert_eq!(b.run("TABLE.CREATE orders"), "OK");
    b.expect("TABLE.GET orders o1 => nil");
}

#[test]
fn what_was_held_back_of_a_table_settles_as_soon_as_it_is_dropped() {
    let b = Behind::new();
    b.run(r#"TABLE.PUT orders o {"n":1}"#);
    b.flush();
    b.store.faults().broken.insert(orders());
    b.run(r#"TABLE.PUT orders p {"n":2}"#);
    b.flush();
    assert_eq!(b.db.store_stats().unwrap().unsettled_records, 1);
    b.run("TABLE.DROP orders");
    b.store.faults().broken.clear();
    // What is held back would be tried again after five seconds.
    for _ in 0..3 {
        b.clock.advance(1000);
        b.flush();
    }
    assert_eq!(b.db.store_stats().unwrap().unsettled_records, 0);
    assert_eq!(b.db.settled_lsn(), b.db.last_lsn());
    assert_eq!(b.store.rows().len(), 0);
}

#[test]
fn a_flush_ends_whatever_the_store_has_heard_of_tables() {
    let b = Behind::new();
    b.db.tune_store(&StoreTuning { may_flush: Some(true), ..StoreTuning::default() });
    b.run("SET a 1");
    b.flush();
    b.run("TABLE.CREATE orders");
    b.run("FLUSHALL");
    b.clock.advance(2000);
    b.flush();
    assert_eq!(b.store.rows().len(), 0);
    assert_eq!(b.db.count_keys(0).ok(), Some(0));
    b.run(r#"TABLE.PUT orders o {"n":1}"#);
    b.flush();
    let b = b.crash();
    b.expect(r#"TABLE.GET orders o => "{\"n\": 1}""#);
}

#[test]
fn a_flush_empties_the_quarantine() {
    let b = Behind::new();
    b.db.tune_store(&StoreTuning { may_flush: Some(true), ..StoreTuning::default() });
    b.store.faults().refuse(|change| change.key == b"bad");
    b.run("SET bad 1");
    b.flush();
    assert_eq!(b.db.quarantined().ok().unwrap().len(), 1);
    b.run("FLUSHALL");
    b.clock.advance(2000);
    b.flush();
    assert_eq!(b.db.quarantined().ok().unwrap().len(), 0);
    assert_eq!(b.db.store_stats().unwrap().quarantined_bytes, 0);
}

#[test]
fn what_was_deleted_goes_though_its_table_is_changed_before_that_has_settled() {
    let b = Behind::new();
    b.run("TABLE.PUT t k {}");
    b.flush();
    b.run("TABLE.DEL t k");
    assert_eq!(b.run("TABLE.CREATE t TTL 1000"), "OK");
    b.flush();
    assert_eq!(b.run("TABLE.GET t k"), "nil");
    assert_eq!(b.store.rows().len(), 0);
}
