"""Plain models of what commands do to one key, or to two keys changed together; replies as the raw client gives them."""

from harness.resp import NIL


def integer(value):
    """The value as an integer, None as zero, or None if it is not written as integers are ("05" is not)."""
    if value is None:
        return 0
    number = int(value) if value.isdigit() else None
    return number if number is not None and b"%d" % number == value else None


def string(state, command):
    """A string; the state is its bytes or None."""
    name, args = command[0], command[1:]
    if name == "GET":
        return (NIL if state is None else state), state
    if name == "SET":
        return b"OK", args[0]
    if name == "SETNX":
        return (1, args[0]) if state is None else (0, state)
    if name == "GETSET":
        return (NIL if state is None else state), args[0]
    if name == "GETDEL":
        return (NIL if state is None else state), None
    if name == "DEL":
        return (0 if state is None else 1), None
    if name == "APPEND":
        joined = (state or b"") + args[0]
        return len(joined), joined
    if name == "INCR":
        number = integer(state)
        if number is None:
            return b"ERR value is not an integer or out of range", state
        return number + 1, b"%d" % (number + 1)
    if name == "CAS":
        if state is None or state != args[0]:
            return NIL, state
        return b"OK", args[1]
    raise AssertionError(name)


def list_(state, command):
    """A list; the state is a tuple of its elements."""
    name, args = command[0], command[1:]
    if name == "LPUSH":
        return len(state) + 1, (args[0],) + state
    if name == "RPUSH":
        return len(state) + 1, state + (args[0],)
    if name == "LPOP":
        return (state[0], state[1:]) if state else (NIL, state)
    if name == "RPOP":
        return (state[-1], state[:-1]) if state else (NIL, state)
    if name == "LLEN":
        return len(state), state
    if name == "LRANGE":
        return list(state), state
    raise AssertionError(name)


def hash_(state, command):
    """A hash; the state is a tuple of (field, value), sorted."""
    name, args = command[0], command[1:]
    fields = dict(state)
    if name == "HGET":
        return fields.get(args[0], NIL), state
    if name == "HSET":
        fresh = int(args[0] not in fields)
        fields[args[0]] = args[1]
        return fresh, tuple(sorted(fields.items()))
    if name == "HDEL":
        return (1 if fields.pop(args[0], None) is not None else 0), tuple(sorted(fields.items()))
    if name == "HINCRBY":
        number = int(fields.get(args[0], b"0")) + args[1]
        fields[args[0]] = b"%d" % number
        return number, tuple(sorted(fields.items()))
    raise AssertionError(name)


def pair(state, command):
    """Two strings that transactions, MSET, MGET and RENAME change together; the state is (a, b)."""
    name, args = command[0], command[1:]
    a, b = state
    if name == "MULTI SET":
        return [b"OK", b"OK"], (args[0], args[0])
    if name == "MULTI INCR":
        first, second = integer(a), integer(b)
        return [first + 1, second + 1], (b"%d" % (first + 1), b"%d" % (second + 1))
    if name == "MSET":
        return b"OK", (args[0], args[0])
    if name == "MGET":
        return [NIL if a is None else a, NIL if b is None else b], state
    if name == "MULTI GET":
        return [NIL if a is None else a, NIL if b is None else b], state
    if name == "DEL":
        return (a is not None) + (b is not None), (None, None)
    if name == "RENAME":
        return (b"ERR no such key", state) if a is None else (b"OK", (None, a))
    raise AssertionError(name)
