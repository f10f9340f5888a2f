"""Fixtures of the Python package's tests: each place where data can be."""

import os

import pytest

from harness.server import Server

PLACES = ["folder", "sqlite", "postgres", "server"]


def pytest_generate_tests(metafunc):
    """A test that asks for `place` runs once for each, unless a marker names some: `@pytest.mark.places("folder")`."""
    if "place" in metafunc.fixturenames:
        chosen = metafunc.definition.get_closest_marker("places")
        metafunc.parametrize("place", list(chosen.args) if chosen else PLACES)


@pytest.fixture
def address(place, tmp_path, monkeypatch, request):
    """The address of an empty database of this kind. The working folder is one of the test's own."""
    monkeypatch.chdir(tmp_path)
    if place == "folder":
        yield str(tmp_path / "data")
    elif place == "memory":
        yield "memory:"
    elif place == "sqlite":
        yield "sqlite:"
    elif place == "postgres":
        yield request.getfixturevalue("postgres_url")
    elif place == "server":
        server = Server("ramekin")
        try:
            yield f"ramekin://127.0.0.1:{server.port}"
        finally:
            server.remove()


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL for all tests: the one that RAMEKIN_TEST_POSTGRES names, or one of its own."""
    named = os.environ.get("RAMEKIN_TEST_POSTGRES")
    if named:
        yield named
        return
    from harness.postgres import Postgres

    with Postgres() as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres):
    """A database of the test's own in it."""
    import asyncio
    import uuid

    import asyncpg

    name = f"t{uuid.uuid4().hex[:16]}"

    async def run(statement):
        connection = await asyncpg.connect(postgres)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run(f"CREATE DATABASE {name}"))
    base, _, _ = postgres.partition("?")
    yield f"{base.rsplit('/', 1)[0]}/{name}"
    asyncio.run(run(f"DROP DATABASE {name} WITH (FORCE)"))
