"""Redis or Valkey behind the server: real types, both killed at random, what is lost there is noticed, TLS."""

import os
import shutil

import pytest

from harness.resp import Fault
from harness.server import Server, StartFailed
from store.behind import FAST, settle, until
from store.load import Load
from store.test_failures import check_against_the_store, kill_both_at_random, limited
from store.test_tls import Front, authority  # noqa: F401 - a fixture

SEED = os.environ.get("TEST_SEED", "1")
SAFE = {"appendonly": "yes", "appendfsync": "always"}

pytestmark = pytest.mark.ours


@pytest.fixture
def behind():
    """A Valkey of the test's own that keeps what it has confirmed."""
    server = Server("valkey", SAFE)
    yield server
    server.remove()


def address(server, database=0, parameters="", who=""):
    return f"redis://{who}127.0.0.1:{server.port}/{database}{parameters}"


def error_of(server):
    return server.info("store")["store_last_error"]


def test_both_processes_are_killed_at_random_and_nothing_is_lost(start_ramekin, behind):
    server = limited(start_ramekin, address(behind))
    load = Load(server, SEED)

    def cut():
        with behind.client() as client:
            client("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    kill_both_at_random(server, load, behind.kill, behind.start, cut)
    check_against_the_store(server, load, address(behind))


def test_a_reply_may_wait_until_the_store_has_the_change(start_ramekin, behind):
    server = start_ramekin(store=address(behind))
    with server.client() as client, behind.client() as other:
        assert client("CLIENT", "DURABILITY", "STORE") == b"OK"
        for n in range(20):
            assert client("SET", "key", f"value{n}") == b"OK"
            assert other("GET", "key") == b"value%d" % n
        client("DEL", "key")
        assert other("EXISTS", "key") == 0


def test_others_read_what_clients_have_written(start_ramekin, behind):
    server = start_ramekin(store=address(behind), **FAST)
    with server.client() as client, behind.client() as other:
        client("SET", "text", "hello", "PX", 600_000)
        client("RPUSH", "list", "a", "b", "c")
        client("HSET", "hash", "f", "1", "g", "2")
        client("HPEXPIRE", "hash", 600_000, "FIELDS", 1, "g")
        client("TABLE.PUT", "people", "ada", '{"age": 36}')
        client("TAG.ADD", "people:ada", "person")
        client("TAG.ADD", "list", "letters", "few")
        client("TAG.ADD", "hash", "few")
        client("SELECT", 2)
        client("SET", "text", "of 2")
        settle(server)
        assert other("GET", "text") == b"hello" and 590_000 < other("PTTL", "text") <= 600_000
        assert other("LRANGE", "list", 0, -1) == [b"a", b"b", b"c"]
        assert other("HGET", "hash", "f") == b"1"
        assert 590_000 < other("HPTTL", "hash", "FIELDS", 1, "g")[0] <= 600_000
        assert other("GET", "people:ada") == b'{"age": 36}'
        assert other("GET", "db2:text") == b"of 2"
        assert sorted(other("SMEMBERS", "ramekin:tags:0:list")) == [b"few", b"letters"]
        assert other("ZRANGE", "ramekin:tag:0:few", 0, -1) == [b"hash", b"list"]
        assert other("ZRANGE", "ramekin:tag:people:person", 0, -1) == [b"ada"]
        client("EVICT")
        client("SELECT", 0)
        assert client("LRANGE", "list", 0, -1) == [b"a", b"b", b"c"]
        assert 590_000 < client("HPTTL", "hash", "FIELDS", 1, "g")[0] <= 600_000
        assert sorted(client("KEYS", "*")) == [b"hash", b"list", b"people:ada", b"text"]
        assert client("DBSIZE") == 4
        client("DEL", "list", "text")
        client("TABLE.DEL", "people", "ada")
        settle(server)
        assert other("EXISTS", "list", "text", "people:ada") == 0
        assert other("ZCARD", "ramekin:keys:0") == 1
        assert other("ZRANGE", "ramekin:tags:0", 0, -1, "WITHSCORES") == [b"few", b"1"]


def test_whoever_may_only_read_can_look(start_ramekin, behind):
    server = start_ramekin(store=address(behind), **FAST)
    with server.client() as client, behind.client() as other:
        client("SET", "a", "1")
        client("RPUSH", "list", "x")
        settle(server)
        client("EVICT")
        other("ACL", "SETUSER", "look", "on", ">s3cret", "%R~*", "+@read", "+@connection", "+@transaction", "+command")
        assert server.terminate(15) == 0
        server.directives |= {"store": address(behind, who="look:s3cret@"), "store-read-only": "yes"}
        server.start()
    with server.client() as client:
        assert client("GET", "a") == b"1"
        assert client("LRANGE", "list", 0, -1) == [b"x"]
        assert isinstance(client("SET", "a", "2"), Fault)
    assert "s3cret" not in server.log()


def test_a_store_that_falls_back_is_noticed_and_made_whole_by_a_restart(start_ramekin, behind):
    # What has left memory meanwhile is as the store has it: here nothing does.
    server = start_ramekin(store=address(behind), **{**FAST, "evict-interval": "0"})
    with server.client() as client:
        client("SET", "a", "1")
        settle(server)
        behind.kill()
        older = behind.folder.with_name(behind.folder.name + "-older")
        shutil.copytree(behind.folder, older)
        behind.start()
        client.pipeline([("SET", f"key{n}", n) for n in range(100)])
        client("SET", "a", "2")
        settle(server)
        behind.kill()
        shutil.rmtree(behind.folder)
        older.rename(behind.folder)
        behind.start()
        client("SET", "b", "3")
        until(lambda: "lost what it had confirmed" in error_of(server), why=lambda: error_of(server))
        with behind.client() as other:
            assert other("EXISTS", "b") == 0
        assert client("GET", "a") == b"2"
    server.restart()
    settle(server)
    with server.client() as client, behind.client() as other:
        assert other("MGET", "a", "b", "key99") == [b"2", b"3", b"99"]
        assert client("DBSIZE") == 102


def test_a_store_that_has_lost_everything_is_refused_until_told(start_ramekin):
    behind = Server("valkey")
    try:
        server = start_ramekin(store=address(behind), **FAST)
        assert "warning: the store has appendonly no" in server.log()
        with server.client() as client:
            client("SET", "a", "1")
            settle(server)
        behind.restart()
        server.kill()
        with pytest.raises(StartFailed) as failed:
            server.start()
        assert "store-attach memory" in failed.value.output
        server.directives["store-attach"] = "memory"
        server.start()
        settle(server)
        with behind.client() as other:
            assert other("GET", "a") == b"1"
    finally:
        behind.remove()


def test_a_line_with_tls_leads_only_to_whom_it_names(start_ramekin, behind, authority):  # noqa: F811
    front = Front(behind.port, authority / "server")

    def refused(parameters, host="localhost", scheme="rediss"):
        with pytest.raises(StartFailed) as failed:
            Server("ramekin", {"store": f"{scheme}://{host}:{front.port}/0?{parameters}&timeout=2"}).remove()
        return failed.value.output

    try:
        server = start_ramekin(store=f"rediss://localhost:{front.port}/0?cacert={authority}/ca.crt", **FAST)
        with server.client() as client:
            big = b"x" * (1 << 20)
            assert client("SET", "a", big) == b"OK"
            settle(server)
            client("EVICT")
            assert client("GET", "a") == big
        assert server.terminate(15) == 0
        assert "certificate" in refused("timeout=2")
        assert "certificate" in refused(f"cacert={authority}/other.crt")
        assert "certificate" in refused(f"cacert={authority}/ca.crt", "127.0.0.1")
        assert "missing.crt" in refused(f"cacert={authority}/missing.crt")
        assert "cannot be reached" in refused("", scheme="redis")
    finally:
        front.close()
