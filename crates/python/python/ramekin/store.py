"""Stores of your own: an object with `load`, `save` and `scan` behind a database.

    from ramekin import Database

    db = Database("./data", store=MyStore())

It keeps bytes by bytes. Whose they are, exactly-once settling, versions, tables, expiry and tags are the engine's. `check` puts a
store through all that a store has to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["Store", "check"]


class Store(Protocol):
    """What is asked of a store. The engine calls it from threads of its own, several at a time."""

    def load(self, keys: list[bytes]) -> Sequence[bytes | None]:
        """What lies at these keys, in their order; None where nothing does."""

    def save(self, changes: dict[bytes, bytes | None]) -> None:
        """Makes all of these changes durable, or none; None: the key goes.

        After an exception the engine asks whether it was done. A `ValueError` or `TypeError` says that nothing was, and that the
        store takes some value never: the key is set aside, and others go on.
        """

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """Keys that begin with `prefix` and what lies there, in the order of their bytes, behind `after`, `limit` at most."""


def check(make: Callable[[str], Store]) -> int:
    """Puts stores through the suite that every store passes; `make(name)` gives an empty one of this name.

    Raises AssertionError with the first thing that is wrong, and returns how many cases there were.
    """
    from ._native import HAS_ENGINE, without_engine

    if not HAS_ENGINE:
        from .errors import OpenError

        raise OpenError(without_engine("a store"))
    from ._ramekin import check_store

    return check_store(make)
