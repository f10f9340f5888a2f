"""Statistics, compaction, verification, backups, and streams of all keys as JSON lines."""

from __future__ import annotations

import base64
import json
import os
import tarfile
import time
from datetime import datetime
from typing import Any, Optional

from .backup import BackupManager, BackupMetadata
from .core import Command
from .indexes import Indexes
from .metrics import timed
from .transaction import Operation, TransactionManager, Transactions
from .values import COMPUTED, decode_hints, iso, now_us, us_of

_BATCH = 500
_EXPORTED = "nadb-jsonl"


class Upkeep(Indexes, Transactions):
    """A store as a whole."""

    backup_manager: Optional[BackupManager]

    # Statistics.

    def count(self) -> int:
        """How many keys there are, whatever their number at no cost."""
        return int(self._backend.execute("TAG.COUNT", "ALL", self._scope.member))

    @timed("get_stats")
    def get_stats(self) -> dict[str, Any]:
        """How many keys and bytes there are, how long operations took, how much is unsettled.

        Sizes are added up key by key; `count()` alone looks at none.
        """
        keys = self._keys()
        kept = logical = count = 0
        for start in range(0, len(keys), _BATCH):
            commands = [("HMGET", self._scope.key(key), "n", "w") for key in keys[start : start + _BATCH]]
            for reply in self._backend.execute_many(commands):
                if isinstance(reply, Exception):
                    raise reply
                if reply[0] is not None:
                    count += 1
                    logical += int(reply[0])
                    kept += int(reply[1] or reply[0])
        tags = self._backend.execute("TAG.LIST", "MATCH", self._scope.tags_pattern())
        unsettled = self._unsettled_bytes()
        performance = self.metrics.get_metrics()
        stats: dict[str, Any] = {
            "db": self.db,
            "namespace": self.namespace,
            "count": count,
            "size_bytes": kept,
            "logical_size_bytes": logical,
            "tag_count": len(tags),
            "buffer_size_bytes": unsettled,
            "buffer_utilization_percent": 100 * unsettled / (self.buffer_size_mb * 1024 * 1024) if self.buffer_size_mb > 0 else 0,
            "uptime_seconds": performance["uptime_seconds"],
            "bytes_read": performance["bytes_read"],
            "bytes_written": performance["bytes_written"],
            "performance": performance,
        }
        if self.enable_indexing:
            stats["index_stats"] = {field: {"index_name": field} for field in sorted(self._indexed)}
            stats["cache_stats"] = {}
            stats["query_stats"] = {name: told for name, told in performance["operations"].items() if "query" in name}
        if self.transaction_manager is not None:
            stats["active_transactions"] = len(self.transaction_manager.get_active_transactions())
        return stats

    def _unsettled_bytes(self) -> int:
        """What the database's store has still to hear of, of all namespaces together."""
        told = self._backend.execute("INFO", "store")
        if isinstance(told, dict):
            return int(told.get("store_unsettled_bytes") or told.get(b"store_unsettled_bytes") or 0)
        text = told.decode("utf-8") if isinstance(told, bytes) else str(told)
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name == "store_unsettled_bytes":
                return int(value)
        return 0

    @timed("compact_storage")
    def compact_storage(self) -> dict[str, Any]:
        """Compresses what was set without, removes what crashes have left, and has the database trim its log."""
        from ..errors import CommandError

        started = time.perf_counter()
        told = dict.fromkeys(
            ("total_entries", "compressed", "already_compressed", "not_compressible", "too_small", "errors", "bytes_before", "bytes_after"),
            0,
        )
        with self._settling_once():
            for metadata in self._metadata_of(self._keys()):
                if metadata is None:
                    continue
                told["total_entries"] += 1
                before = after = metadata["stored_size"]
                if metadata["stored_size"] < metadata["size"]:
                    told["already_compressed"] += 1
                elif metadata["size"] <= 1024:
                    told["too_small"] += 1
                else:
                    after = self._compress(metadata["key"]) or before
                    told["compressed" if after < before else "not_compressible"] += 1
                told["bytes_before"] += before
                told["bytes_after"] += after
        if self._files is not None:
            self._files.sweep()
        try:
            self._backend.execute("BGREWRITEAOF")
        except CommandError:
            pass  # there is no log to trim, or it is being trimmed
        ms = (time.perf_counter() - started) * 1000
        return {
            **told,
            **{"files_processed": told["total_entries"] - told["too_small"], "files_compressed": told["compressed"], "files_missing": 0},
            **{"size_before_bytes": told["bytes_before"], "size_after_bytes": told["bytes_after"], "duration_ms": ms, "time_taken_ms": ms},
        }

    def _compress(self, key: str) -> Optional[int]:
        """Compresses a value where it lies; how many bytes it takes then, None if it stays as it is."""
        result: Optional[int] = None

        def decide(_: Any, found: list[Any]) -> Optional[list[Command]]:
            nonlocal result
            result = None
            kept, done, chunks = found
            name = self._scope.key(key)
            if kept is None or (done or b"").split(b"+")[0] in (b"chunks", b"path"):
                return None
            stale: list[Command] = []
            if chunks:
                ident, _, letters = chunks.partition(b" ")
                stale = [("HDEL", name, "k", *(b"%s.%d" % (ident, i) for i in range(len(letters))))]
            prepared = self._packed(key, self._value_of(key, kept, done), {})
            if prepared.kept_bytes >= len(kept):
                return stale or None
            result = prepared.kept_bytes
            return [("HSET", name, "v", prepared.kept, "y", prepared.done, "w", prepared.kept_bytes), *stale]

        self._update(key, decide, "v", "y", "k")
        return result

    @timed("verify")
    def verify(self) -> dict[str, Any]:
        """Reads all values and compares them with their checksums: `{"checked": n, "damaged": [keys]}`."""
        import hashlib

        checked = 0
        damaged = []
        for key in self._keys():
            try:
                found = self._with_metadata(key)
                if hashlib.sha256(found["value"]).hexdigest() != found["metadata"]["checksum"]:
                    found = self._with_metadata(key)  # unless it was replaced in between
                    if hashlib.sha256(found["value"]).hexdigest() != found["metadata"]["checksum"]:
                        damaged.append(key)
                checked += 1
            except KeyError as error:
                if "lost" in str(error):
                    damaged.append(key)
            except ValueError:
                damaged.append(key)
        return {"checked": checked, "damaged": damaged}

    # Transactions, and what is put back as it was.

    def _run_operations(self, operations: list[Operation]) -> None:
        items: list[Any] = []
        told: list[Any] = []
        for one in operations:
            if one.op_type == "delete":
                items.append((one.key, None, None, None, None))
                told.append(None)
                continue
            prepared = self._prepare(one.key, one.value, one.tags)
            expiry = None if one.ttl is None else ("PEXPIRE", self._scope.key(one.key), one.ttl * 1000)
            items.append((one.key, prepared, one.tags, expiry, one.ttl))
            told.append(prepared)
        if not items:
            return
        watched = self._has_watchers("delete")
        gone = self._metadata_of([one.key for one, prepared in zip(operations, told) if prepared is None]) if watched else []
        self._write(items)
        for metadata in gone:
            if metadata is not None:
                self._emit("delete", metadata["key"], metadata=metadata)
        for one, prepared in zip(operations, told):
            if prepared is not None:
                self._emit_set(one.key, prepared, one.tags)
                if one.ttl is not None:
                    self._note_due(one.key, time.time() + one.ttl)
            self._count("delete" if prepared is None else "set")

    def _put_back(self, key: str, value: bytes, metadata: dict[str, Any], event: str = "restore") -> bool:
        """Sets a key as its metadata says it was. False: it has expired since, and is left out."""
        expires = metadata.get("expires_at")
        expiry: Optional[Command] = None
        if expires:
            at_ms = int(datetime.fromisoformat(expires).timestamp() * 1000)
            if at_ms <= time.time() * 1000:
                return False
            expiry = ("PEXPIREAT", self._scope.key(key), at_ms)
        hints = decode_hints(b"")
        hints.update({name: metadata[name] for name in metadata if name not in (*COMPUTED, "id") and metadata[name] is not None})
        tags = list(metadata.get("tags") or [])
        prepared = self._packed(key, value, hints)
        prepared.created_us = us_of(metadata["created_at"]) if metadata.get("created_at") else None
        prepared.updated_us = us_of(metadata["last_updated"]) if metadata.get("last_updated") else None
        self._write([(key, prepared, tags, expiry, metadata.get("ttl") if expires else None)])
        self._emit_set(key, prepared, tags, event)
        return True

    # Backups.

    def _backups(self) -> BackupManager:
        if self.backup_manager is None:
            raise RuntimeError("Backup not enabled for this store")
        return self.backup_manager

    @timed("create_backup")
    def create_backup(self, backup_id: Optional[str] = None, compression: bool = True) -> BackupMetadata:
        """A full backup of this namespace, in `backup_dir`."""
        return self._backups().create_full_backup(backup_id, compression)

    @timed("create_backup")
    def create_incremental_backup(self, parent_backup_id: str, backup_id: Optional[str] = None, compression: bool = True) -> BackupMetadata:
        """A backup of what differs from another one, deletions included."""
        return self._backups().create_incremental_backup(parent_backup_id, backup_id, compression)

    @timed("restore_backup")
    def restore_backup(self, backup_id: str, verify_integrity: bool = True, clear_existing: bool = False) -> bool:
        """Sets the keys of a backup as they were; others stay, unless `clear_existing`."""
        return self._backups().restore_backup(backup_id, verify_integrity, clear_existing)

    def list_backups(self) -> list[BackupMetadata]:
        return self._backups().list_backups()

    def verify_backup(self, backup_id: str) -> bool:
        """Whether a backup, with those that it stands on, is as it was written."""
        return self._backups().verify_backup_integrity(backup_id)

    def prune_backups(self, keep_last: int = 10, keep_days: int = 30) -> int:
        """Removes backups that are neither among the newest nor young, and that no kept one stands on; how many."""
        return self._backups().cleanup_old_backups(keep_days=keep_days, keep_count=keep_last)

    # Streams of all keys.

    @timed("export")
    def export_backup_stream(self, output_path: str, include_data: bool = True) -> str:
        """Writes all keys as JSON lines, which NADB reads as well. The values of an encrypted store are in the clear there."""
        keys = self._keys()
        head = {"format": _EXPORTED, "version": 1, "db": self.db, "namespace": self.namespace}
        temporary = f"{output_path}.new"
        with open(temporary, "w", encoding="utf-8") as out:
            manifest = {**head, "created_at": iso(now_us()), "count": len(keys)}
            out.write(json.dumps({"manifest": manifest}) + "\n")
            for key in keys:
                try:
                    found = self._with_metadata(key)
                except KeyError:
                    continue  # it went meanwhile
                item: dict[str, Any] = {"metadata": found["metadata"]}
                if include_data:
                    item["value"] = base64.b64encode(found["value"]).decode("ascii")
                out.write(json.dumps(item, default=str) + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, output_path)
        return output_path

    @timed("import")
    def import_backup_stream(self, input_path: str, clear_existing: bool = False) -> int:
        """Sets the keys of such a file, NADB's too; how many. What has expired since is left out."""
        with open(input_path, encoding="utf-8") as lines:
            head = json.loads(lines.readline() or "{}")
            if head.get("manifest", {}).get("format") != _EXPORTED:
                raise ValueError(f"{input_path} is no export: it does not begin with a manifest of {_EXPORTED}")
            with self._settling_once():
                if clear_existing:
                    self._clear(self._scope)
                count = 0
                for number, line in enumerate(lines, 2):
                    try:
                        item = json.loads(line)
                    except ValueError as error:
                        raise ValueError(f"{input_path}: line {number} is not JSON, after {count} keys: {error}") from error
                    if "value" in item:
                        count += self._put_back(item["metadata"]["key"], base64.b64decode(item["value"]), item["metadata"])
        return count

    @timed("export")
    def export_backup_tar(self, output_path: str) -> str:
        """The same in a tar archive, as `backup.jsonl`."""
        lines = f"{output_path}.jsonl"
        try:
            self.export_backup_stream(lines)
            with tarfile.open(f"{output_path}.new", "w") as archive:
                archive.add(lines, arcname="backup.jsonl")
            os.replace(f"{output_path}.new", output_path)
        finally:
            if os.path.exists(lines):
                os.remove(lines)
        return output_path

    def _enable(self) -> None:
        self.transaction_manager = TransactionManager(self) if self.enable_transactions else None
        self.backup_manager = BackupManager(self, self.backup_dir) if self.enable_backup else None
