"""Commands as methods, one family a module, written once for threads, event loops and pipelines."""

from __future__ import annotations

from .base import Base, V
from .client import Client
from .hashes import Hashes
from .keys import Keys
from .lists import Lists
from .server import Server
from .strings import Strings
from .tables import Tables, Tags

FAMILIES: tuple[type, ...] = (Strings, Lists, Hashes, Keys, Tables, Tags, Client, Server)


class Commands(Strings[V], Lists[V], Hashes[V], Keys[V], Tables[V], Tags[V], Client[V], Server[V]):
    """Every command that a method stands for."""


__all__ = ["FAMILIES", "Base", "Commands", "V"]
