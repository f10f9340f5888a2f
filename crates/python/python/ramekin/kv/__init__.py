"""A key-value store with tags, expiry, compression and backends: every call of NADB 0.3.0.

    from ramekin.kv import KeyValueStore

    with KeyValueStore("./data", db="app", namespace="prod") as kv:
        kv.set("greeting", b"hello", tags=["text"])
        print(kv.get("greeting"), kv.query_by_tags(["text"]).keys())

It stands on commands of a database alone (hashes, tags, expiry), so it is the same in this process and over `ramekin://`.
"""

from __future__ import annotations

from .backup import BackupManager, BackupMetadata
from .importing import import_folder
from .metadata import KeyValueMetadata
from .metrics import PerformanceMetrics
from .queries import QueryBuilder, QueryCondition, QueryOperator, QueryResult
from .storages import (
    BackendCapabilities,
    FileSystemStorage,
    MemoryStorage,
    PostgresStorage,
    RedisStorage,
    SqliteStorage,
    StorageBackend,
    StorageFactory,
)
from .store import KeyValueStore, open_store
from .sync import KeyValueSync
from .transaction import Transaction, TransactionManager, TransactionState
from .values import StoredValue

__all__ = [
    "BackendCapabilities",
    "BackupManager",
    "BackupMetadata",
    "FileSystemStorage",
    "KeyValueMetadata",
    "KeyValueStore",
    "KeyValueSync",
    "MemoryStorage",
    "PerformanceMetrics",
    "PostgresStorage",
    "QueryBuilder",
    "QueryCondition",
    "QueryOperator",
    "QueryResult",
    "RedisStorage",
    "SqliteStorage",
    "StorageBackend",
    "StorageFactory",
    "StoredValue",
    "Transaction",
    "TransactionManager",
    "TransactionState",
    "import_folder",
    "open_store",
]
