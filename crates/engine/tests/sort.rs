//! SORT and SORT_RO.

use crate::common::{Session, survives};

fn weighted() -> Session {
    let session = Session::new();
    session.expect(
        "
        RPUSH l b a c => 3
        MSET w_a 30 w_b 20 w_c 10 n_a x n_b y => OK
        HSET h_a f 2 => 1
        HSET h_b f 3 => 1
        HSET h_c f 1 => 1
        RPUSH n 10 9 -1 2.5 => 4
        ",
    );
    session
}

#[test]
fn elements_are_sorted_as_numbers_or_as_bytes() {
    weighted().expect(
        r#"
        SORT n => ["-1", "2.5", "9", "10"]
        SORT n DESC => ["10", "9", "2.5", "-1"]
        SORT n ALPHA => ["-1", "10", "2.5", "9"]
        SORT l ALPHA => ["a", "b", "c"]
        SORT l DESC ALPHA => ["c", "b", "a"]
        SORT l DESC ASC ALPHA => ["a", "b", "c"]
        SORT_RO n => ["-1", "2.5", "9", "10"]
        SORT none => []
        "#,
    );
}

#[test]
fn a_limit_cuts_the_sorted_elements() {
    let session = weighted();
    session.expect(
        r#"
        SORT l ALPHA LIMIT 1 1 => ["b"]
        SORT l ALPHA LIMIT -5 2 => ["a", "b"]
        SORT l ALPHA LIMIT 1 -1 => ["b", "c"]
        SORT l ALPHA LIMIT 5 2 => []
        SORT l ALPHA LIMIT 0 0 => []
        "#,
    );
    let many: Vec<_> = (0..100).map(|n| (n * 37 % 100).to_string()).collect();
    session.run(&format!("RPUSH many {}", many.join(" ")));
    session.expect(r#"SORT many LIMIT 10 3 => ["10", "11", "12"]"#);
    session.expect(r#"SORT many LIMIT 0 2 DESC => ["99", "98"]"#);
}

#[test]
fn weights_and_results_come_from_other_keys_and_from_fields() {
    weighted().expect(
        r##"
        SORT l BY w_* => ["c", "b", "a"]
        SORT l BY h_*->f => ["c", "a", "b"]
        SORT l BY h_*->f GET # GET w_* GET h_*->f => ["c", "10", "1", "a", "30", "2", "b", "20", "3"]
        SORT_RO l BY w_* GET n_* => [nil, "y", "x"]
        SORT l BY nosort => ["b", "a", "c"]
        SORT l BY nosort DESC => ["c", "a", "b"]
        SORT l BY nosort DESC LIMIT 0 1 => ["c"]
        SORT l BY nosort BY w_* => ["b", "a", "c"]
        SORT l BY nosort GET w_a => [nil, nil, nil]
        SORT l BY none_* => ["a", "b", "c"]
        SORT l BY n_* ALPHA => ["c", "a", "b"]
        SORT l BY n_* ALPHA DESC => ["b", "a", "c"]
        SORT l BY nosort GET w_*->f => [nil, nil, nil]
        SORT l BY nosort GET h_*-> => [nil, nil, nil]
        "##,
    );
}

#[test]
fn a_weight_that_is_no_number_refuses_the_whole_command() {
    let session = weighted();
    let refusal = "ERR One or more scores can't be converted into double";
    for command in ["SORT l", "SORT l BY n_*", "SORT l STORE n", "SORT_RO l"] {
        assert_eq!(session.run(command), refusal);
    }
    for number in ["nan", "1e400", "1e-400", "1x", "0x1p3"] {
        session.run("DEL x");
        session.run(&format!("RPUSH x {number}"));
        assert_eq!(session.run("SORT x"), refusal, "{number}");
    }
    session.db.execute(&[b"RPUSH", b"cut", b"2", b"1\x003"]).unwrap();
    session.expect(r#"SORT cut => ["1\x003", "2"]"#);
    session.expect("LLEN n => 4 \n RPUSH inf inf -inf 1e5 +1 => 4");
    session.expect(r#"SORT inf => ["-inf", "+1", "1e5", "inf"]"#);
}

#[test]
fn a_result_is_stored_in_place_of_what_was_there() {
    weighted().expect(
        r##"
        SET out old EX 100 => OK
        SORT l ALPHA STORE out => 3
        LRANGE out 0 -1 => ["a", "b", "c"]
        TTL out => -1
        SORT l ALPHA GET n_* STORE out => 3
        LRANGE out 0 -1 => ["x", "y", ""]
        SORT l ALPHA STORE l => 3
        LRANGE l 0 -1 => ["a", "b", "c"]
        SORT none STORE out => 0
        EXISTS out => 0
        "##,
    );
}

#[test]
fn what_cannot_be_sorted_is_refused() {
    weighted().expect(
        "
        SORT w_a => WRONGTYPE Operation against a key holding the wrong kind of value
        SORT h_a => WRONGTYPE Operation against a key holding the wrong kind of value
        SORT w_a BAD => ERR syntax error
        SORT l LIMIT 0 => ERR syntax error
        SORT l LIMIT x 1 => ERR value is not an integer or out of range
        SORT l BY => ERR syntax error
        SORT l STORE => ERR syntax error
        SORT_RO l STORE out => ERR syntax error
        ",
    );
}

#[test]
fn a_stored_result_survives_also_a_large_one() {
    let numbers: Vec<_> = (0..10_000).map(|n| (n * 7919 % 10_000).to_string()).collect();
    survives(&[&format!("RPUSH l {}", numbers.join(" ")), "SET out 1", "SORT l STORE out"]);
    survives(&["RPUSH l 2 1", "SET out 1", "SORT l STORE out", "SORT none STORE l"]);
}
