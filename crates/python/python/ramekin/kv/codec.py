"""How a value's bytes are kept: as they are, compressed, encrypted.

What was done to them is said beside the bytes, in words joined by `+` (`""`, `"zlib"`, `"zstd+enc"`), and is never read from the bytes: a
value may begin with anything. Compression is left out for what is short, and where it does not pay. Encryption is a stream cipher
from keyed BLAKE2b (a fresh nonce for each value) with a keyed digest over nonce and text, both under keys derived from the user's; there
is nothing better in the standard library. Other ciphers are left to a storage backend of the user's own.
"""

from __future__ import annotations

import functools
import os
import sys
import zlib
from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest
from importlib import import_module
from typing import Any

COMPRESS_MIN_SIZE = 1024
_LEVEL = 6
_NONCE_BYTES = 16
_DIGEST_BYTES = 32


@functools.cache
def _zstd() -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]] | None:
    """Zstandard of the native module, or of Python, if there is one that has it."""
    from .. import _native  # noqa: F401 - has it loaded

    native = sys.modules.get("ramekin._ramekin")
    if native is not None and hasattr(native, "zstd_compress"):
        return native.zstd_compress, native.zstd_decompress
    try:
        zstd: Any = import_module("compression.zstd")
    except ImportError:  # before Python 3.14
        return None

    def decompress(data: bytes) -> bytes:
        try:
            found: bytes = zstd.decompress(data)
        except zstd.ZstdError as error:
            raise ValueError(f"this is not compressed by Zstandard: {error}") from error
        return found

    return zstd.compress, decompress


def pack(data: bytes, compress: bool, secret: bytes | None) -> tuple[str, bytes]:
    """What was done, and the bytes to keep."""
    words = []
    if compress and len(data) > COMPRESS_MIN_SIZE:
        zstd = _zstd()
        word, small = ("zstd", zstd[0](data)) if zstd else ("zlib", zlib.compress(data, _LEVEL))
        if len(small) < len(data) * 0.95:
            words.append(word)
            data = small
    if secret is not None:
        words.append("enc")
        data = encrypt(data, secret)
    return "+".join(words), data


def unpack(done: str, data: bytes, secret: bytes | None) -> bytes:
    """The value. ValueError: it cannot be had from these bytes, or not with this key."""
    for word in reversed(done.split("+")) if done else ():
        if word == "enc":
            if secret is None:
                raise ValueError("the value is encrypted: open the store with its encryption_key")
            data = decrypt(data, secret)
        elif word == "zlib":
            try:
                data = zlib.decompress(data)
            except zlib.error as error:
                raise ValueError("the value is said to be compressed, and is not") from error
        elif word == "zstd":
            zstd = _zstd()
            if zstd is None:
                raise ValueError("the value is compressed by Zstandard, which needs the package's native module, or Python 3.14")
            data = zstd[1](data)
        else:
            raise ValueError(f"the value is kept in a form that is not known here: {word}")
    return data


def _keys(secret: bytes) -> tuple[bytes, bytes]:
    root = blake2b(secret, person=b"ramekin.kv", digest_size=64).digest()
    return root[:32], root[32:]


def _stream(key: bytes, nonce: bytes, length: int) -> bytes:
    return b"".join(blake2b(nonce + i.to_bytes(8, "big"), key=key).digest() for i in range((length + 63) // 64))[:length]


def _xor(data: bytes, stream: bytes) -> bytes:
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def encrypt(data: bytes, secret: bytes) -> bytes:
    cipher, digest = _keys(secret)
    nonce = os.urandom(_NONCE_BYTES)
    text = nonce + _xor(data, _stream(cipher, nonce, len(data)))
    return text + blake2b(text, key=digest, digest_size=_DIGEST_BYTES).digest()


def decrypt(data: bytes, secret: bytes) -> bytes:
    cipher, digest = _keys(secret)
    text, found = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if len(text) < _NONCE_BYTES or not compare_digest(found, blake2b(text, key=digest, digest_size=_DIGEST_BYTES).digest()):
        raise ValueError("the value was encrypted with another key, or has been changed")
    return _xor(text[_NONCE_BYTES:], _stream(cipher, text[:_NONCE_BYTES], len(text) - _NONCE_BYTES))
