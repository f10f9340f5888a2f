"""From what a `Database` is given to a `Backend`: addresses, and the keywords by which redis-py names a server."""

from __future__ import annotations

import os
from typing import Any, Union

from ._address import SCHEMES
from ._backend import Backend, open_backend
from .errors import OpenError

Address = Union[str, "os.PathLike[str]", Backend, None]

# redis-py's names of options and ours.
_RENAMED = {
    "client_name": "name",
    "socket_connect_timeout": "connect_timeout",
    "socket_timeout": "timeout",
    "ssl": "tls",
    "ssl_ca_certs": "tls_ca_cert_file",
    "ssl_certfile": "tls_cert_file",
    "ssl_keyfile": "tls_key_file",
    "username": "user",
}
# What redis-py lets one ask for, and each connection does anyway.
_ALWAYS = frozenset({"health_check_interval", "socket_keepalive"})
_SERVERS = {"redis": "ramekin", "rediss": "ramekins", "unix": "ramekin+unix"}


def open_address(address: Address, options: dict[str, Any]) -> Backend:
    """The backend of a `Database`, which may be given one."""
    if address is not None and not isinstance(address, (str, os.PathLike)):
        if not hasattr(address, "execute"):
            raise TypeError(f"an address is a str or a path, not {type(address).__name__}")
        if options:
            raise OpenError(f"{next(iter(options))}: the database is open already")
        return address
    place = None if address is None else os.fspath(address)
    options = {name: value for name, value in options.items() if value is not None}
    if place is None and ("host" in options or "port" in options or "unix_socket_path" in options):
        place = _server(options)
    if place is not None and place.startswith(SCHEMES):
        options = {_RENAMED.get(name, name): value for name, value in options.items() if name not in _ALWAYS}
        reqs = options.pop("ssl_cert_reqs", None)
        if reqs is not None:
            options["tls_verify"] = str(getattr(reqs, "name", reqs)).lower() not in ("none", "cert_none", "0")
    return open_backend(place, **options)


def _server(options: dict[str, Any]) -> str:
    """The address of the server that redis-py's keywords name, which are taken out."""
    path = options.pop("unix_socket_path", None)
    host, port = options.pop("host", "127.0.0.1"), options.pop("port", 6379)
    if path is not None:
        return f"ramekin+unix://{path}"
    scheme = "ramekins" if options.get("ssl") else "ramekin"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def from_url(url: str) -> str:
    """The address that a URL of redis-py means: a server to talk to, where `Database("redis://…")` is a store behind."""
    scheme, colon, rest = url.partition("://")
    return f"{_SERVERS.get(scheme, scheme)}{colon}{rest}"
