"""Clients that write under load and know, after a crash, exactly what may be there.

Each writer owns its keys and sends its operations in order, so the state of its keys has to be that after some number of
its operations, not fewer than were acknowledged and not more than were sent. Transactions count as one operation.
"""

import random
import threading

from harness.resp import NIL, Closed, Fault, Silent, encode

FAR_MS = 4102444800000


def kept(kind, appendfsync):
    """The durability under which a server promises that kill -9 loses nothing acknowledged. Ramekin does in every mode;
    Valkey holds writes back while an fsync runs, and promises it for `always` alone."""
    return "always" if kind == "valkey" else appendfsync


class Writer:
    """One connection's operations, generated from a seed, and the plain model of what they leave."""

    def __init__(self, name, seed, batch, value_bytes_max=200):
        self.name = name
        self.r = random.Random(f"{seed}/{name}")
        self.batch = batch
        self.value_bytes_max = value_bytes_max
        self.operations = []
        self.acknowledged = 0
        self.refused = None
        self.state = {}
        self.reached = 0

    def key(self, suffix):
        return f"{self.name}:{suffix}".encode()

    def operation(self, number):
        """The next operation as a list of commands (more than one is a transaction)."""
        r = self.r
        value = b"%d:" % number + bytes([97 + number % 26]) * r.randrange(self.value_bytes_max)
        s, n, l, h = (self.key(f"{kind}{r.randrange(3)}") for kind in "snlh")
        return r.choice(
            [
                [("SET", s, value)],
                [("SET", s, value)],
                [("INCR", n)],
                [("APPEND", s, value)],
                [("RPUSH", l, value, b"x")],
                [("LPUSH", l, value)],
                [("LPOP", l)],
                [("LTRIM", l, 0, 20)],
                [("HSET", h, b"f%d" % r.randrange(4), value)],
                [("HDEL", h, b"f%d" % r.randrange(4))],
                [("HINCRBY", h, b"count", 3)],
                [("DEL", s, l)],
                [("PEXPIREAT", s, FAR_MS + number)],
                [("PERSIST", s)],
                [("RENAME", n, self.key("renamed"))],
                [("COPY", s, self.key("copied"), "REPLACE")],
                [
                    ("SET", self.key("m1"), value),
                    ("SET", self.key("m2"), value),
                    ("RPUSH", self.key("m3"), value),
                    ("LTRIM", self.key("m3"), -5, -1),
                ],
                [("INCR", self.key("m4")), ("INCR", self.key("m5")), ("HSET", self.key("m6"), b"at", value)],
            ]
        )

    def run(self, server, stop):
        """Sends batches until told to stop or cut off. An error reply ends the run and is kept in `refused`."""
        try:
            with server.client(timeout=30) as client:
                while not stop.is_set():
                    self.send_batch(client)
        except (Closed, Silent, OSError):
            pass

    def send_batch(self, client):
        """One batch: everything is sent, then the replies are counted."""
        batch = []
        for _ in range(self.batch):
            batch.append(self.operation(len(self.operations)))
            self.operations.append(batch[-1])
        wire = []
        for operation in batch:
            wire += [("MULTI",), *operation, ("EXEC",)] if len(operation) > 1 else operation
        client.raw(b"".join(encode(command) for command in wire))
        for operation in batch:
            for _ in range(len(operation) + 2 if len(operation) > 1 else 1):
                reply = client.read()
            self.expect(operation, reply)
            self.acknowledged += 1

    def expect(self, operation, reply):
        """An error that the operation does not explain."""
        if isinstance(reply, Fault) and not reply.startswith(b"ERR no such key"):
            raise AssertionError(f"{operation} -> {reply!r}")

    def check(self, found):
        """The number of operations whose effect is there; raises if none explains it. Work goes on from that state."""
        reached, state = self.reached, self.state
        candidates = {}
        while True:
            if reached >= self.acknowledged:
                candidates[reached] = {key: value for key, value in state.items()}
                if candidates[reached] == found:
                    self.state, self.reached, self.acknowledged = state, reached, reached
                    del self.operations[reached:]
                    return reached
            if reached == len(self.operations):
                break
            state = apply(state, self.operations[reached])
            reached += 1
        nearest = candidates[min(candidates)]
        wrong = {
            key: (nearest.get(key), found.get(key))
            for key in set(nearest) | set(found)
            if nearest.get(key) != found.get(key)
        }
        raise AssertionError(
            f"{self.name}: {self.acknowledged} of {len(self.operations)} operations acknowledged, and no state from there on explains "
            f"what is there; against the state acknowledged (expected, found): {short(wrong)}"
        )


