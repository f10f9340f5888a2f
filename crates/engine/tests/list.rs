//! The commands on lists that do not wait.

use crate::common::{Session, survives};
use proptest::prelude::*;
use std::collections::VecDeque;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const SYNTAX: &str = "ERR syntax error";

#[test]
fn elements_are_pushed_and_popped_at_both_ends() {
    Session::new().expect(
        r#"
        RPUSH l b c => 2
        LPUSH l a z => 4
        LRANGE l 0 -1 => ["z", "a", "b", "c"]
        LPUSHX l y => 5
        RPUSHX l d e => 7
        LPUSHX none y => 0
        RPUSHX none y => 0
        EXISTS none => 0
        LLEN l => 7
        LSIZE l => 7
        LLEN none => 0
        LPOP l => "y"
        RPOP l => "e"
        LPOP l 2 => ["z", "a"]
        RPOP l 2 => ["d", "c"]
        LPOP l 0 => []
        RPOP l 100 => ["b"]
        EXISTS l => 0
        LPOP l => nil
        LPOP l 3 => nil
        "#,
    );
}

#[test]
fn a_count_to_pop_is_checked_before_the_key() {
    Session::new().expect(
        "SET s v => OK
         LPOP s -1 => ERR value is out of range, must be positive
         LPOP s abc => ERR value is out of range, must be positive
         RPOP none 1 2 => ERR wrong number of arguments for 'rpop' command
         LPOP none 1 2 => ERR wrong number of arguments for 'lpop' command",
    );
}

#[test]
fn a_key_of_another_type_is_refused() {
    let session = Session::new();
    session.run("SET s v");
    session.run("RPUSH l a b");
    for command in [
        "LPUSH s x",
        "RPUSH s x",
        "LPUSHX s x",
        "RPUSHX s x",
        "LPOP s",
        "RPOP s 0",
        "LLEN s",
        "LSIZE s",
        "LRANGE s 0 -1",
        "LINDEX s abc",
        "LSET s abc x",
        "LINSERT s BEFORE a b",
        "LREM s 0 x",
        "LTRIM s 0 1",
        "LPOS s x",
        "LMOVE s l LEFT LEFT",
        "LMOVE l s LEFT LEFT",
        "RPOPLPUSH s l",
        "RPOPLPUSH l s",
        "LMPOP 2 s l LEFT",
        "BLPOP s 0",
        "BRPOP none s 0",
        "BLMOVE l s LEFT LEFT 0",
        "BRPOPLPUSH s l 0",
        "BLMPOP 0 1 s LEFT",
    ] {
        assert_eq!(session.run(command), WRONG_TYPE, "{command}");
    }
    session.expect("GET s => \"v\"\nLRANGE l 0 -1 => [\"a\", \"b\"]");
}

#[test]
fn ranges_and_indexes_count_from_either_end() {
    Session::new().expect(&format!(
        r#"
        RPUSH l a b c d => 4
        LRANGE l -100 1 => ["a", "b"]
        LRANGE l 3 1 => []
        LRANGE l 2 100 => ["c", "d"]
        LRANGE l 4 100 => []
        LRANGE l -9223372036854775808 9223372036854775807 => ["a", "b", "c", "d"]
        LRANGE none 0 -1 => []
        LRANGE l a 1 => {NOT_AN_INTEGER}
        LINDEX l 0 => "a"
        LINDEX l -1 => "d"
        LINDEX l 4 => nil
        LINDEX l -5 => nil
        LINDEX none abc => nil
        LINDEX l abc => {NOT_AN_INTEGER}
        LSET l 1 B => OK
        LSET l -1 D => OK
        LSET l 4 x => ERR index out of range
        LSET l -5 x => ERR index out of range
        LSET l abc x => {NOT_AN_INTEGER}
        LSET none abc x => ERR no such key
        LRANGE l 0 -1 => ["a", "B", "c", "D"]
        "#
    ));
}

