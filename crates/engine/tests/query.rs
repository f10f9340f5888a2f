//! QUERY, EXPLAIN and INDEX.*: which records are found, by which way, and what stays after a crash.

use crate::common::{Session, show};
use crate::store::Behind;
use ramekin::query::{Clause, Limits, Order, Row};
use ramekin::value::json::Json;
use ramekin::{Caller, Collector, Database, Planned, Response, command};
use std::collections::BTreeMap;

pub(crate) fn run(db: &Database, words: &[&str]) -> Response {
    let args: Vec<_> = words.iter().map(|word| word.as_bytes()).collect();
    db.execute(&args).unwrap()
}

fn ask(session: &Session, words: &[&str]) -> String {
    show(&run(&session.db, words))
}

/// A sequence of numbers that look random.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    pub(crate) fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const VALUES: &[&str] = &[
    "\"ringing\"",
    "\"idle\"",
    "\"ring\"",
    "\"RINGING\"",
    "\"\"",
    "\"5\"",
    "\"customer-000042\"",
    "\"customer-000043\"",
    "\"customer-000042-and-more\"",
    "\"ringing\\u0000\"",
    "\"0123456789abcde\"",
    "\"0123456789abcdef\"",
    "\"é\"",
    "null",
    "true",
    "false",
    "5",
    "5.0",
    "-3",
    "10000",
    "10000.5",
    "9007199254740993",
    "9007199254740992",
    "1e30",
    "0.1",
    "[]",
    "[\"ringing\"]",
    "[5, \"x\"]",
    "{}",
    "{\"b\": 5}",
    "{\"b\": \"ringing\"}",
    "\" 7 \"",
];

pub(crate) fn record(draw: &mut Draw) -> String {
    let mut fields = Vec::new();
    for field in ["a", "n", "tags", "deep"] {
        if draw.below(5) > 0 {
            fields.push(format!("\"{field}\": {}", draw.one(VALUES)));
        }
    }
    format!("{{{}}}", fields.join(", "))
}

pub(crate) const CLAUSES: &[&str] = &[
    "",
    "data->>'a' = 'ringing'",
    "data->>'a' = '5'",
    "data->'a' = '\"ringing\"'",
    "data->>'a' = '0123456789abcde'",
    "data->>'a' = '0123456789abcdef'",
    "data->>'a' IN ('ringing', 'idle', 'nobody')",
    "data->'a' = 'null'",
    "data->'a' > 10000",
    "data->'a' >= 5 AND data->'a' < 10001",
    "(data->>'n')::int >= 5",
    "(data->>'n')::int = 5",
    "(data->>'n')::numeric BETWEEN 5 AND 10000",
    "data->>'a' IN ('ringing', 'idle', '5', 'true')",
    "data->>'a' LIKE 'customer-00004%'",
    "data->>'a' LIKE 'ring%' AND data->>'n' IS NOT NULL",
    "data->>'a' ILIKE 'ring%'",
    "data->>'a' > 'idle'",
    "data->>'a' <= 'customer-000042'",
    "data->>'a' < 'customer-000042-and'",
    "data @> '{\"a\": \"ringing\"}'",
    "data @> '{\"deep\": {\"b\": 5}}'",
    "data->'tags' @> '[5]'",
    "data->'tags' @> '\"ringing\"'",
    "data->'tags' ? 'ringing'",
    "data->'tags' @> '[5]' AND data->'tags' > 'null'",
    "data->'deep'->'b' = 5",
    "data->>'a' IS NULL",
    "NOT data->>'a' = 'ringing'",
    "data->>'a' = 'ringing' OR data->>'n' = '5'",
    "key = 'k7' OR key = 'k9'",
    "key IN ('k1', 'k2', 'k3') AND data->>'a' = 'idle'",
    "data->'n' = 9007199254740993",
    "data->'n' = 9007199254740992",
    "(data->'n')::numeric > 9007199254740992",
    "key LIKE 'k1%'",
    "data->'tags' IN ('[]', '[5, \"x\"]', 'null')",
    "(data->>'a')::boolean",
    "data->'a' = 'true'",
    "FALSE",
];

const ORDERS: &[&str] = &[
    "data->'a'",
    "data->'a' DESC",
    "data->>'a'",
    "data->>'a' DESC NULLS LAST",
    "data->'n' NULLS FIRST, key",
    "data->'n' DESC, key DESC",
    "(data->>'n')::int DESC",
    "(data->>'n')::numeric, key",
    "key",
    "data->'tags', data->'a' DESC",
];

