"""`Database` for threads and `AsyncDatabase` for asyncio: every command as a method. `database.pyi` has what each returns."""

from __future__ import annotations

from typing import Any

_WHERE = {
    "AsyncChanges": "_async",
    "AsyncDatabase": "_async",
    "AsyncLock": "_lock",
    "AsyncPipeline": "_pipeline",
    "Changes": "_sync",
    "Database": "_sync",
    "Lock": "_lock",
    "Pipeline": "_pipeline",
}

__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'ramekin.database' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_WHERE[name]}", "ramekin"), name)
    globals()[name] = value
    return value
