"""Many clients in flight at once from one observer: sends a random operation on each idle connection, then takes what
comes back in the order it comes. The observer's counter is the time of the history."""

import dataclasses
import select

from harness.resp import NULL, Closed, Silent, encode
from linearizability import models
from linearizability.checker import Operation


@dataclasses.dataclass
class Kind:
    """A kind of object: its model, its initial state, the operations drawn and how they are sent."""

    name: str
    model: object
    initial: object
    draw: object
    wire: object


def small(r):
    """A value that is a number half of the time, and nearly unique."""
    return b"%d" % r.randrange(1000)


def draw_string(r):
    """An operation on a string."""
    return r.choice(
        [
            ("GET",),
            ("GET",),
            ("GET",),
            ("SET", small(r)),
            ("SET", small(r)),
            ("INCR",),
            ("INCR",),
            ("APPEND", b"%d" % r.randrange(10)),
            ("SETNX", small(r)),
            ("GETSET", small(r)),
            ("GETDEL",),
            ("DEL",),
            ("CAS", small(r), small(r)),
        ]
    )


def wire_string(key, op):
    """How an operation on a string is sent."""
    if op[0] == "CAS":
        return [["SET", key, op[2], "IFEQ", op[1]]]
    return [[op[0], key, *op[1:]]]


def draw_list(r):
    """An operation on a list."""
    return r.choice([("LPUSH", small(r)), ("RPUSH", small(r)), ("LPOP",), ("RPOP",), ("LPOP",), ("LLEN",), ("LRANGE",)])


def wire_list(key, op):
    """How an operation on a list is sent."""
    return [["LRANGE", key, 0, -1]] if op[0] == "LRANGE" else [[op[0], key, *op[1:]]]


def draw_hash(r):
    """An operation on a hash of two fields."""
    field = r.choice([b"f", b"g"])
    return r.choice(
        [
            ("HGET", field),
            ("HGET", field),
            ("HSET", field, small(r)),
            ("HINCRBY", field, r.randrange(1, 5)),
            ("HDEL", field),
        ]
    )


def wire_plain(key, op):
    """How an operation is sent whose key stands first."""
    return [[op[0], key, *op[1:]]]


def draw_pair(r):
    """An operation on two keys."""
    return r.choice(
        [
            ("MULTI SET", small(r)),
            ("MULTI INCR",),
            ("MULTI GET",),
            ("MSET", small(r)),
            ("MGET",),
            ("MGET",),
            ("DEL",),
            ("RENAME",),
        ]
    )


def wire_pair(key, op):
    """How an operation on two keys is sent: transactions as one write."""
    a, b = key + b":a", key + b":b"
    inner = {
        "MULTI SET": [["SET", a, *op[1:]], ["SET", b, *op[1:]]],
        "MULTI INCR": [["INCR", a], ["INCR", b]],
        "MULTI GET": [["GET", a], ["GET", b]],
    }
    if op[0] in inner:
        return [["MULTI"], *inner[op[0]], ["EXEC"]]
    return [
        {
            "MSET": ["MSET", a, *op[1:], b, *op[1:]],
            "MGET": ["MGET", a, b],
            "DEL": ["DEL", a, b],
            "RENAME": ["RENAME", a, b],
        }[op[0]]
    ]


KINDS = [
    Kind("string", models.string, None, draw_string, wire_string),
    Kind("list", models.list_, (), draw_list, wire_list),
    Kind("hash", models.hash_, (), draw_hash, wire_plain),
    Kind("pair", models.pair, (None, None), draw_pair, wire_pair),
]


class Observer:
    """Drives connections and keeps the history of each object."""

    def __init__(self, r, objects):
        self.r = r
        self.objects = objects
        self.history = {key: [] for key, _ in objects}
        self.now = 0

    def tick(self):
        """The next moment."""
        self.now += 1
        return self.now

    def run(self, connections, operations, stop=None):
        """Sends that many operations over the connections; ends early, with operations left open, when they close."""
        poller, owners, flying = select.poll(), {}, {}
        for number, connection in enumerate(connections):
            poller.register(connection.socket, select.POLLIN)
            owners[connection.socket.fileno()] = number
        idle, left = list(range(len(connections))), operations
        while left or flying:
            if stop and stop(self):
                return
            self.r.shuffle(idle)
            while idle and left:
                number, left = idle.pop(), left - 1
                key, kind = self.r.choice(self.objects)
                command = kind.draw(self.r)
                sent = kind.wire(key, command)
                operation = Operation(number, command, self.tick())
                self.history[key].append(operation)
                flying[number] = (operation, len(sent))
                try:
                    connections[number].raw(b"".join(encode(words) for words in sent))
                except OSError:
                    return
            for fileno, _ in poller.poll(20_000) or self.silent(flying):
                number = owners[fileno]
                operation, replies = flying[number]
                try:
                    for _ in range(replies):
                        reply = connections[number].read()
                except (Closed, OSError):
                    return
                operation.reply = reply if reply is not NULL else None
                operation.returned = self.tick()
                del flying[number]
                idle.append(number)

    def silent(self, flying):
        """Raises when nothing answers."""
        raise Silent("no reply in 20 s to: " + "; ".join(str(operation) for operation, _ in flying.values()))
