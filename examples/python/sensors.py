"""Sensors: many small writes at once, the last value of each at hand, alarms by a query.

    python sensors.py [address] [sensors]
"""

import asyncio
import random
import sys
import time

from ramekin import MemDB


async def sensor(db: MemDB, number: int, readings: int) -> None:
    chance = random.Random(number)
    for n in range(readings):
        reading = {"site": f"site-{number % 10}", "celsius": round(chance.gauss(21, 8), 2), "n": n}
        # The last value, and the history, of which a day is kept.
        await db.upsert("latest", f"s-{number}", reading)
        await db.insert("history", f"s-{number}:{n:06d}", reading, ttl=86400)


async def main(address: str | None, sensors: int) -> None:
    async with MemDB.preset("iot", address) as db:
        await db.create_table("latest", {"site": "string", "celsius": "float", "n": "integer"})
        begun = time.perf_counter()
        await asyncio.gather(*(sensor(db, number, 10) for number in range(sensors)))
        print(f"{db.stats()['inserts']:,} readings, {db.stats()['inserts'] / (time.perf_counter() - begun):,.0f} a second")
        hot = await db.query("latest", "(data->>'celsius')::numeric > 30 ORDER BY (data->>'celsius')::numeric DESC", limit=5)
        print("hottest:", [(row["_key"], row["celsius"]) for row in hot])
        site = await db.query("latest", "data->>'site' = 'site-3' AND data->'celsius' BETWEEN 20 AND 25", limit=None)
        print("pleasant at site-3:", len(site))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None, int(sys.argv[2]) if len(sys.argv) > 2 else 200))
