"""Queries over records, beside PostgreSQL with the same rows and matching indexes, on the same machine in the same run.

Four parts:

- find: three questions, by a walk over all records and by an index: rows of the hundredth part that is `ringing`, their number, and
  the first hundred of a range in its order. Ours and theirs take turns; medians of the rounds are told of the time that a client
  waits, and of the CPU time of the server's processes. A client counts the bytes that come and reads nothing in them.
  PostgreSQL's questions are prepared, and what EXPLAIN ANALYZE says of their execution is told beside.
- memory: resident bytes a record, beside PostgreSQL's table and primary key on disk.
- insert: CPU time of the server for a pipelined TABLE.PUT of new records, without and with two indexes.
- mix: nine TABLE.GET and one TABLE.PUT, pipelined, with two indexes and without.

Ramekin runs with its log on and no store; PostgreSQL as it comes, but for 1 GiB of shared buffers, so that all is in its memory too.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import random
import re
import socket
import statistics
import struct
import sys
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
sys.path.insert(0, str(ROOT / "tests"))

from harness import postgres  # noqa: E402
from harness.resp import encode  # noqa: E402
from harness.server import Server  # noqa: E402

PARTS = ("memory", "find", "insert", "mix")
PIPELINE = 200
# A question is asked again until so much time has passed, in each round.
ROUND_SECONDS = 0.4
AGAIN_MAX = 200
MIX_COMMANDS = 200_000
RARE = "data->>'state' = 'ringing'"
SCORES = "(data->>'score')::int"
RANGE = f"{SCORES} BETWEEN 25000 AND 75000"
INDEXES = (("by_state", "data->>'state'"), ("by_score", f"({SCORES})"))
TABLE = 'CREATE TABLE t (key text COLLATE "C" PRIMARY KEY, data jsonb NOT NULL)'
# What is asked: its name, behind QUERY, and of PostgreSQL.
QUESTIONS = (
    ("rows, 1% of all", ("WHERE", RARE), f"SELECT key, data FROM t WHERE {RARE}"),
    ("their number", ("COUNT", "WHERE", RARE), f"SELECT count(*) FROM t WHERE {RARE}"),
    (
        "range in its order, 100 of it",
        ("WHERE", RANGE, "ORDER BY", SCORES, "LIMIT", "100"),
        f"SELECT key, data FROM t WHERE {RANGE} ORDER BY {SCORES} LIMIT 100",
    ),
)


def scattered(number):
    return number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF


def key_of(number):
    return f"call-{scattered(number):016x}"


def record(number, version=0):
    """A record of ten fields, every hundredth of them ringing, with a score below 100,000."""
    state = "ringing" if number % 100 == 0 else ("idle", "held", "ended")[number % 3]
    mixed = scattered(number + version * 7919) >> 20
    return (
        f'{{"id":{number},"state":"{state}","caller":"+44 20 {mixed % 10**8:08}","callee":"+49 30 {mixed % 10**7:07}",'
        f'"seconds":{mixed % 3600},"score":{mixed % 100_000},"queue":{{"name":"support","position":{mixed % 9}}},'
        f'"tags":["vip","callback"],"recorded":{"true" if number % 2 else "false"},"begun":"2026-11-21T08:30:{mixed % 60:02}Z"}}'
    )


# Figures of processes.


def process_ns(pid):
    """CPU time of a process, with threads that have ended: its clock, as clock_getcpuclockid(3) makes it."""
    try:
        return time.clock_gettime_ns(~pid << 3 | 2)
    except OSError:
        return 0


def children_of(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def reaped_ns(pid):
    """CPU time of children that have ended, to a tick: PostgreSQL's parallel workers."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) * 10**9 // os.sysconf("SC_CLK_TCK")


def anonymous_bytes(pid):
    line = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) << 10


# The two sides.


class Ours:
    """Ramekin, with a connection whose answers are only counted."""

    def __init__(self, directives=None):
        self.server = Server("ramekin", directives)
        self.client = self.server.client(timeout=600)

    def close(self):
        self.client.close()
        self.server.remove()

    def cpu_ns(self):
        return process_ns(self.server.pid)

    def load(self, numbers):
        """Puts the records."""
        send_all(self.client, [("TABLE.PUT", "t", key_of(number), record(number)) for number in numbers])

    def index(self):
        for name, path in INDEXES:
            assert self.client("INDEX.CREATE", name, "ON", "t", f"({path})") == b"OK"
        while any(dict(zip(row[::2], row[1::2]))[b"state"] != b"ready" for row in self.client("INDEX.LIST", "t")):
            time.sleep(0.02)

    def drop_indexes(self):
        for name, _ in INDEXES:
            assert self.client("INDEX.DROP", name, "ON", "t") == b"OK"

    def question(self, words):
        """A function that asks, and returns when the last byte has come."""
        command = ("QUERY", "t", *words)
        answer = self.client(*command)
        rows = len(answer) if isinstance(answer, list) else answer
        assert isinstance(rows, int), answer
        request, end = encode(command) + encode(("ECHO", "the end")), b"$7\r\nthe end\r\n"

        def ask():
            self.client.socket.sendall(request)
            receive(self.client.socket, end)

        return ask, rows

    def told(self, words):
        """How it is found."""
        answer = self.client("EXPLAIN", "t", *words)
        return dict(zip(answer[::2], answer[1::2]))[b"memory"].decode()


