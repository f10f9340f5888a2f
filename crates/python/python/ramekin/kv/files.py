"""Values that a storage backend written in Python holds.

A value is written under a path that was never used before, then its key points to it, then the old path is deleted: a reader
never meets half a value. Paths are noted before they are written, so that what a crash leaves behind is found (`sweep`), and
so is the file of a key that has expired.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import quote

from .names import Scope
from .values import Prepared

if TYPE_CHECKING:
    from .places import Place

_UNDER_WAY_SECONDS = 60  # so long after it was noted a path may still be written to


class Files:
    """The files of one namespace in one backend."""

    def __init__(self, storage: Any, place: Place, scope: Scope) -> None:
        self.storage = storage
        self._place = place
        self._scope = scope

    def put(self, key: str, prepared: Prepared) -> str:
        """Writes a value; what is kept of it in the database is its path."""
        hashed = blake2b(self._scope.key(key), digest_size=16).hexdigest()
        path = f"{quote(self._scope.db, safe='')}/{hashed[:2]}/{hashed[2:4]}/{hashed}.{uuid.uuid4().hex[:12]}"
        note = f"{int(time.time())} {key}".encode("utf-8")
        self._place.backend.execute("HSET", self._scope.files, path, note)
        if not self.storage.write_data(path, prepared.kept):
            self.discard([path])
            raise OSError(f"the storage backend has not written key {key!r}")
        prepared.kept = path.encode("utf-8")
        prepared.done = "+".join(word for word in ("path", prepared.done) if word)
        return path

    def get(self, kept: bytes) -> Optional[bytes]:
        found: Optional[bytes] = self.storage.read_data(kept.decode("utf-8"))
        return found

    def forget(self, done: bytes, kept: bytes) -> None:
        """Deletes the file of an earlier value, if that had one."""
        if done.split(b"+")[0] == b"path":
            self.discard([kept.decode("utf-8")])

    def discard(self, paths: Iterable[str]) -> None:
        for path in paths:
            if self.storage.delete_file(path):
                self._place.backend.execute("HDEL", self._scope.files, path)

    def sweep(self, under_way_seconds: float = _UNDER_WAY_SECONDS) -> list[str]:
        """Deletes files that no key points to: their keys have expired, or a crash came between. The keys that they were of."""
        from .core import pairs

        notes = pairs(self._place.backend.execute("HGETALL", self._scope.files))
        young = time.time() - under_way_seconds
        swept = []
        for path, note in notes.items():
            noted, _, key = note.decode("utf-8").partition(" ")
            if int(noted) > young:
                continue
            kept, done = self._place.backend.execute("HMGET", self._scope.key(key), "v", "y")
            if kept != path or (done or b"").split(b"+")[0] != b"path":
                self.discard([path.decode("utf-8")])
                swept.append(key)
        return swept
