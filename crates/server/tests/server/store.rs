//! Commands about the store behind, and what waits for it.

use super::harness::{Client, Server};
use ramekin::store::{MemoryStore, Place};
use std::time::Duration;

/// Nothing settles by itself, nor leaves memory.
const STILL: &[&str] =
    &["--flush-interval", "3600", "--evict-interval", "0", "--enable-debug-command", "yes"];
const A_MOMENT: Duration = Duration::from_millis(200);

fn start() -> (Server, MemoryStore) {
    let store = MemoryStore::new();
    (Server::with_store(STILL, &store), store)
}

fn text(store: &MemoryStore, key: &str) -> Option<String> {
    match store.row(&Place::Keys(0), key.as_bytes())?.content {
        ramekin::store::Content::Whole(_, bytes) => Some(String::from_utf8(bytes).unwrap()),
        other => panic!("{other:?}"),
    }
}

/// Asks until it is answered so.
fn until(client: &mut Client, command: &str, answer: &str) {
    for _ in 0..1000 {
        if client.ask(command) == answer {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{command} never answers {answer}, but {}", client.ask(command));
}

#[test]
fn without_a_store_each_command_names_the_directive() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for command in [
        "FLUSH",
        "EVICT",
        "WAITSTORE 10",
        "QUARANTINE LIST",
        "QUARANTINE RETRY",
        "QUARANTINE SKIP k",
        "CLIENT DURABILITY store",
    ] {
        let answer = client.ask(command);
        assert!(answer.starts_with("-ERR ") && answer.contains("`store`"), "{command}: {answer}");
    }
    assert_eq!(client.ask("CLIENT DURABILITY"), "server");
}

#[test]
fn flush_answers_once_all_has_settled_and_evict_takes_it_out_of_memory() {
    let (server, store) = start();
    let mut client = server.client();
    client.ask("SET a 1");
    client.ask("TABLE.PUT t r {\"n\":1}");
    assert_eq!(client.ask("EVICT"), "0", "nothing has settled");
    assert_eq!(text(&store, "a"), None);
    assert_eq!(client.ask("FLUSH"), "OK");
    assert_eq!(text(&store, "a").as_deref(), Some("1"));
    client.ask("TABLE.PUT t r {\"n\":2}");
    assert_eq!(client.ask("FLUSH t"), "OK");
    assert_eq!(client.ask("FLUSH nowhere"), "-ERR no such table 'nowhere'");
    assert_eq!(client.ask("EVICT 1000"), "0", "nobody was idle for so long");
    assert_eq!(client.ask("EVICT"), "2");
    assert_eq!(client.ask("EVICT x"), "-ERR value is not an integer or out of range");
    assert_eq!(client.ask("TYPE a"), "string");
    assert_eq!(client.ask("EVICT"), "1");
    assert!(client.ask("MEMORY USAGE a").parse::<u64>().unwrap() > 0);
    assert_eq!(client.ask("EVICT"), "1");
    assert!(client.ask("DEBUG OBJECT a").starts_with("Value at:"));
    assert_eq!(client.ask("EVICT"), "1");
    for command in ["MULTI", "MEMORY USAGE a", "MEMORY USAGE none", "TYPE a"] {
        client.ask(command);
    }
    let answer = client.ask("EXEC");
    assert!(answer.starts_with('[') && answer.ends_with(", null, string]"), "{answer}");
    client.ask("MULTI");
    assert_eq!(client.ask("FLUSH"), "-ERR Command 'flush' not allowed inside a transaction");
    client.ask("DISCARD");
}

#[test]
fn a_flush_says_what_keeps_changes_from_settling() {
    let (server, store) = start();
    let mut client = server.client();
    client.ask("SET a 1");
    store.faults().down = true;
    let answer = client.ask("FLUSH");
    assert!(answer.starts_with("-STOREDOWN not everything has settled, and will later"), "{answer}");
    store.faults().down = false;
    until(&mut client, "FLUSH", "OK");
}

#[test]
fn rows_that_are_refused_are_listed_retried_and_given_up() {
    let (server, store) = start();
    let mut client = server.client();
    assert_eq!(client.ask("QUARANTINE LIST"), "[]");
    store.faults().refuse(|change| change.key.starts_with(b"bad"));
    for command in ["SET bad1 x", "SET bad2 y", "SET good z"] {
        client.ask(command);
    }
    client.ask("TABLE.CREATE t");
    let answer = client.ask("FLUSH");
    assert!(answer.starts_with("-QUARANTINED all has settled but for 2 rows"), "{answer}");
    assert_eq!(client.ask("FLUSH t"), "OK", "they are not of this table");
    client.ask("HELLO 3");
    let listed = client.ask("QUARANTINE LIST");
    assert!(listed.starts_with("[{db: 0, key: bad1, since: 1"), "{listed}");
    assert!(listed.contains("{db: 0, key: bad2, ") && listed.contains("reason: "), "{listed}");
    assert!(!client.ask("QUARANTINE LIST COUNT 1").contains("bad2"));
    assert_eq!(client.ask("QUARANTINE SKIP bad1"), "1");
    assert_eq!(client.ask("QUARANTINE SKIP bad1"), "0");
    assert_eq!(client.ask("GET bad1"), "null", "what the store has counts");
    assert_eq!(client.ask("QUARANTINE RETRY bad2 1"), "0", "it is not in that database");
    assert_eq!(client.ask("QUARANTINE RETRY bad2 99"), "-ERR DB index is out of range");
    store.faults().refuse_none();
    assert_eq!(client.ask("QUARANTINE RETRY"), "1");
    until(&mut client, "FLUSH", "OK");
    assert_eq!(text(&store, "bad2").as_deref(), Some("y"));
    assert!(client.ask("QUARANTINE HELP").contains("SKIP <key> [<db>]"));
}

#[test]
fn a_wait_for_the_store_ends_when_it_has_all_or_with_its_time() {
    let (server, store) = start();
    let (mut client, mut other) = (server.client(), server.client());
    assert_eq!(client.ask("WAITSTORE 0"), "1", "nothing was written");
    for round in 0..20 {
        client.ask(&format!("SET k {round}"));
        assert_eq!(client.ask("WAITSTORE 0"), "1");
        assert_eq!(text(&store, "k"), Some(round.to_string()));
    }
    assert_eq!(other.ask("WAITSTORE 0"), "1", "others' changes are not waited for");
    store.faults().down = true;
    client.ask("SET k down");
    assert_eq!(client.ask("WAITSTORE 50"), "0");
    client.ask("MULTI");
    client.ask("WAITSTORE 0");
    assert_eq!(client.ask("EXEC"), "[0]");
    let id = client.ask("CLIENT ID");
    for (how, answer) in [("TIMEOUT", "0"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK")] {
        client.send("WAITSTORE 0");
        until(&mut other, &format!("CLIENT UNBLOCK {id} {how}"), "1");
        assert_eq!(client.read(), answer);
    }
    client.send("WAITSTORE 0");
    assert!(client.is_silent(A_MOMENT));
    store.faults().down = false;
    assert_eq!(client.read(), "1");
    assert_eq!(client.ask("WAITSTORE x"), "-ERR timeout is not an integer or out of range");
}

#[test]
fn replies_to_writes_leave_once_they_have_settled() {
    let (server, store) = start();
    let mut client = server.client();
    assert_eq!(client.ask("CLIENT DURABILITY STORE"), "OK");
    assert_eq!(client.ask("CLIENT DURABILITY"), "store");
    for round in 0..20 {
        assert_eq!(client.ask(&format!("SET k {round}")), "OK");
        assert_eq!(text(&store, "k"), Some(round.to_string()));
    }
    for command in ["MULTI", "SET k many", "SET l many", "EXEC"] {
        client.ask(command);
    }
    assert_eq!(text(&store, "l").as_deref(), Some("many"));
    store.faults().down = true;
    assert_eq!(client.ask("GET k"), "many", "who only reads does not wait");
    let mut other = server.client();
    assert_eq!(other.ask("SET k other"), "OK", "nor do others");
    assert_eq!(client.ask("GET k"), "other");
    for number in 0..100 {
        client.send(&format!("SET n{number} v"));
    }
    client.send("PING");
    assert!(client.is_silent(A_MOMENT));
    store.faults().down = false;
    for _ in 0..100 {
        assert_eq!(client.read(), "OK");
    }
    assert_eq!(client.read(), "PONG");
    assert_eq!(text(&store, "n99").as_deref(), Some("v"));
}

#[test]
fn who_waits_for_a_row_that_the_store_refuses_is_told_so_and_nobody_else_is() {
    let (server, store) = start();
    let (mut client, mut waiting, mut other) = (server.client(), server.client(), server.client());
    store.faults().refuse(|change| change.key.starts_with(b"bad"));
    let refused = "-QUARANTINED the store refuses a row that was changed here, which is set aside: QUARANTINE LIST says why";
    for each in [&mut client, &mut other] {
        each.ask("CLIENT DURABILITY store");
    }
    // One after the other and all at once, alone and in a transaction.
    assert_eq!(client.ask("SET bad 1"), refused);
    assert_eq!(client.ask("SET good 1"), "OK");
    assert_eq!(other.ask("SET others 1"), "OK", "its own row is there");
    assert_eq!(other.ask("GET bad"), "1", "nor is it one of who reads it");
    for line in ["SET good 2", "SET bad:2 x", "GET good", "SET good 3", "PING"] {
        client.send(line);
    }
    for answer in ["OK", refused, "2", "OK", "PONG"] {
        assert_eq!(client.read(), answer);
    }
    for (line, answer) in
        [("MULTI", "OK"), ("SET good 4", "QUEUED"), ("INCR bad", "QUEUED"), ("EXEC", refused)]
    {
        assert_eq!(client.ask(line), answer, "{line}");
    }
    waiting.ask("SET mine 1");
    assert_eq!(waiting.ask("WAITSTORE 0"), "1", "others' rows are none of its own");
    waiting.ask("SET bad:3 x");
    waiting.ask("SET mine 2");
    assert_eq!(waiting.ask("WAITSTORE 0"), refused);
    assert_eq!(waiting.ask("WAITSTORE 0"), refused, "it has not settled since");
    store.faults().refuse_none();
    waiting.ask("QUARANTINE RETRY");
    // Until they have been tried again they are among those that are refused.
    assert!((0..10_000).any(|_| waiting.ask("FLUSH") == "OK"));
    assert_eq!(waiting.ask("WAITSTORE 0"), "1");
    assert_eq!(client.ask("SET bad 5"), "OK");
    assert_eq!((text(&store, "bad").as_deref(), text(&store, "good").as_deref()), (Some("5"), Some("4")));
}

#[test]
fn once_the_store_has_another_owner_nobody_waits_for_it() {
    let (server, store) = start();
    let (mut client, mut waiting) = (server.client(), server.client());
    client.ask("CLIENT DURABILITY store");
    client.ask("SET k 1");
    let claim = ramekin::store::Claim {
        database_id: 1,
        epoch: 0,
        owner: "another one".to_owned(),
        lanes: 2,
        takes_over: true,
        read_only: false,
    };
    waiting.ask("SET w 1");
    use ramekin::store::Store as _;
    store.process().connect().unwrap().claim(&claim).unwrap();
    waiting.send("WAITSTORE 0");
    client.send("SET k 2");
    client.send("GET k");
    let lost = "-STOREFENCED the store has another owner now";
    assert_eq!(client.read(), lost);
    assert_eq!(waiting.read(), lost);
    // What is behind it may be lost, too.
    let _ = client.read();
    assert!(client.ask("SET k 3").starts_with(lost), "and nobody begins to");
    assert_eq!(client.ask("FLUSH"), lost);
}

#[test]
fn all_keys_are_told_while_others_are_served() {
    let (server, _store) = start();
    let mut client = server.client();
    for number in 0..200 {
        client.ask(&format!("SET key{number:03} v"));
    }
    assert_eq!(client.ask("FLUSH"), "OK");
    assert_eq!(client.ask("EVICT"), "200");
    client.ask("SET new v");
    assert_eq!(client.ask("DBSIZE"), "201");
    assert_eq!(client.ask("KEYS key00*").split(", ").count(), 10);
    let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
    loop {
        let page = client.ask(&format!("SCAN {cursor} COUNT 30"));
        let (next, keys) = page.trim_start_matches('[').split_once(", ").unwrap();
        let keys = keys.trim_matches(|c| c == '[' || c == ']');
        found.extend(keys.split(", ").filter(|key| !key.is_empty()).map(str::to_owned));
        cursor = next.to_owned();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(found.len(), 201);
    client.ask("MULTI");
    client.ask("DBSIZE");
    assert_eq!(client.ask("EXEC"), "[1]", "in a transaction it is memory that is told of");
}
