"""Ramekin: a memory-first database, in this process or as a server.

    from ramekin import Database

    with Database("./data") as db:
        db.set("greeting", "hello")
        print(db.get("greeting"))

Everything is imported when it is first used, so that importing the package takes a few milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import errors
from .errors import RamekinError

if TYPE_CHECKING:
    from .database import AsyncDatabase as AsyncDatabase
    from .database import Database as Database
    from .errors import AuthenticationError as AuthenticationError
    from .errors import ClosedError as ClosedError
    from .errors import CommandError as CommandError
    from .errors import DamagedError as DamagedError
    from .errors import DiskFullError as DiskFullError
    from .errors import DuplicateError as DuplicateError
    from .errors import ForkedError as ForkedError
    from .errors import LockError as LockError
    from .errors import LockNotOwnedError as LockNotOwnedError
    from .errors import LockedError as LockedError
    from .errors import LogFailedError as LogFailedError
    from .errors import NewerFormatError as NewerFormatError
    from .errors import OpenError as OpenError
    from .errors import OutOfMemoryError as OutOfMemoryError
    from .errors import OwnedError as OwnedError
    from .errors import QueryError as QueryError
    from .errors import SchemaError as SchemaError
    from .errors import ServerConnectionError as ServerConnectionError
    from .errors import ServerTimeoutError as ServerTimeoutError
    from .errors import StoreDownError as StoreDownError
    from .errors import TryAgainError as TryAgainError
    from .errors import WatchError as WatchError
    from .errors import WrongTypeError as WrongTypeError
    from .kv import KeyValueMetadata as KeyValueMetadata
    from .kv import KeyValueStore as KeyValueStore
    from .kv import KeyValueSync as KeyValueSync
    from .kv import PerformanceMetrics as PerformanceMetrics
    from .kv import RedisStorage as RedisStorage
    from .kv import StorageFactory as StorageFactory
    from .kv import StoredValue as StoredValue
    from .kv import open_store as open_store
    from .memdb import MemDB as MemDB

    __version__: str

__all__ = ["errors", "RamekinError", "AsyncDatabase", "Database", "KeyValueStore", "KeyValueSync", "MemDB", "open_store"]

_WHERE = {
    "AsyncDatabase": "database",
    "Database": "database",
    "KeyValueMetadata": "kv",
    "KeyValueStore": "kv",
    "KeyValueSync": "kv",
    "MemDB": "memdb",
    "PerformanceMetrics": "kv",
    "RedisStorage": "kv",
    "StorageFactory": "kv",
    "StoredValue": "kv",
    "open_store": "kv",
}

if not TYPE_CHECKING:  # to whom a name that is not there would be one of any type

    def __getattr__(name: str) -> Any:
        module = _WHERE.get(name)
        if module is not None:
            from importlib import import_module

            value = getattr(import_module(f".{module}", __name__), name)
        elif name == "__version__":
            from importlib.metadata import version

            value = version("ramekin")
        elif hasattr(errors, name) and not name.startswith("_"):
            value = getattr(errors, name)
        else:
            raise AttributeError(f"module 'ramekin' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE, "__version__"})
