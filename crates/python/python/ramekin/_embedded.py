"""The engine in this process as a `Backend`.

Commands run where they are called, in the native module; what only a connection to a server can have (blocking, WATCH, CONFIG, a
selected namespace), and what an event loop would have to wait for, goes over a connection to the engine's own event loop. What must hold:

- Once something is selected or set for connections (`SELECT`, `NAMESPACE USE`, `CLIENT DURABILITY`), all commands go by them.
- At the end of the interpreter, and on SIGTERM where nobody else takes it, all databases are closed, within `EXIT_SECONDS`.
- A child of a fork uses nothing that its parent has opened: every call raises `ForkedError`.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import threading
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _native  # loads the module
from . import _ramekin
from ._kinds import FENCES, SESSION, name_of

if TYPE_CHECKING:
    from ._backend import Arg, Subscription, Watching
    from ._remote import Remote

# All databases together have so long to be closed when the process ends.
EXIT_SECONDS = 10.0


class Embedded(_ramekin.Engine):
    """An open database of this process.

    >>> engine = Embedded("./data")
    >>> engine.execute("SET", "greeting", "hello")
    'OK'
    """

    _wire: Remote | None = None
    _making = threading.Lock()

    def __init__(self, address: str | None = None, directives: dict[str, Any] | None = None, db: int = 0) -> None:
        watch_the_end()

    # What a `Backend` does.

    def execute(self, *args: Arg) -> Any:
        reply = super().execute(*args)
        if reply is NotImplemented:
            if (name := name_of(args)) in FENCES:
                return self._fence(name, args)
            reply = self.wire.execute(*args)
            if name in SESSION and len(args) > 1:
                self._go_by_wire()
        return reply

    def execute_many(self, commands: Sequence[Sequence[Arg]], atomic: bool = False) -> list[Any]:
        replies: Any = super().execute_many(commands, atomic)
        if replies is NotImplemented:
            return self.wire.execute_many(commands, atomic)
        return replies  # type: ignore[no-any-return]

    def execute_many_async(self, commands: Sequence[Sequence[Arg]], atomic: bool = False) -> Awaitable[list[Any]]:
        replies = self.try_many(commands, atomic)
        if replies is NotImplemented:
            return self.wire.execute_many_async(commands, atomic)
        return _ramekin.ready(replies)

    def watch(self, keys: Sequence[Arg]) -> Watching:
        return self._watch(keys) or self.wire.watch(keys)

    def _fence(self, name: str, args: Sequence[Any]) -> Any:
        """Waits for all that this process has changed, by whichever connection or none."""
        if name == "WAITSTORE" and len(args) == 2:
            timeout = float(args[1]) / 1000
            return int(self._settle(timeout or None))
        if name == "WAITAOF" and len(args) == 4 and int(args[1]) <= 1 and not int(args[2]):
            if int(args[1]):
                self._sync()
            return [int(args[1]), 0]
        return self.wire.execute(*args)

    def subscribe(self, match: Arg = b"*", callback: Callable[[dict[str, Any]], None] | None = None) -> Subscription:
        from ._changes import PolledChanges

        return PolledChanges(self, match, callback)

    def serve(self, port: int, host: str = "127.0.0.1") -> int:
        return self._serve(port, host)[1]

    def close(self, timeout: float = EXIT_SECONDS) -> None:
        """Makes everything durable and lets go of the folder, unless it is open elsewhere in this process."""
        if self._wire is not None:
            self._wire.closed = True  # who still waits there is told that it was closed, not lost
        if not self._leave(timeout):
            _log("the database was not closed within %g s: what was acknowledged is in the log, the rest goes on", timeout)
        if self._wire is not None:
            self._wire.close()

    def configure(self, name: str, value: Any) -> None:
        """Changes a directive while the database is open."""
        self.execute("CONFIG", "SET", name.replace("_", "-"), value)

    # Connections.

    @property
    def wire(self) -> Remote:
        """Connections of this process to its own database."""
        if self._wire is None:
            with self._making:
                if self._wire is None:
                    from ._address import Target
                    from ._remote import Remote

                    opener = weakref.WeakMethod(self._open_socket)
                    self._wire = Remote(Target(opener=lambda: _alive(opener)(), db=self.db))
        return self._wire

    def _open_socket(self) -> socket.socket:
        return socket.socket(fileno=self.connect())

    def _by_wire(self, *args: Arg) -> Awaitable[Any]:
        """What the native module hands over since an event loop would have to wait for it."""
        if (name := name_of(args)) in FENCES:
            from asyncio import to_thread

            return to_thread(self._fence, name, args)
        reply = self.wire.execute_async(*args)
        if name in SESSION and len(args) > 1:
            self._go_by_wire()
        return reply


def _alive(method: weakref.WeakMethod[Callable[[], socket.socket]]) -> Callable[[], socket.socket]:
    from . import errors

    found = method()
    if found is None:
        raise errors.ClosedError("the database has been closed")
    return found


# The end of the process.

_watches = False


def watch_the_end() -> None:
    """From the first database on. Only the main thread may take signals."""
    global _watches
    if not _watches:
        _watches = True
        os.register_at_fork(after_in_child=_ramekin.after_fork)
        atexit.register(_close_all)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _close_all() -> None:
    late = _ramekin.close_all(EXIT_SECONDS)
    if late:
        _log("%d databases were not closed within %g s: what was acknowledged is in their logs", late, EXIT_SECONDS)


def _on_sigterm(number: int, frame: object) -> None:
    """Closes all, and ends the process as if nobody had taken the signal."""
    _close_all()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def _log(text: str, *words: Any) -> None:
    import logging

    logging.getLogger("ramekin").warning(text, *words)
