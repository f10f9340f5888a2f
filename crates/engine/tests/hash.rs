//! The commands on hashes.

use crate::common::{Session, show, survives};
use ramekin::{Collector, Response};
use std::collections::BTreeSet;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

fn strings(response: Response) -> Vec<String> {
    match response {
        Response::Array(items) => items.iter().map(|item| show(item).replace('"', "")).collect(),
        other => panic!("not an array: {other:?}"),
    }
}

/// A hash of this many fields `f0`, `f1`… with values `v0`, `v1`….
fn filled(fields: usize) -> Session {
    let session = Session::new();
    for at in 0..fields {
        session.run(&format!("HSET h f{at} v{at}"));
    }
    session
}

#[test]
fn fields_are_set_read_counted_and_deleted() {
    Session::new().expect(
        r#"
        HSET h a 1 b 2 a 3 => 2
        HSET h a 4 => 0
        HMSET h c five => OK
        HSETNX h c 6 => 0
        HSETNX h d 6 => 1
        HGET h c => "five"
        HGET h none => nil
        HMGET h a none b => ["4", nil, "2"]
        HGETALL h => {"a": "4", "b": "2", "c": "five", "d": "6"}
        HKEYS h => ["a", "b", "c", "d"]
        HVALS h => ["4", "2", "five", "6"]
        HLEN h => 4
        HSTRLEN h c => 4
        HSTRLEN h none => 0
        HEXISTS h a => 1
        HEXISTS h none => 0
        HDEL h a none a b => 2
        HDEL h none => 0
        HDEL h c d => 2
        HLEN h => 0
        "#,
    );
}

