"""What `Database` does is the same in a folder, with SQLite or PostgreSQL behind it, and over `ramekin://`."""

import asyncio
import datetime
import decimal
import threading

import pytest

import ramekin
from ramekin import errors


@pytest.fixture
def db(address):
    db = ramekin.Database(address)
    yield db
    db.close()


def test_values_of_each_type_come_back(db):
    assert db.set("s", b"\x00\xff") is True and db.get("s") == b"\x00\xff"
    assert db.get("none") is None
    assert db.set("s", "x", nx=True) is None
    assert db.rpush("l", "a", "b") == 2 and db.lrange("l", 0, -1) == [b"a", b"b"]
    assert db.hset("h", mapping={"a": 1}) == 1 and db.hgetall("h") == {b"a": b"1"}
    assert db.type("h") == b"hash" and db.exists("s", "l", "h", "none") == 3
    assert db.expire("s", datetime.timedelta(minutes=1)) is True and 0 < db.ttl("s") <= 60
    assert db.incrbyfloat("f", 1.5) == 1.5
    with pytest.raises(errors.WrongTypeError):
        db.incr("h")
    assert db.delete("s", "none") == 1
    assert sorted(db.scan_iter()) == [b"f", b"h", b"l"]


def test_records_are_put_asked_for_and_deleted(db):
    assert db.table_create("calls", {"state": "string", "seconds": "integer"}) is True
    for n in range(20):
        assert db.table_put("calls", f"c{n:02}", {"state": "ringing" if n % 2 else "done", "seconds": n}) is True
    assert db.table_get("calls", "c03") == {"state": "ringing", "seconds": 3}
    assert db.table_get("calls", "none") is None
    assert db.table_put("calls", "c03", {}, nx=True) is None
    assert db.table_put("calls", "new", {}, xx=True) is None
    with pytest.raises(errors.CommandError, match="'seconds' is declared as integer"):
        db.table_put("calls", "bad", {"seconds": "many"})
    found = db.query("calls", "data->>'state' = 'ringing'", order_by="data->'seconds' DESC", limit=2, offset=1)
    assert [(record["_key"], record["seconds"]) for record in found] == [("c17", 17), ("c15", 15)]
    assert [r["_key"] for r in db.query("calls", "WHERE (data->>'seconds')::int < 2 ORDER BY key")] == ["c00", "c01"]
    assert [r["_key"] for r in db.query("calls", "ORDER BY key LIMIT 1")] == ["c00"]
    assert len(db.query("calls")) == 20
    assert db.query_count("calls") == 20 and db.query_count("calls", "data->>'state' = 'done'") == 10
    assert db.query_select("calls", "data->>'state', data->'seconds'", "key = 'c07'") == [[b"ringing", b"7"]]
    assert sorted(r["_key"] for r in db.query_iter("calls", "data->>'state' = 'done'", batch=3)) == [f"c{n:02}" for n in range(0, 20, 2)]
    cursor, page = db.query_page("calls", limit=5)
    assert len(page) >= 1 and cursor != "0"
    assert db.explain("calls", "data->>'state' = 'done'")["found"] == 10
    assert db.table_delete("calls", "c00", "none") == 1
    assert db.table_info("calls")["schema"] == {"state": "string", "seconds": "integer"}
    assert db.table_list() == ["calls"]
    assert db.table_drop("calls") is True and db.table_list() == []


def test_what_json_lacks_comes_back_as_it_was(db):
    at = datetime.datetime(2026, 11, 21, 8, 30, tzinfo=datetime.timezone.utc)
    record = {"at": at, "price": decimal.Decimal("19.90"), "raw": b"\x00\xff", "n": 10**30}
    db.table_put("orders", "o1", record)
    assert db.table_get("orders", "o1") == record
    assert db.query("orders", "(data->>'at')::timestamptz = '2026-11-21 08:30Z'") == [{**record, "_key": "o1"}]
    found = db.table_get("orders", "o1")
    found["at"] = None
    assert db.table_get("orders", "o1") == record
    with pytest.raises(errors.SchemaError, match="'list\\[0\\]'"):
        db.table_put("orders", "o2", {"list": [{1, 2}]})


