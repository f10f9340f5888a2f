"""Whose a store is: one folder's at a time, and whoever has lost it can do no harm."""

import json
import shutil

import pytest

from harness.resp import NIL
from harness.server import Server, StartFailed
from store.behind import FAST, record, settle, sql, until

pytestmark = pytest.mark.ours


@pytest.fixture
def start_in(tmp_path):
    """Starts servers in folders of the test's own."""
    servers = []

    def begin(name, **directives):
        servers.append(Server("ramekin", {**FAST, **directives}, folder=tmp_path / name))
        return servers[-1]

    yield begin
    for server in servers:
        server.remove()


def refused(start):
    with pytest.raises(StartFailed) as failed:
        start()
    return failed.value.output


def test_a_second_folder_is_refused_with_what_to_do(start_in, url):
    server = start_in("first", store=url)
    with server.client() as client:
        client("SET", "a", "1")
    settle(server)
    said = refused(lambda: start_in("second", store=url))
    assert "belongs to another folder" in said and "schema=" in said and "store-attach" in said, said
    # It is the folder that counts, not whether its owner is alive.
    server.kill()
    assert "belongs to another folder" in refused(lambda: start_in("third", store=url))
    server.start()
    with server.client() as client:
        assert client("GET", "a") == b"1"


def test_a_copy_of_a_folder_is_refused_while_the_owner_is_alive_and_once_it_is_out_of_date(start_in, tmp_path, url):
    server = start_in("first", store=url)
    with server.client() as client:
        client("SET", "a", "1")
        settle(server)
        shutil.copytree(tmp_path / "first", tmp_path / "copy")
        shutil.copytree(tmp_path / "first", tmp_path / "older")
        said = refused(lambda: start_in("copy", store=url))
        assert "owner that is alive" in said and "Stop it first" in said and "pg_terminate_backend" in said, said
    server.restart()
    with server.client() as client:
        client("SET", "a", "2")
        settle(server)
    server.kill()
    said = refused(lambda: start_in("older", store=url))
    assert "older copy" in said and "store-attach" in said, said
    server.start()
    with server.client() as client:
        assert client("GET", "a") == b"2"


def test_a_folder_that_was_deleted_begins_anew_with_all_that_the_store_has(start_in, tmp_path, url):
    server = start_in("first", store=url)
    with server.client() as client:
        client("SET", "text", "1", "EX", "1000")
        client("RPUSH", "list", "a", "b")
        client("HSET", "hash", "f", "v")
        client("SELECT", "3")
        client("SET", "other", "x")
        client("TABLE.CREATE", "t", "ON", "CONFLICT", "store-wins")
        client.pipeline([("TABLE.PUT", "t", f"r{n}", json.dumps({"n": n})) for n in range(500)])
        client("SELECT", "0")
        client("SET", "large", "x" * 3_000_000)
    settle(server)
    server.kill()
    shutil.rmtree(tmp_path / "first")
    assert "belongs to another folder" in refused(lambda: start_in("first", store=url))
    fresh = start_in("first", **{"store": url, "store-attach": "store"})
    with fresh.client() as client:
        assert client("GET", "text") == b"1" and 900 < client("TTL", "text") <= 1000
        assert client("LRANGE", "list", 0, -1) == [b"a", b"b"]
        assert client("HGETALL", "hash") == [b"f", b"v"]
        assert client("STRLEN", "large") == 3_000_000
        assert client("DBSIZE") == 504
        assert all(record(client, "t", f"r{n}") == {"n": n} for n in range(0, 500, 50))
        client("SELECT", "3")
        assert client("GET", "other") == b"x"
        client("SET", "other", "y")
    settle(fresh)
    # From now on it is this folder's, without a word.
    fresh.kill()
    del fresh.directives["store-attach"]
    fresh.start()
    with fresh.client() as client:
        client("SELECT", "3")
        assert client("GET", "other") == b"y"


def test_an_owner_that_was_thought_dead_is_fenced_and_writes_nothing_more(start_in, postgres, schema, url):
    old = start_in("old", store=url)
    with old.client() as client:
        client("SET", "a", "old")
        client("TABLE.PUT", "t", "r", '{"by": "old"}')
        settle(old)
        new = start_in("new", **{"store": url, "store-attach": "store"})
        with new.client() as other:
            assert other("GET", "a") == b"old"
            other("SET", "a", "new")
            other("TABLE.PUT", "t", "r", '{"by": "new"}')
            settle(new)
            client("SET", "a", "too late")
            client("SET", "b", "too late")
            until(lambda: old.info("store")["store_state"] == "fenced", 20, lambda: old.info("store"))
            for words in (("SET", "c", "1"), ("DEL", "a"), ("TABLE.PUT", "t", "r", "{}")):
                said = client(*words)
                assert said.startswith(b"STOREFENCED"), said
            assert client("FLUSH").startswith(b"STOREFENCED")
            other("EVICT")
            assert (other("GET", "a"), other("GET", "b"), record(other, "t", "r")) == (b"new", NIL, {"by": "new"})
        assert [row["key"] for row in sql(postgres, f"SELECT key FROM {schema}.ramekin_keys")] == [b"a"]
        # A stop has nothing to wait for.
    assert old.terminate(15) == 0
    said = refused(old.start)
    assert "another folder" in said and "store-attach" in said, said
    with new.client() as other:
        assert other("SET", "a", "still") == b"OK"
    settle(new)
