"""KeyValueStore: a key-value store with tags, expiry, queries, transactions and backups, as NADB's."""

from __future__ import annotations

from typing import Any

from . import places
from .places import Place
from .storages import EngineStorage
from .upkeep import Upkeep


class KeyValueStore(Upkeep):
    """Keys of one namespace of one db.

    >>> with KeyValueStore("./data", "app", 1, "prod") as kv:
    ...     kv.set("greeting", b"hello", tags=["text"])
    ...     kv.get("greeting")
    b'hello'

    `data_folder_path` is a folder, or an address of Ramekin (`ramekin://host:port`, `memory:`, …). `storage_backend` is `"fs"`, `"redis"`,
    `"postgres"`, `"sqlite"`, `"memory"`, an address, or an object with the methods of `StorageBackend`. Threads share a store; stores of
    one folder share a database. A call that changes something returns when it is in the log (with Redis: when Redis has it).
    """

    @classmethod
    def open(cls, *args: Any, **kwargs: Any) -> KeyValueStore:
        """A store, for `with`."""
        return cls(*args, **kwargs)

    def beside(self, db: str, namespace: str) -> KeyValueStore:
        """A store of another namespace in the same database, with the same options."""
        other = KeyValueStore(
            self.data_folder_path,
            db,
            self.buffer_size_mb,
            namespace,
            compression_enabled=self.compression_enabled,
            storage_backend=_Beside(self),
            default_encoding=self.default_encoding,
            return_type=self.return_type,
            encryption_key=self._secret,
            backup_dir=self.backup_dir,
        )
        if self._files is not None:
            other.storage = self.storage
        return other


class _Beside(EngineStorage):
    """The database that a store has open."""

    def __init__(self, store: KeyValueStore) -> None:
        super().__init__("")
        self._place = store._place
        self.store_first = store._store_first

    def open(self, folder: str = "", **directives: Any) -> Place:
        return places.once_more(self._place)


def open_store(*args: Any, **kwargs: Any) -> KeyValueStore:
    """A store, for `with`: the arguments are those of `KeyValueStore`."""
    return KeyValueStore.open(*args, **kwargs)
