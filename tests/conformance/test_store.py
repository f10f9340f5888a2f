"""Commands about the store behind, over a database of SQLite."""

import sqlite3

import pytest

from harness.resp import NIL, Fault

pytestmark = pytest.mark.ours


@pytest.fixture
def server(start):
    return start(store="sqlite:", flush_interval=3600, evict_interval=0)


@pytest.fixture
def client(server):
    with server.client() as connection:
        yield connection


def scan(client, *options):
    found, cursor = [], b"0"
    while True:
        cursor, keys = client("SCAN", cursor, *options)
        found += keys
        if cursor == b"0":
            return sorted(found)


def test_what_is_flushed_is_in_the_store_and_comes_back(server, client):
    client("HSET", "h", "f", "v")
    client("TABLE.PUT", "orders", "o-1", '{"id": 8}')
    assert client("EVICT") == 0
    assert client("FLUSH") == b"OK"
    assert client("FLUSH", "orders") == b"OK"
    with sqlite3.connect(f"file:{server.folder}/store.db?mode=ro", uri=True) as store:
        assert store.execute("SELECT key, data ->> 'id' FROM orders").fetchall() == [("o-1", 8)]
    assert client("EVICT", 1000) == 0
    assert client("EVICT") == 2
    assert client("HGET", "h", "f") == b"v"
    assert client("TABLE.GET", "orders", "o-1") == b'{"id": 8}'


def test_all_keys_are_told_of_wherever_they_are(client):
    keys = [b"key%02d" % number for number in range(50)]
    for key in keys:
        client("SET", key, "v")
    client("TABLE.PUT", "orders", "o-1", "{}")
    client("FLUSH")
    client("EVICT")
    client("DEL", keys[0])
    client("SET", "new", "v")
    everything = [*keys[1:], b"new", b"orders:o-1"]
    assert client("DBSIZE") == len(everything)
    assert client("KEYS", "*") == everything
    assert scan(client, "COUNT", 7) == everything
    assert scan(client, "MATCH", "*9") == [b"key09", b"key19", b"key29", b"key39", b"key49"]
    assert scan(client, "TYPE", "ReJSON-RL") == [b"orders:o-1"]
    info = client("TABLE.INFO", "orders")
    assert info[info.index(b"records") + 1 :][:3] == [1, b"records-in-memory", 0]
    assert isinstance(client("SCAN", 2**61 + 12345), Fault)


def test_writes_wait_for_the_store(client):
    assert client("WAITSTORE", 0) == 1
    client("SET", "a", 1)
    assert client("WAITSTORE", 10_000) == 1
    assert client("CLIENT", "DURABILITY", "STORE") == b"OK"
    client("SET", "a", 2)
    assert client("EVICT") == 1
    assert client("GET", "a") == b"2"


def test_nothing_is_in_quarantine_of_what_the_store_takes(client):
    client("SET", "a", 1)
    client("FLUSH")
    assert client("QUARANTINE", "LIST") == client("QUARANTINE", "LIST", "COUNT", 5) == []
    assert client("QUARANTINE", "RETRY") == client("QUARANTINE", "RETRY", "a", 3) == 0
    assert client("QUARANTINE", "SKIP", "a") == 0
    assert isinstance(client("QUARANTINE", "SKIP", "a", "x"), Fault)
    assert client("QUARANTINE", "HELP")[0].startswith(b"QUARANTINE <subcommand>")
    assert client("GET", "none") == NIL
