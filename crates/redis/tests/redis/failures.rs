//! What goes wrong, and what it is told as.

use crate::owner::{Owner, change, claim, set, tagged};
use crate::proxy::{Cut, Proxy};
use crate::server::Server;
use ramekin::store::{Change, Content, ErrorKind, Place, Store};
use std::time::Duration;

#[test]
fn a_server_that_is_killed_has_what_it_had_confirmed() {
    let mut server = Server::new();
    let mut owner = Owner::at(&server.url(0));
    owner.put(vec![set("a", 1, "1")]);
    server.kill();
    owner.fails(vec![set("a", 2, "2")], &ErrorKind::Unavailable);
    assert_eq!(owner.store.connect().map(drop).expect_err("it is away").kind, ErrorKind::Unavailable);
    server.start();
    owner.reconnect();
    assert_eq!(owner.text("a").as_deref(), Some("1"));
    owner.put(vec![set("a", 2, "2")]);
}

#[test]
fn a_commit_whose_answer_is_lost_is_in_doubt_and_the_position_tells() {
    let server = Server::with(&[]);
    let proxy = Proxy::new(server.port);
    let mut owner = Owner::at(&proxy.url);
    for (cut, version, is_applied) in [(Cut::Answer, 1, true), (Cut::Commit, 2, false)] {
        let batch = owner.batch(vec![set("a", version, "new")]);
        proxy.set(cut);
        owner.fails(batch.changes.clone(), &ErrorKind::InDoubt);
        proxy.set(Cut::Nothing);
        owner.reconnect();
        let sequence = owner.connection.position(0, owner.epoch).expect("a position").sequence;
        assert_eq!(sequence == batch.sequence, is_applied);
        assert_eq!(owner.load(&Place::Keys(0), "a").map(|row| row.version == version), Some(is_applied));
    }
    owner.put(vec![set("a", 2, "new")]);
}

#[test]
fn a_commit_that_arrives_after_the_position_was_asked_for_does_nothing() {
    let server = Server::with(&[]);
    let proxy = Proxy::new(server.port);
    let mut owner = Owner::at(&proxy.url);
    owner.put(vec![set("a", 1, "1")]);
    proxy.set(Cut::Late);
    owner.fails(vec![set("a", 2, "late")], &ErrorKind::InDoubt);
    proxy.set(Cut::Nothing);
    owner.reconnect();
    proxy.release();
    assert_eq!(owner.text("a").as_deref(), Some("1"));
    owner.put(vec![set("a", 3, "3")]);
    assert_eq!(owner.text("a").as_deref(), Some("3"));
}

#[test]
fn a_server_that_falls_silent_holds_nobody_for_ever() {
    let server = Server::with(&[]);
    let proxy = Proxy::new(server.port);
    let mut owner = Owner::at(&format!("{}?timeout=1", proxy.url));
    owner.put(vec![set("a", 1, "1")]);
    proxy.set(Cut::Silent);
    owner.fails(vec![set("a", 2, "2")], &ErrorKind::InDoubt);
}

#[test]
fn a_server_that_has_lost_what_it_had_confirmed_is_not_gone_on_with() {
    // A replica that is promoted without the last writes, at the address that the primary had.
    let (primary, replica) = (Server::with(&[]), Server::with(&[]));
    replica.follow(&primary);
    let proxy = Proxy::new(primary.port);
    let mut owner = Owner::at(&proxy.url);
    owner.put(vec![set("a", 1, "1")]);
    replica.other(0).wait_for("GET a", "1");
    replica.other(0).ask(&["REPLICAOF", "NO", "ONE"]);
    owner.put(vec![set("a", 2, "2")]);
    proxy.lead_to(replica.port);
    for _ in 0..2 {
        let error = owner.store.connect().map(drop).expect_err("it is behind");
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.text.contains("store-attach memory"), "{error}");
    }
    replica.other(0).ask(&["FLUSHALL"]);
    assert_eq!(owner.store.connect().map(drop).expect_err("it is empty").kind, ErrorKind::Unavailable);
    // The folder knows of an epoch that an empty server does not.
    let refused = Owner::claiming(&replica.url(0), &claim(owner.epoch)).map(|owner| owner.epoch);
    assert_eq!(refused.expect_err("it is another store").kind, ErrorKind::Foreign);
}

#[test]
fn a_server_that_is_emptied_under_a_connection_is_not_gone_on_with() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    owner.put(vec![set("a", 1, "1")]);
    owner.put(vec![set("a", 2, "2")]);
    server.other(0).ask(&["FLUSHALL"]);
    owner.fails(vec![set("a", 3, "3")], &ErrorKind::InDoubt);
    let error = owner.connection.position(0, owner.epoch).expect_err("there is nothing");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.text.contains("lost what it had confirmed"), "{error}");
}

