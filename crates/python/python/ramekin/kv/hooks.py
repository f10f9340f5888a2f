"""Events, hooks and counters of a store: who is told of changes, and who may change or refuse values before they are set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Optional

from ._log import log
from .names import unique
from .values import COMPUTED, Prepared

Validator = Callable[[str, bytes, dict[str, Any]], None]
Transformer = Callable[[str, bytes, dict[str, Any]], Any]


class Hooks:
    """What a store tells others, and what they do to its values."""

    db: str
    namespace: str
    enable_otel: bool

    def _start_hooks(self) -> None:
        self._watchers: dict[str, list[Callable[..., None]]] = defaultdict(list)
        self._validators: list[Validator] = []
        self._transformers: list[Transformer] = []
        self._counters: dict[str, int] = defaultdict(int)

    def _apply_hooks(self, key: str, data: bytes, hints: dict[str, Any], tags: Optional[list[str]]) -> tuple[bytes, dict[str, Any]]:
        metadata: dict[str, Any] = {
            "key": key,
            "db": self.db,
            "namespace": self.namespace,
            "size": len(data),
            **hints,
            "tags": unique(tags),
        }
        for transform in self._transformers:
            found = transform(key, data, metadata)
            if isinstance(found, tuple):
                data, extra = found
                metadata.update(extra or {})
            elif found is not None:
                data = found
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError("a transformer returns bytes")
        for validate in self._validators:
            validate(key, bytes(data), metadata)
        return bytes(data), {name: value for name, value in metadata.items() if name not in COMPUTED}

    def watch(self, event: str, callback: Callable[..., None]) -> Callable[..., None]:
        """Calls `callback(event=, key=, store=, …)` after each `set`, `delete`, `expire`, `restore`, `flushdb`; `"*"` is all of them."""
        self._watchers[event].append(callback)
        return callback

    def unwatch(self, event: str, callback: Callable[..., None]) -> bool:
        if callback in self._watchers.get(event, []):
            self._watchers[event].remove(callback)
            return True
        return False

    def add_validator(self, validator: Validator) -> Validator:
        """Has each value looked at before it is set: what `validator(key, value, metadata)` raises, `set` raises."""
        self._validators.append(validator)
        return validator

    def add_transformer(self, transformer: Transformer) -> Transformer:
        """Has each value changed before it is set: `transformer(key, value, metadata)` returns bytes, or bytes and more metadata."""
        self._transformers.append(transformer)
        return transformer

    def _emit(self, event: str, key: Optional[str], **told: Any) -> None:
        for callback in [*self._watchers.get(event, ()), *self._watchers.get("*", ())]:
            try:
                callback(event=event, key=key, store=self, **told)
            except Exception as error:  # noqa: BLE001 - whoever listens does not undo a write
                log().warning("a watcher of %s failed: %s", event, error)

    def _has_watchers(self, event: str) -> bool:
        return bool(self._watchers and (self._watchers.get(event) or self._watchers.get("*")))

    def _emit_set(self, key: str, prepared: Prepared, tags: Optional[list[str]], event: str = "set") -> None:
        if self._has_watchers(event):
            metadata = {
                **prepared.hints,
                "key": key,
                "db": self.db,
                "namespace": self.namespace,
                "size": len(prepared.value),
                "checksum": prepared.checksum.hex(),
                "tags": unique(tags),
            }
            self._emit(event, key, metadata=metadata)

    def _count(self, operation: str) -> None:
        self._counters[operation] += 1
        if self.enable_otel:
            from .tracing import span

            span(operation, self.db, self.namespace)

    def get_otel_metrics(self) -> dict[str, int]:
        """How often values were set, got and deleted."""
        return dict(self._counters)
