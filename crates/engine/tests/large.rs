//! Large values under new names and in copies: shared in memory, whole in the log.

use crate::common::{Session, show};
use ramekin::{Caller, Collector, Database, Options, Planned, Response, command};

/// A list, a hash and a string of some megabytes each.
fn filled() -> Session {
    let session = Session::new();
    let element = "e".repeat(1000);
    for first in 0..20 {
        let elements: Vec<_> = (0..100).map(|n| format!("{first}:{n}:{element}")).collect();
        session.run(&format!("RPUSH list {}", elements.join(" ")));
        let fields: Vec<_> = (0..100).map(|n| format!("{first}:{n} {element}")).collect();
        session.run(&format!("HSET hash {}", fields.join(" ")));
    }
    session.run(&format!("SET string {}", element.repeat(2000)));
    session.run("HPEXPIREAT hash 1800000900000 FIELDS 1 3:7");
    session.run("PEXPIREAT list 1800000500000");
    session
}

/// What a key holds, and its times.
fn whole(session: &Session, key: &str) -> String {
    let read = match session.run(&format!("TYPE {key}")).as_str() {
        "list" => format!("LRANGE {key} 0 -1"),
        "hash" => format!("HGETALL {key}"),
        _ => format!("GET {key}"),
    };
    let mut answer = session.respond(&read);
    if let Response::Map(pairs) = &mut answer {
        pairs.sort_by_key(|(field, _)| show(field));
    }
    let expiry = session.run(&format!("PEXPIRETIME {key}"));
    format!("{answer:?} {expiry} {}", session.run(&format!("HPEXPIRETIME {key} FIELDS 1 3:7")))
}

#[test]
fn a_large_copy_holds_the_same_and_both_outlive_a_restart() {
    for key in ["list", "hash", "string"] {
        let session = filled();
        let before = whole(&session, key);
        session.expect(&format!("COPY {key} copy => 1"));
        assert!(whole(&session, "copy") == before, "{key}");
        let session = session.reopen();
        assert!(whole(&session, key) == before && whole(&session, "copy") == before, "{key}");
    }
}

#[test]
fn what_changes_after_a_copy_was_taken_is_in_neither_the_other_nor_its_record() {
    let session = filled();
    let (list, hash) = (whole(&session, "list"), whole(&session, "hash"));
    let mut out = Collector::new();
    let mut caller = Caller::at(session.db.now_ms());
    // Nothing is written to the log between these.
    for words in
        ["COPY list l", "COPY hash h", "LPOP list 500", "LSET l 7 x", "HDEL hash 3:7", "HSET h 3:8 x"]
    {
        let args: Vec<_> = words.split(' ').map(str::as_bytes).collect();
        session.db.run(&mut caller, command::find(args[0]).unwrap(), &args, &mut out);
    }
    session.expect("LSET l 7 y => OK\nHSET h 3:8 y => 0");
    let changed = ["list", "l", "hash", "h"].map(|key| whole(&session, key));
    assert!(changed[0] != list && changed[1] != list && changed[2] != hash && changed[3] != hash);
    let session = session.reopen();
    assert!(["list", "l", "hash", "h"].map(|key| whole(&session, key)) == changed);
    session
        .expect("LLEN list => 1500\nLLEN l => 2000\nHLEN hash => 1999\nHLEN h => 2000\nLINDEX l 7 => \"y\"");
}

#[test]
fn a_large_value_takes_its_new_name_and_place_over_a_restart() {
    let session = filled();
    let (list, hash, string) = (whole(&session, "list"), whole(&session, "hash"), whole(&session, "string"));
    session.expect(
        "RENAME list hash => OK\nRENAMENX string s => 1\nMOVE hash 3 => 1\nEXISTS list hash string => 0",
    );
    let session = session.reopen();
    session.expect("EXISTS list hash string => 0\nDBSIZE => 1");
    assert!(whole(&session, "s") == string);
    let mut caller = Caller::at(session.db.now_ms());
    caller.db = 3;
    let mut out = Collector::new();
    session.db.run(&mut caller, command::find(b"LLEN").unwrap(), &[b"LLEN", b"hash"], &mut out);
    assert_eq!(out.into_response(), Some(Response::Int(2000)));
    assert!(list != hash);
}

