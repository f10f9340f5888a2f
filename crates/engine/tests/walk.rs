//! Walks over the keyspace: SCAN, KEYS, RANDOMKEY, DBSIZE.

use crate::common::{Session, in_db, show};
use ramekin::Response;
use std::collections::BTreeSet;

fn filled(keys: usize) -> Session {
    let session = Session::new();
    (0..keys).for_each(|n| assert_eq!(session.run(&format!("SET key:{n} v")), "OK"));
    session
}

fn words(response: &Response) -> Vec<String> {
    match response {
        Response::Array(items) => items.iter().map(|item| show(item).replace('"', "")).collect(),
        other => panic!("not an array: {other:?}"),
    }
}

/// One step of a scan: the next cursor and the keys.
fn step(session: &Session, cursor: &str, options: &str) -> (String, Vec<String>) {
    match session.respond(&format!("SCAN {cursor} {options}")) {
        Response::Array(items) => (show(&items[0]).replace('"', ""), words(&items[1])),
        other => panic!("not a scan: {other:?}"),
    }
}

/// All keys of a scan, with repetitions, and the number of its steps.
fn scan(session: &Session, options: &str) -> (Vec<String>, usize) {
    let (mut cursor, mut found, mut steps) = ("0".to_owned(), Vec::new(), 0);
    loop {
        let (next, keys) = step(session, &cursor, options);
        found.extend(keys);
        steps += 1;
        assert!(steps < 100_000, "a scan comes to its end");
        if next == "0" {
            return (found, steps);
        }
        assert!(next.parse::<i64>().is_ok(), "a cursor is a signed integer");
        cursor = next;
    }
}

#[test]
fn a_scan_at_rest_sees_every_key_once() {
    for count in [1, 7, 100, 100_000] {
        let (mut found, steps) = scan(&filled(1_000), &format!("COUNT {count}"));
        found.sort();
        let mut all: Vec<_> = (0..1_000).map(|n| format!("key:{n}")).collect();
        all.sort();
        assert_eq!(found, all);
        assert!(steps >= 1_000 / (count + 40), "{steps} steps of {count}");
    }
}

#[test]
fn a_scan_sees_what_stays_while_everything_else_comes_and_goes() {
    let session = filled(300);
    let (mut cursor, mut found, mut round) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let (next, keys) = step(&session, &cursor, "COUNT 5");
        found.extend(keys);
        for n in 0..40 {
            let verb = if round % 30 < 15 { "SET" } else { "DEL" };
            let value = if verb == "SET" { "v" } else { "" };
            session.run(&format!("{verb} other:{}:{n} {value}", round % 15));
        }
        round += 1;
        if next == "0" {
            break;
        }
        cursor = next;
    }
    for n in 0..300 {
        assert!(found.contains(&format!("key:{n}")), "key:{n}");
    }
}

#[test]
fn a_scan_is_filtered_by_pattern_and_type() {
    let session = filled(50);
    session.expect("RPUSH list:1 a => 1 \n HSET hash:1 f v => 1");
    assert_eq!(scan(&session, "MATCH key:1?").0.len(), 10);
    assert_eq!(scan(&session, "TYPE list").0, ["list:1"]);
    assert_eq!(scan(&session, "TYPE HASH COUNT 1").0, ["hash:1"]);
    assert_eq!(scan(&session, "TYPE zset").0, [""; 0]);
    assert_eq!(scan(&session, "MATCH *:1 TYPE string").0, ["key:1"]);
    assert_eq!(scan(&session, "MATCH * COUNT 1000").0.len(), 52);
}

#[test]
fn a_scan_refuses_what_it_cannot_read() {
    Session::new().expect(
        "
        SCAN x => ERR invalid cursor
        SCAN -1 => ERR invalid cursor
        SCAN 18446744073709551616 => ERR invalid cursor
        SCAN 18446744073709551615 => [\"0\", []]
        SCAN 0 COUNT => ERR syntax error
        SCAN 0 COUNT 0 => ERR syntax error
        SCAN 0 COUNT x => ERR value is not an integer or out of range
        SCAN 0 TYPE nonsense COUNT 0 => ERR unknown type name 'nonsense'
        SCAN 0 BAD 1 => ERR syntax error
        ",
    );
}

#[test]
fn any_cursor_is_answered() {
    let session = filled(100);
    for cursor in [1, 5, 77, 1 << 20, u64::MAX, u64::MAX - 3, 1 << 63, (1 << 62) + 1] {
        assert!(step(&session, &cursor.to_string(), "COUNT 10").1.len() <= 60);
    }
}

#[test]
fn expired_keys_are_never_listed_counted_or_drawn() {
    let session = filled(200);
    session.expect("SET stays 1 => OK");
    (0..200).for_each(|n| assert_eq!(session.run(&format!("PEXPIRE key:{n} 10")), "1"));
    session.expect("DBSIZE => 201");
    session.pass(11);
    session.expect("DBSIZE => 1 \n KEYS * => [\"stays\"] \n RANDOMKEY => \"stays\"");
    assert_eq!(scan(&session, "COUNT 10").0, ["stays"]);
}

#[test]
fn a_hash_of_which_a_field_has_expired_still_counts() {
    let session = Session::new();
    session.expect("HSET h f 1 g 2 => 2 \n HPEXPIRE h 10 FIELDS 1 f => [1] \n SET s 1 PX 10 => OK");
    session.pass(11);
    session.expect("DBSIZE => 1 \n KEYS * => [\"h\"]");
}

#[test]
fn keys_match_a_pattern_each_once() {
    let session = filled(3_000);
    let all = words(&session.respond("KEYS *"));
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (3_000, 3_000));
    assert_eq!(words(&session.respond("KEYS key:299[0-4]")).len(), 5);
    session.expect("KEYS none* => [] \n KEYS key:7 => [\"key:7\"]");
}

#[test]
fn a_random_key_is_any_key() {
    let session = filled(20);
    let drawn: BTreeSet<_> = (0..1_000).map(|_| session.run("RANDOMKEY")).collect();
    assert_eq!(drawn.len(), 20);
    assert_eq!(in_db(&session, 3, "RANDOMKEY"), "nil");
}

#[test]
fn a_database_is_walked_alone() {
    let session = filled(10);
    assert_eq!(in_db(&session, 1, "SET other 1"), "OK");
    session.expect("DBSIZE => 10");
    assert_eq!(in_db(&session, 1, "DBSIZE"), "1");
    assert_eq!(in_db(&session, 1, "KEYS *"), "[\"other\"]");
}
