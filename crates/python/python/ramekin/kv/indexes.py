"""Indexes of fields: a tag for each value, of the metadata or at the top of a JSON document.

Which fields are indexed is kept in the database, so that an index is there after a restart and for other processes. A store that
meets an index that it did not know of tags what it has just written: the number of indexes is read in the transaction of each write.
"""

from __future__ import annotations

import time
from typing import Any

from .metrics import timed
from .names import check_name, check_tags
from .queries import Queries, json_of
from .values import MOVING, Prepared, decode_hints


class Indexes(Queries):
    """Fields that are looked up."""

    @timed("create_index")
    def create_index(self, field: str) -> None:
        """Indexes a field, of the metadata or of JSON documents; what is there already, before this returns."""
        check_name(field, "field", 256)
        if field in MOVING or field in self._indexed:
            return
        self._backend.execute("HSET", self._scope.indexes, field, int(time.time()))
        self._load_indexed()
        with self._settling_once():
            for key in self._keys():
                self._retag(key)

    @timed("query_index")
    def query_index(self, field: str, value: Any) -> list[str]:
        """The keys whose field has this value, in order. A field that has no index gets one."""
        if field in MOVING:
            return sorted(metadata["key"] for metadata in self._query(None, None, "key", False, None, 0, {field: value}))
        if field not in self._indexed:
            self._load_indexed()
            self.create_index(field)
        names = self._backend.execute("TAG.KEYS", "ALL", self._scope.index_tag(field, value))
        return sorted(self._scope.key_of(name) for name in names)

    def _load_indexed(self) -> None:
        self._indexed = {name.decode("utf-8") for name in self._backend.execute("HKEYS", self._scope.indexes)}

    def _met_index(self, keys: list[str]) -> None:
        self._load_indexed()
        with self._settling_once():
            for key in keys:
                self._retag(key)

    def _index_tags(self, key: str, prepared: Prepared) -> list[bytes]:
        metadata = {
            **{"path": self._scope.path(key), "key": key, "db": self.db, "namespace": self.namespace},
            **{"size": len(prepared.value), "logical_size": len(prepared.value), "stored_size": prepared.kept_bytes},
            **{"checksum": prepared.checksum.hex(), "encrypted": "enc" in prepared.done.split("+"), **prepared.hints},
        }
        document: Any = None
        if metadata.get("content_type") == "application/json":
            document = json_of(prepared.value, metadata.get("encoding") or self.default_encoding)
        tags = []
        for field in sorted(self._indexed):
            value = metadata[field] if field in metadata else document.get(field) if isinstance(document, dict) else None
            if value is not None:
                tags.append(self._scope.index_tag(field, value))
        return tags

    def _retag(self, key: str) -> None:
        """Gives a key the tags of all indexes."""
        name = self._scope.key(key)

        def decide(watching: Any, found: list[Any]) -> Any:
            kept, done, kept_bytes, checksum, hints = found
            if kept is None:
                return None
            value = self._value_of(key, kept, done)
            prepared = Prepared(value, decode_hints(hints), checksum, (done or b"").decode(), kept_bytes=int(kept_bytes or len(value)))
            old = watching.execute("TAG.OF", name)
            stale = self._scope.index_tags_of(old)
            fresh = self._index_tags(key, prepared)
            if set(stale) == set(fresh):
                return None
            return [("TAG.SET", name, *(tag for tag in old if tag not in stale), *fresh)]

        try:
            self._update(key, decide, "v", "y", "w", "s", "h")
        except KeyError:
            pass  # it went meanwhile

    def _change_tags(self, key: str, tags: list[str]) -> None:
        """Gives a key these tags and no others of the user's."""
        check_tags(tags)
        name = self._scope.key(key)

        def decide(watching: Any, found: list[Any]) -> Any:
            if found[0] is None:
                return None
            old = self._scope.index_tags_of(watching.execute("TAG.OF", name))
            return [("TAG.SET", name, self._scope.member, *map(self._scope.tag, tags), *old)]

        self._update(key, decide, "n")

    def rebuild_indexes(self) -> None:
        """Indexes everything anew."""
        self._load_indexed()
        with self._settling_once():
            for key in self._keys():
                self._retag(key)

    def optimize_indexes(self) -> None:
        """Nothing: an index is always what it should be."""

    def clear_caches(self) -> None:
        """Nothing: there are no caches of results."""
