//! What the simulation of a database with a store has found wrong, each by itself: keys that are gone, rows that are refused,
//! commits in doubt, tables at fault.

use crate::store::{Behind, record};
use ramekin::store::{ApplyFault, Content, Place, Store as _, Table};
use ramekin::value::codec::tag;
use ramekin::{Caller, Planned, Refusal, StoreTuning, command};

#[test]
fn what_was_gone_from_the_store_does_not_come_back_under_a_later_change() {
    let mut b = Behind::new();
    for line in ["SET s longer PX 100", "RPUSH l old", "HSET h f old", "PEXPIRE l 100", "PEXPIRE h 100"] {
        b.run(line);
    }
    b.flush();
    assert_eq!(b.evict(), 3);
    b.clock.advance(200);
    // Nobody has logged that they are gone.
    b.expect(
        r#"
        SETRANGE s 0 new => 3
        RPUSH l new => 1
        HSET h g new => 1
        "#,
    );
    b = b.crash();
    b.expect(
        r#"
        GET s => "new"
        LRANGE l 0 -1 => ["new"]
        HGETALL h => {"g": "new"}
        PTTL l => -1
        "#,
    );
}

#[test]
fn a_removal_that_the_store_refuses_is_not_forgotten() {
    let mut b = Behind::new();
    b.run("SET a 1");
    b.flush();
    b.store.faults().refuse(|change| change.content == Content::Gone);
    b.run("DEL a");
    b.flush();
    assert_eq!(b.db.quarantined().ok().unwrap().len(), 1);
    b = b.crash();
    b.expect("GET a => nil");
    b.db.checkpoint().unwrap();
    b = b.crash();
    b.expect("GET a => nil");
    b.store.faults().refuse_none();
    b.db.retry_quarantined(None).ok().unwrap();
    b.flush();
    assert_eq!((b.row("a"), b.db.quarantined().ok().unwrap().len()), (None, 0));
}

#[test]
fn a_row_that_is_tried_again_is_not_lost_by_a_crash_before_it_has_settled() {
    let mut b = Behind::new();
    b.store.faults().refuse(|_| true);
    b.run("SET bad x");
    b.flush();
    b.store.faults().refuse_none();
    b.store.faults().down = true;
    b.run("SET other y");
    b.db.retry_quarantined(None).ok().unwrap();
    b.db.settle_step();
    assert!(b.db.settled_lsn() < b.db.last_lsn());
    b = b.crash();
    b.db.retry_quarantined(None).ok().unwrap();
    b.flush();
    b.evict();
    b.expect("GET bad => \"x\"");
    assert_eq!(b.text("bad").as_deref(), Some("x"));
}

