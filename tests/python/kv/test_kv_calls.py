"""Each call on one key: values of all sorts, metadata, tags, expiry, and what is refused."""

import datetime
import hashlib
import os
import threading
import time

import pytest

from ramekin.kv import StoredValue

TAKEN_FOR_MARKS = [b"", b"\x00", b"NADB\x01\x01\x01not compressed", b"CMP:nor this", b"\xff" * 10, b"NADB\x01", bytes(range(256))]


@pytest.mark.parametrize("value", TAKEN_FOR_MARKS)
def test_any_bytes_come_back_as_they_were(kv, value):
    kv.set("key", value)
    assert kv.get("key") == value


@pytest.mark.parametrize("key", ["a b", "ключ", "a:b/c", "1:x/", "🍲", "*?[a]", "\n\t", "x" * 1024, "kv/3:app/4:prod/x"])
def test_a_key_may_have_any_characters(kv, key):
    kv.set(key, b"1", tags=[key[:256]])
    assert kv.get(key) == b"1"
    assert kv.get_all_keys() == [key]
    assert list(kv.query_by_tags([key[:256]])) == [key]
    assert kv.get_with_metadata(key)["metadata"]["key"] == key


def test_large_values_are_compressed_where_that_pays(kv):
    kv.set("text", b"abc" * 10_000)
    noise = os.urandom(30_000)
    kv.set("noise", noise)
    assert kv.get("text") == b"abc" * 10_000 and kv.get("noise") == noise
    text, found = (kv.get_with_metadata(key)["metadata"] for key in ("text", "noise"))
    assert (text["size"], found["size"]) == (30_000, 30_000)
    assert text["stored_size"] < 1000 and found["stored_size"] == 30_000


def test_nothing_is_compressed_where_that_was_not_wanted(shelf):
    kv = shelf(compression_enabled=False)
    kv.set("text", b"abc" * 10_000)
    assert kv.get_with_metadata("text")["metadata"]["stored_size"] == 30_000
    assert shelf().get("text") == b"abc" * 10_000


def test_a_missing_key_is_a_key_error_for_each_who_asks_for_its_value(kv):
    for ask in (
        kv.get,
        kv.get_bytes,
        kv.get_text,
        kv.get_json,
        kv.get_stored,
        kv.get_with_metadata,
        kv.ttl,
        kv.persist_ttl,
        kv.open_reader,
    ):
        with pytest.raises(KeyError, match="nobody"):
            ask("nobody")
    assert kv.get_or_none("nobody") is None and kv.get_or_default("nobody", 7) == 7
    assert kv.touch("nobody") is False and kv.touch("nobody", 5) is False and not kv.exists("nobody")
    kv.delete("nobody")
    assert kv.get_all_keys() == []


@pytest.mark.parametrize("value", [None, 5, 1.5, ["a"], {"a": 1}, object()])
def test_what_is_neither_bytes_nor_text_is_a_type_error(kv, value):
    with pytest.raises(TypeError):
        kv.set("key", value)
    with pytest.raises(TypeError):
        kv.set_with_ttl("key", value, 5)
    assert not kv.exists("key")


@pytest.mark.parametrize("key", ["", None, 5, b"bytes", "a\x00b", "x" * 1025])
def test_what_cannot_be_a_key_is_refused_by_each_call(kv, key):
    calls = [
        lambda: kv.set(key, b"1"),
        lambda: kv.get(key),
        lambda: kv.delete(key),
        lambda: kv.exists(key),
        lambda: kv.incr(key),
        lambda: kv.set_if_absent(key, b"1"),
        lambda: kv.set_with_ttl(key, b"1", 5),
        lambda: kv.ttl(key),
        lambda: kv.touch(key, 5),
        lambda: kv.open_writer(key),
        lambda: kv.get_many([key]),
    ]
    for call in calls:
        with pytest.raises(ValueError):
            call()


