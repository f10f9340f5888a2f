//! What goes wrong, and what it is told as.

use crate::owner::{Owner, record, set};
use crate::proxy::{Cut, Proxy};
use crate::server::Database;
use ramekin::store::{Change, Content, ErrorKind, Expect, Place, Store};
use ramekin_postgres::PostgresStore;

#[test]
fn a_connection_that_is_ended_before_a_batch_has_done_nothing() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    owner.put(vec![set("a", 1, "1")]);
    assert!(database.other().terminate("true") >= 2);
    owner.fails(vec![set("a", 2, "2")], &ErrorKind::Unavailable);
    owner.reconnect();
    assert_eq!(owner.content(&Place::Keys(0), "a"), Some(Content::Whole(0, b"1".to_vec())));
    owner.put(vec![set("a", 2, "2")]);
}

#[test]
fn a_commit_that_is_ended_by_the_server_is_in_doubt() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let place = owner.define("slow");
    database.other().run(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(20); RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let other = database.other();
            while other.terminate("state = 'active' AND query = 'COMMIT'") == 0 {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        owner.fails(vec![set("a", 1, "1"), record(&place, "k", 2, "{}")], &ErrorKind::InDoubt);
    });
    owner.reconnect();
    assert_eq!(owner.content(&Place::Keys(0), "a"), None);
}

#[test]
fn a_commit_whose_answer_is_lost_is_in_doubt_and_the_position_tells() {
    let database = Database::new();
    let proxy = Proxy::new(&database.url);
    let mut owner = Owner::at(&proxy.url);
    for (cut, version, is_applied) in [(Cut::Answer, 1, true), (Cut::Commit, 2, false)] {
        let batch = owner.batch(vec![set("a", version, "new")]);
        proxy.set(cut);
        owner.fails(batch.changes.clone(), &ErrorKind::InDoubt);
        proxy.set(Cut::Nothing);
        // The server may still be at work on what has reached it: its lane is locked until then.
        database.other().run("SELECT 1 FROM ramekin_lanes FOR UPDATE");
        owner.reconnect();
        let sequence = owner.connection.position(0, owner.epoch).expect("a position").sequence;
        assert_eq!(sequence == batch.sequence, is_applied);
        assert_eq!(owner.load(&Place::Keys(0), "a").map(|row| row.version == version), Some(is_applied));
    }
    owner.put(vec![set("a", 2, "new")]);
}

#[test]
fn a_server_that_falls_silent_holds_nobody_for_ever() {
    let database = Database::new();
    let proxy = Proxy::new(&database.url);
    let mut owner = Owner::at(&format!("{}?statement_timeout=1", proxy.url));
    owner.put(vec![set("a", 1, "1")]);
    proxy.set(Cut::Silent);
    owner.fails(vec![set("a", 2, "2")], &ErrorKind::InDoubt);
}

#[test]
fn a_statement_that_takes_too_long_is_unavailable_and_leaves_nothing() {
    let database = Database::new();
    let mut owner = Owner::at(&format!("{}?statement_timeout=1", database.url));
    owner.put(vec![set("a", 1, "1"), set("b", 2, "1")]);
    let other = database.other();
    other.run("BEGIN; UPDATE ramekin_keys SET value = 'x' WHERE key = 'a'");
    owner.fails(vec![set("a", 3, "2"), set("b", 4, "2")], &ErrorKind::Unavailable);
    other.run("ROLLBACK");
    owner.reconnect();
    assert_eq!(owner.content(&Place::Keys(0), "b"), Some(Content::Whole(0, b"1".to_vec())));
    owner.put(vec![set("a", 3, "2"), set("b", 4, "2")]);
}

#[test]
fn a_table_that_others_drop_or_close_is_named_and_all_else_goes_on() {
    let database = Database::new();
    let other = database.other();
    let user = format!("ordinary_{}", std::process::id());
    other.run(&format!("CREATE ROLE {user} LOGIN; GRANT ALL ON SCHEMA public TO {user}"));
    let mut owner = Owner::at(&database.url_as(&user));
    let (orders, shut) = (owner.define("orders"), owner.define("shut"));
    owner.put(vec![set("a", 1, "1"), record(&orders, "o", 2, "{}"), record(&shut, "s", 3, "{}")]);

    other.run(&format!(
        "DROP TABLE orders; ALTER TABLE shut OWNER TO postgres; REVOKE ALL ON shut FROM {user}"
    ));
    owner.fails(vec![set("a", 4, "2"), record(&orders, "o", 5, "{}")], &ErrorKind::Table(orders.clone()));
    owner.fails(vec![set("a", 4, "2"), record(&shut, "s", 5, "{}")], &ErrorKind::Table(shut.clone()));
    let kind = owner.connection.count(&orders, 0).expect_err("there is no table").kind;
    assert_eq!(kind, ErrorKind::Table(orders.clone()));
    owner.put(vec![set("a", 4, "2")]);

    other.run(&format!("GRANT ALL ON shut TO {user}"));
    owner.put(vec![record(&shut, "s", 6, "[6]")]);
    owner.define("orders");
    owner.put(vec![record(&orders, "o", 7, "[7]")]);
    assert_eq!(owner.content(&orders, "o"), Some(Content::Record("[7]".to_owned())));
}

