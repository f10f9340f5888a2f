"""KeyValueSync: how often changes settle, for all stores that are registered with it.

Nothing waits for it: what a store has acknowledged is in the log. Its interval becomes the `flush-interval` of the databases that are
opened with it, its thread looks after what has expired, and its end has everything settle.
"""

from __future__ import annotations

import threading
import weakref
from datetime import datetime
from typing import TYPE_CHECKING, Any, Optional

from ._log import log

if TYPE_CHECKING:
    from .store import KeyValueStore


class KeyValueSync:
    """Settles stores every so many seconds.

    >>> sync = KeyValueSync(flush_interval_seconds=5)
    >>> sync.start()
    >>> store = KeyValueStore("./data", "app", 1, "prod", sync)
    >>> sync.sync_exit()
    """

    def __init__(self, flush_interval_seconds: float) -> None:
        self.flush_interval = flush_interval_seconds
        self.is_running = False
        self.thread: Optional[threading.Thread] = None
        self.last_ttl_cleanup = datetime.now()
        self.ttl_cleanup_interval: float = 60
        self._stores: weakref.WeakSet[KeyValueStore] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @property
    def stores(self) -> list[KeyValueStore]:
        """Those registered that have not been closed."""
        with self._lock:
            return list(self._stores)

    def register_store(self, store: KeyValueStore) -> None:
        with self._lock:
            self._stores.add(store)

    def forget_store(self, store: KeyValueStore) -> None:
        with self._lock:
            self._stores.discard(store)

    def start(self) -> None:
        """Starts the thread. Starting what runs does nothing."""
        if self.is_running:
            return
        self.is_running = True
        self._ended = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(self._ended,), name="ramekin-kv-sync", daemon=True)
        self.thread.start()

    def _run(self, ended: threading.Event) -> None:
        while not ended.wait(max(0.01, self.flush_interval)):
            self.flush_once()

    def flush_once(self) -> None:
        """One round: stores with more than their buffer unsettled are flushed; once a minute what has expired is cleared away."""
        clean = (datetime.now() - self.last_ttl_cleanup).total_seconds() >= self.ttl_cleanup_interval
        if clean:
            self.last_ttl_cleanup = datetime.now()
        for store in self.stores:
            try:
                store.flush_if_needed()
                if clean:
                    store.cleanup_expired()
            except Exception as error:  # noqa: BLE001 - one store's trouble is not the others'
                log().warning("%s has not settled: %s", store.name, error)

    def status(self) -> dict[str, Any]:
        return {
            "is_running": self.is_running,
            "flush_interval": self.flush_interval,
            "registered_stores": len(self.stores),
            "last_ttl_cleanup": self.last_ttl_cleanup.isoformat(),
            "ttl_cleanup_interval": self.ttl_cleanup_interval,
        }

    def end(self) -> None:
        """Has the thread end, and waits for nothing."""
        self.is_running = False
        self._ended.set()

    def sync_exit(self) -> None:
        """Ends the thread and has all registered stores settle. What cannot settle now stays in the log, and does later."""
        if not self.is_running:
            return
        self.end()
        if self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join()
        self.thread = None
        for store in self.stores:
            try:
                store.flush()
            except Exception as error:  # noqa: BLE001 - the end of a program goes on
                log().warning("%s has not settled: %s", store.name, error)
