//! Unique indexes: who may have a value, when it is free again, and what becomes of those that cannot be made.

use crate::common::{START_MS, Session, in_db, show};
use crate::query::run;
use ramekin::io::SeededRng;
use ramekin::io::mem::{ManualClock, MemDisk};
use ramekin::{Caller, Collector, Database, Options, Planned, Response, command};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub(crate) const MADE: &str = "INDEX.CREATE by_mail ON users (mail) UNIQUE => OK";

fn users() -> Session {
    let session = Session::new();
    session.expect(&format!("TABLE.CREATE users => OK\n{MADE}"));
    session
}

pub(crate) fn taken_by(key: &str) -> String {
    format!("DUPLICATE unique index 'by_mail' of table 'users' has this value already, in record '{key}'")
}

pub(crate) fn put(key: &str, mail: &str) -> String {
    format!("TABLE.PUT users {key} {{\"mail\":{mail}}}")
}

/// What INDEX.LIST says of the first index.
pub(crate) fn state(db: &Database) -> String {
    let Response::Array(indexes) = run(db, &["INDEX.LIST", "users"]) else { panic!("a list") };
    let Some(Response::Map(fields)) = indexes.first() else { return "none".to_owned() };
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| show(field) == format!("\"{name}\""));
        show(&found.unwrap().1).replace('"', "")
    };
    format!("{} {}", field("unique"), field("state"))
}

/// Runs commands as one transaction.
fn transact(db: &Database, lines: &[&str]) -> Vec<String> {
    let commands: Vec<Vec<&[u8]>> =
        lines.iter().map(|line| line.split_whitespace().map(str::as_bytes).collect()).collect();
    let planned: Vec<_> = commands
        .iter()
        .map(|args| Planned { db: 0, command: command::resolve(args).unwrap(), args })
        .collect();
    let mut caller = Caller::at(db.now_ms());
    let mut transaction = db.transaction(&mut caller, &planned, &[]).ok().unwrap();
    let answers = commands.iter().map(|args| {
        let mut out = Collector::new();
        transaction.run(command::resolve(args).unwrap(), args, &mut out);
        show(&out.into_response().unwrap())
    });
    answers.collect()
}

#[test]
fn no_two_records_have_one_value_and_what_is_refused_changes_nothing() {
    let session = users();
    session.expect(&format!("{} => OK", put("u1", "\"a@x\"")));
    let lsn = session.db.last_lsn();
    for number in 0..20 {
        assert_eq!(session.run(&put(&format!("n{number}"), "\"a@x\"")), taken_by("u1"));
    }
    assert_eq!(session.db.last_lsn(), lsn, "nothing was logged");
    session.expect(&format!(
        "TABLE.GET users n1 => nil
         {} => OK
         {} => OK
         {} => {}
         TABLE.GET users u2 => \"{{\\\"mail\\\": \\\"b@x\\\"}}\"
         {} => OK
         {} => OK",
        put("u1", "\"a@x\""),
        put("u2", "\"b@x\""),
        put("u2", "\"a@x\""),
        taken_by("u1"),
        put("u1", "\"c@x\""),
        put("u2", "\"a@x\""),
    ));
    // Nothing and null may be there as often as they will.
    for line in ["TABLE.PUT users e1 {}", "TABLE.PUT users e2 {}", &put("e3", "null"), &put("e4", "null")] {
        assert_eq!(session.run(line), "OK", "{line}");
    }
    assert_eq!(session.run("TABLE.PUT others u1 {\"mail\":\"a@x\"}"), "OK", "another table");
    assert_eq!(session.run("SET users:x {\"mail\":\"a@x\"}"), "OK", "a string is no record");
    assert_eq!(state(&session.db), "1 ready");
}

