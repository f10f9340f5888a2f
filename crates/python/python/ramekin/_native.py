"""The native module where there is one, and what stands in for it where the package came without: then only servers can be reached."""

from __future__ import annotations

from typing import Any



def _load() -> None:
    """Imports the module in a thread that does not end before the process.

    Its allocator takes the thread that loads it for the main one for ever, and must not meet another thread in that one's place.
    """
    import threading

    if threading.current_thread() is threading.main_thread():
        try:
            from . import _ramekin as _ramekin
        except ModuleNotFoundError:
            pass
        return
    done = threading.Event()

    def load() -> None:
        try:
            from . import _ramekin as _ramekin
        except ImportError:
            return
        finally:
            done.set()
        threading.Event().wait()

    threading.Thread(target=load, name="ramekin-main", daemon=True).start()
    done.wait()


_load()

try:
    from ._ramekin import AsyncStrings, Engine, Records, Strings
except ModuleNotFoundError:

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



def watch_the_end() -> None:
    """Has SIGTERM close all databases, if nobody else takes it. To be called by whoever opens in another thread than the main one."""
    if Engine.__module__ != __name__:
        from ._embedded import watch_the_end

        watch_the_end()


__all__ = ["AsyncStrings", "Engine", "Records", "Strings", "watch_the_end"]
