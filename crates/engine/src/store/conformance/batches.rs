//! Batches: one transaction each, each once, versions that only rise, conflicts that are told.

use super::super::{Batch, Change, Conflict, Content, ErrorKind, Expect, Place, Position};
use super::Named;
use super::case::{Case, LANES, change, claim, record, set};

pub(super) const CASES: &[Named] = &[
    ("a_lane_stands_where_its_last_batch_left_it", positions),
    ("a_batch_applied_twice_counts_once", twice),
    ("a_batch_out_of_turn_does_nothing", out_of_turn),
    ("a_refused_row_leaves_nothing_of_its_batch", refused),
    ("a_version_never_goes_back", versions),
    ("what_is_gone_is_gone", gone),
    ("a_row_that_ought_to_be_there_is_missed", stored),
    ("places_in_one_batch_are_not_mixed_up", places),
    ("the_version_of_what_is_gone_counts", gone_version),
    ("a_batch_may_have_ten_thousand_rows", many),
    ("lanes_work_at_the_same_time", together),
];

fn positions(case: &Case<'_>) {
    let mut owner = case.start();
    owner.put(vec![set("a", 4, "1")]);
    owner.put(vec![set("a", 5, "2"), set("b", 6, "2")]);
    owner.apply_to(1, Vec::new());
    let mut batch = owner.batch(2, vec![set("c", 7, "3")]);
    batch.watermark = 100;
    case.ok("a batch", owner.connection.apply(&batch));
    for (lane, sequence, watermark) in [(0, 2, 6), (1, 1, 0), (2, 1, 100)] {
        case.same(&format!("lane {lane}"), &owner.position(lane), &Position { sequence, watermark });
    }
    let mut other = case.connect(&owner.store);
    let seen = case.ok("a position over another connection", other.position(0, owner.epoch()));
    case.same("lane 0 over another connection", &seen, &Position { sequence: 2, watermark: 6 });
}

fn twice(case: &Case<'_>) {
    let mut owner = case.start();
    let batch = owner.batch(0, vec![set("a", 1, "1"), set("b", 2, "1")]);
    owner.put(batch.changes.clone());
    case.fails("the same batch once more", owner.connection.apply(&batch), &ErrorKind::InDoubt);
    owner.connection = case.connect(&owner.store);
    case.same("the position", &owner.position(0), &Position { sequence: 1, watermark: 2 });
    owner.put(vec![change("a", 3, Content::Gone)]);
    let late = Batch { sequence: 1, ..batch };
    case.fails("a batch from before the last one", owner.connection.apply(&late), &ErrorKind::InDoubt);
    owner.connection = case.connect(&owner.store);
    owner.holds(b"a", None);
    owner.holds(b"b", Some("1"));
}

fn out_of_turn(case: &Case<'_>) {
    let mut owner = case.start();
    for ahead in [1, 5] {
        let mut batch = owner.batch(0, vec![set("a", 1, "1")]);
        batch.sequence += ahead;
        case.fails("a batch that leaves one out", owner.connection.apply(&batch), &ErrorKind::InDoubt);
        owner.connection = case.connect(&owner.store);
    }
    let mut batch = owner.batch(0, vec![set("a", 1, "1")]);
    batch.lane = LANES;
    if owner.connection.apply(&batch).is_ok() {
        case.broken("a lane that is not there has taken a batch");
    }
    owner.connection = case.connect(&owner.store);
    owner.holds(b"a", None);
    case.same("the position", &owner.position(0), &Position::default());
    owner.put(vec![set("a", 1, "1")]);
}

fn refused(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    owner.put(vec![set("a", 1, "old"), set("m", 2, "old")]);
    let before = owner.position(0);

    let bad = case.subject.refused(b"k", 12);
    let batch = owner.batch(0, vec![set("a", 10, "new"), bad, set("m", 13, "new"), set("z", 14, "new")]);
    case.fails("a batch with a row that cannot be", owner.connection.apply(&batch), &ErrorKind::Refused);
    let misfits = [
        change("k", 12, Content::Record("{}".to_owned())),
        Change { place: people.clone(), ..set("k", 12, "1") },
        Change { place: people.clone(), ..change("k", 12, Content::Parts(1, vec![b"1".to_vec()])) },
    ];
    for misfit in misfits {
        let batch = owner.batch(0, vec![set("a", 10, "new"), misfit]);
        case.fails("a content where it does not belong", owner.connection.apply(&batch), &ErrorKind::Refused);
    }

    case.same("the position after refusals", &owner.position(0), &before);
    owner.holds(b"a", Some("old"));
    owner.holds(b"k", None);
    owner.holds(b"m", Some("old"));
    owner.holds(b"z", None);
    owner.put(vec![set("a", 10, "new"), set("m", 13, "new"), set("z", 14, "new")]);
    owner.holds(b"z", Some("new"));
    let epoch = owner.epoch();
    drop(owner);
    case.same("the highest version", &case.own(&claim(epoch)).claimed.version, &14);
}

