"""Where clauses of MemDB: the same records from memory and from the database, and nothing but records."""

import asyncio
import re

import pytest

from python.memdb.session import on
from ramekin.errors import QueryError
from ramekin.memdb.clause import has_limit

STATES = ["ringing", "Ringing", "talking", "done", None]
RECORDS = {
    f"c-{n:02d}": {
        "state": STATES[n % 5],
        "seconds": n,
        "score": n * 1000 - 5000,
        "from": {"country": ["UK", "DE"][n % 2], "numbers": [f"+44{n}", n]},
        "tags": ["vip", "new"][: n % 3],
        **({"note": f"100% of {n}_x"} if n % 4 == 0 else {}),
    }
    for n in range(30)
}
# A clause, and which records it means.
CLAUSES = [
    ("", lambda r: True),
    ("data->>'state' = 'ringing'", lambda r: r["state"] == "ringing"),
    ("data->>'state' <> 'ringing'", lambda r: r["state"] not in ("ringing", None)),
    ("data->>'state' LIKE 'ring%'", lambda r: (r["state"] or "").startswith("ring")),
    ("data->>'state' ILIKE 'RING%'", lambda r: (r["state"] or "").lower().startswith("ring")),
    ("data->>'note' LIKE '100\\% of _\\_x'", lambda r: bool(re.fullmatch("100% of ._x", r.get("note", "")))),
    ("data->'score' > 10000", lambda r: r["score"] > 10000),
    ("data->'score' <= -3000", lambda r: r["score"] <= -3000),
    ("(data->>'seconds')::int >= 20", lambda r: r["seconds"] >= 20),
    ("(data->>'seconds')::int BETWEEN 5 AND 7", lambda r: 5 <= r["seconds"] <= 7),
    ("data->>'seconds' < '3'", lambda r: str(r["seconds"]) < "3"),
    ("data->'from'->>'country' = 'DE'", lambda r: r["from"]["country"] == "DE"),
    ("data->'from'->'numbers'->>0 = '+447'", lambda r: r["from"]["numbers"][0] == "+447"),
    ("data#>>'{from,numbers,1}' = '8'", lambda r: r["from"]["numbers"][1] == 8),
    ("data @> '{\"from\": {\"country\": \"UK\"}}'", lambda r: r["from"]["country"] == "UK"),
    ("data->'tags' @> '[\"new\"]'", lambda r: "new" in r["tags"]),
    ("data->'tags' ? 'vip'", lambda r: "vip" in r["tags"]),
    ("data ? 'note'", lambda r: "note" in r),
    ("data->>'state' IN ('done', 'talking')", lambda r: r["state"] in ("done", "talking")),
    ("data->>'state' IS NULL", lambda r: r["state"] is None),
    ("data->>'note' IS NOT NULL", lambda r: "note" in r),
    ("data->>'state' = 'done' AND (data->>'seconds')::int > 10", lambda r: r["state"] == "done" and r["seconds"] > 10),
    ("data->>'state' = 'done' OR data->'seconds' = 1", lambda r: r["state"] == "done" or r["seconds"] == 1),
    ("NOT (data->>'state' = 'done')", lambda r: r["state"] not in ("done", None)),
    ("key = 'c-07'", lambda r: r["seconds"] == 7),
    ("key > 'c-25'", lambda r: r["seconds"] > 25),
]


async def judge_all(db):
    for clause, means in CLAUSES:
        rows = await db.query("calls", clause, limit=None)
        found = {row.pop("_key"): row for row in rows}
        assert len(found) == len(rows), clause
        assert found == {key: record for key, record in RECORDS.items() if means(record)}, clause
    rows = await db.query("calls", "data->>'state' IS NOT NULL ORDER BY data->'score' DESC", limit=3)
    assert [row["seconds"] for row in rows] == [28, 27, 26]
    rows = await db.query("calls", "ORDER BY data->'score' OFFSET 2", limit=2)
    assert [row["seconds"] for row in rows] == [2, 3]
    rows = await db.query("calls", "data ? 'note' ORDER BY (data->>'seconds')::int DESC LIMIT 2 OFFSET 1")
    assert [row["seconds"] for row in rows] == [24, 20]


def test_a_clause_means_the_same_in_memory_in_the_database_and_in_both(behind):
    async def body():
        async with behind.open(evict_interval=0) as db:
            for key, record in RECORDS.items():
                await db.insert("calls", key, record)
            # All of it in memory, unsettled.
            await judge_all(db)
            await db.flush()
            assert await db.evict_idle() == len(RECORDS)
            # All of it in the database.
            await judge_all(db)
            await db.evict_idle()
            for key in list(RECORDS)[::2]:
                await db.insert("calls", key, {"seconds": -1})
            for key, record in list(RECORDS.items())[::2]:
                await db.insert("calls", key, record)
            await db.insert("calls", "c-99", {"seconds": 99})
            assert await db.delete("calls", "c-99")
            # Half of it here, half there.
            await judge_all(db)

    asyncio.run(body())


