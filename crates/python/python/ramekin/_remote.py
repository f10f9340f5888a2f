"""A server as a `Backend`: commands go over TCP, TLS or a Unix socket.

Threads: a connection has one user at a time and goes back to those that idle. Event loops: each has connections of its own
(`_remote_async`). What must hold:

- A command that has not left is sent again, once, on a fresh connection; one that only reads, too. What may have been run and was
  not answered raises `ServerConnectionError`, and is never sent twice.
- No reply goes to another command: a connection whose replies have not all been taken is closed.
- A child of a fork opens connections of its own.
- `SELECT`, `CLIENT DURABILITY` and their like hold for all connections, those to come included.
- `WAITAOF` and `WAITSTORE` are about all that the calling thread, or the event loop, has written, by whichever connection.

Left out: following a cluster, replies that nobody asked for, and waiting for what a blocking pop took while its connection is
blocked in another thread.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Sequence
from sys import is_finalizing
from typing import TYPE_CHECKING, Any

from . import errors
from ._address import Target, parse
from ._connection import Connection, Lost
from ._kinds import FENCES, READS, REFUSED, SESSION, WAITING, name_of, seconds_of
from ._resp import encode, encode_many

if TYPE_CHECKING:
    from ._backend import Arg
    from ._changes import PolledChanges
    from ._remote_async import Lane

_MULTI, _EXEC = encode(["MULTI"]), encode(["EXEC"])
# What a fence answers when its time is up.
NOT_IN_TIME: dict[str, Any] = {"WAIT": 0, "WAITAOF": [0, 0], "WAITSTORE": 0}


class Remote:
    """Connections to one server.

    >>> remote = Remote("ramekin://127.0.0.1:6379")
    >>> remote.execute("SET", "greeting", "hello")
    'OK'
    """

    def __init__(self, address: str | Target, **options: Any) -> None:
        self.target = address if isinstance(address, Target) else parse(address, options)
        self.session: dict[str, tuple[Any, ...]] = {}  # what connections are set up with, by kind
        self.epoch = 0  # how often that has changed
        self.closed = False
        self._forget()
        _remotes.add(self)

    def _forget(self) -> None:
        """No connections: at the beginning, and in the child of a fork."""
        self._idle: list[Connection] = []
        self._idle_waiting: list[Connection] = []  # for commands that wait: nobody else's writes are on these
        self._all: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._local = threading.local()
        self._places = None if self.target.max_connections is None else threading.Semaphore(self.target.max_connections)
        self._loops: dict[int, Lane] = {}

    # What a `Backend` does.

    def execute(self, *args: Arg) -> Any:
        name = name_of(args)
        self.check(name)
        if name in SESSION and len(args) > 1:
            return self._set_up(name, args)
        if name in FENCES:
            return self._fence(name, args)
        timeout = self.target.timeout
        if timeout is not None and name in WAITING:
            timeout = self.time_for(name, args)
        reply = self._run(encode(args), 1, name, name in READS, timeout, name in WAITING)[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def execute_many(self, commands: Sequence[Sequence[Arg]], atomic: bool = False) -> list[Any]:
        if not commands:
            return []
        timeout, reads = self.time_for_many(commands, atomic)
        payload = encode_many(commands)
        if not atomic:
            return self._run(payload, len(commands), "the commands", reads, timeout)
        replies = self._run(_MULTI + payload + _EXEC, len(commands) + 2, "the transaction", False, timeout)
        return transaction_replies(replies) or []

    def execute_async(self, *args: Arg) -> Awaitable[Any]:
        return self._lane().execute(args)

    def execute_many_async(self, commands: Sequence[Sequence[Arg]], atomic: bool = False) -> Awaitable[list[Any]]:
        return self._lane().execute_many(commands, atomic)

    def watch(self, keys: Sequence[Arg]) -> RemoteWatching:
        watching = RemoteWatching(self, self._acquire(False))
        try:
            watching.execute("WATCH", *keys)
        except BaseException:
            watching.close()
            raise
        return watching

    def subscribe(self, match: Arg = b"*", callback: Callable[[dict[str, Any]], None] | None = None) -> PolledChanges:
        from ._changes import PolledChanges

        return PolledChanges(self, match, callback)

    def serve(self, port: int, host: str = "127.0.0.1") -> int:
        raise errors.RamekinError(f"{self.target} is a server already: other clients may connect to it")

    def close(self) -> None:
        """Ends all connections; who waits for a reply gets a `ClosedError`."""
        self.closed = True
        with self._lock:
            idle = self._idle + self._idle_waiting
            self._idle, self._idle_waiting = [], []
            rest = list(self._all)
            lanes, self._loops = list(self._loops.values()), {}
        for connection in idle:
            connection.close()
        for connection in rest:
            connection.shut()
        for lane in lanes:
            lane.close()

    def __del__(self, _is_ending: Callable[[], bool] = is_finalizing) -> None:
        # At the end of the interpreter the modules that closing takes may be gone; connections end with the process.
        if not getattr(self, "closed", True) and not _is_ending():
            self.close()

    # What `_remote_async` uses, too.

    def check(self, name: str) -> None:
        """Raises if nothing, or not this, may be sent."""
        if self.closed:
            raise errors.ClosedError("the database has been closed")
        if name in REFUSED:
            raise errors.CommandError(f"ERR {name} is not for connections that are shared: {REFUSED[name]}")

    def time_for(self, name: str, args: Sequence[Any]) -> float | None:
        """How long to wait for a reply: a waiting command's own time comes on top."""
        if self.target.timeout is None:
            return None
        if name not in WAITING and name not in FENCES:
            return self.target.timeout
        seconds = seconds_of(name, args)
        return None if seconds is None else seconds + self.target.timeout

    def time_for_many(self, commands: Sequence[Sequence[Any]], atomic: bool) -> tuple[float | None, bool]:
        """How long to wait for replies to all, and whether all only read. Raises if one may not be sent."""
        timeout, reads = self.target.timeout, True
        for args in commands:
            name = name_of(args)
            self.check(name)
            if name in SESSION and (atomic or len(args) > 1):
                raise errors.CommandError(f"ERR {name} holds for all connections: execute it by itself")
            reads = reads and name in READS
            if timeout is not None and (name in WAITING or name in FENCES) and not atomic:
                more = self.time_for(name, args)
                timeout = None if more is None else max(timeout, more)
        return timeout, reads

    def lost(self, name: str) -> errors.RamekinError:
        """The exception for what may or may not have been run."""
        if self.closed:
            return errors.ClosedError("the database has been closed")
        return errors.ServerConnectionError(f"the connection to {self.target} was lost before the reply: {name} may have been run")

    def remember(self, name: str, args: tuple[Any, ...]) -> None:
        """Each connection is set up so from now on."""
        with self._lock:
            if name in ("NAMESPACE USE", "SELECT"):
                self.session.pop(name, None)  # the later one goes last
                if name == "NAMESPACE USE":
                    self.session.pop("SELECT", None)
            self.session[name] = args
            self.epoch += 1

    # Connections.

    def _run(
        self,
        payload: bytes,
        count: int,
        name: str,
        again: bool,
        timeout: float | None,
        waits: bool = False,
    ) -> list[Any]:
        """Replies to a payload. `again`: it may be run twice; `waits`: it may take its time."""
        for attempt in (0, 1):
            connection = self._acquire(attempt > 0, waits)
            try:
                replies = connection.exchange(payload, count, timeout)
            except Lost as lost:
                self._drop(connection)
                if attempt or self.closed or (lost.sent and not again):
                    raise self.lost(name) from lost.__cause__
            except BaseException:
                self._drop(connection)
                raise
            else:
                if not again:
                    self.note_write(connection)
                self._release(connection, waits)
                return replies
        raise AssertionError("unreachable")

    def _acquire(self, fresh: bool, waits: bool = False) -> Connection:
        if self.closed:
            raise errors.ClosedError("the database has been closed")
        if self._places is not None:
            self._places.acquire()
        idle = self._idle_waiting if waits else self._idle
        try:
            while idle:
                try:
                    connection = idle.pop()
                except IndexError:  # another thread was faster
                    break
                if not fresh and connection.is_idle() and self._is_set_up(connection):
                    return connection
                self._discard(connection)
            with self._lock:
                epoch, setup = self.epoch, list(self.session.values())
            connection = Connection(self.target, setup)
            connection.epoch = epoch
            with self._lock:
                self._all.add(connection)
            if self.closed:  # meanwhile
                connection.close()
                raise errors.ClosedError("the database has been closed")
            return connection
        except BaseException:
            if self._places is not None:
                self._places.release()
            raise

    def _is_set_up(self, connection: Connection) -> bool:
        if connection.epoch == self.epoch:
            return True
        with self._lock:
            epoch, setup = self.epoch, list(self.session.values())
        try:
            replies = connection.exchange(encode_many(setup), len(setup), self.target.connect_timeout)
        except (Lost, errors.ServerTimeoutError):
            return False
        connection.epoch = epoch
        return not any(isinstance(reply, Exception) for reply in replies)

    def _release(self, connection: Connection, waits: bool = False) -> None:
        if self.closed:
            connection.close()
        else:
            (self._idle_waiting if waits else self._idle).append(connection)
        if self._places is not None:
            self._places.release()

    def _drop(self, connection: Connection) -> None:
        self._discard(connection)
        if self._places is not None:
            self._places.release()

    def _discard(self, connection: Connection) -> None:
        with self._lock:
            self._all.discard(connection)
        connection.close()

    def _set_up(self, name: str, args: tuple[Any, ...]) -> Any:
        reply = self._run(encode(args), 1, name, True, self.target.timeout)[0]
        if isinstance(reply, Exception):
            raise reply
        self.remember(name, args)
        return reply

    # Waiting for what was written.

    def note_write(self, connection: Connection) -> None:
        """This thread has written by this connection."""
        try:
            wrote: set[Connection] = self._local.wrote
        except AttributeError:
            wrote = self._local.wrote = set()
            self._local.lost = False
        if connection not in wrote:
            gone = {other for other in wrote if other.closed}
            if gone:
                wrote -= gone
                self._local.lost = True
            wrote.add(connection)

    def _fence(self, name: str, args: tuple[Any, ...]) -> Any:
        """The least of what the connections answer by which this thread has written."""
        wrote: set[Connection] = getattr(self._local, "wrote", set())
        lost = getattr(self._local, "lost", False) or any(connection.closed for connection in wrote)
        self._local.wrote, self._local.lost = set(), False
        if lost:
            return self._fence_all(name)
        if not wrote:
            return self._answer(self._run(encode(args), 1, name, True, self.time_for(name, args)))
        limit = seconds_of(name, args)
        deadline = None if limit is None else time.monotonic() + limit
        answers = []
        for connection in wrote:
            if not self._claim(connection, deadline):
                self._local.wrote |= wrote
                return NOT_IN_TIME[name]
            try:
                answers.append(self._answer(connection.exchange(encode(args), 1, self.time_for(name, args))))
            except Lost:
                self._drop(connection)
                return self._fence_all(name)
            except errors.ServerTimeoutError:
                self._drop(connection)
                raise
            except BaseException:
                self._local.wrote |= wrote
                self._release(connection)
                raise
            self._release(connection)
        least = min(answers)
        if not (least if isinstance(least, int) else least[0]):
            self._local.wrote |= wrote
        return least

    def _claim(self, connection: Connection, deadline: float | None) -> bool:
        """Takes this connection as soon as nobody uses it. False: not in time."""
        while True:
            for idle in (self._idle, self._idle_waiting):
                try:
                    idle.remove(connection)
                except ValueError:
                    continue
                if self._places is not None:
                    self._places.acquire()
                return True
            if connection.closed or (deadline is not None and time.monotonic() > deadline):
                return False
            time.sleep(0.0005)

    def _fence_all(self, name: str) -> Any:
        """A connection that had written is gone, so all is waited for, where that can be asked for."""
        self.check_fence(name)
        self.execute("FLUSH")
        return 1

    def check_fence(self, name: str) -> None:
        """Raises if there is no way to wait for what a lost connection has written."""
        if name != "WAITSTORE":
            raise errors.ServerConnectionError(f"a connection that had written was lost: {name} does not know of its writes")

    @staticmethod
    def _answer(replies: list[Any]) -> Any:
        if isinstance(replies[0], Exception):
            raise replies[0]
        return replies[0]

    def _lane(self) -> Lane:
        """The connections of the running event loop."""
        from asyncio import get_running_loop

        loop = get_running_loop()
        lane = self._loops.get(id(loop))
        if lane is None or lane.loop is not loop:
            from ._remote_async import Lane

            self.check("")
            with self._lock:
                gone = [key for key, other in self._loops.items() if other.loop.is_closed()]
                closed = [self._loops.pop(key) for key in gone]
                lane = self._loops[id(loop)] = Lane(self, loop)
            for other in closed:
                other.close()
        return lane


