//! The language from outside: what is refused, with which words, and what a clause says of records.

use super::*;
use crate::value::json::Json;
use proptest::prelude::*;

fn clause(text: &str) -> Clause {
    Clause::parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn matches(text: &str, record: &str) -> Option<bool> {
    let record = Json::parse(record.as_bytes()).unwrap();
    clause(text).matches(&Row { key: b"c-17", data: record.root(), expire_at_ms: Some(1_700_000_000_000) })
}

fn refusal(text: &str) -> QueryError {
    match Clause::parse(text, &Limits::default()) {
        Err(error) => error,
        Ok(clause) => panic!("{text} became {clause:?}"),
    }
}

const RECORD: &str = r#"{"state": "ringing", "score": 10000.50, "seconds": "12", "big": 9007199254740993, "deep": {"a": [1, {"b": null}]},
    "tags": ["x", "y"], "flag": true, "none": null, "at": "2026-11-21T08:30:00Z", "né": "Ärger 50%"}"#;

#[test]
fn conditions_are_judged() {
    for (text, expected) in [
        ("data->>'state' = 'ringing'", Some(true)),
        ("data->>'state' LIKE 'r_ng%' AND data->>'state' ILIKE '%ING'", Some(true)),
        ("data->'score' > 10000", Some(true)),
        ("data->'score' = 10000.5", Some(true)),
        ("(data->>'seconds')::int >= 10", Some(true)),
        ("CAST(data->>'seconds' AS bigint) BETWEEN 12 AND 13", Some(true)),
        ("data->'big' = 9007199254740993 AND data->'big' <> 9007199254740992", Some(true)),
        (
            "data->'deep'->'a'->0 = 1 AND data#>'{deep,a,1,b}' = 'null' AND data#>>'{deep,a,1,b}' IS NULL",
            Some(true),
        ),
        ("data->'deep'->'a'->-1->'b' IS NOT NULL", Some(true)),
        ("data @> '{\"tags\": [\"y\"]}' AND '[\"x\"]' <@ (data->'tags')", Some(true)),
        ("data ? 'flag' AND data->'tags' ?| '{z,y}' AND NOT data->'tags' ?& ARRAY['x', 'z']", Some(true)),
        ("data->>'state' IN ('idle', 'ringing') AND data->>'state' NOT IN ('idle')", Some(true)),
        ("data->>'state' NOT IN ('idle', NULL)", None),
        ("data->>'missing' = 'x'", None),
        ("data->>'missing' = 'x' AND FALSE", Some(false)),
        ("data->>'missing' = 'x' OR TRUE", Some(true)),
        ("data->>'missing' IS DISTINCT FROM 'x'", Some(true)),
        ("(data->>'state')::int > 5", None),
        ("(data->'flag')::boolean AND (data->>'flag')::boolean IS TRUE", Some(true)),
        ("(data->>'seconds')::numeric / 8 = 1.5 AND (data->>'seconds')::int / 8 = 1", Some(true)),
        ("(data->'big')::bigint + 1 = 9007199254740994", Some(true)),
        ("1 / ((data->>'seconds')::int - 12) = 1", None),
        ("(data->>'seconds')::float8 = 12.0 AND (data->'score')::real > 1e4", Some(true)),
        (
            "(data->>'at')::timestamptz = '2026-11-21 09:30+01' AND (data->>'at')::date = date '2026-11-21'",
            Some(true),
        ),
        ("key = 'c-17' AND key LIKE 'c-%' AND expires_at > timestamptz '2023-11-14'", Some(true)),
        ("data->>'né' LIKE '%50\\%' AND data->>'né' ILIKE 'ÄRGER%'", Some(true)),
        ("data->>'né' ILIKE 'ärger%'", Some(false)),
        ("  \n", Some(true)),
        ("\"data\"->>'state' = 'it''s'", Some(false)),
    ] {
        assert_eq!(matches(text, RECORD), expected, "{text}");
    }
}

