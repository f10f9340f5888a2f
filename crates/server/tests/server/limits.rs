//! What one client can do to the others: nothing.

use super::harness::{Server, field};
use std::io::Write as _;
use std::time::Duration;

#[test]
fn who_reads_nothing_waits_and_gets_every_reply_once_it_reads() {
    let server = Server::start(&[]);
    let (mut client, mut lazy) = (server.client(), server.client());
    client.send_words(&[b"SET", b"big", &vec![b'x'; 3 << 20]]);
    assert_eq!(client.read(), "OK");
    // 240 MiB of replies in one go: more than may lie unread.
    let asked = 80;
    lazy.stream.write_all(&b"GET big\r\n".repeat(asked)).unwrap();
    lazy.send("PING");
    let id = |client: &mut super::harness::Client| field(&client.ask("CLIENT LIST SKIPME yes"), "omem");
    let mut unread = 0_u64;
    for _ in 0..50 {
        unread = unread.max(id(&mut client).parse().unwrap_or(0));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!((1 << 20..100 << 20).contains(&unread), "{unread} bytes lie unread");
    for _ in 0..asked {
        assert_eq!(lazy.read().len(), 3 << 20);
    }
    assert_eq!(lazy.read(), "PONG");
}

#[test]
fn who_leaves_more_unread_than_allowed_is_cut() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 20mb 0 0"]);
    let (mut client, mut lazy) = (server.client(), server.client());
    client.send_words(&[b"SET", b"big", &vec![b'x'; 4 << 20]]);
    assert_eq!(client.read(), "OK");
    lazy.stream.write_all(&b"GET big\r\n".repeat(60)).unwrap();
    while client.ask("CLIENT LIST SKIPME yes").lines().count() > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut read = 0;
    while lazy.frame().is_some() {
        read += 1;
    }
    assert!(read < 60, "the connection was cut after {read} replies");
}

#[test]
fn who_has_not_given_the_password_can_leave_little_unread() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut stranger = server.client();
    // Some of it lies in the sockets; what the server holds itself is cut at a kilobyte.
    let mut failed = false;
    for _ in 0..2000 {
        failed |= stranger.stream.write_all(&b"PING\r\n".repeat(2000)).is_err();
        if failed {
            break;
        }
    }
    assert!(failed, "120 MB of errors were not read and kept");
    assert_eq!(server.client().ask("AUTH secret"), "OK");
}

#[test]
fn no_more_clients_than_maxclients_are_let_in() {
    let server = Server::start(&["--maxclients", "5"]);
    let mut inside: Vec<_> = (0..5).map(|_| server.client()).collect();
    // The connection that found the server started may still be counted.
    while inside.iter_mut().any(|client| {
        client.send("PING");
        client.frame().is_none_or(|frame| super::harness::show(&frame) != "PONG")
    }) {
        inside = (0..5).map(|_| server.client()).collect();
    }
    for _ in 0..20 {
        let mut late = server.client();
        assert_eq!(late.read(), "-ERR max number of clients reached");
        assert!(late.is_closed());
    }
    inside.pop();
    let next = std::iter::repeat_with(|| {
        let mut next = server.client();
        next.send("PING");
        next.frame().map(|frame| super::harness::show(&frame))
    });
    assert!(next.take(1000).any(|reply| reply.as_deref() == Some("PONG")));
}

#[test]
fn a_silent_client_is_cut_after_the_timeout_and_a_blocked_one_is_not() {
    let server = Server::start(&["--timeout", "1"]);
    let mut blocked = server.client();
    // Connected and blocked before the other one's time begins, however slow this machine is.
    blocked.send("BLPOP q 0");
    while field(
        &server.client().ask("INFO clients").replace("\r\n", " ").replace(':', "="),
        "blocked_clients",
    ) != "1"
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(server.client().is_closed());
    assert_eq!(server.client().ask("RPUSH q 1"), "1");
    assert_eq!(blocked.read(), "[q, 1]");
}

#[test]
fn a_browser_is_cut_without_an_answer() {
    let server = Server::start(&[]);
    let mut browser = server.client();
    browser.stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nPING\r\n").unwrap();
    assert_eq!(browser.frame(), None);
}

#[test]
fn a_million_arguments_are_a_command_like_others() {
    let server = Server::start(&[]);
    let (mut client, mut other) = (server.client(), server.client());
    let mut words: Vec<&[u8]> = vec![b"a"; 1_000_000];
    words[0] = b"DEL";
    client.send_words(&words);
    assert_eq!(other.ask("PING"), "PONG");
    assert_eq!(client.read(), "0");
    client.stream.write_all(b"*1048577\r\n$1\r\n").unwrap();
    assert!(client.is_closed());
}

#[test]
fn buffers_of_an_idle_connection_are_given_back() {
    let server = Server::start(&[]);
    let (mut client, mut idle) = (server.client(), server.client());
    idle.stream.write_all(b"*2\r\n$4\r\nECHO\r\n$2\r\na").unwrap();
    let mut line = String::new();
    for _ in 0..100 {
        line = client.ask("CLIENT LIST SKIPME yes");
        if field(&line, "qbuf-free") == "0" && field(&line, "qbuf") == "19" {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!([field(&line, "qbuf"), field(&line, "qbuf-free")], ["19", "0"], "{line}");
    idle.stream.write_all(b"b\r\n").unwrap();
    assert_eq!(idle.read(), "ab");
}

#[test]
fn who_announces_much_and_sends_little_is_lent_little() {
    let server = Server::start(&[]);
    let (mut client, mut loud) = (server.client(), server.client());
    loud.stream.write_all(b"*2\r\n$4\r\nECHO\r\n$100000000\r\n").unwrap();
    loud.stream.write_all(&[b'x'; 1000]).unwrap();
    let mut line = String::new();
    for _ in 0..100 {
        line = client.ask("CLIENT LIST SKIPME yes");
        if field(&line, "qbuf").parse::<u64>().unwrap_or(0) > 1000 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let free: u64 = field(&line, "qbuf-free").parse().unwrap();
    assert!(free <= 64 << 10, "{line}");
    loud.stream.write_all(&vec![b'x'; 100_000_000 - 1000]).unwrap();
    loud.stream.write_all(b"\r\n").unwrap();
    assert_eq!(loud.read().len(), 100_000_000);
}

#[test]
fn queued_commands_count_with_what_they_take_in_memory() {
    let server = Server::start(&["--client-query-buffer-limit", "1mb"]);
    let mut client = server.client();
    assert_eq!(client.ask("MULTI"), "OK");
    let mut queued = 0;
    let request = b"PING\r\n".repeat(1000);
    while client.stream.write_all(&request).is_ok()
        && (0..1000).all(|_| client.frame().is_some_and(|frame| super::harness::show(&frame) == "QUEUED"))
    {
        queued += 1000;
        assert!(queued < 100_000, "{queued} commands are queued in 1 MB");
    }
    assert_eq!(server.client().ask("PING"), "PONG");
}

#[test]
fn many_keys_are_watched_again_in_no_time() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let keys: Vec<String> = (0..200_000).map(|n| format!("key:{n}")).collect();
    let words: Vec<&[u8]> = std::iter::once(&b"WATCH"[..]).chain(keys.iter().map(String::as_bytes)).collect();
    for _ in 0..2 {
        client.send_words(&words);
        assert_eq!(client.read(), "OK");
    }
    assert_eq!(field(&client.ask("CLIENT INFO"), "watch"), "200000");
    assert_eq!(client.ask("UNWATCH"), "OK");
    assert_eq!(field(&client.ask("CLIENT INFO"), "watch"), "0");
}
