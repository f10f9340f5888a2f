"""A server killed with -9 under load and started again, in a loop: nothing acknowledged is missing, no transaction is torn."""

import os
import random
import signal
import subprocess
import time

import pytest

from crash.workload import Load, kept
from harness import binaries

CRASHES = int(os.environ.get("TEST_CRASHES", 5))
SEED = int(os.environ.get("TEST_SEED", 1))


@pytest.mark.parametrize("appendfsync", ["everysec", "always", "no"])
def test_nothing_acknowledged_is_missing_after_kill_9(start, kind, appendfsync):
    server = start(appendonly="yes", appendfsync=kept(kind, appendfsync))
    r = random.Random(f"{SEED}/{appendfsync}")
    load, before = Load(f"{SEED}/{appendfsync}"), 0
    for crash in range(CRASHES):
        load.run(server, r.uniform(0.05, 0.5), server.kill)
        acknowledged = load.acknowledged
        assert acknowledged > before, "the load was no load"
        server.restart()
        there = load.check(server)
        assert there >= acknowledged
        before = there
        if crash % 3 == 2:
            # Killed again before anything was written: recovery of a recovered log.
            server.restart()
            load.check(server)


def test_a_kill_during_start_loses_nothing(start, kind):
    server = start(appendonly="yes", appendfsync=kept(kind, "everysec"))
    load = Load(SEED, value_bytes_max=2000)
    load.run(server, 1.5, server.kill)
    r = random.Random(SEED)
    for _ in range(4):
        process = subprocess.Popen(
            server.command_line(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=server.folder
        )
        time.sleep(r.uniform(0, 0.08))
        process.kill()
        process.wait()
    server.restart()
    load.check(server)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_bounded_time_with_everything_kept(start, kind, number):
    server = start(appendonly="yes", appendfsync=kept(kind, "everysec"))
    load = Load(SEED)
    with server.client() as waiter:
        waiter.send("BLPOP", "nokey", 0)
        codes = []
        load.run(server, 0.5, lambda: codes.append(server.terminate(10, number)))
        assert codes == [0]
        assert waiter.closed()
    acknowledged = load.acknowledged
    server.restart()
    assert load.check(server) >= acknowledged


def test_a_stopped_server_has_everything_again_after_the_start(start, kind):
    server = start(appendonly="yes", appendfsync=kept(kind, "everysec"))
    load = Load(SEED + 1)
    for _ in range(2):
        load.run(server, 0.3, lambda: None)
        assert server.terminate() == 0
        server.restart()
        assert load.check(server) == load.acknowledged


def test_expired_keys_do_not_come_back_with_a_restart(start, kind):
    server = start(appendonly="yes", appendfsync=kept(kind, "everysec"))
    with server.client() as client:
        client("SET", "gone", 1, "PX", 200)
        client("SET", "later", 1, "PX", 100_000)
        client("HSET", "h", "gone", 1, "stay", 1)
        client("HPEXPIRE", "h", 200, "FIELDS", 1, "gone")
        left = client("PEXPIRETIME", "later")
    server.kill()
    time.sleep(0.3)
    server.restart()
    with server.client() as client:
        assert client("EXISTS", "gone") == 0
        assert client("PEXPIRETIME", "later") == left
        assert client("HGETALL", "h") == [b"stay", b"1"]
        assert client("DBSIZE") == 2


def test_an_evicted_key_does_not_come_back_and_a_kept_one_does(start, kind):
    server = start(appendonly="yes", appendfsync=kept(kind, "everysec"))
    with server.client() as client:
        used = int(server.info("memory")["used_memory"])
        client("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", used + 2_000_000)
        client.pipeline([["SET", f"key:{i}", "x" * 500] for i in range(20_000)])
        client("CONFIG", "SET", "maxmemory", 0)
        there = sorted(client("KEYS", "*"))
        evicted = int(server.info("stats")["evicted_keys"])
    assert len(there) + evicted == 20_000 and evicted > 10_000
    server.kill()
    server.restart()
    with server.client() as client:
        assert sorted(client("KEYS", "*")) == there


def test_every_database_and_flushes_and_swaps_are_kept(start, kind):
    server = start(appendonly="yes", appendfsync=kept(kind, "everysec"))
    with server.client() as client:
        for db in range(16):
            client("SELECT", db)
            client("MSET", "a", db, "b", db)
        client("SELECT", 3)
        client("FLUSHDB")
        client("SWAPDB", 4, 5)
        client("SELECT", 6)
        client("MOVE", "a", 3)
    server.kill()
    server.restart()
    with server.client() as client:
        seen = []
        for db in range(16):
            client("SELECT", db)
            seen.append(client("MGET", "a", "b"))
    expected = [[b"%d" % db, b"%d" % db] for db in range(16)]
    expected[4], expected[5] = expected[5], expected[4]
    assert seen[3][0] == b"6" and seen[6][1] == b"6" and not seen[6][0] and not seen[3][1]
    assert [seen[db] for db in range(16) if db not in (3, 6)] == [expected[db] for db in range(16) if db not in (3, 6)]


def test_large_values_and_large_collections_survive(start, kind):
    server = start(appendonly="yes", appendfsync=kept(kind, "everysec"))
    value = os.urandom(9 << 20)
    with server.client() as client:
        client("SET", "big", value)
        client("RPUSH", "l", *range(200_000))
        client("HSET", "h", *[x for i in range(50_000) for x in (f"f{i}", i)])
        client("LREM", "l", 0, "77777")
    server.kill()
    server.restart()
    with server.client() as client:
        assert client("GET", "big") == value
        assert client("LLEN", "l") == 199_999 and client("LINDEX", "l", 77777) == b"77778"
        assert client("HLEN", "h") == 50_000 and client("HGET", "h", "f49999") == b"49999"


@pytest.mark.ours
def test_check_finds_a_killed_folder_sound(start):
    server = start()
    load = Load(SEED)
    load.run(server, 0.3, server.kill)
    done = subprocess.run([binaries.ramekin(), "check", server.folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    server.restart()
    load.check(server)
