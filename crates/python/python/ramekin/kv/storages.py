"""Where the data of a store is: names for databases of Ramekin, and the interface of backends written in Python.

`EngineStorage` and its kinds say which database a store stands on; they hold no data. Anything else with the methods of
`StorageBackend` holds the bytes of values (see `files`), while keys, tags and times stay in a database of Ramekin beside it.

Left out: S3. Write a backend of a few lines with the client that you use; `examples/python/nadb_own_backend.py` is one.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, Optional
from urllib.parse import quote

from . import places


@dataclass
class BackendCapabilities:
    """What a backend is good at. Of these a store asks `max_value_size_bytes` and `supports_compression`."""

    supports_buffering: bool = True
    supports_native_ttl: bool = False
    supports_transactions: bool = False
    supports_metadata: bool = False
    supports_atomic_writes: bool = True
    write_strategy: Literal["immediate", "buffered", "auto"] = "auto"
    is_distributed: bool = False
    is_persistent: bool = True
    supports_compression: bool = True
    supports_native_queries: bool = False
    max_value_size_bytes: Optional[int] = None


class StorageBackend(ABC):
    """Bytes under paths: what a backend of the user's own does.

    A path is written once, read any number of times and deleted; a store never writes a second value to a path. `write_data` and
    `delete_file` answer whether they have, `read_data` None for what is not there.
    """

    @abstractmethod
    def get_capabilities(self) -> BackendCapabilities: ...

    @abstractmethod
    def write_data(self, relative_path: str, data: bytes) -> bool: ...

    @abstractmethod
    def read_data(self, relative_path: str) -> Optional[bytes]: ...

    @abstractmethod
    def delete_file(self, relative_path: str) -> bool: ...

    @abstractmethod
    def file_exists(self, relative_path: str) -> bool: ...

    @abstractmethod
    def get_file_size(self, relative_path: str) -> int: ...

    @abstractmethod
    def get_full_path(self, relative_path: str) -> str: ...

    @abstractmethod
    def ensure_directory_exists(self, path: str) -> bool: ...

    def close_connections(self) -> None:
        """Called when a store is closed."""


class EngineStorage(StorageBackend):
    """A database of Ramekin, by its address. The methods of a backend keep bytes in it beside the stores' keys."""

    address: str
    directives: dict[str, Any]
    shared = True  # stores of one address in a process have one database
    store_first = False  # a change counts once the store behind has it

    def __init__(self, address: str, **directives: Any) -> None:
        self.address = address
        self.directives = directives
        self._opened: Optional[places.Place] = None

    def get_capabilities(self) -> BackendCapabilities:
        return BackendCapabilities(
            supports_buffering=False,
            supports_native_ttl=True,
            supports_transactions=True,
            supports_metadata=True,
            write_strategy="immediate",
            supports_native_queries=True,
            max_value_size_bytes=512 * 1024 * 1024,
        )

    def open(self, folder: str = "./data", **directives: Any) -> places.Place:
        """The database; one `close` for each `open`. `folder` is where one lies whose storage names none."""
        return places.open_place(self.address or self._below(folder), {**directives, **self.directives}, self.shared)

    def _below(self, folder: str) -> str:
        return os.path.abspath(folder)

    def _run(self, *args: Any) -> Any:
        if self._opened is None:
            self._opened = self.open()
        return self._opened.backend.execute(*args)

    @staticmethod
    def _name(relative_path: str) -> bytes:
        return b"kv%" + relative_path.encode("utf-8")

    def write_data(self, relative_path: str, data: bytes) -> bool:
        self._run("SET", self._name(relative_path), data)
        return True

    def read_data(self, relative_path: str) -> Optional[bytes]:
        found: Optional[bytes] = self._run("GET", self._name(relative_path))
        return found

    def delete_file(self, relative_path: str) -> bool:
        self._run("DEL", self._name(relative_path))
        return True

    def file_exists(self, relative_path: str) -> bool:
        return bool(self._run("EXISTS", self._name(relative_path)))

    def get_file_size(self, relative_path: str) -> int:
        return int(self._run("STRLEN", self._name(relative_path)))

    def get_full_path(self, relative_path: str) -> str:
        return relative_path

    def ensure_directory_exists(self, path: str) -> bool:
        return True

    def close_connections(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


class FileSystemStorage(EngineStorage):
    """A folder, with SQLite in it for what memory has no room for."""

    def __init__(self, base_path: str = "./data", file_mode: int = 0o600, **directives: Any) -> None:
        super().__init__(os.path.abspath(base_path), **{"store": "sqlite:", **directives})
        self.base_path = base_path


class SqliteStorage(EngineStorage):
    """A folder, with an SQLite database of this name in it."""

    def __init__(self, base_path: str = "./data", database_name: str = "nadb.sqlite3", **directives: Any) -> None:
        folder = os.path.abspath(base_path)
        super().__init__(folder, **{"store": f"sqlite:{os.path.join(folder, database_name)}", **directives})
        self.base_path = base_path


class MemoryStorage(EngineStorage):
    """Memory: gone when the store is closed, and each store's own."""

    shared = False

    def __init__(self, base_path: Optional[str] = None, **directives: Any) -> None:
        super().__init__("memory:", **directives)

    def get_capabilities(self) -> BackendCapabilities:
        capabilities = super().get_capabilities()
        capabilities.is_persistent = False
        return capabilities


class RedisStorage(EngineStorage):
    """Redis or Valkey behind a folder: a change counts once Redis has it, and keys expire there by themselves.

    >>> kv.storage = RedisStorage(base_path="./data", host="localhost", port=6379, db=0, password=None)

    Logs and checkpoints are in a folder of their own below `base_path`. The database there is empty at first or Ramekin's, and
    has one owner: several processes share one Ramekin by `ramekin://`.
    """

    store_first = True

    def __init__(
        self,
        base_path: Optional[str] = None,
        host: str = "localhost",
        port: int = 6379,
        db: int = 0,
        password: Optional[str] = None,
        socket_timeout: Optional[float] = None,
        connection_timeout: Optional[float] = None,
        max_connections: Optional[int] = None,
        connection_pool_timeout: Optional[float] = None,
        key_prefix: str = "nadb",
        **directives: Any,
    ) -> None:
        self._folder = f"redis-{quote(host, safe='.')}-{port}-{db}"
        address = self._below(base_path) if base_path else ""
        secret = f":{quote(password, safe='')}@" if password else ""
        super().__init__(address, **{"store": f"redis://{secret}{host}:{port}/{db}", **directives})
        self.base_path = base_path

    def _below(self, folder: str) -> str:
        return os.path.join(os.path.abspath(folder), self._folder)

    def get_capabilities(self) -> BackendCapabilities:
        capabilities = super().get_capabilities()
        capabilities.is_distributed = True
        return capabilities


class PostgresStorage(EngineStorage):
    """PostgreSQL behind a folder. Without `url` that is `PG_DSN` of the environment."""

    def __init__(self, base_path: Optional[str] = None, url: Optional[str] = None, dsn: Optional[str] = None, **directives: Any) -> None:
        address = url or dsn or os.environ.get("PG_DSN")
        if not address:
            raise ValueError("storage_backend 'postgres' wants postgres_url=, or PG_DSN in the environment")
        super().__init__(os.path.abspath(base_path) if base_path else "", **{"store": address, **directives})
        self.base_path = base_path


class ServerStorage(EngineStorage):
    """A Ramekin that runs as a server: many processes may share it."""

    def __init__(self, address: str, base_path: Optional[str] = None, **directives: Any) -> None:
        super().__init__(address, **directives)

    def open(self, folder: str = "./data", **directives: Any) -> places.Place:
        return places.open_place(self.address, self.directives, self.shared)


_KINDS: dict[str, type[EngineStorage]] = {
    "fs": FileSystemStorage,
    "redis": RedisStorage,
    "memory": MemoryStorage,
    "sqlite": SqliteStorage,
    "postgres": PostgresStorage,
    "postgresql": PostgresStorage,
}


def is_address(text: str) -> bool:
    return text.startswith(("memory:", "sqlite:", "file:")) or "://" in text


def at_address(address: str, base_path: Optional[str] = None, **directives: Any) -> EngineStorage:
    """The storage that an address of Ramekin names; `base_path` is the folder for what has one."""
    if address.startswith(("ramekin://", "ramekins://", "ramekin+unix://")):
        return ServerStorage(address, **directives)
    if address.startswith("memory:"):
        return MemoryStorage(**directives)
    if address.startswith("file:"):
        return EngineStorage(os.path.abspath(address[5:] or "./data"), **directives)
    if address.startswith(("sqlite:", "postgresql://", "postgres://", "redis://", "rediss://", "valkey://")):
        storage = EngineStorage(os.path.abspath(base_path) if base_path else "", store=address, **directives)
        storage.store_first = address.startswith(("redis", "valkey"))
        return storage
    if "://" in address:
        raise ValueError(f"no address of Ramekin: {address}")
    return EngineStorage(os.path.abspath(address), **directives)


class StorageFactory:
    """Makes storages by name.

    >>> StorageFactory.create_storage("fs", base_path="./data")
    """

    @staticmethod
    def create_storage(backend_type: str, allow_backend_fallback: bool = False, **kwargs: Any) -> EngineStorage:
        kind = _KINDS.get(backend_type)
        try:
            if kind is not None:
                return kind(**kwargs)
            if is_address(backend_type):
                return at_address(backend_type, **kwargs)
            raise ValueError(f"there is none of that name; known are {', '.join(sorted(_KINDS))}, addresses, and objects")
        except ValueError as error:
            if allow_backend_fallback and backend_type != "fs":
                from ._log import log

                log().warning("storage backend %r cannot be had (%s): a folder is used instead", backend_type, error)
                return FileSystemStorage(kwargs.get("base_path") or "./data")
            raise ValueError(f"Cannot create storage backend '{backend_type}': {error}") from error
