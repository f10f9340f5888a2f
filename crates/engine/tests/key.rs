//! The commands on keys as such: their end, their names, their times, how their values are kept.

use crate::common::{START_MS, Session, in_db, survives, survives_in};

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn deleted_keys_are_counted_once_and_gone() {
    Session::new().expect(
        "
        SET a 1 => OK
        RPUSH l 1 2 => 2
        DEL a none a l => 2
        EXISTS a l => 0
        SET a 1 => OK
        UNLINK a none => 1
        EXISTS a => 0
        ",
    );
}

#[test]
fn a_key_named_twice_exists_twice_and_is_touched_twice() {
    Session::new().expect(
        "
        SET a 1 => OK
        EXISTS a none a => 2
        TOUCH a none a => 2
        ",
    );
}

#[test]
fn a_type_is_told_for_what_is_there() {
    Session::new().expect(
        "
        SET s 1 => OK
        RPUSH l 1 => 1
        HSET h f 1 => 1
        TYPE s => string
        TYPE l => list
        TYPE h => hash
        TYPE none => none
        ",
    );
}

#[test]
fn a_key_is_deleted_if_its_string_is_the_given_one() {
    let session = Session::new();
    session.expect(
        "
        SET a one => OK
        DELIFEQ a two => 0
        DELIFEQ a one => 1
        DELIFEQ a one => 0
        EXISTS a => 0
        RPUSH l one => 1
        ",
    );
    assert_eq!(session.run("DELIFEQ l one"), WRONG_TYPE);
}

#[test]
fn an_expired_key_is_absent_for_every_command() {
    let session = Session::new();
    session.expect("SET a 1 => OK \n SET b 1 => OK \n PEXPIRE a 100 => 1");
    session.pass(100);
    session.expect("EXISTS a => 1 \n PTTL a => 0");
    session.pass(1);
    session.expect(
        "
        EXISTS a => 0
        TOUCH a => 0
        TYPE a => none
        TTL a => -2
        PTTL a => -2
        EXPIRETIME a => -2
        OBJECT ENCODING a => nil
        PERSIST a => 0
        EXPIRE a 10 => 0
        DEL a => 0
        RENAME a b => ERR no such key
        COPY a c => 0
        MOVE a 1 => 0
        DBSIZE => 1
        ",
    );
}

#[test]
fn a_new_key_takes_the_place_of_an_expired_one() {
    let session = Session::new();
    session.expect("SET a 1 => OK \n SET b 2 PX 10 => OK");
    session.pass(11);
    session.expect("RENAMENX a b => 1 \n GET b => \"1\" \n TTL b => -1");
    session.expect("SET c 3 PX 10 => OK");
    session.pass(11);
    session.expect("COPY b c => 1 \n GET c => \"1\" \n TTL c => -1");
}

#[test]
fn times_to_live_are_told_in_both_units_and_rounded_to_seconds() {
    let session = Session::new();
    session.expect(
        "
        SET a 1 => OK
        TTL a => -1
        PTTL a => -1
        EXPIRETIME a => -1
        PEXPIRETIME a => -1
        PEXPIRE a 1499 => 1
        TTL a => 1
        PEXPIRE a 1500 => 1
        TTL a => 2
        PTTL a => 1500
        EXPIRE a 100 => 1
        PTTL a => 100000
        PERSIST a => 1
        PERSIST a => 0
        TTL a => -1
        ",
    );
    let at_s = START_MS / 1000 + 7;
    session
        .expect(&format!("EXPIREAT a {at_s} => 1 \n EXPIRETIME a => {at_s} \n PEXPIRETIME a => {at_s}000"));
    session.expect(&format!(
        "PEXPIREAT a {at_s}123 => 1 \n PEXPIRETIME a => {at_s}123 \n EXPIRETIME a => {at_s}"
    ));
}

#[test]
fn conditions_decide_whether_an_expiry_is_set() {
    Session::new().expect(
        "
        SET a 1 => OK
        EXPIRE a 100 XX => 0
        EXPIRE a 100 GT => 0
        EXPIRE a 100 NX => 1
        EXPIRE a 200 NX => 0
        EXPIRE a 100 GT => 0
        EXPIRE a 101 gt => 1
        EXPIRE a 101 LT => 0
        EXPIRE a 50 LT XX => 1
        TTL a => 50
        PERSIST a => 1
        EXPIRE a 70 LT => 1
        TTL a => 70
        ",
    );
}

