"""What MemDB's tests have in common: running one, and waiting for what comes by itself."""

import asyncio
import time

from ramekin import MemDB


def on(address, body, **keywords):
    """Runs a coroutine function with an open MemDB, and gives what it gives."""

    async def go():
        async with MemDB(address, **keywords) as db:
            return await body(db)

    return asyncio.run(go())


async def eventually(holds, within_s=20.0):
    """Waits until a coroutine function gives what is true, and gives that."""
    deadline = time.monotonic() + within_s
    while not (found := await holds()):
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.02)
    return found
