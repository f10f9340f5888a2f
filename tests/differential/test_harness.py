"""The comparison itself: planted differences are found, named and shrunk."""

import random

import pytest

from differential.normal import normal
from differential.replay import compare, confirmed, shrunk
from differential.sequences import sequence
from harness.resp import NIL, NULL, Double, Fault, Map, Status
from harness.server import Server


@pytest.fixture(scope="module")
def unequal():
    """Two Valkeys; the second lacks INCR and packs hashes smaller."""
    servers = [Server("valkey"), Server("valkey", {"rename-command": ["INCR", ""], "hash-max-listpack-entries": "2"})]
    yield servers
    for server in servers:
        server.remove()


def test_a_command_that_one_lacks_is_found_and_shrunk_to_itself(unequal):
    commands = sequence(random.Random(3), "strings", 10) + [[b"INCR", b"n"]] + sequence(random.Random(4), "strings", 10)
    found = confirmed(*unequal, commands, 2)
    assert found is not None
    small = shrunk(*unequal, found)
    assert len(small.commands) == 1 and small.commands[0][0] == b"INCR"
    assert "expected:" in small.text() and "unknown command" in small.text()


def test_a_dataset_that_differs_only_in_encoding_is_found(unequal):
    commands = [[b"SET", b"a", b"1"], [b"HSET", b"h1", b"a", b"b", b"c", b"d", b"e", b"f"], [b"GET", b"a"]]
    found = compare(*unequal, commands, 2)
    assert found.at is None and found.what.startswith("encoding of h1")
    assert shrunk(*unequal, found).commands == [[b"HSET", b"h1", b"a", b"b", b"c", b"d", b"e", b"f"]]


def test_equal_servers_show_no_difference(unequal):
    assert compare(unequal[0], unequal[0], [[b"SET", b"a", b"1"], [b"APPEND", b"a", b"2"]], 3) is None


@pytest.mark.parametrize(
    "one, other",
    [
        (Status(b"OK"), b"OK"),
        (NIL, NULL),
        (1, True),
        (Double(b"1"), Double(b"1.0")),
        ([], Map([])),
        (Fault(b"ERR a"), Fault(b"ERR b")),
        (1, b"1"),
        ([b"a", b"b"], [b"b", b"a"]),
    ],
)
def test_replies_that_a_client_can_tell_apart_are_not_equal(one, other):
    assert normal([b"X"], one) != normal([b"X"], other)


def test_errors_may_replace_what_is_not_utf_8_and_nothing_else():
    assert normal([b"X"], Fault(b"ERR '\xff'")) == normal([b"X"], Fault("ERR '\ufffd'".encode()))
    assert normal([b"X"], Fault(b"ERR 'a\0b' c")) == normal([b"X"], Fault(b"ERR 'a' c"))
    assert normal([b"X"], Fault(b"ERR 'a'")) != normal([b"X"], Fault(b"ERR 'b'"))


def test_times_may_be_off_by_the_tolerance_and_no_more():
    assert normal([b"TTL", b"k"], 100) == normal([b"TTL", b"k"], 99)
    assert normal([b"TTL", b"k"], 100) != normal([b"TTL", b"k"], 97)
    assert normal([b"TTL", b"k"], -1) != normal([b"TTL", b"k"], -2)
