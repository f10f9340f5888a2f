"""Commands about keys of any type."""

from __future__ import annotations

from typing import Any

from .base import Base, Expiry, Key, Moment, Reply, V, listed, milliseconds, options, seconds, unix, unix_ms
from .replies import ok, scanned


class Keys(Base[V]):
    def copy(self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False) -> Reply[bool]:
        """Copies a value to another key: False if that exists and `replace` is not said."""
        words: list[Any] = [] if destination_db is None else ["DB", destination_db]
        return self._run(("COPY", source, destination, *words, *options(replace=replace)), bool)

    def delete(self, *names: Key) -> Reply[int]:
        """Deletes keys: how many there were."""
        return self._run(("DEL", *names))

    def dump(self, name: Key) -> Reply[bytes | None]:
        """A value as bytes that `restore` takes."""
        return self._run(("DUMP", name), None, True)

    def exists(self, *names: Key) -> Reply[int]:
        """How many of these keys exist."""
        return self._run(("EXISTS", *names))

    def expire(
        self,
        name: Key,
        time: Expiry,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[bool]:
        """Has a key expire after seconds: False if there is none, or a condition forbids it."""
        return self._run(("EXPIRE", name, seconds(time), *options(nx=nx, xx=xx, gt=gt, lt=lt)), bool)

    def expireat(
        self,
        name: Key,
        when: Moment,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[bool]:
        """Has a key expire at a moment, a Unix time in seconds or a datetime."""
        return self._run(("EXPIREAT", name, unix(when), *options(nx=nx, xx=xx, gt=gt, lt=lt)), bool)

    def expiretime(self, key: Key) -> Reply[int]:
        """When a key expires as a Unix time in seconds; -1 never, -2 there is none."""
        return self._run(("EXPIRETIME", key))

    def keys(self, pattern: Key = "*") -> Reply[list[V]]:
        """All keys that match a pattern. `scan_iter` returns them bit by bit."""
        return self._run(("KEYS", pattern))

    def move(self, name: Key, db: int) -> Reply[bool]:
        """Moves a key to another database."""
        return self._run(("MOVE", name, db), bool)

    def object(self, infotype: str, key: Key) -> Reply[Any]:
        """`encoding`, `freq`, `idletime` or `refcount` of a value."""
        return self._run(("OBJECT", infotype, key))

    def persist(self, name: Key) -> Reply[bool]:
        """A key does not expire any more."""
        return self._run(("PERSIST", name), bool)

    def pexpire(
        self,
        name: Key,
        time: Expiry,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[bool]:
        """Has a key expire after milliseconds."""
        return self._run(("PEXPIRE", name, milliseconds(time), *options(nx=nx, xx=xx, gt=gt, lt=lt)), bool)

    def pexpireat(
        self,
        name: Key,
        when: Moment,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Reply[bool]:
        """Has a key expire at a moment, a Unix time in milliseconds or a datetime."""
        return self._run(("PEXPIREAT", name, unix_ms(when), *options(nx=nx, xx=xx, gt=gt, lt=lt)), bool)

    def pexpiretime(self, key: Key) -> Reply[int]:
        """When a key expires as a Unix time in milliseconds."""
        return self._run(("PEXPIRETIME", key))

    def pttl(self, name: Key) -> Reply[int]:
        """How many milliseconds a key has left; -1 it does not expire, -2 there is none."""
        return self._run(("PTTL", name))

    def randomkey(self) -> Reply[V | None]:
        """Any key, None if there is none."""
        return self._run(("RANDOMKEY",))

    def rename(self, src: Key, dst: Key) -> Reply[bool]:
        """Gives a value another key, in place of what that has."""
        return self._run(("RENAME", src, dst), ok)

    def renamenx(self, src: Key, dst: Key) -> Reply[bool]:
        """Gives a value another key if that does not exist."""
        return self._run(("RENAMENX", src, dst), bool)

    def restore(
        self,
        name: Key,
        ttl: float,
        value: bytes,
        replace: bool = False,
        absttl: bool = False,
        idletime: int | None = None,
        frequency: int | None = None,
    ) -> Reply[V]:
        """Makes a key of what `dump` returned, with a time to live in milliseconds, 0 for none."""
        words: list[Any] = options(replace=replace, absttl=absttl)
        if idletime is not None:
            words += ["IDLETIME", idletime]
        if frequency is not None:
            words += ["FREQ", frequency]
        return self._run(("RESTORE", name, ttl, value, *words), self._word)

    def scan(
        self,
        cursor: int = 0,
        match: Key | None = None,
        count: int | None = None,
        _type: str | None = None,
    ) -> Reply[tuple[int, list[V]]]:
        """Some keys and the cursor for the next ones, 0 at the end. `scan_iter` does the asking."""
        words: list[Any] = [] if match is None else ["MATCH", match]
        if count is not None:
            words += ["COUNT", count]
        if _type is not None:
            words += ["TYPE", _type]
        return self._run(("SCAN", cursor, *words), scanned)

    def sort(
        self,
        name: Key,
        start: int | None = None,
        num: int | None = None,
        by: Key | None = None,
        get: Any = None,
        desc: bool = False,
        alpha: bool = False,
        store: Key | None = None,
        groups: bool | None = False,
    ) -> Reply[Any]:
        """The elements in order, or what `get` says of each; with `groups` as tuples; with `store` how many were stored."""
        words = _sorting(start, num, by, get, desc, alpha)
        if store is not None:
            words += ["STORE", store]
        wide = len(listed(get)) if groups and get is not None else 0
        return self._run(("SORT", name, *words), (lambda reply: _grouped(reply, wide)) if wide > 1 else None)

    def sort_ro(
        self,
        key: Key,
        start: int | None = None,
        num: int | None = None,
        by: Key | None = None,
        get: Any = None,
        desc: bool = False,
        alpha: bool = False,
    ) -> Reply[list[Any]]:
        """Like `sort`; stores nothing."""
        return self._run(("SORT_RO", key, *_sorting(start, num, by, get, desc, alpha)))

    def touch(self, *args: Key) -> Reply[int]:
        """Counts keys as used: how many there are."""
        return self._run(("TOUCH", *args))

    def ttl(self, name: Key) -> Reply[int]:
        """How many seconds a key has left; -1 it does not expire, -2 there is none."""
        return self._run(("TTL", name))

    def type(self, name: Key) -> Reply[V]:
        """`string`, `list`, `hash`, …, or `none`."""
        return self._run(("TYPE", name), self._word)

    def unlink(self, *names: Key) -> Reply[int]:
        """Deletes keys: how many there were."""
        return self._run(("UNLINK", *names))


def _sorting(start: Any, num: Any, by: Any, get: Any, desc: bool, alpha: bool) -> list[Any]:
    words: list[Any] = [] if by is None else ["BY", by]
    if start is not None and num is not None:
        words += ["LIMIT", start, num]
    for pattern in [] if get is None else listed(get):
        words += ["GET", pattern]
    return words + options(desc=desc, alpha=alpha)


def _grouped(reply: Any, wide: int) -> Any:
    return list(zip(*[iter(reply)] * wide)) if isinstance(reply, list) else reply
