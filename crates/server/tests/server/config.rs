//! CONFIG and its subcommands.

use super::harness::Server;

#[test]
fn directives_are_shown_and_set_all_or_none() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.ask("CONFIG GET timeo* no-such"), "[timeout, 0]");
    assert_eq!(client.ask("CONFIG SET timeout 77 slowlog-max-len 5"), "OK");
    assert_eq!(client.ask("CONFIG GET timeout"), "[timeout, 77]");
    assert!(client.ask("CONFIG SET timeout 88 appendfsync perhaps").starts_with("-ERR CONFIG SET failed"));
    assert_eq!(client.ask("CONFIG GET timeout"), "[timeout, 77]");
    assert_eq!(client.ask("CONFIG SET timeout 1 hz"), "-ERR syntax error");
    client.ask("HELLO 3");
    assert_eq!(client.ask("CONFIG GET timeout"), "{timeout: 77}");
}

#[test]
fn what_is_set_takes_effect_at_once() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.ask("CONFIG SET appendfsync always"), "OK");
    assert_eq!(client.ask("SET k v"), "OK");
    assert_eq!(client.ask("WAITAOF 1 0 1"), "[1, 0]");
    assert_eq!(client.ask("CONFIG SET requirepass secret"), "OK");
    let mut late = server.client();
    assert_eq!(late.ask("GET k"), "-NOAUTH Authentication required.");
    assert_eq!(late.ask("AUTH secret"), "OK");
    let mut waiting = server.client();
    assert_eq!(waiting.ask("PING"), "-NOAUTH Authentication required.");
    assert_eq!(late.ask("CONFIG SET requirepass "), "OK");
    assert_eq!(waiting.ask("PING"), "PONG");
    let most = client.ask("CONFIG SET maxclients 4000000000");
    assert!(
        most.contains(
            "The operating system is not able to handle the specified number of clients, try with "
        )
    );
    assert_eq!(client.ask("CONFIG GET maxclients"), "[maxclients, 10000]");
}

#[test]
fn a_set_inside_a_transaction_counts_as_one_command() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.ask("MULTI");
    for command in ["SET k 1", "CONFIG SET timeout 9", "GET k", "CONFIG RESETSTAT", "CONFIG GET timeout"] {
        assert_eq!(client.ask(command), "QUEUED");
    }
    assert_eq!(client.ask("EXEC"), "[OK, OK, 1, OK, [timeout, 9]]");
}

#[test]
fn a_rewrite_keeps_what_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ramekin.conf");
    std::fs::write(&file, "# stays\ntimeout 5\n").unwrap();
    let server = Server::start(&[file.to_str().unwrap()]);
    let mut client = server.client();
    client.ask("CONFIG SET timeout 99");
    assert_eq!(client.ask("CONFIG REWRITE"), "OK");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("# stays\ntimeout 99\n"));
    let without = Server::start(&[]);
    assert_eq!(without.client().ask("CONFIG REWRITE"), "-ERR The server is running without a config file");
}
