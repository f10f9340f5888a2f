"""The same calls to NADB 0.3.0 and to ours, where the original is right: same results, same kinds of errors, same shapes.

Each runs in a process of its own, in an empty folder. Times, paths and durations are replaced by their type.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import ramekin

CALLS = """
kv.set("text", "Alice", tags=["user"])
kv.set("raw", b"\\x89PNG", tags=["asset", "user"])
kv.set("array", bytearray(b"abc"))
kv.set("view", memoryview(b"abc"))
kv.set("large", b"x" * 5000)
kv.get("text")
kv.get("raw")
kv.get("large") == b"x" * 5000
kv.get_text("text")
kv.get_bytes("text")
kv.get("missing")
kv.get("")
kv.get(None)
kv.get("a\\x00b")
kv.get("x" * 1025)
kv.set("", b"1")
kv.set("key", 5)
kv.set("key", None)
kv.set("key", ["a"])
kv.set("key", b"1", tags="t")
kv.set("key", b"1", tags=("t",))
kv.set("key", b"1", tags=[""])
kv.set("key", b"1", tags=["x" * 257])
kv.exists("key")
kv.exists("text")
kv.set_json("doc", {"status": "active", "plan": "pro"}, tags=["user"])
kv.get_json("doc")
kv.get_json("text")
kv.get_or_none("missing")
kv.get_or_default("missing", 7)
kv.get_or_default("text", 7)
kv.set_text("latin", "gr\\u00fc\\u00df", encoding="latin-1")
kv.get("latin")
kv.get_text("latin")
kv.set_bytes("typed", b"<svg/>", content_type="image/svg+xml")
picked(kv.get_with_metadata("typed")["metadata"])
picked(kv.get_with_metadata("text")["metadata"])
picked(kv.get_with_metadata("doc")["metadata"])
picked(kv.get_with_metadata("latin")["metadata"])
picked(kv.get_with_metadata("raw")["metadata"])
sorted(kv.get_with_metadata("text"))
kv.get_with_metadata("missing")
type(kv.get_stored("text")).__name__
kv.get_stored("text").text
kv.get_stored("text").bytes
kv.get_stored("text").etag
kv.get_stored("text").ttl_remaining
kv.get_stored("doc").content_type
kv.set_many({"m1": "1", "m2": b"2"}, tags=["many"])
kv.set_many([("m3", "3"), ("m4", 4)])
kv.get_many(["m1", "m2", "missing"])
kv.get_many(["m1", "missing"], default=0)
kv.exists_many(["m1", "missing"])
kv.delete_many(["m1", "missing"])
kv.set_many({"n1": "1", "n2": "2"}, atomic=True)
kv.delete_many(["n1", "n2"], atomic=True)
kv.exists_many(["n1", "n2", "m1", "m2", "m3", "m4"])
kv.compare_and_set("text", kv.get_stored("text").etag, "Bob", tags=["user"])
kv.compare_and_set("text", "0" * 64, "Eve")
kv.compare_and_set("fresh", None, b"1")
kv.compare_and_set("text", None, b"1")
kv.set_if_version("fresh", kv.get_stored("fresh").etag, b"2")
kv.set_if_absent("fresh", b"3")
kv.set_if_absent("lock", b"me")
kv.set_if_exists("lock", b"you")
kv.set_if_exists("missing", b"you")
kv.get_many(["text", "fresh", "lock", "missing"])
kv.incr("n")
kv.incr("n", 5)
kv.decr("n", 2)
kv.get("n")
kv.incr("text")
kv.get("text")
kv.delete("lock")
kv.delete("lock")
kv.delete("")
kv.set_with_ttl("short", b"1", 100, tags=["ttl"])
kv.ttl("short") in (99, 100)
kv.ttl("text")
kv.ttl("missing")
kv.set_with_ttl("short", b"1", 0)
kv.set_with_ttl("short", b"1", -5)
kv.set_with_ttl("short", b"1", 1.5)
kv.set_with_ttl("short", b"1", "5")
kv.set_with_ttl("short", 5, 5)
kv.set_with_expires_at("at", b"1", datetime.now() + timedelta(seconds=100))
kv.ttl("at") in (98, 99, 100)
kv.set_with_expires_at("at", b"1", datetime.now() - timedelta(seconds=100))
kv.set_with_timedelta("at", b"1", timedelta(minutes=5))
kv.ttl("at") in (299, 300)
kv.persist_ttl("at")
kv.ttl("at")
kv.persist_ttl("missing")
kv.touch("at", 50)
kv.ttl("at") in (49, 50)
kv.touch("text")
kv.touch("missing")
sorted(kv.query_by_tags(["user"]))
sorted(kv.query_by_tags(["user", "asset"]))
kv.query_by_tags(["nobody"])
picked(kv.query_by_tags(["asset"])["raw"])
kv.query_by_tags("user")
kv.query_by_tags_advanced(["user"]).keys
kv.query_by_tags_advanced(["user", "asset"], "OR", page=1, page_size=2).to_dict()
kv.query_by_tags_advanced(["user"], page=2, page_size=2)["has_more"]
kv.query_by_tags_advanced(["nobody"])["total_count"]
kv.query_by_tags_advanced([]).keys
sorted(kv.list_all_tags().items())
list(kv.scan_keys("m", page_size=1))
kv.keys_with_prefix("t")
sorted(kv.get_all_keys())
kv.list_namespaces()
kv.list_namespaces("x")
kv.query_index("status", "active")
kv.create_index("plan")
kv.query_index("plan", "pro")
kv.query_index("plan", "none")
kv.query_index("content_type", "image/svg+xml")
kv.query().tag("user").where("content_type", "application/json").limit(50).keys()
kv.query().prefix("m").order_by("key", reverse=True).keys()
kv.query().order_by("size", reverse=True).limit(1).keys()
kv.query().prefix("m").offset(1).keys()
kv.query().where("size", 5000).keys()
kv.complex_query([{"field": "tags", "operator": "or", "values": ["asset", "ttl"]}]).keys
kv.complex_query([{"field": "size", "operator": "range", "min_value": 4000}])["keys"]
kv.complex_query([{"field": "size", "operator": "like"}])
kv.complex_query([])["total_count"]
in_transaction(kv, False)
kv.get_many(["tx1", "tx2", "tx3"])
in_transaction(kv, True)
kv.get_many(["tx1", "tx2", "tx3"])
kv.begin_transaction().state.value
kv.commit_transaction(kv.begin_transaction())
kv.rollback_transaction(kv.begin_transaction())
kv.open_reader("text").read()
kv.open_reader("missing")
written(kv)
kv.get("stream")
kv.set_chunked("chunked", b"y" * 3000, chunk_size=1000)
kv.get_chunked("chunked") == b"y" * 3000
kv.set_chunked("chunked", b"y", chunk_size=0)
kv.delete_many([key for key in kv.get_all_keys() if key.startswith("chunked")]) and None
kv.watch("set", print) is print
kv.unwatch("set", print)
kv.unwatch("set", print)
kv.flush()
kv.compact_storage()["total_entries"]
kv.get_stats()["count"]
kv.get_stats()["tag_count"]
kv.get_stats()["logical_size_bytes"]
sorted(kv.get_stats()["performance"]["operations"]["set_with_ttl"])
kv.create_backup("first").backup_type
kv.create_backup("second", compression=False).file_count
kv.verify_backup("first")
kv.verify_backup("nobody")
sorted(made.backup_id for made in kv.list_backups())
kv.create_incremental_backup("nobody")
kv.set("after", b"1")
kv.create_incremental_backup("first", "third").file_count
kv.restore_backup("third", clear_existing=True)
kv.get("after")
kv.restore_backup("nobody")
kv.prune_backups(keep_last=10, keep_days=30)
kv.clear_namespace()
kv.clear_namespace("nobody", confirm=True)
kv.flushdb(confirm=True, scope="galaxy")
kv.cleanup_expired()
kv.flushdb(confirm=True)
kv.get_all_keys()
kv.name
"""

PROGRAM = """
import json, sys
from datetime import datetime, timedelta
from MODULE import KeyValueStore, KeyValueSync