#[test]
fn an_expiry_that_cannot_be_is_refused_before_the_key_is_looked_at() {
    Session::new().expect(
        "
        EXPIRE none abc => ERR value is not an integer or out of range
        EXPIRE none abc BAD => ERR Unsupported option BAD
        EXPIRE none 10 NX XX => ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE none 10 GT LT => ERR GT and LT options at the same time are not compatible
        EXPIRE none 9223372036854775807 => ERR invalid expire time in 'expire' command
        PEXPIRE none 9223372036854775807 => ERR invalid expire time in 'pexpire' command
        EXPIREAT none 9223372036854775807 => ERR invalid expire time in 'expireat' command
        EXPIRE none -9223372036854775808 => ERR invalid expire time in 'expire' command
        SET a 1 => OK
        PEXPIREAT a 9223372036854775807 => 1
        PEXPIRETIME a => 9223372036854775807
        ",
    );
}

#[test]
fn a_time_that_has_passed_deletes_at_once() {
    for past in ["EXPIRE a 0", "PEXPIRE a -1", "EXPIREAT a 1", "PEXPIREAT a -9223372036854775808"] {
        Session::new().expect(&format!("SET a 1 => OK \n {past} => 1 \n EXISTS a => 0"));
    }
}

#[test]
fn a_renamed_key_keeps_its_value_and_expiry_and_replaces_another_type() {
    Session::new().expect(
        "
        RPUSH l 1 two 3 => 3
        EXPIRE l 100 => 1
        SET s old => OK
        RENAME l s => OK
        LRANGE s 0 -1 => [\"1\", \"two\", \"3\"]
        TTL s => 100
        EXISTS l => 0
        HSET h f v => 1
        RENAME h s => OK
        HGETALL s => {\"f\": \"v\"}
        TTL s => -1
        ",
    );
}

#[test]
fn a_rename_needs_its_key_and_may_spare_the_other() {
    Session::new().expect(
        "
        RENAME none none => ERR no such key
        RENAMENX none a => ERR no such key
        SET a 1 => OK
        RENAME a a => OK
        RENAMENX a a => 0
        SET b 2 => OK
        RENAMENX a b => 0
        GET b => \"2\"
        RENAMENX a c => 1
        GET c => \"1\"
        ",
    );
}

#[test]
fn a_copy_stands_beside_its_original() {
    Session::new().expect(
        "
        RPUSH l 1 2 => 2
        EXPIRE l 100 => 1
        COPY l m => 1
        RPUSH m 3 => 3
        LRANGE l 0 -1 => [\"1\", \"2\"]
        LRANGE m 0 -1 => [\"1\", \"2\", \"3\"]
        TTL m => 100
        COPY l m => 0
        COPY l m REPLACE => 1
        LLEN m => 2
        COPY none m => 0
        COPY l l => ERR source and destination objects are the same
        COPY l m DB 16 => ERR DB index is out of range
        COPY l m DB x => ERR value is not an integer or out of range
        COPY l m DB => ERR syntax error
        COPY l m BAD => ERR syntax error
        ",
    );
}

#[test]
fn keys_are_moved_and_copied_between_databases() {
    let session = Session::new();
    session.expect(
        "
        SET a 1 EX 100 => OK
        COPY a a DB 2 => 1
        MOVE a 1 => 1
        EXISTS a => 0
        MOVE a 1 => 0
        SET a other => OK
        MOVE a 1 => 0
        MOVE a 0 => ERR source and destination objects are the same
        MOVE a 16 => ERR DB index is out of range
        MOVE a x => ERR value is not an integer or out of range
        MOVE a 2147483648 => ERR value is out of range, value must between -2147483648 and 2147483647
        ",
    );
    for db in [1, 2] {
        assert_eq!(in_db(&session, db, "GET a"), "\"1\"");
        assert_eq!(in_db(&session, db, "TTL a"), "100");
    }
}

#[test]
fn encodings_are_told_by_their_names() {
    let session = Session::new();
    session.expect(
        "
        SET i 123 => OK
        OBJECT ENCODING i => \"int\"
        SET e 12a => OK
        OBJECT ENCODING e => \"embstr\"
        RPUSH l 1 => 1
        OBJECT ENCODING l => \"listpack\"
        HSET h f 1 => 1
        OBJECT ENCODING h => \"listpack\"
        OBJECT ENCODING none => nil
        OBJECT REFCOUNT i => 1
        OBJECT REFCOUNT none => nil
        ",
    );
    for (key_len, value_len, encoding) in
        [(1, 112, "embstr"), (1, 113, "raw"), (32, 79, "embstr"), (32, 80, "raw")]
    {
        let (key, value) = ("k".repeat(key_len), "v".repeat(value_len));
        session.run(&format!("SET {key} {value}"));
        assert_eq!(
            session.run(&format!("OBJECT ENCODING {key}")),
            format!("\"{encoding}\""),
            "{key_len} {value_len}"
        );
    }
}

#[test]
fn a_string_that_was_changed_in_place_stays_raw_under_another_key() {
    let session = Session::new();
    session.expect(
        "
        SET a 1 EX 100 => OK
        APPEND a 2 => 2
        COPY a b => 1
        RENAME a c => OK
        OBJECT ENCODING b => \"raw\"
        OBJECT ENCODING c => \"raw\"
        GET c => \"12\"
        TTL c => 100
        ",
    );
    let session = session.reopen();
    session.expect("OBJECT ENCODING c => \"raw\" \n GET b => \"12\" \n TTL b => 100");
}

#[test]
fn idle_time_counts_from_the_last_use_and_is_not_changed_by_asking() {
    let session = Session::new();
    session.run("SET a 1");
    session.pass(5_000);
    for look in ["OBJECT IDLETIME a", "OBJECT IDLETIME a", "EXISTS a", "TYPE a", "TTL a", "OBJECT IDLETIME a"]
    {
        let answer = session.run(look);
        assert!(!look.starts_with("OBJECT") || answer == "5", "{look}: {answer}");
    }
    session.expect("TOUCH a => 1 \n OBJECT IDLETIME a => 0 \n OBJECT IDLETIME none => nil");
}

#[test]
fn frequency_is_told_only_where_it_is_kept() {
    let session = Session::new();
    session.run("SET a 1");
    assert!(session.run("OBJECT FREQ a").starts_with("ERR An LFU maxmemory policy is not selected"));
    assert_eq!(session.run("OBJECT FREQ none"), "nil");
    session.db.settings().set_policy(ramekin::Policy::AllkeysLfu);
    session.expect("SET b 1 => OK \n OBJECT FREQ b => 5");
    assert!(session.run("OBJECT IDLETIME b").starts_with("ERR An LFU maxmemory policy is selected"));
}

#[test]
fn object_explains_itself_and_refuses_what_it_does_not_know() {
    let session = Session::new();
    assert!(session.run("OBJECT HELP").contains("ENCODING <key>"));
    session.expect(
        "
        OBJECT nonsense a => ERR unknown subcommand 'nonsense'. Try OBJECT HELP.
        OBJECT => ERR wrong number of arguments for 'object' command
        OBJECT ENCODING => ERR wrong number of arguments for 'object|encoding' command
        ",
    );
}

#[test]
fn what_was_done_to_keys_survives() {
    survives(&["SET a 1", "SET b 2", "DEL a", "UNLINK none", "SET c 1", "DELIFEQ c 1"]);
    survives(&["SET a 1", "EXPIRE a 100", "SET b 1", "PEXPIRE b -1", "SET c 1 EX 10", "PERSIST c"]);
    survives(&[
        "RPUSH l 1 2 3",
        "EXPIRE l 100",
        "RENAME l m",
        "HSET h f v",
        "RENAMENX h g",
        "SET s 1",
        "RENAME s t",
    ]);
    survives(&["HSET h f v g w", "HEXPIRE h 100 FIELDS 1 f", "COPY h i", "HSET i f x", "COPY i h REPLACE"]);
    survives_in(&[0, 1, 2], &["SET a 1 EX 50", "RPUSH l 1 2", "MOVE a 1", "COPY l l DB 2", "COPY l m"]);
}

#[test]
fn a_large_value_that_was_deleted_is_freed_later_and_stays_gone() {
    let session = Session::new();
    let element = "x".repeat(100);
    session.run(&format!("RPUSH l {}", vec![element.as_str(); 2_000].join(" ")));
    session.expect("LLEN l => 2000 \n DEL l => 1 \n EXISTS l => 0 \n RPUSH l 1 => 1");
    session.db.reclaim();
    session.expect("LRANGE l 0 -1 => [\"1\"]");
    session.reopen().expect("LRANGE l 0 -1 => [\"1\"]");
}
