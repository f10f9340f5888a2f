"""Each call of MemDB in each of its forms, wherever the data is."""

import asyncio
import subprocess
import sys
from datetime import timedelta

import pytest

from python.memdb.session import eventually, on
from ramekin import MemDB
from ramekin.errors import ClosedError, CommandError, QueryError, SchemaError

CALL = {"caller": "+4420", "seconds": 12, "state": "ringing"}


def test_the_first_session_works_as_it_is_written(address):
    async def body(db):
        await db.create_table("calls", {"caller": "string", "seconds": "integer", "state": "string"})
        await db.insert("calls", "c-17", {"caller": "+4420", "seconds": 12, "state": "ringing"})
        assert await db.get("calls", "c-17") == CALL
        assert await db.query("calls", "(data->>'seconds')::int >= 10", limit=20) == [{**CALL, "_key": "c-17"}]

    on(address, body, flush_interval=30, evict_interval=60, max_connections=10)


def test_every_call_takes_the_table_by_position_and_by_either_keyword(address):
    async def body(db):
        for name, words in (("a", ()), ("b", {"table": "b"}), ("c", {"table_name": "c"})):
            given, named = ((name,), {}) if words == () else ((), words)
            await db.create_table(*given, **named, schema={"n": "integer"})
            if given:
                await db.insert(name, "k", {"n": 1})
                await db.upsert(name, "k2", {"n": 2})
                assert await db.get(name, "k") == {"n": 1}
                assert await db.get(name, "k", False) == {"n": 1}
                assert len(await db.query(name, "", 10)) == 2
                assert await db.delete(name, "k2") is True
                await db.flush(name)
            else:
                await db.insert(**named, key="k", record={"n": 1})
                await db.upsert(**named, key="k2", record={"n": 2}, ttl=None)
                assert await db.get(**named, key="k") == {"n": 1}
                assert await db.get(**named, key="k", use_cache=False) == {"n": 1}
                assert len(await db.query(**named, where_sql="", limit=10)) == 2
                assert await db.delete(**named, key="k2") is True
                await db.flush(**named)
            assert await db.get(name, "k2") is None
        await db.flush()
        assert isinstance(await db.evict_idle(), int)
        assert db.stats()["inserts"] == 6

    on(address, body)


def test_a_call_with_a_table_twice_or_without_one_is_refused():
    async def body(db):
        for call, given, named in (
            (db.insert, ("t", "k", {}), {"table_name": "t"}),
            (db.get, ("t", "k"), {"table_name": "t"}),
            (db.query, ("t",), {"table_name": "t"}),
            (db.insert, (), {"key": "k", "record": {}}),
            (db.insert, ("t", "k"), {}),
            (db.insert, ("t", 5, {}), {}),
            (db.get, ("t",), {}),
            (db.get, (7, "k"), {}),
            (db.query, (), {}),
            (db.query, ("t",), {"where_sql": 5}),
            (db.create_table, (), {"schema": {}}),
            (db.delete, ("t",), {}),
        ):
            with pytest.raises((TypeError, SchemaError)):
                await call(*given, **named)

    asyncio.run(body(MemDB("memory:")))


def test_insert_and_upsert_both_create_and_replace(address):
    async def body(db):
        for call in (db.insert, db.upsert):
            await call("t", "k", {"a": 1, "b": 2})
            await call("t", "k", {"a": 3})
            assert await db.get("t", "k") == {"a": 3}

    on(address, body)


def test_what_is_not_there_is_none_and_an_empty_list(address):
    async def body(db):
        assert await db.get("nowhere", "k") is None
        assert await db.query("nowhere", "data->>'a' = 'x'") == []
        assert await db.delete("nowhere", "k") is False
        await db.flush("nowhere")
        assert db.stats()["tables"] == 0
        await db.insert("t", "k", {})
        assert await db.get("t", "other") is None
        assert await db.query("t", "data->>'a' = 'x'") == []
        assert db.stats()["tables"] == 1

    on(address, body)


def test_a_record_with_a_ttl_is_gone_after_it_and_one_put_over_it_stays(address):
    async def body(db):
        await db.insert("t", "short", {"n": 1}, ttl=0.2)
        await db.insert("t", "delta", {"n": 1}, timedelta(milliseconds=200))
        await db.insert("t", "long", {"n": 1}, ttl=1000)
        await db.insert("t", "kept", {"n": 1}, ttl=0.2)
        await db.insert("t", "kept", {"n": 2})
        assert await db.get("t", "short") == {"n": 1}

        async def gone():
            return await db.get("t", "short") is None and await db.get("t", "delta") is None

        await eventually(gone)
        assert [row["_key"] for row in await db.query("t", "ORDER BY key")] == ["kept", "long"]
        for wrong in (0, -1, float("nan"), float("inf"), 1e12, 10**400, True, "5"):
            with pytest.raises(ValueError, match="ttl"):
                await db.insert("t", "k", {}, ttl=wrong)

    on(address, body)


