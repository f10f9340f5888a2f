"""Calls of MemDB a second, beside a dict behind a lock: what the log, the queries and the way back cost.

    python benchmark.py [address] [calls]
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable

from ramekin import MemDB

RECORD = {"caller": "+4420", "seconds": 12, "state": "ringing", "tags": ["a", "b"], "route": {"from": "UK", "to": "DE"}}


class DictBehindALock:
    """The least that a cache for asyncio does: copies in and out, one task at a time, nothing on disk."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict[str, object]]] = {}
        self.lock = asyncio.Lock()

    async def insert(self, table: str, key: str, record: dict[str, object]) -> None:
        async with self.lock:
            self.tables.setdefault(table, {})[key] = record.copy()

    async def get(self, table: str, key: str) -> dict[str, object] | None:
        async with self.lock:
            found = self.tables.get(table, {}).get(key)
            return None if found is None else found.copy()


async def rate(calls: int, call: Callable[[int], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    for n in range(calls):
        await call(n)
    return calls / (time.perf_counter() - begun)


async def measure(name: str, db: MemDB | DictBehindALock, calls: int) -> None:
    keys = [f"c-{n % 10_000}" for n in range(calls)]

    async def mixed(n: int) -> None:
        if n % 5:
            await db.get("calls", keys[n])
        else:
            await db.insert("calls", keys[n], RECORD)

    insert = await rate(calls, lambda n: db.insert("calls", keys[n], RECORD))
    get = await rate(calls, lambda n: db.get("calls", keys[n]))
    both = await rate(calls, mixed)
    print(f"{name:<20} {insert:>12,.0f} {get:>12,.0f} {both:>12,.0f}")


async def main(address: str | None, calls: int) -> None:
    print(f"{'calls a second':<20} {'insert':>12} {'get':>12} {'4 get, 1 put':>12}")
    await measure("dict behind a lock", DictBehindALock(), calls)
    with tempfile.TemporaryDirectory() as folder:
        async with MemDB(address or folder, folder=folder) as db:
            await measure("MemDB", db, calls)
            begun = time.perf_counter()
            found = await db.query("calls", "(data->>'seconds')::int >= 10 AND data->>'state' = 'ringing'", limit=None)
            print(f"query over {len(found):,} records: {(time.perf_counter() - begun) * 1000:.1f} ms")
            print("milliseconds a get:", db.stats()["latency_ms"]["get"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None, int(sys.argv[2]) if len(sys.argv) > 2 else 100_000))
