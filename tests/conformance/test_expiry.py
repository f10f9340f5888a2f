"""Expiring keys: never counted, listed, returned or revived once their time has come."""

import time

from harness.resp import NIL


def until(condition, seconds=10.0):
    """Waits for a condition; whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_the_ttl_family_counts_down_in_seconds_and_milliseconds(client):
    client("SET", "k", 1)
    assert client("TTL", "k") == -1 and client("TTL", "nokey") == -2
    assert client("PTTL", "k") == -1 and client("EXPIRETIME", "nokey") == -2
    client("PEXPIRE", "k", 10_500)
    assert client("TTL", "k") in (10, 11)
    assert 10_000 < client("PTTL", "k") <= 10_500
    assert abs(client("EXPIRETIME", "k") - time.time() - 10.5) < 2
    assert client("PERSIST", "k") == 1 and client("PERSIST", "k") == 0
    assert client("TTL", "k") == -1


def test_an_absolute_time_reads_back_as_given(client):
    client("SET", "k", 1)
    client("PEXPIREAT", "k", 4102444800123)
    assert client("PEXPIRETIME", "k") == 4102444800123
    assert client("EXPIRETIME", "k") == 4102444800
    client("EXPIREAT", "k", 4102444801)
    assert client("PEXPIRETIME", "k") == 4102444801000


def test_conditions_of_expire(client):
    client("SET", "k", 1)
    assert client("EXPIRE", "k", 100, "XX") == 0
    assert client("EXPIRE", "k", 100, "GT") == 0
    assert client("EXPIRE", "k", 100, "LT") == 1
    assert client("EXPIRE", "k", 100, "NX") == 0
    assert client("EXPIRE", "k", 200, "GT") == 1
    assert client("EXPIRE", "k", 50, "LT", "XX") == 1
    assert client("EXPIRE", "k", 10, "NX", "GT").startswith(b"ERR NX and XX, GT or LT options at the same time")
    assert client("EXPIRE", "k", 10, "GT", "LT").startswith(b"ERR GT and LT options at the same time")


def test_a_time_in_the_past_deletes_at_once(client):
    client("MSET", "a", 1, "b", 1)
    assert client("EXPIRE", "a", -1) == 1
    assert client("EXPIREAT", "b", 1) == 1
    assert client("DBSIZE") == 0


def test_an_expired_key_is_gone_for_every_command(client):
    client("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    try:
        for name in ("a", "b", "c", "d", "e", "f"):
            client("SET", name, 1, "PX", 20)
        client("RPUSH", "l", 1)
        client("PEXPIRE", "l", 20)
        time.sleep(0.06)
        assert client("GET", "a") is NIL
        assert client("EXISTS", "b") == 0
        assert client("TYPE", "c") == b"none"
        assert client("TTL", "d") == -2
        assert client("KEYS", "*") == []
        assert client("SCAN", 0, "COUNT", 1000)[1] == []
        assert client("RANDOMKEY") is NIL
        assert client("RENAME", "e", "x") == b"ERR no such key"
        assert client("PERSIST", "f") == 0
        assert client("LPUSHX", "l", 2) == 0
        assert client("INCR", "a") == 1 and client("TTL", "a") == -1
        assert client("SET", "b", 2, "NX") == b"OK"
        assert client("DEL", "c") == 0
    finally:
        client("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_expired_keys_are_removed_without_being_asked_for(client, server):
    before = int(server.info("stats")["expired_keys"])
    commands = [["SET", f"k{i}", i, "PX", 30] for i in range(5000)] + [["SET", "stay", 1]]
    client.pipeline(commands)
    assert until(lambda: client("DBSIZE") == 1)
    assert until(lambda: int(server.info("stats")["expired_keys"]) - before == 5000)
    assert client("GET", "stay") == b"1"


def test_info_keyspace_counts_keys_with_an_expiry(client, server):
    client("SET", "a", 1)
    client("SET", "b", 1, "EX", 1000)
    fields = dict(item.split("=") for item in server.info("keyspace")["db0"].split(","))
    assert fields["keys"] == "2" and fields["expires"] == "1"


def test_expiry_at_the_limits_of_time_is_refused(client):
    client("SET", "k", 1)
    for command in (
        ["EXPIRE", "k", 9223372036854775807],
        ["PEXPIRE", "k", 9223372036854775807],
        ["EXPIREAT", "k", 9223372036854775807],
    ):
        assert client(*command) == b"ERR invalid expire time in '%s' command" % command[0].lower().encode()
    assert client("TTL", "k") == -1


def test_set_with_a_past_time_leaves_nothing(client):
    assert client("SET", "k", 1, "PXAT", 1) == b"OK"
    assert client("EXISTS", "k") == 0


def test_a_rewritten_key_outlives_its_old_time(client):
    client("SET", "k", 1, "PX", 40)
    client("SET", "k", 2)
    client("SET", "m", 1, "PX", 40)
    client("PERSIST", "m")
    time.sleep(0.1)
    assert client("MGET", "k", "m") == [b"2", b"1"]


def test_time_passes_within_a_pipeline(client):
    commands = [["SET", "k", 1, "PX", 20], ["GET", "k"], ["DEBUG", "SLEEP", 0.05], ["GET", "k"], ["EXISTS", "k"]]
    assert client.pipeline(commands) == [b"OK", b"1", b"OK", NIL, 0]
