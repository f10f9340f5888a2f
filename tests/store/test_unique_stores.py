"""Unique indexes with a store behind: what has to be compared stays in memory, or comes back before anything is compared."""

import json
import time

import pytest

from store.behind import FAST, settle, sql, until

RECORDS = 2000

pytestmark = pytest.mark.ours


@pytest.fixture(params=["postgresql", "sqlite", "redis"])
def address(request):
    return {"postgresql": lambda: request.getfixturevalue("url"), "sqlite": lambda: "sqlite:"}.get(
        request.param, lambda: request.getfixturevalue("redis_url")
    )()


def put(client, key, value):
    return client("TABLE.PUT", "users", key, json.dumps({"mail": value, "text": "x" * 500}))


def state(client):
    (index,) = client("INDEX.LIST", "users")
    return dict(zip(index[::2], index[1::2]))[b"state"]


def ready(client):
    until(lambda: state(client) == b"ready", why=lambda: state(client))


def test_values_are_compared_whatever_was_evicted(start_ramekin, address):
    server = start_ramekin(store=address, appendonly="yes", **{**FAST, "evict-interval": "0"})
    with server.client() as client:
        client("TABLE.CREATE", "users")
        client.pipeline([("TABLE.PUT", "users", n, json.dumps({"mail": n})) for n in range(RECORDS)])
        settle(server)
        while client("EVICT"):
            pass
        assert client("INDEX.CREATE", "by_mail", "ON", "users", "(mail)", "UNIQUE") == b"OK"
        assert put(client, "new", RECORDS - 1).startswith(b"DUPLICATE")
        assert put(client, "new", RECORDS) == b"OK"
        settle(server)
        assert client("EVICT") == 0, "all of it stays"
    server.kill()
    server.restart()
    with server.client() as client:
        deadline = time.monotonic() + 20
        while (said := put(client, "other", 7)).startswith(b"TRYAGAIN"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert said.startswith(b"DUPLICATE")
        ready(client)
        assert put(client, "other", RECORDS).startswith(b"DUPLICATE")
        assert put(client, "other", RECORDS + 1) == b"OK"


def test_with_little_memory_other_keys_go_and_values_stay_unique(start_ramekin, url):
    server = start_ramekin(store=url, **{**FAST, "evict-interval": "0", "flush-bytes": "100kb"})
    with server.client() as client:
        client("TABLE.CREATE", "users")
        assert client("INDEX.CREATE", "by_mail", "ON", "users", "(mail)", "UNIQUE") == b"OK"
        used = int(server.info("memory")["used_memory"])
        client("CONFIG", "SET", "maxmemory", used + (12 << 20))
        for n in range(1000):
            assert put(client, n, n) == b"OK"
        for n in range(50_000):
            # What has not settled cannot go yet.
            until(lambda n=n: client("SET", f"key{n}", "v" * 1000) == b"OK")
            if n % 1000 == 0 and int(server.info("store")["store_evictions"]) > 1000:
                break
        else:
            pytest.fail("no key has left memory")
        for n in range(0, 1000, 7):
            assert put(client, "new", n).startswith(b"DUPLICATE"), n
        assert state(client) == b"ready"
        settle(server)
        # More than there is memory for is refused, also once everything has settled.
        for n in range(1000, 40_000):
            if put(client, n, n) != b"OK":
                settle(server)
                if (said := put(client, n, n)) != b"OK":
                    break
        assert said.startswith(b"OOM"), said
        assert put(client, "new", 500).startswith((b"OOM", b"DUPLICATE"))


def test_what_others_write_is_compared_with_once_it_is_noticed(start_ramekin, postgres, schema, url):
    server = start_ramekin(store=url, **{**FAST, "evict-interval": "0"})
    with server.client() as client:
        client("TABLE.CREATE", "users")
        assert client("INDEX.CREATE", "by_mail", "ON", "users", "(mail)", "UNIQUE") == b"OK"
        for n in range(20):
            assert put(client, n, n) == b"OK"
        settle(server)
        sql(postgres, f"""UPDATE {schema}.users SET data = '{{"mail": "theirs"}}' WHERE key = '3'""")
        until(lambda: b"theirs" in bytes(client("TABLE.GET", "users", "3")))
        ready(client)
        assert put(client, "new", "theirs").startswith(b"DUPLICATE")
        assert put(client, "new", 3) == b"OK"
        indexes = sql(postgres, f"SELECT indexdef FROM pg_indexes WHERE schemaname = '{schema}' AND tablename = 'users'")
        made = [row["indexdef"] for row in indexes if "mail" in row["indexdef"]]
        assert made and not any(" UNIQUE " in text for text in made), "settling must not depend on the order of rows"


def test_while_the_store_is_down_what_is_known_to_be_whole_is_still_compared(start_ramekin, postgres, url):
    server = start_ramekin(store=url, **{**FAST, "evict-interval": "0"})
    with server.client() as client:
        client("TABLE.CREATE", "users")
        assert client("INDEX.CREATE", "by_mail", "ON", "users", "(mail)", "UNIQUE") == b"OK"
        assert put(client, "a", 1) == b"OK"
        settle(server)
        postgres.stop()
        assert put(client, "b", 1).startswith(b"DUPLICATE")
        assert put(client, "b", 2) == b"OK"
        said = client("INDEX.CREATE", "other", "ON", "users", "(text)", "UNIQUE")
        assert said.startswith((b"DUPLICATE", b"STOREDOWN")), said
        postgres.start()
        settle(server)
        assert put(client, "c", 2).startswith(b"DUPLICATE")
