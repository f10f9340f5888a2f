//! SHUTDOWN ends the server, and everything acknowledged is there again.

use super::harness::Server;

#[test]
fn a_server_that_is_told_to_ends_without_an_error_and_a_reply() {
    for command in ["SHUTDOWN", "SHUTDOWN NOSAVE", "shutdown save now force"] {
        let server = Server::start(&[]);
        let (mut client, mut waiting) = (server.client(), server.client());
        client.ask("SET k v");
        waiting.send("BLPOP q 0");
        client.send(command);
        assert_eq!(client.frame(), None, "{command}");
        assert!(waiting.is_closed());
        assert_eq!(server.ended(), Ok(()), "{command}");
    }
}

#[test]
fn a_shutdown_that_makes_no_sense_is_refused() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.ask("SHUTDOWN ABORT"), "-ERR No shutdown in progress.");
    assert_eq!(client.ask("SHUTDOWN SAVE NOSAVE"), "-ERR syntax error");
    client.ask("MULTI");
    assert_eq!(client.ask("SHUTDOWN"), "-ERR Command 'shutdown' not allowed inside a transaction");
}
