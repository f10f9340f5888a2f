"""Memory beside the database, live: what changes in memory, and when it is in the database's file.

    python watch_settling.py [seconds]

It writes through MemDB over SQLite, and has another process read the file by SQLite itself, as any other program may. It has to be
another one: MemDB brings its own SQLite, and two of them in one process drop each other's locks.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from ramekin import MemDB


def read(file: str) -> None:
    """Prints the newest value that has settled; nothing while there is none."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        for row in connection.execute("SELECT json_extract(data, '$.count') FROM counters WHERE key = 'visits'"):
            print(row[0])
    except sqlite3.OperationalError:
        # There is no table yet.
        pass
    finally:
        connection.close()


async def in_the_database(file: Path) -> int | None:
    """What the other process reads."""
    if not file.exists():
        return None
    reader = await asyncio.create_subprocess_exec(sys.executable, __file__, "read", str(file), stdout=asyncio.subprocess.PIPE)
    printed, _ = await reader.communicate()
    return int(printed) if printed.strip() else None


async def main(seconds: float, folder: Path) -> None:
    print(f"{'seconds':>8} {'memory':>8} {'database':>9} {'unsettled':>10} {'behind by':>10}")
    async with MemDB(f"sqlite:{folder / 'visits.db'}", flush_interval=0.5, folder=folder / "data") as db:
        begun, count = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            count += 1
            await db.insert("counters", "visits", {"count": count})
            if count % 10 == 1:
                record = await db.get("counters", "visits")
                stored = await in_the_database(folder / "visits.db")
                figures = db.stats()
                print(
                    f"{passed:8.2f} {record['count'] if record else '-':>8} {'-' if stored is None else stored:>9}"
                    f" {figures['dirty_records']:>10} {figures['lag_seconds']:>9.2f}s"
                )
            await asyncio.sleep(0.02)
    print(f"after the stop: {count} in memory, {await in_the_database(folder / 'visits.db')} in the database")


if __name__ == "__main__" and sys.argv[1:2] == ["read"]:
    read(sys.argv[2])
elif __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5, Path(temporary)))
