//! Fields that expire.

use crate::common::{START_MS, Session, survives};

const NUMFIELDS: &str = "ERR numfields should be greater than 0 and match the provided number of fields";

/// A hash with a field that stays and one whose time has just passed; nothing was swept.
fn expired() -> Session {
    let session = Session::new();
    session.expect("HSET h stay 1 go 41 => 2");
    session.expect("HPEXPIRE h 10 FIELDS 1 go => [1]");
    session.pass(11);
    session
}

#[test]
fn a_field_lives_up_to_its_time_and_not_past_it() {
    let session = Session::new();
    session.expect("HSET h a 1 b 2 => 2");
    session.expect("HPEXPIRE h 10 FIELDS 1 a => [1]");
    session.pass(10);
    session.expect("HGET h a => \"1\"");
    session.pass(1);
    session.expect("HGET h a => nil");
}

#[test]
fn an_expired_field_is_never_read_listed_counted_or_drawn() {
    expired().expect(
        r#"
        HGET h go => nil
        HMGET h go stay => [nil, "1"]
        HGETALL h => {"stay": "1"}
        HKEYS h => ["stay"]
        HVALS h => ["1"]
        HLEN h => 1
        HSTRLEN h go => 0
        HEXISTS h go => 0
        HRANDFIELD h => "stay"
        HRANDFIELD h 5 => ["stay"]
        HRANDFIELD h -3 => ["stay", "stay", "stay"]
        HSCAN h 0 => ["0", ["stay", "1"]]
        HTTL h FIELDS 2 go stay => [-2, -1]
        HPTTL h FIELDS 1 go => [-2]
        HEXPIRETIME h FIELDS 1 go => [-2]
        HPEXPIRETIME h FIELDS 1 go => [-2]
        "#,
    );
}

#[test]
fn an_expired_field_is_not_revived_by_any_writer() {
    let cases = [
        ("HPERSIST h FIELDS 1 go", "[-2]"),
        ("HEXPIRE h 100 FIELDS 1 go", "[-2]"),
        ("HGETEX h PERSIST FIELDS 1 go", "[nil]"),
        ("HGETEX h EX 100 FIELDS 1 go", "[nil]"),
        ("HGETDEL h FIELDS 1 go", "[nil]"),
        ("HDEL h go", "0"),
        ("HSETEX h FXX FIELDS 1 go 1", "0"),
    ];
    for (command, answer) in cases {
        let session = expired();
        assert_eq!(session.run(command), answer, "{command}");
        session.expect("HGETALL h => {\"stay\": \"1\"}");
        session.reopen().expect("HGETALL h => {\"stay\": \"1\"}");
    }
}

#[test]
fn a_field_set_anew_after_its_time_begins_from_nothing() {
    let cases = [
        ("HSET h go 7", "1", "7"),
        ("HSETNX h go 7", "1", "7"),
        ("HINCRBY h go 1", "1", "1"),
        ("HINCRBYFLOAT h go 0.5", "\"0.5\"", "0.5"),
        ("HSETEX h KEEPTTL FIELDS 1 go 7", "1", "7"),
        ("HSETEX h FNX FIELDS 1 go 7", "1", "7"),
    ];
    for (command, answer, value) in cases {
        let session = expired();
        assert_eq!(session.run(command), answer, "{command}");
        session.expect(&format!("HGET h go => \"{value}\""));
        session.expect("HTTL h FIELDS 1 go => [-1]");
        session.reopen().expect("HTTL h FIELDS 2 go stay => [-1, -1]");
    }
}

