"""KeyValueSync: it starts and ends, settles what is registered with it, and keeps nobody waiting."""

import gc
import threading
import time

import pytest

from ramekin.kv import KeyValueStore, KeyValueSync, open_store


def test_a_sync_starts_and_ends_as_often_as_it_is_told(shelf):
    sync = KeyValueSync(flush_interval_seconds=3600)
    sync.sync_exit()
    sync.start()
    sync.start()
    kv = shelf(sync=sync)
    status = sync.status()
    assert (status["is_running"], status["flush_interval"], status["registered_stores"]) == (True, 3600, 1)
    assert sync.stores == [kv]
    kv.set("a", b"1")
    started = time.monotonic()
    sync.sync_exit()
    assert time.monotonic() - started < 5, "its end does not wait for the interval"
    assert not sync.status()["is_running"] and kv.get("a") == b"1"
    sync.start()
    assert sync.is_running
    sync.sync_exit()


def test_a_closed_store_is_registered_no_more(shelf):
    sync = KeyValueSync(5)
    kv = shelf(sync=sync)
    kv.close()
    assert sync.stores == [] and not sync.is_running


def test_each_round_calls_on_all_stores_whatever_one_of_them_does(shelf):
    sync = KeyValueSync(0.01)
    first, second = shelf(sync=sync), shelf(namespace="other", sync=sync)
    called = threading.Event()

    def fail():
        raise RuntimeError("no")

    first.flush_if_needed = fail
    second.flush_if_needed = called.set
    sync.start()
    assert called.wait(10)
    sync.sync_exit()


def test_a_store_without_a_sync_has_its_own(shelf):
    kv = shelf()
    assert kv.sync.is_running and kv.sync.stores == [kv]
    kv.close()
    assert not kv.sync.is_running


@pytest.mark.places("server")
def test_the_thread_of_a_store_that_nobody_holds_ends(address):
    kv = KeyValueStore(address)
    thread = kv.sync.thread
    del kv
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


def test_a_store_is_opened_for_a_block(address):
    with open_store(address, db="app", namespace="prod") as kv:
        kv.set("a", b"1")
        assert kv.name == "app:prod"
    with open_store(data_folder_path=address, db="app", namespace="prod") as kv:
        if address != "memory:":
            assert kv.get("a") == b"1"


@pytest.mark.places("sqlite")
def test_the_interval_and_the_buffer_are_the_databases(shelf):
    kv = shelf(sync=KeyValueSync(7))
    told = kv._backend.execute("CONFIG", "GET", "flush-*")
    told = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2]))
    assert {name.decode(): value.decode() for name, value in told.items()} == {"flush-interval": "7", "flush-bytes": "1048576"}


@pytest.mark.places("folder", "sqlite", "postgres")
def test_a_flush_settles_everything(shelf):
    kv = shelf(sync=KeyValueSync(3600))
    kv.set("a", b"x" * 1000)
    if kv.get_stats()["buffer_size_bytes"] == 0:
        assert b"store:none" in kv._backend.execute("INFO", "store")
    kv.flush()
    stats = kv.get_stats()
    assert stats["buffer_size_bytes"] == 0 and stats["buffer_utilization_percent"] == 0
