"""Values in chunks: written piece by piece under a name of their own, there as a whole when the writer is closed.

Chunks are fields of the key's hash, so that they change, expire and go with it. A reader takes one at a time and knows them by the
identity of the value: if another value comes meanwhile, it says so rather than mixing the two. What a writer left that never
closed expires after a day.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from typing import TYPE_CHECKING, Any, Optional

from .codec import pack, unpack
from .names import unique
from .values import Prepared, encode_hints, normalize, now_us

if TYPE_CHECKING:
    from .core import Core

CHUNK_BYTES = 1024 * 1024
_ABANDONED_SECONDS = 24 * 3600
_WORDS = {"r": "", "z": "zlib", "s": "zstd"}
_LETTERS = {word: letter for letter, word in _WORDS.items()}


def _done(letter: str, encrypted: bool) -> str:
    return "+".join(word for word in (_WORDS[letter], "enc" if encrypted else "") if word)


def joined(fields: dict[bytes, bytes], secret: Optional[bytes]) -> Optional[bytes]:
    """The value of a hash whose value is in chunks; None if it is not."""
    words = fields.get(b"y", b"").split(b"+")
    if words[0] != b"chunks" or b"k" not in fields:
        return None
    ident, _, letters = fields[b"k"].partition(b" ")
    encrypted = b"enc" in words
    return b"".join(
        unpack(_done(letter, encrypted), fields[b"%s.%d" % (ident, i)], secret) for i, letter in enumerate(letters.decode("ascii"))
    )


class Writer(io.RawIOBase):
    """A file to write to. Closing makes its contents the value of the key; an exception inside of `with` drops them."""

    def __init__(
        self, store: Core, key: str, tags: Optional[list[str]], chunk_size: Optional[int], content_type: Optional[str] = None
    ) -> None:
        super().__init__()
        if chunk_size is not None and chunk_size <= 0:
            raise ValueError("chunk_size must be positive")
        self.key = key
        self._store: Optional[Core] = store
        self._tags = tags
        self._content_type = content_type
        self._chunk_bytes = chunk_size or CHUNK_BYTES
        # Hooks see values whole, and files are a backend's own matter.
        self._whole = bool(store._transformers or store._validators or store._files)
        self._buffer = bytearray()
        self._hash = hashlib.sha256()
        self._ident = uuid.uuid4().hex
        self._letters: list[str] = []
        self._bytes = 0
        self._kept_bytes = 0

    @property
    def _temporary(self) -> str:
        return f"kv+{self._ident}"

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._bytes

    def write(self, data: Any) -> int:
        if self._store is None:
            raise ValueError("write to closed file")
        view = memoryview(data).cast("B") if not isinstance(data, str) else None
        if view is None:
            raise TypeError("a bytes-like object is required, not 'str'")
        self._buffer += view
        self._bytes += len(view)
        while not self._whole and len(self._buffer) > self._chunk_bytes:
            self._keep(self._store, bytes(self._buffer[: self._chunk_bytes]))
            del self._buffer[: self._chunk_bytes]
        return len(view)

    def _keep(self, store: Core, data: bytes) -> None:
        self._hash.update(data)
        done, kept = pack(data, store.compression_enabled, store._secret)
        field = f"{self._ident}.{len(self._letters)}"
        self._letters.append(_LETTERS[done.removesuffix("enc").rstrip("+")])
        self._kept_bytes += len(kept)
        store._run([("HSET", self._temporary, field, kept), ("EXPIRE", self._temporary, _ABANDONED_SECONDS)])

    def abort(self) -> None:
        """Closes without a trace of what was written."""
        store, self._store = self._store, None
        if store is not None and self._letters:
            store._backend.execute("DEL", self._temporary)
        super().close()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None:
            self.abort()
        else:
            self.close()

    def __del__(self) -> None:
        # A writer that nobody has closed has written nothing.
        self._store = None

    def close(self) -> None:
        if self._store is None:
            super().close()
            return
        store, self._store = self._store, None
        try:
            if self._letters:
                try:
                    self._keep(store, bytes(self._buffer))
                    self._publish(store)
                except BaseException:
                    store._backend.execute("DEL", self._temporary)
                    raise
            else:
                prepared = store._prepare(self.key, bytes(self._buffer), self._tags, content_type=self._content_type)
                store._write([(self.key, prepared, self._tags, None, None)])
                store._emit_set(self.key, prepared, self._tags)
                store._count("set")
        finally:
            super().close()

    def _publish(self, store: Core) -> None:
        """The chunks become the key's value, in one step."""
        scope = store._scope
        name, temporary = scope.key(self.key), self._temporary
        _, hints = normalize(b"", store.default_encoding, None, self._content_type, None)
        prepared = Prepared(b"", hints, self._hash.digest())
        tags = [scope.tag(tag) for tag in unique(self._tags)]
        if store._indexed:
            tags += store._index_tags(self.key, prepared)
        letters = "".join(self._letters)
        done = "chunks+enc" if store._secret is not None else "chunks"

        def decide(watching: Any, found: list[Any]) -> list[Any]:
            created, version = found
            now = now_us()
            return [
                ("HSET", temporary, "v", self._chunk_bytes, "y", done, "k", f"{self._ident} {letters}", "n", self._bytes)
                + ("w", self._kept_bytes, "s", prepared.checksum, "h", encode_hints(hints), "c", created or now, "u", now)
                + ("i", int(version or 0) + 1, "e", ""),
                ("RENAME", temporary, name),
                ("PERSIST", name),
                ("TAG.SET", name, scope.member, *tags),
            ]

        store._update(self.key, decide, "c", "i")
        store.metrics.wrote(self._bytes, self._kept_bytes)
        store._emit_set(self.key, prepared, self._tags)
        store._count("set")


class ChunkReader(io.RawIOBase):
    """A file to read a value in chunks from, one chunk in memory at a time."""

    def __init__(self, store: Core, key: str, chunk_bytes: int, ident: bytes, letters: str, encrypted: bool, size: int) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._chunk_bytes = chunk_bytes
        self._ident = ident
        self._letters = letters
        self._encrypted = encrypted
        self._size = size
        self._at = 0
        self._loaded: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("negative seek position")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        index, skip = divmod(self._at, self._chunk_bytes)
        if self._loaded[0] != index:
            self._loaded = (index, self._load(index))
        part = self._loaded[1][skip : skip + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _load(self, index: int) -> bytes:
        kept = self._store._backend.execute("HGET", self._store._scope.key(self._key), b"%s.%d" % (self._ident, index))
        if kept is None:
            raise OSError(f"the value of key {self._key!r} was replaced or removed while it was read")
        return unpack(_done(self._letters[index], self._encrypted), kept, self._store._secret)


def open_reader(store: Core, key: str) -> Any:
    """A file over a value: what is in chunks is read by chunk."""
    kept, done, chunks, size = store._backend.execute("HMGET", store._scope.key(key), "v", "y", "k", "n")
    words = (done or b"").split(b"+")
    if kept is not None and words[0] == b"chunks" and chunks:
        ident, _, letters = chunks.partition(b" ")
        raw = ChunkReader(store, key, int(kept), ident, letters.decode("ascii"), b"enc" in words, int(size))
        return io.BufferedReader(raw, 64 * 1024)
    return io.BytesIO(store._read(key))
