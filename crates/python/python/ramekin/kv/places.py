"""Databases that stores of this process stand on: opened once each, closed with the last store.

What must hold: stores of one address share one database, whoever opens and closes in which order; a child of a fork shares nothing
with its parent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, Optional

from .._backend import Backend, open_backend
from ..errors import ClosedError, OpenError

_STRIPES = 64
_PATIENCE_MS = 250  # so long it is waited for the store behind without asking what keeps it
_open: dict[tuple[int, str], "Place"] = {}
_lock = threading.Lock()


class Place:
    """An open database, with what its users in this process share."""

    def __init__(self, backend: Backend, store: Any = None, key: Optional[tuple[int, str]] = None) -> None:
        self.backend = backend
        self.store = store
        self.users = 1
        # Who changes what it has read takes turns with others of this process, by key; with other processes it compares.
        self.stripes = [threading.RLock() for _ in range(_STRIPES)]
        self._key = key

    def stripe(self, name: bytes) -> threading.RLock:
        return self.stripes[hash(name) % _STRIPES]

    def load(self, names: Sequence[bytes]) -> None:
        """Has keys in memory, all asked for at once: a transaction that meets one that is not goes a longer way."""
        if self.store is not None:
            self.backend.execute("EXISTS", *names)

    def settle(self) -> None:
        """Returns once the store behind has all that was changed here. Threads that wait at once wait for the same batch.

        StoreDownError: it has failed several times; the changes settle later all the same.
        """
        if not self.backend.execute("WAITSTORE", _PATIENCE_MS):
            self.backend.execute("FLUSH")

    def close(self) -> None:
        with _lock:
            self.users -= 1
            if self.users:
                return
            if self._key is not None:
                _open.pop(self._key, None)
            self.backend.close()


class Closed:
    """Stands in for the database of a store that was closed."""

    def __getattr__(self, name: str) -> Any:
        raise ClosedError("the store has been closed")


def open_place(address: str, directives: dict[str, Any], shared: bool) -> Place:
    """The database at an address; who shares one that is open gets it as it is, unless another store is wanted behind it."""
    store = directives.get("store")
    if not shared:
        return Place(open_backend(address, **directives), store)
    key = (os.getpid(), os.path.realpath(address) if os.path.isabs(address) else address)
    with _lock:
        place = _open.get(key)
        if place is None:
            place = _open[key] = Place(open_backend(address, **directives), store, key)
            return place
        if place.store != store:
            raise OpenError(f"{address} is open in this process with another store behind it")
        place.users += 1
        return place


def once_more(place: Place) -> Place:
    """The same database for one more user."""
    with _lock:
        place.users += 1
    return place
