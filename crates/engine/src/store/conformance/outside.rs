//! What others write: noticed and never overwritten unseen, or not spoken of at all.

use super::super::{Change, Conflict, Content, Expect, Outside, Place};
use super::Named;
use super::case::{Case, Owner, change, record, set};

pub(super) const CASES: &[Named] = &[
    ("who_does_not_notice_others_says_nothing_of_them", deaf),
    ("what_others_write_is_told_until_it_is_forgotten", told),
    ("what_others_wrote_has_a_stamp_until_it_is_written_again", stamps),
    ("a_change_does_not_overwrite_what_others_wrote", conflicts),
];

/// The owner of a store with one record, `ada`, of version 1, if the store notices what others write.
fn noticing<'a>(case: &'a Case<'a>) -> Option<(Owner<'a>, super::super::Table, Place)> {
    let mut owner = case.start();
    if !owner.store.notices_outside() {
        return None;
    }
    let (table, place) = owner.define("people");
    owner.put(vec![record(&place, "ada", 1, "[1]")]);
    Some((owner, table, place))
}

impl Owner<'_> {
    fn outside(&mut self, limit: usize) -> Vec<Outside> {
        self.case.ok("what others wrote", self.connection.outside(limit))
    }

    /// The keys that others have written, each once.
    fn outside_keys(&mut self, place: &Place) -> Vec<String> {
        let told = self.outside(100);
        let here = told.into_iter().filter(|told| told.place == *place);
        let key = |told: Outside| {
            told.key.unwrap_or_else(|| self.case.broken("a change of one key is told as one of all"))
        };
        let mut keys: Vec<String> =
            here.map(|told| String::from_utf8_lossy(&key(told)).into_owned()).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

fn deaf(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, place) = owner.define("people");
    owner.put(vec![set("a", 1, "v"), record(&place, "ada", 2, "[1]")]);
    owner.put(vec![record(&place, "ada", 3, "[2]"), record(&place, "bob", 4, "[2]")]);
    owner.put(vec![Change { place: place.clone(), ..change("bob", 5, Content::Gone) }]);
    case.same("what others wrote where nobody did", &owner.outside(100), &Vec::new());
    case.ok("forgetting nothing", owner.connection.forget_outside(&[]));
    case.same(
        "the stamp of what was written here",
        &owner.load(&place, b"ada").map(|row| row.stamp),
        &Some(0),
    );
}

fn told(case: &Case<'_>) {
    let Some((mut owner, table, place)) = noticing(case) else { return };
    let write = |key, text| case.subject.write_outside(case.name, &table, key, text);
    write("ada", Some("[2]"));
    write("eve", Some("[3]"));
    case.same("what others wrote", &owner.outside_keys(&place), &vec!["ada".to_owned(), "eve".to_owned()]);
    case.same("how much of it is told at most", &owner.outside(1).len(), &1);
    let ids: Vec<u64> = owner.outside(100).iter().map(|told| told.id).collect();
    write("eve", None);
    case.ok("forgetting", owner.connection.forget_outside(&ids));
    case.same("what is told after that", &owner.outside_keys(&place), &vec!["eve".to_owned()]);
    let ids: Vec<u64> = owner.outside(100).iter().map(|told| told.id).collect();
    case.ok("forgetting", owner.connection.forget_outside(&ids));
    owner.put(vec![record(&place, "ada", 5, "[5]"), record(&place, "bob", 6, "[6]")]);
    case.same("what is told of own changes", &owner.outside(100), &Vec::new());
}

fn stamps(case: &Case<'_>) {
    let Some((mut owner, table, place)) = noticing(case) else { return };
    let write = |key, text| case.subject.write_outside(case.name, &table, key, text);
    let stamp = |owner: &mut Owner<'_>, key: &[u8]| match owner.load(&place, key) {
        Some(row) => row.stamp,
        None => case.broken("a record is missing"),
    };
    write("ada", Some("[2]"));
    let first = stamp(&mut owner, b"ada");
    if first == 0 {
        case.broken("a record that somebody else wrote has the stamp 0");
    }
    write("ada", Some("[3]"));
    let second = stamp(&mut owner, b"ada");
    if second == first || second == 0 {
        case.broken(&format!("the stamp {first} became {second} by another write from outside"));
    }
    write("new", Some("[4]"));
    let row = owner.load(&place, b"new");
    case.same("the version of what was never written here", &row.as_ref().map(|row| row.version), &Some(0));
    let third = stamp(&mut owner, b"new");
    owner.put(vec![
        Change { expect: Expect::Stored(second), ..record(&place, "ada", 5, "[5]") },
        Change { expect: Expect::Stored(third), ..record(&place, "new", 6, "[6]") },
    ]);
    case.same("the stamp of what was written here since", &stamp(&mut owner, b"ada"), &0);
    case.same("the same of the other", &stamp(&mut owner, b"new"), &0);
}

fn conflicts(case: &Case<'_>) {
    let Some((mut owner, table, place)) = noticing(case) else { return };
    owner.put(vec![record(&place, "bob", 2, "[1]"), record(&place, "eve", 3, "[1]")]);
    let write = |key, text| case.subject.write_outside(case.name, &table, key, text);
    write("ada", Some("[20]"));
    write("bob", None);
    let known = |key, version| Change { expect: Expect::Stored(0), ..record(&place, key, version, "[9]") };
    let found = owner.apply(vec![known("ada", 10), known("bob", 11), known("eve", 12)]);
    let Some(row) = owner.load(&place, b"ada") else { case.broken("a record of others is gone") };
    let wanted = vec![(0, Conflict::Written(row.stamp)), (1, Conflict::Removed)];
    case.same("the conflicts with others", &found, &wanted);
    case.same("what others wrote", &row.content, &Content::Record("[20]".to_owned()));
    case.same("what others removed", &owner.load(&place, b"bob"), &None);
    case.same("what nobody else wrote", &owner.load(&place, b"eve").map(|row| row.version), &Some(12));
    let gone = Change { content: Content::Gone, ..known("ada", 13) };
    let found = owner.apply(vec![gone]);
    case.same("a removal of what others wrote", &found, &vec![(0, Conflict::Written(row.stamp))]);
    owner.put(vec![
        Change { expect: Expect::Any, ..known("ada", 14) },
        Change { expect: Expect::Any, ..known("bob", 15) },
    ]);
    let ada = owner.load(&place, b"ada").map(|row| (row.version, row.stamp));
    case.same("a change for which anything may be there", &ada, &Some((14, 0)));
}
