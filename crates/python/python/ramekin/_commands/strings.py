"""Commands about strings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Base, Expiry, Key, Moment, Reply, V, Value, chosen, expiry, flat, listed, milliseconds, options, seconds
from .replies import flattened, number, ok, true


class Strings(Base[V]):
    def append(self, key: Key, value: Value) -> Reply[int]:
        """Appends to a value, and returns its new length."""
        return self._run(("APPEND", key, value))

    def decr(self, name: Key, amount: int = 1) -> Reply[int]:
        """Subtracts from an integer, and returns what it is then."""
        return self._run(("DECRBY", name, amount))

    def decrby(self, name: Key, amount: int = 1) -> Reply[int]:
        """Subtracts from an integer, and returns what it is then."""
        return self._run(("DECRBY", name, amount))

    def delifeq(self, name: Key, value: Value) -> Reply[int]:
        """Deletes a key if this is its value: 1, or 0."""
        return self._run(("DELIFEQ", name, value))

    def get(self, name: Key) -> Reply[V | None]:
        """The value of a key, None if there is none."""
        return self._run(("GET", name))

    # The native half answers these two where it can, and asks here for the rest.
    _get = get

    def getdel(self, name: Key) -> Reply[V | None]:
        """The value of a key, which is deleted."""
        return self._run(("GETDEL", name))

    def getex(
        self,
        name: Key,
        ex: Expiry | None = None,
        px: Expiry | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> Reply[V | None]:
        """The value of a key, whose expiry is set or, with `persist`, removed."""
        return self._run(("GETEX", name, *expiry(ex, px, exat, pxat, persist=persist)))

    def getrange(self, key: Key, start: int, end: int) -> Reply[V]:
        """A part of a value; both ends are within it, negative ones count from the end."""
        return self._run(("GETRANGE", key, start, end))

    def getset(self, name: Key, value: Value) -> Reply[V | None]:
        """Sets a value, and returns the one before."""
        return self._run(("GETSET", name, value))

    def incr(self, name: Key, amount: int = 1) -> Reply[int]:
        """Adds to an integer, and returns what it is then."""
        return self._run(("INCRBY", name, amount))

    def incrby(self, name: Key, amount: int = 1) -> Reply[int]:
        """Adds to an integer, and returns what it is then."""
        return self._run(("INCRBY", name, amount))

    def incrbyfloat(self, name: Key, amount: float = 1.0) -> Reply[float]:
        """Adds to a number, and returns what it is then."""
        return self._run(("INCRBYFLOAT", name, amount), number)

    def lcs(
        self,
        key1: Key,
        key2: Key,
        len: bool | None = False,
        idx: bool | None = False,
        minmatchlen: int | None = 0,
        withmatchlen: bool | None = False,
    ) -> Reply[Any]:
        """The longest common subsequence of two values, its length, or with `idx` where it lies."""
        words: list[Any] = options(len=bool(len), idx=bool(idx))
        if minmatchlen:
            words += ["MINMATCHLEN", minmatchlen]
        return self._run(("LCS", key1, key2, *words, *options(withmatchlen=bool(withmatchlen))), flattened if idx else None)

    def mget(self, keys: Any, *args: Key) -> Reply[list[V | None]]:
        """The values of keys, in their order."""
        return self._run(("MGET", *listed(keys, args)))

    def mset(self, mapping: Mapping[Any, Value]) -> Reply[bool]:
        """Sets values, all at once."""
        return self._run(("MSET", *flat(mapping)), ok)

    def msetex(
        self,
        mapping: Mapping[Any, Value],
        data_persist_option: Any = None,
        ex: Expiry | None = None,
        px: Expiry | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        keepttl: bool = False,
        nx: bool = False,
        xx: bool = False,
    ) -> Reply[int]:
        """Sets values and their expiry, all or none: 1, or 0 where `nx` (none may exist) or `xx` (all must) forbids it."""
        pairs = flat(mapping)
        words = [*chosen(data_persist_option), *options(nx=nx, xx=xx), *expiry(ex, px, exat, pxat, keepttl)]
        return self._run(("MSETEX", len(pairs) // 2, *pairs, *words))

    def msetnx(self, mapping: Mapping[Any, Value]) -> Reply[bool]:
        """Sets values if none of the keys exists."""
        return self._run(("MSETNX", *flat(mapping)), bool)

    def psetex(self, name: Key, time_ms: Expiry, value: Value) -> Reply[bool]:
        """Sets a value that expires."""
        return self._run(("PSETEX", name, milliseconds(time_ms), value), true)

    def set(
        self,
        name: Key,
        value: Value,
        ex: Expiry | None = None,
        px: Expiry | None = None,
        nx: bool = False,
        xx: bool = False,
        keepttl: bool = False,
        get: bool = False,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        ifeq: Value | None = None,
    ) -> Reply[bool | V | None]:
        """Sets a value: True, None where `nx`, `xx` or `ifeq` forbids it; with `get` the value before."""
        words: list[Any] = options(nx=nx, xx=xx)
        if ifeq is not None:
            words += ["IFEQ", ifeq]
        words += options(get=get)
        return self._run(("SET", name, value, *words, *expiry(ex, px, exat, pxat, keepttl)), None if get else ok)

    _set = set

    def setex(self, name: Key, time: Expiry, value: Value) -> Reply[bool]:
        """Sets a value that expires."""
        return self._run(("SETEX", name, seconds(time), value), true)

    def setnx(self, name: Key, value: Value) -> Reply[bool]:
        """Sets a value if the key does not exist."""
        return self._run(("SETNX", name, value), bool)

    def setrange(self, name: Key, offset: int, value: Value) -> Reply[int]:
        """Overwrites a part of a value, and returns its length."""
        return self._run(("SETRANGE", name, offset, value))

    def strlen(self, name: Key) -> Reply[int]:
        """The length of a value in bytes, 0 if there is none."""
        return self._run(("STRLEN", name))

    def substr(self, name: Key, start: int, end: int = -1) -> Reply[V]:
        """A part of a value: another name for `getrange`."""
        return self._run(("SUBSTR", name, start, end))
