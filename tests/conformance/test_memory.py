"""Memory: what is counted, and what happens at the limit."""

import resource
import time

import pytest

from harness.resp import Fault

# So much less than is used leaves nothing.
NOTHING = 1 << 60


def test_used_memory_grows_with_the_data(client, server):
    before = int(server.info("memory")["used_memory"])
    client.pipeline([["SET", f"k{i}", "x" * 1000] for i in range(20000)])
    assert int(server.info("memory")["used_memory"]) - before > 18_000_000


def test_used_memory_falls_when_the_data_is_gone(client, server):
    client.pipeline([["SET", f"k{i}", "x" * 1000] for i in range(20000)])
    during = int(server.info("memory")["used_memory"])
    client("FLUSHALL", "SYNC")
    assert int(server.info("memory")["used_memory"]) < during - 15_000_000


def test_maxmemory_refuses_writes_under_noeviction(client, server):
    client("SET", "k", "v")
    used = int(server.info("memory")["used_memory"])
    client("CONFIG", "SET", "maxmemory", used + 300_000)
    try:
        refused = None
        for i in range(3000):
            reply = client("SET", f"fill:{i}", "x" * 1000)
            if isinstance(reply, Fault):
                refused = reply
                break
        assert refused == b"OOM command not allowed when used memory > 'maxmemory'."
        assert client("GET", "k") == b"v"
        assert client("DEL", "fill:0") == 1
        client("CONFIG", "SET", "maxmemory", 1)
        client("MULTI")
        assert client("SET", "k", "w" * 5000) == refused
        assert client("EXEC").startswith(b"EXECABORT")
    finally:
        client("CONFIG", "SET", "maxmemory", 0)
    assert client("SET", "k", "w") == b"OK"


@pytest.mark.parametrize(
    "policy",
    ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"],
)
def test_maxmemory_evicts_by_policy(client, server, policy):
    used = int(server.info("memory")["used_memory"])
    client("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", used + 2_000_000)
    try:
        if policy.startswith("volatile"):
            client("SET", "keep", "v")
        for i in range(4000):
            assert client("SET", f"fill:{i}", "x" * 1000, "EX", 1000 + i) == b"OK"
        info = server.info()
        assert int(info["evicted_keys"]) > 1000
        assert client("DBSIZE") < 3000
        assert int(info["used_memory"]) < used + 3_000_000
        if policy.startswith("volatile"):
            assert client("GET", "keep") == b"v"
    finally:
        client("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction")


@pytest.fixture
def limit(client, server):
    """Limits memory to so many bytes more than are used now, for one test."""

    def set_limit(more, policy="noeviction"):
        used = int(server.info("memory")["used_memory"])
        assert client("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", max(1, used + more)) == b"OK"
        return used + more

    yield set_limit
    client("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction")


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random"])
def test_a_load_ten_times_as_large_stays_within_the_limit(client, server, limit, policy):
    allowed = limit(4_000_000, policy)
    for step in range(20):
        replies = client.pipeline([["SET", f"key:{step}:{i}", "x" * 1000] for i in range(2000)])
        assert set(replies) == {b"OK"}
        assert int(server.info("memory")["used_memory"]) < allowed + 1_500_000
    assert int(server.info("stats")["evicted_keys"]) > 30_000
    if policy == "allkeys-lru":
        assert client("GET", "key:19:1999") == b"x" * 1000
    else:
        # Any key may go, the last one too.
        assert client("EXISTS", *(f"key:19:{i}" for i in range(1900, 2000))) > 0


def test_large_values_give_way_to_small_ones_and_small_ones_to_large(client, server, limit):
    client.pipeline([["RPUSH", "list:%d" % i] + ["x" * 1000] * 1000 for i in range(5)])
    allowed = limit(1_000_000, "allkeys-random")
    for i in range(30):
        assert client("SET", "large:%d" % i, "x" * 500_000) == b"OK"
    client.pipeline([["SET", "small:%d" % i, "x" * 100] for i in range(30_000)])
    time.sleep(0.3)
    assert int(server.info("memory")["used_memory"]) < allowed + 1_500_000


def test_a_lower_limit_evicts_what_is_too_much_without_any_write(client, server, limit):
    client.pipeline([["SET", f"key:{i}", "x" * 1000] for i in range(10_000)])
    allowed = limit(-6_000_000, "allkeys-lru")
    deadline = time.monotonic() + 10
    while int(server.info("memory")["used_memory"]) > allowed:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert 1_000 < client("DBSIZE") < 6_000


def test_a_transaction_that_was_queued_in_time_is_refused_at_exec(client, server, limit):
    client("SET", "k", "v")
    with server.client() as other:
        client("MULTI")
        assert client("SET", "k", "w") == b"QUEUED"
        other("CONFIG", "SET", "maxmemory", 1)
        reply = client("EXEC")
    limit(-NOTHING)
    assert reply == (
        b"EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'."
    )
    client("MULTI")
    assert client("GET", "k") == b"QUEUED"
    assert client("DEL", "k") == b"QUEUED"
    assert client("EXEC") == [b"v", 1]


