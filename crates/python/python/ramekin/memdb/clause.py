"""What a where clause says besides its condition, as far as `MemDB.query` has to know.

The engine reads clauses, and refuses what is not on its list; here only words outside of quotes are looked at. What must hold:
a clause cannot make a query answer anything but records. Left out: everything about conditions.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..errors import QueryError

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# They would give rows of other things than records.
_OTHER = {"select", "count", "cursor"}


@lru_cache(maxsize=512)
def has_limit(clause: str) -> bool:
    """Whether a clause says LIMIT itself.

    >>> has_limit("data->>'limit' = 'no LIMIT 5' ORDER BY key")
    False
    """
    words = {word.lower() for word in _WORD.findall(_QUOTED.sub(" ", clause))}
    for word in _OTHER & words:
        raise QueryError(f"{word.upper()} is not for a where clause: it gives something else than records")
    return "limit" in words
