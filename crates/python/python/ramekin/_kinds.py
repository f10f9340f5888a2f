"""What a client has to know of commands: which may be sent twice, which wait, which are about their connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# They change nothing: when a connection is lost they are asked again on another. (A read may move an expiry: GETEX is not here.)
READS = frozenset(
    """
    GET GETRANGE LCS MGET STRLEN SUBSTR
    LINDEX LLEN LSIZE LPOS LRANGE
    HEXISTS HEXPIRETIME HGET HGETALL HKEYS HLEN HMGET HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSTRLEN HTTL HVALS
    DBSIZE DUMP EXISTS EXPIRETIME KEYS OBJECT PEXPIRETIME PTTL RANDOMKEY SCAN SORT_RO TOUCH TTL TYPE
    EXPLAIN INDEX.LIST QUERY TABLE.GET TABLE.INFO TABLE.LIST
    TAG.COUNT TAG.KEYS TAG.LIST TAG.OF
    CHANGES COMMAND ECHO INFO LASTSAVE LOLWUT PING ROLE TIME
    """.split()
)

# They wait, or work for long: on a connection of their own, where nobody's commands stand behind them. With the place of
# their timeout among the arguments and its unit in seconds, if they have one.
WAITING: dict[str, tuple[int, float] | None] = {
    "BLMOVE": (-1, 1.0),
    "BLMPOP": (1, 1.0),
    "BLPOP": (-1, 1.0),
    "BRPOP": (-1, 1.0),
    "BRPOPLPUSH": (-1, 1.0),
    "BACKUP": None,
    "EVICT": None,
    "EXPLAIN": None,
    "FLUSH": None,
    "INDEX.CREATE": None,
    "KEYS": None,
    "QUERY": None,
    "SAVE": None,
    "SORT": None,
    "TABLE.DROP": None,
}

# They wait for an element, and take it.
POPS = frozenset({"BLMOVE", "BLMPOP", "BLPOP", "BRPOP", "BRPOPLPUSH"})

# They wait for what this connection has written.
FENCES: dict[str, tuple[int, float]] = {"WAIT": (-1, 0.001), "WAITAOF": (-1, 0.001), "WAITSTORE": (-1, 0.001)}

# They set up a connection. What they say holds for all connections of a `Remote`.
SESSION = frozenset({"AUTH", "SELECT", "NAMESPACE USE", "CLIENT DURABILITY", "CLIENT NO-EVICT", "CLIENT NO-TOUCH", "CLIENT SETNAME"})

# They would change what the replies on a shared connection are, and are refused with what to do instead.
REFUSED = {
    "MULTI": "a transaction is sent as a whole: execute_many(…, atomic=True), or pipeline() of a Database",
    "EXEC": "a transaction is sent as a whole: execute_many(…, atomic=True), or pipeline() of a Database",
    "DISCARD": "a transaction is sent as a whole: execute_many(…, atomic=True), or pipeline() of a Database",
    "WATCH": "watch() has a connection of its own",
    "UNWATCH": "watch() has a connection of its own, closing it forgets the keys",
    "HELLO": "the protocol, user and name are options of the address",
    "RESET": "connections are shared",
    "QUIT": "close() ends all connections",
    "MONITOR": "it needs a connection of its own: ramekin cli has it",
    "CLIENT REPLY": "each command has its reply",
    "CLIENT TRACKING": "nobody would read what the server says unasked",
}

_CONTAINERS = frozenset({"CLIENT", "NAMESPACE"})


def name_of(args: Sequence[Any]) -> str:
    """The name of a command in capitals; of `CLIENT` and `NAMESPACE` with the second word."""
    name = _upper(args[0])
    if name in _CONTAINERS and len(args) > 1:
        name = f"{name} {_upper(args[1])}"
    return name


def _upper(word: Any) -> str:
    return (word.decode("latin-1") if isinstance(word, bytes) else str(word)).upper()


def seconds_of(name: str, args: Sequence[Any]) -> float | None:
    """How long a waiting command may take by its own words; None: without end."""
    place = WAITING.get(name) or FENCES.get(name)
    if place is None:
        return None
    try:
        seconds = float(args[place[0]]) * place[1]
    except (IndexError, ValueError, TypeError):
        return None
    return seconds if seconds > 0 else None
