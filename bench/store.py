"""A store behind Ramekin, beside what people do without it, on the same machine in the same run.

Six parts, in turns of ours and theirs, reduced to medians:

- settle: records that wait for PostgreSQL, until FLUSH says that they are there; beside `executemany` of upserts by asyncpg, 1,000
  rows a transaction, into a table with the same key, column and index. New rows, and the same rows again.
- sqlite: the same into SQLite, in rows a second.
- redis: strings that wait for Valkey, until FLUSH says that they are there; beside pipelines of 1,000 SETs by redis-py.
- cost: CPU time of the serving threads for a pipelined SET load that fits in memory, with a store behind and without.
- read: GET of keys that were evicted, 50 connections; beside SELECT by primary key by pgbench, 50 connections, same server.
- calm: p99 of GET of keys in memory at a fixed rate while much is flushed to PostgreSQL; beside the same in quiet.

The PostgreSQL server is started for the run, and syncs.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
sys.path.insert(0, str(ROOT / "tests"))

from harness import postgres  # noqa: E402
from harness.server import Server  # noqa: E402

PARTS = ("settle", "sqlite", "redis", "cost", "read", "calm")
BATCH = 1000
CONNECTIONS = 50
VALUE_BYTES = 64
CALM_RATE = 20_000
# Nothing settles before it is asked for.
BY_HAND = {"flush-interval": "3600", "flush-bytes": "100gb", "evict-interval": "0", "store-unsettled-max": "100gb"}
THEIRS = """
CREATE TABLE theirs (key text COLLATE "C" PRIMARY KEY, data jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON theirs USING gin (data jsonb_path_ops);
"""
UPSERT = """
INSERT INTO theirs (key, data) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET data = excluded.data, updated_at = now()
"""
SELECT = """\\set n random(0, {last})
SELECT value FROM ramekin_keys WHERE db = 0 AND key = convert_to('key:' || lpad(:n::text, 12, '0'), 'UTF8');
"""


def scattered(number):
    return number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF


def rows(count, version):
    """Records in an order that has nothing to do with their keys'."""
    data = '{{"state":"ringing","from":"+49301234567","to":"+4940{:07}","seconds":{},"agent":"ada"}}'
    return [(f"call-{scattered(number):016x}", data.format(number % 10_000_000, version)) for number in range(count)]


def database(server, name):
    """A new database on the server. Returns its URL."""

    async def make():
        import asyncpg

        connection = await asyncpg.connect(server.url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(make())
    return server.url.rsplit("/", 1)[0] + "/" + name


@contextlib.contextmanager
def ramekin(directives):
    server = Server("ramekin", directives)
    try:
        yield server
    finally:
        server.kill()
        server.remove()


def flush_seconds(client):
    begun = time.perf_counter()
    answer = client("FLUSH")
    assert answer in ("OK", b"OK"), answer
    return time.perf_counter() - begun


def ours_settle(store, count):
    """Rows a second, new and again."""
    rates = []
    with ramekin({"store": store, **BY_HAND}) as server:
        client = server.client(timeout=600)
        for version in (1, 2):
            client.pipeline([("TABLE.PUT", "calls", key, data) for key, data in rows(count, version)])
            rates.append(count / flush_seconds(client))
    return rates


def theirs_settle(url, count):
    async def run():
        import asyncpg

        connection = await asyncpg.connect(url)
        await connection.execute(THEIRS)
        rates = []
        for version in (1, 2):
            all_rows = rows(count, version)
            begun = time.perf_counter()
            for start in range(0, count, BATCH):
                await connection.executemany(UPSERT, all_rows[start : start + BATCH])
            rates.append(count / (time.perf_counter() - begun))
        await connection.close()
        return rates

    return asyncio.run(run())


def strings(count, version):
    value = f"{version} " + "v" * (VALUE_BYTES - 2)
    return [(f"call-{scattered(number):016x}", value) for number in range(count)]


def ours_redis(address, count):
    """Rows a second, new and again."""
    rates = []
    with ramekin({"store": address, **BY_HAND}) as server:
        client = server.client(timeout=600)
        for version in (1, 2):
            client.pipeline([("SET", key, value) for key, value in strings(count, version)])
            rates.append(count / flush_seconds(client))
    return rates


def theirs_redis(port, count):
    import redis

    client = redis.Redis(port=port)
    rates = []
    for version in (1, 2):
        pairs = strings(count, version)
        begun = time.perf_counter()
        for start in range(0, count, BATCH):
            pipeline = client.pipeline(transaction=False)
            for key, value in pairs[start : start + BATCH]:
                pipeline.set(key, value)
            pipeline.execute()
        rates.append(count / (time.perf_counter() - begun))
    client.close()
    return rates


def redis_pair(count):
    """Ours and theirs, each into a Valkey of its own with an append-only file."""
    found = []
    for run in (lambda port: theirs_redis(port, count), lambda port: ours_redis(f"redis://127.0.0.1:{port}/0", count)):
        behind = Server("valkey", {"appendonly": "yes", "appendfsync": "everysec"})
        try:
            found.append(run(behind.port))
        finally:
            behind.remove()
    return found[1], found[0]


def loop_cpu_ns(pid):
    """CPU time of the threads that serve."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith("loop-"):
            total += int((task / "schedstat").read_text().split()[0])
    return total


def load(server, *words):
    """The report of the generator on one test."""
    line = [os.environ["RAMEKIN_BIN"], "bench", "-p", server.port, "-c", CONNECTIONS, "-d", VALUE_BYTES, "--json", *words]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)[0]


def cost(directives, count):
    """Nanoseconds of the serving threads for a SET."""
    with ramekin(directives) as server:
        words = ("-t", "set", "-P", 100, "-r", count)
        load(server, *words, "-n", count * 2)
        before = loop_cpu_ns(server.pid)
        load(server, *words, "-n", count * 15)
        return (loop_cpu_ns(server.pid) - before) / (count * 15)


def evict_all(client):
    while client("EVICT"):
        pass


class Read:
    """GET of evicted keys, and SELECT of the same rows."""

    def __init__(self, stack, server, count):
        self.count = count
        self.url = database(server, "read")
        self.server = stack.enter_context(ramekin({"store": self.url, **BY_HAND}))
        self.client = self.server.client(timeout=600)
        load(self.server, "-t", "get", "-r", count, "--fill", "-n", 1)
        flush_seconds(self.client)
        script = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".sql"))
        script.write(SELECT.format(last=count - 1))
        script.flush()
        tool = postgres.package() / "pgbench"
        self.pgbench = [str(tool), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-f", script.name, "-d", self.url]
        self.asked = max(count // 10, 1)

    def ours(self):
        evict_all(self.client)
        return load(self.server, "-t", "get", "-r", self.count, "-n", self.asked, "--seed", time.time_ns() % 10**6)[
            "requests_per_second"
        ]

    def theirs(self):
        done = subprocess.run(
            [*self.pgbench, "-t", str(max(self.asked // CONNECTIONS, 1))], capture_output=True, text=True, check=True
        )
        line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
        return float(line.split()[2])


def calm(url, count, rounds):
    """p99 in milliseconds of GET in quiet and during a flush, a pair each round."""
    pairs = []
    with ramekin({"store": url, **BY_HAND}) as server:
        client = server.client(timeout=600)
        reads = ("-t", "get", "-r", count, "--rate", CALM_RATE, "--seconds", 1.5)
        load(server, "-t", "get", "-r", count, "--fill", "-n", 1)
        flush_seconds(client)
        for version in range(rounds):
            quiet = load(server, *reads)["p99"]
            client.pipeline([("TABLE.PUT", "calls", key, data) for key, data in rows(count * 2, version)])
            flusher = threading.Thread(target=flush_seconds, args=(client,))
            flusher.start()
            time.sleep(0.1)
            busy = load(server, *reads)["p99"]
            outlived = flusher.is_alive()
            flusher.join()
            pairs.append((quiet, busy, outlived))
    return pairs


def told(name, ours, theirs, unit, aims, lower_is_better=False):
    """One line: medians, their ratio, and what it is to be."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    ratio = mine / other if not lower_is_better else other / mine
    spread = sorted(a / b if not lower_is_better else b / a for a, b in zip(ours, theirs, strict=True))
    print(
        f"{name:34} {mine:12,.1f} {other:12,.1f} {unit:8} {ratio:6.2f}x ({spread[0]:.2f} to {spread[-1]:.2f}); "
        f"to reach {aims[0]}, beyond {aims[1]}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS), help="which of them, with commas between")
    parser.add_argument("--binary", default=str(TARGET / "release/ramekin"), help="the server that is measured")
    options = parser.parse_args()
    if not pathlib.Path(options.binary).is_file():
        sys.exit(f"{options.binary} is missing: cargo build --release -p ramekin-cli")
    os.environ["RAMEKIN_BIN"] = str(pathlib.Path(options.binary).resolve())
    parts, count, rounds = options.parts.split(","), options.rows, options.rounds
    print(f"{'':34} {'Ramekin':>12} {'theirs':>12}")
    with postgres.Postgres({"fsync": "on", "full_page_writes": "on", "max_wal_size": "4GB"}) as server:
        if "settle" in parts:
            ours, theirs = [], []
            for turn in range(rounds):
                theirs.append(theirs_settle(database(server, f"theirs{turn}"), count))
                ours.append(ours_settle(database(server, f"ours{turn}"), count))
            for at, name in enumerate(("new", "again")):
                told(
                    f"settle in PostgreSQL, {name}", [r[at] for r in ours], [r[at] for r in theirs], "rows/s", ("3x", "6x")
                )
        if "sqlite" in parts:
            ours = [ours_settle("sqlite:", count) for _ in range(rounds)]
            for at, name in enumerate(("new", "again")):
                rate = statistics.median(r[at] for r in ours)
                print(f"{'settle in SQLite, ' + name:34} {rate:12,.1f} {'':12} rows/s; to reach 150,000, beyond 300,000", flush=True)
        if "redis" in parts:
            pairs = [redis_pair(count) for _ in range(rounds)]
            for at, name in enumerate(("new", "again")):
                told(
                    f"settle in Valkey / SET, {name}", [a[at] for a, _ in pairs], [b[at] for _, b in pairs], "rows/s", ("1x", "2x")
                )
        if "cost" in parts:
            pairs = [(cost({"store": "sqlite:"}, count), cost({}, count)) for _ in range(rounds)]
            with_store, without = (statistics.median(side) for side in zip(*pairs, strict=True))
            print(
                f"{'CPU of a SET, with store / without':34} {with_store:12,.1f} {without:12,.1f} ns       "
                f"{with_store / without - 1:+.1%}; to reach 25%, beyond 10%",
                flush=True,
            )
        if "read" in parts:
            with contextlib.ExitStack() as stack:
                read = Read(stack, server, count)
                pairs = [(read.ours(), read.theirs()) for _ in range(rounds)]
                told("read of evicted keys / SELECT", [a for a, _ in pairs], [b for _, b in pairs], "rows/s", ("0.9x", "1.5x"))
        if "calm" in parts:
            pairs = calm(database(server, "calm"), count, max(rounds, 9))
            ratios = sorted(busy / quiet for quiet, busy, _ in pairs)
            quiet, busy = (statistics.median(pair[at] for pair in pairs) for at in (0, 1))
            whole = sum(outlived for *_, outlived in pairs)
            print(
                f"{'p99 of GET, in a flush / quiet':34} {busy:12,.2f} {quiet:12,.2f} ms      {statistics.median(ratios):6.2f}x "
                f"({ratios[0]:.2f} to {ratios[-1]:.2f}); to reach 1.5x, beyond 1.1x; in {whole} of {len(pairs)} the flush outlived it",
                flush=True,
            )


if __name__ == "__main__":
    main()
