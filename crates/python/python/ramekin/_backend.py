"""Where commands run: in this process, or in a server.

All that the package offers stands on `Backend`. Arguments are `bytes`, `str` (as UTF-8), `int` or `float`; replies are `bytes`
(values), `str` (a status such as `OK`), `int`, `float`, `bool`, `None`, `list`, and `dict` (where the command answers pairs). An
error reply is raised as `errors.CommandError`, or, among the replies to many commands, is an item of the list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, Union

Arg = Union[bytes, str, int, float]


class Watching(Protocol):
    """Keys that are watched: what is committed through it is run only if none of them has changed since."""

    def execute(self, *args: Arg) -> Any: ...
    def commit(self, commands: Sequence[Sequence[Arg]]) -> list[Any] | None:
        """Runs the commands as one; None: a key has changed, and nothing was run."""
    def close(self) -> None: ...


class Subscription(Protocol):
    """Changes of keys, in the order in which they were made, from the moment of subscribing."""

    def get(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next change: `{"key": bytes, "db": int, "event": "set" | "del" | "expire" | …}`; None when the time is up."""
    def close(self) -> None: ...


class Backend(Protocol):
    """An engine or a server. Any thread may use it, and each event loop."""

    def execute(self, *args: Arg) -> Any: ...
    def execute_many(self, commands: Sequence[Sequence[Arg]], atomic: bool = False) -> list[Any]: ...
    def execute_async(self, *args: Arg) -> Awaitable[Any]: ...
    def execute_many_async(self, commands: Sequence[Sequence[Arg]], atomic: bool = False) -> Awaitable[list[Any]]: ...
    def watch(self, keys: Sequence[Arg]) -> Watching: ...
    def subscribe(self, match: Arg = b"*", callback: Callable[[dict[str, Any]], None] | None = None) -> Subscription: ...
    def serve(self, port: int, host: str = "127.0.0.1") -> int: ...
    def close(self) -> None: ...


def open_backend(address: str | None = None, **directives: Any) -> Backend:
    """Opens what an address names (see `Database`): a folder, a store, memory, or a server by `ramekin://`.

    `directives` are those of the server, with `_` for `-`: `appendfsync="always"`, `flush_interval=5`, `maxmemory="2gb"`.
    """
    if address is not None and address.startswith(("ramekin://", "ramekins://", "ramekin+unix://")):
        from ._remote import Remote

        return Remote(address, **directives)
    from ._native import HAS_ENGINE, without_engine

    if not HAS_ENGINE:
        from .errors import OpenError

        raise OpenError(without_engine("a database in this process"))
    from ._embedded import Embedded

    return Embedded(address, directives)
