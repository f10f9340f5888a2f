//! What others write.

use crate::owner::{Owner, change, record, set};
use crate::server::Database;
use ramekin::store::{Change, Conflict, Content, Expect, Outside, Place};

/// What others have changed since the last time, in the order in which it is told.
fn told(owner: &mut Owner) -> Vec<(Place, Option<String>)> {
    let seen: Vec<Outside> = owner.connection.outside(1000).expect("what others did");
    let ids: Vec<u64> = seen.iter().map(|told| told.id).collect();
    owner.connection.forget_outside(&ids).expect("forgetting");
    let key = |key: Vec<u8>| String::from_utf8_lossy(&key).into_owned();
    seen.into_iter().map(|told| (told.place, told.key.map(key))).collect()
}

fn keys(owner: &mut Owner) -> Vec<Option<String>> {
    told(owner).into_iter().map(|(_, key)| key).collect()
}

fn some(keys: &[&str]) -> Vec<Option<String>> {
    keys.iter().map(|key| Some((*key).to_owned())).collect()
}

#[test]
fn every_way_of_writing_to_a_table_is_noticed() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    owner.put(vec![record(&orders, "a", 1, "[1]"), record(&orders, "b", 2, "[2]")]);
    assert_eq!(told(&mut owner), Vec::new());
    let other = database.other();
    other.run("INSERT INTO orders (key, data) VALUES ('c', '[3]'), ('back\\slash', '{}')");
    assert_eq!(keys(&mut owner), some(&["c", "back\\slash"]));
    other.run("UPDATE orders SET data = '[4]' WHERE key = 'a'");
    assert_eq!(keys(&mut owner), some(&["a"]));
    other.run("UPDATE orders SET key = 'd' WHERE key = 'c'");
    assert_eq!(keys(&mut owner), some(&["c", "d"]));
    other.run("DELETE FROM orders WHERE key = 'd'");
    assert_eq!(keys(&mut owner), some(&["d"]));
    other.run("BEGIN; DELETE FROM orders; ROLLBACK");
    assert_eq!(keys(&mut owner), some(&[]));
    other.run("TRUNCATE orders");
    assert_eq!(told(&mut owner), vec![(orders.clone(), None)]);
    assert_eq!(owner.load(&orders, "a"), None);
}

#[test]
fn writing_to_the_table_of_keys_is_noticed_and_takes_the_parts_along() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let keys = Place::Keys(0);
    let large =
        |key, version| change(&keys, key, version, Content::Parts(1, vec![b"1".to_vec(), b"2".to_vec()]));
    owner.put(vec![set("a", 1, "1"), large("b", 2), large("c", 3)]);
    let other = database.other();
    other.run("DELETE FROM ramekin_keys WHERE key = 'b'");
    assert_eq!(told(&mut owner), vec![(keys.clone(), Some("b".to_owned()))]);
    assert_eq!(other.number("SELECT count(*) FROM ramekin_parts"), 2);
    let known = Change { expect: Expect::Stored(0), ..large("b", 4) };
    assert_eq!(owner.apply(vec![known]), Ok(vec![(0, Conflict::Removed)]));
    assert_eq!(other.number("SELECT count(*) FROM ramekin_parts"), 2);
    other.run("TRUNCATE ramekin_keys");
    assert_eq!(told(&mut owner), vec![(keys, None)]);
    assert_eq!(other.number("SELECT count(*) FROM ramekin_parts"), 0);
}

#[test]
fn what_commits_late_is_told_late_and_never_lost() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    let (slow, quick) = (database.other(), database.other());
    slow.run("BEGIN; INSERT INTO orders (key, data) VALUES ('slow', '1')");
    quick.run("INSERT INTO orders (key, data) VALUES ('quick', '2')");
    assert_eq!(keys(&mut owner), some(&["quick"]));
    assert_eq!(owner.load(&orders, "slow"), None);
    slow.run("COMMIT");
    assert_eq!(keys(&mut owner), some(&["slow"]));
    assert_eq!(owner.content(&orders, "slow"), Some(Content::Record("1".to_owned())));
}

#[test]
fn others_cannot_set_a_version_that_would_stop_ours() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    owner.put(vec![record(&orders, "a", 5, "[1]")]);
    let other = database.other();
    other.run("UPDATE orders SET ver = 1000000, stamp = 0; INSERT INTO orders (key, data, ver) VALUES ('b', '1', 1000000)");
    let version = |owner: &mut Owner, key| owner.load(&orders, key).map(|row| (row.version, row.stamp > 0));
    assert_eq!(version(&mut owner, "a"), Some((5, true)));
    assert_eq!(version(&mut owner, "b"), Some((0, true)));
    owner.put(vec![record(&orders, "a", 6, "[2]"), record(&orders, "b", 7, "[3]")]);
}

#[test]
fn a_restore_that_says_it_is_ours_is_believed_only_for_its_transaction() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    owner.put(vec![record(&orders, "a", 5, "[1]")]);
    // What our own connections do outside of a batch is what others do.
    let other = database.other();
    other.run("BEGIN; SELECT set_config('ramekin.writer', store_id, true) FROM ramekin_meta; UPDATE orders SET data = '2'; COMMIT");
    assert_eq!(keys(&mut owner), some(&[]));
    other.run("UPDATE orders SET data = '3'");
    assert_eq!(keys(&mut owner), some(&["a"]));
}
