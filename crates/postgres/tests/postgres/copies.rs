//! Batches with so many new rows that they are copied.

#![expect(clippy::disallowed_methods, reason = "what the server does is waited for")]

use crate::owner::{Owner, change, record};
use crate::server::Database;
use ramekin::store::{Change, Conflict, Content, ErrorKind, Expect, Place};
use std::thread;
use std::time::{Duration, Instant};

const ROWS: u64 = 1000;

/// Records in the order of their keys, of versions from this one on.
fn records(place: &Place, numbers: std::ops::Range<u64>, version: u64) -> Vec<Change> {
    let one = |n| record(place, &format!("k{n:05}"), version + n, &format!(r#"{{"n":{n},"by":{version}}}"#));
    numbers.map(one).collect()
}

#[test]
fn new_rows_settle_with_what_they_hold_until_when_and_unnoticed_by_the_triggers() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    let mut changes = records(&orders, 0..ROWS, 1);
    changes[7].expire_at_ms = 1_900_000_000_123;
    changes[8].content = Content::Record(r#"{"text":"ä\t\"\\ 😀"}"#.to_owned());
    owner.put(changes);
    let row = owner.load(&orders, "k00007").expect("the row is there");
    assert_eq!((row.version, row.stamp, row.expire_at_ms), (8, 0, 1_900_000_000_123));
    let other = database.other();
    let text: String = other.ask("SELECT data->>'text' FROM orders WHERE key = 'k00008'", &[])[0].get(0);
    assert_eq!(text, "ä\t\"\\ 😀");
    let odd = "SELECT count(*) FROM orders WHERE updated_at < now() - interval '1 hour' OR updated_at > now() OR stamp <> 0";
    assert_eq!(other.number(odd), 0);
    assert_eq!(other.number("SELECT count(*) FROM ramekin_outside"), 0);
    assert_eq!(other.number("SELECT count(*) FROM orders"), 1000);
}

#[test]
fn rows_that_are_there_change_beside_new_ones_unless_theirs_is_the_higher_version() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    owner.put(records(&orders, 0..ROWS, 1));
    // From 800 on they are there, and 900 is of a version that is higher than what comes.
    owner.put(vec![record(&orders, "k00900", 50_000, "[]")]);
    let conflicts = owner.apply(records(&orders, 800..800 + ROWS, 10_000));
    assert_eq!(conflicts, Ok(vec![(100, Conflict::Version(50_000))]));
    let other = database.other();
    assert_eq!(other.number("SELECT count(*) FROM orders WHERE ver >= 10000"), 1000);
    assert_eq!(other.number("SELECT count(*) FROM orders"), 1800);
    assert_eq!(owner.content(&orders, "k00900"), Some(Content::Record("[]".to_owned())));
}

#[test]
fn removals_and_replacements_count_in_the_batch_that_has_the_new_rows() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let (keys, orders) = (Place::Keys(0), owner.define("orders"));
    owner.put(vec![record(&orders, "a", 1, "1"), record(&orders, "b", 2, "2"), record(&orders, "c", 3, "3")]);
    database.other().run("UPDATE orders SET data = '9' WHERE key = 'b'");
    let mut changes = vec![change(&keys, "x", 10_000, Content::Whole(0, b"text".to_vec()))];
    changes.push(change(&orders, "a", 10_001, Content::Gone));
    changes.push(Change { expect: Expect::Stored(0), ..record(&orders, "b", 10_002, "4") });
    changes.push(Change { expect: Expect::Stored(0), ..record(&orders, "c", 10_003, "5") });
    changes.extend(records(&orders, 0..ROWS, 20_000));
    let conflicts = owner.apply(changes).expect("the batch is applied");
    assert!(matches!(conflicts[..], [(2, Conflict::Written(stamp))] if stamp != 0), "{conflicts:?}");
    assert_eq!(owner.content(&orders, "c"), Some(Content::Record("5".to_owned())));
    assert_eq!(owner.content(&orders, "a"), None);
    assert!(owner.load(&keys, "x").is_some());
    assert_eq!(database.other().number("SELECT count(*) FROM orders"), 1002);
}

#[test]
fn a_row_that_somebody_adds_meanwhile_is_changed_after_all() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    let other = database.other();
    // Nobody sees it yet, and whoever wants to add it waits.
    other.run("BEGIN; INSERT INTO orders (key, data) VALUES ('k00500', '\"theirs\"')");
    let changes = records(&orders, 0..ROWS, 1);
    let applying = thread::spawn(move || (owner.apply(changes), owner));
    let until = Instant::now() + Duration::from_secs(60);
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE query LIKE 'COPY%' AND wait_event_type = 'Lock' AND datname = current_database()";
    let onlooker = database.other();
    while onlooker.number(waiting) == 0 {
        assert!(Instant::now() < until && !applying.is_finished(), "nobody waits for the row");
        thread::sleep(Duration::from_millis(5));
    }
    other.run("COMMIT");
    let (applied, mut owner) = applying.join().expect("a thread");
    assert_eq!(applied, Ok(Vec::new()));
    assert_eq!(other.number("SELECT count(*) FROM orders WHERE ver > 0"), 1000);
    assert_ne!(owner.content(&orders, "k00500"), Some(Content::Record("\"theirs\"".to_owned())));
}

#[test]
fn a_row_that_is_not_taken_is_told_and_takes_the_whole_batch_back() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    let mut changes = records(&orders, 0..ROWS, 1);
    changes[500].content = Content::Record(r#"{"zero":"\u0000"}"#.to_owned());
    owner.fails(changes, &ErrorKind::Refused);
    let other = database.other();
    assert_eq!(other.number("SELECT count(*) FROM orders"), 0);
    other.run("ALTER TABLE orders ADD CONSTRAINT small CHECK ((data->>'n')::int < 700)");
    owner.fails(records(&orders, 0..ROWS, 1), &ErrorKind::Refused);
    assert_eq!(other.number("SELECT count(*) FROM orders"), 0);
    owner.put(records(&orders, 0..700, 1));
    assert_eq!(other.number("SELECT count(*) FROM orders"), 700);
}

#[test]
fn a_table_whose_columns_have_become_others_takes_rows_one_by_one() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    database.other().run(
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY; ALTER TABLE orders FORCE ROW LEVEL SECURITY;
                          CREATE POLICY all_rows ON orders USING (true) WITH CHECK (true)",
    );
    owner.put(records(&orders, 0..ROWS, 1));
    assert_eq!(database.other().number("SELECT count(*) FROM orders"), 1000);
}
