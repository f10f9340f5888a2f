//! Walking over rows, counting them, and removing many.

use super::super::{Change, Content, Place};
use super::Named;
use super::case::{Case, change, record, set};

pub(super) const CASES: &[Named] = &[
    ("pages_go_through_keys_in_the_order_of_their_bytes", pages),
    ("what_has_expired_is_neither_listed_nor_counted", expired),
    ("what_has_expired_is_removed_a_few_at_a_time", sweeping),
    ("emptying_stops_at_a_version_and_at_its_place", emptying),
];

fn pages(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    let names = ["", "A", "Z", "_", "a", "aa", "ab", "b", "z", "ä", "日本"];
    owner.put(names.iter().zip(1..).map(|(name, version)| record(&people, name, version, "{}")).collect());
    let mut changes: Vec<Change> =
        names.iter().zip(20..).map(|(name, version)| set(name, version, "v")).collect();
    changes.push(set(b"\xff", 40, "v"));
    owner.put(changes);

    let wanted = |first: u64| -> Vec<(Vec<u8>, u64)> {
        names.iter().zip(first..).map(|(name, version)| (name.as_bytes().to_vec(), version)).collect()
    };
    for limit in [1, 2, 5, 100] {
        case.same(&format!("records by {limit}"), &owner.walk(&people, limit, 0), &wanted(1));
        let mut keys = owner.walk(&Place::Keys(0), limit, 0);
        case.same("the last key", &keys.pop(), &Some((b"\xff".to_vec(), 40)));
        case.same(&format!("keys by {limit}"), &keys, &wanted(20));
    }
    for place in [people, Place::Keys(0)] {
        // Where a key was that is not there, the walk goes on all the same.
        let page = case.ok("a page", owner.connection.page(&place, Some(b"a0"), 2, 0));
        let found: Vec<Vec<u8>> = page.into_iter().map(|(key, _)| key).collect();
        case.same("what follows a key that is not there", &found, &vec![b"aa".to_vec(), b"ab".to_vec()]);
    }
    case.same("a page of an empty database", &owner.walk(&Place::Keys(3), 10, 0), &Vec::new());
    case.same("its count", &case.ok("a count", owner.connection.count(&Place::Keys(3), 0)), &0);
}

fn expired(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    for place in [Place::Keys(0), people] {
        let rows = [("a", 0), ("b", 999), ("c", 1_000), ("d", 1_001), ("e", 0)];
        let at = |key: &str, version, expire_at_ms| {
            let plain = if matches!(place, Place::Keys(_)) {
                set(key, version, "v")
            } else {
                record(&place, key, version, "{}")
            };
            Change { expire_at_ms, ..plain }
        };
        owner.put(rows.iter().zip(1..).map(|((key, expiry), version)| at(key, version, *expiry)).collect());
        for (now, alive) in [(0, "abcde"), (999, "abcde"), (1_000, "acde"), (1_001, "ade"), (5_000, "ae")] {
            for limit in [1, 10] {
                let page = owner.walk(&place, limit, now);
                let found: String =
                    page.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect();
                case.same(&format!("what is alive at {now}"), &found, &alive.to_owned());
            }
            let count = case.ok("a count", owner.connection.count(&place, now));
            case.same(&format!("how many are alive at {now}"), &count, &(alive.len() as u64));
        }
        owner.put(vec![at("b", 10, 0)]);
        let count = case.ok("a count", owner.connection.count(&place, 5_000));
        case.same("how many are alive after one was made to stay", &count, &3);
    }
}

fn sweeping(case: &Case<'_>) {
    let mut owner = case.start();
    let epoch = owner.epoch();
    let (_, people) = owner.define("people");
    let until = |change: Change, expire_at_ms| Change { expire_at_ms, ..change };
    let big = || Content::Parts(1, vec![b"one".to_vec(), b"two".to_vec()]);
    let mut changes: Vec<Change> =
        (0..25).map(|i| until(change(format!("old{i:02}"), i + 1, big()), 100 + i)).collect();
    changes.extend([
        set("stays", 30, "v"),
        until(set("till", 31, "v"), 200),
        until(set("until", 32, "v"), 300),
    ]);
    changes.push(until(Change { place: Place::Keys(1), ..set("other", 33, "v") }, 100));
    changes.push(until(record(&people, "ada", 34, "{}"), 100));
    owner.put(changes);

    let keys = Place::Keys(0);
    let mut sweep =
        |place: &Place, before| case.ok("a sweep", owner.connection.remove_expired(place, before, 10, epoch));
    let swept = [sweep(&keys, 200), sweep(&keys, 200), sweep(&keys, 200), sweep(&keys, 200)];
    case.same("how many each sweep of at most 10 has removed", &swept, &[10, 10, 5, 0]);
    case.same("how many a sweep a moment later has removed", &sweep(&keys, 201), &1);
    case.same("how many records a sweep has removed", &sweep(&people, 101), &1);
    let left: Vec<Vec<u8>> = owner.walk(&keys, 10, 0).into_iter().map(|(key, _)| key).collect();
    case.same("what is left", &left, &vec![b"stays".to_vec(), b"until".to_vec()]);
    let others = case.ok("a count", owner.connection.count(&Place::Keys(1), 0));
    case.same("how many rows a sweep has left in another database", &others, &1);
    case.same("the record", &owner.load(&people, b"ada"), &None);
    owner.put(vec![change("old03", 40, Content::Parts(1, vec![b"new".to_vec()]))]);
    let wanted = Content::Parts(1, vec![b"new".to_vec()]);
    case.same("parts after their removal", &owner.content(b"old03"), &Some(wanted));
}

fn emptying(case: &Case<'_>) {
    let mut owner = case.start();
    let epoch = owner.epoch();
    let (_, people) = owner.define("people");
    let big = Content::Parts(1, vec![b"one".to_vec(), b"two".to_vec()]);
    owner.put(vec![
        set("a", 1, "v"),
        change("b", 5, big),
        set("c", 6, "v"),
        Change { place: Place::Keys(1), ..set("a", 2, "v") },
        record(&people, "ada", 3, "{}"),
        record(&people, "bob", 9, "{}"),
    ]);
    case.ok("emptying", owner.connection.empty(&Place::Keys(0), 5, epoch));
    case.same("what is left of the database", &owner.walk(&Place::Keys(0), 9, 0), &vec![(b"c".to_vec(), 6)]);
    case.same("what is left of another", &owner.walk(&Place::Keys(1), 9, 0), &vec![(b"a".to_vec(), 2)]);
    case.ok("emptying a table", owner.connection.empty(&people, 5, epoch));
    case.same("what is left of the table", &owner.walk(&people, 9, 0), &vec![(b"bob".to_vec(), 9)]);
    owner.put(vec![change("b", 10, Content::Parts(1, vec![b"new".to_vec()]))]);
    let wanted = Content::Parts(1, vec![b"new".to_vec()]);
    case.same("parts after an emptying", &owner.content(b"b"), &Some(wanted));
    case.ok("emptying", owner.connection.empty(&Place::Keys(0), 10, epoch));
    case.same("what is left of the database", &owner.walk(&Place::Keys(0), 9, 0), &Vec::new());
}
