"""Runs one sequence of commands on two servers and says where they first differ.

The reply of each command is compared, then the dataset that the sequence leaves. A sequence that differs is shrunk to the
shortest that still does. What shows only once and not again is counted apart: a clock ticked between two commands.
"""

import dataclasses
import random

from differential.normal import normal, number_or_text, shown
from harness.resp import Client, Closed, Fault, Silent, Status, as_line, encode, token

DATABASES = 3
CLOSED = Status(b"(the connection is closed)")
SILENT = Status(b"(no reply)")


@dataclasses.dataclass
class Difference:
    """Where two servers differ: the index of the command (or None for the dataset), what was expected and what came."""

    commands: list
    protocol: int
    at: int | None
    what: str
    expected: object
    got: object
    chunks: int | None = None

    @property
    def kind(self):
        """Differences of one kind most likely have one cause."""
        if self.at is None:
            return ("dataset", self.what.split(" ")[0])
        words = [token(w).upper().decode("latin1") for w in self.commands[self.at][:2]]
        name = (
            " ".join(words)
            if words[0] in ("CLIENT", "CONFIG", "COMMAND", "DEBUG", "OBJECT", "SLOWLOG", "SHUTDOWN")
            else words[0]
        )
        return (name, type(self.expected).__name__, type(self.got).__name__, message(self.expected), message(self.got))

    def text(self):
        """The sequence as lines for redis-cli, and both replies."""
        lines = [
            f"protocol {self.protocol}" + (f", sent in pieces (seed {self.chunks})" if self.chunks is not None else "")
        ]
        for i, command in enumerate(self.commands):
            lines.append(f"{'>' if i == self.at else ' '} {as_line(command)}")
        lines += [f"  at: {self.what}", f"  expected: {shown(self.expected)}", f"  got:      {shown(self.got)}"]
        return "\n".join(lines)


def message(reply):
    """The text of an error, without quoted parts; else nothing."""
    return bytes(reply).split(b"'")[0] if isinstance(reply, Fault) else b""


def clean(server):
    """Empties a server."""
    with server.client() as client:
        client("FLUSHALL")


def run(server, commands, protocol, chunks=None):
    """The replies of the commands on a fresh connection to an empty server. `chunks` seeds how the bytes are cut."""
    clean(server)
    replies = []
    client = Client(server.address, protocol, timeout=15)
    try:
        data = b"".join(encode(command) for command in commands)
        if chunks is None:
            client.raw(data)
        else:
            r = random.Random(chunks)
            while data:
                size = r.choice([1, 7, 40, 300, 3000])
                client.raw(data[:size])
                data = data[size:]
        for command in commands:
            reply = client.read()
            client._note(command, reply)
            replies.append(reply)
    except (Closed, OSError):
        replies += [CLOSED] * (len(commands) - len(replies))
    except Silent:
        replies += [SILENT] * (len(commands) - len(replies))
    finally:
        client.close()
    return replies


def queues(commands, replies):
    """For each command the commands that were queued before it, by the replies that a server gave."""
    queued, out = [], []
    for command, reply in zip(commands, replies):
        out.append(list(queued))
        name = token(command[0]).upper()
        if isinstance(reply, Status) and reply == b"QUEUED":
            queued.append(command)
        elif name in (b"EXEC", b"DISCARD", b"RESET", b"MULTI") and not (name == b"MULTI" and isinstance(reply, Fault)):
            queued = []
    return out


def encoding(commands, key, reply):
    """The encoding of a value, as far as it is compared. Beside a long key Valkey embeds only shorter strings."""
    if reply == b"raw" and len(key) > 20:
        return b"embstr"
    return b"listpack" if reply == b"quicklist" else number_or_text(commands, reply)


def dataset(server, commands=()):
    """Everything that can be read: for each key its type, encoding, value, expiry and the expiry of its fields."""
    found = {}
    with server.client() as client:
        for db in range(DATABASES):
            assert client("SELECT", db) == b"OK"
            for key in sorted(client("KEYS", "*")):
                kind = bytes(client("TYPE", key)).decode()
                read = {"string": ("GET", key), "list": ("LRANGE", key, 0, -1), "hash": ("HGETALL", key)}.get(kind)
                item = {
                    "type": kind,
                    "encoding": encoding(commands, key, client("OBJECT", "ENCODING", key)),
                    "expiry": client("PEXPIRETIME", key),
                    "value": client(*read) if read else None,
                }
                if kind == "hash":
                    names = sorted(item["value"][::2])
                    item["fields expiry"] = client("HPEXPIRETIME", key, "FIELDS", len(names), *names) if names else []
                found[(db, key)] = item
    return found


READERS = {"value": (b"HGETALL", b"k"), "expiry": (b"PEXPIRETIME", b"k"), "fields expiry": (b"HPEXPIRETIME", b"k")}


def dataset_difference(expected, got):
    """The first difference of two datasets as (what, expected, got), or None."""
    for where in sorted(set(expected) | set(got)):
        a, b = expected.get(where), got.get(where)
        if a is None or b is None:
            return f"existence of {as_line(where[1:])} in db {where[0]}", a and a["type"], b and b["type"]
        for aspect in a:
            reader = (
                READERS.get(aspect, (b"GET", b"k")) if a["type"] == "hash" or aspect == "expiry" else (b"GET", b"k")
            )
            if (
                normal(reader, a[aspect]) != normal(reader, b.get(aspect))
                if aspect != "type"
                else a[aspect] != b[aspect]
            ):
                return f"{aspect} of {as_line(where[1:])} in db {where[0]}", a[aspect], b.get(aspect)
    return None


def compare(reference, subject, commands, protocol, chunks=None):
    """The first difference between the servers over the sequence, or None."""
    expected = [number_or_text(commands, reply) for reply in run(reference, commands, protocol)]
    got = [number_or_text(commands, reply) for reply in run(subject, commands, protocol, chunks)]
    for i, (command, want, have, queued) in enumerate(zip(commands, expected, got, queues(commands, expected))):
        if normal(command, want, queued) != normal(command, have, queued):
            return Difference(commands, protocol, i, as_line(command), want, have, chunks)
    different = dataset_difference(dataset(reference, commands), dataset(subject, commands))
    return Difference(commands, protocol, None, *different, chunks) if different else None


def confirmed(reference, subject, commands, protocol, chunks=None):
    """As `compare`, but only a difference that shows three times in a row."""
    found = None
    for _ in range(3):
        found = compare(reference, subject, commands, protocol, chunks)
        if found is None:
            return None
    return found


def shrunk(reference, subject, difference):
    """The shortest sequence found that shows a difference of the same kind."""
    best = difference
    if best.at is not None:
        best = dataclasses.replace(best, commands=best.commands[: best.at + 1])

    def attempt(commands):
        found = compare(reference, subject, commands, best.protocol, best.chunks)
        return found if found and found.kind == best.kind else None

    size = max(1, len(best.commands) // 2)
    while True:
        start, progress = 0, False
        while start < len(best.commands):
            candidate = best.commands[:start] + best.commands[start + size :]
            found = attempt(candidate) if candidate else None
            if found:
                best, progress = found, True
            else:
                start += size
        if size == 1 and not progress:
            break
        size = max(1, size // 2)
    return shortened(best, attempt)


def shortened(best, attempt):
    """The sequence with long values cut where the difference stays."""
    for i in range(len(best.commands)):
        for j, arg in enumerate(best.commands[i]):
            if isinstance(arg, bytes) and len(arg) > 8:
                candidate = [list(command) for command in best.commands]
                candidate[i][j] = arg[:1]
                best = attempt(candidate) or best
    return best
