"""MemDB: records in memory, in front of a database, for asyncio. See `MemDB`."""

from .memdb import MemDB
from .settings import PRESETS, Preset

__all__ = ["MemDB", "PRESETS", "Preset"]
