"""When things go wrong under a store: its server is gone, its process forks, somebody else has its folder."""

import os
import subprocess
import sys
import threading

import pytest

from harness.server import Server
from ramekin.errors import ClosedError, ForkedError, LockedError, ServerConnectionError
from ramekin.kv import KeyValueStore

THREADS = 8


def each(calls):
    """What became of each call: its result, or the kind of its exception."""
    out = []
    for call in calls:
        try:
            out.append(call())
        except Exception as error:  # noqa: BLE001 - told to the test
            out.append(type(error))
    return out


def in_threads(work):
    """What `work(0)`, `work(1)`, … came to, run at once."""
    out = [None] * THREADS

    def run(number):
        (out[number],) = each([lambda: work(number)])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return out


def test_threads_are_told_while_the_server_is_gone_and_go_on_once_it_is_back():
    server = Server("ramekin")
    try:
        kv = KeyValueStore(f"ramekin://127.0.0.1:{server.port}", "app", 1, "prod")
        kv.set("key", b"1", tags=["t"])
        server.kill()
        for call in (
            lambda number: kv.set(f"k{number}", b"x"),
            lambda number: kv.get("key"),
            lambda number: kv.query_by_tags(["t"]),
            lambda number: kv.incr("n"),
            lambda number: kv.set_many({"a": b"1"}, atomic=True),
        ):
            told = in_threads(call)
            assert all(isinstance(one, type) and issubclass(one, ConnectionError) for one in told), told
        assert kv.set_many({"a": b"1", "b": b"2"}) == {"a": False, "b": False}
        server.start()
        assert sorted(in_threads(lambda number: kv.incr("n"))) == list(range(1, THREADS + 1))
        assert kv.get("n") == b"8" and kv.get("key") == b"1" and list(kv.query_by_tags(["t"])) == ["key"]
        # It cannot know what became of the changes that were acknowledged before, and says so once.
        with pytest.raises(ServerConnectionError, match="was lost"):
            kv.flush()
        kv.close()
    finally:
        server.remove()


@pytest.mark.places("folder", "sqlite")
def test_a_child_of_a_fork_is_told_and_may_leave_while_the_parent_goes_on(kv, shelf):
    kv.set("key", b"1")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        calls = [lambda: kv.get("key"), lambda: kv.set("key", b"2"), lambda: kv.query_by_tags(["t"]), kv.flush, lambda: kv.incr("n")]
        told = each([*calls, shelf, kv.close, lambda: kv.get("key")])
        expected = [*[ForkedError] * 6, None, ClosedError]
        os.write(writing, b"as it should" if told == expected else str(told).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"as it should"
    os.waitpid(child, 0)
    assert kv.get("key") == b"1"
    kv.set("key", b"3")
    assert kv.get("key") == b"3"


@pytest.mark.places("folder", "sqlite")
def test_stores_of_one_folder_share_it_and_another_process_is_told_who_has_it(kv, shelf, address):
    other = shelf()
    other.set("key", b"1", tags=["t"])
    other.close()
    assert kv.get("key") == b"1" and shelf(namespace="second").get_or_none("key") is None
    code = f"from ramekin.kv import KeyValueStore; KeyValueStore({address!r}, 'app', 1, 'prod')"
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert second.returncode == 1 and LockedError.__name__ in second.stderr and str(os.getpid()) in second.stderr
    kv.set("key", b"2")
    assert kv.get("key") == b"2"
