"""The crash test itself: it notices what is missing, torn or too much."""

import pytest

from crash.workload import Load
from harness.server import Server


@pytest.fixture
def loaded():
    """A Valkey without any persistence, and a load that it has acknowledged."""
    server = Server("valkey", appendonly="no")
    load = Load("self-test", writers=3)
    load.run(server, 0.3, lambda: None)
    yield server, load
    server.remove()


def test_a_server_that_kept_everything_passes(loaded):
    server, load = loaded
    assert load.acknowledged > 50
    assert load.check(server) == load.acknowledged


def test_a_server_that_lost_everything_is_noticed(loaded):
    server, load = loaded
    server.restart()
    with pytest.raises(AssertionError, match="no state from there on explains"):
        load.check(server)


@pytest.mark.parametrize(
    "harm",
    [
        ("DEL", "w0:m1"),
        ("SET", "w1:m2", "torn"),
        ("RPUSH", "w2:m3", "too much"),
        ("PEXPIRE", "w0:m4", 1000000),
        ("HSET", "w0:m6", "x", 1),
        ("SET", "w0:unknown", "came from nowhere"),
    ],
)
def test_a_single_wrong_key_is_noticed(loaded, harm):
    server, load = loaded
    with server.client() as client:
        client(*harm)
    with pytest.raises(AssertionError, match="no state from there on explains"):
        load.check(server)
