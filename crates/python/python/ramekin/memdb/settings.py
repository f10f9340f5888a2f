"""What a `MemDB` is opened with: arguments, then the environment, then `.env`, then the defaults.

What must hold: a value that cannot be is refused with the name of where it was said. Left out: everything that the engine's own
directives say; they are given as keywords of `MemDB` and passed on as they are.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .dotenv import read_dotenv

FLUSH_INTERVAL = 30.0
EVICT_INTERVAL = 60.0
MAX_CONNECTIONS = 10
# The engine needs as many: two that settle, two that look after the store, one that fetches.
CONNECTIONS_MIN = 5


class Preset(NamedTuple):
    """Intervals in seconds, and connections."""

    flush_interval: float
    evict_interval: float
    max_connections: int


PRESETS: Mapping[str, Preset] = {
    "telephony": Preset(10, 120, 20),
    "iot": Preset(5, 30, 50),
    "gaming": Preset(30, 300, 15),
    "high_safety": Preset(5, 30, 15),
}


class Settings(NamedTuple):
    """What counts, and which of it the caller, or the environment, has said."""

    address: str | None
    flush_interval: float
    evict_interval: float
    max_connections: int
    said: frozenset[str]


def find_settings(
    address: str | None = None,
    flush_interval: float | None = None,
    evict_interval: float | None = None,
    max_connections: int | None = None,
) -> Settings:
    """Fills in what is None from the environment, `.env` in the working folder, and the defaults.

    >>> find_settings(flush_interval=5).flush_interval
    5
    """
    sources = _Sources()
    flush = flush_interval if flush_interval is not None else sources.seconds("FLUSH_INTERVAL")
    evict = evict_interval if evict_interval is not None else sources.seconds("EVICT_INTERVAL", "IDLE_TTL")
    connections = max_connections if max_connections is not None else sources.count("MAX_CONNECTIONS")
    said = {"flush_interval": flush, "evict_interval": evict, "max_connections": connections}
    return Settings(
        address if address is not None else sources.text("PG_DSN"),
        seconds(flush, "flush_interval") if flush is not None else FLUSH_INTERVAL,
        seconds(evict, "evict_interval") if evict is not None else EVICT_INTERVAL,
        count(connections, "max_connections") if connections is not None else MAX_CONNECTIONS,
        frozenset(name for name, value in said.items() if value is not None),
    )


def seconds(value: float, name: str) -> float:
    """A number of seconds, fractions of one allowed."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number of seconds, not {type(value).__name__}")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is a number of seconds, 0 or more, not {value}")
    return value


def count(value: int, name: str) -> int:
    """A number of things, one at least."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} is 1 or more, not {value}")
    return value


def _readable(text: str, name: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} is no UTF-8 text") from None
    return text


class _Sources:
    """The environment and, behind it, `.env`."""

    def __init__(self) -> None:
        self.layers: list[Mapping[str, str]] = [os.environ, read_dotenv(Path(".env"))]

    def text(self, *names: str) -> str | None:
        """The first of these names that says something, in the first place that has any of them."""
        for layer in self.layers:
            for name in names:
                if text := layer.get(name):
                    return _readable(text, name)
        return None

    def seconds(self, *names: str) -> float | None:
        text = self.text(*names)
        if text is None:
            return None
        try:
            return seconds(float(text), names[0])
        except ValueError:
            raise ValueError(f"{' or '.join(names)} is a number of seconds, not {text!r}") from None

    def count(self, name: str) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return count(int(text), name)
        except ValueError:
            raise ValueError(f"{name} is a whole number from 1 on, not {text!r}") from None
