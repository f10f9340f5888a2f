"""Commands about connections. Those that set one up hold for all connections of a database."""

from __future__ import annotations

from typing import Any

from . import replies
from .base import Base, Reply, V
from .replies import ok, text


class Client(Base[V]):
    def auth(self, password: str, username: str | None = None) -> Reply[bool]:
        """Logs in."""
        return self._run(("AUTH", password) if username is None else ("AUTH", username, password), ok)

    def client_durability(self, level: str | None = None) -> Reply[str | bool]:
        """Sets, or tells, when changes are acknowledged: `memory`, `disk`, `store`, or as the `server` does by default."""
        if level is None:
            return self._run(("CLIENT", "DURABILITY"), text)
        return self._run(("CLIENT", "DURABILITY", level), ok)

    def client_getname(self) -> Reply[str | None]:
        """The name of a connection."""
        return self._run(("CLIENT", "GETNAME"), text)

    def client_id(self) -> Reply[int]:
        """The number of a connection."""
        return self._run(("CLIENT", "ID"))

    def client_info(self) -> Reply[dict[str, Any]]:
        """What is known of a connection."""
        return self._run(("CLIENT", "INFO"), replies.client)

    def client_kill(self, address: str) -> Reply[Any]:
        """Ends the connection from an address."""
        return self._run(("CLIENT", "KILL", address), replies.killed)

    def client_kill_filter(
        self,
        _id: int | None = None,
        _type: str | None = None,
        addr: str | None = None,
        skipme: bool | None = None,
        laddr: str | None = None,
        user: str | None = None,
        maxage: int | None = None,
    ) -> Reply[int]:
        """Ends connections that all of this is true of: how many."""
        words: list[Any] = []
        if skipme is not None:
            words += ["SKIPME", "YES" if skipme else "NO"]
        for name, value in (("ID", _id), ("TYPE", _type), ("ADDR", addr), ("LADDR", laddr), ("USER", user), ("MAXAGE", maxage)):
            if value is not None:
                words += [name, value]
        return self._run(("CLIENT", "KILL", *words), replies.killed)

    def client_list(self, _type: str | None = None, client_id: Any = ()) -> Reply[list[dict[str, str]]]:
        """What is known of all connections, those of a type, or some."""
        words: list[Any] = [] if _type is None else ["TYPE", _type]
        if client_id:
            words += ["ID", *client_id]
        return self._run(("CLIENT", "LIST", *words), replies.clients)

    def client_no_evict(self, mode: str) -> Reply[V]:
        """`ON`: connections are not ended for want of memory."""
        return self._run(("CLIENT", "NO-EVICT", mode), self._word)

    def client_no_touch(self, mode: str) -> Reply[V]:
        """`ON`: commands do not count as uses of keys."""
        return self._run(("CLIENT", "NO-TOUCH", mode), self._word)

    def client_pause(self, timeout: int, all: bool = True) -> Reply[bool]:
        """Commands of all clients, or only those that write, wait for so many milliseconds."""
        return self._run(("CLIENT", "PAUSE", timeout, "ALL" if all else "WRITE"), ok)

    def client_setinfo(self, attr: str, value: str) -> Reply[bool]:
        """Tells the library's name (`LIB-NAME`) or version (`LIB-VER`)."""
        return self._run(("CLIENT", "SETINFO", attr, value), ok)

    def client_setname(self, name: str) -> Reply[bool]:
        """Gives connections a name."""
        return self._run(("CLIENT", "SETNAME", name), ok)

    def client_trackinginfo(self) -> Reply[list[Any]]:
        """What a connection is told of changes."""
        return self._run(("CLIENT", "TRACKINGINFO"), lambda reply: [text(item) for item in replies.flattened(reply)])

    def client_unblock(self, client_id: int, error: bool = False) -> Reply[bool]:
        """Ends the waiting of a blocking command."""
        return self._run(("CLIENT", "UNBLOCK", client_id, *(["ERROR"] if error else [])), bool)

    def client_unpause(self) -> Reply[V]:
        """Ends a pause."""
        return self._run(("CLIENT", "UNPAUSE"), self._word)

    def select(self, index: int) -> Reply[bool]:
        """All commands are about this database from now on."""
        return self._run(("SELECT", index), ok)