#[test]
fn several_large_values_in_one_transaction_are_one_record() {
    let session = filled();
    let before = ["list", "hash", "string"].map(|key| whole(&session, key));
    let lines =
        ["COPY list a", "SET between 1", "COPY hash b", "RENAME string c", "APPEND between 2", "DEL list"];
    let words: Vec<Vec<&[u8]>> =
        lines.iter().map(|line| line.split(' ').map(str::as_bytes).collect()).collect();
    let commands: Vec<_> = words
        .iter()
        .map(|args| Planned { db: 0, command: command::find(args[0]).unwrap(), args: args.as_slice() })
        .collect();
    let last = session.db.last_lsn();
    let mut caller = Caller::at(session.db.now_ms());
    let mut transaction = session.db.transaction(&mut caller, &commands, &[]).ok().unwrap();
    for Planned { command, args, .. } in &commands {
        transaction.run(command, args, &mut Collector::new());
    }
    assert_eq!(transaction.commit().lsn, last + 1);
    let session = session.reopen();
    assert!(["a", "b", "c"].map(|key| whole(&session, key)) == before);
    session.expect("GET between => \"12\"\nEXISTS list string => 0");
}

#[test]
fn who_must_not_wait_leaves_a_large_copy_to_somebody_else() {
    let session = filled();
    let mut caller = Caller::at(session.db.now_ms());
    caller.leaves_large = true;
    let mut out = Collector::new();
    let copy = command::find(b"COPY").unwrap();
    assert!(session.db.run(&mut caller, copy, &[b"COPY", b"list", b"copy"], &mut out).left);
    assert_eq!(out.into_response(), None, "nothing was answered");
    session.expect("EXISTS copy => 0");
    caller.leaves_large = false;
    let mut out = Collector::new();
    assert!(!session.db.run(&mut caller, copy, &[b"COPY", b"list", b"copy"], &mut out).left);
    assert_eq!(out.into_response(), Some(Response::Int(1)));
}

#[test]
fn long_records_are_written_by_the_logs_own_thread_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open_with(folder.path(), &Options::default()).unwrap();
    let run = |words: &[&[u8]]| {
        let mut caller = Caller::at(db.now_ms());
        db.run(&mut caller, command::find(words[0]).unwrap(), words, &mut Collector::new()).lsn
    };
    for _ in 0..3000 {
        run(&[b"RPUSH", b"list", &[b'x'; 2000]]);
    }
    let mut last = 0;
    for n in 0..30_u32 {
        let key = n.to_be_bytes();
        run(&[b"COPY", b"list", &key]);
        run(&[b"LPOP", b"list"]);
        last = run(&[b"SET", b"last", &key]);
        db.write_log_or_leave().unwrap();
    }
    while !db.is_settled(last, false) {
        db.write_log_or_leave().unwrap();
        std::thread::yield_now();
    }
    db.close().unwrap();
    drop(db);
    let db = Database::open(folder.path()).unwrap();
    for n in 0..30_u32 {
        let len = db.execute(&[b"LLEN", &n.to_be_bytes()]).unwrap();
        assert_eq!(len, Response::Int(3000 - i64::from(n)));
    }
    assert_eq!(db.execute(&[b"GET", b"last"]).unwrap(), Response::Bulk(29_u32.to_be_bytes().to_vec()));
}

#[test]
fn a_long_string_is_written_and_read_in_parts_and_outlives_a_restart() {
    let mut session = Session::new();
    let mut model = vec![b'a'; 3 << 20];
    let get = |session: &Session| match session.db.execute(&[b"GET", b"s"]).unwrap() {
        Response::Bulk(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    session.db.execute(&[b"SET", b"s", &model, b"PX", b"5000"]).unwrap();
    session.db.execute(&[b"APPEND", b"s", &[b'b'; 700_000]]).unwrap();
    model.extend_from_slice(&[b'b'; 700_000]);
    session.expect("SETRANGE s 262140 changed => 3845728\nSETRANGE s 4000000 far => 4000003");
    model[262_140..262_147].copy_from_slice(b"changed");
    model.resize(4_000_003, 0);
    model[4_000_000..].copy_from_slice(b"far");
    for _ in 0..2 {
        assert!(get(&session) == model);
        session.expect(
            "STRLEN s => 4000003\nGETRANGE s 262138 262149 => \"aachangedaaa\"\nGETRANGE s -3 -1 => \"far\"",
        );
        session.expect("PTTL s => 5000\nOBJECT ENCODING s => \"raw\"\nINCR s => ERR value is not an integer or out of range");
        session = session.reopen();
    }
    session.db.execute(&[b"SET", b"other", &model]).unwrap();
    assert!(session.db.execute(&[b"GETSET", b"other", b"short"]).unwrap() == Response::Bulk(model));
    session.expect("GET other => \"short\"\nLPUSH s x => WRONGTYPE Operation against a key holding the wrong kind of value");
    session.expect(
        "APPEND other er => 7\nSETRANGE other 2000000 x => 2000001\nGETRANGE other 0 6 => \"shorter\"",
    );
    session.reopen().expect("STRLEN other => 2000001\nGETRANGE other 0 6 => \"shorter\"");
}
