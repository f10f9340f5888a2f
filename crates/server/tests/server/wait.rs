//! WAIT and WAITAOF.

use super::harness::Server;
use std::time::Duration;

#[test]
fn a_wait_for_replicas_ends_with_its_time() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.ask("WAIT 0 0"), "0");
    client.send("WAIT 1 200");
    client.send("PING");
    assert!(client.is_silent(Duration::from_millis(100)));
    assert_eq!([client.read(), client.read()], ["0", "PONG"]);
    assert_eq!(client.ask("WAIT x 0"), "-ERR value is not an integer or out of range");
    assert_eq!(client.ask("WAIT 1 -1"), "-ERR timeout is negative");
}

#[test]
fn a_wait_for_the_disk_ends_when_the_disk_has_it() {
    let server = Server::start(&["--appendfsync", "no"]);
    let mut client = server.client();
    for round in 0..20 {
        client.ask(&format!("SET k {round}"));
        assert_eq!(client.ask("WAITAOF 1 0 0"), "[1, 0]");
    }
    assert_eq!(client.ask("WAITAOF 1 1 30"), "[1, 0]");
    client.ask("MULTI");
    client.ask("WAITAOF 1 1 0");
    client.ask("WAIT 1 0");
    assert_eq!(client.ask("EXEC"), "[[1, 0], 0]");
    for (command, error) in [
        ("2 0 0", "value is out of range, value must between 0 and 1"),
        ("0 -1 0", "value is out of range, must be positive"),
        ("1 0 x", "timeout is not an integer or out of range"),
    ] {
        assert_eq!(client.ask(&format!("WAITAOF {command}")), format!("-ERR {error}"));
    }
}

#[test]
fn without_a_log_nothing_is_on_disk() {
    let server = Server::start(&["--appendonly", "no"]);
    let mut client = server.client();
    assert_eq!(
        client.ask("WAITAOF 1 0 0"),
        "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
    );
    assert_eq!(client.ask("WAITAOF 0 0 0"), "[0, 0]");
    assert_eq!(client.ask("WAITAOF 0 1 10"), "[0, 0]");
}
