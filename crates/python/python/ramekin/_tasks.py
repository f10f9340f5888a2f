"""What tasks need and `asyncio` has not, or not in every version: a time limit that forgets no cancellation, a lock for all loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")

# How long a task waits before it asks again for what a task of another loop holds.
_PAUSE = 0.002


async def within(awaitable: Awaitable[T], seconds: float | None) -> T:
    """The result, or `asyncio.TimeoutError`. Up to Python 3.11 `asyncio.wait_for` forgets a cancellation that comes along with the result."""
    future = asyncio.ensure_future(awaitable)
    try:
        done, _ = await asyncio.wait((future,), timeout=seconds)
    except asyncio.CancelledError:
        future.cancel()
        raise
    if not done:
        future.cancel()
        raise asyncio.TimeoutError
    return future.result()


class Turn:
    """A lock for the tasks of all loops and threads, for what is seldom done.

    async with turn:
        ...
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        while not self._lock.acquire(blocking=False):
            await asyncio.sleep(_PAUSE)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.release()
