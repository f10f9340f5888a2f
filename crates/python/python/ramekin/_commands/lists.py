"""Commands about lists. `timeout` is in seconds, 0 waits without end."""

from __future__ import annotations

from typing import Any

from .base import Base, Key, Reply, V, Value, listed
from .replies import ok, pair


class Lists(Base[V]):
    def blmove(self, first_list: Key, second_list: Key, timeout: float, src: str = "LEFT", dest: str = "RIGHT") -> Reply[V | None]:
        """Like `lmove`; waits for an element."""
        return self._run(("BLMOVE", first_list, second_list, src, dest, timeout))

    def blmpop(self, timeout: float, numkeys: int, *args: Key, direction: str, count: int | None = 1) -> Reply[Any]:
        """Like `lmpop`; waits for an element."""
        return self._run(("BLMPOP", timeout, numkeys, *args, direction, "COUNT", 1 if count is None else count))

    def blpop(self, keys: Any, timeout: float | None = 0) -> Reply[tuple[V, V] | None]:
        """The first element of the first list that has one, and the list's key; waits for it."""
        return self._run(("BLPOP", *listed(keys), timeout or 0), pair)

    def brpop(self, keys: Any, timeout: float | None = 0) -> Reply[tuple[V, V] | None]:
        """The last element of the first list that has one, and the list's key; waits for it."""
        return self._run(("BRPOP", *listed(keys), timeout or 0), pair)

    def brpoplpush(self, src: Key, dst: Key, timeout: float | None = 0) -> Reply[V | None]:
        """Like `rpoplpush`; waits for an element."""
        return self._run(("BRPOPLPUSH", src, dst, timeout or 0))

    def lindex(self, name: Key, index: int) -> Reply[V | None]:
        """An element by its place."""
        return self._run(("LINDEX", name, index))

    def linsert(self, name: Key, where: str, refvalue: Value, value: Value) -> Reply[int]:
        """Inserts `BEFORE` or `AFTER` an element: the list's length, -1 if there is no such element."""
        return self._run(("LINSERT", name, where, refvalue, value))

    def llen(self, name: Key) -> Reply[int]:
        """How many elements a list has."""
        return self._run(("LLEN", name))

    def lmove(self, first_list: Key, second_list: Key, src: str = "LEFT", dest: str = "RIGHT") -> Reply[V | None]:
        """Takes an element from one end of a list, puts it to an end of another, and returns it."""
        return self._run(("LMOVE", first_list, second_list, src, dest))

    def lmpop(self, num_keys: int, *args: Key, direction: str, count: int | None = 1) -> Reply[Any]:
        """Elements from an end (`LEFT`, `RIGHT`) of the first list that has some: `[key, elements]`, or None."""
        return self._run(("LMPOP", num_keys, *args, direction, "COUNT", 1 if count is None else count))

    def lpop(self, name: Key, count: int | None = None) -> Reply[Any]:
        """Takes the first element; with `count` a list of the first ones."""
        return self._run(("LPOP", name) if count is None else ("LPOP", name, count))

    def lpos(
        self,
        name: Key,
        value: Value,
        rank: int | None = None,
        count: int | None = None,
        maxlen: int | None = None,
    ) -> Reply[Any]:
        """Where an element is, None if nowhere; with `count` a list of places."""
        words: list[Any] = [] if rank is None else ["RANK", rank]
        if count is not None:
            words += ["COUNT", count]
        if maxlen is not None:
            words += ["MAXLEN", maxlen]
        return self._run(("LPOS", name, value, *words))

    def lpush(self, name: Key, *values: Value) -> Reply[int]:
        """Puts elements before the first, each before the other: the list's length."""
        return self._run(("LPUSH", name, *values))

    def lpushx(self, name: Key, *values: Value) -> Reply[int]:
        """Like `lpush`, if the list exists."""
        return self._run(("LPUSHX", name, *values))

    def lrange(self, name: Key, start: int, end: int) -> Reply[list[V]]:
        """Elements by their places, both ends included; -1 is the last."""
        return self._run(("LRANGE", name, start, end))

    def lrem(self, name: Key, count: int, value: Value) -> Reply[int]:
        """Removes so many elements that equal a value, from the end if negative, all if 0."""
        return self._run(("LREM", name, count, value))

    def lset(self, name: Key, index: int, value: Value) -> Reply[bool]:
        """Replaces an element."""
        return self._run(("LSET", name, index, value), ok)

    def lsize(self, name: Key) -> Reply[int]:
        """How many elements a list has: another name for `llen`."""
        return self._run(("LSIZE", name))

    def ltrim(self, name: Key, start: int, end: int) -> Reply[bool]:
        """Keeps these elements and removes the others."""
        return self._run(("LTRIM", name, start, end), ok)

    def rpop(self, name: Key, count: int | None = None) -> Reply[Any]:
        """Takes the last element; with `count` a list of the last ones."""
        return self._run(("RPOP", name) if count is None else ("RPOP", name, count))

    def rpoplpush(self, src: Key, dst: Key) -> Reply[V | None]:
        """Takes the last element of a list, puts it first in another, and returns it."""
        return self._run(("RPOPLPUSH", src, dst))

    def rpush(self, name: Key, *values: Value) -> Reply[int]:
        """Puts elements behind the last: the list's length."""
        return self._run(("RPUSH", name, *values))

    def rpushx(self, name: Key, *values: Value) -> Reply[int]:
        """Like `rpush`, if the list exists."""
        return self._run(("RPUSHX", name, *values))
