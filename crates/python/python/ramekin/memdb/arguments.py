"""What the calls of a `MemDB` are given: tables and keys by name, schemas, times to live.

What must hold: what cannot be is refused here, by the name of the argument, before anything is run. Left out: records, which `_records`
reads, and clauses, which the engine reads.
"""

from __future__ import annotations

from datetime import timedelta
from json import dumps
from typing import Any

from ..errors import SchemaError

# Three thousand years: PostgreSQL's timestamps, and 64 bits of milliseconds, go further.
TTL_SECONDS_MAX = 100_000_000_000
# What a keyword is that was not given.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<missing>"})()


def named(table: Any, table_name: Any) -> str:
    """The table's name, by whichever keyword it came."""
    if table is not MISSING and table_name is not MISSING:
        raise TypeError("a table was given twice, as table and as table_name")
    return text_of(table_name if table is MISSING else table, "table")


def declared(schema: Any) -> str:
    """A schema as the engine takes it."""
    if not isinstance(schema, dict):
        raise TypeError(f"a schema is a dict of fields and their types, not {type(schema).__name__}")
    for field, kind in schema.items():
        if not isinstance(field, str):
            raise SchemaError(f"a field's name is a str, not {type(field).__name__}")
        if not isinstance(kind, str):
            said = kind.__name__ if isinstance(kind, type) else repr(kind)
            raise SchemaError(f"field {field!r}: a type is given by its name, as 'string' or 'integer', not as {said}")
    return dumps(schema)


def text_of(value: Any, what: str) -> str:
    if isinstance(value, str):
        return value
    if value is MISSING:
        raise TypeError(f"{what} is missing")
    raise TypeError(f"{what} is a str, not {type(value).__name__}")


def milliseconds(ttl: float | timedelta) -> int:
    amount = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 < amount <= TTL_SECONDS_MAX:
        raise ValueError(f"ttl is a number of seconds, above 0 and up to {TTL_SECONDS_MAX:,}, not {ttl!r}")
    return max(round(amount * 1000), 1)