#[test]
fn elements_are_inserted_beside_and_removed_by_value() {
    Session::new().expect(&format!(
        r#"
        RPUSH l a b a c a => 5
        LINSERT l BEFORE a 0 => 6
        LINSERT l after c 1 => 7
        LRANGE l 0 -1 => ["0", "a", "b", "a", "c", "1", "a"]
        LINSERT l BEFORE none x => -1
        LINSERT none BEFORE a x => 0
        LINSERT none BESIDE a x => {SYNTAX}
        LREM l 1 a => 1
        LREM l -1 a => 1
        LRANGE l 0 -1 => ["0", "b", "a", "c", "1"]
        LREM l 0 none => 0
        LREM none 0 a => 0
        LREM l abc a => {NOT_AN_INTEGER}
        LREM l -9223372036854775808 a => ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        LTRIM l 1 -2 => OK
        LRANGE l 0 -1 => ["b", "a", "c"]
        LTRIM l a 1 => {NOT_AN_INTEGER}
        LTRIM none 0 1 => OK
        LREM l 0 b => 1
        LTRIM l 5 9 => OK
        EXISTS l => 0
        RPUSH l x x => 2
        LREM l -2 x => 2
        EXISTS l => 0
        "#
    ));
}

#[test]
fn lpos_finds_matches_by_rank_count_and_length() {
    Session::new().expect(&format!(
        r#"
        RPUSH l a b c 1 2 3 c c => 8
        LPOS l c => 2
        LPOS l c RANK -1 => 7
        LPOS l c RANK 2 COUNT 2 => [6, 7]
        LPOS l c RANK -1 COUNT 0 => [7, 6, 2]
        LPOS l c COUNT 0 MAXLEN 3 => [2]
        LPOS l c MAXLEN 2 => nil
        LPOS l c MAXLEN 2 COUNT 1 => []
        LPOS l c RANK -1 COUNT 0 MAXLEN 2 => [7, 6]
        LPOS l c RANK 4 => nil
        LPOS l c RANK 9223372036854775807 COUNT 0 => []
        LPOS l c RANK 9 RANK 1 => 2
        LPOS none c => nil
        LPOS none c COUNT 0 => []
        LPOS none c RANK 0 => ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list
        LPOS l c RANK abc => {NOT_AN_INTEGER}
        LPOS l c RANK -9223372036854775808 => ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        LPOS l c COUNT -1 => ERR COUNT can't be negative
        LPOS l c MAXLEN abc => ERR MAXLEN can't be negative
        LPOS l c RANK => {SYNTAX}
        LPOS l c NONSENSE 1 => {SYNTAX}
        "#
    ));
}

#[test]
fn an_element_moves_from_list_to_list() {
    Session::new().expect(&format!(
        r#"
        RPUSH a 1 2 3 => 3
        LMOVE a b LEFT RIGHT => "1"
        LMOVE a b RIGHT LEFT => "3"
        RPOPLPUSH a b => "2"
        EXISTS a => 0
        LRANGE b 0 -1 => ["2", "3", "1"]
        LMOVE a b LEFT LEFT => nil
        RPOPLPUSH a b => nil
        LMOVE a b LEFT UP => {SYNTAX}
        LMOVE a b up RIGHT => {SYNTAX}
        LMOVE b b LEFT RIGHT => "2"
        LMOVE b b LEFT LEFT => "3"
        RPOPLPUSH b b => "2"
        LRANGE b 0 -1 => ["2", "3", "1"]
        "#
    ));
}

#[test]
fn a_list_of_one_that_is_rotated_keeps_its_expiry() {
    Session::new().expect(
        r#"
        RPUSH l a => 1
        PEXPIRE l 500 => 1
        RPOPLPUSH l l => "a"
        PTTL l => 500
        RPOPLPUSH l other => "a"
        PTTL other => -1
        "#,
    );
}

