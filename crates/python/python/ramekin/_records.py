"""Records of Python as JSON text, and back: what goes in comes out, or is refused.

JSON has texts, numbers, booleans, null, arrays and objects. What else a record may hold is stored in a form that people and
clauses can read, and noted in the record itself, under the field `$types`: the JSON pointer of each such value, and its type.

| in Python | in the record | note |
|---|---|---|
| `datetime`, `date`, `time` | text, ISO 8601 | `datetime`, `date`, `time` |
| `timedelta` | text, ISO 8601: `P1DT2H3M4.5S` | `timedelta` |
| `Decimal` | number, with all its digits | `decimal` |
| `UUID` | text | `uuid` |
| `bytes`, `bytearray`, `memoryview` | text, base64; comes back as `bytes` | `bytes` |
| `str` with a zero character or half a surrogate pair, which no store takes | text with `\\0` and `\\udddd` for these, `\\\\` for a backslash | `text` |

Tuples come back as lists, and subclasses of the types above as these. Everything else is refused with a `SchemaError` that names the field.

What must hold: `decode(encode(record)) == record`, with nothing in it shared; numbers are exact; a float stays a float. A note
that does not fit what it stands for (others may have changed the record) is passed over. Left out: the order of fields, which
is the engine's; the sign of `-0.0`; names of time zones, of which the offset is kept.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from json.encoder import encode_basestring as _quote
from typing import Any, Union
from uuid import UUID

from .errors import SchemaError

TYPES = "$types"
DEPTH_MAX = 256
_PLAIN_DEPTH_MAX = 32
# From here on the text of a float is an integer with an exponent, which would come back as an integer.
_FLOAT_MAX = 1e16
# Python reads no longer ones unless told to, and the engine keeps no more digits behind the point.
_WHOLE_DIGITS_MAX = 4300
_SCALE_MAX = 16383

_Step = Union[str, int]
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_loads = json.JSONDecoder().decode
# What others have put may have integers of more digits than Python reads.
_loads_any = json.JSONDecoder(parse_int=lambda digits: int(digits) if len(digits.lstrip("-")) <= _WHOLE_DIGITS_MAX else Decimal(digits)).decode
_loads_exactly = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal).decode
_AS_THEY_ARE = frozenset((int, bool, type(None)))


def encode(record: dict[str, Any]) -> bytes:
    """The JSON text of a record.

    >>> encode({"when": date(2026, 11, 21)})
    b'{"when":"2026-11-21","$types":{"/when":"date"}}'
    """
    if type(record) is dict and TYPES not in record and _is_plain(record, _PLAIN_DEPTH_MAX):
        try:
            return _dumps(record).encode()
        except ValueError:
            # Half a surrogate pair, or an integer of too many digits: said, or noted, below.
            pass
    return _Writer().record(record).encode()


def decode(text: bytes | str) -> Any:
    """The record that `encode` wrote, made anew with each call."""
    if isinstance(text, bytes):
        text = text.decode()
    try:
        record = _loads(text)
    except ValueError:
        record = _loads_any(text)
    if type(record) is dict and TYPES in record:
        _restore(record, text)
    return record


def _is_plain(fields: dict[str, Any], depth: int) -> bool:
    """Whether JSON has all of it as it is."""
    for name, value in fields.items():
        if type(name) is not str or "\0" in name:
            return False
        kind = type(value)
        if kind is str:
            if "\0" in value:
                return False
        elif kind not in _AS_THEY_ARE and not _is_plain_value(value, depth):
            return False
    return True


def _is_plain_value(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind is float:
        return bool(-_FLOAT_MAX < value < _FLOAT_MAX)
    if depth == 0:
        return False
    if kind is dict:
        return _is_plain(value, depth - 1)
    if kind is list or kind is tuple:
        return all(
            "\0" not in item if type(item) is str else type(item) in _AS_THEY_ARE or _is_plain_value(item, depth - 1)
            for item in value
        )
    return False


class _Writer:
    """Writes a record piece by piece, and notes what JSON lacks."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.notes: dict[str, str] = {}
        self.path: list[_Step] = []

    def record(self, record: Any) -> str:
        if not isinstance(record, dict):
            raise SchemaError(f"a record has to be a dict, not {type(record).__name__}")
        if TYPES in record:
            raise SchemaError(f"the field '{TYPES}' is reserved for the types that JSON lacks")
        self.object(record)
        if self.notes:
            notes = ",".join(f"{_quote(pointer)}:{_quote(kind)}" for pointer, kind in self.notes.items())
            self.out[-1] = f'{"," if record else ""}"{TYPES}":{{{notes}}}}}'
        return "".join(self.out)

    def value(self, value: Any) -> None:
        if value is None:
            self.out.append("null")
        elif isinstance(value, bool):
            self.out.append("true" if value else "false")
        elif isinstance(value, str):
            self.text(value)
        elif isinstance(value, int):
            self.integer(value)
        elif isinstance(value, float):
            self.float(value)
        elif isinstance(value, dict):
            self.object(value)
        elif isinstance(value, (list, tuple)):
            self.array(value)
        else:
            self.other(value)

    def object(self, fields: dict[Any, Any]) -> None:
        self.deeper()
        self.out.append("{")
        for n, (name, value) in enumerate(fields.items()):
            if not isinstance(name, str):
                self.refuse(f"has a key of type {type(name).__name__}: keys are strings")
            if _unstorable(name):
                self.refuse("has a key with a zero character or half a surrogate pair")
            self.out.append(f"{',' if n else ''}{_quote(name)}:")
            self.path.append(name)
            self.value(value)
            self.path.pop()
        self.out.append("}")

    def array(self, items: list[Any] | tuple[Any, ...]) -> None:
        self.deeper()
        self.out.append("[")
        for n, item in enumerate(items):
            if n:
                self.out.append(",")
            self.path.append(n)
            self.value(item)
            self.path.pop()
        self.out.append("]")

    def deeper(self) -> None:
        if len(self.path) >= DEPTH_MAX:
            del self.path[3:]
            self.refuse(f"is nested more than {DEPTH_MAX} levels deep, or contains itself")

    def text(self, value: str) -> None:
        if _unstorable(value):
            self.note("text")
            value = _escape(value)
        self.out.append(_quote(value))

    def integer(self, value: int) -> None:
        try:
            self.out.append(int.__repr__(value))
        except ValueError:
            self.refuse(f"holds an integer of more than {_WHOLE_DIGITS_MAX} digits")

    def float(self, value: float) -> None:
        if not math.isfinite(value):
            self.refuse(f"holds {float.__repr__(value)}, which JSON lacks")
        text = float.__repr__(value)
        self.out.append(text if abs(value) < _FLOAT_MAX else f"{int(value)}.0")

    def other(self, value: Any) -> None:
        if isinstance(value, Decimal):
            self.decimal(value)
        elif isinstance(value, datetime):
            self.noted("datetime", value.isoformat())
        elif isinstance(value, date):
            self.noted("date", value.isoformat())
        elif isinstance(value, time):
            self.noted("time", value.isoformat())
        elif isinstance(value, timedelta):
            self.noted("timedelta", _duration(value))
        elif isinstance(value, UUID):
            self.noted("uuid", str(value))
        elif isinstance(value, (bytes, bytearray, memoryview)):
            self.noted("bytes", b64encode(bytes(value)).decode())
        else:
            self.refuse(f"holds {type(value).__name__}, which a record cannot: give its parts, or its text")

    def decimal(self, value: Decimal) -> None:
        if not value.is_finite():
            self.refuse(f"holds {value}, which JSON lacks")
        exponent = value.as_tuple().exponent
        if value.adjusted() >= _WHOLE_DIGITS_MAX or (isinstance(exponent, int) and -exponent > _SCALE_MAX):
            self.refuse("holds a Decimal of too many digits")
        self.note("decimal")
        self.out.append(format(value, "f"))

    def noted(self, kind: str, text: str) -> None:
        self.note(kind)
        self.out.append(_quote(text))

    def note(self, kind: str) -> None:
        steps = (str(step).replace("~", "~0").replace("/", "~1") for step in self.path)
        self.notes["".join(f"/{step}" for step in steps)] = kind

    def refuse(self, what: str) -> None:
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path).lstrip(".")
        raise SchemaError(f"field {where!r} {what}" if where else f"the record {what}")