/// What a table has, to be compared with.
#[derive(Default)]
pub(crate) struct Model(pub(crate) BTreeMap<String, String>);

impl Model {
    /// The keys of the records that a clause is true of.
    pub(crate) fn find(&self, clause: &str) -> Vec<String> {
        let clause = Clause::parse(clause, &Limits::default()).unwrap();
        let is_meant = |key: &str, text: &str| {
            let json = Json::parse(text.as_bytes()).unwrap();
            clause.matches(&Row { key: key.as_bytes(), data: json.root(), expire_at_ms: None }) == Some(true)
        };
        self.0.iter().filter(|(key, text)| is_meant(key, text)).map(|(key, _)| key.clone()).collect()
    }
}

/// Keys and texts of the rows of an answer.
pub(crate) fn rows(response: Response) -> Vec<(String, String)> {
    let text = |response: Response| match response {
        Response::Bulk(bytes) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?} is no text"),
    };
    let Response::Array(rows) = response else { panic!("{response:?} is no list of rows") };
    let row = |row: Response| match row {
        Response::Array(cells) => {
            let [key, data] = <[Response; 2]>::try_from(cells).unwrap();
            (text(key), text(data))
        }
        other => panic!("{other:?} is no row"),
    };
    rows.into_iter().map(row).collect()
}

/// Asks all clauses and orders, and compares.
pub(crate) fn compare(db: &Database, model: &Model, draw: &mut Draw) {
    for clause in CLAUSES {
        let expected = model.find(clause);
        let words = if clause.is_empty() { vec!["QUERY", "t"] } else { vec!["QUERY", "t", "WHERE", clause] };
        let mut found = rows(run(db, &words));
        found.sort_unstable();
        let keys: Vec<_> = found.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(keys, expected, "{clause}");
        assert!(found.iter().all(|(key, text)| model.0[key] == *text), "{clause}");
        let counted = run(db, &[&words[..2], &["COUNT"], &words[2..]].concat());
        assert_eq!(counted, Response::Int(i64::try_from(expected.len()).unwrap()), "{clause}");
        let order = draw.one(ORDERS);
        let (limit, offset) = (draw.below(8), draw.below(4));
        let (limit_text, offset_text) = (limit.to_string(), offset.to_string());
        let tail = ["ORDER BY", order, "LIMIT", &limit_text, "OFFSET", &offset_text];
        let page = rows(run(db, &[&words[..], &tail].concat()));
        compare_page(model, (clause, order), &expected, &page, (limit, offset));
    }
}

/// A page has what a sort of all would have there, as far as the order says.
fn compare_page(
    model: &Model,
    (clause, order): (&str, &str),
    all: &[String],
    page: &[(String, String)],
    (limit, offset): (usize, usize),
) {
    let parsed = Order::parse(order, &Limits::default()).unwrap();
    let jsons: BTreeMap<&String, Json> =
        model.0.iter().map(|(key, text)| (key, Json::parse(text.as_bytes()).unwrap())).collect();
    let row = |key: &String| {
        let (key, json) = jsons.get_key_value(key).unwrap();
        Row { key: key.as_bytes(), data: json.root(), expire_at_ms: None }
    };
    let mut sorted: Vec<&String> = all.iter().collect();
    sorted.sort_by(|one, two| parsed.compare(&row(one), &row(two)));
    let expected: Vec<_> = sorted.into_iter().skip(offset).take(limit).collect();
    assert_eq!(page.len(), expected.len(), "{clause} ORDER BY {order} LIMIT {limit} OFFSET {offset}");
    for ((found, _), expected) in page.iter().zip(expected) {
        let is_same = parsed.compare(&row(found), &row(expected)).is_eq();
        assert!(
            is_same && all.contains(found),
            "{clause} ORDER BY {order} LIMIT {limit} OFFSET {offset}: {found} {expected}"
        );
    }
}

/// Changes some records, and the model alike.
pub(crate) fn change(db: &Database, model: &mut Model, draw: &mut Draw, changes: usize) {
    for _ in 0..changes {
        let key = format!("k{}", draw.below(60));
        if draw.below(4) == 0 {
            let there = Response::Int(i64::from(model.0.contains_key(&key)));
            assert_eq!(run(db, &["TABLE.DEL", "t", &key]), there, "{key}");
            model.0.remove(&key);
        } else {
            let text = record(draw);
            assert_eq!(run(db, &["TABLE.PUT", "t", &key, &text]), Response::Simple("OK".to_owned()));
            let Response::Bulk(printed) = run(db, &["TABLE.GET", "t", &key]) else {
                panic!("it was just put")
            };
            model.0.insert(key, String::from_utf8(printed).unwrap());
        }
    }
}

