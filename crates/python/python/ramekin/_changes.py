"""Changes of keys, asked for again and again: for a backend that is not told of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import errors

if TYPE_CHECKING:
    from ._backend import Arg, Backend

# Between two questions, in seconds: at first, and as long as nothing happens.
_PAUSE_MIN, _PAUSE_MAX = 0.02, 0.1
_AT_ONCE = 1000


class PolledChanges:
    """A subscription that asks `CHANGES`. With a callback a thread asks; without, `get` does."""

    def __init__(self, backend: Backend, match: Arg, callback: Callable[[dict[str, Any]], None] | None) -> None:
        self._backend = backend
        self._match = match
        self._callback = callback
        self._found: deque[dict[str, Any]] = deque()
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._cursor = backend.execute("CHANGES")[0]
        self._thread: threading.Thread | None = None
        if callback is not None:
            self._thread = threading.Thread(target=self._call, name="ramekin-changes", daemon=True)
            self._thread.start()

    def get(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next change; None when the time is up, in seconds, or the subscription is closed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _PAUSE_MIN
        while not self._ended.is_set():
            with self._turn:
                if not self._found:
                    self._ask()
                if self._found:
                    return self._found.popleft()
            rest = pause if deadline is None else min(pause, deadline - time.monotonic())
            if rest <= 0:
                return None
            self._ended.wait(rest)
            pause = min(pause * 1.5, _PAUSE_MAX)
        return None

    def close(self) -> None:
        """No more changes. Waits for a callback that is under way, unless it is that which closes."""
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _ask(self) -> None:
        cursor, lost, changes = self._backend.execute("CHANGES", "SINCE", self._cursor, "COUNT", _AT_ONCE, "MATCH", self._match)
        self._cursor = cursor
        if lost:
            self._found.append({"key": b"", "db": 0, "event": "lost"})
        for db, key, event, lsn in changes:
            event = event.decode() if isinstance(event, bytes) else event
            self._found.append({"key": key, "db": db, "event": event, "lsn": lsn})

    def _call(self) -> None:
        assert self._callback is not None
        while not self._ended.is_set():
            try:
                change = self.get(1.0)
            except errors.ClosedError:
                return
            except errors.RamekinError as failed:
                _log("asking for changes failed, and is tried again: %s", failed)
                self._ended.wait(1.0)
                continue
            if change is not None:
                try:
                    self._callback(change)
                except Exception:
                    _log("a callback for changes failed", trace=True)


def _log(text: str, *words: Any, trace: bool = False) -> None:
    import logging

    logging.getLogger("ramekin").warning(text, *words, exc_info=trace)
