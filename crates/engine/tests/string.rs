//! The commands on strings.

use crate::common::{START_MS, Session, survives};
use ramekin::{Collector, Response};

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const SYNTAX: &str = "ERR syntax error";

#[test]
fn set_takes_place_under_its_condition_and_tells_the_old_value_if_asked() {
    Session::new().expect(
        r#"
        SET k a => OK
        SET k b NX => nil
        SET k b XX => OK
        SET none b XX => nil
        SET none b IFEQ b => nil
        SET k c IFEQ x => nil
        SET k c IFEQ b => OK
        SET k d GET => "c"
        SET k e NX GET => "d"
        SET k e IFEQ x GET => "d"
        SET k e IFEQ d GET => "d"
        SET none f NX GET => nil
        GET none => "f"
        GET k => "e"
        SETNX k x => 0
        SETNX new x => 1
        GETSET new y => "x"
        GETSET newer z => nil
        GET newer => "z"
        "#,
    );
}

#[test]
fn options_of_set_that_contradict_each_other_are_a_syntax_error() {
    let session = Session::new();
    for options in [
        "NX XX",
        "XX IFEQ a",
        "IFEQ a NX",
        "IFEQ a IFEQ a",
        "IFEQ",
        "EX",
        "EX 10 PX 10",
        "EX 10 EXAT 10",
        "EX 10 KEEPTTL",
        "KEEPTTL PX 10",
        "PERSIST",
        "EX abc NONSENSE",
    ] {
        assert_eq!(session.run(&format!("SET k v {options}")), SYNTAX, "{options}");
    }
    for options in ["EX 10 EX 20", "KEEPTTL KEEPTTL", "XX XX", "GET GET", "ex 10 ex 20 xx"] {
        session.run("SET k v");
        assert!(session.run(&format!("SET k v {options}")).len() < 4, "{options}");
    }
    session.expect("EXISTS none => 0");
}

#[test]
fn a_wrong_expiry_is_told_in_the_name_of_its_command() {
    let session = Session::new();
    for (command, name) in [("SET k v EX", "set"), ("GETEX k EX", "getex"), ("MSETEX 1 k v EX", "msetex")] {
        let invalid = format!("ERR invalid expire time in '{name}' command");
        for time in ["0", "-1", "9223372036854775807", "99999999999999999"] {
            assert_eq!(session.run(&format!("{command} {time}")), invalid, "{command} {time}");
        }
        assert_eq!(session.run(&format!("{command} abc")), NOT_AN_INTEGER);
    }
    session.expect(&format!(
        "SETEX k 0 v => ERR invalid expire time in 'setex' command
         SETEX k x v => {NOT_AN_INTEGER}
         PSETEX k -5 v => ERR invalid expire time in 'psetex' command
         PSETEX k 9223372036854775807 v => ERR invalid expire time in 'psetex' command"
    ));
}

#[test]
fn an_expiry_is_set_kept_dropped_or_past_as_the_command_says() {
    let session = Session::new();
    let (soon, past) = (START_MS / 1000 + 50, START_MS / 1000);
    session.expect(&format!(
        r#"
        SET k a EX 10 => OK
        PTTL k => 10000
        SET k b KEEPTTL => OK
        PTTL k => 10000
        INCRBYFLOAT n 1.5 => "1.5"
        SET n 1 PX 500 => OK
        INCR n => 2
        INCRBYFLOAT n 0.5 => "2.5"
        APPEND n x => 4
        SETRANGE n 0 y => 4
        PTTL n => 500
        SET k c => OK
        PTTL k => -1
        SET k c EXAT {soon} => OK
        TTL k => 50
        GETEX k PERSIST => "c"
        TTL k => -1
        GETEX k PX 7 => "c"
        PTTL k => 7
        GETEX k => "c"
        PTTL k => 7
        GETSET k d => "c"
        PTTL k => -1
        SETEX k 3 v => OK
        PTTL k => 3000
        PSETEX k 3 v => OK
        PTTL k => 3
        SET k v PXAT 1 => OK
        EXISTS k => 0
        SET k v EXAT {past} GET => nil
        EXISTS k => 0
        SET k v => OK
        GETEX k EXAT {past} => "v"
        EXISTS k => 0
        "#
    ));
    session.run("SET k v PX 5");
    session.pass(6);
    session.expect(
        "SET k w XX => nil
         GETDEL k => nil
         SET k w KEEPTTL => OK
         PTTL k => -1",
    );
}

