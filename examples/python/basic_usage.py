"""The first steps with MemDB: a table, records, queries, statistics.

    python basic_usage.py                          in the folder ./data
    python basic_usage.py postgresql://me@host/db  in front of a database
"""

import asyncio
import sys
from datetime import datetime, timezone

from ramekin import MemDB
from ramekin.errors import SchemaError


async def main(address: str | None) -> None:
    async with MemDB(address) as db:
        await db.create_table("calls", {"caller": "string", "seconds": "integer", "state": "string", "began": "timestamp"})
        began = datetime(2026, 11, 21, 8, 30, tzinfo=timezone.utc)
        await db.insert("calls", "c-17", {"caller": "+4420", "seconds": 12, "state": "ringing", "began": began})
        await db.insert("calls", "c-18", {"caller": "+4930", "seconds": 95, "state": "talking", "began": began})
        # Gone by itself after an hour.
        await db.insert("calls", "c-19", {"caller": "+331", "seconds": 3, "state": "ringing"}, ttl=3600)

        print("one record:", await db.get("calls", "c-17"))

        await db.upsert("calls", "c-17", {"caller": "+4420", "seconds": 40, "state": "talking", "began": began})
        for call in await db.query("calls", "data->>'state' = 'talking' ORDER BY data->'seconds' DESC"):
            print("talking:", call["_key"], call["seconds"])

        try:
            await db.insert("calls", "c-20", {"seconds": "twelve"})
        except SchemaError as refused:
            print("refused:", refused)

        await db.delete("calls", "c-19")
        await db.flush()
        figures = db.stats()
        print("cached records:", figures["cached_records"], "unsettled:", figures["dirty_records"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
