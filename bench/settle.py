"""How quickly rows settle in PostgreSQL: the store beside asyncpg, on the same server, in one run.

The other side does what a cache in Python would: `executemany` of upserts, 1,000 rows a transaction, into a table with the
same key, the same jsonb column and the same index. The server is started for the run, and syncs.
"""

import argparse
import asyncio
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from harness import postgres  # noqa: E402

# To reach, and beyond, as multiples of the other side.
AIMS = (3, 6)
BATCH = 1000
LOADS = 5000

TABLE = """
CREATE TABLE theirs (key text COLLATE "C" PRIMARY KEY, data jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON theirs USING gin (data jsonb_path_ops);
"""
UPSERT = """
INSERT INTO theirs (key, data) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET data = excluded.data, updated_at = now()
"""


def scattered(number):
    return number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF


def row(number, version):
    to = number % 10_000_000
    data = f'{{"state":"ringing","from":"+49301234567","to":"+4940{to:07}","seconds":{version},"agent":"ada"}}'
    return f"call:{number:016x}", data


async def theirs(url, rows):
    """Rows a second, new and again, and microseconds for a SELECT by key."""
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute(TABLE)
    rates = []
    for version in (1, 2):
        took = 0
        for start in range(0, rows, BATCH):
            batch = sorted(row(scattered(number), version) for number in range(start, start + BATCH))
            begun = time.perf_counter()
            async with connection.transaction():
                await connection.executemany(UPSERT, batch)
            took += time.perf_counter() - begun
        rates.append(rows / took)
    select = await connection.prepare("SELECT data FROM theirs WHERE key = $1")
    times = []
    for number in range(LOADS):
        key = row(scattered(number % rows), 1)[0]
        begun = time.perf_counter()
        await select.fetchval(key)
        times.append(time.perf_counter() - begun)
    await connection.close()
    return rates, sorted(times)[LOADS // 2] * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    build = ["cargo", "run", "--quiet", "--profile", "quick", "-p", "ramekin-postgres", "--example", "postgres_rate", "--"]
    with postgres.Postgres({"fsync": "on", "full_page_writes": "on", "max_wal_size": "4GB"}) as server:
        (new, again), select = asyncio.run(theirs(server.url, options.rows))
        print(f"asyncpg, executemany of {BATCH}: {new:,.0f} new rows/s, {again:,.0f} rows again/s; SELECT {select:.0f} us\n")
        ours = subprocess.run([*build, server.url, str(options.rows)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    print(ours.stdout)
    for size, ours_new, ours_again in re.findall(r"records +(\d+) +(\d+) +(\d+)", ours.stdout):
        ratios = int(ours_new) / new, int(ours_again) / again
        print(f"records, {size} a batch: {ratios[0]:.1f} times new, {ratios[1]:.1f} times again (aim {AIMS[0]}, beyond {AIMS[1]})")


if __name__ == "__main__":
    main()
