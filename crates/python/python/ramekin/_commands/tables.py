"""Commands about tables of records, queries, indexes and tags.

A record is a dict; what JSON lacks in it is kept with a note of its type and comes back as it was (`_records`). Clauses are
PostgreSQL's over `data`, `key` and `expires_at`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from .base import Base, Key, Moment, Reply, V, expiry, options
from .replies import named, ok, text, texts

Record = Mapping[str, Any]

# What clauses begin with that say themselves what they are.
_BEGINNINGS = frozenset({"WHERE", "ORDER", "LIMIT", "OFFSET"})


class Tables(Base[V]):
    def table_create(
        self,
        table: str,
        schema: Mapping[str, str] | None = None,
        *,
        ttl: int | None = None,
        store_table: str | None = None,
        key_column: str | None = None,
        data_column: str | None = None,
        on_conflict: str | None = None,
    ) -> Reply[bool]:
        """Makes a table, or gives one another schema: `{"state": "string", "seconds": "integer"}`.

        `ttl`: records expire after so many seconds unless they say otherwise. The others are about the table in the store.
        """
        words: list[Any] = [] if schema is None else ["SCHEMA", _json(schema)]
        if ttl is not None:
            words += ["TTL", ttl]
        if store_table is not None:
            words += ["STORE", "TABLE", store_table]
        if key_column is not None:
            words += ["KEY", key_column]
        if data_column is not None:
            words += ["DATA", data_column]
        if on_conflict is not None:
            words += ["ON", "CONFLICT", on_conflict]
        return self._run(("TABLE.CREATE", table, *words), ok)

    def table_put(
        self,
        table: str,
        key: Key,
        record: Record | str | bytes,
        ttl: float | timedelta | None = None,
        *,
        exat: Moment | None = None,
        keepttl: bool = False,
        nx: bool = False,
        xx: bool = False,
    ) -> Reply[bool | None]:
        """Puts a record, a dict or JSON; None where `nx` or `xx` forbids it. `ttl` is in seconds."""
        if isinstance(ttl, timedelta):
            ttl = ttl.total_seconds()
        words = expiry(px=None if ttl is None else round(ttl * 1000), exat=exat, keepttl=keepttl)
        body = record if isinstance(record, (str, bytes)) else _encoded(record)
        return self._run(("TABLE.PUT", table, key, body, *options(nx=nx, xx=xx), *words), ok)

    def table_get(self, table: str, key: Key) -> Reply[dict[str, Any] | None]:
        """A record, the caller's own; None if there is none."""
        return self._run(("TABLE.GET", table, key), _record, True)

    def table_delete(self, table: str, *keys: Key) -> Reply[int]:
        """Deletes records: how many there were."""
        return self._run(("TABLE.DEL", table, *keys))

    def table_drop(self, table: str) -> Reply[bool]:
        """Deletes a table with all its records."""
        return self._run(("TABLE.DROP", table), ok)

    def table_info(self, table: str) -> Reply[dict[str, Any]]:
        """What a table is, and how many records it has."""
        return self._run(("TABLE.INFO", table), named)

    def table_list(self) -> Reply[list[str]]:
        """The names of all tables."""
        return self._run(("TABLE.LIST",), texts)

    def query(
        self,
        table: str,
        where: str = "",
        *,
        order_by: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Reply[list[dict[str, Any]]]:
        """The records that a clause is true of, each with its key as `_key`.

        `db.query("calls", "(data->>'seconds')::int >= 10", order_by="data->'seconds' DESC", limit=20)`
        """
        return self._run(("QUERY", table, *_clauses(where, order_by, limit, offset)), _records, True)

    def query_select(
        self,
        table: str,
        columns: str,
        where: str = "",
        *,
        order_by: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Reply[list[list[V | None]]]:
        """Rows of what is asked for: texts as they are, all else as JSON. `columns`: `"key, data->>'state'"`."""
        return self._run(("QUERY", table, "SELECT", columns, *_clauses(where, order_by, limit, offset)))

    def query_count(self, table: str, where: str = "") -> Reply[int]:
        """How many records a clause is true of."""
        return self._run(("QUERY", table, "COUNT", *_clauses(where)))

    def query_page(
        self,
        table: str,
        where: str = "",
        cursor: str | int = 0,
        limit: int = 100,
    ) -> Reply[tuple[str, list[dict[str, Any]]]]:
        """Some of the records and the cursor for the next ones, `"0"` at the end. `query_iter` does the asking."""
        return self._run(("QUERY", table, *_clauses(where), "LIMIT", limit, "CURSOR", cursor), _page, True)

    def explain(
        self,
        table: str,
        where: str = "",
        *,
        order_by: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Reply[dict[str, Any]]:
        """Runs a query and tells what memory and the store did for it."""
        return self._run(("EXPLAIN", table, *_clauses(where, order_by, limit, offset)), named)

    def index_create(self, name: str, table: str, path: str, type: str | None = None, unique: bool = False) -> Reply[bool]:
        """Makes an index over a value of each record: `db.index_create("by_state", "calls", "data->>'state'")`."""
        value = f"({path})" if type is None else f"({path} AS {type})"
        return self._run(("INDEX.CREATE", name, "ON", table, value, *options(unique=unique)), ok)

    def index_drop(self, name: str, table: str) -> Reply[bool]:
        """Drops an index."""
        return self._run(("INDEX.DROP", name, "ON", table), ok)

    def index_list(self, table: str | None = None) -> Reply[list[dict[str, Any]]]:
        """The indexes of a table, or all."""
        return self._run(("INDEX.LIST",) if table is None else ("INDEX.LIST", table), named)


class Tags(Base[V]):
    def tag_add(self, key: Key, *tags: Key) -> Reply[int]:
        """Adds tags to a key: how many it did not have."""
        return self._run(("TAG.ADD", key, *tags))

    def tag_count(self, *tags: Key, any: bool = False) -> Reply[int]:
        """How many keys have all of the tags, or any."""
        return self._run(("TAG.COUNT", "ANY" if any else "ALL", *tags))

    def tag_keys(self, *tags: Key, any: bool = False, offset: int = 0, limit: int = -1) -> Reply[list[V]]:
        """The keys that have all of the tags, or any."""
        return self._run(("TAG.KEYS", "ANY" if any else "ALL", *tags, "LIMIT", offset, limit))

    def tag_list(self, match: Key | None = None) -> Reply[list[V]]:
        """All tags that keys have."""
        return self._run(("TAG.LIST",) if match is None else ("TAG.LIST", "MATCH", match))

    def tag_counts(self, match: Key | None = None) -> Reply[dict[V, int]]:
        """All tags, with how many keys have each."""
        words: tuple[Any, ...] = () if match is None else ("MATCH", match)
        return self._run(("TAG.LIST", *words, "WITHCOUNTS"))

    def tag_of(self, key: Key) -> Reply[list[V]]:
        """The tags of a key."""
        return self._run(("TAG.OF", key))

    def tag_rem(self, key: Key, *tags: Key) -> Reply[int]:
        """Removes tags from a key: how many it had."""
        return self._run(("TAG.REM", key, *tags))

    def tag_set(self, key: Key, *tags: Key) -> Reply[bool]:
        """Gives a key these tags and no others."""
        return self._run(("TAG.SET", key, *tags), ok)


def _clauses(where: str = "", order_by: str | None = None, limit: int | None = None, offset: int | None = None) -> list[Any]:
    words: list[Any] = []
    if where.strip():
        words = [where] if where.split(None, 1)[0].upper() in _BEGINNINGS else ["WHERE", where]
    if order_by is not None:
        words += ["ORDER BY", order_by]
    if limit is not None:
        words += ["LIMIT", limit]
    if offset is not None:
        words += ["OFFSET", offset]
    return words


def _json(value: Any) -> str:
    from json import dumps

    return dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _encoded(record: Record) -> bytes:
    from .._records import encode

    return encode(record if isinstance(record, dict) else dict(record))


def _record(reply: Any) -> Any:
    from .._records import decode

    return None if reply is None else decode(reply)


def _records(reply: Any) -> list[dict[str, Any]]:
    from .._records import decode

    return [{**decode(record), "_key": text(key)} for key, record in reply]


def _page(reply: Any) -> tuple[str, list[dict[str, Any]]]:
    return text(reply[0]), _records(reply[1])


