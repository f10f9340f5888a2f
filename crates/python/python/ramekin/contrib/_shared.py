"""One backend of a process for each address: frameworks make many caches and sessions of one configuration.

What must hold: after a fork nothing is shared with the parent. The end of the process closes them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from .._backend import Backend, open_backend

_lock = threading.Lock()
_opened: dict[tuple[int, str | None, str], Backend] = {}


def _renew() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def shared(address: str | None, directives: Mapping[str, Any]) -> Backend:
    """The backend of this address and these directives, opened when it is first asked for."""
    key = (os.getpid(), address, repr(sorted(directives.items())))
    found = _opened.get(key)
    if found is None:
        with _lock:
            found = _opened.get(key)
            if found is None:
                found = _opened[key] = open_backend(address, **directives)
    return found


def close_shared() -> None:
    """Closes all of them; who asks again opens again. For tests."""
    while _opened:
        (pid, _, _), backend = _opened.popitem()
        if pid == os.getpid():
            backend.close()
