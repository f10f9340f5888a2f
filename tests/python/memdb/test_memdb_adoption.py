"""A table that MemDB's original has made is taken over as it stands."""

import asyncio
import json
import logging

import pytest

TABLE = (
    "CREATE TABLE memdb_calls (key TEXT PRIMARY KEY, data JSONB NOT NULL, created_at TIMESTAMP DEFAULT now(),"
    " updated_at TIMESTAMP DEFAULT now())"
)
ON_POSTGRES = pytest.mark.parametrize("store_kind", ["postgres", "server over postgres"])


@ON_POSTGRES
def test_its_rows_are_found_changed_and_still_there_for_others(behind):
    async def body():
        for statement in (
            TABLE,
            "CREATE INDEX ON memdb_calls USING gin (data)",
            "INSERT INTO memdb_calls (key, data) SELECT 'c-' || n, jsonb_build_object('n', n) FROM generate_series(1, 50) n",
        ):
            await behind.rows_beside(statement)
        async with behind.open(stored_as="memdb_{}") as db:
            await db.create_table("calls", {"n": "integer"})
            assert await db.get("calls", "c-7") == {"n": 7}
            assert [row["n"] for row in await db.query("calls", "data->'n' > 48 ORDER BY key")] == [49, 50]
            await db.insert("calls", "c-7", {"n": 77})
            await db.insert("calls", "new", {"n": 0})
            assert await db.delete("calls", "c-8")
            await db.flush("calls")
            rows = {key: json.loads(data) for key, data in await behind.rows_beside("SELECT key, data FROM memdb_calls")}
            assert len(rows) == 50 and rows["c-7"] == {"n": 77} and rows["new"] == {"n": 0} and "c-8" not in rows
            # The original goes on writing to it.
            await behind.rows_beside("UPDATE memdb_calls SET data = '{\"n\": 99}' WHERE key = 'c-9'")

            assert await db.get("calls", "c-9", use_cache=False) == {"n": 99}
        async with behind.open() as db:
            # Where it lies is known from then on.
            await db.create_table("calls", {"n": "integer", "more": "string"})
            assert await db.get("calls", "c-7") == {"n": 77}
            await db.insert("calls", "later", {"n": 1})
            await db.flush()
        assert (await behind.rows_beside("SELECT count(*) FROM memdb_calls"))[0][0] == 51
        assert await behind.rows_beside("SELECT 1 FROM pg_tables WHERE tablename = 'calls'") == []

    asyncio.run(body())


@ON_POSTGRES
def test_the_first_insert_takes_a_table_over_too(behind):
    async def body():
        await behind.rows_beside(TABLE)
        await behind.rows_beside("INSERT INTO memdb_calls (key, data) VALUES ('old', '{\"n\": 1}')")
        async with behind.open(stored_as="memdb_{}") as db:
            await db.insert("calls", "new", {"n": 2})
            assert await db.get("calls", "old") == {"n": 1}
            assert len(await db.query("calls")) == 2

    asyncio.run(body())


def test_a_table_that_is_not_there_is_made_by_that_name(behind):
    async def body():
        async with behind.open(stored_as="memdb_{}") as db:
            await db.insert("calls", "k", {"n": 1})
            await db.flush()
            assert await behind.rows_beside("SELECT key FROM memdb_calls") == [("k",)]
            await db.create_table("calls", {})
            await db.create_table("calls", {"n": "integer"})

    asyncio.run(body())


@ON_POSTGRES
def test_nothing_has_to_be_said_for_that(behind, caplog):
    caplog.set_level(logging.INFO, "ramekin")

    async def body():
        await behind.rows_beside(TABLE)
        await behind.rows_beside("INSERT INTO memdb_calls (key, data) VALUES ('old', '{\"n\": 1}')")
        # Not a table of the original: it has no data.
        await behind.rows_beside("CREATE TABLE memdb_notes (key TEXT PRIMARY KEY, note TEXT)")
        async with behind.open() as db:
            assert await db.get("calls", "old") == {"n": 1}
            assert [row["_key"] for row in await db.query("calls")] == ["old"]
            await db.create_table("calls", {"n": "integer"})
            await db.insert("calls", "new", {"n": 2})
            assert sorted(await db._tables()) == ["calls"]
            await db.flush()
        assert await behind.rows_beside("SELECT key FROM memdb_calls ORDER BY key") == [("new",), ("old",)]
        async with behind.open() as db:
            assert await db.get("calls", "old") == {"n": 1} and await db.get("calls", "new") == {"n": 2}

    asyncio.run(body())
    assert len([text for text in caplog.messages if "taken over as it stands" in text]) == 1


@ON_POSTGRES
def test_a_table_that_is_here_already_stays_and_the_log_says_so(behind, caplog):
    async def body():
        async with behind.open() as db:
            await db.insert("calls", "ours", {"n": 1})
            await db.flush()
        await behind.rows_beside(TABLE)
        await behind.rows_beside("INSERT INTO memdb_calls (key, data) VALUES ('old', '{}')")
        async with behind.open() as db:
            assert await db.get("calls", "ours") == {"n": 1} and await db.get("calls", "old") is None

    asyncio.run(body())
    assert "memdb_calls of the original beside the table calls" in caplog.text


@ON_POSTGRES
def test_they_are_left_alone_if_that_is_said(behind):
    async def body():
        await behind.rows_beside(TABLE)
        async with behind.open(stored_as="{}") as db:
            await db.insert("calls", "ours", {"n": 1})
            await db.flush()
        assert await behind.rows_beside("SELECT key FROM calls") == [("ours",)]
        assert await behind.rows_beside("SELECT key FROM memdb_calls") == []

    asyncio.run(body())
