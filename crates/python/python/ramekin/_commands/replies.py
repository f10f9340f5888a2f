"""What is made of replies, in the shapes that redis-py gives them. Each takes bytes or str where values are."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def ok(reply: Any) -> Any:
    """True for `OK`; None stays None."""
    return None if reply is None else reply in ("OK", b"OK")


def true(reply: Any) -> bool:
    """True whatever the reply is: what goes wrong is raised."""
    return True


def number(reply: Any) -> float | None:
    return None if reply is None else float(reply)


def text(value: Any) -> Any:
    """A value as str; what is no value stays."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def word(value: Any) -> Any:
    """A status as the values are that are not decoded."""
    return value.encode() if isinstance(value, str) else value


def texts(reply: Any) -> list[Any]:
    return [text(item) for item in reply]


def words(reply: Any) -> Any:
    """Like `word`, at any depth."""
    if isinstance(reply, list):
        return [words(item) for item in reply]
    if isinstance(reply, dict):
        return {key: words(value) for key, value in reply.items()}
    return word(reply)


def decoded(reply: Any) -> Any:
    """All bytes of a reply as str, at any depth."""
    kind = type(reply)
    if kind is bytes:
        return reply.decode()
    if kind is list:
        return [decoded(item) for item in reply]
    if kind is dict:
        return {decoded(key): decoded(value) for key, value in reply.items()}
    return reply


def named(reply: Any) -> Any:
    """A map with str for keys, and for values that are bytes; maps and lists within it, too."""
    if isinstance(reply, dict):
        return {text(key): named(value) for key, value in reply.items()}
    if isinstance(reply, list):
        return [named(item) for item in reply]
    return text(reply)


def keyed(reply: Any) -> Any:
    """A map with str for keys; values stay what they are."""
    if isinstance(reply, dict):
        return {text(key): keyed(value) for key, value in reply.items()}
    return reply


def scanned(reply: Any) -> tuple[int, Any]:
    return int(reply[0]), reply[1]


def scanned_pairs(reply: Any) -> tuple[int, Any]:
    flat = reply[1]
    return int(reply[0]), flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2]))


def pair(reply: Any) -> tuple[Any, ...] | None:
    """The key and the element that came of a blocking pop."""
    return tuple(reply) if reply else None


def flattened(reply: Any) -> Any:
    """A map, or a list of pairs, as one flat list; other replies stay."""
    if isinstance(reply, dict):
        return [item for entry in reply.items() for item in entry]
    if reply and isinstance(reply[0], list):
        return [item for entry in reply for item in entry]
    return reply


def time(reply: Any) -> tuple[int, int]:
    return int(reply[0]), int(reply[1])


def moment(reply: Any) -> datetime | None:
    return datetime.fromtimestamp(int(reply)) if reply else None


def killed(reply: Any) -> Any:
    return reply if isinstance(reply, int) else ok(reply)


def info(reply: Any) -> dict[str, Any]:
    """The fields of `INFO`: numbers as numbers, `a=1,b=2` as dicts, `a,b` as lists."""
    found: dict[str, Any] = {}
    for line in text(reply).splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            found[name] = _field(value)
    return found


def _field(value: str) -> Any:
    if "=" in value:
        parts = [part for part in value.split(",") if part]
        return {
            name: _field(rest) if equals else True
            for name, equals, rest in (part.rpartition("=") if "=" in part else (part, "", "") for part in parts)
        }
    if "," in value:
        return [_field(part) for part in value.split(",") if part]
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value


_CLIENT_NUMBERS = frozenset(
    "id age idle db sub psub multi qbuf qbuf-free obl argv-mem oll omem tot-mem".split(),
)


def clients(reply: Any) -> list[dict[str, str]]:
    """The lines of `CLIENT LIST`."""
    return [_client(line) for line in text(reply).splitlines() if line]


def client(reply: Any) -> dict[str, Any]:
    """The line of `CLIENT INFO`, numbers as numbers."""
    fields = _client(text(reply).strip())
    return {name: int(value) if name in _CLIENT_NUMBERS else value for name, value in fields.items()}


def _client(line: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    last = ""
    for part in line.split(" "):
        name, equals, value = part.partition("=")
        if equals:
            fields[name] = value
            last = name
        elif last:  # a path with a space
            fields[last] += " " + part
    return fields


def slow(reply: Any) -> list[dict[str, Any]]:
    """The entries of `SLOWLOG GET` and `COMMANDLOG GET`."""
    entries = []
    for item in reply:
        arguments = item[3]
        space = "" if not arguments else arguments[0][:0]
        joined = (b" " if isinstance(space, bytes) else " ").join(arguments)
        entry = {"id": item[0], "start_time": int(item[1]), "duration": int(item[2]), "command": joined}
        if len(item) > 5:
            entry["client_address"], entry["client_name"] = item[4], item[5]
        entries.append(entry)
    return entries


def commands(reply: Any) -> dict[str, dict[str, Any]]:
    """The rows of `COMMAND` and `COMMAND INFO` by name."""
    found = {}
    for row in reply:
        if row is None:
            continue
        entry = {
            "name": text(row[0]),
            "arity": row[1],
            "flags": texts(row[2]),
            "first_key_pos": row[3],
            "last_key_pos": row[4],
            "step_count": row[5],
        }
        if len(row) > 6:
            entry["acl_categories"] = texts(row[6])
        found[entry["name"]] = {**entry, **dict(zip(("tips", "key_specifications", "subcommands"), row[7:]))}
    return found
