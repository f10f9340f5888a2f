//! COMMAND.

use super::harness::{Server, show};
use ramekin_resp::Frame;

#[test]
fn details_of_a_command_have_the_ten_fields_that_clients_read() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(
        client.ask("COMMAND INFO get nothing"),
        "[[get, 2, [readonly, fast], 1, 1, 1, [@read, @string, @fast], [], [[flags, [RO, access], begin_search, \
         [type, index, spec, [index, 1]], find_keys, [type, range, spec, [lastkey, 0, keystep, 1, limit, 0]]]], []], null]"
    );
    assert_eq!(
        client.ask("COMMAND INFO lmpop"),
        "[[lmpop, -4, [write, movablekeys], 0, 0, 0, [@write, @list, @slow], [], [[flags, [RW, access, delete], \
         begin_search, [type, index, spec, [index, 1]], find_keys, [type, keynum, spec, [keynumidx, 0, firstkey, 1, \
         keystep, 1]]]], []]]"
    );
    client.ask("HELLO 3");
    assert_eq!(
        client.ask("COMMAND INFO client|id"),
        "[[client|id, 2, ~[noscript, loading, stale, allow_busy], 0, 0, 0, ~[@slow, @connection], ~[], ~[], []]]"
    );
    assert_eq!(
        client.ask("COMMAND INFO rename"),
        "[[rename, 3, ~[write], 1, 2, 1, ~[@keyspace, @write, @slow], ~[], ~[{flags: ~[RW, access, delete], \
         begin_search: {type: index, spec: {index: 1}}, find_keys: {type: range, spec: {lastkey: 0, keystep: 1, limit: \
         0}}}, {flags: ~[OW, update], begin_search: {type: index, spec: {index: 2}}, find_keys: {type: range, spec: \
         {lastkey: 0, keystep: 1, limit: 0}}}], []]]"
    );
}

#[test]
fn all_ways_to_list_commands_agree() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let count = client.ask("COMMAND COUNT");
    for command in ["COMMAND", "COMMAND INFO", "COMMAND LIST", "command list"] {
        client.send(command);
        let Some(Frame::Array(mut rows)) = client.frame() else { panic!("{command} gives no array") };
        // LIST names subcommands too.
        let all = rows.len();
        rows.retain(|row| !matches!(row, Frame::Bulk(name) if name.contains(&b'|')));
        assert_eq!(rows.len() < all, command.eq_ignore_ascii_case("command list"), "{command}");
        assert_eq!(rows.len().to_string(), count, "{command}");
    }
    client.send("COMMAND INFO config");
    let Some(Frame::Array(rows)) = client.frame() else { panic!("no array") };
    let Frame::Array(config) = &rows[0] else { panic!("no array") };
    let Frame::Array(subcommands) = &config[9] else { panic!("no subcommands") };
    assert!(subcommands.iter().any(|row| show(row).starts_with("[config|resetstat, 2,")));
}

#[test]
fn lists_are_filtered() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.ask("COMMAND LIST FILTERBY PATTERN lpush*"), "[lpush, lpushx]");
    assert_eq!(client.ask("COMMAND LIST FILTERBY PATTERN memory|D*"), "[memory|doctor]");
    assert_eq!(client.ask("COMMAND LIST FILTERBY MODULE any"), "[]");
    assert_eq!(
        client.ask("COMMAND LIST FILTERBY ACLCAT Transaction"),
        "[multi, exec, discard, watch, unwatch]"
    );
    assert_eq!(client.ask("COMMAND LIST FILTERBY ACLCAT @read"), "[]");
    for wrong in ["COMMAND LIST FILTERBY MODULE", "COMMAND LIST x y z", "COMMAND LIST FILTERBY x y"] {
        assert_eq!(client.ask(wrong), "-ERR syntax error", "{wrong}");
    }
}

