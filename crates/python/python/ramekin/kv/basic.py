"""Setting, getting and deleting one key, as bytes, text, JSON; expiry."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import Any, Optional, Union

from .chunks import Writer, open_reader
from .core import Command, Core
from .metrics import timed
from .names import check_key
from .values import StoredValue, ValueInput, iso

_DUE_MAX = 100_000  # of so many keys with a lifetime it is remembered when they are due


class Basic(Core):
    """One key at a time."""

    @timed("set")
    def set(
        self,
        key: str,
        value: ValueInput,
        tags: Optional[list[str]] = None,
        encoding: Optional[str] = None,
        content_type: Optional[str] = None,
        value_type: Optional[str] = None,
    ) -> None:
        """Sets a key to a value with these tags and no others, without expiry."""
        self._set(key, value, tags, None, None, encoding, content_type, value_type)

    def _set(
        self,
        key: str,
        value: Any,
        tags: Optional[list[str]],
        expiry: Optional[Command],
        ttl_seconds: Optional[float],
        encoding: Optional[str] = None,
        content_type: Optional[str] = None,
        value_type: Optional[str] = None,
    ) -> None:
        prepared = self._prepare(key, value, tags, encoding, content_type, value_type)
        self._write([(key, prepared, tags, expiry, ttl_seconds)])
        if ttl_seconds is not None:
            self._note_due(key, time.time() + ttl_seconds)
        self._emit_set(key, prepared, tags)
        self._count("set")

    @timed("get")
    def get(self, key: str) -> Any:
        """The value of a key: bytes, or what `return_type` says. KeyError: there is none."""
        self._count("get")
        if self.return_type == "stored":
            return self._stored(key)
        data = self._read(key)
        if self.return_type == "str":
            hints = self._backend.execute("HGET", self._scope.key(key), "h")
            from .values import decode_hints

            return data.decode(decode_hints(hints).get("encoding") or self.default_encoding)
        return data

    def _stored(self, key: str) -> StoredValue:
        found = self._with_metadata(key)
        return StoredValue(found["value"], found["metadata"], _remaining(found["metadata"]))

    def _with_metadata(self, key: str) -> dict[str, Any]:
        check_key(key)
        while True:
            metadata = self._metadata_of([key], with_value=True)[0]
            if metadata is None:
                raise KeyError(f"Key '{key}' not found")
            kept, done = metadata.pop("value"), metadata.pop("done")
            value = self._value_of(key, kept, done)
            if (done or b"").split(b"+")[0] not in (b"chunks", b"path") or self._is_still(key, metadata):
                self.metrics.read(len(value))
                return {"value": value, "metadata": metadata}

    def _is_still(self, key: str, metadata: dict[str, Any]) -> bool:
        """Whether a key has not been set since its metadata was read."""
        version, updated = self._backend.execute("HMGET", self._scope.key(key), "i", "u")
        return version is not None and (int(version), iso(int(updated))) == (metadata["version"], metadata["last_updated"])

    @timed("get_with_metadata")
    def get_with_metadata(self, key: str) -> dict[str, Any]:
        """`{"value": bytes, "metadata": {…}}`, both of one moment."""
        return self._with_metadata(key)

    @timed("get")
    def get_bytes(self, key: str) -> bytes:
        self._count("get")
        return self._read(key)

    @timed("get")
    def get_text(self, key: str, encoding: Optional[str] = None) -> str:
        """The value as text, in its own encoding unless another is given."""
        self._count("get")
        found = self._with_metadata(key)
        text: str = found["value"].decode(encoding or found["metadata"]["encoding"] or self.default_encoding)
        return text

    def get_json(self, key: str) -> Any:
        return json.loads(self.get_text(key))

    @timed("get")
    def get_stored(self, key: str) -> StoredValue:
        """The value with its metadata, expiry and etag."""
        self._count("get")
        return self._stored(key)

    def get_or_none(self, key: str) -> Any:
        return self.get_or_default(key, None)

    def get_or_default(self, key: str, default: Any = None) -> Any:
        try:
            return self.get(key)
        except KeyError:
            return default

    def set_text(
        self, key: str, value: str, tags: Optional[list[str]] = None, encoding: Optional[str] = None, content_type: Optional[str] = None
    ) -> None:
        self.set(key, value, tags=tags, encoding=encoding, content_type=content_type)

    def set_bytes(self, key: str, value: ValueInput, tags: Optional[list[str]] = None, content_type: Optional[str] = None) -> None:
        data = value.encode(self.default_encoding) if isinstance(value, str) else value
        self.set(key, data, tags=tags, content_type=content_type)

    def set_json(self, key: str, value: Any, tags: Optional[list[str]] = None, **json_kwargs: Any) -> None:
        """Sets a key to a value as JSON; `json_kwargs` are those of `json.dumps`."""
        self.set(key, json.dumps(value, **json_kwargs), tags=tags, content_type="application/json", value_type="json")

    @timed("exists")
    def exists(self, key: str) -> bool:
        check_key(key)
        return bool(self._backend.execute("EXISTS", self._scope.key(key)))

    @timed("delete")
    def delete(self, key: str) -> None:
        """Deletes a key. One that is not there is none."""
        check_key(key)
        metadata = self._metadata_of([key])[0] if self._has_watchers("delete") else None
        self._write([(key, None, None, None, None)])
        if metadata is not None:
            self._emit("delete", key, metadata=metadata)
        self._count("delete")

    # Expiry.

    @timed("set_with_ttl")
    def set_with_ttl(
        self,
        key: str,
        value: ValueInput,
        ttl_seconds: int,
        tags: Optional[list[str]] = None,
        encoding: Optional[str] = None,
        content_type: Optional[str] = None,
        value_type: Optional[str] = None,
    ) -> None:
        """Sets a key that is gone after so many seconds."""
        check_ttl(ttl_seconds)
        expiry = ("PEXPIRE", self._name(key), ttl_seconds * 1000)
        self._set(key, value, tags, expiry, ttl_seconds, encoding, content_type, value_type)

    @timed("set_with_ttl")
    def set_with_expires_at(
        self, key: str, value: ValueInput, expires_at: datetime, tags: Optional[list[str]] = None, **kwargs: Any
    ) -> None:
        """Sets a key that is gone from a moment on; a datetime without a zone is local time."""
        if not isinstance(expires_at, datetime):
            raise TypeError(f"expires_at is a datetime, not {type(expires_at).__name__}")
        at_ms = int(expires_at.timestamp() * 1000)
        seconds = at_ms / 1000 - time.time()
        if seconds <= 0:
            raise ValueError("expires_at must be in the future")
        self._set(key, value, tags, ("PEXPIREAT", self._name(key), at_ms), max(1, round(seconds)), **kwargs)

    @timed("set_with_ttl")
    def set_with_timedelta(self, key: str, value: ValueInput, ttl: timedelta, tags: Optional[list[str]] = None, **kwargs: Any) -> None:
        ms = int(ttl.total_seconds() * 1000)
        if ms <= 0:
            raise ValueError("TTL must be positive")
        self._set(key, value, tags, ("PEXPIRE", self._name(key), ms), max(1, round(ms / 1000)), **kwargs)

    def _name(self, key: str) -> bytes:
        check_key(key)
        return self._scope.key(key)

    @timed("ttl")
    def ttl(self, key: str) -> Optional[int]:
        """Whole seconds that a key has left; None: it does not expire. KeyError: there is none."""
        ms = self._backend.execute("PTTL", self._name(key))
        if ms == -2:
            raise KeyError(f"Key '{key}' not found")
        return None if ms == -1 else int(ms // 1000)

    @timed("touch")
    def touch(self, key: str, ttl_seconds: Optional[int] = None) -> bool:
        """Marks a key as used, and with `ttl_seconds` has it expire so long from now. False: there is none."""
        name = self._name(key)
        if ttl_seconds is None:
            return bool(self._backend.execute("TOUCH", name))
        check_ttl(ttl_seconds)
        found = self._commit([("HSETEX", name, "FXX", "FIELDS", 1, "e", ttl_seconds), ("PEXPIRE", name, ttl_seconds * 1000)])
        if found[1]:
            self._note_due(key, time.time() + ttl_seconds)
        return bool(found[1])

    @timed("persist_ttl")
    def persist_ttl(self, key: str) -> bool:
        """Has a key stay. KeyError: there is none."""
        name = self._name(key)
        found = self._commit([("HSETEX", name, "FXX", "FIELDS", 1, "e", ""), ("PERSIST", name), ("EXISTS", name)])
        if not found[2]:
            raise KeyError(f"Key '{key}' not found")
        return True

    def _note_due(self, key: str, at: float) -> None:
        """Remembers when this store has let a key expire, for whoever asks what has."""
        with self._due_lock:
            if len(self._due) >= _DUE_MAX:
                del self._due[next(iter(self._due))]
            self._due[key] = at

    @timed("cleanup_expired")
    def cleanup_expired(self) -> list[dict[str, Any]]:
        """Which keys that this store has given a lifetime have gone since it was asked last. They go by themselves, on time."""
        now = time.time()
        with self._due_lock:
            keys = [key for key, at in self._due.items() if at <= now]
            for key in keys:
                del self._due[key]
        expired = []
        for start in range(0, len(keys), 500):
            batch = keys[start : start + 500]
            replies = self._backend.execute_many([("EXISTS", self._scope.key(key)) for key in batch])
            expired += [key for key, there in zip(batch, replies) if there == 0]
        items = [{"key": key, "db": self.db, "namespace": self.namespace, "path": self._scope.path(key)} for key in expired]
        for item in items:
            self._emit("expire", item["key"], metadata=item)
        if self._files is not None:
            self._files.sweep()
        return items

    # Streams.

    def open_reader(self, key: str) -> Any:
        """A binary file to read a value from. What was written in chunks is read chunk by chunk."""
        check_key(key)
        return open_reader(self, key)

    def open_writer(self, key: str, tags: Optional[list[str]] = None, chunk_size: Optional[int] = None) -> Writer:
        """A binary file whose contents are the value of the key once it is closed; an exception inside of `with` drops them."""
        from .names import check_tags

        check_key(key)
        check_tags(tags)
        return Writer(self, key, tags, chunk_size)

    @timed("set")
    def set_chunked(self, key: str, value: ValueInput, chunk_size: int = 1024 * 1024, tags: Optional[list[str]] = None) -> None:
        """Sets a key to a large value in chunks, which `open_reader` reads one by one; `get` has it as a whole."""
        if chunk_size <= 0:
            raise ValueError("chunk_size must be positive")
        data: Union[bytes, memoryview] = value.encode(self.default_encoding) if isinstance(value, str) else memoryview(value)
        with self.open_writer(key, tags, chunk_size) as writer:
            writer.write(data)

    def get_chunked(self, key: str) -> bytes:
        """The value of a key, in chunks or not."""
        return self.get_bytes(key)


def check_ttl(ttl_seconds: Any) -> None:
    if not isinstance(ttl_seconds, int) or ttl_seconds <= 0:
        raise ValueError("TTL must be a positive integer")


def _remaining(metadata: dict[str, Any]) -> Optional[int]:
    if metadata["expires_at"] is None:
        return None
    return max(0, int(datetime.fromisoformat(metadata["expires_at"]).timestamp() - time.time()))
