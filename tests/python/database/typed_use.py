"""Typical use as a type checker sees it: never run, but read by mypy (test_types.py). A `type: ignore` that is not needed fails there."""

from typing import Any

from typing_extensions import assert_type

from ramekin import AsyncDatabase, Database, KeyValueStore, MemDB, ServerConnectionError, WrongTypeError


def values_are_bytes_or_text(path: str) -> None:
    with Database(path) as db:
        assert_type(db, Database[bytes])
        assert_type(db.get("k"), "bytes | None")
        assert_type(db.lrange("l", 0, -1), "list[bytes]")
        assert_type(db.hgetall("h"), "dict[bytes, bytes]")
        assert_type(db.incr("n"), int)
        assert_type(db.exists("k", b"l"), int)
        db.get("k").decode()  # type: ignore[union-attr]
    with Database(path, decode_responses=True, appendfsync="always") as text:
        assert_type(text.get("k"), "str | None")
        assert_type(text.hgetall("h"), "dict[str, str]")
    db.set("k", object())  # type: ignore[arg-type]
    db.sett("k", "v")  # type: ignore[attr-defined]


def records_are_dictionaries(db: Database) -> None:
    assert_type(db.table_get("calls", "c-17"), "dict[str, Any] | None")
    assert_type(db.query("calls", "data->>'state' = 'ringing'", limit=2), "list[dict[str, Any]]")
    assert_type(db.query_count("calls"), int)
    for record in db.query_iter("calls"):
        assert_type(record, "dict[str, Any]")


def pipelines_give_lists(db: Database) -> None:
    with db.pipeline() as pipe:
        pipe.set("k", 1).incr("k")
        assert_type(pipe.execute(), "list[Any]")
    with db.subscribe("user:*") as changes:
        change = changes.get(timeout=1)
        assert_type(change, "dict[str, Any] | None")


async def tasks_await_the_same(db: AsyncDatabase, text: AsyncDatabase[str]) -> None:
    assert_type(await db.get("k"), "bytes | None")
    assert_type(await text.get("k"), "str | None")
    assert_type(await db.query("calls"), "list[dict[str, Any]]")
    assert_type([key async for key in text.scan_iter(match="a*")], "list[str]")
    async with db.pipeline() as pipe:
        pipe.set("k", 1)
        assert_type(await pipe.execute(), "list[Any]")
    async with await db.subscribe() as changes:
        async for change in changes:
            assert_type(change, "dict[str, Any]")
    db.get("k").decode()  # type: ignore[attr-defined]


async def memdb_has_records(path: str) -> None:
    async with MemDB(path, flush_interval=30, evict_interval=60) as db:
        assert_type(await db.create_table("calls", {"seconds": "integer"}), None)
        assert_type(await db.insert("calls", "c-17", {"seconds": 12}, ttl=30), None)
        assert_type(await db.get("calls", "c-17"), "dict[str, Any] | None")
        assert_type(await db.get(table_name="calls", key="c-17"), "dict[str, Any] | None")
        assert_type(await db.query("calls", "(data->>'seconds')::int >= 10", limit=20), "list[dict[str, Any]]")
        assert_type(await db.delete("calls", "c-17"), bool)
        await db.insert("calls", "c-17", "text")  # type: ignore[arg-type]
    assert_type(db.stats(), "dict[str, Any]")


def key_value_stores_have_what_they_were_opened_for(kv: KeyValueStore) -> None:
    kv.set("k", b"v", ["tag"])
    assert_type(kv.get("k"), Any)  # bytes, or what `return_type` says
    assert_type(kv.get_with_metadata("k"), "dict[str, Any]")
    assert_type(kv.query_by_tags(["tag"]), "dict[str, dict[str, Any]]")
    assert_type(kv.list_all_tags(), "dict[str, int]")
    kv.set("k", object())  # type: ignore[arg-type]


def errors_are_of_the_kinds_that_python_has(db: Database) -> None:
    try:
        db.incr("n")
    except WrongTypeError as refused:
        assert_type(refused.code, str)
        is_a_type_error: TypeError = refused
        raise is_a_type_error from refused
    except ServerConnectionError as lost:
        is_a_connection_error: ConnectionError = lost
        raise is_a_connection_error from lost


def names_that_are_not_there_are_told() -> None:
    import ramekin

    ramekin.Databse  # type: ignore[attr-defined]
    assert_type(ramekin.__version__, str)
