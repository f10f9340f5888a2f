//! DEBUG.

use super::harness::Server;
use std::time::Duration;

#[test]
fn debug_is_refused_unless_the_configuration_allows_it() {
    let server = Server::start(&[]);
    let reply = server.client().ask("DEBUG SLEEP 0");
    assert!(
        reply.starts_with("-ERR DEBUG command not allowed. If the enable-debug-command option"),
        "{reply}"
    );
    let server = Server::start(&["--enable-debug-command", "local"]);
    assert_eq!(server.client().ask("DEBUG SLEEP 0"), "OK");
}

fn start() -> Server {
    Server::start(&["--enable-debug-command", "yes"])
}

#[test]
fn digests_are_those_of_valkey() {
    let server = start();
    let mut client = server.client();
    assert_eq!(client.ask("DEBUG DIGEST"), "0".repeat(40));
    client.ask("SET k v");
    assert_eq!(client.ask("DEBUG DIGEST"), "264ccf65edec66bccfa7cc659414ccca432057d2");
    for command in ["HSET h g 2 f 1", "SELECT 3", "RPUSH l a b 12", "SELECT 0"] {
        client.ask(command);
    }
    assert_eq!(client.ask("DEBUG DIGEST"), "97ba0c5f28e2feb2b9c1b7a8ef2522d2dbd67302");
    assert_eq!(
        client.ask("DEBUG DIGEST-VALUE k h none"),
        format!(
            "[d79ee9fe5d5ad902d7f6620efc3b07b75ddd742f, d9779aa9c616692decaba51e4c41766464124c52, {}]",
            "0".repeat(40)
        )
    );
    client.ask("SET e v PX 1000000");
    assert_eq!(client.ask("DEBUG DIGEST-VALUE e"), "[311b17018163335616e089f6b951c82c477335ac]");
    client.ask("PEXPIRE e 1");
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(client.ask("DEBUG DIGEST-VALUE e"), format!("[{}]", "0".repeat(40)));
}

#[test]
fn a_reload_brings_everything_back_and_keeps_those_who_watch_and_wait() {
    let server = start();
    let (mut client, mut watching, mut waiting) = (server.client(), server.client(), server.client());
    let writes = [
        "SET a 1",
        "APPEND a 2",
        "INCR n",
        "RPUSH l a b c",
        "LPOP l",
        "HSET h f v g w",
        "HEXPIRE h 1000 FIELDS 1 f",
        "PEXPIRE h 1000000",
        "SELECT 5",
        "SET a other",
        "SWAPDB 5 0",
        "SELECT 7",
        "SET gone v",
        "FLUSHDB",
        "SET kept v",
        "SELECT 0",
    ];
    for command in writes {
        assert!(!client.ask(command).starts_with('-'), "{command}");
    }
    for index in 0..3000 {
        client.send(&format!("SET key:{index} {index}"));
    }
    (0..3000).for_each(|_| assert_eq!(client.read(), "OK"));
    watching.ask("WATCH a");
    waiting.send("BLPOP list 0");
    while client.ask("CLIENT LIST").matches("flags=b").count() != 1 {}
    let before = client.ask("DEBUG DIGEST");
    assert_eq!(client.ask("DEBUG RELOAD"), "OK");
    assert_eq!(client.ask("DEBUG DIGEST"), before);
    assert_eq!((client.ask("GET a"), client.ask("DBSIZE")), ("other".to_owned(), "3001".to_owned()));
    watching.ask("MULTI");
    watching.ask("PING");
    assert_eq!(watching.ask("EXEC"), "[PONG]");
    watching.ask("WATCH a");
    client.ask("RPUSH list x");
    assert_eq!(waiting.read(), "[list, x]");
    assert_eq!(client.ask("DEBUG RELOAD NOSAVE"), "OK");
    client.ask("SET a changed");
    watching.ask("MULTI");
    watching.ask("PING");
    assert_eq!(watching.ask("EXEC"), "null");
    assert_eq!(
        client.ask("DEBUG RELOAD x"),
        "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
    );
    assert_eq!(client.ask("DEBUG LOADAOF"), "OK");
}

