"""What tasks do is the same on asyncio's own event loop and on uvloop's, in a folder and over `ramekin://`.

What goes wrong on the way to a server is in test_remote_failures.py, for both loops as well.
"""

import asyncio
import importlib
import os
import threading

import pytest

from ramekin import AsyncDatabase, MemDB, WatchError

RUN = {"asyncio": asyncio.run, "uvloop": lambda main: importlib.import_module("uvloop").run(main)}
pytestmark = pytest.mark.places("folder", "server")


@pytest.fixture(params=RUN)
def run(request):
    """Runs a coroutine function in a new loop of this kind."""

    async def checked(main, *args):
        assert type(asyncio.get_running_loop()).__module__.split(".")[0] == request.param
        return await main(*args)

    return lambda main, *args: RUN[request.param](checked(main, *args))


async def until(condition):
    """Lets other tasks run until it holds."""

    async def hold():
        while not await condition():
            await asyncio.sleep(0.001)

    await asyncio.wait_for(hold(), 20)


def test_tasks_get_their_own_replies_whatever_their_size(run, address):
    async def main():
        async with AsyncDatabase(address) as db:
            values = {f"k{n}": os.urandom(1 << n) for n in range(23)}
            await asyncio.gather(*[db.set(key, value) for key, value in values.items()])
            found = await asyncio.gather(*[db.get(key) for key in values for _ in range(2)])
            assert found == [value for value in values.values() for _ in range(2)]
            assert await asyncio.gather(*[db.incr("n") for _ in range(500)]) == list(range(1, 501))

    run(main)


def test_records_are_put_asked_for_and_expire(run, address):
    async def main():
        async with AsyncDatabase(address) as db:
            await db.table_create("calls", {"state": "string", "seconds": "integer"})
            await asyncio.gather(*[db.table_put("calls", f"c{n}", {"state": "ringing", "seconds": n}) for n in range(50)])
            found = await db.query("calls", "(data->>'seconds')::int >= 48", order_by="key")
            assert [record["_key"] for record in found] == ["c48", "c49"]
            await db.table_put("calls", "c0", {"state": "done"}, ttl=0.02)

            async def has_expired():
                return await db.query_count("calls", "data->>'state' = 'done'") == 0

            await until(has_expired)
            assert await db.table_get("calls", "c0") is None

    run(main)


def test_pipelines_watches_locks_and_scans_work(run, address):
    async def main():
        async with AsyncDatabase(address, decode_responses=True) as db:
            async with db.pipeline() as pipe:
                assert await pipe.set("k", 1).incr("k").get("k").execute() == [True, 2, "2"]
            async with await db.watch("k") as pipe:
                assert await pipe.get("k") == "2"
                await db.set("k", 10)
                pipe.multi()
                with pytest.raises(WatchError):
                    await pipe.incr("k").execute()
            async with db.lock("l", timeout=5):
                assert not await db.lock("l", blocking=False).acquire()
            assert [key async for key in db.scan_iter(match="k*")] == ["k"]

    run(main)


def test_changes_come_to_the_task_that_asks_and_to_the_one_that_is_called(run, address):
    async def main():
        async with AsyncDatabase(address, decode_responses=True) as db:
            called = asyncio.Event()
            async with await db.subscribe("user:*") as changes, await db.subscribe("user:2", lambda change: called.set()):
                await db.set("other", 1)
                await db.set("user:1", 1)
                assert (await changes.get(timeout=20))["key"] == "user:1"
                await db.set("user:2", 1)
                await asyncio.wait_for(called.wait(), 20)
                assert (await changes.get(timeout=20))["key"] == "user:2"
                listener = asyncio.ensure_future(changes.get())
                await asyncio.sleep(0)
                listener.cancel()
                assert (await asyncio.wait([listener], timeout=20))[0] and listener.cancelled()

    run(main)


