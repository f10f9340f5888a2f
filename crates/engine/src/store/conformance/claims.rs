//! Who owns a store, and who is refused.

use super::super::{Claim, ErrorKind, Place, Position};
use super::Named;
use super::case::{Case, FOLDER, LANES, claim, record, set};

pub(super) const CASES: &[Named] = &[
    ("an_empty_store_becomes_that_of_its_first_owner", first),
    ("a_later_owner_goes_on_where_the_last_one_was", later),
    ("another_folder_is_refused", foreign),
    ("an_owner_that_lives_is_not_disturbed", alive),
    ("an_owner_that_is_dead_is_not_in_the_way", dead),
    ("what_was_given_up_is_free_and_its_epoch_is_over", released),
    ("who_takes_over_shuts_the_owner_out", taken),
    ("an_older_copy_of_the_folder_is_refused", old_folder),
    ("a_claim_that_was_cut_short_can_be_made_again", cut_short),
    ("a_store_that_the_folder_knows_to_be_older_is_refused", old_store),
    ("who_only_looks_changes_nothing", read_only),
    ("another_number_of_lanes_keeps_what_holds_for_all", other_lanes),
];

fn first(case: &Case<'_>) {
    let owner = case.start();
    if owner.epoch() == 0 {
        case.broken("the first epoch is 0, which stands for none");
    }
    case.same("the highest version of an empty store", &owner.claimed.version, &0);
    case.same(
        "the positions of an empty store",
        &owner.claimed.lanes,
        &vec![Position::default(); LANES as usize],
    );
}

fn later(case: &Case<'_>) {
    let mut owner = case.start();
    let epoch = owner.epoch();
    owner.put(vec![set("a", 7, "1"), set("b", 9, "2")]);
    owner.apply_to(2, vec![set("c", 8, "3")]);
    owner.apply_to(2, vec![set("c", 12, "4")]);
    drop(owner);

    let mut owner = case.own(&claim(epoch));
    if owner.epoch() <= epoch {
        case.broken(&format!("epoch {} follows epoch {epoch}", owner.epoch()));
    }
    case.same("the highest version", &owner.claimed.version, &12);
    let lanes = vec![
        Position { sequence: 1, watermark: 9 },
        Position::default(),
        Position { sequence: 2, watermark: 12 },
    ];
    case.same("the positions", &owner.claimed.lanes, &lanes);
    owner.holds(b"c", Some("4"));
    owner.put(vec![set("a", 13, "5")]);
    owner.holds(b"a", Some("5"));
}

fn foreign(case: &Case<'_>) {
    let epoch = case.start().epoch();
    let other = Claim { database_id: !FOLDER, ..claim(0) };
    let store = case.process();
    let mut connection = case.connect(&store);
    case.fails("the claim of another folder", connection.claim(&other), &ErrorKind::Foreign);
    let looks = Claim { read_only: true, ..other.clone() };
    case.fails("another folder's looking", connection.claim(&looks), &ErrorKind::Foreign);
    drop((connection, store));

    drop(case.own(&claim(epoch)));
    let taken = case.own(&Claim { takes_over: true, ..other }).epoch();
    let store = case.process();
    let refused = case.connect(&store).claim(&claim(epoch + 1));
    case.fails("the claim of the folder whose store was taken over", refused, &ErrorKind::Foreign);
    drop(store);
    drop(case.own(&Claim { database_id: !FOLDER, ..claim(taken) }));
}

fn alive(case: &Case<'_>) {
    let mut owner = case.start();
    owner.put(vec![set("a", 1, "1")]);
    let store = case.process();
    let mut connection = case.connect(&store);
    let epoch = owner.epoch();
    case.fails("a claim beside the owner", connection.claim(&claim(epoch)), &ErrorKind::Owned);
    owner.put(vec![set("a", 2, "2")]);
    drop(connection);
    owner.put(vec![set("a", 3, "3")]);
    let mut connection = case.connect(&store);
    case.fails("a second claim beside the owner", connection.claim(&claim(epoch)), &ErrorKind::Owned);
    // Its connections come and go; it is alive all the same.
    owner.connection = case.connect(&owner.store);
    case.fails("a claim after the owner has reconnected", connection.claim(&claim(epoch)), &ErrorKind::Owned);
    owner.put(vec![set("a", 4, "4")]);
}

fn dead(case: &Case<'_>) {
    let mut epoch = 0;
    for _ in 0..3 {
        let mut owner = case.own(&claim(epoch));
        owner.put(vec![set("a", owner.claimed.version + 1, "1")]);
        epoch = owner.epoch();
    }
}

fn released(case: &Case<'_>) {
    let mut owner = case.start();
    owner.put(vec![set("a", 1, "1")]);
    let epoch = owner.epoch();
    case.fails("giving up in another epoch", owner.connection.release(epoch + 1), &ErrorKind::Fenced);
    case.ok("giving up", owner.connection.release(epoch));
    let late = owner.batch(0, vec![set("a", 2, "2")]);
    case.fails("a batch after giving up", owner.connection.apply(&late), &ErrorKind::Fenced);
    case.fails("giving up twice", owner.connection.release(epoch), &ErrorKind::Fenced);

    let mut next = case.own(&claim(epoch));
    next.holds(b"a", Some("1"));
    case.fails("a batch beside the next owner", owner.connection.apply(&late), &ErrorKind::Fenced);
    case.fails("giving up what another owns", owner.connection.release(epoch), &ErrorKind::Fenced);
    next.put(vec![set("a", 3, "3")]);
}