#[test]
fn getdel_and_delifeq_remove_what_they_answer_for() {
    Session::new().expect(
        r#"
        SET k v => OK
        GETDEL k => "v"
        GETDEL k => nil
        SET k v => OK
        DELIFEQ k x => 0
        DELIFEQ k v => 1
        DELIFEQ k v => 0
        EXISTS k => 0
        "#,
    );
}

#[test]
fn a_key_of_another_type_is_refused_but_by_set() {
    let session = Session::new();
    session.run("RPUSH l a");
    for command in [
        "GET l",
        "GETSET l v",
        "GETDEL l",
        "GETEX l",
        "GETEX l EX 10",
        "SET l v GET",
        "SET l v NX GET",
        "SET l v IFEQ a",
        "DELIFEQ l a",
        "APPEND l v",
        "STRLEN l",
        "SETRANGE l 0 v",
        "SETRANGE l 0 \"\"",
        "SETRANGE l 99999999999 v",
        "GETRANGE l 0 1",
        "SUBSTR l 0 1",
        "INCR l",
        "DECRBY l 1",
        "INCRBYFLOAT l abc",
    ] {
        assert_eq!(session.run(command), WRONG_TYPE, "{command}");
    }
    session.expect(
        r#"
        LRANGE l 0 -1 => ["a"]
        SET l v NX => nil
        MGET l none => [nil, nil]
        MSETNX k v l v => 0
        SETNX l v => 0
        EXISTS k => 0
        SET l v XX => OK
        GET l => "v"
        "#,
    );
}

#[test]
fn integers_are_added_to_until_they_overflow() {
    Session::new().expect(&format!(
        "INCR n => 1
         INCRBY n 41 => 42
         DECR n => 41
         DECRBY n 50 => -9
         DECR new => -1
         DECRBY newer 5 => -5
         SET n 9223372036854775807 => OK
         INCR n => ERR increment or decrement would overflow
         GET n => \"9223372036854775807\"
         SET n -9223372036854775808 => OK
         DECR n => ERR increment or decrement would overflow
         DECRBY n -9223372036854775808 => ERR decrement would overflow
         INCRBY n abc => {NOT_AN_INTEGER}
         DECRBY n 1.5 => {NOT_AN_INTEGER}
         SET n 01 => OK
         INCR n => {NOT_AN_INTEGER}
         SET n 5x => OK
         INCR n => {NOT_AN_INTEGER}
         GET n => \"5x\""
    ));
}

#[test]
fn an_increment_takes_the_value_through_every_size_of_its_entry() {
    let session = Session::new();
    session.run("SET n 9 EX 100");
    let mut expected = 9_i64;
    for _ in 0..18 {
        let by = expected * 9 + 1;
        expected += by;
        assert_eq!(session.run(&format!("INCRBY n {by}")), expected.to_string());
        assert_eq!(session.run("GET n"), format!("\"{expected}\""));
    }
    session.expect(
        "DECRBY n 9 => 9999999999999999981\nTTL n => 100"
            .replace("9999999999999999981", &(expected - 9).to_string())
            .as_str(),
    );
}

