"""DEBUG, as the test suites of clients use it."""

import re
import time


def test_debug_is_off_unless_enabled(start):
    with start({"enable-debug-command": "no"}).client() as client:
        assert client("DEBUG", "SLEEP", 0).startswith(b"ERR DEBUG command not allowed.")
        assert client("PING") == b"PONG"


def test_debug_digest_depends_on_the_data_alone(client):
    empty = client("DEBUG", "DIGEST")
    assert empty == b"0" * 40
    client("MSET", "a", 1, "b", 2)
    client("HSET", "h", "x", 1, "y", 2)
    first = client("DEBUG", "DIGEST")
    assert re.fullmatch(rb"[0-9a-f]{40}", first) and first != empty
    values = client("DEBUG", "DIGEST-VALUE", "a", "h", "nokey")
    client("FLUSHALL")
    client("HSET", "h", "y", 2)
    client("HSET", "h", "x", 1)
    client("MSET", "b", 2, "a", 1)
    assert client("DEBUG", "DIGEST") == first
    assert client("DEBUG", "DIGEST-VALUE", "a", "h", "nokey") == values
    client("SET", "a", 9)
    assert client("DEBUG", "DIGEST") != first


def test_debug_object_says_encoding_and_size(client):
    client("SET", "k", "v")
    assert b"encoding:embstr" in client("DEBUG", "OBJECT", "k")
    assert client("DEBUG", "OBJECT", "nokey") == b"ERR no such key"


def test_debug_reload_keeps_everything(client):
    client("SET", "k", "v")
    client("SET", "t", "v", "EX", 100)
    client("RPUSH", "l", *range(500))
    client("HSET", "h", "a", 1, "b", 2)
    client("HPEXPIREAT", "h", 4102444800123, "FIELDS", 1, "a")
    digest = client("DEBUG", "DIGEST")
    assert client("DEBUG", "RELOAD") == b"OK"
    assert client("DEBUG", "DIGEST") == digest
    assert 90 < client("TTL", "t") <= 100
    assert client("HPEXPIRETIME", "h", "FIELDS", 2, "a", "b") == [4102444800123, -1]


def test_a_sleeping_debug_holds_only_its_time(client):
    started = time.monotonic()
    assert client("DEBUG", "SLEEP", "0.1") == b"OK"
    assert 0.09 < time.monotonic() - started < 2
