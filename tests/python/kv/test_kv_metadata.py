"""KeyValueMetadata, for programs that have asked NADB's by hand; counters and spans."""

import datetime
import random
import sys
import types

import pytest

from ramekin.kv import KeyValueMetadata, PerformanceMetrics
from ramekin.kv.values import iso, us_of


@pytest.fixture
def metadata(address, shelf):
    """The metadata of a place with keys in several namespaces."""
    for db, namespace, key, size, tags in (
        ("app", "prod", "user:1", 10, ["user", "a"]),
        ("app", "prod", "user_2", 200, ["user"]),
        ("app", "test", "USER:3", 30, ["user"]),
        ("other", "prod", "user:4", 40, []),
    ):
        shelf(db, namespace).set(key, b"x" * size, tags=tags)
    metadata = KeyValueMetadata("app_meta.db", address)
    yield metadata
    metadata.close_connections()


def test_keys_are_found_by_what_is_known_of_them(metadata):
    def found(**query):
        return sorted(one["key"] for one in metadata.query_metadata(query))

    assert found(db="app") == ["USER:3", "user:1", "user_2"] and found(namespace="prod") == ["user:1", "user:4", "user_2"]
    assert found(key="user:") == ["USER:3", "user:1", "user:4"] and found(key="r_2") == ["user_2"] and found(key="%") == []
    assert found(tags=["user"], db="app", namespace="prod") == ["user:1", "user_2"] and found(tags=["user", "a"]) == ["user:1"]
    assert found(min_size=30, max_size=100) == ["USER:3", "user:4"]
    assert found(created_after="2001-01-01", updated_before="2001-01-01") == [] and len(found(accessed_after="2001-01-01")) == 4
    with pytest.raises(ValueError, match="colour"):
        found(colour="red")


def test_metadata_of_a_key_is_read_changed_and_deleted_with_it(metadata, shelf):
    assert metadata.get_metadata("user:1", "app", "prod")["size"] == 10 and metadata.get_metadata("user:1", "app", "none") is None
    metadata.set_metadata({"key": "user:1", "db": "app", "namespace": "prod", "tags": ["b", "b", "c"], "ttl": 50})
    told = shelf().get_with_metadata("user:1")
    assert told["value"] == b"x" * 10 and told["metadata"]["tags"] == ["b", "c"] and shelf().ttl("user:1") in (49, 50)
    assert metadata.query_tags("app", "prod") == {"b": 1, "c": 1, "user": 1} and metadata.cleanup_expired() == []
    with pytest.raises(KeyError):
        metadata.set_metadata({"key": "nobody", "db": "app", "namespace": "prod"})
    metadata.delete_metadata("user:1", "app", "prod")
    assert not shelf().exists("user:1")


def test_times_are_written_as_datetime_writes_them():
    rng = random.Random(1)
    for us in [0, 1, 999_999, 1_000_000, *(rng.randrange(4_000_000_000_000_000) for _ in range(500))]:
        told = iso(us)
        assert datetime.datetime.fromisoformat(told).isoformat() == told and us_of(told) == us


def test_percentiles_are_of_what_was_measured():
    metrics = PerformanceMetrics()
    for ms in range(1, 101):
        metrics.record_operation("get", ms, 10)
        metrics.record_operation("set", ms, 1)
    told = metrics.get_metrics()
    assert told["operations"]["get"] == {"count": 100, "avg_ms": 50.5, "min_ms": 1, "max_ms": 100, "p95_ms": 96}
    assert (told["bytes_read"], told["bytes_written"]) == (1000, 100) and told["uptime_seconds"] >= 0
    for _ in range(5000):
        metrics.record_operation("get", 7)
    told = metrics.get_metrics()["operations"]["get"]
    assert (told["count"], told["max_ms"], told["p95_ms"]) == (5100, 100, 7)


@pytest.mark.places("server")
def test_operations_are_counted_and_told_to_opentelemetry(shelf, monkeypatch):
    spans = []

    class Span:
        def __init__(self, name):
            self.told = [name]

        def __enter__(self):
            spans.append(self.told)
            return self

        def __exit__(self, *error):
            pass

        def set_attribute(self, name, value):
            self.told.append(value)

    tracer = types.SimpleNamespace(start_as_current_span=Span)
    trace = types.ModuleType("trace")
    trace.get_tracer = lambda name: tracer
    opentelemetry = types.ModuleType("opentelemetry")
    opentelemetry.trace = trace
    monkeypatch.setitem(sys.modules, "opentelemetry", opentelemetry)
    kv = shelf(enable_otel=True)
    kv.set("a", b"1")
    kv.get("a")
    kv.delete("a")
    assert kv.get_otel_metrics() == {"set": 1, "get": 1, "delete": 1}
    assert spans == [[f"ramekin.kv.{what}", "app", "prod"] for what in ("set", "get", "delete")]
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    kv.set("a", b"1")
