"""Taking over a data folder of NADB: its metadata in SQLite, its files, and what its SQLite backend has kept.

Everything is imported or named in the report, with the reason. A value's bytes are taken as they are, decompressed, or decrypted,
whichever has the checksum that was noted, so that values that begin with NADB's own marks arrive as well. The folder is only read; NADB
should not be running on it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

if TYPE_CHECKING:
    from .store import KeyValueStore

_ENVELOPE = b"NADB\x01"
_LEGACY = b"CMP:"


@dataclass
class ImportReport:
    """What became of a folder. Lists name what was not imported: `db:namespace key` or a path, and why."""

    imported: int = 0
    bytes: int = 0
    tags: int = 0
    with_ttl: int = 0
    expired: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    namespaces: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all that NADB could still read is imported."""
        return not (self.damaged or self.locked)

    def __str__(self) -> str:
        lines = [f"{self.imported} keys imported, {self.bytes} bytes, {self.tags} tags, {self.with_ttl} of them with a lifetime"]
        lines += [f"  {name}: {count}" for name, count in sorted(self.namespaces.items())]
        for count, what in (
            (self.expired, "expired before"),
            (self.missing, "without a value: NADB had it in memory only"),
            (self.damaged, "damaged"),
            (self.locked, "encrypted with a key that was not given"),
            (self.orphans, "files that no key names"),
        ):
            if count:
                lines += [f"{len(count)} {what}", *(f"  {name}" for name in count)]
        return "\n".join(lines)


def import_folder(path: Union[str, os.PathLike[str]], store: KeyValueStore, encryption_key: Union[str, bytes, None] = None) -> ImportReport:
    """Imports a data folder of NADB into the database that a store has open; each key keeps its db and namespace.

    >>> print(import_folder("./old-data", store))
    1204 keys imported, …
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder")
    found = sorted(folder.glob("*_meta.db"))
    databases = [file for file in sorted(folder.glob("*.sqlite3")) if _has_tables(file, "data", "metadata")]
    if not found and not databases:
        raise FileNotFoundError(f"{folder} has no data of NADB: neither a *_meta.db nor an *.sqlite3 of its making")
    report = ImportReport()
    secret = encryption_key.encode("utf-8") if isinstance(encryption_key, str) else encryption_key
    with ExitStack() as opened:
        stores = _Stores(store, opened)
        seen: set[str] = set()
        for file in found:
            for row in _rows(file):
                seen.add(row["path"])
                _import(row, _file(folder, row["path"]), stores, secret, report)
        for file in databases:
            for row, kept in _rows_of_sqlite(file):
                _import(row, kept, stores, secret, report)
        for file in found:
            report.orphans += _orphans(folder, file.name[: -len("_meta.db")], seen)
    store.flush()
    return report


class _Stores(dict[tuple[str, str], "KeyValueStore"]):
    """A store for each db and namespace that is met. A store behind has all that was imported at the end."""

    def __init__(self, store: KeyValueStore, opened: ExitStack) -> None:
        self._store = store
        self._opened = opened

    def __missing__(self, where: tuple[str, str]) -> KeyValueStore:
        found = self[where] = self._store.beside(*where)
        self._opened.callback(found.close)
        self._opened.enter_context(found._settling_once())
        return found


def _import(
    row: dict[str, Any],
    kept: Optional[bytes],
    stores: _Stores,
    secret: Optional[bytes],
    report: ImportReport,
) -> None:
    where = (row["db"], row["namespace"])
    name = f"{where[0]}:{where[1]} {row['key']!r}"
    if kept is None:
        report.missing.append(name)
        return
    expires_at = row.get("expires_at")
    if not expires_at and row.get("ttl") and row.get("last_updated"):
        expires_at = (datetime.fromisoformat(row["last_updated"]) + timedelta(seconds=int(row["ttl"]))).isoformat()
    if expires_at and datetime.fromisoformat(expires_at).timestamp() <= time.time():
        report.expired.append(name)
        return
    if row.get("encrypted") and secret is None:
        report.locked.append(name)
        return
    value = _value(kept, row.get("checksum"), bool(row.get("encrypted")), secret)
    if value is None:
        report.damaged.append(f"{name}: no reading of its bytes has the checksum that was noted")
        return
    row = {**row, "expires_at": expires_at}
    try:
        imported = stores[where]._put_back(row["key"], value, row)
    except (ValueError, TypeError) as error:
        report.damaged.append(f"{name}: {error}")
        return
    if not imported:
        report.expired.append(name)
        return
    report.imported += 1
    report.bytes += len(value)
    report.tags += len(row["tags"])
    report.with_ttl += bool(expires_at)
    label = f"{where[0]}:{where[1]}"
    report.namespaces[label] = report.namespaces.get(label, 0) + 1


# What NADB has written.

_KNOWN = (
    *("path", "key", "db", "namespace", "created_at", "last_updated", "size", "value_type", "encoding", "content_type", "checksum"),
    *("encrypted", "ttl", "expires_at"),
)


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def _has_tables(file: Path, *names: str) -> bool:
    try:
        connection = _connect(file)
        try:
            there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        finally:
            connection.close()
    except sqlite3.DatabaseError:
        return False
    return set(names) <= there


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a `DB_meta.db`. Older releases have fewer columns."""
    connection = _connect(file)
    try:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(metadata)")]
        chosen = ["id", *(name for name in _KNOWN if name in columns)]
        tags: dict[int, list[str]] = {}
        for owner, tag in connection.execute(
            "SELECT mt.metadata_id, t.tag_name FROM metadata_tags mt JOIN tags t ON t.id = mt.tag_id ORDER BY t.tag_name"
        ):
            tags.setdefault(owner, []).append(tag)
        for found in connection.execute(f"SELECT {', '.join(chosen)} FROM metadata ORDER BY id"):
            row = dict(zip(chosen, found))
            yield {**row, "tags": tags.get(row.pop("id"), [])}
    finally:
        connection.close()