def _unstorable(text: str) -> bool:
    if "\0" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _escape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        character = found[0]
        return {"\\": "\\\\", "\0": "\\0"}.get(character) or f"\\u{ord(character):04x}"

    return re.sub("[\\\\\0\ud800-\udfff]", one, text)


def _unescape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        escaped = found[1]
        return {"\\": "\\", "0": "\0"}.get(escaped) or chr(int(escaped[1:], 16))

    return re.sub(r"\\(\\|0|u[0-9a-f]{4})", one, text)


def _duration(value: timedelta) -> str:
    micros = (value.days * 86400 + value.seconds) * 1_000_000 + value.microseconds
    seconds, fraction = divmod(abs(micros), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    last = f"{seconds}.{fraction:06d}".rstrip("0") if fraction else str(seconds)
    clock = "".join(f"{amount}{unit}" for amount, unit in ((hours, "H"), (minutes, "M")) if amount)
    if last != "0":
        clock += f"{last}S"
    text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return ("-" if micros < 0 else "") + "P" + (text or "T0S")


_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?")


def _read_duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(text)
    sign, *amounts, fraction = found.groups()
    days, hours, minutes, seconds = (int(amount or 0) for amount in amounts)
    micros = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000 + int((fraction or "0").ljust(6, "0"))
    # In one step: the parts of the least of all would not fit before the sign.
    return timedelta(microseconds=-micros if sign else micros)


_READERS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": _read_duration,
    "uuid": UUID,
    "bytes": lambda text: b64decode(text, validate=True),
    "text": _unescape,
}

_KINDS = {*_READERS, "decimal"}


def _restore(record: dict[str, Any], text: str) -> None:
    """Takes the notes out of a record, and gives what they tell of its type."""
    notes = record[TYPES]
    if not isinstance(notes, dict) or not all(isinstance(kind, str) and kind in _KINDS for kind in notes.values()):
        # Not ours: it came by another way.
        return
    del record[TYPES]
    exact = _loads_exactly(text) if "decimal" in notes.values() else None
    for pointer, kind in notes.items():
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        if not steps:
            continue
        try:
            place = _place(record, steps)
            stored = place[_step(place, steps[-1])]
            if kind != "decimal":
                value = _READERS[kind](stored)
            elif isinstance(stored, (int, float)) and not isinstance(stored, bool):
                twin = _place(exact, steps)
                value = twin[_step(twin, steps[-1])]
            else:
                continue
            place[_step(place, steps[-1])] = value
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            # The record was changed by others, who know nothing of notes.
            continue


def _place(tree: Any, steps: list[str]) -> Any:
    for step in steps[:-1]:
        tree = tree[_step(tree, step)]
    return tree


def _step(place: Any, step: str) -> _Step:
    return int(step) if isinstance(place, list) else step
