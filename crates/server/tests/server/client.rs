//! CLIENT and its subcommands.

use super::harness::{Server, field};
use std::time::Duration;

#[test]
fn a_connection_tells_and_keeps_what_it_is_called() {
    let server = Server::start(&[]);
    let (mut one, mut two) = (server.client(), server.client());
    let id: u64 = one.ask("CLIENT ID").parse().unwrap();
    assert!(two.ask("CLIENT ID").parse::<u64>().unwrap() > id);
    assert_eq!(one.ask("CLIENT GETNAME"), "null");
    assert_eq!(one.ask("CLIENT SETNAME worker"), "OK");
    assert_eq!(one.ask("CLIENT GETNAME"), "worker");
    assert!(one.ask("CLIENT SETNAME a\nb").starts_with("-ERR Client names cannot contain"));
    assert_eq!(one.ask("CLIENT SETINFO lib-name mine"), "OK");
    assert_eq!(one.ask("CLIENT SETINFO LIB-VER 1.2"), "OK");
    assert_eq!(one.ask("CLIENT SETINFO colour red"), "-ERR Unrecognized option 'colour'");
    assert_eq!(
        one.ask("CLIENT SETINFO lib-ver a\tb"),
        "-ERR lib-ver cannot contain spaces, newlines or special characters."
    );
    let line = one.ask("CLIENT INFO");
    let expected = [("id", &*id.to_string()), ("name", "worker"), ("lib-name", "mine"), ("lib-ver", "1.2")];
    for (name, value) in expected.into_iter().chain([("cmd", "client|info"), ("flags", "N"), ("multi", "-1")])
    {
        assert_eq!(field(&line, name), value, "{name}");
    }
}

#[test]
fn state_shows_in_the_line_of_a_client() {
    let server = Server::start(&[]);
    let (mut one, mut two) = (server.client(), server.client());
    assert_eq!(one.ask("CLIENT NO-EVICT on"), "OK");
    assert_eq!(one.ask("CLIENT NO-TOUCH ON"), "OK");
    one.ask("SELECT 3");
    one.ask("WATCH k");
    assert_eq!([one.about("flags"), one.about("db"), one.about("watch")], ["eT", "3", "1"]);
    one.ask("MULTI");
    one.ask("GET k");
    let list = two.ask("CLIENT LIST FLAGS x");
    assert_eq!([field(&list, "multi"), field(&list, "cmd"), field(&list, "db")], ["1", "get", "3"]);
    assert_eq!(one.ask("EXEC"), "[null]");
    assert_eq!(one.ask("CLIENT NO-TOUCH maybe"), "-ERR syntax error");
    assert_eq!(one.ask("RESET"), "RESET");
    assert_eq!([one.about("flags"), one.about("db")], ["N", "0"]);
}

#[test]
fn filters_choose_who_is_listed() {
    let server = Server::start(&[]);
    let (mut one, mut two) = (server.client(), server.client());
    two.ask("CLIENT SETNAME other");
    two.ask("SELECT 2");
    let (me, other) = (one.ask("CLIENT ID"), two.ask("CLIENT ID"));
    let (addr, laddr) = (two.about("addr"), two.about("laddr"));
    let mut ids = |filter: &str| {
        let list = one.ask(&format!("CLIENT LIST {filter}"));
        list.lines().map(|line| field(line, "id")).filter(|id| *id == me || *id == other).collect::<Vec<_>>()
    };
    let (both, only_me, only_other) =
        (vec![me.clone(), other.clone()], vec![me.clone()], vec![other.clone()]);
    for filter in ["NAME other", "DB 2", &format!("ADDR {addr}"), &format!("NOT-ID {me}"), "SKIPME yes"] {
        assert_eq!(ids(filter), only_other, "{filter}");
    }
    for filter in
        ["NOT-NAME other", "NOT-DB 2", &format!("NOT-ADDR {addr}"), &format!("ID {me}"), "DB 0 TYPE normal"]
    {
        assert_eq!(ids(filter), only_me, "{filter}");
    }
    let same =
        [format!("LADDR {laddr}"), format!("ID {me} {other}"), "IP 127.0.0.1".into(), "USER default".into()];
    for filter in same.iter().map(|filter| &**filter).chain([
        "FLAGS N",
        "NOT-FLAGS b",
        "TYPE pubsub TYPE normal",
        "NOT-CAPA r",
    ]) {
        assert_eq!(ids(filter), both, "{filter}");
    }
    for filter in [
        "TYPE replica",
        "NOT-TYPE normal",
        "NOT-USER default",
        "MAXAGE 1000",
        "IDLE 1000",
        "LIB-NAME x",
        "LIB-VER x",
        "CAPA r",
        "NOT-IP 127.0.0.1",
        &format!("NOT-LADDR {laddr}"),
    ] {
        assert_eq!(ids(filter), [""; 0], "{filter}");
    }
}

