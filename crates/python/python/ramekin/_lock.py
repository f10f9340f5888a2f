"""Locks that all clients of a database share: a key with the holder's token, which expires.

Only who holds the token gives it back or extends it. After `timeout` seconds the lock is free, whatever its holder does: what must
not happen twice needs a check of its own. Without `timeout` a holder that dies keeps it until somebody deletes the key.
"""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .errors import LockError, LockNotOwnedError

if TYPE_CHECKING:
    from ._async import AsyncDatabase
    from ._sync import Database


class _Holder:
    """Where the token is, if it is held."""

    token: bytes | None = None


class _LocalHolder(threading.local):
    token: bytes | None = None


class _Terms:
    """What both kinds of locks know."""

    def __init__(self, name: str, timeout: float | None, sleep: float, blocking: bool, blocking_timeout: float | None) -> None:
        self.name = name
        self.timeout = timeout
        self.sleep = sleep
        self.blocking = blocking
        self.blocking_timeout = blocking_timeout
        self.local: Any = _Holder()

    def _deadline(self, blocking_timeout: float | None) -> float | None:
        seconds = self.blocking_timeout if blocking_timeout is None else blocking_timeout
        return None if seconds is None else time.monotonic() + seconds

    def _try(self, token: bytes) -> tuple[Any, ...]:
        words: tuple[Any, ...] = () if self.timeout is None else ("PX", round(self.timeout * 1000))
        return ("SET", self.name, token, "NX", *words)

    def _held(self) -> bytes:
        if self.local.token is None:
            raise LockError(f"the lock {self.name!r} is not held")
        token: bytes = self.local.token
        return token

    def _extended(self, token: bytes, left_ms: int, seconds: float, replace: bool) -> tuple[Any, ...]:
        if self.timeout is None:
            raise LockError(f"the lock {self.name!r} has no timeout to extend")
        ms = round(seconds * 1000) + (0 if replace else max(left_ms, 0))
        return ("SET", self.name, token, "IFEQ", token, "PX", ms)

    def _refused(self) -> LockNotOwnedError:
        return LockNotOwnedError(f"the lock {self.name!r} is not held any more: its time was over, or it was deleted")


class Lock(_Terms):
    """A lock for threads.

    >>> with db.lock("report", timeout=30):
    ...     pass
    """

    def __init__(
        self,
        db: Database[Any],
        name: str,
        timeout: float | None = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
    ) -> None:
        super().__init__(name, timeout, sleep, blocking, blocking_timeout)
        self._db = db.backend
        if thread_local:
            self.local = _LocalHolder()

    def acquire(
        self,
        sleep: float | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: str | None = None,
    ) -> bool:
        """True once the lock is held; False if it is not to be had, or not in time."""
        mine = os.urandom(16).hex().encode() if token is None else token.encode()
        deadline = self._deadline(blocking_timeout)
        pause = self.sleep if sleep is None else sleep
        while self._db.execute(*self._try(mine)) is None:
            if not (self.blocking if blocking is None else blocking):
                return False
            if deadline is not None and time.monotonic() + pause > deadline:
                return False
            time.sleep(pause)
        self.local.token = mine
        return True

    def release(self) -> None:
        """Gives the lock back."""
        token = self._held()
        self.local.token = None
        if not self._db.execute("DELIFEQ", self.name, token):
            raise self._refused()

    def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        """Adds to the time that is left, or replaces it."""
        token = self._held()
        if self._db.execute(*self._extended(token, self._db.execute("PTTL", self.name), additional_time, replace_ttl)) is None:
            raise self._refused()
        return True

    def reacquire(self) -> bool:
        """The time begins anew."""
        return self.extend(self.timeout or 0, True)

    def locked(self) -> bool:
        """Somebody holds it."""
        return self._db.execute("GET", self.name) is not None

    def owned(self) -> bool:
        """This one holds it."""
        return self.local.token is not None and bool(self._db.execute("GET", self.name) == self.local.token)

    def __enter__(self) -> Lock:
        if not self.acquire():
            raise LockError(f"the lock {self.name!r} was not to be had in time")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


class AsyncLock(_Terms):
    """A lock for tasks.

    >>> async with db.lock("report", timeout=30):
    ...     pass
    """

    def __init__(
        self,
        db: AsyncDatabase[Any],
        name: str,
        timeout: float | None = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
    ) -> None:
        super().__init__(name, timeout, sleep, blocking, blocking_timeout)
        self._db = db.backend

    async def acquire(
        self,
        sleep: float | None = None,
        blocking: bool | None = None,
        blocking_timeout: float | None = None,
        token: str | None = None,
    ) -> bool:
        """True once the lock is held; False if it is not to be had, or not in time."""
        import asyncio

        mine = os.urandom(16).hex().encode() if token is None else token.encode()
        deadline = self._deadline(blocking_timeout)
        pause = self.sleep if sleep is None else sleep
        while await self._db.execute_async(*self._try(mine)) is None:
            if not (self.blocking if blocking is None else blocking):
                return False
            if deadline is not None and time.monotonic() + pause > deadline:
                return False
            await asyncio.sleep(pause)
        self.local.token = mine
        return True

    async def release(self) -> None:
        """Gives the lock back."""
        token = self._held()
        self.local.token = None
        if not await self._db.execute_async("DELIFEQ", self.name, token):
            raise self._refused()

    async def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        """Adds to the time that is left, or replaces it."""
        token = self._held()
        left = await self._db.execute_async("PTTL", self.name)
        if await self._db.execute_async(*self._extended(token, left, additional_time, replace_ttl)) is None:
            raise self._refused()
        return True

    async def reacquire(self) -> bool:
        """The time begins anew."""
        return await self.extend(self.timeout or 0, True)

    async def locked(self) -> bool:
        """Somebody holds it."""
        return await self._db.execute_async("GET", self.name) is not None

    async def owned(self) -> bool:
        """This one holds it."""
        return self.local.token is not None and bool(await self._db.execute_async("GET", self.name) == self.local.token)

    async def __aenter__(self) -> AsyncLock:
        if not await self.acquire():
            raise LockError(f"the lock {self.name!r} was not to be had in time")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.release()
