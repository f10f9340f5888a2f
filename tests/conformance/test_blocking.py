"""Commands that wait: order of service, timeouts, and what wakes whom."""

import time

import pytest

from harness.resp import NIL_ARRAY, NULL, Silent


def waiting(connection, seconds=0.08):
    """Whether a connection has no reply yet."""
    return not connection.readable(seconds)


def block(control, connection, *command):
    """Sends a command that has to wait, and returns when the server counts it as waiting."""
    before = blocked(control)
    connection.send(*command)
    deadline = time.monotonic() + 5
    while blocked(control) <= before:
        assert time.monotonic() < deadline, "the command does not wait"
        time.sleep(0.002)


def blocked(control):
    """The number of waiting clients."""
    return int(control("INFO", "clients").split(b"blocked_clients:")[1].split(b"\r\n")[0])


def test_a_push_wakes_the_waiter_with_key_and_value(client, connect):
    waiter = connect()
    block(client, waiter, "BLPOP", "a", "b", 0)
    assert client("RPUSH", "b", "x", "y") == 2
    assert waiter.read() == [b"b", b"x"]
    assert client("LRANGE", "b", 0, -1) == [b"y"]


def test_an_element_that_is_there_is_taken_without_waiting(client):
    client("RPUSH", "b", 1, 2)
    assert client("BLPOP", "a", "b", 0) == [b"b", b"1"]
    assert client("BRPOP", "b", "a", 0) == [b"b", b"2"]
    assert client("BLMPOP", 0.01, 1, "b", "LEFT") is NIL_ARRAY


def test_the_first_key_of_the_command_wins_when_several_are_ready(client, connect):
    waiter = connect()
    block(client, waiter, "BLPOP", "first", "second", 0)
    client.pipeline([["MULTI"], ["RPUSH", "second", 2], ["RPUSH", "first", 1], ["EXEC"]])
    assert waiter.read() == [b"first", b"1"]


@pytest.mark.parametrize(
    "command",
    [
        ["BLPOP", "k", 0.1],
        ["BRPOP", "k", 0.1],
        ["BLMPOP", 0.1, 1, "k", "LEFT"],
        ["BLMOVE", "k", "d", "LEFT", "RIGHT", 0.1],
        ["BRPOPLPUSH", "k", "d", 0.1],
    ],
)
def test_a_timeout_ends_the_wait_with_null(client, client3, command):
    started = time.monotonic()
    reply = client(*command)
    took = time.monotonic() - started
    assert 0.09 <= took < 2
    assert reply is NIL_ARRAY
    assert client3(*command) is NULL
    assert client("PING") == b"PONG"


def test_waiters_are_served_in_the_order_they_came(client, connect):
    waiters = [connect() for _ in range(5)]
    for waiter in waiters:
        block(client, waiter, "BLPOP", "k", 0)
    for i, waiter in enumerate(waiters):
        client("RPUSH", "k", i)
        assert waiter.read() == [b"k", b"%d" % i]


def test_one_push_of_many_serves_many(client, connect):
    waiters = [connect() for _ in range(3)]
    for waiter in waiters:
        block(client, waiter, "BLPOP", "k", 0)
    assert client("RPUSH", "k", "a", "b", "c", "d") == 4
    assert [waiter.read() for waiter in waiters] == [[b"k", b"a"], [b"k", b"b"], [b"k", b"c"]]
    assert client("LRANGE", "k", 0, -1) == [b"d"]


def test_blmove_hands_on_and_wakes_the_next(client, connect):
    mover, taker = connect(), connect()
    block(client, mover, "BLMOVE", "a", "b", "LEFT", "RIGHT", 0)
    block(client, taker, "BLPOP", "b", 0)
    client("RPUSH", "a", "x")
    assert mover.read() == b"x"
    assert taker.read() == [b"b", b"x"]
    assert client("EXISTS", "a", "b") == 0


