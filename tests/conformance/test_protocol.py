"""The bytes on the wire: inline commands, pipelines cut anywhere, garbage, and RESP3's own types."""

import random
import socket

import pytest

from harness.resp import NIL, NULL, Big, Double, Fault, Map, Push, Set, Verbatim, encode, exact


def typed(server, text, wait_for):
    """What a plain socket gets back for typed text, as nc would show it."""
    with socket.create_connection(server.address, timeout=5) as s:
        s.sendall(text)
        got = b""
        while len(got) < len(wait_for):
            data = s.recv(65536)
            if not data:
                break
            got += data
        return got


@pytest.mark.parametrize(
    "text, answer",
    [
        (b"PING\r\n", b"+PONG\r\n"),
        (b"ping\n", b"+PONG\r\n"),
        (b"  SET   a   1  \r\nGET a\r\n", b"+OK\r\n$1\r\n1\r\n"),
        (b'SET "a b" "x\\x41\\n\\"y"\r\nGET "a b"\r\n', b'+OK\r\n$5\r\nxA\n"y\r\n'),
        (b"SET k 'single \\' quote'\r\nGET k\r\n", b"+OK\r\n$14\r\nsingle ' quote\r\n"),
        (b'SET k ""\r\nGET k\r\n', b"+OK\r\n$0\r\n\r\n"),
        (b"\r\n\r\nPING\r\n", b"+PONG\r\n"),
        (b"SET k \xfd\xfe\r\nGET k\r\n", b"+OK\r\n$2\r\n\xfd\xfe\r\n"),
        (b'PING "a\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
        (b"PING 'a'b\r\n", b"$2\r\nab\r\n"),
        (b"NOSUCH x\r\n", b"-ERR unknown command 'NOSUCH', with args beginning with: 'x' \r\n"),
    ],
)
def test_inline_commands_work_as_typed(server, text, answer):
    assert typed(server, text, answer) == answer


def test_inline_and_resp_may_follow_each_other(server):
    answer = b"+PONG\r\n+OK\r\n$1\r\n1\r\n"
    assert typed(server, b"PING\r\n" + encode(["SET", "k", 1]) + b"GET k\r\n", answer) == answer


def test_a_pipeline_cut_anywhere_is_the_same_pipeline(server):
    r = random.Random(5)
    data = (
        b"".join(
            encode(["SET", f"k{i}", b"\r\n*3\r\n$" * r.randrange(4)]) + encode(["GET", f"k{i}"]) for i in range(60)
        )
        + b"PING inline\r\n"
    )
    with server.client() as whole:
        whole.raw(data)
        expected = [whole.read() for _ in range(121)]
    for seed in range(25):
        r = random.Random(seed)
        with server.client() as client:
            rest = data
            while rest:
                size = r.choice([1, 1, 2, 3, 5, 8, 17, 100, 2000])
                client.raw(rest[:size])
                rest = rest[size:]
            assert [client.read() for _ in range(121)] == expected, seed


def test_a_deep_pipeline_is_answered_in_order(client):
    client.raw(b"".join(encode(["ECHO", i]) for i in range(100_000)))
    assert all(client.read() == b"%d" % i for i in range(100_000))


@pytest.mark.parametrize(
    "garbage, error",
    [
        (b"*1\r\nX4\r\nPING\r\n", b"ERR Protocol error: expected '$', got 'X'"),
        (b"*x\r\n", b"ERR Protocol error: invalid multibulk length"),
        (b"*2147483648\r\n", b"ERR Protocol error: invalid multibulk length"),
        (b"*1\r\n$x\r\n", b"ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$-1\r\n", b"ERR Protocol error: invalid bulk length"),
        (b"*1\r\n$536870913\r\n", b"ERR Protocol error: invalid bulk length"),
        (b"x" * 70_000, b"ERR Protocol error: too big inline request"),
        (b"*" + b"1" * 70_000, b"ERR Protocol error: too big mbulk count string"),
        (b"*1\r\n$" + b"1" * 70_000, b"ERR Protocol error: too big bulk count string"),
    ],
)
def test_garbage_gets_an_error_and_the_connection_closes(server, connect, garbage, error):
    bystander = connect()
    client = connect()
    client.raw(garbage)
    assert client.read() == error
    assert client.closed()
    assert bystander("PING") == b"PONG"


def test_empty_and_negative_multibulks_are_passed_over(client):
    client.raw(b"*0\r\n*-1\r\n*-5\r\nPING\r\n")
    assert client.read() == b"PONG"


def test_random_bytes_never_hurt_the_server(server, connect):
    r = random.Random(9)
    for _ in range(200):
        with connect() as client:
            try:
                client.raw(bytes(r.randrange(256) for _ in range(r.randrange(1, 400))))
                client.socket.shutdown(socket.SHUT_WR)
                client.closed(0.5)
            except OSError:
                pass
    assert server.alive()
    with server.client() as client:
        assert client("PING") == b"PONG"


def test_what_looks_like_http_is_cut_off(server):
    for line in (b"POST / HTTP/1.1\r\n", b"Host: example.com\r\n"):
        with socket.create_connection(server.address, timeout=5) as s:
            s.sendall(line + b"PING\r\n")
            assert s.recv(100) == b""


def test_half_closed_connections_still_get_their_replies(server):
    with socket.create_connection(server.address, timeout=5) as s:
        s.sendall(b"".join(encode(["ECHO", "x" * 100]) for _ in range(500)))
        s.shutdown(socket.SHUT_WR)
        got = b""
        while data := s.recv(65536):
            got += data
        # A server may drop a half-closed client, but never sends a torn prefix out of order.
        assert (b"$100\r\n" + b"x" * 100 + b"\r\n").startswith(got[:108])


@pytest.mark.parametrize(
    "wire, expected",
    [
        ("string", bytes),
        ("integer", int),
        ("double", Double),
        ("null", type(NULL)),
        ("array", list),
        ("set", Set),
        ("map", Map),
        ("verbatim", Verbatim),
        ("true", bool),
        ("false", bool),
        ("bignum", Big),
    ],
)
def test_debug_protocol_sends_each_type_of_resp3(client3, wire, expected):
    assert type(client3("DEBUG", "PROTOCOL", wire)) is expected


def test_debug_protocol_push_is_out_of_band(client3):
    assert client3("DEBUG", "PROTOCOL", "push") == b"Some real reply following the push reply"
    arrived = client3.pushes or [client3.read_any()]
    assert isinstance(arrived[0], Push)


@pytest.mark.parametrize(
    "wire, expected",
    [
        ("string", b"Hello World"),
        ("integer", 12345),
        ("double", b"3.141"),
        ("null", NIL),
        ("array", [0, 1, 2]),
        ("set", [0, 1, 2]),
        ("map", [0, 0, 1, 1, 2, 0]),
        ("verbatim", b"This is a verbatim\nstring"),
        ("true", 1),
        ("false", 0),
        ("bignum", b"1234567999999999999999999999999999999"),
        ("attrib", b"Some real reply following the attribute"),
        ("push", Fault(b"ERR RESP2 is not supported by this command")),
    ],
)
def test_debug_protocol_in_resp2_falls_back_to_what_resp2_has(client, wire, expected):
    assert exact(client("DEBUG", "PROTOCOL", wire)) == exact(expected)


def test_a_million_arguments_hurt_nobody(client, connect):
    other = connect()
    client.send("RPUSH", "l", *range(1_000_000))
    assert other("PING") == b"PONG"
    assert client.read() == 1_000_000
    client.send("NOSUCH", *["x"] * 1_000_000)
    assert client.read().startswith(b"ERR unknown command 'NOSUCH'")
    client("DEL", *[f"k{i}" for i in range(300_000)])
    assert client("MSET", *[x for i in range(200_000) for x in (f"k{i}", i)]) == b"OK"
    assert len(client("MGET", *[f"k{i}" for i in range(200_000)])) == 200_000


def test_errors_with_newlines_in_arguments_stay_one_line(client):
    assert client("CLIENT", "a\r\nb").startswith(b"ERR unknown subcommand 'a")
    assert client("PING") == b"PONG"
