"""Namespaces with stores of their own: SQLite and PostgreSQL side by side, one of them down."""

import contextlib
import pathlib
import sqlite3
import time

import pytest

from store.behind import FAST, sql, until

pytestmark = pytest.mark.ours


def told(client, name):
    flat = client("NAMESPACE", "INFO", name)
    return dict(zip(flat[::2], flat[1::2], strict=True))


def test_each_namespace_settles_in_its_own_store_and_shows_no_password(start_ramekin, postgres, url, tmp_path):
    server = start_ramekin(**FAST)
    file = tmp_path / "rows.db"
    with server.client() as client:
        assert client("NAMESPACE", "CREATE", "lite", "STORE", f"sqlite:{file}") == b"OK"
        assert client("NAMESPACE", "CREATE", "post", "STORE", url) == b"OK"
        for name in ["lite", "post"]:
            assert client("NAMESPACE", "USE", name) == b"OK"
            assert client("SET", "key", name) == b"OK"
            assert client("TABLE.PUT", "orders", "o-1", '{"of":"%s"}' % name) == b"OK"
            assert client("WAITSTORE", 10_000) == 1
            assert client("FLUSH") == b"OK"
            assert client("EVICT") == 2
            assert client("GET", "key") == name.encode()
        assert sqlite3.connect(file).execute("SELECT count(*) FROM orders").fetchone() == (1,)
        assert told(client, "lite")[b"store-state"] == b"up"
        assert b"rows.db" in told(client, "lite")[b"store"]
        client("CONFIG", "SET", "slowlog-log-slower-than", 0)
        shown = [
            client("NAMESPACE", "CREATE", "bad", "STORE", "postgresql://u:secret@127.0.0.1:1/none"),
            client("NAMESPACE", "CREATE", "lite", "STORE", "postgresql://u:secret@127.0.0.1:1/none"),
            client("NAMESPACE", "LIST"),
            client("SLOWLOG", "GET", 100),
        ]
        assert shown[0].startswith(b"ERR ") and "secret" not in repr(shown) + server.log()


def test_a_store_that_is_down_holds_up_its_namespace_alone(start_ramekin, postgres, url, tmp_path):
    server = start_ramekin(**FAST)
    with server.client() as client:
        assert client("NAMESPACE", "CREATE", "post", "STORE", url) == b"OK"
        assert client("NAMESPACE", "CREATE", "lite", "STORE", f"sqlite:{tmp_path / 'rows.db'}") == b"OK"
        postgres.stop()
        for name in ["post", "lite"]:
            client("NAMESPACE", "USE", name)
            assert client("SET", "key", name) == b"OK"
        assert client("WAITSTORE", 10_000) == 1, "the other one goes on"
        reply = client("NAMESPACE", "DROP", "post")
        assert reply.startswith(b"ERR ") and b"FORCE" in reply
        server.restart()
    with server.client() as client:
        begun = time.monotonic()
        reply = client("NAMESPACE", "USE", "post")
        assert reply.startswith(b"ERR the namespace 'post' cannot be opened: the store"), reply
        assert time.monotonic() - begun < 15
        assert client("GET", "key") != b"post", "it has stayed where it was"
        assert client("NAMESPACE", "USE", "lite") == b"OK"
        assert client("GET", "key") == b"lite"
        postgres.start()
        until(lambda: client("NAMESPACE", "USE", "post") == b"OK")
        assert client("GET", "key") == b"post"
        assert client("WAITSTORE", 20_000) == 1
        rows = sql(postgres, f"SELECT count(*) FROM {url.split('schema=')[1]}.ramekin_keys")
        assert "1" in str(rows)
        client("NAMESPACE", "USE", "default")
        assert client("NAMESPACE", "DROP", "post") == b"OK"
        reply = client("NAMESPACE", "CREATE", "again", "STORE", url)
        assert reply.startswith(b"ERR ") and b"attach" in reply.lower()
        assert client("NAMESPACE", "CREATE", "again", "STORE", url, "ATTACH", "store") == b"OK"
        assert client("NAMESPACE", "USE", "again") == b"OK"
        assert client("GET", "key") == b"post"


def test_the_number_of_connections_is_that_of_the_main_database_alone(start_ramekin, tmp_path):
    server = start_ramekin(store="sqlite:", **{"max-connections": "8"})

    def fetching():
        found = 0
        for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
            # One that has just ended is none.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += task.joinpath("comm").read_text() == "fetch\n"
        return found

    with server.client() as client:
        assert fetching() == 4
        client("NAMESPACE", "CREATE", "own", "STORE", f"sqlite:{tmp_path / 'own.db'}")
        client("NAMESPACE", "USE", "own")
        client("SET", "k", 1)
        assert fetching() == 4 + 2
        client("CONFIG", "SET", "max-connections", 12)
        until(lambda: fetching() == 8 + 2)
        client("CONFIG", "SET", "max-connections", 5)
        until(lambda: fetching() == 1 + 2)
