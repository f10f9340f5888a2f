"""`AsyncDatabase`: the same methods for asyncio; each returns a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from types import TracebackType
from typing import Any

from . import errors
from ._backend import Backend, Subscription
from ._commands import Commands, V
from ._commands.base import options
from ._commands.replies import decoded, word
from ._lock import AsyncLock
from ._native import AsyncStrings, Engine, watch_the_end
from ._opening import Address, from_url, open_address
from ._pipeline import AsyncPipeline, str_or
from ._tasks import within


class AsyncDatabase(AsyncStrings, Commands[V]):
    """A database in this process, or a server's, for tasks. Addresses and directives are those of `Database`.

    >>> async with AsyncDatabase("./data") as db:
    ...     await db.set("greeting", "hello")
    ...     await db.get("greeting")
    True
    b'hello'

    `async with`, `await AsyncDatabase(…)` and `await db.open()` open it in a thread; without them the first command does, and the
    loop waits. Several loops may use it, each in its thread.
    """

    def __init__(self, address: Address = None, *, decode_responses: bool = False, **directives: Any) -> None:
        self._opening: tuple[Address, dict[str, Any]] = (address, directives)
        self._opened: Backend | None = None
        self._decode = decode_responses
        if not decode_responses:
            self._word = word

    @classmethod
    def from_url(cls, url: str, **directives: Any) -> AsyncDatabase[V]:
        """As redis-py has it: `redis://`, `rediss://` and `unix://` name a server to talk to."""
        return cls(from_url(url), **directives)

    async def open(self) -> AsyncDatabase[V]:
        """Opens it, if that was not done."""
        if self._opened is None:
            watch_the_end()
            opened = await asyncio.to_thread(open_address, *self._opening)
            if self._opened is None:
                self._adopt(opened)
            elif opened is not self._opened:  # another task was faster
                await asyncio.to_thread(opened.close)
        return self

    def __await__(self) -> Generator[Any, None, AsyncDatabase[V]]:
        return self.open().__await__()

    @property
    def backend(self) -> Backend:
        """Where commands run."""
        if self._opened is None:
            self._adopt(open_address(*self._opening))
        return self._opened  # type: ignore[return-value]

    def _adopt(self, backend: Backend) -> None:
        self._opened = backend
        if isinstance(backend, Engine) and not self._decode:
            self._attach(backend)

    async def _run(self, args: tuple[Any, ...], convert: Callable[[Any], Any] | None = None, raw: bool = False) -> Any:
        backend = self._opened or self.backend
        reply = await backend.execute_async(*args)
        if self._decode and not raw:
            reply = decoded(reply)
        return reply if convert is None else convert(reply)

    async def execute(self, *args: Any) -> Any:
        """Any command, and its reply as it is: `await db.execute("SET", "k", "v")` is `"OK"`."""
        return await self._run(args)

    async def execute_command(self, *args: Any) -> Any:
        """Like `execute`; the name may be of two words: `await db.execute_command("CONFIG GET", "save")`."""
        return await self._run((*str_or(args[0]), *args[1:]))

    async def execute_many(self, commands: Sequence[Sequence[Any]], atomic: bool = False) -> list[Any]:
        """Many commands at once; errors are items of the list. `atomic`: no other command comes between."""
        replies = await self.backend.execute_many_async(commands, atomic)
        return [decoded(reply) for reply in replies] if self._decode else replies

    # Transactions.

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> AsyncPipeline[V]:
        """Commands that are sent together; with `transaction` no other command comes between."""
        return AsyncPipeline(self.backend, self._decode, transaction)

    async def watch(self, *names: Any) -> AsyncPipeline[V]:
        """A pipeline that watches keys: `async with await db.watch("stock") as pipe:`."""
        pipeline = self.pipeline()
        await pipeline.watch(*names)
        return pipeline

    async def transaction(
        self,
        func: Callable[[AsyncPipeline[V]], Any],
        *watches: Any,
        value_from_callable: bool = False,
        watch_delay: float | None = None,
    ) -> Any:
        """Calls `func` with a pipeline that watches keys, and executes it; all again while a key has changed meanwhile."""
        while True:
            async with self.pipeline() as pipe:
                try:
                    if watches:
                        await pipe.watch(*watches)
                    value = func(pipe)
                    if isinstance(value, Awaitable) and value is not pipe:
                        value = await value
                    replies = await pipe.execute()
                    return value if value_from_callable else replies
                except errors.WatchError:
                    if watch_delay:
                        await asyncio.sleep(watch_delay)

    def lock(
        self,
        name: str,
        timeout: float | None = None,
        sleep: float = 0.1,
        blocking: bool = True,
        blocking_timeout: float | None = None,
    ) -> AsyncLock:
        """A lock that all clients share: `async with db.lock("report", timeout=30):`. It is free again after `timeout` seconds."""
        return AsyncLock(self, name, timeout, sleep, blocking, blocking_timeout)

    # Walks.

    async def scan_iter(self, match: Any = None, count: int | None = None, _type: str | None = None) -> AsyncIterator[V]:
        """All keys, bit by bit. One that is there the whole time is told; one that comes or goes may be."""
        cursor = -1
        while cursor:
            cursor, found = await self.scan(max(cursor, 0), match, count, _type)  # type: ignore[misc]
            for key in found:
                yield key

    async def hscan_iter(
        self,
        name: Any,
        match: Any = None,
        count: int | None = None,
        no_values: bool | None = None,
    ) -> AsyncIterator[Any]:
        """All fields of a hash with their values, bit by bit; with `no_values` without them."""
        cursor = -1
        while cursor:
            cursor, found = await self.hscan(name, max(cursor, 0), match, count, no_values)  # type: ignore[misc]
            for item in found if no_values else found.items():
                yield item

    async def query_iter(self, table: str, where: str = "", batch: int = 100) -> AsyncIterator[dict[str, Any]]:
        """All records that a clause is true of, bit by bit."""
        cursor = ""
        while cursor != "0":
            cursor, found = await self.query_page(table, where, cursor or 0, batch)  # type: ignore[misc]
            for record in found:
                yield record

    # Changes, and other clients.

    async def subscribe(
        self,
        match: Any = "*",
        callback: Callable[[dict[str, Any]], None] | None = None,
    ) -> AsyncChanges:
        """Changes of keys from now on: `async for change in await db.subscribe("user:*"):`, or a callback in the loop."""
        changes = AsyncChanges(asyncio.get_running_loop(), callback, self._decode)
        changes.subscription = await asyncio.to_thread(self.backend.subscribe, match, changes.tell)
        return changes

    async def serve(self, port: int = 6379, host: str = "127.0.0.1") -> int:
        """Opens the port for Redis clients, and returns it (0 takes a free one)."""
        return await asyncio.to_thread(self.backend.serve, port, host)

    async def shutdown(
        self,
        save: bool = False,
        nosave: bool = False,
        now: bool = False,
        force: bool = False,
        abort: bool = False,
    ) -> None:
        """Ends the server; `abort` calls an end off."""
        try:
            await self._run(("SHUTDOWN", *options(save=save, nosave=nosave, now=now, force=force, abort=abort)))
        except errors.ServerConnectionError:
            if abort:
                raise

    async def close(self) -> None:
        """Closes: a folder is free for other processes, connections end."""
        if self._opened is not None:
            await asyncio.to_thread(self._opened.close)
            await asyncio.sleep(0)  # connections of this loop end in its turn

    aclose = close

    async def __aenter__(self) -> AsyncDatabase[V]:
        return await self.open()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


class AsyncChanges:
    """Changes of keys: iterate, or ask with `get`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        callback: Callable[[dict[str, Any]], None] | None,
        decode: bool,
    ) -> None:
        self.subscription: Subscription | None = None
        self._loop = loop
        self._callback = callback
        self._decode = decode
        self._found: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def tell(self, change: dict[str, Any]) -> None:
        """Called in the thread that is told of changes."""
        if self._decode:
            change = decoded(change)
        try:
            self._loop.call_soon_threadsafe(self._callback or self._found.put_nowait, change)
        except RuntimeError:  # the loop is closed, nobody listens
            pass

    async def get(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next change, None when the time in seconds is up."""
        try:
            return await within(self._found.get(), timeout)
        except asyncio.TimeoutError:
            return None

    async def close(self) -> None:
        """No more changes; who iterates is done."""
        subscription, self.subscription = self.subscription, None
        if subscription is not None:
            await asyncio.to_thread(subscription.close)
            self._found.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            change = await self._found.get()
            if change is None:
                return
            yield change

    async def __aenter__(self) -> AsyncChanges:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
