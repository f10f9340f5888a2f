"""Queries by tag of a KeyValueStore beside nadb's: how long each takes with so many hits among all keys.

Stores are filled through their own calls, nadb's in a process that is ended afterwards, with a buffer that it need not write out (its
`get` of what it has written opens a file for each key); its caches are cleared before each call. Times are those of the calling thread's
processor, so that what else goes on counts little; for ours the work of the engine's threads is in them as well (of the process).
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HITS = (10, 200, 2_000, 20_000)


def fill(kv, keys, value):
    """Sets the keys; `t200` is the tag of 200 of them."""
    for number in range(keys):
        tags = [f"t{hits}" for hits in HITS if number == 0 or number * hits // keys != (number - 1) * hits // keys]
        try:
            kv.set(f"user:{number:06}", value, tags=tags)
        except KeyError:
            kv.set(f"user:{number:06}", value, tags=tags)  # nadb's 1,000th lock


def ms(work, rounds):
    """The median of milliseconds of processor time."""
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        found.append((time.process_time() - begun) * 1000)
    return statistics.median(found)


def measure(kv, forget, rounds):
    """One line for each call and number of hits: its name and milliseconds."""
    for hits in HITS:
        tag = f"t{hits}"
        calls = {
            "query_by_tags": lambda: kv.query_by_tags([tag]),
            "query_by_tags_advanced, a page of 100": lambda: kv.query_by_tags_advanced([tag]),
            "query().tag().all()": lambda: kv.query().tag(tag).all(),
            "query().tag().order_by('size').limit(50).all()": lambda: kv.query().tag(tag).order_by("size").limit(50).all(),
            "query().tag().limit(50).all()": lambda: kv.query().tag(tag).limit(50).all(),
        }
        if hits <= 200:
            found = list(kv.query_by_tags([tag]))
            calls["get_many"] = lambda found=found: kv.get_many(found)
        for name, call in calls.items():

            def run(call=call):
                forget()
                call()

            print(f"{name}\t{hits}\t{ms(run, 1 if name == 'get_many' else rounds)}", flush=True)
    print(f"next(scan_keys())\t-\t{ms(lambda: next(kv.scan_keys()), 1)}", flush=True)


def child(who, folder, keys, value_bytes, rounds):
    """Fills a store and measures it."""
    value = os.urandom(value_bytes)
    if who == "nadb":
        import logging

        from nadb import KeyValueStore, KeyValueSync

        logging.disable(logging.CRITICAL)
        kv = KeyValueStore(folder, "bench", 1 << 20, "bench", KeyValueSync(3600), compression_enabled=False)
        fill(kv, keys, value)
        measure(kv, kv.clear_caches, rounds)
        os._exit(0)  # it would write its buffer for minutes
    from ramekin.kv import KeyValueStore

    address = folder if who == "fs" else f"file:{folder}"
    with KeyValueStore(address, "bench", 64, "bench", compression_enabled=False) as kv:
        fill(kv, keys, value)
        kv.flush()
        measure(kv, lambda: None, rounds)


def main():
    """Measures ours and theirs in turn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=100_000, help="keys in each store (%(default)s)")
    parser.add_argument("--bytes", type=int, default=100, help="bytes of a value (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="calls of each sort (%(default)s)")
    parser.add_argument("--stores", default="folder,fs,nadb", help="what to measure (%(default)s)")
    parser.add_argument("--child", nargs=2, metavar=("WHO", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        return child(*asked.child, asked.keys, asked.bytes, asked.rounds)
    rows = {}
    for who in asked.stores.split(","):
        with tempfile.TemporaryDirectory(prefix="ramekin-bench-") as name:
            words = [sys.executable, __file__, "--child", who, str(pathlib.Path(name) / "data")]
            words += ["--keys", str(asked.keys), "--bytes", str(asked.bytes), "--rounds", str(asked.rounds)]
            for line in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines():
                if line.count("\t") == 2:
                    call, hits, found = line.split("\t")
                    rows.setdefault((call, hits), {})[who] = float(found)
    stores = asked.stores.split(",")
    print(f"{asked.keys:,} keys of {asked.bytes:,} bytes, ms of processor time")
    print(f"{'':48} {'hits':>7} " + " ".join(f"{who:>10}" for who in stores))
    for (call, hits), found in sorted(rows.items()):
        print(f"{call:48} {hits:>7} " + " ".join(f"{found.get(who, float('nan')):10.3f}" for who in stores))


if __name__ == "__main__":
    main()
