//! Unique indexes with a store behind: what has to be compared is in memory, or comes back first.

use crate::store::Behind;
use crate::unique::{MADE, put, state, taken_by};
use ramekin::store::{Content, Place};

/// A table with settled records and a unique index, in a folder with a store.
fn settled(count: usize) -> Behind {
    let b = Behind::new();
    b.expect("TABLE.CREATE users => OK");
    for number in 0..count {
        b.expect(&format!("{} => OK", put(&format!("u{number}"), &number.to_string())));
    }
    b.flush();
    b
}

#[test]
fn records_of_a_table_with_a_unique_index_stay_in_memory() {
    let b = settled(50);
    b.expect("SET other text => OK");
    b.flush();
    assert_eq!(b.evict(), 51);
    b.expect(MADE);
    assert_eq!(state(&b.db), "1 ready");
    assert_eq!(b.run(&put("n", "49")), taken_by("u49"));
    b.expect(&format!("{} => OK", put("n", "50")));
    b.flush();
    assert_eq!(b.evict(), 0);
    b.expect("GET other => \"text\"");
    assert_eq!(b.evict(), 1, "others go");
    b.expect("INDEX.DROP by_mail ON users => OK");
    assert_eq!(b.evict(), 51);
}

#[test]
fn an_index_that_the_store_has_two_values_for_is_not_made() {
    let b = settled(20);
    b.expect(&format!("{} => OK", put("twin", "7")));
    b.flush();
    assert_eq!(b.evict(), 21);
    b.expect(
        "INDEX.CREATE by_mail ON users (mail) UNIQUE => DUPLICATE no unique index 'by_mail' of table 'users': records 'twin' and 'u7' have the same value",
    );
    assert_eq!(state(&b.db), "none");
    b.store.faults().down = true;
    let refused = b.run("INDEX.CREATE i ON users (other) UNIQUE");
    b.store.faults().down = false;
    if !refused.starts_with("STOREDOWN") {
        // Memory has all of the table by now.
        assert_eq!(refused, "OK");
    }
    b.evict();
    b.store.faults().down = true;
    let refused = b.run("INDEX.CREATE j ON users (third) UNIQUE");
    b.store.faults().down = false;
    assert!(refused == "OK" || refused.starts_with("STOREDOWN table 'users' cannot be read"), "{refused}");
}

#[test]
fn after_a_crash_nothing_is_taken_for_new_before_the_store_has_been_looked_at() {
    let b = settled(30);
    assert_eq!(b.evict(), 30);
    b.expect(MADE);
    b.expect(&format!("{} => OK", put("late", "100")));
    b.flush();
    let theirs = Content::Record("{\"mail\": 3000}".into());
    b.store.write_outside(&Place::Table("users".into()), b"theirs", Some(theirs));
    let b = b.crash();
    assert_eq!(state(&b.db), "1 building");
    assert_eq!(b.run(&put("u7", "7")), "OK", "it has the value");
    let answer = b.run(&put("n", "3000"));
    assert!(
        answer.starts_with("TRYAGAIN unique index 'by_mail' of table 'users' is not complete yet"),
        "{answer}"
    );
    b.clock.advance(1000);
    (0..10).for_each(|_| b.db.settle_step());
    assert_eq!(state(&b.db), "1 ready");
    assert_eq!(b.run(&put("n", "7")), taken_by("u7"));
    assert_eq!(b.run(&put("n", "100")), taken_by("late"));
    assert_eq!(b.run(&put("n", "3000")), taken_by("theirs"));
    assert_eq!(b.run(&put("n", "101")), "OK");
}

#[test]
fn what_others_write_into_the_store_is_read_before_a_value_is_taken_for_new() {
    let b = settled(10);
    b.expect(MADE);
    let place = Place::Table("users".into());
    b.store.write_outside(&place, b"u3", Some(Content::Record("{\"mail\": 1000}".into())));
    b.store.write_outside(&place, b"x", Some(Content::Record("{\"mail\": 2000}".into())));
    b.clock.advance(60_000);
    for _ in 0..20 {
        b.db.settle_step();
        b.clock.advance(1000);
    }
    assert_eq!(b.run(&put("n", "1000")), taken_by("u3"));
    assert_eq!(b.run(&put("n", "2000")), taken_by("x"));
    assert_eq!(b.run(&put("n", "3")), "OK");
    // Others are not compared: the index says so, and lets no further ones in.
    b.store.write_outside(&place, b"y", Some(Content::Record("{\"mail\": 5}".into())));
    for _ in 0..20 {
        b.clock.advance(1000);
        b.db.settle_step();
    }
    assert_eq!(state(&b.db), "1 invalid");
    assert!(b.run(&put("n", "5")).starts_with("DUPLICATE"));
    b.expect("TABLE.DEL users y => 1");
    assert_eq!(state(&b.db), "1 ready");
    assert_eq!(b.run(&put("n", "5")), taken_by("u5"));
}