fn versions(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    owner.put(vec![set("a", 10, "1"), set("b", 10, "1"), record(&people, "ada", 10, "[1]")]);
    let conflicts = owner.apply(vec![
        set("a", 9, "old"),
        set("b", 10, "same"),
        set("c", 3, "new"),
        record(&people, "ada", 7, "[2]"),
        record(&people, "bob", 7, "[3]"),
    ]);
    let wanted = vec![(0, Conflict::Version(10)), (1, Conflict::Version(10)), (3, Conflict::Version(10))];
    case.same("the conflicts of versions that are not higher", &conflicts, &wanted);
    owner.holds(b"a", Some("1"));
    owner.holds(b"b", Some("1"));
    owner.holds(b"c", Some("new"));
    let ada = owner.load(&people, b"ada").map(|row| (row.version, row.content));
    case.same("a record after an older change", &ada, &Some((10, Content::Record("[1]".to_owned()))));
    if owner.load(&people, b"bob").is_none() {
        case.broken("a change beside conflicts was left out");
    }
    case.same("the position after conflicts", &owner.position(0), &Position { sequence: 2, watermark: 10 });
    owner.put(vec![set("a", 11, "2")]);
    owner.holds(b"a", Some("2"));
    let nothing = Batch { watermark: 15, ..owner.batch(0, Vec::new()) };
    case.same("a batch without changes", &owner.connection.apply(&nothing), &Ok(Vec::new()));
    case.same("the position after it", &owner.position(0), &Position { sequence: 4, watermark: 15 });
}

fn gone(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    owner.put(vec![set("a", 1, "1"), set("b", 5, "1"), record(&people, "ada", 2, "{}")]);
    let remove = |key: &str, version| change(key, version, Content::Gone);
    let record_gone = Change { place: people.clone(), ..remove("ada", 8) };
    let conflicts = owner.apply(vec![remove("a", 6), remove("b", 4), remove("never", 7), record_gone]);
    case.same("the conflicts of removals", &conflicts, &vec![(1, Conflict::Version(5))]);
    owner.holds(b"a", None);
    owner.holds(b"b", Some("1"));
    case.same("a record that was removed", &owner.load(&people, b"ada"), &None);
    let conflicts = owner.apply(vec![remove("b", 5)]);
    case.same("a removal of the same version", &conflicts, &vec![(0, Conflict::Version(5))]);
    owner.put(vec![set("a", 9, "again"), remove("b", 10)]);
    owner.holds(b"a", Some("again"));
    owner.holds(b"b", None);
    case.same("the rows left", &case.ok("a count", owner.connection.count(&Place::Keys(0), 0)), &1);
}

fn stored(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    let known = |change: Change| Change { expect: Expect::Stored(0), ..change };
    owner.put(vec![set("a", 1, "1"), set("b", 9, "1"), set("g", 2, "1"), record(&people, "ada", 3, "[1]")]);
    let conflicts = owner.apply(vec![
        known(set("a", 10, "2")),
        known(set("b", 8, "2")),
        known(change("g", 11, Content::Gone)),
        known(set("m", 12, "2")),
        known(change("n", 13, Content::Gone)),
        known(record(&people, "ada", 14, "[2]")),
        known(record(&people, "eve", 15, "[2]")),
    ]);
    let wanted = vec![
        (1, Conflict::Version(9)),
        (3, Conflict::Removed),
        (4, Conflict::Removed),
        (6, Conflict::Removed),
    ];
    case.same("the conflicts of rows that ought to be there", &conflicts, &wanted);
    owner.holds(b"a", Some("2"));
    owner.holds(b"b", Some("1"));
    owner.holds(b"g", None);
    owner.holds(b"m", None);
    let ada = owner.load(&people, b"ada").map(|row| (row.version, row.stamp, row.content));
    case.same("a record that was there", &ada, &Some((14, 0, Content::Record("[2]".to_owned()))));
    case.same("a record that was not there", &owner.load(&people, b"eve"), &None);
    owner.put(vec![set("m", 16, "3")]);
    owner.put(vec![known(set("m", 17, "4"))]);
    owner.holds(b"m", Some("4"));
}

