"""MULTI, EXEC, DISCARD, WATCH."""

import time

import pytest

from harness.resp import NIL, NIL_ARRAY, NULL


def test_commands_are_queued_and_run_together(client, connect):
    other = connect()
    assert client("MULTI") == b"OK"
    assert client("SET", "k", 1) == b"QUEUED"
    assert client("INCR", "k") == b"QUEUED"
    assert other("GET", "k") is NIL
    assert client("EXEC") == [b"OK", 2]
    assert other("GET", "k") == b"2"


def test_an_error_while_queueing_aborts_and_one_while_running_does_not(client):
    client("MULTI")
    client("SET", "k", 1)
    assert client("NOSUCH").startswith(b"ERR unknown command 'NOSUCH'")
    assert client("EXEC") == b"EXECABORT Transaction discarded because of previous errors."
    assert client("EXISTS", "k") == 0
    client("MULTI")
    client("SET", "k", "a")
    client("INCR", "k")
    client("SET", "m", 2)
    replies = client("EXEC")
    assert replies == [b"OK", b"ERR value is not an integer or out of range", b"OK"]
    assert client("GET", "m") == b"2"


def test_discard_forgets_and_exec_without_multi_is_an_error(client):
    client("MULTI")
    client("SET", "k", 1)
    assert client("DISCARD") == b"OK"
    assert client("EXISTS", "k") == 0
    assert client("EXEC") == b"ERR EXEC without MULTI"
    assert client("DISCARD") == b"ERR DISCARD without MULTI"
    client("MULTI")
    assert client("MULTI").startswith(b"ERR Command 'multi' not allowed inside a transaction")
    assert client("EXEC") == b"EXECABORT Transaction discarded because of previous errors."


@pytest.mark.parametrize(
    "change",
    [
        ("SET", "k", 2),
        ("DEL", "k"),
        ("EXPIRE", "k", 100),
        ("APPEND", "k", ""),
        ("RENAME", "k", "other"),
        ("FLUSHDB",),
        ("FLUSHALL",),
        ("MSET", "x", 1, "k", 1),
        ("COPY", "src", "k", "REPLACE"),
        ("RENAME", "src", "k"),
        ("MOVE", "k", 1),
        ("SWAPDB", 0, 1),
        ("UNLINK", "k"),
        ("SETRANGE", "k", 0, "1"),
        ("GETEX", "k", "EX", 10),
        ("PERSIST", "k"),
        ("SORT", "list", "STORE", "k"),
    ],
)
def test_a_watched_key_that_another_changes_aborts(client, connect, change):
    client("SET", "k", 1, "EX", 1000)
    client("SET", "src", 1)
    client("RPUSH", "list", 1)
    assert client("WATCH", "k") == b"OK"
    connect()(*change)
    client("MULTI")
    client("SET", "result", 1)
    assert client("EXEC") is NIL_ARRAY
    assert client("EXISTS", "result") == 0


@pytest.mark.parametrize(
    "no_change",
    [
        ("GET", "k"),
        ("SET", "other", 1),
        ("SETNX", "k", 5),
        ("DEL", "nokey"),
        ("TTL", "k"),
        ("SET", "k", 5, "NX"),
        ("PERSIST", "k"),
        ("EXPIRE", "k", 100, "XX"),
        ("LPUSHX", "nokey", 1),
        ("RENAMENX", "other", "k"),
        ("LTRIM", "list", 0, -1),
        ("SWAPDB", 1, 2),
    ],
)
def test_what_changes_nothing_does_not_abort(client, connect, no_change):
    client("SET", "k", 1)
    client("SET", "other", 1)
    client("RPUSH", "list", 1)
    client("WATCH", "k", "list")
    connect()(*no_change)
    client("MULTI")
    client("GET", "k")
    assert client("EXEC") == [b"1"]


@pytest.mark.parametrize("change", [("FLUSHDB",), ("FLUSHALL",), ("SWAPDB", 0, 1), ("SWAPDB", 1, 0)])
def test_a_change_of_the_database_does_not_abort_for_a_key_that_is_nowhere(client, connect, change):
    client("SET", "other", 1)
    client("WATCH", "nowhere")
    connect()(*change)
    client("MULTI")
    client("PING")
    assert client("EXEC") == [b"PONG"]


@pytest.mark.parametrize(("database", "reply"), [(0, NIL_ARRAY), (1, [b"PONG"])])
def test_a_watch_stays_with_the_number_of_its_database(client, connect, database, reply):
    client("WATCH", "k")
    other = connect()
    other("SWAPDB", 0, 1)
    other("SELECT", database)
    other("SET", "k", 1)
    client("MULTI")
    client("PING")
    assert client("EXEC") == reply


def test_an_abort_is_null_in_resp3(client3, connect):
    client3("WATCH", "k")
    connect()("SET", "k", 1)
    client3("MULTI")
    assert client3("EXEC") is NULL


def test_unwatch_and_discard_and_exec_end_a_watch(client, connect):
    other = connect()
    for end in (["UNWATCH"], ["MULTI", "DISCARD"], ["MULTI", "EXEC"]):
        client("WATCH", "k")
        for command in end:
            client(command)
        other("INCR", "k")
        client("MULTI")
        client("PING")
        assert client("EXEC") == [b"PONG"], end


def test_own_changes_abort_too(client):
    client("WATCH", "k")
    client("SET", "k", 1)
    client("MULTI")
    client("PING")
    assert client("EXEC") is NIL_ARRAY


def test_a_watched_key_that_expires_aborts(client):
    client("SET", "k", 1, "PX", 30)
    client("WATCH", "k")
    time.sleep(0.08)
    client("MULTI")
    client("PING")
    assert client("EXEC") is NIL_ARRAY


def test_a_watch_on_a_key_that_was_expired_already_stays_quiet(client):
    client("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    try:
        client("SET", "k", 1, "PX", 10)
        time.sleep(0.05)
        client("WATCH", "k")
        client("GET", "k")
        client("MULTI")
        client("PING")
        assert client("EXEC") == [b"PONG"]
    finally:
        client("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_blocking_commands_inside_a_transaction_do_not_wait(client):
    client("MULTI")
    client("BLPOP", "nokey", 0)
    client("BLMOVE", "nokey", "x", "LEFT", "LEFT", 0)
    client("BLMPOP", 0, 1, "nokey", "LEFT")
    client("BRPOPLPUSH", "nokey", "x", 0)
    assert client("EXEC") == [NIL_ARRAY, NIL, NIL_ARRAY, NIL]


def test_select_inside_a_transaction_lasts(client):
    client("MULTI")
    client("SET", "k", 0)
    client("SELECT", 3)
    client("SET", "k", 3)
    assert client("EXEC") == [b"OK", b"OK", b"OK"]
    assert client("GET", "k") == b"3"
    client("SELECT", 0)
    assert client("GET", "k") == b"0"


def test_a_large_transaction_is_one_reply(client):
    commands = [["MULTI"]] + [["INCR", "n"] for _ in range(20000)] + [["EXEC"]]
    assert client.pipeline(commands)[-1] == list(range(1, 20001))


def test_others_see_a_transaction_whole_or_not_at_all(client, connect):
    reader = connect()
    keys = [f"k{i}" for i in range(20)]
    for round_ in range(200):
        client.raw(b"MULTI\r\n" + b"".join(b"SET %s %d\r\n" % (k.encode(), round_) for k in keys) + b"EXEC\r\n")
        seen = reader("MGET", *keys)
        assert len({value for value in seen}) == 1, seen
        for _ in range(len(keys) + 2):
            client.read()