#[test]
fn without_a_log_there_is_nothing_to_reload() {
    let server = Server::start(&["--appendonly", "no", "--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.ask("SET k v");
    assert_eq!(
        client.ask("DEBUG RELOAD"),
        "-ERR DEBUG RELOAD: this database is in memory only: it has no folder to save to"
    );
    assert_eq!(client.ask("GET k"), "v");
}

#[test]
fn a_value_is_described() {
    let server = start();
    let mut client = server.client();
    client.ask("SET k hello");
    client.ask("RPUSH l a b");
    let reply = client.ask("DEBUG OBJECT k");
    assert!(reply.starts_with("Value at:0x"), "{reply}");
    assert!(reply.contains(" refcount:1 encoding:embstr serializedlength:5 lru:"), "{reply}");
    assert!(reply.ends_with(" lru_seconds_idle:0"), "{reply}");
    assert_eq!(client.ask("DEBUG OBJECT none"), "-ERR no such key");
    assert_eq!(client.ask("DEBUG LISTPACK l"), "OK");
    assert_eq!(client.ask("DEBUG LISTPACK k"), "-ERR Not a listpack encoded object.");
    assert!(client.ask("DEBUG HTSTATS 0").contains(" number of entries: 2\n"));
    assert_eq!(client.ask("DEBUG HTSTATS 16"), "-ERR Out of range database");
}

#[test]
fn expired_keys_stay_until_they_are_met_when_active_expiry_is_off() {
    let server = start();
    let mut client = server.client();
    assert_eq!(client.ask("DEBUG SET-ACTIVE-EXPIRE 0"), "OK");
    client.ask("SET k v PX 1");
    std::thread::sleep(Duration::from_millis(300));
    assert!(client.ask("INFO keyspace").contains("db0:keys=1"));
    assert_eq!(client.ask("DEBUG SET-ACTIVE-EXPIRE 1"), "OK");
    let goes = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        !client.ask("INFO keyspace").contains("db0")
    });
    assert!(goes, "the expired key stays");
}

#[test]
fn each_type_of_reply_has_an_example() {
    let server = start();
    let mut client = server.client();
    let cases = [
        ("string", "Hello World", "Hello World"),
        ("integer", "12345", "12345"),
        ("double", "3.141", "3.141"),
        ("bignum", "1234567999999999999999999999999999999", "1234567999999999999999999999999999999"),
        ("null", "null", "null"),
        ("array", "[0, 1, 2]", "[0, 1, 2]"),
        ("set", "[0, 1, 2]", "~[0, 1, 2]"),
        ("map", "[0, 0, 1, 1, 2, 0]", "{0: false, 1: true, 2: false}"),
        ("verbatim", "This is a verbatim\nstring", "This is a verbatim\nstring"),
        ("true", "1", "true"),
        ("false", "0", "false"),
    ];
    for (kind, old, _) in cases {
        assert_eq!(client.ask(&format!("DEBUG PROTOCOL {kind}")), old, "{kind}");
    }
    assert_eq!(client.ask("DEBUG PROTOCOL attrib"), "Some real reply following the attribute");
    assert_eq!(client.ask("DEBUG PROTOCOL push"), "-ERR RESP2 is not supported by this command");
    assert!(client.ask("DEBUG PROTOCOL x").starts_with("-ERR Wrong protocol type name."));
    client.ask("HELLO 3");
    for (kind, _, new) in cases {
        assert_eq!(client.ask(&format!("DEBUG PROTOCOL {kind}")), new, "{kind}");
    }
    assert_eq!(client.ask("DEBUG PROTOCOL push"), "[server-cpu-usage, 42]");
    assert_eq!(client.read(), "Some real reply following the push reply");
}

#[test]
fn switches_of_test_suites_are_taken() {
    let server = start();
    let mut client = server.client();
    for command in [
        "CHANGE-REPL-ID",
        "JMAP",
        "LOG hello",
        "QUICKLIST-PACKED-THRESHOLD 100b",
        "REPLYBUFFER PEAK-RESET-TIME NEVER",
        "REPLYBUFFER RESIZING 0",
        "SLEEP x",
        "POPULATE 3",
        "POPULATE 2 p 12",
    ] {
        assert_eq!(client.ask(&format!("DEBUG {command}")), "OK", "{command}");
    }
    assert_eq!(
        (client.ask("GET key:2"), client.ask("STRLEN p:1"), client.ask("DBSIZE")),
        ("value:2".into(), "12".into(), "5".into())
    );
    assert_eq!(client.ask("DEBUG ERROR MYERR"), "-MYERR");
    assert_eq!(
        [client.ask("DEBUG STRINGMATCH-LEN a* abc"), client.ask("DEBUG STRINGMATCH-LEN b* abc")],
        ["1", "0"]
    );
    client.send("DEBUG SLEEP 0.2");
    assert!(client.is_silent(Duration::from_millis(50)));
    assert_eq!(client.read(), "OK");
    assert!(client.ask("DEBUG HELP").contains("RELOAD"));
    for wrong in ["nothing", "SLEEP", "REPLYBUFFER x 1", "DIGEST x"] {
        assert!(
            client.ask(&format!("DEBUG {wrong}")).starts_with("-ERR unknown subcommand or wrong number"),
            "{wrong}"
        );
    }
}
