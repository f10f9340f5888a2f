"""A server for a module's tests, and clients of it."""

import pytest

from harness.server import Server


@pytest.fixture(scope="module")
def server():
    """A server that the tests of a module share."""
    server = Server("ramekin")
    yield server
    server.remove()


@pytest.fixture
def url(server):
    """The address of an empty database on the shared server."""
    with server.client() as client:
        client("FLUSHALL")
    return f"ramekin://127.0.0.1:{server.port}"


@pytest.fixture
def own():
    """A server that a test may end."""
    server = Server("ramekin")
    yield server
    server.remove()
