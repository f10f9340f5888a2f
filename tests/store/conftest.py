"""Fixtures: a real PostgreSQL for all tests of stores, and a place of its own in it for each; Valkeys."""

import hashlib

import pytest

from harness.postgres import Postgres
from harness.server import Server
from store.behind import sql


@pytest.fixture(scope="session")
def shared_postgres():
    with Postgres() as server:
        yield server


@pytest.fixture
def redis_url():
    """The address of a Valkey of the test's own."""
    server = Server("valkey", {"appendonly": "yes", "appendfsync": "always"})
    yield f"redis://127.0.0.1:{server.port}/0"
    server.remove()


@pytest.fixture
def postgres(shared_postgres):
    """It runs, whatever the test before has done to it."""
    if not shared_postgres.alive():
        shared_postgres.start()
    return shared_postgres


@pytest.fixture
def schema(postgres, request):
    """An empty schema of the test's own."""
    name = "s" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    sql(postgres, f"DROP SCHEMA IF EXISTS {name} CASCADE", f"CREATE SCHEMA {name}")
    return name


@pytest.fixture
def url(postgres, schema):
    """The address of that schema."""
    return f"{postgres.url}?schema={schema}"
