//! Tables of records: our own, and those that others had made.

use crate::owner::{Owner, claim, place, record, table};
use crate::server::Database;
use ramekin::store::{Change, Content, ErrorKind, Expect, Row, Table};

fn adopted() -> Table {
    Table {
        stored_as: Some("sales.\"Old Orders\"".to_owned()),
        key_column: Some("Order \"No\"".to_owned()),
        data_column: Some("doc".to_owned()),
        ..table("orders")
    }
}

#[test]
fn a_table_of_others_is_taken_with_its_rows_and_given_back_with_them() {
    let database = Database::new();
    let other = database.other();
    other.run(
        "CREATE SCHEMA sales; CREATE TABLE sales.\"Old Orders\" (id serial, \"Order \"\"No\"\"\" varchar(20) UNIQUE, doc json,
           created_at timestamptz DEFAULT now());
         INSERT INTO sales.\"Old Orders\" (\"Order \"\"No\"\"\", doc) VALUES ('o-1', '{\"state\": \"open\"}')",
    );
    let mut owner = Owner::at(&database.url);
    owner.connection.define(&adopted()).expect("it has what it needs");
    owner.connection.define(&adopted()).expect("and still does");
    let orders = place("orders");
    let there = Row {
        version: 0,
        stamp: 0,
        expire_at_ms: 0,
        content: Content::Record("{\"state\": \"open\"}".to_owned()),
        tags: Vec::new(),
    };
    assert_eq!(owner.load(&orders, "o-1"), Some(there));
    let known = Change { expect: Expect::Stored(0), ..record(&orders, "o-1", 5, "{\"state\":\"paid\"}") };
    owner.put(vec![known, record(&orders, "o-2", 6, "{}")]);
    assert_eq!(
        owner.connection.page(&orders, None, 9, 0).expect("a page"),
        [(b"o-1".to_vec(), 5), (b"o-2".to_vec(), 6)]
    );
    let expiries =
        "SELECT count(*) FROM pg_indexes WHERE schemaname = 'sales' AND indexdef LIKE '%(expires_at) WHERE%'";
    assert_eq!(other.number(expiries), 1, "what expires is not searched for row by row");
    owner.fails(vec![record(&orders, &"x".repeat(21), 7, "{}")], &ErrorKind::Refused);

    owner.connection.drop_table(&adopted(), owner.epoch).expect("it is given back");
    assert_eq!(other.number("SELECT count(*) FROM sales.\"Old Orders\" WHERE doc->>'state' = 'paid'"), 1);
    other.run("DELETE FROM sales.\"Old Orders\"");
    assert_eq!(owner.connection.outside(9), Ok(Vec::new()));
}

#[test]
fn a_cache_table_of_other_software_can_be_taken() {
    let database = Database::new();
    let other = database.other();
    other.run(
        "CREATE TABLE memdb_calls (key TEXT PRIMARY KEY, data JSONB NOT NULL, created_at TIMESTAMP DEFAULT now(),
           updated_at TIMESTAMP DEFAULT now()); INSERT INTO memdb_calls (key, data) VALUES ('c', '{\"a\": 1}')",
    );
    let mut owner = Owner::at(&database.url);
    let calls = Table { stored_as: Some("memdb_calls".to_owned()), ..table("calls") };
    owner.connection.define(&calls).expect("it has what it needs");
    owner.put(vec![record(&place("calls"), "d", 1, "{\"b\":[1.50,2]}")]);
    assert_eq!(owner.content(&place("calls"), "c"), Some(Content::Record("{\"a\": 1}".to_owned())));
    assert_eq!(owner.content(&place("calls"), "d"), Some(Content::Record("{\"b\": [1.50, 2]}".to_owned())));
    assert_eq!(other.number("SELECT count(*) FROM memdb_calls WHERE updated_at IS NOT NULL"), 2);
}

