"""Ordinary client libraries work as they are: redis-py, sync and asyncio, RESP2 and RESP3."""

import asyncio
import threading

import pytest
import redis
import redis.asyncio


@pytest.fixture(params=[2, 3])
def db(server, request):
    """A redis-py client of each protocol."""
    with redis.Redis(port=server.port, protocol=request.param, decode_responses=True) as connection:
        yield connection


def test_everyday_commands_of_redis_py(db):
    assert db.ping()
    assert db.set("k", "v", ex=100) and db.get("k") == "v" and 90 < db.ttl("k") <= 100
    assert db.incr("n", 5) == 5 and db.incrbyfloat("f", 1.5) == 1.5
    assert db.mset({"a": 1, "b": 2}) and db.mget("a", "b", "x") == ["1", "2", None]
    assert db.rpush("l", 1, 2, 3) == 3 and db.lrange("l", 0, -1) == ["1", "2", "3"] and db.lpop("l", 2) == ["1", "2"]
    assert db.blpop("l", timeout=1) in (("l", "3"), ["l", "3"]) and db.blpop("l", timeout=0.05) is None
    assert db.hset("h", mapping={"x": 1, "y": 2}) == 2 and db.hgetall("h") == {"x": "1", "y": "2"}
    assert db.hexpire("h", 100, "x") == [1] and 90 < db.httl("h", "x")[0] <= 100
    assert set(db.scan_iter()) == {"k", "n", "f", "a", "b", "h"}
    assert dict(db.hscan_iter("h")) == {"x": "1", "y": "2"}
    assert db.lcs("a", "b") == "" and db.object("encoding", "n") == "int"
    assert db.sort("nokey") == [] and db.dbsize() == 6
    assert db.copy("k", "k2") and db.rename("k2", "k3") and db.delete("k3") == 1


def test_pipelines_and_transactions_of_redis_py(db):
    with db.pipeline(transaction=False) as pipe:
        for i in range(500):
            pipe.set(f"k{i}", i)
        assert all(pipe.execute())

    def double(pipe):
        current = int(pipe.get("k10"))
        pipe.multi()
        pipe.set("k10", current * 2)

    assert db.transaction(double, "k10") == [True]
    assert db.get("k10") == "20"
    with db.pipeline() as pipe:
        pipe.watch("k10")
        db.set("k10", 0)
        pipe.multi()
        pipe.set("k10", 1)
        with pytest.raises(redis.WatchError):
            pipe.execute()


def test_the_server_side_of_redis_py(db):
    info = db.info("all")
    assert info["redis_version"] and info["connected_clients"] >= 1
    assert db.config_get("maxmemory")["maxmemory"] == "0" and db.config_set("timeout", 0)
    assert db.client_id() > 0 and db.client_setname("me") and db.client_getname() == "me"
    assert any(row["name"] == "me" for row in db.client_list())
    assert "get" in db.command() and db.command_count() > 50
    assert isinstance(db.slowlog_get(), list) and db.time()[0] > 0
    assert db.flushdb() and db.dbsize() == 0
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        db.set("s", 1)
        db.lpush("s", 1)


def test_thirty_threads_share_a_pool(db):
    def work():
        for _ in range(100):
            db.incr("n")

    threads = [threading.Thread(target=work) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.get("n") == "3000"


def test_asyncio_clients_work_at_once(server):
    async def main():
        db = redis.asyncio.Redis(port=server.port, protocol=3, max_connections=300)
        async with db:
            await asyncio.gather(*(db.incr("n") for _ in range(200)))
            assert await db.get("n") == b"200"
            waiter = asyncio.create_task(db.blpop("q", timeout=5))
            await asyncio.sleep(0.05)
            await db.rpush("q", "job")
            assert (await waiter)[1] == b"job"

    asyncio.run(main())
