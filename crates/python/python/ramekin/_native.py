"""The native module where there is one, and what stands in for it where the package came without: then only servers can be reached.

The package comes without it in the wheel for systems that have none of their own (`crates/python/any_wheel.py` builds it).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# How the module is found, so that one that is there and cannot be loaded is an error, and not taken for missing.
_NAME = "ramekin._ramekin"


def _import() -> None:
    try:
        import_module(_NAME)
    except ModuleNotFoundError as missing:
        if missing.name != _NAME:
            raise


def _load() -> None:
    """Imports the module in a thread that does not end before the process.

    Its allocator takes the thread that loads it for the main one for ever, and must not meet another thread in that one's place.
    """
    import threading

    if threading.current_thread() is threading.main_thread():
        _import()
        return
    done = threading.Event()

    def load() -> None:
        try:
            import_module(_NAME)
        except ImportError:
            return  # whoever imports it next is told
        finally:
            done.set()
        threading.Event().wait()

    threading.Thread(target=load, name="ramekin-main", daemon=True).start()
    done.wait()


_load()

try:
    from ._ramekin import AsyncStrings, Engine, Records, Strings
except ModuleNotFoundError as _missing:
    if _missing.name != _NAME:
        raise

    class Engine:  # type: ignore[no-redef]
        """Nothing is one."""

    class Strings:  # type: ignore[no-redef]
        """Answers by what the Python half has."""

        def _attach(self, engine: Any = None) -> None: ...

        def get(self, name: Any) -> Any:
            return self._get(name)  # type: ignore[attr-defined]

        def set(self, name: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
            return self._set(name, value, *args, **kwargs)  # type: ignore[attr-defined]

    class AsyncStrings(Strings):  # type: ignore[no-redef]
        """The same, to be awaited."""

    class Records:  # type: ignore[no-redef]
        """Answers by what the Python half has."""

        def _attach(self, engine: Any = None, puts: bool = True) -> None: ...

        def _puts(self) -> int:
            return 0

        def get(self, *args: Any, **kwargs: Any) -> Any:
            return self._get(*args, **kwargs)  # type: ignore[attr-defined]

        def insert(self, *args: Any, **kwargs: Any) -> Any:
            return self._insert(*args, **kwargs)  # type: ignore[attr-defined]

        upsert = insert


HAS_ENGINE: bool = Engine.__module__ != __name__


def without_engine(what: str) -> str:
    """Why something cannot be had where the package came without the engine, and what to do."""
    return (
        f"{what} needs Ramekin's engine, which this installation is without (it is in the wheels for Linux and macOS): "
        "start a server on a system that has it and open ramekin://host:port"
    )


def watch_the_end() -> None:
    """Has SIGTERM close all databases, if nobody else takes it. To be called by whoever opens in another thread than the main one."""
    if HAS_ENGINE:
        from ._embedded import watch_the_end

        watch_the_end()


def run(*args: str) -> int:
    """The command line `ramekin` with these arguments; its exit code."""
    if HAS_ENGINE:
        from ._ramekin import main

        return main(*args)
    import sys

    print(f"ramekin: {without_engine('the server, and each of its tools,')}", file=sys.stderr)
    return 1


__all__ = ["HAS_ENGINE", "AsyncStrings", "Engine", "Records", "Strings", "run", "watch_the_end", "without_engine"]
