"""Finding keys: by tag, by prefix, by metadata, by indexed fields, by namespace.

A tag is looked up, never searched for. What asks for metadata (`query_metadata`) reads that of the keys with the tags that were given,
and of all keys of the namespace without any; values are read only for fields that metadata does not have.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Optional

from .conditional import Conditional
from .core import pairs
from .metrics import timed
from .names import Scope, check_tags, namespace_of, namespaces_pattern
from .values import METADATA

_DELETE = 1000
_LOOK = 64  # keys looked at in one go, at least


class QueryOperator(Enum):
    """How a condition of `complex_query` compares."""

    AND = "and"
    OR = "or"
    NOT = "not"
    IN = "in"
    RANGE = "range"


@dataclass
class QueryCondition:
    """A condition: `and` (equal to `value`; for tags, all of them), `or`/`in` (any of `values`), `not`, `range`."""

    field: str
    operator: QueryOperator
    value: Any = None
    values: Optional[list[Any]] = None
    min_value: Optional[Any] = None
    max_value: Optional[Any] = None

    def holds(self, found: Any) -> bool:
        if self.operator is QueryOperator.RANGE:
            if found is None:
                return False
            return (self.min_value is None or found >= self.min_value) and (self.max_value is None or found <= self.max_value)
        wanted = self.values if self.values is not None else [self.value]
        if isinstance(found, list):
            every = all(value in found for value in wanted)
            some = any(value in found for value in wanted)
        else:
            every = some = found in wanted
        if self.operator is QueryOperator.NOT:
            return not some
        return every if self.operator is QueryOperator.AND else some


@dataclass
class QueryResult:
    """A page of keys. Fields can be had as attributes and as items."""

    keys: list[str]
    total_count: int
    page: int
    page_size: int
    has_more: bool
    execution_time_ms: float
    cache_hit: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __getitem__(self, item: str) -> Any:
        return self.to_dict()[item]

    def get(self, item: str, default: Any = None) -> Any:
        return self.to_dict().get(item, default)


def _check_page(page: int, page_size: int) -> None:
    if page < 1 or page_size < 1:
        raise ValueError("page and page_size begin at 1")


def _page(keys: list[str], page: int, page_size: int, started: float) -> QueryResult:
    _check_page(page, page_size)
    first = (page - 1) * page_size
    more = first + page_size < len(keys)
    return QueryResult(keys[first : first + page_size], len(keys), page, page_size, more, (time.perf_counter() - started) * 1000)


class QueryBuilder:
    """Conditions one by one.

    >>> store.query().tag("user").where("content_type", "application/json").prefix("user:").order_by("size").limit(50).all()
    """

    def __init__(self, store: Queries) -> None:
        self._store = store
        self._tags: list[str] = []
        self._filters: dict[str, Any] = {}
        self._prefix: Optional[str] = None
        self._limit: Optional[int] = None
        self._offset = 0
        self._order = ("key", False)

    def tag(self, tag: str) -> QueryBuilder:
        self._tags.append(tag)
        return self

    def where(self, field: str, value: Any) -> QueryBuilder:
        self._filters[field] = value
        return self

    def prefix(self, prefix: str) -> QueryBuilder:
        self._prefix = prefix
        return self

    def limit(self, limit: int) -> QueryBuilder:
        self._limit = limit
        return self

    def offset(self, offset: int) -> QueryBuilder:
        self._offset = offset
        return self

    def order_by(self, field: str, reverse: bool = False) -> QueryBuilder:
        self._order = (field, reverse)
        return self

    def all(self) -> list[dict[str, Any]]:
        """The metadata of what was found."""
        field, reverse = self._order
        return self._store._query(self._tags, self._prefix, field, reverse, self._limit, self._offset, self._filters)

    def keys(self) -> list[str]:
        return [metadata["key"] for metadata in self.all()]


class Queries(Conditional):
    """Looking for keys."""

    def query_index(self, field: str, value: Any) -> list[str]:
        """The keys whose field has this value: see `Indexes`."""
        raise NotImplementedError

    # Tags.

    @timed("query_by_tags")
    def query_by_tags(self, tags: list[str]) -> dict[str, dict[str, Any]]:
        """The metadata of keys that have all of these tags."""
        check_tags(tags)
        found = self._metadata_of(self._keys(tags))
        return {metadata["key"]: metadata for metadata in found if metadata is not None}

    @timed("query_by_tags")
    def query_by_tags_advanced(self, tags: list[str], operator: str = "AND", page: int = 1, page_size: int = 100) -> QueryResult:
        """A page of the keys that have all (`AND`) or any (`OR`) of these tags, in order."""
        started = time.perf_counter()
        check_tags(tags)
        _check_page(page, page_size)
        last = page * page_size
        names, count = self._names(tags, "ALL" if operator.upper() == "AND" else "ANY", last) if tags else ([], 0)
        keys = self._scope.keys_of(names[last - page_size : last])
        return QueryResult(keys, count, page, page_size, last < count, (time.perf_counter() - started) * 1000)

    @timed("list_all_tags")
    def list_all_tags(self) -> dict[str, int]:
        """How many keys have each tag."""
        counts = pairs(self._backend.execute("TAG.LIST", "MATCH", self._scope.tags_pattern(), "WITHCOUNTS"))
        return {self._scope.tags_of([name])[0]: int(count) for name, count in counts.items()}

    # Keys and namespaces.

    @timed("keys")
    def keys_with_prefix(self, prefix: str = "") -> list[str]:
        return self._keys(prefix=prefix)

    def get_all_keys(self) -> list[str]:
        return self.keys_with_prefix()

    def scan_keys(self, prefix: Optional[str] = None, page_size: int = 100) -> Iterator[list[str]]:
        """Pages of the keys that there are now."""
        if page_size < 1:
            raise ValueError("page_size must be positive")
        keys = self.keys_with_prefix(prefix or "")
        for start in range(0, len(keys), page_size):
            yield keys[start : start + page_size]

    @timed("list_namespaces")
    def list_namespaces(self, prefix: Optional[str] = None) -> list[str]:
        """The namespaces of this db that have keys."""
        names = self._backend.execute("TAG.LIST", "MATCH", namespaces_pattern(self.db))
        return sorted(namespace for _, namespace in map(namespace_of, names) if namespace.startswith(prefix or ""))

    @timed("clear_namespace")
    def clear_namespace(self, namespace: Optional[str] = None, confirm: bool = False) -> int:
        """Deletes all keys of a namespace, this one's unless another is named; how many there were."""
        if not confirm:
            raise ValueError("clear_namespace requires confirm=True")
        return self._clear(Scope(self.db, namespace or self.namespace))

    @timed("flushdb")
    def flushdb(self, confirm: bool = False, scope: str = "namespace") -> None:
        """Deletes all keys of this namespace, of this `db`, or `all`."""
        if scope not in {"namespace", "db", "all"}:
            raise ValueError("scope must be 'namespace', 'db', or 'all'")
        if confirm is not True:
            from ._log import log

            log().warning("flushdb was called without confirm=True")
        if scope == "namespace":
            count = self._clear(self._scope)
        else:
            names = self._backend.execute("TAG.LIST", "MATCH", namespaces_pattern(self.db if scope == "db" else None))
            count = sum(self._clear(Scope(*namespace_of(name))) for name in names)
        self._emit("flushdb", None, scope=scope, count=count)

    def _clear(self, scope: Scope) -> int:
        count = 0
        with self._settling_once():
            while names := self._backend.execute("TAG.KEYS", "ALL", scope.member, "LIMIT", 0, _DELETE):
                count += int(self._commit([("DEL", *names)])[0])
        if self._files is not None and scope.member == self._scope.member:
            self._files.sweep(0)
        return count

    # Metadata.

    @timed("query_metadata")
    def query_metadata(
        self,
        tags: Optional[list[str]] = None,
        prefix: Optional[str] = None,
        order_by: str = "key",
        reverse: bool = False,
        limit: Optional[int] = None,
        offset: int = 0,
        **filters: Any,
    ) -> list[dict[str, Any]]:
        """The metadata of keys that fit. A filter that names no metadata is about the field of JSON documents."""
        return self._query(tags, prefix, order_by, reverse, limit, offset, filters)

    def _query(
        self,
        tags: Optional[list[str]],
        prefix: Optional[str],
        order_by: str,
        reverse: bool,
        limit: Optional[int],
        offset: int,
        filters: dict[str, Any],
    ) -> list[dict[str, Any]]:
        check_tags(tags)
        keys = self._keys(tags or (), prefix=prefix or "")
        documents = {field: value for field, value in filters.items() if field not in METADATA}
        for field, value in documents.items():
            if field in self._indexed:
                among = set(self.query_index(field, value))
                keys = [key for key in keys if key in among]
        fixed = {field: value for field, value in filters.items() if field in METADATA}

        def fits(metadata: Optional[dict[str, Any]]) -> bool:
            if metadata is None or any(metadata.get(field) != value for field, value in fixed.items()):
                return False
            return not documents or self._document_fits(metadata, documents)

        if order_by != "key" or limit is None or limit < 0 or offset < 0:
            found = [metadata for metadata in self._metadata_of(keys) if metadata is not None and fits(metadata)]
            found.sort(key=lambda metadata: _sortable(metadata.get(order_by)), reverse=reverse)
            return found[offset:] if limit is None else found[offset : offset + limit]
        # In the order of keys no more is read than is asked for, but for what does not fit.
        if reverse:
            keys.reverse()
        if not fixed and not documents:
            keys, offset = keys[offset:], 0
        found = []
        at = 0
        while at < len(keys) and len(found) < offset + limit:
            upto = at + max(_LOOK, offset + limit - len(found))
            found += [metadata for metadata in self._metadata_of(keys[at:upto]) if metadata is not None and fits(metadata)]
            at = upto
        return found[offset : offset + limit]

    def _document_fits(self, metadata: dict[str, Any], wanted: dict[str, Any]) -> bool:
        rest = {field: value for field, value in wanted.items() if field not in metadata}
        if any(metadata[field] != wanted[field] for field in wanted if field in metadata):
            return False
        if not rest:
            return True
        document = self._document(metadata["key"], metadata)
        return isinstance(document, dict) and all(field in document and document[field] == value for field, value in rest.items())

    def _document(self, key: str, metadata: dict[str, Any]) -> Any:
        if metadata.get("content_type") != "application/json":
            return None
        try:
            return json_of(self._read(key), metadata.get("encoding") or self.default_encoding)
        except KeyError:
            return None

    def query(self) -> QueryBuilder:
        """A query to which conditions are added one by one."""
        return QueryBuilder(self)

    @timed("complex_query")
    def complex_query(self, conditions: list[dict[str, Any]], page: int = 1, page_size: int = 100) -> QueryResult:
        """A page of the keys for which all conditions hold: `{"field": …, "operator": "and|or|not|in|range", "value": …}`."""
        if not self.enable_indexing:
            raise RuntimeError("Advanced querying not enabled for this store")
        started = time.perf_counter()
        parsed = []
        for given in conditions:
            value, values = given.get("value"), given.get("values")
            if given["field"] == "tags" and values is None:
                values = value if isinstance(value, list) else [value]
            bounds = given.get("min_value"), given.get("max_value")
            parsed.append(QueryCondition(given["field"], QueryOperator(given.get("operator", "and")), value, values, *bounds))
        if not parsed:
            return _page([], page, page_size, started)
        sure = [tag for one in parsed if one.field == "tags" and one.operator is QueryOperator.AND for tag in one.values or []]
        keys = self._keys(sure)
        rest = [one for one in parsed if not (one.field == "tags" and one.operator is QueryOperator.AND)]
        if rest:
            found = (metadata for metadata in self._metadata_of(keys) if metadata is not None)
            keys = [metadata["key"] for metadata in found if all(one.holds(metadata.get(one.field)) for one in rest)]
        return _page(keys, page, page_size, started)


def json_of(data: bytes, encoding: str) -> Any:
    try:
        return json.loads(data.decode(encoding))
    except (ValueError, LookupError):
        return None


def _sortable(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, "")
    if isinstance(value, (int, float)):
        return (1, value)
    if isinstance(value, list):
        return (2, ",".join(value))
    return (3, str(value))