#[test]
fn lmpop_pops_from_the_first_list_that_has_any() {
    Session::new().expect(&format!(
        r#"
        RPUSH b 1 2 3 4 => 4
        LMPOP 3 a b c LEFT => ["b", ["1"]]
        LMPOP 2 a b RIGHT COUNT 2 => ["b", ["4", "3"]]
        LMPOP 1 b left count 10 => ["b", ["2"]]
        EXISTS b => 0
        LMPOP 2 a b LEFT => nil
        LMPOP 0 b LEFT => ERR numkeys should be greater than 0
        LMPOP abc b LEFT => ERR numkeys should be greater than 0
        LMPOP 2 b LEFT => {SYNTAX}
        LMPOP 99999999999 b LEFT => {SYNTAX}
        LMPOP 1 b UP => {SYNTAX}
        LMPOP 1 b LEFT COUNT 0 => ERR count should be greater than 0
        LMPOP 1 b LEFT COUNT abc => ERR count should be greater than 0
        LMPOP 1 b LEFT COUNT => {SYNTAX}
        LMPOP 1 b LEFT COUNT 1 COUNT 2 => {SYNTAX}
        LMPOP 1 b LEFT COUNT -1 COUNT 2 => ERR count should be greater than 0
        "#
    ));
}

#[test]
fn an_expired_list_is_gone_for_every_command() {
    let session = Session::new();
    for command in ["LPUSHX l x", "LLEN l", "LREM l 0 a", "LPOS l a COUNT 0", "LINSERT l BEFORE a x"] {
        session.run("DEL l");
        session.run("RPUSH l a");
        session.run("PEXPIRE l 5");
        session.pass(6);
        assert!(["0", "[]"].contains(&session.run(command).as_str()), "{command}");
        session.expect("RPUSH l new => 1\nPTTL l => -1");
    }
}

#[test]
fn lists_survive_closing_and_opening() {
    survives(&[
        "RPUSH a 1 2 3 4 5 6 7 8 9",
        "PEXPIRE a 100000",
        "LPUSH a 0 x",
        "LPOP a",
        "RPOP a 2",
        "LSET a 1 one",
        "LINSERT a AFTER one more",
        "LREM a -1 6",
        "LTRIM a 1 -2",
        "LMOVE a b LEFT RIGHT",
        "RPOPLPUSH a b",
        "RPOPLPUSH b b",
        "LMOVE b c LEFT LEFT",
        "LMPOP 2 none a LEFT COUNT 2",
        "RPUSH d only",
        "BLPOP d 0",
        "RPUSH e 1 2 3 4 5",
        "BRPOP e 0",
        "BLMOVE e f LEFT LEFT 0",
        "BRPOPLPUSH e f 0",
        "BLMPOP 0 1 e LEFT",
        "LPUSHX e x",
        "RPUSHX f y z",
    ]);
}

#[test]
fn large_elements_and_long_lists_survive_too() {
    let session = Session::new();
    let large = vec![b'x'; 100_000];
    for at in 0..3000_u32 {
        session.db.execute(&[b"RPUSH", b"long", at.to_string().as_bytes()]).unwrap();
    }
    session.db.execute(&[b"RPUSH", b"large", &large, b"small"]).unwrap();
    session.db.execute(&[b"LMOVE", b"large", b"moved", b"LEFT", b"LEFT"]).unwrap();
    session.run("LREM long 0 1500");
    let session = session.reopen();
    assert_eq!(session.db.lrange(b"moved", 0, -1).unwrap(), [large]);
    let expected: Vec<_> =
        (0..3000_u32).filter(|at| *at != 1500).map(|at| at.to_string().into_bytes()).collect();
    assert!(session.db.lrange(b"long", 0, -1).unwrap() == expected);
}

/// One step of the model test: a command on a list whose elements are small numbers.
#[derive(Clone, Debug)]
enum Step {
    Push(bool, Vec<u8>),
    Pop(bool, u8),
    Set(i8, u8),
    Insert(bool, u8, u8),
    Remove(i8, u8),
    Trim(i8, i8),
    Rotate(bool, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let element = 0..5_u8;
    let step = prop_oneof![
        4 => (any::<bool>(), prop::collection::vec(element.clone(), 1..8)).prop_map(|(left, all)| Step::Push(left, all)),
        2 => (any::<bool>(), 0..4_u8).prop_map(|(left, count)| Step::Pop(left, count)),
        1 => (-10..10_i8, element.clone()).prop_map(|(at, element)| Step::Set(at, element)),
        1 => (any::<bool>(), element.clone(), element.clone()).prop_map(|(after, pivot, element)| Step::Insert(after, pivot, element)),
        1 => (-3..3_i8, element).prop_map(|(count, element)| Step::Remove(count, element)),
        1 => (-12..12_i8, -12..12_i8).prop_map(|(start, stop)| Step::Trim(start, stop)),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(from, to)| Step::Rotate(from, to)),
    ];
    prop::collection::vec(step, 1..40)
}

