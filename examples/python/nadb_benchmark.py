"""How many values a second are set, got and found by a tag: here, and by NADB if it is installed (`pip install nadb==0.3.0`).

    python nadb_benchmark.py [FOLDER OR ADDRESS] [KEYS]

Values have 500 bytes; each tenth key has the tag that is asked for. NADB keeps what it sets in memory until its buffer is full, and
loses that in a crash; here each value is in the log when `set` returns.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any


def rate(count: int, work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def again(call: Callable[[], Any]) -> Any:
    """NADB fails each 1,000th call that takes a lock, with a KeyError; then it is asked once more."""
    try:
        return call()
    except KeyError:
        return call()


def measure(kv: Any, keys: int) -> list[float]:
    def write() -> None:
        for i in range(keys):
            again(lambda i=i: kv.set(f"key:{i}", b"%500d" % i, tags=["tenth"] if i % 10 == 0 else ["other"]))

    def read() -> None:
        for i in range(keys):
            assert again(lambda i=i: kv.get(f"key:{i}")) == b"%500d" % i

    def find() -> None:
        for _ in range(10):
            assert len(kv.query_by_tags(["tenth"])) == -(-keys // 10)

    figures = [rate(keys, write)]
    kv.flush()
    return [*figures, rate(keys, read), rate(10, find)]


def main(address: str, keys: int) -> None:
    import ramekin

    print(f"{'':10}{'set':>10}{'get':>10}{'tags':>10} (a second)")
    kinds = [("ramekin", ramekin.KeyValueStore, address)]
    try:
        import nadb
    except ImportError:
        pass
    else:
        kinds.append(("NADB", nadb.KeyValueStore, tempfile.mkdtemp()))
    for name, kind, place in kinds:
        kv = kind(place, db="bench", buffer_size_mb=1, namespace="bench")
        print(f"{name:10}" + "".join(f"{figure:>10,.0f}" for figure in measure(kv, keys)))
        kv.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "./data", int(sys.argv[2]) if len(sys.argv) > 2 else 500)
