"""How long one client waits while another works with a value of a gigabyte, Ramekin beside Valkey.

One connection writes, copies, reads, renames, saves and deletes one large list, hash and string; another, in a process of its own,
sends GETs of a small key one after the other and takes down the longest wait of each phase. What a phase of doing
nothing shows is the noise of the machine.
"""

import argparse
import multiprocessing
import os
import pathlib
import socket
import sys
import tempfile
import time

import servers

ELEMENT = b"x" * 100
BATCH = 500
PART = 1 << 20
PROBE = b"*2\r\n$3\r\nGET\r\n$5\r\nprobe\r\n"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1024, help="size of the value (1024)")
    parser.add_argument("--kinds", default="list,hash,string", help="which of list, hash, string")
    parser.add_argument("--ramekin", help="the binary (target/quick/ramekin)")
    parser.add_argument("--valkey", help="valkey-server (VALKEY_SERVER, target/venv, PATH)")
    parser.add_argument("--only", choices=["ramekin", "valkey"], help="just this server")
    parser.add_argument("--data", help="folder for the servers' data (the system's for temporary files)")
    return parser.parse_args()


class Connection:
    """Sends commands and reads replies without keeping them."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb", buffering=1 << 20)

    def send(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self.socket.sendall(b"".join(parts))

    def reply(self):
        """Reads one reply; says what it was if it is short, and how long if it is a string or an array."""
        line = self.stream.readline().rstrip()
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise servers.Failed(f"the server answered {line.decode()}")
        if kind == b"$" and int(rest) >= 0:
            left = int(rest) + 2
            while left > 0:
                left -= len(self.stream.read(min(left, 1 << 20)))
        elif kind in (b"*", b"%") and int(rest) > 0:
            for _ in range(int(rest) * (2 if kind == b"%" else 1)):
                self.reply()
        return rest

    def call(self, *words):
        self.send(*words)
        return self.reply()


def probe(port, pipe):
    """Waits for GET after GET; tells the waits of a phase whenever it is asked."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waits = []
    while True:
        if pipe.poll():
            if pipe.recv() is None:
                return
            pipe.send(waits)
            waits = []
        begun = time.perf_counter()
        connection.sendall(PROBE)
        while not connection.recv(64).endswith(b"\r\n"):
            pass
        waits.append(time.perf_counter() - begun)
        time.sleep(0.0002)


def write(connection, kind, key, total):
    if kind == "string":
        for _ in range(0, total, PART):
            connection.call("APPEND", key, b"x" * PART)
        return
    name = {"list": "RPUSH", "hash": "HSET"}[kind]
    for first in range(0, total // 100, BATCH):
        words = [name, key]
        for number in range(first, first + BATCH):
            words += [b"%016d" % number, ELEMENT[16:]] if kind == "hash" else [ELEMENT]
        connection.call(*words)


def save(connection):
    before = connection.call("LASTSAVE")
    # LASTSAVE counts seconds.
    time.sleep(1.1)
    connection.call("BGSAVE")
    deadline = time.monotonic() + 120
    while connection.call("LASTSAVE") == before and time.monotonic() < deadline:
        time.sleep(0.05)


READ = {"list": ("LRANGE", "big", 0, -1), "hash": ("HGETALL", "big"), "string": ("GET", "big")}


def phases(connection, kind, total):
    yield "nothing", lambda: time.sleep(1)
    yield "write", lambda: write(connection, kind, "big", total)
    if kind == "string":
        yield "SET 256 MB", lambda: connection.call("SET", "other", b"x" * min(total, 256 << 20))
        yield "GETRANGE, SETRANGE", lambda: [
            (connection.call("GETRANGE", "big", at, at + 99), connection.call("SETRANGE", "big", at, b"y" * 100))
            for at in range(0, total, total // 100)
        ]
    yield "save", lambda: save(connection)
    yield "COPY", lambda: connection.call("COPY", "big", "copy")
    yield "read all", lambda: connection.call(*READ[kind])
    yield "RENAME", lambda: connection.call("RENAME", "copy", "renamed")
    yield "DEL", lambda: (connection.call("DEL", "big"), time.sleep(1.5))
    yield "SET over it", lambda: (connection.call("SET", "renamed", "short"), time.sleep(1.5))


def measure(contender, kind, total, data):
    directives = {"proto-max-bulk-len": 2 << 30, "appendonly": "yes", "appendfsync": "everysec"}
    with servers.running(contender, 0, data, directives) as server:
        for thread in os.listdir(f"/proc/{server.pid}/task"):
            os.sched_setaffinity(int(thread), range(os.cpu_count()))
        connection = Connection(server.port)
        connection.call("SET", "probe", "value")
        pipe, theirs = multiprocessing.Pipe()
        prober = multiprocessing.Process(target=probe, args=(server.port, theirs), daemon=True)
        prober.start()
        try:
            for name, act in phases(connection, kind, total):
                time.sleep(0.3)
                pipe.send("begin")
                pipe.recv()
                begun = time.perf_counter()
                try:
                    act()
                except servers.Failed as failure:
                    print(f"{contender.name}, {kind}, {name}: {failure}", file=sys.stderr)
                seconds = time.perf_counter() - begun
                time.sleep(0.3)
                pipe.send("end")
                yield name, seconds, max(pipe.recv())
        finally:
            pipe.send(None)
            prober.join(10)


def main():
    options = arguments()
    found = []
    if options.only != "valkey":
        binary = options.ramekin or servers.TARGET / "quick" / "ramekin"
        found.append(servers.Contender("Ramekin", "ramekin", servers.existing(binary, "ramekin")))
    if options.only != "ramekin":
        jemalloc = servers.find_jemalloc()
        preload = (pathlib.Path(jemalloc),) if jemalloc else ()
        found.append(servers.Contender("Valkey", "valkey", servers.find_valkey(options.valkey), preload))
    print(f"longest GET of another client, ms (how long the work took, s); {options.megabytes} MB")
    for kind in options.kinds.split(","):
        results = {}
        with tempfile.TemporaryDirectory(dir=options.data) as data:
            for contender in found:
                for name, seconds, longest in measure(contender, kind, options.megabytes << 20, data):
                    results.setdefault(name, {})[contender.name] = f"{longest * 1e3:10.1f} ({seconds:5.1f})"
        print(f"\n{kind:20}" + "".join(f"{contender.name:>20}" for contender in found))
        for name, row in results.items():
            print(f"{name:20}" + "".join(f"{row.get(contender.name, '-'):>20}" for contender in found), flush=True)


if __name__ == "__main__":
    try:
        main()
    except servers.Failed as failure:
        sys.exit(f"bench/stalls: {failure}")
