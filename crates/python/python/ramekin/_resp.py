"""The Redis protocol as bytes: commands out, replies in. No sockets here.

`Decoder.feed` takes whatever has arrived, cut anywhere, and returns the replies that are complete. What is unfinished is kept
with the place in nested replies, so that no byte of a long reply is read twice; a value of known length is waited for and then
cut out once. Error replies become exceptions of `errors`, not raised here. Attributes are dropped, sets are lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import errors


class ProtocolError(errors.RamekinError):
    """What came is not the Redis protocol."""


class Push(list):  # type: ignore[type-arg]
    """What the server says unasked: the answer to no command."""


def encode(args: Sequence[Any]) -> bytes:
    """One command, as the server reads it."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        kind = type(arg)
        if kind is str:
            arg = arg.encode()
        elif kind is not bytes:
            arg = _as_bytes(arg)
        parts.append(b"$%d\r\n%b\r\n" % (len(arg), arg))
    return b"".join(parts)


def encode_many(commands: Iterable[Sequence[Any]]) -> bytes:
    """Commands behind each other."""
    return b"".join([encode(command) for command in commands])


def _as_bytes(arg: Any) -> bytes:
    if isinstance(arg, bool) or arg is None:
        raise TypeError(f"an argument is bytes, str, int or float, not {arg!r}")
    if isinstance(arg, int):
        return b"%d" % arg
    if isinstance(arg, float):
        return repr(float(arg)).encode()
    if isinstance(arg, str):
        return str(arg).encode()
    if isinstance(arg, (bytes, bytearray, memoryview)):
        return bytes(arg)
    raise TypeError(f"an argument is bytes, str, int or float, not {type(arg).__name__}")


# What a frame of a nested reply becomes.
_LIST, _MAP, _PUSH, _ATTRIBUTE = range(4)
_FRAMES = {ord("*"): _LIST, ord("~"): _LIST, ord("%"): _MAP, ord(">"): _PUSH, ord("|"): _ATTRIBUTE}
_DOLLAR, _COLON, _PLUS = b"$:+"


class Decoder:
    """Replies out of a stream of bytes.

    >>> Decoder().feed(b"+OK\\r\\n:2\\r\\n$5\\r\\nhel")
    ['OK', 2]
    """

    __slots__ = ("_have", "_need", "_parts", "_stack")

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # what has not been read yet, joined once there is enough of it
        self._have = 0
        self._need = 0
        self._stack: list[tuple[list[Any], int, int]] = []  # items, how many they become, kind

    @property
    def wanted(self) -> int:
        """How many bytes are missing at least, 0 if that is not known."""
        return max(0, self._need - self._have)

    def feed(self, data: bytes) -> list[Any]:
        """The replies that `data` completes, in order."""
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []
            data = b"".join(self._parts)
        try:
            return self._read(data)
        except (ValueError, IndexError) as wrong:
            raise ProtocolError(f"not the Redis protocol: {data[:40]!r}") from wrong

    def _read(self, data: bytes) -> list[Any]:
        at, end, need = 0, len(data), 0
        stack, replies = self._stack, []
        find = data.find
        while at < end:
            line_end = find(b"\r\n", at)
            if line_end < 0:
                break
            kind = data[at]
            value: Any
            if kind == _DOLLAR:
                length = int(data[at + 1 : line_end])
                if length >= 0:
                    stop = line_end + 2 + length
                    if stop + 2 > end:
                        need = stop + 2 - at
                        break
                    value = data[line_end + 2 : stop]
                    at = stop + 2
                else:
                    value = None
                    at = line_end + 2
            elif kind == _COLON:
                value = int(data[at + 1 : line_end])
                at = line_end + 2
            elif kind == _PLUS:
                value = data[at + 1 : line_end].decode("utf-8", "replace")
                at = line_end + 2
            elif kind in _FRAMES:
                frame = _FRAMES[kind]
                length = int(data[at + 1 : line_end])
                at = line_end + 2
                if length > 0:
                    stack.append(([], length * 2 if frame in (_MAP, _ATTRIBUTE) else length, frame))
                    continue
                if frame == _ATTRIBUTE:
                    continue
                value = None if length < 0 else _finished([], frame)
            elif kind in b"!=":
                stop = line_end + 2 + int(data[at + 1 : line_end])
                if stop + 2 > end:
                    need = stop + 2 - at
                    break
                text = data[line_end + 2 : stop]
                value = text[4:] if kind == ord("=") else errors.of_reply(text.decode("utf-8", "replace"))
                at = stop + 2
            else:
                value = _scalar(kind, data[at + 1 : line_end])
                at = line_end + 2
            while stack:
                items, count, frame = stack[-1]
                items.append(value)
                if len(items) < count:
                    break
                stack.pop()
                if frame == _ATTRIBUTE:
                    break
                value = _finished(items, frame)
            else:
                replies.append(value)
        self._parts = [data[at:]] if at < end else []
        self._have = end - at
        self._need = need
        return replies


def _finished(items: list[Any], frame: int) -> Any:
    if frame == _LIST:
        return items
    if frame == _PUSH:
        return Push(items)
    try:
        return dict(zip(items[::2], items[1::2]))
    except TypeError:  # a key that is a list or a map
        return [list(pair) for pair in zip(items[::2], items[1::2])]


def _scalar(kind: int, text: bytes) -> Any:
    if kind == ord("-"):
        return errors.of_reply(text.decode("utf-8", "replace"))
    if kind == ord("_"):
        return None
    if kind == ord("#"):
        return {b"t": True, b"f": False}[text] if text in (b"t", b"f") else int("")
    if kind == ord(","):
        return float(text)
    if kind == ord("("):
        return int(text)
    raise ValueError(kind)
