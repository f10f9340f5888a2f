//! Schemas, users, formats and owners.

use crate::owner::{Owner, claim, record, set, table};
use crate::server::Database;
use ramekin::store::{Claim, ErrorKind, Place, Store};

#[test]
fn an_owner_whose_process_hangs_on_the_line_is_named_with_its_connection() {
    let database = Database::new();
    let owner = Owner::at(&database.url);
    let refused = Owner::claiming(&database.url, &claim(owner.epoch)).err().expect("it is owned");
    assert_eq!(refused.kind, ErrorKind::Owned);
    let other = database.other();
    let (_, rest) = refused.text.split_once("pg_terminate_backend(").expect("it says what to run");
    let (pid, _) = rest.split_once(')').expect("with a number");
    other.run(&format!("SELECT pg_terminate_backend({pid})"));
    let next = Owner::claiming(&database.url, &claim(owner.epoch)).expect("nobody shows the owner alive");
    assert!(next.epoch > owner.epoch);
}

#[test]
fn an_owner_shows_that_it_is_alive_again_after_the_server_has_forgotten() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    database.other().terminate("true");
    owner.reconnect();
    let refused = Owner::claiming(&database.url, &claim(owner.epoch)).err().expect("it is owned");
    assert_eq!(refused.kind, ErrorKind::Owned);
}

#[test]
fn a_takeover_waits_for_the_batch_under_way_and_counts_it() {
    let database = Database::new();
    let mut owner = Owner::at(&database.url);
    owner.put(vec![set("a", 1, "1")]);
    let under_way = database.other();
    under_way.run("BEGIN; UPDATE ramekin_lanes SET sequence = sequence + 1 WHERE lane = 0");
    let over = Claim { database_id: 8, takes_over: true, ..claim(0) };
    let next = std::thread::scope(|scope| {
        let taking = scope.spawn(|| Owner::claiming(&database.url, &over).expect("a takeover"));
        let watch = database.other();
        while watch.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == 0 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        under_way.run("COMMIT");
        taking.join().expect("it does not panic")
    });
    assert_eq!(next.batch(Vec::new()).sequence, 3);
    owner.fails(vec![set("a", 2, "2")], &ErrorKind::Fenced);
}

#[test]
fn tables_of_a_later_format_are_refused_by_name() {
    let database = Database::new();
    drop(Owner::at(&database.url));
    database.other().run("UPDATE ramekin_meta SET format = 99");
    let refused = Owner::claiming(&database.url, &claim(1)).err().expect("it is newer");
    assert_eq!(refused.kind, ErrorKind::Newer);
    assert!(refused.text.contains("format 99"), "{}", refused.text);
}

#[test]
fn a_user_who_may_not_create_is_told_what_to_run_and_works_with_tables_made_by_another() {
    let database = Database::new();
    let other = database.other();
    let user = format!("guest_{}", std::process::id());
    other.run(&format!("CREATE ROLE {user} LOGIN"));
    let refused = Owner::claiming(&database.url_as(&user), &claim(0)).err().expect("there are no tables");
    assert_eq!(refused.kind, ErrorKind::Invalid);
    assert!(
        refused.text.contains(&format!("GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"{user}\"")),
        "{}",
        refused.text
    );

    other.run(&ramekin_postgres::script("public").expect("a schema"));
    other.run("CREATE TABLE orders (key text COLLATE \"C\" PRIMARY KEY, data jsonb NOT NULL)");
    other.run(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user}"
    ));
    let mut owner = Owner::claiming(&database.url_as(&user), &claim(0)).expect("all is there");
    owner.put(vec![set("a", 1, "1")]);
    let refused = owner.connection.define(&table("orders")).expect_err("the table has no triggers");
    assert_eq!(refused.kind, ErrorKind::Table(crate::owner::place("orders")));
    assert!(refused.text.contains("OWNER TO"), "{}", refused.text);

    other.run(&format!("ALTER TABLE orders OWNER TO {user}"));
    let orders = owner.define("orders");
    owner.put(vec![record(&orders, "k", 2, "{}")]);
}

#[test]
fn several_share_a_database_by_a_schema_each_and_never_a_table() {
    let database = Database::new();
    let at = |schema: &str| format!("{}?schema={schema}", database.url);
    let mut one = Owner::at(&at("one"));
    let mut two = Owner::claiming(&at("two"), &Claim { database_id: 99, ..claim(0) }).expect("another store");
    one.put(vec![set("a", 1, "one")]);
    two.put(vec![set("a", 1, "two")]);
    assert_ne!(one.content(&Place::Keys(0), "a"), two.content(&Place::Keys(0), "a"));

    database.other().run("CREATE TABLE public.shared (key text PRIMARY KEY, data jsonb)");
    let shared = ramekin::store::Table { stored_as: Some("public.shared".to_owned()), ..table("shared") };
    one.connection.define(&shared).expect("it is free");
    let refused = two.connection.define(&shared).expect_err("it is taken");
    assert_eq!(refused.kind, ErrorKind::Table(crate::owner::place("shared")));
    assert!(refused.text.contains("schema one"), "{}", refused.text);
    one.connection.drop_table(&shared, one.epoch).expect("it is given up");
    two.connection.define(&shared).expect("it is free again");
    assert!(two.store.describe().ends_with("?schema=two"));
}