#[test]
fn a_hash_whose_last_field_has_expired_is_gone_before_anything_swept_it() {
    let session = Session::new();
    session.expect("HSET h a 1 b 2 => 2");
    session.expect("HPEXPIRE h 10 FIELDS 2 a b => [1, 1]");
    session.pass(11);
    session.expect(
        "
        HGETALL h => {}
        HRANDFIELD h => nil
        HRANDFIELD h -2 => []
        HSCAN h 0 => [\"0\", []]
        HSETEX h XX FIELDS 1 a 1 => 0
        HSETEX h NX FIELDS 1 c 3 => 1
        HGETALL h => {\"c\": \"3\"}
        ",
    );
    assert!(session.db.exists_now(0, session.db.now_ms(), b"h"));
    session.expect("HPEXPIRE h 10 FIELDS 1 c => [1]");
    session.pass(11);
    assert!(!session.db.exists_now(0, session.db.now_ms(), b"h"));
}

#[test]
fn the_sweeper_removes_expired_fields_and_with_the_last_one_the_key() {
    let session = Session::new();
    session.expect("HSET h stay 1 a 1 b 2 => 3");
    session.expect("HSET all a 1 b 2 => 2");
    session.expect("HPEXPIRE h 10 FIELDS 2 a b => [1, 1]");
    session.expect("HPEXPIRE all 10 FIELDS 1 a => [1]");
    session.expect("HPEXPIRE all 20 FIELDS 1 b => [1]");
    assert_eq!(session.db.database_counts(0).volatile_items, 2);
    session.pass(11);
    assert_eq!(session.db.sweep(), 2);
    assert_eq!(session.db.database_counts(0).volatile_items, 1);
    session.pass(10);
    assert_eq!(session.db.sweep(), 1);
    let counts = session.db.database_counts(0);
    assert_eq!((counts.keys, counts.volatile_items), (1, 0));
    assert_eq!((session.db.counts().expired_fields, session.db.counts().expired_keys), (4, 0));
    let session = session.reopen();
    session.expect("HGETALL h => {\"stay\": \"1\"}");
    assert_eq!(session.db.database_counts(0).keys, 1);
}

#[test]
fn the_sweeper_finds_the_next_field_after_the_earliest_was_removed_or_kept() {
    let session = Session::new();
    session.expect("HSET h a 1 b 2 c 3 stay 4 => 4");
    session.expect("HPEXPIRE h 10 FIELDS 1 a => [1]");
    session.expect("HPEXPIRE h 20 FIELDS 1 b => [1]");
    session.expect("HPEXPIRE h 30 FIELDS 1 c => [1]");
    session.expect("HDEL h a => 1");
    session.expect("HPERSIST h FIELDS 1 b => [1]");
    session.pass(21);
    assert_eq!(session.db.sweep(), 0);
    session.pass(10);
    assert_eq!(session.db.sweep(), 1);
    session.expect("HGETALL h => {\"b\": \"2\", \"stay\": \"4\"}");
}

#[test]
fn setting_a_field_drops_its_expiry_and_incrementing_keeps_it() {
    Session::new().expect(
        r#"
        HSET h a 1 b 1 c 1 d 1 => 4
        HEXPIRE h 100 FIELDS 4 a b c d => [1, 1, 1, 1]
        HSET h a 2 => 0
        HMSET h b 2 => OK
        HINCRBY h c 2 => 3
        HINCRBYFLOAT h d 0.5 => "1.5"
        HSETNX h c 9 => 0
        HTTL h FIELDS 4 a b c d => [-1, -1, 100, 100]
        "#,
    );
}

#[test]
fn an_expiry_is_given_under_conditions_on_the_old_one() {
    Session::new().expect(
        "
        HSET h a 1 b 2 => 2
        HEXPIRE h 100 XX FIELDS 1 a => [0]
        HEXPIRE h 100 GT FIELDS 1 a => [0]
        HEXPIRE h 100 XX GT FIELDS 1 a => [0]
        HEXPIRE h 100 NX FIELDS 2 a none => [1, -2]
        HEXPIRE h 50 NX FIELDS 1 a => [0]
        HEXPIRE h 100 GT FIELDS 1 a => [0]
        HEXPIRE h 100 LT FIELDS 1 a => [0]
        HEXPIRE h 200 XX GT FIELDS 1 a => [1]
        HEXPIRE h 50 LT FIELDS 2 a b => [1, 1]
        HTTL h FIELDS 2 a b => [50, 50]
        HEXPIRE h 0 XX FIELDS 1 a => [2]
        HEXPIRE h 0 NX FIELDS 1 b => [0]
        HEXPIRE h 10 FIELDS 1 a => [-2]
        HEXPIRE none 10 FIELDS 2 a b => [-2, -2]
        ",
    );
}

#[test]
fn a_time_that_has_come_removes_the_field_at_once() {
    let session = Session::new();
    session.expect(&format!(
        "
        HSET h a 1 b 2 c 3 d 4 e 5 f 6 g 7 => 7
        HEXPIRE h 0 FIELDS 1 a => [2]
        HPEXPIRE h 0 FIELDS 1 b => [2]
        HEXPIREAT h 1 FIELDS 1 c => [2]
        HPEXPIREAT h {START_MS} FIELDS 2 d d => [2, -2]
        HGETEX h EXAT 1 FIELDS 2 e e => [\"5\", nil]
        HSETEX h PXAT 1 FIELDS 2 f 1 none 2 => 1
        HKEYS h => [\"g\"]
        HGETEX h PX 0 FIELDS 1 g => [\"7\"]
        HSETEX h EX 0 FIELDS 1 g 7 => 1
        "
    ));
    assert_eq!(session.db.database_counts(0).keys, 0);
    assert_eq!(session.db.counts().expired_fields, 7);
    assert_eq!(session.reopen().db.database_counts(0).keys, 0);
}

#[test]
fn a_field_named_twice_is_answered_as_if_the_command_had_come_twice() {
    Session::new().expect(
        r#"
        HSET h a 1 b 2 c 3 => 3
        HEXPIRE h 10 FIELDS 2 a a => [1, 1]
        HEXPIRE h 20 GT FIELDS 3 a a a => [1, 0, 0]
        HEXPIRE h 10 NX FIELDS 2 b b => [1, 0]
        HPERSIST h FIELDS 2 a a => [1, -1]
        HEXPIRE h 0 FIELDS 3 a b a => [2, 2, -2]
        HGETEX h EX 10 FIELDS 2 c c => ["3", "3"]
        HSETEX h FNX FIELDS 2 d 1 d 2 => 1
        HGET h d => "2"
        HGETDEL h FIELDS 4 d c d c => ["2", "3", nil, nil]
        HLEN h => 0
        "#,
    );
}

#[test]
fn times_read_back_relative_and_absolute_in_both_units() {
    let session = Session::new();
    session.expect("HSET h a 1 b 2 c 3 => 3");
    session.expect(&format!(
        "
        HPEXPIRE h 1499 FIELDS 1 a => [1]
        HEXPIREAT h 1800000002 FIELDS 1 b => [1]
        HPEXPIREAT h 1800000000500 FIELDS 1 c => [1]
        HTTL h FIELDS 4 a b c d => [1, 2, 1, -2]
        HPTTL h FIELDS 3 a b c => [1499, 2000, 500]
        HEXPIRETIME h FIELDS 3 a b c => [1800000001, 1800000002, 1800000001]
        HPEXPIRETIME h FIELDS 3 a b c => [{}, {}, {}]
        HPEXPIREAT h 9223372036854775807 FIELDS 1 a => [1]
        HPEXPIRETIME h FIELDS 1 a => [9223372036854775807]
        ",
        START_MS + 1499,
        START_MS + 2000,
        START_MS + 500,
    ));
}

#[test]
fn hsetex_sets_all_fields_or_none_with_one_expiry() {
    Session::new().expect(
        r#"
        HSETEX h EX 100 FIELDS 2 a 1 b 2 => 1
        HTTL h FIELDS 2 a b => [100, 100]
        HSETEX h FNX FIELDS 2 c 9 a 9 => 0
        HSETEX h FXX FIELDS 2 a 9 c 9 => 0
        HSETEX h FXX KEEPTTL FIELDS 1 a 3 => 1
        HSETEX h KEEPTTL FIELDS 2 b 4 c 5 => 1
        HTTL h FIELDS 3 a b c => [100, 100, -1]
        HSETEX h FIELDS 1 a 4 => 1
        HTTL h FIELDS 1 a => [-1]
        HSETEX h XX PXAT 1800000007000 FIELDS 1 a 4 => 1
        HTTL h FIELDS 1 a => [7]
        HSETEX h NX FIELDS 1 a 9 => 0
        HSETEX none XX FIELDS 1 a 9 => 0
        HSETEX none FXX FIELDS 1 a 9 => 0
        HGETALL h => {"a": "4", "b": "4", "c": "5"}
        HLEN none => 0
        "#,
    );
}

#[test]
fn hgetex_reads_and_gives_or_takes_an_expiry() {
    Session::new().expect(
        r#"
        HSET h a 1 b 2 => 2
        HGETEX h FIELDS 2 a none => ["1", nil]
        HGETEX h EX 100 FIELDS 1 a => ["1"]
        HGETEX h FIELDS 1 a => ["1"]
        HTTL h FIELDS 1 a => [100]
        HGETEX h PX 2000 FIELDS 2 a b => ["1", "2"]
        HTTL h FIELDS 2 a b => [2, 2]
        HGETEX h PERSIST FIELDS 3 a b none => ["1", "2", nil]
        HTTL h FIELDS 2 a b => [-1, -1]
        HGETEX h EXAT 1800000009 FIELDS 1 a => ["1"]
        HGETEX h PXAT 1800000008000 FIELDS 1 b => ["2"]
        HTTL h FIELDS 2 a b => [9, 8]
        HGETEX none EX 10 FIELDS 1 a => [nil]
        "#,
    );
}

#[test]
fn hgetdel_reads_and_removes_and_the_last_field_takes_the_key() {
    let session = Session::new();
    session.expect(
        r#"
        HSET h a 1 b 2 => 2
        HGETDEL h FIELDS 2 a none => ["1", nil]
        HGETALL h => {"b": "2"}
        HGETDEL h FIELDS 1 b => ["2"]
        HGETDEL h FIELDS 1 b => [nil]
        "#,
    );
    assert_eq!(session.db.database_counts(0).keys, 0);
}

#[test]
fn the_number_of_fields_must_be_a_number_and_match() {
    let session = Session::new();
    session.expect("HSET h a 1 => 1");
    for head in ["HEXPIRE h 10", "HPERSIST h", "HGETEX h", "HGETDEL h"] {
        session.expect(&format!(
            "
            {head} FIELDS x a => ERR value is not an integer or out of range
            {head} FIELDS 0 a => {NUMFIELDS}
            {head} FIELDS -1 a => {NUMFIELDS}
            {head} FIELDS 2 a => {NUMFIELDS}
            {head} FIELDS 1 a b => {NUMFIELDS}
            "
        ));
    }
    session.expect(&format!(
        "
        HSETEX h FIELDS 0 a 1 => {NUMFIELDS}
        HSETEX h FIELDS 2 a 1 => {NUMFIELDS}
        HSETEX h FIELDS 9223372036854775807 a 1 => {NUMFIELDS}
        HSETEX h EX 10 a b c d => {NUMFIELDS}
        HEXPIRE h 10 a b c => {NUMFIELDS}
        HGETEX h EX 10 a b => {NUMFIELDS}
        HTTL h FIELDS x a => ERR value is not an integer or out of range
        HTTL h FIELDS 0 a => ERR syntax error
        HPTTL h FIELDS 2 a => ERR syntax error
        HTTL h FOO 1 a => ERR syntax error
        HPERSIST h FOO x a => ERR syntax error
        HGETDEL h FOO x a => ERR syntax error
        HGETALL h => {{\"a\": \"1\"}}
        "
    ));
}

#[test]
fn times_that_cannot_be_are_refused_by_the_command_that_got_them() {
    let session = Session::new();
    session.expect("HSET h a 1 => 1");
    for (head, name) in [
        ("HEXPIRE h TIME FIELDS 1 a", "hexpire"),
        ("HEXPIREAT h TIME FIELDS 1 a", "hexpireat"),
        ("HPEXPIRE h TIME FIELDS 1 a", "hpexpire"),
        ("HGETEX h EX TIME FIELDS 1 a", "hgetex"),
        ("HSETEX h EXAT TIME FIELDS 1 a 2", "hsetex"),
    ] {
        let run = |time: &str| session.run(&head.replace("TIME", time));
        assert_eq!(run("-1"), format!("ERR invalid expire time in '{name}' command"));
        assert_eq!(run("9223372036854775807"), format!("ERR invalid expire time in '{name}' command"));
        assert_eq!(run("x"), "ERR value is not an integer or out of range");
    }
    session.expect("HPEXPIREAT h -1 FIELDS 1 a => ERR invalid expire time in 'hpexpireat' command");
    session.expect("HTTL h FIELDS 1 a => [-1]");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    Session::new().expect(
        "
        HEXPIRE h 1 NX XX FIELDS 1 a => ERR NX and XX, GT or LT options at the same time are not compatible
        HEXPIRE h 1 NX LT FIELDS 1 a => ERR NX and XX, GT or LT options at the same time are not compatible
        HEXPIRE h 1 GT LT FIELDS 1 a => ERR GT and LT options at the same time are not compatible
        HEXPIRE h 1 NX NX FIELDS 1 a => [-2]
        HEXPIRE h 1 GT foo LT FIELDS 1 a => ERR Unsupported option foo
        HGETEX h EX 1 PX 1 FIELDS 1 a => ERR syntax error
        HGETEX h EX 1 PERSIST FIELDS 1 a => ERR syntax error
        HGETEX h PERSIST EX 1 FIELDS 1 a => ERR syntax error
        HGETEX h EX FIELDS 1 a => ERR syntax error
        HGETEX h KEEPTTL FIELDS 1 a => ERR syntax error
        HGETEX h NX FIELDS 1 a => ERR syntax error
        HGETEX h EX 10 EX 20 FIELDS 1 a => [nil]
        HSETEX h NX XX FIELDS 1 a 1 => ERR syntax error
        HSETEX h FXX FNX FIELDS 1 a 1 => ERR syntax error
        HSETEX h EX 10 KEEPTTL FIELDS 1 a 1 => ERR syntax error
        HSETEX h KEEPTTL PX 10 FIELDS 1 a 1 => ERR syntax error
        HSETEX h PERSIST FIELDS 1 a 1 => ERR syntax error
        HSETEX h FXX FXX NX FIELDS 1 a 1 => 0
        ",
    );
}

#[test]
fn conditions_of_hsetex_come_before_the_time_and_those_on_fields_after_it() {
    let session = Session::new();
    session.expect("HSET h a 1 => 1");
    session.expect(
        "
        HSETEX h NX EX x FIELDS 1 a 1 => 0
        HSETEX none XX EX -1 FIELDS 1 a 1 => 0
        HSETEX none FXX EX x FIELDS 1 a 1 => ERR value is not an integer or out of range
        HSETEX h FNX EX -1 FIELDS 1 a 1 => ERR invalid expire time in 'hsetex' command
        HSETEX h FXX EX 0 FIELDS 1 none 1 => 0
        ",
    );
}

#[test]
fn a_key_may_be_called_fields() {
    Session::new().expect(
        "
        HSETEX fields EX 10 FIELDS 1 fields 1 => 1
        HGETEX fields PERSIST FIELDS 1 fields => [\"1\"]
        ",
    );
}

#[test]
fn the_expiry_of_fields_is_there_after_opening_again() {
    survives(&[
        "HSET h a 1 b 2 c 3 d 4",
        "HEXPIRE h 100 FIELDS 2 a b",
        "HPEXPIREAT h 1900000000123 FIELDS 1 c",
        "HPERSIST h FIELDS 1 b",
        "HSETEX h EX 50 FIELDS 2 e 5 f 6",
        "HSETEX h KEEPTTL FIELDS 1 e 7",
        "HGETEX h PX 7000 FIELDS 1 d",
        "HGETDEL h FIELDS 1 f",
        "HINCRBY h a 1",
        "HSET gone a 1",
        "HPEXPIRE gone 0 FIELDS 1 a",
    ]);
    let fields: String = (0..600).map(|at| format!(" f{at} v{at}")).collect();
    survives(&[&format!("HSET table{fields}"), "HPEXPIRE table 5000 FIELDS 2 f1 f2", "HSET table f2 x"]);
}
