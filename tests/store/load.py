"""A load on a server with a store behind, and the model of what it has acknowledged.

Each worker has keys of its own and sends one command at a time, so the model of a key is exact: what it held after the last
command that was answered, and, if the connection was lost while one was under way, what it would hold after that too. Every
read is checked as it comes, and settles the doubt.
"""

import json
import random
import threading
import time
from collections import deque

from harness.resp import Client, Closed, Fault, Silent

# Errors that say a command was not run: it may be tried later.
NOT_RUN = (b"STOREDOWN", b"STOREFULL", b"LOADING", b"TRYAGAIN", b"OOM")
NO_SUCH_KEY = b"ERR no such key"
TAGS = [b"t%d" % number for number in range(5)]
# A key is not judged this close to the time at which it expires.
EXPIRY_SLACK_S = 0.3


class Wrong(AssertionError):
    """A read that no order of the acknowledged commands explains."""


class Key:
    """What one key may hold: values, of which the first is the likeliest. None: it is not there."""

    def __init__(self, kind):
        self.kind = kind
        self.possible = [None]
        # When it expires, at the earliest and at the latest.
        self.expires = None
        # Those of the possible values that expire at a time that is not known.
        self.fading = []
        # What was done to it last, for whoever has to explain a wrong read.
        self.history = deque(maxlen=8)

    def now(self):
        """The values that a read may see now."""
        if self.expires is None:
            return self.possible
        earliest, latest = self.expires
        clock = time.time()
        if clock > latest + EXPIRY_SLACK_S:
            return [None]
        if clock < earliest - EXPIRY_SLACK_S:
            return self.possible
        return [*self.possible, None]


