"""The figures of a `MemDB`, from what the engine says of itself.

What must hold: asking is cheap whatever the number of records. With `ramekin://` the engine's figures are the server's, of all its
clients; `inserts` and `latency_ms` are this object's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._backend import Backend

_SECTIONS = ("store", "stats", "memory", "keyspace")


def read_stats(backend: Backend) -> dict[str, Any]:
    """All figures that are the engine's."""
    *sections, tables = backend.execute_many([*(("INFO", section) for section in _SECTIONS), ("TABLE.LIST",)])
    info: dict[str, str] = {}
    for section in sections:
        if isinstance(section, Exception):
            raise section
        info |= _fields(section)
    if isinstance(tables, Exception):
        raise tables
    return figures(info, len(tables))


def figures(info: dict[str, str], tables: int) -> dict[str, Any]:
    """The same, from the fields of INFO; without any, as of a database in which nothing has happened."""
    has_store = info.get("store", "none") != "none"
    hits = _number(info, "store_hits" if has_store else "keyspace_hits")
    misses = _number(info, "store_misses" if has_store else "keyspace_misses")
    return {
        "cache_hits": hits,
        "cache_misses": misses,
        "cached_records": int(_part(info.get("db0", ""), "keys")),
        "dirty_records": _number(info, "store_unsettled_records"),
        "flushes": _number(info, "store_flushed_records"),
        "evictions": _number(info, "evicted_keys"),
        "tables": tables,
        "flush_cycles": _number(info, "store_flushes"),
        "hit_rate": hits / (hits + misses) if hits + misses else 0.0,
        "flush_ms": {name: _part(info.get("store_flush_usec", ""), name) / 1000 for name in ("p50", "p99", "p99.9")},
        "lag_seconds": float(info.get("store_lag_seconds", 0)),
        "quarantined_records": _number(info, "store_quarantined_records"),
        "store_state": info.get("store_state", "none"),
        "store_error": info.get("store_last_error", ""),
        "bytes": _number(info, "used_memory"),
        "unsettled_bytes": _number(info, "store_unsettled_bytes"),
        "connections_made": _number(info, "store_connections_made"),
    }


def _fields(reply: Any) -> dict[str, str]:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
    pairs = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, colon, value in pairs if colon}


def _number(info: dict[str, str], name: str) -> int:
    return int(info.get(name, "0") or 0)


def _part(text: str, name: str) -> float:
    """A number of `keys=3,expires=0`; 0 if it is not there."""
    for pair in text.split(","):
        key, equals, value = pair.partition("=")
        if equals and key == name:
            return float(value)
    return 0.0