class Theirs:
    """PostgreSQL, with a connection whose answers are only counted, too."""

    def __init__(self, server):
        self.server = server
        self.loop = asyncio.new_event_loop()
        self.socket = self._connected()
        self.backend = int(self.value("SELECT pg_backend_pid()"))
        self.prepared = 0

    def close(self):
        self.socket.close()
        self.loop.close()

    def _connected(self):
        address = urllib.parse.urlsplit(self.server.url)
        connection = socket.create_connection((address.hostname, address.port), timeout=600)
        words = b"user\0" + address.username.encode() + b"\0database\0" + address.path[1:].encode() + b"\0\0"
        connection.sendall(struct.pack(">ii", 8 + len(words), 196608) + words)
        receive(connection, b"Z\0\0\0\5I")
        return connection

    def send(self, text):
        body = text.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack(">i", 4 + len(body)) + body)

    def values(self, text):
        """The first columns of all rows, as texts."""
        self.send(text)
        data, at, found = receive(self.socket, b"Z\0\0\0\5I"), 0, []
        while at < len(data):
            kind, length = data[at : at + 1], struct.unpack(">i", data[at + 1 : at + 5])[0]
            body = data[at + 5 : at + 1 + length]
            assert kind != b"E", body
            if kind == b"D":
                size = struct.unpack(">i", body[2:6])[0]
                found.append(body[6 : 6 + size].decode())
            at += 1 + length
        return found

    def value(self, text):
        return self.values(text)[0]

    def cpu_ns(self):
        postmaster = self.server.process.pid
        workers = [pid for pid in children_of(postmaster) if pid != self.backend and is_worker(pid)]
        return process_ns(self.backend) + sum(map(process_ns, workers)) + reaped_ns(postmaster)

    def load(self, numbers):
        async def copy():
            import asyncpg

            connection = await asyncpg.connect(self.server.url)
            await connection.execute(TABLE)
            rows = [(key_of(number), record(number)) for number in numbers]
            await connection.copy_records_to_table("t", records=rows)
            await connection.execute("VACUUM (ANALYZE) t")
            await connection.close()

        self.loop.run_until_complete(copy())

    def index(self):
        for name, path in INDEXES:
            self.values(f"CREATE INDEX {name} ON t (({path}))")
        self.values("ANALYZE t")

    def question(self, text):
        self.prepared += 1
        name = f"q{self.prepared}"
        self.values(f"PREPARE {name} AS {text}")
        rows = self.values(f"EXECUTE {name}")

        def ask():
            self.send(f"EXECUTE {name}")
            receive(self.socket, b"Z\0\0\0\5I")

        return ask, int(rows[0]) if "count(*)" in text else len(rows)

    def told(self, text):
        """The node of the plan that reads the table, and the time of execution."""
        lines = self.values(f"EXPLAIN (ANALYZE, TIMING OFF) {text}")
        took = next(float(re.search(r"[\d.]+", line)[0]) for line in lines if line.startswith("Execution Time"))
        node = next(line for line in lines if "Scan" in line)
        return node.split("(")[0].replace("->", "").strip(), took / 1000