def short(wrong, most=1500):
    """A readable cut of what differs."""
    text = repr(wrong)
    return text if len(text) < most else text[:most] + "…"


def apply(state, operation):
    """The state after an operation: key -> (value, expiry)."""
    state = dict(state)
    for name, *args in operation:
        _apply(state, name, args)
    return state


def _apply(state, name, args):
    key, rest = args[0], args[1:]
    value, expiry = state.get(key, (None, -1))
    if name == "SET":
        value, expiry = rest[0], -1
    elif name == "APPEND":
        value = (value or b"") + rest[0]
    elif name == "INCR":
        value = b"%d" % (int(value or 0) + 1)
    elif name == "RPUSH":
        value = (value or ()) + tuple(rest)
    elif name == "LPUSH":
        value = tuple(reversed(rest)) + (value or ())
    elif name == "LPOP":
        value = (value or ())[1:]
    elif name == "LTRIM":
        low, high = rest
        value = (value or ())[low:] if high == -1 else (value or ())[low : high + 1]
    elif name == "HSET":
        value = tuple(sorted({**dict(value or ()), rest[0]: rest[1]}.items()))
    elif name == "HDEL":
        value = tuple(item for item in (value or ()) if item[0] != rest[0])
    elif name == "HINCRBY":
        fields = dict(value or ())
        value = tuple(sorted({**fields, rest[0]: b"%d" % (int(fields.get(rest[0], 0)) + rest[1])}.items()))
    elif name == "DEL":
        for gone in args:
            state.pop(gone, None)
        return
    elif name == "PEXPIREAT":
        expiry = rest[0]
    elif name == "PERSIST":
        expiry = -1
    elif name in ("RENAME", "COPY"):
        if key in state:
            state[rest[0]] = state[key]
            if name == "RENAME":
                del state[key]
        return
    else:
        raise AssertionError(name)
    if value is None or value == ():
        state.pop(key, None)
    else:
        state[key] = (value, expiry)


def read_all(client):
    """Everything on the server as key -> (value, expiry)."""
    cursor, keys = b"0", set()
    while True:
        cursor, some = client("SCAN", cursor, "COUNT", 1000)
        keys.update(some)
        if cursor == b"0":
            break
    keys = sorted(keys)
    found = {}
    types = client.pipeline([("TYPE", key) for key in keys])
    readers = {
        b"string": lambda k: ("GET", k),
        b"list": lambda k: ("LRANGE", k, 0, -1),
        b"hash": lambda k: ("HGETALL", k),
    }
    values = client.pipeline([readers[bytes(kind)](key) for key, kind in zip(keys, types)])
    expiries = client.pipeline([("PEXPIRETIME", key) for key in keys])
    for key, kind, value, expiry in zip(keys, types, values, expiries):
        if kind == b"list":
            value = tuple(value)
        elif kind == b"hash":
            value = tuple(sorted(zip(value[::2], value[1::2])))
        assert value is not NIL, key
        found[key] = (value, expiry)
    return found


class Load:
    """Several writers at once, in threads."""

    def __init__(self, seed, writers=6, batches=(1, 1, 4, 16, 16, 64), value_bytes_max=200):
        self.writers = [Writer(f"w{i}", seed, batches[i % len(batches)], value_bytes_max) for i in range(writers)]

    def run(self, server, seconds, then):
        """Writes for that long and until something is acknowledged, calls `then` meanwhile, and waits for the writers to end."""
        stop, failures, before = threading.Event(), [], self.acknowledged

        def work(writer):
            try:
                writer.run(server, stop)
            except AssertionError as failure:
                failures.append(failure)

        threads = [threading.Thread(target=work, args=(writer,), daemon=True) for writer in self.writers]
        for thread in threads:
            thread.start()
        try:
            stop.wait(seconds)
            # On a busy machine that may have been too short for anything.
            while self.acknowledged == before and not failures and any(thread.is_alive() for thread in threads):
                stop.wait(0.01)
            then()
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        if failures:
            raise failures[0]

    def check(self, server):
        """Every writer finds its acknowledged operations; gives how many are there in all."""
        with server.client() as client:
            found = read_all(client)
        total = 0
        for writer in self.writers:
            mine = {key: value for key, value in found.items() if key.startswith(writer.name.encode() + b":")}
            total += writer.check(mine)
        return total

    @property
    def acknowledged(self):
        return sum(writer.acknowledged for writer in self.writers)