pub(crate) const INDEXES: [[&str; 5]; 5] = [
    ["INDEX.CREATE", "by_a", "ON", "t", "(data->>'a')"],
    ["INDEX.CREATE", "by_n", "ON", "t", "((data->>'n')::int)"],
    ["INDEX.CREATE", "by_tags", "ON", "t", "(tags)"],
    ["INDEX.CREATE", "by_deep", "ON", "t", "(deep.b)"],
    ["INDEX.CREATE", "by_nothing", "ON", "t", "(nothing AS text)"],
];

#[test]
fn records_are_found_whatever_is_asked_with_indexes_and_without() {
    for seed in 0..6 {
        let session = Session::new();
        let (mut model, mut draw) = (Model::default(), Draw(seed));
        run(&session.db, &["TABLE.CREATE", "t"]);
        for round in 0..8 {
            if let (Some(index), true) = (INDEXES.get(round), seed % 2 == 0) {
                assert_eq!(ask(&session, index), "OK");
            }
            change(&session.db, &mut model, &mut draw, 40);
            compare(&session.db, &model, &mut draw);
        }
    }
}

#[test]
fn indexes_are_there_after_opening_flushing_and_swapping() {
    let mut session = Session::new();
    let (mut model, mut draw) = (Model::default(), Draw(9));
    change(&session.db, &mut model, &mut draw, 100);
    INDEXES.iter().for_each(|index| assert_eq!(ask(&session, index), "OK"));
    let access = |session: &Session| ask(session, &["EXPLAIN", "t", "data->>'a' = 'idle'"]);
    assert!(access(&session).contains("index by_a"), "{}", access(&session));
    session = session.reopen();
    compare(&session.db, &model, &mut draw);
    session.db.checkpoint().unwrap();
    session = session.reopen();
    compare(&session.db, &model, &mut draw);
    assert!(access(&session).contains("index by_a"));
    assert_eq!(ask(&session, &["SWAPDB", "0", "1"]), "OK");
    assert!(rows(run(&session.db, &["QUERY", "t"])).is_empty());
    session.db.sweep();
    assert!(rows(run(&session.db, &["QUERY", "t", "data->>'a' = 'idle'"])).is_empty());
    assert_eq!(ask(&session, &["SWAPDB", "0", "1"]), "OK");
    compare(&session.db, &model, &mut draw);
    session.db.sweep();
    assert!(access(&session).contains("index by_a"));
    compare(&session.db, &model, &mut draw);
    assert_eq!(ask(&session, &["FLUSHDB"]), "OK");
    model.0.clear();
    compare(&session.db, &model, &mut draw);
    change(&session.db, &mut model, &mut draw, 100);
    compare(&session.db, &model, &mut draw);
    assert_eq!(ask(&session, &["INDEX.DROP", "by_a", "ON", "t"]), "OK");
    assert!(!access(&session).contains("index by_a"));
    compare(&session.db, &model, &mut draw);
    assert_eq!(ask(&session, &["TABLE.DROP", "t"]), "OK");
    assert_eq!(ask(&session, &["TABLE.CREATE", "t"]), "OK");
    assert_eq!(ask(&session, &["INDEX.LIST", "t"]), "[]");
}

