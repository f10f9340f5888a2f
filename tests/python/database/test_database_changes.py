"""Changes of keys, asked for with CHANGES: in order, each once, by `get`, by iteration and by a callback."""

import asyncio
import threading

import pytest

import ramekin
from ramekin import errors
from ramekin._changes import PolledChanges


class Feed:
    """A backend that has nothing but CHANGES."""

    def __init__(self):
        self.made = []  # db, key, event, lsn
        self.lost_at = None
        self.questions = []
        self.fail = []

    def execute(self, *args):
        self.questions.append(args)
        if self.fail:
            raise self.fail.pop()
        assert args[0] == "CHANGES"
        if len(args) == 1:
            return [b"%d" % len(self.made), 0, []]
        named = dict(zip(args[1::2], args[2::2]))
        since = int(named["SINCE"])
        found = [list(change) for change in self.made[since:]][: named["COUNT"]]
        lost, self.lost_at = (1, None) if self.lost_at == since else (0, self.lost_at)
        return [b"%d" % (since + len(found)), lost, found]

    def subscribe(self, match, callback):
        return PolledChanges(self, match, callback)

    def close(self):
        pass


@pytest.fixture
def feed():
    return Feed()


def test_changes_come_in_order_from_the_moment_of_subscribing(feed):
    feed.made.append((0, b"before", b"set", 1))
    with ramekin.Database(feed).subscribe("k*") as changes:
        assert changes.get(0) is None
        feed.made += [(0, b"k1", b"set", 2), (3, b"k2", b"expire", 3)]
        assert changes.get(5) == {"key": b"k1", "db": 0, "event": "set", "lsn": 2}
        assert changes.get(5) == {"key": b"k2", "db": 3, "event": "expire", "lsn": 3}
        assert changes.get(0.05) is None
    assert feed.questions[1][-2:] == ("MATCH", "k*")
    assert changes.get(5) is None  # closed


def test_what_was_lost_is_told_before_what_is_there(feed):
    changes = ramekin.Database(feed, decode_responses=True).subscribe()
    feed.made.append((0, b"k", "del", 9))
    feed.lost_at = 0
    assert changes.get(5)["event"] == "lost"
    assert changes.get(5) == {"key": "k", "db": 0, "event": "del", "lsn": 9}


def test_it_asks_less_often_while_nothing_happens(feed):
    ramekin.Database(feed).subscribe().get(1.0)
    assert 5 <= len(feed.questions) <= 25


def test_iterating_ends_when_it_is_closed_elsewhere(feed):
    changes = ramekin.Database(feed).subscribe()
    feed.made += [(0, b"k%d" % n, b"set", n) for n in range(5)]
    found = []
    for change in changes:
        found.append(change["key"])
        if len(found) == 5:
            threading.Thread(target=changes.close).start()
    assert found == [b"k%d" % n for n in range(5)]


def test_a_callback_gets_each_change_and_survives_what_goes_wrong(feed, caplog):
    found, done = [], threading.Event()

    def told(change):
        found.append(change["key"])
        if change["key"] == "k0":
            raise ValueError("the callback's own")
        if len(found) == 3:
            done.set()

    feed.fail = []
    changes = ramekin.Database(feed, decode_responses=True).subscribe(callback=told)
    feed.made.append((0, b"k0", b"set", 1))
    feed.made.append((0, b"k1", b"set", 2))
    while len(found) < 2:
        done.wait(0.005)
    feed.fail = [errors.ServerConnectionError("lost")]
    feed.made.append((0, b"k2", b"set", 3))
    assert done.wait(10)
    changes.close()
    assert found == ["k0", "k1", "k2"]
    assert "a callback for changes failed" in caplog.text and "asking for changes failed" in caplog.text


def test_a_callback_may_close_what_calls_it(feed):
    done = threading.Event()

    def told(change):
        changes.close()
        done.set()

    changes = ramekin.Database(feed).subscribe(callback=told)
    feed.made.append((0, b"k", b"set", 1))
    assert done.wait(10)


def test_tasks_iterate_and_are_called(feed):
    async def main():
        db = ramekin.AsyncDatabase(feed)
        changes = await db.subscribe()
        feed.made += [(0, b"k%d" % n, b"set", n) for n in range(3)]
        assert (await changes.get(5))["key"] == b"k0"
        found = []
        async for change in changes:
            found.append(change["key"])
            if len(found) == 2:
                assert await changes.get(0.01) is None
                await changes.close()
        assert found == [b"k1", b"k2"]
        called = asyncio.Event()
        async with await db.subscribe("k*", lambda change: called.set()):
            feed.made.append((0, b"k", b"set", 9))
            await asyncio.wait_for(called.wait(), 10)

    asyncio.run(main())
