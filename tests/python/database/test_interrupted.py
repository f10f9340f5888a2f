"""Calls that an exception interrupts in the middle, as Ctrl-C does: nothing is kept of them, and the next ones are right."""

import pytest

from ramekin import Database


@pytest.fixture
def db(url):
    with Database(url, max_connections=1) as db:
        yield db


def test_a_watch_that_is_interrupted_at_its_end_gives_its_connection_back(db, monkeypatch):
    pipe = db.watch("stock")
    connection = pipe._watching._connection
    whole = type(connection).exchange

    def interrupted(*args):
        monkeypatch.setattr(type(connection), "exchange", whole)
        raise KeyboardInterrupt

    monkeypatch.setattr(type(connection), "exchange", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pipe.reset()
    assert connection.closed
    # The only connection that there may be: this would wait for ever.
    assert db.backend._places.acquire(timeout=5)
    db.backend._places.release()
    assert db.set("stock", 1)


@pytest.mark.parametrize("address", [5, b"data", ["data"]])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(TypeError, match="an address is"):
        Database(address)
