"""Tables that MemDB's original has left in a database: `memdb_calls` becomes the table `calls`.

What must hold: a table that is here already stays where it lies; what cannot be asked or taken stops nobody from starting.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..errors import CommandError, RamekinError

if TYPE_CHECKING:
    from .._backend import Backend

# What the original puts before the name of a table.
PREFIX = "memdb_"

_log = logging.getLogger("ramekin")


async def adopt(backend: Backend) -> None:
    """Takes over the tables of the original that nobody has taken yet, with their rows, as they stand."""
    try:
        found = [_text(name) for name in await backend.execute_async("TABLE.LIST", "STORE", PREFIX)]
    except CommandError:
        # There is no database behind, or this user may not ask.
        return
    except RamekinError as error:
        _log.warning("tables of the original are not looked for: %s", error)
        return
    here = {_text(name) for name in await backend.execute_async("TABLE.LIST")} if found else set()
    for stored_as in found:
        table = stored_as[len(PREFIX) :]
        if table in here:
            _log.warning(
                "the database has %s of the original beside the table %s: it is not read;"
                ' MemDB(…, stored_as="memdb_{}") with a new folder would take it over',
                stored_as,
                table,
            )
        elif table:
            try:
                await backend.execute_async("TABLE.CREATE", table, "STORE", "TABLE", stored_as)
                _log.info("the table %s is %s of the original, taken over as it stands", table, stored_as)
            except CommandError as error:
                _log.warning("%s of the original is not taken over: %s", stored_as, error)


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
