"""What is measured: one row of the table each, with what it is to reach.

Values are 64 bytes, keys are drawn from a million. `everysec` and `always` are both servers' appendfsync; a row can
give Valkey other directives than Ramekin.
"""

import dataclasses

KEYS = 1_000_000
VALUE_BYTES = 64
FSYNC_DELAY_MS = 5

EVERYSEC = {"appendonly": "yes", "appendfsync": "everysec"}
ALWAYS = {"appendonly": "yes", "appendfsync": "always"}
NO_LOG = {"appendonly": "no"}


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison. `judged` is the figure whose ratio counts: CPU time an operation or throughput."""

    name: str
    title: str
    test: str
    to_reach: float
    beyond: float
    pipeline: int = 1
    connections: int = 50
    judged: str = "cpu"
    ours: dict = dataclasses.field(default_factory=lambda: EVERYSEC)
    theirs: dict = dataclasses.field(default_factory=lambda: EVERYSEC)
    fill: bool = False
    # Elements put on the list before each round; then just as many are popped.
    pops: int = 0
    # A second load on connections of its own meanwhile, which is not what is judged.
    beside: str = ""
    fsync_delay_ms: int = 0


def pipelined(test, title, figures, **more):
    """Rows of one test with pipelines of 1, 16 and 100."""
    name = more.pop("name", test)
    return [
        Row(f"{name}-{depth}", f"{title}, pipeline {depth}", test, *figure, pipeline=depth, fill=True, **more)
        for depth, figure in zip((1, 16, 100), figures, strict=True)
    ]


ROWS = [
    *pipelined("get", "GET", [(1.15, 1.5), (2.2, 3.5), (3.5, 5)]),
    *pipelined("set", "SET", [(1.15, 1.5), (2.5, 4), (4, 6)]),
    *pipelined(
        "set", "SET, our log on, theirs off", [(1, 1.3), (1.8, 3), (2.5, 4.5)], name="set-theirs-off", theirs=NO_LOG
    ),
    Row("lpush", "LPUSH, pipeline 16", "lpush", 2, 3, pipeline=16),
    Row("rpop", "RPOP, pipeline 16", "rpop", 2, 3, pipeline=16, pops=1_000_000),
    Row("hset", "HSET, pipeline 16", "hset", 2, 3, pipeline=16, fill=True),
    Row("incr", "INCR, pipeline 16", "incr", 2, 3, pipeline=16, fill=True),
    Row("lrange", "LRANGE 100, pipeline 16", "lrange_100", 2, 3, pipeline=16),
    *[
        Row(
            f"always-{connections}",
            f"SET, always, {connections} connections",
            "set",
            1.3,
            2,
            connections=connections,
            judged="throughput",
            ours=ALWAYS,
            theirs=ALWAYS,
            fill=True,
        )
        for connections in (50, 500)
    ],
    Row(
        "beside",
        f"GET beside SETs, always, fsync delayed by {FSYNC_DELAY_MS} ms",
        "get",
        10,
        50,
        judged="throughput",
        ours=ALWAYS,
        theirs=ALWAYS,
        fill=True,
        beside="set",
        fsync_delay_ms=FSYNC_DELAY_MS,
    ),
]

# In process, one thread: the name in the example's output, and operations a second to reach and beyond.
IN_PROCESS = [
    ("GET, call by call", "get_per_second", 3e6, 6e6),
    ("SET, log on, call by call", "set_per_second", 1.5e6, 3e6),
    ("GET, batches of 16", "get_batched_per_second", 3e6, 6e6),
    ("SET, log on, batches of 16", "set_batched_per_second", 1.5e6, 3e6),
]
