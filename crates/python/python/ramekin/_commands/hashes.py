"""Commands about hashes and the expiry of their fields.

Those that set or tell an expiry answer a list with a number for each field: -2 there is no such field, -1 it does not expire, 0 a
condition forbids it, 1 done, 2 deleted at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .base import (
    Base,
    Expiry,
    Key,
    Moment,
    Reply,
    V,
    Value,
    chosen,
    expiry,
    flat,
    listed,
    options,
    unix,
    unix_ms,
)
from .base import milliseconds as _milliseconds
from .base import seconds as _seconds
from .replies import flattened, number, scanned, scanned_pairs, true


def _pairs(key: Any, value: Any, mapping: Mapping[Any, Any] | None, items: Sequence[Any] | None) -> list[Any]:
    words = [] if key is None else [key, value]
    if mapping:
        words += flat(mapping)
    if items:
        words += items
    return words


class Hashes(Base[V]):
    def hdel(self, name: Key, *keys: Value) -> Reply[int]:
        """Deletes fields: how many there were."""
        return self._run(("HDEL", name, *keys))

    def hexists(self, name: Key, key: Value) -> Reply[bool]:
        """Whether a hash has a field."""
        return self._run(("HEXISTS", name, key), bool)

    def hexpire(
        self,
        name: Key,
        seconds: Expiry,
        *fields: Value,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[list[int]]:
        """Has fields expire after seconds."""
        return self._run(("HEXPIRE", name, _seconds(seconds), *options(nx=nx, xx=xx, gt=gt, lt=lt), *_fields(fields)))

    def hexpireat(
        self,
        name: Key,
        unix_time_seconds: Moment,
        *fields: Value,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[list[int]]:
        """Has fields expire at a moment."""
        return self._run(("HEXPIREAT", name, unix(unix_time_seconds), *options(nx=nx, xx=xx, gt=gt, lt=lt), *_fields(fields)))

    def hexpiretime(self, key: Key, *fields: Value) -> Reply[list[int]]:
        """When fields expire, as Unix times in seconds."""
        return self._run(("HEXPIRETIME", key, *_fields(fields)))

    def hget(self, name: Key, key: Value) -> Reply[V | None]:
        """The value of a field."""
        return self._run(("HGET", name, key))

    def hgetall(self, name: Key) -> Reply[dict[V, V]]:
        """All fields and their values."""
        return self._run(("HGETALL", name))

    def hgetdel(self, name: Key, *keys: Value) -> Reply[list[V | None]]:
        """The values of fields, which are deleted."""
        return self._run(("HGETDEL", name, *_fields(keys)))

    def hgetex(
        self,
        name: Key,
        *keys: Value,
        ex: Expiry | None = None,
        px: Expiry | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        persist: bool = False,
    ) -> Reply[list[V | None]]:
        """The values of fields, whose expiry is set or, with `persist`, removed."""
        return self._run(("HGETEX", name, *expiry(ex, px, exat, pxat, persist=persist), *_fields(keys)))

    def hincrby(self, name: Key, key: Value, amount: int = 1) -> Reply[int]:
        """Adds to an integer in a field, and returns what it is then."""
        return self._run(("HINCRBY", name, key, amount))

    def hincrbyfloat(self, name: Key, key: Value, amount: float = 1.0) -> Reply[float]:
        """Adds to a number in a field, and returns what it is then."""
        return self._run(("HINCRBYFLOAT", name, key, amount), number)

    def hkeys(self, name: Key) -> Reply[list[V]]:
        """All fields."""
        return self._run(("HKEYS", name))

    def hlen(self, name: Key) -> Reply[int]:
        """How many fields a hash has."""
        return self._run(("HLEN", name))

    def hmget(self, name: Key, keys: Any, *args: Value) -> Reply[list[V | None]]:
        """The values of fields, in their order."""
        return self._run(("HMGET", name, *listed(keys, args)))

    def hmset(self, name: Key, mapping: Mapping[Any, Value]) -> Reply[bool]:
        """Sets fields; `hset` does as well."""
        return self._run(("HMSET", name, *flat(mapping)), true)

    def hpersist(self, name: Key, *fields: Value) -> Reply[list[int]]:
        """Fields do not expire any more."""
        return self._run(("HPERSIST", name, *_fields(fields)))

    def hpexpire(
        self,
        name: Key,
        milliseconds: Expiry,
        *fields: Value,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[list[int]]:
        """Has fields expire after milliseconds."""
        return self._run(("HPEXPIRE", name, _milliseconds(milliseconds), *options(nx=nx, xx=xx, gt=gt, lt=lt), *_fields(fields)))

    def hpexpireat(
        self,
        name: Key,
        unix_time_milliseconds: Moment,
        *fields: Value,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[list[int]]:
        """Has fields expire at a moment."""
        when = unix_ms(unix_time_milliseconds)
        return self._run(("HPEXPIREAT", name, when, *options(nx=nx, xx=xx, gt=gt, lt=lt), *_fields(fields)))

    def hpexpiretime(self, key: Key, *fields: Value) -> Reply[list[int]]:
        """When fields expire, as Unix times in milliseconds."""
        return self._run(("HPEXPIRETIME", key, *_fields(fields)))

    def hpttl(self, key: Key, *fields: Value) -> Reply[list[int]]:
        """How many milliseconds fields have left."""
        return self._run(("HPTTL", key, *_fields(fields)))

    def hrandfield(self, key: Key, count: int | None = None, withvalues: bool = False) -> Reply[Any]:
        """A field at random; with `count` a list, with `withvalues` of fields and values by turns."""
        words: list[Any] = [] if count is None else [count]
        return self._run(("HRANDFIELD", key, *words, *options(withvalues=withvalues)), flattened)

    def hscan(
        self,
        name: Key,
        cursor: int = 0,
        match: Key | None = None,
        count: int | None = None,
        no_values: bool | None = None,
    ) -> Reply[tuple[int, Any]]:
        """Some fields and the cursor for the next ones, 0 at the end. `hscan_iter` does the asking."""
        words: list[Any] = [] if match is None else ["MATCH", match]
        if count is not None:
            words += ["COUNT", count]
        if no_values:
            words.append("NOVALUES")
        return self._run(("HSCAN", name, cursor, *words), scanned if no_values else scanned_pairs)

    def hset(
        self,
        name: Key,
        key: Value | None = None,
        value: Value | None = None,
        mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None,
    ) -> Reply[int]:
        """Sets a field, those of a mapping, or those of a flat list: how many are new."""
        return self._run(("HSET", name, *_pairs(key, value, mapping, items)))

    def hsetex(
        self,
        name: Key,
        key: Value | None = None,
        value: Value | None = None,
        mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None,
        ex: Expiry | None = None,
        px: Expiry | None = None,
        exat: Moment | None = None,
        pxat: Moment | None = None,
        data_persist_option: Any = None,
        keepttl: bool = False,
        nx: bool = False,
        xx: bool = False,
        fnx: bool = False,
        fxx: bool = False,
    ) -> Reply[int]:
        """Sets fields and their expiry, all or none: 1, or 0 where a condition on the hash or the fields forbids it."""
        pairs = _pairs(key, value, mapping, items)
        words = [*chosen(data_persist_option), *options(nx=nx, xx=xx, fnx=fnx, fxx=fxx), *expiry(ex, px, exat, pxat, keepttl)]
        return self._run(("HSETEX", name, *words, "FIELDS", len(pairs) // 2, *pairs))

    def hsetnx(self, name: Key, key: Value, value: Value) -> Reply[int]:
        """Sets a field that does not exist: 1, or 0."""
        return self._run(("HSETNX", name, key, value))

    def hstrlen(self, name: Key, key: Value) -> Reply[int]:
        """The length of a field's value in bytes."""
        return self._run(("HSTRLEN", name, key))

    def httl(self, key: Key, *fields: Value) -> Reply[list[int]]:
        """How many seconds fields have left."""
        return self._run(("HTTL", key, *_fields(fields)))

    def hvals(self, name: Key) -> Reply[list[V]]:
        """All values."""
        return self._run(("HVALS", name))


def _fields(fields: tuple[Any, ...]) -> list[Any]:
    return ["FIELDS", len(fields), *fields]
