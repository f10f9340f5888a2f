"""Made by stubs.py of the methods' annotations: do not edit."""

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Generic, Literal, overload

from typing_extensions import TypeVar

from ._backend import Backend, Subscription
from ._commands.base import Expiry, Key, Moment, Value
from ._commands.tables import Record
from ._opening import Address

__all__ = ["AsyncChanges", "AsyncDatabase", "AsyncLock", "AsyncPipeline", "Changes", "Database", "Lock", "Pipeline"]

V = TypeVar("V", default=bytes)

class Database(Generic[V]):
    """A database in this process, or a server's.

    >>> with Database("./data") as db:
    ...     db.set("greeting", "hello")
    ...     db.get("greeting")
    True
    b'hello'

    `address` is a folder (None: `./data`), `memory:`, what lies behind (`sqlite:`, `postgresql://…`, `redis://…`, with the log in
    `./data` or in the folder that `dir` names), or a server by `ramekin://host:port`. Directives are the server's, with `_` for
    `-`: `appendfsync="always"`. Any thread may use it.
    """

    @overload
    def __init__(
        self: Database[bytes], address: Address = None, *, decode_responses: Literal[False] = False, **directives: Any
    ) -> None: ...
    @overload
    def __init__(self: Database[str], address: Address = None, *, decode_responses: Literal[True], **directives: Any) -> None: ...
    @overload
    def __init__(self, address: Address = None, *, decode_responses: bool, **directives: Any) -> None: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: Literal[False] = False, **directives: Any) -> Database[bytes]: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: Literal[True], **directives: Any) -> Database[str]: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: bool, **directives: Any) -> Database[Any]: ...
    def append(self, key: Key, value: Value) -> int:
        """Appends to a value, and returns its new length."""
    def decr(self, name: Key, amount: int = 1) -> int:
        """Subtracts from an integer, and returns what it is then."""
    def decrby(self, name: Key, amount: int = 1) -> int:
        """Subtracts from an integer, and returns what it is then."""
    def delifeq(self, name: Key, value: Value) -> int:
        """Deletes a key if this is its value: 1, or 0."""
    def get(self, name: Key) -> V | None:
        """The value of a key, None if there is none."""
    def getdel(self, name: Key) -> V | None:
        """The value of a key, which is deleted."""
    def getex(
        self, name: Key, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None, pxat: Moment | None = None,
        persist: bool = False
    ) -> V | None:
        """The value of a key, whose expiry is set or, with `persist`, removed."""
    def getrange(self, key: Key, start: int, end: int) -> V:
        """A part of a value; both ends are within it, negative ones count from the end."""
    def getset(self, name: Key, value: Value) -> V | None:
        """Sets a value, and returns the one before."""
    def incr(self, name: Key, amount: int = 1) -> int:
        """Adds to an integer, and returns what it is then."""
    def incrby(self, name: Key, amount: int = 1) -> int:
        """Adds to an integer, and returns what it is then."""
    def incrbyfloat(self, name: Key, amount: float = 1.0) -> float:
        """Adds to a number, and returns what it is then."""
    def lcs(
        self, key1: Key, key2: Key, len: bool | None = False, idx: bool | None = False, minmatchlen: int | None = 0,
        withmatchlen: bool | None = False
    ) -> Any:
        """The longest common subsequence of two values, its length, or with `idx` where it lies."""
    def mget(self, keys: Any, *args: Key) -> list[V | None]:
        """The values of keys, in their order."""
    def mset(self, mapping: Mapping[Any, Value]) -> bool:
        """Sets values, all at once."""
    def msetex(
        self, mapping: Mapping[Any, Value], data_persist_option: Any = None, ex: Expiry | None = None, px: Expiry | None = None,
        exat: Moment | None = None, pxat: Moment | None = None, keepttl: bool = False, nx: bool = False, xx: bool = False
    ) -> int:
        """Sets values and their expiry, all or none: 1, or 0 where `nx` (none may exist) or `xx` (all must) forbids it."""
    def msetnx(self, mapping: Mapping[Any, Value]) -> bool:
        """Sets values if none of the keys exists."""
    def psetex(self, name: Key, time_ms: Expiry, value: Value) -> bool:
        """Sets a value that expires."""
    def set(
        self, name: Key, value: Value, ex: Expiry | None = None, px: Expiry | None = None, nx: bool = False, xx: bool = False,
        keepttl: bool = False, get: bool = False, exat: Moment | None = None, pxat: Moment | None = None, ifeq: Value | None = None
    ) -> bool | V | None:
        """Sets a value: True, None where `nx`, `xx` or `ifeq` forbids it; with `get` the value before."""
    def setex(self, name: Key, time: Expiry, value: Value) -> bool:
        """Sets a value that expires."""
    def setnx(self, name: Key, value: Value) -> bool:
        """Sets a value if the key does not exist."""
    def setrange(self, name: Key, offset: int, value: Value) -> int:
        """Overwrites a part of a value, and returns its length."""
    def strlen(self, name: Key) -> int:
        """The length of a value in bytes, 0 if there is none."""
    def substr(self, name: Key, start: int, end: int = -1) -> V:
        """A part of a value: another name for `getrange`."""
    def blmove(self, first_list: Key, second_list: Key, timeout: float, src: str = 'LEFT', dest: str = 'RIGHT') -> V | None:
        """Like `lmove`; waits for an element."""
    def blmpop(self, timeout: float, numkeys: int, *args: Key, direction: str, count: int | None = 1) -> Any:
        """Like `lmpop`; waits for an element."""
    def blpop(self, keys: Any, timeout: float | None = 0) -> tuple[V, V] | None:
        """The first element of the first list that has one, and the list's key; waits for it."""
    def brpop(self, keys: Any, timeout: float | None = 0) -> tuple[V, V] | None:
        """The last element of the first list that has one, and the list's key; waits for it."""
    def brpoplpush(self, src: Key, dst: Key, timeout: float | None = 0) -> V | None:
        """Like `rpoplpush`; waits for an element."""
    def lindex(self, name: Key, index: int) -> V | None:
        """An element by its place."""
    def linsert(self, name: Key, where: str, refvalue: Value, value: Value) -> int:
        """Inserts `BEFORE` or `AFTER` an element: the list's length, -1 if there is no such element."""
    def llen(self, name: Key) -> int:
        """How many elements a list has."""
    def lmove(self, first_list: Key, second_list: Key, src: str = 'LEFT', dest: str = 'RIGHT') -> V | None:
        """Takes an element from one end of a list, puts it to an end of another, and returns it."""
    def lmpop(self, num_keys: int, *args: Key, direction: str, count: int | None = 1) -> Any:
        """Elements from an end (`LEFT`, `RIGHT`) of the first list that has some: `[key, elements]`, or None."""
    def lpop(self, name: Key, count: int | None = None) -> Any:
        """Takes the first element; with `count` a list of the first ones."""
    def lpos(self, name: Key, value: Value, rank: int | None = None, count: int | None = None, maxlen: int | None = None) -> Any:
        """Where an element is, None if nowhere; with `count` a list of places."""
    def lpush(self, name: Key, *values: Value) -> int:
        """Puts elements before the first, each before the other: the list's length."""
    def lpushx(self, name: Key, *values: Value) -> int:
        """Like `lpush`, if the list exists."""
    def lrange(self, name: Key, start: int, end: int) -> list[V]:
        """Elements by their places, both ends included; -1 is the last."""
    def lrem(self, name: Key, count: int, value: Value) -> int:
        """Removes so many elements that equal a value, from the end if negative, all if 0."""
    def lset(self, name: Key, index: int, value: Value) -> bool:
        """Replaces an element."""
    def lsize(self, name: Key) -> int:
        """How many elements a list has: another name for `llen`."""
    def ltrim(self, name: Key, start: int, end: int) -> bool:
        """Keeps these elements and removes the others."""
    def rpop(self, name: Key, count: int | None = None) -> Any:
        """Takes the last element; with `count` a list of the last ones."""
    def rpoplpush(self, src: Key, dst: Key) -> V | None:
        """Takes the last element of a list, puts it first in another, and returns it."""
    def rpush(self, name: Key, *values: Value) -> int:
        """Puts elements behind the last: the list's length."""
    def rpushx(self, name: Key, *values: Value) -> int:
        """Like `rpush`, if the list exists."""
    def hdel(self, name: Key, *keys: Value) -> int:
        """Deletes fields: how many there were."""
    def hexists(self, name: Key, key: Value) -> bool:
        """Whether a hash has a field."""
    def hexpire(
        self, name: Key, seconds: Expiry, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> list[int]:
        """Has fields expire after seconds."""
    def hexpireat(
        self, name: Key, unix_time_seconds: Moment, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False,
        lt: bool = False
    ) -> list[int]:
        """Has fields expire at a moment."""
    def hexpiretime(self, key: Key, *fields: Value) -> list[int]:
        """When fields expire, as Unix times in seconds."""
    def hget(self, name: Key, key: Value) -> V | None:
        """The value of a field."""
    def hgetall(self, name: Key) -> dict[V, V]:
        """All fields and their values."""
    def hgetdel(self, name: Key, *keys: Value) -> list[V | None]:
        """The values of fields, which are deleted."""
    def hgetex(
        self, name: Key, *keys: Value, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None,
        pxat: Moment | None = None, persist: bool = False
    ) -> list[V | None]:
        """The values of fields, whose expiry is set or, with `persist`, removed."""
    def hincrby(self, name: Key, key: Value, amount: int = 1) -> int:
        """Adds to an integer in a field, and returns what it is then."""
    def hincrbyfloat(self, name: Key, key: Value, amount: float = 1.0) -> float:
        """Adds to a number in a field, and returns what it is then."""
    def hkeys(self, name: Key) -> list[V]:
        """All fields."""
    def hlen(self, name: Key) -> int:
        """How many fields a hash has."""
    def hmget(self, name: Key, keys: Any, *args: Value) -> list[V | None]:
        """The values of fields, in their order."""
    def hmset(self, name: Key, mapping: Mapping[Any, Value]) -> bool:
        """Sets fields; `hset` does as well."""
    def hpersist(self, name: Key, *fields: Value) -> list[int]:
        """Fields do not expire any more."""
    def hpexpire(
        self, name: Key, milliseconds: Expiry, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> list[int]:
        """Has fields expire after milliseconds."""
    def hpexpireat(
        self, name: Key, unix_time_milliseconds: Moment, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False,
        lt: bool = False
    ) -> list[int]:
        """Has fields expire at a moment."""
    def hpexpiretime(self, key: Key, *fields: Value) -> list[int]:
        """When fields expire, as Unix times in milliseconds."""
    def hpttl(self, key: Key, *fields: Value) -> list[int]:
        """How many milliseconds fields have left."""
    def hrandfield(self, key: Key, count: int | None = None, withvalues: bool = False) -> Any:
        """A field at random; with `count` a list, with `withvalues` of fields and values by turns."""
    def hscan(
        self, name: Key, cursor: int = 0, match: Key | None = None, count: int | None = None, no_values: bool | None = None
    ) -> tuple[int, Any]:
        """Some fields and the cursor for the next ones, 0 at the end. `hscan_iter` does the asking."""
    def hset(
        self, name: Key, key: Value | None = None, value: Value | None = None, mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None
    ) -> int:
        """Sets a field, those of a mapping, or those of a flat list: how many are new."""
    def hsetex(
        self, name: Key, key: Value | None = None, value: Value | None = None, mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None,
        pxat: Moment | None = None, data_persist_option: Any = None, keepttl: bool = False, nx: bool = False, xx: bool = False,
        fnx: bool = False, fxx: bool = False
    ) -> int:
        """Sets fields and their expiry, all or none: 1, or 0 where a condition on the hash or the fields forbids it."""
    def hsetnx(self, name: Key, key: Value, value: Value) -> int:
        """Sets a field that does not exist: 1, or 0."""
    def hstrlen(self, name: Key, key: Value) -> int:
        """The length of a field's value in bytes."""
    def httl(self, key: Key, *fields: Value) -> list[int]:
        """How many seconds fields have left."""
    def hvals(self, name: Key) -> list[V]:
        """All values."""
    def copy(self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False) -> bool:
        """Copies a value to another key: False if that exists and `replace` is not said."""
    def delete(self, *names: Key) -> int:
        """Deletes keys: how many there were."""
    def dump(self, name: Key) -> bytes | None:
        """A value as bytes that `restore` takes."""
    def exists(self, *names: Key) -> int:
        """How many of these keys exist."""
    def expire(self, name: Key, time: Expiry, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Has a key expire after seconds: False if there is none, or a condition forbids it."""
    def expireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Has a key expire at a moment, a Unix time in seconds or a datetime."""
    def expiretime(self, key: Key) -> int:
        """When a key expires as a Unix time in seconds; -1 never, -2 there is none."""
    def keys(self, pattern: Key = '*') -> list[V]:
        """All keys that match a pattern. `scan_iter` returns them bit by bit."""
    def move(self, name: Key, db: int) -> bool:
        """Moves a key to another database."""
    def object(self, infotype: str, key: Key) -> Any:
        """`encoding`, `freq`, `idletime` or `refcount` of a value."""
    def persist(self, name: Key) -> bool:
        """A key does not expire any more."""
    def pexpire(self, name: Key, time: Expiry, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Has a key expire after milliseconds."""
    def pexpireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Has a key expire at a moment, a Unix time in milliseconds or a datetime."""
    def pexpiretime(self, key: Key) -> int:
        """When a key expires as a Unix time in milliseconds."""
    def pttl(self, name: Key) -> int:
        """How many milliseconds a key has left; -1 it does not expire, -2 there is none."""
    def randomkey(self) -> V | None:
        """Any key, None if there is none."""
    def rename(self, src: Key, dst: Key) -> bool:
        """Gives a value another key, in place of what that has."""
    def renamenx(self, src: Key, dst: Key) -> bool:
        """Gives a value another key if that does not exist."""
    def restore(
        self, name: Key, ttl: float, value: bytes, replace: bool = False, absttl: bool = False, idletime: int | None = None,
        frequency: int | None = None
    ) -> V:
        """Makes a key of what `dump` returned, with a time to live in milliseconds, 0 for none."""
    def scan(self, cursor: int = 0, match: Key | None = None, count: int | None = None, _type: str | None = None) -> tuple[int, list[V]]:
        """Some keys and the cursor for the next ones, 0 at the end. `scan_iter` does the asking."""
    def sort(
        self, name: Key, start: int | None = None, num: int | None = None, by: Key | None = None, get: Any = None, desc: bool = False,
        alpha: bool = False, store: Key | None = None, groups: bool | None = False
    ) -> Any:
        """The elements in order, or what `get` says of each; with `groups` as tuples; with `store` how many were stored."""
    def sort_ro(
        self, key: Key, start: int | None = None, num: int | None = None, by: Key | None = None, get: Any = None, desc: bool = False,
        alpha: bool = False
    ) -> list[Any]:
        """Like `sort`; stores nothing."""
    def touch(self, *args: Key) -> int:
        """Counts keys as used: how many there are."""
    def ttl(self, name: Key) -> int:
        """How many seconds a key has left; -1 it does not expire, -2 there is none."""
    def type(self, name: Key) -> V:
        """`string`, `list`, `hash`, …, or `none`."""
    def unlink(self, *names: Key) -> int:
        """Deletes keys: how many there were."""
    def table_create(
        self, table: str, schema: Mapping[str, str] | None = None, *, ttl: int | None = None, store_table: str | None = None,
        key_column: str | None = None, data_column: str | None = None, on_conflict: str | None = None
    ) -> bool:
        """Makes a table, or gives one another schema: `{"state": "string", "seconds": "integer"}`.

        `ttl`: records expire after so many seconds unless they say otherwise. The others are about the table in the store.
        """
    def table_put(
        self, table: str, key: Key, record: Record | str | bytes, ttl: float | timedelta | None = None, *, exat: Moment | None = None,
        keepttl: bool = False, nx: bool = False, xx: bool = False
    ) -> bool | None:
        """Puts a record, a dict or JSON; None where `nx` or `xx` forbids it. `ttl` is in seconds."""
    def table_get(self, table: str, key: Key) -> dict[str, Any] | None:
        """A record, the caller's own; None if there is none."""
    def table_delete(self, table: str, *keys: Key) -> int:
        """Deletes records: how many there were."""
    def table_drop(self, table: str) -> bool:
        """Deletes a table with all its records."""
    def table_info(self, table: str) -> dict[str, Any]:
        """What a table is, and how many records it has."""
    def table_list(self) -> list[str]:
        """The names of all tables."""
    def query(
        self, table: str, where: str = '', *, order_by: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> list[dict[str, Any]]:
        """The records that a clause is true of, each with its key as `_key`.

        `db.query("calls", "(data->>'seconds')::int >= 10", order_by="data->'seconds' DESC", limit=20)`
        """
    def query_select(
        self, table: str, columns: str, where: str = '', *, order_by: str | None = None, limit: int | None = None,
        offset: int | None = None
    ) -> list[list[V | None]]:
        """Rows of what is asked for: texts as they are, all else as JSON. `columns`: `"key, data->>'state'"`."""
    def query_count(self, table: str, where: str = '') -> int:
        """How many records a clause is true of."""
    def query_page(self, table: str, where: str = '', cursor: str | int = 0, limit: int = 100) -> tuple[str, list[dict[str, Any]]]:
        """Some of the records and the cursor for the next ones, `"0"` at the end. `query_iter` does the asking."""
    def explain(
        self, table: str, where: str = '', *, order_by: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> dict[str, Any]:
        """Runs a query and tells what memory and the store did for it."""
    def index_create(self, name: str, table: str, path: str, type: str | None = None, unique: bool = False) -> bool:
        """Makes an index over a value of each record: `db.index_create("by_state", "calls", "data->>'state'")`."""
    def index_drop(self, name: str, table: str) -> bool:
        """Drops an index."""
    def index_list(self, table: str | None = None) -> list[dict[str, Any]]:
        """The indexes of a table, or all."""
    def tag_add(self, key: Key, *tags: Key) -> int:
        """Adds tags to a key: how many it did not have."""
    def tag_count(self, *tags: Key, any: bool = False) -> int:
        """How many keys have all of the tags, or any."""
    def tag_keys(self, *tags: Key, any: bool = False, offset: int = 0, limit: int = -1) -> list[V]:
        """The keys that have all of the tags, or any."""
    def tag_list(self, match: Key | None = None) -> list[V]:
        """All tags that keys have."""
    def tag_counts(self, match: Key | None = None) -> dict[V, int]:
        """All tags, with how many keys have each."""
    def tag_of(self, key: Key) -> list[V]:
        """The tags of a key."""
    def tag_rem(self, key: Key, *tags: Key) -> int:
        """Removes tags from a key: how many it had."""
    def tag_set(self, key: Key, *tags: Key) -> bool:
        """Gives a key these tags and no others."""
    def auth(self, password: str, username: str | None = None) -> bool:
        """Logs in."""
    def client_durability(self, level: str | None = None) -> str | bool:
        """Sets, or tells, when changes are acknowledged: `memory`, `disk`, `store`, or as the `server` does by default."""
    def client_getname(self) -> str | None:
        """The name of a connection."""
    def client_id(self) -> int:
        """The number of a connection."""
    def client_info(self) -> dict[str, Any]:
        """What is known of a connection."""
    def client_kill(self, address: str) -> Any:
        """Ends the connection from an address."""
    def client_kill_filter(
        self, _id: int | None = None, _type: str | None = None, addr: str | None = None, skipme: bool | None = None,
        laddr: str | None = None, user: str | None = None, maxage: int | None = None
    ) -> int:
        """Ends connections that all of this is true of: how many."""
    def client_list(self, _type: str | None = None, client_id: Any = ()) -> list[dict[str, str]]:
        """What is known of all connections, those of a type, or some."""
    def client_no_evict(self, mode: str) -> V:
        """`ON`: connections are not ended for want of memory."""
    def client_no_touch(self, mode: str) -> V:
        """`ON`: commands do not count as uses of keys."""
    def client_pause(self, timeout: int, all: bool = True) -> bool:
        """Commands of all clients, or only those that write, wait for so many milliseconds."""
    def client_setinfo(self, attr: str, value: str) -> bool:
        """Tells the library's name (`LIB-NAME`) or version (`LIB-VER`)."""
    def client_setname(self, name: str) -> bool:
        """Gives connections a name."""
    def client_trackinginfo(self) -> list[Any]:
        """What a connection is told of changes."""
    def client_unblock(self, client_id: int, error: bool = False) -> bool:
        """Ends the waiting of a blocking command."""
    def client_unpause(self) -> V:
        """Ends a pause."""
    def select(self, index: int) -> bool:
        """All commands are about this database from now on."""
    def backup(self, directory: str) -> bool:
        """Writes a copy of everything into a new folder on the server; starting on that folder restores it."""
    def bgrewriteaof(self) -> bool:
        """Takes a checkpoint in the background, which trims the log."""
    def bgsave(self, schedule: bool = True) -> bool:
        """Takes a checkpoint in the background."""
    def command(self) -> dict[str, dict[str, Any]]:
        """What is known of each command."""
    def command_count(self) -> int:
        """How many commands there are."""
    def command_docs(self, *args: str) -> dict[str, Any]:
        """What commands are for."""
    def command_getkeys(self, *args: Value) -> list[str]:
        """The keys among the words of a command."""
    def command_getkeysandflags(self, *args: Value) -> list[Any]:
        """The keys among the words of a command, and what it does to them."""
    def command_info(self, *args: str) -> dict[str, dict[str, Any]]:
        """What is known of some commands."""
    def command_list(self, module: str | None = None, category: str | None = None, pattern: str | None = None) -> list[V]:
        """The names of commands."""
    def commandlog_get(self, count: int = -1, kind: str = 'slow') -> list[dict[str, Any]]:
        """The last commands that were `slow`, a `large-request` or had a `large-reply`."""
    def commandlog_len(self, kind: str = 'slow') -> int:
        """How many such commands are kept."""
    def commandlog_reset(self, kind: str = 'slow') -> bool:
        """Forgets them."""
    def config_get(self, pattern: str = '*', *args: str) -> dict[str, str]:
        """Directives that match a pattern, and their values."""
    def config_resetstat(self) -> bool:
        """Figures begin at 0 again."""
    def config_rewrite(self) -> V:
        """Writes the directives to the server's file."""
    def config_set(self, name: str, value: Value, *args: Value) -> bool:
        """Changes a directive, or several."""
    def dbsize(self) -> int:
        """How many keys there are."""
    def echo(self, value: Value) -> V:
        """What was sent."""
    def evict(self, idle_seconds: float | None = None) -> int:
        """Takes keys out of memory that have settled, and were not used for so long: how many. They come back by themselves."""
    def flush(self, table: str | None = None) -> bool:
        """Returns once everything, or a table, has settled in the store; raises if it cannot."""
    def flushall(self, asynchronous: bool = False) -> bool:
        """Removes all keys of all databases."""
    def flushdb(self, asynchronous: bool = False) -> bool:
        """Removes all keys of this database."""
    def info(self, section: str | None = None, *args: str) -> dict[str, Any]:
        """Figures and states, of all sections or some."""
    def lastsave(self) -> datetime | None:
        """When the last checkpoint was taken, in local time."""
    def latency_doctor(self) -> V:
        """What could be better about latencies, in words."""
    def latency_graph(self, event: str) -> V:
        """The latencies of an event as a picture of characters."""
    def latency_histogram(self, *args: str) -> dict[str, Any]:
        """How latencies of commands are distributed."""
    def latency_history(self, event: str) -> list[list[int]]:
        """When an event was slow, and how slow."""
    def latency_latest(self) -> list[list[Any]]:
        """The last slow moment of each event."""
    def latency_reset(self, *events: str) -> int:
        """Forgets latencies."""
    def lolwut(self, *version_numbers: float) -> V:
        """A picture, and the version."""
    def memory_doctor(self) -> V:
        """What is wrong with the use of memory, in words."""
    def memory_malloc_stats(self) -> V:
        """What the allocator says of itself."""
    def memory_purge(self) -> bool:
        """Gives free memory back to the system."""
    def memory_stats(self) -> dict[str, Any]:
        """What memory is used for, in bytes."""
    def memory_usage(self, key: Key, samples: int | None = None) -> int | None:
        """How many bytes a key takes, None if there is none."""
    def namespace_create(
        self, name: str, store: str | None = None, *, attach: str | None = None, maxmemory: int | str | None = None,
        maxkeys: int | None = None, policy: str | None = None
    ) -> bool:
        """Makes a namespace: a database of this name with its own keys, folder, store and limits."""
    def namespace_drop(self, name: str, force: bool = False) -> bool:
        """Removes a namespace with all its keys. What its store has stays there."""
    def namespace_info(self, name: str | None = None) -> dict[str, Any]:
        """What is known of a namespace, or of the one in use."""
    def namespace_list(self) -> list[dict[str, Any]]:
        """All namespaces."""
    def namespace_set(
        self, name: str, *, maxmemory: int | str | None = None, maxkeys: int | None = None, policy: str | None = None
    ) -> bool:
        """Changes limits of a namespace."""
    def namespace_use(self, name: str) -> bool:
        """All commands are about this namespace from now on; `default` is the one without a name."""
    def ping(self, message: Value | None = None) -> Any:
        """True; or what was sent."""
    def quarantine_list(self, count: int = 100) -> list[Any]:
        """Rows that the store refuses."""
    def quarantine_retry(self, key: Key | None = None, db: int | None = None) -> int:
        """Has one, or all, tried again: how many."""
    def quarantine_skip(self, key: Key, db: int | None = None) -> int:
        """Gives up a change: what the store has of the key counts."""
    def readonly(self) -> bool:
        """For replicas of a cluster; changes nothing here."""
    def readwrite(self) -> bool:
        """For replicas of a cluster; changes nothing here."""
    def role(self) -> list[Any]:
        """The part in replication."""
    def save(self) -> bool:
        """Takes a checkpoint, and returns once it is there."""
    def slowlog_get(self, num: int | None = None) -> list[dict[str, Any]]:
        """The last slow commands."""
    def slowlog_len(self) -> int:
        """How many slow commands are kept."""
    def slowlog_reset(self) -> bool:
        """Forgets slow commands."""
    def swapdb(self, first: int, second: int) -> bool:
        """Swaps two databases."""
    def time(self) -> tuple[int, int]:
        """The server's clock: Unix time in seconds, and microseconds."""
    def wait(self, num_replicas: int, timeout: int) -> int:
        """Waits for replicas, in milliseconds: how many have all that was written."""
    def waitaof(self, num_local: int, num_replicas: int, timeout: int) -> list[int]:
        """Waits until what was written is on disk, in milliseconds, 0 without end: on how many, here and on replicas."""
    def waitstore(self, timeout: int = 0) -> int:
        """Waits until what was written has settled in the store, in milliseconds, 0 without end: 1, or 0 if the time is up."""
    @property
    def backend(self) -> Backend:
        """Where commands run."""
    def execute(self, *args: Any) -> Any:
        """Any command, and its reply as it is: `db.execute("SET", "k", "v")` is `"OK"`."""
    def execute_command(self, *args: Any) -> Any:
        """Like `execute`; the name may be of two words: `db.execute_command("CONFIG GET", "save")`."""
    def execute_many(self, commands: Sequence[Sequence[Any]], atomic: bool = False) -> list[Any]:
        """Many commands at once; errors are items of the list. `atomic`: no other command comes between."""
    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline[V]:
        """Commands that are sent together; with `transaction` no other command comes between."""
    def watch(self, *names: Any) -> Pipeline[V]:
        """A pipeline that watches keys: `with db.watch("stock") as pipe:`, read, `pipe.multi()`, write, `pipe.execute()`."""
    def transaction(
        self, func: Callable[[Pipeline[V]], Any], *watches: Any, value_from_callable: bool = False, watch_delay: float | None = None
    ) -> Any:
        """Calls `func` with a pipeline that watches keys, and executes it; all again while a key has changed meanwhile."""
    def lock(
        self, name: str, timeout: float | None = None, sleep: float = 0.1, blocking: bool = True, blocking_timeout: float | None = None,
        thread_local: bool = True
    ) -> Lock:
        """A lock that all clients share: `with db.lock("report", timeout=30):`. It is free again after `timeout` seconds."""
    def scan_iter(self, match: Any = None, count: int | None = None, _type: str | None = None) -> Iterator[V]:
        """All keys, bit by bit. One that is there the whole time is told; one that comes or goes may be."""
    def hscan_iter(self, name: Any, match: Any = None, count: int | None = None, no_values: bool | None = None) -> Iterator[Any]:
        """All fields of a hash with their values, bit by bit; with `no_values` without them."""
    def query_iter(self, table: str, where: str = '', batch: int = 100) -> Iterator[dict[str, Any]]:
        """All records that a clause is true of, bit by bit."""
    def subscribe(self, match: Any = '*', callback: Callable[[dict[str, Any]], None] | None = None) -> Changes:
        """Changes of keys from now on: `for change in db.subscribe("user:*"):`, or a callback in a thread of its own."""
    def serve(self, port: int = 6379, host: str = '127.0.0.1') -> int:
        """Opens the port for Redis clients, and returns it (0 takes a free one)."""
    def shutdown(self, save: bool = False, nosave: bool = False, now: bool = False, force: bool = False, abort: bool = False) -> None:
        """Ends the server; `abort` calls an end off."""
    def close(self) -> None:
        """Closes: a folder is free for other processes, connections end."""
    def __enter__(self) -> Database[V]: ...
    def __exit__(self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    def __contains__(self, name: Any) -> bool: ...
    def __getitem__(self, name: Any) -> V: ...
    def __setitem__(self, name: Any, value: Any) -> None: ...
    def __delitem__(self, name: Any) -> None: ...

class AsyncDatabase(Generic[V]):
    """A database in this process, or a server's, for tasks. Addresses and directives are those of `Database`.

    >>> async with AsyncDatabase("./data") as db:
    ...     await db.set("greeting", "hello")
    ...     await db.get("greeting")
    True
    b'hello'

    `async with`, `await AsyncDatabase(…)` and `await db.open()` open it in a thread; without them the first command does, and the
    loop waits. Several loops may use it, each in its thread.
    """

    @overload
    def __init__(
        self: AsyncDatabase[bytes], address: Address = None, *, decode_responses: Literal[False] = False, **directives: Any
    ) -> None: ...
    @overload
    def __init__(self: AsyncDatabase[str], address: Address = None, *, decode_responses: Literal[True], **directives: Any) -> None: ...
    @overload
    def __init__(self, address: Address = None, *, decode_responses: bool, **directives: Any) -> None: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: Literal[False] = False, **directives: Any) -> AsyncDatabase[bytes]: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: Literal[True], **directives: Any) -> AsyncDatabase[str]: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: bool, **directives: Any) -> AsyncDatabase[Any]: ...
    async def append(self, key: Key, value: Value) -> int:
        """Appends to a value, and returns its new length."""
    async def decr(self, name: Key, amount: int = 1) -> int:
        """Subtracts from an integer, and returns what it is then."""
    async def decrby(self, name: Key, amount: int = 1) -> int:
        """Subtracts from an integer, and returns what it is then."""
    async def delifeq(self, name: Key, value: Value) -> int:
        """Deletes a key if this is its value: 1, or 0."""
    async def get(self, name: Key) -> V | None:
        """The value of a key, None if there is none."""
    async def getdel(self, name: Key) -> V | None:
        """The value of a key, which is deleted."""
    async def getex(
        self, name: Key, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None, pxat: Moment | None = None,
        persist: bool = False
    ) -> V | None:
        """The value of a key, whose expiry is set or, with `persist`, removed."""
    async def getrange(self, key: Key, start: int, end: int) -> V:
        """A part of a value; both ends are within it, negative ones count from the end."""
    async def getset(self, name: Key, value: Value) -> V | None:
        """Sets a value, and returns the one before."""
    async def incr(self, name: Key, amount: int = 1) -> int:
        """Adds to an integer, and returns what it is then."""
    async def incrby(self, name: Key, amount: int = 1) -> int:
        """Adds to an integer, and returns what it is then."""
    async def incrbyfloat(self, name: Key, amount: float = 1.0) -> float:
        """Adds to a number, and returns what it is then."""
    async def lcs(
        self, key1: Key, key2: Key, len: bool | None = False, idx: bool | None = False, minmatchlen: int | None = 0,
        withmatchlen: bool | None = False
    ) -> Any:
        """The longest common subsequence of two values, its length, or with `idx` where it lies."""
    async def mget(self, keys: Any, *args: Key) -> list[V | None]:
        """The values of keys, in their order."""
    async def mset(self, mapping: Mapping[Any, Value]) -> bool:
        """Sets values, all at once."""
    async def msetex(
        self, mapping: Mapping[Any, Value], data_persist_option: Any = None, ex: Expiry | None = None, px: Expiry | None = None,
        exat: Moment | None = None, pxat: Moment | None = None, keepttl: bool = False, nx: bool = False, xx: bool = False
    ) -> int:
        """Sets values and their expiry, all or none: 1, or 0 where `nx` (none may exist) or `xx` (all must) forbids it."""
    async def msetnx(self, mapping: Mapping[Any, Value]) -> bool:
        """Sets values if none of the keys exists."""
    async def psetex(self, name: Key, time_ms: Expiry, value: Value) -> bool:
        """Sets a value that expires."""
    async def set(
        self, name: Key, value: Value, ex: Expiry | None = None, px: Expiry | None = None, nx: bool = False, xx: bool = False,
        keepttl: bool = False, get: bool = False, exat: Moment | None = None, pxat: Moment | None = None, ifeq: Value | None = None
    ) -> bool | V | None:
        """Sets a value: True, None where `nx`, `xx` or `ifeq` forbids it; with `get` the value before."""
    async def setex(self, name: Key, time: Expiry, value: Value) -> bool:
        """Sets a value that expires."""
    async def setnx(self, name: Key, value: Value) -> bool:
        """Sets a value if the key does not exist."""
    async def setrange(self, name: Key, offset: int, value: Value) -> int:
        """Overwrites a part of a value, and returns its length."""
    async def strlen(self, name: Key) -> int:
        """The length of a value in bytes, 0 if there is none."""
    async def substr(self, name: Key, start: int, end: int = -1) -> V:
        """A part of a value: another name for `getrange`."""
    async def blmove(self, first_list: Key, second_list: Key, timeout: float, src: str = 'LEFT', dest: str = 'RIGHT') -> V | None:
        """Like `lmove`; waits for an element."""
    async def blmpop(self, timeout: float, numkeys: int, *args: Key, direction: str, count: int | None = 1) -> Any:
        """Like `lmpop`; waits for an element."""
    async def blpop(self, keys: Any, timeout: float | None = 0) -> tuple[V, V] | None:
        """The first element of the first list that has one, and the list's key; waits for it."""
    async def brpop(self, keys: Any, timeout: float | None = 0) -> tuple[V, V] | None:
        """The last element of the first list that has one, and the list's key; waits for it."""
    async def brpoplpush(self, src: Key, dst: Key, timeout: float | None = 0) -> V | None:
        """Like `rpoplpush`; waits for an element."""
    async def lindex(self, name: Key, index: int) -> V | None:
        """An element by its place."""
    async def linsert(self, name: Key, where: str, refvalue: Value, value: Value) -> int:
        """Inserts `BEFORE` or `AFTER` an element: the list's length, -1 if there is no such element."""
    async def llen(self, name: Key) -> int:
        """How many elements a list has."""
    async def lmove(self, first_list: Key, second_list: Key, src: str = 'LEFT', dest: str = 'RIGHT') -> V | None:
        """Takes an element from one end of a list, puts it to an end of another, and returns it."""
    async def lmpop(self, num_keys: int, *args: Key, direction: str, count: int | None = 1) -> Any:
        """Elements from an end (`LEFT`, `RIGHT`) of the first list that has some: `[key, elements]`, or None."""
    async def lpop(self, name: Key, count: int | None = None) -> Any:
        """Takes the first element; with `count` a list of the first ones."""
    async def lpos(self, name: Key, value: Value, rank: int | None = None, count: int | None = None, maxlen: int | None = None) -> Any:
        """Where an element is, None if nowhere; with `count` a list of places."""
    async def lpush(self, name: Key, *values: Value) -> int:
        """Puts elements before the first, each before the other: the list's length."""
    async def lpushx(self, name: Key, *values: Value) -> int:
        """Like `lpush`, if the list exists."""
    async def lrange(self, name: Key, start: int, end: int) -> list[V]:
        """Elements by their places, both ends included; -1 is the last."""
    async def lrem(self, name: Key, count: int, value: Value) -> int:
        """Removes so many elements that equal a value, from the end if negative, all if 0."""
    async def lset(self, name: Key, index: int, value: Value) -> bool:
        """Replaces an element."""
    async def lsize(self, name: Key) -> int:
        """How many elements a list has: another name for `llen`."""
    async def ltrim(self, name: Key, start: int, end: int) -> bool:
        """Keeps these elements and removes the others."""
    async def rpop(self, name: Key, count: int | None = None) -> Any:
        """Takes the last element; with `count` a list of the last ones."""
    async def rpoplpush(self, src: Key, dst: Key) -> V | None:
        """Takes the last element of a list, puts it first in another, and returns it."""
    async def rpush(self, name: Key, *values: Value) -> int:
        """Puts elements behind the last: the list's length."""
    async def rpushx(self, name: Key, *values: Value) -> int:
        """Like `rpush`, if the list exists."""
    async def hdel(self, name: Key, *keys: Value) -> int:
        """Deletes fields: how many there were."""
    async def hexists(self, name: Key, key: Value) -> bool:
        """Whether a hash has a field."""
    async def hexpire(
        self, name: Key, seconds: Expiry, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> list[int]:
        """Has fields expire after seconds."""
    async def hexpireat(
        self, name: Key, unix_time_seconds: Moment, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False,
        lt: bool = False
    ) -> list[int]:
        """Has fields expire at a moment."""
    async def hexpiretime(self, key: Key, *fields: Value) -> list[int]:
        """When fields expire, as Unix times in seconds."""
    async def hget(self, name: Key, key: Value) -> V | None:
        """The value of a field."""
    async def hgetall(self, name: Key) -> dict[V, V]:
        """All fields and their values."""
    async def hgetdel(self, name: Key, *keys: Value) -> list[V | None]:
        """The values of fields, which are deleted."""
    async def hgetex(
        self, name: Key, *keys: Value, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None,
        pxat: Moment | None = None, persist: bool = False
    ) -> list[V | None]:
        """The values of fields, whose expiry is set or, with `persist`, removed."""
    async def hincrby(self, name: Key, key: Value, amount: int = 1) -> int:
        """Adds to an integer in a field, and returns what it is then."""
    async def hincrbyfloat(self, name: Key, key: Value, amount: float = 1.0) -> float:
        """Adds to a number in a field, and returns what it is then."""
    async def hkeys(self, name: Key) -> list[V]:
        """All fields."""
    async def hlen(self, name: Key) -> int:
        """How many fields a hash has."""
    async def hmget(self, name: Key, keys: Any, *args: Value) -> list[V | None]:
        """The values of fields, in their order."""
    async def hmset(self, name: Key, mapping: Mapping[Any, Value]) -> bool:
        """Sets fields; `hset` does as well."""
    async def hpersist(self, name: Key, *fields: Value) -> list[int]:
        """Fields do not expire any more."""
    async def hpexpire(
        self, name: Key, milliseconds: Expiry, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> list[int]:
        """Has fields expire after milliseconds."""
    async def hpexpireat(
        self, name: Key, unix_time_milliseconds: Moment, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False,
        lt: bool = False
    ) -> list[int]:
        """Has fields expire at a moment."""
    async def hpexpiretime(self, key: Key, *fields: Value) -> list[int]:
        """When fields expire, as Unix times in milliseconds."""
    async def hpttl(self, key: Key, *fields: Value) -> list[int]:
        """How many milliseconds fields have left."""
    async def hrandfield(self, key: Key, count: int | None = None, withvalues: bool = False) -> Any:
        """A field at random; with `count` a list, with `withvalues` of fields and values by turns."""
    async def hscan(
        self, name: Key, cursor: int = 0, match: Key | None = None, count: int | None = None, no_values: bool | None = None
    ) -> tuple[int, Any]:
        """Some fields and the cursor for the next ones, 0 at the end. `hscan_iter` does the asking."""
    async def hset(
        self, name: Key, key: Value | None = None, value: Value | None = None, mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None
    ) -> int:
        """Sets a field, those of a mapping, or those of a flat list: how many are new."""
    async def hsetex(
        self, name: Key, key: Value | None = None, value: Value | None = None, mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None,
        pxat: Moment | None = None, data_persist_option: Any = None, keepttl: bool = False, nx: bool = False, xx: bool = False,
        fnx: bool = False, fxx: bool = False
    ) -> int:
        """Sets fields and their expiry, all or none: 1, or 0 where a condition on the hash or the fields forbids it."""
    async def hsetnx(self, name: Key, key: Value, value: Value) -> int:
        """Sets a field that does not exist: 1, or 0."""
    async def hstrlen(self, name: Key, key: Value) -> int:
        """The length of a field's value in bytes."""
    async def httl(self, key: Key, *fields: Value) -> list[int]:
        """How many seconds fields have left."""
    async def hvals(self, name: Key) -> list[V]:
        """All values."""
    async def copy(self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False) -> bool:
        """Copies a value to another key: False if that exists and `replace` is not said."""
    async def delete(self, *names: Key) -> int:
        """Deletes keys: how many there were."""
    async def dump(self, name: Key) -> bytes | None:
        """A value as bytes that `restore` takes."""
    async def exists(self, *names: Key) -> int:
        """How many of these keys exist."""
    async def expire(self, name: Key, time: Expiry, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Has a key expire after seconds: False if there is none, or a condition forbids it."""
    async def expireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Has a key expire at a moment, a Unix time in seconds or a datetime."""
    async def expiretime(self, key: Key) -> int:
        """When a key expires as a Unix time in seconds; -1 never, -2 there is none."""
    async def keys(self, pattern: Key = '*') -> list[V]:
        """All keys that match a pattern. `scan_iter` returns them bit by bit."""
    async def move(self, name: Key, db: int) -> bool:
        """Moves a key to another database."""
    async def object(self, infotype: str, key: Key) -> Any:
        """`encoding`, `freq`, `idletime` or `refcount` of a value."""
    async def persist(self, name: Key) -> bool:
        """A key does not expire any more."""
    async def pexpire(self, name: Key, time: Expiry, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Has a key expire after milliseconds."""
    async def pexpireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> bool:
        """Has a key expire at a moment, a Unix time in milliseconds or a datetime."""
    async def pexpiretime(self, key: Key) -> int:
        """When a key expires as a Unix time in milliseconds."""
    async def pttl(self, name: Key) -> int:
        """How many milliseconds a key has left; -1 it does not expire, -2 there is none."""
    async def randomkey(self) -> V | None:
        """Any key, None if there is none."""
    async def rename(self, src: Key, dst: Key) -> bool:
        """Gives a value another key, in place of what that has."""
    async def renamenx(self, src: Key, dst: Key) -> bool:
        """Gives a value another key if that does not exist."""
    async def restore(
        self, name: Key, ttl: float, value: bytes, replace: bool = False, absttl: bool = False, idletime: int | None = None,
        frequency: int | None = None
    ) -> V:
        """Makes a key of what `dump` returned, with a time to live in milliseconds, 0 for none."""
    async def scan(
        self, cursor: int = 0, match: Key | None = None, count: int | None = None, _type: str | None = None
    ) -> tuple[int, list[V]]:
        """Some keys and the cursor for the next ones, 0 at the end. `scan_iter` does the asking."""
    async def sort(
        self, name: Key, start: int | None = None, num: int | None = None, by: Key | None = None, get: Any = None, desc: bool = False,
        alpha: bool = False, store: Key | None = None, groups: bool | None = False
    ) -> Any:
        """The elements in order, or what `get` says of each; with `groups` as tuples; with `store` how many were stored."""
    async def sort_ro(
        self, key: Key, start: int | None = None, num: int | None = None, by: Key | None = None, get: Any = None, desc: bool = False,
        alpha: bool = False
    ) -> list[Any]:
        """Like `sort`; stores nothing."""
    async def touch(self, *args: Key) -> int:
        """Counts keys as used: how many there are."""
    async def ttl(self, name: Key) -> int:
        """How many seconds a key has left; -1 it does not expire, -2 there is none."""
    async def type(self, name: Key) -> V:
        """`string`, `list`, `hash`, …, or `none`."""
    async def unlink(self, *names: Key) -> int:
        """Deletes keys: how many there were."""
    async def table_create(
        self, table: str, schema: Mapping[str, str] | None = None, *, ttl: int | None = None, store_table: str | None = None,
        key_column: str | None = None, data_column: str | None = None, on_conflict: str | None = None
    ) -> bool:
        """Makes a table, or gives one another schema: `{"state": "string", "seconds": "integer"}`.

        `ttl`: records expire after so many seconds unless they say otherwise. The others are about the table in the store.
        """
    async def table_put(
        self, table: str, key: Key, record: Record | str | bytes, ttl: float | timedelta | None = None, *, exat: Moment | None = None,
        keepttl: bool = False, nx: bool = False, xx: bool = False
    ) -> bool | None:
        """Puts a record, a dict or JSON; None where `nx` or `xx` forbids it. `ttl` is in seconds."""
    async def table_get(self, table: str, key: Key) -> dict[str, Any] | None:
        """A record, the caller's own; None if there is none."""
    async def table_delete(self, table: str, *keys: Key) -> int:
        """Deletes records: how many there were."""
    async def table_drop(self, table: str) -> bool:
        """Deletes a table with all its records."""
    async def table_info(self, table: str) -> dict[str, Any]:
        """What a table is, and how many records it has."""
    async def table_list(self) -> list[str]:
        """The names of all tables."""
    async def query(
        self, table: str, where: str = '', *, order_by: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> list[dict[str, Any]]:
        """The records that a clause is true of, each with its key as `_key`.

        `db.query("calls", "(data->>'seconds')::int >= 10", order_by="data->'seconds' DESC", limit=20)`
        """
    async def query_select(
        self, table: str, columns: str, where: str = '', *, order_by: str | None = None, limit: int | None = None,
        offset: int | None = None
    ) -> list[list[V | None]]:
        """Rows of what is asked for: texts as they are, all else as JSON. `columns`: `"key, data->>'state'"`."""
    async def query_count(self, table: str, where: str = '') -> int:
        """How many records a clause is true of."""
    async def query_page(self, table: str, where: str = '', cursor: str | int = 0, limit: int = 100) -> tuple[str, list[dict[str, Any]]]:
        """Some of the records and the cursor for the next ones, `"0"` at the end. `query_iter` does the asking."""
    async def explain(
        self, table: str, where: str = '', *, order_by: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> dict[str, Any]:
        """Runs a query and tells what memory and the store did for it."""
    async def index_create(self, name: str, table: str, path: str, type: str | None = None, unique: bool = False) -> bool:
        """Makes an index over a value of each record: `db.index_create("by_state", "calls", "data->>'state'")`."""
    async def index_drop(self, name: str, table: str) -> bool:
        """Drops an index."""
    async def index_list(self, table: str | None = None) -> list[dict[str, Any]]:
        """The indexes of a table, or all."""
    async def tag_add(self, key: Key, *tags: Key) -> int:
        """Adds tags to a key: how many it did not have."""
    async def tag_count(self, *tags: Key, any: bool = False) -> int:
        """How many keys have all of the tags, or any."""
    async def tag_keys(self, *tags: Key, any: bool = False, offset: int = 0, limit: int = -1) -> list[V]:
        """The keys that have all of the tags, or any."""
    async def tag_list(self, match: Key | None = None) -> list[V]:
        """All tags that keys have."""
    async def tag_counts(self, match: Key | None = None) -> dict[V, int]:
        """All tags, with how many keys have each."""
    async def tag_of(self, key: Key) -> list[V]:
        """The tags of a key."""
    async def tag_rem(self, key: Key, *tags: Key) -> int:
        """Removes tags from a key: how many it had."""
    async def tag_set(self, key: Key, *tags: Key) -> bool:
        """Gives a key these tags and no others."""
    async def auth(self, password: str, username: str | None = None) -> bool:
        """Logs in."""
    async def client_durability(self, level: str | None = None) -> str | bool:
        """Sets, or tells, when changes are acknowledged: `memory`, `disk`, `store`, or as the `server` does by default."""
    async def client_getname(self) -> str | None:
        """The name of a connection."""
    async def client_id(self) -> int:
        """The number of a connection."""
    async def client_info(self) -> dict[str, Any]:
        """What is known of a connection."""
    async def client_kill(self, address: str) -> Any:
        """Ends the connection from an address."""
    async def client_kill_filter(
        self, _id: int | None = None, _type: str | None = None, addr: str | None = None, skipme: bool | None = None,
        laddr: str | None = None, user: str | None = None, maxage: int | None = None
    ) -> int:
        """Ends connections that all of this is true of: how many."""
    async def client_list(self, _type: str | None = None, client_id: Any = ()) -> list[dict[str, str]]:
        """What is known of all connections, those of a type, or some."""
    async def client_no_evict(self, mode: str) -> V:
        """`ON`: connections are not ended for want of memory."""
    async def client_no_touch(self, mode: str) -> V:
        """`ON`: commands do not count as uses of keys."""
    async def client_pause(self, timeout: int, all: bool = True) -> bool:
        """Commands of all clients, or only those that write, wait for so many milliseconds."""
    async def client_setinfo(self, attr: str, value: str) -> bool:
        """Tells the library's name (`LIB-NAME`) or version (`LIB-VER`)."""
    async def client_setname(self, name: str) -> bool:
        """Gives connections a name."""
    async def client_trackinginfo(self) -> list[Any]:
        """What a connection is told of changes."""
    async def client_unblock(self, client_id: int, error: bool = False) -> bool:
        """Ends the waiting of a blocking command."""
    async def client_unpause(self) -> V:
        """Ends a pause."""
    async def select(self, index: int) -> bool:
        """All commands are about this database from now on."""
    async def backup(self, directory: str) -> bool:
        """Writes a copy of everything into a new folder on the server; starting on that folder restores it."""
    async def bgrewriteaof(self) -> bool:
        """Takes a checkpoint in the background, which trims the log."""
    async def bgsave(self, schedule: bool = True) -> bool:
        """Takes a checkpoint in the background."""
    async def command(self) -> dict[str, dict[str, Any]]:
        """What is known of each command."""
    async def command_count(self) -> int:
        """How many commands there are."""
    async def command_docs(self, *args: str) -> dict[str, Any]:
        """What commands are for."""
    async def command_getkeys(self, *args: Value) -> list[str]:
        """The keys among the words of a command."""
    async def command_getkeysandflags(self, *args: Value) -> list[Any]:
        """The keys among the words of a command, and what it does to them."""
    async def command_info(self, *args: str) -> dict[str, dict[str, Any]]:
        """What is known of some commands."""
    async def command_list(self, module: str | None = None, category: str | None = None, pattern: str | None = None) -> list[V]:
        """The names of commands."""
    async def commandlog_get(self, count: int = -1, kind: str = 'slow') -> list[dict[str, Any]]:
        """The last commands that were `slow`, a `large-request` or had a `large-reply`."""
    async def commandlog_len(self, kind: str = 'slow') -> int:
        """How many such commands are kept."""
    async def commandlog_reset(self, kind: str = 'slow') -> bool:
        """Forgets them."""
    async def config_get(self, pattern: str = '*', *args: str) -> dict[str, str]:
        """Directives that match a pattern, and their values."""
    async def config_resetstat(self) -> bool:
        """Figures begin at 0 again."""
    async def config_rewrite(self) -> V:
        """Writes the directives to the server's file."""
    async def config_set(self, name: str, value: Value, *args: Value) -> bool:
        """Changes a directive, or several."""
    async def dbsize(self) -> int:
        """How many keys there are."""
    async def echo(self, value: Value) -> V:
        """What was sent."""
    async def evict(self, idle_seconds: float | None = None) -> int:
        """Takes keys out of memory that have settled, and were not used for so long: how many. They come back by themselves."""
    async def flush(self, table: str | None = None) -> bool:
        """Returns once everything, or a table, has settled in the store; raises if it cannot."""
    async def flushall(self, asynchronous: bool = False) -> bool:
        """Removes all keys of all databases."""
    async def flushdb(self, asynchronous: bool = False) -> bool:
        """Removes all keys of this database."""
    async def info(self, section: str | None = None, *args: str) -> dict[str, Any]:
        """Figures and states, of all sections or some."""
    async def lastsave(self) -> datetime | None:
        """When the last checkpoint was taken, in local time."""
    async def latency_doctor(self) -> V:
        """What could be better about latencies, in words."""
    async def latency_graph(self, event: str) -> V:
        """The latencies of an event as a picture of characters."""
    async def latency_histogram(self, *args: str) -> dict[str, Any]:
        """How latencies of commands are distributed."""
    async def latency_history(self, event: str) -> list[list[int]]:
        """When an event was slow, and how slow."""
    async def latency_latest(self) -> list[list[Any]]:
        """The last slow moment of each event."""
    async def latency_reset(self, *events: str) -> int:
        """Forgets latencies."""
    async def lolwut(self, *version_numbers: float) -> V:
        """A picture, and the version."""
    async def memory_doctor(self) -> V:
        """What is wrong with the use of memory, in words."""
    async def memory_malloc_stats(self) -> V:
        """What the allocator says of itself."""
    async def memory_purge(self) -> bool:
        """Gives free memory back to the system."""
    async def memory_stats(self) -> dict[str, Any]:
        """What memory is used for, in bytes."""
    async def memory_usage(self, key: Key, samples: int | None = None) -> int | None:
        """How many bytes a key takes, None if there is none."""
    async def namespace_create(
        self, name: str, store: str | None = None, *, attach: str | None = None, maxmemory: int | str | None = None,
        maxkeys: int | None = None, policy: str | None = None
    ) -> bool:
        """Makes a namespace: a database of this name with its own keys, folder, store and limits."""
    async def namespace_drop(self, name: str, force: bool = False) -> bool:
        """Removes a namespace with all its keys. What its store has stays there."""
    async def namespace_info(self, name: str | None = None) -> dict[str, Any]:
        """What is known of a namespace, or of the one in use."""
    async def namespace_list(self) -> list[dict[str, Any]]:
        """All namespaces."""
    async def namespace_set(
        self, name: str, *, maxmemory: int | str | None = None, maxkeys: int | None = None, policy: str | None = None
    ) -> bool:
        """Changes limits of a namespace."""
    async def namespace_use(self, name: str) -> bool:
        """All commands are about this namespace from now on; `default` is the one without a name."""
    async def ping(self, message: Value | None = None) -> Any:
        """True; or what was sent."""
    async def quarantine_list(self, count: int = 100) -> list[Any]:
        """Rows that the store refuses."""
    async def quarantine_retry(self, key: Key | None = None, db: int | None = None) -> int:
        """Has one, or all, tried again: how many."""
    async def quarantine_skip(self, key: Key, db: int | None = None) -> int:
        """Gives up a change: what the store has of the key counts."""
    async def readonly(self) -> bool:
        """For replicas of a cluster; changes nothing here."""
    async def readwrite(self) -> bool:
        """For replicas of a cluster; changes nothing here."""
    async def role(self) -> list[Any]:
        """The part in replication."""
    async def save(self) -> bool:
        """Takes a checkpoint, and returns once it is there."""
    async def slowlog_get(self, num: int | None = None) -> list[dict[str, Any]]:
        """The last slow commands."""
    async def slowlog_len(self) -> int:
        """How many slow commands are kept."""
    async def slowlog_reset(self) -> bool:
        """Forgets slow commands."""
    async def swapdb(self, first: int, second: int) -> bool:
        """Swaps two databases."""
    async def time(self) -> tuple[int, int]:
        """The server's clock: Unix time in seconds, and microseconds."""
    async def wait(self, num_replicas: int, timeout: int) -> int:
        """Waits for replicas, in milliseconds: how many have all that was written."""
    async def waitaof(self, num_local: int, num_replicas: int, timeout: int) -> list[int]:
        """Waits until what was written is on disk, in milliseconds, 0 without end: on how many, here and on replicas."""
    async def waitstore(self, timeout: int = 0) -> int:
        """Waits until what was written has settled in the store, in milliseconds, 0 without end: 1, or 0 if the time is up."""
    async def open(self) -> AsyncDatabase[V]:
        """Opens it, if that was not done."""
    def __await__(self) -> Generator[Any, None, AsyncDatabase[V]]: ...
    @property
    def backend(self) -> Backend:
        """Where commands run."""
    async def execute(self, *args: Any) -> Any:
        """Any command, and its reply as it is: `await db.execute("SET", "k", "v")` is `"OK"`."""
    async def execute_command(self, *args: Any) -> Any:
        """Like `execute`; the name may be of two words: `await db.execute_command("CONFIG GET", "save")`."""
    async def execute_many(self, commands: Sequence[Sequence[Any]], atomic: bool = False) -> list[Any]:
        """Many commands at once; errors are items of the list. `atomic`: no other command comes between."""
    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> AsyncPipeline[V]:
        """Commands that are sent together; with `transaction` no other command comes between."""
    async def watch(self, *names: Any) -> AsyncPipeline[V]:
        """A pipeline that watches keys: `async with await db.watch("stock") as pipe:`."""
    async def transaction(
        self, func: Callable[[AsyncPipeline[V]], Any], *watches: Any, value_from_callable: bool = False,
        watch_delay: float | None = None
    ) -> Any:
        """Calls `func` with a pipeline that watches keys, and executes it; all again while a key has changed meanwhile."""
    def lock(
        self, name: str, timeout: float | None = None, sleep: float = 0.1, blocking: bool = True, blocking_timeout: float | None = None
    ) -> AsyncLock:
        """A lock that all clients share: `async with db.lock("report", timeout=30):`. It is free again after `timeout` seconds."""
    def scan_iter(self, match: Any = None, count: int | None = None, _type: str | None = None) -> AsyncIterator[V]:
        """All keys, bit by bit. One that is there the whole time is told; one that comes or goes may be."""
    def hscan_iter(self, name: Any, match: Any = None, count: int | None = None, no_values: bool | None = None) -> AsyncIterator[Any]:
        """All fields of a hash with their values, bit by bit; with `no_values` without them."""
    def query_iter(self, table: str, where: str = '', batch: int = 100) -> AsyncIterator[dict[str, Any]]:
        """All records that a clause is true of, bit by bit."""
    async def subscribe(self, match: Any = '*', callback: Callable[[dict[str, Any]], None] | None = None) -> AsyncChanges:
        """Changes of keys from now on: `async for change in await db.subscribe("user:*"):`, or a callback in the loop."""
    async def serve(self, port: int = 6379, host: str = '127.0.0.1') -> int:
        """Opens the port for Redis clients, and returns it (0 takes a free one)."""
    async def shutdown(self, save: bool = False, nosave: bool = False, now: bool = False, force: bool = False, abort: bool = False) -> None:
        """Ends the server; `abort` calls an end off."""
    async def close(self) -> None:
        """Closes: a folder is free for other processes, connections end."""
    async def __aenter__(self) -> AsyncDatabase[V]: ...
    async def __aexit__(self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    aclose = close

class Pipeline(Generic[V]):
    """Commands that wait until `execute`.

    >>> with db.pipeline() as pipe:
    ...     pipe.incr("visits").expire("visits", 60).execute()
    [1, True]
    """
    def append(self, key: Key, value: Value) -> Any:
        """Appends to a value, and returns its new length."""
    def decr(self, name: Key, amount: int = 1) -> Any:
        """Subtracts from an integer, and returns what it is then."""
    def decrby(self, name: Key, amount: int = 1) -> Any:
        """Subtracts from an integer, and returns what it is then."""
    def delifeq(self, name: Key, value: Value) -> Any:
        """Deletes a key if this is its value: 1, or 0."""
    def get(self, name: Key) -> Any:
        """The value of a key, None if there is none."""
    def getdel(self, name: Key) -> Any:
        """The value of a key, which is deleted."""
    def getex(
        self, name: Key, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None, pxat: Moment | None = None,
        persist: bool = False
    ) -> Any:
        """The value of a key, whose expiry is set or, with `persist`, removed."""
    def getrange(self, key: Key, start: int, end: int) -> Any:
        """A part of a value; both ends are within it, negative ones count from the end."""
    def getset(self, name: Key, value: Value) -> Any:
        """Sets a value, and returns the one before."""
    def incr(self, name: Key, amount: int = 1) -> Any:
        """Adds to an integer, and returns what it is then."""
    def incrby(self, name: Key, amount: int = 1) -> Any:
        """Adds to an integer, and returns what it is then."""
    def incrbyfloat(self, name: Key, amount: float = 1.0) -> Any:
        """Adds to a number, and returns what it is then."""
    def lcs(
        self, key1: Key, key2: Key, len: bool | None = False, idx: bool | None = False, minmatchlen: int | None = 0,
        withmatchlen: bool | None = False
    ) -> Any:
        """The longest common subsequence of two values, its length, or with `idx` where it lies."""
    def mget(self, keys: Any, *args: Key) -> Any:
        """The values of keys, in their order."""
    def mset(self, mapping: Mapping[Any, Value]) -> Any:
        """Sets values, all at once."""
    def msetex(
        self, mapping: Mapping[Any, Value], data_persist_option: Any = None, ex: Expiry | None = None, px: Expiry | None = None,
        exat: Moment | None = None, pxat: Moment | None = None, keepttl: bool = False, nx: bool = False, xx: bool = False
    ) -> Any:
        """Sets values and their expiry, all or none: 1, or 0 where `nx` (none may exist) or `xx` (all must) forbids it."""
    def msetnx(self, mapping: Mapping[Any, Value]) -> Any:
        """Sets values if none of the keys exists."""
    def psetex(self, name: Key, time_ms: Expiry, value: Value) -> Any:
        """Sets a value that expires."""
    def set(
        self, name: Key, value: Value, ex: Expiry | None = None, px: Expiry | None = None, nx: bool = False, xx: bool = False,
        keepttl: bool = False, get: bool = False, exat: Moment | None = None, pxat: Moment | None = None, ifeq: Value | None = None
    ) -> Any:
        """Sets a value: True, None where `nx`, `xx` or `ifeq` forbids it; with `get` the value before."""
    def setex(self, name: Key, time: Expiry, value: Value) -> Any:
        """Sets a value that expires."""
    def setnx(self, name: Key, value: Value) -> Any:
        """Sets a value if the key does not exist."""
    def setrange(self, name: Key, offset: int, value: Value) -> Any:
        """Overwrites a part of a value, and returns its length."""
    def strlen(self, name: Key) -> Any:
        """The length of a value in bytes, 0 if there is none."""
    def substr(self, name: Key, start: int, end: int = -1) -> Any:
        """A part of a value: another name for `getrange`."""
    def blmove(self, first_list: Key, second_list: Key, timeout: float, src: str = 'LEFT', dest: str = 'RIGHT') -> Any:
        """Like `lmove`; waits for an element."""
    def blmpop(self, timeout: float, numkeys: int, *args: Key, direction: str, count: int | None = 1) -> Any:
        """Like `lmpop`; waits for an element."""
    def blpop(self, keys: Any, timeout: float | None = 0) -> Any:
        """The first element of the first list that has one, and the list's key; waits for it."""
    def brpop(self, keys: Any, timeout: float | None = 0) -> Any:
        """The last element of the first list that has one, and the list's key; waits for it."""
    def brpoplpush(self, src: Key, dst: Key, timeout: float | None = 0) -> Any:
        """Like `rpoplpush`; waits for an element."""
    def lindex(self, name: Key, index: int) -> Any:
        """An element by its place."""
    def linsert(self, name: Key, where: str, refvalue: Value, value: Value) -> Any:
        """Inserts `BEFORE` or `AFTER` an element: the list's length, -1 if there is no such element."""
    def llen(self, name: Key) -> Any:
        """How many elements a list has."""
    def lmove(self, first_list: Key, second_list: Key, src: str = 'LEFT', dest: str = 'RIGHT') -> Any:
        """Takes an element from one end of a list, puts it to an end of another, and returns it."""
    def lmpop(self, num_keys: int, *args: Key, direction: str, count: int | None = 1) -> Any:
        """Elements from an end (`LEFT`, `RIGHT`) of the first list that has some: `[key, elements]`, or None."""
    def lpop(self, name: Key, count: int | None = None) -> Any:
        """Takes the first element; with `count` a list of the first ones."""
    def lpos(self, name: Key, value: Value, rank: int | None = None, count: int | None = None, maxlen: int | None = None) -> Any:
        """Where an element is, None if nowhere; with `count` a list of places."""
    def lpush(self, name: Key, *values: Value) -> Any:
        """Puts elements before the first, each before the other: the list's length."""
    def lpushx(self, name: Key, *values: Value) -> Any:
        """Like `lpush`, if the list exists."""
    def lrange(self, name: Key, start: int, end: int) -> Any:
        """Elements by their places, both ends included; -1 is the last."""
    def lrem(self, name: Key, count: int, value: Value) -> Any:
        """Removes so many elements that equal a value, from the end if negative, all if 0."""
    def lset(self, name: Key, index: int, value: Value) -> Any:
        """Replaces an element."""
    def lsize(self, name: Key) -> Any:
        """How many elements a list has: another name for `llen`."""
    def ltrim(self, name: Key, start: int, end: int) -> Any:
        """Keeps these elements and removes the others."""
    def rpop(self, name: Key, count: int | None = None) -> Any:
        """Takes the last element; with `count` a list of the last ones."""
    def rpoplpush(self, src: Key, dst: Key) -> Any:
        """Takes the last element of a list, puts it first in another, and returns it."""
    def rpush(self, name: Key, *values: Value) -> Any:
        """Puts elements behind the last: the list's length."""
    def rpushx(self, name: Key, *values: Value) -> Any:
        """Like `rpush`, if the list exists."""
    def hdel(self, name: Key, *keys: Value) -> Any:
        """Deletes fields: how many there were."""
    def hexists(self, name: Key, key: Value) -> Any:
        """Whether a hash has a field."""
    def hexpire(
        self, name: Key, seconds: Expiry, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Any:
        """Has fields expire after seconds."""
    def hexpireat(
        self, name: Key, unix_time_seconds: Moment, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False,
        lt: bool = False
    ) -> Any:
        """Has fields expire at a moment."""
    def hexpiretime(self, key: Key, *fields: Value) -> Any:
        """When fields expire, as Unix times in seconds."""
    def hget(self, name: Key, key: Value) -> Any:
        """The value of a field."""
    def hgetall(self, name: Key) -> Any:
        """All fields and their values."""
    def hgetdel(self, name: Key, *keys: Value) -> Any:
        """The values of fields, which are deleted."""
    def hgetex(
        self, name: Key, *keys: Value, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None,
        pxat: Moment | None = None, persist: bool = False
    ) -> Any:
        """The values of fields, whose expiry is set or, with `persist`, removed."""
    def hincrby(self, name: Key, key: Value, amount: int = 1) -> Any:
        """Adds to an integer in a field, and returns what it is then."""
    def hincrbyfloat(self, name: Key, key: Value, amount: float = 1.0) -> Any:
        """Adds to a number in a field, and returns what it is then."""
    def hkeys(self, name: Key) -> Any:
        """All fields."""
    def hlen(self, name: Key) -> Any:
        """How many fields a hash has."""
    def hmget(self, name: Key, keys: Any, *args: Value) -> Any:
        """The values of fields, in their order."""
    def hmset(self, name: Key, mapping: Mapping[Any, Value]) -> Any:
        """Sets fields; `hset` does as well."""
    def hpersist(self, name: Key, *fields: Value) -> Any:
        """Fields do not expire any more."""
    def hpexpire(
        self, name: Key, milliseconds: Expiry, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Any:
        """Has fields expire after milliseconds."""
    def hpexpireat(
        self, name: Key, unix_time_milliseconds: Moment, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False,
        lt: bool = False
    ) -> Any:
        """Has fields expire at a moment."""
    def hpexpiretime(self, key: Key, *fields: Value) -> Any:
        """When fields expire, as Unix times in milliseconds."""
    def hpttl(self, key: Key, *fields: Value) -> Any:
        """How many milliseconds fields have left."""
    def hrandfield(self, key: Key, count: int | None = None, withvalues: bool = False) -> Any:
        """A field at random; with `count` a list, with `withvalues` of fields and values by turns."""
    def hscan(self, name: Key, cursor: int = 0, match: Key | None = None, count: int | None = None, no_values: bool | None = None) -> Any:
        """Some fields and the cursor for the next ones, 0 at the end. `hscan_iter` does the asking."""
    def hset(
        self, name: Key, key: Value | None = None, value: Value | None = None, mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None
    ) -> Any:
        """Sets a field, those of a mapping, or those of a flat list: how many are new."""
    def hsetex(
        self, name: Key, key: Value | None = None, value: Value | None = None, mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None,
        pxat: Moment | None = None, data_persist_option: Any = None, keepttl: bool = False, nx: bool = False, xx: bool = False,
        fnx: bool = False, fxx: bool = False
    ) -> Any:
        """Sets fields and their expiry, all or none: 1, or 0 where a condition on the hash or the fields forbids it."""
    def hsetnx(self, name: Key, key: Value, value: Value) -> Any:
        """Sets a field that does not exist: 1, or 0."""
    def hstrlen(self, name: Key, key: Value) -> Any:
        """The length of a field's value in bytes."""
    def httl(self, key: Key, *fields: Value) -> Any:
        """How many seconds fields have left."""
    def hvals(self, name: Key) -> Any:
        """All values."""
    def copy(self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False) -> Any:
        """Copies a value to another key: False if that exists and `replace` is not said."""
    def delete(self, *names: Key) -> Any:
        """Deletes keys: how many there were."""
    def dump(self, name: Key) -> Any:
        """A value as bytes that `restore` takes."""
    def exists(self, *names: Key) -> Any:
        """How many of these keys exist."""
    def expire(self, name: Key, time: Expiry, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> Any:
        """Has a key expire after seconds: False if there is none, or a condition forbids it."""
    def expireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> Any:
        """Has a key expire at a moment, a Unix time in seconds or a datetime."""
    def expiretime(self, key: Key) -> Any:
        """When a key expires as a Unix time in seconds; -1 never, -2 there is none."""
    def keys(self, pattern: Key = '*') -> Any:
        """All keys that match a pattern. `scan_iter` returns them bit by bit."""
    def move(self, name: Key, db: int) -> Any:
        """Moves a key to another database."""
    def object(self, infotype: str, key: Key) -> Any:
        """`encoding`, `freq`, `idletime` or `refcount` of a value."""
    def persist(self, name: Key) -> Any:
        """A key does not expire any more."""
    def pexpire(self, name: Key, time: Expiry, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> Any:
        """Has a key expire after milliseconds."""
    def pexpireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> Any:
        """Has a key expire at a moment, a Unix time in milliseconds or a datetime."""
    def pexpiretime(self, key: Key) -> Any:
        """When a key expires as a Unix time in milliseconds."""
    def pttl(self, name: Key) -> Any:
        """How many milliseconds a key has left; -1 it does not expire, -2 there is none."""
    def randomkey(self) -> Any:
        """Any key, None if there is none."""
    def rename(self, src: Key, dst: Key) -> Any:
        """Gives a value another key, in place of what that has."""
    def renamenx(self, src: Key, dst: Key) -> Any:
        """Gives a value another key if that does not exist."""
    def restore(
        self, name: Key, ttl: float, value: bytes, replace: bool = False, absttl: bool = False, idletime: int | None = None,
        frequency: int | None = None
    ) -> Any:
        """Makes a key of what `dump` returned, with a time to live in milliseconds, 0 for none."""
    def scan(self, cursor: int = 0, match: Key | None = None, count: int | None = None, _type: str | None = None) -> Any:
        """Some keys and the cursor for the next ones, 0 at the end. `scan_iter` does the asking."""
    def sort(
        self, name: Key, start: int | None = None, num: int | None = None, by: Key | None = None, get: Any = None, desc: bool = False,
        alpha: bool = False, store: Key | None = None, groups: bool | None = False
    ) -> Any:
        """The elements in order, or what `get` says of each; with `groups` as tuples; with `store` how many were stored."""
    def sort_ro(
        self, key: Key, start: int | None = None, num: int | None = None, by: Key | None = None, get: Any = None, desc: bool = False,
        alpha: bool = False
    ) -> Any:
        """Like `sort`; stores nothing."""
    def touch(self, *args: Key) -> Any:
        """Counts keys as used: how many there are."""
    def ttl(self, name: Key) -> Any:
        """How many seconds a key has left; -1 it does not expire, -2 there is none."""
    def type(self, name: Key) -> Any:
        """`string`, `list`, `hash`, …, or `none`."""
    def unlink(self, *names: Key) -> Any:
        """Deletes keys: how many there were."""
    def table_create(
        self, table: str, schema: Mapping[str, str] | None = None, *, ttl: int | None = None, store_table: str | None = None,
        key_column: str | None = None, data_column: str | None = None, on_conflict: str | None = None
    ) -> Any:
        """Makes a table, or gives one another schema: `{"state": "string", "seconds": "integer"}`.

        `ttl`: records expire after so many seconds unless they say otherwise. The others are about the table in the store.
        """
    def table_put(
        self, table: str, key: Key, record: Record | str | bytes, ttl: float | timedelta | None = None, *, exat: Moment | None = None,
        keepttl: bool = False, nx: bool = False, xx: bool = False
    ) -> Any:
        """Puts a record, a dict or JSON; None where `nx` or `xx` forbids it. `ttl` is in seconds."""
    def table_get(self, table: str, key: Key) -> Any:
        """A record, the caller's own; None if there is none."""
    def table_delete(self, table: str, *keys: Key) -> Any:
        """Deletes records: how many there were."""
    def table_drop(self, table: str) -> Any:
        """Deletes a table with all its records."""
    def table_info(self, table: str) -> Any:
        """What a table is, and how many records it has."""
    def table_list(self) -> Any:
        """The names of all tables."""
    def query(
        self, table: str, where: str = '', *, order_by: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Any:
        """The records that a clause is true of, each with its key as `_key`.

        `db.query("calls", "(data->>'seconds')::int >= 10", order_by="data->'seconds' DESC", limit=20)`
        """
    def query_select(
        self, table: str, columns: str, where: str = '', *, order_by: str | None = None, limit: int | None = None,
        offset: int | None = None
    ) -> Any:
        """Rows of what is asked for: texts as they are, all else as JSON. `columns`: `"key, data->>'state'"`."""
    def query_count(self, table: str, where: str = '') -> Any:
        """How many records a clause is true of."""
    def query_page(self, table: str, where: str = '', cursor: str | int = 0, limit: int = 100) -> Any:
        """Some of the records and the cursor for the next ones, `"0"` at the end. `query_iter` does the asking."""
    def explain(
        self, table: str, where: str = '', *, order_by: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Any:
        """Runs a query and tells what memory and the store did for it."""
    def index_create(self, name: str, table: str, path: str, type: str | None = None, unique: bool = False) -> Any:
        """Makes an index over a value of each record: `db.index_create("by_state", "calls", "data->>'state'")`."""
    def index_drop(self, name: str, table: str) -> Any:
        """Drops an index."""
    def index_list(self, table: str | None = None) -> Any:
        """The indexes of a table, or all."""
    def tag_add(self, key: Key, *tags: Key) -> Any:
        """Adds tags to a key: how many it did not have."""
    def tag_count(self, *tags: Key, any: bool = False) -> Any:
        """How many keys have all of the tags, or any."""
    def tag_keys(self, *tags: Key, any: bool = False, offset: int = 0, limit: int = -1) -> Any:
        """The keys that have all of the tags, or any."""
    def tag_list(self, match: Key | None = None) -> Any:
        """All tags that keys have."""
    def tag_counts(self, match: Key | None = None) -> Any:
        """All tags, with how many keys have each."""
    def tag_of(self, key: Key) -> Any:
        """The tags of a key."""
    def tag_rem(self, key: Key, *tags: Key) -> Any:
        """Removes tags from a key: how many it had."""
    def tag_set(self, key: Key, *tags: Key) -> Any:
        """Gives a key these tags and no others."""
    def auth(self, password: str, username: str | None = None) -> Any:
        """Logs in."""
    def client_durability(self, level: str | None = None) -> Any:
        """Sets, or tells, when changes are acknowledged: `memory`, `disk`, `store`, or as the `server` does by default."""
    def client_getname(self) -> Any:
        """The name of a connection."""
    def client_id(self) -> Any:
        """The number of a connection."""
    def client_info(self) -> Any:
        """What is known of a connection."""
    def client_kill(self, address: str) -> Any:
        """Ends the connection from an address."""
    def client_kill_filter(
        self, _id: int | None = None, _type: str | None = None, addr: str | None = None, skipme: bool | None = None,
        laddr: str | None = None, user: str | None = None, maxage: int | None = None
    ) -> Any:
        """Ends connections that all of this is true of: how many."""
    def client_list(self, _type: str | None = None, client_id: Any = ()) -> Any:
        """What is known of all connections, those of a type, or some."""
    def client_no_evict(self, mode: str) -> Any:
        """`ON`: connections are not ended for want of memory."""
    def client_no_touch(self, mode: str) -> Any:
        """`ON`: commands do not count as uses of keys."""
    def client_pause(self, timeout: int, all: bool = True) -> Any:
        """Commands of all clients, or only those that write, wait for so many milliseconds."""
    def client_setinfo(self, attr: str, value: str) -> Any:
        """Tells the library's name (`LIB-NAME`) or version (`LIB-VER`)."""
    def client_setname(self, name: str) -> Any:
        """Gives connections a name."""
    def client_trackinginfo(self) -> Any:
        """What a connection is told of changes."""
    def client_unblock(self, client_id: int, error: bool = False) -> Any:
        """Ends the waiting of a blocking command."""
    def client_unpause(self) -> Any:
        """Ends a pause."""
    def select(self, index: int) -> Any:
        """All commands are about this database from now on."""
    def backup(self, directory: str) -> Any:
        """Writes a copy of everything into a new folder on the server; starting on that folder restores it."""
    def bgrewriteaof(self) -> Any:
        """Takes a checkpoint in the background, which trims the log."""
    def bgsave(self, schedule: bool = True) -> Any:
        """Takes a checkpoint in the background."""
    def command(self) -> Any:
        """What is known of each command."""
    def command_count(self) -> Any:
        """How many commands there are."""
    def command_docs(self, *args: str) -> Any:
        """What commands are for."""
    def command_getkeys(self, *args: Value) -> Any:
        """The keys among the words of a command."""
    def command_getkeysandflags(self, *args: Value) -> Any:
        """The keys among the words of a command, and what it does to them."""
    def command_info(self, *args: str) -> Any:
        """What is known of some commands."""
    def command_list(self, module: str | None = None, category: str | None = None, pattern: str | None = None) -> Any:
        """The names of commands."""
    def commandlog_get(self, count: int = -1, kind: str = 'slow') -> Any:
        """The last commands that were `slow`, a `large-request` or had a `large-reply`."""
    def commandlog_len(self, kind: str = 'slow') -> Any:
        """How many such commands are kept."""
    def commandlog_reset(self, kind: str = 'slow') -> Any:
        """Forgets them."""
    def config_get(self, pattern: str = '*', *args: str) -> Any:
        """Directives that match a pattern, and their values."""
    def config_resetstat(self) -> Any:
        """Figures begin at 0 again."""
    def config_rewrite(self) -> Any:
        """Writes the directives to the server's file."""
    def config_set(self, name: str, value: Value, *args: Value) -> Any:
        """Changes a directive, or several."""
    def dbsize(self) -> Any:
        """How many keys there are."""
    def echo(self, value: Value) -> Any:
        """What was sent."""
    def evict(self, idle_seconds: float | None = None) -> Any:
        """Takes keys out of memory that have settled, and were not used for so long: how many. They come back by themselves."""
    def flush(self, table: str | None = None) -> Any:
        """Returns once everything, or a table, has settled in the store; raises if it cannot."""
    def flushall(self, asynchronous: bool = False) -> Any:
        """Removes all keys of all databases."""
    def flushdb(self, asynchronous: bool = False) -> Any:
        """Removes all keys of this database."""
    def info(self, section: str | None = None, *args: str) -> Any:
        """Figures and states, of all sections or some."""
    def lastsave(self) -> Any:
        """When the last checkpoint was taken, in local time."""
    def latency_doctor(self) -> Any:
        """What could be better about latencies, in words."""
    def latency_graph(self, event: str) -> Any:
        """The latencies of an event as a picture of characters."""
    def latency_histogram(self, *args: str) -> Any:
        """How latencies of commands are distributed."""
    def latency_history(self, event: str) -> Any:
        """When an event was slow, and how slow."""
    def latency_latest(self) -> Any:
        """The last slow moment of each event."""
    def latency_reset(self, *events: str) -> Any:
        """Forgets latencies."""
    def lolwut(self, *version_numbers: float) -> Any:
        """A picture, and the version."""
    def memory_doctor(self) -> Any:
        """What is wrong with the use of memory, in words."""
    def memory_malloc_stats(self) -> Any:
        """What the allocator says of itself."""
    def memory_purge(self) -> Any:
        """Gives free memory back to the system."""
    def memory_stats(self) -> Any:
        """What memory is used for, in bytes."""
    def memory_usage(self, key: Key, samples: int | None = None) -> Any:
        """How many bytes a key takes, None if there is none."""
    def namespace_create(
        self, name: str, store: str | None = None, *, attach: str | None = None, maxmemory: int | str | None = None,
        maxkeys: int | None = None, policy: str | None = None
    ) -> Any:
        """Makes a namespace: a database of this name with its own keys, folder, store and limits."""
    def namespace_drop(self, name: str, force: bool = False) -> Any:
        """Removes a namespace with all its keys. What its store has stays there."""
    def namespace_info(self, name: str | None = None) -> Any:
        """What is known of a namespace, or of the one in use."""
    def namespace_list(self) -> Any:
        """All namespaces."""
    def namespace_set(self, name: str, *, maxmemory: int | str | None = None, maxkeys: int | None = None, policy: str | None = None) -> Any:
        """Changes limits of a namespace."""
    def namespace_use(self, name: str) -> Any:
        """All commands are about this namespace from now on; `default` is the one without a name."""
    def ping(self, message: Value | None = None) -> Any:
        """True; or what was sent."""
    def quarantine_list(self, count: int = 100) -> Any:
        """Rows that the store refuses."""
    def quarantine_retry(self, key: Key | None = None, db: int | None = None) -> Any:
        """Has one, or all, tried again: how many."""
    def quarantine_skip(self, key: Key, db: int | None = None) -> Any:
        """Gives up a change: what the store has of the key counts."""
    def readonly(self) -> Any:
        """For replicas of a cluster; changes nothing here."""
    def readwrite(self) -> Any:
        """For replicas of a cluster; changes nothing here."""
    def role(self) -> Any:
        """The part in replication."""
    def save(self) -> Any:
        """Takes a checkpoint, and returns once it is there."""
    def slowlog_get(self, num: int | None = None) -> Any:
        """The last slow commands."""
    def slowlog_len(self) -> Any:
        """How many slow commands are kept."""
    def slowlog_reset(self) -> Any:
        """Forgets slow commands."""
    def swapdb(self, first: int, second: int) -> Any:
        """Swaps two databases."""
    def time(self) -> Any:
        """The server's clock: Unix time in seconds, and microseconds."""
    def wait(self, num_replicas: int, timeout: int) -> Any:
        """Waits for replicas, in milliseconds: how many have all that was written."""
    def waitaof(self, num_local: int, num_replicas: int, timeout: int) -> Any:
        """Waits until what was written is on disk, in milliseconds, 0 without end: on how many, here and on replicas."""
    def waitstore(self, timeout: int = 0) -> Any:
        """Waits until what was written has settled in the store, in milliseconds, 0 without end: 1, or 0 if the time is up."""
    def __init__(self, backend: Backend, decode: bool, transaction: bool) -> None: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    @property
    def command_stack(self) -> list[tuple[Any, ...]]:
        """The commands that wait."""
    def multi(self) -> None:
        """From here on commands are queued; before, with keys watched, they are run at once."""
    def discard(self) -> None:
        """Forgets the commands that wait."""
    def execute_command(self, *args: Any) -> Any:
        """Any command."""
    def watch(self, *names: Any) -> bool:
        """What is executed later is run only if none of these keys has changed since. Until `multi()`, commands are run at once."""
    def unwatch(self) -> bool:
        """Forgets the watched keys."""
    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Sends what waits, and returns the replies. `WatchError`: a watched key has changed, nothing was run."""
    def reset(self) -> None:
        """Forgets the commands that wait, and the watched keys."""
    def __enter__(self) -> Pipeline[V]: ...
    def __exit__(self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

class AsyncPipeline(Generic[V]):
    """Commands that wait until `await execute()`.

    >>> async with db.pipeline() as pipe:
    ...     await pipe.incr("visits").expire("visits", 60).execute()
    [1, True]
    """
    def append(self, key: Key, value: Value) -> Any:
        """Appends to a value, and returns its new length."""
    def decr(self, name: Key, amount: int = 1) -> Any:
        """Subtracts from an integer, and returns what it is then."""
    def decrby(self, name: Key, amount: int = 1) -> Any:
        """Subtracts from an integer, and returns what it is then."""
    def delifeq(self, name: Key, value: Value) -> Any:
        """Deletes a key if this is its value: 1, or 0."""
    def get(self, name: Key) -> Any:
        """The value of a key, None if there is none."""
    def getdel(self, name: Key) -> Any:
        """The value of a key, which is deleted."""
    def getex(
        self, name: Key, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None, pxat: Moment | None = None,
        persist: bool = False
    ) -> Any:
        """The value of a key, whose expiry is set or, with `persist`, removed."""
    def getrange(self, key: Key, start: int, end: int) -> Any:
        """A part of a value; both ends are within it, negative ones count from the end."""
    def getset(self, name: Key, value: Value) -> Any:
        """Sets a value, and returns the one before."""
    def incr(self, name: Key, amount: int = 1) -> Any:
        """Adds to an integer, and returns what it is then."""
    def incrby(self, name: Key, amount: int = 1) -> Any:
        """Adds to an integer, and returns what it is then."""
    def incrbyfloat(self, name: Key, amount: float = 1.0) -> Any:
        """Adds to a number, and returns what it is then."""
    def lcs(
        self, key1: Key, key2: Key, len: bool | None = False, idx: bool | None = False, minmatchlen: int | None = 0,
        withmatchlen: bool | None = False
    ) -> Any:
        """The longest common subsequence of two values, its length, or with `idx` where it lies."""
    def mget(self, keys: Any, *args: Key) -> Any:
        """The values of keys, in their order."""
    def mset(self, mapping: Mapping[Any, Value]) -> Any:
        """Sets values, all at once."""
    def msetex(
        self, mapping: Mapping[Any, Value], data_persist_option: Any = None, ex: Expiry | None = None, px: Expiry | None = None,
        exat: Moment | None = None, pxat: Moment | None = None, keepttl: bool = False, nx: bool = False, xx: bool = False
    ) -> Any:
        """Sets values and their expiry, all or none: 1, or 0 where `nx` (none may exist) or `xx` (all must) forbids it."""
    def msetnx(self, mapping: Mapping[Any, Value]) -> Any:
        """Sets values if none of the keys exists."""
    def psetex(self, name: Key, time_ms: Expiry, value: Value) -> Any:
        """Sets a value that expires."""
    def set(
        self, name: Key, value: Value, ex: Expiry | None = None, px: Expiry | None = None, nx: bool = False, xx: bool = False,
        keepttl: bool = False, get: bool = False, exat: Moment | None = None, pxat: Moment | None = None, ifeq: Value | None = None
    ) -> Any:
        """Sets a value: True, None where `nx`, `xx` or `ifeq` forbids it; with `get` the value before."""
    def setex(self, name: Key, time: Expiry, value: Value) -> Any:
        """Sets a value that expires."""
    def setnx(self, name: Key, value: Value) -> Any:
        """Sets a value if the key does not exist."""
    def setrange(self, name: Key, offset: int, value: Value) -> Any:
        """Overwrites a part of a value, and returns its length."""
    def strlen(self, name: Key) -> Any:
        """The length of a value in bytes, 0 if there is none."""
    def substr(self, name: Key, start: int, end: int = -1) -> Any:
        """A part of a value: another name for `getrange`."""
    def blmove(self, first_list: Key, second_list: Key, timeout: float, src: str = 'LEFT', dest: str = 'RIGHT') -> Any:
        """Like `lmove`; waits for an element."""
    def blmpop(self, timeout: float, numkeys: int, *args: Key, direction: str, count: int | None = 1) -> Any:
        """Like `lmpop`; waits for an element."""
    def blpop(self, keys: Any, timeout: float | None = 0) -> Any:
        """The first element of the first list that has one, and the list's key; waits for it."""
    def brpop(self, keys: Any, timeout: float | None = 0) -> Any:
        """The last element of the first list that has one, and the list's key; waits for it."""
    def brpoplpush(self, src: Key, dst: Key, timeout: float | None = 0) -> Any:
        """Like `rpoplpush`; waits for an element."""
    def lindex(self, name: Key, index: int) -> Any:
        """An element by its place."""
    def linsert(self, name: Key, where: str, refvalue: Value, value: Value) -> Any:
        """Inserts `BEFORE` or `AFTER` an element: the list's length, -1 if there is no such element."""
    def llen(self, name: Key) -> Any:
        """How many elements a list has."""
    def lmove(self, first_list: Key, second_list: Key, src: str = 'LEFT', dest: str = 'RIGHT') -> Any:
        """Takes an element from one end of a list, puts it to an end of another, and returns it."""
    def lmpop(self, num_keys: int, *args: Key, direction: str, count: int | None = 1) -> Any:
        """Elements from an end (`LEFT`, `RIGHT`) of the first list that has some: `[key, elements]`, or None."""
    def lpop(self, name: Key, count: int | None = None) -> Any:
        """Takes the first element; with `count` a list of the first ones."""
    def lpos(self, name: Key, value: Value, rank: int | None = None, count: int | None = None, maxlen: int | None = None) -> Any:
        """Where an element is, None if nowhere; with `count` a list of places."""
    def lpush(self, name: Key, *values: Value) -> Any:
        """Puts elements before the first, each before the other: the list's length."""
    def lpushx(self, name: Key, *values: Value) -> Any:
        """Like `lpush`, if the list exists."""
    def lrange(self, name: Key, start: int, end: int) -> Any:
        """Elements by their places, both ends included; -1 is the last."""
    def lrem(self, name: Key, count: int, value: Value) -> Any:
        """Removes so many elements that equal a value, from the end if negative, all if 0."""
    def lset(self, name: Key, index: int, value: Value) -> Any:
        """Replaces an element."""
    def lsize(self, name: Key) -> Any:
        """How many elements a list has: another name for `llen`."""
    def ltrim(self, name: Key, start: int, end: int) -> Any:
        """Keeps these elements and removes the others."""
    def rpop(self, name: Key, count: int | None = None) -> Any:
        """Takes the last element; with `count` a list of the last ones."""
    def rpoplpush(self, src: Key, dst: Key) -> Any:
        """Takes the last element of a list, puts it first in another, and returns it."""
    def rpush(self, name: Key, *values: Value) -> Any:
        """Puts elements behind the last: the list's length."""
    def rpushx(self, name: Key, *values: Value) -> Any:
        """Like `rpush`, if the list exists."""
    def hdel(self, name: Key, *keys: Value) -> Any:
        """Deletes fields: how many there were."""
    def hexists(self, name: Key, key: Value) -> Any:
        """Whether a hash has a field."""
    def hexpire(
        self, name: Key, seconds: Expiry, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Any:
        """Has fields expire after seconds."""
    def hexpireat(
        self, name: Key, unix_time_seconds: Moment, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False,
        lt: bool = False
    ) -> Any:
        """Has fields expire at a moment."""
    def hexpiretime(self, key: Key, *fields: Value) -> Any:
        """When fields expire, as Unix times in seconds."""
    def hget(self, name: Key, key: Value) -> Any:
        """The value of a field."""
    def hgetall(self, name: Key) -> Any:
        """All fields and their values."""
    def hgetdel(self, name: Key, *keys: Value) -> Any:
        """The values of fields, which are deleted."""
    def hgetex(
        self, name: Key, *keys: Value, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None,
        pxat: Moment | None = None, persist: bool = False
    ) -> Any:
        """The values of fields, whose expiry is set or, with `persist`, removed."""
    def hincrby(self, name: Key, key: Value, amount: int = 1) -> Any:
        """Adds to an integer in a field, and returns what it is then."""
    def hincrbyfloat(self, name: Key, key: Value, amount: float = 1.0) -> Any:
        """Adds to a number in a field, and returns what it is then."""
    def hkeys(self, name: Key) -> Any:
        """All fields."""
    def hlen(self, name: Key) -> Any:
        """How many fields a hash has."""
    def hmget(self, name: Key, keys: Any, *args: Value) -> Any:
        """The values of fields, in their order."""
    def hmset(self, name: Key, mapping: Mapping[Any, Value]) -> Any:
        """Sets fields; `hset` does as well."""
    def hpersist(self, name: Key, *fields: Value) -> Any:
        """Fields do not expire any more."""
    def hpexpire(
        self, name: Key, milliseconds: Expiry, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False
    ) -> Any:
        """Has fields expire after milliseconds."""
    def hpexpireat(
        self, name: Key, unix_time_milliseconds: Moment, *fields: Value, nx: bool = False, xx: bool = False, gt: bool = False,
        lt: bool = False
    ) -> Any:
        """Has fields expire at a moment."""
    def hpexpiretime(self, key: Key, *fields: Value) -> Any:
        """When fields expire, as Unix times in milliseconds."""
    def hpttl(self, key: Key, *fields: Value) -> Any:
        """How many milliseconds fields have left."""
    def hrandfield(self, key: Key, count: int | None = None, withvalues: bool = False) -> Any:
        """A field at random; with `count` a list, with `withvalues` of fields and values by turns."""
    def hscan(self, name: Key, cursor: int = 0, match: Key | None = None, count: int | None = None, no_values: bool | None = None) -> Any:
        """Some fields and the cursor for the next ones, 0 at the end. `hscan_iter` does the asking."""
    def hset(
        self, name: Key, key: Value | None = None, value: Value | None = None, mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None
    ) -> Any:
        """Sets a field, those of a mapping, or those of a flat list: how many are new."""
    def hsetex(
        self, name: Key, key: Value | None = None, value: Value | None = None, mapping: Mapping[Any, Value] | None = None,
        items: Sequence[Value] | None = None, ex: Expiry | None = None, px: Expiry | None = None, exat: Moment | None = None,
        pxat: Moment | None = None, data_persist_option: Any = None, keepttl: bool = False, nx: bool = False, xx: bool = False,
        fnx: bool = False, fxx: bool = False
    ) -> Any:
        """Sets fields and their expiry, all or none: 1, or 0 where a condition on the hash or the fields forbids it."""
    def hsetnx(self, name: Key, key: Value, value: Value) -> Any:
        """Sets a field that does not exist: 1, or 0."""
    def hstrlen(self, name: Key, key: Value) -> Any:
        """The length of a field's value in bytes."""
    def httl(self, key: Key, *fields: Value) -> Any:
        """How many seconds fields have left."""
    def hvals(self, name: Key) -> Any:
        """All values."""
    def copy(self, source: Key, destination: Key, destination_db: int | None = None, replace: bool = False) -> Any:
        """Copies a value to another key: False if that exists and `replace` is not said."""
    def delete(self, *names: Key) -> Any:
        """Deletes keys: how many there were."""
    def dump(self, name: Key) -> Any:
        """A value as bytes that `restore` takes."""
    def exists(self, *names: Key) -> Any:
        """How many of these keys exist."""
    def expire(self, name: Key, time: Expiry, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> Any:
        """Has a key expire after seconds: False if there is none, or a condition forbids it."""
    def expireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> Any:
        """Has a key expire at a moment, a Unix time in seconds or a datetime."""
    def expiretime(self, key: Key) -> Any:
        """When a key expires as a Unix time in seconds; -1 never, -2 there is none."""
    def keys(self, pattern: Key = '*') -> Any:
        """All keys that match a pattern. `scan_iter` returns them bit by bit."""
    def move(self, name: Key, db: int) -> Any:
        """Moves a key to another database."""
    def object(self, infotype: str, key: Key) -> Any:
        """`encoding`, `freq`, `idletime` or `refcount` of a value."""
    def persist(self, name: Key) -> Any:
        """A key does not expire any more."""
    def pexpire(self, name: Key, time: Expiry, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> Any:
        """Has a key expire after milliseconds."""
    def pexpireat(self, name: Key, when: Moment, nx: bool = False, xx: bool = False, gt: bool = False, lt: bool = False) -> Any:
        """Has a key expire at a moment, a Unix time in milliseconds or a datetime."""
    def pexpiretime(self, key: Key) -> Any:
        """When a key expires as a Unix time in milliseconds."""
    def pttl(self, name: Key) -> Any:
        """How many milliseconds a key has left; -1 it does not expire, -2 there is none."""
    def randomkey(self) -> Any:
        """Any key, None if there is none."""
    def rename(self, src: Key, dst: Key) -> Any:
        """Gives a value another key, in place of what that has."""
    def renamenx(self, src: Key, dst: Key) -> Any:
        """Gives a value another key if that does not exist."""
    def restore(
        self, name: Key, ttl: float, value: bytes, replace: bool = False, absttl: bool = False, idletime: int | None = None,
        frequency: int | None = None
    ) -> Any:
        """Makes a key of what `dump` returned, with a time to live in milliseconds, 0 for none."""
    def scan(self, cursor: int = 0, match: Key | None = None, count: int | None = None, _type: str | None = None) -> Any:
        """Some keys and the cursor for the next ones, 0 at the end. `scan_iter` does the asking."""
    def sort(
        self, name: Key, start: int | None = None, num: int | None = None, by: Key | None = None, get: Any = None, desc: bool = False,
        alpha: bool = False, store: Key | None = None, groups: bool | None = False
    ) -> Any:
        """The elements in order, or what `get` says of each; with `groups` as tuples; with `store` how many were stored."""
    def sort_ro(
        self, key: Key, start: int | None = None, num: int | None = None, by: Key | None = None, get: Any = None, desc: bool = False,
        alpha: bool = False
    ) -> Any:
        """Like `sort`; stores nothing."""
    def touch(self, *args: Key) -> Any:
        """Counts keys as used: how many there are."""
    def ttl(self, name: Key) -> Any:
        """How many seconds a key has left; -1 it does not expire, -2 there is none."""
    def type(self, name: Key) -> Any:
        """`string`, `list`, `hash`, …, or `none`."""
    def unlink(self, *names: Key) -> Any:
        """Deletes keys: how many there were."""
    def table_create(
        self, table: str, schema: Mapping[str, str] | None = None, *, ttl: int | None = None, store_table: str | None = None,
        key_column: str | None = None, data_column: str | None = None, on_conflict: str | None = None
    ) -> Any:
        """Makes a table, or gives one another schema: `{"state": "string", "seconds": "integer"}`.

        `ttl`: records expire after so many seconds unless they say otherwise. The others are about the table in the store.
        """
    def table_put(
        self, table: str, key: Key, record: Record | str | bytes, ttl: float | timedelta | None = None, *, exat: Moment | None = None,
        keepttl: bool = False, nx: bool = False, xx: bool = False
    ) -> Any:
        """Puts a record, a dict or JSON; None where `nx` or `xx` forbids it. `ttl` is in seconds."""
    def table_get(self, table: str, key: Key) -> Any:
        """A record, the caller's own; None if there is none."""
    def table_delete(self, table: str, *keys: Key) -> Any:
        """Deletes records: how many there were."""
    def table_drop(self, table: str) -> Any:
        """Deletes a table with all its records."""
    def table_info(self, table: str) -> Any:
        """What a table is, and how many records it has."""
    def table_list(self) -> Any:
        """The names of all tables."""
    def query(
        self, table: str, where: str = '', *, order_by: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Any:
        """The records that a clause is true of, each with its key as `_key`.

        `db.query("calls", "(data->>'seconds')::int >= 10", order_by="data->'seconds' DESC", limit=20)`
        """
    def query_select(
        self, table: str, columns: str, where: str = '', *, order_by: str | None = None, limit: int | None = None,
        offset: int | None = None
    ) -> Any:
        """Rows of what is asked for: texts as they are, all else as JSON. `columns`: `"key, data->>'state'"`."""
    def query_count(self, table: str, where: str = '') -> Any:
        """How many records a clause is true of."""
    def query_page(self, table: str, where: str = '', cursor: str | int = 0, limit: int = 100) -> Any:
        """Some of the records and the cursor for the next ones, `"0"` at the end. `query_iter` does the asking."""
    def explain(
        self, table: str, where: str = '', *, order_by: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> Any:
        """Runs a query and tells what memory and the store did for it."""
    def index_create(self, name: str, table: str, path: str, type: str | None = None, unique: bool = False) -> Any:
        """Makes an index over a value of each record: `db.index_create("by_state", "calls", "data->>'state'")`."""
    def index_drop(self, name: str, table: str) -> Any:
        """Drops an index."""
    def index_list(self, table: str | None = None) -> Any:
        """The indexes of a table, or all."""
    def tag_add(self, key: Key, *tags: Key) -> Any:
        """Adds tags to a key: how many it did not have."""
    def tag_count(self, *tags: Key, any: bool = False) -> Any:
        """How many keys have all of the tags, or any."""
    def tag_keys(self, *tags: Key, any: bool = False, offset: int = 0, limit: int = -1) -> Any:
        """The keys that have all of the tags, or any."""
    def tag_list(self, match: Key | None = None) -> Any:
        """All tags that keys have."""
    def tag_counts(self, match: Key | None = None) -> Any:
        """All tags, with how many keys have each."""
    def tag_of(self, key: Key) -> Any:
        """The tags of a key."""
    def tag_rem(self, key: Key, *tags: Key) -> Any:
        """Removes tags from a key: how many it had."""
    def tag_set(self, key: Key, *tags: Key) -> Any:
        """Gives a key these tags and no others."""
    def auth(self, password: str, username: str | None = None) -> Any:
        """Logs in."""
    def client_durability(self, level: str | None = None) -> Any:
        """Sets, or tells, when changes are acknowledged: `memory`, `disk`, `store`, or as the `server` does by default."""
    def client_getname(self) -> Any:
        """The name of a connection."""
    def client_id(self) -> Any:
        """The number of a connection."""
    def client_info(self) -> Any:
        """What is known of a connection."""
    def client_kill(self, address: str) -> Any:
        """Ends the connection from an address."""
    def client_kill_filter(
        self, _id: int | None = None, _type: str | None = None, addr: str | None = None, skipme: bool | None = None,
        laddr: str | None = None, user: str | None = None, maxage: int | None = None
    ) -> Any:
        """Ends connections that all of this is true of: how many."""
    def client_list(self, _type: str | None = None, client_id: Any = ()) -> Any:
        """What is known of all connections, those of a type, or some."""
    def client_no_evict(self, mode: str) -> Any:
        """`ON`: connections are not ended for want of memory."""
    def client_no_touch(self, mode: str) -> Any:
        """`ON`: commands do not count as uses of keys."""
    def client_pause(self, timeout: int, all: bool = True) -> Any:
        """Commands of all clients, or only those that write, wait for so many milliseconds."""
    def client_setinfo(self, attr: str, value: str) -> Any:
        """Tells the library's name (`LIB-NAME`) or version (`LIB-VER`)."""
    def client_setname(self, name: str) -> Any:
        """Gives connections a name."""
    def client_trackinginfo(self) -> Any:
        """What a connection is told of changes."""
    def client_unblock(self, client_id: int, error: bool = False) -> Any:
        """Ends the waiting of a blocking command."""
    def client_unpause(self) -> Any:
        """Ends a pause."""
    def select(self, index: int) -> Any:
        """All commands are about this database from now on."""
    def backup(self, directory: str) -> Any:
        """Writes a copy of everything into a new folder on the server; starting on that folder restores it."""
    def bgrewriteaof(self) -> Any:
        """Takes a checkpoint in the background, which trims the log."""
    def bgsave(self, schedule: bool = True) -> Any:
        """Takes a checkpoint in the background."""
    def command(self) -> Any:
        """What is known of each command."""
    def command_count(self) -> Any:
        """How many commands there are."""
    def command_docs(self, *args: str) -> Any:
        """What commands are for."""
    def command_getkeys(self, *args: Value) -> Any:
        """The keys among the words of a command."""
    def command_getkeysandflags(self, *args: Value) -> Any:
        """The keys among the words of a command, and what it does to them."""
    def command_info(self, *args: str) -> Any:
        """What is known of some commands."""
    def command_list(self, module: str | None = None, category: str | None = None, pattern: str | None = None) -> Any:
        """The names of commands."""
    def commandlog_get(self, count: int = -1, kind: str = 'slow') -> Any:
        """The last commands that were `slow`, a `large-request` or had a `large-reply`."""
    def commandlog_len(self, kind: str = 'slow') -> Any:
        """How many such commands are kept."""
    def commandlog_reset(self, kind: str = 'slow') -> Any:
        """Forgets them."""
    def config_get(self, pattern: str = '*', *args: str) -> Any:
        """Directives that match a pattern, and their values."""
    def config_resetstat(self) -> Any:
        """Figures begin at 0 again."""
    def config_rewrite(self) -> Any:
        """Writes the directives to the server's file."""
    def config_set(self, name: str, value: Value, *args: Value) -> Any:
        """Changes a directive, or several."""
    def dbsize(self) -> Any:
        """How many keys there are."""
    def echo(self, value: Value) -> Any:
        """What was sent."""
    def evict(self, idle_seconds: float | None = None) -> Any:
        """Takes keys out of memory that have settled, and were not used for so long: how many. They come back by themselves."""
    def flush(self, table: str | None = None) -> Any:
        """Returns once everything, or a table, has settled in the store; raises if it cannot."""
    def flushall(self, asynchronous: bool = False) -> Any:
        """Removes all keys of all databases."""
    def flushdb(self, asynchronous: bool = False) -> Any:
        """Removes all keys of this database."""
    def info(self, section: str | None = None, *args: str) -> Any:
        """Figures and states, of all sections or some."""
    def lastsave(self) -> Any:
        """When the last checkpoint was taken, in local time."""
    def latency_doctor(self) -> Any:
        """What could be better about latencies, in words."""
    def latency_graph(self, event: str) -> Any:
        """The latencies of an event as a picture of characters."""
    def latency_histogram(self, *args: str) -> Any:
        """How latencies of commands are distributed."""
    def latency_history(self, event: str) -> Any:
        """When an event was slow, and how slow."""
    def latency_latest(self) -> Any:
        """The last slow moment of each event."""
    def latency_reset(self, *events: str) -> Any:
        """Forgets latencies."""
    def lolwut(self, *version_numbers: float) -> Any:
        """A picture, and the version."""
    def memory_doctor(self) -> Any:
        """What is wrong with the use of memory, in words."""
    def memory_malloc_stats(self) -> Any:
        """What the allocator says of itself."""
    def memory_purge(self) -> Any:
        """Gives free memory back to the system."""
    def memory_stats(self) -> Any:
        """What memory is used for, in bytes."""
    def memory_usage(self, key: Key, samples: int | None = None) -> Any:
        """How many bytes a key takes, None if there is none."""
    def namespace_create(
        self, name: str, store: str | None = None, *, attach: str | None = None, maxmemory: int | str | None = None,
        maxkeys: int | None = None, policy: str | None = None
    ) -> Any:
        """Makes a namespace: a database of this name with its own keys, folder, store and limits."""
    def namespace_drop(self, name: str, force: bool = False) -> Any:
        """Removes a namespace with all its keys. What its store has stays there."""
    def namespace_info(self, name: str | None = None) -> Any:
        """What is known of a namespace, or of the one in use."""
    def namespace_list(self) -> Any:
        """All namespaces."""
    def namespace_set(self, name: str, *, maxmemory: int | str | None = None, maxkeys: int | None = None, policy: str | None = None) -> Any:
        """Changes limits of a namespace."""
    def namespace_use(self, name: str) -> Any:
        """All commands are about this namespace from now on; `default` is the one without a name."""
    def ping(self, message: Value | None = None) -> Any:
        """True; or what was sent."""
    def quarantine_list(self, count: int = 100) -> Any:
        """Rows that the store refuses."""
    def quarantine_retry(self, key: Key | None = None, db: int | None = None) -> Any:
        """Has one, or all, tried again: how many."""
    def quarantine_skip(self, key: Key, db: int | None = None) -> Any:
        """Gives up a change: what the store has of the key counts."""
    def readonly(self) -> Any:
        """For replicas of a cluster; changes nothing here."""
    def readwrite(self) -> Any:
        """For replicas of a cluster; changes nothing here."""
    def role(self) -> Any:
        """The part in replication."""
    def save(self) -> Any:
        """Takes a checkpoint, and returns once it is there."""
    def slowlog_get(self, num: int | None = None) -> Any:
        """The last slow commands."""
    def slowlog_len(self) -> Any:
        """How many slow commands are kept."""
    def slowlog_reset(self) -> Any:
        """Forgets slow commands."""
    def swapdb(self, first: int, second: int) -> Any:
        """Swaps two databases."""
    def time(self) -> Any:
        """The server's clock: Unix time in seconds, and microseconds."""
    def wait(self, num_replicas: int, timeout: int) -> Any:
        """Waits for replicas, in milliseconds: how many have all that was written."""
    def waitaof(self, num_local: int, num_replicas: int, timeout: int) -> Any:
        """Waits until what was written is on disk, in milliseconds, 0 without end: on how many, here and on replicas."""
    def waitstore(self, timeout: int = 0) -> Any:
        """Waits until what was written has settled in the store, in milliseconds, 0 without end: 1, or 0 if the time is up."""
    def __init__(self, backend: Backend, decode: bool, transaction: bool) -> None: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    @property
    def command_stack(self) -> list[tuple[Any, ...]]:
        """The commands that wait."""
    def multi(self) -> None:
        """From here on commands are queued; before, with keys watched, they are run at once."""
    def discard(self) -> None:
        """Forgets the commands that wait."""
    def execute_command(self, *args: Any) -> Any:
        """Any command."""
    def __await__(self) -> Generator[Any, None, AsyncPipeline[V]]: ...
    async def watch(self, *names: Any) -> bool:
        """What is executed later is run only if none of these keys has changed since. Until `multi()`, commands are run at once."""
    async def unwatch(self) -> bool:
        """Forgets the watched keys."""
    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Sends what waits, and returns the replies. `WatchError`: a watched key has changed, nothing was run."""
    async def reset(self) -> None:
        """Forgets the commands that wait, and the watched keys."""
    async def __aenter__(self) -> AsyncPipeline[V]: ...
    async def __aexit__(self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

class Changes:
    """Changes of keys: iterate, or ask with `get`."""
    def __init__(self, subscription: Subscription, decode: bool) -> None: ...
    def get(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next change, None when the time in seconds is up."""
    def close(self) -> None:
        """No more changes; who iterates is done."""
    def __iter__(self) -> Iterator[dict[str, Any]]: ...
    def __enter__(self) -> Changes: ...
    def __exit__(self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

class AsyncChanges:
    """Changes of keys: iterate, or ask with `get`."""
    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[dict[str, Any]], None] | None, decode: bool) -> None: ...
    def tell(self, change: dict[str, Any]) -> None:
        """Called in the thread that is told of changes."""
    async def get(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next change, None when the time in seconds is up."""
    async def close(self) -> None:
        """No more changes; who iterates is done."""
    def __aiter__(self) -> AsyncIterator[dict[str, Any]]: ...
    async def __aenter__(self) -> AsyncChanges: ...
    async def __aexit__(self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

class Lock:
    """A lock for threads.

    >>> with db.lock("report", timeout=30):
    ...     pass
    """
    def __init__(
        self, db: Database[Any], name: str, timeout: float | None = None, sleep: float = 0.1, blocking: bool = True,
        blocking_timeout: float | None = None, thread_local: bool = True
    ) -> None: ...
    def acquire(
        self, sleep: float | None = None, blocking: bool | None = None, blocking_timeout: float | None = None, token: str | None = None
    ) -> bool:
        """True once the lock is held; False if it is not to be had, or not in time."""
    def release(self) -> None:
        """Gives the lock back."""
    def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        """Adds to the time that is left, or replaces it."""
    def reacquire(self) -> bool:
        """The time begins anew."""
    def locked(self) -> bool:
        """Somebody holds it."""
    def owned(self) -> bool:
        """This one holds it."""
    def __enter__(self) -> Lock: ...
    def __exit__(self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    name: str
    timeout: float | None
    sleep: float
    blocking: bool
    blocking_timeout: float | None

class AsyncLock:
    """A lock for tasks.

    >>> async with db.lock("report", timeout=30):
    ...     pass
    """
    def __init__(
        self, db: AsyncDatabase[Any], name: str, timeout: float | None = None, sleep: float = 0.1, blocking: bool = True,
        blocking_timeout: float | None = None
    ) -> None: ...
    async def acquire(
        self, sleep: float | None = None, blocking: bool | None = None, blocking_timeout: float | None = None, token: str | None = None
    ) -> bool:
        """True once the lock is held; False if it is not to be had, or not in time."""
    async def release(self) -> None:
        """Gives the lock back."""
    async def extend(self, additional_time: float, replace_ttl: bool = False) -> bool:
        """Adds to the time that is left, or replaces it."""
    async def reacquire(self) -> bool:
        """The time begins anew."""
    async def locked(self) -> bool:
        """Somebody holds it."""
    async def owned(self) -> bool:
        """This one holds it."""
    async def __aenter__(self) -> AsyncLock: ...
    async def __aexit__(self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    name: str
    timeout: float | None
    sleep: float
    blocking: bool
    blocking_timeout: float | None
