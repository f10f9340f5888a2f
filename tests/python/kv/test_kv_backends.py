"""Where the data of a store may be: backends of one's own, Redis, memory, addresses, and what is refused."""

import threading

import pytest

import ramekin
import ramekin.kv as package
from harness.server import Server
from ramekin.errors import OpenError
from ramekin.kv import (
    BackendCapabilities,
    FileSystemStorage,
    KeyValueStore,
    MemoryStorage,
    RedisStorage,
    StorageBackend,
    StorageFactory,
)


class Shelves(StorageBackend):
    """A backend as a user writes one: values in a dict."""

    def __init__(self):
        self.data = {}
        self.fail = False
        self.closed = 0

    def get_capabilities(self):
        return BackendCapabilities(max_value_size_bytes=10_000)

    def write_data(self, relative_path, data):
        if self.fail:
            return False
        assert relative_path not in self.data, "a path is written once"
        self.data[relative_path] = data
        return True

    def read_data(self, relative_path):
        return self.data.get(relative_path)

    def delete_file(self, relative_path):
        self.data.pop(relative_path, None)
        return True

    def file_exists(self, relative_path):
        return relative_path in self.data

    def get_file_size(self, relative_path):
        return len(self.data.get(relative_path, b""))

    def get_full_path(self, relative_path):
        return relative_path

    def ensure_directory_exists(self, path):
        return True

    def close_connections(self):
        self.closed += 1


@pytest.fixture
def own():
    return Shelves()


@pytest.fixture
def kept(shelf, own):
    """A store whose values are in a backend of the user's."""
    return shelf(storage_backend=own)


def test_a_backend_written_in_python_has_the_values_and_nothing_else(kept, own):
    kept.set("a", b"x" * 5000, tags=["t"])
    kept.set("b", b"NADB\x01\x01\x01")
    assert len(own.data) == 2 and b"NADB\x01\x01\x01" in own.data.values() and min(map(len, own.data.values())) < 50
    assert kept.get("a") == b"x" * 5000 and kept.get_many(["a", "b"]) == {"a": b"x" * 5000, "b": b"NADB\x01\x01\x01"}
    assert list(kept.query_by_tags(["t"])) == ["a"] and kept.get_with_metadata("a")["value"] == b"x" * 5000
    kept.set("a", b"new")
    assert kept.incr("n") == 1 and kept.incr("n") == 2 and kept.set_if_absent("n", b"0") is False
    assert kept.compare_and_set("a", kept.get_stored("a").etag, b"newer") and kept.get("a") == b"newer"
    with kept.transaction() as tx:
        tx.set("c", b"1")
        tx.delete("b")
    with kept.open_writer("file", chunk_size=10) as writer:
        writer.write(b"0123456789" * 5)
    assert kept.open_reader("file").read() == b"0123456789" * 5
    assert sorted(own.data.values()) == sorted([b"newer", b"2", b"1", b"0123456789" * 5])
    assert kept.verify() == {"checked": 4, "damaged": []}
    kept.flushdb(confirm=True)
    assert own.data == {} and kept.get_all_keys() == []


def test_what_a_backend_refuses_has_not_happened(kept, own):
    kept.set("a", b"old")
    own.fail = True
    for call in (lambda: kept.set("a", b"new"), lambda: kept.set_if_exists("a", b"new"), lambda: kept.set_many({"a": b"new"}, atomic=True)):
        with pytest.raises(OSError):
            call()
    own.fail = False
    with pytest.raises(ValueError):
        kept.set("a", b"x" * 10_001)
    assert kept.get("a") == b"old" and list(own.data.values()) == [b"old"]