#[test]
fn a_table_that_cannot_hold_records_is_refused_with_the_cause() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    for (make, cause) in [
        ("CREATE TABLE t (key text PRIMARY KEY)", "no column data"),
        ("CREATE TABLE t (data jsonb)", "no column key"),
        ("CREATE TABLE t (key integer PRIMARY KEY, data jsonb)", "of type integer"),
        ("CREATE TABLE t (key text PRIMARY KEY, data text)", "of type text, not jsonb"),
        ("CREATE TABLE t (key text, data jsonb)", "not unique"),
        ("CREATE TABLE t (key text PRIMARY KEY, data jsonb, ver text)", "ver is of type text"),
        ("CREATE TABLE t (key text PRIMARY KEY, data jsonb) PARTITION BY LIST (key)", "plain table"),
        ("CREATE VIEW t AS SELECT ''::text AS key, '{}'::jsonb AS data", "plain table"),
    ] {
        database.other().run(make);
        let error = owner.connection.define(&table("t")).expect_err(make);
        assert_eq!(error.kind, ErrorKind::Table(place("t")), "{make}: {error}");
        assert!(error.text.contains(cause), "{make}: {error}");
        database.other().run(if make.contains("VIEW") { "DROP VIEW t" } else { "DROP TABLE t" });
    }
}

#[test]
fn versions_that_another_store_has_left_in_a_table_do_not_stop_ours() {
    let database = Database::new();
    database.other().run(
        "CREATE TABLE t (key text PRIMARY KEY, data jsonb, ver bigint NOT NULL DEFAULT 0, stamp bigint NOT NULL DEFAULT 0);
         INSERT INTO t VALUES ('a', '1', 1000000, 0)",
    );
    let mut owner = Owner::at(&database.url);
    let t = owner.define("t");
    assert_eq!(owner.load(&t, "a").map(|row| row.version), Some(0));
    owner.put(vec![record(&t, "a", 3, "2")]);
    // Our own are kept when the table is defined again.
    let epoch = owner.epoch;
    drop(owner);
    let mut owner = Owner::claiming(&database.url, &claim(epoch)).expect("a claim");
    let t = owner.define("t");
    assert_eq!(owner.load(&t, "a").map(|row| row.version), Some(3));
}

#[test]
fn people_can_read_records_and_look_them_up_by_what_they_hold() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    let expiring =
        Change { expire_at_ms: 1_800_000_000_123, ..record(&orders, "a", 1, "{\"state\":\"open\"}") };
    owner.put(vec![expiring, record(&orders, "b", 2, "{\"state\":\"paid\"}")]);
    let other = database.other();
    let sql = "SELECT count(*) FROM orders WHERE data @> '{\"state\": \"open\"}' AND expires_at = '2027-01-15 08:00:00.123+00'
               AND updated_at > now() - interval '1 minute'";
    assert_eq!(other.number(sql), 1);
    other.run("SET enable_seqscan = off");
    let plan = other.ask("EXPLAIN SELECT * FROM orders WHERE data @> '{\"state\": \"open\"}'", &[]);
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.join("\n").contains("orders_data_idx"), "{plan:?}");
}

#[test]
fn a_table_of_ours_that_was_dropped_is_made_anew_and_what_was_known_of_it_is_void() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    owner.put(vec![record(&orders, "a", 1, "{}")]);
    database.other().run("DROP TABLE orders");
    owner.fails(vec![record(&orders, "b", 2, "{}")], &ErrorKind::Table(orders.clone()));
    owner.define("orders");
    owner.put(vec![record(&orders, "b", 2, "{}")]);
    assert_eq!(owner.load(&orders, "a"), None);
    let told = owner.connection.outside(9).expect("what others did");
    let told: Vec<_> = told.into_iter().map(|told| (told.place, told.key)).collect();
    assert_eq!(told, [(orders, None)]);
    // And it is watched as the first one was.
    database.other().run("DELETE FROM orders");
    assert_eq!(owner.connection.outside(9).expect("what others did").len(), 2);
}

#[test]
fn a_table_of_others_that_is_gone_is_theirs_to_make_again() {
    let database = Database::new();
    let other = database.other();
    other.run("CREATE TABLE theirs (key text PRIMARY KEY, data jsonb)");
    let mut owner = Owner::at(&database.url);
    let theirs = Table { stored_as: Some("theirs".to_owned()), ..table("t") };
    owner.connection.define(&theirs).expect("it has what it needs");
    other.run("ALTER TABLE theirs RENAME TO aside");
    let error = owner.connection.define(&theirs).expect_err("it is gone");
    assert_eq!(error.kind, ErrorKind::Table(place("t")));
    assert!(error.text.contains("dropped or renamed"), "{error}");
    other.run("ALTER TABLE aside RENAME TO theirs");
    owner.connection.define(&theirs).expect("it is there again");
    owner.put(vec![record(&place("t"), "a", 1, "{}")]);
    assert_eq!(other.number("SELECT count(*) FROM theirs"), 1);
}