#[test]
fn values_are_one_that_a_query_has_equal() {
    let session = users();
    let long = "x".repeat(100);
    for (one, two) in [
        ("1", "1.00"),
        ("123456789012345678901234567890", "123456789012345678901234567890.0"),
        ("[1,{\"b\":2}]", "[1.0,{\"b\":2.0}]"),
        (&format!("\"{long}\""), &format!("\"{long}\"")),
        ("true", "true"),
    ] {
        session.expect(&format!("{} => OK\n{} => {}", put("u1", one), put("u2", two), taken_by("u1")));
    }
    for other in
        ["\"1\"", "9007199254740993", "9007199254740992", &format!("\"{long}y\""), "[1,2]", "[2,1]", "false"]
    {
        session
            .expect(&format!("{} => OK\nTABLE.PUT users {other} {{\"mail\":{other}}} => OK", put("u1", "0")));
    }
    let session = Session::new();
    session.expect(
        "TABLE.CREATE t => OK
         INDEX.CREATE i ON t (n AS integer) UNIQUE => OK
         TABLE.PUT t a {\"n\":7} => OK
         TABLE.PUT t b {\"n\":\"007\"} => DUPLICATE unique index 'i' of table 't' has this value already, in record 'a'
         TABLE.PUT t c {\"n\":\"seven\"} => OK
         TABLE.PUT t d {\"n\":\"seven\"} => OK
         INDEX.CREATE j ON t (data->>'n') UNIQUE => DUPLICATE no unique index 'j' of table 't': records 'c' and 'd' have the same value",
    );
}

#[test]
fn a_value_is_free_once_its_record_is_gone() {
    for gone in [
        "TABLE.DEL users u1",
        "DEL users:u1",
        "SET users:u1 text",
        "EXPIREAT users:u1 1",
        "FLUSHALL",
        "FLUSHDB",
        "RENAME users:u1 elsewhere",
        "MOVE users:u1 1",
        "TABLE.PUT users u1 {}",
        "RPUSH l x\nRENAME l users:u1",
        "UNLINK users:u1",
        "TABLE.PUT users u1 {} EXAT 1",
    ] {
        let session = users();
        session.expect(&format!("{} => OK\n{} => {}", put("u1", "1"), put("u2", "1"), taken_by("u1")));
        gone.lines().for_each(|line| drop(session.run(line.trim())));
        assert_eq!(session.run(&put("u2", "1")), "OK", "{gone}");
        assert_eq!(session.run(&put("u1", "1")), taken_by("u2"), "{gone}");
    }
    let session = users();
    session.expect(&format!(
        "{} => OK\nTABLE.DROP users => OK\nTABLE.CREATE users => OK\n{MADE}",
        put("u1", "1")
    ));
    assert_eq!(session.run(&put("u2", "1")), "OK");
}

#[test]
fn what_moves_and_what_is_copied_is_compared() {
    let session = users();
    session.expect(&format!(
        "{} => OK
         COPY users:u1 users:u2 => {}
         COPY users:u1 users:u1 => ERR source and destination objects are the same
         COPY users:u1 users:u1 DB 1 => 1
         RENAME users:u1 users:u2 => OK
         RENAMENX users:u2 users:u3 => 1
         RENAME users:u3 users:u3 => OK
         {} => {}
         {} => OK
         COPY users:u4 users:u3 REPLACE => {}
         RENAME users:u4 users:u3 => OK
         {} => OK
         COPY users:u3 other:u3 => 1
         SWAPDB 0 1 => ERR SWAPDB is not possible with database 0 while a table has a unique index: records would come that were never compared
         SWAPDB 1 2 => OK
         SWAPDB 1 2 => OK",
        put("u1", "1"),
        taken_by("u1"),
        put("u5", "1"),
        taken_by("u3"),
        put("u4", "2"),
        // It would take the place of another one, and still be there twice.
        taken_by("u4"),
        put("u5", "1"),
    ));
    // The one that comes back from another database has what another one has by now.
    session.expect("TABLE.GET users u1 => nil");
    assert_eq!(in_db(&session, 1, "MOVE users:u1 0"), taken_by("u5"));
    assert_eq!(in_db(&session, 1, "COPY users:u1 users:u9 DB 0"), taken_by("u5"));
    session.expect("TABLE.DEL users u5 => 1");
    assert_eq!(in_db(&session, 1, "MOVE users:u1 0"), "1");
    assert_eq!(session.run(&put("u5", "1")), taken_by("u1"));
    // What was no record becomes one.
    session.expect(&format!(
        "TABLE.PUT heap h {{\"mail\":1}} => OK
         RENAME heap:h users:u6 => {}
         TABLE.GET heap h => \"{{\\\"mail\\\": 1}}\"
         DEL users:u1 => 1
         RENAME heap:h users:u6 => OK
         {} => {}",
        taken_by("u1"),
        put("u1", "1"),
        taken_by("u6"),
    ));
}

#[test]
fn a_record_that_has_expired_refuses_nobody() {
    // Many keys, so that some lie in the same shard and others do not.
    for number in 0..16 {
        let session = users();
        session.expect(&format!("{} PX 100 => OK\n{} => {}", put("u1", "1"), put("n", "1"), taken_by("u1")));
        session.pass(101);
        let key = format!("n{number}");
        assert_eq!(session.run(&put(&key, "1")), "OK");
        session.expect(&format!(
            "PERSIST users:u1 => 0
             {} => {}
             DBSIZE => 1
             TABLE.PUT heap h {{\"mail\":1}} => OK
             EXPIRE users:{key} 1 => 1",
            put("u1", "1"),
            taken_by(&key),
        ));
        session.pass(1001);
        assert_eq!(session.run("RENAME heap:h users:m"), "OK");
        assert_eq!(session.run(&put(&key, "1")), taken_by("m"));
        session.db.sweep();
        assert_eq!(session.run(&put(&key, "1")), taken_by("m"));
    }
    let session = users();
    session.expect(&format!("{} PX 100 => OK", put("u1", "1")));
    session.pass(101);
    let (one, two) = (put("a", "1"), put("b", "1"));
    assert_eq!(transact(&session.db, &[&one, &two]), ["OK".to_owned(), taken_by("a")]);
    session.expect(&format!(
        "{} PX 100 => OK\nINDEX.DROP by_mail ON users => OK\n{} => OK",
        put("c", "2"),
        put("d", "2")
    ));
    session.pass(101);
    session.expect(MADE);
}

#[test]
fn commands_of_a_transaction_are_judged_one_after_the_other() {
    let session = users();
    let lines = [put("u1", "1"), put("u2", "1"), put("u1", "2"), put("u2", "1"), put("u3", "2")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(
        transact(&session.db, &lines),
        ["OK".to_owned(), taken_by("u1"), "OK".to_owned(), "OK".to_owned(), taken_by("u1")]
    );
    let again = [
        put("u1", "5"),
        put("u1", "2"),
        put("u9", "2"),
        put("u1", "6"),
        put("u9", "2"),
        put("u9", "7"),
        put("u1", "2"),
    ];
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    let ok = || "OK".to_owned();
    assert_eq!(transact(&session.db, &again), [ok(), ok(), taken_by("u1"), ok(), ok(), ok(), ok()]);
    assert_eq!(session.run(&put("n", "2")), taken_by("u1"));
    session.expect("TABLE.DEL users u9 => 1");
    let moves = ["RENAME users:u1 users:u9", "COPY users:u9 users:u8", "DEL users:u9", "MOVE users:u2 1"];
    assert_eq!(
        transact(&session.db, &moves),
        ["OK".to_owned(), taken_by("u9"), "1".to_owned(), "1".to_owned()]
    );
    assert_eq!(session.run(&put("u7", "2")), "OK");
}

#[test]
fn an_index_over_values_that_are_there_twice_is_not_made() {
    let session = Session::new();
    for number in 0..200 {
        session.expect(&format!("{} => OK", put(&format!("u{number}"), &number.to_string())));
    }
    session.expect(&format!("{} => OK", put("twin", "7.0")));
    let refusal =
        "DUPLICATE no unique index 'by_mail' of table 'users': records 'twin' and 'u7' have the same value";
    session.expect(&format!("INDEX.CREATE by_mail ON users (mail) UNIQUE => {refusal}"));
    assert_eq!(state(&session.db), "none");
    session.expect(&format!("{} => OK", put("further", "8")));
    session.expect("TABLE.DEL users twin further => 2");
    session.expect(MADE);
    session.expect(MADE);
    assert_eq!(state(&session.db), "1 ready");
    session.expect(&format!(
        "{} => {}
         INDEX.CREATE by_mail ON users (mail) => ERR table 'users' has another index 'by_mail': drop it first
         INDEX.CREATE i ON users (mail) UNIQ => ERR behind the path of an index stands UNIQUE or nothing, not \"UNIQ\"
         INDEX.CREATE i ON users (other) unique => OK
         INDEX.DROP i ON users => OK
         INDEX.DROP by_mail ON users => OK
         {} => OK",
        put("twin", "7"),
        taken_by("u7"),
        put("twin", "7"),
    ));
}

#[test]
fn several_indexes_are_all_asked_and_a_refusal_by_one_leaves_the_others_as_they_were() {
    let session = users();
    session.expect(&format!(
        "INDEX.CREATE by_name ON users (name) UNIQUE => OK
         TABLE.PUT users u1 {{\"mail\":1,\"name\":1}} => OK
         TABLE.PUT users u2 {{\"mail\":2,\"name\":1}} => DUPLICATE unique index 'by_name' of table 'users' has this value already, in record 'u1'
         TABLE.PUT users u3 {{\"mail\":2,\"name\":2}} => OK
         COPY users:u3 users:u4 => {}
         TABLE.PUT heap h {{\"mail\":3,\"name\":2}} => OK
         RENAME heap:h users:u5 => DUPLICATE unique index 'by_name' of table 'users' has this value already, in record 'u3'
         TABLE.PUT users u6 {{\"mail\":3}} => OK",
        taken_by("u3"),
    ));
}

#[test]
fn after_a_restart_values_are_as_unique_as_before() {
    let session = users();
    for number in 0..100 {
        session.expect(&format!("{} => OK", put(&format!("u{number}"), &number.to_string())));
    }
    session.expect("RENAME users:u5 users:v5 => OK\nTABLE.DEL users u6 => 1");
    let mut session = session;
    for way in ["from the log", "from a checkpoint"] {
        session = session.reopen();
        assert_eq!(state(&session.db), "1 ready", "{way}");
        assert_eq!(session.run(&put("n", "5")), taken_by("v5"), "{way}");
        assert_eq!(session.run(&put("n", "99")), taken_by("u99"), "{way}");
        assert_eq!(session.run(&put("n", "6")), "OK", "{way}");
        session.expect("TABLE.DEL users n => 1");
        session.db.checkpoint().unwrap();
        session.db.reload().unwrap();
        assert_eq!(session.run(&put("n", "5")), taken_by("v5"), "read back in place");
    }
}

fn shared() -> Database {
    let (clock, disk) = (ManualClock::default(), Arc::<MemDisk>::default());
    clock.advance(START_MS);
    let options = Options { shards: 16, threads: false, ..Options::default() };
    Database::open_on(disk, Arc::new(clock), Arc::new(SeededRng::new(7)), &options).unwrap()
}

/// The values of all users, and how many have each.
fn values(db: &Database) -> BTreeMap<String, usize> {
    let Response::Array(rows) = run(db, &["QUERY", "users", "SELECT", "data->>'mail'"]) else {
        panic!("rows")
    };
    let mut values = BTreeMap::new();
    rows.iter().map(show).for_each(|row| *values.entry(row).or_default() += 1);
    values
}

const THREADS: usize = 4;
const VALUES: usize = 200;

#[test]
fn of_many_who_put_one_value_at_once_exactly_one_wins() {
    let db = shared();
    run(&db, &["TABLE.CREATE", "users"]);
    run(&db, &["INDEX.CREATE", "by_mail", "ON", "users", "(mail)", "UNIQUE"]);
    for round in 0..300 {
        let won = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (db, won) = (&db, &won);
                scope.spawn(move || {
                    let (key, json) = (format!("{round}-{thread}"), format!("{{\"mail\": {round}}}"));
                    let answer = show(&run(db, &["TABLE.PUT", "users", &key, &json]));
                    assert!(answer == "OK" || answer.starts_with("DUPLICATE"), "{answer}");
                    won.fetch_add(usize::from(answer == "OK"), Relaxed);
                });
            }
        });
        assert_eq!(won.load(Relaxed), 1, "round {round}");
    }
    assert_eq!(values(&db).len(), 300);
}

#[test]
fn a_value_is_not_given_on_before_the_log_has_the_end_of_its_record() {
    let db = shared();
    run(&db, &["TABLE.CREATE", "users"]);
    run(&db, &["INDEX.CREATE", "by_mail", "ON", "users", "(mail)", "UNIQUE"]);
    for (key, ends) in [
        ("a", &["DEL", "users:a"][..]),
        ("b", &["SET", "users:b", "text"]),
        ("c", &["EXPIREAT", "users:c", "1"]),
    ] {
        run(&db, &["TABLE.PUT", "users", key, r#"{"mail": 1}"#]);
        let ends: Vec<&[u8]> = ends.iter().map(|word| word.as_bytes()).collect();
        let planned = Planned { db: 0, command: command::resolve(&ends).unwrap(), args: &ends };
        let mut caller = Caller::at(db.now_ms());
        let mut transaction = db.transaction(&mut caller, &[planned], &[]).ok().unwrap();
        transaction.run(planned.command, &ends, &mut Collector::new());
        let is_done = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            // Some of these keys lie in the shard that is held, and wait for that alone; most do not.
            for number in 0..THREADS {
                let (db, is_done) = (&db, &is_done);
                scope.spawn(move || {
                    let json = r#"{"mail": 1}"#;
                    let answer = show(&run(db, &["TABLE.PUT", "users", &format!("next-{number}"), json]));
                    is_done.fetch_add(1, Relaxed);
                    assert!(answer == "OK" || answer.starts_with("DUPLICATE"), "{answer}");
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            assert_eq!(is_done.load(Relaxed), 0, "the record that ends {key} is not in the log yet");
            drop(transaction);
        });
        assert_eq!(values(&db).values().sum::<usize>(), 1);
        for number in 0..THREADS {
            run(&db, &["TABLE.DEL", "users", &format!("next-{number}")]);
        }
        run(&db, &["DEL", "users:b"]);
    }
}

#[test]
fn values_stay_unique_while_many_put_move_and_delete_and_the_index_is_made() {
    let db = shared();
    run(&db, &["TABLE.CREATE", "users"]);
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (db, made) = (&db, &made);
            scope.spawn(move || {
                let mut draw = crate::query::Draw(thread as u64 + 1);
                for _ in 0..3000 {
                    let (one, two) = (draw.below(40).to_string(), draw.below(40).to_string());
                    let value = format!("{{\"mail\": {}}}", draw.below(VALUES));
                    let (from, to) = (format!("users:{one}"), format!("users:{two}"));
                    match draw.below(20) {
                        0..10 => run(db, &["TABLE.PUT", "users", &one, &value]),
                        10..13 => run(db, &["RENAME", &from, &to]),
                        // Before, what is there twice would be so for ever.
                        13..16 if made.load(Relaxed) > 0 => run(db, &["COPY", &from, &to, "REPLACE"]),
                        16 => run(db, &["MOVE", &from, "1"]),
                        _ => run(db, &["DEL", &from]),
                    };
                    if made.load(Relaxed) == 0 && draw.below(30) == 0 {
                        let words = ["INDEX.CREATE", "by_mail", "ON", "users", "(mail)", "UNIQUE"];
                        let answer = show(&run(db, &words));
                        let is_known = answer == "OK"
                            || answer.starts_with("DUPLICATE no")
                            || answer.ends_with("has been dropped meanwhile");
                        assert!(is_known, "{answer}");
                        made.fetch_add(usize::from(answer == "OK"), Relaxed);
                    }
                }
            });
        }
    });
    assert!(made.load(Relaxed) > 0, "the index was made at some time");
    let values = values(&db);
    assert!(values.values().all(|count| *count == 1), "{values:?}");
    assert_eq!(state(&db), "1 ready");
    for value in values.keys() {
        let json = format!("{{\"mail\": {}}}", value.trim_matches(|letter: char| !letter.is_ascii_digit()));
        assert!(show(&run(&db, &["TABLE.PUT", "users", "new", &json])).starts_with("DUPLICATE"), "{value}");
    }
    for value in 0..VALUES {
        // Whatever is not there is free.
        let json = format!("{{\"mail\": {value}}}");
        let answer = show(&run(&db, &["TABLE.PUT", "users", "new", &json]));
        let is_there = values.keys().any(|row| row.contains(&format!("\"{value}\"")));
        assert_eq!(answer == "OK", !is_there, "{value}: {answer}");
    }
}
