//! TIME, ROLE, LASTSAVE, READONLY, READWRITE, LOLWUT.

use super::harness::Server;

#[test]
fn small_questions_are_answered() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let time = client.ask("TIME");
    let (seconds, micros) = time.trim_matches(['[', ']']).split_once(", ").unwrap();
    let (seconds, micros): (u64, u64) = (seconds.parse().unwrap(), micros.parse().unwrap());
    assert!(seconds > 1_700_000_000 && micros < 1_000_000);
    client.ask("SET k v");
    assert_eq!(client.ask("WAITAOF 1 0 0"), "[1, 0]");
    assert!(client.ask("LASTSAVE").parse::<u64>().unwrap() >= seconds);
    assert_eq!(client.ask("ROLE"), "[master, 0, []]");
    assert_eq!([client.ask("READONLY"), client.ask("READWRITE")], ["OK", "OK"]);
}

#[test]
fn art_ends_with_the_version_and_keeps_to_its_size() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for command in ["LOLWUT", "LOLWUT VERSION 5", "LOLWUT version 6 20", "LOLWUT 20 3"] {
        let art = client.ask(command);
        assert!(art.lines().last().unwrap().starts_with("Ramekin ver. "), "{art}");
    }
    assert!(client.ask("LOLWUT 20 3").lines().all(|line| line.len() <= 20));
    assert_eq!(client.ask("LOLWUT x"), "-ERR value is not an integer or out of range");
    assert_eq!(client.ask("LOLWUT 1 2 3"), "-ERR Syntax error. Use: LOLWUT [columns [rows]]");
}
