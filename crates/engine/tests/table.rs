//! TABLE.*: tables, their schemas and their records, and what of them comes back.

use crate::common::{START_MS, Session, in_db, show, survives};
use ramekin::{Caller, Planned};

/// Runs words that may have blanks in them.
fn run(session: &Session, words: &[&str]) -> String {
    let args: Vec<_> = words.iter().map(|word| word.as_bytes()).collect();
    show(&session.db.execute(&args).unwrap())
}

fn put(session: &Session, table: &str, key: &str, json: &str) -> String {
    run(session, &["TABLE.PUT", table, key, json])
}

#[test]
fn a_record_comes_back_as_jsonb_would_print_it() {
    let session = Session::new();
    assert_eq!(put(&session, "orders", "o-1", r#"{"total": 1.50, "id":7, "id":8, "tags":["a"]}"#), "OK");
    let text = r#""{\"id\": 8, \"tags\": [\"a\"], \"total\": 1.50}""#;
    assert_eq!(session.run("TABLE.GET orders o-1"), text);
    session.expect(
        r#"
        TABLE.GET orders o-2 => nil
        TABLE.GET nowhere o-1 => nil
        TYPE orders:o-1 => ReJSON-RL
        OBJECT ENCODING orders:o-1 => "json"
        EXISTS orders:o-1 => 1
        GET orders:o-1 => WRONGTYPE Operation against a key holding the wrong kind of value
        APPEND orders:o-1 x => WRONGTYPE Operation against a key holding the wrong kind of value
        LPUSH orders:o-1 x => WRONGTYPE Operation against a key holding the wrong kind of value
        HSET orders:o-1 f v => WRONGTYPE Operation against a key holding the wrong kind of value
        DUMP orders:o-1 => ERR JSON cannot be dumped: the RDB format has no such type
        SET orders:o-1 text => OK
        TABLE.GET orders o-1 => WRONGTYPE Operation against a key holding the wrong kind of value
        TABLE.PUT orders o-1 {} => OK
        TABLE.GET orders o-1 => "{}"
        TABLE.DEL orders o-1 o-2 o-1 => 1
        TABLE.LIST => ["orders"]
        DBSIZE => 0
    "#,
    );
}

#[test]
fn what_is_no_record_is_refused_and_changes_nothing() {
    let session = Session::new();
    session.expect(
        r#"
        TABLE.PUT orders o-1 {"a" => ERR invalid JSON at byte 4: a colon should be here
        TABLE.PUT orders o-1 [1] => ERR a record has to be a JSON object, not array
        TABLE.PUT orders o-1 {} NX XX => ERR syntax error
        TABLE.PUT orders o-1 {} EX 0 => ERR invalid expire time in 'table.put' command
        TABLE.PUT orders o-1 => ERR wrong number of arguments for 'table.put' command
        TABLE.PUT or:ders o-1 {} => ERR a table's name begins with a letter or '_' and goes on with letters, digits, '_' and '-', up to 63 bytes; it does not begin with 'ramekin_' or 'sqlite_'
        TABLE.LIST => []
        DBSIZE => 0
        TABLE.INFO orders => ERR no such table 'orders'
        TABLE.DROP orders => ERR no such table 'orders'
    "#,
    );
    for key in [&b"\xff"[..], b"a\0b"] {
        let bad_key = session.db.execute(&[b"TABLE.PUT", b"orders", key, b"{}"]).unwrap();
        assert_eq!(show(&bad_key), "ERR the key of a record has to be UTF-8, without a zero byte");
    }
    assert_eq!(session.db.last_lsn(), 0);
}

#[test]
fn a_declared_field_holds_its_type_or_nothing() {
    let session = Session::new();
    session.expect(
        r#"
        TABLE.CREATE calls SCHEMA caller string seconds integer at timestamp TTL 60 => OK
        TABLE.PUT calls c-1 {"caller":"+44","seconds":12,"at":"2026-11-21T08:00:00Z","more":[1]} => OK
        TABLE.PUT calls c-2 {"caller":null} => OK
        TABLE.PUT calls c-3 {"seconds":1.5} => ERR field 'seconds' is declared as integer, and holds number
        TABLE.PUT calls c-3 {"caller":17} => ERR field 'caller' is declared as string, and holds integer
        TABLE.PUT calls c-3 {"at":"soon"} => ERR field 'at' is declared as timestamp, and its text is not ISO 8601
        TABLE.GET calls c-3 => nil
        TABLE.CREATE calls SCHEMA {"seconds":"float"} => OK
        TABLE.PUT calls c-3 {"seconds":1.5} => OK
        TABLE.CREATE other SCHEMA a text => ERR field 'a' is declared as 'text', which is no type: there are string, integer, float, boolean, timestamp, object, array, any
        TABLE.CREATE other SCHEMA a any a any => ERR field 'a' is declared twice
        TABLE.CREATE other SCHEMA => ERR syntax error
        TABLE.CREATE other TTL 0 => ERR invalid expire time in 'table.create' command
        TABLE.CREATE other ON CONFLICT maybe => ERR ON CONFLICT takes memory-wins, store-wins or quarantine
        TABLE.CREATE 1 => ERR a table's name begins with a letter or '_' and goes on with letters, digits, '_' and '-', up to 63 bytes; it does not begin with 'ramekin_' or 'sqlite_'
        TABLE.LIST => ["calls"]
    "#,
    );
}

#[test]
fn a_definition_is_told_and_kept() {
    let session = Session::new();
    session.expect(
        r#"
        TABLE.CREATE calls SCHEMA seconds integer TTL 60 STORE TABLE public.calls KEY id DATA body ON CONFLICT quarantine => OK
        TABLE.CREATE calls SCHEMA seconds integer STORE TABLE elsewhere => ERR table 'calls' is there, and lies elsewhere in the store: drop it first
        TABLE.PUT calls c-1 {} => OK
        TABLE.PUT plain p-1 {} => OK
    "#,
    );
    let told = session.run("TABLE.INFO calls");
    for part in [
        "\"name\": \"calls\", \"records\": 1, \"bytes\": ",
        "\"schema\": {\"seconds\": \"integer\"}, \"ttl\": 60, \"on-conflict\": \"quarantine\"",
        "\"stored-as\": \"public.calls\", \"columns\": [\"id\", \"body\"]",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let session = session.reopen();
    assert_eq!(session.run("TABLE.INFO calls"), told, "from the log");
    session.db.checkpoint().unwrap();
    session.db.reload().unwrap();
    assert_eq!(session.run("TABLE.INFO calls"), told, "in place");
    let session = session.reopen();
    assert_eq!(session.run("TABLE.INFO calls"), told, "from a checkpoint");
    assert_eq!(session.run("TABLE.LIST"), "[\"calls\", \"plain\"]");
}

#[test]
fn a_record_expires_as_it_says_or_as_its_table_says() {
    let session = Session::new();
    session.expect("TABLE.CREATE t TTL 10 => OK");
    for (words, left_ms) in [
        ("TABLE.PUT t k {}", 10_000),
        ("TABLE.PUT t k {} EX 5", 5_000),
        ("TABLE.PUT t k {} KEEPTTL", 5_000),
        ("TABLE.PUT t k {} PX 7", 7),
        ("TABLE.PUT t new {} KEEPTTL", 10_000),
    ] {
        assert_eq!(session.run(words), "OK", "{words}");
        let key = if words.contains("new") { "new" } else { "k" };
        assert_eq!(session.run(&format!("PTTL t:{key}")), left_ms.to_string(), "{words}");
    }
    assert_eq!(session.run(&format!("TABLE.PUT t k {{}} PXAT {}", START_MS + 1_000)), "OK");
    session.expect("TABLE.PUT t past {} EXAT 1 => OK\n TABLE.GET t past => nil\n EXISTS t:past => 0");
    session.pass(1_001);
    session.expect("TABLE.GET t k => nil\n TABLE.PUT t k {} XX => nil\n TABLE.PUT t k {} NX => OK\n TABLE.PUT t k {} NX => nil");
    session.expect("TABLE.PUT t k {\"a\":1} XX => OK\n PERSIST t:k => 1\n PTTL t:k => -1");
}

#[test]
fn commands_on_keys_work_on_records_and_it_all_survives() {
    let session = Session::new();
    put(&session, "t", "k", r#"{"a": [1, 2.50, null]}"#);
    session.expect(
        "COPY t:k t:copy => 1\n RENAME t:k t:new => OK\n PEXPIRE t:new 5000 => 1\n MOVE t:copy 3 => 1",
    );
    let record = r#""{\"a\": [1, 2.50, null]}""#;
    let check = |session: &Session| {
        assert_eq!(session.run("TABLE.GET t new"), record);
        assert_eq!(session.run("PTTL t:new"), "5000");
        assert_eq!(session.run("TABLE.GET t copy"), "nil");
        assert_eq!(in_db(session, 3, "TYPE t:copy"), "ReJSON-RL");
        assert_eq!(in_db(session, 3, "TABLE.GET t new"), record, "records lie in database 0");
        assert_eq!(session.run("SCAN 0 COUNT 100 TYPE ReJSON-RL"), "[\"0\", [\"t:new\"]]");
    };
    check(&session);
    let session = session.reopen();
    check(&session);
    session.db.checkpoint().unwrap();
    let session = session.reopen();
    check(&session);
    survives(&[
        "TABLE.PUT t k {\"a\":1}",
        "TABLE.PUT t k {\"b\":1} EX 9",
        "TABLE.PUT u k {}",
        "TABLE.DEL u k",
    ]);
}

#[test]
fn a_large_record_is_logged_and_checkpointed() {
    let session = Session::new();
    let json = format!(r#"{{"a": "{}", "b": [{}1]}}"#, "x".repeat(700_000), "1, ".repeat(200_000));
    assert_eq!(put(&session, "t", "k", &json), "OK");
    let shown = format!("\"{}\"", json.as_bytes().escape_ascii());
    assert!(session.run("TABLE.GET t k") == shown);
    session.run("COPY t:k t:copy");
    let session = session.reopen();
    assert!(session.run("TABLE.GET t k") == shown, "from the log");
    session.db.checkpoint().unwrap();
    let session = session.reopen();
    assert!(session.run("TABLE.GET t copy") == shown, "from a checkpoint");
}

#[test]
fn a_table_goes_with_its_records_and_nothing_else() {
    let session = Session::new();
    for number in 0..500 {
        put(&session, "t", &number.to_string(), r#"{"a": 1}"#);
        put(&session, "t2", &number.to_string(), "{}");
    }
    session.expect("SET t:text kept => OK\n SET t kept => OK\n MOVE t:1 2 => 1\n TABLE.DROP t => OK\n TABLE.LIST => [\"t2\"]");
    let check = |session: &Session| {
        session.expect(
            "DBSIZE => 502\n TABLE.GET t 7 => nil\n GET t:text => \"kept\"\n TABLE.GET t2 7 => \"{}\"",
        );
        assert_eq!(in_db(session, 2, "EXISTS t:1"), "1");
    };
    check(&session);
    let session = session.reopen();
    check(&session);
    session.expect("TABLE.CREATE t => OK\n TABLE.LIST => [\"t\", \"t2\"]");
}

#[test]
fn records_in_a_transaction_are_all_there_or_none() {
    let session = Session::new();
    let lines = [
        &["TABLE.CREATE", "made", "SCHEMA", "n", "integer"][..],
        &["TABLE.PUT", "made", "k", "{\"n\": 1}"],
        &["TABLE.PUT", "made", "k", "{\"n\": \"one\"}"],
        &["TABLE.PUT", "first", "k", "{\"n\": [1,2,3,4,5,6,7,8,9]}"],
        &["TABLE.PUT", "first", "k", "{", "XX"],
        &["TABLE.GET", "first", "k"],
        &["TABLE.DEL", "first", "k", "other"],
    ];
    let args: Vec<Vec<&[u8]>> =
        lines.iter().map(|line| line.iter().map(|word| word.as_bytes()).collect()).collect();
    let commands: Vec<_> = args
        .iter()
        .map(|args| Planned {
            db: 0,
            command: ramekin::command::resolve(args).unwrap(),
            args: args.as_slice(),
        })
        .collect();
    let mut caller = Caller::at(session.db.now_ms());
    let mut transaction = session.db.transaction(&mut caller, &commands, &[]).ok().unwrap();
    let answers: Vec<String> = commands
        .iter()
        .map(|Planned { command, args, .. }| {
            let mut out = ramekin::Collector::new();
            transaction.run(command, args, &mut out);
            show(&out.into_response().unwrap())
        })
        .collect();
    assert_eq!(transaction.commit().lsn, 1, "one record");
    assert_eq!(
        answers,
        [
            "OK",
            "OK",
            "ERR field 'n' is declared as integer, and holds string",
            "OK",
            "ERR invalid JSON at byte 1: a key should be here, in double quotes",
            "\"{\\\"n\\\": [1, 2, 3, 4, 5, 6, 7, 8, 9]}\"",
            "1"
        ]
    );
    let session = session.reopen();
    session.expect("TABLE.GET made k => \"{\\\"n\\\": 1}\"\n TABLE.LIST => [\"first\", \"made\"]");
}
