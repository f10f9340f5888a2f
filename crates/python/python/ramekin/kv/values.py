"""What is kept of a key: one hash, whose fields change together.

    v   the value's bytes; a path if a storage backend of the user's has them; the length of a chunk if they are in chunks
    y   where and how (`codec`): words joined by `+`, `path` and `chunks` among them
    k   for chunks: `ID LETTERS`, a letter a chunk (r raw, z zlib, s zstd); the chunks are fields `ID.0`, `ID.1`, …
    n   bytes of the value; w: bytes that are kept, if these are others
    s   SHA-256 of the value
    h   what sort of value: empty (bytes), `text`, `json` (both UTF-8), or a JSON object
    c   created, u: updated, in microseconds since 1970
    i   version: how often it was set
    e   seconds to live that were asked for; the expiry itself is the key's own

A `k` beside a `y` without `chunks` is left from an earlier value, and what it names may go.
"""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional, Union

from .names import Scope

DEFAULT_ENCODING = "utf-8"
ValueInput = Union[str, bytes, bytearray, memoryview]

META = ("y", "n", "w", "s", "h", "c", "u", "i", "e")

# Metadata that changes without the value being set: an index of it is a search.
MOVING = {"created_at", "last_updated", "last_accessed", "ttl", "expires_at", "version", "tags"}
METADATA = {
    *("path", "key", "db", "namespace", "size", "logical_size", "stored_size", "value_type", "encoding", "content_type", "checksum"),
    *("encrypted", *MOVING),
}

# What is worked out for metadata, and never taken from a hook or a backup as it stands.
COMPUTED = {
    *("path", "key", "db", "namespace", "size", "logical_size", "stored_size", "checksum", "encrypted", "ttl", "expires_at"),
    *("created_at", "last_updated", "last_accessed", "version", "tags"),
}

_BYTES = {"value_type": "bytes", "encoding": None, "content_type": "application/octet-stream"}
_TEXT = {"value_type": "text", "encoding": "utf-8", "content_type": "text/plain; charset=utf-8"}
_JSON = {"value_type": "json", "encoding": "utf-8", "content_type": "application/json"}
_SHORT: dict[bytes, dict[str, Any]] = {b"": _BYTES, b"text": _TEXT, b"json": _JSON}


def normalize(
    value: Any, default_encoding: str, encoding: str | None, content_type: str | None, value_type: str | None
) -> tuple[bytes, dict[str, Any]]:
    """A value as bytes, and what sort it is."""
    if isinstance(value, str):
        encoding = encoding or default_encoding
        return value.encode(encoding), {
            "value_type": value_type or "text",
            "encoding": encoding,
            "content_type": content_type or f"text/plain; charset={encoding}",
        }
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), {
            "value_type": value_type or "bytes",
            "encoding": None,
            "content_type": content_type or "application/octet-stream",
        }
    raise TypeError("Value must be str, bytes, bytearray, or memoryview")


def encode_hints(hints: dict[str, Any]) -> bytes:
    for short, full in _SHORT.items():
        if hints == full:
            return short
    return json.dumps(hints, default=str, separators=(",", ":")).encode("utf-8")


def decode_hints(data: bytes | None) -> dict[str, Any]:
    full = _SHORT.get(data or b"")
    return dict(full) if full is not None else {**_BYTES, **json.loads(data or b"{}")}


def now_us() -> int:
    return time.time_ns() // 1000


def us_of(text: str) -> int:
    """Microseconds since 1970 of what `iso` has written."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


@functools.lru_cache(maxsize=4096)
def _minute(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60).strftime("%Y-%m-%dT%H:%M:")


def iso(us: int) -> str:
    """Local time without a zone, as NADB writes it: what `datetime.isoformat` says."""
    seconds, rest = divmod(us, 1_000_000)
    minute, second = divmod(seconds, 60)
    return f"{_minute(minute)}{second:02}.{rest:06}" if rest else f"{_minute(minute)}{second:02}"


@dataclass
class Prepared:
    """A value on its way in."""

    value: bytes
    hints: dict[str, Any]
    checksum: bytes
    done: str = ""  # the field `y`
    kept: bytes = b""  # the field `v`
    kept_bytes: int = 0
    index_tags: list[bytes] = field(default_factory=list)
    created_us: Optional[int] = None  # for what is put back as it was
    updated_us: Optional[int] = None


class Accesses(dict[Any, tuple[int, str]]):
    """When keys were accessed last, from how many seconds they have been idle; keys of one answer share the few that there are."""

    def __init__(self) -> None:
        self._now = now_us()

    def __missing__(self, idle_seconds: Any) -> tuple[int, str]:
        at = self._now - idle_seconds * 1_000_000 if isinstance(idle_seconds, int) else 0
        found = self[idle_seconds] = (at, iso(at))
        return found


def describe(scope: Scope, key: str, meta: list[Any], expires_ms: int, accessed: tuple[int, str], tags: list[str]) -> dict[str, Any]:
    """The metadata of a key, from its fields `META`, PEXPIRETIME, when it was accessed, and tags."""
    done, size, kept, checksum, hints, created, updated, version, ttl = meta
    bytes_of_value, updated_us = int(size), int(updated)
    last_updated = iso(updated_us)
    told = _SHORT.get(hints) or decode_hints(hints)
    metadata = {
        "value_type": told["value_type"],
        "encoding": told["encoding"],
        "content_type": told["content_type"],
        "path": scope._path + key,
        "key": key,
        "db": scope.db,
        "namespace": scope.namespace,
        "created_at": last_updated if created == updated else iso(int(created)),
        "last_updated": last_updated,
        "last_accessed": accessed[1] if accessed[0] > updated_us else last_updated,
        "size": bytes_of_value,
        "logical_size": bytes_of_value,
        "stored_size": int(kept) if kept else bytes_of_value,
        "checksum": checksum.hex(),
        "encrypted": b"enc" in done,
        "ttl": None,
        "expires_at": None,
        "version": int(version),
        "tags": tags,
    }
    if expires_ms > 0:
        metadata["ttl"] = int(ttl) if ttl else max(1, round(expires_ms / 1000 - time.time()))
        metadata["expires_at"] = iso(expires_ms * 1000)
    if len(told) > len(_BYTES):
        return {**told, **metadata}  # what hooks have added
    return metadata


@dataclass
class StoredValue:
    """A value with all that is known of it: what `get` returns from a store opened with `return_type="stored"`.

    >>> store.get_stored("greeting").text
    'hello'
    """

    value: bytes
    metadata: dict[str, Any]
    ttl_remaining: Optional[int] = None

    @property
    def bytes(self) -> "Any":
        return self.value

    @property
    def encoding(self) -> str | None:
        found: str | None = self.metadata.get("encoding")
        return found

    @property
    def content_type(self) -> str | None:
        found: str | None = self.metadata.get("content_type")
        return found

    @property
    def created_at(self) -> str | None:
        found: str | None = self.metadata.get("created_at")
        return found

    @property
    def etag(self) -> str | None:
        """What `compare_and_set` compares."""
        found: str | None = self.metadata.get("checksum")
        return found

    @property
    def text(self) -> str:
        return self.value.decode(self.encoding or DEFAULT_ENCODING)
