"""Fixtures for tests of programs that use Ramekin. They are there once the package is installed.

    def test_a_greeting(ramekin):
        ramekin.set("greeting", "hello")
        assert ramekin.get("greeting") == b"hello"

| fixture | |
|---|---|
| `ramekin` | a `Database` in memory, empty for each test |
| `ramekin_folder` | a `Database` in a folder of the test's own; `ramekin_folder_path` is where |
| `ramekin_server` | a server for any Redis client: `host`, `port`, `url`, `redis_url`, and `db`, the same data in this process |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..database import Database


@dataclass(frozen=True)
class RamekinServer:
    """A server of the test's own, on loopback."""

    db: Database[Any]
    port: int
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """For `Database` and `MemDB`."""
        return f"ramekin://{self.host}:{self.port}"

    @property
    def redis_url(self) -> str:
        """For clients of Redis."""
        return f"redis://{self.host}:{self.port}/0"


@pytest.fixture
def ramekin() -> Iterator[Database[Any]]:
    """A database in memory, empty for each test."""
    from ramekin import Database

    with Database("memory:") as db:
        yield db


@pytest.fixture
def ramekin_folder_path(tmp_path: Path) -> Path:
    """Where `ramekin_folder` has its data."""
    return tmp_path / "ramekin"


@pytest.fixture
def ramekin_folder(ramekin_folder_path: Path) -> Iterator[Database[Any]]:
    """A database in a folder of the test's own: close it and open it again to see what stays."""
    from ramekin import Database

    with Database(ramekin_folder_path) as db:
        yield db


@pytest.fixture
def ramekin_server() -> Iterator[RamekinServer]:
    """A server for any Redis client, empty for each test."""
    from ramekin import Database

    with Database("memory:") as db:
        yield RamekinServer(db, db.serve(0))