#[test]
fn others_write_while_a_commit_is_in_doubt_and_memory_takes_it_up() {
    let b = Behind::new();
    b.run(r#"TABLE.PUT t a {"by":"ours"}"#);
    b.store.faults().batches.push_back(ApplyFault::LostAfterCommit);
    b.flush();
    let theirs = Content::Record(r#"{"by": "theirs"}"#.to_owned());
    b.store.write_outside(&Place::Table("t".into()), b"a", Some(theirs));
    b.clock.advance(600);
    b.flush();
    b.clock.advance(10_000);
    b.flush();
    assert_eq!(record(&b, "t", "a").as_deref(), Some(r#"{"by": "theirs"}"#));
    assert_eq!(b.run("TABLE.GET t a"), r#""{\"by\": \"theirs\"}""#);
}

#[test]
fn a_table_of_which_the_store_has_not_heard_is_counted_and_listed() {
    let b = Behind::new();
    b.run("TABLE.CREATE new");
    b.run("SET a 1");
    assert_eq!(b.db.count_keys(0).ok(), Some(1));
    assert_eq!(b.db.cold_keys(0, None, 10).ok().map(|(keys, _)| keys.len()), Some(0));
}

#[test]
fn a_text_that_takes_the_place_of_a_record_waits_for_its_table_and_holds_up_no_other() {
    let b = Behind::new();
    b.run(r#"TABLE.PUT bad r {"n":1}"#);
    b.flush();
    b.store.faults().broken.insert(Place::Table("bad".into()));
    b.run("SET bad:r text");
    for key in ["a", "b", "c", "d", "e", "f"] {
        b.run(&format!("SET {key} 1"));
    }
    b.flush();
    assert_eq!(b.row("bad:r"), None);
    for key in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(b.text(key).as_deref(), Some("1"), "{key}");
    }
    b.store.faults().broken.clear();
    b.clock.advance(10_000);
    b.flush();
    assert_eq!((b.text("bad:r").as_deref(), record(&b, "bad", "r")), (Some("text"), None));
}

#[test]
fn a_transaction_finds_what_the_options_of_a_blind_command_ask_for() {
    let b = Behind::new();
    b.run("SET a 1");
    b.run(r#"TABLE.PUT t r {"n":1}"#);
    b.flush();
    assert_eq!(b.evict(), 2);
    let needs = |line: &str| {
        let args: Vec<_> = line.split_whitespace().map(str::as_bytes).collect();
        let command = command::resolve(&args).unwrap();
        let mut caller = Caller::at(b.db.now_ms());
        let planned = [Planned { db: 0, command, args: &args }];
        matches!(b.db.transaction(&mut caller, &planned, &[]), Err(Refusal::Needs(_)))
    };
    for line in ["SET a 2 XX", "SET a 2 keepttl", "SET a 2 GET", r#"TABLE.PUT t r {"n":2} XX"#] {
        assert!(needs(line), "{line}");
    }
    assert!(!needs("SET a 2 EX 100") && !needs(r#"TABLE.PUT t r {"n":2}"#), "these need not be fetched");
}

#[test]
fn a_checkpoint_is_taken_of_a_database_that_has_only_removals_to_settle() {
    let mut b = Behind::new();
    b.run("SET a 1");
    b.flush();
    b.run("DEL a");
    b.db.checkpoint().unwrap();
    // Read back, there are no entries at all beside the removal.
    b = b.crash();
    b.expect("GET a => nil");
    b.run("SET other 1");
    b.db.checkpoint().unwrap();
    b = b.crash();
    b.flush();
    assert_eq!((b.row("a"), b.text("other").as_deref()), (None, Some("1")));
}

#[test]
fn a_table_that_others_have_dropped_is_made_again_for_who_writes_and_who_reads() {
    let b = Behind::new();
    let table = Table { name: "t".into(), stored_as: None, key_column: None, data_column: None };
    let drop_table = || b.store.connect().unwrap().drop_table(&table, 1).unwrap();
    b.run(r#"TABLE.PUT t a {"n":1}"#);
    b.flush();
    drop_table();
    b.run(r#"TABLE.PUT t b {"n":2}"#);
    b.flush();
    b.clock.advance(10_000);
    b.flush();
    assert_eq!(record(&b, "t", "b").as_deref(), Some(r#"{"n": 2}"#));
    drop_table();
    b.expect("TABLE.GET t c => nil");
    assert_eq!(b.db.settled_lsn(), b.db.last_lsn());
}

#[test]
fn others_write_while_a_commit_of_ours_is_in_doubt_and_no_key_shows_what_its_row_has_not() {
    let b = Behind::new();
    b.run("SET gone old");
    b.flush();
    b.run("SET a ours");
    b.run("DEL gone");
    b.store.faults().batches.extend([ApplyFault::LostAfterCommit; 2]);
    let Ok(()) = b.db.flush_to_store(Box::new(drop)) else { panic!("there is a store") };
    b.db.settle_step();
    b.db.tune_store(&StoreTuning { outside_interval_ms: Some(10), ..StoreTuning::default() });
    b.clock.advance(20);
    assert_eq!((b.text("a").as_deref(), b.row("gone")), (Some("ours"), None), "it was committed");
    for key in ["a", "gone"] {
        let theirs = Content::Whole(tag::STRING, b"theirs".to_vec());
        b.store.write_outside(&Place::Keys(0), key.as_bytes(), Some(theirs));
    }
    // What others did is heard of before the outcome of the commit is known: lanes are in a pause.
    b.db.settle_step();
    for _ in 0..3 {
        b.clock.advance(6000);
        b.flush();
    }
    for key in ["a", "gone"] {
        let row = b.text(key).map_or("nil".to_owned(), |text| format!("{text:?}"));
        assert_eq!(b.run(&format!("GET {key}")), row, "{key}");
    }
}

#[test]
fn what_is_sent_once_more_after_a_crash_does_not_hide_what_others_have_written_since() {
    let mut b = Behind::new();
    b.run(r#"TABLE.PUT bad r {"n":1}"#);
    b.flush();
    b.store.faults().broken.insert(Place::Table("bad".into()));
    b.run(r#"TABLE.PUT bad r {"n":2}"#);
    b.run("SET a ours");
    b.flush();
    assert_eq!(b.text("a").as_deref(), Some("ours"), "it has settled, above the watermark");
    b = b.crash();
    let theirs = Content::Whole(tag::STRING, b"theirs".to_vec());
    b.store.write_outside(&Place::Keys(0), b"a", Some(theirs));
    b.store.faults().batches.extend([ApplyFault::Busy; 2]);
    b.clock.advance(600);
    b.db.settle_step();
    b.store.faults().batches.clear();
    for _ in 0..3 {
        b.clock.advance(6000);
        b.flush();
    }
    let row = b.text("a").unwrap();
    assert_eq!(b.run("GET a"), format!("{row:?}"));
}

#[test]
fn what_others_have_emptied_does_not_come_back_with_a_crash() {
    let mut b = Behind::new();
    for number in 1..=2 {
        b.run(&format!(r#"TABLE.PUT t a {{"n":{number}}}"#));
        b.flush();
    }
    assert_eq!(b.evict(), 1);
    b.clock.advance(2000);
    b.db.settle_step();
    b.store.empty_outside(&Place::Table("t".into()));
    b.clock.advance(2000);
    b.db.settle_step();
    b.expect("TABLE.GET t a => nil");
    b = b.crash();
    b.flush();
    b.expect("TABLE.GET t a => nil");
    assert_eq!(record(&b, "t", "a"), None);
}

#[test]
fn what_others_have_emptied_does_not_come_back_with_another_number_of_lanes() {
    let mut b = Behind::new();
    b.run(r#"TABLE.PUT t a {"n":1}"#);
    for _ in 0..3 {
        b.flush();
        b.clock.advance(2000);
        b.db.settle_step();
    }
    b.store.empty_outside(&Place::Table("t".into()));
    b.clock.advance(2000);
    b.db.settle_step();
    b.expect("TABLE.GET t a => nil");
    // One of two lanes has never had anything to settle; its watermark counts for the only one that is left.
    b = b.crash_and_open(&|behind| behind.lanes = 1);
    b.flush();
    b.expect("TABLE.GET t a => nil");
    assert_eq!(record(&b, "t", "a"), None);
}