def test_tags_that_cannot_be_are_refused_and_nothing_is_set(kv):
    for tags, kind in (("text", TypeError), (("a",), TypeError), ([""], ValueError), (["x" * 257], ValueError), ([5], ValueError)):
        with pytest.raises(kind):
            kv.set("key", b"1", tags=tags)
    assert not kv.exists("key")


def test_the_metadata_of_a_key_tells_all_of_it(kv):
    before = datetime.datetime.now()
    kv.set_with_ttl("key", b"hello", 60, tags=["b", "a", "b"])
    found = kv.get_with_metadata("key")
    assert found["value"] == b"hello"
    told = found["metadata"]
    assert {name: told[name] for name in ("key", "db", "namespace", "size", "ttl", "tags", "version", "encrypted")} == {
        "key": "key", "db": "app", "namespace": "prod", "size": 5, "ttl": 60, "tags": ["a", "b"], "version": 1, "encrypted": False,
    }  # fmt: skip
    for name in ("created_at", "last_updated", "last_accessed"):
        assert abs((datetime.datetime.fromisoformat(told[name]) - before).total_seconds()) < 5
    left = datetime.datetime.fromisoformat(told["expires_at"]) - before
    assert 55 < left.total_seconds() < 65


def test_times_and_version_follow_the_changes(kv):
    kv.set("key", b"1")
    first = kv.get_with_metadata("key")["metadata"]
    kv.set("key", b"2")
    second = kv.get_with_metadata("key")["metadata"]
    assert second["created_at"] == first["created_at"] < second["last_updated"]
    assert (first["version"], second["version"]) == (1, 2)
    kv.delete("key")
    kv.set("key", b"3")
    third = kv.get_with_metadata("key")["metadata"]
    assert third["version"] == 1 and third["created_at"] > first["created_at"]


def test_text_and_json_are_known_as_such(kv):
    kv.set_text("t", "grüß", encoding="latin-1")
    kv.set_json("j", {"a": [1, None]}, tags=["json"], sort_keys=True)
    kv.set("b", bytearray(b"raw"))
    kv.set("m", memoryview(b"view"))
    kv.set_bytes("own", "text", content_type="image/png")
    assert kv.get("t") == "grüß".encode("latin-1") and kv.get_text("t") == "grüß"
    assert kv.get_json("j") == {"a": [1, None]}
    assert (kv.get("b"), kv.get("m"), kv.get_bytes("own")) == (b"raw", b"view", b"text")
    told = {key: kv.get_with_metadata(key)["metadata"] for key in ("t", "j", "b", "own")}
    assert {key: (m["value_type"], m["encoding"], m["content_type"]) for key, m in told.items()} == {
        "t": ("text", "latin-1", "text/plain; charset=latin-1"),
        "j": ("json", "utf-8", "application/json"),
        "b": ("bytes", None, "application/octet-stream"),
        "own": ("bytes", None, "image/png"),
    }


def test_a_store_returns_what_it_was_asked_to(shelf):
    shelf().set_text("key", "grüß", encoding="latin-1")
    assert shelf(return_type="str").get("key") == "grüß"
    stored = shelf(return_type="stored").get("key")
    assert isinstance(stored, StoredValue)
    assert (stored.text, stored.bytes, stored.encoding, stored.ttl_remaining) == ("grüß", "grüß".encode("latin-1"), "latin-1", None)
    assert stored.etag == stored.metadata["checksum"] and stored.created_at == stored.metadata["created_at"]
    assert shelf(return_type="str").get_many(["key", "no"]) == {"key": "grüß", "no": None}
    with pytest.raises(ValueError):
        shelf(return_type="other")


