//! Commands that tell of all keys, over memory and the store behind; and who is told that something has settled.

use crate::store::Behind;
use ramekin::store::{Content, Place};
use ramekin::{Caller, Collector, Database, Planned, Response, command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A page of a scan: the next cursor and the keys.
fn page(db: &Database, cursor: &str, options: &str) -> (String, Vec<String>) {
    let line = format!("SCAN {cursor} {options}");
    let args: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
    let text = |response: Response| match response {
        Response::Bulk(bytes) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?} is no string"),
    };
    match db.execute(&args).unwrap() {
        Response::Array(parts) => match <[Response; 2]>::try_from(parts).unwrap() {
            [cursor, Response::Array(keys)] => (text(cursor), keys.into_iter().map(text).collect()),
            other => panic!("{other:?} is no page"),
        },
        other => panic!("{line}: {other:?}"),
    }
}

/// All that a scan tells, sorted; `between` is called after each page.
fn scan(b: &Behind, options: &str, mut between: impl FnMut(usize)) -> Vec<String> {
    let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
    for number in 0.. {
        let (next, keys) = page(&b.db, &cursor, options);
        found.extend(keys);
        if next == "0" {
            break;
        }
        cursor = next;
        between(number);
    }
    found.sort_unstable();
    found
}

fn numbered(range: impl Iterator<Item = u32>) -> Vec<String> {
    range.map(|number| format!("key{number:02}")).collect()
}

/// Thirty keys in the store, of which none is in memory.
fn with_cold_keys() -> Behind {
    let b = Behind::new();
    for number in 0..30 {
        b.run(&format!("SET key{number:02} v"));
    }
    b.flush();
    assert_eq!(b.evict(), 30);
    b
}

#[test]
fn all_keys_are_told_wherever_they_are() {
    let b = with_cold_keys();
    b.run("GET key02");
    b.run("SET key00 changed");
    b.run("DEL key01");
    b.run("SET zoo v");
    let mut all = numbered((0..30).filter(|number| *number != 1));
    all.push("zoo".to_owned());
    for count in [1, 3, 7, 10, 1000] {
        let mut found = scan(&b, &format!("COUNT {count}"), |_| {});
        found.dedup();
        assert_eq!(found, all, "COUNT {count}");
    }
    b.expect(
        r#"
        DBSIZE => 30
        KEYS key0* => ["key00", "key02", "key03", "key04", "key05", "key06", "key07", "key08", "key09"]
        KEYS zoo => ["zoo"]
        "#,
    );
    assert_eq!(scan(&b, "MATCH *5", |_| {}), ["key05", "key15", "key25"]);
    // What has settled and stays in memory is told once.
    b.flush();
    assert_eq!(scan(&b, "COUNT 4", |_| {}), all);
    b.expect("DBSIZE => 30");
}

#[test]
fn rows_that_only_others_have_written_are_told() {
    let b = with_cold_keys();
    b.store.write_outside(&Place::Keys(0), b"theirs", Some(Content::Whole(0, b"v".to_vec())));
    b.expect("KEYS t* => [\"theirs\"]");
    assert_eq!(scan(&b, "MATCH t* COUNT 4", |_| {}), ["theirs"]);
    let (keys, last) = b.db.cold_keys_of(&Place::Keys(0), Some(b"key28"), 9).ok().unwrap();
    assert_eq!((keys, last), (vec![b"key29".to_vec(), b"theirs".to_vec()], None));
    let (keys, last) = b.db.cold_keys_of(&Place::Keys(0), None, 2).ok().unwrap();
    assert_eq!((keys.len(), last.as_deref()), (2, Some(&b"key01"[..])));
}

#[test]
fn a_key_that_moves_during_a_scan_is_told() {
    for moved in 0..4 {
        let b = with_cold_keys();
        b.run("SET key07 changed");
        let found = scan(&b, "COUNT 5", |number| {
            if number == moved {
                // Out of the store and into it.
                ["key00", "key12", "key29"].iter().for_each(|key| drop(b.run(&format!("GET {key}"))));
                b.flush();
                b.run("SET key13 changed");
                b.evict();
            }
        });
        let mut found = found;
        found.dedup();
        assert_eq!(found, numbered(0..30), "moved after page {moved}");
    }
}

