"""What a `ramekin://` address says: where the server is, who asks, and the options of the connection.

    ramekin://[user[:password]@]host[:port][/db][?timeout=2&connect_timeout=5&protocol=3&name=worker&max_connections=50]
    ramekins://…            over TLS: tls_ca_cert_file, tls_cert_file, tls_key_file, tls_verify=no
    ramekin+unix:///run/ramekin.sock[?db=1&…]

Each option may be given as a keyword argument as well, which wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from .errors import OpenError

if TYPE_CHECKING:
    import socket

SCHEMES = ("ramekin://", "ramekins://", "ramekin+unix://")


class Target(NamedTuple):
    """Where a connection goes and how it introduces itself. Times are in seconds, None is without end."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str | None = None
    user: str | None = None
    password: str | None = None
    db: int = 0
    protocol: int = 3
    timeout: float | None = None
    connect_timeout: float = 5.0
    max_connections: int | None = None
    name: str | None = None
    tls: bool = False
    tls_ca_cert_file: str | None = None
    tls_cert_file: str | None = None
    tls_key_file: str | None = None
    tls_verify: bool = True
    # Instead of all that: makes a socket that is connected.
    opener: Callable[[], socket.socket] | None = None

    def __str__(self) -> str:
        if self.opener is not None:
            return "the database"
        return self.path or (f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}")


_NUMBERS: dict[str, type] = {"db": int, "protocol": int, "max_connections": int, "timeout": float, "connect_timeout": float}
_TEXTS = ("user", "password", "name", "tls_ca_cert_file", "tls_cert_file", "tls_key_file")


def parse(address: str, options: dict[str, Any]) -> Target:
    """The target that an address and keyword arguments name together."""
    parts = urlsplit(address)
    found: dict[str, Any] = dict(parse_qsl(parts.query))
    if parts.scheme == "ramekin+unix":
        found["path"] = unquote(parts.path)
        if not found["path"]:
            raise OpenError(f"{address!r} names no socket: ramekin+unix:///path/to/socket")
        import socket

        if not hasattr(socket, "AF_UNIX"):
            raise OpenError(f"{address!r}: the Python of this system has no Unix sockets, use ramekin://host:port")
    else:
        try:
            port = parts.port
        except ValueError as wrong:
            raise OpenError(f"{address!r}: {wrong}") from None
        found["host"] = parts.hostname or "127.0.0.1"
        if port is not None:
            found["port"] = port
        if parts.path.strip("/"):
            found["db"] = parts.path.strip("/")
        found["tls"] = parts.scheme == "ramekins"
    if parts.username:
        found["user"] = unquote(parts.username)
    if parts.password is not None:
        found["password"] = unquote(parts.password)
    elif parts.username and not parts.username.startswith(":") and "password" not in options and "password" not in found:
        # As in redis://: with one word before the @ it is the user, and a user alone does not log in.
        found.pop("user")
    found.update((name, value) for name, value in options.items() if value is not None)
    return Target(**{name: _value(name, value) for name, value in found.items()})


def _value(name: str, value: Any) -> Any:
    try:
        if name in _NUMBERS:
            number = _NUMBERS[name](value)
            return None if name == "timeout" and number <= 0 else number
        if name == "tls_verify":
            return value if isinstance(value, bool) else str(value).lower() not in ("no", "false", "0", "off")
    except (TypeError, ValueError):
        raise OpenError(f"{name} is a number, not {value!r}") from None
    if name in _TEXTS:
        return str(value)
    if name in ("host", "port", "path", "tls"):
        return value
    raise OpenError(f"{name} is no option of a connection; a directive of the server is set there, in its file or by CONFIG SET")
