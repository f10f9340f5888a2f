"""What keys, tags and namespaces of a store are called in Ramekin.

A key lies under `kv/LENGTH:db/LENGTH:namespace/key`: lengths (in bytes of UTF-8) rather than separators say where a part ends, so no
name can be mistaken for another, whatever is in it; and no table of records can be called like this. Tags are scoped likewise:

    kv/…/KEY        a key: a hash (see `values`)
    kv=…            the tag that each key of a namespace has
    kv#…/TAG        a tag of the user's
    kv@…/FIELD=…    the tag of one value of an indexed field
    kv!…            a hash of the indexed fields of a namespace
    kv~…            a hash of the files that a storage backend written in Python holds
    kv+ID           chunks of a stream that is being written

Limits of lengths are those that NADB has; besides, tags of Ramekin have up to 1,024 bytes, scope included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Optional

DEFAULT_NAMESPACE = "default"
MAX_KEY_LENGTH = 1024
MAX_NAMESPACE_LENGTH = 256
MAX_DB_LENGTH = 256
MAX_TAG_LENGTH = 256
_TAG_BYTES_MAX = 1024


def check_name(value: Any, what: str, length_max: int) -> None:
    """Raises ValueError unless this is a text that may be a name."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what} must be a non-empty string")
    if len(value) > length_max:
        raise ValueError(f"{what} must be at most {length_max} characters")
    if "\x00" in value:
        raise ValueError(f"{what} must not contain NUL bytes")


def check_key(key: Any) -> None:
    check_name(key, "Key", MAX_KEY_LENGTH)


def check_tags(tags: Any) -> None:
    """Raises TypeError unless this is a list or nothing, ValueError for a tag that cannot be one."""
    if tags is None:
        return
    if not isinstance(tags, list):
        raise TypeError("Tags must be a list")
    for tag in tags:
        check_name(tag, "Tag", MAX_TAG_LENGTH)


def glob_literal(text: bytes) -> bytes:
    """A pattern that matches this text alone."""
    out = bytearray()
    for byte in text:
        if byte in b"*?[]\\":
            out += b"\\"
        out.append(byte)
    return bytes(out)


def _part(text: str) -> bytes:
    data = text.encode("utf-8")
    return b"%d:%s" % (len(data), data)


class Scope:
    """The names of one namespace of one db.

    >>> Scope("app", "prod").key("user:1")
    b'kv/3:app/4:prod/user:1'
    """

    __slots__ = ("db", "namespace", "_keys", "_path", "member", "_tags", "_indexed", "indexes", "files")

    def __init__(self, db: str, namespace: str) -> None:
        check_name(db, "db", MAX_DB_LENGTH)
        check_name(namespace, "namespace", MAX_NAMESPACE_LENGTH)
        self.db = db
        self.namespace = namespace
        tail = _part(db) + b"/" + _part(namespace)
        self.member = b"kv=" + tail
        if len(self.member) > _TAG_BYTES_MAX:
            raise ValueError("db and namespace have at most 1,000 bytes together")
        self._keys = b"kv/" + tail + b"/"
        self._path = self._keys.decode("utf-8")
        self._tags = b"kv#" + tail + b"/"
        self._indexed = b"kv@" + tail + b"/"
        self.indexes = b"kv!" + tail
        self.files = b"kv~" + tail

    def key(self, key: str) -> bytes:
        return self._keys + key.encode("utf-8")

    def path(self, key: str) -> str:
        """The same as text."""
        return self._path + key

    def key_of(self, name: bytes) -> str:
        """The key of a name that `key` has made."""
        return name[len(self._keys) :].decode("utf-8")

    def tag(self, tag: str) -> bytes:
        name = self._tags + tag.encode("utf-8")
        if len(name) > _TAG_BYTES_MAX:
            raise ValueError("Tag, db and namespace have at most 1,000 bytes together")
        return name

    def keys_of(self, names: Iterable[bytes]) -> list[str]:
        """The keys of names that `key` has made."""
        start = len(self._keys)
        return [name[start:].decode("utf-8") for name in names]

    def tags_of(self, names: Iterable[bytes]) -> list[str]:
        """The user's tags among these."""
        return TagTexts(self).of(names)

    def tags_pattern(self) -> bytes:
        return glob_literal(self._tags) + b"*"

    def index_tag(self, field: str, value: Any) -> bytes:
        """The tag of keys whose field has this value; values that Python calls equal have the same."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        elif isinstance(value, bool):
            value = int(value)
        told = json.dumps(value, sort_keys=True, default=str, separators=(",", ":")).encode("utf-8")
        name = self._indexed + _part(field) + b"=" + told
        if len(name) > _TAG_BYTES_MAX:
            name = self._indexed + b"~" + blake2b(name, digest_size=32).hexdigest().encode()
        return name

    def index_tags_of(self, names: Iterable[bytes]) -> list[bytes]:
        return [name for name in names if name.startswith(self._indexed)]


class TagTexts(dict[bytes, Optional[str]]):
    """What tags are called by the user, each worked out once; None for those that are not the user's."""

    def __init__(self, scope: Scope) -> None:
        self._start = scope._tags

    def __missing__(self, name: bytes) -> Optional[str]:
        found = self[name] = name[len(self._start) :].decode("utf-8") if name.startswith(self._start) else None
        return found

    def of(self, names: Iterable[bytes]) -> list[str]:
        """The user's tags among these."""
        return [text for name in names if (text := self[name]) is not None]


def namespaces_pattern(db: str | None) -> bytes:
    """Matches the member tags of all namespaces of a db, or of all."""
    return b"kv=*" if db is None else glob_literal(b"kv=" + _part(db) + b"/") + b"*"


def namespace_of(member: bytes) -> tuple[str, str]:
    """The db and the namespace of a member tag."""
    rest = member[3:]
    parts: list[str] = []
    for _ in range(2):
        length, _, rest = rest.partition(b":")
        parts.append(rest[: int(length)].decode("utf-8"))
        rest = rest[int(length) + 1 :]
    return parts[0], parts[1]


def unique(tags: Sequence[str] | None) -> list[str]:
    """Each tag once, in the order given."""
    return list(dict.fromkeys(tags)) if tags else []
