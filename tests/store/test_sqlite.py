"""SQLite behind the server, and what becomes of its file: locked, refused by triggers, wanted by others, lost."""

import json
import sqlite3
import time

import pytest

from harness.server import Server, StartFailed
from store.behind import FAST, record, set_aside, settle, until

pytestmark = pytest.mark.ours


@pytest.fixture
def server(start_ramekin):
    return start_ramekin(store="sqlite:", **FAST)


def file_of(server):
    return server.folder / "store.db"


def test_a_file_that_somebody_has_locked_costs_nothing_but_time(server):
    with server.client() as client:
        client("SET", "a", "1")
        settle(server)
        other = sqlite3.connect(file_of(server), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        replies = client.pipeline([("SET", f"key{n}", "x") for n in range(500)] + [("GET", "a")])
        assert set(replies[:500]) == {b"OK"} and replies[500] == b"1"
        time.sleep(1)
        assert int(server.info("store")["store_unsettled_records"]) >= 500
        assert client("GET", "key499") == b"x"
        other.execute("ROLLBACK")
        settle(server)
        assert other.execute("SELECT count(*) FROM ramekin_keys").fetchone() == (501,)
        assert client("QUARANTINE", "LIST") == []


def test_a_row_that_a_trigger_refuses_is_set_aside_and_survives_a_crash(server):
    with server.client() as client:
        client("TABLE.PUT", "t", "a", '{"n": 1}')
        settle(server)
        other = sqlite3.connect(file_of(server), isolation_level=None)
        other.execute(
            "CREATE TRIGGER small BEFORE INSERT ON t WHEN json_extract(new.data, '$.n') > 9"
            " BEGIN SELECT RAISE(ABORT, 'too large'); END"
        )
        client.pipeline([("TABLE.PUT", "t", f"r{n}", json.dumps({"n": n})) for n in range(12)])
        until(lambda: sorted(set_aside(client)) == ["t:r10", "t:r11"], why=lambda: set_aside(client))
        settle(server)
        assert other.execute("SELECT count(*) FROM t").fetchone() == (11,)
    server.restart()
    with server.client() as client:
        assert set(set_aside(client).values()) and all("too large" in why for why in set_aside(client).values())
        assert record(client, "t", "r11") == {"n": 11}
        other.execute("DROP TRIGGER small")
        assert client("QUARANTINE", "SKIP", "t:r10") == 1 and client("QUARANTINE", "RETRY") == 1
        until(lambda: not set_aside(client))
        assert (record(client, "t", "r10"), record(client, "t", "r11")) == (None, {"n": 11})
        assert other.execute("SELECT count(*) FROM t").fetchone() == (12,)


def refused(**directives):
    with pytest.raises(StartFailed) as failed:
        Server("ramekin", directives).remove()
    return failed.value.output


def test_a_file_has_one_owner(server):
    with server.client() as client:
        client("SET", "a", "1")
    settle(server)
    said = refused(store=f"sqlite:{file_of(server)}")
    assert "another data folder" in said and "store-attach" in said, said
    fresh = Server("ramekin", {"store": f"sqlite:{file_of(server)}", "store-attach": "store", **FAST})
    try:
        with fresh.client() as client, server.client() as old:
            assert client("GET", "a") == b"1"
            client("SET", "a", "2")
            settle(fresh)
            old("SET", "a", "too late")
            until(lambda: server.info("store")["store_state"] == "fenced", why=lambda: server.info("store"))
            assert old("SET", "a", "too late").startswith(b"STOREFENCED")
            client("EVICT")
            assert client("GET", "a") == b"2"
    finally:
        fresh.remove()


def test_a_file_that_was_lost_is_not_taken_for_an_empty_store(server):
    with server.client() as client:
        client("SET", "a", "1")
        settle(server)
        client("EVICT")
    server.kill()
    for file in server.folder.glob("store.db*"):
        file.unlink()
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert "store-attach" in failed.value.output and "another store than this" in failed.value.output, failed.value.output