class RemoteWatching:
    """Keys that are watched, on a connection of their own. For one thread at a time."""

    def __init__(self, remote: Remote, connection: Connection) -> None:
        self._remote = remote
        self._connection: Connection | None = connection
        self._wrote = False

    def execute(self, *args: Arg) -> Any:
        reply = self._exchange(encode(args), 1)[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def commit(self, commands: Sequence[Sequence[Arg]]) -> list[Any] | None:
        self._remote.time_for_many(commands, True)
        replies = self._exchange(_MULTI + encode_many(commands) + _EXEC, len(commands) + 2)
        self._wrote = True
        return transaction_replies(replies)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.exchange(encode(["UNWATCH"]), 1, self._remote.target.timeout)
        except (Lost, errors.ServerTimeoutError):
            self._remote._drop(connection)
        except BaseException:  # interrupted: the reply may still come
            self._remote._drop(connection)
            raise
        else:
            if self._wrote:
                self._remote.note_write(connection)
            self._remote._release(connection)

    def _exchange(self, payload: bytes, count: int) -> list[Any]:
        if self._connection is None:
            raise errors.ClosedError("this watch is over: watch again")
        try:
            return self._connection.exchange(payload, count, self._remote.target.timeout)
        except BaseException as failed:
            connection, self._connection = self._connection, None
            self._remote._drop(connection)
            if isinstance(failed, Lost):
                raise self._remote.lost("the transaction") from failed.__cause__
            raise


def transaction_replies(replies: list[Any]) -> list[Any] | None:
    """What EXEC answered; None: a watched key has changed. A command that could not be queued raises its error."""
    for reply in replies[:-1]:
        if isinstance(reply, Exception):
            raise reply
    if isinstance(replies[-1], Exception):
        raise replies[-1]
    answered: list[Any] | None = replies[-1]
    return answered


_remotes: weakref.WeakSet[Remote] = weakref.WeakSet()


def _in_child() -> None:
    for remote in list(_remotes):
        connections, lanes = list(remote._all), list(remote._loops.values())
        remote._forget()
        for connection in connections:
            connection.close()
        for lane in lanes:
            lane.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