def test_a_record_expires_when_it_was_said(db):
    db.table_put("carts", "short", {}, ttl=0.05)
    db.table_put("carts", "long", {}, ttl=datetime.timedelta(hours=1))
    for _ in range(1000):
        if db.query_count("carts") == 1:
            break
        threading.Event().wait(0.005)
    assert [record["_key"] for record in db.query("carts")] == ["long"]


def test_what_is_no_clause_is_refused(db):
    db.table_put("t", "r", {"a": 1})
    for clause in ["a = 1; DROP TABLE t", "data->>'a' = 1 UNION SELECT 1", "pg_sleep(1)", "'"]:
        with pytest.raises(errors.CommandError):
            db.query("t", clause)
    assert db.query_count("t") == 1


def test_indexes_answer_and_a_unique_one_refuses(db):
    db.table_create("users")
    assert db.index_create("by_mail", "users", "data->>'mail'", unique=True) is True
    db.table_put("users", "a", {"mail": "a@x"})
    with pytest.raises(errors.CommandError, match="unique index"):
        db.table_put("users", "b", {"mail": "a@x"})
    assert db.index_list("users")[0]["name"] == "by_mail" and db.index_list("users")[0]["unique"] == 1
    assert "by_mail" in db.explain("users", "data->>'mail' = 'a@x'")["memory"]
    assert db.index_drop("by_mail", "users") is True and db.index_list() == []


def test_tags_are_of_keys(db):
    db.mset({"a": 1, "b": 2, "c": 3})
    assert db.tag_add("a", "red", "LIMIT", "0", "1") == 4 and db.tag_add("b", "red") == 1
    assert sorted(db.tag_keys("red")) == [b"a", b"b"]
    assert db.tag_keys("red", "LIMIT", "0", "1") == [b"a"]
    assert len(db.tag_keys("red", "LIMIT", any=True, limit=1)) == 1
    assert db.tag_count("red") == 2 and db.tag_count("red", "LIMIT") == 1 and db.tag_count("none", "red", any=True) == 2
    assert db.tag_of("b") == [b"red"] and db.tag_rem("b", "red") == 1
    assert db.tag_set("b", "blue") is True and db.tag_list("b*") == [b"blue"]
    assert db.tag_counts("*e*") == {b"red": 1, b"blue": 1}


def test_transactions_are_whole(db):
    db.set("n", 1)
    assert db.pipeline().incr("n").get("n").execute() == [2, b"2"]
    with db.watch("n") as pipe:
        assert pipe.get("n") == b"2"
        db.incr("n")
        pipe.multi()
        pipe.set("n", 0)
        with pytest.raises(errors.WatchError):
            pipe.execute()
    with pytest.raises(errors.CommandError):
        db.execute_many([["INCR", "n"], ["NOSUCH"]], atomic=True)
    assert db.get("n") == b"3"
    with db.lock("l", timeout=10) as lock:
        assert lock.owned() and lock.extend(10)


def test_a_blocking_pop_waits_for_another_thread(db):
    found = []
    thread = threading.Thread(target=lambda: found.append(db.blpop("queue", 10)))
    thread.start()
    while not db.info("clients")["blocked_clients"]:
        pass
    db.rpush("queue", "x")
    thread.join(10)
    assert found == [(b"queue", b"x")]


def test_what_is_closed_says_so(address):
    db = ramekin.Database(address)
    db.set("k", "v")
    db.close()
    with pytest.raises(errors.ClosedError):
        db.get("k")
    with ramekin.Database(address) as db:
        assert db.get("k") == b"v"


@pytest.mark.places("folder", "sqlite")
def test_what_is_opened_twice_is_one_database(address):
    with ramekin.Database(address) as one:
        with ramekin.Database(address) as two:
            two.set("k", "v")
            assert one.get("k") == b"v"
        assert one.get("k") == b"v"


@pytest.mark.places("folder", "sqlite", "memory")
def test_a_port_is_opened_for_other_clients(address):
    import redis

    with ramekin.Database(address) as db:
        port = db.serve(0)
        client = redis.Redis(port=port)
        client.set("k", "v")
        with ramekin.Database(f"ramekin://127.0.0.1:{port}") as other:
            assert db.get("k") == other.get("k") == client.get("k") == b"v"
        client.close()


