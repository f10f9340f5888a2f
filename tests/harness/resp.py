"""A raw client of RESP2 and RESP3.

No client library stands between a test and the bytes: every reply keeps its wire type, so a bulk string where
a simple string belongs, or a RESP2 null in a RESP3 session, is a difference that a test can see.
It leaves out pools, reconnecting and everything else that would hide what the server did.
"""

import select
import socket
import time


# Commands whose rows in the command table are those of their subcommands. One that is missing here shows up as rows without a test.
CONTAINERS = {
    b"CLIENT", b"COMMAND", b"COMMANDLOG", b"CONFIG", b"LATENCY", b"MEMORY", b"NAMESPACE", b"OBJECT", b"QUARANTINE", b"SLOWLOG",
}


class Status(bytes):
    """A simple string, `+OK`."""

    def __repr__(self):
        return "+" + repr(bytes(self))[2:-1]


class Fault(bytes):
    """An error reply, `-ERR ...` (also the bulk form of RESP3). Not raised: an error is an answer like others."""

    def __repr__(self):
        return "-" + repr(bytes(self))[2:-1]


class Verbatim(bytes):
    """A verbatim string, `=15\\r\\ntxt:...`, without its format."""


class Big(int):
    """A big number, `(123`."""


class Double(float):
    """A double, `,1.5`; `raw` is how the server wrote it."""

    def __new__(cls, raw):
        self = super().__new__(cls, raw)
        self.raw = bytes(raw)
        return self

    def __repr__(self):
        return "," + self.raw.decode()


class Map(list):
    """A map, as a list of (key, value) in the order of the wire."""

    def get(self, key, default=None):
        return next((value for k, value in self if k == key), default)


class Set(list):
    """A set, in the order of the wire."""


class Push(list):
    """An out-of-band message of RESP3."""


class Null:
    """A null; RESP2 has two and RESP3 one, and they are not equal."""

    def __init__(self, wire):
        self.wire = wire

    def __bool__(self):
        return False

    def __repr__(self):
        return self.wire


NIL = Null("$-1")
NIL_ARRAY = Null("*-1")
NULL = Null("_")


def exact(reply):
    """The reply as a tuple that is equal to another only where wire types are equal too."""
    if isinstance(reply, (Map,)):
        return ("%", tuple((exact(k), exact(v)) for k, v in reply))
    if isinstance(reply, list):
        return (type(reply).__name__, tuple(exact(item) for item in reply))
    if isinstance(reply, Double):
        return (",", reply.raw)
    if isinstance(reply, Null):
        return ("nil", reply.wire)
    return (type(reply).__name__, reply)


class Closed(Exception):
    """The server closed the connection."""


class Silent(Exception):
    """No reply within the time limit."""


def token(arg):
    """An argument as bytes."""
    if isinstance(arg, bytes):
        return arg
    if isinstance(arg, str):
        return arg.encode("utf-8", "surrogateescape")
    if isinstance(arg, bool):
        raise TypeError("a bool is not an argument")
    if isinstance(arg, float):
        return repr(arg).encode()
    return b"%d" % arg


