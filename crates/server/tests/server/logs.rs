//! SLOWLOG, COMMANDLOG and MONITOR: what others did.

use super::harness::{Server, field};

#[test]
fn slow_commands_are_kept_newest_first_and_passwords_are_not() {
    let server = Server::start(&["--slowlog-log-slower-than", "0", "--slowlog-max-len", "4"]);
    let mut client = server.client();
    client.ask("CLIENT SETNAME me");
    let addr = client.about("addr");
    client.ask("CONFIG SET requirepass secret maxclients 50");
    client.ask("AUTH secret");
    client.ask("MULTI");
    client.ask("SET k v");
    client.ask("EXEC");
    let log = client.ask("SLOWLOG GET");
    for part in ["[SET, k, v]", "[AUTH, (redacted)]", "requirepass, (redacted), maxclients, 50"] {
        assert_eq!(log.matches(part).count(), 1, "{part} in {log}");
    }
    assert!(!log.contains("EXEC") && log.contains(&format!("{addr}, me]")), "{log}");
    assert_eq!(client.ask("SLOWLOG LEN"), "4");
    assert_eq!(client.ask("SLOWLOG GET 1").matches("me]").count(), 1);
    assert_eq!(client.ask("SLOWLOG GET -1").matches("me]").count(), 4);
    assert_eq!(client.ask("SLOWLOG GET -2"), "-ERR count should be greater than or equal to -1");
    assert!(
        client
            .ask("SLOWLOG GET 1 2")
            .starts_with("-ERR unknown subcommand or wrong number of arguments for 'GET'.")
    );
    client.ask("CONFIG SET slowlog-log-slower-than -1");
    assert_eq!(client.ask("SLOWLOG RESET"), "OK");
    assert_eq!(client.ask("SLOWLOG GET"), "[]");
}

#[test]
fn large_requests_and_replies_have_logs_of_their_own() {
    let flags = ["--commandlog-request-larger-than", "1000", "--commandlog-reply-larger-than", "2000"];
    let server = Server::start(&flags);
    let mut client = server.client();
    client.ask(&format!("SET k {}", "x".repeat(1990)));
    client.ask("GET k");
    client.ask("APPEND k 1234567890");
    client.ask("GET k");
    assert_eq!(client.ask("COMMANDLOG LEN large-request"), "1");
    assert_eq!(client.ask("COMMANDLOG LEN LARGE-REPLY"), "1");
    assert_eq!(client.ask("COMMANDLOG LEN slow"), "0");
    let request = client.ask("COMMANDLOG GET -1 large-request");
    assert!(request.contains(", 2019, [SET, k, ") && request.contains("... (1862 more bytes)"), "{request}");
    let reply = client.ask("COMMANDLOG GET 5 large-reply");
    assert!(reply.contains(", 2009, [GET, k]"), "{reply}");
    assert_eq!(client.ask("COMMANDLOG RESET large-reply"), "OK");
    assert_eq!(client.ask("COMMANDLOG GET 5 large-reply"), "[]");
    assert_eq!(
        client.ask("COMMANDLOG GET 5 small"),
        "-ERR type should be one of the following: slow, large-request, large-reply"
    );
}

#[test]
fn a_monitor_sees_commands_as_they_are_run() {
    let server = Server::start(&[]);
    let (mut monitor, mut client) = (server.client(), server.client());
    assert_eq!(monitor.ask("MONITOR"), "OK");
    assert_eq!(monitor.about("flags"), "O");
    let addr = client.about("addr");
    for command in [
        "CONFIG GET hz",
        "SELECT 3",
        "MULTI",
        "SET k a\"b",
        "EXEC",
        "AUTH secret",
        "HELLO 3 AUTH a b",
        "CLIENT ID",
    ] {
        client.ask(command);
    }
    let seen: Vec<String> = std::iter::repeat_with(|| monitor.read())
        .filter_map(|line| line.split_once(&format!(" {addr}] ")).map(|(_, command)| command.to_owned()))
        .take_while(|command| command != "\"CLIENT\" \"ID\"")
        .collect();
    let expected = [
        "\"CLIENT\" \"INFO\"",
        "\"SELECT\" \"3\"",
        "\"MULTI\"",
        "\"SET\" \"k\" \"a\\\"b\"",
        "\"EXEC\"",
        "\"AUTH\" \"(redacted)\"",
        "\"HELLO\" \"3\" \"AUTH\" \"(redacted)\" \"(redacted)\"",
    ];
    assert_eq!(seen, expected);
    monitor.send("GET k");
    assert_eq!(monitor.read(), "-ERR Replica can't interact with the keyspace");
    monitor.send("RESET");
    while monitor.read() != "RESET" {}
    client.ask("PING");
    assert_eq!(monitor.ask("GET k"), "null");
    assert_eq!(field(&client.ask("CLIENT LIST FLAGS O"), "id"), "");
    client.ask("MULTI");
    client.ask("MONITOR");
    assert_eq!(client.ask("EXEC"), "[-ERR MONITOR isn't allowed for DENY BLOCKING client]");
}
