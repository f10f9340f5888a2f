"""CHANGES: which keys have changed lately."""

import time

import pytest

pytestmark = pytest.mark.ours


def cursor(client):
    """A cursor of now."""
    now, lost, changes = client("CHANGES")
    assert (lost, changes) == (0, [])
    return now


def since(client, at, *options):
    """Changes since a cursor as (key, event), and the next cursor."""
    now, lost, changes = client("CHANGES", "SINCE", at, *options)
    assert lost == 0
    return [(key, event) for _db, key, event, _lsn in changes], now


def test_each_change_is_told_in_its_order(client):
    at = cursor(client)
    client("SET", "a", "1")
    client("INCR", "a")
    client("EXPIRE", "a", 100)
    client("PERSIST", "a")
    client("RPUSH", "l", "1", "2")
    client("LPOP", "l")
    client("HSET", "h", "f", "1")
    client("HDEL", "h", "f")
    client("RENAME", "a", "b")
    client("TAG.ADD", "b", "red")
    client("DEL", "b", "none")
    found, at = since(client, at)
    assert found[:7] == [
        (b"a", b"set"),
        (b"a", b"set"),
        (b"a", b"expire"),
        (b"a", b"persist"),
        (b"l", b"push"),
        (b"l", b"pop"),
        (b"h", b"hset"),
    ]
    assert (b"b", b"set") in found and (b"a", b"del") in found and (b"b", b"tag") in found
    assert found[-1] == (b"b", b"del")
    assert since(client, at) == ([], at)


def test_reads_and_refused_commands_change_nothing(client):
    client("SET", "s", "x")
    at = cursor(client)
    client("GET", "s")
    client("INCR", "s")
    client("DEL", "none")
    assert since(client, at)[0] == []


def test_a_pattern_and_a_count_choose(client):
    at = cursor(client)
    for number in range(10):
        client("SET", f"user:{number}", number)
        client("SET", f"other:{number}", number)
    found, next_at = since(client, at, "MATCH", "user:*", "COUNT", 4)
    assert [key for key, _ in found] == [b"user:0", b"user:1", b"user:2", b"user:3"]
    found, _ = since(client, next_at, "MATCH", "user:*")
    assert [key for key, _ in found] == [f"user:{number}".encode() for number in range(4, 10)]


def test_a_transaction_is_told_as_it_was_made_and_its_number_is_one(client):
    at = cursor(client)
    client("MULTI")
    client("SET", "a", "1")
    client("LPUSH", "b", "1")
    client("EXEC")
    _, _, changes = client("CHANGES", "SINCE", at)
    assert [(key, event) for _, key, event, _ in changes] == [(b"a", b"set"), (b"b", b"push")]
    assert changes[0][3] == changes[1][3]


def test_what_expires_and_what_is_flushed_is_told(client):
    at = cursor(client)
    client("SET", "gone", "1", "PX", "20")
    deadline = time.monotonic() + 10
    found = []
    while (b"gone", b"expired") not in found and time.monotonic() < deadline:
        found, _ = since(client, at)
        time.sleep(0.02)
    assert found == [(b"gone", b"set"), (b"gone", b"expired")]
    client("SELECT", 3)
    client("SET", "x", "1")
    client("FLUSHDB")
    _, _, changes = client("CHANGES", "SINCE", at)
    assert [(db, key, event) for db, key, event, _ in changes[2:]] == [(3, b"x", b"set"), (3, b"", b"flushdb")]


def test_a_large_value_is_told_like_any_other(client):
    client("SET", "big", b"x" * (2 << 20))
    at = cursor(client)
    client("COPY", "big", "copy")
    assert (b"copy", b"set") in since(client, at)[0]


def test_a_cursor_of_another_time_says_that_changes_were_lost(client):
    at = cursor(client)
    assert client("CHANGES", "SINCE", at + 1000)[1] == 1


@pytest.mark.parametrize("words", [["SINCE"], ["SINCE", "x"], ["COUNT", "0"], ["UPTO", "1"], ["SINCE", "-1"]])
def test_wrong_words_are_refused(client, words):
    refused = client("CHANGES", *words)
    assert refused.startswith(b"ERR"), refused
