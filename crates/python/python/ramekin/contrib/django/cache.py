"""Django's cache in Ramekin.

    CACHES = {
        "default": {
            "BACKEND": "ramekin.contrib.django.cache.RamekinCache",
            "LOCATION": "./data",               # or memory:, ramekin://:password@host:6379, sqlite:, postgresql://…
            "OPTIONS": {"maxmemory": "256mb", "maxmemory_policy": "allkeys-lru"},
        }
    }

LOCATION is an address as `Database` takes it, OPTIONS are directives. Whole numbers are kept as text, all else is pickled.
`add`, `incr`, `decr`, `touch` and `set_many` are atomic, the `a…` methods do not block the loop. What must hold: keys of a cache begin with a prefix
that has its KEY_PREFIX, so that `clear` removes these and nothing else.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache  # type: ignore[import-untyped,unused-ignore]

from ..._backend import Arg, Backend
from .._shared import shared

_Timeout = Any  # seconds, None for never, or Django's DEFAULT_TIMEOUT
_MISSING = object()


def _pack(value: Any) -> bytes:
    if type(value) is int:
        return b"%d" % value
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def _unpack(data: bytes) -> Any:
    # No pickle begins like a number.
    if data[:1].isdigit() or data[:1] == b"-":
        return int(data)
    return pickle.loads(data)


class RamekinCache(BaseCache):  # type: ignore[misc,unused-ignore]
    """A cache of Django; see the module."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._location = location or None
        self._directives = dict(params.get("OPTIONS") or {})
        # Of the base class, and no directives.
        for name in ("MAX_ENTRIES", "CULL_FREQUENCY"):
            self._directives.pop(name, None)
        self._prefix = f"django.cache:{quote(self.key_prefix, safe='')}:"

    @property
    def _backend(self) -> Backend:
        return shared(self._location, self._directives)

    def _key(self, key: Any, version: int | None) -> str:
        return self._prefix + str(self.make_and_validate_key(key, version=version))

    def get_backend_timeout(self, timeout: _Timeout = DEFAULT_TIMEOUT) -> int | None:
        """Milliseconds from now; None: never."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        return None if timeout is None else max(0, int(timeout * 1000))

    # What each call sends, for both kinds of it.

    def _setting(self, key: str, value: Any, timeout: _Timeout, *conditions: str) -> list[Arg]:
        left_ms = self.get_backend_timeout(timeout)
        data = _pack(value)
        if left_ms is None:
            return ["SET", key, data, *conditions]
        # What is over at once is set all the same if there is a condition to be judged.
        if left_ms == 0:
            return ["SET", key, data, *conditions, "PXAT", 1] if conditions else ["UNLINK", key]
        return ["SET", key, data, *conditions, "PX", left_ms]

    def _touching(self, key: str, timeout: _Timeout) -> list[list[Arg]]:
        left_ms = self.get_backend_timeout(timeout)
        if left_ms is None:
            return [["EXISTS", key], ["PERSIST", key]]
        return [["PEXPIRE", key, left_ms]] if left_ms else [["UNLINK", key]]

    def _names(self, keys: Iterable[Any], version: int | None) -> dict[str, Any]:
        return {self._key(key, version): key for key in keys}

    @staticmethod
    def _found(names: dict[str, Any], values: list[Any]) -> dict[Any, Any]:
        return {key: _unpack(data) for key, data in zip(names.values(), values) if data is not None}

    def _missing(self, key: Any) -> ValueError:
        return ValueError(f"Key '{key}' not found")

    def _walk(self, cursor: Any) -> list[Arg]:
        # What is quoted has nothing that a pattern would take for more than itself.
        return ["SCAN", cursor, "MATCH", f"{self._prefix}*", "COUNT", 1000]

    # For threads.

    def add(self, key: Any, value: Any, timeout: _Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._backend.execute(*self._setting(self._key(key, version), value, timeout, "NX")) is not None

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        data = self._backend.execute("GET", self._key(key, version))
        return default if data is None else _unpack(data)

    def set(self, key: Any, value: Any, timeout: _Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._backend.execute(*self._setting(self._key(key, version), value, timeout))

    def touch(self, key: Any, timeout: _Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(_each(self._backend.execute_many(self._touching(self._key(key, version), timeout), atomic=True))[0])

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._backend.execute("DEL", self._key(key, version)))

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        names = self._names(keys, version)
        return self._found(names, self._backend.execute("MGET", *names)) if names else {}

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return bool(self._backend.execute("EXISTS", self._key(key, version)))

    def incr(self, key: Any, delta: Any = 1, version: int | None = None) -> Any:
        name, backend = self._key(key, version), self._backend
        while True:
            before = backend.execute("GET", name)
            if before is None:
                raise self._missing(key)
            after = _unpack(before) + delta
            if backend.execute("SET", name, _pack(after), "IFEQ", before, "KEEPTTL") is not None:
                return after

    def set_many(
        self, data: Mapping[Any, Any], timeout: _Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        commands = [self._setting(self._key(key, version), value, timeout) for key, value in data.items()]
        if commands:
            _each(self._backend.execute_many(commands, atomic=True))
        return []

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        names = self._names(keys, version)
        if names:
            self._backend.execute("UNLINK", *names)

    def clear(self) -> None:
        cursor: Any = 0
        while True:
            cursor, keys = self._backend.execute(*self._walk(cursor))
            if keys:
                self._backend.execute("UNLINK", *keys)
            if int(cursor) == 0:
                return

    # For tasks.

    async def aadd(self, key: Any, value: Any, timeout: _Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return await self._backend.execute_async(*self._setting(self._key(key, version), value, timeout, "NX")) is not None

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        data = await self._backend.execute_async("GET", self._key(key, version))
        return default if data is None else _unpack(data)

    async def aset(self, key: Any, value: Any, timeout: _Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        await self._backend.execute_async(*self._setting(self._key(key, version), value, timeout))

    async def atouch(self, key: Any, timeout: _Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        commands = self._touching(self._key(key, version), timeout)
        return bool(_each(await self._backend.execute_many_async(commands, atomic=True))[0])

    async def adelete(self, key: Any, version: int | None = None) -> bool:
        return bool(await self._backend.execute_async("DEL", self._key(key, version)))

    async def aget_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        names = self._names(keys, version)
        return self._found(names, await self._backend.execute_async("MGET", *names)) if names else {}

    async def aget_or_set(
        self, key: Any, default: Any, timeout: _Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        value = await self.aget(key, _MISSING, version)
        if value is _MISSING:
            value = default() if callable(default) else default
            if not await self.aadd(key, value, timeout, version):
                value = await self.aget(key, value, version)
        return value

    async def ahas_key(self, key: Any, version: int | None = None) -> bool:
        return bool(await self._backend.execute_async("EXISTS", self._key(key, version)))

    async def aincr(self, key: Any, delta: Any = 1, version: int | None = None) -> Any:
        name, backend = self._key(key, version), self._backend
        while True:
            before = await backend.execute_async("GET", name)
            if before is None:
                raise self._missing(key)
            after = _unpack(before) + delta
            if await backend.execute_async("SET", name, _pack(after), "IFEQ", before, "KEEPTTL") is not None:
                return after

    async def aset_many(
        self, data: Mapping[Any, Any], timeout: _Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        commands = [self._setting(self._key(key, version), value, timeout) for key, value in data.items()]
        if commands:
            _each(await self._backend.execute_many_async(commands, atomic=True))
        return []

    async def adelete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        names = self._names(keys, version)
        if names:
            await self._backend.execute_async("UNLINK", *names)

    async def aclear(self) -> None:
        cursor: Any = 0
        while True:
            cursor, keys = await self._backend.execute_async(*self._walk(cursor))
            if keys:
                await self._backend.execute_async("UNLINK", *keys)
            if int(cursor) == 0:
                return


def _each(replies: list[Any]) -> list[Any]:
    """The replies; the first error among them is raised."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
