"""What all parts of a store stand on: opening, reading and writing one key, changing what was read, events.

What must hold:

- All that belongs to a write (value, times, version, expiry, tags) is one transaction of the database; nobody sees half of it.
- What depends on what was read is compared by the database when it is written (`_update`), and done again if it has changed.
- Reads write nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, Optional, Union

from .._backend import Backend
from . import places
from ._log import log
from .codec import pack, unpack
from .files import Files
from .hooks import Hooks
from .metrics import PerformanceMetrics
from .names import DEFAULT_NAMESPACE, Scope, TagTexts, check_key, check_tags, unique
from .storages import EngineStorage, FileSystemStorage, StorageBackend, StorageFactory, at_address, is_address
from .sync import KeyValueSync
from .values import DEFAULT_ENCODING, META, Accesses, Prepared, describe, encode_hints, normalize, now_us

if TYPE_CHECKING:
    from typing_extensions import Self

Command = Sequence[Union[bytes, str, int, float]]

_BATCH = 64


class Core(Hooks):
    """The state of a store. `KeyValueStore` has the calls."""

    def __init__(
        self,
        data_folder_path: str = "./data",
        db: str = "default",
        buffer_size_mb: float = 1,
        namespace: str = DEFAULT_NAMESPACE,
        sync: Optional[KeyValueSync] = None,
        compression_enabled: bool = True,
        storage_backend: Union[str, Any] = "fs",
        enable_transactions: bool = True,
        enable_backup: bool = True,
        enable_indexing: bool = True,
        cache_size: int = 10000,
        storage_options: Optional[dict[str, Any]] = None,
        allow_backend_fallback: bool = False,
        default_encoding: str = DEFAULT_ENCODING,
        return_type: str = "bytes",
        encryption_key: Optional[Union[str, bytes]] = None,
        cache_ttl_seconds: Optional[int] = None,
        max_cache_memory_bytes: Optional[int] = None,
        enable_otel: bool = False,
        *,
        redis_host: Optional[str] = None,
        redis_port: Optional[int] = None,
        redis_db: Optional[int] = None,
        redis_password: Optional[str] = None,
        postgres_url: Optional[str] = None,
        backup_dir: str = "./backups",
    ) -> None:
        self._scope = Scope(db, namespace)
        if return_type not in ("bytes", "str", "stored"):
            raise ValueError("return_type must be 'bytes', 'str', or 'stored'")
        self.data_folder_path = data_folder_path
        self.db = db
        self.namespace = namespace
        self.buffer_size_mb = buffer_size_mb
        self.compression_enabled = compression_enabled
        self.default_encoding = default_encoding
        self.return_type = return_type
        self.enable_otel = enable_otel
        self.enable_transactions = enable_transactions
        self.enable_backup = enable_backup
        self.enable_indexing = enable_indexing
        self.backup_dir = backup_dir
        self.metrics = PerformanceMetrics()
        self._secret = encryption_key.encode(default_encoding) if isinstance(encryption_key, str) else encryption_key
        self._start_hooks()
        self._indexed: set[str] = set()
        self._due: dict[str, float] = {}
        self._due_lock = threading.Lock()
        self._later = threading.local()
        self._closed = False
        self._process = os.getpid()
        self._place: Any = None
        self._storage: StorageBackend
        self._files: Optional[Files] = None

        self._given_sync = sync
        if isinstance(storage_backend, str):
            options: dict[str, Any] = {"base_path": None if is_address(data_folder_path) else data_folder_path, **(storage_options or {})}
            if storage_backend == "redis":
                given = {"host": redis_host, "port": redis_port, "db": redis_db, "password": redis_password}
                options.update({name: value for name, value in given.items() if value is not None})
            if storage_backend in ("postgres", "postgresql") and postgres_url:
                options["url"] = postgres_url
            if storage_backend == "fs" and is_address(data_folder_path):
                self._attach(at_address(data_folder_path))
            else:
                self._attach(StorageFactory.create_storage(storage_backend, allow_backend_fallback, **options))
        else:
            self._attach(storage_backend)

        self._owns_sync = sync is None
        self.sync = sync or KeyValueSync(flush_interval_seconds=1)
        if self._owns_sync:
            self.sync.start()
            weakref.finalize(self, self.sync.end)
        self.sync.register_store(self)  # type: ignore[arg-type]
        self._enable()

    # Where the data is.

    def _attach(self, storage: Any) -> None:
        """Stands on this storage from now on."""
        if isinstance(storage, EngineStorage):
            directives: dict[str, Any] = {"flush_bytes": max(1, int(self.buffer_size_mb * 1024 * 1024))}
            if self._given_sync is not None:
                directives["flush_interval"] = self._given_sync.flush_interval
            folder = "./data" if is_address(self.data_folder_path) else self.data_folder_path
            _look_for_nadb(storage.address or folder)
            place = storage.open(folder, **directives)
            if self._place is not None:
                self._place.close()
            self._place = place
            self._files = None
            self._store_first = storage.store_first
        else:
            for method in ("write_data", "read_data", "delete_file"):
                if not callable(getattr(storage, method, None)):
                    raise TypeError(f"a storage backend has the methods of StorageBackend; this one has no {method}")
            if self._place is None:
                path = self.data_folder_path
                self._attach(at_address(path) if is_address(path) else FileSystemStorage(path))
            self._files = Files(storage, self._place, self._scope)
        self._storage = storage
        self._load_indexed()

    @property
    def storage(self) -> Any:
        """What the store stands on. A `RedisStorage`, or a backend of one's own, may be assigned."""
        return self._storage

    @storage.setter
    def storage(self, storage: Any) -> None:
        self._attach(storage)

    @property
    def capabilities(self) -> Any:
        return self._storage.get_capabilities()

    @property
    def is_redis_backend(self) -> bool:
        return bool(getattr(self, "_store_first", False))

    @property
    def name(self) -> str:
        """A name for this store: `db:namespace`."""
        return f"{self.db}:{self.namespace}"

    @property
    def _backend(self) -> Backend:
        backend: Backend = self._place.backend
        return backend

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.close()

    def close(self) -> None:
        """Has what is unsettled settle, and lets go of the database. Closing twice is nothing."""
        if self._closed:
            return
        self._closed = True
        if os.getpid() != self._process:
            self._place = _CLOSED  # a child of a fork leaves what is its parent's
            return
        self.sync.forget_store(self)  # type: ignore[arg-type]
        if self._owns_sync:
            self.sync.sync_exit()
        try:
            self.flush()
        finally:
            self._storage.close_connections() if hasattr(self._storage, "close_connections") else None
            self._place.close()
            self._place = _CLOSED

    def flush(self) -> None:
        """Has everything settled that has changed; without a store behind, brings it to the disk."""
        from ..errors import CommandError

        try:
            self._backend.execute("FLUSH")
        except CommandError as error:
            if "no store" not in str(error):
                raise
            try:
                self._backend.execute("WAITAOF", 1, 0, 0)
            except CommandError:
                pass  # there is no log: `memory:`, or `appendonly no`

    def flush_if_needed(self) -> None:
        """Nothing: the database settles by size (`buffer_size_mb`) and by interval on its own."""

    # One key.

    def _prepare(
        self,
        key: str,
        value: Any,
        tags: Optional[list[str]],
        encoding: Optional[str] = None,
        content_type: Optional[str] = None,
        value_type: Optional[str] = None,
    ) -> Prepared:
        """Checks what was given, runs the hooks, and makes of a value what is kept of it."""
        check_key(key)
        check_tags(tags)
        data, hints = normalize(value, self.default_encoding, encoding, content_type, value_type)
        if self._transformers or self._validators:
            data, hints = self._apply_hooks(key, data, hints, tags)
        return self._packed(key, data, hints)

    def _packed(self, key: str, data: bytes, hints: dict[str, Any]) -> Prepared:
        size_max = getattr(self.capabilities, "max_value_size_bytes", None) if self._files else 512 * 1024 * 1024
        if size_max is not None and len(data) > size_max:
            raise ValueError(f"Value size {len(data)} exceeds backend limit of {size_max} bytes")
        prepared = Prepared(data, hints, hashlib.sha256(data).digest())
        prepared.done, prepared.kept = pack(data, self.compression_enabled, self._secret)
        prepared.kept_bytes = len(prepared.kept)
        if self._indexed:
            prepared.index_tags = self._index_tags(key, prepared)
        return prepared

    def _commands(
        self,
        name: bytes,
        prepared: Prepared,
        tags: Iterable[bytes],
        expiry: Optional[Command],
        ttl_seconds: Optional[float],
        keep: bool = False,
    ) -> list[Command]:
        """What writes a key. The first reply tells what the old value leaves behind; `keep`: expiry stays as it is."""
        now = now_us()
        size, kept = len(prepared.value), prepared.kept_bytes
        fields: list[Union[bytes, str, int, float]] = ["v", prepared.kept, "y", prepared.done, "n", size, "w", "" if kept == size else kept]
        fields += ["s", prepared.checksum, "h", encode_hints(prepared.hints), "u", prepared.updated_us or now]
        if prepared.created_us is not None:
            fields += ["c", prepared.created_us]
        if not keep:
            fields += ["e", "" if ttl_seconds is None else int(ttl_seconds)]
        commands: list[Command] = [
            ("HMGET", name, "k", "y", "v") if self._files else ("HMGET", name, "k"),
            ("HSET", name, *fields),
            ("HSETNX", name, "c", now),
            ("HINCRBY", name, "i", 1),
            ("TAG.SET", name, self._scope.member, *tags, *prepared.index_tags),
        ]
        if not keep:
            commands.append(expiry or ("PERSIST", name))
        return commands

    def _write(self, items: Sequence[tuple[str, Optional[Prepared], Optional[list[str]], Optional[Command], Optional[float]]]) -> None:
        """Writes keys, and deletes those without a value, as one."""
        with_files = self._files
        commands: list[Command] = []
        firsts: list[tuple[int, bytes]] = []
        moved: list[str] = []
        try:
            for key, prepared, tags, expiry, ttl_seconds in items:
                name = self._scope.key(key)
                firsts.append((len(commands), name))
                if prepared is None:
                    commands += [("HMGET", name, "k", "y", "v") if with_files else ("HMGET", name, "k"), ("DEL", name)]
                    continue
                if with_files is not None:
                    moved.append(with_files.put(key, prepared))
                commands += self._commands(name, prepared, [self._scope.tag(tag) for tag in unique(tags)], expiry, ttl_seconds)
            self._place.load([name for _, name in firsts])
            replies = self._run([*commands, ("HLEN", self._scope.indexes)])
        except BaseException:
            if with_files is not None:
                with_files.discard(moved)
            raise
        for (at, name), (key, prepared, *_) in zip(firsts, items):
            self._after(name, replies[at], prepared is None)
            if prepared is not None:
                self.metrics.wrote(len(prepared.value), prepared.kept_bytes)
        with self._settling_once():
            self._settle_first()
            if replies[-1] > len(self._indexed):
                self._met_index([item[0] for item in items if item[1] is not None])

    def _commit(self, commands: Sequence[Command]) -> list[Any]:
        replies = self._run(commands)
        self._settle_first()
        return replies

    def _run(self, commands: Sequence[Command]) -> list[Any]:
        """Runs commands as one, whether or not a store behind is to have them first."""
        replies = self._backend.execute_many(commands, atomic=True)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def _settle_first(self) -> None:
        if not self._store_first:
            return
        if getattr(self._later, "is_later", False):
            self._later.is_due = True
        else:
            self._place.settle()

    @contextmanager
    def _settling_once(self) -> Iterator[None]:
        """What this thread changes in the block is waited for when that ends, all of it at once."""
        later = self._later
        if not self._store_first or getattr(later, "is_later", False):
            yield
            return
        later.is_later, later.is_due = True, False
        try:
            yield
        finally:
            later.is_later = False
        if later.is_due:
            self._place.settle()

    def _after(self, name: bytes, old: list[Any], deleted: bool) -> None:
        """Removes what the old value leaves: its file, or chunks that nothing names any more."""
        if self._files is not None and old[1] is not None:
            self._files.forget(old[1], old[2])
        if old[0] and not deleted:
            self._drop_chunks(name)

    def _drop_chunks(self, name: bytes) -> None:
        """Removes chunks of an earlier value. They are found again by whoever writes next, or by `compact_storage`."""
        watching = self._backend.watch([name])
        try:
            chunks, done = watching.execute("HMGET", name, "k", "y")
            if chunks and b"chunks" not in (done or b"").split(b"+"):
                ident, _, letters = chunks.partition(b" ")
                watching.commit([("HDEL", name, "k", *(b"%s.%d" % (ident, i) for i in range(len(letters))))])
        finally:
            watching.close()

    def _read(self, key: str) -> bytes:
        """The value of a key. KeyError: there is none."""
        check_key(key)
        fields = self._backend.execute("HMGET", self._scope.key(key), "v", "y")
        data = self._value_of(key, fields[0], fields[1])
        self.metrics.read(len(data))
        return data

    def _value_of(self, key: str, kept: Optional[bytes], done: Optional[bytes]) -> bytes:
        """The value that these two fields tell of."""
        for _ in range(100):
            if kept is None:
                raise KeyError(f"Key '{key}' not found")
            if not done:
                return kept
            words = done.decode("ascii").split("+")
            found: Optional[bytes]
            if words[0] == "chunks":
                found = self._joined(key)
            elif words[0] == "path":
                if self._files is None:
                    raise ValueError(f"the value of key '{key}' is in a storage backend, and the store was opened without it")
                found = self._files.get(kept)
                found = None if found is None else unpack("+".join(words[1:]), found, self._secret)
            else:
                return unpack("+".join(words), kept, self._secret)
            if found is not None:
                return found
            # It was replaced in between, or its file is gone.
            again = self._backend.execute("HMGET", self._scope.key(key), "v", "y")
            if words[0] == "path" and again == [kept, done]:
                raise KeyError(f"Key '{key}' not found: its storage backend has lost the value")
            kept, done = again
        raise KeyError(f"Key '{key}' is replaced faster than it can be read")

    def _joined(self, key: str) -> Optional[bytes]:
        """A value in chunks, whole; None if it is in chunks no longer."""
        from .chunks import joined

        return joined(pairs(self._backend.execute("HGETALL", self._scope.key(key))), self._secret)

    def _metadata_of(self, keys: Sequence[str], with_value: bool = False) -> list[Optional[dict[str, Any]]]:
        """The metadata of keys, each of one moment; None for what is not there. With `with_value`, the value is beside it."""
        fields = (*META, "v") if with_value else META
        scope, name_of, tags_of = self._scope, self._scope.key, TagTexts(self._scope).of
        out: list[Optional[dict[str, Any]]] = []
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            commands: list[Command] = []
            wanted = [name_of(key) for key in batch]
            for name in wanted:
                commands += ("OBJECT", "IDLETIME", name), ("HMGET", name, *fields), ("PEXPIRETIME", name), ("TAG.OF", name)
            if len(batch) > 1:
                self._place.load(wanted)
            replies = iter(self._backend.execute_many(commands, atomic=True))
            accesses = Accesses()
            for key, idle, found, expires_ms, names in zip(batch, replies, replies, replies, replies):
                if type(found) is not list or type(names) is not list:
                    raise found if isinstance(found, Exception) else names
                value = found.pop() if with_value else None
                if found[6] is None:
                    out.append(None)
                    continue
                accessed = accesses[idle if type(idle) is int else None]
                metadata = describe(scope, key, found, expires_ms, accessed, tags_of(names))
                if with_value:
                    metadata["value"] = value
                    metadata["done"] = found[0]
                out.append(metadata)
        return out

    def _update(self, key: str, decide: Callable[[Any, list[Any]], Optional[list[Command]]], *fields: str) -> bool:
        """Reads fields of a key and runs what `decide` makes of them, again if the key has changed meanwhile; None: nothing to do."""
        name = self._scope.key(key)
        replies = None
        with self._place.stripe(name):
            while replies is None:
                watching = self._backend.watch([name])
                try:
                    commands = decide(watching, watching.execute("HMGET", name, *fields))
                    if commands is None:
                        return False
                    replies = watching.commit([*commands, ("HLEN", self._scope.indexes)])
                finally:
                    watching.close()
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            if isinstance(replies[0], list):
                self._after(name, replies[0], False)
        # Who comes next need not wait for the store behind.
        self._settle_first()
        if replies[-1] > len(self._indexed):
            self._met_index([key])
        return True

    def _names(self, tags: Sequence[str], how: str = "ALL", upto: Optional[int] = None) -> tuple[list[bytes], int]:
        """What keys with these tags are called in the database, or all keys, in order, which is that of the keys; the first `upto` at
        least, and how many there are."""
        names: list[bytes] = self._backend.execute("TAG.KEYS", how, *(map(self._scope.tag, tags) if tags else (self._scope.member,)))
        if upto is not None and upto * 8 < len(names):
            return nsmallest(upto, names), len(names)
        names.sort()
        return names, len(names)

    def _keys(self, tags: Sequence[str] = (), prefix: str = "") -> list[str]:
        """The keys with all of these tags, or all keys, that begin like this, in order."""
        names, _ = self._names(tags)
        if prefix:
            start = self._scope.key(prefix)
            names = [name for name in names if name.startswith(start)]
        return self._scope.keys_of(names)

    # What the other parts add.

    def _enable(self) -> None:
        raise NotImplementedError

    def _load_indexed(self) -> None:
        raise NotImplementedError

    def _index_tags(self, key: str, prepared: Prepared) -> list[bytes]:
        raise NotImplementedError

    def _met_index(self, keys: list[str]) -> None:
        """Somebody has made an index since this store looked: these keys were written without its tags."""
        raise NotImplementedError

    def cleanup_expired(self) -> list[dict[str, Any]]:
        raise NotImplementedError


def _look_for_nadb(folder: str) -> None:
    """Says so if a folder holds data of NADB, which nobody sees until they are imported."""
    if os.path.isdir(folder):
        found = sorted(name for name in os.listdir(folder) if name.endswith("_meta.db"))
        if found:
            log().warning(
                "%s holds data of NADB (%s), which are not seen here: `python -m ramekin.kv --data %s import-nadb %s` imports them",
                *(folder, ", ".join(found), folder, folder),
            )


class _ClosedPlace:
    backend = places.Closed()

    def close(self) -> None:
        """Nothing is open."""


_CLOSED = _ClosedPlace()


def pairs(reply: Any) -> dict[bytes, bytes]:
    """A hash, as a dict or as names and values in turn."""
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2]))