def test_a_cancelled_pop_has_ended_and_takes_nothing(run, address):
    async def main():
        async with AsyncDatabase(address) as db:

            async def is_waiting():
                return (await db.info("clients"))["blocked_clients"] == 1

            for turns in (0, 1, 2, 3, 5, 8, 13, 21, None):
                pop = asyncio.ensure_future(db.blpop("queue"))
                if turns is None:
                    await until(is_waiting)
                for _ in range(turns or 0):
                    await asyncio.sleep(0)
                pop.cancel()
                assert (await asyncio.wait([pop], timeout=20))[0] and pop.cancelled()
                assert await db.rpush("queue", "one") == 1
                assert await db.lpop("queue") == b"one"

    run(main)


def test_a_cancelled_task_shifts_no_reply(run, address):
    async def main():
        async with AsyncDatabase(address) as db:
            for i in range(100):
                tasks = [asyncio.ensure_future(db.echo(f"{i}-{j}")) for j in range(5)]
                await asyncio.sleep(0)
                tasks[i % 5].cancel()
                found = await asyncio.gather(*tasks, return_exceptions=True)
                for j, reply in enumerate(found):
                    # What is in memory may be answered before the cancellation comes.
                    assert reply == f"{i}-{j}".encode() or (j == i % 5 and isinstance(reply, asyncio.CancelledError))

    run(main)


@pytest.mark.filterwarnings("error")
def test_loops_one_after_the_other_may_use_one_database(run, address):
    db = AsyncDatabase(address)

    async def main(n):
        assert await asyncio.gather(*[db.incr("n") for _ in range(10)]) == list(range(10 * n + 1, 10 * n + 11))
        await db.rpush("queue", n)
        assert await db.blpop("queue", 1) == (b"queue", b"%d" % n)

    run(main, 0)
    before = len(os.listdir("/proc/self/fd"))
    for n in range(1, 10):
        run(main, n)
    # Each loop has taken its connections with it.
    assert len(os.listdir("/proc/self/fd")) <= before
    run(db.aclose)


def test_loops_of_both_kinds_in_threads_may_use_one_memdb_at_a_time(address):
    db = MemDB(address)
    failed = []

    async def main(n):
        await db.start()
        for i in range(30):
            await db.insert("t", f"{n}-{i}", {"n": n, "i": i})
            assert await db.get("t", f"{n}-{i}") == {"n": n, "i": i}
        assert len(await db.query("t", f"data->'n' = {n}", limit=None)) == 30

    def thread(n, of_kind):
        try:
            of_kind(main(n))
        except BaseException as error:
            failed.append(repr(error))

    threads = [threading.Thread(target=thread, args=(n, list(RUN.values())[n % 2])) for n in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert failed == [] and not any(one.is_alive() for one in threads)
    RUN["uvloop"](db.stop())


def test_memdb_keeps_what_it_is_given_from_loop_to_loop(run, address):
    record = {"caller": "+4420", "seconds": 12, "tags": ["a", None, 1.5]}

    async def first():
        async with MemDB(address) as db:
            await db.create_table("calls", {"caller": "string", "seconds": "integer"})
            await asyncio.gather(*[db.insert("calls", f"c{n}", {**record, "seconds": n}) for n in range(50)])
            await db.upsert("calls", "c-17", record)
            await db.insert("calls", "gone", record)
            assert await db.delete("calls", "gone")
            with pytest.raises(ValueError, match="seconds"):
                await db.insert("calls", "bad", {"seconds": "many"})
            task = asyncio.ensure_future(db.query("calls"))
            task.cancel()
            await asyncio.wait([task], timeout=20)

    async def second():
        async with MemDB(address) as db:
            assert await db.get("calls", "c-17") == record
            assert await db.get("calls", "gone") is None
            assert len(await db.query("calls", "(data->>'seconds')::int < 12", limit=None)) == 12
            assert db.stats()["tables"] == 1

    run(first)
    run(second)