def test_without_memory_what_needs_none_still_works(client, limit):
    client("RPUSH", "l", "a", "b")
    client("SET", "k", "v")
    client("HSET", "h", "f", "v")
    limit(-NOTHING)
    assert [client(*command) for command in [
        ("GET", "k"), ("LPOP", "l"), ("HDEL", "h", "f"), ("EXPIRE", "k", 100), ("PERSIST", "k"),
        ("RENAME", "k", "n"), ("DEL", "n"), ("LTRIM", "l", 5, 6), ("DBSIZE",),
    ]] == [b"v", b"a", 1, 1, 1, b"OK", 1, b"OK", 0]
    for command in [("SET", "k", "v"), ("APPEND", "k", "v"), ("INCR", "n"), ("RPUSH", "l", "a"), ("HSET", "h", "f", "v"),
                    ("MSET", "a", "1"), ("COPY", "a", "b"), ("SETRANGE", "a", 0, "x"), ("BLMOVE", "l", "m", "LEFT", "LEFT", 0)]:
        assert client(*command) == b"OOM command not allowed when used memory > 'maxmemory'.", command


def test_volatile_policies_refuse_when_nothing_expires(client, limit):
    client("SET", "k", "v")
    limit(-NOTHING, "volatile-lru")
    assert client("SET", "n", "v") == b"OOM command not allowed when used memory > 'maxmemory'."
    assert client("GET", "k") == b"v"


def test_a_blocked_command_that_needs_memory_is_refused_when_it_is_woken(client, server, limit):
    with server.client() as waiter:
        client("RPUSH", "l", "a")
        waiter.send("BLMOVE", "source", "target", "LEFT", "RIGHT", 0)
        time.sleep(0.2)
        limit(-NOTHING)
        client("RENAME", "l", "source")
        assert waiter.read() == b"OOM command not allowed when used memory > 'maxmemory'."
        assert client("LLEN", "source") == 1


def test_the_parts_of_used_memory_fit_together(client, server):
    client.pipeline([["SET", f"k{i}", "x" * 1000] for i in range(20000)])
    info = server.info("memory")
    number = {name: int(value) for name, value in info.items() if value.isdigit()}
    assert number["used_memory"] <= number["used_memory_peak"]
    assert number["used_memory_dataset"] + number["used_memory_overhead"] == number["used_memory"]
    assert 15_000_000 < number["used_memory_dataset"] < number["used_memory"]
    assert number["allocator_allocated"] <= number["allocator_active"]
    assert number["used_memory_rss"] > 20_000_000
    stats = client("MEMORY", "STATS")
    stats = dict(zip(stats[::2], stats[1::2])) if isinstance(stats, list) else stats
    assert stats[b"keys.count"] == 20000
    assert abs(stats[b"total.allocated"] - number["used_memory"]) < 2_000_000
    assert 900 < stats[b"keys.bytes-per-key"] < 1500


def test_memory_usage_tells_the_size_of_a_key(client):
    client("SET", "k", "x" * 1000)
    client("RPUSH", "l", *["x" * 100] * 1000)
    assert 1000 < client("MEMORY", "USAGE", "k") < 1400
    assert 100_000 < client("MEMORY", "USAGE", "l", "SAMPLES", 0) < 130_000
    assert not client("MEMORY", "USAGE", "nokey")
    assert client("MEMORY", "USAGE", "k", "SAMPLES", -1) == b"ERR syntax error"
    assert client("MEMORY", "PURGE") == b"OK"


def resident_bytes(server):
    with open(f"/proc/{server.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def falls_below(server, most, seconds=20):
    deadline = time.monotonic() + seconds
    while resident_bytes(server) > most and time.monotonic() < deadline:
        time.sleep(0.1)
    return resident_bytes(server) <= most


@pytest.mark.ours
@pytest.mark.parametrize("end", ["DEL", "FLUSHALL"])
def test_memory_is_given_back_after_deletes(start, end):
    server = start()
    with server.client() as client:
        client("PING")
        base = resident_bytes(server)
        small, large = range(400_000), range(60)
        for at in range(0, len(small), 10_000):
            client.pipeline([["SET", f"small:{i}", "x" * 300] for i in small[at:at + 10_000]])
        for i in large:
            client("SET", f"large:{i}", "y" * 2_000_000)
        full = resident_bytes(server)
        assert full - base > 220 << 20
        if end == "FLUSHALL":
            client("FLUSHALL")
        for at in range(0, len(small), 10_000):
            client.pipeline([["DEL", f"small:{i}"] for i in small[at:at + 10_000]])
        client.pipeline([["DEL", f"large:{i}"] for i in large])
        assert client("DBSIZE") == 0
        assert falls_below(server, base + (full - base) // 3), (base, full, resident_bytes(server))
        assert client("SET", "k", "v") == b"OK"