#[test]
fn a_filter_that_is_none_is_refused() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for (filter, error) in [
        ("COLOUR red", "syntax error"),
        ("ID", "syntax error"),
        ("ID x", "syntax error"),
        ("ID 0", "client-id should be greater than 0"),
        ("TYPE friend", "Unknown client type 'friend'"),
        ("USER nobody", "No such user 'nobody'"),
        ("SKIPME perhaps", "syntax error"),
        ("MAXAGE old", "maxage is not an integer or out of range"),
        ("IDLE 0", "idle should be greater than 0"),
        ("NOT-IDLE 5", "syntax error"),
        ("FLAGS N?", "Unknown flags found in the provided filter: N?"),
        ("NOT-CAPA x", "Unknown capa found in the NOT-CAPA filter: x"),
        ("NOT-DB x", "NOT-DB is not an integer or out of range"),
        ("DB 16", "DB number should be between 0 and 15"),
    ] {
        assert_eq!(client.ask(&format!("CLIENT LIST {filter}")), format!("-ERR {error}"), "{filter}");
        if filter != "ID" {
            assert_eq!(client.ask(&format!("CLIENT KILL {filter}")), format!("-ERR {error}"), "{filter}");
        }
    }
}

#[test]
fn whoever_is_killed_is_gone_and_the_caller_is_spared() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut others: Vec<_> = (0..4).map(|_| server.client()).collect();
    let addr = others[0].about("addr");
    assert_eq!(client.ask(&format!("CLIENT KILL {addr}")), "OK");
    assert!(others[0].is_closed());
    assert_eq!(client.ask("CLIENT KILL 127.0.0.1:1"), "-ERR No such client");
    let id = others[1].ask("CLIENT ID");
    assert_eq!(client.ask(&format!("CLIENT KILL ID {id}")), "1");
    assert!(others[1].is_closed());
    assert_eq!(client.ask(&format!("CLIENT KILL ID {id}")), "0");
    others[2].ask("PING");
    others[3].ask("PING");
    assert!(client.ask("CLIENT KILL TYPE normal").parse::<u32>().unwrap() >= 2);
    assert!(others[2].is_closed() && others[3].is_closed());
    let me = client.ask("CLIENT ID");
    assert_eq!(client.ask(&format!("CLIENT KILL ID {me} SKIPME no")), "1");
    assert!(client.is_closed());
}

#[test]
fn replies_are_left_out_as_asked() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.send("CLIENT REPLY OFF");
    client.send("NOSUCH");
    client.send("CLIENT REPLY SKIP");
    assert_eq!(client.ask("CLIENT REPLY ON"), "OK");
    client.send("CLIENT REPLY SKIP");
    client.send("SET k 1");
    assert_eq!(client.ask("GET k"), "1");
    assert_eq!(client.ask("CLIENT REPLY perhaps"), "-ERR syntax error");
    client.ask("MULTI");
    assert_eq!(client.ask("CLIENT REPLY ON"), "-ERR Command 'client|reply' not allowed inside a transaction");
    assert!(client.ask("EXEC").starts_with("-EXECABORT"));
}