def is_worker(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return b"parallel worker" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def receive(connection, end):
    """Bytes up to those that end an answer, which stand nowhere else at the end of what has come."""
    chunks, tail = [], b""
    while not tail.endswith(end):
        chunk = connection.recv(1 << 20)
        assert chunk, "the server closed the connection"
        chunks.append(chunk)
        tail = (tail + chunk)[-len(end) :]
    return b"".join(chunks)


def send_all(client, commands):
    """Sends commands in pipelines, and waits for the answers to each, which are not read."""
    end = encode(("ECHO", "the end"))
    for start in range(0, len(commands), PIPELINE):
        client.socket.sendall(b"".join(map(encode, commands[start : start + PIPELINE])) + end)
        answer = receive(client.socket, b"$7\r\nthe end\r\n")
        assert b"-ERR" not in answer[:100], answer[:200]


# The parts.


def measured(side, ask):
    """Seconds that a client waits, the median, and seconds of CPU time of the server, of a question asked for a while."""
    times, before, begun = [], side.cpu_ns(), time.perf_counter()
    while len(times) < AGAIN_MAX and (not times or time.perf_counter() - begun < ROUND_SECONDS):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    time.sleep(0.02)
    return statistics.median(times), (side.cpu_ns() - before) / len(times) / 1e9


def find(ours, theirs, options, how):
    for name, words, text in QUESTIONS:
        (ask_us, rows), (ask_them, their_rows) = ours.question(words), theirs.question(text)
        assert rows == their_rows, (name, rows, their_rows)
        pairs = [(measured(ours, ask_us), measured(theirs, ask_them)) for _ in range(options.rounds)]
        here, (there, took) = ours.told(words), theirs.told(text)
        print(f"\n{name}, {how}: {rows:,}; by {here} / {there}, whose execution took {took * 1e3:,.3f} ms")
        for at, what in enumerate(("waited for", "CPU time")):
            told(f"  {what}", [a[at] * 1e3 for a, _ in pairs], [b[at] * 1e3 for _, b in pairs], "ms")


def told(name, ours, theirs, unit):
    """One line: medians, their ratio, and that of the rounds from the worst to the best; above 1 ours is less."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    spread = sorted(b / max(a, 1e-9) for a, b in zip(ours, theirs, strict=True))
    ratio = f"{other / max(mine, 1e-9):8.2f}x ({spread[0]:.2f} to {spread[-1]:.2f})"
    print(f"{name:34} {mine:14,.3f} {other:14,.3f} {unit:8} {ratio}", flush=True)


def memory(ours, theirs, empty, count):
    here = (anonymous_bytes(ours.server.pid) - empty) / count
    there = int(theirs.value("SELECT pg_total_relation_size('t')")) / count
    text = sum(len(record(number)) for number in range(0, count, 97)) / len(range(0, count, 97))
    print(f"\nbytes a record, whose text has {text:.0f}")
    told("  resident / table with its key", [here], [there], "bytes")


def insert(options):
    """CPU time of a TABLE.PUT of a new record."""
    count, costs = max(options.records // 5, 1), {True: [], False: []}
    for _ in range(options.rounds):
        for indexed in (False, True):
            with contextlib.closing(Ours()) as ours:
                ours.load(range(options.records, options.records + 1000))
                if indexed:
                    ours.index()
                commands = [("TABLE.PUT", "t", key_of(number), record(number)) for number in range(count)]
                before = ours.cpu_ns()
                send_all(ours.client, commands)
                costs[indexed].append((ours.cpu_ns() - before) / count)
    print(f"\nCPU time of a TABLE.PUT of a new record, {PIPELINE} in a pipeline, {count:,} of them")
    told("  without / with two indexes", costs[False], costs[True], "ns")


def mix(ours, options):
    """CPU time of nine reads and a write, with indexes, which are there, and without."""
    costs = {True: [], False: []}
    r = random.Random(1)
    for _ in range(options.rounds):
        for indexed in (True, False):
            commands = []
            for n in range(MIX_COMMANDS):
                key = key_of(number := r.randrange(options.records))
                commands.append(("TABLE.GET", "t", key) if n % 10 else ("TABLE.PUT", "t", key, record(number, n)))
            if not indexed:
                ours.drop_indexes()
            # What they held is given back meanwhile.
            time.sleep(1)
            before = ours.cpu_ns()
            send_all(ours.client, commands)
            costs[indexed].append((ours.cpu_ns() - before) / MIX_COMMANDS)
            if not indexed:
                ours.index()
    print(f"\nCPU time of a command: 90% TABLE.GET, 10% TABLE.PUT over records there are, {PIPELINE} in a pipeline")
    told("  without / with two indexes", costs[False], costs[True], "ns")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", default=",".join(PARTS), help="which of them, with commas between")
    parser.add_argument("--binary", default=str(TARGET / "release/ramekin"), help="the server that is measured")
    options = parser.parse_args()
    if not pathlib.Path(options.binary).is_file():
        sys.exit(f"{options.binary} is missing: cargo build --release -p ramekin-cli")
    os.environ["RAMEKIN_BIN"] = str(pathlib.Path(options.binary).resolve())
    parts = options.parts.split(",")
    settings = {"fsync": "on", "full_page_writes": "on", "max_wal_size": "4GB", "shared_buffers": "1GB"}
    print(f"{options.records:,} records, medians of {options.rounds} rounds; the ratio is above 1 where ours is less (worst to best round)")
    print(f"{'':34} {'Ramekin':>14} {'PostgreSQL':>14}", flush=True)
    if "insert" in parts:
        insert(options)
    if not {"memory", "find", "mix"} & set(parts):
        return
    with contextlib.ExitStack() as stack:
        theirs = stack.enter_context(contextlib.closing(Theirs(stack.enter_context(postgres.Postgres(settings)))))
        ours = stack.enter_context(contextlib.closing(Ours()))
        empty = anonymous_bytes(ours.server.pid)
        for start in range(0, options.records, 50_000):
            ours.load(range(start, min(start + 50_000, options.records)))
        theirs.load(range(options.records))
        if "memory" in parts:
            memory(ours, theirs, empty, options.records)
        if "find" in parts:
            find(ours, theirs, options, "without an index")
        ours.index()
        theirs.index()
        if "memory" in parts:
            here = (anonymous_bytes(ours.server.pid) - empty) / options.records
            there = int(theirs.value("SELECT pg_total_relation_size('t')")) / options.records
            told("  both with two indexes", [here], [there], "bytes")
        if "find" in parts:
            find(ours, theirs, options, "with an index")
        if "mix" in parts:
            mix(ours, options)


if __name__ == "__main__":
    main()
