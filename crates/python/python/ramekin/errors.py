"""What can go wrong, by kind, under one base.

A refused command is a `CommandError` with the code of the reply (`ERR`, `WRONGTYPE`, …) in `code`; the kinds below it are those
that a program handles on their own. What the world does wrong (a folder in use, a full disk, a lost server) has kinds of its own,
which say what to do. Where Python has an exception for a thing (`ValueError`, `ConnectionError`, `TimeoutError`), the kind is one
of those as well.
"""

from __future__ import annotations

import builtins


class RamekinError(Exception):
    """The base of all that Ramekin raises."""


class CommandError(RamekinError):
    """A command was refused, and has changed nothing. `code` is the first word of the reply."""

    code = "ERR"

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        if code is not None:
            self.code = code


class WrongTypeError(CommandError, TypeError):
    """The key holds another type than the command is for."""

    code = "WRONGTYPE"


class SchemaError(CommandError, ValueError):
    """A record breaks the declared type of a field, or holds what a record cannot."""

    code = "SCHEMA"


class QueryError(CommandError, ValueError):
    """A where clause, or a query around it, is not understood."""

    code = "QUERY"


class DuplicateError(CommandError):
    """Another record has the value already that a unique index lets in once."""

    code = "DUPLICATE"


class OutOfMemoryError(CommandError, MemoryError):
    """`maxmemory` is reached, and nothing may be evicted."""

    code = "OOM"


class TryAgainError(CommandError):
    """Not now: the text says what has to come first."""

    code = "TRYAGAIN"


class StoreDownError(CommandError):
    """The store behind does not answer, and the command needs what only the store has."""

    code = "STOREDOWN"


class AuthenticationError(CommandError):
    """The server wants a password, or another one."""

    code = "NOAUTH"


class DiskFullError(CommandError, OSError):
    """The disk is full or nearly so: reads go on, and writes too once there is space."""

    code = "DISKFULL"


class WatchError(RamekinError):
    """A watched key has changed: the transaction was not run. Read again and try again."""


class LockError(RamekinError, ValueError):
    """A lock is not held, or was not to be had in time."""


class LockNotOwnedError(LockError):
    """A lock is not held any more: its time was over, or its key was deleted."""


class OpenError(RamekinError):
    """The database cannot be opened; the text says why and what to do."""


class LockedError(OpenError):
    """Another process has this folder open: talk to that one by `ramekin://`, or end it."""


class DamagedError(OpenError):
    """What was safe on disk is damaged: `ramekin check FOLDER` says what, restore a backup."""


class NewerFormatError(OpenError):
    """A later version has written this folder: open it with that one."""


class OwnedError(OpenError):
    """Another Ramekin owns these tables of the store: give each its own, or talk to that one by `ramekin://`."""


class ClosedError(RamekinError):
    """The database has been closed."""


class ForkedError(RamekinError):
    """The database was opened before a fork: open it in the child, after the fork, in another folder or by `ramekin://`."""


class LogFailedError(RamekinError, OSError):
    """The log takes no more: what was acknowledged is there, what failed may not be. Open the database anew."""


class ServerConnectionError(RamekinError, builtins.ConnectionError):
    """The server cannot be reached, or the connection was lost: whether a command that was on its way was run is not known."""


class ServerTimeoutError(RamekinError, builtins.TimeoutError):
    """The server did not answer in time."""


_BY_CODE = {
    kind.code: kind
    for kind in (
        WrongTypeError,
        SchemaError,
        QueryError,
        DuplicateError,
        OutOfMemoryError,
        TryAgainError,
        StoreDownError,
        AuthenticationError,
    )
} | {"WRONGPASS": AuthenticationError, "NOPERM": AuthenticationError}

_BY_KIND = {
    "locked": LockedError,
    "damaged": DamagedError,
    "newer": NewerFormatError,
    "owned": OwnedError,
    "closed": ClosedError,
    "forked": ForkedError,
    "failed": LogFailedError,
    "open": OpenError,
    "watch": WatchError,
}


def of_reply(text: str) -> CommandError:
    """The exception for an error reply: its code decides the kind, the text is the whole reply."""
    code = text.split(" ", 1)[0]
    if not code.isupper():
        return CommandError(text)
    return _BY_CODE.get(code, CommandError)(text, code)


def of_kind(kind: str, text: str) -> RamekinError:
    """The exception for what an embedded engine says of itself: `locked`, `damaged`, `failed`, …"""
    return _BY_KIND.get(kind, RamekinError)(text)
