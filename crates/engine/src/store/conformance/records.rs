//! Tables of records: made, found again, dropped; JSON that comes back as the same value.

use super::super::{Content, ErrorKind, Place, Table};
use super::Named;
use super::case::{Case, Owner, claim, record, set, table};
use super::json;

pub(super) const CASES: &[Named] = &[
    ("records_come_back_as_the_same_values", values),
    ("the_key_of_a_record_is_any_text", keys),
    ("a_table_is_made_once_and_found_again", found_again),
    ("a_table_that_was_dropped_is_gone", dropped),
    ("a_table_that_is_not_there_is_named", missing),
    ("a_table_may_be_named_in_any_way_or_is_refused", names),
];

/// Asks that a record has this value.
#[track_caller]
fn holds(owner: &mut Owner<'_>, place: &Place, key: &str, wanted: &str) {
    let content = owner.load(place, key.as_bytes()).map(|row| row.content);
    let Some(Content::Record(found)) = &content else {
        owner.case.broken(&format!("the record {key:?}: found {content:?}, which has to be {wanted}"))
    };
    owner.case.same(
        &format!("the record {key:?}, as found {found}"),
        &json::normal(found),
        &json::normal(wanted),
    );
}

fn values(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    let long = format!(r#"{{"text":"{}","list":[{}]}}"#, "x".repeat(200_000), ["1"; 1000].join(","));
    let texts = [
        "{}",
        "[]",
        "null",
        "true",
        "0",
        "-12",
        "9007199254740993",
        "0.1",
        r#""text""#,
        r#""""#,
        r#"{"b": 1, "a": [1, {"c": null}], "": "empty"}"#,
        r#"{"quote":"\" ' \\ / \n\t","wide":"schlüssel 日本 😀"}"#,
        r#"{"$1":"?","%s":"{}","--":"; DROP TABLE people"}"#,
        &long,
    ];
    let named: Vec<(String, &str)> =
        texts.iter().zip(0..).map(|(text, i)| (format!("{i:02}"), *text)).collect();
    owner.put(
        named.iter().zip(1..).map(|((key, text), version)| record(&people, key, version, text)).collect(),
    );
    named.iter().for_each(|(key, text)| holds(&mut owner, &people, key, text));
    owner.put(vec![record(&people, "00", 50, r#"{"state":"gone"}"#)]);
    holds(&mut owner, &people, "00", r#"{"state":"gone"}"#);
}

fn keys(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    let mut keys = ["", " ", "'", "\"", "a:b:c", "\\", "%", "ü", "日本", "😀", "A", "a"];
    keys.sort_unstable();
    let json = |key: &str| format!("{{\"length\":{}}}", key.len());
    owner.put(keys.iter().zip(1..).map(|(key, version)| record(&people, key, version, &json(key))).collect());
    keys.iter().for_each(|key| holds(&mut owner, &people, key, &json(key)));
    let walked: Vec<Vec<u8>> = owner.walk(&people, 5, 0).into_iter().map(|(key, _)| key).collect();
    let wanted: Vec<Vec<u8>> = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
    case.same("the keys in order", &walked, &wanted);
}

fn found_again(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    owner.put(vec![record(&people, "ada", 1, "[1]")]);
    owner.define("people");
    holds(&mut owner, &people, "ada", "[1]");
    let mut other = case.connect(&owner.store);
    let count = case.ok("a count over another connection", other.count(&people, 0));
    case.same("a count over another connection", &count, &1);
    drop(other);
    let epoch = owner.epoch();
    drop(owner);
    let mut owner = case.own(&claim(epoch));
    owner.define("people");
    holds(&mut owner, &people, "ada", "[1]");
    owner.put(vec![record(&people, "ada", 2, "[2]"), record(&people, "bob", 3, "[3]")]);
    holds(&mut owner, &people, "ada", "[2]");
}

fn dropped(case: &Case<'_>) {
    let mut owner = case.start();
    let (table, people) = owner.define("people");
    let (_, things) = owner.define("things");
    owner.put(vec![record(&people, "ada", 1, "[1]"), record(&things, "cup", 2, "[2]")]);
    case.ok("dropping a table", owner.connection.drop_table(&table, owner.claimed.epoch));
    let wanted = ErrorKind::Table(people.clone());
    case.fails("a count of a dropped table", owner.connection.count(&people, 0), &wanted);
    let batch = owner.batch(0, vec![set("a", 3, "v"), record(&people, "ada", 4, "[1]")]);
    case.fails("a batch for a dropped table", owner.connection.apply(&batch), &wanted);
    owner.holds(b"a", None);
    holds(&mut owner, &things, "cup", "[2]");
    owner.define("people");
    case.same("a table made anew", &owner.walk(&people, 9, 0), &Vec::new());
    owner.put(vec![record(&people, "ada", 5, "[5]")]);
    holds(&mut owner, &people, "ada", "[5]");
}

fn missing(case: &Case<'_>) {
    let mut owner = case.start();
    let epoch = owner.epoch();
    let nowhere = Place::Table("nowhere".into());
    let wanted = ErrorKind::Table(nowhere.clone());
    let batch = owner.batch(0, vec![set("a", 1, "v"), record(&nowhere, "k", 2, "{}")]);
    let it = &mut owner.connection;
    case.fails("a batch", it.apply(&batch), &wanted);
    case.fails("a load", it.load(&[(nowhere.clone(), b"k".to_vec())]), &wanted);
    case.fails("a page", it.page(&nowhere, None, 5, 0), &wanted);
    case.fails("a count", it.count(&nowhere, 0), &wanted);
    case.fails("a sweep", it.remove_expired(&nowhere, 5, 5, epoch), &wanted);
    case.fails("an emptying", it.empty(&nowhere, 5, epoch), &wanted);
    owner.holds(b"a", None);
    owner.put(vec![set("a", 1, "v")]);
}

fn names(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    owner.put(vec![record(&people, "ada", 1, "[1]")]);
    for (name, version) in ["Order", "select", "users2", "a_b"].into_iter().zip(10..) {
        let (_, place) = owner.define(name);
        owner.put(vec![record(&place, "k", version, "[7]")]);
        holds(&mut owner, &place, "k", "[7]");
    }
    let strange = ["x\"; DROP TABLE people; --", "x'y", "with space", "", "a.b.c.d", "nul\0", "sternenklar★"];
    for (name, version) in strange.into_iter().zip(20..) {
        let table: Table = table(name);
        match owner.connection.define(&table) {
            Ok(()) => {
                let place = Place::Table(table.name);
                owner.put(vec![record(&place, "k", version, "[7]")]);
                holds(&mut owner, &place, "k", "[7]");
            }
            Err(error) => case.same(&format!("the kind of {error}"), &error.kind, &ErrorKind::Invalid),
        }
    }
    holds(&mut owner, &people, "ada", "[1]");
}
