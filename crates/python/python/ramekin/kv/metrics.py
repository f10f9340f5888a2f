"""How often each operation ran and how long it took.

Count, sum, least and most are exact; the 95th percentile is that of the last 1,024 calls of an operation, so that a store that runs
for a year takes no more memory than one of a minute.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

_RECENT = 1024


class _Operation:
    __slots__ = ("count", "total", "least", "most", "recent")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.least = float("inf")
        self.most = 0.0
        self.recent: deque[float] = deque(maxlen=_RECENT)

    def told(self) -> dict[str, Any]:
        recent = sorted(self.recent)
        return {
            "count": self.count,
            "avg_ms": self.total / self.count,
            "min_ms": self.least,
            "max_ms": self.most,
            "p95_ms": recent[min(len(recent) - 1, int(len(recent) * 0.95))],
        }


class PerformanceMetrics:
    """What `get_stats()["performance"]` tells.

    >>> metrics = PerformanceMetrics()
    >>> metrics.record_operation("get", 0.5, 100)
    >>> metrics.get_metrics()["operations"]["get"]["count"]
    1
    """

    def __init__(self) -> None:
        self.bytes_read = 0
        self.bytes_written = 0
        self._kept_bytes = 0
        self._operations: dict[str, _Operation] = {}
        self._lock = threading.Lock()
        self._started = time.monotonic()

    def record_operation(self, operation_name: str, duration_ms: float, size_bytes: int = 0) -> None:
        """One call. The bytes of what reads or writes (`get`, `set`, …) are added up."""
        with self._lock:
            operation = self._operations.get(operation_name)
            if operation is None:
                operation = self._operations[operation_name] = _Operation()
            operation.count += 1
            operation.total += duration_ms
            operation.least = min(operation.least, duration_ms)
            operation.most = max(operation.most, duration_ms)
            operation.recent.append(duration_ms)
            if size_bytes:
                if operation_name.startswith(("get", "read")):
                    self.bytes_read += size_bytes
                else:
                    self.bytes_written += size_bytes

    def read(self, size_bytes: int) -> None:
        with self._lock:
            self.bytes_read += size_bytes

    def wrote(self, size_bytes: int, kept_bytes: int) -> None:
        with self._lock:
            self.bytes_written += size_bytes
            self._kept_bytes += kept_bytes

    def get_metrics(self) -> dict[str, Any]:
        with self._lock:
            return {
                "uptime_seconds": time.monotonic() - self._started,
                "operations": {name: operation.told() for name, operation in self._operations.items()},
                "bytes_read": self.bytes_read,
                "bytes_written": self.bytes_written,
                "compression_ratio": self.bytes_written / self._kept_bytes if self._kept_bytes else 0,
            }


F = TypeVar("F", bound=Callable[..., Any])


def timed(name: str) -> Callable[[F], F]:
    """Records each call of a method, those that raise as well; a KeyError as `NAME_miss`."""

    def wrap(method: F) -> F:
        @functools.wraps(method)
        def run(self: Any, *args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            told = name
            try:
                return method(self, *args, **kwargs)
            except KeyError:
                told = name + "_miss"
                raise
            finally:
                self.metrics.record_operation(told, (time.perf_counter() - started) * 1000)

        return cast(F, run)

    return wrap
