//! Lists that are waited for: who is served, in which order, and that each waits or is answered exactly once.

use crate::common::{Session, show};
use ramekin::{Caller, Collector, Database, Options, Planned, Response, Waiter, command};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
/// Long enough that only a lost wake-up takes it.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

/// A database, and the answers of those who have waited, in the order in which they came.
struct Waiting {
    db: Database,
    answers: Arc<Mutex<Vec<String>>>,
}

impl Waiting {
    fn new() -> Self {
        Self::on(Database::memory(&Options { threads: false, ..Options::default() }).unwrap())
    }

    fn on(db: Database) -> Self {
        Self { db, answers: Arc::default() }
    }

    fn run(&self, line: &str) -> String {
        show(&self.db.execute(&words(line)).unwrap())
    }

    /// Runs a command that has to wait; its answer will be known by this name.
    #[track_caller]
    fn wait(&self, name: &str, line: &str) -> Arc<Waiter> {
        self.try_wait(name, line).1.expect("the command has to wait")
    }

    fn try_wait(&self, name: &str, line: &str) -> (Option<Response>, Option<Arc<Waiter>>) {
        let (answers, name) = (Arc::clone(&self.answers), name.to_owned());
        let deliver =
            move |(response, _)| answers.lock().unwrap().push(format!("{name} {}", show(&response)));
        let mut out = Collector::new();
        let args = words(line);
        let command = command::find(args[0]).unwrap();
        let caller = &mut Caller::at(self.db.now_ms());
        let (_, waiter) = self.db.run_or_wait(caller, command, &args, &mut out, Box::new(deliver));
        (out.into_response(), waiter)
    }

    /// The answers since the last time.
    fn answers(&self) -> Vec<String> {
        std::mem::take(&mut self.answers.lock().unwrap())
    }
}

fn words(line: &str) -> Vec<&[u8]> {
    line.split_whitespace().map(str::as_bytes).collect()
}