def test_keys_are_any_text(address):
    keys = ["", "call:1", "a b", "ключ", "📞", "'; DROP TABLE t; --", 'a"b', "x" * 1000, "%", "_key"]

    async def body(db):
        for key in keys:
            await db.insert("t", key, {"is": key})
        for key in keys:
            assert await db.get("t", key) == {"is": key}
        assert {row["_key"] for row in await db.query("t")} == set(keys)
        with pytest.raises(CommandError, match="zero byte"):
            await db.insert("t", "a\0b", {})
        assert await db.get("t", "a\0b") is None

    on(address, body)


def test_a_table_is_there_after_a_restart_with_its_schema_and_rows(address):
    async def first(db):
        await db.create_table("calls", {"seconds": "integer"})
        await db.insert("calls", "c", {"seconds": 1})

    async def second(db):
        assert await db.get("calls", "c") == {"seconds": 1}
        assert await db.query("calls") == [{"seconds": 1, "_key": "c"}]
        with pytest.raises(SchemaError, match="seconds"):
            await db.insert("calls", "c", {"seconds": "one"})
        # As a program does at each of its starts.
        await db.create_table("calls", {})
        with pytest.raises(SchemaError, match="seconds"):
            await db.insert("calls", "c", {"seconds": "one"})
        assert await db.get("calls", "c") == {"seconds": 1}

    on(address, first)
    on(address, second)


@pytest.mark.parametrize(
    ("declared", "fits", "breaks"),
    [
        ("string", ["", "a"], [1, True, [], {}]),
        ("integer", [0, -5, 2**80], [1.5, 1.0, "1", True]),
        ("float", [1, 1.5, -0.1], ["1", False]),
        ("boolean", [True, False], [0, 1, "true"]),
        ("timestamp", ["2026-11-21", "2026-11-21T08:30:00Z", "2026-11-21 08:30:15.25+01:00", 1700000000, 1.5], ["soon", True, []]),
        ("object", [{}, {"a": 1}], [[], "{}", 1]),
        ("array", [[], [1]], [{}, "[]"]),
        ("any", [1, "a", [], {}, True], []),
    ],
)
@pytest.mark.places("server", "folder")
def test_each_type_takes_its_values_and_refuses_others_by_name_of_the_field(address, declared, fits, breaks):
    async def body(db):
        await db.create_table("t", {"field": declared, "other": "any"})
        for value in [*fits, None]:
            await db.insert("t", "k", {"field": value})
            assert await db.get("t", "k") == {"field": value}
        await db.insert("t", "k", {"undeclared": 1})
        for value in breaks:
            with pytest.raises(SchemaError, match="'field'"):
                await db.insert("t", "k", {"field": value})
        assert await db.get("t", "k") == {"undeclared": 1}

    on(address, body)


@pytest.mark.places("server", "folder")
def test_a_schema_may_be_changed_and_an_unknown_type_is_refused(address):
    async def body(db):
        await db.create_table("t", {"a": "string"})
        await db.insert("t", "k", {"a": "x"})
        await db.create_table("t", {"a": "integer"})
        await db.insert("t", "k2", {"a": 1})
        assert await db.get("t", "k") == {"a": "x"}
        with pytest.raises(SchemaError, match="text"):
            await db.create_table("t", {"a": "text"})
        for said, wrong in (("'a'.* not as str", {"a": str}), ("'a'.* not as None", {"a": None}), ("not int", {1: "string"})):
            with pytest.raises(SchemaError, match=said):
                await db.create_table("t", wrong)
        with pytest.raises(TypeError, match="not list"):
            await db.create_table("t", ["a"])

    on(address, body)


def test_names_of_tables_are_never_sql(address):
    names = ["t; DROP TABLE kept", "t -- x", 'a"b', "a b", "", "pg.t", "1a", "x" * 64, "ramekin_meta", "é", "t'"]

    async def body(db):
        await db.insert("kept", "k", {"n": 1})
        for name in names:
            for call, given in ((db.insert, ("k", {})), (db.create_table, ({"a": "string"},)), (db.create_table, ({},))):
                with pytest.raises(CommandError, match="table's name"):
                    await call(name, *given)
            assert await db.get(name, "k") is None
        assert db.stats()["tables"] == 1
        for name in ("Orders", "orders-2", "_x", "select", "table"):
            await db.insert(name, "k", {"n": name})
            assert await db.query(name, "data->>'n' IS NOT NULL") == [{"n": name, "_key": "k"}]
        assert await db.get("kept", "k") == {"n": 1}

    on(address, body)


