"""Fixtures of MemDB's tests: databases behind it, embedded and served, and how to look into them."""

import asyncio
import json
import re
import subprocess
import sys

import asyncpg
import pytest

from harness.server import Server
from ramekin import MemDB
from store.proxy import Proxy

BEHIND = ["sqlite", "postgres", "server over sqlite", "server over postgres"]
# Nothing settles, and nothing leaves memory, unless it is asked for.
SLOW = {"flush_interval": 3600, "evict_interval": 3600}


@pytest.fixture(params=BEHIND)
def store_kind(request):
    """Which database is behind; a test may name some by `parametrize`."""
    return request.param

READER = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(json.dumps(connection.execute(sys.argv[2]).fetchall()))
"""


class Behind:
    """A database behind a MemDB."""

    def __init__(self, address, postgres=None, file=None, proxy=None, server=None):
        self.address = address
        self.postgres = postgres
        self.file = file
        # What stands between the engine and a PostgreSQL, and what runs the engine, where that is not this process.
        self.proxy = proxy
        self.server = server

    def open(self, **keywords):
        """A MemDB in front of it, whose intervals are an hour unless said otherwise."""
        return MemDB(self.address, **{**SLOW, **keywords})

    def rows(self, statement):
        """The rows of a statement, as the database has them."""
        if self.postgres:
            return asyncio.run(self._ask(statement))
        # By another process: the engine has a SQLite of its own, and two in one process drop each other's locks.
        asked = [sys.executable, "-c", READER, self.file, statement]
        return [tuple(row) for row in json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)]

    async def rows_beside(self, statement):
        """The same beside a running loop."""
        return await asyncio.to_thread(self.rows, statement)

    async def _ask(self, statement):
        connection = await asyncpg.connect(self.postgres)
        try:
            rows = await connection.fetch(statement)
            return [tuple(row) for row in rows]
        finally:
            await connection.close()


@pytest.fixture
def behind(store_kind, tmp_path, monkeypatch, request):
    """An empty database behind a MemDB; the working folder is the test's own."""
    monkeypatch.chdir(tmp_path)
    postgres = request.getfixturevalue("postgres_url") if store_kind.endswith("postgres") else None
    if not store_kind.startswith("server"):
        yield Behind(postgres or "sqlite:", postgres, tmp_path / "data" / "store.db")
        return
    server = Server("ramekin", store=postgres or "sqlite:", store_poll_interval="0.1")
    try:
        yield Behind(f"ramekin://127.0.0.1:{server.port}", postgres, server.folder / "store.db")
    finally:
        server.remove()


@pytest.fixture(params=["postgres", "server over postgres"])
def behind_proxy(request, postgres_url, tmp_path, monkeypatch):
    """An empty PostgreSQL, reached through a proxy that can delay, hold and cut."""
    monkeypatch.chdir(tmp_path)
    port = int(re.search(r":(\d+)/", postgres_url)[1])
    with Proxy(port) as proxy:
        url = proxy.url(postgres_url) + ("&" if "?" in postgres_url else "?") + "statement_timeout=1"
        if request.param == "postgres":
            yield Behind(url, postgres_url, proxy=proxy)
            return
        server = Server("ramekin", store=url, shutdown_timeout="2")
        try:
            yield Behind(f"ramekin://127.0.0.1:{server.port}", postgres_url, proxy=proxy, server=server)
        finally:
            server.remove()


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch):
    """The environment says nothing to a MemDB."""
    for name in ("PG_DSN", "FLUSH_INTERVAL", "EVICT_INTERVAL", "IDLE_TTL", "MAX_CONNECTIONS"):
        monkeypatch.delenv(name, raising=False)