def _rows_of_sqlite(file: Path) -> Iterator[tuple[dict[str, Any], Optional[bytes]]]:
    """The rows of a database of NADB's SQLite backend, and their values."""
    connection = _connect(file)
    try:
        for (payload,) in connection.execute("SELECT payload FROM metadata"):
            row = json.loads(payload)
            value = connection.execute("SELECT value FROM data WHERE path = ?", (row["path"],)).fetchone()
            kept = {name: row.get(name) for name in _KNOWN}
            yield {**kept, "tags": list(dict.fromkeys(row.get("tags") or []))}, None if value is None else bytes(value[0])
    finally:
        connection.close()


def _file(folder: Path, path: str) -> Optional[bytes]:
    """What a file below the folder holds; None for what is not there, and for what is elsewhere."""
    found = (folder / path).resolve()
    return found.read_bytes() if found.is_relative_to(folder.resolve()) and found.is_file() else None


def _orphans(folder: Path, db: str, seen: set[str]) -> list[str]:
    """Files in the folder of a db that no row names."""
    out = []
    for root, _, names in os.walk(folder / db):
        for name in names:
            path = os.path.relpath(os.path.join(root, name), folder)
            if path not in seen:
                out.append(path)
    return sorted(out)


def _value(kept: bytes, checksum: Optional[str], encrypted: bool, secret: Optional[bytes]) -> Optional[bytes]:
    """The value that was set; None if no way of reading these bytes gives what was noted."""
    readings = [kept]
    inflated = _inflate(kept)
    if inflated is not None:
        readings.append(inflated)
    if encrypted and secret is not None:
        readings = [_xor(reading, secret) for reading in readings]
    if not checksum:
        return readings[-1]
    for reading in readings:
        if hashlib.sha256(reading).hexdigest() == checksum:
            return reading
    return None


def _inflate(kept: bytes) -> Optional[bytes]:
    if kept.startswith(_LEGACY):
        packed = kept[len(_LEGACY) :]
    elif kept.startswith(_ENVELOPE) and len(kept) > 6 and kept[5] & 1 and kept[6] == 1:
        packed = kept[7:]
    else:
        return None
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return None


def _xor(data: bytes, secret: bytes) -> bytes:
    blocks = (len(data) + 31) // 32
    stream = b"".join(hashlib.sha256(secret + i.to_bytes(8, "big")).digest() for i in range(blocks))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")
