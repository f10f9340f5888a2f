"""Tasks that are cancelled at any moment: they end, and leave no connection behind."""

import asyncio
import os

import pytest

from ramekin import AsyncDatabase

# A cancellation meets a task after each of so many turns of the loop: while it connects, says hello, sends and waits.
TURNS = 40


async def ended(task):
    done, _ = await asyncio.wait([task], timeout=5)
    return bool(done)


@pytest.mark.places("folder", "server")
def test_a_blocking_pop_ends_whenever_it_is_cancelled(address):
    async def run(turns):
        async with AsyncDatabase(address) as db:
            task = asyncio.ensure_future(db.blpop("queue"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            return await ended(task)

    assert [turns for turns in range(TURNS) if not asyncio.run(run(turns))] == []


@pytest.mark.places("folder", "server")
def test_a_cancelled_task_leaves_no_connection_open(address):
    async def run():
        async with AsyncDatabase(address) as db:
            await db.llen("queue")
            before = len(os.listdir("/dev/fd"))
            for turns in range(TURNS):
                pops = [asyncio.ensure_future(db.blpop("queue")) for _ in range(3)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for task in pops:
                    task.cancel()
                await asyncio.wait(pops, timeout=5)
            return len(os.listdir("/dev/fd")) - before

    # Some that idle are kept for the next pops.
    assert asyncio.run(run()) <= 16


@pytest.mark.places("server")
def test_a_task_that_only_asks_ends_when_it_is_cancelled_as_the_reply_comes(address):
    async def run():
        async with AsyncDatabase(address, timeout=5) as db:
            await db.set("k", "v")

            async def ask_for_ever():
                while True:
                    await db.get("k")

            for turns in range(TURNS):
                task = asyncio.ensure_future(ask_for_ever())
                for _ in range(10 + turns):
                    await asyncio.sleep(0)
                task.cancel()
                if not (await asyncio.wait([task], timeout=0.2))[0]:
                    task.cancel()
                    return turns

    assert asyncio.run(run()) is None


@pytest.mark.places("memory")
def test_who_listens_for_changes_ends_when_it_is_cancelled_as_one_comes(address):
    async def run():
        async with AsyncDatabase(address) as db, await db.subscribe() as changes:

            async def listen():
                while True:
                    await changes.get(timeout=60)

            task = asyncio.ensure_future(listen())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            changes.tell({"key": b"k", "db": 0, "event": "set", "lsn": 1})
            await asyncio.sleep(0)
            task.cancel()
            is_over = bool((await asyncio.wait([task], timeout=1))[0])
            task.cancel()
            return is_over

    assert asyncio.run(run())
