"""What all families of commands stand on: how a command is run, and how arguments are written.

A method builds the arguments and names what is to be made of the reply; `_run` sends it, now, as a coroutine, or later as a part
of a pipeline. Each method is annotated with `Reply[T]`: `T` from a `Database`, a coroutine of `T` from an `AsyncDatabase`. The stub
`database.pyi` is made of these annotations.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, Union

V = TypeVar("V")
T = TypeVar("T")

Key = Union[bytes, str, memoryview]
Value = Union[bytes, bytearray, memoryview, str, int, float]
Expiry = Union[int, timedelta]
Moment = Union[int, datetime]
Reply = Union[T, Awaitable[T]]
Convert = Callable[[Any], Any]


class Base(Generic[V]):
    """`V` is what values are: bytes, or str with `decode_responses=True`."""

    # Makes a status (`OK`, the name of a type) what values are; None where the statuses are that already.
    _word: Convert | None = None

    def _run(self, args: tuple[Any, ...], convert: Convert | None = None, raw: bool = False) -> Reply[T]:
        """Runs a command. `raw`: bytes of the reply stay bytes, whatever `decode_responses` says."""
        raise NotImplementedError


def listed(one_or_many: Any, more: Iterable[Any] = ()) -> list[Any]:
    """A value or an iterable of such, and those behind it, as a list."""
    if isinstance(one_or_many, (bytes, str, memoryview, bytearray, int, float)):
        return [one_or_many, *more]
    return [*one_or_many, *more]


def flat(pairs: Any) -> list[Any]:
    """Keys and values of a mapping in one list."""
    return [word for pair in pairs.items() for word in pair]


def seconds(time: Any) -> Any:
    """A duration in whole seconds."""
    return int(time.total_seconds()) if isinstance(time, timedelta) else time


def milliseconds(time: Any) -> Any:
    """A duration in milliseconds."""
    return round(time.total_seconds() * 1000) if isinstance(time, timedelta) else time


def unix(when: Any) -> Any:
    """A moment as a Unix time in seconds."""
    return int(when.timestamp()) if isinstance(when, datetime) else when


def unix_ms(when: Any) -> Any:
    """A moment as a Unix time in milliseconds."""
    return round(when.timestamp() * 1000) if isinstance(when, datetime) else when


def options(*, get: bool = False, **chosen: bool) -> list[str]:
    """The names of the options that are chosen, in capitals."""
    return [name.upper() for name, wanted in chosen.items() if wanted] + (["GET"] if get else [])


def chosen(option: Any) -> list[str]:
    """An option that is given as a text, or as an enum of texts."""
    return [] if option is None else [str(getattr(option, "value", option))]


def expiry(
    ex: Any = None,
    px: Any = None,
    exat: Any = None,
    pxat: Any = None,
    keepttl: bool = False,
    persist: bool = False,
) -> list[Any]:
    """The words that say when a key or a field expires."""
    words: list[Any] = []
    if ex is not None:
        words += ["EX", seconds(ex)]
    if px is not None:
        words += ["PX", milliseconds(px)]
    if exat is not None:
        words += ["EXAT", unix(exat)]
    if pxat is not None:
        words += ["PXAT", unix_ms(pxat)]
    if keepttl:
        words.append("KEEPTTL")
    if persist:
        words.append("PERSIST")
    return words