#[test]
fn a_batch_is_confirmed_once_replicas_have_it_if_the_address_asks_for_that() {
    let (primary, replica) = (Server::with(&[]), Server::with(&[]));
    let url = format!("{}?wait=1&timeout=2", primary.url(0));
    let error = Owner::claiming(&url, &claim(0)).map(|owner| owner.epoch).expect_err("there is no replica");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.text.contains("replicas"), "{error}");
    replica.follow(&primary);
    let mut owner = Owner::claiming(&url, &claim(1)).unwrap();
    owner.put(vec![set("a", 1, "1")]);
    assert_eq!(replica.other(0).says(&["GET", "a"]), "1");
    drop(replica);
    owner.fails(vec![set("a", 2, "2")], &ErrorKind::InDoubt);
    let mut asks = owner.store.connect().unwrap();
    let error = asks.position(0, owner.epoch).expect_err("no replica has it");
    assert_eq!(error.kind, ErrorKind::Unavailable);
}

#[test]
fn a_batch_is_confirmed_once_it_is_synced_if_the_address_asks_for_that() {
    let server = Server::with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let mut owner = Owner::at(&format!("{}?fsync=yes", server.url(0)));
    owner.put(vec![set("a", 1, "1")]);
    let plain = Server::with(&[]);
    let error = Owner::claiming(&format!("{}?fsync=yes", plain.url(0)), &claim(0)).map(|owner| owner.epoch);
    assert!(error.expect_err("it keeps no file").text.contains("appendonly"));
}

#[test]
fn a_full_memory_is_unavailable_and_leaves_nothing() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    owner.put(vec![set("a", 1, "1")]);
    let mut other = server.other(0);
    other.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let said = owner.fails(vec![set("a", 2, "2"), set("b", 3, "2")], &ErrorKind::Unavailable);
    assert!(said.contains("maxmemory"), "{said}");
    other.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    owner.reconnect();
    assert_eq!((owner.text("a").as_deref(), owner.text("b")), (Some("1"), None));
    owner.put(vec![set("a", 2, "2"), set("b", 3, "2")]);
}

#[test]
fn a_primary_that_becomes_a_replica_takes_nothing_more() {
    let (server, next) = (Server::with(&[]), Server::with(&[]));
    let mut owner = Owner::at(&server.url(0));
    owner.put(vec![set("a", 1, "1")]);
    server.other(0).ask(&["REPLICAOF", "127.0.0.1", &next.port.to_string()]);
    let said = owner.fails(vec![set("a", 2, "2")], &ErrorKind::Unavailable);
    assert!(said.contains("replica"), "{said}");
}

#[test]
fn keys_of_ours_that_others_have_overwritten_stop_a_batch_before_it_begins() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    owner.put(vec![set("a", 1, "1")]);
    let mut other = server.other(0);
    owner.put(vec![Change { expire_at_ms: 1 << 50, ..tagged(set("b", 1, "1"), &["x"]) }]);
    for name in ["rows:0", "keys:0", "expiry:0", "tags", "tags:0", "tags:0:b", "tag:0:x"] {
        let name = &format!("ramekin:{name}");
        other.ask(&["RENAME", name, "kept"]);
        other.ask(&["SET", name, "theirs"]);
        let said = owner
            .fails(vec![set("a", 2, "2"), tagged(set("b", 2, "2"), &["x", "y"])], &ErrorKind::Unavailable);
        assert!(said.contains("ramekin:"), "{said}");
        assert_eq!(other.says(&["GET", "a"]), "1");
        other.ask(&["DEL", name]);
        other.ask(&["RENAME", "kept", name]);
    }
    owner.put(vec![set("a", 2, "2")]);
}

#[test]
fn a_row_that_fails_inside_of_the_commit_takes_back_its_batch() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    owner.put(vec![set("a", 1, "1")]);
    server.other(0).ask(&["CONFIG", "SET", "proto-max-bulk-len", "1mb"]);
    let parts = vec![vec![b'x'; 700_000]; 2];
    let long = change(&Place::Keys(0), "long", 3, Content::Parts(0, parts));
    let said = owner.fails(vec![set("a", 2, "2"), long], &ErrorKind::Refused);
    assert!(said.contains("exceeds"), "{said}");
    let lane = server.other(0).says(&["HGET", "ramekin:lane:0", "sequence"]);
    assert_eq!(lane, "1");
    owner.put(vec![set("a", 2, "2")]);
    assert_eq!(owner.text("a").as_deref(), Some("2"));
}

