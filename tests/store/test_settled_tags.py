"""Tags of keys with a store behind: found wherever their keys are, also after a kill, and not lost over an upgrade."""

import json
import sqlite3

import pytest

from harness.resp import Client
from store.behind import FAST, settle, sql, until

pytestmark = pytest.mark.ours


@pytest.fixture(params=["sqlite:", "url", "redis_url"], ids=["sqlite", "postgresql", "redis"])
def address(request):
    return request.getfixturevalue(request.param) if request.param != "sqlite:" else request.param


def leave_memory(server):
    """Everything settles and leaves memory."""
    settle(server)
    until(lambda: memory_is_empty(server), why="keys stay in memory")


def memory_is_empty(server):
    with server.client() as client:
        client("MULTI")
        client("DBSIZE")
        return client("EXEC") == [0]


def fill(client, count):
    for number in range(count):
        client("SET", f"k{number:03}", number)
        client("TAG.ADD", f"k{number:03}", "all", "even" if number % 2 == 0 else "odd")
    client("TABLE.PUT", "people", "ada", json.dumps({"name": "Ada"}))
    client("TAG.ADD", "people:ada", "all", b"\x00any, bytes\xff")


def test_keys_are_found_by_their_tags_after_they_have_left_memory(start_ramekin, address):
    server = start_ramekin(store=address, **FAST)
    with server.client() as client:
        fill(client, 50)
        leave_memory(server)
        assert client("TAG.COUNT", "ANY", "all") == 51
        even = [f"k{number:03}".encode() for number in range(0, 50, 2)]
        assert client("TAG.KEYS", "ALL", "all", "even") == even
        assert client("TAG.KEYS", "ANY", "even", "odd", "LIMIT", 10, 3) == [b"k010", b"k011", b"k012"]
        assert client("TAG.KEYS", "ANY", b"\x00any, bytes\xff") == [b"people:ada"]
        listed = client("TAG.LIST", "WITHCOUNTS")
        assert dict(zip(listed[::2], listed[1::2])) == {b"\x00any, bytes\xff": 1, b"all": 51, b"even": 25, b"odd": 25}
        assert client("TAG.OF", "k001") == [b"all", b"odd"]
        assert client("TAG.REM", "k001", "odd") == 1
        assert client("SET", "k003", "other") == b"OK"
        assert client("DEL", "k005") == 1
        assert client("TAG.COUNT", "ANY", "odd") == 23
        leave_memory(server)
        assert client("TAG.COUNT", "ANY", "odd") == 23
        assert client("TAG.OF", "k001") == [b"all"]
        assert client("TAG.OF", "k003") == [b"all", b"odd"]


def test_tags_survive_a_kill(start_ramekin, address):
    server = start_ramekin(store=address, **FAST)
    with server.client() as client:
        fill(client, 20)
        leave_memory(server)
        client("TAG.ADD", "k000", "late")
        client("RENAME", "k002", "renamed")
        client("DEL", "k004")
    server.kill()
    server.restart()
    with server.client() as client:
        assert client("TAG.KEYS", "ANY", "late") == [b"k000"]
        assert client("TAG.OF", "renamed") == [b"all", b"even"]
        assert client("TAG.COUNT", "ANY", "all") == 20
        leave_memory(server)
        assert client("TAG.KEYS", "ANY", "late") == [b"k000"]
        assert client("TAG.COUNT", "ANY", "all") == 20


def test_what_others_write_to_a_record_keeps_its_tags(start_ramekin, postgres, schema, url):
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        fill(client, 1)
        leave_memory(server)
        sql(postgres, f"""UPDATE {schema}.people SET data = '{{"name": "Grace"}}' WHERE key = 'ada'""")
        until(lambda: b"Grace" in bytes(client("TABLE.GET", "people", "ada")))
        assert client("TAG.OF", "people:ada") == sorted([b"all", b"\x00any, bytes\xff"])
        sql(postgres, f"DELETE FROM {schema}.people")
        until(lambda: client("TAG.KEYS", "ANY", "all") == [b"k000"])
        assert client("TAG.LIST") == [b"all", b"even"]


def test_a_store_of_the_format_before_is_upgraded(start_ramekin, postgres, schema, url, address):
    server = start_ramekin(store=address, **FAST)
    with server.client() as client:
        client("SET", "k", "v")
        settle(server)
    assert server.terminate() == 0
    if address == "sqlite:":
        with sqlite3.connect(f"{server.folder}/store.db") as db:
            db.executescript("DROP TABLE ramekin_tags; UPDATE ramekin_meta SET format = 1;")
        db.close()
    elif address == url:
        sql(postgres, f"DROP TABLE {schema}.ramekin_tags", f"UPDATE {schema}.ramekin_meta SET format = 1")
    else:
        with Client(("127.0.0.1", int(address.split(":")[2].removesuffix("/0")))) as client:
            assert client("KEYS", "ramekin:tag*") == []
            assert client("HSET", "ramekin:meta", "format", 1) == 0
    server.restart()
    with server.client() as client:
        assert client("TAG.ADD", "k", "a") == 1
        leave_memory(server)
        assert client("TAG.KEYS", "ANY", "a") == [b"k"]