def test_files_of_keys_that_have_expired_are_deleted(kept, own):
    import time

    kept.set_with_ttl("a", b"1", 1)
    deadline = time.monotonic() + 10
    while kept.exists("a"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(own.data) == 1
    assert kept._files.sweep() == [] and kept._files.sweep(0) == ["a"] and own.data == {}


def test_a_file_that_its_backend_has_lost_is_a_missing_key(kept, own):
    kept.set("a", b"1")
    own.data.clear()
    with pytest.raises(KeyError, match="lost"):
        kept.get("a")
    assert kept.verify()["damaged"] == ["a"]


def test_readers_of_a_backend_never_meet_a_half_or_missing_value(kept, shelf, own):
    kept.set("a", b"0" * 100)
    done = threading.Event()
    seen = set()

    def look():
        while not done.is_set():
            value = kept.get("a")
            assert len(value) == 100 and len(set(value)) == 1
            seen.add(value[:1])

    reader = threading.Thread(target=look)
    reader.start()
    for i in range(300):
        kept.set("a", str(i % 10).encode() * 100)
    done.set()
    reader.join()
    assert seen and len(own.data) == 1


@pytest.mark.places("server")
def test_an_object_that_is_no_backend_is_refused(address):
    with pytest.raises(TypeError, match="write_data"):
        KeyValueStore(address, storage_backend=object())


def test_a_backend_can_be_assigned(shelf, own):
    kv = shelf()
    kv.storage = own
    kv.set("a", b"1")
    assert list(own.data.values()) == [b"1"] and kv.storage is own
    kv.close()
    assert own.closed == 1


@pytest.mark.places("folder", "sqlite")
def test_memory_is_each_stores_own(shelf, tmp_path):
    first, second = (KeyValueStore(str(tmp_path / "m"), storage_backend="memory") for _ in range(2))
    first.set("a", b"1")
    assert first.get("a") == b"1" and not second.exists("a") and not (tmp_path / "m").exists()
    first.close()
    second.close()


@pytest.fixture
def redis():
    server = Server("valkey")
    yield server
    server.remove()


def redis_store(redis, folder, **keywords):
    return KeyValueStore(str(folder), "app", 1, "prod", storage_backend="redis", redis_host="127.0.0.1", redis_port=redis.port, **keywords)


@pytest.mark.places("folder")
def test_a_set_returns_once_redis_has_it(shelf, redis, tmp_path):
    kv = redis_store(redis, tmp_path / "kv")
    with redis.client() as client:
        kv.set("key", b"hello", tags=["t"])
        assert client("HGET", "kv/3:app/4:prod/key", "v") == b"hello"
        kv.incr("n")
        assert client("HGET", "kv/3:app/4:prod/n", "v") == b"1"
        kv.set_with_ttl("short", b"1", 100)
        assert 90 < client("TTL", "kv/3:app/4:prod/short") <= 100
        assert b"kv#3:app/4:prod/t" in client("SMEMBERS", "ramekin:tags:0:kv/3:app/4:prod/key")
        kv.delete("key")
        assert client("EXISTS", "kv/3:app/4:prod/key") == 0
    kv.close()


@pytest.mark.places("folder")
def test_a_redis_storage_can_be_assigned(shelf, redis, tmp_path):
    kv = KeyValueStore(str(tmp_path / "kv"))
    kv.storage = RedisStorage(base_path=str(tmp_path / "kv"), host="127.0.0.1", port=redis.port, db=0, password=None)
    kv.set("key", b"hello")
    with redis.client() as client:
        assert client("HGET", "kv/7:default/7:default/key", "v") == b"hello"
    assert kv.is_redis_backend and kv.get("key") == b"hello"
    kv.close()


@pytest.mark.places("folder")
def test_the_same_folder_is_not_opened_with_two_stores_behind_it(shelf, tmp_path):
    kv = KeyValueStore(str(tmp_path / "kv"))
    with pytest.raises(OpenError):
        KeyValueStore(str(tmp_path / "kv"), storage_backend="sqlite")
    kv.close()


@pytest.mark.places("folder", "server")
def test_a_named_storage_also_keeps_bytes_by_itself(address):
    storage = package.storages.at_address(address)
    assert storage.write_data("a/b", b"\x00") and storage.read_data("a/b") == b"\x00" and storage.read_data("none") is None
    assert storage.file_exists("a/b") and not storage.file_exists("none") and storage.get_file_size("a/b") == 1
    assert storage.get_full_path("a/b") == "a/b" and storage.ensure_directory_exists("a")
    assert storage.delete_file("a/b") and not storage.file_exists("a/b") and storage.delete_file("a/b")
    storage.close_connections()
    storage.close_connections()


def test_storages_are_made_by_name_or_refused():
    assert isinstance(StorageFactory.create_storage("fs", base_path="/x"), FileSystemStorage)
    assert isinstance(StorageFactory.create_storage("memory", base_path="/x"), MemoryStorage)
    made = StorageFactory.create_storage("redis", base_path="/x", host="h", port=1, db=2, password="p/w")
    assert isinstance(made, RedisStorage) and made.directives["store"] == "redis://:p%2Fw@h:1/2" and made.address == "/x/redis-h-1-2"
    for name in ("s3", "memcache", "http://x", ""):
        with pytest.raises(ValueError, match="Cannot create storage backend"):
            StorageFactory.create_storage(name, base_path="/x")
    assert isinstance(StorageFactory.create_storage("s3", True, base_path="/x"), FileSystemStorage)


def test_postgres_needs_an_address(monkeypatch):
    monkeypatch.delenv("PG_DSN", raising=False)
    with pytest.raises(ValueError, match="postgres_url"):
        StorageFactory.create_storage("postgres", base_path="/x")
    monkeypatch.setenv("PG_DSN", "postgresql://h/d")
    assert StorageFactory.create_storage("postgres", base_path="/x").directives["store"] == "postgresql://h/d"
    assert StorageFactory.create_storage("postgres", url="postgresql://h/e").directives["store"] == "postgresql://h/e"


def test_all_that_nadb_exports_is_there():
    for name in (
        *("KeyValueStore", "KeyValueSync", "KeyValueMetadata", "PerformanceMetrics", "StoredValue", "StorageFactory", "open_store"),
        "RedisStorage",
    ):
        assert getattr(ramekin, name) is getattr(package, name)
    assert issubclass(package.RedisStorage, StorageBackend)