#[test]
fn tags_of_a_batch_that_was_taken_back_are_written_and_counted_once() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let keys = Place::Keys(0);
    owner.put(vec![tagged(set("a", 1, "1"), &["old", "both"]), tagged(set("b", 1, "1"), &["old"])]);
    server.other(0).ask(&["CONFIG", "SET", "proto-max-bulk-len", "1mb"]);
    let parts = vec![vec![b'x'; 700_000]; 2];
    let long = tagged(change(&keys, "long", 3, Content::Parts(0, parts)), &["new"]);
    let again = || vec![tagged(set("a", 2, "2"), &["new", "both"]), set("b", 2, "2"), set("c", 2, "2")];
    for _ in 0..2 {
        owner.fails([again(), vec![long.clone()]].concat(), &ErrorKind::Refused);
        assert_eq!(owner.text("a"), None);
    }
    owner.put(again());
    owner.put(vec![tagged(set("long", 4, "short"), &[])]);
    let mut tags = owner.load(&keys, "a").expect("it is there").tags;
    tags.sort_unstable();
    assert_eq!(tags, [b"both".to_vec(), b"new".to_vec()]);
    let mut counts = owner.connection.tag_counts(&keys, 0).unwrap();
    counts.sort();
    assert_eq!(counts, [(b"both".to_vec(), 1), (b"new".to_vec(), 1), (b"old".to_vec(), 1)]);
}

#[test]
fn a_row_that_has_expired_is_not_removed_under_a_batch_that_brings_it_back() {
    let server = Server::with(&[]);
    let proxy = Proxy::new(server.port);
    let mut owner = Owner::at(&proxy.url);
    let keys = Place::Keys(0);
    let old = Change { expire_at_ms: 1_000, ..tagged(set("a", 1, "old"), &["x"]) };
    owner.put(vec![old]);
    let mut remover = owner.store.connect().unwrap();
    let (epoch, page) = (owner.epoch, Ok(vec![(b"a".to_vec(), 2)]));
    proxy.set(Cut::Held);
    std::thread::scope(|scope| {
        let batch = scope.spawn(|| owner.put(vec![tagged(set("a", 2, "new"), &["x"])]));
        proxy.wait_until_held();
        let removal = scope.spawn(|| remover.remove_expired(&keys, 2_000, 10, epoch));
        // Long enough for a removal that does not wait.
        std::thread::sleep(Duration::from_millis(200));
        proxy.set(Cut::Nothing);
        batch.join().unwrap();
        assert_eq!(removal.join().unwrap(), Ok(0));
    });
    assert_eq!(owner.connection.page(&keys, None, 10, 0), page);
    assert_eq!(owner.connection.tagged(&keys, b"x", None, 10, 0), page);
    assert_eq!(owner.connection.tag_counts(&keys, 0), Ok(vec![(b"x".to_vec(), 1)]));
}

#[test]
fn a_removal_that_arrives_late_removes_nothing_once_a_batch_has_begun() {
    let server = Server::with(&[]);
    let proxy = Proxy::new(server.port);
    let mut owner = Owner::at(&proxy.url);
    let keys = Place::Keys(0);
    owner.put(vec![Change { expire_at_ms: 1_000, ..set("a", 1, "old") }]);
    let mut remover = owner.store.connect().unwrap();
    proxy.set(Cut::Late);
    let removed = remover.remove_expired(&keys, 2_000, 10, owner.epoch);
    assert_eq!(removed.expect_err("its line is lost").kind, ErrorKind::Unavailable);
    proxy.set(Cut::Held);
    std::thread::scope(|scope| {
        let batch = scope.spawn(|| owner.put(vec![set("b", 2, "new")]));
        // What ends the removal comes first.
        proxy.wait_until_held();
        proxy.set(Cut::Held);
        proxy.wait_until_held();
        proxy.release();
        proxy.set(Cut::Nothing);
        batch.join().unwrap();
    });
    assert_eq!(owner.connection.count(&keys, 0), Ok(2));
}

#[test]
fn rows_that_cannot_be_kept_are_refused() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let late = Change { expire_at_ms: u64::MAX, ..set("k", 2, "v") };
    let none = change(&Place::Keys(0), "k", 2, Content::Parts(0, Vec::new()));
    for row in [late, none] {
        owner.fails(vec![set("a", 1, "1"), row], &ErrorKind::Refused);
    }
    assert_eq!(owner.text("a"), None);
    owner.put(vec![set("a", 1, "1")]);
}

#[test]
fn an_emptying_goes_through_many_rows_while_others_are_written() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let keys = Place::Keys(0);
    owner.put((0..5_000).map(|number| set(&format!("old {number:05}"), number + 1, "v")).collect());
    let mut remover = owner.store.connect().unwrap();
    let epoch = owner.epoch;
    std::thread::scope(|scope| {
        let emptied = scope.spawn(move || remover.empty(&Place::Keys(0), 5_000, epoch));
        for number in 0..50 {
            owner.put(vec![set(&format!("new {number:02}"), 6_000 + number, "v")]);
        }
        assert_eq!(emptied.join().unwrap(), Ok(()));
    });
    assert_eq!(owner.connection.count(&keys, 0), Ok(50));
    assert_eq!(server.other(0).says(&["KEYS", "old *"]), "");
}