def encode(args):
    """A command as RESP, from arguments that are bytes, str, int or float."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        arg = token(arg)
        parts.append(b"$%d\r\n%b\r\n" % (len(arg), arg))
    return b"".join(parts)


class Client:
    """One connection. `client("SET", "k", 1)` sends a command and gives its reply."""

    # The kind of server that listens at an address now; a port may belong to servers of both kinds, one after the other.
    kinds = {}
    # (kind, command, subcommand) of each command answered without an error, for the check that no row lacks a test. Only containers
    # have subcommands: the first arguments of all others are the tests' keys, of which there are millions.
    answered = set()

    def __init__(self, address, protocol=2, password=None, timeout=20.0, **hello):
        self.address = address
        self.kind = Client.kinds.get(address)
        self.timeout = timeout
        self.pushes = []
        self._buffer = bytearray()
        self._at = 0
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(address)
            if family == socket.AF_INET:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if password is not None:
                assert self("AUTH", password) == b"OK"
            if protocol == 3:
                assert isinstance(self("HELLO", 3), Map)
        except BaseException:
            self.socket.close()
            raise

    def __call__(self, *args):
        self.send(*args)
        reply = self.read()
        self._note(args, reply)
        return reply

    def _note(self, args, reply):
        if not isinstance(reply, Fault):
            name = token(args[0]).upper()
            sub = token(args[1]).upper() if name in CONTAINERS and len(args) > 1 else b""
            Client.answered.add((self.kind, name, sub))

    def send(self, *args):
        """Sends a command without reading."""
        self.raw(encode(args))

    def raw(self, data):
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def pipeline(self, commands, window=400):
        """Sends the commands in batches and gives all replies in order."""
        replies = []
        for start in range(0, len(commands), window):
            batch = commands[start : start + window]
            self.raw(b"".join(encode(command) for command in batch))
            for command in batch:
                reply = self.read()
                self._note(command, reply)
                replies.append(reply)
        return replies

    def read(self, timeout=None):
        """The next reply. Push messages that come first are put into `pushes`."""
        while True:
            reply = self.read_any(timeout)
            if not isinstance(reply, Push):
                return reply
            self.pushes.append(reply)

    def read_any(self, timeout=None):
        """The next reply or push message."""
        if not self.readable(self.timeout if timeout is None else timeout):
            raise Silent(f"no reply in {self.timeout if timeout is None else timeout} s")
        return self._value()

    def readable(self, timeout):
        """Whether bytes (or the end) arrive within the time."""
        return self._at < len(self._buffer) or self._poll(timeout)

    def _poll(self, timeout):
        poller = select.poll()
        poller.register(self.socket, select.POLLIN)
        return bool(poller.poll(timeout * 1000))

    def closed(self, timeout=5.0):
        """Whether the server closes the connection within the time; what it sends before is dropped."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll(left):
                return False
            try:
                if not self.socket.recv(1 << 16):
                    return True
            except OSError:
                return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _more(self):
        try:
            data = self.socket.recv(1 << 18)
        except socket.timeout:
            raise Silent("the reply stopped in the middle") from None
        except OSError as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed("the server closed the connection")
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data

    def _line(self):
        searched = self._at
        while True:
            end = self._buffer.find(b"\r\n", searched)
            if end >= 0:
                line = bytes(self._buffer[self._at : end])
                self._at = end + 2
                return line
            before = len(self._buffer) - self._at
            self._more()
            searched = max(0, before - 1)

    def _exact(self, count):
        while len(self._buffer) - self._at < count + 2:
            self._more()
        data = bytes(self._buffer[self._at : self._at + count])
        assert self._buffer[self._at + count : self._at + count + 2] == b"\r\n", "a bulk string without its CRLF"
        self._at += count + 2
        return data

    def _value(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return Status(rest)
        if kind == b"-":
            return Fault(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return NIL if rest == b"-1" else self._exact(int(rest))
        if kind == b"*":
            return NIL_ARRAY if rest == b"-1" else [self._value() for _ in range(int(rest))]
        if kind == b"%":
            return Map([(self._value(), self._value()) for _ in range(int(rest))])
        if kind == b"~":
            return Set([self._value() for _ in range(int(rest))])
        if kind == b">":
            return Push([self._value() for _ in range(int(rest))])
        if kind == b"|":
            for _ in range(int(rest)):
                self._value(), self._value()
            return self._value()
        if kind == b"_" and not rest:
            return NULL
        if kind == b"#" and rest in (b"t", b"f"):
            return rest == b"t"
        if kind == b",":
            return Double(rest)
        if kind == b"(":
            return Big(rest)
        if kind == b"!":
            return Fault(self._exact(int(rest)))
        if kind == b"=":
            return Verbatim(self._exact(int(rest))[4:])
        raise AssertionError(f"not RESP: {line!r}")


def as_line(command):
    """A command as one can type it into redis-cli."""
    words = []
    for arg in map(token, command):
        plain = 0 < len(arg) <= 200 and all(33 <= c < 127 and c not in b"\"'\\" for c in arg)
        if plain:
            words.append(arg.decode())
            continue
        out = []
        for c in arg[:200]:
            if c in b'"\\':
                out.append("\\" + chr(c))
            elif 32 <= c < 127:
                out.append(chr(c))
            else:
                out.append(f"\\x{c:02x}")
        words.append('"' + "".join(out) + ('"' if len(arg) <= 200 else f'…" ({len(arg)} bytes)'))
    return " ".join(words)
