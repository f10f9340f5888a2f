"""`MemDB`: records by table and key, in memory, in a log and, within an interval, in a database.

What must hold: a write is in the log once it returns; a read sees every write that has returned, through `get` and `query`
alike; what is returned is the caller's own. Records are JSON in the engine (`_records` says how types that JSON lacks are kept), so
any client of the engine sees them. Left out: tables as such, beyond making them; `ramekin.AsyncDatabase` has every command.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
from datetime import timedelta
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from .._backend import open_backend
from .._native import Engine, Records, watch_the_end
from .._records import decode, encode
from .._tasks import Turn, within
from ..errors import ClosedError, CommandError, QueryError, RamekinError, SchemaError, ServerConnectionError, ServerTimeoutError
from .adoption import adopt
from .arguments import MISSING as _MISSING
from .arguments import declared, milliseconds
from .arguments import named as _named
from .arguments import text_of as _text
from .clause import has_limit
from .latency import EVERY, Latency
from .settings import CONNECTIONS_MIN, PRESETS, count, find_settings, seconds
from .stats import figures as figures_of
from .stats import read_stats

if TYPE_CHECKING:
    from .._backend import Arg, Backend

Record = dict[str, Any]

FOLDER = "./data"
# A stop, and a call of `flush`, may take so many seconds; what has not settled by then is in the log.
STOP_SECONDS = 10.0

_SERVERS = ("ramekin://", "ramekins://", "ramekin+unix://")
_STORES = ("postgresql://", "postgres://", "sqlite:", "redis://", "rediss://", "valkey://", "valkeys://", "unix://")

_log = logging.getLogger("ramekin")


class MemDB(Records):
    """Records in memory, in front of a database.

        async with MemDB("postgresql://me@host/name") as db:
            await db.insert("calls", "c-17", {"state": "ringing", "seconds": 12})
            await db.get("calls", "c-17")
            await db.query("calls", "(data->>'seconds')::int >= 10 ORDER BY key", limit=20)

    `db_url` is a folder (`./data` if it is None and `PG_DSN` is not set), `sqlite:PATH`, `postgresql://…`, `redis://…`,
    `memory:`, or a server, `ramekin://host:port`. With a database behind, `folder` is where log and checkpoints are. What is
    None comes from `FLUSH_INTERVAL`, `EVICT_INTERVAL` and `MAX_CONNECTIONS`, in the environment or `.env`, or is 30, 60 and 10.
    Tables that MemDB's original has left in PostgreSQL are there again at once: its `memdb_calls` is the table `calls`.
    `stored_as="memdb_{}"` keeps new tables under such names too; `stored_as="{}"` leaves the original's alone.
    Further keywords are directives of the engine: `appendfsync="always"`, `maxmemory="2gb"`.
    """

    def __init__(
        self,
        db_url: str | os.PathLike[str] | None = None,
        flush_interval: float | None = None,
        evict_interval: float | None = None,
        max_connections: int | None = None,
        *,
        folder: str | Path = FOLDER,
        stored_as: str | None = None,
        **directives: Any,
    ) -> None:
        if stored_as is not None and stored_as.count("{}") != 1:
            raise ValueError("stored_as is a name with {} in it, in the place of the table's own: 'memdb_{}'")
        found = find_settings(None if db_url is None else os.fspath(db_url), flush_interval, evict_interval, max_connections)
        self.db_url = found.address
        self.folder = folder
        self._flush_interval = found.flush_interval
        self._evict_interval = found.evict_interval
        self._max_connections = found.max_connections
        self._said = found.said
        self._stored_as = stored_as
        self._directives = directives
        self._backend: Backend | None = None
        self._starting = Turn()
        self._defined: set[str] = set()
        self._inserts = 0
        self._calls = 0
        self._latencies = {name: Latency() for name in ("get", "insert", "query", "delete")}
        self._last_stats: dict[str, Any] | None = None

    @classmethod
    def preset(cls, name: str, db_url: str | os.PathLike[str] | None = None, **keywords: Any) -> MemDB:
        """A `MemDB` with the intervals of a preset: `telephony`, `iot`, `gaming` or `high_safety`.

        MemDB.preset("iot", "postgresql://me@host/name", evict_interval=10)
        """
        if name not in PRESETS:
            raise ValueError(f"there is no preset {name!r}, but {', '.join(PRESETS)}")
        return cls(db_url, **{**PRESETS[name]._asdict(), **keywords})

    # Opening and closing

    async def start(self) -> None:
        """Opens the database, and returns once all that it has is there. Does nothing if it is open."""
        async with self._starting:
            if self._backend is None:
                watch_the_end()
                backend = await asyncio.to_thread(self._open)
                try:
                    if self._stored_as is None:
                        await adopt(backend)
                except BaseException:
                    await asyncio.to_thread(backend.close)
                    raise
                self._backend = backend
                if isinstance(backend, Engine):
                    self._attach(backend, self._stored_as is None)
                _log.info("MemDB started on %s", self._where())

    async def stop(self) -> None:
        """Has everything settle, in bounded time, and closes. Does nothing if it is closed."""
        async with self._starting:
            backend = self._backend
            if backend is None:
                return
            try:
                await within(self._settle(backend, None), STOP_SECONDS)
                self._last_stats = await asyncio.to_thread(read_stats, backend)
            except (ServerConnectionError, ServerTimeoutError) as error:
                _log.warning("the server cannot say whether everything has settled: %s", error)
            except (RamekinError, OSError, TimeoutError, asyncio.TimeoutError) as error:
                _log.warning("not everything has settled, it is in the log: %s", str(error) or "it took too long")
            finally:
                self._attach(None)
                self._backend = None
                self._defined.clear()
                await asyncio.to_thread(backend.close)
                _log.info("MemDB stopped on %s", self._where())

    async def __aenter__(self) -> MemDB:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _open(self) -> Backend:
        address, directives = self.db_url, dict(self._directives)
        values = {
            "flush_interval": self._flush_interval,
            "evict_interval": self._evict_interval,
            "max_connections": max(self._max_connections, CONNECTIONS_MIN),
        }
        if address is not None and address.startswith(_SERVERS):
            backend = open_backend(address)
            # The server has its own settings, unless something else was said here.
            said = {name: value for name, value in values.items() if name in self._said}
            try:
                for name, value in {**directives, **said}.items():
                    _configure(backend, name, value)
            except BaseException:
                backend.close()
                raise
            return backend
        if address is not None and address.startswith(_STORES):
            return open_backend(str(self.folder), store=address, **{**values, **directives})
        return open_backend(str(self.folder) if address is None else address, **{**values, **directives})

    def _where(self) -> str:
        """The address, without what may be a password."""
        address = self.db_url or str(self.folder)
        scheme, slashes, rest = address.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if slashes else address

    # Settings that may change while it runs

    @property
    def flush_interval(self) -> float:
        """Seconds after which a change has settled in the database at the latest."""
        return self._flush_interval

    @flush_interval.setter
    def flush_interval(self, value: float) -> None:
        self._change("flush_interval", seconds(value, "flush_interval"))

    @property
    def evict_interval(self) -> float:
        """Seconds after which a record that has settled and was not used leaves memory."""
        return self._evict_interval

    @evict_interval.setter
    def evict_interval(self, value: float) -> None:
        self._change("evict_interval", seconds(value, "evict_interval"))

    @property
    def max_connections(self) -> int:
        """Connections to the database, 5 at least."""
        return self._max_connections

    @max_connections.setter
    def max_connections(self, value: int) -> None:
        self._change("max_connections", count(value, "max_connections"))

    def _change(self, name: str, value: float) -> None:
        if self._backend is not None:
            least = CONNECTIONS_MIN if name == "max_connections" else 0
            _configure(self._backend, name, max(value, least))
        setattr(self, f"_{name}", value)
        self._said |= {name}

    def _measured(self, name: str, nanoseconds: int) -> None:
        """A call that the native half has answered, and measured."""
        self._latencies[name].add(nanoseconds)

    # Tables and records. `get`, `insert` and `upsert` are the native half's, which answers what is in memory; the methods with an
    # underscore have the rest: what has to wait, values that JSON lacks, and every refusal.

    if TYPE_CHECKING:

        async def get(
            self, table: str = ..., key: str = ..., use_cache: bool = True, *, table_name: str = ...
        ) -> Record | None: ...
        async def insert(
            self,
            table: str = ...,
            key: str = ...,
            record: Record = ...,
            ttl: float | timedelta | None = None,
            *,
            table_name: str = ...,
        ) -> None: ...
        async def upsert(
            self,
            table: str = ...,
            key: str = ...,
            record: Record = ...,
            ttl: float | timedelta | None = None,
            *,
            table_name: str = ...,
        ) -> None: ...

    async def create_table(
        self, table: str = _MISSING, schema: dict[str, str] | None = None, *, table_name: str = _MISSING
    ) -> None:
        """Makes a table, or gives one that is there another schema: the types of fields, as far as they are declared.

        The types are string, integer, float, boolean, timestamp, object, array and any. An empty schema changes nothing.
        """
        name = _named(table, table_name)
        if schema:
            await self._define(name, ("SCHEMA", declared(schema)))
        elif name not in await self._tables():
            await self._define(name, ())

    async def _insert(
        self,
        table: str = _MISSING,
        key: str = _MISSING,
        record: Record | None = None,
        ttl: float | timedelta | None = None,
        *,
        table_name: str = _MISSING,
    ) -> None:
        """Puts a record, in place of any that has the key; with `ttl` it is gone after so many seconds.

        An unknown table is made, without a schema. `SchemaError` says which field breaks its type, or cannot be kept.
        """
        if type(table) is not str or table_name is not _MISSING:
            table = _named(table, table_name)
        if type(key) is not str:
            key = _text(key, "key")
        words: tuple[Arg, ...] = ("TABLE.PUT", table, key, encode(record))  # type: ignore[arg-type]
        if ttl is not None:
            words += ("PX", milliseconds(ttl))
        if self._stored_as is not None and table not in self._defined:
            await self.create_table(table)
        self._calls = calls = self._calls + 1
        if calls % EVERY != 1:
            await self._put(words)
        else:
            begun = perf_counter_ns()
            await self._put(words)
            self._latencies["insert"].add(perf_counter_ns() - begun)
        self._inserts += 1

    async def _get(
        self, table: str = _MISSING, key: str = _MISSING, use_cache: bool = True, *, table_name: str = _MISSING
    ) -> Record | None:
        """A record, from memory or, if it was evicted, from the database; None if there is none.

        With `use_cache=False` the database is asked, and what others have just written there is seen; own changes that have not
        settled count for more. A database that is away is a `StoreError` then.
        """
        if type(table) is not str or table_name is not _MISSING:
            table = _named(table, table_name)
        if type(key) is not str:
            key = _text(key, "key")
        backend = self._backend
        if backend is None:
            raise _closed()
        self._calls = calls = self._calls + 1
        words = ("TABLE.GET", table, key) if use_cache else ("TABLE.GET", table, key, "FRESH")
        if calls % EVERY != 1:
            text = await backend.execute_async(*words)
            return None if text is None else decode(text)
        begun = perf_counter_ns()
        text = await backend.execute_async(*words)
        record: Record | None = None if text is None else decode(text)
        self._latencies["get"].add(perf_counter_ns() - begun)
        return record

    async def delete(self, table: str = _MISSING, key: str = _MISSING, *, table_name: str = _MISSING) -> bool:
        """Deletes a record; whether there was one."""
        table, key = _named(table, table_name), _text(key, "key")
        begun = perf_counter_ns()
        deleted = await self._run("TABLE.DEL", table, key)
        self._latencies["delete"].add(perf_counter_ns() - begun)
        return bool(deleted)

    async def query(
        self,
        table: str = _MISSING,
        where_sql: str = "",
        limit: int | None = 100,
        *,
        table_name: str = _MISSING,
    ) -> list[Record]:
        """The records that a clause is true of, each with its key as `_key`.

            await db.query("calls", "data->>'state' = 'ringing' ORDER BY data->'seconds' DESC", limit=10)

        Clauses are PostgreSQL's, over `data`, `key` and `expires_at`, with ORDER BY, LIMIT and OFFSET behind. A LIMIT in the
        clause counts instead of `limit`; None is no limit. `QueryError` says at which character a clause is wrong.
        """
        table, where = _named(table, table_name), _text(where_sql, "where_sql")
        clause = where
        if not has_limit(where) and limit is not None:
            clause = f"{where} LIMIT {count(limit, 'limit') if limit else 0}"
        begun = perf_counter_ns()
        try:
            rows = await self._run("QUERY", table, *([clause] if clause.strip() else []))
        except CommandError as error:
            if error.code != "ERR" or isinstance(error, QueryError):
                raise
            if "no such table" in str(error):
                return []
            if "a table's name" in str(error):
                raise
            raise QueryError(_without_code(await self._fault(table, where, error))) from None
        found = []
        for key, text in rows:
            record = decode(text)
            # What others have put into a table need not be an object.
            record = record if isinstance(record, dict) else {"_value": record}
            record["_key"] = key.decode() if isinstance(key, bytes) else key
            found.append(record)
        self._latencies["query"].add(perf_counter_ns() - begun)
        return found

    # Settling and memory

    async def flush(self, table: str | None = None, *, table_name: str | None = None) -> None:
        """Has all that has changed, or one table, settle, and returns once it has.

        Raises what the database says of rows that it refuses. Without one it returns once all is on disk.
        """
        backend = self._backend
        if backend is None:
            raise _closed()
        await self._settle(backend, table if table is not None else table_name)

    async def evict_idle(self) -> int:
        """Takes records out of memory that have settled and were not used for `evict_interval`; how many."""
        try:
            return int(await self._run("EVICT", math.ceil(self._evict_interval)))
        except CommandError as error:
            if _has_no_store(error):
                return 0
            raise

    def stats(self) -> dict[str, Any]:
        """Figures: those of the original, and `flush_cycles`, `hit_rate`, `flush_ms`, `lag_seconds`, `pool`, `bytes`, …

        Before the first start they are zeros, after a stop the last ones.
        """
        if self._backend is not None:
            self._last_stats = read_stats(self._backend)
        figures = dict(self._last_stats or figures_of({}, 0))
        pool = {"max_connections": self._max_connections, "connections_made": figures.pop("connections_made", 0)}
        latencies = {name: latency.percentiles() for name, latency in self._latencies.items()}
        return {**figures, "inserts": self._inserts + self._puts(), "pool": pool, "latency_ms": latencies}

    async def _settle(self, backend: Backend, table: str | None) -> None:
        try:
            await backend.execute_async("FLUSH", *([] if table is None else [table]))
        except CommandError as error:
            if "no such table" in str(error):
                return
            if not _has_no_store(error):
                raise
            try:
                await backend.execute_async("WAITAOF", 1, 0, 0)
            except CommandError as unlogged:
                # `memory:` has no disk to wait for.
                if "appendonly" not in str(unlogged):
                    raise

    async def _fault(self, table: str, where: str, error: CommandError) -> CommandError:
        """What is wrong with a clause as it was written, without the LIMIT behind it."""
        try:
            await self._run("EXPLAIN", table, where)
        except CommandError as fault:
            return fault
        return error

    async def _put(self, words: tuple[Arg, ...]) -> None:
        try:
            await self._run(*words)
        except CommandError as error:
            if error.code == "ERR" and not isinstance(error, SchemaError) and _is_of_the_record(str(error)):
                raise SchemaError(_without_code(error)) from None
            raise

    async def _define(self, name: str, words: tuple[str, ...]) -> None:
        stored = ("STORE", "TABLE", self._stored_as.format(name)) if self._stored_as is not None else ()
        try:
            await self._run("TABLE.CREATE", name, *words, *stored)
        except CommandError as error:
            if "lies elsewhere in the store" not in str(error):
                if " is no type" in str(error):
                    raise SchemaError(_without_code(error)) from None
                raise
            # It was made with another name in the store, which stays.
            info = await self._run("TABLE.INFO", name)
            there = info.get(b"stored-as", info.get("stored-as"))
            await self._run("TABLE.CREATE", name, *words, *(("STORE", "TABLE", there) if there else ()))
        self._defined.add(name)

    async def _tables(self) -> set[str]:
        names = await self._run("TABLE.LIST")
        return {name.decode() if isinstance(name, bytes) else name for name in names}

    async def _run(self, *words: Arg) -> Any:
        backend = self._backend
        if backend is None:
            raise _closed()
        return await backend.execute_async(*words)


def _configure(backend: Backend, name: str, value: Any) -> None:
    """Changes a directive while the database is open."""
    configure = getattr(backend, "configure", None)
    if configure is not None:
        configure(name, value)
    else:
        backend.execute("CONFIG", "SET", name.replace("_", "-"), value)


def _closed() -> ClosedError:
    return ClosedError("this MemDB is not open: `await db.start()`, or `async with MemDB(…) as db`")


def _has_no_store(error: CommandError) -> bool:
    return "no store behind" in str(error)


def _is_of_the_record(text: str) -> bool:
    return text.startswith(("ERR field ", "ERR a record ", "ERR invalid JSON"))


def _without_code(error: CommandError) -> str:
    return str(error).removeprefix(f"{error.code} ")
