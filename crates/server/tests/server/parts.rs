//! Replies so large that they are written in parts: their bytes, their order, and what else goes on meanwhile.

use super::harness::{Client, Server, field};
use ramekin_resp::Frame;
use std::io::{Read as _, Write as _};

const ELEMENTS: usize = 60_000;
/// What the server holds of a reply at most: a part, and what one read of the socket's buffer left of it.
const HELD_BYTES_MAX: u64 = 1 << 20;

fn element(number: usize) -> Vec<u8> {
    // One of them is a large string by itself.
    let length = if number == 30_000 { 700_000 } else { 100 };
    format!("{number}:").bytes().cycle().take(length).collect()
}

/// A list, a hash and a string of some megabytes each.
fn fill(client: &mut Client) {
    for first in (0..ELEMENTS).step_by(1000) {
        let elements: Vec<Vec<u8>> = (first..first + 1000).map(element).collect();
        let names: Vec<String> = (first..first + 1000).map(|number| format!("field:{number}")).collect();
        let mut push: Vec<&[u8]> = vec![b"RPUSH", b"list"];
        push.extend(elements.iter().map(Vec::as_slice));
        client.send_words(&push);
        client.read();
        let mut set: Vec<&[u8]> = vec![b"HSET", b"hash"];
        set.extend(names.iter().zip(&elements).flat_map(|(name, value)| [name.as_bytes(), value]));
        client.send_words(&set);
        client.read();
    }
    client.send_words(&[b"SET", b"string", &text()]);
    assert_eq!(client.read(), "OK");
}

fn text() -> Vec<u8> {
    (0..ELEMENTS).flat_map(|number| format!("{number:0100}").into_bytes()).collect()
}

fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn list_reply(range: std::ops::Range<usize>) -> Vec<u8> {
    let mut reply = format!("*{}\r\n", range.len()).into_bytes();
    range.for_each(|number| reply.extend(bulk(&element(number))));
    reply
}

/// Reads exactly these bytes.
fn expect_bytes(client: &mut Client, expected: &[u8], what: &str) {
    let mut got = vec![0; expected.len()];
    client.stream.read_exact(&mut got).unwrap();
    assert!(got == expected, "{what}: the reply differs");
}

fn info(client: &mut Client, name: &str) -> u64 {
    let text = client.ask("INFO everything").replace("\r\n", " ").replace(':', "=");
    field(&text, name).parse().unwrap_or_else(|_| panic!("{name} is no number"))
}

/// Asks for a reply that is not read, and returns once some of it is sent.
fn begin(server: &Server, command: &str) -> Client {
    let (mut lazy, mut other) = (server.client(), server.client());
    let id = lazy.ask("CLIENT ID");
    lazy.send(command);
    let sent = |line: &str| field(line, "tot-net-out").parse::<u64>().unwrap();
    while !other.ask(&format!("CLIENT LIST ID {id}")).lines().any(|line| sent(line) > 100_000) {}
    lazy
}

#[test]
fn a_reply_in_parts_has_the_bytes_of_a_whole_one() {
    let server = Server::start(&[]);
    let mut client = server.client();
    fill(&mut client);
    for protocol in ["HELLO 2", "HELLO 3"] {
        client.ask(protocol);
        client.send("LRANGE list 0 -1");
        expect_bytes(&mut client, &list_reply(0..ELEMENTS), "all of a list");
        client.send("LRANGE list 9 -2");
        expect_bytes(&mut client, &list_reply(9..ELEMENTS - 1), "a part of a list");
        client.send("GET string");
        expect_bytes(&mut client, &bulk(&text()), "a string");
        client.send("GETRANGE string 123 -300001");
        expect_bytes(&mut client, &bulk(&text()[123..text().len() - 300_000]), "a part of a string");
        client.send("MGET string none string");
        let none: &[u8] = if protocol == "HELLO 3" { b"_\r\n" } else { b"$-1\r\n" };
        let expected = [b"*3\r\n", &bulk(&text())[..], none, &bulk(&text())].concat();
        expect_bytes(&mut client, &expected, "a string between others");
    }
}

#[test]
fn all_of_a_hash_is_its_fields_in_one_order() {
    let server = Server::start(&[]);
    let mut client = server.client();
    fill(&mut client);
    client.ask("HELLO 3");
    let strings = |frame: Option<Frame>| {
        let Some(Frame::Array(items)) = frame else { panic!("no array: {frame:?}") };
        items.into_iter().map(|item| if let Frame::Bulk(bytes) = item { bytes } else { panic!("{item:?}") })
    };
    client.send("HKEYS hash");
    let names: Vec<Vec<u8>> = strings(client.frame()).collect();
    client.send("HVALS hash");
    let values: Vec<Vec<u8>> = strings(client.frame()).collect();
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = names.into_iter().zip(values).collect();
    for header in ["%60000\r\n", "*120000\r\n"] {
        client.send("HGETALL hash");
        let mut expected = header.as_bytes().to_vec();
        pairs.iter().for_each(|(name, value)| expected.extend([bulk(name), bulk(value)].concat()));
        expect_bytes(&mut client, &expected, header);
        client.ask("HELLO 2");
    }
    let mut sorted: Vec<_> = pairs;
    sorted.sort();
    let mut made: Vec<_> =
        (0..ELEMENTS).map(|number| (format!("field:{number}").into_bytes(), element(number))).collect();
    made.sort();
    assert!(sorted == made);
}

