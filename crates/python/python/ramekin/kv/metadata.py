"""KeyValueMetadata: what a folder knows of the keys of a db, for programs that asked NADB's by hand."""

from __future__ import annotations

from typing import Any, Optional

from .names import namespace_of, namespaces_pattern, unique
from .store import KeyValueStore

_LEAST = {"min_size": "size", "created_after": "created_at", "updated_after": "last_updated", "accessed_after": "last_accessed"}
_MOST = {"max_size": "size", "created_before": "created_at", "updated_before": "last_updated", "accessed_before": "last_accessed"}


class KeyValueMetadata:
    """The metadata of all keys of a folder (or an address).

    >>> metadata = KeyValueMetadata("app_meta.db", "./data")
    >>> metadata.query_metadata({"db": "app", "namespace": "prod", "tags": ["user"], "min_size": 100})

    Metadata belongs to a key: `set_metadata` changes tags and lifetime of one that is there. The name of the file in the first
    argument is taken as NADB's and not used.
    """

    def __init__(self, sqlite_db: str, data_folder_path: str) -> None:
        self.sqlite_db = sqlite_db
        name = sqlite_db.removesuffix("_meta.db") or "default"
        self._store = KeyValueStore(data_folder_path, name)
        self._others: dict[tuple[str, str], KeyValueStore] = {}

    def _at(self, db: str, namespace: str) -> KeyValueStore:
        where = (db, namespace)
        if where not in self._others:
            self._others[where] = self._store.beside(db, namespace)
        return self._others[where]

    def get_metadata(self, key: str, db: str, namespace: str) -> Optional[dict[str, Any]]:
        """What is known of a key; None: there is none. Nothing is written for having asked."""
        return self._at(db, namespace)._metadata_of([key])[0]

    def set_metadata(self, metadata: dict[str, Any]) -> None:
        """Gives a key these tags, if any are said, and this `ttl`. KeyError: there is none."""
        store = self._at(metadata["db"], metadata["namespace"])
        key = metadata["key"]
        if not store.exists(key):
            raise KeyError(f"Key '{key}' not found")
        if metadata.get("tags"):
            store._change_tags(key, unique(metadata["tags"]))
        if metadata.get("ttl"):
            store.touch(key, int(metadata["ttl"]))

    def delete_metadata(self, key: str, db: str, namespace: str) -> None:
        """Deletes a key: there is no value without metadata."""
        self._at(db, namespace).delete(key)

    def query_metadata(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """The metadata of keys that fit: `key` (a part of it), `db`, `namespace`, `tags`, `min_size`, `created_after`, …"""
        unknown = set(query) - {"key", "db", "namespace", "tags", *_LEAST, *_MOST}
        if unknown:
            raise ValueError(f"a query does not know {', '.join(sorted(unknown))}")
        names = self._store._backend.execute("TAG.LIST", "MATCH", namespaces_pattern(query.get("db")))
        found = []
        for db, namespace in map(namespace_of, names):
            if query.get("namespace") in (None, namespace):
                found += self._at(db, namespace)._query(query.get("tags"), None, "key", False, None, 0, {})
        part = str(query.get("key", "")).lower()
        return [
            metadata
            for metadata in found
            if part in metadata["key"].lower()
            and all(metadata[field] >= query[name] for name, field in _LEAST.items() if name in query)
            and all(metadata[field] <= query[name] for name, field in _MOST.items() if name in query)
        ]

    def query_tags(self, db: str, namespace: str) -> dict[str, int]:
        """How many keys have each tag."""
        return self._at(db, namespace).list_all_tags()

    def cleanup_expired(self) -> list[dict[str, Any]]:
        """Nothing: what has expired is gone."""
        return []

    def close_connections(self) -> None:
        for store in (*self._others.values(), self._store):
            store.close()
        self._others.clear()