#[test]
fn floats_are_added_to_in_full_and_never_become_infinite() {
    Session::new().expect(
        r#"
        INCRBYFLOAT f 10.5 => "10.5"
        INCRBYFLOAT f 0.1 => "10.6"
        INCRBYFLOAT f -5 => "5.6"
        INCRBYFLOAT f 5.0e3 => "5005.60000000000000009"
        SET f 3.0e3 => OK
        INCRBYFLOAT f 200 => "3200"
        INCRBYFLOAT f inf => ERR increment would produce NaN or Infinity
        INCRBYFLOAT none -inf => ERR increment would produce NaN or Infinity
        INCRBYFLOAT f nan => ERR value is not a valid float
        INCRBYFLOAT f abc => ERR value is not a valid float
        SET g inf => OK
        INCRBYFLOAT g 1 => ERR increment would produce NaN or Infinity
        SET g words => OK
        INCRBYFLOAT g 1 => ERR value is not a valid float
        GET f => "3200"
        EXISTS none => 0
        "#,
    );
}

#[test]
fn strings_are_measured_cut_extended_and_written_into() {
    Session::new().expect(
        r#"
        APPEND k Hello => 5
        APPEND k ,World => 11
        STRLEN k => 11
        STRLEN none => 0
        APPEND empty "" => 0
        EXISTS empty => 1
        GETRANGE k 0 4 => "Hello"
        GETRANGE k -5 -1 => "World"
        GETRANGE k -100 -99 => "H"
        GETRANGE k -5 -100 => ""
        GETRANGE k 20 30 => ""
        GETRANGE none 0 -1 => ""
        SUBSTR k 6 100 => "World"
        GETRANGE k a 1 => ERR value is not an integer or out of range
        SETRANGE k 6 There => 11
        GET k => "Hello,There"
        SETRANGE gap 3 x => 4
        GET gap => "\x00\x00\x00x"
        SETRANGE none 5 "" => 0
        EXISTS none => 0
        SETRANGE k -1 x => ERR offset is out of range
        SETRANGE k 536870912 x => ERR string exceeds maximum allowed size (proto-max-bulk-len)
        SETRANGE k 9223372036854775807 x => ERR string exceeds maximum allowed size (proto-max-bulk-len)
        SETRANGE k 9223372036854775807 "" => 11
        "#,
    );
}

#[test]
fn no_write_makes_a_string_longer_than_the_limit() {
    let session = Session::new();
    session.db.settings().string_bytes_max.store(10, std::sync::atomic::Ordering::Relaxed);
    session.expect(
        r#"
        APPEND k 12345 => 5
        APPEND k 123456 => ERR string exceeds maximum allowed size (proto-max-bulk-len)
        SETRANGE k 9 x => 10
        SETRANGE k 10 x => ERR string exceeds maximum allowed size (proto-max-bulk-len)
        STRLEN k => 10
        "#,
    );
}

#[test]
fn several_strings_are_read_and_set_at_once() {
    Session::new().expect(
        r#"
        MSET a 1 b 2 a 3 => OK
        MGET a b none a => ["3", "2", nil, "3"]
        MSET a => ERR wrong number of arguments for 'mset' command
        MSET a 1 b => ERR wrong number of arguments for 'mset' command
        MSETNX c 1 b 2 => 0
        EXISTS c => 0
        MSETNX c 1 c 2 => 1
        GET c => "2"
        MSETNX c => ERR wrong number of arguments for 'msetnx' command
        MSETNX c 1 d => ERR wrong number of arguments for 'msetnx' command
        "#,
    );
}

#[test]
fn msetex_sets_all_or_none_with_one_expiry() {
    let session = Session::new();
    session.run("RPUSH l a");
    session.expect(&format!(
        r#"
        MSETEX 2 a 1 b 2 EX 10 => 1
        TTL b => 10
        MSETEX 2 a 3 c 4 NX => 0
        MSETEX 2 a 3 c 4 XX => 0
        MGET a b c => ["1", "2", nil]
        MSETEX 2 a 3 b 4 XX KEEPTTL => 1
        TTL a => 10
        MSETEX 2 a 3 b 4 => 1
        TTL a => -1
        MSETEX 2 c 5 d 6 NX PX 500 => 1
        PTTL d => 500
        MSETEX 1 c 5 PXAT 1 => 1
        EXISTS c => 0
        MSETEX 1 l x XX => 1
        GET l => "x"
        MSETEX 2 a b EX 10 => 1
        GET EX => "10"
        MSETEX 1 a => ERR wrong number of arguments for 'msetex' command
        MSETEX 0 a b => ERR invalid numkeys value or out of range
        MSETEX abc a b => ERR invalid numkeys value or out of range
        MSETEX 2147483648 a b => ERR invalid numkeys value or out of range
        MSETEX 2147483647 a b => {SYNTAX}
        MSETEX 2 a b => {SYNTAX}
        MSETEX 1 a b c => {SYNTAX}
        MSETEX 1 a b NX XX => {SYNTAX}
        MSETEX 1 a b EX 10 KEEPTTL => {SYNTAX}
        MSETEX 1 a b GET => {SYNTAX}
        MSETEX 1 a b PERSIST => {SYNTAX}
        "#
    ));
}