fn apply(model: &mut VecDeque<u8>, step: &Step) {
    let len = i64::try_from(model.len()).unwrap();
    let absolute = |index: i8| if index < 0 { i64::from(index) + len } else { i64::from(index) };
    match step {
        Step::Push(true, all) => all.iter().for_each(|element| model.push_front(*element)),
        Step::Push(false, all) => model.extend(all),
        Step::Pop(left, count) => {
            for _ in 0..*count {
                if *left {
                    model.pop_front()
                } else {
                    model.pop_back()
                };
            }
        }
        Step::Set(at, element) => {
            if let Some(place) = usize::try_from(absolute(*at)).ok().and_then(|at| model.get_mut(at)) {
                *place = *element;
            }
        }
        Step::Insert(after, pivot, element) => {
            if let Some(at) = model.iter().position(|other| other == pivot) {
                model.insert(at + usize::from(*after), *element);
            }
        }
        Step::Remove(count, element) => {
            for _ in 0..if *count == 0 { usize::MAX } else { usize::from(count.unsigned_abs()) } {
                let found = if *count < 0 {
                    model.iter().rposition(|other| other == element)
                } else {
                    model.iter().position(|other| other == element)
                };
                match found {
                    Some(at) => {
                        model.remove(at);
                    }
                    None => break,
                }
            }
        }
        Step::Trim(start, stop) => {
            let (start, stop) = (absolute(*start), absolute(*stop));
            let mut place = -1;
            model.retain(|_| {
                place += 1;
                (start..=stop).contains(&place)
            });
        }
        Step::Rotate(from_left, to_left) => {
            let element = if *from_left { model.pop_front() } else { model.pop_back() };
            match element {
                Some(element) if *to_left => model.push_front(element),
                Some(element) => model.push_back(element),
                None => {}
            }
        }
    }
}

fn command(step: &Step) -> String {
    let side = |left: &bool| if *left { "LEFT" } else { "RIGHT" };
    match step {
        Step::Push(left, all) => {
            let words: Vec<_> = all.iter().map(u8::to_string).collect();
            format!("{} l {}", if *left { "LPUSH" } else { "RPUSH" }, words.join(" "))
        }
        Step::Pop(left, count) => format!("{} l {count}", if *left { "LPOP" } else { "RPOP" }),
        Step::Set(at, element) => format!("LSET l {at} {element}"),
        Step::Insert(after, pivot, element) => {
            format!("LINSERT l {} {pivot} {element}", if *after { "AFTER" } else { "BEFORE" })
        }
        Step::Remove(count, element) => format!("LREM l {count} {element}"),
        Step::Trim(start, stop) => format!("LTRIM l {start} {stop}"),
        Step::Rotate(from, to) => format!("LMOVE l l {} {}", side(from), side(to)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_commands_leave_the_list_that_a_plain_sequence_would_be_also_after_opening_again(steps in steps()) {
        let session = Session::new();
        session.db.settings().list_max_listpack_size.store(4, std::sync::atomic::Ordering::Relaxed);
        let mut model = VecDeque::new();
        for step in &steps {
            session.run(&command(step));
            apply(&mut model, step);
            let expected: Vec<_> = model.iter().map(|element| element.to_string().into_bytes()).collect();
            prop_assert_eq!(session.db.lrange(b"l", 0, -1).unwrap(), expected, "{:?}", step);
            prop_assert_eq!(session.run("EXISTS l"), u8::from(!model.is_empty()).to_string());
        }
        let before = session.run("LRANGE l 0 -1");
        prop_assert_eq!(session.reopen().run("LRANGE l 0 -1"), before);
    }
}
