"""Whether a socket has something to say, asked of the system: by `poll`, or by `select` where there is none (Windows)."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import socket


class Looking(Protocol):
    """Looks at one socket."""

    def poll(self, timeout: float | None = None, /) -> list[Any]:
        """Not empty once it has something to read, the end and errors included; waits so many milliseconds, None: without end."""


class _Select:
    """The same as `poll`, which here is needed for one socket only."""

    __slots__ = ("_read", "_write")

    def __init__(self, socket: socket.socket | int, writes: bool) -> None:
        self._read = [socket]
        self._write = [socket] if writes else []

    def poll(self, timeout: float | None = None, /) -> list[Any]:
        try:
            found = select.select(self._read, self._write, self._read, None if timeout is None else timeout / 1000)
        except (OSError, ValueError):  # it was closed
            return [*self._read]
        return [*found[0], *found[1], *found[2]]


def look(socket: socket.socket | int, writes: bool = False) -> Looking:
    """Looks at a connected socket; with `writes` also for whether it takes bytes."""
    if not hasattr(select, "poll"):
        return _Select(socket, writes)
    looking = select.poll()
    looking.register(socket, select.POLLIN | select.POLLOUT if writes else select.POLLIN)
    return looking
