"""One blocking connection to a server: it is opened, introduces itself, sends commands and takes their replies.

Used by one thread at a time. Each failure says whether the commands may have been run (`Lost.sent`); after one the connection is
done for. A long pipeline is sent while its replies are read, so that neither side waits for the other for ever.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from . import errors
from ._address import Target
from ._looking import look
from ._resp import Decoder, Push, encode_many

_CHUNK = 65536
# What is sent at once without looking for replies: fits what the sockets buffer.
_AT_ONCE = 32768


class Lost(Exception):
    """The connection broke. `sent`: all of what was to be sent has left, or a part that may be a whole command."""

    def __init__(self, sent: bool) -> None:
        super().__init__()
        self.sent = sent


class Connection:
    """Connected and introduced once it is made."""

    __slots__ = ("__weakref__", "_decoder", "_poll", "_replies", "_tls", "closed", "epoch", "socket", "timeout")

    def __init__(self, target: Target, setup: list[tuple[Any, ...]]) -> None:
        self.timeout = target.timeout
        self.epoch = 0  # of what `Remote` wants set up on its connections
        self.closed = False
        self._tls = target.tls
        self._decoder = Decoder()
        self._replies: list[Any] = []
        self.socket = connect(target)
        self._poll = look(self.socket)
        commands = introduction(target) + setup
        if commands:
            try:
                self.socket.settimeout(target.connect_timeout)
                replies = self.exchange(encode_many(commands), len(commands), target.connect_timeout)
            except Lost as lost:
                self.close()
                raise errors.ServerConnectionError(f"{target} closed the connection: {lost.__cause__ or 'no reply'}") from lost
            except BaseException:
                self.close()
                raise
            for reply in replies:
                if isinstance(reply, Exception):
                    self.close()
                    raise reply
        self.socket.settimeout(self.timeout)

    def exchange(self, payload: bytes, count: int, timeout: float | None) -> list[Any]:
        """Sends commands and returns their replies, errors among them. Raises `Lost` or `ServerTimeoutError`."""
        if timeout != self.timeout:
            self.socket.settimeout(timeout)
        if len(payload) <= _AT_ONCE:
            self._send(payload)
        else:
            self._send_and_read(payload, timeout)
        replies = self._receive(count)
        if timeout != self.timeout:
            self.socket.settimeout(self.timeout)
        return replies

    def _send(self, payload: bytes) -> None:
        sent = 0
        try:
            sent = self.socket.send(payload)
            while sent < len(payload):
                sent += self.socket.send(payload[sent:])
        except TimeoutError:
            raise errors.ServerTimeoutError("the server takes no more commands") from None
        except OSError as failed:
            raise Lost(sent > 0) from failed

    def _receive(self, count: int) -> list[Any]:
        replies = self._replies
        while len(replies) < count:
            try:
                data = self.socket.recv(max(_CHUNK, min(self._decoder.wanted, 1 << 22)))
            except TimeoutError:
                raise errors.ServerTimeoutError(f"no reply within {self.socket.gettimeout():g} s") from None
            except OSError as failed:
                raise Lost(True) from failed
            self._take(data)
        self._replies = []
        return replies

    def _take(self, data: bytes) -> None:
        if not data:
            raise Lost(True) from ConnectionResetError("the server closed it")
        self._replies.extend([reply for reply in self._decoder.feed(data) if type(reply) is not Push])

    def _send_and_read(self, payload: bytes, timeout: float | None) -> None:
        """Sends while it takes replies; the socket does not block meanwhile. TLS may want the other direction at any time."""
        looking, view, sent = look(self.socket, True), memoryview(payload), 0
        blocked: tuple[type[Exception], ...] = (BlockingIOError,)
        if self._tls:
            from ssl import SSLWantReadError, SSLWantWriteError

            blocked = (BlockingIOError, SSLWantReadError, SSLWantWriteError)
        limit = self.socket.gettimeout()
        self.socket.setblocking(False)
        moved = time.monotonic()
        try:
            while sent < len(view):
                before = sent
                try:
                    sent += self.socket.send(view[sent : sent + (1 << 20)])
                except blocked:
                    pass
                received = False
                try:
                    self._take(self.socket.recv(_CHUNK))
                    received = True
                except blocked:
                    pass
                if sent > before or received:
                    moved = time.monotonic()
                elif timeout is not None and time.monotonic() - moved > timeout:
                    raise errors.ServerTimeoutError("the server takes no more commands")
                else:
                    looking.poll(None if timeout is None else max(1, int(timeout * 1000)))
            self.socket.settimeout(limit)
        except OSError as failed:
            if isinstance(failed, errors.RamekinError):
                raise
            raise Lost(sent > 0) from failed

    def is_idle(self) -> bool:
        """Nothing has come that nobody asked for: neither bytes nor the end of the connection."""
        return not self._replies and not self._poll.poll(0)

    def shut(self) -> None:
        """From another thread: whoever waits for a reply is told that the connection is lost."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        self.closed = True
        self.socket.close()


def connect(target: Target) -> socket.socket:
    """A connected socket, TLS included. Blocking, with the timeout of connecting."""
    made: socket.socket | None = None
    try:
        if target.opener is not None:
            return target.opener()
        if target.path is not None:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.settimeout(target.connect_timeout)
            made.connect(target.path)
        else:
            made = socket.create_connection((target.host, target.port), target.connect_timeout)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if target.tls:
            made = tls_context(target).wrap_socket(made, server_hostname=target.host)
    except TimeoutError as late:
        if made is not None:
            made.close()
        raise errors.ServerTimeoutError(f"{target} did not answer within {target.connect_timeout:g} s") from late
    except OSError as failed:
        if made is not None:
            made.close()
        raise unreachable(target, failed) from failed
    return made


def unreachable(target: Target, failed: OSError) -> errors.ServerConnectionError:
    """The exception for a server that there is no way to."""
    return errors.ServerConnectionError(f"{target} cannot be reached: {failed.strerror or failed}")


def tls_context(target: Target) -> Any:
    import ssl

    context = ssl.create_default_context(cafile=target.tls_ca_cert_file)
    if not target.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if target.tls_cert_file is not None:
        context.load_cert_chain(target.tls_cert_file, target.tls_key_file)
    return context


def introduction(target: Target) -> list[tuple[Any, ...]]:
    """The commands that a new connection begins with."""
    commands: list[tuple[Any, ...]] = []
    login: tuple[Any, ...] = () if target.password is None else ("AUTH", target.user or "default", target.password)
    if target.protocol == 3:
        commands.append(("HELLO", 3, *login))
    elif login:
        commands.append(login if target.user else ("AUTH", target.password))
    if target.name is not None:
        commands.append(("CLIENT", "SETNAME", target.name))
    if target.db:
        commands.append(("SELECT", target.db))
    return commands