fn taken(case: &Case<'_>) {
    let mut owner = case.start();
    owner.put(vec![set("a", 1, "1")]);
    let (table, people) = owner.define("people");
    owner.put(vec![record(&people, "ada", 2, "[1]")]);
    let epoch = owner.epoch();
    let mut next = case.own(&Claim { takes_over: true, ..claim(epoch) });
    if next.epoch() <= epoch {
        case.broken("who takes over has no higher epoch");
    }
    let late = owner.batch(0, vec![set("a", 3, "2"), set("b", 4, "2")]);
    case.fails("a batch of the owner before", owner.connection.apply(&late), &ErrorKind::Fenced);
    case.fails("its position", owner.connection.position(0, epoch), &ErrorKind::Fenced);
    let keys = Place::Keys(0);
    case.fails("its emptying", owner.connection.empty(&keys, 9, epoch), &ErrorKind::Fenced);
    let swept = owner.connection.remove_expired(&keys, u64::MAX >> 1, 9, epoch);
    case.fails("its sweeping", swept, &ErrorKind::Fenced);
    case.fails("its dropping a table", owner.connection.drop_table(&table, epoch), &ErrorKind::Fenced);
    case.fails("its giving up", owner.connection.release(epoch), &ErrorKind::Fenced);
    next.holds(b"a", Some("1"));
    next.holds(b"b", None);
    case.same("rows of the table", &next.connection.count(&people, 0), &Ok(1));
    next.put(vec![set("b", 5, "4")]);
    drop(owner);
    let store = case.process();
    let refused = case.connect(&store).claim(&claim(next.epoch()));
    case.fails("a claim beside who has taken over", refused, &ErrorKind::Owned);
}

fn old_folder(case: &Case<'_>) {
    let mut owner = case.start();
    owner.put(vec![set("a", 1, "1")]);
    let epoch = owner.epoch();
    drop(owner);
    let mut owner = case.own(&claim(epoch));
    owner.put(vec![set("a", 2, "2")]);
    drop(owner);
    let store = case.process();
    let mut connection = case.connect(&store);
    for old in [0, epoch] {
        case.fails(
            "the claim of an older copy of the folder",
            connection.claim(&claim(old)),
            &ErrorKind::Fenced,
        );
    }
    let over = Claim { takes_over: true, ..claim(epoch) };
    case.ok("an older copy's taking over", connection.claim(&over));
}

fn cut_short(case: &Case<'_>) {
    let mut owner = case.start();
    owner.put(vec![set("a", 1, "1")]);
    let epoch = owner.epoch();
    drop(owner);
    // Twice the claim is made and the folder never hears of it.
    drop(case.own(&claim(epoch)));
    drop(case.own(&claim(epoch)));
    let mut owner = case.own(&claim(epoch));
    if owner.epoch() <= epoch + 1 {
        case.broken("a claim that was made again has the epoch of an earlier one");
    }
    case.same("the position", &owner.position(0), &Position { sequence: 1, watermark: 1 });
    owner.put(vec![set("a", 2, "2")]);
}

fn old_store(case: &Case<'_>) {
    let store = case.process();
    let mut connection = case.connect(&store);
    let refused = connection.claim(&claim(5));
    case.fails("the claim of an empty store by a folder that has settled", refused, &ErrorKind::Foreign);
    let over = Claim { takes_over: true, ..claim(5) };
    let claimed = case.ok("taking over an empty store", connection.claim(&over));
    if claimed.epoch <= 5 {
        case.broken(&format!("epoch {} follows epoch 5 of the folder", claimed.epoch));
    }
    drop((connection, store));
    let store = case.process();
    let refused = case.connect(&store).claim(&claim(claimed.epoch + 1));
    case.fails("the claim of a store that is behind the folder", refused, &ErrorKind::Foreign);
}

fn read_only(case: &Case<'_>) {
    let looks = |epoch| Claim { read_only: true, ..claim(epoch) };
    let store = case.process();
    let mut watcher = case.connect(&store);
    let found = case.ok("looking at an empty store", watcher.claim(&looks(0)));
    case.same("the epoch of a store without an owner", &found.epoch, &0);

    let mut owner = case.start();
    let (_, place) = owner.define("people");
    owner.put(vec![set("a", 1, "1"), record(&place, "ada", 2, "{}")]);
    let found = case.ok("looking beside the owner", watcher.claim(&looks(owner.epoch())));
    case.same("the epoch seen", &found.epoch, &owner.epoch());
    case.same("the version seen", &found.version, &2);
    case.same("the position seen", &found.lanes[0], &Position { sequence: 1, watermark: 2 });
    let rows = case.ok("a load", watcher.load(&[(Place::Keys(0), b"a".to_vec())]));
    case.same("the version of what is seen", &rows[0].as_ref().map(|row| row.version), &Some(1));
    let late = owner.batch(0, vec![set("a", 3, "3")]);
    drop((watcher, store));
    case.ok("a batch of the owner who was looked at", owner.connection.apply(&late));
}

fn other_lanes(case: &Case<'_>) {
    let mut owner = case.start();
    owner.put(vec![set("a", 5, "1")]);
    owner.put(vec![set("a", 9, "1")]);
    owner.apply_to(1, vec![set("b", 6, "2")]);
    owner.apply_to(2, vec![set("c", 7, "3")]);
    let mut epoch = owner.epoch();
    drop(owner);
    for lanes in [2, 5, 1, 3] {
        let owner = case.own(&Claim { lanes, ..claim(epoch) });
        let wanted = vec![Position { sequence: 2, watermark: 6 }; lanes as usize];
        case.same(&format!("the positions of {lanes} lanes"), &owner.claimed.lanes, &wanted);
        case.same("the highest version", &owner.claimed.version, &9);
        epoch = owner.epoch();
    }
    let mut owner = case.own(&claim(epoch));
    owner.apply_to(2, vec![set("a", 10, "4")]);
    owner.holds(b"a", Some("4"));
}