def test_a_chain_of_moves_runs_through_in_one_push(client, connect):
    movers = [connect() for _ in range(6)]
    for i, mover in enumerate(movers):
        block(client, mover, "BLMOVE", f"k{i}", f"k{i + 1}", "LEFT", "LEFT", 0)
    client("LPUSH", "k0", "v")
    assert [mover.read() for mover in movers] == [b"v"] * 6
    assert client("LRANGE", "k6", 0, -1) == [b"v"]


def test_blmove_onto_itself_rotates(client, connect):
    waiter = connect()
    block(client, waiter, "BLMOVE", "k", "k", "LEFT", "RIGHT", 0)
    client("RPUSH", "k", 1, 2)
    assert waiter.read() == b"1"
    assert client("LRANGE", "k", 0, -1) == [b"2", b"1"]


def test_blmove_to_a_wrong_type_answers_an_error_and_loses_nothing(client, connect):
    client("SET", "d", "string")
    waiter = connect()
    block(client, waiter, "BLMOVE", "k", "d", "LEFT", "RIGHT", 0)
    client("RPUSH", "k", 1)
    assert waiter.read().startswith(b"WRONGTYPE")
    assert client("LRANGE", "k", 0, -1) == [b"1"]


def test_blmpop_takes_up_to_count(client, connect):
    waiter = connect()
    block(client, waiter, "BLMPOP", 0, 2, "a", "b", "RIGHT", "COUNT", 2)
    client("RPUSH", "b", 1, 2, 3)
    assert waiter.read() == [b"b", [b"3", b"2"]]
    assert client("LRANGE", "b", 0, -1) == [b"1"]


def test_a_key_of_another_type_does_not_wake(client, connect):
    waiter = connect()
    block(client, waiter, "BLPOP", "k", 0)
    client("SET", "k", 1)
    assert waiting(waiter)
    client("DEL", "k")
    client("RPUSH", "k", 1)
    assert waiter.read() == [b"k", b"1"]
    client("SET", "s", 1)
    assert client("BLPOP", "s", 0).startswith(b"WRONGTYPE")


def test_a_push_that_the_same_transaction_takes_back_wakes_nobody(client, connect):
    waiter = connect()
    block(client, waiter, "BLPOP", "k", 0)
    client.pipeline([["MULTI"], ["RPUSH", "k", 1], ["DEL", "k"], ["EXEC"]])
    assert waiting(waiter)
    client.pipeline([["MULTI"], ["RPUSH", "k", 1], ["LPUSH", "k", 0], ["EXEC"]])
    assert waiter.read() == [b"k", b"0"]


@pytest.mark.parametrize(
    "how",
    [
        ("RENAME", "src", "k"),
        ("COPY", "src", "k"),
        ("SORT", "src", "STORE", "k"),
        ("LMOVE", "src", "k", "LEFT", "LEFT"),
        ("RPOPLPUSH", "src", "k"),
    ],
)
def test_a_list_that_appears_in_another_way_wakes_too(client, connect, how):
    client("RPUSH", "src", 1)
    waiter = connect()
    block(client, waiter, "BLPOP", "k", 0)
    client(*how)
    assert waiter.read() == [b"k", b"1"]


def test_a_list_that_moves_in_from_another_database_wakes(client, connect):
    other = connect()
    other("SELECT", 1)
    other("RPUSH", "k", 1)
    waiter = connect()
    block(client, waiter, "BLPOP", "k", 0)
    other("MOVE", "k", 0)
    assert waiter.read() == [b"k", b"1"]


def test_swapdb_wakes_those_whose_key_appears(client, connect):
    other = connect()
    other("SELECT", 1)
    other("RPUSH", "k", 1)
    waiter = connect()
    block(client, waiter, "BLPOP", "k", 0)
    client("SWAPDB", 0, 1)
    assert waiter.read() == [b"k", b"1"]


