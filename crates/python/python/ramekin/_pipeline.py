"""Commands that are sent together, at once (`transaction=True`) or one by one, and transactions over watched keys."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from types import TracebackType
from typing import Any

from . import errors
from ._backend import Backend, Watching
from ._commands import Commands, V
from ._commands.replies import decoded, word

Queued = tuple[tuple[Any, ...], Any, bool]


class Queue(Commands[V]):
    """What both kinds of pipelines are: a list of commands, and what is to be made of their replies."""

    def __init__(self, backend: Backend, decode: bool, transaction: bool) -> None:
        self._backend = backend
        self._decode = decode
        if not decode:
            self._word = word
        self._atomic = transaction
        self._queued: list[Queued] = []
        self._watching: Watching | None = None
        self._explicit = False  # MULTI was said: commands are queued although keys are watched

    def __len__(self) -> int:
        return len(self._queued)

    def __bool__(self) -> bool:
        return True

    @property
    def command_stack(self) -> list[tuple[Any, ...]]:
        """The commands that wait."""
        return [args for args, _, _ in self._queued]

    def multi(self) -> None:
        """From here on commands are queued; before, with keys watched, they are run at once."""
        if self._explicit:
            raise errors.RamekinError("multi() was said already")
        if self._queued:
            raise errors.RamekinError("commands without watch() wait already: execute or reset first")
        self._explicit = True

    def discard(self) -> None:
        """Forgets the commands that wait."""
        self._queued = []
        self._explicit = False

    def execute_command(self, *args: Any) -> Any:
        """Any command."""
        return self._run((*str_or(args[0]), *args[1:]))

    def _take(self) -> list[Queued]:
        queued, self._queued = self._queued, []
        return queued

    def _made(self, reply: Any, queued: Queued) -> Any:
        if isinstance(reply, Exception):
            return reply
        _, convert, raw = queued
        if self._decode and not raw:
            reply = decoded(reply)
        return reply if convert is None else convert(reply)

    def _answers(self, replies: list[Any] | None, queued: list[Queued], raise_on_error: bool) -> list[Any]:
        if replies is None:
            raise errors.WatchError("a watched key has changed")
        if raise_on_error:
            for number, (reply, (args, _, _)) in enumerate(zip(replies, queued), 1):
                if isinstance(reply, errors.CommandError):
                    shown = " ".join(_shown(word) for word in args)
                    raise type(reply)(f"{reply} (command {number} of the pipeline: {shown[:100]})", reply.code)
                if isinstance(reply, Exception):
                    raise reply
        return [self._made(reply, entry) for reply, entry in zip(replies, queued)]


class Pipeline(Queue[V]):
    """Commands that wait until `execute`.

    >>> with db.pipeline() as pipe:
    ...     pipe.incr("visits").expire("visits", 60).execute()
    [1, True]
    """

    def _run(self, args: tuple[Any, ...], convert: Callable[[Any], Any] | None = None, raw: bool = False) -> Any:
        if self._watching is not None and not self._explicit:
            reply = self._watching.execute(*args)
            return self._made(reply, (args, convert, raw))
        self._queued.append((args, convert, raw))
        return self

    def watch(self, *names: Any) -> bool:
        """What is executed later is run only if none of these keys has changed since. Until `multi()`, commands are run at once."""
        if self._explicit:
            raise errors.RamekinError("watch() comes before multi()")
        if self._watching is None:
            self._watching = self._backend.watch(names)
        else:
            self._watching.execute("WATCH", *names)
        return True

    def unwatch(self) -> bool:
        """Forgets the watched keys."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.close()
        return True

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Sends what waits, and returns the replies. `WatchError`: a watched key has changed, nothing was run."""
        queued = self._take()
        try:
            replies: list[Any] | None
            if self._watching is not None:
                replies = self._watching.commit([args for args, _, _ in queued])
            else:
                replies = self._backend.execute_many([args for args, _, _ in queued], self._atomic) if queued else []
        finally:
            self.reset()
        return self._answers(replies, queued, raise_on_error)

    def reset(self) -> None:
        """Forgets the commands that wait, and the watched keys."""
        self.discard()
        self.unwatch()

    def __enter__(self) -> Pipeline[V]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.reset()


class AsyncPipeline(Queue[V]):
    """Commands that wait until `await execute()`.

    >>> async with db.pipeline() as pipe:
    ...     await pipe.incr("visits").expire("visits", 60).execute()
    [1, True]
    """

    def _run(self, args: tuple[Any, ...], convert: Callable[[Any], Any] | None = None, raw: bool = False) -> Any:
        if self._watching is not None and not self._explicit:
            return self._at_once(self._watching, (args, convert, raw))
        self._queued.append((args, convert, raw))
        return self

    async def _at_once(self, watching: Watching, queued: Queued) -> Any:
        from asyncio import to_thread

        return self._made(await to_thread(watching.execute, *queued[0]), queued)

    def __await__(self) -> Generator[Any, None, AsyncPipeline[V]]:
        async def itself() -> AsyncPipeline[V]:
            return self

        return itself().__await__()

    async def watch(self, *names: Any) -> bool:
        """What is executed later is run only if none of these keys has changed since. Until `multi()`, commands are run at once."""
        from asyncio import to_thread

        if self._explicit:
            raise errors.RamekinError("watch() comes before multi()")
        if self._watching is None:
            self._watching = await to_thread(self._backend.watch, names)
        else:
            await to_thread(self._watching.execute, "WATCH", *names)
        return True

    async def unwatch(self) -> bool:
        """Forgets the watched keys."""
        from asyncio import to_thread

        watching, self._watching = self._watching, None
        if watching is not None:
            await to_thread(watching.close)
        return True

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Sends what waits, and returns the replies. `WatchError`: a watched key has changed, nothing was run."""
        from asyncio import to_thread

        queued = self._take()
        commands: Sequence[Sequence[Any]] = [args for args, _, _ in queued]
        try:
            replies: list[Any] | None
            if self._watching is not None:
                replies = await to_thread(self._watching.commit, commands)
            else:
                replies = await self._backend.execute_many_async(commands, self._atomic) if queued else []
        finally:
            await self.reset()
        return self._answers(replies, queued, raise_on_error)

    async def reset(self) -> None:
        """Forgets the commands that wait, and the watched keys."""
        self.discard()
        await self.unwatch()

    async def __aenter__(self) -> AsyncPipeline[V]:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.reset()


def str_or(name: Any) -> list[Any]:
    """The words of a command's name: `CONFIG GET` is two."""
    return name.split() if isinstance(name, (str, bytes)) else [name]


def _shown(arg: Any) -> str:
    return arg.decode("utf-8", "backslashreplace") if isinstance(arg, bytes) else str(arg)
