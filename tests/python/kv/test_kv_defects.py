"""What was wrong with NADB, one test for each: none of it is so here."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

import ramekin
from harness.server import Server
from ramekin.kv import KeyValueStore

WRITER = """
import sys
from ramekin.kv import KeyValueStore
kv = KeyValueStore(sys.argv[1], "app", 1, "prod")
i = 0
while True:
    with kv.transaction() as tx:
        tx.set(f"left:{i % 50}", str(i), ["left"])
        tx.set(f"right:{i % 50}", str(i), ["right"])
    kv.set("large", bytes([i % 256]) * (i % 7) * 10_000, tags=["large"])
    kv.incr("count")
    print(i, flush=True)
    i += 1
"""


def written_until_killed(address, victim=None, rounds=30):
    """Runs the writer until it has acknowledged so many rounds, then kills it (or the server); the last round that it told of."""
    home = str(pathlib.Path(ramekin.__file__).parent.parent)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, address],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": home},
    )
    last = -1
    try:
        for line in writer.stdout:
            last = int(line)
            if last >= rounds:
                break
        if victim is not None:
            victim.kill()
        writer.send_signal(signal.SIGKILL)
        # What it managed to tell before it died was acknowledged, too.
        for line in writer.stdout:
            if line.endswith("\n"):
                last = int(line)
    finally:
        writer.kill()
        writer.wait()
    assert last >= rounds, "the writer ended by itself"
    return last


def check_after_crash(kv, last):
    """Everything that was acknowledged is there, and nothing by halves."""
    keys = kv.get_all_keys()
    assert {f"left:{i}" for i in range(min(50, last + 1))} <= set(keys)
    for i in range(50):
        if kv.exists(f"left:{i}"):
            left, right = kv.get(f"left:{i}"), kv.get(f"right:{i}")
            assert left == right and int(left) % 50 == i
    newest = max(int(kv.get(key)) for key in keys if key.startswith("left:"))
    assert newest in (last, last + 1)
    assert int(kv.get("count")) in (last + 1, last + 2)
    large = kv.get_with_metadata("large")
    assert len(set(large["value"])) <= 1 and large["metadata"]["size"] == len(large["value"]) and large["metadata"]["tags"] == ["large"]
    assert kv.verify()["damaged"] == []
    assert set(kv.query_by_tags(["left"])) == {key for key in keys if key.startswith("left:")}


@pytest.mark.places("folder", "sqlite")
@pytest.mark.parametrize("rounds", [5, 40, 120])
def test_a_killed_process_loses_nothing_acknowledged_and_leaves_no_halves(address, shelf, rounds):
    last = written_until_killed(address, rounds=rounds)
    check_after_crash(shelf(), last)


@pytest.mark.parametrize("rounds", [5, 80])
def test_a_killed_server_loses_nothing_acknowledged_and_leaves_no_halves(rounds):
    server = Server("ramekin", store="sqlite:", flush_interval="0.05")
    try:
        last = written_until_killed(f"ramekin://127.0.0.1:{server.port}", server, rounds)
        server.restart()
        kv = KeyValueStore(f"ramekin://127.0.0.1:{server.port}", "app", 1, "prod")
        check_after_crash(kv, last)
        kv.close()
    finally:
        server.remove()


def test_a_value_can_be_read_at_every_moment_of_a_flush(shelf):
    kv, other = shelf(), shelf()
    kv.set_many({f"k{i}": b"x" * 1000 for i in range(100)})
    done = threading.Event()
    failed = []

    def flush():
        try:
            while not done.is_set():
                other.set_many({f"other{i}": b"y" * 1000 for i in range(20)})
                other.flush()
        except Exception as error:
            failed.append(error)

    flusher = threading.Thread(target=flush)
    flusher.start()
    try:
        for round_ in range(10):
            for i in range(0, 100, 10):
                assert kv.get(f"k{i}") == b"x" * 1000 and kv.exists(f"k{i}")
            assert len(kv.query_by_tags([])) >= 100
            kv.set(f"k{round_}", b"x" * 1000)
    finally:
        done.set()
        flusher.join()
    assert failed == []


class Recorder:
    """A backend that notes which commands were run."""

    def __init__(self, backend):
        self.backend = backend
        self.commands = []

    def execute(self, *args):
        self.commands.append(args)
        return self.backend.execute(*args)

    def execute_many(self, commands, atomic=False):
        self.commands += commands
        return self.backend.execute_many(commands, atomic)

    def __getattr__(self, name):
        return getattr(self.backend, name)


READS = {"HMGET", "HGET", "HGETALL", "EXISTS", "PTTL", "PEXPIRETIME", "OBJECT", "TAG.OF", "TAG.KEYS", "TAG.LIST", "TAG.COUNT", "INFO"}


@pytest.fixture
def recorded(kv):
    """A store with 100 keys, and the commands that it runs from now on."""
    kv.set_many({f"k{i}": b"x" * (i * 30) for i in range(100)}, tags=["t"])
    kv.set("one", b"1", tags=["t", "rare"])
    kv.set_chunked("large", b"z" * 5000, chunk_size=1000)
    recorder = Recorder(kv._place.backend)
    kv._place.backend = recorder
    yield kv, recorder.commands
    kv._place.backend = recorder.backend


def test_reads_write_nothing(recorded):
    kv, commands = recorded
    before = kv.get_with_metadata("one")["metadata"]
    (
        kv.get("one"),
        kv.get("k50"),
        kv.get("large"),
        kv.get_or_none("no"),
        kv.get_many(["one", "k1"]),
        kv.get_stored("one"),
        kv.get_text("one"),
    )
    kv.exists("one"), kv.ttl("one"), kv.query_by_tags(["t"]), kv.query_by_tags_advanced(["t"]), kv.list_all_tags(), kv.get_stats()
    kv.query().where("size", 1).all(), list(kv.scan_keys()), kv.list_namespaces(), kv.open_reader("large").read(), kv.verify()
    assert {command[0] for command in commands} <= READS
    after = kv.get_with_metadata("one")["metadata"]
    assert {**after, "last_accessed": None} == {**before, "last_accessed": None}


def test_a_lookup_looks_at_what_it_is_about_and_at_nothing_else(recorded):
    kv, commands = recorded

    def count(call):
        del commands[:]
        call()
        return len(commands)

    assert count(lambda: kv.get("k7")) == 1 and count(lambda: kv.exists("k7")) == 1 and count(lambda: kv.ttl("k7")) == 1
    assert count(lambda: kv.get_with_metadata("k7")) == 4
    assert count(lambda: kv.query_by_tags(["t", "rare"])) == 5, "the keys of the tags, and the metadata of one"
    assert count(lambda: kv.query_by_tags_advanced(["t"])) == 1
    assert count(lambda: kv.list_all_tags()) == 1 and count(lambda: kv.list_namespaces()) == 1
    assert count(lambda: kv.set("k7", b"1")) == count(lambda: kv.set("new", b"1")) < 10


def test_an_expired_value_is_seen_by_no_call(kv):
    kv.set_with_ttl("key", b"1", 1, tags=["t"])
    kv.create_index("size")
    deadline = time.monotonic() + 10
    while kv.get_or_none("key") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not kv.exists("key") and kv.get_all_keys() == [] and kv.query_by_tags(["t"]) == {} and kv.query().all() == []
    assert kv.query_index("size", 1) == [] and kv.get_many(["key"]) == {"key": None} and kv.touch("key", 5) is False
    assert kv.set_if_exists("key", b"2") is False and kv.incr("key") == 1


def test_thousands_of_calls_from_threads_all_work(kv):
    failed = []

    def work(i):
        try:
            for j in range(400):
                kv.set(f"k{j % 10}", b"x")
                kv.get(f"k{j % 10}")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and kv.get_stats()["performance"]["operations"]["set"]["count"] == 1600


def test_who_reads_text_does_not_change_what_others_get(shelf):
    kv = shelf(return_type="str")
    kv.set_text("key", "text")
    done = threading.Event()
    wrong = []

    def look():
        while not done.is_set():
            if kv.get("key") != "text":
                wrong.append(1)

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(300):
        assert kv.get_bytes("key") == b"text" and kv.get_stored("key").text == "text"
    done.set()
    reader.join()
    assert wrong == []


def test_returned_metadata_is_the_callers_own(kv):
    kv.set("key", b"1", tags=["t"])
    found = kv.get_with_metadata("key")["metadata"]
    found["tags"].append("mine")
    found["size"] = 99
    assert kv.get_with_metadata("key")["metadata"]["tags"] == ["t"] and kv.query_by_tags(["t"])["key"]["size"] == 1
    json.dumps(kv.get_stats())


def test_a_query_that_was_answered_once_is_not_answered_from_a_cache(shelf):
    kv, other = shelf(), shelf()
    kv.set("a", b"", tags=["t"])
    assert kv.query_by_tags_advanced(["t"]).keys == ["a"]
    other.set("b", b"", tags=["t"])
    other.delete("a")
    assert kv.query_by_tags_advanced(["t"]).keys == ["b"]