def test_what_settled_is_found_no_more_once_it_was_changed_or_deleted(behind):
    async def body():
        async with behind.open(evict_interval=0) as db:
            for n in range(10):
                await db.insert("t", f"k{n}", {"state": "old"})
            await db.flush()
            await db.evict_idle()
            await db.insert("t", "k1", {"state": "new"})
            await db.delete("t", "k2")
            await db.insert("t", "k3", {"state": "old"}, ttl=0.001)
            keys = {row["_key"] for row in await db.query("t", "data->>'state' = 'old'")}
            assert keys - {"k3"} == {"k0", "k4", "k5", "k6", "k7", "k8", "k9"}
            # Neither by way of the database.
            assert await db.get("t", "k2", use_cache=False) is None
            assert await db.get("t", "k1", use_cache=False) == {"state": "new"}

    asyncio.run(body())


@pytest.mark.places("folder", "server")
def test_a_limit_is_a_parameter_and_may_stand_in_the_clause(address):
    async def body(db):
        for n in range(150):
            await db.insert("t", f"k{n:03d}", {"n": n, "limit": "limit 5"})
        assert len(await db.query("t")) == 100
        assert len(await db.query("t", limit=None)) == 150
        assert len(await db.query("t", "", 7)) == 7
        assert await db.query("t", limit=0) == []
        assert len(await db.query("t", "LIMIT 120")) == 120
        assert len(await db.query("t", "data->>'limit' = 'limit 5'")) == 100
        assert len(await db.query("t", "data->>'n' = '5' OR data->>'limit' = 'limit 5' ORDER BY key limit 3", limit=50)) == 3
        rows = await db.query("t", "  ORDER BY data->'n' DESC  ", limit=2)
        assert [row["_key"] for row in rows] == ["k149", "k148"]
        for wrong in (-1, 1.5, "5"):
            with pytest.raises((ValueError, TypeError), match="limit"):
                await db.query("t", limit=wrong)

    on(address, body)


def test_words_in_quotes_are_not_words_of_the_clause():
    quoted = ["data->>'limit' = 'x'", "data->>'x' = 'it''s a limit'", "data->>'count' = '1'", 'data->>\'a\' = \'"\' ORDER BY "key"', ""]
    for clause in quoted:
        assert not has_limit(clause), clause
    for clause in ("limit 1", "data->>'a' = 'x' LIMIT ALL", "ORDER BY key\nLimit 5"):
        assert has_limit(clause), clause


ATTACKS = [
    "1=1; DROP TABLE calls",
    "data->>'state' = 'x'; DELETE FROM calls WHERE ''=''",
    "1=1) UNION SELECT key, data FROM ramekin_meta --",
    "1=1 UNION SELECT usename, to_jsonb(passwd) FROM pg_shadow",
    "key IN (SELECT key FROM calls)",
    "pg_sleep(10) IS NULL",
    "current_setting('x') = 'x'",
    "EXISTS (SELECT 1)",
    "data->>'a' = 'x' -- ",
    "data->>'a' = 'x' /* */",
    "data->>'a' = $1",
    "data->>'a' = $$x$$",
    "data->>'a' = E'\\''",
    "updated_at > '2020-01-01'",
    "calls.data->>'a' = 'x'",
    "SELECT key",
    "COUNT",
    "COUNT WHERE data ? 'a'",
    "data ? 'a' CURSOR 0",
    "SELECT data->>'secret' WHERE data ? 'a'",
    "data->>'a' = 'x' LIMIT (SELECT 1)",
    "data->>'a' = 'x' LIMIT 5; SELECT 1",
    "data->>'a' = 'x",
    ")",
    "WHERE WHERE",
    "(" * 5000 + "data ? 'a'" + ")" * 5000,
    "\0",
    "data->>'a' = '\0",
]


@pytest.mark.parametrize("store_kind", ["postgres", "server over postgres"])
def test_a_clause_that_is_none_is_refused_and_nothing_has_happened(behind):
    async def body():
        async with behind.open() as db:
            await db.insert("calls", "k", {"a": "x", "secret": "s"})
            await db.flush()
            for attack in ATTACKS:
                with pytest.raises(QueryError):
                    await db.query("calls", attack)
                    pytest.fail(f"was taken: {attack}")
            assert await db.query("calls") == [{"a": "x", "secret": "s", "_key": "k"}]
            assert await behind.rows_beside("SELECT key FROM calls") == [("k",)]

    asyncio.run(body())


@pytest.mark.places("folder", "server")
def test_a_refused_clause_says_where_it_is_wrong(address):
    async def body(db):
        await db.insert("t", "k", {})
        with pytest.raises(QueryError, match="at character 16"):
            await db.query("t", "data ? 'a' AND now() > 1")

    on(address, body)


@pytest.mark.places("folder", "server")
@pytest.mark.parametrize("clause", ["(true", "key IN (", "data->>'a' =", "true ORDER BY", "WHERE", "true ORDER BY key OFFSET"])
def test_what_is_wrong_with_a_clause_is_told_as_it_was_written(address, clause):
    async def body(db):
        await db.insert("t", "k", {})
        with pytest.raises(QueryError, match=rf"^syntax error at end of input \(at character {len(clause) + 1}\)$"):
            await db.query("t", clause)

    on(address, body)


def test_a_field_named_key_gives_way_to_the_key(address):
    async def body(db):
        await db.insert("t", "k", {"_key": "mine", "n": 1})
        assert await db.get("t", "k") == {"_key": "mine", "n": 1}
        assert await db.query("t", "data->>'_key' = 'mine'") == [{"_key": "k", "n": 1}]

    on(address, body)