def picked(metadata):
    names = ("key", "db", "namespace", "size", "logical_size", "ttl", "value_type", "encoding", "content_type", "checksum", "encrypted")
    return [metadata[name] for name in names] + [sorted(metadata["tags"])]

def in_transaction(kv, fail):
    with kv.transaction() as tx:
        tx.set("tx1", b"1", ["t"])
        tx.set_with_ttl("tx2", b"2", 50)
        tx.batch_set([("tx3", b"3", None)])
        if fail:
            tx.delete("tx1")
            raise RuntimeError
        return tx.get_operation_count()

def written(kv):
    with kv.open_writer("stream", tags=["s"]) as writer:
        writer.write(b"one ")
        writer.write(b"two")

sync = KeyValueSync(flush_interval_seconds=1)
sync.start()
kv = KeyValueStore("data", "app", 1, "prod", sync)
told = []
for line in sys.stdin.read().strip().splitlines():
    try:
        try:
            code = compile(line, "call", "eval")
        except SyntaxError:
            raise SystemExit("no expression: " + line)
        found = eval(code)
        if isinstance(found, dict):
            found.pop("execution_time_ms", None)
        told.append(repr(found))
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        told.append(next(kind for kind in ("KeyError", "TypeError", "ValueError", "RuntimeError", "Exception") if kind in kinds))
print(json.dumps(told))
kv.close()
sync.sync_exit()
"""


def told_by(module, folder):
    """What each call returned or raised."""
    folder.mkdir()
    home = str(pathlib.Path(ramekin.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("MODULE", module)],
        input=CALLS,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": home},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return told_by("nadb", tmp_path_factory.mktemp("beside") / "nadb")


@pytest.mark.places("folder")
def test_each_call_has_the_result_that_nadb_gives(original, address, tmp_path):
    ours = told_by("ramekin.kv", tmp_path / "ours")
    calls = CALLS.strip().splitlines()
    assert len(original) == len(ours) == len(calls)
    differing = [f"{call}\n  NADB: {theirs}\n  ours: {own}" for call, theirs, own in zip(calls, original, ours) if theirs != own]
    assert differing == [], "\n".join(differing)
