"""A store before a database: what has left memory is there for every call, and changes settle by size and by interval."""

import time

import pytest

from ramekin.kv import KeyValueStore, KeyValueSync

pytestmark = pytest.mark.places("sqlite", "postgres")


def evict(kv):
    """Takes everything out of memory."""
    kv.flush()
    kv._backend.execute("EVICT")


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_has_left_memory_is_there_for_every_call(shelf):
    kv = shelf()
    kv.create_index("state")
    kv.set("plain", b"x" * 3000, tags=["t", "a,b"])
    kv.set_json("doc", {"state": "open"}, tags=["t"])
    kv.set_with_ttl("short", b"1", 1000)
    kv.set_chunked("large", b"abc" * 1000, chunk_size=100)
    kv.set("n", b"1")
    before = {key: kv.get_with_metadata(key) for key in kv.get_all_keys()}
    for found in before.values():
        found["metadata"].pop("last_accessed")
    questions = [
        lambda: kv.get("plain") == b"x" * 3000 and kv.get("large") == b"abc" * 1000,
        lambda: kv.open_reader("large").read() == b"abc" * 1000,
        lambda: kv.get_all_keys() == sorted(before) and kv.exists_many(before) == dict.fromkeys(before, True),
        lambda: kv.query_by_tags_advanced(["t"]).keys == ["doc", "plain"] and kv.query_by_tags(["t", "a,b"]).keys() == {"plain"},
        lambda: kv.list_all_tags() == {"a,b": 1, "t": 2} and kv.list_namespaces() == ["prod"],
        lambda: kv.query_index("state", "open") == ["doc"] and kv.query().where("size", 3000).keys() == ["large", "plain"],
        lambda: kv.ttl("short") in range(900, 1001) and kv.ttl("plain") is None,
        lambda: kv.get_stats()["count"] == 5 and kv.verify() == {"checked": 5, "damaged": []},
        lambda: kv.set_if_absent("plain", b"") is False and kv.compare_and_set("plain", None, b"") is False,
    ]
    for question in questions:
        evict(kv)
        assert question()
    evict(kv)
    after = {key: kv.get_with_metadata(key) for key in before}
    for found in after.values():
        found["metadata"].pop("last_accessed")
    assert after == before
    evict(kv)
    assert kv.incr("n") == 2
    evict(kv)
    kv.set("plain", b"new")
    evict(kv)
    told = kv.get_with_metadata("plain")
    assert told["value"] == b"new" and told["metadata"]["version"] == 2
    assert told["metadata"]["created_at"] == before["plain"]["metadata"]["created_at"] and kv.list_all_tags() == {"t": 1}
    evict(kv)
    kv.delete_many(["doc", "large"])
    evict(kv)
    assert kv.get_all_keys() == ["n", "plain", "short"] and kv.query_index("state", "open") == []
    assert kv.clear_namespace(confirm=True) == 3
    evict(kv)
    assert kv.get_all_keys() == []


def test_a_full_buffer_settles_before_the_interval(address):
    sync = KeyValueSync(3600)
    kv = KeyValueStore(address, "app", 1, "prod", sync, compression_enabled=False)
    kv.set("small", b"x")
    assert kv.get_stats()["buffer_size_bytes"] > 0
    for i in range(100):
        kv.set(f"k{i}", b"x" * 100_000)
    # Ten megabytes have come; shards tell of what they have in steps, so that it is counted to about four.
    until(lambda: kv.get_stats()["buffer_size_bytes"] < 5_000_000)
    kv.close()


def test_what_is_unsettled_settles_by_the_interval(address):
    sync = KeyValueSync(0.05)
    kv = KeyValueStore(address, "app", 100, "prod", sync)
    kv.set("small", b"x")
    until(lambda: kv.get_stats()["buffer_size_bytes"] == 0)
    kv.close()