#[test]
fn replies_in_parts_keep_their_places_in_pipelines_and_transactions() {
    // What was just written waits for the disk first.
    for flags in [&[][..], &["--appendfsync", "always"]] {
        let server = Server::start(flags);
        let mut client = server.client();
        fill(&mut client);
        let (list, string) = (list_reply(0..ELEMENTS), bulk(&text()));
        let pipeline = b"APPEND string x\r\nGET string\r\nINCR n\r\nLRANGE list 0 -1\r\nPING\r\n\
            MULTI\r\nGET string\r\nINCR n\r\nLRANGE list 0 -1\r\nSET string short\r\nGET string\r\nEXEC\r\n\
            CLIENT REPLY SKIP\r\nLRANGE list 0 -1\r\nPING\r\n\
            CLIENT REPLY OFF\r\nLRANGE list 0 -1\r\nCLIENT REPLY ON\r\nGET n\r\nLRANGE list 0 -1\r\nQUIT\r\n";
        client.stream.write_all(pipeline).unwrap();
        let longer = bulk(&[&text()[..], b"x"].concat());
        let queued = b"+QUEUED\r\n".repeat(5);
        assert_ne!(string, longer);
        let expected: [&[u8]; 18] = [
            b":6000001\r\n",
            &longer,
            b":1\r\n",
            &list,
            b"+PONG\r\n",
            b"+OK\r\n",
            &queued,
            b"*5\r\n",
            &longer,
            b":2\r\n",
            &list,
            b"+OK\r\n",
            b"$5\r\nshort\r\n",
            b"+PONG\r\n",
            b"+OK\r\n",
            b"$1\r\n2\r\n",
            &list,
            b"+OK\r\n",
        ];
        expect_bytes(&mut client, &expected.concat(), "a pipeline");
        assert!(client.is_closed());
    }
}

#[test]
fn others_are_served_while_a_large_reply_is_read_slowly_and_little_of_it_is_held() {
    let server = Server::start(&[]);
    let mut other = server.client();
    let megabyte = vec![b'x'; 1 << 20];
    for _ in 0..256 {
        other.send_words(&[b"APPEND", b"huge", &megabyte]);
        other.read();
    }
    let writes = info(&mut other, "total_writes_processed");
    let mut slow = begin(&server, "GET huge");
    let (mut left, mut answered) = ((256 << 20) + 14, 0);
    while left > 0 {
        let mut some = vec![0; left.min(4 << 20)];
        slow.stream.read_exact(&mut some).unwrap();
        left -= some.len();
        assert_eq!(other.ask("PING"), "PONG");
        answered += 1;
        let lines = other.ask("CLIENT LIST SKIPME yes");
        for line in lines.lines() {
            let held: u64 = field(line, "omem").parse().unwrap();
            assert!(held <= HELD_BYTES_MAX, "{held} bytes are held: {line}");
        }
    }
    assert!(answered >= 64);
    // Each part is a write of its own, so nobody waits for more than one.
    let writes = info(&mut other, "total_writes_processed") - writes;
    assert!(writes >= 900, "256 MB were sent in {writes} writes");
    assert_eq!(slow.ask("PING"), "PONG");
}

#[test]
fn what_is_being_sent_is_the_value_of_its_moment() {
    let server = Server::start(&[]);
    let mut other = server.client();
    fill(&mut other);
    let (list, string) = (list_reply(0..ELEMENTS), bulk(&text()));
    let mut readers = [
        begin(&server, "LRANGE list 0 -1"),
        begin(&server, "LRANGE list 0 -1"),
        begin(&server, "GET string"),
        begin(&server, "GET string"),
    ];
    for change in [
        "LSET list 59999 other",
        "LTRIM list 5 10",
        "SETRANGE string 5999999 other",
        "HDEL hash field:1",
        "DEL list",
        "SET string short",
        "FLUSHALL SYNC",
    ] {
        assert!(!other.ask(change).starts_with('-'), "{change}");
    }
    for (reader, expected) in readers.iter_mut().zip([&list, &list, &string, &string]) {
        expect_bytes(reader, expected, "a value of before");
        assert_eq!(reader.ask("EXISTS list string"), "0");
    }
}

#[test]
fn a_reply_in_parts_counts_as_a_whole_where_output_is_limited() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 5mb 0 0"]);
    let mut client = server.client();
    fill(&mut client);
    for command in ["GET string", "LRANGE list 0 -1", "HGETALL hash"] {
        let mut reader = server.client();
        reader.send(command);
        assert_eq!(reader.frame(), None, "{command}");
    }
    // Less than that is sent, in parts or not.
    client.send("GETRANGE string 0 4500000");
    expect_bytes(&mut client, &bulk(&text()[..4_500_001]), "less than the limit");
    assert_eq!(client.ask("LRANGE list 0 0"), format!("[{}]", String::from_utf8(element(0)).unwrap()));
}