fn places(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    let (_, things) = owner.define("things");
    let at = |database, text| Change { place: Place::Keys(database), ..set("k", 1, text) };
    owner.put(vec![
        at(0, "zero"),
        at(1, "one"),
        at(15, "fifteen"),
        record(&people, "k", 2, "[1]"),
        record(&things, "k", 3, "[2]"),
    ]);
    owner.put(vec![Change { version: 4, content: Content::Gone, ..at(1, "") }]);
    owner.put(vec![Change { place: people.clone(), ..change("k", 5, Content::Gone) }]);
    let all: Vec<(Place, Vec<u8>)> =
        [Place::Keys(15), things.clone(), Place::Keys(1), people, Place::Keys(0), Place::Keys(2)]
            .into_iter()
            .map(|place| (place, b"k".to_vec()))
            .collect();
    let rows = case.ok("a load from several places", owner.connection.load(&all));
    let found: Vec<Option<u64>> = rows.iter().map(|row| row.as_ref().map(|row| row.version)).collect();
    case.same("what the places hold", &found, &vec![Some(1), Some(3), None, None, Some(1), None]);
    owner.holds(b"k", Some("zero"));
}

fn gone_version(case: &Case<'_>) {
    let mut owner = case.start();
    owner.put(vec![set("a", 1, "1")]);
    owner.put(vec![change("a", 20, Content::Gone)]);
    let mut batch = owner.batch(0, vec![set("b", 5, "1")]);
    batch.watermark = 50;
    case.ok("a batch", owner.connection.apply(&batch));
    let epoch = owner.epoch();
    drop(owner);
    let found = case.own(&claim(epoch)).claimed.version;
    if found < 20 {
        case.broken(&format!("the highest version is {found}, and a row of version 20 was removed"));
    }
}

fn many(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    let mut changes: Vec<Change> =
        (0..5_000).map(|i| set(format!("key:{i:06}"), i + 1, &"x".repeat(100))).collect();
    changes.extend(
        (0..5_000).map(|i| record(&people, &format!("{i:06}"), i + 5_001, "{\"state\":\"ringing\"}")),
    );
    owner.put(changes.clone());
    for (place, first) in [(Place::Keys(0), 1), (people, 5_001)] {
        case.same("a count", &case.ok("a count", owner.connection.count(&place, 0)), &5_000);
        let found: Vec<u64> = owner.walk(&place, 999, 0).into_iter().map(|(_, version)| version).collect();
        case.same("the versions of all rows", &found, &(first..first + 5_000).collect());
    }
    let again: Vec<Change> =
        changes.into_iter().map(|change| Change { version: change.version + 10_000, ..change }).collect();
    owner.put(again);
    case.same("the position", &owner.position(0), &Position { sequence: 2, watermark: 20_000 });
}

fn together(case: &Case<'_>) {
    const BATCHES: u64 = 20;
    let owner = case.start();
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let mut connection = case.connect(&owner.store);
            let epoch = owner.epoch();
            scope.spawn(move || {
                for sequence in 1..=BATCHES {
                    let key = |i: u64| format!("{lane}:{i}");
                    let changes = (0..10).map(|i| set(key(i), sequence, &key(sequence))).collect();
                    let batch = Batch { lane, epoch, sequence, watermark: sequence, changes };
                    while let Err(error) = connection.apply(&batch) {
                        let kind = &error.kind;
                        assert_eq!(
                            *kind,
                            ErrorKind::Busy,
                            "lanes_work_at_the_same_time: a batch failed: {error}"
                        );
                    }
                }
            });
        }
    });
    let mut owner = owner;
    for lane in 0..LANES {
        case.same("a position", &owner.position(lane), &Position { sequence: BATCHES, watermark: BATCHES });
        owner.holds(format!("{lane}:7").as_bytes(), Some(&format!("{lane}:{BATCHES}")));
    }
}
