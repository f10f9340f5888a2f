"""`Database`: commands as methods, for threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

from . import errors
from ._backend import Backend, Subscription
from ._commands import Commands, V
from ._commands.base import options
from ._commands.replies import decoded, word
from ._lock import Lock
from ._native import Engine, Strings
from ._opening import Address, from_url, open_address
from ._pipeline import Pipeline, str_or


class Database(Strings, Commands[V]):
    """A database in this process, or a server's.

    >>> with Database("./data") as db:
    ...     db.set("greeting", "hello")
    ...     db.get("greeting")
    True
    b'hello'

    `address` is a folder (None: `./data`), `memory:`, what lies behind (`sqlite:`, `postgresql://…`, `redis://…`, with the log in
    `./data` or in the folder that `dir` names), or a server by `ramekin://host:port`. Directives are the server's, with `_` for
    `-`: `appendfsync="always"`. Any thread may use it.
    """

    def __init__(self, address: Address = None, *, decode_responses: bool = False, **directives: Any) -> None:
        self._backend: Backend = open_address(address, directives)
        self._decode = decode_responses
        if not decode_responses:
            self._word = word
            if isinstance(self._backend, Engine):
                self._attach(self._backend)

    @classmethod
    def from_url(cls, url: str, **directives: Any) -> Database[V]:
        """As redis-py has it: `redis://`, `rediss://` and `unix://` name a server to talk to."""
        return cls(from_url(url), **directives)

    @property
    def backend(self) -> Backend:
        """Where commands run."""
        return self._backend

    def _run(self, args: tuple[Any, ...], convert: Callable[[Any], Any] | None = None, raw: bool = False) -> Any:
        reply = self._backend.execute(*args)
        if self._decode and not raw:
            reply = decoded(reply)
        return reply if convert is None else convert(reply)

    def execute(self, *args: Any) -> Any:
        """Any command, and its reply as it is: `db.execute("SET", "k", "v")` is `"OK"`."""
        return self._run(args)

    def execute_command(self, *args: Any) -> Any:
        """Like `execute`; the name may be of two words: `db.execute_command("CONFIG GET", "save")`."""
        return self._run((*str_or(args[0]), *args[1:]))

    def execute_many(self, commands: Sequence[Sequence[Any]], atomic: bool = False) -> list[Any]:
        """Many commands at once; errors are items of the list. `atomic`: no other command comes between."""
        replies = self._backend.execute_many(commands, atomic)
        return [decoded(reply) for reply in replies] if self._decode else replies

    # Transactions.

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline[V]:
        """Commands that are sent together; with `transaction` no other command comes between."""
        return Pipeline(self._backend, self._decode, transaction)

    def watch(self, *names: Any) -> Pipeline[V]:
        """A pipeline that watches keys: `with db.watch("stock") as pipe:`, read, `pipe.multi()`, write, `pipe.execute()`."""
        pipeline = self.pipeline()
        pipeline.watch(*names)
        return pipeline

    def transaction(
        self,
        func: Callable[[Pipeline[V]], Any],
        *watches: Any,
        value_from_callable: bool = False,
        watch_delay: float | None = None,
    ) -> Any:
        """Calls `func` with a pipeline that watches keys, and executes it; all again while a key has changed meanwhile."""
        while True:
            with self.pipeline() as pipe:
                try:
                    if watches:
                        pipe.watch(*watches)
                    value = func(pipe)
                    replies = pipe.execute()
                    return value if value_from_callable else replies
                except errors.WatchError:
                    if watch_delay:
                        from time import sleep

                        sleep(watch_delay)

    def lock(
        self,
        name: str,
        timeout: float | None = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
        thread_local: bool = True,
    ) -> Lock:
        """A lock that all clients share: `with db.lock("report", timeout=30):`. It is free again after `timeout` seconds."""
        return Lock(self, name, timeout, sleep, blocking, blocking_timeout, thread_local)

    # Walks.

    def scan_iter(self, match: Any = None, count: int | None = None, _type: str | None = None) -> Iterator[V]:
        """All keys, bit by bit. One that is there the whole time is told; one that comes or goes may be."""
        cursor = -1
        while cursor:
            cursor, found = self.scan(max(cursor, 0), match, count, _type)  # type: ignore[misc]
            yield from found

    def hscan_iter(self, name: Any, match: Any = None, count: int | None = None, no_values: bool | None = None) -> Iterator[Any]:
        """All fields of a hash with their values, bit by bit; with `no_values` without them."""
        cursor = -1
        while cursor:
            cursor, found = self.hscan(name, max(cursor, 0), match, count, no_values)  # type: ignore[misc]
            yield from found if no_values else found.items()

    def query_iter(self, table: str, where: str = "", batch: int = 100) -> Iterator[dict[str, Any]]:
        """All records that a clause is true of, bit by bit."""
        cursor = ""
        while cursor != "0":
            cursor, found = self.query_page(table, where, cursor or 0, batch)  # type: ignore[misc]
            yield from found

    # Changes, and other clients.

    def subscribe(self, match: Any = "*", callback: Callable[[dict[str, Any]], None] | None = None) -> Changes:
        """Changes of keys from now on: `for change in db.subscribe("user:*"):`, or a callback in a thread of its own."""
        told = callback if callback is None or not self._decode else _decoding(callback)
        return Changes(self._backend.subscribe(match, told), self._decode)

    def serve(self, port: int = 6379, host: str = "127.0.0.1") -> int:
        """Opens the port for Redis clients, and returns it (0 takes a free one)."""
        return self._backend.serve(port, host)

    def shutdown(
        self,
        save: bool = False,
        nosave: bool = False,
        now: bool = False,
        force: bool = False,
        abort: bool = False,
    ) -> None:
        """Ends the server; `abort` calls an end off."""
        try:
            self._run(("SHUTDOWN", *options(save=save, nosave=nosave, now=now, force=force, abort=abort)))
        except errors.ServerConnectionError:
            if abort:
                raise

    def close(self) -> None:
        """Closes: a folder is free for other processes, connections end."""
        self._backend.close()

    def __enter__(self) -> Database[V]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # As a mapping.

    def __contains__(self, name: Any) -> bool:
        return bool(self.exists(name))

    def __getitem__(self, name: Any) -> V:
        value: Any = self.get(name)
        if value is None:
            raise KeyError(name)
        return value  # type: ignore[no-any-return]

    def __setitem__(self, name: Any, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: Any) -> None:
        self.delete(name)


class Changes:
    """Changes of keys: iterate, or ask with `get`."""

    def __init__(self, subscription: Subscription, decode: bool) -> None:
        self._subscription = subscription
        self._decode = decode
        self._closed = False

    def get(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next change, None when the time in seconds is up."""
        change = self._subscription.get(timeout)
        return change if change is None or not self._decode else decoded(change)

    def close(self) -> None:
        """No more changes; who iterates is done."""
        self._closed = True
        self._subscription.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while not self._closed:
            change = self.get(1.0)
            if change is not None:
                yield change

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _decoding(callback: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    return lambda change: callback(decoded(change))
