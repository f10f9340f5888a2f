"""A store that fails in every way, under load: nothing acknowledged is lost, nothing is read that was not, nothing comes back."""

import os
import random
import signal
import time

import pytest

from harness.server import Server
from store.behind import FAST, resident_bytes, settle, sql
from store.load import Load

SECONDS = float(os.environ.get("TEST_STORE_SECONDS", 12))
SEED = os.environ.get("TEST_SEED", "1")

pytestmark = pytest.mark.ours


def check_against_the_store(server, load, address):
    """All that is acknowledged is in the store: a new folder, which has nothing else, reads the same."""
    load.check_all()
    settle(server)
    load.check_tags()
    bad = {(worker.name, name) for worker in load.workers for name in worker.keys if load.is_bad(worker, name)}
    assert server.terminate(30) == 0, server.log()
    fresh = Server("ramekin", {"store": address, "store-attach": "store", **FAST})
    try:
        for worker in load.workers:
            worker.server = fresh
            if worker.client:
                worker.client.close()
            worker.client = None
            for name in list(worker.keys):
                if (worker.name, name) in bad:
                    # The store has refused it, and still has what it took last.
                    del worker.keys[name]
        load.check_all()
        load.check_tags()
    finally:
        fresh.kill()
        fresh.remove()


def kill_both_at_random(server, load, kill, start, cut):
    """Puts a load on a server while that and its store are killed and started, and their lines are cut, at random."""
    load.start()
    r = random.Random(SEED)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        time.sleep(r.uniform(0.3, 1.0))
        load.raise_failures()
        pick = r.random()
        if pick < 0.35:
            server.restart()
        elif pick < 0.7:
            kill()
            time.sleep(r.uniform(0, 0.8))
            if r.random() < 0.3:
                server.kill()
                start()
                server.start()
            else:
                start()
        else:
            cut()
    load.end()
    assert sum(worker.lost for worker in load.workers) > 0, "nothing was ever in doubt"


def limited(start_ramekin, address, **named):
    """A server whose memory holds a tenth of the data."""
    server = start_ramekin(store=address, save="1 1", **{**FAST, **named})
    used = int(server.info("memory")["used_memory"])
    with server.client() as client:
        client("CONFIG", "SET", "maxmemory", used + (1 << 19))
    server.directives["maxmemory"] = used + (1 << 19)
    return server


@pytest.mark.parametrize("kind_of_store", ["sqlite", "postgresql", "redis"])
def test_a_load_beyond_memory_settles_and_reads_right(start_ramekin, kind_of_store, request):
    places = {"postgresql": "url", "redis": "redis_url"}
    address = "sqlite:" if kind_of_store == "sqlite" else request.getfixturevalue(places[kind_of_store])
    server = limited(start_ramekin, address)
    if kind_of_store == "sqlite":
        address = f"sqlite:{server.folder}/store.db"
    load = Load(server, SEED)
    load.start()
    time.sleep(SECONDS / 2)
    load.end()
    info = settle(server)
    assert int(info["store_evictions"]) > 100 and int(info["store_loads"]) > 100, info
    check_against_the_store(server, load, address)


def test_both_processes_are_killed_at_random_and_nothing_is_lost(start_ramekin, postgres, url):
    server = limited(start_ramekin, url)
    load = Load(server, SEED)

    def cut():
        sql(postgres, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    kill_both_at_random(server, load, lambda: postgres.stop(signal.SIGQUIT), postgres.start, cut)
    check_against_the_store(server, load, url)


def test_a_folder_that_is_lost_begins_anew_only_when_told(start_ramekin, url):
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        client("SET", "a", "1")
    settle(server)
    server.kill()
    with pytest.raises(Exception, match="store-attach"):
        Server("ramekin", {"store": url})
    fresh = Server("ramekin", {"store": url, "store-attach": "store"})
    try:
        with fresh.client() as client:
            assert client("GET", "a") == b"1"
            client("SET", "a", "2")
        with pytest.raises(Exception, match="another folder"):
            Server("ramekin", {"store": url, "store-attach": "no"}, folder=server.folder)
    finally:
        fresh.kill()
        fresh.remove()


def test_a_stop_with_a_dead_store_ends_in_time_and_loses_nothing(start_ramekin, postgres, url):
    server = start_ramekin(store=url, **{**FAST, "shutdown-timeout": "4"})
    with server.client() as client:
        client("SET", "a", "1")
        settle(server)
        postgres.stop(signal.SIGQUIT)
        client("SET", "a", "2")
        client("SET", "b", "3")
    begun = time.monotonic()
    code = server.terminate(30)
    took = time.monotonic() - begun
    postgres.start()
    assert code == 0 and took < 15, (code, took, server.log())
    assert "have not settled" in server.log()
    server.start()
    settle(server)
    with server.client() as client:
        assert (client("GET", "a"), client("GET", "b")) == (b"2", b"3")


def test_changes_of_others_are_seen_within_a_second(start_ramekin, postgres, url):
    server = start_ramekin(store=url, **FAST)
    schema = url.split("=")[1]
    with server.client() as client:
        client("TABLE.PUT", "users", "u1", '{"name": "first"}')
        settle(server)
        sql(postgres, f"UPDATE {schema}.users SET data = '{{\"name\": \"theirs\"}}' WHERE key = 'u1'")
        deadline = time.monotonic() + 5
        while client("TABLE.GET", "users", "u1") != b'{"name": "theirs"}':
            assert time.monotonic() < deadline
            time.sleep(0.02)
        sql(postgres, f"INSERT INTO {schema}.users (key, data) VALUES ('u2', '{{\"name\": \"new\"}}')")
        while client("TABLE.GET", "users", "u2") != b'{"name": "new"}':
            assert time.monotonic() < deadline
            time.sleep(0.02)
        sql(postgres, f"DELETE FROM {schema}.users WHERE key = 'u1'")
        while client("TABLE.GET", "users", "u1"):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_memory_is_bounded_while_the_store_is_gone(start_ramekin, postgres, url):
    server = start_ramekin(
        store=url, maxmemory="64mb", **{**FAST, "store-unsettled-max": "32mb", "store-unsettled-policy": "refuse"}
    )
    value = b"v" * 1000
    with server.client() as client:
        client.pipeline([("SET", f"warm{n}", value) for n in range(60_000)])
        settle(server)
        postgres.stop(signal.SIGQUIT)
        try:
            replies = client.pipeline([("SET", f"key{n}", value) for n in range(100_000)])
            taken = [n for n, reply in enumerate(replies) if reply == b"OK"]
            refused = replies[-1]
            assert refused.startswith(b"STOREFULL"), refused
            assert 5_000 < len(taken) < 60_000, len(taken)
            # The log's mapped pages are the system's to take back.
            anonymous = resident_bytes(server.pid)[1]
            assert anonymous < 300 << 20, anonymous
        finally:
            postgres.start()
        settle(server)
        assert client("SET", "more", "1") == b"OK"
        for n in taken[:: max(1, len(taken) // 200)]:
            assert client("GET", f"key{n}") == value
