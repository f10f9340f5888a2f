//! Rows that are asked for by what they hold.

use super::super::{Change, Content, Place, Selection, TableIndex, judge};
use super::Named;
use super::case::{Case, Owner, record};
use crate::query::{Clause, Limits, Order};
use std::collections::BTreeSet;

pub(super) const CASES: &[Named] =
    &[("rows_are_found_by_what_they_hold", found), ("indexes_change_nothing_of_what_is_found", indexed)];

/// Records, with their expiry.
const RECORDS: &[(&str, &str, u64)] = &[
    ("a", r#"{"state": "ringing", "n": 10, "tags": ["x", "y"]}"#, 0),
    ("b", r#"{"state": "idle", "n": 9, "deep": {"a": [1]}}"#, 0),
    ("c", r#"{"state": "RINGING", "n": "12"}"#, 0),
    ("d", r#"{"state": null, "n": 9007199254740993}"#, 0),
    ("e", r#"{"n": -1.50, "tags": "x"}"#, 0),
    ("f", "{}", 0),
    ("g", r#"{"state": "ringing", "n": 11}"#, 500),
    ("h", r#"{"state": "ringing", "n": 7}"#, 4_102_444_800_000),
    ("ä", r#"{"state": "50%", "n": 2}"#, 0),
];

/// Clauses, and the keys of the rows that they are true of at 1000.
const CLAUSES: &[(&str, &str)] = &[
    ("", "abcdefhä"),
    ("data->>'state' = 'ringing'", "ah"),
    ("data->>'state' ILIKE 'ring%'", "ach"),
    ("data->'n' > 8", "abd"),
    ("(data->>'n')::int BETWEEN 7 AND 12", "abch"),
    ("data->'n' = 9007199254740993", "d"),
    ("data @> '{\"tags\": [\"x\"]}' OR data->'tags' ? 'x'", "ae"),
    ("data->>'state' IS NULL", "def"),
    ("data->>'state' LIKE '%\\%'", "ä"),
    ("data#>>'{deep,a,0}' = '1'", "b"),
    ("key > 'e' AND NOT data->>'state' = 'idle'", "hä"),
    ("expires_at > timestamptz '1970-01-01 00:00:02Z'", "h"),
    ("FALSE", ""),
];

fn filled<'c>(case: &'c Case<'_>) -> (Owner<'c>, super::super::Table, Place) {
    let mut owner = case.start();
    let (table, place) = owner.define("people");
    let changes = RECORDS.iter().zip(1..).map(|((key, json, expire_at_ms), version)| {
        let change = record(&place, key, version, json);
        Change { expire_at_ms: *expire_at_ms, ..change }
    });
    owner.put(changes.collect());
    (owner, table, place)
}

/// The keys of what is found, page by page, in their order.
fn keys(
    case: &Case<'_>,
    owner: &mut Owner<'_>,
    place: &Place,
    text: &str,
    (limit, with_data): (usize, bool),
) -> String {
    let clause = Clause::parse(text, &Limits::default()).expect("the clause is one");
    let (mut after, mut found) = (None, BTreeSet::new());
    loop {
        let selection =
            Selection { clause: &clause, order: None, after, limit, with_data, is_top: false, now_ms: 1_000 };
        let page = case.ok("a selection", owner.connection.select(place, &selection));
        for (key, row) in page.rows {
            let is_empty = matches!(&row.content, Content::Record(text) if text.is_empty());
            case.same("whether a row comes with what it holds", &!is_empty, &with_data);
            if !with_data || judge(&clause, &key, &row) {
                let is_new = found.insert(String::from_utf8_lossy(&key).into_owned());
                case.same("whether a row is told once", &is_new, &true);
            }
        }
        after = page.next;
        if after.is_none() {
            return found.into_iter().collect();
        }
    }
}

fn found(case: &Case<'_>) {
    let (mut owner, _, place) = filled(case);
    compare(case, &mut owner, &place);
    first(case, &mut owner, &place);
    let clause = Clause::parse("data->>'state' = 'ringing'", &Limits::default()).expect("the clause is one");
    let selection = Selection {
        clause: &clause,
        order: None,
        after: None,
        limit: 10,
        with_data: true,
        is_top: false,
        now_ms: 0,
    };
    let plan = case.ok("an explanation", owner.connection.explain(&place, &selection));
    case.same("whether there is an explanation", &plan.is_empty(), &false);
}

fn compare(case: &Case<'_>, owner: &mut Owner<'_>, place: &Place) {
    for (text, expected) in CLAUSES {
        for limit in [1, 3, 100] {
            for with_data in [true, false] {
                let found = keys(case, owner, place, text, (limit, with_data));
                case.same(text, &found, &(*expected).to_owned());
            }
        }
    }
}

/// Where the store says that rows are the first, they are; else they are told in pages.
fn first(case: &Case<'_>, owner: &mut Owner<'_>, place: &Place) {
    let clause = Clause::parse("data->'n' > 0", &Limits::default()).expect("the clause is one");
    let order = Order::parse("data->'n' DESC", &Limits::default()).expect("the order is one");
    for (order, expected) in [(Some(&order), "da"), (None, "")] {
        let selection = Selection {
            clause: &clause,
            order,
            after: None,
            limit: 2,
            with_data: true,
            is_top: true,
            now_ms: 1_000,
        };
        let page = case.ok("the first", owner.connection.select(place, &selection));
        if page.is_top {
            let found: String =
                page.rows.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect();
            case.same("how many are told", &page.rows.len(), &2);
            if order.is_some() {
                case.same("the first in their order", &found, &expected.to_owned());
            }
        }
    }
}

fn indexed(case: &Case<'_>) {
    let (mut owner, table, place) = filled(case);
    let index = |name: &str, path: &[&str], kind: Option<&str>| TableIndex {
        name: name.into(),
        path: path.iter().map(|key| Box::from(*key)).collect(),
        kind: kind.map(Box::from),
    };
    let all = [
        index("by_state", &["state"], Some("text")),
        index("by_n", &["n"], None),
        index("by_int", &["n"], Some("integer")),
        index("by_numeric", &["n"], Some("numeric")),
        index("by_deep", &["deep", "a'\"\\x"], Some("bigint")),
        index("by_time", &["at"], Some("timestamp with time zone")),
    ];
    for (wanted, version) in [&all[..2], &all[..], &all[1..3], &[]].into_iter().zip(100..) {
        case.ok("indexes", owner.connection.set_indexes(&table, wanted));
        case.ok("the same indexes", owner.connection.set_indexes(&table, wanted));
        compare(case, &mut owner, &place);
        owner.put(vec![record(&place, "f", version, "{}")]);
    }
}