#[test]
fn a_missing_hash_answers_empty_or_null() {
    Session::new().expect(
        "
        HGET h a => nil
        HMGET h a b => [nil, nil]
        HGETALL h => {}
        HKEYS h => []
        HVALS h => []
        HLEN h => 0
        HSTRLEN h a => 0
        HEXISTS h a => 0
        HDEL h a => 0
        HRANDFIELD h => nil
        HRANDFIELD h 3 => []
        HRANDFIELD h -3 WITHVALUES => []
        HSCAN h 5 whatever => [\"0\", []]
        ",
    );
}

#[test]
fn a_hash_goes_with_its_last_field_and_takes_its_expiry_along() {
    let session = Session::new();
    session.expect("HSET h a 1 => 1");
    session.expect("EXPIRE h 100 => 1");
    session.expect("HSET h b 2 => 1");
    session.expect("TTL h => 100");
    session.expect("HDEL h a b => 2");
    assert_eq!(session.db.database_counts(0).keys, 0);
    session.expect("HSET h a 1 => 1");
    session.expect("TTL h => -1");
}

#[test]
fn every_command_refuses_a_key_of_another_type_and_leaves_it() {
    let session = Session::new();
    session.expect("SET s text => OK");
    for command in [
        "HSET s a 1",
        "HMSET s a 1",
        "HSETNX s a 1",
        "HGET s a",
        "HMGET s a",
        "HGETALL s",
        "HKEYS s",
        "HVALS s",
        "HLEN s",
        "HSTRLEN s a",
        "HEXISTS s a",
        "HDEL s a",
        "HINCRBY s a 1",
        "HINCRBYFLOAT s a 1",
        "HRANDFIELD s",
        "HRANDFIELD s 2",
        "HSCAN s 0",
        "HEXPIRE s 9 FIELDS 1 a",
        "HPEXPIRE s 9 FIELDS 1 a",
        "HEXPIREAT s 9 FIELDS 1 a",
        "HPEXPIREAT s 9 FIELDS 1 a",
        "HTTL s FIELDS 1 a",
        "HPTTL s FIELDS 1 a",
        "HEXPIRETIME s FIELDS 1 a",
        "HPEXPIRETIME s FIELDS 1 a",
        "HPERSIST s FIELDS 1 a",
        "HGETEX s FIELDS 1 a",
        "HSETEX s FIELDS 1 a 1",
        "HGETDEL s FIELDS 1 a",
    ] {
        assert_eq!(session.run(command), WRONG_TYPE, "{command}");
    }
    session.expect("GET s => \"text\"");
}

#[test]
fn a_pair_without_its_value_is_a_wrong_number_of_arguments() {
    Session::new().expect(
        "
        HSET h a => ERR wrong number of arguments for 'hset' command
        HSET h a 1 b => ERR wrong number of arguments for 'hset' command
        HMSET h a 1 b => ERR wrong number of arguments for 'hmset' command
        HLEN h => 0
        ",
    );
}

#[test]
fn integers_are_incremented_only_when_both_are_integers_and_the_sum_fits() {
    Session::new().expect(
        r#"
        HINCRBY h n 5 => 5
        HINCRBY h n -7 => -2
        HINCRBY h n 01 => ERR value is not an integer or out of range
        HSET h word xx big 9223372036854775807 => 2
        HINCRBY h word 1 => ERR hash value is not an integer
        HINCRBY h big 1 => ERR increment or decrement would overflow
        HMGET h n word big => ["-2", "xx", "9223372036854775807"]
        "#,
    );
}

#[test]
fn floats_are_incremented_with_the_digits_of_a_long_double() {
    Session::new().expect(
        r#"
        HINCRBYFLOAT h n 10.5 => "10.5"
        HINCRBYFLOAT h n 0.1 => "10.6"
        HINCRBYFLOAT h n -5e-1 => "10.1"
        HINCRBYFLOAT h n x => ERR value is not a valid float
        HINCRBYFLOAT h n nan => ERR value is not a valid float
        HINCRBYFLOAT h n -inf => ERR value is NaN or Infinity
        HSET h word xx huge inf => 2
        HINCRBYFLOAT h word 1 => ERR hash value is not a float
        HINCRBYFLOAT h huge 1 => ERR increment would produce NaN or Infinity
        HGET h n => "10.1"
        "#,
    );
}

#[test]
fn a_sum_longer_than_its_summands_is_stored_whole() {
    let session = Session::new();
    let sum = session.run("HINCRBYFLOAT h n 1e4000");
    assert!(sum.len() > 4000);
    assert_eq!(session.reopen().run("HGET h n"), sum);
}

#[test]
fn a_random_field_is_any_field() {
    let session = filled(40);
    let seen: BTreeSet<_> = (0..2_000).map(|_| session.run("HRANDFIELD h")).collect();
    assert_eq!(seen.len(), 40);
}

#[test]
fn random_fields_repeat_only_when_the_count_is_negative() {
    for size in [10, 40, 1_000] {
        let session = filled(size);
        for count in [1, 5, size / 2, size, size + 5] {
            let fields = strings(session.respond(&format!("HRANDFIELD h {count}")));
            let distinct: BTreeSet<_> = fields.iter().collect();
            assert_eq!((fields.len(), distinct.len()), (count.min(size), count.min(size)));
            assert_eq!(strings(session.respond(&format!("HRANDFIELD h -{count}"))).len(), count);
        }
        let many = strings(session.respond(&format!("HRANDFIELD h -{}", size * 4)));
        assert!(many.iter().collect::<BTreeSet<_>>().len() > size / 2);
    }
}

#[test]
fn each_set_of_random_fields_is_as_likely_as_any_other() {
    // Three of forty are drawn one by one, twenty of forty by a walk: in both, each field comes about as often.
    let session = filled(40);
    for (count, rounds) in [(3, 4_000), (20, 600)] {
        let mut times = [0_i32; 40];
        for _ in 0..rounds {
            for field in strings(session.respond(&format!("HRANDFIELD h {count}"))) {
                times[field[1..].parse::<usize>().unwrap()] += 1;
            }
        }
        let mean = rounds * count / 40;
        assert!(times.iter().all(|&seen| (seen - mean).abs() < mean / 3), "{times:?}");
    }
}

#[test]
fn random_fields_come_with_their_values_in_pairs_of_resp3_and_flat_in_resp2() {
    let session = Session::new();
    session.expect("HSET h a 1 => 1");
    session.expect("HRANDFIELD h 2 WITHVALUES => [[\"a\", \"1\"]]");
    session.expect("HRANDFIELD h -2 WITHVALUES => [[\"a\", \"1\"], [\"a\", \"1\"]]");
    let command = ramekin::command::find(b"hrandfield").unwrap();
    let mut caller = ramekin::Caller::at(session.db.now_ms());
    for (count, expected) in [("2", "[\"a\", \"1\"]"), ("-2", "[\"a\", \"1\", \"a\", \"1\"]")] {
        let mut out = Collector::for_protocol(false);
        let args = [&b"HRANDFIELD"[..], b"h", count.as_bytes(), b"withvalues"];
        let _ = session.db.run(&mut caller, command, &args, &mut out);
        assert_eq!(show(&out.into_response().unwrap()), expected);
    }
}

#[test]
fn the_count_of_random_fields_is_checked_before_the_key() {
    let out_of_range = "ERR value is out of range";
    let session = Session::new();
    session.expect("SET s text => OK");
    session.expect(&format!(
        "
        HRANDFIELD s x => ERR value is not an integer or out of range
        HRANDFIELD s 1 foo => ERR syntax error
        HRANDFIELD s 1 withvalues more => ERR syntax error
        HRANDFIELD s 9223372036854775807 withvalues => {out_of_range}
        HRANDFIELD s -9223372036854775807 withvalues => {out_of_range}
        HRANDFIELD s -9223372036854775808 => {out_of_range}, value must between -9223372036854775807 and 9223372036854775807
        HSET h a 1 => 1
        HRANDFIELD h 9223372036854775807 => [\"a\"]
        HRANDFIELD h 0 => []
        HRANDFIELD h -0 => ERR value is not an integer or out of range
        "
    ));
}

#[test]
fn a_scan_of_a_large_hash_finds_every_field_in_small_steps() {
    let session = filled(3_000);
    let (mut cursor, mut seen, mut steps) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let Response::Array(reply) = session.respond(&format!("HSCAN h {cursor} COUNT 100 NOVALUES")) else {
            panic!()
        };
        let found = strings(reply[1].clone());
        assert!(found.len() < 200, "{}", found.len());
        seen.extend(found);
        steps += 1;
        cursor = show(&reply[0]).replace('"', "");
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 3_000);
    assert!((15..=31).contains(&steps), "{steps}");
}

#[test]
fn a_scan_filters_by_pattern_and_leaves_values_out() {
    Session::new().expect(
        r#"
        HSET h a 1 b 2 bc 3 => 3
        HSCAN h 0 => ["0", ["a", "1", "b", "2", "bc", "3"]]
        HSCAN h 0 NOVALUES MATCH b* => ["0", ["b", "bc"]]
        HSCAN h 0 COUNT 1 MATCH b => ["0", ["b", "2"]]
        HSCAN h 0 MATCH a MATCH * => ["0", ["a", "1", "b", "2", "bc", "3"]]
        HSCAN h 18446744073709551615 MATCH x => ["0", []]
        "#,
    );
}

#[test]
fn a_scan_checks_the_cursor_then_the_key_then_the_options() {
    let session = Session::new();
    session.expect("SET s text => OK");
    session.expect("HSET h a 1 => 1");
    session.expect(&format!(
        "
        HSCAN s x => ERR invalid cursor
        HSCAN h -1 => ERR invalid cursor
        HSCAN h 18446744073709551616 => ERR invalid cursor
        HSCAN h +05 => [\"0\", [\"a\", \"1\"]]
        HSCAN s 0 foo => {WRONG_TYPE}
        HSCAN h 0 foo => ERR syntax error
        HSCAN h 0 MATCH => ERR syntax error
        HSCAN h 0 COUNT 0 => ERR syntax error
        HSCAN h 0 COUNT x => ERR value is not an integer or out of range
        HSCAN h 0 TYPE hash => ERR syntax error
        "
    ));
}

#[test]
fn what_was_done_to_hashes_is_there_after_opening_again() {
    survives(&[
        "HSET h a 1 b 2 c 3",
        "HMSET h d 4",
        "HSETNX h e 5",
        "HINCRBY h a 41",
        "HINCRBYFLOAT h b 0.25",
        "HDEL h c nothing",
        "HSET gone a 1",
        "HDEL gone a",
        "HSET other \"\" x",
    ]);
    let fields: String = (0..600).map(|at| format!(" f{at} v{at}")).collect();
    survives(&[&format!("HSET table{fields}"), "HDEL table f1 f2 f3", "HINCRBY table n 1"]);
}
