//! Commands on whole databases.

use crate::common::{Session, in_db, show, survives_in};
use ramekin::{Caller, Collector, Database, Options, Watch, command};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn a_flushed_database_is_empty_and_others_are_not() {
    for how in ["FLUSHDB", "FLUSHDB SYNC", "FLUSHDB async"] {
        let session = Session::new();
        (0..1_000).for_each(|n| assert_eq!(session.run(&format!("SET key:{n} v EX 100")), "OK"));
        assert_eq!(in_db(&session, 1, "SET other 1"), "OK");
        session.expect(&format!("{how} => OK \n DBSIZE => 0 \n EXISTS key:1 => 0 \n KEYS * => []"));
        assert_eq!(session.db.database_counts(0).expires, 0);
        assert_eq!(in_db(&session, 1, "DBSIZE"), "1");
        session.expect("SET key:1 new => OK \n GET key:1 => \"new\" \n TTL key:1 => -1 \n DBSIZE => 1");
        session.db.reclaim();
        session.reopen().expect("KEYS * => [\"key:1\"]");
    }
}

#[test]
fn all_databases_are_flushed_together() {
    let session = Session::new();
    session.expect("SET a 1 => OK");
    assert_eq!(in_db(&session, 5, "SET b 1"), "OK");
    session.expect("FLUSHALL => OK \n DBSIZE => 0 \n FLUSHALL SYNC => OK");
    assert_eq!(in_db(&session, 5, "DBSIZE"), "0");
    let session = session.reopen();
    assert_eq!(in_db(&session, 5, "DBSIZE"), "0");
}

#[test]
fn a_flush_refuses_what_it_does_not_know() {
    Session::new().expect(
        "
        FLUSHALL nonsense => ERR syntax error
        FLUSHDB SYNC ASYNC => ERR syntax error
        ",
    );
}

#[test]
fn databases_change_places_with_all_that_they_hold() {
    let session = Session::new();
    session.expect("SET a zero EX 100 => OK");
    assert_eq!(in_db(&session, 1, "SET a one"), "OK");
    session.expect("SWAPDB 0 1 => OK \n GET a => \"one\" \n TTL a => -1 \n SWAPDB 1 1 => OK");
    assert_eq!(in_db(&session, 1, "GET a"), "\"zero\"");
    session.expect(
        "
        SWAPDB x 1 => ERR invalid first DB index
        SWAPDB 99 x => ERR invalid second DB index
        SWAPDB 0 99 => ERR DB index is out of range
        SWAPDB -1 0 => ERR DB index is out of range
        ",
    );
}

#[test]
fn what_was_done_to_whole_databases_survives() {
    survives_in(&[0, 1], &["SET a 1", "MOVE a 1", "SET b 2 EX 100", "SWAPDB 0 1", "SET c 3"]);
    survives_in(&[0, 1], &["SET a 1", "MOVE a 1", "SET b 2", "FLUSHDB", "RPUSH c 3"]);
    survives_in(&[0, 1], &["SET a 1", "SWAPDB 0 1", "FLUSHDB", "SWAPDB 0 1", "SET d 1"]);
    survives_in(&[0, 1], &["SET a 1", "MOVE a 1", "SET b 2", "FLUSHALL", "SET d 1"]);
}

#[test]
fn a_blocked_client_gets_what_a_swap_brings_to_its_database() {
    let db = Database::memory(&Options::default()).unwrap();
    db.execute(&[b"RPUSH", b"l", b"x"]).unwrap();
    let (sender, receiver) = channel();
    let mut caller = Caller::at(db.now_ms());
    caller.db = 1;
    let blpop = command::find(b"blpop").unwrap();
    let mut out = Collector::new();
    let deliver = Box::new(move |served| sender.send(served).unwrap());
    let (_, waiter) = db.run_or_wait(&mut caller, blpop, &[b"BLPOP", b"l", b"0"], &mut out, deliver);
    assert!(waiter.is_some(), "nothing is in database 1 yet");
    db.execute(&[b"SWAPDB", b"0", b"1"]).unwrap();
    let (response, _) = receiver.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(show(&response), "[\"l\", \"x\"]");
}

#[test]
fn a_blocked_client_waits_for_its_database_number_also_after_a_swap() {
    let db = Database::memory(&Options::default()).unwrap();
    let (sender, receiver) = channel();
    let mut caller = Caller::at(db.now_ms());
    let blpop = command::find(b"blpop").unwrap();
    let deliver = Box::new(move |served| sender.send(served).unwrap());
    let mut out = Collector::new();
    let (_, waiter) = db.run_or_wait(&mut caller, blpop, &[b"BLPOP", b"l", b"0"], &mut out, deliver);
    assert!(waiter.is_some());
    db.execute(&[b"SWAPDB", b"0", b"1"]).unwrap();
    assert!(receiver.try_recv().is_err());
    db.execute(&[b"RPUSH", b"l", b"x"]).unwrap();
    let (response, _) = receiver.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(show(&response), "[\"l\", \"x\"]");
}

#[test]
fn a_watch_ends_with_the_keys_of_a_database_and_not_with_what_was_not_there() {
    let raised_by = |change: &str| {
        let session = Session::new();
        session.expect("SET here 1 => OK \n SET other 1 => OK");
        let (here, absent) = (Arc::new(Watch::default()), Arc::new(Watch::default()));
        let caller = Caller::at(session.db.now_ms());
        assert!(session.db.watch(&caller, b"here", &here));
        assert!(!session.db.watch(&caller, b"absent", &absent));
        session.expect(&format!("{change} => OK"));
        (here.is_raised(), absent.is_raised())
    };
    for change in ["FLUSHDB", "FLUSHALL", "SWAPDB 0 1", "SWAPDB 1 0"] {
        assert_eq!(raised_by(change), (true, false), "{change}");
    }
    assert_eq!(raised_by("SWAPDB 1 2"), (false, false));
}

#[test]
fn a_watch_stays_with_the_number_of_its_database() {
    let session = Session::new();
    let watch = Arc::new(Watch::default());
    session.db.watch(&Caller::at(session.db.now_ms()), b"k", &watch);
    session.expect("SWAPDB 0 1 => OK");
    assert_eq!(in_db(&session, 1, "SET k 1"), "OK");
    assert!(!watch.is_raised());
    session.db.unwatch(0, b"k", &watch);
    session.expect("SET k 1 => OK");
    assert!(!watch.is_raised(), "it was ended for the number it was begun with");
    session.db.watch(&Caller::at(session.db.now_ms()), b"k", &watch);
    session.expect("SWAPDB 1 2 => OK \n SWAPDB 1 2 => OK \n SET k 2 => OK");
    assert!(watch.is_raised());
}

#[test]
fn the_removal_of_what_had_expired_before_it_was_watched_is_no_change() {
    let session = Session::new();
    session.expect("SET k 1 PX 10 => OK");
    session.pass(11);
    let watch = Arc::new(Watch::default());
    assert!(!session.db.watch(&Caller::at(session.db.now_ms()), b"k", &watch));
    session.db.sweep();
    session.expect("DEL k => 0 \n FLUSHALL => OK");
    assert!(!watch.is_raised());
    session.expect("SET k 1 => OK");
    assert!(watch.is_raised());
}