#[test]
fn what_expires_soon_is_told_of_memory() {
    let b = with_cold_keys();
    b.run("SET soon v PX 5000");
    b.flush();
    let (cursor, keys) = page(&b.db, "0", "COUNT 100");
    assert_eq!(keys, ["soon"], "its row may have expired before the walk comes to it");
    b.run("PERSIST soon");
    b.clock.advance(10_000);
    let (_, keys) = page(&b.db, &cursor, "COUNT 100");
    assert_eq!(keys, numbered(0..30));
}

#[test]
fn a_scan_by_type_looks_at_rows() {
    let b = Behind::new();
    for line in
        ["SET s v", "RPUSH l x", "HSET h f v", "SET gone v PX 50", r#"TABLE.PUT t r {"n":1}"#, "SET t:s v"]
    {
        b.run(line);
    }
    b.flush();
    b.evict();
    b.run("RPUSH new x");
    b.clock.advance(100);
    for (kind, keys) in [
        ("string", vec!["s", "t:s"]),
        ("list", vec!["l", "new"]),
        ("hash", vec!["h"]),
        ("ReJSON-RL", vec!["t:r"]),
        ("stream", vec![]),
    ] {
        assert_eq!(scan(&b, &format!("TYPE {kind}"), |_| {}), keys, "{kind}");
    }
}

#[test]
fn records_are_scanned_and_counted_in_memory_and_store() {
    let b = Behind::new();
    b.run("SET plain v");
    for table in ["a", "b"] {
        for number in 0..12 {
            b.run(&format!(r#"TABLE.PUT {table} r{number:02} {{"n":1}}"#));
        }
    }
    b.db.execute(&[b"TABLE.PUT", b"b", b"", b"{}"]).unwrap();
    b.flush();
    b.evict();
    b.run("TABLE.DEL a r00");
    b.run("SET a:r01 text");
    b.run(r#"TABLE.PUT a r02 {"n":2}"#);
    b.run(r#"TABLE.PUT a new {"n":2}"#);
    let found = scan(&b, "COUNT 5", |_| {});
    let mut expected: Vec<String> = (1..12).map(|number| format!("a:r{number:02}")).collect();
    expected.extend((0..12).map(|number| format!("b:r{number:02}")));
    expected.extend(["a:new", "b:", "plain"].map(str::to_owned));
    expected.sort_unstable();
    let mut distinct = found;
    distinct.dedup();
    assert_eq!(distinct, expected);
    b.expect(&format!("DBSIZE => {}", expected.len()));
    let info = b.run("TABLE.INFO a");
    // r03 to r11 in the store, r02 and new in memory; r00 is gone and r01 is no record.
    assert!(info.contains(r#""records": 11, "records-in-memory": 2"#), "{info}");
    assert!(b.run("TABLE.INFO b").contains(r#""records": 13, "records-in-memory": 0"#));
}

#[test]
fn a_cursor_that_is_not_known_is_refused_and_memory_is_all_there_is_in_a_transaction() {
    let b = with_cold_keys();
    let (first, _) = page(&b.db, "0", "");
    let (second, keys) = page(&b.db, &first, "COUNT 3");
    assert_eq!(keys, numbered(0..3));
    for _ in 0..2 {
        assert_eq!(page(&b.db, &second, "COUNT 2").1, numbered(3..5), "a page may be asked for again");
    }
    let unknown: u64 = second.parse::<u64>().unwrap() + 1_000_000;
    let answer = b.run(&format!("SCAN {unknown}"));
    assert_eq!(answer, "ERR this cursor is not known any more: begin the scan again, with cursor 0");
    let row = command::find(b"scan").unwrap();
    let mut caller = Caller::at(b.db.now_ms());
    for (cursor, expected) in [("0", "[\"0\", []]"), (&*second, "ERR this cursor goes on in the store")] {
        let args: [&[u8]; 2] = [b"SCAN", cursor.as_bytes()];
        let planned = Planned { db: 0, command: row, args: &args };
        let mut transaction = b.db.transaction(&mut caller, &[planned], &[]).ok().unwrap();
        let mut out = Collector::new();
        transaction.run(row, &args, &mut out);
        let answer = crate::common::show(&out.into_response().unwrap());
        assert!(answer.starts_with(expected), "{answer}");
    }
    b.store.faults().down = true;
    assert!(b.run(&format!("SCAN {second}")).starts_with("STOREDOWN "));
    assert!(b.run("DBSIZE").starts_with("STOREDOWN "));
    assert!(b.run("KEYS *").starts_with("STOREDOWN "));
}

/// Asks for a flush; what it ends with, once it has.
fn flushed(b: &Behind) -> impl Fn() -> Option<Result<(), String>> + use<> {
    let (send, receive) = std::sync::mpsc::channel();
    b.db.flush_to_store(Box::new(move |outcome| drop(send.send(outcome)))).ok().unwrap();
    move || receive.try_recv().ok()
}

fn steps(b: &Behind, count: u32) {
    for _ in 0..count {
        b.clock.advance(100);
        b.db.settle_step();
    }
}

#[test]
fn a_flush_ends_when_all_has_settled_or_with_why_it_has_not() {
    let b = Behind::new();
    b.run("SET a 1");
    let outcome = flushed(&b);
    assert_eq!(outcome(), None);
    b.db.settle_step();
    assert_eq!(outcome(), Some(Ok(())));
    b.run("SET a 2");
    b.store.faults().down = true;
    let outcome = flushed(&b);
    b.db.settle_step();
    assert_eq!(outcome(), None, "a connection that was lost is no reason to give up");
    steps(&b, 20);
    let text = outcome().unwrap().unwrap_err();
    assert!(text.starts_with("STOREDOWN not everything has settled"), "{text}");
    b.store.faults().down = false;
    let outcome = flushed(&b);
    steps(&b, 60);
    assert_eq!(outcome(), Some(Ok(())));
    // A table at fault is a reason of its own.
    b.run(r#"TABLE.PUT bad r {"n":1}"#);
    b.store.faults().broken.insert(Place::Table("bad".into()));
    let outcome = flushed(&b);
    b.db.settle_step();
    assert!(outcome().unwrap().unwrap_err().starts_with("STOREDOWN "));
}

#[test]
fn who_asks_for_a_record_to_settle_is_told_of_progress() {
    let b = Behind::new();
    let told = Arc::new(AtomicU64::new(0));
    let (mine, db) = (Arc::clone(&told), b.db.clone());
    b.db.on_store_progress(Box::new(move || mine.store(db.settled_lsn(), Relaxed)));
    b.run("SET a 1");
    let lsn = b.db.last_lsn();
    b.db.settle_step();
    assert!(b.db.settled_lsn() < lsn, "it is not due");
    b.db.request_settle(lsn);
    b.store.faults().down = true;
    b.db.settle_step();
    b.store.faults().down = false;
    steps(&b, 2);
    assert!(told.load(Relaxed) >= lsn, "a failure is no reason to forget who asked");
    b.run("SET a 2");
    b.db.settle_step();
    assert!(b.db.settled_lsn() < b.db.last_lsn(), "what comes later is due when it is");
    assert_eq!(b.db.store_lost(), None);
}

#[test]
fn only_what_takes_long_is_left_to_others() {
    let b = with_cold_keys();
    let mut caller = Caller::at(b.db.now_ms());
    caller.leaves_large = true;
    for (line, left) in [
        ("MSET a 1 b 2", false),
        ("SCAN 0", false),
        ("SCAN 2305843009213693952", true),
        ("DBSIZE", true),
        ("RANDOMKEY", false),
    ] {
        let args: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        let row = command::find(&args[0].to_ascii_lowercase()).unwrap();
        assert_eq!(b.db.run(&mut caller, row, &args, &mut Collector::new()).left, left, "{line}");
    }
    let alone = Database::memory(&ramekin::Options::default()).unwrap();
    let row = command::find(b"dbsize").unwrap();
    assert!(!alone.run(&mut caller, row, &[b"DBSIZE"], &mut Collector::new()).left);
}
