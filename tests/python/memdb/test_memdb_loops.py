"""One `MemDB` in several event loops, each in its thread."""

import asyncio
import threading

from ramekin import ClosedError, MemDB


def in_threads(work, threads=6):
    """Runs `work(n)` in a loop of each thread, and returns what went wrong."""
    failed = []

    def run(n):
        try:
            asyncio.run(work(n))
        except BaseException as error:
            failed.append(repr(error))

    started = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(60)
    return failed + [f"{thread} hangs" for thread in started if thread.is_alive()]


def test_all_loops_may_start_it_and_write_and_read(tmp_path):
    db = MemDB(str(tmp_path / "data"))

    async def work(n):
        await db.start()
        for i in range(50):
            await db.insert("t", f"{n}-{i}", {"n": n, "tags": [i]})
            assert await db.get("t", f"{n}-{i}") == {"n": n, "tags": [i]}
        assert len(await db.query("t", f"data->'n' = {n}", limit=None)) == 50

    assert in_threads(work) == []
    asyncio.run(db.stop())


def test_loops_may_start_and_stop_it_at_the_same_time(tmp_path):
    db = MemDB(str(tmp_path / "data"))

    async def work(n):
        for _ in range(5):
            await db.start()
            try:
                await db.insert("t", "k", {"n": n})
            except ClosedError:  # another loop has stopped it
                pass
            await db.stop()

    assert in_threads(work, 4) == []
