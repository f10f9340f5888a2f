"""Memory: what is counted, and what happens at the limit."""

import pytest

from harness.resp import Fault


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
