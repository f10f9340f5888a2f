"""The native module: the engine in this process."""

from collections.abc import Awaitable, Sequence
from typing import Any, final

from typing_extensions import Self

__all__ = [
    "AsyncStrings",
    "Engine",
    "Records",
    "Strings",
    "Watching",
    "__version__",
    "after_fork",
    "check_store",
    "close_all",
    "decode_record",
    "encode_record",
    "main",
    "ready",
    "zstd_compress",
    "zstd_decompress",
]

__version__: str

class Engine:
    """A database of this process, opened by an address."""

    def __new__(cls, address: str | None = None, directives: dict[str, Any] | None = None, db: int = 0) -> Self: ...
    def get(self, key: Any) -> bytes | None:
        """The string at a key."""
    def set(self, key: Any, value: Any) -> Any:
        """Sets a string at a key."""
    def execute(self, *args: Any) -> Any:
        """Runs a command, or returns `NotImplemented` for one that only a server's connection knows."""
    def execute_async(self, *args: Any) -> Awaitable[Any]:
        """The same to be awaited; what has to wait goes by `_by_wire`."""
    def execute_many(self, commands: Sequence[Sequence[Any]], atomic: bool = False) -> Any:
        """Runs several commands. Returns their replies, exceptions among them, or `NotImplemented`."""
    def try_many(self, commands: Sequence[Sequence[Any]], atomic: bool = False) -> Any:
        """The same without ever waiting: `NotImplemented` also if something would have to."""
    def connect(self) -> int:
        """The descriptor of a new connection to this database, as if to a server."""
    def _serve(self, port: int, host: str = "127.0.0.1") -> tuple[str, int]:
        """Opens the port for other clients; 0 is any that is free. Returns the address."""
    def _leave(self, timeout: float = 10.0) -> bool:
        """Lets go of the database; the last one who does closes it. False: not in so many seconds."""
    def _go_by_wire(self) -> None:
        """From now on all commands go by connections."""
    def _is_direct(self) -> bool:
        """Whether commands run where they are called."""
    def _watch(self, keys: Sequence[Any]) -> Watching | None:
        """Watches keys for a transaction; None: that takes a connection."""
    def _sync(self) -> None:
        """Returns once all that has changed is on disk."""
    def _settle(self, timeout: float | None = None) -> bool:
        """Returns once all that has changed has settled in the store: False, if the time in seconds is over first."""
    @property
    def db(self) -> int:
        """The database whose keys commands are about."""
    @property
    def folder(self) -> str | None:
        """The data folder; none in memory."""

@final
class Watching:
    """Keys that are watched: what is committed through it is run only if none of them has changed since."""

    def execute(self, *args: Any) -> Any:
        """Runs a command at once."""
    def commit(self, commands: Sequence[Sequence[Any]]) -> list[Any] | None:
        """Runs commands as one; None: a key has changed, and nothing was run."""
    def close(self) -> None:
        """Forgets the keys."""

class Strings:
    """`get` and `set` of a `Database`: answered here where that can be, else by `_get` and `_set` of the class."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _attach(self, engine: Engine | None = None) -> None:
        """Whose strings these are from now on; None: the class answers."""
    def get(self, name: Any) -> Any:
        """The string at a key, or None."""
    def set(self, name: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Sets a string at a key."""

class AsyncStrings:
    """The same, to be awaited."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _attach(self, engine: Engine | None = None) -> None:
        """Whose strings these are from now on; None: the class answers."""
    def get(self, name: Any) -> Any:
        """The string at a key, or None."""
    def set(self, name: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Sets a string at a key."""

class Records:
    """`get` and `insert` of a `MemDB`: answered here where that can be, else by `_get` and `_insert` of the class."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def _attach(self, engine: Engine | None = None, puts: bool = True) -> None:
        """Whose records these are from now on; None: the class answers."""
    def _puts(self) -> int:
        """How many records were put here."""
    def get(self, table: Any = None, key: Any = None, use_cache: Any = None, *, table_name: Any = None) -> Any:
        """A record by its table and key, or None."""
    def insert(self, table: Any = None, key: Any = None, record: Any = None, ttl: Any = None, *, table_name: Any = None) -> Any:
        """Puts a record in place of any of the same key."""
    def upsert(self, table: Any = None, key: Any = None, record: Any = None, ttl: Any = None, *, table_name: Any = None) -> Any:
        """The same as `insert`."""

def main(*args: Any) -> int:
    """Runs the command line `ramekin` and returns its exit code."""

def ready(result: Any) -> Awaitable[Any]:
    """An awaitable that has its result."""

def close_all(seconds: float) -> int:
    """Closes all that is open, within so many seconds. Returns how many were not done in time."""

def after_fork() -> None:
    """In the child of a fork: what the parent has open is not touched."""

def encode_record(record: Any) -> bytes | None:
    """The bytes of a record's form; None where JSON lacks something in it."""

def decode_record(json: bytes) -> Any:
    """The record of a JSON text, as the engine reads it."""

def zstd_compress(data: bytes) -> bytes:
    """The compressed form of these bytes."""

def zstd_decompress(data: bytes) -> bytes:
    """The bytes of a compressed form."""

def check_store(make: Any) -> int:
    """Puts stores through the suite that every store passes. Returns how many cases there were."""
