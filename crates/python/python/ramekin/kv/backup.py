"""Backups of one namespace: a folder each, with the values, what is known of them, and a digest of it all.

    BACKUP/backup.json     what `BackupMetadata` tells
    BACKUP/data.jsonl.gz   a line for each key: value (base64), metadata, digest of both; without compression data.jsonl

A full backup has all keys; an incremental one those that differ from its parent's, and the names of those that are gone. Each value is
whole, with its own tags and expiry; the backup as a whole is not one moment of a store that is being written to (`BACKUP TO`, a
command of the database, takes that). What is restored is as it was: tags, expiry, times, sort; what has expired since is left out.

Values of an encrypted store are encrypted in its backups, by the same key.

A backup is there once its `backup.json` is, which is renamed into place last.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from .codec import decrypt, encrypt
from .names import check_name

if TYPE_CHECKING:
    from .upkeep import Upkeep

_KEPT = ("tags", "expires_at", "value_type", "encoding", "content_type", "created_at", "last_updated", "checksum", "size", "version")
_BATCH = 200


@dataclass
class BackupMetadata:
    """What is known of a backup."""

    backup_id: str
    timestamp: str
    backup_type: str
    source_db: str
    source_namespace: str
    file_count: int
    total_size: int
    checksum: str
    parent_backup_id: Optional[str] = None
    compression: bool = True
    deleted: int = 0


class BackupManager:
    """The backups of one store, in one folder."""

    def __init__(self, kv_store: Upkeep, backup_dir: str = "./backups") -> None:
        self.kv_store = kv_store
        self.backup_dir = Path(backup_dir)

    # Making.

    def create_full_backup(self, backup_id: Optional[str] = None, compression: bool = True) -> BackupMetadata:
        return self._create(backup_id or self._fresh("full"), None, compression)

    def create_incremental_backup(self, parent_backup_id: str, backup_id: Optional[str] = None, compression: bool = True) -> BackupMetadata:
        if self._read(parent_backup_id) is None:
            raise ValueError(f"Parent backup {parent_backup_id} not found")
        return self._create(backup_id or self._fresh("inc"), parent_backup_id, compression)

    def _fresh(self, kind: str) -> str:
        return f"{kind}_{datetime.now().strftime('%Y%m%d_%H%M%S_%f')}"

    def _create(self, backup_id: str, parent: Optional[str], compression: bool) -> BackupMetadata:
        folder = self._folder(backup_id)
        if (folder / "backup.json").exists():
            raise ValueError(f"Backup {backup_id} exists already")
        shutil.rmtree(folder, ignore_errors=True)  # what a crash has left of it
        folder.mkdir(parents=True)
        os.chmod(folder, 0o700)
        before = self._state(parent) if parent else {}
        store = self.kv_store
        started = datetime.now().isoformat()
        count = total = 0
        gone = set(before)
        data = folder / ("data.jsonl.gz" if compression else "data.jsonl")
        with self._writing(data, compression) as out:
            keys = store._keys()
            gone -= set(keys)
            for start in range(0, len(keys), _BATCH):
                for metadata in store._metadata_of(keys[start : start + _BATCH], with_value=True):
                    if metadata is None:
                        continue
                    key = metadata["key"]
                    if before.get(key) == _digest(metadata):
                        continue
                    try:
                        value = store._value_of(key, metadata["value"], metadata["done"])
                    except KeyError:
                        continue
                    checksum = hashlib.sha256(value).hexdigest()
                    if checksum != metadata["checksum"]:  # it was replaced in between, or its backend has changed it
                        metadata = store._metadata_of([key])[0]
                        if metadata is None or metadata["checksum"] != checksum:
                            value, metadata = self._both(key)
                    line: dict[str, Any] = {"key": key}
                    if store._secret is not None:
                        value, line["sealed"] = encrypt(value, store._secret), True
                    line["value"] = base64.b64encode(value).decode("ascii")
                    line["metadata"] = {name: metadata[name] for name in metadata if name not in ("value", "done")}
                    out.write(json.dumps({**line, "digest": _digest(metadata)}, default=str) + "\n")
                    count += 1
                    total += metadata["size"]
            for key in sorted(gone):
                out.write(json.dumps({"key": key, "deleted": True}) + "\n")
        _sync(data)
        made = BackupMetadata(
            backup_id,
            timestamp=started,
            backup_type="incremental" if parent else "full",
            source_db=store.db,
            source_namespace=store.namespace,
            file_count=count,
            total_size=total,
            checksum=_sha256(data),
            parent_backup_id=parent,
            compression=compression,
            deleted=len(gone),
        )
        temporary = folder / "backup.json.new"
        temporary.write_text(json.dumps(asdict(made), indent=2))
        _sync(temporary)
        os.replace(temporary, folder / "backup.json")
        _sync(folder)
        return made

    def _both(self, key: str) -> tuple[bytes, dict[str, Any]]:
        for _ in range(10):
            found = self.kv_store._with_metadata(key)
            if hashlib.sha256(found["value"]).hexdigest() == found["metadata"]["checksum"]:
                return found["value"], found["metadata"]
        raise ValueError(f"the value of key {key!r} is not what was set: its checksum differs")

    def _writing(self, path: Path, compression: bool) -> Any:
        return gzip.open(path, "wt", encoding="utf-8") if compression else open(path, "w", encoding="utf-8")

    # Reading.

    def _folder(self, backup_id: str) -> Path:
        check_name(backup_id, "backup_id", 200)
        if "/" in backup_id or "\\" in backup_id or backup_id in (".", ".."):
            raise ValueError("backup_id must be a plain name")
        return self.backup_dir / backup_id

    def _read(self, backup_id: str) -> Optional[BackupMetadata]:
        try:
            return BackupMetadata(**json.loads((self._folder(backup_id) / "backup.json").read_text()))
        except FileNotFoundError:
            return None

    def _data(self, made: BackupMetadata) -> Path:
        return self._folder(made.backup_id) / ("data.jsonl.gz" if made.compression else "data.jsonl")

    def _lines(self, made: BackupMetadata) -> Iterator[dict[str, Any]]:
        path = self._data(made)
        with gzip.open(path, "rt", encoding="utf-8") if made.compression else open(path, encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def _value(self, line: dict[str, Any]) -> bytes:
        """The value of a line. ValueError: it is sealed, and this store has not the key for it."""
        data = base64.b64decode(line["value"])
        if not line.get("sealed"):
            return data
        if self.kv_store._secret is None:
            raise ValueError("the backup is of an encrypted store: open the store with its encryption_key")
        return decrypt(data, self.kv_store._secret)

    def _chain(self, backup_id: str) -> list[BackupMetadata]:
        """The backups that make up one, the full one first."""
        chain: list[BackupMetadata] = []
        wanted: Optional[str] = backup_id
        while wanted is not None:
            made = self._read(wanted)
            if made is None:
                raise ValueError(f"Backup {wanted} not found")
            chain.append(made)
            wanted = made.parent_backup_id
        return chain[::-1]

    def _state(self, backup_id: str) -> dict[str, str]:
        """The digest of each key that a backup has, with its parents."""
        state: dict[str, str] = {}
        for made in self._chain(backup_id):
            for line in self._lines(made):
                if line.get("deleted"):
                    state.pop(line["key"], None)
                else:
                    state[line["key"]] = line["digest"]
        return state

    def list_backups(self) -> list[BackupMetadata]:
        """The backups of this store, the oldest first."""
        if not self.backup_dir.is_dir():
            return []
        found = [self._read(folder.name) for folder in self.backup_dir.iterdir() if folder.is_dir()]
        store = self.kv_store
        ours = [made for made in found if made and (made.source_db, made.source_namespace) == (store.db, store.namespace)]
        return sorted(ours, key=lambda made: made.timestamp)

    def verify_backup_integrity(self, backup_id: str) -> bool:
        """Whether a backup, with its parents, is as it was written. False, too, if there is none."""
        from ._log import log

        try:
            for made in self._chain(backup_id):
                if _sha256(self._data(made)) != made.checksum:
                    raise ValueError(f"{self._data(made)} is not what was written")
                count = 0
                for line in self._lines(made):
                    if not line.get("deleted"):
                        count += 1
                        if hashlib.sha256(self._value(line)).hexdigest() != line["metadata"]["checksum"]:
                            raise ValueError(f"{self._data(made)}: the value of key {line['key']!r} is not what was written")
                if count != made.file_count:
                    raise ValueError(f"{self._data(made)} has {count} keys, not {made.file_count}")
        except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
            log().error("backup %s cannot be relied on: %s", backup_id, error)
            return False
        return True

    def restore_backup(self, backup_id: str, verify_integrity: bool = True, clear_existing: bool = False) -> bool:
        """Sets the keys of a backup as they were. Nothing is changed if it is not sound."""
        chain = self._chain(backup_id)
        if verify_integrity and not self.verify_backup_integrity(backup_id):
            raise RuntimeError(f"Backup {backup_id} failed integrity check")
        with self.kv_store._settling_once():
            if clear_existing:
                self.kv_store._clear(self.kv_store._scope)
            for made in chain:
                batch: list[dict[str, Any]] = []
                for line in self._lines(made):
                    batch.append(line)
                    if len(batch) >= _BATCH:
                        self._restore(batch)
                        batch = []
                self._restore(batch)
        self.kv_store.flush()
        return True

    def _restore(self, lines: list[dict[str, Any]]) -> None:
        gone = [line["key"] for line in lines if line.get("deleted")]
        if gone:
            self.kv_store._write([(key, None, None, None, None) for key in gone])
        for line in lines:
            if not line.get("deleted"):
                self.kv_store._put_back(line["key"], self._value(line), line["metadata"])

    # Removing.

    def delete_backup(self, backup_id: str, force: bool = False) -> bool:
        """Removes a backup. ValueError: others stand on it (`force` removes it even so). False: there is none."""
        if self._read(backup_id) is None:
            return False
        others = [made.backup_id for made in self.list_backups() if made.parent_backup_id == backup_id]
        if others and not force:
            raise ValueError(f"Cannot delete backup {backup_id}: {len(others)} backups depend on it")
        folder = self._folder(backup_id)
        os.unlink(folder / "backup.json")  # from here on it is none
        shutil.rmtree(folder)
        return True

    def cleanup_old_backups(self, keep_days: int = 30, keep_count: int = 10) -> int:
        """Removes backups that are older and not among the newest; those that a kept one stands on stay."""
        newest_first = self.list_backups()[::-1]
        before = (datetime.now() - timedelta(days=keep_days)).isoformat()
        kept = {made.backup_id for i, made in enumerate(newest_first) if i < keep_count or made.timestamp >= before}
        for backup_id in list(kept):
            kept |= {made.backup_id for made in self._chain(backup_id)}
        old = [made.backup_id for made in newest_first if made.backup_id not in kept]
        return sum(self.delete_backup(backup_id, force=True) for backup_id in old)

    def prune_backups(self, keep_last: int = 10, keep_days: int = 30) -> int:
        return self.cleanup_old_backups(keep_days=keep_days, keep_count=keep_last)


def _digest(metadata: dict[str, Any]) -> str:
    """What differs if anything that a backup keeps does."""
    told = json.dumps({name: metadata.get(name) for name in _KEPT}, sort_keys=True, default=str)
    return hashlib.sha256(told.encode("utf-8")).hexdigest()


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as data:
        while part := data.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def _sync(path: Path) -> None:
    windows = os.name == "nt"  # which syncs no folders, and files only for those who may write
    if windows and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