#[test]
fn a_command_that_finds_an_element_does_not_wait() {
    let w = Waiting::new();
    w.run("RPUSH b 1 2 3 4 5 6");
    for (line, expected) in [
        ("BLPOP a b 0", r#"["b", "1"]"#),
        ("BRPOP a b 0", r#"["b", "6"]"#),
        ("BLMOVE b c LEFT RIGHT 0", r#""2""#),
        ("BRPOPLPUSH b c 0", r#""5""#),
        ("BLMPOP 0 2 a b LEFT COUNT 9", r#"["b", ["3", "4"]]"#),
    ] {
        let (response, waiter) = w.try_wait("nobody", line);
        assert_eq!(
            (response.map(|it| show(&it)).as_deref(), waiter.is_none()),
            (Some(expected), true),
            "{line}"
        );
    }
    assert_eq!(w.run("LRANGE c 0 -1"), r#"["5", "2"]"#);
}

#[test]
fn a_command_that_may_not_wait_answers_as_if_its_time_were_up() {
    let session = Session::new();
    for (line, expected) in [
        ("BLPOP none 0", Response::NullArray),
        ("BRPOP none 0", Response::NullArray),
        ("BLMPOP 0 1 none LEFT", Response::NullArray),
        ("BLMOVE none d LEFT LEFT 0", Response::Null),
        ("BRPOPLPUSH none d 0", Response::Null),
    ] {
        assert_eq!(session.respond(line), expected, "{line}");
    }
}

#[test]
fn arguments_are_checked_before_anybody_waits() {
    Session::new().expect(
        "BLPOP none abc => ERR timeout is not a float or out of range
         BLPOP none nan => ERR timeout is not a float or out of range
         BLPOP none -1 => ERR timeout is negative
         BRPOP none inf => ERR timeout is out of range
         BRPOP none 9223372036854775 => ERR timeout is out of range
         BRPOPLPUSH none d 1e300 => ERR timeout is out of range
         BLPOP none 0x0.1 => nil
         BLMOVE none d UP LEFT abc => ERR syntax error
         BLMOVE none d LEFT LEFT abc => ERR timeout is not a float or out of range
         BLMPOP abc 0 none LEFT => ERR numkeys should be greater than 0
         BLMPOP abc 1 none UP => ERR syntax error
         BLMPOP abc 1 none LEFT COUNT 0 => ERR count should be greater than 0
         BLMPOP abc 1 none LEFT => ERR timeout is not a float or out of range
         BLMPOP 0 9 none LEFT => ERR syntax error",
    );
}

#[test]
fn who_came_first_is_served_first_and_the_rest_goes_on_waiting() {
    let w = Waiting::new();
    for at in 0..5 {
        w.wait(&at.to_string(), if at % 2 == 0 { "BLPOP k 0" } else { "BRPOP k 0" });
    }
    assert_eq!(w.run("RPUSH k a b c"), "3");
    assert_eq!(w.answers(), [r#"0 ["k", "a"]"#, r#"1 ["k", "c"]"#, r#"2 ["k", "b"]"#]);
    assert_eq!(w.run("EXISTS k"), "0");
    w.run("LPUSH k d");
    w.run("LPUSH k e");
    w.run("LPUSH k f");
    assert_eq!(w.answers(), [r#"3 ["k", "d"]"#, r#"4 ["k", "e"]"#]);
    assert_eq!(w.run("LRANGE k 0 -1"), r#"["f"]"#);
}

#[test]
fn a_waiter_on_several_keys_is_served_once_and_then_waits_for_none() {
    let w = Waiting::new();
    let keys: Vec<_> = (0..20).map(|at| format!("key{at}")).collect();
    for round in 0..20 {
        w.wait("w", &format!("BLPOP {} 0", keys.join(" ")));
        assert_eq!(w.run(&format!("RPUSH {} x", keys[round])), "1");
        assert_eq!(w.answers(), [format!("w [\"{}\", \"x\"]", keys[round])]);
    }
    for key in &keys {
        assert_eq!(w.run(&format!("RPUSH {key} stays")), "1");
    }
    assert!(w.answers().is_empty());
    assert!(keys.iter().all(|key| w.run(&format!("LLEN {key}")) == "1"));
}

#[test]
fn a_key_that_is_named_twice_is_waited_for_once() {
    let w = Waiting::new();
    w.wait("twice", "BLPOP k k 0");
    w.wait("next", "BLPOP k 0");
    w.run("RPUSH k a b c");
    assert_eq!(w.answers(), [r#"twice ["k", "a"]"#, r#"next ["k", "b"]"#]);
}

#[test]
fn those_who_wait_for_one_or_for_several_keys_keep_their_order() {
    let w = Waiting::new();
    w.wait("several", "BLPOP other k 0");
    w.wait("one", "BLPOP k 0");
    w.wait("many", "BLMPOP 0 3 x y k LEFT COUNT 5");
    w.run("RPUSH k a b c d");
    assert_eq!(w.answers(), [r#"several ["k", "a"]"#, r#"one ["k", "b"]"#, r#"many ["k", ["c", "d"]]"#]);
}

#[test]
fn moves_wake_each_other_in_a_chain_of_any_length() {
    let w = Waiting::new();
    const LINKS: usize = 20_000;
    for at in (0..LINKS).rev() {
        w.wait(&at.to_string(), &format!("BLMOVE k{at} k{} LEFT RIGHT 0", at + 1));
    }
    w.run("RPUSH k0 x");
    let answers = w.answers();
    assert_eq!((answers.len(), answers[LINKS - 1].as_str()), (LINKS, "19999 \"x\""));
    assert_eq!(w.run(&format!("LRANGE k{LINKS} 0 -1")), r#"["x"]"#);
    assert_eq!(w.run("EXISTS k0 k1 k19999"), "0");
}

#[test]
fn who_waits_for_a_key_is_served_before_those_whom_serving_it_has_woken() {
    let w = Waiting::new();
    w.wait("last", "BLPOP a 0");
    w.wait("mover", "BLMOVE c a LEFT LEFT 0");
    w.wait("either", "BLMPOP 0 2 a c RIGHT COUNT 1");
    assert_eq!(w.run("RPUSH c 1 2"), "2");
    assert_eq!(w.answers(), ["mover \"1\"", "either [\"a\", [\"1\"]]"]);
    assert_eq!(w.run("LRANGE c 0 -1"), "[\"2\"]");
}

#[test]
fn moves_that_wait_in_a_circle_pass_an_element_round_once() {
    let w = Waiting::new();
    for (name, line) in [("ab", "BRPOPLPUSH a b 0"), ("bc", "BRPOPLPUSH b c 0"), ("ca", "BRPOPLPUSH c a 0")] {
        w.wait(name, line);
    }
    w.run("RPUSH b x");
    assert_eq!(w.answers(), [r#"bc "x""#, r#"ca "x""#, r#"ab "x""#]);
    assert_eq!(w.run("LRANGE b 0 -1"), r#"["x"]"#);
}

#[test]
fn a_move_onto_itself_that_waited_leaves_the_element_for_the_next() {
    let w = Waiting::new();
    w.wait("round", "BRPOPLPUSH k k 0");
    w.wait("next", "BLPOP k 0");
    w.run("RPUSH k x");
    assert_eq!(w.answers(), [r#"round "x""#, r#"next ["k", "x"]"#]);
    assert_eq!(w.run("EXISTS k"), "0");
}

#[test]
fn a_destination_of_another_type_is_told_to_the_waiter_and_the_element_stays() {
    let w = Waiting::new();
    w.wait("first", "BLMOVE k s LEFT LEFT 0");
    w.wait("second", "BRPOPLPUSH k s 0");
    w.wait("third", "BLPOP k 0");
    w.run("SET s v");
    w.run("RPUSH k x y");
    assert_eq!(
        w.answers(),
        [format!("first {WRONG_TYPE}"), format!("second {WRONG_TYPE}"), r#"third ["k", "x"]"#.into()]
    );
    assert_eq!((w.run("LRANGE k 0 -1"), w.run("GET s")), (r#"["y"]"#.into(), r#""v""#.into()));
}

#[test]
fn a_key_that_becomes_another_type_wakes_nobody() {
    let w = Waiting::new();
    w.wait("w", "BLPOP other k 0");
    w.run("SET k v");
    w.run("APPEND k w");
    assert!(w.answers().is_empty());
    w.run("DEL k");
    w.run("LPUSHX k x");
    w.run("RPUSH k x");
    assert_eq!(w.answers(), [r#"w ["k", "x"]"#]);
}

#[test]
fn a_list_that_arrives_under_its_name_wakes_too() {
    let w = Waiting::new();
    w.wait("renamed", "BLPOP k 0");
    w.run("RPUSH source a");
    w.run("RENAME source k");
    w.wait("moved", "BLPOP k 0");
    w.run("RPUSH source b");
    w.run("LMOVE source k LEFT LEFT");
    w.wait("copied", "BLPOP k 0");
    w.run("RPUSH source c");
    w.run("COPY source k");
    w.wait("sorted", "BLPOP k 0");
    w.run("SORT source ALPHA STORE k");
    assert_eq!(
        w.answers(),
        [r#"renamed ["k", "a"]"#, r#"moved ["k", "b"]"#, r#"copied ["k", "c"]"#, r#"sorted ["k", "c"]"#]
    );
}

#[test]
fn those_who_wait_in_a_database_get_what_is_swapped_into_it() {
    let w = Waiting::new();
    w.wait("w", "BLPOP k 0");
    let mut caller = Caller::at(w.db.now_ms());
    caller.db = 1;
    let push = command::find(b"rpush").unwrap();
    let _ = w.db.run(&mut caller, push, &words("RPUSH k x y"), &mut Collector::new());
    assert!(w.answers().is_empty());
    assert_eq!(w.run("SWAPDB 0 1"), "OK");
    assert_eq!(w.answers(), [r#"w ["k", "x"]"#]);
    assert_eq!(w.run("LRANGE k 0 -1"), r#"["y"]"#);
    w.run("DEL k");
    w.wait("again", "BLPOP k 0");
    w.run("RPUSH k z");
    assert_eq!(w.answers(), [r#"again ["k", "z"]"#]);
}

#[test]
fn a_transaction_wakes_those_who_find_something_when_it_is_committed() {
    let w = Waiting::new();
    w.wait("gone", "BLPOP gone 0");
    w.wait("left", "BLPOP left 0");
    w.wait("far", "BLMOVE left elsewhere LEFT LEFT 0");
    let lines =
        ["RPUSH gone x", "LPOP gone", "RPUSH left a b", "BLPOP left 0", "RPUSH left c", "BLPOP none 0"];
    let args: Vec<_> = lines.iter().map(|line| words(line)).collect();
    let commands: Vec<_> = args
        .iter()
        .map(|args| Planned { db: 0, command: command::find(args[0]).unwrap(), args: args.as_slice() })
        .collect();
    let mut caller = Caller::at(w.db.now_ms());
    let mut transaction = w.db.transaction(&mut caller, &commands, &[]).ok().unwrap();
    let mut replies = Vec::new();
    for Planned { command, args, .. } in &commands {
        let mut out = Collector::new();
        transaction.run(command, args, &mut out);
        replies.push(show(&out.into_response().unwrap()));
    }
    assert!(w.answers().is_empty(), "nobody is served before the commit");
    assert!(transaction.commit().blocked.is_none());
    assert_eq!(replies, ["1", r#""x""#, "2", r#"["left", "a"]"#, "2", "nil"]);
    assert_eq!(w.answers(), [r#"left ["left", "b"]"#, r#"far "c""#]);
    assert_eq!((w.run("EXISTS gone left"), w.run("LRANGE elsewhere 0 -1")), ("0".into(), r#"["c"]"#.into()));
}

#[test]
fn who_gives_up_gets_nothing_and_who_is_served_cannot_give_up() {
    let w = Waiting::new();
    let early = w.wait("early", "BLPOP a k 0");
    let late = w.wait("late", "BLPOP a k 0");
    assert!(w.db.give_up(&early));
    assert!(!w.db.give_up(&early), "once is enough");
    w.run("RPUSH k x y");
    assert_eq!(w.answers(), [r#"late ["k", "x"]"#]);
    assert!(!w.db.give_up(&late));
    assert_eq!((w.run("LRANGE k 0 -1"), w.run("RPUSH a z")), (r#"["y"]"#.into(), "1".into()));
    assert!(w.answers().is_empty());
}

#[test]
fn an_embedder_waits_for_lists_like_a_client() {
    let db = Database::memory(&Options::default()).unwrap();
    assert_eq!(db.blpop(&[b"a", b"b"], Some(Duration::from_millis(5))).unwrap(), None);
    db.rpush(b"b", &[b"1", b"2"]).unwrap();
    assert_eq!(db.blpop(&[b"a", b"b"], PATIENCE).unwrap(), Some((b"b".to_vec(), b"1".to_vec())));
    assert_eq!(db.brpop(&[b"b"], None).unwrap(), Some((b"b".to_vec(), b"2".to_vec())));
    db.set(b"s", b"v").unwrap();
    assert_eq!(db.blpop(&[b"s"], None).unwrap_err().kind(), ramekin::ErrorKind::Invalid);
    assert_eq!(db.blpop(&[], None).unwrap_err().kind(), ramekin::ErrorKind::Invalid);
}

#[test]
fn no_wake_up_is_lost_between_looking_and_waiting() {
    let db = Database::memory(&Options::default()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20_000 {
                assert!(db.blpop(&[b"ping", b"unused"], PATIENCE).unwrap().is_some(), "a wake-up was lost");
                db.rpush(b"pong", &[b"x"]).unwrap();
            }
        });
        for _ in 0..20_000 {
            db.rpush(b"ping", &[b"x"]).unwrap();
            assert!(db.blpop(&[b"pong"], PATIENCE).unwrap().is_some(), "a wake-up was lost");
        }
    });
    assert_eq!(db.exists(&[b"ping", b"pong"]).unwrap(), 0);
}

/// Threads push numbers to several lists, others wait for them in several ways and give up now and then.
#[test]
fn every_element_reaches_exactly_one_of_those_who_wait() {
    const PRODUCERS: usize = 3;
    const EACH: usize = 4_000;
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path()).unwrap();
    let keys = [&b"q0"[..], b"q1", b"q2", b"q3"];
    let (seen, taken) = (Mutex::new(BTreeSet::new()), AtomicUsize::new(0));
    let take = |element: Vec<u8>| {
        assert!(seen.lock().unwrap().insert(element), "an element was taken twice");
        taken.fetch_add(1, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let db = &db;
            scope.spawn(move || {
                for at in 0..EACH {
                    let element = format!("{producer}:{at}");
                    db.rpush(keys[(at * 7 + producer) % keys.len()], &[element.as_bytes()]).unwrap();
                }
            });
        }
        for consumer in 0..4_usize {
            let (db, take, taken) = (&db, &take, &taken);
            scope.spawn(move || {
                let (mine, all) = ([keys[consumer]], keys);
                let mut turn = 0_u64;
                while taken.load(Ordering::Relaxed) < PRODUCERS * EACH {
                    turn += 1;
                    let waits_for = if turn.is_multiple_of(3) { &mine[..] } else { &all[..] };
                    let timeout = Some(Duration::from_micros(turn % 5 * 200));
                    if let Some((_, element)) = db.blpop(waits_for, timeout).unwrap() {
                        take(element);
                    }
                }
            });
        }
    });
    assert_eq!(seen.lock().unwrap().len(), PRODUCERS * EACH);
    db.close().unwrap();
    drop(db);
    let db = Database::open(folder.path()).unwrap();
    assert_eq!(db.exists(&keys).unwrap(), 0, "what was taken does not come back");
}

#[test]
fn moves_between_lists_lose_and_double_nothing_also_after_opening_again() {
    const ELEMENTS: usize = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let w = Waiting::on(Database::open(folder.path()).unwrap());
    std::thread::scope(|scope| {
        for mover in 0..3 {
            let w = &w;
            scope.spawn(move || {
                let line = format!("BLMOVE stage{mover} stage{} LEFT RIGHT 0", mover + 1);
                for _ in 0..ELEMENTS {
                    if let (_, Some(waiter)) = w.try_wait("m", &line)
                        && w.db.give_up(&waiter)
                    {
                        // Given up at once: try again with patience, in the way of an embedder.
                        w.db.execute(&words(&line)).unwrap();
                    }
                }
            });
        }
        for at in 0..ELEMENTS {
            w.run(&format!("RPUSH stage0 {at}"));
        }
    });
    let everything = |db: &Database| {
        let stages: Vec<_> =
            (0..4).map(|at| db.lrange(format!("stage{at}").as_bytes(), 0, -1).unwrap()).collect();
        assert_eq!(stages.iter().flatten().collect::<BTreeSet<_>>().len(), ELEMENTS);
        assert_eq!(stages.iter().map(Vec::len).sum::<usize>(), ELEMENTS);
        stages
    };
    let before = everything(&w.db);
    w.db.close().unwrap();
    drop(w);
    assert!(everything(&Database::open(folder.path()).unwrap()) == before);
}

#[test]
fn what_was_served_is_the_same_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let w = Waiting::on(Database::open(folder.path()).unwrap());
    for at in 0..100 {
        w.wait("pop", "BLPOP elsewhere k 0");
        w.wait("move", &format!("BLMOVE k a-rather-long-name-of-a-destination-{at} LEFT LEFT 0"));
    }
    let elements: Vec<_> = (0..201).map(|at| at.to_string()).collect();
    w.run(&format!("RPUSH k {}", elements.join(" ")));
    assert_eq!(w.answers().len(), 200);
    w.db.close().unwrap();
    drop(w);
    let w = Waiting::on(Database::open(folder.path()).unwrap());
    assert_eq!(w.run("LRANGE k 0 -1"), r#"["200"]"#);
    for at in 0..100 {
        let moved = w.run(&format!("LRANGE a-rather-long-name-of-a-destination-{at} 0 -1"));
        assert_eq!(moved, format!("[\"{}\"]", at * 2 + 1));
    }
}
