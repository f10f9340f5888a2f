"""The Python package beside what one would use instead: a dict behind a lock, redis-py, diskcache and nadb.

Each row is measured in rounds, ours and theirs by turns in one process, and printed with medians. `make bench-python` installs what is
needed; a peer that is missing is named. One thread, but for the last row. The log of ours is on, with `appendfsync everysec`.
"""

import argparse
import asyncio
import copy
import importlib.metadata
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

RECORD = {"caller": "+442079460000", "seconds": 12, "state": "ringing", "answered": True, "score": 1.5}
VALUE = os.urandom(64)
LARGE = os.urandom(100_000)


class DictBehindALock:
    """What one writes without a library: the record is the caller's own."""

    def __init__(self, copies):
        self.lock = asyncio.Lock()
        self.tables = {}
        self.copies = copies

    async def insert(self, table, key, record):
        async with self.lock:
            self.tables.setdefault(table, {})[key] = self.copies(record)

    async def get(self, table, key):
        async with self.lock:
            record = self.tables.get(table, {}).get(key)
            return None if record is None else self.copies(record)


def per_second(count, work):
    """Calls a second of one round."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


async def per_second_async(count, work):
    """The same of a coroutine."""
    begun = time.perf_counter()
    await work()
    return count / (time.perf_counter() - begun)


def show(rows):
    """One line each: ours, theirs, and how many times as many."""
    print(f"{'':52} {'Ramekin/s':>12} {'theirs/s':>12} {'times':>8}")
    for name, ours, theirs in rows:
        mine = statistics.median(ours)
        if theirs is None:
            print(f"{name:52} {mine:12,.0f} {'':>12} {'':>8}")
        else:
            others = statistics.median(theirs)
            print(f"{name:52} {mine:12,.0f} {others:12,.0f} {mine / others:8.1f}")


async def records(folder, calls, rounds):
    """MemDB beside dicts that are guarded by a lock."""
    from ramekin import MemDB

    rows = []
    async with MemDB(str(folder / "memdb")) as db:
        names = {"copy of the dict": DictBehindALock(dict), "deepcopy": DictBehindALock(copy.deepcopy)}
        keys = [f"c-{number}" for number in range(1000)]

        def gets(store):
            async def run():
                for _ in range(calls // len(keys)):
                    for key in keys:
                        await store.get("calls", key)

            return run

        def inserts(store, upto):
            async def run():
                for number in range(upto):
                    await store.insert("calls", f"n-{number}", RECORD)

            return run

        for store in (db, *names.values()):
            for key in keys:
                await store.insert("calls", key, RECORD)
        found = {name: ([], []) for name in names}
        for _ in range(rounds):
            for name, other in names.items():
                found[name][0].append(await per_second_async(calls, gets(db)))
                found[name][1].append(await per_second_async(calls, gets(other)))
        rows += [(f"await get, beside dict and lock ({name})", *both) for name, both in found.items()]
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(await per_second_async(calls, inserts(db, calls)))
            theirs.append(await per_second_async(calls, inserts(names["copy of the dict"], calls)))
        rows.append(("await insert, log on, beside dict and lock", ours, theirs))
    return rows


def strings(folder, calls, rounds, peers):
    """Database beside whatever else keeps bytes."""
    from ramekin import Database

    rows = []
    with Database(folder / "database") as db:
        keys = [f"key:{number}" for number in range(10_000)]

        def sets(store, count):
            def run():
                left = count
                while left > 0:
                    for key in keys[:left]:
                        store.set(key, VALUE)
                    left -= len(keys)

            return run

        def gets(store, count):
            def run():
                left = count
                while left > 0:
                    for key in keys[:left]:
                        store.get(key)
                    left -= len(keys)

            return run

        sets(db, len(keys))()
        for name, store, slower in peers:
            count = max(calls // slower, 20)
            known = keys[:count]
            for key in known:
                store.set(key, VALUE)
            for word, make in (("set", sets), ("get", gets)):
                ours, theirs = [], []
                for _ in range(rounds):
                    ours.append(per_second(calls, make(db, calls)))
                    theirs.append(per_second(count, make(store, count)))
                rows.append((f"{word} of 64 bytes, beside {name}", ours, theirs))
    return rows


def threads(folder, rounds):
    """Four threads beside one, with values of 100 kB: few of them, which stay in the processor's caches, and many, which do not."""
    from ramekin import Database

    def gets(db, keys, thread, count):
        for number in range(count):
            db.get(f"large:{(number * 7 + thread * 13) % keys}")

    def sets(db, keys, thread, count):
        for number in range(count):
            db.set(f"large:{(number * 7 + thread * 13) % keys}", LARGE)

    def run(db, work, keys, threads, count):
        running = [threading.Thread(target=work, args=(db, keys, thread, count // threads)) for thread in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    rows = []
    with Database(folder / "threads") as db:
        for number in range(2000):
            db.set(f"large:{number}", LARGE)
        for name, work, keys, count in (("get", gets, 32, 100_000), ("get", gets, 2000, 40_000), ("set", sets, 2000, 8_000)):
            four, one = [], []
            for _ in range(rounds):
                four.append(per_second(count, lambda: run(db, work, keys, 4, count)))
                one.append(per_second(count, lambda: run(db, work, keys, 1, count)))
            rows.append((f"{name} of 100 kB, {keys} keys: 4 threads beside 1", four, one))
    return rows


def import_ms(rounds):
    """Milliseconds that importing takes, beyond those of the interpreter."""
    code = "import time; t = time.perf_counter(); {}; print((time.perf_counter() - t) * 1000)"
    for what in ("import ramekin", "from ramekin import Database", "from ramekin import MemDB", "from ramekin import KeyValueStore"):
        found = [
            float(subprocess.run([sys.executable, "-c", code.format(what)], capture_output=True, check=True, timeout=60).stdout)
            for _ in range(max(rounds, 5))
        ]
        print(f"{what:52} {statistics.median(found):12.1f} ms")


class Nadb:
    """nadb's store with the names of the others."""

    def __init__(self, folder):
        here = pathlib.Path.cwd()
        # It logs into the folder that it is started in.
        os.chdir(folder)
        try:
            from nadb import KeyValueStore, KeyValueSync

            self.sync = KeyValueSync(5)
            self.sync.start()
            self.store = KeyValueStore(str(folder / "nadb"), "bench", 1, "bench", self.sync, compression_enabled=False)
        finally:
            os.chdir(here)
        self.set, self.get = self.store.set, self.store.get

    def close(self):
        """Ends its thread."""
        self.sync.sync_exit()


def main():
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=200_000, help="calls in a round of ours (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (%(default)s)")
    parser.add_argument("--parts", default="records,strings,threads,import", help="what to measure (%(default)s)")
    asked = parser.parse_args()
    parts = asked.parts.split(",")
    print(f"Python {sys.version.split()[0]}, ramekin {importlib.metadata.version('ramekin')}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="ramekin-bench-") as name:
        folder = pathlib.Path(name)
        if "import" in parts:
            import_ms(asked.rounds)
        rows = []
        if "records" in parts:
            rows += asyncio.run(records(folder, asked.calls, asked.rounds))
        if "strings" in parts:
            rows += beside_others(folder, asked.calls, asked.rounds)
        if "threads" in parts:
            rows += threads(folder, asked.rounds)
        show(rows)


def beside_others(folder, calls, rounds):
    """Opens the peers and closes them."""
    import diskcache
    import redis
    from harness.server import Server

    server = Server("valkey")
    cache = diskcache.Cache(str(folder / "diskcache"))
    nadb = Nadb(folder)
    try:
        peers = [
            ("redis-py to a local Valkey", redis.Redis(port=server.port), 20),
            ("diskcache", cache, 40),
            ("nadb", nadb, 400),
        ]
        return strings(folder, calls, rounds, peers)
    finally:
        nadb.close()
        cache.close()
        server.remove()


if __name__ == "__main__":
    main()