def test_settling_can_be_waited_for(db, place):
    db.set("k", "v")
    if place in ("sqlite", "postgres"):
        assert db.flush() is True
        assert db.waitstore(5000) == 1
        assert db.evict() >= 1
        assert db.get("k") == b"v"
        assert db.quarantine_list() == []
    assert db.waitaof(1, 0, 5000)[0] == 1


@pytest.mark.places("sqlite", "postgres")
def test_what_was_written_has_settled_once_waitstore_says_so(address):
    with ramekin.Database(address, flush_interval=3600) as db:
        db.mset({f"k{n}": n for n in range(1000)})
        assert db.waitstore(0) == 1
        assert db.info("store")["store_unsettled_records"] == 0

    async def main():
        async with ramekin.AsyncDatabase(address, flush_interval=3600) as db:
            await asyncio.gather(*[db.set(f"k{n}", n) for n in range(1000)])
            assert await db.waitstore(0) == 1
            assert (await db.info("store"))["store_unsettled_records"] == 0

    asyncio.run(main())


def test_changes_are_told_to_threads_and_tasks(db, address):
    db.set("before", 1)
    with db.subscribe("user:*") as changes:
        db.set("user:1", "a")
        db.set("other", "a")
        db.expire("user:1", 100)
        db.delete("user:1")
        found = [changes.get(10) for _ in range(3)]
        assert [(change["key"], change["event"], change["db"]) for change in found] == [
            (b"user:1", "set", 0),
            (b"user:1", "expire", 0),
            (b"user:1", "del", 0),
        ]
        assert found[0]["lsn"] < found[1]["lsn"] < found[2]["lsn"]
        assert changes.get(0.05) is None
    told, done = [], threading.Event()
    with db.subscribe("user:*", lambda change: (told.append(change["key"]), done.set())):
        db.set("user:2", "b")
        assert done.wait(10)
    assert told == [b"user:2"]

    async def main():
        async with ramekin.AsyncDatabase(address, decode_responses=True) as other:
            async with await other.subscribe("user:*") as changes:
                await other.set("user:3", "c")
                async for change in changes:
                    assert (change["key"], change["event"]) == ("user:3", "set")
                    break

    asyncio.run(main())


def test_a_change_that_expiry_makes_is_told(db):
    with db.subscribe() as changes:
        db.set("short", "v", px=30)
        assert changes.get(10)["event"] == "set"
        seen = [changes.get(10)["event"]]
        while seen[-1] != "expired":
            seen.append(changes.get(10)["event"])


def test_tasks_do_the_same(address):
    async def main():
        async with ramekin.AsyncDatabase(address, decode_responses=True) as db:
            assert await asyncio.gather(*[db.incr("n") for _ in range(100)]) == list(range(1, 101))
            assert await db.get("n") == "100"
            waiting = asyncio.ensure_future(db.blpop("queue", 0))
            while not (await db.info("clients"))["blocked_clients"]:
                await asyncio.sleep(0)
            await db.rpush("queue", "x")
            assert await waiting == ("queue", "x")
            await db.table_put("t", "r", {"a": [1, None, True]})
            assert await db.query("t", "data->'a' @> '[1]'") == [{"a": [1, None, True], "_key": "r"}]
            async with db.pipeline() as pipe:
                assert await pipe.set("k", 1).incr("k").execute() == [True, 2]
            async with await db.watch("k") as pipe:
                assert await pipe.get("k") == "2"
                pipe.multi()
                assert await pipe.incr("k").execute() == [3]
            with pytest.raises(errors.WrongTypeError):
                await db.incr("t:r")
            async with db.lock("l", timeout=5):
                assert await db.exists("l") == 1
            assert {key async for key in db.scan_iter()} == {"k", "n", "t:r"}

    asyncio.run(main())
    asyncio.run(_reads(address))


async def _reads(address):
    async with ramekin.AsyncDatabase(address) as db:
        await db.set("again", "in another loop")
        assert await db.get("again") == b"in another loop"