#[test]
fn a_column_that_others_drop_is_put_back_by_defining_the_table_again() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    owner.put(vec![record(&orders, "o", 1, "{}")]);
    database.other().run("ALTER TABLE orders DROP COLUMN stamp");
    owner.fails(vec![record(&orders, "o", 2, "{}")], &ErrorKind::Table(orders.clone()));
    owner.define("orders");
    owner.put(vec![record(&orders, "o", 2, "{}")]);
}

#[test]
fn rows_that_the_server_does_not_take_are_refused_with_its_words() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    database.other().run("ALTER TABLE orders ADD CHECK (data->>'state' <> 'bad')");
    let long = "k".repeat(100_000);
    for (key, json, words) in [
        ("k", "{\"a\": \"\\u0000\"}", "SQLSTATE 22P05"),
        ("k", "{\"a\": 1e999999}", "SQLSTATE 22003"),
        ("k", "{not json", "SQLSTATE 22P02"),
        ("k", "{\"state\": \"bad\"}", "SQLSTATE 23514"),
        ("zero\0", "{}", "zero byte"),
        (&noise(&long), "{}", "SQLSTATE 54000"),
    ] {
        let said = owner.fails(vec![set("a", 1, "1"), record(&orders, key, 2, json)], &ErrorKind::Refused);
        assert!(said.contains(words) && said.contains("orders"), "{said}");
    }
    let odd = Change { key: vec![0xff], ..record(&orders, "", 2, "{}") };
    owner.fails(vec![odd], &ErrorKind::Refused);
    assert_eq!(owner.content(&Place::Keys(0), "a"), None);
    owner.put(vec![set("a", 1, "1"), record(&orders, "k", 2, "{}")]);
}

/// As long, and not to be compressed.
fn noise(text: &str) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + u8::try_from(state % 64).unwrap_or(0))
    };
    text.chars().map(letter).collect()
}

#[test]
fn a_row_that_a_trigger_of_the_users_swallows_is_not_taken_for_applied() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    let orders = owner.define("orders");
    owner.put(vec![record(&orders, "old", 1, "{}")]);
    database.other().run(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER swallow BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION swallow()",
    );
    owner.fails(vec![set("a", 2, "1"), record(&orders, "new", 3, "{}")], &ErrorKind::Refused);
    let known = Change { expect: Expect::Stored(0), ..record(&orders, "old", 4, "{}") };
    owner.fails(vec![known], &ErrorKind::Refused);
    assert_eq!(owner.content(&Place::Keys(0), "a"), None);
}

#[test]
fn two_transactions_in_each_others_way_are_told_to_try_again() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    owner.put(vec![set("a", 1, "1"), set("b", 2, "1")]);
    let other = database.other();
    other.run("SET deadlock_timeout = '10s'; BEGIN; UPDATE ramekin_keys SET kind = kind WHERE key = 'b'");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let watch = database.other();
            while watch.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == 0 {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            other.run("UPDATE ramekin_keys SET kind = kind WHERE key = 'a'; COMMIT");
        });
        owner.fails(vec![set("a", 3, "2"), set("b", 4, "2")], &ErrorKind::Busy);
    });
    owner.put(vec![set("a", 3, "2"), set("b", 4, "2")]);
}

#[test]
fn an_address_that_is_wrong_is_told_apart_from_a_server_that_is_away() {
    let database = Database::new();
    let kind = |url: &str| {
        PostgresStore::new(url).and_then(|store| store.connect().map(drop)).expect_err("no server").kind
    };
    assert_eq!(kind("redis://127.0.0.1/0"), ErrorKind::Invalid);
    assert_eq!(kind(&database.url.replace("/test_", "/nowhere_")), ErrorKind::Invalid);
    assert_eq!(kind(&database.url_as("nobody_at_all")), ErrorKind::Invalid);
    assert_eq!(kind("postgresql://ann:s3cret@127.0.0.1:1/shop"), ErrorKind::Unavailable);
}