@pytest.mark.places("server", "folder", "sqlite")
def test_nothing_is_done_before_a_start_and_after_a_stop(address):
    async def body():
        db = MemDB(address)
        for call in (db.get, db.delete):
            with pytest.raises(ClosedError, match="start"):
                await call("t", "k")
        for call in (db.insert("t", "k", {}), db.query("t"), db.flush(), db.evict_idle(), db.create_table("t", {})):
            with pytest.raises(ClosedError):
                await call
        await db.stop()
        await db.start()
        await db.start()
        await db.insert("t", "k", {"n": 1})
        await db.stop()
        await db.stop()
        with pytest.raises(ClosedError):
            await db.get("t", "k")
        figures = db.stats()
        assert figures["inserts"] == 1 and figures["tables"] == 1
        # It can be started again.
        await db.start()
        assert await db.get("t", "k") == {"n": 1}
        await db.stop()

    asyncio.run(body())


@pytest.mark.places("server", "folder")
def test_many_tasks_share_one_memdb(address):
    async def body(db):
        async def work(task):
            for n in range(50):
                await db.insert("t", f"{task}-{n}", {"n": n})
                assert await db.get("t", f"{task}-{n}") == {"n": n}

        await asyncio.gather(*(work(task) for task in range(20)))
        assert len(await db.query("t", limit=None)) == 1000
        assert db.stats()["cached_records"] == 1000

    on(address, body)


def test_figures_have_all_their_names(address):
    async def body(db):
        for n in range(40):
            await db.insert("t", f"k{n}", {"n": n})
            await db.get("t", f"k{n}")
        await db.get("t", "missing")
        await db.query("t")
        await db.delete("t", "k0")
        figures = db.stats()
        names = "cache_hits cache_misses cached_records dirty_records flushes evictions inserts tables flush_cycles hit_rate"
        assert set(names.split()) | {"flush_ms", "lag_seconds", "pool", "bytes", "latency_ms"} <= set(figures)
        assert figures["inserts"] == 40 and figures["cached_records"] == 39 and figures["tables"] == 1
        assert figures["cache_hits"] >= 40 and figures["cache_misses"] >= 1 and 0.9 < figures["hit_rate"] < 1
        assert figures["bytes"] > 0 and figures["pool"]["max_connections"] == 10
        for name in ("get", "insert", "query", "delete"):
            found = figures["latency_ms"][name]
            assert 0 < found["p50"] <= found["p99"] <= found["p99.9"] < 10_000, name

    on(address, body)


def test_a_refusal_names_what_is_wrong_with_the_record():
    async def body(db):
        for record, said in (
            ([1], "dict, not list"),
            ({"a": {"b": [1, float("nan")]}}, r"'a\.b\[1\]' holds nan"),
            ({"$types": {}}, r"\$types"),
        ):
            with pytest.raises(SchemaError, match=said):
                await db.insert("t", "k", record)

    asyncio.run(body(MemDB("memory:")))


def test_the_kinds_of_refusal_are_commands_refused_and_wrong_values():
    assert issubclass(SchemaError, (CommandError)) and issubclass(SchemaError, ValueError)
    assert issubclass(QueryError, (CommandError)) and issubclass(QueryError, ValueError)


IN_THREADS = """
import threading

def use(number):
    import asyncio
    from ramekin import MemDB

    async def body():
        async with MemDB("memory:") as db:
            await db.insert("t", "k", {"n": number})
            assert await db.get("t", "k") == {"n": number}

    asyncio.run(body())

for number in range(20):
    thread = threading.Thread(target=use, args=(number,))
    thread.start()
    thread.join()
print("all of them")
"""


def test_a_program_may_import_and_use_it_in_threads_that_end(tmp_path):
    done = subprocess.run([sys.executable, "-c", IN_THREADS], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout == "all of them\n", (done.returncode, done.stderr)


@pytest.mark.places("folder")
def test_the_figures_are_all_there_before_the_start_and_after_the_stop(address):
    db = MemDB(address)
    before = db.stats()

    async def body():
        async with db:
            await db.insert("t", "k", {})
            assert set(db.stats()) == set(before)

    asyncio.run(body())
    assert set(db.stats()) == set(before)
    assert before["cache_hits"] == before["inserts"] == before["tables"] == before["lag_seconds"] == 0 and before["store_state"] == "none"


def test_a_table_that_is_given_twice_is_refused(address):
    async def body(db):
        calls = [
            lambda: db.insert(table="a", table_name="b", key="k", record={}),
            lambda: db.upsert("a", "k", {}, table_name="b"),
            lambda: db.get(table="a", table_name="b", key="k"),
            lambda: db.delete("a", "k", table_name="b"),
            lambda: db.query("a", table_name="b"),
        ]
        for call in calls:
            with pytest.raises(TypeError, match="given twice"):
                await call()

    on(address, body)