class Worker(threading.Thread):
    """Sends random commands on its own keys until it is told to stop."""

    def __init__(self, number, server, seed, keys, value_bytes, stop):
        super().__init__(daemon=True, name=f"worker-{number}")
        self.number, self.server, self.stop = number, server, stop
        self.random = random.Random(f"{seed}/{number}")
        self.value_bytes = value_bytes
        self.keys = {}
        for at in range(keys):
            kind = ("string", "string", "list", "hash", "record", "counter", "tagged")[at % 7]
            self.keys[f"w{number}-{kind}-{at}"] = Key(kind)
        self.client = None
        self.failure = None
        self.commands = self.reads = self.lost = 0

    def run(self):
        try:
            while not self.stop.is_set():
                self.step()
        except Exception as error:  # noqa: BLE001 - the test reports whatever it was
            self.failure = error

    def ask(self, *words):
        """The reply; None if the connection was lost, so that the command may have been run or not."""
        deadline = time.monotonic() + 60
        while self.client is None:
            try:
                self.client = Client(self.server.address, timeout=30)
            except (OSError, Closed, Silent):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        try:
            return self.client(*words)
        except (OSError, Closed):
            self.client.close()
            self.client = None
            self.lost += 1
            return None

    def value(self):
        size = self.random.randint(1, self.value_bytes)
        return bytes(self.random.choices(b"abcdefghijklmnopqrstuvwxyz", k=16)) * (size // 16 + 1)

    def step(self):
        name = self.random.choice(list(self.keys))
        key = self.keys[name]
        if self.random.random() < 0.4 or len(key.possible) > 1:
            return self.check(name)
        held = key.now()
        if len(held) > 1:
            # It is about to expire.
            return None
        getattr(self, key.kind)(name, key, held[0])
        self.commands += 1
        return None

    def change(self, key, words, after, expires_s=None):
        """Sends a command that leaves `after` if it is run."""
        begun = time.time()
        before = key.now()[0]
        reply = self.ask(*words)
        ended = time.time()
        if isinstance(reply, Fault):
            if reply.startswith(NOT_RUN) or key.kind == "tagged" and before is None and reply == NO_SUCH_KEY:
                return
            raise Wrong(f"{words[:2]}: {reply!r}")
        replaces = words[0] in ("SET", "DEL", "TABLE.PUT", "TABLE.DEL") or before is None
        key.history.append((round(begun, 3), words[0], shorten(after), expires_s, reply is not None))
        if reply is None:
            key.possible = [after, before]
            if expires_s is not None or replaces and key.expires:
                # It has the one expiry, the other, or none.
                key.fading = [after] * (expires_s is not None) + [before] * (key.expires is not None)
                key.possible, key.expires = [after, before, None], None
            return
        key.possible, key.fading = [after], []
        if expires_s is not None:
            key.expires = (begun + expires_s, ended + expires_s)
        elif replaces:
            key.expires = None

    def string(self, name, key, held):
        pick = self.random.random()
        value = self.value()
        if pick < 0.5:
            self.change(key, ("SET", name, value), value)
        elif pick < 0.6:
            self.change(key, ("SET", name, value, "PX", 1500), value, 1.5)
        elif pick < 0.8:
            self.change(key, ("APPEND", name, b"+"), (held or b"") + b"+")
        else:
            self.change(key, ("DEL", name), None)

    def counter(self, name, key, held):
        if self.random.random() < 0.9:
            self.change(key, ("INCR", name), b"%d" % (int(held or 0) + 1))
        else:
            self.change(key, ("DEL", name), None)

    def list(self, name, key, held):
        held = held or []
        pick = self.random.random()
        if pick < 0.6 and len(held) < 30:
            value = self.value()[:60]
            self.change(key, ("RPUSH", name, value), [*held, value])
        elif pick < 0.9:
            self.change(key, ("LPOP", name), held[1:] or None)
        else:
            self.change(key, ("DEL", name), None)

    def hash(self, name, key, held):
        held = dict(held or {})
        field = b"f%d" % self.random.randrange(8)
        if self.random.random() < 0.7:
            held[field] = self.value()[:60]
            self.change(key, ("HSET", name, field, held[field]), held)
        else:
            held.pop(field, None)
            self.change(key, ("HDEL", name, field), held or None)

    def record(self, name, key, held):
        table, record = f"t{self.number}", {"n": self.random.randrange(10**6), "text": self.value().decode()}
        if self.random.random() < 0.05:
            # PostgreSQL takes no such text.
            record["text"] = "a\u0000b"
        if self.random.random() < 0.85:
            self.change(key, ("TABLE.PUT", table, name, json.dumps(record)), record)
        else:
            self.change(key, ("TABLE.DEL", table, name), None)

    def tagged(self, name, key, held):
        """Of this kind it counts which tags a key has; one without any may be there or not."""
        pick = self.random.random()
        if pick < 0.6:
            tags = self.random.sample(TAGS, self.random.randint(0, 3))
            self.change(key, ("TAG.SET", name, *tags), sorted(tags) or None)
        elif pick < 0.8 or held is None:
            self.change(key, ("SET", name, self.value()[:60]), held)
        else:
            self.change(key, ("DEL", name), None)

    def check(self, name):
        """Reads a key and judges what it holds; False if it could not be read."""
        key = self.keys[name]
        before = key.now()
        held = self.read(name, key)
        if held is NotImplemented:
            return False
        self.reads += 1
        allowed = [*before, *key.now()]
        if held not in allowed:
            allowed = [shorten(value) for value in allowed]
            raise Wrong(f"{name} holds {shorten(held)}, and not {allowed}, at {time.time():.3f} after {list(key.history)}")
        if key.expires is None or len(key.possible) > 1:
            if held is not None and held in key.fading:
                key.possible, key.fading = [held, None], [held]
            elif held in key.possible:
                key.possible, key.fading = [held], []
            if held is None:
                key.expires = None
        return True

    def read(self, name, key):
        words = {
            "string": ("GET", name),
            "counter": ("GET", name),
            "list": ("LRANGE", name, 0, -1),
            "hash": ("HGETALL", name),
            "record": ("TABLE.GET", f"t{self.number}", name),
            "tagged": ("TAG.OF", name),
        }[key.kind]
        reply = self.ask(*words)
        if reply is None and self.client is None:
            return NotImplemented
        if isinstance(reply, Fault):
            if reply.startswith(NOT_RUN):
                return NotImplemented
            raise Wrong(f"{words}: {reply!r}")
        if not reply:
            return None
        if key.kind in ("list", "tagged"):
            return [bytes(item) for item in reply]
        if key.kind == "hash":
            items = [bytes(item) for item in reply]
            return dict(zip(items[::2], items[1::2], strict=True))
        if key.kind == "record":
            return json.loads(bytes(reply))
        return bytes(reply)


def shorten(value):
    text = repr(value)
    return text if len(text) < 200 else f"{text[:150]}… ({len(text)})"


class Load:
    """Several workers at once."""

    def __init__(self, server, seed, workers=4, keys=300, value_bytes=600):
        self.stop = threading.Event()
        self.workers = [Worker(n, server, seed, keys, value_bytes, self.stop) for n in range(workers)]

    def start(self):
        for worker in self.workers:
            worker.start()

    def end(self):
        """Stops, and raises what a worker found."""
        self.stop.set()
        for worker in self.workers:
            worker.join(90)
            assert not worker.is_alive(), f"{worker.name} hangs"
        self.raise_failures()

    def raise_failures(self):
        for worker in self.workers:
            if worker.failure:
                raise worker.failure

    def check_all(self, within_s=60):
        """Reads every key; what cannot be read yet is read again."""
        for worker in self.workers:
            worker.client = None
            left, deadline = list(worker.keys), time.monotonic() + within_s
            while left:
                left = [name for name in left if not worker.check(name)]
                assert time.monotonic() < deadline, f"{len(left)} keys cannot be read"
                if left:
                    time.sleep(0.1)

    def check_tags(self):
        """Asks for keys by their tags, once each key has been read."""
        wanted = {}
        for name, key in ((name, key) for worker in self.workers for name, key in worker.keys.items()):
            for tag in key.possible[0] or () if key.kind == "tagged" else ():
                wanted.setdefault(tag, []).append(name.encode())
        with Client(self.workers[0].server.address) as client:
            for tag in TAGS:
                assert client("TAG.KEYS", "ANY", tag) == sorted(wanted.get(tag, [])), tag
            listed = client("TAG.LIST", "WITHCOUNTS")
        assert dict(zip(listed[::2], listed[1::2], strict=True)) == {tag: len(names) for tag, names in wanted.items()}

    def is_bad(self, worker, name):
        """Whether the store has refused what the key holds."""
        held = worker.keys[name].now()[0]
        return isinstance(held, dict) and "\u0000" in str(held.get("text", ""))
