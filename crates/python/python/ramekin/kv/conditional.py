"""Many keys at once, and what depends on the value that is there: neither races with anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

from .basic import Basic, check_ttl
from .core import Command
from .metrics import timed
from .names import check_key, check_tags, unique
from .values import Prepared, ValueInput

_MANY = 128


class Conditional(Basic):
    """Batches, compare-and-set, counters."""

    @timed("set_many")
    def set_many(
        self,
        items: Union[Mapping[str, ValueInput], Iterable[tuple[str, ValueInput]]],
        tags: Optional[list[str]] = None,
        atomic: bool = False,
    ) -> dict[str, bool]:
        """Sets keys; each is told whether it was. `atomic`: all or, with an exception, none."""
        pairs = list(items.items() if isinstance(items, Mapping) else items)
        done: dict[str, bool] = {}
        ready: list[tuple[str, Prepared]] = []
        for key, value in pairs:
            try:
                ready.append((key, self._prepare(key, value, tags)))
                done[key] = True
            except Exception:
                if atomic:
                    raise
                done[key] = False
        step = max(1, len(ready)) if atomic else _MANY
        written: list[tuple[str, Prepared]] = []
        try:
            with self._settling_once():
                for start in range(0, len(ready), step):
                    batch = ready[start : start + step]
                    try:
                        self._write([(key, prepared, tags, None, None) for key, prepared in batch])
                    except Exception:
                        if atomic:
                            raise
                        done.update((key, False) for key, _ in batch)
                    else:
                        written += batch
        except Exception:
            if atomic:
                raise
            done.update((key, False) for key, _ in written)
            return done
        for key, prepared in written:
            self._emit_set(key, prepared, tags)
            self._count("set")
        return done

    @timed("get_many")
    def get_many(self, keys: Iterable[str], default: Any = None) -> dict[str, Any]:
        """The values of keys; `default` for those that are not there."""
        wanted = list(dict.fromkeys(keys))
        if self.return_type != "bytes":
            return {key: self.get_or_default(key, default) for key in wanted}
        for key in wanted:
            check_key(key)
        found: dict[str, Any] = {}
        for start in range(0, len(wanted), _MANY):
            batch = wanted[start : start + _MANY]
            replies = self._backend.execute_many([("HMGET", self._scope.key(key), "v", "y") for key in batch])
            for key, reply in zip(batch, replies):
                if isinstance(reply, Exception):
                    raise reply
                try:
                    found[key] = self._value_of(key, reply[0], reply[1])
                    self.metrics.read(len(found[key]))
                except KeyError:
                    found[key] = default
        return found

    @timed("delete_many")
    def delete_many(self, keys: Iterable[str], atomic: bool = False) -> dict[str, bool]:
        """Deletes keys. `atomic`: all in one step."""
        wanted = list(dict.fromkeys(keys))
        done: dict[str, bool] = {}
        for key in wanted:
            try:
                check_key(key)
                done[key] = True
            except ValueError:
                if atomic:
                    raise
                done[key] = False
        valid = [key for key in wanted if done[key]]
        watched = self._has_watchers("delete")
        step = max(1, len(valid)) if atomic else _MANY
        told: list[Optional[dict[str, Any]]] = []
        with self._settling_once():
            for start in range(0, len(valid), step):
                batch = valid[start : start + step]
                told += self._metadata_of(batch) if watched else []
                self._write([(key, None, None, None, None) for key in batch])
        for metadata in told:
            if metadata is not None:
                self._emit("delete", metadata["key"], metadata=metadata)
        return done

    @timed("exists_many")
    def exists_many(self, keys: Iterable[str]) -> dict[str, bool]:
        wanted = list(dict.fromkeys(keys))
        for key in wanted:
            check_key(key)
        replies = self._backend.execute_many([("EXISTS", self._scope.key(key)) for key in wanted])
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return {key: bool(reply) for key, reply in zip(wanted, replies)}

    # What depends on what is there.

    def _set_when(
        self, key: str, value: ValueInput, tags: Optional[list[str]], condition: Any, ttl_seconds: Optional[int], kwargs: dict[str, Any]
    ) -> bool:
        """Sets a key if `condition(etag, version)` of what is there holds; both are None if nothing is."""
        check_key(key)
        check_tags(tags)
        expiry: Optional[Command] = None
        if ttl_seconds is not None:
            check_ttl(ttl_seconds)
            expiry = ("PEXPIRE", self._scope.key(key), ttl_seconds * 1000)
        prepared: Optional[Prepared] = None

        def decide(_: Any, found: list[Any]) -> Optional[list[Command]]:
            nonlocal prepared
            etag, version = found
            if not condition(None if etag is None else etag.hex(), None if version is None else int(version)):
                return None
            if prepared is None:
                prepared = self._prepare(key, value, tags, **kwargs)
                if self._files is not None:
                    paths.append(self._files.put(key, prepared))
            return self._commands(self._scope.key(key), prepared, [self._scope.tag(tag) for tag in unique(tags)], expiry, ttl_seconds)

        paths: list[str] = []
        done = False
        with self._settling_once():
            try:
                done = self._update(key, decide, "s", "i")
            finally:
                if not done and self._files is not None:
                    self._files.discard(paths)
        if not done or prepared is None:
            return False
        self.metrics.wrote(len(prepared.value), prepared.kept_bytes)
        self._emit_set(key, prepared, tags)
        self._count("set")
        return True

    @timed("compare_and_set")
    def compare_and_set(
        self,
        key: str,
        expected_etag: Optional[str],
        value: ValueInput,
        tags: Optional[list[str]] = None,
        ttl_seconds: Optional[int] = None,
        **kwargs: Any,
    ) -> bool:
        """Sets a key if its etag (`metadata["checksum"]`) is the expected one; None expects that there is no such key."""
        return self._set_when(key, value, tags, lambda etag, _: etag == expected_etag, ttl_seconds, kwargs)

    @timed("set_if_version")
    def set_if_version(
        self,
        key: str,
        expected_etag: Union[str, int, None],
        value: ValueInput,
        tags: Optional[list[str]] = None,
        ttl_seconds: Optional[int] = None,
        **kwargs: Any,
    ) -> bool:
        """As `compare_and_set`; also takes `metadata["version"]`, which grows with every change and so tells equal values apart."""
        if isinstance(expected_etag, int):
            return self._set_when(key, value, tags, lambda _, version: version == expected_etag, ttl_seconds, kwargs)
        return self._set_when(key, value, tags, lambda etag, _: etag == expected_etag, ttl_seconds, kwargs)

    @timed("set_if_absent")
    def set_if_absent(
        self, key: str, value: ValueInput, tags: Optional[list[str]] = None, ttl_seconds: Optional[int] = None, **kwargs: Any
    ) -> bool:
        """Sets a key that is not there: of many who try at once, one is told True."""
        return self._set_when(key, value, tags, lambda etag, _: etag is None, ttl_seconds, kwargs)

    @timed("set_if_exists")
    def set_if_exists(
        self, key: str, value: ValueInput, tags: Optional[list[str]] = None, ttl_seconds: Optional[int] = None, **kwargs: Any
    ) -> bool:
        """Sets a key that is there."""
        return self._set_when(key, value, tags, lambda etag, _: etag is not None, ttl_seconds, kwargs)

    @timed("incr")
    def incr(self, key: str, amount: int = 1) -> int:
        """Adds to a number, of any size, that a key holds as text; tags and expiry stay. ValueError: it holds something else."""
        check_key(key)
        result = 0
        prepared: Optional[Prepared] = None
        told: list[str] = []
        paths: list[str] = []
        name = self._scope.key(key)

        def decide(watching: Any, found: list[Any]) -> list[Command]:
            nonlocal result, prepared, told
            kept, done = found
            raw = b"0" if kept is None else self._value_of(key, kept, done)
            result = int(raw.decode(self.default_encoding)) + amount
            told = self._scope.tags_of(watching.execute("TAG.OF", name))
            prepared = self._prepare(key, str(result), told, content_type="text/plain")
            if self._files is not None:
                paths.append(self._files.put(key, prepared))
            return self._commands(name, prepared, [self._scope.tag(tag) for tag in told], None, None, keep=True)

        done = False
        with self._settling_once():
            try:
                done = self._update(key, decide, "v", "y")
            finally:
                if self._files is not None:
                    self._files.discard(paths[:-1] if done else paths)
        assert prepared is not None, "decide was called"
        self.metrics.wrote(len(prepared.value), prepared.kept_bytes)
        self._emit_set(key, prepared, told)
        self._count("set")
        return result

    def decr(self, key: str, amount: int = 1) -> int:
        """Subtracts as `incr` adds."""
        return self.incr(key, -amount)