#[test]
fn a_pause_holds_writes_or_everything_until_it_is_ended() {
    let server = Server::start(&[]);
    let (mut client, mut other) = (server.client(), server.client());
    other.ask("SET k 0");
    assert_eq!(client.ask("CLIENT PAUSE 60000 WRITE"), "OK");
    assert_eq!(other.ask("GET k"), "0");
    other.send("SET k 1");
    assert!(other.is_silent(Duration::from_millis(150)));
    assert_eq!(client.ask("CLIENT UNPAUSE"), "OK");
    assert_eq!(other.read(), "OK");
    assert_eq!(client.ask("CLIENT PAUSE 200"), "OK");
    other.send("GET k");
    assert!(other.is_silent(Duration::from_millis(100)));
    assert_eq!(other.read(), "1");
    for (command, error) in [
        ("x", "timeout is not an integer or out of range"),
        ("-1", "timeout is negative"),
        ("9223372036854775807", "timeout is out of range"),
        ("1 some", "CLIENT PAUSE mode must be WRITE or ALL"),
    ] {
        assert_eq!(client.ask(&format!("CLIENT PAUSE {command}")), format!("-ERR {error}"));
    }
}

#[test]
fn a_blocked_client_is_unblocked_as_if_its_time_were_over_or_with_an_error() {
    let server = Server::start(&[]);
    let (mut client, mut blocked) = (server.client(), server.client());
    let id = blocked.ask("CLIENT ID");
    assert_eq!(client.ask(&format!("CLIENT UNBLOCK {id}")), "0");
    for (command, reason, reply) in [
        ("BLPOP q 0", "", "null"),
        ("BLPOP q 0", " TIMEOUT", "null"),
        ("BLPOP q 0", " error", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
        ("WAIT 1 0", "", "0"),
        ("WAIT 1 0", " ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    ] {
        blocked.send(command);
        while client.ask("CLIENT LIST FLAGS b").is_empty() {}
        assert_eq!(client.ask(&format!("CLIENT UNBLOCK {id}{reason}")), "1");
        assert_eq!(blocked.read(), reply, "{command}{reason}");
    }
    assert_eq!(client.ask("CLIENT UNBLOCK x"), "-ERR value is not an integer or out of range");
    assert_eq!(client.ask("CLIENT UNBLOCK 1 WHY"), "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
}

#[test]
fn a_connection_chooses_its_durability_and_reset_takes_it_back() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.ask("CLIENT DURABILITY"), "server");
    for level in ["memory", "disk", "server", "DISK"] {
        assert_eq!(client.ask(&format!("CLIENT DURABILITY {level}")), "OK");
        assert_eq!(client.ask("SET k 1"), "OK");
        assert_eq!(client.ask("CLIENT DURABILITY"), level.to_lowercase());
    }
    assert_eq!(client.ask("WAITAOF 1 0 0"), "[1, 0]");
    assert_eq!(
        client.ask("CLIENT DURABILITY hope"),
        "-ERR durability must be one of: memory, disk, store, server"
    );
    client.ask("RESET");
    assert_eq!(client.ask("CLIENT DURABILITY"), "server");
}

#[test]
fn tracking_is_off_and_says_so() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.ask("CLIENT TRACKING off"), "OK");
    assert_eq!(client.ask("CLIENT TRACKING on"), "-ERR Client tracking is not supported by this server");
    assert!(client.ask("CLIENT CACHING yes").starts_with("-ERR CLIENT CACHING can be called only when"));
    assert_eq!(client.ask("CLIENT GETREDIR"), "-1");
    assert_eq!(client.ask("CLIENT TRACKINGINFO"), "[flags, [off], redirect, -1, prefixes, []]");
    assert_eq!(client.ask("CLIENT CAPA redirect"), "OK");
    assert_eq!(client.ask("CLIENT IMPORT-SOURCE on"), "-ERR Server is not in import mode");
    client.ask("HELLO 3");
    assert_eq!(client.ask("CLIENT TRACKINGINFO"), "{flags: ~[off], redirect: -1, prefixes: []}");
}

#[test]
fn every_container_has_its_help() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for container in ["CLIENT", "CONFIG", "SLOWLOG", "COMMANDLOG"] {
        let help = client.ask(&format!("{container} HELP"));
        assert!(help.starts_with(&format!("[{container} <subcommand> ")), "{help}");
        assert!(help.ends_with("HELP,     Print this help.]"), "{help}");
    }
}