def test_a_key_is_gone_when_its_time_is_over(kv):
    kv.set_with_ttl("key", b"1", 1, tags=["t"])
    assert kv.ttl("key") in (0, 1) and kv.get("key") == b"1"
    deadline = time.monotonic() + 10
    while kv.exists("key"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(KeyError):
        kv.get("key")
    assert kv.get_all_keys() == [] and kv.list_all_tags() == {} and kv.query_by_tags(["t"]) == {}
    assert kv.get_stats()["count"] == 0
    assert kv.set_if_absent("key", b"2") is True and kv.ttl("key") is None


def test_lifetimes_can_be_given_in_each_form_and_taken_back(kv):
    kv.set_with_expires_at("at", b"1", datetime.datetime.now() + datetime.timedelta(seconds=30.5))
    kv.set_with_expires_at("zone", b"1", datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=30.5))
    kv.set_with_timedelta("delta", b"1", datetime.timedelta(minutes=1), tags=["t"])
    assert [kv.ttl(key) in (29, 30) for key in ("at", "zone")] == [True, True] and kv.ttl("delta") in (59, 60)
    assert kv.persist_ttl("at") is True and kv.ttl("at") is None
    assert kv.touch("at", 100) and kv.ttl("at") in (99, 100) and kv.touch("at") is True
    assert kv.get_with_metadata("at")["metadata"]["ttl"] == 100
    kv.set("delta", b"2")
    assert kv.ttl("delta") is None and kv.get_with_metadata("delta")["metadata"]["ttl"] is None
    for ttl in (0, -1, 1.5, "5", None):
        with pytest.raises(ValueError):
            kv.set_with_ttl("key", b"1", ttl)
    with pytest.raises(ValueError):
        kv.set_with_expires_at("key", b"1", datetime.datetime.now() - datetime.timedelta(seconds=1))
    for moment in (time.time() + 30, "2100-01-01", None):
        with pytest.raises(TypeError, match="datetime"):
            kv.set_with_expires_at("key", b"1", moment)


def test_namespaces_and_dbs_have_keys_of_their_own(shelf):
    stores = [shelf(db, namespace) for db in ("a", "b") for namespace in ("x", "y", "x/1:y")]
    for i, store in enumerate(stores):
        store.set("key", str(i), tags=[f"t{i}"])
    assert [store.get("key") for store in stores] == [str(i).encode() for i in range(6)]
    assert [store.list_all_tags() for store in stores] == [{f"t{i}": 1} for i in range(6)]
    assert stores[0].list_namespaces() == ["x", "x/1:y", "y"] and stores[0].list_namespaces("x/") == ["x/1:y"]
    assert stores[0].clear_namespace("y", confirm=True) == 1
    assert [store.exists("key") for store in stores] == [True, False, True, True, True, True]
    stores[0].flushdb(confirm=True, scope="db")
    assert [store.exists("key") for store in stores] == [False, False, False, True, True, True]
    stores[3].flushdb(confirm=True)
    assert [store.exists("key") for store in stores] == [False, False, False, False, True, True]
    stores[0].flushdb(confirm=True, scope="all")
    assert not any(store.exists("key") for store in stores)
    with pytest.raises(ValueError):
        stores[0].clear_namespace()
    with pytest.raises(ValueError):
        stores[0].flushdb(confirm=True, scope="galaxy")


