"""SCAN's promise: what is there from the beginning to the end is returned, however the keyspace grows or shrinks."""

import random


def scan(client, *options, command=("SCAN",)):
    """All that a full iteration returns, and the number of calls."""
    cursor, found, calls = b"0", [], 0
    while True:
        cursor, items = client(*command, cursor, *options)
        found += items
        calls += 1
        if cursor == b"0":
            return found, calls


def test_a_full_scan_returns_every_key(client):
    client.pipeline([["SET", f"key:{i}", i] for i in range(5000)])
    found, calls = scan(client, "COUNT", 100)
    assert set(found) == {b"key:%d" % i for i in range(5000)}
    assert len(found) < 5500
    assert 10 <= calls <= 600


def test_keys_present_throughout_are_returned_while_the_keyspace_grows_and_shrinks(client):
    r = random.Random(11)
    stay = {b"stay:%d" % i for i in range(2000)}
    client.pipeline([["SET", key, 1] for key in stay])
    for scenario in ("grow", "shrink", "both"):
        if scenario != "grow":
            client.pipeline([["SET", f"fill:{i}", 1] for i in range(20000)])
        cursor, seen, step = b"0", set(), 0
        while True:
            cursor, items = client("SCAN", cursor, "COUNT", 100)
            seen.update(items)
            if cursor == b"0":
                break
            if scenario in ("grow", "both") and step < 80:
                client.pipeline([["SET", f"new:{scenario}:{step}:{i}", 1] for i in range(150)])
            if scenario in ("shrink", "both") and step < 80:
                client.pipeline([["DEL", f"fill:{r.randrange(20000)}"] for _ in range(300)])
            step += 1
            assert step < 20000, "the scan does not end"
        assert stay <= seen, scenario


def test_scan_filters_by_pattern_and_type(client):
    client("MSET", "a1", 1, "a2", 2, "b1", 3)
    client("RPUSH", "a3", 1)
    assert set(scan(client, "MATCH", "a*")[0]) == {b"a1", b"a2", b"a3"}
    assert set(scan(client, "MATCH", "a*", "TYPE", "string")[0]) == {b"a1", b"a2"}
    assert scan(client, "TYPE", "LIST")[0] == [b"a3"]


def test_scan_refuses_what_is_not_a_cursor(client):
    assert client("SCAN", "x") == b"ERR invalid cursor"
    assert client("SCAN", "0", "COUNT", 0) == b"ERR syntax error"
    assert client("SCAN", "0", "COUNT", "x").startswith(b"ERR value is not an integer")
    assert client("SCAN", "0", "NOPE", 1) == b"ERR syntax error"


def test_a_cursor_from_nowhere_is_harmless(client):
    client.pipeline([["SET", f"k{i}", i] for i in range(300)])
    for cursor in (1, 77, 12345678901, 18446744073709551615):
        reply = client("SCAN", cursor, "COUNT", 10)
        assert isinstance(reply, list) and len(reply) == 2


def test_hscan_keeps_the_promise_while_the_hash_changes(client):
    stay = {b"stay:%d" % i for i in range(2000)}
    client("HSET", "h", *[x for f in stay for x in (f, 1)])
    cursor, seen, step = b"0", set(), 0
    while True:
        cursor, items = client("HSCAN", "h", cursor, "COUNT", 20)
        seen.update(items[::2])
        if cursor == b"0":
            break
        if step < 100:
            client("HSET", "h", *[x for i in range(100) for x in (f"new:{step}:{i}", 1)])
        step += 1
        assert step < 20000
    assert stay <= seen


def test_scan_sees_each_database_alone(client):
    client("SET", "zero", 1)
    client("SELECT", 2)
    client("SET", "two", 1)
    assert scan(client)[0] == [b"two"]
