"""What may differ between two correct servers, command by command; all else has to be equal to the byte.

Order where none is promised, clocks within a tolerance, chance, and what names the server itself. Errors are text:
bytes in them that are not UTF-8 may be replaced, and Valkey cuts what it quotes at a zero byte. Whether a list is packed,
and whether the integer that a float came to is kept as one.
"""

import re

from harness.resp import Double, Fault, Map, Null, Push, Set, Status, Verbatim, exact, token

TOLERANCE = {
    b"TTL": 1,
    b"PTTL": 500,
    b"EXPIRETIME": 1,
    b"PEXPIRETIME": 500,
    b"HTTL": 1,
    b"HPTTL": 500,
    b"HEXPIRETIME": 1,
    b"HPEXPIRETIME": 500,
    b"OBJECT": 1,
}
UNORDERED = {b"KEYS", b"HKEYS", b"HVALS"}
# A list that was dumped tells where its nodes end, a long string how well it was compressed.
ONLY_SHAPE = {b"DUMP", b"RANDOMKEY", b"TIME", b"LASTSAVE", b"INFO", b"LOLWUT", b"WAITAOF"}
SHAPE_OF_SUB = {
    (b"CLIENT", b"ID"),
    (b"CLIENT", b"LIST"),
    (b"CLIENT", b"INFO"),
    (b"DEBUG", b"OBJECT"),
    (b"DEBUG", b"JMAP"),
    (b"SLOWLOG", b"GET"),
    (b"SLOWLOG", b"LEN"),
    (b"COMMAND", b"COUNT"),
    (b"CLIENT", b"HELP"),
    (b"DEBUG", b"HELP"),
}


class Near:
    """A number that may be off by a tolerance; equality is asked by `same`."""

    def __init__(self, number, tolerance):
        self.number = number
        self.tolerance = tolerance

    def __eq__(self, other):
        return isinstance(other, Near) and abs(self.number - other.number) <= self.tolerance

    def __hash__(self):
        return 0

    def __repr__(self):
        return f"about {self.number}"


def near(reply, tolerance):
    """The reply with its positive integers made comparable within the tolerance."""
    if isinstance(reply, bool) or not isinstance(reply, (int, list)):
        return exact(reply)
    if isinstance(reply, list):
        return (type(reply).__name__, tuple(near(item, tolerance) for item in reply))
    return Near(reply, tolerance) if reply > 0 else exact(reply)


def shape(reply):
    """Only the type of a reply."""
    return ("shape", "%" if isinstance(reply, Map) else type(reply).__name__)


def sorted_items(reply):
    """The items in an order of our own."""
    return (type(reply).__name__, tuple(sorted((exact(item) for item in reply), key=repr)))


def sorted_pairs(reply):
    """A flat list of pairs, or a map, in an order of our own."""
    if isinstance(reply, Map):
        return ("%", tuple(sorted(((exact(k), exact(v)) for k, v in reply), key=repr)))
    if reply and isinstance(reply[0], list):
        return sorted_items(reply)
    return ("pairs", tuple(sorted(((exact(k), exact(v)) for k, v in zip(reply[::2], reply[1::2])), key=repr)))


def random_fields(command, reply):
    """HRANDFIELD: equal where it returns all; else the number of items and their types."""
    if not isinstance(reply, list):
        return shape(reply)
    if len(command) > 2 and command[2] == b"100":
        return sorted_pairs(reply) if len(command) > 3 else sorted_items(reply)
    return ("some", len(reply), tuple(type(item).__name__ for item in reply))


def scanned(command, reply):
    """SCAN and HSCAN of everything at once."""
    flags = [arg.upper() for arg in command]
    pairs = flags[0] == b"HSCAN" and b"NOVALUES" not in flags
    return ("scan", exact(reply[0]), sorted_pairs(reply[1]) if pairs else sorted_items(reply[1]))


def hello(reply):
    """HELLO without what names the server and the connection."""
    items = reply if isinstance(reply, Map) else list(zip(reply[::2], reply[1::2]))
    return (
        shape(reply),
        tuple(
            (exact(k), exact(v) if k not in (b"id", b"version", b"server", b"modules") else shape(v)) for k, v in items
        ),
    )


def number_or_text(commands, reply):
    """The reply, where the sequence adds floats to strings and the encoding of a sum like "3" may be of either kind."""
    if reply == b"int" and any(token(command[0]).upper() == b"INCRBYFLOAT" for command in commands):
        return b"embstr"
    if type(reply) is list:
        return [number_or_text(commands, item) for item in reply]
    return reply


def normal(command, reply, queued=()):
    """A value that is equal for replies that a client may treat as the same; `queued` are the commands of an EXEC."""
    name = token(command[0]).upper()
    if isinstance(reply, Fault):
        return ("Fault", re.sub("\\0[^']*", "", bytes(reply).decode("utf-8", "replace")).rstrip())
    if isinstance(reply, (Status, Null)) and name not in ONLY_SHAPE:
        return exact(reply)
    if name == b"EXEC" and isinstance(reply, list):
        if len(queued) == len(reply):
            return ("exec", tuple(normal(c, r) for c, r in zip(queued, reply)))
        return exact(reply)
    command = [token(arg) for arg in command]
    if reply == b"quicklist":
        # When a list is packed again depends on the way it came to its size.
        return exact(b"listpack")
    if name in TOLERANCE:
        return near(reply, TOLERANCE[name])
    if name in UNORDERED and isinstance(reply, list):
        return sorted_items(reply)
    if name == b"HGETALL" and isinstance(reply, list):
        return sorted_pairs(reply)
    if name in (b"SCAN", b"HSCAN") and isinstance(reply, list) and len(reply) == 2:
        return scanned(command, reply)
    if name == b"HRANDFIELD":
        return random_fields(command, reply)
    if name == b"HELLO" and isinstance(reply, list):
        return hello(reply)
    if name in ONLY_SHAPE or (len(command) > 1 and (name, command[1].upper()) in SHAPE_OF_SUB):
        return shape(reply)
    return exact(reply)


def shown(reply, most=400):
    """A reply as text for a report, its wire types visible."""
    if isinstance(reply, Map):
        text = "%{" + ", ".join(f"{shown(k)}: {shown(v)}" for k, v in reply) + "}"
    elif isinstance(reply, list):
        mark = {Set: "~", Push: ">"}.get(type(reply), "")
        text = mark + "[" + ", ".join(shown(item) for item in reply) + "]"
    elif isinstance(reply, bool):
        text = "#t" if reply else "#f"
    elif isinstance(reply, int):
        text = f":{reply}"
    elif isinstance(reply, (Status, Fault, Double, Null)):
        text = repr(reply)
    elif isinstance(reply, Verbatim):
        text = "=" + repr(bytes(reply))[1:]
    elif isinstance(reply, bytes):
        text = repr(reply)[1:]
    else:
        text = repr(reply)
    return text if len(text) <= most else text[:most] + f"… ({len(text)} characters)"