#[test]
fn what_is_not_of_the_language_is_refused_with_its_place() {
    let refused = [
        ("data->>'a' = ", 14, "end of input"),
        ("data->>'a' = 'x' )", 18, "at or near \")\""),
        ("data->>'a' == 'x'", 12, "at or near \"==\""),
        ("TRUE; DROP TABLE canary", 5, "semicolon"),
        ("TRUE -- and", 6, "comments"),
        ("TRUE /* and */", 6, "comments"),
        ("data->>'a' = $1", 14, "parameters"),
        ("pg_sleep(10) IS NULL", 1, "functions are not allowed: \"pg_sleep\""),
        ("upper (key) = 'A'", 1, "functions are not allowed"),
        ("key IN (SELECT key FROM canary)", 9, "\"SELECT\" is not allowed"),
        ("EXISTS (TABLE canary)", 1, "EXISTS"),
        ("CASE WHEN TRUE THEN TRUE END", 1, "\"CASE\" is not allowed"),
        ("canary.key = 'x'", 1, "\"canary\" is not allowed"),
        ("data.key = 'x'", 5, "at or near \".\""),
        ("\"Data\" IS NULL", 1, "is not allowed"),
        ("key = E'\\x41'", 7, "\"E\" is not allowed"),
        ("key = $$x$$", 7, "syntax error at or near \"$\""),
        ("key = U&'\\0041'", 7, ""),
        ("key = B'1'", 7, ""),
        ("key || 'x' = 'y'", 5, "at or near \"||\""),
        ("key ~ 'x'", 5, "at or near \"~\""),
        ("key::regclass IS NULL", 6, "regclass"),
        ("(data->>'a')::varchar = 'x'", 15, "varchar"),
        ("(data->>'a')::numeric(10) = 1", 22, "at or near \"(\""),
        ("data->'a'", 5, "a condition is of type boolean, not jsonb"),
        ("key = 5", 5, "operator does not exist: text = integer"),
        ("data->>'n' > 5", 12, "operator does not exist: text > integer"),
        ("(data->>'n')::int = 'x'", 19, "invalid input syntax for type integer: \"x\""),
        ("data->'a' = 'x'", 11, "invalid input syntax for type jsonb"),
        ("data @> '{\"a\": \"\\u0000\"}'", 9, "invalid input syntax for type jsonb"),
        ("(data->'a') + 1 = 2", 6, "arithmetic is of integers and numeric, not of jsonb"),
        ("data->'a' LIKE 'x'", 5, "text is needed here, not jsonb"),
        ("key LIKE data->>'a'", 14, "a pattern is a text in quotes"),
        ("key LIKE 'x\\'", 10, "must not end with the escape"),
        ("key LIKE 'x' ESCAPE 'ab'", 21, "one character"),
        ("1 = 1 = TRUE", 7, "at or near \"=\""),
        ("key LIKE 'a' LIKE 'b'", 14, "at or near \"LIKE\""),
        ("data #> '{a,NULL}' = '1'", 9, "array of texts"),
        ("data->'a'->99999999999 = '1'", 12, "constant integer"),
        ("key = 'a\u{0}b'", 9, "zero byte"),
        ("TRUE\nAND\n  nix", 12, "\"nix\" is not allowed"),
        ("'é' = key AND nix", 15, "\"nix\" is not allowed"),
        ("current_user = 'x'", 1, "not allowed"),
        ("key = ANY('{a}')", 7, "functions are not allowed"),
        ("TIMESTAMP 'tomorrow' > expires_at", 11, "invalid input syntax"),
        ("INTERVAL '1 day' IS NULL", 1, "not allowed"),
        ("key COLLATE \"C\" = 'x'", 5, "not allowed"),
        ("ARRAY[1] IS NULL", 1, "an array stands behind"),
        ("(TRUE, TRUE) = (TRUE, TRUE)", 6, "at or near \",\""),
        ("{fn now()} IS NULL", 1, ""),
        ("TRUE, TRUE", 5, "at or near \",\""),
        ("5x = 1", 1, "trailing junk after a number"),
        ("data @>-1", 6, "at or near \"@>-\""),
        ("key = 'x", 7, "does not end"),
        ("data->'a' -> 5.5 IS NULL", 14, "constant integer"),
    ];
    let wrong = refused.into_iter().filter_map(|(text, position, message)| {
        let error = refusal(text);
        let is_as_said = error.message.contains(message) && error.position == position;
        (!is_as_said).then(|| format!("{text}: {error}"))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn texts_that_are_made_to_exhaust_are_refused() {
    let nest = |open: &str, inner: &str, close: &str, count: usize| {
        format!("{}{inner}{}", open.repeat(count), close.repeat(count))
    };
    let within = |text: String| {
        // Much less than any thread has.
        let thread = std::thread::Builder::new().stack_size(256 << 10);
        let judged = thread.spawn(move || Clause::parse(&text, &Limits::default()).map(drop)).unwrap();
        judged.join().expect("the stack was enough")
    };
    for text in [
        nest("(", "TRUE", ")", 100_000),
        nest("(", "TRUE", ")", 65),
        nest("((key = 'x') AND ", "TRUE", ")", 70),
        "NOT ".repeat(100_000) + "TRUE",
        "NOT ".repeat(900) + "TRUE",
        "- ".repeat(900) + "1 = 1",
        format!("key IN ({}'x')", "'x',".repeat(1_000_000)),
        format!("key IN ({}'x')", "'x',".repeat(60_000)),
        format!("1{} = 1", "+1".repeat(400)),
        format!("1{} = 1", "*(data->>'n')::numeric".repeat(20)),
        format!("data{} IS NULL", "->'a'".repeat(900)),
        format!("key{} = ''", "::text".repeat(400)),
        nest("CAST(", "key", " AS text)", 30) + " = ''",
        nest("(", "TRUE", " BETWEEN TRUE AND TRUE)", 25),
        nest("(", "TRUE", " IN (TRUE, (FALSE)))", 25),
        format!("TRUE{}", " IS TRUE".repeat(400)),
        "(".repeat(100_000),
        "'".repeat(99_999),
        "\"".repeat(99_999),
        "/*".repeat(99_999),
        "data->".repeat(10_000),
    ] {
        let error = within(text.clone()).expect_err(&text[..text.len().min(60)]);
        assert!(error.message.len() < 300 && error.position <= text.len() + 1);
    }
    for text in [
        nest("(", "TRUE", ")", 60),
        format!("TRUE{}", " AND TRUE".repeat(20_000)),
        format!("TRUE{}", " OR FALSE AND TRUE".repeat(10_000)),
        format!("key IN ({}'x')", "'x',".repeat(20_000)),
        nest("NOT (", "TRUE", ")", 30),
    ] {
        within(text).expect("it is not too much");
    }
}

#[test]
fn an_order_is_read_and_kept() {
    let order = |text: &str| Order::parse(text, &Limits::default());
    let records = [r#"{"a": 1, "b": "x"}"#, r#"{"a": 2}"#, r#"{"a": 1, "b": "É"}"#, r#"{"b": "z"}"#];
    let sorted = |text: &str| {
        let order = order(text).unwrap();
        let values: Vec<_> = records.iter().map(|record| Json::parse(record.as_bytes()).unwrap()).collect();
        let mut at: Vec<usize> = (0..values.len()).collect();
        let row = |at: usize| Row { key: b"k", data: values[at].root(), expire_at_ms: None };
        at.sort_by(|one, two| order.compare(&row(*one), &row(*two)));
        at
    };
    assert_eq!(sorted("data->'a', data->>'b'"), [0, 2, 1, 3]);
    assert_eq!(sorted("data->'a' DESC, data->>'b' DESC"), [3, 1, 2, 0]);
    assert_eq!(sorted("(data->>'a')::int NULLS FIRST, data->>'b' DESC NULLS LAST"), [3, 2, 0, 1]);
    for text in ["", "1", "key USING <", "key ASC DESC", "key,", "count(*)", "key; DROP TABLE canary"] {
        assert!(order(text).is_err(), "{text}");
    }
}

#[test]
fn a_projection_names_and_prints_what_it_returns() {
    let limits = Limits::default();
    let list = Projection::parse(
        "key, data->>'state' AS \"The State\", data->'deep'->'a' AS Select, data#>>'{deep,a,0}', (data->>'seconds')::int + 1 AS n, expires_at, data->'score', \
         (data->>'at')::date, data->'missing', (data->'score')::float AS Date",
        &limits,
    )
    .unwrap();
    let names: Vec<_> = list.names().collect();
    assert_eq!(
        names,
        ["key", "The State", "select", "0", "n", "expires_at", "score", "?column?", "missing", "date"]
    );
    let record = Json::parse(RECORD.as_bytes()).unwrap();
    let row = Row { key: "c\"1".as_bytes(), data: record.root(), expire_at_ms: Some(1_500) };
    let values: Vec<_> = list.values(&row).map(|value| String::from_utf8(value).unwrap()).collect();
    assert_eq!(
        values,
        [
            "\"c\\\"1\"",
            "\"ringing\"",
            "[1, {\"b\": null}]",
            "\"1\"",
            "13",
            "\"1970-01-01 00:00:01.5+00\"",
            "10000.50",
            "\"2026-11-21\"",
            "null",
            "10000.5"
        ]
    );
    assert!(Projection::parse(" * ", &limits).unwrap().is_all());
    let count = Projection::parse("count(*) AS n", &limits).unwrap();
    assert!(count.is_count() && count.names().eq(["n"]));
    for text in
        ["", "*, key", "count(key)", "key state", "data.*", "* EXCEPT (key)", "key AS a AS b", "(SELECT 1)"]
    {
        assert!(Projection::parse(text, &limits).is_err(), "{text}");
    }
}

#[test]
fn facts_are_what_is_certain() {
    let facts = |text: &str| clause(text).facts();
    let data = |path: &[&str]| Place::Data(path.iter().map(|key| (*key).into()).collect());
    let text = |text: &str| Constant::Text(text.into());
    let json = |text: &str| Json::parse(text.as_bytes()).unwrap();
    assert_eq!(
        facts("data->>'a' = 'x' AND 5 < data->'b'->'c' AND (key >= 'k' OR TRUE)"),
        [
            Fact { place: data(&["a"]), test: Test::OneOf(vec![text("x")]) },
            Fact { place: data(&["b", "c"]), test: Test::Above(Constant::Json(json("5")), false) },
        ]
    );
    assert_eq!(
        facts("key LIKE 'c-%' AND data->'a' IN (1, NULL, '2') AND (data->>'n')::int BETWEEN 1 AND 3"),
        [
            Fact { place: Place::Key, test: Test::StartsWith("c-".into()) },
            Fact {
                place: data(&["a"]),
                test: Test::OneOf(vec![Constant::Json(json("1")), Constant::Json(json("2"))])
            },
            Fact { place: data(&["n"]), test: Test::Above(Constant::Number(json("1")), true) },
            Fact { place: data(&["n"]), test: Test::Below(Constant::Number(json("3")), true) },
        ]
    );
    for text in [
        "NOT data->>'a' = 'x'",
        "data->0 = '1'",
        "data->>'a' <> 'x'",
        "key ILIKE 'a%'",
        "data->'a' = data->'b'",
    ] {
        assert_eq!(facts(text), [], "{text}");
    }
}

proptest! {
    #[test]
    fn garbage_is_refused_or_understood(
        text in prop_oneof![
            "\\PC{0,60}",
            "[ ()'\"a-z0-9,;:<>=!?@#&|*/+.$\\[\\]-]{0,80}",
            prop::collection::vec(prop::sample::select(vec![
                "data", "key", "->", "->>", "#>", "'a'", "'{a,b}'", "'1'", "5", "1.5", "=", "<", "@>", "?", "?|", "(", ")", "AND", "OR", "NOT",
                "IN", "LIKE", "BETWEEN", "IS", "NULL", "TRUE", "::int", "::text", "::", ",", "CAST", "AS", "ARRAY", "[", "]", "-", "/", "DISTINCT",
                "FROM", "ESCAPE", "timestamp", "date", "with", "time", "zone", "double", "precision", "count", "*", "DESC", "NULLS", "FIRST",
            ]), 0..20).prop_map(|words| words.join(" ")),
        ],
    ) {
        let limits = Limits::default();
        let record = Json::parse(RECORD.as_bytes()).unwrap();
        let row = Row { key: b"k", data: record.root(), expire_at_ms: None };
        let columns = Columns { key: "key", data: "data", expires_at: "expires_at", is_indexed: true, is_bytewise: false };
        match Clause::parse(&text, &limits) {
            Ok(clause) => {
                let _ = (clause.matches(&row), clause.facts());
                clause.render(&columns, 0).unwrap();
            }
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.position), "{error}"),
        }
        if let Ok(order) = Order::parse(&text, &limits) {
            prop_assert!(order.compare(&row, &row).is_eq());
            order.render(&columns, 0).unwrap();
        }
        if let Ok(projection) = Projection::parse(&text, &limits) {
            projection.values(&row).count();
        }
    }
}
