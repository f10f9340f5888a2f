//! Tags of keys: TAG.*.

use crate::common::{START_MS, Session, in_db, survives};
use proptest::prelude::*;
use ramekin::{Caller, Watch};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[test]
fn tags_are_added_removed_replaced_and_told() {
    Session::new().expect(
        "
        TAG.OF k => []
        TAG.REM k a => 0
        SET k v => OK
        TAG.ADD k b a b => 2
        TAG.ADD k a c => 1
        TAG.OF k => [\"a\", \"b\", \"c\"]
        TAG.REM k a none a => 1
        TAG.OF k => [\"b\", \"c\"]
        TAG.SET k x c => OK
        TAG.OF k => [\"c\", \"x\"]
        TAG.SET k => OK
        TAG.OF k => []
        TAG.LIST => []
        TAG.ADD k \"\" => 1
        TAG.OF k => [\"\"]
        ",
    );
}

#[test]
fn only_a_key_that_is_there_gets_tags() {
    let session = Session::new();
    session.expect("TAG.ADD none a => ERR no such key\nTAG.SET none a => ERR no such key");
    session.expect("SET k v PX 10 => OK");
    session.pass(11);
    session.expect("TAG.ADD k a => ERR no such key\nDBSIZE => 0\nTAG.LIST => []");
}

#[test]
fn tags_belong_to_the_key_and_not_to_its_value() {
    Session::new().expect(
        "
        SET k v => OK
        TAG.ADD k a => 1
        SET k other => OK
        SET k third XX GET => \"other\"
        APPEND k s => 6
        TAG.OF k => [\"a\"]
        EXPIRE k 100 => 1
        PERSIST k => 1
        MSET k 1 l 2 => OK
        INCR k => 2
        TAG.OF k => [\"a\"]
        DEL k => 1
        TAG.LIST => []
        HSET k f v => 1
        TAG.OF k => []
        TAG.ADD k b => 1
        HSET k g v => 1
        TAG.OF k => [\"b\"]
        HDEL k f g => 2
        TAG.LIST => []
        RPUSH q 1 2 => 2
        TAG.ADD q a => 1
        LPOP q => \"1\"
        TAG.KEYS ANY a => [\"q\"]
        RPOP q => \"2\"
        TAG.COUNT ANY a => 0
        TABLE.PUT t 1 {} => OK
        TAG.ADD t:1 rec => 1
        TABLE.PUT t 1 {\"a\":1} => OK
        TAG.KEYS ALL rec => [\"t:1\"]
        TABLE.DEL t 1 => 1
        TAG.LIST => []
        ",
    );
}

#[test]
fn a_key_that_has_expired_is_neither_told_nor_counted_and_leaves_no_tags() {
    let session = Session::new();
    session.expect(
        "
        SET a v PX 10 => OK
        SET b v => OK
        TAG.ADD a x only => 2
        TAG.ADD b x => 1
        TAG.COUNT ANY x => 2
        ",
    );
    session.pass(11);
    session.expect(
        "
        TAG.COUNT ANY x => 1
        TAG.COUNT ANY only => 0
        TAG.COUNT ANY x only => 1
        TAG.KEYS ANY x only => [\"b\"]
        TAG.KEYS ALL x => [\"b\"]
        TAG.LIST WITHCOUNTS => {\"x\": 1}
        TAG.OF a => []
        SET a again => OK
        TAG.OF a => []
        TAG.LIST => [\"x\"]
        ",
    );
    session.expect("SET c v PX 10 => OK\nTAG.ADD c x => 1");
    session.pass(11);
    session.expect("COPY b c => 1\nTAG.OF c => [\"x\"]\nTABLE.PUT t c {} PX 10 => OK\nTAG.ADD t:c x => 1");
    session.pass(11);
    session.expect("TABLE.PUT t c {} => OK\nTAG.OF t:c => []\nTAG.COUNT ANY x => 2");
}

#[test]
fn renaming_moving_and_copying_carry_tags_and_replace_those_that_were_there() {
    let session = Session::new();
    session.expect(
        "
        SET a v => OK
        TAG.ADD a 1 2 => 2
        SET b v => OK
        TAG.ADD b 3 => 1
        RENAME a b => OK
        TAG.OF b => [\"1\", \"2\"]
        TAG.LIST WITHCOUNTS => {\"1\": 1, \"2\": 1}
        SET plain v => OK
        RENAME plain b => OK
        TAG.OF b => []
        TAG.SET b 1 2 => OK
        RENAMENX b c => 1
        TAG.OF c => [\"1\", \"2\"]
        COPY c d => 1
        TAG.OF c => [\"1\", \"2\"]
        TAG.OF d => [\"1\", \"2\"]
        TAG.SET d => OK
        COPY d c REPLACE => 1
        TAG.LIST => []
        RPUSH l 1 => 1
        TAG.ADD l x => 1
        MOVE l 3 => 1
        TAG.LIST => []
        COPY d e DB 3 => 1
        ",
    );
    assert_eq!(in_db(&session, 3, "TAG.KEYS ANY x"), "[\"l\"]");
    session.expect("SWAPDB 0 3 => OK\nTAG.KEYS ANY x => [\"l\"]\nFLUSHDB => OK\nTAG.LIST => []");
}

#[test]
fn limit_is_an_option_only_as_the_last_three_words() {
    let session = Session::new();
    session.expect("SET k v => OK\nSET l v => OK\nTAG.ADD k LIMIT 0 1 x => 4\nTAG.ADD l x => 1");
    session.expect(
        "
        TAG.KEYS ALL LIMIT 0 1 => [\"k\"]
        TAG.KEYS ALL x LIMIT 0 1 LIMIT 0 -1 => [\"k\"]
        TAG.KEYS ALL x LIMIT 0 none => []
        TAG.KEYS ANY x LIMIT 2 5 => []
        TAG.KEYS ANY x LIMIT -1 5 => ERR an offset cannot be negative
        TAG.KEYS ANY x limit 0 0 => []
        TAG.KEYS SOME x => ERR say ALL or ANY before the tags
        TAG.LIST NONE => ERR syntax error
        TAG.LIST MATCH [0l]* => [\"0\"]
        TAG.COUNT ALL x LIMIT 0 1 => 1
        ",
    );
}

#[test]
fn pages_by_limit_make_up_the_whole() {
    let session = Session::new();
    for number in 0..300 {
        session.run(&format!("SET key:{number} v"));
        session.run(&format!("TAG.ADD key:{number} all {}", if number % 3 == 0 { "third" } else { "rest" }));
    }
    for asked in ["ANY all", "ALL all third", "ANY third rest"] {
        let whole = session.run(&format!("TAG.KEYS {asked}"));
        let mut pages = Vec::new();
        for offset in (0..300).step_by(7) {
            let page = session.run(&format!("TAG.KEYS {asked} LIMIT {offset} 7"));
            pages.extend(
                page.trim_matches(['[', ']']).split(", ").filter(|key| !key.is_empty()).map(str::to_owned),
            );
        }
        assert_eq!(format!("[{}]", pages.join(", ")), whole);
        assert_eq!(session.run(&format!("TAG.COUNT {asked}")), pages.len().to_string());
    }
}

#[test]
fn tags_have_bounds() {
    let session = Session::new();
    session.run("SET k v");
    let long = "t".repeat(1025);
    let refused = session.run(&format!("TAG.ADD k a {long}"));
    assert_eq!(refused, "ERR a tag may have at most 1024 bytes");
    assert_eq!(session.run("TAG.OF k"), "[]");
    assert_eq!(session.run(&format!("TAG.ADD k {}", &long[1..])), "1");
    let many: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let all = many.join(" ");
    assert_eq!(session.run(&format!("TAG.ADD k {all}")), "ERR a key may have at most 1000 tags");
    assert_eq!(session.run(&format!("TAG.SET k one {all}")), "ERR a key may have at most 1000 tags");
    assert_eq!(session.run(&format!("TAG.SET k {all}")), "OK");
    assert_eq!(session.run(&format!("TAG.ADD k {all}")), "0");
    assert_eq!(session.run("TAG.ADD k more"), "ERR a key may have at most 1000 tags");
    let refused = session.run(&format!("TAG.KEYS ANY one {all}"));
    assert_eq!(refused, "ERR at most 1000 tags can be asked for at once");
}

#[test]
fn tags_survive_reopening_with_and_without_a_checkpoint() {
    survives(&[
        "SET a v",
        "TAG.ADD a 1 2 3",
        "TAG.REM a 2",
        "SET b v",
        "TAG.SET b 1 4",
        "RENAME b c",
        "SET d v",
        "TAG.ADD d 1",
        "DEL d",
        "SET d v",
    ]);
    let mut session = Session::new();
    session.run("SET a v");
    session.run("TAG.ADD a 1 2 3");
    session.run("RPUSH big x");
    session.db.rpush(b"big", &[&vec![7; 300_000][..], b"y"]).unwrap();
    session.run("TAG.ADD big 2");
    let checks =
        "TAG.OF a => [\"1\", \"2\", \"3\"]\nTAG.KEYS ALL 2 1 => [\"a\"]\nTAG.COUNT ANY 2 => 2\nLLEN big => 3";
    for has_checkpoint in [false, true] {
        if has_checkpoint {
            assert!(session.db.checkpoint().unwrap());
        }
        session = session.reopen();
        session.expect(checks);
    }
    session.run("TAG.REM a 1");
    session = session.reopen();
    session.expect("TAG.OF a => [\"2\", \"3\"]\nFLUSHDB => OK");
    session.reopen().expect("TAG.LIST => []");
}

#[test]
fn replaying_does_not_depend_on_the_time() {
    let session = Session::new();
    session.run("SET a v PX 10");
    session.run("TAG.ADD a x");
    session.pass(11);
    session.run("SET a v PX 100000");
    let session = session.reopen();
    session.expect("TAG.OF a => []\nTAG.LIST => []");
}

#[test]
fn who_watches_a_key_is_told_of_its_tags() {
    let session = Session::new();
    session.run("SET k v");
    session.run("TAG.ADD k a");
    for (change, is_told) in [
        ("TAG.ADD k a", false),
        ("TAG.ADD k b", true),
        ("TAG.SET k b a", false),
        ("TAG.REM k b", true),
        ("TAG.OF k", false),
    ] {
        let watch = Arc::new(Watch::default());
        session.db.watch(&Caller::at(START_MS), b"k", &watch);
        session.run(change);
        assert_eq!(watch.is_raised(), is_told, "{change}");
    }
}

#[derive(Clone, Debug)]
struct Model {
    keys: BTreeMap<u8, (u64, BTreeSet<u8>)>,
    now: u64,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn commands_on_tags_do_what_a_plain_map_does(steps in prop::collection::vec((0_u8..13, 0_u8..6, 0_u8..6, 0_u8..4), 1..150)) {
        let mut session = Session::new();
        let mut model = Model { keys: BTreeMap::new(), now: START_MS };
        for (what, key, other, tag) in steps {
            let now = model.now;
            model.keys.retain(|_, (at, _)| *at == 0 || now <= *at);
            match what {
                0 | 1 => {
                    session.run(&format!("SET {key} v"));
                    model.keys.entry(key).or_default().0 = 0;
                }
                2 => {
                    session.run(&format!("SET {key} v PX 5"));
                    model.keys.entry(key).or_default().0 = now + 5;
                }
                3..=5 => {
                    session.run(&format!("TAG.ADD {key} {tag}"));
                    model.keys.get_mut(&key).map(|(_, tags)| tags.insert(tag));
                }
                6 => {
                    session.run(&format!("TAG.REM {key} {tag}"));
                    model.keys.get_mut(&key).map(|(_, tags)| tags.remove(&tag));
                }
                7 => {
                    session.run(&format!("TAG.SET {key} {tag} {other}"));
                    if let Some((_, tags)) = model.keys.get_mut(&key) {
                        *tags = [tag, other].into();
                    }
                }
                8 if key != other => {
                    session.run(&format!("RENAME {key} {other}"));
                    if let Some(moved) = model.keys.remove(&key) {
                        model.keys.insert(other, moved);
                    }
                }
                9 if key != other => {
                    session.run(&format!("COPY {key} {other} REPLACE"));
                    if let Some(copied) = model.keys.get(&key).cloned() {
                        model.keys.insert(other, copied);
                    }
                }
                10 => {
                    session.run(&format!("DEL {key}"));
                    model.keys.remove(&key);
                }
                11 => {
                    session.pass(2);
                    model.now += 2;
                }
                _ => {
                    if tag == 0 {
                        session.db.checkpoint().unwrap();
                    }
                    session = session.reopen();
                }
            }
            let now = model.now;
            let living: Vec<_> = model.keys.iter().filter(|(_, (at, _))| *at == 0 || now <= *at).collect();
            for tag in 0..6_u8 {
                let wanted: BTreeSet<String> = living
                    .iter()
                    .filter(|(_, (_, tags))| tags.contains(&tag))
                    .map(|(key, _)| format!("\"{key}\""))
                    .collect();
                let told = session.run(&format!("TAG.KEYS ANY {tag}"));
                let told: Vec<String> =
                    told.trim_matches(['[', ']']).split(", ").filter(|key| !key.is_empty()).map(str::to_owned).collect();
                prop_assert_eq!(told.iter().cloned().collect::<BTreeSet<_>>(), wanted.clone());
                prop_assert_eq!(told.len(), wanted.len());
                prop_assert_eq!(session.run(&format!("TAG.COUNT ALL {tag}")), wanted.len().to_string());
            }
        }
    }
}