def test_a_waiter_that_leaves_takes_nothing_along(client, connect):
    gone, stays = connect(), connect()
    block(client, gone, "BLPOP", "k", 0)
    block(client, stays, "BLPOP", "k", 0)
    gone.close()
    deadline = time.monotonic() + 5
    while blocked(client) > 1 and time.monotonic() < deadline:
        time.sleep(0.005)
    client("RPUSH", "k", 1)
    assert stays.read() == [b"k", b"1"]


def test_commands_behind_a_waiting_one_are_answered_after_it(client, connect):
    waiter = connect()
    block(client, waiter, "BLPOP", "k", 0)
    waiter.send("PING")
    waiter.send("GET", "x")
    assert waiting(waiter)
    client("SET", "x", "later")
    client("RPUSH", "k", 1)
    assert [waiter.read() for _ in range(3)] == [[b"k", b"1"], b"PONG", b"later"]


def test_client_unblock_ends_a_wait_by_timeout_or_error(client, connect):
    waiter = connect()
    number = waiter("CLIENT", "ID")
    block(client, waiter, "BLPOP", "k", 0)
    assert client("CLIENT", "UNBLOCK", number) == 1
    assert waiter.read() is NIL_ARRAY
    block(client, waiter, "BRPOP", "k", 0)
    assert client("CLIENT", "UNBLOCK", number, "ERROR") == 1
    assert waiter.read() == b"UNBLOCKED client unblocked via CLIENT UNBLOCK"
    assert client("CLIENT", "UNBLOCK", number) == 0
    assert waiter("PING") == b"PONG"


def test_client_kill_ends_a_waiter(client, connect):
    waiter = connect()
    number = waiter("CLIENT", "ID")
    block(client, waiter, "BLPOP", "k", 0)
    assert client("CLIENT", "KILL", "ID", number) == 1
    assert waiter.closed()
    client("RPUSH", "k", 1)
    assert client("LLEN", "k") == 1


@pytest.mark.parametrize(
    "timeout, error",
    [
        ("-1", b"ERR timeout is negative"),
        ("x", b"ERR timeout is not a float or out of range"),
        ("1e300", b"ERR timeout is out of range"),
        ("nan", b"ERR timeout is not a float or out of range"),
        ("inf", b"ERR timeout is out of range"),
    ],
)
def test_a_wrong_timeout_is_refused(client, timeout, error):
    assert client("BLPOP", "k", timeout) == error
    assert client("BLMPOP", timeout, 1, "k", "LEFT") == error


def test_a_flushed_list_keeps_its_waiters_waiting(client, connect):
    waiter = connect()
    block(client, waiter, "BLPOP", "k", 0)
    client("FLUSHALL")
    assert waiting(waiter)
    client("RPUSH", "k", 1)
    assert waiter.read() == [b"k", b"1"]


def test_the_same_key_twice_is_served_once(client, connect):
    waiter = connect()
    block(client, waiter, "BLPOP", "k", "k", 0)
    client("RPUSH", "k", 1, 2)
    assert waiter.read() == [b"k", b"1"]
    assert client("LRANGE", "k", 0, -1) == [b"2"]
    with pytest.raises(Silent):
        waiter.read(0.05)


def test_a_thousand_waiters_on_a_thousand_keys_are_all_served(client, connect):
    waiters = [connect() for _ in range(1000)]
    for i, waiter in enumerate(waiters):
        waiter.send("BLPOP", f"k{i}", "shared", 0)
    deadline = time.monotonic() + 10
    while blocked(client) < 1000 and time.monotonic() < deadline:
        time.sleep(0.01)
    client.pipeline([["RPUSH", f"k{i}", i] for i in range(0, 1000, 2)])
    for i in range(0, 1000, 2):
        assert waiters[i].read() == [b"k%d" % i, b"%d" % i]
    client("RPUSH", "shared", *range(500))
    taken = [waiters[i].read() for i in range(1, 1000, 2)]
    assert sorted(int(item[1]) for item in taken) == list(range(500))
    assert client("DBSIZE") == 0 and blocked(client) == 0