#[test]
fn whatever_takes_a_record_away_takes_it_out_of_queries() {
    let session = Session::new();
    let put = |key: &str| ask(&session, &["TABLE.PUT", "t", key, r#"{"a": "x"}"#]);
    assert_eq!(ask(&session, &["TABLE.CREATE", "t"]), "OK");
    assert_eq!(ask(&session, &["INDEX.CREATE", "by_a", "ON", "t", "(a)"]), "OK");
    let count = || ask(&session, &["QUERY", "t", "COUNT", "WHERE data->>'a' = 'x'"]);
    for key in ["set", "lpush", "rename", "expire", "del", "copy"] {
        assert_eq!(put(key), "OK");
    }
    assert_eq!(count(), "6");
    for (line, left) in [
        ("SET t:set text", "5"),
        ("DEL t:del", "4"),
        ("RENAME t:rename t:renamed", "4"),
        ("RENAME t:renamed elsewhere", "3"),
        ("RENAME elsewhere t:back", "4"),
        ("COPY t:copy t:copied", "5"),
        ("MOVE t:copied 3", "4"),
        ("PEXPIRE t:expire 10", "4"),
    ] {
        session.run(line);
        assert_eq!(count(), left, "{line}");
    }
    session.pass(11);
    assert_eq!(count(), "3");
    session.db.sweep();
    assert_eq!(count(), "3");
    assert!(ask(&session, &["INDEX.LIST"]).contains("\"entries\": 3"), "{}", ask(&session, &["INDEX.LIST"]));
}

#[test]
fn records_are_counted_by_an_index_alone_where_that_says_all() {
    let session = Session::new();
    ask(&session, &["TABLE.CREATE", "t"]);
    ask(&session, &["INDEX.CREATE", "by_a", "ON", "t", "(a)"]);
    for n in 0..20_000 {
        let text = format!("{{\"a\": \"{}\", \"n\": {n}}}", if n % 5 == 0 { "idle" } else { "ringing" });
        ask(&session, &["TABLE.PUT", "t", &n.to_string(), &text]);
    }
    let explained = |clause: &str| {
        let Response::Map(told) = run(&session.db, &["EXPLAIN", "t", "COUNT", "WHERE", clause]) else {
            panic!("it is a map")
        };
        let number = |name: &str| {
            let name = Response::Bulk(name.as_bytes().to_vec());
            told.iter().find(|(key, _)| *key == name).map(|(_, value)| show(value)).unwrap()
        };
        (number("judged"), number("found"))
    };
    let both = |judged: &str, found: &str| (judged.to_owned(), found.to_owned());
    assert_eq!(explained("data->>'a' = 'ringing'"), both("0", "16000"));
    assert_eq!(explained("data->>'a' IN ('ringing', 'idle', 'x')"), both("0", "20000"));
    assert_eq!(explained("data->>'a' = 'ringing' AND data->'n' < 10"), both("16000", "8"));
    // What has expired is there until somebody takes it away.
    session.run("PEXPIRE t:1 10");
    session.run("PEXPIRE t:2 10");
    assert_eq!(explained("data->>'a' = 'ringing'"), both("0", "16000"));
    session.pass(11);
    assert_eq!(explained("data->>'a' = 'ringing'").1, "15998");
    while session.db.sweep() > 0 {}
    assert_eq!(explained("data->>'a' = 'ringing'"), both("0", "15998"));
}

#[test]
fn a_long_walk_finds_each_record_once_while_others_come_and_go() {
    let session = Session::new();
    ask(&session, &["TABLE.CREATE", "t"]);
    let put = |name: &str, n: usize| {
        ask(
            &session,
            &["TABLE.PUT", "t", &format!("{name}-{n}"), &format!("{{\"a\": \"{name}\", \"n\": {n}}}")],
        )
    };
    (0..5_000).for_each(|n| drop(put("stays", n)));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let size = [30_000, 2_000][round % 2];
                for n in 0..size {
                    if round % 2 == 0 {
                        drop(put("goes", n));
                    } else {
                        drop(ask(&session, &["DEL", &format!("t:goes-{n}")]));
                    }
                }
                (size..30_000)
                    .filter(|_| round % 2 == 1)
                    .for_each(|n| drop(ask(&session, &["DEL", &format!("t:goes-{n}")])));
            }
        });
        for _ in 0..60 {
            let mut found = rows(run(&session.db, &["QUERY", "t", "WHERE", "data->>'a' = 'stays'"]));
            let told = found.len();
            found.sort_unstable();
            found.dedup();
            assert_eq!((told, found.len()), (5_000, 5_000));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn rows_are_passed_over_and_limited_in_any_form() {
    let session = Session::new();
    ask(&session, &["TABLE.CREATE", "t"]);
    let long = "x".repeat(3_000);
    for n in 0..2_000 {
        let text = format!("{{\"n\": {n}, \"long\": \"{}\"}}", if n % 100 == 0 { &long } else { "" });
        ask(&session, &["TABLE.PUT", "t", &format!("k{n}"), &text]);
    }
    for (tail, expected) in [
        ("", 2_000),
        ("LIMIT 10", 10),
        ("OFFSET 1990", 10),
        ("LIMIT 0", 0),
        ("LIMIT 7 OFFSET 1998", 2),
        ("OFFSET 5000", 0),
    ] {
        let found = rows(run(&session.db, &["QUERY", "t", tail]));
        assert_eq!(found.len(), expected, "{tail}");
        assert!(
            found.iter().all(|(key, text)| text.contains(&format!("\"n\": {},", &key[1..]))
                || text.contains(&format!("\"n\": {}}}", &key[1..]))),
            "{tail}"
        );
        let Response::Array(cells) =
            run(&session.db, &["QUERY", "t", "SELECT data->'none', data->'n'", tail])
        else {
            panic!("rows")
        };
        assert!(
            cells.len() == expected
                && cells.iter().all(
                    |row| matches!(row, Response::Array(row) if row.len() == 2 && row[0] == Response::Null)
                )
        );
    }
}

#[test]
fn what_is_returned_is_what_was_asked_for() {
    let session = Session::new();
    ask(&session, &["TABLE.PUT", "t", "k1", r#"{"a": "x", "n": 2, "deep": {"b": [1, 2]}}"#]);
    ask(&session, &["TABLE.PUT", "t", "k2", r#"{"a": "y", "n": 1.50}"#]);
    for (words, answer) in [
        (
            &["QUERY", "t", "ORDER BY key"][..],
            r#"[["k1", "{\"a\": \"x\", \"n\": 2, \"deep\": {\"b\": [1, 2]}}"], ["k2", "{\"a\": \"y\", \"n\": 1.50}"]]"#,
        ),
        (
            &["QUERY", "t", "SELECT key, data->>'a', data->'a', data->'n', data#>'{deep,b}'", "ORDER BY key"],
            r#"[["k1", "x", "\"x\"", "2", "[1, 2]"], ["k2", "y", "\"y\"", "1.50", nil]]"#,
        ),
        (&["QUERY", "t", "COUNT"], "2"),
        (&["QUERY", "t", "SELECT COUNT(*)", "WHERE data->'n' < 2"], "1"),
        (&["QUERY", "t", "LIMIT", "0"], "[]"),
        (&["QUERY", "none"], "ERR no such table 'none'"),
        (&["QUERY", "t", "WHERE", "data->>'a' = )"], "ERR syntax error at or near \")\" (at character 20)"),
        (&["INDEX.CREATE", "i", "ON", "none", "(a)"], "ERR no such table 'none'"),
        (
            &["INDEX.CREATE", "i", "ON", "t", "a"],
            "ERR an index is over a path in parentheses: (data->>'state')",
        ),
        (&["INDEX.DROP", "i", "ON", "t"], "ERR table 't' has no index 'i'"),
    ] {
        assert_eq!(ask(&session, words), answer, "{words:?}");
    }
}

/// The same over a store: with some of it only there, and some not settled yet.
fn scatter(b: &Behind, draw: &mut Draw) {
    match draw.below(4) {
        0 => {}
        1 => b.flush(),
        2 => {
            b.flush();
            b.evict();
        }
        _ => {
            b.flush();
            b.evict();
            for key in 0..60 {
                if draw.below(2) == 0 {
                    b.run(&format!("TABLE.GET t k{key}"));
                }
            }
        }
    }
}

#[test]
fn records_are_found_wherever_they_are() {
    for seed in 0..8 {
        let b = Behind::new();
        let (mut model, mut draw) = (Model::default(), Draw(100 + seed));
        run(&b.db, &["TABLE.CREATE", "t"]);
        for round in 0..8 {
            if let (Some(index), true) = (INDEXES.get(round), seed % 2 == 0) {
                assert_eq!(run(&b.db, index), Response::Simple("OK".to_owned()));
            }
            change(&b.db, &mut model, &mut draw, 40);
            scatter(&b, &mut draw);
            change(&b.db, &mut model, &mut draw, 6);
            // Memory may find meanwhile that it has all.
            (0..draw.below(3)).for_each(|_| b.db.settle_step());
            compare(&b.db, &model, &mut draw);
            pages(&b.db, &model, &mut draw);
        }
        let b = b.crash();
        compare(&b.db, &model, &mut draw);
    }
}

/// Goes through the table by cursor, and compares.
fn pages(db: &Database, model: &Model, draw: &mut Draw) {
    let clause = draw.one(CLAUSES);
    let clause = if clause.is_empty() { "TRUE" } else { clause };
    let limit = (1 + draw.below(20)).to_string();
    let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
    loop {
        let page = run(db, &["QUERY", "t", "WHERE", clause, "LIMIT", &limit, "CURSOR", &cursor]);
        let Response::Array(parts) = page else { panic!("{page:?} is no page") };
        let [Response::Bulk(next), page] = <[Response; 2]>::try_from(parts).unwrap() else {
            panic!("no cursor")
        };
        found.extend(rows(page));
        cursor = String::from_utf8(next).unwrap();
        if cursor == "0" {
            break;
        }
    }
    let mut keys: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    // What had not settled, and has a row, is told twice.
    keys.dedup();
    assert_eq!(keys, model.find(clause), "{clause}");
}

#[test]
fn memory_answers_alone_once_it_is_known_to_have_all() {
    let b = Behind::new();
    let access = || show(&run(&b.db, &["EXPLAIN", "t", "data->'n' > 3"]));
    (0..20).for_each(|n| drop(run(&b.db, &["TABLE.PUT", "t", &format!("k{n}"), &format!("{{\"n\": {n}}}")])));
    assert!(access().contains("may not hold"), "{}", access());
    b.db.settle_step();
    assert!(access().contains("not asked"), "{}", access());
    b.flush();
    assert!(access().contains("not asked"), "{}", access());
    b.evict();
    assert!(access().contains("may not hold") && access().contains("\"found\": 16"), "{}", access());
    b.db.settle_step();
    assert!(access().contains("may not hold"), "{}", access());
    (0..20).for_each(|n| drop(b.run(&format!("TABLE.GET t k{n}"))));
    let _ = access();
    b.db.settle_step();
    assert!(access().contains("not asked") && access().contains("\"found\": 16"), "{}", access());
}

#[test]
fn a_query_in_a_transaction_sees_what_was_done_before_it_in_memory() {
    let session = Session::new();
    ask(&session, &["TABLE.PUT", "t", "k1", r#"{"n": 1}"#]);
    let commands: [&[&[u8]]; 3] = [
        &[b"TABLE.PUT", b"t", b"k2", b"{\"n\": 2}"],
        &[b"QUERY", b"t", b"COUNT"],
        &[b"TABLE.DEL", b"t", b"k1"],
    ];
    let planned: Vec<_> = commands
        .iter()
        .map(|args| Planned { db: 0, command: command::resolve(args).unwrap(), args })
        .collect();
    let mut caller = Caller::at(session.db.now_ms());
    let mut transaction = session.db.transaction(&mut caller, &planned, &[]).ok().unwrap();
    let answers: Vec<_> = commands
        .iter()
        .map(|args| {
            let mut out = Collector::new();
            transaction.run(command::resolve(args).unwrap(), args, &mut out);
            show(&out.into_response().unwrap())
        })
        .collect();
    drop(transaction);
    assert_eq!(answers, ["OK", "2", "1"]);
}

#[test]
fn a_page_has_no_more_rows_than_it_is_to_have() {
    let b = Behind::new();
    (0..50).for_each(|n| drop(run(&b.db, &["TABLE.PUT", "t", &format!("k{n}"), "{}"])));
    for scattered in [false, true] {
        if scattered {
            b.flush();
            b.evict();
            (0..50).step_by(3).for_each(|n| drop(b.run(&format!("TABLE.PUT t k{n} {{}}"))));
        }
        let (mut cursor, mut found) = ("0".to_owned(), 0);
        loop {
            let page = run(&b.db, &["QUERY", "t", "LIMIT", "7", "CURSOR", &cursor]);
            let Response::Array(parts) = page else { panic!("{page:?} is no page") };
            let [Response::Bulk(next), page] = <[Response; 2]>::try_from(parts).unwrap() else { panic!() };
            let page = rows(page);
            assert!(page.len() <= 7, "{page:?}");
            found += page.len();
            cursor = String::from_utf8(next).unwrap();
            if cursor == "0" {
                break;
            }
        }
        assert!(found >= 50);
    }
}

#[test]
fn a_large_record_that_a_string_replaces_is_in_no_index_any_more() {
    let session = Session::new();
    assert_eq!(
        ask(&session, &["TABLE.PUT", "t", "k", &format!("{{\"a\": \"{}\"}}", "x".repeat(9 << 20))]),
        "OK"
    );
    assert_eq!(ask(&session, &["INDEX.CREATE", "by_a", "ON", "t", "(a)"]), "OK");
    session.run("SET t:k text");
    assert!(ask(&session, &["INDEX.LIST"]).contains("\"entries\": 0"), "{}", ask(&session, &["INDEX.LIST"]));
}