def test_names_that_look_like_patterns_match_themselves_alone(shelf):
    names = ["a", "*", "a*", "?", "[a]", "\\", "a\\"]
    stores = {(db, namespace): shelf(db, namespace) for db in names for namespace in names}
    for (db, namespace), store in stores.items():
        store.set("key", f"{db} {namespace}", tags=[f"{db} {namespace}"])
    for (db, namespace), store in stores.items():
        assert store.list_all_tags() == {f"{db} {namespace}": 1} and store.list_namespaces() == sorted(names)
    stores["a*", "a"].flushdb(confirm=True, scope="db")
    left = [where for where, store in stores.items() if store.exists("key")]
    assert left == [(db, namespace) for db, namespace in stores if db != "a*"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_value_and_its_metadata_are_of_one_moment(shelf, chunked):
    kv, other = shelf(), shelf()
    kv.set("key", b"0", tags=["0"])
    done = threading.Event()

    def write():
        i = 0
        while not done.is_set():
            i += 1
            value = str(i) * (i % 3 + 1)
            if chunked:
                other.set_chunked("key", value, chunk_size=1, tags=[value])
            else:
                other.set_with_ttl("key", value, i + 1000, tags=[value])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            found = kv.get_with_metadata("key")
            metadata = found["metadata"]
            assert metadata["tags"] == [found["value"].decode()] and metadata["size"] == len(found["value"])
            assert metadata["checksum"] == hashlib.sha256(found["value"]).hexdigest()
    finally:
        done.set()
        writer.join()


def test_statistics_tell_of_all_operations(kv):
    kv.set("a", b"x" * 100, tags=["t", "u"])
    kv.set_with_ttl("b", b"y" * 5000, 60, tags=["t"])
    kv.get("a")
    kv.get_or_none("c")
    kv.delete("c")
    kv.query_by_tags(["t"])
    stats = kv.get_stats()
    exact = ("db", "namespace", "count", "tag_count", "logical_size_bytes", "bytes_read", "bytes_written")
    assert {name: stats[name] for name in exact} == {
        "db": "app", "namespace": "prod", "count": 2, "tag_count": 2, "logical_size_bytes": 5100, "bytes_read": 100, "bytes_written": 5100,
    }  # fmt: skip
    assert 100 < stats["size_bytes"] < 1000
    assert stats["uptime_seconds"] > 0 and 0 <= stats["buffer_utilization_percent"] <= 100
    operations = stats["performance"]["operations"]
    for name in ("set", "set_with_ttl", "get", "get_miss", "delete", "query_by_tags"):
        told = operations[name]
        assert told["count"] == 1 and 0 < told["min_ms"] <= told["avg_ms"] <= told["max_ms"] and told["p95_ms"] <= told["max_ms"]


def test_many_keys_are_set_got_and_deleted_at_once(kv):
    items = {f"k{i}": f"v{i}" for i in range(300)}
    assert kv.set_many(items, tags=["bulk"]) == dict.fromkeys(items, True)
    assert kv.get_many([*items, "no"], default=b"-") == {**{key: value.encode() for key, value in items.items()}, "no": b"-"}
    assert kv.exists_many(["k0", "no"]) == {"k0": True, "no": False}
    assert kv.list_all_tags() == {"bulk": 300}
    assert kv.set_many([("a", b"1"), ("", b"2"), ("b", 3)]) == {"a": True, "": False, "b": False}
    assert kv.delete_many(["k0", "no", ""]) == {"k0": True, "no": True, "": False}
    assert kv.delete_many([f"k{i}" for i in range(300)], atomic=True) and kv.get_all_keys() == ["a"]
    with pytest.raises(TypeError):
        kv.set_many([("c", b"1"), ("d", 5)], atomic=True)
    assert kv.get_all_keys() == ["a"]


def test_pages_of_keys_are_complete_and_in_order(kv):
    kv.set_many({f"k{i:03}": b"" for i in range(25)})
    kv.set("other", b"")
    assert [len(page) for page in kv.scan_keys("k", page_size=10)] == [10, 10, 5]
    assert sum(kv.scan_keys(page_size=7), []) == sorted([f"k{i:03}" for i in range(25)] + ["other"])
    assert kv.keys_with_prefix("k00") == [f"k00{i}" for i in range(10)] and len(kv.keys_with_prefix()) == 26
    assert kv.count() == 26


def test_what_a_closed_store_is_asked_is_refused(shelf):
    from ramekin.errors import ClosedError

    kv = shelf()
    kv.close()
    kv.close()
    with pytest.raises(ClosedError):
        kv.get("key")


def test_stores_of_one_place_share_a_database_whoever_is_closed_first(shelf):
    first, second = shelf(), shelf()
    first.set("key", b"1")
    assert second.get("key") == b"1"
    first.close()
    assert second.get("key") == b"1"


def test_all_is_there_after_it_was_opened_again(shelf):
    kv = shelf()
    kv.set("plain", b"1", tags=["a,b", "c"])
    kv.set_json("doc", {"state": "open"})
    kv.set_with_ttl("short", b"2", 500)
    kv.set_chunked("large", b"abc" * 100_000, chunk_size=1000)
    before = {key: kv.get_with_metadata(key) for key in kv.get_all_keys()}
    kv = shelf.again()
    after = {key: kv.get_with_metadata(key) for key in kv.get_all_keys()}
    for found in (*before.values(), *after.values()):
        found["metadata"].pop("last_accessed")
    assert after == before and len(after) == 4


def test_an_encrypted_store_needs_its_key(shelf):
    sealed = shelf(encryption_key="secret")
    sealed.set("key", b"plain text" * 500)
    with sealed.open_writer("large", chunk_size=100) as writer:
        writer.write(b"chunk" * 100)
    assert sealed.get("key") == b"plain text" * 500 and sealed.get("large") == b"chunk" * 100
    assert sealed.get_with_metadata("key")["metadata"]["encrypted"] is True
    kept = sealed._backend.execute("HGETALL", sealed._scope.key("key"))
    assert not any(b"plain text" in value for value in (kept.values() if isinstance(kept, dict) else kept))
    for other in (shelf(), shelf(encryption_key="wrong")):
        with pytest.raises(ValueError):
            other.get("key")
        with pytest.raises(ValueError):
            other.get("large")


def test_hooks_change_and_refuse_values(kv):
    kv.add_transformer(lambda key, value, metadata: (value.strip(), {"origin": "form"}))

    def short(key, value, metadata):
        if len(value) > 5:
            raise ValueError("too long")

    kv.add_validator(short)
    kv.set("key", b"  hello ")
    assert kv.get("key") == b"hello" and kv.get_with_metadata("key")["metadata"]["origin"] == "form"
    for call in (
        lambda: kv.set("key", b"longer"),
        lambda: kv.set_with_ttl("key", b"longer", 5),
        lambda: kv.set_if_exists("key", b"longer"),
    ):
        with pytest.raises(ValueError, match="too long"):
            call()
    with pytest.raises(ValueError, match="too long"):
        with kv.open_writer("file", chunk_size=2) as writer:
            writer.write(b"longer")
    assert kv.get("key") == b"hello" and not kv.exists("file")


def test_watchers_are_told_of_what_was_done(kv):
    told = []
    note = kv.watch("*", lambda **event: told.append((event["event"], event["key"])))
    only = kv.watch("delete", lambda **event: told.append(event["metadata"]["size"]))
    kv.watch("set", lambda **event: 1 / 0)
    kv.set("a", b"123")
    kv.set_many({"b": b"", "c": b""})
    kv.incr("n")
    kv.delete("a")
    kv.delete("a")
    kv.delete_many(["b"])
    kv.flushdb(confirm=True)
    assert told == [("set", "a"), ("set", "b"), ("set", "c"), ("set", "n"), 3, ("delete", "a"), 0, ("delete", "b"), ("flushdb", None)]
    assert kv.unwatch("*", note) and kv.unwatch("delete", only) and not kv.unwatch("*", note)
    kv.set("d", b"")
    assert len(told) == 9


def test_watchers_are_told_of_what_has_expired(kv):
    told = []
    kv.watch("expire", lambda **event: told.append(event["key"]))
    kv.set_with_ttl("a", b"1", 1)
    kv.set_with_ttl("b", b"1", 1)
    kv.persist_ttl("b")
    deadline = time.monotonic() + 10
    while not told:
        assert time.monotonic() < deadline
        kv.cleanup_expired()
        time.sleep(0.05)
    assert told == ["a"] and kv.cleanup_expired() == [] and kv.get("b") == b"1"
