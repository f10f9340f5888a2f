"""Stores written in Python: they do all that a store has to do, and what they raise loses nothing."""

import contextlib
import pathlib
import subprocess
import sys
import threading
import time

import pytest

import ramekin
from ramekin import Database
from ramekin.store import check

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples" / "python"
# Whoever calls back into it must not wait for himself.
sys.path.insert(0, str(EXAMPLES))


class Kept:
    """A dict, changed under a lock; it fails as it is told to."""

    def __init__(self):
        self.values = {}
        self.lock = threading.Lock()
        self.fails = None

    def load(self, keys):
        with self.lock:
            if self.fails == "all":
                raise ConnectionError("nobody is there")
            return [self.values.get(key) for key in keys]

    def save(self, changes):
        with self.lock:
            if self.fails == "all":
                raise ConnectionError("nobody is there")
            if self.fails == "poison" and any(value and b"poison" in value for value in changes.values()):
                raise ValueError("this is not taken")
            for key, value in changes.items():
                if value is None:
                    self.values.pop(key, None)
                else:
                    self.values[key] = value
            if self.fails == "after":
                self.fails = None
                raise OSError("the connection was lost after the commit")

    def scan(self, prefix, after, limit):
        with self.lock:
            if self.fails == "all":
                raise ConnectionError("nobody is there")
            keys = sorted(key for key in self.values if key.startswith(prefix) and (after is None or key > after))
            return [(key, self.values[key]) for key in keys[:limit]]


def test_a_dict_does_all_that_a_store_has_to_do():
    assert check(lambda name: Kept()) > 20


def test_a_store_that_forgets_its_order_is_found_out():
    class Unordered(Kept):
        def scan(self, prefix, after, limit):
            return list(reversed(super().scan(prefix, after, limit)))

    with pytest.raises(AssertionError):
        check(lambda name: Unordered())


def test_the_example_does_all_that_a_store_has_to_do(tmp_path):
    from own_store import Table

    assert check(lambda name: Table(str(tmp_path / f"{name}.db"))) > 20


def test_the_example_runs():
    script = EXAMPLES / "own_store.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True)
    assert "[b'first', b'second'] {'state': 'ringing', 'seconds': 12}" in done.stdout


def test_what_was_evicted_comes_back_from_an_object(tmp_path):
    store = Kept()
    with Database(tmp_path / "data", store=store, evict_interval=0) as db:
        for number in range(300):
            db.set(f"key:{number}", f"value:{number}")
        db.execute("FLUSH")
        assert db.execute("EVICT", 0) == 300
        assert [db.get(f"key:{number}") for number in range(300)] == [f"value:{number}".encode() for number in range(300)]
        assert db.dbsize() == 300
    with Database(tmp_path / "data", store=store) as db:
        assert db.get("key:7") == b"value:7"


def test_a_store_that_is_away_costs_nothing_and_what_it_missed_settles_later(tmp_path):
    store = Kept()
    with Database(tmp_path / "data", store=store, flush_interval=0.1) as db:
        db.set("before", "1")
        db.execute("FLUSH")
        store.fails = "all"
        for number in range(50):
            db.set(f"during:{number}", number)
        assert db.get("before") == b"1"
        store.fails = None
        db.execute("FLUSH")
        assert db.execute("EVICT", 0) == 51
        assert db.get("during:49") == b"49"


def test_a_commit_in_doubt_is_resolved_and_counts_once(tmp_path):
    store = Kept()
    with Database(tmp_path / "data", store=store) as db:
        db.set("counter", "1")
        db.execute("FLUSH")
        store.fails = "after"
        db.incr("counter")
        db.execute("FLUSH")
        assert db.execute("EVICT", 0) == 1
        assert db.get("counter") == b"2"


def test_a_value_that_the_store_refuses_is_set_aside_and_others_settle(tmp_path):
    store = Kept()
    store.fails = "poison"
    with Database(tmp_path / "data", store=store) as db:
        for number in range(20):
            db.set(f"key:{number}", "poison" if number == 7 else "good")
        with pytest.raises(ramekin.CommandError, match="QUARANTINED|set aside|refuses"):
            db.execute("FLUSH")
        assert db.get("key:7") == b"poison"
        store.fails = None
        assert db.execute("QUARANTINE", "RETRY") == 1
        deadline = time.monotonic() + 20
        while db.execute("QUARANTINE", "LIST") and time.monotonic() < deadline:
            with contextlib.suppress(ramekin.CommandError):
                # It may still count the row that settles now.
                db.execute("FLUSH")
        assert db.execute("QUARANTINE", "LIST") == []
        assert any(b"poison" in value for value in store.values.values())


def test_an_object_behind_another_folder_is_refused(tmp_path):
    store = Kept()
    with Database(tmp_path / "one", store=store) as db:
        db.set("a", "1")
        with pytest.raises(ramekin.OwnedError):
            Database(tmp_path / "two", store=store)
        assert db.get("a") == b"1"


def test_an_object_that_is_no_store_is_refused_by_name(tmp_path):
    with pytest.raises(TypeError, match="`scan`"):
        Database(tmp_path / "data", store=type("Half", (), {"load": 1, "save": 1})())
