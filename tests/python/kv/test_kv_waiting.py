"""A store whose changes count once Redis has them: what is waited for together, and what a store that is down does to callers."""

import threading
import time

import pytest

from harness.server import Server
from ramekin import StoreDownError
from ramekin.kv import KeyValueStore
from ramekin.kv.places import Place

THREADS = 8


@pytest.fixture
def redis():
    server = Server("valkey", appendonly="yes")
    yield server
    server.remove()


@pytest.fixture
def kv(redis, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = KeyValueStore("kv", "app", 1, "prod", storage_backend="redis", redis_host="127.0.0.1", redis_port=redis.port)
    yield store
    store.close()


def in_threads(work):
    """Runs `work(0)`, `work(1)`, … at once; what they have raised."""
    start = threading.Barrier(THREADS)
    raised = []

    def run(number):
        start.wait()
        try:
            work(number)
        except Exception as error:  # noqa: BLE001 - told to the test
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def batches(kv):
    told = kv._backend.execute("INFO", "store")
    return int(str(told, "utf-8").partition("store_flushes:")[2].split()[0])


@pytest.fixture
def waits(monkeypatch):
    """One item for each time that the store behind was waited for."""
    settle, counted = Place.settle, []
    monkeypatch.setattr(Place, "settle", lambda place: (counted.append(1), settle(place)))
    return counted


def in_redis(redis, key):
    """The value that Redis has; None: it has none."""
    name = f"kv/3:app/4:prod/{key}"
    with redis.client() as client:
        return client("HGET", name, "v") if client("EXISTS", name) else None


def test_threads_that_set_at_once_share_the_batches_to_redis(kv, redis):
    # While Redis takes no writes, all changes come together.
    before = batches(kv)
    with redis.client() as client:
        client("CLIENT", "PAUSE", 500, "WRITE")
    assert in_threads(lambda number: kv.set(f"k{number}", b"x")) == []
    assert batches(kv) - before <= 6
    assert [in_redis(redis, f"k{number}") for number in range(THREADS)] == [b"x"] * THREADS


def test_threads_that_increment_one_key_do_not_wait_for_redis_one_after_the_other(kv, redis):
    kv.incr("n")
    before = batches(kv)
    with redis.client() as client:
        client("CLIENT", "PAUSE", 500, "WRITE")
    assert in_threads(lambda number: kv.incr("n")) == []
    assert batches(kv) - before <= 4
    assert in_redis(redis, "n") == b"9"


def test_many_keys_are_waited_for_once(kv, redis, waits, tmp_path):
    keys = [f"k{number}" for number in range(500)]
    assert set(kv.set_many(dict.fromkeys(keys, b"x")).values()) == {True}
    assert len(waits) == 1 and in_redis(redis, keys[-1]) == b"x"
    kv.create_backup("full")
    kv.export_backup_stream(str(tmp_path / "keys.jsonl"))
    steps = [
        (lambda: kv.create_index("size"), b"x"),
        (lambda: kv.delete_many(keys), None),
        (lambda: kv.import_backup_stream(str(tmp_path / "keys.jsonl")), b"x"),
        (lambda: kv.clear_namespace(confirm=True), None),
        (lambda: kv.restore_backup("full"), b"x"),
        (lambda: kv.restore_backup("full", clear_existing=True), b"x"),
    ]
    for step, left in steps:
        waits.clear()
        step()
        assert len(waits) == 1
        assert in_redis(redis, keys[-1]) == left


def test_a_set_that_redis_does_not_get_says_so_and_arrives_later(kv, redis):
    kv.set("here", b"1")
    redis.kill()
    raised = in_threads(lambda number: kv.set("here", b"%d" % number))
    assert len(raised) == THREADS and all(isinstance(error, StoreDownError) for error in raised)
    assert kv.set_many({"here": b"2"}) == {"here": False}
    with pytest.raises(StoreDownError):
        kv.set_many({"here": b"3"}, atomic=True)
    # It is in the log, and read from memory meanwhile.
    assert kv.get("here") == b"3"
    redis.start()
    deadline = time.monotonic() + 20
    while True:
        try:
            kv.set("later", b"4")
            break
        except StoreDownError:
            assert time.monotonic() < deadline
    assert in_redis(redis, "here") == b"3" and in_redis(redis, "later") == b"4"
