"""Fixtures: a real PostgreSQL, and a schema of the test's own in it."""

import asyncio
import uuid

import asyncpg
import pytest

from harness.postgres import Postgres


@pytest.fixture(scope="session")
def postgres():
    with Postgres() as server:
        yield server


@pytest.fixture
def ask(postgres):
    """Runs a statement in PostgreSQL and gives its rows."""

    async def run(statement):
        connection = await asyncpg.connect(postgres.url)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return lambda statement: asyncio.run(run(statement))


@pytest.fixture
def schema(ask):
    name = f"s{uuid.uuid4().hex[:12]}"
    ask(f"CREATE SCHEMA {name}")
    yield name


@pytest.fixture
def store(postgres, schema):
    """The address of a schema of the test's own, as the directive `store` takes it."""
    return f"{postgres.url}?schema={schema}"
