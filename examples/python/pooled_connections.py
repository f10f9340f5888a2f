"""Many threads, few connections: what they share is a pool that a `Database` keeps by itself.

    python pooled_connections.py                              opens a database and its port first
    python pooled_connections.py ramekin://127.0.0.1:6379     connects to a server
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from ramekin import Database


def work(db: Database, number: int) -> int:
    """What a request of a web server might do: a few commands in one round trip."""
    with db.pipeline() as pipe:
        visits, _ = pipe.incr("visits").hset("last", mapping={"worker": number}).execute()
    return int(visits)


def run(address: str) -> None:
    with Database(address, max_connections=4, name="pooled") as db:
        db.delete("visits")
        with ThreadPoolExecutor(32) as threads:
            seen = list(threads.map(lambda number: work(db, number), range(1000)))
        assert sorted(seen) == list(range(1, 1001))
        connections = [client for client in db.client_list() if client["name"] == "pooled"]
        print(f"{len(seen)} visits by 32 threads over {len(connections)} connections")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1])
    else:
        with Database("memory:") as here:
            run(f"ramekin://127.0.0.1:{here.serve(0)}")
