//! The tags of keys, in stores that keep them.

use super::super::{Change, Content, Expect, Place};
use super::Named;
use super::case::{Case, Owner, change, claim, record, set};

pub(super) const CASES: &[Named] = &[
    ("tags_come_back_with_their_row", rows),
    ("tags_change_only_with_a_change_that_counts", counting),
    ("keys_are_found_by_a_tag_page_by_page", pages),
    ("tags_go_with_their_row_however_it_goes", going),
    ("tags_are_there_for_the_next_owner", reopening),
];

fn tagged(change: Change, tags: &[&[u8]]) -> Change {
    Change { tags: Some(tags.iter().map(|tag| tag.to_vec()).collect()), ..change }
}

/// The tags of a row, in order.
fn tags(owner: &mut Owner<'_>, place: &Place, key: &str) -> Option<Vec<Vec<u8>>> {
    let mut tags = owner.load(place, key.as_bytes())?.tags;
    tags.sort_unstable();
    Some(tags)
}

fn names(names: &[&[u8]]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.to_vec()).collect()
}

/// The keys with a tag, as walked by so many at a time, sorted.
fn found(owner: &mut Owner<'_>, place: &Place, tag: &[u8], limit: usize, now_ms: u64) -> Vec<(String, u64)> {
    let mut all: Vec<(Vec<u8>, u64)> = Vec::new();
    loop {
        let after = all.last().map(|(key, _)| key.clone());
        let page = owner.connection.tagged(place, tag, after.as_deref(), limit, now_ms);
        let page = owner.case.ok("a page of a tag", page);
        if page.len() > limit {
            owner.case.broken(&format!("a page of at most {limit} keys has {}", page.len()));
        }
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let mut all: Vec<_> =
        all.into_iter().map(|(key, version)| (String::from_utf8_lossy(&key).into_owned(), version)).collect();
    all.sort();
    all
}

fn counts(owner: &mut Owner<'_>, place: &Place, now_ms: u64) -> Vec<(String, u64)> {
    let counts = owner.case.ok("counts of tags", owner.connection.tag_counts(place, now_ms));
    let mut counts: Vec<_> =
        counts.into_iter().map(|(tag, rows)| (String::from_utf8_lossy(&tag).into_owned(), rows)).collect();
    counts.sort();
    counts
}

fn list(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

fn rows(case: &Case<'_>) {
    let mut owner = case.start();
    if !owner.store.keeps_tags() {
        return;
    }
    let (_, people) = owner.define("people");
    let keys = Place::Keys(0);
    case.same("whether a new store has tags", &case.ok("has_tags", owner.connection.has_tags()), &false);
    let bytes: Vec<u8> = (0..=255).collect();
    let odd: [&[u8]; 6] = [b"", b"\0", b"a,b", b"a b", &bytes, &[b't'; 1024]];
    let long_key = "k".repeat(3_000);
    owner.put(vec![
        tagged(record(&people, "ada", 1, "{}"), &[b"x", b"person"]),
        tagged(set("a", 2, "v"), &odd),
        set("b", 3, "v"),
        tagged(set(&long_key, 4, "v"), &[b"x"]),
    ]);
    case.same("whether it has tags now", &case.ok("has_tags", owner.connection.has_tags()), &true);
    let mut wanted = names(&odd);
    wanted.sort_unstable();
    case.same("tags of any bytes", &tags(&mut owner, &keys, "a"), &Some(wanted));
    case.same("no tags", &tags(&mut owner, &keys, "b"), &Some(Vec::new()));
    case.same("tags of a long key", &tags(&mut owner, &keys, &long_key), &Some(names(&[b"x"])));
    case.same("a record's tags", &tags(&mut owner, &people, "ada"), &Some(names(&[b"person", b"x"])));
    for tag in odd {
        case.same("the keys of a tag", &found(&mut owner, &keys, tag, 10, 0), &list(&[("a", 2)]));
    }
    case.same("a long key by its tag", &found(&mut owner, &keys, b"x", 10, 0), &list(&[(&long_key, 4)]));
    case.same("a record by its tag", &found(&mut owner, &people, b"x", 10, 0), &list(&[("ada", 1)]));
    owner.put(vec![tagged(set("a", 10, "v"), &[b"\0", b"new"])]);
    case.same("other tags", &tags(&mut owner, &keys, "a"), &Some(names(&[b"\0", b"new"])));
    owner.put(vec![set("a", 11, "w")]);
    case.same("tags of another value", &tags(&mut owner, &keys, "a"), &Some(names(&[b"\0", b"new"])));
    owner.put(vec![tagged(set("a", 12, "w"), &[])]);
    case.same("tags that were taken", &tags(&mut owner, &keys, "a"), &Some(Vec::new()));
}

fn counting(case: &Case<'_>) {
    let mut owner = case.start();
    if !owner.store.keeps_tags() {
        return;
    }
    let (_, people) = owner.define("people");
    owner.put(vec![
        tagged(record(&people, "ada", 5, "{}"), &[b"x"]),
        tagged(set("a", 5, "v"), &[b"x"]),
        tagged(set("b", 5, "v"), &[b"x"]),
    ]);
    let conflicts = owner.apply(vec![
        Change { expect: Expect::Stored(7), ..tagged(record(&people, "ada", 9, "{}"), &[b"y"]) },
        Change { expect: Expect::Stored(0), ..tagged(record(&people, "bob", 9, "{}"), &[b"y"]) },
    ]);
    case.same("how many records conflict", &conflicts.len(), &2);
    let conflicts = owner.apply(vec![
        tagged(set("a", 4, "v"), &[b"y"]),
        tagged(change("b", 4, Content::Gone), &[]),
        tagged(set("c", 4, "v"), &[b"y"]),
    ]);
    case.same("how many keys conflict", &conflicts.len(), &2);
    for (place, key) in [(&people, "ada"), (&Place::Keys(0), "a"), (&Place::Keys(0), "b")] {
        case.same(&format!("the tags of {key}"), &tags(&mut owner, place, key), &Some(names(&[b"x"])));
    }
    case.same("the keys of y", &found(&mut owner, &Place::Keys(0), b"y", 5, 0), &list(&[("c", 4)]));
    case.same("the records of y", &found(&mut owner, &people, b"y", 5, 0), &Vec::new());
    let known = Change { expect: Expect::Stored(0), ..tagged(record(&people, "ada", 12, "{}"), &[b"z"]) };
    owner.put(vec![known]);
    case.same("tags over a known row", &tags(&mut owner, &people, "ada"), &Some(names(&[b"z"])));
}

fn pages(case: &Case<'_>) {
    let mut owner = case.start();
    if !owner.store.keeps_tags() {
        return;
    }
    let (_, people) = owner.define("people");
    let names = ["", "A", "a", "aa", "b", "ä", "日本"];
    for place in [people, Place::Keys(0), Place::Keys(2)] {
        let at = |name: &str, version, tags: &[&[u8]], expire_at_ms| {
            let plain = match &place {
                Place::Keys(_) => Change { place: place.clone(), ..set(name, version, "v") },
                Place::Table(_) => record(&place, name, version, "{}"),
            };
            Change { expire_at_ms, ..tagged(plain, tags) }
        };
        let mut changes: Vec<Change> =
            names.iter().zip(1..).map(|(name, version)| at(name, version, &[b"x", b"y"], 0)).collect();
        changes.push(at("c", 20, &[b"x"], 1_000));
        changes.push(at("none", 21, &[], 0));
        changes.sort_by(|one, other| one.key.cmp(&other.key));
        owner.put(changes);
        let all: Vec<(String, u64)> =
            names.iter().zip(1..).map(|(name, at)| ((*name).to_owned(), at)).collect();
        let mut with_c = all.clone();
        with_c.push(("c".to_owned(), 20));
        with_c.sort();
        for limit in [1, 3, 100] {
            let what = format!("by {limit} in {place:?}");
            case.same(&what, &found(&mut owner, &place, b"y", limit, 0), &all);
            case.same(&what, &found(&mut owner, &place, b"x", limit, 1_000), &with_c);
            case.same(&what, &found(&mut owner, &place, b"x", limit, 1_001), &all);
            case.same(&what, &found(&mut owner, &place, b"none", limit, 0), &Vec::new());
        }
        case.same("all tags", &counts(&mut owner, &place, 1_000), &list(&[("x", 8), ("y", 7)]));
        case.same("all tags later", &counts(&mut owner, &place, 1_001), &list(&[("x", 7), ("y", 7)]));
    }
    case.same("tags of an empty database", &counts(&mut owner, &Place::Keys(1), 0), &Vec::new());
}

fn going(case: &Case<'_>) {
    let mut owner = case.start();
    if !owner.store.keeps_tags() {
        return;
    }
    let epoch = owner.epoch();
    let (table, people) = owner.define("people");
    let until = |change: Change, expire_at_ms| Change { expire_at_ms, ..change };
    for place in [Place::Keys(0), people.clone()] {
        let at = |key: &str, version| {
            let plain =
                if place == people { record(&people, key, version, "{}") } else { set(key, version, "v") };
            tagged(plain, &[b"x"])
        };
        let gone = |key: &str, version| Change { content: Content::Gone, tags: None, ..at(key, version) };
        let what = format!("the rows of {place:?} after");
        owner.put(vec![at("a", 1), at("b", 2), until(at("c", 3), 50), at("d", 4), at("e", 9)]);
        owner.put(vec![gone("a", 10)]);
        let left = [("b", 2), ("c", 3), ("d", 4), ("e", 9)];
        case.same(&format!("{what} a removal"), &found(&mut owner, &place, b"x", 9, 0), &list(&left));
        case.ok("a sweep", owner.connection.remove_expired(&place, 100, 10, epoch));
        case.same(&format!("{what} a sweep"), &counts(&mut owner, &place, 0), &list(&[("x", 3)]));
        case.ok("emptying", owner.connection.empty(&place, 5, epoch));
        case.same(&format!("{what} emptying"), &found(&mut owner, &place, b"x", 9, 0), &list(&[("e", 9)]));
        let back = ["a", "b", "c", "d"]
            .iter()
            .zip(20..)
            .map(|(key, version)| Change { tags: None, ..at(key, version) });
        owner.put(back.collect());
        case.same(&format!("{what} they are back"), &counts(&mut owner, &place, 0), &list(&[("x", 1)]));
    }
    case.ok("dropping a table", owner.connection.drop_table(&table, epoch));
    owner.define("people");
    owner.put(vec![record(&people, "e", 40, "{}")]);
    case.same("tags of a table made anew", &counts(&mut owner, &people, 0), &Vec::new());
    case.same("the tags of keys", &counts(&mut owner, &Place::Keys(0), 0), &list(&[("x", 1)]));
}

fn reopening(case: &Case<'_>) {
    let mut owner = case.start();
    if !owner.store.keeps_tags() {
        return;
    }
    let epoch = owner.epoch();
    owner.put(vec![tagged(set("a", 1, "v"), &[b"x"])]);
    case.ok("giving it up", owner.connection.release(epoch));
    drop(owner);
    let mut next = case.own(&claim(epoch));
    case.same("whether it has tags", &case.ok("has_tags", next.connection.has_tags()), &true);
    case.same("tags of before", &tags(&mut next, &Place::Keys(0), "a"), &Some(names(&[b"x"])));
    case.same("keys by a tag", &found(&mut next, &Place::Keys(0), b"x", 9, 0), &list(&[("a", 1)]));
}