#[test]
fn getex_takes_one_kind_of_time_and_looks_at_it_before_the_key() {
    Session::new().expect(&format!(
        "GETEX none EX 10 PX 10 => {SYNTAX}
         GETEX none PERSIST EX 10 => {SYNTAX}
         GETEX none KEEPTTL => {SYNTAX}
         GETEX none NX => {SYNTAX}
         GETEX none EX 0 => ERR invalid expire time in 'getex' command
         GETEX none EX 10 => nil
         EXISTS none => 0"
    ));
}

#[test]
fn lcs_answers_the_subsequence_its_length_or_where_it_is() {
    let session = Session::new();
    session.run("MSET a ohmytext b mynewtext");
    session.run("RPUSH l a");
    session.expect(&format!(
        r#"
        LCS a b => "mytext"
        LCS a b LEN => 6
        LCS a b IDX => {{"matches": [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], "len": 6}}
        LCS a b IDX MINMATCHLEN 4 => {{"matches": [[[4, 7], [5, 8]]], "len": 6}}
        LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN => {{"matches": [[[4, 7], [5, 8], 4]], "len": 6}}
        LCS a b IDX MINMATCHLEN -5 WITHMATCHLEN => {{"matches": [[[4, 7], [5, 8], 4], [[2, 3], [0, 1], 2]], "len": 6}}
        LCS a b MINMATCHLEN 100 => "mytext"
        LCS a none => ""
        LCS none none LEN => 0
        LCS none none IDX => {{"matches": [], "len": 0}}
        LCS a a => "ohmytext"
        LCS a b LEN IDX => ERR If you want both the length and indexes, please just use IDX.
        LCS a b MINMATCHLEN => {SYNTAX}
        LCS a b NONSENSE => {SYNTAX}
        LCS a b MINMATCHLEN x => {NOT_AN_INTEGER}
        LCS a l NONSENSE => ERR The specified keys must contain string values
        "#
    ));
    session.db.settings().string_bytes_max.store(359, std::sync::atomic::Ordering::Relaxed);
    session.expect(
        "LCS a b LEN => ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
    );
}

#[test]
fn a_reply_of_lcs_is_a_map_of_two() {
    let session = Session::new();
    let Response::Map(pairs) = session.respond("LCS a b IDX") else { panic!("not a map") };
    let mut out = Collector::for_protocol(false);
    Response::Map(pairs).write_to(&mut out);
    assert!(matches!(out.into_response(), Some(Response::Map(pairs)) if pairs.len() == 2));
}

#[test]
fn strings_survive_closing_and_opening() {
    survives(&[
        "SET a 1 PX 100000",
        "INCR a",
        "DECRBY a 5",
        "INCRBYFLOAT a 0.5",
        "SET b x KEEPTTL GET",
        "APPEND b yz",
        "SETRANGE b 5 w",
        "APPEND new tail",
        "SETRANGE gap 4 end",
        "MSET c 1 d 2",
        "MSETNX e 1 f 2",
        "MSETEX 2 g 1 h 2 EX 100",
        "GETEX c EX 50",
        "GETEX g PERSIST",
        "GETDEL d",
        "DELIFEQ e 1",
        "GETSET f 3",
        "SETEX i 10 v",
        "PSETEX j 10 v",
        "SETNX k v",
        "SET h v PXAT 1",
    ]);
}