#[test]
fn documentation_is_a_tree_of_arguments() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.ask("COMMAND DOCS nothing"), "[]");
    client.ask("HELLO 3");
    assert_eq!(
        client.ask("COMMAND DOCS flushdb ping"),
        "{flushdb: {summary: Removes all keys from the current database., since: 1.0.0, group: server, complexity: O(1); \
         the memory of N keys is freed apart in O(N), arguments: [{name: flush-type, type: oneof, flags: ~[optional], \
         arguments: [{name: async, type: pure-token, display_text: async, token: ASYNC}, {name: sync, type: pure-token, \
         display_text: sync, token: SYNC}]}]}, ping: {summary: Returns the server's liveliness response., since: 1.0.0, \
         group: connection, complexity: O(1), arguments: [{name: message, type: string, display_text: message, flags: \
         ~[optional]}]}}"
    );
    let copy = client.ask("COMMAND DOCS copy");
    assert!(
        copy.contains("{name: destination, type: key, display_text: destination, key_spec_index: 1}"),
        "{copy}"
    );
    let slowlog = client.ask("COMMAND DOCS slowlog");
    assert!(slowlog.contains("subcommands: {slowlog|get: {summary: "), "{slowlog}");
    assert!(client.ask("COMMAND DOCS debug").contains("doc_flags: ~[syscmd]"));
    assert!(client.ask("COMMAND DOCS").len() > 20_000);
}

#[test]
fn keys_are_found_in_a_command_and_told_with_their_use() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let cases = [
        ("GETKEYS get a", "[a]"),
        ("GETKEYS mset a 1 b 2", "[a, b]"),
        ("GETKEYS lmpop 2 a b left", "[a, b]"),
        ("GETKEYS sort a by w_* get n_* store d", "[a, d]"),
        ("GETKEYS object encoding k", "[k]"),
        ("GETKEYSANDFLAGS set a b", "[[a, [OW, update]]]"),
        ("GETKEYSANDFLAGS set a b get", "[[a, [RW, access, update]]]"),
        ("GETKEYSANDFLAGS rename a b", "[[a, [RW, access, delete]], [b, [OW, update]]]"),
        ("GETKEYSANDFLAGS sort a store d", "[[a, [RO, access]], [d, [OW, update]]]"),
        ("GETKEYSANDFLAGS memory usage k", "[[k, [RO]]]"),
        ("GETKEYS get", "-ERR Invalid number of arguments specified for command"),
        ("GETKEYS nothing a", "-ERR Invalid command specified"),
        ("GETKEYS object nothing k", "-ERR Invalid command specified"),
        ("GETKEYS ping", "-ERR The command has no key arguments"),
        ("GETKEYS client", "-ERR The command has no key arguments"),
        ("GETKEYS lmpop 0 a left", "-ERR Invalid arguments specified for command"),
    ];
    for (command, reply) in cases {
        assert_eq!(client.ask(&format!("COMMAND {command}")), reply, "{command}");
    }
}

#[test]
fn a_subcommand_is_no_command_by_itself() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(
        client.ask("config|get x"),
        "-ERR unknown command 'config|get', with args beginning with: 'x' "
    );
    assert_eq!(client.ask("COMMAND nothing"), "-ERR unknown subcommand 'nothing'. Try COMMAND HELP.");
    assert_eq!(client.ask("COMMAND COUNT x"), "-ERR wrong number of arguments for 'command|count' command");
    assert!(client.ask("COMMAND HELP").starts_with("[COMMAND <subcommand>"));
}

#[test]
fn every_container_helps() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let all = [
        "CLIENT HELP",
        "COMMAND HELP",
        "COMMANDLOG HELP",
        "CONFIG HELP",
        "LATENCY HELP",
        "MEMORY HELP",
        "OBJECT HELP",
        "SLOWLOG HELP",
    ];
    for command in all {
        let (container, _) = command.split_once(' ').unwrap();
        let help = client.ask(command);
        assert!(
            help.starts_with(&format!(
                "[{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, "
            )),
            "{help}"
        );
        assert!(help.ends_with(", HELP,     Print this help.]"), "{help}");
    }
}
