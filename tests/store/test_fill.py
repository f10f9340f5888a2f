"""`ramekin import --from-store`: memory is filled with what the store has, for as long as there is room."""

import json
import subprocess

import pytest

from harness import binaries
from store.behind import FAST, record, settle, sql, until

pytestmark = pytest.mark.ours


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def filled(request, start_ramekin):
    """A server that has put all it has into its store, and was ended."""
    places = {"postgresql": "url", "redis": "redis_url"}
    address = "sqlite:" if request.param == "sqlite" else request.getfixturevalue(places[request.param])
    server = start_ramekin(store=address, **FAST)
    with server.client() as client:
        client.pipeline([("SET", f"key{n}", f"value{n} " + "x" * 500) for n in range(5000)])
        client.pipeline([("TABLE.PUT", "orders", f"o{n}", json.dumps({"n": n})) for n in range(700)])
        client.pipeline([("TABLE.PUT", "people", f"p{n}", json.dumps({"n": n})) for n in range(300)])
        client("RPUSH", "list", "a", "b")
        client("SET", "brief", "x", "PX", "1")
        client("SELECT", "3")
        client("SET", "elsewhere", "y", "EX", "1000")
        settle(server)
        client("EVICT")
        # The log has it no more, either.
        assert client("SAVE") == b"OK"
    assert server.terminate(20) == 0
    server.directives["evict-interval"] = "0"
    return server


def fill(server, *words):
    command = [binaries.ramekin(), "import", "--from-store", "--store", server.directives["store"], "--dir", server.folder, *words]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)


def asked_for(server, *commands):
    """How many rows the store was asked for by these."""
    before = int(server.info("store")["store_misses"])
    with server.client() as client:
        replies = client.pipeline(list(commands))
    return int(server.info("store")["store_misses"]) - before, replies


def test_everything_comes_and_stays_and_nothing_comes_twice(filled):
    done = fill(filled)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout == "Taken: 6002 keys (6001 in database 0, 1 in database 3)\n", done.stdout
    again = fill(filled)
    assert (again.returncode, again.stdout) == (0, "Taken: 0 keys\n"), again
    filled.start()
    reads = [("GET", f"key{n}") for n in range(5000)] + [("TABLE.GET", "orders", f"o{n}") for n in range(700)]
    asked, replies = asked_for(filled, *reads, ("LRANGE", "list", 0, -1), ("SELECT", 3), ("TTL", "elsewhere"))
    assert asked == 0 and all(replies[:5700])
    assert replies[4999].startswith(b"value4999 ") and json.loads(bytes(replies[5699])) == {"n": 699}
    assert replies[-3] == [b"a", b"b"] and 900 < replies[-1] <= 1000
    # What has come is no change.
    assert filled.info("store")["store_flushed_records"] == "0"
    with filled.client() as client:
        client("TABLE.PUT", "orders", "o1", '{"n": -1}')
        settle(filled)
        client("EVICT")
        assert record(client, "orders", "o1") == {"n": -1}


def test_only_the_named_tables_come(filled):
    done = fill(filled, "orders")
    assert (done.returncode, done.stdout) == (0, "Taken: 700 keys\n"), done
    filled.start()
    assert asked_for(filled, *[("TABLE.GET", "orders", f"o{n}") for n in range(700)])[0] == 0
    assert asked_for(filled, *[("TABLE.GET", "people", f"p{n}") for n in range(300)])[0] == 300
    assert filled.terminate(20) == 0
    done = fill(filled, "nobody")
    assert done.returncode == 1 and "no table 'nobody'" in done.stderr and "orders, people" in done.stderr, done


def test_it_ends_when_memory_is_full_and_says_what_was_left(filled):
    done = fill(filled, "--maxmemory", "4mb")
    assert done.returncode == 2 and "memory is full" in done.stderr, done
    taken = int(done.stdout.split()[1])
    assert 100 < taken < 5000, done.stdout
    assert f"about {6002 - taken} keys" in done.stderr or f"about {6003 - taken} keys" in done.stderr, done
    filled.start()
    with filled.client() as client:
        assert client("DBSIZE") == 6001
        assert int(filled.info("memory")["used_memory"]) < 12 << 20
    assert filled.terminate(20) == 0
    done = fill(filled)
    assert done.returncode == 0 and int(done.stdout.split()[1]) == 6002 - taken, (done, taken)


def test_it_says_what_is_wrong(filled, tmp_path):
    filled.start()
    done = fill(filled)
    assert done.returncode == 1 and "in use" in done.stderr or "another process" in done.stderr, done
    filled.kill()
    filled.directives["store"], was = "postgresql://postgres@127.0.0.1:1/postgres", filled.directives["store"]
    done = fill(filled)
    assert done.returncode == 1 and done.stderr.startswith("ramekin: ") and done.stderr.count("\n") == 1, done
    filled.directives["store"] = was
    folder, filled.folder = filled.folder, tmp_path / "new"
    if was.startswith("postgresql"):
        assert "belongs to another folder" in fill(filled).stderr
        done = fill(filled, "--store-attach", "store")
        assert done.returncode == 0 and "6002 keys" in done.stdout, done
    filled.folder = folder


def test_what_others_change_after_it_is_seen(start_ramekin, postgres, schema, url):
    server = start_ramekin(store=url, **{**FAST, "evict-interval": "0"})
    with server.client() as client:
        client.pipeline([("TABLE.PUT", "t", f"r{n}", '{"n": 1}') for n in range(10)])
        settle(server)
        client("EVICT")
        assert client("SAVE") == b"OK"
    assert server.terminate(20) == 0
    done = fill(server)
    assert done.stdout == "Taken: 10 keys\n", done
    sql(postgres, f"UPDATE {schema}.t SET data = '{{\"n\": 2}}' WHERE key = 'r3'", f"DELETE FROM {schema}.t WHERE key = 'r4'")
    done = fill(server)
    assert done.returncode == 0, done
    server.start()
    with server.client() as client:
        until(lambda: record(client, "t", "r3") == {"n": 2})
        until(lambda: record(client, "t", "r4") is None)
        assert record(client, "t", "r5") == {"n": 1}
